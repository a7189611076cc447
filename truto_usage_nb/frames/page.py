"""One page, from bytes to columns."""

from __future__ import annotations

from truto_usage_nb.frames.bodies import careful_cut, quick_cut
from truto_usage_nb.frames.exact import walk
from truto_usage_nb.frames.fast import read
from truto_usage_nb.frames.parts import Layout, ParsedPage, Source, Table


def parse_page(content: bytes, source: Source, layout: Layout) -> ParsedPage:
    """Read the records of one body: an envelope (its `result` a list or keyed), a bare list, or NDJSON.

    Pure, and safe to run in threads. Raises `ProtocolError` for a body that is none of these, and
    `UnreadableValueError` where `charges` or `resources` is no list.
    """
    return ParsedPage(_read(content, source, layout), source)


def _read(content: bytes, source: Source, layout: Layout) -> Table:
    """Take the fast path where it is known to keep everything."""
    quick = quick_cut(content)
    table = None if quick is None else read(quick, source, layout)
    if table is not None:
        return table
    records = careful_cut(content)
    table = read(records, source, layout) if quick is None else None
    return walk(records, layout) if table is None else table
