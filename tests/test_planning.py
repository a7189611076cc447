"""From a period to requests, as a table: (integration, period) to the exact list of queries."""

import itertools
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truto_usage_nb.errors import PeriodError
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.planning import Period, plan
from truto_usage_nb.query import PARAMETERS, UsageQuery

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
LONG_PAST = datetime(2031, 1, 1, tzinfo=UTC)
GROUPED = ("product", "surface", "model")


def planned(name, period, *, query=None, now=NOW, **options):
    return plan(query or UsageQuery(), INTEGRATIONS[name], Period.parse(period), now=now, **options)


def dates(made):
    return [(each.query.start_date, each.query.end_date, each.query.date) for each in made.queries]


@pytest.mark.parametrize(
    ("what", "start", "end"),
    [
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2028-02", (2028, 2, 1), (2028, 3, 1)),
        ("2028-02-29", (2028, 2, 29), (2028, 3, 1)),
        (("2026-10-01", "2026-10-15"), (2026, 10, 1), (2026, 10, 15)),
        ((date(2026, 10, 1), date(2026, 10, 2)), (2026, 10, 1), (2026, 10, 2)),
        (date(2026, 10, 1), (2026, 10, 1), (2026, 10, 2)),
    ],
)
def test_a_period_is_half_open_and_utc(what, start, end):
    assert Period.parse(what) == Period(datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


def test_bounds_with_a_zone_of_their_own_become_utc():
    berlin = timezone(timedelta(hours=2))
    period = Period.parse((datetime(2026, 10, 1, tzinfo=berlin), "2026-10-02T00:00:00+02:00"))
    assert period == Period(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 1, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("2026-13", "month must be in 1..12"),
        ("2026-00", "month must be in 1..12"),
        ("2026-02-29", "day"),
        ("0000", "year 0 is out of range"),
        ("october", "is not a period; give"),
        (5, "is not a period; give"),
        (("2026-10-02", "2026-10-01"), "is empty"),
        (("2026-10-02", "2026-10-02"), "is empty"),
        (("2026-10-01", "2026-10-02", "2026-10-03"), "is not a period"),
        ((datetime(2026, 10, 1), "2026-10-02"), "has no time zone"),  # noqa: DTZ001  (the fault under test)
    ],
)
def test_what_is_not_a_period_is_refused(what, words):
    with pytest.raises(ValueError, match=words):
        Period.parse(what)


def test_claude_is_asked_by_month_for_both_halves_of_a_price():
    made = planned("claude", ("2026-09-15", "2026-11-02"))
    assert [each.query.report_type for each in made.queries] == ["usage"] * 3 + ["cost"] * 3
    assert all((each.query.group_by, each.query.granularity) == (GROUPED, "day") for each in made.queries)
    assert dates(made)[:3] == [
        ("2026-09-15", "2026-10-01", None),
        ("2026-10-01", "2026-11-01", None),
        ("2026-11-01", "2026-11-02", None),
    ]


def test_claude_by_user_and_claude_as_told():
    made = planned("claude", "2026-10", users=True)
    assert [each.query.report_type for each in made.queries] == ["user_usage", "user_cost"]
    for query in (UsageQuery(report_type="cost"), UsageQuery(group_by=["model"])):
        told = planned("claude", "2026-10", query=query)
        assert [(each.query.report_type, each.query.group_by) for each in told.queries] == [
            (query.report_type, query.group_by)
        ]


@pytest.mark.parametrize("report_type", [None, *PARAMETERS["report_type"].allowed])
@pytest.mark.parametrize("name", INTEGRATIONS)
def test_what_would_cover_a_whole_window_is_asked_for_by_day(name, report_type):
    grouped = UsageQuery(report_type=report_type, group_by=["model"])
    (made,) = {each.query.granularity for each in planned(name, ("2026-09-15", "2026-10-02"), query=grouped).queries}
    range_long = {None, "usage", "cost", "user_usage", "user_cost"}
    assert made == ("day" if name == "claude" and report_type in range_long else None)


@pytest.mark.parametrize("users", [False, True])
def test_the_default_is_the_very_query_that_says_days(users):
    by_default = planned("claude", "2026-10", users=users)
    said = planned("claude", "2026-10", users=users, query=UsageQuery(granularity="day"))
    assert by_default == said
    assert [each.query.query_id for each in by_default.queries] == [each.query.query_id for each in said.queries]


@pytest.mark.parametrize(
    "own",
    [
        {"granularity": "hour"},
        {"granularity": "day"},
        {"remote_query": {"time_bucket_width": "1h"}},
        {"remote_query": {"time_bucket_width": "1d", "order_by": "time"}},
    ],
)
def test_a_width_of_the_callers_own_stays_as_it_was_said(own):
    for query in (UsageQuery(**own), UsageQuery(report_type="cost", **own)):
        made = [each.query for each in planned("claude", "2026-10", query=query).queries]
        assert {each.granularity for each in made} == {own.get("granularity")}
        assert all(each.remote_query == query.remote_query for each in made)


