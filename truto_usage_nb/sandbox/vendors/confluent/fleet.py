"""What the company runs on Confluent Cloud: environments, resources and the lines each is billed by, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.seeds import token_id

_ID_LENGTH = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is metered: its list price per unit in dollars and how much of it an average day takes.

    A `busy` line follows the company's weekdays and growth; the others run around the clock. `resized` is the daily
    quantity after the cluster was resized.
    """

    line_type: str
    unit: str
    price: Decimal
    daily: Decimal
    busy: bool = False
    resized: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that is billed; one with an empty `prefix` belongs to the organisation and has no id of its own."""

    key: str
    product: str
    prefix: str
    name: str
    environment: str
    network: str
    lines: tuple[Line, ...]
    tiers: Mapping[str, str] | None = None


def _line(line_type: str, unit: str, price: str, daily: str, *, resized: str | None = None) -> Line:
    """Return a line that runs around the clock."""
    return Line(line_type, unit, Decimal(price), Decimal(daily), False, Decimal(resized) if resized else None)


def _busy(line_type: str, price: str, daily: str, unit: str = "GB") -> Line:
    """Return a line that follows how busy the company is."""
    return Line(line_type, unit, Decimal(price), Decimal(daily), busy=True)


def _connector(key: str, name: str, kind: str, tasks: str, gigabytes: str, *, price: str = "0.19479167") -> Resource:
    """Return a managed connector with its tasks (task-hours a day) and throughput (GB a day)."""
    lines = (
        _line("CONNECT_NUM_TASKS", "Task-hour", price, tasks),
        _busy("CONNECT_THROUGHPUT", "0.025", gigabytes),
    )
    tiers = {"provider": "aws", "region": "us-east-1", "connector_type": kind}
    return Resource(key, "CONNECT", "lcc-", name, "prod", "PRIVATE_LINK", lines, tiers)


_STORAGE_PRICE = "0.00010959"  # a GB-hour, which is 8 cents a GB-month
_AWS = {"provider": "aws", "region": "us-east-1"}

LEGACY_ENVIRONMENTS = frozenset({"dev"})  # made before 2024-05-15: its rows keep the older shape

FLEET: tuple[Resource, ...] = (
    Resource(
        "orders",
        "KAFKA",
        "lkc-",
        "orders-dedicated",
        "prod",
        "PRIVATE_LINK",
        (
            _line("KAFKA_NUM_CKUS", "CKU-hour", "2.25", "144", resized="216"),
            _line("KAFKA_STORAGE", "GB-hour", _STORAGE_PRICE, "432000"),
            _busy("KAFKA_NETWORK_WRITE", "0.05", "1250"),
            _busy("KAFKA_NETWORK_READ", "0.05", "3900"),
        ),
        _AWS,
    ),
    Resource(
        "events",
        "KAFKA",
        "lkc-",
        "events-enterprise",
        "prod",
        "PNI",
        (
            _line("KAFKA_BASE", "Hour", "1.5", "24"),
            _line("KAFKA_PARTITION", "Partition-hour", "0.0015", "28800"),
            _line("KAFKA_STORAGE", "GB-hour", _STORAGE_PRICE, "192000"),
            _busy("KAFKA_NETWORK_WRITE", "0.08", "290"),
            _busy("KAFKA_NETWORK_READ", "0.08", "660"),
            _busy("KAFKA_REST_PRODUCE", "0.055", "12"),
        ),
        _AWS,
    ),
    Resource(
        "staging",
        "KAFKA",
        "lkc-",
        "staging-standard",
        "stage",
        "INTERNET",
        (
            _line("KAFKA_BASE", "Hour", "1.5", "24"),
            _line("KAFKA_STORAGE", "GB-hour", _STORAGE_PRICE, "18000"),
            _busy("KAFKA_NETWORK_WRITE", "0.11", "22"),
            _busy("KAFKA_NETWORK_READ", "0.11", "41"),
        ),
        _AWS,
    ),
    Resource(
        "playground",
        "KAFKA",
        "lkc-",
        "playground",
        "dev",
        "INTERNET",
        (
            _line("KAFKA_PARTITION", "Partition-hour", "0.0015", "4800"),
            _line("KAFKA_STORAGE", "GB-hour", _STORAGE_PRICE, "960"),
            _busy("KAFKA_NETWORK_WRITE", "0.11", "3.5"),
        ),
        _AWS,
    ),
    _connector("bq-sink", "bq-sink", "BigQuerySink", "96", "140"),
    _connector("pg-source", "pg-orders-source", "PostgresCdcSourceV2", "48", "65", price="0.5"),
    _connector("s3-sink", "s3-archive-sink", "S3_SINK", "72", "310", price="0.03472222"),
    _connector("snowflake", "snowflake-sink", "SnowflakeSink", "48", "48", price="0.05555556"),
    _connector("http-sink", "webhook-sink", "HttpSink", "24", "2.5", price="0.03472222"),
    Resource(
        "fraud-connector",
        "CUSTOM_CONNECT",
        "clcc-",
        "fraud-scores-custom",
        "prod",
        "PRIVATE_LINK",
        (
            _line("CUSTOM_CONNECT_NUM_TASKS", "Task-hour", "0.12", "48"),
            _busy("CUSTOM_CONNECT_THROUGHPUT", "0.025", "30"),
        ),
        _AWS,
    ),
    Resource(
        "orders-ksql",
        "KSQL",
        "lksqlc-",
        "orders_ksqlDB",
        "prod",
        "INTERNET",
        (_line("KSQL_NUM_CSUS", "CSU-hour", "0.255553", "96"),),
        _AWS,
    ),
    Resource(
        "fraud-flink",
        "FLINK",
        "lfcp-",
        "fraud-detection",
        "prod",
        "PRIVATE_LINK",
        (_busy("FLINK_NUM_CFUS", "0.0035", "24000", "CFU-minute"),),
        _AWS,
    ),
    Resource(
        "registry",
        "STREAM_GOVERNANCE",
        "lsrc-",
        "Stream Governance Package",
        "prod",
        "INTERNET",
        (
            _line("GOVERNANCE_BASE", "Hour", "1", "24"),
            _line("SCHEMA_REGISTRY", "Schema-hour", "0.002", "7440"),
            _line("NUM_RULES", "Rule-hour", "0.0000375", "480"),  # two cents a day: small money has to survive
        ),
        _AWS,
    ),
    Resource(
        "dr-link",
        "CLUSTER_LINK",
        "link-",
        "orders-to-dr",
        "prod",
        "PEERED_VPC",
        (
            _line("CLUSTER_LINKING_PER_LINK", "Link-hour", "0.25", "48"),
            _busy("CLUSTER_LINKING_WRITE", "0.02", "410"),
            _busy("CLUSTER_LINKING_READ", "0.01", "410"),
        ),
        _AWS,
    ),
    Resource(
        "lakehouse",
        "TABLEFLOW",
        "tf-",
        "orders-lakehouse",
        "prod",
        "INTERNET",
        (
            _line("TABLEFLOW_NUM_TOPICS", "Topic-hour", "0.1", "384"),
            _busy("TABLEFLOW_DATA_PROCESSED", "0.04", "240"),
            _line("TABLEFLOW_STORAGE", "GB-hour", "0.00003", "52800"),
        ),
        _AWS,
    ),
    Resource("audit", "AUDIT_LOG", "", "", "", "INTERNET", (_busy("AUDIT_LOG_READ", "0.05", "26"),)),
)


def running(world: World) -> Iterator[tuple[Resource, int]]:
    """Yield every resource with the number of its copy: the whole fleet `scale` times, as evenly as can be.

    The first resource, the one with a story, is there at any scale; the organisation's own are there once.

    >>> from datetime import UTC, datetime
    >>> small, large = (World(7, datetime(2026, 11, 1, tzinfo=UTC), scale) for scale in (0.5, 2.5))
    >>> sum(1 for _ in running(small)) < len(FLEET) < sum(1 for _ in running(large))
    True
    """
    for index, resource in enumerate(FLEET):
        for copy in range(_copies(resource, index, world.scale)):
            yield resource, copy


def _copies(resource: Resource, index: int, scale: float) -> int:
    if not resource.prefix:
        return 1
    share = int((index + 1) * scale) - int(index * scale)
    return max(share, 1) if index == 0 else share


def short_id(world: World, prefix: str, *keys: object) -> str:
    """Return an id as Confluent writes them: the prefix and six small letters or digits, such as `lkc-a1b2c3`."""
    return prefix + token_id(world.seed, "", prefix, *keys)[:_ID_LENGTH].lower()
