"""An acquirer: the other end of a card link, which asks and waits for answers.

A request waits under its key (the MTI of its answer, DE11 and the profile's key elements). An answer belongs to the
oldest waiting request that it does not contradict: an element that either side lacks contradicts nothing, since a
format error answer echoes only what could be read. Answers after the time limit, second answers and answers that fit
nothing are kept and counted apart, because most "timeouts" are unmatched answers.
"""

import asyncio
import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, cast

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import DecodeError, TwinrailError
from twinrail.schemas.iso8583.mti import is_repeat, response_to
from twinrail.schemas.iso8583.profiles import LinkProfile

PENDING_MAX = 20_000  # requests of one link that wait for an answer
REMEMBERED_MAX = 20_000  # requests that were answered or given up, for telling late and second answers
KEPT_MAX = 1_000  # answers that fit nothing, kept for the report
APPROVED = "00"
_SIGN_ON, _SIGN_OFF, _ECHO = "001", "002", "301"  # DE70, ISO 8583:1987


class LinkError(TwinrailError):
    """A link that cannot be used: refused, closed, full, or a key already waiting; the text says which."""


class Reply(NamedTuple):
    """An answer: the message, and when it came in monotonic nanoseconds."""

    message: Message
    received_ns: int


@dataclass(slots=True, eq=False)
class Pending:
    """A request on its way. `answer` resolves to its reply, or to None at its time limit or when the link is gone.

    `late` resolves to an answer that comes after the limit, `seconds` counts further ones. Times are monotonic
    nanoseconds.
    """

    request: Message
    answer: asyncio.Future[Reply | None]
    late: asyncio.Future[Reply]
    sent_ns: int
    seconds: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Unmatched(NamedTuple):
    """An answer that fits no request: the nearest one that waited under its MTI and STAN, and where they differ."""

    message: Message
    differs: tuple[int, ...]  # elements; () where nothing waits under its MTI and STAN


class Exchange(NamedTuple):
    """One request with its answer: `reply` is None where none came in time, and `latency_s` is then the wait."""

    request: Message
    reply: Message | None
    latency_s: float


