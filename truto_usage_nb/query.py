"""The endpoint's parameters, once: validation, wire form, code form, help.

The form, the command line, the wire and the docs read them from here.
Source: the query parameters of `GET /unified/usage-metering/usage`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from truto_usage_nb.errors import QueryError, did_you_mean
from truto_usage_nb.integrations import INTEGRATIONS

__all__ = ["PARAMETERS", "Parameter", "UsageQuery"]

ResponseFormat = Literal["unified", "raw", "normalized", "stream", "debug"]
ReportType = Literal[
    "activity", "connector_usage", "cost", "project_usage", "skill_usage", "summary", "usage", "user_cost", "user_usage"
]
Granularity = Literal["day", "hour", "minute"]
SortOrder = Literal["asc", "desc"]


def _strict_text(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty")
    return value


def _moment(value: Any) -> Any:
    """Read a date or an instant, and keep it as the text that goes over the wire."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("is a datetime without a time zone; add one, such as tzinfo=datetime.UTC")
        return value.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        _instant(value)
    return value


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise ValueError("is not a day; give YYYY-MM-DD")
    _instant(value)
    return value


_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?")


def _instant(text: str) -> datetime:
    """Read a date (its midnight, UTC) or an instant with its zone."""
    is_day = _DAY.fullmatch(text) is not None
    if not is_day and _RFC_3339.fullmatch(text) is None:
        raise ValueError("is not a date; give YYYY-MM-DD or RFC 3339, such as 2026-10-01T00:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as problem:
        raise ValueError(f"is not a date: {problem}") from None
    if not is_day and moment.tzinfo is None:
        raise ValueError("has a time of day without a time zone; add Z or an offset")
    return moment.replace(tzinfo=UTC) if is_day else moment


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"is a bare text; give a list, such as [{value!r}]")
    if isinstance(value, list | set | frozenset):
        return tuple(sorted(value) if isinstance(value, set | frozenset) else value)
    return value


class _Frozen(dict[str, Any]):
    """A dict that hashes by content; its values are frozen too."""

    def __hash__(self) -> int:
        return hash(json.dumps(self, sort_keys=True, default=str))

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a query is a frozen value; make another with replace()")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _freeze, (dict(self),)


