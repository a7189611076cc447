"""A check that a schedule can run: budgets, unusual days, missing accounts and days, limits on unit prices.

The file is read, and refused, before anything is loaded. What could not be judged is never called fine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.allocation.allocating import allocated
from truto_usage_nb.allocation.rules import FIELDS, RuleBook, read_rules, read_yaml_file
from truto_usage_nb.checks import one_of
from truto_usage_nb.costs.choices import Question
from truto_usage_nb.costs.coverage import coverage, days_over
from truto_usage_nb.costs.tables import build
from truto_usage_nb.errors import FrameError, InputError, UsageError, did_you_mean, hearing
from truto_usage_nb.format import money, number, percent
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, enter, require
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import Period
from truto_usage_nb.questions.oddities import judged
from truto_usage_nb.questions.tables import amount_given, currency_given
from truto_usage_nb.result import UsageResult
from truto_usage_nb.unanswered import failures

__all__ = ["BREACHED", "OK", "UNJUDGED", "Checks", "Finding", "as_json", "as_junit", "as_lines", "check_usage",
           "exit_code", "findings", "read_checks", "span_to_load"]  # fmt: skip

OK, BREACHED, UNJUDGED = "ok", "breached", "not judged"
_PERIODS = ("day", "week", "month", "quarter", "year", "period")
_OF = ("total", "team", "vendor")
_NAMED = ("model", "product", "surface", "integration", "account")
_PAST = timedelta(days=35)
"""What is loaded before the period, so that a usual day is known."""
_LATE = timedelta(days=3)
"""How late records of a day may come: Datadog says 72 hours of its own."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget of all that is paid, of a team of the rules, or of a vendor; `tolerance` is a share of the amount."""

    of: str
    name: str | None
    amount: float
    currency: str
    every: str
    tolerance: float = 0.0

    def __str__(self) -> str:
        return self.name if self.name is not None else "total"


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The most that a million tokens of something may cost."""

    by: str
    name: str
    limit: float
    currency: str

    def __str__(self) -> str:
        return f"{self.by} {self.name}"


@dataclass(frozen=True, slots=True)
class Checks:
    """Hold what a file of checks asks for."""

    what: str
    sha256: str = ""
    period: Any = None
    accounts: tuple[str, ...] = ()
    book: RuleBook | None = None
    budgets: tuple[Budget, ...] = ()
    unusual_by: tuple[str, ...] | None = None
    unusual_at_least: float = 0.0
    unjudged_fails: bool = True
    missing_days: int | None = None
    prices: tuple[UnitPrice, ...] = ()

    @property
    def needs_people(self) -> bool:
        return self.book is not None and self.book.names_people


class Finding(NamedTuple):
    """What one check found."""

    check: str
    name: str
    status: str
    message: str
    currency: str | None = None
    value: float | None = None
    limit: float | None = None


def read_checks(checks: Any) -> Checks:
    """Read a file of checks, or a mapping as it would hold; raises InputError, which names the file and the place."""
    if isinstance(checks, Checks):
        return checks
    if isinstance(checks, Mapping):
        return _read(checks, "The checks", Path(), "")
    if not isinstance(checks, str | Path):
        raise InputError(f"checks={shown(checks)} is no file and no mapping; give the path of check.yml.")
    path = Path(checks)
    given, content = read_yaml_file(path, path.name)
    return _read(given, path.name, path.parent, hashlib.sha256(content).hexdigest())


_KEYS = ("version", "period", "accounts", "rules", "budgets", "unusual", "missing", "unit_prices")


def _read(given: Any, what: str, folder: Path, sha256: str) -> Checks:
    if not isinstance(given, Mapping):
        raise InputError(f"{what} holds no mapping; begin it with 'version: 1'.")
    _known(given, _KEYS, what)
    if str(given.get("version")) != "1":
        raise InputError(f"{what} has the version {shown(given.get('version'))}; write 'version: 1'.")
    if not any(given.get(name) not in (None, "", []) for name in _KEYS[4:]):
        raise InputError(f"{what} checks nothing; give budgets, unusual, missing or unit_prices.")
    period = given.get("period") or None
    if period is not None:
        Period.parse(period if not isinstance(period, list) else tuple(period))
    rules = given.get("rules")
    book = None
    if rules not in (None, ""):
        book = read_rules(folder / rules if isinstance(rules, str) else rules, documented=True)
    budgets = [_budget(one, f"{what}, budget {n}", book) for n, one in enumerate(_list(given, "budgets", what), 1)]
    unusual, least, strict = _unusual(given.get("unusual"), f"{what}: unusual")
    prices = [_price(one, f"{what}, unit price {n}") for n, one in enumerate(_list(given, "unit_prices", what), 1)]
    accounts = tuple(str(each) for each in _list(given, "accounts", what))
    missing = _missing(given.get("missing"), f"{what}: missing")
    return Checks(what, sha256, tuple(period) if isinstance(period, list) else period, accounts, book, tuple(budgets),
                  unusual, least, strict, missing, tuple(prices))  # fmt: skip


def _budget(given: Any, where: str, book: RuleBook | None) -> Budget:
    if not isinstance(given, Mapping):
        raise InputError(f"{where} is {shown(given)}, no mapping; write it like {{vendor: datadog, amount: 9000, …}}.")
    _known(given, (*_OF, "amount", "currency", "period", "tolerance"), where)
    named = [of for of in _OF if of in given]
    if len(named) != 1:
        raise InputError(f"{where} says not whose it is; give one of total: true, team: NAME or vendor: NAME.")
    of = named[0]
    name = None if of == "total" else str(given[of]).strip()
    if of == "vendor" and name not in INTEGRATIONS:
        known = ", ".join(INTEGRATIONS)
        raise InputError(
            f"{where}: the vendor {shown(name)} is unknown.{did_you_mean(name, INTEGRATIONS)} Known: {known}."
        )
    if of == "team":
        _check_team(name, book, where)
    for word in ("amount", "currency", "period"):
        if given.get(word) in (None, ""):
            raise InputError(f"{where} states no {word}; a budget has amount, currency and period, such as month.")
    every = str(given["period"])
    if every not in _PERIODS:
        raise InputError(f"{where}: period={shown(every)} is none.{did_you_mean(every, _PERIODS)} "
                         f"Allowed: {', '.join(_PERIODS)}.")  # fmt: skip
    return Budget(of, name, _positive(given["amount"], f"{where}: amount"), _currency(given["currency"], where), every,
                  _share(given.get("tolerance"), f"{where}: tolerance"))  # fmt: skip


def _check_team(name: str | None, book: RuleBook | None, where: str) -> None:
    if book is None:
        raise InputError(f"{where} is a team's, and no rules say what a team pays; give rules: rules.yml.")
    targets = {rule.to for rule in book.rules if rule.to} | {each for split in book.splits for each in split.among}
    if name not in targets:
        raise InputError(f"{where}: no rule assigns anything to {shown(name)}.{did_you_mean(name, targets)}")


def _unusual(given: Any, where: str) -> tuple[tuple[str, ...] | None, float, bool]:
    """Read by what days are judged, how far beyond what is usual counts, and whether what has no past is a failure."""
    if given in (None, "", False, "false", "no"):
        return None, 0.0, True
    if given in (True, "true", "yes"):
        return ("integration",), 0.0, True
    if not isinstance(given, Mapping):
        raise InputError(f"{where} is {shown(given)}; write unusual: true, or {{by: [integration], at_least: 500}}.")
    _known(given, ("by", "at_least", "unjudged"), where)
    by = given.get("by", "integration")
    names = [str(each) for each in (by if isinstance(by, list | tuple) else [by])]
    columns = tuple(FIELDS[name][0] if name in FIELDS else name.replace(".", "_") for name in names)
    least = given.get("at_least")
    unjudged = given.get("unjudged", "fail")
    one_of(f"{where}: unjudged", unjudged, ("fail", "tell"))
    return columns, 0.0 if least in (None, "") else _positive(least, f"{where}: at_least"), unjudged == "fail"


def _missing(given: Any, where: str) -> int | None:
    if given in (None, "", False, "false", "no"):
        return None
    if given in (True, "true", "yes"):
        return 0
    if not isinstance(given, Mapping):
        raise InputError(f"{where} is {shown(given)}; write missing: true, or {{days: 2}} for so many missing days.")
    _known(given, ("days",), where)
    text = str(given.get("days", "0")).strip()
    if not text.isdecimal():
        raise InputError(f"{where}: days={shown(text)} is no number of days; write days: 2.")
    return int(text)


def _price(given: Any, where: str) -> UnitPrice:
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where} is {shown(given)}, no mapping; write it like {{model: x, per_million_tokens: 4, …}}."
        )
    _known(given, (*_NAMED, "per_million_tokens", "currency"), where)
    named = [name for name in _NAMED if name in given]
    if len(named) != 1:
        raise InputError(f"{where} says not of what; give one of {', '.join(_NAMED)}.")
    limit = _positive(given.get("per_million_tokens"), f"{where}: per_million_tokens")
    return UnitPrice(named[0], str(given[named[0]]).strip(), limit, _currency(given.get("currency"), where))


def _positive(given: Any, where: str) -> float:
    amount = amount_given(where, given)
    if amount <= 0:
        raise InputError(f"{where}={shown(given)} is not above zero; give what may be spent.")
    return amount


def _currency(given: Any, where: str) -> str:
    return currency_given(f"{where}: currency", given)


def _share(given: Any, where: str) -> float:
    if given in (None, ""):
        return 0.0
    text = str(given).strip()
    if not text.endswith("%"):
        raise InputError(f"{where}={shown(given)} is no share of the amount; write it like 5 %.")
    return _positive(text[:-1].strip(), where) / 100


def _list(given: Mapping[str, Any], name: str, what: str) -> list[Any]:
    value = given.get(name)
    if value in (None, ""):
        return []
    if not isinstance(value, list | tuple):
        raise InputError(f"{what}: {name} is {shown(value)}, no list; write each on a line that begins with '-'.")
    return list(value)


def _known(given: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise InputError(
                f"{where} has {shown(name)}, which means nothing here.{did_you_mean(name, known)} "
                f"Known: {', '.join(known)}."
            )


def span_to_load(checks: Checks, period: Period) -> Period:
    """Give what has to be loaded to judge a period: from where the longest budget that holds it begins."""
    start = min([period.start, *(_calendar(each.every, period.start)[0] for each in checks.budgets)])
    past = _calendar("month", period.start - _PAST)[0]  # whole months: some vendors state nothing shorter
    return Period(min(start, past) if checks.unusual_by is not None else start, period.end)


def _calendar(every: str, moment: datetime) -> tuple[datetime, datetime]:
    """The calendar's day, week, month, quarter or year that holds a moment, in UTC."""
    day = datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
    if every in ("day", "period"):
        return day, day + timedelta(days=1)
    if every == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[every]
    count = (day.year * 12 + day.month - 1) // months * months
    first, after = (datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in (count, count + months))
    return first, after


