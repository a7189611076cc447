"""The one door by which a caller's frame enters and leaves.

What comes in goes out: polars eager and lazy, pandas with NumPy or Arrow dtypes, PyArrow tables, DuckDB relations,
Dask and PySpark frames. Everything between is narwhals; this is the only room that knows what a backend cannot do:

- the calendar: DuckDB and Spark cut a time by the zone of their *session*, so a UTC day would move with the machine it
  runs on. Times therefore become numbers since 1970 (`with_instants`), which have no zone;
- lists: pandas, PyArrow and Dask cannot explode, so their lists go through polars (`to_polars`);
- decimals: a record's figures enter as floats and whole numbers, and results come back so (`held`);
- plans: Dask needs seconds to plan what a rule of a hundred expressions says, so it is asked a partition at a time
  (`each_part`), where the rule is run on pandas;
- polars frames are computed lazily, which is two to four times faster.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as member
from typing import Any, Literal, TypeVar

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import FrameError, MissingExtraError, nearest
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.held import (
    Frame,
    as_documented,
    as_given,
    as_it_is,
    collect,
    decimals_in,
    figures_as_numbers,
    kept,
    wrongly,
)

Kind = Literal["polars", "polars_lazy", "pandas", "pandas_arrow", "pyarrow", "duckdb", "dask", "pyspark"]
_T = TypeVar("_T")

__all__ = [
    "Frame",
    "Kind",
    "Native",
    "as_it_is",
    "collect",
    "each_part",
    "enter",
    "kept",
    "mapped",
    "need",
    "nothing_like",
    "only",
    "require",
    "suspects",
    "to_polars",
    "with_instants",
]

_KINDS = "a polars, pandas, PyArrow, DuckDB, Dask or PySpark frame"


@dataclass(frozen=True, slots=True)
class Native:
    """Hold a caller's frame: what it is, the frame itself, and narwhals' view of it.

    `found` is what was found of just these rows. A copy that is changed (`replace`) begins without; `only`, which keeps
    every row, hands it on.
    """

    kind: Kind
    original: Any
    frame: Frame
    found: dict[Hashable, Any] = member(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, what: Hashable, find: Callable[[], _T]) -> _T:
        """Find something of these rows, once: a frame that enters anew is looked at anew.

        What is found must be the same whatever columns `only` has left out. An error is raised every time.
        """
        if what not in self.found:
            self.found[what] = find()
        answer: _T = self.found[what]
        return answer

    @property
    def columns(self) -> list[str]:
        return self.frame.collect_schema().names()

    @property
    def as_it_came(self) -> Frame:
        """The caller's own frame, every column of the type it had."""
        return _seen(self.original)

    @property
    def is_local(self) -> bool:
        """Whether the rows are in this process's memory, so that looking twice costs little."""
        return self.kind in ("polars", "pandas", "pandas_arrow", "pyarrow")

    def leave(self, frame: Frame | pl.DataFrame) -> Any:
        """Give a result back as the kind that came in; a polars frame is converted, a narwhals one unwrapped."""
        if isinstance(frame, pl.DataFrame):
            return _from_polars(frame, self)
        native = frame.to_native()
        return native.collect() if self.kind == "polars" and isinstance(native, pl.LazyFrame) else native


def enter(frame: Any) -> Native:
    """Take a caller's frame in; amounts and counts that it holds as decimals become floats and whole numbers.

    Documented columns that hold nothing get their type, and documented texts that are categories become texts.

    Raises FrameError for anything that is not a frame narwhals knows, and for a count beyond 63 bits.
    """
    if isinstance(frame, Native):
        return frame
    refuse_if_cut_off()
    kind = _kind_of(frame)
    seen = frame.lazy() if kind == "polars" else frame
    return Native(kind, frame, _with_numbers(kind, _seen(seen)))


def _with_numbers(kind: Kind, frame: Frame) -> Frame:
    decimals = decimals_in(frame)
    if kind != "dask" or not decimals:
        frame = figures_as_numbers(frame, decimals) if decimals else frame
        return frame if kind == "dask" else as_documented(frame)
    parts: Any = frame.to_native()
    return _seen(parts.map_partitions(_change, _entered, meta=_change(parts._meta, _entered)))


def _entered(part: Native) -> Frame:
    return part.frame


