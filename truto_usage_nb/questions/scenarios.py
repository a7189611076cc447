"""What if: the same tokens at other prices, at list and at the rate paid, with every assumption beside the figure.

List prices are those of `prices`, by day, and money and tokens those of the cost tables: what is reckoned here is only
how many tokens stand at which price, and the rate that was paid for them, which is money over list price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.checks import a_mapping, is_number
from truto_usage_nb.costs.choices import By, Choices, Question, by_columns, check_dims
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import TIERS, Digest
from truto_usage_nb.costs.estimates import estimated, priced_by
from truto_usage_nb.costs.matching import HEADS, identity_of, one_name_a_model
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.format import percent
from truto_usage_nb.models import model_identity
from truto_usage_nb.native import enter
from truto_usage_nb.outside import shown
from truto_usage_nb.prices import CURRENCY, price_columns, price_source

__all__ = ["token_lines", "what_if"]

_COLUMNS = (
    "currency", "tokens", "list_cost", "what_if_list_cost", "cost", "rate_paid", "what_if_cost", "difference",
    "other_cost", "left_out_cost", "left_out_tokens", "left_out", "assumptions", "price_source",
)  # fmt: skip
_MODEL = "model_id"
_TIER = "service_tier"
_BATCHED = ("input", "output")
_SAY_BATCH = ("product_id", "surface")
"""Where a vendor names the API of batches, such as Claude's message_batches_api; the list price stays the base one."""
_BY_PRODUCT = "batch by product"
_WRITES = ("cache_write_5m", "cache_write_1h", "cache_write")
_OFFERED = ("input", "cache_read", *_WRITES)
_OWN_KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "batch_input", "batch_output")
_ORDINARY = ("", "auto", "default", "none", "normal", "not_available", "null", "standard")
_LIKE = "{'claude-opus-5': 'claude-sonnet-5'}"
_PRICES_LIKE = "{'claude-opus-5': {'input': 4.0, 'output': 20.0}}"


