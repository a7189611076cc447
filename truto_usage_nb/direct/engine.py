"""What a vendor is to the direct door, as data, and the one way in which a page of it is asked and read. No I/O.

A vendor's package of tables (`direct/vendors/<name>`) states its `Access`es: which keys open it, how they go into
headers, and, for a question, which `Endpoint`s answer it in which order. An endpoint says how a question becomes
parameters, how a page follows another, and how a body becomes rows, each with the unified records that the vendor's
mapping makes of it. Everything else (sending, waiting, retries, envelopes, errors) is the same for all.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

from truto_usage_nb.direct.question import DirectQuestion, pairs_of
from truto_usage_nb.errors import CursorExpiredError, InvalidRequestError, ProtocolError
from truto_usage_nb.integrations import Window
from truto_usage_nb.outside import cut, shown

__all__ = [
    "Access",
    "ByLink",
    "ByNumber",
    "ByToken",
    "DirectVendor",
    "Endpoint",
    "KeyField",
    "Paging",
    "VendorRow",
    "VendorTables",
    "WalkPlace",
    "Whole",
    "not_served",
]

_Params = Mapping[str, Any]


class VendorRow(NamedTuple):
    """One object as the vendor sent it, and the unified records that it comes to."""

    raw: Any
    records: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class KeyField:
    """Say what a field of an account's description holds: a key, the variable that customarily holds it, its kind.

    `kind` completes "it is to hold …". `others` are beginnings by which a key of another kind gives itself away, each
    with what it is instead.
    """

    name: str
    variable: str
    kind: str
    others: Mapping[str, str] = field(default_factory=dict)


class Paging(Protocol):
    """Say how the pages of an endpoint follow each other; a bookmark is a text, None stands for the first page."""

    def params(self, bookmark: str | None, size: int | None) -> _Params:
        """Give the parameters of a page."""

    def following(self, body: Any, bookmark: str | None, rows: int, hosts: frozenset[str]) -> str | None:
        """Give the bookmark of the page after one, None at the end."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One answer holds everything."""

    def params(self, bookmark: str | None, size: int | None) -> _Params:  # noqa: ARG002
        """Ask for nothing in particular."""
        return {}

    def following(self, body: Any, bookmark: str | None, rows: int, hosts: frozenset[str]) -> str | None:  # noqa: ARG002
        """Give None."""
        return None


@dataclass(frozen=True, slots=True)
class ByNumber:
    """Pages are numbered from 1; `more` says of a body whether another one follows."""

    more: Callable[[Any, int], bool]
    page: str = "page"
    size: str = "pageSize"

    def params(self, bookmark: str | None, size: int | None) -> _Params:
        """Give number and size."""
        return {self.page: int(bookmark or 1), self.size: size}

    def following(self, body: Any, bookmark: str | None, rows: int, hosts: frozenset[str]) -> str | None:  # noqa: ARG002
        """Give the next number; a page without a row is past the end, whatever it says."""
        number = int(bookmark or 1)
        return str(number + 1) if rows and self.more(body, number) else None


@dataclass(frozen=True, slots=True)
class ByToken:
    """A body holds the token of the next page at the path `at`; where `flag` is there and false, it is the last."""

    at: tuple[str, ...]
    parameter: str
    size: str | None = None
    flag: str | None = None

    def params(self, bookmark: str | None, size: int | None) -> _Params:
        """Give token and size."""
        asked: dict[str, Any] = {} if self.size is None else {self.size: size}
        return asked if bookmark is None else {**asked, self.parameter: bookmark}

    def following(self, body: Any, bookmark: str | None, rows: int, hosts: frozenset[str]) -> str | None:  # noqa: ARG002
        """Give the token. A page that says there is more and does not say where ends nothing: it is refused."""
        token = _at(body, self.at)
        if self.flag is not None and not body.get(self.flag):
            return None
        if token in (None, ""):
            if self.flag is None:
                return None
            raise ProtocolError(f"{self.flag} is true, and {'.'.join(self.at)} names no page")
        return str(token)


