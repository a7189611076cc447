"""Checks of the records themselves, before they are added up: overhang, duplicates, accounts linked twice, totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.digest import DAY, OVERHANG, Digest
from truto_usage_nb.costs.duplicates import repeated
from truto_usage_nb.errors import DuplicateError, FrameError, OverhangError, OverlapError, did_you_mean
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.native import Native, collect, require, suspects, with_instants
from truto_usage_nb.outside import shown
from truto_usage_nb.repeats import CONTESTED, RECORD, contest, day
from truto_usage_nb.schema import RECORD_KEY

__all__ = ["check_records", "of_accounts", "within_period"]

LIMIT = 1_000_000
"""Up to so many records a table looks for repeated keys; beyond, loading has done it."""


def within_period(native: Native, decided: str | None) -> tuple[Native, list[str]]:
    """Refuse, or leave out as told, records that stick out of the loaded period; also say what was left out.

    Raises OverhangError.
    """
    if OVERHANG not in native.columns:
        return native, []
    require(native, (OVERHANG,), "A cost table")
    out = nw.col(OVERHANG).fill_null(False)
    accounts = native.frame.filter(out).group_by("integrated_account_id").agg(nw.len().alias("n"))
    found = native.once("overhang", lambda: collect(accounts))
    count = int(found["n"].sum() or 0)
    if not count or decided == "include":
        return native, []
    names = ", ".join(sorted(str(a) for a in found["integrated_account_id"]))
    if decided is None:
        raise OverhangError(
            f"Records of {names} stick out of the loaded period ({count}), so a sum would cover more than was "
            f'asked. Load with overhang="prorate", or say overhang="include" or "drop" here.'
        )
    return replace(native, frame=native.frame.filter(~out)), [f"{count} records of {names} that overhang are left out"]


def check_records(native: Native, digest: Digest, choices: Mapping[str, Any]) -> Digest:
    """Refuse, or leave out as told, what must not be added up. Raises DuplicateError, OverlapError."""
    _refuse_strangers(digest, choices)
    if choices.get("overlap", "check") == "allow":
        return digest
    few = int(digest.rows["records"].sum()) <= LIMIT
    if few:
        native.once("duplicates", lambda: _refuse_duplicates(native))
    if digest.rows["integration"].is_in(_stating_months()).any():
        native.once("totals", lambda: _refuse_totals_beside_parts(native))
    return _linked_twice(native, digest, choices.get("keep_account"), every_day=few)


def _stating_months() -> list[str]:
    return integrations_that(lambda each: each.cycle == "product")


def _refuse_strangers(digest: Digest, choices: Mapping[str, Any]) -> None:
    """Refuse an account that no record is of: a misspelt one would silently decide nothing."""
    known = digest.rows["integrated_account_id"].drop_nulls().unique().sort().to_list()
    if not known or choices.get("overhang") == "drop":  # which may leave out all that an account has
        return
    kept = choices.get("keep_account")
    named = [("contract", account) for account in choices.get("contract") or ()]
    for name, account in [*named, *([("keep_account", kept)] if kept is not None else [])]:
        if account not in known:
            some = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
            raise FrameError(
                f"{name} names {shown(account)}, which is none of the accounts of this frame."
                f"{did_you_mean(account, known)} It has {some}."
            )


def of_accounts(native: Native, digest: Digest) -> Native:
    """Give the records of the accounts that the checks left in."""
    accounts = digest.rows["integrated_account_id"].unique()
    account = nw.col("integrated_account_id")
    held = account.is_in(accounts.drop_nulls().to_list())
    return replace(native, frame=native.frame.filter(held | account.is_null() if accounts.null_count() else held))


def _refuse_duplicates(native: Native) -> None:
    found = repeated(native)
    if found[CONTESTED].any():
        raise DuplicateError(contest(found))
    if found.height:
        extra = found.height - found[RECORD].n_unique()
        account, _, first, start, *_ = found.select(RECORD_KEY).sort(*RECORD_KEY).row(0)
        here = "1 record is" if extra == 1 else f"{extra:,} records are"
        raise DuplicateError(
            f"{here} here twice, such as {first!r} of {account} from {day(start)}: the same account, report type, "
            f"id, dates and dimensions. Clean up with deduplicate(frame) first."
        )


def _linked_twice(native: Native, digest: Digest, kept: str | None, *, every_day: bool) -> Digest:
    """Two accounts of one integration that serve the same records are one organisation linked twice.

    Among millions of records the first day that two accounts share is looked at: whoever serves the same records
    serves them on that day.
    """
    days = _shared_days(digest)
    if not days:
        return digest
    asked = ("linked", None if every_day else tuple(days))
    pairs = native.once(asked, lambda: _pairs(native, None if every_day else days))
    names = sorted({*pairs["one"], *pairs["other"]})
    if not names:
        return digest
    if kept is None:
        raise OverlapError(
            f"The accounts {' and '.join(names)} serve the same {int(pairs['n'].sum())} records: one organisation "
            f"linked twice. Pick one: keep_account={names[0]!r}."
        )
    if kept not in names:
        raise FrameError(
            f"keep_account={shown(kept)} is none of the accounts that serve the same records: {', '.join(names)}."
        )
    left_out = [name for name in names if name != kept]
    rows = digest.rows.filter(~pl.col("integrated_account_id").is_in(left_out).fill_null(value=False))
    return digest.with_rows(rows, f"{', '.join(left_out)} left out: the same organisation as {kept}")


def _pairs(native: Native, days: list[int] | None) -> pl.DataFrame:
    """The accounts (`one`, `other`) that serve the same records, and how many (`n`), on these days or all."""
    native = suspects(native, ("integration", "organization_id", "id", "start_date")) if days is None else native
    seen = with_instants(native, native.frame, {"__start": "start_date"})
    some = seen.filter(~nw.col("id").is_null())
    if days is not None:
        some = some.filter((nw.col("__start") // DAY).is_in(days))
    account = nw.col("integrated_account_id")
    ends = some.group_by("integration", "organization_id", "id", "__start").agg(
        account.min().alias("one"), account.max().alias("other")
    )
    return collect(ends.filter(nw.col("one") != nw.col("other")).group_by("one", "other").agg(nw.len().alias("n")))


def _shared_days(digest: Digest) -> list[int]:
    """The first day (since 1970) that each two accounts of one integration share."""
    day = pl.col("start") * digest.bin // DAY
    known = digest.rows.filter(pl.col("start").is_not_null())
    accounts = known.group_by("integration", "integrated_account_id")
    spans = accounts.agg(day.min().alias("first"), day.max().alias("last"))
    pairs = spans.join(spans, on="integration", suffix="_other")
    pairs = pairs.filter(pl.col("integrated_account_id") < pl.col("integrated_account_id_other"))
    begin = pl.max_horizontal("first", "first_other")
    shared = pairs.filter(begin <= pl.min_horizontal("last", "last_other")).select(begin.unique().alias("day"))
    return shared["day"].to_list()


def _refuse_totals_beside_parts(native: Native) -> None:
    """A record with a total alone beside one with parts, for the same product and period, is that record's sum."""
    key = ("integrated_account_id", "organization_id", "product_id", "metric_name", "start_date", "end_date")
    theirs = nw.col("integration").is_in(_stating_months()).fill_null(False)
    months = native.frame.filter(theirs & (nw.col("charges_count").fill_null(0) > 0))
    months = months.filter(~(nw.col("charges_total") < 0).fill_null(False))  # a refund states no total of the parts
    parts = ~nw.col("charges_committed").is_null() | ~nw.col("charges_on_demand").is_null()
    marked = months.with_columns(
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
