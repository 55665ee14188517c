"""The store in PostgreSQL: one connection writes, one reads and listens.

A commit is one statement and nothing may cut it short: no time limit, no cancel. What the caller learns is exactly
what is known: a lost connection is UNKNOWN, an error of the server before its commit is FAILED, a statement the
server will never take is REFUSED. A fence that did not match is settled by reading the partition row again.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import msgspec

from twinrail.engine.journal import Ask, Batch, Found, Loaded, Outcome, Position, decode_entry
from twinrail.engine.store import loading
from twinrail.engine.store.connection import Line, WatchedConnection, check_server, lost
from twinrail.engine.store.contract import COMMAND_CHANNEL, FOUND_MAX, StoreAway
from twinrail.engine.store.loading import columns
from twinrail.engine.store.migrate import check_schema
from twinrail.engine.store.sql import statement
from twinrail.engine.store.statement import Part, compose, prepare
from twinrail.errors import StoreError
from twinrail.schemas.instructions import Command

T = TypeVar("T")

# The writer's plans are made once for any batch. The tables it touches may be empty when they are made, so every way
# but the search in an index is switched off. An old attempt may still hold the partition row: wait, but not for ever.
_WRITER = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "lock_timeout": "5s",
    "application_name": "twinrail writer",
}
_READER = {"jit": "off", "work_mem": "64MB", "application_name": "twinrail reader"}
_CLAIM_ATTEMPTS = 12  # of lock_timeout each

# What a SQLSTATE says about a batch, longest prefix first. 57P01 and 57P02 end the session and may come after the
# commit; 25006 is a server that has become a standby.
_OUTCOMES = {
    "57P01": Outcome.UNKNOWN, "57P02": Outcome.UNKNOWN, "57P05": Outcome.UNKNOWN, "08": Outcome.UNKNOWN,
    "21": Outcome.REFUSED, "22": Outcome.REFUSED, "23": Outcome.REFUSED, "42": Outcome.REFUSED,
    "0A": Outcome.REFUSED, "P0": Outcome.REFUSED,
}  # fmt: skip
_RECONNECT = frozenset({"25006", "57P01", "57P02", "57P03", "57P05"})

_COMMAND = msgspec.json.Decoder(Command)


class PostgresStore:
    """A store in any PostgreSQL of version 15 or newer, migrated by `migrate`.

    `on_command` is called for every new command row (see COMMAND_CHANNEL), and may be late or miss one: poll as
    well. `problem` says in words what the last outcome other than COMMITTED was about; it holds no values.
    """

    def __init__(
        self,
        dsn: str,
        *,
        connect_timeout_s: float,
        allow_unsafe: bool = False,
        on_command: Callable[[], None] | None = None,
    ) -> None:
        self.problem = ""
        self._allow_unsafe = allow_unsafe
        self._on_command = on_command
        self._writer = Line(dsn, connect_timeout_s=connect_timeout_s, settings=_WRITER, greet=self._greet_writer)
        self._reader = Line(dsn, connect_timeout_s=connect_timeout_s, settings=_READER, greet=self._greet_reader)
        self._prepared: dict[tuple[Part, ...], Any] = {}
        self._claimed: dict[int, int] = {}

    async def open(self) -> None:
        """Connect and check the server and the schema; StoreAway or StoreError where it cannot be used as it is."""
        for line in (self._writer, self._reader):
            async with line.lock:
                await line.get()

    async def close(self) -> None:
        """Give up both connections."""
        self._prepared.clear()
        await self._writer.close()
        await self._reader.close()

    async def claim(self, partition: int) -> Position:
        """Become the owner of the partition, as the contract says; StoreError where another session blocks its row."""
        for _ in range(_CLAIM_ATTEMPTS):
            try:
                row = await self._read(self._writer, lambda connection: _claim(connection, partition))
            except StoreAway as error:
                if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                    continue
                raise
            self._claimed[partition] = row.epoch
            return row
        raise StoreError(f"another session holds the row of partition {partition}: end it (see pg_stat_activity)")

    async def load(self, partition: int, *, recent: int, recent_since: int, now_wall: int) -> Loaded:
        """Read and verify what a new owner starts from, as the contract says."""
        loaded, verified = await self._read(
            self._reader,
            lambda connection: loading.load(
                connection, partition, recent=recent, recent_since=recent_since, now_wall=now_wall
            ),
        )
        epoch = loaded.position.epoch
        if self._claimed.get(partition, epoch) != epoch:
            raise StoreError(f"partition {partition} was claimed by another owner while loading")
        await self._read(
            self._writer,
            lambda connection: connection.execute(statement("partition.verified"), partition, epoch, verified),
        )
        return loaded

    async def commit(self, batch: Batch) -> Outcome:
        """Make a batch durable, as the contract says."""
        try:
            parts, arguments = prepare(batch)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            return self._ended(Outcome.REFUSED, f"the batch cannot be sent ({type(error).__name__})")
        async with self._writer.lock:
            try:
                connection = await self._writer.get()
            except (StoreAway, StoreError) as error:
                return self._ended(Outcome.FAILED, str(error))
            try:
                row = await (await self._statement(connection, parts)).fetchrow(*arguments)
                if row is not None and row["fenced"]:
                    return Outcome.COMMITTED
                position = await _position(connection, batch.partition)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, UnicodeError) as error:
                return self._failed(error)
        return self._judged(batch, position)

    async def look_up(self, partition: int) -> Position:
        """Read the partition row, as the contract says."""
        return await self._read(self._writer, lambda connection: _position(connection, partition))

    async def find(self, partition: int, ask: Ask) -> Found:
        """Answer a question about committed rows, as the contract says."""
        return await self._read(self._reader, lambda connection: _find(connection, partition, ask))

    async def commands(self, partition: int, limit: int) -> list[Command]:
        """Read pending commands, as the contract says; a row that is no command is refused on the spot."""
        return await self._read(self._reader, lambda connection: _commands(connection, partition, limit))

    async def verify_all(self, partition: int) -> list[str]:
        """Compare all rows with all entries, however long that takes; gives what differs, in words."""
        return await self._read(self._reader, lambda connection: loading.verify_all(connection, partition))

    async def _greet_writer(self, connection: WatchedConnection) -> None:
        self._prepared.clear()  # statements are prepared per session
        await check_server(connection, allow_unsafe=self._allow_unsafe)
        await check_schema(connection)

    async def _greet_reader(self, connection: WatchedConnection) -> None:
        if self._on_command is not None:
            await connection.add_listener(COMMAND_CHANNEL, self._announced)

    def _announced(self, *_: object) -> None:
        if self._on_command is not None:
            self._on_command()

    async def _read(self, line: Line, ask: Callable[[WatchedConnection], Awaitable[T]]) -> T:
        """Ask on a line; a line that fails is dropped, so that the next one who asks gets a fresh one."""
        async with line.lock:
            connection = await line.get()
            try:
                return await ask(connection)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                problem = lost(error)
                if isinstance(problem, StoreAway) and not isinstance(error, asyncpg.LockNotAvailableError):
                    line.drop()
                raise problem from error

    async def _statement(self, connection: WatchedConnection, parts: tuple[Part, ...]) -> Any:
        prepared = self._prepared.get(parts)
        if prepared is None:
            prepared = self._prepared[parts] = await connection.prepare(compose(parts))
        return prepared

    def _ended(self, outcome: Outcome, problem: str) -> Outcome:
        self.problem = problem
        return outcome

    def _failed(self, error: Exception) -> Outcome:
        """Say what an exception around the statement tells about its commit."""
        if isinstance(error, UnicodeError):
            return self._ended(Outcome.REFUSED, "a text cannot be encoded")
        state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
        if state is None:
            self._writer.drop()
            return self._ended(Outcome.UNKNOWN, f"the connection was lost ({type(error).__name__})")
        outcome = _OUTCOMES.get(state) or _OUTCOMES.get(state[:2]) or Outcome.FAILED
        if outcome is Outcome.UNKNOWN or state in _RECONNECT:
            self._writer.drop()
        named = [
            str(name) for name in (getattr(error, "table_name", None), getattr(error, "constraint_name", None)) if name
        ]
        return self._ended(outcome, f"PostgreSQL answered {state} {' '.join(named)}".rstrip())

    def _judged(self, batch: Batch, position: Position) -> Outcome:
        """Say what a fence that did not match means, from what the partition row says now."""
        if position.epoch > batch.epoch:
            return self._ended(Outcome.FENCED, f"partition {batch.partition} has another owner")
        if position == (batch.epoch, batch.last_seq):
            return Outcome.COMMITTED  # an earlier attempt won
        return self._ended(Outcome.REFUSED, f"the batch does not follow entry {position.last_seq}")


async def _claim(connection: WatchedConnection, partition: int) -> Position:
    async with connection.transaction():
        await connection.execute(statement("partition.create"), partition)
        row = await connection.fetchrow(statement("partition.claim"), partition)
    if row is None:
        raise StoreError(f"the row of partition {partition} was removed while it was claimed")
    return Position(row["epoch"], row["last_seq"])


async def _position(connection: WatchedConnection, partition: int) -> Position:
    row = await connection.fetchrow(statement("partition.position"), partition)
    return Position(row["epoch"], row["last_seq"]) if row is not None else Position(0, 0)


async def _find(connection: WatchedConnection, partition: int, ask: Ask) -> Found:
    entries: list[Any] = []
    authorizations: list[Any] = []
    tombstones: list[Any] = []
    files: list[Any] = []
    if ask.key_hash is not None:
        entries = (await connection.fetch(statement("find.entries"), partition, ask.key_hash, FOUND_MAX))[::-1]
    if ask.life_hashes:
        hashes = list(ask.life_hashes)
        text = statement("find.authorization", columns=columns("authorization"))
        authorizations = (await connection.fetch(text, partition, hashes, FOUND_MAX, ask.card))[::-1]
        text = statement("find.tombstone", columns=columns("tombstone"))
        tombstones = (await connection.fetch(text, partition, hashes, FOUND_MAX, ask.card))[::-1]
    if ask.file or ask.message_id:
        text = statement("find.payment_file", columns=columns("payment_file"))
        files = await connection.fetch(text, partition, ask.file, ask.initiator, ask.message_id, FOUND_MAX)
    return Found([decode_entry(row["body"]) for row in entries], authorizations, tombstones, files)


async def _commands(connection: WatchedConnection, partition: int, limit: int) -> list[Command]:
    pending: list[Command] = []
    for row in await connection.fetch(statement("command.pending"), partition, limit):
        try:
            command = _COMMAND.decode(row["body"])
        except msgspec.MsgspecError:
            command = None
        # A NUL would be taken here and refused by every text column: the batch, the engine, and its next start with it.
        if command is None or command.command != row["id"] or "\\u0000" in row["body"]:
            await connection.execute(statement("command.refuse"), partition, row["id"], "the row is no command")
            continue
        pending.append(command)
    return pending
