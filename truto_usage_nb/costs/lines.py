"""The rule beside every record: `with_costs` (a row a record) and `cost_lines` (a row per record and currency).

A frame is looked at once, so that the rule is no longer than it must be (`frame_facts`). Records charged in several
currencies are few, and no dataframe library but polars takes lists apart on every platform, so they come through polars
whatever the caller holds (`split_currencies`).

Whoever asks many questions of one frame, as a report does, has the rule applied once (`precomputed`), takes parts of it
by filtering, and asks of each part what he wants (`as_frame`). The result must not be changed but for rows taken out
and columns added: what stands beside a record is no longer looked at, but believed.

Nothing is left out without a word: a charge in a word that is no currency, one of a type that the rule does not know,
one charge stated in two currencies of which nobody picked one, and input whose tokens may be counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import PositiveCredits, check_credits, check_totals
from truto_usage_nb.costs.currencies import CREDITS, check_currency, is_virtual
from truto_usage_nb.costs.rule import NO_CALLER_RULES, OUTPUTS, REASONS, CallerRules, FrameFacts, apply_rule, flag_text
from truto_usage_nb.costs.series_of_record import PRORATED, is_running_total, is_state
from truto_usage_nb.costs.tokens import (
    CACHED_COLUMNS,
    KINDS,
    TOKEN_COLUMNS,
    token_mismatch,
    undecided_input,
    with_measures,
)
from truto_usage_nb.errors import FrameError
from truto_usage_nb.format import money, number
from truto_usage_nb.integrations import TotalMeans
from truto_usage_nb.native import (
    Frame,
    Native,
    collect,
    each_part,
    enter,
    mapped,
    nothing_like,
    require,
    to_polars,
    with_instants,
)
from truto_usage_nb.schema import CHARGE_TYPES, SCHEMA, SPACES, folded_currency

__all__ = [
    "AMOUNTS",
    "COARSE",
    "READ_TOO",
    "RULE_COLUMNS",
    "CachedLines",
    "as_frame",
    "billed_in_all",
    "cached_lines",
    "cost_lines",
    "each_ruled",
    "frame_facts",
    "is_mixed",
    "lines_of",
    "precomputed",
    "refuse_too_many",
    "rule_lines",
    "split_currencies",
    "split_lines",
    "table_lines",
    "unknown_amounts",
    "with_costs",
]

AMOUNTS = tuple(f"charges_{kind}" for kind in CHARGE_TYPES)

RULE_COLUMNS = (
    *AMOUNTS,
    "charges_currency",
    "charges_count",
    "integration",
    "report_type",
    "start_date",
    "end_date",
    "model_id",
)

READ_TOO = (*TOKEN_COLUMNS, "updated_at", PRORATED)
"""What the rule reads where a frame has it."""

MOST_TOKENS = 2**63 - 1
"""The largest sum that a whole number of 63 bits holds."""

COARSE = 2**21
"""Whole numbers are added up in units of so many, which no sum of theirs exceeds."""

_COUNTS = tuple(f.column for f in SCHEMA if f.column.startswith("usage_") and f.dtype in ("Int64", "Float64"))

RATIO_TOLERANCE = 0.001
"""How far two amounts' ratios may part and still be one charge stated twice: both are rounded to cents."""

_BESIDE = (
    "__start", "__end", "__updated", "__is_state", "__covered", "__tokens", *(f"__{kind}" for kind in KINDS),
    "__charged", "__shape", "__length",
    *OUTPUTS[:-1], *(f"__is_{reason}" for reason in REASONS if reason != "dual_currency"),
)  # fmt: skip
"""What the rule says of a record, as far as a table reads it."""


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
    require(native, RULE_COLUMNS, "with_costs", also=READ_TOO)
    rules = _caller_rules(total_means, positive_credits)
    kept = cached_lines(native, rules)
    if kept is not None:
        return native.leave(_finish(kept.frame, native.columns))
    facts = rules.put(_facts_of_schema(native))
    return mapped(native, lambda part: _finish_lines(part, facts))


def _caller_rules(total_means: Mapping[str, TotalMeans] | None, positive_credits: PositiveCredits) -> CallerRules:
    check_totals(total_means)
    check_credits(positive_credits)
    return CallerRules(total_means, positive_credits)


