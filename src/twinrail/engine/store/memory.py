"""The store in memory: the same fence, epochs and refusals as PostgreSQL's, for tests, simulations and benchmarks.

`MemoryTables` is a plain object without a clock or an event loop, so that a simulated world can drive it and decide
itself when an answer arrives; `MemoryStore` wraps it for the engine's shells. Nothing outlives the process.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import cast

from twinrail.engine.journal import TABLES, Ask, Batch, Found, Loaded, Outcome, Position, decode_entry
from twinrail.engine.lifecycle import stays
from twinrail.engine.store.contract import FOUND_MAX, CommandOutcome
from twinrail.engine.store.memory_rows import Appended, Columns, KeyIndex, Named, Numbered, Row, Rows, whole
from twinrail.errors import StoreError
from twinrail.schemas.instructions import Command
from twinrail.schemas.journal import Entry

_AT: dict[str, dict[str, int]] = {
    name: {column.name: at for at, column in enumerate(table.columns)} for name, table in TABLES.items()
}
_NULLABLE = frozenset({("journal", "key_hash"), ("command", "seq")})
_TEXTS = {
    name: [at for at, column in enumerate(table.columns) if column.type == "text"] for name, table in TABLES.items()
}
_OTHERS = {
    name: [
        at for at, column in enumerate(table.columns) if column.type != "text" and (name, column.name) not in _NULLABLE
    ]
    for name, table in TABLES.items()
}
_NOT_NEGATIVE = (("account", "held"), ("authorization", "remaining"))
_SEQ, _KEY_HASH = _AT["journal"]["seq"], _AT["journal"]["key_hash"]
_FILE, _POSITION = _AT["payment"]["file"], _AT["payment"]["position"]


class _Partition:
    """The rows of one partition, by table and key."""

    def __init__(self) -> None:
        self.epoch = 0
        self.last_seq = 0
        self.journal = Appended()  # entry 1 first, without a gap
        self.named = {name: Named() for name in ("card", "payment_file", "obligation", "command")}
        self.named["account"] = Named(born=_AT["account"]["opened_seq"])
        self.tables: dict[str, Rows] = {
            "journal": self.journal,
            "posting": Appended(key_columns=2),
            "authorization": Numbered(),
            "tombstone": Numbered(),
            "payment": Appended(),
            "exception": Appended(key_columns=2),
            **self.named,
        }
        self.keyed = KeyIndex()
        self.commands: dict[str, tuple[Command, str]] = {}  # as asked for, in order, with who asked
        self.positions: set[tuple[object, object]] = set()  # of payments: (file, position)


class MemoryTables:
    """Rows of partitions in memory, with the methods of `Store` as plain calls.

    `problem` says in words what the last outcome other than COMMITTED was about.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._partitions: dict[int, _Partition] = {}

    def claim(self, partition: int) -> Position:
        """Become the owner: take the next epoch; creates the partition where it is missing."""
        found = self._partitions.setdefault(partition, _Partition())
        found.epoch += 1
        return Position(found.epoch, found.last_seq)

    def load(self, partition: int, *, recent: int, recent_since: int, now_wall: int) -> Loaded:
        """Give what a new owner starts from; StoreError naming what differs where the rows are not consistent."""
        kept = self._of(partition)
        differs = _differences(kept)
        if differs:
            raise StoreError(f"partition {partition} is not consistent: {'; '.join(differs)}. Restore it; do not go on")
        rows = {
            "account": self.rows(partition, "account"),
            "card": self.rows(partition, "card"),
            "authorization": _where(kept, "authorization", "flags", stays),
            "tombstone": _where(kept, "tombstone", "expires_at", lambda at: at > now_wall),
            "obligation": _where(kept, "obligation", "met", lambda met: not met),
            "payment_file": [row for row in kept.tables["payment_file"].values() if _unreported(row)],
        }
        rows["obligation"].sort(key=itemgetter(_AT["obligation"]["due_at"], 0))  # as they fall due
        journal = kept.journal.rows
        return Loaded(
            position=Position(kept.epoch, kept.last_seq),
            last_at=_number(journal[-1], "journal", "at") if journal else 0,
            rows={**rows},
            recent=_recent(kept, recent, recent_since),
        )

    def commit(self, batch: Batch) -> Outcome:
        """Write a batch unless the fence or a row forbids it; what is refused leaves no trace."""
        kept = self._partitions.setdefault(batch.partition, _Partition())
        if kept.epoch > batch.epoch:
            return self._ended(Outcome.FENCED, f"partition {batch.partition} has another owner")
        if (kept.epoch, kept.last_seq) != (batch.epoch, batch.first_seq - 1):
            if (kept.epoch, kept.last_seq) == (batch.epoch, batch.last_seq):
                return Outcome.COMMITTED  # an earlier attempt won
            return self._ended(Outcome.REFUSED, f"the batch does not follow entry {kept.last_seq}")
        try:
            columns = {table: list(zip(*rows, strict=True)) for table, rows in batch.rows.items()}
            problem = _forbidden(kept, batch, columns)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            problem = f"the batch cannot be written ({type(error).__name__})"
        if problem:
            return self._ended(Outcome.REFUSED, problem)
        _write(kept, batch, columns)
        return Outcome.COMMITTED

    def look_up(self, partition: int) -> Position:
        """Give who owns the partition and how far its journal goes."""
        kept = self._partitions.get(partition)
        return Position(kept.epoch, kept.last_seq) if kept else Position(0, 0)

    def find(self, partition: int, ask: Ask) -> Found:
        """Answer a question about committed rows, at most FOUND_MAX of a kind."""
        kept = self._of(partition)
        numbers = kept.keyed.find(ask.key_hash, FOUND_MAX) if ask.key_hash is not None else []
        files: list[Row] = []
        if ask.file or ask.message_id:
            at = _AT["payment_file"]
            files = [
                row
                for row in kept.tables["payment_file"].values()
                if row[at["sha256"]] == ask.file
                or (row[at["initiator"]], row[at["message_id"]]) == (ask.initiator, ask.message_id)
            ]
        return Found(
            [_entry(kept.journal.rows[number - 1]) for number in numbers],
            _by_life(kept, "authorization", ask),
            _by_life(kept, "tombstone", ask),
            files[:FOUND_MAX],
        )

    def commands(self, partition: int, limit: int) -> list[Command]:
        """Give pending commands in the order of request."""
        kept = self._partitions.get(partition)
        if kept is None:
            return []
        done = kept.named["command"].by_name
        return [command for name, (command, _) in kept.commands.items() if name not in done][:limit]

    def put_command(self, partition: int, command: Command, requested_by: str) -> None:
        """Ask for a command, once for its id; StoreError where the id was used for another command."""
        kept = self._partitions.setdefault(partition, _Partition())
        known, _ = kept.commands.setdefault(command.command, (command, requested_by))
        if known != command:
            raise StoreError("this command id was already used for another command: choose a new one")

    def command_outcome(self, partition: int, command: str) -> CommandOutcome:
        """Say what became of a command; StoreError where there is no such command."""
        kept = self._of(partition)
        row = kept.named["command"].by_name.get(command)
        if row is not None:
            at = _AT["command"]
            return CommandOutcome(str(row[at["status"]]), str(row[at["result"]]))
        if command not in kept.commands:
            raise StoreError("there is no command of this id")
        return CommandOutcome("pending", "")

    def entries(self, partition: int) -> list[Entry]:
        """Give the whole journal in order, for auditors."""
        return [_entry(row) for row in self._of(partition).journal.rows]

    def rows(self, partition: int, table: str) -> list[Row]:
        """Give all rows of a table in the order they came to be, for auditors and reports."""
        return list(self._of(partition).tables[table].values())

    def _of(self, partition: int) -> _Partition:
        try:
            return self._partitions[partition]
        except KeyError:
            raise StoreError(f"partition {partition} does not exist: claim it first") from None

    def _ended(self, outcome: Outcome, problem: str) -> Outcome:
        self.problem = problem
        return outcome


