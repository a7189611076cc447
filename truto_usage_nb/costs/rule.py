"""The cost rule: as a card, and as expressions over the wide amounts of a record in one currency.

Nothing here touches data: `apply_rule` adds columns to any narwhals frame. It does so in steps, each using the columns
of the one before, because a backend without a query planner would compute a shared sub-expression once a use. The rows
that decided the rule are in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals.stable.v2 as nw

from truto_usage_nb.costs.choices import PositiveCredits
from truto_usage_nb.costs.currencies import ISO_4217, UNSTATED, is_virtual
from truto_usage_nb.integrations import INTEGRATIONS, TotalMeans, integrations_that
from truto_usage_nb.native import Frame
from truto_usage_nb.schema import CHARGE_TYPES, SPACES, folded_currency

__all__ = [
    "NO_CALLER_RULES",
    "OUTPUTS",
    "PARTS",
    "REASONS",
    "CallerRules",
    "FrameFacts",
    "RuleCard",
    "apply_rule",
    "cost_rule",
    "flag_text",
    "settled_totals",
]

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


# what is known before the rule is written -----------------------------------------------------------------------------

PARTS = ("on_demand", "committed", "usage_based", "platform_fee")

OUTPUTS = (
    "cost_currency", "cost_billed", "cost_list", "cost_discount", "cost_tax", "cost_credit", "cost_included",
    "cost_vendor_estimate", "cost_flag",
)  # fmt: skip
"""The columns that `with_costs` and `cost_lines` add, in order."""

_Step = dict[str, nw.Expr]


def settled_totals() -> dict[str, TotalMeans]:
    """Give by integration what a total without a net is, where the vendor settles it."""
    return {name: each.total_means for name, each in INTEGRATIONS.items() if each.total_means is not None}


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Say what is known of a frame before the rule is written, so that the rule is no longer than it must be.

    `types`: charge types with at least one amount. `unknown`: wide amounts of undocumented types.
    `currencies`: as stated, or None when nobody looked. `running`: whether some record can be a running total.
    `total_means`: by integration, what a total without a net is. `credits_as_stated`: whether a positive credit takes
    one back instead of being a reduction. `input_includes_cache`: by integration, whether input holds the cache where
    no total shows it, and `undecided_input`, whether there are such records.
    """

    types: frozenset[str] = frozenset(CHARGE_TYPES)
    unknown: tuple[str, ...] = ()
    currencies: frozenset[str | None] | None = None
    running: bool = True
    total_means: Mapping[str, TotalMeans] = field(default_factory=settled_totals)
    credits_as_stated: bool = False
    input_includes_cache: Mapping[str, bool] = field(default_factory=dict)
    undecided_input: bool = False

    @property
    def virtual(self) -> frozenset[str]:
        """The words, as stated, that no bank knows."""
        return frozenset(c for c in self.currencies or () if c is not None and is_virtual(c))

    @property
    def unfolded(self) -> bool:
        """Whether some currency is not written as it is compared, or nobody looked."""
        return self.currencies is None or any(c != folded_currency(c) for c in self.currencies)


@dataclass(frozen=True, slots=True)
class CallerRules:
    """Hold what the caller says of a vendor's records: what a total is, a positive credit, and the input of tokens."""

    total_means: Mapping[str, TotalMeans] | None = None
    positive_credits: PositiveCredits = "reduction"
    input_includes_cache: Mapping[str, bool] | None = None

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> CallerRules:
        return cls(
            choices.get("total_means"),
            choices.get("positive_credits", "reduction"),
            choices.get("input_includes_cache"),
        )

    def put(self, facts: FrameFacts) -> FrameFacts:
        """What is settled of totals, and what the caller decided."""
        means = {**settled_totals(), **(self.total_means or {})}
        return replace(
            facts,
            total_means=means,
            credits_as_stated=self.positive_credits == "as_stated",
            input_includes_cache=self.input_includes_cache or {},
        )


NO_CALLER_RULES = CallerRules()


