"""A load from end to end, against a service of the test's own: what is asked, what is told, what is kept."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import (
    DuplicateError,
    InputError,
    IntegrationUnknownError,
    InvalidRequestError,
    PartialLoadError,
    PeriodError,
    QueryError,
    UsageWarning,
    hearing,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Service(httpx.AsyncBaseTransport):
    """Answer from a table of pages by account; write down what was asked."""

    def __init__(self, pages, integrations=None, refuse=()):
        self.pages, self.integrations, self.refuse = pages, integrations or {}, refuse
        self.asked = []

    async def handle_async_request(self, request):
        path, params = request.url.path, dict(request.url.params.multi_items())
        if path.startswith("/integrated-account/"):
            name = self.integrations.get(path.rsplit("/", 1)[1])
            if name is None:
                return httpx.Response(403, json={"statusCode": 403, "error": "Forbidden", "message": "scoped token"})
            return httpx.Response(200, json={"id": "x", "integration": {"id": "i", "name": name}})
        self.asked.append(params)
        account = params.get("integrated_account_id")
        if account in self.refuse:
            return httpx.Response(422, json={"statusCode": 422, "error": "Unprocessable Entity", "message": "no range"})
        found = self.pages[account]
        pages = found(params) if callable(found) else found
        number = int(params.get("next_cursor", "0"))
        following = str(number + 1) if number + 1 < len(pages) else None
        return httpx.Response(200, content=json.dumps({"result": pages[number], "next_cursor": following}))


def client(service, **options):
    return tu.Client("secret-token", transport=service, clock=lambda: NOW, **options)


def record(number, start, end=None, **more):
    return {"id": str(number), "start_date": start, "end_date": end or start, **more}


def test_records_come_in_the_order_served_with_provenance_in_front():
    service = Service({"a": [[record(1, "2026-10-01")], [], [record(2, "2026-10-02")]]}, {"a": "cursor"})
    frame = client(service).load_usage("a")
    assert frame["id"].to_list() == ["1", "2"]
    assert frame.columns[:4] == ["integrated_account_id", "integration", "report_type", "query_id"]
    assert frame["integration"].to_list() == ["cursor", "cursor"]


def test_remote_data_is_left_out_unless_asked_for():
    service = Service({"a": [[record(1, "2026-10-01", remote_data={"k": 1})]]}, {"a": "cursor"})
    assert "remote_data" not in client(service).load_usage("a").columns
    assert service.asked[-1]["truto_ignore_remote_data"] == "true"
    kept = client(service).load_usage("a", truto_ignore_remote_data=False)
    assert json.loads(kept["remote_data"][0]) == {"k": 1}


def test_report_type_stands_only_where_it_is_honoured():
    service = Service(
        {"a": [[record(1, "2026-10-01")]], "b": [[record(2, "2026-10-01")]]}, {"a": "claude", "b": "cursor"}
    )
    frame = client(service).load_usage(["a", "b"], report_type="cost")
    assert frame["report_type"].to_list() == ["cost", None]


def test_a_parameter_that_nobody_honours_is_told_once():
    service = Service({"a": [[record(1, "2026-10-01")]]}, {"a": "cursor"})
    with pytest.warns(UsageWarning, match="granularity is not honoured by Cursor"):
        client(service).load_usage("a", granularity="day")


def test_a_period_asks_claude_for_usage_and_cost_and_the_others_for_their_view():
    service = Service({"a": [[]], "d": [[]]}, {"a": "claude", "d": "datadog"})
    result = client(service).fetch_usage(["a", "d"], period="2026-10")
    assert [(q.integrated_account_id, q.report_type, q.start_date, q.end_date) for q in result.queries] == [
        ("a", "usage", "2026-10-01", "2026-11-01"),
        ("a", "cost", "2026-10-01", "2026-11-01"),
        ("d", None, "2026-10-01", "2026-10-31"),
    ]
    assert [q.granularity for q in result.queries] == ["day", "day", None]
    assert [each.get("granularity") for each in service.asked] == ["day", "day", None]
    assert result.frame.height == 0
    assert "charges_net" in result.frame.columns


def test_dates_of_ones_own_go_over_as_they_are():
    service = Service({"a": [[]]}, {"a": "claude"})
    own = {"report_type": "cost", "start_date": "2026-10-01T00:30:00+02:00", "end_date": "2026-10-08"}
    result = client(service).fetch_usage("a", **own)
    assert service.asked[-1] == {"integrated_account_id": "a", "truto_ignore_remote_data": "true", **own}
    assert result.queries[0].granularity is None


def test_records_outside_the_period_are_cut_and_those_that_stick_out_are_marked():
    rows = [
        record(1, "2026-10-01", "2026-11-01"),  # the whole month: sticks out of the week
        record(2, "2026-09-30", "2026-10-01"),  # belongs to no window of the month
        record(3, None),
    ]
    service = Service({"d": [rows]}, {"d": "datadog"})
    with pytest.warns(UsageWarning) as told:
        frame = client(service).load_usage("d", period=("2026-10-05", "2026-10-12"))
    assert frame["id"].to_list() == ["1", "3"]
    assert frame["overhangs_period"].to_list() == [True, False]
    words = " ".join(str(each.message) for each in told)
    assert "1 records of d stick out of the period" in words
    assert "1 records have no start_date" in words
    assert "1 record of d outside the period (2026-10-05 to 2026-10-12 (UTC, end excluded)) was left out" in words


def day_rows(first, count, hours=2, **more):
    """Rows of a vendor whose days begin some hours before UTC's, with ids as asked."""
    begin = datetime.fromisoformat(first).replace(tzinfo=timezone(timedelta(hours=hours)))
    days = [begin + timedelta(days=n) for n in range(count)]
    return [record(f"{d:%m-%d}", d.isoformat(), (d + timedelta(days=1)).isoformat(), **more) for d in days]


