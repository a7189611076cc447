"""What it cost: the bill, charts, the change from the period before, where the month goes, and estimates of ours.

The bill is a line a vendor and currency, beside the invoice where one is given; the change is taken apart so that it
adds up; what is estimated at list prices stands apart from the bill.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.costs import cache_savings, estimate_costs
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.costs.lines import as_frame
from truto_usage_nb.errors import FrameError
from truto_usage_nb.format import digits_of, percent
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native
from truto_usage_nb.planning import Period
from truto_usage_nb.plots.figures import a_figure_each, add_to_title
from truto_usage_nb.plots.over_time import over_time_of
from truto_usage_nb.questions import check_prices, reconcile
from truto_usage_nb.questions import pace as paced
from truto_usage_nb.questions.oddities import judged
from truto_usage_nb.reports.loading import period_before
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import (
    Html,
    TableColumn,
    a_day,
    answered,
    as_written,
    days_name,
    dollars,
    effect,
    figure,
    in_its_currency,
    joined,
    label_of,
    millions,
    note,
    notes,
    share,
    span_name,
    spend,
    table,
    text,
)
from truto_usage_nb.reports.parts.summary import cost_sentence, doubt_sentence
from truto_usage_nb.reports.parts.trust import account_named, uncompared_told

__all__ = [
    "alt_text",
    "bars_chart",
    "bill",
    "bill_table",
    "bridge",
    "drawn",
    "estimates",
    "list_and_billed",
    "list_chart",
    "pace",
    "price_chart",
    "price_check",
    "prices_answer",
    "time_chart",
    "unusual",
]

_HALF_A_CENT = 0.005
"""Half a cent: less comes of rounding, or of adding in another order."""
_AMOUNTS = ("metered", "credits", "expected", "invoice", "difference")


def bill_table(book: Book) -> pl.DataFrame:
    """Give `tu.reconcile` of the period, a line a vendor and currency: what was metered, credits, what that comes to,
    the invoice where one was given, and what lies between."""
    lines = cast("pl.DataFrame", book.hear(lambda: reconcile(book.asked.plain, _invoices(book))))
    first, last = book.period.start.date().replace(day=1), book.period.end.date()
    mine = lines.filter((pl.col("month") >= first) & (pl.col("month") < last))
    sums = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in _AMOUNTS]
    summed = mine.group_by("integration", "currency", maintain_order=True).agg(*sums, pl.col("cannot_know").first())
    exact = pl.col("credits", "difference")
    short = pl.col("integration").is_in(book.failing_vendors)  # what is not here is no difference
    summed = summed.with_columns(difference=pl.when(~short).then(pl.col("difference")))
    return summed.with_columns(pl.when(exact.abs() < _HALF_A_CENT).then(0.0).otherwise(exact).name.keep()).sort(
        book.place(), pl.col("expected"), descending=[False, True], nulls_last=True
    )


def _invoices(book: Book) -> pl.DataFrame:
    if book.invoices is not None:
        return book.invoices
    nowhere = {"integration": next(iter(INTEGRATIONS)), "month": "1970-01", "currency": "USD", "amount": 0.0}
    return pl.DataFrame([nowhere])  # a month that no report is of: there is no invoice to compare with


def bill(book: Book) -> Html:
    """Show the bill, and of each vendor whose invoice says another amount what may explain it."""
    made = bill_table(book)
    lines = made.with_columns(vendor=pl.col("integration").map_elements(label_of, pl.String))
    columns = {
        "vendor": text("Vendor"),
        "metered": spend("Metered so far" if book.running else "Metered"),
        "credits": effect("Credits and tax"),
        "expected": spend("After credits and tax"),
    }
    if book.invoices is not None:
        columns |= {"invoice": spend("Invoice"), "difference": spend("Invoice above it")}
    totals = tuple(name for name in columns if name in _AMOUNTS)
    above = note("What the vendors metered: no total here is an invoice. Rounded to read; sums are of exact amounts.")
    none = "No invoice was given (invoices=), so there is none to compare with."
    below = [*([] if book.invoices is not None else [none]), *_explained(book, made), *book.not_in_it]
    return above + table(
        lines, columns, order=book.currencies, bill=book.totals, name="bill", totals=totals, below=below
    )


def _explained(book: Book, made: pl.DataFrame) -> list[str]:
    """Say of each invoice that differs what no usage API tells of the vendor, once a vendor."""
    told: dict[str, list[str]] = {}
    reasons = {}
    for row in made.filter(pl.col("difference").abs() >= _HALF_A_CENT).iter_rows(named=True):
        more = "more" if row["difference"] > 0 else "less"
        amount = f"{book.money(abs(row['difference']), row['currency'])} {more}"
        told.setdefault(row["integration"], []).append(amount)
        reasons[row["integration"]] = row["cannot_know"]
    return [
        f"{label_of(name)}'s invoice is {joined(amounts)} than that. May explain it: {reasons[name]}."
        for name, amounts in told.items()
    ]


def drawn(
    book: Book,
    chart: Any,
    *arguments: Any,
    caption: str,
    of: pl.DataFrame,
    finding: Callable[[str], str] | None = None,
    **options: Any,
) -> Html:
    """Draw with one of `tu.plots`, a picture for each currency of the lines `of`; without a line nothing is drawn.

    Amounts without a currency are told, not drawn: they would take as much room as the bill. The picture's description
    says what is to be seen in it: what `finding` says of a currency, else what stands beside its bars.
    """
    there = set(of["currency"].drop_nulls())
    shown = Html("")
    if not there <= {UNSTATED}:
        with a_figure_each() as made:
            book.hear(lambda: chart(*arguments, **options))
        places = {one: place for place, one in enumerate(book.currencies)}
        for currency in sorted(made, key=lambda one: (places.get(one, len(places)), one)):
            if book.running:
                add_to_title(made[currency], "so far")
            said = finding(currency) if finding is not None else alt_text(made[currency])
            shown = shown + figure(made[currency], f"{caption}, {currency}: {said}")
    left = book.once(_NOT_DRAWN) if UNSTATED in there else ""
    return shown + note(left) if left else shown


_NOT_DRAWN = "Amounts whose currency nobody stated are in the tables and in no chart of this page."


_DESCRIBED = 6


def alt_text(ax: Any) -> str:
    """Say in words what a chart shows: the line under its title, and what stands beside each of its bars."""
    under = [each.get_text() for each in ax.texts if getattr(each, "xycoords", "") == "axes fraction"]
    beside = [each for each in ax.texts if hasattr(each, "xy") and getattr(each, "xycoords", "") == "data"]
    rows = []
    for place, name in zip(ax.get_yticks(), (each.get_text() for each in ax.get_yticklabels()), strict=True):
        words = [each.get_text() for each in beside if name and abs(each.xy[1] - place) < _HALF_A_ROW]
        rows += [f"{name} {' '.join(words)}"] if words else []
    more = [f"and {len(rows) - _DESCRIBED} more"] if len(rows) > _DESCRIBED else []
    said = "; ".join(each.replace("\n", "; ") for each in (*under, *rows[:_DESCRIBED], *more))
    return " ".join(said.replace("\\$", "$").split()) + "."


_HALF_A_ROW = 0.3


def time_chart(book: Book, by: str, caption: str) -> Html:
    """Draw the cost of each day by one dimension of the bill, which has the cost of each day."""
    stated = _stated(book.bill)
    sums = [pl.col(name).sum() for name in ("cost", "spread_cost")]
    days = stated.filter(pl.col("currency") != UNSTATED).group_by(by, "currency", "period_start").agg(*sums)
    column = "vendor" if by == "integration" else by
    named = days.with_columns(pl.col(by).map_elements(label_of, pl.String).alias(column)) if column != by else days
    return drawn(
        book, over_time_of, named, None, column, every="1d", top=_SERIES, measure="billed", of=stated,
        caption=_titled(book, caption),
        finding=lambda currency: _of_days(book, stated.filter(pl.col("currency") == currency), by),
    )  # fmt: skip


_SERIES = 6
"""So many values have a colour of their own, as in the chart itself."""


def _of_days(book: Book, bill: pl.DataFrame, by: str) -> str:
    """Say between what the days cost, when most, and whose the largest part is."""
    days = bill.drop_nulls("period_start").group_by(pl.col("period_start").dt.date().alias("day"))
    sums = days.agg(pl.col("cost", "spread_cost").sum()).sort("day")
    if not sums.height:
        return "no cost has a date."
    currency, total = bill["currency"][0], float(bill["cost"].sum())
    low, high = (book.money(float(cost), currency) for cost in (sums["cost"].min(), sums["cost"].max()))  # type: ignore[arg-type]
    most = sums.sort("cost", "day", descending=[True, False])["day"][0]
    several = f"between {low} and {high} a day, highest on {_on(most)}"
    said = [several if sums.height > 1 else f"{high} on {_on(most)}"]
    parts = bill.filter(pl.col(by).is_not_null()).group_by(by).agg(pl.col("cost").sum()).sort("cost", by)
    if parts.height > 1 and total > 0:
        name, cost = parts.row(-1)
        whose = label_of(name) if by == "integration" else str(name)
        said.append(f"the largest part is {whose}'s, {percent(cost / total)}")
    spread = float(sums["spread_cost"].sum())
    if abs(spread) >= _HALF_A_CENT:
        said.append(f"{book.money(spread, currency)} is stated for longer than a day and spread evenly")
    return f"{'; '.join(said)}."


def _on(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def bars_chart(book: Book, by: str, caption: str, *, top: int = 10) -> Html:
    """Draw ranked bars of one dimension, of the records that have a value there."""
    named, column = _vendors(book.asked.lines.filter(pl.col(by).is_not_null()), by)
    stated = _stated(book.bill, by)
    return drawn(book, plots.cost_bars, named, column, top=top, of=stated, caption=_titled(book, caption))


def price_chart(book: Book, caption: str, *, top: int = 10) -> Html:
    """Draw what a million tokens of each model cost."""
    named = as_frame(book.asked.lines.filter(pl.col("model_id").is_not_null()))
    priced = _stated(book.bill, "model_id").filter(pl.col("tokens") > 0)
    return drawn(book, plots.price_per_million, named, top=top, of=priced, caption=_titled(book, caption))


def list_chart(book: Book, by: str, caption: str, *, top: int = 10) -> Html:
    """Draw what was billed in front of the list price."""
    named, column = _vendors(book.asked.lines.filter(pl.col(by).is_not_null()), by)
    stated = _stated(book.bill, by)
    return drawn(book, plots.billed_against_list, named, column, top=top, of=stated, caption=_titled(book, caption))


def _stated(bill: pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """The lines with a cost, and a value of the dimension."""
    lines = bill.filter(pl.col("cost").is_not_null())
    return lines if by is None else lines.filter(pl.col(by).is_not_null())


def _vendors(lines: pl.DataFrame, by: str) -> tuple[Native, str]:
    """Name vendors as people do."""
    if by != "integration":
        return as_frame(lines), by
    labels = {name: label_of(name) for name in lines["integration"].unique().drop_nulls()}
    return as_frame(lines.with_columns(vendor=pl.col("integration").replace(labels))), "vendor"


def _titled(book: Book, caption: str) -> str:
    return f"{caption}, {book.name}"


_EFFECTS = {"volume": "Volume", "rate": "Rate", "mix": "Mix", "new": "New", "gone": "Gone"}
_EXPLAINED = {
    "volume": "Volume: more or fewer tokens at the old average price, and all of the change of money that bought none.",
    "rate": "Rate: the same tokens at new prices.",
    "mix": "Mix: a shift between models, accounts and kinds of tokens.",
    "new": "New: a vendor without cost before.",
    "gone": "Gone: a vendor without cost since.",
}

_DAYS_ALONE = (
    "Only days are compared that every account holds. What is stated for longer than a day, such as Datadog's month, "
    "is left out of both sides: nobody knows how much of it is of these days."
)


def bridge(book: Book) -> Html:
    """Show the change from the period before, taken apart so that it adds up; say why where there is none.

    A month that runs is held against the same days of the month before, without what is stated for longer than a day.
    """
    both, held = book.asked.both_without(book.one_sided), book.comparison
    if both is None:
        return note(book.nothing_before)
    left_out = notes(uncompared_told(book))
    if both.original.is_empty() or book.plain.is_empty() or (book.before is not None and book.before.is_empty()):
        return note("No account has records of both periods, so there is nothing to compare.") + left_out
    if held is None or book.change is None:
        return note(book.nothing_before) + left_out
    more = " so far" if held.so_far else ""
    names = (days_name(held.before), f"{days_name(held.now)}{more}")
    caption = f"From {names[0]} to {names[1]}: what moved the cost"
    shown = book.change.filter(pl.col("currency").is_not_null())
    stated = shown.filter(pl.col("currency") != UNSTATED)
    chart = drawn(book, plots.bridge, stated, names=names, of=shown, caption=caption)
    below = note(_DAYS_ALONE) if held.so_far else Html("")
    return chart + _table(book, shown, "integration", names) + below + left_out


def _table(book: Book, change: pl.DataFrame, by: str, names: tuple[str, str]) -> Html:
    lines = change.with_columns(_EXACT, vendor=pl.col(by).map_elements(label_of, pl.String))
    lines = lines.filter(pl.col("before").is_not_null() | pl.col("after").is_not_null())
    columns = {"vendor": text("Vendor"), "before": spend(names[0])}
    moved = [name for name in _EFFECTS if (lines[name].fill_null(0.0) != 0).any()]
    columns |= {name: effect(_EFFECTS[name]) for name in moved}
    columns |= {"after": spend(names[1]), "change": spend("Change")}
    return table(
        lines, columns, order=book.currencies, bill=book.totals, name="bridge", totals=tuple(columns)[1:],
        below=(" ".join(_EXPLAINED[name] for name in moved),),
    )  # fmt: skip


_NO_CHANGE = 0.005
_EXACT = [
    pl.when(pl.col(name).abs() < _NO_CHANGE).then(0.0).otherwise(pl.col(name)).alias(name)
    for name in (*_EFFECTS, "change")
]
"""What is less than half a cent comes from adding in another order."""


def pace(book: Book) -> Html:
    """Show a month that runs as it adds up, and where it will end; of one that is over nothing but its budget.

    It has a heading of its own, for where it has nothing to say there is none.
    """
    if book.period != Period.parse(f"{book.period.start:%Y-%m}") or not (book.running or book.budget is not None):
        return Html("")
    heading = "Pace" if book.running else "Budget"
    return Html(f"<h2>{heading}</h2>") + (_pace(book) if book.running else _budget(book))


def _budget(book: Book) -> Html:
    """A month that is over against its budget."""
    frame = book.asked.both or book.asked.plain
    lines = book.hear(lambda: paced(frame, book.budget, now=f"{book.period.end:%Y-%m-%d}"), of=book.reach)
    lines = lines.filter(pl.col("to_date").is_not_null()).with_columns(
        month=pl.lit(span_name(book.period)),
        left=pl.lit(None, pl.Float64) if book.not_in_it else pl.col("budget") - pl.col("to_date"),
    )
    columns = {
        "month": text("Month"), "to_date": spend("Billed"), "budget": spend("Budget"),
        "left": spend("Left of it"), "breaks_on": a_day("Budget passed on"),
    }  # fmt: skip
    return table(lines, columns, order=book.currencies, bill=book.totals, name="pace", below=book.not_in_it)


def _pace(book: Book) -> Html:
    frame = book.asked.both or book.asked.plain
    end = min(book.period.end, book.result.fetched_at)
    lines = book.hear(lambda: paced(frame, book.budget, now=end), of=book.reach)
    lines = lines.filter(pl.col("to_date").is_not_null())
    columns: dict[str, TableColumn] = {"to_date": spend("Billed so far")}
    if end < book.period.end:
        columns |= {"projected": spend("Month's end, projected"), "low": spend("Low"), "high": spend("High")}
    if book.budget is not None:
        columns |= {"budget": spend("Budget"), "breaks_on": a_day("Budget passed on")}
    if book.bill_before is not None:
        lines = lines.join(book.by(bill=book.bill_before).select("currency", before="cost"), on="currency", how="left")
        columns["before"] = spend(f"All of {span_name(period_before(book.period))}")
    named = lines.with_columns(month=pl.lit(span_name(book.period)))
    chart = drawn(
        book,
        plots.pace,
        book.asked.drawable_both,
        book.budget,
        now=end,
        of=lines,
        caption=f"Cost as it adds up, {book.name}",
    )
    below = () if book.budget is not None else ("No budget was given (budget=), so there is none to hold it against.",)
    below = (*below, *book.not_in_it)
    return chart + table(
        named, {"month": text("Month"), **columns}, order=book.currencies, bill=book.totals, name="pace", below=below
    )


def unusual(book: Book, by: str = "integrated_account_id", *, top: int = 12) -> Html:
    """Show the days that cost far more or less than such days of the account usually do, the farthest off first."""
    frame = book.asked.both or book.asked.plain
    within = (book.period.start.date(), (book.period.end - timedelta(microseconds=1)).date())
    try:
        found = book.hear(lambda: judged(frame, by, within=within), of=book.reach)
    except FrameError as too_few:
        return note(f"Nothing can be called unusual here: {too_few}")
    left = (f"{found.told[0].upper()}{found.told[1:]}.",) if found.told else ()
    spans = zip(found.table["day"], found.until, strict=True)
    named = found.table.with_columns(when=pl.Series([_when(*span) for span in spans], dtype=pl.String))
    days = named.sort(["currency", pl.col("excess").abs(), "day", by], descending=[False, True, False, False])
    if not days.height:
        return notes(["No day of this period cost far more or less than such days of its account usually do.", *left])
    if by == "integrated_account_id":
        names = {each: account_named(book, each) for each in days[by].unique()}
        days = days.with_columns(pl.Series(by, [names[each] for each in days[by]], dtype=pl.String))
    columns = {
        "when": text("Day (UTC)"), by: text("Account"), "cost": spend("Cost"), "usual_low": spend("Usual at least"),
        "usual_high": spend("Usual at most"), "excess": spend("More or less than that"),
    }  # fmt: skip
    rule = (
        "A working day is held against the other working days of four weeks before and after, a weekend day against "
        "the other weekend days: their median, give or take the larger of five times their spread and a quarter of it. "
        "What is stated for a month is held against the months before."
    )
    return table(days, columns, order=book.currencies, bill=book.totals, name="unusual", top=top, below=(rule, *left))


def _when(first: date, last: date) -> str:
    """A day as it is written in tables; a longer stretch by its name."""
    moments = (datetime.combine(each, time(), UTC) for each in (first, last + timedelta(days=1)))
    return f"{first:%Y-%m-%d}" if first == last else days_name(Period(*moments))


def estimates(book: Book) -> Html:
    """Show what each vendor's tokens would cost at list price beside what was billed for them, framed as what it is."""
    made = book.hear(lambda: estimate_costs(book.asked.plain, "integration"))
    lines = (
        made.filter(pl.col("estimated_cost").is_not_null())
        .with_columns(
            vendor=pl.col("integration").map_elements(label_of, pl.String),
            billed=pl.struct("cost", "other_cost", "currency").map_elements(lambda row: _billed(book, row), pl.String),
        )
        .sort("estimated_cost", descending=True)
    )
    if not lines.height:
        return note("No tokens here have a list price, so there is nothing to estimate.")
    columns = {
        "vendor": text("Vendor"), "billed": as_written("Billed for tokens"), "estimated_cost": dollars("Estimate"),
        "estimated_tokens": millions("Of tokens, millions"), "unknown_tokens": millions("Without list price, millions"),
    }  # fmt: skip
    source = f"Our estimate, never part of the bill: tokens times list price of their day, {made['price_source'][0]}."
    shown = table(lines.drop("currency"), columns, name="estimates", below=(source, cache_line(book)))
    return Html(f'<div class="estimate">{shown.markup}</div>')


