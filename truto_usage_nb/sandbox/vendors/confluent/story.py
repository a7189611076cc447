"""What the company runs on Confluent Cloud and owes for it, day by day: the source of its rows and of its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from truto_usage_nb.sandbox.ask import Tally, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account, growth, quarter_month, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, rng, spread, token_id, uniform

_ID_LENGTH = 6


@dataclass(frozen=True, slots=True)
class _Line:
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
    lines: tuple[_Line, ...]
    tiers: Mapping[str, str] | None = None


def _line(line_type: str, unit: str, price: str, daily: str, *, resized: str | None = None) -> _Line:
    """Return a line that runs around the clock."""
    return _Line(line_type, unit, Decimal(price), Decimal(daily), False, Decimal(resized) if resized else None)


def _busy(line_type: str, price: str, daily: str, unit: str = "GB") -> _Line:
    """Return a line that follows how busy the company is."""
    return _Line(line_type, unit, Decimal(price), Decimal(daily), busy=True)


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


def _running(world: World) -> Iterator[tuple[Resource, int]]:
    """Yield every resource with the number of its copy: the whole fleet `scale` times, as evenly as can be.

    The first resource, the one with a story, is there at any scale; the organisation's own are there once.

    >>> from datetime import UTC, datetime
    >>> small, large = (World(7, datetime(2026, 11, 1, tzinfo=UTC), scale) for scale in (0.5, 2.5))
    >>> sum(1 for _ in _running(small)) < len(FLEET) < sum(1 for _ in _running(large))
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


RESIZE_DAY = 20
SUPPORT_DAY = 1
PROMO_CODE = "KAFKA500"
PROMO_BALANCE = Decimal(500)
CORRECTION = Decimal(40)

_PROMO_FIRST_DAY = 4
_PROMO_A_DAY = 45.0
_CORRECTION_DAY = 22
_CENT = Decimal("0.01")


def resized(day: date) -> bool:
    """Say whether the orders cluster runs at its larger size: from the 20th of month 0 to the quarter's end."""
    return quarter_month(day) > 0 or day.day >= RESIZE_DAY


def promo_draw(world: World, day: date) -> Decimal:
    """Return what the month's promotion pays on a day, in dollars and positive.

    The balance of $500 starts on the 4th and runs out near the middle of the month, so a month's draws come to it
    exactly.
    """
    r = rng(world.seed, "confluent", "promo", day.year, day.month)
    left = PROMO_BALANCE
    draw = Decimal(0)
    for _ in range(_PROMO_FIRST_DAY, day.day + 1):
        draw = min(left, Decimal(spread(r, _PROMO_A_DAY, 0.3)).quantize(_CENT))
        left -= draw
    return draw


def _corrected(day: date) -> bool:
    """Say whether $40 of the promotion is taken back on this day: the 22nd of month 0."""
    return quarter_month(day) == 0 and day.day == _CORRECTION_DAY


def posted_at(world: World, day: date, *keys: object) -> datetime:
    """Return when a day's rows of one resource appear, in UTC: mostly the next morning, one in five up to 72 h late."""
    r = rng(world.seed, "confluent", "posted", day.isoformat(), *keys)
    late = chance(r, 0.2)
    hours = uniform(r, 16, 71.9) if late else uniform(r, 3, 11)
    return datetime.combine(day + timedelta(days=1), time(0), UTC) + timedelta(seconds=int(hours * 3600))


PROMO_CREDIT = "PROMO_CREDIT"
SUPPORT_PRODUCT = "SUPPORT_CLOUD_BUSINESS"

_AMOUNT = Decimal("0.0001")
_QUANTITY = Decimal("0.001")

# The annual commitment buys a discount by product; what is not named here gets the common one.
_COMMITMENT = {"KAFKA": Decimal("0.18"), "CONNECT": Decimal("0.08"), "CUSTOM_CONNECT": Decimal("0.08")}
_COMMITMENT_COMMON = Decimal("0.12")
_SUPPORT_RATE = Decimal("0.10")
_SUPPORT_MINIMUM = Decimal(1000)


class Posting(NamedTuple):
    """One line of one day. `listed` and `discount` are dollars; a credit has no quantity, price or resource."""

    day: date
    product: str | None
    line_type: str
    listed: Decimal
    discount: Decimal
    posted_at: datetime
    unit: str = ""
    price: Decimal | None = None
    quantity: Decimal | None = None
    resource: Resource | None = None
    copy: int = 0
    description: str | None = None

    @property
    def net(self) -> Decimal:
        """What is charged: list less discount."""
        return self.listed - self.discount


