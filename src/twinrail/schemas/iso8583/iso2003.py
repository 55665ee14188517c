"""ISO 8583:2003 in ASCII, and with packed digits, by its open implementations.

An element that means the same as in 1993 keeps its name. Amounts (DE4, 5, 6, 8) hold their currency and its exponent
and so have names of their own: who asks for an `amount` must not take 16 digits with a currency in them for one.
Accordingly no element is a currency (DE49 holds verification data). Elements whose structure the public sources tell
apart only by its size are bytes of the most closed class.
"""

from twinrail.schemas.iso8583 import iso1993
from twinrail.schemas.iso8583.axes import FIXED, LLLLVAR, LLLVAR, LLVAR, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Datasets, Part, Positional

PROCESSING_CODE = Positional(
    (
        Part("1", "transaction_type", Kind.AN, FIXED, 2, Mask.PUBLIC),
        Part("2", "account_from", Kind.AN, FIXED, 2, Mask.PUBLIC),
        Part("3", "account_to", Kind.AN, FIXED, 2, Mask.PUBLIC),
    )
)
AMOUNT = Positional(
    (
        Part("1", "currency", Kind.N, FIXED, 3, Mask.PUBLIC),
        Part("2", "exponent", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("3", "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
    )
)
FEE = Positional((*AMOUNT.parts[:2], Part("3", "amount", Kind.N, FIXED, 8, Mask.PUBLIC)))
NET_AMOUNT = Positional(
    (
        Part("1", "sign", Kind.A, FIXED, 1, Mask.PUBLIC),  # C or D
        Part("2", "currency", Kind.N, FIXED, 3, Mask.PUBLIC),
        Part("3", "exponent", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("4", "amount", Kind.N, FIXED, 16, Mask.PUBLIC),
    )
)
LIFE_CYCLE = Positional(
    (
        Part("1", "support_indicator", Kind.ANS, FIXED, 1, Mask.PUBLIC),
        Part("2", "trace_identifier", Kind.ANS, FIXED, 15, Mask.PUBLIC),
        Part("3", "sequence_number", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("4", "authentication_token", Kind.N, FIXED, 4, Mask.SECRET),
    )
)
ORIGINAL_AMOUNTS = Positional(
    (
        Part("1", "amount_with_currency", Kind.N, FIXED, 16, Mask.PUBLIC, AMOUNT),
        Part("2", "amount_settlement_with_currency", Kind.N, FIXED, 16, Mask.PUBLIC, AMOUNT),
    )
)
ADDITIONAL_AMOUNTS = Positional(
    (
        Part("1", "account_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("2", "amount_type", Kind.N, FIXED, 2, Mask.PUBLIC),
        Part("3", "currency", Kind.N, FIXED, 3, Mask.PUBLIC),
        Part("4", "exponent", Kind.N, FIXED, 1, Mask.PUBLIC),
        Part("5", "sign", Kind.A, FIXED, 1, Mask.PUBLIC),  # C or D
        Part("6", "amount", Kind.N, FIXED, 12, Mask.PUBLIC),
    ),
    repeats=True,
)
ORIGINAL_DATA = Positional(
    (
        Part("1", "mti", Kind.N, FIXED, 4, Mask.PUBLIC),
        Part("2", "stan", Kind.N, FIXED, 12, Mask.PUBLIC),
        Part("3", "local_date_time", Kind.N, FIXED, 14, Mask.PUBLIC),
        Part("4", "acquirer_id", Kind.N, FIXED, 11, Mask.PUBLIC),
    )
)
RECONCILIATION = Positional(
    (
        Part("1", "amount_of_credits", Kind.N, FIXED, 16, Mask.PUBLIC),
        Part("2", "number_of_credits", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("3", "amount_of_credit_chargebacks", Kind.N, FIXED, 16, Mask.PUBLIC),
        Part("4", "number_of_credit_chargebacks", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("5", "amount_of_credit_reversals", Kind.N, FIXED, 16, Mask.PUBLIC),
        Part("6", "number_of_credit_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("7", "amount_of_debits", Kind.N, FIXED, 16, Mask.PUBLIC),
        Part("8", "number_of_debits", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("9", "amount_of_debit_chargebacks", Kind.N, FIXED, 16, Mask.PUBLIC),
        Part("10", "number_of_debit_chargebacks", Kind.N, FIXED, 10, Mask.PUBLIC),
        Part("11", "amount_of_debit_reversals", Kind.N, FIXED, 16, Mask.PUBLIC),
        Part("12", "number_of_debit_reversals", Kind.N, FIXED, 10, Mask.PUBLIC),
    )
)


def _opaque(prefix: str, *numbers: int) -> tuple[Element, ...]:
    """Give rows of bytes about which nothing is known."""
    return tuple(Element(number, f"{prefix}_{number}", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE) for number in numbers)


# MTI, lengths, digits and the 16 or 32 hex digits of the bitmap are ASCII characters.
DIALECT = iso1993.DIALECT.but(
    "iso2003-ascii",
    version="2003",
    elements=(
        Element(3, "processing_code", Kind.AN, FIXED, 6, Mask.PUBLIC, PROCESSING_CODE),
        Element(4, "amount_with_currency", Kind.N, FIXED, 16, Mask.PUBLIC, AMOUNT),
        Element(5, "amount_settlement_with_currency", Kind.N, FIXED, 16, Mask.PUBLIC, AMOUNT),
        Element(6, "amount_billing_with_currency", Kind.N, FIXED, 16, Mask.PUBLIC, AMOUNT),
        Element(8, "amount_billing_fee_with_currency", Kind.N, FIXED, 12, Mask.PUBLIC, FEE),
        Element(11, "stan", Kind.N, FIXED, 12, Mask.PUBLIC),
        Element(12, "local_date_time", Kind.N, FIXED, 14, Mask.PUBLIC),  # CCYYMMDDhhmmss
        Element(13, "effective_date", Kind.N, FIXED, 6, Mask.PUBLIC),
        Element(15, "settlement_date", Kind.N, FIXED, 8, Mask.PUBLIC),  # CCYYMMDD
        Element(18, "message_error", Kind.ANS, LLLVAR, 140, Mask.PERSONAL),
        Element(21, "transaction_life_cycle", Kind.ANS, FIXED, 22, Mask.PERSONAL, LIFE_CYCLE),
        Element(22, "pos_data_code", Kind.B, FIXED, 16, Mask.PUBLIC),
        Element(27, "pos_capability", Kind.B, FIXED, 27, Mask.PUBLIC),
        Element(28, "reconciliation_date", Kind.N, FIXED, 8, Mask.PUBLIC),  # CCYYMMDD
        Element(30, "original_amounts", Kind.N, FIXED, 32, Mask.PUBLIC, ORIGINAL_AMOUNTS),  # 16 bytes where packed
        Element(31, "acquirer_reference", Kind.N, FIXED, 23, Mask.PERSONAL),
        Element(34, "electronic_commerce_data", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE),
        Element(39, "action_code", Kind.N, FIXED, 4, Mask.PUBLIC),
        Element(41, "terminal_id", Kind.ANS, FIXED, 16, Mask.PUBLIC),
        Element(42, "merchant_id", Kind.ANS, LLVAR, 35, Mask.PUBLIC),
        Element(43, "merchant_name_location", Kind.B, LLLLVAR, 9999, Mask.PERSONAL, Datasets(())),
        Element(44, "additional_response_data", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE),
        Element(46, "fees", Kind.ANS, LLLVAR, 216, Mask.PERSONAL),
        Element(49, "verification_data", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE),  # card codes among others
        *_opaque("reserved", 50, 51),
        Element(54, "additional_amounts", Kind.ANS, LLLVAR, 126, Mask.PERSONAL, ADDITIONAL_AMOUNTS),
        Element(55, "icc_data", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE, BerTlv()),
        Element(56, "original_data", Kind.N, LLVAR, 41, Mask.PUBLIC, ORIGINAL_DATA),
        Element(64, "mac", Kind.B, FIXED, 4, Mask.SECRET),
        Element(66, "original_fees", Kind.ANS, LLLVAR, 216, Mask.PERSONAL),
        Element(68, "batch_message_control", Kind.ANS, FIXED, 9, Mask.PERSONAL),
        Element(69, "batch_control_data", Kind.ANS, FIXED, 40, Mask.PERSONAL),
        Element(70, "file_transfer_description", Kind.N, FIXED, 18, Mask.PUBLIC),
        *_opaque("reserved", 71),
        Element(72, "data_record", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE),
        Element(73, "action_date", Kind.N, FIXED, 8, Mask.PUBLIC),  # CCYYMMDD
        Element(74, "reconciliation_data", Kind.N, FIXED, 156, Mask.PERSONAL, RECONCILIATION),
        Element(75, "reconciliation_data_2", Kind.N, FIXED, 90, Mask.PERSONAL),
        *_opaque("reserved", *range(76, 93)),
        Element(97, "net_settlement_with_currency", Kind.XN, FIXED, 21, Mask.PUBLIC, NET_AMOUNT),
        Element(101, "file_name", Kind.ANS, LLVAR, 99, Mask.PERSONAL),
        Element(104, "description", Kind.B, LLLLVAR, 9999, Mask.SENSITIVE, Datasets(())),  # transaction specific data
        *_opaque("reserved", *range(105, 109)),
        Element(109, "credit_fees", Kind.ANS, LLLVAR, 144, Mask.PERSONAL),
        Element(110, "debit_fees", Kind.ANS, LLLVAR, 144, Mask.PERSONAL),
        *_opaque("private", *range(111, 116)),
        *_opaque("reserved", *range(116, 123)),
        *_opaque("private", *range(124, 128)),
        Element(128, "mac_2", Kind.B, FIXED, 4, Mask.SECRET),
    ),
)
# The bitmap as 8 or 16 bytes, everything else as above.
BINARY = DIALECT.but("iso2003-ascii-binary", bitmap=BitmapForm.BINARY)
# MTI, lengths, digits and tracks two to a byte, text in ASCII; the numbers within DE21 are packed too.
BCD = BINARY.but(
    "iso2003-bcd",
    numbers=Coding.BCD,
    elements=(Element(21, "transaction_life_cycle", Kind.B, FIXED, 19, Mask.SENSITIVE, LIFE_CYCLE),),
)

DIALECTS = (DIALECT, BINARY, BCD)
