"""One length of record in one series: a week and a day inside it, equal in every dimension, state one thing twice.

Whether two records are equal is asked of the records themselves, and only where the digest shows that a short one lies
inside a longer one of its series. Another metric, resource, model or product is another thing; a refund is no statement
of the whole; instants, equal stretches of time and states of a cycle are never refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.digest import TIERS, Digest
from truto_usage_nb.costs.facts import Said, look
from truto_usage_nb.costs.ruled import prepared
from truto_usage_nb.costs.shapes import named
from truto_usage_nb.errors import OverlapError
from truto_usage_nb.format import money, number
from truto_usage_nb.models import model_identity
from truto_usage_nb.native import Native, collect, each_part, with_instants
from truto_usage_nb.schema import folded_currency

__all__ = ["one_length"]

_SERIES = ["integrated_account_id", "integration", "report_type", "series"]
_DIMENSIONS = (
    "organization_id", "product_id", "metric_name", "model_id", "surface", "user_id", "user_email", "resources_id",
    "resources_workspace_id", "charges_currency",
)  # fmt: skip
"""What two records must have in common to state one thing."""
_MEASURES = ("money", "list", "tokens")
_TEXT = "__text"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Inside:
    """Hold the records of suspicious series, grouped by what they are of: `of` names the columns that say so."""

    rows: pl.DataFrame
    of: list[str]


def one_length(native: Native, digest: Digest, granularity: str | None, said: Said) -> tuple[Native, list[str]]:
    """Refuse one series in several lengths over the same time, until `granularity` picks one; tell partial overlaps.

    Gives the records that count, and what was left out. Raises OverlapError that shows two of them.
    """
    suspects = _suspects(digest)
    if not suspects.height:
        return native, []
    found = native.once(("lengths", repr(said)), lambda: _read(native, suspects, said))
    nested = _nested(found)
    if not nested.height:
        return native, _partly(found)
    if granularity is None:
        raise OverlapError(_refusal(nested, found))
    return _picked(native, found, nested, granularity)


def _suspects(digest: Digest) -> pl.DataFrame:
    """The series of which some record lies in, or overlaps, a longer one."""
    says = (pl.col("money_n") > 0) | (pl.sum_horizontal("tokens", "covered_tokens") != 0)
    known = (pl.col("length") > 0) & pl.col("cycle").is_null() & pl.col("end").is_not_null() & says
    spans = digest.rows.filter(known).select(*_SERIES, "start", "end", "length").unique()
    spans = spans.filter(pl.col("length").len().over(_SERIES) > 1)
    spans = spans.sort(*_SERIES, "start", "end", "length", descending=[False] * 5 + [True, True], nulls_last=True)
    reach = pl.col("end").cum_max().shift(1).over(_SERIES)
    return spans.filter(pl.col("start") < reach).select(_SERIES).unique()


def _read(native: Native, suspects: pl.DataFrame, said: Said) -> _Inside:
    """The suspicious series' records, by what they are of and when: how much of each measure they state."""
    accounts = suspects["integrated_account_id"].unique()
    mine = nw.col("integrated_account_id").is_in(accounts.drop_nulls().to_list()).fill_null(False)
    if accounts.null_count():
        mine = mine | nw.col("integrated_account_id").is_null()
    some = replace(native, frame=native.frame.filter(mine))
    of = [c for c in (*_DIMENSIONS, *TIERS, "resources_count") if c in some.columns]
    keys = [*_SERIES[:3], "__shape", "__start", "__end", *of, _TEXT]
    parts = each_part(some, lambda part: _stated(part, keys, said))
    rows = pl.concat(parts).group_by(keys).agg(pl.col(*_MEASURES, "records").sum())
    rows = rows.with_columns(series=named("__shape", "integration", "report_type"))
    rows = rows.join(suspects, on=_SERIES, how="semi", nulls_equal=True)
    return _Inside(_folded(rows, of), [*_SERIES, *of])


