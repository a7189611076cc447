"""What was committed to, what of it was used, and what the next term should hold: a table of yours beside the records.

Money is the cost table's, parted by what the records say is committed; use is their quantity, or, where a vendor states
money alone (Datadog), what its on-demand charge bought at the on-demand price.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from typing import Any, Literal, Unpack

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.costs.choices import BUCKET, Choices, Question, check_choices
from truto_usage_nb.costs.digest import DigestPlan, within_period
from truto_usage_nb.costs.tables import build, counted_once
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, hearing
from truto_usage_nb.format import money as written
from truto_usage_nb.native import Native, collect, require, with_instants
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.daily import opened, seen_at
from truto_usage_nb.questions.tables import (
    DecimalMark,
    Table,
    amount_given,
    cell_text,
    check_decimal,
    day_named,
    header_named,
    read_amounts,
    read_currencies,
    read_table,
)
from truto_usage_nb.result import UsageResult

__all__ = ["COMMITTED", "UnusedPart", "commitment_curve", "commitments", "unused_of"]

_WHAT = "The table of commitments"
COMMITTED = ("account", "product", "quantity", "unit", "price", "start", "end", "currency", "basis")
_BASES = ("hourly", "monthly", "prepaid")
_NAMES = ("product_id", "product_name", "metric_name")
_ACCOUNT = "integrated_account_id"
_PARTS = ("charges_committed", "charges_on_demand", "charges_usage_based", "charges_platform_fee")
_HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_LATELY = 30
"""Days whose drawdown says when credits end."""
_FLAT = 0.01
_SEASON = 12
"""Months that hold every season once."""
_POINTS = 60

_COLUMNS = pl.Schema({
    "account": pl.String(), "product": pl.String(), "unit": pl.String(), "basis": pl.String(), "month": pl.Date(),
    "day": pl.Date(), "currency": pl.String(), "committed_quantity": pl.Float64(), "used_quantity": pl.Float64(),
    "used_share": pl.Float64(), "unused_quantity": pl.Float64(), "committed_cost": pl.Float64(),
    "unused_cost": pl.Float64(), "on_demand_quantity": pl.Float64(), "on_demand_cost": pl.Float64(),
    "on_the_bill": pl.Boolean(), "left": pl.Float64(), "ends_on": pl.Date(), "renews_on": pl.Date(),
    "note": pl.String(),
})  # fmt: skip
_CURVE = pl.Schema({
    "account": pl.String(), "product": pl.String(), "unit": pl.String(), "currency": pl.String(),
    "quantity": pl.Float64(), "committed_cost": pl.Float64(), "on_demand_cost": pl.Float64(),
    "total_cost": pl.Float64(), "above_least": pl.Float64(), "is_least": pl.Boolean(), "is_held": pl.Boolean(),
    "flat_from": pl.Float64(), "flat_to": pl.Float64(), "months": pl.Int64(), "note": pl.String(),
})  # fmt: skip


def commitments(
    frame: Any,
    table: Any,
    *,
    every: Literal["1mo", "1d"] = "1mo",
    decimal: DecimalMark | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say through each month what was committed to, what of it was used, and what was bought on demand beside it.

    `frame` may be a `UsageResult`, whose period says which days without a record were idle. `table` is a file (CSV,
    workbook, Parquet) or a frame, a row a commitment: `account`, `product` (an id or a name of a product or a metric),
    `quantity`, `unit`, `price` of one unit for one hour or month, `on_demand_price` (may be empty or absent), `start`,
    `end` (the first day after the term, which is when it renews), `currency`, and `basis`: "hourly" and "monthly" hold
    `quantity` in each hour or month (of a month that the term holds in part, by its days), "prepaid" is an amount of
    credits to draw down, of `quantity` x `price`, for a product, or for the whole account where `product` is empty.

    Comes back as the kind that came in, a row per commitment and month (UTC) that the frame holds of its term, or with
    `every="1d"` per `day`: `committed_quantity`, `used_quantity` (all that was used), `used_share` (0 to 1, of what was
    committed), `unused_quantity` with `unused_cost`, what was paid for and not used, `on_demand_quantity` with
    `on_demand_cost` beside it, and `renews_on`. Where the records state committed charges, as Datadog's do,
    `on_the_bill` is true: both costs are the bill's own, and nothing of the table is added. Else `committed_cost` is
    quantity x price, and what is beyond the quantity costs the on-demand price. Hours inside a longer record count
    alike, since nothing tells them apart. Of a month that is not over nobody knows yet what stays unused.

    Days add up to their month. A monthly quantity is paid for evenly by day, and lapses on the last day; until then
    `left` is what remains of it and `used_share` how much is gone. What a bill states by the month has one row for it,
    without a `day`. Credits are drawn by what the records are billed: `left` at the end of the month or day, and
    `ends_on`, the day on which they end at the pace of the last thirty days, null where the term ends first; their
    `committed_quantity` and `committed_cost` are those of the whole term, in each row. What is unknown is null, and
    `note` says why.

    Raises FrameError for a table that lacks a column, and for a row that names an account or product of which no record
    is, a term that ends before it starts, a currency that the bill is not in, or use that another row holds at the same
    time; and what `cost_per` raises.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> held = {"account": "datadog", "product": "rum", "quantity": 1000, "unit": "session", "price": 3.1}
    >>> term = {"start": "2026-01-01", "end": "2027-01-01", "currency": "USD", "basis": "monthly"}
    >>> table = tu.commitments(usage, pl.DataFrame([held | term]))
    >>> table.select(pl.col("committed_cost", "on_demand_cost").round(2)).row(0)
    (3100.0, 771.58)
    """
    one_of("every", every, ("1mo", "1d"))
    native, terms, seen = _entered(frame, table, decimal, choices)
    rows = [row for term in terms for row in _rows(term, seen, by_day=every == "1d")]
    made = pl.DataFrame(rows, schema=_COLUMNS, orient="row")
    return native.leave(made if every == "1d" else made.drop("day"))


