"""A result as a person reads it in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from truto_usage_nb.forks import refuse_if_cut_off
from truto_usage_nb.unanswered import heard, unanswered

if TYPE_CHECKING:
    from truto_usage_nb.result import UsageResult

__all__ = ["result_html"]

_STYLE = "border-collapse:collapse;text-align:left"
_CELL = "padding:2px 12px 2px 0;vertical-align:top;text-align:left"


def result_html(result: UsageResult) -> str:
    """Say in a small table what was asked, of whom, what came, which days it covers, and what is missing."""
    refuse_if_cut_off()
    rows = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{value}</td></tr>'
        for name, value in _rows(result)
    )
    return f'<table style="{_STYLE}">{rows}</table>'


def _rows(result: UsageResult) -> Iterator[tuple[str, str]]:
    yield "records", f"{result.polars.height:,} in {result.pages:,} pages"
    yield "accounts", escape(", ".join(_accounts(result)))
    if result.period is not None:
        yield "period", escape(str(result.period))
    if (covered := _covered(result)) is not None:
        yield "records cover", escape(covered)
    if result.settled_until:
        settled = (f"{name} until {moment:%Y-%m-%d}" for name, moment in sorted(result.settled_until.items()))
        yield "final", escape("; ".join(settled))
    yield "fetched", escape(f"{result.fetched_at:%Y-%m-%d %H:%M} UTC")
    yield "complete", escape(_complete(result))
    for text in (*result.gaps, *(each for each in result.told if each not in result.gaps), *result.notes):
        yield "", escape(text)
    yield "queries", _queries(result)


def _complete(result: UsageResult) -> str:
    """Whoever delivered nothing may have had nothing, or an outage: that is no complete answer."""
    if result.partial:
        return "no, see below"
    if result.polars.is_empty():
        return "no: no record came at all"
    silent = unanswered(result.queries, heard(result.polars), result.integrations)
    return f"no: {'; '.join(map(str, silent))}" if silent else "yes"


def _accounts(result: UsageResult) -> list[str]:
    frame = result.polars
    if "integrated_account_id" not in frame.columns or frame.is_empty():
        return list(dict.fromkeys(str(query.integrated_account_id) for query in result.queries))
    counts = frame.group_by("integrated_account_id", "integration", maintain_order=True).len().rows()
    return [f"{account} ({integration or 'integration unknown'}, {count:,})" for account, integration, count in counts]


def _covered(result: UsageResult) -> str | None:
    frame = result.polars
    if "start_date" not in frame.columns:
        return None
    first, last = frame["start_date"].min(), frame["start_date"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d} (starts, UTC)"


def _queries(result: UsageResult) -> str:
    shown = "".join(f"<div><code>{escape(repr(query))}</code></div>" for query in result.queries[:50])
    more = len(result.queries) - 50
    rest = f"<div>and {more:,} more</div>" if more > 0 else ""
    return f"<details><summary>{len(result.queries):,} sent</summary>{shown}{rest}</details>"
