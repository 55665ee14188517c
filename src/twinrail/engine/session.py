"""Sessions: what one link says and hears, between its bytes and the switch's instructions.

A session frames, decodes, answers sign-on, echo and sign-off, answers bad messages with what could be read of them, and
hands the rest on. It is fed bytes and never calls out: what leaves goes through `Ports`, which the switch implements.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from twinrail.codecs import sepa
from twinrail.codecs.card import CardRules
from twinrail.codecs.framing import Framer, framed
from twinrail.codecs.iso8583 import Message
from twinrail.errors import DecodeError, SchemaError
from twinrail.schemas.instructions import Instruction
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.schemas.journal import Answer, Entry
from twinrail.schemas.reasons import Reason

_NS = 1_000_000_000
_REQUESTS = (bytes, Message)  # as what a card link keeps a request until its answer
BAD_FRAMES_MAX = 16  # unreadable frames in a row after which a link is closed

# DE70 (ISO 8583:1987) -> what it asks of the link. 001/002/301/201 are common, 061/062/270 and 071/072 are seen on
# particular networks (facts of the field, network functions).
NETWORK_FUNCTIONS: dict[str, str] = {
    "001": "sign_on",
    "061": "sign_on",
    "071": "sign_on",
    "002": "sign_off",
    "062": "sign_off",
    "072": "sign_off",
    "301": "echo",
    "270": "echo",
    "201": "cutover",
}


class Request(msgspec.Struct, gc=False):
    """An instruction on its way, with what its answer will need; the message leaves memory with the answer.

    Only its session leads back to it, and that goes with the answer too: the collector need not look at the thousands
    that are under way.
    """

    session: "Session | None"
    message: object
    instruction: Instruction
    arrived: int  # monotonic ns
    deadline: int = 0  # monotonic ns; 0 for an instruction that waits as long as it takes
    ticket: int = 0
    answered: bool = False
    entry: Entry | None = None


class Tap(Protocol):
    """Something that listens to a link, a recorder for one; it sees frames as they are and must sanitise them."""

    def opened(self, link: int, profile_name: str, t_ns: int) -> None:
        """Note that a link opened."""

    def frame(self, link: int, direction: str, payload: bytes, t_ns: int) -> None:
        """Note a frame; direction is "in" or "out"."""

    def closed(self, link: int, t_ns: int) -> None:
        """Note that a link closed."""


class Ports(Protocol):
    """What a session may do to the outside."""

    draining: bool

    def wall(self, now: int) -> int:
        """Give the wall time of a monotonic instant, ns since 1970."""

    def accept(self, request: Request) -> None:
        """Take a request for decision."""

    def send(self, link: int, data: bytes) -> None:
        """Send framed bytes on a link."""

    def close(self, link: int, why: str) -> None:
        """Close a link; `why` is constant text."""

    def count(self, what: str) -> None:
        """Count an event by its constant name."""


class Session:
    """What every link has: framing, timers, and how many of its requests are unsettled."""

    def __init__(self, link: int, profile: LinkProfile, ports: Ports, *, tap: Tap | None, now: int) -> None:
        self.link = link
        self.profile = profile
        self.budget_ns = int(profile.deadline_s * _NS)
        self.in_flight_max = profile.in_flight_max
        self.in_flight = 0
        self.signed_on = not profile.sign_on_required
        self.open = True
        self.heard_at = now
        self.partial_since = 0
        self._idle_ns = int(profile.idle_timeout_s * _NS)
        self._partial_ns = int(profile.frame_timeout_s * _NS)
        self._framer = Framer(profile.framing, profile.frame_bytes_max)
        self._framed = framed(profile.framing)
        self._ports = ports
        self._tap = tap
        self._bad_frames = 0
        if tap is not None:
            tap.opened(link, profile.name, now)

    def receive(self, data: bytes, now: int) -> None:
        """Take bytes as they came; every complete frame among them is dealt with before this returns."""
        self.heard_at = now
        framer = self._framer
        payloads = framer.receive(data)
        tap, take = self._tap, self._on_payload
        for payload in payloads:
            if not self.open:
                return
            if tap is not None:
                tap.frame(self.link, "in", payload, now)
            take(payload, now)
        if framer.error is not None and self.open:
            self._ports.count("framing_lost")
            self.close(
                f"framing lost: {framer.error.problem}" + (f", {framer.error.hint}" if framer.error.hint else "")
            )
        elif not framer.partial:
            self.partial_since = 0
        elif payloads or not self.partial_since:
            self.partial_since = now  # of the frame that is incomplete now: under load there always is one

    def wake(self, now: int, *, held: bool = False) -> None:
        """Close the link if its peer fell silent, or stopped in the middle of a frame.

        While reading is `held` by our own order the silence is ours: the peer's time starts anew.
        """
        if held:
            self.heard_at = now
            self.partial_since = now if self.partial_since else 0
        elif now - self.heard_at > self._idle_ns:
            self.close("idle too long")
        elif self.partial_since and now - self.partial_since > self._partial_ns:
            self.close("frame not completed in time")

    def close(self, why: str) -> None:
        """Close the link from our side."""
        if self.open:
            self.open = False
            self._ports.close(self.link, why)

    def closed(self, now: int) -> None:
        """Note that the link is gone."""
        self.open = False
        if self._tap is not None:
            self._tap.closed(self.link, now)

    def drain(self, now: int) -> None:
        """Tell the peer that we stop."""

    def answer(self, request: Request, answer: Answer, now: int) -> None:
        """Send the answer to a request of this link."""
        raise NotImplementedError  # a Session as such speaks no protocol

    def _on_payload(self, payload: bytes, now: int) -> None:
        raise NotImplementedError  # likewise

    def _send(self, payload: bytes, now: int) -> None:
        if self.open:
            self._ports.send(self.link, self._framed(payload))
            if self._tap is not None:
                self._tap.frame(self.link, "out", payload, now)

    def _unreadable(self) -> None:
        """Count a frame that cannot even be answered; too many in a row close the link."""
        self._ports.count("unreadable")
        self._bad_frames += 1
        if self._bad_frames >= BAD_FRAMES_MAX:
            self.close("too many unreadable frames")


class CardSession(Session):
    """A card link: ISO 8583 in the profile's dialect."""

    def __init__(self, link: int, rules: CardRules, ports: Ports, *, tap: Tap | None, now: int) -> None:
        super().__init__(link, rules.profile, ports, tap=tap, now=now)
        self._rules = rules
        self._codec = rules.codec
        self._read = rules.read
        self._next_stan = 0

    def answer(self, request: Request, answer: Answer, now: int) -> None:
        """Write and send the answer; it leaves the request's elements behind."""
        message = request.message
        if self.open and isinstance(message, _REQUESTS):
            self._send(self._rules.answer(message, answer), now)

    def drain(self, now: int) -> None:
        """Send a sign-off (0800, DE70 002) if the peer is signed on."""
        if self.signed_on and self.profile.sign_on_required:
            self.signed_on = False
            self._next_stan += 1
            sent_at = datetime.fromtimestamp(self._ports.wall(now) // _NS, UTC).strftime("%m%d%H%M%S")
            elements: dict[int, str | bytes] = {7: sent_at, 11: f"{self._next_stan:06d}", 70: "002"}
            self._send(self._codec.encode(Message("0800", elements)), now)

    def _on_payload(self, payload: bytes, now: int) -> None:
        quick = self._read(payload)
        if quick is not None:
            self._bad_frames = 0
            self._ports.accept(Request(self, payload, quick, now, now + self.budget_ns))
            return
        try:
            message = self._codec.decode(payload)
            if message.mti[1] == "8":
                self._network(message, now)
                return
            instruction = self._rules.to_instruction(message)
        except DecodeError as error:
            self._malformed(error, now)
            return
        self._bad_frames = 0
        if instruction is None:
            self._not_served(message, now)
            return
        self._ports.accept(Request(self, message, instruction, now, now + self.budget_ns))

    def _network(self, message: Message, now: int) -> None:
        """Answer sign-on, sign-off, echo and cutover: link state only, so a repeat is answered alike (row G1)."""
        if response_to(message.mti) is None:
            self._ports.count("network_answers")  # the answer to our own sign-off
            self._bad_frames = 0
            return
        for number in self.profile.mandatory.get(original_of(message.mti), ()):
            if number not in message.elements:
                raise DecodeError(
                    "mandatory element missing", path=str(number), offset=0, element=number, partial=message
                )
        self._bad_frames = 0
        function = NETWORK_FUNCTIONS.get(str(message.elements.get(70, "")))
        if function is None:
            self._reply(message, Reason.INVALID_TRANSACTION, now)
            return
        if function == "sign_on" and self._ports.draining:
            self._reply(message, Reason.SIGNED_OFF, now)
            return
        if function == "sign_on":
            self.signed_on = True
        elif function == "sign_off":
            self.signed_on = not self.profile.sign_on_required
        self._ports.count(function)
        self._reply(message, Reason.ACCEPTED, now)

    def _not_served(self, message: Message, now: int) -> None:
        """Answer a request type that this issuer does not serve; an answer nobody waits for is counted."""
        if response_to(message.mti) is None:
            self._ports.count("unmatched_answers")
        else:
            self._ports.count("not_served")
            self._reply(message, Reason.INVALID_TRANSACTION, now)

    def _malformed(self, error: DecodeError, now: int) -> None:
        """Answer a format error with what was read, as long as the MTI and the STAN are known (row C7)."""
        self._ports.count("malformed")
        partial = error.partial
        if not isinstance(partial, Message) or 11 not in partial.elements or response_to(partial.mti) is None:
            self._unreadable()
            return
        self._reply(partial, Reason.FORMAT_ERROR, now)

    def _reply(self, request: Message, reason: Reason, now: int) -> None:
        self._send(self._codec.encode(self._rules.to_response(request, Answer(reason=reason))), now)


class InstantSession(Session):
    """An instant-payment link: one pacs.008 a frame, one pacs.002 back."""

    def __init__(
        self, link: int, profile: LinkProfile, ports: Ports, *, token: Callable[[str], str], tap: Tap | None, now: int
    ) -> None:
        super().__init__(link, profile, ports, tap=tap, now=now)
        self._token = token

    def answer(self, request: Request, answer: Answer, now: int) -> None:
        """Send the status of a credit transfer."""
        at = self._ports.wall(now) if request.entry is None else request.entry.at
        if isinstance(request.message, sepa.StatusContext):
            self._send(sepa.to_status(request.message, Reason(answer.reason), at), now)

    def _on_payload(self, payload: bytes, now: int) -> None:
        try:
            instruction, context = sepa.to_credit_transfer(payload, self._token)
        except SchemaError as error:
            self._ports.count("malformed")
            rejection = sepa.to_rejection(payload, error, self._ports.wall(now))
            if rejection is None:
                self._unreadable()
            else:
                self._send(rejection, now)
            return
        self._bad_frames = 0
        # The SCT Inst clock runs from the originator's time stamp, not from when the message reached us.
        on_its_way = max(0, self._ports.wall(now) - context.accepted_ns) if context.accepted_ns else 0
        self._ports.accept(Request(self, context, instruction, now, now + self.budget_ns - on_its_way))
