"""The promises of the frame, one by one, with the awkward thing on the last record of the last page.

Each is kept on every road: the fast one, the native one of many pages at once, and the exact walk, which a page takes
that is written with a space before each colon.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from truto_usage_nb.errors import UnreadableValueError
from truto_usage_nb.frames import (
    BuiltFrame,
    Layout,
    Provenance,
    batches,
    build_frame,
    parse_page,
    parse_pages,
    to_pandas,
)
from truto_usage_nb.frames.column_names import MOST_IN_A_MAP
from truto_usage_nb.frames.schema_memory import KNOWN
from truto_usage_nb.schema import columns

SOURCE = Provenance("acc-1", "claude", "usage", "0f0f0f0f")
DOCUMENTED = [field.column for field in columns()]
DTYPES = {
    "String": pl.String,
    "Int64": pl.Int64,
    "Float64": pl.Float64,
    "Boolean": pl.Boolean,
    "Datetime": pl.Datetime("us", "UTC"),
}


WRITTEN: dict[str, Any] = {"separators": (",", ":"), "native": False}


@pytest.fixture(autouse=True, params=["fast", "native", "exact"])
def _road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    WRITTEN["separators"] = (", ", " : ") if request.param == "exact" else (",", ":")
    WRITTEN["native"] = request.param == "native"
    monkeypatch.setattr(batches, "_WORTH_BYTES", 0)
    KNOWN.forget()


def tame(number: int) -> dict[str, Any]:
    """Make a record with nothing unusual about it."""
    return {
        "id": f"r{number}",
        "product": {"id": "claude", "name": "Claude"},
        "user": {"id": "u1", "email": "ada@example.com"},
        "charges": [{"amount": 1.25, "currency": "USD", "type": "net"}],
        "resources": [{"id": "key-1", "workspace": {"id": "w1", "name": "platform"}}],
        "usage": {"tokens": {"input": 10 + number, "output": 5}, "quantity": 2, "code": {"tool_actions": {"edit": 1}}},
        "start_date": "2026-10-01",
        "end_date": "2026-10-02",
    }


def page(*records: Any) -> bytes:
    """Write a page as the service does; text among the records is JSON already."""
    separators = WRITTEN["separators"]
    texts = [record if isinstance(record, str) else json.dumps(record, separators=separators) for record in records]
    return f'{{"result":[{",".join(texts)}],"next_cursor":null,"result_count":{len(texts)}}}'.encode()


def load(*bodies: bytes, layout: Layout | None = None, source: Provenance = SOURCE) -> BuiltFrame:
    layout = Layout() if layout is None else layout
    if WRITTEN["native"]:
        parse_page(page(*map(tame, range(3))), source, layout)  # whose shape is remembered
        return build_frame(parse_pages(bodies, source, layout), layout)
    return build_frame((parse_page(body, source, layout) for body in bodies), layout)


def load_last(record: Any, layout: Layout | None = None) -> BuiltFrame:
    """Load three pages of tame records, and the given one as the very last."""
    return load(
        page(*map(tame, range(4))), page(*map(tame, range(4, 8))), page(*map(tame, range(8, 11)), record), layout=layout
    )


def last(record: Any, column: str, layout: Layout | None = None) -> Any:
    """Give the last record's value in a column."""
    return load_last(record, layout).frame[column][-1]


class TestOneRowARecord:
    """Promise 1."""

    def test_records_stand_in_the_order_served(self) -> None:
        frame = load_last({"id": "last"}).frame
        assert frame["id"].to_list() == [*(f"r{number}" for number in range(11)), "last"]

    def test_a_scalar_is_named_by_its_path(self) -> None:
        record = '{"id":"last","usage":{"tokens":{"cache_write_ephemeral_5m":7}},"user":{"email":"x@y.z"}}'
        row = load_last(record).frame.row(-1, named=True)
        assert row["usage_tokens_cache_write_ephemeral_5m"] == 7
        assert row["user_email"] == "x@y.z"

    def test_no_column_name_holds_a_dot(self) -> None:
        built = load_last('{"id":"last","usage":{"code":{"file_extensions":{".py":3}}}}')
        assert built.frame["usage_code_file_extensions__py"][-1] == 3
        assert not [name for name in built.frame.columns if "." in name]


