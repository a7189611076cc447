"""Whose a record is, each person once, and who of those that hold a seat uses it.

Within an account a person is an id of it, whatever e-mails it had: somebody renamed, or deleted and so without an
e-mail, is still one. A record with an e-mail alone is of the id that has had it, else of a person by e-mail. Across
accounts people who have had one e-mail are one, but never so that two ids of one account become one by it: such an
e-mail is told. Only Cursor gives a member two ids, a number in its days and `user_…` in its spend, which nothing but
the e-mail joins.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.costs.series_of_record import DAY
from truto_usage_nb.errors import FrameError, InputError, did_you_mean, tell
from truto_usage_nb.integrations import INTEGRATIONS, integration_named
from truto_usage_nb.native import Native, collect, enter, require, with_instants
from truto_usage_nb.outside import shown
from truto_usage_nb.questions.tables import Table, amount_given, currency_given, folded, read_table

__all__ = [
    "ID",
    "INTEGRATION",
    "MAIL",
    "PERSON",
    "WHO",
    "mails_of",
    "months_of_use",
    "newest_mails",
    "roster_lines",
    "seat_price",
    "seats",
    "who_columns",
    "with_people",
]

ACCOUNT, INTEGRATION, ID, MAIL = WHO = ("__account", "__integration", "__id", "__mail")
PERSON = "__person"
_COLUMNS = ("integrated_account_id", "integration", "user_id", "user_email")
_DATED = (*_COLUMNS, "start_date")
_TOLD = 3


def who_columns() -> dict[str, nw.Expr]:
    """Name the columns that say whose a record is as `with_people` takes them."""
    return {name: nw.col(column) for name, column in zip(WHO, _COLUMNS, strict=True)}


def with_people(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Add `__person` to rows that have WHO: a number for each person, null where nobody is named.

    WHO comes back as it was compared: without spaces around it, e-mails in small letters, nothing as null. Also says
    which e-mails belong to several ids of one account. The rows' order changes nothing; who is who follows from all of
    them, so they must be those of the whole frame.
    """
    rows = rows.with_columns(pl.col(ACCOUNT, INTEGRATION).cast(pl.String), _text(ID), _text(MAIL).str.to_lowercase())
    names = rows.select(WHO).unique().sort(WHO, nulls_last=False)
    # Some vendors give an e-mail as the id; where it comes with another e-mail, an id is all it is.
    alone = pl.col(ID).str.contains("@", literal=True) & (pl.col(MAIL).count().over(ACCOUNT, INTEGRATION, ID) == 0)
    names = names.with_columns(pl.when(alone).then(pl.col(ID).str.to_lowercase()).alias("__own"))
    full = names.select(ACCOUNT, INTEGRATION, ID, pl.coalesce(MAIL, "__own"))
    stated = [_Name(*(value or "" for value in row)) for row in full.iter_rows()]
    people = _People(stated)
    names = names.with_columns(pl.Series(PERSON, people.numbers(stated), pl.Int64))
    rows = rows.join(names, on=WHO, how="left", nulls_equal=True, maintain_order="left")
    return rows.with_columns(pl.coalesce(MAIL, "__own").alias(MAIL)).drop("__own"), people.told()


def mails_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Give every e-mail that each person has had, from rows of `with_people`."""
    return rows.select(PERSON, MAIL).drop_nulls().unique().sort(PERSON, MAIL)


def newest_mails(records: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.Series, list[str]]:
    """Give the newest e-mail of whose each record is, null where none is known, by all that the frame `known` says.

    Also says what `with_people` says.
    """
    for frame in (records, known):
        require(enter(frame), _DATED, "Cost by person")
    columns = (pl.col(column).alias(name) for name, column in zip((*WHO, "__start"), _DATED, strict=True))
    stated = [frame.select(_DATED) for frame in (records, known)]
    rows, told = with_people(pl.concat(stated, how="vertical_relaxed").select(columns))
    newest = rows.drop_nulls([PERSON, MAIL]).sort("__start", MAIL, nulls_last=False)
    newest = newest.group_by(PERSON).agg(pl.col(MAIL).last().alias("__newest"))
    return rows.head(records.height).join(newest, on=PERSON, how="left", maintain_order="left")["__newest"], told


def _text(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(~text.is_in(["", NOT_ATTRIBUTED])).then(text).alias(column)


class _Name(NamedTuple):
    """What a record says of whose it is; empty where it does not say."""

    account: str
    integration: str
    id: str
    mail: str


class _Holder(NamedTuple):
    """An id of an account, which is one person's."""

    account: str
    integration: str
    id: str


