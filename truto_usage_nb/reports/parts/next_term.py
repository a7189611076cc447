"""What the next term should cost: commitments, what is to come, another case, caches, and what came of it.

Each part that needs something of the reader's says what to hand over where it was not given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, cast

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.errors import FrameError, InputError
from truto_usage_nb.format import percent
from truto_usage_nb.planning import Period
from truto_usage_nb.plots.figures import a_figure_each
from truto_usage_nb.plots.wording import quantity
from truto_usage_nb.questions import cache_advice, commitment_curve, forecast_costs
from truto_usage_nb.questions import commitments as committed
from truto_usage_nb.questions import outcomes as outcomes_of
from truto_usage_nb.questions import what_if as in_case
from truto_usage_nb.reports.loading import BY_USER
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import (
    Html,
    a_day,
    answered,
    count,
    days_name,
    effect,
    figure,
    id_text,
    joined,
    label_of,
    note,
    notes,
    plural,
    share,
    spend,
    table,
    text,
)
from truto_usage_nb.reports.parts.prepaid import seat_list
from truto_usage_nb.reports.parts.spending import alt_text
from truto_usage_nb.result import UsageResult

__all__ = [
    "cache_losses",
    "commitment_curves",
    "commitment_use",
    "forecasts",
    "next_term_answer",
    "outcome_costs",
    "scenario",
]

_COLUMNS = ", ".join(
    ("account", "product", "quantity", "unit", "price", "on_demand_price", "start", "end", "currency", "basis")
)
_NO_TABLE = (
    f"No table of commitments was given (commitments=): a file with {_COLUMNS}, a row a commitment, says what was used "
    "of it, what was not, and what the next term should hold."
)
_CENT = 0.005


# what the parts ask ---------------------------------------------------------------------------------------------------


def _whole(book: Book) -> UsageResult:
    """All that the snapshot holds up to the period's end, without views by user."""
    frame = book.result.polars.filter(~pl.col("report_type").is_in(BY_USER).fill_null(value=False))
    frame = frame.filter(pl.col("start_date").is_null() | (pl.col("start_date") < book.period.end))
    held = book.result.period
    return replace(book.result, polars=frame, period=Period((held or book.period).start, book.period.end))


def _asked(book: Book, ask: Callable[[], Any]) -> pl.DataFrame | str:
    """A helper's table, or what it says is wrong with what was handed over."""
    try:
        return cast("pl.DataFrame", book.hear(ask))
    except (FrameError, InputError) as problem:
        return str(problem)


def _rows_of(book: Book) -> pl.DataFrame | str:
    """The rows of the table whose accounts were loaded; of the others is told."""
    if book.commitments is None:
        return _NO_TABLE
    loaded = book.result.polars["integrated_account_id"].unique().implode()
    known = pl.col("account").cast(pl.String).str.strip_chars().is_in(loaded).fill_null(value=False)
    others = book.commitments.filter(~known)["account"].cast(pl.String).fill_null("(none)").unique().sort().to_list()
    if others:
        text = (
            f"the table of commitments names {', '.join(others)}, of which nothing was loaded: these rows are left out"
        )
        book.told.extend([text] if text not in book.told else [])
    rows = book.commitments.filter(known)
    return rows if rows.height else "Nothing was loaded of any account that the table of commitments names."


def _held(book: Book, every: Literal["1mo", "1d"] = "1mo") -> pl.DataFrame | str:
    rows = _rows_of(book)
    if isinstance(rows, str):
        return rows
    made = _asked(book, lambda: committed(_whole(book), rows, every=every, decimal=book.decimal))
    if isinstance(made, str):
        return made
    first = book.period.start.date()  # credits are drawn from all that is held, and shown of the period
    return made.filter(pl.col("month") >= first.replace(day=1))


