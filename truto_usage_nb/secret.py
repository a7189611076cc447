"""A text that no repr, log or traceback shows."""

from __future__ import annotations

__all__ = ["Secret"]

_MASK = "****"


class Secret:
    """Hold a token so that it cannot be shown by accident; only `reveal()` gives it away.

    >>> token = Secret("tk_live_1234")
    >>> token
    Secret('****')
    >>> f"sent with {token}", token.hide("no such token: tk_live_1234")
    ('sent with ****', 'no such token: ****')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def hide(self, text: str) -> str:
        """Give `text` with every occurrence of the secret masked."""
        return text.replace(self._text, _MASK) if self._text else text

    def hide_bytes(self, content: bytes) -> bytes:
        """Give `content` with every occurrence of the secret masked."""
        return content.replace(self._text.encode(), _MASK.encode()) if self._text else content

    def is_in(self, content: bytes) -> bool:
        """Say whether `content` shows the secret."""
        return bool(self._text) and self._text.encode() in content

    def __repr__(self) -> str:
        return f"Secret({_MASK!r})"

    def __str__(self) -> str:
        return _MASK

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, ("",)  # a pickle is a file: the secret stays out of it
