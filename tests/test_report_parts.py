"""What a report says, against figures worked by hand; and what a name from the API may not do to a page."""

import base64
import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from tests.frames_for_tests import frame_of
from truto_usage_nb.errors import InputError, hearing, tell
from truto_usage_nb.planning import Period
from truto_usage_nb.reports import parts
from truto_usage_nb.reports.parts.markup import NOBODY, count, part, spend, table, text
from truto_usage_nb.result import UsageResult

NAME = '<script>alert("x")</script>'
FORMULA = "=cmd()|' /C calc'!A0"
RTL = "ליאור בן־דוד"


def record(account, integration, day, charges, **more):
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    end = start.replace(hour=23, minute=59)
    base = {"integrated_account_id": account, "integration": integration, "id": f"{account}-{day}-{len(str(more))}"}
    return base | {"start_date": start.isoformat(), "end_date": end.isoformat(), "charges": charges} | more


def charged(currency="USD", /, **amounts):
    return [{"amount": float(amount), "currency": currency, "type": kind} for kind, amount in amounts.items()]


RECORDS = [
    record("k", "confluent", "2026-09-10", charged(net=100), product={"id": "kafka", "name": NAME}),
    record("k", "confluent", "2026-10-10", charged(net=120, credit=-20), product={"id": "kafka", "name": NAME}),
    record("c", "claude", "2026-09-12", charged(net=60), report_type="cost", model={"id": "claude-opus-5"}),
    record("c", "claude", "2026-10-12", charged(net=40), report_type="cost", model={"id": FORMULA}),
    record("c", "claude", "2026-10-28", charged(net=30), report_type="cost", model={"id": RTL}),
    record("e", "openai_codex", "2026-10-05", charged("EUR", total=7.5), model={"id": "gpt-5"}, user={"email": RTL}),
]
SETTLED = {
    "k": datetime(2026, 11, 20, tzinfo=UTC),
    "c": datetime(2026, 10, 24, tzinfo=UTC),
    "e": datetime(2026, 11, 22, tzinfo=UTC),
}


def result_of(records, period=("2026-09-01", "2026-11-01"), **more):
    known = {"settled_until": SETTLED, "fetched_at": datetime(2026, 11, 23, tzinfo=UTC)} | more
    return UsageResult(polars=frame_of(records), queries=(), period=Period.parse(period), **known)


def book_of(records=RECORDS, **more):
    return parts.Book(result=result_of(records), period=Period.parse("2026-10"), hash="f" * 64, **more)


@pytest.fixture(scope="module")
def book():
    return book_of()


def test_the_answer_is_made_from_the_figures(book):
    cost, change, doubt = parts.sentences(book)
    # 120 + 40 + 30 = 190 against 100 + 60 = 160: 30 more, 30/160 = 19 %; Confluent and Claude moved 20 and 10.
    assert cost == (
        "October 2026 cost $190.00 and €7.50, before credits and tax; "
        "the largest are Confluent $120.00 (63 %) and Claude $70.00 (37 %)."
    )
    assert change == (
        "Against September 2026 that is $30.00 more (19 %) and €7.50 new. Confluent moved most: up $20.00."
    )
    # What Claude has from 24 October on is 30; its days without a record come to more: 29 of 31, at 70 over 2 days.
    assert doubt.startswith("The largest uncertainty is $3,600: k (Confluent) has a gap (30 days without a record")


def test_a_credit_of_unclear_sign_is_a_doubt_of_twice_its_money():
    unclear = record("k", "confluent", "2026-10-11", charged(credit=40), metric_name="PROMO_CREDIT")
    found = {each.what: (each.amount, each.currency) for each in parts.doubts(book_of([*RECORDS, unclear]))}
    assert found["k (Confluent) states a credit of unclear sign"] == (80.0, "USD")


