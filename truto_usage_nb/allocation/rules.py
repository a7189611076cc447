"""Rules that say who pays, read from YAML, a table or Python, and checked before anything is reckoned.

A rule matches what a record states of itself and names a target: a team or a cost centre, always as text. The first
rule in the order of the file that matches is the one that counts. A table (CSV, workbook, Parquet, any frame) is a row
a rule: the column `to`, and a column for each field; a roster of people is such a table.

In YAML every value is text and nothing is made of it. YAML 1.1 turns `no` into False and `1e5` into 100000, keeps the
last of two equal keys, lets a small file stand for a huge one (`&` and `*`), and names Python objects: a file of rules
needs none of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as member
from datetime import date, datetime, time
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from truto_usage_nb.errors import FrameError, InputError, did_you_mean
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.tables import Table, header_named, read_table
from truto_usage_nb.schema import SCHEMA

__all__ = [
    "FIELDS",
    "PEOPLE",
    "Condition",
    "Rule",
    "RuleBook",
    "Split",
    "columns_matched",
    "days_of",
    "read_rules",
    "read_yaml_file",
]

PEOPLE = ("user_email", "user_id", "user_name")
_RESOURCE = ("resources_id", "resources_name")
_WORKSPACE = ("resources_workspace_id", "resources_workspace_name")
FIELDS: dict[str, tuple[str, ...]] = {
    "person": PEOPLE,
    "email": ("user_email",),
    "api_key": _RESOURCE,
    "cluster": _RESOURCE,
    "resource": _RESOURCE,
    "workspace": _WORKSPACE,
    "project": _WORKSPACE,
    "account": ("integrated_account_id",),
    "integration": ("integration",),
    "organization": ("organization_id", "organization_name"),
    "product": ("product_id", "product_name"),
    "surface": ("surface",),
    "model": ("model_id",),
    "metric": ("metric_name",),
}
"""What a rule may match, and the columns of which one must hold the value."""
_TARGETS = ("to", "cost_center", "cost_centre", "team")
_BY = ("even", "shares", "cost", "tokens", "people")
_FALLBACKS = ("even", "cost", "tokens", "people")
_DOCUMENTED = frozenset(each.column for each in SCHEMA).union(*FIELDS.values())


@dataclass(frozen=True, slots=True)
class Condition:
    """Say what a field must be: one of these values, or one that begins with a prefix; capitals count for nothing."""

    field: str
    values: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    named: tuple[str, ...] = member(default=(), compare=False)
    """The same as they are written."""

    def holds(self, value: str) -> bool:
        return value in self.values or value.startswith(self.prefixes or ("\0",))

    def __str__(self) -> str:
        shown_ = ", ".join(self.named[:4]) + (f" and {len(self.named) - 4} more" if len(self.named) > 4 else "")
        return f"{self.field}: {shown_}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Assign what matches to a target: any of the alternatives, and all conditions of one.

    `since` and `until` are UTC days, half-open; None is without end. Without a target (a row of a roster whose person
    is in no team) nothing is assigned, and the person is known.
    """

    name: str
    to: str | None
    match: tuple[tuple[Condition, ...], ...]
    since: date | None = None
    until: date | None = None
    is_row: bool = False

    @property
    def what(self) -> str:
        said = " or ".join("; ".join(map(str, each)) or "everything" for each in self.match)
        days = " ".join(f"{word} {day}" for word, day in (("from", self.since), ("until", self.until)) if day)
        return f"{said} ({days})" if days else said

    @property
    def people(self) -> frozenset[str]:
        """The people who are named in full."""
        named = (
            each.values for match in self.match for each in match if set(columns_matched(each.field)) <= set(PEOPLE)
        )
        return frozenset().union(*named)


@dataclass(frozen=True, slots=True)
class Split:
    """Hand out all of one target, the pool, to others."""

    name: str
    pool: str
    by: str
    among: tuple[str, ...]
    shares: Mapping[str, Fraction] = member(default_factory=dict)
    fallback: str | None = None

    @property
    def what(self) -> str:
        return f"{self.pool} by {self.by}"


