from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import ACCOUNT, EUR, Bank, authorization, verdict_of

from twinrail.engine.pipeline import Decline, Hold, Pass
from twinrail.handlers.checks.check_funds import check_funds
from twinrail.schemas.reasons import Reason


@given(balance=st.integers(-100, 100), limit=st.integers(0, 100), held=st.integers(0, 100), amount=st.integers(1, 300))
def test_passes_what_posted_less_held_plus_limit_covers(balance: int, limit: int, held: int, amount: int) -> None:
    bank = Bank(balance=balance, credit_limit=limit)
    bank.state.ledger.move_held(ACCOUNT, held, bank.seq)
    verdict = verdict_of(check_funds, authorization(amount), bank.state, bank.at)
    if amount <= balance - held + limit:
        assert verdict == Pass(Hold(ACCOUNT, amount, EUR))
    else:
        assert verdict == Decline(Reason.INSUFFICIENT_FUNDS)


def test_fails_closed_without_a_card() -> None:
    bank = Bank()
    assert verdict_of(check_funds, authorization(1, card="d" * 32), bank.state, bank.at) == Decline(Reason.UNKNOWN_CARD)
