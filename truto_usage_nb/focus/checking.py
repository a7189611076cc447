"""The dataset, checked row by row: what the public tools check, and what they let pass.

Every rule is an expression that is true where a row breaks it, and is shown with row, column and value. The public
structural linter passes a usage row without quantity or SKU, an empty charge period, `XXX` as a currency, units that
are not FOCUS's, a charge outside its billing period and a charge without description; the official validator passes a
wrong word in a column in which others are right. None passes here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.costs.currencies import ISO_4217
from truto_usage_nb.focus.amounts import is_focus_unit
from truto_usage_nb.focus.columns import SUBCATEGORIES, VERSIONS, Column, columns_of, custom_of

__all__ = ["SLICE", "violations"]

TOLERANCE = 1e-9
"""How far unit price times quantity may be from the cost, relative to the cost (to 1 below 1): the validators' own."""
SLICE = 2**16
"""So many rows are made and read at a time: wide rows of a whole export take many times the room of what comes out."""
_SCHEMA = {"row": pl.Int64, "column": pl.String, "rule": pl.String, "value": pl.String}
_DETAILS = frozenset({
    "CoreCount", "DiskMaxIops", "DiskSpace", "DiskType", "GpuCount", "InstanceType", "InstanceSeries", "MemorySize",
    "NetworkMaxIops", "NetworkMaxThroughput", "OperatingSystem", "Redundancy", "StorageClass",
    "ModelDeveloper", "ModelFamily", "ModelId", "ModelVersion", "TokenDirection", "TokenCacheAction",
})  # fmt: skip
"""The keys of FOCUS's own, and those of models and tokens that 1.5 is to have: they mean nothing else before."""
_FLAT = ("Tags", "AllocatedTags", "SkuPriceDetails")
_UNITS = ("ConsumedUnit", "PricingUnit", "CommitmentDiscountUnit")
_RECKONED = (
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ListUnitPrice", "ContractedUnitPrice",
    "PricingQuantity",
)  # fmt: skip
"""What is held against one another, in floats."""
_NUMBER = r"^-?(\d+(\.\d*)?|\.\d+)([Ee]-?\d+)?$"
"""FOCUS, NumericFormat: no sign for a positive value, nor for a positive exponent, no commas, no qualifiers."""
_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"


@dataclass(frozen=True, slots=True)
class _Rule:
    column: str
    rule: str
    broken: pl.Expr


def violations(table: pl.DataFrame, version: str) -> pl.DataFrame:
    """Give a row per broken cell: `row` (from 0; null for a whole column), `column`, `rule`, `value`."""
    one_of("version", version, VERSIONS)
    found = [_frame([(None, c, rule, None)]) for c, rule in _whole(table, version)]
    ambiguous = _ambiguous_services(table)
    for start in range(0, table.height, SLICE):
        found += _broken(table.slice(start, SLICE), start, columns_of(version), ambiguous)
    return pl.concat([_frame([]), *found]).sort("row", "column", "rule", nulls_last=False)


def _broken(
    table: pl.DataFrame, start: int, columns: dict[str, Column], ambiguous: list[str | None]
) -> Iterator[pl.DataFrame]:
    """The broken cells of some of the rows, which begin at `start`."""
    read = table.with_columns(_read(table, columns))
    have = set(read.columns)
    if _commits_to_nothing(read):
        have -= {name for name in have if name.startswith("CommitmentDiscount")}
    rules = [*_each(read, columns), *_between(have, ambiguous)]
    for rule, broken in zip(rules, _tried(read, rules), strict=True):
        if broken.any():
            values = table[rule.column].filter(broken).cast(pl.String)
            places = [start + each for each in broken.arg_true()]
            yield _frame([(n, rule.column, rule.rule, value) for n, value in zip(places, values, strict=True)])


def _commits_to_nothing(read: pl.DataFrame) -> bool:
    """Whether no row says anything of a commitment, so that no rule of commitments is to be tried."""
    told = [name for name in read.columns if name.startswith("CommitmentDiscount") and not name.startswith("__")]
    committed = "PricingCategory" in read.columns and (read["PricingCategory"] == "Committed").any()
    return not committed and all(read[name].null_count() == read.height for name in told)


def _ambiguous_services(table: pl.DataFrame) -> list[str | None]:
    """The services of more than one category: the one rule that asks all rows at once."""
    pair = ["ServiceName", "ServiceCategory"]
    if not set(pair) <= set(table.columns):
        return []
    known = table.select(pair).unique().select(_text(name) for name in pair).unique()
    several = known.group_by("ServiceName").len().filter(pl.col("len") > 1)
    return several["ServiceName"].to_list()


