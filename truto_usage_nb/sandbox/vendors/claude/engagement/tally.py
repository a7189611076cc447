"""Sums of what each user did, under the columns a question groups by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from truto_usage_nb.sandbox.company import Person


class Tally:
    """One group's sums and its distinct people."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns
        self.people: set[Person] = set()
        self.sums: dict[str, int] = {}

    def count(self, person: Person, amounts: dict[str, int]) -> None:
        """Add one person's amounts."""
        self.people.add(person)
        for name, amount in amounts.items():
            self.sums[name] = self.sums.get(name, 0) + amount


def tally(found: Iterable[tuple[dict[str, Any], Person, dict[str, int]]]) -> list[Tally]:
    """Add up (columns, person, amounts) by columns, in the order of their first appearance."""
    groups: dict[tuple[Any, ...], Tally] = {}
    for columns, person, amounts in found:
        key = tuple(columns.items())
        groups.setdefault(key, Tally(columns)).count(person, amounts)
    return list(groups.values())
