"""MDS-like: ISO 8583:1987 with text, numbers and lengths in EBCDIC, and the clearing file of the same kind (1993).

Drawn from the public debit switch manual of 1998 and from open implementations. Bit 65 must be 0. DE48 is bytes, since
some of its subelements are: one character of transaction category, then tag 2, length 2, value. In a clearing file
private data subelements run over DE48, 62, 123, 124 and 125.
"""

from twinrail.schemas.iso8583 import iso1987, iso1993
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Element
from twinrail.schemas.iso8583.layouts import Part, Pds, Positional, Tagged

NAME_LOCATION = Positional(
    (
        Part("1", "merchant_name", Kind.ANS, FIXED, 22, Mask.PERSONAL),
        Part("2", "blank_2", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("3", "merchant_city", Kind.ANS, FIXED, 13, Mask.PERSONAL),
        Part("4", "blank_4", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("5", "merchant_country", Kind.ANS, FIXED, 3, Mask.PUBLIC),
    )
)
ADVICE_REASON = Positional(
    (
        Part("1", "advice_reason", Kind.ANS, FIXED, 3, Mask.PUBLIC),
        Part("2", "advice_detail", Kind.ANS, FIXED, 4, Mask.PUBLIC),
        Part("3", "advice_text", Kind.ANS, FIXED, 53, Mask.PERSONAL),
    )
)
POS_DATA = Positional(
    (
        Part("1", "terminal_attendance", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("2", "reserved_2", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("3", "terminal_location", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("4", "cardholder_presence", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("5", "card_presence", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("6", "card_capture_capability", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("7", "transaction_status", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("8", "transaction_security", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("9", "reserved_9", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("10", "activated_terminal_level", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("11", "card_input_capability", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("12", "authorization_life_cycle", Kind.ANS, FIXED, 2, Mask.PUBLIC),
        Part("13", "pos_country", Kind.ANS, FIXED, 3, Mask.PUBLIC),
        Part("14", "pos_postal_code", Kind.ANS, FIXED, 10, Mask.PUBLIC),
    )
)
NETWORK_DATA = Positional(
    (
        Part("1", "network_code", Kind.ANS, FIXED, 3, Mask.PUBLIC),
        Part("2", "network_reference", Kind.ANS, FIXED, 47, Mask.PUBLIC),
    )
)
REPLACEMENT_AMOUNTS = Positional(
    (
        Part("1", "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("2", "amount_settlement", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("3", "amount_billing", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("4", "zeros", Kind.N, FIXED, 6, Mask.PUBLIC),
    )
)
PAN_MAPPING = Tagged(
    (
        Part("01", "account_number_indicator", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("02", "account_number", Kind.N, LLVAR, 19, Mask.PAN),
        Part("03", "expiry", Kind.N, LLVAR, 4, Mask.SENSITIVE),
        Part("04", "product_code", Kind.ANS, LLVAR, 3, Mask.PUBLIC),
    )
)
ECOMMERCE = Tagged((Part("01", "security_level", Kind.ANS, LLVAR, 3, Mask.PUBLIC),))
SUBELEMENTS = Tagged(
    (
        Part("10", "encrypted_pin_block_key", Kind.ANS, LLVAR, 16, Mask.SECRET),
        Part("11", "key_exchange_block", Kind.ANS, LLVAR, 70, Mask.SECRET),
        Part("12", "routing_indicator", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("13", "mobile_phone_data", Kind.ANS, LLVAR, 47, Mask.PERSONAL),
        Part("15", "advice_date_time", Kind.N, LLVAR, 10, Mask.PUBLIC),
        Part("16", "processor_id", Kind.ANS, LLVAR, 7, Mask.PUBLIC),
        Part("20", "cardholder_verification_method", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("32", "assigned_id", Kind.ANS, LLVAR, 6, Mask.PUBLIC),
        Part("33", "pan_mapping", Kind.ANS, LLVAR, 99, Mask.SENSITIVE, PAN_MAPPING),
        Part("34", "card_code_counter", Kind.ANS, LLVAR, 11, Mask.SENSITIVE),
        Part("38", "account_category", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("40", "certificates", Kind.B, LLVAR, 99, Mask.SENSITIVE),
        Part("41", "certificate_data", Kind.B, LLVAR, 99, Mask.SENSITIVE),
        Part("42", "electronic_commerce", Kind.ANS, LLVAR, 19, Mask.PUBLIC, ECOMMERCE),
        Part("43", "authentication_field", Kind.B, LLVAR, 99, Mask.SENSITIVE),
        Part("44", "transaction_id", Kind.B, LLVAR, 20, Mask.SENSITIVE),
        Part("45", "authentication_result", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("61", "pos_conditions", Kind.ANS, LLVAR, 5, Mask.PUBLIC),
        Part("63", "trace_id", Kind.ANS, LLVAR, 15, Mask.PUBLIC),
        Part("71", "on_behalf_services", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Part("72", "issuer_chip_authentication", Kind.B, LLVAR, 16, Mask.SENSITIVE),
        Part("74", "additional_processing", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Part("75", "fraud_scoring", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Part("77", "payment_transaction_type", Kind.ANS, LLVAR, 3, Mask.PUBLIC),
        Part("80", "pin_verification_code", Kind.ANS, LLVAR, 2, Mask.PUBLIC),
        Part("82", "address_verification_request", Kind.ANS, LLVAR, 2, Mask.PUBLIC),
        Part("83", "address_verification_result", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("84", "merchant_advice_code", Kind.ANS, LLVAR, 2, Mask.PUBLIC),
        Part("87", "card_code_result", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("88", "magnetic_stripe_status", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("89", "magnetic_stripe_error", Kind.ANS, LLVAR, 1, Mask.PUBLIC),
        Part("92", "card_code_2", Kind.ANS, LLVAR, 3, Mask.SENSITIVE),
        Part("95", "promotion_code", Kind.ANS, LLVAR, 6, Mask.PUBLIC),
        Part("98", "fleet_driver_number", Kind.ANS, LLVAR, 6, Mask.PERSONAL),
        Part("99", "fleet_vehicle_number", Kind.ANS, LLVAR, 6, Mask.PERSONAL),
    ),
    category=True,
)

DIALECT = iso1987.DIALECT.but(
    "mds",
    text="cp500",
    bitmap=BitmapForm.BINARY,
    elements=(
        Element(43, "merchant_name_location", Kind.ANS, FIXED, 40, Mask.PERSONAL, NAME_LOCATION),
        Element(48, "additional_data_private", Kind.B, LLLVAR, 999, Mask.SENSITIVE, SUBELEMENTS),
        Element(60, "advice_reason", Kind.ANS, LLLVAR, 60, Mask.PERSONAL, ADVICE_REASON),
        Element(61, "pos_data", Kind.ANS, LLLVAR, 26, Mask.PUBLIC, POS_DATA),
        Element(62, "intermediate_network_data", Kind.ANS, LLLVAR, 100, Mask.PERSONAL),
        Element(63, "network_data", Kind.ANS, LLLVAR, 50, Mask.PUBLIC, NETWORK_DATA),
        Element(95, "replacement_amounts", Kind.AN, FIXED, 42, Mask.PUBLIC, REPLACEMENT_AMOUNTS),
        # No tag of these is public: all of them are kept, and none is shown.
        Element(108, "transaction_reference_data", Kind.B, LLLVAR, 999, Mask.SENSITIVE, Tagged((), 2, LLLVAR)),
        Element(112, "additional_data_national_2", Kind.B, LLLVAR, 999, Mask.SENSITIVE, Tagged((), 3, LLLVAR)),
        Element(120, "record_data", Kind.ANS, LLLVAR, 999, Mask.SENSITIVE),
        Element(121, "authorizing_agent_id", Kind.ANS, LLLVAR, 11, Mask.PUBLIC),
        Element(122, "additional_record_data", Kind.ANS, LLLVAR, 999, Mask.SENSITIVE),
        Element(123, "receipt_text", Kind.ANS, LLLVAR, 512, Mask.PERSONAL),
        Element(124, "member_data", Kind.B, LLLVAR, 999, Mask.SENSITIVE, Tagged(())),
        Element(125, "new_pin_block", Kind.B, FIXED, 8, Mask.SENSITIVE),
    ),
)

# What is public of the subelements is the meaning of a few; their values are text of up to 999.
PRIVATE_DATA = Pds(
    (
        Part("0023", "terminal_type", Kind.ANS, LLLVAR, 3, Mask.PUBLIC),
        Part("0052", "security_level", Kind.ANS, LLLVAR, 3, Mask.PUBLIC),
        Part("0122", "processing_mode", Kind.ANS, LLLVAR, 1, Mask.PUBLIC),
        Part("0148", "currency_exponents", Kind.ANS, LLLVAR, 60, Mask.PUBLIC),
        Part("0158", "business_activity", Kind.ANS, LLLVAR, 99, Mask.PUBLIC),
        Part("0165", "settlement_indicator", Kind.ANS, LLLVAR, 99, Mask.PUBLIC),
    ),
    over=(48, 62, 123, 124, 125),
)

CLEARING = iso1993.DIALECT.but(
    "mds-clearing",
    text="cp500",
    bitmap=BitmapForm.BINARY,
    elements=(
        Element(31, "acquirer_reference", Kind.ANS, LLVAR, 23, Mask.PERSONAL),
        Element(48, "additional_data_private", Kind.ANS, LLLVAR, 999, Mask.PERSONAL, PRIVATE_DATA),
        Element(62, "additional_data_2", Kind.ANS, LLLVAR, 999, Mask.PERSONAL, PRIVATE_DATA),
        Element(63, "life_cycle_id", Kind.ANS, LLLVAR, 16, Mask.PERSONAL),
        Element(95, "issuer_reference", Kind.ANS, LLVAR, 10, Mask.PERSONAL),
        Element(111, "conversion_assessment", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
        Element(123, "additional_data_3", Kind.ANS, LLLVAR, 999, Mask.PERSONAL, PRIVATE_DATA),
        Element(124, "additional_data_4", Kind.ANS, LLLVAR, 999, Mask.PERSONAL, PRIVATE_DATA),
        Element(125, "additional_data_5", Kind.ANS, LLLVAR, 999, Mask.PERSONAL, PRIVATE_DATA),
        Element(127, "network_text", Kind.ANS, LLLVAR, 999, Mask.PERSONAL),
    ),
)

DIALECTS = (DIALECT, CLEARING)
