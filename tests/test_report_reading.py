"""What a reader of two minutes meets: the answer first, names people know, one precision, and each note once."""

import html
import re
from dataclasses import replace

import polars as pl
import pytest

from tests.test_report_parts import RTL, SETTLED, book_of, charged, record, result_of
from truto_usage_nb.planning import Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.reports import parts
from truto_usage_nb.reports.parts.markup import NOBODY, PINNED, UNLABELLED, effect, part, price, spend, table, text

DISGUISE = "exe.\u202egnp"


def cells(markup):
    """The rows of a table as texts."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", markup)
    said = ([re.sub(r"<[^>]+>", "", each) for each in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", row)] for row in rows)
    return [[html.unescape(each) for each in row] for row in said]


# --- one precision, and zeroes


def test_a_table_has_one_precision_and_says_of_the_small_that_it_is_small():
    """$7,605 over $863.98 cannot be compared at a glance; 21 cents are less than a dollar and not nothing."""
    lines = pl.DataFrame(
        {"who": list("abcdef"), "currency": ["USD"] * 4 + ["EUR", "JPY"],
         "cost": [7605.4, 863.98, 0.21, -0.21, 7.5, 900.0], "credits": [-540.2, 0.0, 0.0, 0.0, 0.0, 0.0]}
    )  # fmt: skip
    columns = {"who": text("Who"), "cost": spend("Cost"), "credits": effect("Credits")}
    shown = cells(table(lines, columns, name="x", order=["USD", "EUR", "JPY"], totals=("cost",)).markup)
    assert shown == [
        ["Who", "Cost", "Credits"],
        ["USD"], ["a", "$7,605", "-$540"], ["b", "$864", "–"], ["c", "<$1", "–"], ["d", "-<$1", "–"],
        ["total", "$8,469", "–"],  # 7605.4 + 863.98 + 0.21 - 0.21 = 8469.38
        ["EUR"], ["e", "€7.50", "–"], ["JPY"], ["f", "¥900", "–"],
    ]  # fmt: skip


def test_prices_keep_their_own_digits_and_tiny_bills_too():
    lines = pl.DataFrame({"who": ["a", "b"], "currency": "USD", "cost": [0.004, 0.0021], "of": [7.1724, 0.1196]})
    shown = cells(table(lines, {"who": text("Who"), "cost": spend("Cost"), "of": price("Price")}, name="x").markup)
    assert shown[1:] == [["a", "$0.0040", "$7.1724"], ["b", "$0.0021", "$0.1196"]]


def test_a_column_in_which_nothing_stands_is_left_out_where_that_was_asked():
    lines = pl.DataFrame({"who": ["a"], "currency": "USD", "new": [0.0], "gone": [None], "last": [None]},
                         schema_overrides={"gone": pl.Float64, "last": pl.Date})  # fmt: skip
    columns = {"who": text("Who"), "new": effect("New"), "gone": spend("Gone"), "last": text("Last")}
    assert cells(table(lines, columns, name="x").markup)[0] == ["Who", "New", "Gone", "Last"]
    assert cells(table(lines, columns, name="x", drop=("new", "gone", "last")).markup)[0] == ["Who"]


def test_every_table_has_a_caption_and_its_heads_say_what_they_head():
    lines = pl.DataFrame({"who": ["a", "b"], "currency": ["USD", "EUR"], "cost": [1.0, 2.0]})
    markup = table(lines, {"who": text("Who"), "cost": spend("Cost")}, name="x", title="By <team>").markup
    assert "<caption>By &lt;team&gt;</caption>" in markup
    heads = re.findall(r"<th\b[^>]*>", markup)
    assert [re.search(r'scope="(\w+)"', head)[1] for head in heads] == ["col", "col", "rowgroup", "rowgroup"]
    assert '<caption class="unseen">Who</caption>' in table(lines, {"who": text("Who")}, name="x").markup
    assert re.search(r'<caption class="unseen">.*scope="row"', parts.foot(book_of()).markup)


# --- currencies


def test_currencies_stand_by_size_and_one_that_nobody_stated_last():
    """Three records of $1 each, €500, ¥40,000 (in yen there is nothing smaller: less than €500), and 9,000 of none."""
    records = [record("a", "cursor", f"2026-10-0{n}", charged(total=1)) for n in (1, 2, 3)]
    records += [
        record("b", "openai_codex", "2026-10-04", charged("EUR", total=500)),
        record("b", "openai_codex", "2026-10-05", charged("JPY", total=40_000)),
        record("b", "openai_codex", "2026-10-06", [{"amount": 9000.0, "currency": None, "type": "total"}]),
    ]
    book = book_of(records)
    assert book.currencies == ["EUR", "JPY", "USD", "XXX"]
    assert [row[0] for row in cells(parts.bill(book).markup) if len(row) == 1] == [
        "EUR",
        "JPY",
        "USD",
        "currency not stated",
    ]
    cost = parts.sentences(book)[0]
    assert cost.startswith(
        "October 2026 cost €500.00, ¥40,000 and $3.00, before credits and tax, and 9,000, currency not stated."
    )
    for shown in (parts.bill, parts.answer, parts.uncertainty, parts.coverage, parts.estimates, parts.bridge):
        assert "XXX" not in shown(book).markup


# --- whose money it is


def test_what_is_nobodys_is_one_group_with_a_subtotal_and_adds_up():
    """10 + 5 not attributed, 2 of a person without a team, 83 of red: 15 % and 2 % and 83 %."""
    lines = pl.DataFrame({
        "team": ["red", f"{NOBODY} Datadog", f"{NOBODY} Claude", f"{UNLABELLED} Cursor"],
        "currency": "USD", "cost": [83.0, 10.0, 5.0, 2.0], "share": [0.83, 0.1, 0.05, 0.02],
        PINNED: [False, True, True, True],
    })  # fmt: skip
    columns = {"team": text("Team"), "cost": spend("Cost"), "share": part("Share")}
    markup = table(lines, columns, name="x", totals=("cost", "share")).markup
    assert cells(markup)[1:] == [
        ["red", "$83.00", "83 %"], [NOBODY, "$15.00", "15 %"], ["Datadog", "$10.00", "10 %"],
        ["Claude", "$5.00", "5 %"], [f"{UNLABELLED} Cursor", "$2.00", "2 %"], ["total", "$100.00", "100 %"],
    ]  # fmt: skip
    assert markup.count('class="member"') == 2


# --- names


def test_surfaces_and_places_are_named_as_people_do_with_the_word_of_the_api_last():
    there = [{"id": "env-1", "name": None, "workspace": {"id": "env-e6xcxe", "name": None}}]
    named = [{"id": "lkc-9", "name": "orders", "workspace": {"id": "env-e6xcxe", "name": None}}]
    project = [{"id": "key", "name": None, "workspace": {"id": "proj_1", "name": None}}]
    known = [{"id": "key", "name": None, "workspace": {"id": "wrkspc_1", "name": "Research"}}]
    records = [
        record("u", "cursor", "2026-10-01", charged(total=5), surface="headless"),
        record("c", "claude", "2026-10-02", charged(net=4), report_type="cost", surface="message_batches_api",
               product={"id": "message_batches_api", "name": "Message Batches API"}, resources=known),
        record("c", "claude", "2026-10-03", charged(net=3), report_type="cost", surface="some_new_thing"),
        record("k", "confluent", "2026-10-04", charged(net=2), resources=there),
        record("k", "confluent", "2026-10-05", charged(net=1), resources=named, metric_name="m"),
        record("o", "openai_codex", "2026-10-06", charged(total=9), model={"id": "gpt-5"}, resources=project),
    ]  # fmt: skip
    book = book_of(records)
    surfaces = cells(parts.where(book, "surface", "Surface").markup)
    assert surfaces[0] == ["Surface", "Cost", "Share", "In the API"]
    assert [(row[0], row[-1]) for row in surfaces[1:4]] == [
        ("Cursor without an editor", "headless"), ("Message Batches API", "message_batches_api"),
        ("Some new thing", "some_new_thing"),
    ]  # fmt: skip
    places = cells(parts.where(book, "workspace", "Workspace").markup)
    assert [(row[0], row[-1]) for row in places[1:4]] == [
        ("OpenAI Codex project, mostly gpt-5", "proj_1"), ("Research", "Research"),
        ("Confluent environment with orders", "env-e6xcxe"),
    ]  # fmt: skip


def test_a_dimension_that_no_vendor_tells_is_a_sentence():
    book = book_of([record("k", "confluent", "2026-10-04", charged(net=2))])
    said = parts.where(book, "surface", "Surface").markup
    assert "<table" not in said
    assert said.endswith("By surface no vendor here says anything: all $2.00 (not attributed).</p>")


def test_a_person_is_called_by_name_with_the_mail_last():
    users = [{"email": "Ann@x.com", "name": "Ann Smith"}, {"email": "bot@x.com"}]
    records = [
        record("u", "cursor", f"2026-10-0{n}", charged(total=9 - n), user=user) for n, user in enumerate(users, 1)
    ]
    shown = cells(parts.by_person(book_of(records)).markup)
    assert shown[0] == ["Person", "Cost", "Share", "E-mail"]
    assert [(row[0], row[-1]) for row in shown[1:3]] == [("Ann Smith", "ann@x.com"), ("bot@x.com", "")]


def test_a_name_that_turns_the_direction_of_writing_turns_nothing_else():
    records = [
        record(DISGUISE, "cursor", "2026-10-01", charged(total=5), model={"id": DISGUISE}),
        record(DISGUISE, "cursor", "2026-10-03", charged(total=5), user={"email": RTL}),
    ]
    book = book_of(records)
    assert f"<bdi>{DISGUISE}</bdi>" in parts.where(book, "model_id", "Model").markup
    assert f"<bdi>{RTL}</bdi>" in parts.by_person(book).markup
    assert f"\u2068{DISGUISE} (Cursor)\u2069 has a gap" in parts.sentences(book)[2]
    assert f"(\u2068{DISGUISE}\u2069)" in parts.head(book).markup
    every = parts.head(book) + parts.answer(book) + parts.uncertainty(book) + parts.coverage(book) + parts.unusual(book)
    for before, after in re.findall(f"(.){DISGUISE}(?: \\(Cursor\\))?(.)", every.markup):
        assert (before, after) in {(">", "<"), ("\u2068", "\u2069")}


# --- the first screen


@pytest.mark.parametrize(
    ("records", "title"),
    [
        ([record("k", "confluent", "2026-10-04", charged(net=2))], "October 2026: what Confluent (k) cost"),
        ([record(n, "cursor", "2026-10-04", charged(total=2)) for n in "ab"], "October 2026: what Cursor cost"),
        ([record(n, n, "2026-10-04", charged(total=2)) for n in ("cursor", "claude")],
         "October 2026: what Claude and Cursor cost"),
        ([record(n, n, "2026-10-04", charged(total=2)) for n in ("cursor", "claude", "datadog")],
         "October 2026: what the AI and data platforms cost"),
    ],
)  # fmt: skip
def test_the_title_bears_the_month_and_whom_the_report_is_of(records, title):
    assert f"<h1>{title}</h1>" in parts.head(book_of(records)).markup


def test_a_title_names_days_as_people_do():
    book = replace(
        book_of([record("k", "confluent", "2026-10-13", charged(net=2))]),
        period=Period.parse(("2026-10-13", "2026-10-15")),
    )
    assert "<h1>13 to 14 October 2026: who used Confluent (k)</h1>" in parts.head(book, "who used {}").markup
    assert parts.sentences(book)[0] == "13 to 14 October 2026 cost $2.00, before credits and tax."


def test_only_what_the_reader_must_see_to_is_marked_so():
    book = book_of([record("k", "confluent", "2026-10-04", charged(net=2))])
    assert "act" not in re.findall(r'class="state (\w+)"', parts.head(book).markup)
    assert "aside act" not in parts.not_in_these_figures(book).markup
    empty = replace(book, period=Period.parse("2026-09"))
    assert '<span class="state act">NO RECORD</span>' in parts.head(empty).markup


def test_the_bill_says_first_that_it_is_no_invoice_and_explains_each_difference_once():
    """Claude bills in two currencies; its invoices say $10 and €1 more: one note. Confluent's says what was metered."""
    records = [
        record("c", "claude", "2026-10-02", charged(net=40), report_type="cost"),
        record("c", "claude", "2026-10-03", charged("EUR", net=4), report_type="cost"),
        record("k", "confluent", "2026-10-04", charged(net=2)),
    ]
    invoices = pl.DataFrame({
        "integration": ["claude", "claude", "confluent"], "month": "2026-10", "currency": ["USD", "EUR", "USD"],
        "amount": [50.0, 5.0, 2.0],
    })  # fmt: skip
    book = book_of(records, invoices=invoices)
    markup = parts.bill(book).markup
    assert markup.index("no total here is an invoice") < markup.index("<table")
    why = "seats, prepaid credits bought, credits granted, Priority Tier commitments, tax"
    assert markup.count(why) == 1
    assert f"Claude&#x27;s invoice is $10.00 more and €1.00 more than that. May explain it: {why}." in markup
    assert "Confluent&#x27;s invoice" not in markup
    beyond = parts.not_in_these_figures(book).markup
    assert re.search(rf"<details.*{why}.*</details>", beyond)  # said beside its figure, so folded here
    assert "<details" not in parts.not_in_these_figures(replace(book, invoices=None)).markup