def what_if(
    frame: Any,
    models: Mapping[str, str] | None = None,
    *,
    prices: Mapping[str, Mapping[str, float]] | None = None,
    batch: float | None = None,
    cache_hit: float | None = None,
    by: By = _MODEL,
    **choices: Unpack[Choices],
) -> Any:
    """Say what the same tokens would have cost by another model, at another price, in batch, or read from a cache.

    `models` names for a model of the frame the one to take its place, in any spelling; `prices` gives by model what you
    would pay, in USD a million tokens, by kind ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h",
    "batch_input", "batch_output"), where the list does not say it or says it otherwise. `batch` (0 to 1) is the share
    of fresh input and of output at batch price, of each model of an account: what is batch already, by a column
    `service_tier` or its product, counts towards it, is never discounted again, and stays where it is more.
    `cache_hit` (0 to 1) is cache reads over reads, writes and fresh input: the total of input stays, and what is not
    read is written or fresh as it was, in proportion. Several at once are taken in this order: cache, batch, model and
    price.

    Comes back as the kind that came in, a row per value of `by` and currency. `tokens` are those that have a price on
    both sides, `list_cost` and `what_if_list_cost` what they cost at list, in USD. `cost` is what was billed for them,
    as far as money paid for them, `rate_paid` that over their list price, `what_if_cost` the other price at the same
    rate, and `difference` = what_if_cost - cost. Money stands apart that bought no tokens (`other_cost`), and what
    cannot be compared (`left_out_cost`, `left_out_tokens`), which `left_out` names; the three columns of money add up
    to the bill. Money in another currency than the list's is left out: a rate would hold an exchange rate.
    `assumptions` says what the figures rest on: an answer is no saving without it.

    Raises InputError where nothing is asked, for a share beyond 0 to 1, for a price that is none, and for a model that
    no record is of; and what `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.what_if(usage, {"claude-opus-5": "claude-sonnet-5"}, by=None)["currency"].to_list()
    ['USD']
    """
    names = by_columns(by)
    check_dims(names, _COLUMNS)
    asked = _Asked.of(models, prices, batch, cache_hit)
    native = enter(frame)
    said = (name for name in _SAY_BATCH if name in native.columns)
    needed = tuple(dict.fromkeys((*priced_by(native, names), *said)))
    read = matched(native, Question.of(needed, None, "UTC", "billed", choices, kinds=True))
    return native.leave(_answer(read, names, asked))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold what is to be otherwise; models by identity."""

    models: Mapping[str, str]
    prices: Mapping[str, Mapping[str, float]]
    batch: float | None
    cache_hit: float | None

    @classmethod
    def of(cls, models: Any, prices: Any, batch: Any, cache_hit: Any) -> _Asked:
        """Check the words before anything is read."""
        targets = {}
        for name, other in a_mapping("models", models, _LIKE).items():
            if not _is_name(name) or not _is_name(other):
                raise InputError(f"models={shown(models)} is not allowed; write it like models={_LIKE}.")
            targets[model_identity(name)] = other
        own = {}
        for name, given in a_mapping("prices", prices, _PRICES_LIKE).items():
            if not _is_name(name) or not isinstance(given, Mapping) or not given:
                raise InputError(f"prices={shown(prices)} is not allowed; write it like prices={_PRICES_LIKE}.")
            own[model_identity(name)] = {kind: _price(name, kind, value) for kind, value in given.items()}
        for share, value in (("batch", batch), ("cache_hit", cache_hit)):
            if value is not None and not (is_number(value) and 0 <= float(value) <= 1):
                raise InputError(f"{share}={shown(value)} is no share; give a number from 0 to 1.")
        if not targets and not own and batch is None and cache_hit is None:
            raise InputError("Nothing is otherwise here; give models=, prices=, batch= or cache_hit=.")
        shares = (None if value is None else float(value) for value in (batch, cache_hit))
        return cls(targets, own, *shares)

    def check_known(self, read: Digest) -> None:
        """Refuse a model that no record is of: its scenario would be today's bill."""
        stated = read.rows["model"].drop_nulls().unique().to_list()
        known = {model_identity(name) for name in stated}
        for what, names, allowed in (
            ("models", self.models, known),
            ("prices", self.prices, known | {model_identity(name) for name in self.models.values()}),
        ):
            for name in names:
                if name not in allowed:
                    near = did_you_mean(name, sorted(allowed))
                    raise InputError(f"{what}= names {shown(name)}, and no record here is of that model.{near}")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _price(model: str, kind: Any, value: Any) -> float:
    if not isinstance(kind, str) or kind not in _OWN_KINDS:
        near = did_you_mean(kind, _OWN_KINDS) if isinstance(kind, str) else ""
        raise InputError(
            f"prices[{shown(model)}] names {shown(kind)}, which is no kind of token.{near} "
            f"Allowed: {', '.join(_OWN_KINDS)}."
        )
    if not is_number(value) or float(value) < 0:
        raise InputError(
            f"prices[{shown(model)}][{shown(kind)}]={shown(value)} is no price; give USD a million tokens, 0 or more."
        )
    return float(value) / 1e6


def _answer(read: Digest, names: tuple[str, ...], asked: _Asked) -> pl.DataFrame:
    asked.check_known(read)
    rows = estimated(read).with_columns(of_model=identity_of(read.rows, "model"), in_batch=_in_batch(read))
    tiers = {tier: f"dim_{read.by.index(tier)}" for tier in TIERS if tier in read.by}
    if _MODEL in names:  # money and tokens may spell a model in two ways
        rows = one_name_a_model(rows, f"dim_{names.index(_MODEL)}", read.dims[: len(names)])
    lines = token_lines(rows)
    lines = _with_prices(lines, read, tiers, asked)
    lines = _moved(lines, asked)
    lines = lines.with_columns(is_left_out=pl.any_horizontal("no_kind", "no_list", "no_other", "no_batch"))
    money = rows.filter(pl.col("money_n").is_not_null())
    dims = read.dims[: len(names)]
    paid = _at_the_rate(lines, money, dims)
    knows_batch = any(rows[tiers[_TIER]].is_not_null()) if _TIER in tiers else False
    return _table(paid, dims, names, _assumptions(asked, knows_batch=knows_batch or bool(rows["in_batch"].any())))


