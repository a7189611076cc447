"""One writer for every file: whole or not at all, mode kept, links written through, pipes never replaced."""

import errno
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread
from zipfile import ZipFile

import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb import plots, writing
from truto_usage_nb.errors import DatasetError, UsageError, WriteError
from truto_usage_nb.result import UsageResult
from truto_usage_nb.writing import check_target, write_file

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def frame(rows=3):
    return pl.DataFrame({"id": [f"r{n}" for n in range(rows)], "cost": [n / 4 for n in range(rows)]})


def result(rows=3):
    return UsageResult(frame(rows), (tu.UsageQuery(integrated_account_id="a"),), NOW)


@pytest.fixture(scope="module")
def rows():
    return tu.to_focus(tu.sandbox().load_usage("datadog", period="2026-10"))


@pytest.fixture(scope="module")
def chart():
    from matplotlib.figure import Figure

    drawn = Figure()
    drawn.subplots().plot([1, 2])
    return drawn


WRITERS = {
    "csv": (".csv", lambda _: tu.write_csv, lambda _: frame(100)),
    "xlsx": (".xlsx", lambda _: tu.write_xlsx, lambda _: frame()),
    "snapshot": (".parquet", lambda _: lambda kept, path: kept.save(path), lambda _: result()),
    "focus csv": (".csv", lambda _: tu.write_focus, lambda get: get("rows")),
    "focus parquet": (".parquet", lambda _: tu.write_focus, lambda get: get("rows")),
    "chart": (".png", lambda _: plots.save, lambda get: get("chart")),
    "bytes": (".html", lambda _: lambda page, path: write_file(path, lambda file: file.write(page)), lambda _: b"<p>"),
}


@pytest.fixture(params=WRITERS)
def write(request):
    """Give a writer of one kind, and the ending of its files."""
    suffix, made, value = WRITERS[request.param]
    writer, what = made(request.getfixturevalue), value(request.getfixturevalue)

    def written(path):
        return writer(what, path)

    written.suffix = suffix
    return written


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_as_readable_as_new_files_are_and_an_old_one_keeps_its_mode(write, tmp_path):
    path = tmp_path / "new" / f"file{write.suffix}"
    before = os.umask(0o027)
    try:
        assert write(path) == path
    finally:
        os.umask(before)
    assert mode(path) == 0o640
    for kept in (0o600, 0o664, 0o4755):
        path.chmod(kept)
        write(path)
        assert mode(path) == kept
    assert names(path.parent) == [path.name]


@posix
def test_a_link_is_written_through(write, tmp_path):
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / f"target{write.suffix}"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link, chain = tmp_path / f"link{write.suffix}", tmp_path / f"chain{write.suffix}"
    link.symlink_to(Path("far") / target.name)
    chain.symlink_to(link)
    write(chain)
    assert chain.is_symlink()
    assert link.is_symlink()
    assert target.read_bytes() not in (b"old", b"")
    assert mode(target) == 0o600
    dangling = tmp_path / f"dangling{write.suffix}"
    dangling.symlink_to(tmp_path / "far" / "deep" / f"made{write.suffix}")
    write(dangling)
    assert dangling.is_symlink()
    assert dangling.read_bytes()
    assert names(tmp_path / "far") == ["deep", target.name]


def refused(write, path, says):
    with pytest.raises(WriteError, match=says) as told:
        write(path)
    assert "\n" not in str(told.value)
    assert isinstance(told.value, UsageError)
    assert isinstance(told.value, OSError)
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)
    return told.value


@posix
def test_what_is_no_file_is_refused_and_left_alone(write, tmp_path):
    folder, held = tmp_path / f"folder{write.suffix}", tmp_path / f"s{write.suffix}"
    folder.mkdir()
    refused(write, folder, "it is a folder; name a file in it")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket may be no longer than 108 bytes
        try:
            listening.bind(held.name)
        finally:
            os.chdir(here)
        refused(write, held, "it is a socket")
        assert held.is_socket()
    loop = tmp_path / f"loop{write.suffix}"
    loop.symlink_to(loop)
    refused(write, loop, "loop.* cannot be written: ")
    if os.geteuid() == 0:
        disk = tmp_path / f"disk{write.suffix}"
        os.mknod(disk, 0o600 | stat.S_IFBLK, os.makedev(7, 250))
        refused(write, disk, "it is a disk")
        assert disk.is_block_device()
    taken = tmp_path / "taken"
    taken.write_text("a file, where a folder is wanted")
    refused(write, taken / "deep" / f"x{write.suffix}", "taken.* cannot be written: .*taken is not a folder")
    assert taken.read_text() == "a file, where a folder is wanted"


