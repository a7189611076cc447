"""Nothing twice: what a frame's records and their digest must pass before anything is added up.

The question is not which report types are in a frame. `usage` beside `cost` is no overlap: together they are the cost
of a token. Two statements contest each other where their intervals meet, however long each is. Where one side contains
the other the integration's `choices` settle it, and the choice is told with the money concerned; where neither does, an
error names both and the argument that picks.

Running totals count once, by the latest state of their cycle, and Cursor's spend only checks its events. Datadog states
a month's product as often as it likes: days to date, an estimate, at last its historical record. The state that tells
of the most time counts; of two that tell as much, the whole month before a day, then the one updated last. What does
not count is silenced, not taken out: its days are held.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.digest import OVERHANG, Digest
from truto_usage_nb.costs.series_of_record import DAY
from truto_usage_nb.errors import OverlapError
from truto_usage_nb.format import money, number, spans_named
from truto_usage_nb.integrations import INTEGRATIONS, integrations_that
from truto_usage_nb.integrations import Measured as Measure
from truto_usage_nb.native import Native, collect
from truto_usage_nb.outside import shown

__all__ = ["NOT_ATTRIBUTED", "Stretches", "settle_overlaps", "spans_told"]


def settle_overlaps(native: Native, digest: Digest, choices: Mapping[str, Any]) -> Digest:
    """Give the digest with each measure counted once.

    Running totals keep their latest state in any case; `overlap="allow"` skips the rest. Raises OverlapError.
    """
    keep = choices.get("keep") or {}
    digest = _checked_by_events(_latest_states(_own_keys_told(digest), keep), keep)
    if choices.get("overlap", "check") == "allow":
        return digest
    digest = _one_query(native, digest)
    return _one_series(_one_series(digest, "money", keep), "tokens", keep)


def _own_keys_told(digest: Digest) -> Digest:
    """Say that tokens bought with a customer's own key are counted at the vendor whose key it is."""
    tokens = digest.rows.select(pl.col("byok_tokens").sum()).item() or 0
    text = f"{number(tokens)} tokens that Cursor used with your own key are counted at the model's vendor alone"
    return digest.with_rows(digest.rows, *([text] if tokens else []))


# the latest state of each cycle ---------------------------------------------------------------------------------------

_MONEY = ("money", "money_n", "charged_n")
"""The columns of a digest that state money."""
_GROUP = ["integrated_account_id", "integration", "cycle", "begin"]
_Keep = Mapping[str, Mapping[str, str]]


def _latest_states(digest: Digest, keep: _Keep) -> Digest:
    """Keep the latest state of each cycle; `keep` may name the series that counts."""
    if digest.rows["cycle"].null_count() == digest.rows.height:
        return digest
    rows = _ranked(digest, keep)
    overtaken = pl.col("cycle").is_not_null() & ~pl.col("counts") & (pl.col("money_n") > 0)
    lost = rows.filter(overtaken)
    rows = rows.with_columns(*_silenced(digest, _MONEY, overtaken)).select(digest.rows.columns)
    return digest.with_rows(rows, *_overtaken_told(lost))


def _silenced(digest: Digest, columns: tuple[str, ...], hit: pl.Expr) -> Iterator[pl.Expr]:
    """Set columns to nothing where they must not count."""
    for column in columns:
        nothing = pl.lit(0).cast(digest.rows.schema[column])
        yield pl.when(hit).then(nothing).otherwise(pl.col(column)).alias(column)


def _ranked(digest: Digest, keep: _Keep) -> pl.DataFrame:
    """Add `counts`, and the series (`by`) of the state that does."""
    start = (pl.col("start") * digest.bin).cast(pl.Datetime("us"))
    month, finish = start.dt.truncate("1mo"), (pl.col("end") * digest.bin).cast(pl.Datetime("us"))
    spend = pl.col("integration").is_in(integrations_that(lambda each: each.cycle == "person"))
    whole = ~spend & (start == month) & (finish >= month.dt.offset_by("1mo"))
    rows = digest.rows.with_columns(
        begin=pl.when(spend).then(start).otherwise(month),
        whole=whole.fill_null(value=False).cast(pl.Int8),
        seen_at=pl.coalesce("seen", pl.col("start") * digest.bin),
        at=pl.col("updated").fill_null(-(2**62)),
        wanted=_wanted(keep).fill_null(value=False).cast(pl.Int8),
        counts=pl.col("cycle").is_not_null(),
    )
    for rank in ("wanted", "seen_at", "whole", "at"):
        best = pl.when("counts").then(pl.col(rank)).max().over(_GROUP)
        rows = rows.with_columns(counts=pl.col("counts") & (pl.col(rank) == best).fill_null(value=False))
    return rows.with_columns(by=pl.when("counts").then(pl.col("series")).max().over(_GROUP))


