"""The names of a frame's columns, for an editor to complete and a type checker to see: `pl.col(tu.columns.model_id)`.

First what every frame has, in its order, then what loading a period and the cost tables add. Each says its dtype and
unit, and whether it adds up over records (`sum`), never over days, people or surfaces (`distinct`), or only the latest
counts (`last`). The names are those of `SCHEMA`: a test compares the two.

>>> import truto_usage_nb as tu
>>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
>>> usage[tu.columns.usage_tokens_total].sum() > 0
True
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "cache_read_share",
    "charges",
    "charges_committed",
    "charges_count",
    "charges_credit",
    "charges_currency",
    "charges_discount",
    "charges_included",
    "charges_net",
    "charges_on_demand",
    "charges_platform_fee",
    "charges_tax",
    "charges_total",
    "charges_usage_based",
    "converted_cost",
    "converted_currency",
    "cost",
    "cost_billed",
    "cost_credit",
    "cost_currency",
    "cost_discount",
    "cost_flag",
    "cost_included",
    "cost_list",
    "cost_per_million_tokens",
    "cost_per_token",
    "cost_tax",
    "cost_vendor_estimate",
    "created_at",
    "currency",
    "end_date",
    "exchange_rate",
    "exchange_source",
    "id",
    "included_tokens",
    "integrated_account_id",
    "integration",
    "kind",
    "metric_name",
    "model_id",
    "model_provider",
    "organization_id",
    "organization_name",
    "other_cost",
    "overhangs_period",
    "period_start",
    "product_id",
    "product_name",
    "prorated_share",
    "query_id",
    "remote_data",
    "report_type",
    "resources",
    "resources_count",
    "resources_id",
    "resources_name",
    "resources_workspace_id",
    "resources_workspace_name",
    "spread_cost",
    "start_date",
    "surface",
    "tokens",
    "unpriced_tokens",
    "updated_at",
    "usage_activity_client_version",
    "usage_activity_is_active",
    "usage_activity_max_mode",
    "usage_code_accepts",
    "usage_code_applies",
    "usage_code_commits",
    "usage_code_lines_accepted_added",
    "usage_code_lines_accepted_removed",
    "usage_code_lines_added",
    "usage_code_lines_removed",
    "usage_code_pull_requests",
    "usage_code_rejects",
    "usage_conversations_distinct",
    "usage_conversations_message_count",
    "usage_conversations_shared_viewed_count",
    "usage_conversations_thinking_message_count",
    "usage_conversations_thread_count",
    "usage_conversations_turn_count",
    "usage_quantity",
    "usage_requests_agent",
    "usage_requests_api_key",
    "usage_requests_bugbot",
    "usage_requests_chat",
    "usage_requests_cmdk",
    "usage_requests_composer",
    "usage_requests_included",
    "usage_requests_tab_accepted",
    "usage_requests_tab_shown",
    "usage_requests_total",
    "usage_requests_usage_based",
    "usage_sessions_dispatch_turns",
    "usage_sessions_distinct",
    "usage_tokens_cache_read",
    "usage_tokens_cache_write",
    "usage_tokens_cache_write_ephemeral_1h",
    "usage_tokens_cache_write_ephemeral_5m",
    "usage_tokens_input",
    "usage_tokens_output",
    "usage_tokens_total",
    "usage_tools_action_count",
    "usage_tools_connectors_used_count",
    "usage_tools_distinct_connectors_used_count",
    "usage_tools_distinct_skills_used_count",
    "usage_tools_skills_used_count",
    "usage_tools_web_search_count",
    "usage_unit",
    "user_email",
    "user_id",
    "user_name",
]

# what a record states -------------------------------------------------------------------------------------------------

integrated_account_id: Final = "integrated_account_id"
"""The account that was asked. String."""
integration: Final = "integration"
"""What stands behind the account: claude, openai_codex, confluent, cursor or datadog. String."""
report_type: Final = "report_type"
"""The view that was sent, for integrations that honour it; else null. String."""
query_id: Final = "query_id"
"""8 hex digits of the parameters that change what a row means. String."""
id: Final = "id"
"""Unique identifier of the usage record, as served. String."""
product_id: Final = "product_id"
"""Identifier of the product used. String."""
product_name: Final = "product_name"
"""Name of the product. String."""
metric_name: Final = "metric_name"
"""Name of the metric that is charged for. String."""
resources: Final = "resources"
"""The resources used, each with id, name and workspace. List."""
resources_count: Final = "resources_count"
"""How many resources the record names. Int64, resources."""
resources_id: Final = "resources_id"
"""The resource, when there is exactly one. String."""
resources_name: Final = "resources_name"
"""Its name, when there is exactly one. String."""
resources_workspace_id: Final = "resources_workspace_id"
"""Its workspace, when there is exactly one. String."""
resources_workspace_name: Final = "resources_workspace_name"
"""The workspace's name, when there is exactly one. String."""
organization_id: Final = "organization_id"
"""Identifier of the organisation. String."""
organization_name: Final = "organization_name"
"""Name of the organisation. String."""
user_id: Final = "user_id"
"""Identifier of the user in the source application; null on aggregated rows. String."""
user_email: Final = "user_email"
"""Primary e-mail of the user. String."""
user_name: Final = "user_name"
"""Display name of the user. String."""
model_id: Final = "model_id"
"""Model identifier; null for vendors without models. String."""
model_provider: Final = "model_provider"
"""Provider that hosts the model. String."""
charges: Final = "charges"
"""The amounts charged, each with amount, currency and type. List."""
charges_total: Final = "charges_total"
"""Sum of the record's total charges. Float64, charges_currency; sum."""
charges_net: Final = "charges_net"
"""Sum of the record's net charges. Float64, charges_currency; sum."""
charges_on_demand: Final = "charges_on_demand"
"""Sum of the record's on_demand charges. Float64, charges_currency; sum."""
charges_committed: Final = "charges_committed"
"""Sum of the record's committed charges. Float64, charges_currency; sum."""
charges_included: Final = "charges_included"
"""Sum of the record's included charges. Float64, charges_currency; sum."""
charges_usage_based: Final = "charges_usage_based"
"""Sum of the record's usage_based charges. Float64, charges_currency; sum."""
charges_discount: Final = "charges_discount"
"""Sum of the record's discount charges. Float64, charges_currency; sum."""
charges_tax: Final = "charges_tax"
"""Sum of the record's tax charges. Float64, charges_currency; sum."""
charges_credit: Final = "charges_credit"
"""Sum of the record's credit charges. Float64, charges_currency; sum."""
charges_platform_fee: Final = "charges_platform_fee"
"""Sum of the record's platform_fee charges. Float64, charges_currency; sum."""
charges_currency: Final = "charges_currency"
"""Currency of the amounts, when there is exactly one. String."""
charges_count: Final = "charges_count"
"""How many charges the record states. Int64, charges."""
usage_quantity: Final = "usage_quantity"
"""Generic quantity. Float64, as usage_unit says; sum."""
usage_unit: Final = "usage_unit"
"""Unit of usage_quantity. String."""
usage_requests_total: Final = "usage_requests_total"
"""Requests of all kinds. Int64, requests; sum."""
usage_requests_chat: Final = "usage_requests_chat"
"""Chat requests. Int64, requests; sum."""
usage_requests_agent: Final = "usage_requests_agent"
"""Agent requests. Int64, requests; sum."""
usage_requests_composer: Final = "usage_requests_composer"
"""Composer requests. Int64, requests; sum."""
usage_requests_cmdk: Final = "usage_requests_cmdk"
"""Inline edits (Cursor Cmd+K). Int64, requests; sum."""
usage_requests_tab_shown: Final = "usage_requests_tab_shown"
"""Tab completions shown. Int64, completions; sum."""
usage_requests_tab_accepted: Final = "usage_requests_tab_accepted"
"""Tab completions accepted. Int64, completions; sum."""
usage_requests_api_key: Final = "usage_requests_api_key"
"""Requests made with the customer's own API key. Int64, requests; sum."""
usage_requests_included: Final = "usage_requests_included"
"""Requests covered by the plan. Int64, requests; sum."""
usage_requests_usage_based: Final = "usage_requests_usage_based"
"""Requests charged by use. Int64, requests; sum."""
usage_requests_bugbot: Final = "usage_requests_bugbot"
"""Bugbot requests. Int64, requests; sum."""
usage_sessions_distinct: Final = "usage_sessions_distinct"
"""Distinct sessions. Int64, sessions; distinct."""
usage_sessions_dispatch_turns: Final = "usage_sessions_dispatch_turns"
"""Background dispatch turns. Int64, turns; sum."""
usage_conversations_distinct: Final = "usage_conversations_distinct"
"""Distinct conversations. Int64, conversations; distinct."""
usage_conversations_message_count: Final = "usage_conversations_message_count"
"""Messages. Int64, messages; sum."""
usage_conversations_thinking_message_count: Final = "usage_conversations_thinking_message_count"
"""Messages with thinking. Int64, messages; sum."""
usage_conversations_shared_viewed_count: Final = "usage_conversations_shared_viewed_count"
"""Shared conversations viewed. Int64, views; sum."""
usage_conversations_turn_count: Final = "usage_conversations_turn_count"
"""Turns. Int64, turns; sum."""
usage_conversations_thread_count: Final = "usage_conversations_thread_count"
"""Threads. Int64, threads; sum."""
usage_code_lines_added: Final = "usage_code_lines_added"
"""Lines added. Int64, lines; sum."""
usage_code_lines_removed: Final = "usage_code_lines_removed"
"""Lines removed. Int64, lines; sum."""
usage_code_lines_accepted_added: Final = "usage_code_lines_accepted_added"
"""Suggested added lines that were accepted. Int64, lines; sum."""
usage_code_lines_accepted_removed: Final = "usage_code_lines_accepted_removed"
"""Suggested removed lines that were accepted. Int64, lines; sum."""
usage_code_applies: Final = "usage_code_applies"
"""Suggestions applied. Int64, suggestions; sum."""
usage_code_accepts: Final = "usage_code_accepts"
"""Suggestions accepted. Int64, suggestions; sum."""
usage_code_rejects: Final = "usage_code_rejects"
"""Suggestions rejected. Int64, suggestions; sum."""
usage_code_commits: Final = "usage_code_commits"
"""Commits. Int64, commits; sum."""
usage_code_pull_requests: Final = "usage_code_pull_requests"
"""Pull requests. Int64, pull requests; sum."""
usage_tokens_input: Final = "usage_tokens_input"
"""Input tokens neither read from nor written to a cache. Int64, tokens; sum."""
usage_tokens_output: Final = "usage_tokens_output"
"""Output tokens, reasoning included. Int64, tokens; sum."""
usage_tokens_cache_read: Final = "usage_tokens_cache_read"
"""Input tokens read from a cache. Int64, tokens; sum."""
usage_tokens_cache_write: Final = "usage_tokens_cache_write"
"""Input tokens written to a cache, of any lifetime. Int64, tokens; sum."""
usage_tokens_cache_write_ephemeral_5m: Final = "usage_tokens_cache_write_ephemeral_5m"
"""Of these, with a lifetime of five minutes. Int64, tokens; sum."""
usage_tokens_cache_write_ephemeral_1h: Final = "usage_tokens_cache_write_ephemeral_1h"
"""Of these, with a lifetime of one hour. Int64, tokens; sum."""
usage_tokens_total: Final = "usage_tokens_total"
"""All tokens. Int64, tokens; sum."""
usage_tools_web_search_count: Final = "usage_tools_web_search_count"
"""Web searches. Int64, searches; sum."""
usage_tools_connectors_used_count: Final = "usage_tools_connectors_used_count"
"""Connector calls. Int64, calls; sum."""
usage_tools_distinct_connectors_used_count: Final = "usage_tools_distinct_connectors_used_count"
"""Distinct connectors used. Int64, connectors; distinct."""
usage_tools_skills_used_count: Final = "usage_tools_skills_used_count"
"""Skill calls. Int64, calls; sum."""
usage_tools_distinct_skills_used_count: Final = "usage_tools_distinct_skills_used_count"
"""Distinct skills used. Int64, skills; distinct."""
usage_tools_action_count: Final = "usage_tools_action_count"
"""Tool actions. Int64, actions; sum."""
usage_activity_is_active: Final = "usage_activity_is_active"
"""Whether the user was active. Boolean."""
usage_activity_max_mode: Final = "usage_activity_max_mode"
"""Whether Cursor's max mode was on. Boolean."""
usage_activity_client_version: Final = "usage_activity_client_version"
"""Version of the client. String."""
start_date: Final = "start_date"
"""Start of what the record covers, inclusive. Datetime, UTC."""
end_date: Final = "end_date"
"""End of what the record covers, exclusive; equal to the start for an instant. Datetime, UTC."""
created_at: Final = "created_at"
"""When the record was created. Datetime, UTC."""
updated_at: Final = "updated_at"
"""When the record was last updated. Datetime, UTC."""
surface: Final = "surface"
"""Product surface, such as chat, claude_code, composer or api; null on aggregated rows. String."""
remote_data: Final = "remote_data"
"""The provider's own row as JSON text; only when asked for. JSON."""