def check_usage(usage: Any, checks: Any, *, period: Any = None) -> Any:
    """Hold usage against budgets, what is usual, what should be there, and limits on unit prices.

    `checks` is a file (docs/allocation.md has the format) or a mapping; `usage` a frame or a `UsageResult`, which alone
    knows who was asked and up to when figures are final. `period` is what is judged, as `load_usage` takes it (left
    out: that of the checks, of the result, or the whole frame); what lies before is the past that budgets of a longer
    period and unusual days are judged by.

    Comes back as the kind that came in, a row per check: `check` ("budget", "unusual", "missing", "unit_price"),
    `name`, `status` ("ok", "breached", "not judged"), `message` (one sentence), and `currency`, `value` and `limit`
    where there are such. Budgets are held against what is paid after credits and tax. Raises InputError for a file
    that asks for nothing clear.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("datadog", period="2026-10")
    >>> budget = {"vendor": "datadog", "amount": 80_000, "currency": "USD", "period": "month"}
    >>> tu.check_usage(usage, {"version": 1, "budgets": [budget]}).select("name", "status", "value").row(0)
    ('datadog', 'breached', 80690.4)
    """
    read = read_checks(checks)
    result = usage if isinstance(usage, UsageResult) else None
    native = enter(usage.frame if result is not None else usage)
    require(native, ("start_date", "end_date", "integrated_account_id", "integration"), "check_usage")
    wanted = period if period is not None else read.period
    now = result.fetched_at if result is not None else None
    span = Period.parse(wanted, now=now) if wanted is not None else _whole(native, result)
    schema = pl.Schema({"check": pl.String(), "name": pl.String(), "status": pl.String(), "message": pl.String(),
                        "currency": pl.String(), "value": pl.Float64(), "limit": pl.Float64()})  # fmt: skip
    return native.leave(pl.DataFrame(findings(native, result, read, span), schema=schema, orient="row"))


