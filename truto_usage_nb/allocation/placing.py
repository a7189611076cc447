"""Which rule places which money: a frame's ruled cost lines, cut by days where a rule begins or ends, each placed once.

The money is what the cost tables come to (`payable`), each measure counted once; nothing is reckoned here a second
time. Amounts are whole numbers of a ten-thousand-millionth from here on, so that nothing is lost in adding them up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count, pairwise
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.allocation.rules import PEOPLE, RuleBook, columns_matched, days_of
from truto_usage_nb.clock import month_start
from truto_usage_nb.costs.choices import Question
from truto_usage_nb.costs.digest import DAY
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.costs.tables import matched
from truto_usage_nb.integrations import integrations_that
from truto_usage_nb.native import Native, collect
from truto_usage_nb.questions.labelling import with_remainder
from truto_usage_nb.questions.people import MAIL, PERSON, WHO, with_people

__all__ = ["DEPARTED", "NOBODY", "PLACES", "STRANGER", "UNIT", "Piece", "Placed", "Placement", "parted_by_days",
           "pieces_of", "place", "shared", "units"]  # fmt: skip

PLACES = 10
"""The decimals of an amount inside."""
UNIT = 10**PLACES
NOBODY, STRANGER, DEPARTED = "(no person)", "(unknown person)", "(departed)"
NO_TEAM, ELSEWHERE = "(person in no team)", "(known person, by no rule for this)"
"""Why no rule reached a record."""
_EPOCH = date(1970, 1, 1)
_ALWAYS = ("integrated_account_id", "integration", "product_id", "metric_name", "model_id", "organization_name",
           "resources_workspace_id", "user_id", "user_email", "user_name")  # fmt: skip
_TOLD = 6
_NUMBERS = count()
_OWN = {"resources_id": "__resource_id", "resources_name": "__resource_name"}
"""What may hold the id of each conversation, which no rule is likely to name: read only if one does."""


@dataclass(slots=True)
class Piece:
    """Money and tokens of records that state the same, on days of which a rule knows no difference.

    `money` is None where no record states any. `cut_of` numbers what a longer record was cut into.
    """

    stated: dict[str, Any]
    currency: str | None
    start: date | None
    money: int | None
    tokens: Fraction
    person: int | None = None
    cut_of: int | None = None


@dataclass(slots=True)
class Placed:
    """What one rule, or none, placed at one target, in one currency and month."""

    rule: str | None
    what: str
    target: str | None
    currency: str | None
    month: date | None
    direct: int | None = None
    tokens: Fraction = Fraction(0)
    cut: int = 0
    positive: dict[tuple[Any, Any], int] = field(default_factory=lambda: defaultdict(int))
    """Its positive money by account and product: what credits of these follow."""
    people: set[int] = field(default_factory=set)


def shared(amount: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Split a whole number in proportion to weights, of which none is negative; the parts add up to it.

    >>> shared(100, [1, 1, 1]), shared(-1, [1, 2])
    ([34, 33, 33], [0, -1])
    """
    whole = sum(weights, Fraction(0))
    size = abs(amount)
    exact = [Fraction(size) * weight / whole for weight in weights]
    parts = [int(each) for each in exact]
    order = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in order[: size - sum(parts)]:
        parts[place] += 1
    return [-part for part in parts] if amount < 0 else parts


def units(amount: float) -> int:
    """Give an amount as whole units, by its decimal text, to ten places: so what adding floats left over is gone.

    >>> units(0.1 + 0.2) == units(0.3)
    True
    """
    return int(Decimal(f"{amount:.{PLACES}f}").scaleb(PLACES))


