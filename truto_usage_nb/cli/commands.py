"""What each command does: load, report, check, allocate, focus, accounts, reports, sandbox."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truto_usage_nb.cli.codes import DONE, INCOMPLETE
from truto_usage_nb.errors import InputError, UsageError, did_you_mean, tell
from truto_usage_nb.outside import one_line, plain, shown
from truto_usage_nb.planning import Period
from truto_usage_nb.query import PARAMETERS
from truto_usage_nb.writing import check_target, is_stream, write_file, write_stdout

if TYPE_CHECKING:
    import polars as pl

    from truto_usage_nb.client import Client
    from truto_usage_nb.result import UsageResult

__all__ = [
    "FOCUS_RECEIVERS",
    "FOCUS_VERSIONS",
    "run_accounts",
    "run_allocate",
    "run_check",
    "run_focus",
    "run_load",
    "run_report",
    "run_reports",
    "run_sandbox",
]

_TABLES = (".parquet", ".csv", ".xlsx")


def run_load(arguments: argparse.Namespace) -> int:
    """Load usage; 3 where something is known to be missing."""
    output = _output(arguments.output)
    given = {name: getattr(arguments, name) for name in PARAMETERS if getattr(arguments, name, None) is not None}
    if "remote_query" in given:
        given["remote_query"] = _object(given["remote_query"])
    if arguments.users is not None:
        given["users"] = arguments.users
    with _client_of(arguments) as client:
        result = client.fetch_usage(
            _accounts(arguments, client),
            period=_period_of(arguments.period),
            integration=_integrations_of(arguments.integration),
            overhang=arguments.overhang,
            on_error=arguments.on_error,
            progress=False if arguments.quiet else None,
            **given,
        )
    _write(result, output, quiet=arguments.quiet)
    return INCOMPLETE if result.partial else DONE


def _output(text: str | None) -> Path | None:
    """Check where to write before anything is loaded."""
    if text is None or text == "-":
        return None if text is None else Path("-")
    path = Path(text)
    if path.suffix.lower() not in _TABLES and not is_stream(path):
        near = did_you_mean(path.suffix, _TABLES)
        raise InputError(f"-o {text} ends in none of {', '.join(_TABLES)}.{near}")
    if path.is_dir():
        raise InputError(f"-o {text} is a folder; name a file in it")
    check_target(path)
    return path


def _write(result: UsageResult, output: Path | None, *, quiet: bool) -> None:
    from truto_usage_nb.spreadsheets import csv_text, write_csv, write_xlsx

    if output is None:
        write_stdout(f"{one_line(repr(result))}\n{_harmless(result.polars.head(10))}\n")
        return
    if output == Path("-"):
        seen = sys.stdout is not None and sys.stdout.isatty()
        write_stdout(plain(csv_text(_harmless(result.polars))) if seen else csv_text(result), as_it_is=not seen)
        return
    writers: dict[str, Any] = {".parquet": lambda one, path: one.save(path), ".xlsx": write_xlsx}
    writers.get(output.suffix.lower(), write_csv)(result, output)
    if not quiet and not is_stream(output):  # it may be standard output, where a table is expected
        write_stdout(f"{output}: {result.polars.height:,} records{_span(result)}\n")


def _harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """Give a frame as a terminal may show it: no text in it moves the cursor or begins a line."""
    import polars as pl

    made: dict[str, pl.Series] = {}
    for series in frame.get_columns():
        name, shown = one_line(series.name), series
        if series.dtype == pl.String:
            shown = series.str.replace_all(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]", "?")
        elif series.dtype.is_nested():
            texts = [repr(value) for value in series.to_list()]  # which escapes what is not to be shown
            shown = pl.Series(texts) if any("\\" in text for text in texts) else series
        while name in made:
            name += "?"
        made[name] = shown
    return pl.DataFrame(made)


def _span(result: UsageResult) -> str:
    return f", {result.period}" if result.period is not None else ""


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise InputError(f"--remote-query is not JSON: {problem}; give an object, such as '{{\"a\": 1}}'") from None


def _period_of(text: str | None) -> Any:
    return tuple(part.strip() for part in text.split(",")) if text is not None and "," in text else text


def _integrations_of(text: str | None) -> str | dict[str, str] | None:
    """Read one name for all accounts, or ACCOUNT=NAME with commas between."""
    if text is None or "=" not in text:
        return text
    pairs = [part.strip().rpartition("=") for part in text.split(",")]
    return {account: name for account, _, name in pairs}


def _accounts(arguments: argparse.Namespace, client: Client) -> list[str]:
    """Give the accounts that are named; with --direct and no name, all that are described."""
    return list(arguments.accounts or getattr(client, "labels", ()))


def _client_of(arguments: argparse.Namespace) -> Client:
    if arguments.sandbox and arguments.direct is not None:
        raise InputError("--sandbox and --direct exclude each other: the one is invented, the other asks the vendors")
    if arguments.direct is not None:
        from truto_usage_nb.direct.client import make_direct as direct

        return direct(arguments.direct or None)
    if arguments.sandbox:
        from truto_usage_nb.sandbox.face import make_sandbox

        return make_sandbox()
    if not os.environ.get("TRUTO_API_TOKEN"):
        raise InputError(
            "there is no token: set TRUTO_API_TOKEN; without an account, --direct asks the vendors with keys of yours, "
            "and --sandbox is the service embedded"
        )
    from truto_usage_nb.client import Client

    return Client()


def run_report(arguments: argparse.Namespace) -> int:
    """Render a report, and say where it is."""
    from truto_usage_nb.reports import make_report
    from truto_usage_nb.reports.loading import Source

    pdf = arguments.output.with_suffix(".pdf") if arguments.pdf == "" else arguments.pdf
    asks = arguments.snapshot is None
    client = _client_of(arguments) if asks and not arguments.sandbox else None
    path = arguments.output
    source = Source(
        snapshot=arguments.snapshot,
        client=client,
        sandbox=arguments.sandbox,
        accounts=arguments.accounts,
        period=_period_of(arguments.period),
        keep_snapshot=arguments.keep_snapshot,
        integration=_integrations_of(arguments.integration),
        on_error=arguments.on_error,
    )
    parameters = _report_parameters(arguments.parameters)
    made = make_report(arguments.name, path, source, parameters, pdf=pdf, progress=False if arguments.quiet else None)
    if made.is_partial:
        tell(f"{path} lacks some of what was asked for, and its first lines say what")
    for part in made.failed if arguments.debug else ():
        sys.stderr.write(f"{plain(part.traceback)}\n")
    if not arguments.quiet:
        write_stdout("".join(f"{each}\n" for each in (path, pdf) if each is not None and not is_stream(each)))
    return INCOMPLETE if made.is_partial else DONE


_OPTIONS_OF_A_REPORT = (
    "client", "snapshot", "sandbox", "accounts", "period", "keep_snapshot", "integration", "on_error", "pdf",
    "progress", "to",
)  # fmt: skip


def _report_parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """Read `name=value`: JSON where it is JSON, a file where there is one, else text."""
    made: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise InputError(f"-p {pair} is not NAME=VALUE; write it like -p earlier=september.parquet")
        if name in _OPTIONS_OF_A_REPORT:
            raise InputError(f"-p {name}= is no parameter of a report; it is an option: --{name.replace('_', '-')}")
        if name in made:
            raise InputError(f"-p {name}= is given twice")
        try:
            made[name] = json.loads(text)
        except (ValueError, RecursionError):
            made[name] = Path(text) if _is_file(text) else text
    return made


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a text that no file can be named by
        return False


def run_accounts(arguments: argparse.Namespace) -> int:
    """List the accounts, a line each."""
    with _client_of(arguments) as client:
        rows = client.list_accounts().rows(named=True)
    lines = ("\t".join(one_line(str(row[name] or "")) for name in ("id", "integration", "name")) for row in rows)
    write_stdout("".join(f"{line}\n" for line in lines))
    return DONE


def run_reports(_: argparse.Namespace) -> int:
    """List the reports, a line each."""
    from truto_usage_nb.reports import list_reports

    write_stdout("".join(f"{name}\n" for name in list_reports()))
    return DONE


def run_sandbox(arguments: argparse.Namespace) -> int:
    """Serve the embedded service until interrupted."""
    from truto_usage_nb.sandbox.__main__ import main as serve

    return serve(arguments.rest, prog="truto-usage sandbox")


_BOOKS = (".xlsx", ".csv", ".parquet")
_MONTH = "last-month"


def run_check(arguments: argparse.Namespace) -> int:
    """Judge a period: 0 where all is well, 1 where something is breached, else 2 where it could not be judged."""
    from truto_usage_nb.allocation import check as judging
    from truto_usage_nb.native import enter

    checks = judging.read_checks(arguments.file)
    if arguments.junit is not None:
        check_target(arguments.junit)
    wanted = _period_of(arguments.period) or checks.period or _MONTH
    accounts = arguments.accounts or list(checks.accounts) or None
    try:
        result, period = _loaded_for(arguments, wanted, accounts, checks=checks)
    except InputError:
        raise
    except UsageError as problem:
        found = [judging.Finding("load", "all", judging.UNJUDGED, one_line(str(problem)))]
        period, so_far = Period.parse(wanted), False
    else:
        found = judging.findings(enter(result.polars), result, checks, period)
        so_far = period.end > result.fetched_at
    if arguments.junit is not None:
        text = judging.as_junit(found, period)
        write_file(arguments.junit, lambda file: file.write(text.encode()))
    if arguments.json:
        write_stdout(judging.as_json(found, period, checks, so_far=so_far), as_it_is=True)
    else:
        write_stdout(judging.as_lines(found, period, so_far=so_far))
    return judging.exit_code(each.status for each in found)


def run_allocate(arguments: argparse.Namespace) -> int:
    """Hand out a period, and write what finance needs."""
    from truto_usage_nb.allocation import allocate as handed_out
    from truto_usage_nb.allocation import read_rules, write_chargeback
    from truto_usage_nb.spreadsheets import write_csv

    output: Path | None = arguments.output
    if output is not None and output.suffix.lower() not in _BOOKS and not is_stream(output):
        raise InputError(f"-o {output} ends in none of {', '.join(_BOOKS)}.{did_you_mean(output.suffix, _BOOKS)}")
    if arguments.ledger is not None and (output is None or output.suffix.lower() != ".xlsx"):
        raise InputError("--ledger goes with a workbook: give -o FILE.xlsx too")
    for target in (output, arguments.ledger):
        if target is not None:
            check_target(target)
    book, paid = read_rules(arguments.file).with_roster(arguments.roster), _paid_for(arguments)
    wanted = _period_of(arguments.period) or _MONTH
    result, period = _loaded_for(arguments, wanted, arguments.accounts, users=book.names_people)
    explain = arguments.explain or (output is not None and output.suffix.lower() == ".xlsx")
    table = handed_out(_of_period(result, period), book, explain=explain, overhang="include", **paid)
    if output is None:
        write_stdout(f"{period}, rules {book.sha256[:12]}\n{_every_line(table)}\n")
    elif output.suffix.lower() == ".xlsx":
        write_chargeback(table, output, period=period, ledger=arguments.ledger)
    elif output.suffix.lower() == ".parquet":
        write_file(output, table.write_parquet)
    else:
        write_csv(table, output)
    if output is not None and not arguments.quiet and not is_stream(output):
        also = f" and {arguments.ledger}" if arguments.ledger is not None else ""
        write_stdout(f"{output}{also}: {period}, rules {book.sha256[:12]}\n")
    if result.partial:
        tell("something is known to be missing: what is handed out is less than the bill")
    return INCOMPLETE if result.partial else DONE


def _paid_for(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read what was paid for beside usage, before anything is loaded: tables, and prices of seats as JSON."""
    from truto_usage_nb.questions.tables import read_table

    tables = {name: getattr(arguments, name) for name in ("seats", "purchases", "commitments")}
    made: dict[str, Any] = {
        name: read_table(path, f"--{name} {path}").frame for name, path in tables.items() if path is not None
    }
    if (arguments.seats is None) != (arguments.seat_prices is None):
        raise InputError("--seats says whose seats there are, and --seat-prices what each costs: give both or neither")
    if arguments.seat_prices is not None:
        try:
            prices = json.loads(arguments.seat_prices)
        except (ValueError, RecursionError):
            prices = None
        if not isinstance(prices, dict):
            written = '{"cursor": [40, "USD"]}'
            raise InputError(
                f"--seat-prices {shown(arguments.seat_prices)} is no JSON of prices; write it like {written}"
            )
        made["seat_prices"] = {name: tuple(one) if isinstance(one, list) else one for name, one in prices.items()}
    if arguments.decimal is not None:
        made["decimal"] = arguments.decimal
    return made


