"""The form in a real JupyterLab: clicked, run, cancelled, refused, copied, in the light and the dark theme."""

import shutil

import pytest

from tests.lab_for_tests import FLAGS, Lab, command, wait_until_idle

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector('.tu-progress');
    if (bar) window.seen.push(bar.textContent);
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""
UNNAMED = """form => [...form.querySelectorAll('input, select, textarea, button')].filter(each =>
  !(each.labels && [...each.labels].some(one => one.textContent.trim())) && !each.getAttribute('aria-label')
  && !each.textContent.trim()).map(each => each.outerHTML)"""
CONTRAST = """form => {
  const part = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1] };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
  const behind = each => { for (let one = each; one; one = one.parentElement) {
    const colour = part(getComputedStyle(one).backgroundColor); if (colour[3] === 1) return colour }
    return [255, 255, 255] };
  const ratio = each => { const under = behind(each), ink = over(part(getComputedStyle(each).color), under);
    const [a, b] = [light(ink), light(under)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05) };
  return [...form.querySelectorAll('h3, h4, th, td, caption, textarea, summary, .tu-note, .tu-told, .tu-sentence, '
    + '.widget-label, .widget-label-basic span, .tu-field input:enabled, .tu-field select:enabled')]
    .filter(each => each.offsetParent && each.textContent.trim()).map(each => [ratio(each), each.textContent.trim()]);
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, root, chromium):
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(root / "notebooks" / "05_forms.ipynb", folder)
    with Lab(folder) as served:
        yield served


@pytest.fixture(scope="module")
def page(lab, chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 1800})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = lab.open(context, "05_forms.ipynb")
        page.asked, page.failed = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda problem: page.failed.append(str(problem)))
        command(page, "notebook:run-all-cells")
        page.locator(".tu-form").nth(2).wait_for(timeout=60_000)
        wait_until_idle(page)
        yield page
        browser.close()


@pytest.fixture
def form(page):
    return page.locator(".tu-form").first


def run(form):
    """Press Run; what an earlier run showed is no longer taken for an answer."""
    form.locator(".tu-done").evaluate_all("all => all.forEach(each => each.classList.remove('tu-done'))")
    form.locator("button.tu-run").click()


def in_a_new_cell(page, write):
    """Insert a cell, let `write` fill it, and run it."""
    command(page, "notebook:insert-cell-below")
    command(page, "notebook:enter-edit-mode")
    page.wait_for_function("document.activeElement.closest('.jp-mod-active .cm-content') !== null")
    write()
    command(page, "notebook:run-cell")


def test_a_query_is_clicked_together_and_what_it_loads_is_seen(page, form):
    page.evaluate(WATCH)
    for ticked in ("tidewheel (cursor)", "tidewheel (claude-console)"):
        form.get_by_label(ticked, exact=True).uncheck()
    form.get_by_label("tidewheel (claude-enterprise)", exact=True).check()
    form.get_by_label("tidewheel (claude-console)", exact=True).check()
    form.get_by_label("tidewheel (claude-enterprise)", exact=True).uncheck()
    form.get_by_label("report type", exact=True).select_option("cost")
    form.get_by_label("group by", exact=True).fill("model")
    form.get_by_label("period", exact=True).select_option(label="Last month (2026-10)")
    form.locator(".tu-period", has_text="2026-10-01 to 2026-11-01 (UTC, end excluded), 31 days.").wait_for()
    form.locator(".tu-code textarea").filter(has_text="report_type='cost', group_by=['model']").wait_for()
    run(form)
    form.locator(".tu-done").wait_for(timeout=60_000)
    assert any("pages ·" in text and "records" in text for text in page.evaluate("window.seen"))
    assert "records in" in form.locator(".tu-done").inner_text()
    assert form.locator(".tu-head tbody tr").count() == 5
    assert "claude-" in form.locator(".tu-costs tbody").inner_text()
    assert not page.failed


def test_the_code_is_copied_and_loads_the_same_frame(page, form):
    form.get_by_label("in words", exact=True).fill("2026-10-06")
    form.locator(".tu-code textarea").filter(has_text="period='2026-10-06'").wait_for()
    run(form)
    form.locator(".tu-done").wait_for(timeout=60_000)
    copy = form.locator(".tu-code").get_by_role("button", name="Copy")
    copy.click()
    form.locator(".tu-code").get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == form.locator(".tu-code textarea").input_value()
    page.evaluate(
        "navigator.clipboard.writeText('x').then(() => "
        "Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true}))"
    )
    form.locator(".tu-code button").click()  # as a page without the interface would
    in_a_new_cell(page, lambda: page.keyboard.press("Control+v"))
    page.evaluate("delete navigator.clipboard")
    in_a_new_cell(
        page, lambda: page.keyboard.insert_text("print('equal:', usage.equals(form.frame), usage.height > 0)")
    )
    page.get_by_text("equal: True True").first.wait_for(timeout=30_000)


def test_what_is_wrong_is_said_beside_the_field_and_what_is_refused_is_a_sentence(page, form):
    form.get_by_label("limit", exact=True).fill("abc")
    form.locator(".tu-field [role=alert]", has_text="limit='abc' is not allowed; give a whole number").wait_for()
    assert form.locator("button.tu-run").is_disabled()
    form.get_by_label("limit", exact=True).fill("")
    form.get_by_label("group by", exact=True).fill("no_such")
    form.locator(".tu-code textarea").filter(has_text="no_such").wait_for()
    run(form)
    sentence = form.locator(".tu-sentence")
    sentence.wait_for(timeout=30_000)
    assert "the provider behind the service answered 422" in sentence.inner_text()
    assert not form.locator(".tu-failed pre").is_visible()
    form.locator(".tu-failed summary").click()
    assert "Traceback (most recent call last)" in form.locator(".tu-failed pre").inner_text()
    form.get_by_label("group by", exact=True).fill("")


def test_a_slow_load_leaves_the_notebook_usable_and_is_cancelled(page):
    slow = page.locator(".tu-form").nth(1)
    slow.scroll_into_view_if_needed()
    run(slow)
    slow.locator("progress").wait_for()
    in_a_new_cell(page, lambda: page.keyboard.insert_text("print('still', slow.is_running)"))
    page.get_by_text("still True").first.wait_for(timeout=20_000)
    slow.locator("button.tu-cancel").click()
    slow.get_by_text("Cancelled after 0 pages and 0 records; nothing of it was kept.").wait_for(timeout=10_000)
    assert slow.locator("button.tu-run").is_enabled()
    assert slow.locator("button.tu-cancel").is_disabled()


def test_the_keyboard_runs_it_and_jupyterlab_takes_no_key_away(page, form):
    cells = page.locator(".jp-Cell").count()
    tick = form.get_by_label("tidewheel (confluent)", exact=True)
    tick.focus()
    page.keyboard.press("Space")
    assert tick.is_checked()
    page.keyboard.press("x")  # would cut the cell
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.labels[0].textContent.trim()") == "tidewheel (cursor)"
    form.locator(".tu-code textarea").focus()
    page.keyboard.press("Control+a")
    assert page.evaluate("getSelection().toString()").startswith("import truto_usage_nb as tu")
    page.keyboard.press("x")
    assert page.locator(".jp-Cell").count() == cells
    form.locator(".tu-done").evaluate_all("all => all.forEach(each => each.classList.remove('tu-done'))")
    form.locator("button.tu-run").focus()
    page.keyboard.press("Enter")
    form.locator(".tu-done").wait_for(timeout=30_000)
    tick.uncheck()


def test_the_cost_explorer_follows_the_clicks(page):
    from playwright.sync_api import expect

    explorer = page.locator(".tu-form").nth(2)
    explorer.get_by_label("integration", exact=True).uncheck()
    explorer.get_by_label("surface", exact=True).uncheck()
    explorer.get_by_label("model_id", exact=True).check()
    explorer.get_by_label("a line for each", exact=True).select_option("day")
    explorer.get_by_label("largest", exact=True).fill("3")
    explorer.get_by_label("largest", exact=True).blur()
    explorer.get_by_role("img", name="cost over time by model_id, USD").wait_for(timeout=30_000)
    code = explorer.locator(".tu-code textarea")
    code.filter(has_text="tu.plots.cost_over_time(usage, ['model_id'], every='1d', top=3)").wait_for()
    expect(explorer.locator(".tu-costs tbody tr")).to_have_count(3, timeout=30_000)
    explorer.get_by_text("smaller lines,").wait_for()


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_it_reads_in_both_themes_and_every_control_has_its_name(page, form, theme):
    page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: {theme!r}}})")
    is_light = str(theme == "JupyterLab Light").lower()
    page.wait_for_function(f"document.body.dataset.jpThemeLight === '{is_light}'")
    measured = [each for one in page.locator(".tu-form").all() for each in one.evaluate(CONTRAST)]
    assert len(measured) > 150
    assert [(text, ratio) for ratio, text in measured if ratio < 4.5] == []
    assert [each for one in page.locator(".tu-form").all() for each in one.evaluate(UNNAMED)] == []
    assert (
        form.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
    )  # the order is that of reading


def test_nothing_is_asked_of_the_outside(page, lab):
    inside = (lab.url, lab.url.replace("http", "ws"), "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(inside)] == []
