"""The five integrations, one small table each: what they honour, how a period must be cut, when their figures settle.

Pure data, and the only place where a vendor's habits are written down for the loader. Sources: the service's public
pages (what each integration supports) and the vendors' own documentation (windows, lateness, how long data is kept).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

__all__ = ["INTEGRATIONS", "Integration", "Window", "integration_named"]

_ENVELOPE = frozenset({
    "integrated_account_id", "truto_response_format", "truto_key_by", "truto_ignore_limit", "truto_ignore_remote_data",
    "truto_exclude_fields", "remote_query", "cursor", "limit",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """State how a period becomes requests.

    One request asks for at most `days` days and never reaches past a calendar month. `grain` says in which words:
    a `range` of start and end, `one day` named by the parameter `date`, or `whole months`. `end_inclusive` says that
    the provider counts `end_date` itself (the end of a window goes over as its last millisecond), `instants` that the
    time of day goes over, not only the day.
    """

    grain: Literal["range", "one day", "whole months"]
    days: int = 31
    end_inclusive: bool = False
    instants: bool = False


@dataclass(frozen=True, slots=True)
class Integration:
    """Describe one integration.

    `honours` are the endpoint's parameters that act there, the envelope's own included. `keeps_days` is how long the
    vendor keeps data (None: not stated). `late` is how long figures may still change after the record's end;
    `settle_day` instead names the day of the following month on which a month is final. A record of a `range_long`
    report covers the whole range asked for, unless `granularity`, or `bucket_width` in `remote_query`, cuts it. `hears`
    are parameters that act as well, though no record says that it came by them.
    """

    name: str
    label: str
    honours: frozenset[str]
    window: Window
    keeps_days: int | None
    late: timedelta
    settle_day: int | None = None
    default_views: tuple[tuple[str, tuple[str, ...]], ...] = ()
    user_views: tuple[tuple[str, tuple[str, ...]], ...] = ()
    range_long: frozenset[str] = frozenset()
    bucket_width: str | None = None
    hears: frozenset[str] = frozenset()

    def supports(self, parameter: str) -> bool:
        """Say whether a parameter acts there."""
        return parameter in self.honours

    def settled_until(self, now: datetime) -> datetime:
        """Give the instant (UTC) up to which figures are final, as the vendor states it.

        >>> from datetime import UTC
        >>> INTEGRATIONS["datadog"].settled_until(datetime(2026, 11, 23, tzinfo=UTC)).isoformat()
        '2026-11-01T00:00:00+00:00'
        """
        if self.settle_day is None:
            return now - self.late
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return first if now.day >= self.settle_day else (first - timedelta(days=1)).replace(day=1)

    def oldest_day(self, now: datetime) -> date | None:
        """Give the oldest day the vendor still keeps, or None where that is not stated."""
        return None if self.keeps_days is None else (now - timedelta(days=self.keeps_days)).date()


_GROUPED = ("product", "surface", "model")

INTEGRATIONS: dict[str, Integration] = {
    each.name: each
    for each in (
        Integration(
            name="claude",
            label="Claude",
            honours=_ENVELOPE
            | {
                "report_type", "start_date", "end_date", "product_ids", "user_ids", "model_ids", "surfaces", "group_by",
                "granularity", "sort_by", "sort_order", "include_deleted_users",
            },
            window=Window("range", instants=True),
            keeps_days=365,
            late=timedelta(days=30),
            default_views=(("usage", _GROUPED), ("cost", _GROUPED)),
            user_views=(("user_usage", _GROUPED), ("user_cost", _GROUPED)),
            range_long=frozenset({"usage", "cost", "user_usage", "user_cost"}),
            bucket_width="time_bucket_width",
        ),
        Integration(
            name="openai_codex",
            label="OpenAI Codex",
            honours=_ENVELOPE | {"date", "start_date", "user_id", "api_key_id"},
            window=Window("one day", days=1),
            keeps_days=90,
            late=timedelta(hours=12),
        ),
        Integration(
            name="confluent",
            label="Confluent",
            honours=_ENVELOPE | {"start_date", "end_date"},
            window=Window("range"),
            keeps_days=365,
            late=timedelta(hours=72),
        ),
        Integration(
            name="cursor",
            label="Cursor",
            honours=_ENVELOPE | {"start_date", "end_date", "page", "page_size"},
            window=Window("range", days=30, end_inclusive=True, instants=True),
            keeps_days=None,
            late=timedelta(hours=1),
        ),
        Integration(
            name="datadog",
            label="Datadog",
            honours=_ENVELOPE | {"start_date", "end_date"},
            window=Window("whole months"),
            keeps_days=456,
            late=timedelta(hours=72),
            settle_day=16,
        ),
    )
}  # fmt: skip
"""The integrations by name."""

_OTHER_SPELLINGS = {
    "openai": "openai_codex",
    "codex": "openai_codex",
    "openaicodex": "openai_codex",
    "anthropic": "claude",
}


def integration_named(name: str) -> Integration | None:
    """Give the integration of a name as the service or a person spells it, or None.

    >>> integration_named("OpenAI Codex").name
    'openai_codex'
    """
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    return INTEGRATIONS.get(plain) or INTEGRATIONS.get(_OTHER_SPELLINGS.get(plain.replace("_", ""), ""))
