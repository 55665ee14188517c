"""Prove what is promised with real processes: kill the engine or PostgreSQL under load, then hold the books to it.

A PostgreSQL with durable settings and an engine run as processes of their own; card load comes over several links from
a generator that keeps every acknowledged approval in memory. One of the two is killed (SIGKILL) at a random moment,
started again, and so on. After each recovery what had no answer is asked again, and some of what had one. In the end
the auditor folds the journal out of the database and looks for what was acknowledged: nothing may be lost, nothing
booked twice, balances are the fold, and repeats were answered alike. This shows that crashes are survived; what a
power failure does to a disk that lies it does not show.
"""

import asyncio
import contextlib
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

import twinrail
from twinrail.codecs.card import CardRules, Tokens
from twinrail.engine.store.commands import await_command, put_command
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.engine.store.migrate import migrate
from twinrail.schemas.instructions import Command, OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.profiles import CARD_1987
from twinrail.simulators.auditor import Books
from twinrail.simulators.proof_load import AMOUNT, EURO, RECOVERY_MAX_S, Answered, Load, ProofError

CARDS = 40
TARGETS = ("engine", "postgres")
_TABLES = {"account": "account", "card": "card", "authorization": "card_authorization", "obligation": "obligation"}


class Engine:
    """The engine as a process."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.port = _free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        key = folder / "token.key"
        self.tokens = Tokens(secret := secrets.token_bytes(32))
        _write_private(key, secret.hex())
        url = folder / "database.url"
        _write_private(url, dsn)
        self._config = folder / "twinrail.toml"
        self._config.write_text(
            f"state_dir = {json.dumps(str(folder / 'state'))}\n"
            f"token_key_file = {json.dumps(str(key))}\ndatabase_url_file = {json.dumps(str(url))}\n\n"
            f'[[links]]\nname = "proof"\nprofile = "{CARD_1987.name}"\nport = {self.port}\n',
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start the process."""
        place = str(Path(twinrail.__file__).resolve().parents[1])
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINRAIL_")}
        with (self._folder / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "twinrail", "serve", "--config", str(self._config)],
                env=environment | {"PYTHONPATH": place},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """Kill the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """Stop the process in order and give its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@dataclass(slots=True)