def _every_line(table: pl.DataFrame) -> str:
    """Write an allocation for a terminal, none of its lines left out."""
    import polars as pl

    named = table.drop("rules_sha256").with_columns(pl.col("target").fill_null("(unallocated)"))
    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=60, tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True, thousands_separator=True, float_precision=2, tbl_formatting="NOTHING",
        tbl_cell_numeric_alignment="RIGHT",
    ):  # fmt: skip
        return str(_harmless(named))


def _of_period(result: UsageResult, period: Period) -> Any:
    import polars as pl

    inside = (pl.col("start_date") >= period.start) & (pl.col("start_date") < period.end)
    return result.polars.filter(inside | pl.col("start_date").is_null())


def _loaded_for(
    arguments: argparse.Namespace, wanted: Any, accounts: list[str] | None, *, checks: Any = None, users: bool = False
) -> tuple[UsageResult, Period]:
    """Read the snapshot, or load what is needed; also give the period, seen from the clock of whoever was asked."""
    if arguments.snapshot is not None:
        from truto_usage_nb.result import read_result

        result = read_result(arguments.snapshot)
        return result, Period.parse(wanted, now=result.fetched_at)
    from truto_usage_nb.allocation.check import span_to_load
    from truto_usage_nb.reports.loading import load
    from truto_usage_nb.reports.steps import steps_shown

    with _client_of(arguments) as client:
        period = Period.parse(wanted, now=client.now())
        span = period if checks is None else span_to_load(checks, period)
        with steps_shown(False if arguments.quiet else None) as show:
            result = load(
                client, accounts or list(getattr(client, "labels", ())) or None, span, show,
                users=users or (checks is not None and checks.needs_people),
                integration=_integrations_of(arguments.integration),
                on_error="warn" if checks is not None else arguments.on_error,
            )  # fmt: skip
    return result, period