def _billed(book: Book, row: dict[str, object]) -> str:
    cost, other, currency = row["cost"], row["other_cost"], row["currency"]
    if not isinstance(cost, float):
        return "nothing stated"
    return book.money(cost - (other if isinstance(other, float) else 0.0), str(currency))


def cache_line(book: Book) -> str:
    """Say in a sentence what reading from the cache saved, at list prices."""
    rows = book.hear(lambda: cache_savings(book.asked.plain))
    known = rows.filter(pl.col("cost_without_cache") > 0).select("cache_savings", "cost_without_cache", "currency")
    parts = [
        f"caching saved {in_its_currency(saved, currency)} of {in_its_currency(without, currency)} "
        f"({percent(saved / without)})"
        for saved, without, currency in known.iter_rows()
    ]
    return f"At list prices {' and '.join(parts)}." if parts else "No cached tokens have a list price."


def price_check(book: Book, *, top: int = 20) -> Html:
    """Hold what each model's tokens were billed at against the list, and say what the ratio means."""
    lines = book.hear(lambda: check_prices(book.asked.plain))
    lines = lines.filter(pl.col("billed").is_not_null() | pl.col("estimate").is_not_null())
    columns: dict[str, TableColumn] = {
        "model_id": text("Model"), "billed": spend("Billed for tokens"), "estimate": dollars("At list price"),
        "ratio": share("Billed to list"), "reading": text("What that says"),
    }  # fmt: skip
    return table(lines, columns, order=book.currencies, bill=book.totals, name="check", top=top)


