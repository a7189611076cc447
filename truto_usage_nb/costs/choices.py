"""What a caller asks of a cost table, and what he may decide, in one place: every table takes the same words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from truto_usage_nb.checks import a_mapping, listed, one_of
from truto_usage_nb.costs.currencies import check_currency
from truto_usage_nb.costs.series_of_record import DAY, HOUR
from truto_usage_nb.errors import FrameError, InputError, did_you_mean
from truto_usage_nb.integrations import INTEGRATIONS, TotalMeans
from truto_usage_nb.outside import shown

__all__ = [
    "BUCKET",
    "EVERY",
    "MEASURES",
    "By",
    "Choices",
    "Measure",
    "PositiveCredits",
    "Question",
    "by_columns",
    "check_calendar",
    "check_choices",
    "check_credits",
    "check_dims",
    "check_totals",
]

By = str | Sequence[str] | None
Measure = Literal["billed", "list", "payable"]
_QUARTER_HOUR = DAY // 96
BUCKET = "period_start"
EVERY = {"1h": HOUR, "1d": DAY, "1w": 7 * DAY, "1mo": 28 * DAY, "1q": 90 * DAY, "1y": 365 * DAY}
"""The buckets, with the length of the shortest of each in microseconds."""
_RESERVED = (
    "currency", "cost", "other_cost", "tokens", "cost_per_million_tokens", "unpriced_tokens", "included_tokens",
    "cost_per_token", "cache_read_share", "kind", BUCKET, "spread_cost",
)  # fmt: skip
"""The columns that a cost table may have beside its dimensions."""

MEASURES = ("billed", "list", "payable")
_CONTRACTS = ("arrears", "prepaid", "seat_overage")
_TOTALS = ("billed", "list", "with_included")
_KEPT = ("money", "tokens")
PositiveCredits = Literal["reduction", "as_stated"]
_POSITIVE_CREDITS = ("reduction", "as_stated")
_KEEP = "{'claude': {'money': 'user_cost'}}"
_OF_A_TABLE = ("by", "every", "time_zone", "measure", "exchange_rates")


class Choices(TypedDict, total=False):
    """Decide what the rule leaves open.

    `keep`: which series counts, by integration and measure, such as `{"claude": {"money": "user_cost"}}`.
    `keep_account`: which of two accounts that serve the same records counts. `granularity`: which length of record
    counts where one series holds several ("minute", "hour", "day", "week", "month"). `overlap="allow"` skips these
    checks. `overhang`: "include" or "drop" records that stick out of the loaded period. `contract`: by account,
    "arrears", "prepaid" or "seat_overage"; the tokens of a seat_overage account have no price. `billing_currency`:
    which currency counts where one charge is stated in two. `total_means`: by integration, what a total without a
    net is: "billed", "list" (before the discount) or "with_included" (it contains what the plan covers).
    `positive_credits`: a credit stated as a positive number is a "reduction", flagged `credit_sign`, or counts
    "as_stated": it takes one back. `input_includes_cache`: by integration, whether a record's input tokens hold
    those read from and written to a cache, where neither the vendor nor a total says it: True or False.

    Every cost table, chart and question takes these arguments by name. Kept together, an editor completes them:

    >>> import truto_usage_nb as tu
    >>> choices: tu.Choices = {"overlap": "check", "contract": {"confluent": "prepaid"}}
    >>> usage = tu.sandbox().load_usage("confluent", period="2026-10-05")
    >>> tu.cost_per(usage, "integration", **choices)["cost"].round(2).to_list()
    [998.79]
    """

    keep: Mapping[str, Mapping[str, str]] | None
    keep_account: str | None
    granularity: str | None
    overlap: Literal["check", "allow"]
    overhang: Literal["include", "drop"] | None
    contract: Mapping[str, str] | None
    billing_currency: str | None
    total_means: Mapping[str, TotalMeans] | None
    positive_credits: PositiveCredits
    input_includes_cache: Mapping[str, bool] | None


def check_choices(choices: Mapping[str, Any], measure: str) -> None:
    """Refuse words that mean nothing, naming what is allowed."""
    one_of("measure", measure, MEASURES)
    one_of("overlap", choices.get("overlap", "check"), ("check", "allow"))
    if choices.get("overhang") is not None:
        one_of(
            "overhang",
            choices["overhang"],
            ("include", "drop"),
            " overhang='prorate' is load_usage's, which knows the period.",
        )
    if choices.get("granularity") is not None:
        one_of("granularity", choices["granularity"], ("minute", "hour", "day", "week", "month", "longer"))
    for account, contract in a_mapping("contract", choices.get("contract"), "{'account': 'prepaid'}").items():
        one_of(f"contract[{shown(account)}]", contract, _CONTRACTS)
    account = choices.get("keep_account")
    if account is not None and not isinstance(account, str):
        raise InputError(f"keep_account={shown(account)} is no account; give the id of one of those that it shall be.")
    check_currency("billing_currency", choices.get("billing_currency"))
    check_totals(choices.get("total_means"))
    check_credits(choices.get("positive_credits", "reduction"))
    cached = a_mapping("input_includes_cache", choices.get("input_includes_cache"), "{'cursor': True}")
    for integration, includes in cached.items():
        one_of("input_includes_cache: integration", integration, tuple(INTEGRATIONS))
        one_of(f"input_includes_cache[{shown(integration)}]", includes, (True, False))
    _check_keep(a_mapping("keep", choices.get("keep"), _KEEP))
    unknown = set(choices) - set(Choices.__annotations__)
    if unknown:
        name = sorted(unknown)[0]
        known = (*_OF_A_TABLE, *Choices.__annotations__)
        raise InputError(
            f"{name} is not a choice of a cost table.{did_you_mean(name, known)} Choices: {', '.join(known)}."
        )


def by_columns(by: Any) -> tuple[str, ...]:
    """Give the columns that a table is made by. Raises InputError for what is no column's name."""
    if by is None or isinstance(by, str):
        names: tuple[Any, ...] | None = () if by is None else (by,)
    else:
        names = listed(by)
    if names is None or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"by={shown(by)} is no column's name; give one or a list of them, such as by=['surface'].")
    return names


