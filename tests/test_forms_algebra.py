"""What holds for every state: set on the form it comes back equal, and its code loads what the form loads."""

import warnings
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas.testing
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from truto_usage_nb.errors import UsageError, UsageWarning
from truto_usage_nb.forms import FormState
from truto_usage_nb.forms.state import last_word, period_words, read_period, write_period
from truto_usage_nb.forms.state import read_field as read
from truto_usage_nb.forms.state import write_field as write
from truto_usage_nb.jobs.period_cut import OVERHANGS
from truto_usage_nb.planning import DATED, Period
from truto_usage_nb.query import PARAMETERS, UsageQuery

TEXT = st.text(min_size=1).filter(lambda text: text.strip())
SCALAR = st.one_of(TEXT, st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
KEY = st.text(min_size=1).filter(lambda key: not {"[", "]"} & set(key))
OBJECT = st.dictionaries(KEY, st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(KEY, inner)))
DAY = st.dates(date(1000, 1, 1), date(9998, 12, 31))
INSTANT = st.datetimes(datetime(1000, 1, 1), datetime(9998, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
VALUES = {
    "text": TEXT, "texts": st.lists(TEXT, min_size=1).map(tuple), "flag": st.booleans(),
    "number": st.integers(min_value=1, max_value=10**17), "moment": DAY | INSTANT, "day": DAY, "object": OBJECT,
}  # fmt: skip


def values(name):
    parameter = PARAMETERS[name]
    some = st.sampled_from(parameter.allowed) if parameter.kind == "choice" else VALUES[parameter.kind]
    may_be_empty = name in {"group_by", "truto_exclude_fields"}
    return st.none() | (some | st.just(()) if may_be_empty else some)


def queries(but=()):
    names = [name for name in PARAMETERS if name not in {"integrated_account_id", *but}]
    return st.fixed_dictionaries({}, optional={name: values(name) for name in names}).map(_in_order)


def _in_order(given):
    if given.get("start_date") and given.get("end_date"):
        bounds = (UsageQuery(start_date=given[name]).start_date for name in ("start_date", "end_date"))
        start, end = sorted(bounds, key=lambda text: text[:10])
        given = {**given, "start_date": start[:10], "end_date": end[:10]}
    return UsageQuery(**given)


PERIODS = st.one_of(
    st.tuples(INSTANT | DAY, st.timedeltas(timedelta(microseconds=1), timedelta(days=400))).map(
        lambda pair: (pair[0], pair[0] + max(pair[1], timedelta(days=1) if type(pair[0]) is date else pair[1]))
    ),
    st.integers(1000, 9998).map(str),
    DAY.map(lambda day: day.isoformat()[:7]),
    DAY.map(date.isoformat),
)
BACKENDS = st.sampled_from(["polars", "pandas"])
ACCOUNTS = st.lists(TEXT | st.sampled_from(["cursor", "claude-console", "datadog"]), unique=True, max_size=4).map(tuple)
STATES = st.one_of(
    st.builds(
        FormState, ACCOUNTS, queries(DATED), PERIODS, BACKENDS, st.sampled_from([None, *OVERHANGS]), st.booleans()
    ),
    st.builds(FormState, ACCOUNTS, queries(), st.none(), BACKENDS),
)


@pytest.fixture(scope="module")
def client():
    return tu.sandbox()


@pytest.fixture(scope="module")
def form(client):
    made = tu.QueryForm(client)
    made.wait()
    yield made
    made.close()


@given(name=st.sampled_from(sorted(set(PARAMETERS) - {"integrated_account_id"})), data=st.data())
def test_a_value_written_into_a_field_is_read_back(name, data):
    value = getattr(UsageQuery(**{name: data.draw(values(name))}), name)
    kind = PARAMETERS[name].kind
    assert UsageQuery(**{name: read(name, kind, write(kind, value))}) == UsageQuery(**{name: value})


@given(texts=st.lists(TEXT, min_size=1, max_size=4), under_way=st.sampled_from(["", "opu", '"a, b"']))
def test_a_list_that_is_being_typed_parts_into_what_stands_and_the_word_under_way(texts, under_way):
    stands = write("texts", texts)
    before, last = last_word(f"{stands}, {under_way}")
    assert read("x", "texts", before) == tuple(texts)
    assert last == under_way


@given(period=PERIODS)
def test_a_period_is_read_back_from_its_words(period):
    whole = Period.parse(period)
    assert Period.parse(read_period(write_period(period_words(whole)))) == whole


@settings(max_examples=60)
@given(state=STATES)
def test_any_state_set_on_the_form_comes_back_equal(form, state):
    form.state = FormState()
    form.state = state
    assert not form.problems
    assert form.state == state
    form.fields["limit"].control.value = "7"  # and all of it is read back from the controls
    assert form.state == replace(state, query=state.query.replace(limit=7))


@given(query=queries())
@settings(max_examples=40)
def test_any_query_set_on_the_form_comes_back_equal(form, query):
    asked = query.replace(integrated_account_id="cursor")
    form.query = asked
    assert form.query == asked


DAYS = st.dates(date(2026, 9, 1), date(2026, 11, 20)).map(date.isoformat)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "report_type": st.sampled_from(PARAMETERS["report_type"].allowed),
        "group_by": st.lists(st.sampled_from(["product", "surface", "model", "user"]), unique=True, max_size=2),
        "granularity": st.sampled_from(["day", "hour"]),
        "model_ids": st.lists(st.sampled_from(["auto", "claude-opus-5", "no-such-model"]), min_size=1, unique=True),
        "limit": st.integers(0, 40),
        "truto_exclude_fields": st.lists(st.sampled_from(["resources", "user", "model"]), unique=True),
        "truto_ignore_remote_data": st.booleans(),
    },
)


@settings(max_examples=25)
@given(
    account=st.sampled_from(["claude-console", "claude-enterprise", "cursor", "confluent", "codex", "datadog"]),
    day=DAYS,
    asked=ASKED,
    told=st.tuples(BACKENDS, st.sampled_from([None, *OVERHANGS])),
)
def test_the_code_loads_the_frame_that_the_form_loads(form, account, day, asked, told):
    form.state = FormState((account,), UsageQuery(**asked), day, *told)
    try:
        frame = form.load()
    except UsageError as refused:
        event("refused")
        with pytest.raises(type(refused)):
            ran(form.code)
        return
    event("answered")
    usage = ran(form.code)
    assert type(usage) is type(frame)
    (assert_frame_equal if told[0] == "polars" else pandas.testing.assert_frame_equal)(usage, frame)


def ran(code):
    """Run a cell and give what it loaded; what it warns of is not the question here."""
    held = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        exec(code, held)
    return held["usage"]
