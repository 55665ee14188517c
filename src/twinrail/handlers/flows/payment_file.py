"""Payment file: accept a staged file for booking or refuse it whole, and record that its report is written.

A file is known by its bytes and, once accepted, by (initiator, message id). The same bytes change nothing: the reason
of the answer is what was decided before, and the file's own checkpoint says how far it is booked. Another file under
the message id of an accepted one is refused. A refused file does not use up its message id: nothing of it was booked,
so its sender may correct it.
"""

from twinrail.engine.pipeline import Decision, View
from twinrail.schemas.instructions import CloseFile, OpenFile
from twinrail.schemas.journal import FileClosed, FileOpened
from twinrail.schemas.reasons import Reason

SUM_MAX = 10**18  # minor units of a file: a hundred times what a million largest payments come to; 64 bits hold it


def open_file(instruction: OpenFile, view: View, _at: int, /) -> Decision:
    """Decide on a whole file; effects are empty where its bytes are known, and say `refused` where it is refused."""
    known = view.file(instruction.file)
    if known is not None:
        return Decision(reason=Reason(known.reason) if known.reason else Reason.ACCEPTED)
    reason = Reason(instruction.refused) if instruction.refused else None
    namesake = view.file_of_message(instruction.initiator, instruction.message_id)
    if reason is None and namesake is not None and namesake.status != "refused":
        reason = Reason.DUPLICATE_MESSAGE
    fits = 0 <= instruction.control_sum <= SUM_MAX
    if reason is None and not fits:
        reason = Reason.INVALID_AMOUNT
    opened = FileOpened(
        file=instruction.file,
        message_id=instruction.message_id,
        initiator=instruction.initiator,
        transactions=instruction.transactions,
        control_sum=instruction.control_sum if fits else 0,
        status="open" if reason is None else "refused",
        reason="" if reason is None else str(reason),
    )
    return Decision(
        reason=reason or Reason.ACCEPTED,
        effects=(opened,),
        trace=(f"open_file: {reason}",) if reason else (),
    )


def close_file(instruction: CloseFile, view: View, _at: int, /) -> Decision:
    """Record a file's report once every transaction is booked; a file that has one already keeps it."""
    known = view.file(instruction.file)
    if known is None or (known.status == "open" and known.position != known.transactions):
        return Decision(reason=Reason.INVALID_TRANSACTION, trace=("file.checkpoint: invalid_transaction",))
    if known.report:
        return Decision(reason=Reason.ACCEPTED)
    closed = FileClosed(file=instruction.file, report=instruction.report, report_sha256=instruction.report_sha256)
    return Decision(reason=Reason.ACCEPTED, effects=(closed,))
