"""One account that fails, in whatever way, does not lose the others: the rest is there, and the gap says why."""

import json

import pytest

import truto_usage_nb as tu
from tests.loopback import Service, answer
from truto_usage_nb.cli import main
from truto_usage_nb.errors import PartialLoadError, UnreadableValueError, hearing

PERIOD = ("2026-09-01", "2026-11-01")  # two windows of Confluent


def record(number, **more):
    charge = {"type": "net", "amount": 2.5, "currency": "USD"}
    return {"id": f"r{number}", "start_date": "2026-10-01", "end_date": "2026-10-02", "charges": [charge], **more}


def page(*records, **envelope):
    return answer(json.dumps({"result": list(records), "next_cursor": None, **envelope}).encode())


def said(**usage):
    return page(record(0), record(1, usage=usage))


WHOLE = page(record(0))
BODY = WHOLE.split(b"\r\n\r\n", 1)[1]
VALUES = {
    "a count that is text": (said(tokens={"input": "lots"}), "usage.tokens.input is 'lots'"),
    "a count that is a flag": (said(tokens={"input": True}), "usage.tokens.input is True"),
    "a count of 65 bits": (said(tokens={"input": 2**64}), "usage.tokens.input is 18446744073709551616"),
    "a date": (page(record(0), record(1) | {"start_date": "soon"}), "start_date is 'soon'"),
    "a date of no year": (page(record(0), record(1) | {"end_date": "0000-01-01"}), "end_date is '0000-01-01'"),
    "a date before all": (
        page(record(0), record(1) | {"start_date": "0001-01-01T00:00:00+05:00"}),
        "start_date is '0001-01-01T00:00:00+05:00'",
    ),
    "an amount": (page(record(0), record(1, charges=[{"amount": "much"}])), "charges.amount is 'much'"),
    "amounts beyond any float": (
        page(record(0), record(1, charges=[{"amount": 1e308, "type": "credit"}] * 2)),
        "charges.amount is '2.000000e+308'",
    ),
    "half a surrogate": (page(record(0), record(1, surface="\ud800")), "surface is '\\ud800'"),
    "charges that are no list": (page(record(0), record(1, charges={"a": 1})), "charges is {'a': 1}"),
    "a charge that is no object": (page(record(0), record(1, charges=["x"])), "charges is 'x'"),
}
ANSWERS = {
    "a result that is a text": (answer(b'{"result": "x"}'), "another shape"),
    "records that are numbers": (answer(b'{"result": [1]}'), ""),
    "no result": (answer(b'{"data": []}'), "another shape"),
    "no JSON": (answer(b"<html>"), "not JSON: '<html>'"),
    "half a JSON": (answer(BODY[:-9]), "broke off"),
    "NaN": (answer(b'{"result": [{"id": "r1", "usage": {"tokens": {"input": NaN}}}]}'), ""),
    "a key twice": (answer(b'{"result": [{"id": "r1", "id": "r2"}]}'), "stated twice"),
    "two cursors": (answer(b'{"result": [], "next_cursor": "a", "next_cursor": "b"}'), "twice"),
    "a cursor that is a flag": (page(record(0), next_cursor=False), "next_cursor"),
    "a cursor too long": (page(record(0), next_cursor="c" * 100_000), "next_cursor"),
    "a cursor that is half a surrogate": (page(record(0), next_cursor="\ud800"), "next_cursor"),
    "nothing": (answer(b"", 204), ""),
    "a refusal of 3 MB": (answer(json.dumps({"message": "m" * 3_000_000}).encode(), 400), "mmm"),
    "a redirection to nowhere": (answer(b"", 302, {"location": "http://[::1"}), ""),
    "no HTTP": (b"hello\r\n\r\n", ""),
    "gzip that is none": (answer(b"junk", 200, {"content-encoding": "gzip"}), ""),
}
KINDS = VALUES | ANSWERS


@pytest.fixture
def service():
    """Answer for `bad` in October as the test says, and for all others with one record."""
    with Service([[]]) as made:
        made.spoilt = WHOLE

        def respond(path, params, headers):
            if path.startswith("/integrated-account"):
                return answer(json.dumps({"id": "x", "integration": {"name": "confluent"}}).encode())
            october = params.get("start_date", "").startswith("2026-10")
            return made.spoilt if params["integrated_account_id"] == "bad" and october else WHOLE

        made.respond = respond
        yield made


def asking(service):
    return tu.Client("tk-0123456789", base_url=service.url, retries=0, timeout=5.0)


def frame_of(service, how, directory, accounts, **options):
    with asking(service) as client:
        if how == "load":
            return client.load_usage(accounts, period=PERIOD, **options)
        return client.scan_usage(accounts, directory, period=PERIOD, **options).collect()


