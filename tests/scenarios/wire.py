"""The world of real sockets: a switch behind its pump and TCP listeners, over any store."""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import replace

from tests.scenarios.gate import Gate
from tests.scenarios.rig import TOKENS, Mode

from twinrail.assembly import flows
from twinrail.codecs.framing import Framer
from twinrail.engine.bounds import Bounds
from twinrail.engine.store.contract import AccountRow, Store
from twinrail.engine.switch import Switch
from twinrail.engine.transports.listen import Listener, Network
from twinrail.engine.transports.pump import Patience, Pump
from twinrail.schemas.instructions import Command
from twinrail.schemas.iso8583.profiles import LinkProfile

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"),)
PATIENCE_S = 20.0  # how long an answer may take on a busy machine before a test fails


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event, and must not grow one for tests
            await asyncio.sleep(0)


class Peer:
    """The far side of one TCP link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, profile: LinkProfile) -> None:
        self.reader = reader
        self.writer = writer
        self._framer = Framer(profile.frame, 1 << 20)
        self._payloads: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, profile: LinkProfile) -> "Peer":
        """Connect to a listener."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, profile)

    async def hear(self) -> bytes | None:
        """Take the next payload; None at the end of the link."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._payloads:
                data = await self._read()
                if not data:
                    return None
                self._payloads.extend(self._framer.receive(data))
        return self._payloads.pop(0)

    async def ended(self) -> bool:
        """Wait for the end of the link; False where something else comes first."""
        async with asyncio.timeout(PATIENCE_S):
            return not self._payloads and not await self._read()

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65536)
        except ConnectionError:  # aborted: an end as well
            return b""

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Wire:
    """An engine on this machine's loopback; close it with `close`."""

    def __init__(self, store: Store, *, bounds: Bounds | None = None) -> None:
        self.gate = Gate(store)
        self.listeners: dict[str, Listener] = {}
        self.peers: dict[str, Peer] = {}
        self.pump: Pump
        self._bounds = bounds
        self._running: asyncio.Task[None]

    async def start(self) -> None:
        """Own the partition and run."""
        await self.gate.claim(0)
        loaded = await self.gate.load(0, recent=1000, recent_since=0, now_wall=time.time_ns())
        switch = Switch(flows=flows(), tokens=TOKENS, bounds=self._bounds)
        switch.restore(loaded)
        self.pump = Pump(switch, self.gate, patience=Patience(command_poll_s=60.0))
        self._running = asyncio.create_task(self.pump.run())

    async def listen(
        self,
        name: str,
        profile: LinkProfile,
        *,
        allow: tuple[Network, ...] = LOOPBACK,
        connections_max: int = 10,
    ) -> Listener:
        """Open a listener on a free port."""
        listener = Listener(name, profile, "127.0.0.1", 0, allow, connections_max)
        await listener.open(self.pump)
        self.listeners[name] = listener
        return listener

    async def kill(self) -> None:
        """Stop without a word: links break, nothing is finished."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        for listener in self.listeners.values():
            listener.stop_listening()
            for link in list(listener.connections):
                link.shut("killed")
        for peer in self.peers.values():
            await peer.close()
        await until(lambda: not any(listener.connections for listener in self.listeners.values()))
        if self.pump._timer is not None:
            self.pump._timer.cancel()
        self.listeners.clear()
        self.peers.clear()

    async def close(self) -> None:
        """End the test's engine and its store."""
        await self.kill()
        await self.gate.close()

    # World

    async def open(self, name: str, profile: LinkProfile) -> None:
        """Open a link; its deadline is long, since here time is real."""
        patient = replace(profile, deadline_s=60.0)
        listener = await self.listen(name, patient)
        self.peers[name] = await Peer.connect(listener.port, patient)

    async def send(self, name: str, data: bytes) -> None:
        """Send bytes on a link."""
        self.peers[name].writer.write(data)

    async def hear(self, name: str) -> bytes | None:
        """Take the next payload of a link."""
        return await self.peers[name].hear()

    async def is_closed(self, name: str) -> bool:
        """Say whether the engine closes the link."""
        return await self.peers[name].ended()

    async def vanish(self, name: str) -> None:
        """Close a link from the peer's side."""
        await self.peers[name].close()
        await until(lambda: not self.listeners[name].connections)

    async def order(self, command: Command) -> None:
        """Have an operator's command carried out."""
        async with asyncio.timeout(PATIENCE_S):
            entry = await self.pump.submit(command)
        assert entry.answer is not None
        assert entry.answer.reason == "accepted", entry.effects

    async def account(self, account: str) -> AccountRow:
        """Read an account as it stands in memory, once everything is settled."""
        if self.gate.mode is Mode.FINE:
            await until(lambda: self.pump.switch.idle)
        row = self.pump.switch.state.ledger.accounts[account]
        return AccountRow(*(getattr(row, name) for name in AccountRow._fields))

    async def pass_time(self, nanoseconds: int) -> None:
        """Refuse: real time is not a test's to let pass."""
        raise NotImplementedError(f"{nanoseconds} ns on a real clock")

    async def store(self, mode: Mode) -> None:
        """Change how the store behaves."""
        self.gate.set(mode)

    async def restart(self) -> None:
        """Kill the engine and start another one."""
        await self.kill()
        self.gate.set(Mode.FINE)
        await self.start()

    async def drain(self) -> None:
        """Stop taking requests."""
        self.pump.switch.drain(time.monotonic_ns())
        self.pump.touch()
