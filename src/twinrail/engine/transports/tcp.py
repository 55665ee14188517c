"""TCP connections: one asyncio Protocol each, thin enough to read at a glance.

A `Line` is a link of the settings, listening or dialled (modules `listen` and `dial`); a `Link` is one of its
connections. A connection is judged by its address before anything is read, and by its certificate before anything that
was read is handed on (module `tls`). Reading stops while the peer does not read what we send, and the connection is
aborted when more than the profile's bound is queued; other connections do not notice.
"""

import asyncio
import logging
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from twinrail.engine.transports.pump import Pump
from twinrail.engine.transports.tls import Channel, Security, TlsError
from twinrail.schemas.iso8583.profiles import LinkProfile

_LOG = logging.getLogger("twinrail.tcp")
USER_TIMEOUT_MS = 15_000  # unacknowledged data after which the kernel gives a peer up
KEEPALIVE = (10, 5, 3)  # seconds idle, seconds between probes, probes
CLOSE_S = 5.0  # what a closed connection may still take to send what is queued
NOTED_EVERY_S = 10.0  # refusals in between are counted and not logged one by one
BY_PEER = "closed by peer"


@dataclass(slots=True)
class Places:
    """Connections that all listeners may hold together."""

    free: int


@dataclass(slots=True, eq=False)
class Line:
    """One link of the settings: its profile, how it is secured, and who is connected."""

    name: str
    profile: LinkProfile
    security: Security | None = field(default=None, kw_only=True)
    places: Places = field(default_factory=lambda: Places(1000), kw_only=True)
    connections: set["Link"] = field(default_factory=set, init=False)
    addresses: Counter[str] = field(default_factory=Counter, init=False)
    refused: int = field(default=0, init=False)
    last_refusal: str = field(default="", init=False)
    _note_at: float = field(default=0.0, init=False)

    def refusal(self, address: str) -> str:
        """Say why a connection from an address is not taken; empty where it is."""
        del address
        return ""

    def refuse(self, why: str) -> None:
        """Count a connection that was not taken, and say so, but not so often that a flood fills the log."""
        self.refused += 1
        self.last_refusal = why
        now = asyncio.get_running_loop().time()
        if now >= self._note_at:
            self._note_at = now + NOTED_EVERY_S
            _LOG.warning("connection refused", extra={"link": self.name, "why": why, "refused": self.refused})

    def joined(self, link: "Link") -> None:
        """Take a connection in."""
        self.connections.add(link)
        self.addresses[link.address] += 1
        self.places.free -= 1

    def left(self, link: "Link") -> None:
        """Forget a connection that was taken in."""
        self.connections.discard(link)
        self.addresses[link.address] -= 1
        if not self.addresses[link.address]:
            del self.addresses[link.address]
        self.places.free += 1

    def status(self) -> dict[str, object]:
        """Say how the link is, for the status file."""
        return {
            "open": sum(link.is_open for link in self.connections),
            "refused": self.refused,
            "last_refusal": self.last_refusal,
        }


