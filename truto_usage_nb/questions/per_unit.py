"""What one request, commit or active person cost: money over a count, where both are known and counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.choices import Choices, Question, check_dims
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.digest import DigestPlan, within_period
from truto_usage_nb.costs.lines import COARSE, frame_facts, refuse_too_many, rule_lines
from truto_usage_nb.costs.overlaps import Stretches
from truto_usage_nb.costs.series_of_record import DAY, series_name, shape
from truto_usage_nb.costs.tables import counted_once, matched
from truto_usage_nb.costs.tokens import with_tokens
from truto_usage_nb.errors import FrameError, InputError, OverlapError, did_you_mean, tell
from truto_usage_nb.format import money as written
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.people import PERSON, WHO, who_columns, with_people
from truto_usage_nb.schema import field

__all__ = ["unit_costs"]

_COLUMNS = ("currency", "cost", "units", "cost_per_unit", "unit")
_PRODUCT = ("product_id", "product_name")
_SLIGHT = 0.01
"""The share of an account's money that other products may have without a word."""
_NAMED = 5
_USER = ("user_id", "user_email", "user_name")


@dataclass(frozen=True, slots=True)
class _Unit:
    """Name the columns that count a unit, the first that an account states counting."""

    columns: tuple[str, ...]
    instead: str = ""


_UNITS = {
    "request": _Unit(("usage_requests_total",)),
    "session": _Unit(("usage_sessions_distinct",), 'ask per="active_user" or per="request"'),
    "conversation": _Unit(
        ("usage_conversations_thread_count", "usage_conversations_distinct"), 'ask per="active_user" or per="request"'
    ),
    "commit": _Unit(("usage_code_commits",)),
    "pull_request": _Unit(("usage_code_pull_requests",)),
    "accepted_line": _Unit(("usage_code_lines_accepted_added",)),
    "active_user": _Unit(("user_id", "user_email")),
}


def unit_costs(frame: Any, per: str, by: str | Sequence[str] | None = None, **choices: Unpack[Choices]) -> Any:
    """Say what one unit of work cost: billed money over a count.

    `per`: "request", "session", "conversation", "commit", "pull_request", "accepted_line" or "active_user". Comes back
    as the kind that came in, a row per value of `by` and currency: `cost`, `units`, `cost_per_unit` (null without
    units) and `unit`. The money is all that the accounts which count the unit cost; accounts that do not count it are
    left out and told, so that a cluster's bill is no part of a commit's price. Where such an account also bills
    products that made none of the units, as an API beside Claude Code, a UsageWarning says which products stand in the
    cost, with their money. To narrow it, filter the frame first, as to one product or surface.

    A count that several reports of an account state is taken from one. An active user is a distinct person with any
    record of use, over the whole of each row: within an account an id, whatever e-mails it had, and across accounts
    whoever has had one e-mail. Two ids of an account are two people, and an e-mail of both is told as a UsageWarning.
    Sessions and conversations are distinct counts: they are never added over days or people, so they are divided by
    only where a row rests on a single record of an account, or, for conversations, on Codex's threads, which add up. A
    unit belongs to the currency of its account, or of its day where an account has two.

    Raises InputError for another unit, FrameError where distinct counts would have to be added, with the remedy, and
    what `cost_per` raises.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.unit_costs(usage, "request")["units"].to_list()
    [465]
    """
    if not isinstance(per, str) or per not in _UNITS:
        raise InputError(f"per={shown(per)} is no unit.{did_you_mean(per, _UNITS)} Allowed: {', '.join(_UNITS)}.")
    native = enter(frame)
    question = Question.of(by, None, "UTC", "billed", choices)
    check_dims(question.by, _COLUMNS)
    finer = _by_product(native, per, question)
    money, counted = _money(native, finer), _units_of(native, per, finer)
    if finer is not question and (told := _numerator(money, counted, per)):
        tell(told)
    return native.leave(_table(money, counted, per, question.by))


