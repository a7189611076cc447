"""The latest state of each cycle: running totals count once, and Cursor's spend only checks its events.

Cursor's spend is a billing cycle to date. Datadog states a month's product as often as it likes: days to date, an
estimate, at last its historical record. The state that tells of the most time counts; of two that tell as much, the
whole month before a day, then the one updated last. What does not count is silenced, not taken out: its days are held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from truto_usage_nb.costs.digest import Digest
from truto_usage_nb.format import money
from truto_usage_nb.integrations import INTEGRATIONS, integrations_that

__all__ = ["MONEY", "checked_by_events", "latest_states", "silenced"]

MONEY = ("money", "money_n", "charged_n")
"""The columns of a digest that state money."""
_GROUP = ["integrated_account_id", "integration", "cycle", "begin"]
Keep = Mapping[str, Mapping[str, str]]


def latest_states(digest: Digest, keep: Keep) -> Digest:
    """Keep the latest state of each cycle; `keep` may name the series that counts."""
    if digest.rows["cycle"].null_count() == digest.rows.height:
        return digest
    rows = _ranked(digest, keep)
    overtaken = pl.col("cycle").is_not_null() & ~pl.col("counts") & (pl.col("money_n") > 0)
    lost = rows.filter(overtaken)
    rows = rows.with_columns(*silenced(digest, MONEY, overtaken)).select(digest.rows.columns)
    return digest.with_rows(rows, *_told(lost))


def silenced(digest: Digest, columns: tuple[str, ...], hit: pl.Expr) -> Iterator[pl.Expr]:
    """Set columns to nothing where they must not count."""
    for column in columns:
        nothing = pl.lit(0).cast(digest.rows.schema[column])
        yield pl.when(hit).then(nothing).otherwise(pl.col(column)).alias(column)


def _ranked(digest: Digest, keep: Keep) -> pl.DataFrame:
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


def _wanted(keep: Keep) -> pl.Expr:
    """Tell the rows of the series that the caller names, where every record is a state of its month."""
    wanted = pl.lit(value=False)
    for name in integrations_that(lambda each: each.cycle == "product"):
        named = pl.col("series") == keep.get(name, {}).get("money", "")
        wanted = wanted | ((pl.col("integration") == name) & named)
    return wanted


def _told(lost: pl.DataFrame) -> list[str]:
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


def checked_by_events(digest: Digest, keep: Keep) -> Digest:
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
    return digest.with_rows(digest.rows.with_columns(*silenced(digest, MONEY, hit)), *sorted(told))


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
