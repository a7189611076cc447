"""A day of an API organisation as the usage and costs endpoints write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from truto_usage_nb.sandbox.seeds import chance, rng
from truto_usage_nb.sandbox.vendors.openai_codex.api_facts import Line, Meter, billed, currency, lines
from truto_usage_nb.sandbox.vendors.openai_codex.rates import Tokens

USAGE_ENDPOINT, COSTS_ENDPOINT = "/v1/organization/usage/", "/v1/organization/costs"
KINDS = ("completions", "embeddings", "images", "web_search_calls", "code_interpreter_sessions")
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


def cost_rows(seed: int, account_id: str, day: date, meters: Sequence[Meter]) -> Iterator[dict[str, Any]]:
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


def day_lines(meters: Sequence[Meter]) -> list[Line]:
    """Return the day's cost lines; people who share a key, or work without one, share its lines."""
    groups: dict[tuple[str, str, str | None], list[Line]] = {}
    for meter in meters:
        for line in lines(meter):
            groups.setdefault((line.line_item, line.project_id, line.key_id), []).append(line)
    return [_together(group) for _, group in sorted(groups.items(), key=lambda item: (item[0][0], str(item[0])))]


def _together(group: Sequence[Line]) -> Line:
    first = group[0]
    if len(group) == 1:
        return first
    quantities = [line.quantity for line in group if line.quantity is not None]
    usd = sum((line.usd for line in group), Decimal(0))
    quantity = sum(quantities) if quantities else None
    return Line(first.line_item, first.model, first.project_id, first.key_id, usd, quantity, first.unit)