# --- many accounts


def test_what_is_to_be_said_of_many_accounts_is_one_line_and_each_in_a_fold():
    """Twenty accounts bill $31 a day on thirty days, no record on the 13th: 20 x 31 = 620; one has the double, 62."""
    records = [
        record(f"a{n:02}", "confluent", f"2026-10-{day:02}", charged(net=62 if n == 7 else 31))
        for n in range(20)
        for day in range(1, 32)
        if day != 13
    ]
    whole = dict.fromkeys((f"a{n:02}" for n in range(20)), SETTLED["k"])
    book = parts.Book(result_of(records, settled_until=whole), Period.parse("2026-10"), "0")
    assert len(parts.doubts(book)) == 20
    shown = parts.uncertainty(book).markup
    first, folded = shown.split("<details")
    assert cells(first)[1:] == [[
        "20 accounts have no record of 13 October 2026", "$651",
        "the largest is a07 (Confluent), $62: 1 day without a record (2026-10-13), at the account's mean of the days "
        "held",
    ]]  # fmt: skip
    assert len(cells(folded)) == 21
    assert parts.sentences(book)[2].startswith(
        "The largest uncertainty is $651: 20 accounts have no record of 13 October"
    )
    assert "What is missing, account by account" in parts.coverage(book).markup


def test_a_coverage_folds_what_is_fine():
    days = [record("k", "confluent", f"2026-10-{day:02}", charged(net=1)) for day in range(1, 32)]
    fine = parts.coverage(book_of(days)).markup
    before, folded = fine.split("<details")
    assert "Every account has records of every day" in before
    assert ["Confluent", "none", "31", "$31.00", "–", "–", "2026-11-20", "k"] in cells(folded)
    some = parts.coverage(book_of([*days, record("e", "openai_codex", "2026-10-01", charged(total=2))])).markup
    before, folded = some.split("<details")
    assert ["OpenAI Codex", "2 to 31 October 2026", "1", "$2.00", "–", "–", "2026-11-22", "e"] in cells(before)
    assert "Nothing is missing of 1 of 2 accounts" in folded


