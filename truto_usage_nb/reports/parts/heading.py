"""The head strip: what the figures are of, and how far they may be trusted."""

from __future__ import annotations

from html import escape

from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, plural
from truto_usage_nb.reports.parts.silence import nothing_came, silent_names
from truto_usage_nb.reports.parts.state import final_on, open_vendors, states

__all__ = ["head", "state_line"]


def head(book: Book) -> Html:
    """Say period, accounts and state, and which snapshot the figures are from.

    The state is FINAL, PROVISIONAL until a day, INCOMPLETE where somebody asked failed or delivered nothing, or NO
    RECORD.
    """
    accounts = book.now["integrated_account_id"].drop_nulls().unique(maintain_order=True).to_list()
    facts = {
        "Period": f"{book.period.start:%Y-%m-%d} to {book.period.end:%Y-%m-%d}, end excluded, UTC{_loaded(book)}",
        plural(len(accounts), "account"): ", ".join(accounts) or "none has a record",
        "Records": f"{book.now.height:,}",
        "Snapshot": book.hash[:16],
    }
    cells = "".join(f"<dl><dt>{escape(name)}</dt><dd>{escape(value)}</dd></dl>" for name, value in facts.items())
    name = escape(book.name) + (": no record came" if nothing_came(book) else "")
    below = _partial(book) + _silent(book)
    return Html(f'<p class="lead">{name} {_badge(book)}</p>\n<div class="strip">{cells}</div>{below}')


def _loaded(book: Book) -> str:
    return f"; loaded on {book.result.fetched_at:%Y-%m-%d}, so far" if book.running else ""


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
    kind = "final" if line == "FINAL" else "provisional"
    still = "; ".join(states(book))
    rest = f' <span class="note">{escape("may still change: " + still)}</span>' if still else ""
    return f'<span class="state {kind}">{escape(line)}</span>{rest}'


def _partial(book: Book) -> str:
    if not book.lacking:
        return ""
    lines = "".join(f"<li>{escape(each)}</li>" for each in book.lacking)
    text = "Some of what was asked for did not arrive: these figures are a lower bound."
    return f'<div class="aside"><p><strong>{text}</strong></p><ul>{lines}</ul></div>'


def _silent(book: Book) -> str:
    if not book.silent:
        return ""
    names = "".join(f"<li>{escape(each)}</li>" for each in silent_names(book.silent))
    text = "Asked, and no record came: the figures lack them, and nobody says whether there was none or an outage."
    return f'<div class="aside"><p><strong>{text}</strong></p><ul>{names}</ul></div>'
