"""What a report's page is made of: headings in a tree, named tables, nothing from outside; on paper and telephones."""

import base64
import io
import json
import re
from pathlib import Path

import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb.errors import InputError, UsageWarning
from truto_usage_nb.reports.notebook import find
from truto_usage_nb.reports.page import finished_page, styled_like_ours, without_outside

kernel = pytest.mark.kernel
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LONG = "n" * 80


def page_of(*cells, name="own", period="October 2026", failed=()):
    page = "<title><!-- title --></title><style>/* footer */</style><main>\n" + "\n".join(cells) + "</main>"
    return finished_page(page, name=name, period=period, failed=failed)


def headings(page):
    return [(int(level), re.sub("<[^>]+>", "", said)) for level, said in re.findall(r"<h(\d)[^>]*>(.*?)</h\1>", page)]


def write(path, *cells, kernelspec=None):
    """Write a notebook of (kind, source, more) cells behind one that is tagged `parameters`."""
    made = [{"cell_type": "code", "source": 'snapshot = ""', "metadata": {"tags": ["parameters"]}}]
    made += [{"cell_type": kind, "source": source, "metadata": {}, **more} for kind, source, more in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"c{number}"
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    spec = kernelspec or {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(json.dumps({"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def code(source, *tags):
    return ("code", source, {"metadata": {"tags": list(tags)}})


def text(source, **more):
    return ("markdown", source, more)


# headings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("<h1>A</h1><h2>B</h2><h3>C</h3>", [(1, "A"), (2, "B"), (3, "C")]),
        ("<h1>A</h1><h4>B</h4><h2>C</h2>", [(1, "A"), (2, "B"), (2, "C")]),  # no level is left out
        ("<h1>A</h1><h1>B</h1><h2>C</h2>", [(1, "A"), (2, "B"), (3, "C")]),  # one title; the other goes down
        ("<h2>B</h2>", [(1, "own"), (2, "B")]),  # none: the notebook's name
    ],
)
def test_headings_make_a_tree_below_one_title(given, made):
    assert headings(page_of(given)) == made


def test_the_contents_stand_below_what_comes_first_and_lead_to_each_section():
    page = page_of("<h1>A</h1><p>the answer</p>", '<h2 id="x">B &amp; b</h2><h2>B &amp; b</h2>')
    assert page.index("the answer") < page.index('<nav class="contents"') < page.index("<h2")
    anchors = re.findall(r'<a href="#([^"]+)">', page)
    assert anchors == ["1-b-b", "2-b-b"]
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in anchors)
    assert '<nav class="contents"' not in page_of("<h1>A</h1><p>alone</p>")


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("<h1>What it <em>cost</em></h1>", "What it cost · October 2026"),
        ("<h1>October 2026: what it cost</h1>", "October 2026: what it cost"),
        ("<h1>a &lt;/title&gt; &quot;b&quot;</h1>", 'a &lt;/title&gt; "b" · October 2026'),
    ],
)
def test_the_title_names_the_period_once(heading, title):
    page = page_of(heading)
    assert f"<title>{title}</title>" in page
    assert "</title>" not in page.split("<style>")[1].split("</style>")[0]  # it stands in the footer of each page too


def test_what_failed_is_said_below_the_title():
    page = page_of("<h1>A</h1><h2>B</h2>", failed=["A part under “B” could not be made: a <b> is no c."])
    assert '</h1><p class="failed">A part under “B” could not be made: a &lt;b&gt; is no c.</p>' in page


# tables ---------------------------------------------------------------------------------------------------------------


def test_every_table_has_a_caption_and_heads_that_say_what_they_head():
    table = (
        "<table><thead><tr><th></th><th>a</th><th colspan='2'>b</th></tr></thead><tr><th>x</th><td>1</td></tr></table>"
    )
    page = page_of("<h1>A</h1><h2>The bill</h2>", table, table)
    captions = re.findall(r'<caption class="unseen">(.*?)</caption>', page)
    assert captions == ["The bill", "The bill (2)"]
    assert page.count('<th scope="col">a</th>') == 2
    assert page.count("colspan='2' scope=\"colgroup\"") == 2
    assert page.count('<th scope="row">x</th>') == 2
    assert "<th></th>" not in page
    names = re.findall(r'role="region" tabindex="0" aria-label="([^"]+)"', page)
    assert names == ["The bill, to be scrolled", "The bill (2), to be scrolled"]


