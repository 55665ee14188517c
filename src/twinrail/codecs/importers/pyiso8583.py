"""Dialects out of pyiso8583 specifications: a dictionary of fields, as JSON or as a Python literal.

Meant is the meaning of release 4: `len_enc` "b" is a binary length and "bcd" a packed one (before 3.0 "b" was packed),
and bit 65 announces a third bitmap (before 4.0 field 65 was data).
A field of pyiso8583 has an encoding and no repertoire: text of any kind, or bytes given in hex. Where our table of the
same version has a number, a track, an amount or bytes of just this length, that is what the field becomes; otherwise
text becomes ans and bytes stay bytes, which loses nothing.
"""

from __future__ import annotations

import ast
import codecs
import itertools
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from twinrail.codecs.importers.foreign import (
    TEXT_CHARACTERS_MAX,
    Draft,
    Heading,
    Imported,
    data_class,
    find_version,
    is_number,
    layout_of,
    length_kind_of,
    reference,
    settle,
)
from twinrail.codecs.repertoire import ascii_tables
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Length, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Element, Third

_AROUND = ("h", "t", "p", "1")
_KEYS = frozenset(
    {"data_enc", "len_enc", "len_type", "max_len", "desc", "len_count", "left_pad", "right_pad"},
)
_KEY_TOLD = 32  # characters of a key that is none
_NUMERIC = frozenset({Kind.N, Kind.Z})