class MemoryStore:
    """The `Store` contract over `MemoryTables`, which may be shared by several owners."""

    def __init__(self, tables: MemoryTables | None = None, *, on_command: Callable[[], None] | None = None) -> None:
        self.tables = tables if tables is not None else MemoryTables()
        self._on_command = on_command

    async def open(self) -> None:
        """Do nothing: memory is always there."""

    async def claim(self, partition: int) -> Position:
        """Become the owner, as the contract says."""
        return self.tables.claim(partition)

    async def load(self, partition: int, *, recent: int, recent_since: int, now_wall: int) -> Loaded:
        """Give what a new owner starts from, as the contract says."""
        return self.tables.load(partition, recent=recent, recent_since=recent_since, now_wall=now_wall)

    async def commit(self, batch: Batch) -> Outcome:
        """Write a batch, as the contract says."""
        return self.tables.commit(batch)

    async def look_up(self, partition: int) -> Position:
        """Give the partition's position, as the contract says."""
        return self.tables.look_up(partition)

    async def find(self, partition: int, ask: Ask) -> Found:
        """Answer a question about committed rows, as the contract says."""
        return self.tables.find(partition, ask)

    async def commands(self, partition: int, limit: int) -> list[Command]:
        """Give pending commands, as the contract says."""
        return self.tables.commands(partition, limit)

    async def put_command(self, partition: int, command: Command, requested_by: str) -> None:
        """Ask for a command and wake whoever waits for one."""
        self.tables.put_command(partition, command, requested_by)
        if self._on_command is not None:
            self._on_command()

    async def close(self) -> None:
        """Do nothing: the rows stay with `tables`."""


def _number(row: Row, table: str, column: str) -> int:
    value = row[_AT[table][column]]
    if not isinstance(value, int):
        raise TypeError(f"{table}.{column} is no number")
    return value