def _stated(native: Native, keys: list[str], said: Said) -> pl.DataFrame:
    lines = prepared(native, look(native, said=said), said, kinds=False)
    counts = ~nw.col("__is_state") & (nw.col("__end") > nw.col("__start"))
    values = {"money": nw.col("cost_billed"), "list": nw.col("cost_list"), "tokens": nw.col("__tokens")}
    lines = lines.filter(counts.fill_null(False)).with_columns(
        **{f"s_{name}": value.cast(nw.Float64()).fill_null(0.0) for name, value in values.items()},
        **{_TEXT: _text(native.columns)},
    )
    grouped = lines.group_by(*keys).agg(
        *(nw.col(f"s_{name}").sum().alias(name) for name in values), nw.len().alias("records")
    )
    times = ("__shape", "__start", "__end", "resources_count")
    return collect(grouped).with_columns(
        *(pl.col(c).cast(pl.Int64 if c in times else pl.String) for c in keys),
        pl.col(_MEASURES).cast(pl.Float64), pl.col("records").cast(pl.Int64),
    )  # fmt: skip


def _text(columns: list[str]) -> nw.Expr:
    """What a record is of and when, as one text: it tells records apart in a filter that every engine understands."""
    names = [c for c in (*_SERIES[:3], *_DIMENSIONS, *TIERS, "resources_count") if c in columns]
    parts = [nw.col(c).cast(nw.String()).fill_null("\x1e") for c in (*names, "__start", "__end")]
    return nw.concat_str(*parts, separator="\x1f")


def _folded(rows: pl.DataFrame, of: list[str]) -> pl.DataFrame:
    """Dimensions as they are compared: a model by its identity, a person by the id, a currency folded."""
    folds: dict[str, Callable[[str], str | None]] = {"model_id": model_identity, "charges_currency": folded_currency}
    for column, fold in folds.items():
        if column in of:
            names = rows[column].unique().drop_nulls().to_list()
            found = pl.col(column).replace_strict(names, [fold(n) for n in names], return_dtype=pl.String)
            rows = rows.with_columns(found if names else pl.col(column))
    if {"user_id", "user_email"} <= set(of):
        mail = pl.col("user_email").str.strip_chars().str.to_lowercase()
        rows = rows.with_columns(user_email=pl.when(pl.col("user_id").is_null()).then(mail))
    return rows


def _by_measure(found: _Inside, measure: str) -> pl.DataFrame:
    """The stretches of time of which a measure is stated, the longest first where they begin together.

    `reach` is the latest end, and `holder` the stretch, of those that begin before.
    """
    keys = [*found.of, "__start", "__end"]
    stated = found.rows.filter(pl.col(measure) > 0).group_by(keys).agg(pl.col(measure).sum(), pl.col("records").sum())
    stated = stated.sort(*keys, descending=[False] * (len(keys) - 1) + [True], nulls_last=True)
    ends = pl.col("__end").cum_max().over(found.of)
    opens = pl.when(pl.col("__end") == ends).then(pl.col("__start")).forward_fill().over(found.of)
    amount = pl.when(pl.col("__end") == ends).then(pl.col(measure)).forward_fill().over(found.of)
    return stated.with_columns(
        reach=ends.shift(1).over(found.of), opened=opens.shift(1).over(found.of), holds=amount.shift(1).over(found.of)
    )


def _nested(found: _Inside) -> pl.DataFrame:
    """Records inside a longer one that states the same: with `reach` and `opened`, the longer one's end and start."""
    parts = []
    for measure in _MEASURES:
        inside = _by_measure(found, measure).filter(pl.col("__end") <= pl.col("reach"))
        parts.append(inside.rename({measure: "amount"}).with_columns(measure=pl.lit(measure)))
    return pl.concat(parts, how="diagonal_relaxed")


def _refusal(nested: pl.DataFrame, found: _Inside) -> str:
    row = nested.sort(*found.of, "__start", "__end", nulls_last=True).row(0, named=True)
    short, long = _length(row["__start"], row["__end"]), _length(row["opened"], row["reach"])
    both = short if short == long else f"{short} and by {long}"
    pick = " or ".join(f"granularity={name!r}" for name in dict.fromkeys((short, long)))
    if short == long:
        pick = "keep the records of one of the two with a filter on start_date and end_date"
    else:
        pick = f"pick one: {pick}, which says what it leaves out"
    longer, shorter = _span(row["opened"], row["reach"]), _span(row["__start"], row["__end"])
    return (
        f"{row['integrated_account_id']}: {row['series'] or row['integration']} is there by {both} for the same time, "
        f"so everything would count twice: {longer} states {_amount(row, row['holds'])}, and {shorter} inside it "
        f"{_amount(row, row['amount'])}{_what(row)}. Count each thing once: {pick}."
    )


