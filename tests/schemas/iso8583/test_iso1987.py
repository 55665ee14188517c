"""ISO 8583:1987: all its elements, what the composite ones are made of, and the axes of its variants."""

import pytest

from twinrail.schemas.iso8583 import iso1987, iso1987_bcd
from twinrail.schemas.iso8583.axes import Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Third
from twinrail.schemas.iso8583.layouts import BerTlv, Positional

ROWS = {row.number: row for row in iso1987.ELEMENTS}


def test_it_has_every_element_but_the_bitmaps() -> None:
    assert list(ROWS) == [*range(2, 65), *range(66, 129)]
    assert iso1987.DIALECT.elements is iso1987.ELEMENTS
    assert iso1987.DIALECT.third is Third.NONE


@pytest.mark.parametrize(
    ("number", "sizes"),
    [
        (3, (2, 2, 2)),
        (22, (2, 1)),
        (43, (25, 13, 2)),
        (54, (2, 2, 3, 1, 12)),
        (90, (4, 6, 10, 11, 11)),
        (95, (12, 12, 9, 9)),
    ],
)
def test_positional_elements_are_divided_as_the_standard_says(number: int, sizes: tuple[int, ...]) -> None:
    layout = ROWS[number].layout
    assert isinstance(layout, Positional)
    assert tuple(part.length for part in layout.parts) == sizes
    assert layout.repeats == (number == 54)


def test_the_parts_of_an_original_are_named_as_the_elements_that_they_come_from() -> None:
    assert [part.name for part in iso1987.ORIGINAL_DATA.parts][1:] == [ROWS[n].name for n in (11, 7, 32, 33)]
    assert [part.name for part in iso1987.REPLACEMENT_AMOUNTS.parts] == [ROWS[n].name for n in (4, 5, 28, 29)]
    assert [part.kind for part in iso1987.REPLACEMENT_AMOUNTS.parts] == [Kind.N, Kind.N, Kind.XN, Kind.XN]


def test_private_elements_are_opaque_text_and_chip_data_is_not() -> None:
    for number in (48, 60, 61, 62, 63):
        row = ROWS[number]
        assert (row.kind, row.mask, row.layout) == (Kind.ANS, Mask.PERSONAL, None)
    assert isinstance(ROWS[55].layout, BerTlv)


def test_variants_share_every_row_and_differ_in_their_axes() -> None:
    said = {
        dialect.name: (dialect.text, dialect.numbers, dialect.bitmap, dialect.bitmaps)
        for dialect in (*iso1987.DIALECTS, *iso1987_bcd.DIALECTS)
        if dialect.elements == iso1987.ELEMENTS
    }
    by_bit, characters = Bitmaps.BY_BIT_1, Coding.CHARACTERS
    assert said == {
        "iso1987-ascii": ("ascii", characters, BitmapForm.HEX_ASCII, by_bit),
        "iso1987-ascii-binary": ("ascii", characters, BitmapForm.BINARY, by_bit),
        "iso1987-ascii-two": ("ascii", characters, BitmapForm.HEX_ASCII, Bitmaps.ALWAYS_TWO),
        "iso1987-ebcdic": ("cp1047", characters, BitmapForm.BINARY, by_bit),
        "iso1987-ebcdic-cp037": ("cp037", characters, BitmapForm.BINARY, by_bit),
        "iso1987-ebcdic-hex": ("cp1047", characters, BitmapForm.HEX_EBCDIC, by_bit),
        "iso1987-bcd": ("ascii", Coding.BCD, BitmapForm.BINARY, by_bit),
    }
