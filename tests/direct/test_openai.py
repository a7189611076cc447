"""OpenAI through the direct door: usage kind by kind, costs, Codex; shapes as publicly recorded."""

from __future__ import annotations

import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.vendors_for_tests import giving, in_process, scripted
from truto_usage_nb.errors import AuthenticationError, ForbiddenError, InputError, InvalidRequestError

ADMIN = {"acme": {"integration": "openai", "admin_key": giving("sk-admin-0123456789abcdef")}}
CODEX = {"acme": {"integration": "codex", "codex_key": giving("sk-0123456789abcdef"), "workspace_id": "ws_1"}}
EMPTY = {"object": "page", "data": [], "has_more": False, "next_page": None}
TOLD_BY_THE_FEED = ["created_at", "updated_at"]  # when a day's rows had shown
OCTOBER = {"start_time": "1790812800", "end_time": "1793491200"}  # 2026-10-01 and 2026-11-01, 00:00 UTC
KINDS = [
    "completions",
    "decisions",
    "embeddings",
    "moderations",
    "images",
    "audio_speeches",
    "audio_transcriptions",
    "vector_stores",
    "code_interpreter_sessions",
    "file_search_calls",
    "web_search_calls",
]


@pytest.fixture(scope="module")
def direct():
    return in_process("openai_codex")


@pytest.fixture(scope="module")
def unified():
    return tu.sandbox()


@pytest.mark.parametrize("account", ["openai-api", "openai-api-eu", "openai-api-moved", "codex"])
def test_october_is_the_same_through_both_doors(direct, unified, account):
    before = len(direct.seen)
    mine = tu.load_usage(account, period="2026-10", client=direct).sort("start_date", "id")
    other = tu.load_usage(account, period="2026-10", client=unified).sort("start_date", "id")
    assert mine.height > 400
    assert_frame_equal(mine.drop(TOLD_BY_THE_FEED), other.drop(TOLD_BY_THE_FEED), check_exact=True)
    assert_frame_equal(tu.cost_per_model(mine), tu.cost_per_model(other))
    billed = {one["currency"]: float(one["billed"]) for one in unified.answers("2026-10", [account]).totals()}
    for currency, amount in billed.items():
        costs = tu.with_costs(mine)
        found = costs.filter(costs["cost_currency"] == currency)["cost_billed"].sum()
        assert found == pytest.approx(amount, abs=1e-6) or currency in ("CREDITS", "XXX")
    # An organisation's month is one request an endpoint; of a workspace, whose rows state their day, a day is one.
    assert len(direct.seen) - before == (31 if account == "codex" else len(KINDS) + 1)


def asked(spec, *answers, **options):
    client, vendor = scripted(spec, *(answers or (EMPTY,)))
    client.load_usage("acme", **options)
    return [(one.url.path, one.url.params.multi_items()) for one in vendor.asked], vendor


def test_an_organisation_is_asked_kind_by_kind_and_then_for_costs():
    sent, vendor = asked(ADMIN, period="2026-10")
    assert [path for path, _ in sent] == [
        *(f"/v1/organization/usage/{kind}" for kind in KINDS),
        "/v1/organization/costs",
    ]
    times = [*OCTOBER.items(), ("bucket_width", "1d")]
    groups = [("group_by[]", name) for name in ("project_id", "user_id", "api_key_id", "model", "batch")]
    assert sent[0][1] == [*times, *groups, ("limit", "31")]
    groups = [("group_by[]", name) for name in ("line_item", "project_id", "api_key_id")]
    assert sent[-1][1] == [*times, *groups, ("limit", "180")]
    assert vendor.asked[0].url.host == "api.openai.com"
    assert vendor.asked[0].headers["authorization"] == "Bearer sk-admin-0123456789abcdef"


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        ({"report_type": "cost"}, ["costs"]),
        ({"report_type": "user_cost"}, ["costs"]),
        ({"report_type": "usage"}, [f"usage/{kind}" for kind in KINDS]),
        (
            {
                "user_id": "user-1"
            },  # costs and some kinds name no user: they are left out, as they would be filtered out
            [f"usage/{kind}" for kind in KINDS if kind not in ("vector_stores", "code_interpreter_sessions")],
        ),
    ],
)
def test_what_is_asked_for_decides_the_endpoints(options, paths):
    sent, _ = asked(ADMIN, period="2026-10", **options)
    assert [path.removeprefix("/v1/organization/") for path, _ in sent] == paths
    if "user_id" in options:
        assert all(("user_ids[]", "user-1") in params for _, params in sent)
    if options.get("report_type") == "user_cost":
        assert [value for name, value in sent[0][1] if name == "group_by[]"] == ["line_item", "user_id"]


