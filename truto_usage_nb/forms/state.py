"""What a form holds, as one plain value, and the words of its fields: as one types them, and what is wrong with them.

No widgets. `read_field(name, kind, write_field(kind, value)) == value`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from truto_usage_nb.checks import listed, one_of
from truto_usage_nb.clock import month_start
from truto_usage_nb.errors import InputError, PeriodError, QueryError
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.jobs.making import ON_ERROR
from truto_usage_nb.jobs.period_cut import check_overhang
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import DATED, Period
from truto_usage_nb.query import Parameter, UsageQuery

__all__ = [
    "BACKENDS",
    "Checked",
    "FormState",
    "PeriodWords",
    "acts",
    "and_",
    "checked_fields",
    "examples",
    "ignored",
    "last_word",
    "period_words",
    "presets",
    "read_field",
    "read_period",
    "worded",
    "write_field",
    "write_period",
]

PeriodWords = str | tuple[str, str]
BACKENDS = ("polars", "pandas")


@dataclass(frozen=True, slots=True)
class FormState:
    """Hold what a form says: accounts, a query without account and period, a period, and what a load is told besides.

    `period` is anything `load_usage` takes and is kept in its shortest words: "2026", "2026-10", "2026-10-05", or a
    pair of texts with the end excluded (UTC). None means that the query says its dates itself. No account at all asks
    with the token's own. `backend`, `on_error`, and with a period `overhang` and `users`, are those of `load_usage`.
    Raises `QueryError`, `PeriodError` and `InputError`.

    >>> FormState(accounts=["cursor"], period=("2026-10-01", "2026-11-01")).period
    '2026-10'
    """

    accounts: tuple[str, ...] = ()
    query: UsageQuery = field(default_factory=UsageQuery)
    period: PeriodWords | None = None
    backend: str = "polars"
    overhang: str | None = None
    users: bool = False
    on_error: str = "raise"

    def __post_init__(self) -> None:
        object.__setattr__(self, "accounts", _accounts(self.accounts))
        if self.period is not None:
            object.__setattr__(self, "period", period_words(Period.parse(self.period)))
        if self.query.integrated_account_id is not None:
            raise QueryError(
                f"the query of a form's state holds no account, it holds {self.query.integrated_account_id!r}; "
                "the state's accounts say it"
            )
        if self.period is not None:
            _refuse_dates(self.query, self.period)
        _check_choices(self.period, self.overhang, self.users)
        one_of("backend", self.backend, BACKENDS)
        one_of("on_error", self.on_error, ON_ERROR)

    @property
    def what(self) -> str | list[str] | None:
        """Give the first argument of `load_usage`."""
        return self.accounts[0] if len(self.accounts) == 1 else list(self.accounts) or None

    @property
    def options(self) -> dict[str, Any]:
        """Give the other arguments of `load_usage`, those that say something."""
        period = {} if self.period is None else {"period": self.period}
        usual = {"backend": "polars", "overhang": None, "users": False, "on_error": "raise"}
        choices = {name: getattr(self, name) for name in usual}
        return {**period, **self.query.given(), **{name: each for name, each in choices.items() if each != usual[name]}}

    @property
    def is_plain(self) -> bool:
        """Whether it says no more than accounts, a period, the kind of frame and what becomes of an account that
        fails."""
        return not set(self.options) - {"period", "backend", "on_error"} and self.period is not None

    def with_query(self, query: UsageQuery) -> FormState:
        """Give the state that asks this query; a query with dates of its own takes the period's place."""
        own = any(getattr(query, name) is not None for name in DATED)
        account = query.integrated_account_id
        return replace(
            self,
            accounts=() if account is None else (account,),
            query=query.replace(integrated_account_id=None),
            period=None if own else self.period,
            overhang=None if own else self.overhang,
            users=self.users and not own,
        )


def _accounts(accounts: Any) -> tuple[str, ...]:
    if isinstance(accounts, str):
        raise QueryError(f"accounts={shown(accounts)} is a bare text; give a list, such as [{shown(accounts)}]")
    given = listed(accounts)
    if given is None:
        raise QueryError(f"accounts={shown(accounts)} is no list; give a list of accounts' ids")
    checked = tuple(UsageQuery(integrated_account_id=each).integrated_account_id for each in given)
    for name in checked:
        if name is None or checked.count(name) > 1:
            raise QueryError(f"accounts={list(accounts)!r} names {shown(name)} twice or not at all; name each once")
    return checked  # type: ignore[return-value]  # none is None by now


def _refuse_dates(query: UsageQuery, period: PeriodWords) -> None:
    for name in DATED:
        if (value := getattr(query, name)) is not None:
            raise PeriodError(f"{name}={shown(value)} and period={shown(period)} are both given; keep one")


