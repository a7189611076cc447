"""The form in a real JupyterLab, Notebook 7 and Voilà: clicked, by keys, run, cancelled, refused, narrow, dark."""

import importlib.util
import json
import shutil

import pytest

from tests import screens_for_tests as screens
from tests.axe_for_tests import violations
from tests.lab_for_tests import FLAGS, Lab, command, wait_for_kernel, wait_until_idle
from tests.screens_for_tests import check_screen

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


BOXES = """form => [...form.querySelectorAll('input, select, textarea')].filter(each => each.type !== 'checkbox'
  && each.offsetParent && each.labels && each.labels.length).map(each => {
    const label = each.labels[0].getBoundingClientRect(), box = each.getBoundingClientRect();
    const end = form.getBoundingClientRect().right - 19;
    return [each.labels[0].textContent, label.bottom <= box.top + 1, box.right <= end]
  })"""
REACHED = """() => { const now = document.activeElement;
  return [now.closest('.tu-form') !== null, now.labels?.[0]?.textContent.trim() || now.getAttribute('aria-label')
    || now.textContent.trim(), getComputedStyle(now).outlineStyle, getComputedStyle(now).outlineWidth] }"""
PRESSED = """run => { const line = run.closest('.tu-form').querySelector('.tu-wait'); run.click();
  return [line.textContent, parseFloat(getComputedStyle(line).animationDelay)] }"""
