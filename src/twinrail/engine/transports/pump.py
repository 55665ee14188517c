"""The pump: drives a switch, carrying its effects to links, store and timers.

Everything that waits lives here and in the store: one writer task that commits batch after batch, one reader task that
answers asks, one task that fetches operator commands. A TaskGroup owns them. Nothing is decided here.
"""

import asyncio
import contextlib
import functools
import logging
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from twinrail.engine.journal import Ask, Found
from twinrail.engine.store.contract import Store, StoreAway
from twinrail.engine.switch import Switch
from twinrail.errors import StoreError
from twinrail.schemas.instructions import Instruction
from twinrail.schemas.iso8583.profiles import LinkProfile
from twinrail.schemas.journal import Entry

_Result = TypeVar("_Result")
_LOG = logging.getLogger("twinrail.pump")
COMMANDS_AT_ONCE = 500
FRAMES_SHOWN = 8  # innermost frames of a defect in the log
LAST_COMMIT_S = 2.0  # what a commit under way may still take when the pump stops
SLOW_NS = 500_000_000  # what the store takes longer for than this shows that it is not to be counted on
CLOCK_STEP_NS = 1_000_000  # smaller drifts of wall against monotonic time are not fed


class Outlet(Protocol):
    """What the pump needs of a link."""

    @property
    def name(self) -> str:
        """Name the link of the settings."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def hold_reading(self, *, held: bool) -> None:
        """Stop or go on reading."""

    def shut(self, why: str) -> None:
        """Send what is queued, then close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the pump waits for the store, in seconds; nothing here ever cuts a commit short."""

    command_poll_s: float = 1.0
    answer_s: float = 5.0  # for a question; then the store counts as away and is asked again
    retry_first_s: float = 0.05  # pause before the next attempt; doubles up to the next
    retry_max_s: float = 1.0


class _Waiting:
    """Submitted instructions whose commits are awaited together."""

    __slots__ = ("entries", "future", "left")

    def __init__(self, count: int, future: "asyncio.Future[Sequence[Entry]]") -> None:
        self.entries: list[Entry | None] = [None] * count
        self.left = count
        self.future = future


class Pump:
    """One switch with its store and its links; `stopped` is set at a halt, `drained` when a draining switch is idle."""

    def __init__(
        self,
        switch: Switch,
        store: Store,
        *,
        patience: "Patience | None" = None,
        commands_wanted: asyncio.Event | None = None,
    ) -> None:
        self.switch = switch
        self.stopped = asyncio.Event()
        self.drained = asyncio.Event()
        self.defect: BaseException | None = None
        self._store = store
        self._under_way: dict[str, int] = {}  # what the store is busy with for us, and since when (monotonic ns)
        self._unanswered: set[str] = set()  # what among it has failed at least once
        self._patience = patience or Patience()
        self._loop = asyncio.get_running_loop()
        self._links: dict[int, Outlet] = {}
        self._next_link = 1
        self._scheduled = False
        self._reading_held = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._work = asyncio.Event()
        self._asked = asyncio.Event()
        self._asks: deque[Ask] = deque()
        self._commands_wanted = commands_wanted or asyncio.Event()
        self._commands_under_way: set[str] = set()
        self._more_commands = False
        self._tickets: dict[int, tuple[_Waiting, int]] = {}
        self._command_tickets: dict[int, str] = {}
        self._offset = 0
        self.sync_clock()

    # Time

    def sync_clock(self) -> None:
        """Feed the switch the difference between wall and monotonic time, where it has moved."""
        offset = time.time_ns() - time.monotonic_ns()
        if abs(offset - self._offset) > CLOCK_STEP_NS:
            self._offset = offset
            self.switch.clock(offset)

    @property
    def store_away(self) -> bool:
        """Say whether a question to the store has failed and is not answered yet."""
        return bool(self._unanswered)

    def store_answers(self, now: int) -> bool:
        """Say whether the store is to be counted on at `now` (monotonic ns).

        It is not while it cannot be reached, while a commit has failed or is in doubt, and while something takes it
        longer than SLOW_NS.
        """
        if self.store_away or self.switch.admission.stalled:
            return False
        return all(now - since <= SLOW_NS for since in self._under_way.values())

    # Links

    def opened(self, outlet: Outlet, profile: LinkProfile) -> int:
        """Take a link that has opened; gives its number."""
        link = self._next_link
        self._next_link += 1
        self._links[link] = outlet
        try:
            self.switch.opened(link, profile, time.monotonic_ns())
        except BaseException as error:  # noqa: BLE001 - as in received
            self._broken(error)
        if self._reading_held:
            outlet.hold_reading(held=True)
        self.touch()  # what the link says first waits for no tick
        return link

    def received(self, link: int, data: bytes) -> None:
        """Take what a link has read."""
        try:
            self.switch.receive(link, data, time.monotonic_ns())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is a defect of ours
            self._broken(error)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    def _broken(self, error: BaseException) -> None:
        """Stop answering: the state in memory is not to be trusted after a defect, the store's rows are."""
        if self.defect is None:
            self.defect = error
            self.switch.halted = self.switch.halted or "defect"
            # Kind and place only: the text of somebody else's exception may hold a value of a message.
            frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            _LOG.critical("defect, halting", extra={"error": type(error).__name__, "frames": frames[-FRAMES_SHOWN:]})
        self.stopped.set()
        self._work.set()

    def closed(self, link: int) -> None:
        """Take that a link is gone."""
        self._links.pop(link, None)
        try:
            self.switch.closed(link, time.monotonic_ns())
        except BaseException as error:  # noqa: BLE001 - as in received
            self._broken(error)
        self.touch()

    def touch(self) -> None:
        """Have the switch's effects carried out soon."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    # Instructions that come on no link

    async def submit_all(self, instructions: Sequence[Instruction]) -> Sequence[Entry]:
        """Submit instructions in order; gives their entries when all are committed."""
        if not instructions:
            return ()
        waiting = _Waiting(len(instructions), self._loop.create_future())
        now = time.monotonic_ns()
        for index, instruction in enumerate(instructions):
            try:
                self._tickets[self.switch.submit(instruction, now)] = (waiting, index)
            except BaseException as error:
                self._broken(error)
                raise
        self.touch()
        return await waiting.future

    async def submit(self, instruction: Instruction) -> Entry:
        """Submit one instruction; gives its entry when it is committed."""
        return (await self.submit_all((instruction,)))[0]

    # The pump itself

    def _pump(self) -> None:
        self._scheduled = False
        try:
            self._carry_out()
        except BaseException as error:  # noqa: BLE001 - as in received
            self._broken(error)

    def _carry_out(self) -> None:
        if self.defect is not None:
            return  # nothing more leaves
        switch = self.switch
        switch.release(time.monotonic_ns())
        for link, chunks in switch.outgoing().items():
            outlet = self._links.get(link)
            if outlet is not None:
                outlet.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        for link, why in switch.closing():
            outlet = self._links.get(link)
            if outlet is not None:
                outlet.shut(why)
        for notice in switch.notices():
            outlet = self._links.get(notice.link)
            name = "" if outlet is None else outlet.name
            extra = {"link": name, "connection": notice.link, "what": notice.what, "detail": notice.detail}
            _LOG.warning("link notice", extra=extra)
        asks = switch.asks()
        if asks:
            self._asks.extend(asks)
            self._asked.set()
        for ticket, entry in switch.completions():
            self._complete(ticket, entry)
        self._work.set()
        if switch.full is not self._reading_held:
            self._reading_held = not self._reading_held
            for outlet in self._links.values():
                outlet.hold_reading(held=self._reading_held)
        if switch.halted:
            self.stopped.set()
            return  # a halted switch asks for nothing, and no timer could end that
        if switch.draining and switch.idle:
            self.drained.set()
        self._arm()

    def _complete(self, ticket: int, entry: Entry) -> None:
        command = self._command_tickets.pop(ticket, None)
        if command is not None:
            self._commands_under_way.discard(command)
            if self._more_commands and not self._commands_under_way:
                self._commands_wanted.set()
            return
        held = self._tickets.pop(ticket, None)
        if held is None:
            return
        waiting, index = held
        waiting.entries[index] = entry
        waiting.left -= 1
        if not waiting.left and not waiting.future.done():
            waiting.future.set_result([entry for entry in waiting.entries if entry is not None])

    def _arm(self) -> None:
        """Set the timer to when the switch wants to be woken; one that is set earlier will do and look again."""
        at = self.switch.wake_at()
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, (at - time.monotonic_ns()) / 1e9), self._wake)

    def _wake(self) -> None:
        self._timer = None
        try:
            self.sync_clock()
            self.switch.wake(time.monotonic_ns())
        except BaseException as error:  # noqa: BLE001 - as in received
            self._broken(error)
        self._pump()

    async def run(self) -> None:
        """Commit, answer asks and fetch commands until stopped; raises nothing: `defect` says what went wrong."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._guarded(self._write))
            others = [group.create_task(self._guarded(job)) for job in (self._read, self._fetch_commands)]
            self._arm()
            await self.stopped.wait()
            for task in others:
                task.cancel()
            # A commit under way is let come to its end; one that hangs when time is up is looked up at the next start.
            self._work.set()
            await asyncio.wait({writer}, timeout=LAST_COMMIT_S)
            writer.cancel()
        if self._timer is not None:
            self._timer.cancel()

    async def _guarded(self, job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as in received
            self._broken(error)

    async def _write(self) -> None:
        switch = self.switch
        while not switch.halted:
            batch = switch.next_batch(time.monotonic_ns())
            if batch is None:
                if self.stopped.is_set():
                    break
                self._work.clear()
                await self._work.wait()
                continue
            # No timeout and no cancel around the commit: it would make a certain outcome an unknown one.
            self._under_way["commit"] = time.monotonic_ns()
            outcome = await self._store.commit(batch)
            del self._under_way["commit"]
            switch.settled(batch, outcome, time.monotonic_ns())
            self.touch()  # the answers have a turn of their own: the next batch is on its way before they are made
            if switch.wants_look_up:
                _LOG.warning("commit outcome not known, looking it up", extra={"outcome": str(outcome)})
                await self._look_up()
        self.stopped.set()

    async def _look_up(self) -> None:
        look_up = functools.partial(self._store.look_up, self.switch.partition)
        while self.switch.wants_look_up:
            position = await self._tried("look_up", look_up)
            self.switch.looked_up(position, time.monotonic_ns())
            self._pump()

    async def _read(self) -> None:
        while True:
            if not self._asks:
                self._asked.clear()
                await self._asked.wait()
                continue
            ask = self._asks[0]
            found = Found()  # nobody waits for it any more: no work for the store, which may be what is slow
            if self.switch.wanted(ask.number):
                found = await self._tried("find", functools.partial(self._store.find, self.switch.partition, ask))
            self._asks.popleft()
            self.switch.found(ask.number, found, time.monotonic_ns())
            self.touch()

    async def _fetch_commands(self) -> None:
        """Fetch pending commands at every notice and every poll; a full page is followed by the next at once."""
        fetch = functools.partial(self._store.commands, self.switch.partition, COMMANDS_AT_ONCE)
        while True:
            # As of before the question: a command that settles while it is read still looks pending in the answer.
            under_way = frozenset(self._commands_under_way)
            commands = await self._tried("commands", fetch)
            now = time.monotonic_ns()
            for command in commands:
                if command.command not in under_way and not self.switch.halted:
                    self._commands_under_way.add(command.command)
                    self._command_tickets[self.switch.submit(command, now)] = command.command
            self.touch()
            self._more_commands = len(commands) == COMMANDS_AT_ONCE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.command_poll_s):
                    await self._commands_wanted.wait()
            self._commands_wanted.clear()

    async def _tried(self, what: str, job: Callable[[], Awaitable[_Result]]) -> _Result:
        """Read from the store until it answers, with growing pauses: no error of the store ends the engine."""
        pause = self._patience.retry_first_s
        self._under_way[what] = time.monotonic_ns()
        try:
            while True:
                try:
                    async with asyncio.timeout(self._patience.answer_s):
                        result = await job()
                except (StoreAway, StoreError, TimeoutError) as error:
                    if what not in self._unanswered:
                        why = str(error) or "no answer in time"
                        _LOG.warning("store away, trying again", extra={"asked": what, "why": why})
                    self._unanswered.add(what)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, self._patience.retry_max_s)
                else:
                    if what in self._unanswered:
                        _LOG.warning("store back", extra={"asked": what})
                    return result
        finally:
            del self._under_way[what]
            self._unanswered.discard(what)
