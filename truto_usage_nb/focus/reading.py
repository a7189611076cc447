"""From a caller's frame to the records that state money and those that state tokens, each counted once.

The cost rule, the checks and the overlap guard are those of the cost tables, asked record by record, so that an export
and a table can never disagree about what counts. Credits become money at a stated rate, and what FOCUS cannot hold is
refused by name, with the remedy: nothing is guessed, and nothing left out in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb import schema
from truto_usage_nb.costs.currencies import ISO_4217, UNSTATED, is_virtual
from truto_usage_nb.costs.digest import OVERHANG, Digest, DigestPlan, required, within_period
from truto_usage_nb.costs.lines import as_frame, lines_of, precomputed
from truto_usage_nb.costs.matching import KEY, with_keys
from truto_usage_nb.costs.rule import NO_CALLER_RULES, PARTS, CallerRules
from truto_usage_nb.costs.tables import counted_once
from truto_usage_nb.costs.tokens import KINDS, TOKEN_COLUMNS, with_tokens
from truto_usage_nb.errors import FrameError
from truto_usage_nb.focus.amounts import exact, split
from truto_usage_nb.focus.options import TAG, Options, known_accounts, tag_column
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, enter, require
from truto_usage_nb.schema import CHARGE_TYPES

__all__ = ["LINE", "ROW", "SAID", "Reading", "is_alike", "lean", "named", "numbered", "read"]

ROW = "source_row"
"""A record's position in the frame: what its rows are known by."""
LINE = "line"
"""A line's position: what a row of FOCUS gathers its words by."""
_OWN = (
    "integrated_account_id", "currency", "covered", "metric_name", "usage_quantity", "usage_unit", "start_date",
)  # fmt: skip
"""What tells where a charge's money and tokens belong."""
SAID = frozenset({
    ROW, "id", "integrated_account_id", "integration", "report_type", "organization_id", "organization_name",
    "product_id", "product_name", "metric_name", "model_id", "model_provider", "surface", "user_id", "user_email",
    "resources", "resources_id", "resources_name", "resources_workspace_id", "resources_workspace_name",
    "start_date", "end_date", "usage_quantity", "usage_unit", "service_tier", "speed", "context_window",
    "covered", "cost_flag", "credit_rate", "credit_unit", "restated",
})  # fmt: skip
"""What a row of FOCUS may say of its line."""
_AMOUNTS = ("cost_list", "cost_discount", "cost_tax", "cost_credit")
_DTYPES: dict[str, Any] = {
    "String": pl.String, "JSON": pl.String, "Int64": pl.Int64, "Float64": pl.Float64, "Boolean": pl.Boolean,
    "Datetime": pl.Datetime("us", "UTC"),
}  # fmt: skip


_EXTRA = (OVERHANG, "service_tier", "speed", "context_window")
_FILLED = dict.fromkeys(
    (
        "product_id", "product_name", "metric_name", "organization_id", "organization_name", "user_id", "user_email",
        "model_provider", "surface", "resources_id", "resources_name", "resources_workspace_id",
        "resources_workspace_name", "usage_unit", "id",
    ),
    pl.String,
) | {"usage_quantity": pl.Float64, "usage_requests_api_key": pl.Int64}  # fmt: skip
"""What a load may have left out (truto_exclude_fields) and an export can do without."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what an export reads, narrow, for there may be millions of it.

    `lines`: a row per record and currency, with every column that a row of FOCUS may say and the cost rule's amounts.
    `money` and `tokens` point into it (`line`): a row per line that states a bill, with its exact `billed` and its own
    tokens by kind; a row per record that states tokens and no bill. Both have `key`, a number for where tokens meet
    money. `told`: what was chosen or left out. `settled` and `fetched` come from a UsageResult;
    `spans` says from when to when each account's records reach, where somebody bought something.
    """

    lines: pl.DataFrame
    money: pl.DataFrame
    tokens: pl.DataFrame
    told: list[str] = field(default_factory=list)
    settled: Mapping[str, datetime] = field(default_factory=dict)
    fetched: datetime | None = None
    spans: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)


