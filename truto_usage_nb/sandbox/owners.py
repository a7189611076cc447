"""Who pays for what at the demo company: keys, projects, workspaces and clusters by team, and the people who move."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from truto_usage_nb.sandbox.company import DIRECTORY, DOMAIN, Person
from truto_usage_nb.sandbox.seeds import token_id

__all__ = ["MOVES", "allocation_rules", "rules_text", "staff_rows"]

MOVES: dict[str, tuple[str, date]] = {
    "rashid.belkacem": ("research", date(2026, 10, 12)),
    "noor.haddadin": ("support", date(2026, 8, 1)),
    "viktor.halvorsen": ("platform", date(2026, 7, 20)),
}
"""The team that somebody moved to, and since when; the directory has the team before."""

_PROJECTS = {
    "product": (("openai-api", "search"), ("openai-api", "marketing"), ("openai-api-eu", "catalogue")),
    "support": (("openai-api", "support-bot"), ("openai-api-eu", "helpdesk")),
    "research": (("openai-api", "evaluation"), ("openai-api", "research")),
    "platform": (("openai-api", "codex-ci"),),
    "legal": (("openai-api-moved", "legal"),),
}
"""OpenAI's projects by team, with the account that each is of."""
_SERVICES = {"product": "assistant", "data": "pipelines", "support": "agents"}
"""Claude's service accounts by team."""
_KEYS = ("ci", "ci-review")
"""Claude's keys of the platform team."""

StaffRow = tuple[str, str | None, date | None, date | None]


def staff_rows() -> list[StaffRow]:
    """Return the people as a roster has them: e-mail, team, and from which day up to which (excluded) they are in it.

    A row an e-mail: who is spelled differently in a tool has a row for that too, who moved has one for each team.

    >>> [(to, str(since), str(until)) for email, to, since, until in staff_rows() if email.startswith("rashid")]
    [('data', 'None', '2026-10-12'), ('research', '2026-10-12', 'None')]
    """
    return [row for person in DIRECTORY if person.kind != "service" for row in _rows_of(person)]


def _rows_of(person: Person) -> list[StaffRow]:
    team = person.teams[0] if person.teams else None
    until = person.left + timedelta(days=1) if person.left is not None else None
    spans: list[tuple[str | None, date | None, date | None]] = [(team, None, until)]
    if person.key in MOVES:
        to, moved = MOVES[person.key]
        spans = [(team, None, moved), (to, moved, until)]
    names = dict.fromkeys([person.email, *(alias.lower() for alias in person.aliases.values())])
    return [(email, *span) for email in names for span in spans]


def allocation_rules(seed: int, roster: Any) -> dict[str, Any]:
    """Return the company's rules, as a rule file has them, for a seed's ids; `roster` is where its people stand."""
    projects = [
        {"to": team, "match": {"project": [token_id(seed, "proj_", account, name) for account, name in owned]}}
        for team, owned in _PROJECTS.items()
    ]
    services = [
        {"to": team, "match": {"api_key": token_id(seed, "svac_01", "claude", name)}}
        for team, name in _SERVICES.items()
    ]
    keys = [token_id(seed, "apikey_01", "claude", name) for name in _KEYS]
    return {
        "version": "1",
        "rules": [
            {"to": "platform", "match": {"person": ["Build bot", f"build-bot@{DOMAIN}"]}},
            *services,
            {"to": "platform", "match": {"api_key": keys}},
            *projects,
            {"roster": roster},
            {"to": "data", "match": {"cluster": ["events-enterprise", "orders-lakehouse"]}},
            {"to": "platform", "match": {"cluster": ["staging-standard", "playground"]}},
            {"to": "data", "match": {"account": "confluent", "product": ["connect", "custom_connect"]}},
            {"to": "product", "match": {"account": "confluent", "product": ["ksql", "flink"]}},
            {"to": "shared-kafka", "match": {"account": "confluent"}},
            {"to": "data", "match": {"account": "datadog", "organization": "Tidewheel Data Platform"}},
            {"to": "platform", "match": {"account": "datadog", "organization": "Tidewheel Internal Tools"}},
            {"to": "mobile", "match": {"account": "datadog", "product": ["rum", {"prefix": "synthetics"}]}},
            {"to": "shared-observability", "match": {"account": "datadog"}},
            {"to": "support", "match": {"account": "claude-enterprise", "product": "claude_tag"}},
        ],
        "splits": [
            {"pool": "shared-kafka", "by": "cost", "among": ["product", "data", "support"], "fallback": "even"},
            {"pool": "shared-observability", "by": "people", "among": ["platform", "product", "data", "mobile"]},
        ],
    }


def rules_text(rules: dict[str, Any]) -> str:
    """Return rules as the text of a YAML file, a line a rule."""
    lines = ["# Who pays at Tidewheel, which is invented. docs/allocation.md says what each word means.", "version: 1"]
    for part in ("rules", "splits"):
        lines += [f"{part}:", *(f"  - {_flow(each)}" for each in rules[part])]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    """Return a value in YAML's flow style; a text with blanks or marks in it is quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    plain = all(each.isalnum() or each in "-_.@" for each in value) and value[0].isalnum()
    return value if plain else f'"{value}"'
