"""The clicks as code one can keep: a cell that runs as it is. No token is ever part of it."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from truto_usage_nb.client import Client
from truto_usage_nb.forms.state import FormState
from truto_usage_nb.values import as_code

__all__ = ["call", "client_code", "load_code", "name_of", "report_code"]

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
