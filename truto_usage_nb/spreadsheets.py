"""Frames as files that a spreadsheet opens: CSV and xlsx, in which no text can run.

Both hold values and nothing else. What a spreadsheet cannot hold is written in another form, and that is said: lists as
JSON text, times as UTC without a zone (xlsx) or with its Z (CSV). In CSV a text that a spreadsheet would take for a
formula gets an apostrophe in front; xlsx keeps texts apart from formulas by itself, so there they stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import polars as pl

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import FrameError, InputError, WriteError, tell
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.native import enter, kept
from truto_usage_nb.result import UsageResult
from truto_usage_nb.writing import write_file

__all__ = ["csv_text", "write_csv", "write_xlsx"]

_FORMULA = r"^[=+\-@＝＋－＠\t\r\n]"  # what spreadsheets take for the start of a formula, or skip on the way to one
_UTC = "%Y-%m-%dT%H:%M:%S%.fZ"
_ROWS, _COLUMNS, _CELL = 1_048_575, 16_384, 32_767
_EXACT = 10**15
_OPTIONS = {
    "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "in_memory": True,  # its own temporary files would stay behind on a full disk
}  # fmt: skip
_TIMES, _DAYS, _COUNTS = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd", "#,##0"


def write_csv(frame: Any, path: str | Path) -> Path:
    """Write a frame, or the frame of a `UsageResult`, as CSV (UTF-8, a line a row), and give the path.

    Times are UTC in RFC 3339, lists JSON text, nulls empty. A text that a spreadsheet would run as a formula (it begins
    with `=`, `+`, `-`, `@`, a tab or a line break) gets an apostrophe in front; numbers stay numbers. The file appears
    whole or not at all.

    >>> import tempfile, polars as pl, truto_usage_nb as tu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tu.write_csv(pl.DataFrame({"who": ["=cmd()"], "cost": [-1.5]}), f"{folder}/x.csv")
    ...     path.read_text(encoding="utf-8").splitlines()
    ['who,cost', "'=cmd(),-1.5"]
    """
    table = _defused(_flat(_table(frame)))
    return write_file(path, lambda file: table.write_csv(file, datetime_format=_format(table)))


def csv_text(frame: Any) -> str:
    """Give what `write_csv` writes."""
    table = _defused(_flat(_table(frame)))
    return table.write_csv(datetime_format=_format(table))


def write_xlsx(frame: Any, path: str | Path) -> Path:
    """Write a frame, or a `UsageResult` with its provenance, as an Excel workbook, and give the path.

    A sheet `usage` holds the rows, a sheet `notes` says how to read them: times are UTC without a zone, lists JSON
    text; texts are texts, never formulas or links. Excel keeps 15 digits of a number and 32,767 characters of a text:
    columns where that changes something are named in the notes and in a `UsageWarning`. The file appears whole or not
    at all.

    Raises InputError for more rows or columns than a sheet has.

    >>> import tempfile, truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tu.write_xlsx(tu.cost_per_model(usage), f"{folder}/models.xlsx").name
    'models.xlsx'
    """
    from xlsxwriter import Workbook

    to = a_path("path", path, WriteError)
    table = _flat(_table(frame))
    if table.height > _ROWS or table.width > _COLUMNS:
        raise InputError(
            f"{to}: an Excel sheet has room for {_ROWS:,} rows and {_COLUMNS:,} columns below its head, and this frame "
            f"has {table.height:,} and {table.width:,}; write .csv or .parquet, or a part of it"
        )
    told = _changed(table)
    notes = [*_reading(_table(frame)), *(("changed", text) for text in told), *_provenance(frame)]

    def compose(file: IO[bytes]) -> None:
        with Workbook(file, _OPTIONS) as book:
            book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001  the same frame, the same bytes
            _rows(book, table)
            _notes(book, notes)

    write_file(to, compose)
    if told:
        tell(f"{to}: {'; '.join(told)}", stacklevel=2)
    return to


def _table(frame: Any) -> pl.DataFrame:
    if isinstance(frame, UsageResult):
        refuse_if_cut_off()
        return frame.polars
    return kept(enter(frame).as_it_came)


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table of scalars: lists and objects as JSON text, aware times as UTC without a zone."""
    made = []
    for name, dtype in table.schema.items():
        if dtype.is_nested() or dtype == pl.Object:
            texts = [None if value is None else _json(value) for value in table[name].to_list()]
            made.append(pl.Series(name, texts, dtype=pl.String))
        elif isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            made.append(table[name].dt.convert_time_zone("UTC").dt.replace_time_zone(None))
        elif isinstance(dtype, pl.Categorical | pl.Enum):
            made.append(table[name].cast(pl.String))
        elif dtype == pl.Binary:
            raise FrameError(f"{name} holds bytes, which no cell holds; make it text, as with .bin.encode('hex').")
        elif dtype == pl.Duration:
            made.append(table[name].dt.to_string("iso"))
    return table.with_columns(made)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _format(table: pl.DataFrame) -> str | None:
    return _UTC if any(isinstance(dtype, pl.Datetime) for dtype in table.dtypes) else None


