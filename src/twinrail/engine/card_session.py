"""A card link: ISO 8583 in the profile's dialect, with its header and its MAC where it has them.

Bytes are believed in this order: the frame, the header, the MAC, the message. What a header refuses is a message of
ours and never a request; what has no valid MAC has no effect; what cannot be decoded is answered as far as it was read.
"""

from typing import Protocol

from twinrail.codecs.card import CardRules
from twinrail.codecs.headers import HeaderCodec, Split, header_codec
from twinrail.codecs.iso8583 import Message
from twinrail.engine.management import KeyPort, Management
from twinrail.engine.network import Network
from twinrail.engine.pending import Fate, Own
from twinrail.engine.session import BAD_FRAMES_MAX, NS, Ports, Request, Session, Tap
from twinrail.errors import AuthenticationError, DecodeError, EncodeError
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.profiles import NetworkFunction, UnknownBits
from twinrail.schemas.journal import Answer
from twinrail.schemas.reasons import Reason

FORWARD = "forward"  # the purpose of what we owe a network
_REQUESTS = (bytes, Message)  # as what a card link keeps a request until its answer
_KEY_AWAY = "mac_key_away"


class Verified(Protocol):
    """What the verification of a MAC came to; its text is its name."""

    @property
    def accepted(self) -> bool:
        """Say whether the message may be believed."""


class Authenticates(Protocol):
    """What verifies and signs the messages of a link: `codecs.authentication.Authenticator`."""

    def verify(self, body: bytes, *, header: bytes = b"") -> Verified:
        """Judge a message as it came."""

    def with_room(self, message: Message) -> Message:
        """Give a message with room for its MAC."""

    def sign(self, body: bytes, *, header: bytes = b"") -> bytes:
        """Fill the MAC in."""


