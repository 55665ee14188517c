"""Bitmaps: numbers to bits and back."""

from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.bitmap import announces_next, bitmap_of, numbers_of


@given(st.sets(st.integers(2, 128)))
def test_a_double_bitmap_keeps_its_numbers(numbers: set[int]) -> None:
    bitmap = bitmap_of({1, *numbers}, 16)
    assert len(bitmap) == 16
    assert announces_next(bitmap)
    assert numbers_of(bitmap) == tuple(sorted(numbers))


@given(st.sets(st.integers(2, 64)))
def test_a_single_bitmap_keeps_its_numbers(numbers: set[int]) -> None:
    bitmap = bitmap_of(numbers, 8)
    assert len(bitmap) == 8
    assert not announces_next(bitmap)
    assert numbers_of(bitmap) == tuple(sorted(numbers))


def test_bit_1_is_the_highest_bit_of_the_first_byte() -> None:
    assert bitmap_of((2, 64), 8) == bytes.fromhex("4000000000000001")
    assert numbers_of(bytes(7) + b"\x01" + b"\x80" + bytes(7)) == (64, 65)
