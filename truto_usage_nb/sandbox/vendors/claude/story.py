"""What a day with Claude is, in lines of use, and what of it the vendor shows at a moment.

The settled lines of a day depend on seed, account and day alone. What is shown depends on how long ago the day was:
Enterprise values come late and are restated for thirty days, as the vendor says of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import NamedTuple

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.company import (
    Account,
    Person,
    cache_broken,
    growth,
    moved_to_sonnet,
    refund_day,
    runaway,
    weekday_factor,
)
from truto_usage_nb.sandbox.seeds import chance, integer, rng, spread, token_id, uniform
from truto_usage_nb.sandbox.vendors.claude.people import (
    CONTAINER_CENTS,
    DATA,
    EVEN_MINUTES,
    NOTHING,
    PLATFORM,
    PRODUCTION,
    SESSION_QUARTER_CENTS,
    SLACK_CHANNELS,
    TIER_FACTOR,
    Actor,
    Counts,
    UseLine,
    add,
    appetite,
    busy,
    crew,
    groups_of,
    hours_of,
    key_id,
    prompted,
    scaled,
    service,
    shares,
    user,
)

RUNAWAY_KEY = "ci"
RUNAWAY_MODEL = "claude-opus-5"
_RUNAWAY_FACTOR = 24
_REFUND_CENTS = Decimal("-185000")
_HIT, _HIT_BROKEN = 0.88, 0.12
_SUBSCRIBERS = frozenset({"mobile"})
_CODE_TEAMS = frozenset({"platform"})


@dataclass(frozen=True, slots=True)
class _Stream:
    """One steady use of the API: a key, a model, a tier, and the tokens of an ordinary Monday."""

    key: str
    model: str
    prompt: float
    output: float
    product: str = "messages_api"
    workspace: str | None = None
    owner: str | None = None
    tier: str = "standard"
    context: str = "0-200k"
    hit: float = _HIT
    searches: float = 0.0


_STREAMS: tuple[_Stream, ...] = (
    _Stream("assistant", "claude-sonnet-5-5", 260e6, 4.2e6, workspace=PRODUCTION, owner="assistant", searches=420),
    _Stream("assistant", "claude-sonnet-5-5", 60e6, 1.0e6, workspace=PRODUCTION, owner="assistant", tier="priority"),
    _Stream("assistant", "claude-opus-5-5", 42e6, 0.9e6, workspace=PRODUCTION, owner="assistant"),
    _Stream("triage", "claude-haiku-4-5", 95e6, 2.6e6, workspace=PRODUCTION, owner="assistant"),
    _Stream("nightly", "claude-haiku-4-5", 70e6, 6e6, "message_batches_api", DATA, "pipelines", tier="batch", hit=0.35),
    _Stream(
        "nightly", "claude-sonnet-5-5", 24e6, 2.4e6, "message_batches_api", DATA, "pipelines", tier="batch", hit=0.35
    ),
    _Stream("evals", "claude-haiku-4-5", 18e6, 1.1e6, workspace=DATA, owner="pipelines", tier="flex"),
    _Stream(
        "long-docs", "claude-sonnet-4-5", 9e6, 0.2e6, workspace=DATA, owner="pipelines", context="200k-1M", hit=0.3
    ),
    _Stream(RUNAWAY_KEY, RUNAWAY_MODEL, 5e6, 0.16e6, workspace=PLATFORM, hit=0.2),
    _Stream("ci-review", "claude-sonnet-5-5", 4e6, 0.09e6, "claude_code", PLATFORM),
    _Stream("legacy", "claude-opus-5", 6e6, 0.2e6),
    _Stream("agents", "claude-sonnet-5-5", 22e6, 0.7e6, "managed_agents_api", PRODUCTION, "agents", searches=60),
)
_KEYLESS_ACTOR = frozenset({"legacy"})  # a key from before owners were recorded


def console_lines(seed: int, day: date, scale: float) -> Iterator[UseLine]:
    """Yield everything the Console account metered on a day."""
    for again in range(max(1, round(scale))):
        share = scale / max(1, round(scale))
        for number, stream in enumerate(_STREAMS):
            yield _metered(seed, day, replace(stream, key=_numbered(stream.key, again)), number, share)
        yield from _without_tokens(seed, day, again)
    yield _health_check(seed, day)
    yield from _refund(seed, day)
    for person in crew("console", scale):
        yield from _console_person(seed, day, person)


def _numbered(key: str, again: int) -> str:
    return key if again == 0 else f"{key}-{again + 1}"


def _owner(seed: int, stream: _Stream) -> Actor | None:
    if stream.owner is not None:
        return service(seed, stream.owner)
    if stream.key.partition("-")[0] in _KEYLESS_ACTOR:
        return None
    return Actor("api", key_id(seed, stream.key), name=stream.key)


def _factor(stream: _Stream, day: date) -> float:
    """Return how busy a stream is: what serves customers rests less at weekends, a forgotten loop never."""
    if runaway(day) and stream.model == RUNAWAY_MODEL and stream.workspace == PLATFORM:
        return _RUNAWAY_FACTOR * growth(day)
    base = weekday_factor(day) ** 0.5 if stream.owner else weekday_factor(day)
    return base * growth(day)


def _metered(seed: int, day: date, stream: _Stream, number: int, share: float) -> UseLine:
    """Return a stream's line of the day; a broken cache turns hits into writes, prompt tokens stay as many."""
    r = rng(seed, "claude-console", day, stream.key, number)
    size = _factor(stream, day) * share
    hit = _HIT_BROKEN if stream.hit == _HIT and cache_broken(day) else stream.hit
    counts = prompted(r, stream.prompt * size, stream.output * size, hit)
    agents = stream.product == "managed_agents_api"
    return UseLine(
        day,
        counts._replace(searches=int(spread(r, stream.searches * size))),
        stream.product,
        stream.model,
        _owner(seed, stream),
        stream.tier,
        stream.context,
        stream.workspace,
        key_id(seed, stream.key),
        session=token_id(seed, "sesn_01", day, stream.key) if agents else None,
        agent=token_id(seed, "agent_01", stream.key) if agents else None,
        billable=stream.tier in TIER_FACTOR,
    )


