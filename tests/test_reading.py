"""Records on disk give the frame that the service gives: pages, lists, lines, snapshots."""

import gzip
import json
import os
import subprocess
import sys

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from truto_usage_nb.errors import DatasetError, InputError, ProtocolError, UnreadableValueError, UsageWarning

RECORDS = [
    {"id": "1", "start_date": "2026-10-01", "usage": {"tokens": {"input": 12}}},
    {"id": "2", "charges": [{"type": "net", "amount": 2.5, "currency": "USD"}]},
    {"id": "3", "usage": {"code": {"tool_actions": {"edit": {"accepted": 1}}}}, "user": {"name": "Ö. \u2028 “x”"}},
]
FORMS = {
    "page.json": lambda rows: json.dumps({"result": rows, "next_cursor": None}),
    "indented.json": lambda rows: json.dumps({"result": rows, "next_cursor": "abc"}, indent=2),
    "keyed.json": lambda rows: json.dumps({"result": {row["id"]: row for row in rows}}),
    "list.json": json.dumps,
    "lines.ndjson": lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n",
    "crlf.ndjson": lambda rows: "\r\n\r\n".join(json.dumps(row) for row in rows),
    "pages.ndjson": lambda rows: "\n".join(json.dumps({"result": [row], "next_cursor": "c"}) for row in rows),
    "bom.json": lambda rows: "\ufeff" + json.dumps(rows),
    "bom.ndjson": lambda rows: "\ufeff" + "\n".join(json.dumps(row) for row in rows),
    "pages.json": lambda rows: json.dumps([{"result": [row], "next_cursor": "c"} for row in rows]),
    "keyed-pages.json": lambda rows: json.dumps([{"result": {row["id"]: row}} for row in rows] + [{"result": []}]),
    "a[1].json": json.dumps,
    "page.json.gz": lambda rows: json.dumps({"result": rows}),
    "lines.ndjson.GZ": lambda rows: "\n".join(json.dumps(row) for row in rows),
}


def write(path, rows=RECORDS):
    content = FORMS[path.name](rows).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix.lower() == ".gz" else content)
    return path


@pytest.fixture
def wanted(tmp_path):
    return tu.read_usage(write(tmp_path / "page.json"))


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_frame(tmp_path, wanted, name):
    assert_frame_equal(tu.read_usage(write(tmp_path / name)), wanted)
    assert wanted["id"].to_list() == ["1", "2", "3"]
    assert wanted["usage_code_tool_actions_edit_accepted"].to_list() == [None, None, 1]
    assert wanted["user_name"].to_list()[2] == "Ö. \u2028 “x”"


def test_files_come_in_the_order_given_and_globs_sorted(tmp_path, wanted):
    for number, row in enumerate(RECORDS):
        (tmp_path / f"part-{number}.ndjson").write_text(json.dumps(row))
    assert_frame_equal(tu.read_usage(tmp_path / "part-*.ndjson"), wanted)
    backwards = tu.read_usage([tmp_path / f"part-{number}.ndjson" for number in (2, 1, 0)])
    assert backwards["id"].to_list() == ["3", "2", "1"]
    assert backwards.columns == wanted.columns


def test_provenance_is_what_the_caller_says(tmp_path):
    frame = tu.read_usage(
        write(tmp_path / "list.json"), integrated_account_id="acc", integration="Anthropic", report_type="cost"
    )
    said = frame.select("integrated_account_id", "integration", "report_type").unique().row(0)
    assert said == ("acc", "claude", "cost")
    with pytest.raises(InputError, match="Did you mean 'datadog'"):
        tu.read_usage(tmp_path / "list.json", integration="datadogg")


def test_pandas_raw_and_remote_data(tmp_path):
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"result": [{"id": 7, "start_date": "soon", "remote_data": {"a": [1, {"b": None}]}}]}))
    raw = tu.read_usage(path, documented=False)
    assert raw.select("id", "start_date").row(0) == (7, "soon")
    with pytest.raises(UnreadableValueError, match=r"'7'|7.*start_date"):
        tu.read_usage(path)
    path.write_text(json.dumps([{"id": "7", "usage": {"tokens": {"input": 3}}, "remote_data": {"a": [1]}}]))
    assert tu.read_usage(path, remote_data=True)["remote_data"].to_list() == ['{"a": [1]}']
    pandas = tu.read_usage(path, backend="pandas")
    assert str(pandas["usage_tokens_input"].dtype) == "int64[pyarrow]"


def test_a_field_that_is_not_documented_is_told_once(tmp_path):
    path = tmp_path / "page.json"
    path.write_text(json.dumps([{"id": "1", "seats": 4}, {"id": "2", "seats": 5}]))
    with pytest.warns(UsageWarning, match="does not name became columns: seats") as told:
        frame = tu.read_usage([path, path])
    assert len(told) == 1
    assert frame["seats"].to_list() == [4, 5, 4, 5]


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b'{"result": [{"id": "1"}', b'{"id": "1"}\n{"id": ', b"\xff\xfe", gzip.compress(b"[]", mtime=0)],
)
def test_a_file_that_is_broken_is_an_error_and_never_an_empty_frame(tmp_path, content):
    path = tmp_path / "page.json"
    path.write_bytes(content)
    with pytest.raises(ProtocolError):
        tu.read_usage(path)


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_is_no_page_and_an_empty_stream_has_no_records(tmp_path, content):
    for name in ("page.json", "kept.parquet", "page"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises((ProtocolError, DatasetError), match=rf"{name} .*empty|not a snapshot"):
            tu.read_usage(tmp_path / name)
    (tmp_path / "lines.ndjson").write_bytes(content)
    assert tu.read_usage(tmp_path / "lines.ndjson").is_empty()


@pytest.mark.parametrize("paths", ["gone.json", "*.gone", ["page.json", "gone.json"], []])
def test_a_missing_file_is_named(tmp_path, monkeypatch, paths):
    write(tmp_path / "page.json")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"there is no file .*gone|nothing to read"):
        tu.read_usage(paths)


