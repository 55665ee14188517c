"""MDS-like: everything in EBCDIC, DE48 with its category, and private data over five elements of a clearing file."""

from twinrail.schemas.iso8583 import mds
from twinrail.schemas.iso8583.axes import Coding, Kind, Length, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Third
from twinrail.schemas.iso8583.layouts import Pds, Tagged

ROWS = {row.number: row for row in mds.DIALECT.elements}
FILE = {row.number: row for row in mds.CLEARING.elements}


def test_axes() -> None:
    for dialect, version in ((mds.DIALECT, "1987"), (mds.CLEARING, "1993")):
        assert (dialect.version, dialect.text, dialect.numbers) == (version, "cp500", Coding.CHARACTERS)
        assert (dialect.bitmap, dialect.third) == (BitmapForm.BINARY, Third.NONE)


def test_de48_is_a_category_and_then_tags_of_two_with_lengths_of_two() -> None:
    layout = ROWS[48].layout
    assert isinstance(layout, Tagged)
    assert layout.category
    assert (layout.tag_digits, layout.length_kind, layout.tag) == (2, Length.LLVAR, Coding.CHARACTERS)
    masks = {part.key: part.mask for part in layout.parts}
    assert masks["10"] is masks["11"] is Mask.SECRET
    assert masks["43"] is masks["92"] is Mask.SENSITIVE


def test_a_card_number_within_de48_is_found() -> None:
    assert [part.mask for part in mds.PAN_MAPPING.parts if part.key == "02"] == [Mask.PAN]
    assert [part.mask for part in mds.SUBELEMENTS.parts if part.key == "33"] == [Mask.SENSITIVE]


def test_tagged_elements_without_public_tags_are_closed() -> None:
    for number in (108, 112, 124):
        layout = ROWS[number].layout
        assert isinstance(layout, Tagged)
        assert (layout.parts, layout.category) == ((), False)
        assert (ROWS[number].kind, ROWS[number].mask) == (Kind.B, Mask.SENSITIVE)


def test_private_data_runs_over_elements_that_share_one_layout() -> None:
    holders = {number for number, row in FILE.items() if isinstance(row.layout, Pds)}
    assert holders == {48, 62, 123, 124, 125} == set(mds.PRIVATE_DATA.over)
    assert {id(FILE[number].layout) for number in holders} == {id(mds.PRIVATE_DATA)}
    assert {FILE[number].length for number in holders} == {999}
