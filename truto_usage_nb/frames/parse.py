"""One page from bytes to columns: cut into records, read whole where that can be proved right, else value by value.

A body is an envelope whose `result` is a list or, keyed by a field, an object; a bare list; or NDJSON, a record or an
envelope a line (after lines of records one envelope without records may stand). The usual envelope is cut without being
read: where both what is cut out and what is left are whole JSON, the cut is right, because a JSON text can be read in
one way only.
"""

from __future__ import annotations

from truto_usage_nb.envelope import ENVELOPE
from truto_usage_nb.envelope import quick_cut as quick_envelope
from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.frames.exact import read_exactly
from truto_usage_nb.frames.fast import levels_of, read_whole
from truto_usage_nb.frames.jsontext import JsonText, decoded, invalid_body
from truto_usage_nb.frames.parsed import (
    MOST_CELLS,
    MOST_LEVELS,
    REMOTE_DATA,
    Layout,
    ParsedPage,
    Provenance,
    shown_value,
)
from truto_usage_nb.nesting import shallow
from truto_usage_nb.schema import SCHEMA


def parse_page(content: bytes, source: Provenance, layout: Layout) -> ParsedPage:
    """Read the records of one body: an envelope (its `result` a list or keyed), a bare list, or NDJSON.

    Pure, and safe to run in threads. Raises `ProtocolError` for a body that is none of these, and
    `UnreadableValueError` where `charges` or `resources` is no list, or a key is none that a column can be named by.
    """
    quick = quick_list(content)
    table = None if quick is None else read_whole(quick, source, layout)
    try:
        if table is None:
            return _read_carefully(content, source, layout, tried=quick is not None)
        _check_proportion(table.height, content)
        return ParsedPage(table, source)
    except ProtocolError as problem:
        if source.integrated_account_id is None:
            raise
        told, details = f"account {source.integrated_account_id!r}: {problem.message}", problem.details
    raise ProtocolError(told, details=details)


def _check_proportion(count: int, content: bytes) -> None:
    """Refuse an answer of so many records in so few bytes that their columns would hold next to nothing."""
    if count * len(SCHEMA) > MOST_CELLS + len(content):
        raise ProtocolError(
            f"the answer has {count:,} records in {len(content):,} bytes, which nobody sends; ask for fewer at a time "
            "(records_per_page=)"
        )


def _read_carefully(content: bytes, source: Provenance, layout: Layout, *, tried: bool) -> ParsedPage:
    """Cut a body exactly, keep as text what is nested too deeply, and take the fast path only where it proves right."""
    cut = _cut(content)
    _check_proportion(len(cut), content)
    records = _as_array(cut)
    is_deep = levels_of(records) > MOST_LEVELS
    if is_deep:
        untouched = f'"{REMOTE_DATA[0]}"'.encode() if layout.documented else b""
        records = shallow(records, MOST_LEVELS, untouched=untouched)
    table = None if tried and not is_deep else read_whole(records, source, layout)
    if table is None:
        table = read_exactly(records, layout, source.integrated_account_id)
    return ParsedPage(table, source, is_deep)


def quick_list(content: bytes) -> bytes | None:
    """Give the list of the usual envelope, or of a bare list; None if it takes a closer look.

    What is given may still turn out not to be JSON: then `careful_cut` has the last word.
    """
    if content.lstrip()[:1] == b"[":
        return content
    found = quick_envelope(content)
    return None if found is None else found[0]


def careful_cut(content: bytes) -> bytes:
    """Give the records of any body as the bytes of one JSON array; what is inside a record is not looked at.

    Raises `ProtocolError` for a body that is none of the documented ones.
    """
    return _as_array(_cut(content))


def _cut(content: bytes) -> list[str]:
    scanner = JsonText(decoded(content))
    records: list[str] = []
    at = 0
    while not scanner.at_end(at):
        at = _cut_document(scanner, at, records)
    return records


def _as_array(records: list[str]) -> bytes:
    return f"[{','.join(records)}]".encode("utf-8", "surrogatepass")


def pages_cut(content: bytes) -> bytes | None:
    """Give the records of a list of pages, as files keep several answers; None for a list of records.

    Raises `ProtocolError` where pages and records stand side by side.
    """
    if content.lstrip()[:1] != b"[" or b'"result"' not in content:
        return None
    scanner, records, are_pages = JsonText(decoded(content)), list[str](), set[bool]()

    def keep(start: int) -> int:
        if scanner.peek(start) != "{":
            return scanner.value(start, careful=False)[1]
        members, end = _members(scanner, start)
        are_pages.add(members.keys() <= ENVELOPE and _holds_records(scanner, members.get("result")))
        if len(are_pages) > 1:
            raise invalid_body(f"it is a list of pages beside records, from character {start}: keep each apart")
        if are_pages == {True}:
            _cut_result(scanner, members["result"], records)
        return end

    scanner.array(0, keep)
    return _as_array(records) if are_pages == {True} else None


def _holds_records(scanner: JsonText, result: int | None) -> bool:
    return result is not None and scanner.peek(result) in ("[", "{")


def _cut_document(scanner: JsonText, at: int, records: list[str]) -> int:
    opening = scanner.peek(at)
    if opening == "[":
        return _cut_list(scanner, at, records)
    if opening != "{":
        raise invalid_body(f"a record or an envelope is missing at character {scanner.skip(at)}")
    members, end = _members(scanner, at)
    if _is_envelope(members):
        _cut_result(scanner, members["result"], records)
    elif members.keys() <= ENVELOPE and members:
        if not records:
            raise invalid_body("it has no `result`")
    else:
        records.append(scanner.text[scanner.skip(at) : end])
    return end


def _members(scanner: JsonText, at: int) -> tuple[dict[str, int], int]:
    """Give where the value of each key starts, and where the object ends."""
    found: dict[str, int] = {}

    def note(key: str, start: int) -> int:
        if key in found and key in ENVELOPE:
            raise invalid_body(f"the key {key!r} is stated twice in one object")
        found[key] = start
        return scanner.value(start, careful=False)[1]

    end = scanner.object(at, note)
    return found, end


def _is_envelope(members: dict[str, int]) -> bool:
    """Tell an envelope from a record of a provider that happens to have a `result` of its own."""
    known = members.keys() <= ENVELOPE or "next_cursor" in members or next(iter(members)) == "result"
    return "result" in members and known


def _cut_result(scanner: JsonText, at: int, records: list[str]) -> None:
    opening = scanner.peek(at)
    if opening == "[":
        _cut_list(scanner, at, records)
    elif opening == "{":
        _cut_keyed(scanner, at, records)
    else:
        value, _ = scanner.value(at)
        raise invalid_body(f"its `result` is {shown_value(value)}, neither a list nor an object of records")


def _cut_list(scanner: JsonText, at: int, records: list[str]) -> int:
    def keep(start: int) -> int:
        value, end = scanner.value(start, careful=False)
        if not isinstance(value, dict):
            raise invalid_body(f"record {len(records) + 1} is {shown_value(scanner.value(start)[0])}, not an object")
        records.append(scanner.text[start:end])
        return end

    return scanner.array(at, keep)


def _cut_keyed(scanner: JsonText, at: int, records: list[str]) -> None:
    def keep(key: str, start: int) -> int:
        value, end = scanner.value(start, careful=False)
        if not isinstance(value, dict):
            told = shown_value(scanner.value(start)[0])
            raise invalid_body(f"the record keyed {shown_value(key)} is {told}, not an object")
        records.append(scanner.text[start:end])
        return end

    scanner.object(at, keep)
