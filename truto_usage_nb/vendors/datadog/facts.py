"""Datadog: a product's month, in quantities and, as an estimate that runs up, in money."""

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
    name="datadog",
    label="Datadog",
    honours=SERVICE_PARAMETERS | {"start_date", "end_date"},
    window=Window("whole months"),
    keeps_days=456,
    late=timedelta(hours=72),
    settle_day=16,
    series=(
        *Series.of("bill", ("cost", "money", "A product's month.")),
        *Series.of("running total", ("cost_to_date", "money", "A product's month to date, a record a day.")),
        *Series.of("none", ("usage", "", "Quantities by hour or month.")),
    ),
    choices=(SeriesChoice("money", ("cost", "cost_to_date"), "the month contains its days to date"),),
    shapes=Shapes("usage", "cost", cycle="cost_to_date"),
    cycle="product",
    money_of_others=(r"^ccm_(?:anthropic|openai|confluent|cursor)_.*spend", "ccm_…_spend"),
    service=FocusService("Datadog", "Datadog", "Management and Governance", "Observability", by_product=True),
    beyond="the commitment's true-up, marketplace bills, tax; an open month is an estimate",
)
"""What the client knows of it."""