def _whole(native: Native, result: UsageResult | None) -> Period:
    if result is not None and result.period is not None:
        return result.period
    last_day = nw.max_horizontal("start_date", "end_date").max()
    first, last = collect(native.frame.select(nw.col("start_date").min().alias("first"), last_day.alias("last"))).row(0)
    if first is None:
        raise FrameError("check_usage has no dated record to judge; give the period that should hold some.")
    start = datetime.combine(first.date(), time(), UTC)
    return Period(start, max(last, start + timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where everything is judged: the records, of which period, seen when, and what of them is known to be missing."""

    native: Native
    result: UsageResult | None
    checks: Checks
    period: Period
    lost: Mapping[str, str] = field(default_factory=dict)
    """By account that failed: why."""

    def within(self, start: datetime, end: datetime) -> Native:
        some = (nw.col("start_date") >= start) & (nw.col("start_date") < end)
        return replace(self.native, frame=self.native.frame.filter(some))

    def is_open(self, end: datetime) -> bool:
        return self.result is not None and end > self.result.fetched_at

    def lost_of(self, vendor: str | None) -> list[str]:
        known = self.result.integrations if self.result is not None else {}
        return [name for name in self.lost if vendor is None or known.get(name, vendor) == vendor]


def findings(native: Native, result: UsageResult | None, checks: Checks, period: Period) -> list[Finding]:
    """Judge everything that is asked; what goes wrong in judging is said, and stops nothing else."""
    lost: dict[str, str] = {}
    if result is not None:
        failed, others = failures(result.queries, result.gaps)
        lost = {str(each.query.integrated_account_id): each.reason for each in failed}
        lost |= {f"({place + 1})": gap for place, gap in enumerate(others)}
    bench = _Bench(native, result, checks, period, lost)
    found: list[Finding] = []
    for kind, judge in (("budget", _budgets), ("unusual", _unusual_days), ("missing", _gaps), ("unit_price", _prices)):
        found += _tried(kind, judge, bench)
    return found


def _tried(kind: str, judge: Callable[[_Bench], Iterator[Finding]], bench: _Bench) -> list[Finding]:
    found: list[Finding] = []
    try:
        with hearing():
            found.extend(judge(bench))
    except UsageError as problem:
        found.append(Finding(kind, "all", UNJUDGED, f"{problem}"))
    return found


def _budgets(bench: _Bench) -> Iterator[Finding]:
    for budget in bench.checks.budgets:
        moment = bench.period.start
        while moment < bench.period.end:
            start, end = _calendar(budget.every, moment)
            if budget.every == "period":
                start, end = bench.period.start, bench.period.end
            yield from _tried("budget", partial(_of_budget, budget=budget, start=start, end=end), bench)
            moment = end


def _of_budget(bench: _Bench, *, budget: Budget, start: datetime, end: datetime) -> Iterator[Finding]:
    native = bench.within(start, end)
    cost = _spent(native, budget, bench.checks.book)
    limit = round(budget.amount * (1 + budget.tolerance), 6)
    name, when = str(budget), f"{_named(start, end)}{' so far' if bench.is_open(end) else ''}"
    said = f"{money(cost, budget.currency)} of {money(budget.amount, budget.currency)} in {when}"
    said += f" ({percent(cost / budget.amount)})" if cost >= 0 else ""
    lost = bench.lost_of(budget.name if budget.of == "vendor" else None)
    if cost > limit:
        status = BREACHED
    elif lost:
        status, said = UNJUDGED, f"at least {said}: {', '.join(lost)} could not be loaded"
    else:
        status = OK
        said += ", within the tolerance" if cost > budget.amount else ""
    yield Finding("budget", name, status, said, budget.currency, cost, limit)


def _spent(native: Native, budget: Budget, book: RuleBook | None) -> float:
    """What was paid, after credits and tax; nothing where nothing is charged in the currency."""
    choices = {"overhang": "include"}
    if budget.of == "team":
        table = allocated(native, book, choices=choices).table().filter(pl.col("target") == budget.name)
    else:
        if budget.of == "vendor":
            native = replace(native, frame=native.frame.filter(nw.col("integration") == budget.name))
        table = build(native, Question.of(None, None, "UTC", "payable", choices))
    return round(float(table.filter(pl.col("currency") == budget.currency)["cost"].sum() or 0.0), 6)


def _named(start: datetime, end: datetime) -> str:
    days = (end - start).days
    if days <= 1:
        return f"{start:%Y-%m-%d}"
    if start.day == 1 and end == _calendar("month", start)[1]:
        return f"{start:%Y-%m}"
    if (start.month, start.day) == (1, 1) and end == _calendar("year", start)[1]:
        return f"{start:%Y}"
    return f"{start:%Y-%m-%d} to {end - timedelta(days=1):%Y-%m-%d}"


def _unusual_days(bench: _Bench) -> Iterator[Finding]:
    by = bench.checks.unusual_by
    if by is None:
        return
    first, last = bench.period.start.date(), (bench.period.end - timedelta(microseconds=1)).date()
    found = judged(bench.native, list(by), {"overhang": "include"}, (first, last))
    rows = [row for row in found.table.iter_rows(named=True) if abs(row["excess"]) >= bench.checks.unusual_at_least]
    for row in rows:
        line = ", ".join(str(row[name]) for name in by)
        beyond = "over" if row["excess"] > 0 else "under"
        edge = row["usual_high"] if row["excess"] > 0 else row["usual_low"]
        said = (f"{row['day']}: {money(row['cost'], row['currency'])} is {money(abs(row['excess']), row['currency'])} "
                f"{beyond} what is usual")  # fmt: skip
        yield Finding("unusual", line, BREACHED, said, row["currency"], row["cost"], edge)
    if found.told:  # a new key has no past: who knows of it may have it told and no more
        unjudged = found.told.removeprefix("not judged: ")
        told = (UNJUDGED, unjudged) if bench.checks.unjudged_fails else (OK, f"not judged, as agreed: {unjudged}")
        yield Finding("unusual", "without a past", *told)
    elif not rows:
        yield Finding("unusual", "all", OK, f"no day of {_named(bench.period.start, bench.period.end)} is unusual")


def _gaps(bench: _Bench) -> Iterator[Finding]:
    """Days that lack records, where figures are final and the account is not known to have failed."""
    allowed = bench.checks.missing_days
    if allowed is None:
        return
    for account, why in bench.lost.items():
        yield Finding("missing", account, UNJUDGED, f"could not be loaded: {why}")
    table = _coverage(bench)
    for account in table["integrated_account_id"].drop_nulls().unique().sort():
        if account not in bench.lost:
            yield _of_account(account, table.filter(pl.col("integrated_account_id") == account), bench, allowed)
    silent = sorted(set(bench.checks.accounts) - set(table["integrated_account_id"]) - set(bench.lost))
    for account in silent:
        yield _of_account(account, table.clear(), bench, allowed)


def _coverage(bench: _Bench) -> pl.DataFrame:
    native = bench.within(bench.period.start, bench.period.end)
    if bench.result is None:
        return collect(enter(coverage(native).accounts).frame)
    result = replace(bench.result, polars=collect(native.frame), period=bench.period, backend="polars")
    accounts: pl.DataFrame = coverage(result).accounts
    return accounts


def _of_account(account: str, rows: pl.DataFrame, bench: _Bench, allowed: int) -> Finding:
    """One account: by the report type that holds most, for one that is asked for several."""
    first, last = bench.period.start.date(), (bench.period.end - timedelta(microseconds=1)).date()
    until = min(last + timedelta(days=1), _due(account, bench) or last + timedelta(days=1))
    if until <= first:
        said = f"no day of it is due yet: records are due before {until}"
        return Finding("missing", account, OK, said, None, 0.0, float(allowed))
    if not rows["records"].sum():
        return Finding("missing", account, BREACHED, "delivered no record", None, None, float(allowed))
    best = rows.sort("days_held", "records", descending=True, nulls_last=True).row(0, named=True)
    count, days = days_over(best["missing_days"], until)
    when = f" up to {until - timedelta(days=1)}" if until <= last else ""
    said = f"{count} day{'s' if count != 1 else ''} missing{when}{f': {days}' if days else ''}"
    status = BREACHED if count > allowed else OK
    return Finding("missing", account, status, said, None, float(count), float(allowed))


def _due(account: str, bench: _Bench) -> date | None:
    """The first day of which records need not be there yet: where figures are not final, three days are given."""
    if bench.result is None:
        return None
    settled = bench.result.settled_until.get(account)
    begun = bench.result.fetched_at.date()
    return begun if settled is None else min(begun, max(settled.date(), begun - _LATE))


def _prices(bench: _Bench) -> Iterator[Finding]:
    for price in bench.checks.prices:
        yield from _tried("unit_price", partial(_of_price, price=price), bench)


def _of_price(bench: _Bench, *, price: UnitPrice) -> Iterator[Finding]:
    column = FIELDS[price.by][0]
    native = bench.within(bench.period.start, bench.period.end)
    table = build(native, Question.of(column, None, "UTC", "billed", {"overhang": "include"}))
    name = pl.col(column).cast(pl.String).str.to_lowercase()
    own = table.filter((name == price.name.casefold()) & (pl.col("currency") == price.currency))
    paid = own["cost_per_million_tokens"].drop_nulls()
    if not own.height:
        yield Finding("unit_price", str(price), OK, "was not used", price.currency, None, price.limit)
        return
    if not len(paid):
        said = f"{number(float(own['unpriced_tokens'].sum()))} tokens have no price"
        yield Finding("unit_price", str(price), UNJUDGED, said, price.currency, None, price.limit)
        return
    value = float(paid[0])
    said = f"{money(value, price.currency)} for a million tokens, at most {money(price.limit, price.currency)}"
    status = BREACHED if value > price.limit else OK
    yield Finding("unit_price", str(price), status, said, price.currency, value, price.limit)


def exit_code(statuses: Iterable[str]) -> int:
    """Give 1 where something is breached, else 2 where something could not be judged, else 0.

    >>> exit_code(["ok", "not judged", "breached"]), exit_code(["ok", "not judged"]), exit_code(["ok"])
    (1, 2, 0)
    """
    seen = set(statuses)
    return 1 if BREACHED in seen else 2 if UNJUDGED in seen else 0


_WORDS = {OK: "ok", BREACHED: "BREACHED", UNJUDGED: "NOT JUDGED"}


def as_lines(found: Sequence[Finding], period: Period, *, so_far: bool) -> str:
    """Give what a person reads: what is breached first, then what could not be judged."""
    order = (BREACHED, UNJUDGED, OK)
    lines = [
        f"{_WORDS[each.status]:<10}  {each.check} {each.name}: {each.message}"
        for each in sorted(found, key=lambda each: order.index(each.status))
    ]
    counts = {status: sum(each.status == status for each in found) for status in order}
    head = f"{_named(period.start, period.end)}{' so far' if so_far else ''}: "
    head += f"{counts[BREACHED]} breached, {counts[UNJUDGED]} not judged, {counts[OK]} ok"
    return "\n".join([head, *lines]) + "\n"


def as_json(found: Sequence[Finding], period: Period, checks: Checks, *, so_far: bool) -> str:
    """Give the same for a machine."""
    code = exit_code(each.status for each in found)
    written = {
        "version": 1, "file": checks.what, "sha256": checks.sha256,
        "period": {"start": period.start.isoformat(), "end": period.end.isoformat(), "so_far": so_far},
        "status": {0: OK, 1: BREACHED, 2: UNJUDGED}[code], "exit_code": code,
        "checks": [each._asdict() for each in found],
    }  # fmt: skip
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def as_junit(found: Sequence[Finding], period: Period) -> str:
    """Give the same as JUnit, which build servers show: a breach is a failure, what was not judged an error."""
    from xml.etree import ElementTree

    counts = {status: str(sum(each.status == status for each in found)) for status in (BREACHED, UNJUDGED)}
    suite = ElementTree.Element(
        "testsuite", name=f"truto-usage check {_named(period.start, period.end)}", tests=str(len(found)),
        failures=counts[BREACHED], errors=counts[UNJUDGED], skipped="0",
    )  # fmt: skip
    for each in found:
        case = ElementTree.SubElement(suite, "testcase", classname=each.check, name=_plain(each.name))
        if each.status != OK:
            tag = "failure" if each.status == BREACHED else "error"
            ElementTree.SubElement(case, tag, message=_plain(each.message)).text = _plain(each.message)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _plain(text: str) -> str:
    """Leave out the characters that no XML holds."""
    return "".join(each if each.isprintable() else "?" for each in text)