class TestDocumentedColumns:
    """Promise 2."""

    @pytest.mark.parametrize("bodies", [[], [page()], [b"[]"], [b'{"result":{},"next_cursor":"x"}'], [page({})]])
    def test_all_are_there_without_any_value(self, bodies: list[bytes]) -> None:
        frame = load(*bodies).frame
        assert frame.columns == DOCUMENTED
        for field in columns():
            if field.dtype != "List":
                assert frame.schema[field.column] == DTYPES[field.dtype], field.column

    def test_list_columns_have_their_dtype_without_any_value(self) -> None:
        schema = load().frame.schema
        assert schema["charges"] == pl.List(pl.Struct({"amount": pl.Float64, "currency": pl.String, "type": pl.String}))
        workspace = pl.Struct({"id": pl.String, "name": pl.String})
        assert schema["resources"] == pl.List(pl.Struct({"id": pl.String, "name": pl.String, "workspace": workspace}))

    def test_dtypes_do_not_depend_on_the_values(self) -> None:
        empty, full = load().frame.schema, load_last({"id": "last"}).frame.schema
        assert {name: full[name] for name in DOCUMENTED} == {name: empty[name] for name in DOCUMENTED}

    @pytest.mark.parametrize("excluded", ["product", "user.email", "charges", "resources", "usage", "id", "start_date"])
    def test_what_the_query_excluded_is_not_there(self, excluded: str) -> None:
        layout = Layout(excluded=(excluded,))
        frame = load_last(tame(99), layout).frame
        assert [c for c in frame.columns if c in DOCUMENTED] == [f.column for f in columns(excluded=(excluded,))]
        assert frame.height == 12

    @pytest.mark.parametrize(
        ("sent", "read"),
        [
            ("2026-10-05", datetime(2026, 10, 5, tzinfo=UTC)),
            ("2026-10-05T01:02:03Z", datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC)),
            ("2026-10-05T01:02:03.5Z", datetime(2026, 10, 5, 1, 2, 3, 500_000, tzinfo=UTC)),
            ("2026-10-05T01:02:03.123456+05:30", datetime(2026, 10, 4, 19, 32, 3, 123456, tzinfo=UTC)),
            ("2026-10-05T01:02:03-08:00", datetime(2026, 10, 5, 9, 2, 3, tzinfo=UTC)),
            ("2026-10-05t01:02:03z", datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC)),
            ("2026-10-05 01:02:03Z", datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC)),
            ("2026-10-05T01:02:03.123456789Z", datetime(2026, 10, 5, 1, 2, 3, 123456, tzinfo=UTC)),
            ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),  # a leap second
            ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_dates_of_any_form_mix(self, sent: str, read: datetime) -> None:
        frame = load_last({"id": "last", "start_date": sent}).frame
        assert frame.schema["start_date"] == pl.Datetime("us", "UTC")
        assert frame["start_date"].to_list() == [datetime(2026, 10, 1, tzinfo=UTC)] * 11 + [read]

    @pytest.mark.parametrize(
        "sent",
        ["2026-02-30", "2026-13-01", "2026-10-1", "yesterday", "", 1_790_000_000, "2026-10-01T24:00:00Z",
         "2026-10-01T00:00:00+24:00", "2026-10-01T00:00", "20261001", True],
    )  # fmt: skip
    def test_an_impossible_date_is_an_error(self, sent: Any) -> None:
        with pytest.raises(UnreadableValueError, match="start_date") as caught:
            load_last({"id": "last", "start_date": sent})
        assert caught.value.details == {"record_id": "last", "path": "start_date", "value": sent}


