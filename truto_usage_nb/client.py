"""How to ask: the client people hold, and the same calls as plain functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from truto_usage_nb.bridge import run
from truto_usage_nb.errors import InputError
from truto_usage_nb.transport import Transport

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import polars as pl

    from truto_usage_nb.jobs import Integrations
    from truto_usage_nb.loader import Loader
    from truto_usage_nb.result import UsageResult

__all__ = [
    "Client",
    "afetch_usage",
    "aload_usage",
    "ascan_usage",
    "fetch_usage",
    "load_usage",
    "scan_usage",
]

_BASE_URL = "https://api.truto.one"
T = TypeVar("T")


class Client:
    """Ask the service.

    `token` comes from `TRUTO_API_TOKEN` and `base_url` from `TRUTO_BASE_URL` when not given. `timeout` is in seconds
    (or an `httpx.Timeout`), `retries` counts further tries of a request, `concurrency` the requests under way at once,
    `records_per_page` the page size asked for. `transport` is httpx's own seam, `clock` gives the time (aware, UTC).
    Every method has an awaitable twin with the prefix `a`. Use it as a context manager, or call `close()`.

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
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        if records_per_page is not None and (isinstance(records_per_page, bool) or records_per_page < 1):
            raise InputError(f"records_per_page={records_per_page!r} is not allowed; give a whole number, 1 or more")
        token = token if token is not None else os.environ.get("TRUTO_API_TOKEN")
        if not token:
            raise InputError(
                "there is no token: set TRUTO_API_TOKEN, or pass Client(token=...); "
                "without an account, client=tu.sandbox() is the whole service embedded"
            )
        self._clock = clock
        self._records_per_page = records_per_page
        self._transport = Transport(
            token=token,
            base_url=base_url or os.environ.get("TRUTO_BASE_URL") or _BASE_URL,
            timeout=timeout,
            retries=retries,
            concurrency=concurrency,
            transport=transport,
        )
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

    async def afetch_usage(self, what: Any = None, **options: Any) -> UsageResult:
        """Await `fetch_usage`."""
        return await self._loader.fetch(what, **options)

    async def aload_usage(self, what: Any = None, **options: Any) -> Any:
        """Await `load_usage`."""
        return (await self.afetch_usage(what, **options)).frame

    async def ascan_usage(self, what: Any, directory: str | Path, **options: Any) -> pl.LazyFrame:
        """Await `scan_usage`."""
        from truto_usage_nb.dataset import Scanner

        scanner = Scanner(self._transport, self.now, self._integrations, self._records_per_page)
        return await scanner.scan(what, directory, **options)

    async def alist_accounts(self) -> pl.DataFrame:
        """Await `list_accounts`."""
        from truto_usage_nb.jobs import accounts

        return await accounts(self._transport)

    async def alist_products(self, account: str) -> pl.DataFrame:
        """Await `list_products`."""
        from truto_usage_nb.jobs import products

        return await products(self._transport, account)

    def fetch_usage(self, what: Any = None, **options: Any) -> UsageResult:
        """Load usage with its provenance; see `truto_usage_nb.fetch_usage`."""
        return _wait(self.afetch_usage(what, **options))

    def load_usage(self, what: Any = None, **options: Any) -> Any:
        """Load usage as a frame; see `truto_usage_nb.load_usage`."""
        return _wait(self.aload_usage(what, **options))

    def scan_usage(self, what: Any, directory: str | Path, **options: Any) -> pl.LazyFrame:
        """Keep usage in a directory as Parquet, and look at it lazily; see `truto_usage_nb.scan_usage`."""
        return _wait(self.ascan_usage(what, directory, **options))

    def list_accounts(self) -> pl.DataFrame:
        """List the connected accounts: `id`, `name`, `integration`, `tenant_id`, `status`, `is_sandbox`, `created_at`.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().list_accounts().filter(integration="cursor")["id"].to_list()[0]
        'cursor'
        """
        return _wait(self.alist_accounts())

    def list_products(self, account: str) -> pl.DataFrame:
        """List an account's products: `id`, `name`, `integration`, `description`, `integrated_account_id`.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().list_products("cursor").columns
        ['id', 'name', 'integration', 'description', 'integrated_account_id']
        """
        return _wait(self.alist_products(account))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    def close(self) -> None:
        """Close every connection."""
        _wait(self.aclose())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._transport.base_url!r})"


def _wait(work: Coroutine[Any, Any, T]) -> T:
    return run(work)


