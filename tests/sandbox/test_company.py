"""The demo company is what its documentation says, and its draws and stories never move."""

from collections import Counter
from datetime import date, timedelta

import pytest

from truto_usage_nb.sandbox import seeds
from truto_usage_nb.sandbox.company import (
    ACCOUNTS,
    DIRECTORY,
    TEAMS,
    cache_broken,
    growth,
    moved_to_sonnet,
    outage,
    people_with,
    price_cut,
    refund_day,
    runaway,
    weekday_factor,
)
from truto_usage_nb.sandbox.vendors import SANDBOX_VENDORS


def test_forty_people_in_six_teams_four_outside_and_one_service_account():
    in_teams = [person for person in DIRECTORY if person.teams]
    outside = [person for person in DIRECTORY if not person.teams and person.kind != "service"]
    assert (len(in_teams), len(outside), len(TEAMS)) == (40, 4, 6)
    assert {team for person in in_teams for team in person.teams} == set(TEAMS)
    assert Counter(person.kind for person in DIRECTORY) == {"employee": 43, "contractor": 1, "service": 1}


def test_the_awkward_people_are_there():
    [contractor] = [person for person in DIRECTORY if person.kind == "contractor"]
    assert len(contractor.teams) == 2
    assert len([person for person in DIRECTORY if person.aliases]) == 2
    assert sum(len(person.idle_in) for person in DIRECTORY) == 5
    assert {tool for person in DIRECTORY for tool in person.idle_in} == {"claude_seats", "cursor"}
    assert len([person for person in DIRECTORY if person.left]) == 1
    assert len([person for person in DIRECTORY if not person.name.isascii()]) == 2


def test_keys_and_addresses_are_unique_and_plain():
    assert len({person.key for person in DIRECTORY}) == len({person.email for person in DIRECTORY}) == len(DIRECTORY)
    assert all(person.email.isascii() and " " not in person.email for person in DIRECTORY)
    assert all(person.email.endswith(".example.com") for person in DIRECTORY)


@pytest.mark.parametrize("tool", ["claude", "claude_seats", "codex", "openai_api", "cursor"])
def test_every_tool_has_people_and_idle_ones_hold_its_seat(tool):
    assert len(people_with(tool)) >= 10
    assert all(person in people_with(tool) for person in DIRECTORY if tool in person.idle_in)


def test_accounts_have_readable_ids_and_one_twin():
    assert len({account.id for account in ACCOUNTS}) == 11
    assert {account.integration for account in ACCOUNTS} == set(SANDBOX_VENDORS)
    [twin] = [account for account in ACCOUNTS if account.twin_of]
    [origin] = [account for account in ACCOUNTS if account.id == twin.twin_of]
    assert (twin.organization_id, twin.integration) == (origin.organization_id, origin.integration)


@pytest.mark.parametrize("year", [2024, 2026])
@pytest.mark.parametrize("quarter", range(4))
def test_every_quarter_tells_every_story(year, quarter):
    start = date(year, 3 * quarter + 1, 1)
    days = [start + timedelta(days=n) for n in range(90)]
    assert [day.day for day in days if cache_broken(day)] == [19, 20, 21]
    assert [day.day for day in days if runaway(day)] == [24, 25, 26]
    assert [day.day for day in days if refund_day(day)] == [28]
    assert sum(outage("openai-api-eu", day) for day in days) == 5
    assert not any(outage("cursor", day) for day in days)
    assert price_cut(start)
    assert not price_cut(start - timedelta(days=1))
    assert not moved_to_sonnet(start.replace(day=11))
    assert moved_to_sonnet(start.replace(day=12))


def test_the_week_and_the_years():
    sunday = date(2026, 10, 4)
    assert weekday_factor(sunday) < 0.5 < weekday_factor(sunday + timedelta(days=1))
    assert growth(date(2026, 1, 1)) == 1.0
    assert growth(date(2000, 1, 1)) == 0.3


def test_draws_are_frozen_for_ever():
    r = seeds.rng(7, "claude", date(2026, 10, 1))
    assert r.random() == 0.993418046988266
    assert seeds.token_id(7, "user_01", "ada") == "user_01RY0A6KNsThQ3B6NPTz83Hv6F"


def test_draws_stay_within_their_bounds():
    r = seeds.rng(1)
    whole = {seeds.integer(r, 2, 4) for _ in range(200)}
    assert whole == {2, 3, 4}
    assert all(8 <= seeds.spread(r, 10) < 12 for _ in range(200))
    assert all(-1 <= seeds.uniform(r, -1, 1) < 1 for _ in range(200))
    assert {seeds.choose(r, "ab") for _ in range(50)} == {"a", "b"}
    assert not seeds.chance(r, 0)
    assert seeds.chance(r, 1)
    assert seeds.rng(1, "1").random() != seeds.rng(1, 1).random() != seeds.rng(2, 1).random()


def test_ids_tell_equal_keys_of_different_kinds_apart():
    keys = (1, True, 1.0, "1")  # the first three are equal and hash alike, yet each is another key
    assert len({seeds.token_id(7, "key_", key) for key in keys}) == 4
    assert [seeds.token_id(7, "key_", key) for key in keys] == [seeds.token_id(7, "key_", key) for key in keys]
