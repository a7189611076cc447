"""Teams, cost centres and projects from the user's own table, on any dimension of the frame, and families of models.

Claude tells its bill twice: whole in `cost`, and in `user_cost` the part that has a person; tokens likewise in `usage`
and `user_usage`. By person the part counts, and what the whole has beyond it becomes records of nobody, so that
nothing is lost and nothing counts twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.lines import cost_lines
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.errors import FrameError, did_you_mean, tell
from truto_usage_nb.held import as_given
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.models import family_first, model_identity
from truto_usage_nb.native import Frame, Native, collect, enter, require, to_polars
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.people import ID, MAIL, PERSON, mails_of, who_columns, with_people
from truto_usage_nb.questions.tables import Table, column_named, folded, header_named, read_table
from truto_usage_nb.schema import SCHEMA

__all__ = ["UNLABELLED", "family_of", "with_labels", "with_models", "with_remainder"]

UNLABELLED = "(unlabelled)"
_USER = ("user_email", "user_id", "user_name")
_KEY = "__label_key"
_REPORTED = ("integrated_account_id", "integration", "report_type")


def with_labels(frame: Any, table: Any, on: str = "user.email", *, key: str | None = None) -> Any:
    """Add the columns of the user's own table, such as `team` or `cost_center`, to every record.

    `table` is a file (CSV, workbook, Parquet) or a frame, a row a key; `on` the frame's column, or its path in the API,
    that the key is compared with: a user, `resources.workspace.id` (project, environment), `resources.id` (key,
    cluster), `integrated_account_id`. `key` names the table's column where it is called otherwise: capitals make no
    header another. Keys are compared as text (`00123` is not 123), without surrounding spaces and capitals, and labels
    stay as they are written, `00420` too. Comes back as the kind that came in, the records in their order; what matches
    nothing is "(unlabelled)".

    On a user dimension Claude's bill is told by person in `user_cost` and whole in `cost`. Where a frame holds both,
    `cost` gives way to `user_cost` and, per account, day and currency, records of what it has beyond, labelled
    "(not attributed)", so that `cost_per(frame, "team")` adds up to the bill; tokens likewise. Load both, the second
    with `users=True`, and put them together.

    Warns with UsageWarning of a person under two spellings, and of an account that lacks one of the two reports.
    Raises FrameError where the table gives one key two labels, or would overwrite a column.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> teams = pl.DataFrame({"email": ["mateo.irigoyen@tidewheel.example.com"], "team": ["mobile"]})
    >>> sorted(tu.with_labels(usage, teams)["team"].unique())
    ['(unlabelled)', 'mobile']
    """
    native = enter(frame)
    column = column_named(on, native.columns, "on")
    _refuse_what_is_no_key(native, column)
    labels = _labels(read_table(table, "The table of labels"), column, key)
    _refuse_overwriting(native, labels)
    told: list[str] = []
    if column in _USER:
        require(native, _REPORTED, "with_labels on a person", also=(*_USER, "start_date", "end_date"))
        native, told = with_remainder(native)
        told += _spellings(native, column)
    if told:
        tell("; ".join(told) + ".")
    return native.leave(as_given(_labelled(native.frame, labels, column), native.as_it_came))


def _refuse_what_is_no_key(native: Native, column: str) -> None:
    require(native, (column,), "with_labels")
    held = native.frame.collect_schema()[column]
    if held.is_nested() or held in (nw.Binary, nw.Duration):
        raise FrameError(
            f"on={shown(column)} holds {held}, which no label can be looked up by; name a column of texts."
        )


def _labels(brought: Table, column: str, key: str | None) -> pl.DataFrame:
    """The table with its key folded as `__label_key`, each key once."""
    name = _key_column(brought, column, key)
    table = brought.texts()
    others = [c for c in table.columns if c != name]
    if not others:
        raise FrameError(f"The table of labels has the key {name!r} alone; give it a column of labels, such as team.")
    known = table.filter(pl.col(name).is_not_null()).select(folded(name).alias(_KEY), *others)
    known = known.filter(pl.col(_KEY) != "").unique(maintain_order=True)
    twice = known.filter(pl.col(_KEY).is_duplicated())
    if twice.height:
        first = twice.filter(pl.col(_KEY) == twice[_KEY][0])
        found = " and ".join("/".join(str(v) for v in row[1:]) for row in first.iter_rows())
        raise FrameError(
            f"The table of labels has {first[_KEY][0]!r} under {found} ({twice[_KEY].n_unique()} such keys). Keep one "
            f"row a key; a cost shared by two teams needs a label of its own."
        )
    return known


def _key_column(table: Table, column: str, key: str | None) -> str:
    if key is not None:
        held = header_named(key, table.columns, table.what) if isinstance(key, str) else None
        if held is None:
            raise FrameError(
                f"key={shown(key)} is no column of the table of labels: {', '.join(table.columns)}."
                f"{did_you_mean(key, table.columns)}"
            )
        return held
    wanted = (column, column.replace("_", "."), column.rpartition("_")[2])
    found = next((held for name in wanted if (held := header_named(name, table.columns, table.what))), None)
    if found is None:
        raise FrameError(
            f"None of the table's columns is called {' or '.join(wanted)}: {', '.join(table.columns)}. Say which one "
            f"holds {column}: key={table.columns[0]!r}."
        )
    return found


def _refuse_overwriting(native: Native, labels: pl.DataFrame) -> None:
    taken = [c for c in labels.columns if c in native.columns]
    if taken:
        raise FrameError(f"The frame already has a column {taken[0]!r}; rename it in the table of labels.")


def _labelled(frame: Frame, labels: pl.DataFrame, column: str) -> Frame:
    """A mapping instead of a join: it keeps the order, and lazy frames lazy, on every backend."""
    text = nw.col(column).cast(nw.String()).str.strip_chars().str.to_lowercase().fill_null("")
    keys = labels[_KEY].to_list()
    nobody = _nobody(column) if column in _USER else nw.lit(value=False)
    for name in labels.columns[1:]:
        values = [UNLABELLED if value is None else value for value in labels[name]]
        found = text.replace_strict(keys, values, default=nw.lit(UNLABELLED), return_dtype=nw.String())
        frame = frame.with_columns(nw.when(nobody).then(nw.lit(NOT_ATTRIBUTED)).otherwise(found).alias(name))
    return frame


def _nobody(column: str) -> nw.Expr:
    """Records of a remainder, and those of reports that contain what has a person and name no one."""
    nobody = (nw.col(column) == NOT_ATTRIBUTED).fill_null(False)
    for name, known in INTEGRATIONS.items():
        if wholes := [whole for whole, *_ in known.remainders()]:
            theirs = (nw.col("integration") == name) & nw.col("report_type").is_in(wholes)
            nobody = nobody | (theirs & nw.col(column).is_null()).fill_null(False)
    return nobody


def _spellings(native: Native, column: str) -> list[str]:
    """One person under two spellings of a key, or under two e-mails beside one name or id."""
    told = []
    seen = collect(native.frame.select(column).unique()).filter(pl.col(column).is_not_null())
    several = seen.with_columns(folded(column).alias(_KEY)).filter(pl.col(_KEY).is_duplicated()).sort(_KEY, column)
    if several.height:
        names = ", ".join(several.filter(pl.col(_KEY) == several[_KEY][0])[column])
        count = several[_KEY].n_unique()
        some = f"one {column} is" if count == 1 else f"{count} values of {column} are each"
        told.append(f"{some} spelled in two ways, counted as one: {names}")
    if column == "user_email":
        told += _two_mails(native)
    return told


def _two_mails(native: Native) -> list[str]:
    """The first name, and the first person with an id, that stands beside two e-mails."""
    told = []
    if "user_name" in native.columns:
        names = collect(native.frame.select("user_email", "user_name").unique()).drop_nulls()
        told += _first_with_two(names.select(pl.col("user_name").alias(PERSON), folded("user_email").alias(MAIL)))
    if "user_id" in native.columns:
        rows, _ = with_people(collect(native.frame.select(**who_columns()).unique()))
        ids = rows.group_by(PERSON).agg(pl.col(ID).min())
        told += _first_with_two(mails_of(rows).join(ids, on=PERSON))
    return list(dict.fromkeys(told))


def _first_with_two(mails: pl.DataFrame) -> list[str]:
    several = mails.unique().filter(pl.col(PERSON).is_duplicated()).sort(PERSON, MAIL)
    if not several.height:
        return []
    first = several.filter(pl.col(PERSON) == several[PERSON][0])
    name = first[ID if ID in first.columns else PERSON][0]
    return [f"{name} has two e-mails, {' and '.join(first[MAIL])}: give both a row in the table"]


# a bill by person, and what of it has no person -----------------------------------------------------------------------

_SHARED = (
    "organization_id",
    "organization_name",
    "product_id",
    "product_name",
    "model_id",
    "model_provider",
    "surface",
    "metric_name",
    "resources_workspace_id",
    "resources_workspace_name",
)
_SPAN = ("integrated_account_id", "integration", "start_date", "end_date")
_COUNTS = tuple(
    f.column for f in SCHEMA if f.additivity == "sum" and f.column.startswith("usage_") and f.column != "usage_quantity"
)
_AMOUNTS = {
    "charges_net": "cost_billed",
    "charges_total": "cost_list",
    "charges_tax": "cost_tax",
    "charges_credit": "cost_credit",
}


@dataclass(frozen=True, slots=True)
class _Pair:
    integration: str
    whole: str
    part: str
    measure: str


def _pairs() -> list[_Pair]:
    return [_Pair(name, *of) for name, known in INTEGRATIONS.items() for of in known.remainders()]


def with_remainder(native: Native) -> tuple[Native, list[str]]:
    """Let the part by person take the whole's place, beside records of what the whole has beyond it.

    Also says which accounts lack one of the two. Raises FrameError where the two cannot be compared.
    """
    pairs = _pairs()
    theirs = native.frame.filter(nw.col("integration").is_in(sorted({pair.integration for pair in pairs})))
    held = collect(theirs.select("integrated_account_id", "integration", "report_type").unique())
    told, joined = [], []
    for pair in pairs:
        both, lacking = _accounts(held, pair)
        told += lacking
        joined += [(account, pair) for account in both]
    if not joined:
        return native, told
    require(native, _SPAN, "A bill by person", also=(*_SHARED, *_COUNTS, "query_id"))
    if native.kind in ("dask", "pyspark"):
        raise FrameError(
            f"On {native.kind} the part of {joined[0][1].whole} without a person cannot be told apart. Label "
            f"{INTEGRATIONS[joined[0][1].integration].label}'s records as a polars frame, and the others here."
        )
    records = to_polars(native).lazy().collect()
    money = [account for account, pair in joined if pair.measure == "money"]
    lines = _amounts(records, money) if money else records.clear()
    for account, pair in joined:
        records = _replaced(records, account, pair, lines)
    return replace(native, frame=enter(native.leave(records)).frame), told


def _accounts(held: pl.DataFrame, pair: _Pair) -> tuple[list[str], list[str]]:
    theirs = held.filter(pl.col("integration") == pair.integration)
    of = {
        name: set(theirs.filter(pl.col("report_type") == name)["integrated_account_id"])
        for name in (pair.whole, pair.part)
    }
    both = sorted(of[pair.whole] & of[pair.part])
    if pair.measure != "money":
        return both, []
    lacking = ((pair.whole, pair.part, "its money has no person; load it with users=True too"),
               (pair.part, pair.whole, "what has no person is missing; load it without users=True too"))  # fmt: skip
    told = [
        f"{', '.join(sorted(of[here] - of[lacks]))}: {here} without {lacks}, so {so}"
        for here, lacks, so in lacking
        if of[here] - of[lacks]
    ]
    return both, told


def _replaced(records: pl.DataFrame, account: str, pair: _Pair, lines: pl.DataFrame) -> pl.DataFrame:
    """The records with one account's whole taken out, on the days that its part covers, and the remainder put in."""
    mine = pl.col("integrated_account_id") == account
    day = pl.col("start_date").dt.date()
    is_part = mine & (pl.col("report_type") == pair.part)
    part = records.filter(is_part)
    covered = part.select(day.unique()).to_series()
    taken = (mine & (pl.col("report_type") == pair.whole) & day.is_in(covered.implode())).fill_null(value=False)
    whole = records.filter(taken)
    _refuse_other_lengths(account, pair, whole, part)
    stated = (lines.filter(taken), lines.filter(is_part)) if pair.measure == "money" else None
    rest = _remainder(whole, part, stated)
    return pl.concat([records.filter(~taken), _as_records(rest, part, records)], how="diagonal_relaxed")


