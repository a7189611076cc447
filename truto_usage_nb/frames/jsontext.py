"""JSON read without losing anything: numbers keep their text, a key stated twice is an error.

`json` from the standard library, told to be careful. Used wherever the fast path may not go, and to cut bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.nesting import end_of
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.secret import masked

_SPACES = " \t\n\r"
_SPACE = re.compile(f"[{_SPACES}]*")
_LONELY = re.compile("[\ud800-\udfff]")
_SHOWN_CHARACTERS = 200


class Real(float):
    """Hold a number that was written with a fraction or an exponent, and how it was written."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Real:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; a key with two values is refused, a null beside a value says nothing."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        state(made, key, value)
    return made


class Verbatim(str):
    """Hold JSON text that goes on as it is."""

    __slots__ = ()


def state(made: dict[str, Any], key: str, value: Any) -> None:
    """State a member of an object under construction; raises ValueError if it has another value already."""
    if made.get(key) is None:
        made[key] = value
    elif value is not None:
        raise ValueError(f"the key {cut(repr(key), _SHOWN_CHARACTERS)} is stated twice in one object")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _whole(text: str) -> int | Real:
    """Read a whole number; one of more digits than Python turns into an integer keeps them as its text."""
    try:
        return int(text)
    except ValueError:
        return Real(text)


_careful = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=_whole, parse_float=Real, parse_constant=_refuse, strict=False
)
_unescaped = json.JSONEncoder(ensure_ascii=False).encode
_plain = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse, strict=False)


class JsonText:
    """Walk a JSON text, giving values and where they stand."""

    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, at: int) -> int:
        """Give the place of the next character that is not white space."""
        if self.text[at : at + 1] not in _SPACES:  # the usual case; nothing, at the end, is in any text
            return at
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def at_end(self, at: int) -> bool:
        """Tell whether nothing but white space follows."""
        return self.skip(at) >= len(self.text)

    def peek(self, at: int) -> str:
        """Give the next character that is not white space, or an empty text at the end."""
        at = self.skip(at)
        return self.text[at : at + 1]

    def expect(self, mark: str, at: int) -> int:
        """Step over a mark, or say that it is missing."""
        at = self.skip(at)
        if self.text[at : at + 1] != mark:
            raise invalid_body(f"{mark!r} is missing at character {at}")
        return at + 1

    def value(self, at: int, *, careful: bool = True) -> tuple[Any, int]:
        """Give the value that starts here, and where it ends; what is not read carefully is only what its kind is."""
        decoder = _careful if careful else _plain
        at = self.skip(at)
        try:
            return decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            raise invalid_body(f"{error.msg} at character {error.pos}") from None
        except RecursionError:
            end = None if careful else end_of(self.text, at)
            if end is None:
                raise invalid_body(f"it is nested too deeply, from character {at}") from None
            return ({} if self.text[at] == "{" else []), end
        except ValueError as error:
            raise invalid_body(str(error)) from None

    def key(self, at: int) -> tuple[str, int]:
        """Give the key that starts here, and where its value starts."""
        if self.peek(at) != '"':
            raise invalid_body(f"a key is missing at character {self.skip(at)}")
        key, at = self.value(at)
        return key, self.skip(self.expect(":", at))

    def array(self, at: int, element: Callable[[int], int]) -> int:
        """Visit each element of the array that starts here; `element` is told a start and gives the end."""
        return self._sequence("[", "]", at, element)

    def object(self, at: int, member: Callable[[str, int], int]) -> int:
        """Visit each member of the object that starts here; `member` is told key and start and gives the end."""

        def visit(start: int) -> int:
            return member(*self.key(start))

        return self._sequence("{", "}", at, visit)

    def _sequence(self, opening: str, closing: str, at: int, visit: Callable[[int], int]) -> int:
        at = self.expect(opening, at)
        if self.peek(at) == closing:
            return self.expect(closing, at)
        while True:
            at = visit(self.skip(at))
            if self.peek(at) != ",":
                return self.expect(closing, at)
            at = self.expect(",", at)


def invalid_body(why: str) -> ProtocolError:
    """Make the error for a body that is not JSON as the service documents it; `details` says why, and no more."""
    why = one_line(masked(why))
    told = f"The body is not a usable answer: {why}. Ask again; if it stays so, report it to Truto."
    return ProtocolError(told, details={"why": why})


def decoded(content: bytes) -> str:
    """Give a body as text, without a byte order mark."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid_body(f"it is not UTF-8 at byte {error.start}") from None


def dumps(value: Any) -> str:
    """Write a value as JSON text, every number as it was sent."""
    if isinstance(value, Real):
        return value.text
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """Quote a text; half a surrogate pair, which no UTF-8 can hold, stays an escape."""
    return json.dumps(text) if text.isascii() or _LONELY.search(text) else _unescaped(text)
