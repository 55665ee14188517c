"""The pace of payment files: before each window they wait for cards, as long as cards have something to wait for.

A window is decided in one go and commits in the same batches as cards do, so what is in front of a card is what is
unsettled when it arrives. Files go on while that stays below a small share of the shortest card budget. They never
stand still: after `PAUSE_MAX_S` the next window goes, whatever the load. Without card requests under way nothing waits.
"""

import asyncio
from collections.abc import Awaitable, Callable

SHARE = 0.02  # of the shortest card budget (30 ms of 1.5 s) that may be in front of a card when a window is added
PAUSE_S = 0.002
PAUSE_MAX_S = 0.5  # longest wait of one window: with the usual window of 500 at least 1,000 transactions a second


class Pace:
    """Wait while cards are under way and the predicted wait (ns) is above its share of `budget_ns`."""

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
        """Wait for the next window's turn."""
        left = PAUSE_MAX_S
        while left > 0 and self._under_way() and self._wait_ns() > self._allowed_ns:
            self.pauses += 1
            left -= PAUSE_S
            await self._pause(PAUSE_S)
