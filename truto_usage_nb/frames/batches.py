"""Read many pages at once, natively and by a schema that says every field: what does not fit is refused.

`pyarrow.json` reads a megabyte of pages in a fraction of the time that inferring them takes, and where the schema
says every field it refuses one that it does not know, a key stated twice, a fraction or `1.0` in a column of whole
numbers, a number beyond 64 bits or beyond a float's range, and half of a surrogate pair. What it takes in silence is
looked for here: NaN and infinities, numbers that a float rounds, bytes that are not UTF-8, nulls among the
records, and a body that is not exactly one list. A body that has any of it is read alone, by `page`, which has the last
word: what a frame holds does not depend on which way its pages went.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import polars as pl

from truto_usage_nb.envelope import ENVELOPE
from truto_usage_nb.errors import UsageError
from truto_usage_nb.frames.dtypes import is_below
from truto_usage_nb.frames.parse import parse_page, quick_list
from truto_usage_nb.frames.parsed import MOST_CELLS, FieldPath, Items, Layout, PageTable, ParsedPage, Provenance
from truto_usage_nb.frames.schema_memory import (
    CLEAR_IN_FLOAT,
    KNOWN,
    Pattern,
    Shape,
    Unproved,
    is_almost_whole,
    key_of,
    shape_of,
)
from truto_usage_nb.schema import SCHEMA

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BATCH_BYTES", "parse_pages"]

BATCH_BYTES = 1024 * 1024
"""How many bytes of pages are read at once: more save nothing, and take more room."""
_WORTH_BYTES = 128 * 1024
"""Less than this is read sooner the other way."""
_FEW = 4
"""So few bodies are not halved any more where they do not fit together, and are read one by one."""
_SAMPLE_BYTES = 64 * 1024
_WHOLE = frozenset(tuple(each.path.split(".")) for each in SCHEMA if each.dtype == "Int64")
_RESULT = "result"
_OF_ENVELOPES = tuple(f'"{key}"'.encode() for key in sorted(ENVELOPE))


Check: TypeAlias = Callable[[bytes], object]


class _Body(NamedTuple):
    """A body with its list of records (None where that takes a closer look), or with so many `lines`, a record each."""

    content: bytes
    records: bytes | None
    lines: int = 0


def parse_pages(
    bodies: Iterable[bytes],
    source: Provenance,
    layout: Layout,
    threads: Executor | None = None,
    *,
    check: Check | None = None,
) -> list[ParsedPage]:
    """Read the bodies of one source, in their order; those that are read at once make one `ParsedPage` together.

    Pure, and safe to run in threads; with `threads`, several megabytes are read side by side. `check` is shown each
    envelope that is read alone, before it is, and raises where it is none. Raises what `parse_page` raises.

    >>> pages = parse_pages([b'{"result":[{"id":"1"}]}', b'{"result":[]}'], Provenance("62f44730", "cursor"), Layout())
    >>> [page.height for page in pages]
    [1, 0]
    """
    batches = _batches(chain.from_iterable(map(_cut, bodies)))
    reads = (map if threads is None else threads.map)(lambda batch: _read(batch, source, layout, check), batches)
    return [page for pages in reads for page in pages]


def _cut(content: bytes) -> list[_Body]:
    """Cut the list out of a body; a long one of records, a line each, is cut into several."""
    if len(content) > BATCH_BYTES and content[:1] == b"{" and not any(key in content for key in _OF_ENVELOPES):
        lines = [line for line in content.split(b"\n") if line.strip()]
        if all(line.startswith(b"{") for line in lines):
            return [_Body(text, text, text.count(b"\n") + 1) for text in _runs(lines)]
    return [_Body(content, quick_list(content))]


def _runs(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Join lines to texts of about a batch."""
    begun, size = 0, 0
    for number, line in enumerate(lines):
        if size > BATCH_BYTES:
            yield b"\n".join(lines[begun:number])
            begun, size = number, 0
        size += len(line)
    yield b"\n".join(lines[begun:])


def _batches(bodies: Iterable[_Body]) -> Iterator[list[_Body]]:
    """Cut into runs of what can be read at once, in order, and bodies that are read by themselves."""
    held, size = list[_Body](), 0
    for body in bodies:
        alone = body.records is None or body.lines > 0
        if held and alone:
            yield held
            held, size = [], 0
        held.append(body)
        size += len(body.content)
        if alone or size >= BATCH_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _read(bodies: list[_Body], source: Provenance, layout: Layout, check: Check | None) -> list[ParsedPage]:
    """Read at once what can be; where it cannot, halve it, down to a few bodies, which are read one by one."""
    table = _at_once(bodies, source, layout)
    if table is not None:
        return [ParsedPage(table, source)]
    if len(bodies) <= _FEW:
        return [_alone(body, source, layout, check) for body in bodies]
    middle = len(bodies) // 2
    return _read(bodies[:middle], source, layout, check) + _read(bodies[middle:], source, layout, check)


def _alone(body: _Body, source: Provenance, layout: Layout, check: Check | None) -> ParsedPage:
    if check is not None and body.records is not None:
        check(body.content)
    return parse_page(body.content, source, layout)


def _at_once(bodies: list[_Body], source: Provenance, layout: Layout) -> PageTable | None:
    texts = [each.records for each in bodies if each.records is not None]
    size = sum(map(len, texts))
    if len(texts) < len(bodies) or size < _WORTH_BYTES or layout.excluded or not layout.documented:
        return None
    key = key_of(source, layout)
    if not KNOWN.may_try(key):
        return None
    for is_learned in (False, True):
        if is_learned:  # what is new in the first records of a page is cheaper to learn than the page is to read alone
            for text in texts[:_FEW]:
                _learn(text, source, layout)
        pattern = KNOWN.pattern(key)
        with suppress(Unproved):
            if pattern is not None:
                table = _reader(pattern, layout).read(texts, bodies[0].lines)
                KNOWN.tried(key, worked=True)
                return table
    if len(bodies) <= _FEW:
        KNOWN.tried(key, worked=False)
    return None


