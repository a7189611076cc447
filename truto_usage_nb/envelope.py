"""The small facts of an answer's body: next cursor, partial or not, how many records. No I/O.

A body is checked whole and exactly, but in native code and without building a single record: a page of 500 records
takes about a millisecond. The cursor can be read off the tail of the text faster, but that is a hint and no proof: a
body that was cut, or a record that holds the envelope's own words, can look the same there.

Whatever a body holds, and however deep it is nested, reading it takes time in proportion to its length.

Framing: one JSON envelope, a bare list, or lines (NDJSON) that are records or envelopes; the content type and the
first document decide. Source: the endpoint's response section; the framing of `stream` is not documented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from truto_usage_nb.errors import ConnectionFailedError, ProtocolError
from truto_usage_nb.nesting import shallow
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.secret import masked

__all__ = [
    "ENVELOPE",
    "Envelope",
    "check_json",
    "glanced_envelope",
    "hinted_cursor",
    "is_lines",
    "quick_cut",
    "read_cursor",
    "read_envelope",
]

ENVELOPE = frozenset({"result", "next_cursor", "prev_cursor", "result_count", "is_partial_response", "debug"})
"""The keys of an envelope."""

_SHOWN_BYTES = 120
_MASKED_BYTES = 4096
_TAIL_BYTES = 1024
_HEAD = re.compile(rb'\s*\{\s*"result"\s*:\s*(?=\[)')
_TAIL = re.compile(rb'\]\s*(?:\}\s*$|,\s*"(?:next_cursor|prev_cursor|result_count|is_partial_response)"\s*:)')
_CUT_TAIL_BYTES = 8192
_LEVELS = 100
_LINE_TYPES = ("ndjson", "jsonl", "jsonlines", "json-lines", "stream+json")
_AS_BYTES = tuple(f'"{key}"'.encode() for key in sorted(ENVELOPE))
_ESCAPED_LETTER = re.compile(rb"\\u00(?:5[fF]|[67])")
"""A letter of a key, if it is written as an escape, which nobody does."""


class _Record(TypedDict):
    """Some object; what is in it is read elsewhere, here it is only counted."""


class _Body(TypedDict, total=False):
    result: Annotated[list[_Record] | dict[str, _Record], Field(union_mode="left_to_right")]
    next_cursor: Any
    result_count: Any
    is_partial_response: Any
    debug: Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """Hold what a body says of itself.

    `records` is counted; `result_count` is what the service states (None: nothing). `next_cursor` is None at the end.
    """

    records: int
    next_cursor: str | None = None
    is_partial: bool = False
    result_count: int | None = None
    debug: dict[str, Any] | None = None


class _SeveralDocuments(Exception):
    """A body goes on after its first document."""


def read_envelope(content: bytes, content_type: str = "", *, stream: bool = False) -> Envelope:
    """Read the facts of a whole body.

    `stream` says that lines were asked for, so that a single line without `result` is a record. Raises
    `ConnectionFailedError` for a body that ends early, and `ProtocolError` for one that is not JSON (`retryable`), is
    JSON of another shape, states a key of its envelope twice or has a cursor that is none; they show what they speak
    of.

    >>> read_envelope(b'{"result": [{"id": "1"}], "next_cursor": "abc"}')
    Envelope(records=1, next_cursor='abc', is_partial=False, result_count=None, debug=None)
    """
    quick = quick_cut(content)
    if quick is not None and (found := _read_quickly(*quick)) is not None:
        return found
    lines = stream or is_lines(content_type)
    if lines and not content.strip():
        return Envelope(records=0)
    try:
        body = _parse("list" if content.lstrip()[:1] == b"[" else "body", content)
    except _SeveralDocuments:
        return _read_lines(content)
    if isinstance(body, list):
        return Envelope(records=len(body))
    if "result" in body:
        return _facts(body, content)
    if lines:
        return _read_lines(content)
    raise _other_shape(content)


def quick_cut(content: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """Cut the usual envelope into its list and the members after it, without reading the list.

    Where both are whole JSON the cut is right, because a JSON text can be read in one way only; the list may still turn
    out to be none. None where it takes a closer look: another framing, or a key that is stated twice.

    >>> quick_cut(b'{"result":[{"id":"1"}],"next_cursor":"abc"}')
    (b'[{"id":"1"}]', {'next_cursor': 'abc'})
    """
    head = _HEAD.match(content)
    if head is None:
        return None
    tail = _TAIL.search(content, max(head.end(), len(content) - _CUT_TAIL_BYTES))
    if tail is None:
        return None
    end = tail.start() + 1
    try:
        pairs = json.loads(b'{"":0' + content[end:], object_pairs_hook=list)[1:]
    except (ValueError, RecursionError):
        return None
    members = dict(pairs)
    if len(members) < len(pairs) or not members.keys() <= ENVELOPE - {"result", "debug"}:
        return None
    return content[head.end() : end], members


def _read_quickly(records: bytes, members: dict[str, Any]) -> Envelope | None:
    try:
        return _facts({**members, "result": _parse("list", records)}, records, proved=True)
    except (ConnectionFailedError, ProtocolError, _SeveralDocuments):
        return None  # the whole body has the last word


def glanced_envelope(content: bytes) -> Envelope | None:
    """Read the facts of the usual envelope off its end, its records unread; None where it takes a closer look.

    Whoever reads the records has to say whether they are a whole list: only then these are the body's facts.
    """
    cut = quick_cut(content)
    if cut is None:
        return None
    try:
        return _facts({**cut[1], "result": ()}, content, proved=True)
    except ProtocolError:
        return None


def hinted_cursor(content: bytes) -> str | None:
    """Give the cursor that the last bytes of a body hint at, in microseconds; None without a hint.

    >>> hinted_cursor(b'{"result": [], "next_cursor": "abc", "is_partial_response": false}')
    'abc'
    """
    at = content.rfind(b'"next_cursor"', max(0, len(content) - _TAIL_BYTES))
    if at < 0:
        return None
    try:
        said = json.loads(b"{" + content[at:]).get("next_cursor")
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, str) and said else None


def is_lines(content_type: str) -> bool:
    """Say whether a content type announces one JSON document a line.

    >>> is_lines("application/x-ndjson; charset=utf-8"), is_lines("application/json")
    (True, False)
    """
    return any(word in content_type.lower() for word in _LINE_TYPES)


def check_json(content: bytes) -> Any:
    """Give a body's JSON value; raises as `read_envelope` does for a body that is cut, none, or says a thing twice."""
    try:
        value = _parse("any", content)
    except _SeveralDocuments:
        raise _not_json(content) from None
    _refuse_twice(content)
    return value


