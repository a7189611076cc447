"""Labels: whose money, without losing any; one name for one model."""

from __future__ import annotations

import warnings

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.costs import cost_per, total_cost
from truto_usage_nb.errors import FrameError, InputError, UsageWarning
from truto_usage_nb.questions.labelling import family_of

M = 1_000_000
OPUS = {"id": "claude-opus-4-5", "provider": "anthropic"}
TEAMS = pl.DataFrame({"email": ["ann@x.com", "bob@x.com"], "team": ["red", "blue"], "cost_center": [100, None]})


def event(email=None, **fields):
    return record("u", "cursor", "2026-10-05", "2026-10-05", user={"email": email}, charges=charged(total=1)) | fields


def claude(report, day="2026-10-05", email=None, **fields):
    user = {"user": {"email": email, "id": email and f"id-{email}"}} if email else {}
    end = f"2026-10-{int(day[-2:]) + 1:02}"
    return record("c", "claude", day, end, report_type=report, query_id=f"q-{report}", model=OPUS, **user) | fields


def bill():
    """Claude's four reports of a day: $10 and 4 M tokens, of which Ann has $6 and 3 M, and Bob $1 and nothing told."""
    return [
        claude("cost", charges=charged(total=12, net=10, discount=2), usage={"requests": {"total": 9}}),
        claude("usage", usage={"tokens": {"input": 3 * M, "output": M}, "requests": {"total": 9}}),
        claude("user_cost", email="Ann@X.com", charges=charged(total=7, net=6, discount=1)),
        claude("user_cost", email="bob@x.com", charges=charged(net=1, total=1)),
        claude("user_usage", email="Ann@X.com", usage={"tokens": {"input": 2 * M, "output": M}}),
    ]


def test_every_other_column_of_the_table_is_added_and_keys_match_whatever_their_case_and_spaces():
    frame = frame_of([event(" Ann@X.COM "), event("bob@x.com"), event("carl@x.com"), event()])
    labelled = questions.with_labels(frame, TEAMS)
    assert labelled["team"].to_list() == ["red", "blue", "(unlabelled)", "(unlabelled)"]
    assert labelled["cost_center"].to_list() == ["100", "(unlabelled)", "(unlabelled)", "(unlabelled)"]
    assert labelled["user_email"][0] == " Ann@X.COM "  # what was served stays


def test_showback_adds_up_to_the_bill_by_hand():
    frame = frame_of(bill())
    labelled = questions.with_labels(frame, TEAMS)
    by_team = cost_per(labelled, "team")
    assert dict(by_team.select("team", "cost").iter_rows()) == {"red": 6.0, "blue": 1.0, "(not attributed)": 3.0}
    assert dict(by_team.select("team", "tokens").iter_rows()) == {"red": 3 * M, "blue": 0, "(not attributed)": M}
    listed = cost_per(labelled, "team", measure="list")
    assert dict(listed.select("team", "cost").iter_rows()) == {"red": 7.0, "blue": 1.0, "(not attributed)": 4.0}
    nobody = labelled.filter(user_email="(not attributed)", report_type="user_cost")
    assert nobody.select("charges_net", "charges_total", "charges_currency", "charges_count", "id").row(0) == (
        3.0, 4.0, "USD", 2, None,
    )  # fmt: skip
    assert [c["amount"] for c in nobody["charges"][0]] == [3.0, 4.0]


def test_a_day_that_user_cost_does_not_cover_stays_in_the_bill_as_nobodys():
    frame = frame_of([*bill(), claude("cost", "2026-10-06", charges=charged(net=5, total=5))])
    by_team = cost_per(questions.with_labels(frame, TEAMS), "team")
    assert dict(by_team.select("team", "cost").iter_rows())["(not attributed)"] == 8.0
    assert by_team["cost"].sum() == 15.0


