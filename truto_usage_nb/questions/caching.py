"""Where caches cost more than they save, in money: writes nobody read, reads that fell, five minutes against an hour.

Prices and tokens are those of `cache_savings`, and so are the sums: list prices of the day, in USD.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.choices import By, Choices, Question, by_columns, check_dims
from truto_usage_nb.costs.estimates import estimated, priced_by
from truto_usage_nb.costs.matching import one_name_a_model
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.format import money, percent
from truto_usage_nb.native import enter
from truto_usage_nb.prices import CURRENCY, price_source
from truto_usage_nb.questions.scenarios import token_lines

__all__ = ["cache_advice"]

_MODEL = "model_id"
_BY = ("resources_workspace_id", _MODEL)
_WRITES = ("cache_write_5m", "cache_write_1h", "cache_write")
_OFFERED = ("input", "cache_read", *_WRITES)
_COLUMNS = (
    "currency", "input_tokens", "cache_write_tokens", "cache_hit_rate", "read_savings", "cache_write_premium",
    "cache_savings", "unearned_premium", "unearned_days", "days", "hit_rate_before", "hit_rate_after", "since",
    "cost_of_fall", "one_hour_premium", "one_hour_instead", "one_hour_pays_from", "advice", "unpriced_tokens",
    "price_source",
)  # fmt: skip
_SUMS = ("offered", "read", "written", "saved", "premium", "gap", "hour", "instead", "longer", "spared", "unpriced")
_FALL = 0.05
"""A hit rate that falls by less is told in its columns alone."""


def cache_advice(frame: Any, by: By = _BY, **choices: Unpack[Choices]) -> Any:
    """Say where prompt caches cost more than they saved, by workspace and model unless `by` says otherwise.

    Comes back as the kind that came in, a row per value of `by` with input, the most at stake first. All money is at
    list prices of the day (UTC) and the base tier, in USD: an estimate, not the vendor's word.

    - `read_savings` is what reads cost less than fresh input, `cache_write_premium` what writes cost more, and
      `cache_savings` the difference, as in `cache_savings`. `unearned_premium` is what writes cost beyond what reads of
      the same day saved, on the `unearned_days` of `days` on which they did: those never earned themselves back.
    - `hit_rate_before` and `hit_rate_after` are cache reads over all input of the first half of the frame's days and of
      those from `since` on; `cost_of_fall` is what the second half's input cost more than at the first half's rate, 0
      where it did not fall, and null where one half has no input.
    - `one_hour_premium` is what writes for an hour cost more than for five minutes, `one_hour_instead` what the writes
      for five minutes (and those of no stated lifetime) would cost more for an hour. An hour pays where it spares
      writing again more than `one_hour_pays_from` (a share) of what was written: no record says how long apart two
      requests came, so whether it does is yours to know.
    - `advice` says in words what of this is worth a look, null where nothing is. `unpriced_tokens` is input of which
      the list has no price, in no other column.

    Raises what `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cache_advice(usage, "model_id")["currency"].unique().to_list()
    ['USD']
    """
    names = by_columns(by)
    check_dims(names, _COLUMNS)
    native = enter(frame)
    read = matched(native, Question.of(priced_by(native, names), None, "UTC", "billed", choices, kinds=True))
    rows = estimated(read)
    dims = read.dims[: len(names)]
    if _MODEL in names:  # tokens may spell a model in two ways
        rows = one_name_a_model(rows, f"dim_{names.index(_MODEL)}", dims)
    days = _by_day(token_lines(rows), dims)
    table = _added_up(days, dims).rename(dict(zip(dims, names, strict=True)))
    return native.leave(_told(table).select(*names, *_COLUMNS))


def _by_day(lines: pl.DataFrame, dims: list[str]) -> pl.DataFrame:
    """The sums of a row on each day; input without a price of fresh input, or of its own kind, is `unpriced`."""
    fresh, read, shorter, longer = (
        pl.col(f"price_{kind}") for kind in ("input", "cache_read", "cache_write_5m", "cache_write_1h")
    )
    known = {
        kind: pl.when(fresh.is_not_null() & pl.col(f"price_{kind}").is_not_null()).then(kind).otherwise(0)
        for kind in _OFFERED
    }
    offered, written = pl.sum_horizontal(*known.values()), pl.sum_horizontal(*(known[kind] for kind in _WRITES))
    short = known["cache_write_5m"] + known["cache_write"]
    sums = {
        "offered": offered,
        "read": known["cache_read"],
        "written": written,
        "saved": known["cache_read"] * (fresh - read),
        "premium": pl.sum_horizontal(*(known[kind] * (pl.col(f"price_{kind}") - fresh) for kind in _WRITES)),
        "gap": offered * (fresh - read),
        "hour": known["cache_write_1h"] * (longer - shorter),
        "instead": short * (longer - shorter),
        "longer": written * (longer - shorter),
        "spared": written * (shorter - read),
        "unpriced": pl.sum_horizontal(*_OFFERED) - offered,
    }
    days = lines.group_by(*dims, "day").agg(value.sum().alias(name) for name, value in sums.items())
    return days.filter(pl.sum_horizontal("offered", "unpriced") > 0)


def _added_up(days: pl.DataFrame, dims: list[str]) -> pl.DataFrame:
    since = _second_half(days)
    short = pl.col("premium") - pl.col("saved")
    late = (pl.col("day") >= since) if since is not None else pl.lit(None, pl.Boolean)
    table = days.group_by(dims or pl.lit(1).alias("all")).agg(
        *(pl.col(name).sum() for name in _SUMS),
        days=pl.len(),
        unearned_days=(_dust(short) > 0).sum(),
        unearned_premium=short.filter(_dust(short) > 0).sum(),
        **{f"{name}_{half}": pl.col(name).filter(of).sum() for name in ("offered", "read", "gap")
           for half, of in (("before", ~late), ("after", late))},
    )  # fmt: skip
    table = table.with_columns(
        cache_hit_rate=_ratio("read", "offered"),
        hit_rate_before=_ratio("read_before", "offered_before"),
        hit_rate_after=_ratio("read_after", "offered_after"),
        one_hour_pays_from=_ratio("longer", "spared"),
        since=pl.lit(since, pl.Date),
    )
    fell = (pl.col("hit_rate_before") - pl.col("hit_rate_after")).clip(lower_bound=0.0)
    return table.with_columns(cost_of_fall=fell * pl.col("gap_after"))


def _dust(amount: pl.Expr) -> pl.Expr:
    """Without what is left over from adding floats."""
    return amount.round(10)


def _ratio(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _second_half(days: pl.DataFrame) -> date | None:
    """The first day of the second half of the frame's days; None where there is but one."""
    first, last = days["day"].min(), days["day"].max()
    if not isinstance(first, date) or not isinstance(last, date) or first == last:
        return None
    return first + timedelta(days=((last - first).days + 1) // 2)


def _told(table: pl.DataFrame) -> pl.DataFrame:
    table = table.with_columns(
        pl.lit(CURRENCY).alias("currency"),
        pl.col("offered").alias("input_tokens"),
        pl.col("written").alias("cache_write_tokens"),
        pl.col("saved").alias("read_savings"),
        pl.col("premium").alias("cache_write_premium"),
        (pl.col("saved") - pl.col("premium")).alias("cache_savings"),
        pl.col("hour").alias("one_hour_premium"),
        pl.col("instead").alias("one_hour_instead"),
        pl.col("unpriced").alias("unpriced_tokens"),
        pl.lit(price_source()).alias("price_source"),
    )
    said = [_advice(row) for row in table.iter_rows(named=True)]
    stake = pl.col("unearned_premium") + pl.col("cost_of_fall").fill_null(0.0)
    table = table.with_columns(pl.Series("advice", said, pl.String), stake=_dust(stake))
    flat = [name for name in table.columns[: table.columns.index("offered")] if not table.schema[name].is_nested()]
    return table.sort("stake", "input_tokens", *flat, descending=[True, True, *[False] * len(flat)], nulls_last=True)


def _advice(row: dict[str, Any]) -> str | None:
    parts = []
    if round(row["unearned_premium"], 2) > 0:
        lost = money(row["unearned_premium"], CURRENCY)
        parts.append(
            f"{lost} of writes were not earned back on {row['unearned_days']} of {row['days']} days: "
            "cache only what is read again"
        )
    before, after, cost = row["hit_rate_before"], row["hit_rate_after"], row["cost_of_fall"]
    if cost is not None and before - after >= _FALL and round(cost, 2) > 0:
        parts.append(
            f"reads fell from {percent(before)} to {percent(after)} of input from {row['since']} on, "
            f"which cost {money(cost, CURRENCY)}"
        )
    share = row["one_hour_pays_from"]
    if share is not None and round(row["one_hour_premium"], 2) > 0:
        parts.append(
            f"an hour's lifetime cost {money(row['one_hour_premium'], CURRENCY)} more than five minutes, "
            f"which pays where it spares writing more than {percent(share)} of it again"
        )
    if share is not None and round(row["one_hour_instead"], 2) > 0:
        parts.append(
            f"an hour instead of five minutes would cost {money(row['one_hour_instead'], CURRENCY)} more, "
            f"and pay where it spares writing more than {percent(share)} of it again"
        )
    return f"{'; '.join(parts)}." if parts else None