def test_many_silent_accounts_are_a_few_names_and_a_fold():
    names = [f"a{n:02}" for n in range(60)]
    asked = [record("k", "confluent", "2026-09-10", charged(net=1))]
    asked += [record(name, "confluent", "2026-09-10", charged(net=1)) for name in names]
    book = book_of([*asked, record("k", "confluent", "2026-10-10", charged(net=1))])
    head = parts.head(book).markup
    before, folded = head.split("<details")
    assert before.count("<li>") == 5
    assert folded.count("<li>") == 55
    assert "and 55 others" in folded
    assert "INCOMPLETE" in before


# --- the other reports answer first, too


def answer_of(shown):
    return [html.unescape(each).replace("\xa0", " ") for each in re.findall(r"<p>(.*?)</p>", shown.markup)]


def test_showback_says_how_much_is_told_by_team():
    """Of 100 red has 60 and blue 20; 15 no vendor tells by person, 5 are of a person in no team."""
    records = [
        record("u", "cursor", f"2026-10-0{n}", charged(total=cost), user={"email": mail})
        for n, (mail, cost) in enumerate([("r@x.com", 60), ("b@x.com", 20), ("n@x.com", 5)], 1)
    ]
    records.append(record("d", "datadog", "2026-10-01", charged(committed=15)))
    labels = pl.DataFrame({"email": ["r@x.com", "b@x.com"], "team": ["red", "blue"]})
    told = answer_of(parts.showback_answer(book_of(records, labels=labels)))[1]
    assert told == (
        "$80.00 of it (80 %) is told by team; the largest are red $60.00 and blue $20.00. "
        "$15.00 (15 %) the vendors do not tell by person and $5.00 (5 %) is of people without a team."
    )
    assert answer_of(parts.showback_answer(book_of(records)))[1].startswith("$85.00 of it (85 %) is told by person; ")