def _curve(book: Book) -> pl.DataFrame | str:
    rows = _rows_of(book)
    if isinstance(rows, str):
        return rows
    return _asked(book, lambda: commitment_curve(_whole(book), rows, decimal=book.decimal))


def _forecast(book: Book, horizon: str) -> pl.DataFrame | str:
    end = min(book.period.end, book.result.fetched_at)
    by = "integration"
    made = _asked(book, lambda: forecast_costs(_whole(book), by, horizon=cast("Any", horizon), now=end))
    return made if isinstance(made, str) else made.with_columns(vendor=_vendors(made))


def _vendors(lines: pl.DataFrame) -> pl.Series:
    return lines["integration"].map_elements(label_of, pl.String)


def _advice(book: Book) -> pl.DataFrame | str:
    return _asked(book, lambda: cache_advice(book.asked.plain, ["integration", "model_id"]))


def _case(book: Book) -> pl.DataFrame | str:
    if book.what_if is None:
        return (
            "No other case was given (what_if=): models, prices, batch and cache_hit, such as "
            "{'models': {'claude-opus-5': 'claude-sonnet-5'}, 'cache_hit': 0.8}."
        )
    given = book.what_if
    return _asked(book, lambda: in_case(book.asked.plain, **given))


# the answer -----------------------------------------------------------------------------------------------------------


def next_term_answer(book: Book) -> Html:
    """Say in a few sentences what procurement asks: what is paid for and not used, what to hold, what is to come."""
    sentences = [*_held_sentences(book), *_curve_sentences(book), *_coming_sentences(book), *_other_sentences(book)]
    return answered(sentences or ["Nothing here says what the next term should cost."])


def _held_sentences(book: Book) -> list[str]:
    held = _held(book)
    if isinstance(held, str):
        return [held] if book.commitments is not None else [f"What was committed to is not known. {_NO_TABLE}"]
    if held.is_empty():
        return [f"No commitment of the table is held in {book.name}."]
    said = []
    for (currency,), of in held.filter(pl.col("basis") != "prepaid").group_by("currency", maintain_order=True):
        paid, unused, beyond = (float(of[f"{name}_cost"].sum()) for name in ("committed", "unused", "on_demand"))
        unknown = of["unused_cost"].null_count()
        more = f"; of {unknown} of {of.height} nobody knows" if unknown else ""
        used = f"{book.money(unused, currency)} ({percent(unused / paid)}) of it was not used" if paid else ""
        used = used if unused >= _CENT else "all of it was used" if unknown < of.height else "of none is it known"
        said.append(
            f"{book.money(paid, currency)} was committed to in {book.name}: {used}{more}. "
            f"Beside it {book.money(beyond, currency)} was on demand."
        )
    for row in held.filter(pl.col("basis") == "prepaid").iter_rows(named=True):
        whose = row["product"] or row["account"]
        ends = f"at this pace they end on {row['ends_on']}" if row["ends_on"] else "they outlast their term"
        left = book.money(row["left"], row["currency"])
        if "drawn from" in (row["note"] or ""):
            said.append(f"Credits of {whose}: at most {left} left; what was drawn before is not in this snapshot.")
        else:
            said.append(f"Credits of {whose}: {left} left, {ends}.")
    renews = (
        held.select("account", "product", "renews_on")
        .unique()
        .sort("renews_on", "account", "product")
        .row(0, named=True)
    )
    said.append(
        f"The next to renew is {renews['product'] or 'credits'} of {renews['account']}, on {renews['renews_on']}."
    )
    return said


def _curve_sentences(book: Book) -> list[str]:
    curve = _curve(book)
    if isinstance(curve, str):
        return [] if isinstance(_rows_of(book), str) else [curve]
    said = []
    for (account, product, unit), of in curve.group_by("account", "product", "unit", maintain_order=True):
        least = of.filter("is_least").row(0, named=True)
        held = of.filter("is_held")
        now = f" instead of {quantity(held['quantity'][0])}" if held.height else ""
        above = held["above_least"][0] if held.height else None
        if above is not None and above <= 0.01:
            said.append(f"{product} of {account}: what is held costs at most 1 % more than the least; keep it.")
        else:
            more = f"; what is held cost {percent(above)} more" if above else ""
            said.append(
                f"{product} of {account}: {quantity(least['quantity'])} {unit}{now} would have cost least{more}."
            )
    return said


