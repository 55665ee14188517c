"""Dialects out of moov JSON specifications: fields with a type, an encoding, a prefix, padding and subfields.

The words are those of moov's builder, older ones included ("Hex" of releases before 0.15 is "HexToASCII" today).
Lengths count what a value has, characters, digits or bytes, and those of composites bytes. moov takes padding away when
it reads; here what stood on the wire is what a message holds.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

from twinrail.codecs.importers.foreign import (
    DEPTH_MAX,
    TEXT_CHARACTERS_MAX,
    Draft,
    Heading,
    Imported,
    data_class,
    find_version,
    is_number,
    layout_of,
    part_class,
    reference,
    settle,
    words_of,
)
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Length, Pad, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Layout, Part, Positional, Tagged

_TYPES = frozenset({"String", "Numeric", "Binary", "Hex", "Composite", "Track1", "Track2", "Track3"})
_KEYS = frozenset(
    {"type", "length", "description", "enc", "prefix", "padding", "subfields", "tag", "bitmap", "disableautoexpand"}
)
_KEY_TOLD = 32  # characters of a key that is none
_TAG_KEYS = frozenset({"length", "enc", "padding", "sort"})


class _Encoding(NamedTuple):
    """What an encoding makes of a value."""

    coding: Coding
    page: str = "ascii"
    nibble: str = ""


# moov's EBCDIC differs from cp500 in the vertical bar alone.
ENCODINGS = {
    "ASCII": _Encoding(Coding.CHARACTERS),
    "EBCDIC": _Encoding(Coding.CHARACTERS, "cp500"),
    "EBCDIC1047": _Encoding(Coding.CHARACTERS, "cp1047"),
    "BCD": _Encoding(Coding.BCD, nibble="0"),
    "LBCD": _Encoding(Coding.BCD_RIGHT, nibble="0"),
    "Binary": _Encoding(Coding.BINARY),
    "ASCIIToHex": _Encoding(Coding.BINARY),  # hex digits in the program, bytes on the wire
    "HexToASCII": _Encoding(Coding.HEX),  # bytes in the program, hex digits on the wire
    "Hex": _Encoding(Coding.HEX),
}
_PAGES = {"ASCII": "ascii", "EBCDIC": "cp500", "EBCDIC1047": "cp1047"}
_PREFIX_FORMS = {"BCD": PrefixForm.BCD, "Binary": PrefixForm.BINARY}


class _Field(NamedTuple):
    """What an element and a subfield have alike, every axis stated."""

    name: str
    kind: Kind
    length_kind: Length
    length: int
    coding: Coding
    page: str
    nibble: str
    prefix: Prefix | None
    pad: Pad | None
    layout: Layout | None


def read(text: str, name: str) -> Imported:
    """Import a specification; DialectError says where it is none or cannot be expressed."""
    draft = Draft(name)
    fields = _fields(text, draft)
    numbered = {int(key): value for key, value in fields.items() if key not in {"0", "1"}}
    find_version(draft, {number: (int(value["length"]),) for number, value in numbered.items()})
    heading = _heading(draft, fields, beyond=any(number > 128 for number in numbered))
    if 65 in numbered:
        del numbered[65]
        draft.note("elements.65", "left out: moov reads a third bitmap where bit 65 is set")
    rows = []
    for number, value in numbered.items():
        path = f"elements.{number}"
        field = _field(draft, path, value, number)
        if field is not None:
            mask = data_class(draft, number, field.name, field.length)
            layout = field.layout or layout_of(draft, number, field.kind)
            rows.append(Element(number, mask=mask, **field._replace(layout=layout)._asdict()))
    return settle(draft, heading, rows)


def _fields(text: str, draft: Draft) -> dict[str, dict[str, Any]]:
    """Read the table of fields; every one of them is a table with a length when this has passed."""
    if len(text) > TEXT_CHARACTERS_MAX:
        draft.wrong("", f"a specification has {TEXT_CHARACTERS_MAX} characters at most")
        draft.stop_if_wrong()
    try:
        spec = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        draft.wrong("", "nested too deep")
        spec = {}
    except ValueError as error:
        draft.wrong("", f"not JSON: {error}")
        spec = {}
    fields = spec.get("fields") if isinstance(spec, dict) else None
    if not isinstance(fields, dict) or not fields:
        draft.wrong("fields", "missing, or no table of fields")
        draft.stop_if_wrong()
        return {}
    for key, value in fields.items():
        if not is_number(key):
            draft.wrong(f"fields.{key[:_KEY_TOLD]}", "the key of a field is its number")
        elif not isinstance(value, dict):
            draft.wrong(f"fields.{key}", "must be a table")
        elif type(value.setdefault("length", 0)) is not int:
            draft.wrong(f"fields.{key}.length", "must be a whole number")
    draft.stop_if_wrong()
    return fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in one table: JSON would silently keep the last."""
    keys = sorted(key for key, _ in pairs)
    twice = next((key for key, after in itertools.pairwise(keys) if key == after), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands twice in one table")
    return dict(pairs)


def _heading(draft: Draft, fields: dict[str, dict[str, Any]], *, beyond: bool) -> Heading:
    for key in ("0", "1"):
        if key not in fields:
            draft.wrong(f"fields.{key}", "missing")
    mti, bitmap = fields.get("0", {}), fields.get("1", {})
    encoding = ENCODINGS.get(str(mti.get("enc", "ASCII")))
    if encoding is None or encoding.coding not in {Coding.CHARACTERS, Coding.BCD, Coding.BCD_RIGHT}:
        draft.wrong("fields.0.enc", "must be ASCII, EBCDIC, EBCDIC1047 or BCD")
    is_packed = encoding is not None and encoding.coding is not Coding.CHARACTERS
    carried = ENCODINGS.get(str(bitmap.get("enc", "Binary")))
    if carried is None or carried.coding not in {Coding.BINARY, Coding.HEX}:
        draft.wrong("fields.1.enc", "must be Binary or HexToASCII")
    two = bitmap.get("disableautoexpand") is True and bitmap.get("length") == 16
    if bitmap.get("disableautoexpand") is True and bitmap.get("length") not in {8, 16}:
        draft.wrong("fields.1.length", "must be 8 or 16 where the bitmap does not expand")
    return Heading(
        mti=Coding.BCD if is_packed else Coding.CHARACTERS,
        page="" if is_packed or encoding is None else encoding.page,
        bitmap=BitmapForm.HEX_ASCII if carried is not None and carried.coding is Coding.HEX else BitmapForm.BINARY,
        bitmaps=Bitmaps.ALWAYS_TWO if two else Bitmaps.BY_BIT_1,
        third=Third.CONTIGUOUS if beyond else Third.NONE,
    )


def _field(draft: Draft, path: str, value: dict[str, Any], number: int, depth: int = 1) -> _Field | None:
    """Read an element, or a subfield of one (`number` 0); None where it cannot be expressed."""
    before = len(draft.errors)
    for key in sorted(value.keys() - _KEYS):
        draft.note(f"{path}.{key}", "not known here; left out")
    word, length = value.get("type"), value.get("length")
    if not isinstance(word, str) or word not in _TYPES:
        draft.wrong(f"{path}.type", "must be " + " or ".join(sorted(_TYPES)))
    if type(length) is not int or length < 1:
        draft.wrong(f"{path}.length", "must be a whole number from 1 on")
        length = 1
    described = value.get("description")
    name = (
        draft.name_of(described, f"element_{number}")
        if number
        else words_of(described, "part_" + path.rsplit(".", maxsplit=1)[-1])
    )
    length_kind, prefix = _prefix(draft, path, value.get("prefix"))
    if word == "Composite" or value.get("subfields"):
        outer = _Field(name, Kind.B, length_kind, length, Coding.BINARY, "ascii", "", prefix, None, None)
        return _composite(draft, path, value, outer, depth)
    encoding = ENCODINGS.get(str(value.get("enc")))
    if encoding is None:
        draft.wrong(f"{path}.enc", "must be " + " or ".join(ENCODINGS))
    if encoding is None or len(draft.errors) > before:
        return None
    kind = _kind(draft, path, str(word), encoding.coding, number=number, length=length)
    pad = _padding(draft, path, value.get("padding"))
    if encoding.page == "cp500" and str(value.get("enc")) == "EBCDIC":
        draft.note(path, "EBCDIC as cp500: moov has the vertical bar elsewhere")
    return _Field(
        name,
        kind,
        length_kind,
        length,
        encoding.coding,
        encoding.page,
        encoding.nibble,
        prefix,
        pad if length_kind is Length.FIXED else None,
        None,
    )


def _kind(draft: Draft, path: str, word: str, coding: Coding, *, number: int, length: int) -> Kind:
    """Say what a field may hold: by its type, by what its encoding can carry, by our table of the version."""
    known = reference(draft, number, length) if number else None
    if coding in {Coding.BINARY, Coding.HEX}:
        return Kind.B
    if word in {"Track2", "Track3"}:
        return Kind.Z
    packed = coding is not Coding.CHARACTERS
    if known is not None and (known.kind in {Kind.N, Kind.Z, Kind.XN} if packed else known.kind is not Kind.B):
        draft.note(path, f"repertoire {known.kind}, as in {draft.version}")
        return known.kind
    if packed or word == "Numeric":
        return Kind.N
    if word in {"Binary", "Hex"}:
        draft.wrong(f"{path}.enc", f"{word} cannot be carried as characters; HexToASCII carries bytes as hex digits")
    draft.note(path, "repertoire ans: any printable character")
    return Kind.ANS


def _padding(draft: Draft, path: str, value: object) -> Pad | None:
    if value is None or (isinstance(value, dict) and value.get("type") == "None"):
        return None
    sides = {"Left": True, "Right": False}
    word = value.get("type") if isinstance(value, dict) else None
    character = value.get("pad") if isinstance(value, dict) else None
    if not isinstance(word, str) or word not in sides or not isinstance(character, str) or len(character) != 1:
        draft.wrong(f"{path}.padding", "must have a type, Left, Right or None, and a pad of one character")
        return None
    return Pad(character, left=sides[word])


def _prefix(draft: Draft, path: str, value: object) -> tuple[Length, Prefix | None]:
    """Read a prefix such as ASCII.LL; None for a fixed length and for what a BER-TLV object has by itself."""
    family, _, digits = str(value).partition(".")
    if value == "BerTLV":
        return Length.LLLLLLVAR, None
    known = family in {*_PAGES, *_PREFIX_FORMS, "Hex"}
    if known and digits == "Fixed":
        return Length.FIXED, None
    if not known or family == "Hex" or digits.strip("L") or not 1 <= len(digits) <= (4 if family == "Binary" else 6):
        why = "a length in hex digits cannot be expressed" if family == "Hex" else "is no prefix that is known here"
        draft.wrong(f"{path}.prefix", why)
        return Length.FIXED, None
    count = len(digits)
    if family == "Binary":  # as many bytes as there are Ls
        wide = {1: Length.LLVAR, 2: Length.LLLLVAR}.get(count, Length.LLLLLLVAR)
        return wide, Prefix(PrefixForm.BINARY, Counts.VALUE, inclusive=False, size=count)
    form = _PREFIX_FORMS.get(family, PrefixForm.CHARACTERS)
    return Length(count), Prefix(form, Counts.VALUE, inclusive=False, page=_PAGES.get(family))


def _composite(draft: Draft, path: str, value: dict[str, Any], outer: _Field, depth: int) -> _Field | None:
    subfields = value.get("subfields")
    if not isinstance(subfields, dict) or not subfields or not all(isinstance(one, dict) for one in subfields.values()):
        draft.wrong(f"{path}.subfields", "must be a table of subfields")
        return None
    if depth > DEPTH_MAX:
        draft.wrong(path, "nested too deep")
        return None
    stated = value.get("tag")
    tag: dict[str, Any] = stated if isinstance(stated, dict) else {}
    for key in sorted(tag.keys() - _TAG_KEYS):
        draft.note(f"{path}.tag.{key}", "not known here; left out")
    encoding = str(tag.get("enc") or "")
    ber = encoding == "BerTLVTag"
    parts, prefixes = [], {}
    for key in _ordered(subfields, str(tag.get("sort", ""))):
        where = f"{path}.layout.parts.{key}"
        field = _field(draft, where, subfields[key], 0, depth + 1)
        if field is not None:
            key_in_full = _key(key, tag)
            prefixes[where] = (field.length_kind, field.prefix)
            mask = part_class(draft, where, key_in_full, field.name, ber=ber)
            parts.append(Part(key_in_full, mask=mask, **field._asdict()))
    layout: Layout | None
    if value.get("bitmap") is not None:
        layout = _bitmap(draft, path, value["bitmap"], tuple(parts))
    elif ber:
        layout = BerTlv(tuple(parts))
    elif encoding:
        layout = _tagged(draft, path, tag, tuple(parts), prefixes)
    else:
        layout = Positional(tuple(parts))
    page = _page_of_all(layout)
    if page is None or layout is None:
        if isinstance(layout, Tagged) and layout.tag is Coding.CHARACTERS:
            draft.pages[f"{path}.tag"] = ENCODINGS[encoding].page
        elif isinstance(layout, BitmapParts) and not layout.binary:
            draft.pages[f"{path}.bitmap"] = "ascii"
        return outer._replace(layout=layout)
    return outer._replace(kind=Kind.ANS, coding=Coding.CHARACTERS, page=page, layout=_as_text(layout))


def _ordered(subfields: dict[str, Any], sort: str) -> list[str]:
    """Give the keys in the order in which they stand: by number, or as hex digits where the tag says so."""
    if sort == "StringsByHex" or not all(is_number(key.lstrip("0") or "0") for key in subfields):
        return sorted(subfields, key=lambda key: (len(key), key))
    return sorted(subfields, key=int)


def _key(key: str, tag: dict[str, Any]) -> str:
    """Give a key as its tag stands on the wire: filled up as the tag is."""
    padding, length = tag.get("padding"), tag.get("length")
    if tag.get("enc") == "BerTLVTag":
        return key.upper()
    if isinstance(padding, dict) and isinstance(padding.get("pad"), str) and len(padding["pad"]) == 1:
        width = length if type(length) is int and 0 <= length <= 16 else 0
        return key.rjust(width, padding["pad"]) if padding.get("type") == "Left" else key.ljust(width, padding["pad"])
    return key


def _bitmap(draft: Draft, path: str, value: object, parts: tuple[Part, ...]) -> BitmapParts | None:
    bitmap = value if isinstance(value, dict) else {}
    encoding, octets = ENCODINGS.get(str(bitmap.get("enc"))), bitmap.get("length")
    if encoding is None or encoding.coding not in {Coding.BINARY, Coding.HEX} or type(octets) is not int:
        draft.wrong(f"{path}.bitmap", "must have a length in bytes and an enc of Binary or HexToASCII")
        return None
    if bitmap.get("disableautoexpand") is not True:
        draft.note(
            f"{path}.bitmap", f"read as {octets} bytes: a bitmap within an element that grows cannot be expressed"
        )
    return BitmapParts(parts, octets, binary=encoding.coding is Coding.BINARY)


def _tagged(
    draft: Draft,
    path: str,
    tag: dict[str, Any],
    parts: tuple[Part, ...],
    prefixes: dict[str, tuple[Length, Prefix | None]],
) -> Tagged | None:
    digits, encoding = tag.get("length"), ENCODINGS.get(str(tag.get("enc")))
    if type(digits) is not int or encoding is None or encoding.coding not in {Coding.CHARACTERS, Coding.BCD}:
        draft.wrong(f"{path}.tag", "must have a length and an enc of ASCII, EBCDIC, EBCDIC1047, BCD or BerTLVTag")
        return None
    for where, (_, prefix) in prefixes.items():
        if prefix is None:
            draft.wrong(f"{where}.prefix", "a tag without a length behind it cannot be expressed")
    # What most subfields have is the layout's; the others keep their own.
    (length_kind, shared), _ = Counter(prefixes.values()).most_common(1)[0]
    if shared is None:
        return None
    most = (length_kind, shared)
    parts = tuple(replace(part, prefix=None) if (part.length_kind, part.prefix) == most else part for part in parts)
    return Tagged(parts, digits, length_kind, encoding.coding, shared)


def _page_of_all(layout: Layout | None) -> str | None:
    """Give the code page of a composite that is text throughout, None for one that holds bytes or packed digits."""
    if not isinstance(layout, Positional | Tagged | BitmapParts):
        return None
    if isinstance(layout, BitmapParts) and layout.binary:
        return None
    pages = {part.page for part in layout.parts if part.coding is Coding.CHARACTERS}
    if isinstance(layout, BitmapParts):
        pages.add("ascii")  # its hex digits
    if len(pages) != 1 or any(part.coding is not Coding.CHARACTERS for part in layout.parts):
        return None
    prefixes = [part.prefix for part in layout.parts if part.prefix]
    prefixes += [layout.length] if isinstance(layout, Tagged) else []
    if isinstance(layout, Tagged) and layout.tag is not Coding.CHARACTERS:
        return None
    page = pages.pop()
    return page if all(one.form is PrefixForm.CHARACTERS and one.page == page for one in prefixes) else None


def _as_text(layout: Layout) -> Layout:
    """Give the layout of a composite that is text: its parts have been translated to ASCII before they are read."""
    if not isinstance(layout, Positional | Tagged | BitmapParts):
        return layout
    layout = replace(layout, parts=tuple(_in_ascii(part) for part in layout.parts))
    return replace(layout, length=replace(layout.length, page=None)) if isinstance(layout, Tagged) else layout


def _in_ascii(part: Part) -> Part:
    prefix = part.prefix and replace(part.prefix, page=None)
    return replace(part, page=None, prefix=prefix)
