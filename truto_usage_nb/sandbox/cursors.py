"""Opaque cursors: a bookmark in one query's list, refused when it comes back with another query."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b

from truto_usage_nb.sandbox.wire import Problem

_MARK_BYTES = 9


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: how many items come before it, and the how-manieth page of its walk it is."""

    offset: int = 0
    page: int = 0


def mark(*query: object) -> str:
    """Return the fingerprint of a query, to which its cursors are bound."""
    return blake2b(repr(query).encode(), digest_size=_MARK_BYTES).hexdigest()


def write(place: Place, query_mark: str) -> str:
    """Return the cursor that leads to a place; the same place of the same query has the same cursor.

    >>> read(write(Place(20, 2), "abc"), "abc")
    Place(offset=20, page=2)
    """
    return urlsafe_b64encode(json.dumps([place.offset, place.page, query_mark]).encode()).decode().rstrip("=")


def read(cursor: str, query_mark: str) -> Place:
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