def _frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _tried(read: pl.DataFrame, rules: list[_Rule]) -> list[pl.Series]:
    """All rules in one pass; a rule that cannot be told of a row is not broken by it."""
    broken = read.select(rule.broken.fill_null(value=False).alias(str(i)) for i, rule in enumerate(rules))
    return [broken[str(i)] for i in range(len(rules))]


def _whole(table: pl.DataFrame, version: str) -> Iterator[tuple[str, str]]:
    columns = columns_of(version)
    for name, column in columns.items():
        if column.needed and name not in table.columns:
            yield name, "a mandatory column is missing"
    for name in table.columns:
        if name not in columns and not name.startswith("x_"):
            yield name, f"not a column of FOCUS {version}; a column of one's own begins with x_"


def _read(table: pl.DataFrame, columns: dict[str, Column]) -> list[pl.Expr]:
    """Numbers as floats and times as instants, whatever the columns hold; what cannot be read becomes null."""
    read = []
    for name, column in (columns | custom_of()).items():
        if name not in table.columns:
            continue
        dtype = table.schema[name]
        exact = isinstance(dtype, pl.Decimal) and name not in _RECKONED
        if column.type in ("Decimal", "Price") and dtype == pl.String:
            number = pl.when(pl.col(name).str.contains(_NUMBER)).then(pl.col(name))
            read.append(number.cast(pl.Float64, strict=False).alias(name))
        elif column.type in ("Decimal", "Price") and not exact:
            read.append(pl.col(name).cast(pl.Float64, strict=False).alias(name))
        elif column.type == "Time" and dtype == pl.String:
            instant = pl.when(pl.col(name).str.contains(_INSTANT)).then(pl.col(name))
            read.append(instant.str.to_datetime(time_unit="us", time_zone="UTC", strict=False).alias(name))
        elif column.type in ("String", "JSON") and name in columns:  # of a text of our own nothing is asked
            read.append(_text(name))
        if _is_read_anew(column, dtype):
            read.append(pl.col(name).is_not_null().alias(f"__has_{name}"))
    return read


def _is_read_anew(column: Column, dtype: pl.DataType) -> bool:
    """Whether a cell may turn out to hold no number, or no instant: those of a type of numbers or times do."""
    if column.type == "Time":
        return not isinstance(dtype, pl.Datetime)
    return column.type in ("Decimal", "Price") and not isinstance(dtype, pl.Decimal)


def _text(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text).alias(name)


def _each(read: pl.DataFrame, columns: dict[str, Column]) -> Iterator[_Rule]:
    """What a column asks of its own values."""
    for name, column in (columns | custom_of()).items():
        if name not in read.columns:
            continue
        value = pl.col(name)
        if not column.nullable:
            yield _Rule(name, "must not be null", value.is_null())
        if f"__has_{name}" in read.columns:
            kind = "an instant such as 2026-10-01T00:00:00Z" if column.type == "Time" else "a number"
            yield _Rule(name, f"is not {kind}", pl.col(f"__has_{name}") & value.is_null())
        if column.type in ("Decimal", "Price") and read.schema[name].is_float():
            yield _Rule(name, "must be a finite number", ~value.is_finite())
        if column.type == "Price":
            yield _Rule(name, "must not be negative", value < 0)
        if column.allowed:
            yield _Rule(name, f"is not an allowed value of {name}", ~value.is_in(column.allowed))
        if name in _UNITS:
            money = ISO_4217 if name != "ConsumedUnit" else ()  # a commitment to spend is counted in money
            units = read[name].unique().drop_nulls().to_list()
            odd = [unit for unit in units if unit not in money and not is_focus_unit(unit)]
            yield _Rule(name, "is not spelled as FOCUS spells units, such as GB-Hours", value.is_in(odd))
        if column.type == "JSON" and name in _FLAT:
            yield _Rule(name, "is not a flat JSON object with permitted keys", value.is_in(_bad_json(read[name], name)))
        elif column.type == "JSON" and name in columns:
            yield _Rule(name, "is not JSON", value.is_in(_bad_json(read[name], name)))


def _bad_json(values: pl.Series, name: str) -> list[str]:
    return [text for text in values.unique().drop_nulls().to_list() if not _is_flat(text, name)]


