"""The pump: what it carries between the switch, the store and the links, and how it ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.scenarios.gate import Gate
from tests.scenarios.rig import TOKENS, Mode
from tests.scenarios.wire import PATIENCE_S, until

from twinrail.assembly import flows
from twinrail.engine.journal import Ask, Batch, Found, Outcome, Position
from twinrail.engine.store.memory import MemoryStore, MemoryTables
from twinrail.engine.switch import Switch
from twinrail.engine.transports.pump import SLOW_NS, Patience, Pump
from twinrail.errors import InvariantBroken, StoreError
from twinrail.schemas.instructions import ChangeAccount, Command, OpenAccount, OpenFile
from twinrail.schemas.iso8583.profiles import CARD_1987


class Running:
    """A pump at work over a store in memory."""

    def __init__(self, tables: MemoryTables | None = None) -> None:
        self.store = MemoryStore(tables)
        self.gate = Gate(self.store)
        self.switch = Switch(flows=flows(), tokens=TOKENS)
        self.wanted = asyncio.Event()

    async def start(self) -> None:
        await self.gate.claim(0)
        self.switch.restore(await self.gate.load(0, recent=100, recent_since=0, now_wall=0))
        self.pump = Pump(self.switch, self.gate, patience=Patience(command_poll_s=60.0), commands_wanted=self.wanted)
        self.task = asyncio.create_task(self.pump.run())

    async def end(self) -> None:
        self.gate.set(Mode.FINE)
        self.pump.stopped.set()
        await self.task


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    await running.start()
    yield running
    await running.end()


def _account(number: int) -> OpenAccount:
    return OpenAccount(command=f"k{number}", account=f"A{number}", currency="978")


async def test_a_submitted_instruction_is_given_back_when_it_is_committed(running: Running) -> None:
    entry = await running.pump.submit(_account(1))
    assert (entry.seq, entry.kind) == (1, "open_account")
    assert running.switch.committed_seq == 1
    assert await running.pump.submit_all(()) == ()


async def test_entries_come_back_in_the_order_they_were_asked_for(running: Running) -> None:
    file = OpenFile(file="f", message_id="M", initiator="X", transactions=1, control_sum=1)
    # The file has to be asked about, so it is decided last.
    entries = await running.pump.submit_all([_account(1), file, _account(2)])
    assert [entry.kind for entry in entries] == ["open_account", "open_file", "open_account"]
    assert [entry.seq for entry in entries] == [1, 3, 2]


async def test_what_queues_during_a_commit_is_one_batch(running: Running) -> None:
    running.gate.set(Mode.HELD)
    first = asyncio.create_task(running.pump.submit(_account(1)))
    await until(lambda: running.switch._commits.in_flight is not None)
    rest = asyncio.create_task(running.pump.submit_all([_account(number) for number in range(2, 40)]))
    await until(lambda: running.switch.unsettled == 39)
    assert not first.done()
    running.gate.set(Mode.FINE)
    await asyncio.gather(first, rest)
    assert running.gate.commits == 2


@pytest.mark.parametrize("mode", [Mode.LOSES, Mode.HIDES])
async def test_a_commit_in_doubt_is_looked_up_and_happens_once(running: Running, mode: Mode) -> None:
    running.gate.set(mode)
    entry = await running.pump.submit(_account(1))
    assert entry.seq == 1
    position = await running.gate.look_up(0)
    assert position.last_seq == 1
    assert running.gate.commits == (2 if mode is Mode.LOSES else 1)


async def test_while_the_store_is_away_everything_is_kept_and_then_done(running: Running) -> None:
    running.gate.set(Mode.AWAY)
    file = OpenFile(file="f", message_id="M", initiator="X", transactions=1, control_sum=1)
    waiting = asyncio.create_task(running.pump.submit_all([_account(1), file]))
    await until(lambda: running.pump.store_away)
    assert not waiting.done()
    running.gate.set(Mode.FINE)
    async with asyncio.timeout(PATIENCE_S):
        entries = await waiting
    assert [entry.seq for entry in entries] == [1, 2]
    assert not running.pump.store_away


class _Refused(MemoryStore):
    """Has an error for the next reads of one kind, as a statement that the server will not take."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, int] = {}

    def _refuse(self, what: str) -> None:
        if self.errors.get(what):
            self.errors[what] -= 1
            raise StoreError("as planted by the test")

    async def find(self, partition: int, ask: Ask) -> Found:
        self._refuse("find")
        return await super().find(partition, ask)

    async def commands(self, partition: int, limit: int) -> list[Command]:
        self._refuse("commands")
        return await super().commands(partition, limit)

    async def look_up(self, partition: int) -> Position:
        self._refuse("look_up")
        return await super().look_up(partition)


