"""The record's fields, once: path, column, dtype, unit, how it adds up, one line of meaning.

The frame's columns, the data dictionary in the docs and the additivity rules all come from here.
Source: the response body of `GET /unified/usage-metering/usage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from truto_usage_nb.integrations import INTEGRATIONS

DType = Literal["String", "Int64", "Float64", "Boolean", "Datetime", "List", "JSON"]
Additivity = Literal["sum", "distinct", "last"]

__all__ = [
    "CHARGE_TYPES",
    "EXPANDED",
    "PROVENANCE",
    "RECORD_DIMENSIONS",
    "RECORD_KEY",
    "SCHEMA",
    "SPACES",
    "Field",
    "columns",
    "data_dictionary",
    "field",
    "folded_currency",
]


@dataclass(frozen=True, slots=True)
class Field:
    """Describe one column.

    `path` is the API's own dotted path; `column` the same joined by `_`. `additivity` says whether values may be added
    over records (`sum`), never over days, users or surfaces (`distinct`), or only the latest counts (`last`);
    None where adding means nothing. `open` marks a map whose keys become columns of their own.
    """

    path: str
    dtype: DType
    meaning: str
    unit: str | None = None
    additivity: Additivity | None = None
    open: bool = False

    @property
    def column(self) -> str:
        return self.path.replace(".", "_")


CHARGE_TYPES = (
    "total", "net", "on_demand", "committed", "included", "usage_based", "discount", "tax", "credit", "platform_fee",
)  # fmt: skip


def _text(path: str, meaning: str) -> Field:
    return Field(path, "String", meaning)


def _count(path: str, meaning: str, unit: str, additivity: Additivity = "sum") -> Field:
    return Field(path, "Int64", meaning, unit, additivity)


def _flag(path: str, meaning: str) -> Field:
    return Field(path, "Boolean", meaning)


def _date(path: str, meaning: str) -> Field:
    return Field(path, "Datetime", meaning, "UTC")


*_OTHERS, _LAST = INTEGRATIONS

PROVENANCE: tuple[Field, ...] = (
    _text("integrated_account_id", "The account that was asked."),
    _text("integration", f"What stands behind the account: {', '.join(_OTHERS)} or {_LAST}."),
    _text("report_type", "The view that was sent, for integrations that honour it; else null."),
    _text("query_id", "8 hex digits of the parameters that change what a row means."),
)
"""The columns that the loader adds in front."""

SCHEMA: tuple[Field, ...] = (
    _text("id", "Unique identifier of the usage record, as served."),
    _text("product.id", "Identifier of the product used."),
    _text("product.name", "Name of the product."),
    _text("metric_name", "Name of the metric that is charged for."),
    Field("resources", "List", "The resources used, each with id, name and workspace."),
    _text("organization.id", "Identifier of the organisation."),
    _text("organization.name", "Name of the organisation."),
    _text("user.id", "Identifier of the user in the source application; null on aggregated rows."),
    _text("user.email", "Primary e-mail of the user."),
    _text("user.name", "Display name of the user."),
    _text("model.id", "Model identifier; null for vendors without models."),
    _text("model.provider", "Provider that hosts the model."),
    Field("charges", "List", "The amounts charged, each with amount, currency and type."),
    Field("usage.quantity", "Float64", "Generic quantity.", "as usage_unit says", "sum"),
    _text("usage.unit", "Unit of usage_quantity."),
    _count("usage.requests.total", "Requests of all kinds.", "requests"),
    _count("usage.requests.chat", "Chat requests.", "requests"),
    _count("usage.requests.agent", "Agent requests.", "requests"),
    _count("usage.requests.composer", "Composer requests.", "requests"),
    _count("usage.requests.cmdk", "Inline edits (Cursor Cmd+K).", "requests"),
    _count("usage.requests.tab_shown", "Tab completions shown.", "completions"),
    _count("usage.requests.tab_accepted", "Tab completions accepted.", "completions"),
    _count("usage.requests.api_key", "Requests made with the customer's own API key.", "requests"),
    _count("usage.requests.included", "Requests covered by the plan.", "requests"),
    _count("usage.requests.usage_based", "Requests charged by use.", "requests"),
    _count("usage.requests.bugbot", "Bugbot requests.", "requests"),
    _count("usage.sessions.distinct", "Distinct sessions.", "sessions", "distinct"),
    _count("usage.sessions.dispatch_turns", "Background dispatch turns.", "turns"),
    _count("usage.conversations.distinct", "Distinct conversations.", "conversations", "distinct"),
    _count("usage.conversations.message_count", "Messages.", "messages"),
    _count("usage.conversations.thinking_message_count", "Messages with thinking.", "messages"),
    _count("usage.conversations.shared_viewed_count", "Shared conversations viewed.", "views"),
    _count("usage.conversations.turn_count", "Turns.", "turns"),
    _count("usage.conversations.thread_count", "Threads.", "threads"),
    _count("usage.code.lines_added", "Lines added.", "lines"),
    _count("usage.code.lines_removed", "Lines removed.", "lines"),
    _count("usage.code.lines_accepted_added", "Suggested added lines that were accepted.", "lines"),
    _count("usage.code.lines_accepted_removed", "Suggested removed lines that were accepted.", "lines"),
    _count("usage.code.applies", "Suggestions applied.", "suggestions"),
    _count("usage.code.accepts", "Suggestions accepted.", "suggestions"),
    _count("usage.code.rejects", "Suggestions rejected.", "suggestions"),
    _count("usage.code.commits", "Commits.", "commits"),
    _count("usage.code.pull_requests", "Pull requests.", "pull requests"),
    Field("usage.code.tool_actions", "JSON", "Accepts and rejects by tool; each path becomes a column.", open=True),
    Field("usage.code.file_extensions", "JSON", "File extensions; each path becomes a column.", open=True),
    _count("usage.tokens.input", "Input tokens neither read from nor written to a cache.", "tokens"),
    _count("usage.tokens.output", "Output tokens, reasoning included.", "tokens"),
    _count("usage.tokens.cache_read", "Input tokens read from a cache.", "tokens"),
    _count("usage.tokens.cache_write", "Input tokens written to a cache, of any lifetime.", "tokens"),
    _count("usage.tokens.cache_write_ephemeral_5m", "Of these, with a lifetime of five minutes.", "tokens"),
    _count("usage.tokens.cache_write_ephemeral_1h", "Of these, with a lifetime of one hour.", "tokens"),
    _count("usage.tokens.total", "All tokens.", "tokens"),
    _count("usage.tools.web_search_count", "Web searches.", "searches"),
    _count("usage.tools.connectors_used_count", "Connector calls.", "calls"),
    _count("usage.tools.distinct_connectors_used_count", "Distinct connectors used.", "connectors", "distinct"),
    _count("usage.tools.skills_used_count", "Skill calls.", "calls"),
    _count("usage.tools.distinct_skills_used_count", "Distinct skills used.", "skills", "distinct"),
    _count("usage.tools.action_count", "Tool actions.", "actions"),
    _flag("usage.activity.is_active", "Whether the user was active."),
    _flag("usage.activity.max_mode", "Whether Cursor's max mode was on."),
    _text("usage.activity.client_version", "Version of the client."),
    _date("start_date", "Start of what the record covers, inclusive."),
    _date("end_date", "End of what the record covers, exclusive; equal to the start for an instant."),
    _date("created_at", "When the record was created."),
    _date("updated_at", "When the record was last updated."),
    _text("surface", "Product surface, such as chat, claude_code, composer or api; null on aggregated rows."),
    Field("remote_data", "JSON", "The provider's own row as JSON text; only when asked for."),
)
"""The documented fields of a record, in the order of the API's reference."""

