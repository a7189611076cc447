"""Pick a period: by name, by day, or in words; or none, where the query says its dates itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import ipywidgets as w

from truto_usage_nb.errors import InputError
from truto_usage_nb.forms.look import markup, note_html
from truto_usage_nb.forms.state import PeriodWords, period_words, presets
from truto_usage_nb.forms.wording import read_period, write_period
from truto_usage_nb.planning import Period

__all__ = ["PeriodPicker"]

_CUSTOM = "Custom"
_NONE = "No period: the query’s own dates"


class PeriodPicker:
    """Hold a period: `preset` picks by name, `words` is typed, `start` and `end` (not part of it) pick days."""

    def __init__(self, now: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._now = now
        names = {name: f"{name} ({write_period(words)})" for name, words in presets(now()).items()}
        style, layout = {"description_width": "140px"}, {"width": "min(100%, 520px)"}
        options = [(text, name) for name, text in names.items()]
        self.preset = w.Dropdown(
            options=[*options, (_CUSTOM, _CUSTOM), (_NONE, "")], description="period", style=style, layout=layout
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
