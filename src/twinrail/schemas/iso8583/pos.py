"""Terminals and their acquirers: packed digits, text in ASCII, one bitmap; and an acquirer that counts bytes.

The TPDU and what other header stands before a message belong to the link. DE60 to 63 may hold packed digits, and DE62
working keys at sign-on, so they are bytes and closed.
"""

from twinrail.schemas.iso8583 import iso1987_bcd, iso1993
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Coding, Counts, Kind, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.layouts import Part, Tagged

DIALECT = iso1987_bcd.DIALECT.but(
    "pos",
    elements=(
        *(Element(number, f"private_{number}", Kind.B, LLLVAR, 999, Mask.SENSITIVE) for number in (60, 61, 63)),
        Element(62, "private_62", Kind.B, LLLVAR, 999, Mask.SECRET),
    ),
    without=tuple(range(65, 129)),
)
# UnionPay POS-like: these numbers stand to the left, an odd one filled with 0 at its end; the currency is characters.
LEFT = DIALECT.but(
    "pos-unionpay",
    elements=(
        Element(2, "pan", Kind.N, LLVAR, 19, Mask.PAN, coding=Coding.BCD_RIGHT),
        Element(22, "entry_mode", Kind.N, FIXED, 3, Mask.PUBLIC, coding=Coding.BCD_RIGHT),
        Element(32, "acquirer_id", Kind.N, LLVAR, 11, Mask.PUBLIC, coding=Coding.BCD_RIGHT),
        Element(35, "track2", Kind.Z, LLVAR, 37, Mask.SENSITIVE, nibble="0"),
        Element(36, "track3", Kind.Z, LLLVAR, 104, Mask.SENSITIVE, nibble="0"),
        Element(49, "currency", Kind.AN, FIXED, 3, Mask.PUBLIC),
    ),
)

# Elavon-like: tag two bytes of packed digits, length one, in bytes. Where only bytes are counted, the 0 that fills an
# odd number of digits is told from a digit only in a value of the largest length: a PAN of 15 digits reads as 16.
SERVICES = Tagged(
    (
        Part("0001", "item_number", Kind.N, LLVAR, 3, Mask.PUBLIC),
        Part("0002", "acquirer_stan", Kind.N, LLVAR, 6, Mask.PUBLIC),
        Part("0003", "acquirer_date_time", Kind.N, LLVAR, 12, Mask.PUBLIC),
        Part("0004", "acquirer_rrn", Kind.N, LLVAR, 12, Mask.PUBLIC),
        Part("0005", "void_item_number", Kind.N, LLVAR, 3, Mask.PUBLIC),
        Part("0017", "forex_information", Kind.N, LLVAR, 20, Mask.PERSONAL),
        # Its length takes two bytes, the first from 00 to 06, which no layout can say. The smallest length stated here
        # is above all that the first byte can mean, so DE48 with this tag is refused when opened, and not misread.
        Part("0018", "forex_data", Kind.N, LLVAR, 198, Mask.PERSONAL, least=14),
    ),
    tag_digits=4,
    tag=Coding.BCD,
    length=Prefix(form=PrefixForm.BCD, counts=Counts.BYTES, size=1),
)
ELAVON = iso1993.BCD.but(
    "elavon",
    lengths=Prefix(form=PrefixForm.BCD, counts=Counts.BYTES, size=2),
    elements=(Element(48, "additional_data_private", Kind.B, LLLVAR, 999, Mask.SENSITIVE, SERVICES),),
)

DIALECTS = (DIALECT, LEFT, ELAVON)
