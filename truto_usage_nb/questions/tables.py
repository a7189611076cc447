"""Tables, amounts and days as people bring and write them: labels, rosters, invoices, budgets, a file or any frame.

What stands in a file is text and stays so: `00420`, `1E5` and `007` are names. Headers are found without regard to
capitals and to what joins their words. Amounts are read where a table is asked for some; what can be read in two ways
is refused, with its row.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Literal, TypeVar

import polars as pl

from truto_usage_nb.costs.currencies import CREDITS, ISO_4217, UNSTATED
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, nearest, tell
from truto_usage_nb.native import enter, kept
from truto_usage_nb.outside import shown
from truto_usage_nb.schema import folded_currency

__all__ = [
    "DecimalMark",
    "Table",
    "amount_given",
    "cell_text",
    "check_decimal",
    "column_named",
    "currency_given",
    "day_named",
    "folded",
    "header_named",
    "moment_named",
    "of_one_kind",
    "read_amounts",
    "read_currencies",
    "read_table",
]

_SEPARATORS = ",;\t|"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How the files of Excel and LibreOffice begin, whatever they are called."""
_PARQUET = b"PAR1"
_FEW = 12
"""So many columns are all named where one is missing."""
_WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Table:
    """Hold a table and where each of its rows stands: `rows` counts as a spreadsheet does, or a frame's rows from 1.

    Cells of a file of text are texts; others keep what they are, so that a number is never read as a text.
    """

    what: str
    frame: pl.DataFrame
    rows: tuple[int, ...]

    @property
    def columns(self) -> list[str]:
        return self.frame.columns

    def need(self, *names: str) -> Table:
        """Give the table with these columns under just these names. Raises FrameError for one that it lacks."""
        found = {name: header_named(name, self.columns, self.what) for name in names}
        missing = [name for name, header in found.items() if header is None]
        if missing:
            few = len(self.columns) <= _FEW
            has = f"it has {', '.join(self.columns)}" if few else f"none of its {len(self.columns)} is called so"
            near = (did_you_mean if few else nearest)(missing[0], self.columns)
            raise FrameError(
                f"{self.what} needs the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; {has}.{near}"
            )
        return replace(self, frame=self.frame.rename({held: name for name, held in found.items() if held is not None}))

    def texts(self, *names: str) -> pl.DataFrame:
        """Give columns as text, all when none is named: a whole number without a point, a day as 2026-10-05."""
        return pl.DataFrame([_texts(self.frame[name]) for name in names or self.columns])


def read_table(table: Any, what: str) -> Table:
    """Read a caller's table: the path of a file (CSV, workbook, Parquet), or any frame.

    CSV may be parted by commas, semicolons, tabs or bars, in UTF-8, UTF-16 with its mark, or Latin-1. Of a workbook the
    first sheet that holds anything is read. Raises InputError for a path that is not there, FrameError for what is no
    table, has no rows, or has one header twice.
    """
    read = _from_file(Path(table), what) if isinstance(table, str | Path) else _from_frame(table, what)
    if not read.frame.height:
        raise FrameError(f"{what} has no rows.")
    return read


def header_named(name: str, headers: Iterable[str], what: str) -> str | None:
    """Give the header that means a name, None where there is none: `E-Mail` and `EMAIL` are both email.

    >>> header_named("cost_center", ["E-Mail", "Cost Center"], "The table of labels")
    'Cost Center'
    """
    headers = list(headers)
    if name in headers:
        return name
    found = [header for header in headers if _plain(header) == _plain(name)]
    if len(found) > 1:
        raise FrameError(f"{what} has {name} twice, as {' and '.join(map(repr, found))}; rename one of them.")
    return found[0] if found else None


def column_named(path: str, columns: Iterable[str], what: str) -> str:
    """Give the column of a dotted path, such as `user_email` for "user.email"."""
    have = list(columns)
    if not isinstance(path, str):
        raise FrameError(f"{what}={shown(path)} is no column's name; give one, such as 'user.email'.")
    for name in (path, path.replace(".", "_")):
        if name in have:
            return name
    raise FrameError(f"{what}={shown(path)} is no column of this frame.{nearest(path.replace('.', '_'), have)}")


def folded(column: str) -> pl.Expr:
    """A key as it is compared: as text, without surrounding spaces, in small letters."""
    return pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase()


