"""Card transactions as a network writes them: in the version, the places and the codes of any link profile.

What a network sends and how it reads an answer follows from the profile alone, and nothing of the engine is asked: the
two must not agree by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from twinrail.codecs.iso8583 import Message, dialect_of
from twinrail.errors import EncodeError
from twinrail.money import exponent
from twinrail.schemas.iso8583.axes import Kind
from twinrail.schemas.iso8583.mti import original_of, response_to
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.schemas.iso8583.profiles import LinkProfile, NetworkFunction, wide
from twinrail.schemas.reasons import CODES, Reason

Elements = dict[int, str | bytes]
# Entry mode, chip: by kind and length of DE22, which is another element in every version; elsewhere it is left out.
_ENTRY_MODES: Mapping[tuple[Kind, int], str] = {
    (Kind.N, 3): "051",
    (Kind.N, 4): "0510",
    (Kind.AN, 12): "510101511344",
}
_FUNCTIONS: Mapping[str, str] = {"100": "100", "120": "100", "200": "200", "220": "200"}  # DE24, by MTI
_FULL_REVERSAL = "400"
_REPEATS: Mapping[str, str] = {"0": "1", "2": "3", "4": "5"}
_DATES = {6: "%H%M%S", 10: "%m%d%H%M%S", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}  # by digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a request asks. `amount` is minor units, `expiry` YYMM or nothing, `rrn` nothing where there is none."""

    pan: str
    amount: int
    stan: int
    at: datetime
    expiry: str = ""
    rrn: str = ""
    currency: str = "978"
    processing_code: str = "000000"
    mcc: str = "5411"
    acquirer: str = "400001"
    terminal: str = "TERM0001"
    merchant: str = "SIMULATED SHOP "


def numbered(profile: LinkProfile, stan: int, at: datetime) -> Elements:
    """Give the elements that hold when a message is sent and its number; terminals do without DE7.

    >>> from twinrail.schemas.iso8583.profiles import CARD_2003
    >>> numbered(CARD_2003, 7, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    {11: '000000000007', 7: '0102030405', 12: '20260102030405'}
    """
    places = profile.places
    made: Elements = {places.stan: f"{stan % 1_000_000:0{places.stan_length}d}"}
    if places.version != "1987" or places.sent_at == places.transmitted_at:
        made[places.transmitted_at] = at.strftime(_DATES[10])
    made[places.sent_at] = at.strftime(_DATES[places.sent_at_length])
    return made


def network_message(profile: LinkProfile, code: str, *, stan: int, at: datetime) -> Message:
    """Write a network management message that asks for what a code means."""
    places = profile.places
    mti = VERSION_DIGITS[places.version] + ("800" if places.version == "1987" else "804")
    held = _rows(profile)
    elements = {number: value for number, value in numbered(profile, stan, at).items() if number in held}
    needed = profile.mandatory.get(mti, ())
    elements |= {number: value for number, value in profile.own_elements if number in needed}
    elements[places.network_function] = code
    return _sorted(mti, elements)


def request(profile: LinkProfile, kind: str, purchase: Purchase) -> Message:
    """Write a request; `kind` is its MTI without the version digit: 100, 101, 200 or 201."""
    places = profile.places
    rows = _rows(profile)
    elements = numbered(profile, purchase.stan, purchase.at)
    elements |= {
        places.pan: purchase.pan,
        places.processing_code: purchase.processing_code,
        places.amount: amount(profile, purchase.amount, purchase.currency),
        places.local_time: _local_time(profile, purchase.at),
        places.mcc: purchase.mcc,
        22: _entry_mode(rows),
        places.acquirer: purchase.acquirer,
        places.terminal: purchase.terminal,
        places.merchant: purchase.merchant,
    }
    if places.version == "1987":
        elements |= {13: purchase.at.strftime("%m%d"), 25: "00"}  # local date, point-of-service condition
    if places.currency:
        elements[places.currency] = purchase.currency
    if places.function:
        elements[places.function] = _FUNCTIONS[original_of("0" + kind)[1:]]
    elements |= {places.expiry: purchase.expiry, places.rrn: purchase.rrn}
    wanted = {number: value for number, value in elements.items() if value and number in rows}
    return _sorted(VERSION_DIGITS[places.version] + kind, wanted)


def amount(profile: LinkProfile, minor: int, currency: str) -> str:
    """Write an amount: 12 digits, behind its currency and exponent where the version has them there.

    >>> from twinrail.schemas.iso8583.profiles import CARD_2003
    >>> amount(CARD_2003, 1000, "978")
    '9782000000001000'
    """
    digits = f"{minor:012d}"
    return digits if profile.places.currency else f"{currency}{exponent(currency)}{digits}"


def reversal(
    profile: LinkProfile, of: Message, *, stan: int, at: datetime, kind: str = "420", keep: int | None = None
) -> Message:
    """Write the reversal of a request, whole or down to the minor units to `keep`; `kind` is 400 or 420.

    Its original data name the request where the version has them.
    """
    places = profile.places
    original = of.elements
    kept = {
        *(places.pan, places.processing_code, places.amount, places.local_time, places.expiry, places.mcc, 22),
        *(places.acquirer, 33, places.rrn, places.terminal, places.merchant, 43, places.currency),
    }
    elements = {number: original[number] for number in kept if number in original}
    if places.version == "1987" and 13 in original:
        elements[13] = original[13]
    elements |= numbered(profile, stan, at)
    if places.function:
        elements[places.function] = _FULL_REVERSAL if keep is None else places.partial_reversal
    if keep is not None:
        elements |= _reduced(profile, original, keep)
    elements |= _naming(profile, of)
    return _sorted(VERSION_DIGITS[places.version] + kind, elements)


