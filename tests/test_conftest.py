"""What the suite says about a server that it cannot use."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

ROOT = Path(__file__).resolve().parents[1]
TEST = "tests/engine/store/test_contract.py::test_an_empty_partition_loads_as_empty"


def run(dsn: str, statement: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(work())


@pytest.fixture
def poor_role(server: str) -> Iterator[str]:
    """Give the DSN of a role that may not create databases."""
    if "TWINRAIL_DATABASE_URL" in os.environ:
        pytest.skip("the role of this server may not create others")
    name = f"poor_{uuid.uuid4().hex}"
    run(server, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    parts = urlsplit(server)
    yield urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.hostname}:{parts.port}"))
    run(server, f"DROP ROLE {name}")


@pytest.mark.process
@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_role_that_may_not_create_databases_is_told_what_it_needs(poor_role: str, workers: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers, TEST],
        env=os.environ | {"TWINRAIL_DATABASE_URL": poor_role, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 1
    assert "ALTER ROLE ... CREATEDB" in ended.stdout
    assert "InsufficientPrivilege" not in ended.stdout  # no trace that one has to understand
