"""The endpoint's parameters, once: validation, wire form, code form, help.

The form, the command line, the wire and the docs read them from here.
Source: the query parameters of `GET /unified/usage-metering/usage`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from truto_usage_nb.errors import QueryError, did_you_mean
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.outside import shown
from truto_usage_nb.values import (
    as_code,
    as_pairs,
    instant,
    read_day,
    read_moment,
    read_object,
    read_text,
    read_texts,
)

__all__ = ["PARAMETERS", "Parameter", "UsageQuery"]

ResponseFormat = Literal["unified", "raw", "normalized", "stream", "debug"]
ReportType = Literal[
    "activity", "connector_usage", "cost", "project_usage", "skill_usage", "summary", "usage", "user_cost", "user_usage"
]
Granularity = Literal["day", "hour", "minute"]
SortOrder = Literal["asc", "desc"]


Text = Annotated[str, BeforeValidator(read_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(read_texts)]
Filter = Annotated[Texts, Field(min_length=1)]  # none at all would ask for everything
Moment = Annotated[str, BeforeValidator(read_moment)]
Day = Annotated[str, BeforeValidator(read_day)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Positive = Annotated[int, Field(ge=1, lt=2**63)]
Object = Annotated[Any, BeforeValidator(read_object)]  # Any: a dict type would be copied, and thawed


ParameterKind = Literal["text", "texts", "choice", "flag", "number", "moment", "day", "object"]
_READ_BY: Mapping[Any, ParameterKind] = MappingProxyType(
    {read_text: "text", read_texts: "texts", read_moment: "moment", read_day: "day", read_object: "object"}
)


def _p(help_text: str, *, changes_meaning: bool = False) -> Any:
    """Describe a parameter; one that changes what a row means tells such rows apart by their `query_id`."""
    return Field(default=None, description=help_text, json_schema_extra={_MEANING: True} if changes_meaning else None)


_MEANING = "changes_meaning"


class UsageQuery(BaseModel):
    """Say what is asked of the usage endpoint: a frozen, hashable value.

    Every parameter of the endpoint stands under its own name; None means that it is not sent. Dates may be given as
    text (`YYYY-MM-DD` or RFC 3339), `date` or aware `datetime`, and are kept as the text that goes over the wire.
    Raises `QueryError`, which names the parameter, the value and what is allowed.

    >>> import truto_usage_nb as tu
    >>> q = tu.UsageQuery(integrated_account_id="cursor", start_date="2026-10-01", model_ids=["auto"])
    >>> q
    UsageQuery(integrated_account_id='cursor', start_date='2026-10-01', model_ids=['auto'])
    >>> q.to_params()
    [('integrated_account_id', 'cursor'), ('start_date', '2026-10-01'), ('model_ids[]', 'auto')]
    """

    # The validator is built when the first query is made: importing the name costs a quarter less.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    integrated_account_id: Text | None = _p("The account to ask; may be left out with a token of one account.")
    truto_response_format: ResponseFormat | None = _p("The shape of the answer; unified when left out.")
    truto_key_by: Text | None = _p("A field of the records by which the service keys them.")
    truto_ignore_limit: bool | None = _p("Ignore `limit`.")
    truto_ignore_remote_data: bool | None = _p("Leave the provider's own row out; true when left out here.")
    truto_exclude_fields: Texts | None = _p("Fields to leave out of the records.")
    remote_query: Object | None = _p("Parameters for the provider itself, passed on untouched.", changes_meaning=True)
    report_type: ReportType | None = _p("The view to retrieve.", changes_meaning=True)
    start_date: Moment | None = _p("Start, inclusive: a date or an instant.")
    end_date: Moment | None = _p("End; exclusive or inclusive as the provider has it: a date or an instant.")
    product_ids: Filter | None = _p("Only these products.", changes_meaning=True)
    user_ids: Filter | None = _p("Only these users, by the source's own ids.", changes_meaning=True)
    model_ids: Filter | None = _p("Only these models.", changes_meaning=True)
    surfaces: Filter | None = _p("Only these surfaces, such as chat, api, cli, composer or code.", changes_meaning=True)
    group_by: Texts | None = _p(
        "Dimensions to group by, such as product, surface, model, user, charge_type, token_type.", changes_meaning=True
    )
    granularity: Granularity | None = _p(
        "Size of a time bucket. Left out, a period asks Claude for days; dates of one's own get a record a range.",
        changes_meaning=True,
    )
    sort_by: Text | None = _p("Metric or dimension to sort by.")
    sort_order: SortOrder | None = _p("Direction of the sort.")
    include_deleted_users: bool | None = _p("Include users that were deleted.", changes_meaning=True)
    limit: Count | None = _p("The most records to return.")
    cursor: Text | None = _p("A bookmark of an earlier answer to start from.")
    date: Day | None = _p("The day to retrieve, YYYY-MM-DD.")
    user_id: Text | None = _p("Only this user.", changes_meaning=True)
    api_key_id: Text | None = _p("Only this API key.", changes_meaning=True)
    page: Positive | None = _p("The page to start from.")
    page_size: Positive | None = _p("Records a page.")

    def __init__(self, /, **parameters: Any) -> None:
        try:
            super().__init__(**parameters)
        except ValidationError as problem:
            raise QueryError("; ".join(map(_complaint, problem.errors()))) from None

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> UsageQuery:
        """Read a query from a mapping, with our own errors.

        >>> import truto_usage_nb as tu
        >>> tu.UsageQuery.model_validate({"limit": 10})
        UsageQuery(limit=10)
        """
        if not isinstance(obj, Mapping | UsageQuery):
            raise QueryError(f"a query is read from a dict of parameters, not from {shown(obj)}")
        return cls(**dict(obj))

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> UsageQuery:
        """Read a query from the JSON object that `model_dump_json` writes."""
        return cls.model_validate(json.loads(json_data))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> UsageQuery:  # noqa: ARG002  values are frozen: every copy is deep
        """Give a copy with some parameters changed, checked as ever."""
        return self.replace(**(update or {}))

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
        """Build the validator, which happens with the first query, and keep the signature that a notebook shows."""
        built = super().model_rebuild(_parent_namespace_depth=_parent_namespace_depth + 1, **options)
        cls.__signature__ = _signature()
        return built

    @model_validator(mode="after")
    def _in_order(self) -> UsageQuery:
        start, end = self.start_date, self.end_date
        if start is not None and end is not None and instant(end) < instant(start):
            raise ValueError(f"end_date={shown(end)} lies before start_date={shown(start)}; ask for a later end")
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise QueryError(f"a query is a frozen value; make another: query.replace({name}={shown(value)})")

    def __delattr__(self, name: str) -> None:
        raise QueryError(f"a query is a frozen value; make another: query.replace({name}=None)")

    def replace(self, **changes: Any) -> UsageQuery:
        """Give a query with some parameters changed; None takes one out.

        >>> import truto_usage_nb as tu
        >>> tu.UsageQuery(limit=10, page=2).replace(limit=0, page=None)
        UsageQuery(limit=0)
        """
        return UsageQuery(**{**self.given(), **changes})

    def given(self) -> dict[str, Any]:
        """Give the parameters that are set, by name, in the endpoint's order.

        >>> import truto_usage_nb as tu
        >>> tu.UsageQuery(limit=0, user_ids=["u1"]).given()
        {'user_ids': ('u1',), 'limit': 0}
        """
        return {name: value for name in UsageQuery.model_fields if (value := getattr(self, name)) is not None}

    def to_params(self) -> list[tuple[str, str]]:
        """Give the wire form: `name[]=` for lists, `name[a][b]=` for objects, `true`/`false`, ISO dates.

        >>> import truto_usage_nb as tu
        >>> tu.UsageQuery(truto_ignore_limit=True, remote_query={"a": {"b": 1}}).to_params()
        [('truto_ignore_limit', 'true'), ('remote_query[a][b]', '1')]
        """
        return [pair for name, value in self.given().items() for pair in as_pairs(name, value)]

    @property
    def query_id(self) -> str:
        """Give 8 hex digits of the parameters that change what a row means.

        These are report type, grouping, granularity, filters and remote query; not account, dates, paging or format.
        The order in which filters or dimensions are named changes nothing.

        >>> import truto_usage_nb as tu
        >>> tu.UsageQuery(model_ids=["a", "b"]).query_id == tu.UsageQuery(model_ids=["b", "a"], limit=5).query_id
        True
        """
        meaning = {name: value for name, value in self.given().items() if PARAMETERS[name].changes_meaning}
        said = {name: list(as_pairs(name, value)) for name, value in meaning.items()}
        for name, pairs in said.items():
            pairs.sort(key=_key_only if name == "remote_query" else None)
        text = json.dumps([pair for name in sorted(said) for pair in said[name]])
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()

    def _content(self) -> str:
        return json.dumps(self.given(), sort_keys=True)  # tells 1 from True and from 1.0, which == does not

    def __eq__(self, other: object) -> bool:
        return self._content() == other._content() if isinstance(other, UsageQuery) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        said = (f"{name}={as_code(value)}" for name, value in self.given().items())
        return f"UsageQuery({', '.join(said)})"

    __str__ = __repr__


def _key_only(pair: tuple[str, str]) -> str:
    return pair[0]  # a stable sort: what a provider reads in order stays in order


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describe one parameter: its help, its kind, its allowed values if they are listed, the least of a number."""

    name: str
    help: str
    kind: ParameterKind
    allowed: tuple[str, ...] = ()
    least: int | None = None
    changes_meaning: bool = False

    @property
    def integrations(self) -> tuple[str, ...]:
        """Who honours it."""
        return tuple(each.name for each in INTEGRATIONS.values() if each.supports(self.name))


