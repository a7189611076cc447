"""The answer in three sentences, made from the figures."""

from __future__ import annotations

from html import escape

import polars as pl

from truto_usage_nb.costs.coverage import days_over
from truto_usage_nb.format import money, percent
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.comparing import Comparison, of_longer
from truto_usage_nb.reports.parts.doubting import doubts
from truto_usage_nb.reports.parts.markup import Html, joined, plural
from truto_usage_nb.reports.parts.naming import days_name, label_of, span_name
from truto_usage_nb.reports.parts.silence import compared, nothing_came, silent_names, uncompared_told

__all__ = ["answer", "sentences"]


def answer(book: Book) -> Html:
    """Say what it cost, what changed, and what is most uncertain."""
    return Html('<div class="answer">' + "".join(f"<p>{escape(each)}</p>" for each in sentences(book)) + "</div>")


def sentences(book: Book) -> list[str]:
    """Give the three sentences as text."""
    return [_cost(book), _change(book), _doubt(book)]


def _cost(book: Book) -> str:
    lost = [each for each in book.failed if not each.by_user]
    without = f" Not in it: {'; '.join(str(each) for each in lost)}." if lost else ""
    if nothing_came(book):
        of = f" of {joined(silent_names(book.silent))}" if book.silent else ""
        return f"{span_name(book.period)}: no record came{of}, so nothing is known of what it cost.{without}"
    totals = _totals(book, book.bill)
    if not totals:
        return f"{book.name}: no record states a cost.{without}"
    whole = joined(_amount(amount, currency) for currency, amount in totals.items())
    currency, amount = next(iter(totals.items()))
    vendors = book.by("integration").filter((pl.col("currency") == currency) & (pl.col("cost") > 0))
    parts = [
        f"{label_of(name)} {money(cost, currency)} ({percent(cost / amount)})"
        for name, cost in vendors.select("integration", "cost").head(3).iter_rows()
    ]
    largest = f"; the largest are {joined(parts)}" if len(parts) > 1 and amount > 0 else ""
    least = "at least " if lost else ""
    return f"{book.name} cost {least}{whole}, before credits and tax{largest}.{without}"


def _totals(book: Book, bill: pl.DataFrame) -> dict[str, float]:
    """The total of each currency, in the report's order."""
    stated = bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum()).sort("currency")
    sums = dict(stated.iter_rows())
    return {one: sums[one] for one in dict.fromkeys((*book.currencies, *sums)) if one in sums}


def _amount(amount: float, currency: str) -> str:
    return f"{amount:,.0f} in a currency nobody stated" if currency == "XXX" else money(amount, currency)


def _change(book: Book) -> str:
    before, name = book.bill_before, days_name(period_before(book.period))
    if before is None:
        return book.nothing_before
    apart, held = " ".join(uncompared_told(book)), book.comparison
    if book.before is not None and book.before.is_empty():
        return f"Nothing can be compared with {name}. {apart or 'No record of it came.'}"
    if held is None:
        return f"Nothing can be compared with {name}. {apart}" if apart else book.nothing_before
    bills = compared(book, held.cut(before, earlier=True)), compared(book, held.cut(book.bill))
    was, now = (_totals(book, bill) for bill in bills)
    parts = [_compared(was.get(one), now.get(one), one) for one in dict.fromkeys((*now, *was)) if one != "XXX"]
    name = f"{days_name(held.before)}{_which(held)}"
    if not parts:
        silent = apart or nothing_came(book)
        return f"Nothing can be compared with {name}. {apart}".strip() if silent else f"{name} states no cost either."
    head = f"Against {name} the same days so far are" if held.so_far else f"Against {name} that is"
    among = " for the accounts with records of both" if apart else ""
    more = f"{_mover(book, *bills)}{_left_out(book, held, before)}{apart and ' ' + apart}"
    return f"{head} {joined(parts)}{among}.{more}"


