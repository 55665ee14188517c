"""One value on the wire: its length, its characters, its fill; read and written by the axes that a dialect states.

A leaf is an element of a message or a part of a composite. What a dialect leaves open is settled here, once
(`axes_of`), so that everything that reads, writes or generates code works on settled axes. Reading is in two steps,
since they fail differently: without its `span` a value loses the alignment of all that follows, without a good `value`
only itself is lost.
"""

from typing import NamedTuple

from twinrail.codecs.repertoire import Judge, ascii_tables, judge_of
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import (
    NO_PAD,
    Coding,
    Counts,
    Kind,
    Length,
    Pad,
    Prefix,
    PrefixForm,
)
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import Part

PACKED = frozenset({Coding.BCD, Coding.BCD_RIGHT})
_DIGITS = b"0123456789"
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_BINARY_SIZES = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3}  # bytes of a binary prefix by the digits of its name


class Axes(NamedTuple):
    """Everything that is to know of a value, with nothing left open; lengths as in `Element`."""

    kind: Kind
    fixed: bool
    length: int
    least: int
    coding: Coding
    page: str
    nibble: str  # fills an odd number of packed digits
    pad: Pad
    digits: int  # of the length
    prefix: int  # bytes of the length
    form: PrefixForm
    prefix_page: str
    counts: Counts
    inclusive: bool

    @property
    def packed(self) -> bool:
        """Say whether two digits share a byte."""
        return self.coding in PACKED

    def wire_bytes(self, length: int) -> int:
        """Give the bytes that a value of this length takes; a sign has a byte of its own."""
        if self.coding is Coding.HEX:
            return 2 * length
        if not self.packed:
            return length
        return 1 + length // 2 if self.kind is Kind.XN and length else (length + 1) // 2

    def counted(self, length: int) -> int:
        """Give the number that the prefix of a value of this length says."""
        count = self.wire_bytes(length) if self.counts is Counts.BYTES else length
        return count + self.prefix if self.inclusive else count

    def length_of(self, counted: int) -> int:
        """Give the length that a prefix means; -1 where there is no such length.

        A packed value whose bytes are counted is taken to fill them: whether its last digit is fill shows only when it
        is read.
        """
        count = counted - self.prefix if self.inclusive else counted
        if count < 0 or self.counts is Counts.VALUE:
            return max(count, -1)
        if self.coding is Coding.HEX:
            return -1 if count & 1 else count // 2
        if not self.packed:
            return count
        return 2 * count - 1 if self.kind is Kind.XN and count else 2 * count

    def prefix_wire(self, length: int) -> bytes:
        """Give the bytes of the prefix of a value of this length; OverflowError where it does not fit."""
        counted = self.counted(length)
        if self.form is PrefixForm.BINARY:
            return counted.to_bytes(self.prefix, "big")
        text = f"{counted:0{2 * self.prefix if self.form is PrefixForm.BCD else self.prefix}d}"
        if len(text) > (2 * self.prefix if self.form is PrefixForm.BCD else self.prefix):
            raise OverflowError
        if self.form is PrefixForm.BCD:
            return bytes.fromhex(text)
        return _translated(text.encode("ascii"), self.prefix_page, 1)


def axes_of(row: Element | Part, dialect: Dialect, *, text: bool = False) -> Axes:
    """Settle the axes of an element of the dialect, or of a part; `text` for parts of a composite that is text."""
    packed_numbers = dialect.numbers in PACKED and not text
    fixed = row.length_kind is Length.FIXED
    own, shared = row.prefix or Prefix(), Prefix() if text else dialect.lengths
    form = own.form or shared.form or (PrefixForm.BCD if packed_numbers else PrefixForm.CHARACTERS)
    digits = row.length_kind.value
    page = "ascii" if text else dialect.text
    return Axes(
        kind=row.kind,
        fixed=fixed,
        length=row.length,
        least=row.least,
        coding=row.coding or _coding(row.kind, dialect, text=text),
        page=row.page or page,
        nibble=row.nibble or ("F" if row.kind is Kind.Z else "0"),
        pad=row.pad or (_pad(row.kind) if fixed else NO_PAD),
        digits=digits,
        prefix=0 if fixed else prefix_bytes(form, own.size or shared.size, digits),
        form=form,
        prefix_page=own.page or shared.page or page,
        counts=own.counts or shared.counts or Counts.VALUE,
        inclusive=bool(shared.inclusive if own.inclusive is None else own.inclusive),
    )


def prefix_bytes(form: PrefixForm, size: int, digits: int) -> int:
    """Give the bytes of a prefix of so many digits; `size` where it is stated."""
    if size:
        return size
    if form is PrefixForm.BINARY:
        return _BINARY_SIZES[digits]
    return (digits + 1) // 2 if form is PrefixForm.BCD else digits


