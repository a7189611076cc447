"""The long forms: nothing lost, on every kind of frame."""

from __future__ import annotations

import polars as pl
import pytest

from tests.backends_for_tests import KINDS, as_kind, as_polars, kind_name
from tests.frames_for_tests import charge, charged, frame_of
from truto_usage_nb.errors import FrameError
from truto_usage_nb.long_forms import charges, resources

FRAME = frame_of([
    {"id": "a", "model": {"id": "m"},
     "charges": [charge("total", 12.5), charge("tax", 2, "EUR"), charge("total", 12.5)]},
    {"id": "b", "charges": []},
    {"id": "c", "charges": charged("CREDITS", usage_based=7), "resources": [
        {"id": "r1", "name": "one", "workspace": {"id": "w", "name": "here"}},
        {"id": "r2", "name": None, "workspace": None},
    ]},
])  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_a_charge_in_the_order_stated(kind):
    long = charges(as_kind(FRAME, kind))
    assert kind_name(long) == kind_name(as_kind(FRAME, kind))
    assert as_polars(long).select("id", "model_id", "amount", "currency", "type").rows() == [
        ("a", "m", 12.5, "USD", "total"),
        ("a", "m", 2.0, "EUR", "tax"),
        ("a", "m", 12.5, "USD", "total"),
        ("c", None, 7.0, "CREDITS", "usage_based"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_a_resource(kind):
    rows = as_polars(resources(as_kind(FRAME, kind)))
    wanted = ("id", "resource_id", "resource_name", "workspace_id", "workspace_name")
    assert rows.select(*wanted).rows() == [("c", "r1", "one", "w", "here"), ("c", "r2", None, None, None)]


def test_what_the_documentation_does_not_name_stays():
    frame = pl.DataFrame(
        {"id": ["a"], "charges": [[{"amount": 1.0, "currency": "USD", "type": "net", "tier": 3, "id": "ch"}]]}
    )
    assert charges(frame).row(0, named=True) == {
        "id": "a", "amount": 1.0, "currency": "USD", "type": "net", "tier": 3, "charge_id": "ch",
    }  # fmt: skip


def test_the_long_form_is_the_wide_one():
    long = charges(FRAME).filter(pl.col("id") == "c")
    wide = FRAME.filter(pl.col("id") == "c")
    assert long["amount"].sum() == wide["charges_usage_based"].sum()


@pytest.mark.parametrize("frame", [frame_of([]), frame_of([{}]), pl.DataFrame({"id": ["a"], "charges": [None]})])
def test_no_charges_no_rows(frame):
    long = charges(frame)
    assert long.height == 0
    assert {"id", "amount", "currency", "type"} <= set(long.columns)


def test_a_frame_without_lists_names_the_wide_columns():
    with pytest.raises(FrameError, match="charges_total, charges_net"):
        charges(FRAME.drop("charges"))
    with pytest.raises(FrameError, match="resources_id"):
        resources(FRAME.drop("resources"))
