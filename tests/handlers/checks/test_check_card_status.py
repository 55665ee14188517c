import pytest
from tests.handlers.bank import Bank, authorization, verdict_of

from twinrail.engine.pipeline import PASS, Decline
from twinrail.handlers.checks.check_card_status import check_card_status
from twinrail.handlers.flows.operator import ACCOUNT_STATUSES, CARD_STATUSES
from twinrail.schemas.reasons import CODES, Reason

# Decision table A6, with the code on an ISO 8583:1987 wire.
CARDS = {
    "inactive": (Reason.CARD_NOT_ACTIVE, "78"),
    "frozen": (Reason.CARD_RESTRICTED, "62"),
    "lost": (Reason.CARD_LOST, "41"),
    "stolen": (Reason.CARD_STOLEN, "43"),
    "closed": (Reason.CARD_RESTRICTED, "62"),
}
ACCOUNTS = {"blocked": (Reason.ACCOUNT_BLOCKED, "62"), "closed": (Reason.ACCOUNT_CLOSED, "78")}


def test_every_status_an_operator_can_set_is_judged_here() -> None:
    assert set(CARDS) | {"active"} == CARD_STATUSES
    assert set(ACCOUNTS) | {"open"} == ACCOUNT_STATUSES


@pytest.mark.parametrize("status", sorted(CARDS))
def test_a_card_that_is_not_active_is_declined_by_its_status(status: str) -> None:
    bank = Bank(status=status)
    reason, code = CARDS[status]
    assert verdict_of(check_card_status, authorization(1), bank.state, bank.at) == Decline(reason)
    assert CODES[reason].de39 == code


@pytest.mark.parametrize("status", sorted(ACCOUNTS))
def test_an_account_that_is_not_open_is_declined_by_its_status(status: str) -> None:
    bank = Bank()
    bank.account.status = status
    reason, code = ACCOUNTS[status]
    assert verdict_of(check_card_status, authorization(1), bank.state, bank.at) == Decline(reason)
    assert CODES[reason].de39 == code


def test_a_status_that_nobody_told_us_about_is_declined() -> None:
    bank = Bank(status="somehow")
    assert verdict_of(check_card_status, authorization(1), bank.state, bank.at) == Decline(Reason.DO_NOT_HONOUR)
    bank = Bank()
    bank.account.status = "somehow"
    assert verdict_of(check_card_status, authorization(1), bank.state, bank.at) == Decline(Reason.DO_NOT_HONOUR)


def test_an_active_card_passes_and_an_unknown_one_is_another_checks_matter() -> None:
    bank = Bank()
    assert verdict_of(check_card_status, authorization(1), bank.state, bank.at) is PASS
    assert verdict_of(check_card_status, authorization(1, card="d" * 32), bank.state, bank.at) is PASS
