"""The writer alone; what it does for requests is told by test_switch and the scenarios."""

import pytest
from tests.scenarios.rig import NS

from twinrail.assembly import flows
from twinrail.engine.bounds import Bounds
from twinrail.engine.journal import Loaded, Position
from twinrail.engine.writer import Writer
from twinrail.errors import InvariantBroken


def _writer() -> Writer:
    return Writer(flows=flows(), partition=0, bounds=Bounds(), counters={})


def test_who_waits_is_left_to_the_switch() -> None:
    writer = _writer()
    with pytest.raises(NotImplementedError):
        writer.release(NS)
    with pytest.raises(NotImplementedError):
        writer._expire_deadlines(NS)


def test_it_is_restored_once() -> None:
    writer = _writer()
    loaded = Loaded(position=Position(3, 7), last_at=NS, rows={}, recent=())
    writer.restore(loaded)
    assert (writer.epoch, writer.committed_seq, writer.unsettled) == (3, 7, 0)
    with pytest.raises(InvariantBroken, match="restored twice"):
        writer.restore(loaded)


def test_journal_times_grow_whatever_the_clock_does() -> None:
    writer = _writer()
    times = []
    for offset in (5, 5, 9, 2, 2, 30):
        writer.clock(offset)
        times.append(writer._tick())
    assert times == sorted(set(times))
    assert times[0] == 5
    assert times[-1] == 30


def test_there_is_no_batch_without_an_entry() -> None:
    writer = _writer()
    assert writer.next_batch(NS) is None
