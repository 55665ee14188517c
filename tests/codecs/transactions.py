"""One card transaction, written in the version and the places of any link profile."""

from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.schemas.iso8583.profiles import LinkProfile

PAN = "4111111111111111"


def transaction(profile: LinkProfile, kind: str, **own: str) -> Message:
    """Write one card transaction in the version of a profile; `kind` is the MTI without its version digit."""
    at = profile.places
    amount = own.get("amount", "000000001000")
    elements: dict[int, str | bytes] = {
        at.pan: PAN,
        at.processing_code: "000000",
        at.amount: amount if at.currency else f"9782{amount}",
        at.transmitted_at: "1121120000",
        at.stan: "1".zfill(at.stan_length),
        at.local_time: {"1987": "120000", "1993": "261121120000", "2003": "20261121120000"}[at.version],
        at.expiry: "3012",
        at.mcc: "5411",
        at.acquirer: "12345",
        at.rrn: "000000000001",
        at.terminal: "TERM0001",
        at.merchant: "MERCHANT0000001",
    }
    if at.currency:
        elements[at.currency] = "978"
    if at.function:
        elements[at.function] = own.get("function", "100")
    if kind[:2] == "12":
        elements |= {at.response_code: min(profile.granted), at.approval_code: "A1B2C3"}
    return Message(VERSION_DIGITS[at.version] + kind, dict(sorted(elements.items())))


def partial_reversal(profile: LinkProfile) -> Message:
    """Take back all but 4.00 of the transaction of 10.00, as the version says it."""
    at = profile.places
    if at.replacement_amounts:
        message = transaction(profile, "420")
        message.elements[at.replacement_amounts] = "000000000400" + "0" * 30
        return message
    message = transaction(profile, "420", amount="000000000400", function=at.partial_reversal)
    message.elements[at.original_amounts] = "000000001000" * 2 if at.currency else "9782000000001000" * 2
    return message
