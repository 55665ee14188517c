"""Decline an amount of nothing where money is asked for, in a foreign currency, or above the card's limit."""

from twinrail.engine.pipeline import PASS, Decline, Subject, Verdict
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_INVALID = Decline(Reason.INVALID_AMOUNT)
_LIMIT = Decline(Reason.AMOUNT_LIMIT)
_CURRENCY = Decline(Reason.CURRENCY_NOT_SERVED)


def check_amount_limit(instruction: CardMessage, subject: Subject, _at: int, /) -> Verdict:
    """Pass if 0 < amount <= the card's limit a transaction (0 for none) and the currency is the account's."""
    card = subject.card
    if card is None:
        return PASS
    if instruction.amount <= 0:
        return _INVALID
    if 0 < card.amount_limit < instruction.amount:
        return _LIMIT
    account = subject.account
    return PASS if account is None or account.currency == instruction.currency else _CURRENCY
