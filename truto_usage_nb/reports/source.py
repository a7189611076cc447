"""Where a report's figures come from: a snapshot at hand, or a load that is kept as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from truto_usage_nb.checks import a_path, texts
from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import Period
from truto_usage_nb.reports.shelf import Notebook
from truto_usage_nb.reports.steps import ShowStep
from truto_usage_nb.writing import is_stream

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
    integration: str | Mapping[str, str] | None = None
    on_error: Literal["raise", "warn"] = "raise"

    def seen_from(self) -> Source:
        """Give the same with a period such as "last-month" seen from the clock of whoever is asked."""
        if not isinstance(self.period, str):
            return self
        if self.sandbox:
            from truto_usage_nb.sandbox.face import make_sandbox

            return replace(self, period=Period.parse(self.period, now=make_sandbox().now()))
        return replace(self, period=Period.parse(self.period, now=self.client.now() if self.client else None))

    def brought(self, notebook: Notebook, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give the parameters with those of the demo company that `sandbox=True` brings along: its directory, its seats
        and its invoices, where the notebook has a place for them and nothing was given."""
        if not self.sandbox or self.period is None:
            return dict(given)
        from truto_usage_nb.sandbox.answers import SEAT_PRICES
        from truto_usage_nb.sandbox.face import make_sandbox

        demo, months = make_sandbox(), _months(self.period)
        offered: dict[str, Callable[[], Any]] = {
            "labels": demo.people,
            "roster": demo.rosters,
            "seat_prices": lambda: {name: [float(amount), of] for name, (amount, of) in SEAT_PRICES.items()},
            "invoices": lambda: _below([demo.invoices(month) for month in months]),
        }
        if notebook.name == "allocation":
            offered["rules"] = demo.rules
        if not months or self.accounts is not None:  # they are of whole months and all accounts
            del offered["invoices"]
        extra = {name: make_() for name, make_ in offered.items() if name in notebook.parameters and name not in given}
        return {**extra, **given}

    def file(
        self, notebook: Notebook, parameters: Mapping[str, Any], scratch: Path, show: ShowStep
    ) -> tuple[Path, bool]:
        """Give the snapshot to read, and whether something is known to be missing of it; what is loaded is kept in
        `scratch` unless a place was named."""
        partial = self._read(notebook, parameters)
        if self.snapshot is not None:
            return Path(self.snapshot), partial
        result = self._load(notebook, parameters, show)
        if self.keep_snapshot is not None:
            kept = result.save(self.keep_snapshot)
            if not is_stream(kept):
                return kept, result.partial
        return result.save(scratch / "usage.parquet"), result.partial

    def _read(self, notebook: Notebook, parameters: Mapping[str, Any]) -> bool:
        """Read the snapshots that a cell is going to read: what is wrong with one is said here, and not by the cell.

        Gives whether something is known to be missing of the one that is reported.
        """
        from truto_usage_nb.result.snapshot import read_snapshot

        partial, earlier = False, parameters.get("earlier") if notebook.shipped else None
        for path in (self.snapshot, earlier):
            if path is not None and str(path):
                held = read_snapshot(Path(path))
                partial = partial or (path is self.snapshot and bool(held["partial"]))
        return partial

    def check(self) -> None:
        """Refuse what contradicts itself, before anything is loaded."""
        from truto_usage_nb.jobs import check_on_error

        check_on_error(self.on_error)
        if self.snapshot is not None:
            names = ("client", "sandbox", "accounts", "keep_snapshot", "integration")
            for name in (*names, *(("on_error",) if self.on_error != "raise" else ())):
                if (given := getattr(self, name)) is not None and given is not False:
                    raise InputError(
                        f"snapshot= and {name}= are both given: a report is read from a file or loaded, not both"
                    )
            if not _is_file(a_path("snapshot", self.snapshot)):
                raise InputError(f"there is no snapshot {self.snapshot}; UsageResult.save(path) writes one")
            from truto_usage_nb.result.snapshot import check_snapshot

            check_snapshot(Path(self.snapshot))
        elif self.period is None:
            raise InputError("a report needs a period, such as period='2026-10', or snapshot= with a saved file")
        elif self.client is not None and self.sandbox:
            raise InputError("client and sandbox=True are both given; keep one")
        else:
            self._check_load()

    def _check_load(self) -> None:
        from truto_usage_nb.client import Client

        Period.parse(self.period)
        if self.client is not None and not isinstance(self.client, Client):
            raise InputError(f"client={shown(self.client)} is no client; give a Client, or sandbox=True.")
        if self.accounts is not None and not isinstance(self.accounts, str):
            texts("accounts", self.accounts, "an account's id or a list of them")

    def _load(self, notebook: Notebook, parameters: Mapping[str, Any], show: ShowStep) -> UsageResult:
        accounts = [self.accounts] if isinstance(self.accounts, str) else self.accounts
        users = notebook.by_user(parameters)
        if self.client is not None:
            return self._loaded(self.client, accounts, show, before=notebook.before, users=users)
        with _client(sandbox=self.sandbox) as own:
            return self._loaded(own, accounts, show, before=notebook.before, users=users)

    def _loaded(self, client: Client, accounts: Iterable[str] | None, show: ShowStep, **asked: Any) -> UsageResult:
        from truto_usage_nb.reports.loading import load

        return load(client, accounts, self.period, show, integration=self.integration, on_error=self.on_error, **asked)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False


def _below(tables: list[Any]) -> Any:
    from polars import concat

    return concat(tables)


def _months(period: Any) -> list[str]:
    """Give the whole calendar months of a period, or none where it is not made of such."""
    span = Period.parse(period)
    months, start = [], span.start
    while start < span.end:
        month = Period.parse(f"{start:%Y-%m}")
        if month.start != start:
            return []
        months.append(f"{start:%Y-%m}")
        start = month.end
    return months if start == span.end else []


def _client(*, sandbox: bool) -> Client:
    if sandbox:
        from truto_usage_nb.sandbox.face import make_sandbox

        return make_sandbox(records_per_page=1000)  # fewer pages: the demo should not be waited for
    from truto_usage_nb.client import Client

    return Client()
