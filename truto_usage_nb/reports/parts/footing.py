"""The provenance foot: everything one needs to make the page again, and all that may differ between two loads."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from truto_usage_nb.reports.parts.book import Book
from truto_usage_nb.reports.parts.markup import Html, fold, notes, pairs, plural
from truto_usage_nb.reports.parts.silence import nothing_came, silent_names

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
        "complete": _complete(book),
        "cost rule": "one for every report of this version: the card that tu.cost_rule() shows",
        "list prices": f"{price_source()}, of the usage date, base tier; estimates only, never in the bill",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }
    told = _each_once([*(text for text in result.told if text not in result.gaps), *result.notes, *book.told])
    queries = fold(f"{plural(len(result.queries), 'query', 'queries')} sent", (repr(query) for query in result.queries))
    failed = [fold(f"{plural(len(result.gaps), 'query', 'queries')} failed", result.gaps)] if result.gaps else []
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