@dataclass(frozen=True, slots=True)
class ByLink:
    """A body holds the whole address of the next page at the path `at`, of which only the query is used.

    It is asked for where this page was: an address on another host is refused, for that is where the key would go.
    """

    at: tuple[str, ...]
    size: str

    def params(self, bookmark: str | None, size: int | None) -> _Params:
        """Give what the address said; it repeats what is still to be asked."""
        return {self.size: size} if bookmark is None else dict(parse_qsl(bookmark, keep_blank_values=True))

    def following(self, body: Any, bookmark: str | None, rows: int, hosts: frozenset[str]) -> str | None:  # noqa: ARG002
        """Give the query of the address."""
        link = _at(body, self.at)
        if link in (None, ""):
            return None
        try:
            parts = urlsplit(str(link))
            where = parts.netloc.lower()
        except ValueError:
            where = shown(link, 100)
        if where and where not in hosts:
            raise ProtocolError(
                f"{'.'.join(self.at)} leads to another host, {cut(where, 100)}: a key is not carried there"
            )
        if not parts.query:
            raise ProtocolError(f"{'.'.join(self.at)} names no page: {shown(link, 100)}")
        return parts.query


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Describe one endpoint of a vendor.

    `ask` turns a question into parameters: of the query string for GET, of a JSON body for POST. `read` turns a body
    into rows; it may raise what a body of another shape makes it raise. `page_size` is what is asked for when the
    question names no size, `most` the largest that the vendor gives; None where pages have no size. `may_be_refused`:
    beside others that answer the same question, a refusal of this one is told, and theirs stand.
    """

    path: str
    ask: Callable[[DirectQuestion], _Params]
    read: Callable[[Any, DirectQuestion], Iterable[VendorRow]]
    paging: Paging = field(default_factory=Whole)
    method: Literal["GET", "POST"] = "GET"
    page_size: int | None = None
    most: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    may_be_refused: bool = False

    @property
    def name(self) -> str:
        """Name it as its vendor's documentation does."""
        return f"{self.method} {self.path}"

    def size(self, question: DirectQuestion) -> int | None:
        """Give the page size that a question comes to."""
        if self.page_size is None or question.truto_ignore_limit:
            return self.page_size
        wished = [each for each in (question.limit, question.page_size) if each]
        return min([*(wished or [self.page_size]), self.most or self.page_size])

    def params(self, question: DirectQuestion, place: WalkPlace) -> _Params:
        """Give the parameters of one page; the vendor's own, passed through `remote_query`, win."""
        page = self.paging.params(place.bookmark, place.size)
        first = {} if isinstance(self.paging, ByLink) and place.bookmark is not None else self.ask(question)
        asked = {**_merged(first, question.remote_query), **page}
        return {name: value for name, value in asked.items() if value is not None}

    def url(self, base: str, question: DirectQuestion, params: _Params) -> tuple[str, list[tuple[str, str]], Any]:
        """Give address, pairs of the query string and JSON body."""
        address = base + self.path.format(**question.facts)
        if self.method == "GET":
            return address, pairs_of(params), None
        return address, [], {name: _plain(value) for name, value in params.items()}


def _merged(asked: _Params, remote: _Params) -> dict[str, Any]:
    """Add the vendor's own parameters: to a list what they name, elsewhere in the place of what was asked."""
    found = dict(asked)
    for name, value in remote.items():
        before = found.get(name.removesuffix("[]"))
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[name] = _merged(before, value)
        elif isinstance(before, list):
            also = value if isinstance(value, list) else [value]
            found[name.removesuffix("[]")] = list(dict.fromkeys([*before, *also]))
        else:
            found[name] = value
    return found