def _refuse_other_lengths(account: str, pair: _Pair, whole: pl.DataFrame, part: pl.DataFrame) -> None:
    lengths = [set((t["end_date"] - t["start_date"]).drop_nulls()) for t in (whole, part)]
    if lengths[0] and lengths[0] != lengths[1]:
        raise FrameError(
            f"{account} has {pair.whole} and {pair.part} in records of different length ({_hours(lengths[0])} and "
            f"{_hours(lengths[1])}); load both with one granularity."
        )


def _hours(lengths: set[object]) -> str:
    return ", ".join(sorted(str(length) for length in lengths))


def _remainder(
    whole: pl.DataFrame, part: pl.DataFrame, money: tuple[pl.DataFrame, pl.DataFrame] | None
) -> pl.DataFrame:
    """The whole minus its part by what both state, of their lines of `money` or their tokens.

    Lines that come to nothing are left out.
    """
    keys = [*_SPAN, *(c for c in _SHARED if all(t[c].null_count() < t.height for t in (whole, part)))]
    values = list(_AMOUNTS) if money else [c for c in _COUNTS if whole[c].null_count() < whole.height]
    tables = money or [table.with_columns(charges_currency=pl.lit(None, pl.String)) for table in (whole, part)]
    sides = [
        table.select(*keys, "charges_currency", *(pl.col(c).fill_null(0) * sign for c in values))
        for table, sign in zip(tables, (1, -1), strict=True)
    ]
    rest = (
        pl.concat(sides, how="vertical_relaxed")
        .group_by(*keys, "charges_currency", maintain_order=True)
        .agg(pl.col(values).sum())
    )
    if money:
        rest = rest.with_columns(pl.col(values).round(10))
    return rest.filter(pl.any_horizontal(pl.col(c) != 0 for c in values))


