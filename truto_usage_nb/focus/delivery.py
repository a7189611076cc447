"""What is made of finished rows: the Billing Period dataset, a CSV, and a delivery that a platform reads.

A delivery is a folder of billing periods, with FOCUS's metadata beside them:

    billing_period=2026-10/charges.parquet                  what was charged in the period, replaced whole
    billing_period=2026-11/corrections-2026-10.parquet      what changed in a period after its invoices were issued
    _focus/data_generator.json, dataset_instances.json, schemas/schema-<id>.json, recency.json, billing_periods.csv

The mechanism is FOCUS's Overwrite: each file is a complete snapshot of its scope and takes the place of the one before
in one step, so whoever reads finds the old or the new one, whenever a writer is killed. What would come out the same is
not written again. A closed billing period is kept as it is; what has changed of it since is a correction, in the first
open period: the row as it was, reversed, and the row as it is now (accounting-style, as FOCUS calls it).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import polars as pl

from truto_usage_nb.errors import DatasetError, FrameError, InputError, tell
from truto_usage_nb.focus.columns import columns_of, custom_of
from truto_usage_nb.focus.finishing import DTYPES
from truto_usage_nb.focus.periods import period_bounds
from truto_usage_nb.outside import shown
from truto_usage_nb.writing import settle_folder, telling, write_file

__all__ = [
    "NEEDED",
    "PERIODS",
    "Delivery",
    "as_text",
    "billing_periods",
    "deliver",
    "is_delivered",
    "read_delivery",
    "write_rows",
]

NEEDED = ("InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd", "x_SettledUntil", "x_FetchedAt")
_KEY = ["InvoiceIssuerName", "BillingPeriodStart"]
PERIODS: dict[str, Any] = {
    "InvoiceIssuerName": pl.String, "BillingPeriodStart": DTYPES["Time"], "BillingPeriodEnd": DTYPES["Time"],
    "BillingPeriodStatus": pl.String, "BillingPeriodCreated": DTYPES["Time"],
    "BillingPeriodLastUpdated": DTYPES["Time"],
}  # fmt: skip
"""The columns of the Billing Period dataset."""
META = "_focus"
CHARGES = "charges.parquet"
_PARTITION = "billing_period="
_SCHEMA_KEY = "FocusSchemaId"
_NAME = {"CostAndUsage": "Cost and Usage", "BillingPeriod": "Billing Period"}
_AMOUNTS = (
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity", "ConsumedQuantity",
    "PricingCurrencyEffectiveCost", "CommitmentDiscountQuantity", "x_BilledElsewhere",
)  # fmt: skip
"""What a reversal states with the other sign."""
_TOLD = ("x_FetchedAt", "x_SettledUntil", "x_SourceRow", "x_Correction", "ChargeClass", "InvoiceId")
"""What may differ between two deliveries of one charge."""
_PERIOD = ("BillingPeriodStart", "BillingPeriodEnd")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold what is known of the rows: the version, what was loaded and when, and which periods are invoiced."""

    version: str
    closed_before: datetime | None = None
    billing_day: Mapping[str, int] | None = None
    loaded: tuple[datetime, datetime] | None = None
    fetched: datetime | None = None
    settled: Mapping[str, datetime] | None = None
    accounts: frozenset[str] = frozenset()


def deliver(rows: pl.DataFrame, folder: Path, said: Delivery, previous: pl.DataFrame | None) -> None:
    """Write a delivery; see `deliver_focus`."""
    rows = _of_what_was_loaded(rows, said)
    if previous is not None:
        rows = _with_corrections(rows, previous, said)
    files = dict(_files(rows))
    gone = _gone(folder, files, rows)
    _refuse(folder, files, rows, said)
    schema = _schema(rows, "CostAndUsage", said)
    made = {path: _parquet(table, schema["SchemaId"]) for path, table in files.items()}
    moment = _loaded_at(folder, made, rows, said)
    ids = _instances(folder, said)
    _json(folder / META / "data_generator.json", {"DataGenerator": "truto-usage-nb"})
    _json(folder / META / "dataset_instances.json", ids)
    periods = _all_periods(folder, rows, said)
    for dataset, table in (("CostAndUsage", rows), ("BillingPeriod", periods)):
        known = _schema(table, dataset, said) | {"DatasetInstanceId": _id_of(ids, dataset)}
        path = folder / META / "schemas" / f"schema-{known['SchemaId']}.json"
        if not path.exists():
            _json(path, {"SchemaId": known.pop("SchemaId"), "CreationDate": _spelled(moment)} | known)
    for name, content in made.items():
        _write(folder / name, content)
    for name in gone:
        with telling(folder / name):
            (folder / name).unlink()
            settle_folder((folder / name).parent)
    _write(folder / META / "billing_periods.csv", as_text(periods).write_csv(line_terminator="\n").encode())
    _json(folder / META / "recency.json", _recency(folder, rows, ids, moment, said))


