"""What no API returns and only the caller knows: purchases, the usage that draws on them, and seats that cover usage.

A purchase is one row, whatever its term: billed in one billing period, its charge period the term (FOCUS, SaaS
examples). Where it covers usage its effective cost is 0, and the usage in its term draws on it, the earlier first;
what is left at the end of the term is a row of its own, so that usage costs effectively what was bought.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

import polars as pl

from truto_usage_nb.costs.currencies import ISO_4217
from truto_usage_nb.errors import FrameError, did_you_mean
from truto_usage_nb.focus.amounts import AMOUNT, exact, focus_unit, split
from truto_usage_nb.focus.options import Options
from truto_usage_nb.focus.periods import period_bounds, whole_seconds
from truto_usage_nb.native import as_it_is, enter, need
from truto_usage_nb.outside import shown

__all__ = ["covering", "drawn_from", "purchase_rows", "with_seats"]

PURCHASES = ("integrated_account_id", "amount", "currency", "start_date", "end_date")
_TEXTS = ("description", "invoice_id", "sku", "unit")
_NUMBERS = ("quantity", "list_amount")
_MORE = (*_TEXTS, *_NUMBERS, "covers_usage", "billed_on")
_NOTHING = Decimal(0)
_PLACE = Decimal("1e-10")
_LEAST = Decimal("1e-4")
"""A part of a quantity below this would be priced by a quantity that ten places cannot hold."""
_SEATS = pl.Schema({
    "integrated_account_id": pl.String(), "seats": pl.Float64(), "seat_price": pl.Float64(), "currency": pl.String(),
})  # fmt: skip
_UTC = pl.Datetime("us", "UTC")


def purchase_rows(options: Options, accounts: pl.DataFrame) -> pl.DataFrame:
    """Give the caller's purchases as rows. `accounts` has each account's integration and organisation.

    A purchase that covers usage (`covers_usage`, else all of an account in `prepaid`) is billed, and its effective cost
    is 0. One that gives money back covers nothing. Raises FrameError.
    """
    if options.purchases is None:
        return pl.DataFrame()
    given = enter(options.purchases)
    need(given, PURCHASES, "purchases=")  # dates may be texts
    known = [name for name in (*PURCHASES, *_MORE) if name in given.columns]
    for name in given.columns:  # others are the caller's own, but one letter off would decide nothing in silence
        near = did_you_mean(name, [each for each in _MORE if each not in known]) if name not in known else ""
        if near:
            raise FrameError(f"purchases= has a column {shown(name)}, which nothing reads.{near}")
    table = as_it_is(given.frame.select(*known))
    _check(table, accounts)
    table = _dated(table)
    nothing: dict[str, Any] = {"covers_usage": pl.Boolean, "billed_on": _UTC} | dict.fromkeys(_TEXTS, pl.String)
    table = table.with_columns(
        exact(table["amount"]).alias("billed"), pl.col("currency").str.to_uppercase(),
        *(_number(table, name) for name in _NUMBERS),
        *((pl.col(n) if n in table.columns else pl.lit(None)).cast(dtype).alias(n) for n, dtype in nothing.items()),
    ).join(accounts, on="integrated_account_id", how="left", maintain_order="left")  # fmt: skip
    return _in_their_billing_periods(_described(table.drop("amount"), options), options)


def _described(table: pl.DataFrame, options: Options) -> pl.DataFrame:
    units = {unit: focus_unit(unit) for unit in table["unit"].unique().to_list() if unit}
    unit = pl.col("unit").replace_strict(units, default="Units", return_dtype=pl.String)
    prepaid = pl.col("integrated_account_id").is_in(sorted(options.prepaid))
    covers = pl.coalesce("covers_usage", prepaid) & (pl.col("billed") > 0)
    account, day = pl.col("integrated_account_id"), pl.col("start_date").dt.strftime("%Y-%m-%d")
    name = pl.concat_str(account, pl.coalesce("sku", pl.lit("purchase")), day, separator=":")
    nth = pl.int_range(pl.len()).over("integrated_account_id", "sku", day, "currency")
    name = pl.when(nth == 0).then(name).otherwise(name + ":" + (nth + 1).cast(pl.String))
    start, end = whole_seconds("start_date", "end_date")
    sign = pl.when(pl.col("billed") < 0).then(-1).otherwise(1).cast(AMOUNT)
    return table.with_columns(
        category=pl.lit("Purchase"), list=pl.coalesce("list_amount", "billed"), contracted=pl.col("billed"),
        effective=pl.when(covers).then(pl.lit(_NOTHING, dtype=AMOUNT)).otherwise(pl.col("billed")),
        quantity=pl.coalesce(pl.col("quantity") * sign, sign), quantity_known=pl.lit(value=True),
        unit=unit, usage_unit=pl.col("unit"), list_known=pl.lit(value=True),
        cost_basis=pl.lit("given"), purchase=pl.lit("purchase"), covered=pl.lit(value=False),
        allocated=pl.lit(value=False), prorated=pl.lit(value=False),
        charge_start=start, charge_end=end,
        commitment=pl.when(covers).then(name), commitment_name=pl.when(covers).then("description"),
        commitment_status=pl.lit(None, dtype=pl.String),
    ).with_columns(pricing_unit="unit").drop("covers_usage", "list_amount")  # fmt: skip


def _in_their_billing_periods(table: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Billed when it says, else where its term begins; money back for an invoiced period in the first open one."""
    table = table.with_columns(
        __on=pl.coalesce("billed_on", "charge_start"), __open=pl.lit(options.closed_before, _UTC)
    )
    start, end = period_bounds(options.billing_day, "__on")
    begun = period_bounds(options.billing_day, "charge_start")[1]
    closed = ((pl.col("billed") < 0) & (begun <= pl.col("__open"))).fill_null(value=False)
    late = closed & (pl.col("billed_on").is_null() | (end <= pl.col("__open")))
    opened = period_bounds(options.billing_day, "__open")
    return table.with_columns(
        correction=closed,
        period_start=pl.when(late).then(opened[0]).otherwise(start),
        period_end=pl.when(late).then(opened[1]).otherwise(end),
    ).drop("__on", "__open", "billed_on")


