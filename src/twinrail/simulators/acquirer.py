"""An acquirer: the other end of a card link, which asks and waits for answers.

A request waits under its key (the MTI of its answer, DE11 and the profile's key elements). An answer belongs to the
oldest waiting request that it does not contradict: an element that either side lacks contradicts nothing, since a
format error answer echoes only what could be read. Answers after the time limit, second answers and answers that fit
nothing are kept and counted apart, because most "timeouts" are unmatched answers.

A link may also be one that the issuer has dialled: what the issuer asks (sign-on, echoes, its own reversals and
advices) is dealt with as a script says.
"""

import asyncio
import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, cast

from twinrail.codecs.iso8583 import Message
from twinrail.errors import TwinrailError
from twinrail.schemas.iso8583.mti import is_repeat, response_to
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction, SignOn
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel, Heard
from twinrail.simulators.script import Act, Script, Step

PENDING_MAX = 20_000  # requests of one link that wait for an answer
REMEMBERED_MAX = 20_000  # requests that were answered or given up, for telling late and second answers
KEPT_MAX = 1_000  # answers that fit nothing, kept for the report
ASKED_MAX = 100_000  # messages of the issuer that are kept
_GARBAGE = b"\x00no message\x00"


class LinkError(TwinrailError):
    """A link that cannot be used: refused, closed, full, or a key already waiting; the text says which."""


class Reply(NamedTuple):
    """An answer: the message, and when it came in monotonic nanoseconds."""

    message: Message
    received_ns: int


@dataclass(slots=True, eq=False)
class Pending:
    """A request on its way. `answer` resolves to its reply, or to None at its time limit or when the link is gone.

    `late` resolves to an answer that comes after the limit, `seconds` counts further ones. `rejected` is the code of a
    header that sent the request back, which ends the wait. Times are monotonic nanoseconds.
    """

    request: Message
    answer: asyncio.Future[Reply | None]
    late: asyncio.Future[Reply]
    sent_ns: int
    seconds: int = 0
    rejected: str = ""
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Unmatched(NamedTuple):
    """An answer that fits no request: the nearest one that waited under its MTI and STAN, and where they differ."""

    message: Message
    differs: tuple[int, ...]  # elements; () where nothing waits under its MTI and STAN


class Exchange(NamedTuple):
    """One request with its answer: `reply` is None where none came in time, and `latency_s` is then the wait.

    `rejected` is the code of the header that sent the request back instead.
    """

    request: Message
    reply: Message | None
    latency_s: float
    rejected: str = ""


class Asked(NamedTuple):
    """Something that the issuer asked of us, and what was done with it."""

    what: str  # as a script names it
    message: Message
    step: Step


