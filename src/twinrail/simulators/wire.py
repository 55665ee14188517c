"""One simulated TCP connection: bytes in order, late, cut anywhere, or gone for good.

A stream never loses bytes in its middle. What is lost is the connection: reset, so that both sides are told, or half
open, so that neither is.
"""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from twinrail.simulators.faults import NS, Swarm

After = Callable[[int, Callable[[], None]], None]  # (ns from now, what to do)


class NearEnd(Protocol):
    """The network's side of a wire."""

    def heard(self, wire: "Wire", data: bytes) -> None:
        """Take bytes of the engine."""

    def cut(self, wire: "Wire") -> None:
        """Take that the connection is gone."""


class FarEnd(Protocol):
    """The engine's side of a wire."""

    full: bool

    def feed(self, wire: "Wire", data: bytes, whole: Sequence[object]) -> None:
        """Take bytes of the network; `whole` are the records of the frames that they complete."""

    def lost(self, wire: "Wire") -> None:
        """Take that the connection is gone."""


class Wire:
    """A connection between a network and an engine. `now` is read through the clock given, in virtual ns."""

    def __init__(
        self,
        number: int,
        ends: tuple[NearEnd, FarEnd],
        *,
        rng: random.Random,
        swarm: Callable[[], Swarm],
        clock: Callable[[], int],
        after: After,
        count: Callable[[str], None],
    ) -> None:
        self.number = number
        self.near, self.far = ends
        self.up = True
        self.half_open = False
        self._rng, self._swarm, self._clock, self._after, self._count = rng, swarm, clock, after, count
        self._near_at = self._far_at = 0  # when the last chunk gets to either side
        self._frames: list[tuple[int, object]] = []  # (offset of the end, record) of what has not arrived
        self._written = self._arrived = 0
        self._held = b""
        self._waiting: list[bytes] = []  # delivered while the engine does not read

    def send(self, data: bytes, record: object = None) -> None:
        """Send one frame (or rubbish) to the engine; its record is handed over with its last byte."""
        if not self.up:
            return
        self._written += len(data)
        if record is not None:
            self._frames.append((self._written, record))
        if self._rng.random() < self._swarm().coalesce_p:
            self._count("coalesced")
            first = not self._held
            self._held += data
            if first:
                self._after(int(self._rng.uniform(0, 0.2) * NS), self._flush)
            return
        data, self._held = self._held + data, b""
        self._send_cut(data)

    def _flush(self) -> None:
        if self.up and self._held:
            data, self._held = self._held, b""
            self._send_cut(data)

    def _send_cut(self, data: bytes) -> None:
        rng = self._rng
        if rng.random() >= self._swarm().split_p:
            self._carry(data)
            return
        self._count("split")
        cuts = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 1, 3, 9))))})
        for start, end in pairwise(cuts):
            self._carry(data[start:end])

    def _delay(self) -> int:
        swarm = self._swarm()
        if self._rng.random() < swarm.tail_p:
            self._count("delayed")
            return int(self._rng.uniform(0.1, 20) * NS)
        return int(self._rng.uniform(0.05, 1) * swarm.delay_s * NS)

    def _carry(self, data: bytes) -> None:
        self._far_at = max(self._far_at, self._clock() + self._delay())
        self._after(self._far_at - self._clock(), lambda: self._arrive(data))

    def _arrive(self, data: bytes) -> None:
        if not self.up or self.half_open:
            return
        if self.far.full or self._waiting:
            self._count("held_back")
            self._waiting.append(data)
            return
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        self._arrived += len(data)
        whole = []
        while self._frames and self._frames[0][0] <= self._arrived:
            whole.append(self._frames.pop(0)[1])
        self.far.feed(self, data, whole)

    def go_on(self) -> None:
        """Hand over what came while the engine did not read."""
        while self._waiting and self.up and not self.far.full:
            self._hand_over(self._waiting.pop(0))

    def answer(self, data: bytes) -> None:
        """Carry what the engine sends."""
        if not self.up or self.half_open:
            return
        self._near_at = max(self._near_at, self._clock() + self._delay())
        self._after(self._near_at - self._clock(), lambda: self._answered(data))

    def _answered(self, data: bytes) -> None:
        if self.up and not self.half_open:
            self.near.heard(self, data)

    def reset(self) -> None:
        """End the connection; what is under way is lost, and both sides are told, each in its time."""
        if self.up:
            self.up = False
            self._after(self._delay(), lambda: self.near.cut(self))
            self.far.lost(self)

    def shut(self) -> None:
        """End the connection from the engine's side, after what it has sent."""
        if not self.up:
            return
        self._near_at = max(self._near_at, self._clock() + self._delay())
        self._after(self._near_at - self._clock(), self._shut)
        self.far.lost(self)

    def _shut(self) -> None:
        self.up = False
        self.near.cut(self)

    def fall_silent(self) -> None:
        """Let nothing through any more and tell nobody."""
        self.half_open = True
