"""BASE24-like: the rows of 1987 with longer terminals, bytes as hex digits."""

from twinrail.schemas.iso8583 import b24, iso1987
from twinrail.schemas.iso8583.axes import Coding
from twinrail.schemas.iso8583.elements import BitmapForm


def test_it_differs_from_1987_by_one_row_and_its_bytes() -> None:
    dialect = b24.DIALECT
    changed = [row for row in dialect.elements if row not in iso1987.ELEMENTS]
    assert [(row.number, row.length) for row in changed] == [(41, 16)]
    assert (dialect.binary, dialect.bitmap, dialect.text) == (Coding.HEX, BitmapForm.HEX_ASCII, "ascii")
