"""One call from what is asked to frames with provenance: look up, plan, run side by side, join."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from truto_usage_nb.errors import (
    InputError,
    IntegrationUnknownError,
    PartialLoadError,
    PeriodError,
    UsageError,
    did_you_mean,
    tell,
)
from truto_usage_nb.frames import Layout, Source
from truto_usage_nb.integrations import Integration
from truto_usage_nb.loader.accounts import accounts, integration_given, integration_of, products
from truto_usage_nb.loader.asking import Asked, asked
from truto_usage_nb.loader.joining import join
from truto_usage_nb.loader.overhang import check_overhang
from truto_usage_nb.loader.progress import Progress, Show, progress_shown
from truto_usage_nb.loader.running import Job, Outcome, run
from truto_usage_nb.planning import Period, PlannedQuery, plan
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.result import UsageResult
from truto_usage_nb.transport import Transport

__all__ = ["Loader", "Progress", "Show", "accounts", "products"]

_ON_ERROR = ("raise", "warn")


@dataclass(slots=True)
class Loader:
    """Hold what every load of a client shares: the way in, the clock, and the integrations looked up so far."""

    transport: Transport
    now: Callable[[], datetime]
    records_per_page: int | None = None
    known: dict[str | None, Integration] | None = None

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
        behind = await self._integrations(found, integration, needed=span is not None)
        jobs, told, notes = _plans(found, behind, span, now, users=users)
        with progress_shown(progress) as show:
            outcomes = await run(
                self.transport,
                jobs,
                records_per_page=self.records_per_page,
                show=show,
                stop_at_first=on_error == "raise" and len(found) == 1,
            )
        if all(each.error is not None for each in outcomes):
            _raise_unless_told(outcomes, None, on_error)
        settled = {str(name): one.settled_until(now) for name, one in behind.items() if one is not None}
        limits = {str(name): one for name, one in self.transport.rate_limits.items()}
        result = replace(
            _result(outcomes, span, overhang, told, now=now),
            backend=backend,
            rate_limit=limits,
            settled_until=settled,
            notes=tuple(notes),
        )
        _raise_unless_told(outcomes, result, on_error)
        for text in result.told:
            tell(text, stacklevel=2)
        return result

    async def _integrations(
        self, found: Sequence[Asked], given: Any, *, needed: bool
    ) -> dict[str | None, Integration | None]:
        names = list(dict.fromkeys(each.query.integrated_account_id for each in found))
        return dict(
            zip(names, await asyncio.gather(*(self._behind(name, given, needed) for name in names)), strict=True)
        )

    async def _behind(self, account: str | None, given: Any, needed: bool) -> Integration | None:
        if (said := integration_given(given, account)) is not None:
            return said
        self.known = {} if self.known is None else self.known
        if account not in self.known:
            try:
                self.known[account] = await integration_of(self.transport, account)
            except IntegrationUnknownError:
                if needed:
                    raise
                return None
        return self.known[account]


_PARTIAL = "{}: the provider gave incomplete data (is_partial_response); its figures are a lower bound"


def _result(
    outcomes: Sequence[Outcome], span: Period | None, overhang: str | None, told: Sequence[str], *, now: datetime
) -> UsageResult:
    """Join what was loaded; what failed is stated in `gaps`."""
    whole = [each for each in outcomes if each.error is None]
    joined = join(whole, span, overhang)
    partial = dict.fromkeys(each.job.label for each in whole if each.partial)
    gaps = [f"{each.job.label}: {each.job.query!r} failed: {each.error}" for each in outcomes if each.error is not None]
    return UsageResult(
        polars=joined.frame,
        queries=tuple(each.job.query for each in outcomes),
        fetched_at=now,
        pages=sum(len(each.pages) for each in whole),
        partial=bool(partial) or bool(gaps),
        debug=tuple(one for each in whole for one in each.debug),
        period=span,
        told=(*told, *joined.told, *(_PARTIAL.format(name) for name in partial), *gaps),
        gaps=tuple(gaps),
    )


def _plans(
    found: Sequence[Asked],
    behind: Mapping[str | None, Integration | None],
    span: Period | None,
    now: datetime,
    *,
    users: bool,
) -> tuple[list[Job], list[str], list[str]]:
    """Give the jobs of every account in order, what the user must be told, and what he may read."""
    jobs: list[Job] = []
    told, notes = _unheard(found, behind, users=users), list[str]()
    for each in found:
        integration = behind[each.query.integrated_account_id]
        planned, say, read = _planned(each, integration, span, now, users=users)
        jobs += [_job(each.label, one, integration) for one in planned]
        told += [text for text in say if text not in told]
        notes += [text for text in read if text not in notes]
    return jobs, told, notes


def _check(on_error: str, backend: str, overhang: str | None) -> None:
    for name, value, allowed in (("on_error", on_error, _ON_ERROR), ("backend", backend, ("polars", "pandas"))):
        if value not in allowed:
            raise InputError(
                f"{name}={value!r} is not allowed.{did_you_mean(value, allowed)} Allowed: {', '.join(allowed)}"
            )
    check_overhang(overhang)


def _planned(
    each: Asked, behind: Integration | None, span: Period | None, now: datetime, *, users: bool
) -> tuple[tuple[PlannedQuery, ...], Sequence[str], Sequence[str]]:
    if span is None:
        return (PlannedQuery(each.query),), (), ()
    if behind is None:  # a lookup that is needed raises; this guards the type
        raise PeriodError(f"{each.label}: the integration is not known, so period={span} cannot be planned")
    made = plan(each.query, behind, span, now=now, users=users)
    return made.queries, made.told, made.notes


def _job(label: str, planned: PlannedQuery, behind: Integration | None) -> Job:
    query = _sent(planned.query)
    honours = behind is None or behind.supports("report_type")
    source = Source(
        integrated_account_id=query.integrated_account_id,
        integration=None if behind is None else behind.name,
        report_type=query.report_type if honours else None,
        query_id=query.query_id,
    )
    layout = Layout(
        documented=query.truto_response_format != "raw",
        remote_data=query.truto_ignore_remote_data is False,
        excluded=query.truto_exclude_fields or (),
    )
    return Job(label, query, planned.window, source, layout)


def _sent(query: UsageQuery) -> UsageQuery:
    """Leave the provider's own rows out unless they were asked for."""
    if query.truto_ignore_remote_data is None and query.truto_response_format != "raw":
        return query.replace(truto_ignore_remote_data=True)
    return query


