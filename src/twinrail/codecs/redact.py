"""Redaction: a message without cardholder data that can be attached to a ticket and still decodes.

Card numbers, tracks, PIN blocks, cryptograms and MACs go by the rules of `sanitise`, which recordings go by too. Beyond
them a ticket needs no names, addresses or free text, so those are blanked, and what only looks like a card number is
zeroed. No length moves: the message stands in the same frame and behind the same header as before.
"""

from typing import NamedTuple

from twinrail.codecs import describe, paths
from twinrail.codecs.compare import compare
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.recognise import Reading
from twinrail.codecs.sanitise import SanitiseError, Sanitiser
from twinrail.codecs.table import Message
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import Kind, Mask
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.layouts import Part

_BLANKS = {Kind.N: "0", Kind.Z: "0", Kind.A: "X", Kind.AN: "X"}  # where no blank may stand


class Replaced(NamedTuple):
    """One path whose value was replaced."""

    path: str
    name: str


class Redacted(NamedTuple):
    """The whole input again, without its data, and what was replaced in it."""

    data: bytes  # frame and header included
    message: Message
    replaced: tuple[Replaced, ...]


def redact(reading: Reading, sanitiser: Sanitiser) -> Redacted:
    """Replace the cardholder data of a message that decodes; SanitiseError where that cannot be done for sure."""
    if reading.message is None:
        raise SanitiseError("it does not decode: nobody can say where its cardholder data is")
    if reading.route.messages > 1:
        raise SanitiseError("more than one message: give them one by one")
    codec, dialect = reading.codec, reading.dialect
    try:
        clean, _ = sanitiser.message(dialect, reading.message)
        clean = _blanked(codec, clean)
        body = codec.encode(clean)
        readable = len(body) == len(reading.body) and codec.decode(body) == clean
    except (DecodeError, EncodeError, KeyError) as error:
        raise SanitiseError("what is left of it cannot be written") from error
    if not readable:
        raise SanitiseError("what is left of it cannot be read again")
    data = reading.route.before + body + reading.route.after
    if sanitiser.leaks(data):
        raise SanitiseError("a card number stands where it does not belong")
    found = compare(dialect, reading.message, dialect, clean)
    replaced = (*found.different, *found.only_a)
    return Redacted(data, clean, tuple(Replaced(one.path, one.name) for one in replaced))


def _blanked(codec: Codec, message: Message) -> Message:
    """Blank personal text, and what only looks like a card number; whole elements where a part cannot be blanked."""
    for entry in list(paths.walk(codec, message)):
        value, row = entry.value, entry.row
        if entry.opened or row is None or not isinstance(value, str) or not value:
            continue
        hidden = row.mask is Mask.PUBLIC and describe.masked(row, value) != value
        if row.mask is Mask.PERSONAL or hidden:
            message = _with_blanks(codec, message, entry.path, row, len(value))
    return message


def _with_blanks(codec: Codec, message: Message, path: str, row: Element | Part, size: int) -> Message:
    try:
        return paths.put(codec, message, path, _blank(row.kind, size))
    except EncodeError:
        number = paths.steps_of(path)[0]
        whole = message.elements[number]
        top = next(row for row in codec.dialect.elements if row.number == number)
        blank = bytes(len(whole)) if isinstance(whole, bytes) else _blank(top.kind, len(whole))
        return Message(message.mti, message.elements | {number: blank})


def _blank(kind: Kind, size: int) -> str:
    if kind is Kind.XN:
        return "C" + "0" * (size - 1)
    return _BLANKS.get(kind, " ") * size