def test_a_snapshot_beside_lines(tmp_path):
    result = tu.sandbox().fetch_usage("confluent", period="2026-09-14")
    kept = result.save(tmp_path / "kept.parquet")
    assert_frame_equal(tu.read_usage(kept), result.polars)
    both = tu.read_usage([kept, write(tmp_path / "list.json")])
    assert both.height == result.polars.height + 3
    foreign = tmp_path / "foreign.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(foreign)
    with pytest.raises((DatasetError, ProtocolError)):
        tu.read_usage(foreign)


GOOD = json.dumps({"result": RECORDS}).encode()
LIST = json.dumps(RECORDS).encode()
BROKEN = {
    "cut.json": (GOOD[:-9], "at character"),
    "empty.json": (b"", "is empty"),
    "none.json": (b"null", "a record or an envelope is missing"),
    "words.json": (b"<html>no</html>", "a record or an envelope is missing"),
    "line.ndjson": (b'{"id": "1"}\n{"id": \n', "at character"),
    "packed.json": (gzip.compress(GOOD, mtime=0), r"is packed \(gzip\): call it packed.json.gz"),
    "zipped.json": (b"PK\x03\x04rest", r"is packed \(zip\)"),
    "cut.json.gz": (gzip.compress(GOOD, mtime=0)[:-9], "cannot be read"),
    "spoilt.json.gz": (gzip.compress(GOOD, mtime=0)[:20] + b"\xff" * 40, "cannot be read"),
    "empty.json.gz": (gzip.compress(b" ", mtime=0), "is empty"),
    "wide.json": (GOOD.decode().encode("utf-16"), "UTF-16"),
    "wider.json": (LIST.decode().encode("utf-16-le"), "UTF-16"),
    "latin.json": ('[{"id": "\u00e9"}]'.encode("latin-1"), "not UTF-8 at byte 9"),
    "mixed.json": (json.dumps([{"result": RECORDS}, RECORDS[0]]).encode(), "pages beside records"),
    "refusal.json": (b'{"statusCode": 401, "error": "x", "message": "no token"}', "holds a refusal .401: no token"),
    "lists.json": (json.dumps([RECORDS]).encode(), "record 1 is"),
    "text.parquet": (b"hello", "does not begin as a Parquet file"),
    "date.json": (b'[{"id": "7", "start_date": "soon"}]', "record '7': start_date is 'soon'"),
    "charges.json": (b'[{"id": "7", "charges": {"a": 1}}]', "record '7': charges"),
}


@pytest.mark.parametrize("beside", [0, 4])
@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_an_error_that_names_the_file(tmp_path, name, beside):
    content, says = BROKEN[name]
    good = [write(tmp_path / each) for each in list(FORMS)[:beside]]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ProtocolError, DatasetError, UnreadableValueError), match=says) as told:
        tu.read_usage([*good[:2], tmp_path / name, *good[2:]])
    assert str(told.value).startswith(str(tmp_path / name))
    assert "report it to Truto" not in str(told.value)


def test_a_count_that_a_fraction_in_another_file_spoils_is_told_with_its_file(tmp_path):
    for number, count in enumerate(["1", "9007199254740993", "2", "0.5", "3"]):
        (tmp_path / f"{number}.json").write_text(f'[{{"id": "{number}", "usage": {{"tokens": {{"input": {count}}}}}}}]')
    with pytest.raises(
        UnreadableValueError, match=r"3\.json: record '1': usage\.tokens\.input is 9007199254740993"
    ) as told:
        tu.read_usage(tmp_path / "*.json")
    assert told.value.details["record_id"] == "1"


def test_a_name_that_looks_like_a_glob_is_a_name_where_that_file_is_there(tmp_path):
    for name in ("a[1].json", "a1.json", "a*.json"):
        (tmp_path / name).write_text(json.dumps([{"id": name}]))
    assert tu.read_usage(tmp_path / "a[1].json")["id"].to_list() == ["a[1].json"]
    assert tu.read_usage(tmp_path / "a*.json")["id"].to_list() == ["a*.json"]
    assert tu.read_usage(tmp_path / "a[0-9].json")["id"].to_list() == ["a1.json"]


FORKED = """
import os, sys
import truto_usage_nb as tu
print(tu.read_usage(sys.argv[1]).group_by("id").len().height)
if (child := os.fork()) == 0:
    try:
        tu.read_usage(sys.argv[1])
    except tu.UsageError as error:
        print(type(error).__name__, "spawn" in str(error), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_reading_in_a_child_forked_after_reading_is_an_error_that_says_spawn(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(write(tmp_path / "page.json"))]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.split("\n")[:2] == ["3", "InputError True"], said.stderr
