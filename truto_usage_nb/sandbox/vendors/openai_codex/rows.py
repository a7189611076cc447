"""OpenAI's rows of a day, when each is shown, and the answer keys, summed from what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from truto_usage_nb.sandbox.ask import Ask, Raw, Tally, VendorAnswer, World
from truto_usage_nb.sandbox.company import outage, people_with, quarter_month
from truto_usage_nb.sandbox.seeds import chance, rng
from truto_usage_nb.sandbox.vendors.openai_codex.story import (
    API,
    CODEX,
    BillLine,
    Meter,
    ModelUse,
    Tokens,
    UserDay,
    bill_lines,
    billed,
    bucket_of,
    currency,
    day_meters,
    day_users,
    days_between,
    feed_down,
    midnight_of,
    openai_instant,
    requested_day,
)

USAGE_ENDPOINT, COSTS_ENDPOINT = "/v1/organization/usage/", "/v1/organization/costs"
USAGE_KINDS = ("completions", "embeddings", "images", "web_search_calls", "code_interpreter_sessions")
_OBJECTS = {"web_search_calls": "web_searches"}


def usage_row(meter: Meter) -> dict[str, Any]:
    """Return one result of `/usage/{kind}`, grouped by project, user, key and model where the kind has them."""
    stream = meter.stream
    row: dict[str, Any] = {"object": f"organization.usage.{_OBJECTS.get(stream.kind, stream.kind)}.result"}
    row |= _counts(meter)
    row["project_id"] = meter.project_id
    if stream.kind == "code_interpreter_sessions":
        return row
    row |= {"user_id": meter.user_id, "api_key_id": meter.key_id, "model": stream.model}
    if stream.kind == "completions":
        row |= {"batch": stream.batch, "service_tier": None, "api_source": None}
    return row


def _counts(meter: Meter) -> dict[str, Any]:
    kind, requests = meter.stream.kind, meter.requests
    if kind == "completions":
        return {**_completion(meter.tokens), "num_model_requests": requests}
    if kind == "embeddings":
        return {"input_tokens": meter.tokens.input, "num_model_requests": requests}
    if kind == "images":
        return {
            "images": meter.pieces,
            "num_model_requests": requests,
            "size": "1024x1024",
            "source": "image.generation",
        }
    if kind == "web_search_calls":
        return {"num_requests": meter.pieces, "num_model_requests": requests, "context_level": "medium"}
    return {"num_sessions": meter.pieces}


def _completion(tokens: Tokens) -> dict[str, int]:
    """Write token counts as the vendor does: `input_tokens` contains the cached and the written ones."""
    everything = tokens.input + tokens.cached + tokens.written
    media = dict.fromkeys(("input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens"), 0)
    return {
        "input_tokens": everything,
        "output_tokens": tokens.output,
        "input_cached_tokens": tokens.cached,
        "input_cache_write_tokens": tokens.written,
        "input_cache_write_30m_tokens": tokens.written,
        "input_cache_write_12h_tokens": 0,
        "input_uncached_tokens": tokens.input,
        "input_text_tokens": everything,
        "output_text_tokens": tokens.output,
        "input_cached_text_tokens": tokens.cached,
        **media,
    }


def _cost_rows(seed: int, account_id: str, day: date, meters: Sequence[Meter]) -> Iterator[dict[str, Any]]:
    """Yield the results of `/costs`, grouped by line item, project and key; some amounts are strings, as seen live."""
    code = currency(account_id, day)
    r = rng(seed, "costs", account_id, day.isoformat())
    for line in day_lines(meters):
        amount = billed(line.usd, code)
        value = f"{amount:f}" if chance(r, 0.4) else float(amount)
        yield {
            "object": "organization.costs.result",
            "amount": {"value": value, "currency": code.lower()},
            "line_item": line.line_item,
            "project_id": line.project_id,
            "api_key_id": line.key_id,
            "user_id": None,
            "api_source": None,
            "quantity": None if line.quantity is None else float(line.quantity),
            "quantity_unit": line.unit,
        }


def day_lines(meters: Sequence[Meter]) -> list[BillLine]:
    """Return the day's cost lines; people who share a key, or work without one, share its lines."""
    groups: dict[tuple[str, str, str | None], list[BillLine]] = {}
    for meter in meters:
        for line in bill_lines(meter):
            groups.setdefault((line.line_item, line.project_id, line.key_id), []).append(line)
    return [_together(group) for _, group in sorted(groups.items(), key=lambda item: (item[0][0], str(item[0])))]


def _together(group: Sequence[BillLine]) -> BillLine:
    first = group[0]
    if len(group) == 1:
        return first
    quantities = [line.quantity for line in group if line.quantity is not None]
    usd = sum((line.usd for line in group), Decimal(0))
    quantity = sum(quantities) if quantities else None
    return BillLine(first.line_item, first.model, first.project_id, first.key_id, usd, quantity, first.unit)


CODEX_ENDPOINT = "/v1/analytics/codex/workspaces/{workspace_id}/usage"


