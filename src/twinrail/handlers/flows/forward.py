"""Store-and-forward: a message that we owe a network stays owed until it is accepted, refused for good, or too old.

The obligation is set before anything is sent, and each attempt is journaled before it leaves: after a restart a message
that may have been sent goes out as a repeat, never as a new one.
"""

from twinrail.engine.pipeline import Decision, View
from twinrail.schemas.instructions import Forward, SendForward, SettleForward
from twinrail.schemas.journal import ExceptionRaised, ObligationMet, ObligationSet
from twinrail.schemas.reasons import Reason

KIND = "forward"


def owe(instruction: Forward, _view: View, at: int, /) -> Decision:
    """Owe a message from now on; it is due at once."""
    owed = ObligationSet(obligation=instruction.obligation, kind=KIND, due_at=at, subject=instruction.subject)
    return Decision(reason=Reason.ACCEPTED, effects=(owed,))


def send(instruction: SendForward, _view: View, at: int, /) -> Decision:
    """Let a message go out and set when it is repeated; one that is too old goes to the exception queue instead."""
    if at >= instruction.expires_at:
        met = ObligationMet(obligation=instruction.obligation)
        return Decision(reason=Reason.LATE, effects=(met, ExceptionRaised(marker="FORWARD_EXPIRED")))
    owed = ObligationSet(
        obligation=instruction.obligation,
        kind=KIND,
        due_at=max(instruction.again_at, at + 1),
        subject=instruction.subject,
    )
    return Decision(reason=Reason.ACCEPTED, effects=(owed,))


def settle(instruction: SettleForward, _view: View, _at: int, /) -> Decision:
    """Owe a message no more: it was accepted, or its network will never accept it and a person has to look."""
    met = ObligationMet(obligation=instruction.obligation)
    if instruction.accepted:
        return Decision(reason=Reason.ACCEPTED, effects=(met,))
    return Decision(reason=Reason.DO_NOT_HONOUR, effects=(met, ExceptionRaised(marker="FORWARD_REFUSED")))
