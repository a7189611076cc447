"""From charges with their tokens to rows: a row a kind of token, tax and credit apart, each with its quantity.

Where the vendor says the kind of token there is one row. Where one amount paid for several kinds it is parted, exactly,
by tokens times list price of the day, which is flagged; where the list does not know the model there is one row of all
its tokens. The rows are still in this library's words; `finishing` writes them in FOCUS's.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

import polars as pl

from truto_usage_nb.focus.amounts import AMOUNT, TOKEN_BATCH, TOKENS, exact, focus_unit
from truto_usage_nb.focus.options import TAG
from truto_usage_nb.focus.pairing import ALL_KINDS
from truto_usage_nb.focus.reading import LINE, SAID, is_alike
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.prices import price_source, unit_prices

__all__ = ["aside_rows", "by_kind", "unpriced_rows", "used_rows"]

_KEY = ["model_id", "model_provider", "price_day"]
_TIERS = ("service_tier", "speed", "context_window")
"""Columns of the caller that change a price, under the names by which the list is asked."""
_SOURCE = "price_source"
_SPLIT = ("billed", "list", "contracted")
_PRICED = tuple(kind for kind in ALL_KINDS if kind != "unkind")
_PLAIN = ("model_id", "model_provider", *_TIERS)


def by_kind(money: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give a row per charge and kind of token: `kind`, `n` (tokens) and the amounts' parts; others stay one row.

    `kind` is null where the charge has no tokens, and "tokens" where its kinds cannot be told apart. Tax and credit
    stay with the first row of a charge, which is the one that is not `__more`.
    """
    money = with_list_prices(_with_amounts(money, lines).with_columns(**_own_quantity()))
    stated = {kind: pl.col(kind) != 0 for kind in ALL_KINDS}
    several = pl.sum_horizontal(*stated.values()) > 1
    known = pl.all_horizontal(*(~stated[k] | pl.col(f"price_{k}").is_not_null() for k in _PRICED)) & ~stated["unkind"]
    worth = pl.sum_horizontal(*(pl.col(kind) * pl.col(f"price_{kind}").fill_null(0.0) for kind in _PRICED))
    splits = several & known & (worth > 0) & pl.col("metric_kind").is_null()
    money = money.with_columns(__several=several, __splits=splits)
    whole = _whole(money.filter(~pl.col("__splits")))
    parts = _parts(money.filter("__splits"))
    rows = pl.concat([whole, parts]).sort("money_row", "__nth") if parts.height else whole
    return rows.drop("__nth")


