from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import AUTHORIZE, FINANCIAL, NS, Bank, advice, authorization, financial, markers, reversal

from twinrail.engine.lifecycle import approval_code
from twinrail.handlers.flows.advice import decide_advice
from twinrail.handlers.flows.hold import expire_hold
from twinrail.handlers.flows.reversal import decide_reversal
from twinrail.schemas.instructions import ExpireHold
from twinrail.schemas.journal import (
    FLAG_CLEARED,
    FLAG_DECLINED,
    FLAG_DIRECT,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    Changed,
    Leg,
    Posted,
)
from twinrail.schemas.reasons import Reason


@given(st.permutations(["authorization", "reversal"]), st.booleans())
def test_authorization_and_full_reversal_leave_nothing_in_any_order(order: list[str], direct: bool) -> None:  # noqa: FBT001 - a drawn value
    bank = Bank()
    for step in order:
        if step == "reversal":
            bank.decide(decide_reversal, reversal(30_00))
        elif direct:
            bank.decide(FINANCIAL, financial(30_00))
        else:
            bank.decide(AUTHORIZE, authorization(30_00))
    assert (bank.account.held, bank.account.posted) == (0, 100_00)


@pytest.mark.parametrize("order", sorted(permutations(["authorization", "advice", "reversal"])))
def test_with_an_advice_among_them_nothing_is_left_either(order: tuple[str, ...]) -> None:
    bank = Bank()
    for step in order:
        if step == "reversal":
            bank.decide(decide_reversal, reversal(30_00))
        elif step == "advice":
            bank.decide(decide_advice, advice(30_00))
        else:
            bank.decide(AUTHORIZE, authorization(30_00))
    assert (bank.account.held, bank.account.posted) == (0, 100_00)


def test_f1_a_full_reversal_releases_the_hold() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    assert bank.decide(decide_reversal, reversal(30_00)).reason is Reason.ACCEPTED
    assert (bank.newest.released, bank.newest.flags, bank.available) == (30_00, FLAG_REVERSED, 100_00)


@given(replacement=st.integers(1, 40))
def test_f2_f3_a_partial_reversal_never_raises_the_hold(replacement: int) -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30))
    decision = bank.decide(decide_reversal, reversal(30, replacement_amount=replacement))
    assert bank.account.held == min(replacement, 30)
    assert markers(decision) == ([] if replacement < 30 else ["OVER_REVERSAL"])
    assert bank.newest.flags == FLAG_OPEN


@given(replacement=st.integers(1, 40))
def test_f4_a_posted_amount_gets_a_contra_entry(replacement: int) -> None:
    bank = Bank(balance=100)
    bank.decide(FINANCIAL, financial(30))
    bank.decide(decide_reversal, reversal(30, replacement_amount=replacement))
    assert bank.account.posted == 100 - min(replacement, 30)
    bank.decide(decide_reversal, reversal(30, stan=4))
    assert bank.account.posted == 100
    assert bank.newest.flags == FLAG_CLEARED | FLAG_DIRECT | FLAG_REVERSED


def test_f5_releases_only_what_is_not_cleared() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    row = bank.newest
    bank.apply(
        Changed(authorization=row.id, account=row.account, authorized=30_00, remaining=20_00, cleared=10_00, flags=1),
        Posted(currency="978", legs=(Leg(row.account, -10_00), Leg("card-settlement-EUR", 10_00))),
    )
    bank.decide(decide_reversal, reversal(30_00))
    assert (bank.account.held, bank.account.posted) == (0, 90_00)
    assert row.flags == FLAG_REVERSED | FLAG_CLEARED


@pytest.mark.parametrize(("as_advice", "reason"), [(True, Reason.ACCEPTED), (False, Reason.ORIGINAL_NOT_FOUND)])
def test_f6_f7_a_reversal_without_its_original_leaves_one_tombstone(as_advice: bool, reason: Reason) -> None:  # noqa: FBT001 - a table's column
    bank = Bank()
    decision = bank.decide(decide_reversal, reversal(30_00, advice=as_advice))
    assert decision.reason is reason
    assert len(decision.effects) == 1
    assert bank.decide(decide_reversal, reversal(30_00, stan=8, advice=as_advice)).effects == ()


def test_f6_a_reversal_that_names_no_original_leaves_nothing() -> None:
    assert Bank().decide(decide_reversal, reversal(30_00, life_keys=())).effects == ()


def test_f9_a_second_reversal_changes_nothing() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    bank.decide(decide_reversal, reversal(30_00))
    assert bank.decide(decide_reversal, reversal(30_00, stan=4)).effects == ()