def prices_answer(book: Book) -> Html:
    """Say how far below the vendors' own list prices was billed, and by whom most."""
    lines = _list_lines(book, "integration")
    said = []
    for currency in book.currencies:
        mine = lines.filter((pl.col("currency") == currency) & pl.col("list_").is_not_null())
        billed, listed = float(mine["cost"].sum()), float(mine["list_"].sum())
        if listed <= 0 or currency == UNSTATED:
            continue
        digits = digits_of(listed, currency)
        amount, whole = (in_its_currency(each, currency, digits) for each in (billed, listed))
        if listed - billed < _HALF_A_CENT:
            said.append(f"{amount} billed at list price")
            continue
        said.append(f"{amount} billed of {whole} at list price ({percent((listed - billed) / listed)} below)")
    most = lines.filter(pl.col("off") >= _HALF_A_CENT).sort(book.place(), -pl.col("off")).head(1)
    whose = [f"{label_of(row['integration'])} gave most off: {book.money(row['off'], row['currency'])}."
             for row in most.iter_rows(named=True)]  # fmt: skip
    return answered([f"{book.name}: {joined(said)}. {''.join(whose)}" if said else cost_sentence(book),
                     doubt_sentence(book)])  # fmt: skip


def list_and_billed(book: Book, by: str, title: str, *, top: int = 15) -> Html:
    """Show what was billed beside the vendor's own list price, where it states one."""
    lines = _list_lines(book, by)
    if by == "integration":
        lines = lines.with_columns(pl.col(by).map_elements(label_of, pl.String))
    columns = {
        by: text(title), "cost": spend("Billed"), "list_": spend("List price"), "off": effect("Discount and plan"),
        "share": share("Billed to list"),
    }  # fmt: skip
    below = ("A vendor that states no discount counts at list = billed.",)
    return table(
        lines,
        columns,
        order=book.currencies,
        bill=book.totals,
        name=f"list-{by}",
        totals=("cost", "list_", "off"),
        top=top,
        below=below,
    )


def _list_lines(book: Book, by: str) -> pl.DataFrame:
    billed = book.by(by).filter(pl.col("cost").is_not_null()).select(by, "currency", "cost")
    at_list = book.costs(book.asked.plain, by, measure="list").select(by, "currency", list_="cost")
    lines = billed.join(at_list, on=[by, "currency"], how="left", nulls_equal=True, maintain_order="left")
    return lines.with_columns(off=pl.col("list_") - pl.col("cost")).with_columns(
        off=pl.when(pl.col("off").abs() < 0.005).then(0.0).otherwise(pl.col("off")),
        share=pl.when(pl.col("list_") > 0).then(pl.col("cost") / pl.col("list_")),
    )
