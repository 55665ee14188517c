"""A switch in a test's hand: virtual time, and the rows of a partition kept as plain tables.

`Rows` is what PostgreSQL is asked to be, as simply as it can be said: upserts by key, appends, a fence. It is written
without looking at any store of ours, so that the two cannot agree by accident.
"""

from collections.abc import Callable
from enum import Enum, auto, unique

from tests.handlers.bank import AT

from twinrail.assembly import flows
from twinrail.codecs.card import Tokens
from twinrail.engine.bounds import Bounds
from twinrail.engine.journal import TABLES, Ask, Batch, Found, Loaded, Outcome, Position, decode_entry, key_hash
from twinrail.engine.sessions import NOTHING_OUTSIDE, Outside
from twinrail.engine.state import State
from twinrail.engine.switch import Switch
from twinrail.schemas.instructions import Instruction
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.schemas.journal import FLAG_LATE, FLAG_OPEN, Entry

NS = 1_000_000_000
TOKENS = Tokens(b"scenario" * 4)
Row = tuple[object, ...]


class Rows:
    """The tables of one partition."""

    def __init__(self) -> None:
        self.epoch = 0
        self.last_seq = 0
        self.keyed: dict[str, dict[Row, Row]] = {table.name: {} for table in TABLES.values() if table.key}
        self.appended: dict[str, list[Row]] = {table.name: [] for table in TABLES.values() if not table.key}

    def claim(self) -> Position:
        """Take the next epoch."""
        self.epoch += 1
        return Position(self.epoch, self.last_seq)

    def position(self) -> Position:
        """Say who owns the partition and how far its journal goes."""
        return Position(self.epoch, self.last_seq)

    def commit(self, batch: Batch) -> Outcome:
        """Write a batch whole, or nothing of it."""
        if batch.epoch != self.epoch:
            return Outcome.FENCED
        if batch.last_seq == self.last_seq:
            return Outcome.COMMITTED
        assert batch.first_seq == self.last_seq + 1
        for name, rows in batch.rows.items():
            table = TABLES[name]
            names = [column.name for column in table.columns]
            assert all(len(row) == len(names) for row in rows)
            if table.key:
                keys = [tuple(row[names.index(key)] for key in table.key) for row in rows]
                assert len(set(keys)) == len(keys), "a statement may not touch a row twice"
                self.keyed[name].update(zip(keys, rows, strict=True))
            else:
                self.appended[name].extend(rows)
        self.last_seq = batch.last_seq
        assert [row[0] for row in self.appended["journal"]] == list(range(1, self.last_seq + 1))
        return Outcome.COMMITTED

    def entries(self) -> list[Entry]:
        """Read the journal."""
        return [decode_entry(row[4]) for row in self.appended["journal"] if isinstance(row[4], bytes)]

    def _select(self, table: str, keep: Callable[[dict[str, object]], bool]) -> list[Row]:
        names = [column.name for column in TABLES[table].columns]
        rows = self.keyed[table].values()
        return [row for row in rows if keep(dict(zip(names, row, strict=True)))]

    def load(self, now_wall: int) -> Loaded:
        """Read what a new owner starts from."""
        entries = self.entries()
        return Loaded(
            position=self.position(),
            last_at=entries[-1].at if entries else 0,
            rows={
                "account": self._select("account", lambda _: True),
                "card": self._select("card", lambda _: True),
                "authorization": self._select(
                    "authorization", lambda row: bool(_int(row["flags"]) & (FLAG_OPEN | FLAG_LATE))
                ),
                "tombstone": self._select("tombstone", lambda row: _int(row["expires_at"]) > now_wall),
                "obligation": self._select("obligation", lambda row: not row["met"]),
                "payment_file": self._select("payment_file", lambda row: row["status"] != "closed"),
            },
            recent=[entry for entry in entries if entry.key],
        )

    def find(self, ask: Ask) -> Found:
        """Answer a question about committed rows."""
        hashes = set(ask.life_hashes)

        def by_life(row: dict[str, object]) -> bool:
            same_hash = row["life_hash"] in hashes or row["origin_hash"] in hashes
            return same_hash and ask.card in {"", row["card"]}

        def by_file(row: dict[str, object]) -> bool:
            same_message = (row["message_id"], row["initiator"]) == (ask.message_id, ask.initiator)
            return bool(ask.file) and (row["sha256"] == ask.file or same_message)

        entries = self.entries() if ask.key_hash is not None else []
        return Found(
            entries=[entry for entry in entries if entry.key and key_hash(entry.key) == ask.key_hash],
            authorizations=self._select("authorization", by_life),
            tombstones=self._select("tombstone", by_life),
            files=self._select("payment_file", by_file),
        )

    def verify(self) -> None:
        """Check that the rows are the fold of the journal, and that money adds up."""
        folded = State()
        for entry in self.entries():
            folded.apply(entry.effects, entry.seq)
        rows = folded.fold(self.entries())
        for name, table in self.keyed.items():
            if name != "command":  # the writer of a command is not the journal
                names = [column.name for column in TABLES[name].columns]
                keys = [names.index(key) for key in TABLES[name].key]
                assert {tuple(row[at] for at in keys): row for row in rows.get(name, [])} == table
        names = [column.name for column in TABLES["account"].columns]
        posted = names.index("posted")
        for currency in {row[names.index("currency")] for row in self.keyed["account"].values()}:
            mine = [row for row in self.keyed["account"].values() if row[names.index("currency")] == currency]
            assert sum(_int(row[posted]) for row in mine) == 0


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