class TestCharges:
    """Promise 3, charges."""

    @staticmethod
    def row(*charges: Any) -> dict[str, Any]:
        return load_last({"id": "last", "charges": list(charges)}).frame.row(-1, named=True)

    @staticmethod
    def usd(amount: Any, kind: str) -> dict[str, Any]:
        return {"amount": amount, "currency": "USD", "type": kind}

    def test_amounts_of_one_type_add_up_as_written(self) -> None:
        row = self.row(self.usd(0.1, "tax"), self.usd(0.2, "tax"), self.usd(3, "total"))
        assert (row["charges_tax"], row["charges_total"]) == (0.3, 3.0)  # not 0.30000000000000004
        assert (row["charges_currency"], row["charges_count"]) == ("USD", 3)
        assert row["charges"] == [self.usd(0.1, "tax"), self.usd(0.2, "tax"), self.usd(3.0, "total")]

    @pytest.mark.parametrize("amounts", [["1e308", "1.1e308"], ["-1.7e308", "-1.6e308"]])
    def test_amounts_that_add_up_beyond_any_float_are_an_error_and_never_infinite(self, amounts: list[str]) -> None:
        charges = ",".join(f'{{"type":"usage_based","amount":{each},"currency":"USD"}}' for each in amounts)
        with pytest.raises(
            UnreadableValueError, match=r"'last': charges\.amount is '.*e\+308', but its amounts of type"
        ):
            load_last(f'{{"id":"last","charges":[{charges}]}}')

    def test_amounts_that_come_back_below_what_a_float_holds_are_their_sum(self) -> None:
        charges = ",".join(
            f'{{"type":"usage_based","amount":{each},"currency":"USD"}}' for each in ("1e308", "1e308", "-1.5e308")
        )
        found = load_last(f'{{"id":"last","charges":[{charges}]}}').frame["charges_usage_based"]
        assert found[-1] == 0.5e308

    def test_identical_repeats_of_total_and_net_count_once(self) -> None:
        row = self.row(*[self.usd(5, kind) for kind in ("total", "total", "net", "net", "credit", "credit")])
        assert (row["charges_total"], row["charges_net"], row["charges_credit"]) == (5, 5, 10)
        assert (self.row(self.usd(5, "net"), self.usd(6, "net"))["charges_net"], row["charges_count"]) == (11, 6)

    def test_an_unknown_type_becomes_a_column(self) -> None:
        built = load_last({"id": "last", "charges": [self.usd(9, "marketplace"), self.usd(1, "net")]})
        assert built.frame["charges_marketplace"].to_list() == [None] * 11 + [9.0]
        assert any("marketplace" in note for note in built.notes)

    def test_a_type_named_as_a_column_of_ours_takes_another_name(self) -> None:
        row = self.row(self.usd(9, "currency"))
        assert (row["charges_currency"], row["charges__currency"]) == ("USD", 9.0)

    def test_several_currencies_leave_the_wide_amounts_null(self) -> None:
        euro = {"amount": 2.0, "currency": "EUR", "type": "seat"}
        row = self.row(self.usd(1.0, "net"), euro)
        wide = {name: value for name, value in row.items() if name.startswith("charges_")}
        assert wide.pop("charges_count") == 2
        assert set(wide) >= {"charges_seat", "charges_net", "charges_currency"}
        assert set(wide.values()) == {None}
        assert row["charges"] == [self.usd(1.0, "net"), euro]

    def test_an_amount_without_a_currency_is_not_added_to_one_with(self) -> None:
        row = self.row(self.usd(1, "net"), {"amount": 2, "type": "net"})
        assert (row["charges_net"], row["charges_currency"]) == (None, None)
        row = self.row({"amount": 2, "type": "net"}, {"amount": 3, "type": "net"})
        assert (row["charges_net"], row["charges_currency"]) == (5.0, None)

    @pytest.mark.parametrize(("first", "second"), [("USD", " usd"), ("usd ", "USD"), (" Usd\u00a0", "uSD"), ("", None)])
    def test_a_currency_in_other_capitals_or_spaces_is_the_same(self, first: Any, second: Any) -> None:
        row = self.row(
            {"amount": 1, "type": "net", "currency": first}, {"amount": 2, "type": "net", "currency": second}
        )
        assert (row["charges_net"], row["charges_currency"], row["charges_count"]) == (3.0, first, 2)
        assert [each["currency"] for each in row["charges"]] == [first, second]
        twice = self.row(*({"amount": 5, "type": "total", "currency": each} for each in (first, second)))
        assert twice["charges_total"] == 5.0  # one statement, repeated

    @pytest.mark.parametrize("blank", [None, "", "  "])
    def test_an_amount_of_no_type_stands_in_a_column_of_its_own(self, blank: Any) -> None:
        charge = {"amount": 4.5, "currency": "USD", "type": blank}
        built = load_last({"id": "last", "charges": [self.usd(1, "net"), charge, charge]})
        # 4.5 + 4.5; net stays 1
        assert built.frame.select("charges_net", "charges_untyped").row(-1) == (1.0, 9.0)
        assert built.frame["charges_untyped"].null_count() == 11
        assert any("charges_untyped" in note or "untyped" in note for note in built.notes)
        assert built.frame["charges"][-1].to_list()[1] == charge

    def test_no_charges_is_null_and_none_is_none(self) -> None:
        assert self.row()["charges"] == []
        frame = load_last({"id": "last"}).frame
        assert (frame["charges"][-1], frame["charges_net"][-1], frame["charges_count"][-1]) == (None, None, 0)

    def test_unknown_keys_stay_inside(self) -> None:
        charge = (
            '{"amount":"2.50","currency":"USD","type":"net","tier":{"from":1,"name":null},"tags":["a",1.0],"sku":7}'
        )
        built = load_last(f'{{"id":"last","charges":[{charge}]}}')
        (kept,) = built.frame["charges"][-1]
        assert kept == {
            "amount": 2.5, "currency": "USD", "type": "net",
            "tier": {"from": 1, "name": None}, "tags": '["a",1.0]', "sku": 7,
        }  # fmt: skip
        assert built.frame["charges_net"][-1] == 2.5
        assert set(built.frame.columns) == {*DOCUMENTED, "usage_code_tool_actions_edit"}

    @pytest.mark.parametrize(
        ("charges", "path"),
        [
            ('{"amount":1}', "charges"),
            ('"none"', "charges"),
            ("[1]", "charges"),
            ('[{"amount":"a lot"}]', "charges.amount"),
            ('[{"amount":true}]', "charges.amount"),
            ('[{"amount":9007199254740993}]', "charges.amount"),
            ('[{"amount":1e999}]', "charges.amount"),
        ],
    )
    def test_what_is_no_charge_is_an_error(self, charges: str, path: str) -> None:
        with pytest.raises(UnreadableValueError) as caught:
            load_last(f'{{"id":"last","charges":{charges}}}')
        assert (caught.value.details["record_id"], caught.value.details["path"]) == ("last", path)

    def test_an_item_that_is_null_stays_an_item(self) -> None:
        row = self.row(None, self.usd(1.0, "net"), {})
        assert row["charges"] == [None, self.usd(1.0, "net"), None]
        assert (row["charges_count"], row["charges_net"]) == (3, 1.0)


