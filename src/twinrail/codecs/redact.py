"""Redaction: a message without cardholder data that can be attached to a ticket and still decodes.

Card numbers, tracks, PIN blocks, cryptograms and MACs go by the rules of `sanitise`, which recordings go by too. Beyond
them a ticket needs no names, addresses or free text, so those are blanked, and what only looks like a card number is
zeroed. No length moves: the message stands in the same frame and behind the same header as before.
"""

from typing import NamedTuple

from twinrail.codecs import describe, paths
from twinrail.codecs.compare import compare
from twinrail.codecs.composites import Parts
from twinrail.codecs.forms import Piece
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
    rows = {row.number: row for row in codec.dialect.elements}
    elements = dict(message.elements)
    read: set[int] = set()
    for number in message.elements:
        row = rows[number]
        if number in read:
            continue
        try:
            parts = paths.opened_in(codec, message, number) if row.layout is not None else None
        except DecodeError:
            parts = None
        if parts is None:
            elements[number] = _leaf(row, elements[number])
            continue
        over = [other for other in paths.read_as_one(row) if other in elements]
        read.update(over)
        try:
            spread = paths.spread(codec, message, number, _level(parts))
            elements.update({other: value for other, value in spread.items() if value is not None})
        except EncodeError:
            elements.update({other: _whole(rows[other], elements[other]) for other in over})
    return Message(message.mti, elements)


def _level(parts: Parts) -> Parts:
    """Blank the parts of a level, each level in one go; the depth is bounded by `Parts`."""
    return parts.mapped(lambda piece: _part(parts, piece))


def _part(parts: Parts, piece: Piece) -> str | bytes:
    try:
        value = parts.value_of(piece)
        if piece.layout is not None:
            return _level(parts.inside(piece)).value()
    except DecodeError:
        value = parts.wire_of(piece)
    return value if piece.part is None else _leaf(piece.part, value)


def _leaf(row: Element | Part, value: str | bytes) -> str | bytes:
    if not isinstance(value, str) or not value:
        return value
    hidden = row.mask is Mask.PUBLIC and describe.masked(row, value) != value
    return _blank(row.kind, len(value)) if row.mask is Mask.PERSONAL or hidden else value


def _whole(row: Element, value: str | bytes) -> str | bytes:
    return bytes(len(value)) if isinstance(value, bytes) else _blank(row.kind, len(value))


def _blank(kind: Kind, size: int) -> str:
    if kind is Kind.XN:
        return "C" + "0" * (size - 1)
    return _BLANKS.get(kind, " ") * size
