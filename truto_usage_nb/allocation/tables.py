"""From exact amounts to cents that add up, from lines to tables, and what to say of the rest."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import polars as pl

from truto_usage_nb.allocation.placing import PLACES, Piece
from truto_usage_nb.allocation.sharing import Block, Line, amount_of
from truto_usage_nb.costs.currencies import in_blocks
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.format import decimals, percent
from truto_usage_nb.format import money as written
from truto_usage_nb.integrations import INTEGRATIONS

__all__ = ["ALLOCATED", "EXPLAINED", "rounded", "suggestions", "tables", "told_of_rest"]

ALLOCATED = ("target", "currency", "direct_cost", "shared_cost", "purchased_cost", "cost", "tokens")
EXPLAINED = ("rule", "reason", *ALLOCATED, "spread_cost", "payable", "seats", "purchases", "committed_billed")
_PARTS = ("direct", "shared", "purchased")


def rounded(exact: Sequence[int], digits: int, total: int | None = None) -> list[int]:
    """Round units to a currency's decimals by largest remainder, against the rounded total; ties go to who is first.

    >>> rounded([33_333_333_333] * 3, 2), rounded([-50_000_000, 50_000_000], 2)
    ([334, 333, 333], [0, 0])
    """
    step = 10 ** (PLACES - digits)
    total = round(Fraction(sum(exact), step)) if total is None else total
    parts = [each // step for each in exact]
    order = sorted(range(len(parts)), key=lambda place: (-(exact[place] % step), place))
    over = total - sum(parts)
    while over and order:
        for place in order[:over] if over > 0 else reversed(order[over:]):
            parts[place] += 1 if over > 0 else -1
        over = total - sum(parts)
    return parts


class _Row:
    """What a target comes to in one block: exact, then in the currency's smallest coin."""

    def __init__(self, target: str | None, block: Block, lines: list[Line]) -> None:
        self.target, self.block, self.lines = target, block, lines
        self.exact = {part: sum(getattr(line, part) or 0 for line in lines) for part in _PARTS}
        self.tokens = sum((line.tokens for line in lines), Fraction(0))
        self.states_money = any(line.states_money for line in lines)
        self.coins: dict[str, int] = {}
        self.count = Fraction(0)

    @property
    def is_emptied(self) -> bool:
        return bool(self.exact["shared"]) and not sum(self.exact.values())

    @property
    def is_nothing(self) -> bool:
        return not any(self.exact.values()) and not self.tokens and not any(line.committed for line in self.lines)


