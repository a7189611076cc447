"""JSON text of any depth, walked without recursion: what lies deeper than is read stays the text it is. No I/O."""

from __future__ import annotations

import json
import re

__all__ = ["end_of", "shallow"]

_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A whole text, or a bracket outside of texts; a text that never ends is whole too, or its end would be sought anew at
each of its quotes."""
_OPENS, _CLOSES = b"[{", b"]}"
_PARTNER = {"]": "[", "}": "{"}
_MARK_IN_TEXT = re.compile(_MARK.pattern.decode(), re.DOTALL)


def shallow(content: bytes, levels: int, *, untouched: bytes = b"") -> bytes:
    """Give JSON in which each value that begins below so many levels is a text that holds its JSON.

    What stands under the key `untouched` of an object on the second level, a record in its list, stays as it is. So
    does what is no JSON: it is refused where it is read.

    >>> shallow(b'[{"a":{"b":[1,{"c":2}]}}]', 3)
    b'[{"a":{"b":"[1,{\\\\"c\\\\":2}]"}}]'
    """
    parts: list[bytes] = []
    depth = done = begun = 0
    text, spared = b"", False
    for found in _MARK.finditer(content):
        mark = content[found.start()]
        if mark in _OPENS:
            depth += 1
            if depth == 3:
                spared = bool(untouched) and text == untouched
            if depth == levels + 1 and not spared:
                begun = found.start()
        elif mark in _CLOSES:
            if depth == levels + 1 and not spared:
                quoted = _quoted(content[begun : found.end()])
                if quoted is None:
                    return content
                parts += [content[done:begun], quoted]
                done = found.end()
            depth -= 1
        elif depth == 2:
            text = found[0]
    return b"".join([*parts, content[done:]])


def end_of(text: str, start: int) -> int | None:
    """Give where the object or list that starts here ends; None where its brackets do not match.

    >>> end_of('[{"a":"]"}] and more', 0)
    11
    """
    open_ones: list[str] = []
    for found in _MARK_IN_TEXT.finditer(text, start):
        mark = found[0]
        if mark in ("[", "{"):
            open_ones.append(mark)
        elif mark in _PARTNER:
            if not open_ones or open_ones.pop() != _PARTNER[mark]:
                return None
            if not open_ones:
                return found.end()
    return None


def _quoted(content: bytes) -> bytes | None:
    try:
        return json.dumps(content.decode(), ensure_ascii=False).encode()
    except UnicodeDecodeError:
        return None
