"""Whether a period's figures are final, and if not, when they will be and how much money may still move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.naming import label_of

__all__ = ["Open", "final_on", "open_vendors", "states"]

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
