"""Decline a card that this issuer has not issued."""

from twinrail.engine.pipeline import PASS, Decline, Subject, Verdict
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_UNKNOWN = Decline(Reason.UNKNOWN_CARD)


def check_card_known(_instruction: CardMessage, subject: Subject, _at: int, /) -> Verdict:
    """Pass if the card and its account exist."""
    return PASS if subject.account is not None else _UNKNOWN
