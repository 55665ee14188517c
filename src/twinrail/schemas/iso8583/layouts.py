"""What composite elements are made of: parts, and the six ways in which parts are laid out.

A layout is opened only when somebody reads a part of it. Parts of a composite that is text (any kind but B) are
characters in ASCII, for the text has been translated by then; parts of one that is bytes (Kind.B) are carried as the
dialect says, code page and packed numbers included, unless a part says otherwise.
Known parts declare what they hold and what may be shown of them; a tag that no part declares is kept and written again
as it stood, and nothing but its length is ever shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from twinrail.schemas.iso8583.axes import AS_ABOVE, Coding, Kind, Length, Mask, Pad, Prefix


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a composite; `key` is its place in a path: "1", "42", "9F02", "0023".

    Everything else is as in `elements.Element`. A part of a tagged layout has its length in front whatever
    `length_kind` says: there FIXED means that no other length is allowed.
    """

    key: str
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
class Positional:
    """Parts one behind the other (DE3, 22, 43, 90); the value may end after any part, or within the last.

    `repeats` for a group that stands as often as it fits (DE54: groups of 20): paths are "54.1.4", first group first.
    """

    parts: tuple[Part, ...]
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """Tag, length, value, and again (DE48, 60, 112, 124).

    A tag has `tag_digits` characters carried by `tag` (BCD: two to a byte), a length is `length` with the digits of
    `length_kind`. `category` for a first character that is no tag (Mastercard-like DE48): its path is "48.category".
    """

    parts: tuple[Part, ...]
    tag_digits: int = 2
    length_kind: Length = Length.LLVAR
    tag: Coding = Coding.CHARACTERS
    length: Prefix = AS_ABOVE
    category: bool = False


@dataclass(frozen=True, slots=True)
class BerTlv:
    """BER-TLV objects (ISO/IEC 8825-1, EMV book 3 annex B); `parts` adds to or replaces the tags that EMV names."""

    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Pds:
    """Private data subelements: tag of four digits, length of three, value; spilling over the elements of `over`.

    The elements of `over` that are present are read as one text, in this order, each filled before the next begins.
    All of them share one layout, and a path may begin with any: "48.0023".
    """

    parts: tuple[Part, ...]
    over: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BitmapParts:
    """A bitmap of its own, then the parts whose bits are set (DE62, 63, 126, 127; DE48 in IFSF); bit 1 is a part.

    `octets` is the size of the bitmap; `binary` False for hex digits in the code page of the composite.
    """

    parts: tuple[Part, ...]
    octets: int = 8
    binary: bool = True


@dataclass(frozen=True, slots=True)
class Dataset:
    """One kind of dataset: `id` as two hex digits, and what its body is made of."""

    id: str
    name: str
    body: Layout


@dataclass(frozen=True, slots=True)
class Datasets:
    """Identifier of one byte, length of two, body, and again (DE104; ISO 8583:2023); unknown identifiers are kept."""

    sets: tuple[Dataset, ...]


Layout = Positional | Tagged | BerTlv | Pds | BitmapParts | Datasets