def test_a_title_that_great_tables_sets_as_a_row_is_the_caption():
    gt = (
        '<table class="gt_table"><thead>'
        '<tr class="gt_heading"><td colspan="2" class="gt_heading gt_title">Mine</td></tr>'
        '<tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
        "<tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    )
    page = page_of("<h1>A</h1>", gt)
    assert "<caption>Mine</caption>" in page
    assert "gt_title" not in page
    assert 'role="region"' not in page  # two columns fit everywhere


def test_frames_of_pandas_and_polars_look_like_ours():
    frame = pl.DataFrame({"name": [LONG, "b"], "cost": [1.5, -2.0], "day": ["2026-10-01", "1"], "none": [None, None]})
    for markup in (frame._repr_html_(), frame.to_pandas()._repr_html_()):
        page = page_of("<h1>A</h1>", styled_like_ours(markup))
        assert "<style" not in page.split("<main>")[1]
        assert "border=" not in page
        assert re.findall(r'<td class="amount">([^<]*)</td>', page) == ["1.5", "-2.0"]
        assert re.findall(r'<th[^>]*class="amount"[^>]*>([^<]*)</th>', page) == ["cost"]
    kept = "<style>.mine {color: red}</style>"
    assert styled_like_ours(kept) == kept


def test_amounts_of_any_table_stand_right_and_whole_whatever_it_says_of_itself():
    """As pandas' Styler and great-tables write: classes of their own, and rows that span the whole table."""
    table = (
        '<table id="T_1"><thead><tr class="h"><th class="blank">\u00a0</th>'
        '<th class="col">a</th><th>b</th></tr></thead><tr class="block"><th colspan="3">USD</th></tr>'
        '<tr><th class="row">0</th><td class="data">$1,234.50</td><td>x</td></tr>'
        '<tr><th class="row">1</th><td class="data">-3 %</td><td>2</td></tr></table>'
    )
    page = page_of("<h1>A</h1>", table)
    assert re.findall(r'<td class="amount data">([^<]*)</td>', page) == ["$1,234.50", "-3 %"]
    assert '<th class="amount col" scope="col">a</th>' in page
    assert "<td>x</td>" in page  # one word makes a column of words
    assert '<tr class="block"><th colspan="3" scope="rowgroup">USD</th></tr>' in page
    ours = '<table class="figures"><tr><td>1</td><td>2</td></tr></table>'
    assert ours.replace("<tr>", '<caption class="unseen">A</caption><tr>') in page_of("<h1>A</h1>", ours)


def test_text_that_a_narrow_screen_cuts_off_is_reached_by_keyboard():
    page = page_of("<h1>A</h1>", f'<pre class="said">{LONG}</pre><pre class="said">short</pre>')
    assert 'role="region" tabindex="0" aria-label="printed under A">nnn' in page
    assert '<pre class="said">short</pre>' in page


# nothing from outside -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "what"),
    [
        ('<img src="https://e.com/x.png">', "a picture from https://e.com/x.png"),
        ("<IMG alt='a > b' SRC=//e.com/x.png>", "a picture from //e.com/x.png"),
        ('<img srcset="https://e.com/x.png 2x">', "a picture from https://e.com/x.png 2x"),
        ('<img src="beside.png">', "a picture from beside.png"),
        ('<script src="https://e.com/x.js"></script>', "a script from https://e.com/x.js"),
        ("<script>\nalert('<b>')\n</script >", "a script"),
        ('<iframe src="https://e.com/"></iframe>', "another page from https://e.com/"),
        ('<iframe srcdoc="<b>x</b>"></iframe>', "another page"),
        ('<object data="https://e.com/x.swf"></object>', "another page from https://e.com/x.swf"),
        ('<link rel="stylesheet" href="https://e.com/x.css">', "a style from https://e.com/x.css"),
        ('<video><source src="https://e.com/x.mp4"></video>', "a recording from https://e.com/x.mp4"),
        ("<style>@import url(https://e.com/x.css);</style>", "a style or picture from https://e.com/x.css"),
        ('<p style="background: url(//e.com/x.png)">a</p>', "a style or picture from //e.com/x.png"),
    ],
)
def test_what_would_come_from_outside_says_so_in_its_place(markup, what):
    said = []
    page = without_outside(f"<p>before</p>{markup}<p>after</p>", said.append)
    assert said == [what]
    assert f'<span class="blocked">Not shown: {what}. A report holds nothing from outside' in page
    assert not re.search(r"<(script|iframe|object|link|img)\b", page, re.IGNORECASE)
    assert "<p>before</p>" in page
    assert "<p>after</p>" in page


