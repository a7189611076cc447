"""Which accounts there are, and which integration stands behind one: asked once, never guessed."""

import json

import httpx
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import CursorLoopError, IntegrationUnknownError, NotFoundError, ProtocolError

ACCOUNTS = [
    {"id": "a1", "tenant_id": "acme", "status": "active", "is_sandbox": False, "created_at": "2026-01-01T00:00:00Z",
     "integration": {"id": "x", "name": "anthropic", "category": "usage"}},
    {"id": "a2", "name": "Ours", "integration": {"name": "OpenAI Codex"}},
    {"id": "a3", "integration": {"name": "salesforce"}},
    {"id": "a4", "integration": None},
]  # fmt: skip


class Service(httpx.AsyncBaseTransport):
    """Answer the listings a page at a time, and look-ups from the list; `.asked` holds every path."""

    def __init__(self, rows=ACCOUNTS, page=2, status=200):
        self.rows, self.page, self.status, self.asked = rows, page, status, []

    async def handle_async_request(self, request):
        self.asked.append(request.url.path)
        if self.status != 200 and request.url.path != "/integrated-account":
            return httpx.Response(self.status, json={"statusCode": self.status, "message": "not for this token"})
        return httpx.Response(200, content=json.dumps(self.answer(request)))

    def answer(self, request):
        path, params = request.url.path, request.url.params
        if path == "/integrated-account":
            start = int(params.get("next_cursor", 0))
            more = start + self.page < len(self.rows)
            rows = self.rows[start : start + self.page]
            return {"result": rows, "next_cursor": str(start + self.page) if more else None}
        if path.endswith("/products"):
            return {"result": [{"id": "p1", "name": "Kafka"}, {"id": "p2", "name": None, "description": "<b>"}]}
        if path.startswith("/integrated-account/"):
            return next(row for row in self.rows if row["id"] == path.rpartition("/")[2])
        return {"result": [{"id": params["integrated_account_id"]}], "next_cursor": None}


def client_of(service):
    return tu.Client("a-token", base_url="https://truto.example", transport=service, retries=0)


def test_every_page_of_accounts_is_listed_and_what_is_not_covered_has_no_integration():
    frame = client_of(Service()).list_accounts()
    assert frame.columns == [
        "id", "name", "integration", "label", "tenant_id", "status", "is_sandbox", "created_at",
    ]  # fmt: skip
    assert frame.select("id", "name", "integration").rows() == [
        ("a1", "acme", "claude"), ("a2", "Ours", "openai_codex"), ("a3", "a3", None), ("a4", "a4", None),
    ]  # fmt: skip


def test_no_account_is_an_empty_frame_with_its_columns():
    frame = client_of(Service([])).list_accounts()
    assert (frame.height, frame.width) == (0, 8)


def test_products_name_their_account_and_integration():
    frame = client_of(Service()).list_products("a2")
    assert frame.rows() == [
        ("p1", "Kafka", "openai_codex", None, "a2"), ("p2", None, "openai_codex", "<b>", "a2"),
    ]  # fmt: skip


def test_an_integration_is_looked_up_once_a_client():
    service = Service()
    client = client_of(service)
    for _ in range(3):
        client.load_usage(["a1", "a2"], progress=False)
    assert sorted(path for path in service.asked if "integrated-account" in path) == [
        "/integrated-account/a1", "/integrated-account/a2",
    ]  # fmt: skip


def test_what_the_caller_says_is_not_looked_up():
    service = Service()
    frame = client_of(service).load_usage(["a1", "a2"], integration={"a1": "claude", "a2": "cursor"})
    assert frame["integration"].to_list() == ["claude", "cursor"]
    assert not [path for path in service.asked if "integrated-account" in path]


def test_a_token_that_may_not_look_up_is_told_the_remedy_where_a_period_needs_it():
    client = client_of(Service(status=403))
    with pytest.raises(IntegrationUnknownError, match=r"integration=\{'a1': 'claude'\}") as told:
        client.load_usage("a1", period="2026-10")
    assert told.value.status == 403
    with pytest.raises(IntegrationUnknownError, match="Did you mean 'confluent'"):
        client.load_usage("a1", period="2026-10", integration="confluentt")


def test_an_integration_that_is_not_covered_is_named():
    with pytest.raises(IntegrationUnknownError, match="salesforce"):
        client_of(Service()).load_usage("a3", period="2026-10")


def test_an_account_that_is_not_there_says_where_to_look():
    with pytest.raises(NotFoundError, match=r"there is no account 'gone'.*list_accounts"):
        client_of(Service(status=404)).load_usage("gone", period="2026-10")


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"[]", ProtocolError, "list instead of an object"),
        (b'{"rows": []}', ProtocolError, "without a list under 'result'"),
        (b'{"result": [], "next_cursor": "again"}', CursorLoopError, "twice"),
    ],
)
def test_a_listing_that_is_none_is_an_error_and_never_an_empty_frame(body, error, words):
    client = client_of(httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with pytest.raises(error, match=words):
        client.list_accounts()
