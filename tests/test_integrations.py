"""What each integration honours, its windows, and when its figures settle: held against the service's own pages.

At the end: what a vendor's package must hold, and an invented vendor of which nothing else was told.
"""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType, SimpleNamespace

import polars as pl
import pytest

import truto_usage_nb as tu
from tests.frames_for_tests import charged
from tests.vendor_for_tests import Vendor, client
from truto_usage_nb import vendors
from truto_usage_nb.cli.options import parser
from truto_usage_nb.direct import vendors as direct_vendors
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.forms.state import ignored
from truto_usage_nb.integrations import INTEGRATIONS, Integration, Window, integration_named
from truto_usage_nb.planning import Period, plan
from truto_usage_nb.query import PARAMETERS, UsageQuery
from truto_usage_nb.sandbox import service
from truto_usage_nb.sandbox.ask import Raw
from truto_usage_nb.sandbox.ask import Vendor as SandboxVendor
from truto_usage_nb.sandbox.company import ACCOUNTS
from truto_usage_nb.sandbox.raw_server import RawVendor
from truto_usage_nb.sandbox.vendors import LISTED, VENDORS
from truto_usage_nb.vendors.facts import SERVICE_PARAMETERS, FocusService, Series, SeriesChoice, Shapes

OF_THE_SERVICE = {
    "integrated_account_id", "truto_response_format", "truto_key_by", "truto_ignore_limit", "truto_ignore_remote_data",
    "truto_exclude_fields", "remote_query", "cursor", "limit",
}  # fmt: skip
HONOURED = {
    "claude": "report_type start_date end_date product_ids user_ids model_ids surfaces group_by granularity sort_by "
    "sort_order include_deleted_users",
    "openai_codex": "start_date date user_id api_key_id",
    "confluent": "start_date end_date",
    "cursor": "start_date end_date page page_size",
    "datadog": "start_date end_date",
}
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_it_honours_what_the_service_documents_for_it(name):
    assert INTEGRATIONS[name].honours == OF_THE_SERVICE | set(HONOURED[name].split())


def test_every_parameter_is_honoured_somewhere():
    assert set().union(*(each.honours for each in INTEGRATIONS.values())) == set(PARAMETERS)