def read_cursor(value: Any) -> str | None:
    """Give the cursor that an answer states; None at the end. Raises ValueError for what is none.

    >>> read_cursor("abc"), read_cursor(17), read_cursor(""), read_cursor(None)
    ('abc', '17', None, None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"expected a text, a whole number or null under 'next_cursor', received {_said(value)}")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"its next_cursor is {_shown(repr(value))}, and half of a surrogate pair is no text")
    return str(value)


def _said(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return json.dumps(value)


def _facts(body: dict[str, Any], content: bytes, *, proved: bool = False) -> Envelope:
    """Give what an envelope says; `proved` says that none of its keys is stated twice."""
    count, debug = body.get("result_count"), body.get("debug")
    if not proved:
        _refuse_twice(content)
    try:
        cursor = read_cursor(body.get("next_cursor"))
    except ValueError as problem:
        raise _other_shape(content, str(problem)) from None
    return Envelope(
        records=len(body.get("result", ())),
        next_cursor=cursor,
        is_partial=body.get("is_partial_response") in (True, "true"),
        result_count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        debug=debug if isinstance(debug, dict) else None,
    )


def _refuse_twice(content: bytes) -> None:
    """Refuse an object that states a key of its envelope twice: JSON readers differ in which one counts."""
    if all(content.count(key) < 2 for key in _AS_BYTES) and not _ESCAPED_LETTER.search(content):
        return
    found: list[list[tuple[str, Any]]] = [[]]

    def note(pairs: list[tuple[str, Any]]) -> None:
        found[0] = pairs  # the outermost object comes last

    _loads(content, object_pairs_hook=note)
    keys = [key for key, _ in found[0]]
    for key in sorted(ENVELOPE):
        if keys.count(key) > 1:
            raise _other_shape(content, f"it states {key!r} twice")


def _read_lines(content: bytes) -> Envelope:
    """Read lines: envelopes if the first one is, else records, after which one envelope without records may stand."""
    lines = [line for line in content.splitlines() if line.strip()]
    if _is_envelope(lines[0]):
        return _sum(_facts(_parse_line("body", line), line) for line in lines)
    return _sum(_record_lines(lines))


def _record_lines(lines: list[bytes]) -> Iterator[Envelope]:
    for line in lines[:-1]:
        _parse_line("record", line)
    yield Envelope(records=len(lines) - 1)
    _parse_line("record", lines[-1])
    last = lines[-1]
    yield _facts(_parse_line("body", last), last) if _is_envelope(last) else Envelope(records=1)


def _is_envelope(line: bytes) -> bool:
    """Say whether a line has the envelope's keys and no others; a record has an `id` at least."""
    said = _parse_line("any", line)
    return isinstance(said, dict) and bool(said) and said.keys() <= ENVELOPE


