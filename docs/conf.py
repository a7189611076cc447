"""The documentation site, `make docs`: warnings are errors, and nothing is fetched, neither now nor by a browser."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import truto_usage_nb as tu
from docs.site import bringing

project = "truto_usage_nb"
author = "The truto_usage_nb authors"
version = release = tu.__version__
extensions = ["myst_nb"]
exclude_patterns = ["site"]

# Markdown, in which pages, docstrings and notebooks are written
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
myst_heading_anchors = 3  # as the repository's own links have them
myst_enable_extensions = ["colon_fence"]  # docstrings hold fences of backticks
nb_execution_mode = "off"  # `running` runs the notebooks, and keeps what came of it by library and versions
nb_ipywidgets_js = {}  # a form would fetch its scripts
nb_render_markdown_format = "myst"

# Python
add_module_names = False
toc_object_entries_show_parents = "hide"
highlight_language = "none"  # a block says what it is
pygments_style = "default"
nitpicky = True
nitpick_ignore_regex = [("py:.*", bringing.foreign())]  # annotations name other libraries and the code's own types

# the page
html_theme = "pydata_sphinx_theme"
html_title = "truto_usage_nb"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "truto_usage_nb"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copyright = author


def setup(app):
    """Bring in what is written elsewhere before pages are looked for, and fill in tables as each page is read."""
    bringing.tutorials()
    bringing.figure(Path(__file__).with_name("index.md"), "october.svg")
    bringing.reference()
    app.connect("env-get-outdated", lambda *_: bringing.standing_for_others())
    app.connect("source-read", lambda _, name, source: source.__setitem__(0, bringing.page(name, source[0])))
    return {"parallel_read_safe": True}
