"""The auditor: folds the journal with code of its own, and holds the engine's books and answers against it.

It shares the schemas and codecs with the engine and nothing else. `Books` takes committed entries in order and checks
the invariants of money after each; `witness.Witness` checks the answers on the links against it. Both collect findings
and never raise, so that one defect shows all it does. Findings name the invariants I1 to I16 of docs/architecture.md;
no finding holds a card number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from twinrail.schemas.instructions import Advice, Authorization, CardInstruction, Financial, Reversal
from twinrail.schemas.journal import (
    FLAG_DECLINED,
    FLAG_DIRECT,
    FLAG_EXPIRED,
    FLAG_LATE,
    FLAG_OPEN,
    FLAG_REVERSED,
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
from twinrail.schemas.reasons import GRANTED, Reason

FINDINGS_MAX = 100
REQUESTS = frozenset({"authorization", "financial"})
_NOT_OURS = frozenset({"UNKNOWN_CARD", "CURRENCY"})  # an advice that no account of ours can follow: for a person
_decode = msgspec.json.Decoder(Entry).decode
Row = dict[str, object]


class Finding(NamedTuple):
    """One broken invariant."""

    invariant: str
    text: str


class Findings(list[Finding]):
    """The first FINDINGS_MAX findings."""

    def add(self, invariant: str, text: str) -> None:
        """Take one finding."""
        if len(self) < FINDINGS_MAX:
            self.append(Finding(invariant, text))


@dataclass(slots=True)
class Meaning:
    """What a message asked, in the auditor's own words. `life` names its purchase; "" where nobody knows."""

    life: str
    instruction: CardInstruction


@dataclass(slots=True)
class Life:
    """What ought to be held and posted for one purchase."""

    held: int = 0
    posted: int = 0
    known: bool = False  # a message of it has been decided with an effect
    reversed: bool = False
    kept: int = -1  # the replacement amount of a reversal that came first; -1 for none
    vague: bool = False  # several authorizations of one reference: no expectation
    advised: bool = False
    reduced: bool = False  # by a partial reversal, which has the last word on the amount
    numbers: list[int] = field(default_factory=list)