def _amounts(records: pl.DataFrame, accounts: list[str]) -> pl.DataFrame:
    """What each of some accounts' records comes to, a line a currency, in the words of charges that state the same."""
    lines: pl.DataFrame = cost_lines(records.filter(pl.col("integrated_account_id").is_in(accounts)))
    stated = lines.filter(pl.col("cost_billed").is_not_null())
    return stated.with_columns(
        *(pl.col(cost).alias(charge) for charge, cost in _AMOUNTS.items()), charges_currency=pl.col("cost_currency")
    )


def _as_records(rest: pl.DataFrame, part: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Records of nobody: in the part's report, so that they are one series with it, and without an id."""
    users = [c for c in ("user_id", "user_email", "user_name") if c in records.columns]
    rest = rest.with_columns(
        *(pl.lit(NOT_ATTRIBUTED).alias(c) for c in users),
        report_type=pl.lit(part["report_type"][0]),
        query_id=pl.lit(part["query_id"].drop_nulls().min(), pl.String),
        resources_count=pl.lit(0, pl.Int64),
    )
    if "overhangs_period" in records.columns:
        rest = rest.with_columns(overhangs_period=pl.lit(value=False))
    amounts = [c for c in _AMOUNTS if c in rest.columns]
    if not amounts:
        return rest.with_columns(charges_count=pl.lit(0, pl.Int64))
    rest = rest.with_columns(
        pl.when(pl.col(c) != 0).then(pl.col(c)).alias(c) for c in ("charges_tax", "charges_credit")
    )
    given = pl.sum_horizontal(pl.col(c).is_not_null().cast(pl.Int64) for c in amounts)
    rest = rest.with_columns(charges_count=given)
    return (
        rest
        if "charges" not in records.columns
        else rest.with_columns(charges=_charges(amounts, records.schema["charges"]))
    )


def _charges(amounts: list[str], dtype: pl.DataType) -> pl.Expr:
    """The same amounts as a list of charges, with whatever fields the frame's own list has."""
    inner: pl.Struct = dtype.inner  # type: ignore[attr-defined]
    charges = []
    for column in amounts:
        given = {
            "amount": pl.col(column),
            "currency": pl.col("charges_currency"),
            "type": pl.lit(column.removeprefix("charges_")),
        }
        fields = [given.get(f.name, pl.lit(None)).cast(f.dtype).alias(f.name) for f in inner.fields]
        charges.append(pl.when(pl.col(column).is_not_null()).then(pl.struct(fields)))
    return pl.concat_list(charges).list.drop_nulls()


# one name for one model and its efforts, so that a family of spellings meets across vendors ---------------------------

_FAMILY = "model_family"
_EFFORT = re.compile(r"-(?:thinking|xhigh|high|medium|low|minimal|none)(?=(?:-fast)?$)")
"""Not `max` nor `fast`: there are models of their own called so, and fast mode has another price."""


def family_of(model: str) -> str:
    """Give the name under which a model's spellings meet: without maker, date and effort, Claude's family first.

    >>> family_of("claude-opus-5"), family_of("claude-5-opus"), family_of("claude-opus-5-20260203")
    ('claude-opus-5', 'claude-opus-5', 'claude-opus-5')
    >>> family_of("claude-4.5-sonnet-thinking"), family_of("gpt-5-mini-2025-08-07"), family_of("auto")
    ('claude-sonnet-4-5', 'gpt-5-mini', 'auto')
    """
    name = model_identity(model)
    while (shorter := _EFFORT.sub("", name)) != name:
        name = model_identity(shorter)
    return family_first(name) or model


def with_models(frame: Any) -> Any:
    """Add `model_family`, in which the names of one model meet: "claude-opus-5", Cursor's "claude-5-opus", dated names.

    Makers' and clouds' prefixes, a date or "latest", and the effort that Cursor writes behind a name are taken off, and
    Claude's family stands before its version; what changes the price, such as "-fast", stays, and so does `model_id`.
    A name that nobody knows ("auto", "other") is its own family, null stays null. Comes back as the kind of frame that
    came in.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.with_models(usage).filter(model_id="claude-4.5-sonnet")["model_family"].unique().to_list()
    ['claude-sonnet-4-5']
    """
    native = enter(frame)
    require(native, ("model_id",), "with_models")
    if _FAMILY in native.columns:
        raise FrameError(f"The frame already has a column {_FAMILY!r}; drop or rename it first.")
    names = collect(native.frame.select("model_id").unique())["model_id"].drop_nulls().sort().to_list()
    if not names:
        return native.leave(native.frame.with_columns(nw.lit(None, dtype=nw.String()).alias(_FAMILY)))
    text = nw.col("model_id").cast(nw.String())
    families = [family_of(name) for name in names]
    found = text.fill_null("").replace_strict(names, families, default=nw.lit(""), return_dtype=nw.String())
    return native.leave(native.frame.with_columns(nw.when(~text.is_null()).then(found).alias(_FAMILY)))
