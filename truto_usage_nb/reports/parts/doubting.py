"""What could make the bill another one, each doubt with the money it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from truto_usage_nb.costs import Coverage
from truto_usage_nb.costs.coverage import days_over
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, note, plural
from truto_usage_nb.reports.parts.naming import label_of, span_name
from truto_usage_nb.reports.parts.silence import silent_names
from truto_usage_nb.reports.parts.state import open_vendors
from truto_usage_nb.reports.parts.tables import spend, table, text

__all__ = ["Doubt", "doubts", "uncertainty"]


class Doubt(NamedTuple):
    """One doubt: what it is about, how much money it concerns in its currency, and how that was reckoned.

    Amount and currency are None where nobody can say how much it is.
    """

    what: str
    amount: float | None
    currency: str | None
    how: str


def doubts(book: Book) -> list[Doubt]:
    """Give every doubt, the largest of each currency first, never weighed across two; last what has no amount."""
    held = book.coverage
    found = [
        *_failed(book), *_silent(book), *_open(book), *_missing(book, held), *_unpriced(book), *_positive_credits(held),
        *_nameless(book),
    ]  # fmt: skip
    places: dict[str | None, int] = {currency: place for place, currency in enumerate(book.currencies)}
    places[None] = len(places) + 1

    def place(each: Doubt) -> tuple[int, str, float, str]:
        return places.get(each.currency, len(places) - 1), each.currency or "", -abs(each.amount or 0.0), each.what

    return sorted(found, key=place)


def _failed(book: Book) -> Iterator[Doubt]:
    """Who failed, at what it billed in the period before where nothing of it is in this one."""
    for each in book.failed:
        known = not each.by_user and each.account not in {lost.account for lost in book.failed_before}
        before = book.bill_before if known else None
        mine = None if before is None else before.filter(pl.col("integrated_account_id").eq_missing(each.account))
        sums = [] if mine is None or _bills(book.bill, each.account) else _sums(mine)
        for currency, amount in sums:
            how = f"at what it billed in {span_name(period_before(book.period))}; {each.reason}"
            yield Doubt(each.what, amount, currency, how)
        if not sums:
            unknown = "who used what is not known" if each.by_user else "how much money that is nobody can say"
            yield Doubt(each.what, None, None, f"{unknown}; {each.reason}")


def _silent(book: Book) -> Iterator[Doubt]:
    """Who was asked and delivered nothing, at what it billed in the period before, where it did."""
    before = book.bill_before
    for name, account in {view.label: view.account for view in book.silent}.items():
        what = next(iter(silent_names(view for view in book.silent if view.account == account)), name)
        mine = None if before is None else before.filter(pl.col("integrated_account_id").eq_missing(pl.lit(account)))
        sums = [] if mine is None or _bills(book.bill, account) else _sums(mine)
        for currency, amount in sums:
            how = f"at what it billed in {span_name(period_before(book.period))}; nobody says whether there was none"
            yield Doubt(f"no record came of {what}", amount, currency, how)
        if not sums:
            yield Doubt(f"no record came of {what}", None, None, "how much money that is, if any, nobody can say")


def _bills(bill: pl.DataFrame, account: str | None) -> bool:
    return bool(_sums(bill.filter(pl.col("integrated_account_id").eq_missing(pl.lit(account)))))


def _open(book: Book) -> Iterator[Doubt]:
    for each in open_vendors(book):
        late = book.bill.filter((pl.col("integration") == each.integration) & (pl.col("period_start") >= each.since))
        for currency, amount in _sums(late):
            how = f"its bill from {each.since:%Y-%m-%d} on, which the vendor may still revise"
            yield Doubt(f"{label_of(each.integration)} is not final", amount, currency, how)


def _missing(book: Book, held: Coverage) -> Iterator[Doubt]:
    view = ["integrated_account_id", "report_type"]
    billed = held.accounts.join(held.money.select(view).unique(), on=view, how="semi", nulls_equal=True)
    rows = billed.filter((pl.col("days_missing") > 0) & (pl.col("days_held") > 0)).sort(view, nulls_last=True)
    for account, stated, days_held in rows.select("integrated_account_id", "missing_days", "days_held").iter_rows():
        days, missing = days_over(stated, book.result.fetched_at.date())
        if not days:
            continue
        for currency, amount in _sums(book.bill.filter(pl.col("integrated_account_id") == account)):
            how = f"{plural(days, 'day')} without a record ({missing}), at the account's mean of the days held"
            yield Doubt(f"{account} has a gap", amount / days_held * days, currency, how)


def _unpriced(book: Book) -> Iterator[Doubt]:
    tokens = book.by("integrated_account_id").filter(pl.col("unpriced_tokens") > 0)
    unpriced = dict(tokens.group_by("integrated_account_id").agg(pl.col("unpriced_tokens").sum()).iter_rows())
    for row in book.estimates.filter(pl.col("cost").is_null() & (pl.col("estimated_cost") > 0)).iter_rows(named=True):
        account = row["integrated_account_id"]
        if account in unpriced:
            how = f"{unpriced[account]:,} tokens that no bill states, at list price ({row['price_source']})"
            yield Doubt(f"{account} has tokens without a price", row["estimated_cost"], row["estimate_currency"], how)


def _positive_credits(held: Coverage) -> Iterator[Doubt]:
    """A credit stated as a positive number: read as a reduction, though it may take an earlier one back."""
    flagged = held.flags.filter((pl.col("cost_flag") == "credit_sign") & (pl.col("cost") != 0))
    for account, currency, credit in flagged.select("integrated_account_id", "currency", "cost").iter_rows():
        how = "a positive credit was read as a reduction; if it takes back an earlier one, so much more is payable"
        yield Doubt(f"{account} states a credit of unclear sign", 2 * abs(credit), currency, how)


def _nameless(book: Book) -> Iterator[Doubt]:
    for currency, amount in _sums(book.bill.filter(pl.col("currency") == "XXX")):
        yield Doubt("amounts whose currency nobody stated", amount, currency, "their sum, kept apart from every total")


def _sums(bill: pl.DataFrame) -> list[tuple[str, float]]:
    stated = bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum())
    return [(currency, amount) for currency, amount in stated.sort("currency").iter_rows() if amount]


def uncertainty(book: Book) -> Html:
    """Show every doubt with its money, the largest first."""
    found = doubts(book)
    if not found:
        return note("Nothing is known that could change these figures.")
    kinds = {"what": pl.String, "amount": pl.Float64, "currency": pl.String, "how": pl.String}
    frame = pl.DataFrame(found, schema=kinds, orient="row")
    columns = {
        "what": text("What is uncertain"),
        "amount": spend("Money concerned"),
        "how": text("How it was reckoned"),
    }
    return table(frame, columns, order=book.currencies, name="doubts")
