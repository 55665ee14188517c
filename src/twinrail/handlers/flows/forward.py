"""Store-and-forward: a message that we owe a network stays owed until it is accepted, refused for good, or too old.

The obligation is set before anything is sent, and each attempt is journaled before it leaves: after a restart a message
that may have been sent goes out as a repeat, never as a new one.
"""

from twinrail.engine.pipeline import Decision, View
from twinrail.schemas.instructions import AskNetwork, Forward, SendForward, SettleForward
from twinrail.schemas.journal import CommandDone, ExceptionRaised, ObligationMet, ObligationSet
from twinrail.schemas.reasons import Reason

KIND = "forward"


ASKED_OF_NETWORKS = frozenset({"sign_on", "sign_off", "echo"})  # what an operator may ask for


def owe(instruction: Forward, _view: View, at: int, /) -> Decision:
    """Owe a message from now on, due at once; an operator who asked for it is told, also that it cannot be."""
    command = instruction.command
    if instruction.refusal:
        return _refused(command, instruction.refusal)
    owed = ObligationSet(obligation=instruction.obligation, kind=KIND, due_at=at, subject=instruction.subject)
    done = (CommandDone(command=command, status="done", result=f"owed as {instruction.obligation}"),) if command else ()
    return Decision(reason=Reason.ACCEPTED, effects=(owed, *done))


def ask_network(instruction: AskNetwork, _view: View, _at: int, /) -> Decision:
    """Let a network be asked for a function on its open links; the asking itself follows this being durable."""
    if instruction.function not in ASKED_OF_NETWORKS:
        return _refused(instruction.command, f"a network is asked for {', '.join(sorted(ASKED_OF_NETWORKS))}")
    if not instruction.links:
        return _refused(instruction.command, "no link of this network is open")
    asked = f"asked on {instruction.links} link{'s' * (instruction.links > 1)}"
    done = CommandDone(command=instruction.command, status="done", result=asked)
    return Decision(reason=Reason.ACCEPTED, effects=(done,))


def _refused(command: str, why: str) -> Decision:
    done = CommandDone(command=command, status="refused", result=why)
    return Decision(reason=Reason.INVALID_TRANSACTION, effects=(done,))


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
