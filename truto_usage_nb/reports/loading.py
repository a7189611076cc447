"""What a report reads: the accounts, the period and the one before it, loaded here and kept as one snapshot."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import polars as pl

from truto_usage_nb.bridge import run
from truto_usage_nb.clock import month_start
from truto_usage_nb.errors import ForbiddenError, InputError, PartialLoadError, UsageError, hearing, tell
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.reports.failing import failed_in
from truto_usage_nb.reports.steps import Loads, ShowStep
from truto_usage_nb.unanswered import gap_of

if TYPE_CHECKING:
    from truto_usage_nb.client import Client
    from truto_usage_nb.result import UsageResult

__all__ = ["load", "period_before"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Asking:
    """Hold how each of a report's loads is asked."""

    client: Client
    integration: str | Mapping[str, str] | None
    on_error: Literal["raise", "warn"]
    told: Loads

    def of(self, accounts: list[str], span: Period, *, users: bool = False) -> Coroutine[Any, Any, UsageResult]:
        """One period at a time, so that a record which sticks out of its own is seen to; whole months have none."""
        overhang: Literal["prorate"] | None = None if _whole_months(span) else "prorate"
        given = self.integration
        if isinstance(given, Mapping):
            given = {name: side for name, side in given.items() if not users or name in accounts}
        return self.client.afetch_usage(
            accounts, period=span, users=users, overhang=overhang, integration=given, on_error=self.on_error,
            progress=self.told.one(),
        )  # fmt: skip

    async def by_user(self, known: UsageResult, span: Period) -> UsageResult | None:
        """Ask the views by user, of the accounts that the first load found to have some."""
        sides = set(integrations_that(lambda each: each.user_views))
        theirs = [name for name, side in known.integrations.items() if side in sides]
        try:
            return await self.of(theirs, span, users=True) if theirs else None
        except UsageError as problem:
            if self.on_error == "raise":
                raise
            return _lost(known, theirs, span, problem)


def load(
    client: Client,
    accounts: Iterable[str] | None,
    period: Any,
    show: ShowStep,
    *,
    before: int = 0,
    users: bool = False,
    integration: str | Mapping[str, str] | None = None,
    on_error: Literal["raise", "warn"] = "raise",
) -> UsageResult:
    """Load a period, `before` more of its length, and with `users` Claude's views of the period by user as well.

    Of those before, what cannot be loaded for every account is left out, with all before it, and told; with
    `on_error="warn"` only the accounts that fail are missing, here and there, as `gaps` says.
    """
    span = Period.parse(period)
    chosen = list(accounts) if accounts is not None else _known(client, span, on_error)
    if not chosen:
        raise InputError("there is no account to report on: none is connected, or accounts=[] was given")
    spans = [span]
    for _ in range(before):
        spans.append(period_before(spans[-1]))
    ask = _Asking(client, integration, on_error, Loads(show))
    with hearing() as said:
        asked, found = run(_loaded(ask, chosen, spans, users=users))
    held = list(itertools.takewhile(lambda each: not isinstance(each, UsageError), found))
    whole = _joined([*reversed(held), *asked], Period(spans[len(held)].start, span.end))
    for text in (*(each for each in dict.fromkeys(said) if each not in whole.gaps), *_failing(whole, spans)):
        tell(text)
    if len(held) == len(found):
        return whole
    since = f"{spans[len(held)].start:%Y-%m-%d}"
    lacking = f"nothing before {since} is compared, since it could not be loaded: {found[len(held)]}"
    if on_error == "warn":
        tell(lacking)
    return replace(whole, told=(*whole.told, lacking))


async def _loaded(
    ask: _Asking, chosen: list[str], spans: list[Period], *, users: bool
) -> tuple[list[UsageResult], list[Any]]:
    earlier = [_if_there(ask.of(chosen, one)) for one in spans[1:]]
    asked, found = await asyncio.gather(_reported(ask, chosen, spans[0], users=users), _all(earlier))
    return asked, found


async def _reported(ask: _Asking, chosen: list[str], span: Period, *, users: bool) -> list[UsageResult]:
    first = await ask.of(chosen, span)
    by_user = await ask.by_user(first, span) if users else None
    return [first] if by_user is None else [first, by_user]


async def _all(loads: list[Any]) -> list[Any]:
    return list(await asyncio.gather(*loads))


async def _if_there(load: Coroutine[Any, Any, T]) -> T | UsageError:
    """A period that nobody asked for takes no report down: its error is given instead."""
    try:
        return await load
    except UsageError as problem:
        return problem


