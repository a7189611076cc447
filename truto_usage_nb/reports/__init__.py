"""A notebook rendered with parameters to one self-contained HTML file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from truto_usage_nb.checks import a_flag
from truto_usage_nb.errors import InputError, tell
from truto_usage_nb.reports.notebook import Notebook, find, list_reports
from truto_usage_nb.reports.notebook import as_parameters as plain
from truto_usage_nb.reports.steps import ShowStep, Step, steps_shown
from truto_usage_nb.writing import check_target, is_stream, write_file

if TYPE_CHECKING:
    from truto_usage_nb.client import Client
    from truto_usage_nb.reports.loading import Source
    from truto_usage_nb.reports.worker import FailedPart

__all__ = ["list_reports", "make_report", "render_report"]


def render_report(
    name_or_path: str | Path,
    to: str | Path,
    *,
    client: Client | None = None,
    snapshot: str | Path | None = None,
    sandbox: bool = False,
    accounts: str | Iterable[str] | None = None,
    period: Any = None,
    keep_snapshot: str | Path | None = None,
    integration: str | Mapping[str, str] | None = None,
    on_error: Literal["raise", "warn"] = "raise",
    pdf: str | Path | None = None,
    progress: bool | ShowStep | None = None,
    **parameters: Any,
) -> Path:
    """Render a report to one HTML file that asks nothing of the network, and give its path.

    `name_or_path` is one of `list_reports()` or a notebook whose cell tagged `parameters` names what it may be told.
    This process loads the `accounts` (all known ones when left out; of an organisation linked twice, the first) for the
    `period` (as `load_usage` reads it) with `client` (`sandbox=True`: the sandbox's) and keeps a snapshot; the
    notebook's kernel only reads it, so no token reaches a kernel, a parameter or the page. `keep_snapshot` keeps that
    file where you say; `snapshot` renders from such a file, or one that `UsageResult.save` wrote, and asks nobody. The
    same snapshot and versions give the same bytes.

    With `on_error="warn"` an account that fails does not lose the others: the page begins by naming it and why, calls
    itself INCOMPLETE, and compares nothing of it; where all fail it is an error still. `integration` says what stands
    behind accounts that the token may not look up, as for `load_usage`.

    `pdf` prints the page as well, where Chromium is at hand. `progress` as for `load_usage`; a callable is given `Step`
    values. `parameters` are the notebook's own: text, numbers, lists, paths, or dataframes (the kernel gets a file).
    Those of `ai_spend`: `earlier` (a snapshot taken before, to say what was restated); tables, as a frame or a file
    (CSV, workbook, Parquet): `labels` (`email` and such as `team`), `invoices` (`integration`, `month`, `currency`,
    `amount`), `roster` (`integration`, `email`, a row a seat); `seat_prices`, such as {"cursor": (40, "USD")}; `budget`
    (an amount a month, one by currency, or a table of these); `decimal` ("." or ",": the mark before decimals, where an
    amount as text can be read in two ways). `allocation` takes `rules` as `allocate` does, `roster`, `seat_prices`,
    `purchases`, `commitments`, `team_budgets` (a table of `team`, `currency`, `amount`), `checks` as `check_usage`
    does, and `budget`; `showback` takes `labels`, `label` and `rules`; `commitments` takes
    `commitments` and `outcomes` as the helpers of these names do, `what_if`, a mapping of that one's arguments,
    `roster` and `seat_prices`. `sandbox=True` brings the demo company's own tables along.

    A part of a report that comes with the library and fails says so in its place and at the top, and a `UsageWarning`
    tells; of a notebook of your own only a cell tagged `raises-exception` does. That runs in the kernel it names, and
    nothing of the page comes from outside: a picture of the network in a text is refused, and one in an output, or a
    script, says so in its place.

    Raises `InputError` for an unknown report, parameter, file or kernel, `PeriodError` for a period to come,
    `WriteError` for a place that cannot be written to, `UsageError` with the line when a cell fails (`details` has its
    source and traceback), `MissingExtraError` for a library or browser that is missing. Whatever stood at `to` still
    does then.

    >>> import tempfile, truto_usage_nb as tu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = tu.render_report(
    ...         "ai_spend", f"{folder}/day.html", sandbox=True, accounts=["cursor"], period="2026-10-05"
    ...     )
    ...     "<script" in page.read_text(encoding="utf-8")
    False
    """
    from truto_usage_nb.reports.loading import Source

    a_flag("sandbox", sandbox)
    source = Source(snapshot, client, sandbox, accounts, period, keep_snapshot, integration, on_error)
    make_report(name_or_path, to, source, parameters, pdf=pdf, progress=progress)
    return Path(to)


def make_report(
    name_or_path: str | Path,
    to: str | Path,
    source: Source,
    parameters: Mapping[str, Any],
    *,
    pdf: str | Path | None = None,
    progress: bool | ShowStep | None = None,
) -> Made:
    """Render a report as `render_report` says, and give what is known to be missing of it."""
    from truto_usage_nb.reports.worker import Order, to_pdf, worker

    notebook = find(name_or_path)
    printer = _browser(pdf)
    notebook.check(parameters)
    for target in (to, pdf, source.keep_snapshot):
        if target is not None:
            check_target(target)
    source.check()
    source = source.seen_from()
    own = _own(notebook, source.period)
    for number, what in notebook.outside:
        tell(f"cell {number} of {notebook.path.name} seems to show {what}: {_LEFT_OUT}")
    with _folder() as scratch:
        given = plain(parameters, scratch)
        _check_given(notebook, given)
        with (  # the process gets ready while this one loads
            worker(scratch, warm=notebook.shipped, kernel_name=notebook.kernel_name) as rendering,
            steps_shown(progress) as show,
        ):
            made = plain(source.brought(notebook, given), scratch)
            if made != given:
                _check_given(notebook, made)
            snapshot, is_partial = source.file(notebook, made, scratch, show)
            own["snapshot"] = str(snapshot.resolve())
            straight = not is_stream(Path(to))  # a pipe or /dev/stdout of this process is not one of that which renders
            page = Path(to) if straight else scratch / "page.html"
            done = rendering.render(Order(notebook, {**made, **own}, page, _named(source.period)), show)
            if pdf is not None:
                show(Step("print", 0, 1, str(pdf)))
                to_pdf(printer, page, Path(pdf), scratch)
            if not straight:
                write_file(to, lambda stream: stream.write(page.read_bytes()))
    for number, what in done.left_out:
        if number not in dict(notebook.outside):
            tell(f"cell {number} of {notebook.path.name} shows {what}: {_LEFT_OUT}")
    for part in done.failed:
        tell(part.said)
    return Made(is_partial or bool(done.failed), done.failed)


class Made(NamedTuple):
    """Say of a report whether something is known to be missing of it, and which of its parts failed."""

    is_partial: bool
    failed: tuple[FailedPart, ...] = ()


_LEFT_OUT = "a page holds nothing from outside and runs no script, and says so in its place"


def _check_given(notebook: Notebook, given: Mapping[str, Any]) -> None:
    """Refuse tables and rules that a cell of ours would refuse: nobody should wait for that."""
    if not notebook.shipped or not given:
        return
    from truto_usage_nb.reports.parts.book import check_given

    if given.get("rules"):
        from truto_usage_nb.allocation import read_rules

        read_rules(given["rules"], documented=True)
    check_given(given)
    if given.get("earlier"):
        from truto_usage_nb.result.snapshot import check_snapshot

        if not Path(given["earlier"]).is_file():
            raise InputError(
                f"earlier={given['earlier']}: there is no such snapshot; UsageResult.save(path) writes one"
            )
        check_snapshot(Path(given["earlier"]))


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder of this report's own, which nobody else may enter: its tables, its kernel's sockets."""
    scratch = tempfile.mkdtemp(prefix="truto-report-")
    try:
        yield Path(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)  # the process that renders may have been faster


def _named(period: Any) -> str:
    """Give the period as the page's title has it."""
    if period is None:
        return ""
    from truto_usage_nb.planning import Period
    from truto_usage_nb.reports.spans import days_name

    return days_name(Period.parse(period))


def _browser(pdf: str | Path | None) -> str:
    """Find the browser before anything is loaded: who waits for a report should not wait for its refusal."""
    if pdf is None:
        return ""
    from truto_usage_nb.reports.worker import browser

    return browser()


def _own(notebook: Notebook, period: Any) -> dict[str, Any]:
    """Give the parameters that every report has from us, where the notebook has them."""
    if "snapshot" not in notebook.parameters:
        raise InputError(
            f"report {notebook.name!r} has no parameter 'snapshot', so it could not read what was loaded; "
            'add snapshot = "" to its cell tagged `parameters`'
        )
    own: dict[str, Any] = {}
    if period is not None and "period" in notebook.parameters:
        from truto_usage_nb.planning import Period

        span = Period.parse(period)
        own["period"] = [span.start.isoformat(), span.end.isoformat()]
    return own