def commitment_curve(frame: Any, table: Any, *, decimal: DecimalMark | None = None, **choices: Unpack[Choices]) -> Any:
    """Give what all use of the months held would have cost, by committed quantity: the next term's question.

    `table` is that of `commitments`, and each row needs an `on_demand_price`; of a product's rows the one that ends
    last counts, and credits have no curve. Comes back as the kind that came in, rows by rising `quantity`: none, what
    is held now (`is_held`) and the levels that use had, each with `committed_cost`, `on_demand_cost` of what is
    beyond it, `total_cost`, and `above_least` (0.05 is 5 % more than the least). `is_least` is the cheapest;
    `flat_from` to `flat_to` are the quantities whose total is at most 1 % above it. `months` were held: under twelve
    `note` says so. A month that is not whole is left out where another is, unless the basis is hourly. Where a vendor
    tells no quantity (Datadog), a month's use is what the row of that month holds and what was on demand; of a month
    without on demand use below that row is unknown, and the curve begins there.

    Raises FrameError for a row without an on-demand price, and what `commitments` raises.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> held = {"account": "datadog", "product": "rum", "quantity": 1000, "unit": "session", "price": 3.1}
    >>> term = {"start": "2026-01-01", "end": "2027-01-01", "currency": "USD", "basis": "monthly"}
    >>> curve = tu.commitment_curve(usage, pl.DataFrame([held | term | {"on_demand_price": 4.0}]))
    >>> curve.filter(is_least=True)["quantity"].round(1).to_list()
    [1192.9]
    """
    native, terms, seen = _entered(frame, table, decimal, choices)
    for term in terms:
        if term.on_demand_price is None and term.basis != "prepaid":
            raise FrameError(
                f"{_WHAT}, row {term.row}: a curve needs an on_demand_price, what a unit costs without a commitment."
            )
    held: dict[tuple[str, str], list[_Term]] = {}
    for term in sorted((term for term in terms if term.basis != "prepaid"), key=lambda each: each.end):
        held.setdefault((term.account, term.product.casefold()), []).append(term)
    rows = [row for each in held.values() for row in _curve(each, seen)]
    return native.leave(pl.DataFrame(rows, schema=_CURVE, orient="row"))


@dataclass(frozen=True, slots=True)
class UnusedPart:
    """What of a row of the table was paid for in a month and not used, and the products that it holds."""

    account: str
    product: str
    product_ids: frozenset[str | None]
    currency: str
    month: date
    cost: float
    on_the_bill: bool


def unused_of(
    frame: Any, table: Any, decimal: DecimalMark | None, choices: Mapping[str, Any]
) -> tuple[list[UnusedPart], list[str]]:
    """Give what was committed to and not used, month by month, and say of what that is not known.

    Credits are unused when their term ends, and not before.
    """
    _, terms, seen = _entered(frame, table, decimal, choices)
    found, told = [], []
    for term in terms:
        ids = frozenset(names[0] for names in seen.of(term).records)
        named = term.product or "credits"
        for values in _rows(term, seen, by_day=False):
            row = dict(zip(_COLUMNS, values, strict=True))
            cost = row["unused_cost"]
            if term.basis == "prepaid":
                is_last = seen.held(term)[1] == term.end and _after(row["month"]) >= term.end
                is_whole = seen.spans[term.account][0].date() <= term.start
                cost = (row["left"] if is_whole else None) if is_last else 0.0
            if cost is None:
                told.append(f"how much of {named} of {term.account} was used in {row['month']:%Y-%m} is not known")
            elif cost > 0:
                part = (term.account, named, ids, term.currency, row["month"], cost, row["on_the_bill"])
                found.append(UnusedPart(*part))
    return found, told