def test_without_dates_it_is_yesterday_and_a_day_alone_is_that_day():
    sent, _ = asked(ADMIN, report_type="cost")
    assert dict(sent[0][1])["start_time"] == "1795305600"  # 2026-11-22T00:00:00Z, the day before now
    sent, _ = asked(ADMIN, report_type="cost", date="2026-10-05")
    assert (dict(sent[0][1])["start_time"], dict(sent[0][1])["end_time"]) == ("1791158400", "1791244800")


def test_completions_as_recorded_before_the_newer_fields():
    # The fields: elastic/integrations, packages/openai/data_stream/completions/sample_event.json, which has neither
    # cache writes nor `input_uncached_tokens`; the envelope: openai/openai-cookbook, completions_usage_api.ipynb.
    row = {
        "object": "organization.usage.completions.result",
        "input_tokens": 100,
        "output_tokens": 40,
        "input_cached_tokens": 30,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": 7,
        "project_id": "proj_7",
        "user_id": "user-7",
        "api_key_id": "key_7",
        "model": "gpt-4o-mini-2024-07-18",
        "batch": False,
    }
    bucket = {"object": "bucket", "start_time": 1790812800, "end_time": 1790899200}
    first = {"object": "page", "data": [{**bucket, "results": [row]}], "has_more": True, "next_page": "page_2"}
    last = {
        "object": "page",
        "data": [{**bucket, "result": [{**row, "model": "gpt-4o"}]}],
        "has_more": False,
        "next_page": None,
    }
    client, vendor = scripted(ADMIN, first, last, EMPTY)
    frame = client.load_usage("acme", period="2026-10", report_type="usage")
    assert frame["model_id"].to_list() == ["gpt-4o-mini-2024-07-18", "gpt-4o"]
    # 100 in all, 30 of them cached: 70 uncached; 100 + 40 together.
    tokens = frame.select("usage_tokens_input", "usage_tokens_cache_read", "usage_tokens_output", "usage_tokens_total")
    assert tokens.row(0) == (70, 30, 40, 140)
    assert dict(vendor.asked[1].url.params)["page"] == "page_2"


def test_costs_as_recorded_amounts_are_numbers_or_strings():
    # The shape: openai/openai-python, tests/api_resources/admin/organization/test_usage.py, and the amount as a string.
    rows = [
        {
            "object": "organization.costs.result",
            "amount": {"value": "1.25", "currency": "usd"},
            "line_item": "gpt-5, input",
            "project_id": "p",
        },
        {
            "object": "organization.costs.result",
            "amount": {"value": 0.5, "currency": "eur"},
            "line_item": None,
            "project_id": None,
        },
    ]
    body = {**EMPTY, "data": [{"object": "bucket", "start_time": 1790812800, "end_time": 1790899200, "results": rows}]}
    client, _ = scripted(ADMIN, body)
    frame = client.load_usage("acme", period="2026-10", report_type="cost")
    assert frame["charges_total"].to_list() == [1.25, 0.5]
    assert frame["charges_currency"].to_list() == ["USD", "EUR"]
    assert frame["model_id"].to_list() == ["gpt-5", None]


def test_an_endpoint_that_is_refused_is_told_and_the_others_stand():
    row = {"object": "organization.costs.result", "amount": {"value": 2, "currency": "usd"}, "line_item": "x"}
    costs = {
        **EMPTY,
        "data": [{"object": "bucket", "start_time": 1790812800, "end_time": 1790899200, "results": [row]}],
    }
    no = (403, {"error": {"message": "Missing scopes: api.usage.read"}})
    client, vendor = scripted(ADMIN, no, *[EMPTY] * (len(KINDS) - 1), costs)
    with pytest.warns(tu.UsageWarning) as told:
        result = client.fetch_usage("acme", period="2026-10")
    said = " ".join(str(one.message) for one in told)
    assert "OpenAI answered 403 Forbidden to GET /v1/organization/usage/completions: Missing scopes" in said
    assert "admin_key is to hold an Admin key of an organisation" in said
    assert "its records are missing, and the others stand" in said
    assert "acme: the provider gave incomplete data" in said
    assert result.partial
    (gap,) = result.gaps
    assert "403 Forbidden to GET /v1/organization/usage/completions" in gap
    assert result.frame["charges_total"].to_list() == [2.0]
    assert len(vendor.asked) == len(KINDS) + 1


