"""The rows of the usage, cost and Claude Code reports, the request as it would go to the vendor, and the answer key.

The key is summed from the metered lines before any row is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw, Tally, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account, cache_broken, quarter_month, refund_day, runaway
from truto_usage_nb.sandbox.seeds import choose, integer, rng, uniform
from truto_usage_nb.sandbox.vendors.claude.engagement import SKILLS, engagement_rows, invocations, overage_cents, tally
from truto_usage_nb.sandbox.vendors.claude.people import (
    NOTHING,
    Actor,
    Counts,
    Part,
    UseLine,
    actor_object,
    add,
    after_discount,
    cents_per_token,
    crew,
    deleted,
    email,
    parts,
    plain_cents,
)
from truto_usage_nb.sandbox.vendors.claude.question import (
    CODE_LAG,
    COST_DIMENSIONS,
    ENGAGEMENT_LAG,
    OF_COST,
    OF_USAGE,
    USAGE_DIMENSIONS,
    WIDTH_NAMES,
    ClaudeQuestion,
    Reader,
    read_ask,
)
from truto_usage_nb.sandbox.vendors.claude.story import (
    ONE_DAY,
    is_console,
    midnight,
    published,
    refreshed_until,
    settled_lines,
    slices,
    updated_at,
)

_Key = tuple[datetime, tuple[Any, ...]]
_FILTERED: dict[str, Callable[[UseLine], Any]] = {
    "products": attrgetter("product"),
    "surfaces": attrgetter("product"),
    "actor_ids": lambda line: line.actor.id if line.actor else None,
    "models": attrgetter("model"),
    "api_key_ids": attrgetter("api_key"),
    "workspace_ids": attrgetter("workspace"),
    "service_tiers": attrgetter("tier"),
}
"""What of a line each filter looks at."""
_RANKED = {"analytics/usage": "total_tokens", "analytics/cost": "amount"}
"""What `order_by=time` means where there are no buckets."""


@dataclass(slots=True)
class Cents:
    """Money of a group, exact: charged, at list price, and the requests it came from."""

    amount: Decimal = Decimal(0)
    listed: Decimal = Decimal(0)
    requests: int = 0

    def add(self, part: Part) -> None:
        """Take one part in."""
        self.amount += part.cents
        self.listed += part.list_cents
        self.requests += part.requests


@lru_cache(maxsize=4096)  # the rows of a bucket share its two stamps
def stamp(moment: datetime) -> str:
    """Write an instant as the vendor does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def raw_rows(ask: Ask) -> Iterator[Raw]:
    """Yield the rows an ask comes to, lazily where rows are days; `Refused` is raised at once, as the vendor would."""
    asked = read_ask(ask)
    if asked.endpoint in ("analytics/usage", "analytics/cost"):
        return report_rows(ask, asked)
    if asked.endpoint == "usage_report/claude_code":
        return claude_code_rows(ask, asked)
    return engagement_rows(ask, asked)


def report_rows(ask: Ask, question: ClaudeQuestion) -> Iterator[Raw]:
    """Yield the report's rows by time, or all of them in the order asked for."""
    made = (row for days in question.rows_of_days() for row in _rows(ask, question, days))
    measure = question.order_by
    if measure == "time" and question.width is None:
        measure = _RANKED[question.endpoint]
    if measure is not None and measure != "time":
        yield from sorted(made, key=lambda raw: _measure(raw, measure), reverse=question.descending)
    elif question.descending:
        yield from sorted(made, key=lambda raw: str(raw.row["starting_at"]), reverse=True)
    else:
        yield from made


def _measure(raw: Raw, name: str) -> Decimal:
    return Decimal((raw.row.get("usage") or raw.row.get("cost") or {}).get(name) or 0)


