"""The Console account's day: keys that serve, batches, agents, and people on Claude Code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

from truto_usage_nb.sandbox.company import (
    Person,
    cache_broken,
    growth,
    moved_to_sonnet,
    refund_day,
    runaway,
    weekday_factor,
)
from truto_usage_nb.sandbox.seeds import chance, integer, rng, spread, token_id
from truto_usage_nb.sandbox.vendors.claude import prices
from truto_usage_nb.sandbox.vendors.claude.directory import DATA, PLATFORM, PRODUCTION, crew, key_id, service, user
from truto_usage_nb.sandbox.vendors.claude.habits import busy, prompted
from truto_usage_nb.sandbox.vendors.claude.line import Actor, Counts, Line

RUNAWAY_KEY = "ci"
RUNAWAY_MODEL = "claude-opus-5"
_RUNAWAY_FACTOR = 24
_REFUND_CENTS = Decimal("-185000")
_HIT, _HIT_BROKEN = 0.88, 0.12
_SUBSCRIBERS = frozenset({"mobile"})
_CODE_TEAMS = frozenset({"platform"})


@dataclass(frozen=True, slots=True)
class Stream:
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


STREAMS: tuple[Stream, ...] = (
    Stream("assistant", "claude-sonnet-5-5", 260e6, 4.2e6, workspace=PRODUCTION, owner="assistant", searches=420),
    Stream("assistant", "claude-sonnet-5-5", 60e6, 1.0e6, workspace=PRODUCTION, owner="assistant", tier="priority"),
    Stream("assistant", "claude-opus-5-5", 42e6, 0.9e6, workspace=PRODUCTION, owner="assistant"),
    Stream("triage", "claude-haiku-4-5", 95e6, 2.6e6, workspace=PRODUCTION, owner="assistant"),
    Stream("nightly", "claude-haiku-4-5", 70e6, 6e6, "message_batches_api", DATA, "pipelines", tier="batch", hit=0.35),
    Stream(
        "nightly", "claude-sonnet-5-5", 24e6, 2.4e6, "message_batches_api", DATA, "pipelines", tier="batch", hit=0.35
    ),
    Stream("evals", "claude-haiku-4-5", 18e6, 1.1e6, workspace=DATA, owner="pipelines", tier="flex"),
    Stream("long-docs", "claude-sonnet-4-5", 9e6, 0.2e6, workspace=DATA, owner="pipelines", context="200k-1M", hit=0.3),
    Stream(RUNAWAY_KEY, RUNAWAY_MODEL, 5e6, 0.16e6, workspace=PLATFORM, hit=0.2),
    Stream("ci-review", "claude-sonnet-5-5", 4e6, 0.09e6, "claude_code", PLATFORM),
    Stream("legacy", "claude-opus-5", 6e6, 0.2e6),
    Stream("agents", "claude-sonnet-5-5", 22e6, 0.7e6, "managed_agents_api", PRODUCTION, "agents", searches=60),
)
_KEYLESS_ACTOR = frozenset({"legacy"})  # a key from before owners were recorded


def lines(seed: int, day: date, scale: float) -> Iterator[Line]:
    """Yield everything the Console account metered on a day."""
    for again in range(max(1, round(scale))):
        share = scale / max(1, round(scale))
        for number, stream in enumerate(STREAMS):
            yield _metered(seed, day, replace(stream, key=_numbered(stream.key, again)), number, share)
        yield from _without_tokens(seed, day, again)
    yield _health_check(seed, day)
    yield from _refund(seed, day)
    for person in crew("console", scale):
        yield from _person(seed, day, person)


def _numbered(key: str, again: int) -> str:
    return key if again == 0 else f"{key}-{again + 1}"


def _owner(seed: int, stream: Stream) -> Actor | None:
    if stream.owner is not None:
        return service(seed, stream.owner)
    if stream.key.partition("-")[0] in _KEYLESS_ACTOR:
        return None
    return Actor("api", key_id(seed, stream.key), name=stream.key)


def _factor(stream: Stream, day: date) -> float:
    """Return how busy a stream is: what serves customers rests less at weekends, a forgotten loop never."""
    if runaway(day) and stream.model == RUNAWAY_MODEL and stream.workspace == PLATFORM:
        return _RUNAWAY_FACTOR * growth(day)
    base = weekday_factor(day) ** 0.5 if stream.owner else weekday_factor(day)
    return base * growth(day)


def _metered(seed: int, day: date, stream: Stream, number: int, share: float) -> Line:
    """Return a stream's line of the day; a broken cache turns hits into writes, prompt tokens stay as many."""
    r = rng(seed, "claude-console", day, stream.key, number)
    size = _factor(stream, day) * share
    hit = _HIT_BROKEN if stream.hit == _HIT and cache_broken(day) else stream.hit
    counts = prompted(r, stream.prompt * size, stream.output * size, hit)
    agents = stream.product == "managed_agents_api"
    return Line(
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
        billable=stream.tier in prices.TIER_FACTOR,
    )


