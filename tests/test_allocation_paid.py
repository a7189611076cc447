"""Who pays for what nobody used: idle seats and unused commitments, with their teams or apart, each worked by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import truto_usage_nb as tu
from tests.frames_for_tests import charged, frame_of
from tests.test_allocation import record
from truto_usage_nb.allocation import read_rules
from truto_usage_nb.errors import FrameError, InputError, hearing

ANN, BO = "ann@x.com", "bo@x.com"
TEAMS = [
    {"to": "web", "match": [{"email": ANN}, {"api_key": "k1"}]},
    {"to": "mobile", "match": [{"email": BO}, {"api_key": "k2"}]},
]
SEATS = pl.DataFrame({"integration": ["Cursor"] * 4, "email": [ANN, BO, "BO@x.com", None]})
PRICES = {"cursor": (40, "USD")}
CKU = {"account": "k", "product": "kafka", "quantity": 4, "unit": "CKU", "price": 2.0, "start": "2026-10-01",
       "end": "2027-10-01", "currency": "USD", "basis": "hourly"}  # fmt: skip
TASKS = CKU | {"product": "jobs", "quantity": 100, "unit": "task", "price": 3.0, "basis": "monthly"}


def used(email: str | None, amount: float, month: int = 10) -> dict[str, Any]:
    return record("c", amount, email=email, integration="cursor", month=month, tokens=5)


def rules(**sections: Any) -> dict[str, Any]:
    return {"version": 1, "rules": TEAMS, **sections}


def handed(records: list[dict[str, Any]], book: Any, **given_: Any) -> dict[Any, tuple[float, float]]:
    """Direct and purchased cost by target."""
    frame = frame_of(records)
    with hearing():
        table = tu.allocate(frame, book, **given_)
        held = tu.check_allocation(frame, book, **given_)
    assert (held["difference"] == 0).all()
    return {row["target"]: (row["direct_cost"], row["purchased_cost"]) for row in table.iter_rows(named=True)}


def told(records: list[dict[str, Any]], book: Any, **given_: Any) -> str:
    with hearing() as said:
        tu.allocate(frame_of(records), book, **given_)
    return " ".join(said)


# seats ----------------------------------------------------------------------------------------------------------------


def test_an_idle_seat_is_its_teams_or_stands_apart_as_the_rule_says() -> None:
    """Three seats of $40: ann used hers for $12, bo (listed twice, one seat) did not, and the third is nobody's."""
    world = [used(ANN, 12)]
    team = {"web": (12, 40), "mobile": (0, 40), None: (0, 40)}
    assert handed(world, rules(), seats=SEATS, seat_prices=PRICES) == team
    assert handed(world, rules(seats={"idle": "team"}), seats=SEATS, seat_prices=PRICES) == team
    apart = handed(world, rules(seats={"idle": "apart"}), seats=SEATS, seat_prices=PRICES)
    assert apart == {"web": (12, 40), "idle-seats": (0, 80)}
    named = rules(
        seats={"idle": "apart", "to": "it"}, splits=[{"pool": "it", "by": "even", "among": ["web", "mobile"]}]
    )
    with hearing():
        table = tu.allocate(frame_of(world), named, seats=SEATS, seat_prices=PRICES)
    assert dict(table.select("target", "cost").iter_rows()) == {"web": 92, "mobile": 40, "it": 0}


def test_the_explanation_names_the_rule_behind_an_idle_seat() -> None:
    with hearing():
        table = tu.allocate(frame_of([used(ANN, 12)]), rules(), seats=SEATS, seat_prices=PRICES, explain=True)
        apart = tu.allocate(
            frame_of([used(ANN, 12)]), rules(seats={"idle": "apart"}), seats=SEATS, seat_prices=PRICES, explain=True
        )
    seats = {row["rule"]: (row["target"], row["seats"]) for row in table.iter_rows(named=True) if row["seats"]}
    assert seats == {"rule 1, seats": ("web", 40), "rule 2, idle seats": ("mobile", 40), None: (None, 40)}
    idle = apart.filter(rule="idle seats").row(0, named=True)
    assert (idle["target"], idle["seats"], idle["reason"]) == ("idle-seats", 80, "used by nobody in the month")


def test_a_seat_is_idle_by_the_month() -> None:
    """Ann works in October, bo in November: of four seat-months two are idle."""
    world = [used(ANN, 1), used(BO, 1, month=11)]
    seats = pl.DataFrame({"integration": ["cursor"] * 2, "email": [ANN, BO]})
    apart = handed(world, rules(seats={"idle": "apart"}), seats=seats, seat_prices=PRICES)
    assert apart == {"web": (1, 40), "mobile": (1, 40), "idle-seats": (0, 80)}


