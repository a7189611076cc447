"""The answer key: what a load of the sandbox should come to, summed by the generator and by no client code.

Beside it what the company keeps itself: who is in which team, who holds a seat, what was invoiced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from truto_usage_nb.sandbox.ask import MoneyAnswer, VendorAnswer, World
from truto_usage_nb.sandbox.company import ACCOUNTS, DIRECTORY, Account, people_with
from truto_usage_nb.sandbox.vendors import VENDORS

TOKEN_KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write")
"""The disjoint kinds; `cache_write` is what a vendor does not tell apart by lifetime."""
_Row = dict[str, Any]
_AMOUNTS = tuple(one.name for one in fields(MoneyAnswer) if one.name not in ("currency", "records"))


def period_days(period: str | tuple[date | str, date | str]) -> tuple[date, date]:
    """Return the half-open days of "2026", "2026-10", "2026-10-05" or a pair of dates.

    >>> period_days("2026-12")
    (datetime.date(2026, 12, 1), datetime.date(2027, 1, 1))
    """
    if not isinstance(period, str):
        start, end = (one if isinstance(one, date) else date.fromisoformat(one) for one in period)
    elif re.fullmatch(r"\d{4}", period):
        start, end = date(int(period), 1, 1), date(int(period) + 1, 1, 1)
    elif re.fullmatch(r"\d{4}-\d\d", period):
        start = date.fromisoformat(f"{period}-01")
        end = (start + timedelta(days=31)).replace(day=1)
    else:
        start = date.fromisoformat(period)
        end = start + timedelta(days=1)
    if end <= start:
        raise ValueError(f"a period is half-open and must end after it starts, not {start} to {end}")
    return start, end


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """The answers of each account for the days from `start` up to, not including, `end` (UTC).

    An account linked a second time (`twin_of`) is left out: what it says has been said.
    """

    start: date
    end: date
    accounts: Mapping[Account, VendorAnswer]

    @classmethod
    def build(
        cls,
        period: str | tuple[date | str, date | str],
        world: World,
        account_ids: Iterable[str] | None = None,
    ) -> AnswerKey:
        """Ask every account's generator, or those named, for a period; an unknown id is a `KeyError`."""
        start, end = period_days(period)
        accounts = _accounts(account_ids)
        answers = {one: VENDORS[one.integration].answer_key(one, start, end, world) for one in accounts}
        return cls(start, end, answers)

    def of(self, account_id: str) -> VendorAnswer:
        """Return one account's answer; `KeyError` when it is not in the key."""
        for account, answer in self.accounts.items():
            if account.id == account_id:
                return answer
        raise KeyError(f"no answer for {account_id!r}; there are {', '.join(one.id for one in self.accounts)}")

    def money(self) -> list[_Row]:
        """Return a row per account and currency: billed, listed, credit, tax, payable, vendor_estimate, records."""
        return [
            {**_names(account), **{one.name: getattr(money, one.name) for one in fields(money)}}
            for account, answer in self.accounts.items()
            for money in answer.money
        ]

    def totals(self) -> list[_Row]:
        """Return the same per integration and currency: currencies are never added."""
        sums: dict[tuple[str, str], _Row] = {}
        for row in self.money():
            key = (row["integration"], row["currency"])
            total = sums.setdefault(key, {"integration": key[0], "currency": key[1], **_no_money()})
            for name in (*_AMOUNTS, "records"):
                total[name] += row[name]
        return list(sums.values())

    def tokens(self) -> list[_Row]:
        """Return a row per account that counts tokens, a column per kind (disjoint), and their total."""
        return [
            {**_names(account), **_kinds(answer.tokens)} for account, answer in self.accounts.items() if answer.tokens
        ]

    def models(self) -> list[_Row]:
        """Return a row per account, model and currency: tokens by kind beside cost; null where one has no other."""
        return [row for account, answer in self.accounts.items() for row in _models(account, answer)]

    def requests(self) -> list[_Row]:
        """Return the number of requests per account."""
        return [{**_names(account), "requests": answer.requests} for account, answer in self.accounts.items()]

    def idle(self) -> list[_Row]:
        """Return a row per account and person who has a seat and did nothing with it."""
        return [
            {**_names(account), "email": email}
            for account, answer in self.accounts.items()
            for email in answer.idle_people
        ]

    def unusual(self) -> list[_Row]:
        """Return a row per account and day on which something happened, with what it was, in the order of days."""
        rows = [
            {"day": day, **_names(account), "what": what}
            for account, answer in self.accounts.items()
            for day, what in answer.unusual_days
        ]
        return sorted(rows, key=lambda row: (row["day"], row["account"]))

    def gaps(self) -> list[_Row]:
        """Return a row per account and day whose feed was down."""
        return [{**_names(account), "day": day} for account, answer in self.accounts.items() for day in answer.gaps]

    def rows(self) -> list[_Row]:
        """Return the key at a glance: money per integration and currency."""
        return self.totals()


