"""Where the money goes and who pays: by one dimension at a time, by team and person, and by the reader's rules.

Each table adds up to the bill, and what is shown back comes with a CSV to take along.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.allocation.chargeback import UNALLOCATED
from truto_usage_nb.allocation.check import BREACHED, UNJUDGED, Finding, findings
from truto_usage_nb.allocation.tables import suggestions
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.format import percent
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import enter
from truto_usage_nb.planning import Period
from truto_usage_nb.questions import pace as paced
from truto_usage_nb.questions import with_labels
from truto_usage_nb.questions.people import PERSON, newest_mails
from truto_usage_nb.reports.loading import Failed
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import (
    NOBODY,
    PINNED,
    UNLABELLED,
    Html,
    TableColumn,
    answered,
    days_name,
    effect,
    figure,
    id_text,
    in_words,
    joined,
    label_of,
    millions,
    note,
    notes,
    part,
    price,
    share,
    span_name,
    spend,
    table,
    text,
)
from truto_usage_nb.reports.parts.spending import alt_text, drawn
from truto_usage_nb.reports.parts.summary import cost_sentence, doubt_sentence
from truto_usage_nb.reports.parts.trust import silent_names, uncompared_told
from truto_usage_nb.spreadsheets import csv_text
from truto_usage_nb.unanswered import SilentView

__all__ = [
    "allocation",
    "allocation_answer",
    "allocation_lines",
    "by_label",
    "by_person",
    "by_product",
    "checks",
    "label_lines",
    "person_lines",
    "showback_answer",
    "team_sections",
    "unallocated",
    "unit_prices",
    "where",
]

_LEFT_OUT = "What is stated for longer than a day, such as Datadog's month, is not compared: nobody knows its days."


def where(book: Book, by: str, title: str, *, top: int = 12) -> Html:
    """Show the cost by one dimension of the bill, with its share; what has no value there is not attributed, vendor by
    vendor, and stands last.

    Names are what people call a thing, with the API's own word or id in the last column.
    """
    if by == "integration":
        lines = book.by(by).filter(pl.col("cost").is_not_null()).with_columns(integration=_vendor())
        return shares_table(book, with_shares(lines), by, title, top=top)
    named = book.by(by, bill=book.bill.filter(pl.col(by).is_not_null())).filter(pl.col("cost").is_not_null())
    if not named.height and book.totals:
        amounts = joined(book.money(book.totals[one], one) for one in book.currencies)
        return note(f"By {title[:1].lower()}{title[1:]} no vendor here says anything: all {amounts} {NOBODY}.")
    known = _KNOWN_NAMES[by](book) if by in _KNOWN_NAMES else {}
    if known:
        named = named.with_columns(pl.col(by).alias(_WORD), pl.col(by).replace(known))
    rest = book.by("integration", bill=book.bill.filter(pl.col(by).is_null())).filter(pl.col("cost").is_not_null())
    nobody = rest.select(
        pl.format(f"{NOBODY} {{}}", _vendor()).alias(by), pl.exclude("integration"), pl.lit(value=True).alias(PINNED)
    )
    lines = pl.concat([named.with_columns(pl.lit(value=False).alias(PINNED)), nobody], how="diagonal_relaxed")
    ranked = lines.sort([book.place(), PINNED], maintain_order=True)
    return shares_table(book, with_shares(ranked), by, title, top=top)


_WORD = "the word of the API"


def _surfaces(book: Book) -> dict[str, str]:
    """What people call each surface: as a record's product does, else as the vendor's facts do, else its own words."""
    there = book.bill["surface"].drop_nulls().unique().to_list()
    products = book.bill.filter(pl.col("surface") == pl.col("product_id")).select("surface", "product_name")
    said = dict(each for known in INTEGRATIONS.values() for each in known.surfaces)
    said |= dict(products.drop_nulls().unique().sort(pl.all()).iter_rows())
    return {word: said.get(word, _plainly(word)) for word in there}


def _plainly(word: str) -> str:
    """Write a word of an API as people write.

    >>> _plainly("office_agent")
    'Office agent'
    """
    return word[:1].upper() + word[1:].replace("_", " ") if word.islower() else word


def _places(book: Book) -> dict[str, str]:
    """What people call each workspace that has an id alone: what the vendor calls such a place, and what is in it."""
    ids = ["integration", "resources_workspace_id"]
    nameless = book.bill.filter(
        pl.col("resources_workspace_name").is_null() & pl.col("resources_workspace_id").is_not_null()
    )
    found = {}
    for integration, place in nameless.select(ids).unique(maintain_order=True).iter_rows():
        known = INTEGRATIONS.get(integration or "")
        kind = known.service.sub_account.lower() if known is not None else "workspace"
        found[place] = f"{label_of(integration)} {kind}{_contents(book, nameless, place)}"
    return found


def _contents(book: Book, bill: pl.DataFrame, place: str) -> str:
    """Say what a place is known by: its clusters and the like by name, or the model that most of its money is for."""
    inside = book.plain.filter((pl.col("resources_workspace_id") == place) & pl.col("resources_name").is_not_null())
    names = inside.group_by("resources_name").len().sort(["len", "resources_name"], descending=[True, False])
    if names.height:
        some, more = names["resources_name"].head(_IN_A_PLACE).to_list(), names.height - _IN_A_PLACE
        return f" with {joined([*some, *([f'{more} more'] if more > 0 else [])])}"
    models = bill.filter((pl.col("resources_workspace_id") == place) & pl.col("model_family").is_not_null())
    costs = models.group_by("model_family").agg(pl.col("cost").sum()).sort(["cost", "model_family"], descending=True)
    return f", mostly {costs['model_family'][0]}" if costs.height else ""


_IN_A_PLACE = 2
_KNOWN_NAMES: dict[str, Callable[[Book], dict[str, str]]] = {"surface": _surfaces, "workspace": _places}


def _vendor() -> pl.Expr:
    return pl.col("integration").map_elements(label_of, pl.String)


def with_shares(lines: pl.DataFrame) -> pl.DataFrame:
    """Add the share of each line in its currency."""
    whole = pl.col("cost").sum().over("currency")
    return lines.with_columns(share=pl.when(whole != 0).then(pl.col("cost") / whole))


def shares_table(book: Book, lines: pl.DataFrame, by: str, title: str, *, top: int = 12, headed: bool = True) -> Html:
    """Show cost and share by a column of names; one that stands under a heading of its own needs no other."""
    columns = {by: text(title), "cost": spend("Cost so far" if book.running else "Cost"), "share": part("Share")}
    if _WORD in lines.columns:
        columns[_WORD] = id_text("In the API")
    heading = f"By {title[:1].lower()}{title[1:]}" if headed else None
    return table(
        lines,
        columns,
        order=book.currencies,
        bill=book.totals,
        name=f"where-{by}",
        title=heading,
        totals=("cost", "share"),
        top=top,
    )


def unit_prices(book: Book, *, top: int = 15) -> Html:
    """Show what a million priced tokens of each model cost, how many have a price, and how many were cache reads."""
    from truto_usage_nb.costs import cost_per_token

    priced = book.hear(lambda: cost_per_token(book.asked.now, "model_id"))
    lines = priced.filter((pl.col("tokens") > 0) & pl.col("model_id").is_not_null()).with_columns(
        token_cost=pl.col("cost") - pl.col("other_cost"),
        priced_share=pl.col("tokens") / (pl.col("tokens") + pl.col("unpriced_tokens")),
    )
    columns = {
        "model_id": text("Model"),
        "token_cost": spend("Cost of tokens"),
        "tokens": millions("Priced tokens, millions"),
        "cost_per_million_tokens": price("Per million"),
        "cache_read_share": share("Cache reads"),
        "unpriced_tokens": millions("Without a price, millions"),
        "priced_share": share("Priced"),
    }
    from truto_usage_nb.costs import closing_line

    below = (
        closing_line(book.by()),
        "A price per million is a blend: it moves with the share of cache reads as much as with the rate card.",
    )
    return table(lines, columns, order=book.currencies, bill=book.totals, name="prices", top=top, below=below)


def by_product(book: Book, integrations: Sequence[str], *, top: int = 25) -> Html:
    """Show the products of vendors that sell no tokens, with what each cost in the period before.

    Of a period that runs the days so far stand beside the same days before; what is stated for longer has none.
    """
    lines = _products(book.bill, book, integrations)
    columns = {
        "vendor": text("Vendor"),
        "product_name": text("Product"),
        "cost": spend("Cost so far" if book.running else "Cost"),
        "share": part("Share"),
    }
    held, before = book.comparison, book.bill_before
    below: tuple[str, ...] = ()
    if held is not None and before is not None:
        keys = ["integration", "product_name", "currency"]
        was, now = (
            _products(held.cut(bill, earlier=earlier), book, integrations).select(*keys, pl.col("cost").alias(name))
            for bill, earlier, name in ((before, True, "was"), (book.bill, False, "of_days"))
        )
        lines = lines.join(was, on=keys, how="full", coalesce=True, nulls_equal=True)
        lines = lines.join(now, on=keys, how="left", nulls_equal=True)
        change = pl.col("of_days").fill_null(0.0) - pl.col("was").fill_null(0.0)
        known = pl.col("was").is_not_null() | pl.col("of_days").is_not_null()
        known &= ~pl.col("integration").is_in(_apart(book)).fill_null(value=False)
        lines = lines.with_columns(change=pl.when(known).then(change))
        columns |= {"of_days": spend(f"{days_name(held.now)}")} if held.so_far else {}
        columns |= {"was": spend(days_name(held.before)), "change": spend("Change")}
        below = (*((_LEFT_OUT,) if held.so_far else ()), *(uncompared_told(book) if _apart(book) else ()))
    if not lines.height:
        silent = silent_names(view for view in book.silent if view.integration in integrations)
        lost = [f"{each}." for each in book.failed if each.integration in integrations]
        came = notes([*([f"No record came of {joined(silent)}."] if silent else []), *lost])
        return Html(f"<p>No cost of {' or '.join(label_of(name) for name in integrations)} in this period.</p>") + came
    lines = with_shares(lines).with_columns(vendor=_vendor())
    lines = lines.sort(["currency", "cost"], descending=[False, True], nulls_last=True)
    sums = ("cost", "share", "of_days", "was", *(() if _apart(book) else ("change",)))
    totals = tuple(name for name in sums if name in columns)
    return table(
        lines, columns, order=book.currencies, bill=book.totals, name="products", totals=totals, top=top, below=below
    )


def _apart(book: Book) -> list[str]:
    """The vendors of which an account delivered in one of the two periods alone: their change is not known."""
    views: list[SilentView | Failed] = [*book.silent, *book.silent_before, *book.failed, *book.failed_before]
    return sorted({str(view.integration) for view in views if view.account in book.one_sided})


def _products(bill: pl.DataFrame, book: Book, integrations: Sequence[str]) -> pl.DataFrame:
    mine = bill.filter(pl.col("integration").is_in(integrations))
    return book.by(["integration", "product_name"], bill=mine).filter(pl.col("cost").is_not_null())


_LAST = (NOBODY, UNLABELLED)


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
    shown = shares_table(book, lines, label, label.capitalize(), top=top, headed=not csv)
    return shown + csv_link(book, lines.drop(PINNED), label) if csv else shown


def by_person(book: Book, *, top: int | None = None) -> Html:
    """Show the cost by person, with a file of all, and of each team its own."""
    lines = person_lines(book)
    label = _first_label(book) if book.labels is not None else None
    names = _names_of_people(book)
    shown_lines = lines.with_columns(
        pl.col("user_email").replace(names).alias("person"),
        pl.when(pl.col("user_email").is_in(list(names))).then("user_email").alias("mail"),
    )
    columns = {"person": text("Person"), **({label: text(label.capitalize())} if label else {})}
    columns |= {"cost": spend("Cost so far" if book.running else "Cost"), "share": part("Share")}
    columns |= {"mail": id_text("E-mail")} if names else {}
    shown = table(
        shown_lines, columns, order=book.currencies, bill=book.totals, name="people", totals=("cost", "share"), top=top
    )
    shown = shown + csv_link(book, lines.drop(PINNED), "people")
    if label is None:
        return shown
    links = [_link(book, part.drop(PINNED), f"{label}-{part[label][0]}") for part in lines.partition_by(label)]
    return shown + Html(f'<p class="download">Each {escape(label)} by itself: {" · ".join(sorted(links))}</p>')


def _names_of_people(book: Book) -> dict[str, str]:
    """The name of each person whose records, or the reader's table, say one, by e-mail."""
    named = book.now.select(
        pl.col("user_email").str.strip_chars().str.to_lowercase(), pl.col("user_name").str.strip_chars()
    )
    said = dict(named.drop_nulls().unique().sort(pl.all()).iter_rows()) if "user_name" in book.now.columns else {}
    return {mail: name for mail, name in said.items() if name and name != mail}


