"""The provenance foot: everything one needs to make the page again, and all that may differ between two loads."""

from __future__ import annotations

from importlib.metadata import version

from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, fold, notes, pairs, plural

__all__ = ["foot", "reproduce"]

_PACKAGES = ("truto-usage-nb", "polars", "narwhals", "matplotlib", "great-tables", "genai-prices")


def foot(book: Book) -> Html:
    """Say what was sent and when, what was told, and with which versions the page was made."""
    from truto_usage_nb.prices import price_source

    result = book.result
    settled = "; ".join(f"{name} until {moment:%Y-%m-%d}" for name, moment in sorted(result.settled_until.items()))
    rows = {
        "snapshot": f"sha256 {book.hash}",
        "holds": f"{plural(result.polars.height, 'record')} in {plural(result.pages, 'page')}, {result.period}",
        "fetched": f"{result.fetched_at:%Y-%m-%d %H:%M} UTC",
        "final": settled or "not stated",
        "complete": "no: " + "; ".join(result.gaps) if result.partial else "yes, every query was answered",
        "cost rule": "one for every report of this version: the card that tu.cost_rule() shows",
        "list prices": f"{price_source()}, of the usage date, base tier; estimates only, never in the bill",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }
    told = [*result.told, *(text for text in book.told if text not in result.told), *result.notes]
    queries = fold(f"{plural(len(result.queries), 'query', 'queries')} sent", (repr(query) for query in result.queries))
    return pairs(rows) + notes(told) + queries


def reproduce(book: Book, name: str) -> Html:
    """Show the lines that make this page again."""
    start, end = (f"{one:%Y-%m-%d}" for one in (book.period.start, book.period.end))
    lines = [
        "import truto_usage_nb as tu",
        f'tu.render_report("{name}", "{name}.html", snapshot="usage.parquet", period=("{start}", "{end}"))',
        '# usage.parquet: what render_report(..., keep_snapshot="usage.parquet") kept; its hash is the one above.',
        "# From the same snapshot and versions the page comes out the same, byte for byte.",
    ]
    return fold("the code that makes this page again", lines)