def test_seats_say_how_many_are_used_and_what_the_others_cost():
    """Three seats, one of them never seen at $40; a person beside them has none."""
    records = [
        record("u", "cursor", "2026-10-31", charged(total=1), id=f"{n}", user={"email": f"{n}@x.com"}) for n in range(3)
    ]
    roster = pl.DataFrame({"integration": ["cursor"] * 3, "email": ["0@x.com", "1@x.com", "nobody@x.com"]})
    book = book_of(records, roster=roster, seat_prices={"cursor": (40.0, "USD")})
    assert answer_of(parts.seats_answer(book)) == [
        "3 seats are on the roster: 2 active and 1 never seen. Those that nobody uses cost $40.00 a month.",
        "1 person was seen who is not on the roster.",
    ]
    assert answer_of(parts.seats_answer(book_of(records)))[0] == "3 people were seen: 3 active."
    alt = html.unescape(re.search(r'alt="([^"]*)"', parts.seat_chart(book).markup)[1])
    seats = "Seats by vendor and status: Cursor 2 active and 1 never seen; 3 seats; $40.00 for idle seats;"
    assert alt.startswith(seats)


def test_prices_say_how_far_below_the_list_was_billed():
    """$60 billed of 100, since 40 were off; €5 at list."""
    records = [
        record("c", "claude", "2026-10-02", charged(net=60, discount=40), report_type="cost"),
        record("e", "openai_codex", "2026-10-03", charged("EUR", total=5)),
    ]
    assert answer_of(parts.prices_answer(book_of(records)))[0] == (
        "October 2026: $60.00 billed of $100.00 at list price (40 % below) and €5.00 billed at list price. "
        "Claude gave most off: $40.00."
    )