@dataclass(frozen=True, slots=True)
class Apart:
    """Say where goes what was paid for and not used: a target of its own, or none, and it stays with the rest."""

    to: str | None


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Hold the rules in their order, the splits in theirs, and the SHA-256 of the file they came from.

    Where rosters were read as well, theirs follow, parted by semicolons.
    """

    what: str
    rules: tuple[Rule, ...]
    splits: tuple[Split, ...] = ()
    sha256: str = ""
    idle_seats: Apart | None = None
    """Where seats go that nobody used; None where the file does not say, and they are their team's."""
    unused_commitments: Apart | None = None
    """Where goes what was committed to and not used; None where those have it who use the rest."""

    @property
    def columns(self) -> list[str]:
        """The columns that the rules read, all that might hold a value."""
        fields = (each.field for rule in self.rules for match in rule.match for each in match)
        return list(dict.fromkeys(column for name in fields for column in columns_matched(name)))

    @property
    def names_people(self) -> bool:
        return any(column in PEOPLE for column in self.columns) or any("people" in each.by for each in self.splits)

    def check_fields(self, columns: Iterable[str]) -> None:
        """Refuse a field that is none of `FIELDS` and no column of the frame. Raises FrameError."""
        held = set(columns)
        for rule in self.rules:
            for each in (condition for match in rule.match for condition in match):
                if not held.intersection(columns_matched(each.field)):
                    known = [*FIELDS, *sorted(held)]
                    more = f"{rule.name} matches {shown(each.field)}, which is no field and no column of this frame."
                    raise FrameError(f"{self.what}: {more}{did_you_mean(each.field, known)} Fields: {_FIELDS_NAMED}.")

    def with_roster(self, roster: Any) -> RuleBook:
        """Give the book with a roster's rows before its own rules."""
        if roster is None:
            return self
        rows = RuleBook("The roster", _rows(read_table(roster, "The roster"), "roster row"))
        is_file = isinstance(roster, str | Path)
        sha256 = hashlib.sha256(Path(roster).read_bytes()).hexdigest() if is_file else _digest(rows)
        return checked(replace(self, rules=(*rows.rules, *self.rules), sha256=f"{self.sha256};{sha256}"))


_FIELDS_NAMED = ", ".join(FIELDS)


def columns_matched(name: str) -> tuple[str, ...]:
    """Give the columns of a field, or of a path such as user.email."""
    return FIELDS.get(name) or (name.replace(".", "_"),)


def days_of(book: RuleBook) -> list[date]:
    """Give every day on which a rule begins or ends."""
    return sorted({day for rule in book.rules for day in (rule.since, rule.until) if day is not None})


def read_rules(rules: Any, *, documented: bool = False) -> RuleBook:
    """Read rules: a file (YAML, CSV, workbook, Parquet), a frame, a list of rules, or a mapping as YAML has it.

    With `documented` a field that is neither one of FIELDS nor a documented column is refused at once. Raises
    InputError, which names the file and the rule.
    """
    if isinstance(rules, RuleBook):
        book = rules
    elif isinstance(rules, str | Path):
        book = _of_file(Path(rules))
    elif isinstance(rules, Mapping):
        book = _of_mapping(rules, "The rules", Path())
    elif not isinstance(rules, Sequence):
        table = read_table(rules, "The table of rules")
        book = RuleBook("The table of rules", _rows(table, "row"))
    else:
        book = _of_mapping({"version": "1", "rules": list(rules)}, "The rules", Path())
    book = book if book.sha256 else replace(book, sha256=_digest(book))
    if documented:
        book.check_fields(_DOCUMENTED)
    return checked(book)