# what is committed to -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Term:
    """Hold a row of the table."""

    row: int
    account: str
    product: str
    quantity: float
    unit: str | None
    price: float
    on_demand_price: float | None
    start: date
    end: date
    currency: str
    basis: str


def _terms(table: Table, decimal: DecimalMark | None) -> list[_Term]:
    table = table.need(*COMMITTED)
    texts = table.texts("account", "product", "unit", "start", "end", "basis")
    numbers = [read_amounts(table, name, decimal) for name in ("quantity", "price")]
    columns = zip(
        table.rows, texts.iter_rows(), *numbers, _optional(table, decimal), read_currencies(table), strict=True
    )
    found = []
    for row, (account, product, unit, start, end, basis), quantity, price, on_demand, currency in columns:
        where = f"{_WHAT}, row {row}"
        word = (basis or "").lower()
        if word not in _BASES:
            near = did_you_mean(word, _BASES)
            raise FrameError(f"{where}: basis={shown(basis)} is not allowed.{near} Allowed: {', '.join(_BASES)}.")
        if min(quantity, price, on_demand or 0) < 0:
            raise FrameError(f"{where}: a quantity or a price below zero commits to nothing; correct it.")
        days = _day(where, "start", start), _day(where, "end", end)
        if days[1] <= days[0]:
            raise FrameError(
                f"{where}: the term ends on {days[1]} and starts on {days[0]}; give the first day after it."
            )
        if not product and word != "prepaid":
            raise FrameError(f"{where}: it lacks its product; give an id or a name of one.")
        found.append(_Term(row, account or "", product or "", quantity, unit, price, on_demand, *days, currency, word))
    return found


def _optional(table: Table, decimal: DecimalMark | None) -> list[float | None]:
    header = header_named("on_demand_price", table.columns, _WHAT)
    cells = [None] * len(table.rows) if header is None else table.frame[header].to_list()
    read: list[float | None] = []
    for row, cell in zip(table.rows, cells, strict=True):
        try:
            read.append(None if cell_text(cell) is None else amount_given("on_demand_price", cell, decimal))
        except InputError as problem:
            raise FrameError(f"{_WHAT}, row {row}: {problem}") from None
    return read


def _day(where: str, name: str, value: str | None) -> date:
    try:
        return day_named((value or "").partition(" ")[0].partition("T")[0], name)
    except InputError as problem:
        raise FrameError(f"{where}: {problem}") from None


# what was used and billed ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Use:
    """Hold what an account used and was billed of a product: quantities by span of time and unit, money by month."""

    spans: dict[tuple[int, int, str], float] = field(default_factory=lambda: defaultdict(float))
    committed: dict[tuple[date, str], float] = field(default_factory=lambda: defaultdict(float))
    on_demand: dict[tuple[date, str], float] = field(default_factory=lambda: defaultdict(float))
    days: dict[tuple[date, str], float] = field(default_factory=lambda: defaultdict(float))
    on_bill: set[date] = field(default_factory=set)
    """The months whose records state what is committed."""
    records: set[tuple[str | None, ...]] = field(default_factory=set)
    """What its records are called in full: two rows that share one would count its use twice."""
    longer: set[date] = field(default_factory=set)
    """The months with a record that is longer than a day."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Hold the use of each account and product, under every name of it, and the span of each account's records."""

    uses: Mapping[tuple[str, str], _Use]
    spans: Mapping[str, tuple[datetime, datetime]]
    until: datetime | None
    """When the records were seen, as far as anything says it: a month that ends later is not over."""

    def held(self, term: _Term) -> tuple[date, date]:
        """The days of a term of which records are held, the last excluded."""
        first, last = self.spans[term.account]
        return max(term.start, first.date()), min(term.end, (last - timedelta(microseconds=1)).date() + _DAY)

    def is_over(self, day: date) -> bool:
        """Whether a month, or a term, that ends on this day had ended when it was seen."""
        return self.until is None or datetime.combine(day, time(), UTC) <= self.until

    def of(self, term: _Term) -> _Use:
        if term.account not in self.spans:
            near = did_you_mean(term.account, sorted(self.spans))
            raise FrameError(f"{_WHAT}, row {term.row}: no record is of the account {shown(term.account)}.{near}")
        key = term.account, term.product.casefold()
        if key not in self.uses:
            names = sorted(name for account, name in self.uses if account == term.account and name)
            near = did_you_mean(key[1], names)
            raise FrameError(f"{_WHAT}, row {term.row}: no record of {term.account} is of {shown(term.product)}.{near}")
        return self.uses[key]


