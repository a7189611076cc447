"""The cost tables: rule and overlaps, tokens meet money, add up by the dimensions asked for, then divide.

The walk (`build`) goes down one room after the other: `digest` reads the frame, with the rule beside every record,
`records` and `overlaps` see that nothing counts twice, `matching` lets tokens meet money; what is added up here, by
`buckets` of the calendar where one is asked for, is divided last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.checks import a_flag
from truto_usage_nb.costs.buckets import with_buckets
from truto_usage_nb.costs.choices import BUCKET, By, Choices, Measure, Question
from truto_usage_nb.costs.currencies import Rates, in_blocks, with_rates
from truto_usage_nb.costs.digest import Digest, DigestPlan, fine_digest, reduced, within_period
from truto_usage_nb.costs.matching import HEADS, match, one_name_a_model
from truto_usage_nb.costs.overlaps import settle_overlaps, spans_told
from truto_usage_nb.costs.records import check_records, one_length
from truto_usage_nb.costs.tokens import KINDS, kind_of
from truto_usage_nb.errors import tell
from truto_usage_nb.format import money, percent
from truto_usage_nb.native import Native, collect, enter, require

__all__ = [
    "build",
    "closing_line",
    "cost_per",
    "cost_per_model",
    "cost_per_surface",
    "cost_per_token",
    "counted_once",
    "matched",
    "total_cost",
]


def cost_per(
    frame: Any,
    by: By = None,
    *,
    every: str | None = None,
    time_zone: str = "UTC",
    measure: Measure = "billed",
    exchange_rates: Rates | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say what was paid for each value of one column or several, and what a million tokens cost there.

    Comes back as the kind of frame that came in, a row per value and currency: the dimensions, `currency`, `cost`,
    `other_cost` (the part of it that bought no tokens), `tokens` (those with a price), `cost_per_million_tokens` =
    (cost - other_cost) / tokens * 1e6, `unpriced_tokens`, `included_tokens` (covered by a plan). Currencies stand in
    blocks, that of the largest sum first, and in each the largest cost; a null value is a line of its own. A cost
    nobody stated is null, never 0.
    `closing_line(table)` is the sentence that belongs under it.

    `every` ("1h", "1d", "1w" from Monday, "1mo", "1q", "1y") adds `period_start` in `time_zone`, and `spread_cost`,
    the part of the cost that was spread evenly because its record is longer than the bucket; records of a day or longer
    keep their UTC date in every zone. `measure`: "billed", "list" (before discounts; usage that a plan covers counts at
    its list price) or "payable" (after credits and tax). `exchange_rates`, such as {("EUR", "USD"): 1.08}, adds
    converted columns that name rate and source. The other arguments settle what the checks find: see `tu.Choices`.

    Raises FrameError (a column is missing), OverlapError (two series state one measure), DuplicateError (one record
    twice), OverhangError (records stick out of the loaded period). Warns with UsageWarning where a choice was taken,
    and where accounts of a frame that was not loaded for a period cover other spans: one of them less than half of
    the days that another has day by day, for a week or more.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cost_per(usage, "product_name").columns[:5]
    ['product_name', 'currency', 'cost', 'other_cost', 'tokens']
    """
    native = enter(frame)
    table = build(native, Question.of(by, every, time_zone, measure, choices))
    return native.leave(with_rates(table, exchange_rates))


