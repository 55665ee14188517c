"""Likely causes: what the bytes where reading ended say about why it ended there.

Bytes are told by their kind (ASCII digits, EBCDIC digits, hex digits) and their number, never by their value: where a
message is out of step, anything may stand anywhere.
"""

from collections.abc import Iterator

from twinrail.codecs.dialect_changes import one_change
from twinrail.codecs.leaf import Axes, axes_of
from twinrail.codecs.table import Message, mti_bytes
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.axes import Coding, Kind, PrefixForm
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect, Element
from twinrail.schemas.iso8583.places import VERSION_DIGITS

_HEX = frozenset(b"0123456789ABCDEFabcdef")
_EBCDIC_DIGITS = frozenset(range(0xF0, 0xFA))
_ASCII_DIGITS = frozenset(b"0123456789")
_PACKED_DIGITS = frozenset(high << 4 | low for high in range(10) for low in range(10))
_FIRST_PRINTABLE = 0x20
_SOUGHT_MAX = 64  # bytes in which a message type is looked for
_VERSIONS = {digit: version for version, digit in VERSION_DIGITS.items()}


def likely_causes(dialect: Dialect, body: bytes, error: DecodeError) -> list[str]:
    """Give the likely causes why a message is none of the dialect, the surest first; none where nothing shows."""
    said = list(_at_the_error(dialect, body, error))
    if error.path in {"mti", "header"} and said:
        return said
    # What has been tried on the whole message is surer than what some bytes look like.
    return list(one_change(dialect, body, error)) or list(dict.fromkeys(said))


def kind_of(data: bytes) -> str:
    """Say of what kind some bytes are; "" where they are of none, or of several.

    >>> kind_of(b"16"), kind_of(bytes.fromhex("F1F6")), kind_of(bytes.fromhex("1999"))
    ('ASCII digits', 'EBCDIC digits', 'packed digits')
    """
    for words, bytes_of_kind in _KINDS:
        if data and bytes_of_kind.issuperset(data):
            return words
    return ""


_KINDS = (
    ("ASCII digits", _ASCII_DIGITS),
    ("EBCDIC digits", _EBCDIC_DIGITS),
    ("zero bytes", frozenset(b"\0")),
    ("blanks", frozenset(b" ")),
    ("EBCDIC blanks", frozenset(b"\x40")),
    ("hex digits in ASCII", _HEX),
    ("packed digits", _PACKED_DIGITS),
    ("ASCII text", frozenset(range(0x20, 0x7F))),
)