def csv_link(book: Book, lines: pl.DataFrame, what: str) -> Html:
    """Put a CSV into the page, to be saved by a click."""
    return Html(f'<p class="download">Save as {_link(book, lines, what)}, in which amounts are exact</p>')


def _link(book: Book, lines: pl.DataFrame, what: str) -> str:
    exact = pl.col(pl.Float64).round(6)  # what lies beyond comes of adding in another order
    stated = lines.select(pl.lit(span_name(book.period)).alias("period"), pl.exclude(pl.Float64), exact)
    data = base64.b64encode(csv_text(stated).encode()).decode("ascii")
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in what).strip("-")
    return (
        f'<a download="showback-{escape(name)}-{book.period.start:%Y-%m-%d}.csv" '
        f'href="data:text/csv;charset=utf-8;base64,{data}">{escape(what)}.csv</a>'
    )


def showback_answer(book: Book, label: str = "team") -> Html:
    """Say what it cost, how much is told by label or person and whose the largest part is, and what is uncertain."""
    lines = person_lines(book) if book.labels is None else label_lines(book, label)
    name, noun = ("user_email", "person") if book.labels is None else (book.label_named(label), label)
    return answered([cost_sentence(book), _told_by(book, lines, name, noun), doubt_sentence(book)])


def _told_by(book: Book, lines: pl.DataFrame, name: str, noun: str) -> str:
    lines = lines.filter(pl.col("currency").is_in(book.currencies[:1]))
    whole = float(lines["cost"].sum())
    if whole <= 0:
        return ""
    currency = book.currencies[0]
    own = lines.filter(~pl.col(PINNED))
    told = float(own["cost"].sum())
    largest = [f"{in_words(who)} {book.money(cost, currency)}" for who, cost in own.select(name, "cost").head(3).rows()]
    rest = [
        f"{book.money(cost, currency)} ({percent(cost / whole)}) {words}"
        for mark, words in (
            (NOBODY, "the vendors do not tell by person"),
            (UNLABELLED, f"is of people without a {noun}"),
        )
        if (cost := float(lines.filter(pl.col(PINNED) & pl.col(name).str.starts_with(mark))["cost"].sum()))
    ]
    first = f"{book.money(told, currency)} of it ({percent(told / whole)}) is told by {noun}"
    first += f"; the largest are {joined(largest)}" if len(largest) > 1 else ""
    return f"{first}. {joined(rest)}.".replace(". .", ".")


