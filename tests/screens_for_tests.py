"""Screens compared with those that were looked at and kept: `make screenshots` renews them.

Two pictures are compared in cells of six by six pixels: how letters are smoothed differs from browser to browser and
averages out, while a line more or less moves all that stands under it. Every text is set in DejaVu, so that no font
decides that happens to be installed.
"""

from __future__ import annotations

import io
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import IN_CI, ROOT

FLAGS = ["--font-render-hinting=none", "--force-color-profile=srgb", "--hide-scrollbars"]
"""What a browser is started with, so that it draws the same everywhere."""
_STYLE = """*:not(i, .fa) { font-family: 'DejaVu Sans' !important }
pre, code, textarea, pre *, code * { font-family: 'DejaVu Sans Mono' !important }"""
_DRESS = """async style => { if (!document.tuDressed) { document.tuDressed = document.createElement('style');
  document.tuDressed.textContent = style; document.head.append(document.tuDressed) } await document.fonts.ready }"""
_AT_REST = """async part => {
  document.activeElement.blur();
  part.style.marginTop = '';
  let last, box = {};
  for (let n = 0; n < 100 && box.top !== last || !n; n++) {
    last = box.top;
    part.scrollIntoView();
    await new Promise(done => setTimeout(() => requestAnimationFrame(done), 50));
    box = part.getBoundingClientRect() }
  part.style.marginTop = `${Math.ceil(box.top) - box.top}px`;  // on a whole pixel, or each letter is smoothed otherwise
  return {x: Math.round(box.left), y: Math.ceil(box.top), width: Math.round(box.width)} }"""
RENEW = "RENEW_SCREENSHOTS"
_KEPT = Path(__file__).parent / "screenshots"
_BROWSER = _KEPT / "browser.txt"
_CELL, _STEP = 6, 20
_MOST, _MOST_ELSEWHERE = 0.01, 0.03
_FONTS = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts"]


def why_not(browser: Any) -> str:
    """Say why no screen can be compared here; nothing where they can. CI compares whatever browser it finds."""
    if not _has_font():
        return "needs the font DejaVu Sans: apt-get install fonts-dejavu-core"
    major, recorded = _major(browser), _recorded()
    if IN_CI or major == recorded or os.environ.get(RENEW):
        return ""
    return f"the screens were drawn by version {recorded} of the browser, and this is {major}: make screenshots"


def check_screen(page: Any, name: str, part: Any = None, height: int = 0) -> None:
    """Compare what a page shows, or the top of a part of it, with the screen of this name, where that is possible."""
    browser = page.context.browser
    if why_not(browser):
        return
    seen = page.screenshot(clip=at_rest(page, part, height), animations="disabled", caret="hide", scale="css")
    kept = _KEPT / f"{name}.png"
    if os.environ.get(RENEW):
        _keep(seen, kept)
        _BROWSER.write_text(f"{_major(browser)}\n", encoding="utf-8")
        return
    assert kept.is_file(), f"there is no screen {kept.name} yet: make screenshots"
    share = differing(Image.open(io.BytesIO(seen)), Image.open(kept))
    if share > (_MOST if _major(browser) == _recorded() else _MOST_ELSEWHERE):
        told = ROOT / "build" / "screenshots" / kept.name
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_bytes(seen)
        pytest.fail(f"{share:.1%} of {kept.name} looks different: see {told}; if it is meant, make screenshots")


def at_rest(page: Any, part: Any = None, height: int = 0) -> dict[str, float] | None:
    """Set a page in the one font and wait until it moves no more; gives where the part stands, None for all of it."""
    page.evaluate(_DRESS, _STYLE)
    return None if part is None else {**part.evaluate(_AT_REST), "height": height}


def _major(browser: Any) -> str:
    return str(browser.version.partition(".")[0])


def _recorded() -> str:
    return _BROWSER.read_text(encoding="utf-8").strip() if _BROWSER.is_file() else ""


@cache
def _has_font() -> bool:
    return any(True for folder in _FONTS for _ in folder.rglob("DejaVuSans.ttf"))


def differing(one: Image.Image, other: Image.Image) -> float:
    """Give the share of cells that differ; screens of different sizes differ altogether."""
    if one.size != other.size:
        return 1.0
    first, second = _cells(one), _cells(other)
    return float((np.abs(first - second).max(axis=2) > _STEP).mean())


def _cells(picture: Image.Image) -> np.ndarray[Any, Any]:
    small = picture.convert("RGB").reduce(_CELL)
    return np.asarray(small, dtype=np.int16)


def _keep(png: bytes, path: Path) -> None:
    """Keep a screen in few colours, which is small; smoothed edges need no more."""
    path.parent.mkdir(exist_ok=True)
    colours = Image.open(io.BytesIO(png)).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)