def _with_amounts(money: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The charges with their exact amounts, and what the list is asked by."""
    known = [name for name in _PLAIN if name in lines.columns]
    found = lines.select(
        *known,
        list="cost_list",
        contracted=pl.col("cost_list") - pl.col("cost_discount").fill_null(0.0),
        tax="cost_tax",
        credit="cost_credit",
    )[money[LINE]]
    amounts = [exact(found[name]) for name in ("list", "contracted", "tax", "credit")]
    return money.with_columns(*found.select(known).iter_columns(), *amounts)


def _own_quantity() -> dict[str, pl.Expr]:
    """A charge that counts its own tokens has them under the kind that its metric names."""
    silent = pl.sum_horizontal(*ALL_KINDS) == 0
    counts = ((pl.col("usage_unit").str.to_lowercase() == "tokens") & silent).fill_null(value=False)
    quantity = pl.col("usage_quantity").fill_null(0.0)
    kind = pl.col("metric_kind").fill_null("unkind")
    return {k: pl.when(counts & (kind == k)).then(quantity).otherwise(pl.col(k)) for k in ALL_KINDS}


_KEPT = (
    "money_row", LINE, "source_row", "integrated_account_id", "currency", "covered", "metric_name", "usage_quantity",
    "usage_unit", "start_date", "tax", "credit", "price_source",
)  # fmt: skip
_ROW = (*_KEPT, "kind", "n", "allocated", "__nth", "__more", *_SPLIT)


def _whole(money: pl.DataFrame) -> pl.DataFrame:
    total = pl.sum_horizontal(*ALL_KINDS)
    only = pl.coalesce(*(pl.when(pl.col(kind) != 0).then(pl.lit(kind)) for kind in _PRICED), pl.lit("tokens"))
    metric = pl.col("metric_kind").cast(pl.String)
    kind = pl.when(pl.col("__several")).then(pl.coalesce(metric, pl.lit("tokens"))).otherwise(only)
    nothing = {"allocated": pl.lit(value=False), "__nth": pl.lit(0, dtype=pl.Int8), "__more": pl.lit(value=False)}
    return money.with_columns(kind=pl.when(total != 0).then(kind), n=total, **nothing).select(_ROW)


def _parts(money: pl.DataFrame) -> pl.DataFrame:
    """Part each amount by what its kinds are worth, cut towards zero; the kind that is worth most takes the rest."""
    weights = [pl.when(pl.col(k) != 0).then(pl.col(k).abs() * pl.col(f"price_{k}")).otherwise(0.0) for k in _PRICED]
    money = money.with_columns(w.alias(f"__share_{k}") for k, w in zip(_PRICED, weights, strict=True))
    shares = {kind: pl.col(f"__share_{kind}") for kind in _PRICED}
    whole = reduce(add, shares.values())
    money = money.with_columns((share / whole).alias(f"__share_{kind}") for kind, share in shares.items())
    largest = pl.concat_list(shares.values()).list.arg_max()
    first = pl.concat_list(pl.col(kind) != 0 for kind in _PRICED).list.arg_max()
    money = money.with_columns(__largest=largest, __first=first)
    for column in _SPLIT:
        cut = {k: ((pl.col(column).cast(pl.Float64) * share * 1e10).truncate() / 1e10) for k, share in shares.items()}
        money = money.with_columns(part.cast(AMOUNT).alias(f"__{column}_{k}") for k, part in cut.items())
        rest = pl.col(column) - reduce(add, (pl.col(f"__{column}_{kind}") for kind in _PRICED))
        money = money.with_columns(rest.alias(column))
    return pl.concat(_part(money, nth, kind) for nth, kind in enumerate(_PRICED))


def _part(money: pl.DataFrame, nth: int, kind: str) -> pl.DataFrame:
    """The rows of one kind: its part of each amount, and the rest where it is worth most."""
    mine = money.filter(pl.col(kind) != 0)
    rest = {c: pl.when(pl.col("__largest") == nth).then(pl.col(c)).otherwise(pl.lit(0, dtype=AMOUNT)) for c in _SPLIT}
    return mine.with_columns(
        kind=pl.lit(kind),
        n=pl.col(kind),
        allocated=pl.lit(value=True),
        __nth=pl.lit(nth, dtype=pl.Int8),
        __more=pl.col("__first") != nth,
        **{column: pl.col(f"__{column}_{kind}") + rest[column] for column in _SPLIT},
    ).select(_ROW)


def with_list_prices(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `price_<kind>` (USD a token, null where the list has no price for that kind of the model) and `price_source`.

    Columns `service_tier`, `speed` and `context_window` take part where the rows have them.
    """
    rows = rows.with_columns(price_day=pl.col("start_date").dt.date())
    has = rows.filter(pl.sum_horizontal(*ALL_KINDS) != 0) if set(ALL_KINDS) <= set(rows.columns) else rows
    tiers = [tier for tier in _TIERS if tier in rows.columns]
    by = [name for name in (*_KEY, *tiers) if not is_alike(rows[name])] or _KEY[:1]
    asked = has.unique(by).select(*_KEY, *tiers)
    found = [_prices(row, tiers) for row in asked.iter_rows()]
    names = [f"price_{kind}" for kind in _PRICED]
    if not any(price is not None for prices in found for price in prices):
        return rows.with_columns(
            *(pl.lit(None, dtype=pl.Float64).alias(name) for name in names), pl.lit(None, pl.String).alias(_SOURCE)
        )
    schema = pl.Schema(dict.fromkeys(names, pl.Float64()))
    priced = pl.concat([asked.select(by), pl.DataFrame(found, schema=schema, orient="row")], how="horizontal")
    rows = rows.join(priced, on=by, how="left", nulls_equal=True, maintain_order="left")
    known = pl.any_horizontal(*(pl.col(name).is_not_null() for name in names))
    return rows.with_columns(pl.when(known).then(pl.lit(price_source())).alias(_SOURCE))


def _prices(row: tuple[Any, ...], tiers: list[str]) -> tuple[float | None, ...]:
    model, provider, day, *words = row
    if model is None or day is None:
        return (None,) * len(_PRICED)
    said = {tier: str(word) for tier, word in zip(tiers, words, strict=True) if word is not None}
    found = unit_prices(model, provider, day, **said)
    return tuple(None if found is None else getattr(found, kind) for kind in _PRICED)


_ZERO = pl.lit(Decimal(0), dtype=AMOUNT)
_MONTH = timedelta(days=28)
_METRIC = ("metric_name", "usage_quantity", "usage_unit", "start_date")


def used_rows(charges: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of what charges are for, what was used or bought, with all that their lines say."""
    rows = described(charges.filter(_says_something()).drop("__more"), lines)
    rows = rows.with_columns(category=_category(rows), list_known=~_flagged("list_assumed"))
    return _based(_with_quantity(_same_sign(rows)))


def aside_rows(money: pl.DataFrame, name: str, lines: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of what stands beside the charges: their "tax", or their "credit"."""
    some = money.select(
        "money_row", LINE, "source_row", "integrated_account_id", "currency", *_METRIC, charged="billed"
    )
    some = some.with_columns(exact(lines[f"cost_{name}"].gather(some[LINE])).alias("billed"))
    some = _taxed_likewise(some, lines) if name == "tax" else some.with_columns(list="billed", contracted="billed")
    rows = described(some.filter((pl.col("billed") != 0).fill_null(value=False)), lines)
    return _based(
        rows.with_columns(
            category=pl.lit(name.capitalize()), kind=pl.lit(None, dtype=pl.String), allocated=pl.lit(value=False),
            covered=pl.lit(value=False), list_known=pl.lit(value=True),
            quantity=pl.lit(None, dtype=AMOUNT), unit=pl.lit(None, dtype=pl.String),
            pricing_unit=pl.lit(None, dtype=pl.String), quantity_known=pl.lit(None, dtype=pl.Boolean),
        )
    )  # fmt: skip


def _taxed_likewise(taxes: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give a tax its list and contracted cost: the same share of its charge's as it is of what the charge bills.

    FOCUS, ListCost and ContractedCost: on Tax they are calculated based on those of the related charges.
    """
    costs = lines.select("cost_list", "cost_discount")[taxes[LINE]]
    whole, discount = costs["cost_list"], costs["cost_discount"].fill_null(0.0)
    tax, charged = taxes["billed"].cast(pl.Float64), taxes["charged"].cast(pl.Float64)
    made = []
    for name, related in (("list", whole), ("contracted", whole - discount)):
        share = related / charged
        unlike = (charged != 0) & (share >= 0) & (related != charged)
        likewise = exact((tax * share).round(10).zip_with(unlike.fill_null(value=False), tax))
        made.append(taxes["billed"].zip_with(~unlike.fill_null(value=False), likewise).alias(name))
    return taxes.with_columns(made).drop("charged")


def described(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Put beside each row what its line says, but for what the row says itself."""
    names = [name for name in lines.columns if name not in rows.columns and (name in SAID or name.startswith(TAG))]
    return rows.with_columns(lines.select(names)[rows[LINE]].iter_columns())


def _based(rows: pl.DataFrame) -> pl.DataFrame:
    basis = pl.when(pl.col("credit_rate").is_not_null() & ~pl.col("restated")).then(pl.lit("credit_rate"))
    return rows.with_columns(cost_basis=basis.otherwise(pl.lit("billed")), effective=pl.lit(None, dtype=AMOUNT))


def _says_something() -> pl.Expr:
    """A charge of nothing for nothing is no row; nor is the usage side of a tax or a credit by itself."""
    money = pl.any_horizontal(*(pl.col(name).fill_null(_ZERO) != 0 for name in ("billed", "list", "contracted")))
    aside = (pl.col("tax").fill_null(_ZERO) != 0) | (pl.col("credit").fill_null(_ZERO) != 0)
    quantity = pl.col("n").fill_null(0) + pl.col("usage_quantity").fill_null(0) != 0
    return money | (quantity & ~(aside & ~pl.col("__more")))


def _flagged(reason: str) -> pl.Expr:
    return pl.col("cost_flag").fill_null("").str.contains(reason, literal=True)


def _category(rows: pl.DataFrame) -> pl.Expr:
    """What is bought, not used, is a purchase, such as support: a fee on the month's spend."""
    category = pl.lit("Usage")
    name = pl.concat_str(pl.col("product_id").fill_null(""), pl.col("metric_name").fill_null(""), separator=" ")
    for integration in rows["integration"].drop_nulls().unique().sort():
        pattern = INTEGRATIONS[integration].service.bought
        if pattern is not None:
            bought = (pl.col("integration") == integration) & name.str.to_uppercase().str.contains(pattern)
            category = pl.when(bought).then(pl.lit("Purchase")).otherwise(category)
    return category


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
        exact(rows.select(quantity=amount).to_series()),
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
        category=pl.lit("Usage"), covered=pl.lit(value=False), allocated=pl.lit(value=False), billed=_ZERO,
        list=pl.col("estimate").fill_null(_ZERO), contracted=pl.col("estimate").fill_null(_ZERO),
        list_known=pl.lit(value=False),
        cost_basis=pl.when(pl.col("estimate").is_not_null()).then(pl.lit("estimated")).otherwise(pl.lit("unpriced")),
        price_source=pl.when(pl.col("estimate").is_not_null()).then(pl.col("price_source")),
    )  # fmt: skip
    return _with_quantity(rows).drop(prices)
