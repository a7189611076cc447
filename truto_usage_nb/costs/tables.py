"""The cost tables: add up by the dimensions asked for, then divide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.checks import a_flag
from truto_usage_nb.costs.building import Question, added_up, build, matched, ordered
from truto_usage_nb.costs.choices import Choices, Measure
from truto_usage_nb.costs.closing import closing
from truto_usage_nb.costs.exchange import Rates, with_rates
from truto_usage_nb.costs.identities import one_name_a_model
from truto_usage_nb.costs.kinds import build_kinds, cache_read_share
from truto_usage_nb.native import Native, enter, require

__all__ = ["closing_line", "cost_per", "cost_per_model", "cost_per_surface", "cost_per_token", "total_cost"]

By = str | Sequence[str] | None


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
    blocks, the largest cost first; a null value is a line of its own. A cost nobody stated is null, never 0.
    `closing_line(table)` is the sentence that belongs under it.

    `every` ("1h", "1d", "1w" from Monday, "1mo", "1q", "1y") adds `period_start` in `time_zone`, and `spread_cost`,
    the part of the cost that was spread evenly because its record is longer than the bucket; records of a day or longer
    keep their UTC date in every zone. `measure`: "billed", "list" (before discounts; usage that a plan covers counts at
    its list price) or "payable" (after credits and tax). `exchange_rates`, such as {("EUR", "USD"): 1.08}, adds
    converted columns that name rate and source. The other arguments settle what the checks find: see `Choices`.

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
    question = Question.of(by, every, time_zone, measure, choices)
    return native.leave(with_rates(build(native, question), exchange_rates))


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
    return ordered(added_up(read, question), question)


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
    table = build_kinds(native, question) if kind else build(native, question)
    per_token = (pl.col("cost_per_million_tokens") / 1e6).alias("cost_per_token")
    table = table.with_columns(per_token) if kind else cache_read_share(table.with_columns(per_token))
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
    return closing(enter(table))