class _Field(NamedTuple):
    """A field as pyiso8583 states it, checked: `data` and `prefix` are code pages, "b" or "bcd"."""

    data: str
    prefix: str
    prefix_bytes: int
    length: int
    nibbles: bool
    left_pad: str
    right_pad: str
    described: str

    @property
    def lengths(self) -> tuple[int, ...]:
        """Give the lengths that our table could have for it: digits that fill its bytes, hex digits, or characters."""
        if self.data != "b":
            return (self.length, self.length // 2) if not self.length & 1 else (self.length,)
        if self.nibbles:
            return (self.length, self.length // 2) if not self.length & 1 else (self.length,)
        return (2 * self.length, 2 * self.length - 1, self.length)


def read(text: str, name: str) -> Imported:
    """Import a specification; DialectError says where it is none or cannot be expressed."""
    draft = Draft(name)
    return from_dict(_literal(text, draft), name)


def from_dict(spec: Mapping[str, Any], name: str) -> Imported:
    """Import a specification that is a dictionary already."""
    draft = Draft(name)
    fields: dict[str, _Field] = {}
    for key, value in spec.items():
        path = _path(str(key)[:_KEY_TOLD])
        if str(key) not in _AROUND and not is_number(str(key)):
            draft.wrong(path, "is no field: fields are h, t, p, 1 and numbers")
        elif (field := _field(draft, path, value)) is not None:
            fields[str(key)] = field
    for key in ("t", "p"):
        if key not in spec:
            draft.wrong(key, "missing")
    draft.stop_if_wrong()
    heading = _heading(draft, fields)
    numbered = {int(key): field for key, field in fields.items() if key not in _AROUND}
    find_version(draft, {number: field.lengths for number, field in numbered.items()})
    if 65 in numbered:
        del numbered[65]
        draft.note("elements.65", "left out: pyiso8583 reads a third bitmap where bit 65 is set, never field 65")
    rows = [_element(draft, number, field) for number, field in numbered.items()]
    return settle(draft, heading, rows)


def _path(key: str) -> str:
    return f"elements.{key}" if key.isascii() and key.isdigit() and key != "1" else key


def _literal(text: str, draft: Draft) -> dict[str, Any]:
    """Read the dictionary: JSON, a Python literal, or a Python file that assigns one."""
    if len(text) > TEXT_CHARACTERS_MAX:
        draft.wrong("", f"a specification has {TEXT_CHARACTERS_MAX} characters at most")
        draft.stop_if_wrong()
    try:
        spec = json.loads(text, object_pairs_hook=_once)
    except _TwiceError as error:
        draft.wrong(_path(str(error)), "stated twice")
        spec = None
    except (ValueError, RecursionError):
        spec = _python(text, draft)
    if not draft.errors and not isinstance(spec, dict):
        draft.wrong("", "neither JSON nor a Python literal of one dictionary")
    draft.stop_if_wrong()
    return dict(spec)


class _TwiceError(Exception):
    """A key that stands twice in one table: JSON and Python would silently keep the last."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = sorted(key for key, _ in pairs)
        raise _TwiceError(next(key for key, after in itertools.pairwise(keys) if key == after))
    return made


def _python(text: str, draft: Draft) -> object:
    """Read a literal without running anything; of a file, the one dictionary that it assigns."""
    try:
        body = ast.parse(text.strip()).body
        values = [
            one.value
            for one in body
            if isinstance(one, ast.Expr | ast.Assign | ast.AnnAssign) and isinstance(one.value, ast.Dict)
        ]
        if len(values) != 1:
            return None
        for table in (node for node in ast.walk(values[0]) if isinstance(node, ast.Dict)):
            keys = Counter(key.value for key in table.keys if isinstance(key, ast.Constant))
            for key in [key for key, times in keys.items() if times > 1]:
                draft.wrong(_path(str(key)), "stated twice")
        return ast.literal_eval(values[0])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _field(draft: Draft, path: str, value: object) -> _Field | None:
    before = len(draft.errors)
    if not isinstance(value, dict):
        draft.wrong(path, "must be a dictionary")
        return None
    for key in value.keys() - _KEYS:
        draft.note(f"{path}.{key}", "not a property that pyiso8583 knows; left out")
    for key in ("data_enc", "len_enc"):
        if not isinstance(value.get(key), str):
            draft.wrong(f"{path}.{key}", "must be text")
    for key in ("len_type", "max_len"):
        if type(value.get(key)) is not int or value[key] < 0:
            draft.wrong(f"{path}.{key}", "must be a whole number, 0 or more")
    count = value.get("len_count", "bytes")
    if count not in {"bytes", "nibbles"}:
        draft.wrong(f"{path}.len_count", "must be bytes or nibbles")
    if len(draft.errors) > before:
        return None
    field = _Field(
        data=_page(draft, f"{path}.data_enc", value["data_enc"]),
        prefix=_page(draft, f"{path}.len_enc", value["len_enc"]) if value["len_type"] else "ascii",
        prefix_bytes=value["len_type"],
        length=value["max_len"],
        nibbles=count == "nibbles",
        left_pad=str(value.get("left_pad", ""))[:1],
        right_pad=str(value.get("right_pad", ""))[:1],
        described=str(value.get("desc", "")),
    )
    if field.data == "bcd":
        draft.wrong(f"{path}.data_enc", "bcd is an encoding of lengths; data in BCD is b")
    if field.nibbles and field.data != "b":
        draft.wrong(f"{path}.len_count", "nibbles of text")
    return field if len(draft.errors) == before else None


def _page(draft: Draft, path: str, encoding: str) -> str:
    """Give our word for a Python encoding; only what holds ASCII in one byte a character can be imported."""
    if encoding in {"b", "bcd"}:
        return encoding
    try:
        page = "cp1047" if encoding.lower() == "cp1047" else codecs.lookup(encoding).name
        tables = ascii_tables(page)
    except (ValueError, LookupError):
        draft.wrong(path, "is no code page with one byte a character")
        return "ascii"
    if tables is not None:
        return page
    if page != "ascii":
        draft.note(path, f"{encoding}: characters beyond ASCII will be refused")
    return "ascii"


def _heading(draft: Draft, fields: Mapping[str, _Field]) -> Heading:
    mti, first, second, header = (fields.get(key) for key in ("t", "p", "1", "h"))
    if header is not None and header.length:
        draft.note("h", f"a header of {header.length} bytes belongs to the link profile, not to the dialect")
    is_packed = mti is not None and mti.data == "b"
    bitmap = BitmapForm.BINARY
    if first is not None and first.data != "b":
        bitmap = BitmapForm.HEX_ASCII if first.data == "ascii" else BitmapForm.HEX_EBCDIC
    if first is not None and second is not None and first.data != second.data:
        draft.wrong("1", "the second bitmap must be carried as the first is")
    beyond = any(key.isdigit() and int(key) > 128 for key in fields)
    return Heading(
        mti=Coding.BCD if is_packed else Coding.CHARACTERS,
        page="" if mti is None or is_packed else mti.data,
        bitmap=bitmap,
        third=Third.CONTIGUOUS if beyond else Third.NONE,
    )


def _element(draft: Draft, number: int, field: _Field) -> Element:
    path = f"elements.{number}"
    name = draft.name_of(field.described, f"element_{number}")
    kind, length, coding, nibble, counts = _value(draft, number, field)
    digits = {"b": 2 * field.prefix_bytes, "bcd": 2 * field.prefix_bytes}.get(field.prefix, field.prefix_bytes)
    fixed = not field.prefix_bytes
    kind_of_length = Length.FIXED if fixed else _length_kind(field, digits)
    form = {"b": PrefixForm.BINARY, "bcd": PrefixForm.BCD}.get(field.prefix, PrefixForm.CHARACTERS)
    text = field.prefix if form is PrefixForm.CHARACTERS else None
    if not fixed and field.prefix_bytes > 6:
        draft.wrong(f"{path}.len_type", "a length has six digits at most")
    return Element(
        number,
        name,
        kind,
        kind_of_length,
        length,
        data_class(draft, number, name, length),
        layout_of(draft, number, kind),
        coding=coding,
        page=field.data if field.data != "b" else None,
        nibble=nibble,
        prefix=None if fixed else Prefix(form, counts, inclusive=False, page=text, size=field.prefix_bytes),
    )


def _length_kind(field: _Field, digits: int) -> Length:
    """Give the length kind of a prefix: digits as characters are what they are, in bytes what the length needs."""
    if field.prefix not in {"b", "bcd"}:
        return Length(min(digits, 6))
    return length_kind_of(field.length, max(1, digits - 1) if field.prefix == "bcd" else min(2, digits))


def _value(
    draft: Draft, number: int, field: _Field
) -> tuple[Kind, int, Coding, str, Counts]:  # kind, length, coding, nibble, what the length counts
    """Say what a field holds: what our table has where the lengths agree, else what loses nothing."""
    path, version = f"elements.{number}", draft.version
    known = next((row for each in field.lengths if (row := reference(draft, number, each)) is not None), None)
    if field.data != "b":
        if known is not None and known.kind is Kind.B and 2 * known.length == field.length:
            draft.note(path, f"{known.length} bytes as hex digits, as {version} has bytes here")
            return Kind.B, known.length, Coding.HEX, "", Counts.BYTES
        if known is not None and known.kind is not Kind.B and known.length == field.length:
            draft.note(path, f"repertoire {known.kind}, as in {version}")
            return known.kind, field.length, Coding.CHARACTERS, "", Counts.VALUE
        draft.note(path, "repertoire ans: any printable character")
        return Kind.ANS, field.length, Coding.CHARACTERS, "", Counts.VALUE
    is_packed = known is not None and known.kind in _NUMERIC and known.length in field.lengths[:2]
    if not field.nibbles:
        if known is not None and is_packed and not (known.kind is Kind.Z and field.prefix_bytes):
            draft.note(path, f"repertoire {known.kind} of {known.length} packed digits, as in {version}")
            return known.kind, known.length, Coding.BCD, "0", Counts.BYTES
        is_known = known is not None and known.kind is Kind.B and known.length == field.length
        draft.note(path, f"bytes, as in {version}" if is_known else "bytes, which may hold packed digits as well")
        return Kind.B, field.length, Coding.BINARY, "", Counts.VALUE
    coding, nibble = _fill(draft, path, field)
    if known is not None and is_packed and known.length == field.length:
        draft.note(path, f"repertoire {known.kind} of packed digits, as in {version}")
        return known.kind, field.length, coding, nibble, Counts.VALUE
    if not field.prefix_bytes and not field.length & 1:
        draft.note(path, "bytes, which may hold packed digits as well")
        return Kind.B, field.length // 2, Coding.BINARY, "", Counts.VALUE
    draft.note(path, "repertoire n: half bytes above 9 will be refused")
    return Kind.N, field.length, coding, nibble, Counts.VALUE


def _fill(draft: Draft, path: str, field: _Field) -> tuple[Coding, str]:
    """Give on which side an odd number of half bytes is filled, and with what."""
    fill = (field.left_pad or field.right_pad or "0").upper()
    if fill not in {"0", "F"}:
        draft.wrong(f"{path}.left_pad" if field.left_pad else f"{path}.right_pad", "must be 0 or F")
    if not field.left_pad and not field.right_pad and (field.prefix_bytes or field.length & 1):
        draft.note(path, "an odd number of half bytes is filled with 0 on the left: the specification does not say")
    return (Coding.BCD if field.left_pad or not field.right_pad else Coding.BCD_RIGHT), fill
