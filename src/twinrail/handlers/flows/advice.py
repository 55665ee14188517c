"""Authorization advice (0120): the network decided on our behalf, and we follow (decision table C1 to C5).

An advice is never refused for a business reason: the merchant has the network's answer already. It may push the
available balance below zero; what a person should look at goes to the exception queue.
"""

from twinrail.engine.lifecycle import released
from twinrail.engine.pipeline import Decision, LifecycleView, View
from twinrail.schemas.instructions import Advice
from twinrail.schemas.journal import (
    FLAG_CLEARED,
    FLAG_DECLINED,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    FLAG_STANDIN,
    Changed,
    Effect,
    ExceptionRaised,
    Opened,
)
from twinrail.schemas.reasons import Reason

_NS = 1_000_000_000


def decide_advice(instruction: Advice, view: View, at: int, /) -> Decision:
    """Follow one advice."""
    rows = view.lifecycles(instruction.card, instruction.life_keys)
    # A merchant may retry under the same reference: the one that stands is the one that the network means.
    standing = [row for row in rows if row.flags & FLAG_OPEN]
    row = (standing or rows)[-1] if rows else None
    if not instruction.granted:
        return _refused_for_us(row)
    expires_at = at + instruction.hold_expiry_s * _NS
    if row is not None and row.flags & FLAG_OPEN:
        if row.currency != instruction.currency:
            raised = ExceptionRaised(marker="CURRENCY", account=row.account, authorization=row.id)
            return Decision(reason=Reason.ACCEPTED, effects=(raised,))
        return _matched(row, instruction.amount, expires_at)
    if row is not None and row.flags & (FLAG_CLEARED | FLAG_REVERSED):
        return Decision(reason=Reason.ACCEPTED)
    amount = instruction.amount
    stone = view.tombstone(instruction.card, instruction.life_keys, at)
    if stone is not None:
        if stone.replacement_amount <= 0:
            return Decision(reason=Reason.ACCEPTED)
        amount = min(amount, stone.replacement_amount)
    late = row is not None and bool(row.flags & FLAG_DECLINED)
    return _held(instruction, amount, view, expires_at=expires_at, late=late)


def _matched(row: LifecycleView, amount: int, expires_at: int) -> Decision:
    """C2: we approved too, so what the network approved is what remains; never a second hold.

    Where a partial reversal came first it has the last word on the amount (property 6).
    """
    if row.released:
        amount = min(amount, row.remaining)
    effect = Changed(
        authorization=row.id,
        account=row.account,
        authorized=amount + row.cleared + row.released,
        remaining=amount,
        cleared=row.cleared,
        released=row.released,
        flags=(row.flags & ~FLAG_LATE) | FLAG_STANDIN,
        expires_at=expires_at,
    )
    return Decision(reason=Reason.ACCEPTED, effects=(effect,))


def _held(instruction: Advice, amount: int, view: View, *, expires_at: int, late: bool) -> Decision:
    """C1 and C3: hold even if available falls below zero, and tell a person where something is odd."""
    card = view.card(instruction.card)
    if card is None:
        return Decision(reason=Reason.ACCEPTED, effects=(ExceptionRaised(marker="UNKNOWN_CARD"),))
    account = view.account(card.account)
    if account is None or account.currency != instruction.currency:
        return Decision(reason=Reason.ACCEPTED, effects=(ExceptionRaised(marker="CURRENCY", account=card.account),))
    effects: list[Effect] = [
        Opened(
            account=card.account,
            card=card.token,
            currency=instruction.currency,
            authorized=amount,
            remaining=amount,
            flags=FLAG_OPEN | FLAG_STANDIN,
            expires_at=expires_at,
            life_keys=instruction.life_keys,
        )
    ]
    if late:
        effects.append(ExceptionRaised(marker="LATE_ANSWER", account=card.account))
    elif card.status != "active" or account.status != "open":
        effects.append(ExceptionRaised(marker="STANDIN_BLOCKED", account=card.account))
    return Decision(reason=Reason.ACCEPTED, effects=tuple(effects))


def _refused_for_us(row: LifecycleView | None) -> Decision:
    """C4: the network declined; what we may have held is released."""
    if row is None or not row.flags & FLAG_OPEN:
        return Decision(reason=Reason.ACCEPTED)
    flags = (row.flags & ~(FLAG_OPEN | FLAG_LATE)) | FLAG_DECLINED
    return Decision(reason=Reason.ACCEPTED, effects=(released(row, flags),))
