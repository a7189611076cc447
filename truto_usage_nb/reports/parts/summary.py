"""The title with its state, the answer in three sentences, and the provenance foot.

The foot holds everything one needs to make the page again, and all that may differ between two loads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import version

import polars as pl

from truto_usage_nb.costs.coverage import days_over
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.costs.rule import RuleCard, cost_rule
from truto_usage_nb.format import percent
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import (
    Html,
    answered,
    code_lines,
    days_name,
    fold,
    in_words,
    isolated_html,
    joined,
    label_of,
    note,
    notes,
    pairs,
    plural,
)
from truto_usage_nb.reports.parts.records import Comparison, of_longer
from truto_usage_nb.reports.parts.trust import (
    compared,
    doubts,
    final_on,
    gathered,
    nothing_came,
    open_vendors,
    silent_names,
    states,
    uncompared_told,
)

__all__ = ["answer", "cost_sentence", "doubt_sentence", "foot", "head", "reproduce", "rule", "sentences"]


def head(book: Book, title: str = "what {} cost") -> Html:
    """Say what is reported on, of which period, and how far the figures may be trusted; `title` has `{}` for whom.

    The state is FINAL, PROVISIONAL until a day, INCOMPLETE where somebody asked failed or delivered nothing, or NO
    RECORD.
    """
    none = ": no record came" if nothing_came(book) else ""
    accounts = _accounts(book)
    loaded = f"loaded on {book.result.fetched_at:%Y-%m-%d}{', so far' if book.running else ''}"
    vendors = _vendors(book)
    of = f" of {joined(vendors)}" if vendors else ""
    facts = f"{plural(len(accounts), 'account')}{of};"
    still = "; ".join(states(book))
    open_ = note(f"May still change: {still}.").markup if still else ""
    lead = f'{_badge(book)} {escape(facts)} <span class="day">{escape(loaded)}</span>{none}'
    return Html(
        f"<h1>{isolated_html(f'{book.name}: {title.format(_subject(book))}')}</h1>"
        f'<p class="lead">{lead}</p>{open_}{_partial(book)}{_silent(book)}'
    )


def _accounts(book: Book) -> list[str]:
    """The accounts that were asked about, or have a record."""
    held = book.now["integrated_account_id"].drop_nulls().unique(maintain_order=True).to_list()
    asked = (query.integrated_account_id for query in book.result.queries)
    return list(dict.fromkeys([*held, *(str(each) for each in asked if each is not None)]))


def _vendors(book: Book) -> list[str]:
    held = {*book.now["integration"].drop_nulls(), *(each.integration for each in book.silent if each.integration)}
    held |= {side for side in book.result.integrations.values() if side}
    return sorted(label_of(name) for name in held)


def _subject(book: Book) -> str:
    """Name whom the report is of: one or two vendors by their names, of one account alone the account."""
    vendors, accounts = _vendors(book), _accounts(book)
    if not vendors or len(vendors) > _NAMED:
        return "the AI and data platforms"
    return f"{joined(vendors)} ({in_words(accounts[0])})" if len(accounts) == 1 else joined(vendors)


_NAMED = 2
"""So many vendors have room in a title."""


def state_line(book: Book) -> str:
    """Write the state as the strip has it."""
    if nothing_came(book):
        return "NO RECORD"
    if book.lacking:
        return "INCOMPLETE"
    if not open_vendors(book):
        if book.silent:
            return "INCOMPLETE"
        return "FINAL" if book.result.settled_until else "UNKNOWN whether final"
    until = final_on(book)
    return f"PROVISIONAL until {until:%Y-%m-%d}" if until is not None else "PROVISIONAL"


def _badge(book: Book) -> str:
    line = state_line(book)
    kind = "act" if line in ("INCOMPLETE", "NO RECORD") else "final" if line == "FINAL" else "provisional"
    return f'<span class="state {kind}">{escape(line)}</span>'


def _partial(book: Book) -> str:
    text = "Some of what was asked for did not arrive: these figures are a lower bound."
    return _listed(text, book.lacking)


def _silent(book: Book) -> str:
    text = "Asked, and no record came: the figures lack them, and nobody says whether there was none or an outage."
    return _listed(text, silent_names(book.silent))


_FEW = 5


def _listed(text: str, names: Sequence[str]) -> str:
    """Say what the reader must see to; the first few names, and all of many under a fold."""
    if not names:
        return ""
    few, rest = (names, []) if len(names) <= _FEW + 1 else (names[:_FEW], names[_FEW:])
    lines, more = ("".join(f"<li>{escape(each)}</li>" for each in some) for some in (few, rest))
    others = fold(f"and {plural(len(rest), 'other')}", Html(f"<ul>{more}</ul>")).markup if rest else ""
    return f'<div class="aside act"><p><strong>{text}</strong></p><ul>{lines}</ul>{others}</div>'


def answer(book: Book) -> Html:
    """Say what it cost, what changed, and what is most uncertain."""
    return answered(sentences(book))


def sentences(book: Book) -> list[str]:
    """Give the three sentences as text."""
    return [cost_sentence(book), _change(book), doubt_sentence(book)]


def cost_sentence(book: Book) -> str:
    """Say what the period cost, and which vendors the largest part."""
    lost = [each for each in book.failed if not each.by_user]
    without = f" Not in it: {'; '.join(str(each) for each in lost)}." if lost else ""
    if nothing_came(book):
        of = f" of {joined(silent_names(book.silent))}" if book.silent else ""
        return f"{days_name(book.period)}: no record came{of}, so nothing is known of what it cost.{without}"
    totals = _totals(book, book.bill)
    if not totals:
        return f"{book.name}: no record states a cost.{without}"
    stated = [book.money(amount, currency) for currency, amount in totals.items() if currency != UNSTATED]
    nameless = [book.money(amount, currency) for currency, amount in totals.items() if currency == UNSTATED]
    whole = f"{joined(stated)}, before credits and tax"
    whole = f"{whole}, and {nameless[0]}" if stated and nameless else whole if stated else nameless[0]
    currency, amount = next(iter(totals.items()))
    vendors = book.by("integration").filter((pl.col("currency") == currency) & (pl.col("cost") > 0))
    parts = [
        f"{label_of(name)} {book.money(cost, currency)} ({percent(cost / amount)})"
        for name, cost in vendors.select("integration", "cost").head(3).iter_rows()
    ]
    largest = f"; the largest are {joined(parts)}" if len(parts) > 1 and amount > 0 else ""
    least = "at least " if lost else ""
    return f"{book.name} cost {least}{whole}{largest}.{without}"


def _totals(book: Book, bill: pl.DataFrame) -> dict[str, float]:
    """The total of each currency, in the report's order."""
    stated = bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum()).sort("currency")
    sums = dict(stated.iter_rows())
    return {one: sums[one] for one in dict.fromkeys((*book.currencies, *sums)) if one in sums}


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
    parts = [_compared(book, was.get(one), now.get(one), one) for one in dict.fromkeys((*now, *was)) if one != UNSTATED]
    name = f"{days_name(held.before)}{_which(held)}"
    if not parts:
        silent = apart or nothing_came(book)
        name = name.rstrip(",")
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
    whole = days_name(period_before(book.period))
    parts = [
        f"{label_of(key[0])}, {book.money(sums[0].get(key, 0.0), key[1])} so far and "
        f"{book.money(sums[1].get(key, 0.0), key[1])} in all of {whole}"
        for key in dict.fromkeys((*sums[0], *sums[1]))
    ]
    return f" Left out is what is stated for longer than a day: {joined(parts)}." if parts else ""


