"""Which series a record belongs to, and how long it is: what the checks need to know of each record."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals.stable.v2 as nw

from truto_usage_nb.series import BY_REPORT_TYPE

__all__ = ["LENGTHS", "SHAPE_COLUMNS", "length", "series"]

HOUR, DAY = 3_600_000_000, 86_400_000_000
LENGTHS = ("instant", "minute", "hour", "day", "month", "longer")
"""Names of how long a record is: an instant, under an hour, under a day, under 28 days, up to 31 days, longer."""

SHAPE_COLUMNS = (
    "report_type", "integration", "model_id", "surface", "usage_unit", "usage_requests_composer", "usage_requests_chat",
    "usage_requests_agent", "usage_requests_cmdk", "usage_requests_tab_shown", "usage_requests_api_key",
    "usage_conversations_thread_count", "user_id", "user_email",
)  # fmt: skip

_DAILY = ("composer", "chat", "agent", "cmdk", "tab_shown")


def series(integrations: Iterable[str | None]) -> nw.Expr:
    """Name a record's series; needs `__charged`, `__tokens` and `__is_running_total`.

    Only the integrations that the frame holds are told apart, so that a frame of one vendor costs no more than it must.
    """
    name = nw.col("report_type")
    for integration in sorted({i for i in integrations if i in _SERIES}):
        name = nw.when(nw.col("integration") == integration).then(_SERIES[integration]()).otherwise(name)
    return name


def is_by_report_type(integrations: Iterable[str | None]) -> bool:
    """Whether the report type alone names every series."""
    return all(i in BY_REPORT_TYPE or i not in _SERIES for i in integrations)


def _openai() -> nw.Expr:
    codex = (nw.col("usage_unit") == "credits").fill_null(False) | ~nw.col("usage_conversations_thread_count").is_null()
    person = ~nw.col("user_id").is_null() | ~nw.col("user_email").is_null()
    # a person's day whose models the vendor left out stands among those by model: nothing else states it
    whole = person & nw.col("surface").is_null()
    by_model = nw.when(~nw.col("model_id").is_null() | whole).then(nw.lit("codex_model"))
    by_client = by_model.otherwise(
        nw.when(~nw.col("surface").is_null()).then(nw.lit("codex_client")).otherwise(nw.lit("codex_totals"))
    )
    api = nw.when(nw.col("__charged")).then(nw.lit("cost")).otherwise(nw.lit("usage"))
    return nw.when(codex).then(by_client).otherwise(api)


def _cursor() -> nw.Expr:
    counted = nw.any_horizontal(*(~nw.col(f"usage_requests_{n}").is_null() for n in _DAILY), ignore_nulls=False)
    daily = counted & ~nw.col("__charged") & nw.col("__tokens").is_null()
    other = nw.when(daily).then(nw.lit("daily")).otherwise(nw.lit("event"))
    return nw.when(nw.col("__is_running_total")).then(nw.lit("spend")).otherwise(other)


def _confluent() -> nw.Expr:
    return nw.when(nw.col("__charged")).then(nw.lit("cost")).otherwise(nw.lit("metrics"))


def _datadog() -> nw.Expr:
    other = nw.when(nw.col("__charged")).then(nw.lit("cost")).otherwise(nw.lit("usage"))
    return nw.when(nw.col("__is_running_total")).then(nw.lit("cost_to_date")).otherwise(other)


_SERIES = {"openai_codex": _openai, "cursor": _cursor, "confluent": _confluent, "datadog": _datadog}


def length() -> nw.Expr:
    """Number how long a record is, as an index into LENGTHS; null where it has no start or end."""
    span = nw.col("__end") - nw.col("__start")
    number = nw.when(span > 31 * DAY).then(nw.lit(5)).otherwise(nw.lit(4))
    for limit, value in ((28 * DAY, 3), (DAY, 2), (HOUR, 1)):
        number = nw.when(span < limit).then(nw.lit(value)).otherwise(number)
    number = nw.when(span <= 0).then(nw.lit(0)).otherwise(number)
    return nw.when(~span.is_null()).then(number)
