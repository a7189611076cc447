"""A vendor is a mapping, a table, a server and a page of the docs: this says which of them is missing."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

import truto_usage_nb as tu
from truto_usage_nb.direct import direct
from truto_usage_nb.direct.spec import variables
from truto_usage_nb.direct.vendors import DIRECT_VENDORS, vendor_named
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.sandbox.raw_server import keys_of
from truto_usage_nb.sandbox.vendors import SANDBOX_VENDORS

PAGE = (Path(__file__).parents[2] / "docs" / "direct.md").read_text(encoding="utf-8")


def test_every_integration_has_a_direct_door_and_a_server():
    assert set(DIRECT_VENDORS) == set(INTEGRATIONS) == set(SANDBOX_VENDORS)


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_a_vendor_is_whole(name):
    assert import_module(f"truto_usage_nb.vendors.{name}.mapping")
    vendor = vendor_named(name)
    assert vendor.name == name
    opened = [set(fields) for fields in keys_of(name).values()]
    for access in vendor.accesses:
        needed = {key.name for key in access.keys} | {fact for fact in access.facts if fact not in access.fact_defaults}
        assert needed in opened, f"sandbox/vendors/{name}/raw.py has no keys for {sorted(needed)}"
        assert access.host({**access.fact_defaults, **dict.fromkeys(access.facts, "x"), **access.fact_defaults})
        assert access.products({}), name


def test_the_docs_and_the_docstring_name_every_variable_and_field():
    for names in variables().values():
        for name in names:
            assert f"`{name}`" in PAGE, name
            assert f"`{name}`" in (direct.__doc__ or ""), name
    fields = {key.name for name in DIRECT_VENDORS for access in vendor_named(name).accesses for key in access.keys}
    for field in fields:
        assert f"`{field}`" in PAGE, field
        assert f"`{field}`" in (direct.__doc__ or ""), field


def test_every_recording_the_docs_name_is_named_by_a_fixture_of_ours():
    tests = Path(__file__).parents[1]
    text = "".join(
        path.read_text(encoding="utf-8") for path in [*tests.glob("direct/*.py"), *tests.glob("sandbox/*.py")]
    )
    for source in ("Worklytics/psoxy", "elastic/integrations", "openai/openai-cookbook", "airbytehq/airbyte",
                   "confluentinc/cli", "DataDog/datadog-api-client-python"):  # fmt: skip
        assert source in PAGE
        assert source in text, source


def test_the_face_has_the_door():
    assert tu.direct is direct or callable(tu.direct)
