"""What each command does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truto_usage_nb.cli.codes import DONE, INCOMPLETE
from truto_usage_nb.errors import InputError, did_you_mean, tell
from truto_usage_nb.outside import one_line, plain
from truto_usage_nb.query import PARAMETERS
from truto_usage_nb.writing import check_target, is_stream, write_stdout

if TYPE_CHECKING:
    import polars as pl

    from truto_usage_nb.client import Client
    from truto_usage_nb.result import UsageResult

__all__ = ["accounts", "client_of", "harmless", "integration_of", "load", "period_of", "report", "reports", "sandbox"]

_KINDS = (".parquet", ".csv", ".xlsx")


def load(arguments: argparse.Namespace) -> int:
    """Load usage; 3 where something is known to be missing."""
    output = _output(arguments.output)
    given = {name: getattr(arguments, name) for name in PARAMETERS if getattr(arguments, name, None) is not None}
    if "remote_query" in given:
        given["remote_query"] = _object(given["remote_query"])
    if arguments.users is not None:
        given["users"] = arguments.users
    with client_of(arguments) as client:
        result = client.fetch_usage(
            _accounts(arguments, client),
            period=period_of(arguments.period),
            integration=integration_of(arguments.integration),
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
    if path.suffix.lower() not in _KINDS and not is_stream(path):
        near = did_you_mean(path.suffix, _KINDS)
        raise InputError(f"-o {text} ends in none of {', '.join(_KINDS)}.{near}")
    if path.is_dir():
        raise InputError(f"-o {text} is a folder; name a file in it")
    check_target(path)
    return path


def _write(result: UsageResult, output: Path | None, *, quiet: bool) -> None:
    from truto_usage_nb.spreadsheets import csv_text, write_csv, write_xlsx

    if output is None:
        write_stdout(f"{one_line(repr(result))}\n{harmless(result.polars.head(10))}\n")
        return
    if output == Path("-"):
        seen = sys.stdout is not None and sys.stdout.isatty()
        write_stdout(plain(csv_text(harmless(result.polars))) if seen else csv_text(result), as_it_is=not seen)
        return
    writers: dict[str, Any] = {".parquet": lambda one, path: one.save(path), ".xlsx": write_xlsx}
    writers.get(output.suffix.lower(), write_csv)(result, output)
    if not quiet and not is_stream(output):  # it may be standard output, where a table is expected
        write_stdout(f"{output}: {result.polars.height:,} records{_span(result)}\n")


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
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


def period_of(text: str | None) -> Any:
    return tuple(part.strip() for part in text.split(",")) if text is not None and "," in text else text


def integration_of(text: str | None) -> str | dict[str, str] | None:
    """Read one name for all accounts, or ACCOUNT=NAME with commas between."""
    if text is None or "=" not in text:
        return text
    pairs = [part.strip().rpartition("=") for part in text.split(",")]
    return {account: name for account, _, name in pairs}


def _accounts(arguments: argparse.Namespace, client: Client) -> list[str]:
    """Give the accounts that are named; with --direct and no name, all that are described."""
    return list(arguments.accounts or getattr(client, "labels", ()))


def client_of(arguments: argparse.Namespace) -> Client:
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


def report(arguments: argparse.Namespace) -> int:
    """Render a report, and say where it is."""
    from truto_usage_nb.reports import make_report
    from truto_usage_nb.reports.source import Source

    pdf = arguments.output.with_suffix(".pdf") if arguments.pdf == "" else arguments.pdf
    asks = arguments.snapshot is None
    client = client_of(arguments) if asks and not arguments.sandbox else None
    path = arguments.output
    source = Source(
        snapshot=arguments.snapshot,
        client=client,
        sandbox=arguments.sandbox,
        accounts=arguments.accounts,
        period=period_of(arguments.period),
        keep_snapshot=arguments.keep_snapshot,
        integration=integration_of(arguments.integration),
        on_error=arguments.on_error,
    )
    parameters = _parameters(arguments.parameters)
    is_partial = make_report(
        arguments.name, path, source, parameters, pdf=pdf, progress=False if arguments.quiet else None
    )
    if is_partial:
        tell(f"{path} lacks some of what was asked for, and its first lines say what")
    if not arguments.quiet:
        write_stdout("".join(f"{each}\n" for each in (path, pdf) if each is not None and not is_stream(each)))
    return INCOMPLETE if is_partial else DONE


_OPTIONS = (
    "client", "snapshot", "sandbox", "accounts", "period", "keep_snapshot", "integration", "on_error", "pdf",
    "progress", "to",
)  # fmt: skip


def _parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """Read `name=value`: JSON where it is JSON, a file where there is one, else text."""
    made: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise InputError(f"-p {pair} is not NAME=VALUE; write it like -p earlier=september.parquet")
        if name in _OPTIONS:
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


def accounts(arguments: argparse.Namespace) -> int:
    """List the accounts, a line each."""
    with client_of(arguments) as client:
        rows = client.list_accounts().rows(named=True)
    lines = ("\t".join(one_line(str(row[name] or "")) for name in ("id", "integration", "name")) for row in rows)
    write_stdout("".join(f"{line}\n" for line in lines))
    return DONE


def reports(_: argparse.Namespace) -> int:
    """List the reports, a line each."""
    from truto_usage_nb.reports import list_reports

    write_stdout("".join(f"{name}\n" for name in list_reports()))
    return DONE


def sandbox(arguments: argparse.Namespace) -> int:
    """Serve the embedded service until interrupted."""
    from truto_usage_nb.sandbox.__main__ import main as serve

    return serve(arguments.rest, prog="truto-usage sandbox")
