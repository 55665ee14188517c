"""The switch at its bounds and in its rarer states; what it decides is told by tests/scenarios."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scenarios.rig import NS, TOKENS, Mode, Rig, Rows

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.bounds import Bounds
from twinrail.engine.journal import Outcome, Position
from twinrail.errors import InvariantBroken
from twinrail.schemas.instructions import ChangeAccount, OpenAccount, OpenCard, OpenFile, Transfer
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import CARD_1987, DeadlinePolicy, LinkProfile

PAN = "4111111111111111"
CODEC = codec_for("iso1987-ascii")
SILENT = replace(CARD_1987, name="silent", deadline_policy=DeadlinePolicy.SILENT)


def _bank(*, bounds: Bounds | None = None, balance: int = 100_00) -> Rig:
    rig = Rig(bounds=bounds)
    rig.submit(OpenAccount(command="1", account="A", currency="978"))
    rig.submit(Transfer(command="2", debit="suspense-EUR", credit="A", amount=balance, currency="978"))
    rig.submit(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="3012", last4=PAN[-4:]))
    return rig


def _signed_on(rig: Rig, profile: LinkProfile = CARD_1987) -> int:
    link = rig.open(profile)
    rig.receive(link, _frame("0800", 1, {70: "001"}))
    assert _heard(rig, link) == [("0810", 1, "00")]
    return link


def _frame(mti: str, stan: int, more: dict[int, str | bytes] | None = None, **named: Any) -> bytes:
    elements: dict[int, str | bytes] = {7: f"01010000{stan % 60:02d}", 11: f"{stan:06d}"}
    if mti[1] != "8":
        amount = named.get("amount", 1_00)
        elements |= {2: named.get("pan", PAN), 3: "000000", 4: f"{amount:012d}", 37: f"{stan:012d}", 49: "978"}
    return frame(BINARY2, CODEC.encode(Message(mti, elements | (more or {}))))


def _heard(rig: Rig, link: int) -> list[tuple[str, int, str]]:
    data, rig.inbox[link] = rig.inbox[link], b""
    messages = [CODEC.decode(payload) for payload in Framer(BINARY2, 4096).receive(data)]
    return [(message.mti, int(message.elements[11]), str(message.elements.get(39, ""))) for message in messages]


def _held(rig: Rig) -> int:
    return rig.switch.state.ledger.accounts["A"].held


# Bytes


@given(st.lists(st.integers(1, 400), max_size=12))
@settings(max_examples=40)
def test_however_the_stream_is_cut_the_answers_are_the_same(cuts: list[int]) -> None:
    stream = b"".join(_frame("0100", stan) for stan in range(2, 6)) + _frame("0420", 9, {37: "000000000002"})
    answers = []
    for pieces in ([stream], [stream[i:j] for i, j in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True)]):
        rig = _bank()
        link = _signed_on(rig)
        for piece in pieces:
            rig.receive(link, piece)
        answers.append(_heard(rig, link))
    assert answers[0] == answers[1]
    assert [code for _, _, code in answers[0]] == ["00"] * 5


def test_a_busy_link_whose_reads_always_end_within_a_frame_is_not_taken_for_a_stalled_one() -> None:
    rig = _bank()
    link = _signed_on(rig)
    one = _frame("0800", 2, {70: "301"})
    half = len(one) // 2
    rig.receive(link, one[:half])
    for _ in range(20):
        rig.advance(NS)
        rig.receive(link, one[half:] + one[:half])
    assert link not in rig.closed
    rig.advance(7 * NS)
    assert rig.closed[link] == "frame not completed in time"


def test_a_link_that_we_stop_reading_is_not_closed_for_it() -> None:
    rig = _bank(bounds=Bounds(parked=1))
    link = _signed_on(rig)
    rig.mode = Mode.AWAY
    advice = _frame("0120", 2, {39: "00"})
    rig.receive(link, advice + advice[:9])
    assert rig.switch.full
    rig.advance(200 * NS)
    assert link not in rig.closed
    rig.settle(Mode.FINE)
    rig.receive(link, advice[9:])
    assert _heard(rig, link) == [("0130", 2, "00")] * 2


@pytest.mark.parametrize("mti", ["0100", "0200"])
def test_a_repeat_beyond_the_window_that_is_not_marked_as_one_is_still_known(mti: str) -> None:
    rig = _bank(bounds=Bounds(recent_decisions=1))
    link = _signed_on(rig)
    for stan in (2, 3, 4, 2):
        rig.receive(link, _frame(mti, stan))
    assert [code for _, _, code in _heard(rig, link)] == ["00"] * 4
    assert rig.switch.counters["duplicates"] == 1
    assert rig.switch.state.available(rig.switch.state.ledger.accounts["A"]) == 97_00


def test_nothing_behind_the_frame_that_ended_a_link_is_taken() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.receive(link, b"\0\1X" * 16 + _frame("0100", 2))
    assert rig.closed[link] == "too many unreadable frames"
    assert _held(rig) == 0


def test_bytes_for_a_link_that_is_gone_are_ignored() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.hang_up(link)
    rig.switch.receive(link, _frame("0100", 2), rig.now)
    assert (_held(rig), rig.switch.idle) == (0, True)


def test_a_link_number_is_never_used_twice() -> None:
    rig = _bank()
    rig.switch.opened(99, CARD_1987, rig.now)
    with pytest.raises(InvariantBroken, match="used twice"):
        rig.switch.opened(99, CARD_1987, rig.now)


# Commits


def test_no_answer_leaves_before_its_commit_and_the_next_batch_gathers_meanwhile() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.settle(Mode.HELD)
    for stan in (2, 3, 4):
        rig.receive(link, _frame("0100", stan))
    assert _heard(rig, link) == []
    assert rig.switch.unsettled == 3
    rig.settle(Mode.FINE)
    assert [stan for _, stan, _ in _heard(rig, link)] == [2, 3, 4]
    assert rig.switch.idle


@pytest.mark.parametrize(("outcome", "why"), [(Outcome.FENCED, "fenced"), (Outcome.REFUSED, "refused")])
def test_a_halted_switch_does_nothing_more(outcome: Outcome, why: str) -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.switch.receive(link, _frame("0100", 2), rig.now)
    batch = rig.switch.next_batch(rig.now)
    assert batch is not None
    rig.switch.receive(link, _frame("0100", 3), rig.now)
    rig.switch.settled(batch, outcome, rig.now)
    assert rig.switch.halted == why
    assert (rig.switch.refused_batch is batch) == (why == "refused")
    assert rig.switch.next_batch(rig.now) is None
    rig.switch.receive(link, _frame("0100", 4), rig.now)
    rig.switch.wake(rig.now + 10 * NS)
    rig.switch.closed(link, rig.now + 10 * NS)
    assert rig.switch.outgoing() == {}
    assert rig.rows.last_seq == 3  # the three commands of the start


# Between the outcome of a commit and the release of its answers


def _committed(rig: Rig, link: int, *frames: bytes) -> Callable[[int], None]:
    """Feed requests and write their batch; gives what tells the switch so, that many ns from now."""
    for each in frames:
        rig.switch.receive(link, each, rig.now)
    batch = rig.switch.next_batch(rig.now)
    assert batch is not None
    assert rig.rows.commit(batch) is Outcome.COMMITTED

    def tell(after: int) -> None:
        rig.switch.settled(batch, Outcome.COMMITTED, rig.now + after)

    return tell


@pytest.mark.parametrize("mti", ["0100", "0200"])
def test_no_repeat_is_told_of_an_approval_that_is_then_taken_back(mti: str) -> None:
    rig = _bank()
    link = _signed_on(rig)
    tell = _committed(rig, link, _frame(mti, 2))
    deadline = int(CARD_1987.deadline_s * NS)
    tell(deadline - 1000)
    rig.switch.receive(link, _frame(mti, 2), rig.now + deadline + 1000)
    rig.now += deadline + 1000
    rig.run()
    assert [code for _, _, code in _heard(rig, link)] == ["91", "91"]
    assert (_held(rig), rig.switch.state.ledger.accounts["A"].posted) == (0, 100_00)


def test_what_is_committed_is_answered_before_the_link_is_closed_for_what_came_next() -> None:
    rig = _bank()
    link = _signed_on(rig)
    _committed(rig, link, _frame("0100", 2), _frame("0100", 3))(0)
    rig.switch.receive(link, b"\xff\xff", rig.now)
    rig.run()
    assert rig.closed[link].startswith("framing lost")
    assert _heard(rig, link) == [("0110", 2, "00"), ("0110", 3, "00")]


def test_what_is_committed_is_answered_before_the_sign_off() -> None:
    rig = _bank()
    link = _signed_on(rig)
    _committed(rig, link, _frame("0100", 2))(0)
    assert not rig.switch.idle
    rig.switch.drain(rig.now)
    rig.run()
    assert [mti for mti, _, _ in _heard(rig, link)] == ["0110", "0800"]
    assert rig.switch.idle


def test_what_is_committed_is_answered_although_the_next_batch_halts_the_engine() -> None:
    rig = _bank()
    link = _signed_on(rig)
    _committed(rig, link, _frame("0100", 2))(0)
    rig.switch.receive(link, _frame("0100", 3), rig.now)
    batch = rig.switch.next_batch(rig.now)
    assert batch is not None
    rig.switch.settled(batch, Outcome.REFUSED, rig.now)
    rig.run()
    assert _heard(rig, link) == [("0110", 2, "00")]
    assert rig.switch.halted == "refused"


def test_an_answer_that_could_not_leave_in_time_does_not() -> None:
    rig = _bank()
    link = _signed_on(rig)
    tell = _committed(rig, link, _frame("0100", 2))
    deadline = int(CARD_1987.deadline_s * NS)
    tell(deadline - 1)
    rig.now += deadline
    rig.switch.release(rig.now)
    rig.run()
    assert [code for _, _, code in _heard(rig, link)] == ["91"]
    assert _held(rig) == 0


def test_an_answered_request_lets_go_of_its_link() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.switch.receive(link, _frame("0100", 2), rig.now)
    requests = rig.switch._commits._building.requests
    rig.run()
    assert [(request.answered, request.session, request.message) for request in requests] == [(True, None, None)]


def test_a_stale_owner_writes_nothing() -> None:
    rig = _bank()
    link = _signed_on(rig)
    other = Rig(rows=rig.rows)
    rig.receive(link, _frame("0100", 2))
    assert (rig.switch.halted, rig.rows.last_seq, _heard(rig, link)) == ("fenced", 3, [])
    assert other.switch.epoch == rig.switch.epoch + 1


def test_a_higher_epoch_at_the_look_up_halts() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.switch.receive(link, _frame("0100", 2), rig.now)
    batch = rig.switch.next_batch(rig.now)
    assert batch is not None
    rig.switch.settled(batch, Outcome.UNKNOWN, rig.now)
    assert rig.switch.wants_look_up
    rig.switch.looked_up(Position(rig.switch.epoch + 1, 9), rig.now)
    assert rig.switch.halted == "fenced"


def test_the_outcome_of_another_batch_is_a_defect() -> None:
    rig, other = _bank(), _bank()
    link = _signed_on(other)
    other.switch.receive(link, _frame("0100", 2), other.now)
    batch = other.switch.next_batch(other.now)
    assert batch is not None
    with pytest.raises(InvariantBroken, match="not in flight"):
        rig.switch.settled(batch, Outcome.COMMITTED, rig.now)


def test_a_switch_is_restored_once() -> None:
    rig = _bank()
    with pytest.raises(InvariantBroken, match="restored twice"):
        rig.switch.restore(rig.rows.load(0))


def test_journal_times_increase_even_when_the_wall_clock_does_not() -> None:
    rig = _bank()
    rig.switch.clock(0)  # decades back
    rig.submit(ChangeAccount(command="4", account="A", credit_limit=1))
    rig.restart()
    rig.switch.clock(0)
    rig.submit(ChangeAccount(command="5", account="A", credit_limit=2))
    times = [entry.at for entry in rig.rows.entries()]
    assert times == sorted(set(times))


# Bounds


def test_beyond_the_hard_bound_reading_stops_and_time_waits_without_spinning() -> None:
    rig = _bank(bounds=Bounds(unsettled=4, unsettled_hard=6))
    link = _signed_on(rig, replace(CARD_1987, name="short", hold_expiry_s=3))
    rig.receive(link, _frame("0100", 2))
    rig.settle(Mode.HELD)
    for stan in range(3, 10):
        rig.receive(link, _frame("0420", stan, {37: "000000000002"}))
    assert rig.switch.full
    rig.advance(10 * NS)  # the rig fails if the switch asks to be woken without end
    rig.settle(Mode.FINE)
    rig.advance(10 * NS)
    assert not rig.switch.full
    assert rig.switch.idle


def test_a_full_parking_refuses_requests_and_drops_what_will_be_repeated() -> None:
    rig = _bank(bounds=Bounds(parked=2))
    link = _signed_on(rig)
    rig.settle(Mode.AWAY)
    rig.receive(link, _frame("0420", 2) + _frame("0420", 3) + _frame("0101", 4) + _frame("0420", 5))
    assert rig.switch.full
    assert _heard(rig, link) == [("0110", 4, "91")]
    rig.settle(Mode.FINE)
    assert _heard(rig, link) == [("0430", 2, "00"), ("0430", 3, "00")]
    assert rig.switch.counters["dropped_for_repeat"] == 1
    rig.receive(link, _frame("0421", 5))
    assert _heard(rig, link) == [("0430", 5, "00")]
    assert rig.switch.sessions[link].in_flight == 0


def test_a_link_may_hold_so_many_requests_and_no_more() -> None:
    rig = _bank()
    link = _signed_on(rig, replace(CARD_1987, name="narrow", in_flight_max=2))
    rig.settle(Mode.HELD)
    rig.receive(link, _frame("0100", 2) + _frame("0100", 3) + _frame("0100", 4))
    assert _heard(rig, link) == [("0110", 4, "91")]
    rig.settle(Mode.FINE)
    rig.receive(link, _frame("0101", 4))
    assert [code for _, _, code in _heard(rig, link)] == ["00"] * 3


@pytest.mark.parametrize("why", ["signed off", "draining", "in flight", "unsettled"])
def test_l1_a_request_behind_a_question_is_refused_at_once(why: str) -> None:
    rig = _bank(bounds=Bounds(unsettled=2))
    link = _signed_on(rig, replace(CARD_1987, name="narrow", in_flight_max=2 if why == "in flight" else 100))
    rig.settle(Mode.HELD)
    if why == "unsettled":
        for command in ("4", "5"):
            rig.switch.submit(ChangeAccount(command=command, account="A", credit_limit=1), rig.now)
        rig.run()
    rig.mode = Mode.AWAY  # the question of a reversal stays open
    questions = [_frame("0420", stan, {37: "9" * 12}) for stan in (2, 3)]
    rig.receive(link, b"".join(questions))
    assert _heard(rig, link) == []
    if why == "signed off":
        rig.receive(link, _frame("0800", 4, {70: "002"}))
        assert _heard(rig, link) == [("0810", 4, "00")]
    elif why == "draining":
        rig.switch.drain(rig.now)
        rig.run()
        assert _heard(rig, link) == [("0800", 11, "")]
    rig.receive(link, _frame("0100", 5))
    assert _heard(rig, link) == [("0110", 5, "91")]
    reason = "signed_off" if why in {"signed off", "draining"} else "issuer_unavailable"
    assert rig.switch.counters[f"refused_{reason}"] == 1
    assert _held(rig) == 0


def test_a_request_behind_a_question_is_answered_after_it() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.settle(Mode.AWAY)
    rig.receive(link, _frame("0101", 2) + _frame("0100", 3) + _frame("0100", 4, amount=200_00) + _frame("0100", 5))
    assert _heard(rig, link) == []
    assert _held(rig) == 0
    rig.settle(Mode.FINE)
    assert _heard(rig, link) == [("0110", 2, "00"), ("0110", 3, "00"), ("0110", 4, "51"), ("0110", 5, "00")]
    assert rig.switch.sessions[link].in_flight == 0
    rig.rows.verify()


def test_what_memory_forgot_the_store_still_knows() -> None:
    rig = _bank(bounds=Bounds(recent_decisions=1, closed_lifecycles=0))
    link = _signed_on(rig)
    rig.receive(link, _frame("0200", 2))
    rig.receive(link, _frame("0200", 3))
    rig.receive(link, _frame("0200", 4))
    assert len(rig.switch.duplicates) == 1
    assert not rig.switch.state.life.by_id
    rig.receive(link, _frame("0201", 2))
    rig.receive(link, _frame("0420", 9, {37: "000000000003"}))
    assert rig.switch.state.ledger.accounts["A"].posted == 98_00
    assert [code for _, _, code in _heard(rig, link)] == ["00"] * 5
    rig.rows.verify()


# Deadlines


@pytest.mark.parametrize(("profile", "heard"), [(CARD_1987, [("0110", 2, "91")]), (SILENT, [])])
def test_a11_what_waited_too_long_for_the_store_is_not_decided(
    profile: LinkProfile, heard: list[tuple[str, int, str]]
) -> None:
    rig = _bank()
    link = _signed_on(rig, profile)
    rig.switch.receive(link, _frame("0101", 2), rig.now)
    (ask,) = rig.switch.asks()
    rig.now += 2 * NS
    rig.switch.found(ask.number, rig.rows.find(ask), rig.now)  # nobody woke the switch in between
    rig.run()
    assert _heard(rig, link) == heard
    assert _held(rig) == 0
    rig.receive(link, _frame("0101", 2))
    assert _heard(rig, link) == [("0110", 2, "00")]  # it was no decision: the repeat is decided afresh


def test_a_deadline_that_passes_with_the_commit_itself_counts_as_passed() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.settle(Mode.HELD)
    rig.receive(link, _frame("0100", 2))
    rig.now += 3 * NS  # no wake in between
    rig.settle(Mode.FINE)
    assert _heard(rig, link) == [("0110", 2, "91")]
    assert _held(rig) == 0
    rig.rows.verify()


def test_killed_between_the_late_decline_and_its_release_the_hold_stays_until_the_truth_comes() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.settle(Mode.HELD)
    rig.receive(link, _frame("0100", 2))
    rig.advance(2 * NS)
    assert _heard(rig, link) == [("0110", 2, "91")]
    # Its batch is written, the one with the release is not.
    batch = rig._batch
    assert batch is not None
    rig.rows.commit(batch)
    rig.restart()
    rig.settle(Mode.FINE)
    assert _held(rig) == 1_00
    link = _signed_on(rig)
    rig.receive(link, _frame("0420", 3, {37: "000000000002"}))
    assert _held(rig) == 0


# Instructions that come on no link


def test_a_second_file_of_the_same_message_waits_for_the_first() -> None:
    rig = _bank()
    rig.settle(Mode.AWAY)
    tickets = [
        rig.switch.submit(OpenFile(file=file, message_id="M", initiator="X", transactions=1, control_sum=1), rig.now)
        for file in ("f1", "f2", "f1")
    ]
    rig.settle(Mode.FINE)
    reasons = [rig.completed[ticket].answer for ticket in tickets]
    assert [answer.reason for answer in reasons if answer] == ["accepted", "duplicate_message", "accepted"]


def test_a_drained_switch_is_idle_when_all_is_answered() -> None:
    rig = _bank()
    link = _signed_on(rig)
    rig.settle(Mode.HELD)
    rig.receive(link, _frame("0100", 2))
    rig.switch.drain(rig.now)
    assert not rig.switch.idle
    rig.settle(Mode.FINE)
    assert rig.switch.idle
    assert _heard(rig, link) == [("0800", 11, ""), ("0110", 2, "00")]


def test_a_new_owner_starts_from_nothing() -> None:
    rig = Rig(rows=Rows())
    assert (rig.switch.epoch, rig.switch.committed_seq, rig.switch.idle) == (1, 0, True)
    assert rig.switch.state.ledger.accounts == {}
