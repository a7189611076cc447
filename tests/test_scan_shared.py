"""A record that several windows bring, or another than its own, counts once: on disk, in a scan, and as in a load."""

import json
from datetime import timedelta
from pathlib import Path

import duckdb
import httpx
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.vendor_for_tests import NOW, client, moment
from truto_usage_nb.bridge import run
from truto_usage_nb.dataset import Scanner
from truto_usage_nb.dataset.files import Disk
from truto_usage_nb.errors import DatasetError, hearing

SUMMER = ("2026-08-01", "2026-11-01")


class Service(httpx.AsyncBaseTransport):
    """Answer each window with what `answer(start, end)` gives, three records a page."""

    def __init__(self, answer, integration="confluent"):
        self.answer, self.integration, self.asked = answer, integration, []

    async def handle_async_request(self, request):
        if request.url.path.startswith("/integrated-account/"):
            return httpx.Response(200, json={"id": "x", "integration": {"name": self.integration}})
        params = dict(request.url.params.multi_items())
        self.asked.append(params)
        start = moment(params.get("date") or params["start_date"])
        end = start + timedelta(days=1) if "date" in params else moment(params["end_date"])
        found, at = self.answer(start, end), int(params.get("next_cursor", "0"))
        following = str(at + 3) if at + 3 < len(found) else None
        return httpx.Response(200, json={"result": found[at : at + 3], "next_cursor": following})


def row(name, start, end=None, amount=1, **more):
    charge = {"type": "net", "amount": amount, "currency": "USD"}
    return {"id": name, "start_date": start, "end_date": end or start, "charges": [charge], **more}


def local_days(start, end):
    """Give a row a day of a zone two hours ahead of UTC: each begins on the evening before."""
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    return [
        row(f"{day:%m-%d}", f"{day:%Y-%m-%d}T00:00:00+02:00", f"{day + timedelta(days=1):%Y-%m-%d}T00:00:00+02:00")
        for day in days
    ]


def scanned(service, directory, period, **options):
    with hearing() as said:
        frame = client(service).scan_usage("a", directory, period=period, **options).collect()
    return frame, said


def loaded(service, period, **options):
    with hearing() as said:
        frame = client(service).load_usage("a", period=period, **options)
    return frame, said


def rows(frame):
    return sorted(json.dumps(each, default=str, sort_keys=True) for each in frame.to_dicts())


def on_disk(directory):
    """Give what a reader sees that knows nothing of us."""
    files = str(Path(directory, "records", "**", "*.parquet"))
    return sorted(id for (id,) in duckdb.sql(f"select id from read_parquet('{files}')").fetchall())


def check(service, directory, period):
    """A scan, and the next one, which asks nothing, give what a load gives, and say the same."""
    want, told = loaded(service, period)
    for _ in range(2):
        frame, said = scanned(service, directory, period)
        assert rows(frame) == rows(want)
        assert set(said) == set(told)
        service.asked.clear()
    assert scanned(service, directory, period)[0].height == want.height
    assert not service.asked
    return want, told


@pytest.mark.parametrize("integration", ["confluent", "cursor", "openai_codex", "claude", "datadog"])
def test_day_rows_of_another_zone_are_all_there(tmp_path, integration):
    def answer(start, end):
        start = start.replace(hour=0)
        last = {"cursor": timedelta(milliseconds=1), "datadog": timedelta(days=1)}.get(integration, timedelta(0))
        return local_days(start, end + last)

    service = Service(answer, integration)
    frame, said = scanned(service, tmp_path, SUMMER, report_type="usage" if integration == "claude" else None)
    assert frame.height == frame["id"].n_unique() == 31 + 30 + 31
    assert frame["charges_net"].sum() == 92.0
    assert frame.filter("overhangs_period")["id"].to_list() == ["08-01"]  # from 22:00 on 31 July
    assert not any("left out" in text for text in said)
    assert on_disk(tmp_path) == sorted(frame["id"])
    kept = tu.read_usage(tmp_path)
    assert sorted(kept["id"]) == sorted(frame["id"])
    again, _ = scanned(service, tmp_path, SUMMER, report_type="usage" if integration == "claude" else None)
    assert again.equals(frame)
    with hearing():
        held = tu.coverage(frame.filter(~pl.col("overhangs_period")))
    assert held.accounts["records"].sum() == 91


def test_a_scan_of_a_part_gives_what_a_load_of_it_gives_whatever_else_is_held(tmp_path):
    service = Service(local_days)
    check(service, tmp_path, "2026-09")
    check(service, tmp_path, SUMMER)
    want, _ = check(service, tmp_path, "2026-09")
    assert want["id"].to_list()[0] == "09-01"  # it starts on 31 August, and August did not bring it
    assert want["overhangs_period"].sum() == 1


