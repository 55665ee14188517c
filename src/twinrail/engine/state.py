"""The state: all that the one writer of a partition holds in memory, and how effects change it.

It is what flows and checks read (`pipeline.View`) and what a batch is folded from. Applying an entry never decides
anything: the same entries from empty give the same state.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from twinrail.engine.journal import Found, Loaded, encode_entry, key_hash
from twinrail.engine.ledger import Account, Card, Ledger
from twinrail.engine.lifecycle import Lifecycle, Lifecycles, Tombstone
from twinrail.engine.obligations import Obligation, Obligations
from twinrail.errors import check
from twinrail.money import alphabetic
from twinrail.schemas.journal import (
    AccountChanged,
    AccountOpened,
    CardChanged,
    CardOpened,
    Changed,
    CommandDone,
    Effect,
    Entry,
    ExceptionRaised,
    FileAdvanced,
    FileClosed,
    FileOpened,
    ObligationMet,
    ObligationSet,
    Opened,
    PaymentSettled,
    Posted,
    Tombstoned,
)

Row = tuple[object, ...]
CLOSED_FILES_MAX = 1000  # closed payment files that memory keeps
_astuple = msgspec.structs.astuple


class PaymentFile(msgspec.Struct, gc=False):
    """One payment file. Field order is the column order of table `payment_file`."""

    sha256: str
    message_id: str
    initiator: str
    transactions: int
    control_sum: int
    status: str  # open, refused, closed
    reason: str
    position: int
    accepted: int
    accepted_sum: int
    report: str
    report_sha256: str


def settlement_account(currency: str, rail: str) -> str:
    """Give the id of the settlement account of a rail ("card", "sepa") in a currency (ISO 4217 numeric)."""
    return f"{rail}-{alphabetic(currency)}" if rail == "suspense" else f"{rail}-settlement-{alphabetic(currency)}"


class State:
    """Ledger, lifecycles, obligations and payment files of one partition."""

    def __init__(self, *, closed_max: int = 200_000) -> None:
        self.ledger = Ledger()
        self.life = Lifecycles(self.ledger, closed_max)
        self.obligations = Obligations()
        self.files: dict[str, PaymentFile] = {}
        self._files_of: dict[tuple[str, str], PaymentFile] = {}
        self._changed_files: dict[str, PaymentFile] = {}
        self._closed_files: deque[str] = deque()
        self._appended: dict[str, list[Row]] = {}
        self._leg_seq = self._leg_next = 0
        # Bound once: the flows of the hot path read accounts and cards with one C call.
        self.account: Callable[[str], Account | None] = self.ledger.accounts.get
        self.account_by_iban: Callable[[str], Account | None] = self.ledger.by_iban.get
        self.card: Callable[[str], Card | None] = self.ledger.cards.get
        self.available = self.ledger.available
        self.lifecycle: Callable[[int], Lifecycle | None] = self.life.by_id.find
        self.lifecycles = self.life.find
        self.tombstone = self.life.tombstone
        self.file: Callable[[str], PaymentFile | None] = self.files.get
        self._appliers: dict[type, Callable[[Any, int], None]] = {
            Opened: self.life.opened,
            Changed: self.life.changed_to,
            Posted: self._posted,
            Tombstoned: self.life.tombstoned,
            AccountOpened: self.ledger.account_opened,
            AccountChanged: self.ledger.account_changed,
            CardOpened: self.ledger.card_opened,
            CardChanged: self.ledger.card_changed,
            PaymentSettled: self._payment_settled,
            FileOpened: self._file_opened,
            FileAdvanced: self._file_advanced,
            FileClosed: self._file_closed,
            ObligationSet: self.obligations.set,
            ObligationMet: self.obligations.meet,
            ExceptionRaised: self._exception_raised,
            CommandDone: self._command_done,
        }

    def settlement(self, currency: str, rail: str, /) -> str:
        """Give the id of the settlement account of a rail in a currency."""
        return settlement_account(currency, rail)

    def file_of_message(self, initiator: str, message_id: str, /) -> PaymentFile | None:
        """Find a payment file by who sent it and its message id."""
        return self._files_of.get((initiator, message_id))

    def apply(self, effects: Sequence[Effect], seq: int) -> None:
        """Change the state by the effects of the entry `seq`."""
        appliers = self._appliers
        for effect in effects:
            appliers[type(effect)](effect, seq)

    def _append(self, table: str, row: Row) -> None:
        self._appended.setdefault(table, []).append(row)

    def _posted(self, effect: Posted, seq: int) -> None:
        self.ledger.posted(effect, seq)
        rows = self._appended.setdefault("posting", [])
        # Legs of several postings of one entry are numbered on, so (seq, leg) stays unique.
        leg = self._leg_next if self._leg_seq == seq else 0
        rows.extend(
            (seq, number, side.account, side.amount, effect.currency) for number, side in enumerate(effect.legs, leg)
        )
        self._leg_seq, self._leg_next = seq, leg + len(effect.legs)

    def _payment_settled(self, effect: PaymentSettled, seq: int) -> None:
        self._append(
            "payment",
            (
                seq,
                effect.account,
                effect.outgoing,
                effect.amount,
                effect.currency,
                effect.status,
                effect.reason,
                effect.message_id,
                effect.payment_information_id,
                effect.end_to_end_id,
                effect.instruction_id,
                effect.transaction_id,
                effect.file,
                effect.position,
            ),
        )

    def _file_opened(self, effect: FileOpened, _seq: int) -> None:
        check(effect.file not in self.files, "file opened twice")
        row = PaymentFile(
            effect.file,
            effect.message_id,
            effect.initiator,
            effect.transactions,
            effect.control_sum,
            effect.status,
            effect.reason,
            0,
            0,
            0,
            "",
            "",
        )
        self._keep_file(row)
        self._changed_files[row.sha256] = row

    def _keep_file(self, row: PaymentFile) -> None:
        self.files[row.sha256] = row
        if row.status != "refused" or (row.initiator, row.message_id) not in self._files_of:
            self._files_of[(row.initiator, row.message_id)] = row

    def _file_advanced(self, effect: FileAdvanced, _seq: int) -> None:
        row = self.files[effect.file]
        check(effect.position == row.position + 1, "file checkpoint out of order")
        row.position = effect.position
        row.accepted = effect.accepted
        row.accepted_sum = effect.accepted_sum
        self._changed_files[row.sha256] = row

    def _file_closed(self, effect: FileClosed, _seq: int) -> None:
        row = self.files[effect.file]
        row.status = "refused" if row.status == "refused" else "closed"
        row.report = effect.report
        row.report_sha256 = effect.report_sha256
        self._changed_files[row.sha256] = row
        self._closed_files.append(row.sha256)

    def forget(self, committed_seq: int) -> None:
        """Drop what memory need not hold any more; the store answers for it."""
        self.life.forget(committed_seq)
        while len(self._closed_files) > CLOSED_FILES_MAX and not self._changed_files:
            row = self.files.pop(self._closed_files.popleft(), None)
            if row is not None and self._files_of.get((row.initiator, row.message_id)) is row:
                del self._files_of[(row.initiator, row.message_id)]

    def _exception_raised(self, effect: ExceptionRaised, seq: int) -> None:
        rows = self._appended.setdefault("exception", [])
        if not rows or rows[-1][0] != seq:  # one row an entry: its first marker names the case
            rows.append((seq, effect.marker, effect.account, effect.authorization))

    def _command_done(self, effect: CommandDone, seq: int) -> None:
        self._append("command", (effect.command, effect.status, effect.result, seq))

    def fold(self, entries: Sequence[Entry]) -> dict[str, list[Row]]:
        """Give the rows of all that changed since the last fold, by table; `entries` are those of the same span."""
        rows: dict[str, list[Row]] = self._appended
        self._appended = {}
        rows["journal"] = [
            (entry.seq, entry.at, entry.kind, key_hash(entry.key) if entry.key else None, encode_entry(entry))
            for entry in entries
        ]
        for table, changed in (
            ("account", self.ledger.changed_accounts),
            ("card", self.ledger.changed_cards),
            ("authorization", self.life.changed),
            ("obligation", self.obligations.changed),
            ("payment_file", self._changed_files),
        ):
            if changed:
                rows[table] = [_astuple(row) for row in changed.values()]
                changed.clear()
        if self.life.new_tombstones:
            rows["tombstone"] = [_astuple(row) for row in self.life.new_tombstones]
            self.life.new_tombstones.clear()
        return rows

    def restore(self, loaded: Loaded) -> None:
        """Take the rows of a new owner's load into an empty state."""
        check(not self.ledger.accounts, "state restored twice")
        ledger = self.ledger
        rows: Any
        for rows in loaded.rows.get("account", ()):
            account = Account(*rows)
            ledger.accounts[account.id] = account
            if account.iban:
                ledger.by_iban[account.iban] = account
        for rows in loaded.rows.get("card", ()):
            card = Card(*rows)
            ledger.cards[card.token] = card
        for rows in loaded.rows.get("authorization", ()):
            self.life.restore(Lifecycle(*rows))
        for rows in loaded.rows.get("tombstone", ()):
            self.life.bury(Tombstone(*rows))
        for rows in loaded.rows.get("obligation", ()):
            self.obligations.restore(Obligation(*rows))
        for rows in loaded.rows.get("payment_file", ()):
            self._keep_file(PaymentFile(*rows))

    def hydrate(self, found: Found) -> None:
        """Take what the store answered to an ask into memory; what is there already stays as it is."""
        rows: Any
        for rows in found.authorizations:
            self.life.restore(Lifecycle(*rows))
        for rows in found.tombstones:
            self.life.bury(Tombstone(*rows))
        for rows in found.files:
            row = PaymentFile(*rows)
            if row.sha256 not in self.files:
                self._keep_file(row)
