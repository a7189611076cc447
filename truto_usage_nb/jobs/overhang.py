"""What to do with records that stick out of the loaded period, when the caller says so."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import EXPANDED, SCHEMA, columns

__all__ = ["OVERHANG", "check_overhang", "cut_to", "prorated", "settle_overhang"]

OVERHANG = ("prorate", "include", "drop")
_FLAG = "overhangs_period"
_SHARE = "prorated_share"
"""What share of a record is left of it, for pieces alone: a piece is never again taken for a running total."""


def cut_to(period: Period) -> tuple[pl.Expr, pl.Expr]:
    """Give what keeps a record, and what marks one that sticks out of the period.

    A record is kept that has no start, or lies in the period at least in part.
    """
    start, end = pl.col("start_date"), pl.coalesce("end_date", "start_date")
    inside = (start < period.end) & ((end > period.start) | (start >= period.start))
    kept = start.is_null() | inside
    return kept, ((start < period.start) | (end > period.end)).fill_null(value=False).alias(_FLAG)


def settle_overhang(frame: pl.DataFrame, period: Period, overhang: str | None) -> pl.DataFrame:
    """Apply `overhang`: None marks only, "include" takes the records whole, "drop" leaves them out.

    "prorate" keeps the share of each additive figure (charges of every type, quantity, tokens, open maps, ...) that its
    time inside the period has of its whole time, cuts the record's dates to the period, and says the share in
    `prorated_share`, which is null for whole records; counts become fractions. The time of what runs up over a cycle
    ends with the day up to which it was counted: an open month has no share on days that have not happened.
    """
    if overhang is None or _FLAG not in frame.columns:
        return frame
    if overhang == "drop":
        return frame.filter(~pl.col(_FLAG))
    if overhang == "prorate":
        return prorated(frame, period) if frame[_FLAG].any() else _all_whole(frame)
    return frame.with_columns(pl.lit(value=False).alias(_FLAG))


def check_overhang(overhang: Any) -> None:
    """Refuse an `overhang` that is none of the three."""
    if overhang is not None:
        one_of("overhang", overhang, OVERHANG)


def prorated(frame: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Keep of each record the share that lies in the period; see `settle_overhang`."""
    before = pl.col(_SHARE) if _SHARE in frame.columns else pl.lit(None, dtype=pl.Float64)
    start, end = pl.col("start_date"), pl.col("end_date")
    told = _told_to(frame)
    inside = pl.min_horizontal(told, pl.lit(period.end)) - pl.max_horizontal(start, pl.lit(period.start))
    share = (inside.dt.total_microseconds() / (told - start).dt.total_microseconds()).clip(0.0)
    frame = frame.with_columns(__share=pl.when(_FLAG).then(share).otherwise(1.0))
    changed = [(pl.col(name) * pl.col("__share")).alias(name) for name in _additive(frame)]
    cut = [
        pl.when(_FLAG).then(pl.max_horizontal(start, pl.lit(period.start))).otherwise(start).alias("start_date"),
        pl.when(_FLAG).then(pl.min_horizontal(end, pl.lit(period.end))).otherwise(end).alias("end_date"),
        pl.when(_FLAG).then(pl.col("__share") * before.fill_null(1.0)).otherwise(before).alias(_SHARE),
    ]
    frame = _texts_prorated(frame)
    whole = _charges_prorated(frame.with_columns(*changed, *cut)).drop("__share")
    return whole.with_columns(pl.lit(value=False).alias(_FLAG))


def _told_to(frame: pl.DataFrame) -> pl.Expr:
    """The end of what a record tells of: of one that runs up over a cycle, of the day on which it was last counted."""
    start, end = pl.col("start_date"), pl.col("end_date")
    if not {"updated_at", "integration"} <= set(frame.columns):
        return end
    counted = (pl.col("updated_at") - pl.duration(microseconds=1)).dt.truncate("1d").dt.offset_by("1d")
    in_cycles = integrations_that(lambda each: each.cycle)
    runs_up = pl.col("integration").is_in(in_cycles) & (end - start > pl.duration(days=1))
    open_ = (pl.col("updated_at") > start) & (counted < end)
    return pl.when((runs_up & open_).fill_null(value=False)).then(counted).otherwise(end)


def _all_whole(frame: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Float64).alias(_SHARE)
    return frame.with_columns(pl.lit(value=False).alias(_FLAG), *([] if _SHARE in frame.columns else [nothing]))


def _additive(frame: pl.DataFrame) -> list[str]:
    """The columns of numbers that a part of a record has a part of."""
    documented = {each.column for each in columns() if each.additivity == "sum"}
    not_amounts = {each.column for each in EXPANDED["charges"] if each.additivity is None}
    maps = _open_maps()
    return [
        name
        for name, dtype in frame.schema.items()
        if dtype.is_numeric()
        and (name in documented or name.startswith(maps) or (name.startswith("charges_") and name not in not_amounts))
    ]


def _open_maps() -> tuple[str, ...]:
    return tuple(f"{each.column}_" for each in SCHEMA if each.open)


def _texts_prorated(frame: pl.DataFrame) -> pl.DataFrame:
    """Scale the counts of an open map that stand together in one column, as JSON text."""
    rows = frame[_FLAG].to_numpy().nonzero()[0].tolist()
    for name in (f"{prefix}other" for prefix in _open_maps()):
        if frame.schema.get(name) == pl.String:
            texts = frame[name].to_list()
            for row in rows:
                if texts[row] is not None:
                    texts[row] = json.dumps(_scaled(json.loads(texts[row]), frame["__share"][row]))
            frame = frame.with_columns(pl.Series(name, texts, dtype=pl.String))
    return frame


def _scaled(value: Any, share: float) -> Any:
    if isinstance(value, dict):
        return {key: _scaled(each, share) for key, each in value.items()}
    if isinstance(value, list):
        return [_scaled(each, share) for each in value]
    return value * share if isinstance(value, int | float) and not isinstance(value, bool) else value


def _charges_prorated(frame: pl.DataFrame) -> pl.DataFrame:
    """Scale the amounts inside the list column too, so that both forms of the charges agree."""
    if "charges" not in frame.columns or not isinstance(frame.schema["charges"], pl.List):
        return frame
    amounts = (
        frame.select(pl.int_range(pl.len()).alias("__row"), "charges", "__share")
        .filter(pl.col("charges").list.len() > 0)
        .explode("charges")
        .with_columns(pl.col("charges").struct.with_fields((pl.field("amount") * pl.col("__share")).alias("amount")))
        .group_by("__row", maintain_order=True)
        .agg("charges")
    )
    rows = frame.drop("charges").with_columns(pl.int_range(pl.len()).alias("__row"))
    joined = rows.join(amounts, on="__row", how="left", maintain_order="left").drop("__row")
    empty = frame["charges"].list.len() == 0
    charges = pl.when(empty).then(frame["charges"]).otherwise(joined["charges"])
    return joined.with_columns(charges.alias("charges")).select(frame.columns)
