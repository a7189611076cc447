"""What passes between the direct door and a vendor: requests, pages, refusals, faults."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import aclosing
from datetime import timedelta

import httpx
import pytest

import truto_usage_nb as tu
from tests.loopback import FlyingClock
from tests.vendors_for_tests import NOW, Scripted, described, giving, in_process, on_loopback, scripted
from truto_usage_nb.direct.gateway import GATEWAY_URL, Gateway
from truto_usage_nb.direct.spec import read_spec
from truto_usage_nb.errors import (
    ConnectionFailedError,
    CursorExpiredError,
    CursorLoopError,
    ForbiddenError,
    InputError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceUnavailableError,
)
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.sandbox.faults import Fault, Faults
from truto_usage_nb.sandbox.raw_server import vendor_server
from truto_usage_nb.transport import Transport

KEY = "crsr_0123456789abcdef0123456789abcdef"
CURSOR = {"team": {"integration": "cursor", "api_key": giving(KEY)}}
CONFLUENT = {
    "bill": {
        "integration": "confluent",
        "api_key": giving("CLDKEY1234567890"),
        "api_secret": giving("secret-0123456789"),
    }
}
MORNING = {"start_date": "2026-10-05", "end_date": "2026-10-05T11:59:59.999Z"}
NOTHING = {"usageEvents": [], "pagination": {"hasNextPage": False}}
COST = {
    "id": "dlz-1",
    "start_date": "2026-10-01",
    "end_date": "2026-10-02",
    "product": "KAFKA",
    "line_type": "KAFKA_STORAGE",
    "original_amount": 2.5,
    "discount_amount": 0.5,
    "amount": 2.0,
}


def test_the_request_is_the_vendors_own():
    client, vendor = scripted(CURSOR, NOTHING)
    client.load_usage("team", period="2026-10-05", remote_query={"userId": 42, "email": "a@b.example"})
    (request,) = vendor.asked
    assert (request.method, str(request.url)) == ("POST", "https://api.cursor.com/teams/filtered-usage-events")
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode() == f"{KEY}:"
    assert json.loads(request.content) == {
        "startDate": 1791158400000,  # 2026-10-05T00:00:00.000Z
        "endDate": 1791244799999,  # 2026-10-05T23:59:59.999Z, which is included
        "userId": 42,
        "email": "a@b.example",
        "page": 1,
        "pageSize": 1000,
    }


def test_confluents_request_and_the_page_that_its_answer_leads_to():
    following = "https://api.confluent.cloud/billing/v1/costs?start_date=2026-10-01&page_token=abc%2Fd"
    first = {"data": [COST], "metadata": {"next": following}}
    client, vendor = scripted(CONFLUENT, first, {"data": [{**COST, "id": "dlz-2"}], "metadata": {"next": None}})
    frame = client.load_usage("bill", period="2026-10")
    assert frame["id"].to_list() == ["dlz-1", "dlz-2"]
    asked = [(request.url.path, dict(request.url.params)) for request in vendor.asked]
    assert asked == [
        ("/billing/v1/costs", {"start_date": "2026-10-01", "end_date": "2026-11-01", "page_size": "5000"}),
        ("/billing/v1/costs", {"start_date": "2026-10-01", "page_token": "abc/d"}),
    ]
    authorisation = vendor.asked[1].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(authorisation).decode() == "CLDKEY1234567890:secret-0123456789"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/billing/v1/costs?page_token=x",
        "https://api.confluent.cloud.evil.example/?page_token=x",
        "//evil.example/billing/v1/costs?page_token=x",
        "https://api.confluent.cloud@evil.example/?page_token=x",
        "http://[::1/?page_token=x",
    ],
)
def test_a_following_page_on_another_host_is_refused(link):
    client, vendor = scripted(CONFLUENT, {"data": [COST], "metadata": {"next": link}})
    with pytest.raises(ProtocolError, match=r"account 'bill': Confluent's answer .* a key is not carried there"):
        client.load_usage("bill", period="2026-10")
    assert len(vendor.asked) == 1


def test_a_key_is_not_carried_along_a_redirect():
    client, vendor = scripted(CURSOR, (307, {}, {"location": "https://elsewhere.example/teams"}))
    with pytest.raises(ProtocolError, match=r"Cursor answered 307 .* points to https://elsewhere\.example; a key"):
        client.load_usage("team")
    assert [request.url.host for request in vendor.asked] == ["api.cursor.com"]


@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (400, InvalidRequestError, {"error": "Bad Request", "message": "too long."}, "400 Bad Request .*: too long$"),
        (403, ForbiddenError, {"errors": [{"detail": "not yours"}]}, "403 Forbidden to POST .*: not yours; api_key"),
        (404, NotFoundError, b"<html>nothing</html>", "404 Not Found to POST .*nothing.*api_key is to hold an Admin"),
    ],
)  # fmt: skip
def test_a_refusal_is_not_asked_again_and_names_account_vendor_and_endpoint(status, kind, body, said):
    client, vendor = scripted(CURSOR, (status, body))
    with pytest.raises(kind, match=f"account 'team': Cursor answered {status}") as error:
        client.load_usage("team", report_type="user_cost")
    assert error.match(said)
    assert error.match("POST /teams/spend")
    assert (error.value.status, error.value.is_remote, len(vendor.asked)) == (status, True, 1)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            (429, {"message": "slow down"}, {"retry-after": "60"}),
            RateLimitError,
            "429 .*Cursor answered 429 .* slow down",
        ),
        ((529, {"error": {"message": "overloaded"}}), ServiceUnavailableError, "Cursor answered 529 .*overloaded"),
        ((500, b"oops"), ServiceUnavailableError, "Cursor answered 500 Internal Server Error .*oops"),
        (
            httpx.ConnectError("no route"),
            ConnectionFailedError,
            r"could not be reached \(Cursor at https://api\.cursor\.com: no route\)",
        ),
        ((200, b"<html>busy</html>"), ServiceUnavailableError, "it is no JSON: '<html>busy</html>'"),
        ((200, b'{"usageEvents": [NaN]}'), ServiceUnavailableError, "it is no JSON"),
    ],
)
def test_what_may_pass_is_asked_again(answer, kind, said):
    client, vendor = scripted(CURSOR, answer, retries=0)
    with pytest.raises(kind, match=said):
        client.load_usage("team")
    transport = Transport(
        token="direct", base_url=GATEWAY_URL, transport=Gateway(read_spec(CURSOR), lambda: NOW, transport=vendor),
        clock=FlyingClock(), retries=2,
    )  # fmt: skip
    with pytest.raises(kind, match="tried 3 times"):
        asyncio.run(transport.get("/unified/usage-metering/usage", [("integrated_account_id", "team")]))
    assert len(vendor.asked) == 1 + 3


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, {"usageEvents": None, "pagination": {}},
        {"usageEvents": [5], "pagination": {"hasNextPage": False}},
        {"usageEvents": [{"timestamp": "noon"}], "pagination": {"hasNextPage": False}},
        {"usageEvents": [{"timestamp": "0", "chargedCents": "x"}], "pagination": {"hasNextPage": False}},
        {"usageEvents": [{"timestamp": "0"}]},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_an_error_and_never_an_empty_frame(body):
    client, vendor = scripted(CURSOR, (200, json.dumps(body).encode()))
    with pytest.raises(ProtocolError, match="account 'team': Cursor's answer to POST /teams/filtered-usage-events"):
        client.load_usage("team")
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    "content",
    [
        b'{"usageEvents": [{"timestamp": "0", "chargedCents": 1e999}], "pagination": {"hasNextPage": false}}',
        b'{"usageEvents": [{"timestamp": "0", "chargedCents": "NaN"}], "pagination": {"hasNextPage": false}}',
        b'{"usageEvents": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"usageEvents": [{"timestamp": "' + b"9" * 400 + b'"}], "pagination": {"hasNextPage": false}}',
        b'{"usageEvents": [{"timestamp": ' + b"9" * 5000 + b'}], "pagination": {"hasNextPage": false}}',
    ],
)
def test_what_no_record_can_hold_is_an_error_of_ours(content):
    client, _ = scripted(CURSOR, (200, content), retries=0)
    with pytest.raises((ProtocolError, ServiceUnavailableError)) as error:
        client.load_usage("team", truto_ignore_remote_data=False)
    assert "account 'team': Cursor's answer to POST /teams/filtered-usage-events" in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_field_that_nobody_knows_is_kept_however_deep_it_is():
    content = (
        b'{"usageEvents": [{"timestamp": "0", "x": '
        + b"[" * 90
        + b"]" * 90
        + b'}], "pagination": {"hasNextPage": false}}'
    )
    client, _ = scripted(CURSOR, (200, content))
    frame = client.load_usage("team", truto_ignore_remote_data=False)
    assert frame["remote_data"][0] == '{"timestamp":"0","x":' + "[" * 90 + "]" * 90 + "}"


def test_a_refusal_loses_one_account_and_is_told_as_a_gap():
    client, _ = scripted({**CURSOR, **CONFLUENT}, (403, {"message": "no"}))
    spec = {**described("cursor"), "other": {**CURSOR["team"]}}
    with on_loopback("cursor") as door:
        at = {label: {**fields, "base_url": door.url} for label, fields in spec.items()}
        client = tu.direct(at, clock=lambda: NOW)
        with pytest.warns(tu.UsageWarning, match="other.* failed: account 'other': Cursor answered 401 Unauthorized"):
            result = client.fetch_usage(["cursor", "other"], period="2026-10-05", on_error="warn")
    assert result.frame["integrated_account_id"].unique().to_list() == ["cursor"]
    assert result.partial


def test_an_account_that_is_not_described():
    client, _ = scripted(CURSOR, NOTHING)
    with pytest.raises(NotFoundError, match=r"there is no account 'taem'\. Did you mean 'team'\? Described are: team"):
        client.load_usage("taem")


def test_a_report_that_the_vendor_does_not_serve_is_said():
    client, vendor = scripted(CURSOR, NOTHING)
    with pytest.raises(InvalidRequestError, match="Cursor serves no 'skill_usage'; report_type may be usage, cost"):
        client.load_usage("team", report_type="skill_usage")
    assert vendor.asked == []


def test_a_cursor_goes_on_where_it_leads_and_is_bound_to_its_query():
    whole = tu.load_usage("confluent", period="2026-10", client=in_process())
    client = in_process(records_per_page=400)
    asked = {"start_date": "2026-10-01", "end_date": "2026-11-01"}
    first = json.loads(page_of(client, asked))
    rest = tu.load_usage("confluent", client=client, cursor=first["next_cursor"], **asked)
    assert rest["id"].to_list() == whole["id"].to_list()[400:]
    with pytest.raises(CursorExpiredError, match="belongs to another query"):
        tu.load_usage("confluent", client=client, cursor=first["next_cursor"], start_date="2026-09-01")
    with pytest.raises(InvalidRequestError, match="is none that this client gave"):
        tu.load_usage("confluent", client=client, cursor="nonsense")


def page_of(client, asked):
    """Give the bytes of a first page."""
    query = UsageQuery(integrated_account_id="confluent", truto_ignore_remote_data=True, **asked)

    async def one():
        async with aclosing(client._transport.pages(query, records_per_page=400)) as pages:
            return (await anext(pages)).content

    return asyncio.run(one())


def test_a_page_number_and_size_are_the_vendors():
    client = in_process()
    frame = client.load_usage("cursor", **MORNING, page=2, page_size=50)
    assert client.seen[0].body["page"] == 2
    assert {one.body["pageSize"] for one in client.seen} == {50}
    whole = client.load_usage("cursor", **MORNING)
    assert frame["id"].to_list() == whole["id"].to_list()[50:]


def test_a_limit_caps_and_sizes_the_pages():
    client = in_process()
    assert client.load_usage("confluent", period="2026-10-05", limit=5)["id"].len() == 5
    assert dict(client.seen[0].pairs)["page_size"] == "5"
    assert len(client.seen) == 1


@pytest.mark.parametrize(
    ("vendor", "dates"),
    [
        ("cursor", {"start_date": "0001-01-01T00:00:00+14:00"}),
        ("confluent", {"start_date": "9999-12-31"}),
        ("claude-console", {"start_date": "0001-01-01T00:00:00+14:00", "report_type": "usage"}),
        ("openai-api", {"date": "9999-12-31"}),
    ],
)
def test_dates_beyond_any_calendar_are_an_error_of_ours(vendor, dates):
    client = in_process()
    with pytest.raises(InputError, match=f"account '{vendor}': .* cannot be asked with .*no calendar of its"):
        client.load_usage(vendor, **dates)
    assert not client.seen


def test_a_walk_stays_what_it_was_when_it_began():
    # Without dates Cursor is asked for the 30 days up to now: a day later the second page is still of those.
    page = {"usageEvents": [{"timestamp": "1791158400000", "kind": "Usage-based"}], "pagination": {"hasNextPage": True}}
    vendor = Scripted(page, NOTHING)
    times = [NOW]
    gateway = Gateway(read_spec(CURSOR), lambda: times[-1], transport=vendor)
    transport = Transport(token="direct", base_url=GATEWAY_URL, transport=gateway)

    async def two() -> None:
        async with aclosing(transport.pages(UsageQuery(integrated_account_id="team"))) as pages:
            async for _ in pages:
                times.append(NOW + timedelta(days=1))

    asyncio.run(two())
    first, second = (json.loads(one.content) for one in vendor.asked)
    assert (first["page"], second["page"]) == (1, 2)
    assert {**first, "page": 0} == {**second, "page": 0}


FAULTS = ["429", "503", "502", "408", "500", "garbage", "cut_body", "reset"]
WALKS = {  # of each vendor a walk of five requests and more, and the size of its pages
    "claude": (
        "claude-console",
        {
            "report_type": "usage",
            "group_by": ["user"],
            "granularity": "day",
            "start_date": "2026-10-05",
            "end_date": "2026-10-12",
        },
        15,
    ),
    "openai_codex": ("openai-api", {"date": "2026-10-05"}, 1000),
    "cursor": ("cursor", {"start_date": "2026-10-05", "end_date": "2026-10-05T23:59:59.999Z"}, 90),
    "confluent": ("confluent", {"start_date": "2026-10-05", "end_date": "2026-10-06"}, 8),
    "datadog": ("datadog", {"report_type": "usage", "start_date": "2026-10-05", "end_date": "2026-10-07"}, 25),
}


@pytest.mark.parametrize("vendor", WALKS)
@pytest.mark.parametrize("kind", FAULTS)
def test_the_fault_drill_loses_and_doubles_nothing(vendor, kind):
    # Over real HTTP: the second and the fifth request of the walk are met by the fault.
    account, asked, size = WALKS[vendor]
    query = UsageQuery(integrated_account_id=account, truto_ignore_remote_data=True, **asked)
    expected = asyncio.run(ids(walked(in_process(vendor)), query, size))
    faults = Faults(Fault(kind, request=1), Fault(kind, request=4))
    with vendor_server(vendor, faults=faults) as serving:
        gateway = Gateway(read_spec(described(vendor, base_url=serving.url)), lambda: NOW)
        transport = Transport(token="direct", base_url=GATEWAY_URL, transport=gateway, clock=FlyingClock(), timeout=5)
        assert asyncio.run(ids(transport, query, size)) == expected
        assert all(faults.fired)
    assert len(set(expected)) == len(expected) > 20


def walked(client):
    return client._transport


async def ids(transport, query, size):
    found = []
    async with aclosing(transport.pages(query, records_per_page=size)) as pages:
        async for page in pages:
            found += [record["id"] for record in json.loads(page.content)["result"]]
    await transport.aclose()
    return found


def test_the_vendors_limit_is_kept_to():
    # Two requests a minute: of three pages the third is asked for when the minute has passed, as the vendor says.
    clock = FlyingClock()
    faults = Faults(budget="2;w=1")
    with vendor_server("cursor", faults=faults) as serving:
        gateway = Gateway(read_spec(described("cursor", base_url=serving.url)), lambda: NOW)
        transport = Transport(token="direct", base_url=GATEWAY_URL, transport=gateway, clock=clock, retries=50)
        query = UsageQuery(integrated_account_id="cursor", **WALKS["cursor"][1])
        found = asyncio.run(ids(transport, query, 160))
    assert len(found) == len(set(found)) > 320
    assert [one.status for one in serving.service.seen][:3] == [200, 200, 429]
    assert min(clock.waits) >= 0.9


def test_pages_that_go_in_circles_are_noticed():
    event = {"timestamp": "1791158400000", "kind": "Usage-based"}
    again = {"usageEvents": [event], "pagination": {"currentPage": 1, "hasNextPage": True}}
    client, vendor = scripted(CURSOR, again)
    with pytest.raises(ProtocolError, match="page 2 was asked for, and it says to be another"):
        client.load_usage("team")
    assert len(vendor.asked) == 2
    link = "https://api.confluent.cloud/billing/v1/costs?page_token=same"
    client, vendor = scripted(CONFLUENT, {"data": [COST], "metadata": {"next": link}})
    with pytest.raises(CursorLoopError):
        client.load_usage("bill", period="2026-10")
    assert len(vendor.asked) <= 3


@pytest.mark.parametrize("form", ["unified", "normalized", "stream", "debug"])
def test_every_form_of_answer_holds_every_record(form):
    asked = {"start_date": "2026-10-05", "end_date": "2026-10-06"}
    whole = in_process().load_usage("confluent", **asked)
    client = in_process(records_per_page=10)
    result = client.fetch_usage("confluent", truto_response_format=form, **asked)
    assert result.frame["id"].to_list() == whole["id"].to_list()
    assert result.pages == len(client.seen) == -(-whole.height // 10)
    if form == "debug":
        first = result.debug[0]
        assert first["requestUrl"].startswith("https://api.confluent.cloud/billing/v1/costs?start_date=2026-10-05")
        assert (first["requestOptions"]["method"], first["resultCount"], len(first["data"])) == ("GET", 10, 10)


def test_records_by_key_and_without_fields():
    asked = {"start_date": "2026-10-05", "end_date": "2026-10-06"}
    frame = in_process().load_usage(
        "confluent", truto_key_by="id", truto_exclude_fields=["usage.unit", "resources.name"], **asked
    )
    assert frame.height > 30
    assert "usage_unit" not in frame.columns
    assert frame["resources_name"].null_count() == frame.height


def test_a_scan_that_was_cut_off_goes_on_from_its_cursor(tmp_path):
    whole = in_process().load_usage("confluent", period="2026-10-05")
    broken = in_process(records_per_page=10, faults=Faults(Fault(403, request=2, times=None)))
    with pytest.raises(ForbiddenError):
        broken.scan_usage("confluent", tmp_path / "kept", period="2026-10-05")
    client = in_process(records_per_page=10)
    scanned = client.scan_usage("confluent", tmp_path / "kept", period="2026-10-05").collect()
    assert sorted(scanned["id"]) == sorted(whole["id"])
    assert dict(client.seen[0].pairs)["page_token"] == "pt0000020"  # not from the beginning


def test_two_accounts_of_one_vendor_share_no_cookie():
    answer = (200, NOTHING, {"set-cookie": "session=of-one; Path=/"})
    two = {"one": CURSOR["team"], "two": {"integration": "cursor", "api_key": giving("crsr_another0123456789")}}
    client, vendor = scripted(two, answer)
    client.load_usage("one")
    client.load_usage("two")
    assert "cookie" not in vendor.asked[1].headers


def test_members_are_listed():
    client = in_process("cursor")
    people = client.list_members("cursor")
    assert people.columns == ["integration", "email", "id", "name", "role", "is_removed"]
    assert people.height == 17
    assert people["email"].null_count() == 0
    with pytest.raises(NotFoundError, match="account 'bill': Confluent has no list of members"):
        scripted(CONFLUENT, {})[0].list_members("bill")
