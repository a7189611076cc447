"""The vendors' tables, one module each, imported when an account of theirs is described."""

from __future__ import annotations

from importlib import import_module

from truto_usage_nb.direct.engine import Vendor

__all__ = ["NAMES", "vendor_named"]

NAMES = ("claude", "openai_codex", "cursor", "confluent", "datadog")
"""The integrations that have a direct door, in the order in which `direct()` lists their accounts."""


def vendor_named(name: str) -> Vendor:
    """Give the tables of an integration."""
    found: Vendor = import_module(f"{__name__}.{name}").VENDOR
    return found