FOUND = Finding._fields
_MONEY = ("direct_cost", "shared_cost", "purchased_cost", "cost")
_MOST = 15
"""So many rules of a team have a line each."""


def allocation_lines(book: Book) -> pl.DataFrame:
    """Give what each team pays, with its budget, and where the month runs where the bill's pace would take it."""
    made = book.allocation
    assert made is not None
    lines = made.table().filter(pl.col("cost").is_not_null()).drop("rules_sha256")
    budgets = pl.DataFrame(
        [(team, currency, amount) for (team, currency), amount in book.team_budgets.items()],
        schema={"target": pl.String, "currency": pl.String, "budget": pl.Float64},
        orient="row",
    )
    lines = lines.join(budgets, on=["target", "currency"], how="left", maintain_order="left")
    lines = lines.join(_ahead(book), on="currency", how="left", maintain_order="left")
    whole = pl.col("cost").sum().over("currency")
    return lines.with_columns(
        pl.when(whole > 0).then(pl.col("cost") / whole).alias("share"),
        pl.when(pl.col("budget") > 0).then(pl.col("cost") / pl.col("budget")).alias("used"),
        (pl.col("cost") * pl.col("grows")).round(2).alias("projected"),
        pl.col("target").is_null().alias(PINNED),
        pl.col("target").fill_null(UNALLOCATED),
    )


