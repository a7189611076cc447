"""The service: every parameter acts, every wrong one is named, cursors are bound to their query."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truto_usage_nb.sandbox.app import create_app
from truto_usage_nb.sandbox.pages import Item, Listing, Listings, Place, write_cursor
from truto_usage_nb.sandbox.vendors import SANDBOX_VENDORS, VENDORS

IDS = ["r0", "r1", "r2", "r4a", "r4b", *(f"r{n}" for n in range(5, 25))]  # 25 records of 25 rows


def ids(envelope):
    return [record["id"] for record in envelope["result"]]


class TestPaging:
    def test_pages_concatenate_to_all_records(self, walk):
        pages = walk()
        assert [len(page["result"]) for page in pages] == [7, 7, 7, 4]  # DEFAULT_PAGE is 7
        assert [one for page in pages for one in ids(page)] == IDS
        assert pages[0]["prev_cursor"] is None
        assert pages[-1]["next_cursor"] is None

    def test_limit_is_the_page_and_the_provider_caps_it(self, ask, walk):
        assert ids(ask(limit="3").json()) == IDS[:3]
        assert ask(limit="1000").json()["result_count"] == 20
        assert [page["result_count"] for page in walk(limit="12")] == [12, 12, 1]

    def test_limit_of_zero_is_no_record_and_no_cursor(self, ask):
        envelope = ask(limit="0").json()
        assert envelope["result"] == []
        assert envelope["next_cursor"] is None

    def test_ignored_limit(self, ask):
        assert ask(limit="3", truto_ignore_limit="true").json()["result_count"] == 7
        assert ask(limit="3", truto_ignore_limit="false").json()["result_count"] == 3

    def test_cursor_is_the_same_door_as_next_cursor(self, ask):
        cursor = ask().json()["next_cursor"]
        assert ids(ask(cursor=cursor).json()) == ids(ask(next_cursor=cursor).json()) == IDS[7:14]
        assert ids(ask(cursor="", next_cursor=cursor).json()) == IDS[7:14]

    def test_prev_cursor_leads_back(self, ask):
        second = ask(next_cursor=ask().json()["next_cursor"]).json()
        assert ids(ask(next_cursor=second["prev_cursor"]).json()) == IDS[:7]

    def test_page_size_may_change_on_the_way_but_not_the_query(self, ask):
        cursor = ask().json()["next_cursor"]
        assert ids(ask(next_cursor=cursor, limit="2").json()) == IDS[7:9]
        refused = ask(next_cursor=cursor, report_type="cost")
        assert refused.status_code == 422
        assert "another query" in refused.json()["message"]
        assert ask(next_cursor=cursor, truto_response_format="raw").status_code == 422

    @pytest.mark.parametrize("cursor", ["nonsense", "%%%", "W10", write_cursor(Place(-1, 0), "x")])
    def test_a_cursor_of_nobody(self, ask, cursor):
        assert ask(next_cursor=cursor).status_code == 422

    def test_page_k_does_not_make_the_pages_before_it_again(self, walk, vendor):
        walk()
        assert vendor.made == 25

    def test_the_list_is_made_only_as_far_as_needed(self, ask, vendor):
        ask(("remote_query[rows]", "1000000"))
        assert vendor.made < 12

    def test_numbered_pages_are_cursors_alone(self, ask):
        assert ids(ask(page="2", page_size="5").json()) == IDS[:7]  # Claude pages by cursor: ignored

    def test_numbered_pages(self, vendor, get):
        vendor.NUMBERED = True
        VENDORS["cursor"] = vendor
        try:
            usage = "/unified/usage-metering/usage"
            of = ("integrated_account_id", "cursor")
            second = get(usage, of, ("page", "2"), ("page_size", "5")).json()
            assert ids(second) == IDS[5:10]
            on = get(usage, of, ("page_size", "5"), ("next_cursor", second["next_cursor"])).json()
            assert ids(on) == IDS[10:15]
            assert get(usage, of, ("page", "99")).json()["result"] == []
            twin = get(usage, ("integrated_account_id", "cursor-relinked")).json()
            assert twin["result"][0]["remote_data"]["who"] == {"asked": "cursor"}
        finally:
            del VENDORS["cursor"]


class TestShape:
    def test_remote_data_comes_unless_ignored(self, ask):
        assert ask().json()["result"][0]["remote_data"] == {"n": 0, "who": {"asked": "claude-console"}}
        assert "remote_data" not in ask(truto_ignore_remote_data="true").json()["result"][0]

    def test_remote_data_may_come_and_go_on_the_way(self, ask):
        first = ask().json()
        second = ask(next_cursor=first["next_cursor"], truto_ignore_remote_data="true").json()
        back = ask(next_cursor=second["prev_cursor"]).json()
        assert ids(second) == IDS[7:14]
        assert "remote_data" not in second["result"][0]
        assert back["result"] == first["result"]

    def test_fields_are_left_out_of_remote_data_too(self, ask):
        record = ask(("truto_exclude_fields[]", "remote_data.who"), limit="1").json()["result"][0]
        assert record["remote_data"] == {"n": 0}

    def test_excluded_fields_and_paths(self, ask):
        record = ask(
            ("truto_exclude_fields[]", "id"),
            ("truto_exclude_fields[]", "usage.tokens.input"),
            ("truto_exclude_fields[]", "charges.type"),
            ("truto_exclude_fields[]", "nothing.here"),
        ).json()["result"][0]
        assert "id" not in record
        assert record["usage"] == {"tokens": {"output": 1}}
        assert record["charges"] == [{"amount": 0.5, "currency": "USD"}]

    def test_key_by_loses_records_and_the_count_tells(self, ask):
        envelope = ask(truto_key_by="surface").json()
        assert sorted(envelope["result"]) == ["api", "chat"]
        assert envelope["result_count"] == 7
        assert list(ask(truto_key_by="id", limit="3").json()["result"]) == ["r0", "r1", "r2"]
        assert list(ask(truto_key_by="usage.tokens.output").json()["result"]) == ["1"]
        assert list(ask(truto_key_by="model").json()["result"]) == ["undefined"]

    def test_key_is_read_before_fields_are_left_out(self, ask):
        keyed = ask(("truto_exclude_fields[]", "id"), truto_key_by="id", limit="1").json()["result"]
        assert list(keyed) == ["r0"]
        assert "id" not in keyed["r0"]

    def test_raw_is_the_providers_objects_one_a_row(self, walk):
        rows = [row for page in walk(truto_response_format="raw") for row in page["result"]]
        assert [row["n"] for row in rows] == list(range(25))

    def test_normalized_is_unified_without_remote_data(self, ask):
        unified = ask(truto_ignore_remote_data="true").json()["result"]
        assert ask(truto_response_format="normalized").json()["result"] == unified

    def test_stream_is_ndjson_of_everything(self, ask):
        answer = ask(truto_response_format="stream", limit="2")
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        assert [json.loads(line)["id"] for line in answer.text.splitlines()] == IDS

    def test_stream_begins_at_a_cursor_and_goes_beyond_one_chunk(self, ask):
        cursor = ask(limit="20").json()["next_cursor"]
        lines = ask(truto_response_format="stream", next_cursor=cursor).text.splitlines()
        assert [json.loads(line)["id"] for line in lines] == IDS[20:]
        many = ask(("remote_query[rows]", "1200"), truto_response_format="stream").text.splitlines()
        assert len(many) == 1200

    def test_stream_of_nothing_is_empty(self, ask):
        assert ask(("remote_query[rows]", "0"), truto_response_format="stream").content == b""

    def test_stream_as_one_envelope_when_json_is_accepted(self, ask):
        headers = {"authorization": "Bearer sandbox-token", "accept": "application/json"}
        envelope = ask(truto_response_format="stream", headers=headers).json()
        assert envelope["result_count"] == 7

    def test_debug(self, ask):
        envelope = ask(truto_response_format="debug", limit="5").json()
        assert ids(envelope) == IDS[:5]
        debug = envelope["debug"]
        assert debug["requestUrl"] == "https://provider.test/v1/rows"
        assert debug["requestOptions"] == {"method": "GET", "headers": {"accept": "json"}}
        assert [row["n"] for row in debug["data"]] == [0, 1, 2, 4]  # r4a and r4b are one row
        assert debug["nextCursor"] == envelope["next_cursor"]
        assert (debug["isLooping"], debug["isEmptyResult"], debug["resultCount"]) == (False, False, 5)
        assert debug["responseHeaders"]["ratelimit-limit"] == "60;w=60"

    def test_debug_is_null_when_the_call_is_skipped(self, ask):
        envelope = ask(truto_response_format="debug", truto_skip_api_call="true").json()
        assert envelope["debug"] is None
        assert envelope["result"] == []

    def test_same_question_same_bytes(self, ask, vendor):
        assert ask().content == ask(on=create_app()).content


class TestStrictness:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("report_type", "costs"),
            ("truto_response_format", "xml"),
            ("granularity", "week"),
            ("sort_order", "ASC"),
            ("truto_ignore_limit", "1"),
            ("include_deleted_users", "True"),
            ("limit", "-1"),
            ("limit", "1.5"),
            ("limit", "٣"),
            ("page", "0"),
            ("start_date", "2026-02-30"),
            ("start_date", "yesterday"),
            ("end_date", "2026-10-01T25:00:00Z"),
            ("date", "2026-10-01T00:00:00Z"),
            ("group_by", "model"),
            ("product_ids[a]", "x"),
            ("remote_query", "x"),
            ("report_type[]", "cost"),
            ("remote_query[a][b][c][d][e][f][g][h][i]", "deep"),
            ("limit]", "1"),
        ],
    )
    def test_a_wrong_parameter_is_named(self, ask, name, value):
        answer = ask((name, value))
        body = answer.json()
        assert answer.status_code == body["statusCode"] == 422
        assert body["error"] == "Unprocessable Entity"
        assert body["details"]["parameter"] == name.split("[")[0] or body["details"]["parameter"] == name
        assert "truto_is_remote_error" not in body

    def test_enums_say_what_is_allowed(self, ask):
        assert ask(granularity="week").json()["details"]["allowed"] == ["day", "hour", "minute"]

    @pytest.mark.parametrize("value", ["2026-10-01", "2026-10-01T00:00:00Z", "2026-10-01T02:30:00.123+02:00"])
    def test_dates_go_over_as_sent(self, ask, value):
        assert ask(start_date=value).json()["result"][0]["start_date"] == value

    def test_given_twice(self, ask):
        assert ask(("sort_by", "a"), ("sort_by", "b")).status_code == 422

    def test_given_in_two_shapes(self, ask):
        assert ask(("remote_query[a]", "1"), ("remote_query[a][b]", "2")).status_code == 422

    def test_nested_remote_query_arrives(self, ask):
        assert ask(("remote_query[rows]", "2"), ("remote_query[tags][]", "x")).json()["result_count"] == 2

    def test_an_unknown_parameter_is_ignored_and_told(self, ask):
        answer = ask(colour="blue")
        assert answer.status_code == 200
        assert answer.headers["x-ignored-parameters"] == "colour"

    def test_account_is_required_and_must_exist(self, get):
        assert get("/unified/usage-metering/usage").status_code == 422
        missing = get("/unified/usage-metering/usage", ("integrated_account_id", "nobody"))
        assert missing.status_code == 404
        assert missing.json()["error"] == "Not Found"

    @pytest.mark.parametrize(("theirs", "ours"), [(400, 422), (403, 403), (503, 503)])
    def test_the_providers_refusal_is_told_apart(self, ask, theirs, ours):
        for response_format in ("unified", "raw", "stream", "debug"):
            answer = ask(("remote_query[refuse]", str(theirs)), truto_response_format=response_format)
            body = answer.json()
            assert answer.status_code == ours
            assert body["truto_is_remote_error"] is True
            assert body["raw_response"] == {"error": {"message": "not for you"}}
            assert "not for you" in body["message"]


class TestDoor:
    @pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic sandbox-token", "Bearer ünïcode"])
    def test_no_valid_token(self, ask, header):
        headers = {} if header is None else {"authorization": header.encode("latin-1")}
        answer = ask(headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "Unauthorized"
        assert "sandbox-token" not in answer.text

    def test_a_token_of_one_account(self, vendor, get):
        app = create_app(scoped_tokens={"only-console": "claude-console"})
        headers = {"authorization": "Bearer only-console"}
        usage = "/unified/usage-metering/usage"
        assert get(usage, on=app, headers=headers).json()["result_count"] == 7  # the account is inferred
        assert get(usage, ("integrated_account_id", "codex"), on=app, headers=headers).status_code == 403
        assert get("/integrated-account", on=app, headers=headers).status_code == 403

    def test_rate_limit_headers_on_every_answer(self, ask, get):
        for answer in (ask(), ask(limit="x"), get("/integrated-account"), get("/integrated-account", headers={})):
            assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= answer.headers.keys()
        assert ask().headers["ratelimit-limit"] == "60;w=60"

    def test_unknown_paths_and_methods_are_envelopes(self, get):
        answer = get("/unified/usage-metering/usage/")
        assert answer.status_code == 404
        assert answer.json()["statusCode"] == 404


class TestNeighbours:
    def test_accounts(self, get):
        envelope = get("/integrated-account").json()
        assert envelope["result_count"] == 11
        console = envelope["result"][0]
        assert console["id"] == "claude-console"
        assert console["integration"]["name"] == "claude"
        assert {"tenant_id", "status", "is_sandbox", "created_at"} <= console.keys()

    def test_accounts_filtered_and_paged(self, get):
        emea = get("/integrated-account", ("tenant_id", "tidewheel-emea")).json()
        assert ids(emea) == ["claude-enterprise-seats", "openai-api-eu", "openai-api-moved"]
        assert get("/integrated-account", ("is_sandbox", "true")).json()["result"] == []
        first = get("/integrated-account", ("limit", "6")).json()
        second = get("/integrated-account", ("limit", "6"), ("next_cursor", first["next_cursor"])).json()
        assert len({*ids(first), *ids(second)}) == 11
        assert second["next_cursor"] is None

    def test_one_account(self, get):
        assert get("/integrated-account/codex").json()["integration"]["name"] == "openai_codex"
        assert get("/integrated-account/nobody").status_code == 404

    def test_products(self, get):
        of = ("integrated_account_id", "claude-enterprise")
        assert ids(get("/unified/usage-metering/products", of).json()) == ["alpha", "beta", "gamma"]
        keyed = get("/unified/usage-metering/products", of, ("truto_key_by", "id")).json()["result"]
        assert keyed["beta"]["kind"] == "enterprise"
        assert get("/unified/usage-metering/products").status_code == 422

    def test_the_service_remembers_requests_without_their_headers(self, app, ask):
        ask(limit="2")
        seen = app.state.service.seen[-1]
        assert (seen.path, seen.status) == ("/unified/usage-metering/usage", 200)
        assert ("limit", "2") in seen.pairs
        assert "sandbox-token" not in repr(seen)


class TestListing:
    def test_memory_is_bounded_and_a_step_back_makes_the_list_anew(self):
        made = []

        def make():
            for number in range(50_000):
                made.append(number)
                yield Item(str(number).encode())

        listing = Listing(make)
        for offset in range(0, 40_000, 1000):
            found, more = listing.slice(offset, 1000)
            assert found[0].value == str(offset).encode()
            assert more
        assert len(listing) <= 9_001
        assert len(made) == 40_001
        assert listing.slice(0, 1)[0][0].value == b"0"
        assert listing.slice(49_990, 100)[1] is False

    @given(st.integers(0, 60), st.lists(st.tuples(st.integers(0, 70), st.integers(1, 30)), max_size=12))
    def test_any_slices_in_any_order_are_those_of_a_list(self, length, slices):
        whole = [Item(str(number).encode()) for number in range(length)]
        listing = Listing(lambda: iter(whole))
        for offset, size in slices:
            assert listing.slice(offset, size) == (whole[offset : offset + size], length > offset + size)

    def test_old_lists_make_room(self):
        lists = Listings()
        for key in range(20):
            lists.slice(key, lambda: (Item(str(n).encode()) for n in range(3_000)), 0, 2_999)
        assert sum(map(len, lists._lists.values())) <= 24_000

    def test_a_list_that_raised_is_made_again(self):
        def broken():
            yield Item(b"{}")
            raise RuntimeError("vendor fell over")

        lists = Listings()
        for _ in range(2):
            with pytest.raises(RuntimeError):
                lists.slice("key", broken, 0, 5)


def test_the_registry_knows_its_names():
    assert tuple(VENDORS) == SANDBOX_VENDORS
    with pytest.raises(KeyError):
        VENDORS["nobody"]


def test_the_clock_moves_the_world(vendor, get, moment):
    app = create_app(3, clock=lambda: moment)
    assert app.state.service.world().now == moment
    assert app.state.service.world().seed == 3
