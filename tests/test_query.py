"""What is asked: every parameter strictly typed, its wire form, its code form, and errors that say what to do."""

import copy
import pickle
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truto_usage_nb.errors import QueryError
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.query import PARAMETERS, UsageQuery

EVERYWHERE = set(INTEGRATIONS)
HONOURED = {
    "integrated_account_id": EVERYWHERE, "truto_response_format": EVERYWHERE, "truto_key_by": EVERYWHERE,
    "truto_ignore_limit": EVERYWHERE, "truto_ignore_remote_data": EVERYWHERE, "truto_exclude_fields": EVERYWHERE,
    "remote_query": EVERYWHERE, "report_type": {"claude"},
    "start_date": EVERYWHERE, "end_date": EVERYWHERE - {"openai_codex"},
    "product_ids": {"claude"}, "user_ids": {"claude"}, "model_ids": {"claude"}, "surfaces": {"claude"},
    "group_by": {"claude"}, "granularity": {"claude"}, "sort_by": {"claude"}, "sort_order": {"claude"},
    "include_deleted_users": {"claude"}, "limit": EVERYWHERE, "cursor": EVERYWHERE, "date": {"openai_codex"},
    "user_id": {"openai_codex"}, "api_key_id": {"openai_codex"}, "page": {"cursor"}, "page_size": {"cursor"},
}  # fmt: skip


def test_every_parameter_is_there_with_its_help_and_who_honours_it():
    assert list(PARAMETERS) == list(HONOURED)
    for name, parameter in PARAMETERS.items():
        assert parameter.help, name
        assert set(parameter.integrations) == HONOURED[name], name


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"modle_ids": ["a"]}, r"no parameter 'modle_ids'\. Did you mean 'model_ids'\?"),
        ({"report_type": "costs"}, r"report_type='costs' is not allowed\. Did you mean 'cost'\? Allowed: activity, "),
        ({"sort_order": "up"}, "Allowed: asc, desc"),
        ({"granularity": "week"}, "Allowed: day, hour, minute"),
        ({"model_ids": "opus"}, r"model_ids='opus' is a bare text; give a list, such as \['opus'\]"),
        ({"model_ids": [1]}, r"model_ids\[0\]=1 is not allowed; give a text"),
        ({"start_date": "2026-02-30"}, "start_date='2026-02-30' is not a date"),
        ({"start_date": "20261001"}, "give YYYY-MM-DD or RFC 3339"),
        ({"start_date": "2026-10-01T00:00"}, "without a time zone"),
        ({"start_date": datetime(2026, 10, 1)}, "without a time zone"),  # noqa: DTZ001  (the fault under test)
        ({"date": "2026-10-01T00:00:00Z"}, "is not a day"),
        ({"start_date": "2026-10-02", "end_date": "2026-10-01"}, "lies before start_date"),
        ({"limit": -1}, "limit=-1"),
        ({"page": -1}, "page=-1"),
        ({"page_size": -1}, "page_size=-1"),
        ({"limit": "3"}, "limit='3'"),
        ({"limit": True}, "limit=True"),
        ({"include_deleted_users": "yes"}, "include_deleted_users='yes'"),
        ({"remote_query": "a=b"}, "remote_query='a=b'"),
        ({"remote_query": {"a[b]": 1}}, "remote_query"),
    ],
)
def test_bad_input_names_the_parameter_the_value_and_what_is_allowed(parameters, words):
    with pytest.raises(QueryError, match=words) as refused:
        UsageQuery(**parameters)
    assert "http" not in str(refused.value)


def test_the_wire_form():
    query = UsageQuery(
        integrated_account_id="a b",
        truto_ignore_limit=True,
        include_deleted_users=False,
        model_ids=["x", "y"],
        remote_query={"foo": "bar", "a": {"b": [1, True]}},
        limit=0,
        start_date=date(2026, 10, 1),
        end_date=datetime(2026, 10, 2, tzinfo=UTC),
    )
    assert query.to_params() == [
        ("integrated_account_id", "a b"),
        ("truto_ignore_limit", "true"),
        ("remote_query[foo]", "bar"),
        ("remote_query[a][b][]", "1"),
        ("remote_query[a][b][]", "true"),
        ("start_date", "2026-10-01"),
        ("end_date", "2026-10-02T00:00:00Z"),
        ("model_ids[]", "x"),
        ("model_ids[]", "y"),
        ("include_deleted_users", "false"),
        ("limit", "0"),
    ]


texts = st.text(min_size=1).filter(str.strip)
queries = st.builds(
    UsageQuery,
    integrated_account_id=st.none() | texts,
    report_type=st.none() | st.sampled_from(PARAMETERS["report_type"].allowed),
    model_ids=st.none() | st.lists(texts, min_size=1),
    remote_query=st.none()
    | st.dictionaries(st.text("abc", min_size=1), texts | st.integers() | st.booleans(), min_size=1),
    limit=st.none() | st.integers(0, 10**6),
    truto_ignore_limit=st.none() | st.booleans(),
    date=st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)


@given(queries)
def test_repr_is_code_and_a_query_is_a_value(query):
    again = eval(repr(query), {"UsageQuery": UsageQuery})
    assert again == query
    assert hash(again) == hash(query)
    assert pickle.loads(pickle.dumps(query)) == query
    assert copy.deepcopy(query) == query
    assert UsageQuery(**query.given()) == query


def test_a_query_is_frozen_to_its_depth():
    query = UsageQuery(remote_query={"a": {"b": 1}}, model_ids=["x"])
    with pytest.raises(QueryError, match=r"query\.replace\(limit=3\)"):
        query.limit = 3
    with pytest.raises(TypeError):
        query.remote_query["a"] = 2
    assert query.replace(limit=3).limit == 3
    assert query.replace(model_ids=None).model_ids is None


def test_the_query_id_changes_only_with_what_a_row_means():
    one = UsageQuery(integrated_account_id="a", start_date="2026-10-01", limit=5)
    assert one.query_id == UsageQuery(integrated_account_id="b", cursor="x").query_id
    ids = {
        UsageQuery(**{name: value}).query_id
        for name, value in {
            "report_type": "cost",
            "group_by": ["model"],
            "granularity": "day",
            "model_ids": ["x"],
        }.items()
    }
    ids |= {UsageQuery(include_deleted_users=value).query_id for value in (True, False)}
    assert len(ids | {one.query_id}) == 7
    assert all(len(each) == 8 for each in ids)
