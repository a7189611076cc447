"""One call from what is asked to frames with provenance: look up, plan, run side by side, join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from truto_usage_nb.errors import InputError, QueryError, UsageError, did_you_mean, tell
from truto_usage_nb.frames import BuiltFrame, Layout
from truto_usage_nb.integrations import Integration
from truto_usage_nb.jobs import (
    PARTIAL,
    Asked,
    Integrations,
    Job,
    Planned,
    Show,
    asked,
    check_on_error,
    check_overhang,
    gaps,
    lost_jobs,
    parted,
    plan_jobs,
    progress_shown,
    raise_unless_told,
    spans_told,
    together,
    unheard,
)
from truto_usage_nb.loader.joining import build, join
from truto_usage_nb.loader.running import Outcome, run
from truto_usage_nb.planning import Period
from truto_usage_nb.result import UsageResult
from truto_usage_nb.transport import Transport
from truto_usage_nb.unanswered import heard, unanswered

__all__ = ["Loader"]

_BACKENDS = ("polars", "pandas")


@dataclass(slots=True)
class Loader:
    """Hold what every load of a client shares: the way in, the clock, and the integrations looked up so far."""

    transport: Transport
    now: Callable[[], datetime]
    integrations: Integrations
    records_per_page: int | None = None

    async def fetch(
        self,
        what: Any,
        *,
        period: Any = None,
        integration: Any = None,
        on_error: str = "raise",
        overhang: str | None = None,
        users: bool = False,
        progress: bool | Show | None = None,
        backend: str = "polars",
        **parameters: Any,
    ) -> UsageResult:
        """Load what is asked; see `truto_usage_nb.load_usage` for the words."""
        _check(on_error, backend, overhang)
        found = asked(what, parameters)
        span = None if period is None else Period.parse(period)
        now = self.now()
        _refuse_mixture(found)
        with progress_shown(progress) as show:
            ran = await self._run(
                found, span, now, integration, users=users, show=show,
                stop_at_first=on_error == "raise" and len(found) == 1,
            )  # fmt: skip
        outcomes, behind = ran.outcomes, ran.behind
        frames = build(outcomes)
        if all(each.error is not None for each in outcomes):
            raise_unless_told(outcomes, None, on_error)
        settled = {str(name): one.settled_until(now) for name, one in behind.items() if one is not None}
        limits = {str(name): one for name, one in self.transport.rate_limits.items()}
        result = replace(
            _result(outcomes, frames, span, overhang, ran.told, now=now),
            backend=backend,
            rate_limit=limits,
            settled_until=settled,
            integrations={str(name): one.name for name, one in behind.items() if one is not None},
        )
        silent = _silent(outcomes, result)
        result = replace(result, notes=(*ran.notes, *result.notes, *silent), told=(*result.told, *_spans(result)))
        raise_unless_told(outcomes, result, on_error)
        for text in result.told:
            tell(text, stacklevel=2)
        return result

    async def _run(
        self,
        found: Sequence[Asked],
        span: Period | None,
        now: datetime,
        integration: Any,
        *,
        users: bool,
        show: Show,
        stop_at_first: bool,
    ) -> _Ran:
        """Look every account up, plan it as soon as that is known, and run its jobs beside the other look-ups."""
        names = (each.query.integrated_account_id for each in found)
        looking = self.integrations.looking(names, integration, needed=span is not None)
        planned: dict[int, Planned] = {}

        async def plan_account(number: int, each: Asked) -> Sequence[Job]:
            known = await looking[each.query.integrated_account_id]
            if isinstance(known, UsageError):
                return ()
            planned[number] = plan_jobs(each, known, span, now, users=users)
            return planned[number].jobs

        try:
            outcomes = await run(
                self.transport,
                [partial(plan_account, *each) for each in enumerate(found)],
                records_per_page=self.records_per_page,
                show=show,
                stop_at_first=stop_at_first,
            )
        finally:
            for one in looking.values():
                one.cancel()
        behind, failed = parted(looking)
        kept, lost = lost_jobs(found, failed)
        told, notes = together([planned[number] for number in sorted(planned)])
        outcomes += [Outcome(job, error=error) for job, error in lost]
        return _Ran(outcomes, behind, (*unheard(kept, behind, users=users), *told), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Ran:
    """Hold what came of every job, what stands behind each account, and what planning tells and notes."""

    outcomes: list[Outcome]
    behind: dict[str | None, Integration | None]
    told: tuple[str, ...]
    notes: tuple[str, ...]


def _result(
    outcomes: Sequence[Outcome],
    frames: dict[Layout, BuiltFrame],
    span: Period | None,
    overhang: str | None,
    told: Sequence[str],
    *,
    now: datetime,
) -> UsageResult:
    """Join what was loaded; what failed is stated in `gaps`."""
    whole = [each for each in outcomes if each.error is None]
    joined = join(whole, frames, span, overhang)
    partial = dict.fromkeys(each.job.label for each in whole if each.partial)
    missing = gaps(outcomes)
    return UsageResult(
        polars=joined.frame,
        queries=tuple(each.job.query for each in outcomes),
        fetched_at=now,
        pages=sum(each.pages for each in whole),
        partial=bool(partial) or bool(missing),
        debug=tuple(one for each in whole for one in each.debug),
        period=span,
        told=(*told, *joined.told, *(PARTIAL.format(name) for name in partial), *missing),
        gaps=tuple(missing),
        notes=joined.notes,
    )


def _spans(result: UsageResult) -> list[str]:
    """Tell each account's span where a query left it to the account: no period, and no date of its own."""
    given = [{"start_date", "end_date", "date"} & set(query.given()) for query in result.queries]
    return spans_told(result.polars) if result.period is None and not all(given) else []


def _silent(outcomes: Sequence[Outcome], result: UsageResult) -> list[str]:
    """Name whoever answered without a single record; who failed is stated in the gaps already."""
    whole = [each.job.query for each in outcomes if each.error is None]
    span = "" if result.period is None else f" of {result.period}"
    return [f"{view}{span}" for view in unanswered(whole, heard(result.polars), result.integrations)]


def _refuse_mixture(found: Sequence[Asked]) -> None:
    """Keep the providers' own records apart from unified ones: a column of one name would mean two things."""
    raw = dict.fromkeys(each.label for each in found if each.query.truto_response_format == "raw")
    if raw and any(each.query.truto_response_format != "raw" for each in found):
        raise QueryError(
            f"truto_response_format='raw' is asked of {', '.join(raw)} and not of the others; raw and unified records "
            "do not belong in one frame: load them apart"
        )


def _check(on_error: str, backend: str, overhang: str | None) -> None:
    check_on_error(on_error)
    if backend not in _BACKENDS:
        raise InputError(
            f"backend={backend!r} is not allowed.{did_you_mean(backend, _BACKENDS)} Allowed: {', '.join(_BACKENDS)}"
        )
    check_overhang(overhang)
