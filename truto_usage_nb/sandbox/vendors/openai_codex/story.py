"""What an organisation asked of OpenAI's API, and what a workspace's people did with Codex, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import NamedTuple

from truto_usage_nb.sandbox.ask import Ask, Refused
from truto_usage_nb.sandbox.company import Person, growth, outage, people_with, quarter_month, weekday_factor
from truto_usage_nb.sandbox.seeds import chance, choose, integer, rng, spread, token_id, uniform


def requested_day(ask: Ask) -> date:
    """Return the day asked for: `date`, else the day portion of `start_date`, else yesterday.

    Raises `Refused` (400) for text that is no day.
    """
    text = ask.date if ask.date is not None else ask.start_date
    if text is None:
        return (ask.world.now - timedelta(days=1)).date()
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refused(400, _error(text)) from None


def _error(text: str) -> dict[str, object]:
    message = f"Invalid 'date': expected YYYY-MM-DD, got {text!r}."
    return {"error": {"message": message, "type": "invalid_request_error", "param": "date", "code": None}}


def midnight_of(day: date) -> datetime:
    """Return the first instant of a day, in UTC."""
    return datetime.combine(day, time(), UTC)


def openai_instant(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds.

    >>> openai_instant(datetime(2026, 10, 1, tzinfo=UTC))
    '2026-10-01T00:00:00.000Z'
    """
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def bucket_of(day: date) -> dict[str, int]:
    """Return the bounds of a day's bucket in Unix seconds, the end excluded.

    >>> bucket_of(date(2024, 11, 1))
    {'start_time': 1730419200, 'end_time': 1730505600}
    """
    start = int(midnight_of(day).timestamp())
    return {"start_time": start, "end_time": start + 86_400}


def days_between(start: date, end: date) -> Iterator[date]:
    """Yield the days from start up to, not including, end."""
    for offset in range((end - start).days):
        yield start + timedelta(days=offset)


_MILLION = Decimal(1_000_000)
EUR_PER_USD = Decimal("0.92")
USD_PER_CREDIT = Decimal("0.04")
BATCH_SHARE = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Disjoint token counts: `input` is what was neither read from the cache nor written to it."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class _Price:
    """USD per million tokens; a null price is a kind that the model does not have."""

    input: Decimal
    cached: Decimal | None = None
    written: Decimal | None = None
    output: Decimal | None = None

    def parts(self, tokens: Tokens) -> dict[str, tuple[int, Decimal]]:
        """Return count and USD for each kind the model has."""
        found = {}
        for kind in ("input", "cached", "written", "output"):
            price, count = getattr(self, kind), getattr(tokens, kind)
            if price is not None:
                found[kind] = (count, count * price / _MILLION)
        return found

    def of(self, tokens: Tokens) -> Decimal:
        """Return USD for all kinds together.

        >>> _MODELS["gpt-5-2025-08-07"].of(Tokens(input=1_000_000, output=100_000))
        Decimal('2.250')
        """
        return sum((usd for _, usd in self.parts(tokens).values()), Decimal(0))


def _price(input_: str, cached: str | None = None, written: str | None = None, output: str | None = None) -> _Price:
    return _Price(Decimal(input_), *(None if text is None else Decimal(text) for text in (cached, written, output)))


_MODELS: dict[str, _Price] = {
    "gpt-5-2025-08-07": _price("1.25", "0.125", None, "10"),
    "gpt-5-mini-2025-08-07": _price("0.25", "0.025", None, "2"),
    "gpt-4o-2024-08-06": _price("2.5", "1.25", None, "10"),
    "gpt-6-astra": _price("10", "1", "12.5", "50"),
    "gpt-5.3-codex": _price("1.75", "0.175", None, "14"),
    "gpt-5.4": _price("2.5", "0.25", None, "15"),
    "gpt-5.1-codex-mini": _price("0.25", "0.025", None, "2"),
    "text-embedding-3-large": _price("0.13"),
}
_UNKNOWN = _MODELS["gpt-5.3-codex"]  # what a model is charged at when the report calls it `other`
PIECES: dict[str, tuple[str, Decimal]] = {
    "images": ("Image models", Decimal("0.04")),
    "web_search_calls": ("Web search tool calls", Decimal("0.01")),
    "code_interpreter_sessions": ("Code interpreter sessions", Decimal("0.03")),
}


