"""ISO 8583:1993 in ASCII, and with packed digits (ISO 8583:1993 table 3).

An element that means the same as in 1987 keeps the name it has there, also where its number or its form has changed:
original data moved from DE90 to DE56, the merchant category code from DE18 to DE26. The network management function is
a function code (DE24). What 1993 calls reconciliation amounts and currencies is what 1987 calls settlement.
"""

from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Element
from twinrail.schemas.iso8583.layouts import Part, Positional

POS_DATA_CODE = Positional(
    (
        Part("1", "card_input_capability", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("2", "cardholder_authentication_capability", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("3", "card_capture_capability", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("4", "operating_environment", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("5", "cardholder_presence", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("6", "card_presence", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("7", "card_input_mode", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("8", "cardholder_authentication_method", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("9", "cardholder_authentication_entity", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("10", "card_output_capability", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("11", "terminal_output_capability", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("12", "pin_capture_capability", Kind.AN, FIXED, 1, Mask.PUBLIC),
    )
)
ORIGINAL_AMOUNTS = Positional(
    (
        Part("1", "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("2", "amount_settlement", Kind.N, FIXED, 12, Mask.PUBLIC),
    )
)
FEES = Positional(
    (
        Part("1", "fee_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("2", "currency", Kind.AN, FIXED, 3, Mask.PUBLIC),
        Part("3", "fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
        Part("4", "conversion_rate", Kind.N, FIXED, 8, Mask.PUBLIC),
        Part("5", "fee_settlement", Kind.XN, FIXED, 9, Mask.PUBLIC),
        Part("6", "currency_settlement", Kind.AN, FIXED, 3, Mask.PUBLIC),
    ),
    repeats=True,
)
FEE_TOTALS = Positional(
    (
        Part("1", "fee_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("2", "currency", Kind.AN, FIXED, 3, Mask.PUBLIC),
        Part("3", "fee", Kind.XN, FIXED, 9, Mask.PUBLIC),
    ),
    repeats=True,
)
ORIGINAL_DATA = Positional(
    (
        Part("1", "mti", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("2", "stan", Kind.N, FIXED, 6, Mask.PUBLIC),
        Part("3", "local_date_time", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("4", "acquirer_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
    )
)

# MTI, lengths, digits and the 16 or 32 hex digits of the bitmap are ASCII characters.
DIALECT = iso1987.DIALECT.but(
    "iso1993-ascii",
    version="1993",
    elements=(
        Element(12, "local_date_time", Kind.N, FIXED, 12, Mask.PUBLIC),  # YYMMDDhhmmss
        Element(13, "effective_date", Kind.N, FIXED, 4, Mask.PUBLIC),  # YYMM
        Element(15, "settlement_date", Kind.N, FIXED, 6, Mask.PUBLIC),  # YYMMDD
        Element(18, "merchant_type", Kind.N, FIXED, 4, Mask.PUBLIC),
        Element(22, "pos_data_code", Kind.AN, FIXED, 12, Mask.PUBLIC, POS_DATA_CODE),
        Element(24, "function_code", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(25, "message_reason_code", Kind.N, FIXED, 4, Mask.PUBLIC),
        Element(26, "mcc", Kind.N, FIXED, 4, Mask.PUBLIC),  # ISO 18245
        Element(28, "reconciliation_date", Kind.N, FIXED, 6, Mask.PUBLIC),  # YYMMDD
        Element(29, "reconciliation_indicator", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(30, "original_amounts", Kind.N, FIXED, 24, Mask.PUBLIC, ORIGINAL_AMOUNTS),
        Element(31, "acquirer_reference", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Element(39, "action_code", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(40, "service_restriction_code", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(43, "merchant_name_location", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Element(44, "additional_response_data", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Element(46, "fees", Kind.ANS, LLLVAR, 204, Mask.PERSONAL, FEES),
        Element(49, "currency", Kind.AN, FIXED, 3, Mask.PUBLIC),  # ISO 4217, letters or digits
        Element(50, "currency_settlement", Kind.AN, FIXED, 3, Mask.PUBLIC),
        Element(51, "currency_billing", Kind.AN, FIXED, 3, Mask.PUBLIC),
        Element(53, "security_control", Kind.B, LLVAR, 48, Mask.SECRET),
        Element(56, "original_data", Kind.N, LLVAR, 35, Mask.PUBLIC, ORIGINAL_DATA),
        Element(57, "authorization_life_cycle", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(58, "authorizing_agent_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
        Element(59, "transport_data", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
        Element(66, "original_fees", Kind.ANS, LLLVAR, 204, Mask.PERSONAL, FEES),
        Element(70, "authorizing_agent_country", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(71, "message_number", Kind.N, FIXED, 8, Mask.PUBLIC),
        Element(72, "data_record", Kind.ANS, LLLVAR, 999, Mask.SENSITIVE),
        Element(82, "number_of_inquiry_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(83, "number_of_payments", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(84, "number_of_payment_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(85, "number_of_fee_collections", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(90, "number_of_authorization_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(91, "destination_country", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(92, "originator_country", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(93, "destination_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
        Element(94, "originator_id", Kind.N, LLVAR, 11, Mask.PUBLIC),
        Element(95, "issuer_reference", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Element(96, "key_management", Kind.B, LLLVAR, 999, Mask.SECRET),
        Element(105, "amount_of_credit_chargebacks", Kind.N, FIXED, 16, Mask.PUBLIC),
        Element(106, "amount_of_debit_chargebacks", Kind.N, FIXED, 16, Mask.PUBLIC),
        Element(107, "number_of_credit_chargebacks", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(108, "number_of_debit_chargebacks", Kind.N, FIXED, 10, Mask.PUBLIC),
        Element(109, "credit_fees", Kind.ANS, LLVAR, 84, Mask.PERSONAL, FEE_TOTALS),
        Element(110, "debit_fees", Kind.ANS, LLVAR, 84, Mask.PERSONAL, FEE_TOTALS),
        *(Element(number, f"reserved_{number}", Kind.ANS, LLLVAR, 999, Mask.PERSONAL) for number in range(120, 123)),
    ),
)
# The bitmap as 8 or 16 bytes, everything else as above.
BINARY = DIALECT.but("iso1993-ascii-binary", bitmap=BitmapForm.BINARY)
# MTI, lengths, digits and tracks two to a byte, text in ASCII; see iso1987_bcd.
BCD = BINARY.but("iso1993-bcd", numbers=Coding.BCD)

DIALECTS = (DIALECT, BINARY, BCD)
