"""ISO 8583:1993: what its composite elements are made of, and what it keeps from 1987."""

from twinrail.schemas.iso8583 import iso1987, iso1993
from twinrail.schemas.iso8583.axes import LLVAR, Coding, Kind
from twinrail.schemas.iso8583.elements import BitmapForm
from twinrail.schemas.iso8583.layouts import BerTlv, Positional

ROWS = {row.number: row for row in iso1993.DIALECT.elements}
OLD = {row.number: row for row in iso1987.ELEMENTS}


def parts(number: int) -> list[tuple[str, int]]:
    layout = ROWS[number].layout
    assert isinstance(layout, Positional)
    return [(part.name, part.length) for part in layout.parts]


def test_it_has_the_numbers_of_1987() -> None:
    assert set(ROWS) == set(OLD)
    assert iso1993.DIALECT.version == "1993"


def test_the_pos_data_code_has_twelve_positions_of_one_character() -> None:
    assert [length for _, length in parts(22)] == [1] * 12
    assert parts(22)[6] == ("card_input_mode", 1)


def test_original_amounts_and_original_data() -> None:
    assert parts(30) == [("amount", 12), ("amount_settlement", 12)]
    assert parts(56) == [("mti", 4), ("stan", 6), ("local_date_time", 12), ("acquirer_id", 11)]
    assert iso1993.ORIGINAL_DATA.parts[3].length_kind is LLVAR


def test_fees_are_groups_of_34_and_their_totals_of_14() -> None:
    assert (sum(length for _, length in parts(46)), ROWS[46].length) == (34, 6 * 34)
    assert (sum(length for _, length in parts(109)), ROWS[109].length) == (14, 6 * 14)
    assert ROWS[66].layout is ROWS[46].layout


def test_additional_amounts_and_chip_data_are_those_of_1987() -> None:
    assert ROWS[54] is OLD[54]
    assert isinstance(ROWS[55].layout, BerTlv)
    assert {ROWS[number].kind for number in (49, 50, 51)} == {Kind.AN}  # letters or digits


def test_variants() -> None:
    assert [(d.name, d.bitmap, d.numbers) for d in iso1993.DIALECTS] == [
        ("iso1993-ascii", BitmapForm.HEX_ASCII, Coding.CHARACTERS),
        ("iso1993-ascii-binary", BitmapForm.BINARY, Coding.CHARACTERS),
        ("iso1993-bcd", BitmapForm.BINARY, Coding.BCD),
    ]
