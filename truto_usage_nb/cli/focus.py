"""The command `focus`: usage as FOCUS, delivered into a folder, or as the files that a platform takes in."""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any

from truto_usage_nb.cli.codes import DONE, INCOMPLETE
from truto_usage_nb.cli.commands import client_of, integration_of, period_of
from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.writing import write_stdout

__all__ = ["RECEIVERS", "VERSIONS", "focus"]

RECEIVERS = ("vantage", "datadog", "cloudzero", "finops_hub")
VERSIONS = ("1.4", "1.2")
_MONTH = "last-month"


def focus(arguments: argparse.Namespace) -> int:
    """Deliver usage as FOCUS, or export it for a platform; 3 where something is known to be missing."""
    from truto_usage_nb.focus import deliver_focus, export_focus, to_focus

    folder, options = _folder(arguments.output), _options(arguments)
    result = _result(arguments)
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


def _result(arguments: argparse.Namespace) -> Any:
    if arguments.snapshot is not None:
        from truto_usage_nb.result import read_result

        return read_result(arguments.snapshot)
    with client_of(arguments) as client:
        return client.fetch_usage(
            arguments.accounts or client.list_accounts()["id"].to_list(),
            period=period_of(arguments.period or _MONTH),
            integration=integration_of(arguments.integration),
            on_error=arguments.on_error,
            progress=False if arguments.quiet else None,
        )


def _folder(text: str) -> Path:
    """Check where to write before anything is loaded."""
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"-o {text} is a file; name a folder")
    return folder


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
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
            made[name] = _table(text)
            continue
        try:
            made[name] = json.loads(text)
        except (ValueError, RecursionError):
            made[name] = text
        if name not in known and name not in ("keep", "contract", "positive_credits", "billing_currency", "overlap"):
            near = did_you_mean(name, known)
            raise InputError(f"-p {name}= is no argument of to_focus.{near} It has {', '.join(known)}.")
    return made


def _table(text: str) -> Any:
    import polars as pl

    path = Path(text)
    if path.suffix == ".parquet" and path.is_file():
        return pl.read_parquet(path)
    if path.suffix == ".csv" and path.is_file():
        return pl.read_csv(path, try_parse_dates=True)
    raise InputError(f"-p purchases={text} is no .csv or .parquet file that is there")