_Space = tuple[str, str, str]


def _spaces(holder: _Holder) -> tuple[_Space, ...]:
    """Name the sets of ids in which one person has one: an account's, or one for each kind of id it writes."""
    account, integration, own = holder
    known = INTEGRATIONS.get(integration)
    patterns = known.user_ids if known is not None and known.user_ids else (("", ".*"),)
    kinds = [kind for kind, pattern in patterns if re.fullmatch(pattern, own, re.DOTALL)]
    return tuple((account, integration, kind) for kind in kinds or dict(patterns))


class _People:
    """Hold the ids that are one person's as sets, which e-mails join."""

    def __init__(self, names: Iterable[_Name]) -> None:
        self._above: dict[_Holder, _Holder] = {}
        self._ids: dict[_Holder, dict[_Space, str]] = {}
        self._holders: dict[str, list[_Holder]] = defaultdict(list)
        self._apart: dict[tuple[str, str], set[str]] = defaultdict(set)
        names = sorted(set(names))
        for name in names:
            if name.id:
                self._put(_Holder(*name[:3]), name.mail)
        self._alone = {(name.account, name.mail) for name in names if name.mail and not name.id}
        # What a vendor's own reports say of its members stands above what other accounts say of them.
        for mail, holders in sorted(self._holders.items()):
            for _, of_one in groupby(holders, lambda holder: holder[:2]):
                self._join(list(of_one), mail)
        for mail, holders in sorted(self._holders.items()):
            self._join(holders, mail)

    def _put(self, holder: _Holder, mail: str) -> None:
        self._ids.setdefault(holder, dict.fromkeys(_spaces(holder), holder.id))
        if mail:
            self._holders[mail].append(holder)

    def _person(self, holder: _Holder) -> _Holder:
        """The id that stands for all of a person's."""
        while holder in self._above:
            holder = self._above[holder]
        return holder

    def _join(self, holders: list[_Holder], mail: str) -> None:
        """Make one of those who have had an e-mail, each with the first who has no other id where they have one."""
        people: list[_Holder] = []
        with_id: dict[_Space, int] = defaultdict(int)  # so many of them, from the first, have an id there
        for person in dict.fromkeys(self._person(holder) for holder in holders):
            spaces = self._ids[person]
            self._tell_apart(people, person, mail)
            for space in spaces:
                while with_id[space] < len(people) and space in self._ids[people[with_id[space]]]:
                    with_id[space] += 1
            start = max(with_id[space] for space in spaces)
            rest = (people[place] for place in range(start, len(people)))
            same = next((one for one in rest if self._ids[one].keys().isdisjoint(spaces)), None)
            if same is None:
                people.append(person)
            else:
                self._above[person] = same
                self._ids[same] |= self._ids.pop(person)

    def _tell_apart(self, people: list[_Holder], person: _Holder, mail: str) -> None:
        """Keep the ids of one account that an e-mail would make one."""
        for first in people[:1]:
            for space in self._ids[first].keys() & self._ids[person].keys():
                self._apart[mail, space[0]] |= {self._ids[first][space], self._ids[person][space]}

    def numbers(self, names: Iterable[_Name]) -> list[int | None]:
        """Number the people that names are of; nobody is None."""
        known: dict[_Holder | str, int] = {}
        keys = (self._key(name) for name in names)
        return [None if key is None else known.setdefault(key, len(known)) for key in keys]

    def _key(self, name: _Name) -> _Holder | str | None:
        if name.id:
            return self._person(_Holder(*name[:3]))
        holders = self._holders.get(name.mail, [])
        here = (holder for holder in holders if holder[:2] == name[:2])
        first = next(here, holders[0] if holders else None)
        return (name.mail or None) if first is None else self._person(first)

    def told(self) -> list[str]:
        """Say which e-mails belong to several ids of an account, in one sentence."""
        if not self._apart:
            return []
        parts = [self._said(*place, sorted(ids)) for place, ids in sorted(self._apart.items())]
        more = [f"{len(parts) - _TOLD} more e-mails do so"] if len(parts) > _TOLD else []
        text = "; ".join(parts[:_TOLD] + more)
        return [f"two ids of one account are two people, though an e-mail joins them: {text}"]

    def _said(self, mail: str, account: str, ids: list[str]) -> str:
        shown = ids[:_TOLD] + ([f"{len(ids) - _TOLD} more"] if len(ids) > _TOLD else [])
        joined = f"{mail} joins {', '.join(shown[:-1])} and {shown[-1]} of {account or 'an account without a name'}"
        if (account, mail) not in self._alone:
            return joined
        first = next((holder.id for holder in self._holders[mail] if holder.account == account), ids[0])
        return f"{joined}, where records with the e-mail alone count as {first}'s"