def by_local_day(rows, asked):
    """Answer a window as such a vendor does: by the date that a row has there."""
    return [[row for row in rows if asked["start_date"] <= row["start_date"][:10] < asked["end_date"][:10]]]


@pytest.mark.parametrize("named", [True, False])
def test_days_of_another_zone_all_arrive_whichever_window_returned_them(named):
    # August to October: 31 + 30 + 31 = 92 local days. The first of each month begins at 22:00 UTC of the month before,
    # so its own window is not the one that holds its start.
    rows = day_rows("2026-08-01", 92, **net(1.0))
    rows = rows if named else [{k: v for k, v in row.items() if k != "id"} for row in rows]
    service = Service({"c": lambda asked: by_local_day(rows, asked)}, {"c": "confluent"})
    with hearing() as said:
        frame = client(service).load_usage("c", period=("2026-08-01", "2026-11-01"))
    assert (frame.height, frame["charges_net"].sum()) == (92, 92.0)
    assert len(service.asked) == 3
    # August's first begins on 31 July: it sticks out of the period by two hours, and nothing else is told
    assert frame.filter("overhangs_period").height == 1
    assert len(said) == 1
    assert "1 records of c stick out" in said[0]


@pytest.mark.parametrize("named", [True, False])
def test_a_service_that_ignores_the_dates_gives_each_record_once_and_what_is_cut_is_told_once(named):
    rows = [
        record(1, "2026-10-05", "2026-10-06", **net(5.0)),
        record(2, "2026-10-06", "2026-10-07", **net(7.0)),
        record(3, "2025-01-01", "2025-01-02", **net(100.0)),
        record(4, "2026-12-01", "2026-12-02", **net(20.0, "EUR")),
    ]
    rows = rows if named else [{k: v for k, v in row.items() if k != "id"} for row in rows]
    service = Service({"x": [rows]}, {"x": "openai_codex"})
    with hearing() as said:
        frame = client(service).load_usage("x", period=("2026-10-05", "2026-10-09"))
    assert len(service.asked) == 4  # a day each, and each of them returned all four
    assert frame["charges_net"].to_list() == [5.0, 7.0]
    assert said == [
        "2 records of x (€20.00 and $100.00) outside the period (2026-10-05 to 2026-10-09 (UTC, end excluded)) were "
        "left out: the service answered with more than was asked"
    ]


def test_nothing_but_records_outside_the_period_is_no_silence():
    service = Service({"c": [[record(1, "2025-01-01", "2025-01-02", **net(3.0))]]}, {"c": "cursor"})
    with hearing():
        result = client(service).fetch_usage("c", period="2026-10-05")
    assert result.polars.height == 0
    assert result.told[0].startswith("1 record of c ($3.00) outside the period (2026-10-05 to 2026-10-06")
    assert "no record came at all" in result._repr_html_()