def is_delivered(folder: Path) -> bool:
    """Whether a folder holds a delivery."""
    return any(folder.glob(f"{_PARTITION}*/*.parquet"))


def read_delivery(folder: Path) -> pl.DataFrame:
    """Read what was delivered: the rows of all billing periods. Raises DatasetError where there is no delivery."""
    paths = sorted(folder.glob(f"{_PARTITION}*/*.parquet"))
    if not is_delivered(folder):
        raise DatasetError(f"{folder} holds no delivery of FOCUS: there is no {_PARTITION}YYYY-MM/ in it.")
    return pl.concat((pl.read_parquet(path, hive_partitioning=False) for path in paths), how="diagonal_relaxed")


# What is delivered ----------------------------------------------------------------------------------------------------


def _of_what_was_loaded(rows: pl.DataFrame, said: Delivery) -> pl.DataFrame:
    """Leave out purchases that are billed in periods of which nothing was loaded: those deliveries have them."""
    own = (pl.col("ChargeCategory") != "Purchase") & pl.col("ChargeClass").is_null()
    held = rows.filter(own)["BillingPeriodStart"].unique()
    here = pl.col("BillingPeriodStart").is_in(held.implode()) | (pl.col("ChargeClass") == "Correction")
    if said.loaded is not None:
        start, end = said.loaded
        here |= (pl.col("BillingPeriodStart") < end) & (pl.col("BillingPeriodEnd") > start)
    here = here.fill_null(value=False)
    others = rows.filter(~here)
    if others.height:
        months = ", ".join(sorted(set(others["BillingPeriodStart"].dt.strftime("%Y-%m"))))
        told = f"{others.height:,} purchases billed in {months} are left out: nothing of those periods is loaded"
        tell(told)
    return _of_whole_periods(rows.filter(here), said)


def _of_whole_periods(rows: pl.DataFrame, said: Delivery) -> pl.DataFrame:
    """Leave out the months of billing periods that were loaded in part: a delivery replaces them whole."""
    if said.loaded is None:
        return rows
    start, end = (pl.lit(bound).cast(DTYPES["Time"]) for bound in said.loaded)
    until = pl.min_horizontal("BillingPeriodEnd", pl.lit(said.fetched or datetime.now(UTC)).cast(DTYPES["Time"]))
    part = (pl.col("BillingPeriodStart") < start) | (until > end.dt.offset_by("1d"))
    billed, charged = (pl.col(f"{kind}PeriodStart").dt.strftime("%Y-%m") for kind in ("Billing", "Charge"))
    corrects = (pl.col("ChargeClass") == "Correction").fill_null(value=False)
    months = sorted(set(rows.filter(part & ~corrects).select(billed.alias("month"))["month"]))
    if not months:
        return rows
    whole = rows.filter(~pl.when(corrects).then(charged).otherwise(billed).is_in(months))
    span = f"from {said.loaded[0]:%Y-%m-%d} to {said.loaded[1]:%Y-%m-%d}"
    if not whole.height:
        raise InputError(
            f"billing period {months[0]} is loaded {span} only, and a delivery replaces it whole: load all of it, with "
            f"period={months[0]!r} for instance."
        )
    tell(f"billing periods of {', '.join(months)} are left out: what was loaded, {span}, is a part of them")
    return whole


