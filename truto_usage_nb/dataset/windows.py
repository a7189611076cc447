"""Which windows to fetch: pure, no I/O.

What is held and final is kept, what an interrupted scan has begun is gone on with, what was not final is fetched
again in one piece, and what is missing is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from truto_usage_nb.planning import Period

__all__ = ["STILL_CURRENT", "contains", "is_current", "overlaps", "to_fetch", "uncovered"]

STILL_CURRENT = timedelta(days=1)
"""How long after its first request an interrupted scan is gone on with where figures may still change."""

Plan = Callable[[Period], Sequence[Period]]
"""Gives the windows that a stretch of time is asked for in."""


def overlaps(one: Period, other: Period) -> bool:
    """Tell whether two stretches of time share a moment."""
    return one.start < other.end and other.start < one.end


def contains(whole: Period, part: Period) -> bool:
    """Tell whether one stretch of time holds another."""
    return whole.start <= part.start and part.end <= whole.end


def uncovered(reach: Period, held: Iterable[Period]) -> list[Period]:
    """Give what is left of a stretch of time, oldest first.

    >>> october = Period.parse("2026-10")
    >>> [str(each) for each in uncovered(october, [Period.parse("2026-10-05"), Period.parse("2026-10-31")])]
    ['2026-10-01 to 2026-10-05 (UTC, end excluded)', '2026-10-06 to 2026-10-31 (UTC, end excluded)']
    """
    left: list[Period] = []
    start = reach.start
    for each in sorted(held, key=lambda period: period.start):
        if each.start > start:
            left.append(Period(start, min(each.start, reach.end)))
        start = max(start, each.end)
        if start >= reach.end:
            return left
    return [*left, Period(start, reach.end)]


def to_fetch(windows: Sequence[Period], kept: Sequence[Period], old: Sequence[Period], plan: Plan) -> list[Period]:
    """Give the windows to ask for, oldest first.

    `windows` are those of the whole period; `kept` need not be asked for; `old` are held, and asked for anew where
    they touch the period. A window to ask for holds an old one whole or not at all, so that it can take its place.
    """
    reach = Period(windows[0].start, windows[-1].end)
    anew = [each for each in old if overlaps(each, reach) and not any(contains(other, each) for other in kept)]
    extent = Period(min([reach.start, *(each.start for each in anew)]), max([reach.end, *(each.end for each in anew)]))
    beside = [each for each in old if each not in anew and not overlaps(each, reach)]
    found: list[Period] = []
    for piece in uncovered(extent, [*kept, *beside]):
        found += _in_one_piece(piece, [each for each in anew if overlaps(each, piece)], plan)
    return found


def _in_one_piece(piece: Period, old: Sequence[Period], plan: Plan) -> list[Period]:
    """Plan a piece; where a new window would end inside an old one, ask for the old ones as they were."""
    planned = list(plan(piece))
    if all(any(contains(new, each) for new in planned) for each in old):
        return planned
    pieces = sorted([*old, *uncovered(piece, old)], key=lambda period: period.start)
    return [window for each in pieces for window in plan(each)]


def is_current(fetched_at: datetime, now: datetime, *, settled: bool) -> bool:
    """Tell whether what an interrupted scan fetched still goes with what is fetched now."""
    return settled or now - fetched_at < STILL_CURRENT
