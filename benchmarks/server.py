"""The engine as a network meets it: authorizations, instant payments, files and restarts, over real sockets.

The engine, the load generator and PostgreSQL share the machine, which is part of the figures.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import asyncpg
from benchmarks import rig
from benchmarks.rows import Row, row

from twinrail.assembly import BANKING_ZONE
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.simulators import clearing_house

RUNS = 3
SECONDS = 5
WARMUP_S = 2
LINKS = 8
IN_FLIGHT = 256  # requests under way on each link
FILE_TRANSACTIONS = 100_000
RESTART_ACCOUNTS = 1_000_000
ROOT = Path(__file__).resolve().parent.parent

_PGBENCH_TABLES = """
CREATE TABLE bench_journal (id bigserial PRIMARY KEY, account integer NOT NULL, amount bigint NOT NULL, body bytea)
    WITH (autovacuum_enabled = off);
CREATE TABLE bench_account (id integer PRIMARY KEY, balance bigint NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO bench_account SELECT number, 0 FROM generate_series(1, 10000) AS number;
"""
_MANY_ACCOUNTS = f"""
INSERT INTO account SELECT 0, 'R' || n, n % 256, 'customer', '978', 'open', 0, 0, 0, '', '', 0, 0
FROM generate_series(1, {RESTART_ACCOUNTS}) AS n;
INSERT INTO card SELECT 0, md5(n::text), 'R' || n, '4912', '0000', 'active', 0, ''
FROM generate_series(1, {RESTART_ACCOUNTS}) AS n;
ANALYZE account; ANALYZE card;
"""  # noqa: S608 - the number is our own
_PGBENCH_SCRIPT = r"""
\set account random(1, 10000)
BEGIN;
INSERT INTO bench_journal (account, amount, body) VALUES (:account, 1, decode(repeat('00', 300), 'hex'));
UPDATE bench_account SET balance = balance + 1 WHERE id = :account;
END;
"""


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure the rows of these names."""
    if "server.memory.throughput" in names:
        yield _memory()
    if any(name.startswith(("authorize.", "instant.")) for name in names):
        yield from _durable(names)
    if any(name.startswith("sepa.") for name in names):
        yield from _files(names)
    if "restart.seconds" in names:
        yield _restart()


def _memory() -> Row:
    rates = []
    with rig.folder() as where:
        cards = rig.write_cards(where, rig.CARDS)
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.memory_server", str(rig.CARDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            port = int(server.stdout.readline())
            rates = [_closed(port, cards) for _ in range(RUNS)]  # nothing here may be refused
        finally:
            server.communicate()
    return row(
        "server.memory.throughput", rates, unit="authorizations/s", better="higher",
        conditions=f"{rig.CARDS} cards, {LINKS} links, {IN_FLIGHT} in flight each, ASCII 1987, in-memory store",
    )  # fmt: skip


def _closed(port: int, cards: Path) -> float:
    summary = rig.load(port, [
        "--links", str(LINKS), "--in-flight", str(IN_FLIGHT), "--seconds", str(SECONDS),
        "--warmup", str(WARMUP_S), "--cards", str(cards),
    ])  # fmt: skip
    _sound(summary)
    return float(summary["rate"])


def _sound(summary: dict[str, object]) -> None:
    """Refuse a run in which not every request was approved and answered."""
    if summary["unanswered"] or summary["unmatched"] or summary["approved"] != summary["answered"]:
        raise RuntimeError(f"not a sound run: {summary}")


def _durable(names: Sequence[str]) -> Iterator[Row]:
    with rig.folder() as where, rig.postgres(where) as server:
        dsn = server.dsn()
        rig.seed(dsn)
        cards = rig.write_cards(where, rig.CARDS)
        rates: list[float] = []
        peers: list[float] = []
        asyncio.run(_execute(dsn, _PGBENCH_TABLES))
        with rig.engine(where, dsn) as engine:
            port = engine.port("card")
            if any(name.startswith("authorize.") for name in names):
                for _ in range(RUNS):
                    rates.append(_closed(port, cards))
                    if "authorize.throughput" in names:
                        peers.append(_pgbench(server, where))
            if "authorize.throughput" in names:
                yield row(
                    "authorize.throughput", rates, unit="authorizations/s", better="higher",
                    peer="pgbench, insert + update a transaction, 8 clients", peer_values=peers,
                    conditions=f"durable, {rig.CARDS} cards, {LINKS} links, {IN_FLIGHT} in flight each, end to end",
                )  # fmt: skip
    later = [name for name in names if name.startswith("authorize.latency") or name == "instant.latency.p99"]
    if later:
        yield from _latencies(later, statistics.median(rates) / 2 if rates else 0)


def _latencies(names: Sequence[str], rate: float) -> Iterator[Row]:
    """Measure on a new database: the kernel goes on writing back what earlier runs have left, for half a minute."""
    with rig.folder() as where, rig.postgres(where) as server:
        rig.seed(server.dsn())
        cards = rig.write_cards(where, rig.CARDS)
        with rig.engine(where, server.dsn()) as engine:
            if rate:
                yield from _latency(names, engine.port("card"), cards, rate)
            if "instant.latency.p99" in names:
                yield _instant(engine.port("instant"))


def _latency(names: Sequence[str], port: int, cards: Path, rate: float) -> Iterator[Row]:
    figures: dict[str, list[float]] = {"p50": [], "p99": [], "p999": []}
    refused = []
    for _ in range(RUNS):
        summary = rig.load(port, [
            "--links", str(LINKS), "--rate", str(int(rate)), "--seconds", str(2 * SECONDS),
            "--warmup", str(WARMUP_S), "--cards", str(cards),
        ])  # fmt: skip
        refused.append(_shed(summary))
        for name, values in figures.items():
            values.append(float(summary[f"{name}_us"]) / 1000)
    shed = f"; refused with 91 while a commit hung: {sum(refused)}" if any(refused) else ""
    for name, values in figures.items():
        if f"authorize.latency.{name}" in names:
            yield row(
                f"authorize.latency.{name}", values, unit="ms", better="lower",
                conditions=f"open loop at {rate:,.0f}/s, half of our rate, from the intended send; new database{shed}",
            )  # fmt: skip


def _shed(summary: dict[str, Any]) -> int:
    """Give how many requests were refused because the disk kept a commit for over half a second; no other may be."""
    refused = int(summary["declined"].get("91", 0))
    _sound(summary | {"approved": summary["approved"] + refused})
    return refused


def _instant(port: int) -> Row:
    values = []
    for _ in range(RUNS):
        summary = rig.load(port, [
            "--profile", "sct-inst", "--links", "4", "--rate", "500", "--seconds", str(2 * SECONDS),
            "--warmup", str(WARMUP_S), "--creditor", clearing_house.account(1),
        ])  # fmt: skip
        _sound(summary)
        values.append(float(summary["p99_us"]) / 1000)
    return row(
        "instant.latency.p99", values, unit="ms", better="lower",
        conditions="pacs.008 to pacs.002, open loop at 500/s, from the intended send time, durable",
    )  # fmt: skip


async def _execute(dsn: str, script: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(script)
    await connection.close()


def _pgbench(server: EmbeddedPostgres, where: Path) -> float:
    """Give pgbench's transactions a second on the same server."""
    script = where / "pgbench.sql"
    script.write_text(_PGBENCH_SCRIPT)
    done = subprocess.run(
        [str(server.program("pgbench")), "-n", "-c", "8", "-j", "2", "-T", str(SECONDS), "-M", "prepared",
         "-f", str(script), server.dsn()],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


class _Memory:
    """Watches the largest resident set of a process and of its children, while the block runs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.largest = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for pid in (self.pid, *_children(self.pid)):
                with contextlib.suppress(OSError, StopIteration, ValueError):
                    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
                    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
                    self.largest = max(self.largest, int(line.split()[1]))


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _files(names: Sequence[str]) -> Iterator[Row]:
    """Drop files of many transactions; the clock runs from the rename into the inbox to the report in the outbox."""
    rates: list[float] = []
    sizes: list[float] = []
    with rig.folder() as where, rig.postgres(where) as server:
        dsn = server.dsn()
        rig.seed(dsn, rig.IBANS)
        with rig.engine(where, dsn) as engine, _Memory(engine.process.pid) as memory:
            for number in range(RUNS):
                path = where / f"bench-{number}.xml"
                with path.open("wb") as stream:
                    clearing_house.write_pain001(
                        stream,
                        debtor=clearing_house.account(1),
                        transactions=FILE_TRANSACTIONS,
                        execution_date=datetime.now(BANKING_ZONE).date().isoformat(),
                        message_id=f"BENCH-{number}-{os.getpid()}",
                    )
                before = set((engine.files / "outbox").iterdir())
                began = time.monotonic()
                path.rename(engine.files / "inbox" / path.name)
                while not set((engine.files / "outbox").iterdir()) - before:
                    time.sleep(0.01)
                rates.append(FILE_TRANSACTIONS / (time.monotonic() - began))
            sizes.append(memory.largest / 1024)
        booked = asyncio.run(_booked(dsn))
        if booked != RUNS * FILE_TRANSACTIONS:
            raise RuntimeError(f"not a sound run: {booked} transactions booked")
    conditions = f"pain.001 of {FILE_TRANSACTIONS:,} transactions, rename into the inbox to report in the outbox"
    if "sepa.file.throughput" in names:
        yield row("sepa.file.throughput", rates, unit="transactions/s", better="higher", conditions=conditions)
    if "sepa.file.rss" in names:
        yield row(
            "sepa.file.rss", sizes, unit="MiB", better="lower",
            conditions=f"largest resident set of any process of ours; {conditions}",
        )  # fmt: skip


async def _booked(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    count = await connection.fetchval("SELECT count(*) FROM payment WHERE status = 'ACSP'")
    await connection.close()
    return int(count)


def _restart() -> Row:
    """Start an engine over many accounts with a card each; the clock runs from the start of its process to ready."""
    seconds = []
    with rig.folder() as where, rig.postgres(where) as server:
        dsn = server.dsn()
        with rig.engine(where, dsn, seeded=False):
            pass  # creates the partition
        asyncio.run(_execute(dsn, _MANY_ACCOUNTS))
        for _ in range(RUNS):
            with rig.engine(where, dsn, seeded=False) as engine:
                seconds.append(time.monotonic() - engine.started)
    return row(
        "restart.seconds", seconds, unit="s", better="lower",
        conditions=f"process start to ready, {RESTART_ACCOUNTS:,} accounts with a card each",
    )  # fmt: skip