def check_totals(total_means: Mapping[str, str] | None) -> None:
    """Refuse an integration, or a meaning, that does not exist."""
    for integration, meaning in a_mapping("total_means", total_means, "{'cursor': 'list'}").items():
        one_of("total_means: integration", integration, tuple(INTEGRATIONS))
        one_of(f"total_means[{shown(integration)}]", meaning, _TOTALS)


def check_credits(positive_credits: str) -> None:
    """Refuse a reading of positive credits that does not exist."""
    one_of("positive_credits", positive_credits, _POSITIVE_CREDITS)


def _check_keep(keep: Mapping[str, Mapping[str, str]]) -> None:
    for integration, kept in keep.items():
        one_of("keep: integration", integration, tuple(INTEGRATIONS))
        for measure, series in a_mapping(f"keep[{shown(integration)}]", kept, "{'money': 'user_cost'}").items():
            one_of(f"keep[{shown(integration)}]: measure", measure, _KEPT)
            names = tuple(each.name for each in INTEGRATIONS[integration].series if measure in each.states)
            one_of(f"keep[{shown(integration)}][{shown(measure)}]", series, names)


def check_dims(by: tuple[str, ...], reserved: tuple[str, ...]) -> None:
    """Refuse a dimension twice, or one named like a column of the table."""
    for name in by:
        if by.count(name) > 1:
            raise FrameError(f"by= names {shown(name)} twice.")
        if name in reserved:
            raise FrameError(f"by={shown(name)} is also a column of the table; rename the column first.")


def check_calendar(every: str | None, time_zone: str) -> None:
    """Refuse a bucket or a zone that does not exist."""
    if every is not None:
        one_of("every", every, EVERY)
    try:
        ZoneInfo(time_zone if isinstance(time_zone, str) else "")
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        near = did_you_mean(time_zone, available_timezones()) if isinstance(time_zone, str) else ""
        said = shown(time_zone)
        raise InputError(f"time_zone={said} is no time zone; write it like 'Europe/Berlin'.{near}") from error


@dataclass(frozen=True, slots=True)
class Question:
    """Hold what a table is asked: the dimensions, the calendar, the measure, and what the caller decided."""

    by: tuple[str, ...]
    every: str | None
    time_zone: str
    measure: Measure
    choices: Mapping[str, Any]
    kinds: bool = False

    @classmethod
    def of(
        cls,
        by: str | Sequence[str] | None,
        every: str | None,
        time_zone: str,
        measure: Measure,
        choices: Mapping[str, Any],
        *,
        kinds: bool = False,
    ) -> Question:
        """Check the words before anything is read."""
        check_choices(choices, measure)
        check_calendar(every, time_zone)
        names = by_columns(by)
        check_dims(names, _RESERVED)
        return cls(names, every, time_zone, measure, choices, kinds)

    @property
    def bin(self) -> int:
        """How finely to tell the time, in microseconds: by the quarter of an hour where a day has several buckets."""
        return _QUARTER_HOUR if self.every is not None and (self.every == "1h" or self.time_zone != "UTC") else DAY
