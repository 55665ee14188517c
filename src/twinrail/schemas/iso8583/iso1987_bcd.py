"""ISO 8583:1987 with packed digits: MTI, lengths, numbers and tracks two digits to a byte, text in ASCII.

An odd number of digits is filled with a 0 on the left; a track with an F on the right, its separator a D nibble.
Lengths count digits for numbers and tracks, characters for text, bytes for binary; LL takes one byte, LLL two.
"""

from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import Coding
from twinrail.schemas.iso8583.elements import BitmapForm

DIALECT = iso1987.DIALECT.but("iso1987-bcd", numbers=Coding.BCD, bitmap=BitmapForm.BINARY)

DIALECTS = (DIALECT,)
