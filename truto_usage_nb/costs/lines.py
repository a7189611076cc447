"""A record's cost beside the record: `cost_lines` (a row per record and currency) and `with_costs` (a row a record)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import PositiveCredits, check_credits, check_currency, check_totals
from truto_usage_nb.costs.facts import (
    NEEDED,
    NOTHING_SAID,
    READ_TOO,
    Said,
    check_amounts,
    look,
    mixed,
    numeric_amounts,
    unknown_amounts,
)
from truto_usage_nb.costs.kept import kept_lines
from truto_usage_nb.costs.reasons import REASONS
from truto_usage_nb.costs.rule import OUTPUTS, Facts, apply, flag_text
from truto_usage_nb.costs.split import split_currencies
from truto_usage_nb.costs.tokens import TOKEN_COLUMNS, token_mismatch
from truto_usage_nb.costs.totals import is_running_total, is_state
from truto_usage_nb.errors import FrameError
from truto_usage_nb.integrations import TotalMeans
from truto_usage_nb.native import Frame, Native, enter, mapped, require, to_polars, with_instants
from truto_usage_nb.schema import SCHEMA, folded_currency

__all__ = ["cost_lines", "lines_of", "rule_lines", "with_costs"]

MEASURES = tuple(f.column for f in SCHEMA if f.column.startswith("usage_") and f.dtype in ("Int64", "Float64"))


def with_costs(
    frame: Any,
    *,
    total_means: Mapping[str, TotalMeans] | None = None,
    positive_credits: PositiveCredits = "reduction",
) -> Any:
    """Add what each record costs: one row a record, in the order and of the kind of the frame that came in.

    Adds `cost_currency`, `cost_billed`, `cost_list`, `cost_discount`, `cost_tax`, `cost_credit`, `cost_included`,
    `cost_vendor_estimate` (amounts in `cost_currency`, null where a record states no charge) and `cost_flag`, the
    reasons of `cost_rule` joined by `;`. A record in several currencies has null costs and the flag `mixed_currency`:
    `cost_lines` takes it apart. `total_means`, such as {"cursor": "list"}, says what an integration's total without a
    net is ("billed", "list", "with_included"), where that differs from what the vendor documents; `positive_credits`,
    whether a credit stated as a positive number is a "reduction" (flagged) or counts "as_stated". Lazy frames stay
    lazy. Raises FrameError for a frame without the needed columns.

    >>> import truto_usage_nb as tu
    >>> import polars as pl
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05").head(1)
    >>> stated = {"charges_total": 12.5, "charges_net": 10.0, "charges_usage_based": None, "charges_discount": None}
    >>> record = usage.with_columns(**{name: pl.lit(amount, pl.Float64) for name, amount in stated.items()})
    >>> tu.with_costs(record).select("cost_billed", "cost_list", "cost_discount").row(0)
    (10.0, 12.5, 2.5)
    """
    native = enter(frame)
    require(native, NEEDED, "with_costs", also=READ_TOO)
    said = _said(total_means, positive_credits)
    kept = kept_lines(native, said)
    if kept is not None:
        return native.leave(_finish(kept.frame, native.columns))
    facts = said.put(_facts_of_schema(native))
    return mapped(native, lambda part: _finish_lines(part, facts))


def _said(total_means: Mapping[str, TotalMeans] | None, positive_credits: PositiveCredits) -> Said:
    check_totals(total_means)
    check_credits(positive_credits)
    return Said(total_means, positive_credits)


def _facts_of_schema(native: Native) -> Facts:
    """What is known without reading a lazy frame: it has every type, but for local columns that hold nothing."""
    schema = native.frame.collect_schema()
    types = frozenset(k for k in Facts().types if not _is_empty(native, f"charges_{k}", schema[f"charges_{k}"]))
    check_amounts(native, types)
    return Facts(types=types, unknown=unknown_amounts(native))


def _is_empty(native: Native, column: str, dtype: Any) -> bool:
    """Whether a local column holds nothing at all: its dtype then says nothing (pandas calls it object)."""
    if dtype.is_numeric() or not (native.is_local or dtype == nw.Unknown):
        return False
    counted = native.frame.select(nw.col(column).count())
    local = counted.collect() if isinstance(counted, nw.LazyFrame) else counted
    return int(local.item()) == 0


def rule_lines(frame: Frame, facts: Facts, native: Native) -> Frame:
    """Apply the rule to records in one currency; those in several get null and `__is_mixed_currency`."""
    ready = _ruled(native, frame.with_columns(__is_mixed_currency=mixed()), facts)
    return ready.with_columns(__is_no_charges=nw.col("__is_no_charges") & ~nw.col("__is_mixed_currency"))


def _ruled(native: Native, frame: Frame, facts: Facts) -> Frame:
    """The rule, and what else is known of a record by itself: whether it is a state of its cycle, and its tokens."""
    columns = numeric_amounts(native)
    instants = {"__start": "start_date", "__end": "end_date"}
    if native.frame.collect_schema().get("updated_at") in (nw.Datetime, nw.Date):  # what holds nothing may not be
        instants["__updated"] = "updated_at"
    frame = with_instants(native, frame, instants)
    some = set(TOKEN_COLUMNS) <= set(columns)
    mismatch = token_mismatch(facts.input_includes_cache) if some else nw.lit(False)
    return apply(frame, facts).with_columns(
        __is_running_total=is_running_total(columns), __is_state=is_state(columns), __is_token_mismatch=mismatch
    )


def _finish(frame: Frame, columns: list[str]) -> Frame:
    reasons = [reason for reason in REASONS if f"__is_{reason}" in frame.collect_schema().names()]
    flagged = frame.with_columns(cost_flag=flag_text(reasons))
    text = nw.col("cost_flag")
    flagged = flagged.with_columns(cost_flag=nw.when(text != "").then(text))
    return flagged.select(*(c for c in columns if c not in OUTPUTS), *OUTPUTS)


def cost_lines(
    frame: Any,
    *,
    billing_currency: str | None = None,
    total_means: Mapping[str, TotalMeans] | None = None,
    positive_credits: PositiveCredits = "reduction",
) -> Any:
    """Give a row per record and currency, with the columns of `with_costs`: what the cost tables are made of.

    A record's tokens and other counts stand on its first row only, so that sums over lines are sums over records. A
    record in several currencies has a row for each, flagged `mixed_currency`; where its currencies state one charge
    twice they are flagged `dual_currency` and billed null, until `billing_currency` (ISO 4217) picks the billed one.
    `total_means` and `positive_credits` are those of `with_costs`.
    Raises FrameError where such records are there and the frame has no list of charges (Dask).

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cost_lines(usage)["cost_currency"].unique().to_list()
    ['USD']
    """
    check_currency("billing_currency", billing_currency)
    return lines_of(enter(frame), billing_currency, _said(total_means, positive_credits))


def lines_of(native: Native, billing_currency: str | None, said: Said) -> Any:
    """Give the lines of `cost_lines`, which are not made anew where they stand ready."""
    kept = kept_lines(native, said)
    if kept is not None and not kept.mixed:
        return native.leave(_finish(kept.frame, native.columns))
    facts = look(native, said=said)
    split = split_currencies(native)
    if split is None:
        return mapped(native, lambda part: _finish_lines(part, facts))
    return native.leave(_joined(native, split, billing_currency, said))


def _finish_lines(native: Native, facts: Facts) -> Frame:
    return _finish(rule_lines(native.frame, facts, native), native.columns)


def _joined(native: Native, split: pl.DataFrame, billing_currency: str | None, said: Said) -> pl.DataFrame:
    """Both kinds of records through polars, in the order served."""
    if native.kind == "pyspark":
        raise FrameError(
            f"{split.filter(pl.col('__line') == 0).height} records are charged in several currencies; on PySpark "
            f"cost_lines cannot take them apart. Ask for a cost table, or use with_costs, which flags them."
        )
    records = enter(to_polars(native).lazy().with_row_index("__order"))
    singles = enter(records.frame.filter(~mixed()).to_native())
    parts = enter(split_currencies(records))
    lines = [
        _finish_lines(singles, look(singles, said=said)),
        _finish(split_lines(parts, billing_currency, said), [c for c in parts.columns if not c.startswith("__is")]),
    ]
    tables = [_polars(line) for line in lines]
    return pl.concat(tables, how="diagonal_relaxed").sort("__order", maintain_order=True).drop("__order", "__line")


def _polars(frame: Frame) -> pl.DataFrame:
    lazy: pl.LazyFrame = frame.to_native()
    return lazy.collect()


def split_lines(parts: Native, billing_currency: str | None, said: Said = NOTHING_SAID) -> Frame:
    """Apply the rule to lines of `split_currencies`: counts on the first line, dual charges settled or null."""
    counts = [c for c in MEASURES if c in parts.columns]
    first = nw.col("__line") == 0
    frame = parts.frame.with_columns(*(nw.when(first).then(nw.col(c)).alias(c) for c in counts))
    ready = _ruled(parts, frame, look(parts, said=said)).with_columns(__is_mixed_currency=nw.lit(True))
    wanted = nw.col("cost_currency") == (folded_currency(billing_currency) or "")
    open_ = nw.col("__is_dual_currency") & ~wanted
    amounts = [c for c in OUTPUTS if c not in ("cost_currency", "cost_flag")]
    return ready.with_columns(*(nw.when(~open_).then(nw.col(c)).alias(c) for c in amounts))
