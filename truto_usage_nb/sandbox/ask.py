"""What passes between the service and a vendor: a typed question, raw rows, a refusal, an answer key.

The vendors' own servers answer what is asked of them over HTTP, before anything is unified.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Protocol

from truto_usage_nb.sandbox.company import Account


@dataclass(frozen=True, slots=True)
class World:
    """The state of everything: seed, the moment the service believes it is (UTC), and how large the company is."""

    seed: int
    now: datetime
    scale: float = 1.0


class Sent(NamedTuple):
    """How a parameter is sent: its kind, the values of a choice, the least of a number."""

    kind: str
    allowed: tuple[str, ...] = ()
    least: int = 0
    may_be_empty: bool = False


REPORT_TYPES = (
    "activity", "connector_usage", "cost", "project_usage", "skill_usage", "summary", "usage", "user_cost",
    "user_usage",
)  # fmt: skip
SentText = Annotated[str | None, Sent("text")]
SentTexts = Annotated[tuple[str, ...], Sent("texts")]
When = Annotated[str | None, Sent("moment")]
Flag = Annotated[bool | None, Sent("flag")]
_Object = Annotated[Mapping[str, Any], Sent("object")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a provider may be asked: a line a parameter, which also says how the service reads it.

    None or empty means not sent; dates are as sent.
    """

    report_type: Annotated[str | None, Sent("choice", REPORT_TYPES)] = None
    start_date: When = None
    end_date: When = None
    date: Annotated[str | None, Sent("day")] = None
    product_ids: SentTexts = ()
    user_ids: SentTexts = ()
    model_ids: SentTexts = ()
    surfaces: SentTexts = ()
    group_by: SentTexts = ()
    granularity: Annotated[str | None, Sent("choice", ("day", "hour", "minute"))] = None
    sort_by: SentText = None
    sort_order: Annotated[str | None, Sent("choice", ("asc", "desc"))] = None
    include_deleted_users: Flag = None
    user_id: SentText = None
    api_key_id: SentText = None
    limit: Annotated[int | None, Sent("number")] = None
    remote_query: _Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask(Asked):
    """One question to a vendor, already typed by the service.

    A vendor reads what it honours and applies its own defaults, windows and refusals. `limit` is the page size asked
    for, for a vendor that echoes it in `request`; paging itself is the service's.
    """

    world: World
    account: Account