def test_other_remote_parameters_leave_the_width_open():
    query = UsageQuery(
        report_type="usage", remote_query={"service_tiers": ["batch"], "bucket": {"time_bucket_width": 1}}
    )
    assert [each.query.granularity for each in planned("claude", "2026-10", query=query).queries] == ["day"]


def test_minutes_are_asked_a_day_at_a_time_and_hours_by_instant():
    by_minute = planned(
        "claude", ("2026-10-30", "2026-11-02"), query=UsageQuery(report_type="usage", granularity="minute")
    )
    assert len(by_minute.queries) == 3
    by_hour = planned("claude", "2026-11-23", query=UsageQuery(report_type="usage", granularity="hour"))
    assert dates(by_hour) == [("2026-11-23", "2026-11-23T12:30:00Z", None)]


def test_codex_names_each_day():
    assert dates(planned("openai_codex", "2028-02", now=LONG_PAST)) == [
        (None, None, f"2028-02-{day:02}") for day in range(1, 30)
    ]


def test_cursor_counts_its_end_and_takes_thirty_days():
    assert dates(planned("cursor", "2026-10")) == [
        ("2026-10-01", "2026-10-30T23:59:59.999Z", None),
        ("2026-10-31", "2026-10-31T23:59:59.999Z", None),
    ]


def test_confluent_takes_a_month_and_datadog_whole_months():
    assert dates(planned("confluent", ("2026-09-15", "2026-10-02"))) == [
        ("2026-09-15", "2026-10-01", None),
        ("2026-10-01", "2026-10-02", None),
    ]
    assert dates(planned("datadog", ("2026-09-15", "2026-10-02"))) == [
        ("2026-09-01", "2026-09-30", None),
        ("2026-10-01", "2026-10-31", None),
    ]


def test_a_period_past_now_is_cut_and_told_and_a_future_one_refused():
    made = planned("confluent", "2026")
    assert dates(made)[-1] == ("2026-11-01", "2026-11-24", None)
    assert made.told == ("the period ends 2027-01-01, after now: figures reach to 2026-11-23T12:30:00Z UTC",)
    with pytest.raises(PeriodError, match="lies in the future"):
        planned("cursor", "2026-12")


def test_what_a_vendor_no_longer_keeps_is_a_note():
    assert planned("claude", "2025").notes == ("Claude keeps 365 days: nothing is expected before 2025-11-23",)
    assert planned("cursor", "2020").notes == ()


@pytest.mark.parametrize(
    "parameters",
    [{"start_date": "2026-10-01"}, {"end_date": "2026-10-01"}, {"date": "2026-10-01"}, {"cursor": "x"}, {"page": 2}],
)
def test_a_period_and_dates_of_ones_own_exclude_each_other(parameters):
    with pytest.raises(PeriodError, match="are both given"):
        planned("cursor", "2026-10", query=UsageQuery(**parameters))


@given(
    name=st.sampled_from(sorted(INTEGRATIONS)),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  (naive by API)
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=800)),
    granularity=st.sampled_from([None, "day", "hour"]),
)
def test_windows_cover_the_period_never_overlap_and_keep_to_the_vendors_longest(name, start, length, granularity):
    rule = INTEGRATIONS[name].window
    period = Period(start, start + length)
    query = UsageQuery(report_type="cost", granularity=granularity)
    windows = [each.window for each in plan(query, INTEGRATIONS[name], period, now=LONG_PAST).queries]
    assert windows[0].start <= period.start
    assert windows[-1].end >= period.end
    assert all(earlier.end == later.start for earlier, later in itertools.pairwise(windows))
    assert all(timedelta(0) < each.end - each.start <= timedelta(days=rule.days) for each in windows)


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [
        ("last-month", "2026-02-01", "2026-03-01"),
        ("this-month", "2026-03-01", "2026-04-01"),
        ("yesterday", "2026-02-28", "2026-03-01"),
        ("Last month", "2026-02-01", "2026-03-01"),
        (" this_month ", "2026-03-01", "2026-04-01"),
    ],
)
def test_a_word_for_a_period_is_seen_from_a_moment_in_utc(word, first, last):
    east = timezone(timedelta(hours=9))
    for now in (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, 8, 59, tzinfo=east)):
        assert Period.parse(word, now=now) == Period.parse((first, last))
    assert Period.parse("last-month", now=datetime(2026, 1, 31, tzinfo=UTC)) == Period.parse("2025-12")
    with pytest.raises(PeriodError, match="'last-month', 'this-month', 'yesterday'"):
        Period.parse("last-mont")


def test_a_clients_own_clock_says_what_last_month_is():
    import truto_usage_nb as tu

    client = tu.sandbox(now="2026-08-03")
    assert client.fetch_usage("confluent", period="last-month").period == Period.parse("2026-07")
    assert client.fetch_usage("confluent", period="yesterday").period == Period.parse("2026-08-02")
    assert tu.QueryForm(client, accounts=["confluent"], period="yesterday").period.words.value == "2026-08-02"