def _number(table: pl.DataFrame, name: str) -> pl.Series:
    if name not in table.columns:
        return pl.Series(name, [None] * table.height, dtype=AMOUNT)
    return exact(table[name]).alias(name)


def _check(table: pl.DataFrame, accounts: pl.DataFrame) -> None:
    for name in PURCHASES:
        if table[name].null_count():
            raise FrameError(f"purchases= has no {name} on {table[name].null_count()} of its rows.")
    unknown = set(table["integrated_account_id"]) - set(accounts["integrated_account_id"])
    if unknown:
        raise FrameError(f"purchases= names {min(unknown)!r}, which is not an account of this frame.")
    odd = [c for c in table["currency"].unique() if str(c).upper() not in ISO_4217]
    if odd:
        raise FrameError(f"purchases= is in {odd[0]!r}, which is not a currency of ISO 4217.")
    for name, what in (("amount", "amounts"), ("quantity", "quantities"), ("list_amount", "list amounts")):
        _check_numbers(table, name, what)
    if "quantity" in table.columns and (table["quantity"] <= 0).any():
        low = table.filter(pl.col("quantity") <= 0)["quantity"][0]
        raise FrameError(f"purchases= has a quantity of {low}, which is not above 0; money back has a negative amount.")
    if "list_amount" in table.columns and table.select((pl.col("list_amount") * pl.col("amount") < 0).any()).item():
        raise FrameError("purchases= has a list_amount of another sign than its amount; give both the same.")
    covers = table["covers_usage"] if "covers_usage" in table.columns else None
    if covers is not None and covers.dtype not in (pl.Boolean, pl.Null):
        raise FrameError(f"purchases= holds covers_usage of type {covers.dtype}, not true or false.")


def _check_numbers(table: pl.DataFrame, name: str, what: str) -> None:
    if name not in table.columns or table[name].dtype == pl.Null:
        return
    if not table[name].dtype.is_numeric():
        raise FrameError(f"purchases= holds {what} of type {table[name].dtype}, not numbers.")
    odd = table[name].drop_nulls()
    odd = odd.filter(~(odd.cast(pl.Float64).abs() < 1e27))
    if len(odd):
        raise FrameError(f"purchases= has {name} {odd[0]}, which is not an amount.")


def _dated(table: pl.DataFrame) -> pl.DataFrame:
    """The purchases with instants; refuses dates that cannot be read, and periods that are none."""
    names = [name for name in ("start_date", "end_date", "billed_on") if name in table.columns]
    read = table.with_columns(_instant(table, name) for name in names)
    for name in names:
        odd = table.filter(read[name].is_null() & table[name].is_not_null())
        if odd.height:
            raise FrameError(f"purchases= has {name} {odd[name][0]!r}, which is not a date such as '2026-10-01'.")
    backwards = read.filter(pl.col("end_date") <= pl.col("start_date"))
    if backwards.height:
        raise FrameError(
            f"purchases= has one that ends on {backwards['end_date'][0]:%Y-%m-%d}, not after it starts; "
            f"end_date is exclusive."
        )
    return read


