"""What a card message says, read from where its version of ISO 8583 has it.

What differs between 1987, 1993 and 2003 is a column of `schemas.iso8583.places`: amounts with or without
their currency, replacement amounts or the amounts of the original, original data of different lengths.
"""

from typing import Any

from twinrail.codecs.iso8583 import Message
from twinrail.errors import DecodeError
from twinrail.money import CURRENCIES, exponent
from twinrail.schemas.instructions import Advice, CardMessage, Reversal
from twinrail.schemas.iso8583.places import Places
from twinrail.schemas.iso8583.profiles import LinkProfile

KEY_MASK = (1 << 63) - 1  # lifecycle keys are positive 64-bit numbers of the store
_NUMBERS = {alpha: number for number, (alpha, _) in CURRENCIES.items()}  # 1993 has either form


def amount_of(message: Message, at: Places) -> tuple[int, str]:
    """Read the amount in minor units and its currency as an ISO 4217 number; DecodeError for an unknown currency."""
    value = digits_of(message, at.amount, more_than=at.amount_offset)
    held_in = at.currency or at.amount
    currency = str(message.elements[at.currency]) if at.currency else value[:3]
    if currency.isalpha():
        currency = _NUMBERS.get(currency, "")
    if currency not in CURRENCIES or (not at.currency and value[3] != str(exponent(currency))):
        raise DecodeError("unknown currency", path=str(held_in), offset=0, element=held_in, partial=message)
    return int(value[at.amount_offset :]), currency


def digits_of(message: Message, number: int, *, more_than: int = 0) -> str:
    """Give an element of digits; DecodeError for anything else: `int` takes blanks, signs and underscores too.

    Most dialects say n of such an element, and then this was checked before; one of the user's own may say ans.
    """
    value = message.elements[number]
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) > more_than:
        return value
    raise DecodeError("not digits", path=str(number), offset=0, element=number, partial=message)


def advice_of(message: Message, asked: CardMessage, profile: LinkProfile) -> Advice:
    """Make an advice of what a message shares with others: which way the network decided, and its approval code."""
    elements, at = message.elements, profile.places
    code = elements.get(at.response_code)
    return Advice(
        granted=code is None or code in profile.granted,
        approval_code=str(elements.get(at.approval_code, "")),
        **_shared(asked),
    )


def pan_of_track(message: Message, at: Places) -> str:
    """Read the card number in front of track 2; DecodeError where it is not there."""
    track = message.elements.get(at.track2)
    if isinstance(track, str):
        for separator in "=D":
            pan, found, _ = track.partition(separator)
            if found and pan.isdigit() and len(pan) <= 19:
                return pan
    raise DecodeError("no card number", path=str(at.pan), offset=0, element=at.pan, partial=message)


def reversal_of(message: Message, asked: CardMessage, at: Places) -> Reversal:
    """Make a reversal of what a message shares with others.

    Its lifecycle keys are those of its original: the reference number, then what the original data name. A terminal
    sends no original data, and seldom a reference number: it takes a message back under that message's time and number.
    """
    shared = _shared(asked)
    origin = _origin(message, at) if at.original_data else asked.life_keys[1]
    shared["life_keys"] = tuple(key for key in (asked.life_keys[0], origin) if key)
    replacement: int | None = None
    if at.replacement_amounts:
        replacement = _first_amount(message, at.replacement_amounts, at) or None
    elif message.elements.get(at.function) == at.partial_reversal:
        # The amount is the new one here; what it was is the amount of the original, as in 1987.
        replacement = asked.amount or None
        shared["amount"] = _first_amount(message, at.original_amounts, at) or asked.amount
    return Reversal(
        replacement_amount=replacement,
        approval_code=str(message.elements.get(at.approval_code, "")),
        advice=message.mti[2] == "2",
        **shared,
    )


def _first_amount(message: Message, number: int, at: Places) -> int:
    """Read the first of several amounts in an element; 0 where the message does not hold it as text."""
    amounts = message.elements.get(number)
    if not isinstance(amounts, str):
        return 0
    digits = amounts[at.amount_offset : at.amount_offset + 12]
    if not (digits.isascii() and digits.isdigit()):
        raise DecodeError("amount is not digits", path=str(number), offset=0, element=number, partial=message)
    return int(digits)


def _origin(message: Message, at: Places) -> int:
    """Give the lifecycle key of the message that the original data name; 0 where they name none."""
    original = message.elements.get(at.original_data)
    sent_at = 4 + at.stan_length
    end = sent_at + at.sent_at_length
    if not isinstance(original, str):
        return 0
    if at.version != "1987" and original[:1] == "0":
        original = original[1:]  # an odd number of packed digits whose length counts bytes: the fill is read with them
    named = original[:end]
    if len(named) < end or not (named.isascii() and named.isdigit()):
        return 0
    if not original[4:end].strip("0"):
        return 0
    return int(original[sent_at:end] + original[4:sent_at]) % KEY_MASK + 1


def _shared(asked: CardMessage) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in CardMessage.__struct_fields__}
