"""Obligations: durable timers for what must happen, set and met through the journal.

Memory holds all
that are not met: each is small, and they are few beside the holds. Waking one up submits an instruction; its flow emits
ObligationMet, so a crash between the two only wakes it again.
"""

import heapq

import msgspec

from twinrail.schemas.journal import ObligationMet, ObligationSet


class Obligation(msgspec.Struct, gc=False):
    """One durable timer. Field order is the column order of table `obligation`."""

    id: str
    kind: str
    due_at: int  # ns since 1970, wall
    subject: str
    met: bool


class Obligations:
    """The timers of a partition by id, and by when they are due."""

    def __init__(self) -> None:
        self._due: list[tuple[int, str]] = []
        self.by_id: dict[str, Obligation] = {}
        self.changed: dict[str, Obligation] = {}

    def restore(self, row: Obligation) -> None:
        """Take a timer of the store into memory."""
        if row.id not in self.by_id and not row.met:
            self.by_id[row.id] = row
            heapq.heappush(self._due, (row.due_at, row.id))

    def set(self, effect: ObligationSet, _seq: int) -> None:
        """Set a timer; setting the same id again moves it."""
        row = Obligation(effect.obligation, effect.kind, effect.due_at, effect.subject, met=False)
        self.by_id[row.id] = row
        self.changed[row.id] = row
        heapq.heappush(self._due, (row.due_at, row.id))

    def meet(self, effect: ObligationMet, _seq: int) -> None:
        """Take a timer away; one that is not there has been met before."""
        row = self.by_id.pop(effect.obligation, None)
        if row is not None:
            row.met = True
            self.changed[row.id] = row

    def next(self) -> int | None:
        """Give when the earliest timer is due, ns since 1970; None if there is none."""
        while self._due and not self._stands(*self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take_due(self, at: int, limit: int) -> list[Obligation]:
        """Take up to `limit` timers that are due at `at`; each stays set until its flow meets it."""
        taken: list[Obligation] = []
        while (due := self.next()) is not None and due <= at and len(taken) < limit:
            first = heapq.heappop(self._due)
            while self._due and self._due[0] == first:  # set twice for the same time
                heapq.heappop(self._due)
            taken.append(self.by_id[first[1]])
        return taken

    def _stands(self, due_at: int, number: str) -> bool:
        row = self.by_id.get(number)
        return row is not None and row.due_at == due_at