# seats ----------------------------------------------------------------------------------------------------------------

_Price = tuple[float, str] | Mapping[str, tuple[float, str]] | None
_IDLE_AFTER = 14
"""Days without use after which a seat counts as idle."""
_USED = ("usage_tokens_total", "usage_requests_total", "usage_tokens_input", "usage_tokens_output", "usage_quantity",
         "usage_conversations_message_count", "usage_sessions_distinct", "usage_code_lines_accepted_added")  # fmt: skip


def seats(frame: Any, roster: Any = None, price: _Price = None) -> Any:
    """Say who uses their seat, since when others do not, and what the idle seats cost a month.

    `roster` is a file (CSV, workbook, Parquet) or a frame with `integration` and `email`, a row a seat; `price` what a
    seat costs a month, as (amount, currency) or a mapping of integrations to that. Comes back as the kind that came in,
    a row per integration and person: `email` (the newest seen, in small letters; the user's id where the vendor gives
    none), `status`, `last_active` (UTC day), `idle_days` (to the integration's last day in the frame), `idle_cost` and
    `currency`. A person is who `unit_costs` counts: an id of an account, under whatever e-mails; the roster may list
    any of them.

    `status` is "active", "idle" (no use in the integration's last fourteen days), "never seen" (on the roster, not in
    the frame) or "seen, not on the roster". Idle and never seen seats cost their price a month, active ones 0; what no
    roster names has no cost. Use is a record with tokens, requests, messages or a charge. No API tells the seats
    themselves: without a roster these are the people seen, and a UsageWarning says so, as of a person whom the roster
    lists twice, which is one seat.

    Raises FrameError for a roster without its columns or a price without a currency.

    >>> import polars as pl
    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> roster = pl.DataFrame({"integration": ["cursor"], "email": ["rosalind.quaye@tidewheel.example.com"]})
    >>> tu.seats(usage, roster, (40, "USD")).filter(status="never seen").select("email", "idle_cost").row(0)
    ('rosalind.quaye@tidewheel.example.com', 40.0)
    """
    native = enter(frame)
    rows, told = _records(native)
    people = _seen(rows)
    if roster is None:
        told.append("without a roster these are people seen, not seats: a seat that nobody used is in no record")
        table = people.with_columns(listed=pl.lit(None, pl.Boolean))
    else:
        table, twice = _seated(people, mails_of(rows), _roster(roster_lines(read_table(roster, "The roster"))))
        told += twice
    if told:
        tell("; ".join(told) + ".")
    last = rows.group_by("integration").agg(last=_date("__day").max())
    return native.leave(_judged(table.filter(_is_shown()), last, price))


def _moments(native: Native) -> Any:
    """The records with whose they are, the first and last day that each covers, and whether it is of use."""
    needed = (
        "integrated_account_id",
        "integration",
        "user_email",
        "user_id",
        "start_date",
        "end_date",
        "charges_count",
    )
    require(native, needed, "seats")
    moments = with_instants(native, native.frame, {"__start": "start_date", "__end": "end_date"})
    longer = (nw.col("__end") > nw.col("__start")).fill_null(False)
    moments = moments.with_columns(
        # the last day that a record covers: use within a week's record may be of any of its days
        __day=nw.when(longer).then(nw.col("__end") - 1).otherwise(nw.col("__start")) // DAY,
        __first=nw.col("__start") // DAY,
    )
    counts = [nw.col(c).fill_null(0) > 0 for c in _USED if c in native.columns]
    used = nw.any_horizontal(*counts, nw.col("charges_count").fill_null(0) > 0, ignore_nulls=False)
    return moments.with_columns(
        **who_columns(),
        __used=nw.when(used).then(nw.col("__day")),
        __uses=nw.when(used).then(nw.lit(1)).otherwise(nw.lit(0)),
    )


