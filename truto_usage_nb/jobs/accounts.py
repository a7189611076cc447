"""Which accounts there are, which integration stands behind one, and which products it has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import polars as pl

from truto_usage_nb.envelope import check_json, read_cursor
from truto_usage_nb.errors import (
    CursorLoopError,
    ForbiddenError,
    IntegrationUnknownError,
    NotFoundError,
    ProtocolError,
    QueryError,
    UsageError,
    did_you_mean,
)
from truto_usage_nb.integrations import INTEGRATIONS, Integration, integration_named
from truto_usage_nb.outside import cut, shown
from truto_usage_nb.secret import masked
from truto_usage_nb.transport import Transport

__all__ = [
    "Integrations",
    "LookUp",
    "list_accounts",
    "list_products",
    "parted",
]

_ACCOUNTS = "/integrated-account"
_PRODUCTS = "/unified/usage-metering/products"


async def list_accounts(transport: Transport) -> pl.DataFrame:
    """Give every connected account, a row each.

    Columns: `id`, `name`, `integration`, `label`, `tenant_id`, `status`, `is_sandbox`, `created_at`.
    `integration` is our word for it (`claude`, ...), null for what this endpoint does not cover.
    """
    rows = [_account(row) for row in await _listing(transport, _ACCOUNTS, [])]
    schema = {
        "id": pl.String, "name": pl.String, "integration": pl.String, "label": pl.String, "tenant_id": pl.String,
        "status": pl.String, "is_sandbox": pl.Boolean, "created_at": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, strict=False, orient="row")


def _account(row: Mapping[str, Any]) -> tuple[Any, ...]:
    behind = _object(row.get("integration"))
    known = _recognised(behind)
    name = row.get("name") or row.get("tenant_id") or row.get("id")
    is_sandbox = row.get("is_sandbox")
    return (
        _text(row.get("id")), _text(name), known.name if known else None, _text(behind.get("name")),
        _text(row.get("tenant_id")), _text(row.get("status")), is_sandbox if isinstance(is_sandbox, bool) else None,
        _text(row.get("created_at")),
    )  # fmt: skip


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    """Give a field of a listing as text; half of a surrogate pair, which is none, as `?`."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        value = json.dumps(masked(value))  # which ends, however deep it is
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace").decode()


async def list_products(transport: Transport, account: str) -> pl.DataFrame:
    """Give an account's products: `id`, `name`, `integration`, `description`, `integrated_account_id`."""
    rows = await _listing(transport, _PRODUCTS, [("integrated_account_id", account)], account=account)
    try:
        integration = (await look_up_integration(transport, account)).name
    except IntegrationUnknownError:
        integration = None
    data = [(_text(row.get("id")), _text(row.get("name")), integration, _text(row.get("description")), account)
            for row in rows]  # fmt: skip
    schema = dict.fromkeys(("id", "name", "integration", "description", "integrated_account_id"), pl.String)
    return pl.DataFrame(data, schema=schema, strict=False, orient="row")


async def look_up_integration(transport: Transport, account: str | None) -> Integration:
    """Look up the integration behind an account.

    Raises `IntegrationUnknownError` where the token may not look it up or the integration is not one of the five.
    """
    if account is None:
        raise IntegrationUnknownError(
            f"the query names no account, so its integration cannot be looked up; {_remedy(None)}"
        )
    if account in (".", "..") or not account.strip():
        raise QueryError(
            f"integrated_account_id={shown(account)} is no account's id: as an address it leads elsewhere; "
            "`list_accounts()` shows those of this token"
        )
    try:
        reply = await transport.get(f"{_ACCOUNTS}/{_quoted(account)}", [], account=account)
    except ForbiddenError as problem:
        raise IntegrationUnknownError(
            f"the token may not look up account {shown(account)} ({problem.message}); {_remedy(account)}", status=403
        ) from None
    except NotFoundError as problem:
        raise NotFoundError(
            f"there is no account {shown(account)} ({problem.message}); `list_accounts()` shows those of this token",
            status=404,
        ) from None
    body = _json(reply.content, _ACCOUNTS)
    behind = _object(body.get("integration") or _object(body.get("result")).get("integration"))
    known = _recognised(behind)
    if known is None:
        name = cut(repr(masked(behind.get("name"))), 100)
        said = f"account {shown(account)} belongs to {name}"
        raise IntegrationUnknownError(f"{said}, which this endpoint is not documented to cover; {_remedy(account)}")
    return known


LookUp = asyncio.Future[Integration | UsageError | None]


