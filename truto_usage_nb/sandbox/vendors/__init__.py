"""The five integrations by name, each package imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import cast

from truto_usage_nb.sandbox.ask import Vendor

LISTED: dict[str, tuple[str, str]] = {
    "claude": ("Claude", "ai"),
    "openai_codex": ("OpenAI Codex", "ai"),
    "cursor": ("Cursor", "ai"),
    "confluent": ("Confluent", "data-streaming"),
    "datadog": ("Datadog", "observability"),
}
"""Label and category of each, as the service lists them."""
SANDBOX_VENDORS: tuple[str, ...] = tuple(LISTED)


class _Registry(MutableMapping[str, Vendor]):
    """A mapping of integration names to vendor modules; a test may set a vendor of its own and delete it again."""

    def __init__(self) -> None:
        self._set: dict[str, Vendor] = {}

    def __getitem__(self, name: str) -> Vendor:
        if name in self._set:
            return self._set[name]
        if name not in SANDBOX_VENDORS:
            raise KeyError(name)
        return cast(Vendor, import_module(f"{__name__}.{name}"))

    def __setitem__(self, name: str, vendor: Vendor) -> None:
        self._set[name] = vendor

    def __delitem__(self, name: str) -> None:
        del self._set[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*SANDBOX_VENDORS, *self._set))

    def __len__(self) -> int:
        return len({*SANDBOX_VENDORS, *self._set})


VENDORS: MutableMapping[str, Vendor] = _Registry()