def test_f10_a_declined_original_needs_no_reversal_and_no_advice_after_it() -> None:
    bank = Bank(balance=10_00)
    bank.decide(AUTHORIZE, authorization(30_00))
    decision = bank.decide(decide_reversal, reversal(30_00))
    assert (decision.reason, bank.available) == (Reason.ACCEPTED, 10_00)
    assert bank.newest.flags == FLAG_DECLINED | FLAG_REVERSED
    bank.decide(decide_advice, advice(30_00))
    assert bank.available == 10_00


def test_f14_a_named_original_that_is_over_is_not_confused_with_one_that_stands() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, stan=1))
    first = approval_code(bank.newest.id)
    bank.decide(decide_reversal, reversal(30_00, stan=2, approval_code=first))
    bank.decide(AUTHORIZE, authorization(30_00, stan=3))
    bank.decide(decide_reversal, reversal(30_00, stan=4, approval_code=first))
    assert bank.account.held == 30_00


def test_f14_what_is_expired_does_not_hide_what_the_network_approved_since() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, hold_expiry_s=1))
    bank.at += NS
    bank.decide(expire_hold, ExpireHold(authorization=bank.newest.id))
    bank.decide(decide_advice, advice(30_00))
    bank.decide(decide_reversal, reversal(30_00))
    assert bank.account.held == 0


def test_f12_an_expired_original_is_flagged_and_nothing_moves() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, hold_expiry_s=1))
    bank.at += NS
    bank.decide(expire_hold, ExpireHold(authorization=bank.newest.id))
    bank.decide(decide_reversal, reversal(30_00))
    assert bank.newest.flags & FLAG_REVERSED
    assert bank.available == 100_00


@pytest.mark.parametrize(("as_advice", "reason"), [(True, Reason.ACCEPTED), (False, Reason.ORIGINAL_CLEARED)])
def test_f13_what_is_fully_cleared_goes_to_a_person(as_advice: bool, reason: Reason) -> None:  # noqa: FBT001 - a table's column
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    row = bank.newest
    bank.apply(
        Changed(authorization=row.id, account=row.account, authorized=30_00, remaining=0, cleared=30_00, flags=2),
        Posted(currency="978", legs=(Leg(row.account, -30_00), Leg("card-settlement-EUR", 30_00))),
    )
    decision = bank.decide(decide_reversal, reversal(30_00, advice=as_advice))
    assert (decision.reason, markers(decision)) == (reason, ["REVERSED_AFTER_CLEARING"])
    assert bank.account.posted == 70_00


def test_f14_of_several_the_approval_code_and_amount_tell() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, stan=1))
    first = bank.newest
    bank.decide(AUTHORIZE, authorization(30_00, stan=2))
    unclear = bank.decide(decide_reversal, reversal(30_00, stan=3))
    assert (unclear.reason, markers(unclear)) == (Reason.ACCEPTED, ["AMBIGUOUS"])
    asked = bank.decide(decide_reversal, reversal(30_00, stan=4, advice=False))
    assert (asked.reason, markers(asked)) == (Reason.ORIGINAL_NOT_FOUND, ["AMBIGUOUS"])
    assert bank.account.held == 60_00
    bank.decide(decide_reversal, reversal(30_00, stan=5, approval_code=approval_code(first.id)))
    assert (first.flags, bank.account.held) == (FLAG_REVERSED, 30_00)
    bank.decide(decide_reversal, reversal(30_00, stan=6))  # one is left standing, so it is that one
    assert bank.account.held == 0


def test_a_partial_reversal_in_another_currency_goes_to_a_person() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    decision = bank.decide(decide_reversal, reversal(3_000, replacement_amount=1_000, currency="392"))
    assert (decision.reason, markers(decision)) == (Reason.ACCEPTED, ["CURRENCY"])
    assert bank.account.held == 30_00


def test_a_reversal_ends_what_is_late() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    bank.newest.flags |= FLAG_LATE
    bank.decide(decide_reversal, reversal(30_00))
    assert not bank.newest.flags & FLAG_LATE


def test_a_full_reversal_takes_the_place_of_a_partial_one_that_also_came_first() -> None:
    bank = Bank()
    for replacement, said in ((20_00, 1), (25_00, 0), (10_00, 1), (None, 1), (5_00, 0)):
        assert len(bank.decide(decide_reversal, reversal(30_00, replacement_amount=replacement)).effects) == said
    bank.decide(decide_advice, advice(30_00))
    assert bank.account.held == 0
