"""What can be typed: the options of the endpoint come from `query`, so that help and checks are one."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from truto_usage_nb.cli import commands
from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.outside import plain, shortened
from truto_usage_nb.query import PARAMETERS, Parameter

__all__ = ["parsed", "parser"]

_OF_THE_CALL = {"integrated_account_id"}

_EPILOG = """\
examples:
  truto-usage accounts
  truto-usage load ACCOUNT --period 2026-10 -o october.xlsx
  truto-usage report ai_spend --period 2026-10 -o october.html --pdf
  truto-usage check check.yml --period yesterday
  truto-usage allocate rules.yml --period last-month -o october.xlsx
  truto-usage focus --period 2026-10 -o focus
  truto-usage load cursor --sandbox --period 2026-10-05
  truto-usage load --direct direct.toml --period 2026-10 -o october.parquet

environment:
  TRUTO_API_TOKEN   the token; it is read from here alone, and never written anywhere
  TRUTO_BASE_URL    another address of the service

exit codes:
  0 done            2 cannot be asked   75 failed for now: try again later
  1 failed          3 done, but some data is missing   130 interrupted
"""

_LOAD = """\
Load usage and cost into a file, or show the first rows. Times are UTC.
The ending says which kind of file: .parquet keeps everything, with where it
came from, and is what `report --snapshot` reads; .xlsx and .csv are for
spreadsheets (lists as JSON text, texts never run as formulas).
"""

_REPORT = """\
Render a report to one HTML file that asks nothing of the network.
`truto-usage reports` lists those that come with the library; a notebook of
yours with a cell tagged `parameters` is named by its path. The token never
reaches the notebook.
"""

_CHECK = """\
Hold usage against budgets, what is usual, what should be there, and limits on
unit prices, as FILE.yml says (docs/allocation.md has the format). The file is
read before anything is loaded.

exit codes:
  0 all is well   1 something is breached   2 something could not be judged
  (when both occur, 1, and both are printed)
"""

_ALLOCATE = """\
Hand a bill out to teams or cost centres by rules (docs/allocation.md has the
format). The ending says which kind of file: .xlsx is a workbook for finance
with a sheet a team, .csv and .parquet are the table; without -o it is shown.
"""


_FOCUS = """\
Deliver usage and cost as FOCUS into a folder: a billing period a folder in
Parquet, replaced whole, with the specification's metadata beside them. With
--to write the files that a platform takes in. The period must be whole billing
periods; last-month is what is asked for when it is left out.
"""


def parsed(given: Sequence[str]) -> argparse.Namespace:
    """Read a command line. An unknown option is an error that names it, and never repeats its value."""
    top = parser()
    arguments, unknown = top.parse_known_args(given)
    if arguments.command == "load" and not arguments.accounts and arguments.direct is None:
        top.error("the following arguments are required: ACCOUNT")
    if arguments.command == "sandbox":
        arguments.rest = unknown
    elif unknown:
        _refuse(unknown, arguments.known)
    return arguments


def _refuse(unknown: Sequence[str], known: Iterable[str]) -> None:
    names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    if not names:
        raise InputError(f"{len(unknown)} words too many; quote a name that has blanks")
    token = " The token comes from TRUTO_API_TOKEN alone." if any("token" in name for name in names) else ""
    raise InputError(
        f"there is no option {names[0]}.{did_you_mean(names[0], known)}{token} --help lists those there are"
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse, and show of what was typed what fits on a screen."""
        super().error(shortened(plain(message), 2_000))


def parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    from importlib.metadata import version

    top = _Parser(
        prog="truto-usage", formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, epilog=_EPILOG,
        description="Usage and cost of Claude, OpenAI Codex, Confluent, Cursor and Datadog, from a shell.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"truto-usage {version('truto-usage-nb')}")
    made = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _load(_command(made, "load", "load usage into a file", _LOAD, commands.run_load, takes=" ACCOUNT [ACCOUNT ...]"))
    _report(
        _command(
            made, "report", "render a report to one HTML file", _REPORT, commands.run_report, takes=" NAME -o FILE.html"
        )
    )
    _check(
        _command(made, "check", "check budgets, unusual days and gaps", _CHECK, commands.run_check, takes=" FILE.yml")
    )
    _allocate(
        _command(
            made, "allocate", "hand a bill out by rules", _ALLOCATE, commands.run_allocate, takes=" RULES [-o FILE]"
        )
    )
    _focus(_command(made, "focus", "deliver usage as FOCUS", _FOCUS, commands.run_focus, takes=" -o FOLDER"))
    _command(made, "accounts", "list the connected accounts", "List the connected accounts, a line each: id, "
             "integration and name, with tabs between.", commands.run_accounts)  # fmt: skip
    _command(made, "reports", "list the reports there are", "List the reports that come with the library.",
             commands.run_reports)  # fmt: skip
    served = made.add_parser("sandbox", help="serve the embedded service on this machine", add_help=False)
    served.set_defaults(run=commands.run_sandbox)
    for each in made.choices.values():
        each.set_defaults(known=[name for action in each._actions for name in action.option_strings])
    return top


def _command(made: Any, name: str, text: str, about: str, run: Any, *, takes: str = "") -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = made.add_parser(
        name,
        usage=f"truto-usage {name} [options]{takes}",
        help=text,
        description=about,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.set_defaults(run=run)
    one.add_argument("--sandbox", action="store_true", help="ask the embedded service: no account, no network")
    one.add_argument("--direct", nargs="?", const="", metavar="FILE", help="ask the vendors themselves, with the keys "
                     "that FILE (TOML) or the environment names")  # fmt: skip
    one.add_argument("-q", "--quiet", action="store_true", help="no progress and no summary; errors and notes remain")
    one.add_argument("--debug", action="store_true", help="under an error's sentence, show where it came from")
    return one


def _period(one: Any) -> None:
    one.add_argument("--period", metavar="WHEN", help="2026, 2026-10, 2026-10-05, last-month, "
                     "this-month, yesterday, or START,END with END excluded; UTC")  # fmt: skip


def _source(one: argparse.ArgumentParser) -> None:
    what = one.add_argument_group("what to look at")
    _period(what)
    what.add_argument("--accounts", nargs="+", metavar="ACCOUNT", help="accounts' ids; all known ones when left out")
    what.add_argument("--snapshot", type=Path, metavar="FILE.parquet", help="look at what `load` wrote; ask nobody")
    _failing(what)


def _check(one: argparse.ArgumentParser) -> None:
    one.add_argument("file", type=Path, metavar="FILE.yml", help="what to check")
    one.add_argument("--json", action="store_true", help="write JSON to standard output")
    one.add_argument("--junit", type=Path, metavar="FILE.xml", help="write a JUnit report too")
    _source(one)


def _allocate(one: argparse.ArgumentParser) -> None:
    one.add_argument("file", type=Path, metavar="RULES", help="the rules: YAML, CSV or a workbook")
    one.add_argument("-o", "--output", type=Path, metavar="FILE", help=".xlsx, .csv or .parquet")
    one.add_argument("--roster", type=Path, metavar="FILE", help="a table of people (email, to, from, until)")
    one.add_argument("--seats", type=Path, metavar="FILE", help="a table of seats (integration, email)")
    one.add_argument("--seat-prices", metavar="JSON", help='what a seat costs a month, such as {"cursor": [40, "USD"]}')
    one.add_argument("--purchases", type=Path, metavar="FILE", help="what was bought (account, amount, currency)")
    one.add_argument("--commitments", type=Path, metavar="FILE", help="what was committed to")
    one.add_argument("--decimal", metavar="MARK", help="the decimal mark of these two, where amounts are text: . or ,")
    one.add_argument("--ledger", type=Path, metavar="FILE.csv", help="a journal for the books, beside the workbook")
    one.add_argument("--explain", action="store_true", help="a line a rule and target")
    _source(one)


def _focus(one: argparse.ArgumentParser) -> None:
    one.add_argument("-o", "--output", required=True, metavar="FOLDER", help="the folder to deliver into")
    one.add_argument(
        "--to", choices=commands.FOCUS_RECEIVERS, help="write the files of a platform instead of a delivery"
    )
    one.add_argument(
        "--focus-version", choices=commands.FOCUS_VERSIONS, default=commands.FOCUS_VERSIONS[0], help="1.4 when left out"
    )
    one.add_argument("--closed-before", metavar="DATE", help="billing periods that ended by then are invoiced")
    one.add_argument("--previous", metavar="FOLDER", help="an earlier delivery, often the same folder: what changed in "
                     "closed periods becomes corrections")  # fmt: skip
    one.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", dest="parameters",
                     help="an argument of to_focus, such as -p prepaid=confluent or -p purchases=bought.csv; JSON is "
                     "read as such; may be repeated")  # fmt: skip
    _source(one)


def _load(one: argparse.ArgumentParser) -> None:
    one.add_argument("accounts", nargs="*", metavar="ACCOUNT",
                     help="an account's id, or several; with --direct none is all that are described")  # fmt: skip
    one.add_argument("-o", "--output", metavar="FILE", help=".parquet, .csv or .xlsx; - for CSV on standard output")
    what = one.add_argument_group("what to load")
    _period(what)
    what.add_argument("--users", action=argparse.BooleanOptionalAction, help="ask by user, where there is such a view")
    what.add_argument("--overhang", metavar="{prorate,include,drop}", help="records that stick out of the period")
    _failing(what)
    group = one.add_argument_group(
        "parameters of the endpoint", "Passed on as they are; in brackets: who honours them."
    )
    for parameter in PARAMETERS.values():
        if parameter.name not in _OF_THE_CALL:
            _add(group, parameter)


def _failing(what: Any) -> None:
    what.add_argument("--integration", metavar="NAME", help="what stands behind the accounts, where the token may not "
                      f"look it up: {', '.join(INTEGRATIONS)}; or ACCOUNT=NAME, with commas between")  # fmt: skip
    what.add_argument("--on-error", default="raise", metavar="{raise,warn}", help="warn: where an account fails, write "
                      "what did load, say what is missing and exit with 3")  # fmt: skip


def _add(group: Any, parameter: Parameter) -> None:
    """Derive one option from one parameter of the endpoint."""
    who = (
        "" if len(parameter.integrations) == len(INTEGRATIONS) else f" [{', '.join(parameter.integrations) or 'none'}]"
    )
    options: dict[str, Any] = {"help": f"{parameter.help}{who}".replace("%", "%%"), "dest": parameter.name}
    if parameter.kind == "flag":
        options["action"] = argparse.BooleanOptionalAction
    elif parameter.kind == "texts":
        options.update(nargs="+", action="extend", metavar="TEXT")
    elif parameter.kind == "number":
        options.update(type=int, metavar="N")
    elif parameter.allowed:
        options["metavar"] = "{" + ",".join(parameter.allowed) + "}"
    else:
        options["metavar"] = {"moment": "DATE", "day": "YYYY-MM-DD", "object": "JSON"}.get(parameter.kind, "TEXT")
    group.add_argument(f"--{parameter.name.replace('_', '-')}", **options)


def _report(one: argparse.ArgumentParser) -> None:
    one.add_argument("name", metavar="NAME", help="a report's name, or the path of a notebook")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html", help="the page to write")
    one.add_argument("--pdf", nargs="?", const="", metavar="FILE.pdf", help="print it too; beside the page by default")
    what = one.add_argument_group("what to report")
    _period(what)
    what.add_argument("--accounts", nargs="+", metavar="ACCOUNT", help="accounts' ids; all known ones when left out")
    what.add_argument("--snapshot", type=Path, metavar="FILE.parquet", help="report from what `load` wrote; ask nobody")
    what.add_argument("--keep-snapshot", type=Path, metavar="FILE.parquet", help="keep what was loaded")
    _failing(what)
    what.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", dest="parameters",
                      help="a parameter of the report, such as -p earlier=september.parquet; numbers, true and "
                      "JSON are read as such; may be repeated")  # fmt: skip
