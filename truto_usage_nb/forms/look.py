"""How a form looks: one style sheet in the colours of the front end’s theme, and markup that is escaped."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import ipywidgets as w

from truto_usage_nb.format import escape
from truto_usage_nb.outside import plain

__all__ = [
    "AT_FIRST_SECONDS",
    "STYLE",
    "Fold",
    "Waiting",
    "code_html",
    "failure_html",
    "heading",
    "listing",
    "markup",
    "note_html",
    "table_html",
    "traceback_of",
]

_HOOK = """
if (!document.tuForms) {
  document.tuForms = true;
  const at = (each, what) => each.closest && each.closest(what);
  const within = (each, what, act) => each && each.querySelectorAll(what).forEach(act);
  document.addEventListener('focusin', event => {
    const now = document.tuLast = event.target, form = at(now, '.tu-form');
    if (form && !now.matches(':read-write')) now.setAttribute('data-lm-suppress-shortcuts', 'true');
    within(form, '.tu-status > .widget-html-content', each => each.setAttribute('aria-live', 'polite'));
  });
  const asked = each => within(at(each, '.tu-form'), '.tu-wait', line => { line.textContent = line.dataset.words });
  document.addEventListener('click', event => {
    const button = at(event.target, '.tu-form button.tu-run, .tu-form button.tu-cancel');
    if (button && !button.disabled) asked(button);
  });
  document.addEventListener('change', event => {
    if (event.target.matches('.tu-form select, .tu-form input[type=checkbox]')) asked(event.target);
  });
  new MutationObserver(all => all.forEach(({target}) => {
    if (target.disabled && target === document.tuLast && target.matches('.tu-form button.tu-cancel'))
      within(at(target, '.tu-form'), 'button.tu-run', run => run.focus());
  })).observe(document, {subtree: true, attributes: true, attributeFilter: ['disabled']});
}"""
"""What only the page can do, once for all forms on it; nothing from outside is ever part of it.

- JupyterLab reads keys pressed on a tick, a list or a button as commands of its own: x would cut the cell, Enter never
  press the button. It leaves alone what carries this attribute; where one types it does so anyway.
- A kernel that runs another cell answers when it is done with that: until then a line says that it was asked.
- A button that is pressed and then greyed would lose the keyboard's place: Cancel gives it to Run.
"""

STYLE = (
    f'<style onload="{escape(_HOOK)}">'
    + """