def advice(profile: LinkProfile, of: Message, code: str, approval_code: str = "") -> Message:
    """Write the advice of what the network decided in the issuer's place: the request, and with which code."""
    places = profile.places
    elements = {**of.elements, places.response_code: code}
    if approval_code:
        elements[places.approval_code] = approval_code
    return _sorted(of.mti[:2] + "20", elements)


def repeat_of(message: Message) -> Message:
    """Give a message as its repeat.

    >>> repeat_of(Message("0420", {})).mti
    '0421'
    """
    return Message(message.mti[:3] + _REPEATS.get(message.mti[3], message.mti[3]), message.elements)


def answer(profile: LinkProfile, asked: Message, code: str = "") -> Message | None:
    """Write the answer to a request, with a code or the one that accepts; None for what is not answered."""
    mti = response_to(asked.mti)
    if mti is None:
        return None
    places = profile.places
    least = (places.stan, places.sent_at, places.transmitted_at, places.rrn, places.terminal)
    echo = profile.echo.get(mti, least)
    elements = {number: value for number, value in asked.elements.items() if number in echo}
    elements[places.response_code] = code or acceptance(profile, mti[1])
    return _sorted(mti, elements)


def acceptance(profile: LinkProfile, digit: str) -> str:
    """Give the code that accepts a message of a class: that of the profile, else the first of those that grant."""
    own = profile.codes.get(Reason.ACCEPTED if digit in "468" else Reason.APPROVED)
    return own or profile.accepted.get(digit) or min(profile.granted)


def reason_code(profile: LinkProfile, reason: Reason) -> str:
    """Give the code of a reason on such links: that of the profile, else that of its version."""
    standard, version = CODES[reason], profile.places.version
    code = {"1987": standard.de39, "1993": standard.action, "2003": wide(standard.action)}[version]
    return profile.codes.get(reason, code)


def code_of(profile: LinkProfile, message: Message | None, without: str = "-") -> str:
    """Give the code of an answer; `without` where it has none."""
    return without if message is None else str(message.elements.get(profile.places.response_code, without))


def approved_codes(profile: LinkProfile) -> frozenset[str]:
    """Give the codes with which an issuer approves on links of this profile."""
    return profile.granted | {profile.codes.get(Reason.APPROVED, min(profile.granted))}


def approves(profile: LinkProfile, message: Message | None) -> bool:
    """Say whether an answer approves what was asked."""
    return code_of(profile, message) in approved_codes(profile)


def accepts(profile: LinkProfile, message: Message | None) -> bool:
    """Say whether an answer accepts an advice, a reversal or a network management message."""
    own = {profile.codes.get(Reason.ACCEPTED, ""), *profile.accepted.values()}
    return code_of(profile, message, "") in approved_codes(profile) | profile.taken | own - {""}


def function_of(profile: LinkProfile, message: Message) -> NetworkFunction | None:
    """Say what a message asks of a link; None for one that is no network management message, or an unknown code."""
    if message.mti[1] != "8" or response_to(message.mti) is None:
        return None
    return profile.functions.get(str(message.elements.get(profile.places.network_function, "")))


def minor_units(profile: LinkProfile, message: Message) -> int:
    """Give the amount of a message in minor units; 0 where it has none."""
    places = profile.places
    digits = str(message.elements.get(places.amount, ""))[places.amount_offset :]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _rows(profile: LinkProfile) -> dict[int, tuple[Kind, int]]:
    return {row.number: (row.kind, row.length) for row in dialect_of(profile.dialect).elements}


def _entry_mode(rows: Mapping[int, tuple[Kind, int]]) -> str:
    return _ENTRY_MODES.get(rows.get(22, (Kind.B, 0)), "")


def _local_time(profile: LinkProfile, at: datetime) -> str:
    """Write DE12, local date and time from 1993 on: simulated terminals stand in UTC."""
    version = profile.places.version
    return at.astimezone(UTC).strftime(_DATES[{"1987": 6, "1993": 12, "2003": 14}[version]])


def _reduced(profile: LinkProfile, original: Mapping[int, str | bytes], keep: int) -> Elements:
    """Say that an amount is replaced by a smaller one: beside it in 1987, later in its place."""
    places = profile.places
    if places.replacement_amounts:
        return {places.replacement_amounts: f"{keep:012d}" + "0" * 30}
    if not places.partial_reversal:
        raise EncodeError("no reversal in part on such links", path=str(places.amount))
    was = str(original[places.amount])
    return {places.amount: was[: places.amount_offset] + f"{keep:012d}", places.original_amounts: was * 2}


def _naming(profile: LinkProfile, of: Message) -> Elements:
    """Name a message: MTI, number, time, acquirer and, in 1987, forwarder (ISO 8583 table 3 of each version)."""
    places = profile.places
    if not places.original_data:
        return {}
    have = of.elements.get
    named = f"{of.mti}{have(places.stan, '')!s}{have(places.sent_at, '')!s}"
    acquirer, forwarder = str(have(places.acquirer, "")), str(have(33, ""))
    tail = {
        "1987": acquirer.rjust(11, "0") + forwarder.rjust(11, "0"),
        "1993": f"{len(acquirer):02d}{acquirer}",
        "2003": acquirer.rjust(11, "0"),
    }
    return {places.original_data: named + tail[places.version]}


def _sorted(mti: str, elements: Elements) -> Message:
    return Message(mti, dict(sorted(elements.items())))
