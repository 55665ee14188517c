"""What only a real server can show: lost connections, locks, settings, triggers, and a full load."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tests.engine.store.rows import ACCOUNT, Row, account, batch, entry, opening, posting

from twinrail.engine.journal import Batch, Outcome, Position
from twinrail.engine.store.commands import await_command, put_command
from twinrail.engine.store.contract import StoreAway
from twinrail.engine.store.loading import columns
from twinrail.engine.store.postgres import PostgresStore
from twinrail.engine.store.sql import statement
from twinrail.engine.store.statement import SQL_NAMES, Part, Way, compose
from twinrail.errors import StoreError
from twinrail.schemas.instructions import ReleaseHold

P = 0
SECOND = batch(P, 2, 2, {"journal": [entry(2)], "account": [account(2)]})


def a_store(dsn: str, *, allow_unsafe: bool = True, on_command: Callable[[], None] | None = None) -> PostgresStore:
    return PostgresStore(dsn, connect_timeout_s=5, allow_unsafe=allow_unsafe, on_command=on_command)


@pytest.fixture
async def admin(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresStore]:
    owner = a_store(database)
    await owner.open()
    await owner.claim(P)
    assert await owner.commit(opening(P)) is Outcome.COMMITTED
    yield owner
    await owner.close()


async def backend(store: PostgresStore) -> int:
    return (await store._writer.get()).get_server_pid()


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Ask the server again and again, for at most ten seconds, until it says yes."""
    async with asyncio.timeout(10):
        while not await condition():
            pass


async def waits(admin: "asyncpg.Connection[asyncpg.Record]", pid: int) -> bool:
    return bool(await admin.fetchval("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1", pid))


