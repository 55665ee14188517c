"""Reserve the amount, or decline it for want of funds."""

from twinrail.engine.pipeline import Decline, Hold, Pass, Verdict, View
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_FUNDS = Decline(Reason.INSUFFICIENT_FUNDS)
_UNKNOWN = Decline(Reason.UNKNOWN_CARD)  # fail closed: an earlier stage should have said so


def check_funds(instruction: CardMessage, view: View, _at: int, /) -> Verdict:
    """Pass with a hold of the amount if posted - held + credit limit covers it."""
    card = view.card(instruction.card)
    account = None if card is None else view.account(card.account)
    if account is None:
        return _UNKNOWN
    amount = instruction.amount
    if amount > view.available(account):
        return _FUNDS
    return Pass(Hold(account.id, amount, instruction.currency))
