"""Records on disk give the frame that the service gives: pages, lists, lines, snapshots."""

import gzip
import json

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
}


def write(path, rows=RECORDS):
    path.write_bytes(FORMS[path.name](rows).encode())
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
    [b"", b"not json", b'{"result": [{"id": "1"}', b'{"id": "1"}\n{"id": ', b"\xff\xfe", gzip.compress(b"[]")],
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