def token_lines(rows: pl.DataFrame) -> pl.DataFrame:
    """A line of tokens that share a price: their kinds, their list price, and whether money paid for them."""
    parts = []
    for head in HEADS:
        kinds = {kind: pl.col(f"{head}_{kind}").fill_null(0) for kind in KINDS}
        kinds["unknown"] = pl.col(head).fill_null(0) - pl.sum_horizontal(*kinds.values())
        some = rows.filter(pl.col(head).fill_null(0) != 0)
        parts.append(some.with_columns(**kinds, count=pl.col(head), is_paid=pl.lit(head == HEADS[0])))
    lines = pl.concat(parts)
    worth = [pl.when(pl.col(k) != 0).then(pl.col(k) * pl.col(f"price_{k}")).otherwise(0.0) for k in KINDS]
    missing = [(pl.col(k) != 0) & pl.col(f"price_{k}").is_null() for k in KINDS]
    return lines.with_columns(
        worth=pl.sum_horizontal(*worth, ignore_nulls=False),
        no_kind=pl.col("unknown") != 0,
        no_list=pl.any_horizontal(*missing),
    )


# the other side -------------------------------------------------------------------------------------------------------


def _with_prices(lines: pl.DataFrame, read: Digest, tiers: dict[str, str], asked: _Asked) -> pl.DataFrame:
    """Add what a token would cost, `other_<kind>`, and in batch, `batch_<kind>`: by the list, else as the caller says.

    A model that takes another's place has its maker's price; the same tier of it, where the record states one.
    """
    provider = pl.col(f"dim_{read.by.index('model_provider')}")
    is_other = pl.col("of_model").is_in(list(asked.models)).fill_null(False)
    target = pl.col("of_model").replace_strict(dict(asked.models), default=None, return_dtype=pl.String)
    lines = lines.with_columns(
        target=pl.when(is_other).then(target).otherwise("model"),
        by=pl.when(is_other).then(pl.lit(None, pl.String)).otherwise(provider.cast(pl.String)),
        in_tier=_in_tier(tiers),
    )
    lines = lines.with_columns(of_target=identity_of(lines, "target"))
    words = [pl.col(column).alias(name) for name, column in tiers.items()]
    as_batch = [*(word for word, name in zip(words, tiers, strict=True) if name != _TIER), pl.lit("batch").alias(_TIER)]
    for head, tier in (("other", words), ("batch", as_batch)):
        keys = lines.select("target", "by", "day", *tier)
        some = keys.unique()
        found = some.hstack(price_columns(some, KINDS)).rename({f"price_{kind}": f"{head}_{kind}" for kind in KINDS})
        known = keys.join(found, on=keys.columns, how="left", nulls_equal=True, maintain_order="left")
        lines = lines.hstack(known.select(f"{head}_{kind}" for kind in KINDS))
    return lines.with_columns(_own_prices(asked))


def _in_batch(read: Digest) -> pl.Expr:
    """Whether a record names its product as one of batches."""
    named = [pl.col(f"dim_{read.by.index(name)}").cast(pl.String) for name in _SAY_BATCH if name in read.by]
    said = [name.str.to_lowercase().str.contains("batch", literal=True).fill_null(False) for name in named]
    return pl.any_horizontal(pl.lit(False), *said)


def _in_tier(tiers: dict[str, str]) -> pl.Expr:
    """The tier that a record states, by service tier, speed or product; empty for the ordinary one."""
    tier = pl.when("in_batch").then(pl.lit(_BY_PRODUCT)).otherwise(pl.lit(""))
    for name in ("speed", _TIER):
        if name in tiers:
            said = pl.col(tiers[name]).cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase()
            tier = pl.when(said.is_in(_ORDINARY)).then(tier).otherwise(said)
    return tier


