from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.journal import TABLES
from twinrail.engine.obligations import Obligation, Obligations
from twinrail.schemas.journal import ObligationMet, ObligationSet


def _set(number: str, due_at: int) -> ObligationSet:
    return ObligationSet(obligation=number, kind="late_posting", due_at=due_at, subject="7")


def test_rows_stand_in_the_order_of_their_columns() -> None:
    assert Obligation.__struct_fields__ == tuple(column.name for column in TABLES["obligation"].columns)


steps = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20), st.booleans()), max_size=20)


@given(steps, st.integers(0, 25), st.integers(1, 4))
def test_due_are_those_that_stand_in_order_and_each_once(
    asked: list[tuple[str, int, bool]], at: int, limit: int
) -> None:
    obligations = Obligations()
    model: dict[str, int] = {}
    for seq, (number, due_at, met) in enumerate(asked, 1):
        if met:
            obligations.meet(ObligationMet(obligation=number), seq)
            model.pop(number, None)
        else:
            obligations.set(_set(number, due_at), seq)
            model[number] = due_at
    assert obligations.next() == min(model.values(), default=None)
    taken: list[str] = []
    while some := obligations.take_due(at, limit):
        assert len(some) <= limit
        taken += [row.id for row in some]
        for row in some:
            obligations.meet(ObligationMet(obligation=row.id), 99)
    assert sorted(taken) == sorted(number for number, due_at in model.items() if due_at <= at)
    assert [model[number] for number in taken] == sorted(model[number] for number in taken)


def test_met_is_a_change_to_store_and_meeting_twice_is_none() -> None:
    obligations = Obligations()
    obligations.set(_set("a", 5), 1)
    obligations.changed.clear()
    obligations.meet(ObligationMet(obligation="a"), 2)
    assert obligations.changed["a"].met
    obligations.changed.clear()
    obligations.meet(ObligationMet(obligation="a"), 3)
    assert not obligations.changed


def test_what_is_met_is_not_taken_up_from_the_store() -> None:
    obligations = Obligations()
    obligations.restore(Obligation("a", "late_posting", 5, "7", met=True))
    obligations.restore(Obligation("b", "late_posting", 6, "7", met=False))
    obligations.restore(Obligation("b", "late_posting", 9, "7", met=False))
    assert [row.id for row in obligations.take_due(10, 9)] == ["b"]
