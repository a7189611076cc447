"""FOCUS rows as the files that a platform takes in, by the rules that each documents.

    vantage      a custom provider's CSV: at most 10,000 rows and 2 MB, a name that is uploaded again replaces
    datadog      Custom Costs as CSV: US dollars, days with the last one included, no empty cell, no day to come
    cloudzero    AnyCost Stream: JSON of Common Bill Format, at most 5 MB; the first of a month drops what was there
    finops_hub   the FinOps toolkit's ingestion container: FOCUS 1.2 in Parquet, manifest.json last

What a limit forbids is met by more files, and refused with the reason where more files do not help. Names follow from
platform, billing period and currency, so that writing again replaces; what an earlier run left over is taken away.
No import into a live platform was tried. Sources: docs.vantage.sh/connecting_custom_providers,
docs.datadoghq.com/cloud_cost_management/setup/custom, docs.cloudzero.com/docs/anycost-common-bill-format-cbf,
learn.microsoft.com/cloud-computing/finops/toolkit/hubs/data-processing.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from truto_usage_nb.errors import InputError, tell
from truto_usage_nb.focus.columns import columns_of, custom_of
from truto_usage_nb.focus.delivery import as_text
from truto_usage_nb.writing import telling, write_file

__all__ = ["RECEIVERS", "hand_over"]

Files = Iterator[tuple[str, bytes]]
_LABELS = {
    "account": "x_IntegratedAccountId", "integration": "x_Integration", "model": "x_ModelId", "surface": "x_Surface",
    "service_tier": "x_ServiceTier", "token_direction": "x_TokenDirection", "token_cache_action": "x_TokenCacheAction",
    "principal": "x_PrincipalId",
}  # fmt: skip
"""Columns of our own that a platform knows as tags."""
_NEEDED = (
    "BilledCost", "EffectiveCost", "ListCost", "BillingCurrency", "BillingPeriodStart", "ChargePeriodStart",
    "ChargePeriodEnd", "ChargeCategory", "ChargeDescription", "ServiceName",
)  # fmt: skip


def hand_over(rows: pl.DataFrame, to: str, folder: Path, now: datetime | None = None) -> list[Path]:
    """Write a platform's files into a folder, take away those of an earlier run, and give their paths."""
    missing = [name for name in _NEEDED if name not in rows.columns]
    if missing:
        raise InputError(f"these rows have no {missing[0]}: they are not of to_focus.")
    if to == "finops_hub":
        return _hub(rows, folder)
    written, stem = [], f"{to}_"
    for name, content in _MAKERS[to](rows, now or datetime.now(UTC)):
        path = folder / name
        if not (path.is_file() and path.read_bytes() == content):
            write_file(path, _content(content))
        written.append(path)
    months = {path.name[len(stem) :][:7] for path in written}
    for path in sorted(folder.glob(f"{stem}*")):
        if path not in written and path.name[len(stem) :][:7] in months:
            with telling(path):
                path.unlink()
    return written


def _content(content: bytes) -> Callable[[Any], object]:
    return lambda file: file.write(content)


