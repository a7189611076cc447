"""What FOCUS can hold: credits become money at a stated rate; the rest is refused by name, with the remedy.

Nothing is guessed, and nothing left out in silence.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from truto_usage_nb.costs.currencies import ISO_4217, UNSTATED, is_virtual
from truto_usage_nb.costs.rule import PARTS
from truto_usage_nb.errors import FrameError
from truto_usage_nb.focus.options import Options
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.schema import CHARGE_TYPES

__all__ = ["CREDITS", "ROW", "refuse_what_cannot_be_exported", "with_credit_rates", "with_restatements"]

CREDITS = "CREDITS"


def with_credit_rates(records: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Turn the amounts of records in a virtual or unstated currency into money, at the account's rate.

    Adds `credit_rate` (null where the record's own currency stands) and `credit_unit`.
    """
    if not options.credit_rate:
        nothing = {"credit_rate": pl.lit(None, dtype=pl.Float64), "credit_unit": pl.lit(None, dtype=pl.String)}
        return records.with_columns(**nothing)
    account, stated = pl.col("integrated_account_id"), pl.col("charges_currency").str.to_uppercase()
    money = stated.is_in(sorted(ISO_4217)).fill_null(value=False)
    some = pl.any_horizontal(*(pl.col(f"charges_{kind}").is_not_null() for kind in CHARGE_TYPES))
    rates = _mapped(account, {name: rate for name, (_, rate) in options.credit_rate.items()}, pl.Float64)
    targets = _mapped(account, {name: code for name, (code, _) in options.credit_rate.items()}, pl.String)
    counts = ~money & some & rates.is_not_null()
    virtual = pl.when(stated == "XXX").then(None).otherwise(stated)
    records = records.with_columns(
        credit_rate=pl.when(counts).then(rates),
        credit_unit=pl.when(counts).then(pl.coalesce(virtual, pl.lit(CREDITS))),
        charges_currency=pl.when(counts).then(targets).otherwise(pl.col("charges_currency")),
    )
    factor = pl.col("credit_rate").fill_null(1.0)
    return records.with_columns(pl.col(f"charges_{kind}").cast(pl.Float64) * factor for kind in CHARGE_TYPES)


def _mapped(column: pl.Expr, values: Mapping[str, object], dtype: type[pl.DataType]) -> pl.Expr:
    return column.replace_strict(values, default=None, return_dtype=dtype)


def with_restatements(lines: pl.DataFrame) -> pl.DataFrame:
    """Where a record states one charge in money and in a virtual currency too, take its own rate from the two."""
    virtual = ~pl.col("cost_currency").is_in([*sorted(ISO_4217), "XXX"]).fill_null(value=True)
    nothing = {"restated": pl.lit(value=False)}
    if not lines.select(virtual.any()).item():
        return lines.with_columns(**nothing)
    parts = pl.sum_horizontal(*(f"charges_{kind}" for kind in PARTS))
    amount = pl.coalesce("charges_net", "charges_total", pl.when(parts != 0).then(parts))
    said = (
        lines.lazy()
        .filter(virtual)
        .group_by("source_row")
        .agg(pl.col("cost_currency").first().alias("said_unit"), amount.first().alias("said"), pl.len().alias("said_n"))
        .filter(pl.col("said_n") == 1)
        .collect()
    )
    stating = lines.select("source_row", "cost_billed").filter(pl.col("cost_billed").is_not_null())
    in_money = stating.join(said, on="source_row", how="semi").group_by("source_row").len("money_lines")
    said = said.join(in_money.filter(pl.col("money_lines") == 1), on="source_row")
    if not said.height:
        return lines.with_columns(**nothing)
    places = lines.select("source_row").join(said, on="source_row", how="left", maintain_order="left")
    joined = lines.with_columns(places.select("said_unit", "said").iter_columns())
    rate = pl.col("cost_billed") / pl.when((pl.col("said") != 0) & (pl.col("cost_billed") != 0)).then(pl.col("said"))
    return joined.with_columns(
        restated=rate.is_not_null(),
        credit_rate=pl.coalesce("credit_rate", rate),
        credit_unit=pl.coalesce("credit_unit", pl.when(rate.is_not_null()).then(pl.col("said_unit"))),
    ).drop("said_unit", "said")


