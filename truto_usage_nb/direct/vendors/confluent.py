"""Confluent Cloud's billing API: daily cost rows.

Basic auth with a Cloud key and its secret; days in UTC, the end excluded; a body states the address of the next page.
"""

from __future__ import annotations

import calendar
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from truto_usage_nb.direct.engine import Access, ByLink, DirectVendor, Endpoint, KeyField, VendorRow, not_served
from truto_usage_nb.direct.question import DirectQuestion, day_of
from truto_usage_nb.vendors.confluent.mapping import CONFLUENT_PRODUCTS, cost_record


def _window(question: DirectQuestion) -> dict[str, Any]:
    """Give the days; without a start it is this month, without an end the month of the start."""
    start = question.now.date().replace(day=1) if question.start_date is None else day_of(question.start_date)
    last = start.replace(day=calendar.monthrange(start.year, start.month)[1])
    end = last.toordinal() + 1 if question.end_date is None else day_of(question.end_date).toordinal()
    return {"start_date": start.isoformat(), "end_date": start.fromordinal(end).isoformat()}


def _costs(body: Any, question: DirectQuestion) -> Iterator[VendorRow]:  # noqa: ARG001  # a row says everything itself
    yield from (
        VendorRow(row, [cost_record(row)]) for row in body["data"] or ()
    )  # sibling lists were seen to send null


_COSTS = Endpoint(
    path="/billing/v1/costs",
    ask=_window,
    read=_costs,
    paging=ByLink(("metadata", "next"), size="page_size"),
    page_size=5000,
    most=10_000,
)


def _plan(question: DirectQuestion) -> tuple[Endpoint, ...]:
    if question.report_type not in (None, "cost", "usage"):
        raise not_served("Confluent", question, ("cost", "usage"))
    return (_COSTS,)


def _headers(keys: Mapping[str, str]) -> dict[str, str]:
    pair = f"{keys['api_key']}:{keys['api_secret']}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


VENDOR = DirectVendor(
    name="confluent",
    label="Confluent",
    hears=frozenset({"report_type"}),
    accesses=(
        Access(
            keys=(
                KeyField(
                    "api_key",
                    "CONFLUENT_CLOUD_API_KEY",
                    "a Cloud resource management key of an account with the role BillingAdmin or OrganizationAdmin; "
                    "a cluster's own key opens no bill",
                ),
                KeyField("api_secret", "CONFLUENT_CLOUD_API_SECRET", "the secret of that Cloud key"),
            ),
            host=lambda _: "api.confluent.cloud",
            headers=_headers,
            plan=_plan,
            products=lambda _: tuple((id_, *said) for id_, said in CONFLUENT_PRODUCTS.items()),
        ),
    ),
)
