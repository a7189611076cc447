"""What happens at Confluent besides steady use: the resize, the promotion, its correction, and late data.

Everything here is a pure function of the seed and the day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.company import quarter_month
from truto_usage_nb.sandbox.seeds import chance, rng, spread, uniform

RESIZE_DAY = 20
SUPPORT_DAY = 1
PROMO_CODE = "KAFKA500"
PROMO_BALANCE = Decimal(500)
CORRECTION = Decimal(40)

_PROMO_FIRST_DAY = 4
_PROMO_A_DAY = 45.0
_CORRECTION_DAY = 22
_CENT = Decimal("0.01")


def resized(day: date) -> bool:
    """Say whether the orders cluster runs at its larger size: from the 20th of month 0 to the quarter's end."""
    return quarter_month(day) > 0 or day.day >= RESIZE_DAY


def promo_draw(world: World, day: date) -> Decimal:
    """Return what the month's promotion pays on a day, in dollars and positive.

    The balance of $500 starts on the 4th and runs out near the middle of the month, so a month's draws come to it
    exactly.
    """
    r = rng(world.seed, "confluent", "promo", day.year, day.month)
    left = PROMO_BALANCE
    draw = Decimal(0)
    for _ in range(_PROMO_FIRST_DAY, day.day + 1):
        draw = min(left, Decimal(spread(r, _PROMO_A_DAY, 0.3)).quantize(_CENT))
        left -= draw
    return draw


def corrected(day: date) -> bool:
    """Say whether $40 of the promotion is taken back on this day: the 22nd of month 0."""
    return quarter_month(day) == 0 and day.day == _CORRECTION_DAY


def posted_at(world: World, day: date, *keys: object) -> datetime:
    """Return when a day's rows of one resource appear, in UTC: mostly the next morning, one in five up to 72 h late."""
    r = rng(world.seed, "confluent", "posted", day.isoformat(), *keys)
    late = chance(r, 0.2)
    hours = uniform(r, 16, 71.9) if late else uniform(r, 3, 11)
    return datetime.combine(day + timedelta(days=1), time(0), UTC) + timedelta(seconds=int(hours * 3600))