def test_where_nobody_is_named_no_seat_is_idle() -> None:
    world, book = [used(None, 12)], rules(seats={"idle": "apart"})
    assert handed(world, book, seats=SEATS, seat_prices=PRICES) == {"web": (0, 40), "mobile": (0, 40), None: (12, 40)}
    assert "no record of cursor in 2026-10 names anybody" in told(world, book, seats=SEATS, seat_prices=PRICES)


# commitments ----------------------------------------------------------------------------------------------------------


def cluster(key: str, hours: float, amount: float) -> dict[str, Any]:
    return record("k", amount, day=1, key=key, product="kafka") | {"usage": {"quantity": hours, "unit": "CKU-hour"}}


def job(key: str, tasks: float, committed: float) -> dict[str, Any]:
    made = record("k", None, day=1, days=31, key=key, product="jobs")
    return made | {"charges": charged(committed=committed), "usage": {"quantity": tasks, "unit": "task"}}


def test_what_no_record_states_is_added_to_those_who_use_the_rest_or_apart() -> None:
    """72 of 96 CKU-hours: 24 idle at $2 are $48, by $30 and $20 of use $28.80 and $19.20."""
    world, table = [cluster("k1", 40.0, 30), cluster("k2", 32.0, 20)], pl.DataFrame([CKU])
    assert handed(world, rules(), commitments=table) == {"web": (30, 28.8), "mobile": (20, 19.2)}
    apart = rules(commitments={"unused": "apart"})
    assert handed(world, apart, commitments=table) == {"web": (30, 0), "mobile": (20, 0), "unused-commitments": (0, 48)}
    with hearing():
        held = tu.check_allocation(frame_of(world), apart, commitments=table)
    assert held.select("allocated", "payable", "purchases", "committed_billed").row(0) == (98, 50, 48, 0)


def test_a_price_as_text_needs_its_mark_where_it_can_be_read_in_two_ways(tmp_path: Any) -> None:
    """24 idle hours at $1.845 are $44.28."""
    path = tmp_path / "held.csv"
    pl.DataFrame([CKU | {"price": "1.845"}]).write_csv(path)
    world = [cluster("k1", 72.0, 30)]
    with pytest.raises(FrameError, match="say which"):
        tu.allocate(frame_of(world), rules(), commitments=path)
    assert handed(world, rules(), commitments=path, decimal=".") == {"web": (30, 44.28)}


def test_what_the_bill_states_only_moves() -> None:
    """$180 and $120 are on the bill for 100 tasks, of which 40 + 20 are used: $120 unused, $72 and $48 of it."""
    world, table = [job("k1", 40.0, 180), job("k2", 20.0, 120)], pl.DataFrame([TASKS])
    assert handed(world, rules(), commitments=table) == {"web": (180, 0), "mobile": (120, 0)}
    apart = rules(commitments={"unused": "apart", "to": "procurement"})
    assert handed(world, apart, commitments=table) == {"web": (108, 0), "mobile": (72, 0), "procurement": (120, 0)}
    with hearing():
        explained = tu.allocate(frame_of(world), apart, commitments=table, explain=True)
    moved = explained.filter(pl.col("rule") == "commitment of k: jobs")
    assert dict(moved.select("target", "direct_cost").iter_rows()) == {"web": -72, "mobile": -48, "procurement": 120}


def test_nobody_uses_it_and_the_rule_of_its_account_pays() -> None:
    """96 idle CKU-hours: $192; the account's only record is of another product."""
    world = [cluster("k1", 0.0, 0), record("k", 5, day=1, product="other", key="k1")]
    book = {"version": 1, "rules": [{"to": "kafka-team", "match": {"product": "kafka"}}, *TEAMS]}
    assert handed(world, book, commitments=pl.DataFrame([CKU])) == {"kafka-team": (0, 192), "web": (5, 0)}


def test_credits_are_unused_when_their_term_ends() -> None:
    """$100 of credits to the 1st of November, $50 drawn: $50 lapse in October. A longer term has nothing unused yet."""
    world = [cluster("k1", 1.0, 50), record("k", 0, day=31, key="k1")]
    credits = CKU | {"product": None, "quantity": 100, "unit": "USD", "price": 1, "basis": "prepaid"}
    assert handed(world, rules(), commitments=pl.DataFrame([credits | {"end": "2026-11-01"}])) == {"web": (50, 50)}
    assert handed(world, rules(), commitments=pl.DataFrame([credits])) == {"web": (50, 0)}


