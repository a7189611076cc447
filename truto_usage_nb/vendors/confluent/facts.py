"""Confluent Cloud: a resource's day, with its quantity and its money in one record."""

from __future__ import annotations

from datetime import timedelta

from truto_usage_nb.vendors.facts import SERVICE_PARAMETERS, FocusService, Integration, Series, Shapes, Window

__all__ = ["FACTS"]

FACTS = Integration(
    name="confluent",
    label="Confluent",
    honours=SERVICE_PARAMETERS | {"start_date", "end_date"},
    window=Window("range"),
    keeps_days=365,
    late=timedelta(hours=72),
    series=(
        *Series.of("bill", ("cost", "money", "A resource's day, with quantity, unit and money.")),
        *Series.of("none", ("metrics", "", "Quantities by metric.")),
    ),
    shapes=Shapes("metrics", "cost"),
    total_means="list",  # its original amount, before the discount
    resource="cluster",
    service=FocusService(
        "Confluent", "Confluent Cloud", "Analytics", "Streaming Analytics", sub_account="Environment", provisions=True,
        bought=r"\bSUPPORT",  # a fee on the month's spend
    ),
    beyond="the commitment bought and its drawdown, marketplace bills, tax",
)  # fmt: skip
"""What the client knows of it."""
