"""Pick any of many by ticking them, in groups, with a filter where there are many; and type what is not listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ipywidgets as w

from truto_usage_nb.format import escape
from truto_usage_nb.forms.look import markup, note_html
from truto_usage_nb.forms.wording import read, write

__all__ = ["Choice", "Picker"]

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold one thing to pick: its value, what a person reads, and the group it stands in."""

    value: str
    text: str
    group: str


class Picker:
    """Hold what was picked, in the order of picking.

    `boxes` are the ticks by value, `typed` the field for values that are not listed, `filter` narrows what is shown.
    """

    def __init__(self, typed_label: str, changed: Callable[[], None], *, filter_from: int = 13) -> None:
        wide = {"style": {"description_width": "140px"}, "layout": {"width": "min(100%, 520px)"}}
        self.filter = w.Text(description="filter", placeholder="part of a name or id", **wide)
        self.typed = w.Text(description=typed_label, placeholder="with commas between", **wide)
        self.note = markup()
        self.boxes: dict[str, w.Checkbox] = {}
        self._groups = w.HBox(layout={"flex_flow": "row wrap", "grid_gap": "6px 34px"})
        self.widget = w.VBox([self.filter, self._groups, self.typed, self.note])
        self._choices: tuple[Choice, ...] = ()
        self._picked: tuple[str, ...] = ()
        self._changed = changed
        self._showing = False
        self._filter_from = filter_from
        self.filter.layout.display = "none"
        self.filter.observe(lambda _: self._draw(), "value")
        self.typed.observe(lambda _: self._type(), "value")

    @property
    def picked(self) -> tuple[str, ...]:
        return self._picked

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self._choices

    def offer(self, choices: Sequence[Choice]) -> None:
        """List these; what was picked stays picked."""
        self._choices = tuple(choices)
        self.filter.layout.display = "" if len(choices) >= self._filter_from else "none"
        self.show(self._picked)

    def show(self, picked: Sequence[str]) -> None:
        """Tick these, in this order; what is not listed stands in the field for typing."""
        self._picked = tuple(picked)
        listed = {each.value for each in self._choices}
        self._showing = True
        try:
            unlisted = [each for each in picked if each not in listed]
            self.typed.value = write("texts", unlisted) if unlisted else ""
            self._draw()
        finally:
            self._showing = False

    def say(self, text: str, *, wrong: bool = False) -> None:
        self.note.value = note_html(text, wrong=wrong)

    def _draw(self) -> None:
        wanted = self.filter.value.strip().lower()
        found = [one for one in self._choices if wanted in f"{one.text} {one.value} {one.group}".lower()]
        shown = [one for one in found if one.value in self._picked]
        shown += [one for one in found if one.value not in self._picked][: max(0, _SHOWN - len(shown))]
        groups: dict[str, list[w.Checkbox]] = {}
        for one in (each for each in found if each in shown):
            groups.setdefault(one.group, []).append(self._box(one))
        columns = [w.VBox([markup(f"<h4>{escape(name)}</h4>"), *boxes]) for name, boxes in groups.items()]
        if len(shown) < len(found):
            columns.append(markup(note_html(f"{len(found) - len(shown):,} more: narrow them with the filter")))
        self._groups.children = columns

    def _box(self, one: Choice) -> w.Checkbox:
        """Give the tick of a choice, the same one every time, so that the keyboard's focus stays."""
        if one.value not in self.boxes:
            made = w.Checkbox(description=one.text, tooltip=one.value, indent=False, layout={"width": "auto"})
            made.observe(lambda change, value=one.value: self._tick(value, change["new"]), "value")
            self.boxes[one.value] = made
        box = self.boxes[one.value]
        was, self._showing = self._showing, True
        try:
            box.value = one.value in self._picked
        finally:
            self._showing = was
        return box

    def _tick(self, value: str, on: bool) -> None:
        if self._showing:
            return
        rest = tuple(each for each in self._picked if each != value)
        self._picked = (*rest, value) if on else rest
        self._changed()

    def _type(self) -> None:
        if self._showing:
            return
        listed = {each.value for each in self._choices}
        typed = read("accounts", "texts", self.typed.value) or ()
        self._picked = (*(each for each in self._picked if each in listed), *typed)
        self._changed()
