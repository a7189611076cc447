"""Cursor's Admin API.

Basic auth with the key as user name; JSON bodies; pages by number. Both ends of a window are included, to the
millisecond. The spend is of the running billing cycle, whatever dates are asked for.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from truto_usage_nb.direct.engine import Access, ByNumber, DirectVendor, Endpoint, KeyField, VendorRow, not_served
from truto_usage_nb.direct.question import DirectQuestion, instant_of
from truto_usage_nb.errors import ProtocolError
from truto_usage_nb.vendors.cursor.mapping import CURSOR_PRODUCT, daily_record, event_record, member_user, spend_record

_LONGEST = timedelta(days=30)
_MILLISECOND = timedelta(milliseconds=1)


def _window(question: DirectQuestion) -> dict[str, Any]:
    """Give the window; a missing end is 30 days from the other, and nothing given is up to now."""
    start = None if question.start_date is None else instant_of(question.start_date)
    end = None if question.end_date is None else instant_of(question.end_date)
    if end is None:
        end = question.now if start is None else max(start, min(question.now, start + _LONGEST))
    return {"startDate": _milliseconds(start or end - _LONGEST), "endDate": _milliseconds(end)}


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, moment.tzinfo)) // _MILLISECOND


def _events(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001  # an event says everything itself
    yield from (VendorRow(event, [event_record(event)]) for event in body["usageEvents"])


def _days(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    yield from (VendorRow(row, [daily_record(row)]) for row in body["data"])


def _spend(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:
    for row in body["teamMemberSpend"]:
        yield VendorRow(row, [spend_record(row, body["subscriptionCycleStart"], question.now)])


def _members(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001
    for row in body["teamMembers"]:
        yield VendorRow(row, [{**member_user(row), "role": row.get("role"), "is_removed": row.get("isRemoved")}])


def _says_so(body: Any, number: int) -> bool:
    """Say whether another page follows; one that is not the page that was asked for would come for ever."""
    said = body["pagination"]
    if said.get("currentPage", said.get("page")) not in (None, number):
        raise ProtocolError(f"page {number} was asked for, and it says to be another")
    return bool(said["hasNextPage"])


def _counts(body: Any, number: int) -> bool:
    return number < int(body.get("totalPages") or 1)


_EVENTS = Endpoint(
    path="/teams/filtered-usage-events",
    method="POST",
    ask=_window,
    read=_events,
    paging=ByNumber(_says_so),
    page_size=1000,
    most=1000,
)
_DAYS = Endpoint(
    path="/teams/daily-usage-data",
    method="POST",
    ask=_window,
    read=_days,
    paging=ByNumber(_says_so),  # without page and size only active members would come back
    page_size=1000,
    most=1000,
)
_SPEND = Endpoint(
    path="/teams/spend",
    method="POST",
    ask=lambda _: {},
    read=_spend,
    paging=ByNumber(_counts),
    page_size=100,
    most=1000,
)
_MEMBERS = Endpoint(path="/teams/members", ask=lambda _: {}, read=_members)
_REPORTS = {
    None: _EVENTS, "usage": _EVENTS, "cost": _EVENTS, "user_usage": _EVENTS, "activity": _DAYS, "user_cost": _SPEND,
}  # fmt: skip


def _plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    if question.report_type not in _REPORTS:
        raise not_served("Cursor", question, (name for name in _REPORTS if name is not None))
    return (_REPORTS[question.report_type],)


def _headers(keys: Mapping[str, str]) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode((keys['api_key'] + ':').encode()).decode()}"}


VENDOR = DirectVendor(
    name="cursor",
    label="Cursor",
    hears=frozenset({"report_type"}),
    accesses=(
        Access(
            keys=(
                KeyField(
                    "api_key",
                    "CURSOR_API_KEY",
                    "an Admin API key of a Cursor team (crsr_… or key_…), which an admin makes in the dashboard",
                    {"sk-": "another vendor's key"},
                ),
            ),
            host=lambda _: "api.cursor.com",
            headers=_headers,
            plan=_plan,
            products=lambda _: ((CURSOR_PRODUCT["id"], CURSOR_PRODUCT["name"], "AI code editor"),),
            members=_MEMBERS,
        ),
    ),
)
