"""Frames as files that a spreadsheet opens: CSV and xlsx, in which no text can run.

Both hold values and nothing else. What a spreadsheet cannot hold is written in another form, and that is said: lists as
JSON text, times as UTC without a zone (xlsx) or with its Z (CSV). In CSV a text that a spreadsheet would take for a
formula gets an apostrophe in front; xlsx keeps texts apart from formulas by itself, so there they stay as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import polars as pl

from truto_usage_nb.checks import a_flag, a_path
from truto_usage_nb.errors import FrameError, InputError, WriteError, did_you_mean, tell
from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.format import decimals
from truto_usage_nb.native import enter, kept
from truto_usage_nb.outside import shown
from truto_usage_nb.result import UsageResult
from truto_usage_nb.schema import SCHEMA
from truto_usage_nb.writing import is_stream, write_file

__all__ = ["Sheet", "check_workbook", "csv_text", "write_book", "write_csv", "write_xlsx"]

_FORMULA = r"^[=+\-@＝＋－＠\t\r\n]"  # what spreadsheets take for the start of a formula, or skip on the way to one
_UTC = "%Y-%m-%dT%H:%M:%S%.fZ"
_ROWS, _COLUMNS, _CELL = 1_048_575, 16_384, 32_767
_EXACT = 10**15
_OPTIONS = {
    "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "in_memory": True,  # its own temporary files would stay behind on a full disk
}  # fmt: skip
_TIMES, _DAYS, _COUNTS = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd", "#,##0"
_AMOUNTS, _PRICES, _SHARES = "#,##0.00########", "#,##0.00########", "0.0%"
_SHEETS = 200
"""So many sheets, or files, one table is parted into at most."""


def write_csv(frame: Any, path: str | Path, *, total: bool = False, sheets_by: str | None = None) -> Path:
    """Write a frame, or the frame of a `UsageResult`, as CSV (UTF-8, a line a row), and give the path.

    Times are UTC in RFC 3339, lists JSON text, nulls empty. A text that a spreadsheet would run as a formula (it begins
    with `=`, `+`, `-`, `@`, a tab or a line break) gets an apostrophe in front; numbers stay numbers. Amounts of a
    table with a `currency` have at least that currency's decimals. `total=True` ends with a line a currency of what
    adds up. `sheets_by` names a column: each of its values gets a file of its own beside, `teams-mobile.csv` beside
    `teams.csv`, which holds all. A file appears whole or not at all. Raises InputError for a path whose ending says
    that it is something else.

    >>> import tempfile, polars as pl, truto_usage_nb as tu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tu.write_csv(pl.DataFrame({"who": ["=cmd()"], "cost": [-1.5]}), f"{folder}/x.csv")
    ...     path.read_text(encoding="utf-8").splitlines()
    ['who,cost', "'=cmd(),-1.5"]
    """
    to = a_path("path", path, WriteError)
    _refuse_lying(to, "write_csv", (".csv", ".txt"))
    a_flag("total", total)
    table = _table(frame)
    parts = _parts(table, sheets_by)
    written = _write_csv(_with_total(table) if total else table, path)
    names = _each_once([re.sub(r"[^\w.@() -]", "_", name)[:80].strip(" .") or "_" for name, _ in parts], ())
    for name, (_, part) in zip(names, parts, strict=True):
        _write_csv(_with_total(part) if total else part, to.with_name(f"{to.stem}-{name}{to.suffix}"))
    return written


def _write_csv(table: pl.DataFrame, path: str | Path) -> Path:
    ready = _with_decimals(_defused(_flat(table)))
    return write_file(path, lambda file: ready.write_csv(file, datetime_format=_format(ready)))


def csv_text(frame: Any) -> str:
    """Give what `write_csv` writes."""
    table = _with_decimals(_defused(_flat(_table(frame))))
    return table.write_csv(datetime_format=_format(table))


def write_xlsx(frame: Any, path: str | Path, *, total: bool | None = None, sheets_by: str | None = None) -> Path:
    """Write a frame, or a `UsageResult` with its provenance, as an Excel workbook, and give the path.

    A sheet `usage` holds the rows, a sheet `notes` says how to read them: times are UTC without a zone, lists JSON
    text; texts are texts, never formulas or links. Amounts, counts, shares, days and times have formats of their own.
    `total` puts a row a currency of what adds up below the rows; left out, below a table of costs alone. `sheets_by`
    names a column: each of its values gets a sheet of its own behind that of all rows. Excel keeps 15 digits of a
    number and 32,767 characters of a text: columns where that changes something are named in the notes and in a
    `UsageWarning`. The file appears whole or not at all.

    Raises InputError for more rows or columns than a sheet has, and for a path that does not end in .xlsx.

    >>> import tempfile, truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tu.write_xlsx(tu.cost_per_model(usage), f"{folder}/models.xlsx").name
    'models.xlsx'
    """
    to = a_path("path", path, WriteError)
    check_workbook(to)
    if total is not None:
        a_flag("total", total)
    table = _table(frame)
    totalled = total if total is not None else {"currency", "cost"} <= set(table.columns)
    sheets = [Sheet("usage", table, total=totalled)]
    sheets += [Sheet(name, part, total=totalled) for name, part in _parts(table, sheets_by)]
    return write_book(to, sheets, [*_reading(table), *_provenance(frame)])


@dataclass(frozen=True, slots=True)
class Sheet:
    """Hold what a sheet shows: its name, its rows, and whether what adds up is added up below."""

    name: str
    table: pl.DataFrame
    total: bool = False


def write_book(path: Path, sheets: Sequence[Sheet], notes: Sequence[tuple[str, str]]) -> Path:
    """Write sheets, and one of notes behind them, as a workbook. Raises InputError for a table larger than a sheet."""
    from xlsxwriter import Workbook

    flat = [replace(sheet, table=_flat(sheet.table)) for sheet in sheets]
    for sheet in flat:
        _refuse_larger(path, sheet.table)
    told = list(dict.fromkeys(text for sheet in flat for text in _changed(sheet.table)))
    names = _sheet_names([sheet.name for sheet in flat])

    def compose(file: IO[bytes]) -> None:
        with Workbook(file, _OPTIONS) as book:
            book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001  the same frame, the same bytes
            for name, sheet in zip(names, flat, strict=True):
                _rows(book, name, sheet)
            _notes(book, [*notes[:2], *(("changed", text) for text in told), *notes[2:]])

    write_file(path, compose)
    if told:
        tell(f"{path}: {'; '.join(told)}")
    return path


def check_workbook(path: Path) -> None:
    """Refuse a path whose ending says that it is no workbook."""
    _refuse_lying(path, "write_xlsx", (".xlsx",))


def _refuse_larger(to: Path, table: pl.DataFrame) -> None:
    if table.height > _ROWS or table.width > _COLUMNS:
        raise InputError(
            f"{to}: an Excel sheet has room for {_ROWS:,} rows and {_COLUMNS:,} columns below its head, and this frame "
            f"has {table.height:,} and {table.width:,}; write .csv or .parquet, or a part of it"
        )


def _refuse_lying(path: Path, name: str, endings: tuple[str, ...]) -> None:
    """Refuse a path whose ending says that the file is of another kind."""
    suffix = path.suffix.lower()
    if suffix in ("", *endings) or is_stream(path):
        return
    other = {".xlsx": "write_xlsx", ".csv": "write_csv", ".parquet": "UsageResult.save"}.get(suffix)
    more = f"; {other} writes {suffix}" if other is not None else ""
    raise InputError(f"{path} does not end in {endings[0]}, which is what {name} writes{more}. Name it so.")


def _parts(table: pl.DataFrame, by: str | None) -> list[tuple[str, pl.DataFrame]]:
    """The rows of each value of a column, in the order in which the values come."""
    if by is None:
        return []
    if not isinstance(by, str) or by not in table.columns:
        raise FrameError(f"sheets_by={shown(by)} is no column of this frame.{did_you_mean(by, table.columns)}")
    made = table.partition_by(by, maintain_order=True, include_key=True)
    named = [("(none)" if part[by][0] is None else str(part[by][0]), part) for part in made]
    if len(named) > _SHEETS:
        raise FrameError(f"sheets_by={shown(by)} has {len(named):,} values, and at most {_SHEETS} get a sheet each.")
    return named


def _sheet_names(names: Sequence[str]) -> list[str]:
    """Names as Excel takes them: 31 characters, none of []:*?/\\, each once whatever its capitals."""
    plain = [re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", name).strip("'")[:31] or "_" for name in names]
    return _each_once(plain, ("notes", "history"))


def _each_once(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Names of which none is there twice, whatever its capitals."""
    made: list[str] = []
    for name in names:
        seen, one, number = {each.casefold() for each in (*made, *taken)}, name, 2
        while one.casefold() in seen:
            one, number = f"{name[:27]} {number}", number + 1
        made.append(one)
    return made


