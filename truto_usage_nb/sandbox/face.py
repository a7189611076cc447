"""The face of the sandbox: a client mounted on the embedded service."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.checks import a_path, is_number, listed
from truto_usage_nb.client import Client
from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import Period
from truto_usage_nb.sandbox.answers import AnswerKey, commitment_rows, directory_rows, invoices, rosters
from truto_usage_nb.sandbox.app import DEFAULT_TOKEN, DEFAULT_WORLD, create_app
from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.faults import Fault, Faults
from truto_usage_nb.sandbox.mount import BASE_URL, SandboxTransport
from truto_usage_nb.sandbox.owners import allocation_rules, rules_text, staff_rows
from truto_usage_nb.spreadsheets import write_csv
from truto_usage_nb.writing import write_file

__all__ = ["SandboxClient", "make_sandbox"]


class SandboxClient(Client):
    """A `Client` whose service is embedded: the same requests, the same bytes, seeded data of five integrations.

    `world` holds the seed, the moment at which both clocks stand, and the size of the company.
    """

    def __init__(
        self,
        world: World,
        *,
        faults: Faults | Iterable[Fault] | None = None,
        token: str = DEFAULT_TOKEN,
        **options: Any,
    ) -> None:
        self.world = world
        app = create_app(world, DEFAULT_TOKEN, faults=faults)
        super().__init__(token, base_url=BASE_URL, transport=SandboxTransport(app), clock=lambda: world.now, **options)

    def answers(self, period: str | tuple[date | str, date | str], accounts: Iterable[str] | None = None) -> AnswerKey:
        """Give the generator's own answer key of a period: what a load of these accounts should come to.

        >>> import truto_usage_nb as tu
        >>> [row["currency"] for row in tu.sandbox().answers("2026-09", ["datadog"]).totals()]
        ['USD']
        """
        if isinstance(period, str) and not any(each.isdigit() for each in period):  # such as last-month
            span = Period.parse(period, now=self.world.now)
            period = span.start.date(), span.end.date()
        return AnswerKey.build(period, self.world, accounts)

    def people(self, *, every_team: bool = False) -> pl.DataFrame:
        """Give the company's own directory: `email` and `team`, a row a person, or with `every_team` a row a team.

        A team is null for whoever is in none; a contractor of two teams stands under the first.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().people().row(0)
        ('amara.okafor@tidewheel.example.com', 'platform')
        """
        return pl.DataFrame(directory_rows(every_team=every_team), schema=["email", "team"], orient="row")

    def rosters(self) -> pl.DataFrame:
        """Give who holds a seat in what: `integration` and `email`, a row a seat, used or not.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().rosters().filter(integration="cursor").height
        18
        """
        return pl.DataFrame(rosters(), schema=["integration", "email"], orient="row")

    def commitments(self) -> pl.DataFrame:
        """Give what the company has committed to this year, as `tu.commitments` takes it, a row a commitment.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().commitments().select("account", "product", "basis").row(0)
        ('datadog', 'infra_host', 'monthly')
        """
        return pl.DataFrame(commitment_rows())

    def invoices(self, month: str) -> pl.DataFrame:
        """Give what the vendors invoiced for a month, seats included: `integration`, `month`, `currency`, `amount`.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().invoices("2026-10").filter(integration="datadog")["amount"].to_list()
        [80690.4]
        """
        lines = [(name, day, currency, float(amount)) for name, day, currency, amount in invoices(self.answers(month))]
        return pl.DataFrame(lines, schema=["integration", "month", "currency", "amount"], orient="row")

    def staff(self) -> pl.DataFrame:
        """Give who is in which team since when, as a roster for `allocate`: `email`, `to`, `from`, `until` (excluded).

        Who moved has a row a team; who has left has an end; who is in no team has a null.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().staff().filter(email="rashid.belkacem@tidewheel.example.com")["to"].to_list()
        ['data', 'research']
        """
        types = {"email": pl.String, "to": pl.String, "from": pl.Date, "until": pl.Date}
        return pl.DataFrame(staff_rows(), schema=types, orient="row")

    def rules(self) -> dict[str, Any]:
        """Give the company's own rules of who pays, as `allocate` takes them: by key, project, person and cluster.

        >>> import truto_usage_nb as tu
        >>> tu.sandbox().rules()["splits"][0]["pool"]
        'shared-kafka'
        """
        return allocation_rules(self.world.seed, self.staff())

    def save_rules(self, folder: str | Path) -> Path:
        """Write the same as files, `rules.yml` and the `staff.csv` that it names, and give the path of the rules.

        >>> import tempfile, truto_usage_nb as tu
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tu.sandbox().save_rules(folder).name
        'rules.yml'
        """
        place = a_path("folder", folder)
        write_csv(self.staff(), place / "staff.csv")
        text = rules_text(allocation_rules(self.world.seed, "staff.csv"))
        return write_file(place / "rules.yml", lambda file: file.write(text.encode()))

    def __repr__(self) -> str:
        return f"sandbox(seed={self.world.seed}, now={self.world.now:%Y-%m-%dT%H:%M:%SZ}, scale={self.world.scale:g})"


def make_sandbox(
    seed: int | None = None,
    now: datetime | date | str | None = None,
    scale: float | None = None,
    *,
    faults: Faults | Iterable[Fault] | None = None,
    **options: Any,
) -> SandboxClient:
    """Mount a client on the embedded service; see `truto_usage_nb.sandbox`."""
    if scale is not None and not (is_number(scale) and scale > 0):
        raise InputError(f"scale={shown(scale)} is not allowed; give a number above 0, 1 is the company as it is")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InputError(f"seed={shown(seed)} is not allowed; give a whole number")
    given = faults.faults if isinstance(faults, Faults) else () if faults is None else listed(faults)
    if given is None or not all(isinstance(each, Fault) for each in given):
        raise InputError(f"faults={shown(faults)} are none; give a list of Fault, or Faults with a budget")
    world = World(
        seed=DEFAULT_WORLD.seed if seed is None else seed,
        now=DEFAULT_WORLD.now if now is None else _moment(now),
        scale=DEFAULT_WORLD.scale if scale is None else float(scale),
    )
    return SandboxClient(world, faults=faults, **options)


def _moment(now: datetime | date | str) -> datetime:
    try:
        moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    except ValueError as problem:
        raise InputError(f"now={shown(now)} is not a moment: {problem}") from None
    if not isinstance(moment, date):
        raise InputError(f"now={shown(now)} is not a moment; give a date, a datetime, or one as text, in ISO form")
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
