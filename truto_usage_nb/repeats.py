"""Which rows are one record, and which of them stands.

A record is its key (account, report type, id, start, end) and its dimensions; what it measures is its figures. The same
record with the same figures is there twice. With other figures the newest `updated_at` stands (a record that does not
say when it was updated is older than one that does); without a newer one nobody can tell which is right, and whoever
adds up refuses.

A dimension is the first of its columns that says something: a person is an id, else an e-mail, else a name. Surrounding
spaces never make another record, nor capitals of an e-mail or a currency. Several resources or currencies of a record,
for which the wide columns are null, are read from its lists.

What is there more than once is looked for first, in eight bytes a row where polars can hash (`repeated`), and only
those rows are looked at closely. The explicit clean-up (`deduplicate`) each engine does in its own words; no value
passes through another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import DuplicateError, tell
from truto_usage_nb.native import Frame, Native, collect, each_part, enter, require, suspects
from truto_usage_nb.schema import PROVENANCE, RECORD_DIMENSIONS, RECORD_KEY, SPACES

__all__ = [
    "AT",
    "CONTESTED",
    "KEY_WORDS",
    "RECORD",
    "VERDICT",
    "across",
    "contest",
    "day_text",
    "deduplicate",
    "difference",
    "keyed",
    "list_texts",
    "needed",
    "repeated",
    "told_apart",
]

KEY_WORDS: Mapping[str, tuple[str, ...]] = {
    "metric": ("metric_name",),
    "product": ("product_id", "product_name"),
    "organization": ("organization_id", "organization_name"),
    "model": ("model_id",),
    "provider": ("model_provider",),
    "surface": ("surface",),
    "person": ("user_id", "user_email", "user_name"),
    "resource": ("resources_id", "resources_name"),
    "workspace": ("resources_workspace_id", "resources_workspace_name"),
    "currency": ("charges_currency",),
}
"""The dimensions by the word that people use, each with its columns, the most telling first."""

AT, RECORD, CONTESTED, VERDICT = "__at", "__record", "__contested", "__verdict"
_VERSION, _UNLISTED, _TOP = "__version", "__unlisted", "__top"
_RESOURCES, _CURRENCIES, _AMOUNTS = "__key_resources", "__key_currencies", "__amounts"
_LISTS = {"resources": "resources_count", "charges": "charges_count"}
_NO_MEASURES = {*RECORD_KEY, *RECORD_DIMENSIONS, "updated_at", "usage_activity_client_version"}
_NO_MEASURES |= {each.column for each in PROVENANCE}
_INNER, _OUTER = "\x1e", "\x1f"


def needed(columns: Collection[str]) -> list[str]:
    """Give the columns that tell records apart, and what they measure."""
    wanted = {*_NO_MEASURES, *_measuring(columns), *_LISTS, *_LISTS.values()}
    return [name for name in columns if name in wanted]


def _measuring(columns: Collection[str]) -> list[str]:
    """The columns that say what a record measures; in a provider's own rows (raw) any other column may."""
    known = [name for name in columns if name.startswith(("charges_", "usage_")) and name not in _NO_MEASURES]
    return known or [name for name in columns if name not in _NO_MEASURES and not name.startswith("__")]


# the key --------------------------------------------------------------------------------------------------------------


def keyed(frame: Frame) -> tuple[Frame, list[str]]:
    """Add a text column for each dimension, empty where nothing is said; also give the names of all that is the key."""
    types = frame.collect_schema()
    made = {
        f"__key_{word}": _folded(word, [_said(name, types[name]) for name in columns if name in types])
        for word, columns in KEY_WORDS.items()
        if any(name in types for name in columns)
    }
    return frame.with_columns(**made), [*RECORD_KEY, *made]


def _said(name: str, dtype: Any) -> nw.Expr:
    column = nw.col(name)
    if dtype.is_float():
        column = column.fill_nan(None)  # a column without a text, as NumPy holds it
    word = (column if dtype == nw.String else column.cast(nw.String())).str.strip_chars(SPACES)
    return nw.when(word != "").then(word)


