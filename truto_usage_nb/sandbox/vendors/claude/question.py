"""How the vendor says no, in its own words and shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from truto_usage_nb.sandbox.ask import Ask, Refused
from truto_usage_nb.sandbox.vendors.claude.people import ACTOR_TYPES, API_PRODUCTS, UseLine
from truto_usage_nb.sandbox.vendors.claude.story import ONE_DAY, ONE_HOUR, ONE_MINUTE, is_console, midnight


def invalid(message: str) -> Refused:
    """Return the vendor's 400 for a request it does not accept.

    >>> invalid("limit: too large").body["error"]["type"]
    'invalid_request_error'
    """
    error = {"type": "invalid_request_error", "message": message}
    return Refused(400, {"type": "error", "error": error, "request_id": "req_011TideSandbox"})


USAGE_DIMENSIONS: tuple[str, ...] = (
    "actor",
    "actor_type",
    "agent_id",
    "api_key_id",
    "claude_tag_category",
    "claude_tag_user_id",
    "context_window",
    "deployment_id",
    "environment_id",
    "inference_geo",
    "model",
    "organization_id",
    "product",
    "rbac_group_id",
    "service_tier",
    "session_id",
    "slack_channel_id",
    "speed",
    "user_profile_id",
    "workspace_id",
)
COST_DIMENSIONS: tuple[str, ...] = (*USAGE_DIMENSIONS, "cost_type", "token_type")

Reader = Callable[[UseLine, Any], Any]

OF_USAGE: dict[str, Reader] = {
    "actor": lambda line, _: line.actor,
    "actor_type": lambda line, _: ACTOR_TYPES[line.actor.kind] if line.actor else None,
    "agent_id": lambda line, _: line.agent,
    "api_key_id": lambda line, _: line.api_key,
    "context_window": lambda line, _: line.context if line.model else None,
    "inference_geo": lambda line, _: "global" if line.model else None,
    "model": lambda line, _: line.model,
    "product": lambda line, _: line.product,
    "service_tier": lambda line, _: line.tier if line.model else None,
    "session_id": lambda line, _: line.session,
    "slack_channel_id": lambda line, _: line.slack_channel,
    "speed": lambda line, _: "standard" if line.model else None,
    "workspace_id": lambda line, _: line.workspace,
}
OF_COST: dict[str, Reader] = {
    **OF_USAGE,
    "cost_type": lambda _, part: part.cost_type,
    "token_type": lambda _, part: part.token_type,
    "model": lambda _, part: part.model,
}
"""How each dimension is read from a line, and from a part of its cost; one that is not here is null."""
_GENERIC = {
    "surface": "product",
    "user": "actor",
    "charge_type": "cost_type",
    "workspace": "workspace_id",
    "api_key": "api_key_id",
    "rbac_group": "rbac_group_id",
    "group": "rbac_group_id",
    "session": "session_id",
    "agent": "agent_id",
    "organization": "organization_id",
    "region": "inference_geo",
    "slack_channel": "slack_channel_id",
}
_MOST = 5  # without cost_type and token_type, which do not count


def known(endpoint: str) -> tuple[str, ...]:
    """Return what an endpoint can group by, in the vendor's words."""
    per_user = ("rbac_group_id", "user_id")
    return {
        "analytics/usage": USAGE_DIMENSIONS,
        "analytics/cost": COST_DIMENSIONS,
        "analytics/users": ("rbac_group_id",),
        "analytics/skills": ("product", *per_user),
        "analytics/connectors": ("product", *per_user),
        "analytics/apps/chat/projects": per_user,
    }.get(endpoint, ())


def _columns(endpoint: str, asked: Iterable[str]) -> tuple[str, ...]:
    """Translate what was asked into the endpoint's own columns, each once, or refuse with the vendor's message."""
    allowed = known(endpoint)
    wanted = [_column(allowed, name, place) for place, name in enumerate(asked)]
    grouped = tuple(name for name in allowed if name in wanted)
    if sum(name not in ("cost_type", "token_type") for name in grouped) > _MOST:
        raise invalid(f"group_by: at most {_MOST} dimensions are allowed, got {len(grouped)}")
    return grouped


def _column(allowed: tuple[str, ...], name: str, place: int) -> str:
    column = _GENERIC.get(name, name)
    if column == "actor" and column not in allowed and "user_id" in allowed:
        column = "user_id"
    if column not in allowed:
        choices = ", ".join(allowed) or "nothing: this report has no dimensions"
        raise invalid(f"group_by.{place}: '{name}' is not supported here; allowed: {choices}")
    return column


