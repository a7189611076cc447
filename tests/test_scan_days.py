"""A dataset from before a period asked Claude for days: gone on with under its own names, and never twice."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import truto_usage_nb as tu
from tests.earlier_for_tests import figures, unpacked
from tests.vendor_for_tests import Vendor, client, day, expected
from truto_usage_nb.dataset.files import Disk
from truto_usage_nb.dataset.journal import read_journal
from truto_usage_nb.dataset.scanning import tasks_of, views_in, views_of
from truto_usage_nb.dataset.staging import WindowTask
from truto_usage_nb.dataset.store import Store
from truto_usage_nb.errors import hearing
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.jobs import labelled_queries
from truto_usage_nb.planning import Period
from truto_usage_nb.sandbox.app import create_app
from truto_usage_nb.sandbox.mount import BASE_URL, SandboxTransport

SANDBOX_NOW = datetime(2026, 11, 23, tzinfo=UTC)
CONSOLE, DAYS = "claude-console", ("2026-10-05", "2026-10-07")
GROUPED = ("product", "surface", "model")
BEHIND = {CONSOLE: INTEGRATIONS["claude"]}
BEFORE = {"bf027a60", "23fe53d9"}
"""The names of the usage and the cost view in `sandbox.tar.xz`, which holds both whole, final and without a width."""


class Sandbox:
    """The embedded service behind a plain client; `asked()` gives what was asked for usage since the last call."""

    def __init__(self):
        self.app = create_app()
        self.client = tu.Client(
            "sandbox-token", base_url=BASE_URL, transport=SandboxTransport(self.app), clock=lambda: SANDBOX_NOW
        )

    def scan(self, directory, period, what=CONSOLE, **options):
        with hearing():
            return self.client.scan_usage(what, directory, period=period, **options).collect()

    def asked(self):
        seen = [dict(each.pairs) for each in self.app.state.service.seen if each.path.endswith("/usage")]
        self.app.state.service.seen.clear()
        return [(each["report_type"], each["start_date"], each["end_date"], each.get("granularity")) for each in seen]


@pytest.fixture
def sandbox():
    return Sandbox()


@pytest.fixture
def earlier(tmp_path):
    return unpacked("sandbox", tmp_path)


def names(directory):
    """Give the names of Claude's views in a dataset."""
    return {each.view for each in read_journal(directory).windows if each.account == CONSOLE}


def claude(frame):
    """Give Claude's records in a stable order, but for the query, which is another for windows of earlier versions."""
    rows = frame.filter(integration="claude").sort("report_type", "id", "start_date")
    return rows.drop("query_id", "overhangs_period", strict=False).to_dicts()


def loaded(sandbox, period, **options):
    with hearing():
        return sandbox.client.load_usage(CONSOLE, period=period, **options)


def test_the_default_goes_on_with_what_is_there_and_asks_for_days(sandbox, earlier):
    assert names(earlier) == BEFORE
    assert figures(sandbox.scan(earlier, DAYS))["records"] == 54  # 25 of usage, 29 of cost: nothing is asked for
    assert sandbox.asked() == []
    longer = sandbox.scan(earlier, ("2026-10-01", "2026-10-10"))
    assert set(sandbox.asked()) == {
        (report, *window, "day")
        for report in ("usage", "cost")
        for window in (("2026-10-01", "2026-10-05"), ("2026-10-07", "2026-10-10"))
    }
    assert names(earlier) == BEFORE
    assert claude(longer) == claude(loaded(sandbox, ("2026-10-01", "2026-10-10")))
    kept = tu.read_usage(earlier)
    assert claude(kept) == claude(longer)  # on disk each stands once, too
    with hearing():
        cost = tu.total_cost(loaded(sandbox, ("2026-10-01", "2026-10-10")))
        assert (
            tu.total_cost(longer)
            == pytest.approx(cost)
            == pytest.approx(tu.total_cost(kept.filter(integration="claude")))
        )


def test_days_that_are_asked_for_by_name_take_the_place_of_what_was_asked_without(sandbox, earlier):
    frame = sandbox.scan(earlier, DAYS, granularity="day")
    assert set(sandbox.asked()) == {("usage", *DAYS, "day"), ("cost", *DAYS, "day")}
    assert names(earlier) == BEFORE
    by_day = loaded(sandbox, DAYS)
    assert set(frame["query_id"]) == set(by_day["query_id"])
    assert claude(frame) == claude(tu.read_usage(earlier)) == claude(by_day)
    sandbox.asked()
    sandbox.scan(earlier, DAYS, granularity="day")
    sandbox.scan(earlier, DAYS)
    assert sandbox.asked() == []


