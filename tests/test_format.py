"""Money, counts and shares as people read them."""

import pytest

from truto_usage_nb.format import escape, money, number, percent


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (None, "USD", "–"),
        (0.0, "USD", "$0.00"),
        (-0.0, "USD", "$0.00"),
        (-0.0000000000001, "USD", "$0.00"),
        (0.00021, "USD", "$0.00021"),
        (999.994, "USD", "$999.99"),
        (1000, "USD", "$1,000"),
        (-1234567.5, "EUR", "-€1,234,568"),
        (12.345, "JPY", "¥12"),
        (1.2345, "BHD", "BHD 1.234"),
        (3, None, "XXX 3.00"),
        (40, "CREDITS", "CREDITS 40.00"),
    ],
)
def test_money(amount, currency, text):
    assert money(amount, currency) == text


def test_a_sign_stands_only_before_something():
    assert money(-0.004, "USD", digits=2) == "$0.00"
    assert money(-0.005001, "USD", digits=2) == "-$0.01"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0, "0"), (-1200, "-1,200"), (1.5, "1.50"), (1e6, "1,000,000")]
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (0, "0 %"), (0.0001, "<1 %"), (0.01, "1 %"), (0.994, ">99 %"), (1, "100 %"), (1.5, "150 %")],
)
def test_shares_are_not_rounded_to_nothing_or_everything(share, text):
    assert percent(share) == text


def test_html_is_escaped_with_its_quotes():
    assert escape("<b a='1' c=\"2\">&") == "&lt;b a=&#x27;1&#x27; c=&quot;2&quot;&gt;&amp;"
