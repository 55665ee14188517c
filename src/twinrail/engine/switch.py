"""The switch: the whole engine as a plain object, fed with events and asked for effects.

No await, no socket, no clock, no randomness. It is fed with `opened`, `receive`, `closed`, `submit`, `settled`,
`looked_up`, `found`, `clock` and `wake`, each with `now` (monotonic ns), and asked for bytes to send, links to close,
the next batch to commit, questions to the store, and when it wants to be woken. Between reading a balance and holding
an amount nothing else can happen, so no lock exists anywhere.

A reply leaves only after the batch with its decision is known to be committed. A batch is never abandoned: when a
commit failed or its outcome is unknown the same batch, with the same numbers, is looked up and submitted again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from twinrail.codecs.card import CardRules, Tokens, content_of
from twinrail.engine.admission import Admission
from twinrail.engine.commits import Commits, Cut
from twinrail.engine.deadlines import Deadlines
from twinrail.engine.duplicates import Decided, Duplicates
from twinrail.engine.journal import Ask, Batch, Found, Loaded, Outcome, Position, key_hash
from twinrail.engine.lifecycle import approval_code, kept_late, taken_back
from twinrail.engine.parking import Parking
from twinrail.engine.pipeline import Decision, Flow
from twinrail.engine.session import CardSession, InstantSession, Request, Session, Tap
from twinrail.engine.state import State
from twinrail.errors import check
from twinrail.schemas.instructions import (
    Authorization,
    CardMessage,
    CreditTransfer,
    ExpireHold,
    Financial,
    Instruction,
    OpenFile,
    Reversal,
    WatchLate,
)
from twinrail.schemas.iso8583.profiles import DeadlinePolicy, LinkProfile, Rail
from twinrail.schemas.journal import Answer, Entry
from twinrail.schemas.reasons import Reason

_NS = 1_000_000_000
_MAY_BE_LATE = frozenset({Authorization, Financial, CreditTransfer})  # what has a deadline
_REPEAT = "repeat"  # the kind of the entry that stands for an earlier decision; it is never journaled
_WORDS = {reason: reason.value for reason in Reason}  # plain text, which is encoded faster than a member
_LATE = Answer(reason=Reason.LATE)
_DUPLICATE = Answer(reason=Reason.DUPLICATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the switch holds at most; reaching a bound has a named outcome."""

    batch_entries: int = 1000  # entries of one batch; what comes on top is the next batch
    unsettled: int = 40_000  # decided and not yet committed; beyond: requests are refused with 91
    unsettled_hard: int = 60_000  # beyond: reading stops on every link, advices wait in the network
    parked: int = 10_000  # instructions that wait for the store's answer; beyond: refused, or dropped for a repeat
    recent_decisions: int = 200_000  # duplicate window, by count
    recent_decisions_s: int = 3600  # duplicate window, by age
    closed_lifecycles: int = 200_000  # closed authorizations that memory keeps
    wait_share: float = 0.7  # of a request's budget that the predicted wait may take; beyond: refused with 91
    due_at_once: int = 500  # expiries and obligations taken by one wake


