"""What a person hands over: text that stays text, headers in any spelling, amounts that are never guessed at."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import polars as pl
import pytest

from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.errors import FrameError, InputError, UsageWarning
from truto_usage_nb.questions.tables import amount_given, read_table

WHAT = "The table of labels"


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def workbook(path, *sheets):
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for at, row in enumerate(rows):
                for across, value in enumerate(row):
                    put = sheet.write_string if isinstance(value, str) else sheet.write
                    put(at, across, value)
    return path


def event(email=None, account="cursor", **fields):
    one = record("u", "cursor", "2026-10-05", "2026-10-05", user={"email": email}, charges=charged(total=1))
    return one | {"integrated_account_id": account} | fields


def frame_of_100(integration="confluent", amount=100, currency="USD"):
    charges = [{"type": "total", "amount": amount, "currency": currency}]
    return frame_of([record("u", integration, "2026-10-05", "2026-10-05", charges=charges)])


def bill(amount, currency="USD", month="2026-10"):
    return pl.DataFrame([("confluent", month, currency, amount)], ["integration", "month", "currency", "amount"],
                        orient="row")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("E-Mail,Cost Center\nann@x.com,00420\nbob@x.com,1E5\nzoë@x.com,007\n", "utf-8"),
        ("E-Mail;Cost Center\r\nann@x.com;00420\r\nbob@x.com;1E5\r\nzoë@x.com;007\r\n", "utf-8-sig"),
        ("E-Mail\tCost Center\nann@x.com\t00420\nbob@x.com\t1E5\nzoë@x.com\t007\n", "latin-1"),
        ("E-Mail\tCost Center\nann@x.com\t00420\nbob@x.com\t1E5\nzoë@x.com\t007\n", "utf-16"),
        ('sep=;\n"E-Mail";"Cost Center"\n"ann@x.com";"00420"\n\nbob@x.com;1E5\n zoë@x.com ; 007 \n', "cp1252"),
    ],
)
def test_a_file_of_text_stays_text_whatever_parts_it_and_however_it_is_encoded(tmp_path, text, encoding):
    path = written(tmp_path / "people.csv", text, encoding)
    frame = frame_of([event("ann@x.com"), event("bob@x.com"), event("zoë@x.com"), event("else@x.com")])
    labelled = questions.with_labels(frame, path)
    assert labelled["Cost Center"].to_list() == ["00420", "1E5", "007", "(unlabelled)"]


def test_keys_are_text_with_their_zeros(tmp_path):
    frame = frame_of([event("a@x.com", "00123"), event("b@x.com", "123"), event("c@x.com", "1E5")])
    path = written(tmp_path / "accounts.csv", "account,owner\n00123,red\n123,blue\n1E5,green\n100000,grey\n")
    labelled = questions.with_labels(frame, path, "integrated_account_id", key="Account")
    assert labelled["owner"].to_list() == ["red", "blue", "green"]


@pytest.mark.parametrize("header", ["email", "Email", "EMAIL", "E-Mail", "e mail", "E_MAIL", " email ", "user.email"])
def test_headers_are_found_however_they_are_spelled(tmp_path, header):
    path = written(tmp_path / "people.csv", f"{header},team\nann@x.com,red\n")
    assert questions.with_labels(frame_of([event("ann@x.com")]), path)["team"].to_list() == ["red"]
    if header != "user.email":
        roster = written(tmp_path / "roster.csv", f"INTEGRATION;{header}\nCursor;ann@x.com\n")
        assert questions.seats(frame_of([event("ann@x.com")]), roster)["status"].to_list() == ["active"]


def test_a_workbook_is_read_cell_by_cell_under_whatever_name(tmp_path):
    rows = [["E-Mail", "Cost Center", "Since"], ["ann@x.com", "00420", dt.date(2026, 10, 1)], ["bob@x.com", 420, "x"]]
    frame = frame_of([event("ann@x.com"), event("bob@x.com")])
    for name in ("people.xlsx", "people.csv"):
        labelled = questions.with_labels(frame, workbook(tmp_path / name, rows))
        assert labelled["Cost Center"].to_list() == ["00420", "420"]
        assert labelled["Since"].to_list() == ["2026-10-01", "x"]
    with pytest.warns(UsageWarning, match="of two.xlsx the sheet 'Sheet1' is read, and not 'Sheet2'"):
        read_table(workbook(tmp_path / "two.xlsx", rows, [["a note"]]), WHAT)


def test_invoices_of_a_workbook_hold_numbers_texts_and_dates(tmp_path):
    """$60.125 as a number, which no decimal mark can change, and $39.875 as text: together the 100 of the records."""
    rows = [["Integration", "MONTH", "Currency", "Amount"], ["confluent", dt.date(2026, 10, 1), "usd", 60.125],
            ["Confluent", "2026-10", "USD", "39,875"]]  # fmt: skip
    path = workbook(tmp_path / "bill.xlsx", rows)
    table = questions.reconcile(frame_of_100(), path, decimal=",")
    assert table.select("metered", "expected", "invoice", "difference").rows() == [(100.0, 100.0, 100.0, 0.0)]
    with pytest.raises(FrameError, match=r"row 3: it has the amount '39,875', which is 39875 with decimal='\.' and"):
        questions.reconcile(frame_of_100(), path)


def test_parquet_and_frames_are_read_as_files_are(tmp_path):
    labels = pl.DataFrame({"Email": ["ann@x.com", "bob@x.com"], "cc": ["007", "1E5"], "level": [3, None]})
    labels.write_parquet(tmp_path / "people.parquet")
    frame = frame_of([event("ann@x.com"), event("bob@x.com")])
    for table in (labels, tmp_path / "people.parquet", str(tmp_path / "people.parquet"), labels.to_pandas()):
        labelled = questions.with_labels(frame, table)
        assert labelled.select("cc", "level").rows() == [("007", "3"), ("1E5", "(unlabelled)")]
    mixed = pd.DataFrame({"email": ["ann@x.com", "bob@x.com"], "cc": ["007", 420]})  # what pandas reads of a workbook
    assert questions.with_labels(frame, mixed)["cc"].to_list() == ["007", "420"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"'t.csv' is empty"),
        ("\n \n", r"'t.csv' is empty"),
        ("email,team\n", "has no rows"),
        ("email,Email\na,b\n", "has 'email' and 'Email', which are one header; rename one"),
        ("email,team,team\na,b,c\n", "has 'team' twice"),
        ("email,e-mail,team\na,b,c\n", "has email twice, as 'e-mail' and 'email'|has 'email'"),
        ("email,team\na,b\n\nc,d,e\n", "row 4: it has 3 cells and the header 2"),
        ('email,team\n"a,b\nc,d\n', "no CSV that can be read: .*look at its quotes"),
        ("email\0,team\n", "is no text and no workbook"),
        ("PK\x03\x04,team\n", "is no workbook that can be read"),
        ("PAR1,team\n", "is a damaged Parquet file"),
    ],
)
def test_files_that_are_no_table_are_refused(tmp_path, text, match):
    path = written(tmp_path / "t.csv", text)
    if "e-mail" in text:
        assert read_table(path, WHAT).need("email").columns == ["email", "e-mail", "team"]  # as it is written wins
        path = written(tmp_path / "t.csv", text.replace("email,", "E mail,"))
        match = "has email twice, as 'E mail' and 'e-mail'"
    with pytest.raises(FrameError, match=match):
        read_table(path, WHAT).need("email")


def test_a_column_without_a_header_is_left_out_and_told(tmp_path):
    path = written(tmp_path / "t.csv", ",email,team,\n0,ann@x.com,red,\n")
    with pytest.warns(UsageWarning, match="column 1 has no header and is left out"):
        table = read_table(path, WHAT)
    assert (table.columns, table.rows) == (["email", "team"], (2,))


def test_a_missing_column_is_named_with_what_comes_near_and_not_with_all():
    with pytest.raises(FrameError, match=r"needs the column email; it has mail, team\. Did you mean 'mail'\?$"):
        read_table(pl.DataFrame({"mail": ["a"], "team": ["b"]}), WHAT).need("email")
    wide = pl.DataFrame({f"c{n}": ["x"] for n in range(60)} | {"emails": ["a"]})
    with pytest.raises(FrameError, match=r"none of its 61 is called so\. Did you mean 'emails'\?$"):
        read_table(wide, WHAT).need("email")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80690.40", 80690.40), ("1.08", 1.08), ("0.080", 0.08), ("1234.567", 1234.567), (".5", 0.5), ("5.", 5.0),
        ("80.690,40", 80690.40), ("1,080.00", 1080.0), ("1.080,00", 1080.0), ("1,080,000", 1_080_000.0),
        ("1.080.000", 1_080_000.0), ("80 690.40", 80690.40), ("80 690,40", 80690.40), ("80'690.40", 80690.40),
        ("80’690,40", 80690.40), ("1\u202f080\u202f000,5", 1_080_000.5), ("-5.50", -5.5), ("−5.50", -5.5),
        ("5.50-", -5.5), ("(5.50)", -5.5), ("$1,080.00", 1080.0), ("-$5", -5.0), ("€ 5", 5.0), ("5 €", 5.0),
        ("USD 1080", 1080.0), ("1080 usd", 1080.0), ("+7", 7.0), (" 7 ", 7.0),
    ],
)  # fmt: skip
def test_amounts_as_people_write_them(text, value):
    assert amount_given("x", text) == value


@pytest.mark.parametrize(
    "text",
    ["", "-", "ten", "NaN", "nan", "inf", "-Infinity", "1E5", "160k", "5 %", "1,00,000.00", "12 34", "1 08,5", "--5",
     "(-5)", "1.2.3", "1,2,3", "1,080.000.5", "USD", "USD 5 EUR", "١٢", "0x10", "1_000"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(InputError, match="is no number"):
        amount_given("x", text)


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [("1,08", None, 1.08), ("1.080", 1.08, 1080.0), ("1,080", 1080.0, 1.08), ("80690,40", None, 80690.40),
     ("-1.080", -1.08, -1080.0), ("€1.080", 1.08, 1080.0)],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused_with_its_row_until_it_is_said(text, point, comma):
    euros = pl.concat([bill("1", "EUR"), bill(text, "EUR")])
    with pytest.raises(FrameError, match=rf"^The table of invoices, row 2: it has the amount {text!r}, which is "):
        questions.reconcile(frame_of_100(currency="EUR"), euros)
    for decimal, value in ((".", point), (",", comma)):
        if value is None:
            with pytest.raises(FrameError, match=f"row 2: .*is no number with decimal={decimal!r}"):
                questions.reconcile(frame_of_100(currency="EUR"), euros, decimal=decimal)
        else:
            table = questions.reconcile(frame_of_100(currency="EUR"), euros, decimal=decimal)
            assert table["invoice"].to_list() == [round(1 + value, 2)]


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (bill(math.nan), "row 1: it has the amount nan, which is no finite number"),
        (bill(math.inf), "row 1: it has the amount inf, which is no finite number"),
        (bill("NaN"), "row 1: it has the amount 'NaN', which is no number"),
        (bill(None), "row 1: it lacks its amount"),
        (bill(" "), "row 1: it lacks its amount"),
        (bill(True), "row 1: it has the amount True, which is no number"),
        (bill("€ 80"), "row 1: it has the amount '€ 80', which is in EUR, and its currency is USD"),
        (bill("$80", "EUR"), "which is in USD, and its currency is EUR"),
        (bill(1, "ZZZZ"), "row 1: it has the currency 'ZZZZ', which is no currency of ISO 4217, such as USD"),
        (bill(1, " "), "row 1: it lacks its currency"),
        (bill(1, month="2026-10-00"), "row 1: month='2026-10-00' is no day"),
        (bill(1, month=None), "row 1: month="),
    ],
)
def test_an_invoice_that_cannot_be_read_is_refused_with_its_row(row, match):
    with pytest.raises(FrameError, match=match):
        questions.reconcile(frame_of_100(), row)


def test_months_may_be_days_and_moments_as_databases_write_them():
    for month in ("2026-10", "2026-10-01", "2026-10-01 00:00:00", "2026-10-31T00:00:00Z", dt.date(2026, 10, 5)):
        assert questions.reconcile(frame_of_100(), bill(100, month=month))["difference"].to_list() == [0.0]


def test_an_unknown_decimal_mark_is_refused():
    with pytest.raises(InputError, match=r"decimal=';' is not allowed\. Allowed: '\.' and ','"):
        questions.reconcile(frame_of_100(), bill(1), decimal=";")


@pytest.mark.parametrize(
    ("currency", "amount", "expected"),
    [("USD", 33.333, 100.0), ("JPY", 33.4, 100.0), ("KWD", 33.3333, 100.0), ("EUR", 0.1, 0.3)],
)
def test_reconcile_compares_in_the_currencys_decimals(currency, amount, expected):
    """Three charges of 33.333 are 99.999, which is 100.00; of JPY 33.4 are 100.2, which is 100; 3 x 0.1 is 0.3."""
    charge = [{"type": "total", "amount": amount, "currency": currency}]
    records = [record("u", "confluent", f"2026-10-0{n}", f"2026-10-0{n}", charges=charge) for n in (1, 2, 3)]
    row = questions.reconcile(frame_of(records), bill(expected, currency)).row(0, named=True)
    assert row["metered"] == row["expected"] == pytest.approx(3 * amount)
    assert (row["invoice"], row["difference"]) == (expected, 0.0)
    assert math.copysign(1, row["difference"]) == 1


@pytest.mark.parametrize(
    ("price", "match"),
    [
        ((40, "ZZZZ"), "the currency='ZZZZ' is no currency of ISO 4217"),
        (("x", "USD"), "the amount='x' is no number"),
        ((math.nan, "USD"), "the amount=nan is no finite number"),
        ((-1, "USD"), "is below zero"),
        ({"curser": (40, "USD")}, "'curser', which is no integration. Did you mean 'cursor'"),
    ],
)
def test_prices_of_seats_are_checked(price, match):
    roster = pl.DataFrame({"integration": ["cursor"], "email": ["a@x.com"]})
    with pytest.raises(InputError, match=match):
        questions.seats(frame_of([event("a@x.com")]), roster, price)


def test_a_report_reads_the_same_files_as_the_questions_do(tmp_path):
    """Labels by semicolon with `E-Mail` and `Cost Center`, an invoice with German marks, a budget as a workbook."""
    from truto_usage_nb.planning import Period
    from truto_usage_nb.reports import parts
    from truto_usage_nb.result import UsageResult

    frame = frame_of([event("ann@x.com"), event("bob@x.com")])
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    snapshot = UsageResult(polars=frame, queries=(), fetched_at=at, pages=1, period=Period.parse("2026-10")).save(
        tmp_path / "usage.parquet"
    )
    people = written(tmp_path / "people.csv", "E-Mail;Cost Center\nANN@x.com;00420\nbob@x.com;1E5\n", "cp1252")
    bills = written(tmp_path / "bills.csv", "Integration;Month;Currency;Amount\nCursor;2026-10;EUR;1.080,00 €\n")
    roster = written(tmp_path / "roster.tsv", "INTEGRATION\tE-MAIL\nCursor\tann@x.com\n")
    budget = workbook(tmp_path / "budget.xlsx", [["Currency", "Amount"], ["usd", 160_000]])
    book = parts.open_book(snapshot, labels=people, invoices=bills, roster=roster, budget=str(budget))
    assert parts.label_lines(book, "cost_center").select("Cost Center", "cost").sort("Cost Center").rows() == [
        ("00420", 1.0), ("1E5", 1.0),
    ]  # fmt: skip
    assert book.invoices.rows() == [("cursor", dt.date(2026, 10, 1), "EUR", 1080.0)]
    assert (book.roster.rows(), book.budget) == ([("cursor", "ann@x.com")], {"USD": 160_000.0})
    with pytest.raises(InputError, match="label='team' is no column of the table of labels; it has Cost Center"):
        parts.label_lines(book, "team")
    one = written(tmp_path / "one.csv", "integration,month,currency,amount\ncursor,2026-10,USD,1.080\n")
    with pytest.raises(FrameError, match=r"invoices: one.csv, row 2: it has the amount '1.080', which is 1.08 with"):
        parts.open_book(snapshot, invoices=one)
    assert parts.open_book(snapshot, invoices=one, decimal=",").invoices["amount"].to_list() == [1080.0]
    teams = written(tmp_path / "teams.csv", "team,currency,amount\nred,USD,5\nblue,USD,6\n")
    with pytest.raises(InputError, match="has the column 'team'; a report's budget is by currency alone"):
        parts.open_book(snapshot, budget=teams)
    for budget, match in (("160k", "budget='160k' is no number"), (math.nan, "no finite number"), (True, "is no num")):
        with pytest.raises(InputError, match=match):
            parts.open_book(snapshot, budget=budget)


def test_a_frame_that_a_report_is_given_keeps_its_texts_and_numbers(tmp_path):
    """pandas reads a workbook's column as objects; 1.125 never becomes 1,125, whatever mark is said."""
    from truto_usage_nb.reports.notebook import as_parameters as plain

    given_ = pd.DataFrame({"cc": ["00420", 420, None], "amount": ["1.080,00", 1.125, 7.0]})
    path = plain({"invoices": given_}, tmp_path)["invoices"]
    assert pl.read_parquet(path).rows() == [("00420", "1.080,00"), ("420", "1.1250"), (None, "7")]
    with pytest.raises(InputError, match="is no number with decimal=','"):
        amount_given("x", "1.1250", ",")


