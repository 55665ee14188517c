"""The smallest issuer that speaks a card profile: it answers what a function says, for trying out clients."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.profiles import CARD_1987, LinkProfile

HEARD_MAX = 100_000  # requests that are kept
Decide = Callable[[Message], Sequence[Message | bytes]]


def approve(request: Message) -> Sequence[Message | bytes]:
    """Answer a request with 00, echoing what the 1987 profile says; nothing else is answered."""
    mti = response_to(request.mti)
    if mti is None:
        return ()
    echo = CARD_1987.echo[mti]
    return (Message(mti, {**{n: value for n, value in request.elements.items() if n in echo}, 39: "00"}),)


class _Link(asyncio.Protocol):
    def __init__(self, responder: "Responder") -> None:
        self._responder = responder
        profile = responder.profile
        self._codec = codec_for(profile.dialect)
        self._framer = Framer(profile.framing, profile.frame_bytes_max)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._responder.links.append(self)

    def data_received(self, data: bytes) -> None:
        responder = self._responder
        try:
            requests = [self._codec.decode(payload) for payload in self._framer.receive(data)]
        except DecodeError:
            self.close()
            return
        for request in requests:
            if len(responder.heard) < HEARD_MAX:
                responder.heard.append(request)
                responder.news.set()
            for reply in responder.decide(request):
                payload = reply if isinstance(reply, bytes) else self._codec.encode(reply)
                if self.transport is not None:
                    self.transport.write(frame(responder.profile.framing, payload))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Responder:
    """A listening issuer; `heard` holds what it was asked. Make one with `responding`."""

    def __init__(self, decide: Decide, profile: LinkProfile) -> None:
        self.decide = decide
        self.profile = profile
        self.port = 0
        self.heard: list[Message] = []
        self.links: list[_Link] = []
        self.news = asyncio.Event()

    async def until_heard(self, count: int) -> None:
        """Wait until so many requests have come."""
        while len(self.heard) < count:
            self.news.clear()
            await self.news.wait()

    def cut(self) -> None:
        """Close every link."""
        for link in self.links:
            link.close()


@asynccontextmanager
async def responding(decide: Decide = approve, profile: LinkProfile = CARD_1987) -> AsyncIterator[Responder]:
    """Listen on a free port of the loopback address for as long as the block runs.

    `decide` gives what a request is answered: messages, or bytes that are sent as they are in a frame.
    """
    responder = Responder(decide, profile)
    server = await asyncio.get_running_loop().create_server(lambda: _Link(responder), "127.0.0.1", 0)
    responder.port = server.sockets[0].getsockname()[1]
    try:
        yield responder
    finally:
        server.close()
        responder.cut()
        await server.wait_closed()
