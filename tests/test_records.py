"""What makes a record: its key and its dimensions, on every kind of frame; and which of its rows stands."""

from __future__ import annotations

from itertools import chain
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backends_for_tests import CLUSTERS, KINDS, as_kind, as_polars, kind_name, spark
from tests.frames_for_tests import charge, charged, frame_of
from truto_usage_nb import schema
from truto_usage_nb.costs import cost_per, deduplicate
from truto_usage_nb.costs.coverage import coverage
from truto_usage_nb.errors import DuplicateError, FrameError, UsageWarning, hearing
from truto_usage_nb.native import enter
from truto_usage_nb.repeats import CONTESTED, KEY_WORDS, RECORD, repeated

BASE: dict[str, Any] = {
    "integrated_account_id": "k", "integration": "confluent", "id": "dlz-1", "start_date": "2026-10-05",
    "end_date": "2026-10-06", "updated_at": "2026-10-07", "metric_name": "KAFKA_STORAGE",
    "product": {"id": "kafka", "name": "Kafka"}, "organization": {"id": "org", "name": "Org"},
    "model": {"id": "m", "provider": "p"}, "surface": "api", "user": {"id": "u1", "email": "ann@x.test"},
    "resources": [{"id": "lkc-1", "name": "One", "workspace": {"id": "w1", "name": "W"}}],
}  # fmt: skip


def row(amount: float = 3.0, currency: str | None = "USD", /, **fields: Any) -> dict[str, Any]:
    return BASE | {"charges": charged(currency, net=amount)} | fields


def resources(*ids: str | None, workspace: str | None = "w1", name: str | None = None) -> dict[str, Any]:
    return {"resources": [{"id": each, "name": name, "workspace": {"id": workspace, "name": None}} for each in ids]}


ANOTHER: dict[str, dict[str, Any]] = {
    "account": {"integrated_account_id": "k2"},
    "report type": {"report_type": "cost"},
    "start": {"start_date": "2026-10-04"},
    "end": {"end_date": "2026-10-07"},
    "metric": {"metric_name": "KAFKA_BASE"},
    "metric, none": {"metric_name": None},
    "product": {"product": {"id": "connect", "name": "Kafka"}},
    "product without ids": {"product": {"id": None, "name": "Connect"}},
    "organization": {"organization": {"id": "org2", "name": "Org"}},
    "model": {"model": {"id": "n", "provider": "p"}},
    "provider": {"model": {"id": "m", "provider": "q"}},
    "surface": {"surface": "chat"},
    "person": {"user": {"id": "u2", "email": "ann@x.test"}},
    "person by mail": {"user": {"id": None, "email": "ben@x.test"}},
    "person by name": {"user": {"id": None, "email": None, "name": "Ben"}},
    "resource": resources("lkc-2"),
    "resource by name": resources(None, name="Two"),
    "workspace": resources("lkc-1", workspace="w2"),
    "no workspace": resources("lkc-1", workspace=None),
    "several resources": resources("lkc-1", "lkc-2"),
}
"""What differs from the base, one dimension at a time, by what it is."""


@pytest.mark.parametrize("what", ANOTHER)
def test_another_dimension_is_another_record(what):
    for amount in (4.0, 3.0):  # with the same figures it is no repeat either
        frame = frame_of([row(3.0), row(amount, **ANOTHER[what])])
        assert _quietly(deduplicate, frame)["charges_net"].to_list() == [3.0, amount]
        assert repeated(enter(frame)).height == 0


@pytest.mark.parametrize("kind", [*KINDS, *CLUSTERS])
def test_so_it_is_on_every_kind_of_frame(kind):
    rows = [row(2.0), *(row(3.0, **more) for what, more in ANOTHER.items() if kind in KINDS or "several" not in what)]
    frame = as_kind(frame_of([*rows, *rows]), kind)
    kept = _quietly(deduplicate, frame)
    assert kind_name(kept).split(".")[0] == kind_name(frame).split(".")[0]
    assert sorted(as_polars(kept)["charges_net"]) == [2.0, *[3.0] * (len(rows) - 1)]  # each of them once


