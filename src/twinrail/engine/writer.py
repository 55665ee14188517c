"""The writer of a partition: decisions become journal entries, entries become batches, and batches are committed.

It knows no link and no request's session; `switch` builds on it. Sequence numbers and journal times only grow. A batch
is never abandoned: when a commit failed or its outcome is unknown the same batch, with the same numbers, is looked up
and submitted again.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from twinrail.codecs.card import content_of
from twinrail.engine.admission import Admission
from twinrail.engine.bounds import Bounds
from twinrail.engine.commits import Commits, Cut
from twinrail.engine.duplicates import Duplicates
from twinrail.engine.journal import Batch, Loaded, Outcome, Position
from twinrail.engine.lifecycle import approval_code, kept_late, taken_back
from twinrail.engine.pipeline import Decision, Flow
from twinrail.engine.session import NS, Request
from twinrail.engine.state import State
from twinrail.errors import check
from twinrail.schemas.instructions import CardMessage, CreditTransfer
from twinrail.schemas.journal import Answer, Entry
from twinrail.schemas.reasons import Reason

_WORDS = {reason: reason.value for reason in Reason}  # plain text, which is encoded faster than a member
LATE = Answer(reason=Reason.LATE)


class Writer:
    """State, journal and batches of one partition; what depends on who waits for a decision is left to the switch."""

    def __init__(
        self, *, flows: Mapping[type[msgspec.Struct], Flow], partition: int, bounds: Bounds, counters: dict[str, int]
    ) -> None:
        self.bounds = bounds
        self.partition = partition
        self.counters = counters
        self.epoch = 0
        self.committed_seq = 0
        self.state = State(closed_max=bounds.closed_lifecycles)
        self.duplicates = Duplicates(bounds.recent_decisions, bounds.recent_decisions_s * NS)
        self.admission = Admission(unsettled_max=bounds.unsettled, wait_share=bounds.wait_share)
        self.halted = ""  # why nothing more can be committed: "fenced" or "refused"; the process exits
        self.refused_batch: Batch | None = None
        self.wants_look_up = False
        self.reasons: dict[str, int] = {}
        self._flows = {kind: (flow, str(kind.__struct_config__.tag)) for kind, flow in flows.items()}
        self._offset = 0  # wall time minus monotonic time, ns
        self._stepped = 0  # ns by which wall time has jumped forward: no decision grows old by it
        self._resumed = False
        self._last_at = 0
        self._next_seq = 1
        self._now = 0
        self._commits = Commits(self.state, partition=partition, entries_max=bounds.batch_entries)
        self._overruled: dict[int, Answer] = {}
        self._promised: list[Cut] = []  # committed, and their requests not yet answered

    def restore(self, loaded: Loaded) -> None:
        """Take the rows a new owner starts from; before anything else is fed."""
        check(self._next_seq == 1 and not self.epoch, "switch restored twice")
        self.epoch = self._commits.epoch = loaded.position.epoch
        self.committed_seq = loaded.position.last_seq
        self._next_seq = loaded.position.last_seq + 1
        self._last_at = loaded.last_at
        self._resumed = loaded.last_at > 0
        self.state.restore(loaded)
        for entry in loaded.recent:
            # Their age counts from here: the clock may have jumped between two of them.
            self.duplicates.remember(entry, loaded.last_at)

    def clock(self, offset_ns: int) -> None:
        """Take the difference wall time minus monotonic time, ns; journal times and expiries are the sum."""
        if self._offset:
            self._stepped += max(0, offset_ns - self._offset)
        self._offset = offset_ns

    @property
    def unsettled(self) -> int:
        """Count the entries that are decided and not known to be committed."""
        return self._next_seq - 1 - self.committed_seq

    def count(self, what: str) -> None:
        """Count an event."""
        self.counters[what] = self.counters.get(what, 0) + 1

    def release(self, now: int) -> None:
        """Answer what is committed and not yet answered."""
        raise NotImplementedError  # who waits for an answer is known to the switch

    def _expire_deadlines(self, now: int) -> None:
        raise NotImplementedError  # likewise

    # Decisions

    def _decide(self, request: Request) -> None:
        """Let the flow decide, journal the decision and apply its effects: one step, nothing comes between."""
        instruction: Any = request.instruction
        at = self._tick()
        flow, kind = self._flows[type(instruction)]
        decision = flow(instruction, self.state, at)
        seq = self._next_seq
        if isinstance(instruction, CardMessage):
            entry = Entry(
                seq=seq,
                at=at,
                kind=kind,
                mti=instruction.mti,
                key=instruction.key,
                content=content_of(instruction),
                card=instruction.card,
                answer=_answer_of(decision, seq),
                trace=decision.trace,
                ruleset=decision.ruleset,
                effects=decision.effects,
            )
        else:
            entry = _entry_of_other(instruction, kind, decision, seq, at)
        self._append(entry, request)

    def _tick(self) -> int:
        """Give the journal time of the next entry: wall time, forced to increase."""
        at = self._now + self._offset
        if self._resumed:
            # Time without an owner, or a clock that jumped meanwhile, makes no decision of the last owner old.
            self._resumed = False
            self._stepped = max(0, at - self._last_at)
        if at <= self._last_at:
            at = self._last_at + 1
        self._last_at = at
        return at

    def _append(self, entry: Entry, request: Request | None) -> None:
        if self.halted:
            check(condition=False, problem="nothing may be journaled after the halt")
        self._next_seq = entry.seq + 1
        self.state.apply(entry.effects, entry.seq)
        if entry.key:
            self.duplicates.remember(entry)
        answer = entry.answer
        if answer is not None:
            self.reasons[answer.reason] = self.reasons.get(answer.reason, 0) + 1
        if request is not None:
            request.entry = entry
        self._commits.append(entry, request)

    def _journal_late(self, entry: Entry, *, silent: bool, window_s: int) -> None:
        """Journal what a missed deadline means for the decision; batches commit in order, so it cannot overtake it."""
        at = self._tick()
        if silent:
            effects = kept_late(entry, self.state, at, window_s)
            if effects:
                self._append(Entry(seq=self._next_seq, at=at, kind="late", card=entry.card, effects=effects), None)
            return
        late = Entry(
            seq=self._next_seq,
            at=at,
            kind="late",
            mti=entry.mti,
            key=entry.key,
            content=entry.content,
            card=entry.card,
            answer=LATE,
            effects=taken_back(entry, self.state),
        )
        self._overruled[entry.seq] = LATE
        self._append(late, None)

    # Batches

    def next_batch(self, now: int) -> Batch | None:
        """Give the batch to commit now, or None: nothing to commit, or one is in flight already."""
        return None if self.halted else self._commits.next_batch(now)

    def settled(self, batch: Batch, outcome: Outcome, now: int) -> None:
        """Take the outcome of a commit: let what it promised be released, keep it, or halt.

        What it promised is answered by `release`, so that the next batch can be taken and sent first; whatever else
        happens releases it before anything.
        """
        self.release(now)
        cut = self._commits.in_flight
        if cut is None or cut.batch is not batch:
            check(condition=False, problem="outcome of a batch that is not in flight")
        elif outcome is Outcome.COMMITTED:
            self._committed(cut, now)
        elif outcome is Outcome.FENCED:
            self.halted = "fenced"
        elif outcome is Outcome.REFUSED:
            self.halted = "refused"
            self.refused_batch = batch
        else:
            self.count(f"commit_{outcome}")
            self.admission.stalled = True
            self.wants_look_up = True

    def looked_up(self, position: Position, now: int) -> None:
        """Take what the partition row says after a commit with unknown outcome: settle the kept batch or submit it."""
        self.release(now)
        self.wants_look_up = False
        if position.epoch != self.epoch:
            self.halted = "fenced"
            return
        cut = self._commits.looked_up(position)
        if cut is not None:
            self._committed(cut, now)

    def _committed(self, cut: Cut, now: int) -> None:
        self._commits.settle(cut)
        batch = cut.batch
        self.committed_seq = batch.last_seq
        self.admission.committed(batch.last_seq - batch.first_seq + 1, now - cut.submitted_at)
        self._expire_deadlines(now)  # what that journals goes with the next batch
        self._promised.append(cut)


def _entry_of_other(instruction: Any, kind: str, decision: Decision, seq: int, at: int) -> Entry:
    """Make the entry of what is no card message; only an instant payment among them may come again."""
    key = content = ""
    if type(instruction) is CreditTransfer and not instruction.file:
        key = instruction.key
        content = f"{instruction.amount} {instruction.currency} {instruction.account}"
    return Entry(
        seq=seq,
        at=at,
        kind=kind,
        key=key,
        content=content,
        answer=_answer_of(decision, seq),
        trace=decision.trace,
        ruleset=decision.ruleset,
        effects=decision.effects,
    )


def _answer_of(decision: Decision, seq: int) -> Answer:
    return Answer(
        reason=_WORDS[decision.reason],
        approval_code=approval_code(seq) if decision.approved else "",
        amount=decision.amount,
    )
