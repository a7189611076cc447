"""A provider's own field as a column, and the service tier in the key."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from tests.backends_for_tests import CLUSTERS, KINDS, as_kind, as_polars, kind_name
from tests.frames_for_tests import charged, frame_of
from truto_usage_nb.costs import closing_line, cost_per, cost_per_model, remote_field
from truto_usage_nb.errors import FrameError, InputError

M = 1_000_000
DAY = {"start_date": "2026-10-05", "end_date": "2026-10-06"}


def record(report_type: str, tier: str | None, **fields: Any) -> dict[str, Any]:
    source = {"integrated_account_id": "c", "integration": "claude", "report_type": report_type, **DAY}
    return source | {"model": {"id": "opus"}, "remote_data": json.dumps({"group": {"service_tier": tier}})} | fields


def held(*records: dict[str, Any]) -> pl.DataFrame:
    """A frame as it is loaded with the provider's own rows."""
    return frame_of(list(records)).with_columns(
        remote_data=pl.Series([r["remote_data"] for r in records], dtype=pl.String)
    )


def tiers() -> pl.DataFrame:
    """$300 for 100 M standard tokens, and 200 M of the Priority tier, which no cost row bills."""
    return held(
        record("usage", "standard", usage={"tokens": {"total": 100 * M}}),
        record("usage", "priority", usage={"tokens": {"total": 200 * M}}),
        record("cost", "standard", charges=charged(total=300)),
    )


def test_without_the_tier_priority_tokens_dilute_the_price():
    assert cost_per_model(tiers())["cost_per_million_tokens"].to_list() == [1.0]


def test_with_the_tier_they_are_unpriced():
    table = cost_per_model(remote_field(tiers(), "service_tier"))
    figures = table.select("cost", "tokens", "cost_per_million_tokens", "unpriced_tokens").rows()
    assert figures == [(300.0, 100 * M, 3.0, 200 * M)]
    assert closing_line(table) == "33 % of tokens have a price."


def test_a_tier_on_one_side_alone_is_no_key():
    frame = tiers().with_columns(service_tier=pl.Series(["standard", "priority", None]))
    assert cost_per(frame)["cost_per_million_tokens"].to_list() == [1.0]


@pytest.mark.parametrize("kind", [*KINDS, *CLUSTERS])
def test_on_every_kind_of_frame(kind):
    frame = as_kind(tiers(), kind)
    answer = remote_field(frame, "service_tier")
    assert kind_name(answer) == kind_name(frame)
    rows = as_polars(answer).select("report_type", "service_tier").rows()
    assert sorted(rows) == [("cost", "standard"), ("usage", "priority"), ("usage", "standard")]


def test_a_field_at_the_top_and_one_by_its_path():
    frame = held(record("usage", None, remote_data='{"kind":"Included","group":{"speed":"fast","n":2}}'))
    assert remote_field(frame, "kind")["kind"].to_list() == ["Included"]
    assert remote_field(frame, "group.speed")["speed"].to_list() == ["fast"]
    assert remote_field(frame, "n")["n"].to_list() == ["2"]


def test_null_where_a_row_has_no_such_field():
    frame = held(record("usage", None), record("usage", "batch"), record("usage", None, remote_data=None))
    assert remote_field(frame, "service_tier")["service_tier"].to_list() == [None, "batch", None]
    assert remote_field(frame[:1], "service_tier")["service_tier"].to_list() == [None]  # stated, as not grouped
    assert remote_field(frame[:0], "service_tier")["service_tier"].to_list() == []


def test_what_cannot_be_added():
    with pytest.raises(FrameError, match="Load it with truto_ignore_remote_data=False"):
        remote_field(tiers().drop("remote_data"), "service_tier")
    with pytest.raises(FrameError, match="has a column surface already"):
        remote_field(tiers(), "surface")
    with pytest.raises(FrameError, match="No row's remote_data has a field 'service_teir'"):
        remote_field(tiers(), "service_teir")
    with pytest.raises(InputError, match="names joined by dots"):
        remote_field(tiers(), "a'); drop table x")
