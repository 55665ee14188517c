"""What assembly makes ready before anything listens, what it says while it runs, and how it ends."""

import asyncio
import gc
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.engine.transports.authority import Authority, link_settings
from tests.engine.transports.line_rig import CODEC, Network, said, sign_on
from tests.scenarios.gate import Gate
from tests.scenarios.rig import Mode
from tests.scenarios.wire import PATIENCE_S, until

from twinrail import assembly
from twinrail.assembly import EXIT_HALTED, Engine, ready_schemas
from twinrail.catalogue import BUILT_IN
from twinrail.codecs import sepa, xsd
from twinrail.engine.store.memory import MemoryStore, MemoryTables
from twinrail.engine.store.reports import MemoryReports
from twinrail.errors import SettingsError
from twinrail.schemas.instructions import OpenAccount
from twinrail.schemas.iso20022.messages import PACS_008, PAIN_001
from twinrail.settings import FileSettings, LinkSettings, RecordingSettings, Settings
from twinrail.simulators import clearing_house

INSTANT = Settings(links=(LinkSettings(name="instant", profile="sct-inst", port=0),))
CARD = Settings(links=(LinkSettings(name="card", profile="card-1987", port=0),))
FILES = Settings(files=FileSettings.model_validate({"inbox": Path("inbox")}))


def on_a_fresh_thread(job: Callable[[], object]) -> BaseException | None:
    """Run where nothing is compiled yet: schemas are kept by thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(job).exception()


@pytest.mark.parametrize(("settings", "name"), [(INSTANT, PACS_008), (FILES, PAIN_001)])
def test_start_up_fails_on_a_lookalike(settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lookalike = xsd.read(name).replace(b'maxLength value="35"', b'maxLength value="36"')
    monkeypatch.setattr(xsd, "read", lambda _name: lookalike)
    raised = on_a_fresh_thread(lambda: ready_schemas(settings, settings.catalogue()))
    assert isinstance(raised, SettingsError)
    assert name in str(raised)


def test_the_first_instant_payment_finds_everything_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    payment = clearing_house.pacs008(creditor=clearing_house.account(1), debtor=clearing_house.account(2))

    def nothing_is_read(_name: str) -> bytes:
        raise AssertionError

    def first() -> None:
        ready_schemas(INSTANT, BUILT_IN)
        monkeypatch.setattr(xsd, "read", nothing_is_read)
        sepa.to_credit_transfer(payment, lambda iban: iban)

    assert on_a_fresh_thread(first) is None


def test_what_is_not_served_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_is_read(_name: str) -> bytes:
        raise AssertionError

    monkeypatch.setattr(xsd, "read", nothing_is_read)
    assert on_a_fresh_thread(lambda: ready_schemas(CARD, BUILT_IN)) is None
    assert isinstance(on_a_fresh_thread(lambda: ready_schemas(INSTANT, BUILT_IN)), AssertionError)


# Running


class Running:
    """An engine of this process over a store in memory."""

    def __init__(self, folder: Path, links: tuple[LinkSettings, ...] = CARD.links) -> None:
        self.recordings = folder / "recordings"
        self.settings = Settings(
            state_dir=folder,
            links=links,
            recording=RecordingSettings(folder=self.recordings),
        )
        tables = MemoryTables()
        self.store = MemoryStore(tables)
        self.gate = Gate(self.store)
        self.wanted = asyncio.Event()
        self.engine = Engine(self.settings, self.gate, MemoryReports(tables), commands_wanted=self.wanted)
        self.writer: asyncio.StreamWriter | None = None
        self.task: asyncio.Task[int] | None = None

    async def start(self) -> None:
        """Run until the status says ready."""
        self.task = asyncio.create_task(self.engine.run())
        await until(lambda: self.status().get("ready"))

    def status(self) -> dict[str, Any]:
        """Give what the status file says."""
        path = self.settings.status_file
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    async def connect(self) -> None:
        """Open a link and leave it open: that is the first event of a recording."""
        _, self.writer = await asyncio.open_connection("127.0.0.1", self.status()["links"]["card"]["port"])
        (part,) = self.recordings.iterdir()
        await until(lambda: part.read_bytes().count(b"\n") > 1)

    async def ended(self) -> int:
        """Wait for the end; gives the exit code."""
        assert self.task is not None
        async with asyncio.timeout(PATIENCE_S):
            return await self.task

    async def stop(self) -> int:
        """Send the signal that stops an engine; gives its exit code."""
        os.kill(os.getpid(), signal.SIGTERM)
        return await self.ended()

    async def close(self) -> None:
        """Leave nothing open, which otherwise the end of the process sees to."""
        if self.task is not None and not self.task.done():
            self.gate.set(Mode.FINE)
            await self.stop()
        if self.writer is not None:
            self.writer.close()
            await self.writer.wait_closed()
        for listener in self.engine._links.listeners:
            await until(lambda: not listener.connections)  # noqa: B023 - awaited within the turn


@pytest.fixture
def memory_as_before() -> Iterator[None]:
    """Take back what an engine does to this process's garbage collector."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
