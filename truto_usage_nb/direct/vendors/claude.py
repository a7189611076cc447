"""Anthropic: the Admin API of a Console organisation, and the Analytics API of both kinds.

One header with the key. Usage and cost come from the newer `analytics/usage` and `analytics/cost`, which either key
opens; `reports = "legacy"` asks the older reports instead. Claude Code's report and the engagement endpoints answer for
one UTC day a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from truto_usage_nb.direct.engine import Access, ByToken, DirectVendor, Endpoint, KeyField, VendorRow, not_served
from truto_usage_nb.direct.question import DirectQuestion, instant_of
from truto_usage_nb.errors import InvalidRequestError
from truto_usage_nb.vendors.claude.mapping import CLAUDE_PRODUCTS, Told, open_envelope, records_of

_ROOT = "/v1/organizations/"
_BETA = {"anthropic-beta": "analytics-usage-cost-2026-08-24"}
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_SPAN = timedelta(days=31)
_MOST_DAYS = 366
_WIDTHS = {"day": "1d", "hour": "1h", "minute": "1m"}
_BUCKETS = {"1d": 31, "1h": 168, "1m": 1440}
_ENTERPRISE_BUCKETS = {**_BUCKETS, "1m": 256}
_LAGS = {"usage_report/claude_code": _HOUR}  # how long after its end a day is there; elsewhere a day
_FORKED = ByToken(("next_page",), "page", size="limit", flag="has_more")
_BARE = ByToken(("next_page",), "page", size="limit")

_DIMENSIONS = {
    "surface": "product", "user": "actor", "charge_type": "cost_type", "workspace": "workspace_id",
    "api_key": "api_key_id", "rbac_group": "rbac_group_id", "group": "rbac_group_id", "session": "session_id",
    "agent": "agent_id", "organization": "organization_id", "region": "inference_geo",
    "slack_channel": "slack_channel_id",
}  # fmt: skip
"""The unified words for what one groups by, in the vendor's; any other word goes over as it is."""
_OF_MESSAGES = {"user": "account_id", "actor": "account_id", "product": None, "surface": None}
_OF_COSTS = {
    **dict.fromkeys(("model", "charge_type", "cost_type", "token_type"), "description"),
    **dict.fromkeys(("product", "surface")),
}
"""`cost_report` states models, kinds and tiers only where it is asked for descriptions; it has one product."""
_OF_ENGAGEMENT = {"user": "user_id", "actor": "user_id"}
_ORDERS = {
    "tokens": "total_tokens", "input_tokens": "uncached_input_tokens", "cost": "amount", "date": "time",
    "start_date": "time",
}  # fmt: skip
_API = ("messages_api", "message_batches_api", "managed_agents_api")
_SURFACES = {
    **dict.fromkeys(("api", "claude_api"), _API),
    **dict.fromkeys(("code", "cli"), ("claude_code",)),
    "slack": ("claude_tag",),
}