def _without_tokens(seed: int, day: date, again: int) -> Iterator[UseLine]:
    """Yield money that has no tokens: session hours of managed agents, and code execution, which has no product."""
    r = rng(seed, "claude-console", day, "no tokens", again)
    size = weekday_factor(day) * growth(day)
    agents, owner = _numbered("agents", again), service(seed, "agents")
    quarters = int(spread(r, 360 * size)) + 1
    yield UseLine(
        day,
        Counts(units=quarters),
        "managed_agents_api",
        actor=owner,
        workspace=PRODUCTION,
        api_key=key_id(seed, agents),
        session=token_id(seed, "sesn_01", day, agents),
        agent=token_id(seed, "agent_01", agents),
        cost_type="session_usage",
        unit_cents=SESSION_QUARTER_CENTS,
    )
    spans = int(spread(r, 90 * size)) + 1
    yield UseLine(
        day,
        Counts(requests=spans, units=spans * integer(r, 3, 6)),
        actor=service(seed, "pipelines"),
        workspace=DATA,
        api_key=key_id(seed, _numbered("nightly", again)),
        cost_type="code_execution",
        unit_cents=CONTAINER_CENTS,
    )


def _health_check(seed: int, day: date) -> UseLine:
    """Return the smallest line there is: 375 cached tokens of a probe in the default workspace, $0.0000375 at list."""
    actor = Actor("api", key_id(seed, "probe"), name="probe")
    return UseLine(day, Counts(cache_read=375, requests=1), "messages_api", "claude-haiku-4-5", actor, api_key=actor.id)


def _refund(seed: int, day: date) -> Iterator[UseLine]:
    """Yield the vendor's refund for the runaway key: one negative amount, no tokens."""
    if refund_day(day):
        actor = Actor("api", key_id(seed, RUNAWAY_KEY), name=RUNAWAY_KEY)
        yield UseLine(
            day,
            Counts(units=1),
            "messages_api",
            RUNAWAY_MODEL,
            actor,
            workspace=PLATFORM,
            api_key=actor.id,
            unit_cents=_REFUND_CENTS,
        )


