"""One level of a composite: where its parts stand, what they hold, and how one of them is written.

A form is made once of a layout and a dialect and is shared by all values; `composites.Parts` is a value that it has
split. A form knows nothing of the levels around it: its errors name a part by its key and count bytes from the
beginning of the level. Here are the forms whose parts have no tag; those with tags are in `tagged`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from twinrail.codecs import bitmap
from twinrail.codecs.leaf import Axes, Leaf, Span, axes_of
from twinrail.codecs.repertoire import ascii_tables
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import FIXED, Coding, Counts, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect
from twinrail.schemas.iso8583.layouts import BitmapParts, Layout, Part, Positional


class Piece(NamedTuple):
    """One part as it stands in the bytes of its level; `part` is None for one that the layout does not declare."""

    key: str
    part: Part | None
    layout: Layout | None  # what its value is made of
    start: int  # of its tag or length
    at: int  # of its value
    end: int
    length: int  # of its value, as `Element.length` counts


class Carried(NamedTuple):
    """A value as it stands on the wire, without tag and length, and its length as `Element.length` counts."""

    wire: bytes
    length: int


class PartValue:
    """Reads and writes the value of one part, apart from its tag and length."""

    __slots__ = ("axes", "leaf", "part")

    def __init__(self, part: Part, axes: Axes) -> None:
        self.part = part
        self.axes = axes
        self.leaf = Leaf(part.key, 0, axes)

    def read(self, raw: bytes, piece: Piece) -> str | bytes:
        """Read the value of a piece; DecodeError where it is none of its kind."""
        return self.leaf.value(raw, Span(piece.at, piece.end, piece.length))

    def write(self, value: object) -> Carried:
        """Write a value; EncodeError where the part cannot hold it."""
        wire = self.leaf.write(value)
        span = self.leaf.span(wire, 0)
        return Carried(wire[span.start : span.end], span.length)


class Form(ABC):
    """How one level is split and written; `text` where its parts are characters in ASCII."""

    ordered = False  # parts have a place of their own: none can stand twice, or elsewhere
    keys_are_read = False  # keys are bytes of the message, not numbers or names of the layout

    def __init__(self, values: dict[str, PartValue], *, text: bool) -> None:
        self.text = text
        self._values = values

    @abstractmethod
    def split(self, raw: bytes) -> Iterator[Piece]:
        """Find the parts one after the other; DecodeError where the bytes are not laid out like this."""

    @abstractmethod
    def header(self, key: str, carried: Carried) -> bytes:
        """Give what stands before a value: tag and length, or what there is of them."""

    def value(self, raw: bytes, piece: Piece) -> str | bytes:
        """Read the value of a piece; DecodeError where it is none of its kind."""
        known = self._values.get(piece.key)
        return self.plain(raw[piece.at : piece.end]) if known is None else known.read(raw, piece)

    def carry(self, key: str, value: object) -> Carried:
        """Write the value of a part, without its header; EncodeError where it cannot hold it."""
        known = self._values.get(key)
        if known is not None:
            return known.write(value)
        if self.text:
            if not (isinstance(value, str) and value.isascii()):
                raise EncodeError("not text", path=key)
            value = value.encode("ascii")
        if not isinstance(value, bytes):
            raise EncodeError("not bytes", path=key)
        return Carried(value, len(value))

    def plain(self, wire: bytes) -> str | bytes:
        """Give bytes of this level as text where the level is text."""
        return wire.decode("ascii") if self.text else wire

    def declared(self, key: str) -> tuple[Part | None, Layout | None]:
        """Give the part of a key, and what its value is made of."""
        known = self._values.get(key)
        return (None, None) if known is None else (known.part, known.part.layout)

    def index_for(self, keys: Sequence[str], key: str) -> int:
        """Say before which of the parts that are there a new one belongs; EncodeError where it has no place."""
        del key
        return len(keys)

    def led(self, raw: bytes, edited: bytes, keys: Sequence[str]) -> bytes:
        """Give an edited level with that in front which depends on what parts there are."""
        del raw, keys
        return edited


def part_axes(part: Part, dialect: Dialect, *, text: bool) -> Axes:
    """Settle the axes of a part; bytes within bytes are in hex only where the part says so."""
    axes = axes_of(part, dialect, text=text)
    if part.kind is Kind.B and part.coding is None and not text:
        return axes._replace(coding=Coding.BINARY)
    return axes


def wholly_open(layout: Layout | None) -> bool:
    """Say whether a composite is nothing but parts one behind the other, all of them public or personal.

    Such a one may be shown and searched as one value; of any other each part has to be looked at.
    """
    open_masks = {Mask.PUBLIC, Mask.PERSONAL}
    return isinstance(layout, Positional) and all(
        part.mask in open_masks and (part.layout is None or wholly_open(part.layout)) for part in layout.parts
    )


def fills_parts(layout: Layout | None, size: int) -> bool:
    """Say whether a number of this size ends where one of its parts does, as far as the parts are fixed.

    One that does not is not made of them: a card number may stand in the wrong place.
    """
    if not isinstance(layout, Positional):
        return False
    if layout.repeats:
        size = size % sum(part.length for part in layout.parts) or layout.parts[0].length
    at = 0
    for part in layout.parts:
        at += part.length
        if at == size or part.length_kind is not FIXED:
            return True
    return False


class PositionalForm(Form):
    """Parts one behind the other; the value may end after any, or within a fixed one."""

    ordered = True

    def __init__(self, layout: Positional, dialect: Dialect, *, text: bool) -> None:
        self._rows = tuple(PartValue(part, part_axes(part, dialect, text=text)) for part in layout.parts)
        super().__init__({row.part.key: row for row in self._rows}, text=text)

    def split(self, raw: bytes) -> Iterator[Piece]:
        """See Form.split; DecodeError also where bytes are left behind the last part."""
        at = 0
        for row in self._rows:
            if at == len(raw):
                return
            piece = self._piece(row, raw, at)
            yield piece
            at = piece.end
        if at < len(raw):
            raise DecodeError("more bytes than the parts have", path="", offset=at)

    def group_end(self, raw: bytes, at: int) -> int:
        """Give where the parts that begin at an offset end."""
        for row in self._rows:
            if at == len(raw):
                break
            at = self._piece(row, raw, at).end
        return at

    def header(self, key: str, carried: Carried) -> bytes:
        """See Form.header."""
        known = self._values.get(key)
        if known is None:
            raise EncodeError("not a part of the layout", path=key)
        return length_wire(known.axes, key, carried.length)

    def index_for(self, keys: Sequence[str], key: str) -> int:
        """See Form.index_for: a part can only follow all before it."""
        if len(keys) == len(self._rows) or self._rows[len(keys)].part.key != key:
            raise EncodeError("the parts before it are missing, or it is none", path=key)
        return len(keys)

    def _piece(self, row: PartValue, raw: bytes, at: int) -> Piece:
        axes, part = row.axes, row.part
        if axes.fixed and at + axes.wire_bytes(axes.length) > len(raw):
            end = len(raw)
            length = axes._replace(prefix=0, counts=Counts.BYTES, inclusive=False).length_of(end - at)
            if length < 0:
                raise DecodeError("ends within a byte", path=part.key, offset=at)
            return Piece(part.key, part, part.layout, at, at, end, length)
        span = row.leaf.span(raw, at)
        return Piece(part.key, part, part.layout, at, span.start, span.end, span.length)


class GroupsForm(Form):
    """A group of parts as often as it fits; its keys are the numbers of the groups, from 1."""

    ordered = True

    def __init__(self, layout: Positional, dialect: Dialect, *, text: bool) -> None:
        super().__init__({}, text=text)
        self._group = Positional(layout.parts)
        self._form = PositionalForm(self._group, dialect, text=text)

    def split(self, raw: bytes) -> Iterator[Piece]:
        """See Form.split; the last group may be short."""
        at = number = 0
        while at < len(raw):
            number += 1
            end = self._form.group_end(raw, at)
            if end == at:
                raise DecodeError("a group without parts", path=str(number), offset=at)
            part, layout = self.declared(str(number))
            yield Piece(str(number), part, layout, at, at, end, end - at)
            at = end

    def declared(self, key: str) -> tuple[Part | None, Layout | None]:
        """See Form.declared; a group as a whole is hidden, what may be shown is said by its parts."""
        kind = Kind.ANS if self.text else Kind.B
        return Part(key, "group", kind, FIXED, 1, Mask.SENSITIVE, self._group), self._group

    def header(self, key: str, carried: Carried) -> bytes:
        """See Form.header: groups have none."""
        del key, carried
        return b""

    def index_for(self, keys: Sequence[str], key: str) -> int:
        """See Form.index_for: groups are numbered without a gap."""
        if key != str(len(keys) + 1):
            raise EncodeError("not the next group", path=key)
        return len(keys)


class BitmapPartsForm(Form):
    """A bitmap, then the parts whose bits are set.

    The length of a part that the layout does not declare is unknown, so its bit is an error, unless it is the last that
    is set: then it has all bytes that are left.
    """

    ordered = True

    def __init__(self, layout: BitmapParts, dialect: Dialect, *, text: bool) -> None:
        rows = {part.key: PartValue(part, part_axes(part, dialect, text=text)) for part in layout.parts}
        super().__init__(rows, text=text)
        self._octets = layout.octets
        self._bitmap = BitmapForm.BINARY
        if not layout.binary:
            ascii_digits = text or ascii_tables(dialect.text) is None
            self._bitmap = BitmapForm.HEX_ASCII if ascii_digits else BitmapForm.HEX_EBCDIC
        self._width = layout.octets if layout.binary else 2 * layout.octets

    def split(self, raw: bytes) -> Iterator[Piece]:
        """See Form.split; a value without a byte has no bitmap and no parts."""
        if not raw:
            return
        keys = self._keys(raw)
        at = self._width
        for key in keys:
            row = self._values.get(key)
            if row is not None:
                span = row.leaf.span(raw, at)
                yield Piece(key, row.part, row.part.layout, at, span.start, span.end, span.length)
                at = span.end
            elif key == keys[-1]:
                yield Piece(key, None, None, at, at, len(raw), len(raw) - at)
                return
            else:
                raise DecodeError("bit set for a part that the layout does not have", path=key, offset=at)
        if at < len(raw):
            raise DecodeError("bytes after the last part", path="", offset=at)

    def _keys(self, raw: bytes) -> list[str]:
        wire = raw[: self._width]
        if len(wire) < self._width:
            raise DecodeError("ends within the bitmap", path="", offset=0)
        fault = bitmap.first_fault(wire, self._bitmap)
        if fault >= 0:
            raise DecodeError("not a hex digit", path="", offset=fault)
        bits = bitmap.from_wire(wire, self._bitmap)
        first = ["1"] if bitmap.announces_next(bits) else []
        return [*first, *map(str, bitmap.numbers_of(bits))]

    def header(self, key: str, carried: Carried) -> bytes:
        """See Form.header."""
        known = self._values.get(key)
        return b"" if known is None else length_wire(known.axes, key, carried.length)

    def index_for(self, keys: Sequence[str], key: str) -> int:
        """See Form.index_for: parts stand in the order of their bits."""
        if key not in self._values:
            raise EncodeError("not a part of the layout", path=key)
        return sum(int(other) < int(key) for other in keys)

    def led(self, raw: bytes, edited: bytes, keys: Sequence[str]) -> bytes:
        """See Form.led: the bitmap says which parts there are; it stays as it stood where they are the same."""
        if raw and keys == self._keys(raw):
            return edited
        lead = self._width if raw else 0
        bits = bitmap.bitmap_of(map(int, keys), self._octets)
        return bitmap.to_wire(bits, self._bitmap) + edited[lead:]


def length_wire(axes: Axes, key: str, length: int) -> bytes:
    """Give the prefix of a value of this length; EncodeError where it does not fit."""
    if axes.fixed:
        return b""
    try:
        return axes.prefix_wire(length)
    except OverflowError:
        raise EncodeError("length does not fit into its prefix", path=key) from None