def _by_period(rows: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The rows by billing period and currency, in order: `2026-10`, `USD`."""
    month = pl.col("BillingPeriodStart").dt.strftime("%Y-%m")
    for (period, currency), part in rows.group_by(month, "BillingCurrency", maintain_order=True):
        yield str(period), str(currency), part


def _provider(rows: pl.DataFrame) -> pl.Expr:
    return pl.col("ServiceProviderName" if "ServiceProviderName" in rows.columns else "ProviderName")


def _tagged(rows: pl.DataFrame) -> list[dict[str, str]]:
    """Each row's tags as texts: what the export knows of it, and over that the caller's own."""
    known = {name: column for name, column in _LABELS.items() if column in rows.columns}
    labels = rows.select(pl.col(column).cast(pl.String).alias(name) for name, column in known.items())
    own = rows["Tags"].to_list() if "Tags" in rows.columns else [None] * rows.height
    read = {text: json.loads(text) for text in set(own) if text}
    own_words = {text: {name: _word(value) for name, value in held.items()} for text, held in read.items()}
    return [
        {name: value for name, value in row.items() if value} | own_words.get(text, {})
        for row, text in zip(labels.iter_rows(named=True), own, strict=True)
    ]  # fmt: skip


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _day(name: str, *, last: bool = False) -> pl.Expr:
    """A day; of an end, which FOCUS excludes, the last day that is in."""
    moment = pl.col(name).dt.offset_by("-1us") if last else pl.col(name)
    return moment.dt.strftime("%Y-%m-%d").alias(name)


def _parts(lines: list[bytes], rows: int, size: int, head: int, what: str) -> Iterator[list[bytes]]:
    """Lines, so many and so large at a time."""
    part: list[bytes] = []
    room = size - head
    for line in lines:
        if len(line) > size - head:
            raise InputError(
                f"{what} takes files of at most {size:,} bytes, and one row has {len(line):,}: shorten it."
            )
        if part and (len(part) == rows or len(line) > room):
            yield part
            part, room = [], size - head
        part.append(line)
        room -= len(line)
    if part:
        yield part


def _csv_lines(table: pl.DataFrame) -> tuple[bytes, list[bytes]]:
    """The header and the rows of a CSV, a line each; a line break in a text is a blank."""
    flat = table.with_columns(pl.col(pl.String).str.replace_all(r"[\r\n]+", " "))
    head, *lines = flat.write_csv(line_terminator="\n", null_value="").encode().splitlines(keepends=True)
    return head, lines


# Vantage --------------------------------------------------------------------------------------------------------------

VANTAGE_ROWS, VANTAGE_BYTES = 10_000, 2_000_000
_VANTAGE = (
    "ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd", "BilledCost", "EffectiveCost", "ContractedCost",
    "ListCost", "BillingCurrency", "BillingAccountId", "BillingAccountName", "ChargeDescription", "ChargeFrequency",
    "ConsumedQuantity", "ConsumedUnit", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType",
    "ServiceCategory", "ServiceSubcategory", "ServiceName", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip


def _vantage(rows: pl.DataFrame, _: datetime) -> Files:
    back, category = pl.col("BilledCost") < 0, pl.col("ChargeCategory")
    kind = (
        pl.when(category.is_in(["Usage", "Purchase", "Adjustment"]) & back).then(pl.lit("Refund"))
        .when(category.is_in(["Purchase", "Adjustment"])).then(pl.lit("Fee")).otherwise(category)
    )  # fmt: skip
    for period, currency, part in _by_period(rows):
        tags = pl.Series("Tags", [json.dumps(each, ensure_ascii=False) if each else None for each in _tagged(part)],
                         dtype=pl.String)  # fmt: skip
        table = part.with_columns(
            kind.alias("ChargeCategory"), tags, _day("ChargePeriodStart"), _day("ChargePeriodEnd", last=True)
        )
        table = as_text(table.select(name for name in _VANTAGE if name in table.columns))
        head, lines = _csv_lines(table)
        for nth, some in enumerate(_parts(lines, VANTAGE_ROWS, VANTAGE_BYTES, len(head), "Vantage"), 1):
            yield f"vantage_{period}_{currency}_{nth:03}.csv", b"".join([head, *some])


# Datadog --------------------------------------------------------------------------------------------------------------

DATADOG_TEXT = 1_000


def _datadog(rows: pl.DataFrame, now: datetime) -> Files:
    others = sorted(set(rows["BillingCurrency"]) - {"USD"})
    if others:
        raise InputError(
            f"Datadog Custom Costs takes US dollars alone, and these rows are billed in {', '.join(others)} too: leave "
            f"those accounts out, or convert their charges before the export."
        )
    paid = rows.filter(pl.col("BilledCost") != 0)
    ahead = paid.filter(pl.col("ChargePeriodStart") > now)
    if ahead.height:
        first = ahead["ChargePeriodStart"].min()
        raise InputError(
            f"Datadog Custom Costs takes no day to come, and {ahead.height:,} charges begin on {str(first)[:10]} or "
            f"later: export them when that day has come."
        )
    late = paid.filter(pl.col("ChargePeriodEnd") > now).height
    if late:
        tell(f"{late:,} charges that reach past {now:%Y-%m-%d} end there: Datadog takes no day to come")
    paid = paid.with_columns(ChargePeriodEnd=pl.min_horizontal("ChargePeriodEnd", pl.lit(now)))
    for period, _, part in _by_period(paid):
        yield from _datadog_period(period, part)


def _datadog_period(period: str, part: pl.DataFrame) -> Files:
    tags = _tagged(part)
    table = as_text(
        part.select(
            _provider(part).alias("ProviderName"), "ChargeDescription", _day("ChargePeriodStart"),
            _day("ChargePeriodEnd", last=True), "BilledCost", "BillingCurrency",
        )
    )  # fmt: skip
    taken = set(table.columns)
    by_names: dict[tuple[str, ...], list[int]] = {}
    for nth, each in enumerate(tags):
        by_names.setdefault(tuple(sorted(name for name, value in each.items() if value)), []).append(nth)
    for nth, (names, places) in enumerate(sorted(by_names.items()), 1):  # no cell may be empty: a file a set of tags
        clash = sorted(taken & set(names))
        if clash:
            raise InputError(f"a tag is named {clash[0]}, as a column of Datadog's own is: rename it.")
        own = [pl.Series(name, [tags[place][name] for place in places], dtype=pl.String) for name in names]
        some = table[places].with_columns(own)
        _refuse_long(some)
        head, lines = _csv_lines(some)
        yield f"datadog_{period}_{nth:03}.csv", b"".join([head, *lines])


def _refuse_long(table: pl.DataFrame) -> None:
    for column in table.iter_columns():
        longest = max([len(column.name), *(column.str.len_chars().drop_nulls())], default=0)
        if longest > DATADOG_TEXT or column.null_count() or (column == "").any():
            said = f"{longest:,} characters" if longest > DATADOG_TEXT else "an empty cell"
            raise InputError(
                f"Datadog Custom Costs takes no empty cell and at most {DATADOG_TEXT:,} characters, and "
                f"{column.name[:40]} has {said}: correct it before the export."
            )


# CloudZero ------------------------------------------------------------------------------------------------------------

CLOUDZERO_BYTES = 5_000_000


def _cloudzero(rows: pl.DataFrame, _: datetime) -> Files:
    for period, currency, part in _by_period(rows):
        lines = [json.dumps(each, ensure_ascii=False).encode() + b",\n" for each in _cbf(part)]
        head = {"month": period, "operation": "replace_drop", "data": []}
        room = len(json.dumps(head)) + 10
        for nth, some in enumerate(_parts(lines, len(lines), CLOUDZERO_BYTES, room, "CloudZero's AnyCost Stream"), 1):
            operation = "replace_drop" if nth == 1 else "sum"  # a second drop would take the first part away
            begin = f'{{"month": "{period}", "operation": "{operation}", "data": [\n'.encode()
            body = b"".join([begin, *some])[:-2] + b"\n]}\n"
            yield f"cloudzero_{period}_{currency}_{nth:03}.json", body


def _cbf(part: pl.DataFrame) -> Iterator[dict[str, str]]:
    """Each row in the Common Bill Format: amounts as texts, nothing where there is nothing."""
    category, committed = pl.col("ChargeCategory"), pl.lit(value=False)
    vacant = pl.lit(value=False)
    if "CommitmentDiscountId" in part.columns:
        committed = pl.col("CommitmentDiscountId").is_not_null()
        vacant = (pl.col("CommitmentDiscountStatus") == "Unused").fill_null(value=False)
    kind = (
        pl.when((category == "Purchase") & committed).then(pl.lit("CommittedUsePurchase"))
        .when(vacant).then(pl.lit("CommittedUseVacancy"))
        .when(category.is_in(["Credit", "Adjustment"]) & (pl.col("BilledCost") <= 0)).then(pl.lit("Discount"))
        .when(category.is_in(["Credit", "Adjustment"])).then(pl.lit("Usage")).otherwise(category)
    )  # fmt: skip
    columns = {
        "lineitem/type": kind, "lineitem/description": pl.col("ChargeDescription"),
        "lineitem/cloud_provider": _provider(part),
        "time/usage_start": pl.col("ChargePeriodStart").dt.truncate("1h"), "time/usage_end": pl.col("ChargePeriodEnd"),
        "resource/id": pl.coalesce(
            pl.col("ResourceId") if "ResourceId" in part.columns else pl.lit(None, dtype=pl.String),
            pl.concat_str(_provider(part), pl.col("BillingAccountId"), pl.coalesce("SkuId", category), separator="/"),
        ),
        "resource/service": pl.col("ServiceName"), "resource/account": pl.col("BillingAccountId"),
        "action/usage_type": pl.col("SkuMeter"), "usage/amount": pl.col("ConsumedQuantity"),
        "usage/units": pl.col("ConsumedUnit"), "cost/cost": pl.col("BilledCost"),
        "cost/amortized_cost": pl.col("EffectiveCost"), "cost/on_demand_cost": pl.col("ListCost"),
        "bill/invoice_id": pl.col("InvoiceId"),
    }  # fmt: skip
    table = as_text(part.select(each.alias(name) for name, each in columns.items()))
    for row, tags in zip(table.iter_rows(named=True), _tagged(part), strict=True):
        said = {name: value for name, value in row.items() if value is not None}
        yield said | {f"resource/tag:{name}": value for name, value in tags.items() if value}


# FinOps hubs ----------------------------------------------------------------------------------------------------------

HUB_ROWS = 1_000_000
"""So many rows of ours are far below the 2 GB that a hub takes in one file."""


def _hub(rows: pl.DataFrame, folder: Path) -> list[Path]:
    """Write `Costs/yyyy/mm/{scope}/<ingestion>__<part>.parquet`, the old files out first, and the manifest last."""
    renamed = {"ServiceProviderName": "ProviderName", "HostProviderName": "PublisherName"}
    table = rows.rename({old: new for old, new in renamed.items() if old in rows.columns and new not in rows.columns})
    known = columns_of("1.2")
    table = table.select(name for name in table.columns if name in known or name in custom_of())
    written: list[Path] = []
    month = pl.col("BillingPeriodStart").dt.strftime("%Y/%m")
    by = table.group_by(month, "x_Integration", "x_IntegratedAccountId", maintain_order=True)
    for (when, integration, account), part in by:
        scope = folder / "Costs" / str(when) / _path(integration) / _path(account)
        held = [_parquet(some) for some in part.iter_slices(HUB_ROWS)]
        ingestion = hashlib.sha256(b"".join(held)).hexdigest()[:16]
        paths = [scope / f"{ingestion}__{nth:03}.parquet" for nth in range(1, len(held) + 1)]
        manifest = scope / "manifest.json"
        if not (manifest.is_file() and all(path.is_file() for path in paths)):
            with telling(scope):
                for old in (manifest, *sorted(scope.glob("*__*.parquet"))):
                    old.unlink(missing_ok=True)
            for path, content in zip(paths, held, strict=True):
                write_file(path, _content(content))
            write_file(manifest, _content(b"{}\n"))
        written += [*paths, manifest]
    return written


def _path(name: Any) -> str:
    """A name as one folder's: whatever else is in it becomes a dash."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(name)).strip(".-") or "unknown"


def _parquet(table: pl.DataFrame) -> bytes:
    held = io.BytesIO()
    table.write_parquet(held)
    return held.getvalue()


_MAKERS: dict[str, Callable[[pl.DataFrame, datetime], Files]] = {
    "vantage": _vantage,
    "datadog": _datadog,
    "cloudzero": _cloudzero,
}
"""What makes the files of a platform; their names begin with the platform's."""
RECEIVERS = (*_MAKERS, "finops_hub")