def test_what_is_not_known_is_told_and_a_purchase_beside_it_is_refused() -> None:
    silent = [job("k1", 1.0, 180) | {"usage": {}}]
    assert "how much of jobs of k was used in 2026-10 is not known" in told(
        silent, rules(), commitments=pl.DataFrame([TASKS])
    )
    bought = pl.DataFrame({"integrated_account_id": ["k"], "amount": [9], "currency": ["USD"]})
    with pytest.raises(InputError, match="purchases= and commitments= both hold k"):
        tu.allocate(frame_of([cluster("k1", 1.0, 5)]), rules(), commitments=pl.DataFrame([CKU]), purchases=bought)
    with pytest.raises(FrameError, match="needs the column"):
        tu.allocate(frame_of(silent), rules(), commitments=pl.DataFrame([TASKS]).drop("price"))


def test_the_books_carry_it(tmp_path: Any) -> None:
    """$12 of use, two seats of $40 apart: a sheet of its own, and a journal that comes to nothing."""
    with hearing():
        made = tu.allocate(
            frame_of([used(ANN, 12)]), rules(seats={"idle": "apart", "to": "it"}), seats=SEATS, seat_prices=PRICES,
            explain=True,
        )  # fmt: skip
    tu.write_chargeback(made, tmp_path / "x.xlsx", period="2026-10", ledger=tmp_path / "x.csv")
    lines = (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[2:4] for line in lines[1:]] == [["it", "80.00"], ["web", "52.00"], ['""', "-132.00"]]


# the sections of the file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"seats": "apart"}, "seats is 'apart', no mapping; write it like {idle: apart}"),
        ({"seats": {"idle": "appart"}}, "seats: idle='appart' is no way. Did you mean 'apart'. Ways: team, apart"),
        ({"seats": {"idle": "team", "to": "it"}}, "to: it needs idle: apart"),
        ({"seats": {"unused": "apart"}}, "'unused', which means nothing here"),
        ({"commitments": {"unused": "team"}}, "Ways: shared, apart"),
        ({"seat": {"idle": "apart"}}, "'seat', which means nothing here. Did you mean 'seats'"),
    ],
)
def test_a_section_that_cannot_be_right_is_named(section: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_rules(rules(**section))
    assert said in str(caught.value).replace("?", "."), caught.value


def test_a_section_changes_the_hash_and_none_leaves_it() -> None:
    plain = read_rules(rules()).sha256
    assert plain == read_rules({"version": 1, "rules": TEAMS}).sha256
    assert len({plain, *(read_rules(rules(seats={"idle": word})).sha256 for word in ("team", "apart"))}) == 3


def test_rules_in_yaml(tmp_path: Any) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(
        "version: 1\nrules:\n  - {to: web, match: all}\nseats: {idle: apart}\ncommitments: {unused: apart, to: x}\n"
    )
    book = read_rules(path)
    assert (book.idle_seats.to, book.unused_commitments.to) == ("idle-seats", "x")


# all of it adds up ----------------------------------------------------------------------------------------------------

AMOUNT = st.integers(0, 9_999).map(lambda cents: cents / 100)


@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    clusters=st.lists(
        st.tuples(st.sampled_from(["k1", "k2", None]), st.integers(0, 200), AMOUNT), min_size=1, max_size=3
    ),
    jobs=st.lists(st.tuples(st.sampled_from(["k1", "k2"]), st.integers(0, 60), AMOUNT), max_size=2),
    price=st.integers(1, 9_999).map(lambda cents: cents / 100),
    idle=st.sampled_from([None, {"idle": "team"}, {"idle": "apart"}]),
    unused=st.sampled_from([None, {"unused": "shared"}, {"unused": "apart"}]),
)
def test_what_is_handed_out_is_the_bill_and_what_was_paid_beside_it(
    clusters: Any, jobs: Any, price: float, idle: Any, unused: Any
) -> None:
    world = [cluster(key, float(hours), amount) | {"id": str(i)} for i, (key, hours, amount) in enumerate(clusters)]
    world += [job(key, float(tasks), amount) | {"id": f"j{i}"} for i, (key, tasks, amount) in enumerate(jobs)]
    book = rules(**{name: each for name, each in (("seats", idle), ("commitments", unused)) if each})
    terms = pl.DataFrame([CKU, *([TASKS] if jobs else [])])
    given_ = {"seats": SEATS, "seat_prices": {"cursor": (price, "USD")}, "commitments": terms, "overlap": "allow"}
    with hearing():
        held = tu.check_allocation(frame_of([*world, used(ANN, 1)]), book, **given_).row(0, named=True)
    days, hours = 31 if jobs else 1, sum(each for _, each, _ in clusters)
    bill = 1 + sum(amount for *_, amount in (*clusters, *jobs))
    assert held["payable"] == pytest.approx(bill, abs=0.011)
    assert held["seats"] == pytest.approx(3 * price, abs=0.011)
    assert held["purchases"] == pytest.approx(2 * (4 * 24 * days - min(hours, 96)), abs=0.011)
    assert held["difference"] == 0