@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("claude", datetime(2026, 10, 24, 15, 30, tzinfo=UTC)),
        ("openai_codex", datetime(2026, 11, 23, 3, 30, tzinfo=UTC)),
        ("confluent", datetime(2026, 11, 20, 15, 30, tzinfo=UTC)),
        ("cursor", datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("datadog", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_figures_are_final_up_to(name, until):
    assert INTEGRATIONS[name].settled_until(NOW) == until


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 11, 15, 23, 59, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)),
        (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 1, 3, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_datadog_settles_a_month_in_the_middle_of_the_next(now, until):
    assert INTEGRATIONS["datadog"].settled_until(now) == until


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_what_is_settled_never_comes_undone(name):
    moments = [NOW + timedelta(hours=7 * step) for step in range(200)]
    settled = [INTEGRATIONS[name].settled_until(moment) for moment in moments]
    assert settled == sorted(settled)
    assert all(until <= moment for until, moment in zip(settled, moments, strict=True))


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_the_oldest_day_is_the_oldest_that_needs_no_note(name):
    oldest = INTEGRATIONS[name].oldest_day(NOW)
    if oldest is None:
        return
    query = UsageQuery(integrated_account_id="a")
    assert not plan(query, INTEGRATIONS[name], Period.parse(oldest), now=NOW).notes
    before = plan(query, INTEGRATIONS[name], Period.parse(oldest - timedelta(days=1)), now=NOW)
    assert str(INTEGRATIONS[name].keeps_days) in before.notes[0]


def test_what_is_kept_for_ever_has_no_oldest_day():
    assert INTEGRATIONS["cursor"].oldest_day(NOW) is None
    assert INTEGRATIONS["openai_codex"].oldest_day(NOW) == date(2026, 8, 25)


@pytest.mark.parametrize("name", ["Claude", "anthropic", " CLAUDE ", "OpenAI", "openai-codex", "codex", "Data Dog"])
def test_names_as_people_write_them(name):
    known = integration_named(name)
    assert (known is None) == (name == "Data Dog")


OFFERED = {
    place: [name for name in vars(asked) if not name.startswith("_")]
    for place, asked in {"sandbox": SandboxVendor, "raw": RawVendor}.items()
}


def module(name):
    """A module of the package, or None where there is none."""
    name = f"truto_usage_nb.{name}"
    try:
        found = name in sys.modules or find_spec(name) is not None
    except ModuleNotFoundError:
        return None
    return import_module(name) if found else None


def lacking(name, root):
    """What a vendor lacks, by the name of the place where it belongs."""
    facts, missing = module(f"vendors.{name}.facts"), []
    if getattr(facts, "FACTS", None) is None or facts.FACTS.name != name:
        missing.append(f"vendors/{name}/facts.py: FACTS, an Integration named {name!r}")
    if name not in INTEGRATIONS or INTEGRATIONS[name] is not getattr(facts, "FACTS", None):
        missing.append("integrations.py: its FACTS")
    if module(f"vendors.{name}.mapping") is None:
        missing.append(f"vendors/{name}/mapping.py")
    offered = VENDORS.get(name)
    if lacks := [each for each in OFFERED["sandbox"] if not hasattr(offered, each)]:
        missing.append(f"sandbox/vendors/{name}: {', '.join(lacks)}")
    raw = module(f"sandbox.vendors.{name}.raw")
    if lacks := [each for each in OFFERED["raw"] if not hasattr(raw, each)]:
        missing.append(f"sandbox/vendors/{name}/raw.py: {', '.join(lacks)}")
    if name not in {account.integration for account in ACCOUNTS}:
        missing.append("sandbox/company.py: an account")
    if name not in direct_vendors.DIRECT_VENDORS or direct_vendors.vendor_named(name).name != name:
        missing.append(f"direct/vendors/{name}.py: VENDOR, and its name in NAMES")
    if not list((root / "tests" / "sandbox" / "fixtures" / name).glob("*.json")):
        missing.append(f"tests/sandbox/fixtures/{name}: documented rows")
    return missing


def contradicting(known):
    """What in the facts of an integration names something that does not exist."""
    names, said = {each.name for each in known.series}, []
    orders = [order for each in known.choices for order in (each.order, *each.by.values())]
    for place, given in {
        "choices": {name for order in orders for name in order},
        "counted": {*known.counted, *known.counted_by_person},
        "shapes": {getattr(known.shapes, each) for each in known.shapes.__slots__} - {None} if known.shapes else set(),
    }.items():
        said += [f"{place} name {each!r}, which is no series" for each in sorted(given - names)]
    said += [f"honours {each!r}, which is no parameter" for each in sorted(known.honours - set(PARAMETERS))]
    views = {view for view, _ in (*known.default_views, *known.user_views)} | known.range_long
    said += [f"asks for {each!r}, which is no report type" for each in sorted(views - set(REPORT_TYPES))]
    if known.cycle == "person" and not (known.of_basis("running total") and known.of_basis("bill")):
        said.append("a person's cycle is checked by its events: it needs a running total and a bill")
    return said


REPORT_TYPES = PARAMETERS["report_type"].allowed
PACKAGES = {each.name for each in iter_modules(vendors.__path__) if each.ispkg}
NAMED = sorted({*INTEGRATIONS, *PACKAGES, *VENDORS, *direct_vendors.DIRECT_VENDORS})


@pytest.mark.parametrize("name", NAMED)
def test_a_vendor_lacks_nothing(name, root):
    assert lacking(name, root) == []


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_what_is_known_of_a_vendor_does_not_contradict_itself(name):
    assert contradicting(INTEGRATIONS[name]) == []


ACME = Integration(
    name="acme",
    label="Acme",
    honours=SERVICE_PARAMETERS | {"start_date", "end_date", "model_ids"},
    window=Window("range", days=7),
    keeps_days=100,
    late=timedelta(hours=1),
    series=Series.of("bill", ("use", "money tokens", "A use and its cost."), ("cost", "money", "The same by month.")),
    choices=(SeriesChoice("money", ("use", "cost"), "the month adds the uses up"),),
    shapes=Shapes("use", "use"),
    total_means="list",
    service=FocusService("Acme Inc.", "Acme Cloud", "Databases", "Relational Databases"),
    beyond="the seats",
)


def test_what_an_invented_vendor_lacks_is_said_by_name(root, monkeypatch):
    assert lacking("acme", root) == [
        "vendors/acme/facts.py: FACTS, an Integration named 'acme'",
        "integrations.py: its FACTS",
        "vendors/acme/mapping.py",
        "sandbox/vendors/acme: MAX_PAGE, DEFAULT_PAGE, NUMBERED, RATE_LIMIT, products, raw_rows, unify, request, "
        "answer_key",
        "sandbox/vendors/acme/raw.py: KEYS, ROUTES, admit, error",
        "sandbox/company.py: an account",
        "direct/vendors/acme.py: VENDOR, and its name in NAMES",
        "tests/sandbox/fixtures/acme: documented rows",
    ]
    facts = ModuleType("truto_usage_nb.vendors.acme.facts")
    facts.FACTS = ACME
    monkeypatch.setitem(sys.modules, facts.__name__, facts)
    monkeypatch.setitem(INTEGRATIONS, "acme", ACME)
    monkeypatch.setitem(VENDORS, "acme", SimpleNamespace(**dict.fromkeys(OFFERED["sandbox"][:-1])))
    assert lacking("acme", root)[:2] == ["vendors/acme/mapping.py", "sandbox/vendors/acme: answer_key"]


def test_what_is_known_of_an_invented_vendor_is_held_against_itself():
    typed = SeriesChoice("money", ("use", "spent"), "a typing error")
    assert contradicting(ACME) == []
    wrong = {
        "choices": (typed,),
        "honours": SERVICE_PARAMETERS | {"regions"},
        "cycle": "person",
        "counted": ("usages",),
    }
    fields = {each: getattr(ACME, each) for each in ACME.__slots__}
    assert contradicting(Integration(**(fields | wrong))) == [
        "choices name 'spent', which is no series",
        "counted name 'usages', which is no series",
        "honours 'regions', which is no parameter",
        "a person's cycle is checked by its events: it needs a running total and a bill",
    ]


@pytest.fixture
def acme(monkeypatch):
    """A service with an account of the invented vendor, of which the library knows its facts alone."""
    monkeypatch.setitem(INTEGRATIONS, "acme", ACME)

    def charge(record):
        hour = int(record["id"].rpartition("-")[2]) % 3
        money = {"charges": charged(total=10.0, discount=-2.0)} if hour == 0 else {"charges": []}
        return {"product": {"id": "db", "name": "Database"}, "user": {"email": "ann@example.com"}, **money}

    vendor = Vendor({"acme-1": "acme"}, more=charge)
    return vendor, client(vendor)


def test_an_invented_vendor_loads_in_its_own_windows(acme):
    vendor, asking = acme
    usage = asking.load_usage("acme-1", period=("2026-10-01", "2026-10-11"))
    days = [(asked["start_date"], asked["end_date"]) for asked in vendor.asked if "next_cursor" not in asked]
    assert sorted(days) == [("2026-10-01", "2026-10-08"), ("2026-10-08", "2026-10-11")]
    assert usage["integration"].unique().to_list() == ["acme"]
    assert usage.height == 30


def test_an_invented_vendor_costs_by_its_own_rule(acme):
    usage = acme[1].load_usage("acme-1", period="2026-10-05")
    # three records, one of which is charged: its total is the list price, so 10 - 2 are billed
    assert tu.with_costs(usage).select("cost_billed", "cost_list").sum().row(0) == (8.0, 10.0)
    assert tu.cost_per(usage, "integration").select("integration", "cost").row(0) == ("acme", 8.0)
    assert tu.cost_per(usage, "integration", keep={"acme": {"money": "use"}})["cost"].to_list() == [8.0]
    per_token = tu.cost_per_token(usage, by="product_name")
    assert per_token.select("cost", "product_name").row(0) == (8.0, "Database")
    billed = tu.cost_per(usage, "integration", total_means={"acme": "billed"})
    assert billed["cost"].to_list() == [10.0]


def test_an_invented_vendor_is_answered_for(acme):
    usage = acme[1].load_usage("acme-1", period="2026-10-05")
    bill = pl.DataFrame({"integration": "Acme", "month": "2026-10", "currency": "USD", "amount": 9.5})
    row = tu.reconcile(usage, bill).row(0, named=True)
    assert (row["expected"], row["difference"], row["cannot_know"]) == (8.0, 1.5, "the seats")
    roster = pl.DataFrame({"integration": ["acme"], "email": ["bob@example.com"]})
    seats = tu.seats(usage, roster, {"acme": (5, "USD")})
    assert seats.filter(email="bob@example.com")["idle_cost"].to_list() == [5.0]
    assert tu.coverage(usage).accounts["days_held"].to_list() == [1]


def test_an_invented_vendor_goes_into_a_focus_export(acme):
    usage = acme[1].load_usage("acme-1", period="2026-10-05")
    with pytest.warns(UsageWarning, match="tokens of acme-1 have no price"):  # which are told, and no row
        rows = tu.to_focus(usage)
    named = rows.select("ServiceName", "ServiceCategory", "x_Integration").unique().rows()
    assert named == [("Acme Cloud", "Databases", "acme")]
    assert rows["BilledCost"].cast(pl.Float64).sum() == 8.0


def test_an_invented_vendor_of_the_sandbox_is_served(acme, monkeypatch):
    """A vendor in the place of a package, an account of the company's, and its label: no more."""

    def unify(raw, ask):
        money = charged(total=raw.row["dollars"], discount=-1.0)
        return [{"id": raw.row["id"], "start_date": ask.start_date, "end_date": ask.start_date, "charges": money}]

    vendor = SimpleNamespace(
        MAX_PAGE=100, DEFAULT_PAGE=2, NUMBERED=False, RATE_LIMIT="60;w=60", unify=unify,
        products=lambda account: [{"id": "db", "name": "Database"}],
        raw_rows=lambda ask: iter(Raw({"id": f"row-{n}", "dollars": 1.0 + n}, "/v1/rows") for n in range(5)),
    )  # fmt: skip
    account = replace(ACCOUNTS[0], id="acme-2", integration="acme", label="Acme")
    monkeypatch.setitem(VENDORS, "acme", vendor)
    monkeypatch.setitem(LISTED, "acme", ("Acme", "databases"))
    monkeypatch.setattr(service, "ACCOUNTS", (*ACCOUNTS, account))
    asking = tu.sandbox()
    assert asking.list_products("acme-2")["name"].to_list() == ["Database"]
    assert "acme-2" in asking.list_accounts()["id"].to_list()
    usage = asking.load_usage("acme-2", period="2026-10-05")
    # 1 + 2 + 3 + 4 + 5 at list price, on three pages, less a dollar each
    assert tu.with_costs(usage).select("cost_list", "cost_billed").sum().row(0) == (15.0, 10.0)


def test_an_invented_vendor_is_in_form_and_command_line(acme, capsys):
    form = tu.QueryForm(acme[1], accounts=["acme-1"], period="2026-10-05")
    form.wait()
    assert "tu.load_usage" in form.code
    assert not form.fields["model_ids"].control.disabled
    assert form.fields["granularity"].control.disabled
    form.close()
    assert ignored([PARAMETERS["granularity"]], ["acme"]) == {"Acme": ("granularity",)}
    with pytest.raises(SystemExit):
        parser().parse_args(["load", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "datadog, acme" in shown
    assert "Only these models. [claude, acme]" in shown
