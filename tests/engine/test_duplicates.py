from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.duplicates import Duplicates
from twinrail.schemas.journal import Answer, Entry


def _entry(seq: int, key: str = "", at: int = 0, reason: str = "approved") -> Entry:
    return Entry(seq=seq, at=at or seq, kind="authorization", key=key or f"k{seq}", answer=Answer(reason=reason))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=40), st.integers(0, 5), st.integers(1, 30))
def test_the_window_keeps_the_newest_within_its_bounds(
    steps: list[tuple[int, int]], count_max: int, age_max: int
) -> None:
    window = Duplicates(count_max, age_max)
    at, newest = 0, {}
    for seq, (key, later) in enumerate(steps, 1):
        at += later
        window.remember(_entry(seq, f"k{key}", at))
        newest[f"k{key}"] = (seq, at)
        window.forget(at, committed_seq=seq)
        assert len(window) <= count_max
        for name, (number, _) in newest.items():
            decided = window.find(name)
            assert decided is None or decided.seq == number


@given(st.integers(1, 20), st.integers(0, 20))
def test_nothing_is_dropped_that_the_store_does_not_hold_yet(count: int, committed: int) -> None:
    window = Duplicates(0, 0)
    for seq in range(1, count + 1):
        window.remember(_entry(seq))
    window.forget(10**9, committed_seq=committed)
    assert [seq for seq in range(1, count + 1) if window.find(f"k{seq}")] == list(range(committed + 1, count + 1))


def test_a_later_decision_of_the_same_key_replaces_the_earlier_one() -> None:
    window = Duplicates(9, 99)
    window.remember(_entry(1, "k"))
    window.remember(_entry(2, "k", reason="late"))
    decided = window.find("k")
    assert decided is not None
    assert (decided.seq, decided.answer.reason, len(window)) == (2, "late", 1)


def test_an_entry_without_a_key_or_an_answer_is_none_of_its_business() -> None:
    window = Duplicates(9, 99)
    window.remember(Entry(seq=1, at=1, kind="expire_hold", answer=Answer(reason="accepted")))
    window.remember(Entry(seq=2, at=2, kind="late", key="k"))
    assert len(window) == 0
