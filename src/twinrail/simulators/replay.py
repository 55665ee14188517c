"""Replay a recording against an engine: the same requests, the same rhythm, and the answers compared.

Time is kept as recorded or divided by a speed; every link shares one clock, so offsets between links stay. Latency
counts from the intended send. Causal order is kept at any speed: a reversal, a completion or a repeat waits until the
request it follows has its answer or has run into its time limit. Where an answer that was recorded never comes, what
depended on it is not sent and said to be so. Network messages (sign-on, echo, sign-off) are asked afresh.
"""

import asyncio
import hashlib
import pathlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import twinrail
from twinrail.codecs.iso8583 import Message
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.mti import is_repeat
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, NetworkFunction, Rail
from twinrail.simulators.acquirer import AcquirerLink, LinkError, Pending, Reply
from twinrail.simulators.plan import Planned, Shift, TimeMode, plan, profile_of
from twinrail.simulators.recording import Event, Recording, read
from twinrail.simulators.report import Outcome, Pair, Report, compare
from twinrail.simulators.transactions import code_of, function_of, minor_units

BUDGET_S = 0.1  # latency budget of an answer where none is given
_CAUSE_MISSING = "its cause was not answered"
_ANSWERED_NOW = "a repeat of what is answered this time"


class Settled(NamedTuple):
    """What the live hook is told about each request: `code` is DE39 of the answer, "" where none came."""

    mti: str
    code: str
    outcome: Outcome
    response_ns: int


