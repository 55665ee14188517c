"""The sessions of a switch: its open links, what waits to be sent on them, and the networks behind them.

It is what sessions speak to (`session.Ports`) and where the shells take from: bytes, links to close, notices. What a
session hands on goes straight to the switch.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from twinrail.codecs.card import CardRules, Tokens
from twinrail.engine.card_session import Authenticates, CardSession
from twinrail.engine.instant_session import InstantSession
from twinrail.engine.management import KeyPort
from twinrail.engine.network import Network
from twinrail.engine.pending import Unmatched
from twinrail.engine.session import Request, Session, Tap
from twinrail.errors import check
from twinrail.schemas.iso8583.profiles import LinkProfile, Rail

RULES_MAX = 256  # profiles that are kept ready for links to come: each link of the settings has one of its own
NOTICES_MAX = 1000  # notices that wait to be taken; more are counted and left out
NOTICES_A_TICK = (
    20  # notices of one link in a second, likewise: a peer that does everything wrong must not fill the log
)


class Notice(NamedTuple):
    """Something on a link that somebody should look at: constant text, and a code or a message type beside it."""

    link: int
    what: str
    detail: str


class Core(Protocol):
    """What links need of the switch behind them."""

    def accept(self, request: Request, /) -> None:
        """Take a request for decision."""

    def settle_own(self, subject: str, code: str, /, *, accepted: bool) -> None:
        """Take the answer to what we owe a network."""

    def link_signed_on(self, network: str, /) -> None:
        """Take it that what is owed to a network can be sent."""


class Vault(Protocol):
    """Where card numbers are kept: outside of this engine."""

    def pan(self, token: str) -> str | None:
        """Give the card number of a token, for a message that is about to leave; None where it is not known."""


class Outside(NamedTuple):
    """What links may be given from outside the engine; each may be left out.

    `authenticate` gives what verifies and signs the messages of a link; a link whose profile demands it and that gets
    none is closed at once.
    """

    authenticate: Callable[[LinkProfile], Authenticates | None] | None = None
    keys: KeyPort | None = None
    vault: Vault | None = None
    profiles: Mapping[str, LinkProfile] = MappingProxyType({})  # by network, also of links that were never up


NOTHING_OUTSIDE = Outside()


class Sessions:
    """Sessions by the number of their link, which is never used twice."""

    def __init__(
        self, core: Core, tokens: Tokens, outside: Outside, *, tap: Tap | None, counters: dict[str, int]
    ) -> None:
        self.by_link: dict[int, Session] = {}
        self.networks: dict[str, Network] = {}
        self.counters = counters
        self.draining = False
        self.offset = 0  # wall time minus monotonic time, ns
        self.accept = core.accept  # bound once: it is called for every request
        self._core = core
        self._tokens = tokens
        self._outside = outside
        self._tap = tap
        self._rules: deque[CardRules] = deque(maxlen=RULES_MAX)
        self._outgoing: dict[int, list[bytes]] = {}
        self._first: dict[int, list[bytes]] = {}
        self._closing: list[tuple[int, str]] = []
        self._notices: deque[Notice] = deque()
        self._noted: dict[int, int] = {}  # how many of each link since the last tick

    # What the switch is fed with

    def opened(self, link: int, profile: LinkProfile, now: int) -> None:
        """Take a new link and let it say what it has to say first."""
        check(link not in self.by_link, "link number used twice")
        session = self.by_link[link] = self._session(link, profile, now)
        session.begin(now)
        if session.signed_on and session.open:
            self.signed_on(link)

    def _session(self, link: int, profile: LinkProfile, now: int) -> Session:
        tap = self._tap
        if profile.rail is Rail.INSTANT:
            return InstantSession(link, profile, self, token=self._tokens.iban, tap=tap, now=now)
        rules = next((known for known in self._rules if known.profile is profile), None)
        if rules is None:
            rules = CardRules(profile, self._tokens)
            self._rules.append(rules)
        authenticate = self._outside.authenticate
        return CardSession(
            link,
            rules,
            self,
            tap=tap,
            now=now,
            network=self.network(profile),
            authenticator=None if authenticate is None else authenticate(profile),
            keys=self._outside.keys,
        )

    def network(self, profile: LinkProfile) -> Network:
        """Give the network behind a profile, known from its first link or message on."""
        network = self.networks.get(profile.counterpart)
        if network is None:
            network = self.networks[profile.counterpart] = Network(profile)
        return network

    def profile_of(self, network: str) -> LinkProfile | None:
        """Give the profile by which a network is spoken to; None for one to which no link leads."""
        known = self.networks.get(network)
        return self._outside.profiles.get(network) if known is None else known.profile

    def closed(self, link: int, now: int) -> None:
        """Forget a link that is gone; what we asked on it is given up."""
        session = self.by_link.pop(link, None)
        if session is not None:
            session.closed(now)
            network = self.networks.get(session.profile.counterpart)
            if network is not None:
                for own in network.pending.take_lost(link):
                    self.count(f"lost_{own.purpose}")
        self._outgoing.pop(link, None)
        self._first.pop(link, None)

    def drain(self, now: int) -> None:
        """Sign off on every link."""
        self.draining = True
        for session in self.by_link.values():
            session.drain(now)

    def wake(self, now: int, *, held: bool) -> None:
        """Give up requests of ours whose time is over, and let every link do what silence asks for."""
        self._noted.clear()
        for network in self.networks.values():
            for own in network.pending.take_expired(now):
                session = self.by_link.get(own.link)
                if isinstance(session, CardSession):
                    session.unanswered(own, now, held=held)
        for session in list(self.by_link.values()):
            session.wake(now, held=held)

    # What sessions do (session.Ports)

    def wall(self, now: int) -> int:
        """Give the wall time of a monotonic instant, ns since 1970."""
        return now + self.offset

    def send(self, link: int, data: bytes) -> None:
        """Queue framed bytes for a link."""
        chunks = self._outgoing.get(link)
        if chunks is None:
            self._outgoing[link] = [data]
        else:
            chunks.append(data)

    def send_first(self, link: int, data: bytes) -> None:
        """Queue framed bytes for a link before all others."""
        self._first.setdefault(link, []).append(data)

    def close(self, link: int, why: str) -> None:
        """Queue a link for closing."""
        self._closing.append((link, why))

    def count(self, what: str) -> None:
        """Count an event."""
        self.counters[what] = self.counters.get(what, 0) + 1

    def note(self, link: int, what: str, detail: str = "") -> None:
        """Keep a notice until it is taken."""
        noted = self._noted[link] = self._noted.get(link, 0) + 1
        if noted <= NOTICES_A_TICK and len(self._notices) < NOTICES_MAX:
            self._notices.append(Notice(link, what, detail))
        else:
            self.count("notices_dropped")

    def signed_on(self, link: int) -> None:
        """Tell the switch that a network can be reached."""
        self._core.link_signed_on(self.by_link[link].profile.counterpart)

    def settle(self, subject: str, code: str, *, accepted: bool) -> None:
        """Tell the switch what became of a message that we owe."""
        self._core.settle_own(subject, code, accepted=accepted)

    # What is taken

    def reachable(self, network: str) -> CardSession | None:
        """Give a link of a network on which we may send, the one with the least to do; None where there is none."""
        best: CardSession | None = None
        for session in self.by_link.values():
            if not isinstance(session, CardSession) or session.profile.counterpart != network:
                continue
            if session.open and session.signed_on and (best is None or session.in_flight < best.in_flight):
                best = session
        return best

    def outgoing(self) -> Mapping[int, list[bytes]]:
        """Take the bytes to send, by link; network management goes before everything else."""
        outgoing = self._outgoing
        if outgoing or self._first:
            self._outgoing = {}
        if self._first:
            first, self._first = self._first, {}
            outgoing |= {link: chunks + outgoing.get(link, []) for link, chunks in first.items()}
        return outgoing

    def closing(self) -> Sequence[tuple[int, str]]:
        """Take the links to close."""
        closing, self._closing = self._closing, []
        return closing

    def notices(self) -> Sequence[Notice]:
        """Take what somebody should look at."""
        if not self._notices:
            return ()
        notices, self._notices = list(self._notices), deque()
        return notices

    def unmatched(self) -> Mapping[str, Sequence[Unmatched]]:
        """Show, by network, the answers that found nobody who waits for them, oldest first; times are wall ns."""
        return {name: list(network.pending.unmatched) for name, network in self.networks.items()}
