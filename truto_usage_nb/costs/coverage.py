"""What am I not seeing: days held and missing, money, the share of priced tokens, and what the figures rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from truto_usage_nb.costs.digest import OVERHANG, Digest, DigestPlan, digest, reduced
from truto_usage_nb.costs.lines import cached_lines, frame_facts, rule_lines
from truto_usage_nb.costs.matching import match
from truto_usage_nb.costs.overlaps import settle_overlaps
from truto_usage_nb.costs.rule import REASONS
from truto_usage_nb.format import NO_FORMULA, escape, money, number, percent
from truto_usage_nb.integrations import INTEGRATIONS
from truto_usage_nb.native import Native, collect, each_part, enter, suspects
from truto_usage_nb.repeats import AT, RECORD, repeated
from truto_usage_nb.unanswered import HEARD, SilentView, failures, heard, unanswered, unexplained

__all__ = ["Coverage", "coverage", "coverage_of", "days_over"]

_CONCERNED = {"credit_sign": "cost_credit", "estimate": "cost_vendor_estimate"}
"""The money that a flag is about, where that is not what is billed."""
_VIEW = ("integrated_account_id", "integration", "report_type")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Coverage:
    """Hold what a load covers, as three tables of the kind of frame that was looked at, and as a page.

    `accounts`: a row per account and report type, also for those that were asked and delivered nothing: `records`,
    `first_day`, `last_day`, `days_held`, `days_missing`, `missing_days` (text, such as "2026-10-05..2026-10-09"),
    `tokens`, `priced_share` (0 to 1, null without tokens), `overhanging` (records that stick out of the period),
    `repeated` (records that are there more than once),
    `settled_until` (UTC, where the load said so). `money`: a row per account, report type and currency. `flags`: a row
    per account, report type, `cost_flag` and currency, with `records` and `cost`: what is billed there, the credits of
    `credit_sign`, the estimates of `estimate`. `notes`: what else to know.
    """

    accounts: Any
    money: Any
    flags: Any
    partial: bool = False
    notes: tuple[str, ...] = ()
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def __repr__(self) -> str:
        return _text(self.tables, self.notes, partial=self.partial)

    def _repr_html_(self) -> str:
        return _html(self.tables, self.notes, partial=self.partial)


def coverage(frame_or_result: Any) -> Coverage:
    """Say what a frame, or a `UsageResult`, holds and what it lacks. Nothing is refused and nothing is left out.

    A missing day is one, between the first and the last held (or within the result's period), that no record covers.
    Money is what each report type states, by currency; estimates and running totals count as in a cost table. From a
    result also come the period, the partial pages, the day up to which figures are final, and who was asked: an
    account, or a report type of one, that delivered nothing has a line with 0 records that lacks every day asked for
    (up to the day of the fetch; null where it was asked for none in particular), and the page shows it first. A frame
    cannot know who was asked, and a note says so.

    >>> import truto_usage_nb as tu
    >>> tu.coverage(tu.sandbox().load_usage("cursor", period="2026-10-05")).accounts["days_held"].to_list()
    [1]
    """
    is_result = all(hasattr(frame_or_result, name) for name in ("settled_until", "frame"))
    result = frame_or_result if is_result else None
    return coverage_of(enter(frame_or_result if result is None else frame_or_result.frame), result)


def coverage_of(frame: Native, result: Any) -> Coverage:
    """Say what a frame holds and lacks, for the period and the pages of a result, or None."""
    native = reduced(frame, _VIEW)
    read = settle_overlaps(native, digest(native, DigestPlan(_VIEW)), {"overlap": "allow"})
    named = dict(zip(read.dims, _VIEW, strict=True))
    silent = _silent(frame, result)
    tables = {
        "accounts": _accounts(native, read, named, result, silent),
        "money": _money(read, named),
        "flags": _flags(native),
    }
    return Coverage(
        native.leave(tables["accounts"]),
        native.leave(tables["money"]),
        native.leave(tables["flags"]),
        bool(getattr(result, "partial", False)),
        (*_notes(native, read), *_silence_told(silent, result), *getattr(result, "gaps", ())),
        tables,
    )


def _silent(native: Native, result: Any) -> list[SilentView]:
    queries = getattr(result, "queries", ())
    if not queries:
        return []
    columns = [name for name in HEARD if name in native.columns]
    told = heard(collect(native.frame.select(*columns).unique()))
    return unanswered(queries, told, getattr(result, "integrations", None))


def _silence_told(silent: list[SilentView], result: Any) -> list[str]:
    if result is None:
        return ["a frame cannot know who was asked: coverage(result) of fetch_usage shows who delivered nothing too"]
    failed, _ = failures(getattr(result, "queries", ()), getattr(result, "gaps", ()))  # the gaps tell of them
    silent = unexplained(silent, failed)
    names = ", ".join(f"{each.label}{f': {each.report_type}' if each.report_type else ''}" for each in silent)
    return [f"asked, and delivered no record: {names}; nothing here says whether there was none"] if silent else []


def _accounts(
    native: Native, read: Digest, named: dict[str, str], result: Any, silent: list[SilentView]
) -> pl.DataFrame:
    rows = read.rows.with_columns(day=read.day.cast(pl.Int32).cast(pl.Date), until=_until())
    spans = rows.group_by(*named).agg(
        pl.col("records").sum(), pl.col("day").min().alias("first_day"), pl.col("until").max().alias("last_day")
    )
    days = pl.DataFrame(
        [_days(rows, key, getattr(result, "period", None), result) for key in spans.select(*named).iter_rows()],
        schema=pl.Schema({"days_held": pl.Int64(), "days_missing": pl.Int64(), "missing_days": pl.String()}),
        orient="row",
    )
    table = pl.concat([spans, days], how="horizontal").rename(named)
    for more in (_tokens(read, named), _counted(native, _OVERHANGING), _repeated(native)):
        table = table.join(more, on=list(_VIEW), how="left", nulls_equal=True)
    table = pl.concat([table, _lines_of(silent, result).cast({"records": table.schema["records"]})], how="diagonal")
    settled = dict(getattr(result, "settled_until", {}))
    return table.with_columns(
        pl.col("overhanging", "repeated", "tokens").fill_null(0),
        settled_until=pl.Series(
            [settled.get(a) for a in table["integrated_account_id"]], dtype=pl.Datetime("us", "UTC")
        ),
    ).sort(*_VIEW, nulls_last=True)


def _lines_of(silent: list[SilentView], result: Any) -> pl.DataFrame:
    """Give the lines of those who delivered nothing: they lack every day that they were asked for."""
    lines = []
    for view in silent:
        span = _asked_days(view, result)
        days = None if span is None else _days_between(*span)
        missing = (None, None) if days is None else (len(days), _ranges(days))
        lines.append((*view, 0, 0, *missing))
    text = dict.fromkeys(_VIEW, pl.String)
    counts = dict.fromkeys(("records", "days_held", "days_missing"), pl.Int64)
    return pl.DataFrame(lines, schema=text | counts | {"missing_days": pl.String}, orient="row")


def _asked_days(view: SilentView, result: Any) -> tuple[date, date] | None:
    """The first and the last day that a view was asked for; None where its queries say none."""
    period = getattr(result, "period", None)
    if period is not None:
        return _within(period, result)
    dated = [q for q in result.queries if q.integrated_account_id == view.account]
    days = [date.fromisoformat(each.date) for each in dated if each.date]
    ranges = [(q.start_date[:10], q.end_date[:10]) for q in dated if q.start_date and q.end_date]
    ends = (max(date.fromisoformat(end) - timedelta(days=1), date.fromisoformat(start)) for start, end in ranges)
    days += [*(date.fromisoformat(start) for start, _ in ranges), *ends]
    return (min(days), max(days)) if days else None


def _within(period: Any, result: Any) -> tuple[date, date]:
    """The first and the last day of a period that there could be records of when they were fetched."""
    return _day(period.start), _day(min(period.end, result.fetched_at) - timedelta(microseconds=1))


def _until() -> pl.Expr:
    """The last date that a row covers: its end is exclusive, an instant is its own day."""
    last = pl.max_horizontal(pl.col("start"), pl.col("end") - 1)
    return last.cast(pl.Int32).cast(pl.Date)


def _days(rows: pl.DataFrame, key: tuple[Any, ...], period: Any, result: Any) -> tuple[int, int, str | None]:
    same = pl.all_horizontal(*(pl.col(f"dim_{i}").eq_missing(pl.lit(value)) for i, value in enumerate(key)))
    spans = rows.filter(same & pl.col("day").is_not_null()).select("day", "until").unique()
    held = {day + timedelta(days=i) for day, until in spans.iter_rows() for i in range((until - day).days + 1)}
    if period is not None:
        first, last = _within(period, result)
        held = {day for day in held if first <= day <= last}
    elif held:
        first, last = min(held), max(held)
    else:
        return 0, 0, None
    missing = [day for day in _days_between(first, last) if day not in held]
    return len(held), len(missing), _ranges(missing)


def _days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _day(moment: datetime | date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _ranges(days: list[date]) -> str | None:
    """Write days as ranges: "2026-10-05..2026-10-09, 2026-10-12"."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{r[0]}..{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs) or None


def days_over(missing: str | None, fetched: date) -> tuple[int, str | None]:
    """Count and write the missing days that were over on the day of the fetch: one that had only begun is no gap.

    >>> days_over("2026-10-05, 2026-10-08..2026-10-09", date(2026, 10, 9))
    (2, '2026-10-05, 2026-10-08')
    """
    days = []
    for part in (missing or "").split(", ") if missing else ():
        first, _, last = part.partition("..")
        days += _days_between(date.fromisoformat(first), date.fromisoformat(last or first))
    over = [day for day in days if day < fetched]
    return len(over), _ranges(over)


def _tokens(read: Digest, named: dict[str, str]) -> pl.DataFrame:
    parts = match(read).rows.group_by(*named).agg(pl.col("priced", "unpriced", "included").sum())
    whole = pl.col("priced") + pl.col("unpriced")
    return parts.rename(named).select(
        *_VIEW,
        (whole + pl.col("included")).alias("tokens"),
        pl.when(whole > 0).then(pl.col("priced") / whole).alias("priced_share"),
    )


_OVERHANGING = "overhanging"


def _counted(native: Native, name: str) -> pl.DataFrame:
    if OVERHANG not in native.columns:
        return pl.DataFrame(schema=dict.fromkeys(_VIEW, pl.String) | {name: pl.Int64})
    out = native.frame.filter(nw.col(OVERHANG).fill_null(False))
    return _typed(collect(out.group_by(*_VIEW).agg(nw.len().alias(name))), name)


def _repeated(native: Native) -> pl.DataFrame:
    found = repeated(native, *_VIEW)
    again = found.filter(pl.col(AT) != pl.col(AT).min().over(RECORD))
    return _typed(again.group_by(*_VIEW).agg(pl.len().alias("repeated")), "repeated")


def _typed(table: pl.DataFrame, count: str) -> pl.DataFrame:
    return table.select(pl.col(_VIEW).cast(pl.String), pl.col(count).cast(pl.Int64))


def _money(read: Digest, named: dict[str, str]) -> pl.DataFrame:
    stated = read.rows.filter(pl.col("money_n") > 0)
    table = stated.group_by(*named, "currency").agg(pl.col("money").sum().alias("cost")).rename(named)
    return table.sort(*_VIEW, "currency", nulls_last=True)


def _flags(native: Native) -> pl.DataFrame:
    """Each reason's records and the money it is about: a pass that adds a boolean a reason up."""
    found = pl.concat(each_part(native, _flags_of))
    table = found.group_by(*_VIEW, "cost_flag", "currency").agg(pl.col("records", "stated", "cost").sum())
    cost = pl.when(pl.col("stated") > 0).then(pl.col("cost")).alias("cost")
    return table.select(*_VIEW, "cost_flag", "currency", "records", cost).sort(
        *_VIEW, "cost_flag", "currency", nulls_last=True
    )


def _flags_of(native: Native) -> pl.DataFrame:
    kept = cached_lines(native)
    lines = kept.frame if kept is not None else rule_lines(native.frame, frame_facts(native), native)
    have = lines.collect_schema().names()
    reasons = [reason for reason in REASONS if f"__is_{reason}" in have]
    counts = {f"n_{r}": nw.col(f"__is_{r}").fill_null(False).cast(nw.Int64) for r in reasons}
    money = {r: nw.col(_CONCERNED.get(r, "cost_billed")) for r in reasons}
    amounts = {f"m_{r}": money[r].fill_null(0.0) * counts[f"n_{r}"] for r in reasons}
    stated = {f"s_{r}": (~money[r].is_null()).cast(nw.Int64) * counts[f"n_{r}"] for r in reasons}
    keyed = lines.with_columns(**counts, **amounts, **stated, currency=nw.col("cost_currency"))
    sums = (nw.col(name).sum() for name in (*counts, *amounts, *stated))
    summed = collect(keyed.group_by(*_VIEW, "currency").agg(*sums))
    parts = [
        summed.select(
            pl.col(_VIEW).cast(pl.String),
            pl.lit(reason).alias("cost_flag"),
            pl.col("currency").cast(pl.String),
            pl.col(f"n_{reason}").cast(pl.Int64).alias("records"),
            pl.col(f"s_{reason}").cast(pl.Int64).alias("stated"),
            pl.col(f"m_{reason}").cast(pl.Float64).alias("cost"),
        )
        for reason in reasons
    ]
    return pl.concat(parts).filter(pl.col("records") > 0)


def _notes(native: Native, read: Digest) -> tuple[str, ...]:
    metric = nw.col("metric_name").fill_null("")
    money = []
    for name, known in INTEGRATIONS.items():
        if known.money_of_others is None:
            continue
        pattern, written = known.money_of_others
        others = native.frame.filter((nw.col("integration") == name) & metric.str.contains(pattern))
        if count := int(collect(others.select(nw.len().alias("n")))["n"][0]):
            quantities = f"{count:,} quantities of {known.label}"
            money.append(f"{quantities} are other vendors' dollars ({written}): never add them up")
    alike = _alike(native)
    nameless = f"{alike:,} records without an id say just what another one says; all of them count"
    return (*read.told, *money, *([nameless] if alike else []))


def _alike(native: Native) -> int:
    """Count the records without an id that repeat another one in every column that a table reads."""
    columns = [c for c in native.columns if c not in ("charges", "resources")]
    nameless = suspects(replace(native, frame=native.frame.filter(nw.col("id").is_null())), columns).frame
    repeated = nameless.group_by(*columns).agg(nw.len().alias("__n")).filter(nw.col("__n") > 1)
    return int(collect(repeated.select((nw.col("__n") - 1).sum().alias("__n")))["__n"][0] or 0)


# as a person reads it: a table to paste into a mail, and the same as text ---------------------------------------------

_HEAD = (
    "account",
    "report type",
    "records",
    "days",
    "missing",
    "cost",
    "tokens",
    "with a price",
    "final until",
    "flags",
)
_RIGHT = {"records", "days", "cost", "tokens", "with a price"}
_MAY_WRAP = {"account", "missing", "flags"}
_CELL = "padding:3px 12px 3px 0;vertical-align:top;border-bottom:1px solid #ddd;"


def _html(tables: Mapping[str, pl.DataFrame], notes: tuple[str, ...], *, partial: bool) -> str:
    """Give one table with inline styles only, so that a mail shows it; everything from the API is escaped."""
    head = "".join(f'<th style="{_style(name)}">{name}</th>' for name in _HEAD)
    body = "".join(
        f"<tr>{''.join(_cell(name, text) for name, text in zip(_HEAD, row, strict=True))}</tr>" for row in _rows(tables)
    )
    below = "".join(f"<p>{escape(note)}</p>" for note in _below(notes, partial=partial))
    shown = f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="{NO_FORMULA}">{shown}{below}</div>'


def _text(tables: Mapping[str, pl.DataFrame], notes: tuple[str, ...], *, partial: bool) -> str:
    """Give the same as aligned text."""
    rows = [_HEAD, *_rows(tables)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        "  ".join(
            text.rjust(w) if name in _RIGHT else text.ljust(w) for name, text, w in zip(_HEAD, row, widths, strict=True)
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in (*lines, *_below(notes, partial=partial)))


def _rows(tables: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, ...]]:
    silent_first = tables["accounts"].sort(pl.col("records") > 0, maintain_order=True)
    for row in silent_first.iter_rows(named=True):
        key = {name: row[name] for name in _VIEW}
        yield (
            f"{row['integrated_account_id'] or '–'} ({row['integration'] or 'unknown'})",
            row["report_type"] or "–",
            number(row["records"]),
            f"{row['days_held']} ({row['first_day'] or '–'} to {row['last_day'] or '–'})",
            row["missing_days"] or ("not known" if row["days_missing"] is None else "none"),
            _money_text(_of(tables["money"], key)),
            number(row["tokens"]),
            percent(row["priced_share"]),
            f"{row['settled_until']:%Y-%m-%d}" if row["settled_until"] else "–",
            _flags_text(_of(tables["flags"], key), row),
        )


def _of(table: pl.DataFrame, key: Mapping[str, Any]) -> pl.DataFrame:
    return table.filter(pl.all_horizontal(*(pl.col(name).eq_missing(pl.lit(value)) for name, value in key.items())))


def _money_text(rows: pl.DataFrame) -> str:
    return ", ".join(money(cost, currency) for currency, cost in rows.select("currency", "cost").iter_rows()) or "–"


def _flags_text(rows: pl.DataFrame, account: Mapping[str, Any]) -> str:
    found = [_flag(*row) for row in rows.select("cost_flag", "records", "currency", "cost").iter_rows()]
    marks = [f"{number(account[name])} {name}" for name in ("overhanging", "repeated") if account[name]]
    nothing = [] if account["records"] else ["delivered nothing"]
    return "; ".join([*nothing, *found, *marks]) or "none"


def _flag(flag: str, records: int, currency: str | None, cost: float | None) -> str:
    return f"{flag} {number(records)}" + (f" ({money(cost, currency)})" if cost else "")


def _below(notes: tuple[str, ...], *, partial: bool) -> Iterator[str]:
    if partial:
        yield "Some of what was asked for did not arrive: these figures are partial."
    yield from notes
    yield "Not in these figures, because no API returns them: seats, purchases and tax that no record states."


def _style(name: str) -> str:
    wrap = "" if name in _MAY_WRAP else "white-space:nowrap;"
    return f"{_CELL}{wrap}text-align:{'right' if name in _RIGHT else 'left'}"


def _cell(name: str, text: str) -> str:
    return f'<td style="{_style(name)}">{escape(text)}</td>'
