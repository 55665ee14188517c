"""ISO 8583:2003: amounts that hold their currency, and the bytes that packed elements take."""

import pytest

from twinrail.schemas.iso8583 import iso2003
from twinrail.schemas.iso8583.axes import Coding, Kind
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.layouts import Positional

ASCII = {row.number: row for row in iso2003.DIALECT.elements}
BCD = {row.number: row for row in iso2003.BCD.elements}


@pytest.mark.parametrize("dialect", iso2003.DIALECTS, ids=lambda dialect: dialect.name)
def test_an_amount_begins_with_its_currency_and_exponent(dialect: Dialect) -> None:
    rows = {row.number: row for row in dialect.elements}
    for number, digits in ((4, 12), (5, 12), (6, 12), (8, 8)):
        layout = rows[number].layout
        assert isinstance(layout, Positional)
        assert [part.length for part in layout.parts] == [3, 1, digits]
        assert rows[number].name.endswith("_with_currency")


@pytest.mark.parametrize(("number", "size"), [(4, 8), (22, 16), (30, 16), (74, 78), (21, 19), (64, 4), (128, 4)])
def test_packed_elements_take_the_bytes_of_the_public_packager(number: int, size: int) -> None:
    row = BCD[number]
    assert (row.length if row.kind is Kind.B else row.length // 2) == size


def test_original_data_is_41_digits() -> None:
    assert [part.length for part in iso2003.ORIGINAL_DATA.parts] == [4, 12, 14, 11]
    assert ASCII[56].length == 41


def test_additional_amounts_are_groups_of_21() -> None:
    assert [part.length for part in iso2003.ADDITIONAL_AMOUNTS.parts] == [2, 2, 3, 1, 1, 12]
    assert ASCII[54].length == 6 * 21


def test_only_the_life_cycle_differs_between_ascii_and_packed() -> None:
    assert {number for number in ASCII if ASCII[number] != BCD[number]} == {21}
    assert ASCII[21].layout is BCD[21].layout
    assert [dialect.numbers for dialect in iso2003.DIALECTS] == [Coding.CHARACTERS, Coding.CHARACTERS, Coding.BCD]
    assert {dialect.version for dialect in iso2003.DIALECTS} == {"2003"}
