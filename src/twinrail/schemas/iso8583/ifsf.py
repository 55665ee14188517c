"""IFSF-like: ISO 8583:1993 in ASCII with a binary bitmap, DE48 with a bitmap of its own (fuel retail).

Drawn from the public developer pages of a payment provider and from open implementations; a part of DE48 that neither
names is an error when DE48 is opened, and untouched otherwise.
"""

from twinrail.schemas.iso8583 import iso1993
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.layouts import BitmapParts, Part

MESSAGE_CONTROL = BitmapParts(
    (
        Part("2", "hardware_and_software", Kind.ANS, FIXED, 20, Mask.PUBLIC),
        Part("3", "language", Kind.AN, FIXED, 2, Mask.PUBLIC),  # ISO 639
        Part("4", "batch_number", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("7", "multiple_transaction_control", Kind.N, FIXED, 9, Mask.PUBLIC),
        Part("8", "customer_data", Kind.ANS, LLLVAR, 250, Mask.PERSONAL),
        Part("9", "track2_second_card", Kind.Z, LLVAR, 37, Mask.SENSITIVE),
        Part("10", "track1_second_card", Kind.ANS, LLVAR, 76, Mask.SENSITIVE),
        Part("14", "pin_encryption_methodology", Kind.ANS, FIXED, 2, Mask.PUBLIC),
        Part("32", "vat_percentages", Kind.ANS, LLVAR, 91, Mask.PUBLIC),
        Part("33", "track3_second_card", Kind.ANS, LLVAR, 99, Mask.SENSITIVE),
        Part("37", "vehicle_entry_mode", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("38", "pump_linked", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("39", "delivery_note_number", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("40", "encryption_parameter", Kind.B, FIXED, 4, Mask.SECRET),
        Part("43", "solution_identifier", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("45", "box_identifier", Kind.ANS, LLVAR, 17, Mask.PUBLIC),
        Part("46", "truck_identifier", Kind.ANS, LLVAR, 17, Mask.PERSONAL),
        Part("48", "timestamp", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("49", "box_data", Kind.B, LLVAR, 99, Mask.SENSITIVE),
    )
)

DIALECT = iso1993.BINARY.but(
    "ifsf",
    elements=(
        Element(48, "message_control", Kind.B, LLLVAR, 999, Mask.SENSITIVE, MESSAGE_CONTROL),
        # Products bought, and text for the cardholder: their structure is not public.
        Element(62, "private_62", Kind.B, LLLVAR, 999, Mask.SENSITIVE),
        Element(63, "private_63", Kind.B, LLLVAR, 999, Mask.SENSITIVE),
        Element(127, "private_127", Kind.B, LLLVAR, 999, Mask.SENSITIVE),
    ),
)

DIALECTS = (DIALECT,)
