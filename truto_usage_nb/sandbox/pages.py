"""One page of one query: where it begins, how long it is, and the cursors that lead away from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox import cursors
from truto_usage_nb.sandbox.ask import Ask, Vendor, World
from truto_usage_nb.sandbox.company import ACCOUNTS, Account
from truto_usage_nb.sandbox.cursors import Place
from truto_usage_nb.sandbox.params import Params

_BY_ID = {account.id: account for account in ACCOUNTS}
_NUMBERED = frozenset({"cursor"})  # integrations whose provider pages by number
_ASKED = {one.name for one in fields(Ask)} - {"world", "account", "limit"}


@dataclass(frozen=True, slots=True)
class Page:
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
        return cursors.write(Place(offset, page), self.query_mark)


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


def page_of_vendor(params: Params, ask: Ask, vendor: Vendor, *, raw: bool) -> Page:
    """Return the page a usage request asks for: at most the provider's largest, from a cursor or a page number."""
    by_number = ask.account.integration in _NUMBERED
    wished = [effective_limit(params), params.page_size if by_number else None]
    size = min([one for one in wished if one is not None] or [vendor.DEFAULT_PAGE])
    first = params.page - 1 if by_number and params.page is not None else 0
    return page_of(params, min(size, vendor.MAX_PAGE), query_key(ask, raw=raw), first=first)


def page_of(params: Params, size: int, key: str, *, first: int = 0) -> Page:
    """Return the page that a cursor leads to, else the one numbered `first`, 0 the beginning."""
    query_mark = cursors.mark(key)
    sent = params.next_cursor or params.cursor or None
    place = cursors.read(sent, query_mark) if sent else Place(first * size, first)
    return Page(place, size, query_mark, sent)
