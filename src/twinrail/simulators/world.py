"""A world in virtual time: real switches between model networks and a model store, all of it out of one seed.

The world is one heap of events. Every event that reaches a switch, and every effect that leaves one, enters a running
hash: the same seed gives the same hash in any process. A crash may fall before any event, and between an event and its
effects. First come the faults; then they stop, and what is left has to get done. The auditor watches all along.

This is the one simulator that imports the engine, since a world without it would have nothing to prove; what it judges
by is the auditor's.
"""

import hashlib
import heapq
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from twinrail.codecs.card import Tokens
from twinrail.codecs.framing import Framer
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import codec_for
from twinrail.engine.bounds import Bounds
from twinrail.engine.journal import Ask, Batch, Found, Loaded, Position, decode_entry
from twinrail.engine.journal import Outcome as Settled
from twinrail.engine.pipeline import Flow
from twinrail.engine.switch import Switch
from twinrail.errors import InvariantBroken
from twinrail.schemas.instructions import (
    ChangeAccount,
    ChangeCard,
    Command,
    OpenAccount,
    OpenCard,
    ReleaseHold,
    Transfer,
)
from twinrail.schemas.iso8583.profiles import (
    CARD_1987,
    CARD_1987_ASCII4,
    CARD_1987_BCD,
    INSTANT,
    DeadlinePolicy,
    LinkProfile,
    Rail,
)
from twinrail.simulators.auditor import Books, Finding, number_of
from twinrail.simulators.clearing_house import account as iban_of
from twinrail.simulators.clearing_house import read_status
from twinrail.simulators.faults import NS, Swarm, calmed, draw, stream
from twinrail.simulators.model_bank import ModelBank, Paid
from twinrail.simulators.model_network import Asked, Card, ModelNetwork, Peer
from twinrail.simulators.model_store import COLUMNS, Course, ModelStore, StoreDefectError
from twinrail.simulators.wire import Wire
from twinrail.simulators.witness import InstantWitness, Witness

KEY = b"a key of the simulated world, 32+"
EVENTS_MAX = 1_000_000
LIVENESS_S = 30  # virtual seconds without faults in which everything is to be settled
POLL_S = 0.5  # between looks at the command table
SPOKEN = (CARD_1987, CARD_1987_BCD, CARD_1987_ASCII4)  # what networks speak where nobody says otherwise
TURNS = 10  # turns of the loop in the time by which a timer may be late
EURO = "978"
WALL = 1_790_000_000 * NS  # ns since 1970 at the world's beginning
_EXPIRY = "3512"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a world."""

    seed: int
    trace: str  # the running hash of all events and effects
    findings: tuple[Finding, ...]
    counters: dict[str, int]  # faults that happened and states that were reached
    approvals: int
    declines: int  # with a reason of ours; refusals with 91 are counted apart
    refusals: int
    answers: int
    entries: int
    boundaries: int  # places at which a crash could have fallen
    busy_boundaries: int  # those of them before the faults stopped
    virtual_s: float

    @property
    def good(self) -> bool:
        """Say whether nothing was found."""
        return not self.findings


@dataclass(slots=True, eq=False)
class _Commit:
    """A transaction on its way."""

    batch: Batch
    course: Course
    result: str = ""
    aborted: bool = False


@dataclass(slots=True, eq=False)
class _Link:
    """The engine's end of a wire."""

    wire: Wire
    framer: Framer
    profile: LinkProfile


