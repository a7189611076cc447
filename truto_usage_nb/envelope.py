"""The small facts of an answer's body: next cursor, partial or not, how many records. No I/O.

A body is checked whole and exactly, but in native code and without building a single record: a page of 500 records
takes about a millisecond. The cursor can be read off the tail of the text faster, but that is a hint and no proof: a
body that was cut, or a record that holds the envelope's own words, can look the same there.

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

__all__ = ["Envelope", "check_json", "hinted_cursor", "is_lines", "read_envelope"]

_SHOWN_BYTES = 120
_TAIL_BYTES = 1024
_TAIL = re.compile(rb'(?s:.*)"next_cursor"\s*:\s*("(?:[^"\\]|\\.)*")(?:\s*,\s*"\w+"\s*:\s*[^,{}\[\]]+)*\s*\}\s*\Z')
_LINE_TYPES = ("ndjson", "jsonl", "jsonlines", "json-lines", "stream+json")
_KEYS = frozenset({"result", "next_cursor", "prev_cursor", "result_count", "is_partial_response", "debug"})


class _Record(TypedDict):
    """Some object; what is in it is read elsewhere, here it is only counted."""


class _Body(TypedDict, total=False):
    result: Annotated[list[_Record] | dict[str, _Record], Field(union_mode="left_to_right")]
    next_cursor: str | int | None
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
    `ConnectionFailedError` for a body that ends early, and `ProtocolError` for one that is not JSON (`retryable`) or
    is JSON of another shape; both show its first bytes.

    >>> read_envelope(b'{"result": [{"id": "1"}], "next_cursor": "abc"}')
    Envelope(records=1, next_cursor='abc', is_partial=False, result_count=None, debug=None)
    """
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
        return _facts(body)
    if lines:
        return _read_lines(content)
    raise _other_shape(content)


def hinted_cursor(content: bytes) -> str | None:
    """Give the cursor that the last bytes of a body hint at, in microseconds; None without a hint.

    >>> hinted_cursor(b'{"result": [], "next_cursor": "abc", "is_partial_response": false}')
    'abc'
    """
    found = _TAIL.match(content[-_TAIL_BYTES:])
    try:
        return str(json.loads(found[1])) or None if found else None
    except ValueError:
        return None


def is_lines(content_type: str) -> bool:
    """Say whether a content type announces one JSON document a line.

    >>> is_lines("application/x-ndjson; charset=utf-8"), is_lines("application/json")
    (True, False)
    """
    return any(word in content_type.lower() for word in _LINE_TYPES)


def check_json(content: bytes) -> Any:
    """Give a body's JSON value; raises as `read_envelope` does for a body that is cut or not JSON."""
    try:
        return _parse("any", content)
    except _SeveralDocuments:
        raise _not_json(content) from None


def _facts(body: dict[str, Any]) -> Envelope:
    cursor, count, debug = (body.get(key) for key in ("next_cursor", "result_count", "debug"))
    return Envelope(
        records=len(body.get("result", ())),
        next_cursor=None if cursor in (None, "") else str(cursor),
        is_partial=body.get("is_partial_response") in (True, "true"),
        result_count=count if isinstance(count, int) else None,
        debug=debug if isinstance(debug, dict) else None,
    )


def _read_lines(content: bytes) -> Envelope:
    """Read lines: envelopes if the first one is, else records, after which one envelope without records may stand."""
    lines = [line for line in content.splitlines() if line.strip()]
    if _is_envelope(lines[0]):
        return _sum(_facts(_parse_line("body", line)) for line in lines)
    return _sum(_record_lines(lines))


def _record_lines(lines: list[bytes]) -> Iterator[Envelope]:
    for line in lines[:-1]:
        _parse_line("record", line)
    yield Envelope(records=len(lines) - 1)
    _parse_line("record", lines[-1])
    yield _facts(_parse_line("body", lines[-1])) if _is_envelope(lines[-1]) else Envelope(records=1)


def _is_envelope(line: bytes) -> bool:
    """Say whether a line has the envelope's keys and no others; a record has an `id` at least."""
    said = _parse_line("any", line)
    return isinstance(said, dict) and bool(said) and said.keys() <= _KEYS


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
    """Read what only Python's reader accepts, such as half of a surrogate pair."""
    try:
        return _reader(shape).validate_python(json.loads(content))
    except ValidationError:
        raise _other_shape(content) from None
    except (ValueError, RecursionError):
        raise _not_json(content) from None


def _cut(content: bytes) -> ConnectionFailedError:
    return ConnectionFailedError(f"the answer broke off after {len(content):,} bytes, in the middle of its JSON")


def _not_json(content: bytes) -> ProtocolError:
    return ProtocolError(f"the answer is not JSON: {_excerpt(content)}", retryable=True)


def _other_shape(content: bytes) -> ProtocolError:
    expected = "an object with a list or an object of records under 'result'"
    return ProtocolError(f"the answer is JSON of another shape; expected {expected}, received {_excerpt(content)}")


def _excerpt(content: bytes) -> str:
    """Show the first bytes, and how many there are."""
    shown = content[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f"{shown!r}" + (f"… ({len(content):,} bytes)" if len(content) > _SHOWN_BYTES else "")
