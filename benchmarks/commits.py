"""`python -m benchmarks.commits [FOLDER]`: what commits and a restart cost in the store alone, without the switch.

One authorization is one journal entry of 300 bytes, one new row of its lifecycle (three indexes) and one change of an
account, folded. Its lifecycle keys are made as acquirers make them, so those that arrive together are neighbours;
message keys are hashed and are not. Prints, by size of batch: authorizations a second, microseconds of processor time
an authorization in this process and in the server's, the time of a commit, and bytes of WAL. Then the seconds to load
a million accounts. The server is an embedded one with durable settings; FOLDER keeps its data for the next time.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import uvloop

from twinrail.engine.journal import Batch, Outcome, encode_entry, key_hash
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.engine.store.memory import MemoryTables
from twinrail.engine.store.migrate import migrate
from twinrail.engine.store.postgres import PostgresStore
from twinrail.schemas.journal import FLAG_OPEN, Answer, Entry, Opened

ACCOUNTS = 10_000
AUTHORIZATIONS = 40_000  # a size of batch
SIZES = (1, 50, 200, 500)
ROUNDS = 3
ACQUIRERS = 20
HOLD_NS = 7 * 24 * 3600 * 10**9
NOW = 1_790_000_000_000_000_000
Row = tuple[object, ...]


class Traffic:
    """Makes batches as the switch would fold them; held amounts only grow."""

    def __init__(self, partition: int, epoch: int) -> None:
        self._random = random.Random(1)
        self._partition = partition
        self._epoch = epoch
        self._seq = 0
        self._held = [0] * ACCOUNTS

    def opening(self) -> Batch:
        """Open all accounts."""
        rows = [account(number, 0, number + 1) for number in range(ACCOUNTS)]
        journal: list[Row] = [(at + 1, NOW + at, "open_account", None, b"{}") for at in range(ACCOUNTS)]
        return self._batch({"journal": journal, "account": rows})

    def authorizations(self, number: int) -> Batch:
        """Authorize as many times, on accounts drawn at random."""
        journal: list[Row] = []
        lifecycles: list[Row] = []
        accounts: dict[int, Row] = {}
        for seq in range(self._seq + 1, self._seq + number + 1):
            at = self._random.randrange(ACCOUNTS)
            amount = self._random.randrange(100, 30_000)
            self._held[at] += amount
            accounts[at] = account(at, self._held[at], at + 1, seq)
            card, key = f"{self._random.getrandbits(128):032x}", f"{self._random.getrandbits(96):024x}"
            opened = Opened(
                account=name(at), card=card, currency="978", authorized=amount, remaining=amount, flags=FLAG_OPEN
            )
            entry = Entry(
                seq=seq,
                at=NOW + seq,
                kind="authorization",
                mti="0100",
                key=key,
                content=f"000000|{amount}|978",
                card=card,
                answer=Answer(reason="approved", approval_code="123456"),
                effects=(opened,),
            )
            journal.append((seq, NOW + seq, "authorization", key_hash(key), encode_entry(entry)))
            until = NOW + seq + HOLD_NS
            held: Row = (seq, name(at), card, "978", amount, amount, 0, 0, FLAG_OPEN, until, *self._keys(seq), seq)
            lifecycles.append(held)
        return self._batch({"journal": journal, "authorization": lifecycles, "account": list(accounts.values())})

    def _keys(self, seq: int) -> tuple[int, int]:
        """Make a lifecycle's two keys: acquirers count their reference numbers up and send the time with the trace."""
        acquirer, trace = self._random.randrange(ACQUIRERS), self._random.randrange(10**6)
        second = seq // 20_000
        moment = 503_100_000 + second // 60 % 60 * 100 + second % 60  # MMDDhhmmss
        return int(f"612310{seq % 10**6:06d}", 36) ^ key_hash(str(acquirer)) & 2**63 - 1, moment * 10**6 + trace

    def _batch(self, rows: dict[str, list[Row]]) -> Batch:
        first, self._seq = self._seq + 1, self._seq + len(rows["journal"])
        return Batch(partition=self._partition, epoch=self._epoch, first_seq=first, last_seq=self._seq, rows=rows)


def name(number: int) -> str:
    """Give the id of an account."""
    return f"A{number:011d}"


def account(number: int, held: int, opened: int, changed: int | None = None) -> Row:
    """Give the row of an account."""
    seqs = (opened, changed or opened)
    return (name(number), number % 256, "customer", "978", "open", 0, held, 0, "", "", *seqs)


