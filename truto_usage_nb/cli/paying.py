"""The commands of who pays: hand a bill out, and hold it against what was agreed on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truto_usage_nb.cli.commands import client_of, harmless, integration_of, period_of
from truto_usage_nb.errors import InputError, UsageError, did_you_mean, tell
from truto_usage_nb.outside import one_line
from truto_usage_nb.planning import Period
from truto_usage_nb.writing import check_target, is_stream, write_file, write_stdout

if TYPE_CHECKING:
    from truto_usage_nb.result import UsageResult

__all__ = ["allocate", "check"]

_KINDS = (".xlsx", ".csv", ".parquet")
_MONTH = "last-month"


def check(arguments: argparse.Namespace) -> int:
    """Judge a period: 0 where all is well, 1 where something is breached, else 2 where it could not be judged."""
    from truto_usage_nb.allocation import check as judging
    from truto_usage_nb.native import enter

    checks = judging.read_checks(arguments.file)
    if arguments.junit is not None:
        check_target(arguments.junit)
    wanted = period_of(arguments.period) or checks.period or _MONTH
    accounts = arguments.accounts or list(checks.accounts) or None
    try:
        result, period = _loaded(arguments, wanted, accounts, checks=checks)
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


def allocate(arguments: argparse.Namespace) -> int:
    """Hand out a period, and write what finance needs."""
    from truto_usage_nb.allocation import allocate as handed_out
    from truto_usage_nb.allocation import read_rules, write_chargeback
    from truto_usage_nb.spreadsheets import write_csv

    output: Path | None = arguments.output
    if output is not None and output.suffix.lower() not in _KINDS and not is_stream(output):
        raise InputError(f"-o {output} ends in none of {', '.join(_KINDS)}.{did_you_mean(output.suffix, _KINDS)}")
    if arguments.ledger is not None and (output is None or output.suffix.lower() != ".xlsx"):
        raise InputError("--ledger goes with a workbook: give -o FILE.xlsx too")
    for target in (output, arguments.ledger):
        if target is not None:
            check_target(target)
    book = read_rules(arguments.file).with_roster(arguments.roster)
    wanted = period_of(arguments.period) or _MONTH
    result, period = _loaded(arguments, wanted, arguments.accounts, users=book.names_people)
    explain = arguments.explain or (output is not None and output.suffix.lower() == ".xlsx")
    table = handed_out(_of_period(result, period), book, explain=explain, overhang="include")
    if output is None:
        shown = table.drop("rules_sha256")
        write_stdout(f"{period}, rules {book.sha256[:12]}\n{harmless(shown)}\n")
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
    return 3 if result.partial else 0


def _of_period(result: UsageResult, period: Period) -> Any:
    import polars as pl

    inside = (pl.col("start_date") >= period.start) & (pl.col("start_date") < period.end)
    return result.polars.filter(inside | pl.col("start_date").is_null())


def _loaded(
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

    with client_of(arguments) as client:
        period = Period.parse(wanted, now=client.now())
        span = period if checks is None else span_to_load(checks, period)
        with steps_shown(False if arguments.quiet else None) as show:
            result = load(
                client, accounts or list(getattr(client, "labels", ())) or None, span, show,
                users=users or (checks is not None and checks.needs_people),
                integration=integration_of(arguments.integration),
                on_error="warn" if checks is not None else arguments.on_error,
            )  # fmt: skip
    return result, period
