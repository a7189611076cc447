"""Reports as they are seen: first screens beside those that were kept, and what axe-core finds, light and dark."""

import warnings

import pytest

import truto_usage_nb as tu
from tests import screens_for_tests as screens
from tests.axe_for_tests import violations
from tests.lab_for_tests import FLAGS
from tests.screens_for_tests import check_screen

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

RULES = {
    "version": 1,
    "rules": [
        {"to": "platform", "match": {"integration": "confluent"}},
        {"to": "web", "match": {"integration": "claude"}},
        {"to": "mobile", "match": {"integration": "cursor"}},
    ],
    "splits": [{"pool": "platform", "by": "even", "among": ["mobile", "web"]}],
}
BUDGETS = "team,currency,amount\nmobile,USD,1\nweb,USD,5000\n"
COMMITMENTS = (
    "account,product,quantity,unit,price,currency,start,end,on_demand_price,basis\n"
    "confluent,,100,USD,80,USD,2026-09-01,2026-10-01,100,prepaid\n"
)
ACCOUNTS = ["claude-console", "confluent", "openai-api-eu", "cursor"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Render on first asking, of two days of four accounts, one of them in euros."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "budgets.csv").write_text(BUDGETS, encoding="utf-8")
    (folder / "commitments.csv").write_text(COMMITMENTS, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tu.UsageWarning)
        result = tu.sandbox().fetch_usage(ACCOUNTS, period=("2026-09-14", "2026-09-16"))
    snapshot = result.save(folder / "days.parquet")
    given = {
        "allocation": {"rules": RULES, "team_budgets": str(folder / "budgets.csv")},
        "commitments": {"commitments": str(folder / "commitments.csv")},
    }

    def page(name):
        made = folder / f"{name}.html"
        if not made.is_file():
            more = given.get(name, {})
            tu.render_report(name, made, snapshot=snapshot, period="2026-09-15", progress=False, **more)
        return made.as_uri()

    return page


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *screens.FLAGS])
        yield started
        started.close()


def opened(browser, address, width, scheme="light"):
    context = browser.new_context(
        offline=True,
        bypass_csp=True,
        color_scheme=scheme,
        viewport={"width": width, "height": 844 if width < 600 else 900},
    )
    page = context.new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize(("name", "width", "scheme"), [
    ("report", 1280, "light"), ("report_390", 390, "light"), ("report_dark", 1280, "dark"),
])  # fmt: skip
def test_the_first_screen_looks_as_it_was_kept(browser, pages, name, width, scheme):
    if reason := screens.why_not(browser):
        pytest.skip(reason)
    page = opened(browser, pages("ai_spend"), width, scheme)
    check_screen(page, name)
    page.context.close()


@pytest.mark.parametrize("name", ["ai_spend", "allocation", "commitments"])
def test_axe_finds_nothing_wrong_in_the_light_or_the_dark(browser, pages, name):
    for width, scheme in ((1280, "light"), (390, "light"), (1280, "dark")):
        page = opened(browser, pages(name), width, scheme)
        assert violations(page, only="color-contrast" if scheme == "dark" else None) == [], (width, scheme)
        page.context.close()


# The measure itself.


def picture(draw=lambda _: None, size=(600, 300)):
    from PIL import Image, ImageDraw, ImageFont

    made = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(made)
    for line in range(14):
        pen.text(
            (10, 10 + 20 * line),
            f"a line of text, the {line}th of them all",
            fill="black",
            font=ImageFont.load_default(13),
        )
    draw(pen)
    return made


def test_smoothing_is_no_difference_and_a_line_more_is():
    from PIL import ImageFilter

    whole = picture()
    assert screens.differing(whole, whole.copy()) == 0
    assert screens.differing(whole, whole.filter(ImageFilter.GaussianBlur(0.5))) < 0.01
    assert screens.differing(whole, whole.convert("RGB").quantize(48).convert("RGB")) < 0.01
    shifted = picture().transform(whole.size, 0, (1, 0, 0, 0, 1, -20))  # a line more above
    assert screens.differing(whole, shifted) > 0.03
    assert screens.differing(whole, picture(lambda pen: pen.rectangle((300, 100, 380, 160), fill="red"))) > 0.01
    assert screens.differing(whole, picture(size=(600, 301))) == 1.0
