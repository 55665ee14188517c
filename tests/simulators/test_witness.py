"""The witness finds answers that nobody asked for, that promise what is not durable, come late, or differ."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from twinrail.codecs.card import CardRules, Tokens, content_of
from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.profiles import CARD_1987, DeadlinePolicy
from twinrail.schemas.journal import Answer, Entry, PaymentSettled
from twinrail.simulators.auditor import Books
from twinrail.simulators.witness import InstantWitness, Witness

TOKENS = Tokens(b"k" * 32)
PROFILE = replace(CARD_1987, deadline_s=1.0)
SECOND = 1_000_000_000
ELEMENTS: dict[int, str | bytes] = {
    2: "4000000000000001", 3: "000000", 4: "000000000100", 7: "1121100000", 11: "000001", 12: "100000", 13: "1121",
    32: "400001", 37: "000000000001", 41: "TERM0001", 49: "978",
}  # fmt: skip
REQUEST = Message("0100", ELEMENTS)


def answer(code: str = "00", **changes: str) -> Message:
    elements = {**ELEMENTS, 39: code, **({38: "000001"} if code == "00" else {})}
    return Message("0110", {**elements, **{int(name.removeprefix("e")): value for name, value in changes.items()}})


def witness(*, durable: bool = True, reason: str = "approved") -> Witness:
    books = Books()
    told = Witness(books, TOKENS)
    if durable:
        instruction = CardRules(PROFILE, TOKENS).to_instruction(REQUEST)
        assert instruction is not None
        granted = Answer(reason=reason, approval_code="000001" if reason == "approved" else "")
        books.fold(
            Entry(
                seq=1, at=1, kind="authorization", key=instruction.key, content=content_of(instruction), answer=granted
            )
        )
    return told


def asked(told: Witness, message: Message | None = REQUEST, at: int = 0) -> None:
    told.asked(PROFILE, message, life="", link=1, owner=1, at=at)


def test_a_durable_answer_in_time_is_right_and_so_are_equal_repeats() -> None:
    told = witness()
    for at in (0, SECOND):
        asked(told, at=at)
        told.answered(1, answer(e7=str(ELEMENTS[7])), at + SECOND)
    assert not told.findings
    assert told.approvals == 2


def test_refusals_promise_nothing() -> None:
    told = witness(durable=False)
    asked(told)
    told.answered(1, answer("91"), SECOND)
    asked(told, None)
    told.answered(1, Message("0110", {11: "000001", 39: "30"}), 0)
    assert not told.findings


def answered_twice(told: Witness) -> None:
    told.answered(1, answer(), 0)
    told.answered(1, answer(), 0)


WRONG: dict[str, tuple[str, Callable[[Witness], None]]] = {
    "nobody asked": ("I5", lambda told: told.answered(2, answer(), 0)),
    "answered twice": ("I5", answered_twice),
    "another amount given back": ("I5", lambda told: told.answered(1, answer(e4="000000000101"), 0)),
    "too late": ("I6", lambda told: told.answered(1, answer(), SECOND + 1)),
    "another code than decided": ("I5", lambda told: told.answered(1, answer("51"), 0)),
    "another approval code": ("I5", lambda told: told.answered(1, answer(e38="000002"), 0)),
    "refused for another content": ("I5", lambda told: told.answered(1, answer("94"), 0)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_found(name: str) -> None:
    invariant, act = WRONG[name]
    told = witness()
    asked(told)
    act(told)
    assert {finding.invariant for finding in told.findings} >= {invariant}


def test_an_answer_before_its_commit_is_found() -> None:
    told = witness(durable=False)
    asked(told)
    told.answered(1, answer(), 0)
    assert [finding.invariant for finding in told.findings] == ["I2"]


def test_a_repeat_with_another_answer_is_found() -> None:
    told = witness()
    for extra in ("TERM0001", "TERM0001"):
        asked(told)
        told.answered(1, answer(e41=extra, e54="x" if told.approvals else "y"), 0)
    assert [finding.invariant for finding in told.findings] == ["I5"]


def test_silence_is_overdue_unless_it_is_the_agreement() -> None:
    told = witness()
    asked(told)
    told.check_overdue(SECOND, 0)
    assert not told.findings
    told.check_overdue(SECOND + 1, 0)
    assert [finding.invariant for finding in told.findings] == ["I6"]
    quiet = witness()
    silent = replace(PROFILE, deadline_policy=DeadlinePolicy.SILENT)
    quiet.asked(silent, REQUEST, life="", link=1, owner=1, at=0)
    quiet.check_overdue(10 * SECOND, 0)
    assert not quiet.findings


def test_an_instant_payment_has_one_durable_fate() -> None:
    books = Books()
    told = InstantWitness(books)
    told.asked(1, "T", cents=5, deadline=SECOND)
    told.answered(1, "T", "ACCP", "", 0)
    assert [finding.invariant for finding in books.findings] == ["I2"]
    books.findings.clear()
    books.payments["T"] = PaymentSettled(outgoing=False, amount=5, currency="978", status="ACCP", message_id="M")
    for _ in range(2):
        told.asked(1, "T", cents=5, deadline=SECOND)
    told.answered(1, "T", "ACCP", "", SECOND)
    told.answered(1, "T", "RJCT", "AC01", SECOND)
    told.answered(1, "T", "ACCP", "", SECOND)
    assert [finding.invariant for finding in books.findings] == ["I2", "I5", "I5"]