@pytest.mark.parametrize("integration", ["cursor", "confluent", "openai_codex", "claude"])
def test_a_record_that_begins_before_the_period_is_kept_and_marked(integration):
    row = record(1, "2026-10-01", "2026-11-01", **net(100.0))
    service = Service({"c": [[row]]}, {"c": integration})
    with hearing() as said:
        frame = client(service).load_usage("c", period="2026-10-05", **({"report_type": "cost"}))
    assert frame["overhangs_period"].to_list() == [True]
    assert frame["charges_net"].to_list() == [100.0]
    assert any("stick out of the period" in text for text in said)
    # a day of 31: 100 / 31 = 3.2258
    with hearing():
        shared = client(service).load_usage("c", period="2026-10-05", report_type="cost", overhang="prorate")
    assert shared["charges_net"].to_list() == [pytest.approx(100 / 31)]


def test_a_record_of_two_windows_is_that_of_the_window_that_holds_it_unless_the_other_is_newer():
    def answer(asked, updated=None):
        first = asked["start_date"].startswith("2026-10-01")
        row = record(1, "2026-10-30", "2026-10-31", **net(4.0 if first else 9.0))
        return [[row if updated is None else {**row, "updated_at": updated[not first]}]]

    def load(updated=None):
        with hearing() as said:
            service = Service({"c": lambda asked: answer(asked, updated)}, {"c": "cursor"})
            return client(service).load_usage("c", period="2026-10")["charges_net"].to_list(), said

    assert load() == ([4.0], [])
    assert load(("2026-11-02", "2026-11-02")) == ([4.0], [])
    found, said = load(("2026-11-02", "2026-11-03"))
    assert found == [9.0]
    assert "1 of them had other figures before ($4.00, now $9.00)" in said[0]


def test_a_running_total_that_no_window_holds_is_never_chosen_untold():
    """Two windows state one record that began before both, with other figures: nobody can say which is right."""

    def answer(asked):
        return [[record(1, "2026-09-20", "2026-11-20", **net(10.0 if asked["start_date"] < "2026-10-20" else 20.0))]]

    with hearing() as said:
        service = Service({"c": answer}, {"c": "cursor"})
        frame = client(service).load_usage("c", period="2026-10", overhang="include")
    assert sorted(frame["charges_net"]) == [10.0, 20.0]
    assert any("none is newer" in text for text in said)


def test_what_a_wider_window_brings_along_is_noted_and_not_warned_of():
    rows = [record(d, f"2026-10-{d:02}", f"2026-10-{d + 1:02}", **net(2.0)) for d in range(1, 31)]
    service = Service({"d": [rows]}, {"d": "datadog"})
    result = client(service).fetch_usage("d", period=("2026-10-05", "2026-10-12"))
    # asked by the month, so of thirty days seven are wanted: 23 at $2 are left out
    assert result.polars.height == 7
    assert result.told == ()
    assert result.notes == (
        "23 records of d ($46.00) outside the period (2026-10-05 to 2026-10-12 (UTC, end excluded)) were left out: "
        "the vendor answers for no narrower a span",
    )


def test_whoever_answers_without_a_record_is_noted():
    service = Service({"a": [[record(1, "2026-10-05")]], "b": [[]]}, {"a": "cursor", "b": "openai_codex"})
    result = client(service).fetch_usage(["a", "b"], period="2026-10-05")
    assert result.integrations == {"a": "cursor", "b": "openai_codex"}
    assert result.notes == ("b (OpenAI Codex) delivered no record of 2026-10-05 to 2026-10-06 (UTC, end excluded)",)
    assert "no: b (OpenAI Codex) delivered no record" in result._repr_html_()