def _at_the_error(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[str]:
    """Draw a cause from the bytes where reading ended."""
    if error.path == "mti":
        yield from _of_mti(dialect, body)
    elif error.path == "bitmap":
        yield from _of_bitmap(dialect, body, error)
    elif error.path == "end":
        yield from _of_end(dialect, body, error)
    elif error.element:
        if error.problem.startswith("bit set"):
            yield from _of_unknown_bit(dialect, error)
        row = next((row for row in dialect.elements if row.number == error.element), None)
        if row is not None:
            yield from _of_element(axes_of(row, dialect), row, body, error)
        yield from _hex_as_bytes(dialect, error)
    if "ends within" in error.problem:
        yield "the message is cut short, or a length before this place is wrong"


def _of_mti(dialect: Dialect, body: bytes) -> Iterator[str]:
    """Say what the first bytes are instead of a message type of the dialect."""
    packed = mti_bytes(dialect) == 2
    expected = "packed digits" if packed else ("ASCII digits" if dialect.text == "ascii" else "EBCDIC digits")
    for text, what in ((body[:4], "ASCII digits"), (body[:4].translate(_FROM_EBCDIC), "EBCDIC digits")):
        if _is_mti(text):
            if what != expected:
                yield f"the message type is 4 {what}; {dialect.name} expects {expected}"
            else:
                yield from _of_version(dialect, text)
            return
    text = body[:2].hex().encode("ascii")
    if _is_mti(text):
        if not packed:
            yield f"the message type is 2 bytes of packed digits; {dialect.name} expects 4 {expected}"
        else:
            yield from _of_version(dialect, text)
        return
    for start in range(1, min(_SOUGHT_MAX, len(body) - 4)):
        if _is_mti(body[start : start + 4]) or _is_mti(body[start : start + 4].translate(_FROM_EBCDIC)):
            yield f"what looks like a message type stands at byte {start}: a frame or header is in front of it"
            return


def _of_version(dialect: Dialect, text: bytes) -> Iterator[str]:
    version = _VERSIONS[chr(text[0])]
    if version != dialect.version:
        yield f"the message type is of version {version}; {dialect.name} is of {dialect.version}"


_FROM_EBCDIC = bytes(byte - 0xC0 if 0xF0 <= byte <= 0xF9 else 0 for byte in range(256))


def _is_mti(text: bytes) -> bool:
    return (
        len(text) == 4 and text.isdigit() and text[:1] in b"012" and text[1:2] in b"12345678" and text[3:] in b"012345"
    )


def _of_bitmap(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[str]:
    """Say what the bytes of a bitmap are instead."""
    start = mti_bytes(dialect)
    wire = body[start : start + 16]
    if dialect.bitmap is BitmapForm.BINARY and len(wire) == 16 and _HEX.issuperset(wire):
        yield "the bitmap is hex digits in ASCII; the dialect expects bytes"
    elif error.problem == "bit 1 set":
        yield "bit 1 announces a second bitmap; the dialect always has two and leaves it clear"
    elif dialect.bitmap is not BitmapForm.BINARY and error.offset >= start + 16:
        yield "bit 1 is set, but no hex digits follow as second bitmap"
    elif dialect.bitmap is not BitmapForm.BINARY and not _HEX.issuperset(wire):
        yield "the bitmap is bytes, not hex digits"


def _of_end(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[str]:
    """Say what may be left over behind the last element."""
    left = body[error.offset :]
    said = f"{len(left)} byte{'s' * (len(left) > 1)} left over"
    if left in {b"\x03", b"\x02", b"\r\n", b"\n", b"\r"}:
        yield f"{said}: the trailer of a frame (ETX or a line end)"
    elif len(left) == 8 and isinstance(error.partial, Message) and not {64, 128} & error.partial.elements.keys():
        yield f"{said}: a MAC whose bit is not set, or bytes that are written as hex digits"
    else:
        yield f"{said}: another message behind it, or a length or fixed size that is longer than the dialect says"
    yield from _hex_as_bytes(dialect, error)


def _of_unknown_bit(dialect: Dialect, error: DecodeError) -> Iterator[str]:
    """Name dialects of the same version that have the element."""
    having = [
        name
        for name, other in DIALECTS.items()
        if other.version == dialect.version and any(row.number == error.element for row in other.elements)
    ]
    if having:
        yield f"{', '.join(having[:4])} have an element {error.element}"
    else:
        yield f"no dialect has an element {error.element}: the bitmap is misread, or it is a private element"


def _of_element(axes: Axes, row: Element, body: bytes, error: DecodeError) -> Iterator[str]:
    """Say what stands where the length or value of an element should be."""
    if "length" in error.problem and axes.prefix:
        yield from _of_length(axes, row, body[error.offset : error.offset + axes.prefix])
    if error.problem.startswith("holds a character"):
        there = body[error.offset : error.offset + (2 if axes.packed else 4)]
        found, expected = kind_of(there), _expected(axes)
        if found and expected and not (found == expected or (found == "ASCII digits" and expected == "ASCII text")):
            yield f"{found} stand where {row.name} should be {expected}"
    if error.problem.startswith("wrong fill"):
        other = "at the end" if axes.coding is Coding.BCD else "in front"
        yield f"an odd number of digits is filled otherwise: with another nibble, or {other}"


def _of_length(axes: Axes, row: Element, wire: bytes) -> Iterator[str]:
    found = kind_of(wire)
    said = {
        PrefixForm.BCD: "packed digits",
        PrefixForm.BINARY: "a binary number",
        PrefixForm.CHARACTERS: "ASCII digits" if axes.prefix_page == "ascii" else "EBCDIC digits",
    }[axes.form]
    if found in {"ASCII digits", "EBCDIC digits"} and found != said:
        yield f"the dialect says that the length of {row.name} is {said}; what stands there is {found}"
    elif axes.form is PrefixForm.CHARACTERS and found == "packed digits" and len(wire) > 1:
        yield f"the dialect says that the length of {row.name} is {said}; what stands there could be packed digits"
    elif axes.form is PrefixForm.CHARACTERS and wire and 0 < wire[0] < _FIRST_PRINTABLE:
        yield f"the dialect says that the length of {row.name} is {said}; what stands there could be a binary number"


def _expected(axes: Axes) -> str:
    if axes.packed:
        return "packed digits"
    page = "ASCII" if axes.page == "ascii" else "EBCDIC"
    if axes.coding is Coding.HEX:
        return f"hex digits in {page}"
    return f"{page} digits" if axes.kind is Kind.N else f"{page} text"


def _hex_as_bytes(dialect: Dialect, error: DecodeError) -> Iterator[str]:
    """Find elements of bytes that are hex digits throughout: twice as many were meant."""
    if not isinstance(error.partial, Message):
        return
    for row in dialect.elements:
        value = error.partial.elements.get(row.number)
        if row.kind is Kind.B and isinstance(value, bytes) and len(value) >= 4 and _HEX.issuperset(value):
            yield f"DE{row.number} reads as hex digits: it is present as {2 * len(value)} hex characters, not as bytes"
