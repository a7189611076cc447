"""The direct door: a client whose service is the vendors' own APIs, asked with the caller's own keys.

The package is callable: `tu.direct()` gives the client. Behind it a gateway answers the unified endpoints in process,
so loading, scanning, forms and reports are the same as with an account at the service.

question  the unified query, read back
engine    what a vendor is, as data: keys, endpoints, paging, reading
vendors   the tables, a module a vendor
spec      which accounts there are, and where their keys are
gateway   a page asked for, a request to a vendor, a page of records
telling   refusals and budgets, in the words of all
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from truto_usage_nb.direct.client import DirectClient

__all__ = ["direct"]


def direct(
    spec: Mapping[str, Mapping[str, Any]] | str | Path | None = None,
    *,
    timeout: float | httpx.Timeout = 60.0,
    retries: int = 5,
    concurrency: int = 8,
    records_per_page: int | None = None,
    max_body_bytes: int | None = None,
    max_pages: int | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] | None = None,
) -> DirectClient:
    """Give a client that asks the vendors themselves, without an account at Truto: the same frames, costs and reports.

    `spec` describes accounts: a mapping of labels, which are the account ids, to fields, or the path of a TOML file
    with a table each. Left out, every account is taken whose variables are set:

    | label | variables |
    |---|---|
    | `claude` | `ANTHROPIC_ADMIN_KEY` |
    | `claude-enterprise` | `ANTHROPIC_ANALYTICS_KEY` |
    | `openai` | `OPENAI_ADMIN_KEY` |
    | `codex` | `OPENAI_CODEX_KEY`, `OPENAI_CODEX_WORKSPACE_ID` |
    | `cursor` | `CURSOR_API_KEY` |
    | `confluent` | `CONFLUENT_CLOUD_API_KEY`, `CONFLUENT_CLOUD_API_SECRET` |
    | `datadog` | `DD_API_KEY`, `DD_APP_KEY`, and if need be `DD_SITE` |

    Fields are `integration`, `base_url` (https, or http on this machine: a proxy, a test server), and the keys: of
    Claude `admin_key` (a Console organisation) or `analytics_key` (Enterprise), of OpenAI `admin_key`, or `codex_key`
    with `workspace_id`, of Cursor `api_key`, of Confluent `api_key` and `api_secret`, of Datadog `api_key` and
    `app_key`, with its `site`. Claude's `reports` may be "legacy": the reports before `analytics/usage`.

    A key is never written down: it is `env:NAME`,
    `keyring:NAME` (of the service `truto_usage_nb`; needs `pip install 'truto-usage-nb[keyring]'`), or a function such
    as `getpass.getpass`, called when it is first needed. It goes to the vendor's own host, in headers alone.

    The other arguments are those of `Client`; `transport` is httpx's own seam for the lines to the vendors.

    Raises `InputError` for a description that cannot be asked with, before anything is asked.

    >>> import truto_usage_nb as tu
    >>> tu.direct({"team": {"integration": "cursor", "api_key": lambda: "crsr_example"}})
    direct('team')
    """
    from truto_usage_nb.direct.client import make_direct
    from truto_usage_nb.paging import MAX_PAGES
    from truto_usage_nb.transport import MAX_BODY_BYTES

    return make_direct(
        spec,
        timeout=timeout,
        retries=retries,
        concurrency=concurrency,
        records_per_page=records_per_page,
        max_body_bytes=MAX_BODY_BYTES if max_body_bytes is None else max_body_bytes,
        max_pages=MAX_PAGES if max_pages is None else max_pages,
        transport=transport,
        clock=clock,
    )


class _CallableModule(ModuleType):
    """Let the package be called by the name it is imported under."""

    def __call__(self, *arguments: Any, **options: Any) -> DirectClient:
        return direct(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
