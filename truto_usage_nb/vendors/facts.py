"""What a vendor's package tells of it: one `Integration`, in `vendors/<name>/facts.py`, which every other room asks.

Pure data, and the only place where a vendor's habits are written down for the client. Sources: the service's public
pages (what each integration supports) and the vendors' own documentation (windows, lateness, how long data is kept,
which report contains which, what an invoice holds beyond them).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

__all__ = [
    "SERVICE_PARAMETERS",
    "FactsOfVendor",
    "FocusService",
    "Integration",
    "Measured",
    "Series",
    "SeriesChoice",
    "Shapes",
    "TotalMeans",
    "Window",
]

Measured = Literal["money", "tokens", "requests"]
TotalMeans = Literal["billed", "list", "with_included"]
Basis = Literal["bill", "estimate", "running total", "none"]

SERVICE_PARAMETERS = frozenset({
    "integrated_account_id", "truto_response_format", "truto_key_by", "truto_ignore_limit", "truto_ignore_remote_data",
    "truto_exclude_fields", "remote_query", "cursor", "limit",
})  # fmt: skip
"""The parameters of the service itself, which act whatever stands behind an account."""


@dataclass(frozen=True, slots=True)
class Window:
    """State how a period becomes requests.

    One request asks for at most `days` days and never reaches past a calendar month. `grain` says in which words:
    a `range` of start and end, `one day` named by the parameter `date`, or `whole months`, each named by its first and
    its last day. `end_inclusive` says that the provider counts `end_date` itself (the end of a window goes over as its
    last millisecond), `instants` that the time of day goes over, not only the day.
    """

    grain: Literal["range", "one day", "whole months"]
    days: int = 31
    end_inclusive: bool = False
    instants: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Say what a series states, and whether its money is a bill.

    A series is one way in which a vendor tells what happened. Those of different `product`s state different things,
    however alike they look.
    """

    name: str
    states: frozenset[Measured]
    basis: Basis
    meaning: str
    product: str = ""

    @classmethod
    def of(cls, basis: Basis, *rows: tuple[str, str, str], product: str = "") -> tuple[Series, ...]:
        """Give series of one basis, each a name, the measures it states with blanks between, and what it means."""
        return tuple(cls(name, frozenset(states.split()), basis, meaning, product) for name, states, meaning in rows)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """Settle which series counts where one contains the other: the first of `order` that is there.

    `by` overrides the order when a dimension is asked for ("user", "model" or "surface"). `remainder` says that the
    second of `order` is a part of the first, so what it leaves out is shown as "(not attributed)".
    """

    measure: Measured
    order: tuple[str, ...]
    reason: str
    by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remainder: bool = False

    def preference(self, dimensions: frozenset[str]) -> tuple[str, ...]:
        """Give the order for the dimensions asked for."""
        return next((order for name, order in self.by.items() if name in dimensions), self.order)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Name the series of a record by its shape, for a vendor whose `report_type` does not tell.

    `charged`: it has charges. `cycle`: it is a state of a cycle that runs up. `counts`: a person's day of requests
    without tokens. `by_model`, `by_surface`, `in_all`: a record in credits or of threads, broken down by model, by
    surface, or not at all; without them such a record is like any other. `other`: none of these.
    """

    other: str
    charged: str
    cycle: str | None = None
    counts: str | None = None
    by_model: str | None = None
    by_surface: str | None = None
    in_all: str | None = None


@dataclass(frozen=True, slots=True)
class FocusService:
    """Describe a vendor in FOCUS's words: who provides, which service, which category.

    `by_product`: the service's name has the product's behind it, unless that begins with it. `sub_account` is what the
    vendor calls a resource's workspace; `provisions` says that its resources are provisioned, so that billing rests on
    them. `bought` is a pattern of product or metric names, in capitals, of what is bought and not used.
    """

    provider: str
    name: str
    category: str
    subcategory: str
    by_product: bool = False
    sub_account: str = "Workspace"
    provisions: bool = False
    bought: str | None = None


@dataclass(frozen=True, slots=True)
class Integration:
    """Describe one integration.

    What may be asked: `honours` are the endpoint's parameters that act there, the envelope's own included; `hears` are
    parameters that act as well, though no record says that it came by them. `window` cuts a period. A period asks for
    `default_views`, or by person for `user_views`: report types with their grouping. A record of a `range_long` report
    covers the whole range asked for, unless `granularity`, or `bucket_width` in `remote_query`, cuts it. `spellings`
    are other names that people write, in small letters and without marks.

    When figures are final: `keeps_days` is how long the vendor keeps data (None: not stated), `late` how long figures
    may still change after the record's end; `settle_day` instead names the day of the following month on which a month
    is final.

    Which records state what: its `series`, and the `choices` where two of them state the same thing; two that no choice
    names are refused, unless they are of different products. `shapes` where `report_type` does not tell the series.
    `cycle` is what a running total runs up in: a `person`'s billing cycle, or a `product`'s calendar month, of which
    every record is a state. `counted` orders the series by which requests, commits and the like are counted once,
    `counted_by_person` those that come first where a person is asked for.

    What the figures mean: `total_means` is what a `total` without a net is, where the documentation settles it;
    elsewhere it is what is billed. `zero_is_free`: a total of 0 beside parts says that nothing was charged.
    `cache_apart`: input never holds what was read from, or written to, a cache. `own_keys`: requests made with the
    customer's own key of another vendor are counted here too; `bills_own_keys`: that vendor. `money_of_others` is a
    pattern of metric names whose quantity is another vendor's money, never to be added and never cost, and how a person
    writes it. `user_ids` are the kinds of ids of which one person has one each, as patterns by name; none is one kind.
    `resource` is what a record's resource is: a `conversation` is too many, and too short, to hand money out by.

    For FOCUS its `service`; `beyond` is what an invoice of it may hold that no record tells. `surfaces` are the API's
    words for them with what people call each, where a record's product does not name it.
    """

    name: str
    label: str
    honours: frozenset[str]
    window: Window
    keeps_days: int | None
    late: timedelta
    series: tuple[Series, ...]
    service: FocusService
    beyond: str
    spellings: frozenset[str] = frozenset()
    hears: frozenset[str] = frozenset()
    default_views: tuple[tuple[str, tuple[str, ...]], ...] = ()
    user_views: tuple[tuple[str, tuple[str, ...]], ...] = ()
    range_long: frozenset[str] = frozenset()
    bucket_width: str | None = None
    settle_day: int | None = None
    choices: tuple[SeriesChoice, ...] = ()
    shapes: Shapes | None = None
    cycle: Literal["person", "product"] | None = None
    counted: tuple[str, ...] = ()
    counted_by_person: tuple[str, ...] = ()
    total_means: TotalMeans | None = None
    zero_is_free: bool = False
    cache_apart: bool = False
    own_keys: bool = False
    bills_own_keys: bool = False
    money_of_others: tuple[str, str] | None = None
    user_ids: tuple[tuple[str, str], ...] = ()
    resource: Literal["api_key", "cluster", "conversation"] = "api_key"
    surfaces: tuple[tuple[str, str], ...] = ()

    def supports(self, parameter: str) -> bool:
        """Say whether a parameter acts there."""
        return parameter in self.honours

    def settled_until(self, now: datetime) -> datetime:
        """Give the instant (UTC) up to which figures are final, as the vendor states it.

        >>> from datetime import UTC
        >>> from truto_usage_nb.integrations import INTEGRATIONS
        >>> INTEGRATIONS["datadog"].settled_until(datetime(2026, 11, 23, tzinfo=UTC)).isoformat()
        '2026-11-01T00:00:00+00:00'
        """
        if self.settle_day is None:
            return now - self.late
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return first if now.day >= self.settle_day else (first - timedelta(days=1)).replace(day=1)

    def oldest_day(self, now: datetime) -> date | None:
        """Give the oldest day the vendor still keeps, or None where that is not stated."""
        return None if self.keeps_days is None else (now - timedelta(days=self.keeps_days)).date()

    def choice(self, measure: Measured, names: Iterable[str]) -> SeriesChoice | None:
        """Give the choice that settles two or more series of one measure, or None where nothing settles them.

        >>> from truto_usage_nb.integrations import INTEGRATIONS
        >>> INTEGRATIONS["claude"].choice("money", {"cost", "user_cost"}).order[0]
        'cost'
        """
        return next((each for each in self.choices if each.measure == measure and set(names) <= set(each.order)), None)

    def product(self, series: str | None) -> str:
        """Give the product of which a series tells; "" where the vendor tells of one alone."""
        return next((each.product for each in self.series if each.name == series), "")

    def of_basis(self, basis: Basis) -> tuple[str, ...]:
        """Give the names of the series whose money is of one basis."""
        return tuple(each.name for each in self.series if each.basis == basis)

    def remainders(self) -> tuple[tuple[str, str, Measured], ...]:
        """Give each whole, the part of it that has a person, and the measure that both state."""
        return tuple((each.order[0], each.order[1], each.measure) for each in self.choices if each.remainder)


class FactsOfVendor(Protocol):
    """What the module `facts` of every vendor's package offers."""

    @property
    def FACTS(self) -> Integration:
        """What the client knows of the vendor."""