def _is_flat(text: str, name: str) -> bool:
    try:
        held = json.loads(text, parse_constant=_refused, object_pairs_hook=_once)
    except ValueError:
        return False
    if name not in _FLAT:
        return isinstance(held, dict | list)
    if not isinstance(held, dict) or any(isinstance(value, dict | list) for value in held.values()):
        return False
    return name != "SkuPriceDetails" or all(key.startswith("x_") or key in _DETAILS for key in held)


def _refused(word: str) -> Any:
    raise ValueError(word)  # NaN and the infinities are not JSON


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _between(have: set[str], ambiguous: list[str | None]) -> Iterator[_Rule]:
    """What columns ask of one another; rules whose columns are not all there are not tried."""
    usage = _usage_based(have)
    for rule in (
        *_charges(), *_quantities(usage), *_money(old="ProviderName" in have), *_times(usage), *_commitments(have),
        *_names(ambiguous),
    ):  # fmt: skip
        if set(rule.broken.meta.root_names()) <= have and rule.column in have:
            yield rule


_c = pl.col
_CHARGE = _c("ChargeCategory")
_COUNTED = _CHARGE.is_in(["Usage", "Purchase"]) & _c("ChargeClass").is_null()


def _charges() -> Iterator[_Rule]:
    yield _Rule("ChargeDescription", "should say what was charged", _c("ChargeDescription").is_null())
    for name in ("SkuId", "SkuPriceId", "PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice"):
        yield _Rule(name, "must not be null on Usage and Purchase", _COUNTED & _c(name).is_null())
        yield _Rule(name, "must be null on Tax", (_CHARGE == "Tax") & _c(name).is_not_null())
    yield _Rule("PricingCategory", "must be null on Tax", (_CHARGE == "Tax") & _c("PricingCategory").is_not_null())
    yield _Rule("PricingCategory", "must not be null on Usage and Purchase", _COUNTED & _c("PricingCategory").is_null())
    frequency = (_CHARGE == "Purchase") & (_c("ChargeFrequency") == "Usage-Based")
    yield _Rule("ChargeFrequency", "must not be Usage-Based on Purchase", frequency)


def _usage_based(have: set[str]) -> pl.Expr:
    """What was used and metered, and is no correction.

    FOCUS's own SaaS examples have fees for what was not used as Usage of ChargeFrequency One-Time: they consume
    nothing, and their charge period is the term.
    """
    usage = (_CHARGE == "Usage") & _c("ChargeClass").is_null()
    if "ChargeFrequency" in have:
        usage &= (_c("ChargeFrequency") == "Usage-Based").fill_null(value=True)
    if "CommitmentDiscountStatus" in have:
        usage &= (_c("CommitmentDiscountStatus") != "Unused").fill_null(value=True)
    return usage


def _quantities(usage: pl.Expr) -> Iterator[_Rule]:
    for name in ("ConsumedQuantity", "ConsumedUnit"):
        yield _Rule(name, "must not be null on Usage", usage & _c(name).is_null())
        yield _Rule(name, "is for Usage alone", (_CHARGE != "Usage") & _c(name).is_not_null())
        unused = _c("CommitmentDiscountStatus") == "Unused"
        yield _Rule(name, "must be null on what is Unused", unused & _c(name).is_not_null())
    for what in ("Consumed", "Pricing", "CommitmentDiscount"):
        unit, quantity = f"{what}Unit", f"{what}Quantity"
        yield _Rule(unit, f"is null exactly when {quantity} is", _c(unit).is_null() != _c(quantity).is_null())