def _entered(frame: Any, table: Any, decimal: DecimalMark | None, choices: Any) -> tuple[Native, list[_Term], _Seen]:
    check_decimal(decimal)
    check_choices(choices, "billed")
    native, result = (frame, None) if isinstance(frame, Native) else opened(frame)
    require(native, (_ACCOUNT, *_NAMES, "start_date", "end_date"), "commitments", also=("usage_quantity", *_PARTS))
    terms = _terms(read_table(table, _WHAT), decimal)
    seen = _seen(native, choices, result, by_day=any(term.basis == "prepaid" for term in terms))
    _refuse_same_use(terms, seen)
    for term in terms:
        _refuse_currency(term, seen.of(term))
    return native, terms, seen


def _refuse_same_use(terms: Sequence[_Term], seen: _Seen) -> None:
    """Refuse two rows of one time that hold the same records, under whatever names: their use would count twice."""
    for place, term in enumerate(terms):
        for other in terms[:place]:
            alike = (term.basis == "prepaid") is (other.basis == "prepaid") and term.account == other.account
            meet = term.start < other.end and other.start < term.end
            if alike and meet and seen.of(term).records & seen.of(other).records:
                raise FrameError(
                    f"{_WHAT}: rows {other.row} and {term.row} hold {term.product or 'the account'} of {term.account} "
                    "at the same time, and use would count for both; add them up to one."
                )


def _refuse_currency(term: _Term, use: _Use) -> None:
    """Refuse money of another currency than the bill's, where the bill's own figures are what is told."""
    drawn = {currency for (day, currency), cost in use.days.items() if cost and term.start <= day < term.end}
    billed = {
        currency
        for part in (use.committed, use.on_demand)
        for (month, currency), cost in part.items()
        if cost and month in use.on_bill and term.start < _after(month) and month < term.end
    }
    stated = drawn if term.basis == "prepaid" else billed
    if stated and term.currency not in stated:
        raise FrameError(
            f"{_WHAT}, row {term.row}: the bill of {term.account} is in {', '.join(sorted(stated))}, and the row in "
            f"{term.currency}; give its price in the bill's currency."
        )


def _seen(native: Native, choices: Any, result: UsageResult | None, *, by_day: bool) -> _Seen:
    uses: dict[tuple[str, str], _Use] = defaultdict(_Use)
    spans: dict[str, tuple[datetime, datetime]] = {}
    shares: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for account, *names, start, end, unit, quantity, committed, parts, stated in _records(native, choices).iter_rows():
        begin, until = (_EPOCH + timedelta(microseconds=each) for each in (start, max(start, end or start)))
        held = spans.get(account, (begin, until))
        spans[account] = min(held[0], begin), max(held[1], until)
        share = shares[account, *names, begin.date().replace(day=1)]
        share[0] += committed
        share[1] += parts
        for name in _named(names):
            use = uses[account, name]
            use.records.add(tuple(names))
            if stated:
                use.on_bill.add(begin.date().replace(day=1))
            if quantity is not None:
                bare, per_hour = _bare(unit)
                use.spans[start, max(end or start, start + _HOUR), bare] += quantity / per_hour
                if until - begin > _DAY:
                    use.longer.update(month for month, _ in _months(begin.date(), until.date()))
    for account, *names, day, currency, cost in _money(native, "1mo", choices):
        committed, parts = shares[account, *names, day]
        sure = cost * committed / parts if parts else 0.0
        for name in _named(names):
            uses[account, name].committed[day, currency] += sure
            uses[account, name].on_demand[day, currency] += cost - sure
    if by_day:
        with hearing():  # the same as of the months
            daily = list(_money(native, "1d", choices))
        for account, *names, day, currency, cost in daily:
            for name in _named(names):
                uses[account, name].days[day, currency] += cost
    seen = seen_at(native) if result is None else result.fetched_at
    return _Seen(dict(uses), _loaded(spans, result), seen)


