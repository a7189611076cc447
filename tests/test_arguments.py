"""Whatever is given for one argument, the others being right: an answer, or one sentence of ours, and soon."""

from __future__ import annotations

import inspect
import itertools
import math
import random
import signal
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest

import truto_usage_nb as tu
from truto_usage_nb import plots
from truto_usage_nb.costs import Choices
from truto_usage_nb.errors import FrameError, UsageError, hearing

SECONDS = 20.0
"""No call that is refused takes so long on the slowest machine; one that hangs does."""
EACH = 4
"""How many values are tried for an argument, drawn by seed."""

DAY = datetime(2026, 10, 5, tzinfo=UTC)
VALUES = [
    None, True, False, 0, -1, 5, 10**30, 10**5000, 1.5, 1e308, math.nan, math.inf, -math.inf, complex(1, 2),
    Decimal("NaN"), np.float64("nan"), np.int64(3), pd.NA, pd.NaT, np.array([1, 2]),
    "", " ", "x", "USD", "\0", "\ud800", "\x1b[31m", "a\nb", "<b>", "x" * 5000, "1,08", "..", "../../x", "nope.csv",
    "2026-10", "2026-10-05", "2026-13", "0001-01-01", "9999-12-31", "2026-10-05T00:00:00+23:59", "last-month",
    b"x", [], (), {}, set(), ["x"], [None], [5], ["x", "x"], ("model_id", "model_id"), [[]], iter(["x"]), range(3),
    {"x": "y"}, {"x": None}, {None: 1}, {1: 2}, {"claude": 5}, {"claude": {"money": 5}}, {"cursor": (1.0, 2.0, "USD")},
    {"cursor": ("ACU", math.nan)}, {"USD": math.nan}, {"USD": "x"}, {("USD", "EUR"): -1}, {("USD",): 1},
    ("2026-10-05", "2026-10-01"), (None, None), (datetime(2026, 10, 1), datetime(2026, 10, 2)),  # noqa: DTZ001
    date(2026, 10, 5), DAY, datetime(2026, 10, 5), datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC),  # noqa: DTZ001
    object(), object, len, itertools.count(), Path("nope.csv"), Path("/"),
    pl.DataFrame(), pd.DataFrame(), pl.DataFrame({"x": [1]}), pl.LazyFrame({"x": [1]}), pl.Series([1]),
    pd.DataFrame([[1, 2]], columns=["x", "x"]), pl.DataFrame({"email": ["a", "a"], "team": [None, "b"]}),
]  # fmt: skip


@cache
def usage():
    """Give a few records of three vendors, and a month of one of them."""
    client = tu.sandbox()
    days = [client.load_usage(each, period="2026-10-05").head(4) for each in ("cursor", "confluent")]
    month = client.load_usage("datadog", period="2026-10").head(4)
    return pl.concat([*days, month], how="diagonal_relaxed")


@cache
def month():
    return tu.sandbox().load_usage("cursor", period="2026-10").gather_every(400)


@cache
def result():
    return tu.sandbox().fetch_usage("confluent", period="2026-10-05")


@cache
def wrong_frames():
    """Give frames that are wrong in another way than being none: each column of the wrong type, or all alike."""
    every = usage().columns
    alike = [pl.lit("x"), pl.lit(None), pl.lit(1), pl.lit(b"x"), pl.lit([1])]
    texts = usage().with_columns(pl.exclude(pl.List).cast(pl.String))
    made = [usage().select(value.alias(name) for name in every) for value in alike]
    return [*made, made[1].to_pandas(), texts, usage().clear(), usage().to_pandas(), result()]


