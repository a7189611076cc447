"""An account that fails does not take a report down with on_error="warn": the page names it and why, and nothing of
what is missing counts as zero, as saved or as final."""

from datetime import UTC, datetime

import httpx
import polars as pl
import pytest

import truto_usage_nb as tu
from tests.loopback import Service, answer
from truto_usage_nb.cli import main
from truto_usage_nb.errors import ForbiddenError, InputError, PartialLoadError, UsageError, UsageWarning, hearing
from truto_usage_nb.planning import Period
from truto_usage_nb.reports import parts
from truto_usage_nb.reports.loading import load
from truto_usage_nb.reports.parts.trust import doubts
from truto_usage_nb.reports.steps import Step

TOKEN = "tk-0123456789abcdef"
SIDES = {"good": "confluent", "bad": "cursor", "third": "datadog"}
BILLED = {"good": {"2026-09": 8.0, "2026-10": 10.0}, "bad": {"2026-09": 5.0, "2026-10": 4.0}, "third": {}}
OCTOBER, SEPTEMBER = "2026-10", "2026-09"
REFUSED = httpx.Response(401, json={"message": f"the key {TOKEN} was revoked"})
BROKEN = httpx.Response(500, json={"message": "out of order"})
WAYS = {
    "401": (REFUSED, "was revoked"),
    "500": (BROKEN, "out of order"),
    "a value": ("lots", "usage.tokens.input is 'lots'"),
    "no JSON": (httpx.Response(200, text="<html>"), "not JSON"),
}


def record(account, month, **usage):
    charge = {"type": "net", "amount": BILLED[account][month], "currency": "USD"}
    day = {"start_date": f"{month}-05T00:00:00Z", "end_date": f"{month}-05T23:59:59Z"}
    return {"id": f"{account}-{month}", **day, "charges": [charge], "usage": usage}


class Vendor:
    """Answer every account with its record of a month; `fails` says how the account and month are answered instead."""

    def __init__(self, fails, *, listed=True, looked_up=True):
        self.fails, self.listed, self.looked_up = fails, listed, looked_up

    def __call__(self, request):
        path, asked = request.url.path, dict(request.url.params)
        if path == "/integrated-account":
            rows = [{"id": name, "integration": {"name": side}, "tenant_id": name} for name, side in SIDES.items()]
            return httpx.Response(200, json={"result": rows}) if self.listed else httpx.Response(403, json={})
        if path.startswith("/integrated-account/"):
            name = path.rpartition("/")[2]
            if not self.looked_up:
                return httpx.Response(403, json={"message": "not yours"})
            return httpx.Response(200, json={"id": name, "integration": {"name": SIDES[name]}})
        account = asked["integrated_account_id"]
        start, end = asked["start_date"][:10], asked["end_date"][:10]
        for (name, month), how in self.fails.items():
            if name == account and month in (None, start[:7]):
                if how != "lots":
                    return how
                return self.page([record(account, month or start[:7], tokens={"input": "lots"})])
        return self.page([record(account, month) for month in BILLED[account] if start <= f"{month}-05" <= end])

    def page(self, records):
        return httpx.Response(200, json={"result": records, "next_cursor": None})


def client_of(fails, **more):
    now = datetime(2026, 12, 20, tzinfo=UTC)
    return tu.Client(TOKEN, transport=httpx.MockTransport(Vendor(fails, **more)), retries=0, clock=lambda: now)


def quiet(_: Step) -> None:
    return None


def loaded(fails, accounts=("good", "bad"), *, on_error="warn", before=1, **more):
    with client_of(fails, **more) as client:
        return load(client, accounts, OCTOBER, quiet, before=before, on_error=on_error)


def book_of(tmp_path, fails, accounts=("good", "bad"), **given):
    with hearing():
        result = loaded(fails, accounts)
    return parts.open_book(result.save(tmp_path / "usage.parquet"), period=OCTOBER, **given)


# what is loaded -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_the_rest_is_there_and_one_sentence_says_who_is_missing_and_why(way):
    how, says = WAYS[way]
    with hearing() as told:
        result = loaded({("bad", OCTOBER): how})
    assert result.partial
    months = result.polars.select("integrated_account_id", pl.col("start_date").dt.month()).rows()
    assert sorted(months) == [("bad", 9), ("good", 9), ("good", 10)]
    (said,) = [text for text in told if "could not be loaded" in text]  # October is two windows of Cursor: one sentence
    assert said.startswith("2026-10-01 to 2026-11-01 (UTC, end excluded): bad (Cursor) could not be loaded")
    assert says in said
    assert "\n" not in said
    assert not any(TOKEN in text for text in (*told, *result.gaps, *result.told))