def _by_product(native: Native, per: str, question: Question) -> Question:
    """The question by product too, where units add up, records name products, and the caller's rows do not."""
    if {"product_id", "product_name"} & set(question.by) or not {*_PRODUCT} <= set(native.columns):
        return question
    described = [field(column) for column in _UNITS[per].columns]
    if not all(each is not None and each.additivity == "sum" for each in described):
        return question
    return replace(question, by=(*question.by, *_PRODUCT))


def _numerator(money: pl.DataFrame, counted: pl.DataFrame, per: str) -> str:
    """Say of each account which products stand in its cost and made none of the units."""
    name = pl.coalesce(*reversed(_PRODUCT), pl.lit("(no product)")).alias("name")
    unit = per.replace("_", " ")
    made_by: dict[str | None, set[str]] = {}
    for account, product in counted.filter(pl.col("n") != 0).select("__account", name).unique().iter_rows():
        made_by.setdefault(account, set()).add(product)
    sums = money.group_by("__account", name, "currency").agg(pl.col("money").sum()).filter(pl.col("money") != 0)
    parts = []
    for account, made in sorted(made_by.items(), key=lambda each: str(each[0])):
        rows = sums.filter(pl.col("__account").eq_missing(pl.lit(account)))
        mine = rows.filter(pl.col("name").is_in(made))
        others = rows.filter(~pl.col("name").is_in(made))
        if _size(others) <= _SLIGHT * _size(rows):
            continue
        of = f"the cost per {unit} of {account} is all that it bills"
        if mine.height:
            parts.append(f"{of}: {_listed(mine)}, which made the {unit}s, and {_listed(others)}, which made none")
        else:
            parts.append(f"{of}: {_listed(others)}; its records do not say which of them made the {unit}s")
    return f"{'; '.join(parts)}. To narrow it, filter the frame by product_name first." if parts else ""


def _size(sums: pl.DataFrame) -> float:
    return float(sums["money"].abs().sum())


def _listed(sums: pl.DataFrame) -> str:
    """Name products with their money, the largest first, and the rest as one."""
    ranked = sums.sort(pl.col("money").abs(), "name", descending=[True, False])
    named = [f"{name} {written(amount, currency)}" for name, currency, amount in _rows(ranked.head(_NAMED))]
    rest = ranked.slice(_NAMED).group_by("currency").agg(pl.col("money").sum()).sort("currency")
    if rest.height:
        amounts = " and ".join(written(amount, currency) for currency, amount in rest.iter_rows())
        named.append(f"{ranked.height - _NAMED:,} more {amounts}")
    return ", ".join(named)


def _rows(sums: pl.DataFrame) -> list[tuple[str, str | None, float]]:
    return sums.select("name", "currency", "money").rows()


def _money(native: Native, question: Question) -> pl.DataFrame:
    """Billed money by account, day, dimensions and currency."""
    read = matched(native, question)
    dims = [pl.col(dim).alias(name) for dim, name in zip(read.dims, read.by, strict=True)]
    rows = read.rows.filter(pl.col("money_n") > 0)
    return rows.select(
        pl.col("integrated_account_id").alias("__account"), pl.col("start").alias("__day"), *dims, "currency", "money"
    )