_MONEY = re.compile(
    r"charges_(?!count|currency)\w+|cost(_billed|_list|_discount|_tax|_credit|_included|_vendor_estimate|_before"
    r"|_after)?|\w+_cost|amount|debit|credit|budget|projected|low|high|to_date|excess|usual_low|usual_high|difference"
    r"|allocated|unallocated|payable|seats|purchases|committed_billed|invoiced|saved|limit"
)
_UNIT_PRICE, _SHARE = re.compile(r"\w*(_per_|price)\w*|exchange_rate"), re.compile(r"\w*share")
_CURRENCIES = ("currency", "cost_currency", "charges_currency")
_ADDED = frozenset(field.column for field in SCHEMA if field.additivity == "sum")


def _is_money(table: pl.DataFrame, name: str) -> bool:
    dtype = table.schema[name]
    fractional = dtype.is_float() or isinstance(dtype, pl.Decimal)
    return fractional and bool(_MONEY.fullmatch(name)) and not _UNIT_PRICE.fullmatch(name)


def _currency_of(table: pl.DataFrame) -> str | None:
    return next((name for name in _CURRENCIES if name in table.columns), None)


def _totals(table: pl.DataFrame) -> pl.DataFrame:
    """A row a currency of what adds up; what does not (prices, shares, distinct counts) stays empty."""
    currency = _currency_of(table)
    counts = [n for n, of in table.schema.items() if of.is_numeric() and (n in _ADDED or n.endswith("tokens"))]
    adds = [n for n in table.columns if _is_money(table, n) or (n in counts and not _UNIT_PRICE.fullmatch(n))]
    adds += [n for n in ("records",) if n in table.columns and table.schema[n].is_integer() and n not in adds]
    sums = [pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in adds]
    if currency is None:
        added = table.select(sums) if sums and table.height else pl.DataFrame()
    else:
        added = table.group_by(currency, maintain_order=True).agg(sums)
        added = added.filter(pl.any_horizontal(pl.col(adds).is_not_null())) if adds else added.clear()
    texts = [name for name, of in table.schema.items() if of == pl.String and name != currency]
    if texts and added.height:
        added = added.with_columns(pl.lit("total").alias(texts[0]))
    whole = pl.concat([table.clear(), added], how="diagonal_relaxed") if added.height else table.clear()
    return whole.select(table.columns)


