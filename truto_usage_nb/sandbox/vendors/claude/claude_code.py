"""The Claude Code report, `usage_report/claude_code`: a row a person, day and kind of session, models inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any, NamedTuple

from truto_usage_nb.sandbox.ask import Ask, Raw, World
from truto_usage_nb.sandbox.company import Account
from truto_usage_nb.sandbox.seeds import choose, integer, rng, uniform
from truto_usage_nb.sandbox.vendors.claude import facts, prices
from truto_usage_nb.sandbox.vendors.claude.analytics import stamp, wanted
from truto_usage_nb.sandbox.vendors.claude.directory import email
from truto_usage_nb.sandbox.vendors.claude.line import Actor, Line
from truto_usage_nb.sandbox.vendors.claude.question import CODE_LAG, Question

_TERMINALS = ("iTerm.app", "vscode", "tmux", "WarpTerminal", "cursor", "Apple_Terminal")
_OFF_THE_BILL = 0.04  # the vendor's estimate is this much above what it bills


class Session(NamedTuple):
    """What belongs in one row: a person (or a CI key) on a day, on the spot or remote, and the lines of it."""

    actor: Actor
    remote: bool
    lines: tuple[Line, ...]


def rows(ask: Ask, question: Question) -> Iterator[Raw]:
    """Yield the rows of every day that is over, oldest day first."""
    for day in question.days():
        for session in sessions(ask.world, ask.account, day):
            lines = tuple(line for line in session.lines if wanted(ask, question, line))
            if lines:
                yield Raw(_row(ask, day, session._replace(lines=lines)), question.endpoint, {})


def sessions(world: World, account: Account, day: date) -> Iterator[Session]:
    """Yield a day's coding, billed or by subscription; the report has a day about an hour after its end."""
    if facts.midnight(day) + facts.DAY + CODE_LAG > world.now:
        return
    found: dict[tuple[Actor, bool], list[Line]] = {}
    for line in facts.settled_lines(world, account, day):
        if line.product == "claude_code" and line.actor is not None:
            found.setdefault((line.actor, line.remote), []).append(line)
    for (actor, remote), lines in sorted(found.items(), key=lambda item: (item[0][0].id, item[0][1])):
        yield Session(actor, remote, tuple(lines))


def estimate_cents(world: World, account: Account, line: Line) -> int:
    """Return the vendor's estimate for a line in whole cents: about 4 % above the bill, and so for subscriptions."""
    model = line.model or ""
    rates = prices.cents_per_token(model, line.day, line.tier, line.context)
    bill = sum((n * rate for n, rate in zip(line.counts, rates, strict=False)), Decimal(0))
    bill *= prices.after_discount(account.kind, line.day)
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
        "date": stamp(facts.midnight(day)),
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


def _core(r: Random, lines: Iterable[Line]) -> dict[str, Any]:
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


def _model(ask: Ask, line: Line) -> dict[str, Any]:
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