def _console_person(seed: int, day: date, person: Person) -> Iterator[UseLine]:
    """Yield one person's Claude Code: billed by the API for the platform team, a subscription for mobile."""
    r = rng(seed, "claude-console", day, person.key)
    teams = set(person.teams)
    subscribed = not teams & _CODE_TEAMS and bool(teams & _SUBSCRIBERS)
    if person.kind == "service" or not (subscribed or teams & _CODE_TEAMS) or not busy(r, day, person):
        return
    main = "claude-sonnet-5-5" if moved_to_sonnet(day) else "claude-opus-5-5"
    for model, share in ((main, 1.0), ("claude-haiku-4-5", 0.15)):
        yield from _code_lines(r, UseLine(day, Counts(), "claude_code", model, user(seed, person)), share, subscribed)
    if "platform" in teams and chance(r, 0.08):
        counts = prompted(r, 40_000, 3_000, 0.1)
        yield UseLine(day, counts, "claude_console", main, user(seed, person))


def _code_lines(r: Random, line: UseLine, share: float, subscribed: bool) -> Iterator[UseLine]:
    counts = prompted(r, 5.2e6 * share, 60_000 * share, 0.93)
    line = line._replace(subscription=subscribed, workspace=None if subscribed else PLATFORM)
    yield line.with_counts(counts)
    if chance(r, 0.25):
        yield line._replace(counts=prompted(r, 0.9e6 * share, 12_000 * share, 0.9), remote=True)


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


def enterprise_lines(seed: int, account_id: str, kind: str, day: date, scale: float) -> Iterator[UseLine]:
    """Yield everything an Enterprise account metered on a day, settled."""
    for person in crew(kind, scale):
        if kind == "enterprise" or "claude_seats" not in person.idle_in:
            yield from _enterprise_person(seed, account_id, kind, day, person)
    yield from _nobody(seed, account_id, kind, day, scale)


def _enterprise_person(seed: int, account_id: str, kind: str, day: date, person: Person) -> Iterator[UseLine]:
    r = rng(seed, account_id, day, person.key)
    if not busy(r, day, person):
        return
    size = appetite(seed, person.key) * growth(day)
    for habit in HABITS:
        if chance(r, habit.likely) and (not habit.engineers_only or _ENGINEERING.intersection(person.teams)):
            model = _model(habit, person, day)
            billed = kind == "enterprise" or _over(seed, person, day)
            base = UseLine(
                day, Counts(), habit.product, model, user(seed, person), groups=groups_of(person), billable=billed
            )
            yield from (_settling(r, line) for line in _habit_lines(r, habit, base, size))


def _habit_lines(r: Random, habit: Habit, base: UseLine, size: float) -> Iterator[UseLine]:
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


def _settling(r: Random, line: UseLine) -> UseLine:
    """Return the line with what will still happen to it: some come days late, many are restated for a month."""
    late = integer(r, 1, 3) if chance(r, 0.02) else 0
    return line._replace(late_days=late, restated=integer(r, -15, 60))


def _nobody(seed: int, account_id: str, kind: str, day: date, scale: float) -> Iterator[UseLine]:
    """Yield money without a user: Claude in Slack channels, and automatic code review."""
    r = rng(seed, account_id, day, "nobody")
    size = weekday_factor(day) * growth(day) * scale * (1.0 if kind == "enterprise" else 0.3)
    for channel in SLACK_CHANNELS:
        counts = prompted(r, 3.4e6 * size, 60_000 * size, 0.7)
        yield _settling(r, UseLine(day, counts, "claude_tag", "claude-sonnet-5-5", slack_channel=channel))
    if kind == "enterprise":
        counts = prompted(r, 16e6 * size, 210_000 * size, 0.75)
        yield _settling(r, UseLine(day, counts, "claude_code", "claude-opus-5-5"))