def _with_corrections(rows: pl.DataFrame, previous: pl.DataFrame, said: Delivery) -> pl.DataFrame:
    """Keep closed periods as they were delivered, and add what has changed of them since as corrections."""
    if said.closed_before is None:
        raise InputError("previous= needs closed_before=, the day up to which billing periods are invoiced.")
    before = _typed_like(previous, rows)
    closed = pl.col("BillingPeriodEnd") <= pl.lit(said.closed_before)
    stood = before.filter(closed)
    known = stood.filter(pl.col("x_Correction").is_null())["BillingPeriodStart"].unique()
    again = closed & pl.col("BillingPeriodStart").is_in(known.implode())
    touched = stood.filter(pl.col("BillingPeriodStart").is_in(rows.filter(again)["BillingPeriodStart"].implode()))
    before_of_these = stood.filter(_charged_in(touched))
    stated = _net(before_of_these)
    now = rows.filter(again)
    key = [name for name in rows.columns if name not in (*_TOLD, *_PERIOD)]
    withdrawn, added = _unlike(stated, now, key), _unlike(now, stated, key)
    opened = _opened(pl.concat([
        withdrawn.with_columns(
            *(-pl.col(name) for name in _AMOUNTS if name in rows.columns), x_Correction=pl.lit("reversal")
        ),
        added.with_columns(x_Correction=pl.lit("restatement")),
    ]), said)  # fmt: skip
    return pl.concat([rows.filter(~again), before_of_these, opened])


def _charged_in(touched: pl.DataFrame) -> pl.Expr:
    """The rows of periods that were loaded again, and all that corrected them."""
    own = pl.col("BillingPeriodStart").is_in(touched["BillingPeriodStart"].implode()) & pl.col("x_Correction").is_null()
    first = touched["BillingPeriodStart"].min()
    last = touched["BillingPeriodEnd"].max()
    corrects = pl.col("x_Correction").is_not_null()
    return own | (corrects & pl.col("ChargePeriodStart").is_between(pl.lit(first), pl.lit(last), closed="left"))


def _net(stood: pl.DataFrame) -> pl.DataFrame:
    """What closed periods have stated of charges, all in all: what was reversed is gone, what was restated stands."""
    reversed_ = stood.filter(pl.col("x_Correction") == "reversal").with_columns(
        -pl.col(name) for name in _AMOUNTS if name in stood.columns
    )
    key = [name for name in stood.columns if name not in (*_TOLD, *_PERIOD)]
    return _unlike(stood.filter((pl.col("x_Correction") != "reversal").fill_null(value=True)), reversed_, key)


