"""A model of the store: tables, a fence and a lock, with everything that PostgreSQL and the way to it may do.

It is no kinder than PostgreSQL. A transaction keeps the lock of its partition row until it ends, even after its client
has lost the connection; a look-up sees what is committed and nothing else; a question is answered from some moment
between asking and answering. It knows the tables by their own columns and shares no code with the engine's stores.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from twinrail.simulators.faults import NS, Swarm

Row = Sequence[object]
BIGINT = 1 << 63
FLAG_OPEN = 1
FLAG_DECLINED, FLAG_LATE, FLAG_DIRECT = 16, 128, 256

# Columns by table, in their order; the first of KEYED is the key of an upsert, APPENDED rows come once.
COLUMNS: dict[str, tuple[str, ...]] = {
    "journal": ("seq", "at", "kind", "key_hash", "body"),
    "posting": ("seq", "leg", "account", "amount", "currency"),
    "account": (
        *("id", "slot", "kind", "currency", "status", "posted", "held", "credit_limit", "iban", "iban_last4"),
        *("opened_seq", "changed_seq"),
    ),
    "card": ("token", "account", "expiry", "last4", "status", "amount_limit", "counters"),
    "authorization": (
        *("id", "account", "card", "currency", "authorized", "remaining", "cleared", "released", "flags"),
        *("expires_at", "life_hash", "origin_hash", "changed_seq"),
    ),
    "tombstone": ("id", "card", "life_hash", "origin_hash", "replacement_amount", "expires_at"),
    "payment": (
        *("id", "account", "outgoing", "amount", "currency", "status", "reason", "message_id"),
        *("payment_information_id", "end_to_end_id", "instruction_id", "transaction_id", "file", "position"),
    ),
    "payment_file": (
        *("sha256", "message_id", "initiator", "transactions", "control_sum", "status", "reason", "position"),
        *("accepted", "accepted_sum", "report", "report_sha256"),
    ),
    "obligation": ("id", "kind", "due_at", "subject", "met"),
    "exception": ("id", "marker", "account", "authorization_id"),
    "command": ("id", "status", "result", "seq"),
}
APPENDED = {"journal": 1, "posting": 2, "payment": 1, "exception": 1}  # table -> width of its primary key


class StoreDefectError(AssertionError):
    """The engine wrote what PostgreSQL would refuse (SQLSTATE class 22 or 23), or broke the order of the journal."""


class BatchLike(Protocol):
    """What the store needs of a batch."""

    @property
    def epoch(self) -> int:
        """The owner's epoch."""

    @property
    def first_seq(self) -> int:
        """The number of the first entry."""

    @property
    def last_seq(self) -> int:
        """The number of the last entry."""

    @property
    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Rows by table, in the order of its columns."""


class Position(NamedTuple):
    """What the partition row says."""

    epoch: int
    last_seq: int


class AskLike(Protocol):
    """What the store needs of a question."""

    @property
    def key_hash(self) -> int | None:
        """The hash of a message key."""

    @property
    def life_hashes(self) -> tuple[int, ...]:
        """The hashes of a lifecycle."""

    @property
    def file(self) -> str:
        """The SHA-256 of a payment file."""

    @property
    def message_id(self) -> str:
        """The message id of a payment file."""

    @property
    def initiator(self) -> str:
        """Who sent the payment file."""


@dataclass(slots=True)
class Tables:
    """Rows by table and primary key, and the partition row."""

    epoch: int = 0
    last_seq: int = 0
    rows: dict[str, dict[object, Row]] = field(default_factory=lambda: {name: {} for name in COLUMNS})
    by_hash: dict[object, list[bytes]] = field(default_factory=dict)
    by_life: dict[object, dict[object, None]] = field(default_factory=dict)
    commands: list[object] = field(default_factory=list)  # given by operators, oldest first

    def write(self, batch: BatchLike) -> str:
        """Write a batch if its owner and its numbers fit: the outcome is committed or fenced."""
        if batch.epoch != self.epoch:
            return "fenced"
        if self.last_seq == batch.last_seq:
            return "committed"  # the first attempt won
        if self.last_seq != batch.first_seq - 1:
            raise StoreDefectError(f"batch {batch.first_seq}..{batch.last_seq} upon {self.last_seq}")
        for name, rows in batch.rows.items():
            self._write_table(name, rows)
        if len(batch.rows["journal"]) != batch.last_seq - batch.first_seq + 1:
            raise StoreDefectError("a batch has as many entries as numbers")
        self.last_seq = batch.last_seq
        return "committed"

    def _write_table(self, name: str, rows: Iterable[Row]) -> None:
        table, columns = self.rows[name], COLUMNS[name]
        seen: set[object] = set()
        for row in rows:
            if len(row) != len(columns):
                raise StoreDefectError(f"{name}: {len(row)} values for {len(columns)} columns")
            for column, value in zip(columns, row, strict=True):
                self._check_value(name, column, value)
            width = APPENDED.get(name, 0)
            key: object = tuple(row[:width]) if width else row[0]
            if key in seen or (width and key in table):
                raise StoreDefectError(f"{name}: two rows of one key in a batch, or one appended twice")
            seen.add(key)
            table[key] = row
            self._index(name, row)

    @staticmethod
    def _check_value(name: str, column: str, value: object) -> None:
        if isinstance(value, int) and not -BIGINT <= value < BIGINT:
            raise StoreDefectError(f"{name}.{column}: out of range for bigint")
        if isinstance(value, str) and "\0" in value:
            raise StoreDefectError(f"{name}.{column}: text with a zero byte")
        if value is None and column != "key_hash":
            raise StoreDefectError(f"{name}.{column}: null")
        if column in {"held", "remaining"} and isinstance(value, int) and value < 0:
            raise StoreDefectError(f"{name}.{column}: below zero")

    def _index(self, name: str, row: Row) -> None:
        if name == "journal":
            body = row[4]
            if row[3] is not None and isinstance(body, bytes):
                self.by_hash.setdefault(row[3], []).append(body)
        elif name == "authorization":
            for value in (row[10], row[11]):
                if value:
                    self.by_life.setdefault(value, {})[row[0]] = None

    def load(self, *, recent: int, recent_since: int, now_wall: int) -> dict[str, list[Row]]:
        """Give what a new owner loads; under "recent" the newest journal rows with a key, oldest first."""

        def those(name: str, wanted: Callable[[Mapping[str, object]], bool]) -> list[Row]:
            columns = COLUMNS[name]
            return [row for row in self.rows[name].values() if wanted(dict(zip(columns, row, strict=True)))]

        journal = [row for row in self.rows["journal"].values() if row[3] is not None and _int(row[1]) >= recent_since]
        return {
            "account": list(self.rows["account"].values()),
            "card": list(self.rows["card"].values()),
            "authorization": those("authorization", lambda row: _is_kept(_int(row["flags"]))),
            "tombstone": those("tombstone", lambda row: _int(row["expires_at"]) > now_wall),
            "obligation": those("obligation", lambda row: not row["met"]),
            "payment_file": those("payment_file", lambda row: row["status"] != "closed"),
            "recent": sorted(journal, key=lambda row: _int(row[0]))[-recent:],
        }

    def find(self, ask: AskLike) -> dict[str, list[Row]]:
        """Answer a question from what is committed now; under "journal" the rows of entries with that key hash."""
        hashes = {value for value in ask.life_hashes if value}
        found: dict[str, list[Row]] = {"journal": [], "authorization": [], "tombstone": [], "payment_file": []}
        if ask.key_hash is not None:
            found["journal"] = [(body,) for body in self.by_hash.get(ask.key_hash, ())]
        numbers = sorted({number for value in hashes for number in self.by_life.get(value, ())}, key=_int)
        found["authorization"] = [self.rows["authorization"][number] for number in numbers]
        if hashes:
            found["tombstone"] = [
                row for row in self.rows["tombstone"].values() if row[2] in hashes or row[3] in hashes
            ]
        if ask.file:
            found["payment_file"] = [
                row
                for row in self.rows["payment_file"].values()
                if row[0] == ask.file or (row[1], row[2]) == (ask.message_id, ask.initiator)
            ]
        return found

    def pending_commands(self, limit: int) -> list[object]:
        """Give the oldest commands that no entry has carried out or refused."""
        done = self.rows["command"]
        return [command for command in self.commands if getattr(command, "command", "") not in done][:limit]


def _is_kept(flags: int) -> bool:
    """Say whether an owner loads a lifecycle: it is open, or a posted debit whose answer was late."""
    late = flags & (FLAG_DECLINED | FLAG_LATE | FLAG_DIRECT) == FLAG_LATE | FLAG_DIRECT
    return bool(flags & FLAG_OPEN) or late


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise StoreDefectError("not a number where the column holds one")
    return value


class Course(NamedTuple):
    """What will become of one transaction; times are ns from now. `outcome` is forced unless it is ""."""

    written_after: int | None  # None: never
    replied_after: int
    outcome: str = ""


class ModelStore:
    """The tables with the faults of the way to them; time is the caller's."""

    def __init__(self, rng: random.Random, swarm: Swarm) -> None:
        self.tables = Tables()
        self.swarm = swarm
        self.away_until = 0
        self.seen: dict[str, int] = {}  # how often each fault happened
        self._rng = rng
        self._locked_until = 0

    def _count(self, fault: str) -> None:
        self.seen[fault] = self.seen.get(fault, 0) + 1

    def is_away(self, now: int) -> bool:
        """Say whether the store refuses connections."""
        return now < self.away_until

    def restart(self, now: int) -> None:
        """Have the store go away for up to 4 s; what is written stays written."""
        self.away_until = now + int(self._rng.uniform(0.05, 4) * NS)
        self._count("store_away")

    def submit(self, now: int) -> Course:
        """Draw the course of a transaction that begins now, behind whatever holds the lock of the partition row."""
        rng, swarm = self._rng, self.swarm
        took = int(rng.uniform(0.3, 1.5) * swarm.commit_s * NS)
        if self.is_away(now):
            if rng.random() < 0.5:
                return Course(None, took, "failed")
            return Course(None, took, "unknown")
        if rng.random() < swarm.stall_p:
            self._count("commit_stalled")
            took += int(rng.uniform(0.01, 30) ** 1.0 * NS) if rng.random() < 0.3 else int(rng.uniform(0.01, 3) * NS)
        written = max(now + took, self._locked_until) - now
        dice = rng.random()
        if dice < swarm.fail_p:
            self._count("commit_failed")
            return Course(None, took, "failed")
        if dice < swarm.fail_p + swarm.unknown_p:
            return self._unknown(now, written, took)
        self._locked_until = now + written
        return Course(written, written + int(rng.uniform(0, 0.3) * swarm.commit_s * NS))

    def _unknown(self, now: int, written: int, took: int) -> Course:
        """Lose the reply: of a transaction that was written, that never is, or that is still open for a while."""
        dice = self._rng.random()
        if dice < 0.4:
            self._count("commit_lost")
            return Course(None, took, "unknown")
        if dice < 0.7:
            self._count("commit_written_reply_lost")
            self._locked_until = now + written
            return Course(written, written + took, "unknown")
        self._count("commit_still_open")
        written += int(self._rng.uniform(0, 2) * NS)
        self._locked_until = now + written
        return Course(written, took, "unknown")

    def claim_after(self, now: int) -> int:
        """Give when a claim of the partition row gets its lock, ns from now."""
        return max(self._locked_until, self.away_until, now) - now + int(0.001 * NS)

    def claim(self) -> Position:
        """Take the partition for a new owner."""
        self.tables.epoch += 1
        return Position(self.tables.epoch, self.tables.last_seq)

    def answer_after(self) -> int:
        """Draw how long a question or look-up takes, ns."""
        rng, swarm = self._rng, self.swarm
        if rng.random() < swarm.slow_answer_p:
            self._count("answer_slow")
            return int(rng.uniform(0.01, 3) * NS)
        return int(rng.uniform(0.3, 1.5) * swarm.commit_s * NS)

    def position(self) -> Position:
        """Read the partition row as it is committed."""
        return Position(self.tables.epoch, self.tables.last_seq)
