"""The controls of a form: a field a parameter, a period, any of many to tick, and what a load is told besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ipywidgets as w

from truto_usage_nb.errors import InputError
from truto_usage_nb.format import escape
from truto_usage_nb.forms.look import markup, note_html
from truto_usage_nb.forms.state import (
    FormState,
    PeriodWords,
    Standing,
    and_,
    last_word,
    period_words,
    presets,
    read_field,
    read_period,
    write_field,
    write_period,
)
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.jobs.making import ON_ERROR
from truto_usage_nb.jobs.period_cut import OVERHANGS
from truto_usage_nb.planning import Period
from truto_usage_nb.query import Parameter

__all__ = ["Choice", "Choosing", "ParameterField", "PeriodPicker", "Picker", "is_advanced"]

_ADVANCED = {"remote_query", "cursor", "page", "page_size", "start_date", "end_date", "date"}
_NOT_SENT = "(not sent)"
_HINTS = {"texts": "one or several, with commas between", "number": "a whole number", "object": '{"name": "value"}',
          "moment": "2026-10-01 or 2026-10-01T00:00:00Z", "day": "2026-10-01"}  # fmt: skip


def is_advanced(parameter: Parameter) -> bool:
    """Say whether a parameter lives in the closed section: the service's own envelope, and what a period replaces."""
    return parameter.name.startswith("truto_") or parameter.name in _ADVANCED


def _label(name: str) -> str:
    """Give a name as a person reads it; the API's own word, without its underscores."""
    return name.removeprefix("truto_").replace("_", " ")


class ParameterField:
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
        return read_field(self.parameter.name, self.parameter.kind, self.control.value)

    def show(self, value: Any) -> None:
        self.control.value = write_field(self.parameter.kind, value)

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
        taken = read_field(self.parameter.name, "texts", before) or ()
        fresh = (write_field("texts", [each]) for each in self._offers if each not in taken)
        self.control.options = tuple(before + each for each in fresh)


