"""Whose a record is: ids and e-mails that are one person, and those that are not, each by hand."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import date
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backends_for_tests import KINDS, as_kind, as_polars
from tests.frames_for_tests import charged, frame_of
from tests.test_costs_backends import record
from truto_usage_nb import questions
from truto_usage_nb.costs.overlaps import NOT_ATTRIBUTED
from truto_usage_nb.errors import UsageWarning
from truto_usage_nb.questions.people import ID, MAIL, PERSON, WHO, newest_mails, with_people

Name = tuple[str | None, str | None, str | None, str | None]


def people(*names: Name) -> tuple[list[int | None], list[str]]:
    """Who is who of account, integration, id and e-mail: the persons numbered as they come, and what is told."""
    rows, told = with_people(pl.DataFrame(list(names), schema=dict.fromkeys(WHO, pl.String), orient="row"))
    order: dict[int, int] = {}
    return [None if n is None else order.setdefault(n, len(order) + 1) for n in rows[PERSON]], told


def claude(own: str | None, mail: str | None = None, account: str | None = "c") -> Name:
    return account, "claude", own, mail


def cursor(own: str | None, mail: str | None = None, account: str = "u") -> Name:
    return account, "cursor", own, mail


def test_an_id_is_one_person_whatever_its_mails_and_a_mail_alone_is_whose_it_was():
    renamed = [
        claude("u2", "old@x.com"),
        claude("u2", "new@x.com"),
        claude("u2"),
        claude(" u2 ", ""),
        claude(None, "OLD@x.com "),
    ]
    assert people(claude("u1", "a@x.com"), *renamed, claude(None, "b@x.com")) == ([1, 2, 2, 2, 2, 2, 3], [])


def test_who_is_not_named_is_nobody():
    nobody = [claude(None), claude("", " "), claude(NOT_ATTRIBUTED, NOT_ATTRIBUTED), claude("\t", None)]
    assert people(*nobody) == ([None] * 4, [])


def test_two_ids_of_an_account_stay_two_though_they_share_a_mail_and_that_is_told():
    numbers, told = people(claude("u2", "a@x.com"), claude("u1", "A@x.com"), claude(None, "a@x.com"), claude("u3"))
    assert numbers == [1, 2, 2, 3]  # the mail alone is the first id's
    assert told == [
        "two ids of one account are two people, though an e-mail joins them: a@x.com joins u1 and u2 of c, where "
        "records with the e-mail alone count as u1's"
    ]
    assert people(claude("u1", "a@x.com"), claude("u1", "b@x.com", "d"), claude("u1", account="e"))[0] == [1, 2, 3]


def test_a_mail_makes_people_of_several_accounts_one():
    assert people(claude("u1", "a@x.com"), cursor(None, "A@X.com"), claude("z", "a@x.com", "d")) == ([1, 1, 1], [])
    # also one by way of another, and an account that is at two vendors gives each its own ids
    chain = [
        claude("u1", "a@x.com"),
        claude("v1", "a@x.com", "d"),
        claude("v1", "b@x.com", "d"),
        cursor(None, "b@x.com"),
    ]
    assert people(*chain)[0] == [1, 1, 1, 1]
    assert people(claude("7", None, "u"), cursor("7"))[0] == [1, 2]


def test_no_mail_of_another_account_makes_two_ids_of_one_account_one():
    """v1 of d had both mails: with a@ it is u1 of c, so b@ would make u1 and u2 of c one."""
    names = [
        claude("u1", "a@x.com"),
        claude("u2", "b@x.com"),
        claude("v1", "a@x.com", "d"),
        claude("v1", "b@x.com", "d"),
    ]
    numbers, told = people(*names)
    assert numbers == [1, 2, 1, 1]
    assert len(told) == 1
    assert "b@x.com joins u1 and u2 of c" in told[0]
    # two in each account, and one mail of all: two people, not three or four
    assert people(*(claude(own, "a@x.com", account) for account in "cd" for own in "12"))[0] == [1, 2, 1, 2]


def test_a_number_and_a_user_id_of_cursor_are_one_member_by_the_mail():
    days, spend, event = cursor("12345", "a@x.com"), cursor("user_9", "A@x.com"), cursor(None, "a@x.com")
    assert people(days, spend, event, cursor("12345"), cursor("user_9")) == ([1] * 5, [])
    assert people(cursor("12345"), cursor("user_9"))[0] == [1, 2]  # nothing joins them
    numbers, told = people(days, cursor("6", "a@x.com"), spend)
    assert numbers == [1, 2, 1]  # user_9 is the first number's
    assert "a@x.com joins 12345 and 6 of u" in told[0]
    assert people(spend, cursor("user_8", "a@x.com"))[0] == [1, 2]
    assert people(days, cursor("sa_1", "a@x.com"))[0] == [1, 2]  # neither kind: joined with nobody
    assert people(*((v, "claude", own, mail) for v, _, own, mail in (days, spend)))[0] == [1, 2]  # of Claude's, never


def test_what_a_vendor_says_of_its_members_stands_above_what_other_accounts_say():
    """In d v had a@, which is the member 1's, and b@, which is user_2's: but by c@ user_2 is the member 3."""
    names = [
        cursor("1", "a@x.com"), claude("v", "a@x.com"), claude("v", "b@x.com"), cursor("user_2", "b@x.com"),
        cursor("user_2", "c@x.com"), cursor("3", "c@x.com"),
    ]  # fmt: skip
    assert people(*names)[0] == [1, 1, 1, 2, 2, 2]


def test_an_id_that_is_a_mail_is_one_where_nothing_else_is_said():
    assert people(claude("Ann@x.com"), cursor(None, "ann@x.com"))[0] == [1, 1]
    assert people(claude("id-ann@x.com", "ann@x.com"), cursor(None, "id-ann@x.com"))[0] == [1, 2]


def test_many_ids_of_one_mail_are_told_in_a_few_words():
    names = [claude(f"u{n:04}", "all@x.com", account) for account in "cd" for n in range(3000)]
    numbers, told = people(*names, *(claude(own, f"{n}@x.com") for n in range(5) for own in ("a", "b")))
    assert max(number or 0 for number in numbers) == 3002
    assert len(told[0]) < 400
    assert told[0].endswith("; 4 more e-mails do so")
    assert "all@x.com joins u0000, u0001, u0002 and 2997 more of c" not in told[0]  # those of 0@ and 1@ come first
    assert "0@x.com joins a and b of c; 1@x.com joins a and b of c; 2@x.com joins a and b of c" in told[0]


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["c", "d"]),
        st.sampled_from(["claude", "cursor"]),
        st.sampled_from([None, "1", "2", "user_1", "user_2", "sa_1"]),
        st.sampled_from([None, "a@x.com", "B@x.com", "c@x.com"]),
    ),
    max_size=14,
)


@settings(max_examples=200)
@given(NAMES, st.integers(0, 99))
def test_the_order_changes_nothing_and_ids_never_meet(names, seed):
    rows, told = with_people(pl.DataFrame(names, schema=dict.fromkeys(WHO, pl.String), orient="row"))
    mixed = Random(seed).sample(names, len(names))
    again, told_again = with_people(pl.DataFrame(mixed, schema=dict.fromkeys(WHO, pl.String), orient="row"))
    assert told == told_again
    assert set(rows.rows()) == set(again.rows())
    assert rows.drop(PERSON).rows() == [(a, i, own, mail and mail.lower()) for a, i, own, mail in names]
    held: dict[tuple[object, ...], set[str]] = {}
    of_id: dict[tuple[object, ...], set[int]] = {}
    for account, integration, own, mail, person in rows.iter_rows():
        assert (person is None) == (own is None and mail is None)
        if own is not None:
            of_id.setdefault((account, integration, own), set()).add(person)
            for kind in _kinds(integration, own):
                held.setdefault((account, integration, kind, person), set()).add(own)
    assert all(len(persons) == 1 for persons in of_id.values())
    assert all(len(ids) == 1 for ids in held.values())
    if not told:  # then whoever has had one mail is one
        assert rows.drop_nulls(MAIL).group_by(MAIL).agg(pl.col(PERSON).n_unique())[PERSON].max() in (None, 1)


def _kinds(integration: str, own: str) -> Iterable[str]:
    both = ("number", "user")
    return ("",) if integration != "cursor" else both[:1] if own.isdigit() else both[1:] if own[0] == "u" else both


# --- where people are counted


def used(day: int, user: dict[str, str] | None, account: str = "c", money: float = 0, vendor: str = "claude"):
    span = (f"2026-10-{day:02}", f"2026-10-{day + 1:02}")
    charges = charged(net=money) if money else None
    kinds = {"report_type": "user_usage"} if vendor == "claude" else {}
    return record(account, vendor, *span, user=user, usage={"tokens": {"input": 1000}}, charges=charges, **kinds)


def test_a_deleted_and_a_renamed_person_are_two_active_users():
    """Two people for $10: one without a mail any more, one under two; a name alone is nobody."""
    frame = frame_of([
        used(5, {"id": "u1", "email": "a@x.com"}, money=10), used(6, {"id": "u1", "name": "Deleted User"}),
        used(7, {"id": "u2", "email": "old@x.com"}), used(8, {"id": "u2", "email": "new@x.com"}),
        used(9, {"name": "Deleted User"}),
    ])  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error", UsageWarning)
        assert questions.unit_costs(frame, "active_user").row(0)[:4] == ("USD", 10, 2, 5)
        by_mail = questions.unit_costs(frame, "active_user", "user_email")
    # a dimension stays as it is stated: u2 is one of each of its mails, u1 of its own and of none
    assert dict(by_mail.select("user_email", "units").rows()) == {
        "a@x.com": 1, "old@x.com": 1, "new@x.com": 1, None: 1,
    }  # fmt: skip


def test_a_mail_alone_or_of_no_use_still_says_who_is_who():
    """The record without use is not counted, but it tells that old@ is u2's."""
    silent = record("c", "claude", "2026-10-07", "2026-10-08", user={"id": "u2", "email": "old@x.com"},
                    report_type="user_usage")  # fmt: skip
    frame = frame_of([used(5, {"id": "u2"}, money=10), used(6, {"email": "Old@x.com"}), silent])
    assert questions.unit_costs(frame, "active_user")["units"].to_list() == [1]