def _wanted(keep: _Keep) -> pl.Expr:
    """Tell the rows of the series that the caller names, where every record is a state of its month."""
    wanted = pl.lit(value=False)
    for name in integrations_that(lambda each: each.cycle == "product"):
        named = pl.col("series") == keep.get(name, {}).get("money", "")
        wanted = wanted | ((pl.col("integration") == name) & named)
    return wanted


def _overtaken_told(lost: pl.DataFrame) -> list[str]:
    """Say how many states were overtaken, and what the days to date beside a month came to."""
    other = lost.filter(pl.col("series") != pl.col("by"))
    told = []
    for (account,), rows in other.sort("integrated_account_id", nulls_last=True).group_by(
        "integrated_account_id", maintain_order=True
    ):
        kept, left = rows["by"][0], rows["series"][0]
        most = rows.group_by("currency").agg(pl.col("money").max()).sort("currency", nulls_last=True)
        amounts = " and ".join(money(amount, currency) for currency, amount in most.iter_rows())
        count = int(rows["records"].sum())
        told.append(
            f"{account}: money from {kept}; {left} left out: {count:,} states of the same month, of up to {amounts}"
        )
    same = int(lost.filter(pl.col("series") == pl.col("by"))["records"].sum())
    return [*told, *([f"running totals count once: {same:,} earlier states left out"] if same else [])]


def _checked_by_events(digest: Digest, keep: _Keep) -> Digest:
    """Take a person's spend in a cycle for a check of the events in it: never added to them, its difference told."""
    for name in integrations_that(lambda each: each.cycle == "person"):
        total, kept = next(iter(INTEGRATIONS[name].of_basis("running total"))), keep.get(name, {}).get("money")
        if kept != total:
            digest = _checked(digest, name, total, next(iter(INTEGRATIONS[name].of_basis("bill"))))
    return digest


def _checked(digest: Digest, integration: str, total: str, events: str) -> Digest:
    """Silence a running total where the account's events state the same, and tell the difference."""
    told: list[str] = []
    checked: list[str | None] = []
    stating = digest.rows.filter((pl.col("integration") == integration) & (pl.col("money_n") > 0))
    for (account,), rows in stating.group_by("integrated_account_id"):
        spent, billed = rows.filter(pl.col("series") == total), rows.filter(pl.col("series") == events)
        if spent.height and billed.height:
            checked.append(account)
            told.append(f"{account}: money from {events}; {total} left out: {_difference(digest, spent, billed)}")
    if not checked:
        return digest
    mine = pl.any_horizontal(*(pl.col("integrated_account_id").eq_missing(pl.lit(account)) for account in checked))
    hit = mine & (pl.col("series") == total).fill_null(value=False)
    return digest.with_rows(digest.rows.with_columns(*_silenced(digest, _MONEY, hit)), *sorted(told))


def _difference(digest: Digest, spend: pl.DataFrame, events: pl.DataFrame) -> str:
    """What a spend states beside what the events in its cycle come to."""
    inside = events.filter((pl.col("start") >= spend["start"].min()) & (pl.col("start") < spend["end"].max()))
    says, come = (dict(_sums(rows)) for rows in (spend, inside))
    gaps = {c: says.get(c, 0.0) - come.get(c, 0.0) for c in (*says, *(c for c in come if c not in says))}
    if all(abs(gap) < 0.005 for gap in gaps.values()):
        return "the same " + " and ".join(money(says[c], c) for c in says)
    both = [
        f"it states {money(says.get(c, 0.0), c)} of its cycle, the events in it {money(come.get(c, 0.0), c)}, a "
        f"difference of {money(gap, c)}"
        for c, gap in gaps.items()
    ]
    begun, loaded = (digest.date(rows["start"].sort()[0]) for rows in (spend, events))
    late = "" if begun >= loaded else f" (its cycle began {begun}, the events {loaded})"
    return " and ".join(both) + late


def _sums(rows: pl.DataFrame) -> Iterator[tuple[str, float]]:
    yield from rows.group_by("currency").agg(pl.col("money").sum()).sort("currency", nulls_last=True).iter_rows()


# one view asked in two ways -------------------------------------------------------------------------------------------

_VIEW = ["integrated_account_id", "report_type", "series"]


