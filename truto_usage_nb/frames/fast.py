"""Read a page whole, in native code, and prove that nothing was lost; what cannot be proved is left to `exact`.

polars infers a page's types from all of its records. That is trusted only where `census` agrees and no number is in
danger: a large float may have been a number with other digits, and so may one that was written as all but whole.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.frames.census import count_values
from truto_usage_nb.frames.known import KNOWN, key_of
from truto_usage_nb.frames.order import settle_order
from truto_usage_nb.frames.parts import MOST_PATHS, Layout, Source, Table
from truto_usage_nb.frames.remote import REMOTE, cut_remote, is_nested, put_back
from truto_usage_nb.frames.shape import Doubt, Shape, is_almost_whole, shape_of
from truto_usage_nb.frames.survey import is_tame

_SPOILT = (b"\\ud", b"\\uD", b"\\u0000")
"""Half of a surrogate pair would come out as another letter, and polars panics at a NUL in a key."""
_FIRST = 65_536  # bytes that hold at least one record, as a rule: enough to see whether records have `remote_data`


def read(content: bytes, source: Source, layout: Layout) -> Table | None:
    """Give the columns of a JSON array of records; None where that cannot be done, or not proved right."""
    if b"\\" in content and any(escape in content for escape in _SPOILT):
        return None
    if is_almost_whole(content):
        return None
    try:
        if layout.documented and b'"remote_data"' in content[:_FIRST]:
            return _read_without_remote(content, source, layout)
        table = _read(content, source, layout)
        if layout.documented and REMOTE in table.columns:
            return _read_without_remote(content, source, layout)
    except (Doubt, ProtocolError, ValueError, RecursionError, pl.exceptions.PolarsError):
        return None  # what cannot be read here, such as a number of 5,000 digits, is read value by value
    return table


def _read_without_remote(content: bytes, source: Source, layout: Layout) -> Table:
    text, cut = cut_remote(content.decode())
    table = _read(text.encode(), source, layout)
    if is_nested(table) or not (layout.leaves_out(REMOTE) or put_back(table, cut)):
        raise Doubt
    return table


def _read(content: bytes, source: Source, layout: Layout) -> Table:
    """Read by the shape that earlier pages had where that fits, which saves inferring it: the result is the same."""
    said = count_values(content)
    key = key_of(source, layout)
    known = KNOWN.get(key)
    if known is not None:
        try:
            return _proved(known.decode(content), known.shape, said)
        except (Doubt, pl.exceptions.PolarsError):
            KNOWN.missed(key)
    if not is_tame(content):
        raise Doubt
    records = pl.Series([content]).cast(pl.String).str.json_decode(infer_schema_length=None).explode()
    if not isinstance(records.dtype, pl.Struct) or not records.dtype.fields:
        raise Doubt
    shape = shape_of(records.dtype, layout)
    if len(shape.paths) > MOST_PATHS or any(len(each.paths) > MOST_PATHS for each in shape.lists.values() if each):
        raise Doubt
    KNOWN.learn(key, records.dtype)
    settle_order(shape, content, documented=layout.documented)
    return _proved(records, shape, said)


def _proved(records: pl.Series, shape: Shape, said: Counter[str]) -> Table:
    if records.null_count():
        raise Doubt
    table, found = shape.read(records)
    if +found != said:
        raise Doubt
    return table