def test_two_ids_with_one_mail_are_two_active_users_and_one_warning_names_both():
    frame = frame_of([used(5, {"id": "u1", "email": "a@x.com"}, money=10), used(6, {"id": "u2", "email": "A@x.com "})])
    with pytest.warns(UsageWarning, match=r"a@x.com joins u1 and u2 of c\.$") as told:
        assert questions.unit_costs(frame, "active_user")["units"].to_list() == [2]
    assert len(told) == 1
    assert told[0].filename == __file__


def test_people_of_a_remainder_are_nobody():
    bill = record("c", "claude", "2026-10-05", "2026-10-06", report_type="cost", charges=charged(net=10))
    part = record("c", "claude", "2026-10-05", "2026-10-06", report_type="user_cost", charges=charged(net=7),
                  user={"id": "u1", "email": "a@x.com"})  # fmt: skip
    labelled = questions.with_labels(frame_of([bill, part]), pl.DataFrame({"email": ["a@x.com"], "team": ["red"]}))
    assert NOT_ATTRIBUTED in labelled["user_id"].to_list()
    assert questions.unit_costs(labelled, "active_user").select("cost", "units").row(0) == (10, 1)


SEATS = pl.DataFrame({"integration": ["claude"] * 2, "email": ["old@x.com", "gone@x.com"]})


