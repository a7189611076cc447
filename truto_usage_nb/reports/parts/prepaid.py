"""What was bought ahead: plans, commitments and seats, and what is left unused."""

from __future__ import annotations

from typing import cast

import polars as pl

from truto_usage_nb import plots
from truto_usage_nb.costs import with_costs
from truto_usage_nb.questions import seats as seated
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import (
    Html,
    TableColumn,
    a_day,
    answered,
    as_written,
    count,
    figure,
    joined,
    label_of,
    millions,
    note,
    notes,
    plural,
    spend,
    table,
    text,
)
from truto_usage_nb.reports.parts.spending import alt_text
from truto_usage_nb.reports.parts.trust import silent_names

__all__ = ["commitments", "idle_seats", "seat_chart", "seat_list", "seat_summary", "seats_answer"]

BESIDE, UNKNOWN = "seen, not on the roster", "not known"
_UNUSED = ("idle", "never seen")
_SUMS = {
    "charges_committed": spend("Committed"),
    "charges_on_demand": spend("On demand"),
    "charges_platform_fee": spend("Platform fees"),
    "cost_discount": spend("Discounts"),
    "cost_included": spend("Covered by a plan, at list price"),
}


def commitments(book: Book) -> Html:
    """Show what each vendor states of commitments, fees, discounts and usage that a plan covers."""
    have = [name for name in _SUMS if name.startswith("cost_") or name in book.plain.columns]
    costed = book.hear(lambda: with_costs(book.asked.plain))
    sums = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in have]
    lines = costed.rename({"cost_currency": "currency"}).group_by("integration", "currency").agg(sums)
    lines = lines.filter(pl.any_horizontal(pl.col(name).fill_null(0.0) != 0 for name in have))
    covered = book.by("integration").group_by("integration").agg(pl.col("included_tokens").sum())
    lines = lines.join(covered, on="integration", how="left").with_columns(
        [pl.when(pl.col(name) != 0).then(pl.col(name)).alias(name) for name in have],
        included_tokens=pl.when((pl.col("cost_included") != 0) & (pl.col("included_tokens") != 0)).then(
            pl.col("included_tokens")
        ),
        vendor=pl.col("integration").map_elements(label_of, pl.String),
    )
    if not lines.height:
        return note("No record states a commitment, a fee, a discount or usage covered by a plan.")
    columns: dict[str, TableColumn] = {"vendor": text("Vendor"), **{name: _SUMS[name] for name in have}}
    columns["included_tokens"] = millions("Covered tokens, millions")
    below = ("What a plan or commitment cost to buy is in no usage API; what was drawn from it is shown here.",)
    return table(
        lines.sort("currency", "integration"), columns, order=book.currencies, bill=book.totals, name="commitments",
        below=below, title="What was drawn from plans and commitments", drop=(*have, "included_tokens"),
    )  # fmt: skip


def seat_list(book: Book) -> pl.DataFrame:
    """Give `tu.seats` of everything that the snapshot holds, of the vendors that tell a person."""
    roster = _roster(book)
    found = cast("pl.DataFrame", book.hear(lambda: seated(book.result.polars, roster, book.seat_prices)))
    unknown = pl.col("integration").is_in(book.failing_vendors)  # a seat that was not looked at is not idle
    found = found.with_columns(
        idle_cost=pl.when(~unknown).then(pl.col("idle_cost")),
        status=pl.when(unknown & pl.col("status").is_in(_UNUSED)).then(pl.lit(UNKNOWN)).otherwise(pl.col("status")),
    )
    return found.with_columns(vendor=pl.col("integration").map_elements(label_of, pl.String))


def _roster(book: Book) -> pl.DataFrame | None:
    """The roster of the vendors that were loaded; None where it names none of them."""
    held = book.result.polars["integration"].unique().implode()
    roster = None if book.roster is None else book.roster.filter(pl.col("integration").is_in(held))
    return None if roster is None or roster.is_empty() else roster


