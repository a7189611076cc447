"""One page, from bytes to columns."""

from __future__ import annotations

from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.frames.bodies import careful_cut, quick_cut
from truto_usage_nb.frames.exact import walk
from truto_usage_nb.frames.fast import read
from truto_usage_nb.frames.parts import MOST_CELLS, MOST_LEVELS, Layout, ParsedPage, Source
from truto_usage_nb.frames.remote import REMOTE
from truto_usage_nb.frames.survey import levels_of
from truto_usage_nb.nesting import shallow
from truto_usage_nb.schema import SCHEMA


def parse_page(content: bytes, source: Source, layout: Layout) -> ParsedPage:
    """Read the records of one body: an envelope (its `result` a list or keyed), a bare list, or NDJSON.

    Pure, and safe to run in threads. Raises `ProtocolError` for a body that is none of these, and
    `UnreadableValueError` where `charges` or `resources` is no list, or a key is none that a column can be named by.
    """
    quick = quick_cut(content)
    table = None if quick is None else read(quick, source, layout)
    try:
        if table is None:
            return _in_proportion(_read_carefully(content, source, layout, tried=quick is not None), content)
        return _in_proportion(ParsedPage(table, source), content)
    except ProtocolError as problem:
        if source.integrated_account_id is None:
            raise
        told, details = f"account {source.integrated_account_id!r}: {problem.message}", problem.details
    raise ProtocolError(told, details=details)


def _in_proportion(page: ParsedPage, content: bytes) -> ParsedPage:
    """Refuse an answer of so many records in so few bytes that their columns would hold next to nothing."""
    if page.height * len(SCHEMA) > MOST_CELLS + len(content):
        raise ProtocolError(
            f"the answer has {page.height:,} records in {len(content):,} bytes, which nobody sends; ask for fewer at a "
            "time (records_per_page=)"
        )
    return page


def _read_carefully(content: bytes, source: Source, layout: Layout, *, tried: bool) -> ParsedPage:
    """Cut a body exactly, keep as text what is nested too deeply, and take the fast path only where it proves right."""
    records = careful_cut(content)
    is_deep = levels_of(records) > MOST_LEVELS
    if is_deep:
        untouched = f'"{REMOTE[0]}"'.encode() if layout.documented else b""
        records = shallow(records, MOST_LEVELS, untouched=untouched)
    table = None if tried and not is_deep else read(records, source, layout)
    if table is None:
        table = walk(records, layout, source.integrated_account_id)
    return ParsedPage(table, source, is_deep)
