"""The form without a browser: every control is a view of one state, and each thing that can happen to it."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import ipywidgets as w
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import InputError, InvalidRequestError, PartialLoadError, PeriodError, QueryError, UsageError
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


def every(widget):
    """Give a widget and all that it holds."""
    return [widget, *(one for child in getattr(widget, "children", ()) for one in every(child))]


def controls(form):
    kinds = (w.Button, w.Checkbox, w.Combobox, w.DatePicker, w.Dropdown, w.Text, w.Textarea)
    return [each for each in every(form) if isinstance(each, kinds)]


def holders(form, control):
    return [each for each in every(form) if control in every(each)]


def is_shown(form, control):
    return all(each.layout.display != "none" for each in holders(form, control))


def folded(form, control):
    return any("tu-folded" in each._dom_classes for each in holders(form, control))


def said(form):
    """Give the markup of all that the form says, in order."""
    return "\n".join(each.value for each in every(form) if isinstance(each, w.HTML))


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
    assert not is_shown(form, form.fields["start_date"].control)
    form.period.preset.value = ""
    assert is_shown(form, form.fields["start_date"].control)


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


def test_what_the_chosen_integrations_ignore_is_taken_away_and_said_once(form):
    """Of the thirteen that are asked, Cursor honours `limit` alone; Claude not the two that are Codex's."""
    grey = {name for name, field in form.fields.items() if field.control.disabled}
    assert grey == {name for name, each in PARAMETERS.items() if "cursor" not in each.integrations} | {
        "start_date", "end_date", "date", "cursor", "page",
    }  # fmt: skip
    assert {name for name, field in form.fields.items() if not is_shown(form, field.control)} == grey
    assert said(form).count("ignore") == 1
    assert "Cursor ignores 12 of these 13: report type, product ids, " in said(form)
    form.accounts.boxes["claude-console"].value = True
    assert form.state.accounts == ("cursor", "claude-console")
    assert not form.fields["report_type"].control.disabled
    assert is_shown(form, form.fields["report_type"].control)
    assert "<summary>Cursor ignores 12 of these 13, Claude 2</summary>" in said(form)
    assert "Claude ignores 2 of these 13: user id, api key id." in said(form)
    form.accounts.boxes["cursor"].value = False
    assert "Cursor" not in "".join(each for each in said(form).splitlines() if "ignore" in each)


def test_what_is_set_is_said_outside_and_stays_in_sight_even_where_it_is_ignored(form):
    form.query = UsageQuery(integrated_account_id="cursor", report_type="cost", limit=3, page_size=7)
    assert "Set: report type, limit." in said(form)
    assert "Set: page size." in said(form)
    assert form.fields["report_type"].control.disabled
    assert is_shown(form, form.fields["report_type"].control)
    form.choosing.on_error.value = "warn"
    form.row.backend.value = "pandas"
    assert "Set: on error, frame." in said(form)
    form.fields["limit"].control.value = "many"
    assert said(form).count("limit=&#x27;many&#x27; is not allowed") == 3  # beside it, on its fold, in the code's place
    assert said(form).count('role="alert"') == 1  # and called out once


def test_accounts_a_period_and_run_stand_first_and_the_rest_opens_by_a_line_that_keys_reach(form):
    first = [each for each in controls(form) if not folded(form, each) and is_shown(form, each)]
    assert [each.description for each in first if each not in form.accounts.boxes.values()] == [
        "other accounts", "period", "in words", "from", "until (excluded)", "Run", "Cancel",
    ]  # fmt: skip
    form.period.preset.value = "Last month"
    assert not is_shown(form, form.period.start)
    lines = [each.value for each in every(form) if isinstance(each, w.HTML) and "tu-fold" in each._dom_classes]
    assert [re.findall(r"<details><summary>([\w ]+) <span", each) for each in lines] == [
        ["What to ask"], ["How to load"], ["Advanced"], ["The same as a report"]
    ]  # fmt: skip


def test_every_control_has_a_name_of_its_own_and_no_kind_hides_its_state(form):
    names = [each.description for each in controls(form)]
    assert all(names)
    assert len(set(names)) == len(names)
    assert not [each for each in every(form) if isinstance(each, (w.ToggleButtons, w.Accordion))]


def test_what_is_drawn_again_is_drawn_in_its_place(form):
    """A tick that is made anew under the keyboard loses its focus."""
    drawn = form.accounts._groups.children
    form.accounts.boxes["codex"].value = True
    form.state = replace(form.state, accounts=("datadog",))
    form.accounts.offer(form.accounts.choices)
    assert form.accounts._groups.children == drawn
    form.accounts.filter.value = "datadog"
    assert len(form.accounts._groups.children) < len(drawn)
    form.accounts.filter.value = ""
    assert form.accounts._groups.children == drawn


def test_each_click_is_answered(form):
    """The page says "asked" at once; the kernel's answer takes it away, so each click needs one."""

    def answers():
        return int(re.findall(r'data-answer="(\d+)"', form.row.waiting.widget.value)[0])

    seen = [answers()]
    form.accounts.boxes["codex"].value = True
    seen.append(answers())
    form.period.preset.value = "Last month"
    seen.append(answers())
    form.choosing.users.value = True
    seen.append(answers())
    form.row.backend.value = "pandas"
    seen.append(answers())
    form.row.run.click()
    seen.append(answers())
    form.row.run.click()  # a second time, while it loads
    seen.append(answers())
    assert not form.row.run.disabled
    form.row.cancel.click()
    seen.append(answers())
    form.wait()
    assert seen == sorted(set(seen))


