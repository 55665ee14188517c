from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.deadlines import Deadlines


@dataclass(eq=False)
class _Item:
    deadline: int
    answered: bool = False


requests = st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.sampled_from([1, 2])), max_size=30)


@given(requests, st.integers(0, 60))
def test_due_are_the_unanswered_whose_deadline_has_passed(asked: list[tuple[int, bool, int]], now: int) -> None:
    deadlines: Deadlines[_Item] = Deadlines()
    items = []
    for deadline, answered, budget in asked:
        items.append(_Item(deadline))
        deadlines.append(items[-1], budget)
        items[-1].answered = answered
    open_items = [item for item in items if not item.answered]
    assert deadlines.next() == min((item.deadline for item in open_items), default=None)
    due = deadlines.take_due(now)
    assert set(map(id, due)) == {id(item) for item in open_items if item.deadline <= now}
    for item in due:
        item.answered = True
    assert deadlines.take_due(now) == []
    assert deadlines.next() == min((item.deadline for item in open_items if item.deadline > now), default=None)


def test_one_that_came_out_of_order_keeps_its_own_deadline() -> None:
    deadlines: Deadlines[_Item] = Deadlines()
    late, early = _Item(100), _Item(10)
    deadlines.append(late, 7)
    deadlines.append(early, 7)
    assert deadlines.next() == 10
    assert deadlines.take_due(10) == [early]
    assert deadlines.take_due(100) == [late]
