"""One neutral list of reasons, and what each is called on every wire.

A decision inside the engine is a `Reason`; the code on the wire is looked up at the edge, first in the link profile's
own map, then here. Codes: ISO 8583:1987 DE39, ISO 8583:1993 action code, ISO 20022 status reason (external code set).
Within one stage of the pipeline the first declining check in its declared order names the reason.
"""

from enum import StrEnum, unique
from typing import NamedTuple


@unique
class Reason(StrEnum):
    """Why an instruction was accepted or refused."""

    APPROVED = "approved"
    ACCEPTED = "accepted"  # advices, reversals, network messages, operator commands
    INVALID_TRANSACTION = "invalid_transaction"
    INVALID_AMOUNT = "invalid_amount"
    UNKNOWN_CARD = "unknown_card"
    DO_NOT_HONOUR = "do_not_honour"
    CARD_NOT_ACTIVE = "card_not_active"
    CARD_LOST = "card_lost"
    CARD_STOLEN = "card_stolen"
    CARD_RESTRICTED = "card_restricted"
    EXPIRED_CARD = "expired_card"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    AMOUNT_LIMIT = "amount_limit"
    NOT_PERMITTED = "not_permitted"
    FORMAT_ERROR = "format_error"
    ORIGINAL_NOT_FOUND = "original_not_found"
    ORIGINAL_CLEARED = "original_cleared"
    DUPLICATE = "duplicate"  # same key, other content; or blocked by a tombstone
    LATE = "late"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    SIGNED_OFF = "signed_off"
    SYSTEM_ERROR = "system_error"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_BLOCKED = "account_blocked"
    INVALID_IBAN = "invalid_iban"
    INVALID_DATE = "invalid_date"
    CUT_OFF = "cut_off"
    DUPLICATE_MESSAGE = "duplicate_message"
    DUPLICATE_PAYMENT_INFORMATION = "duplicate_payment_information"
    DUPLICATE_TRANSACTION = "duplicate_transaction"
    WRONG_NUMBER_OF_TRANSACTIONS = "wrong_number_of_transactions"
    WRONG_GROUP_NUMBER_OF_TRANSACTIONS = "wrong_group_number_of_transactions"
    WRONG_CONTROL_SUM = "wrong_control_sum"
    WRONG_GROUP_CONTROL_SUM = "wrong_group_control_sum"
    INVALID_CHARACTERS = "invalid_characters"
    MISSING_ELEMENT = "missing_element"  # an element that the schema of the rail demands
    WRONG_SCHEME = "wrong_scheme"  # local instrument or service level that this rail does not serve
    CURRENCY_NOT_SERVED = "currency_not_served"

    # The hash of its text, so that a table keyed by the text of reasons can be asked by either.
    __hash__ = str.__hash__


class Codes(NamedTuple):
    """What one reason is called on each wire, and in words for people."""

    de39: str  # ISO 8583:1987, an2
    action: str  # ISO 8583:1993, n3
    iso20022: str  # status reason; empty where the rail never says it
    words: str


R = Reason
CODES: dict[Reason, Codes] = {
    R.APPROVED: Codes("00", "000", "", "approved"),
    R.ACCEPTED: Codes("00", "000", "", "accepted"),
    R.INVALID_TRANSACTION: Codes("12", "902", "AG01", "invalid transaction"),
    R.INVALID_AMOUNT: Codes("13", "110", "AM02", "invalid amount"),
    R.UNKNOWN_CARD: Codes("14", "111", "AC01", "no such card"),
    R.DO_NOT_HONOUR: Codes("05", "100", "MS03", "do not honour"),
    R.CARD_NOT_ACTIVE: Codes("78", "125", "", "card not active"),
    R.CARD_LOST: Codes("41", "208", "", "lost card, pick up"),
    R.CARD_STOLEN: Codes("43", "209", "", "stolen card, pick up"),
    R.CARD_RESTRICTED: Codes("62", "104", "", "restricted or frozen card"),
    R.EXPIRED_CARD: Codes("54", "101", "", "expired card"),
    R.INSUFFICIENT_FUNDS: Codes("51", "116", "AM04", "insufficient funds"),
    R.AMOUNT_LIMIT: Codes("61", "121", "AM02", "amount above the limit"),
    R.NOT_PERMITTED: Codes("57", "119", "AG01", "not permitted"),
    R.FORMAT_ERROR: Codes("30", "904", "FF01", "format error"),
    R.ORIGINAL_NOT_FOUND: Codes("25", "914", "", "original not found"),
    R.ORIGINAL_CLEARED: Codes("21", "100", "", "original already cleared, no action taken"),
    R.DUPLICATE: Codes("94", "913", "AM05", "duplicate transmission"),
    R.LATE: Codes("91", "911", "AB05", "decided too late"),
    R.ISSUER_UNAVAILABLE: Codes("91", "907", "AB09", "issuer unavailable"),
    R.SIGNED_OFF: Codes("91", "910", "", "signed off"),
    R.SYSTEM_ERROR: Codes("96", "909", "AB09", "system error"),
    R.ACCOUNT_UNKNOWN: Codes("14", "111", "AC01", "no such account"),
    R.ACCOUNT_CLOSED: Codes("78", "125", "AC04", "account closed"),
    R.ACCOUNT_BLOCKED: Codes("62", "104", "AC06", "account blocked"),
    R.INVALID_IBAN: Codes("14", "111", "AC01", "invalid IBAN"),
    R.INVALID_DATE: Codes("12", "902", "DT01", "invalid date"),
    R.CUT_OFF: Codes("90", "906", "TM01", "after cut-off"),
    R.DUPLICATE_MESSAGE: Codes("94", "913", "DU01", "message id known with other content"),
    R.DUPLICATE_PAYMENT_INFORMATION: Codes("94", "913", "DU02", "payment information id repeated"),
    R.DUPLICATE_TRANSACTION: Codes("94", "913", "DU03", "transaction id repeated"),
    R.WRONG_NUMBER_OF_TRANSACTIONS: Codes("30", "904", "AM20", "number of transactions wrong in the batch"),
    R.WRONG_GROUP_NUMBER_OF_TRANSACTIONS: Codes("30", "904", "AM19", "number of transactions wrong in the group"),
    R.WRONG_CONTROL_SUM: Codes("30", "904", "AM17", "control sum wrong in the batch"),
    R.WRONG_GROUP_CONTROL_SUM: Codes("30", "904", "AM16", "control sum wrong in the group"),
    R.INVALID_CHARACTERS: Codes("30", "904", "CH16", "invalid content"),
    R.MISSING_ELEMENT: Codes("30", "904", "CH21", "mandatory element missing"),
    R.WRONG_SCHEME: Codes("30", "904", "FF05", "scheme or local instrument not served"),
    R.CURRENCY_NOT_SERVED: Codes("12", "902", "AM03", "currency not served on this account"),
}

GRANTED = frozenset({Reason.APPROVED, Reason.ACCEPTED})
