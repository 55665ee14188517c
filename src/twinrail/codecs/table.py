"""The table-driven codec: one row after the other, for any bitmap, and every error in words.

It is the judge: what a generated function refuses, the table decides again and says why and where.
"""

from typing import NamedTuple

import msgspec

from twinrail.codecs import bitmap
from twinrail.codecs.compile import mti_table
from twinrail.codecs.dialect_check import verify
from twinrail.codecs.leaf import PACKED, Leaf, axes_of
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.elements import Bitmaps, Dialect, Third

THIRD_BIT = 65  # of the second bitmap, its first
_TWO = 2 * bitmap.ELEMENTS
_STEPS_LENGTH_MAX = 9999  # longer variable elements before DE11 are not stepped over by a table


class Message(msgspec.Struct, gc=False):
    """A decoded message: its type and its elements by number, bytes for Kind.B and text for all others.

    `canonical` says whether `encode` would write the very bytes that were read: hex digits in lower case and a second
    bitmap without a bit set are accepted and would not be written. The representation shows element numbers and
    lengths, never a value. gc=False, since a message can hold no cycle: it saves a tenth of a microsecond and keeps a
    window full of messages out of the garbage collector's way.
    """

    mti: str
    elements: dict[int, str | bytes]
    canonical: bool = True

    def __repr__(self) -> str:
        lengths = " ".join(f"{number}:{len(value)}" for number, value in self.elements.items())
        return f"Message({self.mti} {lengths})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Keep what rich prints as closed as `repr`; msgspec would give it every value."""
        return [("mti", self.mti), ("lengths", {number: len(value) for number, value in self.elements.items()})]


class Step(NamedTuple):
    """What stands before an element on the wire: a number of bytes, then a length prefix if `table` is not None."""

    skip: int  # bytes of fixed elements
    prefix: int  # bytes of the length prefix
    table: dict[bytes, int] | None  # prefix -> bytes of the value