class CardSession(Session):
    """Reads requests, writes answers, and speaks for itself where the profile says so."""

    def __init__(
        self,
        link: int,
        rules: CardRules,
        ports: Ports,
        *,
        tap: Tap | None,
        now: int,
        network: Network | None = None,
        authenticator: Authenticates | None = None,
        keys: KeyPort | None = None,
    ) -> None:
        super().__init__(link, rules.profile, ports, tap=tap, now=now)
        profile = rules.profile
        self._rules = rules
        self._codec = rules.codec
        self._read = rules.read
        self._known = frozenset(row.number for row in rules.codec.dialect.elements)
        self._headers: HeaderCodec | None = header_codec(profile.header) if profile.header.size else None
        self._authenticator = authenticator
        self._wrapped = self._headers is not None or authenticator is not None
        self._network = network or Network(profile)
        self._wait_ns = int(profile.answer_within_s * NS)
        self._management = Management(self, self._network, ports, keys)

    # What time and the switch ask for

    def begin(self, now: int) -> None:
        """Sign on, where that is ours to do."""
        if self.profile.mac is not None and self._authenticator is None:
            self._ports.note(self.link, _KEY_AWAY)
            self.close("no MAC key for this link")
            return
        self._management.begin(now)

    def wake(self, now: int, *, held: bool = False) -> None:
        """Do what silence asks for: an echo first, the end of the link at last."""
        super().wake(now, held=held)
        if self.open and not held:
            self._management.wake(now)

    def drain(self, now: int) -> None:
        """Send a sign-off if the peer is signed on."""
        self._management.drain(now)

    def answer(self, request: Request, answer: Answer, now: int) -> None:
        """Write and send the answer; it leaves the request's elements behind."""
        message = request.message
        if not self.open or not isinstance(message, _REQUESTS):
            return
        if self._wrapped:
            self._write(self._rules.response(message, answer), now, header=request.header)
            return
        try:
            payload = self._rules.answer(message, answer)
        except EncodeError:
            self._not_written("")
        else:
            self._send(payload, now)

    def unanswered(self, own: Own, now: int, *, held: bool) -> None:
        """Take it that a request of ours on this link has no answer in time."""
        self._ports.count(f"unanswered_{own.purpose}")
        if self.open:
            self._management.unanswered(own, now, held=held)

    # What comes in

    def _on_payload(self, payload: bytes, now: int) -> None:
        header = b""
        if self._wrapped:
            unwrapped = self._unwrap(payload, now)
            if unwrapped is None:
                return
            header, payload = unwrapped
        quick = self._read(payload)
        if quick is not None:
            self._bad_frames = 0
            self._ports.accept(Request(self, payload, quick, now, now + self.budget_ns, header=header))
            return
        try:
            message = self._codec.decode(payload)
            if response_to(message.mti) is None:
                self._answered(message, now)
                return
            if message.mti[1] == "8":
                self._rules.require_all(message)
                self._bad_frames = 0
                self._management.asked(message, header, now)
                return
            instruction = self._rules.to_instruction(message)
        except DecodeError as error:
            self._malformed(error, header, now)
            return
        self._bad_frames = 0
        if instruction is None:
            self._ports.count("not_served")
            self.reply(message, header, Reason.INVALID_TRANSACTION, now)
            return
        self._ports.accept(Request(self, message, instruction, now, now + self.budget_ns, header=header))

    def _unwrap(self, payload: bytes, now: int) -> tuple[bytes, bytes] | None:
        """Take the header off and verify the MAC; None where that was the end of it."""
        header = b""
        if self._headers is not None:
            try:
                split = self._headers.split(payload)
            except DecodeError:
                self._ports.count("bad_header")
                self._unreadable()
                return None
            if split.reject is not None:
                self._rejected(split)
                return None
            header, payload = split.header, split.body
        if self._authenticator is not None:
            verified = self._authenticator.verify(payload, header=header)
            if not verified.accepted:
                self._unauthentic(str(verified), payload, header, now)
                return None
        return header, payload

    def _rejected(self, split: Split) -> None:
        """Take it that the network could not read a message of ours: it is given up, and what is owed goes out again.

        Nothing is settled by it: a header has no MAC.
        """
        self._ports.count("header_rejects")
        code = "" if split.reject is None else split.reject.code
        message = self._legible(split.body)
        mti = "" if message is None else message.mti
        own = None if message is None else self._network.pending.returned(mti, message.elements)
        if own is not None and own.link == self.link and own.purpose != FORWARD:
            self._management.answered(own, accepted=False)
        self._ports.note(self.link, "header_reject", f"{mti} {code}".strip())

    def _unauthentic(self, outcome: str, body: bytes, header: bytes, now: int) -> None:
        """Refuse a message without a valid MAC, whatever it asks; somebody is told."""
        self._ports.count(outcome)
        self._bad_frames += 1
        if self._bad_frames >= BAD_FRAMES_MAX:
            self.close("too many messages without a valid MAC")
        message = self._legible(body)
        asks = message is not None and response_to(message.mti) is not None
        self._ports.note(self.link, outcome, "" if message is None else message.mti)
        if message is None or not asks:
            return
        answer = self._rules.to_response(message, Answer(reason=Reason.SYSTEM_ERROR))
        if outcome != _KEY_AWAY:
            if not self.profile.mac_failure_code:
                return
            answer.elements[self._rules.places.response_code] = self.profile.mac_failure_code
        self._write(answer, now, header=header)

    def _legible(self, body: bytes) -> Message | None:
        """Give what can be read of a message; None without its type and STAN."""
        try:
            message = self._codec.decode(body)
        except DecodeError as error:
            if not isinstance(error.partial, Message):
                return None
            message = error.partial
        return message if self._rules.places.stan in message.elements else None

    def _malformed(self, error: DecodeError, header: bytes, now: int) -> None:
        """Answer a format error with what was read, as long as the MTI and the STAN are known (row C7)."""
        self._ports.count("malformed")
        partial = error.partial
        if not isinstance(partial, Message) or self._rules.places.stan not in partial.elements:
            self._unreadable()
        elif response_to(partial.mti) is None:
            self._answered(partial, now)  # what is unknown in an answer to us is ignored (IFSF)
        elif error.element and error.element not in self._known and self._unknown_bit(partial, header, now):
            return
        else:
            self._write(self._rules.format_error(partial, error.element), now, header=header)

    def _unknown_bit(self, partial: Message, header: bytes, now: int) -> bool:
        """Do what the profile says of a bit that the dialect does not have; False for an ordinary format error."""
        policy = self.profile.unknown_bits
        self._ports.count("unknown_bits")
        if policy is UnknownBits.DECLINE:
            self.reply(partial, header, Reason.INVALID_TRANSACTION, now)
        elif policy is UnknownBits.CLOSE:
            self.close("bit set for an element that the dialect does not have")
        return policy is not UnknownBits.FORMAT_ERROR

    def _answered(self, message: Message, now: int) -> None:
        """Take an answer: find what it answers, or keep that nothing was found."""
        self._bad_frames = 0
        wall = self._ports.wall(now)
        fate, own = self._network.pending.answered(message.mti, message.elements, link=self.link, now=wall)
        self._ports.count(f"answer_{fate}")
        if own is None or fate is Fate.SECOND:
            return
        code = str(message.elements.get(self._rules.places.response_code, ""))
        accepted = code in self.profile.granted or code in self.profile.taken
        if own.purpose == FORWARD:
            if code:
                self._ports.settle(own.subject, code, accepted=accepted)
            else:
                self._ports.count("answer_without_code")  # or unreadable before it: nothing is settled, it goes again
        elif own.link == self.link:
            self._management.answered(own, accepted=accepted)

    # What goes out

    def ask(
        self, mti: str, elements: dict[int, str | bytes], *, purpose: str, now: int, subject: str = ""
    ) -> Own | None:
        """Send a request of our own; None where it cannot be written, or cannot wait for its answer."""
        payload = self._written(Message(mti, elements), None)
        if payload is None or not self.open:
            return None
        own = self._network.pending.ask(
            mti, elements, link=self.link, now=now, wait_ns=self._wait_ns, purpose=purpose, subject=subject
        )
        if own is None:
            self._ports.count("own_refused")
            return None
        send = self._send_first if purpose == NetworkFunction.ECHO else self._send
        send(payload, now)
        return own

    def manage(self, function: NetworkFunction, now: int) -> None:
        """Ask the peer for a network function by an operator's order."""
        self._management.order(function, now)

    def reply(self, request: Message, header: bytes, reason: Reason, now: int, *, also: tuple[int, ...] = ()) -> None:
        """Answer a request at once, giving back some elements beside those of the echo table.

        Network management goes first: an echo is answered in time however much waits to be sent.
        """
        answer = self._rules.to_response(request, Answer(reason=reason))
        answer.elements.update((number, request.elements[number]) for number in also if number in request.elements)
        self._write(answer, now, header=header, first=request.mti[1] == "8")

    def _write(self, answer: Message, now: int, *, header: bytes, first: bool = False) -> None:
        payload = self._written(answer, header)
        if payload is not None:
            send = self._send_first if first else self._send
            send(payload, now)

    def _written(self, message: Message, header: bytes | None) -> bytes | None:
        """Write a message with its header, made from that of the request or fresh, and its MAC; None where it cannot.

        That happens where an agreement contradicts the dialect, or the MAC key is away: then nothing leaves.
        """
        seal, headers = self._authenticator, self._headers
        head = b""
        try:
            body = self._codec.encode(message if seal is None else seal.with_room(message))
            if headers is not None:
                head = headers.fresh(len(body)) if header is None else headers.reply(header, len(body))
            if seal is not None:
                body = seal.sign(body, header=head)
        except (EncodeError, AuthenticationError):
            self._not_written(original_of(message.mti))
            return None
        return head + body