def _own_prices(asked: _Asked) -> list[pl.Expr]:
    """The caller's prices in the list's place: those of the base tier, and of batch only where they are given."""
    ordinary, made = pl.col("in_tier").is_in(["", _BY_PRODUCT]), []
    for kind in KINDS:
        source = "cache_write_5m" if kind == "cache_write" else kind
        own = {model: given[source] for model, given in asked.prices.items() if source in given}
        here = pl.col("of_target").replace_strict(own, default=None, return_dtype=pl.Float64)
        made.append(pl.when(ordinary & here.is_not_null()).then(here).otherwise(f"other_{kind}").alias(f"other_{kind}"))
    for kind in _BATCHED:  # a list's batch price says nothing of a price of one's own
        named = [model for model, given in asked.prices.items() if kind in given or f"batch_{kind}" in given]
        own = {model: given[f"batch_{kind}"] for model, given in asked.prices.items() if f"batch_{kind}" in given}
        here = pl.col("of_target").replace_strict(own, default=None, return_dtype=pl.Float64)
        is_own = pl.col("of_target").is_in(named).fill_null(False)
        made.append(pl.when(is_own).then(here).otherwise(f"batch_{kind}").alias(f"batch_{kind}"))
    return made


def _moved(lines: pl.DataFrame, asked: _Asked) -> pl.DataFrame:
    """Add `other_worth`: the same tokens as they would be, at the other prices."""
    kinds = {kind: pl.col(kind).cast(pl.Float64) for kind in KINDS}
    if asked.cache_hit is not None:
        offered = pl.sum_horizontal(*_OFFERED)
        rest = offered - pl.col("cache_read")
        for kind in ("input", *_WRITES):
            part = pl.when(rest > 0).then(pl.col(kind) / rest).otherwise(1.0 if kind == "input" else 0.0)
            kinds[kind] = (1 - asked.cache_hit) * offered * part
        kinds["cache_read"] = asked.cache_hit * offered
    lines = lines.with_columns(**{f"then_{kind}": tokens for kind, tokens in kinds.items()})
    is_batch, ordinary = pl.col("in_tier") == "batch", pl.col("in_tier") == ""
    parts, missing, no_batch = [], [], [pl.lit(False)]
    for kind in KINDS:
        tokens, price = pl.col(f"then_{kind}"), pl.col(f"other_{kind}")
        if kind in _BATCHED:
            price = pl.when(is_batch).then(f"batch_{kind}").otherwise(price)
        if kind in _BATCHED and asked.batch is not None:
            there = is_batch | (pl.col("in_tier") == _BY_PRODUCT)
            moved = tokens * pl.when(ordinary).then(_share(tokens, there, ordinary, asked.batch)).otherwise(0.0)
            parts.append(_cost(moved, pl.col(f"batch_{kind}")))
            no_batch.append((moved > 0) & pl.col(f"batch_{kind}").is_null())
            tokens = tokens - moved
        parts.append(_cost(tokens, price))
        missing.append((tokens != 0) & price.is_null())
    return lines.with_columns(
        other_worth=pl.sum_horizontal(*parts, ignore_nulls=False),
        no_other=pl.any_horizontal(*missing),
        no_batch=pl.any_horizontal(*no_batch),
    )


def _cost(tokens: pl.Expr, price: pl.Expr) -> pl.Expr:
    return pl.when(tokens != 0).then(tokens * price).otherwise(0.0)


def _share(tokens: pl.Expr, is_batch: pl.Expr, ordinary: pl.Expr, wanted: float) -> pl.Expr:
    """What share of a model's ordinary tokens moves, so that with those in batch already it comes to what is wanted."""
    of = ["integrated_account_id", "of_model"]
    there = pl.when(is_batch).then(tokens).otherwise(0.0).sum().over(of)
    free = pl.when(ordinary).then(tokens).otherwise(0.0).sum().over(of)
    share = (wanted * (there + free) - there) / free
    return pl.when(free > 0).then(share.clip(0.0, 1.0)).otherwise(0.0)


# the rate paid --------------------------------------------------------------------------------------------------------

_OF = ["integrated_account_id", "key_model", "currency"]
_NO_CURRENCY = "no currency"