KEYS = [("red", "USD"), ("blue", "USD"), (None, "EUR")]


def test_budgets_come_as_amounts_mappings_files_and_frames(tmp_path):
    from truto_usage_nb.questions.pacing import budgets_by_row

    rows = [["Team", "Amount", "Currency"], ["red", "1.080,50", "USD"], ["blue", 20, "usd"]]
    expected = {("red", "USD"): 1080.5, ("blue", "USD"): 20.0}
    text = "team;amount;currency\nred;1.080,50;USD\nblue;20;USD\n"
    for table in (workbook(tmp_path / "b.xlsx", rows), written(tmp_path / "b.csv", text), str(tmp_path / "b.csv"),
                  pd.DataFrame(rows[1:], columns=rows[0])):  # fmt: skip
        assert budgets_by_row(table, KEYS) == expected
    assert budgets_by_row("160,000.50", [("USD",)]) == {("USD",): 160_000.5}
    assert budgets_by_row({"red": "7", ("blue", "USD"): 0}, KEYS) == {("red", "USD"): 7.0, ("blue", "USD"): 0.0}


@pytest.mark.parametrize(
    ("budget", "match"),
    [
        ("160k", r"^budget='160k' is no number; write it like 1080.50; nor is it a file\.$"),
        ("nowhere.csv", "budget='nowhere.csv' is no number.*nor is it a file"),
        (math.nan, "budget=nan is no finite number"),
        (True, "budget=True is no number"),
        (-5, "budget=-5 is below zero"),
        ({"red": "x"}, r"budget\['red'\]='x' is no number"),
        ({"redd": 5}, r"budget names 'redd', which has no row here. Did you mean 'red'\? Rows: red, USD, blue"),
        (pl.DataFrame({"team": ["redd"], "currency": ["USD"], "amount": [5]}), "redd and USD.*Did you mean 'red'"),
        (pl.DataFrame({"team": ["red"] * 2, "currency": ["USD"] * 2, "amount": [5, 6]}), "row 2: red and USD has a"),
        (pl.DataFrame({"currency": ["USD"], "amount": [5]}), "has 0 columns beside .* a row here has 1 values"),
        (pl.DataFrame({"team": ["red"], "amount": [5]}), "needs the column currency; it has team, amount"),
    ],
)
def test_a_budget_that_is_of_no_row_or_no_amount_is_refused(budget, match):
    from truto_usage_nb.questions.pacing import budgets_by_row

    with pytest.raises(InputError, match=match):
        budgets_by_row(budget, KEYS)
