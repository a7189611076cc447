"""What an editor knows of a call's options: their names and types, said once for all calls.

Nothing is checked here; `UsageQuery` and the loader do that, with errors of their own.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from truto_usage_nb.jobs import Show
from truto_usage_nb.planning import Period
from truto_usage_nb.query import Granularity, ReportType, ResponseFormat, SortOrder, UsageQuery

__all__ = [
    "Backend",
    "IntegrationSaid",
    "OnError",
    "Options",
    "Overhang",
    "Parameters",
    "PeriodSaid",
    "ProgressSaid",
    "What",
]

Day: TypeAlias = str | datetime.date  # a datetime is a date too
What: TypeAlias = str | UsageQuery | Iterable[str | UsageQuery] | Mapping[str, Any] | None
PeriodSaid: TypeAlias = Period | Day | tuple[Day, Day] | list[Day] | None
IntegrationSaid: TypeAlias = str | Mapping[str, str] | None
Backend: TypeAlias = Literal["polars", "pandas"]
OnError: TypeAlias = Literal["raise", "warn"]
Overhang: TypeAlias = Literal["prorate", "include", "drop"] | None
ProgressSaid: TypeAlias = bool | Show | None


class Parameters(TypedDict, total=False):
    """The parameters of `UsageQuery`, each of which replaces that field."""

    integrated_account_id: str | None
    truto_response_format: ResponseFormat | None
    truto_key_by: str | None
    truto_ignore_limit: bool | None
    truto_ignore_remote_data: bool | None
    truto_exclude_fields: Sequence[str] | None
    remote_query: Mapping[str, Any] | None
    report_type: ReportType | Sequence[ReportType] | None
    start_date: Day | None
    end_date: Day | None
    product_ids: Sequence[str] | None
    user_ids: Sequence[str] | None
    model_ids: Sequence[str] | None
    surfaces: Sequence[str] | None
    group_by: Sequence[str] | None
    granularity: Granularity | None
    sort_by: str | None
    sort_order: SortOrder | None
    include_deleted_users: bool | None
    limit: int | None
    cursor: str | None
    date: Day | None
    user_id: str | None
    api_key_id: str | None
    page: int | None
    page_size: int | None


class Options(Parameters, total=False):
    """All options of a load, save `backend` and `client`."""

    period: PeriodSaid
    integration: IntegrationSaid
    on_error: OnError
    overhang: Overhang
    users: bool
    progress: ProgressSaid
