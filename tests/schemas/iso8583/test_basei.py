"""BASE I-like: the axes, the three bitmaps within elements, and the dataset around chip data."""

from twinrail.schemas.iso8583 import basei
from twinrail.schemas.iso8583.axes import FIXED, Coding, Counts, Kind, Mask, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Datasets

ROWS = {row.number: row for row in basei.DIALECT.elements}


def test_axes() -> None:
    dialect = basei.DIALECT
    assert (dialect.version, dialect.text, dialect.numbers) == ("1987", "cp1047", Coding.BCD)
    assert (dialect.bitmap, dialect.third) == (BitmapForm.BINARY, Third.CONTIGUOUS)
    # One byte, which counts digits of numbers and never itself.
    assert (dialect.lengths.form, dialect.lengths.size) == (PrefixForm.BINARY, 1)
    assert dialect.lengths.counts in {None, Counts.VALUE}
    assert not dialect.lengths.inclusive
    assert max(row.length for row in dialect.elements if row.length_kind is not FIXED) == 255


def test_tracks_are_filled_on_the_left_with_0() -> None:
    assert basei.DIALECT.tracks is Coding.BCD
    assert {ROWS[number].nibble for number in (35, 36)} == {"0"}


def test_private_elements_have_bitmaps_of_8_3_and_8_bytes() -> None:
    octets = {}
    for number in (62, 63, 126):
        layout = ROWS[number].layout
        assert isinstance(layout, BitmapParts)
        assert layout.binary
        assert (ROWS[number].kind, ROWS[number].mask) == (Kind.B, Mask.SENSITIVE)
        octets[number] = layout.octets
    assert octets == {62: 8, 63: 3, 126: 8}


def test_chip_data_is_dataset_01() -> None:
    layout = ROWS[55].layout
    assert isinstance(layout, Datasets)
    assert [(kind.id, type(kind.body)) for kind in layout.sets] == [("01", BerTlv)]
    assert ROWS[104].layout == Datasets(())  # unknown datasets are kept


def test_third_bitmap_elements_are_those_that_are_public() -> None:
    third = [number for number in ROWS if number > 128]
    assert third == [*range(130, 141), *range(142, 150), 152]
    assert ROWS[136].mask is ROWS[152].mask is Mask.SENSITIVE
    assert ROWS[142].mask is Mask.SECRET
