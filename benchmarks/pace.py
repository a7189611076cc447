"""Hold the forecast of `tu.pace` against what the months came to: does the 80 % range hold 80 % of them?

    python benchmarks/pace.py                                      # 20 seeds, a month each, six days of it: an hour
    python benchmarks/pace.py --seeds 101-103 --days 9 17          # a look
    python benchmarks/pace.py --seeds 1-10 --months 2026-11 --history 1

A world of the sandbox is loaded as on a day of a month, with `--history` months before, and asked where the month will
end; the truth is the same seed seen after all its figures have settled. What was loaded is kept (`--cache`), so that a
second run asks nothing.

Ordinary are the second and third months of a quarter. In each quarter's first month the sandbox breaks a cache, loses a
key that burns tokens for three days, takes the money back, drops a model's price, resizes a cluster and has two feeds
down: nobody could know. In the second month one account billed in EUR has an outage, so EUR is not ordinary there. The
price of the first month comes back with the third: that is left in, as things that happen.

The seeds 1 to 10 were used while the forecast was made, those of the default were not.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

import truto_usage_nb as tu
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.result import UsageResult, read_result

MONTHS = ["2026-11", "2026-12", "2026-08", "2026-09"]
DAYS = [5, 9, 13, 17, 21, 26]
LEAST, MOST, WIDEST = 0.70, 0.90, 0.12
TWIN = "cursor-relinked"
"""An account that answers with another's records."""


def main() -> int:
    """Measure, print, and fail when the stated share of ranges does not hold the truth, or says nothing."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", default="101-120", help="such as 101-120 or 3,7,9")
    arguments.add_argument("--months", nargs="+", default=MONTHS, help="in turn, a month a seed")
    arguments.add_argument("--every-month", action="store_true", help="each month for each seed, not in turn")
    arguments.add_argument("--days", nargs="+", type=int, default=DAYS)
    arguments.add_argument("--history", type=int, default=2, help="whole months loaded before")
    arguments.add_argument("--scale", type=float, default=1.0)
    arguments.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "truto-usage-pace")
    chosen = arguments.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    found: list[tuple[object, ...]] = []
    for seed, month in worlds(chosen):
        begun = time.perf_counter()
        world = World(seed, month, chosen.history, chosen.scale, chosen.cache)
        found += [row for day in chosen.days for row in world.outcomes(day)]
        print(f"seed {seed}, {month:%Y-%m}: {time.perf_counter() - begun:.0f} s", flush=True)
    return verdict(pl.DataFrame(found, schema=COLUMNS, orient="row"))


COLUMNS = ["seed", "month", "day", "of", "currency", "projected", "low", "high", "truth"]


def worlds(chosen: argparse.Namespace) -> Iterator[tuple[int, date]]:
    """Yield each seed with its month, or with every one."""
    months = [date.fromisoformat(f"{month}-01") for month in chosen.months]
    for place, seed in enumerate(seeds(chosen.seeds)):
        for month in months if chosen.every_month else [months[place % len(months)]]:
            yield seed, month


def seeds(text: str) -> Iterator[int]:
    """Read "101-103,7"."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


@dataclass(frozen=True)
class World:
    """One seed's month."""

    seed: int
    month: date
    history: int
    scale: float
    cache: Path

    def outcomes(self, day: int) -> Iterator[tuple[object, ...]]:
        """Yield what was said on a day of the month, by currency alone and by vendor, and what it came to."""
        now = datetime(self.month.year, self.month.month, day, tzinfo=UTC)
        seen = self.load(months_on(self.month, -self.history), now)
        truth = self.truth()
        for by in (None, "integration"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UsageWarning)
                table = tu.pace(seen, by=by)
            for row in table.iter_rows(named=True):
                of = row["integration"] if by else "all"
                said = (row["projected"], row["low"], row["high"])
                if row["projected"] is not None and (of, row["currency"]) in truth:
                    yield (self.seed, self.month, day, of, row["currency"], *said, truth[of, row["currency"]])

    def truth(self) -> dict[tuple[str, str], float]:
        """Give what the month came to, by vendor and currency, when all of it had settled."""
        after = datetime.combine(months_on(self.month, 2) + timedelta(days=2), datetime.min.time(), UTC)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UsageWarning)
            costs = tu.cost_per(self.load(self.month, after).polars, "integration").drop_nulls("cost")
        sums: dict[tuple[str, str], float] = {}
        for of, currency, cost in costs.select("integration", "currency", "cost").iter_rows():
            for one in (of, "all"):
                sums[one, currency] = sums.get((one, currency), 0.0) + cost
        return sums

    def load(self, first: date, now: datetime) -> UsageResult:
        """Load from a day to the month's end, as seen at a moment; once, for it is kept."""
        kept = self.cache / f"{self.seed}-{self.scale:g}-{first}-{self.month:%Y-%m}-{now:%Y%m%dT%H%M}.parquet"
        if not kept.exists():
            client = tu.sandbox(seed=self.seed, now=now, scale=self.scale)
            accounts = [account for account in client.list_accounts()["id"] if account != TWIN]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UsageWarning)
                period = (first, months_on(self.month, 1))
                client.fetch_usage(accounts, period=period, progress=False).save(kept)
        return read_result(kept)


def months_on(month: date, count: int) -> date:
    """Give the first day of the month so many on."""
    years, place = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, place + 1, 1)


def verdict(found: pl.DataFrame) -> int:
    """Print the shares, and say whether all currencies' months in USD are held as promised."""
    off = (pl.col("projected") / pl.col("truth") - 1).abs()
    table = found.with_columns(
        held=pl.col("truth").is_between("low", "high"),
        width=(pl.col("high") - pl.col("low")) / pl.col("truth"),
        off=off,
    )
    shares = [pl.len().alias("ranges"), pl.col("held").mean(), pl.col("width").median(), pl.col("off").median()]
    for names in (["currency", "of"], ["month"], ["day"]):
        rows = table if "of" in names else table.filter(of="all", currency="USD")
        say(rows.group_by(names).agg(*shares, most_off=pl.col("off").max()).sort(names), names)
    held, width = table.filter(of="all", currency="USD").select(pl.col("held").mean(), pl.col("width").median()).row(0)
    good = LEAST <= held <= MOST and width <= WIDEST
    print(f"all of USD: {held:.0%} held, {width:.1%} wide: {'as promised' if good else 'NOT as promised'}")
    return 0 if good else 1


def say(table: pl.DataFrame, names: list[str]) -> None:
    """Print a table of shares."""
    print(f"\n{' '.join(names):24}  ranges   held  median width  median error  largest")
    for *key, count, held, width, off, most in table.iter_rows():
        print(f"{' '.join(map(str, key)):24} {count:7} {held:6.0%} {width:13.1%} {off:13.1%} {most:8.1%}")


if __name__ == "__main__":
    raise SystemExit(main())
