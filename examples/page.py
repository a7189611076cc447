"""A page for people who never see code: pick a month, see what it cost. `marimo run examples/page.py`"""

import marimo

app = marimo.App(width="medium", app_title="What our tools cost")


@app.cell
def _():
    import os
    import warnings

    import marimo as mo

    import truto_usage_nb as tu

    warnings.simplefilter("ignore", tu.UsageWarning)  # nobody can act on them here; the report ai_spend says them all
    if os.environ.get("TRUTO_API_TOKEN"):
        client = tu.Client()
        accounts = client.list_accounts()["id"].to_list()
    else:  # a look at what it will be
        client = tu.sandbox()
        accounts = ["claude-console", "claude-enterprise", "cursor", "confluent", "datadog"]
    return accounts, client, mo, tu


@app.cell
def _(client, mo, tu):
    last = tu.Period.parse("last-month", now=client.now()).start
    months = [f"{last.year - (n >= last.month)}-{(last.month - n - 1) % 12 + 1:02}" for n in range(6)]
    month = mo.ui.dropdown(months, value=months[0], label="month")
    dimensions = {"vendor": "integration", "model": "model_id", "surface": "surface"}
    by = mo.ui.dropdown(dimensions, value="vendor", label="by")
    mo.vstack([mo.md("# What our tools cost"), mo.hstack([month, by], justify="start")])
    return by, month


@app.cell
def _(accounts, client, month, tu):
    result = tu.fetch_usage(accounts, period=month.value, client=client, on_error="warn", progress=False)
    return (result,)


@app.cell
def _(by, mo, result, tu):
    table = tu.cost_per(result.polars, by.value)
    chart = tu.plots.cost_bars(result.polars, by.value)
    failed = f"**{len(result.gaps)} parts are missing: some accounts failed.**" if result.partial else ""
    formats = {"cost": "{:,.2f}", "tokens": "{:,.0f}"}
    held = table.select(by.value, "currency", "cost", "tokens").to_pandas()
    shown = mo.ui.table(held, selection=None, format_mapping=formats)
    mo.vstack([mo.md(failed), shown, chart, mo.plain_text(tu.closing_line(table))])
    return (table,)


if __name__ == "__main__":
    app.run()