@pytest.mark.parametrize("how", ["load", "scan"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_rest_is_there_and_the_gap_says_what_it_was(service, tmp_path, how, kind):
    service.spoilt, says = KINDS[kind]
    with hearing() as told:
        frame = frame_of(service, how, tmp_path, ["a", "bad", "c"], on_error="warn")
    # r0 of October comes with September's window of `bad`, too
    assert sorted(frame["integrated_account_id"]) == ["a", "bad", "c"]
    assert frame["charges_net"].sum() == 7.5
    (gap,) = [text for text in told if " failed: " in text]
    assert gap.startswith("bad: UsageQuery(integrated_account_id='bad'")
    assert says in gap
    assert len(gap) < 2_000
    if kind in VALUES:
        assert "account 'bad', record 'r1'" in gap


@pytest.mark.parametrize("how", ["load", "scan"])
@pytest.mark.parametrize("kind", KINDS)
def test_raised_it_names_the_account_and_holds_the_rest(service, tmp_path, how, kind):
    service.spoilt, says = KINDS[kind]
    with pytest.raises(PartialLoadError, match=r"1 of 3 accounts failed .bad: ") as caught, hearing():
        frame_of(service, how, tmp_path, ["a", "bad", "c"])
    result = caught.value.result
    held = result.polars if how == "load" else result.collect()
    assert sorted(held["integrated_account_id"]) == ["a", "bad", "c"]
    assert says in str(caught.value.errors["bad"])


@pytest.mark.parametrize("how", ["load", "scan"])
@pytest.mark.parametrize("kind", VALUES)
def test_one_window_of_one_account_fails_alone(service, tmp_path, how, kind):
    service.spoilt, says = VALUES[kind]
    with hearing() as told:
        frame = frame_of(service, how, tmp_path, "bad", on_error="warn")
    assert frame["id"].to_list() == ["r0"]
    assert any(says in text for text in told)
    with pytest.raises(UnreadableValueError, match="'bad'"), hearing():
        frame_of(service, how, tmp_path, "bad")


@pytest.mark.parametrize("kind", ["a date", "an amount", "half a JSON"])
def test_the_command_line_writes_the_rest_and_says_what_is_missing(service, tmp_path, kind, monkeypatch, capsys):
    service.spoilt, says = KINDS[kind]
    monkeypatch.setenv("TRUTO_API_TOKEN", "tk-0123456789")
    monkeypatch.setenv("TRUTO_BASE_URL", service.url)
    path = tmp_path / "rest.parquet"
    command = ["load", "a", "bad", "c", "--period", "2026-10", "-o", str(path)]
    code = main([*command, "--on-error", "warn"])
    _, err = capsys.readouterr()
    assert code != 0 or says in err
    assert says in err
    assert sorted(tu.read_usage(path)["integrated_account_id"]) == ["a", "c"]
    assert says in tu.read_result(path).gaps[0]
    path.unlink()
    assert main(command) != 0
    assert "bad" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("kind", ["a date", "an amount", "half a JSON"])
def test_a_form_shows_the_rest_and_what_is_missing(service, kind):
    service.spoilt, says = KINDS[kind]
    with asking(service) as client:
        form = tu.QueryForm(client, accounts=["a", "bad", "c"], period="2026-10")
        form.run()
        form.wait()
        assert sorted(form.frame["integrated_account_id"]) == ["a", "c"]
        assert says in str(form.error.errors["bad"])
        assert says in form.result.gaps[0]
        assert says.split(" is ")[0] in form.row.shown.value
        with pytest.raises(PartialLoadError, match="1 of 3 accounts failed"):
            form.load()
        form.close()


def test_a_count_of_one_account_that_a_fraction_of_another_spoils_loses_neither_twice(service, tmp_path):
    """The two cannot stand in one column; each can alone, so the one that came later is the gap."""
    counts = {"a": "9007199254740993", "b": "3", "c": "0.5", "d": "7"}

    def respond(path, params, headers):
        count = counts[params["integrated_account_id"]]
        return answer(f'{{"result": [{{"id": "r", "usage": {{"tokens": {{"input": {count}}}}}}}]}}'.encode())

    service.respond = respond
    with hearing() as told, asking(service) as client:
        frame = client.load_usage(list(counts), on_error="warn", integration="confluent")
    assert frame["integrated_account_id"].to_list() == ["a", "b", "d"]
    assert frame["usage_tokens_input"].to_list() == [9007199254740993, 3, 7]
    assert any(text.startswith("c: ") and "is 9007199254740993" in text for text in told)
