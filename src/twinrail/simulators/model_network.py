"""A model of a card network: it asks, waits, repeats, reverses, stands in, and now and then misbehaves.

What it must tell the issuer (reversals and advices) it repeats until it is answered. Every message carries a record of
what it is about, for the auditor; the engine never sees it. Time and wires are the world's. It speaks whatever its
profile says: version, header, and who signs on.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from twinrail.codecs.iso8583 import Message
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction, SignOn
from twinrail.schemas.reasons import Reason
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel
from twinrail.simulators.faults import NS, Swarm
from twinrail.simulators.transactions import Purchase as Asking
from twinrail.simulators.wire import NearEnd, Wire

ECHO_EVERY_S = 4.0
# Now and then: nobody's card, an expired one, another currency, a processing code that nobody serves, nothing at all.
_ODD: tuple[dict[str, Any], ...] = (
    {"pan": "4999999999999999"},
    {"expiry": "2001"},
    {"currency": "840"},
    {"processing_code": "990000"},
    {"amount": 0},
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
    channel: Channel | None = None
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
        self._out = Channel(profile)  # writes only: what comes in belongs to a connection
        rows = self._out.codec.dialect.elements
        self._terminal_length = next(row.length for row in rows if row.number == profile.places.terminal)
        self._is_ours = profile.sign_on is SignOn.PEER
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
        slot.channel = Channel(self.profile)
        slot.heard_at = self._streets.now
        if self._is_ours:
            self._network(slot, NetworkFunction.SIGN_ON)

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
        elif not slot.signed_on and self._is_ours:
            self._network(slot, NetworkFunction.SIGN_ON)
        elif self._streets.now - slot.heard_at > ECHO_EVERY_S * NS:
            self._network(slot, NetworkFunction.ECHO)

    def heard(self, wire: Wire, data: bytes) -> None:
        """Take bytes of the engine."""
        slot = next((slot for slot in self.slots if slot.wire is wire), None)
        if slot is None or slot.channel is None:
            return
        slot.heard_at = self._streets.now
        for heard in slot.channel.receive(data):
            message = heard.message
            if message is None:
                continue  # the witness has seen it leave, and says so
            answer = transactions.answer(self.profile, message)
            if answer is not None:
                self._agree(slot, transactions.function_of(self.profile, message))
                wire.send(slot.channel.write(answer, heard), None)
            elif message.mti[1] == "8":
                code = str(message.elements.get(self.profile.places.network_function, ""))
                if self.profile.functions.get(code) is NetworkFunction.SIGN_ON:
                    slot.signed_on = transactions.accepts(self.profile, message)
            else:
                self._answered(message)

    def _agree(self, slot: Slot, function: NetworkFunction | None) -> None:
        """Follow what the engine says of its side of a connection."""
        if function in {NetworkFunction.SIGN_ON, NetworkFunction.SIGN_OFF}:
            slot.signed_on = function is NetworkFunction.SIGN_ON

    def cut(self, wire: Wire) -> None:
        """Connect again."""
        for slot in self.slots:
            if slot.wire is wire:
                slot.wire = None
                self._connect(slot)

    # Messages

    def _network(self, slot: Slot, function: NetworkFunction) -> None:
        if slot.wire is not None:
            code = self.profile.code_of(function)
            message = transactions.network_message(self.profile, code, stan=self._stan(), at=self._time())
            self._write(slot.wire, message, Asked(self.profile, message, ""))

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._streets.wall // NS, UTC)

    def _stan(self) -> int:
        self._next += 1
        return self._next

    def _write(self, wire: Wire, message: Message, record: Asked | None) -> None:
        wire.send(self._out.write(message), record)

    def _key(self, mti: str, message: Message) -> tuple[str, str, str]:
        at = self.profile.places
        return mti, str(message.elements.get(at.stan, "")), str(message.elements.get(at.rrn, ""))

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
        key = self._key(response_to(message.mti) or "", message)
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
        then = self._waiting.pop(self._key(message.mti, message), None)
        if then is not None:
            then(message)

    # Purchases

    def _request(self, **own: Any) -> tuple[Message, int]:
        rng, swarm = self._rng, self._streets.swarm
        card = self._cards[0] if rng.random() < swarm.hot_share else rng.choice(self._cards)
        amount = rng.choice((rng.randrange(1, 3000), rng.randrange(1, 10_000), 100))
        now, stan = self._time(), self._stan()
        financial = rng.random() < swarm.financial_p
        asking = Asking(
            pan=card.pan,
            amount=amount,
            stan=stan,
            at=now,
            rrn=f"{stan:012d}",
            acquirer=self._acquirer,
            terminal=f"TERM{stan % 97:04d}".ljust(self._terminal_length),
        )
        if rng.random() < 0.15 and self.profile.places.original_data:
            asking = replace(asking, rrn="")  # its reversal will find it by the original data
        odd = rng.choice((*_ODD, *[{}] * 100))
        return transactions.request(self.profile, "200" if financial else "100", replace(asking, **odd, **own)), amount

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
        at = self.profile.places
        may_change = at.rrn in elements or at.sent_at != at.transmitted_at  # what names the request must stay
        if self._rng.random() < 0.5 and at.transmitted_at in elements and may_change:
            elements[at.transmitted_at] = self._time().strftime("%m%d%H%M%S")
        return Message(request.mti[:3] + ("1" if repeat else "0"), elements)

    def _decided(self, purchase: Purchase, answer: Message) -> None:
        rng, swarm, streets = self._rng, self._streets.swarm, self._streets
        if purchase.settled:
            return
        purchase.settled = True
        purchase.approval_code = str(answer.elements.get(self.profile.places.approval_code, ""))
        if rng.random() < swarm.retry_p:
            streets.count("retried")
            again = self._again(purchase)
            streets.after(int(rng.uniform(0, 3) * NS), lambda: _ignore(self._send(again, purchase.life)))
        if rng.random() < swarm.reuse_p and swarm.window > 1000:
            streets.count("reused")
            more = transactions.amount(self.profile, purchase.amount + 1, "978")
            elements = {**purchase.request.elements, self.profile.places.amount: more}
            _ignore(self._send(Message(purchase.request.mti, elements), purchase.life))
        if transactions.approves(self.profile, answer) and rng.random() < swarm.reversal_p and not purchase.told:
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
        at = self.profile.places
        kind = "420" if self._rng.random() < 0.7 else "400"
        now, stan = self._time(), self._stan()
        keep: int | None = None
        if self._rng.random() < self._streets.swarm.partial_p:
            keep = self._rng.randrange(purchase.amount + 1)
        if not (at.replacement_amounts or at.partial_reversal):
            keep = None
        message = transactions.reversal(self.profile, purchase.request, stan=stan, at=now, kind=kind, keep=keep)
        if purchase.approval_code:
            message.elements[at.approval_code] = purchase.approval_code
        return message

    def _advice(self, purchase: Purchase) -> Message:
        reason = Reason.APPROVED if self._rng.random() < 0.7 else Reason.DO_NOT_HONOUR
        return transactions.advice(self.profile, purchase.request, transactions.reason_code(self.profile, reason))

    def _tell(self, purchase: Purchase, message: Message) -> None:
        """Put what the issuer must hear into the store-and-forward queue."""
        ticket = f"{purchase.life}/{message.mti}/{message.elements[self.profile.places.stan]!s}"
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
        own = {"stan": rng.randrange(900_000, 999_999), "rrn": f"{rng.randrange(10**11, 10**12)}"}
        message, _ = self._request(**own, terminal="RUBBISH".ljust(self._terminal_length))
        payload = bytearray(self._out.payload(message))
        kind = rng.choice(("short", "bits", "bits", "bits", "noise", "length"))
        self._streets.count(f"malformed_{kind}")
        if kind == "short":
            del payload[rng.randrange(len(payload)) :]
        elif kind == "noise":
            payload = bytearray(rng.randbytes(rng.randrange(1, 200)))
        elif kind == "bits":
            for _ in range(rng.choice((1, 1, 2, 5))):
                payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
        try:
            data = self._out.frame(bytes(payload))
        except EncodeError:
            return  # what is left is no frame
        if kind == "length":
            data = b"\xff\xff" + data[2:]
        slot.wire.send(data, Asked(self.profile, self._understood(bytes(payload), kind), ""))

    def _understood(self, payload: bytes, kind: str) -> Message | None:
        """Give what rubbish means where it happens to mean something."""
        if kind == "length":
            return None
        heard = self._out.open(payload)
        return heard.message if heard.reject is None else None


def _ignore(_value: object) -> None:
    """Take a value that nobody needs, where only an action is wanted."""