EVERYTHING = [
    row("june", "2026-06-10", amount=5),
    row("late july", "2026-07-31", "2026-08-02", amount=7),
    *(row(f"{month}", f"2026-{month:02}-15") for month in (8, 9, 10)),
    row("november", "2026-11-02", amount=9),
]


@pytest.mark.parametrize("integration", ["confluent", "claude", "cursor"])
def test_a_service_that_ignores_the_dates_is_told_and_each_record_stands_once(tmp_path, integration):
    service = Service(lambda *_: EVERYTHING, integration)
    frame, said = scanned(service, tmp_path, SUMMER, report_type="cost" if integration == "claude" else None)
    assert sorted(frame["id"]) == ["10", "8", "9", "late july"]
    assert frame.filter("overhangs_period")["id"].to_list() == ["late july"]
    (cut,) = [text for text in said if "left out" in text]
    assert cut.startswith("2 records of a ($14.00) outside the period (2026-08-01 to 2026-11-01")  # 5 + 9
    assert sorted(tu.read_usage(tmp_path)["id"]) == on_disk(tmp_path) == sorted(frame["id"])
    if integration != "claude":
        check(service, tmp_path, SUMMER)


def test_nothing_but_records_outside_the_period_is_no_silence(tmp_path):
    service = Service(lambda *_: [row("x", "2026-01-05", amount=3), row("y", "2026-01-06")])
    frame, said = scanned(service, tmp_path, SUMMER)
    assert frame.is_empty()
    assert [text for text in said if "left out" in text] == [
        "2 records of a ($4.00) outside the period (2026-08-01 to 2026-11-01 (UTC, end excluded)) were left out: "
        "the service answered with more than was asked"
    ]
    assert tu.read_usage(tmp_path).is_empty()
    frame, said = scanned(service, tmp_path, ("2026-01-01", "2026-11-01"))
    assert (frame["charges_net"].sum(), [text for text in said if "left out" in text]) == (4.0, [])
    assert on_disk(tmp_path) == ["x", "y"]


def test_the_newest_of_what_two_windows_say_stands_and_is_told(tmp_path):
    def answer(start, end):
        old = row("x", "2026-08-31", amount=1, updated_at="2026-09-01")
        new = row("x", "2026-08-31", amount=4, updated_at="2026-09-05")
        return {8: [old], 9: [new], 10: [old]}[start.month]

    frame, said = scanned(Service(answer), tmp_path, SUMMER)
    assert frame["charges_net"].to_list() == [4.0]
    assert scanned(Service(answer), tmp_path, "2026-08")[0]["charges_net"].to_list() == [1.0]  # as a load of August
    assert any("1 of them had other figures before ($1.00, now $4.00)" in text for text in said)
    assert tu.read_usage(tmp_path)["charges_net"].to_list() == [4.0]
    assert on_disk(tmp_path) == ["x"]
    check(Service(answer), tmp_path, SUMMER)


def test_records_without_a_start_stand_once_though_each_window_brings_them(tmp_path):
    dateless = {"id": "d", "charges": [{"type": "net", "amount": 2, "currency": "USD"}]}
    service = Service(lambda start, _: [dateless, row(f"{start.month}", f"2026-{start.month:02}-03")])
    want, _ = check(service, tmp_path, SUMMER)
    assert sorted(want["id"]) == ["10", "8", "9", "d"] == on_disk(tmp_path)


def test_a_newer_copy_that_a_window_no_longer_brings_gives_way_to_the_older(tmp_path):
    world = {23: [row("x", "2026-11-22", amount=4, updated_at="2026-11-23")]}
    world[22] = [row("x", "2026-11-22", amount=1, updated_at="2026-11-22")]
    service, period = Service(lambda start, _: world.get(start.day, []), "openai_codex"), ("2026-11-21", "2026-11-24")
    assert scanned(service, tmp_path, period)[0]["charges_net"].to_list() == [4.0]
    assert on_disk(tmp_path) == ["x"]
    world[23] = [row("y", "2026-11-23")]
    want, _ = loaded(service, period)
    assert rows(scanned(service, tmp_path, period)[0]) == rows(want)
    assert on_disk(tmp_path) == sorted(want["id"]) == ["x", "y"]


