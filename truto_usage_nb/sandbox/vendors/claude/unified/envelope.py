"""Open an answer of any endpoint into its rows, each with what only the envelope states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from truto_usage_nb.sandbox.ask import Raw

_STATED = ("organization_id", "data_refreshed_at")


def open_envelope(endpoint: str, body: Mapping[str, Any], **asked: str) -> Iterator[Raw]:
    """Yield the rows of `data`, or of `summaries`, or of the buckets in it; `asked` is what only the request knew.

    >>> [raw.row for raw in open_envelope("analytics/summaries", {"summaries": [{"assigned_seat_count": 3}]})]
    [{'assigned_seat_count': 3}]
    """
    context = {**asked, **{name: body[name] for name in _STATED if body.get(name) is not None}}
    for entry in body.get("data", body.get("summaries")) or []:
        if "results" in entry:
            times = {name: entry[name] for name in ("starting_at", "ending_at") if name in entry}
            yield from (Raw(row, endpoint, {**context, **times}) for row in entry["results"])
        else:
            yield Raw(entry, endpoint, context)
