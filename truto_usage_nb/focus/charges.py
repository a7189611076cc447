"""From charges by kind of token to rows: usage, purchase, tax and credit, each with its quantity and charge period.

The rows are still in this library's words; `finishing` writes them in FOCUS's.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import polars as pl

from truto_usage_nb.focus.amounts import AMOUNT, exact
from truto_usage_nb.focus.kinds import with_list_prices
from truto_usage_nb.focus.options import TAG
from truto_usage_nb.focus.reading import LINE, SAID
from truto_usage_nb.focus.units import TOKEN_BATCH, TOKENS, focus_unit

__all__ = ["aside_rows", "unpriced_rows", "used_rows"]

ZERO = pl.lit(Decimal(0), dtype=AMOUNT)
_MONTH = timedelta(days=28)
_METRIC = ("metric_name", "usage_quantity", "usage_unit", "start_date")


def used_rows(charges: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of what charges are for, what was used or bought, with all that their lines say."""
    rows = described(charges.filter(_says_something()).drop("__more"), lines)
    rows = rows.with_columns(category=_category(rows), list_known=~_flagged("list_assumed"))
    return _based(_with_quantity(_same_sign(rows)))


def aside_rows(money: pl.DataFrame, name: str, lines: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of what stands beside the charges: their "tax", or their "credit"."""
    some = money.select("money_row", LINE, "source_row", "integrated_account_id", "currency", *_METRIC)
    amount = exact(lines[f"cost_{name}"].gather(some[LINE]))
    some = some.with_columns(amount.alias(each) for each in ("billed", "list", "contracted"))
    rows = described(some.filter((pl.col("billed") != 0).fill_null(value=False)), lines)
    return _based(
        rows.with_columns(
            category=pl.lit(name.capitalize()), kind=pl.lit(None, dtype=pl.String), allocated=pl.lit(value=False),
            covered=pl.lit(value=False), list_known=pl.lit(value=True),
            quantity=pl.lit(None, dtype=AMOUNT), unit=pl.lit(None, dtype=pl.String),
            pricing_unit=pl.lit(None, dtype=pl.String), quantity_known=pl.lit(None, dtype=pl.Boolean),
        )
    )  # fmt: skip


def described(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Put beside each row what its line says, but for what the row says itself."""
    names = [name for name in lines.columns if name not in rows.columns and (name in SAID or name.startswith(TAG))]
    return rows.with_columns(lines.select(names)[rows[LINE]].iter_columns())


def _based(rows: pl.DataFrame) -> pl.DataFrame:
    basis = pl.when(pl.col("credit_rate").is_not_null() & ~pl.col("restated")).then(pl.lit("credit_rate"))
    return rows.with_columns(cost_basis=basis.otherwise(pl.lit("billed")), effective=pl.lit(None, dtype=AMOUNT))


def _says_something() -> pl.Expr:
    """A charge of nothing for nothing is no row; nor is the usage side of a tax or a credit by itself."""
    money = pl.any_horizontal(*(pl.col(name).fill_null(ZERO) != 0 for name in ("billed", "list", "contracted")))
    aside = (pl.col("tax").fill_null(ZERO) != 0) | (pl.col("credit").fill_null(ZERO) != 0)
    quantity = pl.col("n").fill_null(0) + pl.col("usage_quantity").fill_null(0) != 0
    return money | (quantity & ~(aside & ~pl.col("__more")))


def _flagged(reason: str) -> pl.Expr:
    return pl.col("cost_flag").fill_null("").str.contains(reason, literal=True)


def _category(rows: pl.DataFrame) -> pl.Expr:
    """Support is bought, not used: a fee on the month's spend."""
    if not (rows["integration"] == "confluent").any():
        return pl.lit("Usage")
    support = pl.concat_str(
        pl.col("product_id").fill_null(""), pl.col("metric_name").fill_null(""), separator=" "
    ).str.to_uppercase()
    bought = (pl.col("integration") == "confluent") & support.str.contains(r"\bSUPPORT", literal=False)
    return pl.when(bought).then(pl.lit("Purchase")).otherwise(pl.lit("Usage"))


def _same_sign(rows: pl.DataFrame) -> pl.DataFrame:
    """A quantity has one sign, so list and contracted cost must agree in theirs; else the list price is not known."""
    odd = pl.col("list").sign() * pl.col("contracted").sign() < 0
    return rows.with_columns(
        list=pl.when(odd).then(pl.col("contracted")).otherwise(pl.col("list")),
        list_known=pl.col("list_known") & ~odd,
    )


def _with_quantity(rows: pl.DataFrame) -> pl.DataFrame:
    """Tokens; else the vendor's own quantity; else 1, which is said. A refund's quantity is negative, never its price.

    `quantity` and `unit` are what was consumed, `pricing_quantity` and `pricing_unit` what the price is for.
    """
    units = {unit: focus_unit(unit) for unit in rows["usage_unit"].unique().to_list() if unit}
    unit = pl.col("usage_unit").replace_strict(units, default=None, return_dtype=pl.String)
    tokens, bought = pl.col("kind").is_not_null(), pl.col("category") == "Purchase"
    own = unit.is_not_null() & (pl.col("usage_quantity").fill_null(0) != 0) & ~tokens & ~bought
    long = (pl.col("end_date") - pl.col("start_date")) >= _MONTH
    some = pl.when(long | bought).then(pl.lit("Months")).otherwise(pl.lit("Units"))
    leading = pl.when(pl.col("contracted") != 0).then(pl.col("contracted")).otherwise(pl.col("list"))
    amount = pl.when(tokens).then(pl.col("n")).when(own).then(pl.col("usage_quantity")).otherwise(1.0).abs()
    # A quantity below the last decimal place would be 0, and no price times 0 is a cost.
    known = (tokens | own) & (amount >= 1e-4)
    amount = pl.when(known).then(amount).otherwise(1.0) * pl.when(leading < 0).then(-1).otherwise(1)
    rows = rows.with_columns(
        quantity=amount.cast(AMOUNT),
        unit=pl.when(tokens & known).then(pl.lit(TOKENS)).when(known).then(unit).otherwise(some),
        quantity_known=known,
    )
    return rows.with_columns(
        kind=pl.when(known | ~tokens).then(pl.col("kind")),
        pricing_unit=pl.when(pl.col("unit") == TOKENS).then(pl.lit(TOKEN_BATCH)).otherwise(pl.col("unit")),
    )


def unpriced_rows(left: pl.DataFrame, currencies: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give the tokens that no money paid for as rows of 0, with their estimate as list cost where a price is known.

    `left` has them by record and kind; `currencies` says by account in which currency an account is charged.
    """
    left = left.with_columns(lines.select("integrated_account_id")[left[LINE]].iter_columns())
    left = left.join(currencies, on="integrated_account_id", how="inner", maintain_order="left")
    rows = described(left.with_columns(pl.col("kind").cast(pl.String)), lines)
    rows = with_list_prices(rows.filter(pl.col("start_date").is_not_null()))
    prices = [name for name in rows.columns if name.startswith("price_") and name not in ("price_day", "price_source")]
    price = pl.coalesce(*(pl.when(pl.col("kind") == p.removeprefix("price_")).then(pl.col(p)) for p in prices))
    worth = pl.when(pl.col("currency") == "USD").then(price * pl.col("n")).cast(AMOUNT)
    rows = rows.with_columns(estimate=worth).with_columns(
        kind=pl.col("kind").replace("unkind", "tokens"),
        category=pl.lit("Usage"), covered=pl.lit(value=False), allocated=pl.lit(value=False), billed=ZERO,
        list=pl.col("estimate").fill_null(ZERO), contracted=pl.col("estimate").fill_null(ZERO),
        list_known=pl.lit(value=False),
        cost_basis=pl.when(pl.col("estimate").is_not_null()).then(pl.lit("estimated")).otherwise(pl.lit("unpriced")),
        price_source=pl.when(pl.col("estimate").is_not_null()).then(pl.col("price_source")),
    )  # fmt: skip
    return _with_quantity(rows).drop(prices)
