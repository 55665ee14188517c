"""What the store in memory refuses beyond the suite it shares with PostgreSQL's, and why it says so."""

from collections.abc import Mapping, Sequence

import pytest
from tests.engine.store.rows import account, authorization, batch, entry, opening

from twinrail.engine.journal import Ask, Outcome, Position, key_hash
from twinrail.engine.store.memory import MemoryTables

Row = tuple[object, ...]


def payment(number: int, *, file: str, position: int) -> Row:
    return (number, "a", True, 5, "978", "ACSP", "", "m", "p", "e", "", "", file, position)


@pytest.fixture
def tables() -> MemoryTables:
    tables = MemoryTables()
    tables.claim(0)
    assert tables.commit(opening(0, accounts=3)) is Outcome.COMMITTED
    return tables


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"payment": [payment(4, file="f", position=1), payment(5, file="f", position=1)]}, "paid already"),
        ({"account": [account(1, held=-1)]}, "account.held is negative"),
        ({"account": [(*account(1)[:6], 0.5, *account(1)[7:])]}, "TypeError"),
        ({"account": [(*account(1)[:4], 5, *account(1)[5:])]}, "TypeError"),
        ({"account": [account(9, opened_seq=1)]}, "account is there already or is missing"),
        ({"account": [account(1), account(9, opened_seq=4), account(2, opened_seq=4)]}, "is there already"),
        ({"authorization": [(*authorization(4)[:-1], None)]}, "authorization is missing"),
        ({"authorization": [authorization(4), authorization(4)]}, "authorization comes twice"),
        ({"obligation": [("o", "k", None, "s", False)]}, "obligation is missing"),
        ({"card": [("t", "a", "3012", "1234", "active", 0)]}, "card is missing"),
        ({"card": [("t", "a"), ("u",)]}, "ValueError"),
        ({"nothing": []}, "KeyError"),
    ],
)
def test_what_can_never_be_is_refused_with_the_reason(
    tables: MemoryTables, rows: Mapping[str, Sequence[Row]], says: str
) -> None:
    assert tables.commit(batch(0, 4, 5, {"journal": [entry(4), entry(5)], **rows})) is Outcome.REFUSED
    assert says in tables.problem
    assert tables.look_up(0) == Position(1, 3)


def test_a_position_that_was_paid_in_an_earlier_batch_is_not_paid_again(tables: MemoryTables) -> None:
    first = {"journal": [entry(4)], "payment": [payment(4, file="f", position=1)]}
    assert tables.commit(batch(0, 4, 4, first)) is Outcome.COMMITTED
    again = {"journal": [entry(5)], "payment": [payment(5, file="f", position=1)]}
    assert tables.commit(batch(0, 5, 5, again)) is Outcome.REFUSED
    loose = {"journal": [entry(5), entry(6)], "payment": [payment(at, file="", position=0) for at in (5, 6)]}
    assert tables.commit(batch(0, 5, 6, loose)) is Outcome.COMMITTED  # no file, no position


def test_new_and_changed_rows_may_share_a_batch(tables: MemoryTables) -> None:
    made = {"journal": [entry(4)], "authorization": [authorization(4)]}
    assert tables.commit(batch(0, 4, 4, made)) is Outcome.COMMITTED
    both = [authorization(4, remaining=7, changed_seq=5), authorization(5)]
    accounts = [account(1, held=7, changed_seq=5), account(5, opened_seq=5)]
    rows = {"journal": [entry(5)], "authorization": both, "account": accounts}
    assert tables.commit(batch(0, 5, 5, rows)) is Outcome.COMMITTED
    assert tables.rows(0, "authorization") == both
    assert [row[0] for row in tables.rows(0, "account")] == [account(number)[0] for number in (1, 2, 3, 5)]


def test_entries_are_found_by_their_key_across_batches(tables: MemoryTables) -> None:
    for seq, key in ((4, "a"), (5, "b"), (6, "a"), (7, "")):
        assert tables.commit(batch(0, seq, seq, {"journal": [entry(seq, key=key)]})) is Outcome.COMMITTED
    assert [found.seq for found in tables.find(0, Ask(1, key_hash=key_hash("a"))).entries] == [4, 6]
    assert [found.seq for found in tables.entries(0)] == list(range(1, 8))
