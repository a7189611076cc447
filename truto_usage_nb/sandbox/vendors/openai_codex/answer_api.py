"""The answer key of an API organisation, summed from its keys' days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from truto_usage_nb.sandbox.ask import MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import outage, people_with, quarter_month
from truto_usage_nb.sandbox.vendors.openai_codex.api_facts import TOOL, Line, Meter, billed, currency, day_meters
from truto_usage_nb.sandbox.vendors.openai_codex.api_rows import day_lines
from truto_usage_nb.sandbox.vendors.openai_codex.collect import COSTS_LAG, USAGE_LAG, shown_at
from truto_usage_nb.sandbox.vendors.openai_codex.day import days

_KINDS = {"input": "input", "output": "output", "cache_read": "cached", "cache_write": "written"}


def api_answer(account_id: str, start: date, end: date, world: World) -> VendorAnswer:
    """Return what the organisation did, as far as its reports show it by now; costs show later than usage.

    Cost by model has an entry for what is charged by the piece too, under its line item. Requests are those of
    models: searches and sessions belong to requests that are counted already.
    """
    period = [day for day in days(start, end) if day < world.now.date()]
    by_day = {day: day_meters(world.seed, account_id, day, world.scale) for day in period}
    used = [meter for day in period if shown_at(day, USAGE_LAG) <= world.now for meter in by_day[day]]
    paid = [(day, line) for day in period if shown_at(day, COSTS_LAG) <= world.now for line in day_lines(by_day[day])]
    by_model = _tokens_by_model(used)
    active = {meter.person.email for meter in used if meter.person is not None and meter.person.kind != "service"}
    seats = {person.email for person in people_with(TOOL) if person.kind != "service"}
    return VendorAnswer(
        money=_money(account_id, paid),
        tokens={kind: sum(counts[kind] for counts in by_model.values()) for kind in _KINDS},
        tokens_by_model=by_model,
        cost_by_model=_cost_by_model(account_id, paid),
        requests=sum(meter.requests for meter in used if meter.stream.kind in {"completions", "embeddings", "images"}),
        active_people=sorted(active),
        idle_people=sorted(seats - active) if active else [],
        unusual_days=[(day, "billed in EUR from this day") for day in period if _moves(account_id, day)],
        gaps=[day for day in period if outage(account_id, day)],
        notes=["list prices are not stated: listed is what is billed"],
    )


def _moves(account_id: str, day: date) -> bool:
    return account_id == "openai-api-moved" and quarter_month(day) == 0 and day.day == 15


def _money(account_id: str, paid: Iterable[tuple[date, Line]]) -> list[MoneyAnswer]:
    sums: dict[str, list[Decimal]] = defaultdict(list)
    for day, line in paid:
        code = currency(account_id, day)
        sums[code].append(billed(line.usd, code))
    return [_one_currency(code, amounts) for code, amounts in sums.items()]


def _one_currency(code: str, amounts: list[Decimal]) -> MoneyAnswer:
    total = sum(amounts, Decimal(0))
    return MoneyAnswer(code, billed=total, listed=total, payable=total, records=len(amounts))


def _tokens_by_model(used: Iterable[Meter]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_KINDS, 0))
    for meter in used:
        if meter.stream.model is not None and any(meter.stream.tokens):
            for kind, name in _KINDS.items():
                found[meter.stream.model][kind] += getattr(meter.tokens, name)
    return dict(sorted(found.items()))


def _cost_by_model(account_id: str, paid: Iterable[tuple[date, Line]]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for day, line in paid:
        code = currency(account_id, day)
        found[line.model or line.line_item, code] += billed(line.usd, code)
    return dict(sorted(found.items()))