def seats(frame: pl.DataFrame, roster: pl.DataFrame | None = SEATS) -> list[tuple[object, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UsageWarning)
        table = questions.seats(frame, roster, (30, "USD"))
    return table.select("email", "status", "last_active", "idle_days", "idle_cost").rows()


def moved() -> list[dict[str, object]]:
    """u2 under two mails and none, whom the roster has under the first; u1 lost the mail and is idle since the 3rd."""
    return [
        used(1, {"id": "u2", "email": "old@x.com"}), used(8, {"id": "u2", "email": "New@x.com"}),
        used(20, {"id": "u2"}), used(2, {"id": "u1", "email": "gone@x.com"}), used(3, {"id": "u1", "name": "Deleted"}),
    ]  # fmt: skip


def test_a_seat_is_a_persons_under_any_mail_and_active_when_they_were():
    assert seats(frame_of(moved())) == [
        ("new@x.com", "active", date(2026, 10, 20), 0, 0.0),
        ("gone@x.com", "idle", date(2026, 10, 3), 17, 30.0),
    ]


def test_the_roster_may_have_the_new_mail_which_another_vendor_tells():
    """At Cursor she is known as old@; that new@ is her as well only Claude says."""
    frame = frame_of([*moved(), used(19, {"email": "old@x.com"}, "u", vendor="cursor")])
    roster = pl.DataFrame({"integration": ["cursor"], "email": ["NEW@x.com"]})
    table = questions.seats(frame, roster, (40, "USD")).filter(integration="cursor")
    assert table.select("email", "status", "idle_cost").rows() == [("old@x.com", "active", 0.0)]


def test_one_seat_of_a_mail_that_two_ids_had_is_of_whoever_was_active_last():
    """u1 was deleted and made anew as u2: one seat for $30, which is used; the other is on no roster."""
    frame = frame_of([used(1, {"id": "u1", "email": "a@x.com"}), used(20, {"id": "u2", "email": "a@x.com"})])
    roster = pl.DataFrame({"integration": ["claude"], "email": ["a@x.com"]})
    with pytest.warns(UsageWarning, match="a@x.com joins u1 and u2 of c"):
        table = questions.seats(frame, roster, (30, "USD"))
    assert table.select("status", "last_active", "idle_cost").rows() == [
        ("active", date(2026, 10, 20), 0.0), ("seen, not on the roster", date(2026, 10, 1), None),
    ]  # fmt: skip


def test_two_seats_of_two_ids_that_share_a_mail_are_two():
    """shared@ could be either's, mine@ is u2's alone, so u1 has the first; u2 is idle, and both cost once."""
    frame = frame_of([
        used(1, {"id": "u2", "email": "shared@x.com"}), used(2, {"id": "u2", "email": "mine@x.com"}),
        used(20, {"id": "u1", "email": "shared@x.com"}),
    ])  # fmt: skip
    roster = pl.DataFrame({"integration": ["claude"] * 2, "email": ["shared@x.com", "mine@x.com"]})
    with pytest.warns(UsageWarning, match="shared@x.com joins u1 and u2"):
        table = questions.seats(frame, roster, (30, "USD"))
    assert table.select("email", "status", "idle_cost").rows() == [
        ("shared@x.com", "active", 0.0), ("mine@x.com", "idle", 30.0),
    ]  # fmt: skip


def test_a_person_on_the_roster_twice_has_one_seat_and_that_is_told():
    roster = pl.DataFrame({"integration": ["claude"] * 3, "email": ["gone@x.com", "new@x.com", "old@x.com"]})
    with pytest.warns(UsageWarning, match=r"one person under several e-mails, who has one seat: old@x.com beside new"):
        table = questions.seats(frame_of(moved()), roster, (30, "USD"))
    assert table["idle_cost"].sum() == 30.0
    assert table.height == 2


def test_a_seat_of_somebody_without_use_is_one_row_under_the_newest_mail():
    idle = [record("c", "claude", f"2026-10-0{n}", f"2026-10-0{n + 1}", user={"id": "u3", "email": mail})
            for n, mail in ((1, "p@x.com"), (2, "q@x.com"))]  # fmt: skip
    roster = pl.DataFrame({"integration": ["claude"], "email": ["p@x.com"]})
    assert seats(frame_of(idle), roster) == [("q@x.com", "never seen", None, None, 30.0)]


def test_a_person_without_any_mail_is_shown_by_id_and_may_be_listed_by_it():
    frame = frame_of([used(20, {"id": "SA_1"}), used(20, {"id": "u9"})])
    roster = pl.DataFrame({"integration": ["claude"], "email": ["sa_1"]})
    assert [row[:2] for row in seats(frame, roster)] == [("SA_1", "active"), ("u9", "seen, not on the roster")]


def test_use_that_has_no_date_is_use():
    frame = frame_of([used(20, {"id": "u9"}), used(20, {"email": "a@x.com"}) | {"start_date": None, "end_date": None}])
    with pytest.warns(UsageWarning, match="without a roster"):
        table = questions.seats(frame)
    assert table.select("email", "last_active").rows() == [("u9", date(2026, 10, 20)), ("a@x.com", None)]


def test_the_newest_mail_of_whose_a_record_is():
    frame = frame_of([*moved(), used(9, {"name": "Deleted"}), used(9, {"email": " X@x.com"})])
    mails, told = newest_mails(frame, frame.head(3))
    assert mails.to_list() == ["new@x.com"] * 3 + ["gone@x.com"] * 2 + [None, "x@x.com"]
    assert told == []


@pytest.mark.filterwarnings("ignore::truto_usage_nb.errors.UsageWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_people_on_every_engine(kind):
    frame = frame_of([*moved(), used(9, {"name": "Deleted"}), used(9, None), used(9, {"id": "", "email": " "}),
                      used(10, {"id": "12", "email": "NEW@x.com"}, "u", 5, "cursor"),
                      used(11, {"id": "user_7", "email": "new@x.com "}, "u", 0, "cursor")])  # fmt: skip
    units = as_polars(questions.unit_costs(as_kind(frame, kind), "active_user")).select("cost", "units")
    assert units.rows() == [(5, 1), (None, 2)]  # one at Cursor, which bills $5; two at Claude, which bills nothing
    table = as_polars(questions.seats(as_kind(frame, kind), SEATS, (30, "USD")))
    assert table.select("integration", "email", "status").rows() == [
        ("claude", "new@x.com", "active"), ("claude", "gone@x.com", "idle"),
        ("cursor", "new@x.com", "seen, not on the roster"),
    ]  # fmt: skip
    assert table["last_active"].cast(pl.Date).to_list() == [date(2026, 10, 20), date(2026, 10, 3), date(2026, 10, 11)]


def test_a_frame_where_nobody_is_named_has_no_people():
    rows, told = with_people(
        pl.DataFrame(schema={"__account": pl.Null, "__integration": pl.Null, ID: pl.Null, MAIL: pl.Null})
    )
    assert (rows.height, told) == (0, [])
    assert seats(frame_of([used(5, None)]), SEATS)[0][:2] == ("gone@x.com", "never seen")
