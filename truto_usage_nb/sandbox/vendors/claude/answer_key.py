"""The answer key: what an account really used and cost, summed from the metered lines before any row is made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from truto_usage_nb.sandbox.ask import Ask, MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import Account, cache_broken, quarter_month, refund_day, runaway
from truto_usage_nb.sandbox.vendors.claude import claude_code, facts, question
from truto_usage_nb.sandbox.vendors.claude.directory import crew, deleted, email
from truto_usage_nb.sandbox.vendors.claude.engagement import skills
from truto_usage_nb.sandbox.vendors.claude.engagement.tally import tally
from truto_usage_nb.sandbox.vendors.claude.line import NOTHING, Counts, Line, add
from truto_usage_nb.sandbox.vendors.claude.money import parts

KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
Metered = list[tuple[Line, Counts]]


def answer(account: Account, start: date, end: date, world: World) -> VendorAnswer:
    """Return what the account did from start up to, not including, end (days UTC), as its reports state it now.

    Tokens include Priority and flex capacity and usage inside seats, which have no cost. `cost_by_model` has the model
    "" for searches, code execution and sessions. `vendor_estimate` is Claude Code's on Console and that of skills on
    Enterprise, never part of `billed`. `records` counts daily cost groups of product and model.
    """
    days = [date.fromordinal(n) for n in range(start.toordinal(), end.toordinal())]
    metered = [pair for day in days for pair in _metered(world, account, day)]
    return VendorAnswer(
        money=[_money(world, account, days, metered)],
        tokens=_tokens([counts for _, counts in metered]),
        tokens_by_model=_tokens_by_model(metered),
        cost_by_model=_cost_by_model(account, metered),
        requests=sum(counts.requests for _, counts in metered),
        active_people=_people(world, account, days, active=True),
        idle_people=_people(world, account, days, active=False),
        unusual_days=[(day, text) for day in days for text in _stories(world, account, day)],
        notes=_notes(account, days),
    )


def _metered(world: World, account: Account, day: date) -> Iterator[tuple[Line, Counts]]:
    until = facts.refreshed_until(world, account)
    for line in facts.published(world, account, day):
        for _, counts in facts.slices(line, facts.DAY, until):
            yield line, counts


def _money(world: World, account: Account, days: list[date], metered: Metered) -> MoneyAnswer:
    billed, listed, groups = Decimal(0), Decimal(0), set()
    for line, counts in metered:
        for part in parts(line, counts, account.kind):
            billed, listed = billed + part.cents, listed + part.list_cents
            groups.add((line.day, line.product, part.model))
    return MoneyAnswer(
        currency=account.currency,
        billed=billed / 100,
        listed=listed / 100,
        payable=billed / 100,
        vendor_estimate=sum((_estimate_cents(world, account, day) for day in days), Decimal(0)) / 100,
        records=len(groups),
    )


def _estimate_cents(world: World, account: Account, day: date) -> Decimal:
    if facts.is_console(account):
        lines = (line for session in claude_code.sessions(world, account, day) for line in session.lines)
        return Decimal(sum(claude_code.estimate_cents(world, account, line) for line in lines))
    return _skill_cents(world, account, day)


def _skill_cents(world: World, account: Account, day: date) -> Decimal:
    if facts.midnight(day) + facts.DAY + question.ENGAGEMENT_LAG > world.now:
        return Decimal(0)
    ask = Ask(world, account, report_type="skill_usage")
    whole, total = question.read(ask), Decimal(0)
    for name, _, product in skills.SKILLS:
        used = skills.invocations(ask, whole, day, name, product)
        for group in tally(({}, person, {"invocations": count}) for person, count in used):
            total += skills.overage_cents(group.sums["invocations"])
    return total


def _tokens(counts: list[Counts]) -> dict[str, int]:
    return {kind: sum(getattr(one, kind) for one in counts) for kind in KINDS}


def _tokens_by_model(metered: Metered) -> dict[str, dict[str, int]]:
    totals: dict[str, Counts] = {}
    for line, counts in metered:
        if line.model is not None and counts.tokens:
            totals[line.model] = add(totals.get(line.model, NOTHING), counts)
    return {model: _tokens([total]) for model, total in sorted(totals.items())}


def _cost_by_model(account: Account, metered: Metered) -> dict[tuple[str, str], Decimal]:
    totals: dict[tuple[str, str], Decimal] = {}
    for line, counts in metered:
        for part in parts(line, counts, account.kind):
            key = (part.model or "", account.currency)
            totals[key] = totals.get(key, Decimal(0)) + part.cents / 100
    return dict(sorted(totals.items()))


def _people(world: World, account: Account, days: list[date], *, active: bool) -> list[str]:
    """Return who used the account, or who holds a seat in it all the while and did not.

    Enterprise has forgotten the e-mail of deleted users, so they are in neither list.
    """
    used = set()
    for day in days:
        if facts.midnight(day) < facts.refreshed_until(world, account):
            lines = facts.settled_lines(world, account, day)
            used |= {line.actor.person for line in lines if line.actor is not None and line.actor.person is not None}
    seats = [] if facts.is_console(account) and not active else crew(account.kind, world.scale)
    known = (one for one in seats if facts.is_console(account) or not deleted(one, world.now))
    return [email(one) for one in known if (one in used) == active]


def _stories(world: World, account: Account, day: date) -> Iterator[str]:
    if not facts.is_console(account) or facts.midnight(day) >= facts.refreshed_until(world, account):
        return
    if cache_broken(day):
        yield "prompt cache broken: hit rate 12 % instead of 88 %"
    if runaway(day):
        yield "runaway CI key"
    if refund_day(day):
        yield "refund for the runaway CI key"


def _notes(account: Account, days: list[date]) -> list[str]:
    notes = ["Credits, seats, purchases and tax are in no API of this vendor."]
    if facts.is_console(account):
        notes.append("Priority and flex tokens have no cost row.")
    if account.kind == "enterprise_seats":
        notes.append("Cost is overage beyond the seats' allowance only; tokens are all.")
    first = [day for day in days if quarter_month(day) == 0]
    if any(day.day == 1 for day in first):
        notes.append("claude-sonnet-5-5 costs 20 % less from the 1st.")
    if any(day.day == 12 for day in first):
        notes.append("The platform team moves from claude-opus-5-5 to claude-sonnet-5-5 on the 12th.")
    return notes
