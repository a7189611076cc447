"""The usage and cost reports, `analytics/usage` and `analytics/cost`: a row a group and bucket, or the whole window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw
from truto_usage_nb.sandbox.vendors.claude import facts
from truto_usage_nb.sandbox.vendors.claude.dimensions import (
    COST_DIMENSIONS,
    OF_COST,
    OF_USAGE,
    USAGE_DIMENSIONS,
    Reader,
)
from truto_usage_nb.sandbox.vendors.claude.directory import actor_object, deleted
from truto_usage_nb.sandbox.vendors.claude.line import NOTHING, Counts, Line, add
from truto_usage_nb.sandbox.vendors.claude.money import Part, parts, plain
from truto_usage_nb.sandbox.vendors.claude.question import Question

Key = tuple[datetime, tuple[Any, ...]]
_FILTERED: dict[str, Callable[[Line], Any]] = {
    "products": attrgetter("product"),
    "surfaces": attrgetter("product"),
    "actor_ids": lambda line: line.actor.id if line.actor else None,
    "models": attrgetter("model"),
    "api_key_ids": attrgetter("api_key"),
    "workspace_ids": attrgetter("workspace"),
    "service_tiers": attrgetter("tier"),
}
"""What of a line each filter looks at."""
_RANKED = {"analytics/usage": "total_tokens", "analytics/cost": "amount"}
"""What `order_by=time` means where there are no buckets."""


@dataclass(slots=True)
class Cents:
    """Money of a group, exact: charged, at list price, and the requests it came from."""

    amount: Decimal = Decimal(0)
    listed: Decimal = Decimal(0)
    requests: int = 0

    def add(self, part: Part) -> None:
        """Take one part in."""
        self.amount += part.cents
        self.listed += part.list_cents
        self.requests += part.requests


@lru_cache(maxsize=4096)  # the rows of a bucket share its two stamps
def stamp(moment: datetime) -> str:
    """Write an instant as the vendor does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(ask: Ask, question: Question) -> Iterator[Raw]:
    """Yield the report's rows by time, or all of them in the order asked for."""
    made = (row for days in question.rows_of_days() for row in _rows(ask, question, days))
    measure = question.order_by
    if measure == "time" and question.width is None:
        measure = _RANKED[question.endpoint]
    if measure is not None and measure != "time":
        yield from sorted(made, key=lambda raw: _measure(raw, measure), reverse=question.descending)
    elif question.descending:
        yield from sorted(made, key=lambda raw: str(raw.row["starting_at"]), reverse=True)
    else:
        yield from made


def _measure(raw: Raw, name: str) -> Decimal:
    return Decimal((raw.row.get("usage") or raw.row.get("cost") or {}).get(name) or 0)


def _rows(ask: Ask, question: Question, days: Sequence[date]) -> Iterator[Raw]:
    """Yield the rows of some days, each as new as the newest of them."""
    lines = (line for day in days for line in facts.published(ask.world, ask.account, day))
    kept = (line for line in lines if wanted(ask, question, line))
    make = _usage_rows if question.endpoint == "analytics/usage" else _cost_rows
    refreshed = stamp(max(facts.updated_at(ask.world, ask.account, day) for day in days))
    context = {"organization_id": ask.account.organization_id, "data_refreshed_at": refreshed}
    for row in make(ask, question, kept):
        yield Raw(row, question.endpoint, context)


def wanted(ask: Ask, question: Question, line: Line) -> bool:
    """Say whether a line passes the filters; a filter on what a line does not have drops it."""
    if question.with_actor and line.actor is None:
        return False
    person = line.actor.person if line.actor else None
    if not question.include_deleted and person is not None and deleted(person, ask.world.now):
        return False
    return all(_FILTERED[name](line) in allowed for name, allowed in question.filters.items())


def _buckets(ask: Ask, question: Question, lines: Iterable[Line]) -> Iterator[tuple[datetime, Line, Counts]]:
    """Yield what lines count inside the window, each share with the start of the row it belongs to."""
    until = facts.refreshed_until(ask.world, ask.account)
    whole = question.start if question.width is None else None
    for line in lines:
        for at, counts in facts.slices(line, question.grain(line.day), until):
            if question.start <= at < question.end:
                yield whole or at, line, counts


def _usage_rows(ask: Ask, question: Question, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    groups: dict[Key, Counts] = {}
    values_of = _values_of(ask, question, OF_USAGE)
    for at, line, counts in _buckets(ask, question, lines):
        if counts.tokens or counts.requests or counts.searches:
            for values in values_of(line, None):
                groups[at, values] = add(groups.get((at, values), NOTHING), counts)
    for (at, values), counts in _in_order(groups):
        yield {**_head(ask, question, at, values, USAGE_DIMENSIONS), "usage": _usage(counts)}


def _cost_rows(ask: Ask, question: Question, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    groups: defaultdict[Key, Cents] = defaultdict(Cents)
    values_of, models = _values_of(ask, question, OF_COST), question.filters.get("models")
    for at, line, counts in _buckets(ask, question, lines):
        for part in parts(line, counts, ask.account.kind):
            if models is None or part.model in models:
                for values in values_of(line, part):
                    groups[at, values].add(part)
    for (at, values), cents in _in_order(groups):
        yield {**_head(ask, question, at, values, COST_DIMENSIONS), "cost": _cost(ask, question, cents)}


def _values_of(
    ask: Ask, question: Question, readers: dict[str, Reader]
) -> Callable[[Line, Part | None], list[tuple[Any, ...]]]:
    """Return what gives a line's group values, once per access group of its user where groups are asked for."""
    own: dict[str, Reader] = {**readers, "organization_id": lambda *_: ask.account.organization_id}
    asked: list[Reader] = [own.get(name, lambda *_: None) for name in question.group_by]
    if "rbac_group_id" not in question.group_by:
        return lambda line, part: [tuple([read(line, part) for read in asked])]
    place = question.group_by.index("rbac_group_id")

    def by_group(line: Line, part: Part | None) -> list[tuple[Any, ...]]:
        values = [read(line, part) for read in asked]
        return [(*values[:place], group, *values[place + 1 :]) for group in line.groups or (None,)]

    return by_group


def _in_order(groups: dict[Key, Any]) -> list[tuple[Key, Any]]:
    """Return the groups by time, then by their values as text: a stable order."""
    return sorted(groups.items(), key=lambda item: (item[0][0], str([getattr(v, "id", v) for v in item[0][1]])))


def _head(
    ask: Ask, question: Question, at: datetime, values: tuple[Any, ...], names: tuple[str, ...]
) -> dict[str, Any]:
    group: dict[str, Any] = dict.fromkeys(names)
    group.update(zip(question.group_by, values, strict=True))
    group["actor"] = actor_object(group["actor"], ask.world.now)
    return {"starting_at": stamp(at), "ending_at": stamp(question.row_end(at)), "group": group}


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "uncached_input_tokens": counts.input,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_5m,
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        },
        "cache_read_input_tokens": counts.cache_read,
        "output_tokens": counts.output,
        "total_tokens": counts.tokens,
        "server_tool_use": {"web_search_requests": counts.searches},
        "requests": counts.requests,
    }


def _cost(ask: Ask, question: Question, cents: Cents) -> dict[str, Any]:
    split = {"cost_type", "token_type"}.intersection(question.group_by)
    return {
        "amount": plain(cents.amount),
        "list_amount": plain(cents.listed),
        "currency": ask.account.currency,
        "requests": None if split else cents.requests,
    }
