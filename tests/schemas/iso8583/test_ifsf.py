"""IFSF-like: ISO 8583:1993 with a binary bitmap, and a bitmap of 8 bytes in DE48."""

from twinrail.schemas.iso8583 import ifsf, iso1993
from twinrail.schemas.iso8583.axes import Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm
from twinrail.schemas.iso8583.layouts import BitmapParts

PARTS = {part.key: part for part in ifsf.MESSAGE_CONTROL.parts}


def test_it_is_1993_in_ascii_but_for_four_elements() -> None:
    dialect = ifsf.DIALECT
    assert (dialect.version, dialect.text, dialect.bitmap) == ("1993", "ascii", BitmapForm.BINARY)
    assert {row.number for row in dialect.elements if row not in iso1993.DIALECT.elements} == {48, 62, 63, 127}


def test_de48_has_a_bitmap_of_its_own() -> None:
    row = next(row for row in ifsf.DIALECT.elements if row.number == 48)
    assert isinstance(row.layout, BitmapParts)
    assert (row.kind, row.layout.octets, row.layout.binary) == (Kind.B, 8, True)


def test_parts_are_those_of_the_public_pages() -> None:
    said = {key: (PARTS[key].kind, PARTS[key].length_kind.value, PARTS[key].length) for key in ("4", "8", "14", "32")}
    assert said == {"4": (Kind.N, 0, 10), "8": (Kind.ANS, 3, 250), "14": (Kind.ANS, 0, 2), "32": (Kind.ANS, 2, 91)}
    assert {PARTS[key].mask for key in ("9", "10", "33")} == {Mask.SENSITIVE}  # tracks of a second card
    assert PARTS["40"].mask is Mask.SECRET
