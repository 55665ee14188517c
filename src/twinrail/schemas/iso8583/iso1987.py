"""ISO 8583:1987 with everything in ASCII, and its variants of bitmap (ISO 8583:1987 table 3).

DE65 has no row: in a dialect that goes by bit 1 its bit is an unknown element, never a third bitmap and never dropped.
DE55 is BER-TLV as in ISO 8583:1993 and EMV, by the agreement that all networks make. DE34, 44, 98, 102 and 103 are
stated as ans, the widest of the kinds that networks give them.
"""

from twinrail.schemas.iso8583.elements import (
    FIXED,
    LLLVAR,
    LLVAR,
    BitmapForm,
    Bitmaps,
    Composite,
    Dialect,
    Element,
    Kind,
    Mask,
    Numbers,
)

ELEMENTS = (
    Element(2, "pan", Kind.N, LLVAR, 19, Mask.PAN),
    Element(3, "processing_code", Kind.N, FIXED, 6, Mask.PUBLIC),
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
    Element(22, "entry_mode", Kind.N, FIXED, 3, Mask.PUBLIC),
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
    Element(43, "merchant_name_location", Kind.ANS, FIXED, 40, Mask.PERSONAL),
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
    Element(54, "additional_amounts", Kind.ANS, LLLVAR, 120, Mask.PERSONAL),  # groups of 20
    Element(
        55, "icc_data", Kind.B, LLLVAR, 255, Mask.SENSITIVE, Composite.BER_TLV
    ),  # by agreement, ISO 8583:1993 and EMV
    Element(56, "reserved_56", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(57, "reserved_57", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(58, "reserved_58", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(59, "reserved_59", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(60, "private_60", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(61, "private_61", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(62, "private_62", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(63, "private_63", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
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
    Element(90, "original_data", Kind.N, FIXED, 42, Mask.PUBLIC),  # MTI 4, STAN 6, DE7 10, acquirer 11, forwarder 11
    Element(91, "file_update_code", Kind.AN, FIXED, 1, Mask.PUBLIC),
    Element(92, "file_security_code", Kind.AN, FIXED, 2, Mask.PUBLIC),
    Element(93, "response_indicator", Kind.AN, FIXED, 5, Mask.PUBLIC),
    Element(94, "service_indicator", Kind.AN, FIXED, 7, Mask.PUBLIC),
    Element(95, "replacement_amounts", Kind.AN, FIXED, 42, Mask.PUBLIC),  # DE4 12, DE5 12, DE28 9, DE29 9
    Element(96, "message_security_code", Kind.B, FIXED, 8, Mask.SECRET),
    Element(97, "net_settlement", Kind.XN, FIXED, 17, Mask.PUBLIC),  # C or D, then 16 digits
    Element(98, "payee", Kind.ANS, FIXED, 25, Mask.PERSONAL),
    Element(99, "settlement_institution", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(100, "receiver_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
    Element(101, "file_name", Kind.ANS, LLVAR, 17, Mask.PERSONAL),
    Element(102, "account_1", Kind.ANS, LLVAR, 28, Mask.SENSITIVE),
    Element(103, "account_2", Kind.ANS, LLVAR, 28, Mask.SENSITIVE),
    Element(104, "description", Kind.ANS, LLLVAR, 100, Mask.PERSONAL),
    Element(105, "reserved_105", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(106, "reserved_106", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(107, "reserved_107", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(108, "reserved_108", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(109, "reserved_109", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(110, "reserved_110", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(111, "reserved_111", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(112, "reserved_112", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(113, "reserved_113", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(114, "reserved_114", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(115, "reserved_115", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(116, "reserved_116", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(117, "reserved_117", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(118, "reserved_118", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(119, "reserved_119", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(120, "private_120", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(121, "private_121", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(122, "private_122", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(123, "private_123", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(124, "private_124", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(125, "private_125", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(126, "private_126", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(127, "private_127", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    Element(128, "mac_2", Kind.B, FIXED, 8, Mask.SECRET),
)

# MTI, lengths, digits and the 16 or 32 hex digits of the bitmap are ASCII characters.
DIALECT = Dialect(
    name="iso1987-ascii",
    version="1987",
    text="ascii",
    numbers=Numbers.ASCII,
    bitmap=BitmapForm.HEX_ASCII,
    bitmaps=Bitmaps.BY_BIT_1,
    elements=ELEMENTS,
)
# The bitmap as 8 or 16 bytes, everything else as above.
BINARY = DIALECT.but("iso1987-ascii-binary", bitmap=BitmapForm.BINARY)
# Always two bitmaps, with bit 1 clear.
TWO = DIALECT.but("iso1987-ascii-two", bitmaps=Bitmaps.ALWAYS_TWO)

DIALECTS = (DIALECT, BINARY, TWO)
