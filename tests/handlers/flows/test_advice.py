import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import ACCOUNT, AUTHORIZE, Bank, advice, authorization, markers, reversal

from twinrail.handlers.flows.advice import decide_advice
from twinrail.handlers.flows.hold import expire_hold
from twinrail.handlers.flows.reversal import decide_reversal
from twinrail.schemas.instructions import ExpireHold
from twinrail.schemas.journal import FLAG_DECLINED, FLAG_LATE, FLAG_OPEN, FLAG_STANDIN
from twinrail.schemas.reasons import Reason


@given(amount=st.integers(0, 10**12), balance=st.integers(-100, 100), granted=st.booleans())
def test_an_advice_is_never_refused(amount: int, balance: int, granted: bool) -> None:  # noqa: FBT001 - a drawn value
    bank = Bank(balance=balance)
    decision = bank.decide(decide_advice, advice(amount, granted=granted))
    assert decision.reason is Reason.ACCEPTED
    assert bank.account.held == (amount if granted else 0)


@given(st.permutations(["advice", "partial reversal"]))
def test_advice_and_partial_reversal_leave_the_replacement_in_any_order(order: list[str]) -> None:
    bank = Bank()
    for step in order:
        if step == "advice":
            bank.decide(decide_advice, advice(30_00))
        else:
            bank.decide(decide_reversal, reversal(30_00, replacement_amount=12_00))
    assert bank.account.held == 12_00


@given(st.permutations(["advice", "partial reversal"]))
def test_the_same_holds_after_our_own_approval(order: list[str]) -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    for step in order:
        if step == "advice":
            bank.decide(decide_advice, advice(30_00))
        else:
            bank.decide(decide_reversal, reversal(30_00, replacement_amount=12_00))
    assert bank.account.held == 12_00


def test_c1_holds_even_what_is_not_there() -> None:
    bank = Bank(balance=10_00)
    decision = bank.decide(decide_advice, advice(30_00))
    assert (bank.available, bank.newest.flags) == (-20_00, FLAG_OPEN | FLAG_STANDIN)
    assert markers(decision) == []


@pytest.mark.parametrize("status", ["frozen", "lost", "stolen", "inactive", "closed"])
def test_c1_tells_a_person_when_the_card_is_blocked(status: str) -> None:
    bank = Bank(status=status)
    assert markers(bank.decide(decide_advice, advice(30_00))) == ["STANDIN_BLOCKED"]
    assert bank.account.held == 30_00


def test_c2_follows_the_network_without_a_second_hold() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    bank.newest.flags |= FLAG_LATE
    bank.decide(decide_advice, advice(20_00))
    assert (bank.newest.remaining, bank.account.held) == (20_00, 20_00)
    assert bank.newest.flags == FLAG_OPEN | FLAG_STANDIN


def test_c2_finds_the_open_one_of_several_with_the_same_reference() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(60_00, stan=1))
    assert bank.decide(AUTHORIZE, authorization(60_00, stan=2)).reason is Reason.INSUFFICIENT_FUNDS
    bank.decide(decide_advice, advice(60_00, stan=3))
    assert bank.account.held == 60_00


def test_c3_an_approval_in_our_name_after_our_decline_is_held_and_shown() -> None:
    bank = Bank(balance=10_00)
    bank.decide(AUTHORIZE, authorization(30_00))
    assert markers(bank.decide(decide_advice, advice(30_00))) == ["LATE_ANSWER"]
    assert bank.account.held == 30_00


def test_c4_a_decline_in_our_name_releases_what_we_hold() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    bank.decide(decide_advice, advice(30_00, granted=False))
    assert (bank.account.held, bank.newest.flags) == (0, FLAG_DECLINED)
    assert bank.decide(decide_advice, advice(30_00, stan=9, granted=False)).effects == ()


def test_c5_an_advice_after_the_full_reversal_holds_nothing() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00))
    bank.decide(decide_reversal, reversal(30_00))
    assert bank.decide(decide_advice, advice(30_00)).effects == ()
    unseen = Bank()
    unseen.decide(decide_reversal, reversal(30_00))
    assert unseen.decide(decide_advice, advice(30_00)).effects == ()


def test_an_advice_for_an_expired_hold_holds_again() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(30_00, hold_expiry_s=1))
    bank.at += 10**9
    bank.decide(expire_hold, ExpireHold(authorization=bank.newest.id))
    assert bank.account.held == 0
    bank.decide(decide_advice, advice(30_00))
    assert bank.account.held == 30_00


def test_what_cannot_be_held_goes_to_a_person() -> None:
    bank = Bank()
    assert markers(bank.decide(decide_advice, advice(1, card="d" * 32))) == ["UNKNOWN_CARD"]
    assert markers(bank.decide(decide_advice, advice(1, currency="840"))) == ["CURRENCY"]
    bank.decide(AUTHORIZE, authorization(30_00))
    assert markers(bank.decide(decide_advice, advice(10_00, currency="840", stan=4))) == ["CURRENCY"]
    assert bank.state.ledger.accounts[ACCOUNT].held == 30_00
