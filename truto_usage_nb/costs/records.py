"""Checks of the records themselves, before they are added up: duplicates, accounts linked twice, totals, lengths.

A week and a day inside it, equal in every dimension, state one thing twice. Whether two records are equal is asked of
the records themselves, and only where the digest shows that a short one lies inside a longer one of its series. Another
metric, resource, model or product is another thing; a refund is no statement of the whole; instants, equal stretches of
time and states of a cycle are never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.digest import TIERS, Digest, DigestPlan, digest
from truto_usage_nb.costs.lines import table_lines
from truto_usage_nb.costs.rule import CallerRules
from truto_usage_nb.costs.series_of_record import DAY, series_name
from truto_usage_nb.errors import DuplicateError, FrameError, OverlapError, did_you_mean
from truto_usage_nb.format import money, number
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.models import model_identity
from truto_usage_nb.native import Native, collect, each_part, suspects, with_instants
from truto_usage_nb.outside import shown
from truto_usage_nb.repeats import CONTESTED, RECORD, contest, day_text, repeated
from truto_usage_nb.schema import RECORD_KEY, folded_currency

__all__ = ["check_records", "one_length"]

LIMIT = 1_000_000
"""Up to so many records a table looks for repeated keys; beyond, loading has done it."""


def check_records(native: Native, digest: Digest, choices: Mapping[str, Any]) -> tuple[Native, Digest]:
    """Refuse, or leave out as told, what must not be added up. Raises DuplicateError, OverlapError."""
    _refuse_strangers(digest, choices)
    if choices.get("overlap", "check") == "allow":
        return native, digest
    few = int(digest.rows["records"].sum()) <= LIMIT
    if few:
        native.once("duplicates", lambda: _refuse_duplicates(native))
    if digest.rows["integration"].is_in(_stating_months()).any():
        native.once("totals", lambda: _refuse_totals_beside_parts(native))
    left = _linked_twice(native, digest, choices.get("keep_account"), every_day=few)
    return (_of_accounts(native, left) if left.rows.height < digest.rows.height else native), left


def _stating_months() -> list[str]:
    return integrations_that(lambda each: each.cycle == "product")


def _refuse_strangers(digest: Digest, choices: Mapping[str, Any]) -> None:
    """Refuse an account that no record is of: a misspelt one would silently decide nothing."""
    known = digest.rows["integrated_account_id"].drop_nulls().unique().sort().to_list()
    if not known or choices.get("overhang") == "drop":  # which may leave out all that an account has
        return
    kept = choices.get("keep_account")
    named = [("contract", account) for account in choices.get("contract") or ()]
    for name, account in [*named, *([("keep_account", kept)] if kept is not None else [])]:
        if account not in known:
            some = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
            raise FrameError(
                f"{name} names {shown(account)}, which is none of the accounts of this frame."
                f"{did_you_mean(account, known)} It has {some}."
            )


def _of_accounts(native: Native, digest: Digest) -> Native:
    """Give the records of the accounts that the checks left in."""
    accounts = digest.rows["integrated_account_id"].unique()
    account = nw.col("integrated_account_id")
    held = account.is_in(accounts.drop_nulls().to_list())
    return replace(native, frame=native.frame.filter(held | account.is_null() if accounts.null_count() else held))


def _refuse_duplicates(native: Native) -> None:
    found = repeated(native)
    if found[CONTESTED].any():
        raise DuplicateError(contest(found))
    if found.height:
        extra = found.height - found[RECORD].n_unique()
        account, _, first, start, *_ = found.select(RECORD_KEY).sort(*RECORD_KEY).row(0)
        here = "1 record is" if extra == 1 else f"{extra:,} records are"
        raise DuplicateError(
            f"{here} here twice, such as {first!r} of {account} from {day_text(start)}: the same account, report type, "
            f"id, dates and dimensions. Clean up with deduplicate(frame) first."
        )


def _linked_twice(native: Native, digest: Digest, kept: str | None, *, every_day: bool) -> Digest:
    """Two accounts of one integration that serve the same records are one organisation linked twice.

    Among millions of records the first day that two accounts share is looked at: whoever serves the same records
    serves them on that day.
    """
    days = _shared_days(digest)
    if not days:
        return digest
    asked = ("linked", None if every_day else tuple(days))
    pairs = native.once(asked, lambda: _pairs(native, None if every_day else days))
    names = sorted({*pairs["one"], *pairs["other"]})
    if not names:
        return digest
    if kept is None:
        raise OverlapError(
            f"The accounts {' and '.join(names)} serve the same {int(pairs['n'].sum())} records: one organisation "
            f"linked twice. Pick one: keep_account={names[0]!r}."
        )
    if kept not in names:
        raise FrameError(
            f"keep_account={shown(kept)} is none of the accounts that serve the same records: {', '.join(names)}."
        )
    left_out = [name for name in names if name != kept]
    rows = digest.rows.filter(~pl.col("integrated_account_id").is_in(left_out).fill_null(value=False))
    return digest.with_rows(rows, f"{', '.join(left_out)} left out: the same organisation as {kept}")


def _pairs(native: Native, days: list[int] | None) -> pl.DataFrame:
    """The accounts (`one`, `other`) that serve the same records, and how many (`n`), on these days or all."""
    native = suspects(native, ("integration", "organization_id", "id", "start_date")) if days is None else native
    seen = with_instants(native, native.frame, {"__start": "start_date"})
    some = seen.filter(~nw.col("id").is_null())
    if days is not None:
        some = some.filter((nw.col("__start") // DAY).is_in(days))
    account = nw.col("integrated_account_id")
    ends = some.group_by("integration", "organization_id", "id", "__start").agg(
        account.min().alias("one"), account.max().alias("other")
    )
    return collect(ends.filter(nw.col("one") != nw.col("other")).group_by("one", "other").agg(nw.len().alias("n")))


def _shared_days(digest: Digest) -> list[int]:
    """The first day (since 1970) that each two accounts of one integration share."""
    day = pl.col("start") * digest.bin // DAY
    known = digest.rows.filter(pl.col("start").is_not_null())
    accounts = known.group_by("integration", "integrated_account_id")
    spans = accounts.agg(day.min().alias("first"), day.max().alias("last"))
    pairs = spans.join(spans, on="integration", suffix="_other")
    pairs = pairs.filter(pl.col("integrated_account_id") < pl.col("integrated_account_id_other"))
    begin = pl.max_horizontal("first", "first_other")
    shared = pairs.filter(begin <= pl.min_horizontal("last", "last_other")).select(begin.unique().alias("day"))
    return shared["day"].to_list()


def _refuse_totals_beside_parts(native: Native) -> None:
    """A record with a total alone beside one with parts, for the same product and period, is that record's sum."""
    key = ("integrated_account_id", "organization_id", "product_id", "metric_name", "start_date", "end_date")
    theirs = nw.col("integration").is_in(_stating_months()).fill_null(False)
    months = native.frame.filter(theirs & (nw.col("charges_count").fill_null(0) > 0))
    months = months.filter(~(nw.col("charges_total") < 0).fill_null(False))  # a refund states no total of the parts
    parts = ~nw.col("charges_committed").is_null() | ~nw.col("charges_on_demand").is_null()
    marked = months.with_columns(
        **{"has_parts": parts.cast(nw.Int64), "has_total": (~parts & ~nw.col("charges_total").is_null()).cast(nw.Int64)}
    )
    grouped = collect(marked.group_by(*key).agg(nw.col("has_parts").sum(), nw.col("has_total").sum()))
    both = grouped.filter((pl.col("has_parts") > 0) & (pl.col("has_total") > 0))
    if both.height:
        account, organization, product, *_ = both.row(0)
        raise OverlapError(
            f"{account} states {product} of {organization} twice for one period: a record with a total alone beside "
            f"one with its parts. Leave out the records with neither committed nor on_demand."
        )