def _units_of(native: Native, per: str, question: Question) -> pl.DataFrame:
    """Units by account, day and dimensions: `n`, or for people `person`."""
    require(native, (*_UNITS[per].columns, *question.by), f"unit_costs per {per}")
    native = _checked(native, question)
    lines = rule_lines(native.frame, frame_facts(native), native)
    span = nw.col("__end") - nw.col("__start")
    lines = with_tokens(lines).with_columns(__charged=nw.col("charges_count").fill_null(0) > 0)
    lines = lines.with_columns(
        __shape=shape(),
        __report_type=nw.col("report_type"),
        __day=nw.col("__start") // DAY,
        __days=nw.when(span > 0).then((span + (DAY - 1)) // DAY).otherwise(nw.lit(1)),
        __account=nw.col("integrated_account_id"),
        __integration=nw.col("integration"),
    )
    return _people(lines, question.by) if per == "active_user" else _units(lines, per, question.by)


def _checked(native: Native, question: Question) -> Native:
    """The records that the money was read from: the same are left out."""
    native, _ = within_period(native, question.choices.get("overhang"))
    return counted_once(native, DigestPlan.of((), question.choices), question.choices)[0]


def _people(lines: Any, by: tuple[str, ...]) -> pl.DataFrame:
    """Each person once on each day: those with a record of use. A row that only names someone is no use."""
    some = [nw.col(c).fill_null(0) > 0 for c in ("__tokens", "usage_requests_total")]
    used = nw.any_horizontal(*some, nw.col("__charged"), ignore_nulls=False)
    used = used | nw.col("usage_activity_is_active").fill_null(False)
    seen = lines.with_columns(**who_columns(), __used=used).select("__day", *by, *WHO, "__used")
    rows, told = with_people(collect(seen.unique()))
    if told:
        tell("; ".join(told) + ".")
    rows = rows.filter(pl.col("__used") & pl.col(PERSON).is_not_null())
    return rows.select("__account", "__day", *by, PERSON).unique().with_columns(n=pl.lit(1, pl.Int64))


def _units(lines: Any, per: str, by: tuple[str, ...]) -> pl.DataFrame:
    columns = _UNITS[per].columns
    values = {f"__n{i}": nw.col(c).fill_null(0) for i, c in enumerate(columns)}
    ones = {f"__r{i}": (nw.col(c).fill_null(0) != 0).cast(nw.Int64) for i, c in enumerate(columns)}
    keys = ["__account", "__integration", "__report_type", "__shape", "__day", "__days", *by]
    given = lines.with_columns(**values, **ones).group_by(*keys)
    coarse = {f"__c{i}": nw.col(f"__n{i}") // COARSE for i in range(len(columns))}  # before a sum can run over
    least = collect(lines.with_columns(**values).select(**{name: value.sum() for name, value in coarse.items()}))
    refuse_too_many(max(abs(float(each or 0)) for each in least.row(0)) * COARSE, f"The {per.replace('_', ' ')}s")
    rows = collect(given.agg(*(nw.col(name).sum() for name in (*values, *ones))))
    rows = rows.with_columns(__series=series_name("__shape", "__integration", "__report_type"))
    chosen = [_one_count(part, columns, per, by) for part in rows.partition_by("__account")]
    parts = [part for part in chosen if part is not None]
    if not parts:
        raise FrameError(
            f"No record here counts {per.replace('_', ' ')}s ({' or '.join(columns)}). Load a report that does: "
            f'report_type="activity" for Claude, Codex, or the daily view of Cursor.'
        )
    return pl.concat(parts, how="vertical_relaxed")


def _one_count(rows: pl.DataFrame, columns: tuple[str, ...], per: str, by: tuple[str, ...]) -> pl.DataFrame | None:
    """One account's count from one column and one series."""
    place = next((i for i in range(len(columns)) if (rows[f"__n{i}"] != 0).any()), None)
    if place is None:
        return None
    rows = _one_series(rows.filter(pl.col(f"__n{place}") != 0), per, by)
    described = field(columns[place])
    if described is not None and described.additivity == "distinct":
        _refuse_distinct(rows, columns[place], f"__r{place}", per, by)
    return rows.select("__account", "__day", *by, pl.col(f"__n{place}").alias("n"), __person=pl.lit(None, pl.Int64))


def _one_series(rows: pl.DataFrame, per: str, by: tuple[str, ...]) -> pl.DataFrame:
    """At each time the first series that counts; each product has its own, as Codex and the API beside it."""
    account, known = rows["__account"][0], INTEGRATIONS.get(rows["__integration"][0] or "")
    order = () if known is None else known.counted
    if known is not None and set(by) & {*_USER}:
        order = tuple(dict.fromkeys((*known.counted_by_person, *order)))
    found = rows["__series"].unique().to_list()
    if len(found) > 1 and any(name not in order for name in found):
        names = " and ".join(sorted(str(name) for name in found))
        raise OverlapError(f"{account} counts {per.replace('_', ' ')}s by {names}; keep the records of one of them.")
    rank = {name: position for position, name in enumerate(order)}
    products = {name or "": "" if known is None else known.product(name) for name in found}
    ranked = rows.with_columns(
        rank=pl.col("__series").replace_strict(rank, default=len(rank), return_dtype=pl.Int64),
        product=pl.col("__series").fill_null("").replace_strict(products, return_dtype=pl.String),
    )
    parts = [_first_at_each_time(part) for part in ranked.partition_by("product")]
    return pl.concat(parts).drop("rank", "product")


def _first_at_each_time(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out what a series before states of the same time, however long the records of either are."""
    span = ["__day", "__days"]
    rows = rows.with_columns(pl.col("__day").fill_null(-1), pl.col("__days").fill_null(1))
    kept: list[pl.DataFrame] = []
    for part in rows.sort("rank", maintain_order=True).partition_by("rank", maintain_order=True):
        held = pl.concat(kept).select(span).unique().rows() if kept else []
        before, spans = Stretches((day, day + days) for day, days in held), part.select(span).unique()
        free = [not before.meets(day, day + days) for day, days in spans.rows()]
        kept.append(part.join(spans.filter(pl.Series(free)), on=span, how="semi"))
    return pl.concat(kept)


def _refuse_distinct(rows: pl.DataFrame, column: str, count: str, per: str, by: tuple[str, ...]) -> None:
    sums = rows.group_by(list(by) or pl.lit(1)).agg(pl.col(count).sum().alias("n"))
    records = max(sums["n"].to_list())
    if records > 1:
        account = rows["__account"][0]
        raise FrameError(
            f"{column} counts distinct {per}s of a record, and {account} has up to {records} such records to a row: "
            f"their sum would count a {per} once for every day and person it was seen with. Load one record for the "
            f"whole period, divide by a sum of your own, or {_UNITS[per].instead}."
        )


def _table(money: pl.DataFrame, counted: pl.DataFrame, per: str, by: tuple[str, ...]) -> pl.DataFrame:
    counted = _in_currency(counted, money)
    accounts = counted["__account"].unique()
    left_out = sorted(set(money["__account"].drop_nulls()) - set(accounts))
    if left_out:
        tell(
            f"{', '.join(left_out)}: no {per.replace('_', ' ')}s are counted there, so their cost is left out.",
        )
    keys = [*by, "currency"]
    cost = (
        money.filter(pl.col("__account").is_in(accounts.implode()))
        .group_by(keys)
        .agg(pl.col("money").sum().alias("cost"))
    )
    number = pl.col(PERSON).n_unique() if per == "active_user" else pl.col("n").sum()
    units = counted.group_by(keys).agg(number.cast(pl.Int64).alias("units"))
    table = cost.join(units, on=keys, how="full", nulls_equal=True, coalesce=True)
    ratio = pl.when(pl.col("units") > 0).then(pl.col("cost") / pl.col("units"))
    table = table.with_columns(cost_per_unit=ratio, unit=pl.lit(per)).select(*by, *_COLUMNS)
    flat = [name for name in by if not table.schema[name].is_nested()]
    order = [in_blocks(table, "cost"), "currency", "cost", *flat]
    return table.sort(order, descending=[False, False, True, *[False] * len(flat)], nulls_last=True)


def _in_currency(counted: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """Units take their account's only currency, else the only one of their account and day, else none."""
    stated = money.filter(pl.col("money") != 0)
    only = _only(stated, ["__account"], "of_account")
    of_day = _only(stated, ["__account", "__day"], "of_day")
    rows = counted.join(only, on="__account", how="left", nulls_equal=True)
    rows = rows.join(of_day, on=["__account", "__day"], how="left", nulls_equal=True)
    return rows.with_columns(currency=pl.coalesce("of_account", "of_day"))


def _only(money: pl.DataFrame, keys: list[str], name: str) -> pl.DataFrame:
    grouped = money.group_by(keys).agg(pl.col("currency").n_unique().alias("n"), pl.col("currency").min().alias(name))
    return grouped.filter(pl.col("n") == 1).drop("n")
