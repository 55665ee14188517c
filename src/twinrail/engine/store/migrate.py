"""Numbered, append-only migrations: plain SQL files, one transaction each, remembered with their checksums."""

import asyncio
import hashlib
from pathlib import Path
from typing import NamedTuple

import asyncpg

from twinrail.engine.store.connection import Line, WatchedConnection, lost
from twinrail.engine.store.sql import statement
from twinrail.errors import StoreError

_LOCK = 0x7477696E7261696C  # "twinrail": one migration at a time, over all processes
_LOCK_TIMEOUT_S = 60.0
_LOCK_POLL_S = 0.1


class Migration(NamedTuple):
    """One file of the migrations folder."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Give the SHA-256 of the file's text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(folder: Path | None = None) -> list[Migration]:
    """Read the migrations in order; StoreError where their numbers are not 1, 2, 3 ..."""
    folder = folder or Path(__file__).with_name("migrations")
    found = [
        Migration(int(path.name.partition("_")[0]), path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.sql"))
    ]
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise StoreError(f"the migrations in {folder} are not numbered 0001, 0002 and so on")
    return found


async def migrate(dsn: str, *, folder: Path | None = None, connect_timeout_s: float = 10.0) -> list[str]:
    """Apply what is missing and give the names of what was applied.

    StoreError where an applied file was changed since, where the database is newer than this program, where another
    migration does not end, or where a file fails (nothing of that file then remains); StoreAway where the server
    cannot be reached.
    """
    wanted = migrations(folder)
    line = Line(dsn, connect_timeout_s=connect_timeout_s, settings={"application_name": "twinrail migrate"})
    connection = await line.get()
    try:
        await _lock(connection)
        await connection.execute(statement("migration.table"))
        applied = await _applied(connection)
        _compare(wanted, applied)
        for migration in wanted[len(applied) :]:
            await _apply(connection, migration)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise lost(error) from error
    finally:
        await line.close()  # which releases the lock
    return [migration.name for migration in wanted[len(applied) :]]


async def check_schema(connection: WatchedConnection) -> None:
    """Refuse a database whose schema is not exactly this program's; StoreError names the remedy."""
    wanted = migrations()
    known = await connection.fetchval(statement("migration.known"))
    applied = await _applied(connection) if known else {}
    _compare(wanted, applied)
    if len(applied) < len(wanted):
        raise StoreError(f"the database lacks migration {wanted[len(applied)].name}: run `twinrail migrate`")


async def _lock(connection: WatchedConnection) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _LOCK_TIMEOUT_S
    while not await connection.fetchval(statement("migration.lock"), _LOCK):
        if loop.time() > until:
            raise StoreError("another migration of this database is under way and does not end")
        await asyncio.sleep(_LOCK_POLL_S)


async def _applied(connection: WatchedConnection) -> dict[int, tuple[str, str]]:
    rows = await connection.fetch(statement("migration.applied"))
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _compare(wanted: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    newest = max(applied, default=0)
    if newest > len(wanted):
        raise StoreError(
            f"the database is newer than this program (migration {applied[newest][0]}): update the program"
        )
    for migration in wanted[:newest]:
        if applied.get(migration.number) != (migration.name, migration.checksum):
            raise StoreError(f"migration {migration.name} was changed after it was applied: put the old file back")


async def _apply(connection: WatchedConnection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.text)
            await connection.execute(
                statement("migration.record"), migration.number, migration.name, migration.checksum
            )
    except asyncpg.PostgresError as error:
        if error.sqlstate.startswith(("08", "57")):
            raise
        raise StoreError(f"migration {migration.name} failed ({error.sqlstate}) and was undone: {error}") from error
