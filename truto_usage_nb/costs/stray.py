"""Money that stands in no line of a table: what it is, how many records and how much, said once a frame.

Nothing is left out without a word: a charge in a word that is no currency, one of a type that the rule does not know,
one charge stated in two currencies of which nobody picked one, and input whose tokens may be counted twice.
"""

from __future__ import annotations

from dataclasses import replace

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.currencies import CREDITS
from truto_usage_nb.costs.facts import Said, look
from truto_usage_nb.costs.lines import rule_lines, split_lines
from truto_usage_nb.costs.rule import Facts
from truto_usage_nb.costs.tokens import undecided_input
from truto_usage_nb.format import money, number
from truto_usage_nb.native import Frame, Native, collect, each_part, enter
from truto_usage_nb.schema import CHARGE_TYPES, folded_currency

__all__ = ["stray_told"]

_COLUMNS = pl.Schema(
    {"kind": pl.String, "account": pl.String, "word": pl.String, "currency": pl.String}
    | {"records": pl.Int64, "amount": pl.Float64}
)
_ACCOUNT = "integrated_account_id"


def stray_told(native: Native, split: pl.DataFrame | None, billing_currency: str | None, said: Said) -> list[str]:
    """Say what money of a frame no line holds; `native` are its records in one currency, `split` the lines of others.

    Silent where every charge stands in a line.
    """
    parts = each_part(native, lambda part: _found(part, said))
    if split is not None:
        parts.append(_of_split(enter(split), billing_currency, said))
    found = pl.concat(parts).group_by("kind", "account", "word", "currency").agg(pl.col("records", "amount").sum())
    found = found.sort("kind", "account", "word", "currency", nulls_last=True)
    return [text for kind, say in _SAY.items() for text in say(found.filter(kind=kind))]


def _found(native: Native, said: Said) -> pl.DataFrame:
    facts = look(native, said=said)
    tables = [_virtual(native, facts)] if any(folded_currency(word) not in CREDITS for word in facts.virtual) else []
    tables += [_unknown(native, column) for column in facts.unknown]
    tables += [_undecided(native, said)] if facts.undecided_input else []
    return pl.concat([pl.DataFrame(schema=_COLUMNS), *tables])


def _table(found: Frame, kind: str, word: str, currency: str) -> pl.DataFrame:
    """Bring grouped columns `account`, `of` (the word, the currency), `records` and `amount` into one shape."""
    table = collect(found)
    of = pl.col("of").cast(pl.String)
    words = {"word": of if word == "of" else pl.lit(word), "currency": of if currency == "of" else pl.lit(currency)}
    return table.select(
        pl.lit(kind).alias("kind"), pl.col("account").cast(pl.String), **words,
        records=pl.col("records").cast(pl.Int64), amount=pl.col("amount").cast(pl.Float64).fill_null(0.0),
    )  # fmt: skip


def _virtual(native: Native, facts: Facts) -> pl.DataFrame:
    """Charges in a word that no bank knows."""
    some = replace(native, frame=native.frame.filter(nw.col("charges_currency").is_in(sorted(facts.virtual))))
    return _in_no_currency(rule_lines(some.frame, facts, some))


def _in_no_currency(lines: Frame) -> pl.DataFrame:
    money_ = nw.col("__is_virtual_currency").fill_null(False) & ~nw.col("cost_currency").is_in(sorted(CREDITS))
    stated = lines.filter(money_ & ~nw.col("__is_estimate").fill_null(False))
    found = stated.with_columns(account=nw.col(_ACCOUNT), of=nw.col("cost_currency"))
    found = found.group_by("account", "of").agg(nw.len().alias("records"), nw.col("__billed").sum().alias("amount"))
    return _table(found, "virtual", "", "of")


def _unknown(native: Native, column: str) -> pl.DataFrame:
    """Charges of a type that the rule does not know."""
    stated = native.frame.filter(~nw.col(column).is_null())
    found = stated.with_columns(account=nw.col(_ACCOUNT), of=nw.col("charges_currency").cast(nw.String()))
    found = found.group_by("account", "of").agg(nw.len().alias("records"), nw.col(column).sum().alias("amount"))
    return _table(found, "unknown", column.removeprefix("charges_"), "of")


