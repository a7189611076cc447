"""The request as it would go to the vendor; no secret is in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask
from truto_usage_nb.sandbox.vendors.claude.analytics import stamp
from truto_usage_nb.sandbox.vendors.claude.question import WIDTH_NAMES, Question, read

_BASE = "https://api.anthropic.com/v1/organizations"
_BETA = "analytics-usage-cost-2026-08-24"
_REPORTS = ("analytics/usage", "analytics/cost")
_ACTOR_FILTERS = ("actor_ids", "models", "products", "api_key_ids", "workspace_ids", "service_tiers")


def request(ask: Ask) -> dict[str, Any]:
    """Return url, method, headers and body of the first request an ask becomes."""
    question = read(ask)
    headers = {"anthropic-version": "2023-06-01", "accept": "application/json"}
    if question.endpoint in _REPORTS:
        headers["anthropic-beta"] = _BETA
    query = urlencode([*_times(question), *_rest(ask, question)], safe="[]:")
    return {"url": f"{_BASE}/{question.endpoint}?{query}", "method": "GET", "headers": headers, "body": None}


def _times(question: Question) -> list[tuple[str, str]]:
    day = question.start.date().isoformat()
    if question.endpoint == "usage_report/claude_code":
        return [("starting_at", day)]
    if question.endpoint not in _REPORTS:
        return [("date", day)]
    window = [("starting_at", stamp(question.start)), ("ending_at", stamp(question.end))]
    return window if question.width is None else [*window, ("time_bucket_width", WIDTH_NAMES[question.width])]


def _rest(ask: Ask, question: Question) -> list[tuple[str, str]]:
    sent = [("group_by[]", name) for name in question.group_by]
    if question.endpoint in _REPORTS:
        sent += [(f"{name}[]", one) for name in _ACTOR_FILTERS for one in sorted(question.filters.get(name, ()))]
    if question.order_by is not None:
        sent += [("order_by", question.order_by), ("order", "desc" if question.descending else "asc")]
    if not question.include_deleted:
        sent.append(("exclude_deleted_users", "true"))
    return sent if ask.limit is None else [*sent, ("limit", str(ask.limit))]