class Proof:
    """What came out."""

    target: str
    kills: int = 0
    seed: int = 0
    approved: int = 0
    declined: int = 0
    refused: int = 0
    without_decision: int = 0
    repeats: int = 0
    entries: int = 0
    exit_code: int = 0
    recovery_s: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Say whether everything promised was kept."""
        return not self.findings and self.approved > 0 and self.exit_code == 0

    def to_dict(self) -> dict[str, object]:
        """Give the proof for machines."""
        recovery = sorted(self.recovery_s)
        return {
            "name": f"prove.kill.{self.target}",
            "holds": self.holds,
            "kills": self.kills,
            "acknowledged": self.approved,
            "declined": self.declined,
            "refused": self.refused,
            "without_decision": self.without_decision,
            "repeats": self.repeats,
            "entries": self.entries,
            "engine_exit": self.exit_code,
            "recovery_s_p50": round(recovery[len(recovery) // 2], 3) if recovery else None,
            "recovery_s_max": round(recovery[-1], 3) if recovery else None,
            "findings": self.findings,
            "seed": self.seed,
            "command": f"twinrail prove kill -n {self.kills} --target {self.target}",
        }


def kill(*, n: int, target: str, as_json: bool, seed: int | None = None) -> int:
    """Kill the target `n` times under load, audit the database, print what came out; 0 if every promise was kept."""
    seed = secrets.randbits(32) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="twinrail-proof-"))
    folder.chmod(0o711)  # as root the server runs as another user, who must get in
    try:
        proof = asyncio.run(_prove(folder, n=n, target=target, seed=seed))
    except BaseException:
        print(f"kept for a look: {folder}", file=sys.stderr)
        raise
    if as_json:
        print(json.dumps(proof.to_dict()))
    else:
        _show(proof)
    if proof.holds:
        _remove(folder)
    else:
        (folder / "proof.json").write_text(json.dumps(proof.to_dict(), indent=1), encoding="utf-8")
        print(f"kept for a look: {folder}", file=sys.stderr)
    return 0 if proof.holds else 1


async def _prove(folder: Path, *, n: int, target: str, seed: int) -> Proof:
    proof = Proof(target, seed=seed)
    rng = random.Random(seed)  # noqa: S311 - moments of killing, not secrets
    server = EmbeddedPostgres(folder / "pg", port=_free_port())
    await asyncio.to_thread(server.start)
    try:
        dsn = server.dsn()
        await migrate(dsn)
        engine = Engine(folder, dsn)
        engine.start()
        try:
            answered = Answered([f"4000{number:012d}" for number in range(CARDS)], datetime.now(UTC))
            await _furnish(dsn, engine.tokens, answered.cards)
            await _kill_again_and_again(n, (server, engine), answered, proof, rng)
        finally:
            proof.exit_code = await asyncio.to_thread(engine.stop)
        await _audit(dsn, engine.tokens, answered, proof)
    finally:
        await asyncio.to_thread(server.stop)
    return proof


async def _kill_again_and_again(
    n: int, victims: tuple[EmbeddedPostgres, Engine], answered: Answered, proof: Proof, rng: random.Random
) -> None:
    server, engine = victims
    load = Load(engine.port, answered)
    load.start()
    try:
        await load.approvals(100)
        for _ in range(n):
            await asyncio.sleep(rng.uniform(0.05, 0.6))
            if proof.target == "engine":
                engine.kill()
                began = time.monotonic()
                engine.start()
            else:
                await asyncio.to_thread(server.kill)
                began = time.monotonic()
                await asyncio.to_thread(server.start)
            proof.kills += 1
            await load.approvals(1)
            proof.recovery_s.append(time.monotonic() - began)
            answered.after_recovery(rng)
            await load.approvals(100)
        answered.after_recovery(rng)
        await load.approvals(200)
    finally:
        await load.stop()


async def _furnish(dsn: str, tokens: Tokens, cards: Sequence[str]) -> None:
    """Open accounts and cards and fund them through the running engine: every fourth is soon without funds."""
    commands: list[Command] = []
    for number, pan in enumerate(cards):
        account, poor = f"P{number:03d}", number % 4 == 0
        commands += [
            OpenAccount(command=f"a{number}", account=account, currency=EURO),
            OpenCard(command=f"c{number}", card=tokens.pan(pan), account=account, expiry="3512", last4=pan[-4:]),
            Transfer(
                command=f"t{number}", debit="suspense-EUR", credit=account, amount=AMOUNT * (50 if poor else 10**8),
                currency=EURO,
            ),
        ]  # fmt: skip
    for command in commands:
        await put_command(dsn, 0, command, "proof")
    for command in commands:
        outcome = await await_command(dsn, 0, command.command, timeout_s=RECOVERY_MAX_S)
        if outcome.status != "done":
            raise ProofError(f"the engine did not carry out a command: {outcome.status} {outcome.result}")


async def _audit(dsn: str, tokens: Tokens, answered: Answered, proof: Proof) -> None:
    """Fold the journal out of the database and hold it against its rows and against what was acknowledged."""
    books = Books()
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            async for row in connection.cursor("SELECT body FROM journal WHERE partition = 0 ORDER BY seq"):
                books.fold_body(row["body"])
        for table, name in _TABLES.items():
            books.check_rows(table, [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")])  # noqa: S608 - names of our own
        await _check_postings(connection, books)
    finally:
        await connection.close()
    books.check_totals()
    rules = CardRules(CARD_1987, tokens)
    for number, approval_code in answered.approved.items():
        instruction = rules.to_instruction(answered.message(number))
        if instruction is not None:
            books.check_approval(instruction.key, approval_code)
    proof.approved, proof.declined = len(answered.approved), len(answered.declined)
    proof.refused, proof.without_decision = answered.refused, len(answered.unknown)
    proof.repeats, proof.entries = answered.repeats, books.seq
    proof.findings += [f"{finding.invariant}: {finding.text}" for finding in books.findings]
    if answered.differing:
        proof.findings.append(f"I5: {answered.differing} repeats were answered otherwise than their original")
    if proof.kills and not answered.repeats:
        proof.findings.append("vacuous: no repeat was answered")


async def _check_postings(connection: Any, books: Books) -> None:
    """Hold the rows of table posting against the fold."""
    for row in await connection.fetch("SELECT account, sum(amount)::bigint AS posted FROM posting GROUP BY account"):
        if books.accounts.get(row["account"], {}).get("posted") != row["posted"]:
            books.findings.add("I9", f"account {row['account']}: its posting rows are not the fold")
    if await connection.fetchval("SELECT count(*) FROM posting") != books.postings:
        books.findings.add("I9", "posting rows that no entry made, or too few")


def _show(proof: Proof) -> None:
    facts = proof.to_dict()
    print(f"{'kept' if proof.holds else 'BROKEN'}: {proof.kills} kills of {proof.target} under load")
    for name in ("acknowledged", "declined", "refused", "without_decision", "repeats", "entries", "engine_exit"):
        print(f"  {name.replace('_', ' '):16} {facts[name]:>10}")
    print(f"  {'recovery':16} p50 {facts['recovery_s_p50']} s, max {facts['recovery_s_max']} s")
    for finding in proof.findings[:20]:
        print(f"  {finding}")
    print(f"  seed {proof.seed}: {facts['command']}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - only at the very end

    with contextlib.suppress(OSError):
        shutil.rmtree(folder)
