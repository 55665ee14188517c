"""The duplicate window: what was decided for a message key, for as long as memory holds it.

Bounded by count and by age; behind it the store is asked, for repeat message types and advices only.
"""

from collections import deque

import msgspec

from twinrail.errors import check
from twinrail.schemas.journal import Answer, Entry

PARTS = 64  # dicts of the window; a power of two


class Decided(msgspec.Struct, gc=False):
    """An earlier decision: enough to answer its repeat."""

    seq: int
    content: str
    answer: Answer
    at: int  # ns since 1970, wall
    since: int  # from when its age counts, ns since 1970: later than `at` for what a new owner has loaded


class Duplicates:
    """The newest decisions by message key."""

    def __init__(self, count_max: int, age_max_ns: int) -> None:
        self._count_max = count_max
        self._age_max_ns = age_max_ns
        self._order: deque[str] = deque()
        # Many small dicts: one of 200,000 keys that are added and removed all the time is rebuilt now and then, and was
        # seen to stop the loop for 15 to 60 ms.
        self._parts: tuple[dict[str, Decided], ...] = tuple({} for _ in range(PARTS))

    def __len__(self) -> int:
        """Count the keys in the window."""
        return len(self._order)

    def find(self, key: str) -> Decided | None:
        """Give the decision of a key, or None where the window does not hold it."""
        return self._parts[hash(key) & PARTS - 1].get(key)

    def remember(self, entry: Entry, since: int | None = None) -> None:
        """Take a decision into the window; a later decision of the same key replaces the earlier one.

        Its age counts from `since` (ns since 1970), by default from when it was taken.
        """
        answer = entry.answer
        if answer is None or not entry.key:
            return
        key, at = entry.key, entry.at
        part = self._parts[hash(key) & PARTS - 1]
        if key not in part:
            self._order.append(key)
        part[key] = Decided(entry.seq, entry.content, answer, at, at if since is None else since)

    def forget(self, at: int, committed_seq: int) -> None:
        """Drop what is beyond the bounds; nothing whose decision the store does not yet hold."""
        order, parts = self._order, self._parts
        oldest = at - self._age_max_ns
        while order:
            part = parts[hash(order[0]) & PARTS - 1]
            first = part[order[0]]
            if first.seq > committed_seq or (len(order) <= self._count_max and first.since > oldest):
                return
            del part[order.popleft()]
        check(not any(parts), "duplicate window out of step")
