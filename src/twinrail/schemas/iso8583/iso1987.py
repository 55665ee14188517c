"""ISO 8583:1987 with everything in ASCII, and its variants of bitmap and code page (ISO 8583:1987 table 3).

DE65 has no row and its bit must be 0: it is never taken for a third bitmap and never dropped.
DE55 is BER-TLV as in ISO 8583:1993 and EMV, by the agreement that all networks make. DE34, 44, 98, 102 and 103 are
stated as ans, the widest of the kinds that networks give them.
"""

from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Part, Positional

PROCESSING_CODE = Positional(
    (
        Part("1", "transaction_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("2", "account_from", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("3", "account_to", Kind.N, FIXED, 2, Mask.PUBLIC),
    )
)
ENTRY_MODE = Positional(
    (
        Part("1", "pan_entry_mode", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("2", "pin_entry_capability", Kind.N, FIXED, 1, Mask.PUBLIC),
    )
)
# The division that nearly all networks use; ISO 8583:1987 leaves it to agreement.
NAME_LOCATION = Positional(
    (
        Part("1", "merchant_name", Kind.ANS, FIXED, 25, Mask.PERSONAL),
        Part("2", "merchant_city", Kind.ANS, FIXED, 13, Mask.PERSONAL),
        Part("3", "merchant_country", Kind.ANS, FIXED, 2, Mask.PUBLIC),
    )
)
ADDITIONAL_AMOUNTS = Positional(
    (
        Part("1", "account_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("2", "amount_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("3", "currency", Kind.AN, FIXED, 3, Mask.PUBLIC),
        Part("4", "sign", Kind.A, FIXED, 1, Mask.PUBLIC),  # C or D
        Part("5", "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
    ),
    repeats=True,
)
# The institutions stand to the right, with zeros before them.
ORIGINAL_DATA = Positional(
    (
        Part("1", "mti", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("2", "stan", Kind.N, FIXED, 6, Mask.PUBLIC),
        Part("3", "transmitted_at", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("4", "acquirer_id", Kind.N, FIXED, 11, Mask.PUBLIC),
        Part("5", "forwarder_id", Kind.N, FIXED, 11, Mask.PUBLIC),
    )
)
REPLACEMENT_AMOUNTS = Positional(
    (
        Part("1", "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("2", "amount_settlement", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("3", "transaction_fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
        Part("4", "settlement_fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
    )
)

ELEMENTS = (
    Element(2, "pan", Kind.N, LLVAR, 19, Mask.PAN),
    Element(3, "processing_code", Kind.N, FIXED, 6, Mask.PUBLIC, PROCESSING_CODE),
    Element(4, "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(5, "amount_settlement", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(6, "amount_billing", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(7, "transmitted_at", Kind.N, FIXED, 10, Mask.PUBLIC),  # MMDDhhmmss, UTC
    Element(8, "amount_billing_fee", Kind.N, FIXED, 8, Mask.PUBLIC),
    Element(9, "conversion_rate_settlement", Kind.N, FIXED, 8, Mask.PUBLIC),
    Element(10, "conversion_rate_billing", Kind.N, FIXED, 8, Mask.PUBLIC),
    Element(11, "stan", Kind.N, FIXED, 6, Mask.PUBLIC),
    Element(12, "local_time", Kind.N, FIXED, 6, Mask.PUBLIC),  # hhmmss
    Element(13, "local_date", Kind.N, FIXED, 4, Mask.PUBLIC),  # MMDD
    Element(14, "expiry", Kind.N, FIXED, 4, Mask.PUBLIC),  # YYMM
    Element(15, "settlement_date", Kind.N, FIXED, 4, Mask.PUBLIC),  # MMDD
    Element(16, "conversion_date", Kind.N, FIXED, 4, Mask.PUBLIC),  # MMDD
    Element(17, "capture_date", Kind.N, FIXED, 4, Mask.PUBLIC),  # MMDD
    Element(18, "mcc", Kind.N, FIXED, 4, Mask.PUBLIC),  # ISO 18245
    Element(19, "acquirer_country", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(20, "pan_country", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(21, "forwarder_country", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(22, "entry_mode", Kind.N, FIXED, 3, Mask.PUBLIC, ENTRY_MODE),
    Element(23, "card_sequence_number", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(24, "network_id", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(25, "pos_condition", Kind.N, FIXED, 2, Mask.PUBLIC),
    Element(26, "pin_capture", Kind.N, FIXED, 2, Mask.PUBLIC),
    Element(27, "approval_code_length", Kind.N, FIXED, 1, Mask.PUBLIC),
    Element(28, "transaction_fee", Kind.XN, FIXED, 9, Mask.PUBLIC),  # C or D, then 8 digits
    Element(29, "settlement_fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
    Element(30, "processing_fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
    Element(31, "settlement_processing_fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
    Element(32, "acquirer_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(33, "forwarder_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(34, "pan_extended", Kind.ANS, LLVAR, 28, Mask.SENSITIVE),
    Element(35, "track2", Kind.Z, LLVAR, 37, Mask.SENSITIVE),
    Element(36, "track3", Kind.Z, LLLVAR, 104, Mask.SENSITIVE),
    Element(37, "rrn", Kind.AN, FIXED, 12, Mask.PUBLIC),
    Element(38, "approval_code", Kind.AN, FIXED, 6, Mask.PUBLIC),
    Element(39, "response_code", Kind.AN, FIXED, 2, Mask.PUBLIC),
    Element(40, "service_restriction_code", Kind.AN, FIXED, 3, Mask.PUBLIC),
    Element(41, "terminal_id", Kind.ANS, FIXED, 8, Mask.PUBLIC),
    Element(42, "merchant_id", Kind.ANS, FIXED, 15, Mask.PUBLIC),
    Element(43, "merchant_name_location", Kind.ANS, FIXED, 40, Mask.PERSONAL, NAME_LOCATION),
    Element(44, "additional_response_data", Kind.ANS, LLVAR, 25, Mask.PERSONAL),
    Element(45, "track1", Kind.ANS, LLVAR, 76, Mask.SENSITIVE),
    Element(46, "additional_data_iso", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(47, "additional_data_national", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(48, "additional_data_private", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(49, "currency", Kind.N, FIXED, 3, Mask.PUBLIC),  # ISO 4217 numeric
    Element(50, "currency_settlement", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(51, "currency_billing", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(52, "pin_block", Kind.B, FIXED, 8, Mask.SENSITIVE),
    Element(53, "security_control", Kind.N, FIXED, 16, Mask.SECRET),
    Element(54, "additional_amounts", Kind.ANS, LLLVAR, 120, Mask.PERSONAL, ADDITIONAL_AMOUNTS),
    Element(55, "icc_data", Kind.B, LLLVAR, 255, Mask.SENSITIVE, BerTlv()),  # by agreement, ISO 8583:1993 and EMV
    *(Element(number, f"reserved_{number}", Kind.ANS, LLLVAR, 999, Mask.PERSONAL) for number in range(56, 60)),
    *(Element(number, f"private_{number}", Kind.ANS, LLLVAR, 999, Mask.PERSONAL) for number in range(60, 64)),
    Element(64, "mac", Kind.B, FIXED, 8, Mask.SECRET),
    Element(66, "settlement_code", Kind.N, FIXED, 1, Mask.PUBLIC),
    Element(67, "extended_payment_code", Kind.N, FIXED, 2, Mask.PUBLIC),
    Element(68, "receiver_country", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(69, "settlement_country", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(70, "network_management_code", Kind.N, FIXED, 3, Mask.PUBLIC),
    Element(71, "message_number", Kind.N, FIXED, 4, Mask.PUBLIC),
    Element(72, "message_number_last", Kind.N, FIXED, 4, Mask.PUBLIC),
    Element(73, "action_date", Kind.N, FIXED, 6, Mask.PUBLIC),  # YYMMDD
    Element(74, "number_of_credits", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(75, "number_of_credit_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(76, "number_of_debits", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(77, "number_of_debit_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(78, "number_of_transfers", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(79, "number_of_transfer_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(80, "number_of_inquiries", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(81, "number_of_authorizations", Kind.N, FIXED, 10, Mask.PUBLIC),
    Element(82, "credits_processing_fee", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(83, "credits_transaction_fee", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(84, "debits_processing_fee", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(85, "debits_transaction_fee", Kind.N, FIXED, 12, Mask.PUBLIC),
    Element(86, "amount_of_credits", Kind.N, FIXED, 16, Mask.PUBLIC),
    Element(87, "amount_of_credit_reversals", Kind.N, FIXED, 16, Mask.PUBLIC),
    Element(88, "amount_of_debits", Kind.N, FIXED, 16, Mask.PUBLIC),
    Element(89, "amount_of_debit_reversals", Kind.N, FIXED, 16, Mask.PUBLIC),
    Element(90, "original_data", Kind.N, FIXED, 42, Mask.PUBLIC, ORIGINAL_DATA),
    Element(91, "file_update_code", Kind.AN, FIXED, 1, Mask.PUBLIC),
    Element(92, "file_security_code", Kind.AN, FIXED, 2, Mask.PUBLIC),
    Element(93, "response_indicator", Kind.AN, FIXED, 5, Mask.PUBLIC),
    Element(94, "service_indicator", Kind.AN, FIXED, 7, Mask.PUBLIC),
    Element(95, "replacement_amounts", Kind.AN, FIXED, 42, Mask.PUBLIC, REPLACEMENT_AMOUNTS),
    Element(96, "message_security_code", Kind.B, FIXED, 8, Mask.SECRET),
    Element(97, "net_settlement", Kind.XN, FIXED, 17, Mask.PUBLIC),  # C or D, then 16 digits
    Element(98, "payee", Kind.ANS, FIXED, 25, Mask.PERSONAL),
    Element(99, "settlement_institution", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(100, "receiver_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(101, "file_name", Kind.ANS, LLVAR, 17, Mask.PERSONAL),
    Element(102, "account_1", Kind.ANS, LLVAR, 28, Mask.SENSITIVE),
    Element(103, "account_2", Kind.ANS, LLVAR, 28, Mask.SENSITIVE),
    Element(104, "description", Kind.ANS, LLLVAR, 100, Mask.PERSONAL),
    *(Element(number, f"reserved_{number}", Kind.ANS, LLLVAR, 999, Mask.PERSONAL) for number in range(105, 120)),
    *(Element(number, f"private_{number}", Kind.ANS, LLLVAR, 999, Mask.PERSONAL) for number in range(120, 128)),
    Element(128, "mac_2", Kind.B, FIXED, 8, Mask.SECRET),
)

# MTI, lengths, digits and the 16 or 32 hex digits of the bitmap are ASCII characters.
DIALECT = Dialect(
    name="iso1987-ascii",
    version="1987",
    text="ascii",
    numbers=Coding.CHARACTERS,
    bitmap=BitmapForm.HEX_ASCII,
    bitmaps=Bitmaps.BY_BIT_1,
    elements=ELEMENTS,
)
# The bitmap as 8 or 16 bytes, everything else as above.
BINARY = DIALECT.but("iso1987-ascii-binary", bitmap=BitmapForm.BINARY)
# Always two bitmaps, with bit 1 clear.
TWO = DIALECT.but("iso1987-ascii-two", bitmaps=Bitmaps.ALWAYS_TWO)

# Everything in EBCDIC, the bitmap as bytes; pages differ in brackets, caret and line ends only.
EBCDIC = DIALECT.but("iso1987-ebcdic", text="cp1047", bitmap=BitmapForm.BINARY)
EBCDIC_037 = EBCDIC.but("iso1987-ebcdic-cp037", text="cp037")
EBCDIC_HEX = EBCDIC.but("iso1987-ebcdic-hex", bitmap=BitmapForm.HEX_EBCDIC)

DIALECTS = (DIALECT, BINARY, TWO, EBCDIC, EBCDIC_037, EBCDIC_HEX)
