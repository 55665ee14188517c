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
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

import twinrail
from twinrail.codecs.card import CardRules, Tokens
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.store.commands import await_command, put_command
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.engine.store.migrate import migrate
from twinrail.errors import TwinrailError
from twinrail.schemas.instructions import Command, OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.profiles import CARD_1987
from twinrail.simulators.auditor import Books

LINKS, IN_FLIGHT = 4, 40  # connections, and requests under way on each
CARDS = 40
AMOUNT = 100  # minor units a request
ASKED_AGAIN = 40  # answered requests that are repeated after each recovery
ANSWERED_MAX = 5_000_000  # requests of one proof; beyond it no new ones are sent
RECOVERY_MAX_S = 60.0
EURO = "978"
TARGETS = ("engine", "postgres")
_TABLES = {"account": "account", "card": "card", "authorization": "card_authorization", "obligation": "obligation"}


class ProofError(TwinrailError):
    """The proof could not be carried out: something did not start or did not recover; the text says what."""


@dataclass(slots=True)
class Answered:
    """What the load was told, by the number of the request."""

    cards: Sequence[str]
    started: datetime
    approved: dict[int, str] = field(default_factory=dict)  # number -> approval code
    declined: dict[int, str] = field(default_factory=dict)  # number -> DE39, other than 91
    unknown: set[int] = field(default_factory=set)  # asked, and no answer or 91 so far
    again: deque[int] = field(default_factory=deque)  # to be asked as repeats
    next_number: int = 1
    refused: int = 0
    repeats: int = 0
    differing: int = 0  # repeats that were answered otherwise than their original

    def message(self, number: int, *, repeat: bool = False) -> Message:
        """Give the request of a number; the same number is always the same request."""
        stamp = self.started.strftime("%m%d%H%M%S")
        return Message(
            "0101" if repeat else "0100",
            {
                2: self.cards[number % len(self.cards)], 3: "000000", 4: f"{AMOUNT:012d}", 7: stamp,
                11: f"{number % 1_000_000:06d}", 12: stamp[4:], 13: stamp[:4], 18: "5411", 22: "051", 32: "400001",
                37: f"{number:012d}", 41: "PROOF001", 42: "TWINRAIL PROOF ", 49: EURO,
            },
        )  # fmt: skip

    def take(self, answer: Message, number: int) -> None:
        """Take the answer of a number."""
        code, approval_code = str(answer.elements.get(39)), str(answer.elements.get(38, ""))
        known = self.approved.get(number), self.declined.get(number)
        if code == "91":
            self.refused += 1
            return
        self.unknown.discard(number)
        if known != (None, None):
            self.repeats += 1
            same = known[0] == approval_code if code == "00" else known[1] == code
            self.differing += not same
        elif code == "00":
            self.approved[number] = approval_code
        else:
            self.declined[number] = code

    def after_recovery(self, rng: random.Random) -> None:
        """Plan what is asked again: everything without an answer, and some of what had one."""
        self.again.extend(sorted(self.unknown))
        known = [*self.approved, *self.declined]
        self.again.extend(rng.sample(known, min(ASKED_AGAIN, len(known))))


class _Link(asyncio.Protocol):
    """One connection of the load: so many requests under way at any time."""

    def __init__(self, answered: Answered) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self.paused = False
        self._answered = answered
        self._codec = codec_for(CARD_1987.dialect)
        self._framer = Framer(CARD_1987.framing, CARD_1987.frame_bytes_max)
        self._waiting: dict[int, int] = {}  # number -> how often
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sign on."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what connect promises; for the type checker
        self._transport = transport
        self._write(Message("0800", {7: self._answered.started.strftime("%m%d%H%M%S"), 11: "000001", 70: "001"}))

    def connection_lost(self, _error: Exception | None) -> None:
        """Keep in mind what is without an answer."""
        self._answered.unknown.update(number for number in self._waiting if number not in self._answered.approved)
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take answers and ask the next."""
        for payload in self._framer.receive(data):
            message = self._codec.decode(payload)
            if message.mti == "0110":
                self._take(message)
            elif message.mti == "0810" and message.elements.get(39) == "00":
                self.fill()

    def _take(self, message: Message) -> None:
        number = int(message.elements[37])
        count = self._waiting.pop(number, 0)
        if count > 1:
            self._waiting[number] = count - 1
        self._answered.take(message, number)
        if message.elements.get(39) == "91":
            if number not in self._answered.approved and number not in self._answered.declined:
                self._answered.unknown.add(number)
            asyncio.get_running_loop().call_later(0.01, self.fill)  # so that refusals do not become a flood
        else:
            self.fill()

    def fill(self) -> None:
        """Ask as much as may be under way."""
        answered = self._answered
        while self._transport is not None and len(self._waiting) < IN_FLIGHT and not self.paused:
            repeat = bool(answered.again)
            number = answered.again.popleft() if repeat else answered.next_number
            if not repeat:
                if number > ANSWERED_MAX:
                    return
                answered.next_number += 1
            self._waiting[number] = self._waiting.get(number, 0) + 1
            self._write(answered.message(number, repeat=repeat))

    @property
    def in_flight(self) -> int:
        """Give the number of requests that wait for an answer."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Say whether nothing waits for an answer."""
        return not self._waiting or self._transport is None

    def _write(self, message: Message) -> None:
        if self._transport is not None:
            self._transport.write(frame(CARD_1987.framing, self._codec.encode(message)))

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()


class Load:
    """Card load on several links that are opened again whenever they are lost."""

    def __init__(self, port: int, answered: Answered) -> None:
        self._port = port
        self._answered = answered
        self._links: list[_Link] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    def start(self) -> None:
        """Open the links."""
        self._tasks = [asyncio.create_task(self._keep()) for _ in range(LINKS)]

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopped:
            try:
                _, link = await loop.create_connection(lambda: _Link(self._answered), "127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            self._links.append(link)
            await link.lost
            self._links.remove(link)

    async def stop(self) -> None:
        """Ask nothing new, wait for what is under way, and close."""
        self._stopped = True
        for link in self._links:
            link.paused = True
        for _ in range(500):
            if all(link.idle for link in self._links):
                break
            await asyncio.sleep(0.02)
        for link in list(self._links):
            link.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def approvals(self, more: int) -> None:
        """Wait until so many more approvals have come."""
        wanted = len(self._answered.approved) + more
        until = time.monotonic() + RECOVERY_MAX_S
        while len(self._answered.approved) < wanted:
            if time.monotonic() > until:
                waiting = [link.in_flight for link in self._links]
                raise ProofError(
                    f"no approvals came within a minute: {waiting} requests under way by link, {len(self._answered.again)}"
                    " to be asked again; see engine.log of the kept folder"
                )
            await asyncio.sleep(0.005)


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
