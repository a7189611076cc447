"""The demo company: who works there, which accounts it has linked, and when things happen to it.

Every story is a function of the day and recurs each quarter, so that any period has some. A quarter's months are
numbered 0, 1, 2; October 2026 is month 0. Invented, and pure data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

_WEEKDAY = (1.0, 1.08, 1.1, 1.05, 0.92, 0.28, 0.24)  # Monday first
_GROWTH_FROM = date(2026, 1, 1)
_GROWTH_A_DAY = 0.0005  # about 1.5 % a month
_OUTAGE_ACCOUNT = "openai-api-eu"


def quarter_month(day: date) -> int:
    """Return 0, 1 or 2: which month of its quarter the day is in."""
    return (day.month - 1) % 3


def _in_first_month(day: date, first: int, last: int) -> bool:
    return quarter_month(day) == 0 and first <= day.day <= last


def price_cut(day: date) -> bool:
    """Say whether one model's lower list price is in force: from the 1st of month 0 to the end of month 1.

    In month 2 the older price is back, so that the cut can come again with the next quarter.
    """
    return quarter_month(day) < 2


def moved_to_sonnet(day: date) -> bool:
    """Say whether a team works on sonnet instead of opus: from the 12th of month 0 to the end of the quarter."""
    return quarter_month(day) > 0 or day.day >= 12


def cache_broken(day: date) -> bool:
    """Say whether a deploy broke prompt caching (hit rate 88 % to 12 %): 19-21 of month 0."""
    return _in_first_month(day, 19, 21)


def runaway(day: date) -> bool:
    """Say whether a forgotten CI key burns tokens: 24-26 of month 0."""
    return _in_first_month(day, 24, 26)


def refund_day(day: date) -> bool:
    """Say whether the runaway is refunded on this day: the 28th of month 0."""
    return _in_first_month(day, 28, 28)


def outage(account_id: str, day: date) -> bool:
    """Say whether the account's feed is down and has no rows: `openai-api-eu`, 5-9 of month 1."""
    return account_id == _OUTAGE_ACCOUNT and quarter_month(day) == 1 and 5 <= day.day <= 9


def weekday_factor(day: date) -> float:
    """Return how busy the day is beside a Monday (1.0); weekends are about a quarter of it."""
    return _WEEKDAY[day.weekday()]


def growth(day: date) -> float:
    """Return the company's growth: 1.0 on 2026-01-01, linear by day, never under 0.3."""
    return max(0.3, 1.0 + _GROWTH_A_DAY * (day - _GROWTH_FROM).days)


DOMAIN = "tidewheel.example.com"
TEAMS: tuple[str, ...] = ("platform", "product", "data", "mobile", "support", "research")

_ALL = frozenset({"claude", "claude_seats", "codex", "openai_api", "cursor"})
_ENGINEER = frozenset({"claude", "codex", "cursor"})
_SCIENTIST = frozenset({"claude", "claude_seats", "openai_api"})
_OFFICE = frozenset({"claude_seats"})
_MIXED = frozenset({"claude_seats", "codex"})


