"""The duplicate window: what was decided for a message key, for as long as memory holds it.

Bounded by count and by age; behind it the store is asked, for repeat message types and advices only.
"""

from collections import deque

import msgspec

from twinrail.errors import check
from twinrail.schemas.journal import Answer, Entry


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
        self._decided: dict[str, Decided] = {}
        self.find = self._decided.get

    def __len__(self) -> int:
        """Count the keys in the window."""
        return len(self._order)

    def remember(self, entry: Entry, since: int | None = None) -> None:
        """Take a decision into the window; a later decision of the same key replaces the earlier one.

        Its age counts from `since` (ns since 1970), by default from when it was taken.
        """
        answer = entry.answer
        if answer is None or not entry.key:
            return
        key, at = entry.key, entry.at
        if key not in self._decided:
            self._order.append(key)
        self._decided[key] = Decided(entry.seq, entry.content, answer, at, at if since is None else since)

    def forget(self, at: int, committed_seq: int) -> None:
        """Drop what is beyond the bounds; nothing whose decision the store does not yet hold."""
        order, decided = self._order, self._decided
        oldest = at - self._age_max_ns
        while order:
            first = decided[order[0]]
            if first.seq > committed_seq or (len(order) <= self._count_max and first.since > oldest):
                return
            del decided[order.popleft()]
        check(not decided, "duplicate window out of step")
