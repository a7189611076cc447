"""What the generator knows about a day, and what of it the vendor shows at a moment.

The settled lines of a day depend on seed, account and day alone. What is shown depends on how long ago the day was:
Enterprise values come late and are restated for thirty days, as the vendor says of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.vendors.claude import console, enterprise
from truto_usage_nb.sandbox.vendors.claude.line import (
    EVEN_MINUTES,
    NOTHING,
    Counts,
    Line,
    add,
    hours_of,
    scaled,
    shares,
)

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
RESTATED_DAYS = 30
_CONSOLE_LAG = timedelta(minutes=5)
_ENTERPRISE_LAG = timedelta(hours=4)


def is_console(account: Account) -> bool:
    """Say whether the account is a Console organisation."""
    return account.kind == "console"


@lru_cache(maxsize=1024)  # all lines of a day begin there
def midnight(day: date) -> datetime:
    """Return the day's first instant, UTC."""
    return datetime.combine(day, time(), UTC)


def settled_lines(world: World, account: Account, day: date) -> tuple[Line, ...]:
    """Return a day's lines as they will stand in the end, those of subscriptions included."""
    return _settled(_source(world, account), day)


class Source(NamedTuple):
    """All that a day's settled lines depend on beside the day."""

    seed: int
    account_id: str
    kind: str
    scale: float


def _source(world: World, account: Account) -> Source:
    return Source(world.seed, account.twin_of or account.id, account.kind, world.scale)


@lru_cache(maxsize=2048)
def _settled(source: Source, day: date) -> tuple[Line, ...]:
    if source.kind == "console":
        return tuple(console.lines(source.seed, day, source.scale))
    return tuple(enterprise.lines(source.seed, source.account_id, source.kind, day, source.scale))


def refreshed_until(world: World, account: Account) -> datetime:
    """Return the hour up to which the reports have data: minutes old on Console, hours on Enterprise."""
    seen = world.now - (_CONSOLE_LAG if is_console(account) else _ENTERPRISE_LAG)
    return seen.replace(minute=0, second=0, microsecond=0)


def published(world: World, account: Account, day: date) -> tuple[Line, ...]:
    """Return a day's lines as the usage and cost reports state them now; none for a day that has not begun.

    The lines of a running day are whole; `slices` cuts them at the hour of the refresh.
    """
    until = refreshed_until(world, account)
    if midnight(day) >= until:
        return ()
    age = min(RESTATED_DAYS, max(0, (until - midnight(day)).days - 1))
    return _as_of(_source(world, account), day, age)


@lru_cache(maxsize=2048)
def _as_of(source: Source, day: date, age: int) -> tuple[Line, ...]:
    return tuple(
        _restated(line, age) for line in _settled(source, day) if line.late_days <= age and not line.subscription
    )


def _restated(line: Line, age: int) -> Line:
    """Return a line as published `age` days after its day: the error melts away over the month."""
    if age >= RESTATED_DAYS or not line.restated:
        return line
    off = line.restated * (RESTATED_DAYS - age)
    return line.with_counts(scaled(line.counts, 1000 * RESTATED_DAYS - off, 1000 * RESTATED_DAYS))


def slices(line: Line, width: timedelta, until: datetime) -> Iterable[tuple[datetime, Counts]]:
    """Return the line's counts by bucket of a day, an hour or a minute, up to `until`; empty buckets are left out.

    Coarse buckets are sums of fine ones, exactly.
    """
    start = midnight(line.day)
    if width == DAY:
        whole = line.counts if until >= start + DAY else _until(line, (until - start) // HOUR)
        return [(start, whole)] if any(whole) else []
    pieces = _hours(line, start, until) if width == HOUR else _minutes(line, start, until)
    return ((at, counts) for at, counts in pieces if any(counts))


def _hours(line: Line, start: datetime, until: datetime) -> Iterator[tuple[datetime, Counts]]:
    for hour, counts in enumerate(shares(line.counts, hours_of(line))):
        if start + hour * HOUR < until:
            yield start + hour * HOUR, counts


def _minutes(line: Line, start: datetime, until: datetime) -> Iterator[tuple[datetime, Counts]]:
    for hour, counts in _hours(line, start, until):
        for minute, share in enumerate(shares(counts, EVEN_MINUTES)):
            yield hour + minute * MINUTE, share


def _until(line: Line, hours: int) -> Counts:
    total = NOTHING
    for counts in list(shares(line.counts, hours_of(line)))[:hours]:
        total = add(total, counts)
    return total


def updated_at(world: World, account: Account, day: date) -> datetime:
    """Return when the day's values last changed: the refresh that settled them, or else the latest one."""
    settles = midnight(day) + DAY + (HOUR if is_console(account) else timedelta(days=RESTATED_DAYS))
    return min(settles, refreshed_until(world, account))