_ENDPOINTS = {
    "usage": "analytics/usage",
    "user_usage": "analytics/usage",
    "cost": "analytics/cost",
    "user_cost": "analytics/cost",
    "skill_usage": "analytics/skills",
    "connector_usage": "analytics/connectors",
    "project_usage": "analytics/apps/chat/projects",
    "summary": "analytics/summaries",
}
_WIDTHS = {"day": ONE_DAY, "hour": ONE_HOUR, "minute": ONE_MINUTE}
WIDTH_NAMES = {ONE_DAY: "1d", ONE_HOUR: "1h", ONE_MINUTE: "1m"}
_ORDERS = {
    "analytics/usage": ("total_tokens", "output_tokens", "uncached_input_tokens", "requests", "time"),
    "analytics/cost": ("amount", "list_amount", "time"),
}
_GENERIC_ORDERS = {
    "tokens": "total_tokens",
    "input_tokens": "uncached_input_tokens",
    "cost": "amount",
    "date": "time",
    "start_date": "time",
}
_REPORTS_SPAN, _ENGAGEMENT_SPAN, _MINUTES_SPAN = timedelta(days=31), timedelta(days=366), timedelta(hours=24)
_LOOK_BACK = timedelta(days=365)
_DEFAULT_DAYS = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CODE_LAG, ENGAGEMENT_LAG = ONE_HOUR, ONE_DAY  # how long after its end a day is there
_LAGS = {"analytics/usage": timedelta(0), "analytics/cost": timedelta(0), "usage_report/claude_code": CODE_LAG}
_SURFACES = {
    "api": API_PRODUCTS,
    "claude_api": API_PRODUCTS,
    "code": ("claude_code",),
    "cli": ("claude_code",),
    "slack": ("claude_tag",),
}


@dataclass(frozen=True, slots=True)
class ClaudeQuestion:
    """A request to one of the vendor's endpoints; times are UTC, `end` is exclusive, both on bucket borders.

    `width` is the time a row covers; None: the whole window. `with_actor` leaves out what no actor is known for: the
    vendor's user reports.
    """

    endpoint: str
    report_type: str
    start: datetime
    end: datetime
    width: timedelta | None
    group_by: tuple[str, ...]
    filters: Mapping[str, frozenset[str]]
    order_by: str | None
    descending: bool
    with_actor: bool
    include_deleted: bool

    def days(self) -> Iterator[date]:
        """Yield the UTC days the window touches, oldest first."""
        day = self.start.date()
        while midnight(day) < self.end:
            yield day
            day += ONE_DAY

    def rows_of_days(self) -> Iterator[tuple[date, ...]]:
        """Yield the days whose lines make rows together: all where a row covers the window, else one by one."""
        if self.width is not None:
            yield from ((day,) for day in self.days())
        elif self.start < self.end:
            yield tuple(self.days())

    def row_end(self, at: datetime) -> datetime:
        """Return where a row that starts there ends."""
        return self.end if self.width is None else at + self.width

    def grain(self, day: date) -> timedelta:
        """Return the buckets in which a day is read: whole, and by the hour where the window cuts it."""
        if self.width is not None:
            return self.width
        return ONE_DAY if self.start <= midnight(day) and midnight(day) + ONE_DAY <= self.end else ONE_HOUR


def report_type(ask: Ask) -> str:
    """Return the report asked for: `activity`, unless dates are given, then `usage`."""
    dated = ask.start_date is not None or ask.end_date is not None
    return ask.report_type or ("usage" if dated else "activity")


def endpoint(ask: Ask) -> str:
    """Return the path that answers: activity is Claude Code's report on Console, the user report on Enterprise."""
    kind = report_type(ask)
    if kind == "activity":
        return "usage_report/claude_code" if is_console(ask.account) else "analytics/users"
    if kind not in _ENDPOINTS:
        raise invalid(f"report_type: '{kind}' is not one of activity, {', '.join(sorted(_ENDPOINTS))}")
    return _ENDPOINTS[kind]


def read_ask(ask: Ask) -> ClaudeQuestion:
    """Turn an ask into the vendor's own question, or raise `Refused` as the vendor would."""
    path, kind, extra = endpoint(ask), report_type(ask), ask.remote_query
    width = _width(ask, path)
    start, end = _window(ask, path, width)
    actor = ("actor",) if kind in ("user_usage", "user_cost") else ()
    asked = (*actor, *ask.group_by, *_texts(extra.get("group_by")))
    order = _order(path, ask.sort_by or extra.get("order_by"))
    return ClaudeQuestion(
        endpoint=path,
        report_type=kind,
        start=start,
        end=end,
        width=width,
        group_by=_columns(path, _kept(path, asked)),
        filters=_filters(ask),
        order_by=order,
        descending=(ask.sort_order or extra.get("order") or _usual_order(order, width)) == "desc",
        with_actor=bool(actor),
        include_deleted=ask.include_deleted_users is not False,
    )


