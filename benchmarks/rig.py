"""What the server benchmarks stand on: a durable PostgreSQL, an engine as a process of its own, cards, and load.

Everything is started here and stopped here, on the loopback, with data under a temporary folder.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from twinrail.codecs.card import Tokens
from twinrail.engine.store.embedded import EmbeddedPostgres
from twinrail.engine.store.migrate import migrate
from twinrail.schemas.instructions import Command, OpenAccount, OpenCard
from twinrail.simulators import clearing_house

CARDS = 10_000
KEY = bytes(range(32))
IBANS = 100
START_S = 60.0
LIMIT = 10**14  # minor units of credit: funds never run out


def pan(number: int) -> str:
    """Give a test card number of the range 999999, with its check digit."""
    body = f"999999{number:09d}"
    total = sum(sum(divmod(int(digit) * (2 - index % 2), 10)) for index, digit in enumerate(body))
    return body + str(-total % 10)


def commands(cards: int) -> Iterator[Command]:
    """Give the commands that open the accounts and cards of a benchmark; the first accounts have IBANs."""
    tokens = Tokens(KEY)
    for number in range(cards):
        iban = clearing_house.account(number) if number < IBANS else ""
        yield OpenAccount(
            command=f"account-{number}",
            account=f"A{number}",
            currency="978",
            credit_limit=LIMIT,
            iban=tokens.iban(iban) if iban else "",
            iban_last4=iban[-4:],
        )
        own = pan(number)
        yield OpenCard(
            command=f"card-{number}", card=tokens.pan(own), account=f"A{number}", expiry="4912", last4=own[-4:]
        )


def write_cards(folder: Path, cards: int) -> Path:
    """Write the file of PAN,YYMM lines that the load generator reads."""
    path = folder / "cards.csv"
    path.write_text("".join(f"{pan(number)},4912\n" for number in range(cards)), encoding="ascii")
    return path


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Give a temporary folder that the database's own user can reach too."""
    with tempfile.TemporaryDirectory(prefix="twinrail-bench-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def postgres(where: Path) -> Iterator[EmbeddedPostgres]:
    """Run a PostgreSQL with the durable settings that the product ships."""
    with EmbeddedPostgres(where / "pg", durable=True) as server:
        asyncio.run(migrate(server.dsn()))
        yield server


def seed(dsn: str, cards: int = CARDS) -> None:
    """Ask for the accounts and cards; the engine opens them when it runs."""

    async def put() -> None:
        connection = await asyncpg.connect(dsn)
        rows = [
            (0, command.command, str(command.__struct_config__.tag), msgspec.json.encode(command).decode(), "benchmark")
            for command in commands(cards)
        ]
        await connection.copy_records_to_table(
            "command", records=rows, columns=["partition", "id", "kind", "body", "requested_by"]
        )
        await connection.close()

    asyncio.run(put())


async def _pending(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    count = await connection.fetchval("SELECT count(*) FROM command WHERE status = 'pending'")
    await connection.close()
    return int(count)


class EngineProcess:
    """An engine as `twinrail serve` runs it, on free ports."""

    def __init__(self, where: Path, dsn: str) -> None:
        self.state = where / "state"
        self.files = where / "files"
        key = where / "token.key"
        key.write_bytes(KEY)
        key.chmod(0o600)
        config = where / "twinrail.toml"
        config.write_text(
            f"""
state_dir = "{self.state}"
token_key_file = "{key}"
[store]
command_poll_s = 0.2
[log]
level = "warning"
[[links]]
name = "card"
profile = "card-1987"
port = 0
connections_max = 64
[[links]]
name = "instant"
profile = "sct-inst"
port = 0
connections_max = 64
[files]
inbox = "{self.files}/inbox"
poll_s = 0.05
"""
        )
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "twinrail", "serve", "--config", str(config)],
            env=os.environ | {"TWINRAIL_DATABASE_URL": dsn},
        )

    def status(self) -> dict[str, Any]:
        """Give what the engine last said of itself; empty while it has said nothing."""
        try:
            found: dict[str, Any] = json.loads((self.state / "status.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if found.get("pid") == self.process.pid else {}

    def ready(self) -> dict[str, Any]:
        """Wait until the engine is ready and give its status; RuntimeError if it ends or takes too long."""
        ends = time.monotonic() + START_S
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise RuntimeError(f"the engine ended with {self.process.returncode}")
            status = self.status()
            if status.get("ready"):
                return status
            time.sleep(0.002)
        raise RuntimeError("the engine did not get ready")

    def port(self, link: str) -> int:
        """Give the port of a link."""
        return int(self.ready()["links"][link]["port"])

    def stop(self) -> None:
        """End the engine as an operator would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


@contextlib.contextmanager
def engine(where: Path, dsn: str, *, seeded: bool = True) -> Iterator[EngineProcess]:
    """Run an engine whose cards are all open."""
    process = EngineProcess(where, dsn)
    try:
        process.ready()
        while seeded and asyncio.run(_pending(dsn)):
            time.sleep(0.05)
        yield process
    finally:
        process.stop()


def load(port: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Run the load generator in a process of its own and give its summary."""
    done = subprocess.run(
        [sys.executable, "-m", "twinrail.simulators.load", "--port", str(port), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary
