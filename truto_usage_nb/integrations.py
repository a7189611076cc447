"""The five integrations by name: what each vendor's package tells of it, for every room that asks."""

from __future__ import annotations

from collections.abc import Callable

from truto_usage_nb.vendors.claude import facts as claude
from truto_usage_nb.vendors.confluent import facts as confluent
from truto_usage_nb.vendors.cursor import facts as cursor
from truto_usage_nb.vendors.datadog import facts as datadog
from truto_usage_nb.vendors.facts import FactsOfVendor, Integration, Measured, TotalMeans, Window
from truto_usage_nb.vendors.openai_codex import facts as openai_codex

__all__ = [
    "INTEGRATIONS",
    "Integration",
    "Measured",
    "TotalMeans",
    "Window",
    "integration_named",
    "integrations_that",
]

_VENDORS: tuple[FactsOfVendor, ...] = (claude, openai_codex, confluent, cursor, datadog)

INTEGRATIONS: dict[str, Integration] = {each.FACTS.name: each.FACTS for each in _VENDORS}
"""The integrations by name. Ask it where it is needed: what is worked out at import time does not see a new one."""


def integration_named(name: str) -> Integration | None:
    """Give the integration of a name as the service or a person spells it, or None.

    >>> integration_named("OpenAI Codex").name
    'openai_codex'
    """
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    known = INTEGRATIONS.get(plain)
    folded = plain.replace("_", "")
    return known or next((each for each in INTEGRATIONS.values() if folded in each.spellings), None)


def integrations_that(hold: Callable[[Integration], object]) -> list[str]:
    """Give the names of the integrations of which something holds.

    >>> integrations_that(lambda each: each.cycle)
    ['cursor', 'datadog']
    """
    return [name for name, each in INTEGRATIONS.items() if hold(each)]
