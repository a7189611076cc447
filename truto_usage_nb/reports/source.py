"""Where a report's figures come from: a snapshot at hand, or a load that is kept as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truto_usage_nb.errors import InputError
from truto_usage_nb.reports.progress import Show
from truto_usage_nb.reports.shelf import Notebook

if TYPE_CHECKING:
    from truto_usage_nb.client import Client
    from truto_usage_nb.result import UsageResult

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what `render_report` was told of it."""

    snapshot: str | Path | None
    client: Client | None
    sandbox: bool
    accounts: str | Iterable[str] | None
    period: Any
    keep_snapshot: str | Path | None

    def file(self, notebook: Notebook, scratch: Path, show: Show) -> Path:
        """Give the snapshot to read; what is loaded is kept in `scratch` unless a place was named."""
        self._check()
        if self.snapshot is not None:
            return Path(self.snapshot)
        kept = scratch / "usage.parquet" if self.keep_snapshot is None else self.keep_snapshot
        result = self._load(notebook, show)
        return result.save(kept)

    def _check(self) -> None:
        if self.snapshot is not None:
            for name in ("client", "sandbox", "accounts", "keep_snapshot"):
                if getattr(self, name) not in (None, False):
                    raise InputError(
                        f"snapshot= and {name}= are both given: a report is read from a file or loaded, not both"
                    )
            if not Path(self.snapshot).is_file():
                raise InputError(f"there is no snapshot {self.snapshot}; UsageResult.save(path) writes one")
        elif self.period is None:
            raise InputError("a report needs a period, such as period='2026-10', or snapshot= with a saved file")
        elif self.client is not None and self.sandbox:
            raise InputError("client and sandbox=True are both given; keep one")

    def _load(self, notebook: Notebook, show: Show) -> UsageResult:
        from truto_usage_nb.reports.loading import load

        accounts = [self.accounts] if isinstance(self.accounts, str) else self.accounts
        if self.client is not None:
            return load(self.client, notebook, accounts, self.period, show)
        with _client(sandbox=self.sandbox) as own:
            return load(own, notebook, accounts, self.period, show)


def _client(*, sandbox: bool) -> Client:
    if sandbox:
        from truto_usage_nb.sandbox.face import make

        return make()
    from truto_usage_nb.client import Client

    return Client()