def test_names_that_no_file_has_are_said(write, tmp_path):
    refused(write, f"{tmp_path}/nul\0{write.suffix}", "a character that no name may have")
    refused(write, f"{tmp_path}/half-\ud800{write.suffix}", "a character that no name may have")
    refused(write, tmp_path / f"{'n' * 300}{write.suffix}", "file name too long; give it a shorter name")
    longest = tmp_path / f"{'n' * (255 - len(write.suffix))}{write.suffix}"
    assert write(longest) == longest
    assert names(tmp_path) == [longest.name]


@posix
def test_a_pipe_is_written_to_and_stays(write, tmp_path):
    path = tmp_path / f"pipe{write.suffix}"
    whole = write(tmp_path / f"whole{write.suffix}").read_bytes()
    os.mkfifo(path)
    got = []
    reader = Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write(path)
    reader.join()
    assert path.is_fifo()
    assert len(got[0]) == len(whole)
    assert got[0][:4] == whole[:4]
    assert names(tmp_path) == sorted([path.name, f"whole{write.suffix}"])


@posix
def test_a_reader_that_goes_away_is_said(tmp_path):
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)

    def read_a_little():
        with path.open("rb") as pipe:
            pipe.read(10)

    reader = Thread(target=read_a_little)
    reader.start()
    told = refused(lambda to: tu.write_csv(frame(200_000), to), path, "pipe.csv cannot be written: broken pipe")
    reader.join()
    assert isinstance(told.__cause__, BrokenPipeError)
    assert path.is_fifo()


@posix
def test_devices_are_written_to_and_stay(tmp_path):
    before = os.stat("/dev/null")
    link = tmp_path / "null.csv"
    link.symlink_to("/dev/null")
    for path in ("/dev/null", link):
        tu.write_csv(frame(), path)
        result().save(path)
    after = os.stat("/dev/null")
    assert (before.st_mode, before.st_ino, before.st_rdev) == (after.st_mode, after.st_ino, after.st_rdev)
    if Path("/dev/full").exists():
        refused(lambda path: tu.write_csv(frame(), path), "/dev/full", "/dev/full cannot be written: no space left")


def child(code, **options):
    made = [sys.executable, "-c", f"import polars as pl, sys, truto_usage_nb as tu\n{code}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(made, env=environment, stderr=subprocess.PIPE, **options)


OUT = 'print("first")\ntu.write_csv(pl.DataFrame({"a": [1]}), sys.argv[-1])\nprint("last")'


@posix
@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "linked"])
def test_standard_output_is_never_replaced_whatever_it_leads_to(path, tmp_path):
    if not Path(path).exists() and path != "linked":
        path = "/dev/stdout"  # elsewhere than on Linux
    if path == "linked":
        (tmp_path / "out.csv").symlink_to("/dev/stdout")
        path = str(tmp_path / "out.csv")
    code = OUT.replace("sys.argv[-1]", repr(path))
    piped = child(code, stdout=subprocess.PIPE)
    assert piped.communicate()[0].decode().split() == ["first", "a", "1", "last"]
    log = tmp_path / "log.txt"
    log.write_text("yesterday\n")
    inode = log.stat().st_ino
    with log.open("a") as appended:
        assert child(code, stdout=appended).wait() == 0
    assert log.read_text().split() == ["yesterday", "first", "a", "1", "last"]
    assert log.stat().st_ino == inode