def test_overhang_is_settled_as_told():
    # October's $31 over 31 days; seven of them lie inside: 31 x 7 / 31 = 7
    row = record(1, "2026-10-01", "2026-11-01", charges=[{"type": "total", "amount": 31.0, "currency": "USD"}])
    service = Service({"d": [[row]]}, {"d": "datadog"})
    week = ("2026-10-05", "2026-10-12")
    shared = client(service).load_usage("d", period=week, overhang="prorate")
    assert shared["charges_total"].to_list() == [pytest.approx(7.0)]
    assert shared["charges"][0][0]["amount"] == pytest.approx(7.0)
    assert shared["start_date"][0] == datetime(2026, 10, 5, tzinfo=UTC)
    assert client(service).load_usage("d", period=week, overhang="include")["charges_total"].to_list() == [31.0]
    assert client(service).load_usage("d", period=week, overhang="drop").height == 0
    with pytest.raises(InputError, match=r"overhang='prorated' is not allowed\. Did you mean 'prorate'"):
        client(service).load_usage("d", period=week, overhang="prorated")


def test_an_instant_belongs_to_the_window_that_holds_it():
    days = {"2026-10-01": [record(1, "2026-10-30T23:59:59.999Z")], "2026-10-31": [record(2, "2026-10-31T00:00:00Z")]}
    service = Service({"c": lambda params: [days[params["start_date"]]]}, {"c": "cursor"})
    assert client(service).load_usage("c", period="2026-10")["id"].to_list() == ["1", "2"]
    assert [each["end_date"] for each in service.asked] == ["2026-10-30T23:59:59.999Z", "2026-10-31T23:59:59.999Z"]


def net(amount, currency="USD"):
    return {"charges": [{"type": "net", "amount": amount, "currency": currency}]}


def of_two_queries(first, second):
    """Load two answers to two queries whose records are one account's and report type's; also what is told of them."""
    service = Service({"a": lambda asked: [second if asked["report_type"] == "cost" else first]}, {"a": "confluent"})
    with hearing() as said:
        frame = client(service).load_usage("a", report_type=["usage", "cost"])
    return frame, [text for text in said if "more than one query" in text]


def test_the_same_record_from_two_queries_counts_once_and_the_newest_stays():
    older = record(1, "2026-10-01", "2026-10-02", updated_at="2026-10-03", product={"id": "p", "name": "old"})
    newer = {**older, "updated_at": "2026-10-04", "product": {"id": "p", "name": "new"}}
    for first, second in ((older, newer), (newer, older)):
        frame, told = of_two_queries([first], [second])
        assert frame["product_name"].to_list() == ["new"]
        assert told == ["1 records came from more than one query; the newest of each is kept"]


def test_what_is_left_out_is_told_with_its_money():
    rows = [
        record("same", "2026-10-01", **net(3.0)),
        record("more", "2026-10-01", updated_at="2026-10-03", **net(4.0)),
        record("euro", "2026-10-01", **net(1.0, "EUR")),
        record("only", "2026-10-01", **net(7.0)),
    ]
    again = [rows[0], {**rows[1], "updated_at": "2026-10-04", **net(5.0)}, {**rows[2], **net(1.0, " eur")}]
    frame, told = of_two_queries(rows, again)
    # left out: 3 + 4 dollars and 1 euro; $4 became $5
    assert sorted(frame["charges_net"]) == [1.0, 3.0, 5.0, 7.0]
    assert told == [
        "3 records came from more than one query; the newest of each is kept (€1.00 and $7.00 left out); 1 of them had "
        "other figures before ($4.00, now $5.00)"
    ]


def test_other_figures_of_which_none_is_newer_are_all_kept_and_told_with_their_money():
    first = record("x", "2026-10-01", "2026-10-02", updated_at="2026-10-03", **net(3.0))
    frame, told = of_two_queries([first], [{**first, **net(4.0)}])
    assert frame["charges_net"].to_list() == [3.0, 4.0]
    assert told == [
        "1 records came from more than one query with other figures, and none is newer: all are kept, $7.00 together, "
        "such as 'x' of a from 2026-10-01 (charges_net 3.0 and 4.0); cost tables refuse them until the wrong one is "
        "filtered out, or one of them has an id of its own"
    ]
    with pytest.raises(DuplicateError, match=r"charges_net 3\.0 and 4\.0"):
        tu.cost_per(frame)