def test_without_user_cost_the_money_is_nobodys_and_that_is_told():
    frame = frame_of(bill()[:2])
    with pytest.warns(UsageWarning, match="c: cost without user_cost, so its money has no person; load it with users"):
        labelled = questions.with_labels(frame, TEAMS)
    assert labelled["team"].unique().to_list() == ["(not attributed)"]
    with pytest.warns(UsageWarning, match="user_cost without cost, so what has no person is missing"):
        questions.with_labels(frame_of(bill()[2:]), TEAMS)


def test_a_person_under_two_spellings_is_told():
    frame = frame_of([event("Ann@x.com"), event("ann@x.com"), event("bob@x.com")])
    with pytest.warns(
        UsageWarning, match="one user_email is spelled in two ways, counted as one: Ann@x.com, ann@x.com"
    ):
        assert questions.with_labels(frame, TEAMS)["team"].to_list() == ["red", "red", "blue"]
    two = frame_of([event("ann@x.com"), event("a.smith@x.com")]).with_columns(user_name=pl.lit("Ann Smith"))
    with pytest.warns(UsageWarning, match="Ann Smith has two e-mails, a.smith@x.com and ann@x.com"):
        questions.with_labels(two, TEAMS)


def test_a_person_of_two_mails_is_told_by_the_id_of_one_account_and_not_of_two():
    """The ids of two accounts have nothing to do with each other; one id renamed in its account does."""
    events = [event("ann@x.com"), event("bob@x.com")]
    for n, account in enumerate("uv"):
        events[n] |= {"integrated_account_id": account, "user": {"id": "7", "email": ("ann@x.com", "bob@x.com")[n]}}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UsageWarning)
        assert questions.with_labels(frame_of(events), TEAMS)["team"].to_list() == ["red", "blue"]
    with pytest.warns(UsageWarning, match=r"^7 has two e-mails, ann@x.com and bob@x.com: give both a row"):
        questions.with_labels(frame_of([one | {"integrated_account_id": "u"} for one in events]), TEAMS)


def test_a_contractor_in_two_teams_is_an_error_that_names_them():
    table = pl.concat([TEAMS, pl.DataFrame({"email": ["ANN@x.com"], "team": ["blue"], "cost_center": [100]})])
    with pytest.raises(FrameError, match=r"'ann@x.com' under red/100 and blue/100 \(1 such keys\)"):
        questions.with_labels(frame_of([event("ann@x.com")]), table)
    repeated = pl.concat([TEAMS, TEAMS])  # the same twice is one
    assert questions.with_labels(frame_of([event("ann@x.com")]), repeated)["team"].to_list() == ["red"]


def test_labels_of_projects_keys_and_accounts_from_a_csv(tmp_path):
    path = tmp_path / "projects.csv"
    path.write_text("project id, owner\nProj_1,search\nproj_2,\n", encoding="utf-8")
    place = [{"id": "k", "name": None, "workspace": {"id": "proj_1", "name": None}}]
    frame = frame_of([event("ann@x.com", resources=place), event("ann@x.com")])
    labelled = questions.with_labels(frame, path, on="resources.workspace.id", key="project id")
    assert labelled["owner"].to_list() == ["search", "(unlabelled)"]
    accounts = pl.DataFrame({"integrated_account_id": ["u"], "entity": ["EMEA"]})
    assert questions.with_labels(frame, accounts, on="integrated_account_id")["entity"].to_list() == ["EMEA"] * 2


