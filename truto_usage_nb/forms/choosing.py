"""What a load may be told beyond the endpoint's own parameters; two of them mean nothing where there is no period."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as w

from truto_usage_nb.forms.checking import Standing, and_
from truto_usage_nb.forms.look import markup, note_html
from truto_usage_nb.forms.state import FormState
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.jobs.making import ON_ERROR
from truto_usage_nb.jobs.period_cut import OVERHANGS

__all__ = ["Choosing"]

_OVERHANG_HELP = (
    "Records longer than the period, such as Datadog’s months: only their share (prorate), whole (include), "
    "or not at all (drop)."
)
_USERS_HELP = "Ask by person, where a vendor has views of its own for that."
_ON_ERROR_HELP = (
    "Where an account fails: an error that holds the others (raise), or the others with the gap stated (warn)."
)
_NO_PERIOD = "It needs a period."


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
        self._say(self.overhang, _OVERHANG_HELP, Standing(has_period, "" if has_period else _NO_PERIOD))
        self._say(self.users, _USERS_HELP, by_user if has_period else Standing(False, _NO_PERIOD))

    def _say(self, control: w.Dropdown, text: str, stands: Standing) -> None:
        control.disabled = not stands.acts
        self._notes[control].value = note_html(text, stands.reason)


def _has_no_views(integration: str | None) -> bool:
    known = INTEGRATIONS.get(integration or "")
    return known is not None and not known.user_views