def _one_query(native: Native, digest: Digest) -> Digest:
    """Refuse one series of one account under two queries whose records meet in time.

    Queries whose records share no person, or no model, and state one throughout, part the whole and pass. Raises
    OverlapError naming both queries.
    """
    says = (pl.col("money_n") > 0) | (pl.sum_horizontal("tokens", "covered_tokens") != 0)
    seen = digest.rows.filter(says & pl.col("cycle").is_null() & pl.col("start").is_not_null())
    spans = seen.select(*_VIEW, "query_id", "start", pl.col("end").fill_null(pl.col("start"))).unique()
    several = spans.filter(pl.col("query_id").n_unique().over(_VIEW) > 1)
    for view, of in several.sort(*_VIEW, nulls_last=True).group_by(*_VIEW, maintain_order=True):
        queries = _meeting(of)
        if queries and not _apart(native, view[0], view[1], queries):
            raise OverlapError(_refusal(list(view), queries))
    return digest


def _meeting(spans: pl.DataFrame) -> list[str | None]:
    """The queries that state something of one time with another, in order."""
    by_query = {query: of.select("start", "end").rows() for (query,), of in spans.group_by("query_id")}
    unions = {query: Stretches(of) for query, of in by_query.items()}
    met = {
        query
        for query, union in unions.items()
        if any(union.meets(s, e) for other, of in by_query.items() if other != query for s, e in of)
    }
    return sorted(met, key=lambda query: (query is None, str(query)))


def _apart(native: Native, account: str | None, report_type: str | None, queries: list[str | None]) -> bool:
    frame = native.frame.filter(_is("integrated_account_id", account) & _is("report_type", report_type))
    ids = collect(frame.select("query_id", "user_id", "model_id").unique())
    ids = ids.filter(pl.col("query_id").is_in(queries, nulls_equal=True))
    return any(_disjoint(ids, column) for column in ("user_id", "model_id"))


def _is(column: str, value: str | None) -> nw.Expr:
    return nw.col(column).is_null() if value is None else nw.col(column) == value


def _disjoint(ids: pl.DataFrame, column: str) -> bool:
    pairs = ids.select("query_id", column).unique()
    return pairs[column].null_count() == 0 and pairs[column].n_unique() == pairs.height


def _refusal(view: list[str | None], queries: list[str | None]) -> str:
    account, report_type, series = view
    names = " and ".join(str(query) for query in queries)
    return (
        f"{account} has {report_type or series or 'its records'} from two queries ({names}) for the same time, which "
        f"differ in grouping or filters, so everything in them may count twice. Keep the records of one query_id, or "
        f'say overlap="allow" if they are parts of a whole.'
    )


# two series of one measure --------------------------------------------------------------------------------------------

NOT_ATTRIBUTED = "(not attributed)"
_USER = ("user_id", "user_email", "user_name")
_DIMENSION = {"model_id": "model", "surface": "surface"} | dict.fromkeys(_USER, "user")
_TOKENS = ("tokens", "covered_tokens", "byok_tokens")


@dataclass(frozen=True, slots=True)
class _Contest:
    """One account's measure that several series state: they count in this order, each where it is the first.

    `remainder` names the series that contains the first one: what it has beyond it is shown as nobody's.
    """

    account: str | None
    integration: str
    measure: Measure
    order: tuple[str, ...]
    remainder: str | None = None

    @property
    def mine(self) -> pl.Expr:
        return pl.col("integrated_account_id").eq_missing(pl.lit(self.account))

    def states(self, series: str) -> pl.Expr:
        return self.mine & (pl.col("series") == series).fill_null(value=False) & _states(self.measure)


def _one_series(digest: Digest, measure: Measure, keep: _Keep) -> Digest:
    """Give the digest with the measure counted once at a time; `keep` overrides the table. Raises OverlapError."""
    for account, integration, names in list(_several(digest, measure)):
        for contested in _contested(digest, account, integration, measure, names):
            kept = keep.get(integration, {}).get(measure)
            contest = _contest(digest, account, integration, measure, contested, kept)
            digest = _settled(digest, contest)
    return digest


def _states(measure: Measure) -> pl.Expr:
    if measure == "money":
        return pl.col("money_n") > 0
    return pl.sum_horizontal(*_TOKENS) != 0


def _several(digest: Digest, measure: Measure) -> Iterator[tuple[str | None, str, frozenset[str]]]:
    found = digest.rows.filter(_states(measure) & pl.col("series").is_not_null())
    grouped = found.group_by("integrated_account_id", "integration").agg(pl.col("series").unique())
    ordered = grouped.sort("integrated_account_id", "integration", nulls_last=True)  # what is told has one order
    for account, integration, names in ordered.iter_rows():
        if len(names) > 1:
            yield account, integration, frozenset(names)