def _plain(value: Any) -> Any:
    """Give a number of a JSON body as a number: through a query it came as a text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


@dataclass(frozen=True, slots=True)
class Access:
    """Describe one way into a vendor: the keys it takes, and what they open.

    `facts` are further fields of the account's description that the way needs, by name, with what each is. `host`
    makes the vendor's host of them. `refusals` are statuses by which the vendor also says that a key is of the wrong
    kind, with what it means; `wrong_keys` are words of an answer that say so at any status. `products` are (id, name,
    description). `window` is how a period becomes questions, where that differs from the integration's behind the
    service. `names_endpoints` says that `plan` minds the question's `endpoint`.
    """

    keys: tuple[KeyField, ...]
    host: Callable[[Mapping[str, str]], str]
    headers: Callable[[Mapping[str, str]], Mapping[str, str]]
    plan: Callable[[DirectQuestion], tuple[Endpoint, ...]]
    products: Callable[[Mapping[str, str]], tuple[tuple[str, str, str], ...]]
    facts: Mapping[str, str] = field(default_factory=dict)
    fact_choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fact_variables: Mapping[str, str] = field(default_factory=dict)
    fact_defaults: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[int, str] = field(default_factory=dict)
    wrong_keys: tuple[tuple[str, str], ...] = ()
    members: Endpoint | None = None
    label: str = ""
    window: Window | None = None
    names_endpoints: bool = False


@dataclass(frozen=True, slots=True)
class DirectVendor:
    """Name a vendor, as an integration and for people, with its ways in.

    `hears` are parameters that act here and not at the service, where the integration gives one view alone. Records do
    not say by which of them they came: what they are shows in their shape, so one that two views bring is one record.
    """

    name: str
    label: str
    accesses: tuple[Access, ...]
    hears: frozenset[str] = frozenset()


class VendorTables(Protocol):
    """What every module in `direct/vendors` offers."""

    @property
    def VENDOR(self) -> DirectVendor:
        """Its tables."""


@dataclass(frozen=True, slots=True)
class WalkPlace:
    """Say where a page is: which endpoint of the plan, which of its pages, of what size.

    `began` is when the walk began: what is asked by default, such as "up to now", stays what it was. `refused` counts
    the endpoints before it that were.
    """

    began: datetime
    endpoint: int = 0
    bookmark: str | None = None
    size: int | None = None
    refused: int = 0

    def cursor(self, question: DirectQuestion) -> str:
        """Write the cursor that leads here; it is bound to its question, and holds no key.

        >>> question = DirectQuestion(datetime(2026, 10, 1), integrated_account_id="cursor")
        >>> place = WalkPlace.of(WalkPlace(question.now, 0, "2", 100).cursor(question), question)
        >>> place.bookmark, place.size
        ('2', 100)
        """
        at = [self.endpoint, self.bookmark, self.size, self.refused, self.began.isoformat(), _mark(question)]
        told = json.dumps(at)
        return urlsafe_b64encode(told.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, cursor: str, question: DirectQuestion) -> WalkPlace:
        """Read a cursor; `InvalidRequestError` for one that is none, `CursorExpiredError` for another query's."""
        try:
            told = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            endpoint, bookmark, size, refused, began, mark = told
            place = cls(
                began=datetime.fromisoformat(began),
                endpoint=int(endpoint),
                bookmark=None if bookmark is None else str(bookmark),
                size=None if size is None else int(size),
                refused=int(refused),
            )
        except (ValueError, TypeError, RecursionError):
            raise InvalidRequestError(
                f"cursor={shown(cursor, 60)} is none that this client gave; leave it out to begin anew", status=422
            ) from None
        if mark != _mark(question):
            raise CursorExpiredError(
                "the cursor belongs to another query: send it with the parameters that it came with, or leave it out",
                status=410,
            )
        return place


def _mark(question: DirectQuestion) -> str:
    """Give what tells a question from others: all that changes which rows there are, and in which order."""
    asked = (
        question.integrated_account_id, question.report_type, question.start_date, question.end_date, question.date,
        question.product_ids, question.user_ids, question.model_ids, question.surfaces, question.group_by,
        question.granularity, question.sort_by, question.sort_order, question.include_deleted_users, question.user_id,
        question.api_key_id, question.endpoint, json.dumps(question.remote_query, sort_keys=True),
    )  # fmt: skip
    return blake2b(repr(asked).encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def not_served(vendor: str, question: DirectQuestion, served: Iterable[str], more: str = "") -> InvalidRequestError:
    """Make the refusal of a report type that a vendor has no endpoint for."""
    return InvalidRequestError(
        f"account {question.integrated_account_id!r}: {vendor} serves no {question.report_type!r}; report_type may be "
        f"{', '.join(served)}, or be left out" + (f"; {more}" if more else ""),
        status=422,
        is_remote=True,
    )
