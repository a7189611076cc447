"""The list behind a query's pages: made lazily, kept in part, so page k does not make pages 1 to k-1 again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from threading import Lock
from typing import NamedTuple

from truto_usage_nb.sandbox.ask import Ask, Vendor
from truto_usage_nb.sandbox.wire import dump

_KEEP_ITEMS = 4_000
_MAKE_ITEMS = 1_000  # at a time, before old ones are forgotten
_KEEP_ITEMS_IN_ALL = 24_000


class Item(NamedTuple):
    """One object of a result and, where it is asked for, the raw row behind it.

    Both are JSON: a list remembers thousands of items, and bytes cost less to keep, and to send again, than objects.
    """

    value: bytes
    row: bytes | None = None


def items(vendor: Vendor, ask: Ask, *, raw: bool, with_rows: bool) -> Iterator[Item]:
    """Yield a query's items one by one: raw rows, or the unified records made of them."""
    for row in vendor.collect(ask):
        if raw:
            yield Item(dump(row.row))
            continue
        behind = dump(row.row) if with_rows else None
        for record in vendor.unify(row, ask):
            yield Item(dump(record), behind)


class Listing:
    """A lazy list that remembers a window of what it made last; a step back beyond it makes the list anew."""

    def __init__(self, make: Callable[[], Iterator[Item]]) -> None:
        self._make = make
        self._lock = Lock()
        self._restart()

    def __len__(self) -> int:
        """Return how many items are held."""
        return len(self._held)

    def _restart(self) -> None:
        self._source = self._make()
        self._held: list[Item] = []
        self._first = 0  # the place in the list of the first item held

    def slice(self, offset: int, size: int) -> tuple[list[Item], bool]:
        """Return up to `size` items from `offset` on, and whether there are more after them."""
        with self._lock:
            if offset < self._first:
                self._restart()
            self._advance(offset, offset + size + 1)
            begin = offset - self._first
            found = self._held[begin : begin + size + 1]
            return found[:size], len(found) > size

    def _advance(self, offset: int, until: int) -> None:
        """Make items up to place `until`, forgetting old ones that lie before `offset`."""
        while (missing := until - self._first - len(self._held)) > 0:
            made = list(islice(self._source, min(missing, _MAKE_ITEMS)))
            if not made:
                return
            self._held += made
            if len(self._held) > 2 * _KEEP_ITEMS:
                self._forget(offset)

    def _forget(self, offset: int) -> None:
        surplus = min(len(self._held) - _KEEP_ITEMS, offset - self._first)
        if surplus > 0:
            del self._held[:surplus]
            self._first += surplus


class Listings:
    """The lists of the last queries, least recently used first out, bounded by the items they hold together."""

    def __init__(self) -> None:
        self._lists: OrderedDict[Hashable, Listing] = OrderedDict()
        self._lock = Lock()

    def slice(
        self, key: Hashable, make: Callable[[], Iterator[Item]], offset: int, size: int
    ) -> tuple[list[Item], bool]:
        """Return a slice of the list under `key`, made by `make` when it is not at hand."""
        with self._lock:
            listing = self._lists.setdefault(key, Listing(make))
            self._lists.move_to_end(key)
        try:
            found = listing.slice(offset, size)
        except BaseException:
            self._drop(key)  # a generator that raised is spent: the next request begins anew
            raise
        self._shrink()
        return found

    def _drop(self, key: Hashable) -> None:
        with self._lock:
            self._lists.pop(key, None)

    def _shrink(self) -> None:
        with self._lock:
            while len(self._lists) > 1 and sum(map(len, self._lists.values())) > _KEEP_ITEMS_IN_ALL:
                self._lists.popitem(last=False)