def _check_choices(period: PeriodWords | None, overhang: str | None, users: bool) -> None:
    check_overhang(overhang)
    if period is None and (overhang is not None or users):
        name = f"overhang={shown(overhang)}" if overhang is not None else "users=True"
        raise InputError(f"{name} means nothing without a period; give one, such as period='2026-10'")


def period_words(period: Period) -> PeriodWords:
    """Give the shortest words for a period, the same for equal periods.

    >>> period_words(Period.parse(("2026-10-05", "2026-10-06")))
    '2026-10-05'
    >>> period_words(Period.parse(("2026-10-05", "2026-10-05T12:00:00Z")))
    ('2026-10-05', '2026-10-05T12:00:00Z')
    """
    start, end = period.start, period.end
    day = start.date()
    for text in (f"{day:%Y}".zfill(4), f"{day.isoformat()[:7]}", day.isoformat()):
        if start.time() == time() and _is_whole(text, start, end):
            return text
    return _bound(start), _bound(end)


def _is_whole(text: str, start: datetime, end: datetime) -> bool:
    try:
        whole = Period.parse(text)
    except PeriodError:  # the year 9999 has no end
        return False
    return (whole.start, whole.end) == (start, end)


def _bound(moment: datetime) -> str:
    if moment.time() == time():
        return moment.date().isoformat()
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _month_of(day: date) -> str:
    """Give the month of a day as a period.

    >>> _month_of(date(2026, 10, 5))
    '2026-10'
    """
    return day.isoformat()[:7]


def presets(now: datetime) -> dict[str, PeriodWords]:
    """Give the periods people ask for most, by name, as they are at an instant (UTC). "Last 30 days" are whole days.

    >>> presets(datetime(2026, 11, 23, tzinfo=UTC))["Last quarter"]
    ('2026-07-01', '2026-10-01')
    """
    today = now.astimezone(UTC).date()
    month, before = month_start(today), month_start(today, -1)
    quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1)
    return {
        "Last month": _month_of(before),
        "This month": _month_of(month),
        "Last 30 days": ((today - timedelta(days=30)).isoformat(), today.isoformat()),
        "Last quarter": (month_start(quarter, -3).isoformat(), quarter.isoformat()),
        "This quarter": (quarter.isoformat(), month_start(quarter, 3).isoformat()),
    }


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_EMPTY_LIST = "[]"
_BETWEEN = re.compile(r"\s*(?:,|\bto\b|–)\s*")


def read_field(name: str, kind: str, text: Any) -> Any:
    """Read what a field holds; nothing at all is None. What cannot be read goes on as it is, for the query to judge.

    Lists are parted by commas; a value with a comma, a quote or blanks around it stands in double quotes.

    >>> read_field("model_ids", "texts", 'opus, "a, b"'), read_field("cursor", "text", " ")
    (('opus', 'a, b'), None)
    >>> read_field("limit", "number", " 10 ")
    10
    """
    if not isinstance(text, str):
        return text
    plain = text.strip()
    if not plain:
        return None
    if kind == "texts":
        return () if plain == _EMPTY_LIST else tuple(word for word, _ in _words(plain))
    if kind == "number":
        return int(plain) if _WHOLE_NUMBER.fullmatch(plain) else plain
    if kind == "object":
        return _object(name, plain)
    return _unquoted(plain) if kind == "text" else plain


def write_field(kind: str, value: Any) -> Any:
    """Give what a field holds for a value.

    >>> write_field("texts", ("opus", "a, b")), write_field("texts", ())
    ('opus, "a, b"', '[]')
    >>> write_field("number", 0), write_field("object", {"a": 1})
    ('0', '{"a": 1}')
    """
    if value is None:
        return ""
    if kind in ("choice", "flag"):
        return value
    if kind == "texts":
        return ", ".join(map(_as_word, value)) if value else _EMPTY_LIST
    if kind == "object":
        return json.dumps(value, ensure_ascii=False)
    return _as_text(value) if kind == "text" else str(value)