def test_accounts_are_named_and_grouped_and_others_can_be_typed(form):
    assert form.accounts.boxes["cursor"].description == "tidewheel (cursor)"
    assert list(dict.fromkeys(each.group for each in form.accounts.choices)) == [
        "Claude", "OpenAI Codex", "Confluent", "Cursor", "Datadog",
    ]  # fmt: skip
    form.accounts.typed.value = "62f44730, another"
    assert form.state.accounts == ("cursor", "62f44730", "another")
    form.accounts.typed.value = "cursor"
    assert "twice" in form.problems["accounts"]


@pytest.mark.parametrize(
    ("name", "key", "shown"),
    [
        ("tidewheel", "cursor", "tidewheel (cursor)"),
        ("tide\u202e)rosruc( wheel", "evil", "tide?)rosruc( wheel (evil)"),  # it would read as (cursor)
        ("a\u2069\u202eb", "x", "a??b (x)"),
        ("\u05e9\u05dc\u05d5\u05dd", "1", "\u2068\u05e9\u05dc\u05d5\u05dd\u2069 (1)"),
        ("\u05e9\u2069", "1", "\u2068\u05e9?\u2069 (1)"),  # none closes what we opened
        ("cur\u200bsor", "cur\u202esor", "cur?sor (cur?sor)"),
        ("a\u202e", "a\u202e", "a?"),
    ],
)
def test_no_name_turns_or_hides_the_id_beside_it(name, key, shown):
    from truto_usage_nb.forms.lookups import _choice

    row = {"id": key, "name": name, "integration": "cursor", "label": "Cursor", "status": "active"}
    assert _choice(row).text == shown
    assert _choice(row).value == key


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


# What did load is there, whatever else failed.


@pytest.mark.parametrize("on_error", ["raise", "warn"])
def test_what_did_load_is_shown_and_used_beside_the_gap(client, on_error):
    form = tu.QueryForm(client, accounts=["cursor", "no-such-account"], period=DAY, on_error=on_error)
    form.run()
    form.wait()
    assert form.frame.height == form.result.polars.height == 369
    assert isinstance(form.error, PartialLoadError) == (on_error == "raise")
    assert "<b>Incomplete: no-such-account did not load, or not wholly." in form.row.shown.value
    assert form.row.shown.value.index("Incomplete") < form.row.shown.value.index("369 records")
    assert "UsageQuery(" not in form.row.shown.value
    assert "Cost by model" in form.pages.costs.value
    assert ("on_error='warn'" in form.code) == (on_error == "warn")


@pytest.mark.parametrize("on_error", ["raise", "warn"])
def test_one_account_of_which_a_part_failed_is_shown_too(on_error):
    """Claude is asked twice, for usage and for cost; the first answer is a refusal."""
    client = tu.sandbox(faults=[Fault("422", request=0)])
    form = tu.QueryForm(client, accounts=["claude-console"], period=DAY, on_error=on_error)
    form.run()
    form.wait()
    assert form.frame.height > 0
    assert len(form.result.gaps) == 1
    assert "<b>Incomplete: claude-console did not load, or not wholly." in form.row.shown.value
    assert isinstance(form.error, InvalidRequestError) == (on_error == "raise")


def test_where_nothing_loads_there_is_no_result(client):
    form = tu.QueryForm(client, accounts=["no-such-account", "no-such-either"], period=DAY, on_error="warn")
    with pytest.raises(UsageError):
        form.load()
    assert form.result is None
    with pytest.raises(InputError, match="nothing is loaded yet"):
        form.frame  # noqa: B018


def test_records_that_cannot_be_looked_at_are_there_all_the_same(form, monkeypatch):
    def broken(frame):
        raise ZeroDivisionError

    monkeypatch.setattr("truto_usage_nb.forms.query_form.preview", broken)
    assert form.load().height == 369
    assert "No look at it: ZeroDivisionError" in form.pages.costs.value


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


def test_without_ipywidgets_what_did_load_stays_too_and_the_explorer_knows_its_call():
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "import truto_usage_nb as tu\n"
        f"form = tu.QueryForm(tu.sandbox(), accounts=['cursor', 'no-such-account'], period={DAY!r})\n"
        "try: form.load()\n"
        "except tu.errors.PartialLoadError as error: print(form.error is error, form.result.polars.height)\n"
        "explorer = tu.CostExplorer(form.frame, by='surface', every='1d')\n"
        "print(explorer.table.columns[:2]); print(explorer.code)\n"
        "try: tu.CostExplorer(form.frame, evry='1d')\n"
        "except tu.errors.InputError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [
        "True 369",
        "['period_start', 'surface']",
        "table = tu.cost_per(usage, by=['surface'], every='1d')",
        "tu.plots.cost_over_time(usage, ['surface'], every='1d', top=10)",
        "CostExplorer has no 'evry'. Did you mean 'every'? Known: by, name, every, measure, top",
    ]
