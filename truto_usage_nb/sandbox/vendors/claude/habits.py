"""How people and machines use tokens: prompts, cache hits, working days, appetites."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from random import Random

from truto_usage_nb.sandbox.company import Person, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, rng, spread, uniform
from truto_usage_nb.sandbox.vendors.claude.line import Counts

_WRITE_5M, _WRITE_1H = 0.55, 0.2  # of the prompt tokens that missed the cache; the rest is plain input
_PROMPT_PER_REQUEST = 24_000


def prompted(r: Random, prompt: float, output: float, hit: float) -> Counts:
    """Draw the counts of so many prompt and output tokens at a cache hit rate."""
    prompt, output = spread(r, prompt, 0.12), spread(r, output, 0.15)
    read = prompt * min(0.99, spread(r, hit, 0.02))
    missed = prompt - read
    five, hour = missed * spread(r, _WRITE_5M, 0.05), missed * spread(r, _WRITE_1H, 0.05)
    requests = max(1, int(prompt / spread(r, _PROMPT_PER_REQUEST, 0.3)))
    return Counts(int(missed - five - hour), int(output), int(read), int(five), int(hour), requests)


def busy(r: Random, day: date, person: Person) -> bool:
    """Say whether someone works with the tool on a day."""
    if person.left is not None and day > person.left:
        return False
    return chance(r, 0.88 * min(1.0, weekday_factor(day)))


@lru_cache(maxsize=4096)  # asked for each day of each person
def appetite(seed: int, key: str) -> float:
    """Return how much a person uses beside the average: a few use a lot."""
    return 0.35 + 1.9 * uniform(rng(seed, "claude appetite", key), 0, 1) ** 2
