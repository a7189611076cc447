"""Who pays: a bill handed out by rules, what was agreed on held against what came, and files for the books."""

from truto_usage_nb.allocation.allocating import allocate, allocation_change, check_allocation, suggest_rules
from truto_usage_nb.allocation.chargeback import write_chargeback
from truto_usage_nb.allocation.check import check_usage
from truto_usage_nb.allocation.rules import read_rules

__all__ = [
    "allocate",
    "allocation_change",
    "check_allocation",
    "check_usage",
    "read_rules",
    "suggest_rules",
    "write_chargeback",
]
