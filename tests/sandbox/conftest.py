"""A tiny vendor in the place of a real one, and a way to ask the service without a socket."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest

from truto_usage_nb.sandbox.app import create_app
from truto_usage_nb.sandbox.ask import MoneyAnswer, Raw, Refused, VendorAnswer
from truto_usage_nb.sandbox.mount import BASE_URL, SandboxTransport
from truto_usage_nb.sandbox.vendors import VENDORS

USAGE = "/unified/usage-metering/usage"
AUTH = {"authorization": "Bearer sandbox-token"}


class TinyVendor(SimpleNamespace):
    """Twenty-five raw rows; row 3 makes no record and row 4 two, so twenty-five records: r0 r1 r2 r4a r4b r5 … r24."""

    MAX_PAGE = 20
    DEFAULT_PAGE = 7
    NUMBERED = False
    RATE_LIMIT = "60;w=60"

    def products(self, account):
        return [{"id": name, "name": name.title(), "kind": account.kind} for name in ("alpha", "beta", "gamma")]

    def raw_rows(self, ask):
        if "refuse" in ask.remote_query:
            raise Refused(int(ask.remote_query["refuse"]), {"error": {"message": "not for you"}})
        for number in range(int(ask.remote_query.get("rows", 25))):
            self.made += 1
            yield Raw({"n": number, "who": {"asked": ask.account.id}}, "/v1/rows")

    def unify(self, raw, ask):
        number = raw.row["n"]
        ids = {3: [], 4: ["r4a", "r4b"]}.get(number, [f"r{number}"])
        return [
            {
                "id": id_,
                "surface": "chat" if number % 2 else "api",
                "user": {"id": "u", "email": None},
                "charges": [{"amount": 0.5, "currency": "USD", "type": "net"}],
                "usage": {"tokens": {"input": number, "output": 1}},
                "start_date": ask.start_date,
            }
            for id_ in ids
        ]

    def request(self, ask):
        return {"url": "https://provider.test/v1/rows", "method": "GET", "headers": {"accept": "json"}, "body": None}

    def answer_key(self, account, start, end, world):
        money = [MoneyAnswer(account.currency, billed=(end - start).days * world.seed, records=1)]
        return VendorAnswer(
            money=money,
            tokens={"input": 5, "output": 2},
            tokens_by_model={"m": {"input": 5}},
            cost_by_model={("m", "USD"): 3, ("m", "EUR"): 2, ("n", "USD"): 1},
            idle_people=["idle@example.com"],
            unusual_days=[(end, "late"), (start, "early")],
            gaps=[start],
        )


@pytest.fixture
def vendor():
    """Stand in for Claude."""
    tiny = TinyVendor(made=0)
    VENDORS["claude"] = tiny
    yield tiny
    del VENDORS["claude"]


def send(app, path, pairs=(), headers=AUTH, timeout=5.0):
    """Ask the service in process and return the whole answer."""

    async def talk():
        transport = SandboxTransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, timeout=timeout) as client:
            return await client.get(path, params=list(pairs), headers=headers)

    return asyncio.run(talk())


@pytest.fixture
def app(vendor):
    """The service over the tiny vendor."""
    return create_app()


@pytest.fixture
def ask(app):
    """Ask for usage of the tiny account; keywords are parameters, further ones are pairs."""

    def usage(*pairs, on=None, headers=AUTH, timeout=5.0, **params):
        sent = [("integrated_account_id", "claude-console"), *params.items(), *pairs]
        return send(on or app, USAGE, sent, headers, timeout)

    return usage


@pytest.fixture
def get(app):
    """Ask any path."""
    return lambda path, *pairs, on=None, headers=AUTH: send(on or app, path, pairs, headers)


@pytest.fixture
def walk(ask):
    """Follow the cursors to the end and return the pages' envelopes."""

    def pages(**params):
        found = [ask(**params).json()]
        while found[-1]["next_cursor"]:
            found.append(ask(**{**params, "next_cursor": found[-1]["next_cursor"]}).json())
        return found

    return pages


@pytest.fixture
def moment():
    """A fixed now."""
    return datetime(2026, 11, 23, tzinfo=UTC)