def test_what_sticks_out_is_told_apart_by_its_own_dates_not_by_the_periods():
    """Two cycles of one id, cut to one week: they are two records."""
    cycles = [
        record("c", "2026-10-01", "2026-10-31", **net(30.0)),
        record("c", "2026-10-02", "2026-11-01", **net(60.0)),
    ]
    service = Service({"d": lambda asked: [[cycles[asked["report_type"] == "cost"]]]}, {"d": "datadog"})
    with hearing():
        options = {"period": ("2026-10-05", "2026-10-12"), "report_type": ["usage", "cost"], "overhang": "prorate"}
        frame = client(service).load_usage("d", **options)
    # 30 x 7/30 and 60 x 7/30
    assert frame["charges_net"].to_list() == [pytest.approx(7.0), pytest.approx(14.0)]


DIMENSIONS = {
    "model": {"model": {"id": "n"}},
    "person": {"user": {"id": "u"}},
    "metric": {"metric_name": "n"},
    "product": {"product": {"id": "n"}},
    "surface": {"surface": "n"},
    "resource": {"resources": [{"id": "n"}]},
    "several resources": {"resources": [{"id": "n"}, {"id": "m"}]},
    "currency": net(1.0, "EUR"),
}


@pytest.mark.parametrize("what", DIMENSIONS)
def test_the_same_id_with_another_dimension_is_another_record(what):
    first = record("one", "2026-10-01", "2026-10-02", **net(1.0))
    frame, told = of_two_queries([first], [{**first, **DIMENSIONS[what]}])
    assert (frame.height, told) == (2, [])


def test_a_providers_own_rows_are_one_only_where_they_say_the_same():
    rows = [{"id": "1", "start_date": "2026-10-01", "end_date": "2026-10-02", "amount": amount} for amount in (3, 4)]
    for second, amounts in ((rows[1], [3, 4]), (rows[0], [3])):
        answers = {"usage": [rows[0]], "cost": [second]}
        service = Service({"a": lambda asked, of=answers: [of[asked["report_type"]]]}, {"a": "confluent"})
        with hearing():
            frame = client(service).load_usage("a", report_type=["usage", "cost"], truto_response_format="raw")
        assert frame["amount"].to_list() == amounts


def test_equal_records_of_one_query_are_not_duplicates():
    row = record(1, "2026-10-01")
    assert client(Service({"a": [[row, row]]}, {"a": "cursor"})).load_usage("a").height == 2


def test_limit_caps_the_records_and_truto_ignore_limit_lifts_it():
    rows = [[record(n, "2026-10-01") for n in range(page * 3, page * 3 + 3)] for page in range(3)]
    service = Service({"a": rows}, {"a": "cursor"})
    assert client(service).load_usage("a", limit=4).height == 4
    assert client(service).load_usage("a", limit=4, truto_ignore_limit=True).height == 9
    assert client(service).load_usage("a", limit=0).height == 0


def test_one_failing_account_does_not_lose_the_others():
    service = Service({"a": [[record(1, "2026-10-01")]], "b": [[]]}, {"a": "cursor", "b": "cursor"}, refuse={"b"})
    with pytest.raises(PartialLoadError, match="1 of 2 accounts failed") as failed:
        client(service).load_usage(["a", "b"])
    assert failed.value.result.frame["id"].to_list() == ["1"]
    assert isinstance(failed.value.errors["b"], InvalidRequestError)
    with pytest.warns(UsageWarning, match="b: .* failed: .*no range"):
        result = client(service).fetch_usage(["a", "b"], on_error="warn")
    assert result.frame.height == 1
    assert result.partial
    assert len(result.gaps) == 1


def test_an_account_that_cannot_be_looked_up_does_not_lose_the_others(tmp_path):
    service = Service({"a": [[record(1, "2026-10-05")]]}, {"a": "cursor"})
    with pytest.raises(PartialLoadError, match=r"1 of 2 accounts failed \(nope: the token may not look up") as failed:
        client(service).load_usage(["a", "nope"], period="2026-10-05")
    assert failed.value.result.frame["id"].to_list() == ["1"]
    with pytest.raises(PartialLoadError, match="the token may not look up account 'nope'"):
        client(service).scan_usage(["nope", "a"], tmp_path, period="2026-10-05")
    with pytest.warns(UsageWarning, match="nope: .* failed: the token may not look up account 'nope'"):
        scanned = client(service).scan_usage(["nope", "a"], tmp_path, period="2026-10-05", on_error="warn")
    assert scanned.collect()["id"].to_list() == ["1"]


