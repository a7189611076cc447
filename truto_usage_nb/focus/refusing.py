"""What FOCUS cannot hold is refused by name, with the remedy: never guessed, never left out in silence."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.costs.currencies import UNSTATED, is_virtual
from truto_usage_nb.errors import FrameError
from truto_usage_nb.focus.services import SERVICES

__all__ = ["ROW", "refuse_what_cannot_be_exported"]

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
    unknown = accounts.filter(~pl.col("integration").is_in(sorted(SERVICES)).fill_null(value=False))
    if unknown.height:
        raise FrameError(
            f"{_accounts(unknown)}: the integration {unknown['integration'][0]!r} has no place in FOCUS. "
            f"Allowed: {', '.join(sorted(SERVICES))}."
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