class Player:
    """One replay; `run` gives its report."""

    def __init__(
        self,
        recording: Recording,
        host: str,
        port: int,
        *,
        speed: float = 1.0,
        shift: Shift,
        budget_s: float = BUDGET_S,
        deadline_s: float | None = None,
        linger_s: float = 1.0,
        strict_repeats: bool = False,
        on_settled: Callable[[Settled], None] | None = None,
        known: Mapping[str, LinkProfile] = PROFILES,
    ) -> None:
        self._plan = plan(recording, known)
        self._address = (host, port)
        self._speed = speed
        self._shift = shift
        self._deadline_s = deadline_s
        self._linger_s = linger_s
        self._strict_repeats = strict_repeats
        self._on_settled = on_settled
        self._links: dict[int, AcquirerLink] = {}
        self._unsettled: set[Planned] = set()
        deadline_ns = int((deadline_s or profile_of(recording, known).deadline_s) * 1e9)
        self.report = Report(
            player=f"twinrail {twinrail.__version__}",
            mode="original" if speed == 1.0 else "scaled" if speed else "as fast as possible",
            speed=speed,
            budget_ns=int(budget_s * 1e9),
            deadline_ns=deadline_ns,
            torn=recording.torn,
            renumbered=bool(shift.renumber),
        )

    async def run(self) -> Report:
        """Play everything, wait for late answers, and give the report."""
        started_ns = time.monotonic_ns()
        report = self.report
        report.events = sum(isinstance(step, Planned) for step in self._plan.steps) + len(self._plan.left_out)
        for why in self._plan.left_out:
            self._not_sent(why)
        try:
            async with asyncio.TaskGroup() as tasks:
                for step in self._plan.steps:
                    event = step.event if isinstance(step, Planned) else step
                    if self._speed:
                        due_ns = started_ns + int(event.t / self._speed)
                        await _until(due_ns)
                    else:  # back-pressure only: a moment for the answers that have come, and the next
                        await asyncio.sleep(0)
                        due_ns = time.monotonic_ns()
                    await self._step(step, due_ns, tasks)
            await self._last_answers()
        finally:
            for link in self._links.values():
                await link.close()
                self._strays(link)
        report.seconds = (time.monotonic_ns() - started_ns) / 1e9
        return report

    async def _step(self, step: Event | Planned, due_ns: int, tasks: asyncio.TaskGroup) -> None:
        if isinstance(step, Planned):
            if step.cause is None or step.cause.done.is_set():
                self._send(step, due_ns)
            else:
                tasks.create_task(self._after_its_cause(step, step.cause, due_ns))
        elif step.k == "open":
            await self._open(step.c)
        else:
            await self._close_when_quiet(step.c, tasks)

    async def _open(self, number: int) -> None:
        profile = self._plan.profiles[number]
        if profile.rail is not Rail.CARD:
            return
        try:
            link = await AcquirerLink.connect(*self._address, profile)
        except OSError:  # TimeoutError is one: what is due on this link will be refused
            return
        self._links[number] = link
        signs_on = any(
            isinstance(step, Planned)
            and step.event.c == number
            and function_of(profile, step.request) is NetworkFunction.SIGN_ON
            for step in self._plan.steps
        )
        if profile.sign_on_required and not signs_on:
            await link.sign_on()

    async def _close_when_quiet(self, number: int, tasks: asyncio.TaskGroup) -> None:
        """Close a link once what is on its way has ended: the recorded peer had its answers before it left."""
        waiting = [
            step for step in self._plan.steps if isinstance(step, Planned) and step.event.c == number
        ]  # fmt: skip

        async def close() -> None:
            for planned in waiting:
                await planned.done.wait()
            if number in self._links:
                await asyncio.sleep(0)
                await self._links[number].close()

        tasks.create_task(close())

    async def _after_its_cause(self, planned: Planned, cause: Planned, due_ns: int) -> None:
        await cause.done.wait()
        self._send(planned, max(due_ns, time.monotonic_ns()))

    def _send(self, planned: Planned, due_ns: int) -> None:
        why = self._held_back(planned)
        if why:
            self._end(planned, Outcome.NOT_SENT)
            self.report.not_sent[why] += 1
            return
        link = self._links.get(planned.event.c)
        if link is None or link.is_closed:
            self._end(planned, Outcome.REFUSED)
            return
        request = self._moved(planned, link)
        planned.intended_ns = due_ns
        try:
            pending = link.send(request, timeout_s=self._deadline_s or link.profile.deadline_s)
        except (LinkError, EncodeError):
            self._end(planned, Outcome.REFUSED)
            return
        planned.pending = pending
        self.report.slip.record(pending.sent_ns - due_ns)
        pending.answer.add_done_callback(lambda answer: self._answered(planned, pending, answer.result()))

    def _held_back(self, planned: Planned) -> str:
        """Say why a request must not go, or ""."""
        cause = planned.cause
        if cause is None or cause.request.mti[1] == "8":
            return ""
        answered_now = cause.pending is not None and cause.pending.answer.result() is not None
        if cause.recorded_answer and not answered_now:
            return _CAUSE_MISSING
        is_timeout_repeat = is_repeat(planned.request.mti) and not cause.recorded_answer
        return _ANSWERED_NOW if is_timeout_repeat and answered_now and not self._strict_repeats else ""

    def _moved(self, planned: Planned, link: AcquirerLink) -> Message:
        """Shift a request and its expected answer; network messages are made afresh."""
        at, request = link.profile.places, planned.request
        if request.mti[1] != "8":
            if planned.expected is not None:
                planned.expected = self._shift.message(planned.expected, at)
            return self._shift.message(request, at)
        live = link.network_request(str(request.elements.get(at.network_function, ""))).elements
        own = {
            number: live[number]
            for number in (at.transmitted_at, at.sent_at, at.stan)
            if number in live and number in request.elements
        }
        if planned.expected is not None:
            recorded = planned.expected.elements
            planned.expected = Message(planned.expected.mti, {n: own.get(n, recorded[n]) for n in recorded})
        return Message(request.mti, {**request.elements, **own})

    def _answered(self, planned: Planned, pending: Pending, reply: Reply | None) -> None:
        if reply is None:
            link = self._links[planned.event.c]
            if link.is_closed:
                self._end(planned, Outcome.REFUSED)
            else:  # its late answer may still come: the outcome waits, what depends on it does not
                self._unsettled.add(planned)
                planned.done.set()
            return
        self._judge(planned, reply, sent_ns=pending.sent_ns, is_late=False)

    def _judge(self, planned: Planned, reply: Reply, *, sent_ns: int, is_late: bool) -> None:
        report, profile = self.report, self._plan.profiles[planned.event.c]
        response_ns = reply.received_ns - planned.intended_ns
        report.took(planned.request.mti, response_ns=response_ns, service_ns=reply.received_ns - sent_ns)
        decision = Pair(code_of(profile, planned.expected), code_of(profile, reply.message))
        report.decided(decision, minor_units(profile, planned.request))
        differences = compare(planned.expected, reply.message) if planned.expected is not None else []
        if differences or planned.expected is None:
            card = str(planned.request.elements.get(profile.places.pan, f"link {planned.event.c}"))
            report.differ(planned.index, planned.request.mti, card, decision, differences)
        if is_late:
            outcome = Outcome.LATE
        elif differences or planned.expected is None:
            outcome = Outcome.DIFFERENT
        else:
            outcome = Outcome.OVER_BUDGET if response_ns > report.budget_ns else Outcome.EQUAL
        self._end(planned, outcome, code=code_of(profile, reply.message), response_ns=response_ns)

    def _end(self, planned: Planned, outcome: Outcome, *, code: str = "", response_ns: int = 0) -> None:
        planned.outcome = outcome
        planned.done.set()
        self.report.settle(outcome)
        if self._on_settled is not None:
            self._on_settled(Settled(planned.request.mti, code, outcome, response_ns))

    async def _last_answers(self) -> None:
        """Wait for what is on its way, then a while for answers that are late."""
        for step in self._plan.steps:
            if isinstance(step, Planned):
                await step.done.wait()
        lates = [planned.pending.late for planned in self._unsettled if planned.pending is not None]
        if lates:
            await asyncio.wait(lates, timeout=self._linger_s)
        for planned in sorted(self._unsettled, key=lambda each: each.index):
            pending = planned.pending
            if pending is not None and pending.late.done():
                self._judge(planned, pending.late.result(), sent_ns=pending.sent_ns, is_late=True)
            elif planned.expected is None:
                self._end(planned, Outcome.EQUAL)  # no answer was recorded, and none came
            else:
                profile = self._plan.profiles[planned.event.c]
                decision = Pair(code_of(profile, planned.expected), "-")
                self.report.decided(decision, minor_units(profile, planned.request))
                self._end(planned, Outcome.UNANSWERED)

    def _not_sent(self, why: str) -> None:
        self.report.settle(Outcome.NOT_SENT)
        self.report.not_sent[why] += 1

    def _strays(self, link: AcquirerLink) -> None:
        self.report.outcomes[Outcome.UNMATCHED] += link.unmatched_count
        self.report.outcomes[Outcome.DUPLICATE] += link.second_count
        self.report.outcomes[Outcome.UNPARSED] += link.unparsed_count


