"""Terminal dialects: one bitmap, packed digits to either side, and an acquirer whose lengths count bytes."""

from twinrail.schemas.iso8583 import iso1987_bcd, pos
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Mask, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm
from twinrail.schemas.iso8583.layouts import BerTlv, Tagged

ROWS = {row.number: row for row in pos.DIALECT.elements}
LEFT = {row.number: row for row in pos.LEFT.elements}


def test_a_terminal_has_one_bitmap_and_ends_with_its_mac() -> None:
    assert list(ROWS) == list(range(2, 65))
    assert (ROWS[64].name, ROWS[64].kind, ROWS[64].length, ROWS[64].mask) == ("mac", Kind.B, 8, Mask.SECRET)
    assert (pos.DIALECT.numbers, pos.DIALECT.bitmap, pos.DIALECT.text) == (Coding.BCD, BitmapForm.BINARY, "ascii")
    assert isinstance(ROWS[55].layout, BerTlv)


def test_all_but_the_private_elements_are_those_of_1987_packed() -> None:
    assert {row.number for row in pos.DIALECT.elements if row not in iso1987_bcd.DIALECT.elements} == {60, 61, 62, 63}
    assert ROWS[62].mask is Mask.SECRET  # working keys at sign-on


def test_numbers_packed_to_the_left_are_filled_with_0_at_their_end() -> None:
    left = {number for number, row in LEFT.items() if row.coding is Coding.BCD_RIGHT}
    assert left == {2, 22, 32}
    assert {LEFT[number].nibble for number in (2, 22, 32)} == {""}  # 0, where nothing is stated
    assert {LEFT[number].nibble for number in (35, 36)} == {"0"}


def test_lengths_that_count_bytes_take_two_bytes_for_ll_and_lll() -> None:
    lengths = pos.ELAVON.lengths
    assert (lengths.form, lengths.size, lengths.counts) == (PrefixForm.BCD, 2, Counts.BYTES)
    assert (pos.ELAVON.version, pos.ELAVON.numbers) == ("1993", Coding.BCD)
    layout = next(row.layout for row in pos.ELAVON.elements if row.number == 48)
    assert isinstance(layout, Tagged)
    assert (layout.tag, layout.tag_digits) == (Coding.BCD, 4)  # two bytes
    assert (layout.length.form, layout.length.size, layout.length.counts) == (PrefixForm.BCD, 1, Counts.BYTES)


def test_the_tag_whose_length_takes_two_bytes_cannot_be_misread() -> None:
    """656 bytes at the most: its first byte says 6 or less, and less than the smallest length that is stated."""
    part = next(part for part in pos.SERVICES.parts if part.key == "0018")
    assert (part.least + 1) // 2 > 656 // 100