def _spans(rows: pl.DataFrame) -> list[tuple[int, int]]:
    """Each stretch of time that some row covers."""
    dated = rows.filter(pl.col("start").is_not_null())
    return dated.select("start", pl.col("end").fill_null(pl.col("start"))).unique().rows()


def _contested(
    digest: Digest, account: str | None, integration: str, measure: Measure, names: frozenset[str]
) -> list[frozenset[str]]:
    """The series that state the measure at one time with another; those of different products are apart."""
    rows = digest.rows.filter(pl.col("integrated_account_id").eq_missing(pl.lit(account)) & _states(measure))
    spans = {name: _spans(rows.filter(pl.col("series") == name)) for name in sorted(names)}
    unions = {name: Stretches(of) for name, of in spans.items()}
    groups: list[set[str]] = []
    for one in spans:
        alike = [each for each in spans if each != one and _product(integration, each) == _product(integration, one)]
        met = {other for other in alike if _meet(unions[one], spans[other])}
        if met:
            joined = {one, *met}.union(*(group for group in groups if group & {one, *met}))
            groups = [*(group for group in groups if not group & joined), joined]
    return [frozenset(group) for group in groups]


def _product(integration: str, series: str) -> str:
    known = INTEGRATIONS.get(integration)
    return known.product(series) if known is not None else ""


def _meet(union: Stretches, spans: list[tuple[int, int]]) -> bool:
    return any(union.meets(start, end) for start, end in spans)


def _contest(  # noqa: PLR0917  # what an error must be able to name
    digest: Digest, account: str | None, integration: str, measure: Measure, names: frozenset[str], kept: str | None
) -> _Contest:
    if kept is not None:
        if kept not in names:
            found = ", ".join(sorted(names))
            raise OverlapError(f"keep names {shown(kept)}, but {account} states its {measure} by {found}.")
        return _Contest(account, integration, measure, (kept, *sorted(names - {kept})))
    choice = INTEGRATIONS[integration].choice(measure, names) if integration in INTEGRATIONS else None
    if choice is None:
        raise OverlapError(
            f"{account} states its {measure} twice, by {' and by '.join(sorted(names))}, and neither contains the "
            f"other. Pick one: keep={{{integration!r}: {{{measure!r}: {min(names)!r}}}}}."
        )
    dimensions = frozenset(_DIMENSION[name] for name in digest.by if name in _DIMENSION)
    order = tuple(name for name in choice.preference(dimensions) if name in names)
    whole = next(name for name in choice.order if name in names)
    return _Contest(account, integration, measure, order, whole if choice.remainder and whole != order[0] else None)


def _settled(digest: Digest, contest: _Contest) -> Digest:
    """Silence each later series' measure where an earlier one states it."""
    before = digest.rows
    for position, other in enumerate(contest.order[1:], start=1):
        earlier = before.filter(pl.any_horizontal(*(contest.states(name) for name in contest.order[:position])))
        union = Stretches(_spans(earlier))
        met = _met(contest.states(other), before, union)
        concerned = before.filter(met)
        if not concerned.height:
            continue
        rows = digest.rows.with_columns(
            *_silenced(digest, _measured(digest, contest.measure), _met(contest.states(other), digest.rows, union))
        )
        if other == contest.remainder:
            theirs = Stretches(_spans(concerned))
            part = before.filter(_met(contest.states(contest.order[0]), before, theirs))
            rows = pl.concat([rows, _remainder(digest, contest, concerned, part)], how="vertical_relaxed")
        digest = digest.with_rows(rows, _choice_told(contest, other, concerned, _reach(digest, concerned, union)))
    return digest


def _met(rows: pl.Expr, of: pl.DataFrame, union: Stretches) -> pl.Expr:
    """Those rows that share a moment with what is covered."""
    spans = of.filter(rows).select("start", "end").unique().drop_nulls("start")
    met = [(s, e) for s, e in spans.iter_rows() if union.meets(s, s if e is None else e)]
    if not met:
        return pl.lit(value=False)
    found = pl.DataFrame(met, schema={"start": pl.Int64, "end": pl.Int64}, orient="row").to_struct().implode()
    span = pl.struct("start", "end")
    return rows & span.is_in(found, nulls_equal=True)


def _reach(digest: Digest, concerned: pl.DataFrame, union: Stretches) -> str:
    """Say of records that begin before, or end after, all that states the measure in their place."""
    first, last = union.bounds
    beyond = concerned.filter((pl.col("start") < first) | (pl.col("end") > last))
    if not beyond.height:
        return ""
    count = int(beyond["records"].sum())
    return (
        f" ({count:,} of its records overlap that time only in part, which is {digest.date(first)} to "
        f"{digest.date(last - 1)}: what they state of other days is in no line)"
    )


