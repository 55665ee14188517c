"""Rows in memory against a plain dictionary: the same refusals, the same rows, whatever the batches hold."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.store import memory_rows
from twinrail.engine.store.memory_rows import MISPLACED, TWICE, Appended, KeyIndex, Named, Numbered, Row, whole

Batches = list[tuple[int, list[tuple[int, int]]]]
numbers = st.integers(1, 40)
batches: st.SearchStrategy[Batches] = st.lists(
    st.tuples(numbers, st.lists(st.tuples(numbers, st.integers(0, 2)), min_size=1, max_size=8)), max_size=12
)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_rows, "CHUNK_ENTRIES", 8)


def columns(rows: Iterable[Row]) -> list[tuple[object, ...]]:
    return list(zip(*rows, strict=True))


def verdict(model: dict[object, Row], keyed: list[tuple[object, Row]], is_new: list[bool | None]) -> str:
    if len({key for key, _ in keyed}) != len(keyed):
        return TWICE
    fits = all(new is None or (key in model) is not new for (key, _), new in zip(keyed, is_new, strict=True))
    return "" if fits else MISPLACED


@given(batches)
def test_numbered_rows_are_those_of_a_dictionary(given_batches: Batches) -> None:
    table, model = Numbered(), dict[object, Row]()
    for first_seq, pairs in given_batches:
        rows: list[Row] = [(number, value) for number, value in pairs]
        keyed: list[tuple[object, Row]] = [(row[0], row) for row in rows]
        found = table.forbids(columns(rows), first_seq)
        assert found == verdict(model, keyed, [number >= first_seq for number, _ in pairs])
        if not found:
            table.write(columns(rows), rows)
            model.update(keyed)
    assert sorted(table.values(), key=str) == sorted(model.values(), key=str)


@given(batches, st.booleans())
def test_named_rows_are_those_of_a_dictionary(given_batches: Batches, is_born: bool) -> None:  # noqa: FBT001 - drawn
    table, model = Named(born=1 if is_born else None), dict[object, Row]()
    for first_seq, pairs in given_batches:
        rows: list[Row] = [(f"n{number % 9}", number) for number, _ in pairs]
        keyed: list[tuple[object, Row]] = [(row[0], row) for row in rows]
        found = table.forbids(columns(rows), first_seq)
        assert found == verdict(model, keyed, [number >= first_seq if is_born else None for number, _ in pairs])
        if not found:
            table.write(columns(rows), rows)
            model.update(keyed)
    assert list(table.values()) == list(model.values())


@given(batches)
def test_appended_rows_are_those_of_a_dictionary(given_batches: Batches) -> None:
    table, model = Appended(key_columns=2), dict[object, Row]()
    for first_seq, pairs in given_batches:
        rows: list[Row] = [(number, leg, "x") for number, leg in pairs]
        keyed: list[tuple[object, Row]] = [(row[:2], row) for row in rows]
        found = table.forbids(columns(rows), first_seq)
        assert found == verdict(model, keyed, [True] * len(pairs))
        if not found:
            table.write(columns(rows), rows)
            model.update(keyed)
    assert table.values() == list(model.values())


@given(st.lists(st.lists(st.none() | st.integers(-3, 8), max_size=9), max_size=12), st.integers(0, 5))
def test_the_index_finds_every_entry_of_a_hash_in_order(hashes: list[list[int | None]], limit: int) -> None:
    index, model, seq = KeyIndex(), dict[int, list[int]](), 1
    for some in hashes:
        index.add(some, range(seq, seq + len(some)))
        for key in some:
            if key is not None:
                model.setdefault(key, []).append(seq)
            seq += 1
    for number in range(-3, 9):
        assert index.find(number, limit) == (held := model.get(number, []))[max(0, len(held) - limit) :]
        assert index.find(number, 1000) == model.get(number, [])


@pytest.mark.parametrize("column", [(1, 2.5), (1.0,), ("1",), (1, None), (b"1", 1)])
def test_a_column_that_is_not_whole_is_an_error(column: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        whole(column)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_a_whole_column_is_given_as_it_is(column: list[int]) -> None:
    assert whole(column) is column