class Table:
    """Reads and writes messages of one dialect by its rows; SettingsError where they contradict themselves.

    `first`, `both` and `three` are where one, two and three bitmaps stand in a message (the same where there are always
    two, or never three).
    """

    def __init__(self, dialect: Dialect) -> None:
        verify(dialect)
        self.mtis = mti_table(dialect)
        self.mti_bytes = mti_bytes(dialect)
        self.third = dialect.third
        self.form = dialect.bitmap
        self._mti_wires = {mti: wire for wire, mti in self.mtis.items()}
        self.leaves = {row.number: Leaf(str(row.number), row.number, axes_of(row, dialect)) for row in dialect.elements}
        self._stan = self.leaves.get(11)
        stan = self._stan.axes if self._stan is not None else None
        self.stan_bytes = stan.wire_bytes(stan.length) if stan is not None and stan.fixed else 0
        self._two = dialect.bitmaps is Bitmaps.ALWAYS_TWO
        self._width = bitmap.width_of(self.form)
        self.both = slice(self.mti_bytes, self.mti_bytes + 2 * self._width)
        self.first = self.both if self._two else slice(self.mti_bytes, self.mti_bytes + self._width)
        self.three = slice(self.mti_bytes, self.mti_bytes + (3 if self.third is Third.CONTIGUOUS else 2) * self._width)

    def decode(self, data: bytes) -> Message:
        """Read one message; see Codec.decode."""
        mti = self._read_mti(data)
        elements: dict[int, str | bytes] = {}
        message = Message(mti, elements)
        numbers, offset = self.read_bitmap(data, message)
        waiting = list(reversed(numbers))
        third_in = THIRD_BIT if self.third is Third.IN_ELEMENT else 0
        leaves = self.leaves
        first: DecodeError | None = None
        kept: dict[int, str | bytes] = {}
        while waiting:
            number = waiting.pop()
            try:
                if number == third_in:
                    more, offset = self._third_in_element(data, offset, message)
                    waiting[:0] = reversed(more)
                    continue
                leaf = leaves.get(number)
                if leaf is None:
                    raise _unknown(number, offset)
                span = leaf.span(data, offset)
            except DecodeError as lost:
                raise _with_partial(first or lost, Message(mti, kept if first else elements)) from None
            try:
                elements[number] = leaf.value(data, span)
            except DecodeError as bad:
                if first is None:
                    first, kept = bad, dict(elements)
            else:
                if leaf.is_hex:
                    message.canonical &= leaf.canonical(data, span)
            offset = span.end
        if offset != len(data):
            trailing = DecodeError("bytes after the last element", path="end", offset=offset)
            raise _with_partial(first or trailing, Message(mti, kept if first else elements))
        if first is not None:
            raise _with_partial(first, message)
        return message

    def steps_to(self, target: int, numbers: tuple[int, ...]) -> tuple[Step, ...] | None:
        """Give the steps over all elements before one; None where the dialect does not have one of them."""
        steps: list[Step] = []
        skip = 0
        for number in numbers:
            if number >= target:
                break
            leaf = self.leaves.get(number)
            if leaf is None or (not leaf.axes.fixed and leaf.axes.length > _STEPS_LENGTH_MAX):
                return None
            axes = leaf.axes
            if axes.fixed:
                skip += axes.wire_bytes(axes.length)
                continue
            lengths = range(axes.least, axes.length + 1)
            table = {axes.prefix_wire(length): axes.wire_bytes(length) for length in lengths}
            steps.append(Step(skip, axes.prefix, table))
            skip = 0
        return (*steps, Step(skip, 0, None))

    def stan(self, wire: bytes) -> str | None:
        """Read the bytes of DE11 by themselves; None where they are not the digits that they should be."""
        if self._stan is None or not wire or len(wire) != self.stan_bytes:
            return None
        try:
            value, _ = self._stan.read(wire, 0)
        except DecodeError:
            return None
        return value if isinstance(value, str) else None

    def _read_mti(self, data: bytes) -> str:
        wire = data[: self.mti_bytes]
        if len(wire) < self.mti_bytes:
            raise DecodeError("message ends within the message type", path="mti", offset=0)
        mti = self.mtis.get(wire)
        if mti is None:
            raise DecodeError("not a message type of this version", path="mti", offset=0)
        return mti

    def read_bitmap(self, data: bytes, message: Message) -> tuple[tuple[int, ...], int]:
        """Give the numbers of the elements that are present, and the offset of the first."""
        start = self.mti_bytes
        bits, offset = self._bitmap(data, start, message), start + self._width
        if self._two and bitmap.announces_next(bits):
            raise DecodeError("bit 1 set", path="bitmap", offset=start, partial=message)
        if not self._two and not bitmap.announces_next(bits):
            return bitmap.numbers_of(bits), offset
        second = self._bitmap(data, offset, message)
        offset += self._width
        numbers = bitmap.numbers_of(bits + second)
        if not bitmap.announces_next(second):
            # Announced and empty would not be written again, unless two are written always.
            message.canonical &= self._two or any(second)
            return numbers, offset
        if self.third is not Third.CONTIGUOUS:
            return numbers, offset  # bit 65 is an element, one that the dialect does not have if it means nothing
        third = self._bitmap(data, offset, message)
        message.canonical &= any(third)
        numbers = tuple(number for number in bitmap.numbers_of(bits + second + third) if number != THIRD_BIT)
        return numbers, offset + self._width

    def _third_in_element(self, data: bytes, offset: int, message: Message) -> tuple[list[int], int]:
        """Read the third bitmap where element 65 would stand; its elements come behind all others."""
        third = self._bitmap(data, offset, message, path=str(THIRD_BIT))
        message.canonical &= any(third)
        numbers = [number + _TWO for number in bitmap.numbers_of(third)]
        first = [_TWO + 1] if bitmap.announces_next(third) else []
        return first + numbers, offset + self._width

    def _bitmap(self, data: bytes, start: int, message: Message, *, path: str = "bitmap") -> bytes:
        wire = data[start : start + self._width]
        if len(wire) < self._width:
            raise DecodeError("message ends within the bitmap", path=path, offset=start, partial=message)
        fault = bitmap.first_fault(wire, self.form)
        if fault >= 0:
            raise DecodeError("not a hex digit", path=path, offset=start + fault, partial=message)
        bits = bitmap.from_wire(wire, self.form)
        message.canonical &= bitmap.to_wire(bits, self.form) == wire
        return bits

    def encode(self, message: Message) -> bytes:
        """Write one message; see Codec.encode."""
        mti, elements = message.mti, message.elements
        wire = self._mti_wires.get(mti)
        if wire is None:
            raise EncodeError("not a message type of this version", path="mti")
        for number in elements:
            if number not in self.leaves:
                raise EncodeError("not an element of the dialect", path=str(number) if type(number) is int else "?")
        numbers = sorted(elements)
        parts = [wire, bitmap.to_wire(self.bits_of(numbers), self.form)]
        third_at = -1
        for number in numbers:
            if number > THIRD_BIT and third_at < 0:
                third_at = len(parts)
            parts.append(self.leaves[number].write(elements[number]))
        if self.third is Third.IN_ELEMENT and numbers and numbers[-1] > _TWO:
            bits = bitmap.bitmap_of((number - _TWO for number in numbers if number > _TWO), bitmap.OCTETS)
            parts.insert(third_at, bitmap.to_wire(bits, self.form))
        return b"".join(parts)

    def bits_of(self, numbers: list[int]) -> bytes:
        """Give the leading bitmaps of a message with these elements, in ascending order."""
        last = numbers[-1] if numbers else 0
        if last > _TWO and self.third is Third.CONTIGUOUS:
            return bitmap.bitmap_of([1, THIRD_BIT, *numbers] if not self._two else [THIRD_BIT, *numbers], 24)
        if last > _TWO:
            numbers = [*(number for number in numbers if number <= _TWO), THIRD_BIT]
            last = _TWO
        if self._two or last > bitmap.ELEMENTS:
            return bitmap.bitmap_of(numbers if self._two else [1, *numbers], 16)
        return bitmap.bitmap_of(numbers, 8)


def mti_bytes(dialect: Dialect) -> int:
    """Give how many bytes a message type takes on the wire."""
    return 2 if (dialect.mti or dialect.numbers) in PACKED else 4


def _unknown(number: int, offset: int) -> DecodeError:
    problem = "bit set for an element that the dialect does not have"
    return DecodeError(problem, path=str(number), offset=offset, element=number)


def _with_partial(error: DecodeError, partial: Message) -> DecodeError:
    error.partial = partial
    return error
