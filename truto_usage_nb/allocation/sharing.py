"""What is handed out beside a record's own place: credits, seats, purchases, and pools that are split.

All of it adds up, per currency: nothing is lost and nothing made. A month is a stretch of its own, so that a pool of
October is split by October's weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from truto_usage_nb.allocation.placing import UNIT, Piece, Placed, Placement, shared
from truto_usage_nb.allocation.rules import RuleBook, Split
from truto_usage_nb.format import money as written

__all__ = ["Block", "Ledger", "Line", "Purchase", "Unused", "amount_of"]


class Block(NamedTuple):
    """A currency of a month: what is never added to another."""

    month: date | None
    currency: str | None


@dataclass(slots=True)
class Line:
    """What one rule, split, purchase or credit gives to, or takes from, one target."""

    rule: str | None
    what: str
    target: str | None
    block: Block
    direct: int | None = None
    shared: int = 0
    purchased: int = 0
    tokens: Fraction = Fraction(0)
    cut: int = 0
    seats: int = 0
    purchases: int = 0
    committed: int = 0
    people: set[int] = field(default_factory=set)
    positive: dict[tuple[Any, Any], int] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        return (self.direct or 0) + self.shared + self.purchased

    @property
    def states_money(self) -> bool:
        return self.direct is not None or bool(self.shared or self.purchased or self.seats or self.purchases)


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase, or the part of it that falls into one month."""

    account: str
    currency: str
    month: date | None
    money: int


@dataclass(frozen=True, slots=True)
class Unused:
    """What of a commitment was paid for in a month and not used; `product` is how the table names it."""

    account: str
    product: str
    product_ids: frozenset[str | None]
    currency: str
    month: date
    money: int
    on_the_bill: bool

    @property
    def product_id(self) -> str | None:
        return next(iter(self.product_ids)) if len(self.product_ids) == 1 else None


def amount_of(units_: int) -> float:
    """Give units as an amount."""
    return float(Fraction(units_, UNIT))