def test_hours_are_another_question(sandbox, earlier):
    hours = sandbox.scan(earlier, "2026-10-05", granularity="hour")
    assert hours.height > 100
    assert names(earlier) > BEFORE
    assert figures(sandbox.scan(earlier, DAYS))["records"] == 54
    assert {each[3] for each in sandbox.asked()} == {"hour"}


@pytest.mark.parametrize("order", [({}, {"granularity": "day"}), ({"granularity": "day"}, {})])
@pytest.mark.parametrize("users", [False, True])
def test_in_a_new_dataset_the_default_and_days_by_name_are_one_question(sandbox, tmp_path, order, users):
    first, second = order
    frame = sandbox.scan(tmp_path, DAYS, users=users, **first)
    assert len(sandbox.asked()) > 0
    again = sandbox.scan(tmp_path, DAYS, users=users, **second)
    assert sandbox.asked() == []
    assert again.equals(frame)
    assert frame.equals(loaded(sandbox, DAYS, users=users))
    assert len(list(Path(tmp_path, "records").rglob("*.parquet"))) == 2  # usage and cost, or those by user


def test_the_same_question_twice_in_one_call_is_answered_once(sandbox, tmp_path):
    view = {"integrated_account_id": CONSOLE, "report_type": "cost"}
    both = [tu.UsageQuery(**view), tu.UsageQuery(**view, granularity="day")]
    frame = sandbox.scan(tmp_path, DAYS, both)
    assert frame.height == 2  # ungrouped: a record a day
    assert tu.read_usage(tmp_path).height == 2
    assert len(sandbox.asked()) == 1


def test_a_dataset_that_holds_both_keeps_each_to_its_own_question(sandbox, earlier):
    """As an earlier version left it where days were said once, and once not."""
    store = Store(earlier, read_journal(earlier).types, Disk())
    (by_name,) = views_of(
        labelled_queries(CONSOLE, {"report_type": "usage", "granularity": "day", "group_by": GROUPED}),
        BEHIND,
        users=False,
    )
    held = next(each for each in store.journal.windows if each.view == "bf027a60")
    query = json.dumps({**json.loads(held.query), "granularity": "day"})
    again = begun(store, by_name.name, query)
    assert {each.name for each in views_in(store, [by_name])} == {by_name.name}
    grouped = labelled_queries(CONSOLE, {"report_type": "usage", "group_by": GROUPED})
    (by_default,) = views_of(grouped, BEHIND, users=False)
    assert [each.name for each in views_in(store, [by_default])] == ["bf027a60"]
    (task,) = tasks_of(views_in(store, [by_name])[0], Period.parse(DAYS), SANDBOX_NOW, store, None)
    assert task.begun is again


def begun(store, view, query):
    """Begin a window as its first page does."""
    window = Period.parse(DAYS)
    return store.begin(
        WindowTask(
            view=view, account=CONSOLE, report_type="usage", start=window.start, end=window.end, settled=True,
            query=query, records_per_page=None, fetched_at=SANDBOX_NOW, attempt="0123456789ab",
        )
    )  # fmt: skip


@pytest.mark.parametrize("said", [{}, {"granularity": "day"}])
def test_a_window_that_was_begun_is_gone_on_with_as_it_was_asked(tmp_path, said):
    store = Store(tmp_path / "new", read_journal(unpacked("sandbox", tmp_path)).types, Disk())
    undivided = tu.UsageQuery(
        integrated_account_id=CONSOLE, report_type="usage", group_by=GROUPED, start_date=DAYS[0], end_date=DAYS[1]
    )
    half = begun(store, "bf027a60", json.dumps(undivided.given()))
    found = labelled_queries(CONSOLE, {"report_type": "usage", "group_by": GROUPED, **said})
    (view,) = views_in(store, views_of(found, BEHIND, users=False))
    assert view.name == "bf027a60"
    (task,) = tasks_of(view, Period.parse(DAYS), SANDBOX_NOW, store, None)
    if said:  # whoever says days gets no page of something else
        assert (task.begun, task.job.query.granularity) == (None, "day")
        assert store.begun == {}
    else:
        assert task.begun is half
        assert task.job.query == undivided.replace(truto_ignore_remote_data=True)


def test_other_vendors_keep_their_names(tmp_path):
    vendor = Vendor({"c": "cursor"})
    with hearing():
        client(vendor).scan_usage("c", tmp_path, period="2026-10")
        plain = {each.view for each in read_journal(tmp_path).windows}
        client(vendor).scan_usage("c", tmp_path, period="2026-10", granularity="day")
    assert plain == {"eb9141ea"}
    assert {each.view for each in read_journal(tmp_path).windows} > plain
    assert tu.read_usage(tmp_path).height == len(expected("c", day(10, 1), day(11, 1)))
