"""Amex-like: the rows of 1993 in EBCDIC."""

from twinrail.schemas.iso8583 import amex, iso1993
from twinrail.schemas.iso8583.axes import Coding
from twinrail.schemas.iso8583.elements import BitmapForm


def test_it_differs_from_1993_by_its_codings_only() -> None:
    dialect = amex.DIALECT
    assert dialect.elements == iso1993.DIALECT.elements
    assert (dialect.text, dialect.numbers, dialect.bitmap) == ("cp1047", Coding.CHARACTERS, BitmapForm.BINARY)