def _amount(row: dict[str, object], amount: float) -> str:
    currency = row.get("charges_currency")
    return (
        f"{number(amount)} tokens" if row["measure"] == "tokens" else money(amount, str(currency) if currency else None)
    )


def _what(row: dict[str, object]) -> str:
    """What both records are of, in words."""
    named_ = [f"{c} {row[c]!r}" for c in _DIMENSIONS if c != "charges_currency" and row.get(c) is not None]
    return f", both of {', '.join(named_)}" if named_ else ""


def _span(start: int, end: int) -> str:
    first, last = (_EPOCH + timedelta(microseconds=each) for each in (start, end))
    plain = "%Y-%m-%d" if not (start % 86_400_000_000 or end % 86_400_000_000) else "%Y-%m-%dT%H:%M"
    return f"the record of {first:{plain}} to {last:{plain}}"


def _length(start: int, end: int) -> str:
    hours = (end - start) / 3_600_000_000
    limits = ((1, "minute"), (24, "hour"), (48, "day"), (28 * 24, "week"))
    return next((name for limit, name in limits if hours < limit), "month" if hours <= 31 * 24 else "longer")


def _partly(found: _Inside) -> list[str]:
    """Say which records of one series overlap in part: nothing tells what of them is stated twice."""
    told = []
    for measure in ("money", "tokens"):
        part = _by_measure(found, measure).filter(pl.col("__start") < pl.col("reach"))
        for (account, series), rows in part.group_by("integrated_account_id", "series", maintain_order=True):
            row = rows.with_columns(measure=pl.lit(measure)).row(0, named=True)
            told.append(
                f"{account}: {int(rows['records'].sum()):,} records of {series} overlap others in part, such as "
                f"{_span(row['__start'], row['__end'])} and {_span(row['opened'], row['reach'])}, with "
                f"{_amount(row, float(rows[measure].sum()))}: both count in full"
            )
    return told


def _picked(native: Native, found: _Inside, nested: pl.DataFrame, granularity: str) -> tuple[Native, list[str]]:
    """Leave out the records of other lengths that meet one of the wanted length, of what is stated twice."""
    twice = nested.select(found.of).unique()
    rows = found.rows.join(twice, on=found.of, how="semi", nulls_equal=True)
    rows = rows.with_columns(length=pl.Series([_length(s, e) for s, e in rows.select("__start", "__end").iter_rows()]))
    wanted = rows.filter(pl.col("length") == granularity).select(*found.of, begin="__start", finish="__end")
    others = rows.filter(pl.col("length") != granularity)
    out = others.join(wanted, on=found.of, how="inner", nulls_equal=True).filter(
        (pl.col("__start") < pl.col("finish")) & (pl.col("begin") < pl.col("__end"))
    )
    out = out.select(others.columns).unique()
    if not out.height:
        raise OverlapError(_refusal(nested, found))
    told = (
        f"only the records by {granularity} count: {int(out['records'].sum()):,} of other lengths are left out, with "
        f"{_sums(out)}"
    )
    return _without(native, out[_TEXT].to_list()), [told]


def _sums(rows: pl.DataFrame) -> str:
    sums = rows.group_by("charges_currency").agg(pl.col("money").sum()).filter(pl.col("money") != 0)
    amounts = [
        money(amount, currency) for currency, amount in sums.sort("charges_currency", nulls_last=True).iter_rows()
    ]
    tokens = float(rows["tokens"].sum())
    return " and ".join([*amounts, *([f"{number(tokens)} tokens"] if tokens or not amounts else [])])


def _without(native: Native, texts: list[str]) -> Native:
    columns = native.columns
    frame = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date"})
    frame = frame.filter(~_text(columns).is_in(texts)).drop("__start", "__end")
    return replace(native, frame=frame)
