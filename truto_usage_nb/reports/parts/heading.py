"""The head strip: what the figures are of, and how far they may be trusted."""

from __future__ import annotations

from html import escape

from truto_usage_nb.reports.parts.book import Book, span_name
from truto_usage_nb.reports.parts.markup import Html, plural
from truto_usage_nb.reports.parts.state import final_on, open_vendors, states

__all__ = ["head", "state_line"]


def head(book: Book) -> Html:
    """Say period, accounts and state, FINAL or PROVISIONAL until a day, and which snapshot the figures are from."""
    accounts = book.now["integrated_account_id"].drop_nulls().unique(maintain_order=True).to_list()
    facts = {
        "Period": f"{book.period.start:%Y-%m-%d} to {book.period.end:%Y-%m-%d}, end excluded, UTC",
        plural(len(accounts), "account"): ", ".join(accounts) or "none has a record",
        "Records": f"{book.now.height:,}",
        "Snapshot": book.hash[:16],
    }
    cells = "".join(f"<dl><dt>{escape(name)}</dt><dd>{escape(value)}</dd></dl>" for name, value in facts.items())
    name = escape(span_name(book.period))
    return Html(f'<p class="lead">{name} {_badge(book)}</p>\n<div class="strip">{cells}</div>{_partial(book)}')


def state_line(book: Book) -> str:
    """Write the state as the strip has it."""
    if not open_vendors(book):
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
    if not book.result.partial:
        return ""
    lines = "".join(f"<li>{escape(gap)}</li>" for gap in book.result.gaps)
    text = "Some of what was asked for did not arrive: these figures are a lower bound."
    return f'<div class="aside"><p><strong>{text}</strong></p><ul>{lines}</ul></div>'