def _kept(path: str, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the user where every row is a user's already."""
    by_user = ("analytics/users", "usage_report/claude_code")
    return tuple(name for name in asked if path not in by_user or name not in ("user", "actor"))


def _width(ask: Ask, path: str) -> timedelta | None:
    """Return the bucket: of usage and cost what is asked, None where nothing is; a day of all other endpoints."""
    if path not in _ORDERS:
        return ONE_DAY
    words = {word: width for width, word in WIDTH_NAMES.items()} | _WIDTHS
    asked = ask.granularity or ask.remote_query.get("time_bucket_width")
    if asked is None:
        return None
    if asked not in words:
        raise invalid(f"time_bucket_width: '{asked}' is not one of 1d, 1h, 1m")
    return words[asked]


def _instant(name: str, text: str) -> datetime:
    """Read a date or an RFC 3339 instant as UTC, or refuse."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name}: '{text}' is not a date or an RFC 3339 time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _window(ask: Ask, path: str, width: timedelta | None) -> tuple[datetime, datetime]:
    """Return the whole buckets that the asked range touches; with no dates, the latest completed days.

    Without buckets both ends are rounded down to the hour, and the end defaults to now where that is earlier.
    """
    span = _ENGAGEMENT_SPAN if path not in _ORDERS else _REPORTS_SPAN if width != ONE_MINUTE else _MINUTES_SPAN
    start = None if ask.start_date is None else _instant("starting_at", ask.start_date)
    end = None if ask.end_date is None else _instant("ending_at", ask.end_date)
    if start is None:
        end = end or midnight((ask.world.now - _LAGS.get(path, ENGAGEMENT_LAG)).date())
        start = end - (_DEFAULT_DAYS * ONE_DAY if path in _ORDERS and width != ONE_MINUTE else ONE_DAY)
    if end is None:
        latest = ask.world.now if width is None else midnight(ask.world.now.date()) + ONE_DAY
        end = min(start + span, max(latest, start + (width or ONE_HOUR)))
    _check(ask, start, end, span)
    if width is None:
        return _floor(start, ONE_HOUR), _floor(end, ONE_HOUR)
    return _floor(start, width), _EPOCH - (_EPOCH - end) // width * width


def _floor(moment: datetime, width: timedelta) -> datetime:
    return _EPOCH + (moment - _EPOCH) // width * width


def _check(ask: Ask, start: datetime, end: datetime, span: timedelta) -> None:
    if end <= start:
        raise invalid(f"ending_at must be after starting_at, got {end:%Y-%m-%dT%H:%M:%SZ}")
    if end - start > span:
        raise invalid(f"the range from starting_at to ending_at must be at most {_words(span)}")
    if start < midnight(ask.world.now.date()) - _LOOK_BACK:
        raise invalid(f"starting_at must be within the last {_LOOK_BACK.days} days, got {start:%Y-%m-%dT%H:%M:%SZ}")


def _words(span: timedelta) -> str:
    return f"{span.days} days" if span.days > 1 else "24 hours"


def _order(path: str, asked: str | None) -> str | None:
    if asked is None or path not in _ORDERS:
        return None
    order = _GENERIC_ORDERS.get(asked, asked)
    if order not in _ORDERS[path]:
        raise invalid(f"order_by: '{asked}' is not one of {', '.join(_ORDERS[path])}")
    return order


def _usual_order(order: str | None, width: timedelta | None) -> str:
    """Return the direction where none is asked for: the largest first, the oldest bucket first."""
    return "asc" if order is None or (order == "time" and width is not None) else "desc"


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(item) for item in values)


def _filters(ask: Ask) -> dict[str, frozenset[str]]:
    """Return the filters by the vendor's names; only those that were given."""
    extra = ask.remote_query
    given = {
        "products": _products(ask.product_ids),
        "surfaces": _products(ask.surfaces),
        "actor_ids": (*ask.user_ids, *_texts(extra.get("actor_ids"))),
        "models": (*ask.model_ids, *_texts(extra.get("models"))),
        "api_key_ids": _texts(extra.get("api_key_ids")),
        "workspace_ids": _texts(extra.get("workspace_ids")),
        "service_tiers": _texts(extra.get("service_tiers")),
    }
    return {name: frozenset(values) for name, values in given.items() if values}


def _products(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(product for name in names for product in _SURFACES.get(name, (name,)))
