import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.journal import TABLES, Batch, decode_entry, encode_entry, key_hash, slot_of
from twinrail.schemas.journal import Answer, Entry, Leg, Posted

texts = st.text(st.characters(codec="utf-8"), max_size=30)


@given(texts)
def test_a_key_hash_fits_a_bigint(key: str) -> None:
    assert -(2**63) <= key_hash(key) < 2**63
    assert key_hash(key) == key_hash(key)


@given(texts)
def test_a_slot_is_one_of_256(account: str) -> None:
    assert 0 <= slot_of(account) < 256


@pytest.mark.parametrize(("account", "slot"), [("A", 139), ("card-settlement-EUR", 93)])
def test_slots_never_change_since_they_are_stored(account: str, slot: int) -> None:
    assert slot_of(account) == slot


def test_key_hashes_never_change_since_they_are_stored() -> None:
    assert key_hash("card-1987|10|000001|x") == 9121766151298156047


@given(
    st.builds(
        Entry,
        seq=st.integers(1, 2**62),
        at=st.integers(0, 2**62),
        kind=texts,
        key=texts,
        content=texts,
        trace=st.lists(texts, max_size=3).map(tuple),
        answer=st.none() | st.builds(Answer, reason=texts, approval_code=texts, amount=st.integers(-1, 10**15)),
        effects=st.lists(
            st.builds(
                Posted,
                currency=texts,
                legs=st.lists(st.builds(Leg, account=texts, amount=st.integers(-(10**18), 10**18)), max_size=3).map(
                    tuple
                ),
            ),
            max_size=2,
        ).map(tuple),
    )
)
def test_an_entry_comes_back_as_it_was_stored(entry: Entry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


def test_every_table_names_each_column_once_and_its_key_among_them() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert set(table.key) <= set(names)


def test_a_batch_cannot_be_changed_once_built() -> None:
    batch = Batch(partition=0, epoch=1, first_seq=1, last_seq=1, rows={})
    with pytest.raises(AttributeError):
        batch.last_seq = 2  # type: ignore[misc]  # that it is refused is the point