class _Rule:
    """Write the rule for one frame's facts: a method an idea, each an expression."""

    def __init__(self, facts: FrameFacts) -> None:
        self.facts = facts

    def amount(self, kind: str) -> nw.Expr:
        return nw.col(f"charges_{kind}") if kind in self.facts.types else nw.lit(None, dtype=nw.Float64())

    def zero(self, kind: str) -> nw.Expr:
        """The amount, 0 where it is not stated."""
        return self.amount(kind).fill_null(0.0) if kind in self.facts.types else nw.lit(0.0)

    def given(self, kind: str) -> nw.Expr:
        return ~self.amount(kind).is_null() if kind in self.facts.types else nw.lit(False)

    def some(self, kinds: Iterable[str]) -> nw.Expr:
        known = [self.given(kind) for kind in kinds if kind in self.facts.types]
        return nw.any_horizontal(*known, ignore_nulls=False) if known else nw.lit(False)

    def first(self, *candidates: tuple[str, nw.Expr] | nw.Expr) -> nw.Expr:
        """The first that is stated; pairs of a charge type and its amount are left out when no record has the type."""
        known = [
            c if isinstance(c, nw.Expr) else c[1]
            for c in candidates
            if isinstance(c, nw.Expr) or c[0] in self.facts.types
        ]
        return nw.coalesce(*known) if len(known) > 1 else known[0]

    def total_is(self, *meanings: TotalMeans) -> nw.Expr:
        """Whether the record's integration states a total of one of these meanings."""
        names = [name for name, meaning in self.facts.total_means.items() if meaning in meanings]
        return nw.col("integration").is_in(names).fill_null(False) if names else nw.lit(False)

    def total_lists(self) -> nw.Expr:
        """A total before the discount, on a record that states no net."""
        if not {"total", "discount"} <= self.facts.types:
            return nw.lit(False)
        return self.total_is("list") & self.given("total") & ~self.given("net")

    # steps, in order --------------------------------------------------------------------------------------------------

    def parts(self) -> _Step:
        known = [self.zero(kind) for kind in PARTS if kind in self.facts.types]
        return {
            "__gross": nw.sum_horizontal(*known) if known else nw.lit(0.0),
            "__parts": self.some(PARTS),
            "__stated": self.some(CHARGE_TYPES),
        }

    def sign(self) -> _Step:
        leading = self.first(("net", self.amount("net")), ("total", self.amount("total")), nw.col("__gross"))
        return {"__sign": nw.when(leading < 0).then(nw.lit(-1.0)).otherwise(nw.lit(1.0))}

    def own(self) -> _Step:
        off = self.zero("discount").abs() * nw.col("__sign")
        return {"__off": off, "__own": nw.col("__gross") - off, "__total_lists": self.total_lists()}

    def kind_of_record(self) -> _Step:
        included, total = self.zero("included"), self.zero("total")
        others = self.some(("on_demand", "committed", "usage_based", "net"))
        covered = (included != 0) & ~others
        contains = (included != 0) & others & self.given("total") & ~self.given("net")
        shown = _close(nw.col("__own") + included, total) & ~self.total_is("billed", "list")
        return {
            "__covered": covered,
            "__contains": contains & (shown | self.total_is("with_included")),
            "__credit_record": self.repeats_credit(),
        }

    def repeats_credit(self) -> nw.Expr:
        """A record whose only other amounts, net or total, say the same number as its credit."""
        credit = self.zero("credit")
        same = [~self.given(kind) | (self.zero(kind) == credit) for kind in ("net", "total")]
        return (credit != 0) & self.some(("net", "total")) & same[0] & same[1] & ~self.some((*PARTS, "included"))

    def billed(self) -> _Step:
        nothing = nw.col("__covered") | nw.col("__credit_record")
        total = nw.when(nw.col("__total_lists")).then(self.zero("total") - nw.col("__off"))
        plain = self.first(
            ("net", self.amount("net")), ("total", total.otherwise(self.amount("total"))), nw.col("__own")
        )
        without_plan = nw.when(nw.col("__contains")).then(self.zero("total") - self.zero("included")).otherwise(plain)
        value = nw.when(nothing).then(nw.lit(0.0)).otherwise(without_plan)
        return {"__billed": nw.when(nw.col("__stated")).then(value)}

    def listed(self) -> _Step:
        pair = self.given("net") & self.given("total")
        computed = nw.col("__billed") + nw.col("__off") + self.zero("included")
        value: nw.Expr = nw.when(pair).then(self.zero("total")).otherwise(computed)
        covered = self.zero("included") + self.zero("platform_fee")
        value = nw.when(nw.col("__covered")).then(covered).otherwise(value)
        value = nw.when(nw.col("__credit_record")).then(nw.lit(0.0)).otherwise(value)
        off = nw.when(pair).then(self.zero("total") - self.zero("net")).otherwise(nw.col("__off"))
        nothing = nw.col("__covered") | nw.col("__credit_record")
        return {
            "__discount": nw.when(nothing).then(nw.lit(0.0)).otherwise(off),
            "__list": nw.when(nw.col("__stated")).then(value),
            "__included": nw.when(nw.col("__covered")).then(covered).otherwise(self.zero("included")),
        }

    def estimate(self) -> _Step:
        views = nw.lit(False)
        for name, each in INTEGRATIONS.items():
            if estimates := each.of_basis("estimate"):
                views = views | ((nw.col("integration") == name) & nw.col("report_type").is_in(estimates))
        is_estimate = nw.col("__stated") & views.fill_null(False)
        parts = nw.when(nw.col("__parts")).then(nw.col("__gross"))
        return {
            "__is_estimate": is_estimate,
            "__estimate": self.first(("net", self.amount("net")), parts, ("total", self.amount("total"))),
        }

    def flags(self) -> _Step:
        """A boolean a reason, named `__is_<reason>`; `mixed_currency` and `dual_currency` come with the lines."""
        total, net = self.given("total"), self.given("net")
        off_net = net & nw.col("__parts") & ~_close(nw.col("__own"), self.zero("net"))
        off_pair = net & total & ~nw.col("__parts") & self.given("discount")
        off_pair = off_pair & ~_close(self.zero("total") - nw.col("__off"), self.zero("net"))
        off_total = total & ~net & nw.col("__parts") & ~nw.col("__covered") & ~nw.col("__contains")
        parts = nw.when(nw.col("__total_lists")).then(nw.col("__gross")).otherwise(nw.col("__own"))
        off_total = off_total & ~_close(parts, self.zero("total"))
        misses = (off_net | off_pair | off_total) & ~nw.col("__credit_record") & ~nw.col("__is_estimate")
        says_so = nw.col("integration").is_in(integrations_that(lambda each: each.zero_is_free)).fill_null(False)
        free = says_so & total & (self.zero("total") == 0)
        shows_list = self.given("discount") | self.given("included") | (net & total)
        bills = (net | total | nw.col("__parts")) & ~nw.col("__credit_record") & ~self.virtual()
        return {
            "__is_credit_sign": nw.lit(False) if self.facts.credits_as_stated else self.zero("credit") > 0,
            "__is_included_in_total": nw.col("__contains"),
            "__is_not_charged": misses & free,
            "__is_total_mismatch": misses & ~free,
            "__is_list_assumed": bills & ~shows_list & ~nw.col("__is_estimate") & ~(misses & free),
            "__is_no_charges": ~nw.col("__stated"),
            "__is_no_currency": nw.col("__stated") & self.folded().is_null(),
            "__is_unknown_type": self.unknown_type(),
            "__is_virtual_currency": nw.col("__stated") & self.virtual(),
        }

    def reduction(self) -> nw.Expr:
        """The credit as a reduction, at most 0, or as stated; a plain minus would make a negative zero of nothing."""
        credit = self.zero("credit")
        if self.facts.credits_as_stated:
            return credit
        return nw.when(credit != 0).then(-credit.abs()).otherwise(nw.lit(0.0))

    def unknown_type(self) -> nw.Expr:
        stated = [~nw.col(column).is_null() for column in self.facts.unknown]
        return nw.any_horizontal(*stated, ignore_nulls=False) if stated else nw.lit(False)

    def folded(self) -> nw.Expr:
        """The currency as it is compared; an empty one is unstated."""
        if not self.facts.unfolded:
            return nw.col("charges_currency")
        word = nw.col("charges_currency").str.strip_chars(SPACES).str.to_uppercase()
        return nw.when(word != "").then(word)

    def virtual(self) -> nw.Expr:
        if self.facts.currencies is None:
            word = self.folded()
            return ~(word.is_in([*sorted(ISO_4217), UNSTATED]).fill_null(True) | word.is_null())
        names = sorted(self.facts.virtual)
        return nw.col("charges_currency").is_in(names).fill_null(False) if names else nw.lit(False)

    def currency(self) -> nw.Expr:
        return nw.when(nw.col("__stated")).then(self.folded().fill_null(UNSTATED))

    def outputs(self) -> _Step:
        """Null where there is no charge, where the vendor only estimates, and where the currency is not money."""
        counts = nw.col("__stated") & ~nw.col("__is_estimate") & ~nw.col("__is_virtual_currency")
        estimate = nw.col("__is_estimate") & ~nw.col("__is_virtual_currency")
        # An estimate has a list price only where it states one beside the estimate.
        priced = estimate & self.given("total") & (nw.col("__parts") | self.given("net"))
        listed: nw.Expr = nw.when(counts).then(nw.col("__list"))
        listed = nw.when(priced).then(self.zero("total")).otherwise(listed)
        return {
            "cost_currency": self.currency(),
            "cost_billed": nw.when(counts).then(nw.col("__billed")),
            "cost_list": listed,
            "cost_discount": nw.when(counts & ~nw.col("__is_list_assumed")).then(nw.col("__discount")),
            "cost_tax": nw.when(counts).then(self.zero("tax")),
            "cost_credit": nw.when(counts).then(self.reduction()),
            "cost_included": nw.when(counts).then(nw.col("__included")),
            "cost_vendor_estimate": nw.when(estimate).then(nw.col("__estimate")),
        }


def _close(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    """Whether two amounts agree within 0.00001 or 0.01 %, whichever is more."""
    gap = (left - right).abs()
    return (gap <= 0.00001) | (gap <= right.abs() * 0.0001)


def apply_rule(frame: Frame, facts: FrameFacts) -> Frame:
    """Add the eight cost columns and a boolean column `__is_<reason>` for each reason the rule itself can give."""
    rule = _Rule(facts)
    steps: tuple[Callable[[], _Step], ...] = (
        rule.parts, rule.sign, rule.own, rule.kind_of_record, rule.billed, rule.listed, rule.estimate, rule.flags,
        rule.outputs,
    )  # fmt: skip
    for step in steps:
        frame = frame.with_columns(**step())
    return frame


def flag_text(reasons: Iterable[str]) -> nw.Expr:
    """Join the reasons whose boolean column is true, sorted, by `;`; null where there is none."""
    order = [reason for reason in REASONS if reason in set(reasons)]
    words = [nw.when(nw.col(f"__is_{reason}")).then(nw.lit(reason)) for reason in order]
    return nw.concat_str(words, separator=";", ignore_nulls=True)
