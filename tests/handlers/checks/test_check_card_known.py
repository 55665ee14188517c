from tests.handlers.bank import Bank, authorization, verdict_of

from twinrail.engine.pipeline import PASS, Decline
from twinrail.handlers.checks.check_card_known import check_card_known
from twinrail.schemas.reasons import Reason


def test_a_card_of_ours_passes() -> None:
    bank = Bank()
    assert verdict_of(check_card_known, authorization(1), bank.state, bank.at) is PASS


def test_any_other_card_is_declined() -> None:
    bank = Bank()
    assert verdict_of(check_card_known, authorization(1, card="d" * 32), bank.state, bank.at) == Decline(
        Reason.UNKNOWN_CARD
    )


def test_a_card_whose_account_is_gone_is_declined() -> None:
    bank = Bank()
    bank.card.account = "nowhere"
    assert verdict_of(check_card_known, authorization(1), bank.state, bank.at) == Decline(Reason.UNKNOWN_CARD)
