"""Cut a body into its records: any body in, the bytes of one JSON array of records out.

A body is an envelope whose `result` is a list or, keyed by a field, an object; a bare list; or NDJSON, a record or an
envelope a line (after lines of records one envelope without records may stand). The usual envelope is cut without being
read: where both what is cut out and what is left are whole JSON, the cut is right, because a JSON text can be read in
one way only.
"""

from __future__ import annotations

from truto_usage_nb.envelope import ENVELOPE
from truto_usage_nb.envelope import quick_cut as quick_envelope
from truto_usage_nb.frames.jsontext import Scanner, decoded, invalid
from truto_usage_nb.frames.parts import shown


def quick_cut(content: bytes) -> bytes | None:
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
    scanner = Scanner(decoded(content))
    records: list[str] = []
    at = 0
    while not scanner.at_end(at):
        at = _cut_document(scanner, at, records)
    return f"[{','.join(records)}]".encode("utf-8", "surrogatepass")


def pages_cut(content: bytes) -> bytes | None:
    """Give the records of a list of pages, as files keep several answers; None for a list of records.

    Raises `ProtocolError` where pages and records stand side by side.
    """
    if content.lstrip()[:1] != b"[" or b'"result"' not in content:
        return None
    scanner, records, are_pages = Scanner(decoded(content)), list[str](), set[bool]()

    def keep(start: int) -> int:
        if scanner.peek(start) != "{":
            return scanner.value(start, careful=False)[1]
        members, end = _members(scanner, start)
        are_pages.add(members.keys() <= ENVELOPE and _holds_records(scanner, members.get("result")))
        if len(are_pages) > 1:
            raise invalid(f"it is a list of pages beside records, from character {start}: keep each apart")
        if are_pages == {True}:
            _cut_result(scanner, members["result"], records)
        return end

    scanner.array(0, keep)
    return f"[{','.join(records)}]".encode("utf-8", "surrogatepass") if are_pages == {True} else None


def _holds_records(scanner: Scanner, result: int | None) -> bool:
    return result is not None and scanner.peek(result) in ("[", "{")


def _cut_document(scanner: Scanner, at: int, records: list[str]) -> int:
    opening = scanner.peek(at)
    if opening == "[":
        return _cut_list(scanner, at, records)
    if opening != "{":
        raise invalid(f"a record or an envelope is missing at character {scanner.skip(at)}")
    members, end = _members(scanner, at)
    if _is_envelope(members):
        _cut_result(scanner, members["result"], records)
    elif members.keys() <= ENVELOPE and members:
        if not records:
            raise invalid("it has no `result`")
    else:
        records.append(scanner.text[scanner.skip(at) : end])
    return end


def _members(scanner: Scanner, at: int) -> tuple[dict[str, int], int]:
    """Give where the value of each key starts, and where the object ends."""
    found: dict[str, int] = {}

    def note(key: str, start: int) -> int:
        if key in found and key in ENVELOPE:
            raise invalid(f"the key {key!r} is stated twice in one object")
        found[key] = start
        return scanner.value(start, careful=False)[1]

    end = scanner.object(at, note)
    return found, end


def _is_envelope(members: dict[str, int]) -> bool:
    """Tell an envelope from a record of a provider that happens to have a `result` of its own."""
    known = members.keys() <= ENVELOPE or "next_cursor" in members or next(iter(members)) == "result"
    return "result" in members and known


def _cut_result(scanner: Scanner, at: int, records: list[str]) -> None:
    opening = scanner.peek(at)
    if opening == "[":
        _cut_list(scanner, at, records)
    elif opening == "{":
        _cut_keyed(scanner, at, records)
    else:
        value, _ = scanner.value(at)
        raise invalid(f"its `result` is {shown(value)}, neither a list nor an object of records")


def _cut_list(scanner: Scanner, at: int, records: list[str]) -> int:
    def keep(start: int) -> int:
        value, end = scanner.value(start, careful=False)
        if not isinstance(value, dict):
            raise invalid(f"record {len(records) + 1} is {shown(scanner.value(start)[0])}, not an object")
        records.append(scanner.text[start:end])
        return end

    return scanner.array(at, keep)


def _cut_keyed(scanner: Scanner, at: int, records: list[str]) -> None:
    def keep(key: str, start: int) -> int:
        value, end = scanner.value(start, careful=False)
        if not isinstance(value, dict):
            raise invalid(f"the record keyed {shown(key)} is {shown(scanner.value(start)[0])}, not an object")
        records.append(scanner.text[start:end])
        return end

    scanner.object(at, keep)
