"""Deadlines: which requests still wait for their answer, and which of them waited too long.

Requests of one budget mostly come in the order of their deadlines, so one queue per budget is sorted by itself and a
request costs one append; one that comes out of order (an instant payment that was long on its way) goes to a heap.
Answered requests are dropped from the front; all is bounded by what admission lets in.
"""

import heapq
from collections import deque
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What waits: answered yet or not, and until when (monotonic ns)."""

    answered: bool
    deadline: int


Item = TypeVar("Item", bound=Waiting)


class Deadlines(Generic[Item]):
    """Waiting requests by their deadline."""

    def __init__(self) -> None:
        self._queues: dict[int, deque[Item]] = {}
        self._odd: list[tuple[int, int, Item]] = []
        self._odd_count = 0

    def append(self, item: Item, budget_ns: int) -> None:
        """Watch a request; `budget_ns` names the queue in which requests come in order."""
        queue = self._queues.get(budget_ns)
        if queue is None:
            queue = self._queues[budget_ns] = deque()
        if not queue or queue[-1].deadline <= item.deadline:
            queue.append(item)
        else:
            self._odd_count += 1
            heapq.heappush(self._odd, (item.deadline, self._odd_count, item))

    def next(self) -> int | None:
        """Give the earliest deadline of an unanswered request, monotonic ns; None if nobody waits."""
        fronts: list[int] = []
        for queue in self._queues.values():
            while queue and queue[0].answered:
                queue.popleft()
            if queue:
                fronts.append(queue[0].deadline)
        while self._odd and self._odd[0][2].answered:
            heapq.heappop(self._odd)
        if self._odd:
            fronts.append(self._odd[0][0])
        return min(fronts, default=None)

    def take_due(self, now: int) -> list[Item]:
        """Take the unanswered requests whose deadline has passed at `now`."""
        due: list[Item] = []
        for queue in self._queues.values():
            while queue and (queue[0].answered or queue[0].deadline <= now):
                item = queue.popleft()
                if not item.answered:
                    due.append(item)
        while self._odd and (self._odd[0][2].answered or self._odd[0][0] <= now):
            item = heapq.heappop(self._odd)[2]
            if not item.answered:
                due.append(item)
        return due