_RESOURCES: tuple[Field, ...] = (
    Field("resources.count", "Int64", "How many resources the record names.", "resources"),
    _text("resources.id", "The resource, when there is exactly one."),
    _text("resources.name", "Its name, when there is exactly one."),
    _text("resources.workspace.id", "Its workspace, when there is exactly one."),
    _text("resources.workspace.name", "The workspace's name, when there is exactly one."),
)
_CHARGES: tuple[Field, ...] = (
    *(
        Field(f"charges.{kind}", "Float64", f"Sum of the record's {kind} charges.", "charges_currency", "sum")
        for kind in CHARGE_TYPES
    ),
    _text("charges.currency", "Currency of the amounts, when there is exactly one."),
    Field("charges.count", "Int64", "How many charges the record states.", "charges"),
)
EXPANDED: dict[str, tuple[Field, ...]] = {"resources": _RESOURCES, "charges": _CHARGES}
"""The wide columns that follow a list column, keyed by the list's path."""

_BY_COLUMN = {
    field.column: field for field in (*PROVENANCE, *SCHEMA, *(wide for part in EXPANDED.values() for wide in part))
}


RECORD_KEY = ("integrated_account_id", "report_type", "id", "start_date", "end_date")
RECORD_DIMENSIONS = (
    "metric_name", "product_id", "product_name", "organization_id", "organization_name", "model_id", "model_provider",
    "surface", "user_id", "user_email", "user_name", "resources_id", "resources_name", "resources_workspace_id",
    "resources_workspace_name", "charges_currency",
)  # fmt: skip
"""What makes a record, beside what it measures: the same key with another dimension is another record (`repeats`)."""


SPACES = "".join(
    map(chr, (*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288))
)
"""What surrounds a word without belonging to it: every engine is told, since each has its own idea of a space."""


def folded_currency(currency: str | None) -> str | None:
    """Give a currency as it is compared: without surrounding spaces, in capitals; an empty one is unstated.

    >>> folded_currency(" usd"), folded_currency(""), folded_currency(None)
    ('USD', None, None)
    """
    return (currency or "").strip(SPACES).upper() or None


def columns(*, remote_data: bool = False, excluded: tuple[str, ...] = ()) -> tuple[Field, ...]:
    """Give the documented columns of a frame in order: provenance first, list columns followed by their wide form.

    `excluded` are API paths left out by `truto_exclude_fields`; a parent takes its children with it.

    >>> [f.column for f in columns()][:6]
    ['integrated_account_id', 'integration', 'report_type', 'query_id', 'id', 'product_id']
    >>> [f.column for f in columns(excluded=("product",))][4:6]
    ['id', 'metric_name']
    """
    wanted: list[Field] = list(PROVENANCE)
    for item in SCHEMA:
        if _is_excluded(item.path, excluded) or (item.path == "remote_data" and not remote_data) or item.open:
            continue
        wanted += [item, *EXPANDED.get(item.path, ())]
    return tuple(wanted)


def _is_excluded(path: str, excluded: tuple[str, ...]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in excluded)


def field(column: str) -> Field | None:
    """Give the documented field of a column, or None for a column that the documentation does not name.

    >>> field("usage_sessions_distinct").additivity
    'distinct'
    """
    return _BY_COLUMN.get(column)


def data_dictionary() -> str:
    """Give the data dictionary as a Markdown table, a row a documented column.

    >>> import truto_usage_nb as tu
    >>> print(tu.data_dictionary().splitlines()[0])
    | column | dtype | unit | adds up | meaning |
    """
    lines = ["| column | dtype | unit | adds up | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{f.column}` | {f.dtype} | {f.unit or ''} | {f.additivity or ''} | {f.meaning} |"
        for f in columns(remote_data=True)
    ]
    return "\n".join(lines)
