"""Check the site that was built: nothing comes from elsewhere, and every link inside it leads somewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "embed": "src",
    "object": "data",
    "video": "src",
}
"""What a browser fetches by itself, beside the links of a page's head."""
_URL = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class Page(HTMLParser):
    """Hold what a page fetches, where it links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.marks: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        self.marks |= {held[name] for name in ("id", "name") if name in held}
        if tag in LOADS and LOADS[tag] in held:
            self.fetched.append(held[LOADS[tag]])
        if tag == "link" and held.get("rel") in ("stylesheet", "icon", "preload", "modulepreload", "preconnect"):
            self.fetched.append(held.get("href", ""))
        if tag == "a" and "href" in held:
            self.links.append(held["href"])
        self.fetched += [found for pair in _URL.findall(held.get("style", "")) for found in pair if found]


def problems(site: Path) -> list[str]:
    """Give what is wrong with a site, a line each."""
    found = [
        f"{file.relative_to(site)} fetches {url}"
        for file in sorted(site.rglob("*.css"))
        for pair in _URL.findall(file.read_text("utf-8"))
        for url in pair
        if is_outside(url)
    ]
    for file in sorted(set(site.rglob("*.html")) - set(site.glob("_static/**/*"))):  # templates of the theme lie there
        page, name = page_of(file), file.relative_to(site)
        found += [f"{name} fetches {url}" for url in page.fetched if is_outside(url)]
        found += [f"{name} lacks {url}" for url in inside(page.fetched) if not leads(file, url)]
        found += [f"{name} links to {url}, which is not there" for url in inside(page.links) if not leads(file, url)]
    return found


@cache
def page_of(file: Path) -> Page:
    return Page(file.read_text("utf-8"))


def is_outside(url: str) -> bool:
    """Say whether a browser would ask another host for it."""
    parts = urlsplit(url)
    return parts.scheme not in ("", "data", "file", "javascript") or bool(parts.netloc)


def inside(urls: Iterable[str]) -> list[str]:
    return [url for url in urls if not is_outside(url) and urlsplit(url).scheme == ""]


def leads(file: Path, url: str) -> bool:
    """Say whether a page has what a link in it asks for: the file, and the place in it."""
    parts = urlsplit(url)
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file():
        return False
    return not parts.fragment or target.suffix != ".html" or unquote(parts.fragment) in page_of(target).marks


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]).resolve())
    print(*wrong, sep="\n", end="\n" if wrong else "")
    sys.exit(bool(wrong))
