"""Who pays: a frame's cost handed out by rules, so that it adds up to the bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Unpack

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.allocation.placing import Piece, parted_by_days, pieces_of, place, units
from truto_usage_nb.allocation.rules import RuleBook, days_of, read_rules
from truto_usage_nb.allocation.sharing import Ledger, Line, Purchase, Unused, amount_of
from truto_usage_nb.allocation.tables import rounded, suggestions, tables, told_of_rest
from truto_usage_nb.checks import a_flag, a_mapping, one_of
from truto_usage_nb.clock import month_start
from truto_usage_nb.costs.choices import Choices, Question, check_choices
from truto_usage_nb.costs.currencies import Rates, with_rates
from truto_usage_nb.costs.tables import build
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, hearing, tell
from truto_usage_nb.format import decimals
from truto_usage_nb.format import money as written
from truto_usage_nb.native import Native, collect, enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.committed import unused_of
from truto_usage_nb.questions.people import months_of_use, roster_lines, seat_price
from truto_usage_nb.questions.tables import (
    DecimalMark,
    check_decimal,
    folded,
    read_amounts,
    read_currencies,
    read_table,
)

__all__ = ["Allocated", "allocate", "allocated", "allocation_change", "check_allocation", "suggest_rules"]

_Given = tuple[Any, DecimalMark | None]
"""A table, and which mark stands before decimals where an amount in it can be read in two ways."""
SeatPrices = Mapping[str, tuple[float, str]] | None


@dataclass(frozen=True, slots=True)
class Allocated:
    """Hold an allocation with all that is known of it."""

    native: Native
    book: RuleBook
    lines: list[Line]
    rest: list[tuple[Piece, str]]
    told: list[str]

    def table(self, *, explain: bool = False, monthly: bool = False) -> pl.DataFrame:
        made = tables(self.lines, monthly=monthly, explain=explain)
        return made.with_columns(rules_sha256=pl.lit(self.book.sha256))


def allocate(
    usage: Any,
    rules: Any,
    *,
    roster: Any = None,
    seats: Any = None,
    seat_prices: SeatPrices = None,
    purchases: Any = None,
    commitments: Any = None,
    decimal: DecimalMark | None = None,
    every: str | None = None,
    explain: bool = False,
    exchange_rates: Rates | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Hand a frame's cost out to teams or cost centres by rules, so that it adds up to the bill to the cent.

    `rules` is a file (YAML, or a CSV or workbook of a row a rule), a mapping as the YAML has it, a list of rules, or a
    frame; docs/allocation.md has the format. The first rule that matches a record places it; then pools are split, in
    the order of `splits`. `roster` is a table of people (`email`, `to`, and `from`, `until`) whose rows come before
    the rules. `seats` is a table of seats (`integration`, `email`) that cost `seat_prices` a month, such as
    {"cursor": (40, "USD")}; `purchases` a table (`integrated_account_id`, `amount`, `currency`, and `start_date`,
    `end_date` where it is for more than the frame's month): what records state as committed is paid by them, and is
    taken off. `commitments` is a table as the helper of that name takes it: what was paid for and not used is handed
    out as the rules' section `commitments` says (shared among those who use the rest, or apart), as seats that nobody
    used in a month are by the section `seats` (their team's, or apart). What the bill states as committed only moves;
    what no record states is added to `purchased_cost`. `decimal` ("." or ",") is for amounts of these two as text.

    Comes back as the kind that came in, a row per target and currency: `target` (null for what no rule reached),
    `currency`, `direct_cost` (placed by rules, after credits and tax), `shared_cost` (taken from pools; negative where
    a pool was emptied), `purchased_cost`, `cost` (their sum), `tokens` (all kinds), `rules_sha256` (of the file of
    rules). Amounts are rounded to the currency's decimals by largest remainder: they add up to the rounded bill.
    `every="1mo"` adds `period_start`. `explain=True` gives a row per rule and target: `rule` (null where none reached,
    with the `reason`: no person, an unknown or a departed one), `spread_cost` (the part of records longer than a day
    that were split by days where a rule begins or ends), and what the cost is made of: `payable` + `seats` +
    `purchases` - `committed_billed`. `exchange_rates` adds converted columns, as for `cost_per`.

    Warns with UsageWarning of rules that match nothing or only what others took, of what no rule reached, and of pools
    that could not be split. Raises InputError for rules that contradict themselves, FrameError for a field that no
    record has.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage(["cursor", "confluent"], period="2026-10-05")
    >>> rules = [
    ...     {"to": "mobile", "match": {"account": "cursor"}},
    ...     {"to": "platform", "match": {"account": "confluent"}},
    ... ]
    >>> tu.allocate(usage, rules).select("target", "direct_cost", "cost").rows()
    [('platform', 957.52, 957.52), ('mobile', 370.09, 370.09)]
    """
    a_flag("explain", explain)
    _check_every(every)
    made = allocated(
        usage, rules, roster=roster, seats=seats, seat_prices=seat_prices, purchases=purchases, commitments=commitments,
        decimal=decimal, choices=choices,
    )  # fmt: skip
    if made.told:
        tell(f"{'; '.join(made.told)}.")
    table = made.table(explain=explain, monthly=every is not None)
    return made.native.leave(with_rates(table, exchange_rates))


