"""Credit transfer: book one transaction of a payment file (pain.001) or one instant payment (pacs.008), or refuse it.

An outgoing transfer debits our customer and credits the settlement account of the rail, or our other customer where
the counterparty banks with us (on-us). An incoming one credits our customer out of the settlement account. A refused
one is recorded without moving money. A transaction of a file advances the file's checkpoint in the same entry, so
each position is booked exactly once however often it is handed in.
"""

from twinrail.engine.pipeline import AccountView, Decision, FileView, View
from twinrail.schemas.instructions import CreditTransfer
from twinrail.schemas.journal import Effect, FileAdvanced, Leg, PaymentSettled, Posted
from twinrail.schemas.reasons import Reason

RAIL = "sepa"
# Accepted and in process (a file), accepted for the payee (instant), rejected: ISO 20022 transaction status codes.
IN_PROCESS, ACCEPTED, REJECTED = "ACSP", "ACCP", "RJCT"
_STATUS_REASON = {"closed": Reason.ACCOUNT_CLOSED, "blocked": Reason.ACCOUNT_BLOCKED}


def credit_transfer(instruction: CreditTransfer, view: View, _at: int, /) -> Decision:
    """Decide one credit transfer."""
    file: FileView | None = None
    if instruction.file:
        file = view.file(instruction.file)
        last = 0 if file is None or file.status == "refused" else file.transactions
        if file is None or instruction.position > min(last, file.position + 1):
            return Decision(reason=Reason.INVALID_TRANSACTION, trace=("file.checkpoint: invalid_transaction",))
        if instruction.position <= file.position:
            return Decision(reason=Reason.ACCEPTED)  # booked already: nothing is said or done twice
    account = view.account_by_iban(instruction.account)
    counterparty = view.account_by_iban(instruction.counterparty) if instruction.outgoing else None
    reason = _refusal(instruction, view, account, counterparty)
    effects: list[Effect] = []
    if reason is None and account is not None:
        effects.append(_posting(instruction, view, account, counterparty))
    effects.append(_settled(instruction, account, reason))
    if file is not None:
        effects.append(
            FileAdvanced(
                file=instruction.file,
                position=instruction.position,
                accepted=file.accepted + (reason is None),
                accepted_sum=file.accepted_sum + (instruction.amount if reason is None else 0),
            )
        )
    return Decision(
        reason=reason or Reason.ACCEPTED,
        effects=tuple(effects),
        trace=(f"credit_transfer: {reason}",) if reason else (),
    )


def _refusal(
    instruction: CreditTransfer, view: View, account: AccountView | None, counterparty: AccountView | None
) -> Reason | None:
    """Name the first thing that speaks against a transfer, intake's finding first."""
    if instruction.refused:
        return Reason(instruction.refused)
    if instruction.amount <= 0:
        return Reason.INVALID_AMOUNT
    reason = _standing(instruction, account)
    if reason is not None or account is None:
        return reason
    if counterparty is not None:
        if counterparty.id == account.id:
            return Reason.NOT_PERMITTED
        reason = _standing(instruction, counterparty)
        if reason is not None:
            return reason
    if instruction.outgoing and view.available(account) < instruction.amount:
        return Reason.INSUFFICIENT_FUNDS
    return None


def _standing(instruction: CreditTransfer, account: AccountView | None) -> Reason | None:
    if account is None or account.kind != "customer":
        return Reason.ACCOUNT_UNKNOWN
    if account.status != "open":
        return _STATUS_REASON.get(account.status, Reason.ACCOUNT_BLOCKED)
    return None if account.currency == instruction.currency else Reason.CURRENCY_NOT_SERVED


def _posting(instruction: CreditTransfer, view: View, account: AccountView, counterparty: AccountView | None) -> Posted:
    other = counterparty.id if counterparty is not None else view.settlement(instruction.currency, RAIL)
    amount = -instruction.amount if instruction.outgoing else instruction.amount
    return Posted(currency=instruction.currency, legs=(Leg(account.id, amount), Leg(other, -amount)))


def _settled(instruction: CreditTransfer, account: AccountView | None, reason: Reason | None) -> PaymentSettled:
    granted = IN_PROCESS if instruction.outgoing else ACCEPTED
    return PaymentSettled(
        account="" if account is None else account.id,
        outgoing=instruction.outgoing,
        amount=instruction.amount,
        currency=instruction.currency,
        status=granted if reason is None else REJECTED,
        reason="" if reason is None else str(reason),
        message_id=instruction.message_id,
        payment_information_id=instruction.payment_information_id,
        end_to_end_id=instruction.end_to_end_id,
        instruction_id=instruction.instruction_id,
        transaction_id=instruction.transaction_id,
        file=instruction.file,
        position=instruction.position,
    )
