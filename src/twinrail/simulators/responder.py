"""The smallest issuer that speaks a card profile: it answers what a function says, for trying out clients."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.profiles import CARD_1987, LinkProfile, NetworkFunction, SignOn
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel

HEARD_MAX = 100_000  # requests that are kept
Decide = Callable[[Message], Sequence[Message | bytes]]


def approving(profile: LinkProfile) -> Decide:
    """Give what answers every request with approval, echoing what the profile says; nothing else is answered."""

    def decide(request: Message) -> Sequence[Message | bytes]:
        answer = transactions.answer(profile, request)
        return () if answer is None else (answer,)

    return decide


approve = approving(CARD_1987)


class _Link(asyncio.Protocol):
    def __init__(self, responder: "Responder") -> None:
        self._responder = responder
        self._channel = Channel(responder.profile)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        responder = self._responder
        responder.links.append(self)
        profile = responder.profile
        if profile.sign_on_required and profile.sign_on is SignOn.OURS:
            code, now = profile.code_of(NetworkFunction.SIGN_ON), datetime.now(UTC)
            self.transport.write(self._channel.write(transactions.network_message(profile, code, stan=1, at=now)))

    def data_received(self, data: bytes) -> None:
        responder, channel = self._responder, self._channel
        for heard in channel.receive(data):
            if heard.message is None or heard.reject is not None:
                self.close()
                return
            if len(responder.heard) < HEARD_MAX:
                responder.heard.append(heard.message)
                responder.news.set()
            for reply in responder.decide(heard.message):
                framed = channel.frame(reply) if isinstance(reply, bytes) else channel.write(reply, heard)
                if self.transport is not None:
                    self.transport.write(framed)

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
async def responding(decide: Decide | None = None, profile: LinkProfile = CARD_1987) -> AsyncIterator[Responder]:
    """Listen on a free port of the loopback address for as long as the block runs.

    `decide` gives what a request is answered: messages, or bytes that are sent as they are in a frame. Without one
    everything is approved.
    """
    responder = Responder(decide or approving(profile), profile)
    server = await asyncio.get_running_loop().create_server(lambda: _Link(responder), "127.0.0.1", 0)
    responder.port = server.sockets[0].getsockname()[1]
    try:
        yield responder
    finally:
        server.close()
        responder.cut()
        await server.wait_closed()