def _undecided(native: Native, said: Said) -> pl.DataFrame:
    """Tokens of records whose input may hold the cache, of integrations of which the caller says nothing."""
    settled = sorted(said.input_includes_cache or ())
    some = native.frame.filter(undecided_input().fill_null(False))
    some = some.filter(~nw.col("integration").is_in(settled)) if settled else some
    some = some.with_columns(account=nw.col(_ACCOUNT), of=nw.col("integration"), n=nw.col("usage_tokens_input"))
    found = some.group_by("account", "of").agg(nw.len().alias("records"), nw.col("n").sum().alias("amount"))
    return _table(found, "undecided", "of", "")


def _of_split(lines: Native, billing_currency: str | None, said: Said) -> pl.DataFrame:
    """What the lines of records in several currencies leave out."""
    ruled = split_lines(lines, billing_currency, said)
    return pl.concat([_in_no_currency(ruled), _dual(collect(ruled), billing_currency), _unknown_in_lists(lines)])


def _dual(lines: pl.DataFrame, billing_currency: str | None) -> pl.DataFrame:
    """One charge stated in two currencies, of which nobody picked one."""
    dual = lines.with_columns(record=(pl.col("__line") == 0).cum_sum()).filter("__is_dual_currency")
    picked = (pl.col("cost_currency") == (folded_currency(billing_currency) or "")).any().over("record")
    account = pl.col(_ACCOUNT).cast(pl.String).alias("account")
    found = dual.filter(~picked).group_by(account, currency="cost_currency")
    table = found.agg(records=pl.len(), amount=pl.col("__billed").sum())
    return table.select(kind=pl.lit("dual"), account="account", word=pl.lit(""), currency="currency", records="records",
                        amount="amount").cast(_COLUMNS)  # fmt: skip


def _unknown_in_lists(lines: Native) -> pl.DataFrame:
    """Charges of unknown types in records whose wide amounts are null, since they are in several currencies."""
    records = collect(lines.frame.filter(nw.col("__line") == 0).select(_ACCOUNT, "charges"))
    each = records.explode("charges").unnest("charges")
    unknown = ~pl.col("type").is_in(CHARGE_TYPES).fill_null(value=False) & pl.col("amount").is_not_null()
    found = each.filter(unknown).group_by(
        account=pl.col(_ACCOUNT).cast(pl.String), word=pl.col("type").fill_null("untyped"), currency="currency"
    )
    table = found.agg(records=pl.len(), amount=pl.col("amount").sum())
    return table.select(pl.lit("unknown").alias("kind"), *_COLUMNS.names()[1:]).cast(_COLUMNS)


def _virtual_told(found: pl.DataFrame) -> list[str]:
    return [
        f"{_records(n)} of {account} {_are(n)} charged in {word} ({number(round(amount, 6))} in all), which is no "
        f"currency of ISO 4217: that stands in no line"
        for account, word, n, amount in found.select("account", "currency", "records", "amount").iter_rows()
    ]


def _unknown_told(found: pl.DataFrame) -> list[str]:
    return [
        f"{_records(n)} of {account} {_are(n, 'has', 'have')} a charge of the type {word!r}, which the cost rule does "
        f"not know: {money(amount, folded_currency(currency))} stand in no line"
        for _, account, word, currency, n, amount in found.iter_rows()
    ]


def _dual_told(found: pl.DataFrame) -> list[str]:
    told = []
    for (account,), of in found.group_by("account", maintain_order=True):
        amounts = " and ".join(
            money(amount, currency) for currency, amount in of.select("currency", "amount").iter_rows()
        )
        n = int(of["records"].max())  # type: ignore[arg-type]
        told.append(
            f"{_records(n)} of {account} {_are(n, 'states', 'state')} one charge in two currencies, {amounts}: neither "
            f"stands in a line until billing_currency= picks one, such as {of['currency'][0]!r}"
        )
    return told


def _undecided_told(found: pl.DataFrame) -> list[str]:
    return [
        f"{_records(n)} of {account} {_are(n, 'has', 'have')} cached tokens beside {number(amount)} of input, and "
        f"nothing says whether the input holds them; they are counted apart, which "
        f"input_includes_cache={{{name!r}: True}} changes and False confirms"
        for account, name, n, amount in found.select("account", "word", "records", "amount").iter_rows()
    ]


_SAY = {"virtual": _virtual_told, "unknown": _unknown_told, "dual": _dual_told, "undecided": _undecided_told}


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _are(count: int, one: str = "is", several: str = "are") -> str:
    return one if count == 1 else several