def _with_total(table: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table, _totals(table)], how="vertical_relaxed")


def _with_decimals(table: pl.DataFrame) -> pl.DataFrame:
    """Write the amounts of a table of costs as texts with their currency's decimals, without what floats left over."""
    if "currency" not in table.columns or table.schema["currency"] != pl.String:
        return table
    places = [decimals(currency) for currency in table["currency"]]
    made = [
        pl.Series(name, [_amount(v, d) for v, d in zip(table[name].to_list(), places, strict=True)], pl.String)
        for name in table.columns
        if _is_money(table, name)
    ]
    return table.with_columns(made)


def _amount(value: float | Decimal | None, places: int) -> str | None:
    if value is None or not math.isfinite(value):
        return None if value is None else "NaN" if math.isnan(value) else str(value)
    number = Decimal(f"{value:.15g}") if isinstance(value, float) else value
    short = round(number, places) + 0
    return f"{short if short == number else number:f}"


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


def _rows(book: Any, name: str, shown_: Sheet) -> None:
    """Write the head and the columns, each cell by the kind of its column, and what they add up to."""
    sheet, table = book.add_worksheet(name), shown_.table
    styles = _Styles(book)
    sums = _totals(table) if shown_.total else table.clear()
    currency = _currency_of(table)
    places = [[decimals(each) for each in part[currency]] if currency else [] for part in (table, sums)]
    for number, column in enumerate(table.columns):
        sheet.write_string(0, number, column, styles.of(None, head=True))
        kinds = [_kinds(table, column, each) for each in places]
        _column(sheet, number, table[column], 1, [styles.of(each) for each in kinds[0]])
        _column(sheet, number, sums[column], 1 + table.height, [styles.of(each, total=True) for each in kinds[1]])
        sheet.set_column(number, number, min(40, max(12, len(column) + 2)))
    sheet.freeze_panes(1, 0)
    if table.width:
        sheet.autofilter(0, 0, table.height, table.width - 1)