def test_by_default_it_is_raised():
    with pytest.raises(PartialLoadError, match="1 of 2 accounts failed") as caught, hearing():
        loaded({("bad", None): BROKEN}, on_error="raise")
    assert caught.value.result is not None


@pytest.mark.parametrize("accounts", [["bad"], ["good", "bad"]])
def test_all_failing_is_an_error_with_warn_too(accounts):
    with pytest.raises(UsageError, match="out of order") as caught, hearing():
        loaded({("good", OCTOBER): BROKEN, ("bad", OCTOBER): BROKEN}, accounts)
    assert "on_error" not in str(caught.value)


def test_the_period_before_lacks_only_who_failed_in_it_and_all_of_it_where_all_did():
    with hearing() as told:
        one = loaded({("bad", SEPTEMBER): BROKEN})
    assert (str(one.period), one.polars.height) == ("2026-09-01 to 2026-11-01 (UTC, end excluded)", 3)
    assert [text[:25] for text in told if "bad (Cursor) could not be loaded" in text] == ["2026-09-01 to 2026-10-01 "]
    with hearing() as told:
        none = loaded({("bad", SEPTEMBER): BROKEN, ("good", SEPTEMBER): BROKEN})
    assert none.period == Period.parse(OCTOBER)
    assert any(text.startswith("nothing before 2026-10-01 is compared") for text in told)


def test_accounts_that_may_not_be_listed_are_to_be_named():
    with pytest.raises(ForbiddenError, match=r"may not list the accounts .*; accounts= names those to report on"):
        loaded({}, None, listed=False)
    assert loaded({}, listed=False, on_error="raise").polars.height == 4


def test_accounts_that_may_not_be_looked_up_are_said_by_integration():
    with client_of({}, listed=False, looked_up=False) as client:
        with pytest.raises(UsageError, match=r"say it yourself: integration=\{'good': 'claude'\}"), hearing():
            load(client, ["good"], OCTOBER, quiet, before=1)
        whole = load(
            client, ["good", "bad"], OCTOBER, quiet, before=1, integration={"good": "confluent", "bad": "cursor"}
        )
    assert whole.polars.height == 4


def test_the_views_by_person_of_claude_fail_alone(tmp_path):
    """They state the bill again, so nothing is missing of it; who used what is."""
    charge = {"type": "total", "amount": 3.0, "currency": "USD"}

    def respond(request):
        if request.url.path.startswith("/integrated-account"):
            return httpx.Response(200, json={"id": "k", "integration": {"name": "claude"}})
        kind = request.url.params["report_type"]
        if kind.startswith("user_"):
            return BROKEN
        row = {"id": kind, "start_date": "2026-10-05T00:00:00Z", "end_date": "2026-10-06T00:00:00Z"}
        return httpx.Response(200, json={"result": [row | ({"charges": [charge]} if kind == "cost" else {})]})

    now = datetime(2026, 12, 20, tzinfo=UTC)
    with tu.Client("t", transport=httpx.MockTransport(respond), retries=0, clock=lambda: now) as client:
        with pytest.raises(UsageError, match="out of order"), hearing():
            load(client, ["k"], OCTOBER, quiet, users=True)
        with hearing() as told:
            result = load(client, ["k"], OCTOBER, quiet, users=True, on_error="warn")
    assert result.partial
    assert any("k (Claude) could not be loaded by person: " in text for text in told)
    book = parts.open_book(result.save(tmp_path / "k.parquet"), period=OCTOBER)
    assert parts.sentences(book)[0] == "October 2026 cost $3.00, before credits and tax."
    assert "k (Claude) could not be loaded by person" in parts.sentences(book)[2]
    assert "INCOMPLETE" in parts.head(book).markup