# what loading a period adds -------------------------------------------------------------------------------------------

overhangs_period: Final = "overhangs_period"
"""Whether a record sticks out of the loaded period. Boolean."""
prorated_share: Final = "prorated_share"
"""How much of a record `overhang="prorate"` kept, 0 to 1; null for whole records. Float64."""

# what `with_costs` and `cost_lines` add -------------------------------------------------------------------------------

cost_currency: Final = "cost_currency"
"""The currency of a record's costs; null where it states no charge."""
cost_billed: Final = "cost_billed"
"""What is billed, after discounts, before credits and tax, in cost_currency."""
cost_list: Final = "cost_list"
"""The price before discounts, in cost_currency."""
cost_discount: Final = "cost_discount"
"""What was taken off the list price, in cost_currency."""
cost_tax: Final = "cost_tax"
"""Tax, beside the cost, in cost_currency."""
cost_credit: Final = "cost_credit"
"""Credits, at most 0, beside the cost, in cost_currency."""
cost_included: Final = "cost_included"
"""What usage that a plan covers would have cost, in cost_currency."""
cost_vendor_estimate: Final = "cost_vendor_estimate"
"""What the vendor estimates of what its bill holds already, in cost_currency."""
cost_flag: Final = "cost_flag"
"""Why a cost is null, assumed or apart from what is billed; reasons joined by `;`."""