async def running(tmp_path: Path, memory_as_before: None) -> AsyncIterator[Running]:  # noqa: ARG001 - for its end
    running = Running(tmp_path)
    yield running
    await running.close()


def _spoil(path: Path) -> None:
    """Leave a recording that nobody can read, as a damaged disk does."""
    os.truncate(path, 10)


def _block(path: Path) -> None:
    """Let the last step fail in the file system."""
    (path.with_suffix("") / "x").mkdir(parents=True)


@pytest.mark.parametrize(
    ("damage", "said"), [(_spoil, "recording not kept"), (_block, "recording not finished")], ids=["spoil", "block"]
)
@pytest.mark.parametrize("halts", [False, True])
async def test_a_recording_that_cannot_be_finished_changes_nothing_about_the_end(
    running: Running,
    damage: Callable[[Path], None],
    said: str,
    caplog: pytest.LogCaptureFixture,
    *,
    halts: bool,
) -> None:
    await running.start()
    await running.connect()
    (part,) = running.recordings.iterdir()
    damage(part)
    if halts:
        await running.store.claim(0)  # another owner
        await running.store.put_command(0, OpenAccount(command="1", account="A", currency="978"), "me")
        running.wanted.set()
        code = await running.ended()
    else:
        code = await running.stop()
    assert code == (EXIT_HALTED if halts else 0)
    (record,) = (record for record in caplog.records if record.message == said)
    assert record.levelname == "ERROR"
    assert str(running.recordings) not in record.__dict__["why"]
    assert ("halted" in caplog.messages) is halts
    assert running.status()["ready"] is False


async def test_a_start_that_fails_leaves_no_recording_and_the_partition_to_its_owner(running: Running) -> None:
    owned = await running.store.look_up(0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        running.engine._links.listeners[0].port = other.getsockname()[1]
        with pytest.raises(SettingsError, match="cannot listen"):
            await running.engine.run()
    assert list(running.recordings.iterdir()) == []
    assert await running.store.look_up(0) == owned


async def test_a_dialled_network_is_signed_off_from_before_its_link_is_closed(
    tmp_path: Path,
    memory_as_before: None,  # noqa: ARG001 - for its end
) -> None:
    network = Network()
    await network.listen()
    running = Running(tmp_path, (link_settings(name="visa", connect=(f"127.0.0.1:{network.port}",)),))
    await running.start()
    peer = await network.next()
    peer.writer.write(sign_on())
    while await said(peer) != ("0810", 0, "00"):
        pass  # what the engine has to say of itself comes between
    stopping = asyncio.create_task(running.stop())
    last = b""
    while (payload := await peer.hear()) is not None:
        last = payload
    farewell = CODEC.decode(last)
    assert (farewell.mti, farewell.elements[70]) == ("0800", "002")
    await peer.close()
    assert await stopping == 0
    await network.close()
    assert network.accepted.empty()  # it was not dialled again


async def test_certificates_are_read_again_at_the_signal_and_only_where_there_are_any(
    tmp_path: Path,
    memory_as_before: None,  # noqa: ARG001 - for its end
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    own = Authority(tmp_path).issue("own", "issuer.test")
    tls = {"certificate": own.certificate, "key": own.key, "verify_peer": False}
    running = Running(tmp_path, (link_settings(tls=tls),))
    await running.start()
    assert 360 < running.status()["links"]["card"]["certificate_days"] < 366
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: "certificates read again" in caplog.messages)
    assert await running.stop() == 0


@pytest.mark.parametrize("trouble", [Mode.AWAY, Mode.HELD])
async def test_the_status_says_at_once_that_the_store_is_away_and_that_it_is_back(
    running: Running, trouble: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "STATUS_EVERY_S", 3600.0)  # by the clock alone it would never be said
    await running.start()
    assert running.status()["store"] == "ok"
    running.gate.set(trouble)
    await running.store.put_command(0, OpenAccount(command="1", account="A", currency="978"), "me")
    running.wanted.set()
    await until(lambda: running.status()["store"] == "away")
    assert running.status()["ready"] is False
    running.gate.set(Mode.FINE)
    await until(lambda: running.status()["ready"])
    assert running.status()["store"] == "ok"
