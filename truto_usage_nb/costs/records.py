"""Checks of the records themselves, before they are added up: overhang, duplicates, accounts linked twice, totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import DuplicateError, FrameError, OverhangError, OverlapError
from truto_usage_nb.native import Native, collect, require

__all__ = ["CHECKED", "DUPLICATE_KEY", "OVERHANG", "check_records"]

DUPLICATE_KEY = ("integrated_account_id", "report_type", "id", "start_date", "end_date", "model_id", "user_id")
"""What makes a record: the same id with other dates, another model or another person is another record."""
CHECKED = (*DUPLICATE_KEY, "integration", "organization_id", "product_id", "metric_name")
LIMIT = 1_000_000
"""Up to so many records a table looks for repeated keys; beyond, loading has done it."""
OVERHANG = "overhangs_period"


def check_records(native: Native, choices: Mapping[str, Any]) -> tuple[Native, list[str]]:
    """Refuse, or leave out as told, what must not be added up; also say what was left out.

    Raises OverhangError, DuplicateError, OverlapError.
    """
    require(native, CHECKED, "A cost table")
    native, told = _overhang(native, choices.get("overhang"))
    if choices.get("overlap", "check") == "allow":
        return native, told
    if _count(native) <= LIMIT:
        _refuse_duplicates(native)
    native, more = _linked_twice(native, choices.get("keep_account"))
    _refuse_totals_beside_parts(native)
    return native, told + more


def _count(native: Native) -> int:
    return int(collect(native.frame.select(nw.len().alias("n")))["n"][0])


def _overhang(native: Native, decided: str | None) -> tuple[Native, list[str]]:
    if OVERHANG not in native.columns:
        return native, []
    out = nw.col(OVERHANG).fill_null(False)
    found = collect(native.frame.filter(out).group_by("integrated_account_id").agg(nw.len().alias("n")))
    count = int(found["n"].sum() or 0)
    if not count or decided == "include":
        return native, []
    accounts = ", ".join(sorted(str(a) for a in found["integrated_account_id"]))
    if decided is None:
        raise OverhangError(
            f"Records of {accounts} stick out of the loaded period ({count}), so a sum would cover more than was "
            f'asked. Load with overhang="prorate", or say overhang="include" or "drop" here.'
        )
    return replace(native, frame=native.frame.filter(~out)), [
        f"{count} records of {accounts} that overhang are left out"
    ]


def _refuse_duplicates(native: Native) -> None:
    known = native.frame.filter(~nw.col("id").is_null())
    repeated = known.group_by(*DUPLICATE_KEY).agg(nw.len().alias("n")).filter(nw.col("n") > 1)
    found = collect(repeated)
    if found.height:
        extra = int(found["n"].sum()) - found.height
        account, _, first, start, *_ = found.sort(*DUPLICATE_KEY).row(0)
        raise DuplicateError(
            f"{extra} record{'s are' if extra > 1 else ' is'} here twice, such as {first!r} of {account} from {start}: "
            f"the same account, report type, id and dates. Clean up with deduplicate(frame) first."
        )


def _linked_twice(native: Native, kept: str | None) -> tuple[Native, list[str]]:
    """Two accounts of one integration that serve the same records are one organisation linked twice."""
    accounts = collect(native.frame.select("integration", "integrated_account_id").unique())
    several = accounts.group_by("integration").len().filter(pl.col("len") > 1)["integration"].to_list()
    if not several:
        return native, []
    key = ("integration", "organization_id", "id", "start_date")
    some = native.frame.filter(nw.col("integration").is_in(several) & ~nw.col("id").is_null())
    ends = some.group_by(*key).agg(
        nw.col("integrated_account_id").min().alias("one"), nw.col("integrated_account_id").max().alias("other")
    )
    pairs = collect(ends.filter(nw.col("one") != nw.col("other")).group_by("one", "other").agg(nw.len().alias("n")))
    if not pairs.height:
        return native, []
    names = sorted({*pairs["one"], *pairs["other"]})
    if kept is None:
        raise OverlapError(
            f"The accounts {' and '.join(names)} serve the same {int(pairs['n'].sum())} records: one organisation "
            f"linked twice. Pick one: keep_account={names[0]!r}."
        )
    if kept not in names:
        raise FrameError(
            f"keep_account={kept!r} is none of the accounts that serve the same records: {', '.join(names)}."
        )
    left_out = [name for name in names if name != kept]
    frame = native.frame.filter(~nw.col("integrated_account_id").is_in(left_out))
    return replace(native, frame=frame), [f"{', '.join(left_out)} left out: the same organisation as {kept}"]


def _refuse_totals_beside_parts(native: Native) -> None:
    """A record with a total alone beside one with parts, for the same product and period, is that record's sum."""
    key = ("integrated_account_id", "organization_id", "product_id", "metric_name", "start_date", "end_date")
    datadog = native.frame.filter((nw.col("integration") == "datadog") & (nw.col("charges_count").fill_null(0) > 0))
    parts = ~nw.col("charges_committed").is_null() | ~nw.col("charges_on_demand").is_null()
    marked = datadog.with_columns(
        **{"has_parts": parts.cast(nw.Int64), "has_total": (~parts & ~nw.col("charges_total").is_null()).cast(nw.Int64)}
    )
    grouped = collect(marked.group_by(*key).agg(nw.col("has_parts").sum(), nw.col("has_total").sum()))
    both = grouped.filter((pl.col("has_parts") > 0) & (pl.col("has_total") > 0))
    if both.height:
        account, organization, product, *_ = both.row(0)
        raise OverlapError(
            f"{account} states {product} of {organization} twice for one period: a record with a total alone beside "
            f"one with its parts. Leave out the records with neither committed nor on_demand."
        )
