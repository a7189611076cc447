"""How to ask: the client people hold, and the same calls as plain functions.

Every call is awaitable; the blocking one of the same name without the `a` in front is that, waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from truto_usage_nb.checks import a_flag, a_path, a_text, a_whole_number, one_of
from truto_usage_nb.client.blocking import veiled, wait
from truto_usage_nb.client.options import with_named_options
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

    from truto_usage_nb.client.options import Backend, CallOptions, What
    from truto_usage_nb.jobs import Integrations
    from truto_usage_nb.loader import Loader
    from truto_usage_nb.result import UsageResult

__all__ = ["Client", "afetch_usage", "aload_usage", "ascan_usage", "fetch_usage", "load_usage", "scan_usage"]

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

    @with_named_options
    async def afetch_usage(
        self, what: What = None, *, backend: Backend = "polars", **options: Unpack[CallOptions]
    ) -> UsageResult:
        """Await `fetch_usage`."""
        one_of("backend", backend, ("polars", "pandas"))
        _check(options)
        with veiled():
            return await self._loader.fetch(what, backend=backend, **options)

    @overload
    async def aload_usage(
        self, what: What = None, *, backend: Literal["polars"] = "polars", **options: Unpack[CallOptions]
    ) -> pl.DataFrame: ...

    @overload
    async def aload_usage(
        self, what: What = None, *, backend: Literal["pandas"], **options: Unpack[CallOptions]
    ) -> pd.DataFrame: ...

    @overload
    async def aload_usage(self, what: What = None, *, backend: Backend, **options: Unpack[CallOptions]) -> Any: ...

    @with_named_options
    async def aload_usage(
        self, what: What = None, *, backend: Backend = "polars", **options: Unpack[CallOptions]
    ) -> Any:
        """Await `load_usage`."""
        return (await self.afetch_usage(what, backend=backend, **options)).frame

    @with_named_options
    async def ascan_usage(self, what: What, directory: str | Path, **options: Unpack[CallOptions]) -> pl.LazyFrame:
        """Await `scan_usage`."""
        from truto_usage_nb.dataset import Scanner

        _check(options)
        a_path("directory", directory)
        scanner = Scanner(self._transport, self.now, self._integrations, self._records_per_page)
        with veiled():
            return await scanner.scan(what, directory, **options)

    async def alist_accounts(self) -> pl.DataFrame:
        """Await `list_accounts`."""
        from truto_usage_nb.jobs import list_accounts

        with veiled():
            return await list_accounts(self._transport)

    async def alist_products(self, account: str) -> pl.DataFrame:
        """Await `list_products`."""
        from truto_usage_nb.jobs import list_products

        a_text("account", account, "an account's id")
        with veiled():
            return await list_products(self._transport, account)

    @with_named_options
    def fetch_usage(
        self, what: What = None, *, backend: Backend = "polars", **options: Unpack[CallOptions]
    ) -> UsageResult:
        """Load usage with its provenance; see `truto_usage_nb.fetch_usage`."""
        return wait(self.afetch_usage(what, backend=backend, **options))

    @overload
    def load_usage(
        self, what: What = None, *, backend: Literal["polars"] = "polars", **options: Unpack[CallOptions]
    ) -> pl.DataFrame: ...

    @overload
    def load_usage(
        self, what: What = None, *, backend: Literal["pandas"], **options: Unpack[CallOptions]
    ) -> pd.DataFrame: ...

    @overload
    def load_usage(self, what: What = None, *, backend: Backend, **options: Unpack[CallOptions]) -> Any: ...

    @with_named_options
    def load_usage(self, what: What = None, *, backend: Backend = "polars", **options: Unpack[CallOptions]) -> Any:
        """Load usage as a frame; see `truto_usage_nb.load_usage`."""
        return wait(self.afetch_usage(what, backend=backend, **options)).frame

    @with_named_options
    def scan_usage(self, what: What, directory: str | Path, **options: Unpack[CallOptions]) -> pl.LazyFrame:
        """Keep usage in a directory as Parquet, and look at it lazily; see `truto_usage_nb.scan_usage`."""
        return wait(self.ascan_usage(what, directory, **options))

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


def _given(client: Any) -> Client:
    if not isinstance(client, Client):
        raise InputError(f"client={shown(client)} is no client; give a Client, or tu.sandbox(), which is one.")
    return client


@with_named_options
async def afetch_usage(
    what: What = None, *, backend: Backend = "polars", client: Client | None = None, **options: Unpack[CallOptions]
) -> UsageResult:
    """Await `fetch_usage`."""
    if client is not None:
        return await _given(client).afetch_usage(what, backend=backend, **options)
    async with Client() as own:
        return await own.afetch_usage(what, backend=backend, **options)


@overload
async def aload_usage(
    what: What = None,
    *,
    backend: Literal["polars"] = "polars",
    client: Client | None = None,
    **options: Unpack[CallOptions],
) -> pl.DataFrame: ...


@overload
async def aload_usage(
    what: What = None, *, backend: Literal["pandas"], client: Client | None = None, **options: Unpack[CallOptions]
) -> pd.DataFrame: ...


@overload
async def aload_usage(
    what: What = None, *, backend: Backend, client: Client | None = None, **options: Unpack[CallOptions]
) -> Any: ...


@with_named_options
async def aload_usage(
    what: What = None, *, backend: Backend = "polars", client: Client | None = None, **options: Unpack[CallOptions]
) -> Any:
    """Await `load_usage`: the same, for an event loop of one's own.

    >>> import asyncio, truto_usage_nb as tu
    >>> asyncio.run(tu.aload_usage("datadog", period="2026-09", client=tu.sandbox())).height > 0
    True
    """
    return (await afetch_usage(what, backend=backend, client=client, **options)).frame


@with_named_options
def fetch_usage(
    what: What = None, *, backend: Backend = "polars", client: Client | None = None, **options: Unpack[CallOptions]
) -> UsageResult:
    """Load usage with its provenance: a `UsageResult` instead of a bare frame. Arguments are those of `load_usage`.

    >>> import truto_usage_nb as tu
    >>> result = tu.fetch_usage("confluent", period="2026-09-14", client=tu.sandbox())
    >>> result.queries[0].start_date, result.queries[0].end_date, result.pages
    ('2026-09-14', '2026-09-15', 1)
    """
    return wait(afetch_usage(what, backend=backend, client=client, **options))


@overload
def load_usage(
    what: What = None,
    *,
    backend: Literal["polars"] = "polars",
    client: Client | None = None,
    **options: Unpack[CallOptions],
) -> pl.DataFrame: ...


@overload
def load_usage(
    what: What = None, *, backend: Literal["pandas"], client: Client | None = None, **options: Unpack[CallOptions]
) -> pd.DataFrame: ...


@overload
def load_usage(
    what: What = None, *, backend: Backend, client: Client | None = None, **options: Unpack[CallOptions]
) -> Any: ...


@with_named_options
def load_usage(
    what: What = None, *, backend: Backend = "polars", client: Client | None = None, **options: Unpack[CallOptions]
) -> Any:
    """Load usage as a frame, a row a record, nested fields expanded into columns.

    `what` is an account id, a `UsageQuery`, several of either, or a mapping of labels to either; they load side
    by side. Without a `client`, one is made from `TRUTO_API_TOKEN`. Options:

    - `period`: "2026", "2026-10", "2026-10-05", a pair of dates (end excluded, UTC), or "last-month", "this-month",
      "yesterday" by the client's clock; planned for each integration.
      With neither `report_type` nor `group_by`, Claude is asked for its usage and its cost by product, surface and
      model; `users=True` asks by user. Both come by day unless `granularity` says otherwise.
      A record that lies in the period at least in part is kept; one that sticks out of it has `overhangs_period`; what
      lies outside is left out, and told with its money. Without a period and without dates each account answers for a
      span of its own; where those differ by more than the last day, each one's is told.
    - `start_date`, `end_date`, `date`: instead of a period, and they go over verbatim. Without `granularity`, Claude
      then answers usage and cost, also those by user, with one record a group for the whole range, both ends rounded
      down to the hour: sums are the same, tokens meet money inside the range, and no record tells its days apart.
    - `backend`: "polars" or "pandas" (Arrow-backed dtypes; what its `to_parquet` wrote is read back with
      `pd.read_parquet(path, dtype_backend="pyarrow")`, for pandas alone cannot name the type of a list of objects).
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
    return wait(afetch_usage(what, backend=backend, client=client, **options)).frame