def _check_every(every: str | None) -> None:
    if every is not None:
        one_of("every", every, ("1mo",), " Pools are split month by month.")


def allocated(
    usage: Any,
    rules: Any,
    *,
    roster: Any = None,
    seats: Any = None,
    seat_prices: SeatPrices = None,
    purchases: Any = None,
    commitments: Any = None,
    decimal: DecimalMark | None = None,
    choices: Mapping[str, Any] = MappingProxyType({}),
) -> Allocated:
    """Make an allocation; what is to be told is only collected."""
    check_choices(choices, "payable")
    check_decimal(decimal)
    book = read_rules(rules).with_roster(roster)
    native = enter(usage)
    require(native, ("integrated_account_id", "integration"), "An allocation")
    with hearing() as said:
        pieces, told = pieces_of(native, book, choices, monthly=True)
    ledger = Ledger(place(pieces, book, monthly=True), monthly=True)
    months = sorted({piece.start.replace(day=1) for piece in pieces if piece.start is not None})
    if seats is not None or seat_prices is not None:
        _seat(ledger, list(_seats(seats, seat_prices, months, native, book)), native, book)
    if purchases is not None:
        _purchase(ledger, (purchases, decimal), months, native=native, book=book, choices=choices)
    if commitments is not None:
        _commit(ledger, (commitments, decimal), purchases, native=native, book=book, choices=choices)
    ledger.splits(book)
    return Allocated(
        native,
        book,
        ledger.lines,
        ledger.rest,
        [*told, *(text.rstrip(".") for text in said), *ledger.told, *_told(ledger, book)],
    )


def _told(ledger: Ledger, book: RuleBook) -> Iterator[str]:
    spread: dict[str | None, int] = {}
    for line in ledger.lines:
        if line.cut:
            spread[line.block.currency] = spread.get(line.block.currency, 0) + line.cut
    if days_of(book) and spread:
        said = " and ".join(written(amount_of(money), currency) for currency, money in sorted(spread.items(), key=str))
        yield f"{said} of records longer than a day is split by days, where a rule or a month begins or ends"
    yield from told_of_rest(ledger.lines, ledger.rest)


def _seats(given: Any, prices: SeatPrices, months: list[date], native: Native, book: RuleBook) -> Iterator[Piece]:
    """Each seat of each month as a piece, cut where a rule begins or ends."""
    if given is None or not a_mapping("seat_prices", prices, "{'cursor': (40, 'USD')}"):
        raise InputError("seats= and seat_prices= belong together: give who holds a seat, and what one costs a month.")
    assert prices is not None
    listed = roster_lines(read_table(given, "The table of seats")).with_columns(folded("email").alias("email"))
    again = pl.struct("integration", "email").is_first_distinct()
    listed = listed.filter(pl.col("email").is_null() | again)  # a seat of nobody is one each time, a person's is one
    priced = {name: seat_price(f"seat_prices[{shown(name)}]", price) for name, price in prices.items()}
    known = sorted(set(listed["integration"].drop_nulls()))
    for name in priced:
        if name not in known:
            raise InputError(
                f"seat_prices names {shown(name)}, of which no seat is listed.{did_you_mean(name, known)} "
                f"Listed: {', '.join(known)}."
            )
    accounts = collect(native.frame.select("integration", "integrated_account_id").unique())
    days = days_of(book)
    for integration, email in listed.select("integration", "email").iter_rows():
        if integration not in priced:
            continue
        amount, currency = priced[integration]
        own = accounts.filter(pl.col("integration") == integration)["integrated_account_id"].to_list()
        stated = {"integrated_account_id": own[0] if len(own) == 1 else None, "integration": integration,
                  "product_id": integration, "user_email": email}  # fmt: skip
        for month in months:
            piece = Piece(stated, currency, month, units(amount), Fraction(0))
            yield from parted_by_days(piece, (month_start(month, 1) - month).days, days, monthly=False)


