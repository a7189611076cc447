"""Nothing twice: what a frame's records and their digest must pass before anything is added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from truto_usage_nb.costs.digest import DAY, MINUTE, Digest
from truto_usage_nb.costs.facts import Said
from truto_usage_nb.costs.grains import one_length
from truto_usage_nb.costs.overlaps import one_series
from truto_usage_nb.costs.queries import one_query
from truto_usage_nb.costs.records import check_records, of_accounts
from truto_usage_nb.costs.states import checked_by_events, latest_states
from truto_usage_nb.format import number
from truto_usage_nb.native import Native

__all__ = ["Read", "checked", "guard"]

Read = Callable[[Native, int], Digest]
"""Gives the digest of records, with bins of so many microseconds."""


def checked(native: Native, read: Read, choices: Mapping[str, Any], bin: int = DAY) -> tuple[Native, Digest]:
    """Read records and give those that count with their digest, each measure counted once.

    What tells hours of one day apart is read by the minute. Raises DuplicateError, OverlapError.
    """
    digest = read(native, bin)
    if bin > MINUTE and _hours_meet(digest):
        digest = read(native, MINUTE)
    told: list[str] = []
    if choices.get("overlap", "check") != "allow":
        kept, told = one_length(native, digest, choices.get("granularity"), Said.of(choices))
        if kept is not native:
            native, digest = kept, read(kept, digest.bin)
    kept_accounts = check_records(native, digest.with_rows(digest.rows, *told), choices)
    if kept_accounts.rows.height < digest.rows.height:
        native = of_accounts(native, kept_accounts)
    return native, guard(native, kept_accounts, choices)


def guard(native: Native, digest: Digest, choices: Mapping[str, Any]) -> Digest:
    """Give the digest with each measure counted once.

    Running totals keep their latest state in any case; `overlap="allow"` skips the rest. Raises OverlapError.
    """
    keep = choices.get("keep") or {}
    digest = checked_by_events(latest_states(_own_keys_told(digest), keep), keep)
    if choices.get("overlap", "check") == "allow":
        return digest
    digest = one_query(native, digest)
    return one_series(one_series(digest, "money", keep), "tokens", keep)


def _hours_meet(digest: Digest) -> bool:
    """Whether hours or minutes of one account, of two series or queries, state one measure on one day.

    Then days cannot tell whether they meet.
    """
    short = digest.rows.filter(pl.col("length").is_in([1, 2]) & pl.col("start").is_not_null())
    if not short.height:
        return False
    day = (pl.col("start") * digest.bin // DAY).alias("day")
    asked = pl.struct("report_type", "series", "query_id")
    states = {"money": pl.col("money_n") > 0, "tokens": pl.sum_horizontal("tokens", "covered_tokens") != 0}
    counts = short.group_by("integrated_account_id", day).agg(
        asked.filter(says).n_unique().alias(measure) for measure, says in states.items()
    )
    return bool(counts.select((pl.col(*states) > 1).any()).sum_horizontal()[0])


def _own_keys_told(digest: Digest) -> Digest:
    """Say that tokens bought with a customer's own key are counted at the vendor whose key it is."""
    tokens = digest.rows.select(pl.col("byok_tokens").sum()).item() or 0
    text = f"{number(tokens)} tokens that Cursor used with your own key are counted at the model's vendor alone"
    return digest.with_rows(digest.rows, *([text] if tokens else []))