@dataclass(frozen=True, slots=True)
class _Stream:
    """One steady use of the API; counts are those of an ordinary Monday.

    Tokens are in millions: uncached input, cached input, cache writes, output. `by` is who is named as user: `nobody`
    for a key that belongs to the project, `bot` for the service account, `everyone` for each person in turn.
    `without_key` is the playground. `pieces` counts what is not tokens.
    """

    project: str
    name: str
    model: str | None
    tokens: tuple[float, float, float, float] = (0, 0, 0, 0)
    kind: str = "completions"
    pieces: float = 0
    by: str = "nobody"
    batch: bool = False
    without_key: bool = False


_GPT_5, _MINI, _GPT_4O = "gpt-5-2025-08-07", "gpt-5-mini-2025-08-07", "gpt-4o-2024-08-06"

_STREAMS: dict[str, tuple[_Stream, ...]] = {
    "openai-api": (
        _Stream("search", "answers", _GPT_5, (44, 66, 0, 6)),
        _Stream("search", "index", "text-embedding-3-large", (140, 0, 0, 0), kind="embeddings"),
        _Stream("search", "answers", _GPT_5, kind="web_search_calls", pieces=600),
        _Stream("support-bot", "chat", _MINI, (60, 150, 0, 15)),
        _Stream("support-bot", "summaries", _GPT_4O, (4.5, 1.5, 0, 1.1)),
        _Stream("evaluation", "nightly", _MINI, (75, 0, 0, 11), batch=True),
        _Stream("research", "notebooks", _GPT_5, (4, 5, 0, 0.5), by="everyone"),
        _Stream("research", "agents", "gpt-6-astra", (1.5, 4.5, 0.8, 0.45)),
        _Stream("research", "playground", _GPT_4O, (0.6, 0.1, 0, 0.15), by="everyone", without_key=True),
        _Stream("research", "plots", None, kind="code_interpreter_sessions", pieces=45),
        _Stream("codex-ci", "reviews", "gpt-5.3-codex", (3.6, 22, 0, 0.6), by="bot"),
        _Stream("marketing", "pictures", "gpt-image-1", kind="images", pieces=110),
    ),
    "openai-api-eu": (
        _Stream("helpdesk", "chat", _GPT_5, (20, 35, 0, 3.2)),
        _Stream("helpdesk", "triage", _MINI, (30, 60, 0, 7)),
        _Stream("catalogue", "translations", _GPT_4O, (5, 1, 0, 2.2), batch=True),
        _Stream("catalogue", "vectors", "text-embedding-3-large", (60, 0, 0, 0), kind="embeddings"),
        _Stream("catalogue", "pictures", "gpt-image-1", kind="images", pieces=60),
    ),
    "openai-api-moved": (
        _Stream("legal", "contracts", _GPT_5, (9, 12, 0, 1.8)),
        _Stream("legal", "drafts", _GPT_4O, (3, 1, 0, 1.4), by="everyone"),
        _Stream("legal", "contracts", _GPT_5, kind="web_search_calls", pieces=200),
    ),
}


API = "openai_api"
_IN_A_MILLION = 1_000_000
_TOKENS_A_REQUEST = 9_000
_OLDER_WORDS = {"input": "input", "cached": "cached input", "written": "cache write", "output": "output"}
_WORDS = {
    "input": "input_tokens",
    "cached": "cached_input_tokens",
    "written": "cache_write_tokens",
    "output": "output_tokens",
}
_OLDER_STYLE = frozenset({"gpt-4o-2024-08-06", "text-embedding-3-large"})


class Meter(NamedTuple):
    """What one key did with one model on a day; `person` is null for a key of the project."""

    stream: _Stream
    project_id: str
    key_id: str | None
    person: Person | None
    user_id: str | None
    tokens: Tokens
    pieces: int
    requests: int


class BillLine(NamedTuple):
    """One line of the day's cost: an amount in USD, whatever the bill's currency."""

    line_item: str
    model: str | None
    project_id: str
    key_id: str | None
    usd: Decimal
    quantity: int | None
    unit: str | None


def currency(account_id: str, day: date) -> str:
    """Return the currency an account is billed in on a day.

    One account is moved from USD to EUR on the 15th of each quarter's first month, and back with the next quarter.

    >>> currency("openai-api-moved", date(2026, 10, 14)), currency("openai-api-moved", date(2026, 10, 15))
    ('USD', 'EUR')
    """
    if account_id == "openai-api-moved":
        return "USD" if quarter_month(day) == 0 and day.day < 15 else "EUR"
    return "EUR" if account_id == "openai-api-eu" else "USD"


