"""From what a caller asks to jobs, and what became of those that failed: raised, or told with the rest in hand.

An account id, a query, several or a mapping become queries with a label each; with a period each becomes the jobs that
are sent. Of what fails there is never an empty frame instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from truto_usage_nb.checks import listed, one_of
from truto_usage_nb.errors import PartialLoadError, PeriodError, QueryError, UsageError, did_you_mean
from truto_usage_nb.frames import Layout, Provenance
from truto_usage_nb.integrations import Integration
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import Period, PlannedQuery, plan
from truto_usage_nb.query import PARAMETERS, UsageQuery
from truto_usage_nb.unanswered import gap_of

_OF_THE_CALL = ("period", "backend", "client", "integration", "on_error", "overhang", "users", "progress")


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """Hold one query as it was asked, under the name that progress and errors use for it."""

    label: str
    query: UsageQuery


def labelled_queries(what: Any, parameters: Mapping[str, Any]) -> list[LabelledQuery]:
    """Turn an account id, a `UsageQuery`, several of either, or a mapping of labels to either into queries.

    `parameters` replace fields of each; a list of report types makes a query of each. The same query asked twice is a
    `QueryError`: its records would count twice.
    """
    _refuse_unknown(parameters)
    found = [
        LabelledQuery(label, query) for label, one in _labelled(what) for query in _with_parameters(one, parameters)
    ]
    if not found:
        raise QueryError(f"there is nothing to load: {shown(what)} names no account; give an account id or several")
    _refuse_twice(found)
    return found


def _refuse_unknown(parameters: Mapping[str, Any]) -> None:
    known = (*_OF_THE_CALL, *PARAMETERS)
    for name in parameters:
        if name not in PARAMETERS:
            raise QueryError(f"there is no option {shown(name)}.{did_you_mean(name, known)} Known: {', '.join(known)}")


def _labelled(what: Any) -> Iterator[tuple[str, Any]]:
    if what is None or isinstance(what, str | UsageQuery):
        yield _label(what), what
    elif isinstance(what, Mapping):
        for label, one in what.items():
            several = isinstance(one, Iterable) and not isinstance(one, str | UsageQuery | Mapping)
            for each in one if several else [one]:
                if each is None:
                    said = shown(label)
                    raise QueryError(f"{said} names no account: None; give an account id, a UsageQuery, or a list")
                yield str(label), each
    elif isinstance(what, Iterable):
        for one in what:
            yield _label(one), one
    else:
        raise QueryError(_wrong(what))


def _label(one: Any) -> str:
    account = one.integrated_account_id if isinstance(one, UsageQuery) else one
    return "the token's account" if account is None else account if isinstance(account, str) else shown(account)


def _with_parameters(one: Any, parameters: Mapping[str, Any]) -> Iterator[UsageQuery]:
    if isinstance(one, str) or one is None:
        query = UsageQuery(integrated_account_id=one)
    elif isinstance(one, UsageQuery):
        query = one
    else:
        raise QueryError(_wrong(one))
    report_type = parameters.get("report_type")
    if isinstance(report_type, str) or report_type is None:
        yield query.replace(**parameters)
        return
    said, types = f"report_type={shown(report_type)}", listed(report_type)
    if types is None:
        raise QueryError(f"{said} is not allowed; give one of them or a list. {_report_types()}")
    if not types:
        raise QueryError(f"{said} names none; leave it out, or give some. {_report_types()}")
    for each in types:
        yield query.replace(**{**parameters, "report_type": each})


def _report_types() -> str:
    return f"Allowed: {', '.join(PARAMETERS['report_type'].allowed)}"


def _refuse_twice(found: list[LabelledQuery]) -> None:
    seen: dict[UsageQuery, str] = {}
    for each in found:
        if each.query in seen:
            raise QueryError(f"{each.query!r} is asked twice; its records would count twice: ask once")
        seen[each.query] = each.label


def _wrong(what: Any) -> str:
    return (
        f"{shown(what)} ({type(what).__name__}) cannot be loaded; give an account id, a UsageQuery, a list of either, "
        "or a mapping of labels to ids"
    )


@dataclass(frozen=True, slots=True)
class Job:
    """Hold one query to run: what it is called, the window it answers for, and how its pages are read."""

    label: str
    query: UsageQuery
    window: Period | None
    source: Provenance
    layout: Layout


def lost_jobs(
    found: Sequence[LabelledQuery], failed: Mapping[str | None, UsageError]
) -> tuple[list[LabelledQuery], list[tuple[Job, UsageError]]]:
    """Part what was asked by whether its account could be looked up: what can be planned, and what is lost, and why."""
    kept = [each for each in found if each.query.integrated_account_id not in failed]
    lost = [
        (make_job(each.label, PlannedQuery(each.query), None), failed[each.query.integrated_account_id])
        for each in found
        if each.query.integrated_account_id in failed
    ]
    return kept, lost


@dataclass(frozen=True, slots=True)
class Planned:
    """Hold the jobs of one account, what the user must be told of them, and what he may read."""

    jobs: tuple[Job, ...]
    told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_jobs(
    each: LabelledQuery, behind: Integration | None, span: Period | None, now: datetime, *, users: bool
) -> Planned:
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


def unheard(
    found: Sequence[LabelledQuery], behind: Mapping[str | None, Integration | None], *, users: bool
) -> list[str]:
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


PARTIAL = "{}: the provider gave incomplete data (is_partial_response); its figures are a lower bound"
_REST = "what did load is this error's .result, and on_error='warn' returns it with the gaps stated"
ON_ERROR = ("raise", "warn")


class Ended(Protocol):
    """What a job came to: `error` is None where it succeeded."""

    @property
    def job(self) -> Job: ...

    @property
    def error(self) -> UsageError | None: ...


def check_on_error(on_error: Any) -> None:
    """Refuse an `on_error` that is none of the two."""
    one_of("on_error", on_error, ON_ERROR)


def gaps(outcomes: Sequence[Ended]) -> list[str]:
    """Say of each job that failed what it was and why."""
    return [gap_of(each.job.label, each.job.query, each.error) for each in outcomes if each.error is not None]


def first_errors(outcomes: Sequence[Ended]) -> dict[str, UsageError]:
    """Give the first error of each label that has one."""
    errors: dict[str, UsageError] = {}
    for each in outcomes:
        if each.error is not None:
            errors.setdefault(each.job.label, each.error)
    return errors


def raise_unless_told(outcomes: Sequence[Ended], result: Any, on_error: str) -> None:
    """Raise what went wrong, unless the caller wants the rest with its gaps stated."""
    errors = first_errors(outcomes)
    labels = dict.fromkeys(each.job.label for each in outcomes)
    if not errors or (on_error == "warn" and any(each.error is None for each in outcomes)):
        return
    if len(labels) == 1:
        raise next(iter(errors.values()))
    reasons = "; ".join(f"{label}: {error}" for label, error in errors.items())
    rest = "nothing was loaded" if result is None else _REST
    raise PartialLoadError(
        f"{len(errors)} of {len(labels)} accounts failed ({reasons}); {rest}",
        result=result,
        errors=errors,
    )
