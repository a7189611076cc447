"""What a caller may say about an export, checked before anything is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from truto_usage_nb.checks import a_flag, is_number, listed, one_of
from truto_usage_nb.costs.choices import check_choices
from truto_usage_nb.errors import InputError, did_you_mean
from truto_usage_nb.focus.columns import VERSIONS
from truto_usage_nb.outside import shown

Seats = tuple[float, float, str]
Rate = tuple[str, float]

__all__ = ["TAG", "Options", "Rate", "Seats", "known_accounts", "moment", "tag_column"]

_WORDS = {
    "version": VERSIONS,
    "unpriced": ("leave_out", "zero"),
    "events": ("each", "hour"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Hold the arguments of `to_focus`; see there for what each means."""

    version: str = "1.4"
    prepaid: frozenset[str] = frozenset()
    purchases: Any = None
    seat_prices: Mapping[str, Seats] = field(default_factory=dict)
    billing_day: Mapping[str, int] = field(default_factory=dict)
    invoice_issuer: Mapping[str, str] = field(default_factory=dict)
    closed_before: datetime | None = None
    credit_rate: Mapping[str, Rate] = field(default_factory=dict)
    unpriced: Literal["leave_out", "zero"] = "leave_out"
    events: Literal["each", "hour"] = "each"
    tags: tuple[str, ...] = ()
    emails: bool = False
    conditional_columns: bool = False
    choices: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any], choices: Mapping[str, Any]) -> Options:
        """Check the words and shapes, and give the options."""
        for name, allowed in _WORDS.items():
            one_of(name, given[name], allowed)
        a_flag("emails", given["emails"])
        a_flag("conditional_columns", given["conditional_columns"])
        check_choices(choices, "billed")
        drawn = {account for account, kind in (choices.get("contract") or {}).items() if kind == "prepaid"}
        return cls(
            **{name: given[name] for name in ("version", "unpriced", "events", "emails", "conditional_columns")},
            purchases=given["purchases"],
            prepaid=frozenset(_names("prepaid", given["prepaid"])) | drawn,
            seat_prices=_each("seat_prices", given["seat_prices"], _seats),
            billing_day=_each("billing_day", given["billing_day"], _day),
            invoice_issuer=_each("invoice_issuer", given["invoice_issuer"], _issuer),
            credit_rate=_each("credit_rate", given["credit_rate"], _rate),
            closed_before=moment(given["closed_before"]),
            tags=_names("tags", given["tags"]),
            choices=dict(choices),
        )

    @property
    def seated(self) -> frozenset[str]:
        """The accounts whose tokens no money on the records paid for."""
        contract = self.choices.get("contract") or {}
        return frozenset(account for account, kind in contract.items() if kind == "seat_overage")


TAG = "tag:"


def tag_column(name: str) -> str:
    """Name the column in which a tag travels through the export."""
    return f"{TAG}{name}"


def known_accounts(options: Options, accounts: Collection[str | None]) -> None:
    """Refuse an account that is not in the frame: a misspelt one would silently decide nothing."""
    known = sorted(str(a) for a in accounts if a is not None)
    for name in ("prepaid", "seat_prices", "billing_day", "invoice_issuer", "credit_rate"):
        for account in getattr(options, name):
            if account not in known:
                near = did_you_mean(account, known)
                raise InputError(
                    f"{name} names {shown(account)}, which is not an account of this frame.{near} "
                    f"It has {', '.join(known) or 'none'}."
                )


def _names(name: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else () if value is None else listed(value)
    if names is None or not all(isinstance(each, str) and each for each in names):
        raise InputError(f"{name}={shown(value)} is not a name or a list of names.")
    return tuple(dict.fromkeys(names))


def _each(name: str, value: Any, read: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name} is a mapping by account, not {shown(value)}.")
    return {account: read(account, each) for account, each in (value or {}).items()}


def _currency(name: str, account: str, code: Any) -> str:
    from truto_usage_nb.costs.currencies import ISO_4217

    if not isinstance(code, str) or code.upper() not in ISO_4217:
        said = f"{name}[{shown(account)}] names the currency {shown(code)}"
        raise InputError(f"{said}, which is not of ISO 4217, such as USD.")
    return code.upper()


def _number(name: str, account: str, value: Any) -> float:
    if not is_number(value) or value < 0:
        raise InputError(f"{name}[{shown(account)}] holds {shown(value)}, which is not a number of at least 0.")
    return float(value)


def _seats(account: str, value: Any) -> Seats:
    if not isinstance(value, tuple | list) or len(value) != 3:
        said = f"seat_prices[{shown(account)}]={shown(value)}"
        raise InputError(
            f"{said} is not (seats, price of one for a billing period, currency), such as (20, 40.0, 'USD')."
        )
    seats, price, code = value
    numbers = [_number("seat_prices", account, each) for each in (seats, price)]
    return numbers[0], numbers[1], _currency("seat_prices", account, code)


def _rate(account: str, value: Any) -> Rate:
    if not isinstance(value, tuple | list) or len(value) != 2:
        said = f"credit_rate[{shown(account)}]={shown(value)}"
        raise InputError(f"{said} is not (currency, price of one), such as ('USD', 0.04).")
    rate = _number("credit_rate", account, value[1])
    if rate == 0:
        raise InputError(f"credit_rate[{shown(account)}] is 0: a credit that costs nothing needs no rate.")
    return _currency("credit_rate", account, value[0]), rate


def _day(account: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 28:
        raise InputError(f"billing_day[{shown(account)}]={shown(value)} is not a day from 1 to 28.")
    return value


def _issuer(account: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        said = f"invoice_issuer[{shown(account)}]={shown(value)}"
        raise InputError(f"{said} is not a name, such as 'Amazon Web Services'.")
    return value.strip()


def moment(value: Any) -> datetime | None:
    """A day is its first instant in UTC."""
    if value is None or isinstance(value, datetime):
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        return moment(datetime.fromisoformat(value))
    except (TypeError, ValueError) as error:
        raise InputError(f"closed_before={shown(value)} is not a date, such as '2026-11-01'.") from error
