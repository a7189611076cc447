"""One page, from bytes to columns."""

from __future__ import annotations

from truto_usage_nb.frames.exact import walk
from truto_usage_nb.frames.parts import Layout, ParsedPage, Source


def parse_page(content: bytes, source: Source, layout: Layout) -> ParsedPage:
    """Read the records of one body: an envelope (its `result` a list or keyed), a bare list, or NDJSON.

    Pure, and safe to run in threads. Raises `ProtocolError` for a body that is none of these, and
    `UnreadableValueError` where `charges` or `resources` is no list.
    """
    return ParsedPage(walk(content, layout), source)