async def test_a_connection_killed_while_idle_loses_nothing(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await admin.execute("SELECT pg_terminate_backend($1, 5000)", await backend(store))
    assert await store.commit(SECOND) not in {Outcome.REFUSED, Outcome.FENCED}  # whether we know yet is a race
    assert await store.commit(SECOND) is Outcome.COMMITTED
    assert await store.commit(SECOND) is Outcome.COMMITTED
    assert await admin.fetchval("SELECT count(*) FROM journal") == 2


async def test_a_connection_killed_in_the_middle_of_a_commit_leaves_its_outcome_unknown(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pid = await backend(store)
    async with admin.transaction():
        await admin.execute("SELECT FROM partition FOR UPDATE")
        commit = asyncio.create_task(store.commit(SECOND))
        await until(lambda: waits(admin, pid))
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        assert await commit is Outcome.UNKNOWN
    assert await store.look_up(P) == Position(1, 1)
    assert await store.commit(SECOND) is Outcome.COMMITTED


async def test_a_row_held_by_another_session_fails_the_commit_for_now(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await (await store._writer.get()).execute("SET lock_timeout = '20ms'")
    async with admin.transaction():
        await admin.execute("SELECT FROM partition FOR UPDATE")
        assert await store.commit(SECOND) is Outcome.FAILED
    assert await store.commit(SECOND) is Outcome.COMMITTED


async def test_a_commit_waits_for_a_claim_under_way_and_is_then_fenced(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    pid = await backend(store)
    async with admin.transaction():
        await admin.execute("UPDATE partition SET epoch = epoch + 1")
        commit = asyncio.create_task(store.commit(SECOND))
        await until(lambda: waits(admin, pid))
    assert await commit is Outcome.FENCED
    assert await admin.fetchval("SELECT count(*) FROM journal") == 1


class Proxy:
    """A TCP relay to the server that can cut a connection the moment the server answers."""

    def __init__(self, dsn: str) -> None:
        self._there = urlsplit(dsn)
        self.cutting = False
        self.dsn = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._there.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(self._there._replace(netloc=f"{user}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there_reader, there_writer = await asyncio.open_connection(self._there.hostname, self._there.port)

        async def back() -> None:
            while data := await there_reader.read(65536):
                if self.cutting:
                    break
                writer.write(data)
            writer.close()

        answers = asyncio.create_task(back())
        try:
            while data := await reader.read(65536):
                there_writer.write(data)
        except ConnectionError:
            pass
        finally:
            there_writer.close()
            answers.cancel()
            writer.close()


async def test_a_commit_whose_answer_is_lost_was_made_and_is_not_made_twice(database: str) -> None:
    async with Proxy(database) as proxy:
        owner = a_store(proxy.dsn)
        await owner.open()
        await owner.claim(P)
        assert await owner.commit(opening(P)) is Outcome.COMMITTED
        assert await owner.commit(SECOND) is Outcome.COMMITTED  # now its statement is prepared
        third = batch(P, 3, 3, {"journal": [entry(3)], "account": [account(3)]})
        proxy.cutting = True
        assert await owner.commit(third) is Outcome.UNKNOWN
        proxy.cutting = False
        assert await owner.look_up(P) == Position(1, 3)
        assert await owner.commit(third) is Outcome.COMMITTED
        assert await owner.look_up(P) == Position(1, 3)
        await owner.close()


async def test_a_server_that_is_not_there_is_away_and_fails_commits() -> None:
    nowhere = PostgresStore("postgresql://nobody@127.0.0.1:1/none", connect_timeout_s=1)
    with pytest.raises(StoreAway):
        await nowhere.open()
    assert await nowhere.commit(opening(P)) is Outcome.FAILED
    assert "cannot be reached" in nowhere.problem
    with pytest.raises(StoreAway):
        await nowhere.look_up(P)
    await nowhere.close()


async def test_a_database_that_does_not_exist_is_named_as_such(database: str) -> None:
    with pytest.raises(StoreError, match="check user, password and database"):
        await a_store(urlunsplit(urlsplit(database)._replace(path="/none_of_this_name"))).open()


async def test_a_url_that_is_none_is_named_as_such_without_showing_it() -> None:
    with pytest.raises(StoreError, match="cannot be read") as caught:
        await a_store("http://me:secret@127.0.0.1:x/none").open()
    assert "secret" not in str(caught.value)


async def test_unsafe_settings_are_refused_unless_allowed(
    database: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await admin.execute(f"ALTER DATABASE {urlsplit(database).path[1:]} SET synchronous_commit = off")
    careful = a_store(database, allow_unsafe=False)
    with pytest.raises(StoreError, match="synchronous_commit"):
        await careful.open()
    await careful.close()
    tolerant = a_store(database)
    await tolerant.open()
    await tolerant.close()


async def test_a_time_limit_of_the_database_does_not_reach_our_sessions(
    database: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await admin.execute(f"ALTER DATABASE {urlsplit(database).path[1:]} SET statement_timeout = '1min'")
    owner = a_store(database)
    await owner.open()
    assert await (await owner._writer.get()).fetchval("SHOW statement_timeout") == "0"
    await owner.close()


async def test_a_database_without_our_schema_is_refused(empty_database: str) -> None:
    owner = a_store(empty_database)
    with pytest.raises(StoreError, match="twinrail migrate"):
        await owner.open()
    await owner.close()


@pytest.mark.parametrize("table", ["journal", "posting"])
@pytest.mark.parametrize("change", ["UPDATE {} SET seq = 9", "DELETE FROM {}", "TRUNCATE {}"])
async def test_what_is_written_stays(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]", table: str, change: str
) -> None:
    rows: dict[str, list[Row]] = {"journal": [entry(2), entry(3)], "posting": posting(2, 1, 1, 5)}
    assert await store.commit(batch(P, 2, 3, rows)) is Outcome.COMMITTED
    with pytest.raises(asyncpg.RestrictViolationError):
        await admin.execute(change.format(table))


@pytest.mark.usefixtures("store")
async def test_the_journal_can_be_read_as_json(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await admin.fetchval("SELECT entry ->> 'kind' FROM journal_readable WHERE seq = 1") == "test"


def nodes(plan: Any) -> list[str]:
    """Name the nodes of a plan, each scan of a table with its index."""
    found = [f"{plan['Node Type']} {plan.get('Index Name', '')}".strip()]
    return found + [name for child in plan.get("Plans", ()) for name in nodes(child)]


@pytest.mark.parametrize("analysed", [False, True])
@pytest.mark.parametrize("accounts", [1, 3000])
@pytest.mark.parametrize("table", ["account", "authorization", "tombstone"])
async def test_known_rows_are_found_by_their_key_whatever_the_statistics_say(
    database: str, admin: "asyncpg.Connection[asyncpg.Record]", table: str, *, accounts: int, analysed: bool
) -> None:
    owner = a_store(database)
    await owner.open()
    await owner.claim(P)
    assert await owner.commit(opening(P, accounts=accounts)) is Outcome.COMMITTED
    if analysed:
        await admin.execute("ANALYZE")
    writer = await owner._writer.get()
    text = compose((Part("journal", Way.APPEND), Part(table, Way.CHANGE)))
    await writer.execute(f"PREPARE planned AS {text}")
    parameters = len((await writer.prepare(text)).get_parameters())
    plan = await writer.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned({', '.join(['NULL'] * parameters)})")
    found = nodes(json.loads(plan)[0]["Plan"])
    name = SQL_NAMES.get(table, table)
    assert f"Index Scan {name}_pkey" in found
    assert not [node for node in found if node.startswith(("Seq Scan", "Bitmap", "Hash", "Merge"))]
    await owner.close()


@pytest.mark.usefixtures("store")
async def test_kept_lifecycles_are_loaded_and_asked_for_by_indexes(
    admin: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await admin.execute(
        "INSERT INTO card_authorization SELECT 0, i, 'A', 'c', '978', 1, 0, 0, 0, CASE WHEN i % 1000 = 0 THEN 1 ELSE 2"
        " END, 0, i, i, i FROM generate_series(1, 20000) i; ANALYZE"
    )
    load = statement("load.authorization", columns=columns("authorization"))
    plan = await admin.fetchval(f"EXPLAIN (FORMAT JSON) {load.replace('$1', '0::smallint')}")
    assert any("card_authorization_life" in node for node in nodes(json.loads(plan)[0]["Plan"]))
    ask = statement("find.authorization", columns=columns("authorization"))
    for sign, value in {"$1": "0", "$2": "ARRAY[7, 8]", "$3": "10", "$4": "'c'"}.items():
        ask = ask.replace(sign, value)
    found = nodes(json.loads(await admin.fetchval(f"EXPLAIN (FORMAT JSON) {ask}"))[0]["Plan"])
    assert {"Bitmap Index Scan card_authorization_life", "Bitmap Index Scan card_authorization_origin"} <= set(found)


async def test_a_row_changed_twice_in_one_batch_is_refused(store: PostgresStore) -> None:
    rows: dict[str, list[Row]] = {"journal": [entry(2)], "account": [account(1, held=1), account(1, held=2)]}
    assert await store.commit(batch(P, 2, 2, rows)) is Outcome.REFUSED
    assert await store.look_up(P) == Position(1, 1)


async def test_a_removed_entry_is_noticed_when_loaded(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert await store.commit(SECOND) is Outcome.COMMITTED
    assert await store.verify_all(P) == []
    await admin.execute("ALTER TABLE journal DISABLE TRIGGER USER; DELETE FROM journal WHERE seq = 1")
    with pytest.raises(StoreError, match="gaps"):
        await store.load(P, recent=0, recent_since=0, now_wall=0)


async def test_what_was_verified_once_is_not_looked_through_again_but_in_full(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await store.load(P, recent=0, recent_since=0, now_wall=0)
    await admin.execute("ALTER TABLE journal DISABLE TRIGGER USER; DELETE FROM journal WHERE seq = 1")
    await admin.execute("UPDATE account SET posted = CASE id WHEN $1 THEN 0 ELSE posted END", ACCOUNT.format(1))
    await store.load(P, recent=0, recent_since=0, now_wall=0)
    assert [line for line in await store.verify_all(P) if "gaps" in line]


async def test_a_balance_that_is_not_its_postings_is_found_in_full_verification(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert await store.commit(SECOND) is Outcome.COMMITTED
    await admin.execute("UPDATE account SET posted = CASE id WHEN $1 THEN 5 ELSE -5 END", ACCOUNT.format(1))
    await store.load(P, recent=0, recent_since=0, now_wall=0)
    assert sorted(await store.verify_all(P)) == [
        f"account {ACCOUNT.format(number)}: posted is not the sum of its postings" for number in (1, 2)
    ]


async def test_a_new_command_wakes_the_engine(database: str) -> None:
    woken = asyncio.Event()
    owner = a_store(database, on_command=woken.set)
    await owner.open()
    await owner.claim(P)
    command = ReleaseHold(command="now", authorization=1)
    await put_command(database, P, command, "test")
    async with asyncio.timeout(10):
        await woken.wait()
    assert await owner.commands(P, 10) == [command]
    await owner.close()


async def test_waiting_for_a_command_ends_when_it_is_done(store: PostgresStore, database: str) -> None:
    await put_command(database, P, ReleaseHold(command="one", authorization=1), "test")
    waiting = asyncio.create_task(await_command(database, P, "one", timeout_s=10))
    rows: dict[str, list[Row]] = {"journal": [entry(2)], "command": [("one", "refused", "no such hold", 2)]}
    assert await store.commit(batch(P, 2, 2, rows)) is Outcome.COMMITTED
    assert await waiting == ("refused", "no such hold")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "{}",
        '{"type":"release_hold","command":"other","authorization":1}',
        '{"type":"open_account","command":"bad","account":"\\u0000","currency":"978"}',
    ],
)
async def test_a_row_that_is_no_command_is_refused(
    store: PostgresStore, admin: "asyncpg.Connection[asyncpg.Record]", body: str
) -> None:
    await admin.execute("INSERT INTO command (partition, id, body) VALUES (0, 'bad', $1)", body)
    assert await store.commands(P, 10) == []
    assert await admin.fetchval("SELECT status FROM command") == "refused"


async def test_a_thousand_accounts_are_loaded_by_their_columns(
    database: str, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    owner = a_store(database)
    await owner.open()
    await owner.claim(P)
    first: Batch = opening(P, accounts=1000)
    assert await owner.commit(first) is Outcome.COMMITTED
    loaded = await owner.load(P, recent=10, recent_since=0, now_wall=0)
    assert sorted(map(tuple, loaded.rows["account"])) == first.rows["account"]
    assert await admin.fetchval("SELECT verified_seq FROM partition") == 1000
    await owner.close()


async def test_text_with_a_nul_is_refused(store: PostgresStore) -> None:
    rows: dict[str, list[Row]] = {"journal": [entry(2)], "card": [("t", "\0", "", "", "", 0, "")]}
    assert await store.commit(batch(P, 2, 2, rows)) is Outcome.REFUSED
    assert store.problem.startswith("PostgreSQL answered 22")
    assert await store.commit(SECOND) is Outcome.COMMITTED
