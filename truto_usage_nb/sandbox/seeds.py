"""Seeded draws that give the same bytes on every Python.

Only `random.Random.random()` is used, the one generator method whose sequence the standard library promises to keep
for a given integer seed; every other draw is built from it here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

_T = TypeVar("_T")

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"
_LETTER_OF_BYTE = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_TOKEN_LENGTH = 24


def _digest(seed: int, keys: tuple[object, ...], size: int) -> bytes:
    return blake2b(repr((seed, *keys)).encode(), digest_size=size).digest()


def rng(seed: int, *keys: object) -> random.Random:
    """Return a generator that depends on the seed and the keys alone.

    >>> rng(7, "claude", "2026-10-01").random() == rng(7, "claude", "2026-10-01").random()
    True
    """
    return random.Random(int.from_bytes(_digest(seed, keys, 16), "big"))


def uniform(r: random.Random, lo: float, hi: float) -> float:
    """Draw a float in [lo, hi)."""
    return lo + (hi - lo) * r.random()


def integer(r: random.Random, lo: int, hi: int) -> int:
    """Draw a whole number in [lo, hi], both ends included."""
    return lo + int(r.random() * (hi - lo + 1))


def chance(r: random.Random, p: float) -> bool:
    """Say yes with probability p."""
    return r.random() < p


def choose(r: random.Random, seq: Sequence[_T]) -> _T:
    """Pick one of a non-empty sequence, each equally likely."""
    return seq[int(r.random() * len(seq))]


def spread(r: random.Random, mean: float, rel: float = 0.2) -> float:
    """Draw a float within `mean * (1 ± rel)`."""
    return mean * (1 + rel * (2 * r.random() - 1))


@lru_cache(maxsize=8192, typed=True)  # people and keys have one id all days; typed, for 1 and True spell differently
def token_id(seed: int, prefix: str, *keys: object) -> str:
    """Return a stable opaque id of 24 characters behind the prefix, such as `user_01AbC…`.

    >>> token_id(7, "user_01", "ada") == token_id(7, "user_01", "ada")
    True
    """
    return prefix + _digest(seed, (prefix, *keys), _TOKEN_LENGTH).translate(_LETTER_OF_BYTE).decode()