def _defused(table: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before every text, and every name of a column, that would be taken for a formula."""
    texts = pl.col(pl.String)
    table = table.with_columns(pl.when(texts.str.contains(_FORMULA)).then("'" + texts).otherwise(texts).name.keep())
    risky = pl.Series(table.columns, dtype=pl.String).str.contains(_FORMULA)
    return table.rename({name: f"'{name}" for name, runs in zip(table.columns, risky, strict=True) if runs})


def _rows(book: Any, table: pl.DataFrame) -> None:
    """Write the head and the columns, each cell by the kind of its column."""
    sheet = book.add_worksheet("usage")
    head = book.add_format({"bold": True, "bottom": 1})
    for number, name in enumerate(table.columns):
        sheet.write_string(0, number, name, head)
        _column(book, sheet, number, table[name])
        sheet.set_column(number, number, min(40, max(12, len(name) + 2)))
    sheet.freeze_panes(1, 0)
    if table.width:
        sheet.autofilter(0, 0, table.height, table.width - 1)


def _column(book: Any, sheet: Any, number: int, values: pl.Series) -> None:
    dtype = values.dtype
    if dtype == pl.Boolean:
        write, style = sheet.write_boolean, None
    elif dtype.is_numeric():
        values = values.cast(pl.Float64) if isinstance(dtype, pl.Decimal) else values
        write, style = sheet.write_number, book.add_format({"num_format": _COUNTS}) if dtype.is_integer() else None
        values = values.set(~values.is_finite(), None) if dtype.is_float() else values
    elif isinstance(dtype, pl.Datetime | pl.Date):
        style = book.add_format({"num_format": _DAYS if dtype == pl.Date else _TIMES})
        write = _time_writer(sheet)
    else:
        write, style = _text_writer(sheet), None
        values = values if dtype == pl.String else values.cast(pl.String, strict=False)
    for row, value in enumerate(values.to_list(), start=1):
        if value is not None:
            write(row, number, value, style)


def _time_writer(sheet: Any) -> Any:
    def written(row: int, column: int, value: datetime | date, style: Any) -> None:
        if (value.year, value.month) < (1900, 3):  # Excel has no days before 1900, and counts one too many there
            sheet.write_string(row, column, value.isoformat())
        else:
            sheet.write_datetime(row, column, value, style)

    return written


def _text_writer(sheet: Any) -> Any:
    def written(row: int, column: int, value: str, style: Any) -> None:
        sheet.write_string(row, column, value[:_CELL], style)

    return written


def _changed(table: pl.DataFrame) -> list[str]:
    """Say which columns lose something on the way into Excel."""
    told = []
    for name, dtype in table.schema.items():
        if dtype.is_integer() and (n := int((table[name].cast(pl.Float64).abs() >= _EXACT).sum())):
            told.append(f"{name}: {n:,} whole numbers have more than the 15 digits that Excel keeps")
        if dtype == pl.String and (n := int((table[name].str.len_chars() > _CELL).sum())):
            told.append(f"{name}: {n:,} texts are cut to the {_CELL:,} characters that a cell holds")
        if dtype.is_float() and (n := int((~table[name].is_finite()).sum() or 0)):
            told.append(f"{name}: {n:,} values that are no finite number are left empty")
    return told


def _reading(table: pl.DataFrame) -> Iterator[tuple[str, str]]:
    yield "made by", f"truto-usage-nb {version('truto-usage-nb')}"
    yield "rows", f"{table.height:,}"
    times = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime)]
    lists = [name for name, dtype in table.schema.items() if dtype.is_nested()]
    if times:
        yield "times", f"UTC, without a time zone: {', '.join(times)}"
    if lists:
        yield "lists", f"JSON text: {', '.join(lists)}"
    yield "texts", "as the service sent them; none is a formula or a link"
    yield "empty cells", "nobody stated a value; that is not 0"


def _provenance(frame: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(frame, UsageResult):
        return
    if frame.period is not None:
        yield "period", str(frame.period)
    yield "fetched", f"{frame.fetched_at:%Y-%m-%d %H:%M} UTC"
    yield "complete", "no: some data is known to be missing" if frame.partial else "yes"
    for account, moment in frame.settled_until.items():
        yield "final until", f"{account}: {moment:%Y-%m-%d %H:%M} UTC"
    for name, texts in (("told", frame.told), ("note", frame.notes)):
        yield from ((name, text) for text in texts)
    yield from (("query", repr(query)) for query in frame.queries)


def _notes(book: Any, lines: list[tuple[str, str]]) -> None:
    sheet = book.add_worksheet("notes")
    bold, broken = book.add_format({"bold": True, "valign": "top"}), book.add_format({"text_wrap": True})
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 110)
    for row, (name, text) in enumerate(lines):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, text[:_CELL], broken)
