"""Datadog: the cost of each sub-organisation and month, by product, whatever report is asked for."""

from __future__ import annotations

from truto_usage_nb.sandbox.vendors.datadog.answer import answer
from truto_usage_nb.sandbox.vendors.datadog.catalog import products
from truto_usage_nb.sandbox.vendors.datadog.generate import DEFAULT_PAGE, MAX_PAGE, collect, request
from truto_usage_nb.sandbox.vendors.datadog.unify import unify

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "NAME", "RATE_LIMIT", "answer", "collect", "products", "request", "unify"]

NAME = "datadog"
RATE_LIMIT = "60;w=60"  # Datadog publishes no number
