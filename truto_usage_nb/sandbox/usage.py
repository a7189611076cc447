"""The usage endpoint's answers: a page, a stream, a debug envelope. Runs in worker threads, knows no HTTP request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from truto_usage_nb.sandbox import shape
from truto_usage_nb.sandbox.ask import Ask, Refused, Vendor
from truto_usage_nb.sandbox.listing import Item, Listings, items
from truto_usage_nb.sandbox.pages import Page, page_of_vendor
from truto_usage_nb.sandbox.params import Params
from truto_usage_nb.sandbox.wire import dump, dump_object, refused

_STREAM_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Usage:
    """One request for usage, resolved: what is asked of whom, and which page."""

    params: Params
    ask: Ask
    vendor: Vendor
    listings: Listings

    @property
    def is_raw(self) -> bool:
        """Say whether the provider's own objects are asked for."""
        return self.params.truto_response_format == "raw"

    def page(self) -> Page:
        """Return the page asked for; 422 for a cursor of another query."""
        return page_of_vendor(self.params, self.ask, self.vendor, raw=self.is_raw)

    def slice(self, query_mark: str, offset: int, size: int) -> tuple[list[Item], bool]:
        """Return a stretch of the query's items and whether more follow; a provider's refusal becomes the service's."""
        if self.params.truto_skip_api_call or not size:
            return [], False
        key = (query_mark, self.ask.world.now, shape.shows_rows(self.params))
        try:
            return self.listings.slice(key, self._make, offset, size)
        except Refused as refusal:
            raise refused(refusal) from refusal

    def _make(self) -> Iterator[Item]:
        return items(self.vendor, self.ask, raw=self.is_raw, with_rows=shape.shows_rows(self.params))


def answer(usage: Usage, page: Page, faults: set[str], headers: Mapping[str, str]) -> bytes:
    """Return the JSON of one page, changed by what faults befall it: empty_page, partial, repeated_cursor."""
    found, more = usage.slice(page.query_mark, page.place.offset, page.size)
    next_cursor = page.next_cursor(more)
    if "empty_page" in faults:
        found, next_cursor = [], page.again()
    if "partial" in faults:
        found = found[: len(found) // 2]
    if "repeated_cursor" in faults:
        next_cursor = page.sent_cursor
    body = shape.envelope(
        found,
        usage.params,
        next_cursor=next_cursor,
        prev_cursor=page.prev_cursor(),
        partial="partial" in faults,
    )
    if usage.params.truto_response_format == "debug":
        body["debug"] = _debug(usage, found, next_cursor, headers, looping="repeated_cursor" in faults)
    return dump_object(body)


def _debug(
    usage: Usage, found: list[Item], next_cursor: str | None, headers: Mapping[str, str], *, looping: bool
) -> bytes:
    if usage.params.truto_skip_api_call:
        return dump(None)
    return shape.debug(
        found,
        usage.vendor.request(usage.ask),
        response_headers={"content-type": "application/json", **headers},
        next_cursor=next_cursor,
        looping=looping,
    )


def lines(usage: Usage, page: Page) -> Iterator[bytes]:
    """Yield all records from the page's place to the end as NDJSON, some hundred lines at a time.

    `limit` is a page's size and a stream has no pages, so it does not cut the stream.
    """
    offset, more = page.place.offset, page.size > 0
    while more:
        found, more = usage.slice(page.query_mark, offset, _STREAM_CHUNK)
        offset += len(found)
        yield b"".join(record + b"\n" for record in shape.records(found, usage.params))
