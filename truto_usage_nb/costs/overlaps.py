"""Which series counts where two state one measure of one account and day.

The question is not which report types are in a frame. `usage` beside `cost` is no overlap: together they are the cost
of a token. Where one side contains the other the table in `truto_usage_nb.series` chooses, and the choice is told with
the money concerned; where neither does, an error names both and the argument that picks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from truto_usage_nb.costs.digest import DAY, Digest
from truto_usage_nb.errors import OverlapError
from truto_usage_nb.format import money, number
from truto_usage_nb.series import Measure, apart, choice_for

__all__ = ["NOT_ATTRIBUTED", "one_series"]

NOT_ATTRIBUTED = "(not attributed)"
_USER = ("user_id", "user_email", "user_name")
_DIMENSION = {"model_id": "model", "surface": "surface"} | dict.fromkeys(_USER, "user")
_MONEY = ("money", "money_n", "charged_n")
_TOKENS = ("tokens", "covered_tokens", "byok_tokens")


@dataclass(frozen=True, slots=True)
class _Contest:
    """One account's measure that several series state: they count in this order, each on the days it is the first.

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
    """Give the digest with the measure counted once a day; `keep` overrides the table. Raises OverlapError."""
    for account, integration, names in list(_several(digest, measure)):
        contested = _contested(digest, account, measure, names)
        if contested:
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


def _day(digest: Digest) -> pl.Expr:
    return (pl.col("start") * digest.bin // DAY).alias("day")


def _contested(digest: Digest, account: str | None, measure: Measure, names: frozenset[str]) -> frozenset[str]:
    """The series that state the measure on a day on which another states it too."""
    rows = digest.rows.filter(pl.col("integrated_account_id").eq_missing(pl.lit(account)) & _states(measure))
    days = {name: set(rows.filter(pl.col("series") == name).select(_day(digest))["day"]) for name in names}
    return frozenset(a for a in names for b in names if a != b and days[a] & days[b] and not apart(a, b))


def _contest(  # noqa: PLR0917  # what an error must be able to name
    digest: Digest, account: str | None, integration: str, measure: Measure, names: frozenset[str], kept: str | None
) -> _Contest:
    if kept is not None:
        if kept not in names:
            found = ", ".join(sorted(names))
            raise OverlapError(f"keep names {kept!r}, but {account} states its {measure} by {found}.")
        return _Contest(account, integration, measure, (kept, *sorted(names - {kept})))
    choice = choice_for(integration, measure, names)
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
    """Silence each later series' measure on the days on which an earlier one states it."""
    before = digest.rows
    for position, other in enumerate(contest.order[1:], start=1):
        earlier = pl.any_horizontal(*(contest.states(name) for name in contest.order[:position]))
        days = before.filter(earlier).select(_day(digest))["day"].unique()
        on_them = _day(digest).is_in(days.implode()).fill_null(value=False)
        concerned = before.filter(contest.states(other) & on_them)
        if not concerned.height:
            continue
        rows = digest.rows.with_columns(*_silenced(digest, contest, contest.states(other) & on_them))
        if other == contest.remainder:
            part = before.filter(contest.states(contest.order[0]) & on_them)
            rows = pl.concat([rows, _remainder(digest, contest, concerned, part)], how="vertical_relaxed")
        digest = digest.with_rows(rows, _told(contest, other, concerned))
    return digest


def _measured(digest: Digest, measure: Measure) -> tuple[str, ...]:
    if measure == "money":
        return _MONEY
    return (*_TOKENS, *digest.kinds, *(f"covered_{kind}" for kind in digest.kinds))


def _silenced(digest: Digest, contest: _Contest, hit: pl.Expr) -> Iterator[pl.Expr]:
    for column in _measured(digest, contest.measure):
        nothing = pl.lit(0).cast(digest.rows.schema[column])
        yield pl.when(hit).then(nothing).otherwise(pl.col(column)).alias(column)


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


def _told(contest: _Contest, other: str, concerned: pl.DataFrame) -> str:
    choice = f"{contest.account}: {contest.measure} from {contest.order[0]}"
    if other == contest.remainder:
        return f"{choice}; what {other} has beyond it is {NOT_ATTRIBUTED}"
    if contest.measure == "tokens":
        count = concerned.select(pl.col("tokens").sum() + pl.col("covered_tokens").sum()).item()
        return f"{choice}; {other} left out: the same {number(count)} tokens"
    sums = concerned.group_by("currency").agg(pl.col("money").sum()).sort("currency", nulls_last=True)
    return f"{choice}; {other} left out: the same {' and '.join(money(amount, c) for c, amount in sums.iter_rows())}"