def _seat(ledger: Ledger, pieces: list[Piece], native: Native, book: RuleBook) -> None:
    """Hand out the seats: those that somebody used by the rules, idle ones as the book says."""
    used, named = months_of_use(native)
    parts: dict[bool, list[Piece]] = {False: [], True: []}
    unknown = set()
    for piece in pieces:
        assert piece.start is not None
        integration, month = piece.stated["integration"], piece.start.replace(day=1)
        is_known = (integration, month) in named
        unknown |= set() if is_known else {f"{integration} in {month:%Y-%m}"}
        parts[is_known and (integration, piece.stated["user_email"], month) not in used].append(piece)
    ledger.seats(place(parts[False], book, monthly=True), word="seats")
    apart = book.idle_seats
    ledger.seats(place(parts[True], book, monthly=True), word="idle seats", to=apart.to if apart else None)
    if apart is not None and unknown:
        ledger.told.append(
            f"no record of {', '.join(sorted(unknown))} names anybody, so none of its seats is taken for idle"
        )


def _commit(
    ledger: Ledger, given: _Given, purchases: Any, *, native: Native, book: RuleBook, choices: Mapping[str, Any]
) -> None:
    """Hand out what was committed to and not used."""
    found, told = unused_of(native, *given, choices)
    if purchases is not None:
        bought = set(read_table(purchases, _WHAT).need("integrated_account_id").texts()["integrated_account_id"])
        twice = sorted({one.account for one in found if not one.on_the_bill} & bought)
        if twice:
            raise InputError(
                f"purchases= and commitments= both hold {', '.join(twice)}, and what was not used of it would count "
                "twice; keep it in one of them."
            )
    ledger.told.extend(told)
    accounts = collect(native.frame.select("integrated_account_id", "integration").unique())
    of = dict(accounts.drop_nulls("integrated_account_id").iter_rows())

    def alone(purchase: Purchase, product: str | None) -> str | None:
        """Who would pay for a record that states the account and the product."""
        stated = {"integrated_account_id": purchase.account, "integration": of[purchase.account], "product_id": product}
        piece = Piece(stated, purchase.currency, purchase.month, purchase.money, Fraction(0))
        return place([piece], book, monthly=True).placed[0].target

    apart = book.unused_commitments
    unused = [
        Unused(one.account, one.product, one.product_ids, one.currency, one.month, units(one.cost), one.on_the_bill)
        for one in found
    ]
    ledger.unused(unused, apart.to if apart is not None else None, alone)


def _purchase(
    ledger: Ledger, given: _Given, months: list[date], *, native: Native, book: RuleBook, choices: Mapping[str, Any]
) -> None:
    """Hand the purchases out, and take off what their accounts' records state as committed."""
    accounts = collect(native.frame.select("integrated_account_id", "integration").unique())
    of = dict(accounts.drop_nulls("integrated_account_id").iter_rows())
    bought = list(_bought(*given, of, months))
    paid = {(each.account, each.currency, each.month) for each in bought}
    drawn = [
        piece
        for piece in _drawn(native, sorted({each.account for each in bought}), book, choices)
        if piece.start is not None
        and (piece.stated["integrated_account_id"], piece.currency, piece.start.replace(day=1)) in paid
    ]

    def alone(purchase: Purchase) -> str | None:
        """Who would pay for a record that states the account and nothing else."""
        stated = {"integrated_account_id": purchase.account, "integration": of[purchase.account]}
        piece = Piece(stated, purchase.currency, purchase.month, purchase.money, Fraction(0))
        return place([piece], book, monthly=True).placed[0].target

    ledger.purchases(bought, ledger.commitments(place(drawn, book, monthly=True)), alone)


