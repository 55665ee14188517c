"""Commits: the batch that gathers, those that are cut, and the one that is in flight, until its fate is known.

BUILT -> SUBMITTED -> SETTLED, or KEPT where the outcome is not known: then the partition row tells, and the very same
batch is settled or submitted again. At most one batch is in flight; what queues meanwhile is the next one, so the size
of a batch follows the load by itself.
"""

from collections import deque
from dataclasses import dataclass, field

from twinrail.engine.journal import Batch, Position
from twinrail.engine.session import Request
from twinrail.engine.state import State
from twinrail.errors import check
from twinrail.schemas.journal import Entry


@dataclass(slots=True)
class Cut:
    """A folded batch and who waits for it; times are monotonic ns."""

    batch: Batch
    requests: list[Request]
    submitted_at: int = 0


@dataclass(slots=True)
class _Building:
    entries: list[Entry] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


class Commits:
    """The batches of one partition on their way to the store."""

    def __init__(self, state: State, *, partition: int, entries_max: int) -> None:
        self.epoch = 0
        self.in_flight: Cut | None = None
        self._state = state
        self._partition = partition
        self._entries_max = entries_max
        self._building = _Building()
        self._ready: deque[Cut] = deque()
        self._resubmit = False

    @property
    def idle(self) -> bool:
        """Say whether nothing gathers and nothing is in flight."""
        return self.in_flight is None and not self._ready and not self._building.entries

    def append(self, entry: Entry, request: Request | None) -> None:
        """Add an entry, whose effects are applied already, and who waits for it."""
        building = self._building
        building.entries.append(entry)
        if request is not None:
            building.requests.append(request)
        if len(building.entries) >= self._entries_max:
            self._cut()

    def join(self, request: Request, seq: int) -> None:
        """Let a request wait for the commit of an entry that is not settled yet."""
        for cut in (self.in_flight, *self._ready):
            if cut is not None and seq <= cut.batch.last_seq:
                cut.requests.append(request)
                return
        self._building.requests.append(request)

    def _cut(self) -> None:
        building, self._building = self._building, _Building()
        entries = building.entries
        batch = Batch(
            partition=self._partition,
            epoch=self.epoch,
            first_seq=entries[0].seq,
            last_seq=entries[-1].seq,
            rows=self._state.fold(entries),
        )
        self._ready.append(Cut(batch, building.requests))

    def next_batch(self, now: int) -> Batch | None:
        """Give the batch to commit now, or None: nothing to commit, or one is in flight already."""
        if self.in_flight is not None:
            if not self._resubmit:
                return None
            self._resubmit = False
            return self.in_flight.batch
        if not self._ready:
            if not self._building.entries:
                return None
            self._cut()
        self.in_flight = self._ready.popleft()
        self.in_flight.submitted_at = now
        return self.in_flight.batch

    def looked_up(self, position: Position) -> Cut | None:
        """Give the kept batch if it turns out to be committed; else it will be submitted again."""
        cut = self.in_flight
        if cut is None or position.last_seq == cut.batch.last_seq:
            return cut
        check(position.last_seq == cut.batch.first_seq - 1, "the store has lost rows it acknowledged")
        self._resubmit = True
        return None

    def settle(self, cut: Cut) -> None:
        """Take a batch as committed."""
        check(cut is self.in_flight, "settled a batch that is not in flight")
        self.in_flight = None
