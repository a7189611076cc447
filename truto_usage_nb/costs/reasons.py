"""Why a record's cost is what it is: the closed list of words in `cost_flag`, and the rule as a card."""

from __future__ import annotations

__all__ = ["REASONS", "RuleCard", "cost_rule"]

REASONS: dict[str, str] = {
    "credit_sign": "A positive credit was read as a reduction.",
    "dual_currency": "One charge is stated in two currencies at one ratio; null until billing_currency= picks one.",
    "estimate": "The vendor's estimate of money that its cost report bills; it stands in cost_vendor_estimate.",
    "included_in_total": "The total contains usage that the plan covers; billed is the total without it.",
    "list_assumed": "Nothing states the price before discount, so list equals billed.",
    "mixed_currency": "The record is charged in several currencies; cost_lines has a row for each.",
    "no_charges": "The record states no charge: its cost is unknown, not zero.",
    "no_currency": "The charge names no currency; it is kept as XXX.",
    "not_charged": "Cursor priced the request and charged nothing for it.",
    "running_total": "A running total: only the latest of its cycle counts in a table.",
    "token_mismatch": "The kinds of token add up to more than the stated total; their sum counts.",
    "total_mismatch": "The parts do not add up to the stated net or total; the stated value stands.",
    "unknown_type": "The record has a charge of a type that the rule does not know; it is not counted.",
    "virtual_currency": "The currency is not of ISO 4217 (such as CREDITS), so it has no bill in money.",
}
"""Every word `cost_flag` can hold, in the order it holds them, and what each means."""

CARD = """\
### How a cost is counted

Per record **and per currency**; currencies are never added.

| | |
|---|---|
| **gross** | on_demand + committed + usage_based + platform_fee |
| **billed** | net; else total; else gross − discount. A total is never added to its parts |
| **list** | the total where net and total are both stated; else billed + discount, plus what the plan covers |
| **plan-covered** | `included` alone: billed 0, list = included + platform_fee. A total with it is billed without it |
| **tax, credit** | beside, never inside |
| **payable** | billed + tax + credit, after credits and tax. Not the invoice: seats and purchases are in no API |
| **estimates** | Claude `activity` and `skill_usage` estimate what `cost` bills: never added to it |
| **running totals** | only the latest state of a cycle counts. Forecasts are never cost |
| **no charges** | null, not 0 |

**Tokens meet money** inside one account, UTC day (or the longer record's whole time) and model, before any grouping.
Tokens whose key has money are *priced*; the others are `unpriced_tokens`; what a plan covers is `included_tokens`;
money whose key has no tokens is `other_cost`. Cost per million tokens = (cost − other_cost) ÷ priced tokens × 10⁶:
first add, then divide.
"""


class RuleCard(str):
    """Hold the rule as Markdown, shown as such by a notebook."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return str(self)


def cost_rule() -> RuleCard:
    """Give the cost rule as a card, with the meaning of every word of `cost_flag`.

    >>> import truto_usage_nb as tu
    >>> print(tu.cost_rule().splitlines()[0])
    ### How a cost is counted
    """
    lines = [f"| `{word}` | {meaning} |" for word, meaning in REASONS.items()]
    return RuleCard("\n".join([CARD, "| cost_flag | meaning |", "|---|---|", *lines, ""]))
