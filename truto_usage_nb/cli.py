"""The command line: load, report, accounts, reports, sandbox."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from truto_usage_nb.errors import InputError, UsageError
from truto_usage_nb.query import PARAMETERS, Parameter

__all__ = ["main"]

_OF_THE_CALL = {"integrated_account_id"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives 0, 1 for an error of ours (one line on standard error), 2 for wrong usage."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[:1] == ["sandbox"]:
        from truto_usage_nb.sandbox.__main__ import main as serve

        return serve(given[1:])
    arguments = _parser().parse_args(given)
    try:
        arguments.run(arguments)
    except UsageError as problem:
        sys.stderr.write(f"truto-usage: {problem}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="truto-usage", description="Usage and cost of five services, from a shell.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    load = _command(commands, "load", "load usage into a file, or show its first lines", _load)
    load.add_argument("accounts", nargs="+", metavar="ACCOUNT", help="an account id, or several")
    load.add_argument("--period", help="2026, 2026-10, 2026-10-05, or START,END (end excluded, UTC)")
    load.add_argument("-o", "--output", type=Path, help="FILE.parquet or FILE.csv")
    for parameter in PARAMETERS.values():
        if parameter.name not in _OF_THE_CALL and parameter.kind != "object":
            _add(load, parameter)
    report = _command(commands, "report", "render a report to one HTML file", _report)
    report.add_argument("name", help="one of `truto-usage reports`, or a notebook")
    report.add_argument("--period", help="as for load")
    report.add_argument("--accounts", nargs="+", help="account ids; all known ones when left out")
    report.add_argument("--snapshot", type=Path, help="render from a saved snapshot instead of loading")
    report.add_argument("-o", "--output", type=Path, required=True, help="FILE.html")
    _command(commands, "accounts", "list the connected accounts", _accounts)
    _command(commands, "reports", "list the reports that come with the library", _reports)
    commands.add_parser("sandbox", help="serve the embedded service on loopback", add_help=False)
    return parser


def _command(commands: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    made.set_defaults(run=run)
    made.add_argument("--sandbox", action="store_true", help="ask the embedded service: no account, no network")
    return made


def _add(parser: argparse.ArgumentParser, parameter: Parameter) -> None:
    """Derive one option from one parameter of the endpoint."""
    options: dict[str, Any] = {"help": parameter.help, "dest": parameter.name}
    if parameter.kind == "flag":
        options["action"] = argparse.BooleanOptionalAction
    elif parameter.kind == "texts":
        options.update(nargs="+", metavar="TEXT")
    elif parameter.kind == "number":
        options.update(type=int, metavar="N")
    elif parameter.allowed:
        options["metavar"] = "{" + ",".join(parameter.allowed) + "}"
    parser.add_argument(f"--{parameter.name.replace('_', '-')}", **options)


def _client(arguments: argparse.Namespace) -> Any:
    if arguments.sandbox:
        from truto_usage_nb.sandbox.face import make

        return make()
    from truto_usage_nb.client import Client

    return Client()


def _period(text: str | None) -> Any:
    return tuple(text.split(",")) if text is not None and "," in text else text


def _load(arguments: argparse.Namespace) -> None:
    if arguments.output is not None and arguments.output.suffix not in {".parquet", ".csv"}:
        raise InputError(f"{arguments.output} is neither .parquet nor .csv")
    given = {name: getattr(arguments, name) for name in PARAMETERS if getattr(arguments, name, None) is not None}
    result = _client(arguments).fetch_usage(arguments.accounts, period=_period(arguments.period), **given)
    if arguments.output is None:
        sys.stdout.write(f"{result!r}\n{result.polars.head(10)}\n")
        return
    if arguments.output.suffix == ".parquet":
        result.save(arguments.output)
    else:
        _write_csv(result.polars, arguments.output)
    sys.stdout.write(f"{arguments.output}: {result.polars.height:,} records\n")


def _write_csv(frame: Any, path: Path) -> None:
    """Write lists as JSON text, and defuse texts that a spreadsheet would run as a formula."""
    import json

    import polars as pl

    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    as_json = [
        pl.Series(name, [None if row is None else json.dumps(row) for row in frame[name].to_list()], dtype=pl.String)
        for name in lists
    ]
    safe = [
        pl.when(pl.col(name).str.contains(r"^[=+\-@\t\r]")).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in texts
    ]
    frame.with_columns(safe).with_columns(as_json).write_csv(path)


def _report(arguments: argparse.Namespace) -> None:
    from truto_usage_nb.reports import render_report

    path = render_report(
        arguments.name,
        arguments.output,
        sandbox=arguments.sandbox,
        snapshot=arguments.snapshot,
        accounts=arguments.accounts,
        period=_period(arguments.period),
    )
    sys.stdout.write(f"{path}\n")


def _accounts(arguments: argparse.Namespace) -> None:
    for row in _client(arguments).list_accounts().rows(named=True):
        sys.stdout.write(f"{row['id']}\t{row['integration']}\t{row['name']}\n")


def _reports(_: argparse.Namespace) -> None:
    from truto_usage_nb.reports import list_reports

    sys.stdout.write("".join(f"{name}\n" for name in list_reports()))
