"""Text from outside, made fit to be shown: no control code moves a cursor, no line poses as one of ours."""

from __future__ import annotations

import unicodedata

__all__ = ["cut", "one_line", "plain"]

_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_OURS = "\n\t"


def plain(text: str) -> str:
    r"""Give a text with `?` for each character that controls a terminal or its direction; lines and tabs stay.

    >>> plain("a\x1b[31mred\n")
    'a?[31mred\n'
    """
    return text if text.isprintable() else "".join(_shown(each) for each in text)


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


def _shown(letter: str) -> str:
    return "?" if letter not in _OURS and unicodedata.category(letter) in _CONTROLS else letter
