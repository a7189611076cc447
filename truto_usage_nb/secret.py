"""A text that no repr, log or traceback shows, and what hides it wherever else it turns up.

Every secret that lives is known here, so that a text from outside can be shown without asking whose it is: `masked`
takes each of them out, however it is spelt.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from weakref import WeakSet

__all__ = ["Secret", "masked"]

_MASK = "****"
_SHORTEST = 8
"""What is shorter stands in ordinary words too: hiding it would make them unreadable, and so give it away."""
_DEEPEST = 32


class Secret:
    """Hold a token so that it cannot be shown by accident; only `reveal()` gives it away.

    >>> token = Secret("tk_live_1234")
    >>> token
    Secret('****')
    >>> f"sent with {token}", token.hide("no such token: tk_live_1234 (tk%5Flive_1234)")
    ('sent with ****', 'no such token: **** (****)')
    """

    __slots__ = ("__weakref__", "_spellings", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._spellings: re.Pattern[str] | None = None
        if len(text) >= _SHORTEST:
            _LIVING.add(self)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to hide, and nothing to ask with."""
        return not self._text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def hide(self, text: str) -> str:
        """Give `text` with every occurrence of the secret masked: as it is, escaped, percent-encoded or in base64."""
        if len(self._text) < _SHORTEST:
            return text
        if self._spellings is None:
            self._spellings = re.compile(_spellings(self._text))
        return self._spellings.sub(_MASK, text)

    def hide_bytes(self, content: bytes) -> bytes:
        """Give `content` with every occurrence of the secret masked."""
        return self.hide(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def is_in(self, content: bytes) -> bool:
        """Say whether `content` shows the secret."""
        if len(self._text) < _SHORTEST:
            return False
        return self._text.encode() in content or self.hide_bytes(content) != content

    def __repr__(self) -> str:
        return f"Secret({_MASK!r})"

    def __str__(self) -> str:
        return _MASK

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, ("",)  # a pickle is a file: the secret stays out of it


_LIVING: WeakSet[Secret] = WeakSet()


def masked(value: Any) -> Any:
    """Give a value with every secret masked in its texts, its keys too; what is nested deeper than 32 is left out.

    >>> token = Secret("tk_live_1234")
    >>> masked({"said": ["no tk_live_1234 here", 5]})
    {'said': ['no **** here', 5]}
    """
    return _masked(value, tuple(_LIVING), _DEEPEST)


def _masked(value: Any, secrets: tuple[Secret, ...], levels: int) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = secret.hide(value)
        return value
    if isinstance(value, bytes):
        for secret in secrets:
            value = secret.hide_bytes(value)
        return value
    if type(value) in (dict, list, tuple) and not levels:
        return "…"
    if type(value) is dict:
        return {_masked(key, secrets, levels - 1): _masked(each, secrets, levels - 1) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_masked(each, secrets, levels - 1) for each in value)
    return value


def _spellings(text: str) -> str:
    """Give the expression of every spelling: each of its letters may be escaped in another way.

    It is linear: no letter can be read in two ways, and no escape is longer than a few characters.
    """
    return "|".join(["".join(map(_letter, text)), *map(re.escape, _in_base64(text.encode()))])


def _letter(letter: str) -> str:
    code = "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{ord(letter):02x}")
    percent = rf"%(?:25){{0,3}}{code}"
    escaped = rf"\\{{1,4}}(?:u00{code}|x{code}|{re.escape(letter)})"
    entity = rf"&(?:amp;){{0,2}}#(?:0{{0,4}}{ord(letter)}|[xX]0{{0,4}}{code});"
    return rf"(?:{re.escape(letter)}|{percent}|{escaped}|{entity})"


def _in_base64(text: bytes) -> set[str]:
    """Give what the text comes to in base64, wherever in a longer text it stands."""
    found = set()
    for before in range(3):
        whole = bytes(before) + text
        first, last = -(-before * 8 // 6), len(whole) * 8 // 6
        found |= {encode(whole).decode()[first:last] for encode in (b64encode, urlsafe_b64encode)}
    return found
