"""What a store is to the engine's shells: claim, load, commit, look up, find; the same for PostgreSQL and memory."""

from typing import NamedTuple, Protocol

from twinrail.engine.journal import Ask, Batch, Found, Loaded, Outcome, Position
from twinrail.schemas.instructions import Command

COMMAND_CHANNEL = "twinrail_command"  # NOTIFY on every new command; the payload is the partition's number
FOUND_MAX = 64  # rows of one kind in one answer to an Ask


class StoreAway(ConnectionError):  # noqa: N818 - named in the contract; it reads as what it is
    """The store cannot be reached now; nothing is known to be wrong with it, so trying again is right."""


class Store(Protocol):
    """Rows of partitions, made durable batch by batch under a fence."""

    async def claim(self, partition: int) -> Position:
        """Become the owner: take the next epoch through the partition row, waiting for any open transaction.

        Creates the partition where it is missing. StoreAway where the store cannot be reached.
        """

    async def load(self, partition: int, *, recent: int, recent_since: int, now_wall: int) -> Loaded:
        """Read what a new owner starts from, after `claim`, and verify it.

        `recent` bounds the newest entries that have a key, `recent_since` (ns since 1970) their age; tombstones that
        expired before `now_wall` are left out. StoreError names what differs where the rows are not consistent.
        """

    async def commit(self, batch: Batch) -> Outcome:
        """Make a batch durable, in one statement; never cancelled or timed out by the caller.

        The same batch may be handed over again and again; it is written once.
        """

    async def look_up(self, partition: int) -> Position:
        """Read who owns the partition and how far its journal goes, on a fresh connection if need be.

        StoreAway where the store cannot be reached.
        """

    async def find(self, partition: int, ask: Ask) -> Found:
        """Answer a question about committed rows: the newest FOUND_MAX of a kind, oldest first; StoreAway as above."""

    async def commands(self, partition: int, limit: int) -> list[Command]:
        """Read pending commands in the order of request; StoreAway where the store cannot be reached."""

    async def close(self) -> None:
        """Give up all connections."""


class CommandOutcome(NamedTuple):
    """What became of a command: "pending", "done" or "refused", and the result in words."""

    status: str
    result: str


class AccountRow(NamedTuple):
    """One account as people see it; amounts are minor units."""

    id: str
    kind: str
    currency: str
    status: str
    posted: int
    held: int
    credit_limit: int
    iban_last4: str
    opened_seq: int
    changed_seq: int

    @property
    def available(self) -> int:
        """Give posted minus held plus credit limit, in minor units."""
        return self.posted - self.held + self.credit_limit


class CardRow(NamedTuple):
    """One card as people see it."""

    token: str
    account: str
    expiry: str
    last4: str
    status: str
    amount_limit: int


class FileRow(NamedTuple):
    """One payment file and how far it is booked."""

    sha256: str
    message_id: str
    initiator: str
    transactions: int
    control_sum: int
    status: str
    reason: str
    position: int
    accepted: int
    accepted_sum: int
    report: str
    report_sha256: str


class PaymentRow(NamedTuple):
    """One decided payment, as a status report needs it."""

    id: int
    position: int
    account: str
    outgoing: bool
    amount: int
    currency: str
    status: str
    reason: str
    message_id: str
    payment_information_id: str
    end_to_end_id: str
    instruction_id: str
    transaction_id: str


class BalanceRow(NamedTuple):
    """The sum of all accounts of one kind and currency; amounts are minor units."""

    kind: str
    currency: str
    accounts: int
    posted: int
    held: int


class Reports(Protocol):
    """Read-only rows for people and for status reports."""

    async def account_row(self, account: str) -> AccountRow | None:
        """Find an account by its id."""

    async def accounts(self, *, after: str = "", limit: int = 100) -> list[AccountRow]:
        """List accounts in the order of their ids, from the first one after `after`."""

    async def card_row(self, token: str) -> CardRow | None:
        """Find a card by its token."""

    async def cards_of_account(self, account: str, *, limit: int = 100) -> list[CardRow]:
        """List the cards of an account."""

    async def file_row(self, sha256: str) -> FileRow | None:
        """Find a payment file by its bytes."""

    async def payments_of_file(self, sha256: str, *, after_position: int = 0, limit: int = 1000) -> list[PaymentRow]:
        """List the decided payments of a file in the order of their positions, from the first after the one given."""

    async def balances(self) -> list[BalanceRow]:
        """Sum up all accounts by kind and currency."""