def _where(kept: _Partition, table: str, column: str, wanted: Callable[[int], object]) -> list[Row]:
    rows = kept.tables[table].values()
    return sorted((row for row in rows if wanted(_number(row, table, column))), key=itemgetter(0))


def _unreported(row: Row) -> bool:
    at = _AT["payment_file"]
    return row[at["status"]] == "open" or not row[at["report"]]


def _entry(row: Row) -> Entry:
    body = row[_AT["journal"]["body"]]
    if not isinstance(body, bytes):
        raise TypeError("journal.body is no bytes")
    return decode_entry(body)


def _recent(kept: _Partition, recent: int, since: int) -> list[Entry]:
    found: list[Entry] = []
    for row in reversed(kept.journal.rows):
        if len(found) >= recent or _number(row, "journal", "at") < since:
            break
        if row[_KEY_HASH] is not None:
            found.append(_entry(row))
    found.reverse()
    return found


def _by_life(kept: _Partition, table: str, ask: Ask) -> list[Row]:
    wanted = {number for number in ask.life_hashes if number}  # 0 is no hash
    if not wanted:
        return []
    at = _AT[table]
    found = (
        row
        for row in kept.tables[table].values()
        if (row[at["life_hash"]] in wanted or row[at["origin_hash"]] in wanted) and ask.card in {"", row[at["card"]]}
    )
    return sorted(found, key=itemgetter(0))[-FOUND_MAX:]


def _forbidden(kept: _Partition, batch: Batch, columns: Mapping[str, Columns]) -> str:
    """Say what PostgreSQL's constraints would have against the rows; "" for nothing."""
    numbers = columns["journal"][_SEQ] if columns.get("journal") else ()
    if numbers != tuple(range(batch.first_seq, batch.last_seq + 1)):
        return "the journal entries of a batch are not numbered in order"
    for table, values in columns.items():
        known = kept.tables[table]
        if not values:
            continue
        if not _complete(table, values):
            return f"a value of {table} is missing"
        problem = known.forbids(values, batch.first_seq) if table != "journal" else ""  # whose numbers are in order
        if problem:
            return f"a row of {table} {problem}"
    for table, column in _NOT_NEGATIVE:
        if columns.get(table) and min(whole(columns[table][_AT[table][column]])) < 0:
            return f"{table}.{column} is negative"
    places = _places(columns)
    if len(set(places)) != len(places) or not kept.positions.isdisjoint(places):
        return "a position of a file is paid already"
    return ""


def _complete(table: str, columns: Columns) -> bool:
    """Say whether rows have all values that they must; TypeError where a text is none."""
    if len(columns) != len(_AT[table]):
        return False
    for at in _TEXTS[table]:
        "".join(cast("Sequence[str]", columns[at]))
    return not [at for at in _OTHERS[table] if not all(columns[at]) and None in columns[at]]


def _places(columns: Mapping[str, Columns]) -> list[tuple[object, object]]:
    """Give (file, position) of the payments that came in a file."""
    payments = columns.get("payment")
    if not payments:
        return []
    return [place for place in zip(payments[_FILE], payments[_POSITION], strict=True) if place[0]]


def _write(kept: _Partition, batch: Batch, columns: Mapping[str, Columns]) -> None:
    for table, values in columns.items():
        if values:
            kept.tables[table].write(values, batch.rows[table])
    if batch.last_seq >= batch.first_seq:
        kept.keyed.add(columns["journal"][_KEY_HASH], range(batch.first_seq, batch.last_seq + 1))
    kept.positions.update(_places(columns))
    kept.last_seq = batch.last_seq


def _differences(kept: _Partition) -> list[str]:
    found: list[str] = []
    held: dict[object, int] = {}
    for row in kept.tables["authorization"].values():
        if stays(_number(row, "authorization", "flags")):
            account = row[_AT["authorization"]["account"]]
            held[account] = held.get(account, 0) + _number(row, "authorization", "remaining")
    sums: dict[object, int] = {}
    for row in kept.tables["account"].values():
        if _number(row, "account", "held") != held.pop(row[0], 0):
            found.append(f"account {row[0]}: held is not what its open authorizations hold")
        currency = row[_AT["account"]["currency"]]
        sums[currency] = sums.get(currency, 0) + _number(row, "account", "posted")
    found += [f"account {account}: held is not what its open authorizations hold" for account in held]
    found += [f"currency {currency}: the accounts do not sum to zero" for currency, total in sums.items() if total]
    legs: dict[tuple[object, object], int] = {}
    for row in kept.tables["posting"].values():
        leg = (row[_AT["posting"]["seq"]], row[_AT["posting"]["currency"]])
        legs[leg] = legs.get(leg, 0) + _number(row, "posting", "amount")
    found += [f"entry {entry}: its postings do not sum to zero" for (entry, _), total in legs.items() if total]
    if [row[_SEQ] for row in kept.journal.rows] != list(range(1, kept.last_seq + 1)):
        found.append(f"the journal after entry 0 has gaps or does not end at {kept.last_seq}")
    return found
