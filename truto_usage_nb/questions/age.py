"""Up to when figures are final, as far as the records themselves show when they were fetched."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import narwhals.stable.v2 as nw

from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, with_instants

__all__ = ["age_told", "seen_at", "settled_to"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seen_at(native: Native) -> datetime | None:
    """The newest moment (UTC) that any record states of itself: the load is not older than that.

    None where no record says when it was made. A load may be newer: then more is final than is said here.
    """
    names = {f"__{c}": c for c in ("updated_at", "created_at")}
    moments = with_instants(native, native.frame, names)
    latest = collect(moments.select(*(nw.col(name).max() for name in names))).row(0)
    known = [int(value) for value in latest if value is not None]
    return _EPOCH + timedelta(microseconds=max(known)) if known else None


def settled_to(integrations: set[str | None], now: datetime) -> date | None:
    """The day up to which (exclusive) all of these integrations' figures are final at a moment."""
    days = [INTEGRATIONS[name].settled_until(now).date() for name in integrations if name in INTEGRATIONS]
    return min(days) if days else None


def age_told(native: Native, first: date, second: date, first_end: datetime, second_end: datetime) -> str | None:
    """Say which integrations may still change in one of two buckets while the other is final."""
    now = seen_at(native)
    if now is None:
        return None
    held = set(collect(native.frame.select("integration").unique())["integration"].drop_nulls())
    known = {name: INTEGRATIONS[name].settled_until(now) for name in sorted(held & INTEGRATIONS.keys())}
    open_ = [f"{name} ({until:%Y-%m-%d})" for name, until in known.items() if first_end <= until < second_end]
    if not open_:
        return None
    return (
        f"the two are of different age: {first} is final, {second} may still change for {', '.join(open_)}, where "
        f"figures are final up to the date named; part of the change may be records to come."
    )
