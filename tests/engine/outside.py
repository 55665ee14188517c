"""What a session may do to the outside, written down; and one link in a test's hand."""

from collections.abc import Iterator
from dataclasses import dataclass

from twinrail.codecs.card import CardRules, Tokens
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.card_session import Authenticates, CardSession
from twinrail.engine.management import KeyPort
from twinrail.engine.network import Network
from twinrail.engine.session import NS, Request, Tap
from twinrail.schemas.iso8583.profiles import CARD_1987, LinkProfile

TOKENS = Tokens(b"session!" * 4)
LINK = 7
PAN = "4111111111111111"


class Outside:
    """The ports of a session."""

    def __init__(self) -> None:
        self.draining = False
        self.accepted: list[Request] = []
        self.sent: list[bytes] = []
        self.first: list[bytes] = []  # of what was sent: what went before everything else
        self.closed: list[str] = []
        self.counters: dict[str, int] = {}
        self.notes: list[tuple[str, str]] = []
        self.signed: list[int] = []
        self.settled: list[tuple[str, str, bool]] = []

    def wall(self, now: int) -> int:
        return now

    def accept(self, request: Request, /) -> None:
        self.accepted.append(request)

    def send(self, link: int, data: bytes) -> None:
        assert link == LINK
        self.sent.append(data)

    def send_first(self, link: int, data: bytes) -> None:
        self.send(link, data)
        self.first.append(data)

    def close(self, link: int, why: str) -> None:
        assert link == LINK
        self.closed.append(why)

    def count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1

    def note(self, link: int, what: str, detail: str = "") -> None:
        assert link == LINK
        self.notes.append((what, detail))

    def signed_on(self, link: int) -> None:
        self.signed.append(link)

    def settle(self, subject: str, code: str, *, accepted: bool) -> None:
        self.settled.append((subject, code, accepted))


@dataclass
class Peer:
    """The other side of one card link."""

    session: CardSession
    outside: Outside
    network: Network
    now: int = NS

    def say(self, mti: str, elements: dict[int, str | bytes], *, header: bytes = b"") -> None:
        """Send a message; time and number are put in where they are left out."""
        named: dict[int, str | bytes] = {7: "0101000000", 11: "000001"}
        message = Message(mti, dict(sorted((named | elements).items())))
        self.say_bytes(header + codec_for(self.session.profile.dialect).encode(message))

    def say_bytes(self, payload: bytes) -> None:
        """Send a payload."""
        self.session.receive(frame(self.session.profile.frame, payload), self.now)

    def payloads(self) -> list[bytes]:
        """Take what was sent to us, each without its frame."""
        sent, self.outside.sent = b"".join(self.outside.sent), []
        return Framer(self.session.profile.frame, 1 << 16).receive(sent)

    def heard(self) -> Iterator[Message]:
        """Take the messages that were sent to us."""
        codec, size = codec_for(self.session.profile.dialect), self.session.profile.header.size
        return iter([codec.decode(payload[size:]) for payload in self.payloads()])

    def wait(self, seconds: float) -> None:
        """Let time pass; the switch looks after its links every second."""
        until = self.now + int(seconds * NS)
        while self.now < until and self.session.open:
            self.now = min(self.now + NS, until)
            for own in self.network.pending.take_expired(self.now):
                self.session.unanswered(own, self.now, held=False)
            self.session.wake(self.now)

    @property
    def counted(self) -> dict[str, int]:
        """Give the counters."""
        return self.outside.counters


def peer(
    profile: LinkProfile = CARD_1987,
    *,
    tap: Tap | None = None,
    authenticator: Authenticates | None = None,
    keys: KeyPort | None = None,
) -> Peer:
    """Open a link."""
    outside, network = Outside(), Network(profile)
    rules = CardRules(profile, TOKENS)
    session = CardSession(
        LINK, rules, outside, tap=tap, now=NS, network=network, authenticator=authenticator, keys=keys
    )
    session.begin(NS)
    return Peer(session, outside, network)


def request(**named: str) -> dict[int, str | bytes]:
    """Give the elements of a good 0100, some of them changed or, with "", left out: `de49="999"`."""
    elements: dict[int, str | bytes] = {2: PAN, 3: "000000", 4: "000000000100", 49: "978"}
    elements |= {int(name[2:]): value for name, value in named.items()}
    return {number: value for number, value in elements.items() if value}