def _learn(records: bytes, source: Provenance, layout: Layout) -> None:
    """Have the shape of the first records of a body remembered."""
    text = records[:_SAMPLE_BYTES].decode("utf-8", "replace")
    decoder, found, at = json.JSONDecoder(), list[str](), text.find("{")
    with suppress(ValueError, RecursionError):
        while at >= 0:
            end = decoder.raw_decode(text, at)[1]
            found.append(text[at:end])
            at = text.find("{", end)
    with suppress(UsageError):  # what is wrong with them is said of the whole
        parse_page(f"[{','.join(found)}]".encode(), source, layout)


class _Reader:
    """Read lists of records by one remembered shape."""

    def __init__(self, pattern: Pattern, layout: Layout) -> None:
        import pyarrow as pa

        dtype = _sent(pattern.dtype, ())
        self._shape: Shape = shape_of(dtype, layout)
        record = _arrow(dtype)
        self._line = pa.schema(list(record))
        self._list = pa.schema([(_RESULT, pa.list_(record))])
        self._leaves = len(self._shape.paths)

    def read(self, texts: Sequence[bytes], lines: int) -> PageTable:
        """Give the columns of all records; raises `Unproved` where anything may be lost, or is of another shape."""
        text = texts[0] if lines else b"\n".join(b'{"result":%b}' % records for records in texts)
        if text.count(b"{") * self._leaves > MOST_CELLS + len(text) or not _is_utf8(text) or is_almost_whole(text):
            raise Unproved
        return _laid_out(self._lines(text, lines) if lines else self._lists(text, len(texts)), self._shape)

    def _lists(self, text: bytes, lists: int) -> pa.StructArray:
        read = _parsed(text, self._list)
        held = read.column(0).combine_chunks()
        if read.num_rows != lists or held.null_count:  # one list a row, or some body was more than a list
            raise Unproved
        records = held.flatten()
        if records.null_count:
            raise Unproved
        return records

    def _lines(self, text: bytes, lines: int) -> pa.StructArray:
        read = _parsed(text, self._line)
        if read.num_rows != lines:  # one record a row, or some line was more than a record
            raise Unproved
        return read.to_struct_array().combine_chunks()


def _laid_out(records: pa.StructArray, shape: Shape) -> PageTable:
    """Lay records flat, each column handed over by itself: of one that goes, nothing is held by those that stay."""
    table = PageTable(len(records), dict.fromkeys(shape.paths), shape.objects)
    _take_apart(records, (), shape, table)
    floats = [pl.Series(part) for path in shape.floats if (part := table.columns[path]) is not None]
    if not all(is_below(part, CLEAR_IN_FLOAT) for part in floats):
        raise Unproved
    for path in shape.unwanted:
        table.columns.pop(path, None)
        table.lists.pop(path[0], None)
    return table


def _take_apart(node: pa.StructArray, prefix: FieldPath, shape: Shape, table: PageTable) -> None:
    for field, child in zip(node.type, node.flatten(), strict=True):
        path = (*prefix, field.name)
        if not prefix and field.name in shape.lists:
            table.lists[field.name] = _items(child, shape.lists[field.name])
        elif child.null_count == len(child):
            continue
        elif path in shape.structs:
            _take_apart(child, path, shape, table)
        elif shape.leaves[path] != "object":
            table.columns[path] = child


def _items(lists: pa.ListArray, shape: Shape | None) -> Items:
    from pyarrow import compute

    lengths = pl.Series(compute.list_value_length(lists)).cast(pl.Int64)
    items = lists.flatten()
    return Items(lengths, PageTable(len(items)) if shape is None or not len(items) else _laid_out(items, shape))


def _parsed(text: bytes, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    reads = arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    parses = arrow_json.ParseOptions(explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior="error")
    try:
        # the system's pool gives back what is freed, Arrow's own keeps it for a next time that does not come
        return arrow_json.read_json(pa.BufferReader(text), reads, parses, memory_pool=pa.system_memory_pool())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError):
        raise Unproved from None


@lru_cache(maxsize=64)
def _reader(pattern: Pattern, layout: Layout) -> _Reader:
    return _Reader(pattern, layout)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sent(dtype: Any, path: FieldPath) -> Any:
    """Give a remembered type with whole numbers where they are documented: there no fraction may be taken."""
    if isinstance(dtype, pl.Struct):
        return pl.Struct({each.name: _sent(each.dtype, (*path, each.name)) for each in dtype.fields})
    if isinstance(dtype, pl.List):
        return pl.List(_sent(dtype.inner, path))
    return pl.Int64() if path in _WHOLE else dtype


def _arrow(dtype: Any) -> pa.DataType:
    import pyarrow as pa

    if isinstance(dtype, pl.Struct):
        return pa.struct([(each.name, _arrow(each.dtype)) for each in dtype.fields])
    if isinstance(dtype, pl.List):
        return pa.list_(_arrow(dtype.inner))
    plain: dict[Any, pa.DataType] = {
        pl.String: pa.string(), pl.Boolean: pa.bool_(), pl.Int64: pa.int64(), pl.Float64: pa.float64(),
        pl.Null: pa.null(),
    }  # fmt: skip
    return plain[dtype]
