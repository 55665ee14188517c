"""The auditor finds what is wrong with books, and nothing in books that are right."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.schemas.journal import (
    FLAG_DECLINED,
    FLAG_OPEN,
    AccountOpened,
    Answer,
    Changed,
    CommandDone,
    Effect,
    Entry,
    Leg,
    ObligationMet,
    ObligationSet,
    Opened,
    Posted,
)
from twinrail.simulators.auditor import FINDINGS_MAX, Books

EURO = "978"


def journal(*entries: tuple[str, tuple[Effect, ...]], **of_last: Any) -> list[Entry]:
    """Entries with the two accounts opened first; `of_last` are fields of the last one."""
    opened = tuple(
        AccountOpened(account=name, kind=kind, currency=EURO) for name, kind in (("A", "customer"), ("S", "settlement"))
    )
    rows: list[tuple[str, tuple[Effect, ...]]] = [
        ("open_account", opened),
        ("transfer", (paid("S", "A", 1000),)),
        *entries,
    ]
    made = [Entry(seq=seq, at=seq * 10, kind=kind, effects=effects) for seq, (kind, effects) in enumerate(rows, 1)]
    made[-1] = msgspec.structs.replace(made[-1], **of_last)
    return made


def paid(debit: str, credit: str, amount: int) -> Posted:
    return Posted(currency=EURO, legs=(Leg(debit, -amount), Leg(credit, amount)))


def held(amount: int, **fields: Any) -> Opened:
    given_fields = {"account": "A", "card": "c", "currency": EURO, "authorized": amount, "remaining": amount}
    return Opened(**{**given_fields, "flags": FLAG_OPEN, **fields})


def moved(number: int, remaining: int, released: int, flags: int = FLAG_OPEN, **fields: Any) -> Changed:
    authorized = fields.pop("authorized", remaining + released)
    return Changed(
        authorization=number, account="A", authorized=authorized, remaining=remaining, released=released, flags=flags
    )


def folded(entries: list[Entry]) -> Books:
    books = Books()
    for entry in entries:
        books.fold_body(msgspec.json.encode(entry))
    books.check_totals()
    return books


@given(st.lists(st.integers(1, 1000), max_size=8), st.data())
def test_books_that_are_right_are_passed_and_balance(amounts: list[int], data: st.DataObject) -> None:
    entries: list[tuple[str, tuple[Effect, ...]]] = []
    left: dict[int, int] = {}
    available = 1000
    for amount in amounts:
        if amount <= available:
            left[len(entries) + 3] = amount
            entries.append(("authorization", (held(amount),)))
            available -= amount
    for number, amount in list(left.items()):
        kept = data.draw(st.integers(0, amount))
        flags = FLAG_OPEN if kept else 4
        entries.append(("reversal", (moved(number, kept, amount - kept, flags),)))
        left[number] = kept
    books = folded(journal(*entries))
    assert not books.findings
    assert books.accounts["A"]["held"] == sum(left.values())
    assert books.accounts["A"]["posted"] == -books.accounts["S"]["posted"] == 1000  # type: ignore[operator]  # numbers


WRONG: dict[str, tuple[str, Callable[[], list[Entry]]]] = {
    "legs do not sum to zero": (
        "I1",
        lambda: journal(("transfer", (Posted(currency=EURO, legs=(Leg("A", 5), Leg("S", -4))),))),
    ),
    "another currency": (
        "I1",
        lambda: journal(("transfer", (Posted(currency="840", legs=(Leg("A", 1), Leg("S", -1))),))),
    ),
    "a gap in the numbers": ("I3", lambda: journal(("transfer", ()), seq=9)),
    "time stands still": ("I9", lambda: journal(("transfer", ()), at=20)),
    "overdrawn by a request": ("I4", lambda: journal(("authorization", (held(1001),)))),
    "overdrawn by a posting": ("I4", lambda: journal(("financial", (paid("A", "S", 1001),)))),
    "amounts do not add up": ("I9", lambda: journal(("authorization", (held(10, authorized=11),)))),
    "something remains of a decline": ("I9", lambda: journal(("authorization", (held(10, flags=FLAG_DECLINED),)))),
    "a lifecycle out of nowhere": ("I9", lambda: journal(("reversal", (moved(7, 0, 10, 4),)))),
    "released below zero": (
        "I9",
        lambda: journal(("authorization", (held(10),)), ("reversal", (moved(3, -5, 15),))),
    ),
    "a command twice": (
        "I3",
        lambda: journal(
            ("transfer", (CommandDone(command="x", status="done"),)),
            ("transfer", (CommandDone(command="x", status="done"),)),
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_books_that_are_wrong_are_found(name: str) -> None:
    invariant, make = WRONG[name]
    assert invariant in {finding.invariant for finding in folded(make()).findings}


def test_an_advice_may_overdraw() -> None:
    assert not folded(journal(("advice", (held(1001),)))).findings


def decided(books: Books, seq: int, **fields: Any) -> None:
    granted = Answer(reason="approved", approval_code="000003")
    entry = Entry(seq=seq, at=seq * 10, kind="authorization", key="k", content="1", answer=granted)
    books.fold(msgspec.structs.replace(entry, **fields))


def test_a_key_is_decided_once_and_taken_back_once() -> None:
    books = folded(journal())
    decided(books, 3)
    decided(books, 4, kind="late", answer=Answer(reason="late"))
    assert not books.findings
    decided(books, 5, kind="late", answer=Answer(reason="late"))
    assert [finding.invariant for finding in books.findings] == ["I3"]
    decided(books, 6)
    assert [finding.invariant for finding in books.findings] == ["I3", "I3"]


def test_acknowledged_approvals_are_looked_for() -> None:
    books = folded(journal())
    decided(books, 3)
    books.check_approval("k", "000003")
    assert not books.findings
    books.check_approval("k", "000004")
    books.check_approval("another", "000003")
    decided(books, 4, kind="late", answer=Answer(reason="late"))
    books.check_approval("k", "000003")
    assert [finding.invariant for finding in books.findings] == ["I2", "I2", "I6"]


def test_rows_are_held_against_the_fold() -> None:
    entries = journal(
        ("authorization", (held(10), ObligationSet(obligation="o", kind="k", due_at=1, subject="3"))),
        ("watch_late", (ObligationMet(obligation="o"),)),
    )
    books = folded(entries)
    right = [dict(row) for row in books.accounts.values()]
    assert books.check_rows("account", right) == 2
    assert books.check_rows("authorization", [{**books.lifecycles[3], "life_hash": 77}]) == 1
    assert books.check_rows("obligation", [{"id": "o", "met": True}]) == 1
    assert not books.findings
    books.check_rows("account", [{**right[0], "posted": 1}, right[1]])
    books.check_rows("account", right[:1])
    books.check_rows("account", [*right, {"id": "B"}])
    assert len(books.findings) == 4  # wrong balance; one missing; one too many, and so their number


def test_findings_are_bounded() -> None:
    books = folded(journal())
    for _ in range(2 * FINDINGS_MAX):
        books.check_approval("nobody", "")
    assert len(books.findings) == FINDINGS_MAX
