"""The load of a proof: card requests on several links by a generator that forgets nothing it was told.

The same number is always the same request, so that it can be asked again after a crash, and found in the books.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import TwinrailError
from twinrail.schemas.iso8583.profiles import CARD_1987

LINKS, IN_FLIGHT = 4, 40  # connections, and requests under way on each
AMOUNT = 100  # minor units a request
ASKED_AGAIN = 40  # answered requests that are repeated after each recovery
ANSWERED_MAX = 5_000_000  # requests of one proof; beyond it no new ones are sent
RECOVERY_MAX_S = 60.0
EURO = "978"


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
        """Plan what is asked again: some of what had an answer, then everything without one, which may be thousands."""
        known = [*self.approved, *self.declined]
        self.again.extend(sorted(self.unknown.difference(self.again)))
        self.again.extendleft(rng.sample(known, min(ASKED_AGAIN, len(known))))


class _Link(asyncio.Protocol):
    """One connection of the load: so many requests under way at any time."""

    def __init__(self, answered: Answered) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self.paused = False
        self._answered = answered
        self._codec = codec_for(CARD_1987.dialect)
        self._framer = Framer(CARD_1987.frame, CARD_1987.frame_bytes_max)
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
            self._transport.write(frame(CARD_1987.frame, self._codec.encode(message)))

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
                waiting = sum(link.in_flight for link in self._links)
                raise ProofError(
                    f"no approvals came within a minute: {waiting} requests are under way,"
                    f" {len(self._answered.again)} are to be asked again; see engine.log of the kept folder"
                )
            await asyncio.sleep(0.005)
