"""A metered line: what one actor did with one model, in one product, on one day. All reports are sums of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import add as plus
from operator import sub as minus
from typing import NamedTuple

from truto_usage_nb.sandbox.company import Person


class Counts(NamedTuple):
    """What is counted on a line, all additive; the five token kinds are disjoint."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    requests: int = 0
    searches: int = 0
    units: int = 0

    @property
    def tokens(self) -> int:
        """Return all tokens: the five kinds added."""
        return self.input + self.output + self.cache_read + self.cache_write_5m + self.cache_write_1h


NOTHING = Counts()


def add(left: Counts, right: Counts) -> Counts:
    """Add two sets of counts, kind by kind."""
    return Counts._make(map(plus, left, right))


def scaled(counts: Counts, parts: int, of: int) -> Counts:
    """Return the share parts/of of every count, rounded down."""
    return Counts._make([count * parts // of for count in counts])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who used it: a `user` (then `person` is set), a `service` account, or an `api` key on its own, by its name."""

    kind: str
    id: str
    person: Person | None = field(default=None, hash=False)  # the id tells them apart already
    name: str | None = None


class Line(NamedTuple):
    """One metered line of a day, with every dimension the vendor can group by.

    `unit_cents` is the list price of one of `counts.units` (container and session time, refunds). `billable` is false
    for tokens without a cost row: Priority and flex capacity, and usage inside a seat's allowance. `subscription`
    lines are known to the Claude Code report alone. A late line appears `late_days` after its day; `restated` is by
    how many per mille its first published value is off.
    """

    day: date
    counts: Counts
    product: str | None = None
    model: str | None = None
    actor: Actor | None = None
    tier: str = "standard"
    context: str = "0-200k"
    workspace: str | None = None
    api_key: str | None = None
    session: str | None = None
    agent: str | None = None
    slack_channel: str | None = None
    groups: tuple[str, ...] = ()
    cost_type: str = "tokens"
    unit_cents: Decimal = Decimal(0)
    billable: bool = True
    subscription: bool = False
    remote: bool = False
    late_days: int = 0
    restated: int = 0

    def with_counts(self, counts: Counts) -> Line:
        """Return the same line with other counts."""
        return self._replace(counts=counts)


PEOPLE_HOURS = (0, 0, 0, 0, 0, 0, 1, 4, 9, 12, 12, 9, 6, 9, 12, 11, 9, 6, 4, 2, 1, 1, 0, 0)
MACHINE_HOURS = (5, 6, 6, 5, 4, 4, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5)
EVEN_MINUTES = (1,) * 60


def hours_of(line: Line) -> tuple[int, ...]:
    """Return the weights of a line's 24 hours UTC: people keep office hours, machines run round the clock."""
    return PEOPLE_HOURS if line.actor is not None and line.actor.kind == "user" else MACHINE_HOURS


def shares(counts: Counts, weights: Sequence[int]) -> Iterator[Counts]:
    """Cut counts into one share a weight, whole numbers that add up to them exactly."""
    of, done, before = sum(weights), 0, NOTHING
    for weight in weights:
        done += weight
        upto = scaled(counts, done, of)
        yield Counts._make(map(minus, upto, before))
        before = upto