# what the page says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_the_page_names_it_first_and_is_never_final(tmp_path, way):
    how, says = WAYS[way]
    book = book_of(tmp_path, {("bad", OCTOBER): how})
    cost, change, _ = parts.sentences(book)
    assert cost.startswith(
        "October 2026 cost at least $10.00, before credits and tax. Not in it: bad (Cursor) could not "
    )
    assert says in cost
    # good alone: 10 - 8 = 2 more; the 5 that bad billed in September is no saving
    assert change.startswith("Against September 2026 that is $2.00 more (25 %) for the accounts with records of both.")
    assert "October 2026: bad (Cursor) could not be loaded" in change
    assert change.endswith("Not compared for that: $5.00 of September 2026.")
    (doubt,) = [each for each in doubts(book) if each.what.startswith("bad (Cursor) could not be loaded")]
    assert (doubt.amount, doubt.currency) == (5.0, "USD")  # at what it billed in September
    assert says in doubt.how
    head = parts.head(book).markup
    assert "INCOMPLETE" in head
    assert "FINAL" not in head
    assert "bad (Cursor) could not be loaded" in head
    assert "UsageQuery" not in head
    assert "delivered no record" not in parts.coverage(book).markup
    whole = "".join(part(book).markup for part in (parts.head, parts.answer, parts.bridge, parts.coverage, parts.foot))
    assert TOKEN not in whole
    assert "Traceback" not in whole


def test_without_a_failure_the_same_month_is_final(tmp_path):
    book = book_of(tmp_path, {})
    assert parts.sentences(book)[:2] == [
        "October 2026 cost $14.00, before credits and tax; the largest are Confluent $10.00 (71 %) "
        "and Cursor $4.00 (29 %).",
        "Against September 2026 that is $1.00 more (8 %). Confluent moved most: up $2.00.",
    ]
    assert "FINAL" in parts.head(book).markup


def test_an_account_that_failed_before_is_not_new(tmp_path):
    book = book_of(tmp_path, {("bad", SEPTEMBER): BROKEN})
    cost, change, _ = parts.sentences(book)
    assert cost.startswith("October 2026 cost $14.00, ")
    assert change.startswith("Against September 2026 that is $2.00 more (25 %) for the accounts with records of both.")
    assert "September 2026: bad (Cursor) could not be loaded: " in change
    assert change.endswith("Not compared for that: $4.00 of October 2026.")
    assert "FINAL" in parts.head(book).markup  # of October nothing is missing
    assert "of the period before, bad (Cursor)" in parts.foot(book).markup


def test_an_account_that_failed_in_part_is_not_compared_either(tmp_path):
    """Cursor's October is two windows; the second alone fails."""

    def late(request):
        if request.url.params.get("start_date", "").startswith("2026-10-31"):
            return BROKEN
        return Vendor({})(request)

    now = datetime(2026, 12, 20, tzinfo=UTC)
    with tu.Client("t", transport=httpx.MockTransport(late), retries=0, clock=lambda: now) as client, hearing():
        result = load(client, ["good", "bad"], OCTOBER, quiet, before=1, on_error="warn")
    book = parts.open_book(result.save(tmp_path / "part.parquet"), period=OCTOBER)
    cost, change, _ = parts.sentences(book)
    assert cost.startswith("October 2026 cost at least $14.00")
    assert "bad (Cursor) could not be loaded in whole, 1 of 2 queries failed: " in cost
    assert "that is $2.00 more (25 %) for the accounts" in change
    assert change.endswith("Not compared for that: $5.00 of September 2026 and $4.00 of October 2026.")


def test_nothing_is_left_of_a_budget_nor_of_an_invoice_where_somebody_is_missing(tmp_path):
    bills = pl.DataFrame({"integration": ["cursor", "confluent"], "month": OCTOBER, "currency": "USD",
                          "amount": [4.0, 10.0]})  # fmt: skip
    bills.write_csv(tmp_path / "bills.csv")
    fails = {("bad", OCTOBER): BROKEN}
    book = book_of(tmp_path, fails, budget=50.0, invoices=tmp_path / "bills.csv")
    assert parts.bill_table(book).select("integration", "difference").sort("integration").rows() == [
        ("confluent", 0.0),
        ("cursor", None),
    ]
    page = parts.pace(book).markup
    assert "what it cost is not in these figures" in page
    assert "40.00" not in page  # 50 - 10 is not what is left
    assert "40.00" in parts.pace(book_of(tmp_path, {("bad", SEPTEMBER): BROKEN}, budget=54.0)).markup  # 54 - 14


def test_what_failed_is_not_restated(tmp_path):
    with hearing():
        earlier = loaded({}).save(tmp_path / "earlier.parquet")
    book = book_of(tmp_path, {("bad", OCTOBER): BROKEN}, earlier=earlier)
    page = parts.restated(book).markup
    assert "October 2026 was reported as $10.00, and still is." in page
    assert "September 2026 was reported as $13.00, and still is." in page
    assert "October 2026: bad could not be loaded for both snapshots" in page