def test_a_window_that_is_fetched_anew_takes_back_what_it_brought(tmp_path):
    """The figures of the 23rd, today's, are not final: the same window may bring other records, or none of another."""
    world = {"extra": [row("x", "2026-11-21T23:00:00Z")]}

    def answer(start, _):
        return [row(f"{start:%d}", f"{start:%Y-%m-%d}"), *(world["extra"] if start.day == 23 else [])]

    service, period = Service(answer, "openai_codex"), ("2026-11-20", "2026-11-24")
    for extra in ([1], [], [3], [2, 2], []):
        world["extra"] = [row(f"x{n}", "2026-11-21T23:00:00Z", amount=each) for n, each in enumerate(extra)]
        frame, _ = scanned(service, tmp_path, period)
        assert sorted(frame["id"]) == ["20", "21", "22", "23", *(f"x{n}" for n in range(len(extra)))]
        assert frame["charges_net"].sum() == 4 + sum(extra)
        assert on_disk(tmp_path) == sorted(tu.read_usage(tmp_path)["id"]) == sorted(frame["id"])


DAYS = st.integers(1, 6)
names = st.sampled_from("abcd")


@st.composite
def worlds(draw):
    """Give what each day of a week brings: records of any day, some of them under one key, some newer than others."""
    made = {}
    for day in range(1, 7):
        made[day] = [
            row(
                draw(names), f"2026-10-{draw(st.integers(1, 7)):02}T{draw(st.sampled_from(['00', '22']))}:00:00Z",
                amount=draw(st.integers(1, 2)), updated_at=draw(st.sampled_from([None, "2026-10-20", "2026-10-21"])),
            )
            for _ in range(draw(st.integers(0, 2)))
        ]  # fmt: skip
    order = draw(st.lists(st.tuples(DAYS, DAYS), max_size=2))
    return made, [(min(pair), max(pair)) for pair in order]


@pytest.mark.drill
@settings(max_examples=15, deadline=None)
@given(worlds())
def test_whatever_days_bring_a_scan_holds_what_a_load_holds_in_whatever_order_it_came(tmp_path_factory, world):
    made, order = world
    service = Service(lambda start, _: made.get(start.day, []), "openai_codex")
    directory = tmp_path_factory.mktemp("scan")
    for first, last in [*order, (1, 6)]:
        period = (f"2026-10-{first:02}", f"2026-10-{last + 1:02}")
        want, told = loaded(service, period)
        frame, said = scanned(service, directory, period)
        assert rows(frame) == rows(want)
        assert set(said) == set(told)
    kept = tu.read_usage(directory)
    assert rows(kept) == rows(want.drop("overhangs_period"))
    if kept.height:
        assert on_disk(directory) == sorted(kept["id"])


class Killed(BaseException):
    """Stand for SIGKILL."""


class MortalDisk(Disk):
    def __init__(self, steps):
        self.steps = steps

    def _step(self):
        if self.steps <= 0:
            raise Killed
        self.steps -= 1

    def place(self, path, write):
        self._step()
        return super().place(path, write)

    def move(self, path, to):
        self._step()
        super().move(path, to)

    def remove(self, path):
        self._step()
        super().remove(path)


def scan_until(service, directory, steps, period):
    with client(service, concurrency=1) as asking:
        scanner = Scanner(asking._transport, lambda: NOW, asking._integrations, disk=MortalDisk(steps))
        with hearing():
            run(scanner.scan("a", directory, period=period))


@pytest.mark.drill
def test_a_scan_that_is_killed_at_any_step_counts_nothing_twice_and_ends_the_same(tmp_path):
    def answer(start, _):
        evening = start - timedelta(hours=2)
        following = start + timedelta(hours=22)
        return [row(f"{at:%d}", at.isoformat()) for at in (evening, following)]  # each is the next day's as well

    period, service = ("2026-10-02", "2026-10-05"), Service(answer, "openai_codex")
    want, _ = loaded(service, period)
    assert sorted(want["id"]) == ["02", "03", "04"]
    finished, steps = False, 0
    while not finished:
        directory = tmp_path / str(steps)
        try:
            scan_until(service, directory, steps, period)
            finished = True
        except Killed:
            pass
        if list(directory.rglob("records/**/*.parquet")):
            held = on_disk(directory)
            assert len(held) == len(set(held))
        frame, _ = scanned(service, directory, period)
        assert rows(frame) == rows(want), steps
        assert on_disk(directory) == sorted(want["id"])
        assert not [*directory.rglob("*.part"), *directory.rglob("*.new"), *directory.rglob("*.page")]
        assert len(list(directory.rglob("beside/**/*.parquet"))) == 3
        steps += 1
    assert steps > 15


def test_a_journal_says_what_stands_beside(tmp_path):
    service = Service(lambda *_: EVERYTHING)
    scanned(service, tmp_path, SUMMER)
    beside = sorted(tmp_path.rglob("beside/**/*.parquet"))
    assert sum(pl.read_parquet(path).height for path in beside) == 3 * len(EVERYTHING) - 4
    beside[0].write_bytes(beside[0].read_bytes()[:-9])
    with pytest.raises(DatasetError, match="is damaged"):
        tu.read_usage(tmp_path)