def read(native: Native, options: Options, result: Any = None) -> Reading:
    """Read a frame for export. Raises FrameError for what FOCUS cannot hold, and what a cost table raises."""
    read = ("integrated_account_id", "integration", *options.tags)
    require(native, read, "to_focus", also=(OVERHANG, *(each.column for each in schema.columns())))
    records = _documented(collect(native.frame), options)
    records = records.with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))
    known_accounts(options, records["integrated_account_id"].unique().to_list())
    records = with_credit_rates(records, options)
    held, told = within_period(enter(records), options.choices.get("overhang"))
    held = _ruled_once(held, options)
    held, counted = counted_once(held, DigestPlan.of((), options.choices, members=ROW), options.choices)
    lines = _lines(held, options)
    del held, records
    refuse_what_cannot_be_exported(lines)
    counts = _counts(lines, counted, options)
    money = with_searches(_money(lines, counts, options), lines)
    tokens = _tokens(counts, money, options)
    told = [*told, *counted.told, *_credits(lines, options), *_left_out(lines, money, tokens)]
    settled, fetched = dict(getattr(result, "settled_until", {})), getattr(result, "fetched_at", None)
    lines = lines.select(name for name in lines.columns if name in SAID or name.startswith(TAG) or name in _AMOUNTS)
    spans = _spans(lines) if options.purchases is not None else {}
    return Reading(lean(lines), lean(money), lean(tokens), told, settled, fetched, spans)


def _spans(lines: pl.DataFrame) -> dict[str, tuple[datetime, datetime]]:
    """From when to when each account's records reach."""
    reach = lines.drop_nulls(["start_date", "end_date"]).group_by("integrated_account_id")
    return {who: (start, end) for who, start, end in reach.agg(pl.min("start_date"), pl.max("end_date")).iter_rows()}


