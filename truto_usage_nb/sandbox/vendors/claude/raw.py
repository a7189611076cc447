"""Anthropic's organisation APIs as they answer: a key in `x-api-key`, and a page token beside `has_more`.

An Admin key opens the Console's reports and the newer usage and cost; an Analytics key opens what Enterprise has. The
key decides which organisation answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Raw, RawAnswer, RawAsk, RawRoute, World
from truto_usage_nb.sandbox.company import ACCOUNTS, Account
from truto_usage_nb.sandbox.vendors.claude.question import invalid
from truto_usage_nb.sandbox.vendors.claude.rows import raw_rows, stamp

KEYS = {
    "claude-console": {"admin_key": "sk-ant-admin01-SandboxConsole0Qx7TrN2WpKzM4Vb8Yd"},
    "claude-enterprise": {"analytics_key": "sk-ant-ana01-SandboxEnterprise1Hs6Jf3Gc9La5Ew0"},
    "claude-enterprise-seats": {"analytics_key": "sk-ant-ana01-SandboxSeats0Ui7Rt5Np2Bk8Xm4Zc6"},
}
_ROOT = "/v1/organizations/"
_BETA = "analytics-usage-cost-2026-08-24"
_VERSION = "2023-06-01"
_ACCOUNTS = {account.id: account for account in ACCOUNTS}
_WORDS = ("actor_ids", "models", "api_key_ids", "workspace_ids", "service_tiers", "group_by")
_MOST = {"1d": 31, "1h": 168, "1m": 1440}
_DEFAULT = {"1d": 7, "1h": 24, "1m": 60}
_LEGACY_GROUPS = {"account_id": "actor", "service_account_id": "actor"}
_DESCRIBED = ("cost_type", "token_type", "model", "service_tier", "context_window", "inference_geo")


def _account(ask: RawAsk) -> Account | None:
    sent = ask.headers.get("x-api-key")
    return next((_ACCOUNTS[name] for name, keys in KEYS.items() if sent in keys.values()), None)


def _is_admin(ask: RawAsk) -> bool:
    account = _account(ask)
    return account is not None and account.kind == "console"


def admit(ask: RawAsk) -> RawAnswer | None:
    """Let in who has a key of an organisation and names the version of the API."""
    if _account(ask) is None:
        return RawAnswer(error(401), 401)
    if ask.headers.get("anthropic-version") != _VERSION:
        return RawAnswer(_error("invalid_request_error", "anthropic-version: header is required"), 400)
    return None


def error(status: int) -> dict[str, Any]:
    """Return Anthropic's error body."""
    kinds = {
        401: ("authentication_error", "invalid x-api-key"),
        403: ("permission_error", "This key may not read this resource"),
        404: ("not_found_error", "Not found"),
        429: ("rate_limit_error", "This request would exceed your organization's rate limit"),
    }
    return _error(*kinds.get(status, ("api_error", "Internal server error")))


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011TideVendor"}


def _analytics(kind: str) -> Any:
    """Return what answers `analytics/usage` or `analytics/cost`, to either kind of key."""

    def answer(ask: RawAsk) -> RawAnswer:
        if _BETA not in ask.headers.get("anthropic-beta", ""):
            return RawAnswer(error(404), 404)
        _require(ask, "starting_at")
        if ask.one("time_bucket_width") is not None:
            _require(ask, "ending_at")
        report = Report(
            account=_known(ask).id,
            kind=kind,
            start=ask.one("starting_at"),
            end=ask.one("ending_at"),
            words=tuple((name, tuple(ask.several(f"{name}[]"))) for name in _WORDS),
            products=tuple(ask.several("products[]")),
            width=ask.one("time_bucket_width"),
            order_by=ask.one("order_by"),
            order=ask.one("order"),
            without_deleted=ask.one("exclude_deleted_users") == "true",
        )
        rows = _report_rows(ask.world, report)
        refreshed = max((raw.context["data_refreshed_at"] for raw in rows), default=None)
        found, following = _paged([raw.row for raw in rows], ask, default=20, most=1000)
        return RawAnswer(
            {
                "data": found,
                "has_more": following is not None,
                "next_page": following,
                "data_refreshed_at": refreshed or stamp(ask.world.now),
            }
        )

    return answer


@dataclass(frozen=True, slots=True)
class Report:
    """What one of the usage and cost reports is asked for; `words` are the filters and groups of many values."""

    account: str
    kind: str
    start: str | None
    end: str | None
    words: tuple[tuple[str, tuple[str, ...]], ...]
    products: tuple[str, ...]
    width: str | None = None
    order_by: str | None = None
    order: str | None = None
    without_deleted: bool = False


@lru_cache(maxsize=8)  # the pages of a walk share them
def _report_rows(world: World, report: Report) -> list[Raw]:
    remote: dict[str, Any] = {name: list(values) for name, values in report.words if values}
    named = {"time_bucket_width": report.width, "order_by": report.order_by, "order": report.order}
    question = Ask(
        world,
        _ACCOUNTS[report.account],
        report_type=report.kind,
        start_date=report.start,
        end_date=report.end,
        product_ids=report.products,
        include_deleted_users=not report.without_deleted,
        remote_query=remote | {name: value for name, value in named.items() if value},
    )
    return list(raw_rows(question))