.tu-form { --tu-ink: var(--jp-ui-font-color1, #1a1a1a); --tu-quiet: var(--jp-ui-font-color2, #5f5f5f);
  --tu-paper: var(--jp-layout-color1, #fff); --tu-shade: var(--jp-layout-color2, #f3f3f3);
  --tu-line: var(--jp-border-color1, #bdbdbd); --tu-rule: var(--jp-border-color2, #e4e4e4);
  --tu-accent: var(--jp-brand-color1, #0b6bcb);
  --tu-wrong: var(--jp-error-color1, #c62828); --tu-warn: var(--jp-warn-color1, #b35c00);
  color: var(--tu-ink); background: var(--tu-paper); border: 1px solid var(--tu-line); border-radius: 8px;
  padding: 4px 18px 16px; width: 100%; max-width: 1080px; box-sizing: border-box; overflow: visible;
  container: tu-form / inline-size; }
.tu-form .widget-html, .tu-form .widget-html-content { line-height: 1.45; overflow: visible; height: auto;
  min-height: 0; min-width: 0; margin-top: 0; margin-bottom: 0; }
.tu-form .widget-html-content { width: 100%; }
.tu-form h3 { font-size: 15px; font-weight: 600; margin: 14px 0 6px; color: var(--tu-ink); }
.tu-form h4 { font-size: 12px; font-weight: 600; margin: 0 0 2px; color: var(--tu-quiet); }
.tu-form .widget-label { color: var(--tu-ink); }
.tu-note { font-size: 12px; color: var(--tu-quiet); margin: 0 2px 6px 0; }
.tu-note.tu-wrong { color: var(--tu-wrong); font-weight: 500; }
.tu-note.tu-wrong::before { content: "\\26A0\\00A0"; }
.tu-field { min-width: 0; }
.tu-field .tu-note { padding-left: 148px; }
.tu-grey .widget-label { color: var(--tu-quiet); }
.tu-wait { font-size: 12px; color: var(--tu-quiet); min-height: 18px; }
.tu-wait:not(:empty) { animation: tu-late 0s .05s both; }
@keyframes tu-late { from { visibility: hidden; } }
.tu-form:has(.tu-wait:not(:empty)) button.tu-run, .tu-form button:active:enabled { filter: brightness(.88); }
.tu-fold summary { font-weight: 600; padding: 6px 0; }
.tu-fold .tu-what { font-weight: 400; color: var(--tu-quiet); }
.tu-folded { display: none; border-left: 1px solid var(--tu-rule); padding: 4px 0 6px 14px; margin: 0 0 8px 4px; }
.tu-fold:has(details[open]) + .tu-folded { display: flex; }
@supports not selector(:has(a)) { .tu-folded { display: flex; } }
.tu-told { border-left: 3px solid var(--tu-warn); padding: 2px 0 2px 10px; margin: 4px 0; font-size: 13px; }
.tu-failed { border-left: 3px solid var(--tu-wrong); padding: 4px 0 4px 10px; margin: 6px 0; }
.tu-failed pre { max-height: 260px; overflow: auto; background: var(--tu-shade); color: var(--tu-ink); padding: 8px;
  font-size: 12px; }
.tu-table { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.tu-scroll { overflow-x: auto; max-width: 100%; padding-bottom: 4px; }
.tu-table th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--tu-line); padding: 3px 14px 3px 0;
  white-space: nowrap; color: var(--tu-ink); }
.tu-table td { padding: 3px 14px 3px 0; border-bottom: 1px solid var(--tu-rule); max-width: 340px;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--tu-ink); }
.tu-table .tu-right { text-align: right; }
.tu-costs th.tu-right { white-space: normal; max-width: 96px; }
.tu-table th { vertical-align: bottom; }
.tu-table caption { text-align: left; padding: 2px 0 4px; font-weight: 600; font-size: 13px; color: var(--tu-ink); }
.tu-head, .tu-costs, .tu-picture, .tu-status { margin: 8px 0 0; }
.tu-costs { flex: 0 1 auto; min-width: 0; max-width: 100%; }
.tu-form .tu-costs > .widget-html-content { width: min-content; min-width: min(100%, 380px); max-width: 100%; }
.tu-picture { flex: 1 1 400px; min-width: 0; max-width: 720px; }
.tu-chart svg { max-width: 100%; height: auto; fill: currentColor; color: var(--tu-ink); }
.tu-chart svg * { stroke-linejoin: round; stroke-linecap: butt; }
.tu-copying { position: relative; }
.tu-copying textarea { box-sizing: border-box; width: 100%; resize: vertical; border: 1px solid var(--tu-line);
  border-radius: 4px; padding: 10px 84px 10px 12px; background: var(--tu-shade); color: var(--tu-ink);
  font-family: var(--jp-code-font-family, monospace); font-size: 12.5px; line-height: 1.5; white-space: pre; }
.tu-copying button { position: absolute; right: 8px; top: 8px; border: 1px solid var(--tu-line); border-radius: 4px;
  background: var(--tu-paper); color: var(--tu-ink); padding: 3px 12px; cursor: pointer; font-size: 12px; }
.tu-form progress { width: 260px; height: 10px; accent-color: var(--tu-accent); vertical-align: middle; }
.tu-form :is(button, input, select, textarea, summary, [tabindex]):focus-visible,
.tu-form input[type=date]:focus-within { outline: 2px solid var(--tu-accent) !important; outline-offset: 1px; }
.tu-form summary { cursor: pointer; }
.tu-form .widget-checkbox { width: auto; margin: 0; }
.tu-form .widget-checkbox .widget-label-basic { font-size: 13px; }
.tu-form input:disabled, .tu-form select:disabled { opacity: .55; cursor: not-allowed; }
.tu-form select { appearance: auto; background-image: none; padding-right: 4px; }
[data-jp-theme-light="false"] .tu-form { color-scheme: dark; }
@container tu-form (max-width: 600px) {
  .tu-form .widget-inline-hbox:has(> .widget-label):not(.widget-html, .widget-checkbox) { flex-direction: column;
    align-items: stretch; height: auto; width: calc(100% - 4px) !important; }
  .tu-form .widget-inline-hbox:not(.widget-html, .widget-checkbox) > .widget-label { width: auto !important;
    text-align: left; }
  .tu-form .widget-inline-hbox:not(.widget-html) > :is(input:not([type=checkbox]), select, textarea) { flex: none;
    width: 100%; min-height: 28px; box-sizing: border-box; }
  .tu-field .tu-note { padding-left: 0; }
  .tu-costs, .tu-picture { flex-basis: 100%; }
}
</style>"""
)

_COPY = (
    "const b=this,t=b.parentNode.querySelector('textarea'),"
    "done=()=>{b.textContent='Copied'},"
    "old=()=>{t.focus();t.select();let ok=false;try{ok=document.execCommand('copy')}catch(e){}"
    "b.textContent=ok?'Copied':'Press Ctrl+C'};"
    "navigator.clipboard?navigator.clipboard.writeText(t.value).then(done,old):old()"
)  # fixed text: nothing from outside is ever part of a script


def markup(html: str = "", *classes: str) -> w.HTML:
    """Make a widget for markup that is escaped already."""
    made = w.HTML(html)
    for name in classes:
        made.add_class(name)
    return made


def note_html(text: str, *, wrong: bool = False, quiet: bool = False) -> str:
    """Write the line under a field: its help, or what is wrong with it; `quiet` where that is called out elsewhere."""
    if not text:
        return ""
    role = ' role="alert"' if wrong and not quiet else ""
    return f'<div class="tu-note{" tu-wrong" if wrong else ""}"{role}>{escape(plain(text))}</div>'


def listing(texts: Iterable[str]) -> str:
    """Write what the reader of the figures must know, a line each."""
    return "".join(f'<div class="tu-told">{escape(plain(text))}</div>' for text in texts)


def traceback_of(problem: BaseException) -> str:
    """Give an error's traceback as text."""
    return "".join(traceback.format_exception(problem))


def failure_html(sentence: str, traceback: str) -> str:
    """Write an error as a sentence; its traceback unfolds on demand."""
    return (
        f'<div class="tu-failed" role="alert"><div class="tu-sentence">{escape(plain(sentence))}</div>'
        f"<details><summary>Traceback</summary><pre>{escape(traceback)}</pre></details></div>"
    )


def table_html(names: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[bool], caption: str) -> str:
    """Write a table of texts; `right` says which columns hold numbers."""
    sides = [' class="tu-right"' if each else "" for each in right]
    head = "".join(f'<th scope="col"{side}>{escape(name)}</th>' for name, side in zip(names, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{escape(text)}</td>" for text, side in zip(row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="tu-scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="tu-table">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def code_html(code: str, label: str) -> str:
    """Write code that one can select, and a button that copies it, with or without the clipboard's own interface."""
    rows = code.count("\n") + 1
    return (
        f'<div class="tu-copying">'
        f'<textarea readonly rows="{rows}" spellcheck="false" aria-label="{escape(label)}">{escape(code)}</textarea>'
        f'<button type="button" onclick="{escape(_COPY)}">Copy</button></div>'
    )


def heading(text: str) -> Any:
    return markup(f"<h3>{text}</h3>")


class Fold:
    """Hold widgets under a line that opens them.

    The page itself opens it: keys and screen readers know it, and no kernel is asked. `said` stands under the line,
    whether it is open or not.
    """

    def __init__(self, title: str, what: str, children: Sequence[Any]) -> None:
        line = f'<summary>{escape(title)} <span class="tu-what">{escape(what)}</span></summary>'
        self.said, self.box = markup(), w.VBox(children)
        self.box.add_class("tu-folded")
        self.widget = w.VBox([markup(f"<details>{line}</details>", "tu-fold"), self.box, self.said])

    def say(self, text: str, *, wrong: bool = False) -> None:
        self.said.value = note_html(text, wrong=wrong, quiet=True)


class Waiting:
    """Hold the line that says, as soon as one clicks, that the kernel was asked; its answer takes it away again."""

    def __init__(self) -> None:
        self._count = 0
        self.widget = markup("", "tu-answer")
        self.over()

    def over(self) -> None:
        """The kernel has answered."""
        self._count += 1
        self.widget.value = (
            f'<div class="tu-wait" role="status" data-words="{_ASKED}" data-answer="{self._count}"></div>'
        )


AT_FIRST_SECONDS = 2.0
"""How long what a form begins with may keep its cell: Voilà loses what changes between a cell's end and the page."""
_ASKED = "Asked; the kernel answers when it is free."