ROW = "source_row"
"""A record's position in the frame: what its rows are known by."""


_READ = (
    ROW, "id", "integrated_account_id", "start_date", "end_date", "cost_currency", "cost_billed", "cost_flag",
    "cost_vendor_estimate",
)  # fmt: skip


def refuse_what_cannot_be_exported(lines: pl.DataFrame) -> None:
    """Refuse money without a currency that a bank knows, without dates, or of an unknown vendor. Raises FrameError."""
    _integrations(lines)
    charged = lines.select(_READ).filter(
        pl.col("cost_currency").is_not_null() & pl.col("cost_vendor_estimate").is_null()
    )
    _virtual(charged)
    _unstated(charged)
    _dual(charged)
    _dates(charged)


def _accounts(rows: pl.DataFrame) -> str:
    return ", ".join(sorted({str(a) for a in rows["integrated_account_id"]}))


def _first(rows: pl.DataFrame) -> str:
    return str(rows["integrated_account_id"][0])


def _integrations(lines: pl.DataFrame) -> None:
    accounts = lines.select("integrated_account_id", "integration")
    unknown = accounts.filter(~pl.col("integration").is_in(sorted(INTEGRATIONS)).fill_null(value=False))
    if unknown.height:
        raise FrameError(
            f"{_accounts(unknown)}: the integration {unknown['integration'][0]!r} has no place in FOCUS. "
            f"Allowed: {', '.join(sorted(INTEGRATIONS))}."
        )
    nameless = accounts["integrated_account_id"].null_count()
    if nameless:
        raise FrameError(f"{nameless:,} records have no integrated_account_id, which every FOCUS row needs.")


def restated() -> pl.Expr:
    """Whether a record's virtual amount stands beside the same charge in money."""
    return (pl.col("cost_billed").is_not_null()).any().over(ROW)


def _virtual(charged: pl.DataFrame) -> None:
    names = [c for c in charged["cost_currency"].unique().to_list() if is_virtual(c)]
    if not names:
        return
    found = charged.filter(pl.col("cost_currency").is_in(names) & ~restated())
    if found.height:
        unit = found["cost_currency"][0]
        raise FrameError(
            f"{found.height:,} records of {_accounts(found)} are charged in {unit}, and FOCUS bills in a currency of "
            f"ISO 4217 alone. Say what one {unit} costs, credit_rate={{{_first(found)!r}: ('USD', 0.04)}} for "
            f"instance, or leave these records out."
        )


def _unstated(charged: pl.DataFrame) -> None:
    found = charged.filter(pl.col("cost_currency") == UNSTATED)
    if found.height:
        raise FrameError(
            f"{found.height:,} records of {_accounts(found)} name no currency, and BillingCurrency cannot be null. "
            f"Say what it is: credit_rate={{{_first(found)!r}: ('USD', 1)}}, with the price of a credit where they "
            f"are credits; or leave these records out."
        )


def _dual(charged: pl.DataFrame) -> None:
    dual = pl.col("cost_flag").fill_null("").str.contains("dual_currency", literal=True)
    if not charged.select(dual.any()).item():
        return
    found = charged.filter(dual & ~restated())
    if found.height:
        both = " and ".join(sorted(set(found["cost_currency"])))
        raise FrameError(
            f"Records of {_accounts(found)} state one charge in {both}. Pick the billed one: "
            f"billing_currency={found['cost_currency'][0]!r}."
        )


def _dates(charged: pl.DataFrame) -> None:
    found = charged.filter(pl.any_horizontal(pl.col("start_date", "end_date").is_null()))
    if found.height:
        raise FrameError(
            f"{found.height:,} charged records of {_accounts(found)}, such as {found['id'][0]!r}, have no start_date "
            f"or no end_date, and a FOCUS row needs its charge period. Fill the dates, or leave these records out."
        )
    backwards = charged.filter(pl.col("end_date") < pl.col("start_date"))
    if backwards.height:
        raise FrameError(
            f"{backwards.height:,} charged records of {_accounts(backwards)}, such as {backwards['id'][0]!r}, end "
            f"before they start. Correct the dates, or leave these records out."
        )