def _loaded(
    spans: dict[str, tuple[datetime, datetime]], result: UsageResult | None
) -> dict[str, tuple[datetime, datetime]]:
    """Widen the spans of records to what was loaded and is settled: a day without a record is then an idle one."""
    if result is None or result.period is None:
        return spans
    start, end = result.period.start, min(result.period.end, result.fetched_at)
    settled = {account: min(end, result.settled_until.get(account, end)) for account in spans}
    return {
        account: (min(first, start), max(last, settled[account].replace(hour=0, minute=0, second=0, microsecond=0)))
        for account, (first, last) in spans.items()
    }


def _named(names: Sequence[str | None]) -> set[str]:
    """Every name of a record's product, and none, under which all of an account stands."""
    return {name.casefold() for name in names if name} | {""}


def _bare(unit: str | None) -> tuple[str, float]:
    """A unit as it is compared, a CKU-hour as a CKU for an hour, and how many of what is stated make an hour of it.

    >>> _bare("CKU-hours"), _bare("CFU-minute"), _bare("hosts")
    (('cku', 1.0), ('cfu', 60.0), ('host', 1.0))
    """
    text = (unit or "").strip().casefold().replace(" ", "-")
    per_hour = 60.0 if text.endswith(("-minute", "-minutes")) else 1.0
    for ending in ("-hours", "-hour", "-minutes", "-minute"):
        text = text.removesuffix(ending)
    return text.removesuffix("s"), per_hour


def _records(native: Native, choices: Any) -> pl.DataFrame:
    """What the records that count state, added up by account, product and span."""
    with hearing():  # the cost table says the same
        native, _ = within_period(native, choices.get("overhang"))
        native = counted_once(native, DigestPlan.of((), choices), choices)[0]
    have = set(native.columns)
    lines = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date"})
    parts = [name for name in _PARTS if name in have]
    text = [name for name in ("usage_unit",) if name in have]
    amounts = [name for name in (*parts, "usage_quantity") if name in have]
    held = collect(lines.select(_ACCOUNT, *_NAMES, "__start", "__end", *text, *amounts))
    none = [name for name in ("usage_unit", "usage_quantity", *_PARTS) if name not in have]
    held = held.with_columns(
        pl.lit(None, pl.String if name == "usage_unit" else pl.Float64).alias(name) for name in none
    )
    keys = [_ACCOUNT, *_NAMES, "__start", "__end", "usage_unit"]
    known = pl.col(*_PARTS).cast(pl.Float64).fill_null(0.0)
    held = held.with_columns(stated=pl.col(_PARTS[0]).is_not_null())
    sums = held.filter(pl.col(_ACCOUNT).is_not_null() & pl.col("__start").is_not_null()).with_columns(known)
    return sums.group_by(keys, maintain_order=True).agg(
        pl.when(pl.col("usage_quantity").count() > 0).then(pl.col("usage_quantity").cast(pl.Float64).sum()),
        committed=pl.col(_PARTS[0]).sum(),
        parts=pl.sum_horizontal(*_PARTS).sum(),
        stated=pl.col("stated").any(),
    )


def _money(native: Native, every: str, choices: Any) -> Iterator[tuple[Any, ...]]:
    table = build(native, Question.of((_ACCOUNT, *_NAMES), every, "UTC", "billed", choices))
    stated = table.filter(pl.col("cost").is_not_null() & pl.col(_ACCOUNT).is_not_null())
    return stated.select(_ACCOUNT, *_NAMES, pl.col(BUCKET).dt.date(), "currency", "cost").iter_rows()


# month by month -------------------------------------------------------------------------------------------------------


def _after(month: date) -> date:
    """The first day of the next month."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def _months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The calendar months from one day up to another: first day, and first day after."""
    month = start.replace(day=1)
    while month < end:
        yield month, _after(month)
        month = _after(month)


def _rows(term: _Term, seen: _Seen, *, by_day: bool) -> Iterator[tuple[Any, ...]]:
    use, (begin, end) = seen.of(term), seen.held(term)
    first = seen.spans[term.account][0].date()
    for month, after in _months(begin, end):
        days = max(begin, month), min(after, end)
        if term.basis == "prepaid":
            for start, until in _each_day(*days) if by_day else [(month, days[1])]:
                yield _drawn(term, use, (month, start), until, first, by_day=by_day)
        elif not by_day or month in use.on_bill or month in use.longer:
            yield _held(term, use, month, days, is_over=seen.is_over(min(after, term.end)), by_day=by_day)
        elif term.basis == "hourly":
            yield from (_held(term, use, month, day, is_over=True, by_day=True) for day in _each_day(*days))
        else:
            yield from _through_the_month(term, use, month, days)


def _each_day(start: date, end: date) -> Iterator[tuple[date, date]]:
    return ((start + i * _DAY, start + (i + 1) * _DAY) for i in range((end - start).days))


