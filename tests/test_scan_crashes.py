"""A scan that ends at any step on disk, as if killed: what is there is whole, and the next call completes it."""

from contextlib import suppress
from datetime import timedelta
from functools import cache
from itertools import product
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.vendor_for_tests import NOW, Vendor, client, day
from truto_usage_nb.bridge import run
from truto_usage_nb.dataset import Scanner, read_dataset
from truto_usage_nb.dataset.files import Disk
from truto_usage_nb.errors import DatasetError, hearing

pytestmark = pytest.mark.drill

MODES = ("before", "half", "after")


class Killed(BaseException):
    """Stand for SIGKILL: nothing in the library may catch it."""


class MortalDisk(Disk):
    """Do `steps` steps, die at the next one in one of three ways, and do nothing ever after."""

    def __init__(self, steps, mode="before"):
        self.steps, self.mode, self.done = steps, mode, 0

    def place(self, path, write):
        self._may_die("before")
        if self._dies("half"):
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{path.name}.part")
            write(half)
            half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
            raise Killed
        size = super().place(path, write)
        self._may_die("after")
        self.done += 1
        return size

    def move(self, path, to):
        self._may_die("before")
        super().move(path, to)
        self._may_die("after")
        self._may_die("half")
        self.done += 1

    def remove(self, path):
        self._may_die("before")
        super().remove(path)
        self._may_die("after")
        self._may_die("half")
        self.done += 1

    def _dies(self, mode):
        return self.done > self.steps or (self.done == self.steps and mode == self.mode)

    def _may_die(self, mode):
        if self._dies(mode):
            self.done = self.steps + 1
            raise Killed


# Four calls: a week that is final; the last days, which are not, with a field of their own; the same days hours later,
# the field widened; and everything with texts in it, so that every file is written again.
CALLS = (
    (("2026-11-03", "2026-11-05"), NOW, None),
    (("2026-11-21", "2026-11-24"), NOW, lambda n: n),
    (("2026-11-21", "2026-11-24"), NOW + timedelta(hours=9), lambda n: n + 0.5),
    (("2026-11-01", "2026-11-06"), NOW + timedelta(hours=9), lambda n: f"n{n}"),
)


def scan(call, directory, disk):
    period, now, score = call
    vendor = Vendor({"c": "cursor"}, per_page=3)
    if score is not None:
        vendor.more = lambda record: {"score": score(int(record["id"].split("-")[1]))}
    asking = client(vendor, now=now)
    scanner = Scanner(asking._transport, asking.now, asking._integrations, None, disk)
    with hearing():
        return run(scanner.scan("c", directory, period=period)).collect()


def seen(directory):
    """Give what a reader that knows nothing of the journal sees: ids, once each."""
    paths = list(Path(directory, "records").rglob("*.parquet"))
    ids = [one for path in paths for one in pl.read_parquet(path, columns=["id"])["id"].to_list()]
    assert len(ids) == len(set(ids)), "a record stands in two files"
    return paths, set(ids)


@cache
def undisturbed():
    """Give how many steps each call takes, what it gives, and what is there after it."""
    with TemporaryDirectory() as directory:
        found = []
        for call in CALLS:
            disk = MortalDisk(10**6)
            found.append((scan(call, directory, disk), disk.done, seen(directory)[1]))
    return found


def drill(deaths):
    """Make the calls one after the other, the first ones dying as told, until each has come to its end."""
    deaths = iter(deaths)
    with TemporaryDirectory() as directory:
        before = set()
        for call, (frame, steps, after) in zip(CALLS, undisturbed(), strict=True):
            while (death := next(deaths, None)) is not None:
                place, mode = death
                with suppress(Killed):  # what is left to do may take fewer steps
                    scan(call, directory, MortalDisk(min(place, steps - 1), mode))
                _, ids = seen(directory)
                assert before <= ids <= after, "a record that was there is gone, or one that is not whole is there"
                readable(directory)
                if place % 2:
                    break
            assert scan(call, directory, MortalDisk(10**6)).equals(frame)
            paths, before = seen(directory)
            assert before == after
            assert len({tuple(pl.read_parquet_schema(path).items()) for path in paths}) == 1
            assert not list(Path(directory, "pages").rglob("*.page"))


def readable(directory):
    """A reader sees what is committed, or is told to scan again; never anything else."""
    if not Path(directory, "journal.json").exists():
        return
    told = ""
    try:
        read = read_dataset(Path(directory)).collect()
    except DatasetError as problem:
        told = str(problem)
    else:
        assert read["id"].is_unique().all()
    assert not told or "scan again" in told


STEPS = range(max(steps for _, steps, _ in undisturbed()))


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """Give a directory as it is before each call."""
    made = [tmp_path_factory.mktemp("before")]
    for call in CALLS[:-1]:
        following = tmp_path_factory.mktemp("before") / "directory"
        copytree(made[-1], following)
        scan(call, following, Disk())
        made.append(following)
    return made


@pytest.mark.parametrize("call", range(len(CALLS)))
def test_killed_at_each_step_of_each_call_in_each_way(call, stages, tmp_path):
    frame, steps, after = undisturbed()[call]
    before = seen(stages[call])[1]
    for step, mode in product(range(steps), MODES):
        directory = tmp_path / f"{step}-{mode}"
        copytree(stages[call], directory)
        with pytest.raises(Killed):
            scan(CALLS[call], directory, MortalDisk(step, mode))
        assert before <= seen(directory)[1] <= after
        readable(directory)
        assert scan(CALLS[call], directory, Disk()).equals(frame)
        assert seen(directory)[1] == after


@settings(max_examples=10, derandomize=True)
@example([(0, "half"), (1, "after"), (2, "half"), (3, "before")])
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(MODES)), max_size=6))
def test_killed_again_and_again(deaths):
    drill(deaths)


def test_a_killed_scan_goes_on_with_windows_of_other_bounds_in_the_way(tmp_path):
    with pytest.raises(Killed):
        scan((("2026-11-20", "2026-11-24"), NOW, None), tmp_path, MortalDisk(4))
    assert len(list(tmp_path.rglob("*.page"))) == 2
    frame = scan((("2026-11-21", "2026-11-24"), NOW + timedelta(days=3), None), tmp_path, Disk())
    assert frame["start_date"].min() == day(11, 21)
    assert frame.height == 8
    assert scan((("2026-11-19", "2026-11-24"), NOW + timedelta(days=3), None), tmp_path, Disk()).height == 14