def _legacy(kind: str, path: str) -> Any:
    """Return what answers one of the older reports: the same figures a bucket, told by columns instead of a group."""

    def answer(ask: RawAsk) -> RawAnswer:
        of_console = not path.startswith("analytics/")
        if of_console != _is_admin(ask):
            return RawAnswer(error(404), 404)
        _require(ask, "starting_at")
        by_user = path.startswith("analytics/user_")
        width = ask.one("bucket_width") or (None if by_user else "1d")
        asked = ask.several("group_by[]")
        report = Report(
            account=_known(ask).id,
            kind=kind,
            start=ask.one("starting_at"),
            end=ask.one("ending_at"),
            words=(
                ("group_by", ("actor", *asked) if by_user else _newer(asked)),
                ("models", tuple(ask.several("models[]"))),
                ("actor_ids", (*ask.several("account_ids[]"), *ask.several("user_ids[]"))),
            ),
            products=tuple(name.replace("-", "_") for name in ask.several("products[]")),
            width=width,
        )
        rows = _report_rows(ask.world, report)
        if by_user:
            return _flat(ask, rows, asked)
        return _bucketed(ask, rows, asked, width or "1d", of_console=of_console)

    return answer


def _newer(asked: list[str]) -> tuple[str, ...]:
    """Translate what an older report is grouped by into the newer words; descriptions tell several things at once."""
    found = [_LEGACY_GROUPS.get(name, name) for name in asked if name != "description"]
    return tuple(dict.fromkeys([*found, *(_DESCRIBED if "description" in asked else ())]))


def _flat(ask: RawAsk, rows: list[Raw], asked: list[str]) -> RawAnswer:
    width = ask.one("bucket_width")
    found = [
        {"actor": _older(raw.row["group"]["actor"]), **_columns(raw, asked, times=width is not None, by_user=True)}
        for raw in rows
        if raw.row["group"]["actor"] is not None and raw.row["group"]["actor"]["type"] == "user_actor"
    ]
    page, following = _paged(found, ask, default=20, most=1000)
    body = {"organization_id": _known(ask).organization_id, "data": page, "has_more": following is not None}
    return RawAnswer({**body, "next_page": following, "data_refreshed_at": stamp(ask.world.now)})


def _older(actor: dict[str, Any]) -> dict[str, Any]:
    """Name the address `email`, as the older reports were seen to."""
    return {("email" if name == "email_address" else name): value for name, value in actor.items()}


def _bucketed(ask: RawAsk, rows: list[Raw], asked: list[str], width: str, *, of_console: bool) -> RawAnswer:
    """Answer a bucket a day (or an hour), empty ones too; a page is a number of buckets."""
    by_start: dict[str, list[dict[str, Any]]] = {}
    for raw in rows:
        columns = _console_columns(raw, asked) if of_console else _columns(raw, asked, times=False, by_user=False)
        by_start.setdefault(raw.row["starting_at"], []).append(columns)
    buckets = [
        {"starting_at": stamp(at), "ending_at": stamp(at + step), "results": by_start.get(stamp(at), [])}
        for at, step in _steps(ask, width)
    ]
    page, following = _paged(buckets, ask, default=_DEFAULT[width], most=_MOST[width])
    body: dict[str, Any] = {"data": page, "has_more": following is not None, "next_page": following}
    if not of_console:
        body |= {"organization_id": _known(ask).organization_id, "data_refreshed_at": stamp(ask.world.now)}
    return RawAnswer(body)


def _steps(ask: RawAsk, width: str) -> Iterator[tuple[datetime, timedelta]]:
    step = {"1d": timedelta(days=1), "1h": timedelta(hours=1), "1m": timedelta(minutes=1)}[width]
    at = datetime.fromisoformat(ask.one("starting_at") or "")
    end = min(datetime.fromisoformat(ask.one("ending_at") or stamp(ask.world.now)), ask.world.now)
    while at < end:
        yield at, step
        at += step


def _columns(raw: Raw, asked: list[str], *, times: bool, by_user: bool) -> dict[str, Any]:
    """Write a row of the Enterprise reports: dimensions beside measures; those not asked for are null."""
    group, row = raw.row["group"], raw.row
    names = ("product", "model", "context_window", "inference_geo", "speed")
    told = {name: group.get(name) for name in dict.fromkeys((*names, *asked))}
    told["product"] = {"claude_tag": "claude-tag"}.get(told["product"], told["product"])
    if "cost" in row:
        told |= {name: group.get(name) for name in ("cost_type", "token_type")}
    when = {name: row[name] for name in ("starting_at", "ending_at")} if times else {}
    measures = dict(row.get("usage") or row["cost"])
    if not by_user:
        measures.pop("total_tokens", None)  # which the flat reports alone state
    return {**told, **when, **measures}


