"""OpenAI: the API of an organisation, and the Codex of a workspace, which are two products."""

from __future__ import annotations

from datetime import timedelta

from truto_usage_nb.vendors.facts import (
    SERVICE_PARAMETERS,
    FocusService,
    Integration,
    Series,
    SeriesChoice,
    Shapes,
    Window,
)

__all__ = ["FACTS"]

FACTS = Integration(
    name="openai_codex",
    label="OpenAI Codex",
    spellings=frozenset({"openai", "codex", "openaicodex"}),
    honours=SERVICE_PARAMETERS | {"date", "start_date", "user_id", "api_key_id"},
    window=Window("one day", days=1),
    keeps_days=90,
    late=timedelta(hours=12),
    series=(
        *Series.of("bill", ("cost", "money tokens", "The bill by line item, with tokens where its quantity says so.")),
        *Series.of("none", ("usage", "tokens requests", "Tokens and requests of the API.")),
        *Series.of(
            "none",
            ("codex_totals", "tokens requests", "A person's day in Codex, not broken down."),
            ("codex_model", "tokens requests", "The same by model."),
            ("codex_client", "tokens requests", "The same by client."),
            product="codex",  # a workspace's: an API key's use of Codex is in the API alone
        ),
    ),
    choices=(
        SeriesChoice("tokens", ("usage", "cost"), "a cost record repeats the tokens it charges for"),
        SeriesChoice(
            "tokens",
            ("codex_totals", "codex_model", "codex_client"),
            "models and clients break the same totals down",
            by={
                "model": ("codex_model", "codex_totals", "codex_client"),
                "surface": ("codex_client", "codex_totals", "codex_model"),
            },
        ),
    ),
    shapes=Shapes("usage", "cost", by_model="codex_model", by_surface="codex_client", in_all="codex_totals"),
    counted=("codex_totals", "codex_model", "codex_client", "usage", "cost"),
    bills_own_keys=True,
    service=FocusService(
        "OpenAI", "OpenAI", "AI and Machine Learning", "Generative AI", by_product=True, sub_account="Project"
    ),
    beyond="seats, credits bought or granted, tax; Codex credits have no price in the API",
)
"""What the client knows of it."""
