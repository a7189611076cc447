"""The options of a call, said once for all calls: their names, types and defaults, as editors and notebooks show them.

Nothing is checked here; `UsageQuery` and the loader do that, with errors of their own.
"""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar

from truto_usage_nb.query import Granularity, ReportType, ResponseFormat, SortOrder, UsageQuery

if TYPE_CHECKING:
    from truto_usage_nb.jobs import Show
    from truto_usage_nb.planning import Period

__all__ = [
    "Backend",
    "CallOptions",
    "Parameters",
    "What",
    "with_named_options",
]

DayLike: TypeAlias = str | datetime.date  # a datetime is a date too
_Call = TypeVar("_Call", bound=Callable[..., Any])
What: TypeAlias = "str | UsageQuery | Iterable[str | UsageQuery] | Mapping[str, Any] | None"
Backend: TypeAlias = Literal["polars", "pandas"]


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
    start_date: DayLike | None
    end_date: DayLike | None
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
    date: DayLike | None
    user_id: str | None
    api_key_id: str | None
    page: int | None
    page_size: int | None


class CallOptions(Parameters, total=False):
    """All options of a load, save `backend` and `client`."""

    period: Period | DayLike | tuple[DayLike, DayLike] | list[DayLike] | None
    integration: str | Mapping[str, str] | None
    on_error: Literal["raise", "warn"]
    overhang: Literal["prorate", "include", "drop"] | None
    users: bool
    progress: bool | Show | None


_DEFAULTS = {"period": None, "integration": None, "on_error": "raise", "overhang": None, "users": False,
             "progress": None}  # fmt: skip


def with_named_options(call: _Call) -> _Call:
    """Have a signature name the options that a call takes as `**options`: what a notebook completes and shows.

    A checker, and an editor that asks one, know them by `CallOptions`.
    """
    said = inspect.signature(call)
    own = [each for each in said.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    words = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default,
            annotation=CallOptions.__annotations__[name].__forward_arg__,
        )
        for name, default in _DEFAULTS.items()
    ]  # fmt: skip
    at = sum(each.kind is not inspect.Parameter.KEYWORD_ONLY for each in own)
    rest = inspect.Parameter("params", inspect.Parameter.VAR_KEYWORD, annotation="Any")
    signature = said.replace(parameters=[*own[:at], words[0], *own[at:], *words[1:], rest])
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call