def _without_tokens(seed: int, day: date, again: int) -> Iterator[Line]:
    """Yield money that has no tokens: session hours of managed agents, and code execution, which has no product."""
    r = rng(seed, "claude-console", day, "no tokens", again)
    size = weekday_factor(day) * growth(day)
    agents, owner = _numbered("agents", again), service(seed, "agents")
    quarters = int(spread(r, 360 * size)) + 1
    yield Line(
        day,
        Counts(units=quarters),
        "managed_agents_api",
        actor=owner,
        workspace=PRODUCTION,
        api_key=key_id(seed, agents),
        session=token_id(seed, "sesn_01", day, agents),
        agent=token_id(seed, "agent_01", agents),
        cost_type="session_usage",
        unit_cents=prices.SESSION_QUARTER_CENTS,
    )
    spans = int(spread(r, 90 * size)) + 1
    yield Line(
        day,
        Counts(requests=spans, units=spans * integer(r, 3, 6)),
        actor=service(seed, "pipelines"),
        workspace=DATA,
        api_key=key_id(seed, _numbered("nightly", again)),
        cost_type="code_execution",
        unit_cents=prices.CONTAINER_CENTS,
    )


def _health_check(seed: int, day: date) -> Line:
    """Return the smallest line there is: 375 cached tokens of a probe in the default workspace, $0.0000375 at list."""
    actor = Actor("api", key_id(seed, "probe"), name="probe")
    return Line(day, Counts(cache_read=375, requests=1), "messages_api", "claude-haiku-4-5", actor, api_key=actor.id)


def _refund(seed: int, day: date) -> Iterator[Line]:
    """Yield the vendor's refund for the runaway key: one negative amount, no tokens."""
    if refund_day(day):
        actor = Actor("api", key_id(seed, RUNAWAY_KEY), name=RUNAWAY_KEY)
        yield Line(
            day,
            Counts(units=1),
            "messages_api",
            RUNAWAY_MODEL,
            actor,
            workspace=PLATFORM,
            api_key=actor.id,
            unit_cents=_REFUND_CENTS,
        )


def _person(seed: int, day: date, person: Person) -> Iterator[Line]:
    """Yield one person's Claude Code: billed by the API for the platform team, a subscription for mobile."""
    r = rng(seed, "claude-console", day, person.key)
    teams = set(person.teams)
    subscribed = not teams & _CODE_TEAMS and bool(teams & _SUBSCRIBERS)
    if person.kind == "service" or not (subscribed or teams & _CODE_TEAMS) or not busy(r, day, person):
        return
    main = "claude-sonnet-5-5" if moved_to_sonnet(day) else "claude-opus-5-5"
    for model, share in ((main, 1.0), ("claude-haiku-4-5", 0.15)):
        yield from _code_lines(r, Line(day, Counts(), "claude_code", model, user(seed, person)), share, subscribed)
    if "platform" in teams and chance(r, 0.08):
        counts = prompted(r, 40_000, 3_000, 0.1)
        yield Line(day, counts, "claude_console", main, user(seed, person))


def _code_lines(r: Random, line: Line, share: float, subscribed: bool) -> Iterator[Line]:
    counts = prompted(r, 5.2e6 * share, 60_000 * share, 0.93)
    line = line._replace(subscription=subscribed, workspace=None if subscribed else PLATFORM)
    yield line.with_counts(counts)
    if chance(r, 0.25):
        yield line._replace(counts=prompted(r, 0.9e6 * share, 12_000 * share, 0.9), remote=True)
