"""Payment files on a real State: one identity by bytes, one by message id, and when a file may be closed."""

from typing import Any

import pytest

from twinrail.engine.pipeline import Decision
from twinrail.engine.state import State
from twinrail.handlers.flows.payment_file import close_file, open_file
from twinrail.schemas.instructions import CloseFile, OpenFile
from twinrail.schemas.journal import FileAdvanced, FileClosed, FileOpened
from twinrail.schemas.reasons import Reason


class Desk:
    def __init__(self) -> None:
        self.state = State()
        self.seq = 0

    def _done(self, decision: Decision) -> Decision:
        self.seq += 1
        self.state.apply(decision.effects, self.seq)
        return decision

    def open(self, file: str = "1" * 64, **terms: Any) -> Decision:
        usual: dict[str, Any] = {
            "file": file,
            "message_id": "M",
            "initiator": "I",
            "transactions": 1,
            "control_sum": 100,
        }
        return self._done(open_file(OpenFile(**(usual | terms)), self.state, 0))

    def close(self, file: str = "1" * 64, report: str = "r.xml") -> Decision:
        return self._done(close_file(CloseFile(file=file, report=report, report_sha256="s"), self.state, 0))

    def advance(self, file: str = "1" * 64) -> None:
        self.state.apply((FileAdvanced(file=file, position=1, accepted=1, accepted_sum=100),), self.seq)


def status(decision: Decision) -> str:
    (effect,) = decision.effects
    assert isinstance(effect, FileOpened)
    return effect.status


def test_a_new_file_is_opened() -> None:
    decision = Desk().open()
    assert (decision.reason, status(decision)) == (Reason.ACCEPTED, "open")


def test_a_sum_that_the_store_cannot_hold_is_refused_and_not_kept() -> None:
    (effect,) = (decision := Desk().open(control_sum=15 * 10**18)).effects
    assert isinstance(effect, FileOpened)
    assert (decision.reason, effect.status, effect.control_sum) == (Reason.INVALID_AMOUNT, "refused", 0)


def test_the_same_bytes_change_nothing() -> None:
    desk = Desk()
    desk.open()
    again = desk.open()
    assert (again.reason, again.effects) == (Reason.ACCEPTED, ())
    desk.advance()
    desk.close()
    assert desk.open().effects == ()


def test_the_same_bytes_refused_once_stay_refused() -> None:
    desk = Desk()
    first = desk.open(refused="wrong_group_control_sum")
    assert (first.reason, status(first)) == (Reason.WRONG_GROUP_CONTROL_SUM, "refused")
    again = desk.open()
    assert (again.reason, again.effects) == (Reason.WRONG_GROUP_CONTROL_SUM, ())


def test_other_bytes_under_an_accepted_message_id_are_refused() -> None:
    desk = Desk()
    desk.open()
    other = desk.open("2" * 64)
    assert (other.reason, status(other)) == (Reason.DUPLICATE_MESSAGE, "refused")
    assert desk.open("3" * 64).reason is Reason.DUPLICATE_MESSAGE
    assert desk.open("4" * 64, initiator="J").reason is Reason.ACCEPTED
    assert desk.open("5" * 64, message_id="N").reason is Reason.ACCEPTED


def test_a_refused_file_leaves_its_message_id_free() -> None:
    desk = Desk()
    desk.open(refused="wrong_group_control_sum")
    assert desk.open("2" * 64).reason is Reason.ACCEPTED


def test_a_file_is_closed_when_all_is_booked() -> None:
    desk = Desk()
    assert desk.close().reason is Reason.INVALID_TRANSACTION
    desk.open()
    assert desk.close().reason is Reason.INVALID_TRANSACTION
    desk.advance()
    decision = desk.close()
    assert decision.effects == (FileClosed(file="1" * 64, report="r.xml", report_sha256="s"),)
    assert desk.close(report="other.xml").effects == ()


@pytest.mark.parametrize("refused", ["wrong_group_control_sum", "wrong_group_number_of_transactions"])
def test_a_refused_file_gets_its_report_recorded(refused: str) -> None:
    desk = Desk()
    desk.open(refused=refused)
    desk.close()
    file = desk.state.file("1" * 64)
    assert file is not None
    assert (file.status, file.report) == ("refused", "r.xml")
