"""Dialects are read by the codec: all of the registry load, and rows that contradict themselves do not."""

import pytest

from twinrail.codecs.iso8583 import Codec
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import FIXED, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Dialect, Element


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_every_dialect_loads(dialect: Dialect) -> None:
    assert Codec(dialect).dialect is dialect


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (Element(1, "one", Kind.B, FIXED, 8, Mask.PUBLIC), "numbered from 2 to 192"),
        (Element(193, "beyond", Kind.B, FIXED, 8, Mask.PUBLIC), "numbered from 2 to 192"),
        (Element(129, "third", Kind.B, FIXED, 8, Mask.PUBLIC), "beyond 128 needs third"),
        (Element(65, "third", Kind.B, FIXED, 8, Mask.PUBLIC), "element 65"),
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
    row = iso1987.ELEMENTS[0]
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
