"""Authorization request (0100): reserve the amount or decline (decision table A1, A3, A6, A10, A12)."""

from dataclasses import dataclass

from twinrail.engine.pipeline import Decision, Pipeline, View
from twinrail.schemas.instructions import Authorization, CardMessage
from twinrail.schemas.journal import FLAG_DECLINED, FLAG_OPEN, FLAG_STANDIN, Effect, Opened
from twinrail.schemas.reasons import Reason

_NS = 1_000_000_000


def declined(instruction: CardMessage, view: View, reason: Reason, trace: tuple[str, ...], ruleset: str) -> Decision:
    """Decide a decline: nothing moves; the lifecycle of a known card is kept so that what follows finds it."""
    card = view.card(instruction.card)
    effects: tuple[Effect, ...] = ()
    if card is not None:
        effects = (
            Opened(
                account=card.account,
                card=card.token,
                currency=instruction.currency,
                authorized=0,
                remaining=0,
                flags=FLAG_DECLINED,
                life_keys=instruction.life_keys,
            ),
        )
    return Decision(reason=reason, effects=effects, trace=trace, ruleset=ruleset)


def blocked(instruction: CardMessage, view: View, at: int) -> Decision | None:
    """Decide what came before the request: its reversal (A10), or the network's own decision (A12); None if neither.

    What the network granted is a hold: it answers for an authorization that it covers, never for more, for another
    currency or for a debit, which would then be approved without being booked.
    """
    if view.tombstone(instruction.card, instruction.life_keys, at) is not None:
        return Decision(reason=Reason.DUPLICATE, trace=("idempotency.tombstone: duplicate",))
    # Also when it is reversed or expired since: nobody would end a second hold.
    granted = [row for row in view.lifecycles(instruction.card, instruction.life_keys) if row.flags & FLAG_STANDIN]
    if not granted:
        return None
    if isinstance(instruction, Authorization) and any(
        row.currency == instruction.currency and row.authorized >= instruction.amount for row in granted
    ):
        return Decision(reason=Reason.APPROVED, trace=("idempotency.stand_in: approved",))
    return Decision(reason=Reason.DUPLICATE, trace=("idempotency.stand_in: duplicate",))


@dataclass(frozen=True, slots=True)
class AuthorizationFlow:
    """Decide a 0100 by the pipeline; an approval opens a lifecycle that holds the amount until it expires."""

    pipeline: Pipeline

    def __call__(self, instruction: Authorization, view: View, at: int, /) -> Decision:
        """Decide one authorization request."""
        keys = instruction.life_keys
        if view.tombstone(instruction.card, keys, at) is not None or view.lifecycles(instruction.card, keys):
            earlier = blocked(instruction, view, at)
            if earlier is not None:
                return earlier
        judgement = self.pipeline.judge(instruction, view, at)
        if judgement.reason is not Reason.APPROVED:
            return declined(instruction, view, judgement.reason, judgement.trace, self.pipeline.ruleset)
        hold = judgement.holds[0]
        return Decision(
            reason=Reason.APPROVED,
            approved=True,
            ruleset=self.pipeline.ruleset,
            effects=(
                Opened(
                    account=hold.account,
                    card=instruction.card,
                    currency=hold.currency,
                    authorized=hold.amount,
                    remaining=hold.amount,
                    flags=FLAG_OPEN,
                    expires_at=at + instruction.hold_expiry_s * _NS,
                    life_keys=instruction.life_keys,
                ),
            ),
        )
