"""What is filled in where a foreign specification is silent: closed unless our table agrees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.importers.foreign import (
    REFERENCES,
    Draft,
    data_class,
    find_version,
    length_kind_of,
    part_class,
    reference,
    words_of,
)
from twinrail.schemas.iso8583.axes import Length, Mask


@given(st.integers(2, 192), st.text(max_size=20), st.integers(1, 999))
def test_public_is_only_what_our_table_has_at_this_length(number: int, described: str, length: int) -> None:
    draft = Draft("bank")
    mask = data_class(draft, number, words_of(described, "element"), length)
    if mask is Mask.PUBLIC:
        known = reference(draft, number, length)
        assert known is not None
        assert known.mask is Mask.PUBLIC
    assert [note.path for note in draft.notes] == [f"elements.{number}"]


@given(st.text(max_size=6), st.text(max_size=20))
def test_a_part_is_closed_unless_emv_opens_it(key: str, described: str) -> None:
    assert part_class(Draft("bank"), "elements.48", key, words_of(described, "part"), ber=False) in {
        Mask.SENSITIVE,
        Mask.SECRET,
    }


@pytest.mark.parametrize(
    ("number", "name", "length", "mask"),
    [
        (2, "card_number", 19, Mask.PAN),
        (4, "amount_transaction", 12, Mask.PUBLIC),
        (4, "cvv2", 12, Mask.SENSITIVE),
        (4, "customer_name", 12, Mask.PERSONAL),
        (23, "pan_sequence_number", 3, Mask.PUBLIC),
        (129, "own", 3, Mask.SENSITIVE),
        (41, "key_data", 8, Mask.SECRET),
    ],
)
def test_data_classes(number: int, name: str, length: int, mask: Mask) -> None:
    assert data_class(Draft("bank"), number, name, length) is mask


def test_the_tags_of_emv_keep_their_classes() -> None:
    assert part_class(Draft("bank"), "p", "9F02", "amount", ber=True) is Mask.PUBLIC
    assert part_class(Draft("bank"), "p", "5A", "number", ber=True) is Mask.SENSITIVE
    assert part_class(Draft("bank"), "p", "DF01", "own", ber=True) is Mask.SENSITIVE


@pytest.mark.parametrize("version", REFERENCES)
def test_our_own_lengths_are_known_again(version: str) -> None:
    draft = Draft("bank")
    find_version(draft, {number: (row.length,) for number, row in REFERENCES[version].items()})
    assert draft.version == version


@given(st.text(max_size=60))
def test_names_are_names(described: str) -> None:
    name = words_of(described, "element_4")
    assert name.isascii()
    assert name.islower()
    assert name[0].isalpha()
    assert len(name) <= 40


def test_names_are_told_apart() -> None:
    draft = Draft("bank")
    assert [draft.name_of("Reserved", "x") for _ in range(3)] == ["reserved", "reserved_2", "reserved_3"]


@given(st.integers(0, 10**6 - 1), st.integers(1, 6))
def test_a_length_kind_has_room(length: int, digits: int) -> None:
    kind = length_kind_of(length, digits)
    assert kind is not Length.FIXED
    assert length < 10**kind.value
    assert kind.value >= digits