def _lost(known: UsageResult, accounts: list[str], span: Period, problem: UsageError) -> UsageResult:
    """Give a result without a record that says of each account why its views by user are missing."""
    errors = dict(problem.errors) if isinstance(problem, PartialLoadError) else {}
    start, end = span.start.isoformat(), span.end.isoformat()
    asked = [
        UsageQuery(integrated_account_id=name, report_type="user_cost", start_date=start, end_date=end)
        for name in accounts
    ]
    missing = tuple(gap_of(name, query, errors.get(name, problem)) for name, query in zip(accounts, asked, strict=True))
    return replace(
        known, polars=known.polars.clear(), queries=tuple(asked), pages=0, partial=True, told=missing, notes=(),
        gaps=missing,
    )  # fmt: skip


def _failing(result: UsageResult, spans: list[Period]) -> list[str]:
    """Say of each account that failed of which periods, in one sentence where the reason is one."""
    said: dict[str, list[str]] = {}
    for span in spans:
        for each in failed_in(result, span):
            said.setdefault(str(each), []).append(str(span))
    return [f"{' and '.join(of)}: {text}" for text, of in said.items()]


def period_before(span: Period) -> Period:
    """Give the period of the same length before: as many whole months, else as much time.

    >>> print(period_before(Period.parse("2026-10")))
    2026-09-01 to 2026-10-01 (UTC, end excluded)
    >>> print(period_before(Period.parse(("2026-10-08", "2026-10-15"))))
    2026-10-01 to 2026-10-08 (UTC, end excluded)
    """
    if not _whole_months(span):
        return Period(span.start - (span.end - span.start), span.start)
    months = (span.end.year - span.start.year) * 12 + span.end.month - span.start.month
    return Period(month_start(span.start, -months), span.start)


def _whole_months(span: Period) -> bool:
    return all(one == one.replace(day=1, hour=0, minute=0, second=0, microsecond=0) for one in (span.start, span.end))


def _joined(results: list[UsageResult], span: Period) -> UsageResult:
    """Make one result of several loads that share no query."""
    last = results[-1]
    frames = [each.polars for each in results if each.polars.height] or [last.polars]

    def every(name: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(text for each in results for text in getattr(each, name)))

    return replace(
        last,
        polars=pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0],
        queries=tuple(query for each in results for query in each.queries),
        fetched_at=max(each.fetched_at for each in results),
        pages=sum(each.pages for each in results),
        partial=any(each.partial for each in results),
        period=span,
        settled_until={name: until for each in results for name, until in each.settled_until.items()},
        integrations={name: side for each in results for name, side in each.integrations.items()},
        told=every("told"),
        notes=every("notes"),
        gaps=every("gaps"),
        debug=(),
    )


def _known(client: Client, span: Period, on_error: str) -> list[str]:
    """Give every account of the five integrations; of those that serve the same records, the one linked first."""
    try:
        listed = client.list_accounts()
    except ForbiddenError as problem:
        raise ForbiddenError(
            f"the token may not list the accounts ({problem.message}); accounts= names those to report on", status=403
        ) from None
    table = listed.filter(pl.col("integration").is_not_null()).sort("created_at", maintain_order=True)
    several = table.filter(pl.len().over("integration", "tenant_id") > 1)
    twins = _twins(client, several, span, on_error)
    for twin, first in twins.items():
        tell(f"account {twin} serves the same records as {first} and is left out; accounts= names those to report on")
    return [account for account in listed["id"] if account in set(table["id"]) and account not in twins]


def _twins(client: Client, table: pl.DataFrame, span: Period, on_error: str) -> dict[str, str]:
    """Look at one day of each account that has a neighbour: who has the very records of an earlier one is its twin.

    With "warn" one that fails is nobody's twin: the load itself says why it failed.
    """
    day = Period(span.start, min(span.end, span.start + timedelta(days=1)))
    by_month = integrations_that(lambda each: each.window.grain == "whole months")
    accounts = [row for row in table.iter_rows(named=True) if row["integration"] not in by_month]
    looks: list[Coroutine[Any, Any, Any]] = [
        client.afetch_usage(row["id"], period=day, progress=False, overhang="include") for row in accounts
    ]
    seen: dict[tuple[Any, ...], str] = {}
    twins: dict[str, str] = {}
    found = run(_all([_if_there(each) for each in looks] if on_error == "warn" else looks))
    for row, result in zip(accounts, found, strict=True):
        records = frozenset() if isinstance(result, UsageError) else _records(result.polars)
        key = (row["integration"], records)
        if records and key in seen:
            twins[row["id"]] = seen[key]
        elif records:
            seen[key] = row["id"]
    return twins


def _records(frame: pl.DataFrame) -> frozenset[tuple[str, datetime]]:
    known = frame.filter(pl.col("id").is_not_null() & pl.col("start_date").is_not_null())
    return frozenset(known.select("id", "start_date").iter_rows())
