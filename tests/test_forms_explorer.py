"""The cost explorer without a browser: table, chart and code follow every choice."""

import re
import warnings
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import truto_usage_nb as tu
from truto_usage_nb.costs.choices import MEASURES
from truto_usage_nb.errors import InputError, UsageWarning
from truto_usage_nb.forms.preview import cost_rows

pytestmark = pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")


@pytest.fixture(scope="module")
def usage():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UsageWarning)
        return tu.sandbox().load_usage(["cursor", "claude-console", "confluent"], period="2026-10-05")


@pytest.fixture
def explorer(usage):
    made = tu.CostExplorer(usage, by=["model_id"])
    yield made
    made.close()


def seen(explorer):
    explorer.wait()
    return explorer.shown.value


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"by": ["modle_id"]}, r"no column 'modle_id'\. Did you mean 'model_id'\?"),
        ({"every": "2d"}, r"every='2d' is not allowed.* Allowed: '', '1h', '1d'"),
        ({"measure": "bild"}, "Allowed: 'billed', 'list', 'payable'"),
        ({"top": 0}, "top=0 is not allowed"),
        ({"tops": 3}, r"no 'tops'\. Did you mean 'top'"),
        ({"name": "my frame"}, "is not a name"),
    ],
)
def test_what_means_nothing_is_refused(usage, chosen, words):
    with pytest.raises(InputError, match=words):
        tu.CostExplorer(usage, **chosen)


def test_table_chart_and_code_follow_the_clicks(explorer):
    assert "Cost by model" in seen(explorer)
    assert 'aria-label="cost by model_id, USD"' in explorer.chart.value
    explorer.dimensions.boxes["model_id"].value = False
    explorer.dimensions.boxes["integration"].value = True
    explorer.dimensions.boxes["surface"].value = True
    explorer.bucket.value = "1d"
    explorer.measured.value = "list"
    explorer.most.value = 3
    assert explorer.by == ("integration", "surface")
    assert explorer.code.splitlines() == [
        "table = tu.cost_per(usage, by=['integration', 'surface'], every='1d', measure='list')",
        "tu.plots.cost_over_time(usage, ['integration', 'surface'], every='1d', top=3, measure='list')",
    ]
    shown = seen(explorer)
    assert "period start" in shown
    assert "are not shown." in shown
    assert 'aria-label="cost over time by integration, surface, USD"' in explorer.chart.value
    assert "tu.plots.cost_over_time(" in explorer.kept.value


def test_two_charts_on_a_page_share_no_id(explorer):
    def ids(markup):
        return re.findall(r' id="([^"]+)"', markup)

    explorer.wait()
    first = explorer.chart.value
    explorer.measure = "list"
    explorer.wait()
    assert ids(first)
    assert len(set(ids(first))) == len(ids(first))
    assert not set(ids(first)) & set(ids(explorer.chart.value))
    used = {*re.findall(r'href="#([^"]+)"', first), *re.findall(r"url\(#([^)]+)\)", first)}
    assert used
    assert used <= set(ids(first))


def test_traits_set_from_code_are_shown(explorer):
    explorer.by = "product_name"
    explorer.top = 2
    assert explorer.dimensions.boxes["product_name"].value
    assert not explorer.dimensions.boxes["model_id"].value
    assert explorer.most.value == 2
    assert "Cost by product name" in seen(explorer)
    explorer.by = ()
    assert explorer.code == "table = tu.cost_per(usage, by=[])"
    assert "Cost by currency" in seen(explorer)


def test_a_column_can_be_typed_and_a_wrong_one_is_said(explorer):
    explorer.dimensions.typed.value = "charges_currency"
    assert explorer.by == ("model_id", "charges_currency")
    explorer.dimensions.typed.value = "charges_curency"
    assert "Did you mean &#x27;charges_currency&#x27;?" in explorer.dimensions.note.value
    assert explorer.by == ("model_id", "charges_currency")


@settings(max_examples=12)
@given(
    by=st.lists(st.sampled_from(["model_id", "surface", "integration", "product_name"]), unique=True, max_size=2),
    every=st.sampled_from(["", "1d", "1w", "1mo"]),
    measure=st.sampled_from(MEASURES),
)
def test_the_code_makes_the_table_and_the_chart(usage, by, every, measure):
    import matplotlib.pyplot as plt

    explorer = tu.CostExplorer(usage, by=by, every=every, measure=measure)
    held = {"tu": tu, "usage": usage}
    exec(explorer.code, held)
    plt.close("all")
    assert_frame_equal(held["table"], explorer.table)
    assert "Cost by" in seen(explorer)


def test_fewer_lines_ask_for_no_other_table(explorer):
    explorer.wait()
    before = explorer._answer
    explorer.top = 3
    explorer.wait()
    assert explorer._answer is before
    explorer.measure = "list"
    explorer.wait()
    assert explorer._answer is not before


def test_another_frame_is_asked_anew(explorer, usage):
    explorer.wait()
    explorer.frame = usage.head(0)
    explorer.top = 3
    explorer.wait()
    assert explorer._answer.table.is_empty()


