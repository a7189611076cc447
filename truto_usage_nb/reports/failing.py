"""Which accounts a load could not get, in whole or in part, and why: a sentence each, of however many queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from truto_usage_nb.errors import PeriodError
from truto_usage_nb.outside import one_line, shortened
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.unanswered import Failure, SilentView, failures

if TYPE_CHECKING:
    from truto_usage_nb.result import UsageResult

__all__ = ["BY_USER", "Failed", "failed_in", "failures_in", "other_gaps"]

BY_USER = ("user_cost", "user_usage")
_LONGEST = 400


class Failed(NamedTuple):
    """Say of an account that `failing` of the queries `asked` of it failed, the first for this `reason`.

    `by_user` is of its views by person, which state again what its bill says.
    """

    account: str | None
    integration: str | None
    by_user: bool
    failing: int
    asked: int
    reason: str

    @property
    def is_whole(self) -> bool:
        return self.failing == self.asked and not self.by_user

    @property
    def label(self) -> str:
        return SilentView(self.account, self.integration, None).label

    @property
    def what(self) -> str:
        """Say that it failed, without the reason."""
        if self.by_user:
            return f"{self.label} could not be loaded by person"
        part = "" if self.is_whole else f" in whole, {self.failing} of {self.asked} queries failed"
        return f"{self.label} could not be loaded{part}"

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


def failed_in(result: UsageResult, span: Period) -> list[Failed]:
    """Give each account of which something of a period is missing since it failed.

    What failed before it was planned, such as the look at what stands behind an account, has no dates: it is missing of
    every period.
    """
    asked: dict[tuple[str | None, bool], int] = {}
    for query in dict.fromkeys(result.queries):
        if _concerns(query, span):
            asked[_key(query)] = asked.get(_key(query), 0) + 1
    made: dict[tuple[str | None, bool], Failed] = {}
    for query, reason in failures_in(result, span):
        key = _key(query)
        count = made[key].failing + 1 if key in made else 1
        first = made[key].reason if key in made else shortened(one_line(reason).rstrip("."), _LONGEST)
        made[key] = Failed(key[0], result.integrations.get(str(key[0])), key[1], count, asked[key], first)
    whole = {each.account for each in made.values() if each.is_whole}
    return [each for each in made.values() if not (each.by_user and each.account in whole)]


def failures_in(result: UsageResult, span: Period) -> list[Failure]:
    """Give the queries of a period that failed."""
    found, _ = failures(result.queries, result.gaps)
    return [each for each in found if _concerns(each.query, span)]


def other_gaps(result: UsageResult) -> list[str]:
    """Give what is missing of a result beyond its own queries."""
    return [shortened(one_line(gap), _LONGEST) for gap in failures(result.queries, result.gaps)[1]]


def _key(query: UsageQuery) -> tuple[str | None, bool]:
    return query.integrated_account_id, query.report_type in BY_USER


def _concerns(query: UsageQuery, span: Period) -> bool:
    said = query.date if query.date is not None else (query.start_date, query.end_date)
    if None in (said if isinstance(said, tuple) else (said,)):
        return True
    try:
        mine = Period.parse(said)
    except PeriodError:  # an end that is no later than its start
        return True
    return mine.start < span.end and mine.end > span.start
