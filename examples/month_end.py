"""Close a month: what is kept, who pays, the FOCUS rows and the page, in one folder.

    python examples/month_end.py --sandbox --folder month --accounts claude-console cursor confluent datadog
    TRUTO_API_TOKEN=… python examples/month_end.py --rules rules.yml --folder month
    python examples/month_end.py --direct direct.toml --rules rules.yml --folder month

Needs the library with its reports: pip install "truto-usage-nb[reports]". Ends with 3 where an account failed: the
figures are then too small, and the page says which account it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

import truto_usage_nb as tu


def asked(arguments: argparse.Namespace) -> tu.Client:
    """Give whom to ask: the sandbox, the vendors themselves, or the service."""
    if arguments.sandbox:
        return tu.sandbox()
    return tu.direct(arguments.direct) if arguments.direct else tu.Client()


def with_people(result: tu.UsageResult, client: tu.Client, month: tu.Period) -> pl.DataFrame:
    """Give the records, and beside them Claude's bill by person, which it tells on request alone."""
    claude = [account for account, integration in result.integrations.items() if integration == "claude"]
    if not claude:
        return result.polars
    people = tu.load_usage(claude, period=month, users=True, client=client)
    return pl.concat([result.polars, people], how="diagonal_relaxed")


def close(client: tu.Client, accounts: list[str], rules: object, month: tu.Period, folder: Path) -> int:
    """Load a month once, and make everything of what is kept."""
    result = tu.fetch_usage(accounts, period=month, client=client, on_error="warn")
    kept = result.save(folder / "usage.parquet")

    bill = tu.cost_per(result.polars, ["integration", "integrated_account_id"])
    tu.write_xlsx(bill, folder / "bill.xlsx")
    if rules is not None:
        allocated = tu.allocate(with_people(result, client, month), rules, explain=True)
        tu.write_chargeback(allocated, folder / "chargeback.xlsx", period=month, ledger=folder / "ledger.csv")
    tu.deliver_focus(result, folder / "focus")
    tu.render_report("ai_spend", folder / "report.html", snapshot=kept, period=month, progress=False)

    print(month)
    for currency, cost in bill.group_by("currency").agg(pl.col("cost").sum()).sort("currency").iter_rows():
        print(f"{cost or 0:,.2f} {currency or 'without a currency'}")
    print(tu.closing_line(bill))
    return 3 if result.partial else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Close a month.")
    parser.add_argument("--sandbox", action="store_true", help="the service embedded, with rules of its own")
    parser.add_argument("--direct", metavar="FILE.toml", help="ask the vendors with the keys that a file names")
    parser.add_argument("--accounts", nargs="+", metavar="ACCOUNT", help="all when left out")
    parser.add_argument("--rules", metavar="FILE.yml", help="who pays; docs/allocation.md has the format")
    parser.add_argument("--period", default="last-month", help="last-month when left out")
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with asked(arguments) as client:
        rules = arguments.rules or (client.rules() if arguments.sandbox else None)
        accounts = arguments.accounts or client.list_accounts()["id"].to_list()
        month = tu.Period.parse(arguments.period, now=client.now())
        return close(client, accounts, rules, month, arguments.folder)


if __name__ == "__main__":
    sys.exit(main())