def _parameter(name: str) -> Parameter:
    """Read off its annotation what a parameter is."""
    field = UsageQuery.model_fields[name]
    plain, marks = _unpacked(field.annotation)
    extra = field.json_schema_extra
    return Parameter(
        name=name,
        help=field.description or "",
        kind=_kind(name, plain, marks),
        allowed=get_args(plain) if get_origin(plain) is Literal else (),
        least=next((mark.ge for mark in marks if getattr(mark, "ge", None) is not None), None),
        changes_meaning=isinstance(extra, dict) and _MEANING in extra,
    )


def _unpacked(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Give the type of a parameter that is given, and all that its annotation says beside it."""
    if get_origin(annotation) is Annotated:
        plain, marks = _unpacked(annotation.__origin__)
        said = [each for mark in annotation.__metadata__ for each in getattr(mark, "metadata", None) or (mark,)]
        return plain, (*marks, *said)
    given = [each for each in get_args(annotation) if each is not type(None)]
    is_optional = type(None) in get_args(annotation) and len(given) == 1
    return _unpacked(given[0]) if is_optional else (annotation, ())


def _kind(name: str, plain: Any, marks: tuple[Any, ...]) -> ParameterKind:
    if get_origin(plain) is Literal:
        return "choice"
    if plain in (bool, int):
        return "flag" if plain is bool else "number"
    for mark in marks:
        if (kind := _READ_BY.get(getattr(mark, "func", None))) is not None:
            return kind
    raise TypeError(f"UsageQuery.{name} is annotated {plain}, which is read by none of the readers in `values`")


PARAMETERS: Mapping[str, Parameter] = MappingProxyType({name: _parameter(name) for name in UsageQuery.model_fields})
"""Every parameter of the endpoint by name, in the order of the API's reference."""

_SAYS = {
    "text": "str", "texts": "list[str]", "flag": "bool", "number": "int", "moment": "str | date | datetime",
    "day": "str | date", "object": "dict[str, Any]",
}  # fmt: skip


def _signature() -> inspect.Signature:
    """Make the signature that a notebook shows: pydantic's own spells out every validator."""
    keywords = [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=f"{_SAYS.get(each.kind) or ' | '.join(map(repr, each.allowed))} | None",
        )
        for each in PARAMETERS.values()
    ]
    return inspect.Signature(keywords)