def _coding(kind: Kind, dialect: Dialect, *, text: bool) -> Coding:
    if kind is Kind.B:
        return Coding.HEX if text else dialect.binary
    if text or kind not in {Kind.N, Kind.XN, Kind.Z}:
        return Coding.CHARACTERS
    if kind is Kind.Z:
        return dialect.tracks or (Coding.BCD_RIGHT if dialect.numbers in PACKED else Coding.CHARACTERS)
    return dialect.numbers


def _pad(kind: Kind) -> Pad:
    """Give what fills a short fixed value: zeros before digits, blanks behind text, nothing else by itself."""
    if kind is Kind.N:
        return Pad("0", left=True)
    return NO_PAD if kind in {Kind.B, Kind.Z, Kind.XN} else Pad(" ")


def _translated(value: bytes, page: str, direction: int) -> bytes:
    """Turn bytes of a code page into ASCII (direction 0) or back (1)."""
    tables = ascii_tables(page)
    return value if tables is None else value.translate(tables[direction])


class Span(NamedTuple):
    """Where a value stands in the data, and its length as `Element.length` counts it."""

    start: int
    end: int
    length: int


class Leaf:
    """Reads and writes one value with its prefix; `path` and `element` go into errors."""

    __slots__ = (
        *("_counts_bytes", "_fixed_bytes", "_from_ascii", "_is_bytes", "_is_packed", "_judge", "_to_ascii"),
        *("axes", "element", "is_hex", "path"),
    )

    def __init__(self, path: str, element: int, axes: Axes) -> None:
        self.path = path
        self.element = element
        self.axes = axes
        self.is_hex = axes.coding is Coding.HEX
        # Asked of every value: looking at the axes each time would double the time.
        self._is_bytes = axes.coding is Coding.BINARY
        self._is_packed = axes.packed
        self._counts_bytes = axes.counts is Counts.BYTES
        self._fixed_bytes = axes.wire_bytes(axes.length) if axes.fixed else 0
        self._judge: Judge = judge_of(axes.kind, fixed=axes.fixed)
        tables = ascii_tables(axes.page)
        self._to_ascii: bytes | None = None if tables is None else tables[0]
        self._from_ascii: bytes | None = None if tables is None else tables[1]

    def read(self, data: bytes, offset: int) -> tuple[str | bytes, int]:
        """Read the value at an offset and give it with the offset behind it; DecodeError where there is none."""
        span = self.span(data, offset)
        return self.value(data, span), span.end

    def read_written(self, data: bytes, offset: int) -> tuple[str | bytes, int]:
        """Read as `read` does, but only a value that stands as it would be written."""
        span = self.span(data, offset)
        if not self.canonical(data, span):
            raise self._error("hex digits in lower case", span.start)
        return self.value(data, span), span.end

    def span(self, data: bytes, offset: int) -> Span:
        """Find the value at an offset; after an error here nothing behind it can be found."""
        axes = self.axes
        if self._fixed_bytes:
            if offset + self._fixed_bytes > len(data):
                raise self._error("message ends within the element", offset)
            return Span(offset, offset + self._fixed_bytes, axes.length)
        length = self._length(data, offset)
        start = offset + axes.prefix
        end = start + axes.wire_bytes(length)
        if end > len(data):
            raise self._error("message ends within the element", offset)
        return Span(start, end, length)

    def _length(self, data: bytes, offset: int) -> int:
        axes = self.axes
        wire = data[offset : offset + axes.prefix]
        if len(wire) < axes.prefix:
            raise self._error("message ends within the length", offset)
        if axes.form is PrefixForm.BINARY:
            counted = int.from_bytes(wire, "big")
        else:
            packed = axes.form is PrefixForm.BCD
            digits = wire.hex().encode() if packed else _translated(wire, axes.prefix_page, 0)
            if not digits.isdigit():
                raise self._error("length is not digits", offset)
            counted = int(digits)
        length = axes.length_of(counted)
        if length < 0:
            raise self._error("length that cannot be", offset)
        # A packed value whose bytes are counted may have one digit of fill.
        filled = self._is_packed and self._counts_bytes
        if length > axes.length + filled:
            raise self._error("length above the maximum", offset)
        if length < axes.least:
            raise self._error("length below the minimum", offset)
        return length

    def value(self, data: bytes, span: Span) -> str | bytes:
        """Read and judge the value that was found."""
        wire = data[span.start : span.end]
        if self._is_bytes:
            return wire
        if self._is_packed:
            return self._unpacked(wire, span) if span.length else ""
        plain = wire if self._to_ascii is None else wire.translate(self._to_ascii)
        if self.is_hex:
            index = next((index for index, byte in enumerate(plain) if byte not in _HEX), -1)
            if index >= 0:
                raise self._error("not a hex digit", span.start + index)
            return bytes.fromhex(plain.decode("ascii"))
        index = self._judge(plain)
        if index >= 0:
            raise self._bad_character(span.start + index)
        return str(plain, "ascii")

    def canonical(self, data: bytes, span: Span) -> bool:
        """Say whether the value stands as it would be written: only hex digits have two forms."""
        if not self.is_hex:
            return True
        wire = data[span.start : span.end]
        plain = wire if self._to_ascii is None else wire.translate(self._to_ascii)
        return plain == plain.upper()

    def _unpacked(self, wire: bytes, span: Span) -> str:
        """Read digits that are packed two to a byte, with the sign of x+n before them."""
        axes = self.axes
        sign, start, count = "", span.start, span.length
        if axes.kind is Kind.XN:
            sign = (wire[:1] if self._to_ascii is None else wire[:1].translate(self._to_ascii)).decode("latin-1")
            wire, start, count = wire[1:], start + 1, count - 1
            if sign not in {"C", "D"} or not count:
                raise self._bad_character(span.start)
        nibbles = wire.hex().upper()
        left = axes.coding is Coding.BCD
        if axes.counts is Counts.BYTES and not axes.fixed:
            count = self._filled_count(nibbles, left=left)
        fill = ""
        if count & 1:
            fill, nibbles = (nibbles[0], nibbles[1:]) if left else (nibbles[-1], nibbles[:-1])
        allowed = "0123456789D" if axes.kind is Kind.Z else "0123456789"
        index = next((index for index, nibble in enumerate(nibbles) if nibble not in allowed), -1)
        if index >= 0:
            raise self._bad_character(start + (index + (1 if fill and left else 0)) // 2)
        if fill and fill != axes.nibble:
            where = start if left else span.end - 1
            raise self._error("wrong fill of an odd number of digits", where)
        if len(sign) + len(nibbles) > axes.length:
            raise self._error("length above the maximum", span.start - axes.prefix)
        if len(sign) + len(nibbles) < axes.least:
            raise self._error("length below the minimum", span.start - axes.prefix)
        return sign + nibbles

    def _filled_count(self, nibbles: str, *, left: bool) -> int:
        """Count digits where only bytes are counted: a fill of F shows, a fill of 0 is taken for a digit."""
        edge = nibbles[:1] if left else nibbles[-1:]
        odd = edge == self.axes.nibble == "F"
        if self.axes.nibble == "0" and len(nibbles) > self.axes.length - (self.axes.kind is Kind.XN):
            odd = edge == "0"  # one digit more than there may be: it is fill
        return len(nibbles) - odd

    def write(self, value: object) -> bytes:
        """Write a value with its prefix; EncodeError where the axes cannot carry it."""
        axes = self.axes
        if axes.kind is Kind.B:
            if not isinstance(value, bytes):
                raise self._refused("not bytes")
            missing, left = self._filling(len(value))
            fill = axes.pad.character.encode("latin-1") * missing
            value = fill + value if left else value + fill
            prefix = self._prefix(len(value))
            if axes.coding is Coding.BINARY:
                return prefix + value
            return prefix + self._carried(value.hex().upper().encode("ascii"))
        if not isinstance(value, str):
            raise self._refused("not text")
        missing, left = self._filling(len(value))
        if missing:
            value = axes.pad.character * missing + value if left else value + axes.pad.character * missing
        prefix = self._prefix(len(value))
        plain = value.encode("latin-1", "replace")
        if axes.packed and axes.kind is Kind.Z:
            plain = plain.replace(b"=", b"D")
            if plain.translate(None, _DIGITS + b"D"):
                raise self._refused("holds a character that the kind does not allow")
        if not value.isascii() or self._judge(plain) >= 0:
            raise self._refused("holds a character that the kind does not allow")
        return prefix + (self._packed(plain) if axes.packed and plain else self._carried(plain))

    def _packed(self, plain: bytes) -> bytes:
        axes = self.axes
        sign, digits = (plain[:1], plain[1:]) if axes.kind is Kind.XN else (b"", plain)
        if len(digits) & 1:
            fill = axes.nibble.encode("ascii")
            digits = fill + digits if axes.coding is Coding.BCD else digits + fill
        return self._carried(sign) + bytes.fromhex(digits.decode("ascii"))

    def _filling(self, length: int) -> tuple[int, bool]:
        """Give how many pad characters a value lacks, and whether they stand before it."""
        axes = self.axes
        wanted = axes.length if axes.fixed else axes.least
        return (max(0, wanted - length) if axes.pad.character else 0), axes.pad.left

    def _carried(self, plain: bytes) -> bytes:
        return plain if self._from_ascii is None else plain.translate(self._from_ascii)

    def _prefix(self, length: int) -> bytes:
        axes = self.axes
        if axes.fixed:
            if length != axes.length:
                raise self._refused("not of the fixed length")
            return b""
        if length > axes.length:
            raise self._refused("length above the maximum")
        if length < axes.least:
            raise self._refused("length below the minimum")
        try:
            return axes.prefix_wire(length)
        except OverflowError:
            raise self._refused("length does not fit into its prefix") from None

    def _refused(self, problem: str) -> EncodeError:
        return EncodeError(problem, path=self.path)

    def _error(self, problem: str, offset: int) -> DecodeError:
        return DecodeError(problem, path=self.path, offset=offset, element=self.element)

    def _bad_character(self, offset: int) -> DecodeError:
        return self._error("holds a character that the kind does not allow", offset)
