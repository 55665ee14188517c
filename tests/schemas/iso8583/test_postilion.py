"""Postilion-like: DE127 with six digits of length and a bitmap, chip data within it with another."""

from twinrail.schemas.iso8583 import postilion
from twinrail.schemas.iso8583.axes import Coding, Kind, Length, Mask
from twinrail.schemas.iso8583.elements import BitmapForm
from twinrail.schemas.iso8583.layouts import BitmapParts

FIELDS = {part.key: part for part in postilion.FIELDS}


def test_de127_is_bitmap_and_parts_in_both_forms() -> None:
    for dialect, form in zip(postilion.DIALECTS, (BitmapForm.BINARY, BitmapForm.HEX_ASCII), strict=True):
        row = next(row for row in dialect.elements if row.number == 127)
        assert (row.length_kind, row.length, row.mask) == (Length.LLLLLLVAR, 999_999, Mask.SENSITIVE)
        assert isinstance(row.layout, BitmapParts)
        assert (dialect.bitmap, row.layout.binary) == (form, form is BitmapForm.BINARY)
        assert row.layout.parts == postilion.FIELDS


def test_chip_data_is_text_with_a_bitmap_in_hex() -> None:
    part = FIELDS["25"]
    assert (part.kind, part.length_kind, part.length) == (Kind.ANS, Length.LLLLVAR, 8000)
    assert isinstance(part.layout, BitmapParts)
    assert (part.layout.binary, part.layout.octets) == (False, 8)
    masks = {inner.key: inner.mask for inner in part.layout.parts}
    assert masks["12"] is masks["18"] is masks["31"] is Mask.SENSITIVE
    assert masks["32"] is masks["33"] is Mask.SECRET


def test_card_codes_and_structured_data_are_closed() -> None:
    assert {FIELDS[key].mask for key in ("10", "22", "24", "28", "29", "32")} == {Mask.SENSITIVE}
    assert FIELDS["22"].layout is None


def test_macs_are_hex_digits() -> None:
    for dialect in postilion.DIALECTS:
        coded = {row.number for row in dialect.elements if row.coding is Coding.HEX}
        assert coded == {64, 96, 128}