def _row(term: _Term, month: date, **known: Any) -> tuple[Any, ...]:
    said = {
        "account": term.account, "product": term.product or None, "unit": term.unit, "basis": term.basis,
        "month": month, "currency": term.currency, "renews_on": term.end, **known,
    }  # fmt: skip
    return tuple(said.get(name) for name in _COLUMNS)


def _part_of(term: _Term, month: date) -> tuple[date, date, float]:
    """The days of a month that are in the term, and what part of the month they are."""
    begin, end = max(term.start, month), min(term.end, _after(month))
    return begin, end, (end - begin).days / (_after(month) - month).days


def _held(
    term: _Term, use: _Use, month: date, days: tuple[date, date], *, is_over: bool, by_day: bool
) -> tuple[Any, ...]:
    """A month of a commitment, or a day of an hourly one: `days` are those of it that records are held of."""
    begin, end, part = _part_of(term, month)
    is_day = by_day and term.basis == "hourly" and month not in use.on_bill and month not in use.longer
    on_bill, whole = month in use.on_bill, is_over and (is_day or days == (begin, end))
    quantity = term.quantity * ((days[1] - days[0]).days * 24 if term.basis == "hourly" else part)
    committed, on_demand = (money.get((month, term.currency), 0.0) * part for money in (use.committed, use.on_demand))
    notes = [f"the bill states {month:%Y-%m} as one: by days, {part:.0%} of it"] if on_bill and part < 1 else []
    if not whole:
        running = "" if is_over else ", and the month was not over"
        notes.append(f"records are held from {days[0]} up to {days[1]} (excluded){running}")
    levels, of_bill = _levels(term, use, *days), on_demand if on_bill else None
    known, beyond, unused = _used(term, levels, quantity) if levels else _by_money(term, quantity, of_bill, notes)
    paid = committed if on_bill else quantity * term.price
    if on_bill and abs(paid - quantity * term.price) > 0.005 * max(paid, 1.0):
        notes.append(f"the bill says {paid:,.2f} of what is committed, the table {quantity * term.price:,.2f}")
    if by_day and not is_day:
        notes.append("it is stated by the month, not through it")
    share = None if unused is None or not quantity else 1 - unused / quantity
    if not whole and (term.basis == "monthly" or on_bill) and unused:  # what is all used stays so
        unused = None
    return _row(
        term, month, day=days[0] if is_day else None, committed_quantity=quantity, used_quantity=known,
        unused_quantity=unused, committed_cost=paid, used_share=share,
        unused_cost=None if unused is None or not quantity else paid * unused / quantity, on_demand_quantity=beyond,
        on_demand_cost=on_demand if on_bill else _beyond_cost(term, beyond, notes), on_the_bill=on_bill,
        note="; ".join(notes) or None,
    )  # fmt: skip


def _used(term: _Term, levels: list[tuple[float, float]], quantity: float) -> tuple[float, float, float]:
    """Used, beyond and unused quantity where records state what was used."""
    used = math.fsum(level * length for level, length in levels)
    held = quantity if term.basis == "monthly" else term.quantity
    beyond = math.fsum(max(0.0, level - held) * length for level, length in levels)
    return used, beyond, max(0.0, quantity - (used - beyond))


def _beyond_cost(term: _Term, beyond: float | None, notes: list[str]) -> float | None:
    if beyond is None or (term.on_demand_price is None and beyond > 0):
        notes.append("without an on_demand_price what is beyond the commitment has no cost")
        return None
    return beyond * (term.on_demand_price or 0.0)


def _through_the_month(term: _Term, use: _Use, month: date, days: tuple[date, date]) -> Iterator[tuple[Any, ...]]:
    """A monthly commitment day by day: paid for evenly, used as it is used, lapsed on the last day of the month."""
    begin, end, part = _part_of(term, month)
    quantity, length = term.quantity * part, (end - begin).days
    so_far = 0.0
    for day, until in _each_day(*days):
        used = math.fsum(level for level, _ in _levels(term, use, day, until))
        beyond = max(0.0, so_far + used - quantity) - max(0.0, so_far - quantity)
        so_far += used
        left, notes = max(0.0, quantity - so_far), list[str]()
        lapses = left if until == end and days[0] == begin else None if until == end else 0.0
        if days[0] > begin:
            notes.append(f"what was used before {days[0]} is in no record here")
        yield _row(
            term, month, day=day, committed_quantity=quantity / length, used_quantity=used, left=left,
            used_share=min(1.0, so_far / quantity) if quantity else None, unused_quantity=lapses,
            committed_cost=quantity * term.price / length,
            unused_cost=None if lapses is None else lapses * term.price, on_demand_quantity=beyond,
            on_demand_cost=_beyond_cost(term, beyond, notes), on_the_bill=False, note="; ".join(notes) or None,
        )  # fmt: skip


