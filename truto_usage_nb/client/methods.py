"""The client people hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from truto_usage_nb.checks import a_flag, a_path, a_text, a_whole_number, one_of
from truto_usage_nb.client.door import veiled, wait
from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.paging import MAX_PAGES
from truto_usage_nb.secret import Secret
from truto_usage_nb.transport import MAX_BODY_BYTES, Transport, copied

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import pandas as pd
    import polars as pl

    from truto_usage_nb.client.options import (
        Backend,
        IntegrationSaid,
        OnError,
        Options,
        Overhang,
        PeriodSaid,
        ProgressSaid,
        What,
    )
    from truto_usage_nb.jobs import Integrations
    from truto_usage_nb.loader import Loader
    from truto_usage_nb.result import UsageResult

__all__ = ["Client"]

_BASE_URL = "https://api.truto.one"


class Client:
    """Ask the service.

    `token` comes from `TRUTO_API_TOKEN` and `base_url` from `TRUTO_BASE_URL` when not given. `timeout` is in seconds
    (or an `httpx.Timeout`), `retries` counts further tries of a request, `concurrency` the requests under way at once,
    `records_per_page` the page size asked for, `max_body_bytes` the most that one answer may have, unpacked,
    `max_pages` how many pages one query may have (100,000: what never ends would fill the memory).
    `transport` is httpx's own seam, `clock` gives the time (aware, UTC).
    Every method has an awaitable twin with the prefix `a`. Use it as a context manager, or call `close()`. A copy, or
    what a pickle gives back, has no token, and says so when it is to ask.

    Raises `InputError` when there is no token; `tu.sandbox()` is a client that needs none.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout = 60.0,
        retries: int = 5,
        concurrency: int = 8,
        records_per_page: int | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_pages: int = MAX_PAGES,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        held, token = _held(token), None  # from here on no frame holds it bare
        if records_per_page is not None:
            a_whole_number("records_per_page", records_per_page)
        self._clock = clock
        self._records_per_page = records_per_page
        try:
            self._transport = Transport(
                token=held,
                base_url=base_url or os.environ.get("TRUTO_BASE_URL") or _BASE_URL,
                timeout=timeout,
                retries=retries,
                concurrency=concurrency,
                max_body_bytes=max_body_bytes,
                max_pages=max_pages,
                transport=transport,
            )
        except InputError:
            base_url = None  # in which a token may stand
            raise
        self._kept: Loader | None = None
        self._looked_up: Integrations | None = None

    @property
    def _loader(self) -> Loader:
        if self._kept is None:
            from truto_usage_nb.loader import Loader

            self._kept = Loader(self._transport, self.now, self._integrations, self._records_per_page)
        return self._kept

    @property
    def base_url(self) -> str:
        """Where the service lives."""
        return self._transport.base_url

    @property
    def _integrations(self) -> Integrations:
        if self._looked_up is None:
            from truto_usage_nb.jobs import Integrations

            self._looked_up = Integrations(self._transport)
        return self._looked_up

    def now(self) -> datetime:
        """Give the client's time, UTC."""
        return datetime.now(UTC) if self._clock is None else self._clock().astimezone(UTC)

    async def afetch_usage(
        self, what: What = None, *, backend: Backend = "polars", **options: Unpack[Options]
    ) -> UsageResult:
        """Await `fetch_usage`."""
        one_of("backend", backend, ("polars", "pandas"))
        _check(options)
        with veiled():
            return await self._loader.fetch(what, backend=backend, **options)

    @overload
    async def aload_usage(
        self, what: What = None, *, backend: Literal["polars"] = "polars", **options: Unpack[Options]
    ) -> pl.DataFrame: ...

    @overload
    async def aload_usage(
        self, what: What = None, *, backend: Literal["pandas"], **options: Unpack[Options]
    ) -> pd.DataFrame: ...

    @overload
    async def aload_usage(self, what: What = None, *, backend: Backend, **options: Unpack[Options]) -> Any: ...

    async def aload_usage(self, what: What = None, *, backend: Backend = "polars", **options: Unpack[Options]) -> Any:
        """Await `load_usage`."""
        return (await self.afetch_usage(what, backend=backend, **options)).frame

    async def ascan_usage(self, what: What, directory: str | Path, **options: Unpack[Options]) -> pl.LazyFrame:
        """Await `scan_usage`."""
        from truto_usage_nb.dataset import Scanner

        _check(options)
        a_path("directory", directory)
        scanner = Scanner(self._transport, self.now, self._integrations, self._records_per_page)
        with veiled():
            return await scanner.scan(what, directory, **options)

    async def alist_accounts(self) -> pl.DataFrame:
        """Await `list_accounts`."""
        from truto_usage_nb.jobs import accounts

        with veiled():
            return await accounts(self._transport)

    async def alist_products(self, account: str) -> pl.DataFrame:
        """Await `list_products`."""
        from truto_usage_nb.jobs import products

        a_text("account", account, "an account's id")
        with veiled():
            return await products(self._transport, account)

    def fetch_usage(
        self,
        what: What = None,
        *,
        period: PeriodSaid = None,
        backend: Backend = "polars",
        integration: IntegrationSaid = None,
        on_error: OnError = "raise",
        overhang: Overhang = None,
        users: bool = False,
        progress: ProgressSaid = None,
        **params: Any,
    ) -> UsageResult:
        """Load usage with its provenance; see `truto_usage_nb.fetch_usage`."""
        return wait(
            self.afetch_usage(
                what,
                period=period,
                backend=backend,
                integration=integration,
                on_error=on_error,
                overhang=overhang,
                users=users,
                progress=progress,
                **params,
            )
        )

    @overload
    def load_usage(
        self, what: What = None, *, backend: Literal["polars"] = "polars", **options: Unpack[Options]
    ) -> pl.DataFrame: ...

    @overload
    def load_usage(
        self, what: What = None, *, backend: Literal["pandas"], **options: Unpack[Options]
    ) -> pd.DataFrame: ...

    @overload
    def load_usage(self, what: What = None, *, backend: Backend, **options: Unpack[Options]) -> Any: ...

    def load_usage(
        self,
        what: What = None,
        *,
        period: PeriodSaid = None,
        backend: Backend = "polars",
        integration: IntegrationSaid = None,
        on_error: OnError = "raise",
        overhang: Overhang = None,
        users: bool = False,
        progress: ProgressSaid = None,
        **params: Any,
    ) -> Any:
        """Load usage as a frame; see `truto_usage_nb.load_usage`."""
        return wait(
            self.afetch_usage(
                what,
                period=period,
                backend=backend,
                integration=integration,
                on_error=on_error,
                overhang=overhang,
                users=users,
                progress=progress,
                **params,
            )
        ).frame

    def scan_usage(
        self,
        what: What,
        directory: str | Path,
        *,
        period: PeriodSaid = None,
        integration: IntegrationSaid = None,
        on_error: OnError = "raise",
        overhang: Overhang = None,
        users: bool = False,
        progress: ProgressSaid = None,
        **params: Any,
    ) -> pl.LazyFrame:
        """Keep usage in a directory as Parquet, and look at it lazily; see `truto_usage_nb.scan_usage`."""
        return wait(
            self.ascan_usage(
                what,
                directory,
                period=period,
                integration=integration,
                on_error=on_error,
                overhang=overhang,
                users=users,
                progress=progress,
                **params,
            )
        )

    def list_accounts(self) -> pl.DataFrame:
        """List the connected accounts: `id`, `name`, `integration`, `tenant_id`, `status`, `is_sandbox`, `created_at`.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().list_accounts().filter(integration="cursor")["id"].to_list()[0]
        'cursor'
        """
        return wait(self.alist_accounts())

    def list_products(self, account: str) -> pl.DataFrame:
        """List an account's products: `id`, `name`, `integration`, `description`, `integrated_account_id`.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().list_products("cursor").columns
        ['id', 'name', 'integration', 'description', 'integrated_account_id']
        """
        return wait(self.alist_products(account))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    def close(self) -> None:
        """Close every connection."""
        wait(self.aclose())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        transport = vars(self).get("_transport")
        if transport is None:  # a repr is also asked of a client that was refused half made
            return f"{type(self).__name__}()"
        lost = ", token=None" if transport.has_lost_its_token else ""
        return f"{type(self).__name__}(base_url={transport.base_url!r}{lost})"

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: value for name, value in vars(self).items() if name not in _OF_THIS_PROCESS}
        return _copied, (type(self), self.base_url, kept)


def _check(options: Mapping[str, Any]) -> None:
    """Refuse what would be taken for a yes because it is not empty."""
    a_flag("users", options.get("users", False))
    progress = options.get("progress")
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise InputError(f"progress={shown(progress)} is not allowed; give True, False, or a function of a Progress")


def _held(token: str | None) -> Secret:
    said = token if token is not None else os.environ.get("TRUTO_API_TOKEN")
    if said is not None and not isinstance(said, str):
        raise InputError(f"the token is of type {type(said).__name__}; pass the text that the service gave you")
    if not said:
        raise InputError(
            "there is no token: set TRUTO_API_TOKEN, or pass Client(token=...); "
            "without an account, client=tu.sandbox() is the whole service embedded"
        )
    return Secret(said.strip())


_OF_THIS_PROCESS = ("_transport", "_clock", "_kept", "_looked_up")


def _copied(kind: type[Client], base_url: str, kept: dict[str, Any]) -> Client:
    """Make what a copy of a client comes to: it knows where it would ask, and that it has no token."""
    made = kind.__new__(kind)
    made.__dict__ |= {**kept, **dict.fromkeys(_OF_THIS_PROCESS), "_transport": copied(base_url)}
    return made
