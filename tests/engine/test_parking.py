import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.journal import Ask
from twinrail.engine.parking import Parking
from twinrail.engine.session import Request
from twinrail.schemas.instructions import ExpireHold


def _request(number: int) -> Request:
    return Request(None, None, ExpireHold(authorization=number), 0)


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_what_comes_later_for_a_queue_waits_behind_in_order(names: list[str]) -> None:
    parking = Parking(100)
    order: dict[str, list[Request]] = {}
    for number, name in enumerate(names):
        request = _request(number)
        if parking.holds(name):
            parking.wait_behind(request, name)
        else:
            parking.park(request, Ask(0, key_hash=number), name)
        order.setdefault(name, []).append(request)
    assert len(parking) == len(names)
    asks = parking.asks()
    assert len({ask.number for ask in asks}) == len(asks) == len(order)
    assert parking.asks() == []
    for ask in asks:
        front, queue, behind = parking.answered(ask.number)
        assert [front, *behind] == order[queue]
        assert not parking.holds(queue)
    assert len(parking) == 0


def test_the_bound_counts_those_in_front_and_behind() -> None:
    parking = Parking(2)
    parking.park(_request(1), Ask(0), "a")
    assert not parking.full
    parking.wait_behind(_request(2), "a")
    assert parking.full


def test_an_answer_to_no_question_is_a_defect() -> None:
    with pytest.raises(KeyError):
        Parking(2).answered(1)


def test_what_was_answered_at_its_deadline_takes_no_place() -> None:
    parking = Parking(3)
    first, second, third = (_request(number) for number in range(3))
    parking.park(first, Ask(0, key_hash=1), "card")
    parking.wait_behind(second, "card")
    parking.wait_behind(third, "card")
    assert parking.full
    (ask,) = parking.asks()
    for late in (first, third):
        late.answered = True
        parking.expired()
    assert (len(parking), parking.full) == (1, False)
    parking.answered(ask.number)
    assert len(parking) == 0
