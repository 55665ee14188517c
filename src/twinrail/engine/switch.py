"""The switch: the whole engine as a plain object, fed with events and asked for effects.

No await, no socket, no clock, no randomness. It is fed with `opened`, `receive`, `closed`, `submit`, `settled`,
`looked_up`, `found`, `clock` and `wake`, each with `now` (monotonic ns), and asked for bytes to send, links to close,
the next batch to commit, questions to the store, and when it wants to be woken. Between reading a balance and holding
an amount nothing else can happen, so no lock exists anywhere.

A reply leaves only after the batch with its decision is known to be committed. What is decided, journaled and committed
is the business of the `writer`; this module knows who asked, who still waits, and for how long.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from twinrail.codecs.card import Tokens, content_of
from twinrail.engine.bounds import Bounds
from twinrail.engine.card_session import FORWARD
from twinrail.engine.deadlines import Deadlines
from twinrail.engine.duplicates import Decided
from twinrail.engine.forwarding import Forwarding
from twinrail.engine.journal import Ask, Found, key_hash
from twinrail.engine.orders import Orders
from twinrail.engine.parking import Parking
from twinrail.engine.pending import Unmatched
from twinrail.engine.pipeline import Flow
from twinrail.engine.session import NS, Request, Session, Tap
from twinrail.engine.sessions import NOTHING_OUTSIDE, Notice, Outside, Sessions
from twinrail.engine.writer import LATE, Writer
from twinrail.errors import check
from twinrail.schemas.instructions import (
    AskNetwork,
    Authorization,
    CardMessage,
    CreditTransfer,
    ExpireHold,
    Financial,
    Instruction,
    OpenFile,
    Reversal,
    SendForward,
    SendMessage,
    SettleForward,
    WatchLate,
)
from twinrail.schemas.iso8583.profiles import DeadlinePolicy, LinkProfile
from twinrail.schemas.journal import Answer, Entry
from twinrail.schemas.reasons import Reason

_MAY_BE_LATE = frozenset({Authorization, Financial, CreditTransfer})  # what has a deadline
_REPEAT = "repeat"  # the kind of the entry that stands for an earlier decision; it is never journaled
_DUPLICATE = Answer(reason=Reason.DUPLICATE)


class Switch(Writer):
    """One partition's engine. See the module's first lines for how it is used."""

    def __init__(
        self,
        *,
        flows: Mapping[type[msgspec.Struct], Flow],
        tokens: Tokens,
        partition: int = 0,
        bounds: Bounds | None = None,
        tap: Tap | None = None,
        outside: Outside = NOTHING_OUTSIDE,
    ) -> None:
        counters: dict[str, int] = {}
        super().__init__(flows=flows, partition=partition, bounds=bounds or Bounds(), counters=counters)
        self.links = Sessions(self, tokens, outside, tap=tap, counters=counters)
        self.sessions = self.links.by_link
        self._forwarding = Forwarding(self.links, self.state.obligations, self._decide_own, outside.vault)
        self._orders = Orders(self.links, self._forwarding)
        self._parking = Parking(self.bounds.parked)
        self._deadlines: Deadlines[Request] = Deadlines()
        self._completions: list[tuple[int, Entry]] = []
        self._next_ticket = 1
        self._next_tick = 0
        self._next_minute = 0

    def clock(self, offset_ns: int) -> None:
        """Take the difference wall time minus monotonic time, ns; journal times and expiries are the sum."""
        super().clock(offset_ns)
        self.links.offset = offset_ns

    # Links

    @property
    def draining(self) -> bool:
        """Say whether no requests are taken any more."""
        return self.links.draining

    def opened(self, link: int, profile: LinkProfile, now: int) -> None:
        """Take a new link; link numbers are never used twice."""
        self._now = now
        self.links.opened(link, profile, now)

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
        self.links.closed(link, now)

    def drain(self, now: int) -> None:
        """Stop taking requests: sign off on every link, finish what is in flight."""
        self.release(now)
        self.links.drain(now)

    # What sessions hand on

    def accept(self, request: Request, /) -> None:
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
        if isinstance(instruction, AskNetwork | SendMessage):
            instruction = self._orders.prepared(instruction, now + self._offset)
        request = Request(None, None, instruction, now, ticket=ticket)
        if self.halted:
            return ticket  # never completed: the process is about to end
        if type(instruction) is OpenFile:
            ask = Ask(0, file=instruction.file, message_id=instruction.message_id, initiator=instruction.initiator)
            self._park(request, ask, f"file|{instruction.initiator}|{instruction.message_id}")
        else:
            self._decide(request)
        return ticket

    def forward(
        self, profile: LinkProfile, mti: str, elements: Mapping[int, str | bytes], now: int, *, card: str = ""
    ) -> int:
        """Owe the network of a profile a message until it accepts it; the ticket is completed once that is durable.

        Its time and trace number are put in front of `elements`, which may hold others. `card` is the token of a card
        whose number the vault puts in when the message leaves. EncodeError for what must not be kept.
        """
        return self.submit(self._forwarding.order(profile, mti, elements, now + self._offset, card=card), now)

    def _decide_own(self, instruction: SendForward | SettleForward) -> None:
        self._decide(Request(None, None, instruction, self._now))

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
                if type(request.instruction) is AskNetwork:
                    self._orders.carry_out(request.instruction, entry, now)
                if request.ticket:
                    self._completions.append((request.ticket, entry))
                elif type(request.instruction) is SendForward:
                    self._forwarding.send_owed(request.instruction, now)
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
                self._reply_now(request, LATE)

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

    def wake(self, now: int) -> None:
        """Do what time asks for: deadlines, expiries, obligations, silent links."""
        if self.halted:
            return
        self.release(now)
        self._expire_deadlines(now)
        cut = self._commits.in_flight
        if cut is not None and now - cut.submitted_at > NS // 2:
            self.admission.stalled = True
        if now >= self._next_tick:
            self._next_tick = now + NS
            self.links.wake(now, held=self.full)
        at = now + self._offset
        if now >= self._next_minute:
            self._next_minute = now + 60 * NS
            self.state.life.bury_expired(at)
            self._forwarding.expire(at)
        if self.full:
            return  # what is due waits until commits catch up
        for number in self.state.life.take_expired(at, self.bounds.due_at_once):
            self._decide(Request(None, None, ExpireHold(authorization=number), now))
        for obligation in self.state.obligations.take_due(at, self.bounds.due_at_once):
            if obligation.kind == FORWARD:
                self._forwarding.due(obligation, at)
            else:
                self._decide(Request(None, None, WatchLate(authorization=int(obligation.subject)), now))
        self._forwarding.wake(at, self.bounds.due_at_once)

    def link_signed_on(self, network: str, /) -> None:
        """Take it that what we owe a network can be sent."""
        self._forwarding.reachable(network)

    def settle_own(self, subject: str, code: str, /, *, accepted: bool) -> None:
        """Take a network's answer to what we owe it."""
        self._forwarding.settle(subject, code, accepted=accepted)

    def wake_at(self) -> int:
        """Give when the switch wants to be woken, monotonic ns; at the latest with the next tick of its links."""
        times = [self._next_tick]
        deadline = self._deadlines.next()
        if deadline is not None:
            times.append(deadline)
        if self._forwarding.awake and not self.full:
            times.append(self._now)
        walls = () if self.full else (self.state.life.next_expiry(), self.state.obligations.next())
        times.extend(wall - self._offset for wall in walls if wall is not None)
        return min(times)

    # What shells take

    def outgoing(self) -> Mapping[int, list[bytes]]:
        """Take the bytes to send, by link."""
        self.release(self._now)
        return self.links.outgoing()

    def closing(self) -> Sequence[tuple[int, str]]:
        """Take the links to close, with the reason in constant text; what they have to send goes first."""
        return self.links.closing()

    def notices(self) -> Sequence[Notice]:
        """Take what happened on links that somebody should look at: wrong MACs, rejected messages, keys."""
        return self.links.notices()

    def unmatched(self) -> Mapping[str, Sequence[Unmatched]]:
        """Show, by network, the answers that found no request of ours, with the nearest that waits."""
        return self.links.unmatched()

    def completions(self) -> Sequence[tuple[int, Entry]]:
        """Take the committed entries of submitted instructions, by ticket."""
        self.release(self._now)
        completions, self._completions = self._completions, []
        return completions