def cell_text(value: Any) -> str | None:
    """Give a cell as text; None where it holds nothing.

    >>> cell_text(420.0), cell_text("00420 "), cell_text(datetime(2026, 10, 1)), cell_text(float("nan"))
    ('420', '00420', '2026-10-01', None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return (value.isoformat() if isinstance(value, date) else str(value).strip()) or None


def _texts(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        stripped = column.str.strip_chars()
        return stripped.set(stripped == "", None)
    if column.dtype.is_integer() or column.dtype in (pl.Boolean, pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    return pl.Series(column.name, [cell_text(value) for value in column.to_list()], pl.String)


def _plain(name: str) -> str:
    return "".join(each for each in name.casefold() if each not in " -_.\u00a0")


def _from_frame(table: Any, what: str) -> Table:
    lazy = isinstance(table, pl.LazyFrame)  # which warns where its columns are asked for
    names = [str(name) for name in (table.collect_schema().names() if lazy else getattr(table, "columns", ()))]
    _refuse_twice(names, what)
    try:
        native = enter(table)
    except FrameError as problem:
        raise FrameError(f"{what}: {problem}") from None
    held = _of_pandas(table) if native.kind.startswith("pandas") else kept(native.as_it_came)
    _refuse_several(held, what)
    named = held.rename({name: name.strip() for name in held.columns})
    return Table(what, named, tuple(range(1, held.height + 1)))


def of_one_kind(frame: Any) -> Any:
    """Give a frame with texts in pandas' columns that hold them beside numbers, which no file takes; else as it is.

    A fraction gets a zero more, so that no mark makes thousands of it.
    """
    if not type(frame).__module__.startswith("pandas"):
        return frame
    objects = [name for name in frame.columns if frame[name].dtype == object]
    kinds = {name: {type(cell) for cell in frame[name].dropna()} for name in objects}
    mixed = [name for name, of in kinds.items() if str in of and len(of) > 1]
    return frame.assign(**{name: frame[name].map(_as_text, na_action="ignore") for name in mixed})


def _as_text(cell: Any) -> str | None:
    return f"{cell!r}0" if isinstance(cell, float) and not cell.is_integer() else cell_text(cell)


def _of_pandas(table: Any) -> pl.DataFrame:
    """pandas' columns of objects may hold numbers beside texts, which no other library takes."""
    mixed = [name for name in table.columns if table[name].dtype == object]
    rest = table.drop(columns=mixed)
    plain = kept(enter(rest).as_it_came) if len(rest.columns) else pl.DataFrame()
    cells = {name: table[name].where(table[name].notna(), None).to_list() for name in mixed}
    return pl.DataFrame([_column(str(n), cells[n]) if n in cells else plain[str(n)] for n in table.columns])


def _refuse_several(table: pl.DataFrame, what: str) -> None:
    """Refuse cells that hold more than one thing: lists, arrays, objects."""
    for column in table.iter_columns():
        held = column.dtype
        found = str(held) if held.is_nested() or held in (pl.Binary, pl.Duration) else None
        if held == pl.Object:
            several = (type(cell).__name__ for cell in column if hasattr(cell, "__len__") and not isinstance(cell, str))
            found = next(several, None)
        if found is not None:
            raise FrameError(
                f"{what} holds {shown(found)} in its column {column.name!r}; give one text or number a cell."
            )


def _column(name: str, values: list[Any]) -> pl.Series:
    """Cells of one kind as a column of it; others as they are."""
    cells = [None if isinstance(value, str) and not value else value for value in values]
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {str}:
        return pl.Series(name, cells, pl.String)
    if kinds <= {float, int}:
        return pl.Series(name, [None if cell is None else float(cell) for cell in cells], pl.Float64)
    return pl.Series(name, cells, pl.Object)


def _from_file(path: Path, what: str) -> Table:
    name = shown(str(path))
    try:
        if not path.is_file():
            kinds = "a CSV, a workbook or a Parquet file, or a frame"
            raise InputError(f"{what}: there is no file {name}. Give the path of {kinds}.")
        content = path.read_bytes()
    except (OSError, UnicodeEncodeError) as problem:
        raise InputError(f"{what}: {name} cannot be read: {getattr(problem, 'strerror', None) or problem}.") from None
    if not content.strip():
        raise FrameError(f"{what}: {path.name!r} is empty.")
    if content.startswith(_PARQUET):
        return _of_parquet(content, path, what)
    read = _of_workbook if content.startswith(_WORKBOOKS) else _of_text
    return _headed(read(content, path, what), what)


