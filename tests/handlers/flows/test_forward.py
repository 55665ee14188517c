"""What is owed to a network: set once, moved on at every attempt, met when accepted, refused for good, or too old."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.handlers.bank import AT

from twinrail.engine.obligations import Obligations
from twinrail.engine.state import State
from twinrail.handlers.flows import forward
from twinrail.schemas.instructions import Forward, SendForward, SettleForward
from twinrail.schemas.journal import ExceptionRaised, ObligationMet, ObligationSet
from twinrail.schemas.reasons import Reason

STATE = State()


def test_what_is_owed_is_due_at_once() -> None:
    decision = forward.owe(Forward(obligation="f", subject="text"), STATE, AT)
    assert decision.effects == (ObligationSet(obligation="f", kind="forward", due_at=AT, subject="text"),)


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_an_attempt_moves_it_on_unless_it_is_too_old(again: int, expires: int) -> None:
    instruction = SendForward(obligation="f", subject="again", again_at=AT + again, expires_at=AT + expires)
    decision = forward.send(instruction, STATE, AT)
    obligations = Obligations()
    obligations.set(ObligationSet(obligation="f", kind="forward", due_at=AT, subject="text"), 1)
    if expires <= 0:
        assert decision.effects == (ObligationMet(obligation="f"), ExceptionRaised(marker="FORWARD_EXPIRED"))
        return
    (effect,) = decision.effects
    assert isinstance(effect, ObligationSet)
    obligations.set(effect, 2)
    assert (obligations.next() or 0) > AT  # or the switch would be woken without end
    assert obligations.by_id["f"].subject == "again"


@pytest.mark.parametrize(("accepted", "markers"), [(True, []), (False, ["FORWARD_REFUSED"])])
def test_the_answer_ends_it_and_a_refusal_is_for_a_person(*, accepted: bool, markers: list[str]) -> None:
    decision = forward.settle(SettleForward(obligation="f", accepted=accepted), STATE, AT)
    assert decision.effects[0] == ObligationMet(obligation="f")
    assert [effect.marker for effect in decision.effects[1:] if isinstance(effect, ExceptionRaised)] == markers
    assert (decision.reason is Reason.ACCEPTED) == accepted
