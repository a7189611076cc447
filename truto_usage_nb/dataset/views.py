"""What a scan asks for: views, each a query without dates, and the windows of each that are due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from uuid import uuid4

from truto_usage_nb.dataset.staging import Begun, Errand
from truto_usage_nb.dataset.store import Store
from truto_usage_nb.dataset.windows import is_current, overlaps, to_fetch
from truto_usage_nb.errors import QueryError
from truto_usage_nb.integrations import Integration
from truto_usage_nb.jobs import Asked, Job, make_job
from truto_usage_nb.planning import Period, PlannedQuery, by_day, plan, views
from truto_usage_nb.query import UsageQuery

__all__ = ["Task", "View", "tasks_of", "views_in", "views_of"]

_NOT_KEPT = ("start_date", "end_date", "date", "page_size")  # which days, and in what pages: not what a row means
_CUTS = ("limit", "cursor", "page")


@dataclass(frozen=True, slots=True)
class View:
    """Hold one query of one account without dates, under a short name that stands for it on disk.

    `by_default`: it asks for days because a period does so, not because the caller said it. `known_as` is the name
    under which a dataset holds it, where that is not the name of the query.
    """

    label: str
    query: UsageQuery
    behind: Integration
    by_default: bool = False
    known_as: str | None = None

    @property
    def name(self) -> str:
        """Give 8 hex digits: the same for the same question, in whatever pages it is asked."""
        return self.known_as or _name_of(self.query, self.behind)

    @property
    def name_before(self) -> str | None:
        """Give the name that the question had while a period left the width of a record to the provider."""
        undivided = self.query.replace(granularity=None)
        is_by_day = self.query != undivided and self.query == by_day(undivided, self.behind)
        return _name_of(undivided, self.behind) if is_by_day else None

    def takes(self, sent: str) -> bool:
        """Tell whether the answers to what was sent serve: whoever says days gets no record longer than one."""
        return self.by_default or json.loads(sent).get("granularity") == self.query.granularity

    def job(self) -> Job:
        """Give the job of the view as a whole."""
        return make_job(self.label, PlannedQuery(self.query), self.behind)

    def planned(self, span: Period, now: datetime) -> list[PlannedQuery]:
        """Plan a stretch of time that has begun."""
        return [] if span.start >= now else list(plan(self.query, self.behind, span, now=now).queries)


def _name_of(query: UsageQuery, behind: Integration) -> str:
    said = {name: value for name, value in query.given().items() if name not in _NOT_KEPT}
    text = json.dumps([behind.name, said], sort_keys=True, default=list)
    return blake2b(text.encode(), digest_size=4).hexdigest()


@dataclass(slots=True)
class Task:
    """Hold one window to fetch, or to go on with: `begun` is None where nothing of it is there."""

    view: View
    job: Job
    errand: Errand
    begun: Begun | None = None


def views_of(found: Sequence[Asked], behind: dict[str | None, Integration | None], *, users: bool) -> list[View]:
    """Give the views of what was asked; raises `QueryError` for a query that would leave windows cut."""
    made: list[View] = []
    for each in found:
        for name in _CUTS:
            if (value := getattr(each.query, name)) is not None:
                raise QueryError(
                    f"{name}={value!r} would leave a window cut, and a dataset keeps whole ones; leave it out, and "
                    "take .head(n) of the frame that comes back"
                )
        side = behind[each.query.integrated_account_id]
        assert side is not None, "a scan needs the integration, and looking it up raises"
        asked = views(each.query, side, users=users)
        made += [
            View(each.label, query, side, by_default=query.granularity != each.query.granularity) for query in asked
        ]
    return made


def views_in(store: Store, made: Iterable[View]) -> list[View]:
    """Give the views under the names that a dataset holds them by, each question once.

    A dataset may be older than the days that a period asks for: its windows are gone on with, and replaced, under the
    name that they have, so that nothing is there under two names.
    """
    held = {each.view for each in store.journal.windows} | {each.errand.view for each in store.begun.values()}
    found: dict[str, View] = {}
    for each in made:
        known = _known_in(held, each)
        if known.name not in found or found[known.name].by_default:  # what the caller said outlasts the default
            found[known.name] = known
    return list(found.values())


def _known_in(held: set[str], view: View) -> View:
    before = view.name_before
    if before in held and (view.by_default or view.name not in held):
        return replace(view, known_as=before)
    return view


def tasks_of(view: View, span: Period, now: datetime, store: Store, records_per_page: int | None) -> list[Task]:
    """Give the windows of a view that are due, oldest first; those begun that are out of date are taken back."""
    planned = [each.window for each in view.planned(span, now) if each.window is not None]
    if not planned:
        return []
    reach = Period(planned[0].start, planned[-1].end)
    held = store.journal.of_view(view.name)
    kept = [
        each
        for each in held
        if view.takes(each.query) and _is_kept(each.settled, each.fetched_at, now, run=each.run, store=store)
    ]
    begun = _gone_on_with(view, reach, now, store)
    old = [each.window for each in held if each not in kept]
    due = to_fetch(
        planned,
        [*(each.window for each in kept), *(each.errand.window for each in begun)],
        old,
        lambda piece: [each.window for each in view.planned(piece, now) if each.window is not None],
    )
    for each in [each for each in store.begun.values() if each.errand.view == view.name and each not in begun]:
        if any(overlaps(each.errand.window, window) for window in due):
            store.drop(each)  # it would answer for days that are asked for in another window now
    tasks = [_resumed(view, each) for each in begun] + [_new(view, each, now, records_per_page) for each in due]
    return sorted(tasks, key=lambda task: task.errand.start)


def _is_kept(settled: bool, fetched_at: datetime, now: datetime, *, run: int, store: Store) -> bool:
    """Tell whether a window need not be asked for: final, or fetched just now by the run that goes on."""
    return settled or (run == store.journal.run and is_current(fetched_at, now, settled=False))


def _gone_on_with(view: View, reach: Period, now: datetime, store: Store) -> list[Begun]:
    mine = [each for each in list(store.begun.values()) if each.errand.view == view.name]
    current = [
        each
        for each in mine
        if view.takes(each.errand.query)
        and is_current(each.errand.fetched_at, now, settled=each.errand.settled)
        and _query(each) is not None
    ]
    for each in mine:
        if each not in current:
            store.drop(each)
    return [each for each in current if overlaps(each.errand.window, reach)]


def _new(view: View, window: Period, now: datetime, records_per_page: int | None) -> Task:
    (planned,) = view.planned(window, now)
    job = make_job(view.label, planned, view.behind)
    errand = Errand(
        view=view.name, account=job.source.integrated_account_id, report_type=job.source.report_type,
        start=window.start, end=window.end, settled=view.behind.settled_until(now) >= window.end,
        query=json.dumps(job.query.given()), records_per_page=records_per_page, fetched_at=now,
        attempt=uuid4().hex[:12],
    )  # fmt: skip
    return Task(view, job, errand)


def _query(begun: Begun) -> UsageQuery | None:
    """Give the query that a window was begun with; None where this version knows no such query."""
    try:
        return UsageQuery(**json.loads(begun.errand.query))
    except QueryError:
        return None


def _resumed(view: View, begun: Begun) -> Task:
    query = _query(begun)
    assert query is not None, "a window without one is not gone on with"
    return Task(view, make_job(view.label, PlannedQuery(query, begun.errand.window), view.behind), begun.errand, begun)