ONE_DAY, ONE_HOUR, ONE_MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
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


def settled_lines(world: World, account: Account, day: date) -> tuple[UseLine, ...]:
    """Return a day's lines as they will stand in the end, those of subscriptions included."""
    return _settled(_source(world, account), day)


class _Source(NamedTuple):
    """All that a day's settled lines depend on beside the day."""

    seed: int
    account_id: str
    kind: str
    scale: float


def _source(world: World, account: Account) -> _Source:
    return _Source(world.seed, account.twin_of or account.id, account.kind, world.scale)


@lru_cache(maxsize=2048)
def _settled(source: _Source, day: date) -> tuple[UseLine, ...]:
    if source.kind == "console":
        return tuple(console_lines(source.seed, day, source.scale))
    return tuple(enterprise_lines(source.seed, source.account_id, source.kind, day, source.scale))


def refreshed_until(world: World, account: Account) -> datetime:
    """Return the hour up to which the reports have data: minutes old on Console, hours on Enterprise."""
    seen = world.now - (_CONSOLE_LAG if is_console(account) else _ENTERPRISE_LAG)
    return seen.replace(minute=0, second=0, microsecond=0)


def published(world: World, account: Account, day: date) -> tuple[UseLine, ...]:
    """Return a day's lines as the usage and cost reports state them now; none for a day that has not begun.

    The lines of a running day are whole; `slices` cuts them at the hour of the refresh.
    """
    until = refreshed_until(world, account)
    if midnight(day) >= until:
        return ()
    age = min(RESTATED_DAYS, max(0, (until - midnight(day)).days - 1))
    return _as_of(_source(world, account), day, age)


@lru_cache(maxsize=2048)
def _as_of(source: _Source, day: date, age: int) -> tuple[UseLine, ...]:
    return tuple(
        _restated(line, age) for line in _settled(source, day) if line.late_days <= age and not line.subscription
    )


def _restated(line: UseLine, age: int) -> UseLine:
    """Return a line as published `age` days after its day: the error melts away over the month."""
    if age >= RESTATED_DAYS or not line.restated:
        return line
    off = line.restated * (RESTATED_DAYS - age)
    return line.with_counts(scaled(line.counts, 1000 * RESTATED_DAYS - off, 1000 * RESTATED_DAYS))


def slices(line: UseLine, width: timedelta, until: datetime) -> Iterable[tuple[datetime, Counts]]:
    """Return the line's counts by bucket of a day, an hour or a minute, up to `until`; empty buckets are left out.

    Coarse buckets are sums of fine ones, exactly.
    """
    start = midnight(line.day)
    if width == ONE_DAY:
        whole = line.counts if until >= start + ONE_DAY else _until(line, (until - start) // ONE_HOUR)
        return [(start, whole)] if any(whole) else []
    pieces = _hours(line, start, until) if width == ONE_HOUR else _minutes(line, start, until)
    return ((at, counts) for at, counts in pieces if any(counts))


def _hours(line: UseLine, start: datetime, until: datetime) -> Iterator[tuple[datetime, Counts]]:
    for hour, counts in enumerate(shares(line.counts, hours_of(line))):
        if start + hour * ONE_HOUR < until:
            yield start + hour * ONE_HOUR, counts


def _minutes(line: UseLine, start: datetime, until: datetime) -> Iterator[tuple[datetime, Counts]]:
    for hour, counts in _hours(line, start, until):
        for minute, share in enumerate(shares(counts, EVEN_MINUTES)):
            yield hour + minute * ONE_MINUTE, share


def _until(line: UseLine, hours: int) -> Counts:
    total = NOTHING
    for counts in list(shares(line.counts, hours_of(line)))[:hours]:
        total = add(total, counts)
    return total


def updated_at(world: World, account: Account, day: date) -> datetime:
    """Return when the day's values last changed: the refresh that settled them, or else the latest one."""
    settles = midnight(day) + ONE_DAY + (ONE_HOUR if is_console(account) else timedelta(days=RESTATED_DAYS))
    return min(settles, refreshed_until(world, account))
