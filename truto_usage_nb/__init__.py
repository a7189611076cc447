"""Usage and cost of Claude, OpenAI Codex, Confluent, Cursor and Datadog as dataframes, in a notebook.

    import truto_usage_nb as tu

    client = tu.sandbox()  # the whole service embedded; tu.Client() asks the real one
    usage = tu.load_usage("cursor", period="2026-10", client=client)
    tu.cost_per_model(usage)

Names are imported when they are first used, so `import truto_usage_nb` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "allocation": (
        "allocate",
        "allocation_change",
        "check_allocation",
        "check_usage",
        "suggest_rules",
        "write_chargeback",
    ),
    "bridge": ("allow_nested_asyncio",),
    "client": ("Client", "afetch_usage", "aload_usage", "ascan_usage", "fetch_usage", "load_usage", "scan_usage"),
    "costs": (
        "Choices",
        "cache_savings",
        "closing_line",
        "cost_lines",
        "cost_per",
        "cost_per_model",
        "cost_per_surface",
        "cost_per_token",
        "cost_rule",
        "coverage",
        "deduplicate",
        "estimate_costs",
        "remote_field",
        "token_mix",
        "total_cost",
        "with_costs",
    ),
    "direct": ("direct",),
    "errors": ("UsageError", "UsageWarning"),
    "focus": (
        "check_focus",
        "deliver_focus",
        "export_focus",
        "focus_billing_periods",
        "to_focus",
        "write_focus",
    ),
    "forms": ("CostExplorer", "QueryForm"),
    "long_forms": ("charges", "resources"),
    "planning": ("Period",),
    "query": ("PARAMETERS", "UsageQuery"),
    "questions": (
        "cache_advice",
        "check_prices",
        "commitment_curve",
        "commitments",
        "cost_change",
        "forecast_costs",
        "outcomes",
        "pace",
        "reconcile",
        "seats",
        "unit_costs",
        "unusual",
        "what_if",
        "with_labels",
        "with_models",
    ),
    "reading": ("read_usage",),
    "reports": ("list_reports", "render_report"),
    "result": ("UsageResult", "read_result"),
    "sandbox": ("sandbox",),
    "schema": ("SCHEMA", "data_dictionary"),
    "spreadsheets": ("write_csv", "write_xlsx"),
}
_MODULES = ("columns", "errors", "plots")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF), *_MODULES]  # noqa: PLE0604  (names, all of them)

if TYPE_CHECKING:
    from truto_usage_nb import columns as columns
    from truto_usage_nb import errors as errors
    from truto_usage_nb import plots as plots
    from truto_usage_nb.allocation import allocate as allocate
    from truto_usage_nb.allocation import allocation_change as allocation_change
    from truto_usage_nb.allocation import check_allocation as check_allocation
    from truto_usage_nb.allocation import check_usage as check_usage
    from truto_usage_nb.allocation import suggest_rules as suggest_rules
    from truto_usage_nb.allocation import write_chargeback as write_chargeback
    from truto_usage_nb.bridge import allow_nested_asyncio as allow_nested_asyncio
    from truto_usage_nb.client import Client as Client
    from truto_usage_nb.client import afetch_usage as afetch_usage
    from truto_usage_nb.client import aload_usage as aload_usage
    from truto_usage_nb.client import ascan_usage as ascan_usage
    from truto_usage_nb.client import fetch_usage as fetch_usage
    from truto_usage_nb.client import load_usage as load_usage
    from truto_usage_nb.client import scan_usage as scan_usage
    from truto_usage_nb.costs import Choices as Choices
    from truto_usage_nb.costs import cache_savings as cache_savings
    from truto_usage_nb.costs import closing_line as closing_line
    from truto_usage_nb.costs import cost_lines as cost_lines
    from truto_usage_nb.costs import cost_per as cost_per
    from truto_usage_nb.costs import cost_per_model as cost_per_model
    from truto_usage_nb.costs import cost_per_surface as cost_per_surface
    from truto_usage_nb.costs import cost_per_token as cost_per_token
    from truto_usage_nb.costs import cost_rule as cost_rule
    from truto_usage_nb.costs import deduplicate as deduplicate
    from truto_usage_nb.costs import estimate_costs as estimate_costs
    from truto_usage_nb.costs import remote_field as remote_field
    from truto_usage_nb.costs import token_mix as token_mix
    from truto_usage_nb.costs import total_cost as total_cost
    from truto_usage_nb.costs import with_costs as with_costs
    from truto_usage_nb.costs.coverage import coverage as coverage
    from truto_usage_nb.direct import direct as direct
    from truto_usage_nb.errors import UsageError as UsageError
    from truto_usage_nb.errors import UsageWarning as UsageWarning
    from truto_usage_nb.focus import check_focus as check_focus
    from truto_usage_nb.focus import deliver_focus as deliver_focus
    from truto_usage_nb.focus import export_focus as export_focus
    from truto_usage_nb.focus import focus_billing_periods as focus_billing_periods
    from truto_usage_nb.focus import to_focus as to_focus
    from truto_usage_nb.focus import write_focus as write_focus
    from truto_usage_nb.forms import CostExplorer as CostExplorer
    from truto_usage_nb.forms import QueryForm as QueryForm
    from truto_usage_nb.long_forms import charges as charges
    from truto_usage_nb.long_forms import resources as resources
    from truto_usage_nb.planning import Period as Period
    from truto_usage_nb.query import PARAMETERS as PARAMETERS
    from truto_usage_nb.query import UsageQuery as UsageQuery
    from truto_usage_nb.questions import cache_advice as cache_advice
    from truto_usage_nb.questions import check_prices as check_prices
    from truto_usage_nb.questions import commitment_curve as commitment_curve
    from truto_usage_nb.questions import commitments as commitments
    from truto_usage_nb.questions import cost_change as cost_change
    from truto_usage_nb.questions import forecast_costs as forecast_costs
    from truto_usage_nb.questions import outcomes as outcomes
    from truto_usage_nb.questions import pace as pace
    from truto_usage_nb.questions import reconcile as reconcile
    from truto_usage_nb.questions import seats as seats
    from truto_usage_nb.questions import unit_costs as unit_costs
    from truto_usage_nb.questions import unusual as unusual
    from truto_usage_nb.questions import what_if as what_if
    from truto_usage_nb.questions import with_labels as with_labels
    from truto_usage_nb.questions import with_models as with_models
    from truto_usage_nb.reading import read_usage as read_usage
    from truto_usage_nb.reports import list_reports as list_reports
    from truto_usage_nb.reports import render_report as render_report
    from truto_usage_nb.result import UsageResult as UsageResult
    from truto_usage_nb.result import read_result as read_result
    from truto_usage_nb.sandbox import sandbox as sandbox
    from truto_usage_nb.schema import SCHEMA as SCHEMA
    from truto_usage_nb.schema import data_dictionary as data_dictionary
    from truto_usage_nb.spreadsheets import write_csv as write_csv
    from truto_usage_nb.spreadsheets import write_xlsx as write_xlsx


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        from truto_usage_nb.errors import did_you_mean

        raise AttributeError(f"truto_usage_nb has no {name!r}.{did_you_mean(name, __all__)}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