UsageQuery.__signature__ = _signature()


def _complaint(error: Any) -> str:
    if not error["loc"]:
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"there is no parameter {shown(name)}.{did_you_mean(name, PARAMETERS)} Known: {', '.join(PARAMETERS)}"
    value = error["input"]
    said = name + "".join(f"[{index}]" for index in error["loc"][1:]) + f"={_short(value)}"
    if error["type"] == "literal_error":
        allowed = PARAMETERS[name].allowed
        return f"{said} is not allowed.{did_you_mean(value, allowed)} Allowed: {', '.join(allowed)}"
    if error["type"] == "value_error":
        return f"{said} {error['ctx']['error']}"
    if error["type"] == "too_short":
        return f"{said} is empty and would ask for everything; leave it out to do that"
    return f"{said} is not allowed; give {_expected(PARAMETERS[name], error)}"


def _short(value: Any) -> str:
    return shown(value, 120)


def _expected(parameter: Parameter, error: Any) -> str:
    if parameter.kind == "number":
        return f"a whole number, {parameter.least or 0} or more"
    return {
        "text": "a text", "texts": "a list of texts" if len(error["loc"]) == 1 else "a text", "flag": "True or False",
        "moment": "YYYY-MM-DD or RFC 3339, such as 2026-10-01T00:00:00Z",
    }.get(parameter.kind) or f"one of {', '.join(parameter.allowed)}"  # fmt: skip