def _instant(table: pl.DataFrame, name: str) -> pl.Expr:
    """Dates as the caller holds them, as instants in UTC."""
    column, dtype = pl.col(name), table.schema[name]
    if dtype == pl.String:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return column.dt.convert_time_zone("UTC").cast(_UTC)
    return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


# Usage that draws on what was bought ----------------------------------------------------------------------------------


def covering(bought: pl.DataFrame) -> bool:
    """Whether any of the purchases covers usage."""
    return bool(bought.height) and bought["commitment"].null_count() < bought.height


def drawn_from(
    rows: pl.DataFrame, spans: Mapping[str, tuple[datetime, datetime]], days: Mapping[str, int]
) -> pl.DataFrame:
    """Let usage draw on the purchases of its account, currency and time: what expires first, by the earliest usage.

    A row that draws the last of a purchase is parted there. `spans` says from when to when an account's records reach:
    where that is all of a purchase's term, what nobody drew is a row of its own.
    """
    if "commitment" not in rows.columns or not covering(rows):
        return rows
    bought = rows.filter(pl.col("commitment").is_not_null()).sort("charge_end", "charge_start", maintain_order=True)
    rows = rows.with_row_index("__order")
    lapsed = []
    for purchase in bought.iter_rows(named=True):
        rows, left = _drawn(rows, purchase)
        first, last = spans.get(purchase["integrated_account_id"], (None, None))
        if left > 0 and first is not None and first <= purchase["charge_start"] and purchase["charge_end"] <= last:
            lapsed.append(_unused(rows, purchase, left, days))
    return pl.concat([rows.drop("__order"), *lapsed], how="diagonal_relaxed")


def _drawn(rows: pl.DataFrame, purchase: dict[str, Any]) -> tuple[pl.DataFrame, Decimal]:
    """Give the rows, those that draw on a purchase marked, and what is left of it."""
    start, end = purchase["charge_start"], purchase["charge_end"]
    able = (
        (pl.col("integrated_account_id") == purchase["integrated_account_id"])
        & (pl.col("currency") == purchase["currency"])
        & (pl.col("category") == "Usage")
        & pl.col("commitment").is_null()
        & (pl.col("billed") != 0)
        & pl.col("charge_start").is_between(start, end, closed="left")
    )
    queue = rows.filter(able).sort("charge_start", maintain_order=True).select("__order", "billed")
    beyond = (queue["billed"].cum_sum() > purchase["billed"]).arg_true()
    over = beyond[0] if len(beyond) else None
    whole = queue[:over]
    left = purchase["billed"] - (whole["billed"].sum() if whole.height else _NOTHING)
    taken = pl.col("__order").is_in(whole["__order"].implode())
    rows = rows.with_columns(
        commitment=pl.when(taken).then(pl.lit(purchase["commitment"])).otherwise("commitment"),
        commitment_name=pl.when(taken).then(pl.lit(purchase["commitment_name"])).otherwise("commitment_name"),
        commitment_status=pl.when(taken).then(pl.lit("Used")).otherwise("commitment_status"),
    )
    if over is not None and left > 0:
        rows, left = _parted(rows, queue["__order"][over], left, purchase)
    return rows, left


def _parted(rows: pl.DataFrame, order: int, left: Decimal, purchase: dict[str, Any]) -> tuple[pl.DataFrame, Decimal]:
    """Part a row where what it draws on ends; gives what is left then, which is nothing unless it cannot be parted."""
    one = rows.filter(pl.col("__order") == order)
    parts = list(_two(one.row(0, named=True), left))
    if not parts:
        return rows, left
    used = {name: purchase[name] for name in ("commitment", "commitment_name")} | {"commitment_status": "Used"}
    made = [one.with_columns(pl.lit(v, dtype=AMOUNT).alias(n) for n, v in part.items()) for part in parts]
    made[0] = made[0].with_columns(pl.lit(v, dtype=pl.String).alias(n) for n, v in used.items())
    rows = pl.concat([rows.filter(pl.col("__order") != order), *made]).sort("__order", maintain_order=True)
    return rows.drop("__order").with_row_index("__order"), _NOTHING


def _two(row: dict[str, Any], left: Decimal) -> Iterator[dict[str, Decimal]]:
    """The amounts of a row in proportion, to what is drawn and what is not, and exactly together."""
    share = left / row["billed"]
    first = {name: (row[name] * share).quantize(_PLACE, ROUND_DOWN) for name in ("list", "contracted", "quantity")}
    rest = {name: row[name] - part for name, part in first.items()}
    if min(abs(first["quantity"]), abs(rest["quantity"])) >= _LEAST:
        yield {"billed": left, **first}
        yield {"billed": row["billed"] - left, **rest}