FOCUS_RECEIVERS = ("vantage", "datadog", "cloudzero", "finops_hub")
FOCUS_VERSIONS = ("1.4", "1.2")


def run_focus(arguments: argparse.Namespace) -> int:
    """Deliver usage as FOCUS, or export it for a platform; 3 where something is known to be missing."""
    from truto_usage_nb.focus import deliver_focus, export_focus, to_focus

    folder, options = _focus_folder(arguments.output), _focus_options(arguments)
    result = _focus_result(arguments)
    if arguments.to is None:
        previous = None if arguments.previous is None else Path(arguments.previous)
        deliver_focus(result, folder, previous=previous, **options)
        told = f"{folder}: {result.polars.height:,} records as FOCUS {options['version']}\n"
    else:
        if arguments.previous is not None:
            raise InputError("--previous is for a delivery, and --to writes for a platform: leave one of them out")
        paths = export_focus(to_focus(result, **options), arguments.to, folder)
        told = "".join(f"{path}\n" for path in paths)
    if not arguments.quiet:
        write_stdout(told)
    return INCOMPLETE if result.partial else DONE


def _focus_result(arguments: argparse.Namespace) -> Any:
    if arguments.snapshot is not None:
        from truto_usage_nb.result import read_result

        return read_result(arguments.snapshot)
    with _client_of(arguments) as client:
        return client.fetch_usage(
            arguments.accounts or client.list_accounts()["id"].to_list(),
            period=_period_of(arguments.period or _MONTH),
            integration=_integrations_of(arguments.integration),
            on_error=arguments.on_error,
            progress=False if arguments.quiet else None,
        )