def tables(lines: Sequence[Line], *, monthly: bool, explain: bool) -> pl.DataFrame:
    """Give the table of targets, or of rules and targets, in cents that add up in every column."""
    blocks: dict[Block, dict[str | None, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        block = line.block if monthly else Block(None, line.block.currency)
        blocks[block][line.target].append(line)
    rows = []
    for block, of in blocks.items():
        made = [_Row(target, block, of[target]) for target in sorted(of, key=lambda name: (name is None, name or ""))]
        made = [row for row in made if not row.is_nothing]
        _coined(made, decimals(block.currency))
        rows.extend(made)
    fractions = any(sum((row.tokens for row in rows if row.block == block), Fraction(0)) % 1 for block in blocks)
    made_ = [each for row in rows for each in (_explained(row, fractions) if explain else [_stated(row, fractions)])]
    return _ordered(made_, monthly=monthly, explain=explain, fractions=fractions)


def _coined(rows: Sequence[_Row], digits: int) -> None:
    """Round every part so that columns add up to their totals, these to the rounded bill, and rows to their cost."""
    totals = rounded([sum(row.exact[part] for row in rows) for part in ("direct", "purchased")], digits)
    for part, total in zip(("direct", "purchased"), totals, strict=True):
        for row, coins in zip(rows, rounded([row.exact[part] for row in rows], digits, total), strict=True):
            row.coins[part] = coins
    emptied, taking = [r for r in rows if r.is_emptied], [r for r in rows if r.exact["shared"] and not r.is_emptied]
    for row in rows:
        row.coins["shared"] = -row.coins["direct"] - row.coins["purchased"] if row.is_emptied else 0
    rest = -sum(row.coins["shared"] for row in emptied)
    for row, coins in zip(taking, rounded([row.exact["shared"] for row in taking], digits, rest), strict=True):
        row.coins["shared"] = coins
    whole = [int(row.tokens) for row in rows]
    over = round(sum((row.tokens for row in rows), Fraction(0))) - sum(whole)
    order = sorted(range(len(rows)), key=lambda place: (whole[place] - rows[place].tokens, place))
    for place in order[: max(0, over)]:
        whole[place] += 1
    for row, count in zip(rows, whole, strict=True):
        row.count = Fraction(count)


def _stated(row: _Row, fractions: bool) -> dict[str, Any]:
    digits = decimals(row.block.currency)
    amounts = {f"{part}_cost": _amount(row.coins[part], digits) for part in _PARTS}
    amounts["cost"] = _amount(sum(row.coins.values()), digits)
    money = amounts if row.states_money else dict.fromkeys(amounts)
    tokens = float(row.tokens) if fractions else int(row.count)
    return {"period_start": row.block.month, "target": row.target, "currency": row.block.currency, **money,
            "tokens": tokens}  # fmt: skip


def _amount(coins: int, digits: int) -> float:
    return float(Fraction(coins, 10**digits))


def _explained(row: _Row, fractions: bool) -> list[dict[str, Any]]:
    """The lines of a target, of one rule each, in cents that add up to the target's."""
    digits = decimals(row.block.currency)
    merged: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in row.lines:
        merged[line.rule, line.what].append(line)
    some = [_Row(row.target, row.block, each) for each in merged.values()]
    for part in _PARTS:
        holding = [each for each in some if each.exact[part]]
        for each in some:
            each.coins[part] = 0
        coins = rounded([each.exact[part] for each in holding], digits, row.coins[part] if holding else None)
        for each, cents in zip(holding, coins, strict=True):
            each.coins[part] = cents
    counts = rounded([int(each.tokens * 10**PLACES) for each in some], 0, int(row.count))
    made = []
    for each, (rule, what), count in zip(some, merged, counts, strict=True):
        each.count = Fraction(count)
        sums = {name: sum(getattr(line, name) for line in each.lines) for name in ("cut", "seats", "committed")}
        small = {name: rounded([value], digits)[0] for name, value in sums.items()}
        more = {
            "spread_cost": small["cut"], "payable": each.coins["direct"] + small["committed"], "seats": small["seats"],
            "purchases": each.coins["purchased"] - small["seats"], "committed_billed": small["committed"],
        }  # fmt: skip
        stated = {name: _amount(value, digits) if each.states_money else None for name, value in more.items()}
        made.append({"rule": rule, "reason": what, **_stated(each, fractions), **stated})
    return made


def _ordered(rows: list[dict[str, Any]], *, monthly: bool, explain: bool, fractions: bool) -> pl.DataFrame:
    """Time first, then currencies in blocks, what no rule reached last, the largest cost first."""
    texts = ("rule", "reason", "target", "currency")
    names = (*(("period_start",) if monthly else ()), *(EXPLAINED if explain else ALLOCATED))
    kinds = {name: pl.String() for name in texts} | {"period_start": pl.Date(), "tokens": pl.Int64()}
    if fractions:
        kinds["tokens"] = pl.Float64()
    schema = pl.Schema({name: kinds.get(name, pl.Float64()) for name in names})
    table = pl.DataFrame([{name: row[name] for name in names} for row in rows], schema=schema)
    largest = pl.col("cost").sum().over(*([pl.col("period_start")] if monthly else []), "currency", "target")
    time = [pl.col("period_start")] if monthly else []
    keys = [*time, in_blocks(table, "cost"), pl.col("currency"), pl.col("target").is_null(), -largest, pl.col("target")]
    table = table.sort(*keys, *([-pl.col("cost")] if explain else []), nulls_last=True, maintain_order=True)
    if monthly:
        table = table.with_columns(pl.col("period_start").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    return table


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
    order = [in_blocks(table, "cost"), "currency", "cost", "match"]
    return table.sort(order, descending=[False, False, True, False], nulls_last=True)


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
