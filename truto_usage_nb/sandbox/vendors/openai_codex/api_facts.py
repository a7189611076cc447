"""What every key of an API organisation did on a day, before any row is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from truto_usage_nb.sandbox.company import Person, growth, outage, people_with, quarter_month, weekday_factor
from truto_usage_nb.sandbox.seeds import rng, spread, token_id
from truto_usage_nb.sandbox.vendors.openai_codex.api_streams import STREAMS, Stream
from truto_usage_nb.sandbox.vendors.openai_codex.rates import BATCH_SHARE, EUR_PER_USD, MODELS, PIECES, Tokens

TOOL = "openai_api"
_MILLION = 1_000_000
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

    stream: Stream
    project_id: str
    key_id: str | None
    person: Person | None
    user_id: str | None
    tokens: Tokens
    pieces: int
    requests: int


class Line(NamedTuple):
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
        for stream in STREAMS[account_id]
        for copy in range(copies)
        for meter in _meters(seed, account_id, stream, copy, day, volume=scale / copies)
    )


def _meters(seed: int, account_id: str, stream: Stream, copy: int, day: date, *, volume: float) -> Iterator[Meter]:
    people = _people(stream, day)
    for person in people:
        who = person.key if person is not None else ""
        r = rng(seed, TOOL, account_id, stream.name, stream.kind, who, copy, day.isoformat())
        size = spread(r, volume * weekday_factor(day) * growth(day), 0.6 if len(people) > 1 else 0.15) / len(people)
        tokens = Tokens(*(int(size * millions * _MILLION) for millions in stream.tokens))
        asked = (tokens.input + tokens.cached + tokens.written) // _TOKENS_A_REQUEST
        pieces = int(stream.pieces * size)
        yield Meter(
            stream=stream,
            project_id=token_id(seed, "proj_", account_id, stream.project),
            key_id=None if stream.without_key else token_id(seed, "key_", account_id, stream.name, who, copy),
            person=person,
            user_id=None if person is None else token_id(seed, "user-", TOOL, person.key),
            tokens=tokens,
            pieces=pieces,
            requests=max(1, asked, pieces // 3),
        )


def _people(stream: Stream, day: date) -> tuple[Person | None, ...]:
    """Return who is named as user: nobody, the service account, or everyone with a seat."""
    if stream.by == "nobody":
        return (None,)
    service = stream.by == "bot"
    seats = people_with(TOOL)
    return tuple(one for one in seats if (one.kind == "service") == service and (one.left is None or day <= one.left))


def lines(meter: Meter) -> list[Line]:
    """Return what a meter costs: a line per kind of token, or one for what is charged by the piece."""
    stream = meter.stream
    if stream.kind in PIECES:
        item, usd = PIECES[stream.kind]
        counted = stream.kind == "images"
        unit = "images" if counted else None  # searches and sessions have no single unit
        quantity = meter.pieces if counted else None
        return [Line(item, None, meter.project_id, meter.key_id, usd * meter.pieces, quantity, unit)]
    assert stream.model is not None  # tokens are always a model's
    share = BATCH_SHARE if stream.batch else Decimal(1)
    return [
        Line(_item(stream, kind), stream.model, meter.project_id, meter.key_id, usd * share, count, "tokens")
        for kind, (count, usd) in MODELS[stream.model].parts(meter.tokens).items()
        if count
    ]


def _item(stream: Stream, kind: str) -> str:
    """Word a line item; older models keep the older words."""
    words = _OLDER_WORDS if stream.model in _OLDER_STYLE else _WORDS
    return f"{stream.model}, {'batch_' if stream.batch else ''}{words[kind]}"