def test_an_allocation_says_who_pays_who_is_over_budget_and_what_no_rule_reached():
    from truto_usage_nb.allocation.rules import read_rules

    records = [
        record("a", "cursor", "2026-10-02", charged(total=70)), record("b", "cursor", "2026-10-03", charged(total=25)),
        record("c", "cursor", "2026-10-04", charged(total=5)),
    ]  # fmt: skip
    rules = read_rules([{"to": "red", "match": {"account": "a"}}, {"to": "blue", "match": {"account": "b"}}])
    budgets = {("red", "USD"): 50.0, ("blue", "USD"): 30.0}
    said = answer_of(parts.allocation_answer(book_of(records, rules=rules, team_budgets=budgets)))
    assert said[:2] == [
        "October 2026 comes to $100.00 after credits and tax, seats and purchases: red $70.00 and blue $25.00 pay the "
        "most. $5.00 no rule reached.",
        "Over budget: red at $70.00 of $50.00.",
    ]


def test_who_delivered_nothing_has_a_line_in_the_coverage_and_no_note_beside_it():
    """Asked of October, and only September came: one line with no record, not the same again in small print."""
    asked = tuple(
        UsageQuery(integrated_account_id=name, start_date="2026-10-01", end_date="2026-11-01") for name in ("k", "e")
    )
    records = [record("k", "confluent", f"2026-10-{day:02}", charged(net=1)) for day in range(1, 32)]
    known = replace(result_of(records), queries=asked, integrations={"k": "confluent", "e": "openai_codex"})
    shown = parts.coverage(parts.Book(result=known, period=Period.parse("2026-10"), hash="0")).markup
    before = shown.split("<details")[0]
    assert [row[:4] for row in cells(before)[1:]] == [["OpenAI Codex", "1 to 31 October 2026", "0", "–"]]
    assert "delivered no record" not in shown


def test_a_page_without_data_shows_no_table_of_heads_alone_and_names_its_days():
    """A day without a record, after one of $2: what is missing is put at that, and nothing looks like a result."""
    day = Period.parse("2026-10-13")
    asked = tuple(UsageQuery(integrated_account_id="k", start_date=d, end_date=e) for d, e in
                  [("2026-10-12", "2026-10-13"), ("2026-10-13", "2026-10-14")])  # fmt: skip
    known = result_of([record("k", "confluent", "2026-10-12", charged(net=2))], ("2026-10-12", "2026-10-14"))
    book = parts.Book(result=replace(known, queries=asked, integrations={"k": "confluent"}), period=day, hash="0")
    for shown in (
        parts.bill(book),
        parts.unit_prices(book),
        parts.price_check(book),
        parts.where(book, "surface", "S"),
    ):
        assert "<table" not in shown.markup
    assert "No record states any." in parts.bill(book).markup
    cost, change, doubt = parts.sentences(book)
    assert cost.startswith("Tuesday 13 October 2026: no record came of k (Confluent)")
    assert change.startswith("Nothing can be compared with Monday 12 October 2026, the day before. No record came for")
    assert "$2.00: no record came of k (Confluent) (at what it billed on Monday 12 October 2026;" in doubt
    assert "<strong>Confluent</strong>" in parts.not_in_these_figures(book).markup
