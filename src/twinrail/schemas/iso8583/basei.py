"""BASE I-like: ISO 8583:1987 with packed digits, EBCDIC text, lengths of one byte and up to three bitmaps.

Drawn from open implementations only. A length counts the digits of numbers and tracks, the characters of text and the
bytes of all else. The third bitmap follows the second at once; of its elements only those are stated whose form is
public. Bits of DE62, 63 and 126 that no part declares, and elements without a public structure, stay closed.
The header before a message is the business of the link.
"""

from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Coding, Kind, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Dataset, Datasets, Part, Positional

ENTRY_MODE = Positional((*iso1987.ENTRY_MODE.parts, Part("3", "filler", Kind.N, FIXED, 1, Mask.PUBLIC)))
# One character an answer: what the network found out about the card and its holder.
RESULTS = Positional(
    (
        Part("1", "response_source", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("2", "address_verification_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("3", "reserved_3", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("4", "card_product", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("5", "card_code_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("6", "diversion_level", Kind.ANS, FIXED, 2, Mask.PUBLIC),
        Part("7", "diversion_reason", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("8", "card_authentication_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("9", "reserved_9", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("10", "card_code_2_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("11", "original_response_code", Kind.ANS, FIXED, 2, Mask.PUBLIC),
        Part("12", "check_settlement_code", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("13", "holder_authentication_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("14", "rest", Kind.ANS, FIXED, 10, Mask.PERSONAL),
    )
)
OTHER_AMOUNTS = Positional(
    (
        Part("1", "amount_other", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("2", "amount_other_billing", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("3", "amount_replacement_billing", Kind.N, FIXED, 12, Mask.PUBLIC),
    )
)
CUSTOM_PAYMENT_DATA = BitmapParts(
    (
        Part("1", "authorization_characteristics", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("2", "transaction_identifier", Kind.N, FIXED, 15, Mask.PUBLIC),
        Part("3", "validation_code", Kind.AN, FIXED, 4, Mask.PUBLIC),
        Part("4", "market_data_identifier", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("5", "duration", Kind.N, FIXED, 2, Mask.PUBLIC),  # days
        Part("6", "prestigious_property", Kind.AN, FIXED, 1, Mask.PUBLIC),
        Part("17", "gateway_transaction_identifier", Kind.ANS, FIXED, 15, Mask.PUBLIC),
        Part("20", "merchant_verification_value", Kind.B, FIXED, 5, Mask.PUBLIC),
        Part("21", "risk_score", Kind.ANS, FIXED, 4, Mask.PUBLIC),
        Part("22", "risk_conditions", Kind.ANS, FIXED, 6, Mask.PUBLIC),
        Part("23", "product_id", Kind.ANS, FIXED, 2, Mask.PUBLIC),
        Part("24", "program_id", Kind.ANS, FIXED, 6, Mask.PUBLIC),
    )
)
NETWORK_PRIVATE_DATA = BitmapParts(
    (
        Part("1", "network_id", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("2", "time_limit", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("3", "message_reason_code", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("4", "stand_in_reason", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("6", "chargeback_flags", Kind.ANS, FIXED, 7, Mask.PUBLIC),
        Part("11", "reimbursement_attribute", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("12", "sharing_group", Kind.ANS, FIXED, 30, Mask.PUBLIC),
        Part("13", "decimal_positions", Kind.N, FIXED, 6, Mask.PUBLIC),
        Part("14", "issuer_conversion_data", Kind.ANS, FIXED, 36, Mask.PERSONAL),
        Part("19", "fee_program", Kind.ANS, FIXED, 3, Mask.PUBLIC),
        Part("21", "charge_indicator", Kind.ANS, FIXED, 1, Mask.PUBLIC),
    ),
    octets=3,
)
PRIVATE_DATA = BitmapParts(
    (
        Part("1", "customer_name", Kind.ANS, FIXED, 25, Mask.PERSONAL),
        Part("2", "customer_address", Kind.ANS, FIXED, 57, Mask.PERSONAL),
        Part("3", "biller_address", Kind.ANS, FIXED, 57, Mask.PERSONAL),
        Part("4", "biller_telephone", Kind.ANS, FIXED, 18, Mask.PERSONAL),
        Part("5", "process_by_date", Kind.ANS, FIXED, 6, Mask.PUBLIC),
        Part("6", "cardholder_certificate", Kind.B, FIXED, 17, Mask.SENSITIVE),
        Part("7", "merchant_certificate", Kind.B, FIXED, 17, Mask.SENSITIVE),
        Part("8", "transaction_id", Kind.B, FIXED, 20, Mask.SENSITIVE),
        Part("9", "holder_authentication_value", Kind.B, FIXED, 20, Mask.SENSITIVE),
        Part("10", "card_code_2", Kind.ANS, FIXED, 6, Mask.SENSITIVE),
        Part("12", "service_indicators", Kind.B, FIXED, 3, Mask.PUBLIC),
        Part("13", "pos_environment", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("14", "payment_guarantee", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("15", "collection_indicator", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("16", "authentication_field", Kind.ANS, LLVAR, 32, Mask.SENSITIVE),
        Part("18", "agent_account_result", Kind.B, FIXED, 12, Mask.SENSITIVE),
    )
)
CHIP_DATA = Datasets((Dataset("01", "chip_data", BerTlv()),))


def _opaque(number: int, name: str) -> Element:
    """Give a row of bytes about which nothing is known."""
    return Element(number, name, Kind.B, LLLVAR, 255, Mask.SENSITIVE)


DIALECT = iso1987.DIALECT.but(
    "base1",
    text="cp1047",
    numbers=Coding.BCD,
    tracks=Coding.BCD,
    bitmap=BitmapForm.BINARY,
    lengths=Prefix(form=PrefixForm.BINARY, size=1),
    third=Third.CONTIGUOUS,
    elements=(
        Element(22, "entry_mode", Kind.N, FIXED, 4, Mask.PUBLIC, ENTRY_MODE),
        # An odd number of digits is filled on the left and with 0, tracks too.
        Element(35, "track2", Kind.Z, LLVAR, 37, Mask.SENSITIVE, nibble="0"),
        Element(36, "track3", Kind.Z, LLLVAR, 104, Mask.SENSITIVE, nibble="0"),
        Element(44, "additional_response_data", Kind.ANS, LLVAR, 25, Mask.PERSONAL, RESULTS),
        _opaque(46, "additional_data_iso"),
        _opaque(47, "additional_data_national"),
        _opaque(48, "additional_data_private"),
        Element(55, "icc_data", Kind.B, LLLVAR, 255, Mask.SENSITIVE, CHIP_DATA),
        *(_opaque(number, f"reserved_{number}") for number in (56, 57, 58)),
        Element(59, "pos_geography", Kind.ANS, LLVAR, 14, Mask.PERSONAL),
        Element(60, "pos_information", Kind.B, LLVAR, 12, Mask.SENSITIVE),
        Element(61, "other_amounts", Kind.N, LLVAR, 36, Mask.PUBLIC, OTHER_AMOUNTS),
        Element(62, "custom_payment_data", Kind.B, LLLVAR, 255, Mask.SENSITIVE, CUSTOM_PAYMENT_DATA),
        Element(63, "network_private_data", Kind.B, LLLVAR, 255, Mask.SENSITIVE, NETWORK_PRIVATE_DATA),
        Element(104, "description", Kind.B, LLLVAR, 255, Mask.SENSITIVE, Datasets(())),  # transaction specific data
        *(_opaque(number, f"reserved_{number}") for number in range(105, 116)),
        Element(116, "issuer_reference", Kind.B, LLLVAR, 255, Mask.SENSITIVE, Datasets(())),
        _opaque(117, "reserved_117"),
        _opaque(118, "intra_country_data"),
        _opaque(119, "reserved_119"),
        Element(120, "original_mti", Kind.N, LLVAR, 4, Mask.PUBLIC),
        Element(121, "issuer_id", Kind.AN, LLVAR, 11, Mask.PUBLIC),
        Element(122, "remaining_open_to_use", Kind.ANS, LLVAR, 13, Mask.PERSONAL),
        _opaque(123, "verification_data"),
        _opaque(124, "free_text"),
        _opaque(125, "supporting_information"),
        Element(126, "private_data", Kind.B, LLLVAR, 255, Mask.SENSITIVE, PRIVATE_DATA),
        _opaque(127, "file_records"),
        Element(130, "terminal_capabilities", Kind.B, FIXED, 3, Mask.PUBLIC),
        Element(131, "terminal_verification_results", Kind.B, FIXED, 5, Mask.PUBLIC),
        Element(132, "unpredictable_number", Kind.B, FIXED, 4, Mask.PUBLIC),
        Element(133, "terminal_serial_number", Kind.ANS, FIXED, 8, Mask.PUBLIC),
        _opaque(134, "discretionary_data"),
        Element(135, "issuer_discretionary_data", Kind.B, LLVAR, 15, Mask.SENSITIVE),
        Element(136, "cryptogram", Kind.B, FIXED, 8, Mask.SENSITIVE),
        Element(137, "application_transaction_counter", Kind.B, FIXED, 2, Mask.PUBLIC),
        Element(138, "application_interchange_profile", Kind.B, FIXED, 2, Mask.PUBLIC),
        Element(139, "response_cryptogram", Kind.B, FIXED, 10, Mask.SENSITIVE),  # ARPC 8, its code 2
        _opaque(140, "issuer_authentication_data"),
        Element(142, "issuer_script", Kind.B, LLLVAR, 255, Mask.SECRET),
        Element(143, "issuer_script_results", Kind.B, LLVAR, 20, Mask.SENSITIVE),
        Element(144, "cryptogram_transaction_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Element(145, "terminal_country", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(146, "terminal_date", Kind.N, FIXED, 6, Mask.PUBLIC),  # YYMMDD
        Element(147, "cryptogram_amount", Kind.N, FIXED, 12, Mask.PUBLIC),
        Element(148, "cryptogram_currency", Kind.N, FIXED, 3, Mask.PUBLIC),
        Element(149, "cryptogram_amount_other", Kind.N, FIXED, 12, Mask.PUBLIC),
        Element(152, "pin_block_2", Kind.B, FIXED, 8, Mask.SENSITIVE),
    ),
)

DIALECTS = (DIALECT,)