def _control(parameter: Parameter) -> Any:
    common = {
        "description": _label(parameter.name),
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
            self.typed.value = write_field("texts", unlisted) if unlisted else ""
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
        typed = read_field("accounts", "texts", self.typed.value) or ()
        self._picked = (*(each for each in self._picked if each in listed), *typed)
        self._changed()


_CUSTOM = "Custom"
_NO_PERIOD = "No period: the query’s own dates"


class PeriodPicker:
    """Hold a period: `preset` picks by name, `words` is typed, `start` and `end` (not part of it) pick days."""

    def __init__(self, now: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._now = now
        names = {name: f"{name} ({write_period(words)})" for name, words in presets(now()).items()}
        style, layout = {"description_width": "140px"}, {"width": "min(100%, 520px)"}
        options = [(text, name) for name, text in names.items()]
        self.preset = w.Dropdown(
            options=[*options, (_CUSTOM, _CUSTOM), (_NO_PERIOD, "")], description="period", style=style, layout=layout
        )
        self.words = w.Text(
            description="in words", placeholder="2026-10, 2026-10-05, or 2026-10-01, 2026-10-15", style=style,
            layout=layout, tooltip="a year, a month, a day, or two dates with the end excluded, UTC",
        )  # fmt: skip
        self.start = w.DatePicker(description="from", style=style, layout={"width": "300px"})
        self.end = w.DatePicker(description="until (excluded)", style=style, layout={"width": "300px"})
        self.note = markup("", "tu-period")
        days = w.HBox([self.start, self.end], layout={"flex_flow": "row wrap"})
        self.widget = w.VBox([self.preset, self.words, days, self.note])
        self.widget.add_class("tu-field")
        self._changed = changed
        self._showing = False
        self.preset.observe(lambda _: self._edited(self._by_name), "value")
        self.words.observe(lambda _: self._edited(self._by_words), "value")
        for day in (self.start, self.end):
            day.observe(lambda _: self._edited(self._by_days), "value")

    @property
    def is_chosen(self) -> bool:
        """Whether there is a period at all."""
        return bool(self.preset.value)

    def read(self) -> PeriodWords | None:
        """Give the period, None for none; raises `PeriodError` for words that are none."""
        if not self.is_chosen:
            return None
        return read_period(self.words.value, self._now())

    def show(self, period: PeriodWords | None) -> None:
        """Show a period under its name, if it has one now."""
        self._showing = True
        try:
            named = {
                write_period(period_words(Period.parse(words))): name for name, words in presets(self._now()).items()
            }
            self.words.value = "" if period is None else write_period(period)
            self.preset.value = "" if period is None else named.get(self.words.value, _CUSTOM)
            self._show_days()
        finally:
            self._showing = False

    def say(self, problem: str | None) -> None:
        """Say in full which period that is, or what is wrong with it."""
        for each in (self.words, self.start, self.end):
            each.disabled = not self.is_chosen
        if problem is not None:
            self.note.value = note_html(problem, wrong=True)
        elif not self.is_chosen:
            self.note.value = note_html("Dates are those of the advanced section, and go over as they are.")
        else:
            period = Period.parse(read_period(self.words.value, self._now()))
            days = (period.end - period.start) / timedelta(days=1)
            self.note.value = note_html(f"{period}, {days:,.6g} {'day' if days == 1 else 'days'}.")

    def _edited(self, follow: Callable[[], None]) -> None:
        if self._showing:
            return
        self._showing = True
        try:
            follow()
        finally:
            self._showing = False
        self._changed()

    def _by_name(self) -> None:
        words = presets(self._now()).get(self.preset.value)
        if words is not None:
            self.words.value = write_period(words)
        elif self.preset.value == _CUSTOM and not self.words.value:
            self.words.value = write_period(presets(self._now())["Last month"])
        self._show_days()

    def _by_words(self) -> None:
        self.preset.value = _CUSTOM
        self._show_days()

    def _by_days(self) -> None:
        start, end = self.start.value, self.end.value
        self.preset.value = _CUSTOM
        if start is not None and end is not None:
            self.words.value = f"{start.isoformat()}, {end.isoformat()}"

    def _show_days(self) -> None:
        try:
            period = Period.parse(read_period(self.words.value, self._now())) if self.is_chosen else None
        except InputError:
            return
        days = (None, None) if period is None else (_day(period.start), _day(period.end))
        self.start.value, self.end.value = days


def _day(moment: datetime) -> date | None:
    return moment.date() if moment == datetime.combine(moment.date(), datetime.min.time(), UTC) else None


_OVERHANG_HELP = (
    "Records longer than the period, such as Datadog’s months: only their share (prorate), whole (include), "
    "or not at all (drop)."
)
_USERS_HELP = "Ask by person, where a vendor has views of its own for that."
_ON_ERROR_HELP = (
    "Where an account fails: an error that holds the others (raise), or the others with the gap stated (warn)."
)
_NEEDS_A_PERIOD = "It needs a period."


class Choosing:
    """Hold `overhang`, `users` and `on_error`."""

    def __init__(self, changed: Callable[[], None]) -> None:
        common = {"style": {"description_width": "140px"}, "layout": {"width": "auto"}}
        words = [("(not said)", ""), *((each, each) for each in OVERHANGS)]
        self.overhang = w.Dropdown(options=words, description="overhang", tooltip=_OVERHANG_HELP, **common)
        self.users = w.Dropdown(
            options=[("no", False), ("yes", True)], description="users", tooltip=_USERS_HELP, **common
        )
        self.on_error = w.Dropdown(options=ON_ERROR, description="on error", tooltip=_ON_ERROR_HELP, **common)
        self._notes = {
            self.overhang: markup(), self.users: markup(), self.on_error: markup(note_html(_ON_ERROR_HELP)),
        }  # fmt: skip
        boxes = [w.VBox([control, note]) for control, note in self._notes.items()]
        for box in boxes:
            box.add_class("tu-field")
        columns = "repeat(auto-fit, minmax(min(100%, 400px), 1fr))"
        self.widget = w.GridBox(boxes, layout={"grid_template_columns": columns, "grid_gap": "2px 28px"})
        for control in self._notes:
            control.observe(lambda _: changed(), "value")

    def read(self) -> dict[str, object]:
        return {"overhang": self.overhang.value or None, "users": self.users.value, "on_error": self.on_error.value}

    def show(self, state: FormState) -> None:
        """Show a state's choices."""
        self.overhang.value, self.users.value = state.overhang or "", state.users
        self.on_error.value = state.on_error

    def empty(self) -> None:
        """Take back what only a period gives a meaning."""
        self.overhang.value, self.users.value = "", False

    def say(self, integrations: Sequence[str | None], *, has_period: bool) -> None:
        """Grey what cannot act, and say why."""
        deaf = [INTEGRATIONS[each].label for each in dict.fromkeys(filter(None, integrations)) if _has_no_views(each)]
        reason = f"{and_(deaf)} {'has' if len(deaf) == 1 else 'have'} none." if deaf else ""
        by_user = Standing(not deaf or any(not _has_no_views(each) for each in integrations), reason)
        self._say(self.overhang, _OVERHANG_HELP, Standing(has_period, "" if has_period else _NEEDS_A_PERIOD))
        self._say(self.users, _USERS_HELP, by_user if has_period else Standing(False, _NEEDS_A_PERIOD))

    def _say(self, control: w.Dropdown, text: str, stands: Standing) -> None:
        control.disabled = not stands.acts
        self._notes[control].value = note_html(text, stands.reason)


def _has_no_views(integration: str | None) -> bool:
    known = INTEGRATIONS.get(integration or "")
    return known is not None and not known.user_views
