"""What a scan asks for: views, each a query without dates, and the windows of each that are due."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import uuid4

from truto_usage_nb.dataset.staging import Begun, Errand
from truto_usage_nb.dataset.store import Store
from truto_usage_nb.dataset.windows import is_current, overlaps, to_fetch
from truto_usage_nb.errors import QueryError
from truto_usage_nb.integrations import Integration
from truto_usage_nb.jobs import Asked, Job, make_job
from truto_usage_nb.planning import Period, PlannedQuery, plan, views
from truto_usage_nb.query import UsageQuery

__all__ = ["Task", "View", "tasks_of", "views_of"]

_NOT_KEPT = ("start_date", "end_date", "date", "page_size")  # which days, and in what pages: not what a row means
_CUTS = ("limit", "cursor", "page")


@dataclass(frozen=True, slots=True)
class View:
    """Hold one query of one account without dates, under a short name that stands for it on disk."""

    label: str
    query: UsageQuery
    behind: Integration

    @property
    def name(self) -> str:
        """Give 8 hex digits: the same for the same question, in whatever pages it is asked."""
        said = {name: value for name, value in self.query.given().items() if name not in _NOT_KEPT}
        text = json.dumps([self.behind.name, said], sort_keys=True, default=list)
        return blake2b(text.encode(), digest_size=4).hexdigest()

    def job(self) -> Job:
        """Give the job of the view as a whole."""
        return make_job(self.label, PlannedQuery(self.query), self.behind)

    def planned(self, span: Period, now: datetime) -> list[PlannedQuery]:
        """Plan a stretch of time that has begun."""
        return [] if span.start >= now else list(plan(self.query, self.behind, span, now=now).queries)


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
        made += [View(each.label, query, side) for query in views(each.query, side, users=users)]
    return made


def tasks_of(view: View, span: Period, now: datetime, store: Store, records_per_page: int | None) -> list[Task]:
    """Give the windows of a view that are due, oldest first; those begun that are out of date are taken back."""
    planned = [each.window for each in view.planned(span, now) if each.window is not None]
    if not planned:
        return []
    reach = Period(planned[0].start, planned[-1].end)
    held = store.journal.of_view(view.name)
    kept = [each for each in held if _is_kept(each.settled, each.fetched_at, now, run=each.run, store=store)]
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
    current = [each for each in mine if is_current(each.errand.fetched_at, now, settled=each.errand.settled)]
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


def _resumed(view: View, begun: Begun) -> Task:
    query = UsageQuery(**json.loads(begun.errand.query))
    return Task(view, make_job(view.label, PlannedQuery(query, begun.errand.window), view.behind), begun.errand, begun)