def seat_summary(book: Book) -> Html:
    """Show how many seats of each vendor are used, idle or never seen, what the unused cost a month, and, as a number
    of its own, how many people were seen who have none. Without a roster all are people seen."""
    found = seat_list(book)
    seats = {"seats": "Seats on the roster", "active": "Active", "idle": "Idle", "never seen": "Never seen",
             BESIDE: "People seen beside it"}  # fmt: skip
    people = {"seats": "People seen", "active": "Active", "idle": "Idle"}
    kinds = seats if _roster(book) is not None else people
    kinds |= {UNKNOWN: "Not known"} if UNKNOWN in found["status"] else {}
    counts = [(pl.col("status") == kind).sum().alias(kind) for kind in kinds if kind != "seats"]
    counts.append((pl.col("status") != BESIDE).sum().alias("seats"))
    cost = pl.when(pl.col("idle_cost").is_not_null().any()).then(pl.col("idle_cost").sum()).alias("idle_cost")
    lines = found.group_by("vendor", maintain_order=True).agg(*counts, cost, pl.col("currency").drop_nulls().first())
    columns = {"vendor": text("Vendor"), **{kind: count(words) for kind, words in kinds.items()}}
    columns["idle_cost"] = as_written("Unused, a month")
    unused = zip(lines["idle_cost"], lines["currency"], strict=True)
    words = [None if cost is None or of is None else book.money(cost, of) for cost, of in unused]
    lines = lines.drop("currency").with_columns(pl.Series("idle_cost", words, dtype=pl.String))
    return table(lines, columns, name="seats", title="Seats", drop=(UNKNOWN,), below=_told(book))


def _told(book: Book) -> list[str]:
    rule = "Idle: no use in the vendor's last fourteen days. Never seen: on the roster, in no record."
    if book.silent:
        rule += f" No record came of {joined(silent_names(book.silent))}: whether its seats are used, nobody can say."
    rule += "".join(f" {each.what}: whether its seats are used, nobody can say." for each in book.failed)
    if _roster(book) is None:
        return [rule, "No roster was given (roster=): these are people seen, and a seat that nobody used is not here."]
    return [rule, *([] if book.seat_prices else ["No price of a seat was given (seat_prices=), so none is known."])]


def seats_answer(book: Book) -> Html:
    """Say how many seats there are, how many of them are used, and what the others cost a month."""
    found, listed = seat_list(book), _roster(book) is not None
    own = found.filter(pl.col("status") != BESIDE)
    if not own.height:
        return answered(["No seat is known: no record names a person, and no roster does for a vendor with records."])
    what = plural(own.height, "seat is on the roster", "seats are on the roster") if listed else (
        plural(own.height, "person was seen", "people were seen"))  # fmt: skip
    unused = own.filter(pl.col("idle_cost").fill_null(0.0) > 0).group_by("currency").agg(pl.col("idle_cost").sum())
    amounts = [book.money(cost, currency) for currency, cost in unused.sort("currency").iter_rows()]
    costs = f" Those that nobody uses cost {joined(amounts)} a month." if amounts else ""
    beside = found.height - own.height
    others = (
        plural(beside, "person was seen who is", "people were seen who are") + " not on the roster." if beside else ""
    )
    lost = [f"{each.what}: whether its seats are used, nobody can say." for each in book.failed]
    return answered([f"{what}: {_by_status(own)}.{costs}", others, *lost])


def _by_status(seats: pl.DataFrame) -> str:
    counts = {status: seats.filter(pl.col("status") == status).height for status in ("active", *_UNUSED, UNKNOWN)}
    return joined(f"{number:,} {status}" for status, number in counts.items() if number)


def idle_seats(book: Book, *, top: int | None = None) -> Html:
    """Show each seat that nobody uses, and since when."""
    known = seat_list(book)
    if not known.height:
        return note("No seat is known: no record names a person, and no roster does for a vendor that has records.")
    found = known.filter(pl.col("status").is_in(_UNUSED))
    if not found.height:
        lost = [f"{each.what}: whether its other seats are used, nobody can say." for each in book.failed]
        return notes([f"Every seat {'whose use' if lost else 'that'} is known was used.", *lost])
    columns = {
        "vendor": text("Vendor"), "email": text("Person"), "status": text("Status"), "last_active": a_day("Last used"),
        "idle_days": count("Days idle"), "idle_cost": spend("A month"),
    }  # fmt: skip
    return table(
        found,
        columns,
        order=book.currencies,
        bill=book.totals,
        name="idle",
        totals=("idle_cost",),
        top=top,
        drop=("last_active", "idle_days", "idle_cost"),
    )


def seat_chart(book: Book) -> Html:
    """Draw how many seats of each vendor are in which status."""
    listed = _roster(book) is not None
    caption = f"{'Seats' if listed else 'People seen'} by vendor and status"
    people = seat_list(book).with_columns(integration="vendor")
    drawing = book.hear(lambda: plots.seats(people, roster=listed))
    said = "; ".join(
        f"{vendor} {_by_status(seats)}"
        for (vendor,), seats in people.filter(pl.col("status") != BESIDE).group_by("vendor", maintain_order=True)
    )
    return figure(drawing, f"{caption}: {said}; {alt_text(drawing)}")
