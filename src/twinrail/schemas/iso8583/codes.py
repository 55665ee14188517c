"""Codes in words: what the digits of a message mean to a person.

Drawn from ISO 8583:1987, from public processor references and from EMV book 3 annex A. A network may mean something
else by a code: words are for display and decide nothing. A code that is missing here is shown without words.
"""

from typing import NamedTuple

from twinrail.schemas.iso8583.axes import Mask

# MTI, digit by digit: version, class, function, origin.
VERSIONS = {"0": "1987", "1": "1993", "2": "2003", "8": "national use", "9": "private use"}
CLASSES = {
    "1": "authorization",
    "2": "financial",
    "3": "file action",
    "4": "reversal",
    "5": "reconciliation",
    "6": "administrative",
    "7": "fee collection",
    "8": "network management",
}
FUNCTIONS = {
    "0": "request",
    "1": "response",
    "2": "advice",
    "3": "advice response",
    "4": "notification",
    "5": "notification acknowledgement",
    "6": "instruction",
    "7": "instruction acknowledgement",
}
ORIGINS = {
    "0": "",  # the acquirer, as nearly always
    "1": "repeat",
    "2": "from the issuer",
    "3": "from the issuer, repeat",
    "4": "from another party",
    "5": "from another party, repeat",
}

# DE3: transaction type, then the account it leaves and the account it reaches.
TRANSACTION_TYPES = {
    "00": "purchase",
    "01": "cash withdrawal",
    "02": "debit adjustment",
    "03": "cheque guarantee",
    "04": "cheque verification",
    "09": "purchase with cash back",
    "10": "account funding",
    "11": "quasi-cash",
    "17": "cash disbursement",
    "20": "refund",
    "21": "deposit",
    "22": "credit adjustment",
    "23": "credit adjustment",
    "26": "credit",
    "28": "payment",
    "30": "available balance inquiry",
    "31": "balance inquiry",
    "38": "mini-statement",
    "39": "linked accounts inquiry",
    "40": "transfer",
    "50": "payment",
    "90": "PIN function",
    "91": "PIN function",
    "92": "PIN function",
}
ACCOUNT_TYPES = {"00": "default", "10": "savings", "20": "cheque", "30": "credit", "40": "universal"}

# DE22: how the card number came in (two digits), then what the terminal can do with a PIN.
PAN_ENTRY_MODES = {
    "00": "unknown",
    "01": "manual",
    "02": "magnetic stripe",
    "03": "bar code",
    "05": "chip",
    "06": "key entry",
    "07": "contactless chip",
    "10": "credential on file",
    "79": "chip failed, key entry",
    "80": "chip failed, magnetic stripe",
    "81": "electronic commerce",
    "90": "magnetic stripe, whole track",
    "91": "contactless magnetic stripe",
    "95": "chip, data may be unreliable",
}
PIN_ENTRY = {
    "0": "PIN capability unknown",
    "1": "PIN can be entered",
    "2": "no PIN can be entered",
    "8": "PIN pad out of order",
}

# DE25.
POS_CONDITIONS = {
    "00": "normal",
    "01": "cardholder not present",
    "02": "unattended terminal",
    "03": "merchant suspicious",
    "05": "card not present",
    "06": "pre-authorization completed",
    "08": "mail or telephone order",
    "51": "verification only",
    "59": "electronic commerce",
    "71": "magnetic stripe could not be read",
}

# DE39 of 1987; 81 to 89 belong to networks.
RESPONSE_CODES = {
    "00": "approved",
    "01": "refer to issuer",
    "02": "refer to issuer, special conditions",
    "03": "invalid merchant",
    "04": "capture card",
    "05": "do not honour",
    "08": "approved with identification",
    "10": "approved for a partial amount",
    "12": "invalid transaction",
    "13": "invalid amount",
    "14": "no such card",
    "15": "no such issuer",
    "17": "cancelled by the customer",
    "19": "re-enter transaction",
    "21": "no action taken",
    "25": "original not found",
    "30": "format error",
    "33": "expired card, capture",
    "34": "suspected fraud, capture",
    "36": "restricted card, capture",
    "41": "lost card, capture",
    "43": "stolen card, capture",
    "51": "insufficient funds",
    "54": "expired card",
    "55": "wrong PIN",
    "57": "not permitted to the cardholder",
    "58": "not permitted to the terminal",
    "59": "suspected fraud",
    "61": "amount above the limit",
    "62": "restricted card",
    "63": "security violation",
    "65": "too many uses, or step-up wanted",
    "68": "answer came late",
    "75": "too many wrong PINs",
    "76": "account of the wrong kind",
    "77": "account of the wrong kind",
    "78": "card not active",
    "82": "wrong card code",
    "85": "zero-amount check passed",
    "90": "cut-off in progress",
    "91": "issuer unavailable",
    "92": "no route",
    "94": "duplicate transmission",
    "95": "reconciliation error",
    "96": "system error",
}

