"""Reversal (0400 request, 0420 advice): take back an earlier message (decision table F1 to F14).

A reversal without its original leaves a tombstone, so that a late original is refused. The code on the wire may differ
between request and advice; what happens to the ledger does not.
"""

from collections.abc import Sequence

from twinrail.engine.lifecycle import approval_code, released
from twinrail.engine.pipeline import Decision, LifecycleView, View
from twinrail.schemas.instructions import Reversal
from twinrail.schemas.journal import (
    FLAG_CLEARED,
    FLAG_DECLINED,
    FLAG_DIRECT,
    FLAG_EXPIRED,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
    Changed,
    Effect,
    ExceptionRaised,
    Leg,
    ObligationMet,
    Posted,
    Tombstoned,
)
from twinrail.schemas.reasons import Reason

_NS = 1_000_000_000
_ACCEPTED = Decision(reason=Reason.ACCEPTED)


def late_posting(number: int) -> str:
    """Give the id of the obligation that watches a posted 0200 whose answer was late."""
    return f"late-posting-{number}"


def decide_reversal(instruction: Reversal, view: View, at: int, /) -> Decision:
    """Take back what the reversal names, once."""
    rows = view.lifecycles(instruction.card, instruction.life_keys)
    if not rows:
        return _unmatched(instruction, view, at)
    if len(rows) > 1 and len(instruction.life_keys) > 1:
        # One reference number for several: the original data elements (DE90) may name one of them.
        named = {row.id for row in view.lifecycles(instruction.card, instruction.life_keys[1:])}
        rows = [row for row in rows if row.id in named and (row.remaining or row.cleared)] or rows
    row = _the_one(rows, instruction)
    if row is None:
        raised = ExceptionRaised(marker="AMBIGUOUS", account=rows[0].account)
        reason = Reason.ACCEPTED if instruction.advice else Reason.ORIGINAL_NOT_FOUND
        return Decision(reason=reason, effects=(raised,))
    if row.flags & FLAG_REVERSED:
        return _ACCEPTED
    if row.flags & FLAG_DECLINED:
        return _reverse_decline(row, instruction)
    if instruction.replacement_amount is not None and row.currency != instruction.currency:
        raised = ExceptionRaised(marker="CURRENCY", account=row.account, authorization=row.id)
        return Decision(reason=Reason.ACCEPTED, effects=(raised,))
    if row.flags & FLAG_OPEN:
        return _reverse_hold(row, instruction)
    if row.flags & FLAG_EXPIRED:
        return Decision(reason=Reason.ACCEPTED, effects=(released(row, row.flags | FLAG_REVERSED),))
    if row.flags & FLAG_DIRECT:
        return _reverse_posting(row, instruction, view)
    raised = ExceptionRaised(marker="REVERSED_AFTER_CLEARING", account=row.account, authorization=row.id)
    reason = Reason.ACCEPTED if instruction.advice else Reason.ORIGINAL_CLEARED
    return Decision(reason=reason, effects=(raised,))


def _unmatched(instruction: Reversal, view: View, at: int) -> Decision:
    """F6 and F7: no money moves; the original will find the tombstone."""
    reason = Reason.ACCEPTED if instruction.advice else Reason.ORIGINAL_NOT_FOUND
    replacement = -1 if instruction.replacement_amount is None else instruction.replacement_amount
    earlier = view.tombstone(instruction.card, instruction.life_keys, at)
    if not instruction.life_keys or (earlier is not None and earlier.replacement_amount <= replacement):
        return Decision(reason=reason)  # only one that takes back more than the last says something new
    stone = Tombstoned(
        card=instruction.card,
        life_keys=instruction.life_keys,
        expires_at=at + instruction.tombstone_s * _NS,
        replacement_amount=replacement,
    )
    return Decision(reason=reason, effects=(stone,))


def _the_one(rows: Sequence[LifecycleView], instruction: Reversal) -> LifecycleView | None:
    """F14: of several lifecycles the one with the same approval code and amount, else the only one to take back from.

    None where that does not tell.
    """
    if len(rows) == 1:
        return rows[0]
    exact = [
        row
        for row in rows
        if approval_code(row.id) == instruction.approval_code and row.authorized == instruction.amount
    ]
    if len(exact) == 1:
        return exact[0]
    standing = [row for row in rows if row.remaining or row.cleared]
    if len(standing) == 1:
        return standing[0]
    return None if standing else rows[-1]


def _reverse_decline(row: LifecycleView, instruction: Reversal) -> Decision:
    """F10: there is nothing to give back; the flag keeps an advice that comes after it from holding anything."""
    if instruction.replacement_amount is not None:
        return _ACCEPTED
    return Decision(reason=Reason.ACCEPTED, effects=(released(row, row.flags | FLAG_REVERSED),))


def _reverse_hold(row: LifecycleView, instruction: Reversal) -> Decision:
    """F1, F2, F3, F5: release all that remains, or down to the replacement amount."""
    replacement = instruction.replacement_amount
    if replacement is None:
        flags = (row.flags & ~(FLAG_OPEN | FLAG_LATE)) | FLAG_REVERSED | (FLAG_CLEARED if row.cleared else 0)
        return Decision(reason=Reason.ACCEPTED, effects=(released(row, flags),))
    if replacement >= row.remaining:
        raised = ExceptionRaised(marker="OVER_REVERSAL", account=row.account, authorization=row.id)
        return Decision(reason=Reason.ACCEPTED, effects=(raised,))
    effect = Changed(
        authorization=row.id,
        account=row.account,
        authorized=row.authorized,
        remaining=replacement,
        cleared=row.cleared,
        released=row.released + row.remaining - replacement,
        flags=row.flags & ~FLAG_LATE,
        expires_at=row.expires_at,
    )
    return Decision(reason=Reason.ACCEPTED, effects=(effect,))


def _reverse_posting(row: LifecycleView, instruction: Reversal, view: View) -> Decision:
    """F4: a posted 0200 gets a contra entry, whole or in part; the posting itself is never deleted."""
    replacement = instruction.replacement_amount or 0
    if replacement >= row.cleared:
        raised = ExceptionRaised(marker="OVER_REVERSAL", account=row.account, authorization=row.id)
        return Decision(reason=Reason.ACCEPTED, effects=(raised,))
    back = row.cleared - replacement
    settlement = view.settlement(row.currency, "card")
    flags = row.flags & ~FLAG_LATE
    effects: list[Effect] = [
        Changed(
            authorization=row.id,
            account=row.account,
            authorized=row.authorized,
            remaining=0,
            cleared=replacement,
            released=row.released + back,
            flags=flags if replacement else flags | FLAG_REVERSED,
            expires_at=row.expires_at,
        ),
        Posted(
            currency=row.currency,
            legs=(Leg(row.account, back), Leg(settlement, -back)),
            authorization=row.id,
            text="reversal",
        ),
    ]
    if row.flags & FLAG_LATE:
        effects.append(ObligationMet(obligation=late_posting(row.id)))
    return Decision(reason=Reason.ACCEPTED, effects=tuple(effects))
