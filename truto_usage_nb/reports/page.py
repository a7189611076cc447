"""A page as nbconvert's template leaves it becomes one that everybody can read, whosever notebook it came from.

Headings make a tree, since a PDF's outline and a screen reader's list are made of them. Every table has a caption,
heads that say what they head, and a frame that the keyboard scrolls; what pandas, polars and great-tables bring along
to look like themselves is left out. Nothing in a page comes from outside: what would have says so in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape, unescape

__all__ = ["finished_page", "styled_like_ours", "without_outside"]

_ATTRIBUTES = r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*"
_PIECE = re.compile(
    rf"<h(?P<level>[1-6])\b(?P<given>{_ATTRIBUTES})>(?P<said>.*?)</h(?P=level)>"
    rf"|<table\b(?P<about>{_ATTRIBUTES})>(?P<inside>.*?)</table>"
    r"|<pre class=\"(?P<how>said[^\"]*)\">(?P<text>.*?)</pre>",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(rf"<{_ATTRIBUTES}>")
_ID = re.compile(r"""\s+id=(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)


def finished_page(page: str, *, name: str, period: str = "", failed: Iterable[str] = ()) -> str:
    """Finish a page. `name` is its title where it has none, `period` stands in the title, `failed` begins the page."""
    if not re.search(r"<h1\b", page, re.IGNORECASE):
        page = page.replace("<main>", f"<main>\n<h1>{escape(name)}</h1>", 1)
    reading = _Reading(several=len(re.findall(r"<h1\b", page, re.IGNORECASE)) > 1)
    page = _PIECE.sub(reading.piece, page)
    page = page.replace(_FIRST, reading.contents(), 1)
    said = "".join(f'<p class="failed">{escape(each)}</p>' for each in failed)
    page = page.replace("</h1>", f"</h1>{said}", 1)
    title = reading.title if not period or period in reading.title else f"{reading.title} · {period}"
    footer = '@media print { @page { @bottom-left { content: "%s"; font: 9px sans-serif; color: #5b6470; } } }'
    page = page.replace("<!-- title -->", escape(title, quote=False), 1)
    return page.replace("/* footer */", footer % _in_css(title), 1)


_FIRST = "\0contents\0"


def _words(markup: str) -> str:
    return " ".join(unescape(_TAG.sub("", markup)).split())


def _in_css(text: str) -> str:
    return re.sub(r'["\\<>\n]', lambda found: f"\\{ord(found[0]):x} ", text)


class _Reading:
    """Read a page from its top, and give each heading, table and text its place and its name."""

    def __init__(self, *, several: bool) -> None:
        self._deeper = int(several)  # all first-level headings but the title go down, and what is under them
        self._level = 0
        self._heading = ""
        self._used: dict[str, int] = {}
        self._links: list[str] = []
        self.title = ""

    def piece(self, found: re.Match[str]) -> str:
        if found["level"]:
            return self._headed(int(found["level"]), found["given"], found["said"])
        if found["how"]:
            return self._printed(found["how"], found["text"])
        return self._table(found["about"], found["inside"])

    def contents(self) -> str:
        return f'<nav class="contents" aria-label="Contents"><ol>{"".join(self._links)}</ol></nav>'

    def _headed(self, level: int, given: str, said: str) -> str:
        if level == 1 and not self.title:
            self.title, self._level = _words(said), 1
            return f"<h1{given}>{said}</h1>"
        self._level = level = max(2, min(level + self._deeper, self._level + 1, 6))
        self._heading = _words(said)
        if level > 2:
            return f"<h{level}{given}>{said}</h{level}>"
        name = f"{len(self._links) + 1}-{re.sub(r'[^a-z0-9]+', '-', self._heading.lower()).strip('-')}"
        nav = "" if self._links else _FIRST
        self._links.append(f'<li><a href="#{name}">{escape(self._heading)}</a></li>')
        return f'{nav}<h2{_ID.sub("", given)} id="{name}">{said}</h2>'

    def _printed(self, how: str, text: str) -> str:
        longest = max((len(line) for line in _TAG.sub("", text).split("\n")), default=0)
        framed = self._framed(f"printed under {self._heading or self.title}") if longest > _FITS else ""
        return f'<pre class="{how}"{framed}>{text}</pre>'

    def _table(self, about: str, inside: str) -> str:
        inside, title = _captioned(inside)
        if title is None:
            title = self._named(self._heading or self.title or "table")
            inside = f'<caption class="unseen">{escape(title)}</caption>{inside}'
        inside, broad = _scoped(inside), ""
        if not re.search(r"class=[\"'](?:figures|pairs)\b", about):  # none of ours, which knows its columns
            about = re.sub(r"\s+border=([\"']?)\d+\1", "", about)
            inside = _aligned(inside)
            broad = _on_paper(inside)
        framed = self._framed(f"{title}, to be scrolled") if _columns(inside) > _NARROW else ""
        return f'<div class="wide{broad}"{framed}><table{about}>{inside}</table></div>'

    def _framed(self, title: str) -> str:
        """Give the attributes of what may have to be scrolled: the keyboard gets there, and it has a name."""
        return f' role="region" tabindex="0" aria-label="{escape(self._named(title))}"'

    def _named(self, text: str) -> str:
        """Give a name that nothing else has."""
        self._used[text] = self._used.get(text, 0) + 1
        return text if self._used[text] == 1 else f"{text} ({self._used[text]})"


