"""The rows of the dialects: complete, consistent, and masked where the standard of the card industry says so."""

import pytest

from twinrail.codecs.iso8583 import DIALECTS, Codec
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583 import codes, iso1987
from twinrail.schemas.iso8583.elements import FIXED, LLVAR, Composite, Dialect, Element, Kind, Mask

ROWS = {row.number: row for row in iso1987.ELEMENTS}


def test_1987_has_every_element_but_the_bitmaps() -> None:
    assert set(ROWS) == set(range(2, 129)) - {65}
    assert [row.number for row in iso1987.ELEMENTS] == sorted(ROWS)
    assert len({row.name for row in iso1987.ELEMENTS}) == len(ROWS)


def test_what_must_never_be_shown_is_masked() -> None:
    hidden = {Mask.SENSITIVE, Mask.SECRET}
    assert ROWS[2].mask is Mask.PAN
    for number in (34, 35, 36, 45, 52, 53, 55, 64, 96, 102, 103, 128):
        assert ROWS[number].mask in hidden, number
    for row in iso1987.ELEMENTS:
        if row.length > 60 and row.number != 36:
            assert row.mask is not Mask.PUBLIC, row.number


def test_a_signed_amount_counts_its_sign() -> None:
    assert {ROWS[number].length for number in (28, 29, 30, 31)} == {9}
    assert ROWS[97].length == 17
    assert all(row.kind is Kind.XN for row in (ROWS[28], ROWS[97]))
    assert ROWS[55].composite is Composite.BER_TLV


def test_but_replaces_rows_and_keeps_the_others() -> None:
    changed = iso1987.DIALECT.but("other", elements=(Element(52, "pin_block", Kind.B, LLVAR, 16, Mask.SENSITIVE),))
    assert changed.name == "other"
    assert len(changed.elements) == len(iso1987.ELEMENTS)
    assert {row.number: row for row in changed.elements}[52].length == 16
    assert iso1987.DIALECT.elements is iso1987.ELEMENTS


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_every_dialect_loads(dialect: Dialect) -> None:
    assert Codec(dialect).dialect is dialect


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Element(1, "one", Kind.B, FIXED, 8, Mask.PUBLIC), "numbered from 2 to 128"),
        (Element(129, "beyond", Kind.B, FIXED, 8, Mask.PUBLIC), "numbered from 2 to 128"),
        (Element(48, "long", Kind.ANS, LLVAR, 100, Mask.PERSONAL), "does not fit"),
        (Element(28, "fee", Kind.XN, FIXED, 1, Mask.PUBLIC), "no room"),
        (Element(39, "nothing", Kind.AN, FIXED, 0, Mask.PUBLIC), "no room"),
    ],
)
def test_rows_that_contradict_themselves_do_not_load(row: Element, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        Codec(iso1987.DIALECT.but("broken", elements=(row,)))


def test_an_unknown_version_or_code_page_and_a_row_stated_twice_do_not_load() -> None:
    with pytest.raises(SettingsError, match="version"):
        Codec(iso1987.DIALECT.but("broken", version="1999"))
    with pytest.raises(SettingsError, match="code page"):
        Codec(iso1987.DIALECT.but("broken", text="klingon"))
    row = ROWS[39]
    twice = Dialect(
        name="twice",
        version="1987",
        text="ascii",
        numbers=iso1987.DIALECT.numbers,
        bitmap=iso1987.DIALECT.bitmap,
        bitmaps=iso1987.DIALECT.bitmaps,
        elements=(row, row),
    )
    with pytest.raises(SettingsError, match="twice"):
        Codec(twice)


def test_words_are_keyed_by_codes_of_the_right_size() -> None:
    for table, size in (
        (codes.TRANSACTION_TYPES, 2),
        (codes.ACCOUNT_TYPES, 2),
        (codes.PAN_ENTRY_MODES, 2),
        (codes.PIN_ENTRY, 1),
        (codes.POS_CONDITIONS, 2),
        (codes.RESPONSE_CODES, 2),
        (codes.NETWORK_CODES, 3),
        (codes.AMOUNT_TYPES, 2),
        (codes.CLASSES, 1),
        (codes.FUNCTIONS, 1),
    ):
        assert all(len(code) == size for code in table)
    for tag in codes.TAGS:
        first = bytes.fromhex(tag)[0]
        assert (first & 0x1F == 0x1F) == (len(tag) > 2), tag


def test_track_pin_name_and_cryptogram_tags_are_never_public() -> None:
    for tag in ("56", "57", "5A", "5F20", "5F24", "99", "9F10", "9F1F", "9F20", "9F26", "9F6B", "91", "71", "72"):
        assert codes.TAGS[tag].mask is not Mask.PUBLIC
