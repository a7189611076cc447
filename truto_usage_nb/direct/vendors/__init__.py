"""The vendors' tables, one module each, imported when an account of theirs is described."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from truto_usage_nb.direct.engine import DirectVendor, VendorTables

__all__ = ["DIRECT_VENDORS", "vendor_named"]

DIRECT_VENDORS = ("claude", "openai_codex", "cursor", "confluent", "datadog")
"""The integrations that have a direct door, in the order in which `direct()` lists their accounts."""


def vendor_named(name: str) -> DirectVendor:
    """Give the tables of an integration."""
    return cast(VendorTables, import_module(f"{__name__}.{name}")).VENDOR
