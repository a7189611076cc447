"""Which rows are one record, and which of them stands.

A record is its key (account, report type, id, start, end) and its dimensions; what it measures is its figures. The same
record with the same figures is there twice. With other figures the newest `updated_at` stands (a record that does not
say when it was updated is older than one that does); without a newer one nobody can tell which is right, and whoever
adds up refuses.

A dimension is the first of its columns that says something: a person is an id, else an e-mail, else a name. Surrounding
spaces never make another record, nor capitals of an e-mail or a currency. Several resources or currencies of a record,
for which the wide columns are null, are read from its lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.native import Frame
from truto_usage_nb.schema import PROVENANCE, RECORD_DIMENSIONS, RECORD_KEY, SPACES

__all__ = [
    "AT", "CONTESTED", "DIMENSIONS", "RECORD", "VERDICT", "across", "can_tell", "contest", "day", "difference", "keyed",
    "list_texts", "needed", "told_apart",
]  # fmt: skip

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
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


def can_tell(columns: Collection[str]) -> bool:
    """Say whether a frame has the columns of the key; dimensions that it lacks (excluded fields) are left out."""
    return set(RECORD_KEY) <= set(columns)


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
        for word, columns in DIMENSIONS.items()
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
    name = f"{one['id']!r} of {one['integrated_account_id']} from {day(one['start_date'])} to {day(one['end_date'])}"
    kind = f" ({one['report_type']})" if one["report_type"] else ""
    if record[_UNLISTED].any():
        return (
            f"The record {name}{kind} is here {record.height} times{more} and names several resources or currencies, "
            f"but this frame has no list of them, so nobody can tell whether it is one record. Keep the columns "
            f"resources and charges, or keep the right rows by a filter."
        )
    differs, told = difference(record)
    stated = one.get("updated_at")
    when = f"all say updated_at {day(stated)}" if stated is not None else "none says updated_at"
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


def day(moment: Any) -> str:
    """Write a date, or an instant in UTC, whatever zone an engine's session has."""
    if getattr(moment, "tzinfo", None) is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return str(moment).removesuffix(" 00:00:00")
