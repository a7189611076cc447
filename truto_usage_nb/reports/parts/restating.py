"""What a period was reported as in an earlier snapshot, and what it is now."""

from __future__ import annotations

import polars as pl

from truto_usage_nb.errors import InputError
from truto_usage_nb.format import money
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.loading import failed_in, period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, joined, note
from truto_usage_nb.reports.parts.naming import label_of, span_name
from truto_usage_nb.reports.parts.records import cut
from truto_usage_nb.reports.parts.tables import spend, table, text

__all__ = ["restated", "restatements"]


def restated(book: Book) -> Html:
    """Say "September was reported as $x; it is now $y" for each period that both snapshots hold; nothing without an
    earlier one."""
    if book.earlier is None:
        return Html("")
    lines = restatements(book)
    then = f"{book.earlier.fetched_at:%Y-%m-%d}"
    totals = lines.group_by("period", "currency", maintain_order=True).agg(pl.col("reported", "now").sum())
    said = [_sentence(*row) for row in totals.select("period", "currency", "reported", "now").iter_rows()]
    changed = lines.filter(pl.col("change").abs() >= 0.005)
    text_ = "".join(note(each).markup for each in (*said, *_no_longer_here(book)))
    if not changed.height:
        return Html(text_)
    columns = {
        "period": text("Period"), "vendor": text("Vendor"), "reported": spend(f"Reported {then}"),
        "now": spend("Now"), "change": spend("Change"),
    }  # fmt: skip
    return Html(text_) + table(
        changed, columns, order=book.currencies, name="restated", totals=("reported", "now", "change")
    )


def _sentence(period: str, currency: str, reported: float, now: float) -> str:
    if abs(now - reported) < 0.005:
        return f"{period} was reported as {money(reported, currency)}, and still is."
    digits = None if abs(now - reported) >= 1 else 2
    return (
        f"{period} was reported as {money(reported, currency, digits=digits)}; "
        f"it is now {money(now, currency, digits=digits)}."
    )


def restatements(book: Book) -> pl.DataFrame:
    """Give `period`, `integration`, `vendor`, `currency`, `reported`, `now`, `change` for the periods in both."""
    assert book.earlier is not None
    spans = [span for span in (period_before(book.period), book.period) if _holds(book.earlier.period, span)]
    spans = [span for span in spans if _holds(book.result.period, span)]
    if not spans:
        raise InputError(
            f"earlier: the snapshot holds {book.earlier.period}, which covers neither {span_name(book.period)} "
            f"nor {span_name(period_before(book.period))}"
        )
    return pl.concat(_compared(book, span) for span in spans)


def _holds(held: Period | None, span: Period) -> bool:
    return held is not None and held.start <= span.start and held.end >= span.end


def _compared(book: Book, span: Period) -> pl.DataFrame:
    assert book.earlier is not None
    accounts = _held(book.earlier.polars, span)
    mine = book.result.polars.filter(pl.col("integrated_account_id").is_in(_accounts(book.earlier.polars).implode()))
    lost = _lost(book, span)
    gone = accounts.filter(~accounts.is_in(_held(mine, span).implode()) | accounts.is_in(lost))
    mine = mine.filter(~pl.col("integrated_account_id").is_in(lost))  # of these nothing can be said
    then = book.earlier.polars.filter(~pl.col("integrated_account_id").is_in(gone.implode()).fill_null(value=False))
    sides = [_costs(book, frame, span) for frame in (then, mine)]
    both = sides[0].rename({"cost": "reported"}).join(
        sides[1].rename({"cost": "now"}), on=["integration", "currency"], how="full", coalesce=True
    )  # fmt: skip
    return both.sort("currency", "integration").select(
        pl.lit(span_name(span)).alias("period"),
        "integration",
        pl.col("integration").map_elements(label_of, pl.String).alias("vendor"),
        "currency",
        pl.col("reported", "now").fill_null(0.0),
        change=pl.col("now").fill_null(0.0) - pl.col("reported").fill_null(0.0),
    )


def _accounts(frame: pl.DataFrame) -> pl.Series:
    return frame["integrated_account_id"].drop_nulls().unique().sort()


def _lost(book: Book, span: Period) -> list[str]:
    """The accounts of which one of the two snapshots lacks something of a period, since it failed."""
    assert book.earlier is not None
    failed = (each for result in (book.result, book.earlier) for each in failed_in(result, span))
    return sorted({str(each.account) for each in failed if not each.by_user})


def _held(frame: pl.DataFrame, span: Period) -> pl.Series:
    """The accounts with records of a period."""
    return _accounts(cut(frame, span, undated=False))


def _no_longer_here(book: Book) -> list[str]:
    """Say of each account that was reported and has no record now: that is no restatement."""
    assert book.earlier is not None
    spans = [span for span in (period_before(book.period), book.period) if _holds(book.earlier.period, span)]
    told = []
    for span in (each for each in spans if _holds(book.result.period, each)):
        then, now = _held(book.earlier.polars, span), _held(book.result.polars, span)
        if lost := _lost(book, span):
            why = "could not be loaded for both snapshots; it is left out here"
            told.append(f"{span_name(span)}: {joined(lost)} {why}.")
        if gone := then.filter(~then.is_in(now.implode()) & ~then.is_in(lost)).to_list():
            told.append(
                f"{span_name(span)}: {joined(gone)} had been reported, and this snapshot has no record of it; "
                "it is left out here."
            )
    return told


def _costs(book: Book, frame: pl.DataFrame, span: Period) -> pl.DataFrame:
    records = cut(frame, span, undated=False)
    made = book.costs(records, "integration")
    return made.filter(pl.col("cost").is_not_null()).select("integration", "currency", "cost")