_FITS = 30
"""So many characters fit on the narrowest telephone."""
_NARROW = 2
"""So many columns always fit, since names break."""
_TITLE_ROW = re.compile(
    rf"<tr\b{_ATTRIBUTES}>\s*<t([dh])\b[^>]*\bgt_title\b[^>]*>(.*?)</t\1>\s*</tr>", re.DOTALL | re.IGNORECASE
)
_CAPTION = re.compile(rf"<caption\b{_ATTRIBUTES}>(.*?)</caption>", re.DOTALL | re.IGNORECASE)
_HEAD = re.compile(r"<thead\b.*?</thead>", re.DOTALL | re.IGNORECASE)
_EMPTY_HEAD = re.compile(rf"<th\b({_ATTRIBUTES})>(?:\s|&nbsp;)*</th>", re.IGNORECASE)
_HEAD_CELL = re.compile(rf"<th\b(?!{_ATTRIBUTES}\bscope=)({_ATTRIBUTES})>", re.IGNORECASE)


def _captioned(inside: str) -> tuple[str, str | None]:
    """Give a table with its title as its caption, and the title; None where it has none."""
    if found := _CAPTION.search(inside):
        return inside, _words(found[1])
    if found := _TITLE_ROW.search(inside):
        return f"<caption>{found[2].strip()}</caption>{_TITLE_ROW.sub('', inside, count=1)}", _words(found[2])
    return inside, None


def _scoped(inside: str) -> str:
    """Say of each head whether it heads a column or a row; one without a word heads nothing."""
    inside = _EMPTY_HEAD.sub(r"<td\1></td>", inside)
    inside = _HEAD.sub(lambda head: _HEAD_CELL.sub(_scope("col"), head[0]), inside)
    return _HEAD_CELL.sub(_scope("row"), inside)


def _scope(of: str) -> Callable[[re.Match[str]], str]:
    def scoped(found: re.Match[str]) -> str:
        several = re.search(r"\b(?:col|row)span=[\"']?(?:[2-9]|\d\d)", found[1])
        return f'<th{found[1]} scope="{of}{"group" if several else ""}">'

    return scoped


