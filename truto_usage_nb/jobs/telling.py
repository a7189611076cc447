"""What a reader of the records is told, in the words that a load and a scan share."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from truto_usage_nb.planning import Period
from truto_usage_nb.schema import RECORD_KEY

__all__ = ["dateless_told", "overhang_told", "repeat_key", "repeats_told"]

_ALWAYS = 5  # of the record's key: a frame without one of these cannot tell; model and person may have been left out


def repeat_key(columns: Collection[str]) -> list[str]:
    """Give what two records of different queries have in common when they are one; nothing where it cannot be told."""
    if not set(RECORD_KEY[:_ALWAYS]) <= set(columns):
        return []
    return [name for name in RECORD_KEY if name in columns]


def overhang_told(count: int, accounts: Iterable[object], period: Period) -> list[str]:
    """Say that records stick out of the period, where some do."""
    if count == 0:
        return []
    names = ", ".join(sorted(map(str, accounts)))
    return [
        f"{count:,} records of {names} stick out of the period ({period}); they are whole, marked "
        "overhangs_period: say overhang='prorate', 'include' or 'drop' before their cost is tabled"
    ]


def dateless_told(count: int) -> list[str]:
    """Say that records have no start, where some have none."""
    if count == 0:
        return []
    return [f"{count:,} records have no start_date; they are kept, though the period cannot be checked"]


def repeats_told(count: int) -> list[str]:
    """Say that records were stated twice, where some were."""
    return [f"{count:,} records came from more than one query; the newest of each is kept"] if count else []
