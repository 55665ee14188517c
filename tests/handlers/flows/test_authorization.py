from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import AT, AUTHORIZE, NS, Bank, advice, authorization, reversal

from twinrail.handlers.flows.advice import decide_advice
from twinrail.handlers.flows.reversal import decide_reversal
from twinrail.schemas.journal import FLAG_DECLINED, FLAG_OPEN
from twinrail.schemas.reasons import Reason


@given(st.lists(st.integers(1, 60), max_size=12), st.integers(0, 100), st.integers(0, 100))
def test_a_request_never_makes_available_negative(amounts: list[int], balance: int, limit: int) -> None:
    bank = Bank(balance=balance, credit_limit=limit)
    for number, amount in enumerate(amounts, 1):
        before = bank.available
        decision = bank.decide(AUTHORIZE, authorization(amount, stan=number, rrn=f"{number:012d}"))
        assert (decision.reason is Reason.APPROVED) == (amount <= before)
        assert bank.available == before - (amount if decision.approved else 0) >= 0


def test_a1_an_approval_holds_the_amount_until_it_expires() -> None:
    bank = Bank()
    decision = bank.decide(AUTHORIZE, authorization(30_00, hold_expiry_s=60))
    row = bank.newest
    assert (decision.reason, decision.approved, decision.ruleset) == (Reason.APPROVED, True, "test-1")
    assert (row.flags, row.authorized, row.remaining) == (FLAG_OPEN, 30_00, 30_00)
    assert (bank.account.held, bank.available) == (30_00, 70_00)
    assert AT < row.expires_at - 60 * NS < AT + NS


def test_a3_a_decline_moves_nothing_and_is_remembered() -> None:
    bank = Bank()
    decision = bank.decide(AUTHORIZE, authorization(100_01))
    row = bank.newest
    assert (decision.reason, decision.approved) == (Reason.INSUFFICIENT_FUNDS, False)
    assert decision.trace == ("funds.check_funds: insufficient_funds",)
    assert (row.flags, row.authorized, bank.available) == (FLAG_DECLINED, 0, 100_00)


def test_a6_a_decline_of_an_unknown_card_has_no_lifecycle() -> None:
    bank = Bank()
    decision = bank.decide(AUTHORIZE, authorization(1, card="d" * 32))
    assert (decision.reason, decision.effects) == (Reason.UNKNOWN_CARD, ())


def test_a10_a_reversal_that_came_first_blocks_its_original() -> None:
    bank = Bank()
    bank.decide(decide_reversal, reversal(30_00))
    decision = bank.decide(AUTHORIZE, authorization(30_00))
    assert (decision.reason, decision.effects) == (Reason.DUPLICATE, ())
    assert bank.account.held == 0


def test_a10_a_tombstone_blocks_until_its_time_is_up() -> None:
    bank = Bank()
    bank.decide(decide_reversal, reversal(30_00, tombstone_s=60))
    bank.at += 60 * NS
    assert bank.decide(AUTHORIZE, authorization(30_00)).reason is Reason.APPROVED


def test_a12_an_advice_that_came_first_is_the_decision() -> None:
    bank = Bank()
    bank.decide(decide_advice, advice(30_00))
    decision = bank.decide(AUTHORIZE, authorization(30_00))
    assert (decision.reason, decision.effects) == (Reason.APPROVED, ())
    assert bank.account.held == 30_00


def test_a12_an_advice_answers_for_no_more_than_it_holds() -> None:
    bank = Bank()
    bank.decide(decide_advice, advice(1))
    for other in (authorization(2), authorization(999_999_999_999), authorization(1, currency="840")):
        decision = bank.decide(AUTHORIZE, other)
        assert (decision.reason, decision.effects) == (Reason.DUPLICATE, ())
    assert bank.account.held == 1


def test_a12_holds_for_an_advice_that_was_reversed_meanwhile() -> None:
    bank = Bank()
    bank.decide(decide_advice, advice(30_00))
    bank.decide(decide_reversal, reversal(30_00))
    bank.decide(AUTHORIZE, authorization(30_00))
    assert bank.account.held == 0  # property 6: nobody will ever release a second hold