# what the cost tables have beside their dimensions --------------------------------------------------------------------

period_start: Final = "period_start"
"""The bucket of `every`: its first instant."""
kind: Final = "kind"
"""The kind of token, with `kind=True`."""
currency: Final = "currency"
"""The currency of a line."""
cost: Final = "cost"
"""What was paid, by the measure asked for, in currency; null where nobody stated it."""
other_cost: Final = "other_cost"
"""The part of cost that bought no tokens, in currency."""
tokens: Final = "tokens"
"""Tokens with a price."""
cost_per_million_tokens: Final = "cost_per_million_tokens"
"""(cost - other_cost) / tokens * 1e6, in currency; null where either is missing."""
cost_per_token: Final = "cost_per_token"
"""The same for one token, in currency."""
unpriced_tokens: Final = "unpriced_tokens"
"""Tokens that nobody was charged for."""
included_tokens: Final = "included_tokens"
"""Tokens that a plan covered."""
cache_read_share: Final = "cache_read_share"
"""The share of input tokens that was read from a cache, 0 to 1."""
spread_cost: Final = "spread_cost"
"""The part of cost that was spread evenly over time, in currency."""
converted_currency: Final = "converted_currency"
"""The currency that `exchange_rates` converts into."""
converted_cost: Final = "converted_cost"
"""Cost in converted_currency."""
exchange_rate: Final = "exchange_rate"
"""The rate that was used."""
exchange_source: Final = "exchange_source"
"""Where the rate comes from, as the caller says."""