def test_what_is_not_final_is_a_doubt_with_its_money(book):
    found = {each.what: (each.amount, each.currency) for each in parts.doubts(book)}
    assert found["Claude is not final"] == (30.0, "USD")
    assert [each.currency for each in parts.doubts(book)] == sorted(
        (each.currency for each in parts.doubts(book)), key=["USD", "EUR"].index
    )


def test_the_head_says_until_when_it_is_provisional(book):
    strip = parts.head(book).markup
    # Claude settles 30 days after: the last instant of October is final on 1 December.
    assert "PROVISIONAL until 2026-12-01" in strip
    assert "Claude from 2026-10-24 on, final on 2026-12-01" in strip
    assert "ffffffffffffffff" in parts.foot(book).markup  # where it comes from stands at the end
    closed = parts.head(replace(book, result=result_of(RECORDS, settled_until=dict.fromkeys("kce", SETTLED["k"]))))
    assert ">FINAL<" in closed.markup
    unknown = parts.head(replace(book, result=result_of(RECORDS, settled_until={})))
    assert "UNKNOWN whether final" in unknown.markup


def test_a_partial_load_says_so_first(book):
    missing = replace(book, result=result_of(RECORDS, partial=True, gaps=(f"k: {NAME} failed",)))
    strip = parts.head(missing).markup
    assert "lower bound" in strip
    assert NAME not in strip


def test_the_bill_has_credits_apart_and_the_invoice_beside(book):
    lines = parts.bill_table(book)
    told = lines.select("integration", "currency", "metered", "credits", "expected", "invoice").rows()
    assert told == [
        ("confluent", "USD", 120.0, -20.0, 100.0, None),
        ("claude", "USD", 70.0, 0.0, 70.0, None),
        ("openai_codex", "EUR", 7.5, 0.0, 7.5, None),
    ]
    invoices = pl.DataFrame(
        {
            "integration": ["confluent", "claude"],
            "month": ["2026-10", "2026-09"],
            "currency": "USD",
            "amount": [105, 60],
        }
    )
    invoiced = parts.bill_table(replace(book, invoices=invoices))
    assert invoiced.filter(integration="confluent")["difference"].to_list() == [5.0]
    assert invoiced.filter(integration="claude")["invoice"].to_list() == [None]  # September's is not October's


def test_each_table_of_where_it_goes_adds_up_to_the_bill(book):
    for by in ("surface", "model_family", "workspace", "integration", "product_id"):
        markup = parts.where(book, by, by.capitalize()).markup
        totals = re.findall(r"total</td>\s*<td[^>]*>([^<]+)</td>", markup)
        assert totals in (["$190.00"], [])
        assert "€7.50" in markup
    shown = parts.where(book, "model_family", "Model").markup
    assert f"{NOBODY} Confluent" in shown


def test_an_earlier_snapshot_says_what_was_restated(book):
    reported = [each for each in RECORDS if not each["start_date"].startswith("2026-10-28")]
    earlier = result_of(reported, fetched_at=datetime(2026, 11, 2, tzinfo=UTC))
    restated = replace(book, earlier=earlier)
    markup = parts.restated(restated).markup
    assert "October 2026 was reported as $160.00; it is now $190.00." in markup
    assert "September 2026 was reported as $160.00, and still is." in markup
    changed = parts.restatements(restated).filter(pl.col("change") != 0)
    assert changed.select("period", "vendor", "reported", "now", "change").rows() == [
        ("October 2026", "Claude", 40.0, 70.0, 30.0)
    ]
    assert parts.restated(book).markup == ""
    with pytest.raises(InputError, match="covers neither October 2026 nor September 2026"):
        parts.restated(replace(book, earlier=result_of(reported[:1], period="2026-07")))


def test_an_account_that_only_one_snapshot_has_is_no_restatement(book):
    earlier = result_of([each for each in RECORDS if each["integrated_account_id"] == "k"])
    told = parts.restatements(replace(book, earlier=earlier))
    assert set(told["integration"]) == {"confluent"}