def _seen(native: Any) -> Frame:
    with warnings.catch_warnings():
        # narwhals announces a package for Dask that does not exist yet; a user can do nothing about it.
        warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
        seen: Frame = nw.from_native(native)
    return seen


def _kind_of(frame: Any) -> Kind:
    if isinstance(frame, pl.DataFrame):
        return "polars"
    if hasattr(frame, "polars") and hasattr(frame, "queries"):  # a result, which this room does not know
        raise FrameError(
            f"This is not {_KINDS}: {type(frame).__name__}. Give its frame: result.polars or result.frame."
        )
    columns = getattr(frame, "columns", None) if type(frame).__module__.partition(".")[0] == "pandas" else None
    if not getattr(columns, "is_unique", True):  # an index of pandas
        twice = columns[columns.duplicated()][0]  # type: ignore[index,union-attr]
        raise FrameError(f"This frame has the column {twice} twice; rename one of the two.")
    try:
        seen = _seen(frame)
    except TypeError as error:
        raise FrameError(f"This is not {_KINDS}: {type(frame).__name__}.") from error
    return _KIND_OF.get(seen.implementation.name.lower(), _unknown)(seen)


def _unknown(seen: Frame) -> Kind:
    raise FrameError(f"This is not {_KINDS}: {seen.implementation.name.lower()}.")


def _pandas_kind(seen: Frame) -> Kind:
    dtypes = getattr(seen.to_native(), "dtypes", ())
    return "pandas_arrow" if any("pyarrow" in str(dtype) for dtype in dtypes) else "pandas"


def _always(kind: Kind) -> Callable[[Frame], Kind]:
    return lambda _: kind


_KIND_OF: dict[str, Callable[[Frame], Kind]] = {
    "polars": _always("polars_lazy"),
    "pandas": _pandas_kind,
    "pyarrow": _always("pyarrow"),
    "duckdb": _always("duckdb"),
    "dask": _always("dask"),
    "pyspark": _always("pyspark"),
    "pyspark_connect": _always("pyspark"),
}


def require(native: Native, columns: Iterable[str], purpose: str, *, also: Iterable[str] = ()) -> None:
    """Refuse a frame that lacks columns, naming them and what they are needed for, and columns of the wrong type.

    `also` are columns that are read where a frame has them.
    """
    needed = tuple(columns)
    need(native, needed, purpose)
    _refuse_others(native.frame, (*needed, *also))


def need(native: Native, needed: Sequence[str], purpose: str) -> None:
    """Refuse a frame that lacks columns, whatever those hold that it has."""
    have = native.columns
    missing = [column for column in needed if column not in have]
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise FrameError(
            f"{purpose} needs the column{'s' if len(missing) > 1 else ''} {some}, which this frame does not have."
            f"{nearest(missing[0], have)} Load it with load_usage, or rename its columns back."
        )


def _refuse_others(frame: Frame, columns: Iterable[str]) -> None:
    for column, held, kind in wrongly(frame, columns):
        raise FrameError(
            f"{column} holds {held}, not {kind}, as after a CSV. Keep a frame as Parquet, or with UsageResult.save; "
            f"or give the column its type again, as load_usage has it."
        )


def only(native: Native, columns: Iterable[str]) -> Native:
    """Give the frame with these of its columns alone: an engine plans and carries what is asked, not 130 columns."""
    have = set(native.columns)
    made = replace(native, frame=native.frame.select(*(c for c in dict.fromkeys(columns) if c in have)))
    object.__setattr__(made, "found", native.found)
    return made


def suspects(native: Native, key: Sequence[str]) -> Native:
    """Give the rows whose key may be there twice: fewer than all only where the engine tells at little cost.

    polars hashes the keys: eight bytes a row, where grouping them holds every text. What it leaves is still to be
    grouped, for two keys may share a hash.
    """
    if native.kind not in ("polars", "polars_lazy"):
        return native
    frame: pl.LazyFrame = native.frame.to_native()
    hashed = pl.struct(key).hash()
    hashes = frame.select(hashed.alias("hash")).collect(engine="streaming")["hash"].sort()
    twice = hashes.filter(hashes == hashes.shift(1)).unique()
    rows = frame.clear() if twice.is_empty() else frame.filter(hashed.is_in(twice.implode()))
    return replace(native, frame=_seen(rows))