def _folded(word: str, said: Sequence[nw.Expr]) -> nw.Expr:
    text = (nw.coalesce(*said) if len(said) > 1 else said[0]).fill_null("")
    if word == "currency":
        return text.str.to_uppercase()
    if word == "person":
        return nw.when(text.str.contains("@", literal=True)).then(text.str.to_lowercase()).otherwise(text)
    return text


def list_texts(types: Mapping[str, Any]) -> dict[str, pl.Expr]:
    """Give the rest of the key, in polars: what a record with several resources, or currencies, names, as a text."""
    made = {}
    if _items(types, "resources"):
        item = pl.concat_str(
            _first_said(types, ("id",), ("name",)), _first_said(types, ("workspace", "id"), ("workspace", "name")),
            separator=_INNER,
        )  # fmt: skip
        made[_RESOURCES] = pl.when(_several("resources", types)).then(_joined("resources", item.unique()))
    if _items(types, "charges"):
        item = pl.when(pl.element().struct.field("amount").is_not_null()).then(_currency())
        made[_CURRENCIES] = pl.when(_several("charges", types)).then(_joined("charges", item.unique()))
    return {name: text.fill_null("") for name, text in made.items()}


def _currency() -> pl.Expr:
    return pl.element().struct.field("currency").str.strip_chars(SPACES).str.to_uppercase().fill_null("")


def _first_said(types: Mapping[str, Any], *paths: tuple[str, ...]) -> pl.Expr:
    words = []
    for path in paths:
        field, dtype = pl.element(), types["resources"].inner
        for key in path:
            inner = {each.name: each.dtype for each in dtype.fields} if isinstance(dtype, pl.Struct) else {}
            if key not in inner:
                break
            field, dtype = field.struct.field(key), inner[key]
        else:
            word = field.cast(pl.String).str.strip_chars(SPACES)
            words.append(pl.when(word != "").then(word))
    return pl.coalesce(*words, pl.lit("")) if words else pl.lit("")


def _joined(name: str, item: pl.Expr) -> pl.Expr:
    return pl.col(name).list.eval(item.drop_nulls().sort()).list.join(_OUTER)


def _items(types: Mapping[str, Any], name: str) -> bool:
    """Whether a column is the list that its name promises, and not lost on the way or without any item."""
    wanted = {"resources": {"id"}, "charges": {"amount", "currency", "type"}}[name]
    inner = getattr(types.get(name), "inner", None)
    return isinstance(inner, pl.Struct) and wanted <= {each.name for each in inner.fields}


def _several(name: str, types: Mapping[str, Any]) -> pl.Expr:
    """Whether a record's wide columns are silent, since its list says more than one thing."""
    if _LISTS[name] not in types:
        return pl.col(name).list.len() > 1 if _items(types, name) else pl.lit(value=False)
    several = pl.col(_LISTS[name]).fill_null(0) > 1
    wide = [c for c, dtype in types.items() if c.startswith("charges_") and c != "charges_count" and dtype.is_numeric()]
    return pl.all_horizontal(several, *(pl.col(c).is_null() for c in wide if name == "charges"))


# the rows of a key ----------------------------------------------------------------------------------------------------


