"""What a report reads: the accounts, the period and the one before it, loaded here and kept as one snapshot."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from truto_usage_nb.bridge import run
from truto_usage_nb.errors import InputError, UsageError, tell
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.progress import Loads, Show

if TYPE_CHECKING:
    from truto_usage_nb.client import Client
    from truto_usage_nb.result import UsageResult

__all__ = ["load", "period_before"]


def load(
    client: Client, accounts: Iterable[str] | None, period: Any, show: Show, *, before: int = 0, users: bool = False
) -> UsageResult:
    """Load a period, `before` more of its length, and with `users` Claude's views of the period by user as well.

    Of those before, what cannot be loaded for every account is left out, with all before it, and told.
    """
    span = Period.parse(period)
    chosen = list(accounts) if accounts is not None else _known(client, span)
    if not chosen:
        raise InputError("there is no account to report on: none is connected, or accounts=[] was given")
    spans = [span]
    for _ in range(before):
        spans.append(period_before(spans[-1]))
    told = Loads(show)
    loads = [_ask(client, chosen, span, told, users=False)]
    claude = _of(client, chosen, "claude") if users else []
    if claude:
        loads.append(_ask(client, claude, span, told, users=True))
    earlier = [_if_there(_ask(client, chosen, one, told, users=False)) for one in spans[1:]]
    results = run(_all([*loads, *earlier]))
    asked, found = results[: len(loads)], results[len(loads) :]
    held = list(itertools.takewhile(lambda each: not isinstance(each, UsageError), found))
    whole = _joined([*reversed(held), *asked], Period(spans[len(held)].start, span.end))
    if len(held) == len(found):
        return whole
    since = f"{spans[len(held)].start:%Y-%m-%d}"
    lacking = f"nothing before {since} is compared, since it could not be loaded: {found[len(held)]}"
    return replace(whole, told=(*whole.told, lacking))


async def _all(loads: list[Any]) -> list[Any]:
    return list(await asyncio.gather(*loads))


async def _if_there(load: Any) -> UsageResult | UsageError:
    """A period that nobody asked for takes no report down: its error is given instead."""
    try:
        return await load  # type: ignore[no-any-return]
    except UsageError as problem:
        return problem


def _ask(client: Client, accounts: list[str], span: Period, told: Loads, *, users: bool) -> Any:
    """One period at a time, so that a record which sticks out of its own period is seen to; whole months have none."""
    overhang: Literal["prorate"] | None = None if _whole_months(span) else "prorate"
    return client.afetch_usage(accounts, period=span, users=users, overhang=overhang, progress=told.one())


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
    first = span.start
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    return Period(first, span.start)


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


def _of(client: Client, accounts: list[str], integration: str) -> list[str]:
    table = client.list_accounts().filter(pl.col("integration") == integration)
    return [account for account in accounts if account in set(table["id"])]


def _known(client: Client, span: Period) -> list[str]:
    """Give every account of the five integrations; of those that serve the same records, the one linked first."""
    table = client.list_accounts().filter(pl.col("integration").is_not_null()).sort("created_at", maintain_order=True)
    several = table.filter(pl.len().over("integration", "tenant_id") > 1)
    twins = _twins(client, several, span)
    for twin, first in twins.items():
        tell(f"account {twin} serves the same records as {first} and is left out; accounts= names those to report on")
    return [account for account in client.list_accounts()["id"] if account in set(table["id"]) and account not in twins]


def _twins(client: Client, table: pl.DataFrame, span: Period) -> dict[str, str]:
    """Look at one day of each account that has a neighbour: who has the very records of an earlier one is its twin."""
    day = Period(span.start, min(span.end, span.start + timedelta(days=1)))
    accounts = [row for row in table.iter_rows(named=True) if row["integration"] != "datadog"]
    looks = [client.afetch_usage(row["id"], period=day, progress=False, overhang="include") for row in accounts]
    seen: dict[tuple[Any, ...], str] = {}
    twins: dict[str, str] = {}
    for row, result in zip(accounts, run(_all(looks)), strict=True):
        records = _records(result.polars)
        key = (row["integration"], records)
        if records and key in seen:
            twins[row["id"]] = seen[key]
        elif records:
            seen[key] = row["id"]
    return twins


def _records(frame: pl.DataFrame) -> frozenset[tuple[str, datetime]]:
    known = frame.filter(pl.col("id").is_not_null() & pl.col("start_date").is_not_null())
    return frozenset(known.select("id", "start_date").iter_rows())