@pytest.mark.parametrize(
    "markup",
    [
        f'<img src="data:image/png;base64,{PIXEL}">',
        '<a href="https://e.com/">there</a>',
        "a < b and b > c",
        '<audio controls><source src="data:audio/wav;base64,AAAA"></audio>',
        '<svg><use href="#a"/></svg>',
    ],
)
def test_what_asks_nobody_is_left_as_it_is(markup):
    said = []
    assert without_outside(markup, said.append) == markup
    assert said == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("![logo](https://e.com/logo.png)", "shows the picture 'https://e.com/logo.png', and a report holds nothing"),
        ("![logo][l]\n\n[l]: //e.com/logo.png", "shows the picture '//e.com/logo.png'"),
        ("![logo](gone.png)", "shows the picture 'gone.png', and there is no such file beside it"),
        ('<img src="https://e.com/logo.png">', "shows a picture from https://e.com/logo.png"),
        ("a\n\n<script>x()</script>", "shows a script"),
        ('<iframe src="https://e.com/"></iframe>', "shows another page from https://e.com/"),
    ],
)
def test_a_text_that_shows_what_lies_outside_is_refused_by_its_cell(source, words, tmp_path):
    path = write(tmp_path / "own.ipynb", text("fine"), text(source))
    with pytest.raises(InputError, match=rf"^cell 3 of own\.ipynb {re.escape(words)}"):
        find(path)


def test_a_text_that_only_speaks_of_it_is_taken(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"")
    source = (
        f"`![x](https://e.com/x.png)`\n\n```html\n<img src='https://e.com/x.png'>\n```\n\n![here](a%20b.png) "
        f"![at](attachment:p.png) ![data](data:image/png;base64,{PIXEL}) [link](https://e.com/)"
    )
    assert find(write(tmp_path / "own.ipynb", text(source))).outside == ()


def test_what_code_seems_to_show_from_outside_is_known_before_it_runs(tmp_path):
    source = "from IPython.display import HTML, Image\nHTML('<iframe src=\"https://e.com/\"></iframe>')"
    path = write(tmp_path / "own.ipynb", code("1"), code(source), code('Image(url="https://e.com/x.png")'))
    assert find(path).outside == ((3, "another page from https://e.com/"), (4, "what is at https://e.com/x.png"))
    embedded = write(tmp_path / "kept.ipynb", code('Image("https://e.com/x.png", embed=True)'))
    assert find(embedded).outside == ()


def test_a_kernel_that_is_not_installed_is_refused_and_those_that_are_named(tmp_path):
    spec = {"name": "finance-env", "display_name": "Finance", "language": "python"}
    path = write(tmp_path / "own.ipynb", code("1"), kernelspec=spec)
    with pytest.raises(InputError, match=r"in the kernel 'finance-env', which is not installed\. Installed: .*python3"):
        find(path)
    for name in ("python3", ""):
        assert find(write(tmp_path / "own.ipynb", kernelspec={**spec, "name": name})).kernel_name == "python3"


# a page of one's own, in a browser and on paper -----------------------------------------------------------------------

