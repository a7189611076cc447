"""Nothing twice: what a digest must pass before anything on it is added up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.grains import one_grain
from truto_usage_nb.costs.overlaps import one_series
from truto_usage_nb.costs.queries import one_query
from truto_usage_nb.format import number
from truto_usage_nb.native import Native

__all__ = ["guard"]


def guard(native: Native, digest: Digest, choices: Mapping[str, Any]) -> Digest:
    """Give the digest with each measure counted once.

    Running totals keep their latest record in any case; `overlap="allow"` skips the rest. Raises OverlapError.
    """
    digest = _latest(_own_keys_told(digest))
    if choices.get("overlap", "check") == "allow":
        return digest
    digest = one_grain(digest, choices.get("granularity"))
    digest = one_query(native, digest)
    keep = choices.get("keep") or {}
    return one_series(one_series(digest, "money", keep), "tokens", keep)


def _latest(digest: Digest) -> Digest:
    """Keep the latest record of each running total's cycle.

    Cursor's cycle begins with the record; Datadog's month to date begins with the month.
    """
    rows = digest.rows
    if rows["cycle"].null_count() == rows.height:
        return digest
    start = (pl.col("start") * digest.bin).cast(pl.Datetime("us"))
    begin = pl.when(pl.col("series") == "spend").then(start).otherwise(start.dt.truncate("1mo"))
    key = ["integrated_account_id", "series", "cycle", begin]
    latest = (pl.col("seen") == pl.col("seen").max().over(key)) | pl.col("cycle").is_null()
    kept = rows.filter(latest.fill_null(value=True))
    left_out = rows.height - kept.height
    return digest.with_rows(kept, *_told_if(left_out, f"running totals count once: {left_out} earlier states left out"))


def _own_keys_told(digest: Digest) -> Digest:
    """Say that tokens bought with a customer's own key are counted at the vendor whose key it is."""
    tokens = digest.rows.select(pl.col("byok_tokens").sum()).item() or 0
    text = f"{number(tokens)} tokens that Cursor used with your own key are counted at the model's vendor alone"
    return digest.with_rows(digest.rows, *_told_if(tokens, text))


def _told_if(count: float, text: str) -> list[str]:
    return [text] if count else []