def _unheard(found: Sequence[Asked], behind: Mapping[str | None, Integration | None], *, users: bool) -> list[str]:
    """Name each parameter that no account of the call honours."""
    told: list[str] = []
    if users and not any(side is None or side.user_views for side in behind.values()):
        told.append("users=True changes nothing: no account of this call has views of its own for users")
    for name in dict.fromkeys(name for each in found for name in each.query.given()):
        sides = [behind[each.query.integrated_account_id] for each in found if getattr(each.query, name) is not None]
        known = [side for side in sides if side is not None]
        if len(known) == len(sides) and not any(side.supports(name) for side in known):
            labels = ", ".join(dict.fromkeys(side.label for side in known))
            told.append(f"{name} is not honoured by {labels}; the figures are those without it")
    return told


def _raise_unless_told(outcomes: Sequence[Outcome], result: UsageResult | None, on_error: str) -> None:
    """Raise what went wrong, unless the caller wants the rest with its gaps stated; never an empty frame instead."""
    errors: dict[str, UsageError] = {}
    for each in outcomes:
        if each.error is not None:
            errors.setdefault(each.job.label, each.error)
    labels = dict.fromkeys(each.job.label for each in outcomes)
    if not errors or (on_error == "warn" and any(each.error is None for each in outcomes)):
        return
    if len(labels) == 1:
        raise next(iter(errors.values()))
    reasons = "; ".join(f"{label}: {error}" for label, error in errors.items())
    raise PartialLoadError(
        f"{len(errors)} of {len(labels)} accounts failed ({reasons}); what did load is this error's .result, "
        "and on_error='warn' returns it with the gaps stated",
        result=result,
        errors=errors,
    )
