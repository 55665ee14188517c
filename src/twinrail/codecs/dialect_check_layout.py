"""What is wrong with the composites of a dialect: keys that are none, parts without room, nesting without a bound."""

from __future__ import annotations

import dataclasses
import re
import string
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from twinrail.codecs.dialect_check_rows import Problem, capacity, page_problem, row_problems, telling_name, warning
from twinrail.codecs.leaf import PACKED, axes_of, prefix_bytes
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Length, Mask, PrefixForm
from twinrail.schemas.iso8583.codes import TAGS
from twinrail.schemas.iso8583.elements import Dialect, Element
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

DEPTH_MAX = 8  # layouts within each other
PARTS_MAX = 4096  # parts of one element, nested ones included
TAG_DIGITS_MAX = 8
BITMAP_OCTETS_MAX = 24
CATEGORY = "category"  # the key under which a category character is read
_PDS_LENGTH_MAX = 999  # three digits
_DATASET_LENGTH_MAX = 0xFFFF  # two bytes
_HEX_DIGITS = frozenset("0123456789ABCDEF")
_TAG_CHARACTERS = {
    Coding.CHARACTERS: frozenset(string.ascii_letters + string.digits),
    Coding.BCD: frozenset(string.digits),
    Coding.BCD_RIGHT: frozenset(string.digits),
}
_PATH_KEY = re.compile(r"[0-9A-Za-z_]{1,32}")
_HEX_TAG = re.compile(r"(?:[0-9A-F]{2})+")


class _Inside(NamedTuple):
    """Where a layout stands: what it may hold, and how deep it is."""

    path: str
    dialect: Dialect
    element: Element
    text: bool  # the value is characters
    room: int  # the largest value, in characters or bytes
    depth: int
    nested: bool  # within a part, not the element itself


def layout_problems(path: str, row: Element, dialect: Dialect) -> Iterator[Problem]:
    """Look at everything that an element is made of; the element's own row is judged elsewhere."""
    if row.layout is None:
        return
    inside = _Inside(f"{path}.layout", dialect, row, row.kind is not Kind.B, row.length, 1, nested=False)
    count = 0
    waiting: list[tuple[Layout, _Inside]] = [(row.layout, inside)]
    while waiting:
        layout, inside = waiting.pop(0)
        if inside.depth > DEPTH_MAX:
            yield Problem(inside.path, f"layouts lie within each other {DEPTH_MAX} deep at most")
            continue
        yield from _one(layout, inside)
        if isinstance(layout, Datasets):
            waiting += [
                (each.body, inside._replace(path=f"{inside.path}.sets.{each.id}.body", depth=inside.depth + 1))
                for each in layout.sets
            ]
            continue
        count += len(layout.parts)
        waiting += [
            (part.layout, _within(part, inside, f"{inside.path}.parts.{part.key}.layout"))
            for part in layout.parts
            if part.layout is not None
        ]
    if count > PARTS_MAX:
        yield Problem(f"{path}.layout", f"has {count} parts, more than {PARTS_MAX}")


def _within(part: Part, inside: _Inside, path: str) -> _Inside:
    return inside._replace(
        path=path, text=part.kind is not Kind.B, room=part.length, depth=inside.depth + 1, nested=True
    )


def _one(layout: Layout, inside: _Inside) -> Iterator[Problem]:
    """Look at one layout and the rows of its parts, not at what they are made of in turn."""
    if isinstance(layout, Datasets):
        yield from _datasets(layout, inside)
        return
    for key, times in Counter(part.key for part in layout.parts).items():
        if times > 1:
            yield Problem(f"{inside.path}.parts.{key}", "stated twice")
        if not _PATH_KEY.fullmatch(key):
            yield Problem(f"{inside.path}.parts.{key}", "no path can name this key: letters, digits and _, 32 at most")
    for part in layout.parts:
        where = f"{inside.path}.parts.{part.key}"
        # The length of a tagged part is that of the layout, or its own where it has a prefix.
        tagged = isinstance(layout, BerTlv | Pds) or (isinstance(layout, Tagged) and part.prefix is None)
        yield from row_problems(where, _settled(part, inside), inside.dialect, text=inside.text, tagged=tagged)
        yield from telling_name(where, part)
    if isinstance(layout, Positional):
        yield from _positional(layout, inside)
    elif isinstance(layout, Tagged):
        yield from _tagged(layout, inside)
    elif isinstance(layout, BerTlv):
        yield from _ber(layout, inside)
    elif isinstance(layout, Pds):
        yield from _pds(layout, inside)
    else:
        yield from _bitmap(layout, inside)