MISSING = """from truto_usage_nb.forms import FormState
form.state = FormState(("cursor", "no-such-account"), period="2026-10-05")"""
HOSTS = """import truto_usage_nb as tu

client = tu.sandbox()
usage = client.load_usage("cursor", period="2026-10-05")
form = tu.QueryForm(client, accounts=["cursor", "claude-console"], period="2026-10-05")
form"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, root, chromium):
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks/05_forms.ipynb", "docs/images/form.png"):  # which it shows
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(root / name, folder / name)
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate((HOSTS, "tu.CostExplorer(usage, by=['model_id'])"))
    ]
    kept = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "hosts.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": kept, "nbformat": 4, "nbformat_minor": 5})
    )
    with Lab(folder) as served:
        yield served


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *screens.FLAGS])
        yield started
        started.close()


def is_error(told):
    """JupyterLab asks itself for a font that it may not have."""
    return told.type == "error" and not told.location["url"].endswith(".woff2")


@pytest.fixture(scope="module")
def page(lab, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(20_000)
    page = lab.open(context, "notebooks/05_forms.ipynb")
    page.asked, page.failed = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda problem: page.failed.append(str(problem)))
    page.on("console", lambda said: page.failed.append(said.text) if is_error(said) else None)
    command(page, "notebook:run-all-cells")
    page.locator(".tu-form").nth(2).wait_for(timeout=60_000)
    wait_until_idle(page)
    return page


@pytest.fixture
def form(page):
    return page.locator(".tu-form").first


def run(form):
    """Press Run; what an earlier run showed is no longer taken for an answer."""
    form.locator(".tu-done").evaluate_all("all => all.forEach(each => each.classList.remove('tu-done'))")
    form.locator("button.tu-run").click()


def unfold(form, title):
    """Open what a line opens, unless it is open."""
    line = form.locator("details", has=form.page.locator("summary", has_text=title))
    if line.get_attribute("open") is None:
        line.locator("summary").click()


def in_a_new_cell(page, write):
    """Insert a cell, let `write` fill it, and run it."""
    command(page, "notebook:insert-cell-below")
    command(page, "notebook:enter-edit-mode")
    page.wait_for_function("document.activeElement.closest('.jp-mod-active .cm-content') !== null")
    write()
    command(page, "notebook:run-cell")


# First the other hosts: what JupyterLab keeps of its workspace would make Notebook complain.


def shown_in(lab, browser, path, *, host):
    """Open the small notebook where `host` serves it; gives the page, and what it complains of."""
    page, said = browser.new_page(viewport={"width": 1280, "height": 1400}), []
    page.route(lambda url: not url.startswith(lab.url), lambda route: route.abort())  # Voilà asks a CDN for icons
    page.on(
        "console", lambda told: said.append(told.text) if is_error(told) and lab.url in told.location["url"] else None
    )
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.goto(f"{lab.url}/{path}")
    if host == "notebook":
        wait_for_kernel(page)
        command(page, "notebook:run-all-cells")
    return page, said


@pytest.mark.parametrize(
    ("host", "path"), [("notebook", "notebooks/hosts.ipynb"), ("voila", "voila/render/hosts.ipynb")]
)
def test_it_shows_and_runs_in_other_hosts(lab, browser, host, path):
    if importlib.util.find_spec(host) is None:
        pytest.skip(f"needs {host}: pip install '.[hosts]'")
    page, said = shown_in(lab, browser, path, host=host)
    form, explorer = page.locator(".tu-form").first, page.locator(".tu-form").nth(1)
    explorer.get_by_role("img", name="cost by model_id, USD").wait_for(timeout=60_000)
    assert not form.get_by_label("on error", exact=True).is_visible()
    unfold(form, "How to load")
    form.get_by_label("on error", exact=True).select_option("warn")
    form.locator(".tu-code textarea").filter(has_text="on_error='warn'").wait_for()
    form.locator("button.tu-run").click()
    form.locator(".tu-done", has_text="493 records").wait_for(timeout=30_000)
    form.get_by_role("img", name="cost by model, USD").wait_for()
    assert page.get_by_text("Error displaying widget").count() == 0
    assert page.get_by_text("Traceback").count() == 0
    assert page.get_by_text("shows no widgets").count() == 0
    assert [text for text in said if "(reading 'schema')" not in text] == []  # Notebook's own, on any page
    page.close()


def test_the_first_screen_is_accounts_a_period_and_run(page, form):
    assert form.get_by_label("report type", exact=True).count() == 1
    assert not form.get_by_label("report type", exact=True).is_visible()
    assert not form.get_by_label("key by", exact=True).is_visible()
    assert form.locator("button.tu-run").bounding_box()["y"] - form.bounding_box()["y"] < 560
    slow = page.locator(".tu-form").nth(1)
    check_screen(page, "form", slow, 600)
    check_screen(page, "form_result", form, 1000)
    unfold(form, "What to ask")
    check_screen(page, "form_open", form, 1000)
    form.locator("summary", has_text="What to ask").click()


def test_a_query_is_clicked_together_and_what_it_loads_is_seen(page, form):
    page.evaluate(WATCH)
    for ticked in ("tidewheel (cursor)", "tidewheel (claude-console)"):
        form.get_by_label(ticked, exact=True).uncheck()
    form.get_by_label("tidewheel (claude-enterprise)", exact=True).check()
    form.get_by_label("tidewheel (claude-console)", exact=True).check()
    form.get_by_label("tidewheel (claude-enterprise)", exact=True).uncheck()
    unfold(form, "What to ask")
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
    from playwright.sync_api import expect

    unfold(form, "What to ask")
    form.get_by_label("limit", exact=True).fill("abc")
    form.locator(".tu-field [role=alert]", has_text="limit='abc' is not allowed; give a whole number").wait_for()
    expect(form.locator("button.tu-run")).to_be_disabled()
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
    check_screen(page, "explorer", explorer, 760)
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


def test_every_control_is_reached_by_keys_and_shows_that_it_is(page, form):
    """Tab goes through all that is shown, in order, from the first tick; Enter opens a line; each stop has a ring."""
    form.locator("input[type=checkbox]").first.focus()
    for title in ("What to ask", "How to load", "Advanced"):
        line = form.locator("summary", has_text=title)
        if line.evaluate("line => line.parentElement.open"):
            line.click()
    form.locator("input[type=checkbox]").first.focus()
    page.keyboard.press("Shift+Tab")
    reached = []
    for _ in range(90):
        page.keyboard.press("Tab")
        inside, name, style, width = page.evaluate(REACHED)
        if not inside:
            break
        reached.append(name)
        assert style in ("solid", "auto"), name
        assert width != "0px", name
        if name.startswith(("What to ask", "How to load", "Advanced")):
            page.keyboard.press("Enter")
    shown = form.locator("input:visible:enabled, select:visible:enabled, textarea:visible, button:visible:enabled")
    named = shown.evaluate_all(
        "all => all.map(each => each.labels?.[0]?.textContent.trim() || each.ariaLabel || each.textContent)"
    )
    assert len(named) > 30
    assert {name.strip() for name in named} <= set(reached)
    assert {"report type", "on error", "frame", "key by"} <= set(reached)
    assert len(reached) < 90


def test_a_press_of_run_and_of_cancel_keeps_the_keyboards_place(page):
    slow = page.locator(".tu-form").nth(1)
    slow.locator("button.tu-run").focus()
    page.keyboard.press("Enter")
    slow.locator("progress").wait_for()
    assert slow.locator("button.tu-run").evaluate("run => run === document.activeElement")
    slow.locator("button.tu-cancel").focus()
    page.keyboard.press("Enter")
    slow.get_by_text("Cancelled after").wait_for(timeout=10_000)
    assert slow.locator("button.tu-run").evaluate("run => run === document.activeElement")


def test_a_click_is_answered_at_once_while_another_cell_runs(page, lab, form):
    """The page itself says that the kernel was asked, whenever that answers; what was asked for comes all the same."""
    in_a_new_cell(
        page, lambda: page.keyboard.insert_text("import os\nprint('runs')\nwhile not os.path.exists('go'):\n    pass")
    )
    try:
        page.get_by_text("runs", exact=True).last.wait_for()
        form.locator(".tu-done").evaluate_all("all => all.forEach(each => each.classList.remove('tu-done'))")
        told, delay = form.locator("button.tu-run").evaluate(PRESSED)
    finally:
        (lab.root / "notebooks" / "go").touch()
    assert told == "Asked; the kernel answers when it is free."
    assert delay <= 0.05  # seconds until it is seen
    form.locator(".tu-done").wait_for(timeout=30_000)
    form.locator(".tu-wait:empty").wait_for(state="attached")


@pytest.mark.parametrize("width", [360, 390])
def test_labels_stand_above_their_fields_where_there_is_no_room_beside_them(page, form, width):
    unfold(form, "What to ask")
    beside = form.evaluate(BOXES)
    assert not any(above for _, above, _ in beside)
    form.evaluate(f"form => form.style.width = '{width}px'")
    stacked = form.evaluate(BOXES)
    assert len(stacked) > 10
    assert [name for name, above, fits in stacked if not (above and fits)] == []
    assert form.evaluate("form => form.scrollWidth <= form.clientWidth + 1")
    if width == 390:
        check_screen(page, "form_390", form, 800)
    form.evaluate("form => form.style.width = ''")


def test_what_did_load_stands_below_what_did_not(page, form):
    in_a_new_cell(page, lambda: page.keyboard.insert_text(MISSING))
    run(form)
    form.locator(".tu-gap", has_text="Incomplete: no-such-account did not load").wait_for(timeout=30_000)
    assert form.locator(".tu-costs tbody tr").count() > 3
    for line in form.locator("details[open] > summary").all()[::-1]:
        line.click()
    page.mouse.move(0, 0)
    check_screen(page, "form_gap", form, 1000)
    form.get_by_label("other accounts", exact=True).fill("")


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
    assert violations(page, ".tu-form") == []
    ids = page.locator(".tu-form [id]").evaluate_all("all => all.map(each => each.id)")
    assert len(ids) == len(set(ids))


def test_nothing_is_asked_of_the_outside(page, lab):
    inside = (lab.url, lab.url.replace("http", "ws"), "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(inside)] == []