@dataclass(frozen=True, slots=True)
class Person:
    """One person (or shared account) as the company's directory knows them.

    `tools` are the seats held and `idle_in` those never used; `aliases` spells the e-mail differently in a tool;
    `left` is the last day at the company.
    """

    key: str
    name: str
    email: str
    teams: tuple[str, ...]
    kind: str = "employee"
    tools: frozenset[str] = frozenset()
    idle_in: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    left: date | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One linked account: whose it is, what stands behind it, and under which contract.

    `twin_of` names the account that the same organisation had linked before: both answer with the same rows.
    """

    id: str
    integration: str
    kind: str
    label: str
    tenant_id: str
    organization_id: str
    organization_name: str
    currency: str
    created_at: str
    contract: str = "arrears"
    twin_of: str | None = None
    status: str = "active"
    is_sandbox: bool = False


def _person(
    name: str,
    teams: str,
    tools: frozenset[str],
    *,
    key: str | None = None,
    kind: str = "employee",
    idle_in: frozenset[str] = frozenset(),
    aliases: Mapping[str, str] | None = None,
    left: date | None = None,
) -> Person:
    """Return a person; the key, and so the e-mail, follows the name unless it is not plain ASCII."""
    slug = key or name.lower().replace(" ", ".").replace("'", "")
    team_names = tuple(teams.split())
    return Person(slug, name, f"{slug}@{DOMAIN}", team_names, kind, tools, idle_in, aliases or {}, left)


DIRECTORY: tuple[Person, ...] = (
    _person("Amara Okafor", "platform", _ALL, aliases={"cursor": f"Amara.Okafor@{DOMAIN.title()}"}),
    _person("Jonas Lindqvist", "platform", _ENGINEER),
    _person("Priya Raghunathan", "platform", _ENGINEER),
    _person("Tomasz Wrona", "platform", _ENGINEER),
    _person("Mei-Ling Chao", "platform", _ENGINEER),
    _person("Desmond Achterberg", "platform", _ALL),
    _person("Rosalind Quaye", "platform", _ENGINEER, idle_in=frozenset({"cursor"})),
    _person("Hamid Farrokhzad", "platform", _ENGINEER),
    _person("Ilse Vandermolen", "platform mobile", _ENGINEER, kind="contractor"),
    _person("Grace Nakamoto", "product", _OFFICE),
    _person("Oluwaseun Bright", "product", _MIXED),
    _person("Beatriz Camargo", "product", _OFFICE, idle_in=frozenset({"claude_seats"})),
    _person("Callum Fairweather", "product", _OFFICE),
    _person("Noor Haddadin", "product", _MIXED),
    _person("Søren Ågård-Müller", "product", _MIXED, key="soren.agard-muller"),
    _person("Wanjiru Kimathi", "product", _OFFICE),
    _person("Luca Ferrante", "data", _SCIENTIST),
    _person("Hyun-woo Pak", "data", _SCIENTIST | {"codex"}, aliases={"codex": f"hpak+codex@{DOMAIN}"}),
    _person("Anneke de Wilde", "data", _SCIENTIST),
    _person("Rashid Belkacem", "data", _SCIENTIST),
    _person("Zofia Malinowska", "data", _SCIENTIST | {"cursor"}),
    _person("Kwabena Asante-Frimpong", "data", _SCIENTIST),
    _person("Elena Dragomirova", "data", _SCIENTIST),
    _person("Mateo Irigoyen", "mobile", _ENGINEER),
    _person("Fatoumata Diarra", "mobile", _ENGINEER),
    _person("Arjun Venkatesan", "mobile", _ENGINEER),
    _person("Saoirse O'Hanrahan", "mobile", _ENGINEER, idle_in=frozenset({"cursor"})),
    _person("Yuki Tanabe", "mobile", _ENGINEER, left=date(2026, 10, 16)),
    _person("Viktor Halvorsen", "mobile", _ENGINEER),
    _person("Chidinma Eze", "support", _OFFICE),
    _person("Paula Steinhauer", "support", _OFFICE),
    _person("Ravi Jayasuriya", "support", _OFFICE, idle_in=frozenset({"claude_seats"})),
    _person("Marisol Etxeberria", "support", _OFFICE),
    _person("Nikolai Brandvold", "support", _OFFICE),
    _person("Tamsin Okonjo-Reed", "research", _SCIENTIST),
    _person("ליאור בן־דוד", "research", _SCIENTIST, key="lior.ben-david"),
    _person("Ingrid Sorensdatter", "research", _SCIENTIST),
    _person("Bao Thien Ly", "research", _ALL),
    _person("Marcus Applewhite", "research", _SCIENTIST),
    _person("Dilnoza Yusupova", "research", _SCIENTIST),
    _person("Harriet Longmire", "", _OFFICE),
    _person("Emeka Nwachukwu", "", _OFFICE, idle_in=frozenset({"claude_seats"})),
    _person("Colette Barrande", "", _MIXED),
    _person("Stefan Krajicek", "", _ENGINEER),
    _person("Build bot", "", _ALL - {"claude_seats"}, key="build-bot", kind="service"),
)


_ORG = "Tidewheel"


def _account(id_: str, integration: str, kind: str, label: str, *, org: str, linked: str, **more: str) -> Account:
    """Return an account of the mother company, unless `more` says otherwise; `linked` is the day it was linked."""
    facts = {
        "tenant_id": "tidewheel",
        "organization_id": org,
        "organization_name": _ORG,
        "currency": "USD",
        "created_at": f"{linked}T09:00:00.000Z",
    }
    return Account(id_, integration, kind, label, **{**facts, **more})  # type: ignore[arg-type]  # no flag among them


_CLAUDE_API = "7c1d0f52-4f0e-4a35-9b1d-5a0c6d2e8f11"
_CLAUDE_ENTERPRISE = "b2f6a9d3-83c1-4d57-8e42-1f9d7b3c6a20"
_CLAUDE_SEATS = "e85c4b17-0a9d-4f6e-b3d8-2c7a5e1f9d34"

ACCOUNTS: tuple[Account, ...] = (
    _account("claude-console", "claude", "console", "Claude Console", org=_CLAUDE_API, linked="2025-02-03"),
    _account(
        "claude-enterprise", "claude", "enterprise", "Claude Enterprise", org=_CLAUDE_ENTERPRISE, linked="2025-06-16"
    ),
    _account(
        "claude-enterprise-seats",
        "claude",
        "enterprise_seats",
        "Claude Enterprise (seats)",
        org=_CLAUDE_SEATS,
        linked="2025-06-17",
        tenant_id="tidewheel-emea",
        organization_name="Tidewheel EMEA",
        contract="seat_overage",
    ),
    _account("codex", "openai_codex", "codex", "OpenAI Codex", org="org-Tw4xCodexWorkspace01", linked="2025-09-01"),
    _account("openai-api", "openai_codex", "api", "OpenAI API", org="org-Tw4xApiMain0000001", linked="2025-03-10"),
    _account(
        "openai-api-eu",
        "openai_codex",
        "api",
        "OpenAI API (EU)",
        org="org-Tw4xApiEurope00002",
        linked="2025-11-05",
        tenant_id="tidewheel-emea",
        organization_name="Tidewheel EMEA",
        currency="EUR",
    ),
    _account(
        "openai-api-moved",
        "openai_codex",
        "api",
        "OpenAI API (moved to EUR)",
        org="org-Tw4xApiMoved000003",
        linked="2025-11-06",
        tenant_id="tidewheel-emea",
        organization_name="Tidewheel EMEA",
    ),
    _account("cursor", "cursor", "team", "Cursor", org="team-4183", linked="2025-04-14"),
    _account(
        "confluent", "confluent", "cloud", "Confluent Cloud", org="org-9k3vq2", linked="2025-01-20", contract="commit"
    ),
    _account("datadog", "datadog", "parent", "Datadog", org="tw0parent", linked="2025-01-08", contract="commit"),
    _account(
        "cursor-relinked", "cursor", "team", "Cursor (relinked)", org="team-4183", linked="2026-08-03", twin_of="cursor"
    ),
)


def people_with(tool: str) -> tuple[Person, ...]:
    """Return everyone who holds a seat in a tool, idle or not, in the directory's order.

    >>> [person.name for person in people_with("cursor")][:2]
    ['Amara Okafor', 'Jonas Lindqvist']
    """
    return tuple(person for person in DIRECTORY if tool in person.tools)