class _Styles:
    """Make each format of a workbook once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[str | None, bool, bool], Any] = {}

    def of(self, kind: str | None, *, total: bool = False, head: bool = False) -> Any:
        if kind is None and not total and not head:
            return None
        key = (kind, total, head)
        if key not in self._made:
            look: dict[str, Any] = {"num_format": kind} if kind is not None else {}
            look |= {"bold": True, "bottom": 1} if head else {"bold": True, "top": 1} if total else {}
            self._made[key] = self._book.add_format(look)
        return self._made[key]


def _kinds(table: pl.DataFrame, name: str, places: Sequence[int]) -> list[str | None]:
    """The number format of every cell of a column, or of one row where they are all alike."""
    dtype = table.schema[name]
    if _is_money(table, name):
        fine = "########" if "currency" not in table.columns else ""  # records are charged in parts of a cent
        places = places if len(set(places)) > 1 else places[:1]
        return [f"#,##0{'.' if each else ''}{'0' * each}{fine if each else ''}" for each in places] or [_AMOUNTS]
    if _UNIT_PRICE.fullmatch(name) and dtype.is_float():
        return [_PRICES]
    if _SHARE.fullmatch(name) and dtype.is_float():
        return [_SHARES]
    days = _DAYS if dtype == pl.Date else _TIMES if isinstance(dtype, pl.Datetime) else None
    return [_COUNTS if dtype.is_integer() else days]


def _column(sheet: Any, number: int, values: pl.Series, first: int, styles: Sequence[Any]) -> None:
    dtype = values.dtype
    if dtype == pl.Boolean:
        write = sheet.write_boolean
    elif dtype.is_numeric():
        write = sheet.write_number
        values = values.cast(pl.Float64) if isinstance(dtype, pl.Decimal) else values
        values = values.set(~values.is_finite(), None) if values.dtype.is_float() else values
    elif isinstance(dtype, pl.Datetime | pl.Date):
        write = _time_writer(sheet)
    else:
        write = _text_writer(sheet)
        values = values if dtype == pl.String else values.cast(pl.String, strict=False)
    dusty = values.dtype.is_float() and bool(_MONEY.fullmatch(values.name))
    for place, value in enumerate(values.to_list()):
        if value is not None:
            style = styles[place if len(styles) > 1 else 0] if styles else None
            write(first + place, number, float(f"{value:.15g}") if dusty else value, style)


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
