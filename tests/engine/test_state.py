from typing import Any

import msgspec
import pytest
from tests.handlers.bank import ACCOUNT, AUTHORIZE, CARD, FINANCIAL, Bank, authorization, financial, reversal

from twinrail.engine.journal import TABLES, Found, Loaded, Position, decode_entry
from twinrail.engine.state import CLOSED_FILES_MAX, PaymentFile, State, settlement_account
from twinrail.errors import InvariantBroken
from twinrail.handlers.flows.reversal import decide_reversal
from twinrail.schemas.journal import (
    CommandDone,
    Entry,
    ExceptionRaised,
    FileAdvanced,
    FileClosed,
    FileOpened,
    Leg,
    ObligationSet,
    PaymentSettled,
    Posted,
)


def _rows(state: State) -> dict[str, list[tuple[object, ...]]]:
    return state.fold([])


def _file(number: int = 1, **terms: Any) -> FileOpened:
    shared: dict[str, Any] = {"message_id": f"M{number}", "initiator": "X", "transactions": 2, "control_sum": 9}
    return FileOpened(file=f"f{number}", **(shared | {"status": "open"} | terms))


def test_every_folded_row_has_the_columns_of_its_table() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(10_00))
    bank.decide(decide_reversal, reversal(10_00, rrn="000000000099"))
    bank.apply(
        _file(),
        ObligationSet(obligation="o", kind="late_posting", due_at=5, subject="1"),
        ExceptionRaised(marker="X"),
        CommandDone(command="k", status="done"),
        PaymentSettled(outgoing=True, amount=1, currency="978", status="RJCT", message_id="M"),
    )
    rows = bank.state.fold([Entry(seq=1, at=2, kind="x", key="k")])
    assert set(rows) == set(TABLES)
    for name, some in rows.items():
        assert {len(row) for row in some} == {len(TABLES[name].columns)}
    assert PaymentFile.__struct_fields__ == tuple(column.name for column in TABLES["payment_file"].columns)


def test_a_row_is_folded_once_with_its_last_values_and_not_again() -> None:
    bank = Bank()
    for number in range(1, 5):
        bank.decide(AUTHORIZE, authorization(10_00, stan=number, rrn=f"{number:012d}"))
    rows = _rows(bank.state)
    assert [row[6] for row in rows["account"] if row[0] == ACCOUNT] == [40_00]
    assert len(rows["authorization"]) == 4
    assert _rows(bank.state) == {"journal": []}


def test_a_row_that_is_folded_is_a_copy() -> None:
    bank = Bank()
    rows = _rows(bank.state)
    bank.decide(AUTHORIZE, authorization(10_00))
    assert [row[6] for row in rows["account"] if row[0] == ACCOUNT] == [0]


def test_an_entry_is_stored_whole() -> None:
    entry = Entry(seq=7, at=9, kind="x", key="k", effects=(ExceptionRaised(marker="M"),))
    (row,) = State().fold([entry])["journal"]
    assert row[:3] == (7, 9, "x")
    assert isinstance(row[4], bytes)
    assert decode_entry(row[4]) == entry
    assert State().fold([Entry(seq=1, at=1, kind="x")])["journal"][0][3] is None


def test_the_legs_of_several_postings_of_one_entry_are_numbered_on() -> None:
    bank = Bank(balance=0)
    posted = Posted(currency="978", legs=(Leg(ACCOUNT, 1), Leg("card-settlement-EUR", -1)))
    _rows(bank.state)
    seq = bank.apply(posted, posted)
    bank.apply(posted)
    rows = _rows(bank.state)["posting"]
    assert [row[:2] for row in rows] == [(seq, 0), (seq, 1), (seq, 2), (seq, 3), (seq + 1, 0), (seq + 1, 1)]


def test_settlement_accounts_are_named_by_rail_and_currency() -> None:
    assert settlement_account("978", "card") == "card-settlement-EUR"
    assert settlement_account("392", "suspense") == "suspense-JPY"
    assert State().settlement("414", "sepa") == "sepa-settlement-KWD"