def _coming_sentences(book: Book) -> list[str]:
    said = []
    for horizon in ("month", "quarter") if book.running else ("quarter",):
        coming = _forecast(book, horizon)
        if isinstance(coming, str) or coming.is_empty():
            continue
        amounts, so_far, unknown = [], [], list[str]()
        for currency in book.currencies:
            of = coming.filter(pl.col("currency") == currency)
            unknown += [label_of(each) for each in of.filter(pl.col("projected").is_null())["integration"]]
            of = of.filter(pl.col("projected").is_not_null())
            if currency != UNSTATED and of.height:
                amounts.append(book.money(float(of["projected"].sum()), currency))
                so_far.append(book.money(float(of["to_date"].sum()), currency))
        if amounts:
            verb = "is" if len(so_far) == 1 else "are"
            said.append(f"{_stretch(coming)} will come to {joined(amounts)}, of which {joined(so_far)} {verb} billed.")
        if amounts and unknown:
            said[-1] += f" Of {joined(list(dict.fromkeys(unknown)))} too little is known: it is not in this."
    return said


def _stretch(of: pl.DataFrame) -> str:
    start = of["period_start"][0]
    month = days_name(Period.parse(f"{start:%Y-%m}"))
    return month if of["horizon"][0] == "month" else f"Q{(start.month + 2) // 3} {start.year}"


def _other_sentences(book: Book) -> list[str]:
    said, advice, case = [], _advice(book), _case(book)
    idle = seat_list(book).filter(pl.col("idle_cost").fill_null(0.0) > 0)
    for currency, cost, seats in (
        idle.group_by("currency").agg(pl.col("idle_cost").sum(), pl.len()).sort("currency").iter_rows()
    ):
        held = plural(seats, "seat that nobody uses costs", "seats that nobody uses cost")
        said.append(f"{held} {book.money(cost, currency)} a month.")
    if not isinstance(advice, str):
        lost = float(advice["unearned_premium"].sum()) + float(advice["cost_of_fall"].sum())
        if lost >= _CENT:
            said.append(f"Caches lost {book.money(lost, 'USD')} at list price: writes that never came back, and falls.")
    if not isinstance(case, str):
        change = case.group_by("currency").agg(pl.col("difference").sum()).filter(pl.col("difference").round(2) != 0)
        for currency, difference in change.sort("currency").iter_rows():
            word = "less" if difference < 0 else "more"
            amount = book.money(abs(difference), currency)
            said.append(
                f"In the other case the same tokens would cost {amount} {word}, as far as its assumptions hold."
            )
    return said


# part by part ---------------------------------------------------------------------------------------------------------


def _figures(book: Book, draw: Callable[[], Any], caption: str) -> Html:
    """Each chart of a list as a picture of its own, with what it says as its description."""
    with a_figure_each() as apart:
        drawn = book.hear(draw)
    shown = Html("")
    for ax in list(apart.values()) or (drawn if isinstance(drawn, list) else [drawn]):
        title = ax.get_title(loc="left").replace("\\$", "$") or caption
        shown = shown + figure(ax, f"{title}: {alt_text(ax)}")
    return shown