def _compared(book: Book, was: float | None, now: float | None, currency: str) -> str:
    if was is None or now is None:
        return f"{book.money(now or was or 0.0, currency)} {'new' if was is None else 'gone'}"
    change = now - was
    share = f" ({percent(abs(change) / abs(was))})" if was else ""
    return f"{book.money(abs(change), currency)} {'more' if change >= 0 else 'less'}{share}"


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
    moved_by = book.money(abs(row["change"]), str(currency))
    return f" {label_of(row['integration'])} moved most: {sign} {moved_by}{gap}.{_why(book, currency)}"


_WHY = {"volume": "for volume", "rate": "for prices", "mix": "for the mix of models", "new": "new", "gone": "gone"}


def _why(book: Book, currency: str | None) -> str:
    """Say what the change is made of, where it is of more than volume."""
    if book.change is None:
        return ""
    sums = book.change.filter(pl.col("currency") == currency).select(pl.col(*_WHY).fill_null(0.0).sum())
    moves = {name: float(sums[name][0]) for name in _WHY}
    if not any(abs(moves[name]) >= _HALF for name in ("rate", "mix")):
        return ""
    parts = [
        f"{book.money(abs(move), str(currency))} {'more' if move > 0 else 'less'} {_WHY[name]}"
        for name, move in sorted(moves.items(), key=lambda each: -abs(each[1]))
        if abs(move) >= _HALF
    ]
    return f" The whole change is {joined(parts)}."