def _accounts(account_ids: Iterable[str] | None) -> list[Account]:
    if account_ids is None:
        return [account for account in ACCOUNTS if account.twin_of is None]
    by_id = {account.id: account for account in ACCOUNTS}
    chosen = {by_id[account_id].twin_of or account_id for account_id in account_ids}
    return [account for account in ACCOUNTS if account.id in chosen]


def _names(account: Account) -> _Row:
    return {"integration": account.integration, "account": account.id}


def _no_money() -> _Row:
    return {**{name: Decimal(0) for name in _AMOUNTS}, "records": 0}


def _kinds(tokens: Mapping[str, int]) -> _Row:
    if strange := tokens.keys() - set(TOKEN_KINDS):
        raise ValueError(f"an answer counts tokens of a kind that has no column: {', '.join(sorted(strange))}")
    kinds = {kind: tokens.get(kind, 0) for kind in TOKEN_KINDS}
    return {**kinds, "total": sum(kinds.values())}


def _models(account: Account, answer: VendorAnswer) -> list[_Row]:
    """Join tokens and cost on the model; a model billed in two currencies has a row for each, tokens in the first."""
    currencies: dict[str, list[str | None]] = {model: [] for model in answer.tokens_by_model}
    for model, currency in answer.cost_by_model:
        currencies.setdefault(model, []).append(currency)
    rows = []
    for model, found in currencies.items():
        for place, paid_in in enumerate(found or [None]):
            tokens = answer.tokens_by_model.get(model) if place == 0 else None
            kinds = _kinds(tokens) if tokens is not None else dict.fromkeys((*TOKEN_KINDS, "total"))
            cost = None if paid_in is None else answer.cost_by_model[model, paid_in]
            rows.append({**_names(account), "model": model, "currency": paid_in, "cost": cost, **kinds})
    return rows


SEAT_PRICES: dict[str, tuple[Decimal, str]] = {"claude": (Decimal(30), "USD"), "cursor": (Decimal(40), "USD")}
"""What a seat costs a month, by integration; the seats are in no API."""
_SEATED = {"claude": "claude_seats", "cursor": "cursor", "openai_codex": "codex"}
_CENT = Decimal("0.01")


_COMMITTED = (
    ("datadog", "infra_host", 1_000, "host", 16.0, 20.8, "monthly", "2026-01-01"),
    ("datadog", "logs_indexed", 12_200, "million events", 1.0, 1.5, "monthly", "2026-01-01"),
    ("datadog", "rum", 1_000, "thousand sessions", 3.1, 4.0, "monthly", "2026-01-01"),
    ("confluent", "KAFKA_NUM_CKUS", 7, "CKU", 1.5, 1.845, "hourly", "2026-01-01"),
    ("confluent", None, 150_000, "USD", 1.0, None, "prepaid", "2026-08-01"),
)
"""What was committed to in 2026: of Datadog's products what its bills state, at prices that no API tells."""


def commitment_rows() -> list[dict[str, Any]]:
    """Return a row a commitment, in the words of `tu.commitments`.

    >>> commitment_rows()[0]["price"] * commitment_rows()[0]["quantity"]  # as the bill states: 11,000 + 3,600 + 1,400
    16000.0
    """
    names = ("account", "product", "quantity", "unit", "price", "on_demand_price", "basis", "start")
    term = {"end": "2027-01-01", "currency": "USD"}
    return [dict(zip(names, row, strict=True)) | {"quantity": float(row[2])} | term for row in _COMMITTED]


def directory_rows(*, every_team: bool = False) -> list[tuple[str, str | None]]:
    """Return (email, team) of everyone, once with the first team, or once per team; None without one.

    >>> [team for email, team in directory_rows(every_team=True) if email.startswith("ilse")]
    ['platform', 'mobile']
    """
    rows: list[tuple[str, str | None]] = []
    for person in DIRECTORY:
        teams = (person.teams or (None,)) if every_team else (person.teams or (None,))[:1]
        rows += [(person.email, team) for team in teams]
    return rows


def rosters() -> list[tuple[str, str]]:
    """Return (integration, email) of every seat held by a person, used or not.

    >>> sum(1 for integration, _ in rosters() if integration == "cursor")
    18
    """
    return [
        (integration, person.email)
        for integration, tool in _SEATED.items()
        for person in people_with(tool)
        if person.kind != "service"
    ]


def invoices(key: AnswerKey) -> list[tuple[str, date, str, Decimal]]:
    """Return (integration, month, currency, amount) of what the vendors invoiced for a key's month, seats included.

    What a vendor could not price (currency not stated) is on no invoice.
    """
    lines = []
    for total in key.totals():
        seats = _seats_of(total["integration"], total["currency"])
        lines.append((total["integration"], key.start, total["currency"], total["payable"].quantize(_CENT) + seats))
    return lines


def _seats_of(integration: str, currency: str) -> Decimal:
    price, of = SEAT_PRICES.get(integration, (Decimal(0), currency))
    held = sum(1 for name, _ in rosters() if name == integration)
    return price * held if of == currency else Decimal(0)