def pieces_of(
    native: Native, book: RuleBook, choices: Mapping[str, Any], *, monthly: bool, measure: Any = "payable"
) -> tuple[list[Piece], list[str]]:
    """Read a frame's money and tokens by all that a rule may match; also say what is to be told."""
    book.check_fields(native.columns)
    told: list[str] = []
    if book.names_people and {"report_type", "integration"} <= set(native.columns):
        native, told = with_remainder(native)
    told += _several(native, book)
    native, dims = _dimensions(native, book)
    read = matched(native, Question.of(tuple(dims.values()), None, "UTC", measure, choices))
    named = dict(zip(read.dims, dims, strict=True))
    columns = [*named, "integrated_account_id", "integration", "currency", "start", "end"]
    tokens = pl.sum_horizontal(pl.col("priced", "unpriced", "included").fill_null(0)).alias("tokens")
    rows = read.rows.select(*columns, "money", tokens, "money_n").rename(named, strict=False)
    per_day = DAY // read.bin
    rows = rows.with_columns(pl.col("start") // per_day, (pl.col("end") + per_day - 1) // per_day)
    people, more = _people(rows)
    return list(_cut_all(_pieces(rows, people), book, monthly=monthly)), [*told, *more]


def _several(native: Native, book: RuleBook) -> list[str]:
    """Say how many records name several resources, where a rule asks for one: they state none in particular."""
    asked = {column for column in book.columns if column.startswith("resources_")}
    if not asked or "resources_count" not in native.columns:
        return []
    held = collect(native.frame.filter(nw.col("resources_count") > 1).select(nw.len().alias("n")))["n"].item()
    return [f"{held:,} records name several resources, and no rule by one of them reaches these"] if held else []


def _dimensions(native: Native, book: RuleBook) -> tuple[Native, dict[str, str]]:
    """The columns to read by the name that rules know them by; and the frame, with the ones that are made for it."""
    held = set(native.columns)
    wanted = dict.fromkeys(column for column in (*_ALWAYS, *book.columns) if column in held)
    wanted = {name: None for name in wanted if name not in ("integrated_account_id", "integration")}
    dims = {name: name for name in wanted}
    made, talking = {}, integrations_that(lambda each: each.resource == "conversation")
    for name, own in _OWN.items():
        if name in held and name not in dims:
            made[own] = nw.when(~nw.col("integration").is_in(talking)).then(nw.col(name))
            dims[name] = own
    return (replace(native, frame=native.frame.with_columns(**made)) if made else native), dims


def _people(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Whose each row is, and the newest e-mail of that person, in the order of the rows."""
    text = (pl.col(name).cast(pl.String) for name in ("integrated_account_id", "integration", "user_id", "user_email"))
    found, told = with_people(rows.select("start", *(each.alias(name) for each, name in zip(text, WHO, strict=True))))
    newest = found.drop_nulls([PERSON, MAIL]).sort("start", MAIL, nulls_last=False)
    newest = newest.group_by(PERSON).agg(pl.col(MAIL).last().alias("__newest"))
    return found.join(newest, on=PERSON, how="left", maintain_order="left").select(PERSON, "__newest"), told


def _pieces(rows: pl.DataFrame, people: pl.DataFrame) -> Iterator[tuple[Piece, int]]:
    """Each row as a piece, and how many days it has."""
    for row, (person, mail) in zip(rows.iter_rows(named=True), people.iter_rows(), strict=True):
        start, end, money, tokens = row.pop("start"), row.pop("end"), row.pop("money"), row.pop("tokens")
        stated, currency = row.pop("money_n"), row.pop("currency")
        if row.get("user_email") is None and mail is not None:
            row["user_email"] = mail
        days = max(1, (end or 0) - start) if start is not None else 1
        day = _EPOCH + timedelta(days=start) if start is not None else None
        amount = units(money) if stated and money is not None else None
        counted = Fraction(tokens) if isinstance(tokens, int) else Fraction(str(tokens or 0))
        yield Piece(row, currency, day, amount, counted, person), days


def _cut_all(pieces: Iterable[tuple[Piece, int]], book: RuleBook, *, monthly: bool) -> Iterator[Piece]:
    days = days_of(book)
    for piece, length in pieces:
        yield from parted_by_days(piece, length, days, monthly=monthly)


def parted_by_days(piece: Piece, length: int, days: Sequence[date], *, monthly: bool) -> list[Piece]:
    """Split a piece of so many days where a rule begins or ends within it, and at months where these matter."""
    if length == 1 or piece.start is None:
        return [piece]
    until = piece.start + timedelta(days=length)
    inside = {day for day in days if piece.start < day < until}
    inside.update(_firsts(piece.start, until) if monthly else ())
    if not inside:
        return [piece]
    bounds = [piece.start, *sorted(inside), until]
    lengths = [(end - start).days for start, end in pairwise(bounds)]
    money: Sequence[int | None] = [None] * len(lengths)
    money = money if piece.money is None else shared(piece.money, lengths)
    is_whole = piece.tokens.denominator == 1
    tokens = (
        [Fraction(part) for part in shared(int(piece.tokens), lengths)]
        if is_whole
        else [piece.tokens * each / length for each in lengths]
    )
    number = next(_NUMBERS)
    return [
        replace(piece, start=start, money=part, tokens=held, cut_of=number)
        for start, part, held in zip(bounds, money, tokens, strict=False)
    ]


def _firsts(start: date, until: date) -> Iterator[date]:
    first = month_start(start, 1)
    while first < until:
        yield first
        first = month_start(first, 1)


@dataclass(frozen=True, slots=True)
class Placement:
    """Hold what was placed where, the pieces that no rule reached with the reason, and what is to be told of rules."""

    placed: list[Placed]
    rest: list[tuple[Piece, str]]
    told: list[str]


def place(pieces: Sequence[Piece], book: RuleBook, *, monthly: bool) -> Placement:
    """Let the first rule that matches place each piece."""
    chooser = _Chooser(book, pieces)
    chosen = chooser.chosen()
    found: dict[tuple[Any, ...], Placed] = {}
    rest = []
    ways: dict[int, set[tuple[int | None, date | None]]] = defaultdict(set)
    for piece, number in zip(pieces, chosen, strict=True):
        if piece.cut_of is not None and piece.start is not None:
            ways[piece.cut_of].add((number, piece.start.replace(day=1) if monthly else None))
    parted = {one for one, of in ways.items() if len(of) > 1}
    """The records of which parts went different ways."""
    reasons = _reasons(book)
    for piece, number in zip(pieces, chosen, strict=True):
        month = piece.start.replace(day=1) if monthly and piece.start is not None else None
        if number is None:
            rule, what, target = None, _why(piece, reasons), None
            rest.append((piece, what))
        else:
            rule, what, target = book.rules[number].name, book.rules[number].what, book.rules[number].to
        key = (number, what, target, piece.currency, month)
        found.setdefault(key, Placed(rule, what, target, piece.currency, month))
        _add(found[key], piece, is_parted=piece.cut_of in parted)
    return Placement(list(found.values()), rest, _rules_told(book, chooser.matched))


def _rules_told(book: RuleBook, matched: Mapping[int, tuple[int, int]]) -> list[str]:
    """Say which rules match nothing, and which match only what earlier ones have taken."""
    told = _alike({rule.to for rule in book.rules if rule.to})
    idle = {number: rule for number, rule in enumerate(book.rules) if number in matched and not matched[number][1]}
    for is_shadowed, text in ((False, "nothing here"), (True, "only what earlier rules have taken")):
        some = [rule for number, rule in idle.items() if bool(matched[number][0]) is is_shadowed]
        names = [f"{rule.name} ({rule.what})" for rule in some if not rule.is_row]
        rows = sum(rule.is_row for rule in some)
        if names:
            more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
            told.append(f"{', '.join(names[:_TOLD])}{more} match{'es' if len(names) == 1 else ''} {text}")
        if rows:
            told.append(f"{rows} row{'s' if rows > 1 else ''} of the tables match{'' if rows > 1 else 'es'} {text}")
    return told


def _alike(targets: Iterable[str]) -> list[str]:
    """Say which targets are spelled in two ways: they are two, and were hardly meant to be."""
    spelled: dict[str, list[str]] = defaultdict(list)
    for target in sorted(targets):
        spelled[target.casefold()].append(target)
    return [f"{' and '.join(map(repr, of))} are different targets" for of in spelled.values() if len(of) > 1]


def _add(placed: Placed, piece: Piece, *, is_parted: bool) -> None:
    if piece.money is not None:
        placed.direct = (placed.direct or 0) + piece.money
        placed.cut += piece.money if is_parted else 0
        if piece.money > 0:
            placed.positive[piece.stated["integrated_account_id"], piece.stated.get("product_id")] += piece.money
    placed.tokens += piece.tokens
    if piece.person is not None:
        placed.people.add(piece.person)


def _reasons(book: RuleBook) -> dict[str, str]:
    """What it means, for everybody whom a rule names, that no rule reached a record of theirs."""
    reasons: dict[str, str] = {}
    for rule in book.rules:
        reason = NO_TEAM if rule.to is None else DEPARTED if rule.until is not None else ELSEWHERE
        for person in rule.people:
            reasons[person] = DEPARTED if reasons.get(person) == DEPARTED else reason
    return reasons


def _why(piece: Piece, reasons: Mapping[str, str]) -> str:
    """Say of a piece that no rule reached whether it names somebody, and whether a rule does or once did."""
    named = [str(piece.stated[name]).strip().casefold() for name in PEOPLE if piece.stated.get(name) is not None]
    named = [each for each in named if each and each != NOT_ATTRIBUTED]
    if not named:
        return NOBODY
    return next((reasons[each] for each in named if each in reasons), STRANGER)


class _Chooser:
    """Find the first rule that matches each piece, a column's values looked at once each."""

    def __init__(self, book: RuleBook, pieces: Sequence[Piece]) -> None:
        self._book, self._pieces = book, pieces
        self._codes: dict[str, tuple[pl.Series, list[str | None]]] = {}
        self._days = pl.Series([piece.start for piece in pieces], dtype=pl.Date)
        self._none = pl.Series([False] * len(pieces), dtype=pl.Boolean)
        self.matched: dict[int, tuple[int, int]] = {}

    def chosen(self) -> list[int | None]:
        first = pl.Series([None] * len(self._pieces), dtype=pl.Int64)
        for number, rule in enumerate(self._book.rules):
            if rule.to is None:
                continue
            mask = self._mask(number)
            free = mask & first.is_null()
            self.matched[number] = (int(mask.sum()), int(free.sum()))
            first = first.set(free, number)
        return first.to_list()

    def _mask(self, number: int) -> pl.Series:
        rule = self._book.rules[number]
        mask = self._none
        for alternative in rule.match:
            holds = ~self._none
            for condition in alternative:
                any_ = self._none
                for column in columns_matched(condition.field):
                    any_ = any_ | self._holding(column, condition)
                holds = holds & any_
            mask = mask | holds
        if rule.since is not None:
            mask = mask & (self._days >= rule.since).fill_null(value=False)
        if rule.until is not None:
            mask = mask & (self._days < rule.until).fill_null(value=False)
        return mask

    def _holding(self, column: str, condition: Any) -> pl.Series:
        if column not in self._codes:
            self._codes[column] = self._coded(column)
        codes, values = self._codes[column]
        holds = pl.Series([value is not None and condition.holds(value) for value in values], dtype=pl.Boolean)
        return holds.gather(codes) if len(codes) else self._none

    def _coded(self, column: str) -> tuple[pl.Series, list[str | None]]:
        places: dict[str | None, int] = {}
        codes = []
        for piece in self._pieces:
            value = piece.stated.get(column)
            text = None if value is None else str(value).strip().casefold()
            codes.append(places.setdefault(text, len(places)))
        return pl.Series(codes, dtype=pl.UInt32), list(places)
