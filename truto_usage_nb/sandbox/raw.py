"""What passes between a vendor's server and its `raw` module: a request, an answer, an endpoint."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from truto_usage_nb.sandbox.ask import World

__all__ = ["RawAnswer", "RawAsk", "RawRoute"]


@dataclass(frozen=True, slots=True)
class RawAsk:
    """One request to a vendor: the pairs of its query string, its JSON body, its headers in lower case."""

    world: World
    pairs: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    path: Mapping[str, str] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """Return a parameter's value, the last one sent."""
        return next((value for sent, value in reversed(self.pairs) if sent == name), None)

    def several(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for sent, value in self.pairs if sent == name]

    def basic(self) -> tuple[str, str] | None:
        """Return user name and password of basic authentication."""
        scheme, _, sent = self.headers.get("authorization", "").partition(" ")
        try:
            name, colon, password = b64decode(sent, validate=True).decode().partition(":")
        except (NotBase64, UnicodeDecodeError):
            return None
        return (name, password) if scheme.lower() == "basic" and colon else None

    @property
    def page(self) -> int:
        """Return which page is asked for, as far as the request shows it: 0 the first."""
        number = self.body.get("page") if isinstance(self.body, dict) else None
        if isinstance(number, int) and number > 0:
            return number - 1
        return 1 if any(name in ("page_token", "page", "page[next_record_id]") for name, _ in self.pairs) else 0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a vendor answers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class RawRoute(NamedTuple):
    """One endpoint: how it is asked, who answers, and the vendor's own rate limit, as the budget reads it."""

    method: str
    path: str
    answer: Callable[[RawAsk], RawAnswer]
    limit: str = "60;w=60"
