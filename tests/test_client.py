"""The client people hold: what it takes, what it refuses, how it closes."""

import asyncio
import inspect
import subprocess
import sys

import pytest

import truto_usage_nb as tu
from truto_usage_nb import client as room
from truto_usage_nb.client.options import CallOptions
from truto_usage_nb.errors import InputError, QueryError

CALLS = ("fetch_usage", "load_usage", "scan_usage")
WORDS = ["period", "backend", "client", "integration", "on_error", "overhang", "users", "progress", "params"]


def words(call, *without):
    """Give the names that follow `what` (and `directory`), which an editor offers."""
    return [name for name in inspect.signature(call).parameters if name not in {"self", "what", "directory", *without}]


@pytest.mark.parametrize("name", CALLS)
def test_every_call_says_its_options_by_name(name):
    no = {"backend"} if name == "scan_usage" else set()
    assert words(getattr(tu, name)) == [word for word in WORDS if word not in no]
    assert words(getattr(tu.Client, name)) == [word for word in WORDS if word not in {*no, "client"}]


def test_editors_know_every_parameter_of_the_endpoint():
    own = {"period", "integration", "on_error", "overhang", "users", "progress"}
    assert set(CallOptions.__annotations__) - own == set(tu.UsageQuery.model_fields)


@pytest.mark.parametrize("name", CALLS)
def test_every_call_has_an_awaitable_twin(name):
    for home in (room, tu.Client):
        assert inspect.iscoroutinefunction(getattr(home, f"a{name}"))


def test_the_client_takes_what_is_documented():
    taken = inspect.signature(tu.Client).parameters
    assert list(taken) == [
        "token", "base_url", "timeout", "retries", "concurrency", "records_per_page", "max_body_bytes", "max_pages",
        "transport", "clock",
    ]  # fmt: skip
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for name, each in taken.items() if name != "token")


def test_without_a_token_it_says_where_one_comes_from(monkeypatch):
    monkeypatch.delenv("TRUTO_API_TOKEN", raising=False)
    with pytest.raises(InputError, match=r"TRUTO_API_TOKEN.*tu\.sandbox\(\)"):
        tu.Client()
    with pytest.raises(InputError, match="TRUTO_API_TOKEN"):
        tu.load_usage("cursor", period="2026-10")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"records_per_page": 0}, "records_per_page=0"),
        ({"records_per_page": True}, "records_per_page=True"),
        ({"retries": -1}, "retries=-1"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"base_url": "http://api.truto.one"}, "https"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(options, words):
    with pytest.raises(InputError, match=words):
        tu.Client("a-token", **options)


def test_token_and_url_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("TRUTO_API_TOKEN", "from-the-environment")
    monkeypatch.setenv("TRUTO_BASE_URL", "https://truto.example")
    with tu.Client() as client:
        assert client.base_url == "https://truto.example"
        assert repr(client) == "Client(base_url='https://truto.example')"


def test_a_wrong_option_is_named_before_anything_is_sent():
    client = tu.sandbox()
    with pytest.raises(QueryError, match="Did you mean 'report_type'"):
        client.load_usage("cursor", period="2026-09-14", report_typ="cost")
    with pytest.raises(InputError, match=r"backend='dask'.*polars, pandas"):
        client.load_usage("cursor", period="2026-09-14", backend="dask")


def test_a_closed_client_opens_again():
    client = tu.sandbox()
    with client:
        first = client.load_usage("cursor", period="2026-09-14")
    assert client.load_usage("cursor", period="2026-09-14").equals(first)
    client.close()
    client.close()


def test_one_client_serves_several_loops_and_the_blocking_door():
    client = tu.sandbox()

    async def twice():
        return await asyncio.gather(*(client.aload_usage("confluent", period="2026-09-14") for _ in range(2)))

    one, other = asyncio.run(twice())
    again = asyncio.run(client.aload_usage("confluent", period="2026-09-14"))
    assert one.equals(other)
    assert one.equals(again)
    assert one.equals(client.load_usage("confluent", period="2026-09-14"))


def test_the_client_costs_no_dataframe_library_until_it_loads():
    code = "import sys, truto_usage_nb as tu; tu.Client('tk'); print('polars' in sys.modules, 'pandas' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
