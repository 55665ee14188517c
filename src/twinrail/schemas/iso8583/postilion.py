"""Postilion-like: ISO 8583:1987 in ASCII whose DE127 is a message within the message, with a bitmap of its own.

Drawn from open implementations. Bitmaps are bytes, or hex digits in the second variant. Chip data (127.25) is text
with one more bitmap, in hex digits always; the lengths of structured data (127.22) have lengths, so it stays closed.
"""

from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import (
    FIXED,
    LLLLLLVAR,
    LLLLLVAR,
    LLLLVAR,
    LLLVAR,
    LLVAR,
    LVAR,
    Coding,
    Kind,
    Mask,
)
from twinrail.schemas.iso8583.elements import BitmapForm, Element
from twinrail.schemas.iso8583.layouts import BitmapParts, Part

CHIP_DATA = BitmapParts(
    (
        Part("2", "amount_authorized", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("3", "amount_other", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("4", "application_identifier", Kind.AN, LLVAR, 32, Mask.PUBLIC),
        Part("5", "application_interchange_profile", Kind.AN, FIXED, 4, Mask.PUBLIC),
        Part("6", "application_transaction_counter", Kind.AN, FIXED, 4, Mask.PUBLIC),
        Part("7", "application_usage_control", Kind.AN, FIXED, 4, Mask.PUBLIC),
        Part("8", "authorization_response_code", Kind.AN, FIXED, 2, Mask.PUBLIC),
        Part("9", "card_authentication_reliability", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("10", "card_authentication_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("11", "chip_condition", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("12", "cryptogram", Kind.AN, FIXED, 16, Mask.SENSITIVE),
        Part("13", "cryptogram_information", Kind.AN, FIXED, 2, Mask.PUBLIC),
        Part("14", "cardholder_verification_list", Kind.AN, LLLVAR, 504, Mask.PUBLIC),
        Part("15", "cardholder_verification_results", Kind.AN, FIXED, 6, Mask.PUBLIC),
        Part("16", "interface_device_serial_number", Kind.ANS, FIXED, 8, Mask.PUBLIC),
        Part("17", "issuer_action_code", Kind.ANS, FIXED, 11, Mask.PUBLIC),
        Part("18", "issuer_application_data", Kind.AN, LLVAR, 64, Mask.SENSITIVE),
        Part("19", "issuer_script_results", Kind.AN, LLLVAR, 507, Mask.SENSITIVE),
        Part("20", "terminal_application_version", Kind.AN, FIXED, 4, Mask.PUBLIC),
        Part("21", "terminal_capabilities", Kind.AN, FIXED, 6, Mask.PUBLIC),
        Part("22", "terminal_country", Kind.N, FIXED, 3, Mask.PUBLIC),
        Part("23", "terminal_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("24", "terminal_verification_results", Kind.AN, FIXED, 10, Mask.PUBLIC),
        Part("25", "transaction_category", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("26", "currency", Kind.N, FIXED, 3, Mask.PUBLIC),
        Part("27", "transaction_date", Kind.N, FIXED, 6, Mask.PUBLIC),
        Part("28", "transaction_sequence_counter", Kind.N, LVAR, 8, Mask.PUBLIC),
        Part("29", "transaction_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("30", "unpredictable_number", Kind.AN, FIXED, 8, Mask.PUBLIC),
        Part("31", "issuer_authentication_data", Kind.AN, LLVAR, 32, Mask.SENSITIVE),
        Part("32", "issuer_script_1", Kind.AN, LLLLVAR, 3354, Mask.SECRET),
        Part("33", "issuer_script_2", Kind.AN, LLLLVAR, 3354, Mask.SECRET),
    ),
    binary=False,
)
FIELDS = (
    Part("2", "switch_reference", Kind.ANS, LLVAR, 32, Mask.PUBLIC),
    Part("3", "routing_information", Kind.ANS, FIXED, 48, Mask.PUBLIC),
    Part("4", "pos_data", Kind.ANS, FIXED, 22, Mask.PUBLIC),
    Part("5", "service_station_data", Kind.ANS, FIXED, 73, Mask.PERSONAL),
    Part("6", "authorization_profile", Kind.N, FIXED, 2, Mask.PUBLIC),
    Part("7", "check_data", Kind.ANS, LLVAR, 50, Mask.SENSITIVE),
    Part("8", "retention_data", Kind.ANS, LLLVAR, 999, Mask.SENSITIVE),
    Part("9", "additional_node_data", Kind.ANS, LLLVAR, 255, Mask.SENSITIVE),
    Part("10", "card_code_2", Kind.N, FIXED, 3, Mask.SENSITIVE),
    Part("11", "original_reference", Kind.ANS, LLVAR, 32, Mask.PUBLIC),
    Part("12", "terminal_owner", Kind.ANS, LLVAR, 25, Mask.PERSONAL),
    Part("13", "pos_geography", Kind.ANS, FIXED, 17, Mask.PERSONAL),
    Part("14", "sponsor_bank", Kind.ANS, FIXED, 8, Mask.PUBLIC),
    Part("15", "address_verification_data", Kind.ANS, LLVAR, 29, Mask.PERSONAL),
    Part("16", "address_verification_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
    Part("17", "cardholder_information", Kind.ANS, LLVAR, 50, Mask.PERSONAL),
    Part("18", "validation_data", Kind.ANS, LLVAR, 50, Mask.SENSITIVE),
    Part("19", "bank_details", Kind.ANS, FIXED, 31, Mask.SENSITIVE),
    Part("20", "settlement_date", Kind.N, FIXED, 8, Mask.PUBLIC),  # CCYYMMDD
    Part("21", "record_identification", Kind.ANS, LLVAR, 12, Mask.PUBLIC),
    Part("22", "structured_data", Kind.ANS, LLLLLVAR, 99_999, Mask.SENSITIVE),
    Part("23", "payee_name_address", Kind.ANS, FIXED, 253, Mask.PERSONAL),
    Part("24", "payer_account", Kind.ANS, LLVAR, 28, Mask.SENSITIVE),
    Part("25", "icc_data", Kind.ANS, LLLLVAR, 8000, Mask.SENSITIVE, CHIP_DATA),
    Part("26", "original_node", Kind.ANS, LLVAR, 12, Mask.PUBLIC),
    Part("27", "card_code_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
    Part("28", "card_code_4", Kind.N, FIXED, 4, Mask.SENSITIVE),
    Part("29", "holder_authentication_data", Kind.B, FIXED, 40, Mask.SENSITIVE),
    Part("30", "holder_authentication_result", Kind.ANS, FIXED, 1, Mask.PUBLIC),
    Part("31", "issuer_network_id", Kind.ANS, LLVAR, 11, Mask.PUBLIC),
    Part("32", "authentication_field", Kind.B, LLVAR, 33, Mask.SENSITIVE),
    Part("33", "extended_transaction_type", Kind.N, FIXED, 4, Mask.PUBLIC),
    Part("34", "account_type_qualifiers", Kind.N, FIXED, 2, Mask.PUBLIC),
    Part("35", "acquirer_network_id", Kind.ANS, LLVAR, 11, Mask.PUBLIC),
    Part("36", "customer_id", Kind.ANS, LLVAR, 25, Mask.SENSITIVE),
    Part("37", "extended_response_code", Kind.AN, FIXED, 4, Mask.PUBLIC),
    Part("38", "additional_pos_data_code", Kind.AN, LLVAR, 99, Mask.PUBLIC),
    Part("39", "original_response_code", Kind.AN, FIXED, 2, Mask.PUBLIC),
)

DIALECT = iso1987.BINARY.but(
    "postilion",
    elements=(
        Element(53, "security_control", Kind.B, FIXED, 48, Mask.SECRET),
        Element(56, "message_reason_code", Kind.N, LLLVAR, 4, Mask.PUBLIC),
        Element(59, "echo_data", Kind.ANS, LLLVAR, 255, Mask.PERSONAL),
        Element(64, "mac", Kind.B, FIXED, 8, Mask.SECRET, coding=Coding.HEX),
        Element(96, "message_security_code", Kind.B, FIXED, 8, Mask.SECRET, coding=Coding.HEX),
        Element(123, "pos_data_code", Kind.ANS, LLLVAR, 15, Mask.PUBLIC),
        Element(127, "private_fields", Kind.B, LLLLLLVAR, 999_999, Mask.SENSITIVE, BitmapParts(FIELDS)),
        Element(128, "mac_2", Kind.B, FIXED, 8, Mask.SECRET, coding=Coding.HEX),
    ),
)
# Both bitmaps as 16 hex digits each.
HEX = DIALECT.but(
    "postilion-hex",
    bitmap=BitmapForm.HEX_ASCII,
    elements=(
        Element(127, "private_fields", Kind.B, LLLLLLVAR, 999_999, Mask.SENSITIVE, BitmapParts(FIELDS, binary=False)),
    ),
)

DIALECTS = (DIALECT, HEX)
