"""The form without a browser: every control is a view of one state, and each thing that can happen to it."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import InputError, InvalidRequestError, PeriodError, QueryError
from truto_usage_nb.forms import FormState
from truto_usage_nb.forms.controls import ParameterField as Field
from truto_usage_nb.forms.state import presets
from truto_usage_nb.query import PARAMETERS, Parameter, UsageQuery
from truto_usage_nb.sandbox.faults import Fault

DAY = "2026-09-14"


@pytest.fixture(scope="module")
def client():
    return tu.sandbox()


@pytest.fixture
def form(client):
    made = tu.QueryForm(client, accounts=["cursor"], period=DAY)
    made.wait()
    yield made
    made.close()


# What is wrong is said beside its field, and waits nowhere else.


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("limit", "abc", "limit='abc' is not allowed; give a whole number, 0 or more"),
        ("limit", "-1", "limit=-1"),
        ("remote_query", "{", "remote_query is not JSON"),
        ("remote_query", "[1]", "is not a dict"),
        ("truto_key_by", '""', "is empty; leave the parameter out"),
    ],
)
def test_a_wrong_field_speaks_in_the_querys_own_words_and_stops_run_and_code(form, name, typed, words):
    before = form.state
    form.fields[name].control.value = typed
    assert words in form.problems[name].replace("\n", " ")
    assert 'role="alert"' in form.fields[name].note.value
    assert form.row.run.disabled
    assert form.state == before
    assert "tu.load_usage" not in form.pages.code.value
    assert name in form.pages.code.value
    for ask in (lambda: form.code, lambda: form.query, form.to_report, form.run):
        with pytest.raises(InputError, match="the form needs attention"):
            ask()
    form.fields[name].control.value = ""
    assert not form.problems
    assert not form.row.run.disabled


def test_a_problem_of_two_fields_is_said_at_the_first_it_names(form):
    form.period.preset.value = ""
    form.fields["start_date"].control.value = "2026-10-02"
    form.fields["end_date"].control.value = "2026-10-01"
    assert "lies before start_date" in form.problems["end_date"]
    form.fields["end_date"].control.value = "2026-10-03"
    assert form.query.end_date == "2026-10-03"
    assert form.state.period is None


def test_a_wrong_period_is_said_as_it_is_typed(form):
    form.period.words.value = "2026-1"
    assert "period='2026-1' is not a period" in form.problems["period"]
    form.period.words.value = "2026-10-05, 2026-10-01"
    assert "is empty" in form.problems["period"]
    form.period.words.value = "2026-10"
    assert form.state.period == "2026-10"


# The state is one plain value.


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: FormState("cursor"), QueryError, "is a bare text"),
        (lambda: FormState(("a", "a")), QueryError, "twice"),
        (lambda: FormState(("",)), QueryError, "is empty"),
        (lambda: FormState(("a",), UsageQuery(integrated_account_id="b")), QueryError, "the state's accounts say it"),
        (lambda: FormState(("a",), UsageQuery(page=2), "2026-10"), PeriodError, "page=2 and period='2026-10'"),
        (lambda: FormState(("a",), period="2026-13"), PeriodError, "not a period"),
        (lambda: FormState(("a",), backend="panda"), InputError, "Did you mean 'pandas'"),
        (lambda: FormState(("a",), period="2026-10", overhang="prorated"), InputError, "Did you mean 'prorate'"),
        (lambda: FormState(("a",), users=True), InputError, "users=True means nothing without a period"),
    ],
)
def test_a_state_that_means_nothing_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_equal_periods_are_equal_states():
    whole = FormState(("a",), period="2026-10")
    assert FormState(("a",), period=("2026-10-01", "2026-11-01")) == whole
    assert FormState(("a",), period=(datetime(2026, 10, 1, tzinfo=UTC), "2026-11-01T00:00:00Z")) == whole


def test_the_presets_are_those_of_the_clients_clock(form):
    assert dict(presets(datetime(2026, 1, 15, tzinfo=UTC))) == {
        "Last month": "2025-12",
        "This month": "2026-01",
        "Last 30 days": ("2025-12-16", "2026-01-15"),
        "Last quarter": ("2025-10-01", "2026-01-01"),
        "This quarter": ("2026-01-01", "2026-04-01"),
    }
    form.period.preset.value = "Last month"
    assert form.state.period == "2026-10"
    form.period.preset.value = "Last quarter"
    assert form.state.period == ("2026-07-01", "2026-10-01")
    assert "2026-07-01 to 2026-10-01 (UTC, end excluded), 92 days." in form.period.note.value
    form.period.end.value = datetime(2026, 7, 3, tzinfo=UTC).date()
    assert form.period.preset.value == "Custom"
    assert form.state.period == ("2026-07-01", "2026-07-03")
    form.state = replace(form.state, period="2026-10")
    assert form.period.preset.value == "Last month"


def test_without_a_time_the_form_starts_with_last_month_and_with_dates_without_a_period(client):
    assert tu.QueryForm(client).state.period == "2026-10"
    form = tu.QueryForm(client, integrated_account_id="codex", date="2026-10-05", backend="pandas")
    assert form.state == FormState(("codex",), UsageQuery(date="2026-10-05"), None, "pandas")
    with pytest.raises(QueryError, match="Did you mean 'model_ids'"):
        tu.QueryForm(client, modle_ids=["a"])
    with pytest.raises(InputError, match="keep one"):
        tu.QueryForm(client, accounts=["a"], integrated_account_id="b")
    with pytest.raises(InputError, match="there is no token"):
        tu.QueryForm()


def test_a_query_that_is_set_is_shown_and_comes_back(form):
    query = UsageQuery(integrated_account_id="claude-console", report_type="cost", model_ids=["a, b", "c"], limit=0)
    form.query = query
    assert form.query == query
    assert form.state.period == DAY
    assert form.fields["model_ids"].control.value == '"a, b", c'
    assert form.fields["limit"].control.value == "0"
    assert form.accounts.boxes["claude-console"].value
    assert not form.accounts.boxes["cursor"].value
    dated = UsageQuery(integrated_account_id="cursor", start_date="2026-10-01", end_date="2026-10-02", page=2)
    form.query = dated
    assert form.query == dated
    assert form.state.period is None


def test_a_period_takes_the_place_of_dates(form):
    form.query = UsageQuery(integrated_account_id="cursor", start_date="2026-10-01", page=2)
    form.period.preset.value = "Last month"
    assert form.state == FormState(("cursor",), UsageQuery(), "2026-10")
    assert form.fields["start_date"].control.disabled
    assert "The period says it" in form.fields["start_date"].note.value


def test_what_a_load_is_told_besides_needs_a_period_and_someone_who_honours_it(form):
    assert form.choosing.users.disabled
    form.accounts.boxes["claude-console"].value = True
    form.choosing.users.value = True
    form.choosing.overhang.value = "prorate"
    assert form.state.options == {"period": DAY, "overhang": "prorate", "users": True}
    assert "overhang='prorate'" in form.code
    assert "users=True" in form.code
    assert "snapshot=" in form.to_report()
    form.period.preset.value = ""
    assert form.state.options == {}
    assert form.choosing.overhang.disabled


def test_a_month_in_a_days_period_is_tabled_once_the_form_says_how(client):
    form = tu.QueryForm(client, accounts=["datadog"], period="2026-10-05")
    form.load()
    assert "No cost table" in form.pages.costs.value
    form.choosing.overhang.value = "prorate"
    form.load()
    assert "Cost by model" in form.pages.costs.value
    assert 'aria-label="cost by model, USD"' in form.pages.chart.value


# Controls come from the parameters.


def test_every_parameter_has_a_control_with_its_label_and_help(form):
    for name, parameter in PARAMETERS.items():
        if name == "integrated_account_id":
            continue  # the ticks
        control = form.fields[name].control
        assert control.description
        assert parameter.help in control.tooltip
        if parameter.allowed:
            assert control.options == (("(not sent)", ""), *((each, each) for each in parameter.allowed))


@pytest.mark.parametrize(
    ("kind", "allowed", "typed", "value"),
    [
        ("texts", (), "a, b", ("a", "b")),
        ("choice", ("red", "blue"), "red", "red"),
        ("flag", (), False, False),
        ("number", (), "3", 3),
        ("object", (), '{"a": 1}', {"a": 1}),
    ],
)
def test_a_parameter_that_comes_tomorrow_makes_its_own_field(kind, allowed, typed, value):
    told = []
    field = Field(Parameter("team_colour", "Only these.", kind, allowed), lambda: told.append(1))
    field.control.value = typed
    assert told
    assert field.read() == value
    field.show(None)
    assert field.read() is None
    field.show(value)
    assert field.control.value == typed


def test_what_the_chosen_integrations_ignore_is_grey_with_the_reason(form):
    grey = {name for name, field in form.fields.items() if field.control.disabled}
    assert grey == {name for name, each in PARAMETERS.items() if "cursor" not in each.integrations} | {
        "start_date", "end_date", "date", "cursor", "page",
    }  # fmt: skip
    assert "Cursor ignores it." in form.fields["report_type"].note.value
    form.accounts.boxes["claude-console"].value = True
    assert form.state.accounts == ("cursor", "claude-console")
    assert not form.fields["report_type"].control.disabled
    assert "Cursor ignores it." in form.fields["report_type"].note.value
    form.accounts.boxes["cursor"].value = False
    assert "ignores" not in form.fields["report_type"].note.value


def test_accounts_are_named_and_grouped_and_others_can_be_typed(form):
    assert form.accounts.boxes["cursor"].description == "tidewheel (cursor)"
    assert list(dict.fromkeys(each.group for each in form.accounts.choices)) == [
        "Claude", "OpenAI Codex", "Confluent", "Cursor", "Datadog",
    ]  # fmt: skip
    form.accounts.typed.value = "62f44730, another"
    assert form.state.accounts == ("cursor", "62f44730", "another")
    form.accounts.typed.value = "cursor"
    assert "twice" in form.problems["accounts"]


def test_many_accounts_are_narrowed_by_a_filter():
    from truto_usage_nb.forms.controls import Choice, Picker

    picker = Picker("others", lambda: None)
    picker.offer([Choice(f"id-{n}", f"team {n}", "Claude") for n in range(500)])
    picker.show(["id-400"])
    assert picker.boxes["id-400"].value
    assert len(picker.boxes) <= 61
    picker.filter.value = "team 49"
    assert picker.boxes["id-499"].description == "team 499"
    assert picker.picked == ("id-400",)


# Run is a task of its own.


def test_run_returns_at_once_and_shows_what_came(form):
    form.row.run.click()
    form.wait()
    assert form.error is None
    assert form.frame.height == form.result.polars.height > 0
    assert f"<b>{form.frame.height:,} records</b>" in form.row.shown.value
    assert "First 5 of" in form.pages.head.value
    assert "Cost by model" in form.pages.costs.value
    assert form.row.cancel.disabled
    form.row.backend.value = "pandas"
    assert type(form.frame).__module__.startswith("pandas")
    assert "backend='pandas'" in form.code
    assert form.fields["model_ids"].control.options[0] in set(form.result.polars["model_id"])


def test_before_a_run_there_is_no_frame_and_after_a_change_it_is_called_stale(form):
    with pytest.raises(InputError, match="nothing is loaded yet: press Run"):
        form.frame  # noqa: B018
    form.load()
    assert "before the last change" not in form.pages.told.value
    form.fields["limit"].control.value = "3"
    assert "before the last change" in form.pages.told.value


def test_cancel_ends_the_requests_and_keeps_nothing():
    form = tu.QueryForm(tu.sandbox(faults=[Fault("latency", seconds=600.0)]), accounts=["cursor"], period=DAY)
    form.run()
    assert form.is_running
    with pytest.raises(InputError, match="a load is under way"):
        form.run()
    form.cancel()
    form.wait()
    assert not form.is_running
    assert form.result is None
    assert "Cancelled after 0 pages" in form.row.shown.value
    assert not form.row.run.disabled


def test_what_the_service_refuses_is_a_sentence_with_its_message_and_the_traceback_folded(client):
    form = tu.QueryForm(client, accounts=["claude-console"], period=DAY, report_type="usage", group_by=["no_such"])
    with pytest.raises(InvalidRequestError) as refused:
        form.load()
    shown = form.row.shown.value
    assert refused.value.status == 422
    assert "the provider behind the service answered" in shown
    assert "<details><summary>Traceback</summary>" in shown
    assert "sandbox-token" not in shown


def test_everything_from_the_service_is_escaped(form):
    import polars as pl

    from truto_usage_nb.forms.preview import preview

    frame = form.load()
    evil = "<img src=x onerror=alert(1)>"
    seen = preview(frame.with_columns(model_id=pl.lit(evil), user_email=pl.lit(evil)))
    assert "<img" not in seen.head + seen.costs + seen.chart
    assert "&lt;img" in seen.head
    assert "&lt;img" in seen.costs
    form.accounts.typed.value = f'"{evil}"'
    assert "<img" not in form.pages.code.value


def test_two_forms_of_a_client_share_what_was_seen(client, form):
    form.load()
    other = tu.QueryForm(client, accounts=["claude-console"])
    other.wait()
    assert "auto" in other.fields["model_ids"].control.options
    assert "messages_api" in other.fields["product_ids"].control.options
    assert "Messages API (messages_api)" in other.fields["product_ids"].control.tooltip
    assert 'aria-label="cost by model, USD"' in form.pages.chart.value
    other.fields["model_ids"].control.value = "auto, "
    assert "auto, composer-2.5" in other.fields["model_ids"].control.options


# Code one keeps.


def test_the_code_never_holds_a_token():
    client = tu.Client("very-secret", base_url="http://127.0.0.1:1", retries=0)
    form = tu.QueryForm(client, accounts=["a"], period="2026-10")
    form.wait()
    assert "very-secret" not in form.code + form.to_report() + repr(form) + str(form._repr_mimebundle_())
    assert "tu.Client(base_url='http://127.0.0.1:1')" in form.code
    assert "could not be listed" in form.accounts.note.value


def test_a_report_of_a_bare_period_is_one_call_and_of_a_query_goes_by_a_snapshot(form):
    assert form.to_report().splitlines()[3:] == [
        "tu.render_report(", "    'ai_spend',", "    'ai_spend.html',", "    accounts=['cursor'],",
        "    period='2026-09-14',", "    client=client,", ")",
    ]  # fmt: skip
    form.fields["limit"].control.value = "3"
    assert "snapshot=result.save('usage.parquet')" in form.to_report()
    assert "limit=3" in form.to_report()


def test_a_front_end_without_widgets_gets_a_line_and_the_code(form):
    bundle = form._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "This front end shows no widgets" in bundle["text/html"]
    for kind in ("text/html", "text/plain"):
        assert "tu.load_usage(" in bundle[kind]


def test_without_ipywidgets_the_form_says_so_in_a_line_and_still_loads():
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "import truto_usage_nb as tu\n"
        f"form = tu.QueryForm(tu.sandbox(), accounts=['cursor'], period={DAY!r})\n"
        "print(form); print(form.load().height, form.query)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("ipywidgets is not installed")
    assert "usage = tu.load_usage('cursor', period='2026-09-14', client=client)" in told
    assert told.splitlines()[-1] == "369 UsageQuery(integrated_account_id='cursor')"