class Owner:
    """One engine process: a switch, and the shell around it in virtual time."""

    def __init__(self, world: "World", number: int, switch: Switch) -> None:
        self.number = number
        self.switch = switch
        self.alive = True
        self.first_seq = switch.committed_seq + 1
        self.full = False
        self.open_commits: list[_Commit] = []
        self._world = world
        self._links: dict[int, _Link] = {}
        self._under_way: dict[int, str] = {}
        self._armed_at = 0
        self._looking = False
        self._exiting = False
        world.after(NS // 1000, self._poll)
        self._arm()

    # What reaches the switch

    def step(self, name: str, event: Callable[[], None]) -> None:
        """Feed the switch one event and carry out its effects, unless a crash falls before either."""
        world = self._world
        if not self.alive or world.crashes_here(self):
            return
        world.note(f"{self.number}{name}@{world.now}")
        try:
            event()
        except InvariantBroken:
            if self.switch.epoch == world.store.tables.epoch or self.switch.halted:
                raise
            # It was fenced already, did not know, and read the rows of its successor: to exit is what it should do.
            world.count("stale_owner_broke")
            world.end(self)
            return
        if world.crashes_here(self):
            return
        if name != "settled":
            self._carry_out()
            return
        # As the pump does: the next batch goes first, the answers have a turn of their own, and all may come before it.
        self._submit()
        late = int(world.timers.uniform(0, world.swarm.timer_late_s) * NS / TURNS)
        world.after(late, self._take_turn)

    def _take_turn(self) -> None:
        if self.alive:
            self.switch.release(self._world.now)
            self._carry_out()

    def connect(self, wire: Wire, profile: LinkProfile) -> None:
        """Take a new connection."""
        self._links[wire.number] = _Link(wire, Framer(profile.frame, profile.frame_bytes_max), profile)
        self.step("opened", lambda: self.switch.opened(wire.number, profile, self._world.now))

    def feed(self, wire: Wire, data: bytes, whole: Sequence[object]) -> None:
        """Take bytes of a network; a connection that the engine has closed is read no more."""
        if wire.number not in self._links:
            return

        def event() -> None:
            for record in whole:
                self._world.asked(record, wire, self)
            self._world.note(data)
            self.switch.receive(wire.number, data, self._world.now)

        self.step("receive", event)

    def lost(self, wire: Wire) -> None:
        """Take that a connection is gone."""
        self._world.witness.link_lost(wire.number)
        self._links.pop(wire.number, None)
        if self.alive:
            self.step("closed", lambda: self.switch.closed(wire.number, self._world.now))

    def _poll(self) -> None:
        """Fetch operator commands."""
        world = self._world
        if not self.alive:
            return
        world.after(int(POLL_S * NS), self._poll)
        if world.store.is_away(world.now) or self.switch.halted:
            return
        fresh = [
            command
            for command in world.store.tables.pending_commands(50)
            if getattr(command, "command", "") not in self._under_way.values()
        ]

        def event() -> None:
            for command in fresh:
                ticket = self.switch.submit(command, world.now)  # type: ignore[arg-type]  # the world's own commands
                self._under_way[ticket] = getattr(command, "command", "")

        if fresh:
            self.step("commands", event)

    def _arm(self) -> None:
        at = max(self.switch.wake_at(), self._world.now)
        if self._armed_at and self._armed_at <= at and self._armed_at > self._world.now:
            return
        if at == self._world.now and self._armed_at == at:
            at += NS // 1000  # the switch asked for what it has just had: a shell would spin
            self._world.count("wake_again")
        self._armed_at = at
        late = int(self._world.timers.uniform(0, self._world.swarm.timer_late_s) * NS)
        self._world.after(at - self._world.now + late, lambda: self._wake(at))

    def _wake(self, at: int) -> None:
        if at != self._armed_at or not self.alive:
            return

        def event() -> None:
            self.switch.clock(self._world.offset)
            self.switch.wake(self._world.now)

        self._armed_at = self._world.now
        self.step("wake", event)

    # What leaves it

    def _carry_out(self) -> None:
        world, switch = self._world, self.switch
        for number, chunks in switch.outgoing().items():
            link = self._links.get(number)
            for chunk in chunks:
                world.note(chunk)
                if link is not None:
                    self._send(link, chunk)
        for number, _why in switch.closing():
            link = self._links.get(number)
            if link is not None:
                world.count("closed_by_engine")
                link.wire.shut()
        for ask in switch.asks():
            self._ask(ask)
        for ticket, _entry in switch.completions():
            self._under_way.pop(ticket, None)
        self._submit()
        if switch.wants_look_up and not self._looking:
            self._looking = True
            self._look_up()
        if switch.halted and not self._exiting:
            self._exiting = True
            world.count(f"halted_{switch.halted}")
            world.after(NS // 10, lambda: world.end(self))  # a shell needs a moment; events go on meanwhile
        was_full, self.full = self.full, switch.full
        if was_full and not self.full:
            for link in list(self._links.values()):
                link.wire.go_on()
        self._arm()

    def _send(self, link: _Link, chunk: bytes) -> None:
        world = self._world
        for payload in link.framer.receive(chunk):
            if link.profile.rail is Rail.INSTANT:
                for row in read_status(payload).transactions:
                    world.instants.answered(link.wire.number, row.transaction_id, row.status, row.reason, world.now)
                continue
            body = header_codec(link.profile.header).split(payload).body
            message = codec_for(link.profile.dialect).decode(body)
            world.witness.answered(link.wire.number, message, world.now)
        link.wire.answer(chunk)

    def _submit(self) -> None:
        world = self._world
        batch = self.switch.next_batch(world.now)
        if batch is None:
            return
        world.note(f"batch {batch.epoch} {batch.first_seq} {batch.last_seq}")
        for row in batch.rows["journal"]:
            world.note(bytes(row[4]))  # type: ignore[call-overload]  # the body column
        commit = _Commit(batch, world.store.submit(world.now))
        self.open_commits.append(commit)
        if commit.course.written_after is not None:
            world.after(commit.course.written_after, lambda: world.write(commit))
        world.after(commit.course.replied_after, lambda: self._settled(commit))

    def _settled(self, commit: _Commit) -> None:
        if commit in self.open_commits and (commit.result or commit.course.written_after is None or commit.aborted):
            self.open_commits.remove(commit)
        outcome = commit.course.outcome or ("unknown" if commit.aborted else commit.result)
        self.step("settled", lambda: self.switch.settled(commit.batch, Settled(outcome), self._world.now))

    def _look_up(self) -> None:
        world = self._world

        def read() -> None:
            if not self.alive:
                return
            if world.store.is_away(world.now):
                world.after(int(0.2 * NS), read)
                return
            position = Position(*world.store.position())
            world.after(world.store.answer_after() // 2, lambda: tell(position))

        def tell(position: Position) -> None:
            self._looking = False
            self.step("looked_up", lambda: self.switch.looked_up(position, world.now))

        world.after(world.store.answer_after(), read)

    def _ask(self, ask: Ask) -> None:
        world = self._world
        world.count("asked_store")

        def read() -> None:
            if not self.alive:
                return
            if world.store.is_away(world.now):
                world.after(int(0.2 * NS), read)
                return
            rows = world.store.tables.find(ask)
            found = Found(
                entries=[decode_entry(bytes(row[0])) for row in rows["journal"]],  # type: ignore[call-overload]  # the body
                authorizations=rows["authorization"],
                tombstones=rows["tombstone"],
                files=rows["payment_file"],
            )
            world.after(world.store.answer_after() // 2, lambda: tell(found))

        def tell(found: Found) -> None:
            self.step("found", lambda: self.switch.found(ask.number, found, world.now))

        world.after(world.store.answer_after(), read)

    def drain(self) -> None:
        """Stop in order: sign off, finish, and leave when nothing is under way, or after five seconds."""
        world = self._world
        ends = world.now + 5 * NS

        def look() -> None:
            if self.alive and (self.switch.idle or world.now > ends):
                world.end(self)
            elif self.alive:
                world.after(NS // 20, look)

        self.step("drain", lambda: self.switch.drain(world.now))
        look()

    def end(self) -> None:
        """Cease to exist: connections are reset, what is under way may or may not reach the store."""
        self.alive = False
        for commit in self.open_commits:
            if not commit.result and self._world.crash_rng.random() < 0.5:
                commit.aborted = True
        for link in list(self._links.values()):
            link.wire.reset()


class World:
    """Networks, owners and a store around one heap of events. `now` is virtual monotonic ns."""

    def __init__(
        self,
        seed: int,
        swarm: Swarm,
        *,
        flows: Mapping[type[msgspec.Struct], Flow],
        switch: type[Switch] = Switch,
        crash_at: int = -1,
        profiles: Sequence[LinkProfile] = SPOKEN,
    ) -> None:
        self.seed = seed
        self.now = NS  # so that 0 never means a time
        self.offset = WALL
        self.swarm = swarm
        self.store = ModelStore(stream(seed, "store"), swarm)
        self.books = Books()
        self.tokens = Tokens(KEY)
        self.witness = Witness(self.books, self.tokens)
        self.instants = InstantWitness(self.books)
        self.timers = stream(seed, "timers")
        self.crash_rng = stream(seed, "crash")
        self.counters: dict[str, int] = {}
        self.owners: list[Owner] = []
        self.boundaries = self.busy_boundaries = 0
        self._flows = flows
        self._switch = switch
        self._crash_at = crash_at
        self._crash_in = -1  # boundaries until the armed crash
        self._starting = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._wires = 0
        self._wire_list: list[Wire] = []
        self._trace = hashlib.blake2b(digest_size=16)
        self._commands = 0
        self._profiles = _profiles(swarm, profiles)
        self._operator = stream(seed, "operator")
        self._faults = stream(seed, "faults")
        self._bounds = Bounds(
            recent_decisions=swarm.window,
            batch_entries=swarm.batch_entries,
            closed_lifecycles=min(swarm.window, 200_000),
        )
        self.networks: list[ModelNetwork] = []
        self.bank: ModelBank | None = None

    # Time

    def after(self, delay: int, action: Callable[[], None]) -> None:
        """Do something later; events of one instant happen in the order in which they were planned."""
        self._order += 1
        heapq.heappush(self._heap, (self.now + max(0, delay), self._order, action))

    @property
    def wall(self) -> int:
        """Virtual wall time, ns since 1970."""
        return self.now + self.offset

    def _run_until(self, end: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= end and not self.books.findings:
            self.now, order, action = heapq.heappop(heap)
            if order > EVENTS_MAX:
                self.books.findings.add("I12", "the world does not come to rest")
                return
            action()
        self.now = max(self.now, end)

    def note(self, what: str | bytes) -> None:
        """Take an event or effect into the running hash."""
        self._trace.update(what if isinstance(what, bytes) else what.encode())

    def count(self, what: str) -> None:
        """Count an event."""
        self.counters[what] = self.counters.get(what, 0) + 1

    # Owners

    @property
    def owner(self) -> Owner | None:
        """The newest engine process that is alive."""
        return next((owner for owner in reversed(self.owners) if owner.alive), None)

    def start_owner(self) -> None:
        """Start an engine process: it owns the partition, loads it, and listens."""
        self._starting += 1
        self.after(self.store.claim_after(self.now), self._claim)

    def _claim(self) -> None:
        if self.store.claim_after(self.now) > 2 * NS // 1000:  # the lock was taken by another transaction meanwhile
            self.after(self.store.claim_after(self.now), self._claim)
            return
        self._starting -= 1
        position = Position(*self.store.claim())
        rows = self.store.tables.load(
            recent=self._bounds.recent_decisions,
            recent_since=0,  # by count alone: a wall clock that has jumped makes no decision old
            now_wall=self.wall,
        )
        recent = [decode_entry(bytes(row[4])) for row in rows.pop("recent")]  # type: ignore[call-overload]  # the body
        switch = self._switch(flows=self._flows, tokens=self.tokens, bounds=self._bounds)
        switch.clock(self.offset)
        loaded = Loaded(position=position, last_at=self.books.at, rows=dict(rows), recent=recent)
        switch.restore(loaded)
        self.note(f"owner {len(self.owners)} {position}")
        self.owners.append(Owner(self, len(self.owners), switch))
        self.check_cache(self.owners[-1])

    def crashes_here(self, owner: Owner) -> bool:
        """Say whether the process dies at this boundary, and let it."""
        self.boundaries += 1
        if self._crash_in > 0:
            self._crash_in -= 1
        if self._crash_in == 0 or self.boundaries == self._crash_at:
            self._crash_in = -1
            self.count("crash")
            self.end(owner)
            return True
        return False

    def end(self, owner: Owner) -> None:
        """Let a process end, and start the next one if nobody else is there."""
        if not owner.alive:
            return
        owner.end()
        if self.owner is None and not self._starting:
            self._starting += 1
            pause = int(self.crash_rng.uniform(0.05, 2) * NS)
            self.after(pause, self._start_next)

    def _start_next(self) -> None:
        self._starting -= 1
        self.start_owner()

    # The store

    def write(self, commit: _Commit) -> None:
        """Let a transaction commit."""
        if commit.aborted:
            return
        before = self.store.tables.last_seq
        try:
            commit.result = self.store.tables.write(commit.batch)
        except StoreDefectError as defect:
            self.books.findings.add("I3", str(defect))
            return
        if self.store.tables.last_seq != before:
            for row in commit.batch.rows["journal"]:
                self.books.fold_body(bytes(row[4]))  # type: ignore[call-overload]  # the body column
            for table in ("account", "card", "authorization", "obligation"):
                columns = COLUMNS[table]
                rows = [dict(zip(columns, row, strict=True)) for row in commit.batch.rows.get(table, ())]
                self.books.check_rows(table, rows, complete=False)

    # Streets: what networks use

    def connect(self, peer: Peer) -> Wire | None:
        """Open a connection to the newest owner."""
        owner = self.owner
        if owner is None or owner.switch.halted or owner.switch.draining:
            return None
        self._wires += 1
        wire = Wire(
            self._wires,
            (peer, owner),
            rng=stream(self.seed, f"wire {self._wires}"),
            swarm=lambda: self.swarm,
            clock=lambda: self.now,
            after=self.after,
            count=self.count,
        )
        self._wire_list = [other for other in self._wire_list if other.up]
        self._wire_list.append(wire)
        owner.connect(wire, peer.profile)
        return wire

    def asked(self, record: object, wire: Wire, owner: Owner) -> None:
        """Take a message that has reached the engine whole."""
        if isinstance(record, Paid):
            deadline = self.now + int(record.profile.deadline_s * NS)
            self.instants.asked(wire.number, record.transaction, cents=record.cents, deadline=deadline)
        if not isinstance(record, Asked):
            return
        self.witness.asked(
            record.profile, record.message, life=record.life, link=wire.number, owner=owner.number, at=self.now
        )

    # Faults that come by themselves

    def _every(self, seconds: Callable[[], float], action: Callable[[], None]) -> None:
        """Do something again and again, at random times of that mean, for as long as it is on."""
        mean = seconds()
        if mean <= 0:
            return

        def again() -> None:
            if seconds() > 0:
                action()
                self.after(int(self._faults.expovariate(1 / seconds()) * NS), again)

        self.after(int(self._faults.expovariate(1 / mean) * NS), again)

    def _reset_one(self) -> None:
        wires = [wire for wire in self._wire_list if wire.up and not wire.half_open]
        if not wires:
            return
        wire = self._faults.choice(wires)
        if self._faults.random() < self.swarm.half_open_p:
            self.count("half_open")
            wire.fall_silent()
        else:
            self.count("reset")
            wire.reset()

    def _crash_one(self) -> None:
        owner = self.owner
        dice = self._faults.random()
        if owner is None or self._starting:
            return
        if dice < self.swarm.second_owner_p:
            self.count("second_owner")
            self.start_owner()
        elif dice < self.swarm.second_owner_p + self.swarm.drain_p:
            self.count("drained")
            owner.drain()
        else:
            self._crash_in = self.crash_rng.randrange(1, 4)

    def _step_clock(self) -> None:
        self.count("clock_step")
        step = self._faults.choice((1, 60, 3600, 90_000)) * self._faults.uniform(-1, 1)
        self.offset = max(WALL - 108_000 * NS, min(WALL + 108_000 * NS, self.offset + int(step * NS)))

    def _store_away(self) -> None:
        self.store.restart(self.now)
        for owner in self.owners:
            for commit in owner.open_commits:
                if not commit.result:
                    commit.aborted = True

    # Operators

    def give(self, command: Command) -> None:
        """Put a command into the command table, under the next id."""
        self._commands += 1
        numbered = msgspec.structs.replace(command, command=f"command-{self._commands}")
        self.store.tables.commands.append(numbered)

    def _furnish(self) -> list[Card]:
        """Open accounts and cards, and fund them: some with about what they will be asked for."""
        rng, swarm = self._operator, self.swarm
        cards = []
        for number in range(swarm.accounts):
            account, pan = f"A{number:03d}", f"4000{number:012d}"
            limit = rng.choice((0, 0, 500))
            iban = iban_of(number)
            opened = OpenAccount(
                command="", account=account, currency=EURO, credit_limit=limit, iban=self.tokens.iban(iban),
                iban_last4=iban[-4:],
            )  # fmt: skip
            self.give(opened)
            token = self.tokens.pan(pan)
            top = rng.choice((0, 0, 6000))
            card = OpenCard(command="", card=token, account=account, expiry=_EXPIRY, last4=pan[-4:], amount_limit=top)
            self.give(card)
            asked_for = 3000 * swarm.requests // swarm.accounts
            funds = rng.randrange(1, asked_for) if rng.random() < swarm.near_limit else asked_for * 3
            self.give(Transfer(command="", debit="suspense-EUR", credit=account, amount=funds, currency=EURO))
            cards.append(Card(pan, account))
        return cards

    def _command(self) -> None:
        rng = self._operator
        account = f"A{rng.randrange(self.swarm.accounts):03d}"
        token = self.tokens.pan(f"4000{int(account[1:]):012d}")
        kind = rng.choice(("fund", "limit", "freeze", "thaw", "thaw", "release"))
        self.count(f"command_{kind}")
        if kind == "fund":
            amount = rng.randrange(1, 20_000)
            self.give(Transfer(command="", debit="suspense-EUR", credit=account, amount=amount, currency=EURO))
        elif kind == "limit":
            self.give(ChangeAccount(command="", account=account, credit_limit=rng.choice((0, 1000))))
        elif kind == "release":
            numbers = [number for number, row in self.books.lifecycles.items() if row["remaining"]]
            if numbers:
                self.give(ReleaseHold(command="", authorization=rng.choice(numbers)))
        else:
            self.give(ChangeCard(command="", card=token, status="frozen" if kind == "freeze" else "active"))

    # The whole

    def play(self) -> None:
        """Let the world run: faults first, then peace, then the final audit."""
        swarm = self.swarm
        cards = self._furnish()
        self.start_owner()
        for number in range(swarm.networks):
            profile = self._profiles[number % len(self._profiles)]
            rng = stream(self.seed, f"network {number}")
            self.networks.append(ModelNetwork(number, profile, cards, rng=rng, streets=self))
        for network in self.networks:
            network.start(max(1, swarm.requests // swarm.networks), swarm.seconds)
        if swarm.instant_p:
            ibans = [iban_of(number) for number in range(swarm.accounts + 1)]  # the last one is nobody's
            profile = replace(INSTANT, idle_timeout_s=30.0)
            self.bank = ModelBank(profile, ibans, stream(self.seed, "bank"), self)
            self.bank.start(1 + int(swarm.requests * swarm.instant_p), swarm.seconds)
        self._every(lambda: self.swarm.reset_every_s, self._reset_one)
        self._every(lambda: self.swarm.crash_every_s, self._crash_one)
        self._every(lambda: self.swarm.clock_step_every_s, self._step_clock)
        self._every(lambda: self.swarm.away_every_s, self._store_away)
        self._every(lambda: self.swarm.commands_every_s, self._command)
        self._run_until(int((swarm.seconds + 1) * NS))
        self.swarm = self.store.swarm = calmed(swarm)
        self._crash_in = -1
        self.busy_boundaries = self.boundaries
        rest = max(self.now, self.now + self.store.claim_after(self.now))
        self._run_until(rest + LIVENESS_S * NS)
        if not self.books.findings:
            self._audit()

    def _audit(self) -> None:
        findings, books, owner = self.books.findings, self.books, self.owner
        books.check_totals()
        tables = self.store.tables.rows
        for table in ("account", "card", "authorization", "obligation", "payment_file"):
            columns = COLUMNS[table]
            books.check_rows(table, (dict(zip(columns, row, strict=True)) for row in tables[table].values()))
        if len(tables["posting"]) != books.postings:
            findings.add("I9", f"{len(tables['posting'])} posting rows, the fold has {books.postings}")
        if owner is None:
            findings.add("I12", "no engine is alive at the end")
            return
        if owner.switch.unsettled or not owner.switch.idle:
            findings.add("I12", f"{owner.switch.unsettled} decisions are unsettled after the peace")
        owed = sum(len(network.owed) for network in self.networks) + (len(self.bank.owed) if self.bank else 0)
        if owed:
            findings.add("I6", f"{owed} reversals, advices and instant payments were not answered")
        if len(owner.switch.duplicates) > self.swarm.window + 1000:
            findings.add("I12", "the duplicate window is above its bound")
        self.check_cache(owner)
        self.witness.check_overdue(self.now, NS)
        self.witness.check_late(owner.number, owner.first_seq)

    def check_cache(self, owner: Owner) -> None:
        """I9: what the switch holds in memory is the fold of the journal; at rest and after recovery."""
        ledger, books, findings = owner.switch.state.ledger, self.books, self.books.findings
        for name, row in books.accounts.items():
            account = ledger.accounts.get(name)
            if account is None or any(getattr(account, column) != value for column, value in row.items()):
                findings.add("I9", f"account {name} in memory is not the fold")
        if len(ledger.accounts) != len(books.accounts) or len(ledger.cards) != len(books.cards):
            findings.add("I9", "accounts or cards in memory that no entry made")
        for token, row in books.cards.items():
            card = ledger.cards.get(token)
            if card is None or any(getattr(card, column) != value for column, value in row.items()):
                findings.add("I9", "a card in memory is not the fold")
        for number, row in books.lifecycles.items():
            lifecycle = owner.switch.state.life.by_id.get(number)
            if lifecycle is None:
                if number_of(row["remaining"]):
                    findings.add("I9", f"lifecycle {number} is open and not in memory")
            elif any(getattr(lifecycle, column) != value for column, value in row.items()):
                findings.add("I9", f"lifecycle {number} in memory is not the fold")

    def outcome(self) -> Outcome:
        """Say what became of the world so far."""
        for what, count in (*self.store.seen.items(), *_engine_counts(self.owners).items()):
            self.counters[what] = self.counters.get(what, 0) + count
        return Outcome(
            seed=self.seed,
            trace=self._trace.hexdigest(),
            findings=tuple(self.books.findings),
            counters=dict(sorted(self.counters.items())),
            approvals=self.witness.approvals,
            declines=self.witness.declines,
            refusals=self.witness.refusals,
            answers=self.witness.answers,
            entries=self.books.seq,
            boundaries=self.boundaries,
            busy_boundaries=self.busy_boundaries,
            virtual_s=self.now / NS,
        )


def _engine_counts(owners: Sequence[Owner]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for owner in owners:
        for what, count in owner.switch.counters.items():
            counts[f"switch_{what}"] = counts.get(f"switch_{what}", 0) + count
    return counts


def _profiles(swarm: Swarm, spoken: Sequence[LinkProfile]) -> list[LinkProfile]:
    """Give the profile of each network: framing and dialect vary, and both deadline policies are there."""
    policies = (DeadlinePolicy.SILENT, DeadlinePolicy.DECLINE)
    return [
        replace(
            profile,
            deadline_s=swarm.deadline_s,
            deadline_policy=policies[number % 2 if swarm.silent else 1 - number % 2],
            idle_timeout_s=12.0,
            frame_timeout_s=5.0,
            late_window_s=swarm.late_window_s,
            hold_expiry_s=swarm.hold_expiry_s,
            sign_on_retry_s=2.0,
        )
        for number, profile in enumerate(spoken)
    ]


def run(
    seed: int,
    *,
    flows: Mapping[type[msgspec.Struct], Flow],
    swarm: Swarm | None = None,
    switch: type[Switch] = Switch,
    crash_at: int = -1,
    profiles: Sequence[LinkProfile] = SPOKEN,
) -> Outcome:
    """Play one world out of its seed and say what became of it; `crash_at` adds one crash at that boundary.

    Its networks speak the profiles given, in turn.
    What the engine raises is a finding too, with the place and never with a value.
    """
    world = World(
        seed, draw(seed) if swarm is None else swarm, flows=flows, switch=switch, crash_at=crash_at, profiles=profiles
    )
    try:
        world.play()
    except (Exception, InvariantBroken) as error:  # noqa: BLE001 - whatever the engine raises is what we look for
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = str(error) if isinstance(error, InvariantBroken) else type(error).__name__
        world.books.findings.add("raised", f"{text} at {place.filename.rpartition('/')[2]}:{place.lineno}")
    return world.outcome()
