"""What a form asks the service before anybody presses Run, and what it offers to pick from.

Accounts, the products of those chosen, and the values that earlier loads of the same client held. Typing stays free.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import polars as pl

from truto_usage_nb import bridge
from truto_usage_nb.client import Client
from truto_usage_nb.errors import UsageError
from truto_usage_nb.forms.controls import Choice
from truto_usage_nb.forms.state import examples
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.outside import isolated, plain
from truto_usage_nb.query import PARAMETERS, Parameter
from truto_usage_nb.schema import field

__all__ = ["Lookups"]

_MOST = 300


class Offers:
    """Keep, by column, the values seen so far, those of the newest load first."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, None]] = {}
        self.product_names: dict[str, str] = {}

    def learn(self, frame: pl.DataFrame, parameters: Iterable[Parameter]) -> None:
        """Remember the values of every column that a parameter filters by, the most frequent first."""
        for column in dict.fromkeys(map(_column, parameters)):
            if column is not None and frame.schema.get(column) == pl.String:
                counts = frame[column].drop_nulls().value_counts(sort=True).head(_MOST)
                self.add(column, counts[column].to_list())

    def add(self, column: str, values: Iterable[str]) -> None:
        """Put values before those seen earlier."""
        fresh = dict.fromkeys(values)
        fresh.update(self._seen.get(column, {}))
        self._seen[column] = dict.fromkeys(list(fresh)[:_MOST])

    def products(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Remember products by id and name."""
        named = {key: name or key for key, name in rows}
        self.product_names.update(named)
        self.add("product_id", named)

    def of(self, parameter: Parameter) -> list[str]:
        """Give what to offer for a parameter: values seen, else those its help names."""
        seen = self._seen.get(_column(parameter) or "", {})
        return list(seen) or examples(parameter.help)


def _column(parameter: Parameter) -> str | None:
    """Give the column that a parameter filters by: `model_ids` filters `model_id`."""
    known = field(parameter.name) or field(parameter.name.removesuffix("s"))
    return None if known is None else known.column


_offers: WeakKeyDictionary[Client, Offers] = WeakKeyDictionary()


def offers_of(client: Client) -> Offers:
    """Give what the forms of a client have seen."""
    return _offers.setdefault(client, Offers())


_SHOWN_PRODUCTS = 8


class Lookups:
    """Ask in the background; `arrived` is called from there with every answer."""

    def __init__(self, client: Client, arrived: Callable[[], None]) -> None:
        self.client = client
        self.choices: tuple[Choice, ...] = ()
        self.offers = offers_of(client)
        self._arrived = arrived
        self._integrations: dict[str, str | None] = {}
        self._told = "Looking up accounts…"
        self._asked: set[str] = set()
        self._running: list[bridge.Running[None]] = []

    def accounts(self) -> None:
        """Look the accounts up."""
        self._start(self._accounts())

    def products(self, accounts: Sequence[str]) -> None:
        """Look up the products of accounts that can be asked for single ones; once each."""
        for name in accounts:
            if self.integration(name) in PARAMETERS["product_ids"].integrations and name not in self._asked:
                self._asked.add(name)
                self._start(self._products(name))

    def integration(self, account: str) -> str | None:
        """Give the integration behind an account, None while nobody knows it."""
        return self._integrations.get(account)

    def note(self, picked: Sequence[str]) -> str:
        """Say what there is to say about the accounts."""
        return self._told or ("" if picked else "None is chosen: the token’s own account is asked.")

    def known_products(self) -> str:
        """Name the products known so far, by name and id."""
        names = self.offers.product_names
        if not names:
            return ""
        shown = [f"{isolated(name)} ({plain(key)})" for key, name in list(names.items())[:_SHOWN_PRODUCTS]]
        more = f" and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
        return f"Known: {', '.join(shown)}{more}."

    def wait(self, seconds: float) -> bool:
        """Wait that long at most, and say whether nothing is under way."""
        return all(each.wait(seconds) for each in list(self._running))

    def cancel(self) -> None:
        for each in self._running:
            each.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._running = [each for each in self._running if not each.is_done]
        self._running.append(bridge.start(work))

    async def _accounts(self) -> None:
        try:
            table = await self.client.alist_accounts()
        except Exception as problem:  # noqa: BLE001  it is shown, where a thread would lose it
            self._told = f"The accounts could not be listed ({plain(str(problem))}); write their ids."
        else:
            self._told = ""
            rows = table.rows(named=True)
            self._integrations = {row["id"]: row["integration"] for row in rows}
            self.choices = tuple(sorted(map(_choice, rows), key=_place))
        self._arrived()

    async def _products(self, account: str) -> None:
        try:
            table = await self.client.alist_products(account)
        except UsageError:
            return  # only an offer: any id can be written
        self.offers.products(zip(table["id"], table["name"], strict=True))
        self._arrived()


def _choice(row: dict[str, Any]) -> Choice:
    """Give an account as a person reads it: no name, however written, turns the id beside it."""
    known = INTEGRATIONS.get(row["integration"] or "")
    group = known.label if known is not None else f"{isolated(row['label'] or 'Other')} (not covered)"
    name = plain(row["id"]) if row["name"] == row["id"] else f"{isolated(row['name'])} ({plain(row['id'])})"
    state = "" if row["status"] in (None, "active") else f", {isolated(row['status'])}"
    return Choice(row["id"], name + state, group)


def _place(choice: Choice) -> tuple[int, str, str]:
    labels = [each.label for each in INTEGRATIONS.values()]
    return labels.index(choice.group) if choice.group in labels else len(labels), choice.group, choice.text