def table():
    """Give each public function with arguments that are right; no other argument of it has to be given."""
    client, frame = tu.sandbox(), {"frame": usage()}
    labels = pl.DataFrame({"email": ["a@b.example"], "team": ["t"]})
    invoice = pl.DataFrame({"integration": ["cursor"], "month": ["2026-10"], "currency": ["USD"], "amount": ["10"]})
    load = {"what": "confluent", "period": "2026-10-05", "client": client}
    rows = tu.to_focus(usage())
    of_month = ("pace", "forecast_costs", "unusual", "seats", "unit_costs", "reconcile", "cost_change")
    of_plots = {name: {"frame": month()} for name in plots.__all__ if name not in ("Charts", "Palette")}
    of_plots |= {"bridge": {"change": tu.cost_change(month(), every="1w")}, "colours": {"names": ["a"]}}
    of_plots |= {"seats": {"table": tu.seats(month())}, "save": {"axes": plots.token_mix(month()), "path": "x.png"}}
    of_plots["cost_bars"] |= {"by": "user_email"}
    held = {"account": "datadog", "product": "rum", "quantity": 9, "unit": "x", "price": 1, "on_demand_price": 2}
    held |= {"start": "2026-01-01", "end": "2027-01-01", "currency": "USD", "basis": "monthly"}
    monthly = {"frame": tu.sandbox().load_usage("datadog", period="2026-10"), "table": pl.DataFrame([held])}
    rules = [{"to": "t", "match": {"account": "cursor"}}]
    budget = {"total": "true", "amount": "5", "currency": "USD", "period": "month"}
    allocated = tu.allocate(usage(), rules)
    of_plots["allocation"] = {"allocated": allocated}
    merged = pl.DataFrame({"day": ["2026-10-05"], "email": ["a@b.example"]})
    of_plots |= {
        name: {"table": one}
        for name, one in {
            "commitments": tu.commitments(**monthly), "commitment_curve": tu.commitment_curve(**monthly),
            "what_if": tu.what_if(usage(), cache_hit=0.5), "cache_advice": tu.cache_advice(month(), "model_id"),
            "forecast_costs": tu.forecast_costs(month()), "outcomes": tu.outcomes(usage(), merged),
        }.items()
    }  # fmt: skip
    of_plots["checks"] = {"checked": tu.check_usage(usage(), {"version": 1, "budgets": [budget]})}
    others = {
        **{name: {"usage": usage(), "rules": rules} for name in ("allocate", "check_allocation", "suggest_rules")},
        "allocation_change": {"before": allocated, "after": allocated},
        "check_usage": {"usage": usage(), "checks": {"version": 1, "budgets": [budget]}},
        "write_chargeback": {"allocated": allocated, "path": "x.xlsx"},
        "Client": {}, "CostExplorer": frame, "Period": {"start": DAY, "end": DAY.replace(month=11)},
        "QueryForm": {"client": client}, "direct": {"spec": {"team": {"integration": "cursor", "api_key": len}}},
        "read_usage": {"paths": "nope.json"},
        "UsageQuery": {}, "allow_nested_asyncio": {}, "check_focus": {"frame": rows},
        "outcomes": {**frame, "table": pl.DataFrame({"day": ["2026-10-05"], "email": ["a@b.example"]})},
        "commitments": monthly, "commitment_curve": monthly,
        "closing_line": {"table": tu.cost_per(usage())},
        "cost_rule": {}, "coverage": {"frame_or_result": usage()}, "data_dictionary": {}, "fetch_usage": load,
        "deliver_focus": {"result": usage(), "folder": "focus"},
        "export_focus": {"frame": rows, "to": "vantage", "folder": "files"},
        "focus_billing_periods": {"frame": rows}, "list_reports": {},
        "load_usage": load, "read_result": {"path": "no.parquet"},
        "reconcile": {"frame": month(), "invoices": invoice},
        "remote_field": {**frame, "name": "x"},
        "render_report": {"name_or_path": "ai_spend", "to": "x.html"}, "sandbox": {},
        "scan_usage": {**load, "directory": "dataset"},
        "unit_costs": {"frame": month(), "per": "request"}, "what_if": {**frame, "cache_hit": 0.5},
        "with_labels": {**frame, "table": labels},
        "write_csv": {**frame, "path": "x.csv"}, "write_focus": {"frame": rows, "path": "x.csv"},
        "write_xlsx": {**frame, "path": "x.xlsx"},
    }  # fmt: skip
    named = {name: getattr(tu, name) for name in tu.__all__ if callable(getattr(tu, name)) and name not in ELSEWHERE}
    found = {
        name: (one, others.get(name, {"frame": month()} if name in of_month else frame)) for name, one in named.items()
    }
    found |= {f"plots.{name}": (getattr(plots, name), given) for name, given in of_plots.items()}
    found["Period.parse"] = (tu.Period.parse, {"what": "2026-10"})
    found["UsageResult.save"] = (result().save, {"path": "x.parquet"})
    found["Client.list_products"] = (client.list_products, {"account": "cursor"})
    return found


ELSEWHERE = (
    "Choices",
    "UsageError",
    "UsageResult",
    "UsageWarning",
    "afetch_usage",
    "aload_usage",
    "ascan_usage",
)
"""Values of ours, and what the blocking functions await."""
CALLABLE = [name for name in tu.__all__ if callable(getattr(tu, name)) and name not in ELSEWHERE]
NAMES = [
    *CALLABLE, *(f"plots.{name}" for name in plots.__all__ if name not in ("Charts", "Palette")),
    "Period.parse", "UsageResult.save", "Client.list_products",
]  # fmt: skip


@cache
def _table():
    with hearing():
        return table()


