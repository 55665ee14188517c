"""The table-driven codec: one row after the other, for any bitmap, and every error in words.

It is the judge: what a generated function refuses, the table decides again and says why and where.
"""

from typing import NamedTuple

import msgspec

from twinrail.codecs.bitmap import BOTH_BYTES, FIRST_BYTES, announces_second, bitmap_of, numbers_of
from twinrail.codecs.compile import mti_table
from twinrail.codecs.repertoire import PACKED_DIGITS, Judge, ascii_tables, judge_of, table_of
from twinrail.errors import DecodeError, EncodeError, SettingsError
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Kind, Length, Numbers

VERSION_DIGITS = {"1987": "0", "1993": "1", "2003": "2"}
_HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")


class Message(msgspec.Struct, gc=False):
    """A decoded message: its type and its elements by number, bytes for Kind.B and text for all others.

    The representation shows element numbers and lengths, never a value. gc=False, since a message can hold no cycle:
    it saves a tenth of a microsecond and keeps a window full of messages out of the garbage collector's way.
    """

    mti: str
    elements: dict[int, str | bytes]

    def __repr__(self) -> str:
        lengths = " ".join(f"{number}:{len(value)}" for number, value in self.elements.items())
        return f"Message({self.mti} {lengths})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Keep what rich prints as closed as `repr`; msgspec would give it every value."""
        return [("mti", self.mti), ("lengths", {number: len(value) for number, value in self.elements.items()})]


class _Row(NamedTuple):
    """A row of the dialect made ready: looking at enums for each element of a message would double the time."""

    number: int
    path: str
    length: int
    fixed: bool
    digits: int  # of the length prefix
    prefix: int  # bytes of the length prefix
    binary: bool
    blank_filled: bool  # short fixed text is filled on the right
    packed: bool  # two digits to a byte
    track: bool  # packed, filled with F on the right
    signed: bool  # packed, with a sign in a byte of its own
    judge: Judge


class _Span(NamedTuple):
    """Where a value stands in the data, and its length as the wire counts it."""

    start: int
    end: int
    length: int


class Step(NamedTuple):
    """What stands before an element on the wire: a number of bytes, then a length prefix if `table` is not None."""

    skip: int  # bytes of fixed elements
    prefix: int  # bytes of the length prefix
    table: dict[bytes, int] | None  # prefix -> bytes of the value


