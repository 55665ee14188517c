"""Requests of our own: no answer is taken twice, no request is put over another, and every bound holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from twinrail.engine import pending
from twinrail.engine.pending import PAST_MAX, UNMATCHED_MAX, Fate, Own, Pending

MATCH = {"8": (11,), "": (11, 37)}
WAITING_MAX = 4
ANSWERS = {"0800": "0810", "0801": "0810", "0620": "0630", "0621": "0630"}
stans = st.sampled_from(["000001", "000002", "000003"])
rrns = st.sampled_from(["A", "B"])
types = st.sampled_from(sorted(ANSWERS))


def _elements(stan: str, rrn: str) -> dict[int, str | bytes]:
    return {2: "4111111111111111", 7: "0101000000", 11: stan, 37: rrn}


class Machine(RuleBasedStateMachine):
    """The table against a model: who waits by key, who waited and had no answer, and who had one."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = Pending(MATCH, WAITING_MAX)
        self.now = 0
        self.waiting: dict[tuple[str, ...], Own] = {}
        self.past: dict[tuple[str, ...], Own] = {}
        self.answers: dict[int, int] = {}  # by identity of the request: answers it was given
        self.known: list[Own] = []

    def _key(self, answer: str, stan: str, rrn: str) -> tuple[str, ...]:
        return (answer, stan) if answer[1] == "8" else (answer, stan, rrn)

    @rule(mti=types, stan=stans, rrn=rrns, link=st.integers(1, 2), wait=st.integers(1, 9))
    def send(self, mti: str, stan: str, rrn: str, link: int, wait: int) -> None:
        key = self._key(ANSWERS[mti], stan, rrn)
        before = self.waiting.get(key)
        refused = self.pending.refused
        own = self.pending.ask(mti, _elements(stan, rrn), link=link, now=self.now, wait_ns=wait, purpose="x")
        if before is not None or len(self.waiting) >= WAITING_MAX:
            assert own is None
            assert self.pending.refused == refused + 1
            return
        assert own is not None
        assert (own.key, own.deadline) == (key, self.now + wait)
        self.waiting[key] = own
        self.past.pop(key, None)
        self.known.append(own)

    @rule(mti=types, stan=stans, rrn=rrns)
    def answer(self, mti: str, stan: str, rrn: str) -> None:
        key = self._key(ANSWERS[mti], stan, rrn)
        fate, own = self.pending.answered(ANSWERS[mti], _elements(stan, rrn), link=3, now=self.now)
        if key in self.waiting:
            assert (fate, own) == (Fate.MATCHED, self.waiting[key])
            self.past[key] = self.waiting.pop(key)
        elif key in self.past:
            mine = self.past[key]
            assert (fate, own) == (Fate.SECOND if id(mine) in self.answers else Fate.LATE, mine)
        else:
            assert (fate, own) == (Fate.UNSOLICITED, None)
        if own is not None:
            self.answers[id(own)] = self.answers.get(id(own), 0) + (fate is not Fate.SECOND)

    @rule(step=st.integers(1, 6))
    def time_passes(self, step: int) -> None:
        self.now += step
        expired = {own.key: own for own in self.pending.take_expired(self.now)}
        assert expired == {key: own for key, own in self.waiting.items() if own.deadline <= self.now}
        self._gone(expired)

    @precondition(lambda self: self.waiting)
    @rule(link=st.integers(1, 2))
    def link_is_lost(self, link: int) -> None:
        lost = {own.key: own for own in self.pending.take_lost(link)}
        assert lost == {key: own for key, own in self.waiting.items() if own.link == link}
        self._gone(lost)

    def _gone(self, gone: dict[tuple[str, ...], Own]) -> None:
        for key, own in gone.items():
            del self.waiting[key]
            self.past[key] = own

    @invariant()
    def no_request_has_two_answers(self) -> None:
        assert all(count <= 1 for count in self.answers.values())

    @invariant()
    def bounds_hold(self) -> None:
        assert len(self.pending) == len(self.waiting) <= WAITING_MAX
        assert len(self.pending.unmatched) <= UNMATCHED_MAX


TestPending = Machine.TestCase


def test_an_answer_that_misses_says_which_request_is_nearest_and_where_it_differs() -> None:
    table = Pending(MATCH, 10)
    for stan, rrn in (("000001", "A"), ("000002", "B")):
        table.ask("0620", _elements(stan, rrn), link=1, now=0, wait_ns=9, purpose="forward")
    table.ask("0800", _elements("000009", "C"), link=1, now=0, wait_ns=9, purpose="echo")
    assert table.answered("0630", _elements("000002", "Z"), link=2, now=5) == (Fate.UNSOLICITED, None)
    assert table.answered("0430", _elements("000002", "B"), link=2, now=6) == (Fate.UNSOLICITED, None)
    near, far = table.unmatched
    assert (near.at, near.link, near.mti, near.nearest, near.differs) == (5, 2, "0630", "0620", (37,))
    assert (far.mti, far.nearest, far.differs) == ("0430", "", ())
    assert len(table) == 3


@given(st.text("0123456789", min_size=12, max_size=19))
def test_what_is_shown_holds_no_value(pan: str) -> None:
    table = Pending({"": (2, 11)}, 10)
    table.answered("0110", {2: pan, 11: "000001"}, link=1, now=0)
    assert pan not in repr(table.unmatched)


def test_a_message_that_no_answer_belongs_to_cannot_wait() -> None:
    with pytest.raises(ValueError, match="only a request"):
        Pending(MATCH, 1).ask("0810", {}, link=1, now=0, wait_ns=1, purpose="x")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAST_MAX > 2
    monkeypatch.setattr(pending, "PAST_MAX", 2)
    table = Pending(MATCH, 10)
    for stan in ("000001", "000002", "000003"):
        table.ask("0800", {11: stan}, link=1, now=0, wait_ns=1, purpose="echo")
        table.take_expired(1)
    fates = [table.answered("0810", {11: stan}, link=1, now=2).fate for stan in ("000001", "000002", "000003")]
    assert fates == [Fate.UNSOLICITED, Fate.LATE, Fate.LATE]
