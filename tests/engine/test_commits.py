import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.commits import Commits, Cut
from twinrail.engine.journal import Position, decode_entry
from twinrail.engine.session import Request
from twinrail.engine.state import State
from twinrail.errors import InvariantBroken
from twinrail.schemas.instructions import ExpireHold
from twinrail.schemas.journal import AccountOpened, Entry


def _entry(seq: int) -> Entry:
    return Entry(seq=seq, at=seq, kind="open_account", effects=(_opened(seq),))


def _opened(seq: int) -> AccountOpened:
    return AccountOpened(account=f"A{seq}", kind="customer", currency="978")


def _request() -> Request:
    return Request(None, None, ExpireHold(authorization=1), 0)


def _append(commits: Commits, state: State, seq: int, request: Request | None = None) -> None:
    state.apply(_entry(seq).effects, seq)
    commits.append(_entry(seq), request)


def _in_flight(commits: Commits) -> Cut:
    assert commits.in_flight is not None
    return commits.in_flight


@given(st.lists(st.sampled_from(["append", "commit"]), max_size=30), st.integers(1, 4))
def test_batches_hold_every_entry_once_in_order_and_within_the_bound(steps: list[str], entries_max: int) -> None:
    state = State()
    commits = Commits(state, partition=3, entries_max=entries_max)
    commits.epoch = 7
    seq, committed = 0, 0
    for step in [*steps, *["commit"] * 40]:
        if step == "append":
            seq += 1
            _append(commits, state, seq)
            continue
        batch = commits.next_batch(now=5)
        if batch is None:
            continue
        assert commits.next_batch(now=6) is None  # at most one is in flight
        assert (batch.partition, batch.epoch, batch.first_seq) == (3, 7, committed + 1)
        assert batch.last_seq - batch.first_seq < entries_max
        bodies = [row[4] for row in batch.rows["journal"]]
        assert [decode_entry(body).seq for body in bodies if isinstance(body, bytes)] == list(
            range(batch.first_seq, batch.last_seq + 1)
        )
        committed = batch.last_seq
        commits.settle(_in_flight(commits))
    assert committed == seq
    assert commits.idle


def test_a_request_waits_for_the_batch_of_its_entry() -> None:
    state = State()
    commits = Commits(state, partition=0, entries_max=2)
    waiting = {seq: _request() for seq in range(1, 6)}
    for seq, request in waiting.items():
        _append(commits, state, seq, request)
    first = commits.next_batch(1)
    assert first is not None
    late = {seq: _request() for seq in (2, 3, 5)}
    for seq, request in late.items():
        commits.join(request, seq)
    assert _in_flight(commits).requests == [waiting[1], waiting[2], late[2]]
    commits.settle(_in_flight(commits))
    commits.next_batch(2)
    assert _in_flight(commits).requests == [waiting[3], waiting[4], late[3]]
    commits.settle(_in_flight(commits))
    commits.next_batch(3)
    assert _in_flight(commits).requests == [waiting[5], late[5]]


def test_a_kept_batch_is_settled_or_submitted_again_as_it_was() -> None:
    state = State()
    commits = Commits(state, partition=0, entries_max=9)
    _append(commits, state, 1)
    batch = commits.next_batch(1)
    assert batch is not None
    _append(commits, state, 2)
    assert commits.looked_up(Position(0, 0)) is None
    assert commits.next_batch(2) is batch
    assert commits.next_batch(3) is None
    cut = commits.looked_up(Position(0, 1))
    assert cut is _in_flight(commits)


@pytest.mark.parametrize("last_seq", [0, 4, 9])
def test_a_store_that_lost_what_it_acknowledged_stops_the_engine(last_seq: int) -> None:
    state = State()
    commits = Commits(state, partition=0, entries_max=9)
    _append(commits, state, 2)
    _append(commits, state, 3)
    commits.next_batch(1)
    with pytest.raises(InvariantBroken, match="lost rows"):
        commits.looked_up(Position(0, last_seq))


def test_nothing_in_flight_needs_no_look_up() -> None:
    commits = Commits(State(), partition=0, entries_max=9)
    assert commits.next_batch(1) is None
    assert commits.looked_up(Position(0, 0)) is None
