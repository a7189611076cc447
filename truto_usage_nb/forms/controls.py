"""The controls of a form: a field a parameter, a period, any of many to tick, and what a load is told besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ipywidgets as w

from truto_usage_nb.errors import InputError
from truto_usage_nb.format import escape
from truto_usage_nb.forms.look import Fold, markup, note_html
from truto_usage_nb.forms.state import (
    FormState,
    PeriodWords,
    acts,
    and_,
    ignored,
    last_word,
    period_words,
    presets,
    read_field,
    read_period,
    worded,
    write_field,
    write_period,
)
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.jobs.making import ON_ERROR
from truto_usage_nb.jobs.period_cut import OVERHANGS
from truto_usage_nb.planning import DATED, Period
from truto_usage_nb.query import Parameter

__all__ = ["Choice", "Choosing", "Fields", "ParameterField", "PeriodPicker", "Picker", "in_folds"]

_ADVANCED = {"remote_query", "cursor", "page", "page_size"}
_DATES = {"start_date", "end_date", "date"}
_NOT_SENT = "(not sent)"
_HINTS = {"texts": "one or several, with commas between", "number": "a whole number", "object": '{"name": "value"}',
          "moment": "2026-10-01 or 2026-10-01T00:00:00Z", "day": "2026-10-01"}  # fmt: skip


def in_folds(
    fields: Iterable[ParameterField],
) -> tuple[list[ParameterField], list[ParameterField], list[ParameterField]]:
    """Part fields into what to ask, the service's own envelope, and the dates of which a period takes the place."""
    held = list(fields)
    dates = [each for each in held if each.parameter.name in _DATES]
    advanced = [each for each in held if each.parameter.name.startswith("truto_") or each.parameter.name in _ADVANCED]
    return [each for each in held if each not in dates and each not in advanced], advanced, dates


def _grid(boxes: Sequence[Any]) -> Any:
    """Set boxes side by side where there is room for two."""
    columns = "repeat(auto-fit, minmax(min(100%, 400px), 1fr))"
    return w.GridBox(boxes, layout={"grid_template_columns": columns, "grid_gap": "2px 28px"})


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

    def say(self, problem: str | None, *, can_act: bool) -> None:
        """Say what is wrong with it, else what it is; take it away where it cannot act and says nothing."""
        self.control.disabled = not can_act and problem is None
        (self.box.add_class if self.control.disabled else self.box.remove_class)("tu-grey")
        self.box.layout.display = "none" if self.control.disabled and self.control.value == "" else ""
        self.note.value = note_html(problem, wrong=True) if problem is not None else note_html(self.parameter.help)

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
        "description": worded(parameter.name),
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


class Fields:
    """Hold parameters side by side, and over them once what of them means nothing, and for whom."""

    def __init__(self, fields: Sequence[ParameterField]) -> None:
        self.fields = fields
        self.ignored = markup("", "tu-ignored")
        self.widget = w.VBox([self.ignored, _grid([each.box for each in fields])])

    def say(self, problems: Mapping[str, str], integrations: Sequence[str | None], *, has_period: bool) -> None:
        """Say beside each field what is wrong with it, and take away what cannot act."""
        asked = [each.parameter for each in self.fields if not (has_period and each.parameter.name in DATED)]
        self.ignored.value = _ignored_html(ignored(asked, integrations), len(asked))
        for each in self.fields:
            can_act = acts(each.parameter, integrations, has_period=has_period)
            each.say(problems.get(each.parameter.name), can_act=can_act)

    def held(self, problems: Mapping[str, str]) -> tuple[str, bool]:
        """Say in a line what is wrong, else what is set, so that nothing acts unseen; and whether it is wrong."""
        wrong = [problems[each.parameter.name] for each in self.fields if each.parameter.name in problems]
        held = [worded(each.parameter.name) for each in self.fields if each.control.value != ""]
        return "; ".join(wrong) or (f"Set: {', '.join(held)}." if held else ""), bool(wrong)


