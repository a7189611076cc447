"""Believable unified usage records of all five integrations, seeded: what the benchmarks read.

Shapes follow the vendors' mappings: which fields each integration fills, how many charges and resources a record has,
how deep its open maps go. Values are drawn; nothing here is a price.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any

START = datetime(2026, 10, 1, tzinfo=UTC)
Record = dict[str, Any]


def pages(count: int, page_size: int, seed: int = 7, *, mixed: bool = False) -> Iterator[bytes]:
    """Give `count` records of all five integrations as the service's pages, one after the other.

    A page is of one integration, the next of the next one; `mixed` puts all five into each.
    """
    rng = Random(seed)
    total = -(-count // page_size)
    for number in range(total):
        size = min(page_size, count - number * page_size)
        makers = [MAKERS[(number + row * mixed) % len(MAKERS)] for row in range(size)]
        result = [make(rng, number * page_size + row) for row, make in enumerate(makers)]
        cursor = None if number == total - 1 else f"page_{number + 1}"
        envelope = {"result": result, "next_cursor": cursor, "result_count": size, "is_partial_response": False}
        yield json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


def claude(rng: Random, number: int) -> Record:
    """Make a row of Claude's usage and cost views, or of its activity view."""
    day = _day(rng)
    person = rng.randrange(44)
    record = _head("claude", number, day, 24)
    record |= {"user": _user(person), "surface": rng.choice(("chat", "claude_code", "cowork", "office_agent", "api"))}
    record |= {
        "model": {"id": rng.choice(("claude-opus-5-5", "claude-sonnet-5", "claude-haiku-5")), "provider": "anthropic"}
    }
    record["resources"] = [{"id": f"apikey_{rng.randrange(30):02}", "name": "ci", "workspace": _workspace(rng)}]
    if rng.random() < 0.3:
        return record | {"usage": _activity(rng)}
    if rng.random() < 0.5:
        listed = round(rng.random() * 80, 6)
        net = round(listed * 0.85, 6)
        record["charges"] = _charges("USD", total=listed, net=net, discount=round(listed - net, 6))
        return record | {"metric_name": rng.choice(("output_tokens", "uncached_input_tokens"))}
    return record | {
        "usage": {"quantity": 1.0, "unit": "tokens", "tokens": _tokens(rng), "requests": {"total": rng.randrange(900)}}
    }


def openai_codex(rng: Random, number: int) -> Record:
    """Make a row a user, day and model, money only on some."""
    record = _head("openai_codex", number, _day(rng), 24)
    record |= {
        "user": _user(rng.randrange(44)),
        "model": {"id": rng.choice(("gpt-6-astra", "gpt-5-codex")), "provider": "openai"},
    }
    tokens = _tokens(rng)
    del tokens["cache_write_ephemeral_5m"], tokens["cache_write_ephemeral_1h"]
    record["usage"] = {
        "tokens": tokens,
        "conversations": {"thread_count": rng.randrange(40), "turn_count": rng.randrange(400)},
        "requests": {"total": rng.randrange(500)},
    }
    if rng.random() < 0.6:
        record["charges"] = _charges("USD", usage_based=round(rng.random() * 12, 4))
    return record | {"surface": rng.choice(("cli", "cloud", "ide"))}


def cursor(rng: Random, number: int) -> Record:
    """Make a usage event, or a person's day."""
    at = _instant(rng)
    record = _head("cursor", number, at, 0)
    record |= {"user": _user(rng.randrange(44)), "surface": "composer"}
    if rng.random() < 0.35:
        requests = (
            "chat",
            "agent",
            "composer",
            "cmdk",
            "tab_shown",
            "tab_accepted",
            "api_key",
            "included",
            "usage_based",
            "bugbot",
        )
        record["usage"] = {
            "requests": {name: rng.randrange(60) for name in requests},
            "code": _code(rng) | {"file_extensions": {"apply": rng.choice((".tsx", ".py")), "tab": ".go"}},
            "activity": {"is_active": rng.random() < 0.8, "client_version": "2.4.1"},
        }
        return record
    cents = round(rng.random() * 40, 5)
    record["model"] = {"id": rng.choice(("claude-4.6-sonnet", "gpt-5", "composer-2")), "provider": "cursor"}
    record["usage"] = {"tokens": _tokens(rng), "requests": {"total": 1}, "activity": {"max_mode": rng.random() < 0.2}}
    record["charges"] = _charges(
        "USD", total=round(cents / 100, 7), on_demand=round(cents / 125, 7), platform_fee=round(cents / 500, 7)
    )
    return record