def _focus_folder(text: str) -> Path:
    """Check where to write before anything is loaded."""
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"-o {text} is a file; name a folder")
    return folder


def _focus_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments of `to_focus`: those with an option of their own, and NAME=VALUE, where VALUE may be JSON."""
    from truto_usage_nb.focus import to_focus

    known = [name for name in inspect.signature(to_focus).parameters if name not in ("frame", "choices", "version")]
    made: dict[str, Any] = {"version": arguments.focus_version}
    if arguments.closed_before is not None:
        made["closed_before"] = arguments.closed_before
    for pair in arguments.parameters:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise InputError(f"-p {pair} is not NAME=VALUE; write it like -p prepaid=confluent")
        if name in made:
            raise InputError(f"-p {name}= is given twice, or has an option of its own: --{name.replace('_', '-')}")
        if name == "purchases":
            made[name] = _purchases(text)
            continue
        try:
            made[name] = json.loads(text)
        except (ValueError, RecursionError):
            made[name] = text
        if name not in known and name not in ("keep", "contract", "positive_credits", "billing_currency", "overlap"):
            near = did_you_mean(name, known)
            raise InputError(f"-p {name}= is no argument of to_focus.{near} It has {', '.join(known)}.")
    return made


def _purchases(text: str) -> Any:
    import polars as pl

    path = Path(text)
    if path.suffix == ".parquet" and path.is_file():
        return pl.read_parquet(path)
    if path.suffix == ".csv" and path.is_file():
        return pl.read_csv(path, try_parse_dates=True)
    raise InputError(f"-p purchases={text} is no .csv or .parquet file that is there")
