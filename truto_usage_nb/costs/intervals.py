"""Stretches of time as whole numbers, `[start, end)`: which meet, which lie in which. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

__all__ = ["Union"]


class Union:
    """Hold what some stretches of time cover together; an instant covers its own bin."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted((s, max(e, s + 1)) for s, e in spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def meets(self, start: int, end: int) -> bool:
        """Tell whether a stretch shares a moment with what is covered.

        >>> week = Union([(1, 8)])
        >>> week.meets(7, 8), week.meets(8, 9), week.meets(0, 30)
        (True, False, True)
        """
        at = bisect_right(self._starts, max(end, start + 1) - 1) - 1
        return at >= 0 and self._ends[at] > start

    def begin_of(self, start: int) -> int:
        """Give where the stretch begins that holds a moment.

        >>> Union([(1, 8), (8, 9)]).begin_of(8)
        8
        """
        return self._starts[bisect_right(self._starts, start) - 1]

    @property
    def bounds(self) -> tuple[int, int]:
        """Give the first and the last moment, the end excluded."""
        return self._starts[0], self._ends[-1]
