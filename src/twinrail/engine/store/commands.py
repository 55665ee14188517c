"""How an operator acts on a running engine: a row in the command table, and the wait for what became of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from twinrail.engine.store.connection import Line, WatchedConnection, lost
from twinrail.engine.store.contract import CommandOutcome
from twinrail.engine.store.sql import statement
from twinrail.errors import StoreError
from twinrail.schemas.instructions import Command

_CONNECT_TIMEOUT_S = 10.0
_POLL_S = 0.02  # doubles up to the next
_POLL_MAX_S = 0.25


async def put_command(database: str | WatchedConnection, partition: int, command: Command, requested_by: str) -> None:
    """Ask for a command, once for its id however often this is called; a waiting engine is woken.

    `database` is a DSN or an open connection. StoreError where the id was used for another command; StoreAway where
    the database cannot be reached.
    """
    body = msgspec.json.encode(command).decode()
    kind = str(command.__struct_config__.tag)
    async with _connected(database) as connection:
        await connection.execute(statement("command.put"), partition, command.command, kind, body, requested_by)
        if await connection.fetchval(statement("command.body"), partition, command.command) != body:
            raise StoreError("this command id was already used for another command: choose a new one")


async def await_command(
    database: str | WatchedConnection, partition: int, command: str, *, timeout_s: float
) -> CommandOutcome:
    """Wait until the engine has carried out or refused a command, or the time is up.

    Gives the outcome; its status is "pending" where the time is up first (the command stays asked for). StoreError
    where there is no such command.
    """
    pause = _POLL_S
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    async with _connected(database) as connection:
        while True:
            row = await connection.fetchrow(statement("command.outcome"), partition, command)
            if row is None:
                raise StoreError("there is no command of this id")
            if row["status"] != "pending" or loop.time() >= until:
                return CommandOutcome(row["status"], row["result"])
            await asyncio.sleep(min(pause, max(0.0, until - loop.time())))
            pause = min(pause * 2, _POLL_MAX_S)


@asynccontextmanager
async def _connected(database: str | WatchedConnection) -> AsyncIterator[WatchedConnection]:
    line = Line(
        database if isinstance(database, str) else "",
        connect_timeout_s=_CONNECT_TIMEOUT_S,
        settings={"application_name": "twinrail operator"},
    )
    try:
        yield await line.get() if isinstance(database, str) else database
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise lost(error) from error
    finally:
        await line.close()
