"""A field for each parameter, made from what the parameter says of itself: kind, allowed values, help."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets as w

from truto_usage_nb.forms.checking import Standing
from truto_usage_nb.forms.look import markup, note_html
from truto_usage_nb.forms.wording import last_word, read, write
from truto_usage_nb.query import Parameter

__all__ = ["Field", "is_advanced", "label"]

_ADVANCED = {"remote_query", "cursor", "page", "page_size", "start_date", "end_date", "date"}
_NOT_SENT = "(not sent)"
_HINTS = {"texts": "one or several, with commas between", "number": "a whole number", "object": '{"name": "value"}',
          "moment": "2026-10-01 or 2026-10-01T00:00:00Z", "day": "2026-10-01"}  # fmt: skip


def is_advanced(parameter: Parameter) -> bool:
    """Say whether a parameter lives in the closed section: the service's own envelope, and what a period replaces."""
    return parameter.name.startswith("truto_") or parameter.name in _ADVANCED


def label(name: str) -> str:
    """Give a name as a person reads it; the API's own word, without its underscores."""
    return name.removeprefix("truto_").replace("_", " ")


class Field:
    """Hold one parameter's control and the line under it.

    `control` is the ipywidgets control whose `value` trait is what was typed or chosen; `read()` gives the parameter's
    value or raises what is wrong with it, `show(value)` the reverse.
    """

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        self.parameter = parameter
        self.control = _control(parameter)
        self.control.add_class("tu-p-" + parameter.name)
        self.note = markup(note_html(parameter.help))
        self.box = w.VBox([self.control, self.note])
        self.box.add_class("tu-field")
        self._offers: list[str] = []
        self.control.observe(lambda _: self._offer_next(), "value")
        self.control.observe(lambda _: changed(), "value")

    def read(self) -> Any:
        return read(self.parameter.name, self.parameter.kind, self.control.value)

    def show(self, value: Any) -> None:
        self.control.value = write(self.parameter.kind, value)

    def say(self, problem: str | None, standing: Standing) -> None:
        """Grey the control where it cannot act, and say under it what is wrong, else why, else what it is."""
        self.control.disabled = not standing.acts and problem is None
        (self.box.add_class if self.control.disabled else self.box.remove_class)("tu-grey")
        if problem is not None:
            self.note.value = note_html(problem, wrong=True)
        else:
            self.note.value = note_html(self.parameter.help, standing.reason)

    def offer(self, values: Iterable[str], known: str = "") -> None:
        """Offer values to pick from; anything else can still be typed. `known` says more of them on hovering."""
        self._offers = list(values)
        self.control.tooltip = f"{self.parameter.name}: {self.parameter.help} {known}".rstrip()
        self._offer_next()

    def _offer_next(self) -> None:
        if not isinstance(self.control, w.Combobox):
            return
        if self.parameter.kind != "texts":
            self.control.options = tuple(self._offers)
            return
        before, _ = last_word(self.control.value)
        taken = read(self.parameter.name, "texts", before) or ()
        fresh = (write("texts", [each]) for each in self._offers if each not in taken)
        self.control.options = tuple(before + each for each in fresh)


def _control(parameter: Parameter) -> Any:
    common = {
        "description": label(parameter.name),
        "tooltip": f"{parameter.name}: {parameter.help}",
        "style": {"description_width": "140px"},
        "layout": {"width": "auto"},
    }
    if parameter.kind == "choice":
        return w.Dropdown(options=[(_NOT_SENT, ""), *((each, each) for each in parameter.allowed)], **common)
    if parameter.kind == "flag":
        return w.Dropdown(options=[(_NOT_SENT, ""), ("yes", True), ("no", False)], **common)
    common["placeholder"] = _HINTS.get(parameter.kind, "")
    if parameter.kind == "object":
        return w.Textarea(rows=2, **common)
    return (w.Combobox if parameter.kind in ("text", "texts") else w.Text)(**common)