class Ledger:
    """Hold the lines of an allocation while it is made."""

    def __init__(self, placement: Placement, *, monthly: bool) -> None:
        self._monthly = monthly
        self.told: list[str] = list(placement.told)
        self.rest = placement.rest
        self.lines = [_line(placed) for placed in placement.placed]
        self._credits(placement.rest)

    def _credits(self, rest: Sequence[tuple[Piece, str]]) -> None:
        """Let credits and refunds that no rule reached follow the positive cost of what they are credited for."""
        groups: dict[tuple[Any, ...], list[tuple[Piece, str]]] = defaultdict(list)
        for piece, why in rest:
            if piece.money is not None:
                stated = piece.stated
                what = (stated["integrated_account_id"], stated.get("product_id"))
                also = (stated.get("metric_name"), stated.get("model_id"))
                groups[(*what, *also, *self._block(piece))].append((piece, why))
        credited = {key: of for key, of in groups.items() if sum(each.money or 0 for each, _ in of) < 0}
        own = {(line.what, line.block): line for line in self.lines if line.rule is None}
        for (account, product, *_, month, currency), of in credited.items():
            _move(own, of, (account, product), Block(month, currency), -1)
        positive = self._positive()
        for (account, product, *_, month, currency), of in credited.items():
            block, amount = Block(month, currency), sum(each.money or 0 for each, _ in of)
            weights = _service(positive[block], account, product)
            if not weights:
                _move(own, of, (account, product), block, 1)
                continue
            targets = sorted(weights, key=_by_name)
            for target, part in zip(targets, shared(amount, [weights[each] for each in targets]), strict=True):
                why = f"as the positive cost of {account}"
                self.lines.append(Line(f"credits of {product or account}", why, target, block, part))

    def _block(self, piece: Piece) -> Block:
        month = piece.start.replace(day=1) if self._monthly and piece.start is not None else None
        return Block(month, piece.currency)

    def _positive(self) -> dict[Block, dict[tuple[Any, Any], dict[str | None, int]]]:
        """The positive money by block, service (account and product) and target."""
        found: dict[Block, dict[tuple[Any, Any], dict[str | None, int]]] = defaultdict(dict)
        for line in self.lines:
            for service, money in line.positive.items():
                of = found[line.block].setdefault(service, {})
                of[line.target] = of.get(line.target, 0) + money
        return found

    def seats(self, placement: Placement, *, word: str, to: str | None = None) -> None:
        """Put seats, placed like records, into the purchased cost; with `to` all of them at this target."""
        for placed in placement.placed:
            line = _line(placed)
            line.purchased = line.seats = line.direct or 0
            line.direct, line.people, line.positive = None, set(), {}
            line.rule = line.rule and f"{line.rule}, {word}"
            if to is not None:
                line.rule, line.what, line.target = word, "used by nobody in the month", to
            self.lines.append(line)

    def unused(
        self, found: Iterable[Unused], to: str | None, alone: Callable[[Purchase, str | None], str | None]
    ) -> None:
        """Hand out what was committed to and not used: to a target of its own, or to those who use the rest.

        What is on the bill is among the records already, and only moves; what is not is added as a purchase.
        """
        positive = self._positive()
        for each in found:
            block, money = Block(each.month, each.currency), each.money
            weights: dict[str | None, int] = defaultdict(int)
            for product in each.product_ids:
                for target, held in positive[block].get((each.account, product), {}).items():
                    weights[target] += max(held, 0)
            weights = {target: weight for target, weight in weights.items() if weight}
            name = f"commitment of {each.account}: {each.product}"
            if each.on_the_bill:
                if to is not None and weights:
                    for target, part in _parts(-money, weights):
                        self.lines.append(Line(name, "paid for and not used, taken off", target, block, part))
                    self.lines.append(Line(name, "paid for and not used", to, block, money))
                continue
            bought = Purchase(each.account, each.currency, each.month, money)
            weights = {to: 1} if to is not None else weights or {alone(bought, each.product_id): 1}
            for target, part in _parts(money, weights):
                what = "paid for and not used, in no record"
                self.lines.append(Line(name, what, target, block, purchased=part, purchases=part))

    def commitments(self, placement: Placement) -> dict[tuple[Block, str], dict[str | None, int]]:
        """Take off what a purchase has paid for already; gives it by block, account and target."""
        lines = {(line.rule, line.what, line.target, line.block): line for line in self.lines}
        weights: dict[tuple[Block, str], dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
        for placed in placement.placed:
            block = Block(placed.month, placed.currency)
            line = lines[placed.rule, placed.what, placed.target, block]
            line.direct = (line.direct or 0) - (placed.direct or 0)
            line.committed += placed.direct or 0
            for (account, _), money in placed.positive.items():
                weights[block, account][placed.target] += money
        return weights

    def purchases(
        self,
        bought: Iterable[Purchase],
        committed: Mapping[tuple[Block, str], Mapping[str | None, int]],
        alone: Callable[[Purchase], str | None],
    ) -> None:
        """Hand a purchase to those who draw on it: by committed use, else by the account's cost, else by its rule."""
        positive = self._positive()
        for each in bought:
            block = Block(each.month, each.currency)
            weights = dict(committed.get((block, each.account)) or _service(positive[block], each.account, None))
            weights = weights or {alone(each): 1}
            for target, part in _parts(each.money, weights):
                name, what = f"purchase of {each.account}", "by what draws on it"
                self.lines.append(Line(name, what, target, block, purchased=part, purchases=part))

    def splits(self, book: RuleBook) -> None:
        """Split the pools, in the order of the file."""
        rows = self._direct_rows()
        for number, split in enumerate(book.splits):
            pools = defaultdict(list)
            for line in self.lines:
                if line.target == split.pool:
                    pools[line.block].append(line)
            if not pools:
                self.told.append(f"{split.name}: nothing was placed at {split.pool}, so nothing is split")
            among = split.among or _others(book, number)
            for block, lines in sorted(pools.items(), key=lambda each: (str(each[0].month), str(each[0].currency))):
                self._split(split, among, block, lines, rows)

    def _split(
        self, split: Split, among: Sequence[str], block: Block, lines: Sequence[Line], rows: Mapping[Any, Line]
    ) -> None:
        money, tokens = sum(line.cost for line in lines), sum((line.tokens for line in lines), Fraction(0))
        if not money and not tokens:
            return
        targets: list[str | None] = [*sorted(among)]
        weights = _weights(split, split.by, targets, block, rows)
        what = split.what
        if not any(weights) and split.fallback is not None:
            weights = _weights(split, split.fallback, targets, block, rows)
            what = f"{what}, else {split.fallback}"
        if not any(weights):
            if money:
                said = written(amount_of(money), block.currency)
                names = ", ".join(among) or "nobody"
                why = f"nothing to split it by {split.by} among {names}"
                self.told.append(f"{split.name}: {said} of {split.pool} stays unallocated: {why}")
            targets, weights, what = [None], [Fraction(1)], f"{what}: nothing to split it by"
        self.lines.append(Line(split.name, what, split.pool, block, shared=-money, tokens=-tokens))
        parts = shared(money, weights)
        counts = [tokens * each / sum(weights, Fraction(0)) for each in weights]
        if tokens.denominator == 1:
            counts = [Fraction(count) for count in shared(int(tokens), weights)]
        for target, part, count in zip(targets, parts, counts, strict=True):
            if part or count:
                self.lines.append(Line(split.name, what, target, block, shared=part, tokens=count))

    def _direct_rows(self) -> dict[tuple[Block, str | None], Line]:
        """What each target has directly, in each block: the weights of all splits."""
        rows: dict[tuple[Block, str | None], Line] = {}
        for line in self.lines:
            row = rows.setdefault((line.block, line.target), Line(None, "", line.target, line.block))
            row.direct = (row.direct or 0) + (line.direct or 0)
            row.tokens += line.tokens
            row.people |= line.people
        return rows


def _parts(money: int, weights: Mapping[str | None, int]) -> Iterator[tuple[str | None, int]]:
    """Split an amount among targets in proportion."""
    targets = sorted(weights, key=_by_name)
    return zip(targets, shared(money, [weights[target] for target in targets]), strict=True)


def _line(placed: Placed) -> Line:
    block = Block(placed.month, placed.currency)
    return Line(
        placed.rule, placed.what, placed.target, block, placed.direct, tokens=placed.tokens, cut=placed.cut,
        people=placed.people, positive=placed.positive,
    )  # fmt: skip


def _move(
    lines: Mapping[tuple[str, Block], Line], pieces: Iterable[tuple[Piece, str]], service: Any, block: Block, sign: int
) -> None:
    """Put pieces on the lines of what no rule reached, or take them off."""
    for piece, why in pieces:
        line, money = lines[why, block], (piece.money or 0) * sign
        line.direct = (line.direct or 0) + money
        if (piece.money or 0) > 0:
            line.positive[service] += money


def _service(
    positive: Mapping[tuple[Any, Any], Mapping[str | None, int]], account: Any, product: Any
) -> dict[str | None, int]:
    """The positive money by target of an account's product, or where there is none, of the account."""
    own = {target: money for target, money in positive.get((account, product), {}).items() if money > 0}
    if own:
        return own
    whole: dict[str | None, int] = {}
    for (of, _), targets in positive.items():
        for target, money in targets.items() if of == account else ():
            whole[target] = whole.get(target, 0) + max(money, 0)
    return {target: money for target, money in whole.items() if money > 0}


def _others(book: RuleBook, number: int) -> list[str]:
    """Who pays for a pool where the split does not say: every target of a rule that no split up to it hands out."""
    emptied = {each.pool for each in book.splits[: number + 1]}
    return list(dict.fromkeys(rule.to for rule in book.rules if rule.to and rule.to not in emptied))


def _weights(
    split: Split, by: str, targets: Sequence[str | None], block: Block, rows: Mapping[Any, Line]
) -> list[Fraction]:
    """What each target weighs; never below zero. Tokens and people that no money is known of count in any currency."""
    if by == "even":
        return [Fraction(1) for _ in targets]
    if by == "shares":
        return [split.shares[target or ""] for target in targets]
    found = []
    for target in targets:
        own, unpriced = rows.get((block, target)), rows.get((Block(block.month, None), target))
        each = [row for row in (own, unpriced) if row is not None]
        each = each[:1] if block.currency is None else each
        if by == "cost":
            found.append(Fraction(max(0, (own.direct or 0) if own is not None else 0)))
        elif by == "tokens":
            found.append(max(Fraction(0), sum((row.tokens for row in each), Fraction(0))))
        else:
            found.append(Fraction(len(set().union(*(row.people for row in each)))))
    return found


def _by_name(target: str | None) -> tuple[bool, str]:
    return (target is None, target or "")