async def afetch_usage(what: Any = None, *, client: Client | None = None, **options: Any) -> UsageResult:
    """Await `fetch_usage`."""
    if client is not None:
        return await client.afetch_usage(what, **options)
    async with Client() as own:
        return await own.afetch_usage(what, **options)


async def aload_usage(what: Any = None, *, client: Client | None = None, **options: Any) -> Any:
    """Await `load_usage`: the same, for an event loop of one's own.

    >>> import asyncio, truto_usage_nb as tu
    >>> asyncio.run(tu.aload_usage("datadog", period="2026-09", client=tu.sandbox())).height > 0
    True
    """
    return (await afetch_usage(what, client=client, **options)).frame


def fetch_usage(what: Any = None, *, client: Client | None = None, **options: Any) -> UsageResult:
    """Load usage with its provenance: a `UsageResult` instead of a bare frame. Arguments are those of `load_usage`.

    >>> import truto_usage_nb as tu
    >>> result = tu.fetch_usage("confluent", period="2026-09-14", client=tu.sandbox())
    >>> result.queries[0].start_date, result.queries[0].end_date, result.pages
    ('2026-09-14', '2026-09-15', 1)
    """
    return _wait(afetch_usage(what, client=client, **options))


def load_usage(what: Any = None, *, client: Client | None = None, **options: Any) -> Any:
    """Load usage as a frame, a row a record, nested fields expanded into columns.

    `what` is an account id, a `UsageQuery`, several of either, or a mapping of labels to either; they load side
    by side. Without a `client`, one is made from `TRUTO_API_TOKEN`. Options:

    - `period`: "2026", "2026-10", "2026-10-05" or a pair of dates (end excluded, UTC), planned for each integration;
      or `start_date=`, `end_date=`, `date=`, which go over verbatim. With a period and neither `report_type` nor
      `group_by`, Claude is asked for its usage and its cost by product, surface and model; `users=True` asks by user.
    - `backend`: "polars" or "pandas" (Arrow-backed dtypes).
    - `integration`: one name, or a mapping of account ids to names, where the token may not look it up.
    - `on_error`: "raise", or "warn" to get what did load with the gaps stated.
    - `overhang`: "prorate", "include" or "drop" for records that stick out of the period.
    - `progress`: True, False, a callable, or None for a bar where a person looks on.
    - any parameter of `UsageQuery`, which replaces that field; `report_type` may be a list; `limit` caps the records of
      each query.

    Raises `QueryError`, `PeriodError`, `ServiceError` and its kin, `ConnectionFailedError`, `ProtocolError`,
    `UnreadableValueError`, and `PartialLoadError` when some of several accounts failed. Warns with `UsageWarning`.

    >>> import truto_usage_nb as tu
    >>> usage = tu.load_usage("cursor", period="2026-09-14", client=tu.sandbox())
    >>> usage["integration"].unique().to_list()
    ['cursor']
    """
    return _wait(aload_usage(what, client=client, **options))


async def ascan_usage(
    what: Any, directory: str | Path, *, client: Client | None = None, **options: Any
) -> pl.LazyFrame:
    """Await `scan_usage`."""
    if client is not None:
        return await client.ascan_usage(what, directory, **options)
    async with Client() as own:
        return await own.ascan_usage(what, directory, **options)


def scan_usage(what: Any, directory: str | Path, *, client: Client | None = None, **options: Any) -> pl.LazyFrame:
    """Keep usage in a directory as plain Parquet, however much it is, and look at it as a lazy frame.

    Pages stream to disk in bounded memory, each committed together with its cursor: killed at any moment, the same
    call goes on from the last page. A later call, for a longer period too, asks only for what is missing and for what
    was not final when it was fetched. One process at a time works in a directory.

    `what` and the options are those of `load_usage`, with a `period` (required) and without `backend`, `limit`,
    `cursor` and `page`. The frame holds the records of this call's queries in their period, with `overhangs_period`
    as `load_usage` marks it, and each record once. On disk stand whole windows, of all calls, in
    `directory/records/account=…/month=…`, all files of one schema, for DuckDB, Spark, Dask or `read_usage(directory)`.

    Raises what `load_usage` raises, and `DatasetError` for a directory that is damaged, at work, or something else's.

    >>> import tempfile, truto_usage_nb as tu
    >>> directory = tempfile.mkdtemp()
    >>> usage = tu.scan_usage("cursor", directory, period="2026-09-14", client=tu.sandbox())
    >>> tu.cost_per_model(usage).collect()["currency"].unique().to_list()
    ['USD']
    """
    return _wait(ascan_usage(what, directory, client=client, **options))
