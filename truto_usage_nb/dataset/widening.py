"""The columns that a dataset has once windows have joined it: names, types, and what they are called on disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path as File

import polars as pl

from truto_usage_nb.dataset.fitting import (
    COUNTS,
    Leaf,
    aligned,
    as_text,
    inexact,
    joined,
    of_type,
    plain,
    whole_leaves,
)
from truto_usage_nb.dataset.journal import Journal, place_of
from truto_usage_nb.dataset.naming import kept_as
from truto_usage_nb.dataset.ordering import in_order
from truto_usage_nb.dataset.staging import Begun
from truto_usage_nb.dataset.writing import read_columns, types_in
from truto_usage_nb.frames import Types

__all__ = ["renewed"]


def renewed(journal: Journal, standard: Types, whole: Sequence[Begun], directory: File) -> Journal:
    """Give the journal with the columns that windows bring; `standard` are those that every frame of the scan has."""
    names = journal.names | {path: name for begun in whole for path, name in begun.names.items()}
    types = in_order(_types(journal, standard, whole, directory), names)
    before = journal.kept_as
    kept = kept_as(types, names, before or {}, () if before is None else journal.types)
    return replace(journal, types=types, names=names, kept_as=kept)


def _types(journal: Journal, standard: Types, whole: Sequence[Begun], directory: File) -> Types:
    """Give the types that hold what is there and what windows bring."""
    types, counted = joined(journal.types, standard), whole_leaves(journal.types)
    if journal.widening:  # what the files hold, not what the journal meant them to
        counted |= {leaf for file in journal.files() for leaf in whole_leaves(types_in(place_of(directory, file)))}
    held = set(counted)
    for begun in whole:
        types, counted = joined(types, begun.types), counted | begun.whole
    at_stake = {leaf for leaf in of_type(types, pl.Float64()) if plain(leaf) in counted}
    if not at_stake:
        return types
    looked_at = _held(journal, directory, at_stake, held), _brought(whole, at_stake)
    lost = {leaf for frames in looked_at for leaf in inexact((aligned(frame, types) for frame in frames), at_stake)}
    counts = {leaf for leaf in lost if leaf[0] in COUNTS} if _is_documented(journal, whole) else set[Leaf]()
    types = as_text(types, lost - counts)
    return types | {leaf[0]: pl.Int64() for leaf in counts if journal.widening}


def _held(journal: Journal, directory: File, leaves: Collection[Leaf], held: set[Leaf]) -> Iterator[pl.DataFrame]:
    """Give what is there of columns where whole numbers would become fractions."""
    for file in journal.files() if held & set(map(plain, leaves)) else ():
        yield read_columns(place_of(directory, file), journal.types, journal.kept_as, _columns(leaves))


def _brought(whole: Iterable[Begun], leaves: Collection[Leaf]) -> Iterator[pl.DataFrame]:
    for begun in whole:
        if begun.whole & set(map(plain, leaves)):
            yield from (read_columns(page.path, {}, None, _columns(leaves)) for page in begun.pages if page.records)


def _columns(leaves: Iterable[Leaf]) -> list[str]:
    return list(dict.fromkeys(leaf[0] for leaf in leaves))


def _is_documented(journal: Journal, whole: Iterable[Begun]) -> bool:
    """Tell whether a column by the name of a documented one is that, and not one of the provider's own rows."""
    sent = [*(begun.errand.query for begun in whole), *(held.query for held in journal.windows)]
    return any(json.loads(query).get("truto_response_format") != "raw" for query in sent)