def user_row(user: UserDay) -> dict[str, Any]:
    """Return one `workspace.codex.usage.result`: totals, and their two breakdowns by client and by model."""
    totals = _totals(user)
    models = [_model(use, user.tokens_known) for use in user.uses]
    return {
        "object": "workspace.codex.usage.result",
        **bucket_of(user.day),
        "user_id": user.user_id,
        "actor": {"type": "ACCOUNT_USER", "user_id": user.user_id, "email": user.email},
        "totals": totals,
        "clients": _clients(user, totals),
        "models": models if user.models_known else None,
        "code_attribution": _attribution(user) if user.lines_known else None,
    }


def stated_usd(uses: Sequence[ModelUse]) -> Decimal | None:
    """Return the sum of what is stated in USD, null where nothing is."""
    known = [use.usd for use in uses if use.usd is not None]
    return sum(known, Decimal(0)) if known else None


def all_tokens(uses: Sequence[ModelUse]) -> Tokens:
    """Return the tokens of several models together."""
    return Tokens(
        input=sum(use.tokens.input for use in uses),
        cached=sum(use.tokens.cached for use in uses),
        output=sum(use.tokens.output for use in uses),
    )


def _totals(user: UserDay) -> dict[str, Any]:
    credits_ = sum((use.credits for use in user.uses), Decimal(0))
    return {
        "threads": user.threads,
        "turns": user.turns,
        "credits": float(credits_),
        **_usd(stated_usd(user.uses)),
        **_tokens(all_tokens(user.uses), known=user.tokens_known),
    }


def _model(use: ModelUse, tokens_known: bool) -> dict[str, Any]:
    stated = {"model": use.model, "speed": use.speed, "credits": float(use.credits), **_usd(use.usd)}
    return {**stated, **_tokens(use.tokens, known=tokens_known)}


def _usd(usd: Decimal | None) -> dict[str, float]:
    return {} if usd is None else {"cost_usd": float(usd)}


def _tokens(tokens: Tokens, *, known: bool) -> dict[str, int | None]:
    counts = {
        "uncached_text_input_tokens": tokens.input,
        "cached_text_input_tokens": tokens.cached,
        "text_output_tokens": tokens.output,
        "text_total_tokens": tokens.input + tokens.cached + tokens.output,
    }
    return {name: count if known else None for name, count in counts.items()}


def _clients(user: UserDay, totals: dict[str, Any]) -> list[dict[str, Any]]:
    """Break the counters down by client: an equal part each, the last takes the remainder."""
    if not user.uses:
        return []
    names = [name for name, value in totals.items() if name != "cost_usd" and value is not None]
    rows: list[dict[str, Any]] = [{"client_id": client} for client in user.clients]
    for name in names:
        for row, part in zip(rows, _parts(totals[name], len(rows)), strict=True):
            row[name] = part
    return rows


