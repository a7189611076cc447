"""What no API returns and only the caller knows: purchases that prepay usage, and seats that cover it."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from truto_usage_nb.costs.currencies import ISO_4217
from truto_usage_nb.errors import FrameError
from truto_usage_nb.focus.amounts import AMOUNT, exact, split
from truto_usage_nb.focus.options import Options
from truto_usage_nb.native import collect, enter, need

__all__ = ["purchase_rows", "with_seats"]

PURCHASES = ("integrated_account_id", "amount", "currency", "start_date", "end_date")
_MORE = ("description", "invoice_id")
ZERO = Decimal(0)
_SEATS = pl.Schema({
    "integrated_account_id": pl.String(), "seats": pl.Float64(), "seat_price": pl.Float64(), "currency": pl.String(),
})  # fmt: skip
_UTC = pl.Datetime("us", "UTC")


def purchase_rows(options: Options, accounts: pl.DataFrame) -> pl.DataFrame:
    """Give the caller's purchases as rows. `accounts` has each account's integration and organisation.

    A purchase of an account in `prepaid` covers usage: it is billed, and its effective cost is 0. Raises FrameError.
    """
    if options.purchases is None:
        return pl.DataFrame()
    given = enter(options.purchases)
    need(given, PURCHASES, "purchases=")  # dates may be texts
    known = [name for name in (*PURCHASES, *_MORE) if name in given.columns]
    table = collect(given.frame.select(*known))
    _check(table, accounts)
    table = _dated(table)
    more = {name: pl.col(name) if name in table.columns else pl.lit(None) for name in _MORE}
    table = table.with_columns(
        exact(table["amount"].cast(pl.Float64)).alias("billed"), pl.col("currency").str.to_uppercase(),
        *(each.cast(pl.String).alias(name) for name, each in more.items()),
    ).join(accounts, on="integrated_account_id", how="left", maintain_order="left")  # fmt: skip
    covers = pl.col("integrated_account_id").is_in(sorted(options.prepaid))
    return table.drop("amount").with_columns(
        category=pl.lit("Purchase"), list=pl.col("billed"), contracted=pl.col("billed"),
        effective=pl.when(covers).then(pl.lit(ZERO, dtype=AMOUNT)).otherwise(pl.col("billed")),
        quantity=pl.when(pl.col("billed") < 0).then(-1).otherwise(1).cast(AMOUNT), quantity_known=pl.lit(value=True),
        unit=pl.lit("Units"), pricing_unit=pl.lit("Units"), list_known=pl.lit(value=True),
        cost_basis=pl.lit("given"), purchase=pl.lit("purchase"), covered=pl.lit(value=False),
        allocated=pl.lit(value=False), charge_start=pl.col("start_date"), charge_end=pl.col("end_date"),
    )  # fmt: skip


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
    if not table["amount"].dtype.is_numeric():
        raise FrameError(f"purchases= holds amounts of type {table['amount'].dtype}, not numbers.")


def _dated(table: pl.DataFrame) -> pl.DataFrame:
    """The purchases with instants; refuses dates that cannot be read, and periods that are none."""
    read = table.with_columns(_instant(table, name) for name in ("start_date", "end_date"))
    for name in ("start_date", "end_date"):
        odd = table.filter(read[name].is_null())
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
        effective=pl.when(pl.col("used").is_null()).then(pl.col("billed")).otherwise(pl.lit(ZERO, dtype=AMOUNT)),
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
    spans = rows.group_by("integrated_account_id", "period_start", "period_end", maintain_order=True).agg(
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