def _of_file(path: Path) -> RuleBook:
    if path.suffix.lower() in (".yml", ".yaml", ".json"):
        read, content = read_yaml_file(path, path.name)
        book = _of_mapping(read, path.name, path.parent)
        hashes = [hashlib.sha256(content).hexdigest(), *_rosters(read, path.parent)]
        return replace(book, sha256=";".join(hashes))
    table = read_table(path, path.name)
    return RuleBook(path.name, _rows(table, "row"), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _rosters(read: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """The SHA-256 of every file that a file of rules names."""
    for rule in read["rules"]:
        if "roster" in rule:
            yield hashlib.sha256((folder / rule["roster"]).read_bytes()).hexdigest()


def _digest(book: RuleBook) -> str:
    """The SHA-256 of rules that stand in no file: of what they say, as JSON."""
    rules = [
        [rule.to, [[[one.field, sorted(one.values), one.prefixes] for one in each] for each in rule.match],
         rule.since, rule.until]
        for rule in book.rules
    ]  # fmt: skip
    splits = [[each.pool, each.by, each.among, sorted(each.shares.items()), each.fallback] for each in book.splits]
    apart = [each and [each.to] for each in (book.idle_seats, book.unused_commitments)]
    text = json.dumps([rules, splits, *(apart if any(apart) else [])], default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_mapping(given: Any, what: str, folder: Path) -> RuleBook:
    if not isinstance(given, Mapping):
        raise InputError(f"{what} holds no mapping; begin it with 'version: 1' and 'rules:'.")
    _known(given, ("version", "rules", "splits", "seats", "commitments"), what)
    if _text(given.get("version")) != "1":
        raise InputError(f"{what} has the version {shown(given.get('version'))}; write 'version: 1'.")
    rules = [
        rule
        for number, each in enumerate(_list(given.get("rules"), f"{what}: rules"), 1)
        for rule in _rule(each, f"rule {number}", what, folder)
    ]
    if not rules:
        raise InputError(f"{what} has no rules; give at least one, such as {{to: platform, match: {{account: x}}}}.")
    splits = [
        _split(each, f"split {number}", what)
        for number, each in enumerate(_list(given.get("splits"), f"{what}: splits"), 1)
    ]
    return RuleBook(
        what,
        tuple(rules),
        tuple(splits),
        idle_seats=_apart(given, "seats", "idle", ("team", "apart"), what),
        unused_commitments=_apart(given, "commitments", "unused", ("shared", "apart"), what),
    )


def _apart(given: Mapping[str, Any], section: str, word: str, ways: tuple[str, str], what: str) -> Apart | None:
    """Read where goes what nobody used: with the rest of it, or apart, to a target of its own."""
    if given.get(section) in (None, ""):
        return None
    where, held = f"{what}: {section}", given[section]
    if not isinstance(held, Mapping):
        raise InputError(f"{where} is {shown(held)}, no mapping; write it like {{{word}: {ways[1]}}}.")
    _known(held, (word, "to"), where)
    way, to = _text(held.get(word)), _text(held.get("to"))
    if way not in ways:
        near = did_you_mean(way, ways)
        raise InputError(f"{where}: {word}={shown(way)} is no way.{near} Ways: {', '.join(ways)}.")
    if way == ways[0] and to is not None:
        raise InputError(f"{where}: to: {to} needs {word}: {ways[1]}; with {way} it stays with the rest.")
    return Apart(None if way == ways[0] else to or f"{word}-{section}")


def _rule(given: Any, name: str, what: str, folder: Path) -> Iterator[Rule]:
    where = f"{what}, {name}"
    if not isinstance(given, Mapping):
        raise InputError(f"{where} is {shown(given)}, no mapping; write it like {{to: mobile, match: {{email: x}}}}.")
    if "roster" in given:
        _known(given, ("roster",), where)
        roster = given["roster"]
        path = folder / roster if isinstance(roster, str) else roster
        yield from _rows(read_table(path, f"{where}: the roster"), f"{name}, row")
        return
    _known(given, ("to", "match", "from", "until"), where)
    to = _text(given.get("to"))
    if not to:
        raise InputError(f"{where} names no target; say who pays: to: mobile.")
    since, until = (_day(given.get(word), f"{where}: {word}") for word in ("from", "until"))
    yield Rule(name, to, _match(given.get("match"), where), since, until)


def _match(given: Any, where: str) -> tuple[tuple[Condition, ...], ...]:
    if isinstance(given, str) and given.strip() == "all":
        return ((),)
    alternatives = given if isinstance(given, list | tuple) else [given]
    if not alternatives or not all(isinstance(each, Mapping) and each for each in alternatives):
        raise InputError(f"{where} says not what it matches; give match: {{account: x}}, or match: all for the rest.")
    return tuple(
        tuple(_condition(str(name).strip(), value, where) for name, value in each.items()) for each in alternatives
    )


def _condition(name: str, given: Any, where: str) -> Condition:
    values: set[str] = set()
    prefixes: list[str] = []
    named: list[str] = []
    for each in given if isinstance(given, list | tuple | set | frozenset) else [given]:
        if isinstance(each, Mapping):
            _known(each, ("prefix", "exact"), f"{where}: {name}")
            for word, held in each.items():
                texts = [
                    _value(one, f"{where}: {name}") for one in (held if isinstance(held, list | tuple) else [held])
                ]
                named.extend(f"{text}*" if word == "prefix" else text for text in texts)
                prefixes.extend(text.casefold() for text in texts if word == "prefix")
                values.update(text.casefold() for text in texts if word == "exact")
        else:
            named.append(_value(each, f"{where}: {name}"))
            values.add(named[-1].casefold())
    if not values and not prefixes:
        raise InputError(f"{where}: {name} matches nothing at all; give a value, a list, or {{prefix: x}}.")
    return Condition(name, frozenset(values), tuple(dict.fromkeys(prefixes)), tuple(dict.fromkeys(named)))


def _value(given: Any, where: str) -> str:
    text = _text(given)
    if not text:
        raise InputError(f"{where} is {shown(given)}, which no record states; give a text.")
    return text


def _text(given: Any) -> str | None:
    """Give a value as it is compared: a text without blanks around it; a number of Python's as it is written."""
    if given is None or isinstance(given, bool | list | tuple | Mapping):
        return None
    return str(given).strip() or None


def _day(given: Any, where: str) -> date | None:
    if given is None or given == "":
        return None
    read: Any = given
    if isinstance(given, str):
        try:
            read = datetime.fromisoformat(given.strip())
        except ValueError:
            raise InputError(f"{where} is {shown(given)}, which is no day; write it like 2026-10-01.") from None
    if isinstance(read, datetime):
        offset = read.utcoffset()
        if read.time() != time() or (offset is not None and offset.total_seconds() != 0):
            raise InputError(f"{where} is {shown(str(given))}, not the beginning of a UTC day; give a day.")
        return read.date()
    if not isinstance(read, date):
        raise InputError(f"{where} is {shown(given)}, which is no day; write it like 2026-10-01.")
    return read


def _split(given: Any, name: str, what: str) -> Split:
    where = f"{what}, {name}"
    if not isinstance(given, Mapping):
        raise InputError(f"{where} is {shown(given)}, no mapping; write it like {{pool: platform, by: even}}.")
    _known(given, ("pool", "by", "among", "shares", "fallback"), where)
    pool, by = _text(given.get("pool")), _text(given.get("by")) or ("shares" if "shares" in given else None)
    if not pool:
        raise InputError(f"{where} names no pool; say which target is handed out: pool: platform.")
    if by not in _BY:
        raise InputError(f"{where}: by={shown(by)} is no way to split.{did_you_mean(by, _BY)} Ways: {', '.join(_BY)}.")
    shares = _shares(given.get("shares"), where) if by == "shares" else {}
    if by != "shares" and "shares" in given:
        raise InputError(f"{where} has shares and by: {by}; keep one of the two.")
    fallback = _text(given.get("fallback"))
    if fallback is not None and fallback not in _FALLBACKS:
        near = did_you_mean(fallback, _FALLBACKS)
        raise InputError(f"{where}: fallback={shown(fallback)} is none.{near} Fallbacks: {', '.join(_FALLBACKS)}.")
    among = [_text(each) for each in _list(given.get("among"), f"{where}: among")] or list(shares)
    names = [each for each in among if each]
    if len(names) < len(among) or len(set(names)) < len(names):
        raise InputError(f"{where}: among holds a target twice, or none at all; name each once.")
    if shares and set(names) != set(shares):
        raise InputError(f"{where}: among and shares name different targets; leave among out.")
    if pool in names:
        raise InputError(f"{where} hands {pool} out to itself; leave it out of among.")
    return Split(name, pool, by, tuple(names), shares, fallback)


def _shares(given: Any, where: str) -> dict[str, Fraction]:
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"{where} has no shares; write them like shares: {{mobile: 0.6, web: 0.4}}.")
    shares: dict[str, Fraction] = {}
    for name, value in given.items():
        try:
            shares[str(name).strip()] = Fraction(str(value).strip())
        except (ValueError, ZeroDivisionError):
            raise InputError(f"{where}: the share of {name} is {shown(value)}; write it like 0.25 or 1/3.") from None
        if shares[str(name).strip()] < 0:
            raise InputError(f"{where}: the share of {name} is {shown(value)}, below zero; a share is 0 to 1.")
    total = sum(shares.values(), Fraction(0))
    if total != 1:
        raise InputError(f"{where}: the shares add up to {float(total):.12g} ({total}), not to 1; correct one of them.")
    return shares


def _rows(table: Table, name: str) -> tuple[Rule, ...]:
    """Read a row a rule. A cell is a value, several with bars between, or a prefix that ends in an asterisk."""
    headers = [header for word in _TARGETS if (header := header_named(word, table.columns, table.what))]
    if not headers:
        raise FrameError(
            f"{table.what} has no column 'to'; it has {', '.join(table.columns[:12])}. Name who pays in 'to'."
        )
    if len(headers) > 1 and headers[0] != header_named("to", table.columns, table.what):
        raise FrameError(f"{table.what} has {' and '.join(map(repr, headers))}; call the one that pays 'to'.")
    days = {word: header_named(word, table.columns, table.what) for word in ("from", "until")}
    fields = {
        header: found
        for header in table.columns
        if header not in (*headers, *days.values()) and (found := _field(header)) is not None
    }
    if not fields:
        raise FrameError(f"{table.what} has no column that a record could match. Fields: {_FIELDS_NAMED}.")
    rules = []
    for number, row in zip(table.rows, table.texts().iter_rows(named=True), strict=True):
        where = f"{table.what}, row {number}"
        since, until = (_day(row[header], f"{where}: {word}") if header else None for word, header in days.items())
        conditions = tuple(_cell(found, row[header], where) for header, found in fields.items() if row[header])
        if conditions:
            rules.append(Rule(f"{name} {number}", row[headers[0]], (conditions,), since, until, is_row=True))
        elif row[headers[0]]:
            raise FrameError(f"{where} names {row[headers[0]]} and nothing that it pays for; fill a field in.")
    return tuple(rules)


def _field(header: str) -> str | None:
    plain = header.strip().casefold().replace(" ", "_").replace("-", "_")
    plain = {"e_mail": "email", "mail": "email"}.get(plain, plain)
    if plain in FIELDS:
        return plain
    return plain if plain.replace(".", "_") in _DOCUMENTED else None


def _cell(name: str, text: str, where: str) -> Condition:
    parts = [part.strip() for part in text.split("|") if part.strip()]
    return _condition(name, [{"prefix": part[:-1]} if part.endswith("*") else part for part in parts], where)


def _list(given: Any, where: str) -> list[Any]:
    if given is None or given == "":
        return []
    if isinstance(given, list | tuple):
        return list(given)
    raise InputError(f"{where} is {shown(given)}, no list; write each on a line of its own that begins with '-'.")


def _known(given: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for name in given:
        if name not in known:
            near = did_you_mean(name, known)
            raise InputError(f"{where} has {shown(name)}, which means nothing here.{near} Known: {', '.join(known)}.")


def checked(book: RuleBook) -> RuleBook:
    """Refuse what contradicts itself: days that end before they begin or overlap, and splits that go in circles."""
    seen: dict[Any, list[Rule]] = {}
    for rule in book.rules:
        if rule.since is not None and rule.until is not None and rule.until <= rule.since:
            raise InputError(f"{book.what}: {rule.name} ends on {rule.until}, not after it begins ({rule.since}).")
        for one in seen.setdefault(rule.match, []):
            _refuse_overlap(book.what, one, rule)
        seen[rule.match].append(rule)
    _check_splits(book)
    return book


def _refuse_overlap(what: str, one: Rule, other: Rule) -> None:
    dated = [rule.since is not None or rule.until is not None for rule in (one, other)]
    # Without days in one of them, the later is what counts outside the days of the earlier: first match.
    if not (all(dated) or (one.is_row and other.is_row and one.to != other.to)):
        return
    begins = max(one.since or date.min, other.since or date.min)
    if begins < min(one.until or date.max, other.until or date.max):
        raise InputError(
            f"{what}: {one.name} and {other.name} both match {one.what} on {max(begins, one.since or begins)}; "
            f"let one end (until, excluded) where the other begins."
        )


def _check_splits(book: RuleBook) -> None:
    assigned = {rule.to for rule in book.rules if rule.to}
    assigned |= {each.to for each in (book.idle_seats, book.unused_commitments) if each is not None and each.to}
    received: set[str] = set()
    pools: list[str] = []
    for split in book.splits:
        where = f"{book.what}, {split.name}"
        if split.pool in pools:
            raise InputError(f"{where} hands out {split.pool} a second time; one split empties a pool.")
        pools.append(split.pool)
        if split.pool not in assigned | received:
            near = did_you_mean(split.pool, assigned | received)
            raise InputError(f"{where}: no rule assigns anything to the pool {shown(split.pool)}.{near}")
        fed = next((each for each in split.among if each in pools), None)
        if fed is not None:
            raise InputError(f"{where} feeds {fed}, which an earlier split has handed out already; change their order.")
        received.update(split.among)


_LARGEST = 5_000_000
_DEEP = 20


def read_yaml(content: bytes, what: str) -> Any:
    """Read YAML (UTF-8): mappings, lists and texts. Raises InputError, which says the line, for anything else."""
    if len(content) > _LARGEST:
        raise InputError(f"{what} has {len(content):,} bytes, and at most {_LARGEST:,} are read; name the right file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InputError(f"{what} is no text in UTF-8: byte {problem.start + 1:,}; save it as UTF-8.") from None
    try:
        return _Loader(text, what).get_single_data()
    except yaml.YAMLError as problem:
        raise InputError(f"{what} is no YAML that can be read: {_told(problem)}.") from None
    except RecursionError:
        raise InputError(f"{what} is nested too deep; a rule file has a few levels.") from None


def read_yaml_file(path: Path, what: str) -> tuple[Any, bytes]:
    """Read a file as `read_yaml` does, and give its bytes too. Raises InputError for one that is not there."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise InputError(f"{what}: {shown(str(path))} cannot be read: {why}.") from None
    return read_yaml(content, what), content


def _told(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    said = getattr(problem, "problem", None) or str(problem).partition("\n")[0]
    return f"{said} (line {mark.line + 1})" if mark is not None else str(said)


class _Loader(yaml.BaseLoader):  # type: ignore[misc]  # which has no types
    """PyYAML's loader that makes texts of all scalars, and refuses what a file of rules must not hold."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text)
        self._what = what
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError(f"{self._what}, line {line}: '&' and '*' are not read here; write it out, or quote it.")
        if getattr(event, "tag", None):
            raise InputError(f"{self._what}, line {line}: a tag ('!') is not read here; quote the text.")
        self._depth += 1
        if self._depth > _DEEP:
            raise InputError(f"{self._what}, line {line}: it is nested too deep; a rule file has a few levels.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:  # noqa: ARG002  (PyYAML's)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError(f"{self._what}, line {line}: a key is a word, not a list or a mapping.")
            if key_node.value in found:
                raise InputError(
                    f"{self._what}, line {line}: {shown(key_node.value)} is there twice in one mapping; keep one."
                )
            found[key_node.value] = self.construct_object(value_node, deep=True)
        return found
