"""BASE24-like: ISO 8583:1987 in ASCII, bitmap and all bytes as hex digits, terminals of 16 characters.

The text header before a message and the trailer byte behind it belong to the link.
"""

from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import FIXED, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import Element

DIALECT = iso1987.DIALECT.but(
    "base24",
    binary=Coding.HEX,
    elements=(Element(41, "terminal_id", Kind.ANS, FIXED, 16, Mask.PUBLIC),),
)

DIALECTS = (DIALECT,)