class Switch:
    """One partition's engine. See the module's first lines for how it is used."""

    def __init__(
        self,
        *,
        flows: Mapping[type[msgspec.Struct], Flow],
        tokens: Tokens,
        partition: int = 0,
        bounds: Bounds | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.bounds = bounds or Bounds()
        self.partition = partition
        self.epoch = 0
        self.committed_seq = 0
        self.state = State(closed_max=self.bounds.closed_lifecycles)
        self.duplicates = Duplicates(self.bounds.recent_decisions, self.bounds.recent_decisions_s * _NS)
        self.admission = Admission(unsettled_max=self.bounds.unsettled, wait_share=self.bounds.wait_share)
        self.draining = False
        self.halted = ""  # why nothing more can be committed: "fenced" or "refused"; the process exits
        self.refused_batch: Batch | None = None
        self.wants_look_up = False
        self.counters: dict[str, int] = {}
        self.reasons: dict[str, int] = {}
        self.sessions: dict[int, Session] = {}
        self._flows = {kind: (flow, str(kind.__struct_config__.tag)) for kind, flow in flows.items()}
        self._tokens = tokens
        self._tap = tap
        self._rules: dict[str, CardRules] = {}
        self._offset = 0
        self._stepped = 0  # ns by which wall time has jumped forward: no decision grows old by it
        self._resumed = False
        self._last_at = 0
        self._next_seq = 1
        self._now = 0
        self._commits = Commits(self.state, partition=partition, entries_max=self.bounds.batch_entries)
        self._parking = Parking(self.bounds.parked)
        self._deadlines: Deadlines[Request] = Deadlines()
        self._overruled: dict[int, Answer] = {}
        self._promised: list[Cut] = []  # committed, and their requests not yet answered
        self._outgoing: dict[int, list[bytes]] = {}
        self._closing: list[tuple[int, str]] = []
        self._completions: list[tuple[int, Entry]] = []
        self._next_ticket = 1
        self._next_tick = 0
        self._next_minute = 0

    # Start

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

    def wall(self, now: int) -> int:
        """Give the wall time of a monotonic instant, ns since 1970."""
        return now + self._offset

    # Links

    def opened(self, link: int, profile: LinkProfile, now: int) -> None:
        """Take a new link; link numbers are never used twice."""
        check(link not in self.sessions, "link number used twice")
        if profile.rail is Rail.INSTANT:
            self.sessions[link] = InstantSession(link, profile, self, token=self._tokens.iban, tap=self._tap, now=now)
            return
        rules = self._rules.get(profile.name)
        if rules is None or rules.profile is not profile:
            rules = self._rules[profile.name] = CardRules(profile, self._tokens)
        self.sessions[link] = CardSession(link, rules, self, tap=self._tap, now=now)

    def receive(self, link: int, data: bytes, now: int) -> None:
        """Take bytes that a link read; a link that is gone is ignored, and so is everything after the halt."""
        if self.halted:
            return
        self.release(now)
        session = self.sessions.get(link)
        if session is not None and session.open:
            session.receive(data, now)

    def closed(self, link: int, now: int) -> None:
        """Note that a link is gone; what it asked is decided all the same, the truth comes as a reversal or advice."""
        self.release(now)
        session = self.sessions.pop(link, None)
        if session is not None:
            session.closed(now)
        self._outgoing.pop(link, None)

    def drain(self, now: int) -> None:
        """Stop taking requests: sign off on every link, finish what is in flight."""
        self.release(now)
        self.draining = True
        for session in self.sessions.values():
            session.drain(now)

    # What sessions do (session.Ports)

    def send(self, link: int, data: bytes) -> None:
        """Queue framed bytes for a link."""
        chunks = self._outgoing.get(link)
        if chunks is None:
            self._outgoing[link] = [data]
        else:
            chunks.append(data)

    def close(self, link: int, why: str) -> None:
        """Queue a link for closing."""
        self._closing.append((link, why))

    def count(self, what: str) -> None:
        """Count an event."""
        self.counters[what] = self.counters.get(what, 0) + 1

    def accept(self, request: Request) -> None:
        """Take a request from a link: look for its earlier decision, admit it, and decide it or ask the store."""
        session = request.session
        check(session is not None, "a request of a link has its session")
        assert session is not None  # noqa: S101 - for the type checker; the check above is the one that counts
        session.in_flight += 1
        instruction: Any = request.instruction
        kind = type(instruction)
        if kind in _MAY_BE_LATE:
            self._deadlines.append(request, session.budget_ns)
        if kind is CreditTransfer:
            self._accept_instant(request, session)
            return
        if self._parking.holds(instruction.card):
            refusal = None
            if kind in _MAY_BE_LATE and self.duplicates.find(instruction.key) is None:
                refusal = self._refusal(request)  # row L1 holds behind a question too
            if refusal is None:
                self._queue_behind(request, instruction.card)
            else:
                self._refuse(request, refusal)
            return
        self._route(request)

    def _route(self, request: Request) -> None:
        """Send a card request on its way: answered from memory, refused, asked about, or decided."""
        instruction: Any = request.instruction
        decided = self.duplicates.find(instruction.key)
        if decided is not None:
            self._again(request, decided)
            return
        kind = type(instruction)
        if kind is Authorization or kind is Financial:
            refusal = self._refusal(request)
            if refusal is not None:
                self._refuse(request, refusal)
            elif instruction.repeat or self._seems_repeated(instruction):
                self._ask(request, (instruction.key, instruction.life_keys), instruction.card)
            else:
                self._decide(request)
        elif kind is Reversal and not instruction.repeat and self._original_of(instruction):
            self._decide(request)  # taking a hold back twice changes nothing, so an old duplicate does no harm
        else:
            self._ask(request, (instruction.key, instruction.life_keys), instruction.card)

    def _original_of(self, instruction: CardMessage) -> bool:
        return bool(self.state.lifecycles(instruction.card, instruction.life_keys))

    def _seems_repeated(self, instruction: CardMessage) -> bool:
        """Say whether a request has the reference number of an earlier one, so that the store should be asked first.

        Under load the window spans seconds; a sender that repeats without saying so waits longer than that.
        """
        keys = instruction.life_keys
        held = self.state.life.of_card(instruction.card)
        return held is not None and bool(keys) and (keys[0] or keys[-1]) in held

    def _refusal(self, request: Request) -> Reason | None:
        session = request.session
        if session is None:
            return None
        if self.draining or not session.signed_on:
            return Reason.SIGNED_OFF
        unsettled = self.unsettled
        if session.in_flight > session.in_flight_max or not self.admission.admits(
            unsettled, session.budget_ns, session.in_flight, len(self.sessions)
        ):
            self.admission.refused += 1
            return Reason.ISSUER_UNAVAILABLE
        return None

    def _accept_instant(self, request: Request, session: Session) -> None:
        """Take an instant payment: pacs.008 has no repeat marker, so one that memory does not know is asked about."""
        instruction: Any = request.instruction
        decided = self.duplicates.find(instruction.key)
        if decided is not None:
            self._again(request, decided)
        elif request.deadline <= self._now:
            self._refuse(request, Reason.LATE)
        elif self._parking.holds(instruction.key):
            self._queue_behind(request, instruction.key)
        elif self.draining or not self.admission.admits(
            self.unsettled, session.budget_ns, session.in_flight, len(self.sessions)
        ):
            self._refuse(request, Reason.ISSUER_UNAVAILABLE)
        else:
            self._ask(request, (instruction.key, ()), instruction.key)

    @property
    def unsettled(self) -> int:
        """Count the entries that are decided and not known to be committed."""
        return self._next_seq - 1 - self.committed_seq

    @property
    def full(self) -> bool:
        """Say whether reading has to stop on every link until commits catch up."""
        return self.unsettled >= self.bounds.unsettled_hard or self._parking.full

    @property
    def idle(self) -> bool:
        """Say whether nothing waits: no batch gathers or is in flight and nothing is parked."""
        return self._commits.idle and not self._promised and not len(self._parking)

    # Decisions

    def submit(self, instruction: Instruction, now: int) -> int:
        """Take an instruction that came on no link; its completion is reported by ticket after its commit."""
        self.release(now)
        ticket = self._next_ticket
        self._next_ticket += 1
        request = Request(None, None, instruction, now, ticket=ticket)
        if self.halted:
            return ticket  # never completed: the process is about to end
        if type(instruction) is OpenFile:
            ask = Ask(0, file=instruction.file, message_id=instruction.message_id, initiator=instruction.initiator)
            self._park(request, ask, f"file|{instruction.initiator}|{instruction.message_id}")
        else:
            self._decide(request)
        return ticket

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

    def _again(self, request: Request, decided: Decided) -> None:
        """Answer a repeat from its decision, after its commit if that is still under way (rows A7, A8, A9)."""
        instruction: Any = request.instruction
        content = (
            content_of(instruction)
            if isinstance(instruction, CardMessage)
            else f"{instruction.amount} {instruction.currency} {instruction.account}"
        )
        if content != decided.content:
            self.count("duplicate_other_content")
            self._reply_now(request, _DUPLICATE)
            return
        self.count("duplicates")
        request.entry = Entry(seq=decided.seq, at=decided.at, kind=_REPEAT, answer=decided.answer)
        if decided.seq <= self.committed_seq:
            self._reply_now(request, decided.answer)
            return
        self._commits.join(request, decided.seq)

    def _refuse(self, request: Request, reason: Reason) -> None:
        """Answer without a decision: nothing is written, so a repeat is decided afresh (rows L1, A11, G2)."""
        self.count(f"refused_{reason}")
        self._reply_now(request, Answer(reason=reason))

    def _reply_now(self, request: Request, answer: Answer) -> None:
        if request.answered:
            return
        request.answered = True
        session = request.session
        if session is not None:
            session.in_flight -= 1
            session.answer(request, answer, self._now)
        request.message = request.session = None

    # Asks

    def _ask(self, request: Request, keys: tuple[str, tuple[int, ...]], queue: str) -> None:
        """Park a request until the store has said what it knows of its keys; its card's later requests wait behind."""
        key, life_keys = keys
        self._park(request, Ask(0, key_hash(key), tuple(k for k in life_keys if k), queue if life_keys else ""), queue)

    def _park(self, request: Request, ask: Ask, queue: str) -> None:
        if self._parking.holds(queue):
            self._queue_behind(request, queue)
        elif self._has_room(request):
            self._parking.park(request, ask, queue)

    def _queue_behind(self, request: Request, queue: str) -> None:
        if self._has_room(request):
            self._parking.wait_behind(request, queue)

    def _has_room(self, request: Request) -> bool:
        """Say whether a request may wait for the store; if not it is refused, or dropped for its sender to repeat."""
        if not self._parking.full or request.session is None:
            return True
        if type(request.instruction) in _MAY_BE_LATE:
            self._refuse(request, Reason.ISSUER_UNAVAILABLE)
        else:
            # Row C8: no answer, so the sender's store-and-forward repeats it.
            self.count("dropped_for_repeat")
            self._drop(request)
        return False

    def _drop(self, request: Request) -> None:
        request.answered = True
        if request.session is not None:
            request.session.in_flight -= 1
        request.message = request.session = None

    def asks(self) -> Sequence[Ask]:
        """Take the questions for the store that have come up since the last call; ask each until it is answered."""
        return self._parking.asks()

    def wanted(self, number: int) -> bool:
        """Say whether anybody still waits for an ask; if not, an empty answer does."""
        return self._parking.wanted(number)

    def found(self, number: int, answer: Found, now: int) -> None:
        """Take the store's answer to an ask, decide what was parked, then what waits behind it."""
        if self.halted:
            return
        self.release(now)
        self._expire_deadlines(now)
        newest = max((entry.seq for entry in answer.entries), default=0)
        newest = max(newest, *(int(str(row[-1])) for row in answer.authorizations), 0)
        if newest >= self._next_seq:
            self.halted = "fenced"  # rows that we have not written: somebody else owns the partition by now
            return
        request, queue, behind = self._parking.answered(number)
        self.state.hydrate(answer)
        for entry in answer.entries:
            decided = self.duplicates.find(entry.key)
            if decided is None or decided.seq < entry.seq:
                self.duplicates.remember(entry)
        if not request.answered:
            self._decide_parked(request)
        while behind and not self._parking.holds(queue):
            self._resume(behind.popleft())
        for waiting in behind:  # one of them has asked again: the rest keep their place behind it
            if not waiting.answered:
                self._parking.wait_behind(waiting, queue)

    def _decide_parked(self, request: Request) -> None:
        instruction: Any = request.instruction
        decided = self.duplicates.find(getattr(instruction, "key", ""))
        if decided is not None:
            self._again(request, decided)
        elif (
            request.session is not None and request.deadline <= self._now and type(request.instruction) in _MAY_BE_LATE
        ):
            self._refuse(request, Reason.LATE)
        else:
            self._decide(request)

    def _resume(self, request: Request) -> None:
        if request.answered:
            return
        instruction: Any = request.instruction
        if isinstance(instruction, CardMessage):
            self._route(request)
        elif isinstance(instruction, CreditTransfer) and request.session is not None:
            self._accept_instant(request, request.session)
        else:
            self._decide_parked(request)  # the ask that it waited behind has answered for it too

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

    def release(self, now: int) -> None:
        """Answer what is committed and not yet answered, unless its deadline has passed meanwhile."""
        self._now = now
        if not self._promised:
            return
        promised, self._promised = self._promised, []
        if self.halted:
            return
        self._expire_deadlines(now)
        for cut in promised:
            self._answer_all(cut.requests, cut.batch.last_seq, now)
        self.duplicates.forget(self._last_at - self._stepped, self.committed_seq)
        if not len(self._parking):
            self.state.forget(self.committed_seq)

    def _answer_all(self, requests: Sequence[Request], last_seq: int, now: int) -> None:
        overruled = self._overruled
        for request in requests:
            entry = request.entry
            if request.answered or entry is None or entry.seq > last_seq:
                continue  # the last: it waits for a later batch by now
            session = request.session
            if overruled and entry.seq in overruled and type(request.instruction) is CreditTransfer:
                self._reject_late(request)  # a repeat with time of its own: the rejection waits for the contra entry
                continue
            request.answered = True
            if session is None:
                if request.ticket:
                    self._completions.append((request.ticket, entry))
                continue
            session.in_flight -= 1
            answer = entry.answer if not overruled else overruled.get(entry.seq, entry.answer)
            if answer is not None and session.open:
                session.answer(request, answer, now)
            request.message = request.session = None
        if overruled:
            self._overruled = {seq: answer for seq, answer in overruled.items() if seq > last_seq}

    # Deadlines and time

    def _expire_deadlines(self, now: int) -> None:
        """Deal with requests whose deadline has passed before their commit was known (rows L2 and L3)."""
        for request in self._deadlines.take_due(now):
            session = request.session
            check(session is not None, "only a link's request has a deadline")
            assert session is not None  # noqa: S101 - for the type checker; the check above is the one that counts
            self.count("late")
            if request.entry is None:
                self._parking.expired()
            silent = session.profile.deadline_policy is DeadlinePolicy.SILENT
            entry = request.entry
            if entry is not None and entry.seq not in self._overruled and entry.kind != _REPEAT:
                self._journal_late(entry, silent=silent, window_s=session.profile.late_window_s)
            if silent:
                self._drop(request)
            elif isinstance(request.instruction, CreditTransfer) and entry is not None:
                self._reject_late(request)
            else:
                self._reply_now(request, _LATE)

    def _reject_late(self, request: Request) -> None:
        """Let the rejection of an instant payment wait for its contra entry: nobody would reverse the booking later.

        A card's late decline leaves at once, since its network follows with an advice or a reversal.
        """
        decided = self.duplicates.find(getattr(request.instruction, "key", ""))
        if decided is None or decided.answer.reason != Reason.LATE:
            self._drop(request)  # a repeat before its original: nothing accepted leaves late
            return
        request.entry = Entry(seq=decided.seq, at=decided.at, kind=_REPEAT, answer=decided.answer)
        self._commits.join(request, decided.seq)

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
            answer=_LATE,
            effects=taken_back(entry, self.state),
        )
        self._overruled[entry.seq] = _LATE
        self._append(late, None)

    def wake(self, now: int) -> None:
        """Do what time asks for: deadlines, expiries, obligations, silent links."""
        if self.halted:
            return
        self.release(now)
        self._expire_deadlines(now)
        cut = self._commits.in_flight
        if cut is not None and now - cut.submitted_at > _NS // 2:
            self.admission.stalled = True
        if now >= self._next_tick:
            self._next_tick = now + _NS
            held = self.full
            for session in list(self.sessions.values()):
                session.wake(now, held=held)
        at = now + self._offset
        if now >= self._next_minute:
            self._next_minute = now + 60 * _NS
            self.state.life.bury_expired(at)
        if self.full:
            return  # what is due waits until commits catch up
        for number in self.state.life.take_expired(at, self.bounds.due_at_once):
            self._decide(Request(None, None, ExpireHold(authorization=number), now))
        for obligation in self.state.obligations.take_due(at, self.bounds.due_at_once):
            self._decide(Request(None, None, WatchLate(authorization=int(obligation.subject)), now))

    def wake_at(self) -> int:
        """Give when the switch wants to be woken, monotonic ns; at the latest with the next tick of its links."""
        times = [self._next_tick]
        deadline = self._deadlines.next()
        if deadline is not None:
            times.append(deadline)
        walls = () if self.full else (self.state.life.next_expiry(), self.state.obligations.next())
        times.extend(wall - self._offset for wall in walls if wall is not None)
        return min(times)

    # What shells take

    def outgoing(self) -> Mapping[int, list[bytes]]:
        """Take the bytes to send, by link."""
        self.release(self._now)
        outgoing = self._outgoing
        if outgoing:
            self._outgoing = {}
        return outgoing

    def closing(self) -> Sequence[tuple[int, str]]:
        """Take the links to close, with the reason in constant text; what they have to send goes first."""
        closing, self._closing = self._closing, []
        return closing

    def completions(self) -> Sequence[tuple[int, Entry]]:
        """Take the committed entries of submitted instructions, by ticket."""
        self.release(self._now)
        completions, self._completions = self._completions, []
        return completions


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
