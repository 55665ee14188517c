"""The pump: what it carries between the switch, the store and the links, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.scenarios.gate import Gate
from tests.scenarios.rig import TOKENS, Mode
from tests.scenarios.wire import PATIENCE_S, until

from twinrail.assembly import flows
from twinrail.engine.journal import Batch, Outcome
from twinrail.engine.store.memory import MemoryStore, MemoryTables
from twinrail.engine.switch import Switch
from twinrail.engine.transports.pump import Patience, Pump
from twinrail.errors import InvariantBroken
from twinrail.schemas.instructions import ChangeAccount, OpenAccount, OpenFile
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
