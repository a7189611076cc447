"""Coverage as a person reads it: a table to paste into a mail, and the same as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from truto_usage_nb.format import escape, money, number, percent

__all__ = ["coverage_html", "coverage_text"]

_HEAD = (
    "account",
    "report type",
    "records",
    "days",
    "missing",
    "cost",
    "tokens",
    "with a price",
    "final until",
    "flags",
)
_RIGHT = {"records", "days", "cost", "tokens", "with a price"}
_KEY = ("integrated_account_id", "integration", "report_type")
_MAY_WRAP = {"account", "missing", "flags"}
_CELL = "padding:3px 12px 3px 0;vertical-align:top;border-bottom:1px solid #ddd;"


def coverage_html(tables: Mapping[str, pl.DataFrame], notes: tuple[str, ...], *, partial: bool) -> str:
    """Give one table with inline styles only, so that a mail shows it; everything from the API is escaped."""
    head = "".join(f'<th style="{_style(name)}">{name}</th>' for name in _HEAD)
    body = "".join(
        f"<tr>{''.join(_cell(name, text) for name, text in zip(_HEAD, row, strict=True))}</tr>" for row in _rows(tables)
    )
    below = "".join(f"<p>{escape(note)}</p>" for note in _below(notes, partial=partial))
    return f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}'


def coverage_text(tables: Mapping[str, pl.DataFrame], notes: tuple[str, ...], *, partial: bool) -> str:
    """Give the same as aligned text."""
    rows = [_HEAD, *_rows(tables)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        "  ".join(
            text.rjust(w) if name in _RIGHT else text.ljust(w) for name, text, w in zip(_HEAD, row, widths, strict=True)
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in (*lines, *_below(notes, partial=partial)))


def _rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, ...]]:
    silent_first = tables["accounts"].sort(pl.col("records") > 0, maintain_order=True)
    for row in silent_first.iter_rows(named=True):
        key = {name: row[name] for name in _KEY}
        yield (
            f"{row['integrated_account_id'] or '–'} ({row['integration'] or 'unknown'})",
            row["report_type"] or "–",
            number(row["records"]),
            f"{row['days_held']} ({row['first_day'] or '–'} to {row['last_day'] or '–'})",
            row["missing_days"] or ("not known" if row["days_missing"] is None else "none"),
            _money(_of(tables["money"], key)),
            number(row["tokens"]),
            percent(row["priced_share"]),
            f"{row['settled_until']:%Y-%m-%d}" if row["settled_until"] else "–",
            _flags(_of(tables["flags"], key), row),
        )


def _of(table: pl.DataFrame, key: Mapping[str, Any]) -> pl.DataFrame:
    return table.filter(pl.all_horizontal(*(pl.col(name).eq_missing(pl.lit(value)) for name, value in key.items())))


def _money(rows: pl.DataFrame) -> str:
    return ", ".join(money(cost, currency) for currency, cost in rows.select("currency", "cost").iter_rows()) or "–"


def _flags(rows: pl.DataFrame, account: Mapping[str, Any]) -> str:
    found = [_flag(*row) for row in rows.select("cost_flag", "records", "currency", "cost").iter_rows()]
    marks = [f"{number(account[name])} {name}" for name in ("overhanging", "repeated") if account[name]]
    nothing = [] if account["records"] else ["delivered nothing"]
    return "; ".join([*nothing, *found, *marks]) or "none"


def _flag(flag: str, records: int, currency: str | None, cost: float | None) -> str:
    return f"{flag} {number(records)}" + (f" ({money(cost, currency)})" if cost else "")


def _below(notes: tuple[str, ...], *, partial: bool) -> Iterator[str]:
    if partial:
        yield "Some of what was asked for did not arrive: these figures are partial."
    yield from notes
    yield "Not in these figures, because no API returns them: seats, purchases and tax that no record states."


def _style(name: str) -> str:
    wrap = "" if name in _MAY_WRAP else "white-space:nowrap;"
    return f"{_CELL}{wrap}text-align:{'right' if name in _RIGHT else 'left'}"


def _cell(name: str, text: str) -> str:
    return f'<td style="{_style(name)}">{escape(text)}</td>'