def test_every_dimension_of_the_schema_is_tried_here():
    assert tuple(chain(*KEY_WORDS.values())) == schema.RECORD_DIMENSIONS
    assert set(KEY_WORDS) - {"currency"} <= set(ANOTHER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((3.0, "USD"), (4.0, "EUR")),
        ((3.0, "USD"), (3.0, "EUR")),
        ((3.0, None), (4.0, "USD")),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_another_currency_is_another_record(kind, one, other):
    kept = as_polars(_quietly(deduplicate, as_kind(frame_of([row(*one), row(*other)]), kind)))
    assert sorted(kept["charges_net"]) == [one[0], other[0]]


def several(*charges: tuple[float, str | None], **fields: Any) -> dict[str, Any]:
    return row(**fields) | {"charges": [charge("net", amount, currency) for amount, currency in charges]}


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "word for word": (row(), row()),
    "currency in small letters": (row(3.0, "USD"), row(3.0, " usd")),
    "currency not said, in two ways": (row(3.0, None), row(3.0, "")),
    "mail in capitals": (
        row(user={"id": None, "email": "ann@x.test"}),
        row(user={"id": None, "email": " ANN@X.test"}),
    ),
    "a mail for an id": (row(user={"id": "ann@x.test"}), row(user={"id": "Ann@X.Test"})),
    "one person under two mails": (row(), row(user={"id": "u1", "email": "new@x.test"})),
    "names of today": (
        row(),
        row(product={"id": "kafka", "name": "New"}, user={"id": "u1", "name": "Ann"}, **resources("lkc-1", name="New")),
    ),
    "spaces around": (row(metric_name="KAFKA_STORAGE"), row(metric_name=" KAFKA_STORAGE ")),
    "resources in another order": (row(**resources("a", "b")), row(**resources("b", "a"))),
    "currencies in another order": (several((1, "USD"), (2, "EUR")), several((2, "eur"), (1, " USD"))),
}


@pytest.mark.parametrize("what", SAME)
def test_the_same_record_with_the_same_figures_is_there_once(what):
    frame = frame_of(list(SAME[what]))
    assert deduplicate(frame).height == 1
    with pytest.raises(DuplicateError, match=r"1 record is here twice, such as 'dlz-1' of k .*deduplicate\(frame\)"):
        cost_per(frame)


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_is_once_on_every_kind_of_frame(kind):
    rows = [each | {"id": f"{number}"} for number, pair in enumerate(SAME.values()) for each in pair]
    frame = as_kind(frame_of(rows), kind)
    assert sorted(as_polars(deduplicate(frame))["id"]) == [f"{number}" for number in range(len(SAME))]
    with pytest.raises(DuplicateError, match=r"10 records are here twice, such as '0' of k .*deduplicate\(frame\)"):
        cost_per(frame)


LISTED = [
    (row(3.0, **resources("a", "b")), row(4.0, **resources("a", "c"))),
    (row(3.0, **resources("a", "b")), row(3.0, **resources("a", "b", "c"))),
    (row(3.0, **resources("a", "b")), row(3.0, **resources("a", "b", workspace="w2"))),
    (several((1, "USD"), (2, "EUR")), several((1, "USD"), (2, "GBP"))),
    (several((1, "USD"), (2, "EUR")), several((1, "USD"), (2, None))),
]
"""Pairs of records whose wide columns are null where they differ."""


@pytest.mark.parametrize("kind", KINDS)
def test_several_resources_or_currencies_are_read_from_the_lists(kind):
    rows = [each | {"id": f"{number}"} for number, (one, other) in enumerate(LISTED) for each in (one, other, one)]
    frame = as_kind(frame_of(rows), kind)
    kept = as_polars(_quietly(deduplicate, frame))
    assert sorted(kept["id"]) == [f"{number}" for number in range(len(LISTED)) for _ in range(2)]
    assert repeated(enter(frame)).height == 2 * len(LISTED)  # the first and the last of each three


def test_lists_on_spark_are_read_too():
    rows = [row(3.0, **resources("a", "b")), row(4.0, **resources("a", "c")), row(3.0, **resources("b", "a"))]
    rows += [several((1, "USD"), (2, "EUR")), several((1, "USD"), (2, "GBP")), several((2, "eur"), (1, "usd"))]
    frame = spark().createDataFrame(frame_of(rows).to_arrow())
    assert as_polars(_quietly(deduplicate, frame)).height == 4