def each_part(native: Native, ask: Callable[[Native], pl.DataFrame]) -> list[pl.DataFrame]:
    """Ask the frame, or each partition of a Dask frame; what is asked must be sums, which the caller adds up."""
    if native.kind != "dask":
        return [ask(native)]
    import dask

    frame: Any = native.frame.to_native()
    return list(dask.compute(*(dask.delayed(_ask)(part, ask) for part in frame.to_delayed())))


def _ask(part: Any, ask: Callable[[Native], pl.DataFrame]) -> pl.DataFrame:
    return ask(enter(part))


def mapped(native: Native, change: Callable[[Native], Frame]) -> Any:
    """Change a frame row by row and give it back as the kind that came in; a Dask frame stays lazy, part by part."""
    if native.kind != "dask":
        return native.leave(as_given(change(native), native.as_it_came))
    frame: Any = native.frame.to_native()
    return frame.map_partitions(_change, change, meta=_change(frame._meta, change))


def _change(part: Any, change: Callable[[Native], Frame]) -> Any:
    native = enter(part)
    return as_given(change(native), native.as_it_came).to_native()


def nothing_like(column: str) -> nw.Expr:
    """Give null, of a column's type: pandas makes none of a whole number out of a literal."""
    return nw.when(nw.col(column).is_null()).then(nw.col(column))


def with_instants(native: Native, frame: Frame, columns: Mapping[str, str]) -> Frame:
    """Add microseconds since 1970-01-01T00:00Z: new name by the name of a column of times.

    Raises FrameError for a column of anything else.
    """
    _refuse_others(frame, columns.values())
    if native.kind == "duckdb":
        parts = ", ".join(f'epoch_us("{column}") AS "{name}"' for name, column in columns.items())
        relation: Any = frame.to_native()
        return _seen(relation.project(f"*, {parts}"))
    if native.kind == "pyspark":
        from pyspark.sql import functions as f

        spark: Any = frame.to_native()
        return _seen(spark.withColumns({n: f.unix_micros(f.col(c)) for n, c in columns.items()}))
    types = frame.collect_schema()
    moments = {
        name: nw.col(column).cast(nw.Datetime("us")) if types[column] == nw.Date else nw.col(column)
        for name, column in columns.items()
    }
    return frame.with_columns(**{name: moment.dt.timestamp("us") for name, moment in moments.items()})


def to_polars(native: Native) -> pl.DataFrame | pl.LazyFrame:
    """Give the whole frame as polars, lazily where it was lazy; lists stay lists.

    Raises FrameError for Dask, whose lists do not survive the way.
    """
    if native.kind in ("polars", "polars_lazy"):
        held: pl.LazyFrame = native.frame.to_native()
        return held.collect() if native.kind == "polars" else held
    if native.kind == "dask":
        raise FrameError("Dask cannot hold lists of charges; use the wide columns charges_total, charges_net, … .")
    return collect(native.frame)


def _from_polars(table: pl.DataFrame, native: Native) -> Any:
    return _LEAVE[native.kind](table, native.original)


def _to_pandas(table: pl.DataFrame, _: Any) -> Any:
    return table.to_pandas()


def _to_pandas_arrow(table: pl.DataFrame, _: Any) -> Any:
    return table.to_pandas(use_pyarrow_extension_array=True)


def _to_duckdb(table: pl.DataFrame, _: Any) -> Any:
    import duckdb

    return duckdb.from_arrow(table.to_arrow())


def _to_dask(table: pl.DataFrame, original: Any) -> Any:
    try:
        import dask.dataframe as dd
    except ImportError as error:  # pragma: no cover - the caller holds a Dask frame
        raise MissingExtraError("Dask is not installed. Run: pip install 'truto-usage-nb[cluster]'") from error
    return dd.from_pandas(_to_pandas_arrow(table, original), npartitions=1)


def _to_spark(table: pl.DataFrame, original: Any) -> Any:
    return original.sparkSession.createDataFrame(table.to_arrow())


_LEAVE: dict[Kind, Any] = {
    "polars": lambda table, _: table,
    "polars_lazy": lambda table, _: table.lazy(),
    "pandas": _to_pandas,
    "pandas_arrow": _to_pandas_arrow,
    "pyarrow": lambda table, _: table.to_arrow(),
    "duckdb": _to_duckdb,
    "dask": _to_dask,
    "pyspark": _to_spark,
}
