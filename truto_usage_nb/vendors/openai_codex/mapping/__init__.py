"""OpenAI's rows as unified usage records.

platform    `usage/{kind}`, `costs` and the older `/v1/usage` of an organisation
codex       the Enterprise analytics and the compliance log of a workspace
fields      what both need
"""

from truto_usage_nb.vendors.openai_codex.mapping.codex import codex_records, compliance_records
from truto_usage_nb.vendors.openai_codex.mapping.fields import API_PRODUCT, CODEX_PRODUCT
from truto_usage_nb.vendors.openai_codex.mapping.platform import api_cost_record, legacy_records, model_of, usage_record

__all__ = [
    "API_PRODUCT",
    "CODEX_PRODUCT",
    "api_cost_record",
    "codex_records",
    "compliance_records",
    "legacy_records",
    "model_of",
    "usage_record",
]
