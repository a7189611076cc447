"""Text from outside, made fit to be shown: no control code moves a cursor, no line poses as one of ours."""

from __future__ import annotations

import unicodedata
from typing import Any

__all__ = ["cut", "isolated", "one_line", "plain", "shortened", "shown"]

_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_OURS = "\n\t"


def plain(text: str) -> str:
    r"""Give a text with `?` for each character that controls a terminal or its direction; lines and tabs stay.

    >>> plain("a\x1b[31mred\n")
    'a?[31mred\n'
    """
    return text if text.isprintable() else "".join(_letter(each) for each in text)


def isolated(text: str) -> str:
    r"""Give a name fit to stand beside others in a line: written from right to left, it turns nothing around it.

    >>> isolated("tidewheel"), isolated("\u05e9\u05dc\u05d5\u05dd") == "\u2068\u05e9\u05dc\u05d5\u05dd\u2069"
    ('tidewheel', True)
    """
    safe = plain(text)
    turns = any(unicodedata.bidirectional(each) in _RIGHT_TO_LEFT for each in safe)
    return f"\u2068{safe}\u2069" if turns else safe


def one_line(text: str) -> str:
    r"""Give a text as one line without control codes.

    >>> one_line(" nobody\r\n  home\x07 ")
    'nobody home?'
    """
    return plain(" ".join(text.split()))


def cut(text: str, most: int = 1000) -> str:
    """Give the beginning of a text, and how long it is where that is not all.

    >>> cut("abcdef", 3)
    'abc… (6 characters)'
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def shortened(text: str, most: int) -> str:
    """Give both ends of a text that is too long to read: what it is about, and what to do.

    >>> shortened("abcdefghij", 4)
    'ab… (10 characters) …ij'
    """
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}… ({len(text):,} characters) …{text[-half:]}"


def shown(value: Any, most: int = 200) -> str:
    """Give a value as an error shows it: one line, both ends of a long one, the type of what has lines of its own.

    >>> shown("x" * 5000, 8), shown(object)
    ("'xxx… (5,002 characters) …xxx'", "<class 'object'>")
    """
    try:
        text = repr(value)
    except (ValueError, TypeError, RecursionError, AttributeError):  # a number of five thousand digits, half an object
        return f"<{type(value).__name__}>"
    return f"<{type(value).__name__}>" if "\n" in text else shortened(plain(text), most)


def _letter(letter: str) -> str:
    return "?" if letter not in _OURS and unicodedata.category(letter) in _CONTROLS else letter
