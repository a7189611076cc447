"""The five integrations by name, each package imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import cast

from truto_usage_nb.sandbox.ask import Vendor

NAMES: tuple[str, ...] = ("claude", "openai_codex", "cursor", "confluent", "datadog")


class _Registry(MutableMapping[str, Vendor]):
    """A mapping of integration names to vendor modules; a test may set a vendor of its own and delete it again."""

    def __init__(self) -> None:
        self._set: dict[str, Vendor] = {}

    def __getitem__(self, name: str) -> Vendor:
        if name in self._set:
            return self._set[name]
        if name not in NAMES:
            raise KeyError(name)
        return cast(Vendor, import_module(f"{__name__}.{name}"))

    def __setitem__(self, name: str, vendor: Vendor) -> None:
        self._set[name] = vendor

    def __delitem__(self, name: str) -> None:
        del self._set[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*NAMES, *self._set))

    def __len__(self) -> int:
        return len({*NAMES, *self._set})


VENDORS: MutableMapping[str, Vendor] = _Registry()
