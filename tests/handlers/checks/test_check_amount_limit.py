from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import Bank, authorization, verdict_of

from twinrail.engine.pipeline import PASS, Decline
from twinrail.handlers.checks.check_amount_limit import check_amount_limit
from twinrail.schemas.reasons import Reason


@given(amount=st.integers(-10, 400), limit=st.integers(0, 300))
def test_passes_exactly_what_is_above_zero_and_within_the_limit(amount: int, limit: int) -> None:
    bank = Bank(amount_limit=limit)
    verdict = verdict_of(check_amount_limit, authorization(amount), bank.state, bank.at)
    if amount <= 0:
        assert verdict == Decline(Reason.INVALID_AMOUNT)
    elif limit and amount > limit:
        assert verdict == Decline(Reason.AMOUNT_LIMIT)
    else:
        assert verdict is PASS


def test_a_currency_other_than_the_accounts_is_not_served() -> None:
    bank = Bank()
    assert verdict_of(check_amount_limit, authorization(1, currency="840"), bank.state, bank.at) == Decline(
        Reason.CURRENCY_NOT_SERVED
    )


def test_an_unknown_card_is_another_checks_matter() -> None:
    bank = Bank()
    assert verdict_of(check_amount_limit, authorization(1, card="d" * 32), bank.state, bank.at) is PASS