def _measured(digest: Digest, measure: Measure) -> tuple[str, ...]:
    if measure == "money":
        return _MONEY
    return (*_TOKENS, *digest.kinds, *(f"covered_{kind}" for kind in digest.kinds))


def _remainder(digest: Digest, contest: _Contest, whole: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """What the whole has beyond its part, as rows of nobody: the whole, and the part with its sign turned."""
    columns = _measured(digest, contest.measure)
    turned = part.with_columns(
        *(-pl.col(c) for c in columns if c not in ("money_n", "charged_n")),
        *(pl.lit(0).cast(part.schema[c]).alias(c) for c in columns if c == "charged_n"),
    )
    rows = pl.concat([whole, turned], how="vertical_relaxed")
    others = [c for c in (*_MONEY, *_measured(digest, "tokens")) if c not in columns]
    nobody = [pl.lit(NOT_ATTRIBUTED).alias(f"dim_{i}") for i, name in enumerate(digest.by) if name in _USER]
    return rows.with_columns(
        *nobody, *(pl.lit(0).cast(rows.schema[c]).alias(c) for c in others), records=pl.lit(0, dtype=pl.Int64)
    )


def _choice_told(contest: _Contest, other: str, concerned: pl.DataFrame, reach: str) -> str:
    choice = f"{contest.account}: {contest.measure} from {contest.order[0]}"
    if other == contest.remainder:
        return f"{choice}; what {other} has beyond it is {NOT_ATTRIBUTED}"
    if contest.measure == "tokens":
        count = concerned.select(pl.col("tokens").sum() + pl.col("covered_tokens").sum()).item()
        return f"{choice}; {other} left out: the same {number(count)} tokens{reach}"
    sums = concerned.group_by("currency").agg(pl.col("money").sum()).sort("currency", nulls_last=True)
    amounts = " and ".join(money(amount, c) for c, amount in sums.iter_rows())
    return f"{choice}; {other} left out: the same {amounts}{reach}"


class Stretches:
    """Hold what some stretches of time cover together; an instant covers its own bin."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted((s, max(e, s + 1)) for s, e in spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def meets(self, start: int, end: int) -> bool:
        """Tell whether a stretch shares a moment with what is covered.

        >>> week = Stretches([(1, 8)])
        >>> week.meets(7, 8), week.meets(8, 9), week.meets(0, 30)
        (True, False, True)
        """
        at = bisect_right(self._starts, max(end, start + 1) - 1) - 1
        return at >= 0 and self._ends[at] > start

    def begin_of(self, start: int) -> int:
        """Give where the stretch begins that holds a moment.

        >>> Stretches([(1, 8), (8, 9)]).begin_of(8)
        8
        """
        return self._starts[bisect_right(self._starts, start) - 1]

    @property
    def bounds(self) -> tuple[int, int]:
        """Give the first and the last moment, the end excluded."""
        return self._starts[0], self._ends[-1]


# accounts that cover other days ---------------------------------------------------------------------------------------

_WEEK = 7
"""Days. A bare frame cannot know what it was loaded for: it is told where one account has records on so many days, and
another spans less than half of the days that it does, as vendors look that each answered for a span of their own."""


def spans_told(native: Native, read: Digest) -> list[str]:
    """Say once of which days each account's records are, where a bare frame's accounts cover other spans.

    A frame that was loaded for a period says so, and whoever has no record on its first days had none.
    """
    if OVERHANG in native.columns:
        return []
    last = pl.max_horizontal("start", pl.col("end") - 1)
    days = read.rows.filter(pl.col("start").is_not_null()).select(
        "integrated_account_id",
        first=read.day.cast(pl.Int64),
        last=(last * read.bin // DAY).cast(pl.Int64),
    )
    spans = days.group_by("integrated_account_id").agg(
        pl.col("first").min(), pl.col("last").max(), pl.col("first").n_unique().alias("days")
    )
    long = (pl.col("last") - pl.col("first") + 1).alias("long")
    if spans.height < 2 or not _a_part_alone(spans.with_columns(long)):
        return []
    dates = spans.with_columns(pl.col("first", "last").cast(pl.Int32).cast(pl.Date)).sort("integrated_account_id")
    rows = dates.select("integrated_account_id", "first", "last").rows()
    return [f"the accounts cover other spans: {spans_named(rows)}"]


def _a_part_alone(spans: pl.DataFrame) -> bool:
    daily = spans.filter(pl.col("days") >= _WEEK)["long"].max()
    return daily is not None and bool(spans.select((pl.col("long") * 2 < daily).any()).item())
