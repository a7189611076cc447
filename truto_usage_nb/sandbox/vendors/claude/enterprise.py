"""The two Enterprise accounts' day: people in chat, Claude Code and the rest, and Slack, which nobody owns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from random import Random

from truto_usage_nb.sandbox.company import Person, growth, moved_to_sonnet, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, integer, rng, spread, uniform
from truto_usage_nb.sandbox.vendors.claude.directory import SLACK_CHANNELS, crew, groups_of, user
from truto_usage_nb.sandbox.vendors.claude.habits import appetite, busy, prompted
from truto_usage_nb.sandbox.vendors.claude.line import Counts, Line

_HELPER = "claude-haiku-4-5"
_MOVING_TEAM = "platform"


@dataclass(frozen=True, slots=True)
class Habit:
    """How an average person uses one product on a day: how likely, which model, how many tokens."""

    product: str
    likely: float
    model: str
    prompt: float
    output: float
    hit: float
    searches: float = 0.0
    engineers_only: bool = False


HABITS: tuple[Habit, ...] = (
    Habit("chat", 0.8, "claude-opus-5-5", 2.4e6, 90_000, 0.7, searches=3),
    Habit("claude_code", 0.9, "claude-opus-5-5", 41e6, 520_000, 0.93, engineers_only=True),
    Habit("cowork", 0.5, "claude-sonnet-5-5", 7e6, 110_000, 0.86, searches=2),
    Habit("research", 0.2, "claude-opus-5", 3.2e6, 70_000, 0.6, searches=24),
    Habit("office_agent", 0.35, "claude-sonnet-5-5", 1.6e6, 40_000, 0.75),
    Habit("claude_in_chrome", 0.25, "claude-haiku-4-5", 1.1e6, 18_000, 0.7),
    Habit("claude_design", 0.12, "claude-sonnet-5-5", 0.9e6, 50_000, 0.6),
)
_ENGINEERING = frozenset({"platform", "mobile", "data"})


def lines(seed: int, account_id: str, kind: str, day: date, scale: float) -> Iterator[Line]:
    """Yield everything an Enterprise account metered on a day, settled."""
    for person in crew(kind, scale):
        if kind == "enterprise" or "claude_seats" not in person.idle_in:
            yield from _person(seed, account_id, kind, day, person)
    yield from _nobody(seed, account_id, kind, day, scale)


def _person(seed: int, account_id: str, kind: str, day: date, person: Person) -> Iterator[Line]:
    r = rng(seed, account_id, day, person.key)
    if not busy(r, day, person):
        return
    size = appetite(seed, person.key) * growth(day)
    for habit in HABITS:
        if chance(r, habit.likely) and (not habit.engineers_only or _ENGINEERING.intersection(person.teams)):
            model = _model(habit, person, day)
            billed = kind == "enterprise" or _over(seed, person, day)
            base = Line(
                day, Counts(), habit.product, model, user(seed, person), groups=groups_of(person), billable=billed
            )
            yield from (_settling(r, line) for line in _habit_lines(r, habit, base, size))


def _habit_lines(r: Random, habit: Habit, base: Line, size: float) -> Iterator[Line]:
    """Yield what one product took: the model of choice, and beside Claude Code its small helper."""
    counts = prompted(r, habit.prompt * size, habit.output * size, habit.hit)
    yield base.with_counts(counts._replace(searches=int(spread(r, habit.searches))))
    if habit.product == "claude_code":
        yield base._replace(model=_HELPER, counts=prompted(r, habit.prompt * size * 0.12, 15_000 * size, 0.8))


def _model(habit: Habit, person: Person, day: date) -> str:
    """Return the model in use: the platform team leaves opus for sonnet on its day."""
    if habit.product == "claude_code" and _MOVING_TEAM in person.teams and moved_to_sonnet(day):
        return "claude-sonnet-5-5"
    return habit.model


def _over(seed: int, person: Person, day: date) -> bool:
    """Say whether a seat's monthly allowance is used up: heavy users reach the end of theirs late in the month."""
    want = appetite(seed, person.key)
    return want > 0.8 and day.day >= max(9, 28 - int(10 * want + _luck(seed, person.key, day.year, day.month)))


@lru_cache(maxsize=4096)  # a month asks for each of its days and products
def _luck(seed: int, key: str, year: int, month: int) -> float:
    return uniform(rng(seed, "allowance", key, year, month), 0, 4)


def _settling(r: Random, line: Line) -> Line:
    """Return the line with what will still happen to it: some come days late, many are restated for a month."""
    late = integer(r, 1, 3) if chance(r, 0.02) else 0
    return line._replace(late_days=late, restated=integer(r, -15, 60))


def _nobody(seed: int, account_id: str, kind: str, day: date, scale: float) -> Iterator[Line]:
    """Yield money without a user: Claude in Slack channels, and automatic code review."""
    r = rng(seed, account_id, day, "nobody")
    size = weekday_factor(day) * growth(day) * scale * (1.0 if kind == "enterprise" else 0.3)
    for channel in SLACK_CHANNELS:
        counts = prompted(r, 3.4e6 * size, 60_000 * size, 0.7)
        yield _settling(r, Line(day, counts, "claude_tag", "claude-sonnet-5-5", slack_channel=channel))
    if kind == "enterprise":
        counts = prompted(r, 16e6 * size, 210_000 * size, 0.75)
        yield _settling(r, Line(day, counts, "claude_code", "claude-opus-5-5"))