def _freeze(value: Any) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not key or "[" in key or "]" in key:
                raise ValueError(f"has the key {key!r}; keys are texts without brackets")
        return _Frozen({key: _freeze(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_freeze(inner) for inner in value)
    if isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"holds {value!r}; values are texts, numbers, booleans, lists or objects of these")


def _object(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"is {value!r}; give a dict, such as {{'foo': 'bar'}}")
    return _freeze(value)


Text = Annotated[str, BeforeValidator(_strict_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_texts)]
Moment = Annotated[str, BeforeValidator(_moment)]
Day = Annotated[str, BeforeValidator(_day)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Object = Annotated[Any, BeforeValidator(_object)]  # Any: a dict type would be copied, and thawed


def _p(help_text: str) -> Any:
    return Field(default=None, description=help_text)


class UsageQuery(BaseModel):
    """Say what is asked of the usage endpoint: a frozen, hashable value.

    Every parameter of the endpoint stands under its own name; None means that it is not sent. Dates may be given as
    text (`YYYY-MM-DD` or RFC 3339), `date` or aware `datetime`, and are kept as the text that goes over the wire.
    Raises `QueryError`, which names the parameter, the value and what is allowed.

    >>> q = UsageQuery(integrated_account_id="cursor", start_date="2026-10-01", model_ids=["auto"])
    >>> q
    UsageQuery(integrated_account_id='cursor', start_date='2026-10-01', model_ids=['auto'])
    >>> q.to_params()
    [('integrated_account_id', 'cursor'), ('start_date', '2026-10-01'), ('model_ids[]', 'auto')]
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    integrated_account_id: Text | None = _p("The account to ask; may be left out with a token of one account.")
    truto_response_format: ResponseFormat | None = _p("The shape of the answer; unified when left out.")
    truto_key_by: Text | None = _p("A field of the records by which the service keys them.")
    truto_ignore_limit: bool | None = _p("Ignore `limit`.")
    truto_ignore_remote_data: bool | None = _p("Leave the provider's own row out; true when left out here.")
    truto_exclude_fields: Texts | None = _p("Fields to leave out of the records.")
    remote_query: Object | None = _p("Parameters for the provider itself, passed on untouched.")
    report_type: ReportType | None = _p("The view to retrieve.")
    start_date: Moment | None = _p("Start, inclusive: a date or an instant.")
    end_date: Moment | None = _p("End; exclusive or inclusive as the provider has it: a date or an instant.")
    product_ids: Texts | None = _p("Only these products.")
    user_ids: Texts | None = _p("Only these users, by the source's own ids.")
    model_ids: Texts | None = _p("Only these models.")
    surfaces: Texts | None = _p("Only these surfaces, such as chat, api, cli, composer or code.")
    group_by: Texts | None = _p(
        "Dimensions to group by, such as product, surface, model, user, charge_type, token_type."
    )
    granularity: Granularity | None = _p("Size of a time bucket.")
    sort_by: Text | None = _p("Metric or dimension to sort by.")
    sort_order: SortOrder | None = _p("Direction of the sort.")
    include_deleted_users: bool | None = _p("Include users that were deleted.")
    limit: Count | None = _p("The most records to return.")
    cursor: Text | None = _p("A bookmark of an earlier answer to start from.")
    date: Day | None = _p("The day to retrieve, YYYY-MM-DD.")
    user_id: Text | None = _p("Only this user.")
    api_key_id: Text | None = _p("Only this API key.")
    page: Positive | None = _p("The page to start from.")
    page_size: Positive | None = _p("Records a page.")

    def __init__(self, /, **parameters: Any) -> None:
        try:
            super().__init__(**parameters)
        except ValidationError as problem:
            raise QueryError(_sentence(problem, parameters)) from None

    @model_validator(mode="after")
    def _in_order(self) -> UsageQuery:
        if (
            self.start_date is not None
            and self.end_date is not None
            and _instant(self.end_date) < _instant(self.start_date)
        ):
            raise ValueError(
                f"end_date={self.end_date!r} lies before start_date={self.start_date!r}; ask for a later end"
            )
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise QueryError(f"a query is a frozen value; make another: query.replace({name}={value!r})")

    def replace(self, **changes: Any) -> UsageQuery:
        """Give a query with some parameters changed; None takes one out."""
        return UsageQuery(**{**self.given(), **changes})

    def given(self) -> dict[str, Any]:
        """Give the parameters that are set, by name, in the endpoint's order."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}

    def to_params(self) -> list[tuple[str, str]]:
        """Give the wire form: `name[]=` for lists, `name[a][b]=` for objects, `true`/`false`, ISO dates."""
        return [pair for name, value in self.given().items() for pair in _wire(name, value)]

    @property
    def query_id(self) -> str:
        """Give 8 hex digits of the parameters that change what a row means.

        These are report type, grouping, granularity, filters and remote query; not account, dates, paging or format.
        """
        said = {name: value for name, value in self.given().items() if name in _MEANING}
        text = json.dumps([pair for name, value in sorted(said.items()) for pair in _wire(name, value)])
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()

    def __hash__(self) -> int:
        return hash(tuple(self.to_params()))

    def __repr__(self) -> str:
        said = (f"{name}={_code(value)}" for name, value in self.given().items())
        return f"UsageQuery({', '.join(said)})"

    __str__ = __repr__


_MEANING = frozenset({
    "report_type", "group_by", "granularity", "product_ids", "user_ids", "model_ids", "surfaces", "user_id",
    "api_key_id", "include_deleted_users", "remote_query",
})  # fmt: skip


def _wire(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _wire(f"{name}[{key}]", inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _wire(f"{name}[]", inner)
    else:
        yield name, {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _code(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_code(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_code(inner) for inner in value) + "]"
    return repr(value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe one parameter: its help, its allowed values if they are listed, its kind, and who honours it."""

    name: str
    help: str
    kind: Literal["text", "texts", "choice", "flag", "number", "moment", "day", "object"]
    allowed: tuple[str, ...]
    integrations: tuple[str, ...]


_KINDS = {
    "truto_exclude_fields": "texts", "product_ids": "texts", "user_ids": "texts", "model_ids": "texts",
    "surfaces": "texts", "group_by": "texts", "truto_ignore_limit": "flag", "truto_ignore_remote_data": "flag",
    "include_deleted_users": "flag", "limit": "number", "page": "number", "page_size": "number",
    "start_date": "moment", "end_date": "moment", "date": "day", "remote_query": "object",
}  # fmt: skip
_CHOICES = {
    "truto_response_format": get_args(ResponseFormat), "report_type": get_args(ReportType),
    "granularity": get_args(Granularity), "sort_order": get_args(SortOrder),
}  # fmt: skip


def _parameter(name: str) -> Parameter:
    return Parameter(
        name=name,
        help=UsageQuery.model_fields[name].description or "",
        kind="choice" if name in _CHOICES else _KINDS.get(name, "text"),  # type: ignore[arg-type]
        allowed=_CHOICES.get(name, ()),
        integrations=tuple(each.name for each in INTEGRATIONS.values() if each.supports(name)),
    )


PARAMETERS: Mapping[str, Parameter] = MappingProxyType({name: _parameter(name) for name in UsageQuery.model_fields})
"""Every parameter of the endpoint by name, in the order of the API's reference."""


def _sentence(problem: ValidationError, given: Mapping[str, Any]) -> str:
    return "; ".join(_complaint(error, given) for error in problem.errors())


def _complaint(error: Any, given: Mapping[str, Any]) -> str:
    if not error["loc"]:
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"there is no parameter {name!r}.{did_you_mean(name, PARAMETERS)} Known: {', '.join(PARAMETERS)}"
    value = given.get(name)
    if error["type"] == "literal_error":
        allowed = PARAMETERS[name].allowed
        return f"{name}={value!r} is not allowed.{did_you_mean(value, allowed)} Allowed: {', '.join(allowed)}"
    if "ctx" in error and "error" in error["ctx"]:
        return f"{name}={value!r} {error['ctx']['error']}"
    return f"{name}={value!r} is not allowed; {_EXPECTED.get(PARAMETERS[name].kind, 'give a text')}"


_EXPECTED = {
    "texts": "give a list of texts",
    "flag": "give True or False",
    "number": "give a whole number, 0 or more (1 or more for pages)",
    "moment": "give YYYY-MM-DD or RFC 3339",
    "day": "give YYYY-MM-DD",
    "object": "give a dict",
}