class AcquirerLink(asyncio.Protocol):
    """One TCP link of a profile, used from its own event loop only; make one with `connect`."""

    def __init__(
        self,
        profile: LinkProfile,
        script: Script | None = None,
        on_asked: Callable[[Asked], None] | None = None,
    ) -> None:
        self.profile = profile
        self.script = script or Script(profile)
        self.channel = Channel(profile)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked: list[Asked] = []
        self.news = asyncio.Event()  # set whenever the issuer asks something
        self.unmatched: deque[Unmatched] = deque(maxlen=KEPT_MAX)
        self.unmatched_count = self.late_count = self.second_count = self.unparsed_count = self.rejected_count = 0
        self.signed_on = False
        self._on_asked = on_asked
        self._signed_on_by_issuer = asyncio.Event()
        self._contrasts = {
            digit: tuple(dict.fromkeys((*profile.match.get(digit, profile.match.get("", ())), *profile.key_elements)))
            for digit in "0123456789"
        }
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
        key = self._key(response_to(request.mti) or "", request)
        waiting = self._waiting.setdefault(key, [])
        if not is_repeat(request.mti) and any(not self._differs(other, request) for other in waiting):
            raise LinkError("a request with the same key waits for its answer")
        data = self.channel.write(request)
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
        latency_s = (ended_ns - pending.sent_ns) / 1e9
        return Exchange(request, reply.message if reply else None, latency_s, pending.rejected)

    async def sign_on(self, *, timeout_s: float = 5.0) -> bool:
        """Sign on and say whether the issuer accepted; where the sign-on is the issuer's part, wait for it."""
        if self.profile.sign_on is SignOn.OURS:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._signed_on_by_issuer.wait()
            except TimeoutError:
                return False
        else:
            self.signed_on = await self._network(NetworkFunction.SIGN_ON, timeout_s)
        return self.signed_on

    async def sign_off(self, *, timeout_s: float = 5.0) -> bool:
        """Sign off and say whether the issuer accepted."""
        accepted = await self._network(NetworkFunction.SIGN_OFF, timeout_s)
        self.signed_on = self.signed_on and not accepted
        return accepted

    async def echo(self, *, timeout_s: float = 5.0) -> bool:
        """Ask for an echo and say whether it came."""
        return await self._network(NetworkFunction.ECHO, timeout_s)

    async def until_asked(self, count: int) -> None:
        """Wait until the issuer has asked so many things."""
        while len(self.asked) < count:
            self.news.clear()
            await self.news.wait()

    async def close(self) -> None:
        """Close the link and wait until it is gone."""
        if self._transport is not None:
            self._transport.close()
            await self.lost

    def network_request(self, code: str) -> Message:
        """Give a network management message with the code of what it asks for."""
        return transactions.network_message(self.profile, code, stan=next(self._stans), at=datetime.now(UTC))

    async def _network(self, function: NetworkFunction, timeout_s: float) -> bool:
        code = self.profile.code_of(function)
        if not code:
            raise LinkError(f"{self.profile.name} has no code for {function}")
        answer = await self.exchange(self.network_request(code), timeout_s=timeout_s)
        return transactions.accepts(self.profile, answer.reply)

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
        for heard in self.channel.receive(data):
            self._heard(heard, received_ns)
        if self.channel.is_lost and self._transport is not None:
            self.unparsed_count += 1
            self._transport.close()

    def _heard(self, heard: Heard, received_ns: int) -> None:
        message = heard.message
        if heard.reject is not None:
            self._rejected(message, heard.reject.code)
        elif message is None:
            self.unparsed_count += 1
        elif response_to(message.mti) is not None:
            self._asked(heard, message)
        else:
            self._answered(message, received_ns)

    def _rejected(self, message: Message | None, code: str) -> None:
        """Take a message of ours that came back: nothing answers it any more."""
        self.rejected_count += 1
        if message is None:
            return
        key = self._key(response_to(message.mti) or "", message)
        for pending in self._waiting.get(key, ()):
            if not self._differs(pending, message):
                pending.rejected = code or "rejected"
                self._forget(key, pending)
                _resolve(pending, None)
                return

    # What the issuer asks

    def _asked(self, heard: Heard, message: Message) -> None:
        """Do what the script says; what no issuer asks of a network is none of ours."""
        if message.mti[1] not in "468":
            self.unparsed_count += 1
            return
        name, step = self.script.name(message), self.script.step(message)
        asked = Asked(name, message, step)
        if len(self.asked) < ASKED_MAX:
            self.asked.append(asked)
        self.news.set()
        if self._on_asked is not None:
            self._on_asked(asked)
        if step.act is Act.LATE:
            asyncio.get_running_loop().call_later(step.seconds, self._do, step, heard, message)
        else:
            self._do(step, heard, message)

    def _do(self, step: Step, heard: Heard, message: Message) -> None:
        profile, channel, transport = self.profile, self.channel, self._transport
        if transport is None or self.is_closed or step.act is Act.SILENT:
            return
        if step.act is Act.CLOSE:
            transport.close()
            return
        if step.act is Act.GARBAGE:
            transport.write(channel.frame(_GARBAGE))
            return
        if step.act is Act.REJECT:
            transport.write(channel.refuse(heard, step.value))
            return
        answer = transactions.answer(profile, message, step.value if step.act is Act.REFUSE else "")
        if answer is None:
            return
        if step.act is Act.WRONG_STAN:
            at = profile.places
            wrong = (int(str(message.elements.get(at.stan, "0"))) + 500_000) % 1_000_000
            answer.elements[at.stan] = f"{wrong:0{at.stan_length}d}"
        elif step.act is not Act.REFUSE:
            self._agreed(message)
        transport.write(channel.write(answer, heard) * (2 if step.act is Act.TWICE else 1))

    def _agreed(self, message: Message) -> None:
        """Follow what we accept of the issuer."""
        match transactions.function_of(self.profile, message):
            case NetworkFunction.SIGN_ON:
                self.signed_on = True
                self._signed_on_by_issuer.set()
            case NetworkFunction.SIGN_OFF:
                self.signed_on = False
                self._signed_on_by_issuer.clear()

    def _answered(self, message: Message, received_ns: int) -> None:
        key = self._key(message.mti, message)
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
            for number in self._contrasts[message.mti[1:2]]
            if _contradicts(pending.request.elements, message.elements, number)
        )

    def _key(self, mti: str, message: Message) -> tuple[str, object]:
        at = self.profile.places
        return mti, str(message.elements.get(at.stan, "")).zfill(at.stan_length)

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


def _contradicts(mine: Mapping[int, str | bytes], theirs: Mapping[int, str | bytes], number: int) -> bool:
    """Say whether both have an element with different values; what fills it up on the wire is no difference."""
    left, right = mine.get(number), theirs.get(number)
    if left is None or right is None or left == right:
        return False
    if isinstance(left, bytes) or isinstance(right, bytes):
        return True
    return left.strip(" ").lstrip("0") != right.strip(" ").lstrip("0")


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
