"""Which records of an answer count, what sticks out of the period, and what a reader of the records is told of both.

A vendor whose days are those of its own zone answers with records that start in the window before, and one that ignores
the dates with all that it has. Such a record stands once: as the window that holds its start returned it, unless
another window returned a newer one; where that window did not return it, as the first that did.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.format import spans_named
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.planning import Period
from truto_usage_nb.schema import EXPANDED, RECORD_DIMENSIONS, RECORD_KEY, SCHEMA, columns

SAME = "__same"
_ALIKE, _UPDATED = "__alike", "__updated"


def owns(opens: Any, shuts: Any) -> pl.Expr:
    """Tell whether a window, from its bounds, holds a record's start; one without a start is of any."""
    start = pl.col("start_date")
    held: pl.Expr = (((start >= opens) & (start < shuts)) | start.is_null()).fill_null(value=False)
    return held


def identity(types: Mapping[str, Any], *apart: str) -> list[pl.Expr]:
    """Give what `stands` looks at, eight bytes each; records that differ in `apart` are never one.

    Columns whose names begin with `__` are none of the record's.
    """
    key = [name for name in (*RECORD_KEY, *RECORD_DIMENSIONS) if name in types]
    flat = [name for name, dtype in types.items() if not dtype.is_nested() and not name.startswith("__")]
    can_be_newer = isinstance(types.get("updated_at"), pl.Datetime) and "id" in types
    updated = pl.when(pl.col("id").is_not_null()).then("updated_at") if can_be_newer else pl.lit(None, dtype=pl.Int64)
    return [
        updated.alias(_UPDATED),
        *(pl.struct(*apart, *names).hash().alias(name) for name, names in ((SAME, key), (_ALIKE, flat))),
    ]


def stands(own: str, window: str) -> pl.Expr:
    """Tell whether a record stands, over all windows; `own` names whether it starts in its window, `window` which."""
    owned = pl.col(own).any().over(SAME)
    newest = pl.col(_UPDATED).filter(pl.col(own)).max().over(SAME)
    newer = (pl.col(_UPDATED) > newest) | (pl.col(_UPDATED).is_not_null() & newest.is_null())
    first = pl.col(window) == pl.col(window).min().over(_ALIKE)  # of those that say all the same
    return pl.col(own) | pl.when(owned).then(newer.fill_null(value=False)).otherwise(first)


OVERHANGS = ("prorate", "include", "drop")
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
        one_of("overhang", overhang, OVERHANGS)


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


MORE_THAN_ASKED = "the service answered with more than was asked"


def overhang_told(count: int, accounts: Iterable[object], period: Period) -> list[str]:
    """Say that records stick out of the period, where some do."""
    if count == 0:
        return []
    names = ", ".join(sorted(map(str, accounts)))
    return [
        f"{count:,} records of {names} stick out of the period ({period}); they are whole, marked "
        "overhangs_period: say overhang='prorate', 'include' or 'drop' before their cost is tabled"
    ]


def outside_told(cut: pl.DataFrame, period: Period, billed: Callable[[pl.DataFrame], str], why: str) -> list[str]:
    """Say what was cut because it lies outside the period, and of whom; `billed` writes its money, or nothing."""
    if not cut.height:
        return []
    names = ", ".join(sorted(map(str, cut["integrated_account_id"].unique())))
    money = f" ({stated})" if (stated := billed(cut)) else ""
    noun, were = ("record", "was") if cut.height == 1 else ("records", "were")
    return [f"{cut.height:,} {noun} of {names}{money} outside the period ({period}) {were} left out: {why}"]


def account_spans_told(frame: pl.DataFrame) -> list[str]:
    """Say of which days each account's records are, where they differ by more than the last day: without a period
    every account answers for a span of its own."""
    if any(not isinstance(frame.schema.get(name), pl.Datetime) for name in ("start_date", "end_date")):
        return []
    last = pl.max_horizontal("start_date", pl.col("end_date") - pl.duration(microseconds=1))
    dated = frame.filter(pl.col("start_date").is_not_null())
    spans = dated.group_by("integrated_account_id", maintain_order=True).agg(
        pl.col("start_date").min().dt.date().alias("first"), last.max().dt.date().alias("last")
    )
    far = pl.col("first").n_unique() > 1, (pl.col("last").max() - pl.col("last").min()).dt.total_days() > 1
    if spans.height < 2 or not any(spans.select(first=far[0], last=far[1]).row(0)):
        return []
    return [
        "without a period each account answers for a span of its own, and they differ: "
        f"{spans_named(spans.rows())}; period= loads the same days of all"
    ]


def dateless_told(count: int) -> list[str]:
    """Say that records have no start, where some have none."""
    if count == 0:
        return []
    return [f"{count:,} records have no start_date; they are kept, though the period cannot be checked"]


def repeats_told(judged: pl.DataFrame, billed: Callable[[pl.DataFrame], str]) -> list[str]:
    """Say what became of the rows of `repeats.across`; `billed` writes what some of them are billed, or nothing."""
    from truto_usage_nb.repeats import RECORD, VERDICT

    dropped = judged.filter(pl.col(VERDICT).is_in(["same", "restated"]))
    if not dropped.height:
        return _contested_told(judged, billed)
    restated = dropped.filter(pl.col(VERDICT) == "restated")
    less, before = billed(dropped), billed(restated)
    told = f"{dropped.height:,} records came from more than one query; the newest of each is kept"
    told += f" ({less} left out)" if less else ""
    if restated.height:
        now = judged.filter(pl.col(RECORD).is_in(restated[RECORD].implode()), pl.col(VERDICT) == "stands")
        told += f"; {restated.height:,} of them had other figures before"
        told += f" ({before}, now {billed(now) or 'none'})" if before else ""
    return [told, *_contested_told(judged, billed)]


def _contested_told(judged: pl.DataFrame, billed: Callable[[pl.DataFrame], str]) -> list[str]:
    from truto_usage_nb.repeats import RECORD, VERDICT, day_text, difference

    contested = judged.filter(pl.col(VERDICT) == "contested")[RECORD]
    if not contested.len():
        return []
    kept = judged.filter(pl.col(RECORD).is_in(contested.implode()), pl.col(VERDICT).is_in(["stands", "contested"]))
    first = kept.filter(pl.col(RECORD) == pl.col(RECORD).first())
    record, money = first.row(0, named=True), billed(kept)
    name = f"{record['id']!r} of {record['integrated_account_id']} from {day_text(record['start_date'])}"
    return [
        f"{contested.n_unique():,} records came from more than one query with other figures, and none is newer: all "
        f"are kept{f', {money} together' if money else ''}, such as {name} ({difference(first)[1]}); cost tables "
        "refuse them until the wrong one is filtered out, or one of them has an id of its own"
    ]