@unique
class Mode(Enum):
    """How the store behaves."""

    FINE = auto()
    HELD = auto()  # commits are under way and do not end
    AWAY = auto()  # it cannot be reached
    LOSES = auto()  # the next commit ends in doubt and was not written
    HIDES = auto()  # the next commit ends in doubt and was written


class Rig:
    """A switch with its rows, its links and its clock."""

    def __init__(
        self,
        *,
        bounds: Bounds | None = None,
        rows: Rows | None = None,
        now: int = NS,
        outside: Outside = NOTHING_OUTSIDE,
    ) -> None:
        self.rows = rows or Rows()
        self.now = now
        self.mode = Mode.FINE
        self.inbox: dict[int, bytes] = {}
        self.closed: dict[int, str] = {}
        self.completed: dict[int, Entry] = {}
        self._bounds = bounds
        self._outside = outside
        self._asked: list[Ask] = []
        self._next_link = 1
        self._batch: Batch | None = None
        self.switch = self._start()

    def _start(self) -> Switch:
        switch = Switch(flows=flows(), tokens=TOKENS, bounds=self._bounds, outside=self._outside)
        switch.clock(AT)
        self.rows.claim()
        switch.restore(self.rows.load(AT + self.now))
        return switch

    def restart(self) -> None:
        """Kill the switch and start another one from the rows; links are gone, and so is what was not written."""
        for link in list(self.switch.sessions):
            self.closed.setdefault(link, "engine gone")
        self._asked, self._batch = [], None
        self.switch = self._start()

    def open(self, profile: LinkProfile) -> int:
        """Open a link."""
        link, self._next_link = self._next_link, self._next_link + 1
        self.inbox[link] = b""
        self.switch.opened(link, profile, self.now)
        return link

    def receive(self, link: int, data: bytes) -> None:
        """Feed bytes and run."""
        self.switch.receive(link, data, self.now)
        self.run()

    def hang_up(self, link: int) -> None:
        """Close a link from the peer's side."""
        self.switch.closed(link, self.now)
        self.closed[link] = "peer gone"
        self.run()

    def submit(self, instruction: Instruction) -> Entry:
        """Submit an instruction and run until it is committed."""
        ticket = self.switch.submit(instruction, self.now)
        self.run()
        return self.completed.pop(ticket)

    def advance(self, nanoseconds: int) -> None:
        """Let time pass, waking the switch whenever it wants to be woken."""
        until = self.now + nanoseconds
        while (at := self.switch.wake_at()) <= until:
            assert at > self.now or self.switch.wake_at() <= self.now, "time runs backwards"
            self.now = max(self.now, at)
            self.switch.wake(self.now)
            self.run()
            assert self.switch.wake_at() > self.now, "the switch would be woken without end"
        self.now = until

    def settle(self, mode: Mode) -> None:
        """Change how the store behaves, and run."""
        self.mode = mode
        if mode is Mode.FINE and self._batch is not None:
            batch, self._batch = self._batch, None
            self.switch.settled(batch, self.rows.commit(batch), self.now)
        self.run()

    def run(self) -> None:
        """Carry effects until nothing moves any more."""
        moved = True
        while moved:
            self._carry()
            moved = self._read() or self._look_up() or self._write()
        self._carry()

    def _carry(self) -> None:
        switch = self.switch
        for link, chunks in switch.outgoing().items():
            assert link in switch.sessions
            self.inbox[link] += b"".join(chunks)
        for link, why in switch.closing():
            switch.closed(link, self.now)
            self.closed[link] = why
        self.completed.update(switch.completions())

    def _read(self) -> bool:
        self._asked.extend(self.switch.asks())
        if not self._asked or self.mode is Mode.AWAY:
            return False
        ask = self._asked.pop(0)
        self.switch.found(ask.number, self.rows.find(ask), self.now)
        return True

    def _look_up(self) -> bool:
        if not self.switch.wants_look_up or self.mode is Mode.AWAY:
            return False
        self.switch.looked_up(self.rows.position(), self.now)
        return True

    def _write(self) -> bool:
        batch = self.switch.next_batch(self.now)
        if batch is None:
            return False
        if self.mode is Mode.HELD:
            self._batch = batch
            return False
        if self.mode is Mode.AWAY:
            self.switch.settled(batch, Outcome.UNKNOWN, self.now)
            return False
        outcome = Outcome.UNKNOWN
        if self.mode is not Mode.LOSES:
            outcome = self.rows.commit(batch)
        if self.mode is not Mode.FINE:
            self.mode, outcome = Mode.FINE, Outcome.UNKNOWN
        self.switch.settled(batch, outcome, self.now)
        return True
