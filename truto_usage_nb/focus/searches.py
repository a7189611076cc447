"""Web searches are charged in one record and counted in another: where a day has both, the count is the quantity."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.focus.amounts import exact, split

__all__ = ["named", "with_searches"]

_DAY = ["integrated_account_id", "__day"]
_COUNT = "usage_tools_web_search_count"


def named(names: pl.Series, pattern: str) -> list[str]:
    """Give the metrics whose name says a thing, of which there are few however many charges there are."""
    known = names.unique().drop_nulls()
    return known.filter(known.str.to_lowercase().str.contains(pattern)).to_list()


def with_searches(money: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give charges for searches without a quantity the day's searches, in requests, shared by amount.

    Only where one view of one query counts the account's searches of the day: two would count them twice.
    """
    searches = named(money["metric_name"], r"web[ _]search")
    if not searches or _COUNT not in lines.columns:
        return money
    day = pl.col("start_date").dt.date().alias("__day")
    counted = lines.select("integrated_account_id", "start_date", "report_type", "query_id", "charges_count", _COUNT)
    counted = counted.filter((pl.col(_COUNT) > 0) & (pl.col("charges_count").fill_null(0) == 0)).with_columns(day)
    views = pl.struct("report_type", "query_id").n_unique()
    counts = counted.group_by(_DAY).agg(pl.col(_COUNT).sum().alias("__count"), views.alias("__views"))
    counts = counts.filter(pl.col("__views") == 1)
    free = pl.col("metric_name").is_in(searches) & (pl.col("usage_quantity").fill_null(0) == 0) & (pl.col("billed") > 0)
    asked = money.filter(free).with_columns(day).join(counts, on=_DAY, how="inner")
    if not asked.height:
        return money
    asked = asked.with_columns(exact(asked["__count"].cast(pl.Float64)), __weight=pl.col("billed").cast(pl.Float64))
    asked = asked.with_columns(__key=pl.struct(_DAY).rank("dense"))
    shared = split(asked, ["__count"], "__key", "__weight").select("money_row", pl.col("__count").cast(pl.Float64))
    joined = money.join(shared, on="money_row", how="left", maintain_order="left")
    found = pl.col("__count").is_not_null()
    return joined.with_columns(
        usage_quantity=pl.when(found).then(pl.col("__count")).otherwise(pl.col("usage_quantity")),
        usage_unit=pl.when(found).then(pl.lit("requests")).otherwise(pl.col("usage_unit")),
    ).drop("__count")