def _parts(value: float, count: int) -> Sequence[float]:
    if isinstance(value, int):
        return [value // count] * (count - 1) + [value - value // count * (count - 1)]
    whole = Decimal(str(value))
    part = (whole / count).quantize(Decimal("0.0001"))
    return [float(part)] * (count - 1) + [float(whole - part * (count - 1))]


def _attribution(user: UserDay) -> dict[str, Any]:
    added, removed = user.lines
    share = 100.0 if user.commits else 0.0
    return {
        "lines_of_code": {"added": added, "removed": removed, "committed": added // 2, "committed_percentage": 50},
        "commits": {"with_codex_contribution": user.commits, "with_codex_contribution_percentage": share},
    }


USAGE_LAG, COSTS_LAG = timedelta(minutes=15), timedelta(hours=6)


def shown_at(day: date, lag: timedelta) -> datetime:
    """Return when a day's rows show, a lag after the day is over."""
    return midnight_of(day) + timedelta(days=1) + lag


def raw_rows(ask: Ask) -> Iterator[Raw]:
    """Return the rows of the requested day: Codex users, or API usage followed by API costs.

    Raises `Refused` at once for a day that is none. `report_type` makes no difference.
    """
    day = requested_day(ask)
    if day >= ask.world.now.date():
        return iter(())  # a day shows when it is over
    rows = _codex(ask, day) if ask.account.kind == "codex" else _api(ask, day)
    wanted = {"user_id": ask.user_id, "api_key_id": ask.api_key_id}
    filters = {name: value for name, value in wanted.items() if value is not None}
    return (raw for raw in rows if all(raw.row.get(name) == value for name, value in filters.items()))


def _codex(ask: Ask, day: date) -> Iterator[Raw]:
    for user in day_users(ask.world.seed, day, ask.world.scale):
        if user.recorded_at <= ask.world.now:
            context = {**bucket_of(day), "recorded_at": openai_instant(user.recorded_at)}
            yield Raw(user_row(user), CODEX_ENDPOINT, context)


def _api(ask: Ask, day: date) -> Iterator[Raw]:
    world, account_id = ask.world, ask.account.id
    used, paid = shown_at(day, USAGE_LAG), shown_at(day, COSTS_LAG)
    if used > world.now:
        return
    meters = day_meters(world.seed, account_id, day, world.scale)
    context = {**bucket_of(day), "recorded_at": openai_instant(used)}
    for kind in USAGE_KINDS:
        for meter in (one for one in meters if one.stream.kind == kind):
            yield Raw(usage_row(meter), USAGE_ENDPOINT + kind, context)
    if paid <= world.now:
        context = {**bucket_of(day), "recorded_at": openai_instant(paid)}
        for row in _cost_rows(world.seed, account_id, day, meters):
            yield Raw(row, COSTS_ENDPOINT, context)


def request(ask: Ask) -> dict[str, Any]:
    """Return the first request an ask becomes: the Codex report, or the completions of an API organisation."""
    times = bucket_of(requested_day(ask))
    if ask.account.kind == "codex":
        path = CODEX_ENDPOINT.format(workspace_id=ask.account.organization_id)
        return _get(f"https://api.chatgpt.com{path}", [*times.items(), ("limit", ask.limit or 1000)])
    filters = {"user_ids[]": ask.user_id, "api_key_ids[]": ask.api_key_id}
    groups = [("group_by[]", name) for name in ("project_id", "user_id", "api_key_id", "model", "batch")]
    asked = [(name, value) for name, value in filters.items() if value is not None]
    pairs = [*times.items(), ("bucket_width", "1d"), *groups, *asked]
    return _get(f"https://api.openai.com{USAGE_ENDPOINT}completions", pairs)


def _get(url: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    query = urlencode(pairs, safe="[]")
    return {"url": f"{url}?{query}", "method": "GET", "headers": {"accept": "application/json"}, "body": None}


def api_answer(account_id: str, start: date, end: date, world: World) -> VendorAnswer:
    """Return what the organisation did, as far as its reports show it by now; costs show later than usage.

    Cost by model has an entry for what is charged by the piece too, under its line item. Requests are those of
    models: searches and sessions belong to requests that are counted already.
    """
    period = [day for day in days_between(start, end) if day < world.now.date()]
    by_day = {day: day_meters(world.seed, account_id, day, world.scale) for day in period}
    used = [meter for day in period if shown_at(day, USAGE_LAG) <= world.now for meter in by_day[day]]
    paid = [(day, line) for day in period if shown_at(day, COSTS_LAG) <= world.now for line in day_lines(by_day[day])]
    tally = Tally("input", "output", "cache_read", "cache_write")
    for day, line in paid:
        code = currency(account_id, day)
        usd = billed(line.usd, code)
        tally.bill(code, billed=usd, listed=usd, model=line.model or line.line_item)
    for meter in used:
        spent, counted = meter.tokens, meter.stream.kind in {"completions", "embeddings", "images"}
        by_tokens = meter.stream.model is not None and any(meter.stream.tokens)
        tally.use(
            (spent.input, spent.output, spent.cached, spent.written) if by_tokens else (),
            model=meter.stream.model if by_tokens else None,
            requests=meter.requests if counted else 0,
        )
    active = {meter.person.email for meter in used if meter.person is not None and meter.person.kind != "service"}
    seats = {person.email for person in people_with(API) if person.kind != "service"}
    return tally.answer(
        active_people=sorted(active),
        idle_people=sorted(seats - active) if active else [],
        unusual_days=[(day, "billed in EUR from this day") for day in period if _moves(account_id, day)],
        gaps=[day for day in period if outage(account_id, day)],
        notes=["list prices are not stated: listed is what is billed"],
    )


def _moves(account_id: str, day: date) -> bool:
    return account_id == "openai-api-moved" and quarter_month(day) == 0 and day.day == 15


def codex_answer(start: date, end: date, world: World) -> VendorAnswer:
    """Return what the workspace did, as far as its report shows it by now.

    Money is what the report states in USD; the credits of all other use are in the notes. Use whose model the report
    leaves out is in no entry by model.
    """
    period = [day for day in days_between(start, end) if day < world.now.date()]
    users = [
        user for day in period for user in day_users(world.seed, day, world.scale) if user.recorded_at <= world.now
    ]
    tally = Tally("input", "output", "cache_read")
    for user in users:
        tally.use((), requests=user.turns)
        stated = stated_usd(user.uses)
        if not user.models_known and stated is not None:
            tally.bill("USD", billed=stated, listed=stated)
        for use in user.uses:
            model, spent = use.model if user.models_known else None, use.tokens
            if user.tokens_known:
                tally.use((spent.input, spent.output, spent.cached), model=model)
            if use.usd is not None and model is not None:
                tally.bill("USD", billed=use.usd, listed=use.usd, model=model)
    active = {user.person.email for user in users if user.turns}
    seats = {person.email for person in people_with(CODEX) if person.kind != "service"}
    return tally.answer(
        active_people=sorted(active),
        idle_people=sorted(seats - active),
        gaps=[day for day in period if feed_down(day)],
        notes=[_credits_note(users)],
    )


def _credits_note(users: Sequence[UserDay]) -> str:
    every = sum((use.credits for user in users for use in user.uses), Decimal(0))
    unpriced = sum((use.credits for user in users for use in user.uses if use.usd is None), Decimal(0))
    return f"{every} credits were used, {unpriced} of them by use that states no money"