_WHAT = "The table of purchases"


def _bought(
    given: Any, decimal: DecimalMark | None, accounts: Mapping[str, Any], months: list[date]
) -> Iterator[Purchase]:
    """Read purchases, each as the parts of it that fall into the frame's months, by days."""
    table = read_table(given, _WHAT).need("integrated_account_id", "amount", "currency")
    dated = {"start_date", "end_date"} <= set(table.columns)
    if not dated and len(months) != 1:
        raise FrameError(f"{_WHAT} needs start_date and end_date: the frame holds {len(months)} months.")
    names = table.texts("integrated_account_id")["integrated_account_id"].to_list()
    days = [table.texts(name)[name].to_list() if dated else [None] * len(names) for name in ("start_date", "end_date")]
    read = zip(table.rows, names, read_amounts(table, "amount", decimal), read_currencies(table), *days, strict=True)
    for row, account, amount, currency, start, end in read:
        where = f"{_WHAT}, row {row}"
        if account not in accounts:
            raise FrameError(
                f"{where}: {shown(account)} is no account of this frame.{did_you_mean(account, accounts)} "
                f"It has {', '.join(sorted(accounts))}."
            )
        if not dated:
            yield Purchase(account, currency, months[0], units(amount))
            continue
        first, until = (_day(text, where) for text in (start, end))
        if until <= first:
            raise FrameError(f"{where}: it ends on {until}, not after it starts; end_date is excluded.")
        piece = Piece({}, currency, first, units(amount), Fraction(0))
        for part in parted_by_days(piece, (until - first).days, [], monthly=True):
            month = part.start.replace(day=1) if part.start is not None else None
            if month in months and part.money:
                yield Purchase(account, currency, month, part.money)


def _day(text: str | None, where: str) -> date:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        raise FrameError(f"{where}: {shown(text)} is no day; write it like 2026-10-01.") from None


def _drawn(native: Native, accounts: list[str], book: RuleBook, choices: Mapping[str, Any]) -> list[Piece]:
    """What records of these accounts state as committed, or all that a prepaid account is billed."""
    prepaid = [name for name, kind in (choices.get("contract") or {}).items() if kind == "prepaid" and name in accounts]
    account = nw.col("integrated_account_id")
    whole = replace(native, frame=native.frame.filter(account.is_in(prepaid)))
    rest = native.frame.filter(account.is_in([name for name in accounts if name not in prepaid]))
    rest = rest.filter(~nw.col("charges_committed").is_null())
    alone = {
        name: nw.when(nw.col(name).is_null()).then(nw.col(name))
        for name in native.columns
        if name.startswith("charges_") and name not in ("charges_committed", "charges_currency", "charges_count")
    }
    rest = rest.with_columns(**alone).select(*(name for name in native.columns if name != "charges"))
    own = {name: value for name, value in choices.items() if name not in ("contract", "keep_account")}
    pieces = []
    for frame in (whole, replace(native, frame=rest)):
        with hearing():  # it has been said of the whole frame
            pieces += pieces_of(frame, book, own, monthly=True, measure="billed")[0]
    return [piece for piece in pieces if piece.money]


_TABLES = ("roster", "seats", "seat_prices", "purchases", "commitments", "decimal")


def check_allocation(usage: Any, rules: Any, **given: Any) -> Any:
    """Hold an allocation against the bill: a row a currency, each part of the sum a column, in whole cents.

    Takes what `allocate` takes. `allocated` is what the targets, and what no rule reached, come to; `payable` what the
    cost tables say of the frame, `seats` and `purchases` what was given, `committed_billed` what of these the records
    bill already. `difference` = allocated - (payable + seats + purchases - committed_billed), which is 0;
    `unallocated` is the part that no rule reached. `purchases` hold what was committed to and not used, as far as no
    record states it.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> tu.check_allocation(usage, [{"to": "platform", "match": {"account": "confluent"}}])["difference"].to_list()
    [0.0]
    """
    named = {name: given.pop(name, None) for name in _TABLES}
    check_choices(given, "payable")
    made = allocated(usage, rules, **named, choices=given)
    table = made.table().filter(pl.col("currency").is_not_null())
    with hearing():
        bill = build(made.native, Question.of(None, None, "UTC", "payable", given))
    payable = dict(bill.filter(pl.col("cost").is_not_null()).select("currency", "cost").iter_rows())
    rows = [_held(currency, made.lines, table, payable.get(currency, 0.0)) for currency in table["currency"].unique()]
    names = ("allocated", "payable", "seats", "purchases", "committed_billed", "difference", "unallocated")
    schema = pl.Schema({"currency": pl.String(), **dict.fromkeys(names, pl.Float64())})
    return made.native.leave(pl.DataFrame(rows, schema=schema, orient="row").sort("currency"))


