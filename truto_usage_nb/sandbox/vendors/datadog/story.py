"""What the company owes Datadog, month by month: the one source of both the rows and the answer key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from truto_usage_nb.sandbox.ask import Ask, Refused, Tally, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account, growth, weekday_factor
from truto_usage_nb.sandbox.seeds import rng, spread, token_id

_FINAL_ON = 16  # day of the next month from which the historical figures stand
_LAG = timedelta(hours=24)  # a day is counted a day after it has ended
_MONTH_TEXT = len("2026-10")


@dataclass(frozen=True, slots=True, order=True)
class BillingMonth:
    """One calendar month, UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> BillingMonth:
        """Return the month a day is in."""
        return cls(day.year, day.month)

    @property
    def start(self) -> date:
        """The first day."""
        return date(self.year, self.month, 1)

    @property
    def next(self) -> BillingMonth:
        """The month after."""
        return BillingMonth(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def final_at(self) -> datetime:
        """When the historical figures stand: the 16th of the month after."""
        return datetime.combine(self.next.start.replace(day=_FINAL_ON), time(0), UTC)

    def final(self, world: World) -> bool:
        """Say whether the figures are historical, or else still an estimate."""
        return world.now >= self.final_at

    def counted_days(self, world: World) -> list[date]:
        """Return the days that are in the figures by now, from the 1st."""
        length = (self.next.start - self.start).days
        days = (self.start + timedelta(days=offset) for offset in range(length))
        return [day for day in days if datetime.combine(day, time(0), UTC) + timedelta(days=1) + _LAG <= world.now]

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def months_asked(ask: Ask) -> tuple[BillingMonth, BillingMonth]:
    """Return the first and the last month a request covers, both included.

    `start_date` and `end_date` have month resolution: the end is exclusive, so `2026-11-01` ends October, while a bare
    month such as `2026-10` is covered. Without dates it is this month; without an end, the month of the start.
    `start_month` and `end_month` of `remote_query` come first. Raises `Refused` (400) as Datadog does.
    """
    start = ask.remote_query.get("start_month", ask.start_date)
    end = ask.remote_query.get("end_month", ask.end_date)
    first = BillingMonth.of(_day("start_month", start)) if start is not None else BillingMonth.of(ask.world.now.date())
    last = first if end is None else _last(first, end)
    if last < first:
        raise month_refused(f"the end {end!r} is before start_month {first}")
    return first, last


def months(first: BillingMonth, last: BillingMonth, world: World) -> Iterator[BillingMonth]:
    """Yield the months from first to last that have begun."""
    month = first
    while month <= last and month.start <= world.now.date():
        yield month
        month = month.next


def month_refused(detail: str) -> Refused:
    """Return Datadog's answer to a request it cannot serve."""
    return Refused(400, {"errors": [detail]})


def _last(first: BillingMonth, end: str) -> BillingMonth:
    """Return the last month covered; an end on the very day of the start still covers its month."""
    day = _day("end_month", end)
    if len(end) == _MONTH_TEXT or day == first.start:
        return BillingMonth.of(day)
    return BillingMonth.of(day - timedelta(days=1))


def _day(name: str, text: str) -> date:
    """Read `YYYY-MM`, `YYYY-MM-DD` or the day portion of an RFC 3339 instant."""
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == _MONTH_TEXT else text[:10])
    except ValueError:
        raise month_refused(f"{name} must be formatted as YYYY-MM, got {text!r}") from None


_PUBLIC_ID_LENGTH = 10


@dataclass(frozen=True, slots=True)
class _Purchase:
    """One product of one sub-organisation."""

    product: str
    committed: Decimal
    on_demand: Decimal


@dataclass(frozen=True, slots=True)
class SubOrg:
    """One sub-organisation below the parent; the invoice is the parent's."""

    key: str
    name: str
    purchases: tuple[_Purchase, ...]


def _buys(product: str, committed: int, on_demand: int) -> _Purchase:
    return _Purchase(product, Decimal(committed), Decimal(on_demand))


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
    purchases: tuple[_Purchase, ...]


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


def _billed(world: World, org: SubOrg, copy: int, purchases: tuple[_Purchase, ...]) -> Billed:
    public_id = token_id(world.seed, "", "datadog", org.key, copy)[:_PUBLIC_ID_LENGTH].lower()
    return Billed(org.key, copy, public_id, org.name if copy == 0 else f"{org.name} {copy + 1}", purchases)


ESTIMATE_IS_HIGH_BY = Decimal("0.015")

_CENT = Decimal("0.01")
_DAYS_A_MONTH = Decimal("30.4")


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """One product of one sub-organisation in one month, in dollars; an estimate until the month is final."""

    org: Billed
    month: BillingMonth
    product: str
    committed: Decimal
    on_demand: Decimal
    final: bool

    @property
    def total(self) -> Decimal:
        """Both parts together."""
        return self.committed + self.on_demand


def monthly_costs(world: World, month: BillingMonth) -> Iterator[MonthlyCost]:
    """Yield every product of every sub-organisation for a month that has begun."""
    days = month.counted_days(world)
    for org in billed_orgs(world):
        for purchase in org.purchases:
            yield _fact(world, org, purchase, month, days)


def _fact(world: World, org: Billed, purchase: _Purchase, month: BillingMonth, days: list[date]) -> MonthlyCost:
    """Return the month's figures; an estimate runs 1.5 % high, all of it in the part that is not under contract."""
    final = month.final(world)
    r = rng(world.seed, "datadog", "on_demand", org.key, org.copy, purchase.product, str(month))
    on_demand = sum((_on_demand(r, purchase, day) for day in days), Decimal(0))
    if not final:
        on_demand += ((purchase.committed + on_demand) * ESTIMATE_IS_HIGH_BY).quantize(_CENT)
    return MonthlyCost(org, month, purchase.product, purchase.committed, on_demand, final)


def _on_demand(r: Random, purchase: _Purchase, day: date) -> Decimal:
    """Return one day's use beyond the commitment."""
    factor = spread(r, (0.7 + 0.3 * weekday_factor(day)) * growth(day), 0.15)
    return (purchase.on_demand / _DAYS_A_MONTH * Decimal(factor)).quantize(_CENT)


_NOTES = ["a month is billed as a whole: one that begins outside the period is not in these figures"]


def answer_key(account: Account, start: date, end: date, world: World) -> VendorAnswer:  # noqa: ARG001  # one parent
    """Return what the sub-organisations owe for the months that begin from start up to, not including, end.

    Datadog states no list price, so what is billed stands for it.

    >>> from datetime import UTC, datetime
    >>> from truto_usage_nb.sandbox.company import ACCOUNTS
    >>> account = next(one for one in ACCOUNTS if one.id == "datadog")
    >>> world = World(7, datetime(2026, 11, 23, tzinfo=UTC))
    >>> answer_key(account, date(2026, 10, 1), date(2026, 11, 1), world).money[0].records
    30
    """
    first = BillingMonth.of(start) if start.day == 1 else BillingMonth.of(start).next
    covered = list(months(first, BillingMonth.of(end - timedelta(days=1)), world))
    tally = Tally()
    for fact in (fact for month in covered for fact in monthly_costs(world, month)):
        tally.bill("USD", billed=fact.total, listed=fact.total)
    open_months = [
        f"{month} is an estimate, final on {month.final_at:%Y-%m-%d}" for month in covered if not month.final(world)
    ]
    return tally.answer(notes=_NOTES + open_months)