def _settled(part: Part, inside: _Inside) -> Part:
    """Give a part with the coding of bytes within bytes: as they are, unless the part says hex."""
    is_plain = part.kind is Kind.B and part.coding is None and not inside.text
    return dataclasses.replace(part, coding=Coding.BINARY) if is_plain else part


def _positional(layout: Positional, inside: _Inside) -> Iterator[Problem]:
    if not layout.parts:
        yield Problem(f"{inside.path}.parts", "a positional composite has at least one part")
        return
    offset = 0
    for part in layout.parts:
        where = f"{inside.path}.parts.{part.key}"
        axes = axes_of(_settled(part, inside), inside.dialect, text=inside.text)
        if layout.repeats and not axes.fixed:
            yield Problem(f"{where}.length_kind", "must be fixed in a group that repeats")
        smallest = axes.wire_bytes(axes.length) if axes.fixed else axes.prefix + axes.wire_bytes(axes.least)
        if offset >= inside.room or (axes.fixed and offset + smallest > inside.room):
            yield Problem(where, f"ends at {offset + smallest}, beyond the {inside.room} that the value can have")
            return
        offset += smallest
    if layout.repeats and inside.room % offset:
        yield warning(f"{inside.path}.parts", f"a length of {inside.room} is no multiple of the group of {offset}")


def _tagged(layout: Tagged, inside: _Inside) -> Iterator[Problem]:
    path, digits = inside.path, layout.tag_digits
    if not 1 <= digits <= TAG_DIGITS_MAX:
        yield Problem(f"{path}.tag_digits", f"must lie between 1 and {TAG_DIGITS_MAX}")
    if layout.tag is Coding.HEX:
        yield Problem(f"{path}.tag", "can be characters, bcd, bcd_right or binary")
    elif layout.tag is not Coding.CHARACTERS and inside.text:
        yield Problem(f"{path}.tag", "must be characters in a composite that is text")
    if layout.length_kind is Length.FIXED:
        yield Problem(f"{path}.length_kind", "a tag is followed by a length")
        return
    form = layout.length.form or _shared_form(inside)
    if inside.text and form is not PrefixForm.CHARACTERS:
        yield Problem(f"{path}.length.form", "must be characters in a composite that is text")
    yield from page_problem(f"{path}.length.page", layout.length.page)
    number = layout.length_kind.value
    largest = capacity(form, prefix_bytes(form, layout.length.size, number), number)
    for part in layout.parts:
        where = f"{path}.parts.{part.key}"
        if part.key == CATEGORY:
            if not layout.category:
                yield Problem(where, f"{CATEGORY} is the key of a category character, and there is none")
            continue
        if len(part.key) != digits:
            yield Problem(where, f"the key has {len(part.key)} characters, a tag {digits}")
        if not _TAG_CHARACTERS.get(layout.tag, _HEX_DIGITS).issuperset(part.key):
            yield Problem(where, f"the key holds what a tag in {layout.tag} cannot")
        if part.prefix is not None:
            continue  # judged as its own
        counted = _counted(layout, part, inside)
        if counted > largest:
            yield Problem(f"{where}.length", f"{counted} does not fit into the length, which counts to {largest}")


def _counted(layout: Tagged, part: Part, inside: _Inside) -> int:
    """Give the largest count that the length of a tagged part has to say."""
    shared = None if inside.text else inside.dialect.lengths.counts
    length = dataclasses.replace(layout.length, counts=layout.length.counts or shared or Counts.BYTES)
    own = dataclasses.replace(_settled(part, inside), length_kind=layout.length_kind, prefix=length)
    axes = axes_of(own, inside.dialect, text=inside.text)
    return axes.counted(part.length)


def _shared_form(inside: _Inside) -> PrefixForm:
    if inside.text:
        return PrefixForm.CHARACTERS
    packed = inside.dialect.numbers in PACKED
    return inside.dialect.lengths.form or (PrefixForm.BCD if packed else PrefixForm.CHARACTERS)


