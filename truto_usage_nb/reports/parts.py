"""What a report is made of: tables a person reads, and a chart for each question; report notebooks call these."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from truto_usage_nb.costs import closing_line, cost_per
from truto_usage_nb.errors import UsageWarning

if TYPE_CHECKING:
    from truto_usage_nb.result import UsageResult

__all__ = ["bars", "by_day", "cost_table", "head", "provenance"]

_MONEY = ("cost", "other_cost", "cost_per_million_tokens")
_COUNTS = ("tokens", "unpriced_tokens", "included_tokens")
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")


class Html:
    """Hold markup that a notebook shows as it is; everything that came from outside is escaped by then."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def _repr_html_(self) -> str:
        return self.markup

    def __repr__(self) -> str:
        return "Html(...)"


def head(result: UsageResult) -> Html:
    """Say period, accounts, and up to when the figures are final."""
    ends = min(result.settled_until.values(), default=None)
    final = ends is not None and result.period is not None and ends >= result.period.end
    state = "FINAL" if final else f"PROVISIONAL: figures after {ends:%Y-%m-%d} may still change" if ends else "UNKNOWN"
    rows = {
        "period": str(result.period),
        "accounts": ", ".join(dict.fromkeys(str(query.integrated_account_id) for query in result.queries)),
        "state": state,
        "records": f"{result.polars.height:,} in {result.pages:,} pages",
        "fetched": f"{result.fetched_at:%Y-%m-%d %H:%M} UTC",
        "complete": "no: " + "; ".join(result.gaps) if result.partial else "yes",
    }
    return Html(_pairs(rows))


def provenance(result: UsageResult) -> Html:
    """Say what was sent, what was told, and with which versions the page was made."""
    from importlib.metadata import version

    from truto_usage_nb.result.snapshot import content_hash

    rows = {
        "snapshot": content_hash(result.polars),
        "told": "; ".join(result.told) or "nothing",
        "notes": "; ".join(result.notes) or "none",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("truto-usage-nb", "polars", "matplotlib")),
    }
    queries = "".join(f"<div><code>{escape(repr(query))}</code></div>" for query in result.queries)
    sent = f"<details><summary>{len(result.queries):,} queries sent</summary>{queries}</details>"
    return Html(_pairs(rows) + sent)


def _pairs(rows: dict[str, str]) -> str:
    body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f'<table style="text-align:left">{body}</table>'


def table_of(frame: pl.DataFrame, by: str | Sequence[str], **options: Any) -> tuple[pl.DataFrame, list[str]]:
    """Give a cost table and what was told while it was made."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UsageWarning)
        table = cost_per(frame, by, **options)
    said = [str(each.message) for each in told if issubclass(each.category, UsageWarning)]
    return table, [closing_line(table), *said]


def cost_table(frame: pl.DataFrame, by: str | Sequence[str], title: str, *, top: int = 15) -> Html:
    """Show cost, tokens and price per million for each value, currencies in blocks, the largest first."""
    from great_tables import GT

    table, said = table_of(frame, by)
    shown, left = _top(table, top)
    names = [by] if isinstance(by, str) else list(by)
    made = (
        GT(shown, id=f"t-{'-'.join(names)}")
        .tab_header(title=title)
        .fmt_number(columns=list(_MONEY), decimals=2)
        .fmt_integer(columns=list(_COUNTS))
        .sub_missing(missing_text="–")
        .cols_label({name: name.replace("_", " ") for name in shown.columns})
        .tab_options(table_font_size="13px", table_width="100%")
    )
    notes = [*([f"{left:,} smaller lines are not shown"] if left else []), *said]
    return Html(made.as_raw_html() + "".join(f"<p><small>{escape(text)}</small></p>" for text in notes))


def _top(table: pl.DataFrame, top: int) -> tuple[pl.DataFrame, int]:
    """Keep the first lines of each currency's block; the table is already in their order."""
    kept = table.filter(pl.int_range(pl.len()).over("currency") < top)
    return kept, table.height - kept.height


def bars(frame: pl.DataFrame, by: str, title: str, *, top: int = 10) -> Any:
    """Draw the cost of each value as ranked bars, a panel a currency."""
    table, _ = table_of(frame, by)
    panels = _currencies(table)
    figure, axes = _panels(len(panels), [min(top, table.filter(currency=one).height) for one in panels])
    for axis, currency in zip(axes, panels, strict=True):
        rows = table.filter((pl.col("currency") == currency) & pl.col("cost").is_not_null()).head(top).reverse()
        labels = ["(none)" if value is None else _plain(value) for value in rows[by]]
        drawn = axis.barh(labels, rows["cost"].to_list(), color=_COLOURS[0])
        axis.bar_label(drawn, labels=[f"{cost:,.0f}" for cost in rows["cost"]], padding=3, fontsize=8)
        axis.set_xlabel(f"cost, {currency}")
        axis.margins(x=0.12)
    figure.suptitle(title, fontsize=11)
    return figure


def by_day(frame: pl.DataFrame, by: str, title: str) -> Any:
    """Draw the cost of each day, stacked by a dimension, a panel a currency."""
    table, _ = table_of(frame, by, every="1d")
    panels = _currencies(table)
    figure, axes = _panels(len(panels), [8] * len(panels))
    colours = {value: _COLOURS[n % len(_COLOURS)] for n, value in enumerate(table[by].unique().sort())}
    for axis, currency in zip(axes, panels, strict=True):
        rows = table.filter((pl.col("currency") == currency) & pl.col("cost").is_not_null())
        wide = rows.pivot(by, index="period_start", values="cost").sort("period_start").fill_null(0.0)
        floor = pl.zeros(wide.height, eager=True)
        for value in sorted(set(wide.columns) - {"period_start"}):
            axis.bar(wide["period_start"].to_list(), wide[value].to_list(), bottom=floor.to_list(),
                     label=_plain(value), color=colours.get(value, _COLOURS[-1]))  # fmt: skip
            floor = floor + wide[value]
        axis.set_ylabel(f"cost a day, {currency}")
        axis.legend(fontsize=8, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.12), frameon=False)
        axis.tick_params(axis="x", labelsize=8)
    figure.suptitle(title, fontsize=11)
    return figure


def _currencies(table: pl.DataFrame) -> list[str]:
    stated = table.filter(pl.col("cost").is_not_null() & (pl.col("cost") != 0))
    return list(stated["currency"].drop_nulls().unique(maintain_order=True))


def _panels(count: int, rows: Sequence[int]) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    heights = [0.9 + 0.28 * max(1, number) for number in rows] or [1.5]
    figure, axes = plt.subplots(
        max(1, count), 1, figsize=(8.4, sum(heights) + 0.4), squeeze=False, layout="constrained",
        height_ratios=heights,
    )  # fmt: skip
    for axis in axes[:, 0]:
        axis.spines[["top", "right"]].set_visible(False)
    if not count:
        axes[0, 0].text(0.5, 0.5, "no cost is stated", ha="center", transform=axes[0, 0].transAxes)
    return figure, axes[: max(0, count), 0]


def _plain(text: Any) -> str:
    """Keep matplotlib from reading a name as mathematics."""
    return str(text).replace("$", r"\$")