@pytest.mark.parametrize("kind", CLUSTERS)
def test_without_the_lists_nobody_can_tell_and_nothing_is_dropped(kind):
    frame = as_kind(frame_of([row(3.0, **resources("a", "b")), row(3.0, **resources("a", "c"))]), kind)
    with pytest.raises(DuplicateError, match=r"several resources or currencies, but this frame has no list"):
        deduplicate(frame)


OTHER_FIGURES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "money": (row(3.0), row(4.0), r"charges_net 3\.0 and 4\.0"),
    "another charge": (row(3.0), row() | {"charges": charged(net=3, tax=1)}, r"charges_tax None and 1\.0"),
    "tokens": (
        row(usage={"tokens": {"input": 5}}),
        row(usage={"tokens": {"input": 6}}),
        r"usage_tokens_input 5(\.0)? and 6",
    ),
    "quantity": (row(usage={"quantity": 1.5}), row(usage={"quantity": 2.5}), r"usage_quantity 1\.5 and 2\.5"),
    "unit": (
        row(usage={"quantity": 1, "unit": "GB"}),
        row(usage={"quantity": 1, "unit": "Hours"}),
        "usage_unit GB and Hours",
    ),
    "currencies' amounts": (
        several((1, "USD"), (2, "EUR")),
        several((1, "USD"), (3, "EUR")),
        r"charges of net EUR 2\.0, net USD 1\.0 and charges of net EUR 3\.0",
    ),
}


@pytest.mark.parametrize("what", OTHER_FIGURES)
@pytest.mark.parametrize("kind", ["polars", "pandas", "duckdb"])
def test_other_figures_without_a_newer_one_are_an_error_that_names_both(kind, what):
    one, other, differs = OTHER_FIGURES[what]
    for updated in ("2026-10-07", None):
        frame = as_kind(frame_of([one | {"updated_at": updated}, other | {"updated_at": updated}]), kind)
        with pytest.raises(DuplicateError) as refused:
            deduplicate(frame)
        assert refused.match(f"The record 'dlz-1' of k from 2026-10-05 to 2026-10-06 is here .*: {differs}")
        assert refused.match(".*None is newer .*Keep the right one by a filter on .*an id of its own")


@pytest.mark.parametrize("kind", [*KINDS, *CLUSTERS])
def test_other_figures_are_an_error_on_every_kind_of_frame(kind):
    with pytest.raises(DuplicateError, match=r"charges_net 3\.0 and 4\.0.*None is newer"):
        deduplicate(as_kind(frame_of([row(3.0), row(4.0)]), kind))


@pytest.mark.parametrize("kind", KINDS)
def test_tables_raise_the_same_and_never_advise_what_loses_money(kind):
    frame = as_kind(frame_of([row(3.0), row(4.0)]), kind)
    with pytest.raises(DuplicateError, match=r"charges_net 3\.0 and 4\.0.*id of its own") as refused:
        cost_per(frame)
    assert "deduplicate" not in str(refused.value)
    assert cost_per(frame_of([row(3.0), row(4.0)]), overlap="allow")["cost"].to_list() == [7.0]
    assert as_polars(coverage(frame).accounts)["repeated"].to_list() == [1]


@pytest.mark.parametrize("older", ["2026-10-07", None])
@pytest.mark.parametrize("kind", [*KINDS, *CLUSTERS])
def test_the_newest_stands(kind, older):
    rows = [row(3.0, updated_at=older), row(4.0, updated_at="2026-10-08"), row(3.0, updated_at=older)]
    frame = as_kind(frame_of(rows), kind)
    assert as_polars(deduplicate(frame))["charges_net"].to_list() == [4.0]
    with pytest.raises(DuplicateError, match=r"2 records are here twice.*deduplicate\(frame\)"):
        cost_per(frame)


def test_of_the_newest_two_that_differ_none_is_dropped_for_an_older_one():
    rows = [row(3.0, updated_at="2026-10-07"), row(4.0, updated_at="2026-10-08"), row(5.0, updated_at="2026-10-08")]
    with pytest.raises(DuplicateError, match=r"is here with other figures: charges_net 4\.0 and 5\.0"):
        deduplicate(frame_of(rows))
    with pytest.raises(DuplicateError, match=r"\(so are 1 more\)"):
        deduplicate(frame_of([*rows, row(1.0, id="x"), row(2.0, id="x")]))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_an_id_say_nothing(kind):
    for nameless in (None, ""):
        frame = as_kind(frame_of([row(3.0, id=nameless), row(4.0, id=nameless), row(3.0, id=nameless)]), kind)
        assert as_polars(deduplicate(frame))["charges_net"].to_list() == [3.0, 4.0, 3.0]