def test_a_warning_points_at_the_line_that_asked():
    service = Service({"d": [[record(1, "2026-10-01", "2026-11-01")]]}, {"d": "datadog"})
    with pytest.warns(UsageWarning, match="stick out of the period") as told:
        client(service).load_usage("d", period="2026-10-05")
    assert [each.filename for each in told] == [__file__]


def test_nothing_loaded_is_an_error_and_never_an_empty_frame():
    service = Service({"b": [[]]}, {"b": "cursor"}, refuse={"b"})
    for on_error in ("raise", "warn"):
        with pytest.raises(InvalidRequestError, match="no range"):
            client(service).load_usage("b", on_error=on_error)


def test_an_integration_that_may_not_be_looked_up_is_said():
    service = Service({"a": [[record(1, "2026-10-01")]]})
    assert client(service).load_usage("a")["integration"].to_list() == [None]
    with pytest.raises(IntegrationUnknownError, match=r"integration=\{'a': 'claude'\}"):
        client(service).load_usage("a", period="2026-10")
    assert client(service).load_usage("a", period="2026-10-01", integration="cursor")["integration"].to_list() == [
        "cursor"
    ]
    assert client(service).load_usage("a", integration={"a": "confluent"})["integration"].to_list() == ["confluent"]


@pytest.mark.parametrize(
    ("what", "options", "error", "words"),
    [
        ([], {}, QueryError, "nothing to load"),
        (7, {}, QueryError, r"7 \(int\) cannot be loaded"),
        (["a", "a"], {}, QueryError, "asked twice"),
        ("a", {"perod": "2026-10"}, QueryError, "no option 'perod'. Did you mean 'period'"),
        ("a", {"period": "2026-10", "start_date": "2026-10-01"}, PeriodError, "both given"),
        ("a", {"period": "2026-12"}, PeriodError, "lies in the future"),
        ("a", {"period": "October"}, PeriodError, "is not a period"),
        ("a", {"backend": "panda"}, InputError, "Did you mean 'pandas'"),
        ("a", {"on_error": "ignore"}, InputError, "Allowed: raise, warn"),
    ],
)
def test_bad_input_is_refused_before_anything_is_loaded(what, options, error, words):
    service = Service({"a": [[]]}, {"a": "cursor"})
    with pytest.raises(error, match=words):
        client(service).load_usage(what, **options)
    assert service.asked == []


def test_a_period_past_now_is_cut_and_told():
    service = Service({"a": [[]]}, {"a": "confluent"})
    with pytest.warns(UsageWarning, match="after now: figures reach to 2026-11-23T12:00:00Z"):
        client(service).load_usage("a", period="2026-11")
    assert service.asked[-1]["end_date"] == "2026-11-24"


def test_pandas_keeps_integers_beside_nulls():
    rows = [record(1, "2026-10-01", usage={"tokens": {"input": 2**60}}), record(2, "2026-10-01")]
    frame = client(Service({"a": [rows]}, {"a": "cursor"})).load_usage("a", backend="pandas")
    assert frame["usage_tokens_input"].iloc[0] == 2**60
    assert str(frame["usage_tokens_input"].dtype) == "int64[pyarrow]"


def test_a_snapshot_comes_back_equal_and_a_changed_one_is_refused(tmp_path):
    service = Service({"a": [[record(1, "2026-10-01", charges=[{"type": "net", "amount": 1.5}])]]}, {"a": "cursor"})
    result = client(service).fetch_usage("a", period="2026-10-01")
    path = result.save(tmp_path / "one.parquet")
    again = tu.read_result(path)
    assert again.frame.equals(result.frame)
    assert again.queries == result.queries
    assert again.period == result.period
    assert tu.read_usage(path).equals(result.frame)
    metadata = pl.read_parquet_metadata(path)["truto_usage_nb"]
    pl.read_parquet(path).with_columns(id=pl.lit("2")).write_parquet(path, metadata={"truto_usage_nb": metadata})
    with pytest.raises(tu.errors.DatasetError, match="was changed after it was saved"):
        tu.read_usage(path)


def test_the_token_is_nowhere_to_be_seen():
    asking = client(Service({"a": [[]]}, {"a": "cursor"}))
    assert "secret-token" not in repr(asking)
    assert "secret-token" not in asking.fetch_usage("a")._repr_html_()