def _ahead(book: Book) -> pl.DataFrame:
    """By how much the whole bill will have grown by the month's end, by currency; nothing where it does not run."""
    none = pl.DataFrame(schema={"currency": pl.String, "grows": pl.Float64})
    is_month = book.period == Period.parse(f"{book.period.start:%Y-%m}")
    if not (book.running and is_month):
        return none
    frame = book.asked.both or book.asked.plain
    end = min(book.period.end, book.result.fetched_at)
    ahead: pl.DataFrame = book.hear(lambda: paced(frame, None, now=end), of=book.reach)
    ahead = ahead.filter((pl.col("to_date") > 0) & pl.col("projected").is_not_null())
    return ahead.select("currency", grows=pl.col("projected") / pl.col("to_date"))


def allocation(book: Book, *, heading: bool = False) -> Html:
    """Show who pays what: a chart, and a table that adds up to the bill, with budgets and pace beside it.

    With `heading` it has one of its own, for where no rules were given there is nothing to show.
    """
    if book.rules is None:
        return Html("") if heading else note("No rules were given (rules=), so nothing is handed out.")
    lines = allocation_lines(book)
    columns: dict[str, TableColumn] = {
        "target": text("Who pays"), "direct_cost": effect("By a rule"), "shared_cost": effect("From pools"),
        "purchased_cost": effect("Seats, purchases"), "cost": spend("Cost so far" if book.running else "Cost"),
        "share": part("Share"), "tokens": millions("Tokens, millions"),
    }  # fmt: skip
    if book.team_budgets:
        columns |= {"budget": spend("Budget"), "used": TableColumn("Of it used", "share")}
    if lines["projected"].null_count() < lines.height:
        columns["projected"] = spend("Month's end, at the bill's pace")
    marks = {team: amount for (team, currency), amount in book.team_budgets.items() if currency in book.currencies[:1]}
    made = book.allocation
    assert made is not None
    stated = made.table().filter(pl.col("currency") != UNSTATED)
    chart = drawn(book, plots.allocation, stated, budgets=marks, of=lines, caption=f"Who pays, {book.name}")
    totals = (*_MONEY, "share", "tokens", "budget", "projected")
    shown = table(
        lines, columns, order=book.currencies, bill=book.totals, name="allocation", totals=totals,
        drop=("shared_cost", "purchased_cost"),
        below=_told_of_rules(book),
    )  # fmt: skip
    saved = csv_link(book, lines.drop(PINNED, "grows"), "allocation")
    title = Html("<h2>Who pays</h2>") if heading else Html("")
    return title + chart + shown + saved


