"""Dialled links: connections that are kept up to a network that listens, whenever it is there.

Every connection has a task of its own: dial, wait until it ends, pause, dial again. Pauses double up to a bound, with
jitter so that a network that comes back is not met by everybody in the same moment, and start anew after a connection
that lasted. Where a network has several addresses the next one is taken after each failure. A peer that is not there
yet is no error: whoever is started first waits for the other.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from twinrail.engine.transports.pump import Pump
from twinrail.engine.transports.tcp import Line, Link

_LOG = logging.getLogger("twinrail.dial")


class Endpoint(NamedTuple):
    """An address to dial."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redial:
    """How patiently a network is dialled, in seconds."""

    first_s: float = 0.1
    max_s: float = 30.0
    lasted_s: float = 10.0  # a connection that was open for this long begins the pauses anew
    connect_s: float = 5.0


class BackOff:
    """The pauses between attempts: doubling, bounded, each shortened by up to a half by `draw` (0 to below 1)."""

    def __init__(self, redial: Redial, draw: Callable[[], float]) -> None:
        self._redial = redial
        self._draw = draw
        self._next_s = redial.first_s

    def pause_s(self) -> float:
        """Give the next pause, in seconds."""
        pause = min(self._next_s, self._redial.max_s)
        self._next_s = 2 * pause
        return pause * (1 - self._draw() / 2)

    def reset(self) -> None:
        """Begin anew with the shortest pause."""
        self._next_s = self._redial.first_s


@dataclass(slots=True, eq=False)
class Dialler(Line):
    """A network that is dialled, and the connections that there are to it of those that are wanted.

    `attempts` counts from the last connection; `since` (unix seconds) is when the state last changed.
    """

    endpoints: Sequence[Endpoint]
    wanted: int = field(default=1, kw_only=True)
    redial: Redial = field(default_factory=Redial, kw_only=True)
    draw: Callable[[], float] = field(kw_only=True)
    pause: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, kw_only=True)
    attempts: int = field(default=0, init=False)
    last_error: str = field(default="", init=False)
    state: str = field(default="dialling", init=False)
    since: float = field(default_factory=time.time, init=False)
    _told: dict[Endpoint, str] = field(default_factory=dict, init=False)  # what the log has of this row of failures

    async def run(self, pump: Pump) -> None:
        """Keep the connections up until cancelled; those that are open then stay open."""
        _LOG.info("dialling", extra={"link": self.name, "to": ", ".join(map(str, self.endpoints))})
        async with asyncio.TaskGroup() as group:
            for _ in range(self.wanted):
                group.create_task(self._keep(pump))

    def refuse(self, why: str) -> None:
        """Leave it to the attempt that failed to say so."""

    def status(self) -> dict[str, object]:
        """Say how the link is, for the status file."""
        return {
            "connect": [str(endpoint) for endpoint in self.endpoints],
            "state": self.state,
            "since": self.since,
            "wanted": self.wanted,
            "attempts": self.attempts,
            "last_error": self.last_error,
            "open": self._open,
        }

    @property
    def _open(self) -> int:
        return sum(link.is_open for link in self.connections)

    async def _keep(self, pump: Pump) -> None:
        back_off = BackOff(self.redial, self.draw)
        turn = 0
        while True:
            lasted_s = await self._connection(pump, self.endpoints[turn % len(self.endpoints)])
            if lasted_s is not None and lasted_s >= self.redial.lasted_s:
                back_off.reset()
                turn = 0
            else:
                turn += 1
            await self.pause(back_off.pause_s())

    async def _connection(self, pump: Pump, endpoint: Endpoint) -> float | None:
        """Dial once and stay until the connection has ended; gives how long it was open, in seconds, None for never."""
        loop = asyncio.get_running_loop()
        name = (self.security.server_name or endpoint.host) if self.security is not None else None
        link = Link(self, pump, server_name=name)
        self.attempts += 1
        try:
            async with asyncio.timeout(self.redial.connect_s):
                await loop.create_connection(lambda: link, endpoint.host, endpoint.port)
            await link.settled.wait()  # at most the time that a handshake has
        except (OSError, UnicodeError) as error:  # time-outs and names that nobody has, or could have, are among them
            self._failed(endpoint, type(error).__name__)  # its text may hold anything
            return None
        except asyncio.CancelledError:
            link.shut("dialling no more")
            raise
        if not link.is_open:
            self._failed(endpoint, link.why)
            return None
        began = loop.time()
        self._connected(endpoint, link)
        await link.gone.wait()
        self.last_error = link.why
        self._note("dialling")
        _LOG.warning("link lost", extra={"link": self.name, "to": str(endpoint), "why": link.why, **self._counts()})
        return loop.time() - began

    def _connected(self, endpoint: Endpoint, link: Link) -> None:
        attempts, self.attempts = self.attempts, 0
        self._told.clear()
        self._note("connected" if self._open == self.wanted else "dialling")
        extra = {"link": self.name, "to": str(endpoint), "attempts": attempts, "tls": link.tls_version or "none"}
        _LOG.info("link connected", extra=extra | self._counts())

    def _failed(self, endpoint: Endpoint, why: str) -> None:
        """Note an attempt that failed; of a row of failures the log has each address with each new reason once."""
        self.last_error = why
        if self._told.get(endpoint) != why:
            self._told[endpoint] = why
            extra = {"link": self.name, "to": str(endpoint), "why": why, "attempts": self.attempts}
            _LOG.warning("link not connected, trying on", extra=extra | self._counts())

    def _counts(self) -> dict[str, object]:
        return {"open": self._open, "wanted": self.wanted}

    def _note(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.since = time.time()