def test_html_escapes_what_came_from_outside():
    service = Service({"<b>": [[record(1, "2026-10-01")]]}, {"%3Cb%3E": "cursor", "<b>": "cursor"})
    html = client(service).fetch_usage("<b>")._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_progress_counts_queries_pages_and_records():
    seen = []
    rows = [[record(1, "2026-10-01")], [record(2, "2026-10-01")]]
    client(Service({"a": rows}, {"a": "cursor"})).load_usage("a", progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].pages, seen[-1].records) == (1, 1, 2, 2)


def test_accounts_and_products_of_the_sandbox():
    asking = tu.sandbox()
    accounts = asking.list_accounts()
    assert {"id", "name", "integration"} <= set(accounts.columns)
    assert set(accounts["integration"]) == {"claude", "openai_codex", "confluent", "cursor", "datadog"}
    assert asking.list_products("datadog").height > 0


class Backwards(httpx.AsyncBaseTransport):
    """Answer the accounts in the reverse of the order they were asked for, each page after the last account's."""

    def __init__(self, names):
        self.answered = {name: asyncio.Event() for name in names}
        self.after = dict(itertools.pairwise(names))
        self.order = []

    async def handle_async_request(self, request):
        name = request.url.params["integrated_account_id"]
        if name in self.after:
            await self.answered[self.after[name]].wait()
        first = "next_cursor" not in request.url.params
        self.order.append(name)
        if not first:
            self.answered[name].set()
        page = {"result": [{"id": f"{name}-{1 if first else 2}"}], "next_cursor": "more" if first else None}
        return httpx.Response(200, json=page)


def test_the_order_is_that_of_the_accounts_whatever_arrives_first():
    names = ["a", "b", "c", "d"]
    transport = Backwards(names)
    with tu.Client("tk", base_url="https://truto.example", transport=transport) as client:
        frame = client.load_usage(names, integration="cursor")
    assert transport.order == ["d", "d", "c", "c", "b", "b", "a", "a"]
    assert frame["id"].to_list() == [f"{name}-{page}" for name in names for page in (1, 2)]


class LookUpWaitsForAPage(Service):
    """Answer who stands behind `slow` only once a page of `quick` was asked for, and count the look-ups."""

    def __init__(self, pages, integrations):
        super().__init__(pages, integrations)
        self.looked_up, self.page_asked = [], asyncio.Event()

    async def handle_async_request(self, request):
        if request.url.path.startswith("/integrated-account/"):
            account = request.url.path.rsplit("/", 1)[1]
            self.looked_up.append(account)
            if account == "slow":
                async with asyncio.timeout(30):
                    await self.page_asked.wait()
        elif request.url.params["integrated_account_id"] == "quick":
            self.page_asked.set()
        return await super().handle_async_request(request)


@pytest.mark.parametrize("period", [None, "2026-10-05"])
def test_pages_travel_beside_the_look_ups_of_other_accounts(period):
    pages = {name: [[record(name, "2026-10-05")]] for name in ("slow", "quick")}
    service = LookUpWaitsForAPage(pages, {"slow": "cursor", "quick": "cursor"})
    seen = []
    frame = client(service).load_usage(["slow", "quick"], period=period, progress=seen.append)
    assert frame["id"].to_list() == ["slow", "quick"]
    assert frame["integration"].to_list() == ["cursor", "cursor"]
    assert (seen[-1].done, seen[-1].total) == (2, 2)


def test_an_account_of_several_queries_is_looked_up_once():
    service = LookUpWaitsForAPage({"quick": [[record(1, "2026-10-05")]]}, {"quick": "cursor"})
    queries = [tu.UsageQuery(integrated_account_id="quick", limit=most) for most in (1, 2)]
    client(service).load_usage(queries)
    assert service.looked_up == ["quick"]


def test_a_period_that_cannot_be_planned_ends_the_load_whatever_else_is_under_way():
    """The day is yet to come for one account, and the other's look-up waits for a page that is never asked for."""
    service = LookUpWaitsForAPage({"quick": [[]], "slow": [[]]}, {"slow": "cursor", "quick": "cursor"})
    with pytest.raises(PeriodError, match="2026-12"):
        client(service).load_usage(["slow", "quick"], period="2026-12")