_ROW = re.compile(rf"<tr\b{_ATTRIBUTES}>(.*?)</tr>", re.DOTALL | re.IGNORECASE)
_CELL = re.compile(rf"<(t[dh])\b({_ATTRIBUTES})>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_AMOUNT = re.compile(r"[-+−(]?[$€£¥]?\s?[-+−]?(?:\d[\d,_ ]*\.?\d*|\.\d+)(?:e[-+]?\d+)?\s?%?\)?", re.IGNORECASE)
_NO_AMOUNT = {"", "NaN", "nan", "null", "None", "<NA>", "inf", "-inf", "…", "...", "–"}


def _columns(inside: str) -> int:
    return max((len(_CELL.findall(row[1])) for row in _ROW.finditer(inside)), default=0)


def _aligned(inside: str) -> str:
    """Set the columns of amounts of a frame to the right, and polars' line of types in small print."""
    head = _HEAD.search(inside)
    body = inside[head.end() :] if head else inside
    kinds: dict[int, list[str]] = {}
    for line in (each for each in _ROW.finditer(body) if not _SPANS.search(each[1])):
        for place, (name, _, said) in enumerate(reversed(_CELL.findall(line[1]))):  # an index spans rows on the left
            if name.lower() == "td":
                kinds.setdefault(place, []).append(_words(said))
    amounts = {place for place, said in kinds.items() if _is_amounts(said)}

    def row(found: re.Match[str]) -> str:
        cells = list(_CELL.finditer(found[1]))
        in_head = found.start() < (head.end() if head else 0)
        made = [
            _cell(cell, is_amount=len(cells) - 1 - place in amounts, in_head=in_head)
            for place, cell in enumerate(cells)
        ]
        opening = found[0][: found.start(1) - found.start()].replace(' style="text-align: right;"', "")
        return f"{opening}{''.join(made)}</tr>"

    return _ROW.sub(row, inside)


_SPANS = re.compile(r"\bcolspan=[\"']?(?:[2-9]|\d\d)", re.IGNORECASE)
_CLASS = re.compile(r"\bclass=[\"']", re.IGNORECASE)


def _is_amounts(said: list[str]) -> bool:
    stated = [each for each in said if each not in _NO_AMOUNT]
    return bool(stated) and all(_AMOUNT.fullmatch(each) for each in stated)


def _cell(found: re.Match[str], *, is_amount: bool, in_head: bool) -> str:
    name, given, said = found.groups()
    names = [
        *(["kind"] if in_head and name.lower() == "td" and said.strip() else []),
        *(["amount"] if is_amount else []),
    ]
    if names and (classed := _CLASS.search(given)):
        given = f"{given[: classed.end()]}{' '.join(names)} {given[classed.end() :]}"
    elif names:
        given += f' class="{" ".join(names)}"'
    return f"<{name}{given}>{said}</{name}>"


_LETTER = 0.64
"""How wide a letter is at most, on average, in sizes of the font; what stands between two columns is one more."""
_UPRIGHT, _SIDEWAYS = 516, 762
"""The points between the margins of a sheet of A4, upright and on its side."""
_USUAL, _SMALLEST = 8.5, 5.5


def _on_paper(inside: str) -> str:
    """Say how a frame is set that is broader than a sheet: smaller, or sideways. An amount cut short is a wrong one."""
    columns: dict[int, float] = {}
    for row in (each for each in _ROW.finditer(inside) if not _SPANS.search(each[1])):
        for place, (name, given, said) in enumerate(reversed(_CELL.findall(row[1]))):
            longest = max((len(word) for word in _words(said).split()), default=1)
            whole = len(_words(said)) if "amount" in given else longest * 1.15 if name == "th" else min(longest, 8)
            columns[place] = max(columns.get(place, 0), whole)
    needed = _LETTER * (sum(columns.values()) + len(columns))
    if needed * _USUAL <= _UPRIGHT:
        return ""
    sideways = needed * _SMALLEST > _UPRIGHT
    size = (_SIDEWAYS if sideways else _UPRIGHT) / needed
    steps = max(1, min(int(_USUAL * 4), int(size * 4)))  # a quarter of a point each
    return f'{" sideways" if sideways else ""}" style="--on-paper: {steps / 4:g}pt'


_STYLE = re.compile(r"<style\b[^>]*>(?P<rules>.*?)</style>\s*", re.DOTALL | re.IGNORECASE)
_THEIRS = (".dataframe", ".gt_table")


def styled_like_ours(markup: str) -> str:
    """Leave out the style that pandas, polars and great-tables bring along: the page has one for all tables."""
    return _STYLE.sub(lambda found: "" if any(name in found["rules"] for name in _THEIRS) else found[0], markup)


_SCRIPT = re.compile(rf"<script\b(?P<given>{_ATTRIBUTES})>.*?(?:</script\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ELEMENT = re.compile(
    rf"<(?P<name>img|iframe|frame|object|embed|link|video|audio|source|track|base|input|image)\b(?P<given>{_ATTRIBUTES})>"
    r"(?:\s*</(?:iframe|object|frame)\s*>)?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"""(?<![\w-])(?:src|data|href|poster|srcset|xlink:href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.I
)
_IN_STYLE = re.compile(r"""(?:@import\s+(?:url\()?|url\()\s*["']?((?:https?:)?//[^"')\s;]+)""", re.IGNORECASE)
_MARKDOWN_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?((?:https?:)?//[^)\s>]+)[^)]*\)", re.IGNORECASE)
_CALLED = {"img": "a picture", "image": "a picture", "input": "a picture", "link": "a style", "source": "a recording",
           "video": "a recording", "audio": "a recording", "track": "a recording"}  # fmt: skip
_OWN = ("data:", "#", "attachment:")


def without_outside(
    markup: str,
    tell: Callable[[str], None],
    *,
    markdown: bool = False,
    is_here: Callable[[str], bool] = lambda _: False,
) -> str:
    """Put a line in the place of what would have come from outside, or have run; `tell` hears what it is.

    `is_here` says of an address that is none of the network's whether what it names will be put into the page.
    """

    def instead(what: str) -> str:
        tell(what)
        said = escape(f"Not shown: {what}. A report holds nothing from outside and runs no script.")
        return f'\n\n<p class="blocked">{said}</p>\n\n' if markdown else f'<span class="blocked">{said}</span>'

    def script(found: re.Match[str]) -> str:
        if re.search(r"type=[\"']?(?:application/(?:\S*\+)?json|text/(?!javascript))", found["given"]):
            return ""
        return instead(f"a script{_of(_address(found['given']))}")

    def element(found: re.Match[str]) -> str:
        name, address = found["name"].lower(), _address(found["given"])
        if name in ("img", "image", "input", "video", "audio", "source", "track", "link", "base"):
            if not address or address.lower().startswith(_OWN) or is_here(address):
                return found[0]
            return instead(f"{_CALLED.get(name, 'a base')}{_of(address)}")
        return instead(f"another page{_of(address)}")

    def picture(found: re.Match[str]) -> str:
        return instead(f"a picture{_of(found[1])}")

    markup = _ELEMENT.sub(element, _SCRIPT.sub(script, markup)) if "<" in markup else markup
    if markdown:
        markup = _MARKDOWN_PICTURE.sub(picture, markup)
    for address in dict.fromkeys(_IN_STYLE.findall(markup)):
        markup = instead(f"a style or picture{_of(address)}") + markup.replace(address, "data:,")
    return markup


def _address(given: str) -> str:
    found = _ADDRESS.search(given)
    return unescape(next((each for each in found.groups() if each), "")).strip() if found else ""


def _of(address: str) -> str:
    return f" from {address if len(address) <= 200 else address[:200] + '…'}" if address else ""