def commitment_use(book: Book) -> Html:
    """Show each commitment through the period, what of it was paid for and not used, and what was on demand beside."""
    held, daily = _held(book), _held(book, "1d")
    if isinstance(held, str) or isinstance(daily, str):
        return note(held if isinstance(held, str) else str(daily))
    if held.is_empty():
        return note(f"No commitment of the table is held in {book.name}.")
    many = daily.filter(
        pl.len().over("account", "product", "unit", "currency", "basis") > 1
    )  # one bar says no more than its line
    drawn = _figures(book, lambda: plots.commitments(many), "Commitments") if many.height else Html("")
    lines = held.with_columns(
        pl.col("product").fill_null("credits"),
        committed_quantity=pl.when(pl.col("basis") == "prepaid").then(None).otherwise(pl.col("committed_quantity")),
    )
    columns = {
        "product": id_text("Commitment"), "account": id_text("Account"), "basis": text("Basis"),
        "committed_cost": spend("Paid for"), "used_share": share("Used"), "unused_cost": spend("Not used"),
        "on_demand_cost": spend("On demand"), "left": spend("Left"), "ends_on": a_day("Ends"),
        "renews_on": a_day("Renews"),
    }  # fmt: skip
    drop = ("used_share", "unused_cost", "on_demand_cost", "left", "ends_on")
    on_bill = int(held["on_the_bill"].sum())
    stand = plural(on_bill, "row stands", "rows stand")
    below = [f"{stand} on the bill already: nothing of the table is added to it."] if on_bill else []
    said = lines.filter(pl.col("note").is_not_null()).select("product", "account", "note")
    below += [f"{product} of {account}: {words}." for product, account, words in said.iter_rows()]
    shown = table(lines, columns, name="commitment-use", order=book.currencies, below=below, drop=drop,
                  title="Commitments of the period")  # fmt: skip
    return shown + drawn


def commitment_curves(book: Book) -> Html:
    """Draw what another quantity would have cost over the months held."""
    curve = _curve(book)
    if isinstance(curve, str):
        return note(curve)
    if curve.is_empty():
        return note("Only credits are held, and these have no curve.")
    said = sorted({str(each) for each in curve["note"].drop_nulls()})
    return _figures(book, lambda: plots.commitment_curve(curve), "Curve") + notes(
        ["Use of the months held, against each quantity; what next term will use is not in it.", *said]
    )


def forecasts(book: Book) -> Html:
    """Show what each vendor will come to in the month that runs and in the quarter, and how that did before."""
    shown = Html("")
    for horizon in ("month", "quarter") if book.running else ("quarter",):
        coming = _forecast(book, horizon)
        if isinstance(coming, str):
            shown = shown + note(coming)
            continue
        lines = coming.filter(pl.col("currency") != UNSTATED)
        if lines.is_empty():
            continue
        drawn = lines.with_columns(integration="vendor").drop("vendor")
        shown = shown + _figures(book, partial(plots.forecast_costs, drawn), "Forecast") + _coming_table(book, lines)
    return shown if str(shown) else note("There is nothing to forecast.")


def _coming_table(book: Book, lines: pl.DataFrame) -> Html:
    columns = {
        "vendor": text("Vendor"), "to_date": spend("Billed so far"), "projected": spend("Will come to"),
        "low": spend("Low"), "high": spend("High"), "backtests": count("Earlier months"),
        "backtest_error": share("Error in these"), "backtest_held": share("Ranges that held"),
    }  # fmt: skip
    below = [
        "Vendors add up to the whole; ranges do not, since vendors do not go wrong together. The error is that of the "
        "same forecast made on the same day of earlier months, as far as the snapshot holds them."
    ]
    return table(
        lines, columns, name=f"coming-{lines['horizon'][0]}", order=book.currencies, bill=book.totals, below=below,
        totals=("to_date", "projected"), title=f"What {_stretch(lines)} will come to",
        drop=("backtest_error", "backtest_held"),
    )  # fmt: skip


