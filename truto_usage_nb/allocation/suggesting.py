"""What no rule reached, and the rules that would catch most of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from truto_usage_nb.allocation.placing import Piece
from truto_usage_nb.allocation.sharing import Line, amount_of
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.format import money as written
from truto_usage_nb.format import percent
from truto_usage_nb.integrations import INTEGRATIONS

__all__ = ["suggestions", "told_of_rest"]

_ENOUGH, _MOST, _SEVERAL = 0.9, 12, 40
"""Which share of the rest suffices, in how many rules, and from how many values on a field tells nothing apart."""
_PLAIN = r"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.@"
_FIELDS = (("email", "user_email"), ("workspace", "resources_workspace_id"), ("api_key", "resources_id"),
           ("organization", "organization_name"), ("product", "product_id"))  # fmt: skip
"""In the order in which a company names who pays: a person, a workspace, what stands in it, and what is bought."""


def told_of_rest(lines: Sequence[Line], rest: Sequence[tuple[Piece, str]]) -> Iterator[str]:
    """Say what no rule reached, and what would catch most of it."""
    whole: dict[str | None, int] = defaultdict(int)
    missed: dict[str | None, int] = defaultdict(int)
    for line in lines:
        whole[line.block.currency] += line.cost
        missed[line.block.currency] += line.cost if line.target is None else 0
    some = {currency: money for currency, money in missed.items() if round(amount_of(money), 2)}
    if not some:
        return
    said = " and ".join(
        f"{written(amount_of(money), currency)}"
        + (f" ({percent(money / whole[currency])})" if 0 < money <= whole[currency] else "")
        for currency, money in sorted(some.items(), key=str)
    )
    first = suggestions(rest).with_columns(place=pl.int_range(pl.len()).over("currency"))
    found = first.sort("place", maintain_order=True)["rule"].head(3).to_list()
    more = f"; most of it would be caught by {' '.join(found)} (suggest_rules has all)" if found else ""
    yield f"no rule reached {said}{more}"


def suggestions(rest: Sequence[tuple[Piece, str]]) -> pl.DataFrame:
    """Give the rules that would catch most of these pieces, for each account by the first field that tells apart."""
    by_currency: dict[str | None, dict[Any, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for piece, _ in rest:
        if piece.money and piece.money > 0:
            by_currency[piece.currency][piece.stated["integrated_account_id"]].append(piece)
    rows = []
    for currency, accounts in by_currency.items():
        whole = sum(piece.money or 0 for pieces in accounts.values() for piece in pieces)
        found = [row for account, pieces in accounts.items() for row in _of_account(account, pieces)]
        found.sort(key=lambda row: (-row[1], str(row[0])))
        caught = 0
        for match, money in found[:_MOST]:
            if caught >= _ENOUGH * whole:
                break
            caught += money
            text = f"{{{', '.join(f'{name}: {_quoted(value)}' for name, value in match.items())}}}"
            rows.append((text, currency, amount_of(money), money / whole, f'- {{to: "", match: {text}}}'))
    schema = {"match": pl.String(), "currency": pl.String(), "cost": pl.Float64(), "share": pl.Float64(),
              "rule": pl.String()}  # fmt: skip
    table = pl.DataFrame(rows, schema=pl.Schema(schema), orient="row")
    return table.sort("currency", "cost", "match", descending=[False, True, False], nulls_last=True)


def _of_account(account: Any, pieces: Sequence[Piece]) -> Iterator[tuple[dict[str, str], int]]:
    """The matches of an account's pieces with what each would place: by the first field that most of them state."""
    whole = sum(piece.money or 0 for piece in pieces)
    own = {"account": str(account)} if account is not None else {}
    for name, column in _FIELDS:
        sums: dict[str, int] = defaultdict(int)
        for piece in pieces:
            value = piece.stated.get(column)
            if value is not None and str(value) != NOT_ATTRIBUTED:
                sums[str(value)] += piece.money or 0
        if len(sums) > 1 and len(sums) <= _SEVERAL and 2 * sum(sums.values()) >= whole:
            known = INTEGRATIONS.get(str(pieces[0].stated["integration"]))
            called = known.resource if name == "api_key" and known is not None else name
            yield from (({**own, called: value}, money) for value, money in sums.items())
            rest = whole - sum(sums.values())
            if rest > 0 and own:
                yield own, rest
            return
    if own:
        yield own, whole


def _quoted(value: str) -> str:
    return value if value and all(each in _PLAIN for each in value) and value[0] not in "-.@" else json.dumps(value)
