"""What changed between two months, and why: volume, rate, mix, what is new and what is gone.

The arithmetic of a change is that of cells, of one account and model within a row; a model is one under any spelling.

    price of a cell       p = money / tokens
    price of a row        P = money of its cells / tokens of its cells
    old price, new kinds  p' = p_before * (list price of the new kinds / list price of the old kinds)

    volume = (Q_after - Q_before) * P_before + (money without tokens after - before)
    mix    = sum(q_after * p') - Q_after * P_before
    rate   = money after - sum(q_after * p')

The three add up to the change by themselves; a cell without an old price takes its new one for p'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple, Unpack

import polars as pl

from truto_usage_nb.checks import one_of
from truto_usage_nb.costs.buckets import with_buckets
from truto_usage_nb.costs.choices import BUCKET, EVERY, Choices, Measure, Question, check_dims
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.matching import identity_of, one_name_a_model
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.costs.tokens import KINDS
from truto_usage_nb.errors import InputError, tell
from truto_usage_nb.format import money
from truto_usage_nb.native import Native
from truto_usage_nb.outside import shown
from truto_usage_nb.prices import unit_prices
from truto_usage_nb.questions.daily import age_told, opened, seen_at
from truto_usage_nb.questions.tables import day_named

__all__ = ["Sides", "changed", "cost_change", "held_to"]

_PARTS = ("volume", "rate", "mix", "new", "gone")
_COLUMNS = (
    "currency", "before_start", "before_end", "after_start", "after_end", "before", "after", "change", *_PARTS,
)  # fmt: skip
_MODEL = "model_id"
_DAY = timedelta(days=1)
_LATE = timedelta(days=3)
"""How far behind the others an account is waited for; one that has been silent for longer has a gap."""
_Asked = tuple[date | str | None, date | str | None]


class Sides(NamedTuple):
    """The two stretches of time that are compared, [start, end); `by_day` where records of more than a day stand out.

    A month that runs is held against the same days of another, and nobody knows which of a longer record's money is of
    those days.
    """

    before: tuple[datetime, datetime]
    after: tuple[datetime, datetime]
    by_day: bool = False


def cost_change(
    frame: Any,
    by: str | Sequence[str] | None = None,
    *,
    every: str = "1mo",
    measure: Measure = "billed",
    before: date | str | None = None,
    after: date | str | None = None,
    **choices: Unpack[Choices],
) -> Any:
    """Say by how much the cost changed from one month to the next, and take the change apart so that it adds up.

    Compares the last two complete buckets of `every`, or those that begin on `before` and `after` (UTC, such as
    "2026-09"). Of a later one that runs, the whole days so far are compared with as many days of the earlier one;
    records longer than a day, such as Datadog's months, are then left out, and a UsageWarning says which days and how
    much money. When it was looked at says the moment of the fetch where `frame` is a `UsageResult`, else the newest
    `updated_at` or `created_at`. Comes back as the kind that came in, a row per value of `by` and currency:
    `before_start`, `before_end`, `after_start`, `after_end` (ends excluded), `before`, `after`, `change` = after -
    before, and its five parts, in the row's currency:

    - `volume`: more or fewer tokens, at the row's average price of before. Money that bought no tokens (seats,
      searches, Confluent, Datadog) has no price to change, so all of its change counts as volume.
    - `mix`: the new tokens at their own old prices, minus the same number at the row's average old price: the shift to
      dearer or cheaper models and accounts within the row, and between fresh, cached, written and put-out tokens. How
      much a shift between kinds moves a model's price is read from its list prices, where they are known.
    - `rate`: the new tokens at new prices minus the same tokens at old ones. A model that the row did not use before
      has no old price: it moves the mix, not the rate. A model under a new spelling (a date, a cloud's prefix) is no
      new model: in a row of `model_id` it stands under the spelling that is stated, or under what its spellings share.
    - `new` and `gone`: a row (or its tokens) that had no cost before, or has none after.

    A month in which a row has no charge counts 0. Warns with UsageWarning where one of the two may still change while
    the other is final, as far as the records show. Raises InputError where there are no two complete buckets, and what
    `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period=("2026-10-05", "2026-10-08"))
    >>> change = tu.cost_change(usage, every="1d", before="2026-10-05", after="2026-10-06")
    >>> abs(change["change"][0] - change.select("volume", "rate", "mix", "new", "gone").row(0)[0]) > 0
    True
    """
    native, result = opened(frame)
    one_of("every", every, EVERY)
    question = Question.of(by, every, "UTC", measure, choices, kinds=True)
    check_dims(question.by, _COLUMNS)
    seen = seen_at(native) if result is None else result.fetched_at
    return native.leave(_change(native, question, every, (before, after), seen))


def _change(native: Native, question: Question, every: str, asked: _Asked, seen: datetime | None) -> pl.DataFrame:
    read = matched(native, question)
    rows = with_buckets(read, every, "UTC")
    first, second = _buckets(rows, every, asked)
    sides = Sides((first, _next(first, every)), (second, _next(second, every)))
    told = age_told(native, sides.before, sides.after, seen)
    so_far = None if every in ("1h", "1d") else _so_far(rows, sides, seen)
    if so_far is not None:
        told = _so_far_told(rows, sides, so_far)
    if told:
        tell(told)
    return _compared(read, _on_days(rows, so_far), so_far) if so_far else _compared(read, rows, sides)


def changed(
    native: Native, by: str | Sequence[str] | None, sides: Sides, choices: Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """Give the table of `cost_change` for any two stretches of whole days."""
    read = matched(native, Question.of(by, "1d", "UTC", "billed", choices or {}, kinds=True))
    rows = with_buckets(read, "1d", "UTC")
    if sides.by_day:
        rows = rows.filter(_is_short())
    return _compared(read, _within(rows, sides, BUCKET), sides)


def _within(rows: pl.DataFrame, sides: Sides, column: str) -> pl.DataFrame:
    """Keep what lies in the two, as of the bucket that is named after its start."""
    at = pl.col(column)
    inside = [(at >= start) & (at < end) for start, end in (sides.before, sides.after)]
    starts = [pl.lit(side[0], pl.Datetime("us", "UTC")) for side in (sides.before, sides.after)]
    named = pl.when(inside[0]).then(starts[0]).when(inside[1]).then(starts[1])
    return rows.with_columns(named.alias(BUCKET)).filter(pl.col(BUCKET).is_not_null())


def _on_days(rows: pl.DataFrame, sides: Sides) -> pl.DataFrame:
    return _within(rows.filter(_is_short()), sides, "begin")


def _is_short() -> pl.Expr:
    return ((pl.col("finish") - pl.col("begin")) <= _DAY).fill_null(value=True)


def _so_far(rows: pl.DataFrame, sides: Sides, seen: datetime | None) -> Sides | None:
    """The same days of both, where the later one ran when it was seen; None where it is over, or nobody knows."""
    start, end = sides.after
    if seen is None or seen >= end:  # it is over: what is missing at its end is a gap, or a day of rest
        return None
    until = held_to(rows.filter(_is_short()).select("integrated_account_id", "begin", "finish"), start, end, seen)
    if until is None or until >= end:
        return None
    days = min(until - start, sides.before[1] - sides.before[0])
    return Sides((sides.before[0], sides.before[0] + days), (start, start + days), by_day=True)


def held_to(spans: pl.DataFrame, start: datetime, end: datetime, now: datetime | None) -> datetime | None:
    """Up to when every account holds whole days of [start, end), as of `now`; None where there is no whole day.

    An account that has been silent for more than three days longer than the others is not waited for. `spans` has
    `integrated_account_id`, `begin` and `finish` of records of a day or less.
    """
    finish = pl.max_horizontal("finish", pl.col("begin") + timedelta(microseconds=1))
    last = finish.max().sub(timedelta(microseconds=1)).dt.truncate("1d").dt.offset_by("1d").alias("last")
    inside = spans.filter((pl.col("begin") >= start) & (pl.col("begin") < end))
    held = inside.group_by("integrated_account_id").agg(last)["last"].drop_nulls().to_list()
    if not held:
        return None
    whole = end if now is None else datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    newest = min(max(held), whole)
    until = min([newest, *(each for each in held if each >= newest - _LATE)])
    return until if until > start else None


def _so_far_told(rows: pl.DataFrame, sides: Sides, so_far: Sides) -> str:
    (first, first_end), (second, second_end) = so_far.before, so_far.after
    text = (
        f"the frame holds {second:%Y-%m-%d} to {second_end - _DAY:%Y-%m-%d} so far of the later one, which are "
        f"compared with {first:%Y-%m-%d} to {first_end - _DAY:%Y-%m-%d}"
    )
    long = rows.filter(~_is_short() & (pl.col("money_n").fill_null(0) > 0))
    left = _left_out(long, sides.before[0]), _left_out(long, sides.after[0])
    if not any(left):
        return f"{text}."
    names = ", ".join(sorted({str(name) for name in long["integrated_account_id"].unique()}))
    return (
        f"{text}; records longer than a day are left out ({names}): {left[0] or 'nothing'} of the earlier and "
        f"{left[1] or 'nothing'} of the later one."
    )


def _left_out(long: pl.DataFrame, bucket: datetime) -> str:
    sums = long.filter(pl.col(BUCKET) == bucket).group_by("currency").agg(pl.col("money").sum()).sort("currency")
    return " and ".join(money(amount, currency) for currency, amount in sums.iter_rows())


def _compared(read: Digest, rows: pl.DataFrame, sides: Sides) -> pl.DataFrame:
    """The table of rows in buckets named after the start of each side."""
    first, second = sides.before[0], sides.after[0]
    rows = rows.filter(pl.col(BUCKET).is_in([first, second]))
    if _MODEL in read.by:
        rows = one_name_a_model(rows, f"dim_{read.by.index(_MODEL)}", read.dims)
    keys = [*read.dims, "currency"]
    table = _decomposed(_cells(rows, keys, first, second), keys)
    names = dict(zip(read.dims, read.by, strict=True))
    moments = zip(_COLUMNS[1:5], (*sides.before, *sides.after), strict=True)
    table = table.rename(names).with_columns(pl.lit(at, pl.Datetime("us", "UTC")).alias(name) for name, at in moments)
    table = table.with_columns(_size=pl.col("change").abs())
    flat = [name for name in read.by if not table.schema[name].is_nested()]
    order = [in_blocks(table, "after"), "currency", "_size", *flat]
    down = [False, False, True, *[False] * len(flat)]
    return table.sort(order, descending=down, nulls_last=True).select(*read.by, *_COLUMNS)


def _buckets(rows: pl.DataFrame, every: str, asked: _Asked) -> tuple[datetime, datetime]:
    held = sorted(rows[BUCKET].drop_nulls().unique())
    complete = _complete(rows, held, every)
    before, after = (_asked(value, held, name) for value, name in zip(asked, ("before", "after"), strict=True))
    if after is None:
        later = [b for b in complete if before is None or b > before]
        after = later[-1] if later else None
    if before is None and after is not None:
        earlier = [b for b in complete if b < after]
        before = earlier[-1] if earlier else None
    if before is None or after is None:
        found = ", ".join(f"{b:%Y-%m-%d}" for b in complete) or "none"
        raise InputError(
            f"cost_change compares two complete buckets of {every}; the frame holds {found}. Load a longer period, or "
            f"name two with before= and after=: {', '.join(f'{b:%Y-%m-%d}' for b in held) or 'there is no cost here'}."
        )
    if before >= after:
        raise InputError(f"before={before:%Y-%m-%d} must lie before after={after:%Y-%m-%d}.")
    return before, after


def _complete(rows: pl.DataFrame, held: list[datetime], every: str) -> list[datetime]:
    """Buckets whose first and last day lie within the days that the frame's shorter records cover."""
    short = rows.filter((pl.col("finish") - pl.col("begin")) <= _DAY)
    spans = (short if short.height else rows).select(
        pl.col("begin").min(), pl.max_horizontal("finish", pl.col("begin") + timedelta(microseconds=1)).max()
    )
    first, last = spans.row(0)
    if first is None:
        return []
    first, last = first.replace(hour=0), (last - timedelta(microseconds=1)).replace(hour=0) + _DAY
    if every == "1h":
        return held
    return [b for b in held if first <= b and _next(b, every) <= last]


def _next(bucket: datetime, every: str) -> datetime:
    return pl.Series([bucket]).dt.offset_by(every)[0]  # type: ignore[no-any-return]


def _asked(value: date | str | None, held: list[datetime], name: str) -> datetime | None:
    if value is None:
        return None
    day = day_named(value, name)
    found = next((b for b in held if b.date() == day), None)
    if found is None:
        starts = ", ".join(f"{b:%Y-%m-%d}" for b in held)
        raise InputError(f"{name}={shown(value)} is not the start of a bucket with any cost or tokens: {starts}.")
    return found


# the arithmetic, on cells of one account and model within a row -------------------------------------------------------

_PRICED = [f"priced_{kind}" for kind in KINDS]
_SUMS = ["money", "money_n", "other", "matched_n", "priced", *_PRICED]


def _cells(rows: pl.DataFrame, keys: list[str], first: datetime, second: datetime) -> pl.DataFrame:
    """A row per key, account and model: `q` tokens, `m` their money, `o` money without tokens, `n`; 0 and 1.

    `rows` are those of the two buckets. `ratio` is what the shift between kinds does to the list price, 1 where it is
    not known.
    """
    cell = [*keys, "integrated_account_id", "model"]
    missing = [c for c in _SUMS if c not in rows.columns]
    rows = rows.with_columns(pl.lit(0).alias(c) for c in missing).with_columns(pl.col(_SUMS).fill_null(0))
    rows = rows.with_columns(model=identity_of(rows, "model"))
    rows = _unnamed_where_apart(rows, keys)
    sums = rows.group_by(*cell, BUCKET).agg(pl.col(_SUMS).sum())
    bought = (pl.col("priced") > 0) & (pl.col("matched_n") > 0)
    with_tokens = pl.col("money") - pl.col("other")
    sums = sums.with_columns(
        q=pl.when(bought).then(pl.col("priced")).otherwise(0).cast(pl.Float64),
        m=pl.when(bought).then(with_tokens).otherwise(0.0),
        o=pl.when(bought).then(pl.col("other")).otherwise(pl.col("money")),
        n=pl.col("money_n"),
    )
    values = ["q", "m", "o", "n", *_PRICED]
    sides = [sums.filter(pl.col(BUCKET) == bucket).select(*cell, *values) for bucket in (first, second)]
    joined = sides[0].join(sides[1], on=cell, how="full", suffix="_after", nulls_equal=True, coalesce=True)
    joined = joined.with_columns(pl.selectors.numeric().exclude(cell).fill_null(0))
    ratios = [_ratio(row, second) for row in joined.iter_rows(named=True)]
    return joined.with_columns(ratio=pl.Series(ratios, dtype=pl.Float64))


def _unnamed_where_apart(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Take the model off where an account's money and tokens do not both state it: then they meet without."""
    account = [*keys, "integrated_account_id"]
    sides = rows.group_by(*account, "model", BUCKET).agg(pl.col("priced", "matched_n").sum())
    apart = sides.filter((pl.col("priced") > 0) != (pl.col("matched_n") > 0)).select(account).unique()
    marked = rows.join(apart.with_columns(apart=pl.lit(value=True)), on=account, how="left", nulls_equal=True)
    return marked.with_columns(model=pl.when(pl.col("apart").is_null()).then(pl.col("model"))).drop("apart")


def _ratio(cell: dict[str, object], moment: datetime) -> float:
    """New kinds over old kinds, both at one day's list prices, a token each."""
    model = cell["model"]
    prices = unit_prices(model, None, moment.date()) if isinstance(model, str) else None
    if prices is None:
        return 1.0
    worth = []
    for suffix in ("", "_after"):
        tokens = [float(str(cell[f"{kind}{suffix}"])) for kind in _PRICED]
        whole = sum(tokens)
        if whole <= 0 or whole != cell[f"q{suffix}"]:  # kinds not stated, or not all of them
            return 1.0
        each = [(n, getattr(prices, kind)) for n, kind in zip(tokens, KINDS, strict=True) if n]
        if any(price is None for _, price in each):
            return 1.0
        worth.append(sum(n * price for n, price in each) / whole)
    return worth[1] / worth[0] if worth[0] > 0 and worth[1] > 0 else 1.0


def _decomposed(cells: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """A row per key with `before`, `after`, `change` and its five parts."""
    old = pl.when((pl.col("q") > 0) & (pl.col("q_after") > 0)).then(pl.col("m") / pl.col("q") * pl.col("ratio"))
    standard = pl.when(old.is_not_null()).then(old * pl.col("q_after")).otherwise(pl.col("m_after"))
    sums = (
        cells.with_columns(standard=standard)
        .group_by(keys)
        .agg(pl.col("q", "m", "o", "n", "q_after", "m_after", "o_after", "n_after", "standard").sum())
    )
    sums = sums.filter((pl.col("n") > 0) | (pl.col("n_after") > 0)).with_columns(
        before=pl.col("m") + pl.col("o"), after=pl.col("m_after") + pl.col("o_after")
    )
    return (
        sums.with_columns(change=pl.col("after") - pl.col("before"))
        .with_columns(_parts())
        .with_columns(pl.col("change", "volume", "rate", "mix", "new", "gone").round(9) + 0.0)  # no dust of floats
        .select(*keys, "before", "after", "change", "volume", "rate", "mix", "new", "gone")
    )


def _parts() -> list[pl.Expr]:
    born, died = pl.col("n") == 0, pl.col("n_after") == 0
    had, has = pl.col("q") > 0, pl.col("q_after") > 0
    both = had & has & ~born & ~died
    lived = ~born & ~died
    price = pl.col("m") / pl.col("q")
    other = pl.col("o_after") - pl.col("o")
    return [
        pl.when(both)
        .then((pl.col("q_after") - pl.col("q")) * price + other)
        .when(lived)
        .then(other)
        .otherwise(0.0)
        .alias("volume"),
        pl.when(both).then(pl.col("m_after") - pl.col("standard")).otherwise(0.0).alias("rate"),
        pl.when(both).then(pl.col("standard") - pl.col("q_after") * price).otherwise(0.0).alias("mix"),
        pl.when(born)
        .then(pl.col("after"))
        .when(lived & ~had & has)
        .then(pl.col("m_after"))
        .otherwise(0.0)
        .alias("new"),
        pl.when(died).then(-pl.col("before")).when(lived & had & ~has).then(-pl.col("m")).otherwise(0.0).alias("gone"),
    ]
