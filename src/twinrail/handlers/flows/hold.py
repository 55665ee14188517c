"""What becomes of a hold without a message: its time is up (H1), or an operator releases it (H2)."""

from twinrail.engine.lifecycle import released
from twinrail.engine.pipeline import Decision, View
from twinrail.schemas.instructions import ExpireHold, ReleaseHold, WatchLate
from twinrail.schemas.journal import (
    FLAG_CLEARED,
    FLAG_EXPIRED,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    Changed,
    CommandDone,
    ExceptionRaised,
    ObligationMet,
)
from twinrail.schemas.reasons import Reason


def expire_hold(instruction: ExpireHold, view: View, at: int, /) -> Decision:
    """Release what remains of an open authorization whose time is up; nothing if it changed meanwhile."""
    row = view.lifecycle(instruction.authorization)
    if row is None or not row.flags & FLAG_OPEN or not row.expires_at or row.expires_at > at:
        return Decision(reason=Reason.ACCEPTED)
    flags = (row.flags & ~(FLAG_OPEN | FLAG_LATE)) | FLAG_EXPIRED | (FLAG_CLEARED if row.cleared else 0)
    return Decision(reason=Reason.ACCEPTED, effects=(released(row, flags),))


def release_hold(instruction: ReleaseHold, view: View, _at: int, /) -> Decision:
    """Release what remains of an authorization by an operator's order; refused if it is not open."""
    row = view.lifecycle(instruction.authorization)
    if row is None or not row.flags & FLAG_OPEN:
        done = CommandDone(command=instruction.command, status="refused", result="no open authorization of that id")
        return Decision(reason=Reason.ORIGINAL_NOT_FOUND, effects=(done,))
    flags = (row.flags & ~(FLAG_OPEN | FLAG_LATE)) | FLAG_REVERSED | (FLAG_CLEARED if row.cleared else 0)
    done = CommandDone(command=instruction.command, status="done", result=f"released {row.remaining}")
    return Decision(reason=Reason.ACCEPTED, effects=(released(row, flags), done))


def watch_late(instruction: WatchLate, view: View, _at: int, /) -> Decision:
    """Put a posted 0200 whose answer was late into the exception queue, unless its reversal has come."""
    number = instruction.authorization
    met = ObligationMet(obligation=f"late-posting-{number}")
    row = view.lifecycle(number)
    if row is None or not row.flags & FLAG_LATE:
        return Decision(reason=Reason.ACCEPTED, effects=(met,))
    settled = Changed(
        authorization=row.id,
        account=row.account,
        authorized=row.authorized,
        remaining=row.remaining,
        cleared=row.cleared,
        released=row.released,
        flags=row.flags & ~FLAG_LATE,
        expires_at=row.expires_at,
    )
    raised = ExceptionRaised(marker="LATE_POSTING", account=row.account, authorization=row.id)
    return Decision(reason=Reason.ACCEPTED, effects=(settled, raised, met))