def _records(native: Native) -> tuple[pl.DataFrame, list[str]]:
    """By what names somebody: the last day, how many are of use and until when, the last moment; also what is told."""
    rows = collect(
        _moments(native).group_by(*WHO).agg(nw.col("__day", "__used", "__start").max(), nw.col("__uses").sum())
    )
    rows, told = with_people(rows)
    return rows.rename({INTEGRATION: "integration"}), told


def months_of_use(native: Native) -> tuple[set[tuple[str, str, date]], set[tuple[str, date]]]:
    """Give who used what in which month, by every e-mail of whoever it is, and of which months anybody is known.

    A record that is longer than a day may be of use on any of its days. A month without a record that names anybody
    says nothing of who used it.
    """
    moments = _moments(native)
    counts = moments.group_by(*WHO, "__first", "__day").agg(nw.col("__start").max(), nw.col("__uses").sum())
    rows = with_people(collect(counts))[0].drop_nulls(PERSON).filter(pl.col("__uses") > 0)
    mails = pl.concat([mails_of(rows), rows.select(PERSON, pl.coalesce(MAIL, ID).str.to_lowercase().alias(MAIL))])
    months = pl.date_ranges(_date("__first").dt.month_start(), _date("__day"), "1mo")
    held = rows.select(INTEGRATION, PERSON, month=months).explode("month").unique().drop_nulls("month")
    used = held.join(mails.unique().drop_nulls(), on=PERSON).select(INTEGRATION, MAIL, "month")
    return set(used.iter_rows()), set(held.select(INTEGRATION, "month").iter_rows())


def _seen(rows: pl.DataFrame) -> pl.DataFrame:
    """Each person of each integration with a name to show, and the last day of use, which may be none."""
    newest = rows.drop_nulls(PERSON).sort("__start", MAIL, ID, nulls_last=False)
    people = newest.group_by("integration", PERSON, maintain_order=True).agg(
        pl.col(MAIL).drop_nulls().last(), pl.col(ID).min(), pl.col("__used", "__start").max(), pl.col("__uses").sum()
    )
    return people.with_columns(email=pl.coalesce(MAIL, ID), last_active=_date("__used")).drop(MAIL, ID, "__used")


