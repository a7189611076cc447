"""What a form offers to pick from: values that earlier loads of the same client held. Typing stays free."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import polars as pl

from truto_usage_nb.client import Client
from truto_usage_nb.forms.wording import examples
from truto_usage_nb.query import Parameter
from truto_usage_nb.schema import field

__all__ = ["Offers", "offers_of"]

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