def allocation_answer(book: Book) -> Html:
    """Say what was handed out, who pays most and who more than a budget, and what no rule reached."""
    if book.rules is None:
        return answered([cost_sentence(book), doubt_sentence(book)])
    lines = allocation_lines(book)
    return answered([*(_paid(book, lines, currency) for currency in book.currencies[:1]), _over(book, lines),
                     doubt_sentence(book)])  # fmt: skip


def _paid(book: Book, lines: pl.DataFrame, currency: str) -> str:
    mine = lines.filter(pl.col("currency") == currency)
    whole, missed = float(mine["cost"].sum()), float(mine.filter(pl.col(PINNED))["cost"].sum())
    most = mine.filter(~pl.col(PINNED) & (pl.col("cost") > 0)).sort("cost", descending=True).head(3)
    parts = [f"{in_words(who)} {book.money(cost, currency)}" for who, cost in most.select("target", "cost").rows()]
    pays = f": {joined(parts)} pay the most" if len(parts) > 1 else ""
    rest = f" {book.money(missed, currency)} no rule reached." if abs(missed) >= _CENT else " Every cost was reached."
    return f"{book.name} comes to {book.money(whole, currency)} after credits and tax, seats and purchases{pays}.{rest}"


_CENT = 0.005


def _over(book: Book, lines: pl.DataFrame) -> str:
    """Name the teams that pay more than their budget."""
    over = lines.filter(pl.col("used") > 1).sort("used", descending=True)
    parts = [
        f"{in_words(row['target'])} at {book.money(row['cost'], row['currency'])} of "
        f"{book.money(row['budget'], row['currency'])}"
        for row in over.head(3).iter_rows(named=True)
    ]
    more = f", and {over.height - len(parts)} more" if over.height > len(parts) else ""
    return f"Over budget: {joined(parts)}{more}." if parts else ""


