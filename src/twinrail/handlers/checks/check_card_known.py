"""Decline a card that this issuer has not issued."""

from twinrail.engine.pipeline import PASS, Decline, Verdict, View
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_UNKNOWN = Decline(Reason.UNKNOWN_CARD)


def check_card_known(instruction: CardMessage, view: View, _at: int, /) -> Verdict:
    """Pass if the card and its account exist."""
    card = view.card(instruction.card)
    return PASS if card is not None and view.account(card.account) is not None else _UNKNOWN