def _console_columns(raw: Raw, asked: list[str]) -> dict[str, Any]:
    """Write a row of `usage_report/messages` or of `cost_report`."""
    group = raw.row["group"]
    if "cost" in raw.row:
        cost = raw.row["cost"]
        described = (
            {name: group.get(name) for name in _DESCRIBED} if "description" in asked else dict.fromkeys(_DESCRIBED)
        )
        kind = described["token_type"] or described["cost_type"]
        what = f"{described['model'] or 'Claude'} Usage - {kind}" if kind else None
        place = {"workspace_id": group.get("workspace_id")}
        return {"amount": cost["amount"], "currency": cost["currency"], "description": what, **described, **place}
    actor = group.get("actor") or {}
    usage = {name: value for name, value in raw.row["usage"].items() if name not in ("total_tokens", "requests")}
    names = ("api_key_id", "context_window", "inference_geo", "model", "service_tier", "workspace_id")
    return {
        **{name: group.get(name) for name in names},
        "account_id": actor.get("user_id"),
        "service_account_id": actor.get("service_account_id"),
        **usage,
    }


def _code(ask: RawAsk) -> RawAnswer:
    """Answer Claude Code's report: one UTC day a request."""
    if not _is_admin(ask):
        return RawAnswer(error(404), 404)
    day = _day(ask, "starting_at")
    rows = _day_rows(ask.world, "claude-console", "activity", day, ())
    found, following = _paged(rows, ask, default=20, most=1000)
    return RawAnswer({"data": found, "has_more": following is not None, "next_page": following})


def _engagement(kind: str) -> Any:
    """Return what answers an engagement endpoint: one day a request, and no day on a row."""

    def answer(ask: RawAsk) -> RawAnswer:
        if _is_admin(ask):
            return RawAnswer(error(404), 404)
        day = _day(ask, "date")
        newest = ask.world.now.date() - timedelta(days=2)
        if day > newest:
            raise invalid(f"date: data is not available yet; the newest available day is {newest}")
        rows = _day_rows(ask.world, _known(ask).id, kind, day, tuple(ask.several("group_by[]")))
        if kind == "summary":
            return RawAnswer({"summaries": rows})
        found, following = _paged(rows, ask, default=100, most=1000)
        return RawAnswer({"data": found, "next_page": following})

    return answer


@lru_cache(maxsize=32)
def _day_rows(world: World, account: str, kind: str, day: date, groups: tuple[str, ...]) -> list[dict[str, Any]]:
    after = (day + timedelta(days=1)).isoformat()
    question = Ask(
        world, _ACCOUNTS[account], report_type=kind, start_date=day.isoformat(), end_date=after, group_by=groups
    )
    return [raw.row for raw in raw_rows(question)]


def _known(ask: RawAsk) -> Account:
    account = _account(ask)
    assert account is not None  # who is not known was not let in
    return account


def _day(ask: RawAsk, name: str) -> date:
    _require(ask, name)
    try:
        return date.fromisoformat(ask.one(name) or "")
    except ValueError:
        raise invalid(f"{name}: must be a date, YYYY-MM-DD") from None


def _require(ask: RawAsk, name: str) -> None:
    if ask.one(name) is None:
        raise invalid(f"{name}: Field required")


def _paged(rows: list[Any], ask: RawAsk, *, default: int, most: int) -> tuple[list[Any], str | None]:
    """Return one page, and the token of the next one."""
    sent = ask.one("limit") or str(default)
    if not sent.isdecimal() or not 0 < int(sent) <= most:
        raise invalid(f"limit: must be between 1 and {most}")
    token = ask.one("page") or "page_0"
    if not token.removeprefix("page_").isdecimal():
        raise invalid("page: is not a token of this endpoint")
    begin = int(token.removeprefix("page_"))
    end = begin + int(sent)
    return rows[begin:end], f"page_{end}" if end < len(rows) else None


def _route(path: str, answer: Any) -> RawRoute:
    return RawRoute("GET", _ROOT + path, answer, "60;w=60")


ROUTES = (
    _route("usage_report/messages", _legacy("usage", "usage_report/messages")),
    _route("cost_report", _legacy("cost", "cost_report")),
    _route("usage_report/claude_code", _code),
    _route("analytics/usage", _analytics("usage")),
    _route("analytics/cost", _analytics("cost")),
    _route("analytics/usage_report", _legacy("usage", "analytics/usage_report")),
    _route("analytics/cost_report", _legacy("cost", "analytics/cost_report")),
    _route("analytics/user_usage_report", _legacy("usage", "analytics/user_usage_report")),
    _route("analytics/user_cost_report", _legacy("cost", "analytics/user_cost_report")),
    _route("analytics/users", _engagement("activity")),
    _route("analytics/skills", _engagement("skill_usage")),
    _route("analytics/connectors", _engagement("connector_usage")),
    _route("analytics/apps/chat/projects", _engagement("project_usage")),
    _route("analytics/summaries", _engagement("summary")),
)
