"""What a form can do without a widget: its state as a query, as code, as a report's call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truto_usage_nb.client import Client
from truto_usage_nb.errors import InputError
from truto_usage_nb.forms.code import load_code, report_code
from truto_usage_nb.forms.state import FormState, period_words, presets
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import DATED, Period
from truto_usage_nb.query import UsageQuery

__all__ = ["Asking", "first_state"]


def first_state(client: Client, defaults: Mapping[str, Any]) -> FormState:
    """Give the state a form starts with: what was given, and last month where no time was."""
    if not isinstance(client, Client):
        raise InputError(f"client={shown(client)} is no client; give a Client, or tu.sandbox(), which is one.")
    given = dict(defaults)
    accounts = given.pop("accounts", None)
    single = given.pop("integrated_account_id", None)
    if accounts is not None and single is not None:
        raise InputError("accounts and integrated_account_id are both given; keep one")
    chosen: Any = accounts if accounts is not None else [] if single is None else [single]
    own = any(given.get(name) is not None for name in DATED)
    period = given.pop("period", None if own else presets(client.now())["Last month"])
    period = period_words(Period.parse(period, now=client.now())) if isinstance(period, str) else period
    choices = {name: given.pop(name) for name in ("backend", "overhang", "users", "on_error") if name in given}
    return FormState(chosen, UsageQuery(**given), period, **choices)


class Asking:
    """Turn a client and a state into a query, code and a report's call."""

    client: Client
    state: FormState

    @property
    def problems(self) -> Mapping[str, str]:
        """Give a sentence by the name of each field that is wrong just now."""
        return {}

    @property
    def query(self) -> UsageQuery:
        """The query, with its account where there is exactly one; set it, and the form shows it."""
        state = self._asked()
        return state.query.replace(integrated_account_id=state.accounts[0] if len(state.accounts) == 1 else None)

    @query.setter
    def query(self, query: UsageQuery) -> None:
        self.state = self.state.with_query(query)

    @property
    def code(self) -> str:
        """Give a cell that runs as it is and loads into `usage` what the form says. It never holds a token."""
        return load_code(self.client, self._asked())

    def to_report(self, name: str = "ai_spend") -> str:
        """Give the cell that renders a report of what the form says."""
        return report_code(self.client, self._asked(), name)

    def _asked(self) -> FormState:
        """Give the state; raises what is wrong on the form, for a state that nobody sees would be a guess."""
        if self.problems:
            raise InputError("the form needs attention: " + "; ".join(self.problems.values()))
        return self.state
