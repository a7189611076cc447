"""Models by their identity in a table: one line a model, not one a spelling."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.models import model_identity

__all__ = ["identity_of", "one_name_a_model"]


def identity_of(rows: pl.DataFrame, column: str) -> pl.Expr:
    """Give the identity of each model that a column names; null stays null."""
    names = rows[column].drop_nulls().unique().cast(pl.String).to_list()
    text = pl.col(column).cast(pl.String)
    return text.replace_strict(names, [model_identity(name) for name in names], default=None) if names else text


def one_name_a_model(rows: pl.DataFrame, column: str, dims: list[str]) -> pl.DataFrame:
    """Write each model of a dimension one way, so that its spellings meet in one line.

    The stated spelling stands where a line has one alone, whatever its time and currency; else the identity.
    """
    found = rows.with_columns(__identity=identity_of(rows, column))
    line = [dim for dim in dims if dim != column and not found.schema[dim].is_nested()]
    alone = pl.col(column).n_unique().over(*line, "__identity") == 1
    name = pl.when(alone).then(pl.col(column).cast(pl.String)).otherwise("__identity")
    return found.with_columns(name.alias(column)).drop("__identity")
