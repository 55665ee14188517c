"""A card network at the issuer's door: it keeps its link, and never forgets what it may have let happen.

It signs on until it is accepted, or waits until the issuer has where that is the agreement; it asks for echoes, and
connects again when the link is lost. A request without an answer in time is reversed: the reversal goes into a
store-and-forward queue, is sent, and repeated as a repeat until it is answered. So whatever the issuer does, money held
for an answer that nobody saw is given back.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.simulators import transactions
from twinrail.simulators.acquirer import AcquirerLink, Exchange, LinkError
from twinrail.simulators.transactions import repeat_of

FORWARD_MAX = 10_000  # reversals that wait to be answered; beyond them requests are refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a network behaves; times are seconds."""

    answer_within_s: float = 1.5
    connect_again_s: float = 0.5
    echo_every_s: float = 60.0
    repeat_every_s: float = 1.0
    repeats_max: int = 60


class CardNetwork:
    """One link to one issuer; use as an async context manager, which keeps the link in a task of its own."""

    def __init__(self, host: str, port: int, profile: LinkProfile, habits: Habits | None = None) -> None:
        self._address = (host, port)
        self._profile = profile
        self._habits = habits or Habits()
        self._link: AcquirerLink | None = None
        self._forward: deque[Message] = deque()
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.connections = 0
        self.reversed = 0  # reversals that were answered
        self.given_up = 0  # reversals that were not, after all repeats

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._link is not None:
            await self._link.close()

    @property
    def owed(self) -> int:
        """Give the number of reversals that have not been answered yet."""
        return len(self._forward)

    async def ready(self, *, timeout_s: float) -> None:
        """Wait until the link is signed on; TimeoutError where that takes longer."""
        async with asyncio.timeout(timeout_s):
            await self._ready.wait()

    async def ask(self, request: Message) -> Exchange:
        """Send a request and wait for its answer; without one in time, a reversal is on its way.

        LinkError where the link is not signed on or FORWARD_MAX reversals wait: nothing was sent then.
        """
        link = self._link
        if link is None or not link.signed_on or link.is_closed:
            raise LinkError("the link is not signed on")
        if len(self._forward) >= FORWARD_MAX:
            raise LinkError(f"{FORWARD_MAX} reversals wait for their answers")
        exchange = await link.exchange(request, timeout_s=self._habits.answer_within_s)
        if exchange.reply is None:
            stan = int(str(request.elements[self._profile.places.stan]))
            self._forward.append(transactions.reversal(self._profile, request, stan=stan, at=datetime.now(UTC)))
            self._wake.set()
        return exchange

    async def _keep(self) -> None:
        """Connect, sign on, serve; again when the link is lost."""
        while True:
            try:
                link = await AcquirerLink.connect(*self._address, self._profile)
                self._link = link
                link.lost.add_done_callback(lambda _lost: self._wake.set())
                self.connections += 1
                if await link.sign_on(timeout_s=self._habits.answer_within_s):
                    self._ready.set()
                    await self._serve(link)
                await link.close()
            except (OSError, LinkError):  # refused, lost while signing on
                pass
            self._ready.clear()
            await asyncio.sleep(self._habits.connect_again_s)

    async def _serve(self, link: AcquirerLink) -> None:
        """Forward reversals and ask for echoes until the link is lost."""
        loop = asyncio.get_running_loop()
        echo_at = loop.time() + self._habits.echo_every_s
        while not link.is_closed:
            if self._forward:
                await self._forward_first(link)
            elif loop.time() >= echo_at:
                await link.echo(timeout_s=self._habits.answer_within_s)
                echo_at = loop.time() + self._habits.echo_every_s
            else:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), echo_at - loop.time())

    async def _forward_first(self, link: AcquirerLink) -> None:
        """Send the oldest reversal until it is answered, marked as a repeat from the second time on."""
        reversal = self._forward[0]
        for attempt in range(self._habits.repeats_max):
            message = repeat_of(reversal) if attempt else reversal
            exchange = await link.exchange(message, timeout_s=self._habits.repeat_every_s)
            if exchange.reply is not None:
                self._forward.popleft()
                self.reversed += 1
                return
            self._forward[0] = repeat_of(reversal)
            if link.is_closed:
                return
        self._forward.popleft()
        self.given_up += 1
