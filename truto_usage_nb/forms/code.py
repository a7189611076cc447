"""What a form can do without a widget: its state as a query, and the clicks as code one can keep.

The code is a cell that runs as it is. No token is ever part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from truto_usage_nb.checks import is_one_of
from truto_usage_nb.client import Client
from truto_usage_nb.costs.choices import MEASURES
from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.format import escape
from truto_usage_nb.forms.state import FormState, period_words, presets
from truto_usage_nb.outside import shown
from truto_usage_nb.planning import DATED, Period
from truto_usage_nb.query import UsageQuery
from truto_usage_nb.values import as_code

__all__ = [
    "BUCKETS",
    "Asking",
    "call",
    "check_cut",
    "cut_code",
    "cut_options",
    "fallback_html",
    "fallback_text",
    "first_state",
    "in_marimo",
    "load_code",
    "name_of",
    "without_widgets",
]

_WIDTH = 100
_IMPORT = "import truto_usage_nb as tu"


def load_code(client: Client, state: FormState) -> str:
    """Give the cell that makes the client and loads what the state asks for into `usage`.

    >>> from truto_usage_nb.sandbox import sandbox
    >>> print(load_code(sandbox(), FormState(accounts=("cursor",), period="2026-10")))
    import truto_usage_nb as tu
    <BLANKLINE>
    client = tu.sandbox(seed=7, now='2026-11-23T00:00:00Z', scale=1.0)
    usage = tu.load_usage('cursor', period='2026-10', client=client)
    """
    return f"{_opening(client)}usage = {_loading('load_usage', state)}"


def report_code(client: Client, state: FormState, name: str = "ai_spend") -> str:
    """Give the cell that renders a report of what the state asks for.

    A query that is more than accounts and a period is loaded and saved first: a report asks in its own way otherwise.
    """
    to = f"{name}.html"
    if state.is_plain:
        failing = None if state.on_error == "raise" else state.on_error
        said = {
            "accounts": list(state.accounts) or None, "period": state.period, "on_error": failing,
            "client": _Name("client"),
        }  # fmt: skip
        given = {key: value for key, value in said.items() if value is not None}
        return f"{_opening(client)}{call('tu.render_report', [name, to], given)}"
    made = call("tu.render_report", [name, to], {"snapshot": _Name("result.save('usage.parquet')")})
    return f"{_opening(client)}result = {_loading('fetch_usage', state)}\n{made}"


def _opening(client: Client) -> str:
    return f"{_IMPORT}\n\nclient = {client_code(client)}\n"


def _loading(function: str, state: FormState) -> str:
    first = [] if state.what is None else [state.what]
    return call(f"tu.{function}", first, {**state.options, "client": _Name("client")})


def client_code(client: Client) -> str:
    """Give the code that makes such a client; its token comes from `TRUTO_API_TOKEN`, as any token should.

    >>> client_code(Client("secret", base_url="https://example.com"))
    "tu.Client(base_url='https://example.com')  # the token comes from TRUTO_API_TOKEN"
    """
    from truto_usage_nb.direct.client import DirectClient
    from truto_usage_nb.sandbox.face import SandboxClient

    if isinstance(client, DirectClient):
        return client.code
    if isinstance(client, SandboxClient):
        world = client.world
        now = world.now.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return f"tu.sandbox(seed={world.seed!r}, now={now!r}, scale={world.scale!r})"
    return f"tu.Client(base_url={client.base_url!r})  # the token comes from TRUTO_API_TOKEN"


class _Name(str):
    """Code that stands in a call as it is."""

    __slots__ = ()


def name_of(code: str) -> Any:
    """Give a name that `call` writes as it is, without quotes."""
    return _Name(code)


def call(function: str, first: list[Any], named: dict[str, Any]) -> str:
    """Write a call on one line where it fits, else with a line an argument.

    >>> call("tu.cost_per", ["a"], {"by": ("model_id",)})
    "tu.cost_per('a', by=['model_id'])"
    """
    arguments = [_code(each) for each in first] + [f"{name}={_code(value)}" for name, value in named.items()]
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    return f"{function}(\n" + "".join(f"    {each},\n" for each in arguments) + ")"


def _code(value: Any) -> str:
    return str(value) if isinstance(value, _Name) else as_code(value)


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


BUCKETS = {"all of it": "", "hour": "1h", "day": "1d", "week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}


def check_cut(name: str, chosen: Mapping[str, Any]) -> None:
    """Refuse what means nothing to an explorer, naming what is allowed."""
    if not isinstance(name, str) or not name.isidentifier():
        said = shown(name)
        raise InputError(f"name={said} is not a name; give the variable that holds the frame, such as name='usage'")
    allowed = {"every": tuple(BUCKETS.values()), "measure": MEASURES, "top": tuple(range(1, 101))}
    for trait, value in chosen.items():
        if trait not in allowed:
            near = did_you_mean(trait, allowed)
            raise InputError(f"CostExplorer has no {shown(trait)}.{near} Known: by, name, every, measure, top")
        if not is_one_of(value, allowed[trait]):
            words = "1 to 100" if trait == "top" else ", ".join(map(repr, allowed[trait]))
            near = did_you_mean(value, map(str, allowed[trait]))
            raise InputError(f"{trait}={shown(value)} is not allowed.{near} Allowed: {words}")


def cut_options(every: str, measure: str) -> dict[str, Any]:
    """Give the arguments of a cost table that say something.

    >>> cut_options("", "list"), cut_options("1d", "billed")
    ({'measure': 'list'}, {'every': '1d'})
    """
    bucket = {"every": every} if every else {}
    return bucket if measure == "billed" else {**bucket, "measure": measure}


def cut_code(name: str, by: Sequence[str], every: str, measure: str, top: int) -> str:
    """Give the cell that makes an explorer's table and chart of the frame called `name`."""
    table = call("tu.cost_per", [name_of(name)], {"by": by, **cut_options(every, measure)})
    if not by and not every:
        return f"table = {table}"
    function = "tu.plots.cost_over_time" if every else "tu.plots.cost_bars"
    bucket = {"every": every} if every else {}
    ranked = {} if measure == "billed" else {"measure": measure}
    return f"table = {table}\n{call(function, [name_of(name), by], {**bucket, 'top': top, **ranked})}"


_NO_WIDGETS = "This front end shows no widgets"


def without_widgets(bundle: Any, code: str) -> Any:
    """Add to what a widget shows a line and the code, for a front end that shows no widgets."""
    bundle["text/html"] = fallback_html(_NO_WIDGETS, code)
    bundle["text/plain"] = fallback_text(_NO_WIDGETS, code)
    return bundle


def in_marimo(code: str) -> tuple[str, str]:
    """Give what marimo shows, which asks for widgets of its own: the line and the code, no empty tab beside."""
    return "text/html", fallback_html(_NO_WIDGETS, code)


def fallback_html(line: str, code: str) -> str:
    """Write what stands where a widget cannot: a line that says so, and the code that does the same."""
    return f"<p>{escape(line)}. The same as code:</p><pre>{escape(code)}</pre>"


def fallback_text(line: str, code: str) -> str:
    """Write the same as text."""
    return f"{line}. The same as code:\n\n{code}"