@pytest.mark.parametrize(
    ("table", "options", "error", "match"),
    [
        (
            TEAMS,
            {"on": "user.mail"},
            FrameError,
            "on='user.mail' is no column of this frame. Did you mean 'user_email'",
        ),
        (TEAMS.rename({"email": "who"}), {}, FrameError, "Say which one holds user_email: key='who'"),
        (TEAMS, {"key": "mail"}, FrameError, "key='mail' is no column"),
        (TEAMS.select("email"), {}, FrameError, "has the key 'email' alone"),
        (TEAMS.rename({"team": "surface"}), {}, FrameError, "already has a column 'surface'"),
        (TEAMS.clear(), {}, FrameError, "has no rows"),
        ("no/such.csv", {}, InputError, "there is no file 'no/such.csv'"),
        (["ann"], {}, FrameError, "This is not a polars"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_by_name(table, options, error, match):
    with pytest.raises(error, match=match):
        questions.with_labels(frame_of([event("ann@x.com")]), table, **options)


def test_reports_of_different_grain_cannot_be_told_apart():
    hours = claude("user_cost", email="ann@x.com", charges=charged(net=1)) | {"end_date": "2026-10-05T01:00:00Z"}
    with pytest.raises(FrameError, match="cost and user_cost in records of different length"):
        questions.with_labels(frame_of([*bill()[:2], hours]), TEAMS)


cents = st.integers(-50_000, 500_000).map(lambda n: n / 100)


@pytest.mark.drill
@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(1, 5), cents, cents), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["ann@x.com", "bob@x.com", "z@x.com"]), cents), max_size=8),
)
def test_labels_never_change_the_total(whole, parts):
    records = [claude("cost", f"2026-10-0{d}", charges=charged(net=net, total=net + extra)) for d, net, extra in whole]
    records += [claude("user_cost", f"2026-10-0{d}", email=who, charges=charged(net=x, total=x)) for d, who, x in parts]
    for place, each in enumerate(records):
        each["id"] = str(place)
    frame = frame_of(records)
    wholes = frame.filter(pl.col("report_type") == "cost")
    covered = set(frame.filter(pl.col("report_type") == "user_cost")["start_date"]) - set(wholes["start_date"])
    frame = frame.filter(~pl.col("start_date").is_in(list(covered)))  # a part without its whole is no remainder
    with_parts = (frame["report_type"] == "user_cost").any()
    labelled = questions.with_labels(frame, TEAMS) if with_parts else frame
    for measure in ("billed", "list", "payable"):
        assert total_cost(labelled, measure=measure) == pytest.approx(total_cost(wholes, measure=measure), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-opus-5", "claude-opus-5"),
        ("claude-5-opus", "claude-opus-5"),
        ("claude-opus-5-20260203", "claude-opus-5"),
        ("anthropic/claude-opus-5@20260203", "claude-opus-5"),
        ("us.anthropic.claude-opus-5-20260203-v1:0", "claude-opus-5"),
        ("claude-4.5-sonnet-thinking", "claude-sonnet-4-5"),
        ("claude-sonnet-4-0", "claude-sonnet-4"),
        ("claude-4-sonnet", "claude-sonnet-4"),
        ("claude-3-5-haiku-latest", "claude-haiku-3-5"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("gpt-5.3-codex-xhigh", "gpt-5.3-codex"),
        ("gpt-5.1-codex-max", "gpt-5.1-codex-max"),  # a model of its own, not an effort
        ("claude-4.6-opus-high-thinking-fast", "claude-opus-4-6-fast"),  # fast mode has another price
        ("publishers/anthropic/models/claude-3-5-haiku@20241022", "claude-haiku-3-5"),
        ("Gemini-3-Pro-Preview", "gemini-3-pro-preview"),
        ("auto", "auto"),
        ("other", "other"),
    ],
)
def test_families(name, family):
    assert family_of(name) == family


def test_models_meet_and_the_raw_name_stays():
    frame = frame_of([event(model={"id": name}) for name in ("claude-opus-5", "claude-5-opus", None)])
    seen = questions.with_models(frame)
    assert seen["model_family"].to_list() == ["claude-opus-5", "claude-opus-5", None]
    assert seen["model_id"].to_list() == ["claude-opus-5", "claude-5-opus", None]
    assert questions.with_models(frame.filter(model_id="none"))["model_family"].dtype == pl.String
    with pytest.raises(FrameError, match="already has a column 'model_family'"):
        questions.with_models(seen)
