"""One PostgreSQL for the whole run, and a fresh, migrated database for every test that asks for one.

The server is the embedded one with unsafe, fast settings, or the one that TWINRAIL_DATABASE_URL names, whose role must
be allowed to create databases (CREATEDB). A database is a copy of a migrated template, which takes about 25 ms; both
are dropped afterwards.
"""

import asyncio
import concurrent.futures
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.engine.store.migrate import migrate

_URL = "TWINRAIL_DATABASE_URL"


def _apart(work: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine in a thread with a loop of its own, so that it does not matter whether a test has one."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()


def _execute(dsn: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    _apart(work)


def _create_first(server: str, name: str) -> None:
    """Create a database; a role that may not is told what it needs."""
    try:
        _execute(server, f"CREATE DATABASE {name}")
    except asyncpg.InsufficientPrivilegeError:
        pytest.fail(
            f"the role of {_URL} may not create databases, and every test has one of its own: ALTER ROLE ... CREATEDB",
            pytrace=False,
        )


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Give the DSN of a server on which databases can be created; its own database is not to be used."""
    if _URL in os.environ:
        yield os.environ[_URL]
        return
    folder = Path(tempfile.mkdtemp(prefix="twinrail-test-"))
    folder.chmod(0o711)  # as root the server runs as another user, who must get in
    try:
        with EmbeddedPostgres(folder / "pg", durable=False) as postgres:
            yield postgres.dsn()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """Give the name of a migrated database that is never connected to, only copied."""
    name = f"template_{uuid.uuid4().hex}"
    _create_first(server, name)

    async def prepare() -> None:
        await migrate(_named(server, name))

    _apart(prepare)
    yield name
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(server: str, template: str) -> Iterator[str]:
    """Give the DSN of a fresh database with the current schema and no rows."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield _named(server, name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database(server: str) -> Iterator[str]:
    """Give the DSN of a fresh database without any schema."""
    name = f"test_{uuid.uuid4().hex}"
    _create_first(server, name)
    yield _named(server, name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
