"""Tokens by kind, each counted once: the ground of the token helpers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from truto_usage_nb.costs.digest import DAY, Digest, digest, reduced
from truto_usage_nb.costs.facts import Said
from truto_usage_nb.costs.guard import checked
from truto_usage_nb.costs.records import within_period
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.errors import tell
from truto_usage_nb.native import Native

__all__ = ["all_tokens", "day_of", "token_digest"]


def token_digest(native: Native, by: tuple[str, ...], choices: Mapping[str, Any]) -> Digest:
    """Read a frame's tokens by kind; what was chosen is told in one warning."""
    native, told = within_period(reduced(native, by), choices.get("overhang"))
    said = Said.of(choices)
    _, counted = checked(native, lambda records, bin: digest(records, by, bin=bin, kinds=True, said=said), choices)
    notes = [*told, *counted.told]
    if notes:
        tell("; ".join(notes) + ".", stacklevel=4)
    return counted


def all_tokens(kind: str) -> pl.Expr:
    """The tokens of a kind, whether charged or covered by a plan."""
    return (pl.col(kind) + pl.col(f"covered_{kind}")).alias(kind)


def day_of(checked: Digest) -> pl.Expr:
    """The UTC date of a row of the digest."""
    return (pl.col("start") * checked.bin // DAY).cast(pl.Int32).cast(pl.Date)


def stated(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with tokens of any kind, charged and covered ones together."""
    together = rows.with_columns(all_tokens(kind) for kind in (*KINDS, "tokens"))
    return together.filter(pl.sum_horizontal("tokens", *KINDS) != 0)
