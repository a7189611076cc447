"""Showback: the bill by team and by person, adding up, each table with a CSV to take along."""

from __future__ import annotations

import base64
from html import escape

import polars as pl

from truto_usage_nb.questions import with_labels
from truto_usage_nb.questions.people import PERSON, newest_mails
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, note
from truto_usage_nb.reports.parts.naming import label_of, span_name
from truto_usage_nb.reports.parts.placing import shares_table, with_shares
from truto_usage_nb.reports.parts.tables import NOBODY, PINNED, spend, table, text
from truto_usage_nb.spreadsheets import csv_text

__all__ = ["by_label", "by_person", "csv_link", "label_lines", "person_lines"]

_LAST = (NOBODY, "(unlabelled)")


def label_lines(book: Book, label: str) -> pl.DataFrame:
    """Give the cost by one column of the reader's own labels; what belongs to nobody stands last, vendor by vendor.

    What no person used is not attributed, as by person; a person whom the table does not name is unlabelled.
    """
    label = book.label_named(label)
    labelled = _labelled(book, _with_persons(book, book.now), label)
    return _ranked(book, book.costs(labelled, [label, "integration"]), label)


def _with_persons(book: Book, frame: pl.DataFrame) -> pl.DataFrame:
    """Add the newest e-mail of each record's person, null where it has none."""
    frame = frame.with_columns(pl.col("user_email").str.strip_chars().str.to_lowercase())
    mails, told = newest_mails(frame, book.result.polars)
    book.told.extend(text for text in told if text not in book.told)
    return frame.with_columns(pl.coalesce(mails, "user_email").alias(PERSON))


def _labelled(book: Book, frame: pl.DataFrame, label: str) -> pl.DataFrame:
    assert book.labels is not None
    labels = book.labels.select("email", label)
    labelled: pl.DataFrame = book.hear(lambda: with_labels(frame, labels))
    return labelled.with_columns(pl.when(pl.col(PERSON).is_null()).then(pl.lit(NOBODY)).otherwise(label).alias(label))


def person_lines(book: Book) -> pl.DataFrame:
    """Give the cost by person and, where labels are given, their `team` or other first label.

    Whoever had several e-mails stands under the newest; a label belongs to the e-mail that the record states.
    """
    label = _first_label(book)
    frame = _with_persons(book, book.now)
    names = ["user_email"]
    if label is not None:
        frame = _labelled(book, frame, label)
        names.append(label)
    costs = book.costs(frame, [PERSON, *names[1:], "integration"]).rename({PERSON: "user_email"})
    return _ranked(book, costs, *names)


def _first_label(book: Book) -> str | None:
    return None if book.labels is None else next((name for name in book.labels.columns if name != "email"), None)


def _ranked(book: Book, costs: pl.DataFrame, *names: str) -> pl.DataFrame:
    """Add up what has a cost by the names, nobody's by vendor and last, with the share of each currency."""
    first = pl.col(names[0]).fill_null(NOBODY)
    vendor = pl.col("integration").map_elements(label_of, pl.String)
    named = pl.when(first.is_in(_LAST)).then(pl.format("{} {}", first, vendor)).otherwise(first)
    stated = costs.filter(pl.col("cost").is_not_null()).with_columns(
        first.is_in(_LAST).alias(PINNED), named.alias(names[0])
    )
    lines = stated.group_by(*names, PINNED, "currency").agg(pl.col("cost").sum())
    order = [book.place(), PINNED, "cost", *names]
    return with_shares(lines.sort(order, descending=[False, False, True, *([False] * len(names))]))


def by_label(book: Book, label: str = "team", *, top: int = 20, csv: bool = False) -> Html:
    """Show the cost by a label such as team, adding up to the bill; `csv` puts a file to take along beside it."""
    if book.labels is None:
        return note(f"No table of people was given (labels=, with email and {label}), so nothing is told by {label}.")
    label = book.label_named(label)
    lines = label_lines(book, label)
    shown = shares_table(book, lines, label, label.capitalize(), top=top)
    return shown + csv_link(book, lines.drop(PINNED), label) if csv else shown


def by_person(book: Book, *, top: int | None = None) -> Html:
    """Show the cost by person, with a file of all, and of each team its own."""
    lines = person_lines(book)
    label = _first_label(book) if book.labels is not None else None
    columns = {"user_email": text("Person"), **({label: text(label.capitalize())} if label else {})}
    shown = table(
        lines,
        {**columns, "cost": spend("Cost so far" if book.running else "Cost")},
        order=book.currencies,
        name="people",
        totals=("cost",),
        top=top,
    )
    shown = shown + csv_link(book, lines.drop(PINNED), "people")
    if label is None:
        return shown
    links = [_link(book, part.drop(PINNED), f"{label}-{part[label][0]}") for part in lines.partition_by(label)]
    return shown + Html(f'<p class="download">Each {escape(label)} by itself: {" · ".join(sorted(links))}</p>')


def csv_link(book: Book, lines: pl.DataFrame, what: str) -> Html:
    """Put a CSV into the page, to be saved by a click."""
    return Html(f'<p class="download">Save as {_link(book, lines, what)}</p>')


def _link(book: Book, lines: pl.DataFrame, what: str) -> str:
    exact = pl.col(pl.Float64).round(6)  # what lies beyond comes of adding in another order
    stated = lines.select(pl.lit(span_name(book.period)).alias("period"), pl.exclude(pl.Float64), exact)
    data = base64.b64encode(csv_text(stated).encode()).decode("ascii")
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in what).strip("-")
    return (
        f'<a download="showback-{escape(name)}-{book.period.start:%Y-%m-%d}.csv" '
        f'href="data:text/csv;charset=utf-8;base64,{data}">{escape(what)}.csv</a>'
    )
