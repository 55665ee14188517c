"""One connection to PostgreSQL, made when it is wanted and made again, with patience, when it was lost."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable

import asyncpg

from twinrail.engine.store.contract import StoreAway
from twinrail.engine.store.sql import statement
from twinrail.errors import StoreError

VERSION_MIN = 150000  # PostgreSQL 15
_PAUSE_S = 0.05  # before the second attempt to connect; doubles
_PAUSE_MAX_S = 1.0
_KEEPALIVE_IDLE_S = 10
_KEEPALIVE_INTERVAL_S = 5
_KEEPALIVE_COUNT = 3
_USER_TIMEOUT_MS = 15_000
_CLOSE_TIMEOUT_S = 2.0

# What every session of ours needs, whatever the role's or database's defaults: a time limit on our statements would
# cancel a commit. The server, too, watches for a peer that vanished; settings it does not know are left out.
_SESSION = {
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
    "tcp_keepalives_idle": str(_KEEPALIVE_IDLE_S),
    "tcp_keepalives_interval": str(_KEEPALIVE_INTERVAL_S),
    "tcp_keepalives_count": str(_KEEPALIVE_COUNT),
    "tcp_user_timeout": str(_USER_TIMEOUT_MS),
    "client_connection_check_interval": "10s",
}
_AWAY = (  # it may come back by itself
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # it became a standby
)
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


class WatchedConnection(asyncpg.Connection):
    """A connection whose socket notices a peer that vanished without a word."""

    def watch(self) -> None:
        """Ask the system to probe an idle peer and to give up on one that does not acknowledge."""
        transport: asyncio.Transport = getattr(self, "_transport")  # noqa: B009 - the driver tells no other way
        sock = transport.get_extra_info("socket")
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_COUNT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)


class Line:
    """A connection that is made when wanted; `lock` is held by whoever uses it.

    `settings` are set on every new session, `greet` is called with every new connection. After a failure the next
    attempts wait, up to a second each, so that a caller who tries again at once does no harm.
    """

    def __init__(
        self,
        dsn: str,
        *,
        connect_timeout_s: float,
        settings: dict[str, str],
        greet: Callable[[WatchedConnection], Awaitable[None]] | None = None,
    ) -> None:
        self.lock = asyncio.Lock()
        self._dsn = dsn
        self._connect_timeout_s = connect_timeout_s
        self._settings = _SESSION | settings
        self._greet = greet
        self._connection: WatchedConnection | None = None
        self._failures = 0

    async def get(self) -> WatchedConnection:
        """Give the open connection, connecting where there is none; StoreAway where the server cannot be reached.

        StoreError where it can, but will not have us: wrong password, no such database.
        """
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._failures:
            await asyncio.sleep(min(_PAUSE_S * 2 ** min(self._failures - 1, 10), _PAUSE_MAX_S))
        self._failures += 1
        self._connection = await self._connect()
        self._failures = 0
        return self._connection

    def drop(self) -> None:
        """Forget the connection at once, whatever state it is in."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """End the connection in good order, or after two seconds in bad."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=_CLOSE_TIMEOUT_S)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def _connect(self) -> WatchedConnection:
        try:
            connection = await asyncpg.connect(
                self._dsn, timeout=self._connect_timeout_s, connection_class=WatchedConnection
            )
        except _REFUSED as error:
            raise StoreError(f"PostgreSQL refuses us ({error.sqlstate}): check user, password and database") from error
        except ValueError as error:
            raise StoreError(
                "the database URL cannot be read; it looks like postgresql://user@host:port/name"
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreAway(f"PostgreSQL cannot be reached ({type(error).__name__})") from error
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                connection.watch()
                await connection.execute(statement("session.set"), list(self._settings), list(self._settings.values()))
                if self._greet is not None:
                    await self._greet(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            connection.terminate()
            raise lost(error) from error
        except BaseException:
            connection.terminate()
            raise
        return connection


def lost(error: Exception) -> Exception:
    """Say what a failed read means: StoreAway where the connection is to blame, StoreError where the statement is."""
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _AWAY):
        return StoreError(f"PostgreSQL refused a statement ({error.sqlstate}): is the database migrated?")
    return StoreAway(f"the connection to PostgreSQL was lost ({type(error).__name__})")


async def check_server(connection: WatchedConnection, *, allow_unsafe: bool) -> None:
    """Refuse a server that is too old, or that may forget what it has committed.

    StoreError naming the setting; `allow_unsafe` accepts unsafe settings and is for tests only.
    """
    found = {row["name"]: row["setting"] for row in await connection.fetch(statement("server.settings"))}
    if int(found["server_version_num"]) < VERSION_MIN:
        raise StoreError(f"PostgreSQL {int(found['server_version_num']) // 10000} is too old: 15 or newer is needed")
    unsafe = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if found[name] == "off"]
    if unsafe and not allow_unsafe:
        raise StoreError(
            f"{', '.join(unsafe)} off: the server may forget what it has committed; switch on, for our role too"
        )
