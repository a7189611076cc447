"""Who was asked and delivered nothing: a view is an account and, where it honours one, a report type.

An empty answer and an outage look the same on the wire, so nobody here guesses which of them it was. A query that
failed is another matter: its gap says why, and `failures` finds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.query import UsageQuery

__all__ = [
    "HEARD",
    "Failure",
    "SilentView",
    "failures",
    "gap_of",
    "heard",
    "unanswered",
    "unexplained",
]

HEARD = ("integrated_account_id", "integration", "report_type", "query_id")
"""The columns that say of whom a record is, and to what question."""


class SilentView(NamedTuple):
    """Name what was asked of one account; its integration is None where nobody said it."""

    account: str | None
    integration: str | None
    report_type: str | None

    @property
    def label(self) -> str:
        """Write the account with its vendor, as people do."""
        side = INTEGRATIONS.get(self.integration or "")
        vendor = side.label if side is not None else self.integration
        name = "the token's account" if self.account is None else self.account
        return f"{name} ({vendor})" if vendor else name

    def __str__(self) -> str:
        kind = f"{self.report_type} " if self.report_type is not None else ""
        return f"{self.label} delivered no {kind}record"


class Failure(NamedTuple):
    """Name a query that failed, and why."""

    query: UsageQuery
    reason: str


def gap_of(label: str, query: UsageQuery, reason: object) -> str:
    """Say of a query that it failed, and why."""
    return f"{label}{_mark(query)}{reason}"


def failures(queries: Iterable[UsageQuery], gaps: Iterable[str]) -> tuple[list[Failure], list[str]]:
    """Find the queries that the gaps of a result say failed, each once; also gives the gaps that name none of them.

    >>> query = UsageQuery(integrated_account_id="a")
    >>> failures([query], [gap_of("a", query, "no answer")])[0][0].reason
    'no answer'
    """
    marks = {_mark(query): query for query in queries}
    found: dict[UsageQuery, Failure] = {}
    others: list[str] = []
    for gap in gaps:
        mark = next((each for each in marks if each in gap), None)
        if mark is None:
            others.append(gap)
        else:
            found.setdefault(marks[mark], Failure(marks[mark], gap.partition(mark)[2]))
    return list(found.values()), others


def unexplained(views: Iterable[SilentView], failed: Iterable[Failure]) -> list[SilentView]:
    """Leave out the views that failed: why nothing came of them is known."""
    lost = {(each.query.integrated_account_id, each.query.report_type) for each in failed}
    accounts = {account for account, _ in lost}

    def is_lost(view: SilentView) -> bool:
        kinds = {(view.account, view.report_type), (view.account, None)}
        return bool(kinds & lost) or (view.report_type is None and view.account in accounts)

    return [view for view in views if not is_lost(view)]


def _mark(query: UsageQuery) -> str:
    return f": {query!r} failed: "


def heard(frame: pl.DataFrame) -> pl.DataFrame:
    """Give each combination of `HEARD` that records have once; a column that was excluded is null."""
    there = frame.select(*(name for name in HEARD if name in frame.columns)).unique(maintain_order=True)
    missing = (pl.lit(None, dtype=pl.String).alias(name) for name in HEARD if name not in frame.columns)
    return there.with_columns(missing).select(pl.col(HEARD).cast(pl.String))


def unanswered(
    queries: Iterable[UsageQuery], told: pl.DataFrame, integrations: Mapping[str, str] | None = None
) -> list[SilentView]:
    """Give each view that was asked and of which `told` (see `heard`) has no record, in the order asked."""
    known = dict(told.select("integrated_account_id", "integration").drop_nulls().iter_rows())
    known |= dict(integrations or {})
    accounts = set(told["integrated_account_id"])
    there = {*told.select("integrated_account_id", "report_type").iter_rows()}
    answered = {*told.select("integrated_account_id", "query_id").iter_rows()}
    found: dict[SilentView, None] = {}
    for query in queries:
        account = query.integrated_account_id
        name = known.get(str(account))
        side = INTEGRATIONS.get(name or "")
        view = SilentView(account, name, query.report_type if side is None or side.supports("report_type") else None)
        any_kind = view.report_type is None and account in accounts
        if not any_kind and (account, view.report_type) not in there and (account, query.query_id) not in answered:
            found[view] = None
    return list(found)
