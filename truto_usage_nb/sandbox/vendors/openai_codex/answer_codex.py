"""The answer key of a Codex workspace, summed from its users' days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from truto_usage_nb.sandbox.ask import MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import people_with
from truto_usage_nb.sandbox.vendors.openai_codex.codex_facts import TOOL, UserDay, day_users, feed_down
from truto_usage_nb.sandbox.vendors.openai_codex.codex_rows import all_tokens, stated_usd
from truto_usage_nb.sandbox.vendors.openai_codex.day import days
from truto_usage_nb.sandbox.vendors.openai_codex.rates import Tokens

_KINDS = {"input": "input", "output": "output", "cache_read": "cached"}


def codex_answer(start: date, end: date, world: World) -> VendorAnswer:
    """Return what the workspace did, as far as its report shows it by now.

    Money is what the report states in USD; the credits of all other use are in the notes. Use whose model the report
    leaves out is in no entry by model.
    """
    period = [day for day in days(start, end) if day < world.now.date()]
    users = [
        user for day in period for user in day_users(world.seed, day, world.scale) if user.recorded_at <= world.now
    ]
    active = {user.person.email for user in users if user.turns}
    seats = {person.email for person in people_with(TOOL) if person.kind != "service"}
    return VendorAnswer(
        money=_money(users),
        tokens=_kinds(all_tokens([use for user in users if user.tokens_known for use in user.uses])),
        tokens_by_model=_tokens_by_model(users),
        cost_by_model=_cost_by_model(users),
        requests=sum(user.turns for user in users),
        active_people=sorted(active),
        idle_people=sorted(seats - active),
        gaps=[day for day in period if feed_down(day)],
        notes=[_credits_note(users)],
    )


def _kinds(tokens: Tokens) -> dict[str, int]:
    return {kind: getattr(tokens, name) for kind, name in _KINDS.items()}


def _money(users: Sequence[UserDay]) -> list[MoneyAnswer]:
    billed, records = Decimal(0), 0
    for user in users:
        usd = stated_usd(user.uses)
        if usd is not None:
            billed += usd
            records += sum(use.usd is not None for use in user.uses) if user.models_known else 1
    return [MoneyAnswer("USD", billed=billed, listed=billed, payable=billed, records=records)] if records else []


def _tokens_by_model(users: Sequence[UserDay]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_KINDS, 0))
    for user in users:
        if user.models_known and user.tokens_known:
            for use in user.uses:
                for kind, count in _kinds(use.tokens).items():
                    found[use.model][kind] += count
    return dict(sorted(found.items()))


def _cost_by_model(users: Sequence[UserDay]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for user in users:
        for use in user.uses if user.models_known else ():
            if use.usd is not None:
                found[use.model, "USD"] += use.usd
    return dict(sorted(found.items()))


def _credits_note(users: Sequence[UserDay]) -> str:
    every = sum((use.credits for user in users for use in user.uses), Decimal(0))
    unpriced = sum((use.credits for user in users for use in user.uses if use.usd is None), Decimal(0))
    return f"{every} credits were used, {unpriced} of them by use that states no money"
