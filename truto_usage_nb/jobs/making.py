"""A query and a period become jobs: what is sent, the window it answers for, and how its pages are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from truto_usage_nb.errors import PeriodError, UsageError
from truto_usage_nb.frames import Layout, Provenance
from truto_usage_nb.integrations import Integration
from truto_usage_nb.jobs.asking import Asked
from truto_usage_nb.planning import Period, PlannedQuery, plan
from truto_usage_nb.query import UsageQuery

__all__ = ["Job", "Planned", "lost_jobs", "make_job", "make_jobs", "plan_jobs", "together", "unheard"]


@dataclass(frozen=True, slots=True)
class Job:
    """Hold one query to run: what it is called, the window it answers for, and how its pages are read."""

    label: str
    query: UsageQuery
    window: Period | None
    source: Provenance
    layout: Layout


def lost_jobs(
    found: Sequence[Asked], failed: Mapping[str | None, UsageError]
) -> tuple[list[Asked], list[tuple[Job, UsageError]]]:
    """Part what was asked by whether its account could be looked up: what can be planned, and what is lost, and why."""
    kept = [each for each in found if each.query.integrated_account_id not in failed]
    lost = [
        (make_job(each.label, PlannedQuery(each.query), None), failed[each.query.integrated_account_id])
        for each in found
        if each.query.integrated_account_id in failed
    ]
    return kept, lost


def make_jobs(
    found: Sequence[Asked],
    behind: Mapping[str | None, Integration | None],
    span: Period | None,
    now: datetime,
    *,
    users: bool,
) -> tuple[list[Job], list[str], list[str]]:
    """Give the jobs of every account in order, what the user must be told, and what he may read."""
    made = [plan_jobs(each, behind[each.query.integrated_account_id], span, now, users=users) for each in found]
    told, notes = together(made)
    return [job for one in made for job in one.jobs], [*unheard(found, behind, users=users), *told], notes


@dataclass(frozen=True, slots=True)
class Planned:
    """Hold the jobs of one account, what the user must be told of them, and what he may read."""

    jobs: tuple[Job, ...]
    told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_jobs(each: Asked, behind: Integration | None, span: Period | None, now: datetime, *, users: bool) -> Planned:
    """Give the jobs of one account."""
    if span is None:
        return Planned((make_job(each.label, PlannedQuery(each.query), behind),))
    if behind is None:  # a lookup that is needed raises; this guards the type
        raise PeriodError(f"{each.label}: the integration is not known, so period={span} cannot be planned")
    made = plan(each.query, behind, span, now=now, users=users)
    return Planned(tuple(make_job(each.label, one, behind) for one in made.queries), made.told, made.notes)


def together(planned: Sequence[Planned]) -> tuple[list[str], list[str]]:
    """Give what is told and what is noted of all accounts, each text once."""
    told = dict.fromkeys(text for one in planned for text in one.told)
    return list(told), list(dict.fromkeys(text for one in planned for text in one.notes))


def make_job(label: str, planned: PlannedQuery, behind: Integration | None) -> Job:
    """Make the job of one planned query."""
    query = _sent(planned.query)
    honours = behind is None or behind.supports("report_type")
    source = Provenance(
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


def unheard(found: Sequence[Asked], behind: Mapping[str | None, Integration | None], *, users: bool) -> list[str]:
    """Name each parameter that no account of the call honours."""
    told: list[str] = []
    if users and not any(side is None or side.user_views for side in behind.values()):
        told.append("users=True changes nothing: no account of this call has views of its own for users")
    for name in dict.fromkeys(name for each in found for name in each.query.given()):
        sides = [behind[each.query.integrated_account_id] for each in found if getattr(each.query, name) is not None]
        known = [side for side in sides if side is not None]
        if len(known) == len(sides) and not any(side.supports(name) or name in side.hears for side in known):
            labels = ", ".join(dict.fromkeys(side.label for side in known))
            told.append(f"{name} is not honoured by {labels}; the figures are those without it")
    return told
