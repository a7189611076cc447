"""Where a key is: a variable, the system's keyring, or a function that gives it. Never the key itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from truto_usage_nb.direct.engine import KeyField
from truto_usage_nb.errors import InputError, MissingExtraError
from truto_usage_nb.outside import shown
from truto_usage_nb.secret import Secret

__all__ = ["KEYRING_SERVICE", "KeyAt", "key_at", "told"]

KEYRING_SERVICE = "truto_usage_nb"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KEY_LIKE = re.compile(r"(?:sk|crsr|key|dd)[-_](?=.*\d)[A-Za-z0-9_-]{12,}", re.IGNORECASE)
_ENTRY = re.compile(r"[\w.@ /+-]{1,100}")
_LONG = 24
_HOW = "write env:NAME or keyring:NAME, or pass a function that gives it, such as getpass.getpass"


@dataclass(slots=True)
class KeyAt:
    """Hold where one key is; it is looked up when it is first asked with, and kept so that no repr shows it."""

    account: str
    key: KeyField
    reference: str
    ask: Callable[[], Any] | None = field(default=None, repr=False)
    _held: Secret | None = field(default=None, repr=False)
    _lock: Any = field(default_factory=Lock, repr=False)

    @property
    def named(self) -> str:
        """Name it for an error: the variable or keyring entry, and the field."""
        return f"{self.reference} ({self.key.name})" if self.reference else self.key.name

    @property
    def is_held(self) -> bool:
        """Say whether it was looked up already."""
        return self._held is not None

    @property
    def is_set(self) -> bool:
        """Say whether it can be there at all: a variable that is not set holds none."""
        scheme, _, name = self.reference.partition(":")
        return scheme != "env" or bool(os.environ.get(name, "").strip())

    def reveal(self) -> Secret:
        """Give the key. It may have to ask a person, so it may block.

        Raises `InputError` where there is none, or one of another kind, naming where it was looked for.
        """
        with self._lock:
            if self._held is None:
                self._held = self._checked(Secret(str(self._looked_up() or "").strip()))
            return self._held

    def _looked_up(self) -> Any:
        scheme, _, name = self.reference.partition(":")
        if self.ask is not None:
            return self.ask()
        if scheme == "env":
            return os.environ.get(name)
        return self._from_the_keyring(name)

    def _from_the_keyring(self, name: str) -> str | None:
        ring = _keyring()
        try:
            found: str | None = ring.get_password(KEYRING_SERVICE, name)
        except ring.errors.KeyringError as problem:
            said = str(problem) or type(problem).__name__
        else:
            return found
        raise InputError(
            f"account {self.account!r}: {self.named} cannot be read from the system's keyring ({said}); unlock it, or "
            "put the key into a variable and write env:NAME"
        )

    def _checked(self, secret: Secret) -> Secret:
        text = secret.reveal()
        if not text:
            raise InputError(f"account {self.account!r}: {self.named} holds nothing; it is to hold {self.key.kind}")
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise InputError(
                f"account {self.account!r}: {self.named} holds a space, a control character or a letter beyond ASCII; "
                "copy the key again"
            )
        for beginning, what in self.key.others.items():
            if text.startswith(beginning):
                raise InputError(f"account {self.account!r}: {self.named} holds {what}; it is to hold {self.key.kind}")
        return secret


def told(value: Any) -> str:
    """Show a value of a description, unless it may be a key that stands in the wrong place.

    >>> told("curser"), told("sk-ant-admin01-AbCdEfGh12345678")
    ("'curser'", '(not shown: it may be a key)')
    """
    text = value if isinstance(value, str) else ""
    if _KEY_LIKE.search(text) or (len(text) >= _LONG and any(c.isdigit() for c in text) and " " not in text):
        return "(not shown: it may be a key)"
    return shown(value, 60)


def key_at(account: str, key: KeyField, said: Any) -> KeyAt:
    """Read what an account's description says of a key; raises `InputError`, which shows nothing that may be one."""
    where = f"account {account!r}: {key.name}"
    if isinstance(said, str):
        scheme, colon, name = said.partition(":")
        if colon and scheme == "env" and _NAME.fullmatch(name) and not _KEY_LIKE.fullmatch(name):
            return KeyAt(account, key, said)
        if colon and scheme == "keyring" and _ENTRY.fullmatch(name) and not _KEY_LIKE.search(name):
            _keyring()
            return KeyAt(account, key, said)
        raise InputError(f"{where} is a text that says not where the key is; a key itself is not taken: {_HOW}")
    if callable(said):
        return KeyAt(account, key, "", ask=said)
    raise InputError(f"{where} is of type {type(said).__name__}; {_HOW}")


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise MissingExtraError(
            "keyring: needs an optional part: pip install 'truto-usage-nb[keyring]'; or put the key into a variable "
            "and write env:NAME"
        ) from None
    return keyring
