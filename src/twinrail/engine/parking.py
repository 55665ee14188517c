"""Parking: requests that wait for the store's answer, and those that must not overtake them.

A parked request keeps its deadline and its place: whatever comes later for the same card (or payment, or file) waits
behind it. Both are bounded; who asks to park beyond the bound is told so.
"""

from collections import deque
from collections.abc import Sequence

from twinrail.engine.journal import Ask
from twinrail.engine.session import Request


class Parking:
    """Questions to the store with the requests they hold up, by a queue name: a card's token, a payment's key."""

    def __init__(self, parked_max: int) -> None:
        self._parked_max = parked_max
        self._parked: dict[int, tuple[Request, str]] = {}
        self._behind: dict[str, deque[Request]] = {}
        self._behind_count = 0
        self._expired = 0  # those among them that have been answered meanwhile
        self._asks: list[Ask] = []
        self._next = 1

    def __len__(self) -> int:
        """Count the requests that still wait here, in front and behind."""
        return len(self._parked) + self._behind_count - self._expired

    def expired(self) -> None:
        """Note that one of the requests here was answered at its deadline: it takes no place any more."""
        self._expired += 1

    @property
    def full(self) -> bool:
        """Say whether nothing more fits."""
        return len(self) >= self._parked_max

    def holds(self, queue: str) -> bool:
        """Say whether something of this queue waits, so that what comes later has to wait too."""
        return queue in self._behind

    def park(self, request: Request, ask: Ask, queue: str) -> None:
        """Park a request in front of its queue and ask the store."""
        number = self._next
        self._next += 1
        self._behind[queue] = deque()
        self._parked[number] = (request, queue)
        self._asks.append(ask._replace(number=number))

    def wait_behind(self, request: Request, queue: str) -> None:
        """Put a request at the end of its queue."""
        self._behind[queue].append(request)
        self._behind_count += 1

    def asks(self) -> Sequence[Ask]:
        """Take the questions that have come up since the last call."""
        asks, self._asks = self._asks, []
        return asks

    def wanted(self, number: int) -> bool:
        """Say whether the request of a question has not been answered meanwhile."""
        return not self._parked[number][0].answered

    def answered(self, number: int) -> tuple[Request, str, deque[Request]]:
        """Take the request of an answered question, its queue's name, and those that waited behind it, in order."""
        request, queue = self._parked.pop(number)
        behind = self._behind.pop(queue)
        self._behind_count -= len(behind)
        self._expired -= request.answered + sum(waiting.answered for waiting in behind)
        return request, queue, behind
