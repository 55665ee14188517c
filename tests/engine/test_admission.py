from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.admission import ALLOWED_MIN, Admission

WAIT_SHARE = 0.7

BUDGET_NS = 1_500_000_000
commits = st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 10**10)), max_size=30)


@given(commits, st.integers(0, 10**6))
def test_never_admits_beyond_the_queue_or_the_budget(history: list[tuple[int, int]], unsettled: int) -> None:
    admission = Admission(unsettled_max=5_000, wait_share=0.7)
    for entries, took in history:
        admission.committed(entries, took)
    if admission.admits(unsettled, BUDGET_NS, 0, 1):
        assert unsettled < 5_000
        assert unsettled < ALLOWED_MIN or admission.predicted_wait_ns(unsettled) <= WAIT_SHARE * BUDGET_NS


@given(commits)
def test_a_short_queue_is_admitted_however_slow_the_store_was(history: list[tuple[int, int]]) -> None:
    admission = Admission(unsettled_max=5_000, wait_share=0.7)
    for entries, took in history:
        admission.committed(entries, took)
    assert admission.admits(ALLOWED_MIN // 2 - 1, BUDGET_NS, 10**6, 1)


def test_nothing_is_admitted_while_the_store_is_away() -> None:
    admission = Admission(unsettled_max=5_000, wait_share=0.7)
    admission.stalled = True
    assert not admission.admits(0, BUDGET_NS, 0, 1)
    admission.committed(1, 1_000_000)
    assert admission.admits(0, BUDGET_NS, 0, 1)


def test_nothing_carries_over_from_an_outage() -> None:
    admission = Admission(unsettled_max=5_000, wait_share=0.7)
    before = admission.predicted_wait_ns(1_000)
    admission.committed(1_000, 60 * 10**9)  # a minute away
    assert not admission.admits(1_000, BUDGET_NS, 0, 1)
    for _ in range(60):
        admission.committed(100, 2_000_000)
    assert admission.predicted_wait_ns(1_000) <= before
    assert admission.admits(1_000, BUDGET_NS, 0, 1)


def test_a_full_queue_is_shared_between_links() -> None:
    admission = Admission(unsettled_max=1_000, wait_share=0.7)
    assert admission.admits(499, BUDGET_NS, 499, 4)  # while it is not half full, first come is first served
    assert not admission.admits(600, BUDGET_NS, 300, 4)
    assert admission.admits(600, BUDGET_NS, 250, 4)
    assert not admission.admits(1_000, BUDGET_NS, 0, 4)


def test_small_batches_do_not_make_the_store_look_slow() -> None:
    admission = Admission(unsettled_max=50_000, wait_share=0.7)
    for _ in range(100):
        admission.committed(1, 2_000_000)
    assert admission.predicted_wait_ns(1_000) <= 2_000_000 + 1_000 * 200_001