def _seated(people: pl.DataFrame, mails: pl.DataFrame, roster: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The people with `listed`, and the roster's others as rows of their own; also say who is listed twice.

    A seat is one person's: of several who have had its e-mail, of whoever was active last.
    """
    names = pl.concat([mails, people.select(PERSON, folded("email").alias(MAIL))]).unique()
    known = people.join(names, on=PERSON).join(roster, left_on=["integration", MAIL], right_on=["integration", "email"])
    known = known.sort("last_active", "__start", PERSON, descending=[True, True, False], nulls_last=True)
    of_seat = known.group_by("integration", MAIL, maintain_order=True).agg(PERSON).sort("integration", MAIL)
    holders: dict[tuple[str, int], str] = {}
    twice = []
    # Where few could have a seat they have it before others take it.
    for integration, mail, able in sorted(of_seat.iter_rows(), key=lambda seat: len(seat[2])):
        free = next((person for person in able if (integration, person) not in holders), None)
        if free is None:
            twice.append(f"{mail} beside {holders[integration, able[0]]}")
        else:
            holders[integration, free] = mail
    schema = {"integration": pl.String(), PERSON: people.schema[PERSON]}
    seated = pl.DataFrame(list(holders), schema=schema, orient="row").with_columns(listed=pl.lit(value=True))
    rest = roster.join(known, left_on=["integration", "email"], right_on=["integration", MAIL], how="anti")
    table = people.join(seated, on=["integration", PERSON], how="left")
    told = [f"the roster lists one person under several e-mails, who has one seat: {', '.join(twice)}"] if twice else []
    return pl.concat([table, rest], how="diagonal"), told


def _is_shown() -> pl.Expr:
    """Whoever used something or has a seat; a record of nothing makes nobody a user."""
    return (pl.col("__uses") > 0).fill_null(value=False) | pl.col("listed").fill_null(value=False)


def _date(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int32).cast(pl.Date)


def roster_lines(table: Table) -> pl.DataFrame:
    """Read a roster: `integration`, `email`. Raises FrameError, which names the row, for an integration unknown."""
    listed = table.need("integration", "email").texts("integration", "email")
    names = {name: integration_named(name) for name in listed["integration"].drop_nulls().unique()}
    for row, name in zip(table.rows, listed["integration"], strict=True):
        if name is not None and names[name] is None:
            raise FrameError(
                f"{table.what}, row {row}: the integration {shown(name)} is unknown.{did_you_mean(name, INTEGRATIONS)} "
                f"Known: {', '.join(INTEGRATIONS)}."
            )
    plain = {name: found.name for name, found in names.items() if found is not None}
    return listed.with_columns(pl.col("integration").replace(plain))


def _roster(listed: pl.DataFrame) -> pl.DataFrame:
    seats_ = listed.select("integration", folded("email").alias("email")).drop_nulls()
    return seats_.with_columns(listed=pl.lit(value=True)).unique(maintain_order=True)


def _judged(table: pl.DataFrame, last: pl.DataFrame, price: _Price) -> pl.DataFrame:
    without_roster = table.height == 0 or table["listed"].null_count() == table.height
    table = table.join(last, on="integration", how="left")
    table = table.with_columns(idle_days=(pl.col("last") - pl.col("last_active")).dt.total_days())
    used = pl.when(pl.col("idle_days") < _IDLE_AFTER).then(pl.lit("active")).otherwise(pl.lit("idle"))
    listed = pl.lit(without_roster) | pl.col("listed").fill_null(value=False)
    never = pl.when(pl.col("last_active").is_null()).then(pl.lit("never seen"))
    status = never.when(~listed).then(pl.lit("seen, not on the roster")).otherwise(used)
    prices = _prices(price, table["integration"].unique().to_list())
    table = table.with_columns(status=status).join(prices, on="integration", how="left")
    wasted = pl.col("status").is_in(["idle", "never seen"])
    on_list = ~pl.lit(without_roster) & listed
    cost = pl.when(on_list & wasted).then(pl.col("price")).when(on_list & pl.col("price").is_not_null()).then(0.0)
    return table.select(
        "integration",
        "email",
        "status",
        "last_active",
        "idle_days",
        idle_cost=cost,
        currency=pl.when(on_list).then(pl.col("currency")),
    ).sort("integration", "status", "idle_cost", "email", descending=[False, False, True, False], nulls_last=True)


def _prices(price: _Price, integrations: list[str]) -> pl.DataFrame:
    given: Mapping[str, Any] = price if isinstance(price, Mapping) else dict.fromkeys(integrations, price)
    rows = []
    for name, value in given.items():
        found = integration_named(str(name))
        if found is None:
            raise InputError(
                f"price names {shown(name)}, which is no integration.{did_you_mean(name, INTEGRATIONS)} "
                f"Known: {', '.join(INTEGRATIONS)}."
            )
        rows.append((found.name, *(seat_price("price", value) if value is not None else (None, None))))
    schema = pl.Schema({"integration": pl.String(), "price": pl.Float64(), "currency": pl.String()})
    return pl.DataFrame(rows, schema=schema, orient="row")


def seat_price(name: str, value: Any) -> tuple[float, str]:
    """Read what a seat costs a month, and in which currency. Raises InputError."""
    if not isinstance(value, tuple | list) or len(value) != 2 or not isinstance(value[1], str):
        said = f"{name}={shown(value)}"
        raise InputError(f"{said} names no currency; give the amount a month and its currency: (40, 'USD').")
    amount = amount_given(f"{name}: the amount", value[0])
    if amount < 0:
        raise InputError(f"{name}={shown(value)} is below zero; give what a seat costs a month, such as (40, 'USD').")
    return amount, currency_given(f"{name}: the currency", value[1])
