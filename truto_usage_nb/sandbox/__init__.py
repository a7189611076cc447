"""The embedded service: seeded data of all five integrations behind the real wire.

The package is callable: `tu.sandbox()` gives a client mounted on it. The service itself shares no code with the client,
so neither can hide the other's mistake.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from truto_usage_nb.sandbox.face import SandboxClient
    from truto_usage_nb.sandbox.faults import Fault, Faults

__all__ = ["sandbox"]


def sandbox(
    seed: int | None = None,
    now: datetime | date | str | None = None,
    scale: float | None = None,
    *,
    faults: Faults | Iterable[Fault] | None = None,
    **options: Any,
) -> SandboxClient:
    """Give a client mounted on the embedded service: no account, no network, no token.

    `seed` picks the company's data, `now` (UTC) the moment at which both clocks stand, so that documented figures never
    change (2026-11-23 when left out), `scale` its size; `faults` makes the service misbehave; `options` are those of
    `Client`. The client's `answers(period)` is the generator's own answer key.

    >>> import truto_usage_nb as tu
    >>> tu.sandbox(seed=3)
    sandbox(seed=3, now=2026-11-23T00:00:00Z, scale=1)
    """
    from truto_usage_nb.sandbox.face import make_sandbox

    return make_sandbox(seed, now, scale, faults=faults, **options)


class _CallableModule(ModuleType):
    """Let the package be called by the name it is imported under."""

    def __call__(self, *arguments: Any, **options: Any) -> SandboxClient:
        return sandbox(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