def test_the_same_effects_from_empty_give_the_same_state() -> None:
    bank = Bank()
    decisions = [
        bank.decide(AUTHORIZE, authorization(10_00)),
        bank.decide(FINANCIAL, financial(20_00, stan=2, rrn="000000000002")),
        bank.decide(decide_reversal, reversal(10_00)),
    ]
    again = Bank()
    for decision in decisions:
        again.apply(*decision.effects)
    assert _rows(again.state) == _rows(bank.state)


def test_restored_rows_are_the_state_they_came_from() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(10_00))
    bank.decide(decide_reversal, reversal(5_00, rrn="000000000099"))
    bank.apply(_file(), ObligationSet(obligation="o", kind="late_posting", due_at=5, subject="1"))
    rows = _rows(bank.state)
    state = State()
    loaded = Loaded(position=Position(1, bank.seq), last_at=bank.at, rows=dict(rows), recent=())
    state.restore(loaded)
    assert state.ledger.accounts == bank.state.ledger.accounts
    assert state.ledger.cards == bank.state.ledger.cards
    assert state.life.by_id == bank.state.life.by_id
    assert state.account_by_iban("i" * 32) == bank.account
    assert state.tombstone(CARD, reversal(1, rrn="000000000099").life_keys, bank.at) is not None
    assert state.obligations.next() == 5
    assert state.file("f1") == bank.state.file("f1")
    assert state.life.next_expiry() == bank.newest.expires_at
    assert _rows(state) == {"journal": []}  # nothing of it has changed
    with pytest.raises(InvariantBroken, match="restored twice"):
        state.restore(loaded)


def test_what_the_store_found_does_not_replace_what_memory_holds() -> None:
    bank = Bank()
    bank.decide(AUTHORIZE, authorization(10_00))
    row = bank.newest
    stale = msgspec.structs.replace(row, remaining=0, released=10_00)
    bank.apply(_file())
    old_file = ("f1", "M1", "X", 2, 9, "closed", "", 2, 2, 9, "r", "s")
    bank.state.hydrate(Found(authorizations=[msgspec.structs.astuple(stale)], files=[old_file]))
    assert bank.newest is row
    file = bank.state.file("f1")
    assert file is not None
    assert file.status == "open"


def test_a_checkpoint_goes_forward_by_one() -> None:
    bank = Bank()
    bank.apply(_file())
    bank.apply(FileAdvanced(file="f1", position=1, accepted=1, accepted_sum=4))
    for position in (1, 3):
        with pytest.raises(InvariantBroken, match="out of order"):
            bank.apply(FileAdvanced(file="f1", position=position, accepted=2, accepted_sum=8))
    with pytest.raises(InvariantBroken, match="opened twice"):
        bank.apply(_file())


def test_a_file_is_found_by_its_message_and_an_accepted_one_first() -> None:
    bank = Bank()
    bank.apply(_file(1))
    bank.apply(_file(2, message_id="M1", status="refused"))
    found = bank.state.file_of_message("X", "M1")
    assert found is not None
    assert found.sha256 == "f1"
    assert bank.state.file_of_message("Y", "M1") is None


def test_closed_files_are_forgotten_beyond_the_bound() -> None:
    state = State()
    for number in range(CLOSED_FILES_MAX + 2):
        state.apply((_file(number), FileClosed(file=f"f{number}", report="r", report_sha256="s")), number + 1)
    state.forget(10**9)
    assert len(state.files) == CLOSED_FILES_MAX + 2  # not before the store has them
    _rows(state)
    state.forget(10**9)
    assert len(state.files) == CLOSED_FILES_MAX
    assert state.file_of_message("X", "M0") is None
    assert state.file("f2") is not None


def test_one_exception_an_entry() -> None:
    bank = Bank()
    seq = bank.apply(ExceptionRaised(marker="FIRST"), ExceptionRaised(marker="SECOND"))
    assert [row[:2] for row in _rows(bank.state)["exception"]] == [(seq, "FIRST")]
