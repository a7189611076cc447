"""OpenAI: usage and costs of a platform organisation, and Codex in a ChatGPT workspace.

Bearer keys; times in Unix seconds; a page token beside `has_more`. The first daily bucket begins where the question
begins, so questions begin at midnight UTC. An organisation's usage comes kind by kind, each from an endpoint of its
own, and its costs after them: one that the key may not read is told, and the others stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from truto_usage_nb.direct.engine import Access, ByToken, DirectVendor, Endpoint, KeyField, VendorRow, not_served
from truto_usage_nb.direct.question import DirectQuestion, day_of
from truto_usage_nb.errors import InvalidRequestError
from truto_usage_nb.integrations import Window
from truto_usage_nb.vendors.openai_codex.mapping import (
    API_PRODUCT,
    CODEX_PRODUCT,
    api_cost_record,
    codex_records,
    usage_record,
)

_ROOT = "/v1/organization/"
_BUCKETS, _COST_BUCKETS, _CODEX_ROWS = 31, 180, 1000
_PAGES = ByToken(("next_page",), "page", size="limit", flag="has_more")
_BY_ALL = ("project_id", "user_id", "api_key_id", "model")
_KINDS: dict[str, tuple[str, ...]] = {
    "completions": (*_BY_ALL, "batch"),
    "decisions": (*_BY_ALL, "batch"),
    "embeddings": _BY_ALL,
    "moderations": _BY_ALL,
    "images": (*_BY_ALL, "size", "source"),
    "audio_speeches": _BY_ALL,
    "audio_transcriptions": _BY_ALL,
    "vector_stores": ("project_id",),
    "code_interpreter_sessions": ("project_id",),
    "file_search_calls": ("project_id", "user_id", "api_key_id"),
    "web_search_calls": (*_BY_ALL, "context_level"),
}
"""What each kind of usage is grouped by: all that tells its rows apart and that a record can hold."""
_USAGE_REPORTS = ("usage", "user_usage", "project_usage")


@dataclass(frozen=True, slots=True)
class _Days:
    """Hold whole days, the end excluded."""

    start: date
    end: date

    @classmethod
    def of(cls, question: DirectQuestion) -> _Days:
        """Read the days: `date`, else from `start_date` up to `end_date` or for a day; without any it is yesterday."""
        first = question.date or question.start_date
        if first is None:
            return cls(question.now.date() - timedelta(days=1), question.now.date())
        start = day_of(first)
        end = None if question.date or question.end_date is None else day_of(question.end_date)
        return cls(start, end if end is not None and end > start else start + timedelta(days=1))

    def params(self) -> dict[str, int]:
        """Give them in Unix seconds."""
        return {"start_time": _seconds(self.start), "end_time": _seconds(self.end)}


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _results(body: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the results of each bucket with the bucket's times; an older answer has them under `result`."""
    for bucket in body["data"]:
        times = {"start_time": bucket["start_time"], "end_time": bucket["end_time"]}
        found = bucket["results"] if "results" in bucket else bucket["result"]
        yield from ((row, times) for row in found or ())


