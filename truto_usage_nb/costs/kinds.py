"""Prices by kind of token: FOCUS's own definition, where the vendor bills that way."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.building import Question, added_up, matched, ordered
from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.native import Native, require

HEADS = ("priced", "unpriced", "included")

__all__ = ["build_kinds", "cache_read_share", "kind_of"]

_WORDS = (
    ("ephemeral_1h", "cache_write_1h"),
    ("ephemeral_5m", "cache_write_5m"),
    ("cache_creation", "cache_write"),
    ("cache_write", "cache_write"),
    ("cache write", "cache_write"),
    ("cache_read", "cache_read"),
    ("cache read", "cache_read"),
    ("uncached", "input"),
    ("cached", "cache_read"),
    ("output", "output"),
    ("input", "input"),
)
"""How vendors write the kind into metric_name, the most telling word first: Claude's token_type and its descriptions,
such as "Claude Opus 5 Usage - Input Tokens", OpenAI's line_item such as "gpt-6-astra, input_tokens"."""


def kind_of(column: str = "metric_name") -> nw.Expr:
    """Read the kind of token from a metric's name; null where it names none."""
    text = nw.col(column).fill_null("").str.to_lowercase()
    found = nw.lit(None, dtype=nw.String())
    for word, kind in reversed(_WORDS):
        found = nw.when(text.str.contains(word, literal=True)).then(nw.lit(kind)).otherwise(found)
    return found


def build_kinds(native: Native, question: Question) -> pl.DataFrame:
    """Answer with a line per kind: money by what its metric names, tokens by what the record states."""
    require(native, ("metric_name",), "cost_per_token(kind=True)")
    seen = Native(native.kind, native.original, native.frame.with_columns(__kind_name=kind_of()))
    asked = Question(
        (*question.by, "__kind_name"), question.every, question.time_zone, question.measure, question.choices, True
    )
    digested = _by_kind(matched(seen, asked))
    table = added_up(digested, question, extra=("kind",))
    return ordered(table, Question((*question.by, "kind"), question.every, "UTC", question.measure, {}))


def _by_kind(digested: Digest) -> Digest:
    """Give each kind's tokens a row of their own; money keeps the kind its metric names."""
    last = digested.dims[-1]
    left_out = {last, *HEADS, *(f"{head}_{kind}" for head in HEADS for kind in KINDS)}
    base = [c for c in digested.rows.columns if c not in left_out]
    money = digested.rows.filter(pl.col("money_n").is_not_null()).select(*base, pl.col(last).alias("kind"))
    tokens = digested.rows.filter(pl.col("money_n").is_null())
    parts = [money.with_columns(**{head: pl.lit(0) for head in HEADS})]
    stated = {head: pl.sum_horizontal(*(f"{head}_{kind}" for kind in KINDS)) for head in HEADS}
    of_kind: dict[str | None, dict[str, pl.Expr]] = {
        kind: {head: pl.col(f"{head}_{kind}").fill_null(0) for head in HEADS} for kind in KINDS
    }
    of_kind[None] = {head: pl.col(head).fill_null(0) - stated[head] for head in HEADS}  # a total without its kinds
    for kind, columns in of_kind.items():
        part = tokens.select(*base, pl.lit(kind, dtype=pl.String).alias("kind"), **columns)
        parts.append(part.filter(pl.sum_horizontal(*HEADS) != 0))
    rows = pl.concat(parts, how="diagonal_relaxed").with_columns(pl.col(HEADS).fill_null(0))
    return Digest(rows, digested.by[:-1], digested.bin, digested.measure, told=digested.told)


def cache_read_share(table: pl.DataFrame) -> pl.DataFrame:
    """Replace the columns of kinds by the share of cache reads among the priced tokens."""
    kinds = [f"priced_{kind}" for kind in KINDS]
    whole = pl.sum_horizontal(*kinds)
    share = pl.when(whole > 0).then(pl.col("priced_cache_read") / whole).alias("cache_read_share")
    parts = [f"{head}_{kind}" for head in HEADS for kind in KINDS]
    return table.with_columns(share).drop(parts)
