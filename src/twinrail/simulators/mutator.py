"""A mutator that knows where everything stands in a message, and damages it the way links, tools and attackers do.

Bytes that are changed blindly hardly ever get past the message type. Here a message is taken apart first (`anatomy`):
message type, bitmaps, length prefixes and values; then one to three operations are applied to what they are about. The
same randomness gives the same mutants.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from twinrail.codecs import bitmap
from twinrail.codecs.leaf import Axes
from twinrail.codecs.repertoire import ascii_tables
from twinrail.codecs.table import THIRD_BIT, Table
from twinrail.schemas.iso8583.axes import PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect, Third

GROWTH_MAX = 8192  # bytes that one operation adds at most
_OPERATIONS = (1, 1, 1, 2, 3)  # on one mutant: one alone is likeliest to come out as a message
_TO_EBCDIC = (ascii_tables("cp037") or (b"", b""))[1]
_TO_ASCII = (ascii_tables("cp037") or (b"", b""))[0]
# Bytes at which decoders go wrong: digits that `int` takes and no length holds, separators, nibbles beyond 9, limits.
_ODD = b"0123456789 +-_=DFACEadf\x00\x01\x0a\x0f\x1f\x7f\x80\x81\x84\x90\x99\x9f\xa0\xb2\xc3\xf0\xfa\xff"
_NO_DIGITS = (b" ", b"+", b"-", b"_", b"a", b"\xb2", b"\x00", b"\xff", b"\xf0", b"\x40")


class Region(NamedTuple):
    """A piece of a message: "mti", "bitmap", "prefix" or "value", and the element that it belongs to (0 for none)."""

    what: str
    start: int
    end: int
    element: int = 0
    axes: Axes | None = None


class Specimen(NamedTuple):
    """A good message as it stands on the wire, and its pieces in their order, without a gap."""

    wire: bytes
    regions: tuple[Region, ...]


def anatomy(table: Table, wire: bytes) -> Specimen:
    """Take a good message apart; DecodeError for one that is none."""
    numbers, offset = table.read_bitmap(wire, table.decode(wire))
    regions = [Region("mti", 0, table.mti_bytes)]
    width = bitmap.width_of(table.form)
    regions += [Region("bitmap", at, at + width) for at in range(table.mti_bytes, offset, width)]
    waiting = list(numbers)
    while waiting:
        number = waiting.pop(0)
        if number == THIRD_BIT and table.third is Third.IN_ELEMENT:
            bits = bitmap.from_wire(wire[offset : offset + width], table.form)
            waiting += [2 * bitmap.ELEMENTS + more for more in bitmap.numbers_of(bits)]
            regions.append(Region("bitmap", offset, offset + width))
            offset += width
            continue
        leaf = table.leaves[number]
        span = leaf.span(wire, offset)
        if span.start > offset:
            regions.append(Region("prefix", offset, span.start, number, leaf.axes))
        regions.append(Region("value", span.start, span.end, number, leaf.axes))
        offset = span.end
    return Specimen(wire, tuple(regions))


class Mutator:
    """Makes mutants of the good messages of one dialect."""

    def __init__(self, dialect: Dialect, chance: random.Random) -> None:
        self.table = Table(dialect)
        self.chance = chance
        self._form = dialect.bitmap
        self._operations: tuple[Callable[[bytearray, Specimen, Specimen], None], ...] = tuple(
            getattr(self, name) for name in OPERATIONS
        )

    def specimen(self, wire: bytes) -> Specimen:
        """Take a good message apart, once for all its mutants; DecodeError for one that is none."""
        return anatomy(self.table, wire)

    def mutate(self, good: Specimen, other: Specimen) -> bytes:
        """Make one mutant of a good message; `other` is what is spliced in. It may still be a good one."""
        data = bytearray(good.wire)
        for _ in range(self.chance.choice(_OPERATIONS)):
            self.chance.choice(self._operations)(data, good, other)
        return bytes(data)

    def apply(self, name: str, good: Specimen, other: Specimen) -> bytes:
        """Apply one operation by its name."""
        data = bytearray(good.wire)
        self._operations[OPERATIONS.index(name)](data, good, other)
        return bytes(data)

    def blind(self, data: bytes, good: Specimen) -> bytes:
        """Damage bytes of which nothing is known, as a fuzzer keeps them."""
        if not data:
            return good.wire
        whole = Specimen(data, (Region("value", 0, len(data)),))
        made = bytearray(data)
        for name in self.chance.choices(BLIND, k=2):
            self._operations[OPERATIONS.index(name)](made, whole, good)
        return bytes(made)

    # Bitmaps and lengths: what decides how all that follows is read.

    def flip_bitmap(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Announce an element that is not there, or hide one that is."""
        region = self._region(good, "bitmap")
        bit = self.chance.choice((0, 0, *range(64)))
        if self._form is BitmapForm.BINARY:
            at = region.start + bit // 8
            if at < len(data):
                data[at] ^= 0x80 >> bit % 8
            return
        wire = bytes(data[region.start : region.end])
        if len(wire) < region.end - region.start or bitmap.first_fault(wire, self._form) >= 0:
            return
        bits = int.from_bytes(bitmap.from_wire(wire, self._form), "big") ^ (1 << 63 - bit)
        data[region.start : region.end] = bitmap.to_wire(bits.to_bytes(8, "big"), self._form)

    def lie(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Let a length say something else: one more, one less, nothing, all it can, or no number at all."""
        region = self._region(good, "prefix")
        axes = region.axes
        if axes is None or region.what != "prefix":
            return self.odd_byte(data, good, good)
        kind = self.chance.randrange(8)
        if kind == 0:
            at = region.start + self.chance.randrange(axes.prefix)
            data[at : at + 1] = self.chance.choice(_NO_DIGITS)
            return None
        if kind == 1:
            data[region.start : region.end] = b"\xff" * axes.prefix
            return None
        read = table_length(axes, bytes(data[region.start : region.end]))
        far = self.chance.randint(0, 2 * axes.length)
        length = (read + 1, max(read - 1, 0), 0, axes.length, axes.length + 1, far)[kind - 2]
        try:
            wire = axes.prefix_wire(length)
        except OverflowError:
            wire = b"\x99" * axes.prefix if axes.form is PrefixForm.BCD else b"9" * axes.prefix
        data[region.start : region.end] = wire
        return None

    def resize(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Make a value longer or shorter, and let its length say so: what comes out is often a good message."""
        region = self._region(good, "prefix")
        axes = region.axes
        if axes is None or region.what != "prefix":
            return self.cut(data, good, good)
        value = good.regions[good.regions.index(region) + 1]
        length = self.chance.randint(axes.least, min(axes.length, 64))
        wanted, wire = axes.wire_bytes(length), good.wire[value.start : value.end] or b"0"
        data[region.start : value.end] = axes.prefix_wire(length) + (wire * (wanted // len(wire) + 1))[:wanted]
        return None

    # Characters.

    def swap_charset(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Carry a piece, or the whole message, in another code page or in packed digits."""
        region = self._region(good, "")
        piece = slice(0, len(data)) if self.chance.random() < 0.1 else slice(region.start, region.end)
        wire = bytes(data[piece])
        kind = self.chance.randrange(5)
        if kind == 0:
            data[piece] = wire.translate(_TO_EBCDIC)
        elif kind == 1:
            data[piece] = wire.translate(_TO_ASCII)
        elif kind == 2:
            data[piece] = wire.hex().encode("ascii")
        elif kind == 3 and wire.isdigit():
            data[piece] = bytes.fromhex(wire.decode("ascii") + "0" * (len(wire) & 1))
        else:
            data[piece] = wire.swapcase()

    def flip_high_bit(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Turn the highest bit of a byte, or of many bytes of a piece, as parity does."""
        region = self._region(good, "")
        at = self.chance.randint(region.start, region.end)
        for index in range(at, min(len(data), at + 1 if self.chance.random() < 0.7 else region.end)):
            data[index] ^= 0x80

    def odd_byte(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Put a byte at which decoders go wrong into a piece."""
        at = self._at(data, good)
        if at < len(data):
            data[at] = self.chance.choice(_ODD)

    def flip_bit(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Flip one bit."""
        at = self._at(data, good)
        if at < len(data):
            data[at] ^= 1 << self.chance.randrange(8)

    # Bytes that are missing, or too many.

    def cut(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Leave out a piece, or a few bytes of it."""
        region = self._region(good, "")
        if self.chance.random() < 0.5:
            del data[region.start : region.end]
        else:
            at = self._at(data, good)
            del data[at : at + self.chance.randint(1, 4)]

    def put_in(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Put a few bytes in."""
        at = self._at(data, good)
        data[at:at] = self.chance.randbytes(self.chance.randint(1, 4))

    def swell(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Put a long run of one byte in: every tenth time as much as a link lets through."""
        at = self._at(data, good)
        size = self.chance.randint(1, GROWTH_MAX if self.chance.random() < 0.1 else 128)
        data[at:at] = bytes((self.chance.choice(_ODD),)) * size

    def end_early(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """End the message, at the edge of a piece or within one."""
        region = self._region(good, "")
        del data[region.end if self.chance.random() < 0.5 else self._at(data, good) :]

    # Pieces in the wrong place.

    def double(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Send an element twice."""
        start, end = self._element(good)
        data[end:end] = good.wire[start:end]

    def swap_elements(self, data: bytearray, good: Specimen, _other: Specimen) -> None:
        """Let an element stand where another is announced."""
        (start, end), (later, last) = sorted((self._element(good), self._element(good)))
        if end <= later:
            wire = good.wire
            data[start:last] = wire[later:last] + wire[end:later] + wire[start:end]

    def splice(self, data: bytearray, good: Specimen, other: Specimen) -> None:
        """Go on with another message, at the edge of a piece of both or anywhere."""
        if self.chance.random() < 0.5:
            data[self._region(good, "").end :] = other.wire[self._region(other, "").end :]
        else:
            data[self._at(data, good) :] = other.wire[self.chance.randint(0, len(other.wire)) :]

    def _region(self, good: Specimen, what: str) -> Region:
        """Draw a piece, of one kind where there is any."""
        regions: Sequence[Region] = good.regions
        if what:
            regions = [region for region in regions if region.what == what] or regions
        return self.chance.choice(regions)

    def _element(self, good: Specimen) -> tuple[int, int]:
        """Draw an element with its length: where it begins and ends."""
        region = self._region(good, "value")
        before = good.regions[good.regions.index(region) - 1]
        return (before.start if before.what == "prefix" else region.start), region.end

    def _at(self, data: bytearray, good: Specimen) -> int:
        """Draw a place within a piece; pieces are alike, however many bytes they have."""
        region = self._region(good, "")
        return min(self.chance.randint(region.start, max(region.start, region.end - 1)), len(data))


def table_length(axes: Axes, wire: bytes) -> int:
    """Read the length that a prefix says; 0 where it says none."""
    if axes.form is PrefixForm.BINARY:
        counted = int.from_bytes(wire, "big")
    else:
        tables = ascii_tables(axes.prefix_page) if axes.form is PrefixForm.CHARACTERS else None
        digits = wire.hex().encode("ascii") if axes.form is PrefixForm.BCD else wire
        digits = digits if tables is None else digits.translate(tables[0])
        counted = int(digits) if digits.isdigit() else 0
    return max(axes.length_of(counted), 0)


OPERATIONS = (
    *("flip_bitmap", "lie", "resize", "swap_charset", "flip_high_bit", "odd_byte", "flip_bit"),
    *("cut", "put_in", "swell", "end_early", "double", "swap_elements", "splice"),
)
BLIND = ("flip_high_bit", "odd_byte", "flip_bit", "cut", "put_in", "swell", "end_early", "splice", "swap_charset")