def test_the_table_is_of_the_frames_own_kind(usage):
    explorer = tu.CostExplorer(usage.to_pandas(use_pyarrow_extension_array=True), by="integration", name="bill")
    assert type(explorer.table).__module__.startswith("pandas")
    assert explorer.code.startswith("table = tu.cost_per(bill, by=['integration'])")
    assert "Cost by integration" in seen(explorer)


def test_columns_of_ones_own_come_before_the_rest_and_empty_ones_do_not(usage):
    explorer = tu.CostExplorer(usage.with_columns(team=pl.lit("a"), nobody=pl.lit(None, dtype=pl.String)))
    groups = {each.value: each.group for each in explorer.dimensions.choices}
    assert groups["team"] == "Your own"
    assert groups["model_id"] == "Model"
    assert not {"nobody", "id", "query_id", "usage_tokens_total"} & set(groups)


def test_a_frame_that_cannot_be_tabled_says_why(usage):
    explorer = tu.CostExplorer(pl.concat([usage, usage]), by="model_id")
    assert "tu-told" in seen(explorer)
    assert "twice" in explorer.shown.value or "duplicate" in explorer.shown.value.lower()
    assert explorer.chart.value == ""


def test_names_from_the_service_are_escaped_in_table_and_chart(usage):
    evil = "<script>alert(1)</script> $x_1$ & \"'"
    explorer = tu.CostExplorer(usage.with_columns(model_id=pl.lit(evil)), by="model_id")
    assert "<script" not in seen(explorer) + explorer.chart.value
    assert "&lt;script&gt;" in explorer.shown.value


def test_the_largest_of_each_currency_are_shown_and_the_rest_is_added_up():
    table = pl.DataFrame(
        {
            "model_id": ["a", "b", "c", "a", "b"],
            "currency": ["USD", "USD", "USD", "EUR", "EUR"],
            "cost": [10.0, 2.5, 1.25, 4.0, None],
            "tokens": [5, 0, 0, 0, 0],
        }
    )
    shown, left = cost_rows(table, ["model_id"], 1)
    assert shown.count("<tr>") == 3  # the head, a in USD, a in EUR
    assert "$10.00" in shown
    assert "€4.00" in shown
    assert left == "3 smaller lines, €0.00 and $3.75 together, are not shown."  # 2.50 + 1.25; b in EUR states none
    assert cost_rows(table, ["model_id"], 3)[1] == ""


def test_a_column_of_money_has_one_precision_in_each_currency():
    """Of dollars the largest is beyond a thousand, so that none shows cents; the euros keep theirs."""
    table = pl.DataFrame(
        {
            "model_id": ["a", "b", "c", "d", "e"],
            "currency": ["USD", "USD", "USD", "EUR", "USD"],
            "cost": [1028.4, 351.09, 0.2, 12.5, None],
            "cost_per_million_tokens": [0.41, 5.217, None, 0.00041, None],
        }
    )
    shown, _ = cost_rows(table, ["model_id"], 10)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", shown)][1:]
    assert cells == [
        ["a", "$1,028", "$0.41"],
        ["b", "$351", "$5.22"],
        ["c", "&lt;$1", "–"],
        ["d", "€12.50", "€0.00041"],
        ["e", "–", "–"],
    ]


def by_day(days, values=("a", "b")):
    first = date(2026, 10, 1)
    rows = [(first + timedelta(days=n), value, 10.0 * (n + 1)) for n in range(days) for value in values]
    table = pl.DataFrame(rows, schema=["period_start", "model_id", "cost"], orient="row")
    return table.with_columns(currency=pl.lit("USD"))


def test_a_table_by_time_shows_every_day_of_the_largest_values():
    """A month of two values is 62 lines, all there; one value alone leaves the other's 31 lines, 10 + ... + 310."""
    shown, left = cost_rows(by_day(31), ["model_id"], 10)
    assert shown.count("<tr>") == 63
    assert left == ""
    table = by_day(31, ("a",)).vstack(by_day(31, ("b",)).with_columns(cost=pl.col("cost") / 10))
    assert cost_rows(table, ["model_id"], 1)[1] == (
        "31 smaller lines, of what costs less in all, $496.00 together, are not shown."
    )


def test_a_table_by_time_that_is_too_long_is_cut_by_time():
    """250 days of two values: the last 200 are there whole; the first 50 are 2 * 10 * (1 + ... + 50) = 25,500."""
    shown, left = cost_rows(by_day(250), ["model_id"], 10)
    assert shown.count("<tr>") == 401
    assert "2026-10-01" not in shown
    assert left == "50 earlier times, 2026-10-01 to 2026-11-19, $25,500 together, are not shown."


def test_one_day_of_more_lines_than_there_is_room_for_is_shown_whole():
    shown, left = cost_rows(by_day(2, [f"m{n}" for n in range(500)]), ["model_id"], 1000)
    assert shown.count("<tr>") == 501
    assert left == "1 earlier time, 2026-10-01, $5,000 together, is not shown."


def test_a_front_end_without_widgets_gets_the_code(explorer):
    assert "tu.cost_per(usage, by=[&#x27;model_id&#x27;])" in explorer._repr_mimebundle_()["text/html"]
