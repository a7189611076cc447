"""From what the fields hold to a state, or to a sentence for each field that is wrong. No widgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from truto_usage_nb.errors import InputError
from truto_usage_nb.forms.state import FormState
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.planning import DATED
from truto_usage_nb.query import Parameter, UsageQuery

__all__ = ["Checked", "Standing", "and_", "check", "standing"]


@dataclass(frozen=True, slots=True)
class Checked:
    """Hold the state that the fields make, or None and a sentence by the name of each field that is wrong."""

    state: FormState | None
    problems: Mapping[str, str] = field(default_factory=dict)


def check(
    fields: Mapping[str, Callable[[], Any]],
    accounts: Callable[[], Any],
    period: Callable[[], Any],
    choices: Mapping[str, Any],
) -> Checked:
    """Read every field; each problem is said in the query's own words, beside the field it belongs to."""
    problems: dict[str, str] = {}

    def got(name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InputError as problem:
            problems[name] = problem.message
            return None

    values = {name: got(name, partial(_judged, name, read)) for name, read in fields.items()}
    chosen, span = got("accounts", lambda: FormState(accounts=accounts()).accounts), got("period", period)
    if problems:
        return Checked(None, problems)
    try:
        query = UsageQuery(**values)
        return Checked(FormState(chosen, query, span, **choices))
    except InputError as problem:
        named = [name for name in fields if name in problem.message]
        return Checked(None, {min(named, key=problem.message.index) if named else "period": problem.message})


def _judged(name: str, read: Callable[[], Any]) -> Any:
    return getattr(UsageQuery(**{name: read()}), name)


@dataclass(frozen=True, slots=True)
class Standing:
    """Say whether a parameter can act as things stand, and if not, or not everywhere, why."""

    acts: bool
    reason: str = ""


def standing(parameter: Parameter, integrations: Sequence[str | None], *, has_period: bool) -> Standing:
    """Say what the chosen accounts' integrations make of a parameter; None is one that nobody knows.

    >>> from truto_usage_nb.query import PARAMETERS
    >>> standing(PARAMETERS["granularity"], ["cursor", "datadog"], has_period=True)
    Standing(acts=False, reason='Cursor and Datadog ignore it.')
    """
    if has_period and parameter.name in DATED:
        return Standing(False, "The period says it; choose “no period” to write it yourself.")
    known = dict.fromkeys(name for name in integrations if name is not None)
    deaf = [name for name in known if name not in parameter.integrations]
    if not deaf:
        return Standing(True)
    names = and_([INTEGRATIONS[name].label if name in INTEGRATIONS else name for name in deaf])
    acts = len(deaf) < len(known) or None in integrations
    return Standing(acts, f"{names} {'ignores' if len(deaf) == 1 else 'ignore'} it.")


def and_(names: Sequence[str]) -> str:
    """Join names as one speaks.

    >>> and_(["Claude", "Cursor", "Datadog"])
    'Claude, Cursor and Datadog'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
