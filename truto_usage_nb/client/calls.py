"""The same calls as plain functions: with a client of the caller's, or one made from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from truto_usage_nb.client.door import wait
from truto_usage_nb.client.methods import Client
from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown

if TYPE_CHECKING:
    from pathlib import Path

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
    from truto_usage_nb.result import UsageResult

__all__ = ["afetch_usage", "aload_usage", "ascan_usage", "fetch_usage", "load_usage", "scan_usage"]


def _given(client: Any) -> Client:
    if not isinstance(client, Client):
        raise InputError(f"client={shown(client)} is no client; give a Client, or tu.sandbox(), which is one.")
    return client


async def afetch_usage(
    what: What = None, *, backend: Backend = "polars", client: Client | None = None, **options: Unpack[Options]
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
    **options: Unpack[Options],
) -> pl.DataFrame: ...


@overload
async def aload_usage(
    what: What = None, *, backend: Literal["pandas"], client: Client | None = None, **options: Unpack[Options]
) -> pd.DataFrame: ...


@overload
async def aload_usage(
    what: What = None, *, backend: Backend, client: Client | None = None, **options: Unpack[Options]
) -> Any: ...


async def aload_usage(
    what: What = None, *, backend: Backend = "polars", client: Client | None = None, **options: Unpack[Options]
) -> Any:
    """Await `load_usage`: the same, for an event loop of one's own.

    >>> import asyncio, truto_usage_nb as tu
    >>> asyncio.run(tu.aload_usage("datadog", period="2026-09", client=tu.sandbox())).height > 0
    True
    """
    return (await afetch_usage(what, backend=backend, client=client, **options)).frame


def fetch_usage(
    what: What = None,
    *,
    period: PeriodSaid = None,
    backend: Backend = "polars",
    client: Client | None = None,
    integration: IntegrationSaid = None,
    on_error: OnError = "raise",
    overhang: Overhang = None,
    users: bool = False,
    progress: ProgressSaid = None,
    **params: Any,
) -> UsageResult:
    """Load usage with its provenance: a `UsageResult` instead of a bare frame. Arguments are those of `load_usage`.

    >>> import truto_usage_nb as tu
    >>> result = tu.fetch_usage("confluent", period="2026-09-14", client=tu.sandbox())
    >>> result.queries[0].start_date, result.queries[0].end_date, result.pages
    ('2026-09-14', '2026-09-15', 1)
    """
    return wait(
        afetch_usage(
            what,
            client=client,
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
    what: What = None,
    *,
    backend: Literal["polars"] = "polars",
    client: Client | None = None,
    **options: Unpack[Options],
) -> pl.DataFrame: ...


@overload
def load_usage(
    what: What = None, *, backend: Literal["pandas"], client: Client | None = None, **options: Unpack[Options]
) -> pd.DataFrame: ...


@overload
def load_usage(
    what: What = None, *, backend: Backend, client: Client | None = None, **options: Unpack[Options]
) -> Any: ...


def load_usage(
    what: What = None,
    *,
    period: PeriodSaid = None,
    backend: Backend = "polars",
    client: Client | None = None,
    integration: IntegrationSaid = None,
    on_error: OnError = "raise",
    overhang: Overhang = None,
    users: bool = False,
    progress: ProgressSaid = None,
    **params: Any,
) -> Any:
    """Load usage as a frame, a row a record, nested fields expanded into columns.

    `what` is an account id, a `UsageQuery`, several of either, or a mapping of labels to either; they load side
    by side. Without a `client`, one is made from `TRUTO_API_TOKEN`. Options:

    - `period`: "2026", "2026-10", "2026-10-05" or a pair of dates (end excluded, UTC), planned for each integration.
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
    return wait(
        afetch_usage(
            what,
            client=client,
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


async def ascan_usage(
    what: What, directory: str | Path, *, client: Client | None = None, **options: Unpack[Options]
) -> pl.LazyFrame:
    """Await `scan_usage`."""
    if client is not None:
        return await _given(client).ascan_usage(what, directory, **options)
    async with Client() as own:
        return await own.ascan_usage(what, directory, **options)


def scan_usage(
    what: What,
    directory: str | Path,
    *,
    period: PeriodSaid = None,
    client: Client | None = None,
    integration: IntegrationSaid = None,
    on_error: OnError = "raise",
    overhang: Overhang = None,
    users: bool = False,
    progress: ProgressSaid = None,
    **params: Any,
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
    return wait(
        ascan_usage(
            what,
            directory,
            client=client,
            period=period,
            integration=integration,
            on_error=on_error,
            overhang=overhang,
            users=users,
            progress=progress,
            **params,
        )
    )