def _money(*, old: bool) -> Iterator[_Rule]:
    national = sorted(ISO_4217)
    yield _Rule("BillingCurrency", "is not a currency of ISO 4217", ~_c("BillingCurrency").is_in(national))
    code = _c("PricingCurrency")
    small = code.str.strip_chars().str.to_uppercase().is_in(national) & ~code.is_in(national)
    yield _Rule("PricingCurrency", "is a currency of ISO 4217 and not written as one, such as USD", small)
    reckoned = _c("ChargeClass").is_null() if old else pl.lit(value=True)  # 1.2 lets corrections differ
    for kind in ("List", "Contracted"):
        cost, product = _c(f"{kind}Cost"), _c(f"{kind}UnitPrice") * _c("PricingQuantity")
        gap = (product - cost).abs() > TOLERANCE * pl.max_horizontal(cost.abs(), pl.lit(1.0))
        yield _Rule(f"{kind}Cost", f"must be {kind}UnitPrice times PricingQuantity", gap & reckoned)
        other = (_c(f"{kind}Cost") - _c("BilledCost")).abs() > TOLERANCE
        alone = (_CHARGE == "Credit") & _c(f"{kind}UnitPrice").is_null()
        yield _Rule(f"{kind}Cost", "must equal BilledCost on Credit", alone & other)
    unlike = (_c("EffectiveCost") - _c("BilledCost")).abs() > TOLERANCE
    for provider in ("ServiceProviderName", "ProviderName"):
        own = _c(provider) == _c("InvoiceIssuerName")
        yield _Rule("EffectiveCost", "must equal BilledCost on Credit", (_CHARGE == "Credit") & own & unlike)
        elsewhere = (_c(provider) != _c("InvoiceIssuerName")) & (_c("BilledCost") != 0)
        yield _Rule("BilledCost", f"must be 0 where the issuer is not {provider}", elsewhere)


def _times(usage: pl.Expr) -> Iterator[_Rule]:
    """What was bought, taxed or credited may be billed before its charge period, within it or after it."""
    start, end = _c("ChargePeriodStart"), _c("ChargePeriodEnd")
    first, last = _c("BillingPeriodStart"), _c("BillingPeriodEnd")
    yield _Rule("ChargePeriodEnd", "must be after ChargePeriodStart", end <= start)
    yield _Rule("BillingPeriodEnd", "must be after BillingPeriodStart", last <= first)
    yield _Rule("ChargePeriodStart", "is outside the billing period", usage & ((start < first) | (start >= last)))
    yield _Rule("ChargePeriodEnd", "is outside the billing period", usage & (end > last))
    correction = (_c("ChargeClass") == "Correction") & (_CHARGE != "Purchase")
    yield _Rule("BillingPeriodStart", "must be after what a Correction corrects began", correction & (first <= start))


def _commitments(have: set[str]) -> Iterator[_Rule]:
    def there(name: str) -> pl.Expr:
        return _c(name).is_not_null() if name in have else pl.lit(value=False)

    kind, usage = "CommitmentDiscount", _CHARGE == "Usage"
    known = there(f"{kind}Id")
    for name in (*(f"{kind}{each}" for each in ("Category", "Name", "Type", "Status", "Quantity")),):
        yield _Rule(name, f"must be null where {kind}Id is", ~known & _c(name).is_not_null())
    for name in (f"{kind}Category", f"{kind}Type"):
        yield _Rule(name, f"must not be null where {kind}Id is not", known & _c(name).is_null())
    yield _Rule(
        f"{kind}Status", f"must not be null on Usage with a {kind}Id", known & usage & _c(f"{kind}Status").is_null()
    )
    counted = known & _COUNTED & _c(f"{kind}Quantity").is_null()
    yield _Rule(f"{kind}Quantity", f"must not be null on Usage and Purchase with a {kind}Id", counted)
    category = _c("PricingCategory")
    yield _Rule(
        "PricingCategory", f"must be Committed on Usage with a {kind}Id", known & usage & (category != "Committed")
    )
    yield _Rule("PricingCategory", f"must not be Committed without a {kind}Id", ~known & (category == "Committed"))
    reserved = there("CapacityReservationId")
    status = _c("CapacityReservationStatus")
    yield _Rule(
        "CapacityReservationStatus", "must be null where CapacityReservationId is", ~reserved & status.is_not_null()
    )
    missing = reserved & usage & status.is_null()
    yield _Rule("CapacityReservationStatus", "must not be null on Usage with a CapacityReservationId", missing)


def _names(ambiguous: list[str | None]) -> Iterator[_Rule]:
    parent = _c("ServiceSubcategory").replace_strict(SUBCATEGORIES, default=None, return_dtype=pl.String)
    yield _Rule("ServiceSubcategory", "belongs to another ServiceCategory", parent != _c("ServiceCategory"))
    if ambiguous:
        several = _c("ServiceName").is_in(ambiguous, nulls_equal=True)
        yield _Rule("ServiceCategory", "must be one for a ServiceName", several)
    for name, other in (
        ("SubAccountName", "SubAccountId"), ("SubAccountType", "SubAccountId"),
        ("ResourceName", "ResourceId"), ("ResourceType", "ResourceId"),
    ):  # fmt: skip
        yield _Rule(name, f"must be null where {other} is", _c(name).is_not_null() & _c(other).is_null())
