"""Decline a card or account that is not in use: inactive, frozen, lost, stolen, closed, blocked."""

from twinrail.engine.pipeline import PASS, Decline, Subject, Verdict
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_CARD = {
    "inactive": Decline(Reason.CARD_NOT_ACTIVE),
    "frozen": Decline(Reason.CARD_RESTRICTED),
    "lost": Decline(Reason.CARD_LOST),
    "stolen": Decline(Reason.CARD_STOLEN),
    "closed": Decline(Reason.CARD_RESTRICTED),
}
_ACCOUNT = {"blocked": Decline(Reason.ACCOUNT_BLOCKED), "closed": Decline(Reason.ACCOUNT_CLOSED)}
_CLOSED = Decline(Reason.DO_NOT_HONOUR)  # fail closed on a status nobody told us about


def check_card_status(_instruction: CardMessage, subject: Subject, _at: int, /) -> Verdict:
    """Pass if the card is active and its account open; a card that is not there is another check's matter."""
    card = subject.card
    if card is None:
        return PASS
    if card.status != "active":
        return _CARD.get(card.status, _CLOSED)
    account = subject.account
    if account is None or account.status == "open":
        return PASS
    return _ACCOUNT.get(account.status, _CLOSED)