_HALF = 0.5
"""Less than half a unit is not worth a word in a sentence."""


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


def doubt_sentence(book: Book) -> str:
    """Say what is most uncertain, and how much money that concerns."""
    found = gathered(book, doubts(book))
    if not found:
        return "Nothing is known that could still change these figures."
    largest = found[0]
    if largest.amount is None or largest.currency is None:
        return f"{largest.what}: {largest.how}."
    amount = book.money(abs(largest.amount), largest.currency)
    unknown = [each.what for each in found if each.amount is None]
    more = f" Beside it no money can be put on this: {'; '.join(unknown)}." if unknown else ""
    return f"The largest uncertainty is {amount}: {largest.what} ({largest.how}).{more}"


_PACKAGES = ("truto-usage-nb", "polars", "narwhals", "matplotlib", "genai-prices")


def foot(book: Book) -> Html:
    """Say what was sent and when, what was told, and with which versions the page was made."""
    from truto_usage_nb.prices import price_source

    result = book.result
    settled = "; ".join(f"{name} until {moment:%Y-%m-%d}" for name, moment in sorted(result.settled_until.items()))
    rows = {
        "period": f"{book.period.start:%Y-%m-%d} to {book.period.end:%Y-%m-%d}, end excluded, UTC",
        "accounts": ", ".join(_accounts(book)) or "none",
        "records": f"{book.now.height:,}",
        "snapshot": f"sha256 {book.hash}",
        "holds": f"{plural(result.polars.height, 'record')} in {plural(result.pages, 'page')}, {result.period}",
        "fetched": f"{result.fetched_at:%Y-%m-%d %H:%M} UTC",
        "final": settled or "not stated",
        "complete": _complete(book),
        "cost rule": "one for every report of this version: the card that tu.cost_rule() shows",
        "list prices": f"{price_source()}, of the usage date, base tier; estimates only, never in the bill",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }
    told = _each_once([*(text for text in result.told if text not in result.gaps), *result.notes, *book.told])
    asked, gaps = code_lines(map(repr, result.queries)), code_lines(result.gaps)
    queries = fold(f"{plural(len(result.queries), 'query', 'queries')} sent", asked)
    failed = [fold(f"{plural(len(result.gaps), 'query', 'queries')} failed", gaps)] if result.gaps else []
    return sum([queries, *failed], start=pairs(rows) + notes(told))


def _complete(book: Book) -> str:
    missing = [*book.lacking, *(f"no record came of {each}" for each in silent_names(book.silent))]
    if missing or nothing_came(book):
        return "no: " + ("; ".join(missing) or "some of what was asked for did not arrive")
    if book.failed_before:
        return "yes; of the period before, " + "; ".join(map(str, book.failed_before))
    return "yes, every query was answered"


def _each_once(told: Iterable[str]) -> list[str]:
    """Leave out what another text says too, word for word, and goes on."""
    said = {text.rstrip("."): text for text in told}
    return [text for core, text in said.items() if not any(core in other for other in said if other != core)]


def rule() -> RuleCard:
    """Show the cost rule, folded: it is the same in every report."""
    card = cost_rule()
    return RuleCard(f'<details class="fold"><summary>How a cost is counted</summary>\n\n{card}\n\n</details>')


def reproduce(book: Book, name: str) -> Html:
    """Show the lines that make this page again."""
    start, end = (f"{one:%Y-%m-%d}" for one in (book.period.start, book.period.end))
    lines = [
        "import truto_usage_nb as tu",
        f'tu.render_report("{name}", "{name}.html", snapshot="usage.parquet", period=("{start}", "{end}"))',
        '# usage.parquet: what render_report(..., keep_snapshot="usage.parquet") kept; its hash is the one above.',
        "# From the same snapshot and versions the page comes out the same, byte for byte.",
    ]
    return fold("the code that makes this page again", code_lines(lines))
