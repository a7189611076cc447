"""Whose a record is: each person once, whatever ids and e-mails name them.

Within an account a person is an id of it, whatever e-mails it had: somebody renamed, or deleted and so without an
e-mail, is still one. A record with an e-mail alone is of the id that has had it, else of a person by e-mail. Across
accounts people who have had one e-mail are one, but never so that two ids of one account become one by it: such an
e-mail is told. Only Cursor gives a member two ids, a number in its days and `user_…` in its spend, which nothing but
the e-mail joins.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import enter, require
from truto_usage_nb.questions.remainder import NOT_ATTRIBUTED

__all__ = ["ID", "INTEGRATION", "MAIL", "PERSON", "WHO", "mails_of", "newest_mails", "who", "with_people"]

ACCOUNT, INTEGRATION, ID, MAIL = WHO = ("__account", "__integration", "__id", "__mail")
PERSON = "__person"
_COLUMNS = ("integrated_account_id", "integration", "user_id", "user_email")
_DATED = (*_COLUMNS, "start_date")
_TOLD = 3


def who() -> dict[str, nw.Expr]:
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
