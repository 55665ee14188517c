"""Listening links: who may connect, and how many at once."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from twinrail.engine.transports.pump import Pump
from twinrail.engine.transports.tcp import Line, Link
from twinrail.errors import SettingsError

BACKLOG = 1024  # asyncio's 100 is gone in a moment when a network reconnects

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Rate:
    """So many a second, and at most as many at once: a bucket that fills at that rate."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one at `now` (monotonic seconds); False where none is left."""
        self._left = min(self._per_s, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(slots=True, eq=False)
class Listener(Line):
    """One listening address, who may connect to it, and who is connected.

    Bounded are connections of the link, those from one address (as many as of the link where 0), and with TLS the
    handshakes a second: one costs about a millisecond in which no other link is served.
    """

    host: str
    port: int
    allow: Sequence[Network]
    connections_max: int
    per_address_max: int = field(default=0, kw_only=True)
    handshakes: Rate = field(default_factory=lambda: Rate(20.0), kw_only=True)
    server: asyncio.Server | None = field(default=None, init=False)
    bound: socket.socket | None = field(default=None, init=False)

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
        peer = getattr(peer, "ipv4_mapped", None) or peer  # who comes by IPv4 to a port of both
        return any(peer in network for network in self.allow)

    def refusal(self, address: str) -> str:
        """Say why a connection from an address is not taken; empty where it is."""
        if not self.admits(address):
            return "address not on the allow-list"
        if len(self.connections) >= self.connections_max or self.places.free <= 0:
            return "no place free"
        if self.per_address_max and self.addresses[address] >= self.per_address_max:
            return "too many connections from one address"
        if self.security is not None and not self.handshakes.take(asyncio.get_running_loop().time()):
            return "too many handshakes"
        return ""

    def stop_listening(self) -> None:
        """Take no new connections; those that are open stay."""
        if self.server is not None:
            self.server.close()
        elif self.bound is not None:
            self.bound.close()
            self.bound = None

    def status(self) -> dict[str, object]:
        """Say how the link is, for the status file."""
        is_listening = self.server is not None and self.server.is_serving()
        return {"listening": is_listening, "host": self.host, "port": self.port, **Line.status(self)}