def _rows(ask: Ask, question: ClaudeQuestion, days: Sequence[date]) -> Iterator[Raw]:
    """Yield the rows of some days, each as new as the newest of them."""
    lines = (line for day in days for line in published(ask.world, ask.account, day))
    kept = (line for line in lines if wanted(ask, question, line))
    make = _usage_rows if question.endpoint == "analytics/usage" else _cost_rows
    refreshed = stamp(max(updated_at(ask.world, ask.account, day) for day in days))
    context = {"organization_id": ask.account.organization_id, "data_refreshed_at": refreshed}
    for row in make(ask, question, kept):
        yield Raw(row, question.endpoint, context)


def wanted(ask: Ask, question: ClaudeQuestion, line: UseLine) -> bool:
    """Say whether a line passes the filters; a filter on what a line does not have drops it."""
    if question.with_actor and line.actor is None:
        return False
    person = line.actor.person if line.actor else None
    if not question.include_deleted and person is not None and deleted(person, ask.world.now):
        return False
    return all(_FILTERED[name](line) in allowed for name, allowed in question.filters.items())


def _buckets(
    ask: Ask, question: ClaudeQuestion, lines: Iterable[UseLine]
) -> Iterator[tuple[datetime, UseLine, Counts]]:
    """Yield what lines count inside the window, each share with the start of the row it belongs to."""
    until = refreshed_until(ask.world, ask.account)
    whole = question.start if question.width is None else None
    for line in lines:
        for at, counts in slices(line, question.grain(line.day), until):
            if question.start <= at < question.end:
                yield whole or at, line, counts


def _usage_rows(ask: Ask, question: ClaudeQuestion, lines: Iterable[UseLine]) -> Iterator[dict[str, Any]]:
    groups: dict[_Key, Counts] = {}
    values_of = _values_of(ask, question, OF_USAGE)
    for at, line, counts in _buckets(ask, question, lines):
        if counts.tokens or counts.requests or counts.searches:
            for values in values_of(line, None):
                groups[at, values] = add(groups.get((at, values), NOTHING), counts)
    for (at, values), counts in _in_order(groups):
        yield {**_head(ask, question, at, values, USAGE_DIMENSIONS), "usage": _usage(counts)}


def _cost_rows(ask: Ask, question: ClaudeQuestion, lines: Iterable[UseLine]) -> Iterator[dict[str, Any]]:
    groups: defaultdict[_Key, Cents] = defaultdict(Cents)
    values_of, models = _values_of(ask, question, OF_COST), question.filters.get("models")
    for at, line, counts in _buckets(ask, question, lines):
        for part in parts(line, counts, ask.account.kind):
            if models is None or part.model in models:
                for values in values_of(line, part):
                    groups[at, values].add(part)
    for (at, values), cents in _in_order(groups):
        yield {**_head(ask, question, at, values, COST_DIMENSIONS), "cost": _cost(ask, question, cents)}


def _values_of(
    ask: Ask, question: ClaudeQuestion, readers: dict[str, Reader]
) -> Callable[[UseLine, Part | None], list[tuple[Any, ...]]]:
    """Return what gives a line's group values, once per access group of its user where groups are asked for."""
    own: dict[str, Reader] = {**readers, "organization_id": lambda *_: ask.account.organization_id}
    asked: list[Reader] = [own.get(name, lambda *_: None) for name in question.group_by]
    if "rbac_group_id" not in question.group_by:
        return lambda line, part: [tuple([read(line, part) for read in asked])]
    place = question.group_by.index("rbac_group_id")

    def by_group(line: UseLine, part: Part | None) -> list[tuple[Any, ...]]:
        values = [read(line, part) for read in asked]
        return [(*values[:place], group, *values[place + 1 :]) for group in line.groups or (None,)]

    return by_group


def _in_order(groups: dict[_Key, Any]) -> list[tuple[_Key, Any]]:
    """Return the groups by time, then by their values as text: a stable order."""
    return sorted(groups.items(), key=lambda item: (item[0][0], str([getattr(v, "id", v) for v in item[0][1]])))