@dataclass(frozen=True, slots=True)
class _Window:
    """Hold the instants asked for, UTC, the end excluded."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, question: DirectQuestion) -> _Window:
        """Read the dates; without any it is the latest seven whole days, without an end as much as one may ask for."""
        start = None if question.start_date is None else instant_of(question.start_date)
        end = None if question.end_date is None else instant_of(question.end_date)
        if start is None:
            end = end or _midnight(question.now.date())
            start = end - (_DAY if question.granularity == "minute" else 7 * _DAY)
        if end is None:
            latest = question.now if question.granularity is None else _midnight(question.now.date()) + _DAY
            end = min(start + (_DAY if question.granularity == "minute" else _SPAN), max(latest, start + _HOUR))
        return cls(start, end)

    def days(self, now: datetime, lag: timedelta) -> Iterator[date]:
        """Yield the UTC days that it touches and that the vendor has by now; asking for a later one is refused."""
        if self.end - self.start > _MOST_DAYS * _DAY:
            raise InvalidRequestError(
                f"Claude gives this report a day a request; ask for at most {_MOST_DAYS} days at a time", status=422
            )
        day = self.start.date()
        while _midnight(day) < self.end and _midnight(day) + _DAY + lag <= now:
            yield day
            day += _DAY

    def params(self) -> dict[str, str]:
        """Give it in the vendor's words."""
        return {"starting_at": _stamp(self.start), "ending_at": _stamp(self.end)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(question: DirectQuestion, path: str, **asked: str) -> Callable[[Mapping[str, Any]], Told]:
    """Give what stands outside a row; what its envelope states comes before what was asked."""

    def told(stated: Mapping[str, Any]) -> Told:
        return Told(
            account_id=question.integrated_account_id or "",
            report_type=_kind(question),
            endpoint=path,
            envelope={**asked, **stated},
        )

    return told


def _rows(path: str, asked: Mapping[str, str], body: Any, question: DirectQuestion) -> Iterator[VendorRow]:
    """Read the rows of any endpoint; the user reports leave out what no actor is known for."""
    told, by_user = _told(question, path, **asked), _kind(question) in ("user_usage", "user_cost")
    if not isinstance(body.get("data", body.get("summaries")), list):
        raise KeyError("data")
    for row, stated in open_envelope(body):
        group = row.get("group", row)
        if by_user and "actor" in group and group["actor"] is None:
            continue
        yield VendorRow(row, records_of(row, told(stated)))


def _groups(question: DirectQuestion, words: Mapping[str, str | None]) -> list[str]:
    """Give what to group by in the endpoint's words, each once; not what every row of it says anyway."""
    actor = ("user",) if _kind(question) in ("user_usage", "user_cost") else ()
    found = [words[name] if name in words else _DIMENSIONS.get(name, name) for name in (*actor, *question.group_by)]
    return list(dict.fromkeys(name for name in found if name is not None))


def _products(question: DirectQuestion) -> list[str]:
    names = (*question.product_ids, *question.surfaces)
    return [product for name in names for product in _SURFACES.get(name, (name,))]


def _refuse(question: DirectQuestion, path: str, *names: str) -> None:
    """Refuse filters that an endpoint does not have: without them its figures would be others than asked for."""
    given = [name for name in names if getattr(question, name)]
    if given:
        raise InvalidRequestError(
            f"account {question.integrated_account_id!r}: Anthropic's {path} cannot filter by {', '.join(given)}; "
            "leave it out, and filter the frame",
            status=422,
            is_remote=True,
        )


def _bucket(question: DirectQuestion) -> str:
    return _WIDTHS.get(question.granularity or "day", "1d")


def _report(path: str) -> Endpoint:
    """Describe `analytics/usage` or `analytics/cost`: a row a group, of the whole range unless it is cut."""

    def ask(question: DirectQuestion) -> dict[str, Any]:
        width = None if question.granularity is None else _WIDTHS[question.granularity]
        order = None if question.sort_by is None else _ORDERS.get(question.sort_by, question.sort_by)
        return {
            **_Window.of(question).params(),
            "time_bucket_width": width,
            "group_by": _groups(question, {}),
            "products": _products(question),
            "actor_ids": list(question.user_ids),
            "models": list(question.model_ids),
            "order_by": order,
            "order": question.sort_order,
            "exclude_deleted_users": True if question.include_deleted_users is False else None,
        }

    read = partial(_rows, path, {})
    return Endpoint(_ROOT + path, ask, read, _FORKED, page_size=1000, most=1000, headers=_BETA)


def _messages(question: DirectQuestion) -> Endpoint:
    path = "usage_report/messages"
    _refuse(question, path, "product_ids", "surfaces")

    def ask(question: DirectQuestion) -> dict[str, Any]:
        return {
            **_Window.of(question).params(),
            "bucket_width": _bucket(question),
            "group_by": _groups(question, _OF_MESSAGES),
            "models": list(question.model_ids),
            "account_ids": list(question.user_ids),
        }

    size = _BUCKETS[_bucket(question)]
    return Endpoint(_ROOT + path, ask, partial(_rows, path, {}), _FORKED, page_size=size, most=size)


def _costs(question: DirectQuestion) -> Endpoint:
    path = "cost_report"
    _refuse(question, path, "product_ids", "surfaces", "model_ids", "user_ids")

    def ask(question: DirectQuestion) -> dict[str, Any]:
        grouped = _groups(question, _OF_COSTS)
        return {**_Window.of(question).params(), "bucket_width": "1d", "group_by": grouped}

    return Endpoint(_ROOT + path, ask, partial(_rows, path, {}), _FORKED, page_size=31, most=31)


def _enterprise(question: DirectQuestion) -> Endpoint:
    """Describe one of the older Enterprise reports: buckets of rows, or by user a flat list."""
    kind = _kind(question)
    path = f"analytics/{kind}_report"
    by_user = kind.startswith("user_")

    def ask(question: DirectQuestion) -> dict[str, Any]:
        return {
            **_Window.of(question).params(),
            "bucket_width": _bucket(question) if question.granularity or not by_user else None,
            "group_by": _groups(question, {"user": None, "actor": None}),
            "user_ids": list(question.user_ids),
            "products": [name.replace("claude_tag", "claude-tag") for name in _products(question)],
            "models": list(question.model_ids),
            "exclude_deleted_users": True if by_user and question.include_deleted_users is False else None,
        }

    size = 1000 if by_user else _ENTERPRISE_BUCKETS[_bucket(question)]
    read = partial(_rows, path, _Window.of(question).params())
    return Endpoint(_ROOT + path, ask, read, _FORKED, page_size=size, most=size)


def _code(question: DirectQuestion) -> tuple[Endpoint, ...]:
    """Describe Claude Code's report, a day a request."""
    path = "usage_report/claude_code"
    _refuse(question, path, "product_ids", "surfaces", "model_ids", "user_ids")

    def of(day: date) -> Endpoint:
        asked = {"starting_at": day.isoformat()}
        return Endpoint(_ROOT + path, lambda _: asked, partial(_rows, path, {}), _FORKED, page_size=1000, most=1000)

    return tuple(of(day) for day in _Window.of(question).days(question.now, _LAGS[path]))


def _engagement(path: str, question: DirectQuestion) -> tuple[Endpoint, ...]:
    """Describe an engagement endpoint, a day a request; no row states its day."""
    _refuse(question, path, "product_ids", "surfaces", "model_ids", "user_ids")
    grouped = _groups(question, _OF_ENGAGEMENT)
    paged = path != "analytics/summaries"

    def of(day: date) -> Endpoint:
        asked = {"date": day.isoformat(), "group_by": grouped}
        return Endpoint(
            path=_ROOT + path,
            ask=lambda _: asked,
            read=partial(_rows, path, {"date": day.isoformat()}),
            paging=_BARE if paged else ByToken(("next_page",), "page"),
            page_size=1000 if paged else None,
            most=1000 if paged else None,
        )

    return tuple(of(day) for day in _Window.of(question).days(question.now, _DAY))


_USAGE, _COST = _report("analytics/usage"), _report("analytics/cost")
_REPORTS = {"usage": _USAGE, "user_usage": _USAGE, "cost": _COST, "user_cost": _COST}
_OF_ENTERPRISE = {
    "activity": "analytics/users",
    "skill_usage": "analytics/skills",
    "connector_usage": "analytics/connectors",
    "project_usage": "analytics/apps/chat/projects",
    "summary": "analytics/summaries",
}


def _kind(question: DirectQuestion) -> str:
    """Give the report asked for: `activity`, unless dates are given, then `usage`."""
    dated = question.start_date is not None or question.end_date is not None
    return question.report_type or ("usage" if dated else "activity")


def _is_legacy(question: DirectQuestion) -> bool:
    return question.facts["reports"] == "legacy"


def _console_plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    kind = _kind(question)
    if kind == "activity":
        return _code(question)
    if kind in _REPORTS and not _is_legacy(question):
        return (_REPORTS[kind],)
    if kind in ("usage", "user_usage"):
        return (_messages(question),)
    if kind == "cost":
        return (_costs(question),)
    served = ("activity", "cost", "usage", "user_usage")
    raise not_served(
        "Anthropic's Admin API", question, served if _is_legacy(question) else (*served, "user_cost"),
        "an analytics_key of an Enterprise organisation opens the others",
    )  # fmt: skip


def _enterprise_plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    kind = _kind(question)
    if kind in _OF_ENTERPRISE:
        return _engagement(_OF_ENTERPRISE[kind], question)
    if kind not in _REPORTS:
        raise not_served("Anthropic's Analytics API", question, sorted((*_REPORTS, *_OF_ENTERPRISE)))
    return (_enterprise(question),) if _is_legacy(question) else (_REPORTS[kind],)


def _headers(name: str, keys: Mapping[str, str]) -> dict[str, str]:
    return {"x-api-key": keys[name], "anthropic-version": "2023-06-01"}


def _named(products: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((id_, CLAUDE_PRODUCTS[id_], f"{CLAUDE_PRODUCTS[id_]} by Anthropic") for id_ in products)


_OF_CONSOLE = (*_API, "claude_console", "claude_code", "claude_api")
_OTHERS = {"sk-ant-api": "a key of the Messages API", "sk-ant-oat": "a token of Claude Code", "sk-proj": "OpenAI's key"}
_REPORTS_FACT: dict[str, Any] = {
    "facts": {"reports": "which reports to ask for usage and cost"},
    "fact_choices": {"reports": ("analytics", "legacy")},
    "fact_defaults": {"reports": "analytics"},
    "refusals": {
        404: "Anthropic also answers 404 where the key is missing, or of another kind than the endpoint takes"
    },
}

VENDOR = DirectVendor(
    name="claude",
    label="Claude",
    accesses=(
        Access(
            label="claude",
            keys=(
                KeyField(
                    "admin_key",
                    "ANTHROPIC_ADMIN_KEY",
                    "an Admin key of a Console organisation (sk-ant-admin01-…), which an admin of it makes",
                    _OTHERS,
                ),
            ),
            host=lambda _: "api.anthropic.com",
            headers=partial(_headers, "admin_key"),
            plan=_console_plan,
            products=lambda _: _named(_OF_CONSOLE),
            **_REPORTS_FACT,
        ),
        Access(
            label="claude-enterprise",
            keys=(
                KeyField(
                    "analytics_key",
                    "ANTHROPIC_ANALYTICS_KEY",
                    "an Analytics key of an Enterprise organisation (read:analytics), which its Primary Owner makes; "
                    "an Admin key opens none of this",
                    {**_OTHERS, "sk-ant-admin": "an Admin key"},
                ),
            ),
            host=lambda _: "api.anthropic.com",
            headers=partial(_headers, "analytics_key"),
            plan=_enterprise_plan,
            products=lambda _: _named(tuple(id_ for id_ in CLAUDE_PRODUCTS if id_ not in (*_API, "claude_console"))),
            **_REPORTS_FACT,
        ),
    ),
)