def cost_per_model(
    frame: Any,
    *,
    every: str | None = None,
    time_zone: str = "UTC",
    measure: Measure = "billed",
    exchange_rates: Rates | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say what each model cost, one line a model; money without a model is named by its `metric_name`.

    Spellings of one model (with a date, in capitals, behind a maker's or a cloud's prefix) share a line: `model_id` is
    the stated spelling where it is one alone, else what they share. `cost_per(frame, "model_id")` keeps them apart.
    Web search, support and the like have no model: their lines have a null `model_id` and say in `metric_name` what
    they are, which is null on the lines of models. The other arguments are those of `cost_per`.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cost_per_model(usage).columns[:3]
    ['model_id', 'metric_name', 'currency']
    """
    native = enter(frame)
    require(native, ("model_id", "metric_name"), "cost_per_model")
    named = nw.when(nw.col("model_id").is_null()).then(nw.col("metric_name"))
    seen = Native(native.kind, native.original, native.frame.with_columns(metric_name=named))
    question = Question.of(("model_id", "metric_name"), every, time_zone, measure, choices)
    return native.leave(with_rates(_by_model(seen, question), exchange_rates))


def _by_model(native: Native, question: Question) -> pl.DataFrame:
    read = matched(native, question)
    read = read.with_rows(one_name_a_model(read.rows, read.dims[0], read.dims))
    return _ordered(_added_up(read, question), question)


def cost_per_surface(
    frame: Any,
    *,
    every: str | None = None,
    time_zone: str = "UTC",
    measure: Measure = "billed",
    exchange_rates: Rates | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say what each product surface cost, such as chat, claude_code or api; the arguments are those of `cost_per`.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cost_per_surface(usage).columns[:3]
    ['surface', 'currency', 'cost']
    """
    native = enter(frame)
    question = Question.of("surface", every, time_zone, measure, choices)
    return native.leave(with_rates(build(native, question), exchange_rates))


def cost_per_token(
    frame: Any,
    by: By = None,
    *,
    kind: bool = False,
    every: str | None = None,
    time_zone: str = "UTC",
    measure: Measure = "billed",
    exchange_rates: Rates | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say what one token cost: `cost_per` with `cost_per_token` and `cache_read_share` added.

    A blended price moves with the share of cache reads as much as with the rate card, so the share (of the priced
    tokens, 0 to 1) stands beside it. With `kind=True` a line per `kind` of token instead (input, cache_read,
    cache_write_5m, cache_write_1h, cache_write, output): priced where the vendor bills by kind; other money
    has a null kind.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.cost_per_token(usage).columns[-2:]
    ['cost_per_token', 'cache_read_share']
    """
    native = enter(frame)
    a_flag("kind", kind)
    question = Question.of(by, every, time_zone, measure, choices, kinds=True)
    table = _build_kinds(native, question) if kind else build(native, question)
    per_token = (pl.col("cost_per_million_tokens") / 1e6).alias("cost_per_token")
    table = table.with_columns(per_token) if kind else _cache_read_share(table.with_columns(per_token))
    return native.leave(with_rates(table, exchange_rates))


def total_cost(
    frame: Any, *, measure: Measure = "billed", exchange_rates: Rates | None = None, **choices: Unpack[Choices]
) -> float | None:
    """Add everything up to one number: None where no cost is known.

    Raises MixedCurrencyError where the frame is charged in several currencies and no `exchange_rates` joins them.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.total_cost(usage) == tu.cost_per(usage)["cost"].item()
    True
    """
    table = with_rates(build(enter(frame), Question.of(None, None, "UTC", measure, choices)), exchange_rates)
    stated = table.filter(pl.col("cost").is_not_null())
    if exchange_rates is None and stated.height > 1:
        from truto_usage_nb.errors import MixedCurrencyError

        found = ", ".join(stated["currency"])
        raise MixedCurrencyError(
            f"A total over {found} has no meaning. Ask for one currency's lines, or give exchange_rates, such as "
            f"{{({stated['currency'][-1]!r}, {stated['currency'][0]!r}): 1.08}}."
        )
    column = "cost" if exchange_rates is None else "converted_cost"
    return float(stated[column].sum()) if stated.height else None


def closing_line(table: Any) -> str:
    """Give the one line that belongs under a cost table, computed from the table's own columns.

    A table is a plain frame and carries no note, so filtering it or joining it loses nothing: the line says what the
    lines in hand say.

    >>> import truto_usage_nb as tu
    >>> import polars as pl
    >>> table = pl.DataFrame({"currency": "USD", "other_cost": 6250.0, "tokens": 71, "unpriced_tokens": 29})
    >>> tu.closing_line(table)
    '71 % of tokens have a price; $6,250 has no tokens.'
    """
    native, needed = enter(table), ("currency", "other_cost", "tokens", "unpriced_tokens")
    require(native, needed, "The closing line")
    held = collect(native.frame.select(*needed))
    priced, unpriced = float(held["tokens"].sum() or 0), float(held["unpriced_tokens"].sum() or 0)
    parts = []
    if priced + unpriced > 0:
        parts.append(f"{percent(priced / (priced + unpriced))} of tokens have a price")
    other = held.group_by("currency").agg(pl.col("other_cost").sum()).filter(pl.col("other_cost").abs() > 0)
    amounts = [money(amount, currency) for currency, amount in other.sort("currency", nulls_last=True).iter_rows()]
    if amounts:
        parts.append(f"{' and '.join(amounts)} {'has' if len(amounts) == 1 else 'have'} no tokens")
    return f"{'; '.join(parts)}." if parts else "No tokens and no money here."


# the walk -------------------------------------------------------------------------------------------------------------


def build(native: Native, question: Question) -> pl.DataFrame:
    """Answer a question with its table: let tokens meet money, add up, divide."""
    met = matched(native, question)
    return _ordered(_added_up(met, question), question)


def matched(native: Native, question: Question) -> Digest:
    """Read the frame, check it, and let tokens meet money; what was chosen is told in one warning."""
    asked = ("matched", question.by, question.measure, question.kinds, question.bin)
    met = _matched(native, question) if question.choices else native.once(asked, lambda: _matched(native, question))
    if met.told:
        tell("; ".join(met.told) + ".")
    return met


def _matched(native: Native, question: Question) -> Digest:
    choices = question.choices
    records, told = within_period(reduced(native, question.by), choices.get("overhang"))
    plan = DigestPlan.of(question.by, choices, kinds=question.kinds, measure=question.measure, bin=question.bin)
    _, counted = counted_once(records, plan, choices)
    spans = spans_told(native, counted)
    met = match(counted, choices.get("contract"))
    return replace(met, told=(*told, *met.told, *spans))


def counted_once(native: Native, plan: DigestPlan, choices: Mapping[str, Any]) -> tuple[Native, Digest]:
    """Read records and give those that count with their digest, each measure counted once.

    Raises DuplicateError, OverlapError.
    """
    found = fine_digest(native, plan)
    if choices.get("overlap", "check") != "allow":
        native, found = one_length(native, found, plan, choices.get("granularity"))
    native, found = check_records(native, found, choices)
    return native, settle_overlaps(native, found, choices)


# add up and divide ----------------------------------------------------------------------------------------------------


def _added_up(met: Digest, question: Question, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Add the matched rows up by bucket, dimensions and currency, and divide."""
    rows, keys = met.rows, [*met.dims, *extra]
    if question.every is not None:
        rows, keys = with_buckets(met, question.every, question.time_zone), [BUCKET, *keys]
    kinds = [c for c in rows.columns if c.startswith(("priced_", "unpriced_", "included_"))]
    sums = ["money", "money_n", "other", "matched_n", "priced", "unpriced", "included", *kinds]
    spread = ["spread"] if question.every is not None else []
    table = rows.group_by(*keys, "currency").agg(pl.col(*sums, *spread).sum())
    return _divided(table, met, keys, [c for c in kinds if not extra], bool(spread))


def _divided(table: pl.DataFrame, met: Digest, keys: list[str], kinds: list[str], spread: bool) -> pl.DataFrame:
    stated = pl.col("money_n") > 0
    cost = pl.when(stated).then(pl.col("money"))
    other = pl.when(stated).then(pl.col("other"))
    # A sum of money below zero is a refund of more than was paid here: no price.
    priced = (pl.col("priced") > 0) & (pl.col("matched_n") > 0) & (cost - other >= 0)
    names = dict(zip(met.dims, met.by, strict=True))
    table = table.select(
        *(pl.col(key).alias(names.get(key, key)) for key in keys),
        "currency",
        cost.alias("cost"),
        other.alias("other_cost"),
        pl.col("priced").alias("tokens"),
        pl.when(priced).then((cost - other) / pl.col("priced") * 1e6).alias("cost_per_million_tokens"),
        pl.col("unpriced").alias("unpriced_tokens"),
        pl.col("included").alias("included_tokens"),
        *([pl.when(stated).then(pl.col("spread")).alias("spread_cost")] if spread else []),
        *kinds,
    )
    # A line that states neither money nor tokens says nothing.
    tokens = pl.sum_horizontal("tokens", "unpriced_tokens", "included_tokens")
    return table.filter(pl.col("cost").is_not_null() | (tokens != 0))


def _ordered(table: pl.DataFrame, question: Question) -> pl.DataFrame:
    """Time first, then currencies in blocks, the largest cost first in each; ties by tokens, then by the dimensions."""
    first = [BUCKET] if question.every is not None else []
    rest = [c for c in question.by if table.schema[c].is_nested() is False]
    keys = [*first, in_blocks(table, "cost"), "currency", "cost", "tokens", "unpriced_tokens", *rest]
    down = [*[False] * (len(first) + 2), True, True, True, *[False] * len(rest)]
    return table.sort(keys, descending=down, nulls_last=True)


# prices by kind of token ----------------------------------------------------------------------------------------------


def _build_kinds(native: Native, question: Question) -> pl.DataFrame:
    """Answer with a line per kind: money by what its metric names, tokens by what the record states."""
    require(native, ("metric_name",), "cost_per_token(kind=True)")
    seen = Native(native.kind, native.original, native.frame.with_columns(__kind_name=kind_of()))
    asked = Question(
        (*question.by, "__kind_name"), question.every, question.time_zone, question.measure, question.choices, True
    )
    met = _by_kind(matched(seen, asked))
    table = _added_up(met, question, extra=("kind",))
    return _ordered(table, Question((*question.by, "kind"), question.every, "UTC", question.measure, {}))


def _by_kind(met: Digest) -> Digest:
    """Give each kind's tokens a row of their own; money keeps the kind its metric names."""
    last = met.dims[-1]
    left_out = {last, *HEADS, *(f"{head}_{kind}" for head in HEADS for kind in KINDS)}
    base = [c for c in met.rows.columns if c not in left_out]
    money = met.rows.filter(pl.col("money_n").is_not_null()).select(*base, pl.col(last).alias("kind"))
    tokens = met.rows.filter(pl.col("money_n").is_null())
    parts = [money.with_columns(**{head: pl.lit(0) for head in HEADS})]
    stated = {head: pl.sum_horizontal(*(f"{head}_{kind}" for kind in KINDS)) for head in HEADS}
    of_kind: dict[str | None, dict[str, pl.Expr]] = {
        kind: {head: pl.col(f"{head}_{kind}").fill_null(0) for head in HEADS} for kind in KINDS
    }
    of_kind[None] = {head: pl.col(head).fill_null(0) - stated[head] for head in HEADS}  # a total without its kinds
    for kind, columns in of_kind.items():
        part = tokens.select(*base, pl.lit(kind, dtype=pl.String).alias("kind"), **columns)
        parts.append(part.filter(pl.sum_horizontal(*HEADS) != 0))
    rows = pl.concat(parts, how="diagonal_relaxed").with_columns(pl.col(HEADS).fill_null(0))
    return Digest(rows, met.by[:-1], met.bin, met.measure, told=met.told)


def _cache_read_share(table: pl.DataFrame) -> pl.DataFrame:
    """Replace the columns of kinds by the share of cache reads among the priced tokens."""
    kinds = [f"priced_{kind}" for kind in KINDS]
    whole = pl.sum_horizontal(*kinds)
    share = pl.when(whole > 0).then(pl.col("priced_cache_read") / whole).alias("cache_read_share")
    parts = [f"{head}_{kind}" for head in HEADS for kind in KINDS]
    return table.with_columns(share).drop(parts)