def _head(
    ask: Ask, question: ClaudeQuestion, at: datetime, values: tuple[Any, ...], names: tuple[str, ...]
) -> dict[str, Any]:
    group: dict[str, Any] = dict.fromkeys(names)
    group.update(zip(question.group_by, values, strict=True))
    group["actor"] = actor_object(group["actor"], ask.world.now)
    return {"starting_at": stamp(at), "ending_at": stamp(question.row_end(at)), "group": group}


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "uncached_input_tokens": counts.input,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_5m,
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        },
        "cache_read_input_tokens": counts.cache_read,
        "output_tokens": counts.output,
        "total_tokens": counts.tokens,
        "server_tool_use": {"web_search_requests": counts.searches},
        "requests": counts.requests,
    }


def _cost(ask: Ask, question: ClaudeQuestion, cents: Cents) -> dict[str, Any]:
    split = {"cost_type", "token_type"}.intersection(question.group_by)
    return {
        "amount": plain_cents(cents.amount),
        "list_amount": plain_cents(cents.listed),
        "currency": ask.account.currency,
        "requests": None if split else cents.requests,
    }


_TERMINALS = ("iTerm.app", "vscode", "tmux", "WarpTerminal", "cursor", "Apple_Terminal")
_OFF_THE_BILL = 0.04  # the vendor's estimate is this much above what it bills


class Session(NamedTuple):
    """What belongs in one row: a person (or a CI key) on a day, on the spot or remote, and the lines of it."""

    actor: Actor
    remote: bool
    lines: tuple[UseLine, ...]


def claude_code_rows(ask: Ask, question: ClaudeQuestion) -> Iterator[Raw]:
    """Yield the rows of every day that is over, oldest day first."""
    for day in question.days():
        for session in sessions(ask.world, ask.account, day):
            lines = tuple(line for line in session.lines if wanted(ask, question, line))
            if lines:
                yield Raw(_row(ask, day, session._replace(lines=lines)), question.endpoint, {})


def sessions(world: World, account: Account, day: date) -> Iterator[Session]:
    """Yield a day's coding, billed or by subscription; the report has a day about an hour after its end."""
    if midnight(day) + ONE_DAY + CODE_LAG > world.now:
        return
    found: dict[tuple[Actor, bool], list[UseLine]] = {}
    for line in settled_lines(world, account, day):
        if line.product == "claude_code" and line.actor is not None:
            found.setdefault((line.actor, line.remote), []).append(line)
    for (actor, remote), lines in sorted(found.items(), key=lambda item: (item[0][0].id, item[0][1])):
        yield Session(actor, remote, tuple(lines))


def estimate_cents(world: World, account: Account, line: UseLine) -> int:
    """Return the vendor's estimate for a line in whole cents: about 4 % above the bill, and so for subscriptions."""
    model = line.model or ""
    rates = cents_per_token(model, line.day, line.tier, line.context)
    bill = sum((n * rate for n, rate in zip(line.counts, rates, strict=False)), Decimal(0))
    bill *= after_discount(account.kind, line.day)
    r = rng(world.seed, "claude code estimate", line.day, model, line.counts)
    factor = Decimal(str(round(1 + _OFF_THE_BILL + uniform(r, -0.01, 0.01), 4)))
    return int((bill * factor).quantize(Decimal(1), ROUND_HALF_EVEN))


def _row(ask: Ask, day: date, session: Session) -> dict[str, Any]:
    subscribed = session.lines[0].subscription
    r = rng(ask.world.seed, "claude code", day, session.actor.id, session.remote)
    return {
        "actor": _actor(session.actor),
        "core_metrics": _core(r, session.lines),
        "customer_type": "subscription" if subscribed else "api",
        "date": stamp(midnight(day)),
        "is_remote": session.remote,
        "model_breakdown": [_model(ask, line) for line in session.lines],
        "organization_id": ask.account.organization_id,
        "subscription_type": "team" if subscribed else None,
        "terminal_type": None if session.remote else _terminal(ask.world, session.actor),
        "tool_actions": _tools(r),
    }