def confluent(rng: Random, number: int) -> Record:
    """Make a line of a day's bill."""
    record = _head("confluent", number, _day(rng), 24)
    amount = round(rng.random() * 300, 6)
    discount = round(amount * 0.1, 6)
    record |= {
        "product": {"id": "KAFKA", "name": "Kafka"},
        "metric_name": rng.choice(("KAFKA_STORAGE", "KAFKA_NUM_CKU")),
    }
    record["resources"] = [{"id": f"lkc-{rng.randrange(12):05}", "name": "orders", "workspace": _workspace(rng)}]
    record["usage"] = {"quantity": round(rng.random() * 5000, 4), "unit": rng.choice(("GB", "GB-hour", "CKU-hour"))}
    record["charges"] = _charges("USD", total=amount, discount=discount, net=round(amount - discount, 6))
    return record


def datadog(rng: Random, number: int) -> Record:
    """Make a product's month to date, of one sub-organisation."""
    record = _head("datadog", number, _day(rng), 24)
    record |= {"product": {"id": rng.choice(("infra_host", "logs_indexed_15day", "apm_host")), "name": "Datadog"}}
    committed, on_demand = round(rng.random() * 900, 2), round(rng.random() * 200, 2)
    record["charges"] = _charges("USD", committed=committed, on_demand=on_demand, total=round(committed + on_demand, 2))
    return record | {"usage": {"quantity": float(rng.randrange(100_000)), "unit": "host"}, "user": None}


MAKERS = (claude, openai_codex, cursor, confluent, datadog)


def _head(integration: str, number: int, at: datetime, hours: int) -> Record:
    ident = blake2b(f"{integration}{number}".encode(), digest_size=12).hexdigest()
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    day = at.strftime("%Y-%m-%d")
    end = (at + timedelta(hours=hours)).strftime("%Y-%m-%d")
    return {
        "id": f"{integration}_{ident}",
        "product": {"id": integration, "name": integration.title()},
        "organization": {"id": "org_7f3a", "name": "Northwind Robotics"},
        "start_date": day if hours else stamp,
        "end_date": end if hours else stamp,
        "created_at": f"{day}T06:00:00Z",
        "updated_at": f"{end}T06:00:00+00:00",
    }


def _day(rng: Random) -> datetime:
    return START + timedelta(days=rng.randrange(92))


def _instant(rng: Random) -> datetime:
    return START + timedelta(milliseconds=rng.randrange(92 * 86_400_000))


def _user(person: int) -> Record:
    return {"id": f"user_{person:04}", "email": f"person.{person}@northwind.example", "name": f"Person Nr. {person}"}


def _workspace(rng: Random) -> Record:
    which = rng.randrange(6)
    return {"id": f"wrkspc_{which}", "name": ("platform", "product", "data", "mobile", "support", "research")[which]}


def _charges(currency: str, **amounts: float) -> list[Record]:
    return [{"amount": amount, "currency": currency, "type": kind} for kind, amount in amounts.items()]


def _tokens(rng: Random) -> Record:
    five, hour = rng.randrange(50_000), rng.randrange(500_000)
    kinds = {"input": rng.randrange(200_000), "output": rng.randrange(90_000), "cache_read": rng.randrange(9_000_000)}
    kinds |= {"cache_write": five + hour, "cache_write_ephemeral_5m": five, "cache_write_ephemeral_1h": hour}
    return kinds | {"total": kinds["input"] + kinds["output"] + kinds["cache_read"] + five + hour}


def _code(rng: Random) -> Record:
    counts = ("lines_added", "lines_removed", "applies", "accepts", "rejects", "commits", "pull_requests")
    return {name: rng.randrange(300) for name in counts}


def _activity(rng: Random) -> Record:
    tools = ("edit_tool", "multi_edit_tool", "write_tool", "notebook_edit_tool")
    actions = {tool: {"accepted": rng.randrange(20), "rejected": rng.randrange(5)} for tool in tools}
    return {
        "sessions": {"distinct": rng.randrange(9), "dispatch_turns": rng.randrange(20)},
        "conversations": {
            "distinct": rng.randrange(12),
            "message_count": rng.randrange(90),
            "thinking_message_count": 0,
        },
        "code": _code(rng) | {"tool_actions": actions},
        "tools": {
            "web_search_count": rng.randrange(4),
            "connectors_used_count": rng.randrange(9),
            "skills_used_count": 2,
        },
        "activity": {"is_active": True},
    }
