"""Samples: a plausible synthetic message of a type, in any dialect.

Which elements it has follows from the presence table of the version; what they hold follows from their names, so that
one table of values serves all dialects. The card number is one that networks publish for tests. There is no clock in
here: the caller says when it is.
"""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime

from twinrail.codecs import paths
from twinrail.codecs.evidence import PRESENCE
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.leaf import Leaf, axes_of
from twinrail.codecs.table import Message
from twinrail.errors import DecodeError, EncodeError
from twinrail.money import exponent
from twinrail.schemas.iso8583.axes import FIXED, Kind
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.mti import original_of
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.schemas.iso8583.presence import Mark
from twinrail.schemas.reasons import CODES, Reason

PAN = "4111111111111111"  # published by networks and payment services for tests
CURRENCY = "978"
_AMOUNT = 1000  # minor units
_STAN = "000001"
# What a message usually holds beside what it must, where its presence table names it at all.
_USUAL = frozenset(
    {
        *("pan", "local_time", "local_date", "expiry", "mcc", "entry_mode", "pos_data_code", "acquirer_id", "rrn"),
        *("approval_code", "terminal_id", "merchant_id", "original_data"),
    }
)
_ANSWERS = "135"  # function digits


class SampleError(EncodeError):
    """A message that cannot be made up: the text says what is in the way."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Given:
    """What values may depend on."""

    mti: str
    moment: datetime
    length: int  # of the element


def sample(codec: Codec, mti: str, moment: datetime, given: Mapping[str, str] | None = None) -> Message:
    """Make up a message of a type; `given` are values by path, bytes as hex, in place of made-up ones or beside them.

    SampleError where the version has no such type or a given value is none; the text never holds the value.
    """
    dialect = codec.dialect
    digit = VERSION_DIGITS[dialect.version]
    rows = {row.number: row for row in dialect.elements}
    table = PRESENCE[dialect.version].get(original_of(mti)) if len(mti) == 4 and mti.isascii() else None
    if table is None:
        known = ", ".join(PRESENCE[dialect.version])
        words = f"not a type that {dialect.name} has a table for (first digit {digit}); known are {known}"
        raise SampleError(words, path="mti")
    elements: dict[int, str | bytes] = {}
    for each in table:
        row = rows.get(each.element)
        wanted = each.mark in {Mark.MANDATORY, Mark.MANDATORY_ECHO} or (row is not None and row.name in _USUAL)
        if row is not None and wanted and not (row.name == "approval_code" and mti[2] not in _ANSWERS + "2"):
            elements[row.number] = _value(dialect, row, mti, moment)
    message = Message(mti, elements)
    for path, text in (given or {}).items():
        message = _put(codec, message, path, text)
    message = Message(mti, dict(sorted(message.elements.items())))
    codec.encode(message)
    return message


def _put(codec: Codec, message: Message, path: str, text: str) -> Message:
    """Put a given value where it belongs: as bytes where only bytes can stand."""
    number = paths.steps_of(path)[0]
    row = next((row for row in codec.dialect.elements if row.number == number), None)
    if row is None:
        raise SampleError("not an element of the dialect", path=str(number))
    if path == str(number) and row.kind is not Kind.B:
        return Message(message.mti, message.elements | {number: text})
    candidates: list[str | bytes] = [] if path == str(number) else [text]
    try:
        candidates.append(bytes.fromhex(text))
    except ValueError:
        if not candidates:
            raise SampleError("bytes are given as hex", path=path) from None
    problem = ""
    for value in candidates:
        try:
            return paths.put(codec, message, path, value)
        except (DecodeError, EncodeError) as error:
            problem = problem or error.problem
    raise SampleError(problem, path=path)


def _value(dialect: Dialect, row: Element, mti: str, moment: datetime) -> str | bytes:
    """Make up a value: by its name, else by its kind."""
    make = _BY_NAME.get(row.name)
    if make is not None:
        value = make(_Given(mti, moment, row.length))
        if _holds(dialect, row, value):
            return value
    size = row.length if row.length_kind is FIXED else max(row.least, min(row.length, 6))
    return bytes(size) if row.kind is Kind.B else _filled(row.kind, size)


def _holds(dialect: Dialect, row: Element, value: str | bytes) -> bool:
    try:
        Leaf(str(row.number), row.number, axes_of(row, dialect)).write(value)
    except EncodeError:
        return False
    return True


def _filled(kind: Kind, size: int) -> str:
    if kind is Kind.XN:
        return "C" + "0" * (size - 1)
    return {Kind.N: "0", Kind.Z: "0", Kind.S: "-", Kind.NS: "0"}.get(kind, "A") * size


def _code(mti: str) -> str:
    """Give the code of an answer that accepts: by the class of the message in 1993, four digits in 2003."""
    if mti[0] == "0":
        return CODES[Reason.APPROVED].de39
    action = {"4": "400", "8": "800"}.get(mti[1], CODES[Reason.APPROVED].action)
    return action if mti[0] == "1" else f"{action[0]}0{action[1:]}"


def _function(mti: str) -> str:
    """Give a function code (1993): an echo test, a full reversal, or the original message of its class."""
    return {"8": "831", "4": "400"}.get(mti[1], f"{mti[1]}00")


def _local(given: _Given) -> str:
    return given.moment.strftime("%Y%m%d%H%M%S" if given.length == 14 else "%y%m%d%H%M%S")


def _original(given: _Given) -> str:
    """Give the original data of a reversal: the request of its version, a moment ago."""
    request = f"{given.mti[0]}100"
    if given.mti[0] == "0":
        return request + _STAN + given.moment.strftime("%m%d%H%M%S") + "0" * 22
    if given.mti[0] == "1":
        return request + _STAN + given.moment.strftime("%y%m%d%H%M%S") + "06123456"
    return request + _STAN.zfill(12) + given.moment.strftime("%Y%m%d%H%M%S") + "00000123456"


def _amount(given: _Given) -> str:
    return f"{_AMOUNT:0{given.length}d}"


def _amount_with_currency(given: _Given) -> str:
    return f"{CURRENCY}{exponent(CURRENCY)}{_AMOUNT:0{given.length - 4}d}"


_BY_NAME: Mapping[str, Callable[[_Given], str]] = {
    "pan": lambda _: PAN,
    "processing_code": lambda _: "000000",
    "amount": _amount,
    "amount_with_currency": _amount_with_currency,
    "transmitted_at": lambda given: given.moment.strftime("%m%d%H%M%S"),
    "stan": lambda given: _STAN.zfill(given.length),
    "local_time": lambda given: given.moment.strftime("%H%M%S"),
    "local_date": lambda given: given.moment.strftime("%m%d"),
    "local_date_time": _local,
    "expiry": lambda given: f"{(given.moment.year + 3) % 100:02d}12",
    "mcc": lambda _: "5411",
    "entry_mode": lambda given: "051" if given.length == 3 else "0510",
    "pos_data_code": lambda _: "510101511344",
    "function_code": lambda given: _function(given.mti),
    "acquirer_id": lambda _: "123456",
    "rrn": lambda given: given.moment.strftime("%j%H%M%S").zfill(12)[-12:],
    "approval_code": lambda _: "A12345",
    "response_code": lambda given: _code(given.mti),
    "action_code": lambda given: _code(given.mti),
    "terminal_id": lambda given: "TERM0001".ljust(given.length),
    "merchant_id": lambda _: "MERCHANT0000001",
    "currency": lambda _: CURRENCY,
    "network_management_code": lambda _: "301",
    "original_data": _original,
}