def _facts_of_schema(native: Native) -> FrameFacts:
    """What is known without reading a lazy frame: it has every type, but for local columns that hold nothing."""
    schema = native.frame.collect_schema()
    types = frozenset(k for k in FrameFacts().types if not _is_empty(native, f"charges_{k}", schema[f"charges_{k}"]))
    _check_amounts(native, types)
    return FrameFacts(types=types, unknown=unknown_amounts(native))


def _is_empty(native: Native, column: str, dtype: Any) -> bool:
    """Whether a local column holds nothing at all: its dtype then says nothing (pandas calls it object)."""
    if dtype.is_numeric() or not (native.is_local or dtype == nw.Unknown):
        return False
    counted = native.frame.select(nw.col(column).count())
    local = counted.collect() if isinstance(counted, nw.LazyFrame) else counted
    return int(local.item()) == 0


def rule_lines(frame: Frame, facts: FrameFacts, native: Native) -> Frame:
    """Apply the rule to records in one currency; those in several get null and `__is_mixed_currency`."""
    ready = _ruled(native, frame.with_columns(__is_mixed_currency=is_mixed()), facts)
    return ready.with_columns(__is_no_charges=nw.col("__is_no_charges") & ~nw.col("__is_mixed_currency"))


def _ruled(native: Native, frame: Frame, facts: FrameFacts) -> Frame:
    """The rule, and what else is known of a record by itself: whether it is a state of its cycle, and its tokens."""
    columns = _numeric_amounts(native)
    instants = {"__start": "start_date", "__end": "end_date"}
    if native.frame.collect_schema().get("updated_at") in (nw.Datetime, nw.Date):  # what holds nothing may not be
        instants["__updated"] = "updated_at"
    frame = with_instants(native, frame, instants)
    ready, some = apply_rule(frame, facts), set(TOKEN_COLUMNS) <= set(columns)
    mismatch = token_mismatch(facts.input_includes_cache) if some else nw.lit(False)
    return ready.with_columns(
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
    return lines_of(enter(frame), billing_currency, _caller_rules(total_means, positive_credits))


def lines_of(native: Native, billing_currency: str | None, rules: CallerRules) -> Any:
    """Give the lines of `cost_lines`, which are not made anew where they stand ready."""
    kept = cached_lines(native, rules)
    if kept is not None and not kept.mixed:
        return native.leave(_finish(kept.frame, native.columns))
    facts = frame_facts(native, rules=rules)
    split = split_currencies(native)
    if split is None:
        return mapped(native, lambda part: _finish_lines(part, facts))
    return native.leave(_joined(native, split, billing_currency, rules))


def _finish_lines(native: Native, facts: FrameFacts) -> Frame:
    return _finish(rule_lines(native.frame, facts, native), native.columns)


def _joined(native: Native, split: pl.DataFrame, billing_currency: str | None, rules: CallerRules) -> pl.DataFrame:
    """Both kinds of records through polars, in the order served."""
    if native.kind == "pyspark":
        raise FrameError(
            f"{split.filter(pl.col('__line') == 0).height} records are charged in several currencies; on PySpark "
            f"cost_lines cannot take them apart. Ask for a cost table, or use with_costs, which flags them."
        )
    records = enter(to_polars(native).lazy().with_row_index("__order"))
    singles = enter(records.frame.filter(~is_mixed()).to_native())
    parts = enter(split_currencies(records))
    lines = [
        _finish_lines(singles, frame_facts(singles, rules=rules)),
        _finish(split_lines(parts, billing_currency, rules), [c for c in parts.columns if not c.startswith("__is")]),
    ]
    tables = [_polars(line) for line in lines]
    return pl.concat(tables, how="diagonal_relaxed").sort("__order", maintain_order=True).drop("__order", "__line")


def _polars(frame: Frame) -> pl.DataFrame:
    lazy: pl.LazyFrame = frame.to_native()
    return lazy.collect()


def split_lines(parts: Native, billing_currency: str | None, rules: CallerRules = NO_CALLER_RULES) -> Frame:
    """Apply the rule to lines of `split_currencies`: counts on the first line, dual charges settled or null."""
    counts = [c for c in _COUNTS if c in parts.columns]
    first = nw.col("__line") == 0
    frame = parts.frame.with_columns(*(nw.when(first).then(nw.col(c)).alias(c) for c in counts))
    facts = frame_facts(parts, rules=rules)
    ready = _ruled(parts, frame, facts).with_columns(__is_mixed_currency=nw.lit(True))
    wanted = nw.col("cost_currency") == (folded_currency(billing_currency) or "")
    open_ = nw.col("__is_dual_currency") & ~wanted
    amounts = [c for c in OUTPUTS if c not in ("cost_currency", "cost_flag")]
    return ready.with_columns(*(nw.when(~open_).then(nw.col(c)).alias(c) for c in amounts))


def billed_in_all(rows: pl.DataFrame) -> str:
    """Write what records are billed, by currency, such as "$3.00 and €1.00"; nothing where they state no money."""
    if not rows.height or not {*RULE_COLUMNS, "charges"} <= set(rows.columns):
        return ""
    lines: pl.DataFrame = cost_lines(rows)
    sums = lines.filter(pl.col("cost_billed").is_not_null()).group_by("cost_currency").agg(pl.col("cost_billed").sum())
    return " and ".join(money(amount, currency) for currency, amount in sums.sort("cost_currency").iter_rows())


# records in several currencies ----------------------------------------------------------------------------------------


def split_currencies(native: Native) -> pl.DataFrame | None:
    """Give the records in several currencies as lines, or None where there are none.

    A line is a row per record and currency in the order the record states them, with the wide amounts of that currency,
    `__line` (0 for the record's first) and `__is_dual_currency`. Raises FrameError, with their count, where the frame
    has no list of charges to take apart.
    """
    found = native.frame.filter(is_mixed())
    if "charges" not in native.columns or native.kind == "dask":
        _refuse(collect(found.select("charges_count")).height)
        return None
    records = collect(found)
    return _lines(records) if records.height else None


def _refuse(count: int) -> None:
    if count:
        raise FrameError(
            f"{count} record{'s are' if count > 1 else ' is'} charged in several currencies, and this frame has only "
            f"the wide amounts, which are null for them. Keep the column charges, or leave these records out."
        )


def _lines(records: pl.DataFrame) -> pl.DataFrame:
    records = records.with_row_index("__record")
    stated = _stated(records)
    amounts = _wide(stated).join(_dual(stated), on=["__record", "__currency"], how="left", nulls_equal=True)
    wide = [f"charges_{kind}" for kind in CHARGE_TYPES]
    lines = records.drop([*wide, "charges_currency"]).join(
        amounts, on="__record", how="inner", maintain_order="left_right"
    )
    lines = lines.with_columns(
        charges_currency=pl.col("__currency"),
        __line=pl.int_range(pl.len()).over("__record"),
        __is_dual_currency=pl.col("__is_dual_currency").fill_null(False),
    )
    return lines.drop("__record", "__currency").select(*records.columns[1:], "__line", "__is_dual_currency")


def _stated(records: pl.DataFrame) -> pl.DataFrame:
    """A row per record, currency and type; identical repeats of total and net count once."""
    each = records.select("__record", "charges").explode("charges").unnest("charges").with_row_index("__order")
    word = pl.col("currency").cast(pl.String).str.strip_chars(SPACES).str.to_uppercase()
    each = each.with_columns(__currency=pl.when(word != "").then(word), amount=pl.col("amount").cast(pl.Float64))
    once = pl.col("type").is_in(["total", "net"])
    key = ["__record", "__currency", "type", "amount"]
    each = pl.concat([each.filter(once).unique(key, keep="first"), each.filter(~once.fill_null(False))])
    return each.filter(pl.col("amount").is_not_null()).sort("__order")


def _wide(stated: pl.DataFrame) -> pl.DataFrame:
    columns = [
        pl.when((pl.col("type") == kind).any()).then(pl.col("amount").filter(pl.col("type") == kind).sum())
        for kind in CHARGE_TYPES
    ]
    named = [column.alias(f"charges_{kind}") for column, kind in zip(columns, CHARGE_TYPES, strict=True)]
    return stated.group_by("__record", "__currency", maintain_order=True).agg(*named)


def _dual(stated: pl.DataFrame) -> pl.DataFrame:
    """Which currencies of a record state one charge twice: two of them, the same types, one ratio."""
    sums = stated.group_by("__record", "__currency", "type", maintain_order=True).agg(pl.col("amount").sum())
    sides = sums.group_by("__record", "__currency", maintain_order=True).agg(
        pl.col("type").sort().alias("types"), pl.col("amount").sort_by("type").alias("amounts")
    )
    pairs = sides.group_by("__record", maintain_order=True).agg(pl.col("__currency"), "types", "amounts")
    rows = [
        (record, currency)
        for record, currencies, types, amounts in pairs.iter_rows()
        if _is_one_charge(currencies, types, amounts)
        for currency in currencies
    ]
    schema = pl.Schema({"__record": stated.schema["__record"], "__currency": pl.String()})
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(__is_dual_currency=pl.lit(True))


def _is_one_charge(currencies: list[str | None], types: list[list[str]], amounts: list[list[float]]) -> bool:
    if len(currencies) != 2 or types[0] != types[1] or any(is_virtual(c) for c in currencies):
        return False
    pairs = [(a, b) for a, b in zip(*amounts, strict=True) if a != 0 or b != 0]
    if not pairs or any(a == 0 or b == 0 for a, b in pairs):
        return False
    ratios = [b / a for a, b in pairs]
    return bool(min(ratios) > 0 and max(ratios) - min(ratios) <= RATIO_TOLERANCE * max(ratios))


# one frame, many questions --------------------------------------------------------------------------------------------

_KEY = "lines"


class CachedLines(NamedTuple):
    """Hold records with what the rule says of each; is one of them a running total, or charged in two currencies?"""

    frame: Frame
    running: bool
    mixed: bool


def _cache_lines(native: Native, lines: CachedLines) -> Native:
    """Let these be a frame's lines, as long as it is held and not changed."""
    native.found[_KEY] = lines
    return native


def cached_lines(native: Native, rules: CallerRules = NO_CALLER_RULES) -> CachedLines | None:
    """Give the lines that stand ready, where they say what is asked: whoever says more has the rule applied anew."""
    lines: CachedLines | None = native.found.get(_KEY) if rules == NO_CALLER_RULES else None
    return lines


def table_lines(native: Native, rules: CallerRules = NO_CALLER_RULES, *, kinds: bool) -> Frame:
    """Apply the rule to a frame's records, and add all else that a table reads of each."""
    facts = frame_facts(native, rules=rules)
    lines = rule_lines(native.frame, facts, native)
    return with_measures(lines, rules.input_includes_cache, kinds=kinds)


def each_ruled(
    native: Native,
    rules: CallerRules,
    billing_currency: str | None,
    ask: Callable[[Frame, bool], pl.DataFrame],
    *,
    kinds: bool,
) -> tuple[list[pl.DataFrame], list[str]]:
    """Ask the lines of a frame, part by part, and say what money of it stands in no line.

    `ask` gets lines as a table reads them, and whether one of them may be a running total. What stands ready is not
    ruled anew.
    """
    kept = cached_lines(native, rules)
    split = None if kept is not None and not kept.mixed else split_currencies(native)
    whole = native if split is None else replace(native, frame=native.frame.filter(~is_mixed()))
    if kept is not None:
        parts = [ask(kept.frame.filter(~nw.col("__is_mixed_currency")) if kept.mixed else kept.frame, kept.running)]
    else:
        parts = each_part(
            whole, lambda part: ask(table_lines(part, rules, kinds=kinds), frame_facts(part, rules=rules).running)
        )
    if split is not None:
        lines = split_lines(enter(split), billing_currency, rules)
        parts.append(ask(with_measures(lines, rules.input_includes_cache, kinds=kinds), True))
    asked = ("left out", folded_currency(billing_currency), repr(rules))
    return parts, native.once(asked, lambda: _left_out_told(whole, split, billing_currency, rules))


def precomputed(frame: pl.DataFrame) -> pl.DataFrame:
    """Put beside each record what the rule says of it, by the rule alone: nothing is said of totals or credits.

    Raises FrameError for a frame without the needed columns, or with columns of these names.
    """
    native = enter(frame)
    lines = table_lines(native, kinds=True)
    if "__updated" not in lines.collect_schema().names():
        lines = lines.with_columns(__updated=nothing_like("__start"))
    return collect(lines.select(*frame.columns, *_BESIDE))


def as_frame(lines: pl.DataFrame) -> Native:
    """Give rows of `precomputed` as the helpers take a frame; those without it are a frame like any other.

    What is found of them is remembered as long as the answer is held: ask it again, not its frame.
    """
    native = enter(lines.drop(_BESIDE, strict=False))
    if not set(_BESIDE) <= set(lines.columns):
        return native
    running, mixed = (bool(lines[f"__is_{each}"].any()) for each in ("state", "mixed_currency"))
    return _cache_lines(native, CachedLines(enter(lines).frame, running, mixed))


# what a frame holds ---------------------------------------------------------------------------------------------------


def is_mixed() -> nw.Expr:
    """Tell the records charged in several currencies: several charges, no one currency, and no wide amount."""
    silent = nw.all_horizontal(*(nw.col(column).is_null() for column in AMOUNTS), ignore_nulls=False)
    return (nw.col("charges_count").fill_null(0) > 1) & nw.col("charges_currency").is_null() & silent


def unknown_amounts(native: Native) -> tuple[str, ...]:
    """The wide amounts of charge types that the documentation does not name."""
    known = {*AMOUNTS, "charges_currency", "charges_count"}
    return tuple(c for c in native.columns if c.startswith("charges_") and c not in known)


def _numeric_amounts(native: Native) -> list[str]:
    """A frame's columns but for amounts that are no numbers: those hold nothing, or are refused (`_check_amounts`)."""
    dtypes = native.frame.collect_schema()
    return [name for name, dtype in dtypes.items() if name not in AMOUNTS or dtype.is_numeric()]


def frame_facts(native: Native, *, rules: CallerRules = NO_CALLER_RULES) -> FrameFacts:
    """Look at the amounts, tokens and currencies of a frame: a light pass or two, taken once.

    Raises FrameError for amounts that are no numbers, and for more tokens than a whole number of 63 bits holds.
    """
    found = native.once("facts", lambda: _frame_facts(native))
    return rules.put(found)


def _frame_facts(native: Native) -> FrameFacts:
    require(native, RULE_COLUMNS, "The cost rule", also=READ_TOO)
    columns = _numeric_amounts(native)
    unknown = unknown_amounts(native)
    seen = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date"})
    some = is_state(columns).fill_null(False).cast(nw.Int64).sum().alias("__running")
    counts = [nw.col(column).count() for column in (*AMOUNTS, *unknown)]
    found = collect(seen.select(*counts, some, *_of_tokens(native)))
    stated = found.row(0, named=True) if found.height else {}
    types = frozenset(kind for kind in CHARGE_TYPES if stated.get(f"charges_{kind}"))
    _check_amounts(native, types)
    _check_tokens(native, stated)
    undecided = any(stated.get(f"__most_{c}") for c in CACHED_COLUMNS) and _some_input_is_undecided(native)
    spelled = collect(native.frame.select("charges_currency").unique())["charges_currency"]
    return FrameFacts(
        types,
        tuple(c for c in unknown if stated.get(c)),
        frozenset(spelled.cast(pl.String)),
        running=bool(stated.get("__running")),
        undecided_input=undecided,
    )


def _of_tokens(native: Native) -> list[nw.Expr]:
    """What is asked of the tokens: the largest count of each kind, either way."""
    if not set(TOKEN_COLUMNS) <= set(native.columns):
        return []
    largest = [nw.col(c).max().alias(f"__most_{c}") for c in TOKEN_COLUMNS]
    least = [nw.col(c).min().alias(f"__least_{c}") for c in TOKEN_COLUMNS]
    return [*largest, *least, nw.len().alias("__rows")]


def _some_input_is_undecided(native: Native) -> bool:
    found = collect(native.frame.select(undecided_input().fill_null(False).cast(nw.Int64).sum().alias("n")))
    return bool(found["n"].sum())


def _check_tokens(native: Native, stated: Mapping[str, Any]) -> None:
    """Refuse what would not fit: the largest counts times the records tell mostly, else all are added up coarsely."""
    rows = float(stated.get("__rows") or 0)
    most = {c: max(abs(float(stated.get(f"__{end}_{c}") or 0)) for end in ("most", "least")) for c in TOKEN_COLUMNS}
    if sum(most.values()) * rows < MOST_TOKENS:
        return
    sums = collect(native.frame.select(*((nw.col(c) // COARSE).sum().alias(c) for c in TOKEN_COLUMNS))).row(0)
    *kinds, total = (float(each or 0) * COARSE for each in sums)
    refuse_too_many(sum(map(abs, kinds)))
    refuse_too_many(total)


def refuse_too_many(count: float, what: str = "The tokens") -> None:
    """Refuse sums that a whole number of 63 bits does not hold; `count` is such a sum as a float."""
    if abs(count) >= MOST_TOKENS * (1 - 1e-12):
        raise FrameError(
            f"{what} add up to about {count:.3g}, more than a whole number of 63 bits holds (9.22e18), so a table "
            f"would be wrong. Look for counts that no vendor bills, such as frame['usage_tokens_total'].max()."
        )


def _check_amounts(native: Native, types: frozenset[str]) -> None:
    """Refuse amounts that are not numbers."""
    dtypes = native.frame.collect_schema()
    for kind in sorted(types):
        dtype = dtypes[f"charges_{kind}"]
        if not dtype.is_numeric():
            raise FrameError(
                f"charges_{kind} holds {dtype}, not numbers. Amounts are read as numbers when a frame is loaded; "
                f"cast the column before asking for costs."
            )


# money that stands in no line of a table ------------------------------------------------------------------------------

_COLUMNS = pl.Schema(
    {"kind": pl.String, "account": pl.String, "word": pl.String, "currency": pl.String}
    | {"records": pl.Int64, "amount": pl.Float64}
)
_ACCOUNT = "integrated_account_id"


def _left_out_told(
    native: Native, split: pl.DataFrame | None, billing_currency: str | None, rules: CallerRules
) -> list[str]:
    """Say what money of a frame no line holds; `native` are its records in one currency, `split` the lines of others.

    Silent where every charge stands in a line.
    """
    parts = each_part(native, lambda part: _found(part, rules))
    if split is not None:
        parts.append(_of_split(enter(split), billing_currency, rules))
    found = pl.concat(parts).group_by("kind", "account", "word", "currency").agg(pl.col("records", "amount").sum())
    found = found.sort("kind", "account", "word", "currency", nulls_last=True)
    return [text for kind, say in _SAY.items() for text in say(found.filter(kind=kind))]


def _found(native: Native, rules: CallerRules) -> pl.DataFrame:
    facts = frame_facts(native, rules=rules)
    tables = [_virtual(native, facts)] if any(folded_currency(word) not in CREDITS for word in facts.virtual) else []
    tables += [_unknown(native, column) for column in facts.unknown]
    tables += [_undecided(native, rules)] if facts.undecided_input else []
    return pl.concat([pl.DataFrame(schema=_COLUMNS), *tables])


def _table(found: Frame, kind: str, word: str, currency: str) -> pl.DataFrame:
    """Bring grouped columns `account`, `of` (the word, the currency), `records` and `amount` into one shape."""
    table = collect(found)
    of = pl.col("of").cast(pl.String)
    words = {"word": of if word == "of" else pl.lit(word), "currency": of if currency == "of" else pl.lit(currency)}
    return table.select(
        pl.lit(kind).alias("kind"), pl.col("account").cast(pl.String), **words,
        records=pl.col("records").cast(pl.Int64), amount=pl.col("amount").cast(pl.Float64).fill_null(0.0),
    )  # fmt: skip


def _virtual(native: Native, facts: FrameFacts) -> pl.DataFrame:
    """Charges in a word that no bank knows."""
    some = replace(native, frame=native.frame.filter(nw.col("charges_currency").is_in(sorted(facts.virtual))))
    return _in_no_currency(rule_lines(some.frame, facts, some))


def _in_no_currency(lines: Frame) -> pl.DataFrame:
    money_ = nw.col("__is_virtual_currency").fill_null(False) & ~nw.col("cost_currency").is_in(sorted(CREDITS))
    stated = lines.filter(money_ & ~nw.col("__is_estimate").fill_null(False))
    found = stated.with_columns(account=nw.col(_ACCOUNT), of=nw.col("cost_currency"))
    found = found.group_by("account", "of").agg(nw.len().alias("records"), nw.col("__billed").sum().alias("amount"))
    return _table(found, "virtual", "", "of")


def _unknown(native: Native, column: str) -> pl.DataFrame:
    """Charges of a type that the rule does not know."""
    stated = native.frame.filter(~nw.col(column).is_null())
    found = stated.with_columns(account=nw.col(_ACCOUNT), of=nw.col("charges_currency").cast(nw.String()))
    found = found.group_by("account", "of").agg(nw.len().alias("records"), nw.col(column).sum().alias("amount"))
    return _table(found, "unknown", column.removeprefix("charges_"), "of")


def _undecided(native: Native, rules: CallerRules) -> pl.DataFrame:
    """Tokens of records whose input may hold the cache, of integrations of which the caller says nothing."""
    settled = sorted(rules.input_includes_cache or ())
    some = native.frame.filter(undecided_input().fill_null(False))
    some = some.filter(~nw.col("integration").is_in(settled)) if settled else some
    some = some.with_columns(account=nw.col(_ACCOUNT), of=nw.col("integration"), n=nw.col("usage_tokens_input"))
    found = some.group_by("account", "of").agg(nw.len().alias("records"), nw.col("n").sum().alias("amount"))
    return _table(found, "undecided", "of", "")


def _of_split(lines: Native, billing_currency: str | None, rules: CallerRules) -> pl.DataFrame:
    """What the lines of records in several currencies leave out."""
    ruled = split_lines(lines, billing_currency, rules)
    return pl.concat([_in_no_currency(ruled), _dual_left(collect(ruled), billing_currency), _unknown_in_lists(lines)])


def _dual_left(lines: pl.DataFrame, billing_currency: str | None) -> pl.DataFrame:
    """One charge stated in two currencies, of which nobody picked one."""
    dual = lines.with_columns(record=(pl.col("__line") == 0).cum_sum()).filter("__is_dual_currency")
    picked = (pl.col("cost_currency") == (folded_currency(billing_currency) or "")).any().over("record")
    account = pl.col(_ACCOUNT).cast(pl.String).alias("account")
    found = dual.filter(~picked).group_by(account, currency="cost_currency")
    table = found.agg(records=pl.len(), amount=pl.col("__billed").sum())
    return table.select(kind=pl.lit("dual"), account="account", word=pl.lit(""), currency="currency", records="records",
                        amount="amount").cast(_COLUMNS)  # fmt: skip


def _unknown_in_lists(lines: Native) -> pl.DataFrame:
    """Charges of unknown types in records whose wide amounts are null, since they are in several currencies."""
    records = collect(lines.frame.filter(nw.col("__line") == 0).select(_ACCOUNT, "charges"))
    each = records.explode("charges").unnest("charges")
    unknown = ~pl.col("type").is_in(CHARGE_TYPES).fill_null(value=False) & pl.col("amount").is_not_null()
    found = each.filter(unknown).group_by(
        account=pl.col(_ACCOUNT).cast(pl.String), word=pl.col("type").fill_null("untyped"), currency="currency"
    )
    table = found.agg(records=pl.len(), amount=pl.col("amount").sum())
    return table.select(pl.lit("unknown").alias("kind"), *_COLUMNS.names()[1:]).cast(_COLUMNS)


def _virtual_told(found: pl.DataFrame) -> list[str]:
    return [
        f"{_records(n)} of {account} {_are(n)} charged in {word} ({number(round(amount, 6))} in all), which is no "
        f"currency of ISO 4217: that stands in no line"
        for account, word, n, amount in found.select("account", "currency", "records", "amount").iter_rows()
    ]


def _unknown_told(found: pl.DataFrame) -> list[str]:
    return [
        f"{_records(n)} of {account} {_are(n, 'has', 'have')} a charge of the type {word!r}, which the cost rule does "
        f"not know: {money(amount, folded_currency(currency))} stand in no line"
        for _, account, word, currency, n, amount in found.iter_rows()
    ]


def _dual_told(found: pl.DataFrame) -> list[str]:
    told = []
    for (account,), of in found.group_by("account", maintain_order=True):
        amounts = " and ".join(
            money(amount, currency) for currency, amount in of.select("currency", "amount").iter_rows()
        )
        n = int(of["records"].max())  # type: ignore[arg-type]
        told.append(
            f"{_records(n)} of {account} {_are(n, 'states', 'state')} one charge in two currencies, {amounts}: neither "
            f"stands in a line until billing_currency= picks one, such as {of['currency'][0]!r}"
        )
    return told


def _undecided_told(found: pl.DataFrame) -> list[str]:
    return [
        f"{_records(n)} of {account} {_are(n, 'has', 'have')} cached tokens beside {number(amount)} of input, and "
        f"nothing says whether the input holds them; they are counted apart, which "
        f"input_includes_cache={{{name!r}: True}} changes and False confirms"
        for account, name, n, amount in found.select("account", "word", "records", "amount").iter_rows()
    ]


_SAY = {"virtual": _virtual_told, "unknown": _unknown_told, "dual": _dual_told, "undecided": _undecided_told}


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _are(count: int, one: str = "is", several: str = "are") -> str:
    return one if count == 1 else several
