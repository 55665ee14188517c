"""The pace of payment files: before each slice they wait for the links, as long as these have something to wait for.

A slice commits in the same batches as cards and instant payments do, so what is in front of one of them is what is
unsettled when it arrives. Files go on while that stays below a small share of the shortest budget. They never stand
still: after `PAUSE_MAX_S` the next slice goes, whatever the load. Without requests under way nothing waits.
"""

import asyncio
from collections.abc import Awaitable, Callable

SHARE = 0.01  # of the shortest budget (15 ms of 1.5 s) that may be in front of a request when a slice is added
PAUSE_S = 0.002
PAUSE_MAX_S = 0.1  # longest wait of one slice: with 100 in a slice at least 1,000 transactions a second


class Pace:
    """Wait while requests are under way and the predicted wait (ns) is above its share of `budget_ns`."""

    def __init__(
        self,
        *,
        under_way: Callable[[], int],
        wait_ns: Callable[[], int],
        budget_ns: int,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.pauses = 0
        self._under_way = under_way
        self._wait_ns = wait_ns
        self._allowed_ns = int(budget_ns * SHARE)
        self._pause = pause

    async def __call__(self) -> None:
        """Wait for the next slice's turn."""
        left = PAUSE_MAX_S
        while left > 0 and self._under_way() and self._wait_ns() > self._allowed_ns:
            self.pauses += 1
            left -= PAUSE_S
            await self._pause(PAUSE_S)
