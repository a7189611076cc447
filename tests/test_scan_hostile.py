"""A dataset's directory is input: what leads elsewhere or is not ours is refused before anything is touched."""

import json
import os
import random
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.vendor_for_tests import Vendor, client, day, expected, refusal
from truto_usage_nb.errors import DatasetError, UsageError, hearing

PERIOD = ("2026-10-01", "2026-10-06")
KEY = "truto_usage_page"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Give a dataset of two accounts, one of which was not finished."""
    directory = tmp_path_factory.mktemp("kept") / "kept"
    vendor = Vendor({"c": "cursor", "f": "confluent"}, more=lambda record: {"note": record["id"]})
    with hearing():
        client(vendor).scan_usage("c", directory, period=PERIOD)
        vendor.fail = lambda each: refusal(400, "no") if each.get("next_cursor", "").startswith("8") else None
        with pytest.raises(tu.UsageError):
            client(vendor).scan_usage("f", directory, period=PERIOD)
    return directory


@pytest.fixture
def world(kept, tmp_path):
    """Give a copy of it, among files that are not its own."""
    directory = tmp_path / "world" / "kept"
    copytree(kept, directory)
    held = next(directory.rglob("*.parquet")).read_bytes()
    for name in ("precious.txt", "victim.parquet", "victim.page"):
        (tmp_path / name).write_bytes(held)
        (directory.parent / name).write_bytes(held)
    return directory


def read(directory):
    return json.loads((directory / "journal.json").read_text())


def tamper(directory, change, key="content"):
    """Change the journal as whoever means to would: its hash is made to match."""
    said = read(directory)
    changed = change(said["content"] if key == "content" else said)
    if key == "content" and changed is not None:
        said["content"] = changed
    body = json.dumps(said["content"], ensure_ascii=False)
    said["hash"] = blake2b(body.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    (directory / "journal.json").write_bytes(json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def everything(folder):
    """Give every file below a folder, links as links."""
    found = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {
        path: os.readlink(path) if path.is_symlink() else path.read_bytes() for path in found if path.name != "lock"
    }


def refused(directory, says=""):
    """Neither a scan nor a reader goes on, each says why in one line, and not a byte has changed anywhere."""
    before = everything(directory.parent.parent)
    vendor = Vendor({"c": "cursor", "f": "confluent"})
    for work in (
        lambda: client(vendor).scan_usage(["c", "f"], directory, period=PERIOD, on_error="warn"),
        lambda: tu.read_usage(directory),
    ):
        with pytest.raises(DatasetError, match=says) as told:
            work()
        assert str(directory.name) in str(told.value)
        assert "\n" not in str(told.value)
    assert everything(directory.parent.parent) == before
    assert not vendor.asked


AWAY = [
    "../../precious.txt",
    "../../victim.parquet",
    "../victim.parquet",
    "account=c/../../../victim.parquet",
    "./account=c/x.parquet",
    "account=c//x.parquet",
    "{outside}/victim.parquet",
    "{outside}/precious.txt",
    "..\\..\\victim.parquet",
    "C:\\victim.parquet",
    "C:victim.parquet",
    "//server/share/victim.parquet",
    "",
    ".",
    "..",
    "account=c",
    "../journal.json",
    "nul\0.parquet",
    "~/victim.parquet\n",
]


@pytest.mark.parametrize("name", AWAY)
@pytest.mark.parametrize("place", ["leaving", "file"])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_touched(place, name, world):
    name = name.format(outside=world.parent)

    def change(content):
        if place == "leaving":
            content["leaving"] = [name]
        else:
            content["windows"][0]["file"] = name

    tamper(world, change)
    refused(world, "journal.json is damaged")


def first(directory, suffix):
    return sorted(directory.rglob(f"*{suffix}"))[0]


LINKS = {
    "a file of records": lambda world: first(world, ".parquet"),
    "the folder of a month": lambda world: first(world, ".parquet").parent,
    "the folder of an account": lambda world: first(world, ".parquet").parents[1],
    "the records": lambda world: world / "records",
    "the journal": lambda world: world / "journal.json",
    "the pages": lambda world: world / "pages",
    "the pages of a window": lambda world: first(world, ".page").parent,
    "a page": lambda world: first(world, ".page"),
}


@pytest.mark.parametrize("what", LINKS)
def test_a_link_that_leads_elsewhere_is_refused(what, world):
    path = LINKS[what](world)
    away = world.parent / "away"
    path.rename(away)
    path.symlink_to(away, target_is_directory=away.is_dir())
    before = everything(world.parent)
    vendor = Vendor({"c": "cursor", "f": "confluent"})
    with pytest.raises(DatasetError, match=r"is a link to .*away: a dataset keeps its files within its own directory"):
        client(vendor).scan_usage(["c", "f"], world, period=PERIOD)
    assert everything(world.parent) == before
    assert not vendor.asked
    if "page" not in what:  # a reader looks at no page
        with pytest.raises(DatasetError, match="is a link to"):
            tu.read_usage(world)


def test_a_link_in_the_way_of_a_new_file_is_refused_and_nothing_is_written_there(world):
    (world.parent / "away").mkdir()
    (world / "records" / "account=g").symlink_to(world.parent / "away", target_is_directory=True)
    vendor = Vendor({"g": "confluent"})
    with pytest.raises(DatasetError, match="account=g is a link to"):
        client(vendor).scan_usage("g", world, period=PERIOD)
    assert not list((world.parent / "away").iterdir())


def test_a_lock_that_is_a_link_or_a_pipe_is_refused(world):
    (world / "lock").unlink()
    (world / "lock").symlink_to(world.parent / "new")
    with pytest.raises(DatasetError, match="lock is a link to"):
        client(Vendor({"c": "cursor"})).scan_usage("c", world, period=PERIOD)
    assert not (world.parent / "new").exists()
    (world / "lock").unlink()
    os.mkfifo(world / "lock")
    with pytest.raises(DatasetError, match="lock is no file"):
        client(Vendor({"c": "cursor"})).scan_usage("c", world, period=PERIOD)


def test_what_is_prepared_is_moved_within_the_directory_alone(world):
    """Files that no journal names, and links, are let go of; what they point to stays."""
    marker = "0" * 12
    tamper(world, lambda content: content.update(prepared=marker))
    inside = world / "prepared" / marker / first(world, ".parquet").relative_to(world / "records").parent
    inside.mkdir(parents=True)
    link = inside / f"{first(world, '.parquet').name}.new"
    link.symlink_to(world.parent / "victim.parquet")
    (world / "prepared" / "other").mkdir()
    (world / "prepared" / "other" / "x.parquet.new").write_bytes(b"half")
    outside = {path: content for path, content in everything(world.parent.parent).items() if world not in path.parents}
    frame = client(Vendor({"c": "cursor"})).scan_usage("c", world, period=PERIOD).collect()
    assert frame["id"].to_list() == expected("c", day(10, 1), day(10, 6))
    assert outside.items() <= everything(world.parent.parent).items()
    assert not (world / "prepared").exists()


WRONG = {
    "file a number": lambda c: c["windows"][0].update(file=5),
    "records a text": lambda c: c["windows"][0].update(records="x"),
    "records below 0": lambda c: c["windows"][0].update(records=-1),
    "records a flag": lambda c: c["windows"][0].update(records=True),
    "records a fraction": lambda c: c["windows"][0].update(records=1.5),
    "size a text": lambda c: c["windows"][0].update(size="1"),
    "pages null": lambda c: c["windows"][0].update(pages=None),
    "settled a number": lambda c: c["windows"][0].update(settled=1),
    "account a list": lambda c: c["windows"][0].update(account=["c"]),
    "view a path": lambda c: c["windows"][0].update(view="../../x"),
    "attempt a path": lambda c: c["windows"][0].update(attempt="../x"),
    "query no JSON": lambda c: c["windows"][0].update(query="{"),
    "query no object": lambda c: c["windows"][0].update(query="[1]"),
    "a start that is none": lambda c: c["windows"][0].update(start="soon"),
    "a start without a zone": lambda c: c["windows"][0].update(start="2026-10-01T00:00:00"),
    "an end before its start": lambda c: c["windows"][0].update(end="2026-09-01T00:00:00+00:00"),
    "a field too few": lambda c: c["windows"][0].pop("run"),
    "a window that is none": lambda c: c["windows"].append(7),
    "windows that are none": lambda c: c.update(windows={"a": 1}),
    "a window twice": lambda c: c["windows"].append(c["windows"][0]),
    "windows that overlap": lambda c: c["windows"].append(
        c["windows"][0] | {"file": "account=c/month=2026-10/other.parquet", "attempt": "0" * 12}
    ),
    "a file and no records": lambda c: c["windows"][0].update(records=0),
    "records and no file": lambda c: c["windows"][0].update(file=None),
    "a file that goes and stays": lambda c: c.update(leaving=[c["windows"][0]["file"]]),
    "leaving a text": lambda c: c.update(leaving="account=c"),
    "leaving a number": lambda c: c.update(leaving=[5]),
    "run a text": lambda c: c.update(run="one"),
    "finished null": lambda c: c.update(finished=None),
    "widening a text": lambda c: c.update(widening="yes"),
    "prepared a path": lambda c: c.update(prepared="../../.."),
    "types an object": lambda c: c.update(types={"id": "String"}),
    "types of texts": lambda c: c.update(types=["id"]),
    "a type nobody knows": lambda c: c["types"].append(["x", "Decimal"]),
    "a type of numbers": lambda c: c["types"].append(["x", 5]),
    "a type of two kinds": lambda c: c["types"].append(["x", {"list": "String", "struct": []}]),
    "a column twice": lambda c: c["types"].append(c["types"][0]),
    "a column without a name": lambda c: c["types"].append([None, "String"]),
    "names a text": lambda c: c.update(names="x"),
    "a name that is none": lambda c: c["names"].append([["a"], 5]),
    "a path that is none": lambda c: c["names"].append(["a", "a"]),
    "names on disk a list": lambda c: c.update(kept_as=["a"]),
    "two names on disk in one": lambda c: c.update(kept_as={"note": "ID"}),
    "a folder's name on disk": lambda c: c.update(kept_as={"note": "Account"}),
    "half a surrogate": lambda c: c["windows"][0].update(account="\ud800"),
    "nothing": lambda c: c.clear(),
    "a list": lambda _: [],
    "a number": lambda _: 7,
    "a type that is very deep": lambda c: c["types"].append(["x", deep(300)]),
}


def deep(levels):
    made = "String"
    for _ in range(levels):
        made = {"list": made}
    return made


@pytest.mark.parametrize("wrong", WRONG)
def test_a_value_of_another_type_is_a_damaged_journal(wrong, world):
    tamper(world, WRONG[wrong])
    refused(world, r"journal\.json is damaged|cannot be read|was changed: its columns")


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b"7", b'"text"', b"[" * 100_000, b"\xff\xfe", b'{"hash": 1}', b"{}"]
)
def test_what_is_no_journal_at_all_is_a_damaged_one(content, world):
    (world / "journal.json").write_bytes(content)
    refused(world, r"journal\.json is damaged")


@pytest.mark.parametrize("version", [0, 2, True, "1", None, 1.5, [1]])
def test_another_format_is_named(version, world):
    tamper(world, lambda said: said.update(truto_usage_dataset=version), key="all")
    refused(world, r"is of format .*, and this version reads 1|is damaged")


def test_a_file_whose_columns_are_others_is_found(world):
    path = first(world, ".parquet")
    frame, metadata = pl.read_parquet(path), pl.read_parquet_metadata(path)
    kept = {name: text for name, text in metadata.items() if name != "ARROW:schema"}
    frame.with_columns(charges_total=pl.lit("1")).write_parquet(path, metadata=kept)
    tamper(world, lambda content: content["windows"][0].update(size=path.stat().st_size))
    refused(world, "was changed: its columns are not those that were written")


PAGE = {
    "a view that leads elsewhere": lambda said: said["errand"].update(view="../../x"),
    "an attempt that leads elsewhere": lambda said: said["errand"].update(attempt="../../../x"),
    "a query that is none": lambda said: said["errand"].update(query="7"),
    "records a text": lambda said: said.update(records="x"),
    "records per page below 1": lambda said: said["errand"].update(records_per_page=0),
    "a cursor that is none": lambda said: said["mark"].update(next_cursor=5),
    "notes a text": lambda said: said["mark"].update(notes="abc"),
    "an end before its start": lambda said: said["errand"].update(end="2026-09-01T00:00:00+00:00"),
    "a window of another folder": lambda said: said["errand"].update(start="2026-10-02T00:00:00+00:00"),
    "types that are none": lambda said: said.update(types=[["a", "b", "c"]]),
    "names that are none": lambda said: said.update(names=[["a", "a"]]),
    "a field too few": lambda said: said["errand"].pop("account"),
    "nothing": lambda said: said.clear(),
}


@pytest.mark.parametrize("wrong", PAGE)
def test_a_page_is_input_too(wrong, world):
    page = first(world, ".page")
    said = json.loads(pl.read_parquet_metadata(page)[KEY])
    PAGE[wrong](said)
    pl.read_parquet(page).write_parquet(page, metadata={KEY: json.dumps(said)})
    before = everything(world.parent.parent)
    vendor = Vendor({"c": "cursor", "f": "confluent"})
    with pytest.raises(DatasetError, match=r"is damaged|holds pages of another window") as told:
        client(vendor).scan_usage(["c", "f"], world, period=PERIOD, on_error="warn")
    assert "delete" in str(told.value)
    assert everything(world.parent.parent) == before
    assert tu.read_usage(world)["id"].to_list() == expected("c", day(10, 1), day(10, 6))


@pytest.mark.parametrize("seed", range(30))
def test_bits_that_flipped_anywhere_are_found_or_change_nothing(seed, world):
    rng = random.Random(seed)
    path = rng.choice(sorted(path for path in world.rglob("*") if path.is_file() and path.name != "lock"))
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    try:
        held = tu.read_usage(world)["id"].to_list()
    except DatasetError as problem:
        held, said = None, str(problem)
    assert held == expected("c", day(10, 1), day(10, 6)) or (str(world) in said and "\n" not in said)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


def places(value, path=()):
    yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(below, (*path, key))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_journal_it_is_read_or_refused(kept, tmp_path_factory, data):
    """Never an exception of another library, never a file outside that is touched."""
    directory = tmp_path_factory.mktemp("fuzz") / "a" / "kept"
    copytree(kept, directory)
    (directory.parent / "victim.parquet").write_bytes(b"precious")
    content = read(directory)["content"]
    place = data.draw(st.sampled_from([each for each in places(content) if each]))
    value = data.draw(
        st.one_of(json_values, st.sampled_from(["../../victim.parquet", str(directory.parent / "v.parquet")]))
    )

    def change(said):
        for key in place[:-1]:
            said = said[key]
        said[place[-1]] = value

    tamper(directory, change)
    vendor = Vendor({"c": "cursor", "f": "confluent"})
    for work in (lambda: tu.read_usage(directory), lambda: scanned(vendor, directory)):
        with suppress(UsageError):
            work()
    assert (directory.parent / "victim.parquet").read_bytes() == b"precious"
    assert sorted(path.name for path in directory.parent.iterdir()) == ["kept", "victim.parquet"]


def scanned(vendor, directory):
    with hearing():
        return client(vendor).scan_usage(["c", "f"], directory, period=PERIOD, on_error="warn").collect()


def test_files_of_others_in_a_new_directory_stay(tmp_path):
    (tmp_path / ".notes.part").write_text("mine")
    with pytest.raises(DatasetError, match=r"it holds '\.notes\.part'"):
        client(Vendor({"c": "cursor"})).scan_usage("c", tmp_path, period=PERIOD)
    assert (tmp_path / ".notes.part").read_text() == "mine"
    (tmp_path / ".notes.part").rename(tmp_path / ".journal.json.part")  # as an earlier version left it when killed
    Path(tmp_path, f".truto-usage-{'0' * 16}.part").write_text("half")
    assert client(Vendor({"c": "cursor"})).scan_usage("c", tmp_path, period=PERIOD).collect().height == 15
    assert not list(tmp_path.rglob("*.part"))