# DE70 of 1987.
NETWORK_CODES = {
    "001": "sign-on",
    "002": "sign-off",
    "060": "ask for stored advices",
    "061": "sign-on",
    "062": "sign-off",
    "065": "stand-in begins",
    "066": "stand-in ends",
    "071": "sign-on",
    "072": "sign-off",
    "161": "key change",
    "201": "cut-over",
    "270": "echo test",
    "301": "echo test",
    "363": "stored advices end",
}

# DE54: kind of amount.
AMOUNT_TYPES = {
    "01": "ledger balance",
    "02": "available balance",
    "03": "owed",
    "04": "due",
    "20": "remaining this cycle",
    "40": "cash back",
    "41": "goods and services",
    "53": "approved amount",
    "56": "hold",
    "57": "authorized amount",
}


class Tag(NamedTuple):
    """A BER-TLV tag of DE55: its name, and what may be shown of its value."""

    name: str
    mask: Mask


def _public(name: str) -> Tag:
    return Tag(name, Mask.PUBLIC)


# A tag that is missing here is shown as its length only.
TAGS = {
    "42": Tag("issuer identification number", Mask.SENSITIVE),
    "4F": _public("application identifier"),
    "50": Tag("application label", Mask.PERSONAL),
    "56": Tag("track 1 data", Mask.SENSITIVE),
    "57": Tag("track 2 equivalent data", Mask.SENSITIVE),
    "5A": Tag("card number", Mask.SENSITIVE),
    "5F20": Tag("cardholder name", Mask.SENSITIVE),
    "5F24": Tag("expiry", Mask.SENSITIVE),
    "5F2A": _public("transaction currency"),
    "5F34": _public("card sequence number"),
    "71": Tag("issuer script 1", Mask.SECRET),
    "72": Tag("issuer script 2", Mask.SECRET),
    "82": _public("application interchange profile"),
    "84": _public("dedicated file name"),
    "86": Tag("issuer script command", Mask.SECRET),
    "8A": _public("authorization response code"),
    "8E": _public("cardholder verification list"),
    "91": Tag("issuer authentication data", Mask.SENSITIVE),
    "95": _public("terminal verification results"),
    "99": Tag("PIN data", Mask.SENSITIVE),
    "9A": _public("transaction date"),
    "9B": _public("transaction status information"),
    "9C": _public("transaction type"),
    "9F02": _public("amount authorized"),
    "9F03": _public("amount other"),
    "9F06": _public("application identifier, terminal"),
    "9F09": _public("application version, terminal"),
    "9F10": Tag("issuer application data", Mask.SENSITIVE),
    "9F15": _public("merchant category code"),
    "9F1A": _public("terminal country"),
    "9F1E": _public("interface device serial number"),
    "9F20": Tag("track 2 discretionary data", Mask.SENSITIVE),
    "9F21": _public("transaction time"),
    "9F1F": Tag("track 1 discretionary data", Mask.SENSITIVE),
    "9F26": Tag("application cryptogram", Mask.SENSITIVE),
    "9F27": _public("cryptogram information"),
    "9F33": _public("terminal capabilities"),
    "9F34": _public("cardholder verification results"),
    "9F35": _public("terminal type"),
    "9F36": _public("application transaction counter"),
    "9F37": _public("unpredictable number"),
    "9F41": _public("transaction sequence counter"),
    "9F53": _public("transaction category code"),
    "9F5B": Tag("issuer script results", Mask.SENSITIVE),
    "9F66": _public("terminal transaction qualifiers"),
    "9F6B": Tag("track 2 data", Mask.SENSITIVE),
    "9F6E": Tag("form factor or third-party data", Mask.SENSITIVE),
    "9F7C": Tag("merchant or customer exclusive data", Mask.SENSITIVE),
}