class TestResources:
    """Promise 3, resources."""

    def test_one_is_expanded_two_are_counted(self) -> None:
        one = {"id": "a", "name": "A", "workspace": {"id": "w", "name": "W"}}
        wide = (
            "resources_count",
            "resources_id",
            "resources_name",
            "resources_workspace_id",
            "resources_workspace_name",
        )
        frame = load_last({"id": "last", "resources": [one]}).frame
        assert frame.select(wide).row(-1) == (1, "a", "A", "w", "W")
        frame = load_last({"id": "last", "resources": [one, {"id": "b", "zone": "eu"}]}).frame
        assert frame.select(wide).row(-1) == (2, None, None, None, None)
        assert [each["zone"] for each in frame["resources"][-1]] == [None, "eu"]

    def test_unknown_keys_of_a_workspace_stay_in_it(self) -> None:
        record = {"id": "last", "resources": [{"id": "a", "workspace": {"id": "w", "region": "eu"}}]}
        (kept,) = load_last(record).frame["resources"][-1]
        assert kept["workspace"] == {"id": "w", "name": None, "region": "eu"}


class TestOpenMaps:
    """Promise 4."""

    @staticmethod
    def built(tools: Any, layout: Layout | None = None) -> BuiltFrame:
        return load_last({"id": "last", "usage": {"code": {"tool_actions": tools}}}, layout)

    def test_a_column_for_each_path_sorted_after_the_documented_ones(self) -> None:
        built = self.built({"write": {"rejected": 2, "accepted": 1}, "bash": 3})
        stem = "usage_code_tool_actions"
        assert built.frame.columns[len(DOCUMENTED) :] == [
            f"{stem}_bash", f"{stem}_edit", f"{stem}_write_accepted", f"{stem}_write_rejected",
        ]  # fmt: skip
        assert built.frame[f"{stem}_write_rejected"].to_list() == [None] * 11 + [2]
        assert built.notes == ()

    @pytest.mark.parametrize(
        ("value", "dtype", "column"),
        [
            (2, pl.Int64, [1] * 11 + [2]),
            (2.5, pl.Float64, [1.0] * 11 + [2.5]),
            ("3", pl.Int64, [1] * 11 + [3]),
            (True, pl.String, ["1"] * 11 + ["true"]),
            (False, pl.String, ["1"] * 11 + ["false"]),
            ("many", pl.String, ["1"] * 11 + ["many"]),
            ([1, None], pl.String, ["1"] * 11 + ["[1,null]"]),
            (2**63, pl.String, ["1"] * 11 + [str(2**63)]),
        ],
    )
    def test_whole_numbers_else_numbers_else_text(self, value: Any, dtype: Any, column: list[Any]) -> None:
        found = self.built({"edit": value}).frame["usage_code_tool_actions_edit"]
        assert (found.dtype, found.to_list()) == (dtype, column)

    def test_the_later_of_two_paths_with_one_name_is_joined_by_more(self) -> None:
        row = self.built({"a_b": {"c": 1}, "a": {"b_c": 2}}).frame.row(-1, named=True)
        assert row["usage_code_tool_actions_a_b_c"] == 1
        assert row["usage__code__tool_actions__a__b_c"] == 2

    def test_beyond_the_limit_the_rest_is_kept_as_text_and_told_once(self) -> None:
        tools = {f"tool{number:03}": number for number in range(MOST_IN_A_MAP)} | {"zz": {"deep": 1.0, "list": [1.0]}}
        built = self.built(tools)
        stem = "usage_code_tool_actions"
        names = [name for name in built.frame.columns if name.startswith(stem)]
        assert len(names) == MOST_IN_A_MAP + 1  # `edit` of the tame records is one of the paths
        assert f"{stem}_edit" in names
        assert built.frame[f"{stem}_other"].to_list() == [None] * 11 + [
            '{"tool199":199,"zz":{"deep":1.0,"list":[1.0]}}'
        ]
        assert len(built.notes) == 1
        assert "203 paths" in built.notes[0]

    def test_two_maps_do_not_share_a_limit(self) -> None:
        code = {name: {f"k{number}": 1 for number in range(150)} for name in ("tool_actions", "file_extensions")}
        built = load_last({"id": "last", "usage": {"code": code}})
        assert built.notes == ()
        assert len(built.frame.columns) == len(DOCUMENTED) + 301


