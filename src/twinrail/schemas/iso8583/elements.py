"""Elements and dialects: a dialect states each axis once, an element only where it differs (see `axes`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum, unique

from twinrail.schemas.iso8583.axes import AS_ABOVE, Coding, Kind, Length, Mask, Pad, Prefix
from twinrail.schemas.iso8583.layouts import Layout


@unique
class Bitmaps(StrEnum):
    """When a second bitmap is present."""

    BY_BIT_1 = "by_bit_1"
    ALWAYS_TWO = "always_two"  # with bit 1 clear


@unique
class Third(StrEnum):
    """What bit 65, the first of the second bitmap, means; a dialect with a row for element 65 says DATA."""

    NONE = "none"  # must be 0
    CONTIGUOUS = "contiguous"  # a third bitmap follows the second at once
    IN_ELEMENT = "in_element"  # a third bitmap stands where element 65 would
    DATA = "data"  # element 65 is data


@unique
class BitmapForm(StrEnum):
    """How the bytes of a bitmap are carried."""

    BINARY = "binary"
    HEX_ASCII = "hex_ascii"
    HEX_EBCDIC = "hex_ebcdic"  # 0-9 and A-F have the same bytes in every EBCDIC code page


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a dialect, 2 to 192.

    `length` is the fixed or the largest length: characters for text, digits for numbers, bytes for Kind.B; `least` is
    the smallest of a variable one. `layout` says what the value is made of, opened only when read. `coding`, `page`,
    `prefix` and `pad` replace what the dialect says; `nibble` ("0" or "F") is what an odd number of packed digits is
    filled with, by default 0, and F for tracks.
    """

    number: int
    name: str
    kind: Kind
    length_kind: Length
    length: int
    mask: Mask
    layout: Layout | None = None
    coding: Coding | None = None
    page: str | None = None
    nibble: str = ""
    prefix: Prefix | None = None
    pad: Pad | None = None
    least: int = 0


@dataclass(frozen=True, slots=True)
class Dialect:
    """A table of elements with the codings they share.

    `text` is the code page of characters: "ascii", "cp037", "cp500", "cp1047", "cp1140". `numbers` is the coding of n
    and x+n elements (CHARACTERS or a packed form), `tracks` of z, `binary` of b, `mti` of the message type; where
    `tracks` is None a packed dialect packs them to the right with F, and where `mti` is None it follows the numbers.
    `lengths` is the prefix that elements have.
    """

    name: str
    version: str  # "1987", "1993", "2003": the first digit of the MTI follows from it
    text: str
    numbers: Coding
    bitmap: BitmapForm
    bitmaps: Bitmaps
    elements: tuple[Element, ...]
    lengths: Prefix = AS_ABOVE
    tracks: Coding | None = None
    binary: Coding = Coding.BINARY
    mti: Coding | None = None
    third: Third = Third.NONE

    def but(
        self, name: str, *, elements: tuple[Element, ...] = (), without: tuple[int, ...] = (), **changes: object
    ) -> Dialect:
        """Give a dialect of another name: some elements replaced, added or left out, some codings changed."""
        rows = {element.number: element for element in self.elements if element.number not in without}
        rows.update((element.number, element) for element in elements)
        merged = tuple(rows[number] for number in sorted(rows))
        return dataclasses.replace(self, name=name, elements=merged, **changes)  # type: ignore[arg-type]  # keywords pass through
