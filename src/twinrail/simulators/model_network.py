"""A model of a card network: it asks, waits, repeats, reverses, stands in, and now and then misbehaves.

What it must tell the issuer (reversals and advices) it repeats until it is answered. Every message carries a record of
what it is about, for the auditor; the engine never sees it. Time and wires are the world's.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.simulators.faults import NS, Swarm
from twinrail.simulators.wire import NearEnd, Wire

ECHO_EVERY_S = 4.0
Elements = dict[int, str | bytes]
# Now and then: nobody's card, an expired one, another currency, a processing code that nobody serves, nothing at all.
_ODD: tuple[Elements, ...] = (
    {2: "4999999999999999"},
    {14: "2001"},
    {49: "840"},
    {3: "990000"},
    {4: "000000000000"},
)


@dataclass(slots=True, eq=False)
class Asked:
    """One delivered copy of a message and what became of it; times are virtual ns."""

    profile: LinkProfile
    message: Message | None  # None: undecodable
    life: str  # the purchase it belongs to; "" where nobody knows
    wire: int = 0
    owner: int = 0
    arrived: int = 0
    answers: list[tuple[int, Message]] = field(default_factory=list)
    link_lost: bool = False


class Peer(NearEnd, Protocol):
    """Someone who connects to the engine."""

    profile: LinkProfile


class Streets(Protocol):
    """What the world offers to a network."""

    @property
    def now(self) -> int:
        """Virtual monotonic ns."""

    @property
    def wall(self) -> int:
        """Virtual wall time, ns since 1970."""

    @property
    def swarm(self) -> Swarm:
        """What goes wrong at present."""

    def after(self, delay: int, action: Callable[[], None]) -> None:
        """Do something later."""

    def connect(self, peer: Peer) -> Wire | None:
        """Open a connection to the engine; None where nobody listens."""

    def count(self, what: str) -> None:
        """Count an event."""


class Card(NamedTuple):
    """A card to pay with."""

    pan: str
    account: str


@dataclass(slots=True, eq=False)
class Slot:
    """One connection that a network keeps up."""

    wire: Wire | None = None
    framer: Framer | None = None
    signed_on: bool = False
    heard_at: int = 0


@dataclass(slots=True, eq=False)
class Purchase:
    """One purchase: its request, and what is still to be told about it."""

    life: str
    request: Message
    amount: int
    attempts: int = 0
    settled: bool = False  # answered, or given up and told otherwise
    approval_code: str = ""
    told: bool = False  # a reversal or an advice has been made


class ModelNetwork:
    """One network with its connections; `owed` counts what it still has to tell the issuer."""

    def __init__(
        self, number: int, profile: LinkProfile, cards: Sequence[Card], *, rng: random.Random, streets: Streets
    ) -> None:
        self.name = f"net{number}"
        self.profile = profile
        self.owed: dict[str, Message] = {}
        self.slots = [Slot() for _ in range(streets.swarm.links_each)]
        self._codec = codec_for(profile.dialect)
        self._cards = list(cards)
        self._rng = rng
        self._streets = streets
        self._acquirer = f"{400_001 + number}"
        self._waiting: dict[tuple[str, str, str], Callable[[Message], None]] = {}
        self._next = 100_000 * number  # STANs of two networks do not meet: DE90 says nothing but DE7 and STAN
        self._purchases = 0

    # Connections

    def start(self, requests: int, seconds: float) -> None:
        """Open the connections and plan the traffic."""
        for slot in self.slots:
            self._connect(slot)
            self._tick(slot)
        for _ in range(requests):
            self._streets.after(int(self._rng.uniform(0.5, seconds) * NS), self._purchase)

    def _connect(self, slot: Slot) -> None:
        slot.signed_on = False
        slot.wire = self._streets.connect(self)
        if slot.wire is None:
            self._streets.after(int(self._rng.uniform(0.1, 0.5) * NS), lambda: self._connect(slot))
            return
        slot.framer = Framer(self.profile.framing, self.profile.frame_bytes_max)
        slot.heard_at = self._streets.now
        self._network(slot, "001")

    def _tick(self, slot: Slot) -> None:
        """Sign on again where that failed, ask for an echo, give up a connection that fell silent."""
        self._streets.after(int(ECHO_EVERY_S / 4 * NS), lambda: self._tick(slot))
        wire = slot.wire
        if wire is None:
            return
        if self._streets.now - slot.heard_at > 2 * ECHO_EVERY_S * NS:
            self._streets.count("given_up")
            slot.wire = None
            wire.reset()
            self._connect(slot)
        elif not slot.signed_on:
            self._network(slot, "001")
        elif self._streets.now - slot.heard_at > ECHO_EVERY_S * NS:
            self._network(slot, "301")

    def heard(self, wire: Wire, data: bytes) -> None:
        """Take bytes of the engine."""
        slot = next((slot for slot in self.slots if slot.wire is wire), None)
        if slot is None or slot.framer is None:
            return
        slot.heard_at = self._streets.now
        for payload in slot.framer.receive(data):
            message = self._codec.decode(payload)
            if message.mti == "0810":
                if message.elements.get(70) == "001":
                    slot.signed_on = message.elements.get(39) == "00"
            elif message.mti == "0800":  # the engine signs off
                slot.signed_on = False
                echo = {number: message.elements[number] for number in (7, 11, 70)}
                self._write(wire, Message("0810", {**echo, 39: "00"}), None)
            else:
                self._answered(message)

    def cut(self, wire: Wire) -> None:
        """Connect again."""
        for slot in self.slots:
            if slot.wire is wire:
                slot.wire = None
                self._connect(slot)

    # Messages

    def _network(self, slot: Slot, function: str) -> None:
        if slot.wire is not None:
            elements: Elements = {7: self._time(), 11: self._stan(), 70: function}
            self._write(slot.wire, Message("0800", elements), Asked(self.profile, Message("0800", elements), ""))

    def _time(self) -> str:
        return datetime.fromtimestamp(self._streets.wall // NS, UTC).strftime("%m%d%H%M%S")

    def _stan(self) -> str:
        self._next += 1
        return f"{self._next:06d}"

    def _write(self, wire: Wire, message: Message, record: Asked | None) -> None:
        wire.send(frame(self.profile.framing, self._codec.encode(message)), record)

    def _ready(self) -> Slot | None:
        ready = [slot for slot in self.slots if slot.wire is not None and slot.wire.up]
        signed_on = [slot for slot in ready if slot.signed_on]
        return self._rng.choice(signed_on or ready) if ready else None

    def _send(self, message: Message, life: str, then: Callable[[Message], None] | None = None) -> bool:
        """Send a message on any connection, perhaps twice, perhaps not at all."""
        slot = self._ready()
        if slot is None or slot.wire is None:
            return False
        swarm, rng = self._streets.swarm, self._rng
        key = (response_to(message.mti) or "", str(message.elements[11]), str(message.elements.get(37, "")))
        if then is not None:
            self._waiting[key] = then
        if rng.random() < swarm.lost_p:
            self._streets.count("lost")
            return True
        self._write(slot.wire, message, Asked(self.profile, message, life))
        if rng.random() < swarm.duplicate_p and swarm.window > 1000:
            self._streets.count("duplicated")
            again = self._ready()
            copy = Asked(self.profile, message, life)
            if rng.random() < 0.5 and slot.wire.up:
                self._write(slot.wire, message, copy)
            elif again is not None and again.wire is not None:
                self._write(again.wire, message, copy)
        return True

    def _answered(self, message: Message) -> None:
        key = (message.mti, str(message.elements.get(11, "")), str(message.elements.get(37, "")))
        then = self._waiting.pop(key, None)
        if then is not None:
            then(message)

    # Purchases

    def _request(self) -> tuple[Message, int]:
        rng, swarm = self._rng, self._streets.swarm
        card = self._cards[0] if rng.random() < swarm.hot_share else rng.choice(self._cards)
        amount = rng.choice((rng.randrange(1, 3000), rng.randrange(1, 10_000), 100))
        stamp, stan = self._time(), self._stan()
        financial = rng.random() < swarm.financial_p
        elements: Elements = {
            2: card.pan, 3: "000000", 4: f"{amount:012d}", 7: stamp, 11: stan, 12: stamp[4:], 13: stamp[:4],
            18: "5411", 22: "051", 32: self._acquirer, 37: f"{self._next:012d}", 41: f"TERM{self._next % 97:04d}",
            42: "SIMULATED SHOP ", 49: "978",
        }  # fmt: skip
        if rng.random() < 0.15:
            del elements[37]  # its reversal will find it by DE90
        odd = rng.choice((*_ODD, *[{}] * 100))
        return Message("0200" if financial else "0100", {**elements, **odd}), amount

    def _purchase(self) -> None:
        rng, swarm, streets = self._rng, self._streets.swarm, self._streets
        self._purchases += 1
        message, amount = self._request()
        purchase = Purchase(f"{self.name}-{self._purchases}", message, amount)
        if rng.random() < swarm.malformed_p:
            self._misbehave()
        if rng.random() < swarm.early_reversal_p:
            streets.count("early_reversal")
            purchase.told = True
            self._tell(purchase, self._reversal(purchase))
            streets.after(int(rng.choice((0.0, 0.01, 2.0)) * NS), lambda: self._ask(purchase))
            return
        self._ask(purchase)

    def _ask(self, purchase: Purchase) -> None:
        purchase.attempts += 1
        sent = self._send(purchase.request, purchase.life, lambda answer: self._decided(purchase, answer))
        if sent:
            wait = self.profile.deadline_s * self._rng.uniform(0.2, 2) + self._rng.choice((0.05, 0.5))
            self._streets.after(int(wait * NS), lambda: self._unanswered(purchase))
        else:
            self._unanswered(purchase)

    def _again(self, purchase: Purchase) -> Message:
        """Give the same request again, marked as a repeat or not, with a new transmission time or the old one."""
        request = purchase.request
        repeat = self._rng.random() < 0.5 or self._streets.swarm.window < 1000
        elements = dict(request.elements)
        if self._rng.random() < 0.5 and 37 in elements:
            elements[7] = self._time()
        return Message(request.mti[:3] + ("1" if repeat else "0"), elements)

    def _decided(self, purchase: Purchase, answer: Message) -> None:
        rng, swarm, streets = self._rng, self._streets.swarm, self._streets
        if purchase.settled:
            return
        purchase.settled = True
        purchase.approval_code = str(answer.elements.get(38, ""))
        if rng.random() < swarm.retry_p:
            streets.count("retried")
            again = self._again(purchase)
            streets.after(int(rng.uniform(0, 3) * NS), lambda: _ignore(self._send(again, purchase.life)))
        if rng.random() < swarm.reuse_p and swarm.window > 1000:
            streets.count("reused")
            elements = {**purchase.request.elements, 4: f"{purchase.amount + 1:012d}"}
            _ignore(self._send(Message(purchase.request.mti, elements), purchase.life))
        if answer.elements.get(39) == "00" and rng.random() < swarm.reversal_p and not purchase.told:
            streets.count("reversed")
            purchase.told = True
            streets.after(int(rng.uniform(0, 4) * NS), lambda: self._tell(purchase, self._reversal(purchase)))

    def _unanswered(self, purchase: Purchase) -> None:
        if purchase.settled:
            return
        rng, streets = self._rng, self._streets
        if purchase.attempts < 2 and rng.random() < 0.4:
            streets.count("repeated")
            purchase.request = self._again(purchase)
            self._ask(purchase)
            return
        purchase.settled = True
        if purchase.told:
            return
        purchase.told = True
        if rng.random() < streets.swarm.advice_p:
            streets.count("advised")
            self._tell(purchase, self._advice(purchase))
            if rng.random() < 0.3:
                streets.after(int(rng.uniform(0, 5) * NS), lambda: self._tell(purchase, self._reversal(purchase)))
        else:
            streets.count("reversed_unanswered")
            self._tell(purchase, self._reversal(purchase))

    def _reversal(self, purchase: Purchase) -> Message:
        original = purchase.request.elements
        advice = self._rng.random() < 0.7
        kept = (2, 3, 4, 12, 13, 18, 32, 37, 41, 42, 49)
        elements: Elements = {number: value for number, value in original.items() if number in kept}
        elements[7], elements[11] = self._time(), self._stan()
        named = f"{purchase.request.mti}{original[11]!s}{original[7]!s}"
        elements[90] = f"{named}{int(self._acquirer):011d}{0:011d}"
        if purchase.approval_code:
            elements[38] = purchase.approval_code
        if self._rng.random() < self._streets.swarm.partial_p:
            elements[95] = f"{self._rng.randrange(purchase.amount + 1):012d}" + "0" * 30
        return Message("0420" if advice else "0400", elements)

    def _advice(self, purchase: Purchase) -> Message:
        original = purchase.request.elements
        granted = self._rng.random() < 0.7
        elements = {**original, 7: original[7], 39: "00" if granted else "05"}
        return Message("0120", elements)

    def _tell(self, purchase: Purchase, message: Message) -> None:
        """Put what the issuer must hear into the store-and-forward queue."""
        ticket = f"{purchase.life}/{message.mti}/{message.elements[11]!s}"
        self.owed[ticket] = message
        self._forward(ticket, message, purchase.life)

    def _forward(self, ticket: str, message: Message, life: str) -> None:
        if ticket not in self.owed:
            return
        if self._send(message, life, lambda _answer: _ignore(self.owed.pop(ticket, None))):
            message = Message(message.mti[:3] + "1", message.elements)
        self._streets.after(int(self._rng.uniform(1, 3) * NS), lambda: self._forward(ticket, message, life))

    # Rubbish

    def _misbehave(self) -> None:
        """Send a frame that is cut short, has a bit turned, lies about its length, or is no message at all."""
        slot = self._ready()
        if slot is None or slot.wire is None:
            return
        rng = self._rng
        message, _ = self._request()
        elements = {**message.elements, 11: f"{rng.randrange(900_000, 999_999)}", 41: "RUBBISH "}
        elements[37] = f"{rng.randrange(10**11, 10**12)}"
        payload = bytearray(self._codec.encode(Message(message.mti, elements)))
        kind = rng.choice(("short", "bits", "bits", "bits", "noise", "length"))
        self._streets.count(f"malformed_{kind}")
        if kind == "short":
            del payload[rng.randrange(len(payload)) :]
        elif kind == "noise":
            payload = bytearray(rng.randbytes(rng.randrange(1, 200)))
        elif kind == "bits":
            for _ in range(rng.choice((1, 1, 2, 5))):
                payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
        data = frame(self.profile.framing, bytes(payload))
        if kind == "length":
            data = b"\xff\xff" + data[2:]
        slot.wire.send(data, Asked(self.profile, self._understood(bytes(payload), kind), ""))

    def _understood(self, payload: bytes, kind: str) -> Message | None:
        """Give what rubbish means where it happens to mean something."""
        if kind == "length":
            return None
        try:
            return self._codec.decode(payload)
        except (DecodeError, EncodeError):
            return None


def _ignore(_value: object) -> None:
    """Take a value that nobody needs, where only an action is wanted."""
