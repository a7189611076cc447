"""The client of the direct door: the face of every other, with the vendors themselves behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from truto_usage_nb.client import Client
from truto_usage_nb.client.blocking import veiled, wait
from truto_usage_nb.direct.gateway import GATEWAY_URL, MEMBERS_PATH, Gateway, noting
from truto_usage_nb.direct.spec import DirectAccount, read_spec
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.transport import MAX_BODY_BYTES

if TYPE_CHECKING:
    import httpx
    import polars as pl

    from truto_usage_nb.client.options import Backend, CallOptions, What
    from truto_usage_nb.integrations import Integration
    from truto_usage_nb.result import UsageResult

__all__ = ["DirectClient", "make_direct"]


class DirectClient(Client):
    """A `Client` that asks the vendors' own APIs with the keys of `direct`'s description.

    `labels` names its accounts, `code` is the line that makes such a client anew; no key is in it. A copy, or what a
    pickle gives back, has no keys, and says so when it is to ask.
    """

    def __init__(
        self,
        accounts: tuple[DirectAccount, ...],
        *,
        code: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        **options: Any,
    ) -> None:
        from truto_usage_nb.jobs import Integrations

        def now() -> datetime:
            return datetime.now(UTC) if clock is None else clock().astimezone(UTC)

        self.labels = tuple(account.label for account in accounts)
        self.code = code or f"tu.direct({_described(accounts)!r})"
        gateway = Gateway(accounts, now, transport=transport, max_body_bytes=max_body_bytes)
        super().__init__(
            "direct",  # the gateway is this process: it asks for no token
            base_url=GATEWAY_URL,
            transport=gateway,
            clock=clock,
            max_body_bytes=max_body_bytes,
            **options,
        )
        self._looked_up = Integrations(self._transport, known={each.label: _behind(each) for each in accounts})

    async def afetch_usage(
        self, what: What = None, *, backend: Backend = "polars", **options: Unpack[CallOptions]
    ) -> UsageResult:
        """Await `fetch_usage`. An endpoint that was refused beside others that answered is among the gaps."""
        with noting() as missing:
            result = await super().afetch_usage(what, backend=backend, **options)
        return replace(result, gaps=(*result.gaps, *missing), told=(*result.told, *missing)) if missing else result

    async def alist_members(self, account: str) -> pl.DataFrame:
        """Await `list_members`."""
        import polars as pl

        with veiled():
            reply = await self._transport.get(MEMBERS_PATH, [("integrated_account_id", account)], account=account)
        name = self._integrations.known[account].name
        rows = [{**row, "integration": name} for row in reply.json()["result"]]
        schema = dict.fromkeys(("integration", "email", "id", "name", "role"), pl.String())
        return pl.DataFrame(rows, schema={**schema, "is_removed": pl.Boolean()})

    def list_members(self, account: str) -> pl.DataFrame:
        """List who is in an account's team: `integration`, `email`, `id`, `name`, `role`, `is_removed`.

        Cursor alone has such a list; it is what `tu.seats` takes for a roster.
        """
        return wait(self.alist_members(account))

    def __repr__(self) -> str:
        return f"direct({', '.join(map(repr, vars(self).get('labels', ())))})"


def _behind(account: DirectAccount) -> Integration:
    """Give what stands behind an account: the integration, which hears more here than behind the service."""
    behind = INTEGRATIONS[account.vendor.name]
    return replace(behind, hears=account.vendor.hears, window=account.access.window or behind.window)


def _described(accounts: tuple[DirectAccount, ...]) -> dict[str, dict[str, str]]:
    """Write accounts as they can be kept: a key that a function gave is to come from the variable that is customary."""
    return {
        each.label: {
            "integration": each.vendor.name,
            **{name: key.reference or f"env:{key.key.variable}" for name, key in each.keys.items()},
            **{name: value for name, value in each.facts.items() if value != each.access.fact_defaults.get(name)},
            **({} if each.base_url == f"https://{each.access.host(each.facts)}" else {"base_url": each.base_url}),
        }
        for each in accounts
    }


def make_direct(spec: Any = None, **options: Any) -> DirectClient:
    """Make the client of a description; see `truto_usage_nb.direct`."""
    accounts = read_spec(spec)
    code = "tu.direct()" if spec is None else f"tu.direct({str(spec)!r})" if isinstance(spec, str | Path) else None
    return DirectClient(accounts, code=code, **options)