def _by_money(
    term: _Term, quantity: float, on_demand: float | None, notes: list[str]
) -> tuple[float | None, float | None, float | None]:
    """Used, beyond and unused quantity where records state no quantity of this unit: what money says of them."""
    if on_demand is None:
        notes.append(f"no record states a quantity in {term.unit or 'this unit'}")
        return None, None, None
    if on_demand <= 0:
        notes.append("nothing was on demand, and the bill does not say how much of the commitment was used")
        return None, 0.0, None
    if not term.on_demand_price:
        return None, None, 0.0  # something was bought beyond the commitment, so all of that was used
    beyond = on_demand / term.on_demand_price
    return quantity + beyond, beyond, 0.0


def _microseconds(day: date) -> int:
    return (day - _EPOCH.date()).days * 24 * _HOUR


def _levels(term: _Term, use: _Use, begin: date, end: date) -> list[tuple[float, float]]:
    """How much was used at once, and for how long: by hour with its hours, or in a month, for one.

    A record that sticks out of these days counts with its part of them.
    """
    unit, low, high = _bare(term.unit)[0], _microseconds(begin), _microseconds(end)
    spans = [(s, e, q) for (s, e, of), q in use.spans.items() if of == unit and s < high and e > low]
    if not spans and not any(of == unit for _, _, of in use.spans):
        return []
    if term.basis == "monthly":
        parts = ((min(e, high) - max(s, low)) / (e - s) * q if s < low or e > high else q for s, e, q in spans)
        return [(math.fsum(parts), 1.0)]
    steps: dict[int, float] = defaultdict(float, {low: 0.0, high: 0.0})
    for start, until, quantity in spans:
        rate = quantity / ((until - start) / _HOUR)
        steps[max(start, low)] += rate
        steps[min(until, high)] -= rate
    edges = sorted(steps)
    rates = accumulate(steps[edge] for edge in edges)
    return [
        (max(0.0, round(rate, 9)), (right - left) / _HOUR)
        for rate, (left, right) in zip(rates, pairwise(edges), strict=False)
    ]


def _drawn(term: _Term, use: _Use, of: tuple[date, date], until: date, first: date, *, by_day: bool) -> tuple[Any, ...]:
    """Credits: what the records are billed draws on them, from the first day of the term; `of` is a month and a day."""
    month, begin = of
    paid = term.quantity * term.price
    spent = {day: cost for (day, currency), cost in use.days.items() if currency == term.currency and day >= term.start}
    before, here = (
        math.fsum(cost for day, cost in spent.items() if start <= day < end)
        for start, end in ((term.start, begin), (begin, until))
    )
    left = paid - before - here
    lately = [cost for day, cost in spent.items() if until - timedelta(days=_LATELY) <= day < until]
    known = min(_LATELY, max(1, (until - max(term.start, first)).days))
    pace = math.fsum(lately) / known
    ends = (
        until + timedelta(days=math.ceil(left / pace) - 1) if pace > 0 and left > 0 and left / pace < 36_500 else None
    )
    if left <= 0:
        ends = _used_up(spent, paid)
    notes = [f"drawn from {first} on: what was drawn before is in no record here"] if first > term.start else []
    if ends is None or ends >= term.end:
        ends = None
        rest = left - pace * (term.end - until).days
        notes.append(
            f"{written(max(0.0, rest), term.currency)} would lapse on {term.end} at the pace of the last {known} days"
        )
    return _row(
        term, month, day=begin if by_day else None, committed_quantity=term.quantity,
        used_quantity=here / term.price if term.price else None,
        used_share=min(1.0, max(0.0, (paid - left) / paid)) if paid else None, committed_cost=paid,
        on_demand_cost=max(0.0, -left) - max(0.0, before - paid), on_the_bill=False, left=max(0.0, left), ends_on=ends,
        note="; ".join(notes) or None,
    )  # fmt: skip


def _used_up(spent: Mapping[date, float], paid: float) -> date | None:
    """The day on which what was drawn first came to all that was paid."""
    so_far = 0.0
    for day in sorted(spent):
        so_far += spent[day]
        if so_far >= paid:
            return day
    return None


# the next term --------------------------------------------------------------------------------------------------------


