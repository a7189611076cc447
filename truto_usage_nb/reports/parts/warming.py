"""What a report computes, draws and tabulates with, used once for nothing, so that its first cell need not wait."""

from __future__ import annotations

import gc
from datetime import date

import polars as pl

from truto_usage_nb.native import collect, enter
from truto_usage_nb.prices import unit_prices
from truto_usage_nb.reports.parts.markup import figure
from truto_usage_nb.reports.parts.tables import Column, table

__all__ = ["warm"]


def warm() -> None:
    """Draw a chart, set a table and ask a price: libraries are imported and lists read while the figures still load."""
    import matplotlib.pyplot as plt

    frame = pl.DataFrame({"nothing": [0]})
    collect(enter(frame).frame)
    table(frame, {"nothing": Column("Nothing", "count")}, name="nothing")
    unit_prices("gpt-5", "openai", date(2026, 1, 1))
    _, axes = plt.subplots(layout="constrained")
    figure(axes, "nothing")
    gc.freeze()  # what is imported stays: no cell should wait while the collector looks through it