def test_where_every_endpoint_is_refused_it_is_an_error():
    client, vendor = scripted(ADMIN, (403, {"error": {"message": "no"}}))
    with pytest.warns(tu.UsageWarning), pytest.raises(ForbiddenError, match="to GET /v1/organization/costs: no"):
        client.load_usage("acme", period="2026-10")
    assert len(vendor.asked) == len(KINDS) + 1
    client, _ = scripted(ADMIN, (403, {"error": {"message": "no"}}))
    with pytest.raises(ForbiddenError):
        client.load_usage("acme", period="2026-10", report_type="cost")


def test_a_key_that_nobody_knows_is_tried_once():
    client, vendor = scripted(ADMIN, (401, {"error": {"message": "Incorrect API key provided"}}))
    with pytest.raises(
        AuthenticationError, match="OpenAI answered 401 Unauthorized to GET /v1/organization/usage/comple"
    ):
        client.load_usage("acme", period="2026-10")
    assert len(vendor.asked) == 1


def test_a_workspace_is_asked_a_day_at_a_time_for_its_people():
    row = {
        "object": "workspace.codex.usage.result",
        "start_time": 1791158400,
        "end_time": 1791244800,
        "user_id": "user_7",
        "actor": {"type": "ACCOUNT_USER", "user_id": "user_7", "email": "kim@acme.example"},
        "totals": {
            "threads": 3,
            "turns": 9,
            "credits": 4.5,
            "uncached_text_input_tokens": 10,
            "cached_text_input_tokens": 20,
            "text_output_tokens": 5,
            "text_total_tokens": 35,
        },
        "clients": [{"client_id": "CODEX_CLI", "credits": 4.5}],
        "models": None,
        "code_attribution": None,
    }
    other = {**row, "user_id": "user_8", "actor": {"user_id": "user_8"}}
    client, vendor = scripted(CODEX, {**EMPTY, "data": [row, other]})
    frame = client.load_usage("acme", period="2026-10-05", user_id="user_7")
    assert frame.select("user_email", "usage_tokens_total", "usage_requests_agent").row(0) == (
        "kim@acme.example",
        35,
        9,
    )
    assert frame.height == 1
    (request,) = vendor.asked
    assert (request.url.host, request.url.path) == ("api.chatgpt.com", "/v1/analytics/codex/workspaces/ws_1/usage")
    assert dict(request.url.params) == {"start_time": "1791158400", "end_time": "1791244800", "limit": "1000"}
    with pytest.raises(InvalidRequestError, match="a workspace's Codex knows no api_key_id"):
        client.load_usage("acme", period="2026-10-05", api_key_id="key_1")
    with pytest.raises(InvalidRequestError, match="serves no 'cost'"):
        client.load_usage("acme", period="2026-10-05", report_type="cost")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"integration": "openai_codex", "codex_key": "env:X"}, "account 'acme' lacks workspace_id (the id of the"),
        ({**CODEX["acme"], "workspace_id": "../other"}, "the id of the ChatGPT workspace; letters, digits"),
        ({**CODEX["acme"], "admin_key": "env:X"}, "account 'acme' states keys of several kinds"),
        ({"integration": "openai"}, "OpenAI takes admin_key; or codex_key, workspace_id"),
    ],
)
def test_what_an_account_must_state(spec, said):
    with pytest.raises(InputError) as error:
        tu.direct({"acme": spec})
    assert said in str(error.value)


def test_a_projects_key_is_told_before_it_is_sent():
    client, vendor = scripted({"acme": {"integration": "openai", "admin_key": giving("sk-proj-0123456789abc")}}, EMPTY)
    with pytest.raises(
        InputError, match="admin_key holds a project's key; it is to hold an Admin key of an organisation"
    ):
        client.load_usage("acme", period="2026-10")
    assert vendor.asked == []
