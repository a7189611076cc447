"""How far the figures may be trusted: what is not final, who delivered nothing, what is covered, what changed since.

Silence is no saving: who was asked and delivered nothing is left out of what is compared, and said so. Each doubt comes
with the money it concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

import polars as pl

from truto_usage_nb.costs import Coverage
from truto_usage_nb.costs.coverage import days_over
from truto_usage_nb.errors import InputError
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.loading import failed_in, period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import (
    Html,
    TableColumn,
    a_day,
    as_written,
    count,
    days_name,
    fold,
    id_text,
    in_its_currency,
    in_words,
    joined,
    label_of,
    millions,
    note,
    notes,
    plural,
    share,
    span_name,
    spend,
    stretches,
    table,
    text,
)
from truto_usage_nb.reports.parts.records import starting_in
from truto_usage_nb.reports.spans import during
from truto_usage_nb.unanswered import SilentView

__all__ = [
    "account_named",
    "compared",
    "coverage",
    "doubts",
    "final_on",
    "gathered",
    "known_vendors",
    "not_in_these_figures",
    "nothing_came",
    "open_vendors",
    "restated",
    "restatements",
    "silent_names",
    "states",
    "uncertainty",
    "uncompared_told",
]

_DAY = timedelta(days=1)
_LOOK_AHEAD = 400


class Open(NamedTuple):
    """A vendor whose figures of the period may still change from `since` on, and the day they are final."""

    integration: str
    since: datetime
    final_on: datetime | None


def open_vendors(book: Book) -> list[Open]:
    """Give the vendors that are not final up to the period's end, the earliest open day of each."""
    settled = book.result.settled_until
    held = book.now.select("integrated_account_id", "integration").unique().sort(pl.all()).rows()
    accounts = [*held, *((view.account, view.integration) for view in book.silent)]
    found: dict[str, Open] = {}
    for account, integration in accounts:
        until = settled.get(account)
        if until is not None and integration and until < book.period.end:
            since = max(until, book.period.start)
            if integration not in found or since < found[integration].since:
                found[integration] = Open(integration, since, _final_on(book, integration))
    return list(found.values())


def _final_on(book: Book, integration: str) -> datetime | None:
    """Give the first day on which the vendor's rule calls the whole period final."""
    known = INTEGRATIONS.get(integration)
    if known is None:
        return None
    today = book.result.fetched_at.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (today + n * _DAY for n in range(_LOOK_AHEAD))
    return next((day for day in days if known.settled_until(day) >= book.period.end), None)


def final_on(book: Book) -> datetime | None:
    """Give the day on which the last vendor's figures are final; None when they are already, or none is known."""
    return max((each.final_on for each in open_vendors(book) if each.final_on is not None), default=None)


def states(book: Book) -> Iterator[str]:
    """Say of each vendor that is still open, since when and until when."""
    for each in open_vendors(book):
        end = f"final on {each.final_on:%Y-%m-%d}" if each.final_on is not None else "nobody says when it is final"
        yield f"{label_of(each.integration)} from {each.since:%Y-%m-%d} on, {end}"


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
    told = (_told_of(book, book.silent_before, then, now, book.bill), _told_of(book, book.silent, now, then, before))
    return [text for text in told if text] + _failed_told(book, before)


def _failed_told(book: Book, before: pl.DataFrame) -> list[str]:
    """Say of who failed in one of the two periods that nothing of the account is compared."""
    sides = [(book.failed_before, period_before(book.period)), (book.failed, book.period)]
    known = {each.account for each in book.failed}  # of these the first sentence says why
    said: dict[str, list[str]] = {}
    for failed, span in sides:
        for each in failed:
            if not each.by_user:
                said.setdefault(each.what if each.account in known else str(each), []).append(days_name(span))
    told = [f"{' and '.join(spans)}: {text}." for text, spans in said.items()]
    mine = pl.col("integrated_account_id").is_in([each.account for failed, _ in sides for each in failed])
    stated = [
        f"{joined(amounts)} of {days_name(span)}"
        for bill, (_, span) in zip((before, book.bill), sides, strict=True)
        if (amounts := _amounts(book, bill.filter(mine)))
    ]
    return [*told, f"Not compared for that: {joined(stated)}."] if stated else told


def _amounts(book: Book, bill: pl.DataFrame) -> list[str]:
    sums = bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum()).sort("currency")
    return [book.money(amount, currency) for currency, amount in sums.iter_rows()]


