"""Reserve the amount, or decline it for want of funds."""

from twinrail.engine.pipeline import Decline, Hold, Pass, Subject, Verdict
from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.reasons import Reason

_FUNDS = Decline(Reason.INSUFFICIENT_FUNDS)
_UNKNOWN = Decline(Reason.UNKNOWN_CARD)  # fail closed: an earlier stage should have said so


def check_funds(instruction: CardMessage, subject: Subject, _at: int, /) -> Verdict:
    """Pass with a hold of the amount if posted - held + credit limit covers it."""
    account = subject.account
    if account is None:
        return _UNKNOWN
    amount = instruction.amount
    if amount > subject.available:
        return _FUNDS
    return Pass(Hold(account.id, amount, instruction.currency))