class TestProvenance:
    """Promise 5."""

    def test_it_comes_first_and_says_what_was_sent(self) -> None:
        frame = load_last({"id": "last"}).frame
        assert frame.columns[:4] == ["integrated_account_id", "integration", "report_type", "query_id"]
        assert frame.row(-1)[:4] == ("acc-1", "claude", "usage", "0f0f0f0f")

    def test_what_was_not_sent_is_not_filled_in(self) -> None:
        frame = load(page(tame(1)), source=Provenance("acc-2", "cursor", None, "1")).frame
        assert frame["report_type"].to_list() == [None]
        assert frame.schema["report_type"] == pl.String

    def test_pages_of_several_sources_keep_their_own(self) -> None:
        layout = Layout()
        sources = (Provenance("a", "cursor", None, "1"), Provenance("b", "claude", "cost", "2"))
        frame = build_frame([parse_page(page(tame(1), tame(2)), source, layout) for source in sources], layout).frame
        assert frame["integrated_account_id"].to_list() == ["a", "a", "b", "b"]
        assert frame["report_type"].to_list() == [None, None, "cost", "cost"]

    def test_what_the_service_says_fills_what_is_unknown(self) -> None:
        frame = load(page(tame(1) | {"report_type": "cost"}), source=Provenance("a", "claude")).frame
        assert frame["report_type"].to_list() == ["cost"]
        assert frame.columns == [*DOCUMENTED, "usage_code_tool_actions_edit"]

    def test_what_the_service_says_otherwise_is_kept_beside(self) -> None:
        built = load_last({"id": "last", "report_type": "cost"})
        assert built.frame["report_type"].to_list() == ["usage"] * 12
        assert built.frame["report_type__2"][-1] == "cost"
        assert len(built.notes) == 1