@dataclass(slots=True)
class Integrations:
    """Hold which integration stands behind each account, looked up once."""

    transport: Transport
    known: dict[str | None, Integration] = field(default_factory=dict)

    async def behind(
        self, names: Iterable[str | None], given: Any, *, needed: bool
    ) -> tuple[dict[str | None, Integration | None], dict[str | None, UsageError]]:
        """Look accounts up side by side, unless `given` says what they are; also gives the errors of those that fail.

        One that the token may not look up is None, or, if it is `needed`, an error.
        """
        looking = self.looking(names, given, needed=needed)
        try:
            await asyncio.gather(*looking.values())
        finally:
            for one in looking.values():
                one.cancel()
        return parted(looking)

    def looking(self, names: Iterable[str | None], given: Any, *, needed: bool) -> dict[str | None, LookUp]:
        """Begin to look accounts up, side by side; whoever waits for one gets what `behind` says of it, or its error.

        The caller cancels what it no longer waits for.
        """
        names = list(dict.fromkeys(names))
        _refuse_strangers(given, names)
        said = {name: integration_given(given, name) for name in names}
        return {name: asyncio.ensure_future(self._one(name, said[name], needed)) for name in names}

    async def _one(
        self, account: str | None, said: Integration | None, needed: bool
    ) -> Integration | UsageError | None:
        if said is not None:
            return said
        try:
            return await self._looked_up(account, needed)
        except UsageError as error:
            return error

    async def _looked_up(self, account: str | None, needed: bool) -> Integration | None:
        if account not in self.known:
            try:
                self.known[account] = await look_up_integration(self.transport, account)
            except IntegrationUnknownError:
                if needed:
                    raise
                return None
        return self.known[account]


def parted(
    looking: Mapping[str | None, LookUp],
) -> tuple[dict[str | None, Integration | None], dict[str | None, UsageError]]:
    """Part look-ups that are done into what was found and what failed."""
    each = {name: one.result() for name, one in looking.items()}
    failed = {name: one for name, one in each.items() if isinstance(one, UsageError)}
    return {name: one for name, one in each.items() if not isinstance(one, UsageError)}, failed


def _refuse_strangers(given: Any, names: list[str | None]) -> None:
    """Refuse an account that is not asked: a misspelt one would silently decide nothing."""
    for account in given if isinstance(given, Mapping) else ():
        if account not in names:
            known = [str(name) for name in names if name is not None]
            raise IntegrationUnknownError(
                f"integration= names {shown(account)}, which is no account of this load.{did_you_mean(account, known)} "
                f"Its accounts: {', '.join(known) or 'none that has a name'}"
            )


def integration_given(integration: Any, account: str | None) -> Integration | None:
    """Read the caller's `integration=`: one name for all accounts, or a mapping of account ids to names."""
    name = integration.get(account) if isinstance(integration, Mapping) else integration
    if name is None:
        return None
    known = integration_named(name) if isinstance(name, str) else None
    if known is None:
        near = did_you_mean(name, INTEGRATIONS)
        raise IntegrationUnknownError(f"integration={shown(name)} is not known.{near} Known: {', '.join(INTEGRATIONS)}")
    return known


def _recognised(behind: Mapping[str, Any]) -> Integration | None:
    for key in ("name", "id", "label"):
        if behind.get(key) and (known := integration_named(str(behind[key]))) is not None:
            return known
    return None


def _remedy(account: str | None) -> str:
    example = "integration='claude'" if account is None else f"integration={{{account!r}: 'claude'}}"
    return f"say it yourself: {example} (one of {', '.join(INTEGRATIONS)})"


async def _listing(
    transport: Transport, path: str, params: list[tuple[str, str]], *, account: str | None = None
) -> list[Any]:
    rows: list[Any] = []
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        asked = params if cursor is None else [*params, ("next_cursor", cursor)]
        body = _json((await transport.get(path, asked, account=account)).content, path)
        if not isinstance(body.get("result"), list):
            raise ProtocolError(
                f"{path} answered without a list under 'result'; it holds {cut(', '.join(map(repr, body)), 300)}"
            )
        for number, row in enumerate(body["result"], len(rows) + 1):
            if not isinstance(row, dict):
                raise ProtocolError(f"row {number} of {path} is {cut(repr(masked(row)), 100)}, not an object")
        rows += body["result"]
        try:
            cursor = read_cursor(body.get("next_cursor"))
        except ValueError as problem:
            raise ProtocolError(f"{path} answered with a cursor of no use: {problem}") from None
        if cursor is None:
            return rows
        if cursor in seen:
            raise CursorLoopError(f"{path} handed out the cursor {cut(repr(cursor))} twice after {len(rows)} rows")
        seen.add(cursor)


def _quoted(account: str) -> str:
    try:
        return quote(account, safe="")
    except UnicodeEncodeError:
        raise QueryError(
            f"integrated_account_id={shown(account)} is no account's id: half of a surrogate pair is no text"
        ) from None


def _json(content: bytes, path: str) -> dict[str, Any]:
    body = check_json(content)
    if not isinstance(body, dict):
        raise ProtocolError(f"{path} answered with a {type(body).__name__} instead of an object")
    return body
