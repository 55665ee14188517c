"""A batch as one statement: what it is made of, and how its columns travel. The values' way back is the server's:
see the contract suite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.store.rows import Row, account, authorization, batch, entry

from twinrail.engine.journal import TABLES
from twinrail.engine.store.sql import statement
from twinrail.engine.store.statement import Part, Way, columns_of, compose, is_new, prepare

FENCE = 6  # parameters before the columns


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5))
def test_texts_are_joined_by_what_none_of_them_holds(texts: list[str]) -> None:
    rows: list[Row] = [(f"t{number}", text, "", "", "", 0, text) for number, text in enumerate(texts)]
    arguments = prepare(batch(0, 1, 1, {"journal": [entry(1)], "card": rows})).arguments
    separator = arguments[FENCE - 2]
    assert isinstance(separator, str)
    joined = [argument for argument in arguments[FENCE:] if isinstance(argument, str)]
    assert any(argument.split(separator) == texts for argument in joined)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_numbers_are_an_array_literal(numbers: list[int]) -> None:
    rows: list[Row] = [(f"t{at}", "", "", "", "", number, "") for at, number in enumerate(numbers)]
    arguments = prepare(batch(0, 1, 1, {"journal": [entry(1)], "card": rows})).arguments
    assert f"{{{','.join(map(str, numbers))}}}" in arguments


@given(st.lists(st.binary(), min_size=1, max_size=5))
def test_bytes_are_cut_by_their_starts_and_lengths(bodies: list[bytes]) -> None:
    rows: list[Row] = [(number, 0, "", None, body) for number, body in enumerate(bodies, 1)]
    *_, joined, starts, lengths = prepare(batch(0, 1, len(bodies), {"journal": rows})).arguments
    assert isinstance(joined, bytes)
    cuts = [[int(number) for number in str(text)[1:-1].split(",")] for text in (starts, lengths)]
    assert [joined[start - 1 : start - 1 + length] for start, length in zip(*cuts, strict=True)] == bodies


def test_new_rows_are_appended_and_known_ones_changed() -> None:
    rows: dict[str, list[Row]] = {
        "journal": [entry(5), entry(6)],
        "account": [account(1, changed_seq=5), account(2, opened_seq=6)],
        "authorization": [authorization(4), authorization(5), authorization(3)],
        "card": [("t", "", "", "", "", 0, "")],
        "posting": [],
    }
    prepared = prepare(batch(0, 5, 6, rows))
    assert prepared.parts == (
        ("journal", Way.APPEND),
        ("account", Way.APPEND),
        ("account", Way.CHANGE),
        ("card", Way.UPSERT),
        ("authorization", Way.APPEND),
        ("authorization", Way.CHANGE),
    )
    assert prepared.arguments[:FENCE] == [0, 1, 4, 6, "\x1f", 3]  # three rows must be there to be changed


def test_the_statement_takes_as_many_parameters_as_there_are_arguments() -> None:
    rows: dict[str, list[Row]] = {"journal": [entry(1)], "authorization": [authorization(1)], "account": [account(0)]}
    prepared = prepare(batch(0, 1, 1, rows))
    text = compose(prepared.parts)
    assert f"${len(prepared.arguments)}::" in text
    assert f"${len(prepared.arguments) + 1}" not in text
    assert text == compose(prepared.parts)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("way", Way)
def test_every_part_can_be_composed(table: str, way: Way) -> None:
    text = compose((Part(table, way),))
    assert text.count("(") == text.count(")")
    assert " :" not in text
    assert " authorization " not in text  # a word that SQL keeps for itself


def test_what_never_changes_does_not_travel_with_a_change() -> None:
    names = [column.name for column in columns_of("account", Way.CHANGE)]
    assert names == ["id", "status", "posted", "held", "credit_limit", "changed_seq"]


def test_whether_a_row_is_new_follows_from_its_number() -> None:
    assert is_new("authorization", authorization(5), 5)
    assert not is_new("authorization", authorization(4), 5)
    assert is_new("posting", (1, 0, "a", 1, "978"), 5)
    assert is_new("card", ("t", "", "", "", "", 0, ""), 5) is None


@pytest.mark.parametrize("numbers", [[], [1], [1, 3], [2, 1], [1, 2, 3], [1, 1]])
def test_entries_that_are_not_numbered_in_order_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="not numbered"):
        prepare(batch(0, 1, 2, {"journal": [entry(number) for number in numbers]}))


def test_an_unknown_statement_or_word_is_an_error() -> None:
    with pytest.raises(KeyError):
        statement("no.such")
    with pytest.raises(KeyError):
        statement("batch.append", table="journal")