def scenario(book: Book) -> Html:
    """Show what the same tokens would have cost in the case that was given, with what that rests on."""
    case = _case(book)
    if isinstance(case, str):
        return note(case)
    columns = {
        "model_id": id_text("Model"), "cost": spend("As billed"), "what_if_cost": spend("In this case"),
        "difference": effect("Difference"), "left_out_cost": spend("Not compared"),
    }  # fmt: skip
    lines = case.with_columns(pl.col("model_id").fill_null("(no model)"), pl.col("left_out").fill_null(""))
    lines = lines.filter(pl.max_horizontal(pl.col("cost", "what_if_cost", "left_out_cost").abs()) >= _CENT)
    why = dict.fromkeys(part for row in lines["left_out"] for part in row.split("; ") if part)
    below = [f"Assumed: {case['assumptions'][0]}"] if case.height else []
    below += [f"Not compared: {'; '.join(why)}."] if why else []
    return _figures(book, lambda: plots.what_if(case), "Another case") + table(
        lines, columns, name="scenario", order=book.currencies, bill=book.totals, below=below, top=15,
        totals=("cost", "what_if_cost", "difference", "left_out_cost"), drop=("left_out_cost",),
        title="The same tokens in another case",
    )  # fmt: skip


def cache_losses(book: Book) -> Html:
    """Show which caches cost more than they saved, and what each row is worth looking at."""
    advice = _advice(book)
    if isinstance(advice, str):
        return note(advice)
    lines = advice.filter(pl.col("advice").is_not_null()).with_columns(vendor=_vendors(advice.filter(
        pl.col("advice").is_not_null())))  # fmt: skip
    if lines.is_empty():
        return note("No cache lost money here, as far as list prices tell.")
    columns = {
        "vendor": text("Vendor"), "model_id": id_text("Model"), "cache_hit_rate": share("Read from cache"),
        "cache_savings": effect("Saved"), "unearned_premium": spend("Writes that never came back"),
        "cost_of_fall": spend("Cost of a fall"),
    }  # fmt: skip
    drawn = advice.with_columns(integration=_vendors(advice))
    return _figures(book, lambda: plots.cache_advice(drawn), "Caches") + table(
        lines, columns, name="caches", top=10, title="Caches, at list price",
        below=[
            "At list prices of the day and the base tier: an estimate, not the vendor's word.",
            *(f"{row['model_id']} of {row['vendor']}: {row['advice']}" for row in lines.head(10).iter_rows(named=True)),
        ],
        drop=("unearned_premium", "cost_of_fall"),
    )  # fmt: skip


def outcome_costs(book: Book) -> Html:
    """Show what each kind of outcome cost, beside the bill of those who made them."""
    if book.outcomes is None:
        return note(
            "No table of outcomes was given (outcomes=): a file with day (or week), email where people are known, and "
            "such as kind, a row a pull request, ticket or feature."
        )
    named = [name for name in book.outcomes.columns if name.strip().lower() not in ("day", "week", "email", "count")]
    of = named[0] if named else None
    ours = book.plain.filter(pl.col("model_id").is_not_null())["integration"].unique().sort().to_list()
    frame = book.plain.filter(pl.col("integration").is_in(ours))  # who bills by model: what people work with
    made = _asked(book, lambda: outcomes_of(frame, book.outcomes, of))
    if isinstance(made, str):
        return note(made)
    made = made.filter(pl.col("currency") != UNSTATED)
    columns = {
        "outcome": id_text("Outcome"), "outcomes": count("How many"), "people": count("People"),
        "cost": spend("Cost"), "cost_per_outcome": spend("Each"), "cost_at_least": spend("Theirs alone"),
        "cost_at_most": spend("With all they shared"),
    }  # fmt: skip
    grain = made["grain"][0] if made.height else "day"
    vendors = joined(label_of(each) for each in ours)
    below = [f"The bill of {vendors}, by {grain}. What was shared is shared alike; no single one has a price."]
    return _figures(book, lambda: plots.outcomes(made), "Outcomes") + table(
        made, columns, name="outcomes", order=book.currencies, below=below, totals=("cost",), title="What came of it",
    )  # fmt: skip
