import pytest
from tests.handlers.bank import FINANCIAL, SETTLEMENT, Bank, advice, financial

from twinrail.handlers.flows.advice import decide_advice
from twinrail.handlers.flows.financial import DEBITS
from twinrail.schemas.journal import FLAG_CLEARED, FLAG_DECLINED, FLAG_DIRECT
from twinrail.schemas.reasons import Reason


def test_d1_a_purchase_is_posted_at_once() -> None:
    bank = Bank()
    decision = bank.decide(FINANCIAL, financial(30_00))
    assert (decision.reason, decision.approved) == (Reason.APPROVED, True)
    assert (bank.account.posted, bank.account.held, bank.newest.flags) == (70_00, 0, FLAG_CLEARED | FLAG_DIRECT)
    assert bank.state.ledger.accounts[SETTLEMENT].posted == -70_00  # 100.00 came from there at the start


def test_a3_what_is_not_covered_is_declined() -> None:
    bank = Bank()
    assert bank.decide(FINANCIAL, financial(100_01)).reason is Reason.INSUFFICIENT_FUNDS
    assert (bank.account.posted, bank.newest.flags) == (100_00, FLAG_DECLINED)


@pytest.mark.parametrize("first_two", [f"{number:02d}" for number in range(0, 100, 3)])
def test_only_debits_are_booked(first_two: str) -> None:
    bank = Bank()
    decision = bank.decide(FINANCIAL, financial(30_00, processing_code=f"{first_two}0000"))
    served = first_two in DEBITS
    assert decision.reason is (Reason.APPROVED if served else Reason.INVALID_TRANSACTION)
    assert bank.account.posted == (70_00 if served else 100_00)


def test_a12_a_hold_by_advice_never_approves_a_debit_that_is_not_booked() -> None:
    bank = Bank()
    bank.decide(decide_advice, advice(30_00))
    decision = bank.decide(FINANCIAL, financial(30_00))
    assert (decision.reason, decision.effects) == (Reason.DUPLICATE, ())
    assert (bank.account.posted, bank.account.held) == (100_00, 30_00)


def test_fails_closed_without_a_settlement_account() -> None:
    bank = Bank(balance=0, credit_limit=50_00)
    del bank.state.ledger.accounts[SETTLEMENT]
    assert bank.decide(FINANCIAL, financial(30_00)).reason is Reason.SYSTEM_ERROR