def _ignored_html(deaf: Mapping[str, Sequence[str]], count: int) -> str:
    """Write one line on what is ignored; where vendors differ, it unfolds to the names."""
    said = {
        who: f"{who} ignore{'' if ' and ' in who else 's'} {len(labels)} of these {count}"
        for who, labels in deaf.items()
    }
    lines = [note_html(f"{said[who]}: {', '.join(labels)}.") for who, labels in deaf.items()]
    if len(lines) < 2:
        return "".join(lines)
    first, *rest = deaf
    line = ", ".join([said[first], *(f"{who} {len(deaf[who])}" for who in rest)])
    return f'<details class="tu-note"><summary>{escape(line)}</summary>{"".join(lines)}</details>'


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
        self._columns: dict[str, w.VBox] = {}
        self._more = markup()
        self._drawn: dict[str, list[Choice]] = {}
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
        groups: dict[str, list[Choice]] = {}
        for one in (each for each in found if each in shown):
            groups.setdefault(one.group, []).append(one)
        boxes = {name: [self._box(one) for one in ones] for name, ones in groups.items()}
        more = len(found) - len(shown)
        self._more.value = note_html(f"{more:,} more: narrow them with the filter" if more else "")
        if groups == self._drawn:
            return  # drawn anew, it would lose the keyboard's place
        self._drawn = groups
        self._groups.children = [*(self._column(name, boxes[name]) for name in groups), self._more]

    def _column(self, name: str, boxes: list[w.Checkbox]) -> w.VBox:
        """Give the column of a group, the same one every time."""
        made = self._columns.setdefault(name, w.VBox([markup(f"<h4>{escape(name)}</h4>")]))
        if made.children[1:] != tuple(boxes):
            made.children = [made.children[0], *boxes]
        return made

    def _box(self, one: Choice) -> w.Checkbox:
        """Give the tick of a choice, the same one every time, so that the keyboard's focus stays."""
        if one.value not in self.boxes:
            made = w.Checkbox(description=one.text, indent=False, layout={"width": "auto"})
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
        self._days = w.HBox([self.start, self.end], layout={"flex_flow": "row wrap"})
        self.widget = w.VBox([self.preset, self.words, self._days, self.note])
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
        self._days.layout.display = "" if self.preset.value == _CUSTOM else "none"
        if problem is not None:
            self.note.value = note_html(problem, wrong=True)
        elif not self.is_chosen:
            self.note.value = note_html("The dates go over as they are.")
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
    "Where an account fails, the others are shown here with the gap stated. The code ends in an error that holds them "
    "(raise), or goes on with them (warn)."
)
_FRAME_HELP = "What form.frame and the code give: a polars DataFrame, or a pandas one, Arrow-backed."


class Choosing:
    """Hold `overhang`, `users` and `on_error`, and with them the kind of frame; `said` is what stands in the way."""

    def __init__(self, backend: w.Dropdown, changed: Callable[[], None]) -> None:
        words = [("(not said)", ""), *((each, each) for each in OVERHANGS)]
        self.overhang = _choosing("overhang", words, _OVERHANG_HELP)
        self.users = _choosing("users", [("no", False), ("yes", True)], _USERS_HELP)
        self.on_error = _choosing("on error", ON_ERROR, _ON_ERROR_HELP)
        self._why = markup()
        told = ((self.on_error, _ON_ERROR_HELP), (backend, _FRAME_HELP), (self.overhang, _OVERHANG_HELP),
                (self.users, _USERS_HELP))  # fmt: skip
        boxes = [w.VBox([control, markup(note_html(text))]) for control, text in told]
        for box in boxes:
            box.add_class("tu-field")
        self.fold = Fold(
            "How to load", "failing accounts, kind of frame, longer records, people", [self._why, _grid(boxes)]
        )
        for control in (self.overhang, self.users, self.on_error):
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

    def say(self, state: FormState, integrations: Sequence[str | None], *, has_period: bool) -> None:
        """Grey what cannot act, and say why in one line; and outside what is not as usual."""
        deaf = [INTEGRATIONS[each].label for each in dict.fromkeys(filter(None, integrations)) if _has_no_views(each)]
        by_user = not deaf or any(not _has_no_views(each) for each in integrations)
        self.overhang.disabled, self.users.disabled = not has_period, not (has_period and by_user)
        if not has_period:
            self._why.value = note_html("Overhang and users need a period.")
        else:
            has = "has" if len(deaf) == 1 else "have"
            self._why.value = note_html(f"{and_(deaf)} {has} no views by person (users)." if deaf else "")
        said = {"on error": state.on_error != "raise", "frame": state.backend != "polars",
                "overhang": state.overhang is not None, "users": state.users}  # fmt: skip
        held = [name for name, is_said in said.items() if is_said]
        self.fold.say(f"Set: {', '.join(held)}." if held else "")


def _choosing(name: str, options: Any, told: str) -> w.Dropdown:
    style, layout = {"description_width": "140px"}, {"width": "auto"}
    return w.Dropdown(options=options, description=name, tooltip=told, style=style, layout=layout)


def _has_no_views(integration: str | None) -> bool:
    known = INTEGRATIONS.get(integration or "")
    return known is not None and not known.user_views
