"""What changed between two months, and why: volume, rate, mix, what is new and what is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Unpack

import polars as pl

from truto_usage_nb.costs.buckets import BUCKET, with_buckets
from truto_usage_nb.costs.building import Question, matched
from truto_usage_nb.costs.choices import Choices, Measure
from truto_usage_nb.costs.digest import check_dims
from truto_usage_nb.costs.identities import one_name_a_model
from truto_usage_nb.errors import InputError, tell
from truto_usage_nb.native import Native, enter
from truto_usage_nb.questions.age import age_told
from truto_usage_nb.questions.decomposition import cells_of, decomposed
from truto_usage_nb.questions.moments import day_named

__all__ = ["cost_change"]

PARTS = ("volume", "rate", "mix", "new", "gone")
COLUMNS = ("currency", "before_start", "after_start", "before", "after", "change", *PARTS)
MODEL = "model_id"
_DAY = timedelta(days=1)
_Asked = tuple[date | str | None, date | str | None]


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
    "2026-09"). Comes back as the kind that came in, a row per value of `by` and currency: `before_start`,
    `after_start`, `before`, `after`, `change` = after - before, and its five parts, in the row's currency:

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
    >>> change = cost_change(usage, every="1d", before="2026-10-05", after="2026-10-06")
    >>> abs(change["change"][0] - change.select("volume", "rate", "mix", "new", "gone").row(0)[0]) > 0
    True
    """
    native = enter(frame)
    question = Question.of(by, every, "UTC", measure, choices, kinds=True)
    check_dims(question.by, COLUMNS)
    return native.leave(_change(native, question, every, (before, after)))


def _change(native: Native, question: Question, every: str, asked: _Asked) -> pl.DataFrame:
    read = matched(native, question)
    rows = with_buckets(read, every, "UTC")
    first, second = _buckets(rows, every, asked)
    told = age_told(native, first.date(), second.date(), _next(first, every), _next(second, every))
    if told:
        tell(told, stacklevel=3)
    rows = rows.filter(pl.col(BUCKET).is_in([first, second]))
    if MODEL in read.by:
        rows = one_name_a_model(rows, f"dim_{read.by.index(MODEL)}", read.dims)
    keys = [*read.dims, "currency"]
    table = decomposed(cells_of(rows, keys, first, second), keys)
    names = dict(zip(read.dims, read.by, strict=True))
    table = table.rename(names).with_columns(
        before_start=pl.lit(first, pl.Datetime("us", "UTC")), after_start=pl.lit(second, pl.Datetime("us", "UTC"))
    )
    table = table.with_columns(_size=pl.col("change").abs())
    order = ["currency", "_size", *(name for name in read.by if not table.schema[name].is_nested())]
    down = [False, True, *[False] * (len(order) - 2)]
    return table.sort(order, descending=down, nulls_last=True).select(*read.by, *COLUMNS)


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
        raise InputError(f"{name}={value!r} is not the start of a bucket with any cost or tokens: {starts}.")
    return found