def _told_of_rules(book: Book) -> list[str]:
    assert book.rules is not None
    hashes = ", ".join(each[:12] for each in book.rules.sha256.split(";"))
    return [
        f"Handed out by {book.rules.what} (SHA-256 {hashes}): the first rule that matches a record places it, then "
        "pools are split. Amounts are after credits and tax, rounded so that they add up to the bill.",
        *book.not_in_it,
    ]


def team_sections(book: Book) -> Html:
    """Show for each team which rule, pool or purchase its cost comes from."""
    made = book.allocation
    if made is None:
        return Html("")
    lines = made.table(explain=True).filter(pl.col("cost").is_not_null() & pl.col("target").is_not_null())
    lines = lines.sort(book.place(), maintain_order=True)
    sections = [
        _section(book, place, own) for place, own in enumerate(lines.partition_by("target", maintain_order=True))
    ]
    return Html("\n".join(each.markup for each in sections)) if sections else note("No rule reached anything.")


def _section(book: Book, place: int, lines: pl.DataFrame) -> Html:
    """One team's lines; a column in which nothing stands is left out."""
    parts = {
        "direct_cost": effect("By a rule"), "shared_cost": effect("From pools"),
        "purchased_cost": effect("Seats, purchases"), "tokens": millions("Tokens, millions"),
    }  # fmt: skip
    held = {name: column for name, column in parts.items() if (lines[name] != 0).any()}
    columns = {"what": text("What"), **held, "cost": spend("Cost")}
    named = lines.with_columns(what=pl.format("{} ({})", "reason", "rule"))
    sums = lines.group_by("currency", maintain_order=True).agg(pl.col("cost").sum())
    spent = " and ".join(_spent(book, lines["target"][0], *row) for row in sums.iter_rows())
    shown = table(
        named, columns, order=book.currencies, bill=book.totals, name=f"team-{place}",
        totals=(*_MONEY, "tokens"), top=_MOST, title=f"What {lines['target'][0]} pays, and by which rule",
    )  # fmt: skip
    return Html(f"<h3>{escape(lines['target'][0])}</h3><p>{escape(spent)}</p>") + shown


def _spent(book: Book, team: str, currency: str, cost: float) -> str:
    budget = book.team_budgets.get((team, currency))
    share = f" of a budget of {book.money(budget, currency)} ({percent(cost / budget)})" if budget and cost >= 0 else ""
    return f"{book.money(cost, currency)}{share}"


def checks(book: Book) -> Html:
    """Show what was agreed on and whether it holds, breaches first; it has a heading of its own, as it may be empty."""
    if book.checks is None:
        return Html("")
    asked = book.checks
    found = pl.DataFrame(
        book.hear(lambda: findings(enter(book.result.polars), book.result, asked, book.period)),
        schema={**dict.fromkeys(FOUND[:5], pl.String), **dict.fromkeys(FOUND[5:], pl.Float64)},
        orient="row",
    )
    order = pl.col("status").replace_strict({BREACHED: 0, UNJUDGED: 1}, default=2, return_dtype=pl.Int64)
    lines = found.sort(order, maintain_order=True).with_columns(what=pl.format("{} {}", "check", "name"))
    columns = {"status": text("State"), "what": text("What"), "message": text("How it stands")}
    drawing = plots.checks(found)
    chart = figure(drawing, f"What was agreed on, {book.name}: {alt_text(drawing)}")
    shown = table(lines.drop("currency"), columns, name="checks", below=[f"As {asked.what} has it."])
    return Html("<h2>What was agreed on</h2>") + chart + shown


def unallocated(book: Book) -> Html:
    """Show what no rule reached, why, and which rules would catch most of it."""
    made = book.allocation
    if made is None:
        return Html("")
    rest = made.table(explain=True).filter(pl.col("target").is_null() & pl.col("cost").is_not_null())
    if not rest.height:
        return note("Every record was reached by a rule.")
    columns = {"reason": text("What no rule reached"), "cost": spend("Cost"), "tokens": millions("Tokens, millions")}
    shown = table(rest, columns, order=book.currencies, bill=book.totals, name="unallocated", totals=("cost", "tokens"))
    found = suggestions(made.rest)
    if not found.height:
        return shown
    offered = {"rule": text("Rules that would catch most of it"), "cost": spend("Cost"), "share": part("Share")}
    return shown + table(found, offered, order=book.currencies, bill=book.totals, name="suggested", totals=("cost",))
