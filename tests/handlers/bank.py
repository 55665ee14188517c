"""A small bank for tests: a real State with accounts and a card, moved by decisions just as the switch moves it."""

from typing import Any

from twinrail.codecs.card import life_key
from twinrail.engine.ledger import Account, Card
from twinrail.engine.lifecycle import Lifecycle
from twinrail.engine.pipeline import Check, Decision, Flow, Pipeline, Stage, Verdict, subject_of
from twinrail.engine.state import State
from twinrail.handlers.checks.check_amount_limit import check_amount_limit
from twinrail.handlers.checks.check_card_known import check_card_known
from twinrail.handlers.checks.check_card_status import check_card_status
from twinrail.handlers.checks.check_expiry import CheckExpiry
from twinrail.handlers.checks.check_funds import check_funds
from twinrail.handlers.flows.authorization import AuthorizationFlow
from twinrail.handlers.flows.financial import FinancialFlow
from twinrail.schemas.instructions import Advice, Authorization, CardMessage, Financial, Reversal
from twinrail.schemas.journal import AccountOpened as Opening
from twinrail.schemas.journal import CardOpened, Effect, ExceptionRaised, Leg, Posted

NS = 1_000_000_000
AT = 1_798_761_600 * NS  # 2027-01-01T00:00:00Z
EUR = "978"
CARD = "c" * 32
ACCOUNT = "A"
SETTLEMENT = "card-settlement-EUR"
PIPELINE = Pipeline(
    (
        Stage("card", (("check_card_known", check_card_known), ("check_card_status", check_card_status))),
        Stage("expiry", (("check_expiry", CheckExpiry()),)),
        Stage("limits", (("check_amount_limit", check_amount_limit),)),
        Stage("funds", (("check_funds", check_funds),)),
    ),
    "test-1",
)
AUTHORIZE = AuthorizationFlow(PIPELINE)
FINANCIAL = FinancialFlow(PIPELINE)


class Bank:
    """One partition without its switch: decide, apply, look."""

    def __init__(self, *, balance: int = 100_00, credit_limit: int = 0, card: str = CARD, **card_terms: Any) -> None:
        self.state = State()
        self.seq = 0
        self.at = AT
        terms = {"expiry": "3012", "last4": "1111", "status": "active"} | card_terms
        self.apply(
            Opening(account=SETTLEMENT, kind="settlement", currency=EUR),
            Opening(account="sepa-settlement-EUR", kind="settlement", currency=EUR),
            Opening(account=ACCOUNT, kind="customer", currency=EUR, credit_limit=credit_limit, iban="i" * 32),
            CardOpened(card=card, account=ACCOUNT, **terms),
        )
        if balance:
            self.apply(Posted(currency=EUR, legs=(Leg(ACCOUNT, balance), Leg(SETTLEMENT, -balance))))

    def apply(self, *effects: Effect) -> int:
        """Apply effects as one entry; gives its sequence number."""
        self.seq += 1
        self.at += 1
        self.state.apply(effects, self.seq)
        self.verify()
        return self.seq

    def decide(self, flow: Flow, instruction: object) -> Decision:
        """Let a flow decide and apply what it wants done."""
        decision = flow(instruction, self.state, self.at)
        self.apply(*decision.effects)
        return decision

    def verify(self) -> None:
        """Check what must hold after every entry: properties 1, 2 and 3 of the decision table."""
        rows = self.state.life.by_id.values()
        assert sum(account.posted for account in self.state.ledger.accounts.values()) == 0
        for account in self.state.ledger.accounts.values():
            assert account.held == sum(row.remaining for row in rows if row.account == account.id and row.flags & 1)
        for row in rows:
            assert row.authorized == row.remaining + row.cleared + row.released
            assert row.remaining == 0 or row.flags & 1

    @property
    def account(self) -> Account:
        """The customer's account."""
        return self.state.ledger.accounts[ACCOUNT]

    @property
    def card(self) -> Card:
        """The customer's card."""
        return self.state.ledger.cards[CARD]

    @property
    def available(self) -> int:
        """What the customer may still spend, in minor units."""
        return self.state.available(self.account)

    @property
    def newest(self) -> Lifecycle:
        """The lifecycle that was opened last."""
        return self.state.life.by_id[max(self.state.life.by_id)]


def verdict_of(check: Check, instruction: CardMessage, state: State, at: int) -> Verdict:
    """Let one check judge."""
    return check(instruction, subject_of(instruction, state), at)


def markers(decision: Decision) -> list[str]:
    """Name what a decision puts into the exception queue."""
    return [effect.marker for effect in decision.effects if isinstance(effect, ExceptionRaised)]


def _shared(mti: str, *, amount: int, stan: int, rrn: str, currency: str, card: str, **more: Any) -> dict[str, Any]:
    transmitted_at = f"01010000{stan % 60:02d}"
    shared: dict[str, Any] = {
        "mti": mti,
        "key": f"test|{mti[1:3]}|{stan:06d}|{rrn}|{card}",
        "life_keys": (life_key(rrn, "12345"), int(f"{transmitted_at}{stan:06d}") + 1),
        "card": card,
        "amount": amount,
        "currency": currency,
        "processing_code": "000000",
        "stan": f"{stan:06d}",
        "rrn": rrn,
        "acquirer": "12345",
    }
    return shared | more


def authorization(
    amount: int, *, stan: int = 1, rrn: str = "000000000001", currency: str = EUR, card: str = CARD, **more: Any
) -> Authorization:
    """Make a 0100."""
    return Authorization(**_shared("0100", amount=amount, stan=stan, rrn=rrn, currency=currency, card=card, **more))


def financial(
    amount: int, *, stan: int = 1, rrn: str = "000000000001", currency: str = EUR, card: str = CARD, **more: Any
) -> Financial:
    """Make a 0200."""
    return Financial(**_shared("0200", amount=amount, stan=stan, rrn=rrn, currency=currency, card=card, **more))


def advice(
    amount: int, *, stan: int = 2, rrn: str = "000000000001", currency: str = EUR, card: str = CARD, **more: Any
) -> Advice:
    """Make a 0120."""
    return Advice(**_shared("0120", amount=amount, stan=stan, rrn=rrn, currency=currency, card=card, **more))


def reversal(
    amount: int, *, stan: int = 3, rrn: str = "000000000001", currency: str = EUR, card: str = CARD, **more: Any
) -> Reversal:
    """Make a 0420; `advice=False` makes a 0400."""
    mti = "0420" if more.get("advice", True) else "0400"
    return Reversal(**_shared(mti, amount=amount, stan=stan, rrn=rrn, currency=currency, card=card, **more))