def _held(currency: str, lines: list[Line], table: pl.DataFrame, payable: float) -> tuple[Any, ...]:
    """One currency's row of `check_allocation`."""
    digits, own = decimals(currency), table.filter(pl.col("currency") == currency)
    of = [line for line in lines if line.block.currency == currency]
    seats, purchases, committed = (
        sum(getattr(line, name) for line in of) for name in ("seats", "purchases", "committed")
    )  # fmt: skip
    parts = rounded([units(payable), seats, purchases, -committed], digits)  # which add up to the rounded whole
    paid, for_seats, for_purchases, taken_off = (each / 10**digits for each in parts)
    handed, rest = float(own["cost"].sum()), float(own.filter(pl.col("target").is_null())["cost"].sum())
    sums = (handed, paid, for_seats, for_purchases, -taken_off, handed - sum(parts) / 10**digits, rest)
    return (currency, *(round(each, digits) + 0.0 for each in sums))


def suggest_rules(usage: Any, rules: Any, **given: Any) -> Any:
    """Say which rules would catch most of what no rule reached: a row a rule, the largest first.

    Takes what `allocate` takes. `match` is what the rule would match, as YAML; `currency` and `cost` what it would
    place, `share` its part of all that is unallocated in that currency (0 to 1), `rule` the line to fill in and paste.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage(["cursor", "confluent"], period="2026-10-05")
    >>> print(tu.suggest_rules(usage, [{"to": "mobile", "match": {"account": "cursor"}}])["rule"][0])
    - {to: "", match: {account: confluent, workspace: env-e6xcxe}}
    """
    named = {name: given.pop(name, None) for name in _TABLES}
    made = allocated(usage, rules, **named, choices=given)
    return made.native.leave(suggestions(made.rest))


def allocation_change(before: Any, after: Any) -> Any:
    """Say what new rules change of a period: a row per target and currency, the largest change first.

    `before` and `after` are tables of `allocate`. Gives `target`, `currency`, `cost_before`, `cost_after`,
    `difference`, and the SHA-256 of either's rules, so that a closed month says by which rules it was closed. A target
    that one of them lacks has 0 there.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> old, new = (tu.allocate(usage, [{"to": to, "match": {"account": "confluent"}}]) for to in ("web", "platform"))
    >>> tu.allocation_change(old, new).select("target", "difference").rows()
    [('platform', 957.52), ('web', -957.52)]
    """
    native = enter(before)
    sides = []
    for name, frame in (("before", native), ("after", enter(after))):
        require(frame, ("target", "currency", "cost", "rules_sha256"), f"allocation_change on {name}=")
        held = collect(frame.frame.select("target", "currency", "cost", "rules_sha256"))
        held = held.filter(pl.col("cost").is_not_null())  # tokens alone are no change of money
        summed = held.group_by("target", "currency").agg(pl.col("cost").sum().alias(f"cost_{name}"))
        sha = held["rules_sha256"].drop_nulls().unique().sort().to_list()
        sides.append((summed, pl.lit(";".join(sha) or None, pl.String).alias(f"rules_sha256_{name}")))
    joined = sides[0][0].join(sides[1][0], on=["target", "currency"], how="full", coalesce=True, nulls_equal=True)
    joined = joined.with_columns(pl.col("cost_before", "cost_after").fill_null(0.0))
    change = (pl.col("cost_after") - pl.col("cost_before")).round(6) + 0.0
    table = joined.with_columns(sides[0][1], sides[1][1], difference=change).select(
        "target", "currency", "cost_before", "cost_after", "difference", "rules_sha256_before", "rules_sha256_after"
    )
    return native.leave(table.sort("currency", pl.col("difference").abs(), "target", descending=[False, True, False],
                                   nulls_last=True))  # fmt: skip