def test_the_bridge_adds_up(book):
    markup = parts.bridge(book).markup
    heads = re.findall(r"<th[^>]*>([^<]+)</th>", markup)[:6]
    assert heads == ["Vendor", "September 2026", "Volume", "New", "October 2026", "Change"]  # nothing else moved it
    total = re.findall(r"<td[^>]*>([^<]*)</td>", markup[markup.index("total</td>") :])[:5]
    assert total == ["$160.00", "$30.00", "–", "$190.00", "$30.00"]
    assert "nothing to compare" in parts.bridge(replace(book, result=result_of(RECORDS, period="2026-10"))).markup


def test_labels_add_up_to_the_bill_and_come_as_csv(book):
    people = pl.DataFrame({"email": [RTL], "team": [FORMULA]})
    labelled = replace(book, labels=people)
    lines = parts.label_lines(labelled, "team")
    assert lines.filter(currency="EUR").select("team", "cost").rows() == [(FORMULA, 7.5)]
    assert lines.filter(currency="USD")["cost"].sum() == pytest.approx(190)
    markup = parts.by_label(labelled, "team", csv=True).markup
    held = [base64.b64decode(each).decode() for each in re.findall(r"base64,([A-Za-z0-9+/=]+)", markup)]
    assert f"'{FORMULA}" in held[0]
    assert not re.search(r"(^|,)=", held[0], flags=re.MULTILINE)
    people_page = parts.by_person(labelled).markup
    assert RTL in people_page
    assert "showback-people-2026-10-01.csv" in people_page
    assert "No table of people was given" in parts.by_label(book, "team").markup


def test_a_person_stands_once_under_the_newest_mail_and_by_team_as_each_record_says():
    """u1 was ann@, then a.smith@, then deleted: $1 + $2 + $4, of which the roster of teams knows the first alone."""
    users = [{"id": "u1", "email": "Ann@x.com"}, {"id": "u1", "email": "a.smith@x.com"}, {"id": "u1"}, {"id": "u2"}]
    records = [record("o", "openai_codex", f"2026-10-0{n + 1}", charged(total=2**n), user=user)
               for n, user in enumerate(users)]  # fmt: skip
    assert parts.person_lines(book_of(records)).select("user_email", "cost").rows() == [
        ("a.smith@x.com", 7.0), (f"{NOBODY} OpenAI Codex", 8.0),
    ]  # fmt: skip
    teams = pl.DataFrame({"email": ["ann@x.com"], "team": ["red"]})
    assert parts.person_lines(book_of(records, labels=teams)).select("user_email", "team", "cost").rows() == [
        ("a.smith@x.com", "(unlabelled)", 6.0), ("a.smith@x.com", "red", 1.0),
        (f"{NOBODY} OpenAI Codex", NOBODY, 8.0),  # nobody's by team as by person, in one word
    ]  # fmt: skip
    by_team = parts.label_lines(book_of(records, labels=teams), "team").select("team", "cost").rows()
    assert by_team == [("red", 1.0), (f"{NOBODY} OpenAI Codex", 8.0), ("(unlabelled) OpenAI Codex", 6.0)]


