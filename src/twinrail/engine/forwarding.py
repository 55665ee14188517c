"""Forwarding: which messages we owe to networks are due, which wait for a link, and how each is repeated.

What is kept is what our own data can rebuild: the public elements of a message and the token of a card, never a card
number. Attempts are journaled before they leave (handlers.flows.forward); this module only knows what comes next.
"""

from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.card_session import FORWARD, CardSession
from twinrail.engine.obligations import Obligation, Obligations
from twinrail.engine.session import NS
from twinrail.engine.sessions import Sessions, Vault
from twinrail.errors import EncodeError
from twinrail.schemas.instructions import Forward, SendForward, SettleForward
from twinrail.schemas.iso8583.axes import Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.profiles import LinkProfile, Repeats

OWED_MAX = 10_000  # obligations of any kind beyond which no message is owed any more
_REPEAT = {"0": "1", "2": "3", "4": "5"}  # origin digit of an MTI -> that of its repeats


class Owed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A message that we owe, as it is kept: the subject of its obligation."""

    network: str
    mti: str
    elements: dict[int, str]
    expires_at: int  # ns since 1970, wall
    card: str = ""  # token
    sent: int = 0  # times it may have left


_DECODER = msgspec.json.Decoder(Owed)


def owed(
    dialect: Dialect, network: str, mti: str, elements: Mapping[int, str | bytes], *, expires_at: int, card: str = ""
) -> Owed:
    """Make what is kept of a message; EncodeError for an element whose value must not be kept in the clear."""
    public = {row.number for row in dialect.elements if row.mask is Mask.PUBLIC and row.kind is not Kind.B}
    kept: dict[int, str] = {}
    for number, value in elements.items():
        if number not in public or not isinstance(value, str):
            raise EncodeError("may not be kept until it is sent", path=str(number))
        kept[number] = value
    return Owed(network, mti, kept, expires_at, card)


def read(subject: str) -> Owed:
    """Read what is kept of a message."""
    return _DECODER.decode(subject)


def _written(message: Owed) -> str:
    return msgspec.json.encode(message).decode()


def wait_ns(repeats: Repeats, sent: int) -> int:
    """Give how long a message that has left so many times waits for its next repeat."""
    wait = repeats.first_s
    for _ in range(min(sent, 64) - 1):
        wait = min(wait * repeats.factor, repeats.wait_max_s)
    return int(min(wait, repeats.wait_max_s) * NS)


class Forwarding:
    """The messages that we owe to networks: those that are due and wait for a link, and how each goes out.

    `decide` lets an instruction be decided and journaled; it answers by `send_owed` once an attempt is durable.
    """

    def __init__(
        self,
        sessions: Sessions,
        obligations: Obligations,
        decide: Callable[[SendForward | SettleForward], None],
        vault: Vault | None,
    ) -> None:
        self._sessions = sessions
        self._obligations = obligations
        self._decide = decide
        self._vault = vault
        self._waiting: dict[str, deque[Obligation]] = {}
        self._awake: set[str] = set()

    def __len__(self) -> int:
        """Count the messages that wait for a link."""
        return sum(map(len, self._waiting.values()))

    @property
    def awake(self) -> bool:
        """Say whether something that waited for a link can leave now."""
        return bool(self._awake)

    def order(
        self, profile: LinkProfile, mti: str, elements: Mapping[int, str | bytes], wall: int, *, card: str = ""
    ) -> Forward:
        """Make the instruction that owes a message; its number and its time make the id of the obligation unique.

        EncodeError for what must not be kept, what is no request, and where too much or this very message is owed.
        """
        if len(self._obligations.by_id) >= OWED_MAX:
            raise EncodeError("too much is owed already", path="forward")
        numbered = self._sessions.network(profile).numbered(wall) | dict(elements)
        at = profile.places
        expires_at = wall + profile.repeats.expiry_s * NS
        codec = codec_for(profile.dialect)
        message = owed(codec.dialect, profile.counterpart, mti, numbered, expires_at=expires_at, card=card)
        codec.encode(Message(mti, numbered))  # what can never be written is never owed
        if response_to(original_of(mti)) is None:
            raise EncodeError("only a request is owed", path="mti")
        number = f"{message.mti}-{numbered[at.sent_at]!s}-{numbered[at.stan]!s}"
        obligation = f"{FORWARD}-{message.network}-{number}"
        if obligation in self._obligations.by_id:
            raise EncodeError("owed already under this time and number", path=str(at.stan))
        return Forward(obligation=obligation, subject=_written(message))

    def reachable(self, network: str) -> None:
        """Take it that what waits for a network can leave."""
        if network in self._waiting:
            self._awake.add(network)

    def due(self, obligation: Obligation, at: int) -> None:
        """Attempt to send a message now if its network can be reached, or let it wait for a link."""
        if self._obligations.by_id.get(obligation.id) is not obligation:
            return  # settled, or moved, while it waited
        network = read(obligation.subject).network
        if self._sessions.reachable(network) is None:
            self._waiting.setdefault(network, deque()).append(obligation)
        else:
            self._attempt(obligation, at)

    def wake(self, at: int, limit: int) -> None:
        """Attempt to send up to so many messages whose network can be reached again."""
        while self._awake and limit > 0:
            network = next(iter(self._awake))
            waiting = self._waiting.pop(network)
            self._awake.discard(network)
            rest = deque[Obligation]()
            while waiting:
                obligation = waiting.popleft()
                if limit > 0:
                    limit -= 1
                    self.due(obligation, at)
                else:
                    rest.append(obligation)
            if rest:
                self._waiting.setdefault(network, deque()).extend(rest)
                self._awake.add(network)

    def expire(self, at: int) -> None:
        """Give up the messages that have waited for a link until they were too old."""
        for network, waiting in list(self._waiting.items()):
            young = deque[Obligation]()
            for obligation in waiting:
                if read(obligation.subject).expires_at > at:
                    young.append(obligation)
                elif self._obligations.by_id.get(obligation.id) is obligation:
                    self._attempt(obligation, at)
            self._waiting[network] = young

    def _attempt(self, obligation: Obligation, at: int) -> None:
        """Let an attempt be journaled, or the end of one that is too old."""
        message = read(obligation.subject)
        sent = message.sent + 1
        network = self._sessions.networks.get(message.network)
        repeats = Repeats() if network is None else network.profile.repeats
        self._decide(
            SendForward(
                obligation=obligation.id,
                subject=_written(msgspec.structs.replace(message, sent=sent)),
                again_at=min(at + wait_ns(repeats, sent), message.expires_at),
                expires_at=message.expires_at,
            )
        )

    def send_owed(self, instruction: SendForward, now: int) -> None:
        """Send a message whose attempt is durable, as a repeat if it may have left before.

        One that was settled meanwhile, or given up as too old, has no such obligation any more.
        """
        obligation = self._obligations.by_id.get(instruction.obligation)
        if obligation is None or obligation.subject != instruction.subject:
            return
        message = read(instruction.subject)
        session = self._sessions.reachable(message.network)
        sent = session is not None and self._send(message, instruction.obligation, session, now)
        self._sessions.count("forward_sent" if sent else "forward_not_sent")

    def _send(self, message: Owed, obligation: str, session: CardSession, now: int) -> bool:
        mti = message.mti
        if message.sent > 1:
            mti = mti[:3] + _REPEAT.get(mti[3], mti[3])
        elements: dict[int, str | bytes] = dict(message.elements)
        if message.card:
            pan = None if self._vault is None else self._vault.pan(message.card)
            if pan is None:
                self._sessions.count("forward_card_unknown")
                return False  # without its card number it would be refused for good; the vault may be back next time
            elements[session.profile.places.pan] = pan
        ordered = dict(sorted(elements.items()))
        return session.ask(mti, ordered, purpose=FORWARD, subject=obligation, now=now) is not None

    def settle(self, subject: str, code: str, *, accepted: bool) -> None:
        """Take a network's answer to what we owe it: it ends it, unless the code asks for another try."""
        obligation = self._obligations.by_id.get(subject)
        if obligation is None:
            return  # an earlier answer has settled it
        network = self._sessions.networks[read(obligation.subject).network]
        if not accepted and code in network.profile.repeats.again:
            self._sessions.count("forward_again")
            return
        self._sessions.count("forward_accepted" if accepted else "forward_refused")
        self._decide(SettleForward(obligation=subject, accepted=accepted))