def _documented(records: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The columns that an export reads, typed, and the caller's own ones for Tags under names that meet no other."""
    known = {item.column: _DTYPES.get(item.dtype) for item in schema.columns()}
    wanted = [_typed(records, name, dtype) for name, dtype in known.items() if name in records.columns]
    wanted += [pl.lit(None, dtype=dtype).alias(name) for name, dtype in _FILLED.items() if name not in records.columns]
    more = [c for c in records.columns if c not in known and (c.startswith("charges_") or c in _EXTRA)]
    tags = [pl.col(name).alias(tag_column(name)) for name in options.tags]
    return records.select(*wanted, *more, *tags)


def _typed(records: pl.DataFrame, name: str, dtype: Any) -> pl.Expr:
    """Columns that hold nothing come from some libraries without a type, or with another."""
    found = records.schema[name]
    if dtype is None or found == dtype or (found.is_numeric() and dtype.is_numeric()):
        return pl.col(name)
    return pl.col(name).cast(dtype)


def _ruled_once(records: Native, options: Options) -> Native:
    """Apply the cost rule once for the digest and the lines, where the caller says nothing that changes it."""
    required(records, ())
    if CallerRules.of(options.choices) != NO_CALLER_RULES:
        return records
    return as_frame(precomputed(collect(records.frame)))


def _lines(records: Native, options: Options) -> pl.DataFrame:
    """The cost rule's lines, as far as an export reads them."""
    lines: pl.DataFrame = lines_of(records, options.choices.get("billing_currency"), CallerRules.of(options.choices))
    lines = with_restatements(lines.with_columns(currency=pl.col("cost_currency"), covered=_covered()))
    return lines.with_row_index(LINE)


def _covered() -> pl.Expr:
    """Whether a plan covers the record: the cost rule's clause."""
    others = ("charges_on_demand", "charges_committed", "charges_usage_based", "charges_net")
    silent = pl.all_horizontal(*(pl.col(name).is_null() for name in others))
    return (pl.col("charges_included").fill_null(0) != 0) & silent & pl.col("cost_billed").is_not_null()


def _counts(lines: pl.DataFrame, counted: Digest, options: Options) -> pl.DataFrame:
    """Give each line its key, whether its money and its tokens count, and its tokens by kind; `unkind` have no kind.

    A line with neither, or whose record was left out, has no row.
    """
    keys = numbered(with_keys(counted), KEY, "key")
    whole = pl.sum_horizontal("tokens", "covered_tokens")
    keys = keys.select(ROW, "currency", "key", pays=pl.col("money_n") > 0, counts=whole != 0)
    keys = keys.filter(pl.col("pays") | pl.col("counts")).explode(ROW)
    said = CallerRules.of(options.choices).input_includes_cache
    read: Any = with_tokens(nw.from_native(lines.lazy()), said, kinds=True).to_native()
    stated: pl.DataFrame = read.select(
        LINE, ROW, "currency", *(f"__{kind}" for kind in (*KINDS, "tokens")), bills=_bills()
    ).collect()
    each = {kind: pl.col(f"__{kind}") for kind in KINDS} | {"unkind": pl.col("__tokens")}
    figures = {name: pl.when("counts").then(column.fill_null(0)).otherwise(0) for name, column in each.items()}
    found = _beside(stated, keys).select(
        LINE, ROW, "key", "pays", "bills", **{name: column.cast(pl.Float64) for name, column in figures.items()}
    )
    return found.with_columns(unkind=pl.col("unkind") - pl.sum_horizontal(*KINDS))


def _beside(stated: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """The lines beside their keys, in the order of the lines. Lines of several currencies are told apart by them."""
    rows = stated[ROW]
    if not (rows.diff().fill_null(1) > 0).all():
        return stated.join(keys, on=[ROW, "currency"], how="inner", nulls_equal=True, maintain_order="left")
    keys = keys.sort(ROW)
    places = rows.search_sorted(keys[ROW]).clip(upper_bound=max(rows.len() - 1, 0))
    there = rows.gather(places) == keys[ROW]
    keys, places = keys.filter(there), places.filter(there)
    return stated.drop("currency")[places].with_columns(keys.select("key", "pays", "counts").iter_columns())


def numbered(rows: pl.DataFrame, by: Sequence[str], name: str) -> pl.DataFrame:
    """Number the groups of rows that agree in some columns, nulls too."""
    groups = rows.select(by).with_row_index("__at").group_by(by).agg("__at").select("__at")
    return rows.with_columns(groups.with_row_index(name).explode("__at").sort("__at")[name])


def lean(table: pl.DataFrame) -> pl.DataFrame:
    """The same table; a column that says one thing throughout, as many do, takes no room as a literal."""
    columns = (table[name] for name in table.columns)
    alike = [each for each in columns if is_alike(each[:100]) and is_alike(each)]
    return table.with_columns(pl.lit(each.first(), dtype=each.dtype).alias(each.name) for each in alike)


def is_alike(values: pl.Series) -> bool:
    """Whether a column says one thing throughout."""
    return bool(len(values)) and bool(values.eq_missing(values.first()).all())


def _bills() -> pl.Expr:
    return pl.col("cost_billed").is_not_null()


def _money(lines: pl.DataFrame, counts: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The lines whose money counts, with their own tokens."""
    money = counts.filter("pays", "bills").drop("pays", "bills")
    money = money.with_columns(lines.select(*_OWN, billed="cost_billed")[money[LINE]].iter_columns())
    seated = pl.col("integrated_account_id").is_in(sorted(options.seated))
    if options.seated:
        money = money.with_columns(pl.when(~seated).then(k).otherwise(0.0).alias(k) for k in (*KINDS, "unkind"))
    return money.with_columns(exact(money["billed"])).with_row_index("money_row")


def _tokens(counts: pl.DataFrame, money: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The records whose tokens count and whose money, if any, did not pay for them."""
    seated = pl.col("integrated_account_id").is_in(sorted(options.seated))
    some = counts.drop("pays", "bills").filter(pl.sum_horizontal(*KINDS, "unkind") != 0)
    return some.join(money.filter(~seated).select(ROW), on=ROW, how="anti", maintain_order="left")


def _left_out(lines: pl.DataFrame, money: pl.DataFrame, tokens: pl.DataFrame) -> list[str]:
    """Say what states no money and no tokens that count, and what a vendor only estimates."""
    told = []
    estimates = lines.select(ROW, "cost_vendor_estimate").drop_nulls("cost_vendor_estimate")
    if estimates.height:
        told.append(f"left out: {_records(estimates.height)} with a vendor's estimate of what another view bills")
    seen = pl.concat([money.select(ROW), tokens.select(ROW), estimates.select(ROW)])
    without = (pl.col("charges_count").fill_null(0) == 0) & ~pl.any_horizontal(
        pl.col(name).fill_null(0) != 0 for name in TOKEN_COLUMNS
    )
    silent = lines.select(ROW, without.alias("without")).filter("without").join(seen, on=ROW, how="anti").height
    if silent:
        told.append(f"left out: {_records(silent)} with neither money nor tokens, which FOCUS has no place for")
    return told


def _credits(lines: pl.DataFrame, options: Options) -> list[str]:
    """Say how positive credits were read: no source tells a reduction from the correction of a credit."""
    count = int((lines["charges_credit"] > 0).sum())
    if not count:
        return []
    if CallerRules.of(options.choices).positive_credits == "as_stated":
        return [f"positive credits exported as corrections of credits: {count:,}"]
    return [f"positive credits taken as reductions, as in payable: {count:,} (positive_credits='as_stated' does not)"]


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


_DAY = ["integrated_account_id", "__day"]
_COUNT = "usage_tools_web_search_count"


def named(names: pl.Series, pattern: str) -> list[str]:
    """Give the metrics whose name says a thing, of which there are few however many charges there are."""
    known = names.unique().drop_nulls()
    return known.filter(known.str.to_lowercase().str.contains(pattern)).to_list()


def with_searches(money: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Give charges for searches without a quantity the day's searches, in requests, shared by amount.

    Only where one view of one query counts the account's searches of the day: two would count them twice.
    """
    searches = named(money["metric_name"], r"web[ _]search")
    if not searches or _COUNT not in lines.columns:
        return money
    day = pl.col("start_date").dt.date().alias("__day")
    counted = lines.select("integrated_account_id", "start_date", "report_type", "query_id", "charges_count", _COUNT)
    counted = counted.filter((pl.col(_COUNT) > 0) & (pl.col("charges_count").fill_null(0) == 0)).with_columns(day)
    views = pl.struct("report_type", "query_id").n_unique()
    counts = counted.group_by(_DAY).agg(pl.col(_COUNT).sum().alias("__count"), views.alias("__views"))
    counts = counts.filter(pl.col("__views") == 1)
    free = pl.col("metric_name").is_in(searches) & (pl.col("usage_quantity").fill_null(0) == 0) & (pl.col("billed") > 0)
    asked = money.filter(free).with_columns(day).join(counts, on=_DAY, how="inner")
    if not asked.height:
        return money
    asked = asked.with_columns(exact(asked["__count"].cast(pl.Float64)), __weight=pl.col("billed").cast(pl.Float64))
    asked = asked.with_columns(__key=pl.struct(_DAY).rank("dense"))
    shared = split(asked, ["__count"], "__key", "__weight").select("money_row", pl.col("__count").cast(pl.Float64))
    joined = money.join(shared, on="money_row", how="left", maintain_order="left")
    found = pl.col("__count").is_not_null()
    return joined.with_columns(
        usage_quantity=pl.when(found).then(pl.col("__count")).otherwise(pl.col("usage_quantity")),
        usage_unit=pl.when(found).then(pl.lit("requests")).otherwise(pl.col("usage_unit")),
    ).drop("__count")


# What FOCUS can hold --------------------------------------------------------------------------------------------------

_CREDITS = "CREDITS"


def with_credit_rates(records: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Turn the amounts of records in a virtual or unstated currency into money, at the account's rate.

    Adds `credit_rate` (null where the record's own currency stands) and `credit_unit`.
    """
    if not options.credit_rate:
        nothing = {"credit_rate": pl.lit(None, dtype=pl.Float64), "credit_unit": pl.lit(None, dtype=pl.String)}
        return records.with_columns(**nothing)
    account, stated = pl.col("integrated_account_id"), pl.col("charges_currency").str.to_uppercase()
    money = stated.is_in(sorted(ISO_4217)).fill_null(value=False)
    some = pl.any_horizontal(*(pl.col(f"charges_{kind}").is_not_null() for kind in CHARGE_TYPES))
    rates = _mapped(account, {name: rate for name, (_, rate) in options.credit_rate.items()}, pl.Float64)
    targets = _mapped(account, {name: code for name, (code, _) in options.credit_rate.items()}, pl.String)
    counts = ~money & some & rates.is_not_null()
    virtual = pl.when(stated == "XXX").then(None).otherwise(stated)
    records = records.with_columns(
        credit_rate=pl.when(counts).then(rates),
        credit_unit=pl.when(counts).then(pl.coalesce(virtual, pl.lit(_CREDITS))),
        charges_currency=pl.when(counts).then(targets).otherwise(pl.col("charges_currency")),
    )
    factor = pl.col("credit_rate").fill_null(1.0)
    return records.with_columns(pl.col(f"charges_{kind}").cast(pl.Float64) * factor for kind in CHARGE_TYPES)


def _mapped(column: pl.Expr, values: Mapping[str, object], dtype: type[pl.DataType]) -> pl.Expr:
    return column.replace_strict(values, default=None, return_dtype=dtype)


def with_restatements(lines: pl.DataFrame) -> pl.DataFrame:
    """Where a record states one charge in money and in a virtual currency too, take its own rate from the two."""
    virtual = ~pl.col("cost_currency").is_in([*sorted(ISO_4217), "XXX"]).fill_null(value=True)
    nothing = {"restated": pl.lit(value=False)}
    if not lines.select(virtual.any()).item():
        return lines.with_columns(**nothing)
    parts = pl.sum_horizontal(*(f"charges_{kind}" for kind in PARTS))
    amount = pl.coalesce("charges_net", "charges_total", pl.when(parts != 0).then(parts))
    said = (
        lines.lazy()
        .filter(virtual)
        .group_by("source_row")
        .agg(pl.col("cost_currency").first().alias("said_unit"), amount.first().alias("said"), pl.len().alias("said_n"))
        .filter(pl.col("said_n") == 1)
        .collect()
    )
    stating = lines.select("source_row", "cost_billed").filter(pl.col("cost_billed").is_not_null())
    in_money = stating.join(said, on="source_row", how="semi").group_by("source_row").len("money_lines")
    said = said.join(in_money.filter(pl.col("money_lines") == 1), on="source_row")
    if not said.height:
        return lines.with_columns(**nothing)
    places = lines.select("source_row").join(said, on="source_row", how="left", maintain_order="left")
    joined = lines.with_columns(places.select("said_unit", "said").iter_columns())
    rate = pl.col("cost_billed") / pl.when((pl.col("said") != 0) & (pl.col("cost_billed") != 0)).then(pl.col("said"))
    return joined.with_columns(
        restated=rate.is_not_null(),
        credit_rate=pl.coalesce("credit_rate", rate),
        credit_unit=pl.coalesce("credit_unit", pl.when(rate.is_not_null()).then(pl.col("said_unit"))),
    ).drop("said_unit", "said")


_READ = (
    ROW, "id", "integrated_account_id", "start_date", "end_date", "cost_currency", "cost_billed", "cost_flag",
    "cost_vendor_estimate",
)  # fmt: skip


def refuse_what_cannot_be_exported(lines: pl.DataFrame) -> None:
    """Refuse money without a currency that a bank knows, without dates, or of an unknown vendor. Raises FrameError."""
    _integrations(lines)
    charged = lines.select(_READ).filter(
        pl.col("cost_currency").is_not_null() & pl.col("cost_vendor_estimate").is_null()
    )
    _virtual(charged)
    _unstated(charged)
    _dual(charged)
    _dates(charged)
    _sizes(lines)


def _accounts(rows: pl.DataFrame) -> str:
    return ", ".join(sorted({str(a) for a in rows["integrated_account_id"]}))


def _first(rows: pl.DataFrame) -> str:
    return str(rows["integrated_account_id"][0])


def _integrations(lines: pl.DataFrame) -> None:
    accounts = lines.select("integrated_account_id", "integration")
    unknown = accounts.filter(~pl.col("integration").is_in(sorted(INTEGRATIONS)).fill_null(value=False))
    if unknown.height:
        raise FrameError(
            f"{_accounts(unknown)}: the integration {unknown['integration'][0]!r} has no place in FOCUS. "
            f"Allowed: {', '.join(sorted(INTEGRATIONS))}."
        )
    nameless = accounts["integrated_account_id"].null_count()
    if nameless:
        raise FrameError(f"{nameless:,} records have no integrated_account_id, which every FOCUS row needs.")


def is_restated() -> pl.Expr:
    """Whether a record's virtual amount stands beside the same charge in money."""
    return (pl.col("cost_billed").is_not_null()).any().over(ROW)


def _virtual(charged: pl.DataFrame) -> None:
    names = [c for c in charged["cost_currency"].unique().to_list() if is_virtual(c)]
    if not names:
        return
    found = charged.filter(pl.col("cost_currency").is_in(names) & ~is_restated())
    if found.height:
        unit = found["cost_currency"][0]
        raise FrameError(
            f"{found.height:,} records of {_accounts(found)} are charged in {unit}, and FOCUS bills in a currency of "
            f"ISO 4217 alone. Say what one {unit} costs, credit_rate={{{_first(found)!r}: ('USD', 0.04)}} for "
            f"instance, or leave these records out."
        )


def _unstated(charged: pl.DataFrame) -> None:
    found = charged.filter(pl.col("cost_currency") == UNSTATED)
    if found.height:
        raise FrameError(
            f"{found.height:,} records of {_accounts(found)} name no currency, and BillingCurrency cannot be null. "
            f"Say what it is: credit_rate={{{_first(found)!r}: ('USD', 1)}}, with the price of a credit where they "
            f"are credits; or leave these records out."
        )


def _dual(charged: pl.DataFrame) -> None:
    dual = pl.col("cost_flag").fill_null("").str.contains("dual_currency", literal=True)
    if not charged.select(dual.any()).item():
        return
    found = charged.filter(dual & ~is_restated())
    if found.height:
        both = " and ".join(sorted(set(found["cost_currency"])))
        raise FrameError(
            f"Records of {_accounts(found)} state one charge in {both}. Pick the billed one: "
            f"billing_currency={found['cost_currency'][0]!r}."
        )


def _dates(charged: pl.DataFrame) -> None:
    found = charged.filter(pl.any_horizontal(pl.col("start_date", "end_date").is_null()))
    if found.height:
        raise FrameError(
            f"{found.height:,} charged records of {_accounts(found)}, such as {found['id'][0]!r}, have no start_date "
            f"or no end_date, and a FOCUS row needs its charge period. Fill the dates, or leave these records out."
        )
    backwards = charged.filter(pl.col("end_date") < pl.col("start_date"))
    if backwards.height:
        raise FrameError(
            f"{backwards.height:,} charged records of {_accounts(backwards)}, such as {backwards['id'][0]!r}, end "
            f"before they start. Correct the dates, or leave these records out."
        )


def _sizes(lines: pl.DataFrame) -> None:
    """Decimals of ten places have room for 28 digits before them."""
    names = ("cost_billed", "cost_list", "cost_tax", "cost_credit", "usage_quantity")
    beyond = lines.select((pl.col(name).abs() >= _ROOM).any() for name in names).row(0)
    for name in (name for name, too_much in zip(names, beyond, strict=True) if too_much):
        found = lines.filter(pl.col(name).abs() >= _ROOM)
        raise FrameError(
            f"A record of {_first(found)}, such as {found['id'][0]!r}, has {name} {found[name][0]:g}, and a FOCUS "
            f"decimal has room for 28 digits. Correct it, or leave these records out."
        )


_ROOM = 1e28
