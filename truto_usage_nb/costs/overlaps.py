"""Which series counts where two state one measure of one account over the same time.

The question is not which report types are in a frame. `usage` beside `cost` is no overlap: together they are the cost
of a token. Two statements contest each other where their intervals meet, however long each is. Where one side contains
the other the integration's `choices` settle it, and the choice is told with the money concerned; where neither
does, an error names both and the argument that picks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.costs.intervals import Union
from truto_usage_nb.costs.states import MONEY, silenced
from truto_usage_nb.errors import OverlapError
from truto_usage_nb.format import money, number
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.integrations import Measured as Measure
from truto_usage_nb.outside import shown

__all__ = ["NOT_ATTRIBUTED", "one_series"]

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


def one_series(digest: Digest, measure: Measure, keep: Mapping[str, Mapping[str, str]]) -> Digest:
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
    unions = {name: Union(of) for name, of in spans.items()}
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


def _meet(union: Union, spans: list[tuple[int, int]]) -> bool:
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
        union = Union(_spans(earlier))
        met = _met(contest.states(other), before, union)
        concerned = before.filter(met)
        if not concerned.height:
            continue
        rows = digest.rows.with_columns(
            *silenced(digest, _measured(digest, contest.measure), _met(contest.states(other), digest.rows, union))
        )
        if other == contest.remainder:
            theirs = Union(_spans(concerned))
            part = before.filter(_met(contest.states(contest.order[0]), before, theirs))
            rows = pl.concat([rows, _remainder(digest, contest, concerned, part)], how="vertical_relaxed")
        digest = digest.with_rows(rows, _told(contest, other, concerned, _reach(digest, concerned, union)))
    return digest


def _met(rows: pl.Expr, of: pl.DataFrame, union: Union) -> pl.Expr:
    """Those rows that share a moment with what is covered."""
    spans = of.filter(rows).select("start", "end").unique().drop_nulls("start")
    met = [(s, e) for s, e in spans.iter_rows() if union.meets(s, s if e is None else e)]
    if not met:
        return pl.lit(value=False)
    found = pl.DataFrame(met, schema={"start": pl.Int64, "end": pl.Int64}, orient="row").to_struct().implode()
    span = pl.struct("start", "end")
    return rows & span.is_in(found, nulls_equal=True)


def _reach(digest: Digest, concerned: pl.DataFrame, union: Union) -> str:
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
        return MONEY
    return (*_TOKENS, *digest.kinds, *(f"covered_{kind}" for kind in digest.kinds))


def _remainder(digest: Digest, contest: _Contest, whole: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """What the whole has beyond its part, as rows of nobody: the whole, and the part with its sign turned."""
    columns = _measured(digest, contest.measure)
    turned = part.with_columns(
        *(-pl.col(c) for c in columns if c not in ("money_n", "charged_n")),
        *(pl.lit(0).cast(part.schema[c]).alias(c) for c in columns if c == "charged_n"),
    )
    rows = pl.concat([whole, turned], how="vertical_relaxed")
    others = [c for c in (*MONEY, *_measured(digest, "tokens")) if c not in columns]
    nobody = [pl.lit(NOT_ATTRIBUTED).alias(f"dim_{i}") for i, name in enumerate(digest.by) if name in _USER]
    return rows.with_columns(
        *nobody, *(pl.lit(0).cast(rows.schema[c]).alias(c) for c in others), records=pl.lit(0, dtype=pl.Int64)
    )


def _told(contest: _Contest, other: str, concerned: pl.DataFrame, reach: str) -> str:
    choice = f"{contest.account}: {contest.measure} from {contest.order[0]}"
    if other == contest.remainder:
        return f"{choice}; what {other} has beyond it is {NOT_ATTRIBUTED}"
    if contest.measure == "tokens":
        count = concerned.select(pl.col("tokens").sum() + pl.col("covered_tokens").sum()).item()
        return f"{choice}; {other} left out: the same {number(count)} tokens{reach}"
    sums = concerned.group_by("currency").agg(pl.col("money").sum()).sort("currency", nulls_last=True)
    amounts = " and ".join(money(amount, c) for c, amount in sums.iter_rows())
    return f"{choice}; {other} left out: the same {amounts}{reach}"