def postings(world: World, start: date, end: date) -> Iterator[Posting]:
    """Yield what is posted by `world.now` of the days from start up to, not including, end."""
    for offset in range((end - start).days):
        day = start + timedelta(days=offset)
        if day > world.now.date():
            return
        yield from (fact for fact in _of_day(world, day) if fact.posted_at <= world.now)


def _of_day(world: World, day: date) -> Iterator[Posting]:
    yield from usage(world, day)
    yield from _support(world, day)
    yield from _credits(world, day)


def usage(world: World, day: date) -> Iterator[Posting]:
    """Yield every metered line of a day, posted or not yet."""
    for resource, copy in _running(world):
        r = rng(world.seed, "confluent", "usage", day.isoformat(), resource.key, copy)
        posted = posted_at(world, day, resource.key, copy)
        for line in resource.lines:
            yield _metered(day, resource, copy, line, quantity=_quantity(r, line, day), posted_at=posted)


def _metered(
    day: date, resource: Resource, copy: int, line: _Line, *, quantity: Decimal, posted_at: datetime
) -> Posting:
    listed = (line.price * quantity).quantize(_AMOUNT)
    discount = (listed * _COMMITMENT.get(resource.product, _COMMITMENT_COMMON)).quantize(_AMOUNT)
    return Posting(
        day=day,
        product=resource.product,
        line_type=line.line_type,
        listed=listed,
        discount=discount,
        posted_at=posted_at,
        unit=line.unit,
        price=line.price,
        quantity=quantity,
        resource=resource,
        copy=copy,
    )


def _quantity(r: Random, line: _Line, day: date) -> Decimal:
    """Return what a day takes of a line; weekends are quieter, though never as quiet as the offices."""
    if line.resized is not None and resized(day):
        return line.resized
    if not line.busy:
        return line.daily
    factor = spread(r, (0.6 + 0.4 * weekday_factor(day)) * growth(day), 0.08)
    return (line.daily * Decimal(factor)).quantize(_QUANTITY)


def _support(world: World, day: date) -> Iterator[Posting]:
    """Yield the month's support fee on its 1st: a tenth of last month's metered charges, at least $1,000."""
    if day.day != SUPPORT_DAY:
        return
    last_month = [day - timedelta(days=back) for back in range(1, (day - timedelta(days=1)).day + 1)]
    spent = sum((fact.net for past in last_month for fact in usage(world, past)), Decimal(0))
    fee = max(_SUPPORT_MINIMUM, (spent * _SUPPORT_RATE).quantize(_CENT))
    yield Posting(
        day=day,
        product=SUPPORT_PRODUCT,
        line_type="SUPPORT",
        listed=fee,
        discount=Decimal(0),
        posted_at=posted_at(world, day, "support"),
    )


def _credits(world: World, day: date) -> Iterator[Posting]:
    """Yield the promotion's part of the day, negative, and the correction that takes some of it back, positive."""
    draw = promo_draw(world, day)
    if draw:
        yield _credit(world, day, -draw, PROMO_CODE)
    if _corrected(day):
        yield _credit(world, day, CORRECTION, f"{PROMO_CODE} correction")


def _credit(world: World, day: date, amount: Decimal, description: str) -> Posting:
    return Posting(
        day=day,
        product=None,
        line_type=PROMO_CREDIT,
        listed=amount,
        discount=Decimal(0),
        posted_at=posted_at(world, day, description),
        description=description,
    )


_NOTES = [
    "rows of the last 72 hours may be missing",
    "usage is drawn from an annual commitment at its contract price",
    "the support fee is posted on the 1st and belongs to no resource",
]


def answer_key(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one organisation
    """Return what the organisation was charged in the days from start up to, not including, end.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "confluent")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> answer_key(account, date(2026, 10, 1), date(2026, 11, 1), world).money[0].credit
    Decimal('-460.00')
    """
    tally = Tally()
    for fact in postings(world, start, end):
        if fact.line_type == PROMO_CREDIT:
            tally.bill("USD", credit=fact.net)
        else:
            tally.bill("USD", billed=fact.net, listed=fact.listed)
    return tally.answer(unusual_days=_unusual(start, min(end, world.now.date() + timedelta(days=1))), notes=_NOTES)


def _unusual(start: date, end: date) -> list[tuple[date, str]]:
    """Return the days of the period that stand out, with the reason."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    return [(day, reason) for day in days if (reason := _reason(day)) is not None]


def _reason(day: date) -> str | None:
    if day.day == SUPPORT_DAY:
        return "monthly support fee"
    if quarter_month(day) == 0 and day.day == RESIZE_DAY:
        return "orders-dedicated resized from 6 to 9 CKUs"
    return None