def _curve(terms: Sequence[_Term], seen: _Seen) -> Iterator[tuple[Any, ...]]:
    """The curve of a product's commitments, the last of which it is drawn for."""
    term, use, notes = terms[-1], seen.of(terms[-1]), list[str]()
    first, last = seen.spans[term.account]
    whole = replace(term, start=first.date(), end=(last - timedelta(microseconds=1)).date() + _DAY)
    months = list(_months(whole.start, whole.end))
    full = [(month, after) for month, after in months if month >= whole.start and after <= whole.end]
    full = [(month, after) for month, after in full if seen.is_over(after)]
    if full and len(full) < len(months) and (term.basis == "monthly" or use.on_bill):
        odd = ", ".join(f"{month:%Y-%m}" for month, _ in months if (month, _) not in full)
        notes.append(f"not whole and left out: {odd}")
        months = full
    levels: list[tuple[float, float]] = []
    least = 0.0
    for month, after in months:
        found = [] if month in use.on_bill else _levels(whole, use, max(month, whole.start), min(after, whole.end))
        if month in use.on_bill:
            found, below = _on_the_bill(terms, use, month, notes)
            least = max(least, below)
        levels += found
    if not any(level for level, _ in levels):
        raise FrameError(
            f"{_WHAT}, row {term.row}: no record of {term.account} states a quantity of {shown(term.product)} in "
            f"{term.unit or 'this unit'}, so there is no use to commit to; correct the unit."
        )
    if least:
        notes.append("use below what is committed is not on the bill, so the curve begins there")
    if len(months) < _SEASON:
        word = "month" if len(months) == 1 else "months"
        notes.append(f"{len(months)} {word} held, fewer than twelve: a season may be missing")
    yield from _points(term, levels, least, len(months), "; ".join(notes) or None)


def _on_the_bill(
    terms: Sequence[_Term], use: _Use, month: date, notes: list[str]
) -> tuple[list[tuple[float, float]], float]:
    """A month's use by the money of its bill, and below which quantity nothing is known of it.

    What was held in a month of no row is what its committed money buys at the last row's price.
    """
    last = terms[-1]
    held = [term for term in terms if term.start < _after(month) and month < term.end]
    if not held:
        length = (_after(month) - month).days * 24.0 if last.basis == "hourly" else 1.0
        quantity = use.committed.get((month, last.currency), 0.0) / (last.price or math.inf) / length
        held = [replace(last, quantity=quantity, start=month, end=_after(month))]
        said = "of months without a row of the table, what was committed is the bill's over the price of now"
        notes += [] if said in notes else [said]
    found, below = [], 0.0
    for term in held:
        *_, part = _part_of(term, month)
        on_demand = max(0.0, use.on_demand.get((month, term.currency), 0.0)) * part
        length = part * ((_after(month) - month).days * 24.0 if term.basis == "hourly" else 1.0)
        found.append((term.quantity + on_demand / (term.on_demand_price or math.inf) / length, length))
        if on_demand <= 0 or term.basis == "hourly":  # in some hours less may have been used, and in others more
            below = max(below, term.quantity)
    return found, below


def _points(
    term: _Term, levels: list[tuple[float, float]], least: float, months: int, note: str | None
) -> Iterator[tuple[Any, ...]]:
    length, extra = math.fsum(span for _, span in levels), term.on_demand_price or 0.0

    def parts(quantity: float) -> tuple[float, float]:
        beyond = math.fsum(max(0.0, level - quantity) * span for level, span in levels)
        return quantity * term.price * length, beyond * extra

    corners = sorted({least, *(level for level, _ in levels if level >= least)})  # between two the total is a line
    best = min(corners, key=lambda quantity: (round(sum(parts(quantity)), 9), quantity))
    total = sum(parts(best))
    limit = total * (1 + _FLAT)
    flat = _edge(parts, best, least, limit), _edge(parts, best, corners[-1] * 2 + term.quantity + 1, limit)
    step = max(1, len(corners) // _POINTS)
    for quantity in sorted({*corners[::step], corners[-1], best, max(term.quantity, least)}):
        committed, beyond = parts(quantity)
        above = (committed + beyond) / total - 1 if total > 0 else None
        yield (
            term.account, term.product, term.unit, term.currency, quantity, committed, beyond, committed + beyond,
            above, quantity == best, quantity == term.quantity, *flat, months, note,
        )  # fmt: skip


def _edge(parts: Any, best: float, far: float, limit: float) -> float:
    """How far from the least point a total stays within a limit: it only rises on the way."""
    if sum(parts(far)) <= limit:
        return far
    near = best
    for _ in range(100):
        middle = (near + far) / 2
        near, far = (middle, far) if sum(parts(middle)) <= limit else (near, middle)
    return near
