"""One name for each path: joined by `_`, and by more where that name is taken."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from truto_usage_nb.frames.parts import Path

_WIDEST_JOINT = 4


class Names:
    """Hand out column names; the first to ask for a name gets it."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def give(self, path: Path) -> str:
        """Give a name to a path: joined by `_`; if that is taken, by `__` at every joint, and so on.

        A dot inside a key becomes `_` too: no column name may hold one (PySpark and DuckDB read it as a path).

        >>> names = Names([])
        >>> names.give(("a", "b_c")), names.give(("a_b", "c"))
        ('a_b_c', 'a_b__c')
        """
        name = next(name for name in _candidates(path) if name not in self._taken)
        self._taken.add(name)
        return name


def _candidates(path: Path) -> Iterable[str]:
    keys = [key.replace(".", "_") for key in path]
    for width in range(1, _WIDEST_JOINT + 1):
        yield ("_" * width).join(keys) or "_" * width
    for number in count(2):
        yield f"{'_'.join(keys)}__{number}"
