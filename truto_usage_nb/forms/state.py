"""What a form holds, as one plain value, and what a load takes from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from truto_usage_nb.checks import listed, one_of
from truto_usage_nb.clock import month_start
from truto_usage_nb.errors import InputError, PeriodError, QueryError
from truto_usage_nb.jobs.making import ON_ERROR
from truto_usage_nb.jobs.period_cut import check_overhang
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import DATED, Period
from truto_usage_nb.query import UsageQuery

__all__ = ["BACKENDS", "FormState", "PeriodWords", "period_words"]

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


def month_of(day: date) -> str:
    """Give the month of a day as a period.

    >>> month_of(date(2026, 10, 5))
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
        "Last month": month_of(before),
        "This month": month_of(month),
        "Last 30 days": ((today - timedelta(days=30)).isoformat(), today.isoformat()),
        "Last quarter": (month_start(quarter, -3).isoformat(), quarter.isoformat()),
        "This quarter": (quarter.isoformat(), month_start(quarter, 3).isoformat()),
    }