def _at_the_rate(lines: pl.DataFrame, money: pl.DataFrame, dims: list[str]) -> pl.DataFrame:
    """Put lines and money together: what was billed for each line, and would be at the rate that was paid for it.

    A rate is that of an account, model and currency, and of the dimensions, and of batches by their product, too where
    money and tokens both state them.
    """
    lines, money = _by_model(lines, money)
    bought = money.filter(pl.col("matched_n") > 0).with_columns(bought=pl.col("money") - pl.col("other"))
    paid, fine = lines.filter("is_paid"), [*dims, "in_batch"]
    at = [f"at_{dim}" for dim in fine]
    sides = [part.select(*_OF, *fine, has_money=pl.lit(own)) for part, own in ((bought, True), (paid, False))]
    meet = pl.concat(sides, how="vertical_relaxed").group_by(*_OF, *fine).agg(pl.col("has_money").n_unique() == 2)
    meet = meet.group_by(_OF).agg(is_fine=pl.col("has_money").all())

    def placed(rows: pl.DataFrame) -> pl.DataFrame:
        rows = rows.join(meet, on=_OF, how="left", nulls_equal=True)
        return rows.with_columns(pl.when("is_fine").then(dim).alias(name) for dim, name in zip(fine, at, strict=True))

    lines, bought, keys = placed(lines), placed(bought), [*_OF, *at]
    rates = _rates(lines.filter("is_paid"), bought, keys)
    lines = lines.join(rates, on=keys, how="left", nulls_equal=True)
    bought = bought.join(rates, on=keys, how="left", nulls_equal=True)
    return pl.concat([_of_tokens(lines, dims), _of_money(money, bought, dims)], how="diagonal_relaxed")


