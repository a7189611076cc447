"""What the company buys from Datadog: three sub-organisations and the products of each, as data.

Amounts are dollars a month: `committed` is the contract and stays, `on_demand` is an average month of January 2026 and
grows with the company.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.seeds import token_id

_PUBLIC_ID_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Purchase:
    """One product of one sub-organisation."""

    product: str
    committed: Decimal
    on_demand: Decimal


@dataclass(frozen=True, slots=True)
class SubOrg:
    """One sub-organisation below the parent; the invoice is the parent's."""

    key: str
    name: str
    purchases: tuple[Purchase, ...]


def _buys(product: str, committed: int, on_demand: int) -> Purchase:
    return Purchase(product, Decimal(committed), Decimal(on_demand))


SUB_ORGS: tuple[SubOrg, ...] = (
    SubOrg(
        "production",
        "Tidewheel Production",
        (
            _buys("infra_host", 11_000, 1_400),
            _buys("infra_container", 0, 640),
            _buys("apm_host", 7_200, 1_100),
            _buys("logs_indexed", 8_400, 4_500),
            _buys("logs_ingested", 1_900, 800),
            _buys("custom_timeseries", 5_200, 1_900),
            _buys("rum", 3_100, 700),
            _buys("synthetics_api", 900, 150),
            _buys("synthetics_browser", 1_200, 210),
            _buys("llm_observability", 1_500, 950),
            _buys("serverless", 600, 420),
            _buys("dbm_host", 2_000, 160),
            _buys("npm_host", 1_300, 90),
            _buys("sensitive_data_scanner", 0, 180),
            _buys("incident_management", 500, 0),
        ),
    ),
    SubOrg(
        "data",
        "Tidewheel Data Platform",
        (
            _buys("infra_host", 3_600, 640),
            _buys("apm_host", 1_100, 180),
            _buys("logs_indexed", 2_700, 900),
            _buys("custom_timeseries", 1_300, 520),
            _buys("data_jobs_monitoring", 900, 260),
            _buys("llm_observability", 800, 610),
            _buys("serverless", 250, 140),
            _buys("cloud_cost_management", 1_000, 0),
        ),
    ),
    SubOrg(
        "internal",
        "Tidewheel Internal Tools",
        (
            _buys("infra_host", 1_400, 220),
            _buys("ci_visibility", 1_250, 310),
            _buys("ci_testing", 650, 120),
            _buys("synthetics_api", 240, 20),
            _buys("logs_indexed", 1_100, 340),
            _buys("error_tracking", 0, 85),
            _buys("on_call", 420, 0),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Billed:
    """A sub-organisation as it is billed: its public id, its name, what it buys, and its copy's number."""

    key: str
    copy: int
    public_id: str
    name: str
    purchases: tuple[Purchase, ...]


def billed_orgs(world: World) -> Iterator[Billed]:
    """Yield the sub-organisations: the three of the contract, `scale` times, never without a product.

    >>> from datetime import UTC, datetime
    >>> [org.name for org in billed_orgs(World(7, datetime(2026, 11, 1, tzinfo=UTC)))][0]
    'Tidewheel Production'
    """
    index = 0
    for org in SUB_ORGS:
        copies = [_copies(index + place, world.scale) for place in range(len(org.purchases))]
        index += len(org.purchases)
        for copy in range(max(*copies, 1)):
            bought = (purchase for purchase, times in zip(org.purchases, copies, strict=True) if times > copy)
            yield _billed(world, org, copy, tuple(bought) or org.purchases[:1])


def _copies(index: int, scale: float) -> int:
    """Return how often the purchase of this number is there, so that all together are there `scale` times."""
    return int((index + 1) * scale) - int(index * scale)


def _billed(world: World, org: SubOrg, copy: int, purchases: tuple[Purchase, ...]) -> Billed:
    public_id = token_id(world.seed, "", "datadog", org.key, copy)[:_PUBLIC_ID_LENGTH].lower()
    return Billed(org.key, copy, public_id, org.name if copy == 0 else f"{org.name} {copy + 1}", purchases)
