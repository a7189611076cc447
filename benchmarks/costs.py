"""Ask what each model cost, of five million records, and compare with the same question written by hand.

    python benchmarks/costs.py                  # 5,000,000 records, the median of 5 runs
    python benchmarks/costs.py --records 500000 --runs 3

Four answers to one question, which must agree to the cent: `cost_per_model`; pandas by hand; lazy polars by hand; and
lazy polars by hand with the checks that `cost_per_model` makes before it adds anything up. All answer honestly: what a
record is billed follows the one rule, and tokens meet money inside one account, day and model. By hand, without checks,
nobody looks whether anything is there twice, in several currencies, or as a running total.

The runs take turns, so that a busy machine slows all of them alike: the ratios count, not the seconds.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl

import truto_usage_nb as tu
from truto_usage_nb import schema

FASTER_THAN_PANDAS, TIMES_POLARS, TIMES_GUARDED = 2.0, 3.0, 1.3
DAYS = 92
ACCOUNTS = [("claude", 4), ("openai_codex", 3), ("cursor", 3)]
KINDS = ("input", "output", "cache_read", "cache_write", "cache_write_ephemeral_5m", "cache_write_ephemeral_1h")
PARTS = ("on_demand", "committed", "usage_based", "platform_fee")
KEY = ["integrated_account_id", "day", "model_id"]
LISTS = ("charges", "resources")


def main() -> int:
    """Measure, print, and fail when a goal is missed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=5_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    chosen = arguments.parse_args()
    frame = records(chosen.records)
    held = frame.select(*needed()).to_pandas()
    print(f"{frame.height:,} records, {len(frame.columns)} columns, {memory():.1f} GB held")
    ways: dict[str, Callable[[], pl.DataFrame]] = {
        "cost_per_model": lambda: tu.cost_per_model(frame),
        "pandas by hand": lambda: by_hand_in_pandas(held),
        "polars by hand": lambda: by_hand(frame.lazy()).collect(),
        "polars by hand, guarded": lambda: guarded(frame.lazy()),
    }
    agree({name: way() for name, way in ways.items()})
    seconds = turns(ways, chosen.runs)
    for name, taken in seconds.items():
        print(f"{name:26} {taken:6.2f} s")
    print(f"peak memory {memory():.1f} GB, both frames included")
    return verdict(seconds)


def records(count: int) -> pl.DataFrame:
    """Give a documented frame: Claude's usage beside its cost, OpenAI's likewise, Cursor's events with both."""
    rng = np.random.default_rng(7)
    names = [f"{integration}-{i}" for integration, some in ACCOUNTS for i in range(some)]
    kinds = [integration for integration, some in ACCOUNTS for _ in range(some)]
    account = rng.integers(0, len(names), count)
    event = np.array([k == "cursor" for k in kinds])[account]
    claude = np.array([k == "claude" for k in kinds])[account]
    money = event | (rng.random(count) < 0.5)
    day = rng.integers(0, DAYS, count) * 86_400_000_000 + int(datetime(2026, 8, 1, tzinfo=UTC).timestamp() * 1e6)
    start = day + np.where(event, rng.integers(0, 86_400_000_000, count), 0)
    tokens = {kind: rng.integers(0, 50_000, count) for kind in KINDS[:4]}
    amount = np.round(rng.random(count) * 3, 6)
    frame = pl.DataFrame({
        "account": account, "event": event, "claude": claude, "money": money, "start": start, "amount": amount,
        "model": rng.integers(0, 14, count), "surface": rng.integers(0, 5, count), **tokens,
        "id": np.arange(count),
    })  # fmt: skip
    return documented(frame, names, kinds)


def documented(frame: pl.DataFrame, names: list[str], kinds: list[str]) -> pl.DataFrame:
    """Give the numbers their names: every documented column, null where nothing states it."""
    counted = pl.col("event") | ~pl.col("money")
    listed = pl.col("money") & pl.col("claude")
    view = pl.when("claude").then(pl.when("money").then(pl.lit("cost")).otherwise(pl.lit("usage")))
    first = pl.col("start").cast(pl.Datetime("us", "UTC"))
    stated = {
        "integrated_account_id": pl.col("account").replace_strict(dict(enumerate(names)), return_dtype=pl.String),
        "integration": pl.col("account").replace_strict(dict(enumerate(kinds)), return_dtype=pl.String),
        "report_type": view,
        "query_id": pl.when(view == "cost").then(pl.lit("c057c057")).otherwise(pl.lit("0a0a0a0a")),
        "id": pl.format("rec_{}", "id"),
        "organization_id": pl.when("claude").then(pl.format("org-{}", "account")),
        "model_id": pl.format("model-{}", "model"),
        "surface": pl.format("surface-{}", "surface"),
        "start_date": first,
        "end_date": pl.when("event").then(first).otherwise(first.dt.offset_by("1d")),
        **{f"usage_tokens_{kind}": pl.when(counted).then(pl.col(kind)) for kind in KINDS[:4]},
        "charges_total": pl.when("money").then("amount"),
        "charges_net": pl.when(listed).then(pl.col("amount") * 0.85),
        "charges_discount": pl.when(listed).then(pl.col("amount") * 0.15),
        "charges_currency": pl.when("money").then(pl.lit("USD")),
        "charges_count": pl.when(listed).then(3).when("money").then(1).otherwise(0).cast(pl.Int64),
    }
    nothing = {
        field.column: pl.lit(None, dtype=_dtype(field.dtype))
        for field in schema.columns()
        if field.column not in stated and field.column not in LISTS
    }
    return frame.lazy().select(**stated).with_columns(**nothing).collect()