def _by_model(lines: pl.DataFrame, money: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add `key_model`: the model where an account's money and its tokens both name models, as where they met."""
    account, named = "integrated_account_id", pl.col("of_model").is_not_null()
    both = lines.filter(named).select(account).unique()
    both = both.join(money.filter(named & (pl.col("matched_n") > 0)), on=account, how="semi", nulls_equal=True)
    both = both.with_columns(names_models=pl.lit(True))
    made = [part.join(both, on=account, how="left", nulls_equal=True) for part in (lines, money)]
    lines, money = (part.with_columns(key_model=pl.when("names_models").then("of_model")) for part in made)
    return lines, money


def _rates(paid: pl.DataFrame, bought: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Money over list price, or why there is none."""
    sums = bought.group_by(keys).agg(pl.col("bought").sum())
    worth = paid.group_by(keys).agg(
        of_group=pl.col("worth").sum(), is_partial=pl.any_horizontal("no_kind", "no_list").any()
    )
    found = sums.join(worth, on=keys, how="left", nulls_equal=True)
    currency = pl.col("currency").fill_null(_NO_CURRENCY)
    why = (
        pl.when(currency != CURRENCY)
        .then(pl.format(f"money in {{}}, and the list is in {CURRENCY}", currency))
        .when(pl.col("is_partial").fill_null(True))
        .then(pl.lit("money for tokens that cannot all be priced"))
        .when(pl.col("bought") < 0)
        .then(pl.lit("a refund of more than was billed"))
        .when(pl.col("of_group") <= 0)
        .then(pl.lit("money for tokens that are free at list"))
    )
    found = found.with_columns(why=why).with_columns(
        rate=pl.when(pl.col("why").is_null()).then(pl.col("bought") / pl.col("of_group"))
    )
    return found.select(*keys, "rate", "why")


def _of_tokens(lines: pl.DataFrame, dims: list[str]) -> pl.DataFrame:
    stands, rated = ~pl.col("is_left_out"), pl.col("is_paid") & pl.col("rate").is_not_null()
    paid = pl.when(rated).then(pl.col("worth") * pl.col("rate"))
    return lines.select(
        *dims,
        "currency",
        tokens=pl.when(stands).then("count"),
        list_cost=pl.when(stands).then("worth"),
        what_if_list_cost=pl.when(stands).then("other_worth"),
        of_rated=pl.when(stands & rated).then("worth"),
        cost=pl.when(stands).then(paid),
        what_if_cost=pl.when(stands & rated).then(pl.col("other_worth") * pl.col("rate")),
        left_out_cost=pl.when("is_left_out").then(paid),
        left_out_tokens=pl.when("is_left_out").then("count"),
        note=pl.when("is_left_out").then(_reason()),
    )


def _reason() -> pl.Expr:
    """Name a model that is left out, and what is missing."""
    name, target = pl.col("model").cast(pl.String).fill_null("(no model)"), pl.col("target").cast(pl.String)
    where = pl.when(target != name).then(pl.format("{} for {}", target, name)).otherwise(name)
    return (
        pl.when("no_kind")
        .then(pl.format("{}: the kind of its tokens is not stated", name))
        .when("no_list")
        .then(pl.format("{}: no list price", name))
        .when("no_other")
        .then(pl.format("{}: no price", where))
        .otherwise(pl.format("{}: no batch price of the day; prices= takes one of yours", where))
    )


def _of_money(money: pl.DataFrame, bought: pl.DataFrame, dims: list[str]) -> pl.DataFrame:
    name = pl.coalesce("key_model", pl.col("integrated_account_id").cast(pl.String), pl.lit("(no account)"))
    unrated = bought.filter(pl.col("rate").is_null())
    left_out = unrated.select(
        *dims, "currency", left_out_cost=pl.col("bought"), note=pl.format("{}: {}", name, pl.col("why"))
    )
    return pl.concat([money.select(*dims, "currency", other_cost=pl.col("other")), left_out], how="diagonal_relaxed")


_SUMS = (
    "tokens", "list_cost", "what_if_list_cost", "of_rated", "cost", "what_if_cost", "other_cost", "left_out_cost",
    "left_out_tokens",
)  # fmt: skip
_ZERO = ("other_cost", "left_out_cost", "tokens", "left_out_tokens")


def _table(rows: pl.DataFrame, dims: list[str], names: tuple[str, ...], assumptions: str) -> pl.DataFrame:
    sums = [pl.when(pl.col(c).count() > 0).then(pl.col(c).sum()).alias(c) for c in _SUMS]
    notes = pl.col("note").drop_nulls().unique().sort().str.join("; ")
    table = rows.group_by(*dims, "currency").agg(*sums, left_out=notes)
    table = table.with_columns(
        *(pl.col(name).fill_null(0) for name in _ZERO),
        rate_paid=pl.when(pl.col("of_rated") > 0).then(pl.col("cost") / pl.col("of_rated")),
        difference=pl.col("what_if_cost") - pl.col("cost"),
        left_out=pl.when(pl.col("left_out") != "").then("left_out"),
        assumptions=pl.lit(assumptions),
        price_source=pl.lit(price_source()),
    )
    table = table.rename(dict(zip(dims, names, strict=True))).select(*names, *_COLUMNS)
    says = (pl.sum_horizontal("tokens", "left_out_tokens") != 0) | pl.any_horizontal(
        pl.col("cost", "other_cost", "left_out_cost") != 0
    )
    flat = [name for name in names if not table.schema[name].is_nested()]
    order = [in_blocks(table, "cost"), "currency", "cost", "list_cost", *flat]
    return table.filter(says).sort(order, descending=[False, False, True, True, *[False] * len(flat)], nulls_last=True)


def _assumptions(asked: _Asked, *, knows_batch: bool) -> str:
    said = []
    if asked.cache_hit is not None:
        said.append(
            f"{percent(asked.cache_hit)} of all input is read from a cache, its total as it was, "
            "and what is not read is written or fresh in the proportion that it had"
        )
    if asked.batch is not None:
        known = (
            "what is batch already, by service_tier or product, counts towards it and is not discounted again"
            if knows_batch
            else "no column service_tier says what is batch already, so all is taken for ordinary"
        )
        said.append(f"{percent(asked.batch)} of fresh input and of output is at batch price; {known}")
    if asked.models:
        named = ", ".join(f"{target} for {name}" for name, target in asked.models.items())
        said.append(
            f"{named}: the same number of tokens is taken, though another tokenizer counts the same text otherwise, "
            "and another model answers at another length"
        )
    if asked.prices:
        said.append(f"prices of your own for {', '.join(asked.prices)}")
    said.append("list prices are those of the day and the base tier")
    said.append("the rate paid, of each account and model, holds for the other price too")
    return f"{'; '.join(said)}."