@pytest.mark.parametrize("what", ["find", "commands", "look_up"])
async def test_a_read_that_the_store_refuses_is_said_and_tried_again(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = _Refused()
    running = Running()
    running.store, running.gate = store, Gate(store)
    await running.start()
    store.errors[what] = 2
    async with asyncio.timeout(PATIENCE_S):
        if what == "find":
            file = OpenFile(file="f", message_id="M", initiator="X", transactions=1, control_sum=1)
            await running.pump.submit(file)
        elif what == "commands":
            await store.put_command(0, _account(1), "me")
            running.wanted.set()
        else:
            running.gate.set(Mode.LOSES)
            await running.pump.submit(_account(1))
    await until(lambda: running.switch.committed_seq == 1)
    assert store.errors[what] == 0
    assert (running.pump.defect, running.switch.halted) == (None, "")
    (said,) = (record for record in caplog.records if record.message == "store away, trying again")
    assert (said.levelname, said.__dict__["asked"]) == ("WARNING", what)
    assert said.__dict__["why"] == "as planted by the test"
    assert "store back" in caplog.messages
    await running.end()


async def test_a_store_counts_as_away_while_a_commit_takes_it_too_long(running: Running) -> None:
    await until(lambda: not running.pump._under_way)
    began = time.monotonic_ns()
    assert running.pump.store_answers(began + 10 * SLOW_NS)  # idle
    running.gate.set(Mode.HELD)
    waiting = asyncio.create_task(running.pump.submit(_account(1)))
    await until(lambda: running.switch._commits.in_flight is not None)
    assert running.pump.store_answers(began + SLOW_NS)
    assert not running.pump.store_answers(time.monotonic_ns() + SLOW_NS + 1)
    running.gate.set(Mode.FINE)
    await waiting
    assert running.pump.store_answers(time.monotonic_ns() + 10 * SLOW_NS)


async def test_a_store_counts_as_away_from_a_failed_commit_to_the_next_good_one(running: Running) -> None:
    running.gate.set(Mode.AWAY)
    waiting = asyncio.create_task(running.pump.submit(_account(1)))
    await until(lambda: running.gate.commits == 1 and running.switch.wants_look_up)
    assert not running.pump.store_answers(time.monotonic_ns())
    running.gate.set(Mode.FINE)
    await waiting
    await until(lambda: not running.pump._under_way)
    assert running.pump.store_answers(time.monotonic_ns())


class _Mute(MemoryStore):
    """Takes questions and never answers, as a server that was stopped without a word."""

    async def commands(self, partition: int, limit: int) -> list[Command]:  # noqa: ARG002 - as the contract has it
        await asyncio.Event().wait()
        return []


async def test_a_store_counts_as_away_while_it_leaves_a_question_unanswered() -> None:
    running = Running()
    running.gate = Gate(_Mute())
    await running.start()
    await until(lambda: running.pump._under_way)
    assert not running.pump.store_answers(time.monotonic_ns() + SLOW_NS + 1)
    await running.end()
    assert not running.pump._under_way


async def test_commands_are_carried_out_once_and_their_outcome_is_stored(running: Running) -> None:
    for command in (_account(1), _account(2), ChangeAccount(command="k3", account="A1", credit_limit=5)):
        await running.store.put_command(0, command, "me")
    running.wanted.set()
    await until(lambda: running.switch.committed_seq == 3)
    running.wanted.set()
    await until(lambda: not running.wanted.is_set())
    assert running.switch.committed_seq == 3
    assert running.switch.state.ledger.accounts["A1"].credit_limit == 5


async def test_a_fenced_engine_stops(running: Running) -> None:
    await running.store.claim(0)  # another owner
    submitted = asyncio.create_task(running.pump.submit(_account(1)))
    async with asyncio.timeout(PATIENCE_S):
        await running.task
    assert (running.switch.halted, running.pump.defect, submitted.done()) == ("fenced", None, False)
    running.pump._pump()
    assert running.pump._timer is None or running.pump._timer.cancelled()  # nothing would ever end its waking
    submitted.cancel()


async def test_a_batch_that_the_store_refuses_is_kept_for_its_reader() -> None:
    class Refusing(MemoryStore):
        async def commit(self, batch: Batch) -> Outcome:
            self.refused = batch
            return Outcome.REFUSED

    running = Running()
    running.gate = Gate(Refusing())
    await running.start()
    submitted = asyncio.create_task(running.pump.submit(_account(1)))
    async with asyncio.timeout(PATIENCE_S):
        await running.task
    assert running.switch.halted == "refused"
    assert running.switch.refused_batch is not None
    submitted.cancel()


class _Outlet:
    name = "northbank"

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def hold_reading(self, *, held: bool) -> None:
        pass

    def shut(self, why: str) -> None:
        pass


@pytest.mark.parametrize("where", ["receive", "wake", "settled", "outgoing", "submit"])
async def test_a_defect_ends_the_engine_and_nothing_more_leaves(
    running: Running, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = _Outlet()
    link = running.pump.opened(outlet, CARD_1987)

    def broken(*_args: Any) -> None:
        raise InvariantBroken("as planted by the test")

    monkeypatch.setattr(running.switch, where, broken)
    if where == "receive":
        running.pump.received(link, b"\0\0")
    elif where == "wake":
        running.pump._wake()
    elif where == "submit":
        with pytest.raises(InvariantBroken):
            await running.pump.submit(_account(1))
    elif where == "settled":
        waiting = asyncio.create_task(running.pump.submit(_account(1)))
    else:
        running.pump.touch()
    async with asyncio.timeout(PATIENCE_S):
        await running.task
    assert isinstance(running.pump.defect, InvariantBroken)
    assert running.switch.halted
    assert outlet.written == []
    if where == "settled":
        waiting.cancel()


async def test_the_log_has_the_place_of_a_defect_and_nothing_of_its_text(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    value = "4111111111111111"

    cards: dict[str, str] = {}

    def of_a_message(*_args: Any) -> str:
        try:
            return cards[value]
        except KeyError as error:
            raise ValueError(f"no such card: {value}") from error

    monkeypatch.setattr(running.switch, "receive", of_a_message)
    running.pump.received(running.pump.opened(_Outlet(), CARD_1987), b"\0\0")
    await running.task
    (record,) = (record for record in caplog.records if record.levelname == "CRITICAL")
    assert record.message == "defect, halting"
    assert record.__dict__["error"] == "ValueError"
    assert [frame.partition(":")[0] for frame in record.__dict__["frames"]] == ["received", "of_a_message"]
    assert (record.exc_info, record.stack_info) == (None, None)
    assert value not in str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize("where", ["opened", "closed"])
async def test_a_defect_where_a_link_comes_or_goes_ends_the_engine_too(
    running: Running, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any) -> None:
        raise InvariantBroken("as planted by the test")

    link = running.pump.opened(_Outlet(), CARD_1987)
    monkeypatch.setattr(running.switch, where, broken)
    if where == "opened":
        running.pump.opened(_Outlet(), CARD_1987)
    else:
        running.pump.closed(link)
    async with asyncio.timeout(PATIENCE_S):
        await running.task
    assert isinstance(running.pump.defect, InvariantBroken)


async def test_a_notice_in_the_log_names_its_link(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    link = running.pump.opened(_Outlet(), CARD_1987)
    running.switch.links.note(link, "mac_wrong", "0100")
    running.pump._pump()
    (record,) = (record for record in caplog.records if record.message == "link notice")
    noted = [record.__dict__[name] for name in ("link", "connection", "what", "detail")]
    assert noted == ["northbank", link, "mac_wrong", "0100"]


async def test_a_stop_lets_a_commit_under_way_come_to_its_end(running: Running) -> None:
    running.gate.set(Mode.HELD)
    waiting = asyncio.create_task(running.pump.submit(_account(1)))
    await until(lambda: running.switch._commits.in_flight is not None)
    running.pump.stopped.set()
    await asyncio.sleep(0)
    running.gate.set(Mode.FINE)
    await running.task
    assert (await running.store.look_up(0)).last_seq == 1
    assert (await waiting).seq == 1