class TestNothingIsLost:
    """Promise 6."""

    def test_an_undocumented_field_becomes_a_column_and_is_named_once(self) -> None:
        extra = '{"id":"last","score":{"value":0.5,"label":"b"},"user":{"role":"dev"},"beta":true,"n":7}'
        built = load_last(extra)
        assert built.frame.columns[len(DOCUMENTED) + 1 :] == ["user_role", "score_value", "score_label", "beta", "n"]
        assert built.frame.select("user_role", "score_value", "score_label", "beta", "n").row(-1) == (
            "dev", 0.5, "b", True, 7,
        )  # fmt: skip
        (note,) = built.notes
        assert "user.role, score.value, score.label, beta, n" in note

    @pytest.mark.parametrize(
        ("values", "dtype", "column"),
        [
            (["1", "2"], pl.Int64, [1, 2]),
            (["1", "2.5"], pl.Float64, [1.0, 2.5]),
            (["true", "false"], pl.Boolean, [True, False]),
            (["true", "2"], pl.String, ["true", "2"]),  # inference would make it 1
            (['"x"', "2.5"], pl.String, ["x", "2.5"]),
            (["9007199254740993", "0.5"], pl.String, ["9007199254740993", "0.5"]),  # inference would lose a digit
            (["9223372036854775808", "1"], pl.String, ["9223372036854775808", "1"]),
            (['"007"', '"8"'], pl.String, ["007", "8"]),
            (["[]", '[{"a":1.0,"b":null,"c":[1e3]}]'], pl.String, ["[]", '[{"a":1.0,"b":null,"c":[1e3]}]']),
        ],
    )
    @pytest.mark.parametrize("together", [True, False])
    def test_an_undocumented_field_holds_what_was_sent(
        self, values: list[str], dtype: Any, column: list[Any], together: bool
    ) -> None:
        records = [f'{{"id":"{number}","new":{value}}}' for number, value in enumerate(values)]
        built = load(page(tame(1), *records)) if together else load(page(tame(1)), *(page(each) for each in records))
        assert (built.frame["new"].dtype, built.frame["new"].to_list()) == (dtype, [None, *column])

    def test_an_undocumented_name_never_takes_a_documented_one(self) -> None:
        row = load_last('{"id":"last","product_id":"mine","charges":[],"product":{"id":"theirs"}}').frame.row(
            -1, named=True
        )
        assert (row["product_id"], row["product_id__2"]) == ("theirs", "mine")

    def test_an_object_where_a_scalar_was_keeps_both(self) -> None:
        built = load_last('{"id":"last","surface":{"name":"chat"},"user":"ada"}')
        assert built.frame.select("surface", "surface_name", "user", "user_id").row(-1) == (None, "chat", "ada", None)

    def test_a_fraction_makes_a_count_a_float_and_is_not_cut(self) -> None:
        found = load_last('{"id":"last","usage":{"tokens":{"input":1.5}}}').frame["usage_tokens_input"]
        assert (found.dtype, found[0], found[-1]) == (pl.Float64, 10.0, 1.5)

    @pytest.mark.parametrize(
        ("sent", "read"),
        [("12.0", 12), ("1e3", 1000), ('"12"', 12), ('"1.2e1"', 12), ("-0", 0),
         ("9007199254740993", 2**53 + 1), ("9007199254740993.0", 2**53 + 1), ("9223372036854775807", 2**63 - 1),
         ("-9223372036854775808", -(2**63)), ('"9007199254740993"', 2**53 + 1)],
    )  # fmt: skip
    def test_a_count_is_read_whole(self, sent: str, read: int) -> None:
        found = load_last(f'{{"id":"last","usage":{{"tokens":{{"input":{sent}}}}}}}').frame["usage_tokens_input"]
        assert (found.dtype, found[-1]) == (pl.Int64, read)

    @pytest.mark.parametrize(
        "sent",
        ["9223372036854775808", "1e300", "9007199254740993.5", '"a dozen"', '""', "[1]", '"NaN"', '"0x10"', '"1_000"',
         "-9223372036854775809", '"١٢"', "true", "false", '"true"', "1.000000000000000000001",
         "-12.00000000000000000009",
         "0.99999999999999999999", '"1.000000000000000000001"', "4503599627370497.3", "1152921504606846976.5"],
    )  # fmt: skip
    def test_a_count_that_cannot_be_held_is_an_error(self, sent: str) -> None:
        with pytest.raises(UnreadableValueError, match=r"'last': usage\.tokens\.input") as caught:
            load_last(f'{{"id":"last","usage":{{"tokens":{{"input":{sent}}}}}}}')
        assert caught.value.details["record_id"] == "last"
        assert caught.value.details["path"] == "usage.tokens.input"

    @pytest.mark.parametrize("others", [["2"], ["2.5"], ['"2"'], ["null"], ["true"], ["2", "null", "0"]])
    @pytest.mark.parametrize("sent", ["true", "false"])
    @pytest.mark.parametrize("together", [True, False])
    def test_a_boolean_is_no_count_whatever_stands_beside_it(
        self, sent: str, others: list[str], together: bool
    ) -> None:
        texts = [
            f'{{"id":"{at}","usage":{{"tokens":{{"input":{value}}}}}}}' for at, value in enumerate([*others, sent])
        ]
        first = "0" if others == ["true"] else str(len(others))
        with pytest.raises(
            UnreadableValueError, match=r"usage\.tokens\.input is (True|False), but a boolean is"
        ) as caught:
            load(page(*texts)) if together else load(*map(page, texts))
        assert (caught.value.details["record_id"], caught.value.details["path"]) == (first, "usage.tokens.input")

    @pytest.mark.parametrize("amounts", [["2", "true"], ["true", "2.5"], ["true"]])
    def test_a_boolean_is_no_amount_either(self, amounts: list[str]) -> None:
        charges = ",".join(f'{{"amount":{each},"currency":"USD","type":"net"}}' for each in amounts)
        with pytest.raises(UnreadableValueError, match=r"record 'last': charges\.amount is True"):
            load_last(f'{{"id":"last","charges":[{charges}]}}')

    @pytest.mark.parametrize("values", [["true", "2"], ["2.5", "false"], ["true", "false"], ["true", "null", "1"]])
    @pytest.mark.parametrize("open_map", ["tool_actions", "file_extensions"])
    @pytest.mark.parametrize("together", [True, False])
    def test_a_boolean_in_an_open_map_is_a_text(self, open_map: str, values: list[str], together: bool) -> None:
        texts = [f'{{"usage":{{"code":{{"{open_map}":{{"py":{value}}}}}}}}}' for value in values]
        built = load(page(*texts)) if together else load(*map(page, texts))
        texted = [None if value == "null" else value for value in values]
        assert built.frame[f"usage_code_{open_map}_py"].to_list() == texted

    def test_a_count_too_large_for_a_float_is_an_error_where_the_column_must_be_one(self) -> None:
        big = page(*map(tame, range(3)), '{"id":"big","usage":{"tokens":{"input":9007199254740993}}}')
        with pytest.raises(UnreadableValueError) as caught:
            load(big, page(*map(tame, range(3)), '{"id":"last","usage":{"tokens":{"input":0.5}}}'))
        assert caught.value.details == {"record_id": "big", "path": "usage.tokens.input", "value": 2**53 + 1}

    def test_a_record_without_an_id_is_named_by_its_number(self) -> None:
        with pytest.raises(UnreadableValueError, match="'number 12'"):
            load_last('{"usage":{"tokens":{"input":"?"}}}')

    def test_an_amount_sent_as_text_is_read(self) -> None:
        assert last('{"id":"last","usage":{"quantity":"12.5"}}', "usage_quantity") == 12.5

    @pytest.mark.parametrize("sent", ["true", '"x"', "9007199254740993", "1e999"])
    def test_an_amount_that_cannot_be_held_is_an_error(self, sent: str) -> None:
        with pytest.raises(UnreadableValueError, match=r"usage\.quantity"):
            load_last(f'{{"id":"last","usage":{{"quantity":{sent}}}}}')

    @pytest.mark.parametrize(("sent", "read"), [("true", True), ("0", False), ('"true"', True), ("null", None)])
    def test_a_flag_is_read(self, sent: str, read: bool | None) -> None:
        assert (
            last(f'{{"id":"last","usage":{{"activity":{{"is_active":{sent}}}}}}}', "usage_activity_is_active") is read
        )

    def test_a_flag_that_is_none_is_an_error(self) -> None:
        with pytest.raises(UnreadableValueError, match="is_active"):
            load_last('{"id":"last","usage":{"activity":{"is_active":2}}}')

    @pytest.mark.parametrize(
        ("sent", "read"),
        [("12", "12"), ("2.50", "2.50"), ("123456789012345678901234", "123456789012345678901234"), ("true", "true"),
         ('"\\u00e9\\ud83d\\ude00"', "é😀"), ('"a\\":1,\\"b"', 'a":1,"b'), ('"x : y"', "x : y"), ("[1]", "[1]")],
    )  # fmt: skip
    def test_a_text_is_what_was_sent(self, sent: str, read: str) -> None:
        assert last(f'{{"id":"last","surface":{sent}}}', "surface") == read

    def test_half_a_surrogate_pair_is_an_error_and_no_other_letter(self) -> None:
        with pytest.raises(UnreadableValueError, match="surface"):
            load_last('{"id":"last","surface":"\\ud800"}')

    @pytest.mark.parametrize("absent", ["{}", "null", '{"tokens":{}}', '{"tokens":{"input":null}}'])
    def test_an_empty_object_equals_an_absent_one(self, absent: str) -> None:
        built = load_last(f'{{"id":"last","usage":{absent},"extra":{{}},"user":{{}},"product":null}}')
        without = load_last('{"id":"last"}')
        assert built.frame.equals(without.frame)
        assert built.frame.columns == without.frame.columns
        assert built.notes == ()

    def test_an_error_survives_for_any_page_of_many(self) -> None:
        bad = '{"id":"bad","usage":{"requests":{"total":"none"}}}'
        with pytest.raises(UnreadableValueError) as caught:
            load(page(tame(1)), page(tame(2), bad, tame(3)), page(tame(4)))
        assert caught.value.details == {"record_id": "bad", "path": "usage.requests.total", "value": "none"}