class Table:
    """Reads and writes messages of one dialect by its rows; SettingsError where they contradict themselves.

    `first` and `both` are where one and two bitmaps stand in a message (the same where there are always two).
    """

    def __init__(self, dialect: Dialect) -> None:
        _verify(dialect)
        self.packed = dialect.numbers is Numbers.BCD
        self.mtis = mti_table(dialect)
        self.mti_bytes = 2 if self.packed else 4
        self._mti_wires = {mti: wire for wire, mti in self.mtis.items()}
        self._rows = {row.number: _ready(row, packed=self.packed) for row in dialect.elements}
        stan = self._rows.get(11)
        self.stan_bytes = _wire_bytes(stan, stan.length) if stan and stan.fixed and not stan.binary else 0
        self._prefix_table = table_of(PACKED_DIGITS if self.packed else frozenset(b"0123456789"))
        self._two = dialect.bitmaps is Bitmaps.ALWAYS_TWO
        page = ascii_tables(dialect.text)
        self._to_ascii = page[0] if page else None
        self._from_ascii = page[1] if page else None
        self.hex = dialect.bitmap is BitmapForm.HEX_ASCII
        self._bitmap_width = FIRST_BYTES * (2 if self.hex else 1)
        self.both = slice(self.mti_bytes, self.mti_bytes + 2 * self._bitmap_width)
        self.first = self.both if self._two else slice(self.mti_bytes, self.mti_bytes + self._bitmap_width)

    def decode(self, data: bytes) -> Message:
        """Read one message; see Codec.decode."""
        plain = self._ascii(data)
        mti = self._read_mti(data)
        elements: dict[int, str | bytes] = {}
        message = Message(mti, elements)
        numbers, offset = self.read_bitmap(data, message)
        first: DecodeError | None = None
        kept: dict[int, str | bytes] = {}
        for number in numbers:
            try:
                span = self._span(number, data, plain, offset)
            except DecodeError as lost:
                raise _with_partial(first or lost, Message(mti, kept if first else elements)) from None
            try:
                elements[number] = _value(self._rows[number], data, plain, span)
            except DecodeError as bad:
                if first is None:
                    first, kept = bad, dict(elements)
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
            row = self._rows.get(number)
            if row is None:
                return None
            if row.fixed:
                skip += _wire_bytes(row, row.length)
                continue
            table = {self._write_length(row, length): _wire_bytes(row, length) for length in range(row.length + 1)}
            steps.append(Step(skip, row.prefix, table))
            skip = 0
        return (*steps, Step(skip, 0, None))

    def stan(self, wire: bytes) -> str | None:
        """Read the bytes of DE11 by themselves; None where they are not the digits that they should be."""
        text = wire.hex() if self.packed else self._ascii(wire).decode("latin-1")
        whole = bool(wire) and len(wire) == self.stan_bytes
        return text if whole and text.isascii() and text.isdigit() else None

    def _ascii(self, data: bytes) -> bytes:
        return data if self._to_ascii is None else data.translate(self._to_ascii)

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
        first = self._bitmap_bytes(data, start, message)
        if not self._two and not announces_second(first):
            return numbers_of(first), self.first.stop
        if self._two and announces_second(first):
            raise DecodeError("bit 1 set", path="bitmap", offset=start, partial=message)
        second = self._bitmap_bytes(data, start + (self.both.stop - start) // 2, message)
        return numbers_of(first + second), self.both.stop

    def _bitmap_bytes(self, data: bytes, start: int, message: Message) -> bytes:
        width = FIRST_BYTES * (2 if self.hex else 1)
        wire = data[start : start + width]
        if len(wire) < width:
            raise DecodeError("message ends within the bitmap", path="bitmap", offset=start, partial=message)
        if not self.hex:
            return wire
        for index, byte in enumerate(wire):
            if byte not in _HEX_DIGITS:
                raise DecodeError("not a hex digit", path="bitmap", offset=start + index, partial=message)
        return bytes.fromhex(wire.decode("ascii"))

    def _span(self, number: int, data: bytes, plain: bytes, offset: int) -> _Span:
        """Find one value; an error here loses all alignment."""
        row = self._rows.get(number)
        if row is None:
            raise DecodeError(
                "bit set for an element that the dialect does not have",
                path=str(number),
                offset=offset,
                element=number,
            )
        start, length = offset, row.length
        if not row.fixed:
            start = offset + row.prefix
            length = self._read_length(row, data if self.packed else plain, offset)
        end = start + _wire_bytes(row, length)
        if end > len(data):
            raise DecodeError("message ends within the element", path=row.path, offset=offset, element=number)
        return _Span(start, end, length)

    def _read_length(self, row: _Row, wire: bytes, offset: int) -> int:
        prefix = wire[offset : offset + row.prefix]
        if len(prefix) < row.prefix:
            raise DecodeError("message ends within the length", path=row.path, offset=offset, element=row.number)
        if not prefix.translate(self._prefix_table).isdigit():
            raise DecodeError("length is not digits", path=row.path, offset=offset, element=row.number)
        length = int(prefix.hex() if self.packed else prefix)
        if length > row.length:
            raise DecodeError("length above the maximum", path=row.path, offset=offset, element=row.number)
        return length

    def encode(self, message: Message) -> bytes:
        """Write one message; see Codec.encode."""
        mti, elements = message.mti, message.elements
        wire = self._mti_wires.get(mti)
        if wire is None:
            raise EncodeError("not a message type of this version", path="mti")
        numbers: list[int] = []
        for number in elements:
            if number not in self._rows:
                raise EncodeError("not an element of the dialect", path=str(number) if type(number) is int else "?")
            numbers.append(number)
        numbers.sort()
        two = self._two or any(number > FIRST_BYTES * 8 for number in numbers)
        bitmap = bitmap_of(numbers, two=two, announce=two and not self._two)
        parts = [wire, bitmap.hex().upper().encode("ascii") if self.hex else bitmap]
        parts += [self._write(self._rows[number], elements[number]) for number in numbers]
        return b"".join(parts)

    def _write(self, row: _Row, value: object) -> bytes:
        if row.binary:
            if not isinstance(value, bytes):
                raise EncodeError("not bytes", path=row.path)
            return self._write_length(row, len(value)) + value
        if not isinstance(value, str):
            raise EncodeError("not text", path=row.path)
        if row.blank_filled:
            value = value.ljust(row.length)
        prefix = self._write_length(row, len(value))
        plain = value.encode("latin-1", "replace")
        if row.track:
            plain = plain.replace(b"=", b"D")
        unpackable = row.track and plain.translate(None, b"0123456789D")
        if not value.isascii() or unpackable or row.judge(plain) >= 0:
            raise EncodeError("holds a character that the kind does not allow", path=row.path)
        if not row.packed or not plain:
            return prefix + self._page(plain)
        sign, digits = (plain[:1], plain[1:]) if row.signed else (b"", plain)
        if len(digits) & 1:
            digits = digits + b"F" if row.track else b"0" + digits
        return prefix + self._page(sign) + bytes.fromhex(digits.decode("ascii"))

    def _page(self, plain: bytes) -> bytes:
        return plain if self._from_ascii is None else plain.translate(self._from_ascii)

    def _write_length(self, row: _Row, length: int) -> bytes:
        if row.fixed:
            if length != row.length:
                raise EncodeError("not of the fixed length", path=row.path)
            return b""
        if length > row.length:
            raise EncodeError("length above the maximum", path=row.path)
        if self.packed:
            return bytes.fromhex(f"{length:0{2 * row.prefix}d}")
        return self._page(f"{length:0{row.digits}d}".encode("ascii"))


def _ready(row: Element, *, packed: bool) -> _Row:
    fixed = row.length_kind is Length.FIXED
    digits = row.length_kind.value
    return _Row(
        number=row.number,
        path=str(row.number),
        length=row.length,
        fixed=fixed,
        digits=digits,
        prefix=(digits + 1) // 2 if packed else digits,
        binary=row.kind is Kind.B,
        blank_filled=fixed and row.kind in {Kind.A, Kind.AN, Kind.ANS},
        packed=packed and row.kind in {Kind.N, Kind.Z, Kind.XN},
        track=packed and row.kind is Kind.Z,
        signed=packed and row.kind is Kind.XN,
        judge=judge_of(row.kind, fixed=fixed),
    )


def _wire_bytes(row: _Row, length: int) -> int:
    """Give the bytes that a value of this length takes: packed digits share a byte, a sign has its own."""
    if not row.packed:
        return length
    return (length + 2) // 2 if row.signed and length else (length + 1) // 2


def _value(row: _Row, data: bytes, plain: bytes, span: _Span) -> str | bytes:
    """Read and judge one value that was found."""
    if row.binary:
        return data[span.start : span.end]
    if row.packed:
        return _packed_value(row, data, plain, span) if span.length else ""
    value = plain[span.start : span.end]
    index = row.judge(value)
    if index >= 0:
        raise _bad_character(row, span.start + index)
    return value.decode("ascii")


def _packed_value(row: _Row, data: bytes, plain: bytes, span: _Span) -> str:
    """Read digits that are packed two to a byte: numbers filled with 0 on the left, tracks with F on the right."""
    sign, start, count = "", span.start, span.length
    if row.signed:
        sign, start, count = plain[start : start + 1].decode("latin-1"), start + 1, count - 1
        if sign not in {"C", "D"} or not count:
            raise _bad_character(row, span.start)
    nibbles = data[start : span.end].hex().upper()
    fill = ""
    if count & 1:
        fill, nibbles = (nibbles[-1], nibbles[:-1]) if row.track else (nibbles[0], nibbles[1:])
    if not (nibbles.replace("D", "0") if row.track else nibbles).isdigit():
        allowed = "0123456789D" if row.track else "0123456789"
        index = next(index for index, nibble in enumerate(nibbles) if nibble not in allowed)
        raise _bad_character(row, start + (index + (1 if fill and not row.track else 0)) // 2)
    if fill and fill != ("F" if row.track else "0"):
        raise DecodeError(
            "wrong fill of an odd number of digits",
            path=row.path,
            offset=span.end - 1 if row.track else start,
            element=row.number,
        )
    return sign + nibbles


def _with_partial(error: DecodeError, partial: Message) -> DecodeError:
    error.partial = partial
    return error


def _bad_character(row: _Row, offset: int) -> DecodeError:
    return DecodeError(
        "holds a character that the kind does not allow", path=row.path, offset=offset, element=row.number
    )


def _verify(dialect: Dialect) -> None:
    """Refuse rows that contradict themselves, so that no message has to find out."""
    if dialect.version not in VERSION_DIGITS:
        raise SettingsError(f"dialect {dialect.name}: version {dialect.version!r} is not 1987, 1993 or 2003")
    try:
        ascii_tables(dialect.text)
    except ValueError as error:
        raise SettingsError(f"dialect {dialect.name}: text {dialect.text!r}: {error}") from error
    seen: set[int] = set()
    for row in dialect.elements:
        where = f"dialect {dialect.name}, element {row.number}"
        if not 2 <= row.number <= BOTH_BYTES * 8:
            raise SettingsError(f"{where}: elements are numbered from 2 to 128")
        if row.number in seen:
            raise SettingsError(f"{where}: stated twice")
        seen.add(row.number)
        if row.length < (2 if row.kind is Kind.XN else 1):
            raise SettingsError(f"{where}: no room for a value")
        if row.length_kind is not Length.FIXED and row.length >= 10**row.length_kind.value:
            raise SettingsError(f"{where}: the length does not fit into its prefix")