@pytest.mark.parametrize("kind", ["polars", "polars_lazy", "pandas", "pandas_arrow", "pyarrow"])
def test_the_last_served_stays_in_its_place(kind):
    rows = [row(3.0, user={"id": "u1", "name": name}) for name in ("first", "second")]
    frame = as_kind(frame_of([row(id="a"), rows[0], row(id="b"), rows[1], row(id="c")]), kind)
    kept = as_polars(deduplicate(frame))
    assert kept.select("id", "user_name").rows() == [
        ("a", None), ("b", None), ("dlz-1", "second"), ("c", None)
    ]  # fmt: skip
    assert kept.columns == as_polars(frame).columns


def test_excluded_fields_are_left_out_of_the_key():
    frame = frame_of([row(3.0), row(3.0, metric_name="other", **resources("x", "y"))])
    lacking = frame.drop("metric_name", pl.selectors.starts_with("resources"), "updated_at", "charges")
    assert deduplicate(lacking).height == 1
    assert deduplicate(lacking.lazy()).collect().height == 1
    with pytest.raises(FrameError, match="deduplicate needs the column end_date"):
        deduplicate(frame.drop("end_date"))


@pytest.mark.parametrize("kind", [*KINDS, *CLUSTERS])
def test_an_id_that_stands_for_several_records_is_told_with_what_differs(kind):
    rows = [row(1.0, id="a"), row(2.0, id="a", metric_name="other"), row(3.0, id="b"), row(4.0, id="b", surface="web")]
    frame = as_kind(frame_of([*rows, row(5.0, id="c")]), kind)
    with pytest.warns(UsageWarning, match=r"2 ids stand for several records, such as 'a' of k: another metric\. All"):
        assert as_polars(deduplicate(frame)).height == 5
    moved = as_kind(frame_of([rows[0], row(2.0, id="a", start_date="2026-10-04", user={"id": "u9"})]), kind)
    with pytest.warns(UsageWarning, match=r"1 ids .*: another start and another person\. All are kept"):
        deduplicate(moved)


AMOUNTS, MOMENTS = st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([None, "2026-10-07", "2026-10-08"])
ROWS = st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["plain", "listed", "web"]), AMOUNTS, MOMENTS)
MADE: dict[str, dict[str, Any]] = {"plain": {}, "listed": resources("lkc-1", "lkc-2"), "web": {"surface": "web"}}


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=7))
def test_no_row_is_dropped_but_for_one_that_stands(rows):
    """Held against the rule in plain Python: whatever is kept or refused, no amount goes without another's word."""
    frame = frame_of([row(a, id=n, updated_at=m) | MADE[w] for n, w, a, m in rows])
    held: dict[Any, list[tuple[str, float]]] = {}
    for name, what, amount, moment in rows:
        held.setdefault((name, what), []).append((moment or "", amount))
    newest = {key: {a for m, a in states if m == max(states)[0]} for key, states in held.items()}
    undecided = any(key[0] is not None and len(amounts) > 1 for key, amounts in newest.items())
    for ask in (deduplicate, lambda given: deduplicate(given.lazy()).collect()):
        if undecided:
            with pytest.raises(DuplicateError, match="None is newer"):
                _quietly(ask, frame)
        else:
            nameless = [a for key, states in held.items() if key[0] is None for _, a in states]
            kept = [a for key, amounts in newest.items() if key[0] is not None for a in amounts]
            assert sorted(_quietly(ask, frame)["charges_net"]) == sorted(nameless + kept)


def test_records_are_judged_once_each_however_many_there_are():
    """Half a million records beside a few repeats: only the repeats are looked at closely."""
    numbers = pl.DataFrame({"n": range(500_000)})
    many = frame_of([row()]).join(numbers, how="cross").with_columns(id=pl.format("r{}", "n")).drop("n")
    frame = pl.concat([many, many.head(3), many.tail(2).with_columns(charges_net=9.0)], how="vertical")
    found = repeated(enter(frame))
    assert found.height == 10
    assert found.filter(CONTESTED)[RECORD].n_unique() == 2


def _quietly(ask: Any, frame: Any) -> Any:
    """Ask, where an id that stands for several records is told."""
    with hearing():
        return ask(frame)
