"""On disk names are distinct without regard to case and none is a folder's, so every engine reads the same values."""

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.backends_for_tests import spark
from tests.earlier_for_tests import EXPECTED, figures, unpacked
from tests.vendor_for_tests import Vendor, client
from truto_usage_nb.dataset.stored_columns import FOLDERS, kept_as, restoring, stored, storing
from truto_usage_nb.errors import hearing
from truto_usage_nb.frames import fitted

R, R_LOWER = "usage_code_file_extensions_R", "usage_code_file_extensions_r"
ON_DISK = {R: R, R_LOWER: "usage__code__file_extensions__r", "account": "account__2", "Month": "Month__2"}


def number(record):
    return int(record["id"].split("-")[1])


def named(record):
    """Give names that differ in case alone, at every level, and those of the folders."""
    n = number(record)
    charge = {
        "type": "net",
        "amount": n / 4,
        "currency": "USD",
        "Tier": n,
        "tier": f"t{n}",
        "deep": {"A": n, "a": 2 * n},
    }
    fresh = {"type": "Net", "amount": n / 8, "currency": "USD"}
    return {
        "account": f"own-{n}", "Month": n, "score": n, "charges": [charge, fresh],
        "usage": {"tokens": {"input": n}, "code": {"file_extensions": {"R": n, "r": 2 * n}}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def vendor():
    return Vendor({"f": "confluent"}, more=named)


@pytest.fixture(scope="module")
def loaded(vendor):
    with hearing():
        return client(vendor).load_usage("f", period=("2026-10-01", "2026-10-04"))


@pytest.fixture(scope="module")
def kept(vendor, tmp_path_factory):
    directory = tmp_path_factory.mktemp("named")
    with hearing():
        for period in (("2026-10-01", "2026-10-02"), ("2026-10-02", "2026-10-04")):
            client(vendor).scan_usage("f", directory, period=period)
    return directory


def numbers(loaded):
    return [int(each.split("-")[1]) for each in loaded["id"]]


def test_a_frame_keeps_its_names(kept, vendor, loaded):
    with hearing():
        scanned = client(vendor).scan_usage("f", kept, period=("2026-10-01", "2026-10-04"))
    assert scanned.collect().equals(loaded)
    assert tu.read_usage(kept).equals(loaded.drop("overhangs_period"))
    n = numbers(loaded)
    assert (loaded[R].to_list(), loaded[R_LOWER].to_list()) == (n, [2 * each for each in n])
    wanted = {"account", "Month", "charges_net", "charges_Net"}
    assert wanted <= set(loaded.columns)
    chosen = scanned.filter(pl.col("account") == f"own-{n[1]}").select("Month", "charges_Net", R_LOWER).collect()
    assert chosen.rows() == [(n[1], n[1] / 8, 2 * n[1])]


def distinct(dtype):
    if isinstance(dtype, pl.List):
        return distinct(dtype.inner)
    if not isinstance(dtype, pl.Struct):
        return True
    folded = {each.name.casefold() for each in dtype.fields}
    return len(folded) == len(dtype.fields) and all(distinct(each.dtype) for each in dtype.fields)


def assert_distinct(directory):
    for path in (directory / "records").rglob("*.parquet"):
        schema = pl.read_parquet_schema(path)
        assert len({name.casefold() for name in (*schema, *FOLDERS)}) == len(schema) + len(FOLDERS)
        assert all(map(distinct, schema.values()))


def test_files_hold_names_that_differ_by_more_than_case(kept):
    assert_distinct(kept)


COLUMNS = ["id", "account", "month", *ON_DISK.values(), "charges_net", "charges__Net"]


def rows_wanted(loaded):
    return [
        (f"f-{n}", "f", "2026-10", n, 2 * n, f"own-{n}", n, n / 4, n / 8) for n in numbers(loaded)
    ]  # fmt: skip


def test_duckdb_reads_them(kept, loaded):
    listed = ", ".join(f'"{name}"' for name in COLUMNS)
    found = duckdb.sql(f"select {listed} from read_parquet('{kept}/records/**/*.parquet') order by start_date")
    assert found.fetchall() == rows_wanted(loaded)
    tiers = duckdb.sql(
        "select c.Tier, c.tier_, c.deep.A, c.deep.a_ from "
        f"(select unnest(charges) c, start_date from read_parquet('{kept}/records/**/*.parquet')) "
        "where c.type = 'net' order by start_date"
    )
    assert tiers.fetchall() == [(n, f"t{n}", n, 2 * n) for n in numbers(loaded)]


def test_pyarrow_reads_them(kept, loaded):
    table = ds.dataset(kept / "records", partitioning="hive").to_table(columns=[*COLUMNS, "start_date"])
    found = pl.DataFrame(table).sort("start_date").select(COLUMNS)
    assert found.rows() == rows_wanted(loaded)


def test_polars_reads_them(kept, loaded):
    found = pl.scan_parquet(kept / "records", hive_partitioning=True, try_parse_hive_dates=False)
    assert found.sort("start_date").select(COLUMNS).collect().rows() == rows_wanted(loaded)


def test_spark_reads_them(kept, loaded):
    frame = spark().read.parquet(str(kept / "records")).orderBy("start_date")
    found = [tuple(row) for row in frame.select(*COLUMNS).collect()]
    assert found == rows_wanted(loaded)
    tiers = frame.selectExpr("charges[0].Tier", "charges[0].tier_", "charges[0].deep.a_").collect()
    assert [tuple(row) for row in tiers] == [(n, f"t{n}", 2 * n) for n in numbers(loaded)]


def test_a_name_once_given_stays(vendor, tmp_path):
    """`r` was there first: the `R` of a later day takes another name, though it stands before it in a frame."""
    first = Vendor(
        {"f": "confluent"}, more=lambda record: {"usage": {"code": {"file_extensions": {"r": number(record)}}}}
    )
    with hearing():
        client(first).scan_usage("f", tmp_path, period="2026-10-01")
        client(vendor).scan_usage("f", tmp_path, period="2026-10-02")
        frame = client(vendor).scan_usage("f", tmp_path, period=("2026-10-01", "2026-10-03")).collect()
    assert_distinct(tmp_path)
    held = pl.read_parquet(sorted((tmp_path / "records").rglob("*.parquet"))[0])
    assert held[R_LOWER].to_list() == numbers(held) == frame[R_LOWER].head(3).to_list()
    assert frame[R].to_list() == [None] * 3 + numbers(frame)[3:]
    assert held["usage__code__file_extensions__R"].null_count() == 3


def test_what_an_earlier_version_named_otherwise_is_read_and_made_distinct(tmp_path):
    directory = unpacked("names", tmp_path)
    before = tu.read_usage(directory)
    assert figures(before) == EXPECTED["names"]["opened"]
    with hearing():
        client(Vendor({"f": "confluent"}, more=named)).scan_usage("f", directory, period="2026-10-05")
    assert_distinct(directory)
    after = tu.read_usage(directory)
    old = after.filter(pl.col("integrated_account_id").ne_missing("f"))
    assert set(before.columns) < set(after.columns)  # `deep` and the charge `Net` are new
    for name in before.columns:
        if name != "charges":
            assert old[name].equals(before[name]), name
    for key in ("amount", "Tier", "tier"):
        assert items(old, key) == items(before, key)


def items(frame, key):
    return [item[key] for row in frame["charges"] for item in row]


# --- by algebra

keys = st.sampled_from(
    ["a", "A", "b", "B", "a_", "A_", "account", "Account", "MONTH", "month", "ß", "SS", "ss", "é", "É"]
)
leaves = st.sampled_from([pl.Int64(), pl.String(), pl.Float64()])


def structs(inner):
    return st.dictionaries(keys, inner, min_size=1, max_size=4).map(pl.Struct)


dtypes = st.recursive(leaves, lambda inner: st.one_of(structs(inner), inner.map(pl.List)), max_leaves=6)


@settings(max_examples=150)
@given(st.dictionaries(keys, dtypes, min_size=1, max_size=6), st.data())
def test_names_are_distinct_stay_and_lead_back(types, data):
    first = dict(list(types.items())[: data.draw(st.integers(0, len(types)))])
    names = kept_as(first, {}, {}, ())
    later = data.draw(st.permutations(list(types.items())).map(dict))
    names = kept_as(later, {}, names, first)
    columns = stored(later, names)
    assert len({name.casefold() for name, _ in columns} | set(FOLDERS)) == len(columns) + len(FOLDERS)
    assert all(distinct(dtype) for _, dtype in columns)
    alone = dict(stored(first, kept_as(first, {}, {}, ())))
    assert set(alone) <= {name for name, _ in columns}
    frame = fitted(pl.DataFrame(data.draw(st.lists(st.fixed_dictionaries({}), min_size=2, max_size=2))), later)
    frame = pl.concat([frame, filled(later)])
    kept = frame.select(storing(later, names))
    assert list(kept.schema.items()) == columns
    assert kept.select(restoring(later, names)).equals(frame)


def filled(types):
    """Give a row with a value at every leaf."""
    return pl.DataFrame([pl.Series(name, [value(dtype)], dtype=dtype) for name, dtype in types.items()])


def value(dtype):
    if isinstance(dtype, pl.List):
        return [value(dtype.inner), None]
    if isinstance(dtype, pl.Struct):
        return {each.name: value(each.dtype) for each in dtype.fields}
    return {pl.Int64(): 7, pl.String(): "x", pl.Float64(): 0.5}[dtype]