REMOTE = '{"cost": 1.0, "big": 123456789012345678901234567890, "e": 1E+2, "s": "\\u00e9\\"}", "n": null, "l": [{}, []]}'


class TestRemoteData:
    """Promise 6, remote_data."""

    def test_it_is_left_out_even_if_it_was_served(self) -> None:
        built = load_last(f'{{"id":"last","remote_data":{REMOTE},"surface":"chat"}}')
        assert "remote_data" not in built.frame.columns
        assert built.frame["surface"][-1] == "chat"
        assert built.notes == ()

    def test_it_is_the_text_that_was_sent(self) -> None:
        built = load_last(f'{{"id":"last","remote_data":{REMOTE},"surface":"chat"}}', Layout(remote_data=True))
        assert built.frame.columns[: len(DOCUMENTED) + 1] == [*DOCUMENTED, "remote_data"]
        assert built.frame["remote_data"].to_list() == [None] * 11 + [REMOTE]
        assert built.frame["surface"][-1] == "chat"

    @pytest.mark.parametrize("text", ["{}", "[1]", "true", '"x"', "2.50", '{"remote_data":{"a":1}}'])
    def test_any_value_is_kept(self, text: str) -> None:
        assert last(f'{{"remote_data":{text},"id":"last"}}', "remote_data", Layout(remote_data=True)) == text

    def test_null_is_null(self) -> None:
        assert last('{"remote_data":null,"id":"last"}', "remote_data", Layout(remote_data=True)) is None

    @pytest.mark.parametrize("keep", [True, False])
    def test_the_same_name_elsewhere_is_another_field(self, keep: bool) -> None:
        record = '{"id":"last","remote_data":{"a":1},"new":{"remote_data":2.50},"surface":"\\"remote_data\\":"}'
        built = load_last(record, Layout(remote_data=keep))
        assert built.frame["new_remote_data"][-1] == 2.5
        assert built.frame["surface"][-1] == '"remote_data":'
        assert built.frame["remote_data"][-1] == '{"a":1}' if keep else "remote_data" not in built.frame.columns


