"""TCP links: one asyncio Protocol a connection, thin enough to read at a glance.

A connection is checked against the allow-list before anything is read. Reading stops while the peer does not read what
we send, and the link is aborted when more than the profile's bound is queued; other links do not notice.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from twinrail.engine.transports.pump import Pump
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.profiles import LinkProfile

_LOG = logging.getLogger("twinrail.tcp")
BACKLOG = 1024
USER_TIMEOUT_MS = 15_000  # unacknowledged data after which the kernel gives a peer up
KEEPALIVE = (10, 5, 3)  # seconds idle, seconds between probes, probes

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Places:
    """Connections that all listeners may hold together."""

    free: int


@dataclass(slots=True)
class Listener:
    """One listening address: its profile, who may connect, and who is connected."""

    name: str
    profile: LinkProfile
    host: str
    port: int
    allow: Sequence[Network]
    connections_max: int
    places: Places = field(default_factory=lambda: Places(1000))
    connections: set["Link"] = field(default_factory=set)
    server: asyncio.Server | None = None
    bound: socket.socket | None = None
    refused: int = 0

    def bind(self) -> socket.socket:
        """Take the address without listening on it yet; `port` is the bound one afterwards (0 asks for a free one).

        SettingsError where it is taken: before the partition is claimed, so that a second engine started by mistake
        does not fence the one that runs.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self.port))
        except OSError as error:
            bound.close()
            raise SettingsError(f"link {self.name}: cannot listen on port {self.port} ({error.strerror})") from None
        self.bound = bound
        self.port = bound.getsockname()[1]
        return bound

    async def open(self, pump: Pump) -> None:
        """Start to listen, on the address that `bind` took."""
        bound = self.bound or self.bind()
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Link(self, pump), sock=bound, backlog=BACKLOG)

    def admits(self, address: str) -> bool:
        """Say whether an address is on the allow-list; an empty list admits nobody."""
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self.allow)

    def stop_listening(self) -> None:
        """Take no new connections; those that are open stay."""
        if self.server is not None:
            self.server.close()


class Link(asyncio.Protocol):
    """One connection, between the event loop and the pump."""

    def __init__(self, listener: Listener, pump: Pump) -> None:
        self._listener = listener
        self._pump = pump
        self._number = 0
        self._transport: asyncio.Transport | None = None
        self._bytes_max = listener.profile.outgoing_bytes_max
        self._held = False
        self._slow = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection or abort it."""
        transport = cast("asyncio.Transport", transport)  # what create_server promises; uvloop's own does not derive
        listener = self._listener
        peer = transport.get_extra_info("peername")
        full = len(listener.connections) >= listener.connections_max or listener.places.free <= 0
        if peer is None or full or not listener.admits(peer[0]):
            listener.refused += 1
            why = "no place free" if full else "address not on the allow-list"
            _LOG.warning("connection refused", extra={"listener": listener.name, "why": why})
            transport.abort()
            return
        _set_options(transport.get_extra_info("socket"))
        transport.set_write_buffer_limits(high=self._bytes_max // 4)
        self._transport = transport
        listener.connections.add(self)
        listener.places.free -= 1
        self._number = self._pump.opened(self, listener.profile)

    def data_received(self, data: bytes) -> None:
        """Hand over what was read."""
        if self._number:
            self._pump.received(self._number, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        del exc
        if self._number:
            self._listener.connections.discard(self)
            self._listener.places.free += 1
            self._pump.closed(self._number)
            self._number = 0
        self._transport = None

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
        if transport is None:
            return
        # Judged before this write: uvloop hands bytes to the kernel only at the end of a turn, so what was written in
        # this very turn says nothing about the peer. Reading is stopped meanwhile, so a turn's answers are the excess.
        if self._slow and transport.get_write_buffer_size() > self._bytes_max:
            _LOG.warning("peer does not read, link aborted", extra={"listener": self._listener.name})
            transport.abort()
            return
        transport.write(data)

    def hold_reading(self, *, held: bool) -> None:
        """Stop or go on reading by the switch's order."""
        self._held = held
        self._steer()

    def shut(self, why: str) -> None:
        """Send what is queued, then close."""
        if self._transport is not None:
            _LOG.info("link closed", extra={"listener": self._listener.name, "why": why})
            self._transport.close()

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
