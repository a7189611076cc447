"""FOCUS: the same records as a FinOps platform takes them in, versions 1.4 and 1.2.

`to_focus` makes the rows and checks each, `check_focus` checks any FOCUS table, `focus_billing_periods` says which
months are open, `write_focus` writes a file of them, `deliver_focus` a folder of billing periods with FOCUS's metadata,
and `export_focus` the files that a platform takes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Unpack

import polars as pl

from truto_usage_nb.checks import a_path, one_of
from truto_usage_nb.costs.choices import Choices
from truto_usage_nb.errors import InputError, WriteError
from truto_usage_nb.focus.checking import violations
from truto_usage_nb.focus.delivery import (
    NEEDED,
    PERIODS,
    Delivery,
    billing_periods,
    deliver,
    is_delivered,
    read_delivery,
    write_rows,
)
from truto_usage_nb.focus.exporting import export
from truto_usage_nb.focus.options import Options, moment
from truto_usage_nb.native import as_it_is, enter, require
from truto_usage_nb.result import UsageResult
from truto_usage_nb.writing import write_file

__all__ = ["check_focus", "deliver_focus", "export_focus", "focus_billing_periods", "to_focus", "write_focus"]


def to_focus(
    frame: Any,
    version: Literal["1.4", "1.2"] = "1.4",
    *,
    prepaid: Sequence[str] = (),
    purchases: Any = None,
    seat_prices: Mapping[str, tuple[float, float, str]] | None = None,
    billing_day: Mapping[str, int] | None = None,
    invoice_issuer: Mapping[str, str] | None = None,
    closed_before: str | date | datetime | None = None,
    credit_rate: Mapping[str, tuple[str, float]] | None = None,
    unpriced: Literal["leave_out", "zero"] = "leave_out",
    events: Literal["each", "hour"] = "each",
    tags: Sequence[str] = (),
    emails: bool = False,
    conditional_columns: bool = False,
    **choices: Unpack[Choices],
) -> Any:
    """Give usage as FOCUS Cost and Usage rows: one per charge and kind of token, tax and credit apart.

    Comes back as the kind of frame that came in (a `UsageResult` counts as its frame, and says what is settled).
    Amounts and quantities are decimals of ten places (`Decimal`; objects in pandas with NumPy dtypes), times are UTC.
    Per record and per currency EffectiveCost adds up to the record's payable, and BilledCost too unless an argument
    moves it. Columns that begin with `x_` say how each figure came about; the page docs/focus.md lists them.

    By account: `prepaid` names those whose usage draws on money paid before (billed 0); `purchases` is a frame of
    integrated_account_id, amount, currency, start_date, end_date that becomes Purchase rows, one each, billed where the
    term begins (description, invoice_id, quantity, unit, sku, list_amount, covers_usage, billed_on: see the page);
    `seat_prices` gives (seats, price of one for a billing period, currency), a purchase that is spread over the usage a
    plan covers; `billing_day` the day a billing period begins (1 to 28); `invoice_issuer` who else sends the bill, such
    as a marketplace (billed 0 here); `credit_rate` what a unit of a virtual or unstated currency costs, such as
    ("USD", 0.04). `closed_before`: billing periods that ended by then are invoiced; their refunds are
    corrections, billed in the first period that is open. `unpriced="zero"` writes tokens that no money paid for at 0;
    `events="hour"` adds the events of an hour up. `tags` are columns of the frame for Tags; `emails` adds e-mail
    addresses; `conditional_columns` adds, empty, the columns that say nothing of these vendors, for queries that name
    them. The other arguments are those of the cost tables, such as `positive_credits="as_stated"` for corrections of
    credits.

    Raises FrameError for what FOCUS cannot hold (a virtual currency, none, no dates), naming the account and the
    remedy, and what the cost tables raise. Warns once with UsageWarning of what was chosen and left out.
    Source: the FOCUS specification, focus.finops.org.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> rows = tu.to_focus(usage)
    >>> rows.select("ServiceName", "PricingUnit", "BillingCurrency").row(0)
    ('Datadog Infrastructure Hosts', 'Months', 'USD')
    """
    options = Options.of(
        {
            "version": version, "prepaid": prepaid, "purchases": purchases, "seat_prices": seat_prices,
            "billing_day": billing_day, "invoice_issuer": invoice_issuer, "closed_before": closed_before,
            "credit_rate": credit_rate, "unpriced": unpriced, "events": events,
            "tags": tags, "emails": emails, "conditional_columns": conditional_columns,
        },
        choices,
    )  # fmt: skip
    result = frame if isinstance(frame, UsageResult) else None
    native = enter(frame if result is None else result.frame)
    return native.leave(export(native, options, result))


def check_focus(frame: Any, version: Literal["1.4", "1.2"] = "1.4") -> Any:
    """Check a FOCUS Cost and Usage table row by row; an empty table means that nothing is wrong.

    Comes back as the kind of frame that came in, a row per broken cell: `row` (from 0; null for a column as a whole),
    `column`, `rule`, `value`. Reads frames of `to_focus` as well as files read with all columns as text. `to_focus`
    runs it on every export.

    >>> import truto_usage_nb as tu
    >>> import polars as pl
    >>> tu.check_focus(pl.DataFrame({"BillingCurrency": ["XXX"]})).filter(pl.col("row") == 0).row(0)
    (0, 'BillingCurrency', 'is not a currency of ISO 4217', 'XXX')
    """
    native = enter(frame)
    return native.leave(violations(as_it_is(native.frame), version))


def focus_billing_periods(
    frame: Any, *, closed_before: str | date | datetime | None = None, previous: Any = None
) -> Any:
    """Give the Billing Period dataset of FOCUS 1.4 for rows of `to_focus`: a row per invoice issuer and period.

    A period is Closed once its invoices are issued, which no vendor's API tells: those that ended by `closed_before`
    are, and those that `previous`, an earlier table of this kind, has as Closed, for none is opened again. All others
    are Open, however final their figures. Same kind of frame back.

    >>> import truto_usage_nb as tu
    >>> rows = tu.to_focus(tu.sandbox().fetch_usage("datadog", period="2026-10"))
    >>> tu.focus_billing_periods(rows, closed_before="2026-11-01")["BillingPeriodStatus"].to_list()
    ['Closed']
    """
    native = enter(frame)
    require(native, NEEDED, "focus_billing_periods")
    rows: pl.DataFrame = as_it_is(native.frame.select(*NEEDED))
    earlier = None
    if previous is not None:
        held = enter(previous)
        require(held, tuple(PERIODS), "previous=")
        earlier = as_it_is(held.frame.select(*PERIODS))
    return native.leave(billing_periods(rows, moment(closed_before), earlier))


def write_focus(frame: Any, path: str | Path) -> Path:
    """Write a FOCUS table to a file, `.csv` or `.parquet`, as FOCUS asks, and give its path.

    CSV holds instants as 2026-10-01T00:00:00Z, plain decimals, and nothing for null; texts stand as the vendors wrote
    them, for a platform to read (`write_csv` is for spreadsheets, which run texts). Parquet keeps the types. A file of
    that name is replaced at once, when the new one is whole. Raises InputError for another ending.

    >>> import tempfile
    >>> import truto_usage_nb as tu
    >>> rows = tu.to_focus(tu.sandbox().load_usage("datadog", period="2026-10"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tu.write_focus(rows, f"{folder}/focus.csv").name
    'focus.csv'
    """
    target = a_path("path", path, WriteError)
    table = as_it_is(enter(frame).frame)
    if target.suffix == ".csv":
        return write_rows(table, target)
    if target.suffix == ".parquet":
        return write_file(target, table.write_parquet)
    raise InputError(f"{target.name!r} is neither .csv nor .parquet.")


def deliver_focus(
    result: Any,
    folder: str | Path,
    *,
    version: Literal["1.4", "1.2"] = "1.4",
    closed_before: str | date | datetime | None = None,
    previous: Any = None,
    **options: Any,
) -> Path:
    """Deliver usage as FOCUS: a folder of billing periods in Parquet, with the specification's metadata beside them.

    `billing_period=YYYY-MM/charges.parquet` is a period, complete, in the place of what was delivered of it before;
    `_focus/` holds the metadata as JSON: DataGenerator, DatasetInstance, Schema with its column definitions, Recency
    with a time sector a day, complete where the figures of all accounts are final; and the Billing Period dataset.
    Killed at any moment, each period is the old or the new one, and what would come out the same is not written again.

    `result` is a `UsageResult`, of whose period the whole billing periods are delivered, or a frame of records. Billing
    periods that ended by `closed_before` are invoiced. `previous`, the folder of an earlier delivery (often the same
    one) or its rows, keeps such periods as they were delivered, and adds what has changed since as corrections in the
    first open period. The other options are those of `to_focus`. Gives the folder. Raises InputError for a part of a
    period, for other accounts than are there, and for a change of a period that is closed; and what `to_focus` raises.

    >>> import tempfile
    >>> import truto_usage_nb as tu
    >>> october = tu.sandbox().fetch_usage("datadog", period="2026-10")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = tu.deliver_focus(october, folder)
    ...     sorted(path.name for path in made.iterdir())
    ['_focus', 'billing_period=2026-10']
    """
    target = a_path("folder", folder, WriteError)
    closed, earlier = moment(closed_before), _earlier(previous, target)
    if earlier is None:  # else what has changed is found by comparing, refunds too
        options = options | {"closed_before": closed}
    # Whatever holds the records, a delivery is made in polars, whose decimals are exact.
    held = replace(result, backend="polars") if isinstance(result, UsageResult) else as_it_is(enter(result).frame)
    rows: pl.DataFrame = to_focus(held, version, **options)
    told: dict[str, Any] = {}
    if isinstance(result, UsageResult):
        told = {
            "loaded": None if result.period is None else (result.period.start, result.period.end),
            "fetched": result.fetched_at,
            "settled": dict(result.settled_until),
            "accounts": frozenset(str(query.integrated_account_id) for query in result.queries),
        }
    days = options.get("billing_day") or {}
    deliver(rows, target, Delivery(version, closed, days, **told), earlier)
    return target


def _earlier(previous: Any, folder: Path) -> pl.DataFrame | None:
    """Read an earlier delivery; the folder itself may not have had any yet."""
    if not isinstance(previous, str | Path):
        return None if previous is None else as_it_is(enter(previous).frame)
    there = a_path("previous", previous)
    return None if there == folder and not is_delivered(there) else read_delivery(there)


def export_focus(
    frame: Any, to: Literal["vantage", "datadog", "cloudzero", "finops_hub"], folder: str | Path
) -> list[Path]:
    """Write rows of `to_focus` as the files that a platform takes in, and give their paths.

    "vantage": a custom provider's CSV files of at most 10,000 rows and 2 MB. "datadog": Custom Costs as CSV, US dollars
    only. "cloudzero": AnyCost Stream bodies in JSON, at most 5 MB. "finops_hub": the ingestion container of the FinOps
    toolkit's hubs, FOCUS 1.2 in Parquet. Limits are met by more files; what cannot be taken is refused with the reason
    (InputError). Written again, they replace what was written before. Written to the platforms' public rules; no live
    import was tried. See the page docs/focus_delivery.md.

    >>> import tempfile
    >>> import truto_usage_nb as tu
    >>> rows = tu.to_focus(tu.sandbox().fetch_usage("datadog", period="2026-10"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in tu.export_focus(rows, "vantage", folder)]
    ['vantage_2026-10_USD_001.csv']
    """
    from truto_usage_nb.focus.receivers import RECEIVERS, hand_over

    one_of("to", to, RECEIVERS)
    return hand_over(as_it_is(enter(frame).frame), to, a_path("folder", folder, WriteError))