class TestRawAndPandas:
    """Promise 7."""

    RAW = Layout(documented=False)

    def test_raw_expands_by_the_same_walk(self) -> None:
        row = '"row":{"cents":"123.5","ok":true},"list":[{"a":1.0}],"usage":{"tokens":{"input":"12"}}'
        raw = f'{{"id":7,{row},"start_date":"x"}}'
        built = load(page(raw), layout=self.RAW)
        assert built.frame.columns == [
            "integrated_account_id", "integration", "report_type", "query_id",
            "id", "row_cents", "row_ok", "list", "usage_tokens_input", "start_date",
        ]  # fmt: skip
        assert built.frame.row(0)[4:] == (7, "123.5", True, '[{"a":1.0}]', "12", "x")
        assert built.notes == ()

    def test_raw_keeps_a_field_that_is_always_null(self) -> None:
        frame = load(page('{"a":null,"b":{"c":null},"d":{}}', '{"b":null}'), layout=self.RAW).frame
        assert frame.columns[4:] == ["a", "b_c"]
        assert frame.schema["a"] == pl.String

    def test_raw_without_records(self) -> None:
        assert load(layout=self.RAW).frame.columns == DOCUMENTED[:4]
        assert load(page({}), layout=self.RAW).frame.shape == (1, 4)

    def test_keyed_gives_the_same_frame(self) -> None:
        records = [json.dumps(tame(number), separators=WRITTEN["separators"]) for number in range(3)]
        keyed = ",".join(f'"k{number}":{record}' for number, record in enumerate(records))
        built = load(f'{{"next_cursor":"c","result":{{{keyed}}}}}'.encode())
        assert built.frame.equals(load(page(*records)).frame)

    def test_pandas_loses_nothing(self) -> None:
        frame = load_last('{"id":"last","usage":{"tokens":{"input":9007199254740993}},"new":{"x":[1]}}').frame
        made = to_pandas(frame)
        assert list(made.columns) == frame.columns
        assert str(made["usage_tokens_input"].dtype) == "int64[pyarrow]"
        assert str(made["start_date"].dtype) == "timestamp[us, tz=UTC][pyarrow]"
        assert str(made["usage_requests_total"].dtype) == "int64[pyarrow]"  # nothing but nulls
        assert made["usage_tokens_input"].iloc[-1] == 2**53 + 1
        assert list(made["charges"].iloc[0]) == [{"amount": 1.25, "currency": "USD", "type": "net"}]
        back = pl.from_pandas(made)
        assert back.equals(frame)
        assert back.schema == frame.schema

    def test_two_loads_may_be_set_below_each_other(self) -> None:
        wide = load_last('{"id":"last","new":1,"usage":{"tokens":{"input":0.5}}}').frame
        narrow = load(page(tame(1))).frame
        both = pl.concat([narrow, wide], how="diagonal_relaxed")
        assert both.height == 13
        assert both["usage_tokens_input"][-1] == 0.5
