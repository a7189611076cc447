"""Where a report's figures come from: a snapshot at hand, or a load of the period and those before it, kept as one.

And which accounts a load could not get, in whole or in part, and why: a sentence each, of however many queries.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import polars as pl

from truto_usage_nb.bridge import run
from truto_usage_nb.checks import a_path, texts
from truto_usage_nb.clock import month_start
from truto_usage_nb.errors import ForbiddenError, InputError, PartialLoadError, PeriodError, UsageError, hearing, tell
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.outside import one_line, shortened, shown
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.reports.notebook import Notebook
from truto_usage_nb.reports.spans import days_name
from truto_usage_nb.reports.steps import Loads, ShowStep
from truto_usage_nb.unanswered import Failure, SilentView, failures, gap_of
from truto_usage_nb.writing import is_stream

if TYPE_CHECKING:
    from truto_usage_nb.client import Client
    from truto_usage_nb.result import UsageResult

__all__ = ["BY_USER", "Failed", "Source", "failed_in", "failures_in", "load", "other_gaps", "period_before"]

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
            asked[_view_key(query)] = asked.get(_view_key(query), 0) + 1
    made: dict[tuple[str | None, bool], Failed] = {}
    for query, reason in failures_in(result, span):
        key = _view_key(query)
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


def _view_key(query: UsageQuery) -> tuple[str | None, bool]:
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


_T = TypeVar("_T")
_Load = Callable[[], Coroutine[Any, Any, _T]]


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
    earlier = asyncio.ensure_future(_all([partial(_if_there, partial(ask.of, chosen, one)) for one in spans[1:]]))
    try:
        asked = await _reported(ask, chosen, spans[0], users=users)
        return asked, await earlier
    finally:
        earlier.cancel()  # of a period that nobody asked for nothing more is loaded once the report is lost


async def _reported(ask: _Asking, chosen: list[str], span: Period, *, users: bool) -> list[UsageResult]:
    first = await ask.of(chosen, span)
    by_user = await ask.by_user(first, span) if users else None
    return [first] if by_user is None else [first, by_user]


async def _all(loads: list[_Load[_T]]) -> list[_T]:
    """Run loads side by side. Each begins here and not before: whoever is cancelled first leaves none unawaited."""
    return list(await asyncio.gather(*(load() for load in loads)))


async def _if_there(load: _Load[_T]) -> _T | UsageError:
    """A period that nobody asked for takes no report down: its error is given instead."""
    try:
        return await load()
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
    looks: list[_Load[Any]] = [
        partial(client.afetch_usage, row["id"], period=day, progress=False, overhang="include") for row in accounts
    ]
    seen: dict[tuple[Any, ...], str] = {}
    twins: dict[str, str] = {}
    found = run(_all([partial(_if_there, each) for each in looks] if on_error == "warn" else looks))
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


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what `render_report` was told of it."""

    snapshot: str | Path | None
    client: Client | None
    sandbox: bool
    accounts: str | Iterable[str] | None
    period: Any
    keep_snapshot: str | Path | None
    integration: str | Mapping[str, str] | None = None
    on_error: Literal["raise", "warn"] = "raise"

    def seen_from(self) -> Source:
        """Give the same with a period such as "last-month" seen from the clock of whoever is asked.

        Refuses one that has not begun there, and one that a snapshot does not hold.
        """
        if self.snapshot is not None:
            return self._in_snapshot(Path(self.snapshot))
        now = self._now()
        span = Period.parse(self.period, now=now)
        if span.start >= now:
            raise PeriodError(
                f"{days_name(span)} has not begun: where the figures come from it is {now:%Y-%m-%d} (UTC); "
                "give a period that has begun, such as 'last-month'"
            )
        return replace(self, period=span)

    def _in_snapshot(self, path: Path) -> Source:
        from truto_usage_nb.result.snapshot import check_snapshot

        held = check_snapshot(path)
        if self.period is None:
            return self
        span = Period.parse(self.period)
        if held is not None and (span.start < held.start or span.end > held.end):
            raise InputError(f"the snapshot {path} holds {held}, which does not cover the period {span}; load it anew")
        return replace(self, period=span)

    def _now(self) -> datetime:
        if self.client is not None:
            return self.client.now()
        if self.sandbox:
            from truto_usage_nb.sandbox.face import make_sandbox

            return make_sandbox().now()
        return datetime.now(UTC)

    def brought(self, notebook: Notebook, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give the parameters with those of the demo company that `sandbox=True` brings along: its directory, seats,
        commitments and invoices, where the notebook has a place for them and nothing was given."""
        if not self.sandbox or self.period is None:
            return dict(given)
        from truto_usage_nb.sandbox.answers import SEAT_PRICES
        from truto_usage_nb.sandbox.face import make_sandbox

        demo, months = make_sandbox(), _months(self.period)
        offered: dict[str, Callable[[], Any]] = {
            "labels": demo.people,
            "roster": demo.rosters,
            "seat_prices": lambda: {name: [float(amount), of] for name, (amount, of) in SEAT_PRICES.items()},
            "invoices": lambda: _below([demo.invoices(month) for month in months]),
        }
        if notebook.name == "allocation":
            offered["rules"] = demo.rules
        if notebook.name == "commitments":
            offered["commitments"] = demo.commitments
        if not months or self.accounts is not None:  # they are of whole months and all accounts
            del offered["invoices"]
        extra = {name: make_() for name, make_ in offered.items() if name in notebook.parameters and name not in given}
        return {**extra, **given}

    def file(
        self, notebook: Notebook, parameters: Mapping[str, Any], scratch: Path, show: ShowStep
    ) -> tuple[Path, bool]:
        """Give the snapshot to read, and whether something is known to be missing of it; what is loaded is kept in
        `scratch` unless a place was named."""
        partial = self._read(notebook, parameters)
        if self.snapshot is not None:
            return Path(self.snapshot), partial
        result = self._load(notebook, parameters, show)
        if self.keep_snapshot is not None:
            kept = result.save(self.keep_snapshot)
            if not is_stream(kept):
                return kept, result.partial
        return result.save(scratch / "usage.parquet"), result.partial

    def _read(self, notebook: Notebook, parameters: Mapping[str, Any]) -> bool:
        """Read the snapshots that a cell is going to read: what is wrong with one is said here, and not by the cell.

        Gives whether something is known to be missing of the one that is reported.
        """
        from truto_usage_nb.result.snapshot import read_snapshot

        partial, earlier = False, parameters.get("earlier") if notebook.shipped else None
        for path in (self.snapshot, earlier):
            if path is not None and str(path):
                held = read_snapshot(Path(path))
                partial = partial or (path is self.snapshot and bool(held["partial"]))
        return partial

    def check(self) -> None:
        """Refuse what contradicts itself, before anything is loaded."""
        from truto_usage_nb.jobs import check_on_error

        check_on_error(self.on_error)
        if self.snapshot is not None:
            names = ("client", "sandbox", "accounts", "keep_snapshot", "integration")
            for name in (*names, *(("on_error",) if self.on_error != "raise" else ())):
                if (given := getattr(self, name)) is not None and given is not False:
                    raise InputError(
                        f"snapshot= and {name}= are both given: a report is read from a file or loaded, not both"
                    )
            if not _is_file(a_path("snapshot", self.snapshot)):
                raise InputError(f"there is no snapshot {self.snapshot}; UsageResult.save(path) writes one")
        elif self.period is None:
            raise InputError("a report needs a period, such as period='2026-10', or snapshot= with a saved file")
        elif self.client is not None and self.sandbox:
            raise InputError("client and sandbox=True are both given; keep one")
        else:
            self._check_load()

    def _check_load(self) -> None:
        from truto_usage_nb.client import Client

        Period.parse(self.period)
        if self.client is not None and not isinstance(self.client, Client):
            raise InputError(f"client={shown(self.client)} is no client; give a Client, or sandbox=True.")
        if self.accounts is not None and not isinstance(self.accounts, str):
            texts("accounts", self.accounts, "an account's id or a list of them")

    def _load(self, notebook: Notebook, parameters: Mapping[str, Any], show: ShowStep) -> UsageResult:
        accounts = [self.accounts] if isinstance(self.accounts, str) else self.accounts
        users = notebook.by_user(parameters)
        if self.client is not None:
            return self._loaded(self.client, accounts, show, before=notebook.before, users=users)
        with _client(sandbox=self.sandbox) as own:
            return self._loaded(own, accounts, show, before=notebook.before, users=users)

    def _loaded(self, client: Client, accounts: Iterable[str] | None, show: ShowStep, **asked: Any) -> UsageResult:
        return load(client, accounts, self.period, show, integration=self.integration, on_error=self.on_error, **asked)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False


def _below(tables: list[Any]) -> Any:
    from polars import concat

    return concat(tables)


def _months(period: Any) -> list[str]:
    """Give the whole calendar months of a period, or none where it is not made of such."""
    span = Period.parse(period)
    months, start = [], span.start
    while start < span.end:
        month = Period.parse(f"{start:%Y-%m}")
        if month.start != start:
            return []
        months.append(f"{start:%Y-%m}")
        start = month.end
    return months if start == span.end else []


def _client(*, sandbox: bool) -> Client:
    if sandbox:
        from truto_usage_nb.sandbox.face import make_sandbox

        return make_sandbox(records_per_page=1000)  # fewer pages: the demo should not be waited for
    from truto_usage_nb.client import Client

    return Client()
