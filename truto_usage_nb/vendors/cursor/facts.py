"""Cursor: a team's requests one by one, its people's days, and a spend that adds the requests up."""

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
    name="cursor",
    label="Cursor",
    honours=SERVICE_PARAMETERS | {"start_date", "end_date", "page", "page_size"},
    window=Window("range", days=30, end_inclusive=True, instants=True),
    keeps_days=None,
    late=timedelta(hours=1),
    series=(
        *Series.of("bill", ("event", "money tokens requests", "One request each, with tokens and charge.")),
        *Series.of("running total", ("spend", "money", "A person's spend in the billing cycle to date.")),
        *Series.of("none", ("daily", "requests", "A person's day: requests, lines, tabs.")),
    ),
    choices=(SeriesChoice("money", ("event", "spend"), "spend adds the same events up, and checks them"),),
    shapes=Shapes("event", "event", cycle="spend", counts="daily"),
    cycle="person",
    counted=("event", "daily", "spend"),
    zero_is_free=True,
    own_keys=True,
    user_ids=(("number", r"\d+"), ("user", r"user_.*")),
    resource="conversation",
    surfaces=(("ide", "Cursor editor"), ("headless", "Cursor without an editor")),
    service=FocusService("Cursor", "Cursor", "Developer Tools", "Development Environments"),
    beyond="seats, tax; invoices run from the day of the month the team signed up, not the 1st",
)
"""What the client knows of it."""
