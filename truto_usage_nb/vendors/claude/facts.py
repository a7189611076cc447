"""Claude: report types that overlap, all of one organisation."""

from __future__ import annotations

from datetime import timedelta

from truto_usage_nb.vendors.facts import SERVICE_PARAMETERS, FocusService, Integration, Series, SeriesChoice, Window

__all__ = ["FACTS"]

_GROUPED = ("product", "surface", "model")

FACTS = Integration(
    name="claude",
    label="Claude",
    spellings=frozenset({"anthropic"}),
    honours=SERVICE_PARAMETERS
    | {
        "report_type", "start_date", "end_date", "product_ids", "user_ids", "model_ids", "surfaces", "group_by",
        "granularity", "sort_by", "sort_order", "include_deleted_users",
    },
    window=Window("range", instants=True),
    keeps_days=365,
    late=timedelta(days=30),
    default_views=(("usage", _GROUPED), ("cost", _GROUPED)),
    user_views=(("user_usage", _GROUPED), ("user_cost", _GROUPED)),
    range_long=frozenset({"usage", "cost", "user_usage", "user_cost"}),
    bucket_width="time_bucket_width",
    series=(
        *Series.of(
            "bill",
            ("cost", "money requests", "The bill, discounts taken off, before credits."),
            ("user_cost", "money requests", "The part of the bill that has a person."),
        ),
        *Series.of(
            "estimate",
            ("activity", "money tokens", "Claude Code's tokens, with an estimate of what cost bills."),
            ("skill_usage", "money", "Calls of skills, with an estimate of what cost bills."),
        ),
        *Series.of(
            "none",
            ("usage", "tokens requests", "Every token."),
            ("user_usage", "tokens requests", "The tokens that have a person."),
            ("connector_usage", "", "Calls of connectors."),
            ("project_usage", "", "Messages of projects."),
            ("summary", "", "Active people; not additive."),
        ),
    ),
    choices=(
        SeriesChoice(
            "money",
            ("cost", "user_cost"),
            "user_cost is the part of cost that has a person",
            by={"user": ("user_cost", "cost")},
            remainder=True,
        ),
        SeriesChoice(
            "tokens",
            ("usage", "user_usage", "activity"),
            "user_usage and activity are parts of usage",
            by={"user": ("user_usage", "usage", "activity")},
            remainder=True,
        ),
    ),
    counted=(
        "usage", "user_usage", "cost", "user_cost", "activity", "project_usage", "skill_usage", "connector_usage",
    ),
    counted_by_person=("user_usage", "user_cost", "activity", "usage", "cost"),
    cache_apart=True,
    bills_own_keys=True,
    service=FocusService("Anthropic", "Claude", "AI and Machine Learning", "Generative AI", by_product=True),
    beyond="seats, prepaid credits bought, credits granted, Priority Tier commitments, tax",
)  # fmt: skip
"""What the client knows of it."""