def _object(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise QueryError(f'{name} is not JSON ({problem}); write an object, such as {{"foo": "bar"}}') from None


def _as_text(value: str) -> str:
    plain = value == value.strip() and value.isprintable() and not value.startswith('"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _as_word(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if {",", '"'} & set(value) or value == _EMPTY_LIST else _as_text(value)


def _unquoted(text: str) -> str:
    if _QUOTED.fullmatch(text) is None:
        return text
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Give each word of a list, and where in the text it begins."""
    at = 0
    while at < len(text):
        at += len(text[at:]) - len(text[at:].lstrip())
        quoted = _QUOTED.match(text, at)
        end = (
            len(text)
            if quoted is None
            else quoted.end() + len(text[quoted.end() :]) - len(text[quoted.end() :].lstrip())
        )
        if quoted is None or (end < len(text) and text[end] != ","):
            comma = text.find(",", at)
            end = len(text) if comma < 0 else comma
        if word := text[at:end].strip():
            yield _unquoted(word), at
        at = end + 1


def last_word(text: str) -> tuple[str, str]:
    """Part a list that is being typed into what stands already and the word under way.

    >>> last_word("opus, son")
    ('opus, ', 'son')
    """
    words = list(_words(text))
    if not words or text.rstrip().endswith(","):
        return (text.rstrip() + " " if text.strip() else ""), ""
    at = words[-1][1]
    return text[:at], text[at:]


def read_period(text: str, now: datetime | None = None) -> PeriodWords:
    """Read a period as one types it: "2026-10", "2026-10-05", or "2026-10-01, 2026-10-15" with the end excluded.

    A word such as "last-month" becomes the month that it means at `now`.

    >>> read_period("2026-10-01 to 2026-10-15")
    ('2026-10-01', '2026-10-15')
    """
    if not text.strip():
        raise PeriodError("there is no period; write 2026-10, 2026-10-05, or 2026-10-01, 2026-10-15 (end excluded)")
    parts = _BETWEEN.split(text.strip())
    words: PeriodWords = (parts[0], parts[1]) if len(parts) == 2 else text.strip()
    period = Period.parse(words, now=now)
    return words if any(each.isdigit() for each in text) else period_words(period)


def write_period(words: PeriodWords) -> str:
    """Give a period as one types it.

    >>> write_period(("2026-10-01", "2026-10-15"))
    '2026-10-01, 2026-10-15'
    """
    return words if isinstance(words, str) else ", ".join(words)


def examples(help_text: str) -> list[str]:
    """Give the values that a parameter's help names after "such as".

    >>> examples("Only these surfaces, such as chat, api or code.")
    ['chat', 'api', 'code']
    """
    _, _, listed = help_text.partition("such as ")
    return [word for word in re.split(r",\s*|\s+or\s+", listed.rstrip(".")) if word]


@dataclass(frozen=True, slots=True)
class Checked:
    """Hold the state that the fields make, or None and a sentence by the name of each field that is wrong."""

    state: FormState | None
    problems: Mapping[str, str] = field(default_factory=dict)


def checked_fields(
    fields: Mapping[str, Callable[[], Any]],
    accounts: Callable[[], Any],
    period: Callable[[], Any],
    choices: Mapping[str, Any],
) -> Checked:
    """Read every field; each problem is said in the query's own words, beside the field it belongs to."""
    problems: dict[str, str] = {}

    def got(name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InputError as problem:
            problems[name] = problem.message
            return None

    values = {name: got(name, partial(_judged, name, read)) for name, read in fields.items()}
    chosen, span = got("accounts", lambda: FormState(accounts=accounts()).accounts), got("period", period)
    if problems:
        return Checked(None, problems)
    try:
        query = UsageQuery(**values)
        return Checked(FormState(chosen, query, span, **choices))
    except InputError as problem:
        named = [name for name in fields if name in problem.message]
        return Checked(None, {min(named, key=problem.message.index) if named else "period": problem.message})


def _judged(name: str, read: Callable[[], Any]) -> Any:
    return getattr(UsageQuery(**{name: read()}), name)


def acts(parameter: Parameter, integrations: Sequence[str | None], *, has_period: bool) -> bool:
    """Say whether a parameter can act: a period leaves it room, and a chosen account's integration honours it.

    None is an integration that nobody knows.
    """
    if has_period and parameter.name in DATED:
        return False
    return not integrations or any(each is None or each in parameter.integrations for each in integrations)


def ignored(parameters: Sequence[Parameter], integrations: Sequence[str | None]) -> dict[str, tuple[str, ...]]:
    """Give, by who ignores them, the labels of the parameters that a chosen account's integration ignores.

    >>> from truto_usage_nb.query import PARAMETERS
    >>> ignored([PARAMETERS["granularity"], PARAMETERS["limit"]], ["cursor", "datadog", "claude"])
    {'Cursor and Datadog': ('granularity',)}
    """
    deaf: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(each for each in integrations if each is not None):
        labels = tuple(worded(each.name) for each in parameters if name not in each.integrations)
        if labels:
            deaf.setdefault(labels, []).append(INTEGRATIONS[name].label if name in INTEGRATIONS else name)
    return {and_(names): labels for labels, names in deaf.items()}


def worded(name: str) -> str:
    """Give a parameter's name as a person reads it: the API's own word, without its underscores.

    >>> worded("truto_key_by")
    'key by'
    """
    return name.removeprefix("truto_").replace("_", " ")


def and_(names: Sequence[str]) -> str:
    """Join names as one speaks.

    >>> and_(["Claude", "Cursor", "Datadog"])
    'Claude, Cursor and Datadog'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
