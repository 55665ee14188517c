"""Amex-like: ISO 8583:1993 with text, numbers and lengths in EBCDIC and a binary bitmap."""

from twinrail.schemas.iso8583 import iso1993

DIALECT = iso1993.BINARY.but("amex", text="cp1047")

DIALECTS = (DIALECT,)