def _unused(rows: pl.DataFrame, purchase: dict[str, Any], left: Decimal, days: Mapping[str, int]) -> pl.DataFrame:
    """What of a purchase nobody drew, in the last billing period of its term (FOCUS, SaaS example B1)."""
    table = pl.DataFrame([purchase], schema={name: rows.schema[name] for name in rows.columns if name in purchase})
    amount = pl.lit(left, dtype=AMOUNT)
    start, end = period_bounds(days, "__last")
    name = pl.coalesce("commitment_name", pl.lit("Prepayment"))
    table = table.with_columns(__last=pl.col("charge_end").dt.offset_by("-1us"))
    return table.with_columns(
        period_start=start, period_end=end, category=pl.lit("Usage"), billed=amount, effective=amount, list=amount,
        contracted=amount, quantity=pl.lit(Decimal(1), dtype=AMOUNT), unit=pl.lit("Units"),
        pricing_unit=pl.lit("Units"), commitment_status=pl.lit("Unused"),
        description=pl.concat_str(name, pl.lit(", unused")),
        invoice_id=pl.lit(None, dtype=pl.String),
    ).drop("__last")  # fmt: skip


# Seats ----------------------------------------------------------------------------------------------------------------


def with_seats(rows: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Add a purchase of seats per account and billing period, and spread it over the usage that the plan covers.

    Spread by list cost, so billed and effective add up to the same. Seats that cover nothing in the frame keep their
    effective cost and are marked idle.
    """
    if not options.seat_prices:
        return rows
    seats = _seats(rows, options)
    key = ["integrated_account_id", "period_start", "currency"]
    covered = pl.col("covered") & (pl.col("category") == "Usage") & (pl.col("list") > 0)
    spread = rows.with_row_index("__order").filter(covered).join(
        seats.select(*key, seat_cost="billed"), on=key, how="inner"
    )  # fmt: skip
    used = spread.select(key).unique().with_columns(used=pl.lit(value=True))
    spread = spread.with_columns(__key=pl.struct(key).rank("dense"), __weight=pl.col("list").cast(pl.Float64))
    spread = split(spread, ["seat_cost"], "__key", "__weight").select("__order", "seat_cost")
    seats = seats.join(used, on=key, how="left", maintain_order="left").with_columns(
        idle_seat=pl.col("used").is_null(),
        effective=pl.when(pl.col("used").is_null()).then(pl.col("billed")).otherwise(pl.lit(_NOTHING, dtype=AMOUNT)),
    )
    rows = rows.with_row_index("__order").join(spread, on="__order", how="left", maintain_order="left")
    rows = rows.with_columns(effective=pl.coalesce("seat_cost", "effective")).drop("__order")
    return pl.concat([rows, seats.drop("used")], how="diagonal_relaxed")


def _seats(rows: pl.DataFrame, options: Options) -> pl.DataFrame:
    table = pl.DataFrame(
        [(account, *each) for account, each in options.seat_prices.items()],
        schema=_SEATS,
        orient="row",
    )  # fmt: skip
    who = ["integrated_account_id", "integration", "organization_id", "organization_name"]
    used = rows.filter(~pl.col("correction").fill_null(value=False))
    if "purchase" in rows.columns:
        used = used.filter(pl.col("purchase").is_null())
    spans = used.group_by("integrated_account_id", "period_start", "period_end", maintain_order=True).agg(
        *(pl.col(name).first() for name in who[1:])
    )
    seats = table.join(spans, on="integrated_account_id", how="inner", maintain_order="left_right")
    seats = seats.with_columns(amount=pl.col("seats") * pl.col("seat_price"))
    return seats.with_columns(
        exact(seats["amount"]).alias("billed"), exact(seats["amount"]).alias("list"),
        exact(seats["amount"]).alias("contracted"), exact(seats["seats"]).alias("quantity"),
    ).with_columns(
        category=pl.lit("Purchase"), unit=pl.lit("Users"), pricing_unit=pl.lit("Users"),
        quantity_known=pl.lit(value=True), list_known=pl.lit(value=True), cost_basis=pl.lit("given"),
        purchase=pl.lit("seats"), covered=pl.lit(value=False), allocated=pl.lit(value=False),
        charge_start=pl.col("period_start"), charge_end=pl.col("period_end"), prorated=pl.lit(value=False),
    ).drop("amount", "seats", "seat_price")  # fmt: skip