def _sum(parts: Iterable[Envelope]) -> Envelope:
    """Add up the envelopes of one body; where the walk goes on is what the last one says."""
    each = list(parts)
    counts = [part.result_count for part in each if part.result_count is not None]
    return Envelope(
        records=sum(part.records for part in each),
        next_cursor=each[-1].next_cursor,
        is_partial=any(part.is_partial for part in each),
        result_count=sum(counts) if counts else None,
        debug=next((part.debug for part in each if part.debug is not None), None),
    )


@cache
def _reader(shape: str) -> TypeAdapter[Any]:
    shapes: dict[str, Any] = {"body": _Body, "list": list[_Record], "record": _Record, "any": Any}
    return TypeAdapter(shapes[shape])


def _parse_line(shape: str, line: bytes) -> Any:
    try:
        return _parse(shape, line)
    except _SeveralDocuments:
        raise _not_json(line) from None


def _parse(shape: str, content: bytes) -> Any:
    try:
        return _reader(shape).validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] != "json_invalid":
        raise _other_shape(content)
    if "EOF" in first["msg"]:
        raise _cut(content)
    if "trailing characters" in first["msg"]:
        raise _SeveralDocuments
    return _parse_leniently(shape, content)


def _parse_leniently(shape: str, content: bytes) -> Any:
    """Read what only Python's reader accepts, such as half of a surrogate pair, or a number of 5,000 digits."""
    try:
        return _reader(shape).validate_python(_loads(content))
    except ValidationError:
        raise _other_shape(content) from None


def _loads(content: bytes, **options: Any) -> Any:
    try:
        try:
            return json.loads(content, parse_int=_whole, **options)
        except RecursionError:
            return json.loads(shallow(content, _LEVELS), parse_int=_whole, **options)
    except (ValueError, RecursionError):
        raise _not_json(content) from None


def _whole(text: str) -> Any:
    """Read a whole number; of one that no integer may have the digits of, the text."""
    try:
        return int(text)
    except ValueError:
        return text


def _cut(content: bytes) -> ConnectionFailedError:
    return ConnectionFailedError(f"the answer broke off after {len(content):,} bytes, in the middle of its JSON")


def _not_json(content: bytes) -> ProtocolError:
    return ProtocolError(f"the answer is not JSON: {_excerpt(content)}", retryable=True)


def _other_shape(content: bytes, why: str = "") -> ProtocolError:
    why = why or "expected an object with a list or an object of records under 'result'"
    return ProtocolError(f"the answer is JSON of another shape; {why}; received {_excerpt(content)}")


def _excerpt(content: bytes) -> str:
    """Show the first bytes, and how many there are."""
    text: str = masked(content[:_MASKED_BYTES].decode("utf-8", "backslashreplace"))
    shown = f"{text[:_SHOWN_BYTES]!r}"
    return shown + (f"… ({len(content):,} bytes)" if len(content) > _SHOWN_BYTES else "")


def _shown(text: str) -> str:
    return cut(one_line(masked(text)), _SHOWN_BYTES)
