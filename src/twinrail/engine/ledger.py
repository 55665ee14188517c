"""The ledger: accounts and cards in memory, moved only by the effects of journal entries.

Invariants, checked at every posting: the legs of a posting sum to zero and share one currency; held is never below
zero. available = posted - held + credit limit. Rows are plain structs whose fields stand in the order of their table's
columns, so that a batch is folded by `astuple`.
"""

import msgspec

from twinrail.engine.journal import slot_of
from twinrail.engine.pipeline import AccountView
from twinrail.errors import check
from twinrail.schemas.journal import AccountChanged, AccountOpened, CardChanged, CardOpened, Posted


class Account(msgspec.Struct, gc=False):
    """One account; amounts are minor units of its currency. Field order is the column order of table `account`."""

    id: str
    slot: int
    kind: str
    currency: str
    status: str
    posted: int
    held: int
    credit_limit: int
    iban: str
    iban_last4: str
    opened_seq: int
    changed_seq: int


class Card(msgspec.Struct, gc=False):
    """One card. Field order is the column order of table `card`."""

    token: str
    account: str
    expiry: str
    last4: str
    status: str
    amount_limit: int
    counters: str


class Ledger:
    """All accounts and cards of a partition, and which of them changed since the last batch was folded."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.by_iban: dict[str, Account] = {}
        self.cards: dict[str, Card] = {}
        self.changed_accounts: dict[str, Account] = {}
        self.changed_cards: dict[str, Card] = {}

    @staticmethod
    def available(account: AccountView, /) -> int:
        """Give what may still be spent, in minor units; negative where advices or clearings overdrew."""
        return account.posted - account.held + account.credit_limit

    def move_held(self, account: str, amount: int, seq: int) -> None:
        """Raise (or lower, by a negative amount) what is held on an account."""
        row = self.accounts[account]
        row.held += amount
        if row.held < 0:
            check(condition=False, problem="held below zero")
        row.changed_seq = seq
        self.changed_accounts[account] = row

    def posted(self, effect: Posted, seq: int) -> None:
        """Book a posting."""
        total = 0
        for leg in effect.legs:
            row = self.accounts[leg.account]
            check(row.currency == effect.currency, "posting in another currency than the account's")
            row.posted += leg.amount
            row.changed_seq = seq
            total += leg.amount
            self.changed_accounts[leg.account] = row
        check(total == 0, "posting does not sum to zero")

    def account_opened(self, effect: AccountOpened, seq: int) -> None:
        """Add a new account with nothing on it."""
        check(effect.account not in self.accounts, "account opened twice")
        row = Account(
            effect.account,
            slot_of(effect.account),
            effect.kind,
            effect.currency,
            "open",
            0,
            0,
            effect.credit_limit,
            effect.iban,
            effect.iban_last4,
            seq,
            seq,
        )
        self.accounts[row.id] = row
        if row.iban:
            check(row.iban not in self.by_iban, "one IBAN on two accounts")
            self.by_iban[row.iban] = row
        self.changed_accounts[row.id] = row

    def account_changed(self, effect: AccountChanged, seq: int) -> None:
        """Set an account's status and credit limit."""
        row = self.accounts[effect.account]
        row.status = effect.status
        row.credit_limit = effect.credit_limit
        row.changed_seq = seq
        self.changed_accounts[row.id] = row

    def card_opened(self, effect: CardOpened, seq: int) -> None:
        """Add a new card."""
        check(effect.card not in self.cards, "card opened twice")
        check(effect.account in self.accounts, f"card opened without its account at {seq}")
        row = Card(effect.card, effect.account, effect.expiry, effect.last4, effect.status, effect.amount_limit, "")
        self.cards[row.token] = row
        self.changed_cards[row.token] = row

    def card_changed(self, effect: CardChanged, seq: int) -> None:
        """Set a card's status, expiry and limit."""
        check(effect.card in self.cards, f"unknown card changed at {seq}")
        row = self.cards[effect.card]
        row.status = effect.status
        row.expiry = effect.expiry
        row.amount_limit = effect.amount_limit
        self.changed_cards[row.token] = row