class AcquirerLink(asyncio.Protocol):
    """One TCP link of a profile, used from its own event loop only; make one with `connect`."""

    def __init__(self, profile: LinkProfile) -> None:
        self.profile = profile
        self.codec = codec_for(profile.dialect)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.unmatched: deque[Unmatched] = deque(maxlen=KEPT_MAX)
        self.unmatched_count = self.late_count = self.second_count = self.unparsed_count = 0
        self.signed_on = False
        self._framer = Framer(profile.framing, profile.frame_bytes_max)
        self._waiting: dict[tuple[str, object], list[Pending]] = {}
        self._waiting_count = 0
        self._past: OrderedDict[tuple[str, object], list[Pending]] = OrderedDict()
        self._transport: asyncio.Transport | None = None
        self._stans = itertools.count(1)

    @classmethod
    async def connect(cls, host: str, port: int, profile: LinkProfile, *, timeout_s: float = 5.0) -> "AcquirerLink":
        """Open a link; OSError or TimeoutError where nobody listens."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            _, link = await loop.create_connection(lambda: cls(profile), host, port)
        return link

    @property
    def is_closed(self) -> bool:
        """Say whether the link is gone."""
        return self.lost.done()

    @property
    def in_flight(self) -> int:
        """Give the number of requests that wait for an answer."""
        return self._waiting_count

    def send(self, request: Message, *, timeout_s: float) -> Pending:
        """Send a request and give what its answer will resolve.

        LinkError where the link is closed, PENDING_MAX requests wait, or the same key waits and this is no repeat.
        """
        transport = self._transport
        if transport is None or self.is_closed or transport.is_closing():
            raise LinkError("the link is closed")
        if self._waiting_count >= PENDING_MAX:
            raise LinkError(f"{PENDING_MAX} requests wait for their answers")
        key = (response_to(request.mti) or "", request.elements.get(11))
        waiting = self._waiting.setdefault(key, [])
        if not is_repeat(request.mti) and any(not self._differs(other, request) for other in waiting):
            raise LinkError("a request with the same key waits for its answer")
        data = frame(self.profile.framing, self.codec.encode(request))
        loop = asyncio.get_running_loop()
        pending = Pending(request, loop.create_future(), loop.create_future(), time.monotonic_ns())
        waiting.append(pending)
        self._waiting_count += 1
        pending.timer = loop.call_later(timeout_s, self._give_up, key, pending)
        transport.write(data)
        return pending

    async def exchange(self, request: Message, *, timeout_s: float) -> Exchange:
        """Send a request and wait for its answer or its time limit."""
        pending = self.send(request, timeout_s=timeout_s)
        reply = await pending.answer
        ended_ns = reply.received_ns if reply else time.monotonic_ns()
        return Exchange(request, reply.message if reply else None, (ended_ns - pending.sent_ns) / 1e9)

    async def sign_on(self, *, timeout_s: float = 5.0) -> bool:
        """Sign on and say whether the issuer accepted."""
        self.signed_on = await self._network(_SIGN_ON, timeout_s)
        return self.signed_on

    async def sign_off(self, *, timeout_s: float = 5.0) -> bool:
        """Sign off and say whether the issuer accepted."""
        accepted = await self._network(_SIGN_OFF, timeout_s)
        self.signed_on = self.signed_on and not accepted
        return accepted

    async def echo(self, *, timeout_s: float = 5.0) -> bool:
        """Ask for an echo and say whether it came."""
        return await self._network(_ECHO, timeout_s)

    async def close(self) -> None:
        """Close the link and wait until it is gone."""
        if self._transport is not None:
            self._transport.close()
            await self.lost

    def network_request(self, function: str) -> Message:
        """Give an 0800 with a network function (DE70) of three digits."""
        now = datetime.now(UTC)
        stan = f"{next(self._stans) % 1_000_000:06d}"
        return Message("0800", {7: now.strftime("%m%d%H%M%S"), 11: stan, 70: function})

    async def _network(self, function: str, timeout_s: float) -> bool:
        answer = await self.exchange(self.network_request(function), timeout_s=timeout_s)
        return answer.reply is not None and answer.reply.elements.get(39) == APPROVED

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Resolve everything that waits: nothing more will come."""
        if not self.lost.done():
            self.lost.set_result(None)
        self.signed_on = False
        for waiting in self._waiting.values():
            for pending in waiting:
                _resolve(pending, None)
        self._waiting.clear()
        self._waiting_count = 0

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        received_ns = time.monotonic_ns()
        for payload in self._framer.receive(data):
            self._frame(payload, received_ns)
        if self._framer.error is not None and self._transport is not None:
            self.unparsed_count += 1
            self._transport.close()

    def _frame(self, payload: bytes, received_ns: int) -> None:
        try:
            message = self.codec.decode(payload)
        except DecodeError:
            self.unparsed_count += 1
            return
        answer_mti = response_to(message.mti)
        if answer_mti is not None:
            self._asked(message, answer_mti)
        else:
            self._answered(message, received_ns)

    def _asked(self, message: Message, answer_mti: str) -> None:
        """Answer what the issuer asks of us: network messages, with acceptance."""
        if message.mti[1] != "8" or self._transport is None:
            self.unparsed_count += 1
            return
        echoed = {number: value for number, value in message.elements.items() if number in {7, 11, 70}}
        reply = Message(answer_mti, {**echoed, 39: APPROVED})
        self._transport.write(frame(self.profile.framing, self.codec.encode(reply)))

    def _answered(self, message: Message, received_ns: int) -> None:
        key = (message.mti, message.elements.get(11))
        reply = Reply(message, received_ns)
        waiting = self._waiting.get(key, ())
        for pending in waiting:
            if not self._differs(pending, message):
                self._forget(key, pending)
                _resolve(pending, reply)
                return
        for pending in reversed(self._past.get(key, ())):
            if not self._differs(pending, message):
                self._after_the_end(pending, reply)
                return
        self.unmatched_count += 1
        nearest = min((self._differs(pending, message) for pending in waiting), key=len, default=())
        self.unmatched.append(Unmatched(message, nearest))

    def _after_the_end(self, pending: Pending, reply: Reply) -> None:
        if pending.answer.result() is None and not pending.late.done():
            pending.late.set_result(reply)
            self.late_count += 1
        else:
            pending.seconds += 1
            self.second_count += 1

    def _differs(self, pending: Pending, message: Message) -> tuple[int, ...]:
        """Give the key elements that both have with different values."""
        return tuple(
            number
            for number in self.profile.key_elements
            if _contradicts(pending.request.elements, message.elements, number)
        )

    def _give_up(self, key: tuple[str, object], pending: Pending) -> None:
        if pending in self._waiting.get(key, ()):
            self._forget(key, pending)
            _resolve(pending, None)

    def _forget(self, key: tuple[str, object], pending: Pending) -> None:
        """Move a request from those that wait to those remembered."""
        waiting = self._waiting[key]
        waiting.remove(pending)
        if not waiting:
            del self._waiting[key]
        self._waiting_count -= 1
        self._past.setdefault(key, []).append(pending)
        if len(self._past) > REMEMBERED_MAX:
            self._past.popitem(last=False)


def _contradicts(mine: Mapping[int, object], theirs: Mapping[int, object], number: int) -> bool:
    left, right = mine.get(number), theirs.get(number)
    return left is not None and right is not None and left != right


def _resolve(pending: Pending, reply: Reply | None) -> None:
    if pending.timer is not None:
        pending.timer.cancel()
    if not pending.answer.done():
        pending.answer.set_result(reply)


async def exchange(host: str, port: int, profile: LinkProfile, message: Message, *, timeout_s: float = 5.0) -> Exchange:
    """Open a link, sign on where the profile asks for it, exchange one message and close.

    OSError or TimeoutError where nobody listens, LinkError where the sign-on is not accepted, EncodeError where the
    message does not fit the dialect.
    """
    link = await AcquirerLink.connect(host, port, profile, timeout_s=timeout_s)
    try:
        is_network = message.mti[1:2] == "8"
        if profile.sign_on_required and not is_network and not await link.sign_on(timeout_s=timeout_s):
            raise LinkError("the sign-on was not accepted")
        return await link.exchange(message, timeout_s=timeout_s)
    finally:
        await link.close()