@dataclass(frozen=True, slots=True)
class Raw:
    """One object as the vendor's API returns it, the endpoint it came from, and what its envelope states.

    `context` holds facts outside the object: bucket times, organisation id, the requested day.
    """

    row: dict[str, Any]
    endpoint: str
    context: dict[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """The provider itself says no: its HTTP status and its body, in its own error shape."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"the provider answered {status}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class MoneyAnswer:
    """What one account comes to in one currency.

    `billed` is what is charged for usage after discounts, before credits and tax; `listed` the same at list price;
    `credit` is 0 or negative; `payable` = billed + tax + credit; `vendor_estimate` is money the vendor only estimates
    and bills elsewhere. `records` counts the unified records that state an amount in this currency.
    """

    currency: str
    billed: Decimal = Decimal(0)
    listed: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    payable: Decimal = Decimal(0)
    vendor_estimate: Decimal = Decimal(0)
    records: int = 0


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """What one account really did in a period, summed from the generator's own facts.

    `tokens` has the disjoint kinds input, output, cache_read, cache_write_5m, cache_write_1h, and cache_write for what
    the vendor does not tell apart by lifetime; `cost_by_model` is keyed by (model, currency); people are e-mails;
    `gaps` are days the feed was down.
    """

    money: list[MoneyAnswer] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    tokens_by_model: dict[str, dict[str, int]] = field(default_factory=dict)
    cost_by_model: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    requests: int = 0
    active_people: list[str] = field(default_factory=list)
    idle_people: list[str] = field(default_factory=list)
    unusual_days: list[tuple[date, str]] = field(default_factory=list)
    gaps: list[date] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def products_of(account: Account, *rows: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Return the unified products of an account: id, name and description, as old as the account."""
    linked = {"created_at": account.created_at, "updated_at": account.created_at}
    return [{"id": id_, "name": name, "description": description, **linked} for id_, name, description in rows]


_SUMS = ("billed", "listed", "credit", "vendor_estimate")


class Tally:
    """Add up an answer key as things happen: money by currency, tokens of some `kinds`, cost by model, requests.

    Money of `currencies` is in the key, whether any happened or not.
    """

    def __init__(self, *kinds: str, currencies: Iterable[str] = ()) -> None:
        self._kinds = kinds
        self._money = {currency: dict.fromkeys(_SUMS, Decimal(0)) for currency in currencies}
        self._records = dict.fromkeys(currencies, 0)
        self._tokens = dict.fromkeys(kinds, 0)
        self._by_model: dict[str, dict[str, int]] = {}
        self._cost: dict[tuple[str, str], Decimal] = {}
        self._requests = 0

    def bill(self, currency: str, *, records: int = 1, model: str | None = None, **amounts: Decimal) -> None:
        """Take money in: `billed`, `listed`, `credit`, `vendor_estimate`. With a `model` it is what the model cost."""
        sums = self._money.setdefault(currency, dict.fromkeys(_SUMS, Decimal(0)))
        self._records[currency] = self._records.get(currency, 0) + records
        for name, amount in amounts.items():
            sums[name] += amount
        if model is not None:
            self._cost[model, currency] = self._cost.get((model, currency), Decimal(0)) + amounts["billed"]

    def use(self, counts: Iterable[int], *, model: str | None = None, requests: int = 0) -> None:
        """Take tokens in, a count for each kind or none at all, and requests; with a `model` they are the model's."""
        self._requests += requests
        of = self._by_model.setdefault(model, dict.fromkeys(self._kinds, 0)) if model is not None else {}
        stated = tuple(counts)
        for kind, count in zip(self._kinds, stated, strict=True) if stated else ():
            self._tokens[kind] += count
            if model is not None:
                of[kind] += count

    def answer(self, **more: Any) -> VendorAnswer:
        """Return the key, with what else is known."""
        return VendorAnswer(
            money=[
                MoneyAnswer(currency, payable=sums["billed"] + sums["credit"], records=self._records[currency], **sums)
                for currency, sums in self._money.items()
            ],
            tokens=self._tokens,
            tokens_by_model=dict(sorted(self._by_model.items())),
            cost_by_model=dict(sorted(self._cost.items())),
            requests=self._requests,
            **more,
        )


class Vendor(Protocol):
    """What every package in `vendors/` offers at its top level."""

    @property
    def MAX_PAGE(self) -> int:
        """The largest page the provider gives, in raw rows."""

    @property
    def DEFAULT_PAGE(self) -> int:
        """The page size when none is asked for, in raw rows."""

    @property
    def NUMBERED(self) -> bool:
        """Whether the provider's pages go by their number."""

    @property
    def RATE_LIMIT(self) -> str:
        """The `ratelimit-limit` value: requests, and the window in seconds, such as `60;w=60`."""

    def products(self, account: Account) -> list[dict[str, Any]]:
        """Return the unified products of an account: id, name, description, created_at, updated_at."""

    def raw_rows(self, ask: Ask) -> Iterable[Raw]:
        """Yield the raw rows lazily, in the provider's order; raise `Refused` as the provider would."""

    def unify(self, raw: Raw, ask: Ask) -> list[dict[str, Any]]:
        """Map one raw row to its unified records, none to many, without `remote_data`."""

    def request(self, ask: Ask) -> dict[str, Any]:
        """Return the provider request as `url`, `method`, `headers` (no secret) and `body`."""

    def answer_key(self, account: Account, start: date, end: date, world: World) -> VendorAnswer:
        """Return what the account did from start up to, not including, end, in days UTC."""


@dataclass(frozen=True, slots=True)
class RawAsk:
    """One request to a vendor: the pairs of its query string, its JSON body, its headers in lower case."""

    world: World
    pairs: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    path: Mapping[str, str] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """Return a parameter's value, the last one sent."""
        return next((value for sent, value in reversed(self.pairs) if sent == name), None)

    def several(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for sent, value in self.pairs if sent == name]

    def basic(self) -> tuple[str, str] | None:
        """Return user name and password of basic authentication."""
        scheme, _, sent = self.headers.get("authorization", "").partition(" ")
        try:
            name, colon, password = b64decode(sent, validate=True).decode().partition(":")
        except (NotBase64, UnicodeDecodeError):
            return None
        return (name, password) if scheme.lower() == "basic" and colon else None

    @property
    def page(self) -> int:
        """Return which page is asked for, as far as the request shows it: 0 the first."""
        number = self.body.get("page") if isinstance(self.body, dict) else None
        if isinstance(number, int) and number > 0:
            return number - 1
        return 1 if any(name in ("page_token", "page", "page[next_record_id]") for name, _ in self.pairs) else 0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a vendor answers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class RawRoute(NamedTuple):
    """One endpoint: how it is asked, who answers, and the vendor's own rate limit, as the budget reads it."""

    method: str
    path: str
    answer: Callable[[RawAsk], RawAnswer]
    limit: str = "60;w=60"
