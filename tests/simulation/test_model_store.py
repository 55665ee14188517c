"""The model store is no kinder than PostgreSQL: same columns, same fence, same refusals."""

from typing import Any

import pytest

from twinrail.engine.journal import TABLES, Batch
from twinrail.simulators.faults import CALM, NS, calmed, draw, stream
from twinrail.simulators.model_store import COLUMNS, ModelStore, StoreDefectError, Tables


def batch(first: int, last: int, *, epoch: int = 1, **rows: Any) -> Batch:
    journal: list[tuple[object, ...]] = [(seq, seq, "kind", None, b"{}") for seq in range(first, last + 1)]
    return Batch(partition=0, epoch=epoch, first_seq=first, last_seq=last, rows={"journal": journal, **rows})


def account(number: str, **fields: Any) -> tuple[object, ...]:
    row = {"id": number, "slot": 1, "kind": "customer", "currency": "978", "status": "open", "posted": 0, "held": 0}
    row |= {"credit_limit": 0, "iban": "", "iban_last4": "", "opened_seq": 1, "changed_seq": 1, **fields}
    return tuple(row.values())


def owned() -> Tables:
    tables = Tables()
    tables.epoch = 1
    return tables


def test_it_has_the_columns_of_a_batch() -> None:
    assert {name: tuple(column.name for column in table.columns) for name, table in TABLES.items()} == COLUMNS


def test_the_fence_lets_a_batch_in_once_and_only_from_its_owner() -> None:
    tables = owned()
    assert tables.write(batch(1, 2)) == "committed"
    assert tables.write(batch(1, 2)) == "committed"  # handed in again: the first attempt won
    assert len(tables.rows["journal"]) == 2
    tables.epoch = 2
    assert tables.write(batch(3, 3)) == "fenced"
    assert tables.write(batch(3, 3, epoch=2)) == "committed"


WRONG: dict[str, dict[str, Any]] = {
    "held below zero": {"account": [account("A", held=-1)]},
    "beyond bigint": {"account": [account("A", posted=1 << 63)]},
    "a zero byte": {"account": [account("A\0")]},
    "null": {"account": [account("A", kind=None)]},
    "one key twice": {"account": [account("A"), account("A")]},
    "a column too few": {"account": [account("A")[:-1]]},
    "a leg twice": {"posting": [(1, 0, "A", 1, "978"), (1, 0, "A", 1, "978")]},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_postgres_refuses_is_refused(name: str) -> None:
    with pytest.raises(StoreDefectError):
        owned().write(batch(1, 1, **WRONG[name]))


def test_a_gap_is_a_defect() -> None:
    with pytest.raises(StoreDefectError):
        owned().write(batch(2, 2))


def test_a_claim_waits_for_a_transaction_that_is_still_open() -> None:
    store = ModelStore(stream(1, "store"), CALM)
    course = store.submit(NS)
    assert course.written_after is not None
    assert store.claim_after(NS) > course.written_after


def test_peace_has_no_faults() -> None:
    for seed in range(20):
        store = ModelStore(stream(seed, "store"), calmed(draw(seed)))
        assert all(not store.submit(at * NS).outcome for at in range(50))
        assert not store.seen