class Link(asyncio.Protocol):
    """One connection, between the event loop and the pump.

    `settled` is set once the switch has it or it is clear that it never will, `gone` when it has ended, and `why` says
    by whom or what. With a `server_name` it is the dialling end of TLS.
    """

    def __init__(self, line: Line, pump: Pump, *, server_name: str | None = None) -> None:
        self.address = ""
        self.why = ""
        self.settled = asyncio.Event()
        self.gone = asyncio.Event()
        self._line = line
        self._pump = pump
        self._server_name = server_name
        self._number = 0
        self._transport: asyncio.Transport | None = None
        self._channel: Channel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._bytes_max = line.profile.outgoing_bytes_max
        self._held = False
        self._slow = False

    @property
    def name(self) -> str:
        """Name the link of the settings."""
        return self._line.name

    @property
    def is_open(self) -> bool:
        """Say whether the switch has this connection."""
        return bool(self._number)

    @property
    def tls_version(self) -> str:
        """Give the version of TLS that was agreed; empty where there is none."""
        return self._channel.version if self._channel is not None else ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection or abort it; with TLS the handshake comes first."""
        transport = cast("asyncio.Transport", transport)  # what create_server promises; uvloop's own does not derive
        line = self._line
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        refusal = line.refusal(self.address)
        if peer == transport.get_extra_info("sockname"):
            refusal = "connected to itself"  # what a dialled port of this machine gives while nobody listens there
        if refusal:
            self.why = refusal
            line.refuse(refusal)
            transport.abort()
            return
        _set_options(transport.get_extra_info("socket"))
        transport.set_write_buffer_limits(high=self._bytes_max // 4)
        self._transport = transport
        line.joined(self)
        if line.security is None:
            self._begin()
            return
        self._channel = Channel(line.security, server_name=self._server_name)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(line.security.handshake_s, self._fail, "tls: handshake not finished in time")
        if self._server_name is not None:
            self._channel.start()
            transport.write(self._channel.pending())

    def data_received(self, data: bytes) -> None:
        """Hand over what was read."""
        if self._channel is not None:
            self._decrypt(self._channel, data)
        elif self._number:
            self._pump.received(self._number, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self.why = self.why or (type(exc).__name__ if exc is not None else BY_PEER)
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport = None
            self._line.left(self)
        if self._number:
            self._pump.closed(self._number)
            self._number = 0
        elif self._channel is not None and not self._channel.established:
            self._line.refuse(self.why)
        self.settled.set()
        self.gone.set()

    def pause_writing(self) -> None:
        """Stop reading from a peer that does not read."""
        self._slow = True
        self._steer()

    def resume_writing(self) -> None:
        """Go on reading from a peer that reads again."""
        self._slow = False
        self._steer()

    def write(self, data: bytes) -> None:
        """Send bytes, or abort a link on which more than its bound is queued."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        # Judged before this write: uvloop hands bytes to the kernel only at the end of a turn, so what was written in
        # this very turn says nothing about the peer. Reading is stopped meanwhile, so a turn's answers are the excess.
        if self._slow and transport.get_write_buffer_size() > self._bytes_max:
            _LOG.warning("peer does not read, link aborted", extra={"link": self._line.name})
            self.why = "peer does not read"
            transport.abort()
            return
        if self._channel is not None:
            try:
                data = self._channel.encrypt(data)
            except TlsError as error:
                self._fail(str(error))
                return
        transport.write(data)

    def hold_reading(self, *, held: bool) -> None:
        """Stop or go on reading by the switch's order."""
        self._held = held
        self._steer()

    def shut(self, why: str) -> None:
        """Send what is queued, then close; a peer that does not take it in time is left without."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self.why = self.why or why
        _LOG.info("link closed", extra={"link": self._line.name, "why": why})
        self._close(transport, self._channel.farewell() if self._channel is not None else b"")

    def _begin(self) -> None:
        """Give the connection to the switch: from here on what is read counts."""
        self._number = self._pump.opened(self, self._line.profile)
        self.settled.set()

    def _decrypt(self, channel: Channel, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        try:
            plain = channel.receive(data)
        except TlsError as error:
            self._fail(str(error))
            return
        own = channel.pending()
        if own:
            transport.write(own)
        if channel.established and not self._number:
            if self._timer is not None:
                self._timer.cancel()
            self._begin()
        if plain:
            self._pump.received(self._number, plain)
        if channel.ended and not transport.is_closing():
            self.why = BY_PEER
            self._close(transport, channel.farewell())

    def _fail(self, why: str) -> None:
        """End a connection whose TLS is refused; the alert is sent as far as that goes without waiting."""
        transport = self._transport
        if transport is None or self._channel is None:
            return
        self.why = self.why or why
        if self._channel.established:
            _LOG.warning("link aborted", extra={"link": self._line.name, "why": why})
        self._close(transport, self._channel.pending())

    def _close(self, transport: asyncio.Transport, last: bytes) -> None:
        """Close behind the last bytes and what is queued before them, or without when that takes too long."""
        if last:
            transport.write(last)
        transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_S, transport.abort)

    def _steer(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._held or self._slow:
            transport.pause_reading()
        else:
            transport.resume_reading()


def _set_options(raw: socket.socket) -> None:
    """Have a dead peer noticed: no Nagle delay, keep-alive probes, a bound on unacknowledged data."""
    idle, interval, probes = KEEPALIVE
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", probes),
        ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
    ):
        if hasattr(socket, option):  # not every system has every one
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
