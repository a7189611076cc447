"""Who was asked and delivered nothing in a period: left out of what is compared, and said so; silence is no saving."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from truto_usage_nb.format import money
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import joined
from truto_usage_nb.reports.parts.naming import span_name
from truto_usage_nb.unanswered import SilentView

__all__ = ["compared", "nothing_came", "silent_names", "uncompared_told"]

_NAMED = 5


def nothing_came(book: Book) -> bool:
    """Say whether the period has no record at all."""
    return book.now.is_empty()


def silent_names(views: Iterable[SilentView]) -> list[str]:
    """Name each account of some views, with the report types that are missing where it is not silent altogether."""
    kinds: dict[str, list[str]] = {}
    for view in views:
        kinds.setdefault(view.label, []).extend([] if view.report_type is None else [view.report_type])
    return [f"{name}: {joined(each)}" if each else name for name, each in kinds.items()]


def compared(book: Book, bill: pl.DataFrame) -> pl.DataFrame:
    """Keep the lines of the accounts that delivered in both periods: others cannot be compared."""
    return bill.filter(~pl.col("integrated_account_id").is_in(book.one_sided).fill_null(value=False))


def uncompared_told(book: Book) -> list[str]:
    """Say of each period who delivered nothing of it, and what of the other period is therefore not compared."""
    before = book.bill_before
    if before is None:
        return []
    then, now = period_before(book.period), book.period
    told = (_told(book, book.silent_before, then, now, book.bill), _told(book, book.silent, now, then, before))
    return [text for text in told if text] + _failed_told(book, before)


def _failed_told(book: Book, before: pl.DataFrame) -> list[str]:
    """Say of who failed in one of the two periods that nothing of the account is compared."""
    sides = [(book.failed_before, period_before(book.period)), (book.failed, book.period)]
    known = {each.account for each in book.failed}  # of these the first sentence says why
    said: dict[str, list[str]] = {}
    for failed, span in sides:
        for each in failed:
            if not each.by_user:
                said.setdefault(each.what if each.account in known else str(each), []).append(span_name(span))
    told = [f"{' and '.join(spans)}: {text}." for text, spans in said.items()]
    mine = pl.col("integrated_account_id").is_in([each.account for failed, _ in sides for each in failed])
    stated = [
        f"{joined(amounts)} of {span_name(span)}"
        for bill, (_, span) in zip((before, book.bill), sides, strict=True)
        if (amounts := _amounts(bill.filter(mine)))
    ]
    return [*told, f"Not compared for that: {joined(stated)}."] if stated else told


def _amounts(bill: pl.DataFrame) -> list[str]:
    sums = bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum()).sort("currency")
    return [money(amount, currency) for currency, amount in sums.iter_rows()]


def _told(book: Book, silent: Sequence[SilentView], there: Period, other: Period, bill: pl.DataFrame) -> str:
    views = [view for view in silent if view.account in book.one_sided]
    if not views:
        return ""
    names = silent_names(views)
    shown = names if len(names) <= _NAMED else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    mine = bill.filter(pl.col("integrated_account_id").is_in([view.account for view in views]))
    amounts = _amounts(mine)
    rest = f"{joined(amounts)} of {span_name(other)}" if amounts else f"what {span_name(other)} has"
    verb = "are" if len(amounts) > 1 else "is"
    return f"No record came for {span_name(there)} of {joined(shown)}: {rest} {verb} not compared."