def _told_of(book: Book, silent: Sequence[SilentView], there: Period, other: Period, bill: pl.DataFrame) -> str:
    views = [view for view in silent if view.account in book.one_sided]
    if not views:
        return ""
    names = silent_names(views)
    shown = names if len(names) <= _NAMED else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    mine = bill.filter(pl.col("integrated_account_id").is_in([view.account for view in views]))
    amounts = _amounts(book, mine)
    rest = f"{joined(amounts)} of {days_name(other)}" if amounts else f"what {days_name(other)} has"
    verb = "are" if len(amounts) > 1 else "is"
    return f"No record came for {days_name(there)} of {joined(shown)}: {rest} {verb} not compared."


_KEY = ("integrated_account_id", "integration", "report_type")


def not_in_these_figures(book: Book) -> Html:
    """Say what no figure can hold: who failed, and what an invoice may hold that no usage API tells.

    What was said beside the invoice, vendor by vendor, is folded here.
    """
    lost = "".join(f"<li>{escape(each)}</li>" for each in book.not_in_it)
    failed = f'<div class="aside act"><ul>{lost}</ul></div>' if lost else ""
    beyond = {label_of(name): INTEGRATIONS[name].beyond for name in known_vendors(book)}
    lines = "".join(f"<li><strong>{escape(name)}</strong>: {escape(text)}</li>" for name, text in beyond.items())
    listed = Html(f"<ul>{lines}</ul>")
    general = "What an invoice may hold that no usage API tells, and so no figure here"
    end = "Tax counts where a record states it. No total here is an invoice: it is what was metered."
    said = fold(general, listed) if book.invoices is not None else Html(f"<p>{general}:</p>") + listed
    return Html(f'{failed}<div class="aside">{said.markup}<p>{end}</p></div>')


def known_vendors(book: Book) -> list[str]:
    """The integrations with a record of the period, or that were asked for some."""
    held = {*book.now["integration"].drop_nulls(), *(view.integration for view in book.silent)}
    return sorted(name for name in held if name in INTEGRATIONS)


def coverage(book: Book) -> Html:
    """Show days held and missing, money, and the share of priced tokens of each account and report type.

    What lacks a day, a record or a price stands first; what is fine is folded.
    """
    held = book.coverage
    accounts = held.accounts.with_columns(
        cost=pl.Series(
            [_money(book, held.money, row) for row in held.accounts.select(_KEY).iter_rows()], dtype=pl.String
        ),
        vendor=pl.col("integration").map_elements(label_of, pl.String),
        missing_days=pl.col("missing_days").map_elements(stretches, pl.String).fill_null("none"),
    )
    lost = [str(each.account) for each in book.failed]
    lacking = (
        (pl.col("days_missing").fill_null(0) > 0)
        | (pl.col("records") == 0)
        | (pl.col("priced_share") < _ALL_PRICED)
        | pl.col("integrated_account_id").is_in(lost)
    ).fill_null(value=False)
    short, fine = accounts.filter(lacking).sort(pl.col("records") > 0, maintain_order=True), accounts.filter(~lacking)
    seen = short["records"].eq(0).any()  # who delivered nothing has a line, and need not be named again below
    notes_ = [text for text in held.notes if not (seen and text.startswith(_NOTHING_CAME))]
    below = [text for text in notes_ if text not in book.result.gaps] + book.lacking
    whole = "Every account has records of every day, and a price for its tokens." if not short.height else ""
    shown = note(whole) if whole else _covered(short, "What is missing, account by account", "coverage")
    rest = fold(_fine(fine.height, accounts.height), _covered(fine, None, "covered")) if fine.height else Html("")
    return shown + rest + notes(below)


_ALL_PRICED = 0.995
_NOTHING_CAME = "asked, and delivered no record"


def _fine(fine: int, of: int) -> str:
    most = f"{fine} of {of}" if fine < of else f"any of {of}"
    return (
        f"Nothing is missing of {most} accounts and report types"
        if of > 1
        else "Days, records and money of the account"
    )


def _covered(accounts: pl.DataFrame, title: str | None, name: str) -> Html:
    columns = {
        "vendor": text("Vendor"),
        "report_type": TableColumn("Report type", "id"),
        "missing_days": text("Days missing"),
        "records": count("Records"),
        "cost": as_written("Cost stated"),
        "tokens": millions("Tokens, millions"),
        "priced_share": share("Priced"),
        "settled_until": a_day("Final until"),
        "integrated_account_id": id_text("Account"),
    }
    return table(accounts, columns, name=name, title=title, drop=("report_type",))