FRAMES = f"""\
import pandas as pd, polars as pl
names = {{"name": [{LONG!r}, "b"], "cost": [4567.25, 2.0], "share": [0.5, 0.5], "days": [31, 30]}}
pl.Config.set_fmt_str_lengths(100)
pd.set_option("display.max_colwidth", 100)
"""
CELLS = (
    text("# Mine\n\n![at](attachment:p.png) ![file](a%20pïcture.png) ![file](<a pïcture.png>)\n\n"
         f"![data](data:image/png;base64,{PIXEL})",
         attachments={"p.png": {"image/png": PIXEL}}),
    code(FRAMES), code("pl.DataFrame(names)"), code("pd.DataFrame(names)"),
    code("one = 1"), code("two = 2"),
    text("# Second\n\n#### Deep\n\n| a | b |\n|---|---|\n| x | 1 |"),
    code("from IPython.display import HTML, Markdown\nHTML('<img src=\"https://e.com/' + 'x.png\">')"),
    code("Markdown('![x](https:' + '//e.com/y.png)')"),
    code("HTML(pd.DataFrame({'row': range(1, 121)}).to_html())"),
    code("1 / 0", "raises-exception"),
    text("## Last"),
    code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"),
    code("HTML('<details><summary>more</summary><p>what is folded</p></details>')"),
)  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A notebook of one's own, rendered once, and what was told of it."""
    folder = tmp_path_factory.mktemp("a folder of one's own, é")
    result = tu.sandbox().fetch_usage("confluent", period="2026-09-15")
    path = write(folder / "own.ipynb", *CELLS)
    (folder / "a pïcture.png").write_bytes(base64.b64decode(PIXEL))
    with pytest.warns(UsageWarning) as told:
        page = tu.render_report(
            path, folder / "own.html", snapshot=result.save(folder / "d.parquet"), progress=False, period="2026-09-15"
        )
    return page, [str(each.message) for each in told]


@kernel
def test_a_notebook_of_ones_own_is_one_page_that_says_what_it_lacks(own):
    page, told = own
    markup = page.read_text(encoding="utf-8")
    assert headings(markup) == [(1, "Mine"), (2, "Second"), (3, "Deep"), (3, "Last")]
    assert "<title>Mine · Tuesday 15 September 2026</title>" in markup
    assert '<p class="failed">A part under “Deep” could not be made: ZeroDivisionError: division by zero.</p>' in markup
    assert '<p class="failed">This part could not be made: ZeroDivisionError: division by zero.</p>' in markup
    assert "Traceback" not in markup
    assert "----&gt;" not in markup
    assert markup.count(f"data:image/png;base64,{PIXEL}") == 4
    assert markup.count("Not shown: a picture from") == 2
    assert told == [
        "cell 9 of own.ipynb seems to show a picture from https://e.com/' + 'x.png: a page holds nothing from outside "
        "and runs no script, and says so in its place",
        "cell 10 of own.ipynb shows a picture from https://e.com/y.png: a page holds nothing from outside and runs no "
        "script, and says so in its place",
        "A part under “Deep” could not be made: ZeroDivisionError: division by zero.",
    ]


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        launched = driver.chromium.launch(executable_path=chromium, args=flags)
        yield launched
        launched.close()


def opened(browser, page, width=1280, **options):
    tab = browser.new_context(
        offline=True, viewport={"width": width, "height": 900}, bypass_csp=True, **options
    ).new_page()
    tab.goto(page.as_uri())
    return tab


_OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll('summary')].map(each => each.getBoundingClientRect());
  const apart = (a, b) => a.bottom <= b.top || b.bottom <= a.top || a.right <= b.left || b.right <= a.left;
  return boxes.flatMap((a, n) => boxes.slice(n + 1).filter(b => !apart(a, b))).length; }"""
_CUT = """() => [...document.querySelectorAll('td.amount, td.amounts, td.number')].filter(each => {
  const frame = each.closest('.wide'), box = each.getBoundingClientRect(), outer = frame.getBoundingClientRect();
  return box.right > outer.right + 1 && frame.scrollWidth <= frame.clientWidth; }).length"""


@kernel
@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390, 300])
def test_nothing_sticks_out_or_lies_upon_another_at_any_width(own, browser, width):
    tab = opened(browser, own[0], width)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.evaluate(_OVERLAPS) == 0
    assert tab.evaluate(_CUT) == 0
    amounts = tab.locator("td.amount", has_text="4567.25")
    assert amounts.count() == 2
    for n in range(2):  # a name of 80 letters breaks, and pushes no amount out
        box = amounts.nth(n).bounding_box()
        assert box["x"] + box["width"] <= width
    nav, title = tab.locator("nav.contents").bounding_box(), tab.locator("h1").bounding_box()
    if width < 860:
        assert nav["y"] > title["y"]
    tab.context.close()


@kernel
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(own, browser, scheme):
    from tests.axe_for_tests import violations

    for width in (1280, 300):
        tab = opened(browser, own[0], width, color_scheme=scheme)
        assert violations(tab) == []
        tab.context.close()


@kernel
@pytest.mark.browser
def test_the_keyboard_sees_where_it_is(own, browser):
    tab = opened(browser, own[0], 390)
    tab.keyboard.press("Tab")
    style = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth })()"
    assert tab.evaluate(style) == "solid2px"
    tab.context.close()


@kernel
@pytest.mark.browser
def test_on_paper_there_is_an_outline_and_heads_on_each_page_and_nothing_to_click(own, browser):
    from pypdf import PdfReader

    tab = opened(browser, own[0])
    printed = tab.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    tab.context.close()
    reader = PdfReader(io.BytesIO(printed))
    pages = [each.extract_text() for each in reader.pages]
    assert len(pages) > 2
    for number, said in enumerate(pages, 1):
        assert f"{number} of {len(pages)}" in said
        assert "Mine · Tuesday 15 September 2026" in said
    whole = "\n".join(pages)
    assert "‹ ›" not in whole
    assert "code" not in whole
    assert "what is folded" in whole  # nobody can open it there
    assert whole.count("4567.25") == 2
    assert whole.replace("\n", "").count(LONG) >= 1
    rows = [number for number, said in enumerate(pages) if re.search(r"\b\d+ \d+\b", said)]
    assert sum("row" in pages[number] for number in rows) >= 2  # a table of 120 lines has its head on each page
    assert outline(reader.outline) == ["Mine", ["Second", ["Deep", "Last"]]]
    assert {round(float(page.mediabox.width)) for page in reader.pages} == {595}  # A4


CSS = (Path(tu.__file__).parent / "reports" / "template" / "page.css").read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.parametrize(("columns", "sheet"), [(8, (595, 842)), (12, (595, 842)), (20, (842, 595)), (40, (842, 595))])
def test_no_amount_of_a_broad_frame_is_cut_on_paper(columns, sheet, browser, tmp_path):
    from pypdf import PdfReader

    frame = pl.DataFrame({f"column_{n}": [1234567.25 + n] for n in range(columns)}).to_pandas()
    whole = f"<html><head><title><!-- title --></title><style>{CSS}/* footer */</style></head><body><main>"
    made = finished_page(f"{whole}<h1>A</h1>{styled_like_ours(frame.to_html())}</main></body></html>", name="own")
    page = tmp_path / "page.html"
    page.write_text(made, encoding="utf-8")
    tab = opened(browser, page)
    reader = PdfReader(io.BytesIO(tab.pdf(prefer_css_page_size=True)))
    tab.emulate_media(media="print")
    between = round((sheet[0] - 28 / 25.4 * 72) / 72 * 96)  # the margins are 14 mm each
    tab.set_viewport_size({"width": between, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") == between
    tab.context.close()
    (printed,) = reader.pages
    assert (round(float(printed.mediabox.width)), round(float(printed.mediabox.height))) == sheet
    assert len(re.findall(r"\b1234\d{3}\.25\b", printed.extract_text())) == columns


def outline(entries):
    return [outline(each) if isinstance(each, list) else each.title for each in entries]