def _dtype(name: str) -> pl.DataType:
    return {
        "Int64": pl.Int64(), "Float64": pl.Float64(), "Boolean": pl.Boolean(), "Datetime": pl.Datetime("us", "UTC"),
    }.get(name, pl.String())  # fmt: skip


def needed() -> list[str]:
    """Give the columns that the question reads."""
    tokens = ["usage_tokens_total", *(f"usage_tokens_{kind}" for kind in KINDS)]
    amounts = [f"charges_{kind}" for kind in schema.CHARGE_TYPES]
    names = ["integrated_account_id", "integration", "report_type", "model_id", "metric_name", "start_date"]
    return [*names, "charges_currency", *tokens, *amounts]


def billed_in_pandas(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give what each record is billed, and whether a plan covers it: the rule, as one writes it in pandas."""
    stated = {kind: frame[f"charges_{kind}"] for kind in schema.CHARGE_TYPES}
    zero = {kind: column.fillna(0) for kind, column in stated.items()}
    given = {kind: column.notna() for kind, column in stated.items()}
    gross = zero["on_demand"] + zero["committed"] + zero["usage_based"] + zero["platform_fee"]
    parts = given["on_demand"] | given["committed"] | given["usage_based"] | given["platform_fee"]
    leading = stated["net"].fillna(stated["total"]).fillna(gross)
    own = gross - zero["discount"].abs().where(leading >= 0, -zero["discount"].abs())
    others = given["on_demand"] | given["committed"] | given["usage_based"] | given["net"]
    covered = (zero["included"] != 0) & ~others
    gap = (own + zero["included"] - zero["total"]).abs()
    close = (gap <= 0.00001) | (gap <= zero["total"].abs() * 0.0001)
    contains = (zero["included"] != 0) & others & given["total"] & ~given["net"] & close
    same = (~given["net"] | (zero["net"] == zero["credit"])) & (~given["total"] | (zero["total"] == zero["credit"]))
    credit = (zero["credit"] != 0) & (given["net"] | given["total"]) & same & ~parts & ~given["included"]
    billed = stated["net"].fillna(stated["total"]).fillna(own)
    billed = billed.mask(contains, zero["total"] - zero["included"]).mask(covered | credit, 0.0)
    estimate = (frame["integration"] == "claude") & frame["report_type"].isin(["activity", "skill_usage"])
    anything = pd.concat(given, axis=1).any(axis=1)
    return billed.where(anything & ~estimate), covered


def by_hand_in_pandas(frame: pd.DataFrame) -> pl.DataFrame:
    """Answer as one writes it in pandas."""
    money, covered = billed_in_pandas(frame)
    written = frame["usage_tokens_cache_write"].fillna(
        frame["usage_tokens_cache_write_ephemeral_5m"].fillna(0)
        + frame["usage_tokens_cache_write_ephemeral_1h"].fillna(0)
    )
    kinds = frame[["usage_tokens_input", "usage_tokens_output", "usage_tokens_cache_read"]].fillna(0).sum(axis=1)
    rows = pd.DataFrame({
        "integrated_account_id": frame["integrated_account_id"],
        "day": frame["start_date"].dt.floor("D"),
        "model_id": frame["model_id"],
        "metric_name": frame["metric_name"].where(frame["model_id"].isna()),
        "currency": frame["charges_currency"].str.upper(),
        "money": money,
        "tokens": frame["usage_tokens_total"].fillna(kinds + written).mask(covered, 0),
    })  # fmt: skip
    rows["charged"] = ((money.fillna(0) != 0) & ~covered).astype("int64")
    rows["stated"] = money.notna().astype("int64")
    small = rows.groupby([*KEY, "metric_name", "currency"], dropna=False).sum().reset_index()
    return met(pl.from_pandas(small).lazy()).collect()


def billed() -> tuple[pl.Expr, pl.Expr]:
    """Give the same in polars."""
    stated = {kind: pl.col(f"charges_{kind}") for kind in schema.CHARGE_TYPES}
    zero = {kind: column.fill_null(0) for kind, column in stated.items()}
    given = {kind: column.is_not_null() for kind, column in stated.items()}
    gross = pl.sum_horizontal(zero[kind] for kind in PARTS)
    parts = pl.any_horizontal(given[kind] for kind in PARTS)
    leading = pl.coalesce(stated["net"], stated["total"], gross)
    own = gross - pl.when(leading < 0).then(-zero["discount"].abs()).otherwise(zero["discount"].abs())
    others = pl.any_horizontal(given[kind] for kind in ("on_demand", "committed", "usage_based", "net"))
    covered = (zero["included"] != 0) & ~others
    gap = (own + zero["included"] - zero["total"]).abs()
    close = (gap <= 0.00001) | (gap <= zero["total"].abs() * 0.0001)
    contains = (zero["included"] != 0) & others & given["total"] & ~given["net"] & close
    same = (~given["net"] | (zero["net"] == zero["credit"])) & (~given["total"] | (zero["total"] == zero["credit"]))
    credit = (zero["credit"] != 0) & (given["net"] | given["total"]) & same & ~parts & ~given["included"]
    value = pl.when(contains).then(zero["total"] - zero["included"])
    value = pl.when(covered | credit).then(0.0).otherwise(
        value.otherwise(pl.coalesce(stated["net"], stated["total"], own))
    )  # fmt: skip
    estimate = (pl.col("integration") == "claude") & pl.col("report_type").is_in(["activity", "skill_usage"])
    return pl.when(pl.any_horizontal(given.values()) & ~estimate.fill_null(False)).then(value), covered


def by_hand(frame: pl.LazyFrame, *more: str) -> pl.LazyFrame:
    """Answer as one writes it in polars; `more` are columns to keep apart on the way."""
    money, covered = billed()
    kinds = [pl.col(f"usage_tokens_{kind}").fill_null(0) for kind in ("input", "output", "cache_read")]
    lifetimes = [pl.col(f"usage_tokens_cache_write_ephemeral_{kind}").fill_null(0) for kind in ("5m", "1h")]
    written = pl.col("usage_tokens_cache_write").fill_null(pl.sum_horizontal(lifetimes))
    tokens = pl.coalesce("usage_tokens_total", pl.sum_horizontal(kinds) + written)
    small = (
        frame.select(
            "integrated_account_id",
            "model_id",
            *more,
            pl.col("start_date").dt.date().alias("day"),
            pl.when(pl.col("model_id").is_null()).then(pl.col("metric_name")).alias("metric_name"),
            pl.col("charges_currency").str.to_uppercase().alias("currency"),
            money.alias("money"),
            pl.when(~covered).then(tokens).alias("tokens"),
            (money.is_not_null() & (money != 0) & ~covered).alias("charged"),
            money.is_not_null().alias("stated"),
        )
        .group_by(*KEY, "metric_name", "currency", *more)
        .agg(pl.col("money", "tokens", "charged", "stated").sum())
    )
    return met(small)


def met(small: pl.LazyFrame) -> pl.LazyFrame:
    """Let tokens meet money by account, day and model; then add up by model, and divide."""
    keys = small.group_by(KEY).agg(
        key_currency=pl.col("currency").filter(pl.col("charged") > 0).min(),
        priced=(pl.col("charged").sum() > 0) & (pl.col("tokens").sum() > 0),
    )
    rows = small.join(keys, on=KEY, nulls_equal=True)
    money = rows.filter(pl.col("stated") > 0).select(
        "model_id", "metric_name", "currency", cost="money", other=pl.when("priced").then(0.0).otherwise("money")
    )
    tokens = rows.filter(pl.col("tokens") != 0).select(
        "model_id",
        "metric_name",
        currency="key_currency",
        tokens=pl.when("priced").then("tokens").otherwise(0),
        unpriced=pl.when("priced").then(0).otherwise("tokens"),
    )
    table = pl.concat([money, tokens], how="diagonal_relaxed").group_by("model_id", "metric_name", "currency")
    table = table.agg(pl.col("cost", "other", "tokens", "unpriced").sum())
    return table.with_columns(per_million=(pl.col("cost") - pl.col("other")) / pl.col("tokens") * 1e6)


def guarded(frame: pl.LazyFrame) -> pl.DataFrame:
    """Answer likewise, but look first at everything that would make the sums wrong, and keep apart what it shows."""
    amounts = [pl.col(f"charges_{kind}") for kind in schema.CHARGE_TYPES]
    silent = pl.all_horizontal(a.is_null() for a in amounts)
    datadog = (pl.col("integration") == "datadog") & (pl.col("charges_count") > 0)
    parts = pl.col("charges_committed").is_not_null() | pl.col("charges_on_demand").is_not_null()
    estimate = (pl.col("integration") == "claude") & pl.col("report_type").is_in(["activity", "skill_usage"])
    cursor = pl.col("integration") == "cursor"
    spend = cursor & pl.col("charges_included").is_not_null() & pl.col("model_id").is_null()
    off = pl.col("charges_discount").abs().fill_null(0)
    own = pl.sum_horizontal(*(pl.col(f"charges_{kind}") for kind in PARTS)) - off
    found = frame.select(
        mixed=((pl.col("charges_count") > 1) & pl.col("charges_currency").is_null() & silent).sum(),
        estimates=(estimate & ~silent).sum(),
        running=spend.sum(),
        covered=(pl.col("charges_included").fill_null(0) != 0).sum(),
        own_keys=(cursor & (pl.col("usage_requests_api_key") > 0)).sum(),
        mismatch=(parts & ((own - pl.col("charges_total")).abs() > 0.00001)).sum(),
        currencies=pl.col("charges_currency").n_unique(),
        both=(datadog & parts).any() & (datadog & ~parts).any(),
    )
    series = pl.when(pl.col("integration") == "claude").then("report_type")
    series = series.when(pl.col("charges_count") > 0).then(pl.lit("cost")).otherwise(pl.lit("usage"))
    span = (pl.col("end_date") - pl.col("start_date")).dt.total_microseconds()
    length = pl.when(span == 0).then(0).when(span < 86_400_000_000).then(1).otherwise(2)
    whole = frame.with_columns(series=series, length=length)
    spans = whole.group_by("integrated_account_id", "series", "length", "query_id").agg(
        pl.col("start_date").min(), pl.col("end_date").max().alias("until")
    )
    table, checks, grains, accounts = pl.collect_all([
        by_hand(whole, "query_id", "series", "length"),
        found,
        spans,
        linked(frame),
    ])  # fmt: skip
    row = checks.row(0, named=True)
    wrong = [name for name, value in row.items() if name != "currencies" and value]
    twice = grains.group_by("integrated_account_id", "series").len().filter(pl.col("len") > 1)
    if wrong or twice.height or accounts.height:
        raise SystemExit(f"this frame cannot be added up: {wrong}, {twice.rows()}, {accounts.rows()}")
    return table.group_by("model_id", "metric_name", "currency").agg(
        pl.col("cost", "other", "tokens", "unpriced").sum(),
        per_million=(pl.col("cost").sum() - pl.col("other").sum()) / pl.col("tokens").sum() * 1e6,
    )


def linked(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Accounts that serve the same records on the first day: one organisation linked twice."""
    day = pl.col("start_date").dt.date()
    some = frame.filter(day == day.min())
    ids = some.group_by("integration", "organization_id", "id").agg(pl.col("integrated_account_id").n_unique())
    return ids.filter(pl.col("integrated_account_id") > 1)


def agree(answers: dict[str, pl.DataFrame]) -> None:
    """Refuse to measure answers that differ."""
    ours = answers["cost_per_model"].rename({"cost_per_million_tokens": "per_million"})
    wanted = ours.sort("currency", "model_id").select("model_id", "currency", "cost", "tokens", "per_million")
    for name, answer in answers.items():
        if name != "cost_per_model":
            other = answer.sort("currency", "model_id").select(wanted.columns)
            same = other["cost"].sum() > 0 and all(map(_alike, wanted.iter_rows(), other.iter_rows()))
            if not same or other.height != wanted.height:
                raise SystemExit(f"{name} says otherwise:\n{other}\n{wanted}")


def _alike(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return one[:2] == other[:2] and bool(np.allclose(np.array(one[2:], float), np.array(other[2:], float), rtol=1e-9))


def turns(ways: dict[str, Callable[[], pl.DataFrame]], runs: int) -> dict[str, float]:
    """Give the median of each way's seconds, the ways taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in taken.items()}


def memory() -> float:
    """Give the largest memory this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def verdict(seconds: dict[str, float]) -> int:
    """Print the ratios beside their goals; 1 when one is missed."""
    ours = seconds["cost_per_model"]
    pandas, plain, same = (seconds[f"{name} by hand{more}"] for name, more in
                           (("pandas", ""), ("polars", ""), ("polars", ", guarded")))  # fmt: skip
    goals = [
        (pandas / ours >= FASTER_THAN_PANDAS, f"{pandas / ours:.2f} times faster than pandas (2 or more)"),
        (ours / plain <= TIMES_POLARS, f"{ours / plain:.2f} times polars without checks (3 or less)"),
        (ours / same <= TIMES_GUARDED, f"{ours / same:.2f} times polars with the same checks (1.3 or less)"),
    ]
    for met_, text in goals:
        print(f"{'met   ' if met_ else 'MISSED'} {text}")
    return 0 if all(met_ for met_, _ in goals) else 1


if __name__ == "__main__":
    raise SystemExit(main())
