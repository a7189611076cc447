"""A notebook rendered with parameters to one self-contained HTML file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.reports.running import execute, with_parameters
from truto_usage_nb.reports.writing import to_html

if TYPE_CHECKING:
    from truto_usage_nb.client import Client

__all__ = ["list_reports", "render_report"]

_SHIPPED = Path(__file__).parent / "notebooks"


def list_reports() -> list[str]:
    """List the reports that come with the library, by name.

    >>> "ai_spend" in list_reports()
    True
    """
    return sorted(path.stem for path in _SHIPPED.glob("*.ipynb"))


def render_report(
    name_or_path: str | Path,
    to: str | Path,
    *,
    client: Client | None = None,
    snapshot: str | Path | None = None,
    sandbox: bool = False,
    accounts: Iterable[str] | None = None,
    period: Any = None,
    **parameters: Any,
) -> Path:
    """Render a report to one HTML file that asks nothing of the network, and give its path.

    `name_or_path` is one of `list_reports()` or a notebook with a cell tagged `parameters`. This process loads the
    `accounts` (all known ones when left out) for the `period` with `client` (`sandbox=True`: the sandbox's) and keeps a
    snapshot; the notebook's kernel only reads it, so no token reaches a kernel or the page. `snapshot` renders from a
    file that `UsageResult.save` wrote instead. The same snapshot and versions give the same bytes.

    Raises `InputError` for an unknown report or parameter, `UsageError` with the cell's source when a cell fails.
    """
    notebook = _found(name_or_path)
    with tempfile.TemporaryDirectory(prefix="truto-report-") as scratch:
        kept = Path(snapshot) if snapshot is not None else _loaded(Path(scratch), client, sandbox, accounts, period)
        if not kept.is_file():
            raise InputError(f"there is no snapshot {kept}; UsageResult.save(path) writes one")
        ready = with_parameters(notebook, {"snapshot": str(kept.resolve()), **parameters})
        return to_html(execute(ready, notebook.parent), Path(to))


def _found(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".ipynb":
        if not path.is_file():
            raise InputError(f"there is no notebook {path}")
        return path
    shipped = _SHIPPED / f"{name_or_path}.ipynb"
    if not shipped.is_file():
        known = list_reports()
        raise InputError(
            f"there is no report {str(name_or_path)!r}.{did_you_mean(name_or_path, known)} Known: {', '.join(known)}"
        )
    return shipped


def _loaded(scratch: Path, client: Client | None, sandbox: bool, accounts: Iterable[str] | None, period: Any) -> Path:
    if period is None:
        raise InputError("a report needs a period, such as period='2026-10', or snapshot= with a file that was saved")
    if client is not None and sandbox:
        raise InputError("client and sandbox=True are both given; keep one")
    asking = client if client is not None else _client(sandbox)
    chosen = list(accounts) if accounts is not None else _known(asking)
    return asking.fetch_usage(chosen, period=period, progress=False).save(scratch / "usage.parquet")


def _client(sandbox: bool) -> Client:
    if sandbox:
        from truto_usage_nb.sandbox.face import make

        return make()
    from truto_usage_nb.client import Client

    return Client()


def _known(client: Client) -> list[str]:
    """Give every account of the five integrations, but one link of each organisation that is linked twice by name."""
    table = client.list_accounts()
    rows = table.filter(table["integration"].is_not_null()).rows(named=True)
    if type(client).__name__ != "SandboxClient":
        return [row["id"] for row in rows]
    from truto_usage_nb.sandbox.company import ACCOUNTS

    twins = {account.id for account in ACCOUNTS if account.twin_of is not None}
    return [row["id"] for row in rows if row["id"] not in twins]