class Books:
    """The journal folded from empty: accounts, cards, lifecycles, and the decisions by key."""

    def __init__(self, findings: Findings | None = None) -> None:
        self.findings = Findings() if findings is None else findings
        self.seq = 0
        self.at = 0
        self.accounts: dict[str, Row] = {}
        self.cards: dict[str, Row] = {}
        self.lifecycles: dict[int, Row] = {}
        self.obligations: dict[str, Row] = {}
        self.files: dict[str, Row] = {}
        self.commands: dict[str, str] = {}
        self.payments: dict[str, PaymentSettled] = {}  # instant payments by transaction id, as they stand
        self.postings = 0
        self.decisions: dict[str, Entry] = {}  # the first decision of each key
        self.late: dict[str, int] = {}  # keys taken back because their answer was late -> seq
        self.marked_late: set[int] = set()  # lifecycles that were flagged LATE at some time
        self.meanings: dict[tuple[str, str], Meaning] = {}  # by key and content
        self.lives: dict[str, Life] = {}
        self._held: dict[str, int] = {}  # by account, summed over lifecycles
        self._life_of: dict[int, str] = {}
        self._leg = 0

    def fold_body(self, body: bytes) -> None:
        """Fold one stored entry."""
        self.fold(_decode(body))

    def fold(self, entry: Entry) -> None:
        """Fold one entry and check what must hold after it."""
        findings = self.findings
        if entry.seq != self.seq + 1:
            findings.add("I3", f"entry {entry.seq} after {self.seq}")
        if entry.at <= self.at:
            findings.add("I9", f"time does not increase at {entry.seq}")
        self.seq, self.at, self._leg = entry.seq, entry.at, 0
        touched: dict[str, int] = {}
        for effect in entry.effects:
            self._apply(effect, entry, touched)
        self._check_accounts(entry, touched)
        self._remember(entry)
        self._check_meaning(entry)

    # Effects

    def _apply(self, effect: Effect, entry: Entry, touched: dict[str, int]) -> None:
        seq = entry.seq
        match effect:
            case Opened():
                touched.setdefault(effect.account, self._available(effect.account))
                self._opened(effect, seq)
            case Changed():
                touched.setdefault(effect.account, self._available(effect.account))
                self._changed(effect, seq)
            case Posted():
                for leg in effect.legs:
                    touched.setdefault(leg.account, self._available(leg.account))
                self._posted(effect, seq)
            case AccountOpened():
                self._account_opened(effect, seq)
            case AccountChanged():
                row = self.accounts[effect.account]
                row |= {"status": effect.status, "credit_limit": effect.credit_limit, "changed_seq": seq}
            case CardOpened():
                if effect.card in self.cards:
                    self.findings.add("I3", f"card opened twice at {seq}")
                self.cards[effect.card] = {
                    "token": effect.card, "account": effect.account, "expiry": effect.expiry, "last4": effect.last4,
                    "status": effect.status, "amount_limit": effect.amount_limit,
                }  # fmt: skip
            case CardChanged():
                self.cards[effect.card] |= {
                    "status": effect.status, "expiry": effect.expiry, "amount_limit": effect.amount_limit,
                }  # fmt: skip
            case CommandDone():
                if effect.command in self.commands:
                    self.findings.add("I3", f"command carried out twice at {seq}")
                self.commands[effect.command] = effect.status
            case ObligationSet():
                self.obligations[effect.obligation] = {
                    "id": effect.obligation, "kind": effect.kind, "due_at": effect.due_at, "subject": effect.subject,
                    "met": False,
                }  # fmt: skip
            case ObligationMet():
                if effect.obligation in self.obligations:
                    self.obligations[effect.obligation]["met"] = True
            case FileOpened() | FileAdvanced() | FileClosed():
                self._file(effect, seq)
            case PaymentSettled():
                self._payment(effect, entry)
            case ExceptionRaised() | Tombstoned():
                pass

    def _available(self, account: str) -> int:
        row = self.accounts.get(account)
        return 0 if row is None else number_of(row["posted"]) - number_of(row["held"]) + number_of(row["credit_limit"])

    def _hold(self, account: str, amount: int, seq: int) -> None:
        row = self.accounts.get(account)
        if row is None:
            self.findings.add("I9", f"unknown account at {seq}")
            return
        row["held"] = number_of(row["held"]) + amount
        row["changed_seq"] = seq
        self._held[account] = self._held.get(account, 0) + amount

    def _opened(self, effect: Opened, seq: int) -> None:
        if seq in self.lifecycles:
            self.findings.add("I3", f"two lifecycles at {seq}")
        self.lifecycles[seq] = {
            "id": seq, "account": effect.account, "card": effect.card, "currency": effect.currency,
            "authorized": effect.authorized, "remaining": effect.remaining, "cleared": effect.cleared,
            "released": effect.released, "flags": effect.flags, "expires_at": effect.expires_at, "changed_seq": seq,
        }  # fmt: skip
        self._check_lifecycle(seq)
        if effect.remaining:
            self._hold(effect.account, effect.remaining, seq)

    def _changed(self, effect: Changed, seq: int) -> None:
        row = self.lifecycles.get(effect.authorization)
        if row is None or row["account"] != effect.account:
            self.findings.add("I9", f"entry {seq} changes a lifecycle that is not there")
            return
        moved = effect.remaining - number_of(row["remaining"])
        row |= {
            "authorized": effect.authorized, "remaining": effect.remaining, "cleared": effect.cleared,
            "released": effect.released, "flags": effect.flags, "expires_at": effect.expires_at, "changed_seq": seq,
        }  # fmt: skip
        if effect.flags & FLAG_LATE:
            self.marked_late.add(effect.authorization)
        self._check_lifecycle(effect.authorization)
        if moved:
            self._hold(effect.account, moved, seq)

    def _check_lifecycle(self, number: int) -> None:
        row = self.lifecycles[number]
        authorized, remaining, cleared, released = (
            number_of(row[name]) for name in ("authorized", "remaining", "cleared", "released")
        )
        flags = number_of(row["flags"])
        if authorized != remaining + cleared + released or min(remaining, cleared, released) < 0:
            self.findings.add("I9", f"lifecycle {number}: authorized is not remaining + cleared + released")
        if remaining and not flags & FLAG_OPEN:
            self.findings.add("I9", f"lifecycle {number}: something remains, but it is not open")
        if flags & FLAG_OPEN and flags & (FLAG_REVERSED | FLAG_EXPIRED | FLAG_DECLINED):
            self.findings.add("I9", f"lifecycle {number}: open and ended")
        if flags & FLAG_LATE and flags & FLAG_REVERSED and not flags & FLAG_DECLINED:
            self.findings.add("I9", f"lifecycle {number}: reversed, so the truth has come, but still LATE")

    def _posted(self, effect: Posted, seq: int) -> None:
        if sum(leg.amount for leg in effect.legs):
            self.findings.add("I1", f"entry {seq}: legs do not sum to zero")
        for leg in effect.legs:
            row = self.accounts.get(leg.account)
            if row is None or row["currency"] != effect.currency:
                self.findings.add("I1", f"entry {seq}: unknown account or another currency")
                continue
            row["posted"] = number_of(row["posted"]) + leg.amount
            row["changed_seq"] = seq
            self.postings += 1

    def _account_opened(self, effect: AccountOpened, seq: int) -> None:
        if effect.account in self.accounts:
            self.findings.add("I3", f"account opened twice at {seq}")
        self.accounts[effect.account] = {
            "id": effect.account, "kind": effect.kind, "currency": effect.currency, "status": "open", "posted": 0,
            "held": 0, "credit_limit": effect.credit_limit, "iban": effect.iban, "iban_last4": effect.iban_last4,
            "opened_seq": seq, "changed_seq": seq,
        }  # fmt: skip

    def _file(self, effect: FileOpened | FileAdvanced | FileClosed, seq: int) -> None:
        if isinstance(effect, FileOpened):
            if effect.file in self.files:
                self.findings.add("I15", f"file opened twice at {seq}")
            self.files[effect.file] = {
                "sha256": effect.file, "transactions": effect.transactions, "control_sum": effect.control_sum,
                "position": 0, "accepted": 0, "accepted_sum": 0,
            }  # fmt: skip
            return
        row = self.files.get(effect.file)
        if row is None:
            self.findings.add("I15", f"unknown file at {seq}")
        elif isinstance(effect, FileAdvanced):
            if effect.position != number_of(row["position"]) + 1 or effect.position > number_of(row["transactions"]):
                self.findings.add("I15", f"file position out of order at {seq}")
            row |= {"position": effect.position, "accepted": effect.accepted, "accepted_sum": effect.accepted_sum}

    def _payment(self, effect: PaymentSettled, entry: Entry) -> None:
        """Take the status of an instant payment; one that is accepted is booked in the same entry, to the cent."""
        if effect.file:
            return
        self.payments[effect.transaction_id] = effect
        if effect.status == "RJCT":
            return
        amount = -effect.amount if effect.outgoing else effect.amount
        legs = [leg for other in entry.effects if isinstance(other, Posted) for leg in other.legs]
        if [leg.amount for leg in legs if leg.account == effect.account] != [amount]:
            self.findings.add("I15", f"entry {entry.seq}: a payment is accepted and not booked as it says")

    # Checks after each entry

    def _check_accounts(self, entry: Entry, touched: Mapping[str, int]) -> None:
        """I4: a request takes no customer's available balance below zero; held is never negative."""
        for account, before in touched.items():
            row = self.accounts.get(account)
            if row is None:
                continue
            if number_of(row["held"]) < 0:
                self.findings.add("I9", f"entry {entry.seq}: held below zero")
            now = self._available(account)
            bound = entry.kind in REQUESTS or entry.kind in {"transfer", "credit_transfer"}
            if bound and row["kind"] == "customer" and now < 0 and now < before:
                self.findings.add("I4", f"entry {entry.seq}: a {entry.kind} takes available below zero")

    def _remember(self, entry: Entry) -> None:
        """I3: one decision a key; what comes after it only says that its answer was late."""
        if not entry.key or entry.answer is None:
            return
        if entry.kind == "late":
            if entry.key in self.late or entry.key not in self.decisions:
                self.findings.add("I3", f"entry {entry.seq}: taken back twice, or without a decision")
            self.late[entry.key] = entry.seq
        elif entry.key in self.decisions:
            self.findings.add("I3", f"entry {entry.seq}: decided again what {self.decisions[entry.key].seq} decided")
        else:
            self.decisions[entry.key] = entry

    def _check_meaning(self, entry: Entry) -> None:
        """Hold what the entry did against what its message meant, and the sums of its purchase against both."""
        life = self._life_by_entry(entry)
        if life is None or life.vague:
            return
        meaning = self.meanings.get((entry.key, entry.content))
        if entry.kind == "late":
            self._late(entry, life)
        elif entry.kind in {"expire_hold", "release_hold"}:
            life.held = 0
            life.reversed = life.reversed or entry.kind == "release_hold"
        elif meaning is not None and entry.answer is not None:
            self._decided(entry, meaning, life, granted=Reason(entry.answer.reason) in GRANTED)
        held = sum(number_of(self.lifecycles[number]["remaining"]) for number in life.numbers)
        posted = sum(
            number_of(self.lifecycles[number]["cleared"])
            for number in life.numbers
            if number_of(self.lifecycles[number]["flags"]) & FLAG_DIRECT
        )
        if held != life.held or posted != life.posted:
            text = f"entry {entry.seq} ({entry.kind}): held {held}, posted {posted}"
            self.findings.add("I8", f"{text}; due are {life.held} and {life.posted}")
            life.vague = True

    def _life_by_entry(self, entry: Entry) -> Life | None:
        meaning = self.meanings.get((entry.key, entry.content)) if entry.key else None
        name = meaning.life if meaning is not None else ""
        for effect in entry.effects:
            if isinstance(effect, Opened) and name:
                self._life_of[entry.seq] = name
                self.lives.setdefault(name, Life()).numbers.append(entry.seq)
            elif isinstance(effect, Changed) and not name:
                name = self._life_of.get(effect.authorization, "")
        return self.lives.setdefault(name, Life()) if name else None

    def _late(self, entry: Entry, life: Life) -> None:
        """Take a request back with its hold and its posting, but not what the network has granted since."""
        if entry.answer is not None and not life.advised:
            life.held = life.posted = 0

    def _decided(self, entry: Entry, meaning: Meaning, life: Life, *, granted: bool) -> None:
        instruction = meaning.instruction
        if isinstance(instruction, Authorization | Financial):
            if granted and (life.reversed or life.kept >= 0) and not life.advised:
                self.findings.add("I8", f"entry {entry.seq}: approved after its reversal")
            if granted and not life.advised:
                if isinstance(instruction, Authorization):
                    life.held += instruction.amount
                else:
                    life.posted += instruction.amount
            life.known = life.known or granted
        elif isinstance(instruction, Advice):
            if any(isinstance(effect, ExceptionRaised) and effect.marker in _NOT_OURS for effect in entry.effects):
                life.vague = True
            else:
                self._advised(instruction, life)
        else:
            self._reversed(entry, instruction, life)

    @staticmethod
    def _advised(instruction: Advice, life: Life) -> None:
        if not instruction.granted:
            life.held = 0
        elif life.posted:
            pass  # C5: posted already
        elif life.kept >= 0 and not life.known:
            life.held = min(life.kept, instruction.amount)
            life.advised = life.known = True
        elif not life.reversed:
            life.held = min(life.held, instruction.amount) if life.reduced else instruction.amount
            life.advised = life.known = True

    def _reversed(self, entry: Entry, instruction: Reversal, life: Life) -> None:
        if any(isinstance(effect, ExceptionRaised) and effect.marker == "AMBIGUOUS" for effect in entry.effects):
            life.vague = True
            return
        if not life.numbers:
            self._came_first(entry, instruction, life)
            return
        kept = instruction.replacement_amount
        marked = any(number_of(self.lifecycles[number]["flags"]) & FLAG_REVERSED for number in life.numbers)
        life.reversed = life.reversed or marked
        if kept is None:
            life.held = life.posted = 0
        else:
            life.reduced = life.reduced or kept < max(life.held, life.posted)
            life.held, life.posted = min(life.held, kept), min(life.posted, kept)

    @staticmethod
    def _came_first(entry: Entry, instruction: Reversal, life: Life) -> None:
        if not any(isinstance(effect, Tombstoned) for effect in entry.effects):
            return
        if instruction.replacement_amount is None:
            life.reversed = True
        else:
            life.kept = instruction.replacement_amount

    # Against other books

    def check_totals(self) -> None:
        """I1 and I9: every currency sums to zero; what is held is what remains."""
        sums: dict[object, int] = {}
        for row in self.accounts.values():
            sums[row["currency"]] = sums.get(row["currency"], 0) + number_of(row["posted"])
        if any(sums.values()):
            self.findings.add("I1", "a currency does not sum to zero")
        remaining: dict[object, int] = {}
        for row in self.lifecycles.values():
            remaining[row["account"]] = remaining.get(row["account"], 0) + number_of(row["remaining"])
        for account, row in self.accounts.items():
            if number_of(row["held"]) != remaining.get(account, 0):
                self.findings.add("I9", f"account {account}: held is not the sum of what remains")

    def check_rows(self, table: str, rows: Iterable[Mapping[str, object]], *, complete: bool = True) -> int:
        """Compare rows of a table with the fold (I9) and give how many; what the fold does not know is skipped."""
        mine = self._table(table)
        seen = 0
        for row in rows:
            seen += 1
            expected = mine.get(row[_KEYS[table]])
            if expected is None:
                self.findings.add("I9", f"{table}: a row that no entry made")
                continue
            wrong = [name for name, value in expected.items() if name in row and row[name] != value]
            if wrong:
                self.findings.add("I9", f"{table} {row[_KEYS[table]]}: {', '.join(wrong)} differ from the fold")
        if complete and seen != len(mine):
            self.findings.add("I9", f"{table}: {seen} rows, the fold has {len(mine)}")
        return seen

    def _table(self, table: str) -> Mapping[object, Row]:
        tables: dict[str, Mapping[object, Row]] = {
            "account": self.accounts,  # type: ignore[dict-item]  # a mapping is invariant in its key
            "card": self.cards,  # type: ignore[dict-item]  # likewise
            "authorization": self.lifecycles,  # type: ignore[dict-item]  # likewise
            "obligation": self.obligations,  # type: ignore[dict-item]  # likewise
            "payment_file": self.files,  # type: ignore[dict-item]  # likewise
        }
        return tables[table]

    def check_approval(self, key: str, approval_code: str) -> None:
        """I2: an acknowledged approval is in the books, with the approval code that was given."""
        entry = self.decisions.get(key)
        if entry is None or entry.answer is None:
            self.findings.add("I2", "an acknowledged approval is not in the journal")
        elif Reason(entry.answer.reason) not in GRANTED or entry.answer.approval_code != approval_code:
            self.findings.add("I2", f"entry {entry.seq}: the acknowledged approval was another one")
        elif key in self.late:
            self.findings.add("I6", f"entry {entry.seq}: approved on the wire and taken back as late")


_KEYS = {"account": "id", "card": "token", "authorization": "id", "obligation": "id", "payment_file": "sha256"}


def number_of(value: object) -> int:
    """Give a number out of a row."""
    if not isinstance(value, int):
        raise TypeError("not a number where the books hold one")
    return value
