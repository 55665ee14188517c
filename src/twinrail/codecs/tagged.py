"""Composites whose parts have tags: tag, length and value, private data subelements, BER-TLV and datasets.

A tag that the layout does not declare is kept as it stands: only its length has to be readable. Tags, lengths and
order are left alone as long as nobody changes them.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from twinrail.codecs import tlv
from twinrail.codecs.forms import (
    BitmapPartsForm,
    Carried,
    Form,
    GroupsForm,
    PartValue,
    Piece,
    PositionalForm,
    length_wire,
    part_axes,
)
from twinrail.codecs.leaf import PACKED, Axes, Leaf
from twinrail.codecs.repertoire import ascii_tables
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import FIXED, LLLLVAR, LLLVAR, Coding, Counts, Kind, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.codes import TAGS
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.layouts import (
    BerTlv,
    BitmapParts,
    Datasets,
    Layout,
    Part,
    Pds,
    Positional,
    Tagged,
)

CATEGORY = "category"
_BYTES_MAX = 0xFFFF
_TAGS_REMEMBERED = 1_024  # of which it is known what they are; any other is looked up each time
_CATEGORY_PART = Part(CATEGORY, "category", Kind.ANS, FIXED, 1, Mask.PUBLIC)
EMV_PARTS = {tag: Part(tag, row.name, Kind.B, LLLLVAR, _BYTES_MAX, row.mask) for tag, row in TAGS.items()}


def form_of(layout: Layout, dialect: Dialect, *, text: bool) -> Form:
    """Make the form of a layout; DecodeError where text is said to be made of what only bytes can hold."""
    if isinstance(layout, Positional):
        return (GroupsForm if layout.repeats else PositionalForm)(layout, dialect, text=text)
    if isinstance(layout, BitmapParts):
        return BitmapPartsForm(layout, dialect, text=text)
    if isinstance(layout, Tagged):
        return TaggedForm(layout, dialect, text=text)
    if isinstance(layout, Pds):
        return TaggedForm(_pds(layout), dialect, text=text, tags_are_digits=True)
    if text:
        raise DecodeError("text where only bytes can be", path="", offset=0)
    return BerForm(layout, dialect) if isinstance(layout, BerTlv) else DatasetsForm(layout)


def _pds(layout: Pds) -> Tagged:
    """Say a Pds as what it is: tag of four digits, length of three."""
    length = Prefix(form=PrefixForm.CHARACTERS, counts=Counts.BYTES, inclusive=False)
    return Tagged(layout.parts, tag_digits=4, length_kind=LLLVAR, length=length)


class TaggedForm(Form):
    """Tag, length, value, and again; before them one character of category where there is one.

    Unless somebody says otherwise a length counts bytes: so that of a tag that nobody declares means something.
    """

    keys_are_read = True

    def __init__(self, layout: Tagged, dialect: Dialect, *, text: bool, tags_are_digits: bool = False) -> None:
        self._layout = layout
        self._tags_are_digits = tags_are_digits or layout.tag in PACKED
        self._lengths = {part.key: self._length_axes(part, dialect, text=text) for part in layout.parts}
        values = {part.key: self._value(part, dialect, text=text) for part in layout.parts}
        self._category = layout.category
        if layout.category:
            part = next((part for part in layout.parts if part.key == CATEGORY), _CATEGORY_PART)
            values[CATEGORY] = PartValue(part, part_axes(part, dialect, text=text))
        super().__init__(values, text=text)
        kind = Kind.ANS if text else Kind.B
        self._other = self._length_axes(Part("", "", kind, FIXED, _BYTES_MAX, Mask.SENSITIVE), dialect, text=text)
        self._other = self._other._replace(least=0, length=10**9)
        self._spans = {key: Leaf(key, 0, axes) for key, axes in self._lengths.items()}
        self._other_span = Leaf("", 0, self._other)
        self._packed = layout.tag in PACKED or layout.tag is Coding.BINARY
        self._tag_bytes = (layout.tag_digits + 1) // 2 if self._packed else layout.tag_digits
        self._tables = None if text else ascii_tables(dialect.text)  # to ASCII and back

    def _length_axes(self, part: Part, dialect: Dialect, *, text: bool) -> Axes:
        """Settle how long a part is: as the layout says, or as the part does where it has a prefix of its own."""
        own, shared = part.prefix, self._layout.length
        kind = self._layout.length_kind
        counts = shared.counts or (None if text else dialect.lengths.counts) or Counts.BYTES
        prefix = dataclasses.replace(shared, counts=counts)
        if own is not None:
            kind = kind if part.length_kind is FIXED else part.length_kind
            prefix = Prefix(
                form=own.form or shared.form,
                counts=own.counts or counts,
                inclusive=shared.inclusive if own.inclusive is None else own.inclusive,
                page=own.page or shared.page,
                size=own.size or shared.size,
            )
        fixed = part.length_kind is FIXED
        row = dataclasses.replace(part, length_kind=kind, prefix=prefix, least=part.length if fixed else part.least)
        return part_axes(row, dialect, text=text)

    def _value(self, part: Part, dialect: Dialect, *, text: bool) -> PartValue:
        """Give how a value is read behind its length: a fixed one keeps its fill, the others are as long as it says."""
        axes = part_axes(part, dialect, text=text) if part.length_kind is FIXED else self._lengths[part.key]
        return PartValue(part, axes)

    def split(self, raw: bytes) -> Iterator[Piece]:
        """See Form.split."""
        at = 0
        if self._category and raw:
            yield Piece(CATEGORY, self._values[CATEGORY].part, None, 0, 0, 1, 1)
            at = 1
        while at < len(raw):
            start, at = at, at + self._tag_bytes
            key = self._key(raw[start:at])
            if not key:
                problem = "not a tag" if at <= len(raw) else "ends within a tag"
                raise DecodeError(problem, path="", offset=start)
            try:
                span = self._spans.get(key, self._other_span).span(raw, at)
            except DecodeError as error:
                raise DecodeError(error.problem, path=key, offset=error.offset) from None
            part, layout = self.declared(key)
            fixed = part is not None and part.length_kind is FIXED
            yield Piece(key, part, layout, start, span.start, span.end, part.length if fixed and part else span.length)
            at = span.end

    def _key(self, wire: bytes) -> str:
        """Read a tag; "" where the bytes are none."""
        layout = self._layout
        if len(wire) < self._tag_bytes:
            return ""
        if not self._packed:
            plain = wire if self._tables is None else wire.translate(self._tables[0])
            fits = plain.isdigit() if self._tags_are_digits else plain.isascii() and plain.isalnum()
            return plain.decode("ascii") if fits else ""
        digits = wire.hex().upper()
        fill = layout.tag_digits & 1
        if fill:
            last = layout.tag is Coding.BCD_RIGHT
            filled, digits = (digits[-1], digits[:-1]) if last else (digits[0], digits[1:])
            if filled != "0":
                return ""
        return digits if digits.isdigit() or not self._tags_are_digits else ""

    def header(self, key: str, carried: Carried) -> bytes:
        """See Form.header."""
        if key == CATEGORY and self._category:
            return b""
        return self._tag(key) + length_wire(self._lengths.get(key, self._other), key, carried.length)

    def _tag(self, key: str) -> bytes:
        digits = key
        if self._packed and self._layout.tag_digits & 1:
            digits = key + "0" if self._layout.tag is Coding.BCD_RIGHT else "0" + key
        try:
            wire = bytes.fromhex(digits) if self._packed else key.encode("ascii")
        except ValueError:
            wire = b""
        if self._tables is not None and not self._packed:
            wire = wire.translate(self._tables[1])
        if self._key(wire) != key:
            raise EncodeError("not a tag of the layout", path="tag")
        return wire

    def index_for(self, keys: Sequence[str], key: str) -> int:
        """See Form.index_for: the category stands before all tags."""
        if not self._category or (key == CATEGORY) is not bool(keys):
            return len(keys)
        if keys and keys[0] == CATEGORY:
            raise EncodeError("there already", path=key)
        raise EncodeError("the category before it is missing", path=key)


class BerForm(Form):
    """BER-TLV objects: the tags that EMV names, those that the layout declares, and any other."""

    keys_are_read = True

    def __init__(self, layout: BerTlv, dialect: Dialect) -> None:
        self._layout = layout
        rows = {part.key: PartValue(part, _ber_axes(part, dialect)) for part in layout.parts}
        super().__init__(rows, text=False)
        self._declared: dict[str, tuple[Part | None, Layout | None]] = {}

    def split(self, raw: bytes) -> Iterator[Piece]:
        """See Form.split."""
        known, declared = self._values, self._declared
        for tag, start, at, end in tlv.objects(raw):
            found = declared.get(tag)
            if found is None:
                found = self.declared(tag)
                if len(declared) < _TAGS_REMEMBERED:
                    declared[tag] = found
            yield Piece(tag, *found, start, at, end, self._length(tag, end - at) if tag in known else end - at)

    def _length(self, tag: str, octets: int) -> int:
        """Give the length of a value as its part counts; bytes, and what cannot be, as they are."""
        axes = self._values[tag].axes
        if axes.fixed and octets == axes.wire_bytes(axes.length):
            return axes.length
        return axes._replace(prefix=0, counts=Counts.BYTES, inclusive=False).length_of(octets)

    def declared(self, key: str) -> tuple[Part | None, Layout | None]:
        """See Form.declared; whatever has the form of a constructed object may hold objects."""
        known = self._values.get(key)
        part = EMV_PARTS.get(key) if known is None else known.part
        if part is not None and part.layout is not None:
            return part, part.layout
        return part, self._layout if _is_hex(key) and tlv.constructed(key) else None

    def value(self, raw: bytes, piece: Piece) -> str | bytes:
        """See Form.value; here a length that the part does not allow spoils no more than its own value."""
        known = self._values.get(piece.key)
        if known is None:
            return raw[piece.at : piece.end]
        axes = known.axes
        slack = axes.length & 1 if axes.packed and not axes.fixed else 0  # one digit of fill
        if not axes.least <= piece.length <= axes.length + slack:
            raise DecodeError("length that the part does not allow", path=piece.key, offset=piece.start)
        return known.read(raw, piece)

    def header(self, key: str, carried: Carried) -> bytes:
        """See Form.header; the length takes its shortest form."""
        return tlv.header(key, len(carried.wire))


def _ber_axes(part: Part, dialect: Dialect) -> Axes:
    """Settle the axes of a part whose length the object says, in bytes."""
    axes = part_axes(part, dialect, text=False)
    if axes.fixed:
        return axes._replace(least=axes.length)
    # A prefix that never stands anywhere: a value is written with it and it is taken off.
    return axes._replace(form=PrefixForm.BINARY, prefix=4, digits=6, counts=Counts.BYTES, inclusive=False)


def _is_hex(key: str) -> bool:
    return len(key) > 1 and not key[:2].strip("0123456789ABCDEFabcdef")


class DatasetsForm(Form):
    """Identifier of one byte, length of two bytes, body, and again."""

    keys_are_read = True

    def __init__(self, layout: Datasets) -> None:
        super().__init__({}, text=False)
        self._sets = {
            each.id: Part(each.id, each.name, Kind.B, LLLLVAR, _BYTES_MAX, Mask.SENSITIVE, each.body)
            for each in layout.sets
        }

    def split(self, raw: bytes) -> Iterator[Piece]:
        """See Form.split."""
        at = 0
        while at < len(raw):
            key, body = f"{raw[at]:02X}", at + 3
            end = body + int.from_bytes(raw[at + 1 : body], "big")
            if body > len(raw):
                raise DecodeError("ends within the length of a dataset", path=key, offset=at)
            if end > len(raw):
                raise DecodeError("ends within a dataset", path=key, offset=at + 1)
            part, layout = self.declared(key)
            yield Piece(key, part, layout, at, body, end, end - body)
            at = end

    def declared(self, key: str) -> tuple[Part | None, Layout | None]:
        """See Form.declared."""
        part = self._sets.get(key)
        return part, None if part is None else part.layout

    def header(self, key: str, carried: Carried) -> bytes:
        """See Form.header."""
        if len(key) != 2 or key.strip("0123456789ABCDEF"):
            raise EncodeError("not an identifier of a dataset", path="tag")
        if carried.length > _BYTES_MAX:
            raise EncodeError("length does not fit into its prefix", path=key)
        return bytes.fromhex(key) + carried.length.to_bytes(2, "big")