def _unlike(left: pl.DataFrame, right: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows of one that the other has not, as often as it has not."""
    nth = pl.int_range(pl.len()).over(key).alias("__nth")
    sides = [side.with_columns(nth) for side in (left, right)]
    return (
        sides[0].join(sides[1], on=[*key, "__nth"], how="anti", nulls_equal=True, maintain_order="left").drop("__nth")
    )


def _opened(corrections: pl.DataFrame, said: Delivery) -> pl.DataFrame:
    days = said.billing_day or {}
    table = corrections.with_columns(
        __open=pl.lit(said.closed_before).cast(PERIODS["BillingPeriodStart"]),
        integrated_account_id=pl.col("x_IntegratedAccountId"),
    )
    start, end = period_bounds(days, "__open")
    return table.with_columns(
        BillingPeriodStart=start,
        BillingPeriodEnd=end,
        ChargeClass=pl.lit("Correction"),
        InvoiceId=pl.lit(None, dtype=pl.String),
    ).drop("__open", "integrated_account_id")


def _typed_like(previous: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("BillingPeriodStart", "BilledCost", "SkuId") if name not in previous.columns]
    if missing:
        raise InputError(f"previous= has no {missing[0]}: it is no delivery of FOCUS.")
    return previous.select(
        (pl.col(name) if name in previous.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in rows.schema.items()
    )


# Files ----------------------------------------------------------------------------------------------------------------


def _files(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows by file: what a period charges, and what in it corrects an earlier one."""
    month, corrects = pl.col("BillingPeriodStart").dt.strftime("%Y-%m"), pl.col("ChargeClass") == "Correction"
    of = pl.when(corrects).then(pl.col("ChargePeriodStart").dt.strftime("%Y-%m"))
    table = rows.with_columns(__month=month, __of=of)
    for month_of, corrected in table.select("__month", "__of").unique().sort("__month", "__of").iter_rows():
        here = (pl.col("__month") == month_of) & pl.col("__of").eq_missing(pl.lit(corrected, dtype=pl.String))
        name = CHARGES if corrected is None else f"corrections-{corrected}.parquet"
        yield f"{_PARTITION}{month_of}/{name}", table.filter(here).drop("__month", "__of")


def _gone(folder: Path, files: Mapping[str, Any], rows: pl.DataFrame) -> list[str]:
    """Corrections of months that were loaded anew and need none any more."""
    months = set(rows.filter(pl.col("ChargeClass").is_null())["BillingPeriodStart"].dt.strftime("%Y-%m"))
    there = (str(path.relative_to(folder)) for path in sorted(folder.glob(f"{_PARTITION}*/corrections-*.parquet")))
    closed = _closed_months(folder)
    return [
        path for path in there
        if path not in files and path[-15:-8] in months and path[len(_PARTITION) :][:7] not in closed
    ]  # fmt: skip


def _refuse(folder: Path, files: Mapping[str, pl.DataFrame], rows: pl.DataFrame, said: Delivery) -> None:
    """Refuse to put a part in the place of a whole, and to change a period that is closed."""
    closed = _closed_months(folder)
    known = said.accounts | set(rows["x_IntegratedAccountId"].drop_nulls())
    for path, table in files.items():
        month = path[len(_PARTITION) :][:7]
        if not (folder / path).exists():
            continue
        before = pl.read_parquet(folder / path, hive_partitioning=False)
        others = sorted(set(before["x_IntegratedAccountId"].drop_nulls()) - known)
        if others:
            raise InputError(
                f"billing period {month} of {folder} has {', '.join(others)}, which this result does not: deliver all "
                f"accounts of a folder together, or name another folder."
            )
        if month in closed and not _same(before, table):
            raise InputError(
                f"billing period {month} of {folder} is closed and would change: say closed_before= and "
                f"previous={shown(str(folder))}, and what changed becomes corrections."
            )


def _same(before: pl.DataFrame, after: pl.DataFrame) -> bool:
    """Whether two tables state the same charges, whenever they were loaded."""
    if set(before.columns) != set(after.columns):
        return False
    key = [name for name in after.columns if name not in ("x_FetchedAt", "x_SettledUntil", "x_SourceRow")]
    return before.height == after.height and not _unlike(before.select(after.columns), after, key).height


def _parquet(table: pl.DataFrame, schema_id: str) -> bytes:
    held = io.BytesIO()
    table.write_parquet(held, metadata={_SCHEMA_KEY: schema_id})
    return held.getvalue()


def _write(path: Path, content: bytes) -> None:
    """Write a file, unless it is there already as it would be."""
    if not (path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content):
        write_file(path, lambda file: file.write(content))


def _json(path: Path, content: Any) -> None:
    _write(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


# Metadata -------------------------------------------------------------------------------------------------------------


def _schema(table: pl.DataFrame, dataset: str, said: Delivery) -> dict[str, Any]:
    """FOCUS's Schema object. Its id follows from what it says, and stands in every file that is of this schema."""
    from importlib.metadata import version

    known = columns_of(said.version) | custom_of()
    columns = [_column(name, dtype, known[name].type if name in known else "String") for name, dtype in
               table.schema.items()]  # fmt: skip
    told = {
        "FocusVersion": said.version,
        "DataGeneratorVersion": version("truto-usage-nb"),
        "FocusDatasetId": dataset,
        "ColumnDefinition": columns,
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return {"SchemaId": f"{digest[:8]}-{digest[8:16]}-{digest[16:24]}"} | told


def _column(name: str, dtype: pl.DataType, kind: str) -> dict[str, Any]:
    if isinstance(dtype, pl.Decimal):
        return {"ColumnName": name, "DataType": "DECIMAL", "NumericPrecision": 38, "NumberScale": dtype.scale}
    if isinstance(dtype, pl.Datetime):
        return {"ColumnName": name, "DataType": "DATETIME"}
    if dtype == pl.Boolean:
        return {"ColumnName": name, "DataType": "BOOLEAN"}
    if dtype.is_integer():
        return {"ColumnName": name, "DataType": "INTEGER"}
    return {"ColumnName": name, "DataType": "JSON" if kind == "JSON" else "STRING", "StringEncoding": "UTF-8"}


def _instances(folder: Path, said: Delivery) -> list[dict[str, str]]:
    """FOCUS's DatasetInstance objects: those of the folder, else new ones."""
    known = _held(folder / META / "dataset_instances.json")
    if known is not None:
        return list(known)
    seed = f"truto-usage-nb/{'/'.join(sorted(said.accounts))}"
    return [
        {
            "DatasetInstanceId": str(uuid5(NAMESPACE_URL, f"{seed}/{dataset}")),
            "DatasetInstanceName": name,
            "FocusDatasetId": dataset,
        }
        for dataset, name in _NAME.items()
    ]


def _id_of(instances: Iterable[Mapping[str, str]], dataset: str) -> str:
    return next(each["DatasetInstanceId"] for each in instances if each["FocusDatasetId"] == dataset)


def _recency(
    folder: Path, rows: pl.DataFrame, ids: list[dict[str, str]], moment: datetime, said: Delivery
) -> list[dict[str, Any]]:
    """FOCUS's Recency objects: a time sector a day, complete where the figures of all accounts are final to its end."""
    held = _held(folder / META / "recency.json") or []
    before: list[dict[str, Any]] = next((each["TimeSectors"] for each in held if "TimeSectors" in each), [])
    sectors = {each["TimeSectorStart"]: each for each in before}
    final = _final(rows, said)
    for start in _days(rows, said):
        end = start + timedelta(days=1)
        sectors[_spelled(start)] = {
            "TimeSectorStart": _spelled(start),
            "TimeSectorEnd": _spelled(end),
            "TimeSectorComplete": final is not None and end <= final,
            "TimeSectorLastUpdated": _spelled(moment),
        }
    cost, periods = (_id_of(ids, dataset) for dataset in _NAME)
    return [
        {
            "DatasetInstanceId": cost,
            "RecencyLastUpdateDate": _spelled(moment),
            "TimeSectors": [sectors[start] for start in sorted(sectors)],
        },
        {
            "DatasetInstanceId": periods,
            "RecencyLastUpdateDate": _spelled(moment),
            "DatasetInstanceLastUpdated": _spelled(moment),
            "DatasetInstanceComplete": True,
        },
    ]


def _final(rows: pl.DataFrame, said: Delivery) -> datetime | None:
    """Up to when the figures of all accounts are final; None where any account's never are known to be."""
    by = rows.filter(pl.col("x_IntegratedAccountId").is_not_null()).group_by("x_IntegratedAccountId")
    settled = dict(by.agg(pl.col("x_SettledUntil").max()).iter_rows()) | dict(said.settled or {})
    accounts = said.accounts | set(settled)
    known = [settled.get(account) for account in accounts]
    return min((each for each in known if each is not None), default=None) if None not in known else None


def _days(rows: pl.DataFrame, said: Delivery) -> Iterator[datetime]:
    """The days that a delivery tells of: of what was loaded, else those from the first charge of usage to the last."""
    if said.loaded is not None:
        start, end = said.loaded
    else:
        used = rows.filter((pl.col("ChargeCategory") != "Purchase") & pl.col("ChargeClass").is_null())
        if not used.height:
            return
        start, end = used["ChargePeriodStart"].min(), used["ChargePeriodEnd"].max()  # type: ignore[assignment]
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield day
        day += timedelta(days=1)


def _loaded_at(folder: Path, made: Mapping[str, bytes], rows: pl.DataFrame, said: Delivery) -> datetime:
    """When the records were loaded; of a frame that does not say, when something changed last."""
    fetched = said.fetched or rows["x_FetchedAt"].max()
    if isinstance(fetched, datetime):
        return fetched
    held = _held(folder / META / "recency.json")
    same = all((folder / path).is_file() and (folder / path).read_bytes() == each for path, each in made.items())
    return _instant(held[0]["RecencyLastUpdateDate"]) if held and same else datetime.now(UTC)


def _earlier_periods(folder: Path) -> pl.DataFrame | None:
    path = folder / META / "billing_periods.csv"
    return pl.read_csv(path, infer_schema=False) if path.is_file() else None


def _all_periods(folder: Path, rows: pl.DataFrame, said: Delivery) -> pl.DataFrame:
    """The billing periods of these rows, and those that earlier deliveries left in the folder."""
    earlier = _earlier_periods(folder)
    table = billing_periods(rows, said.closed_before, earlier)
    if earlier is None:
        return table
    others = _typed_periods(earlier).join(table, on=_KEY, how="anti")
    if said.closed_before is not None:
        ended = pl.col("BillingPeriodEnd") <= pl.lit(said.closed_before)
        status = pl.when(ended).then(pl.lit("Closed")).otherwise("BillingPeriodStatus")
        others = others.with_columns(BillingPeriodStatus=status)
    return pl.concat([table, others]).sort(_KEY)


def _closed_months(folder: Path) -> set[str]:
    periods = _earlier_periods(folder)
    if periods is None:
        return set()
    return {
        start[:7]
        for start, status in periods.select("BillingPeriodStart", "BillingPeriodStatus").iter_rows()
        if status == "Closed"
    }


def _held(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as problem:
        raise DatasetError(f"{path} is not JSON: {problem}; restore it, or deliver into another folder.") from problem


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


# Billing periods, and texts for files ---------------------------------------------------------------------------------


def billing_periods(
    rows: pl.DataFrame, closed_before: datetime | None, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Give a row per issuer and billing period; closed where its invoices are issued, as the caller says or said."""
    start, end = pl.col("BillingPeriodStart"), pl.col("BillingPeriodEnd")
    table = rows.group_by("InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd").agg(
        pl.max_horizontal("x_FetchedAt", "x_SettledUntil").max().alias("updated")
    )
    closed = pl.lit(value=False) if closed_before is None else end <= pl.lit(closed_before).cast(DTYPES["Time"])
    updated = pl.max_horizontal(start, pl.coalesce("updated", end)).dt.truncate("1s")
    status = pl.when(closed).then(pl.lit("Closed")).otherwise(pl.lit("Open"))
    table = table.select(
        "InvoiceIssuerName", start, end, status.alias("BillingPeriodStatus"),
        start.alias("BillingPeriodCreated"), updated.alias("BillingPeriodLastUpdated"),
    )  # fmt: skip
    if previous is not None:  # what is closed stays as it was said then
        before = _typed_periods(previous).filter(pl.col("BillingPeriodStatus") == "Closed")
        table = pl.concat([before, table.join(before, on=_KEY, how="anti")])
    return table.sort(_KEY)


def _typed_periods(table: pl.DataFrame) -> pl.DataFrame:
    """A Billing Period dataset with instants, also where a file had them as texts."""
    return table.select(
        pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC")
        if table.schema[name] == pl.String and dtype != pl.String
        else pl.col(name).cast(dtype)
        for name, dtype in PERIODS.items()
    )


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Give the table with every value as the text that belongs into a file."""
    return table.select(_as_text(name, dtype) for name, dtype in table.schema.items())


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")  # a fraction of a second only where there is one
    if isinstance(dtype, pl.Decimal):
        # Zeros that say nothing go, but one decimal stays, so that no reader takes a column of costs for integers.
        text = column.cast(pl.String).str.replace(r"(\.\d+?)0+$", "$1")
        return pl.when(text.str.contains(".", literal=True)).then(text).otherwise(text + ".0").alias(name)
    return column.cast(pl.String)


def write_rows(table: pl.DataFrame, path: Path) -> Path:
    """Write the file; it appears whole or not at all."""
    for name, dtype in table.schema.items():
        if dtype.is_nested() or dtype in (pl.Duration, pl.Object, pl.Binary):
            raise FrameError(f"{name} holds {dtype}, and a CSV of FOCUS texts, numbers and times; write .parquet.")
    texts = as_text(table)
    return write_file(path, lambda file: texts.write_csv(file, null_value="", line_terminator="\n"))