def _which(held: Comparison) -> str:
    """Say of a day or a week which one it is held against."""
    days = None if held.so_far else (held.now.end - held.now.start).days
    return {1: ", the day before,", 7: ", the week before,"}.get(days or 0, "")


def _left_out(book: Book, held: Comparison, before: pl.DataFrame) -> str:
    """Say of a period that runs what its comparison cannot hold."""
    if not held.so_far:
        return ""
    sums = [{(name, currency): cost for name, currency, cost in of_longer(bill).sort(pl.all()).iter_rows()}
            for bill in (book.bill, before)]  # fmt: skip
    whole = span_name(period_before(book.period))
    parts = [
        f"{label_of(key[0])}, {_amount(sums[0].get(key, 0.0), key[1])} so far and "
        f"{_amount(sums[1].get(key, 0.0), key[1])} in all of {whole}"
        for key in dict.fromkeys((*sums[0], *sums[1]))
    ]
    return f" Left out is what is stated for longer than a day: {joined(parts)}." if parts else ""


def _compared(was: float | None, now: float | None, currency: str) -> str:
    if was is None or now is None:
        return f"{money(now or was, currency)} {'new' if was is None else 'gone'}"
    change = now - was
    share = f" ({percent(abs(change) / abs(was))})" if was else ""
    return f"{money(abs(change), currency)} {'more' if change >= 0 else 'less'}{share}"


def _mover(book: Book, before: pl.DataFrame, now: pl.DataFrame) -> str:
    """Name the vendor that moved most, in the leading currency."""
    currency = next(iter(_totals(book, now)), None)
    sides = [
        book.by("integration", bill=bill).filter(pl.col("currency") == currency).select("integration", "cost")
        for bill in (now, before)
    ]
    both = sides[0].join(sides[1], on="integration", how="full", coalesce=True, suffix="_was").fill_null(0.0)
    moved = both.with_columns(change=pl.col("cost") - pl.col("cost_was")).sort(pl.col("change").abs(), descending=True)
    if not moved.height or not moved["change"][0]:
        return ""
    row = moved.row(0, named=True)
    sign = "up" if row["change"] > 0 else "down"
    gap = _gap(book, row["integration"]) if sign == "down" else ""
    return f" {label_of(row['integration'])} moved most: {sign} {money(abs(row['change']), currency)}{gap}."


def _gap(book: Book, integration: str) -> str:
    """Say which days of the period a vendor's billing accounts lack: less of them is not less used.

    Days after those that are compared have no part in the change.
    """
    until = book.period.end if book.comparison is None else book.comparison.now.end
    view = ["integrated_account_id", "report_type"]
    held = book.coverage
    billed = held.accounts.join(held.money.select(view).unique(), on=view, how="semi", nulls_equal=True)
    rows = billed.filter((pl.col("integration") == integration) & (pl.col("days_missing") > 0)).sort(view)
    stated = rows.select(view[0], "missing_days").iter_rows()
    lacking = [(account, *days_over(days, book.result.fetched_at.date())) for account, days in stated]
    gaps = [
        f"{plural(days, 'day')} of {account} without a record ({missing})"
        for account, days, missing in lacking
        if missing is not None and missing < f"{until:%Y-%m-%d}"  # it begins with the first of them
    ]
    return f", with {joined(gaps)}" if gaps else ""


def _doubt(book: Book) -> str:
    found = doubts(book)
    if not found:
        return "Nothing is known that could still change these figures."
    largest = found[0]
    if largest.amount is None or largest.currency is None:
        return f"{largest.what}: {largest.how}."
    amount = _amount(abs(largest.amount), largest.currency)
    unknown = [each.what for each in found if each.amount is None]
    more = f" Beside it no money can be put on this: {'; '.join(unknown)}." if unknown else ""
    return f"The largest uncertainty is {amount}: {largest.what} ({largest.how}).{more}"