def processor_s(pid: int) -> float:
    """Give the processor time of a process, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


async def commits(dsn: str) -> None:
    """Print a line a size of batch; the best of a few rounds, because others share the machine."""
    store = PostgresStore(dsn, connect_timeout_s=10)
    await store.open()
    admin = await asyncpg.connect(dsn)
    partition = await admin.fetchval("SELECT coalesce(max(id), 0) + 1 FROM partition")
    traffic = Traffic(partition, (await store.claim(partition)).epoch)
    if await store.commit(traffic.opening()) is not Outcome.COMMITTED:
        raise SystemExit(store.problem)
    await admin.execute("VACUUM ANALYZE")
    pid = await admin.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'twinrail writer' AND datname = current_database()"
    )
    print("  batch    a second  us here  us there  ms a commit  bytes of WAL")
    for size in SIZES:
        lines = []
        for _ in range(ROUNDS):
            batches = [traffic.authorizations(size) for _ in range(AUTHORIZATIONS // size // (1 if size > 1 else 20))]
            number = size * len(batches)
            wal = await admin.fetchval("SELECT pg_current_wal_insert_lsn()")
            here, there, began = time.process_time(), processor_s(pid), time.perf_counter()
            for batch in batches:
                if await store.commit(batch) is not Outcome.COMMITTED:
                    raise SystemExit(store.problem)
            took = time.perf_counter() - began
            here, there = time.process_time() - here, processor_s(pid) - there
            written = await admin.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", wal)
            lines.append((number / took, here / number, there / number, took / len(batches), int(written) / number))
        best = max(lines)
        us = [1e6 * value for value in best[1:3]]
        print(f"  {size:5} {best[0]:11,.0f} {us[0]:8.1f} {us[1]:9.1f} {best[3] * 1e3:12.2f} {best[4]:13.0f}")
    await admin.close()
    await store.close()


def in_memory() -> None:
    """Print what the in-memory twin takes for the same."""
    tables = MemoryTables()
    traffic = Traffic(0, tables.claim(0).epoch)
    tables.commit(traffic.opening())
    batches = [traffic.authorizations(200) for _ in range(200)]
    began = time.perf_counter()
    for batch in batches:
        tables.commit(batch)
    print(f"  in memory: {(time.perf_counter() - began) / 40_000 * 1e6:.1f} us an authorization")


async def restart(dsn: str) -> None:
    """Print the seconds to load a million accounts and a hundred thousand open authorizations."""
    store = PostgresStore(dsn, connect_timeout_s=10)
    await store.open()
    admin = await asyncpg.connect(dsn)
    partition = 0
    if not await admin.fetchval("SELECT count(*) FROM account WHERE partition = 0"):
        await admin.execute(
            "INSERT INTO account SELECT 0, 'B' || lpad(i::text, 11, '0'), i % 256, 'customer', '978', 'open', 0,"
            " CASE WHEN i <= 100000 THEN 1000 ELSE 0 END, 0, md5(i::text), '1234', 0, 0"
            " FROM generate_series(1, 1000000) i"
        )
        await admin.execute(
            "INSERT INTO card SELECT 0, md5(i::text), 'B' || lpad(i::text, 11, '0'), '3012', '1234', 'active', 0, ''"
            " FROM generate_series(1, 1000000) i"
        )
        await admin.execute(
            "INSERT INTO card_authorization SELECT 0, i, 'B' || lpad(i::text, 11, '0'), md5(i::text), '978', 1000,"
            " 1000, 0, 0, 1, 0, i, -i, 0 FROM generate_series(1, 100000) i"
        )
        await admin.execute("VACUUM ANALYZE")
    await store.claim(partition)
    began = time.perf_counter()
    loaded = await store.load(partition, recent=100_000, recent_since=0, now_wall=NOW)
    took = time.perf_counter() - began
    sizes = ", ".join(f"{len(rows):,} of {table}" for table, rows in loaded.rows.items() if rows)
    print(f"  loaded {sizes}: {took:.2f} s")
    await admin.close()
    await store.close()


def main(folder: Path) -> None:
    """Measure everything."""
    with EmbeddedPostgres(folder) as server:
        asyncio.run(migrate(server.dsn()))
        uvloop.run(commits(server.dsn()))
        in_memory()
        uvloop.run(restart(server.dsn()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as fresh:
            main(Path(fresh))
