"""Draw the pictures of README and docs anew, from the sandbox, at double density: `make pictures`.

The same sandbox, browser and fonts give the same pictures. Name some to draw those alone.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

import truto_usage_nb as tu  # noqa: E402
from tests import screens_for_tests as screens  # noqa: E402
from tests.lab_for_tests import FLAGS, Lab, command, wait_until_idle  # noqa: E402

IMAGES = ROOT / "docs" / "images"
ACCOUNTS = ["claude-console", "claude-enterprise", "cursor", "confluent", "datadog"]
CELLS = (
    """import truto_usage_nb as tu

client = tu.sandbox()
form = tu.QueryForm(client, accounts=["claude-console", "cursor"], period="2026-10")
form.load()
form""",
    """explorer = tu.CostExplorer(form.frame, by=["product_name"], every="1d", top=5)
explorer.wait()
explorer""",
)
MOST_BYTES = 200_000


def report(browser: Any, folder: Path) -> bytes:
    """The first screen of a month's report on five vendors."""
    made = tu.render_report(
        "ai_spend", folder / "report.html", client=tu.sandbox(), accounts=ACCOUNTS, period="2026-10", progress=False
    )
    page = browser.new_context(device_scale_factor=2, viewport={"width": 1280, "height": 900}).new_page()
    page.goto(made.as_uri())
    return _taken(page)


def form(browser: Any, folder: Path) -> bytes:
    """The form in JupyterLab once it has run."""
    return _in_jupyterlab(browser, folder, 0, 1010)


def explorer(browser: Any, folder: Path) -> bytes:
    """The cost explorer in JupyterLab."""
    return _in_jupyterlab(browser, folder, 1, 780)


PICTURES: dict[str, Callable[[Any, Path], bytes]] = {"report": report, "form": form, "explorer": explorer}


def _in_jupyterlab(browser: Any, folder: Path, which: int, height: int) -> bytes:
    """Run the cells in a JupyterLab of its own, and give the top of what they show."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for n, source in enumerate(CELLS)
    ]
    kept = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kept, "nbformat": 4, "nbformat_minor": 5}
    (folder / "form.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with Lab(folder) as lab:
        page = lab.open(browser, "form.ipynb", device_scale_factor=2, viewport={"width": 1280, "height": 1800})
        command(page, "notebook:run-all-cells")
        page.locator(".tu-form").nth(len(CELLS) - 1).wait_for(timeout=120_000)
        wait_until_idle(page)
        shown = page.locator(".tu-form").nth(which)
        shown.locator(".tu-chart svg").first.wait_for()
        return _taken(page, shown, height)


def _taken(page: Any, part: Any = None, height: int = 0) -> bytes:
    return bytes(page.screenshot(clip=screens.at_rest(page, part, height), animations="disabled", caret="hide"))


def _kept(png: bytes, path: Path) -> None:
    """Keep a picture in as many colours as stay small."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            print(f"{path.relative_to(ROOT)}: {picture.width} x {picture.height}, {path.stat().st_size:,} bytes")
            return
    raise SystemExit(f"{path} is {path.stat().st_size:,} bytes and should be {MOST_BYTES:,} at most: show less of it")


def main(names: list[str]) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("needs a browser: apt-get install chromium")
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        raise SystemExit(f"there is no picture {unknown[0]}; there are {', '.join(PICTURES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *screens.FLAGS])
        for name in names or PICTURES:
            with tempfile.TemporaryDirectory() as folder:
                _kept(PICTURES[name](browser, Path(folder)), IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