async def _until(due_ns: int) -> None:
    wait_ns = due_ns - time.monotonic_ns()
    if wait_ns > 0:
        await asyncio.sleep(wait_ns / 1e9)


async def replay(
    path: pathlib.Path,
    host: str,
    port: int,
    *,
    speed: float = 1.0,
    time_mode: TimeMode = TimeMode.SHIFT,
    renumber: int | None = None,
    budget_s: float = BUDGET_S,
    deadline_s: float | None = None,
    linger_s: float = 1.0,
    strict_repeats: bool = False,
    on_settled: Callable[[Settled], None] | None = None,
    known: Mapping[str, LinkProfile] = PROFILES,
) -> Report:
    """Replay a recording against HOST:PORT and compare the answers.

    `speed` divides the recorded offsets; 0 leaves the pauses out. `renumber` moves DE11 and DE37 (None: by the clock,
    so that two runs do not meet as duplicates; 0: not at all). An answer beyond `budget_s` is over budget, beyond
    `deadline_s` (None: the link profile's) late;`linger_s` is how long the end of the run waits for late ones.
    `known` are the profiles that links may have.
    ValueError for a negative speed, RecordingError for a file that cannot be replayed.
    """
    if speed < 0:
        raise ValueError("the speed must not be negative")
    data = await asyncio.to_thread(path.read_bytes)
    recording = read(path)
    now = datetime.now(UTC)
    started = now
    if recording.header.started:
        started = datetime.fromisoformat(recording.header.started)
    elif time_mode is TimeMode.SHIFT:
        time_mode = TimeMode.NOW  # without a start there is no offset to shift by
    shift = Shift(
        mode=time_mode,
        started=started,
        now=now,
        renumber=int(now.timestamp()) if renumber is None else renumber,
    )
    player = Player(
        recording,
        host,
        port,
        speed=speed,
        shift=shift,
        budget_s=budget_s,
        deadline_s=deadline_s,
        linger_s=linger_s,
        strict_repeats=strict_repeats,
        on_settled=on_settled,
        known=known,
    )
    player.report.recording = hashlib.sha256(data).hexdigest()
    return await player.run()
