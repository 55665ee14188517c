"""Financial request (0200): debit the amount at once or decline (decision table D1, D5, A6, A10)."""

from dataclasses import dataclass

from twinrail.engine.pipeline import Decision, Pipeline, View
from twinrail.handlers.flows.authorization import blocked, declined
from twinrail.schemas.instructions import Financial
from twinrail.schemas.journal import FLAG_CLEARED, FLAG_DIRECT, Leg, Opened, Posted
from twinrail.schemas.reasons import Reason

# Processing codes (DE3, first two digits) that debit the cardholder: purchase, cash, purchase with cash back,
# quasi-cash, cash disbursement. Others are refused as invalid rather than booked on the wrong side.
DEBITS = frozenset({"00", "01", "09", "11", "17"})


@dataclass(frozen=True, slots=True)
class FinancialFlow:
    """Decide a 0200 by the pipeline; an approval posts the amount against the card settlement account, with no hold."""

    pipeline: Pipeline

    def __call__(self, instruction: Financial, view: View, at: int, /) -> Decision:
        """Decide one financial request."""
        earlier = blocked(instruction, view, at)
        if earlier is not None:
            return earlier
        ruleset = self.pipeline.ruleset
        if instruction.processing_code[:2] not in DEBITS:
            trace = ("parse.processing_code: invalid_transaction",)
            return declined(instruction, view, Reason.INVALID_TRANSACTION, trace, ruleset)
        judgement = self.pipeline.judge(instruction, view, at)
        if judgement.reason is not Reason.APPROVED:
            return declined(instruction, view, judgement.reason, judgement.trace, ruleset)
        hold = judgement.holds[0]
        settlement = view.settlement(hold.currency, "card")
        if view.account(settlement) is None:
            return declined(instruction, view, Reason.SYSTEM_ERROR, ("posting.settlement: system_error",), ruleset)
        return Decision(
            reason=Reason.APPROVED,
            approved=True,
            ruleset=ruleset,
            effects=(
                Opened(
                    account=hold.account,
                    card=instruction.card,
                    currency=hold.currency,
                    authorized=hold.amount,
                    remaining=0,
                    cleared=hold.amount,
                    flags=FLAG_CLEARED | FLAG_DIRECT,
                    life_keys=instruction.life_keys,
                ),
                Posted(
                    currency=hold.currency,
                    legs=(Leg(hold.account, -hold.amount), Leg(settlement, hold.amount)),
                    text="0200",
                ),
            ),
        )
