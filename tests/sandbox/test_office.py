"""What the company keeps itself: its directory, its rosters, its invoices."""

from datetime import date
from decimal import Decimal

from truto_usage_nb.sandbox.answers import AnswerKey, directory_rows, invoices, rosters
from truto_usage_nb.sandbox.app import DEFAULT_WORLD
from truto_usage_nb.sandbox.company import DIRECTORY, TEAMS


def test_the_directory_has_everyone_once_or_once_a_team():
    everyone = directory_rows()
    assert len(everyone) == len({email for email, _ in everyone}) == len(DIRECTORY)
    assert {team for _, team in everyone} == {*TEAMS, None}
    every = directory_rows(every_team=True)
    assert len(every) == len(everyone) + 1  # the contractor of two teams
    assert set(everyone) <= set(every)


def test_a_roster_is_of_people_idle_or_not():
    seats = rosters()
    assert len(seats) == len(set(seats))
    assert not any(email.startswith("build-bot") for _, email in seats)
    idle = {(tool, p.email) for p in DIRECTORY for tool in p.idle_in}
    assert {("cursor", email) for tool, email in idle if tool == "cursor"} <= set(seats)


def test_an_invoice_is_what_is_payable_and_the_seats():
    """Cursor's October: 7,061.84 of use and eighteen seats at 40."""
    key = AnswerKey.build("2026-10", DEFAULT_WORLD, ["cursor", "datadog"])
    lines = {(name, currency): (month, amount) for name, month, currency, amount in invoices(key)}
    assert lines["cursor", "USD"] == (date(2026, 10, 1), Decimal("7061.84") + 18 * 40)
    assert lines["datadog", "USD"] == (date(2026, 10, 1), Decimal("80690.40"))
