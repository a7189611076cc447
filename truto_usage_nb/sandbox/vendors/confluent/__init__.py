"""Confluent Cloud: the daily cost rows of `GET /billing/v1/costs`, whatever report is asked for."""

from __future__ import annotations

from truto_usage_nb.sandbox.vendors.confluent.answer import answer
from truto_usage_nb.sandbox.vendors.confluent.catalog import products
from truto_usage_nb.sandbox.vendors.confluent.generate import DEFAULT_PAGE, MAX_PAGE, collect, request
from truto_usage_nb.sandbox.vendors.confluent.unify import unify

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "NAME", "RATE_LIMIT", "answer", "collect", "products", "request", "unify"]

NAME = "confluent"
RATE_LIMIT = "60;w=60"  # Confluent publishes no number