def billed(usd: Decimal, currency_code: str) -> Decimal:
    """Return an amount in the bill's currency, exactly."""
    return usd * EUR_PER_USD if currency_code == "EUR" else usd


@lru_cache(maxsize=64)
def day_meters(seed: int, account_id: str, day: date, scale: float) -> tuple[Meter, ...]:
    """Return what an account's keys did on a day; a larger company has each key several times.

    >>> day_meters(7, "openai-api-eu", date(2026, 11, 5), 1.0)
    ()
    """
    if outage(account_id, day):
        return ()
    copies = max(1, int(scale))
    return tuple(
        meter
        for stream in _STREAMS[account_id]
        for copy in range(copies)
        for meter in _meters(seed, account_id, stream, copy, day, volume=scale / copies)
    )


def _meters(seed: int, account_id: str, stream: _Stream, copy: int, day: date, *, volume: float) -> Iterator[Meter]:
    people = _people(stream, day)
    for person in people:
        who = person.key if person is not None else ""
        r = rng(seed, API, account_id, stream.name, stream.kind, who, copy, day.isoformat())
        size = spread(r, volume * weekday_factor(day) * growth(day), 0.6 if len(people) > 1 else 0.15) / len(people)
        tokens = Tokens(*(int(size * millions * _IN_A_MILLION) for millions in stream.tokens))
        asked = (tokens.input + tokens.cached + tokens.written) // _TOKENS_A_REQUEST
        pieces = int(stream.pieces * size)
        yield Meter(
            stream=stream,
            project_id=token_id(seed, "proj_", account_id, stream.project),
            key_id=None if stream.without_key else token_id(seed, "key_", account_id, stream.name, who, copy),
            person=person,
            user_id=None if person is None else token_id(seed, "user-", API, person.key),
            tokens=tokens,
            pieces=pieces,
            requests=max(1, asked, pieces // 3),
        )


def _people(stream: _Stream, day: date) -> tuple[Person | None, ...]:
    """Return who is named as user: nobody, the service account, or everyone with a seat."""
    if stream.by == "nobody":
        return (None,)
    service = stream.by == "bot"
    seats = people_with(API)
    return tuple(one for one in seats if (one.kind == "service") == service and (one.left is None or day <= one.left))


def bill_lines(meter: Meter) -> list[BillLine]:
    """Return what a meter costs: a line per kind of token, or one for what is charged by the piece."""
    stream = meter.stream
    if stream.kind in PIECES:
        item, usd = PIECES[stream.kind]
        counted = stream.kind == "images"
        unit = "images" if counted else None  # searches and sessions have no single unit
        quantity = meter.pieces if counted else None
        return [BillLine(item, None, meter.project_id, meter.key_id, usd * meter.pieces, quantity, unit)]
    assert stream.model is not None  # tokens are always a model's
    share = BATCH_SHARE if stream.batch else Decimal(1)
    return [
        BillLine(_item(stream, kind), stream.model, meter.project_id, meter.key_id, usd * share, count, "tokens")
        for kind, (count, usd) in _MODELS[stream.model].parts(meter.tokens).items()
        if count
    ]


def _item(stream: _Stream, kind: str) -> str:
    """Word a line item; older models keep the older words."""
    words = _OLDER_WORDS if stream.model in _OLDER_STYLE else _WORDS
    return f"{stream.model}, {'batch_' if stream.batch else ''}{words[kind]}"


_UNKNOWN_CLIENT, _UNKNOWN_MODEL = "CODEX_UNKNOWN_DEFAULT", "other"  # how the vendor names what it cannot tell

CODEX = "codex"
CLIENTS = ("CODEX_CLI", "CODEX_WEB", "CODEX_IDE_EXTENSION")
_UNKNOWN_CLIENT_OF = "colette.barrande"
_UNKNOWN_MODEL_OF = "stefan.krajicek"
_USD_SINCE_DAY = 10  # of the month: before it a day is stated in credits alone
_LATEST_MINUTES = 12 * 60
_CREDIT_PLACES, _USD_PLACES = Decimal("0.0001"), Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one user did with one model on a day; `usd` is null where the day is stated in credits alone."""

    model: str
    speed: str
    tokens: Tokens
    credits: Decimal
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class UserDay:
    """One user's day. The three `*_known` are false where the report leaves the part null."""

    person: Person
    user_id: str
    email: str | None
    day: date
    threads: int
    turns: int
    uses: tuple[ModelUse, ...]
    clients: tuple[str, ...]
    lines: tuple[int, int]  # added and removed
    commits: int
    models_known: bool
    tokens_known: bool
    lines_known: bool
    recorded_at: datetime


def feed_down(day: date) -> bool:
    """Say whether the day has no rows at all, though people worked: 13 and 14 of a quarter's first month."""
    return quarter_month(day) == 0 and day.day in {13, 14}


@lru_cache(maxsize=40)
def day_users(seed: int, day: date, scale: float) -> tuple[UserDay, ...]:
    """Return the users with a row on a day, in the directory's order; a larger company has each of them again.

    >>> day_users(7, date(2026, 10, 13), 1.0)
    ()
    """
    if feed_down(day):
        return ()
    copies = max(1, int(scale))
    people = [person for person in people_with(CODEX) if person.kind != "service"]
    found = (_user_day(seed, person, copy, day, scale / copies) for copy in range(copies) for person in people)
    return tuple(user for user in found if user is not None)


def _user_day(seed: int, person: Person, copy: int, day: date, volume: float) -> UserDay | None:
    """Return a user's day, or null without a row; on a weekend some have a row of zeros."""
    if person.left is not None and day > person.left:
        return None
    r = rng(seed, CODEX, person.key, copy, day.isoformat())
    draw, weekend = r.random(), day.weekday() > 4
    if draw > (0.35 if weekend else 0.85):
        return None
    idle = weekend and draw > 0.25
    uses = () if idle else tuple(_uses(r, person, day, volume))
    threads = 0 if idle else integer(r, 1, 14)
    lag = timedelta(minutes=integer(r, 0, _LATEST_MINUTES))
    return UserDay(
        person=person,
        user_id=token_id(seed, "user_", CODEX, person.key, copy),
        email=_email(person, copy),
        day=day,
        threads=threads,
        turns=threads * integer(r, 2, 9),
        uses=uses,
        clients=_clients(r, person),
        lines=(0, 0) if idle else (integer(r, 0, 900), integer(r, 0, 350)),
        commits=0 if idle else integer(r, 0, 6),
        models_known=not chance(r, 0.03),
        tokens_known=not chance(r, 0.02),
        lines_known=not chance(r, 0.08),
        recorded_at=midnight_of(day) + timedelta(days=1) + lag,
    )


def _email(person: Person, copy: int) -> str | None:
    """Return the e-mail as the workspace spells it; a removed user has none."""
    if person.left is not None:
        return None
    name, _, domain = person.aliases.get(CODEX, person.email).partition("@")
    return f"{name}@{domain}" if copy == 0 else f"{name}.{copy}@{domain}"


def _clients(r: Random, person: Person) -> tuple[str, ...]:
    if person.key == _UNKNOWN_CLIENT_OF:
        return (_UNKNOWN_CLIENT,)
    first = choose(r, CLIENTS)
    return tuple(dict.fromkeys((first, choose(r, CLIENTS))))


def _models(r: Random, person: Person) -> tuple[str, ...]:
    """Pick the day's models: a main one, now and then a second; for two people the report knows some as `other`."""
    names = ["gpt-5.4" if chance(r, 0.6) else "gpt-5.3-codex"]
    if chance(r, 0.4):
        names.append("gpt-5.1-codex-mini")
    if person.key in {_UNKNOWN_CLIENT_OF, _UNKNOWN_MODEL_OF} and chance(r, 0.4):
        names.append(_UNKNOWN_MODEL)
    return tuple(names)


def _uses(r: Random, person: Person, day: date, volume: float) -> Iterator[ModelUse]:
    states_usd = day.day >= _USD_SINCE_DAY and person.kind == "employee" and person.key != _UNKNOWN_CLIENT_OF
    for place, model in enumerate(_models(r, person)):
        size = volume * growth(day) * uniform(r, 0.3, 1.7) * (1.0 if place == 0 else 0.35)
        tokens = Tokens(
            input=int(size * spread(r, 1_000_000)),
            cached=int(size * spread(r, 10_000_000)),
            output=int(size * spread(r, 150_000)),
        )
        usd = _MODELS.get(model, _UNKNOWN).of(tokens)
        yield ModelUse(
            model=model,
            speed="fast" if chance(r, 0.1) else "standard",
            tokens=tokens,
            credits=(usd / USD_PER_CREDIT).quantize(_CREDIT_PLACES),
            usd=usd.quantize(_USD_PLACES) if states_usd and model != _UNKNOWN_MODEL else None,
        )
