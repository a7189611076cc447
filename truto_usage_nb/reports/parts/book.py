"""What every part of a report reads: the snapshot cut to its period, and each table computed once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import polars as pl

from truto_usage_nb.allocation.allocating import Allocated, allocated
from truto_usage_nb.allocation.check import Checks, read_checks
from truto_usage_nb.allocation.rules import RuleBook, read_rules
from truto_usage_nb.checks import a_path
from truto_usage_nb.costs import Coverage, cost_per, estimate_costs
from truto_usage_nb.costs.coverage import coverage_of
from truto_usage_nb.costs.currencies import UNSTATED
from truto_usage_nb.errors import InputError, UsageWarning, did_you_mean, hearing
from truto_usage_nb.format import decimals, digits_of
from truto_usage_nb.native import Native
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.questions import with_models
from truto_usage_nb.questions.changes import changed
from truto_usage_nb.questions.committed import COMMITTED
from truto_usage_nb.questions.invoicing import invoice_lines
from truto_usage_nb.questions.pacing import budget_lines
from truto_usage_nb.questions.people import roster_lines, seat_price
from truto_usage_nb.questions.tables import DecimalMark, Table, amount_given, check_decimal, header_named, read_table
from truto_usage_nb.reports.loading import BY_USER, Failed, failed_in, failures_in, other_gaps, period_before
from truto_usage_nb.reports.parts.markup import days_name, in_its_currency, span_name
from truto_usage_nb.reports.parts.records import Comparison, Records, compare, is_running
from truto_usage_nb.result import UsageResult, read_result
from truto_usage_nb.unanswered import SilentView, heard, unanswered, unexplained

__all__ = ["Book", "check_given", "open_book"]

_T = TypeVar("_T")

_DIMENSIONS = (
    "integration", "integrated_account_id", "product_id", "product_name", "metric_name", "surface", "model_id",
    "resources_workspace_id", "resources_workspace_name",
)  # fmt: skip
"""What the one cost table of a report is made by; every other is a sum over it."""

_INSTANT = timedelta(microseconds=1)
_SUMS = ("cost", "other_cost", "tokens", "unpriced_tokens", "included_tokens")


@dataclass(frozen=True)
class Book:
    """Hold a report's figures: `result` is the snapshot, `now` its records of `period`, `asked` the same and others as
    the helpers take them, `earlier` a snapshot taken before, what else the reader brought stands beside."""

    result: UsageResult
    period: Period
    hash: str
    labels: pl.DataFrame | None = None
    invoices: pl.DataFrame | None = None
    roster: pl.DataFrame | None = None
    seat_prices: Mapping[str, tuple[float, str]] | None = None
    budget: float | Mapping[str, float] | None = None
    earlier: UsageResult | None = None
    rules: RuleBook | None = None
    purchases: pl.DataFrame | None = None
    team_budgets: Mapping[tuple[str, str], float] = field(default_factory=dict)
    checks: Checks | None = None
    commitments: pl.DataFrame | None = None
    outcomes: pl.DataFrame | None = None
    what_if: Mapping[str, Any] | None = None
    decimal: DecimalMark | None = None
    told: list[str] = field(default_factory=list)
    noted: set[str] = field(default_factory=set)

    def label_named(self, label: str) -> str:
        """Give the column of labels that is meant, in whatever spelling. Raises InputError, naming those there are."""
        assert self.labels is not None
        return _label_named(self.labels, label)

    @cached_property
    def asked(self) -> Records:
        """The records as every helper takes them: what is found of them for one part need not be found again."""
        return Records(self.result, self.period)

    @property
    def now(self) -> pl.DataFrame:
        return _frame(self.asked.now)

    @property
    def plain(self) -> pl.DataFrame:
        """The records of the period without Claude's views by user, which state the same again."""
        return _frame(self.asked.plain)

    @property
    def before(self) -> pl.DataFrame | None:
        """The records of the period before; None where the snapshot does not reach back."""
        return None if self.asked.before is None else _frame(self.asked.before)

    @cached_property
    def bill(self) -> pl.DataFrame:
        """The cost of each day by every dimension: what the other tables are sums of."""
        return _named(self.costs(self.asked.plain, _DIMENSIONS, every="1d"))

    @cached_property
    def bill_before(self) -> pl.DataFrame | None:
        before = self.asked.before
        if before is None:
            return None
        every = "1d" if self.running else None  # of a period that runs the same days are compared
        return _named(self.costs(before, _DIMENSIONS, every=every, of=period_before(self.period)))

    @cached_property
    def running(self) -> bool:
        """Whether the period had not ended when its records were loaded: its figures are those so far."""
        return is_running(self.asked)

    @property
    def name(self) -> str:
        """The period as people say it, "so far" where it runs."""
        return f"{days_name(self.period)} so far" if self.running else days_name(self.period)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The days that are compared with those before; None where there is nothing to compare with."""
        return compare(self.asked)

    @property
    def nothing_before(self) -> str:
        """Why there is no comparison."""
        name, before = days_name(self.period), days_name(period_before(self.period))
        if self.asked.before is None:
            return f"There is nothing to compare with: the snapshot does not hold {before}, the period before."
        if not _frame(self.asked.before).height:
            return f"There is nothing to compare with: no account has a record of {before}, the period before."
        return f"There is nothing to compare yet: no whole day of {name} is there."

    @cached_property
    def change(self) -> pl.DataFrame | None:
        """What moved the cost by vendor, as `cost_change` gives it; None where there is nothing to compare."""
        both, held = self.asked.both_without(self.one_sided), self.comparison
        if both is None or held is None or self.plain.is_empty() or _frame(both).is_empty():
            return None
        return self.hear(lambda: changed(both, "integration", held.sides), of=self.reach)

    @cached_property
    def coverage(self) -> Coverage:
        """What the period's records cover."""
        result = replace(self.result, period=self.period, queries=self._queries)
        return self.hear(lambda: coverage_of(self.asked.plain, result))

    @cached_property
    def silent(self) -> list[SilentView]:
        """Who was asked and has no record of the period; whoever has one of the period before was asked."""
        now = heard(self.plain)
        if self._queries or self.before is None:
            return self._unexplained(unanswered(self._queries, now, self.result.integrations), self.period)
        views = ("integrated_account_id", "integration", "report_type")
        gone = (
            heard(self.before)
            .select(views)
            .unique(maintain_order=True)
            .join(now, on=views, how="anti", nulls_equal=True)
        )
        return [SilentView(*row) for row in gone.iter_rows()]

    @cached_property
    def silent_before(self) -> list[SilentView]:
        """Who was asked and has no record of the period before."""
        if self.before is None:
            return []
        views = unanswered(self._queries, heard(self.before), self.result.integrations)
        return self._unexplained(views, period_before(self.period))

    @cached_property
    def failed(self) -> list[Failed]:
        """The accounts of which something of the period is missing since it failed; nobody's silence is meant."""
        return failed_in(self.result, self.period)

    @cached_property
    def failed_before(self) -> list[Failed]:
        """The same of the period before."""
        return [] if self.before is None else failed_in(self.result, period_before(self.period))

    def _unexplained(self, views: list[SilentView], span: Period) -> list[SilentView]:
        return unexplained(views, failures_in(self.result, span))

    @property
    def lacking(self) -> list[str]:
        """What is missing of the period, a sentence each; of what only the provider says nobody knows how much."""
        told = [text for text in self.result.told if "is_partial_response" in text]
        some = [str(each) for each in self.failed] + other_gaps(self.result) + told
        unsaid = self.result.partial and not (some or self.result.gaps)
        return [*some, *(["some of what was asked for did not arrive"] if unsaid else [])]

    @property
    def not_in_it(self) -> list[str]:
        """What to say under a table of money: who failed, since what is missing is neither zero nor saved."""
        return [f"{each.what}: what it cost is not in these figures." for each in self.failed if not each.by_user]

    @cached_property
    def failing_vendors(self) -> list[str]:
        """The integrations of which an account failed in the period."""
        return sorted({each.integration for each in self.failed if each.integration is not None})

    @cached_property
    def one_sided(self) -> list[str]:
        """The accounts that delivered in one of the two periods alone, or a report type of theirs so, or that failed in
        one of them."""
        if self.before is None:
            return []
        uneven = {view.account for view in set(self.silent_before) ^ set(self.silent)}
        lost = {each.account for each in (*self.failed, *self.failed_before) if not each.by_user}
        return sorted(str(account) for account in uneven | lost)

    @property
    def _queries(self) -> tuple[UsageQuery, ...]:
        return tuple(query for query in self.result.queries if query.report_type not in BY_USER)

    @cached_property
    def estimates(self) -> pl.DataFrame:
        """What each account's tokens would cost at list price, views by user included."""
        return cast("pl.DataFrame", self.hear(lambda: estimate_costs(self.asked.now, "integrated_account_id")))

    @cached_property
    def currencies(self) -> list[str]:
        """The currencies of the bill: that of the largest amount first, one that nobody stated last.

        Amounts are held against each other in the smallest unit of each, so that yen are not taken for dollars.
        """
        sums = self.totals
        return sorted(sums, key=lambda one: (one == UNSTATED, -abs(sums[one]) * 10.0 ** decimals(one), one))

    @cached_property
    def totals(self) -> dict[str, float]:
        """What the bill comes to in each currency."""
        stated = self.bill.filter(pl.col("cost").is_not_null()).group_by("currency").agg(pl.col("cost").sum())
        return dict(stated.sort("currency").iter_rows())

    def money(self, amount: float, currency: str) -> str:
        """Write an amount as the bill has its currency: in whole units where the whole bill comes to 1,000 or more."""
        least = digits_of(max(abs(amount), abs(self.totals.get(currency, 0.0))), currency)
        return in_its_currency(amount, currency, least if abs(amount) >= 1 or not amount else None)

    @cached_property
    def allocation(self) -> Allocated | None:
        """The period handed out by the rules that were given, seats and purchases too; None without rules."""
        if self.rules is None:
            return None
        seats = self.roster if self.seat_prices and self.roster is not None else None
        held = set() if seats is None else set(seats["integration"].drop_nulls())
        prices = {name: price for name, price in (self.seat_prices or {}).items() if name in held}
        made = self.hear(
            lambda: allocated(
                self.asked.now, self.rules, seats=seats if prices else None, seat_prices=prices or None,
                purchases=self.purchases, commitments=self.commitments, decimal=self.decimal,
            )
        )  # fmt: skip
        self.told.extend(text for text in made.told if text not in self.told)
        return made

    def by(self, names: str | Sequence[str] = (), *, bill: pl.DataFrame | None = None) -> pl.DataFrame:
        """Add the bill up by some of its dimensions: what `cost_per` gives for them, currencies in blocks."""
        table = _added_up(self.bill if bill is None else bill, [names] if isinstance(names, str) else list(names))
        return table.sort(self.place(), maintain_order=True)

    def place(self) -> pl.Expr:
        """Where a line's currency stands in the report's order."""
        places = {one: place for place, one in enumerate(self.currencies)}
        return pl.col("currency").replace_strict(places, default=len(places), return_dtype=pl.Int64)

    def costs(
        self, frame: pl.DataFrame | Native, by: str | Sequence[str], *, of: Period | None = None, **options: Any
    ) -> pl.DataFrame:
        """Give `cost_per`, and keep what it tells; `of` as for `hear`."""
        return cast("pl.DataFrame", self.hear(lambda: cost_per(frame, by, **options), of=of))

    def hear(self, ask: Callable[[], _T], *, of: Period | None = None) -> _T:
        """Ask, and keep what is told meanwhile for the notes under the tables; `of` is the period, if it is another."""
        with hearing() as said, warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UsageWarning)
            answer = ask()
        said += [str(each.message) for each in warned if issubclass(each.category, UsageWarning)]
        whose = "" if of is None else f"{span_name(of)}: "
        self.told.extend(text for text in (f"{whose}{each}" for each in said) if text not in self.told)
        return answer

    def once(self, text: str) -> str:
        """Give a note the first time; what the page said already is not said again."""
        new = text not in self.noted
        self.noted.add(text)
        return text if new else ""

    @property
    def reach(self) -> Period | None:
        """The period of `asked.both`."""
        return None if self.asked.both is None else Period(period_before(self.period).start, self.period.end)


