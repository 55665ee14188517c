"""Dialects out of jPOS GenericPackager files: fields by number, each with a class that says how it is carried.

The XML is read with everything switched off that reaches beyond it: no entity is resolved, no DTD is loaded, nothing is
fetched. The DOCTYPE line that these files begin with may stand there; declarations of its own may not.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lxml import etree

from twinrail.codecs.importers.foreign import (
    DEPTH_MAX,
    TEXT_CHARACTERS_MAX,
    Draft,
    Heading,
    Imported,
    data_class,
    find_version,
    layout_of,
    part_class,
    reference,
    settle,
    words_of,
)
from twinrail.codecs.importers.jpos_classes import BITMAPS, CLASSES, LEFT_OUT, FieldClass
from twinrail.schemas.iso8583.axes import AS_ABOVE, Coding, Kind, Length, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Layout, Part, Positional, Tagged

_ATTRIBUTES = frozenset(
    {"id", "length", "name", "class", "pad", "packager", "emitBitmap", "bitmapField", "firstField", "tagMapper"}
)
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")
_INTERNAL_SUBSET = re.compile(r"<!DOCTYPE[^<>\[]*\[|<!ENTITY")
_PACKED = frozenset({Coding.BCD, Coding.BCD_RIGHT})
_BITMAP_FORMS = {
    "IFA_BITMAP": BitmapForm.HEX_ASCII,
    "IFB_BITMAP": BitmapForm.BINARY,
    "IFE_BITMAP": BitmapForm.HEX_EBCDIC,
}
_SUB_PACKAGERS = frozenset({"GenericSubFieldPackager", "GenericPackager"})
_TAGGED_PACKAGER = "GenericTaggedFieldsPackager"
_TAG_MAPPERS = frozenset({"TTDecimalTagMapper", "TTTDecimalTagMapper"})  # the tag is the number of the part


def read(text: str, name: str) -> Imported:
    """Import a packager; DialectError says where it is none or cannot be expressed."""
    draft = Draft(name)
    fields = _fields(draft, _root(draft, text))
    draft.stop_if_wrong()
    numbered = {number: node for number, node in fields.items() if number > 1 and not _is_left_out(draft, number, node)}
    find_version(draft, {number: (_length(draft, "", node),) for number, node in numbered.items()})
    heading = _heading(draft, fields)
    if heading.third is not Third.DATA:
        numbered.pop(65, None)
    rows = [row for number, node in numbered.items() if (row := _element(draft, number, node)) is not None]
    return settle(draft, heading, rows)


def _root(draft: Draft, text: str) -> etree._Element:
    if len(text) > TEXT_CHARACTERS_MAX:
        draft.wrong("", f"a packager has {TEXT_CHARACTERS_MAX} characters at most")
    elif _INTERNAL_SUBSET.search(text):
        draft.wrong("", "declarations of its own in a DOCTYPE are refused")
    draft.stop_if_wrong()
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=False,
    )
    try:
        # The text is characters already: what the file says of its encoding has been heeded, or is wrong.
        root = etree.fromstring(_DECLARATION.sub("", text).encode("utf-8"), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError) as error:
        line = getattr(error, "lineno", 0) or 0
        draft.wrong("", f"not XML, line {line}")
        draft.stop_if_wrong()
        raise
    if root.tag != "isopackager":
        draft.wrong("", "is no isopackager")
    if root.get("emitBitmap", "true") != "true":
        draft.wrong("isopackager.emitBitmap", "messages without a bitmap cannot be expressed")
    if root.get("headerLength", "0") != "0":
        draft.note("isopackager.headerLength", "a header belongs to the link profile, not to the dialect")
    return root


def _fields(draft: Draft, parent: etree._Element, where: str = "elements.") -> dict[int, etree._Element]:
    """Give the fields of a packager by their number."""
    fields: dict[int, etree._Element] = {}
    for node in parent:
        number = node.get("id", "")
        if node.tag not in {"isofield", "isofieldpackager"}:
            draft.note(f"line {node.sourceline}", f"{node.tag} is not known here; left out")
        elif not (number.isascii() and number.isdigit() and len(number) <= 4):
            draft.wrong(f"line {node.sourceline}", "the id of a field is its number")
        elif int(number) in fields:
            draft.wrong(f"{where}{number}", "stated twice")
        else:
            fields[int(number)] = node
            for attribute in sorted(set(map(str, node.attrib)) - _ATTRIBUTES):
                draft.note(f"{where}{number}.{attribute}", "not known here; left out")
    return fields


def _class_name(node: etree._Element) -> str:
    return node.get("class", "").rpartition(".")[2]


def _is_left_out(draft: Draft, number: int, node: etree._Element) -> bool:
    if _class_name(node) not in LEFT_OUT:
        return False
    draft.note(f"elements.{number}", f"left out: {_class_name(node)} is no field")
    return True


def _length(draft: Draft, path: str, node: etree._Element) -> int:
    length = node.get("length", "")
    if length.isascii() and length.isdigit() and 1 <= len(length) <= 6 and int(length):
        return int(length)
    if path:
        draft.wrong(f"{path}.length", "must be a whole number from 1 on")
    return 1


def _heading(draft: Draft, fields: dict[int, etree._Element]) -> Heading:
    mti, bitmap, third = fields.get(0), fields.get(1), fields.get(65)
    carried = CLASSES.get(_class_name(mti)) if mti is not None else None
    if carried is None or carried.kind is Kind.B or carried.length_kind is not Length.FIXED:
        draft.wrong("elements.0", "must be there, of a class that carries four digits")
    form = _BITMAP_FORMS.get(_class_name(bitmap)) if bitmap is not None else None
    if form is None:
        draft.wrong("elements.1", "must be there, of the class IFA_BITMAP, IFB_BITMAP or IFE_BITMAP")
    is_packed = carried is not None and carried.coding in _PACKED
    says = Third.NONE
    if third is not None and _class_name(third) in BITMAPS:
        says = Third.IN_ELEMENT
    elif bitmap is not None and _length(draft, "elements.1", bitmap) > 16:
        says = Third.CONTIGUOUS
        if third is not None:
            draft.note("elements.65", "left out: bit 65 announces a third bitmap")
    elif third is not None and _class_name(third) not in LEFT_OUT:
        says = Third.DATA
        draft.note("third", "element 65 has a row, so it is data; jPOS would take a third bitmap from class IFx_BITMAP")
    return Heading(
        mti=Coding.BCD if is_packed else Coding.CHARACTERS,
        page="" if is_packed or carried is None else carried.page,
        bitmap=form or BitmapForm.BINARY,
        third=says,
    )


def _element(draft: Draft, number: int, node: etree._Element) -> Element | None:
    path = f"elements.{number}"
    found = CLASSES.get(_class_name(node))
    length = _length(draft, path, node)
    if found is None or found.tag_digits:
        draft.wrong(f"{path}.class", f"{_class_name(node) or 'none'} cannot be expressed")
        return None
    name = draft.name_of(node.get("name"), f"element_{number}")
    found, layout = _opened(draft, path, node, found, 1)
    kind = found.kind if layout is not None else _kind(draft, path, found, number, length)
    mask = data_class(draft, number, name, length)
    return Element(
        number,
        name,
        kind,
        found.length_kind,
        length,
        mask,
        layout or layout_of(draft, number, kind),
        coding=found.coding if kind is not Kind.B or found.kind is Kind.B else Coding.BINARY,
        page=found.page,
        nibble=_nibble(found),
        prefix=_prefix(found),
    )


def _kind(draft: Draft, path: str, found: FieldClass, number: int, length: int) -> Kind:
    """Say what a field may hold: by its class, and by our table of the version where its length is ours."""
    known = reference(draft, number, length) if number else None
    if found.kind in {Kind.B, Kind.XN}:
        return found.kind
    fits = known is not None and (
        known.kind in {Kind.N, Kind.Z, Kind.XN} if found.coding in _PACKED else known.kind is not Kind.B
    )
    if known is not None and fits:
        draft.note(path, f"repertoire {known.kind}, as in {draft.version}")
        return known.kind
    if found.kind is Kind.ANS:
        draft.note(path, "repertoire ans: any printable character")
    return found.kind


def _padded(found: FieldClass, node: etree._Element) -> FieldClass:
    """Give the class with the side on which it fills an odd number of packed digits: pad="true" is the left."""
    if found.coding is Coding.BCD and node.get("pad", "false").lower() != "true":
        return found._replace(coding=Coding.BCD_RIGHT)
    return found


def _nibble(found: FieldClass) -> str:
    return found.nibble if found.coding in _PACKED else ""


def _prefix(found: FieldClass) -> Prefix | None:
    if found.length_kind is Length.FIXED:
        return None
    return Prefix(found.form, found.counts, inclusive=False, page=found.prefix_page, size=found.size)


def _opened(
    draft: Draft, path: str, node: etree._Element, found: FieldClass, depth: int
) -> tuple[FieldClass, Layout | None]:
    """Give the class of a field as its parts make it, and its layout; a composite is text where all its parts are."""
    found = _padded(found, node)
    if node.tag != "isofieldpackager":
        return found, None
    if depth > DEPTH_MAX:
        draft.wrong(path, "nested too deep")
        return found, None
    packager = node.get("packager", "").rpartition(".")[2]
    if "BERTLV" in packager.upper():
        draft.note(f"{path}.layout", "BER-TLV: the names of its tags are EMV's")
        return found._replace(kind=Kind.B, coding=Coding.BINARY), BerTlv()
    if packager not in _SUB_PACKAGERS and packager != _TAGGED_PACKAGER:
        draft.note(f"{path}.layout", f"what {packager or 'its packager'} makes of it cannot be expressed; left whole")
        return found, None
    fields = _fields(draft, node, f"{path}.layout.parts.")
    if packager == _TAGGED_PACKAGER:
        mapper = node.get("tagMapper", "").rpartition(".")[2]
        if mapper not in _TAG_MAPPERS:
            draft.wrong(f"{path}.tagMapper", f"{mapper or 'none'} cannot be expressed")
        layout: Layout | None = _tagged(draft, path, fields)
    else:
        layout = _divided(draft, path, node, fields, depth)
    if layout is None:
        return found, None
    is_text = f"{path}.layout" not in draft.pages and not (isinstance(layout, BitmapParts) and layout.binary)
    parts = layout.parts if isinstance(layout, Positional | BitmapParts | Tagged) else ()
    is_text = is_text and all(part.coding is Coding.CHARACTERS and part.page == "ascii" for part in parts)
    if is_text and found.kind is not Kind.B:
        if isinstance(layout, Tagged):
            layout = replace(layout, length=AS_ABOVE)
        return found._replace(kind=Kind.ANS), layout
    if isinstance(layout, Tagged) or (isinstance(layout, BitmapParts) and not layout.binary):
        draft.pages.setdefault(f"{path}.layout", "ascii")
    if found.coding is Coding.CHARACTERS and found.page != "ascii":
        draft.wrong(path, "parts that are not ASCII within a field that is translated from EBCDIC cannot be expressed")
    if found.coding in _PACKED:
        draft.wrong(path, "parts within packed digits cannot be expressed")
    return found._replace(kind=Kind.B, coding=Coding.HEX if found.coding is Coding.HEX else Coding.BINARY), layout


def _divided(
    draft: Draft, path: str, node: etree._Element, fields: dict[int, etree._Element], depth: int
) -> Layout | None:
    """Read parts behind a bitmap, or one behind the other."""
    first = node.get("firstField", "")
    bitmap_at = node.get("bitmapField", "1")
    bitmap = fields.get(int(bitmap_at)) if bitmap_at.isdigit() and len(bitmap_at) < 5 else None
    if node.get("emitBitmap", "true") == "true" and bitmap is not None and _class_name(bitmap) in BITMAPS:
        parts = {number: each for number, each in fields.items() if each is not bitmap and number}
        octets = _length(draft, f"{path}.bitmap", bitmap)
        if octets > 8 and all(number <= 64 for number in parts):
            octets = 8
            draft.note(f"{path}.layout.octets", "8, since no part has a higher number; jPOS lets it grow")
        is_binary = BITMAPS[_class_name(bitmap)] is Coding.BINARY
        if _class_name(bitmap) == "IFE_BITMAP":
            draft.pages[f"{path}.layout"] = "cp1047"
        return BitmapParts(_parts(draft, path, parts, depth), octets, binary=is_binary)
    least = int(first) if first.isdigit() and len(first) < 5 else 1
    if 0 in fields and least:
        draft.note(f"{path}.layout.parts.0", 'left out: without firstField="0" jPOS does not read it')
    parts = {number: each for number, each in sorted(fields.items()) if number >= least}
    if any(_class_name(each) in BITMAPS for each in parts.values()):
        draft.wrong(f"{path}.layout", "a bitmap that is not emitted")
        return None
    return Positional(_parts(draft, path, parts, depth))


def _parts(draft: Draft, path: str, fields: dict[int, etree._Element], depth: int) -> tuple[Part, ...]:
    parts = []
    for number, node in sorted(fields.items()):
        where = f"{path}.layout.parts.{number}"
        found = CLASSES.get(_class_name(node))
        length = _length(draft, where, node)
        if _class_name(node) in LEFT_OUT:
            draft.note(where, f"left out: {_class_name(node)} is no field")
            continue
        if found is None or found.tag_digits:
            draft.wrong(f"{where}.class", f"{_class_name(node) or 'none'} cannot be expressed")
            continue
        name = words_of(node.get("name"), f"part_{number}")
        found, layout = _opened(draft, where, node, found, depth + 1)
        mask = part_class(draft, where, str(number), name, ber=False)
        row = Part(str(number), name, found.kind, found.length_kind, length, mask, layout)
        row = replace(row, coding=found.coding, page=found.page, nibble=_nibble(found), prefix=_prefix(found))
        parts.append(row)
    return tuple(parts)


def _tagged(draft: Draft, path: str, fields: dict[int, etree._Element]) -> Tagged | None:
    """Read parts that have their tag in front: the number of the part, with as many digits as its class has Ts."""
    parts, shapes = [], set()
    for number, node in sorted(fields.items()):
        where = f"{path}.layout.parts.{number}"
        found = CLASSES.get(_class_name(node))
        if number == 0:
            continue  # a place holder
        if found is None or not found.tag_digits:
            draft.wrong(f"{where}.class", f"{_class_name(node) or 'none'} has no tag in front that can be expressed")
            continue
        shapes.add((found.tag_digits, found.length_kind))
        key, name = str(number).zfill(found.tag_digits), words_of(node.get("name"), f"part_{number}")
        mask = part_class(draft, where, key, name, ber=False)
        row = Part(key, name, found.kind, found.length_kind, _length(draft, where, node), mask)
        parts.append(replace(row, coding=found.coding, page=found.page))
    if len(shapes) != 1:
        draft.wrong(f"{path}.layout", "all tagged parts must have tags and lengths of the same form")
        return None
    tag_digits, length_kind = shapes.pop()
    return Tagged(tuple(parts), tag_digits, length_kind, length=Prefix(PrefixForm.CHARACTERS, page="ascii"))