# one length of record in one series -----------------------------------------------------------------------------------

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


def one_length(native: Native, read: Digest, plan: DigestPlan, granularity: str | None) -> tuple[Native, Digest]:
    """Refuse one series in several lengths over the same time, until `granularity` picks one; tell partial overlaps.

    Gives the records that count and their digest. Raises OverlapError that shows two of them.
    """
    suspects = _suspects(read)
    if not suspects.height:
        return native, read
    found = native.once(("lengths", repr(plan.rules)), lambda: _read(native, suspects, plan.rules))
    nested = _nested(found)
    if not nested.height:
        return native, read.with_rows(read.rows, *_partly(found))
    if granularity is None:
        raise OverlapError(_refusal(nested, found))
    kept, told = _picked(native, found, nested, granularity)
    again = digest(kept, replace(plan, bin=read.bin))
    return kept, again.with_rows(again.rows, told)


def _suspects(digest: Digest) -> pl.DataFrame:
    """The series of which some record lies in, or overlaps, a longer one."""
    says = (pl.col("money_n") > 0) | (pl.sum_horizontal("tokens", "covered_tokens") != 0)
    known = (pl.col("length") > 0) & pl.col("cycle").is_null() & pl.col("end").is_not_null() & says
    spans = digest.rows.filter(known).select(*_SERIES, "start", "end", "length").unique()
    spans = spans.filter(pl.col("length").len().over(_SERIES) > 1)
    spans = spans.sort(*_SERIES, "start", "end", "length", descending=[False] * 5 + [True, True], nulls_last=True)
    reach = pl.col("end").cum_max().shift(1).over(_SERIES)
    return spans.filter(pl.col("start") < reach).select(_SERIES).unique()


def _read(native: Native, suspects: pl.DataFrame, rules: CallerRules) -> _Inside:
    """The suspicious series' records, by what they are of and when: how much of each measure they state."""
    accounts = suspects["integrated_account_id"].unique()
    mine = nw.col("integrated_account_id").is_in(accounts.drop_nulls().to_list()).fill_null(False)
    if accounts.null_count():
        mine = mine | nw.col("integrated_account_id").is_null()
    some = replace(native, frame=native.frame.filter(mine))
    of = [c for c in (*_DIMENSIONS, *TIERS, "resources_count") if c in some.columns]
    keys = [*_SERIES[:3], "__shape", "__start", "__end", *of, _TEXT]
    parts = each_part(some, lambda part: _stated(part, keys, rules))
    rows = pl.concat(parts).group_by(keys).agg(pl.col(*_MEASURES, "records").sum())
    rows = rows.with_columns(series=series_name("__shape", "integration", "report_type"))
    rows = rows.join(suspects, on=_SERIES, how="semi", nulls_equal=True)
    return _Inside(_folded(rows, of), [*_SERIES, *of])


def _stated(native: Native, keys: list[str], rules: CallerRules) -> pl.DataFrame:
    lines = table_lines(native, rules, kinds=False)
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


def _picked(native: Native, found: _Inside, nested: pl.DataFrame, granularity: str) -> tuple[Native, str]:
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
    return _without(native, out[_TEXT].to_list()), told


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