def _frame(records: Native) -> pl.DataFrame:
    return cast("pl.DataFrame", records.original)


def _named(bill: pl.DataFrame) -> pl.DataFrame:
    """Add `model_family`, and `workspace`: its name, or its id where it has none."""
    workspace = pl.coalesce("resources_workspace_name", "resources_workspace_id")
    return cast("pl.DataFrame", with_models(bill)).with_columns(workspace=workspace)


def _added_up(bill: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Sum a cost table over its other dimensions, then divide: lines without any cost keep none."""
    stated = pl.col("cost").is_not_null().any()
    sums = [pl.col(name).sum() for name in _SUMS[2:]]
    money = [pl.when(stated).then(pl.col(name).sum()).alias(name) for name in _SUMS[:2]]
    table = bill.group_by(*names, "currency", maintain_order=True).agg(*money, *sums)
    ratio = pl.when(pl.col("tokens") > 0).then((pl.col("cost") - pl.col("other_cost")) / pl.col("tokens") * 1e6)
    whole = pl.col("tokens") + pl.col("unpriced_tokens")
    table = table.with_columns(
        cost_per_million_tokens=ratio, priced_share=pl.when(whole > 0).then(pl.col("tokens") / whole)
    )
    return table.sort(["currency", "cost", *names], descending=[False, True, *[False] * len(names)], nulls_last=True)


def open_book(
    snapshot: str | Path,
    *,
    period: Any = None,
    earlier: str | Path | None = None,
    labels: str | Path | None = None,
    invoices: str | Path | None = None,
    roster: str | Path | None = None,
    seat_prices: Mapping[str, Sequence[Any]] | None = None,
    budget: float | str | Path | Mapping[str, Any] | None = None,
    decimal: DecimalMark | None = None,
    rules: Any = None,
    purchases: str | Path | None = None,
    team_budgets: str | Path | None = None,
    checks: Any = None,
    commitments: str | Path | None = None,
    outcomes: str | Path | None = None,
    what_if: Mapping[str, Any] | None = None,
) -> Book:
    """Open a snapshot for a report. `period` is the one to report on: the last month of the snapshot when left out.

    `earlier` is a snapshot taken before. Files (CSV, workbooks, Parquet), read as the questions of their names do:
    `labels` with `email` and such as `team`; `invoices` with `integration`, `month`, `currency`, `amount`; `roster`
    with `integration` and `email`, a row a seat. `seat_prices` says what a seat costs a month, such as
    {"cursor": (40, "USD")}; `budget` is an amount a month, one by currency, or a file with `currency` and `amount`.
    `decimal` says which mark stands before decimals, where an amount can be read in two ways. `rules` say who pays, as
    `allocate` takes them, with `purchases`, a file as it takes one; `team_budgets` is a file with `team`, `currency`
    and `amount`; `checks` is what `check_usage` takes. `commitments` and `outcomes` are files as the helpers of these
    names take them, `what_if` the arguments of that helper, such as {"batch": 0.3, "cache_hit": 0.8}.
    """
    check_decimal(decimal)
    from truto_usage_nb.result.snapshot import read_hashed

    held, hash_ = read_hashed(Path(snapshot))
    result = UsageResult(**held)
    given = {
        "labels": labels, "invoices": invoices, "roster": roster, "seat_prices": seat_prices, "budget": budget,
        "rules": rules, "purchases": purchases, "team_budgets": team_budgets, "checks": checks,
        "commitments": commitments, "outcomes": outcomes, "what_if": what_if,
    }  # fmt: skip
    return Book(
        result=result,
        period=_reported(result, period),
        hash=hash_,
        earlier=read_result(earlier) if earlier else None,
        decimal=decimal,
        **{name: _READ[name](value, decimal) for name, value in given.items()},
    )


def check_given(given: Mapping[str, Any]) -> None:
    """Refuse what a cell would refuse, before the notebook runs and anything is loaded for it."""
    decimal = given.get("decimal")
    check_decimal(decimal)
    read = {name: _READ[name](value, decimal) for name, value in given.items() if name in _READ}
    if read.get("labels") is not None:
        _label_named(read["labels"], given.get("label", "team"))


def _labels(labels: str | Path | None) -> pl.DataFrame | None:
    return _file("labels", labels, ("email",), Table.texts)


def _label_named(labels: pl.DataFrame, label: str) -> str:
    others = [name for name in labels.columns if name != "email"]
    found = header_named(label, others, "The table of labels")
    if found is None:
        near = did_you_mean(label, others)
        said = f"label={shown(label)}"
        raise InputError(f"{said} is no column of the table of labels; it has {', '.join(others)}.{near}")
    return found


def _reported(result: UsageResult, period: Any) -> Period:
    held = result.period
    if period:
        wanted = Period.parse(period)
        if held is not None and (wanted.start < held.start or wanted.end > held.end):
            raise InputError(f"the snapshot holds {held}, which does not cover the period {wanted}; load it anew")
        return wanted
    if held is None:
        raise InputError(
            "the snapshot was loaded without a period; say which one to report on, such as period='2026-10'"
        )
    first = max(held.start, (held.end - _INSTANT).replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    return Period(first, held.end)


def _team_budgets(path: str | Path | None, decimal: DecimalMark | None) -> dict[tuple[str, str], float]:
    """What each team may spend, by team and currency."""
    found: dict[tuple[str, str], float] = {}

    def read(table: Table) -> pl.DataFrame:
        found.update(
            {(str(team), str(of)): amount for (team, of), amount in budget_lines(_of_teams(table), decimal).items()}
        )
        return table.frame

    _file("team_budgets", path, ("team", "currency", "amount"), read)
    return found


def _of_teams(table: Table) -> Table:
    return replace(table, frame=table.frame.select("team", "currency", "amount"))


_INVOICE = ("integration", "month", "currency", "amount")


def _file(
    name: str, path: str | Path | None, needed: Sequence[str], read: Callable[[Table], pl.DataFrame]
) -> pl.DataFrame | None:
    if not path:
        return None
    where = a_path(name, path)
    if not where.is_file():
        raise InputError(f"{name}={shown(str(path))}: there is no such file")
    table = read_table(where, f"{name}: {where.name}")
    missing = [column for column in needed if header_named(column, table.columns, table.what) is None]
    if missing:
        near = did_you_mean(missing[0], table.columns)
        raise InputError(f"{name}: {where.name} has no column {missing[0]!r}; it has {', '.join(table.columns)}.{near}")
    return read(table.need(*needed))


def _budget(budget: Any, decimal: DecimalMark | None) -> Any:
    """An amount, or a mapping of currencies to amounts, also where it came as text or as a file."""
    if budget is None or budget in ("", {}):
        return None
    if isinstance(budget, Mapping):
        return {name: amount_given(f"budget[{name!r}]", amount, decimal) for name, amount in budget.items()}
    if isinstance(budget, str | Path) and Path(budget).is_file():
        table = read_table(budget, f"budget: {Path(budget).name}").need("currency", "amount")
        if len(table.columns) > 2:
            others = [name for name in table.columns if name not in ("currency", "amount")]
            raise InputError(f"{table.what} has the column {others[0]!r}; a report's budget is by currency alone")
        return {key[-1]: amount for key, amount in budget_lines(table, decimal).items()}
    return amount_given("budget", budget, decimal)


def _seat_prices(given: Any) -> dict[str, tuple[float, str]] | None:
    if given and not isinstance(given, Mapping):
        raise InputError(f"seat_prices={shown(given)} is no mapping; write it like {{'cursor': (40, 'USD')}}")
    return {name: seat_price(f"seat_prices[{name!r}]", price) for name, price in (given or {}).items()} or None


_CASES = ("models", "prices", "batch", "cache_hit")


def _scenario(given: Any) -> dict[str, Any] | None:
    if given and not isinstance(given, Mapping):
        raise InputError(f"what_if={shown(given)} is no mapping; write it like {{'cache_hit': 0.8}}")
    for name in given or {}:
        if name not in _CASES:
            near = did_you_mean(str(name), _CASES)
            raise InputError(f"what_if names {shown(name)}, which is no case.{near} Cases: {', '.join(_CASES)}")
    return dict(given) if given else None


_PURCHASE = ("integrated_account_id", "amount", "currency")
_READ: dict[str, Callable[[Any, DecimalMark | None], Any]] = {
    "labels": lambda given, _: _labels(given),
    "invoices": lambda given, decimal: _file("invoices", given, _INVOICE, lambda table: invoice_lines(table, decimal)),
    "roster": lambda given, _: _file("roster", given, ("integration", "email"), roster_lines),
    "seat_prices": lambda given, _: _seat_prices(given),
    "budget": _budget,
    "rules": lambda given, _: read_rules(given) if given else None,
    "purchases": lambda given, _: _file("purchases", given, _PURCHASE, lambda table: table.frame),
    "team_budgets": _team_budgets,
    "checks": lambda given, _: read_checks(given) if given else None,
    "commitments": lambda given, _: _file("commitments", given, COMMITTED, lambda table: table.frame),
    "outcomes": lambda given, _: _file("outcomes", given, (), lambda table: table.frame),
    "what_if": lambda given, _: _scenario(given),
}
"""How what the reader brings is read: by the cell that opens the figures, and before that, to refuse it at once."""