def _actor(actor: Actor) -> dict[str, Any]:
    if actor.person is None:
        return {"type": "api_actor", "api_key_name": actor.name}
    return {"type": "user_actor", "email_address": email(actor.person)}


def _terminal(world: World, actor: Actor) -> str | None:
    return choose(rng(world.seed, "terminal", actor.id), _TERMINALS) if actor.kind == "user" else None


def _core(r: Random, lines: Iterable[UseLine]) -> dict[str, Any]:
    requests = sum(line.counts.requests for line in lines)
    added = integer(r, 20, 60 + requests)
    commits = integer(r, 0, 6)
    return {
        "commits_by_claude_code": commits,
        "lines_of_code": {"added": added, "removed": integer(r, 5, added)},
        "num_sessions": 1 + requests // 45,
        "pull_requests_by_claude_code": min(commits, integer(r, 0, 2)),
    }


def _tools(r: Random) -> dict[str, dict[str, int]]:
    most = {"edit_tool": (30, 4), "multi_edit_tool": (12, 2), "notebook_edit_tool": (4, 1), "write_tool": (9, 1)}
    return {
        tool: {"accepted": integer(r, 0, accepted), "rejected": integer(r, 0, rejected)}
        for tool, (accepted, rejected) in most.items()
    }


def _model(ask: Ask, line: UseLine) -> dict[str, Any]:
    counts = line.counts
    return {
        "estimated_cost": {"amount": estimate_cents(ask.world, ask.account, line), "currency": ask.account.currency},
        "model": line.model,
        "tokens": {
            "cache_creation": counts.cache_write_5m + counts.cache_write_1h,
            "cache_read": counts.cache_read,
            "input": counts.input,
            "output": counts.output,
        },
    }


_BASE = "https://api.anthropic.com/v1/organizations"
_BETA = "analytics-usage-cost-2026-08-24"
_REPORTS = ("analytics/usage", "analytics/cost")
_ACTOR_FILTERS = ("actor_ids", "models", "products", "api_key_ids", "workspace_ids", "service_tiers")


def request(ask: Ask) -> dict[str, Any]:
    """Return url, method, headers and body of the first request an ask becomes."""
    question = read_ask(ask)
    headers = {"anthropic-version": "2023-06-01", "accept": "application/json"}
    if question.endpoint in _REPORTS:
        headers["anthropic-beta"] = _BETA
    query = urlencode([*_times(question), *_rest(ask, question)], safe="[]:")
    return {"url": f"{_BASE}/{question.endpoint}?{query}", "method": "GET", "headers": headers, "body": None}


def _times(question: ClaudeQuestion) -> list[tuple[str, str]]:
    day = question.start.date().isoformat()
    if question.endpoint == "usage_report/claude_code":
        return [("starting_at", day)]
    if question.endpoint not in _REPORTS:
        return [("date", day)]
    window = [("starting_at", stamp(question.start)), ("ending_at", stamp(question.end))]
    return window if question.width is None else [*window, ("time_bucket_width", WIDTH_NAMES[question.width])]


def _rest(ask: Ask, question: ClaudeQuestion) -> list[tuple[str, str]]:
    sent = [("group_by[]", name) for name in question.group_by]
    if question.endpoint in _REPORTS:
        sent += [(f"{name}[]", one) for name in _ACTOR_FILTERS for one in sorted(question.filters.get(name, ()))]
    if question.order_by is not None:
        sent += [("order_by", question.order_by), ("order", "desc" if question.descending else "asc")]
    if not question.include_deleted:
        sent.append(("exclude_deleted_users", "true"))
    return sent if ask.limit is None else [*sent, ("limit", str(ask.limit))]


_KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def answer_key(account: Account, start: date, end: date, world: World) -> VendorAnswer:
    """Return what the account did from start up to, not including, end (days UTC), as its reports state it now.

    Tokens include Priority and flex capacity and usage inside seats, which have no cost. `cost_by_model` has the model
    "" for searches, code execution and sessions. `vendor_estimate` is Claude Code's on Console and that of skills on
    Enterprise, never part of `billed`. `records` counts daily cost groups of product and model.
    """
    days = [date.fromordinal(n) for n in range(start.toordinal(), end.toordinal())]
    tally, groups = Tally(*_KINDS, currencies=[account.currency]), set()
    for line, counts in (pair for day in days for pair in _metered(world, account, day)):
        model = line.model if counts.tokens else None
        tally.use((getattr(counts, kind) for kind in _KINDS), model=model, requests=counts.requests)
        for part in parts(line, counts, account.kind):
            groups.add((line.day, line.product, part.model))
            billed, listed = part.cents / 100, part.list_cents / 100
            tally.bill(account.currency, records=0, model=part.model or "", billed=billed, listed=listed)
    estimated = sum((_estimate_cents(world, account, day) for day in days), Decimal(0))
    tally.bill(account.currency, records=len(groups), vendor_estimate=estimated / 100)
    return tally.answer(
        active_people=_people(world, account, days, active=True),
        idle_people=_people(world, account, days, active=False),
        unusual_days=[(day, text) for day in days for text in _stories(world, account, day)],
        notes=_notes(account, days),
    )


def _metered(world: World, account: Account, day: date) -> Iterator[tuple[UseLine, Counts]]:
    until = refreshed_until(world, account)
    for line in published(world, account, day):
        for _, counts in slices(line, ONE_DAY, until):
            yield line, counts


def _estimate_cents(world: World, account: Account, day: date) -> Decimal:
    if is_console(account):
        lines = (line for session in sessions(world, account, day) for line in session.lines)
        return Decimal(sum(estimate_cents(world, account, line) for line in lines))
    return _skill_cents(world, account, day)


def _skill_cents(world: World, account: Account, day: date) -> Decimal:
    if midnight(day) + ONE_DAY + ENGAGEMENT_LAG > world.now:
        return Decimal(0)
    ask = Ask(world, account, report_type="skill_usage")
    whole, total = read_ask(ask), Decimal(0)
    for name, _, product in SKILLS:
        used = invocations(ask, whole, day, name, product)
        for group in tally(({}, person, {"invocations": count}) for person, count in used):
            total += overage_cents(group.sums["invocations"])
    return total


def _people(world: World, account: Account, days: list[date], *, active: bool) -> list[str]:
    """Return who used the account, or who holds a seat in it all the while and did not.

    Enterprise has forgotten the e-mail of deleted users, so they are in neither list.
    """
    used = set()
    for day in days:
        if midnight(day) < refreshed_until(world, account):
            lines = settled_lines(world, account, day)
            used |= {line.actor.person for line in lines if line.actor is not None and line.actor.person is not None}
    seats = [] if is_console(account) and not active else crew(account.kind, world.scale)
    known = (one for one in seats if is_console(account) or not deleted(one, world.now))
    return [email(one) for one in known if (one in used) == active]


def _stories(world: World, account: Account, day: date) -> Iterator[str]:
    if not is_console(account) or midnight(day) >= refreshed_until(world, account):
        return
    if cache_broken(day):
        yield "prompt cache broken: hit rate 12 % instead of 88 %"
    if runaway(day):
        yield "runaway CI key"
    if refund_day(day):
        yield "refund for the runaway CI key"


def _notes(account: Account, days: list[date]) -> list[str]:
    notes = ["Credits, seats, purchases and tax are in no API of this vendor."]
    if is_console(account):
        notes.append("Priority and flex tokens have no cost row.")
    if account.kind == "enterprise_seats":
        notes.append("Cost is overage beyond the seats' allowance only; tokens are all.")
    first = [day for day in days if quarter_month(day) == 0]
    if any(day.day == 1 for day in first):
        notes.append("claude-sonnet-5-5 costs 20 % less from the 1st.")
    if any(day.day == 12 for day in first):
        notes.append("The platform team moves from claude-opus-5-5 to claude-sonnet-5-5 on the 12th.")
    return notes
