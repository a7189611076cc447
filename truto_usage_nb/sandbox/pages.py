"""One page of one query: the list behind it, where it begins, how long it is, and the cursors that lead away from it.

A list is made lazily and kept in part, so that page k does not make pages 1 to k-1 again; a cursor is opaque, and
refused when it comes back with another query.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple

from truto_usage_nb.sandbox.ask import Ask, Vendor, World
from truto_usage_nb.sandbox.company import ACCOUNTS, Account
from truto_usage_nb.sandbox.params import Params
from truto_usage_nb.sandbox.wire import Problem, dump

_MARK_BYTES = 9


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: how many items come before it, and the how-manieth page of its walk it is."""

    offset: int = 0
    page: int = 0


def mark_of(*query: object) -> str:
    """Return the fingerprint of a query, to which its cursors are bound."""
    return blake2b(repr(query).encode(), digest_size=_MARK_BYTES).hexdigest()


def write_cursor(place: Place, query_mark: str) -> str:
    """Return the cursor that leads to a place; the same place of the same query has the same cursor.

    >>> _read_cursor(write_cursor(Place(20, 2), "abc"), "abc")
    Place(offset=20, page=2)
    """
    return urlsafe_b64encode(json.dumps([place.offset, place.page, query_mark]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, query_mark: str) -> Place:
    """Return the place a cursor leads to; 422 when it is no cursor, or one of another query."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        offset, page, bound_to = json.loads(urlsafe_b64decode(padded.encode()))
        place = Place(int(offset), int(page))
    except (ValueError, TypeError):
        raise Problem(422, "The cursor is not one of this service's", {"parameter": "next_cursor"}) from None
    if bound_to != query_mark:
        message = "The cursor belongs to another query: send it with the parameters it came from"
        raise Problem(422, message, {"parameter": "next_cursor"})
    if place.offset < 0:
        raise Problem(422, "The cursor is not one of this service's", {"parameter": "next_cursor"})
    return place


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
    for row in vendor.raw_rows(ask):
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


_BY_ID = {account.id: account for account in ACCOUNTS}
_ASKED = {one.name for one in fields(Ask)} - {"world", "account", "limit"}


@dataclass(frozen=True, slots=True)
class ServedPage:
    """A page asked for: its place and size, and the fingerprint of its query."""

    place: Place
    size: int
    query_mark: str
    sent_cursor: str | None = None

    def next_cursor(self, more: bool) -> str | None:
        """Return the cursor of the page after this one, None at the end."""
        return self._cursor(self.place.offset + self.size, self.place.page + 1) if more else None

    def prev_cursor(self) -> str | None:
        """Return the cursor of the page before this one, None on the first."""
        if not self.place.offset:
            return None
        return self._cursor(max(0, self.place.offset - self.size), max(0, self.place.page - 1))

    def again(self) -> str:
        """Return a new cursor to this same place, for a page that came back empty."""
        return self._cursor(self.place.offset, self.place.page + 1)

    def _cursor(self, offset: int, page: int) -> str:
        return write_cursor(Place(offset, page), self.query_mark)


def ask_of(params: Params, account: Account, world: World) -> Ask:
    """Return the question for the vendor; a twin account asks as the account it repeats."""
    origin = _BY_ID.get(account.twin_of or "", account)
    asked = {name: getattr(params, name) for name in _ASKED}
    return Ask(world=world, account=origin, limit=effective_limit(params), **asked)


def effective_limit(params: Params) -> int | None:
    """Return the limit that counts: none when it is to be ignored."""
    return None if params.truto_ignore_limit else params.limit


def query_key(ask: Ask, *, raw: bool) -> str:
    """Return what tells this query from any other: everything but time, paging and shaping."""
    asked = {name: getattr(ask, name) for name in _ASKED}
    world = {"seed": ask.world.seed, "scale": ask.world.scale}
    told = {**asked, "account": _plain(ask.account), "world": world, "limit": None, "raw": raw}
    return json.dumps(told, sort_keys=True)


@lru_cache(maxsize=64)  # every request is about one of a few accounts
def _plain(account: Account) -> dict[str, Any]:
    return asdict(account)


def page_of_vendor(params: Params, ask: Ask, vendor: Vendor, *, raw: bool) -> ServedPage:
    """Return the page a usage request asks for: at most the provider's largest, from a cursor or a page number."""
    by_number = vendor.NUMBERED
    wished = [effective_limit(params), params.page_size if by_number else None]
    size = min([one for one in wished if one is not None] or [vendor.DEFAULT_PAGE])
    first = params.page - 1 if by_number and params.page is not None else 0
    return page_of(params, min(size, vendor.MAX_PAGE), query_key(ask, raw=raw), first=first)


def page_of(params: Params, size: int, key: str, *, first: int = 0) -> ServedPage:
    """Return the page that a cursor leads to, else the one numbered `first`, 0 the beginning."""
    query_mark = mark_of(key)
    sent = params.next_cursor or params.cursor or None
    place = _read_cursor(sent, query_mark) if sent else Place(first * size, first)
    return ServedPage(place, size, query_mark, sent)