def _usages(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    yield from (VendorRow(row, [usage_record(row, times)]) for row, times in _results(body))


def _charges(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    yield from (VendorRow(row, [api_cost_record(row, times)]) for row, times in _results(body))


def _filters(question: DirectQuestion) -> dict[str, Any]:
    asked = {"user_ids": question.user_id, "api_key_ids": question.api_key_id}
    return {name: [value] for name, value in asked.items() if value is not None}


def _usage(kind: str) -> Endpoint:
    def ask(question: DirectQuestion) -> dict[str, Any]:
        times = _Days.of(question).params()
        return {**times, "bucket_width": "1d", "group_by": list(_KINDS[kind]), **_filters(question)}

    return Endpoint(
        _ROOT + f"usage/{kind}", ask, _usages, _PAGES, page_size=_BUCKETS, most=_BUCKETS, may_be_refused=True
    )


def _costs(*groups: str) -> Endpoint:
    def ask(question: DirectQuestion) -> dict[str, Any]:
        times = _Days.of(question).params()
        keys = {"api_key_ids": [question.api_key_id]} if question.api_key_id else {}
        return {**times, "bucket_width": "1d", "group_by": list(groups), **keys}

    return Endpoint(
        _ROOT + "costs", ask, _charges, _PAGES, page_size=_COST_BUCKETS, most=_COST_BUCKETS, may_be_refused=True
    )


_USAGES = {kind: _usage(kind) for kind in _KINDS}
_COSTS = _costs("line_item", "project_id", "api_key_id")
_USER_COSTS = _costs("line_item", "user_id")  # a user beside a project may be refused


def _api_plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    """Give usage and then costs; an endpoint whose rows do not state what is asked for by id is left out."""
    kind = question.report_type
    if kind not in (None, "cost", "user_cost", *_USAGE_REPORTS):
        raise not_served("OpenAI's organisation API", question, ("cost", "user_cost", *_USAGE_REPORTS))
    wanted = {name for name in ("user_id", "api_key_id") if getattr(question, name) is not None}
    usage = tuple(_USAGES[name] for name, groups in _KINDS.items() if wanted <= set(groups))
    if kind in _USAGE_REPORTS:
        return usage
    if kind == "user_cost":
        return (_USER_COSTS,)
    costs = () if "user_id" in wanted else (_COSTS,)
    return costs if kind == "cost" else (*usage, *costs)


def _people(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:
    for row in body["data"]:
        if question.user_id in (None, row.get("user_id")):
            yield VendorRow(row, codex_records(row, {}))


_CODEX = Endpoint(
    path="/v1/analytics/codex/workspaces/{workspace_id}/usage",
    ask=lambda question: _Days.of(question).params(),
    read=_people,
    paging=_PAGES,
    page_size=_CODEX_ROWS,
    most=30_000,
)


def _codex_plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    served = ("activity", "usage", "user_usage")
    if question.report_type not in (None, *served):
        raise not_served("OpenAI's Codex analytics", question, served)
    if question.api_key_id is not None:
        raise InvalidRequestError(
            f"account {question.integrated_account_id!r}: a workspace's Codex knows no api_key_id; what a key did is "
            "in the organisation's own usage (admin_key)",
            status=422,
            is_remote=True,
        )
    return (_CODEX,)


def _bearer(name: str, keys: Mapping[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {keys[name]}"}


_OTHERS = {"sk-ant-": "Anthropic's key", "sk-svcacct-": "a service account's key of a project"}

VENDOR = DirectVendor(
    name="openai_codex",
    label="OpenAI",
    hears=frozenset({"report_type", "end_date"}),
    accesses=(
        Access(
            label="openai",
            keys=(
                KeyField(
                    "admin_key",
                    "OPENAI_ADMIN_KEY",
                    "an Admin key of an organisation (sk-admin-…), which an owner of it makes; a project's key opens "
                    "none of this",
                    {**_OTHERS, "sk-proj-": "a project's key"},
                ),
            ),
            host=lambda _: "api.openai.com",
            headers=partial(_bearer, "admin_key"),
            plan=_api_plan,
            products=lambda _: ((API_PRODUCT["id"], API_PRODUCT["name"], "Models and tools of the OpenAI platform"),),
            window=Window("range"),
        ),
        Access(
            label="codex",
            keys=(
                KeyField(
                    "codex_key",
                    "OPENAI_CODEX_KEY",
                    "a key with the scope codex.enterprise.analytics.read of the ChatGPT workspace",
                    _OTHERS,
                ),
            ),
            host=lambda _: "api.chatgpt.com",
            headers=partial(_bearer, "codex_key"),
            plan=_codex_plan,
            products=lambda _: ((CODEX_PRODUCT["id"], CODEX_PRODUCT["name"], "Coding agent"),),
            facts={"workspace_id": "the id of the ChatGPT workspace"},
            fact_variables={"workspace_id": "OPENAI_CODEX_WORKSPACE_ID"},
            refusals={404: "there may be no such workspace for this key"},
        ),
    ),
)
