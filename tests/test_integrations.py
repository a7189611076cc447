"""What each integration honours, its windows, and when its figures settle: held against the service's own pages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from truto_usage_nb.integrations import INTEGRATIONS, integration_named
from truto_usage_nb.planning import Period, plan
from truto_usage_nb.query import PARAMETERS, UsageQuery

ENVELOPE = {
    "integrated_account_id", "truto_response_format", "truto_key_by", "truto_ignore_limit", "truto_ignore_remote_data",
    "truto_exclude_fields", "remote_query", "cursor", "limit",
}  # fmt: skip
HONOURED = {
    "claude": "report_type start_date end_date product_ids user_ids model_ids surfaces group_by granularity sort_by "
    "sort_order include_deleted_users",
    "openai_codex": "start_date date user_id api_key_id",
    "confluent": "start_date end_date",
    "cursor": "start_date end_date page page_size",
    "datadog": "start_date end_date",
}
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_it_honours_what_the_service_documents_for_it(name):
    assert INTEGRATIONS[name].honours == ENVELOPE | set(HONOURED[name].split())


def test_every_parameter_is_honoured_somewhere():
    assert set().union(*(each.honours for each in INTEGRATIONS.values())) == set(PARAMETERS)


@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("claude", datetime(2026, 10, 24, 15, 30, tzinfo=UTC)),
        ("openai_codex", datetime(2026, 11, 23, 3, 30, tzinfo=UTC)),
        ("confluent", datetime(2026, 11, 20, 15, 30, tzinfo=UTC)),
        ("cursor", datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("datadog", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_figures_are_final_up_to(name, until):
    assert INTEGRATIONS[name].settled_until(NOW) == until


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 11, 15, 23, 59, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)),
        (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 1, 3, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_datadog_settles_a_month_in_the_middle_of_the_next(now, until):
    assert INTEGRATIONS["datadog"].settled_until(now) == until


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_what_is_settled_never_comes_undone(name):
    moments = [NOW + timedelta(hours=7 * step) for step in range(200)]
    settled = [INTEGRATIONS[name].settled_until(moment) for moment in moments]
    assert settled == sorted(settled)
    assert all(until <= moment for until, moment in zip(settled, moments, strict=True))


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_the_oldest_day_is_the_oldest_that_needs_no_note(name):
    oldest = INTEGRATIONS[name].oldest_day(NOW)
    if oldest is None:
        return
    query = UsageQuery(integrated_account_id="a")
    assert not plan(query, INTEGRATIONS[name], Period.parse(oldest), now=NOW).notes
    before = plan(query, INTEGRATIONS[name], Period.parse(oldest - timedelta(days=1)), now=NOW)
    assert str(INTEGRATIONS[name].keeps_days) in before.notes[0]


def test_what_is_kept_for_ever_has_no_oldest_day():
    assert INTEGRATIONS["cursor"].oldest_day(NOW) is None
    assert INTEGRATIONS["openai_codex"].oldest_day(NOW) == date(2026, 8, 25)


@pytest.mark.parametrize("name", ["Claude", "anthropic", " CLAUDE ", "OpenAI", "openai-codex", "codex", "Data Dog"])
def test_names_as_people_write_them(name):
    known = integration_named(name)
    assert (known is None) == (name == "Data Dog")