def _money(book: Book, stated: pl.DataFrame, key: tuple[str | None, ...]) -> str:
    same = pl.all_horizontal(*(pl.col(name).eq_missing(pl.lit(value)) for name, value in zip(_KEY, key, strict=True)))
    return (
        " and ".join(
            book.money(cost, currency) for currency, cost in stated.filter(same).select("currency", "cost").rows()
        )
        or "–"
    )


class Doubt(NamedTuple):
    """One doubt: what it is about, how much money it concerns in its currency, and how that was reckoned.

    Amount and currency are None where nobody can say how much it is. Those of one `kind` say the same of another
    account each, `account`.
    """

    what: str
    amount: float | None
    currency: str | None
    how: str
    kind: str = ""
    account: str = ""


def doubts(book: Book) -> list[Doubt]:
    """Give every doubt, the largest of each currency first, never weighed across two; last what has no amount."""
    held = book.coverage
    found = [
        *_failed(book), *_silent(book), *_open(book), *_missing(book, held), *_unpriced(book),
        *_positive_credits(book, held), *_nameless(book),
    ]  # fmt: skip
    return sorted(found, key=_place_of(book))


def _place_of(book: Book) -> Callable[[Doubt], tuple[int, str, float, str]]:
    places: dict[str | None, int] = {currency: place for place, currency in enumerate(book.currencies)}
    places[None] = len(places) + 1

    def place(each: Doubt) -> tuple[int, str, float, str]:
        return places.get(each.currency, len(places) - 1), each.currency or "", -abs(each.amount or 0.0), each.what

    return place


def account_named(book: Book, account: str | None) -> str:
    """Name an account with its vendor, as it may stand in a sentence."""
    sides = book.now.filter(pl.col("integrated_account_id").eq_missing(pl.lit(account)))["integration"].drop_nulls()
    return in_words(SilentView(account, sides[0] if sides.len() else None, None).label)


def _failed(book: Book) -> Iterator[Doubt]:
    """Who failed, at what it billed in the period before where nothing of it is in this one."""
    for each in book.failed:
        known = not each.by_user and each.account not in {lost.account for lost in book.failed_before}
        before = book.bill_before if known else None
        mine = None if before is None else before.filter(pl.col("integrated_account_id").eq_missing(each.account))
        sums = [] if mine is None or _bills(book.bill, each.account) else _sums(mine)
        for currency, amount in sums:
            how = f"at what it billed {during(period_before(book.period))}; {each.reason}"
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
            how = f"at what it billed {during(period_before(book.period))}; nobody says whether there was none"
            yield Doubt(f"no record came of {what}", amount, currency, how, "delivered no record", what)
        if not sums:
            yield Doubt(f"no record came of {what}", None, None, _NOBODY_KNOWS, "delivered no record", what)


_NOBODY_KNOWS = "how much money that is, if any, nobody can say"


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
            stretch = str(missing).replace("..", " to ")
            how = f"{plural(days, 'day')} without a record ({stretch}), at the account's mean of the days held"
            name = account_named(book, account)
            yield Doubt(
                f"{name} has a gap",
                amount / days_held * days,
                currency,
                how,
                f"have no record of {stretches(str(missing))}",
                name,
            )


def _unpriced(book: Book) -> Iterator[Doubt]:
    tokens = book.by("integrated_account_id").filter(pl.col("unpriced_tokens") > 0)
    unpriced = dict(tokens.group_by("integrated_account_id").agg(pl.col("unpriced_tokens").sum()).iter_rows())
    for row in book.estimates.filter(pl.col("cost").is_null() & (pl.col("estimated_cost") > 0)).iter_rows(named=True):
        account = row["integrated_account_id"]
        if account in unpriced:
            how = f"{unpriced[account]:,} tokens that no bill states, at list price ({row['price_source']})"
            name, kind = account_named(book, account), "have tokens without a price"
            yield Doubt(
                f"{name} has tokens without a price", row["estimated_cost"], row["estimate_currency"], how, kind, name
            )


def _positive_credits(book: Book, held: Coverage) -> Iterator[Doubt]:
    """A credit stated as a positive number: read as a reduction, though it may take an earlier one back."""
    flagged = held.flags.filter((pl.col("cost_flag") == "credit_sign") & (pl.col("cost") != 0))
    for account, currency, credit in flagged.select("integrated_account_id", "currency", "cost").iter_rows():
        how = "a positive credit was read as a reduction; if it takes back an earlier one, so much more is payable"
        name, kind = account_named(book, account), "state a credit of unclear sign"
        yield Doubt(f"{name} states a credit of unclear sign", 2 * abs(credit), currency, how, kind, name)


