"""One pass over a frame, from which every cost table is made: the digest.

A row of the digest holds the sums of all records that agree in account, series, query, day, model, currency and the
dimensions asked for. It is small, whatever the frame's size, and it is polars, whatever the frame's kind: the checks,
the meeting of tokens and money, calendar buckets and the final table are computed on it alone, and so are the same on
every backend. Only sums and counts are asked of the caller's own engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import Measure
from truto_usage_nb.costs.lines import RULE_COLUMNS, each_ruled, refuse_too_many
from truto_usage_nb.costs.rule import NO_CALLER_RULES, CallerRules
from truto_usage_nb.costs.series_of_record import DAY, OWN_KEY, PRORATED, SHAPE_COLUMNS, series_name
from truto_usage_nb.costs.tokens import KINDS, TOKEN_COLUMNS
from truto_usage_nb.errors import OverhangError
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.native import Frame, Native, collect, nothing_like, only, require
from truto_usage_nb.schema import RECORD_DIMENSIONS, RECORD_KEY

__all__ = [
    "DAY",
    "MINUTE",
    "OVERHANG",
    "SOURCE",
    "TIERS",
    "Digest",
    "DigestPlan",
    "digest",
    "fine_digest",
    "reduced",
    "required",
    "within_period",
]

OVERHANG = "overhangs_period"
TIERS = ("service_tier", "speed", "context_window")
"""Columns that `remote_field` adds: what changes the price of a token, so tokens of a tier meet the money of it."""
SOURCE = ("integrated_account_id", "integration", "report_type", "query_id")
MINUTE = DAY // 1440
_EPOCH = date(1970, 1, 1)
_MONEY = {"billed": ("cost_billed",), "list": ("cost_list",), "payable": ("cost_billed", "cost_tax", "cost_credit")}
_ALREADY = {name: name for name in SOURCE} | {"model_id": "model"}
"""Dimensions that are keys of the digest anyway."""
_CYCLE = ("organization_id", "product_id", "metric_name", "user_id", "user_email")
_CYCLE_TOO = ("surface", "resources_id", "resources_workspace_id")
"""What a running total is of; the latter where a frame has them."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Hold the digest and what its columns are.

    `rows` has SOURCE, `series`, `length`, `start` and `end` (bins of `bin` microseconds since 1970, UTC: that of the
    start, and as many on as the record is long), `model`, TIERS, `currency`, the dimensions as `dim_0`, `dim_1`, …;
    `money` and `money_n` (how many records state it), `charged_n` (billed, not covered by a plan, more than zero),
    `tokens`, `covered_tokens`, `byok_tokens`, `records`; with kinds a column a kind and `covered_<kind>`; for states of
    a cycle `cycle`, `seen` (up to when it tells) and `updated`, in microseconds.
    """

    rows: pl.DataFrame
    by: tuple[str, ...]
    bin: int
    measure: Measure
    kinds: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def dims(self) -> list[str]:
        return [f"dim_{i}" for i in range(len(self.by))]

    @property
    def amounts(self) -> list[str]:
        """The columns that add up."""
        kinds = [*self.kinds, *(f"covered_{kind}" for kind in self.kinds)]
        return ["money", "money_n", "charged_n", "tokens", "covered_tokens", "byok_tokens", "records", *kinds]

    @property
    def day(self) -> pl.Expr:
        """The day of a row's start, as a number since 1970 (UTC)."""
        return pl.col("start") * self.bin // DAY

    def date(self, bin: int) -> date:
        """Give the UTC date of a bin."""
        return _EPOCH + timedelta(days=bin * self.bin // DAY)

    def with_rows(self, rows: pl.DataFrame, *told: str) -> Digest:
        return replace(self, rows=rows, told=(*self.told, *told))


@dataclass(frozen=True, slots=True)
class DigestPlan:
    """Hold what is asked of one pass: the dimensions, what is added up, and what the caller says of the records.

    `bin` is how finely the rows tell the time, in microseconds. `members` names a column of a polars frame whose values
    each row of the digest keeps, as a list under that name.
    """

    by: tuple[str, ...] = ()
    measure: Measure = "billed"
    bin: int = DAY
    kinds: tuple[str, ...] = ()
    billing_currency: str | None = None
    rules: CallerRules = NO_CALLER_RULES
    members: str | None = None

    @classmethod
    def of(cls, by: tuple[str, ...], choices: Mapping[str, Any], *, kinds: bool = False, **more: Any) -> DigestPlan:
        """Plan a pass with what was chosen of currencies and records; `kinds` also counts tokens by kind."""
        rules = CallerRules.of(choices)
        return cls(
            by, kinds=KINDS if kinds else (), billing_currency=choices.get("billing_currency"), rules=rules, **more
        )

    @property
    def counts(self) -> list[str]:
        """The columns that count tokens."""
        return ["tokens", "covered_tokens", *self.kinds, *(f"covered_{kind}" for kind in self.kinds)]


def required(native: Native, by: tuple[str, ...]) -> tuple[str, ...]:
    """Give the columns that a table needs. Raises FrameError where one of them is missing, or of another type."""
    read = (*RULE_COLUMNS, *SOURCE, *TOKEN_COLUMNS, *SHAPE_COLUMNS, *RECORD_KEY, *_CYCLE)
    require(native, read, "A cost table", also=(OVERHANG, PRORATED, *_CYCLE_TOO, "resources_count", "updated_at"))
    require(native, by, "by=")
    return (*read, *by)


def reduced(native: Native, by: tuple[str, ...]) -> Native:
    """Give the columns that a table reads, and no other. Raises FrameError where one of them is missing."""
    charges = (c for c in native.columns if c.startswith("charges_"))  # with the types that nobody documents
    more = (OVERHANG, PRORATED, *TIERS, *_CYCLE_TOO, "updated_at", *charges, "charges", "resources")
    return only(native, (*required(native, by), *RECORD_DIMENSIONS, "resources_count", *more))


def within_period(native: Native, decided: str | None) -> tuple[Native, list[str]]:
    """Refuse, or leave out as told, records that stick out of the loaded period; also say what was left out.

    Raises OverhangError.
    """
    if OVERHANG not in native.columns:
        return native, []
    require(native, (OVERHANG,), "A cost table")
    out = nw.col(OVERHANG).fill_null(False)
    accounts = native.frame.filter(out).group_by("integrated_account_id").agg(nw.len().alias("n"))
    found = native.once("overhang", lambda: collect(accounts))
    count = int(found["n"].sum() or 0)
    if not count or decided == "include":
        return native, []
    names = ", ".join(sorted(str(a) for a in found["integrated_account_id"]))
    if decided is None:
        raise OverhangError(
            f"Records of {names} stick out of the loaded period ({count}), so a sum would cover more than was "
            f'asked. Load with overhang="prorate", or say overhang="include" or "drop" here.'
        )
    return replace(native, frame=native.frame.filter(~out)), [f"{count} records of {names} that overhang are left out"]


def fine_digest(native: Native, plan: DigestPlan) -> Digest:
    """Give the digest, by the minute where days could not tell whether two statements meet."""
    found = digest(native, plan)
    return digest(native, replace(plan, bin=MINUTE)) if plan.bin > MINUTE and _hours_meet(found) else found


def _hours_meet(found: Digest) -> bool:
    """Whether hours or minutes of one account, of two series or queries, state one measure on one day."""
    short = found.rows.filter(pl.col("length").is_in([1, 2]) & pl.col("start").is_not_null())
    if not short.height:
        return False
    asked = pl.struct("report_type", "series", "query_id")
    states = {"money": pl.col("money_n") > 0, "tokens": pl.sum_horizontal("tokens", "covered_tokens") != 0}
    counts = short.group_by("integrated_account_id", found.day.alias("day")).agg(
        asked.filter(says).n_unique().alias(measure) for measure, says in states.items()
    )
    return bool(counts.select((pl.col(*states) > 1).any()).sum_horizontal()[0])


def digest(native: Native, plan: DigestPlan) -> Digest:
    """Read a frame once and give its digest."""
    required(native, plan.by)
    parts, told = each_ruled(
        native,
        plan.rules,
        plan.billing_currency,
        lambda lines, running: _grouped(lines, plan, running=running),
        kinds=bool(plan.kinds),
    )
    rows = parts[0] if len(parts) == 1 else _together(parts, plan)
    refuse_too_many(rows.select(pl.col("tokens", "covered_tokens").cast(pl.Float64).abs().sum()).sum_horizontal()[0])
    return Digest(_own_keys_apart(rows, plan), plan.by, plan.bin, plan.measure, plan.kinds, tuple(told))


def _together(parts: list[pl.DataFrame], plan: DigestPlan) -> pl.DataFrame:
    rows = pl.concat(parts, how="vertical_relaxed")
    amounts = ["money", "money_n", "charged_n", *plan.counts, "records"]
    keys = [column for column in rows.columns if column not in (*amounts, plan.members)]
    members = [pl.col(plan.members).explode()] if plan.members else []
    return rows.group_by(keys).agg(pl.col(amounts).sum(), *members).select(rows.columns)


def _grouped(lines: Frame, plan: DigestPlan, *, running: bool) -> pl.DataFrame:
    lines = lines.with_columns(**_values(plan))
    columns = lines.collect_schema().names()
    keys = _keys(plan) | {f"k_{tier}": nw.col(tier) for tier in TIERS if tier in columns}
    if running:
        keys |= _cycle(columns)
    ready, sums = lines.with_columns(**keys), ("money", "charged_n", *plan.counts)
    if plan.members:
        return _typed(_with_members(ready, list(keys), sums, plan.members), plan)
    grouped = ready.group_by(*keys).agg(
        *(nw.col(f"s_{name}").sum().alias(name) for name in sums),
        nw.col("s_money").count().alias("money_n"),
        nw.len().alias("records"),
    )
    return _typed(collect(grouped), plan)


def _with_members(lines: Frame, keys: list[str], sums: tuple[str, ...], members: str) -> pl.DataFrame:
    """The same in polars, which alone keeps what a group is made of."""
    lazy: pl.LazyFrame = lines.lazy().to_native()
    return (
        lazy.group_by(keys)
        .agg(
            *(pl.col(f"s_{name}").sum().alias(name) for name in sums),
            pl.col("s_money").count().alias("money_n"),
            pl.len().alias("records"),
            pl.col(members),
        )
        .collect()
    )


def _values(plan: DigestPlan) -> dict[str, nw.Expr]:
    """What is added up, each null or 0 where it does not count."""
    money = [nw.col(column) for column in _MONEY[plan.measure]]
    bill = ~nw.col("cost_billed").is_null()
    value = money[0] if len(money) == 1 else money[0] + money[1] + money[2]
    basis = "cost_list" if plan.measure == "list" else "cost_billed"
    covered = nw.lit(False) if plan.measure == "list" else nw.col("__covered")
    charged = bill & ~covered & (nw.col(basis).fill_null(0.0) > 0)
    counted = nw.col("__tokens").fill_null(0)
    values = {"s_money": nw.when(bill).then(value), "s_charged_n": charged.cast(nw.Int64)}
    for name, column in (("tokens", counted), *((kind, nw.col(f"__{kind}")) for kind in plan.kinds)):
        values[f"s_{name}"] = nw.when(covered).then(column * 0).otherwise(column)
        values[f"s_covered_{name}"] = nw.when(covered).then(column).otherwise(column * 0)
    return values


def _keys(plan: DigestPlan) -> dict[str, nw.Expr]:
    keys = {f"k_{name}": nw.col(name) for name in SOURCE}
    start, span = nw.col("__start") // plan.bin, nw.col("__end") - nw.col("__start")
    # a day of 25 hours, where clocks are put back, is one day
    more = nw.when(span >= DAY).then(nw.lit(DAY // 2)).otherwise(nw.lit(DAY - 1)) if plan.bin == DAY else plan.bin - 1
    bins = nw.when(span <= 0).then(nw.lit(0)).otherwise((span + more) // plan.bin)
    keys |= {
        "k_shape": nw.col("__shape"),
        "k_start": start,
        "k_end": nw.when(~span.is_null()).then(start + bins),
        "k_length": nw.col("__length"),
        "k_model": nw.col("model_id"),
        "k_currency": nw.col("cost_currency"),
    }
    return keys | {f"k_dim_{i}": nw.col(name) for i, name in enumerate(plan.by) if name not in _ALREADY}


def _cycle(columns: list[str]) -> dict[str, nw.Expr]:
    """What a state is of, up to when it tells, and how new it is; null for all other records.

    A record of a product's month with its committed or on-demand part alone is no state of one with both.
    """
    state, names = nw.col("__is_state"), [*_CYCLE[:-2], *(name for name in _CYCLE_TOO if name in columns)]
    mail = nw.col("user_email").cast(nw.String()).str.strip_chars().str.to_lowercase()
    person = nw.coalesce(nw.col("user_id").cast(nw.String()), mail).fill_null("")  # whatever mail the id has by now
    given = {kind: ~nw.col(f"charges_{kind}").is_null() for kind in ("total", "net", "committed", "on_demand")}
    of_products = nw.col("integration").is_in(integrations_that(lambda each: each.cycle == "product"))
    alone = ~given["total"] & ~given["net"] & of_products
    part: nw.Expr = nw.when(alone & given["committed"] & ~given["on_demand"]).then(nw.lit("committed"))
    part = nw.when(alone & given["on_demand"] & ~given["committed"]).then(nw.lit("on_demand")).otherwise(part)
    text = nw.concat_str(
        *(nw.col(name).cast(nw.String()).fill_null("") for name in names), person, part.fill_null(""), separator="\x1f"
    )
    end, updated = nw.coalesce(nw.col("__end"), nw.col("__start")), nothing_like("__start")
    if "__updated" in columns:
        updated = nw.col("__updated")
    early = (updated < end).fill_null(False) & (updated > nw.col("__start")).fill_null(False)
    return {
        "k_cycle": nw.when(state).then(text),
        "k_seen": nw.when(state).then(nw.when(early).then(updated).otherwise(end)),
        "k_updated": nw.when(state).then(updated),
    }


def _typed(rows: pl.DataFrame, plan: DigestPlan) -> pl.DataFrame:
    """The same columns and dtypes whatever the backend."""
    rows = rows.rename({name: name.removeprefix("k_") for name in rows.columns if name.startswith("k_")})
    missing = {"cycle": pl.String, "seen": pl.Int64, "updated": pl.Int64} | dict.fromkeys(TIERS, pl.String)
    rows = rows.with_columns(
        *(pl.lit(None, dtype=d).alias(n) for n, d in missing.items() if n not in rows.columns),
        *(pl.col(_ALREADY[name]).alias(f"dim_{i}") for i, name in enumerate(plan.by) if name in _ALREADY),
    )
    text = (*SOURCE, "model", *TIERS, "currency", "cycle")
    whole = ("start", "end", "length", "shape", "seen", "updated", "money_n", "charged_n", "records")
    rows = rows.with_columns(
        pl.col(text).cast(pl.String),
        pl.col(whole).cast(pl.Int64),
        pl.col("money").cast(pl.Float64),
        _counts(rows, plan.counts),
    )
    rows = rows.with_columns(series=series_name(), own_key=pl.col("shape") >= OWN_KEY)
    return rows.select(
        *SOURCE, "series", "length", "start", "end", "model", *TIERS, "currency",
        *(f"dim_{i}" for i in range(len(plan.by))), "cycle", "seen", "updated", "own_key", "money", "money_n",
        "charged_n", *plan.counts, "records", *([plan.members] if plan.members else []),
    )  # fmt: skip


def _own_keys_apart(rows: pl.DataFrame, plan: DigestPlan) -> pl.DataFrame:
    """Count the tokens of a customer's own key apart, where the vendor whose key it is is loaded too."""
    both = not set(integrations_that(lambda each: each.bills_own_keys)).isdisjoint(rows["integration"])
    own = pl.col("own_key") & both
    theirs = pl.when(own).then(pl.col("tokens") + pl.col("covered_tokens")).otherwise(0)
    rows = rows.with_columns(byok_tokens=theirs.cast(rows.schema["tokens"]))
    rest = (pl.when(own).then(0).otherwise(pl.col(name)).cast(rows.schema[name]).alias(name) for name in plan.counts)
    return rows.with_columns(rest).drop("own_key")


def _counts(rows: pl.DataFrame, names: list[str]) -> pl.Expr:
    """Whole numbers, unless a vendor really stated fractions of a token."""
    fractions = any(rows[name].dtype.is_float() and (rows[name] % 1 != 0).any() for name in names)
    return pl.col(names).cast(pl.Float64 if fractions else pl.Int64)
