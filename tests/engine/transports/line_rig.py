"""An engine on the loopback with its links, for tests of what is at both ends of a socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from tests.scenarios.rig import TOKENS
from tests.scenarios.wire import LOOPBACK, Peer, Wire

from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.bounds import Bounds
from twinrail.engine.store.memory import MemoryStore
from twinrail.engine.transports.listen import Listener
from twinrail.schemas.instructions import OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import CARD_1987, LinkProfile

PAN = "4111111111111111"
CODEC = codec_for("iso1987-ascii")
PATIENT = replace(CARD_1987, name="patient", deadline_s=60.0)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Wire]:
    """Run an engine with one card and much money behind it."""
    wire = Wire(MemoryStore(), bounds=Bounds(unsettled=500, unsettled_hard=600))
    await wire.start()
    await wire.order(OpenAccount(command="1", account="A", currency="978"))
    await wire.order(Transfer(command="2", debit="suspense-EUR", credit="A", amount=10**9, currency="978"))
    await wire.order(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="9912", last4=PAN[-4:]))
    try:
        yield wire
    finally:
        await wire.close()


async def listen(wire: Wire, name: str, profile: LinkProfile = PATIENT, **changes: Any) -> Listener:
    """Open a listener on a free port."""
    bounds: dict[str, Any] = {"allow": LOOPBACK, "connections_max": 10}
    listener = Listener(name=name, profile=profile, host="127.0.0.1", port=0, **bounds | changes)
    await listener.open(wire.pump)
    wire.listeners[name] = listener
    return listener


def _network(code: str, stan: int) -> bytes:
    elements: dict[int, str | bytes] = {7: "0101000000", 11: f"{stan:06d}", 70: code}
    return frame(BINARY2, CODEC.encode(Message("0800", elements)))


def echo(stan: int = 1) -> bytes:
    """Give a framed echo."""
    return _network("301", stan)


def sign_on() -> bytes:
    """Give a framed sign-on."""
    return _network("001", 0)


def ask(stan: int) -> bytes:
    """Give a framed authorization of one cent."""
    elements: dict[int, str | bytes] = {
        2: PAN,
        3: "000000",
        4: f"{1:012d}",
        7: "0101000000",
        11: f"{stan:06d}",
        37: f"{stan:012d}",
        49: "978",
    }
    return frame(BINARY2, CODEC.encode(Message("0100", elements)))


async def connected(wire: Wire, listener: Listener) -> Peer:
    """Connect a peer, who hangs up when the engine goes."""
    peer = await Peer.connect(listener.port, listener.profile)
    wire.peers[str(len(wire.peers))] = peer
    return peer


async def said(peer: Peer) -> tuple[str, int, str]:
    """Give MTI, STAN and response code of the next answer."""
    payload = await peer.hear()
    assert payload is not None
    message = CODEC.decode(payload)
    return message.mti, int(message.elements[11]), str(message.elements[39])


async def lives(peer: Peer) -> None:
    """See that an echo is answered."""
    peer.writer.write(echo(7))
    assert await said(peer) == ("0810", 7, "00")


class Network:
    """A network that listens, for links that are dialled; its connections come out of `accepted`."""

    def __init__(self, *, ssl: Any = None) -> None:
        self.accepted: asyncio.Queue[Peer] = asyncio.Queue()
        self.port = 0
        self._ssl = ssl
        self._server: asyncio.Server | None = None
        self._peers: list[Peer] = []

    async def listen(self, port: int = 0) -> None:
        """Listen on a port, a free one where it is 0."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port, ssl=self._ssl)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, PATIENT)
        self._peers.append(peer)
        self.accepted.put_nowait(peer)

    async def next(self) -> Peer:
        """Wait for the next connection."""
        async with asyncio.timeout(20):
            return await self.accepted.get()

    async def close(self) -> None:
        """Stop listening and hang up everywhere."""
        if self._server is not None:
            self._server.close()
        for peer in self._peers:
            await peer.close()