@posix
def test_a_closed_standard_output_is_said_and_no_other_file_is_written_to(tmp_path):
    code = (
        "import os; from pathlib import Path\n"
        f"held = os.open({str(tmp_path / 'other')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "try:\n    tu.write_csv(pl.DataFrame({'a': [1]}), '/dev/fd/1')\n"
        "except tu.UsageError as problem:\n    sys.stderr.write(f'{held} {problem}')"
    )
    made = child(code, preexec_fn=lambda: os.close(1))
    assert made.communicate()[1].decode().startswith("1 /dev/fd/1 cannot be written: it is closed")
    assert (tmp_path / "other").read_bytes() == b""


# --- what fails leaves nothing


@pytest.fixture
def full(monkeypatch):
    """Give a disk that has room for so many bytes more."""

    def with_room(size, number=errno.ENOSPC):
        left = [size]
        really = os.write

        def write_some(handle, content):
            if len(content) > left[0] and stat.S_ISREG(os.fstat(handle).st_mode):
                if not left[0]:
                    raise OSError(number, os.strerror(number))
                content = bytes(content)[: left[0]]
            left[0] -= len(content)
            return really(handle, content)

        monkeypatch.setattr(writing.os, "write", write_some)

    yield with_room
    monkeypatch.undo()


@pytest.mark.parametrize("room", [0, 2, 100])
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(write, tmp_path, full, room):
    old = tmp_path / f"old{write.suffix}"
    old.write_bytes(b"old")
    full(min(room, 2) if write.suffix == ".html" else room)
    refused(write, old, rf"old{write.suffix} cannot be written: no space left on device; make room")
    refused(write, tmp_path / "new" / "deep" / f"x{write.suffix}", "no space left on device; make room")
    assert names(tmp_path) == [old.name]
    assert old.read_bytes() == b"old"


def test_a_disk_that_is_full_at_the_last_moment_leaves_what_was_there(write, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(writing.os if name == "fsync" else Path, name, full)
            refused(write, tmp_path / f"x{write.suffix}", "quota exceeded; make room")
    assert names(tmp_path) == []


LIMITED = """
import resource, signal
from datetime import datetime, UTC
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
frame = pl.DataFrame({"a": [str(n) for n in range(100_000)]})
from truto_usage_nb.result import UsageResult
kept = UsageResult(frame, (tu.UsageQuery(integrated_account_id="a"),), datetime.now(UTC))
for write, path in ((tu.write_csv, "x.csv"), (tu.write_xlsx, "x.xlsx"), (lambda _, path: kept.save(path), "x.parquet")):
    try:
        write(frame, path)
    except tu.UsageError as problem:
        print(type(problem).__name__, problem)
"""


@posix
def test_a_real_limit_of_the_system_is_said_by_each_library(tmp_path):
    made = child(LIMITED, stdout=subprocess.PIPE, cwd=tmp_path)
    said, errors = made.communicate()
    assert [line.split(":")[0] for line in said.decode().splitlines()] == [
        f"WriteError x.{suffix} cannot be written" for suffix in ("csv", "xlsx", "parquet")
    ], errors.decode()
    assert "file too large; name a place that takes files of this size" in said.decode()
    assert names(tmp_path) == []


def test_a_place_without_the_right_to_write_is_refused(write, tmp_path, monkeypatch):
    path = tmp_path / f"kept{write.suffix}"
    path.write_bytes(b"kept")
    path.chmod(0o444)
    monkeypatch.setattr(writing.os, "access", lambda *_, **__: False)  # root may write anywhere
    refused(write, path, "the file is read-only; name a place that you may write to")
    assert path.read_bytes() == b"kept"
    with pytest.raises(WriteError, match="may not be written to"):
        check_target(tmp_path / "new" / "deep.csv")


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError("broken"), UsageError("refused")])
def test_whatever_ends_the_writing_leaves_nothing_and_passes_as_it_is(tmp_path, problem):
    def compose(file):
        file.write(b"half")
        raise problem

    with pytest.raises(problem if isinstance(problem, type) else type(problem)):
        write_file(tmp_path / "new" / "x.csv", compose)
    assert names(tmp_path) == []


def test_an_error_that_a_library_swallows_is_still_one(tmp_path, full):
    full(3)

    def compose(file):
        with suppress(OSError):
            file.write(b"longer")

    refused(lambda path: write_file(path, compose), tmp_path / "x.csv", "no space left")
    assert names(tmp_path) == []


@posix
def test_a_link_that_was_laid_where_the_writer_writes_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    drawn = iter(["a" * 16, "b" * 16])
    monkeypatch.setattr("truto_usage_nb.writing.token_hex", lambda _: next(drawn))
    (tmp_path / f".truto-usage-{'a' * 16}.part").symlink_to(victim)
    tu.write_csv(frame(), tmp_path / "x.csv")
    monkeypatch.undo()
    assert victim.read_text() == "precious"
    assert (tmp_path / "x.csv").read_text().startswith("id,cost")
    for old in (".x.csv.part", ".x.csv.partial"):  # names that were used before
        (tmp_path / old).symlink_to(victim)
    tu.write_csv(frame(), tmp_path / "x.csv")
    assert victim.read_text() == "precious"


# --- many at once


def test_many_threads_write_and_read_one_snapshot(tmp_path):
    path, kept = tmp_path / "kept.parquet", [result(n * 1000) for n in (1, 2, 3, 4)]
    kept[0].save(path)
    start = Barrier(4)

    def work(number):
        start.wait()
        heights = set()
        for turn in range(15):
            kept[(number + turn) % 4].save(path)
            heights.add(tu.read_usage(path).height)
            heights.add(tu.read_result(path).polars.height)
        return heights

    with ThreadPoolExecutor(4) as threads:
        seen = set().union(*threads.map(work, range(4)))
    assert seen <= {1000, 2000, 3000, 4000}
    assert names(tmp_path) == ["kept.parquet"]


CHILD = """
from datetime import datetime, UTC
from truto_usage_nb.result import UsageResult
from pathlib import Path
for turn in range(12):
    n = 500 * (1 + (turn + {number}) % 3)
    table = pl.DataFrame({{"a": ["x" * 20] * n}})
    UsageResult(table, (tu.UsageQuery(integrated_account_id="a"),), datetime.now(UTC)).save("kept.parquet")
    assert tu.read_result("kept.parquet").polars.height % 500 == 0
    tu.write_csv(table, "kept.csv"); tu.write_focus(table, "kept.csv"); tu.write_xlsx(table.head(5), "kept.xlsx")
    text = Path("kept.csv").read_text()
    assert text.endswith("x\\n") and text.count("\\n") % 500 == 1, text.count("\\n")
"""


def test_many_processes_write_and_read_one_path(tmp_path):
    made = [child(CHILD.format(number=number), cwd=tmp_path) for number in range(3)]
    for one in made:
        _, errors = one.communicate(timeout=300)
        assert (one.returncode, errors.decode()) == (0, "")
    assert names(tmp_path) == ["kept.csv", "kept.parquet", "kept.xlsx"]


@posix
def test_a_killed_writer_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    code = (
        "from truto_usage_nb.writing import write_file\n"
        f"def compose(file):\n    file.write(b'new')\n    print('half', flush=True)\n    sys.stdin.read()\n"
        f"write_file({str(path)!r}, compose)"
    )
    made = child(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert made.stdout.readline() == b"half\n"
    made.send_signal(signal.SIGKILL)
    made.communicate()
    assert path.read_text() == "old"
    (left,) = [each for each in tmp_path.iterdir() if each != path]
    assert writing.is_half(left.name)


def test_a_snapshot_says_what_it_lacks_where_nothing_is(tmp_path):
    with pytest.raises(DatasetError, match=r"gone\.parquet cannot be read: No such file"):
        tu.read_result(tmp_path / "gone.parquet")


def test_what_a_library_writes_too_late_goes_nowhere_and_breaks_nothing(tmp_path):
    """As a `ZipFile` does when it is collected: it counts on places that grow as it writes."""
    with writing.filling(tmp_path / "x.zip") as file:
        late = ZipFile(file, "w")
        late.writestr("a", b"a" * 1_000)
    held = (tmp_path / "x.zip").read_bytes()
    late.writestr("b", b"b")
    late.close()
    assert (tmp_path / "x.zip").read_bytes() == held
