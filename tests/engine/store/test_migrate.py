"""Migrations: once each, never changed, never half."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from twinrail.engine.journal import TABLES
from twinrail.engine.store import migrate as module
from twinrail.engine.store.migrate import migrate, migrations
from twinrail.engine.store.statement import SQL_NAMES
from twinrail.errors import StoreError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may spoil."""
    copy = tmp_path / "migrations"
    shutil.copytree(Path(module.__file__).with_name("migrations"), copy)
    return copy


def add(folder: Path, text: str) -> str:
    name = f"{len(list(folder.iterdir())) + 1:04d}_added"
    (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return name


async def fetch(dsn: str, text: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(text)
    finally:
        await connection.close()


async def test_all_are_applied_once_and_in_order(empty_database: str) -> None:
    names = [migration.name for migration in migrations()]
    assert names[0] == "0001_foundation"
    assert await migrate(empty_database) == names
    assert await migrate(empty_database) == []


async def test_two_at_a_time_apply_each_once(empty_database: str) -> None:
    applied = await asyncio.gather(migrate(empty_database), migrate(empty_database))
    assert sorted(map(len, applied)) == [0, len(migrations())]


async def test_only_what_is_missing_is_applied(database: str, folder: Path) -> None:
    name = add(folder, "CREATE TABLE added (id integer)")
    assert await migrate(database, folder=folder) == [name]
    with pytest.raises(StoreError, match=f"newer than this program.*{name}"):
        await migrate(database)


async def test_a_file_changed_after_it_was_applied_is_refused(database: str, folder: Path) -> None:
    path = folder / "0001_foundation.sql"
    path.write_text(path.read_text(encoding="utf-8") + "\n-- one more line\n", encoding="utf-8")
    with pytest.raises(StoreError, match="0001_foundation was changed"):
        await migrate(database, folder=folder)


async def test_a_file_that_fails_leaves_nothing(database: str, folder: Path) -> None:
    name = add(folder, "CREATE TABLE half (id integer); SELECT 1 / 0")
    with pytest.raises(StoreError, match=name):
        await migrate(database, folder=folder)
    assert await fetch(database, "SELECT FROM pg_class WHERE relname = 'half'") == []


def test_numbers_with_a_gap_are_refused(folder: Path) -> None:
    add(folder, "SELECT 1")
    next(folder.glob("*_added.sql")).rename(folder / "9999_added.sql")
    with pytest.raises(StoreError, match="not numbered"):
        migrations(folder)


async def test_the_schema_has_the_columns_that_a_batch_may_hold(database: str) -> None:
    rows = await fetch(
        database,
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'",
    )
    found = {(row["table_name"], row["column_name"]): row["data_type"] for row in rows}
    for table in TABLES.values():
        name = SQL_NAMES.get(table.name, table.name)
        assert found[name, "partition"] == "smallint"
        for column in table.columns:
            assert found[name, column.name] == column.type
    assert ("account", "slot") in found