def told_apart(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Give the rows whose record is there more than once, in their order; `key` is what `keyed` named.

    Adds AT (the row's place), RECORD (a number for each record), a number for each of its versions, and CONTESTED:
    whether figures differ and none of the rows is the newest.
    """
    types = rows.schema
    rows = rows.with_row_index(AT).with_columns(**list_texts(types))
    lists = [name for name in (_RESOURCES, _CURRENCIES) if name in rows.columns]
    rows = _numbered(rows, [*key, *lists], RECORD)
    rows = rows.filter(pl.len().over(RECORD) > 1)
    rows = rows.with_columns(_unlisted(types), _amounts(types), *_without_nan(rows))
    rows = _numbered(rows, [RECORD, *_measures(rows), _AMOUNTS], _VERSION)
    newest = _updated(rows).eq_missing(_updated(rows).max().over(RECORD)).alias(_TOP)
    rows = rows.with_columns(newest)
    versions = pl.col(_VERSION).filter(pl.col(_TOP)).n_unique().over(RECORD)
    return rows.with_columns(((versions > 1) | pl.col(_UNLISTED).any().over(RECORD)).alias(CONTESTED))


def _numbered(rows: pl.DataFrame, by: Sequence[str], name: str) -> pl.DataFrame:
    """Number the groups of rows that agree in some columns, nulls too."""
    groups = rows.select(*by, AT).group_by(*by, maintain_order=True).agg(AT).select(AT).with_row_index(name)
    return rows.join(groups.explode(AT), on=AT, how="left", maintain_order="left")


def _measures(rows: pl.DataFrame) -> list[str]:
    types = {name: rows.schema[name] for name in _measuring(rows.columns)}
    return [name for name, dtype in types.items() if not (dtype.is_nested() or dtype in (pl.Boolean, pl.Object))]


def _without_nan(rows: pl.DataFrame) -> list[pl.Expr]:
    return [pl.col(name).fill_nan(None) for name in _measures(rows) if rows.schema[name].is_float()]


def _amounts(types: Mapping[str, Any]) -> pl.Expr:
    """What a record in several currencies states, as one text: its wide amounts say nothing."""
    if not _items(types, "charges"):
        return pl.lit("").alias(_AMOUNTS)
    fields = [pl.element().struct.field(name).cast(pl.String).fill_null("") for name in ("type", "amount")]
    item = pl.concat_str(fields[0], _currency(), fields[1], separator=" ")
    return pl.when(_several("charges", types)).then(_joined("charges", item)).fill_null("").alias(_AMOUNTS)


def _unlisted(types: Mapping[str, Any]) -> pl.Expr:
    """Whether a record has several resources or currencies in a frame that has no list of them."""
    lost = [_several(name, types) for name in _LISTS if not _items(types, name) and _LISTS[name] in types]
    return (pl.any_horizontal(*lost) if lost else pl.lit(value=False)).fill_null(value=False).alias(_UNLISTED)


def _updated(rows: pl.DataFrame) -> pl.Expr:
    return pl.col("updated_at") if "updated_at" in rows.columns else pl.lit(None, dtype=pl.Int64)


# several sources ------------------------------------------------------------------------------------------------------


def across(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Give the rows whose record several sources (queries, views) state, and what becomes of each.

    VERDICT is "stands" for the rows of the source that is newest (of equally new ones, the last), "same" for a row with
    just their figures, "restated" for an older one with others, "contested" for one with others that is not older.
    Rows without an id are left out.
    """
    named = rows.filter(pl.col("id").is_not_null() & (pl.col("id").cast(pl.String) != ""))
    frame, key = keyed(nw.from_native(named))
    held: pl.DataFrame = frame.to_native()
    found = told_apart(held, key)
    several = found.filter(pl.col(source).n_unique().over(RECORD) > 1)
    updated = _updated(several)
    first = pl.col(source).sort_by([updated, source], descending=True, nulls_last=True).first().over(RECORD)
    several = several.with_columns((pl.col(source) == first).alias("__first"))
    versions = several.filter("__first").select(RECORD, _VERSION).unique().with_columns(__is_same=pl.lit(value=True))
    several = several.join(versions, on=[RECORD, _VERSION], how="left", maintain_order="left")
    same = pl.col("__is_same").fill_null(value=False) & ~pl.col(_UNLISTED)
    verdict = (
        pl.when("__first").then(pl.lit("stands"))
        .when(same).then(pl.lit("same"))
        .when(pl.col(_TOP) | pl.col(_UNLISTED)).then(pl.lit("contested"))
        .otherwise(pl.lit("restated"))
    )  # fmt: skip
    return several.with_columns(verdict.alias(VERDICT))


# in words -------------------------------------------------------------------------------------------------------------


def contest(found: pl.DataFrame) -> str:
    """Name two rows of `told_apart` that nobody can choose between, what they state, and what to do."""
    record = found.filter(CONTESTED).sort(*RECORD_KEY, AT).filter(pl.col(RECORD) == pl.col(RECORD).first())
    others = found.filter(CONTESTED)[RECORD].n_unique() - 1
    more = f" (so are {others:,} more)" if others else ""
    one = record.row(0, named=True)
    first, last = day_text(one["start_date"]), day_text(one["end_date"])
    name = f"{one['id']!r} of {one['integrated_account_id']} from {first} to {last}"
    kind = f" ({one['report_type']})" if one["report_type"] else ""
    if record[_UNLISTED].any():
        return (
            f"The record {name}{kind} is here {record.height} times{more} and names several resources or currencies, "
            f"but this frame has no list of them, so nobody can tell whether it is one record. Keep the columns "
            f"resources and charges, or keep the right rows by a filter."
        )
    differs, told = difference(record)
    stated = one.get("updated_at")
    when = f"all say updated_at {day_text(stated)}" if stated is not None else "none says updated_at"
    return (
        f"The record {name}{kind} is here with other figures{more}: {told}. None is newer ({when}), so nobody can tell "
        f"which is right, and dropping either may lose money. Keep the right one by a filter on {differs}, or, if both "
        f"are real, give one of them an id of its own."
    )


def difference(record: pl.DataFrame) -> tuple[str, str]:
    """Give the first measure in which a record's newest versions differ, and all of them with both values."""
    newest = record.filter(_TOP) if record.filter(_TOP)[_VERSION].n_unique() > 1 else record
    one, other = newest.unique(_VERSION, keep="first", maintain_order=True).sort(AT).head(2).iter_rows(named=True)
    differ = [name for name in _measures(record) if one[name] != other[name]]
    said = [f"{name} {one[name]} and {other[name]}" for name in differ[:4]]
    said += [f"{len(differ) - 4} measures more"] if len(differ) > 4 else []
    if one[_AMOUNTS] != other[_AMOUNTS]:
        said.append(" and ".join(f"charges of {each[_AMOUNTS].replace(_OUTER, ', ')}" for each in (one, other)))
    return (differ or ["charges"])[0], "; ".join(said)


def day_text(moment: Any) -> str:
    """Write a date, or an instant in UTC, whatever zone an engine's session has."""
    if getattr(moment, "tzinfo", None) is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return str(moment).removesuffix(" 00:00:00")


# the explicit clean-up ------------------------------------------------------------------------------------------------

_ROW, _RANK = "__row", "__rank"
_SAME_ID = ("integrated_account_id", "report_type", "id")


def deduplicate(frame: Any) -> Any:
    """Keep one of the rows that are one record: the same account, report type, id, start, end and dimensions.

    Dimensions are metric, product, organisation, model, surface, person, resource, workspace and currency, as far as
    the frame has them. The row updated last is kept; among rows that state the same, one without `updated_at` counts as
    the oldest, and of equally new ones the last served stays (on DuckDB, Dask and PySpark, which have no order, any).
    Rows without an id are kept; so is the same id with other dates or dimensions, which is another record, and is told
    in a UsageWarning. Comes back as the kind of frame that came in, in the order served; lazy frames stay lazy, after
    one look at what is there twice.

    Raises DuplicateError where a record is stated with other figures and none is newer: it names both, and nothing is
    dropped. Raises FrameError for a frame without the columns of the key.

    >>> import truto_usage_nb as tu
    >>> import polars as pl
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.deduplicate(pl.concat([usage, usage])).height == usage.height
    True
    """
    native = enter(frame)
    require(native, RECORD_KEY, "deduplicate", also=("resources_count", "charges_count", "updated_at"))
    found = repeated(native)
    if found[CONTESTED].any():
        raise DuplicateError(contest(found))
    _tell_reused_ids(native)
    return _BY_ENGINE[native.kind](native, found)


# what is there more than once -----------------------------------------------------------------------------------------


def repeated(native: Native, *more: str) -> pl.DataFrame:
    """Give the rows whose record is there more than once, as `repeats.told_apart` does, with the columns `more` too."""
    find = {"duckdb": _in_sql, "pyspark": _in_sql, "dask": _in_parts}.get(native.kind, _in_memory)
    wanted = dict.fromkeys((*needed(native.columns), *(name for name in more if name in native.columns)))
    rows, key = find(native, list(wanted))
    return told_apart(rows, key)


def _named() -> nw.Expr:
    """Whether a record has an id: one without says nothing of being another."""
    return (~nw.col("id").is_null()) & (nw.col("id").cast(nw.String()) != "")


def _in_memory(native: Native, wanted: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Hash the key, then take the rows alone whose hash is there twice."""
    if native.kind in ("polars", "polars_lazy"):
        lazy: pl.LazyFrame = native.frame.to_native()
        rows = _suspected(lazy.with_row_index(_ROW), RECORD_KEY).select(_ROW, *wanted).collect(engine="streaming")
        return _keyed(rows.sort(_ROW))
    local: Any = native.frame
    heads = collect(local.select(*RECORD_KEY)).with_row_index(_ROW)
    places = _suspected(heads.lazy(), RECORD_KEY).select(_ROW).collect()[_ROW].sort()
    return _keyed(collect(local.select(*wanted)[places.to_list()]).with_columns(places))


def _suspected(rows: pl.LazyFrame, key: Iterable[str]) -> pl.LazyFrame:
    named = rows.filter(pl.col("id").is_not_null() & (pl.col("id").cast(pl.String) != ""))
    found: pl.LazyFrame = suspects(enter(named), tuple(key)).frame.to_native()
    return found


def _keyed(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    frame, key = keyed(nw.from_native(rows.lazy()))
    held: pl.LazyFrame = frame.to_native()
    return held.collect(), key


def _in_parts(native: Native, wanted: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Hash the key partition by partition, then ask each for the rows whose hash is there twice."""

    def hashed(part: Native) -> pl.DataFrame:
        rows, key = _keyed(collect(part.frame.filter(_named()).select(*wanted)))
        return rows.with_columns(pl.struct(key).hash().alias(_RANK))

    hashes = pl.concat(each_part(native, lambda part: hashed(part).select(_RANK)))[_RANK]
    twice = hashes.filter(hashes.is_duplicated()).unique().implode()
    rows = each_part(native, lambda part: hashed(part).filter(pl.col(_RANK).is_in(twice)))
    return _keyed(pl.concat(rows, how="diagonal_relaxed").select(*wanted))


def _in_sql(native: Native, wanted: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """Let the engine count its keys; only where one is there twice are rows fetched."""
    frame, key = keyed(native.frame.filter(_named()))
    several = frame.group_by(*key).agg(nw.len().alias(_RANK)).filter(nw.col(_RANK) > 1)
    count = int(collect(several.select(nw.len().alias("n")))["n"][0])
    rows = frame.with_columns(**{_RANK: nw.len().over(*key)}).filter(nw.col(_RANK) > 1) if count else frame.head(0)
    return collect(rows.select(*dict.fromkeys((*wanted, *key)))), key


# ids that stand for several records -----------------------------------------------------------------------------------


def _tell_reused_ids(native: Native) -> None:
    frame, key = keyed(suspects(native, _SAME_ID).frame.filter(_named()))
    several = frame.select(*key).unique().group_by(*_SAME_ID).agg(nw.len().alias("n")).filter(nw.col("n") > 1)
    reused = collect(several)
    if reused.height:
        first = reused.sort(*_SAME_ID, nulls_last=True).row(0, named=True)
        same = (nw.col(name).is_null() if first[name] is None else nw.col(name) == first[name] for name in _SAME_ID)
        seen = collect(frame.filter(*same).select(*key).unique())
        words = {"start_date": "start", "end_date": "end"} | {f"__key_{word}": word for word in KEY_WORDS}
        differ = [words[name] for name in key if name in words and seen[name].n_unique() > 1]
        tell(
            f"{reused.height:,} ids stand for several records, such as {first['id']!r} of "
            f"{first['integrated_account_id']}: another {' and another '.join(differ)}. All are kept.",
        )


# the engines ----------------------------------------------------------------------------------------------------------


def _gone(found: pl.DataFrame) -> pl.Series:
    """Which rows of a frame in memory go, by position."""
    updated = pl.col("updated_at") if "updated_at" in found.columns else pl.lit(0)
    last = pl.col(AT).sort_by([updated, AT], nulls_last=False).last().over(RECORD)
    return found.filter(pl.col(AT) != last)[_ROW].cast(pl.Int64)


def _kept(native: Native, found: pl.DataFrame) -> pl.Series:
    """Which rows of a frame in memory stay, by position."""
    height: int = native.original.shape[0]
    rows = pl.int_range(height, eager=True, dtype=pl.Int64)
    return rows.filter(~rows.is_in(_gone(found).implode()))


def _in_polars(native: Native, found: pl.DataFrame) -> pl.DataFrame:
    """The rows that stay; where all do they are not copied, which would take most of the time."""
    frame: pl.DataFrame = native.original
    gone = _gone(found)
    if gone.is_empty():
        return frame.clone()
    return frame.filter(~pl.int_range(frame.height, eager=True, dtype=pl.Int64).is_in(gone.implode()))


def _lazily(native: Native, _: pl.DataFrame) -> pl.LazyFrame:
    original: pl.LazyFrame = native.original
    frame, key = keyed(nw.from_native(original.with_row_index(_ROW)))
    rows: pl.LazyFrame = frame.to_native()
    lists = list_texts(original.collect_schema())
    rows = rows.with_columns(**lists)
    by = [_ROW] if "updated_at" not in native.columns else ["updated_at", _ROW]
    named = pl.col("id").is_not_null() & (pl.col("id").cast(pl.String) != "")
    newest = rows.sort(by, nulls_last=False).filter(named).unique([*key, *lists], keep="last")
    more = [name for name in (*key, *lists) if name not in RECORD_KEY]
    return pl.concat([newest, rows.filter(~named)]).sort(_ROW).drop(_ROW, *more)


def _lists_in(native: Native) -> dict[str, str]:
    """The texts of `repeats.list_texts` in SQL, of the lists that the frame has."""
    types = native.as_it_came.collect_schema()
    fields = {name: _fields_of(types.get(name)) for name in ("resources", "charges")}
    resource, workspace = fields["resources"], fields["resources"].get("workspace", {})
    items = {
        "resources": f"concat({_named_in_sql('i', resource)}, chr(30), {_named_in_sql('i.workspace', workspace)})",
        "charges": "CASE WHEN i.amount IS NOT NULL THEN upper(trim(coalesce(i.currency, ''))) END",
    }
    words = _SQL[native.kind]
    return {f"__key_{name}": words.format(list=name, item=items[name]) for name, has in fields.items() if has}


def _fields_of(dtype: Any) -> dict[str, Any]:
    """The fields of a list's items, and of the objects in them, by name."""
    inner = getattr(dtype, "inner", dtype)
    return {each.name: _fields_of(each.dtype) for each in getattr(inner, "fields", ())}


def _named_in_sql(item: str, fields: dict[str, Any]) -> str:
    said = [f"nullif(trim({item}.{name}), '')" for name in ("id", "name") if name in fields]
    return f"coalesce({', '.join((*said, chr(39) * 2))})"


_SQL = {
    "duckdb": """CASE WHEN len({list}) > 1 THEN
        array_to_string(list_sort(list_distinct(list_transform({list}, lambda i: {item}))), chr(31)) END""",
    "pyspark": """CASE WHEN size({list}) > 1 THEN
        array_join(array_sort(array_distinct(transform({list}, i -> {item}))), chr(31)) END""",
}


def _duckdb(native: Native, _: pl.DataFrame) -> Any:
    frame, key = keyed(native.as_it_came)
    lists = _lists_in(native)
    rows: Any = frame.to_native()
    rows = rows.project(", ".join(["*", *(f'{sql} AS "{name}"' for name, sql in lists.items())]))
    names = ", ".join(f'"{name}"' for name in (*key, *lists))
    order = "ORDER BY updated_at DESC NULLS LAST" if "updated_at" in native.columns else ""
    rows = rows.project(f"*, row_number() OVER (PARTITION BY {names} {order}) AS {_RANK}")
    rows = rows.filter(f"id IS NULL OR id::VARCHAR = '' OR {_RANK} = 1")
    return rows.project(", ".join(f'"{name}"' for name in native.columns))


def _pyspark(native: Native, _: pl.DataFrame) -> Any:
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    frame, key = keyed(native.as_it_came)
    lists = _lists_in(native)
    rows: Any = frame.to_native()
    rows = rows.withColumns({name: f.expr(sql) for name, sql in lists.items()}) if lists else rows
    order = f.col("updated_at").desc_nulls_last() if "updated_at" in native.columns else f.lit(0)
    window = Window.partitionBy(*key, *lists).orderBy(order)
    rows = rows.withColumn(_RANK, f.row_number().over(window))
    return rows.filter(f.col("id").isNull() | (f.col("id") == "") | (f.col(_RANK) == 1)).select(*native.columns)


def _dask(native: Native, _: pl.DataFrame) -> Any:
    import dask.dataframe as dd

    frame = native.original
    rows = frame.map_partitions(_with_key, meta=_with_key(frame._meta))
    nameless = rows["id"].isna() | (rows["id"] == "").fillna(False)
    key = [name for name in rows.columns if name in RECORD_KEY or name.startswith("__key_")]
    newest = rows[~nameless].sort_values(_ROW).drop_duplicates(subset=key, keep="last")
    return dd.concat([newest, rows[nameless]])[list(frame.columns)]


def _with_key(part: Any) -> Any:
    """A partition with the key's own columns, as texts, and when it was updated, as a number: Dask sorts no times."""
    import pandas as pd
    import pyarrow as pa

    native = enter(part)
    rows, key = _keyed(collect(native.frame.select(*needed(native.columns))))
    text = pd.ArrowDtype(pa.large_string())
    made = {name: pd.Series(rows[name].to_list(), part.index, dtype=text) for name in key if name not in RECORD_KEY}
    moment = pl.Series([0]).new_from_index(0, rows.height)
    if "updated_at" in rows.columns and rows.schema["updated_at"].is_temporal():
        moment = rows["updated_at"].cast(pl.Datetime("us")).to_physical().fill_null(-(2**62))
    return part.assign(**made, **{_ROW: pd.Series(moment.to_numpy(), part.index, dtype="int64")})


_BY_ENGINE: dict[str, Any] = {
    "polars": _in_polars,
    "polars_lazy": _lazily,
    "pandas": lambda native, found: native.original.iloc[_kept(native, found).to_numpy()],
    "pandas_arrow": lambda native, found: native.original.iloc[_kept(native, found).to_numpy()],
    "pyarrow": lambda native, found: native.original.take(_kept(native, found).to_arrow()),
    "duckdb": _duckdb,
    "pyspark": _pyspark,
    "dask": _dask,
}
