"""The vocabulary of a dialect: kinds, lengths, encodings, masks, elements (ISO 8583-1:1987 clause 4, 1993, 2003)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum, StrEnum, unique


@unique
class Kind(StrEnum):
    """What characters an element may hold (ISO 8583-1 clause 4.1)."""

    N = "n"  # digits
    A = "a"  # letters
    AN = "an"  # letters and digits
    ANS = "ans"  # printable characters
    B = "b"  # bytes
    Z = "z"  # track data: digits and = D : ; < > ? separators
    XN = "x+n"  # C or D, then digits; the length counts the sign


@unique
class Length(Enum):
    """How the length of an element is carried: the value is the number of prefix digits."""

    FIXED = 0
    LLVAR = 2
    LLLVAR = 3
    LLLLVAR = 4
    LLLLLLVAR = 6


FIXED, LLVAR, LLLVAR = Length.FIXED, Length.LLVAR, Length.LLLVAR  # the words that rows are written in


@unique
class Mask(StrEnum):
    """The data class of an element: what may be shown of it (PCI DSS 3.3, 3.4)."""

    PUBLIC = "public"
    PAN = "pan"  # first six (eight by BIN) and last four
    SENSITIVE = "sensitive"  # tracks, PIN blocks, card codes, cryptograms: nothing but kind and length
    PERSONAL = "personal"  # names, addresses, free text: nothing but kind and length
    SECRET = "secret"  # noqa: S105 - a data class, not a password; keys and MACs: nothing but kind and length


@unique
class Numbers(StrEnum):
    """How digits are carried: one character each, or two to a byte."""

    ASCII = "ascii"
    BCD = "bcd"


@unique
class Bitmaps(StrEnum):
    """When a second bitmap is present."""

    BY_BIT_1 = "by_bit_1"
    ALWAYS_TWO = "always_two"


@unique
class BitmapForm(StrEnum):
    """How the bytes of a bitmap are carried."""

    BINARY = "binary"
    HEX_ASCII = "hex_ascii"


@unique
class Composite(StrEnum):
    """What an element's bytes are made of, opened only when read."""

    OPAQUE = "opaque"
    BER_TLV = "ber_tlv"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a dialect.

    `length` is the fixed or the largest length: characters for text, digits for numbers, bytes for Kind.B.
    """

    number: int
    name: str
    kind: Kind
    length_kind: Length
    length: int
    mask: Mask
    composite: Composite = Composite.OPAQUE


@dataclass(frozen=True, slots=True)
class Dialect:
    """A table of elements with the encodings they share.

    `text` is the codec of characters ("ascii"), `numbers` the form of n elements, of the MTI and of length prefixes.
    """

    name: str
    version: str  # "1987", "1993", "2003": the first digit of the MTI follows from it
    text: str
    numbers: Numbers
    bitmap: BitmapForm
    bitmaps: Bitmaps
    elements: tuple[Element, ...]

    def but(self, name: str, *, elements: tuple[Element, ...] = (), **changes: object) -> Dialect:
        """Give a dialect of another name with some elements replaced or added and some encodings changed."""
        rows = {element.number: element for element in self.elements}
        rows.update((element.number, element) for element in elements)
        merged = tuple(rows[number] for number in sorted(rows))
        return dataclasses.replace(self, name=name, elements=merged, **changes)  # type: ignore[arg-type]  # keywords pass through
