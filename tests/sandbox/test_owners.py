"""Who owns what at the company, and the rules that say so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

import truto_usage_nb as tu
from truto_usage_nb.allocation import read_rules
from truto_usage_nb.sandbox.company import DIRECTORY, TEAMS
from truto_usage_nb.sandbox.owners import MOVES, staff_rows


def test_everybody_is_in_the_staff_list_and_who_moved_or_left_says_since_when():
    rows = staff_rows()
    assert {email for email, *_ in rows} >= {p.email for p in DIRECTORY if p.kind != "service"}
    assert {to for _, to, *_ in rows} == {*TEAMS, None}
    moved = [row for row in rows if row[0].startswith("rashid.belkacem")]
    assert [row[1:] for row in moved] == [
        ("data", None, date(2026, 10, 12)), ("research", date(2026, 10, 12), None),
    ]  # fmt: skip
    left = [row for row in rows if row[0].startswith("yuki.tanabe")]
    assert [row[3] for row in left] == [date(2026, 10, 17)]  # the last day is the 16th
    aliases = [email for email, *_ in rows if email.startswith("hpak+codex")]
    assert len(aliases) == 1
    assert set(MOVES) <= {p.key for p in DIRECTORY}


def test_the_rules_are_the_same_as_files_and_as_python(tmp_path: Path):
    client = tu.sandbox()
    written = read_rules(client.save_rules(tmp_path), documented=True)
    given = read_rules(client.rules(), documented=True)
    assert [rule.match for rule in written.rules] == [rule.match for rule in given.rules]
    assert [(rule.to, rule.since, rule.until) for rule in written.rules] == [
        (rule.to, rule.since, rule.until) for rule in given.rules
    ]
    assert written.splits == given.splits
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rules.yml", "staff.csv"]


def test_projects_keys_and_clusters_of_another_seed_are_its_own():
    usage = tu.sandbox(seed=8).load_usage(["openai-api", "confluent"], period="2026-10-05")
    with tu.errors.hearing():
        table = tu.allocate(usage, tu.sandbox(seed=8).rules())
        other = tu.allocate(usage, tu.sandbox(seed=7).rules())
    mine, theirs = (each.filter(pl.col("target").is_null())["cost"].sum() for each in (table, other))
    assert mine < 0.05 * table["cost"].sum() < theirs


def test_there_are_at_least_four_earlier_months():
    client = tu.sandbox()
    for month in ("2026-06", "2026-07", "2026-08", "2026-09"):
        assert {row["integration"] for row in client.answers(month, ["confluent", "datadog"]).totals()} == {
            "confluent",
            "datadog",
        }
