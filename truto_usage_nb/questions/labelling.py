"""Teams, cost centres and projects from the user's own table, on any dimension of the frame."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.errors import FrameError, did_you_mean, tell
from truto_usage_nb.held import as_given
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Frame, Native, collect, enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.people import ID, MAIL, PERSON, mails_of, who, with_people
from truto_usage_nb.questions.remainder import NOT_ATTRIBUTED, with_remainder
from truto_usage_nb.questions.tables import Table, column_named, folded, header_named, read_table

__all__ = ["UNLABELLED", "with_labels"]

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
        tell("; ".join(told) + ".", stacklevel=2)
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
        rows, _ = with_people(collect(native.frame.select(**who()).unique()))
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
