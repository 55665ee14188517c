"""What a new owner starts from, read in one snapshot and verified at bounded cost."""

import gc
from typing import Any

from twinrail.engine.journal import TABLES, Loaded, Position, decode_entry
from twinrail.engine.store.connection import WatchedConnection
from twinrail.engine.store.sql import statement
from twinrail.errors import StoreError
from twinrail.schemas.journal import Entry

VERIFIED_ENTRIES_MAX = 2_000_000  # newest entries looked through at one start; about a second

_ALWAYS = ("account", "card", "authorization", "obligation", "payment_file")


async def load(
    connection: WatchedConnection, partition: int, *, recent: int, recent_since: int, now_wall: int
) -> tuple[Loaded, int]:
    """Give what `Store.load` promises, and up to which entry the journal is verified without a gap.

    StoreError names what differs. The collector of cyclic garbage rests meanwhile: it would look again and again
    through millions of rows that hold no cycles, and double the time.
    """
    resting = gc.isenabled()
    gc.disable()
    try:
        return await _load(connection, partition, recent, recent_since, now_wall)
    finally:
        if resting:
            gc.enable()


async def _load(
    connection: WatchedConnection, partition: int, recent: int, recent_since: int, now_wall: int
) -> tuple[Loaded, int]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(statement("load.partition"), partition)
        if row is None:
            raise StoreError(f"partition {partition} does not exist: claim it first")
        position = Position(row["epoch"], row["last_seq"])
        verified = await _verify(connection, partition, position.last_seq, row["verified_seq"])
        rows: dict[str, Any] = {
            table: await connection.fetch(statement(f"load.{table}", columns=columns(table)), partition)
            for table in _ALWAYS
        }
        rows["tombstone"] = await connection.fetch(
            statement("load.tombstone", columns=columns("tombstone")), partition, now_wall
        )
        last_at = await connection.fetchval(statement("load.at"), partition, position.last_seq) or 0
        entries = await _recent(connection, partition, position.last_seq, recent, recent_since)
    return Loaded(position=position, last_at=last_at, rows=rows, recent=entries), verified


async def verify_all(connection: WatchedConnection, partition: int) -> list[str]:
    """Compare everything with everything, at unbounded cost; gives what differs, in words."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(statement("load.partition"), partition)
        if row is None:
            return [f"partition {partition} does not exist"]
        found = await _differences(connection, partition, 0)
        posted = await connection.fetch(statement("verify.posted"), partition)
        found += [f"account {line['subject']}: posted is not the sum of its postings" for line in posted]
        gap = await _gap(connection, partition, 0, row["last_seq"])
    return found + ([gap] if gap else [])


def columns(table: str) -> str:
    """Give the columns of a table as a select list, in their order."""
    return ", ".join(column.name for column in TABLES[table].columns)


async def _verify(connection: WatchedConnection, partition: int, last_seq: int, verified: int) -> int:
    start = max(verified, last_seq - VERIFIED_ENTRIES_MAX)
    found = await _differences(connection, partition, start)
    gap = await _gap(connection, partition, start, last_seq)
    if gap:
        found.append(gap)
    if found:
        raise StoreError(f"partition {partition} is not consistent: {'; '.join(found)}. Restore it; do not go on")
    return last_seq if start == verified else verified  # what was left out stays to be verified


async def _differences(connection: WatchedConnection, partition: int, start: int) -> list[str]:
    held = await connection.fetch(statement("verify.held"), partition)
    total = await connection.fetch(statement("verify.total"), partition)
    postings = await connection.fetch(statement("verify.postings"), partition, start)
    return [
        *(f"account {row['subject']}: held is not what its open authorizations hold" for row in held),
        *(f"currency {row['subject']}: the accounts do not sum to zero" for row in total),
        *(f"entry {row['subject']}: its postings do not sum to zero" for row in postings),
    ]


async def _gap(connection: WatchedConnection, partition: int, start: int, last_seq: int) -> str:
    row = await connection.fetchrow(statement("verify.gaps"), partition, start)
    if row is None or (row["entries"], row["last"] or start) != (last_seq - start, last_seq):
        return f"the journal after entry {start} has gaps or does not end at {last_seq}"
    return ""


async def _recent(
    connection: WatchedConnection, partition: int, last_seq: int, recent: int, recent_since: int
) -> list[Entry]:
    first = await _first_since(connection, partition, last_seq, recent_since)
    rows = await connection.fetch(statement("load.recent"), partition, first, recent)
    return [decode_entry(row["body"]) for row in reversed(rows)]


async def _first_since(connection: WatchedConnection, partition: int, last_seq: int, since: int) -> int:
    """Find the first entry at or after a time by halving: times increase with the numbers, and have no index."""
    read = await connection.prepare(statement("load.at"))
    low, high = 1, last_seq + 1
    while low < high:
        middle = (low + high) // 2
        at = await read.fetchval(partition, middle)
        if at is None or at < since:
            low = middle + 1
        else:
            high = middle
    return low
