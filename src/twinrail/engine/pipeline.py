"""The pipeline: flows decide, checks judge, and what they want done travels in the verdict.

A *flow* (handlers/flows) says what one kind of instruction does. A *check* (handlers/checks) is one rule without side
effects. Stages run in order; all checks of a stage run, the first stage with a decline ends the pipeline and its first
declining check names the reason. Nothing here changes state: the switch applies the effects of a decision.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from twinrail.schemas.instructions import CardMessage
from twinrail.schemas.journal import Effect
from twinrail.schemas.reasons import Reason


class AccountView(Protocol):
    """What may be read of an account; amounts are minor units of its currency."""

    id: str
    kind: str  # customer, settlement, suspense
    currency: str  # ISO 4217 numeric
    status: str  # open, blocked, closed
    posted: int
    held: int
    credit_limit: int


class CardView(Protocol):
    """What may be read of a card."""

    token: str
    account: str
    expiry: str  # YYMM
    last4: str
    status: str  # active, inactive, frozen, lost, stolen, closed
    amount_limit: int  # minor units a transaction; 0 for none


class LifecycleView(Protocol):
    """What may be read of an authorization; amounts are minor units, `flags` the FLAG_ bits of schemas.journal."""

    id: int  # sequence number of the entry that opened it
    account: str
    card: str
    currency: str
    authorized: int
    remaining: int
    cleared: int
    released: int
    flags: int
    expires_at: int  # ns since 1970, wall; 0 for never


class TombstoneView(Protocol):
    """A reversal that came before its original."""

    id: int
    replacement_amount: int  # -1 for a full reversal
    expires_at: int


class FileView(Protocol):
    """What may be read of a payment file."""

    sha256: str
    message_id: str
    initiator: str
    transactions: int
    control_sum: int
    status: str  # open, refused, closed
    reason: str
    position: int  # everything up to and with it is booked
    accepted: int
    accepted_sum: int
    report: str


class View(Protocol):
    """The state as a flow may read it: the speculative state of the one writer."""

    def account(self, account: str, /) -> AccountView | None:
        """Find an account by its id."""

    def account_by_iban(self, iban: str, /) -> AccountView | None:
        """Find an account by its keyed IBAN token."""

    def available(self, account: AccountView, /) -> int:
        """Give posted minus held plus credit limit, in minor units; may be negative."""

    def card(self, token: str, /) -> CardView | None:
        """Find a card by its token."""

    def lifecycles(self, card: str, life_keys: tuple[int, ...], /) -> Sequence[LifecycleView]:
        """Find a card's authorizations by the strongest key that finds any, oldest first."""

    def lifecycle(self, number: int, /) -> LifecycleView | None:
        """Find an authorization by its id."""

    def tombstone(self, card: str, life_keys: tuple[int, ...], at: int, /) -> TombstoneView | None:
        """Find a card's unexpired tombstone by any key."""

    def settlement(self, currency: str, rail: str, /) -> str:
        """Give the id of the settlement account of a rail ("card", "sepa") in a currency."""

    def file(self, sha256: str, /) -> FileView | None:
        """Find a payment file by its bytes."""

    def file_of_message(self, initiator: str, message_id: str, /) -> FileView | None:
        """Find a payment file by its message identity."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Reserve an amount on an account."""

    account: str
    amount: int  # minor units
    currency: str


class Pass(msgspec.Struct, frozen=True, gc=False):
    """The check has nothing against it; `hold` is what it wants reserved."""

    hold: Hold | None = None


class Decline(msgspec.Struct, frozen=True, gc=False):
    """The check refuses, and why."""

    reason: Reason


Verdict = Pass | Decline
PASS = Pass()


class Decision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a flow decided: the reason, the effects to journal and apply, and what the answer says beyond the reason."""

    reason: Reason
    effects: tuple[Effect, ...] = ()
    approved: bool = False  # the answer carries an approval code (DE38)
    amount: int = -1  # minor units in the answer where it differs from the request's
    trace: tuple[str, ...] = ()
    ruleset: str = ""


Flow = Callable[..., Decision]  # (instruction, view, at) -> Decision; `at` is ns since 1970, wall


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Whom a card message is about, looked up once for all checks; None where this issuer has no such thing."""

    card: CardView | None
    account: AccountView | None
    available: int  # minor units; 0 without an account
    view: View  # for a check that has to know more


def subject_of(instruction: CardMessage, view: View) -> Subject:
    """Look up the card of a message and its account."""
    card = view.card(instruction.card)
    account = None if card is None else view.account(card.account)
    return Subject(card, account, 0 if account is None else view.available(account), view)


Check = Callable[[CardMessage, Subject, int], Verdict]


class Stage(NamedTuple):
    """Checks that are judged together; the name of a check is the name of its class or function."""

    name: str
    checks: tuple[tuple[str, Check], ...]


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """What all stages said: APPROVED with the holds that the checks want, or the reason with the trace behind it."""

    reason: Reason
    holds: tuple[Hold, ...] = ()
    trace: tuple[str, ...] = ()


class Pipeline:
    """Stages in order, as one callable judgement; `ruleset` names the version that every journal entry will carry."""

    def __init__(self, stages: Sequence[Stage], ruleset: str) -> None:
        self.stages = tuple(stages)
        self.ruleset = ruleset
        self._checks = tuple((check, stage) for stage in self.stages for _, check in stage.checks)

    def judge(self, instruction: CardMessage, view: View, at: int) -> Judgement:
        """Run the stages until one declines; the first declining check of that stage names the reason."""
        holds: tuple[Hold, ...] = ()
        subject = subject_of(instruction, view)
        for judge, stage in self._checks:
            verdict = judge(instruction, subject, at)
            if verdict is PASS:
                continue
            if type(verdict) is not Pass:
                return _declined(stage, instruction, subject, at)
            if verdict.hold is not None:
                holds += (verdict.hold,)
        return Judgement(Reason.APPROVED, holds)


def _declined(stage: Stage, instruction: CardMessage, subject: Subject, at: int) -> Judgement:
    """Run all checks of a stage and say which declined; they have no side effects, so some may run twice."""
    declines = []
    for name, judge in stage.checks:
        verdict = judge(instruction, subject, at)
        if isinstance(verdict, Decline):
            declines.append((name, verdict.reason))
    trace = tuple(f"{stage.name}.{name}: {reason}" for name, reason in declines)
    return Judgement(declines[0][1], (), trace)