def _ber(layout: BerTlv, inside: _Inside) -> Iterator[Problem]:
    if inside.text:
        yield Problem(inside.path, "BER-TLV is bytes: the element must be of kind b")
    for part in layout.parts:
        where = f"{inside.path}.parts.{part.key}"
        if not is_ber_tag(part.key):
            yield Problem(where, "is not a BER-TLV tag in capital hex digits, as 9F02 is")
        known = TAGS.get(part.key)
        if known is not None and known.mask is not Mask.PUBLIC and part.mask is Mask.PUBLIC:
            yield Problem(f"{where}.mask", f"tag {part.key} is the {known.name}: cannot be public")


def is_ber_tag(key: str) -> bool:
    """Say whether a key is one whole tag (ISO/IEC 8825-1 clause 8.1.2), of four bytes at most.

    >>> is_ber_tag("9F02"), is_ber_tag("9F"), is_ber_tag("5A00")
    (True, False, False)
    """
    if not _HEX_TAG.fullmatch(key) or len(key) > 8:
        return False
    octets = bytes.fromhex(key)
    if octets[0] == 0x00:  # filler between objects
        return False
    if octets[0] & 0x1F != 0x1F:
        return len(octets) == 1
    return len(octets) > 1 and all(octet & 0x80 for octet in octets[1:-1]) and not octets[-1] & 0x80


def _pds(layout: Pds, inside: _Inside) -> Iterator[Problem]:
    path, rows = inside.path, {row.number: row for row in inside.dialect.elements}
    if inside.nested or inside.depth > 1:
        yield Problem(path, "private data subelements lie in elements, never in parts")
        return
    if inside.element.number not in layout.over:
        yield Problem(f"{path}.over", f"must name element {inside.element.number} itself")
    if len(set(layout.over)) != len(layout.over):
        yield Problem(f"{path}.over", "names an element twice")
    for number in layout.over:
        row = rows.get(number)
        if row is None:
            yield Problem(f"{path}.over", f"element {number} has no row")
        elif row.layout != layout:
            yield Problem(f"{path}.over", f"element {number} must have the same layout")
        elif row.length_kind is Length.FIXED:
            yield Problem(f"{path}.over", f"element {number} must have a variable length")
    for part in layout.parts:
        where = f"{path}.parts.{part.key}"
        if len(part.key) != 4 or not _digits(part.key):
            yield Problem(where, "the key of a private data subelement is four digits")
        if part.length > _PDS_LENGTH_MAX:
            yield Problem(f"{where}.length", f"three digits count to {_PDS_LENGTH_MAX}")


def _bitmap(layout: BitmapParts, inside: _Inside) -> Iterator[Problem]:
    path = inside.path
    if not 1 <= layout.octets <= BITMAP_OCTETS_MAX:
        yield Problem(f"{path}.octets", f"must lie between 1 and {BITMAP_OCTETS_MAX}")
    if layout.binary and inside.text:
        yield Problem(f"{path}.binary", "a bitmap of bytes needs an element of kind b; false for hex digits")
    if layout.octets * (1 if layout.binary else 2) > inside.room:
        yield Problem(f"{path}.octets", "the bitmap alone is longer than the value can be")
    for part in layout.parts:
        where = f"{path}.parts.{part.key}"
        bits = layout.octets * 8
        if not _digits(part.key) or part.key.startswith("0") or not 1 <= int(part.key[:4]) <= bits:
            yield Problem(where, f"the key is the number of a bit, 1 to {bits}")


def _datasets(layout: Datasets, inside: _Inside) -> Iterator[Problem]:
    if inside.text:
        yield Problem(inside.path, "datasets are bytes: the element must be of kind b")
    if inside.room > _DATASET_LENGTH_MAX:
        yield warning(inside.path, f"a dataset has {_DATASET_LENGTH_MAX} bytes at most")
    for key, times in Counter(each.id for each in layout.sets).items():
        where = f"{inside.path}.sets.{key}"
        if times > 1:
            yield Problem(where, "stated twice")
        if len(key) != 2 or not _HEX_TAG.fullmatch(key):
            yield Problem(where, "the key of a dataset is two capital hex digits")
    for each in layout.sets:
        if isinstance(each.body, Datasets):
            yield Problem(f"{inside.path}.sets.{each.id}.body", "a dataset holds no datasets")


def _digits(key: str) -> bool:
    return key.isascii() and key.isdigit()