def _nameless(book: Book) -> Iterator[Doubt]:
    for currency, amount in _sums(book.bill.filter(pl.col("currency") == "XXX")):
        yield Doubt("amounts whose currency nobody stated", amount, currency, "their sum, kept apart from every total")


def _sums(bill: pl.DataFrame) -> list[tuple[str, float]]:
    stated = bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum())
    return [(currency, amount) for currency, amount in stated.sort("currency").iter_rows() if amount]


_ALIKE = 4
"""So many accounts of which the same is said become one line."""


def gathered(book: Book, found: Sequence[Doubt]) -> list[Doubt]:
    """Put doubts of which the same is to be said of many accounts into one each, the largest of each currency first."""
    alike: dict[tuple[str, str | None], list[Doubt]] = {}
    for each in found:
        alike.setdefault((each.kind or each.what, each.currency), []).append(each)
    made = [each for some in alike.values() for each in (some if len(some) < _ALIKE else [_one_of(book, some)])]
    return sorted(made, key=_place_of(book))


def _one_of(book: Book, some: Sequence[Doubt]) -> Doubt:
    first, amounts = some[0], [each.amount for each in some if each.amount is not None]
    what = f"{len(some)} accounts {first.kind}"
    if first.currency is None or not amounts:
        return Doubt(what, None, None, first.how)
    most = max(some, key=lambda each: abs(each.amount or 0.0))
    largest = f"the largest is {most.account}, {book.money(abs(most.amount or 0.0), first.currency)}: {most.how}"
    return Doubt(what, sum(amounts), first.currency, largest)


def uncertainty(book: Book) -> Html:
    """Show every doubt with its money, the largest first; of many accounts alike one line, and each in a fold."""
    found = doubts(book)
    if not found:
        return note("Nothing is known that could change these figures.")
    few = gathered(book, found)
    shown = _doubts_table(book, few, "doubts")
    return shown if len(few) == len(found) else shown + fold("Account by account", _doubts_table(book, found, "each"))


def _doubts_table(book: Book, found: Sequence[Doubt], name: str) -> Html:
    kinds = {"what": pl.String, "amount": pl.Float64, "currency": pl.String, "how": pl.String}
    frame = pl.DataFrame([each[:4] for each in found], schema=kinds, orient="row")
    columns = {
        "what": text("What is uncertain"),
        "amount": spend("Money concerned"),
        "how": text("How it was reckoned"),
    }
    return table(frame, columns, order=book.currencies, bill=book.totals, name=name)


def restated(book: Book) -> Html:
    """Say "September was reported as $x; it is now $y" for each period that both snapshots hold; nothing without an
    earlier one."""
    if book.earlier is None:
        return Html("")
    lines = restatements(book)
    then = f"{book.earlier.fetched_at:%Y-%m-%d}"
    totals = lines.group_by("period", "currency", maintain_order=True).agg(pl.col("reported", "now").sum())
    said = [_restatement(*row) for row in totals.select("period", "currency", "reported", "now").iter_rows()]
    changed = lines.filter(pl.col("change").abs() >= 0.005)
    text_ = "".join(note(each).markup for each in (*said, *_no_longer_here(book)))
    if not changed.height:
        return Html(text_)
    columns = {
        "period": text("Period"), "vendor": text("Vendor"), "reported": spend(f"Reported {then}"),
        "now": spend("Now"), "change": spend("Change"),
    }  # fmt: skip
    return Html(text_) + table(
        changed, columns, order=book.currencies, bill=book.totals, name="restated", totals=("reported", "now", "change")
    )


def _restatement(period: str, currency: str, reported: float, now: float) -> str:
    if abs(now - reported) < 0.005:
        return f"{period} was reported as {in_its_currency(reported, currency)}, and still is."
    digits = None if abs(now - reported) >= 1 else 2
    return (
        f"{period} was reported as {in_its_currency(reported, currency, digits)}; "
        f"it is now {in_its_currency(now, currency, digits)}."
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
    return pl.concat(_then_and_now(book, span) for span in spans)


def _holds(held: Period | None, span: Period) -> bool:
    return held is not None and held.start <= span.start and held.end >= span.end


def _then_and_now(book: Book, span: Period) -> pl.DataFrame:
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
    return _accounts(starting_in(frame, span, undated=False))


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
    records = starting_in(frame, span, undated=False)
    made = book.costs(records, "integration")
    return made.filter(pl.col("cost").is_not_null()).select("integration", "currency", "cost")