def test_money_without_a_person_has_one_word_in_every_table_of_showback():
    """Datadog tells nobody: $5. Cursor's ann is in the table of people, $2, and bob is not, $3."""
    records = [
        record("d", "datadog", "2026-10-01", charged(committed=5)),
        record("u", "cursor", "2026-10-02", charged(total=2), user={"email": "ann@x.com"}),
        record("u", "cursor", "2026-10-03", charged(total=3), user={"email": "bob@x.com"}),
    ]
    book = book_of(records, labels=pl.DataFrame({"email": ["ann@x.com"], "team": ["red"]}))
    assert parts.label_lines(book, "team").select("team", "cost").rows() == [
        ("red", 2.0), (f"{NOBODY} Datadog", 5.0), ("(unlabelled) Cursor", 3.0),
    ]  # fmt: skip
    assert parts.person_lines(book).select("user_email", "team", "cost").rows() == [
        ("bob@x.com", "(unlabelled)", 3.0), ("ann@x.com", "red", 2.0), (f"{NOBODY} Datadog", NOBODY, 5.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "part_of",
    [parts.answer, parts.bill, parts.uncertainty, parts.coverage, parts.unit_prices, parts.commitments, parts.estimates,
     parts.foot, parts.by_person, parts.price_check, parts.pace, parts.unusual, parts.not_in_these_figures,
     lambda b: parts.by_product(b, ["confluent"]), lambda b: parts.where(b, "model_id", "Model"),
     lambda b: parts.where(b, "product_name", "Product")],
)  # fmt: skip
def test_a_name_from_the_api_is_text_and_nothing_else(book, part_of):
    markup = part_of(book).markup
    assert "<script" not in markup
    assert not re.search(
        r"<(?!/?(table|caption|thead|tbody|tfoot|tr|td|th|p|div|span|details|summary|code|a|ul|li|strong|figure|img|bdi)\b)",
        markup,
    )


def test_names_from_the_api_are_shown_as_they_are(book):
    shown = parts.where(book, "model_id", "Model").markup
    assert RTL in shown
    assert FORMULA.replace("'", "&#x27;") in shown or FORMULA in shown
    assert "&lt;script&gt;" in parts.by_product(book, ["confluent"]).markup


def test_seats_are_those_of_the_vendors_that_were_loaded(book):
    roster = pl.DataFrame({"integration": ["openai_codex", "cursor"], "email": ["idle@example.com", "x@example.com"]})
    seats = parts.seat_list(replace(book, roster=roster, seat_prices={"openai_codex": (25.0, "USD")}))
    assert seats.select("vendor", "email", "status", "idle_cost").rows() == [
        ("OpenAI Codex", "idle@example.com", "never seen", 25.0),
        ("OpenAI Codex", RTL, "seen, not on the roster", None),
    ]


def test_seats_of_the_roster_and_people_seen_beside_it_are_two_numbers():
    """The roster has two seats, one of them never seen; three people were seen, of whom two have no seat."""
    users = [{"email": f"{n}@x.com"} for n in (1, 2, 3)]
    records = [record("u", "cursor", f"2026-10-0{n + 1}", charged(total=1), user=user) for n, user in enumerate(users)]
    roster = pl.DataFrame({"integration": ["cursor"] * 2, "email": ["1@x.com", "nobody@x.com"]})
    markup = parts.seat_summary(book_of(records, roster=roster)).markup
    heads = re.findall(r"<th[^>]*>([^<]+)</th>", markup)
    assert heads[:6] == ["Vendor", "Seats on the roster", "Active", "Idle", "Never seen", "People seen beside it"]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", markup[markup.index("Cursor") :])[:5] == ["2", "1", "0", "1", "2"]
    alone = parts.seat_summary(book_of(records)).markup
    assert "People seen" in alone
    assert "Seats on the roster" not in alone
    assert "People seen by vendor" in parts.seat_chart(book_of(records)).markup


def test_a_table_adds_up_block_by_block_and_folds_the_small():
    lines = pl.DataFrame(
        {"who": ["a", "b", "c", "d", "e"], "currency": ["USD", "USD", "USD", "USD", "EUR"], "cost": [5.0, 3, 2, 1, 9],
         "n": [1, 1, 1, None, 4], "share": [5 / 11, 3 / 11, 2 / 11, 1 / 11, 1.0]}
    )  # fmt: skip
    columns = {"who": text("Who"), "cost": spend("Cost"), "n": count("N"), "share": part("Share")}
    shown = table(lines, columns, name="x", order=["EUR", "USD"], totals=("cost", "share"), top=2).markup
    assert shown.index(">EUR<") < shown.index(">USD<")
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    assert cells == ["e", "€9.00", "4", "100 %", "a", "$5.00", "1", "45 %", "b", "$3.00", "1", "27 %",
                     "2 others", "$3.00", "1", "27 %", "total", "$11.00", "–", "100 %"]  # fmt: skip


def test_the_order_of_adding_does_not_show():
    lines = pl.DataFrame({"who": ["a"], "currency": ["USD"], "cost": [1e-13], "share": [1 - 1e-12]})
    shown = table(lines, {"who": text("Who"), "cost": spend("Cost"), "share": part("Share")}, name="x").markup
    assert re.findall(r"<td[^>]*>([^<]*)</td>", shown) == ["a", "$0.00", "100 %"]


def test_what_nobody_stated_has_no_sum():
    lines = pl.DataFrame({"who": ["a", "b"], "currency": "USD", "cost": pl.Series([None, None], dtype=pl.Float64)})
    shown = table(lines, {"who": text("Who"), "cost": spend("Cost")}, name="x", totals=("cost",)).markup
    assert "total" not in shown
    assert shown.count("–") == 2


# Opening a snapshot.


def saved(tmp_path, records=RECORDS, **more):
    return result_of(records, **more).save(tmp_path / "kept.parquet")


def test_the_foot_says_whose_note_is_whose_and_no_note_twice(book):
    book = replace(book, told=[])
    book.hear(lambda: tell("7 tokens are counted once."))
    book.hear(lambda: tell("7 tokens are counted once; user_cost is left out"))
    book.hear(lambda: tell("7 tokens are counted once; user_cost is left out."))
    book.hear(lambda: tell("4 tokens are counted once"), of=Period.parse("2026-09"))
    book.hear(lambda: tell("11 tokens are counted once"), of=book.reach)
    notes = re.findall(r'<p class="note">(.*?)</p>', parts.foot(book).markup)
    assert notes == [
        "7 tokens are counted once; user_cost is left out.",
        "September 2026: 4 tokens are counted once",
        "2026-09-01 to 2026-10-31: 11 tokens are counted once",
    ]


def test_a_report_is_of_the_last_month_unless_it_is_told(tmp_path):
    kept = saved(tmp_path)
    assert parts.open_book(kept).period == Period.parse("2026-10")
    assert parts.open_book(kept, period="2026-09").period == Period.parse("2026-09")
    assert parts.open_book(kept, period="2026-09").before is None
    with pytest.raises(InputError, match="does not cover the period 2026-08-01"):
        parts.open_book(kept, period="2026-08")


@pytest.mark.parametrize(
    ("name", "columns", "words"),
    [
        ("labels", {"mail": ["x"]}, "labels: given.csv has no column 'email'; it has mail"),
        ("invoices", {"integration": ["x"]}, "invoices: given.csv has no column 'month'"),
        ("roster", {"email": ["x"]}, "roster: given.csv has no column 'integration'"),
    ],
)
def test_a_table_without_its_columns_is_refused(tmp_path, name, columns, words):
    pl.DataFrame(columns).write_csv(tmp_path / "given.csv")
    with pytest.raises(InputError, match=re.escape(words)):
        parts.open_book(saved(tmp_path), **{name: tmp_path / "given.csv"})


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        parts.open_book(saved(tmp_path), labels="nowhere.csv")


def test_the_sums_of_one_table_are_those_of_every_other():
    usage = tu.sandbox().fetch_usage(["cursor", "claude-console", "openai-api-moved"], period="2026-10-20")
    book = parts.Book(result=usage, period=Period.parse("2026-10-20"), hash="0")
    for by in ("integration", "model_id", "surface"):
        mine = book.by(by).select(by, "currency", "cost", "tokens", "cost_per_million_tokens").sort(by, "currency")
        with hearing():
            theirs = tu.cost_per(usage.polars, by).select(mine.columns).sort(by, "currency")
        assert_frame_equal(mine, theirs)


ALTS = {
    # 40 on the 12th, 30 on the 28th, and Confluent's 120, of no model, on the 10th: of 190 the larger model is 21 %
    "time_chart": "between $30.00 and $120.00 a day, highest on 10 October 2026; the largest part is a's, 21 %.",
    "bars_chart": "$70.00 billed; a $40.00 57 %; b $30.00 43 %.",
    "list_chart": "$70.00 billed of $70.00 at list price (grey); a $40.00, at list; b $30.00, at list.",
}


@pytest.mark.parametrize("chart", ALTS)
def test_a_chart_is_a_picture_a_currency_whose_description_states_the_finding(chart):
    models = {FORMULA: "a", RTL: "b"}
    records = [
        each | ({"model": {"id": models.get(each["model"]["id"], each["model"]["id"])}} if "model" in each else {})
        for each in RECORDS
    ]
    shown = getattr(parts, chart)(book_of(records), "model_id", "Cost by model").markup
    usd, eur = re.findall(r'alt="([^"]*)"', shown)
    assert html.unescape(usd) == f"Cost by model, October 2026, USD: {ALTS[chart]}"
    assert eur.startswith("Cost by model, October 2026, EUR: €7.50")
    assert shown.count("<figure>") == 2  # so that a page may break between them


def test_what_has_no_tokens_has_no_chart_of_prices(book):
    assert "<img" not in parts.price_chart(book, "Per million").markup


def test_a_currency_that_is_gone_is_in_the_bridge():
    gone = [record("e", "openai_codex", "2026-09-05", charged("GBP", total=5)), *RECORDS[:4]]
    shown = parts.bridge(book_of(gone)).markup
    assert "From September 2026 to October 2026: what moved the cost" in shown
    assert "£5.00" in shown


def test_what_names_no_currency_is_told_and_not_drawn():
    nameless = record("e", "openai_codex", "2026-10-06", [{"amount": 9.0, "currency": None, "type": "total"}])
    shown = parts.time_chart(book_of([*RECORDS, nameless]), "integration", "Cost").markup
    assert [each[:23] for each in re.findall(r'alt="([^"]*)"', shown)] == [
        "Cost, October 2026, USD", "Cost, October 2026, EUR",
    ]  # fmt: skip
    assert "in no chart of this page" in shown
    alone = book_of([nameless])
    said = parts.time_chart(alone, "integration", "Cost").markup
    assert "<img" not in said
    assert "in no chart of this page" in said
    assert "in no chart" not in parts.bars_chart(alone, "model_id", "Cost").markup  # a page says it once


@pytest.mark.parametrize("layout", ["constrained", "tight", None])
def test_a_chart_is_the_picture_that_matplotlib_makes_of_it(layout):
    import io

    import matplotlib.pyplot as plt

    def chart():
        made, axes = plt.subplots(2, 1, figsize=(6, 4), layout=layout)
        for ax, label in zip(axes, ("$1,000", "a long name beside the axis"), strict=True):
            ax.barh([label, "b"], [3, 2], label="cost")
            ax.set_title("What it cost\nin October", loc="left")
            ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
        return made

    open_before = plt.get_fignums()  # other tests of this process may have left some
    plain = chart()
    held = io.BytesIO()
    plain.savefig(held, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
    plt.close(plain)
    shown = parts.figure(chart(), "a chart")._repr_html_()
    assert base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1]) == held.getvalue()
    assert plt.get_fignums() == open_before


def test_a_label_column_of_any_name_stays_within_the_page(book):
    name = 'x"><img src=y>'
    people = pl.DataFrame({"email": ["nobody@x.com"], name: ["t"]})
    page = parts.by_label(replace(book, labels=people), name, csv=True)._repr_html_()
    assert "<img" not in page
    assert "&lt;img src=y&gt;" in page
