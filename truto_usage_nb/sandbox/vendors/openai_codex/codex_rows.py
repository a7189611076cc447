"""A user's day as the Codex analytics API writes it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from truto_usage_nb.sandbox.vendors.openai_codex.codex_facts import ModelUse, UserDay
from truto_usage_nb.sandbox.vendors.openai_codex.day import bucket
from truto_usage_nb.sandbox.vendors.openai_codex.rates import Tokens

ENDPOINT = "/v1/analytics/codex/workspaces/{workspace_id}/usage"


def user_row(user: UserDay) -> dict[str, Any]:
    """Return one `workspace.codex.usage.result`: totals, and their two breakdowns by client and by model."""
    totals = _totals(user)
    models = [_model(use, user.tokens_known) for use in user.uses]
    return {
        "object": "workspace.codex.usage.result",
        **bucket(user.day),
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
