"""Sessions: what one link says and hears, between its bytes and the switch's instructions.

A session frames, decodes, answers what concerns the link alone and what cannot be read, and hands the rest on. It is
fed bytes and never calls out: what leaves goes through `Ports`, which the switch implements. This module is what every
link has; `card_session` and `instant_session` know their protocols.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from twinrail.codecs.framing import Framer, framed
from twinrail.errors import EncodeError
from twinrail.schemas.instructions import Instruction
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.schemas.journal import Answer, Entry

NS = 1_000_000_000
BAD_FRAMES_MAX = 16  # unreadable frames in a row after which a link is closed


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
    header: bytes = b""  # of the request's frame, for that of the answer


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

    def accept(self, request: Request, /) -> None:
        """Take a request for decision."""

    def send(self, link: int, data: bytes) -> None:
        """Send framed bytes on a link."""

    def send_first(self, link: int, data: bytes) -> None:
        """Send framed bytes on a link before all that waits to be sent on it."""

    def close(self, link: int, why: str) -> None:
        """Close a link; `why` is constant text."""

    def count(self, what: str) -> None:
        """Count an event by its constant name."""

    def note(self, link: int, what: str, detail: str = "") -> None:
        """Note an event that somebody should look at: constant text, and a code or message type beside it."""

    def signed_on(self, link: int) -> None:
        """Note that a link is signed on, so that what waited for it can be sent."""

    def settle(self, subject: str, code: str, *, accepted: bool) -> None:
        """Take the answer to what we owe a network; `code` as the network gave it."""


class Session:
    """What every link has: framing, timers, and how many of its requests are unsettled."""

    def __init__(self, link: int, profile: LinkProfile, ports: Ports, *, tap: Tap | None, now: int) -> None:
        self.link = link
        self.profile = profile
        self.budget_ns = int(profile.deadline_s * NS)
        self.in_flight_max = profile.in_flight_max
        self.in_flight = 0
        self.signed_on = not profile.sign_on_required
        self.open = True
        self.heard_at = now
        self.partial_since = 0
        self._idle_ns = int(profile.idle_timeout_s * NS)
        self._partial_ns = int(profile.frame_timeout_s * NS)
        self._framer = Framer(profile.frame, profile.frame_bytes_max)
        self._framed = framed(profile.frame)
        self._keepalives = 0
        self._ports = ports
        self._tap = tap
        self._bad_frames = 0
        if tap is not None:
            tap.opened(link, profile.name, now)

    def begin(self, now: int) -> None:
        """Say what we have to say first, once the link can carry it."""

    def receive(self, data: bytes, now: int) -> None:
        """Take bytes as they came; every complete frame among them is dealt with before this returns.

        An empty frame is a keep-alive: the link was heard, and nothing is ever sent for it.
        """
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
        while self._keepalives < framer.keepalives:
            self._keepalives += 1
            self._ports.count("keepalives")
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
        self._put(self._ports.send, payload, now)

    def _send_first(self, payload: bytes, now: int) -> None:
        self._put(self._ports.send_first, payload, now)

    def _put(self, send: Callable[[int, bytes], None], payload: bytes, now: int) -> None:
        if not self.open:
            return
        try:
            whole = self._framed(payload)
        except EncodeError:  # longer than its request, or a delimiter among its bytes: what a peer can bring about
            self._not_written("")
            return
        send(self.link, whole)
        if self._tap is not None:
            self._tap.frame(self.link, "out", payload, now)

    def _not_written(self, mti: str) -> None:
        """Take it that a message cannot leave as it was agreed to be written: it does not, and somebody is told."""
        self._ports.count("not_written")
        self._ports.note(self.link, "not_written", mti)

    def _unreadable(self) -> None:
        """Count a frame that cannot even be answered; too many in a row close the link."""
        self._ports.count("unreadable")
        self._bad_frames += 1
        if self._bad_frames >= BAD_FRAMES_MAX:
            self.close("too many unreadable frames")