def _of_parquet(content: bytes, path: Path, what: str) -> Table:
    try:
        return _from_frame(pl.read_parquet(BytesIO(content)), what)
    except pl.exceptions.PolarsError:
        raise FrameError(f"{what}: {path.name!r} is a damaged Parquet file; write it anew.") from None


_Lines = list[tuple[int, Sequence[Any]]]
"""Rows with their number in the file."""


def _of_workbook(content: bytes, path: Path, what: str) -> _Lines:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content))
        sheets = [
            (each, each.to_python(skip_empty_area=True)) for each in map(book.get_sheet_by_name, book.sheet_names)
        ]
    except CalamineError as problem:
        raise FrameError(f"{what}: {path.name!r} is no workbook that can be read: {problem}.") from None
    full = [(sheet, rows) for sheet, rows in sheets if rows]
    if not full:
        raise FrameError(f"{what}: {path.name!r} is empty.")
    if len(full) > 1:
        others = ", ".join(repr(sheet.name) for sheet, _ in full[1:])
        tell(f"{what}: of {path.name} the sheet {full[0][0].name!r} is read, and not {others}.")
    sheet, rows = full[0]
    first = (sheet.start or (0, 0))[0] + 1
    return [(number, row) for number, row in enumerate(rows, first)]


def _of_text(content: bytes, path: Path, what: str) -> _Lines:
    text, skipped = _decoded(content), 0
    if "\0" in text:
        raise FrameError(f"{what}: {path.name!r} is no text and no workbook; save it as CSV (UTF-8), xlsx or Parquet.")
    separator = None
    if text[:4].lower() == "sep=" and text[4:5] in _SEPARATORS:  # Excel's own word
        separator, skipped = text[4], 1
        text = text.partition("\n")[2]
    try:
        separator = separator or max(_SEPARATORS, key=lambda each: len(_first(text, each)))
        read = list(csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as problem:
        raise FrameError(f"{what}: {path.name!r} is no CSV that can be read: {problem}; look at its quotes.") from None
    return [(number, row) for number, row in enumerate(read, 1 + skipped)]


def _first(text: str, separator: str) -> list[str]:
    """The header as it would be read."""
    lines = csv.reader(StringIO(text, newline=""), delimiter=separator)
    return next((row for row in lines if any(cell.strip() for cell in row)), [])


def _decoded(content: bytes) -> str:
    """Text of UTF-8, of UTF-16 where it says so, else as Windows writes Latin-1."""
    if content.startswith(_WIDE):
        return content.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _headed(lines: _Lines, what: str) -> Table:
    """A table of rows, of which the first that holds anything names the columns. Raises FrameError for a longer row."""
    full = [(number, [_cell(cell) for cell in row]) for number, row in lines]
    full = [(number, row) for number, row in full if any(cell is not None for cell in row)]
    if not full:
        raise FrameError(f"{what} has no rows.")
    headers = [cell_text(cell) or "" for cell in full[0][1]]
    while headers and not headers[-1]:
        headers.pop()
    for number, row in full[1:]:
        if any(cell is not None for cell in row[len(headers) :]):
            raise FrameError(
                f"{what}, row {number}: it has {len(row)} cells and the header {len(headers)}; name every column, and "
                f"put a cell that holds a separator into quotes."
            )
    _refuse_twice([name for name in headers if name], what)
    columns = []
    for place, name in enumerate(headers):
        cells = [row[place] if place < len(row) else None for _, row in full[1:]]
        if name:
            columns.append(_column(name, cells))
        elif any(cell is not None for cell in cells):
            tell(f"{what}: column {place + 1} has no header and is left out.")
    return Table(what, pl.DataFrame(columns), tuple(number for number, _ in full[1:]))


def _cell(value: Any) -> Any:
    return (value.strip() or None) if isinstance(value, str) else value


def _refuse_twice(names: list[str], what: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        key = name.strip().casefold()
        if key in seen:
            here = f"{name!r} twice" if seen[key] == name else f"{seen[key]!r} and {name!r}, which are one header"
            raise FrameError(f"{what} has {here}; rename one of them.")
        seen[key] = name


# amounts --------------------------------------------------------------------------------------------------------------

DecimalMark = Literal[".", ","]
"""The mark before the decimals."""

_SIGNS = {
    "$": "USD AUD BBD BMD BND BSD BZD CAD CLP COP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD XCD",
    "€": "EUR", "£": "GBP EGP FKP GIP SHP", "¥": "JPY CNY", "₹": "INR", "₩": "KRW", "US$": "USD", "R$": "BRL",
    "zł": "PLN",
}  # fmt: skip
"""The currencies that a sign beside an amount may stand for."""
_SIGN = re.compile(r"US\$|R\$|zł|[€£¥₹₩$]|[A-Za-z]{3}")
_MINUS = re.compile("[-\u2212\u2013]")
_BLANK = "[ \u00a0\u2007\u2009\u202f'\u2019]"
_LONE_COMMA = re.compile("[0-9]*,[0-9]*")
"""Which of two marks it is, nothing else says."""


def read_amounts(table: Table, column: str, decimal: DecimalMark | None) -> pl.Series:
    """Read a column of amounts, each with its row's `currency` where the table has one.

    Raises FrameError, which names the row, for what is missing, no number, no finite one, or can be read in two ways
    while `decimal` does not say which mark stands before the decimals.
    """
    money = table.texts("currency")["currency"] if "currency" in table.columns else [None] * table.frame.height
    read = []
    for row, value, currency in zip(table.rows, table.frame[column].to_list(), money, strict=True):
        with _naming(FrameError, f"{table.what}, row {row}: "):
            if cell_text(value) is None and not _is_nan(value):
                raise ValueError(f"it lacks its {column}; give a number, such as 1080.50")
            read.append(_amount(value, f"it has the {column} {shown(value)}, which", decimal, currency))
    return pl.Series(column, read, pl.Float64)


def read_currencies(table: Table, column: str = "currency") -> pl.Series:
    """Read a column of currencies. Raises FrameError, which names the row, for a word that is none."""
    read = []
    for row, value in zip(table.rows, table.texts(column)[column], strict=True):
        with _naming(FrameError, f"{table.what}, row {row}: "):
            if value is None:
                raise ValueError(f"it lacks its {column}; give a code of ISO 4217, such as USD")
            read.append(_currency(value, f"it has the {column} {shown(value)}, which"))
    return pl.Series(column, read, pl.String)


def amount_given(name: str, value: Any, decimal: DecimalMark | None = None) -> float:
    """Read an amount that is an argument: a number, or one as text. Raises InputError.

    >>> amount_given("budget", 160_000), amount_given("budget", "160,000.50")
    (160000.0, 160000.5)
    """
    with _naming(InputError):
        return _amount(value, f"{name}={shown(value)}", decimal, None)


def currency_given(name: str, value: Any) -> str:
    """Read a currency that is an argument. Raises InputError."""
    with _naming(InputError):
        return _currency(value, f"{name}={shown(value)}")


def check_decimal(decimal: object) -> None:
    """Refuse a decimal mark that is none."""
    if decimal is not None and not (isinstance(decimal, str) and decimal in (".", ",")):
        said = shown(decimal)
        raise InputError(f"decimal={said} is not allowed. Allowed: '.' and ',', the mark before the decimals.")


@contextmanager
def _naming(error: type[InputError], where: str = "") -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        text = str(problem)
        raise error(f"{where}{text}{'' if text.endswith('?') else '.'}") from None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _currency(value: Any, subject: str) -> str:
    word = folded_currency(value) if isinstance(value, str) else None
    if word is None or (word not in ISO_4217 and word not in CREDITS and word != UNSTATED):
        raise ValueError(f"{subject} is no currency of ISO 4217, such as USD.{did_you_mean(word, ISO_4217)}".strip("."))
    return word


def _amount(value: Any, subject: str, decimal: DecimalMark | None, currency: str | None) -> float:
    if isinstance(value, str):
        return _number(value.strip(), subject, decimal, currency)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ValueError(f"{subject} is no number; write it like 1080.50")
    try:
        read = float(value)
    except (TypeError, OverflowError):
        read = math.inf
    if not math.isfinite(read):
        raise ValueError(f"{subject} is no finite number; write it like 1080.50")
    return read


def _number(text: str, subject: str, decimal: DecimalMark | None, currency: str | None) -> float:
    """Read a number as text. Raises ValueError."""
    body, negative = _bare(text, subject, currency)
    readings = {mark: found for mark in (".", ",") if (found := _by_mark(body, mark)) is not None}
    if decimal is not None and decimal not in readings:
        like = "1080.50 or 1,080.50" if decimal == "." else "1080,50 or 1.080,50"
        raise ValueError(f"{subject} is no number with decimal={shown(decimal)}; write it like {like}")
    if not readings:
        raise ValueError(f"{subject} is no number; write it like 1080.50")
    if decimal is None and (len(set(readings.values())) > 1 or _LONE_COMMA.fullmatch(body)):
        ways = " and ".join(f"{value:.15g} with decimal={mark!r}" for mark, value in readings.items())
        raise ValueError(f"{subject} is {ways}; say which")
    found = readings[decimal] if decimal is not None else next(iter(readings.values()))
    return -found if negative else found


def _bare(text: str, subject: str, currency: str | None) -> tuple[str, bool]:
    """The digits and what parts them, and whether the amount is below zero: `-5`, `5-` and `(5)` are."""
    body = text
    negative = body.startswith("(") and body.endswith(")")
    if negative:
        body = body[1:-1].strip()
    signs = _SIGN.findall(body)
    if len(signs) == 1:
        _check_sign(signs[0], subject, currency)
        body = _SIGN.sub("", body).strip()
    marks = _MINUS.findall(body)
    if len(marks) == 1 and not negative and (_MINUS.match(body[0]) or _MINUS.match(body[-1])):
        return _MINUS.sub("", body).strip(), True
    return body.removeprefix("+").strip(), negative


def _check_sign(sign: str, subject: str, currency: str | None) -> None:
    fits = _SIGNS.get(sign, sign.upper()).split()
    if fits[0] not in ISO_4217:
        raise ValueError(f"{subject} is no number; write it like 1080.50")
    word = folded_currency(currency)
    if word is not None and word not in fits:
        raise ValueError(f"{subject} is in {fits[0]}, and its currency is {word}; correct one of them")


def _by_mark(body: str, mark: str) -> float | None:
    """What a text is where this mark stands before the decimals, and the other, or blanks, between thousands."""
    other = re.escape("," if mark == "." else ".")
    part = rf"(?P<part>{other}|{_BLANK})"
    whole = rf"[0-9]+|[1-9][0-9]{{0,2}}{part}[0-9]{{3}}(?:(?P=part)[0-9]{{3}})*"
    form = re.fullmatch(rf"(?P<whole>{whole})?(?:{re.escape(mark)}(?P<rest>[0-9]*))?", body)
    if form is None or not (form["whole"] or form["rest"]):
        return None
    return float(f"{re.sub('[^0-9]', '', form['whole'] or '0')}.{form['rest'] or '0'}")


# days -----------------------------------------------------------------------------------------------------------------

_Day = TypeVar("_Day", bound=date)

_YEARS = (1970, 2999)
"""A day of another year is a slip of the pen, and arithmetic with it soon has no calendar."""


def day_named(value: date | str, name: str) -> date:
    """Give the day (UTC) of a date, a moment, "2026-10" (its first) or "2026-10-05".

    >>> day_named("2026-10", "before"), day_named("2026-10-05", "before")
    (datetime.date(2026, 10, 1), datetime.date(2026, 10, 5))
    """
    if isinstance(value, date):
        return _dated(value, name).date() if isinstance(value, datetime) else _dated(value, name)
    try:
        text = f"{value}-01" if re.fullmatch(r"\d{4}-\d{2}", str(value)) else str(value)
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{name}={shown(value)} is no day; write it like '2026-10-05' or '2026-10'.") from error
    return _dated(day, name)


def moment_named(value: date | str, name: str) -> datetime:
    """Give the moment (UTC) of a day, which is its begin, or of a moment: a datetime, or text in ISO form.

    >>> moment_named("2026-10-05", "now").hour, moment_named("2026-10-05T14:30Z", "now").hour
    (0, 14)
    """
    if isinstance(value, str) and "T" in value:
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return _dated(value, name)
    return datetime.combine(day_named(value, name), time(), UTC)


def _dated(value: _Day, name: str) -> _Day:
    """A day, or a moment in UTC, of a year that records can have."""
    if not _YEARS[0] <= value.year <= _YEARS[1]:
        raise InputError(f"{name}={shown(value)} is of no year that records have; give one from {_YEARS[0]} on.")
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return value