def arguments(function):
    """Give the names that a function takes, those behind `**` too."""
    found = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    names = [one.name for one in found if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    for one in found:
        if one.kind is one.VAR_KEYWORD:
            names += Choices.__annotations__ if "Choices" in str(one.annotation) else ()
            names += ["report_type", "group_by", "limit", "start_date", "remote_query"] if one.name == "params" else ()
            names += {"defaults": ["accounts", "period", "backend"], "chosen": ["every", "top"]}.get(one.name, ())
            names += {"options": ["timeout", "retries"], "parameters": ["labels", "budget"]}.get(one.name, ())
            names.append("mesure")
    return names


@contextmanager
def soon(what):
    """Stop what hangs, and say so."""

    def late(*_):
        raise AssertionError(f"{what} took more than {SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def shown(value):
    try:
        return f"{type(value).__name__} {str(value)[:60]!r}"
    except ValueError:
        return f"{type(value).__name__} of very many digits"


def ends(function, given, name, value):
    """Call, and give what is wrong with how it ended, or nothing."""
    what = f"{name}={shown(value)}"
    try:
        with soon(what), hearing():
            function(**{**given, name: value})
    except UsageError as problem:
        return f"{what}: {len(str(problem))} characters" if len(str(problem)) > 6000 else None
    except TypeError as problem:
        return None if "unexpected keyword argument" in str(problem) else f"{what}: {problem!r}"
    except Exception as problem:  # noqa: BLE001  which is what must not come
        return f"{what}: {problem!r}"[:400]
    finally:
        plt.close("all")
    return None


@pytest.mark.drill
@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_given_the_end_is_an_answer_or_a_sentence_of_ours(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, given = _table()[name]
    rng, wrong = random.Random(name), []
    tried = [*wrong_frames()[:3], *wrong_frames()[-3:]] if name.startswith("plots.") else wrong_frames()
    for argument in arguments(function):
        first = argument in ("frame", "table", "change", "frame_or_result", "usage", "allocated", "before", "checked")
        values = [*rng.sample(VALUES, EACH), *(tried if first else ())]
        wrong += [said for value in values if (said := ends(function, given, argument, value)) is not None]
    assert not wrong, "\n".join(wrong)


def test_every_public_function_is_tried():
    assert set(_table()) == set(NAMES)
    assert {name for name in plots.__all__ if name not in ("Charts", "Palette")} <= {
        n.removeprefix("plots.") for n in NAMES
    }


def test_labels_refuse_cells_that_hold_several_things():
    arrays = pd.DataFrame({"email": ["a@b.example", "c@d.example"], "team": [np.array([1, 2]), ["x", "y"]]})
    keys = pd.DataFrame({"email": [np.array(["a"]), {"b": 1}], "team": ["t", "u"]})
    for labels, column in ((arrays, "team"), (keys, "email")):
        with pytest.raises(FrameError, match=rf"The table of labels holds .* in its column '{column}'"):
            tu.with_labels(usage(), labels)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("charges_net", "1.5", "charges_net holds String, not numbers"),
        ("start_date", 1, "start_date holds Int32, not times"),
        ("resources_count", "1", "resources_count holds String, not numbers"),
        ("overhangs_period", "false", "overhangs_period holds String, not flags"),
        ("report_type", b"cost", "report_type holds Binary, not texts"),
    ],
)
def test_a_column_of_another_kind_is_named(column, value, words):
    with pytest.raises(FrameError, match=words):
        tu.coverage(usage().with_columns(pl.lit(value).alias(column)))


@pytest.mark.parametrize("to", ["polars", "pandas", "pyarrow"])
def test_categories_and_columns_of_nothing_count_as_the_same_texts(to):
    texts = [name for name, dtype in usage().schema.items() if dtype == pl.String]
    frame = usage().with_columns(pl.col(texts).cast(pl.Categorical)).with_columns(report_type=pl.lit(None))
    given = {"polars": frame, "pandas": frame.to_pandas(), "pyarrow": frame.to_arrow()}[to]
    plain = usage().with_columns(report_type=pl.lit(None, pl.String))
    assert tu.coverage(given).tables["money"].equals(tu.coverage(plain).tables["money"])
    costs = tu.with_costs(given)
    billed = costs["cost_billed"].to_pylist() if to == "pyarrow" else costs["cost_billed"].to_list()
    expected = tu.with_costs(plain)["cost_billed"].to_list()
    assert [None if b is None or math.isnan(b) else b for b in billed] == expected
    if to == "polars":
        assert costs.schema["user_email"] == pl.Categorical  # as it came


@pytest.mark.parametrize("missing", [["updated_at"], ["updated_at", "created_at"]])
def test_pandas_without_times_of_change_is_read_like_polars(missing):
    frame = usage().drop(missing)
    assert tu.coverage(frame.to_pandas()).tables["money"].equals(tu.coverage(frame).tables["money"])