@with_named_options
async def ascan_usage(
    what: What, directory: str | Path, *, client: Client | None = None, **options: Unpack[CallOptions]
) -> pl.LazyFrame:
    """Await `scan_usage`."""
    if client is not None:
        return await _given(client).ascan_usage(what, directory, **options)
    async with Client() as own:
        return await own.ascan_usage(what, directory, **options)


@with_named_options
def scan_usage(
    what: What, directory: str | Path, *, client: Client | None = None, **options: Unpack[CallOptions]
) -> pl.LazyFrame:
    """Keep usage in a directory as plain Parquet, however much it is, and look at it as a lazy frame.

    Pages stream to disk in bounded memory, each committed together with its cursor: killed at any moment, the same
    call goes on from the last page. A later call, for a longer period too, asks only for what is missing and for what
    was not final when it was fetched. One process at a time works in a directory.

    `what` and the options are those of `load_usage`, with a `period` (required) and without `backend`, `limit`,
    `cursor` and `page`. The frame holds the records of this call's queries in their period, with `overhangs_period`
    as `load_usage` marks it, and each record once. On disk stand whole windows, of all calls, in
    `directory/records/account=…/month=…`, all files of one schema, for DuckDB, Spark, Dask or `read_usage(directory)`;
    what a window brought that counts in another, or lies outside of all, is kept in `directory/beside`.
    In the files, a column whose name differs from another's in case alone, or is `account` or `month`, has another name
    (`usage_code_file_extensions_r` beside `…_R` is `usage__code__file_extensions__r`); the frame keeps its names. Types
    widen as in one load. A window that cannot be kept fails alone, and leaves the directory as it was.

    Raises what `load_usage` raises, `WriteError` where the disk is full, and `DatasetError` for a directory that is
    damaged, at work, or something else's, or whose files lead out of it.

    >>> import tempfile, truto_usage_nb as tu
    >>> directory = tempfile.mkdtemp()
    >>> usage = tu.scan_usage("cursor", directory, period="2026-09-14", client=tu.sandbox())
    >>> tu.cost_per_model(usage).collect()["currency"].unique().to_list()
    ['USD']
    """
    return wait(ascan_usage(what, directory, client=client, **options))