def test_a_snapshot_of_a_load_with_gaps_says_the_same(tmp_path):
    with client_of({("bad", OCTOBER): BROKEN}) as client, pytest.warns(UsageWarning):
        result = client.fetch_usage(["good", "bad"], period=OCTOBER, on_error="warn")
    book = parts.open_book(result.save(tmp_path / "load.parquet"))
    assert "Not in it: bad (Cursor) could not be loaded: " in parts.sentences(book)[0]
    assert "INCOMPLETE" in parts.head(book).markup


# the arguments --------------------------------------------------------------------------------------------------------


def test_a_wrong_word_and_a_snapshot_are_refused(tmp_path):
    with pytest.raises(InputError, match="on_error='ignore' is not allowed"):
        tu.render_report("ai_spend", tmp_path / "x.html", period=OCTOBER, sandbox=True, on_error="ignore")
    with hearing():
        kept = loaded({}).save(tmp_path / "kept.parquet")
    with pytest.raises(InputError, match="snapshot= and on_error= are both given"):
        tu.render_report("ai_spend", tmp_path / "x.html", snapshot=kept, on_error="warn")


# the command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def service(monkeypatch):
    """The same vendor on loopback, where a command finds it."""
    vendor = Vendor({("bad", OCTOBER): REFUSED})

    def respond(path, params, headers):
        said = vendor(httpx.Request("GET", httpx.URL(f"http://x{path}", params=params)))
        return answer(said.content, said.status_code)

    with Service([[]]) as made:
        made.respond, made.vendor = respond, vendor
        monkeypatch.setenv("TRUTO_API_TOKEN", TOKEN)
        monkeypatch.setenv("TRUTO_BASE_URL", made.url)
        yield made


def test_a_command_writes_the_page_says_what_is_missing_and_exits_with_3(service, tmp_path, capsys):
    page, kept = tmp_path / "page.html", tmp_path / "kept.parquet"
    named = ["report", "ai_spend", "--accounts", "good", "bad", "-o", str(page)]
    command = [*named, "--period", OCTOBER, "--keep-snapshot", str(kept), "-q"]
    assert main([*command, "--on-error", "warn"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "bad (Cursor) could not be loaded: " in err
    assert f"note: {page} lacks some of what was asked for" in err
    assert TOKEN not in err
    text = page.read_text(encoding="utf-8")
    assert text.index("INCOMPLETE") < text.index("bad (Cursor) could not be loaded")
    assert "October 2026 cost at least $10.00" in text
    assert TOKEN not in text
    assert "Traceback" not in text
    assert main(["report", "seats", "--snapshot", str(kept), "-o", str(page), "-q"]) == 3
    assert f"note: {page} lacks some" in capsys.readouterr().err
    assert "INCOMPLETE" in page.read_text(encoding="utf-8")
    page.unlink()
    assert main(command) == 1
    assert "1 of 2 accounts failed" in (err := capsys.readouterr().err)
    assert "--on-error warn writes what did load" in err
    assert not page.exists()


def test_a_command_that_may_not_look_is_told_what_to_type(service, tmp_path, capsys):
    service.vendor.listed = service.vendor.looked_up = False
    service.vendor.fails = {}
    command = ["report", "ai_spend", "--period", OCTOBER, "-o", str(tmp_path / "x.html"), "-q"]
    assert main(command) == 1
    assert "--accounts names those to report on" in capsys.readouterr().err
    assert main([*command, "--accounts", "good"]) == 2
    assert "--integration good=claude" in capsys.readouterr().err
    load_ = ["load", "good", "bad", "--period", OCTOBER, "-o", str(tmp_path / "x.parquet"), "-q"]
    assert main([*load_, "--integration", "good=confluent,bad=cursor"]) == 0
    assert tu.read_usage(tmp_path / "x.parquet")["charges_net"].sum() == 14.0


# a form ---------------------------------------------------------------------------------------------------------------


def test_a_form_takes_the_choice_and_writes_it_down():
    with client_of({("bad", OCTOBER): BROKEN}) as client:
        form = tu.QueryForm(client, accounts=["good", "bad"], period=OCTOBER)
        assert "on_error" not in form.code
        form.choosing.on_error.value = "warn"
        assert form.state.on_error == "warn"
        assert "on_error='warn'" in form.code
        assert "on_error='warn'" in form.to_report()
        frame = form.load()  # nothing is raised
        assert (frame["charges_net"].sum(), form.error) == (10.0, None)
        assert "out of order" in form.row.shown.value
        form.period.show(None)  # without a period it means something still
        assert form.state.on_error == "warn"
        with pytest.raises(InputError, match="on_error='ignore'"):
            tu.QueryForm(client, on_error="ignore")
        form.close()
