"""Conversion: a message in another dialect, element by element, by name and never by number.

DE22 is an entry mode in 1987 and a POS data code in 1993: only what means the same is carried over. Between versions
`convert_versions` says by which element or code the other says it. Whatever cannot be carried is named, with the
reason: nothing is dropped in silence. Values stand in no reason.
"""

from datetime import date
from typing import NamedTuple

from twinrail.codecs.composites import opened
from twinrail.codecs.convert_versions import Note, Years, moved
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.leaf import Leaf, axes_of
from twinrail.codecs.table import Message
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import FIXED, Kind
from twinrail.schemas.iso8583.conversions import AUTHENTICATION, DATES, NUMBERS
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Datasets, Layout, Part, Positional

_CHIP_DATA = "01"  # dataset of chip data, as BER-TLV
_FILLS = ("filler", "blank", "reserved", "zeros")  # parts that only take room
_DIGITS = {Kind.N, Kind.XN}


class Converted(NamedTuple):
    """The message in the other dialect, what could not be carried, and what was carried with a change worth a word."""

    message: Message
    left: tuple[Note, ...]
    adapted: tuple[Note, ...]


class _Unfit(Exception):  # noqa: N818 - a signal within this module, never an error anyone sees
    """A value that the other dialect has no place for; the text is the reason."""


def convert(source: Dialect, message: Message, target: Dialect, today: date) -> Converted:
    """Give a message in another dialect; `today` tells the year of dates that have none.

    EncodeError where even its type cannot be said there.
    """
    if source is target:
        return Converted(message, (), ())
    way = _Way(source, target, Years(today))
    rows = {row.name: row for row in source.elements if row.number in message.elements}
    given = {name: message.elements[row.number] for name, row in rows.items()}
    mti, names, left, adapted = moved(message.mti, given, source.version, target.version, way.years)
    doubled = message.elements.keys() - {row.number for row in rows.values()}
    left += [Note(str(number), "?", "another element has its name") for number in sorted(doubled)]
    there = {row.name: row for row in target.elements}
    elements: dict[int, str | bytes] = {}
    for name, value in names.items():
        # What a rule between versions has written is not laid out as the source says any more.
        row = rows[name] if given.get(name) is value else None
        other, path = there.get(name), str(rows[name].number) if name in rows else ""
        if other is None:
            left.append(Note(path, name, f"{target.name} has no element for it"))
            continue
        try:
            elements[other.number] = _carried(way, row, value, other)
        except _Unfit as why:
            left.append(Note(path, name, str(why)))
        else:
            left += _parts_left(row, value, other)
    converted = Message(mti, dict(sorted(elements.items())))
    for number in _misread(target, converted):
        name = next(row.name for row in target.elements if row.number == number)
        path = str(rows[name].number) if name in rows else ""
        left.append(Note(path, name, "it would be read as something else there"))
        del converted.elements[number]
    return Converted(converted, tuple(_numbered(left, rows)), tuple(_numbered(adapted, rows)))


def _misread(target: Dialect, message: Message) -> list[int]:
    """Give the elements that would not come back: where only bytes are counted, fill cannot be told from a digit."""
    codec = Codec(target)
    read = codec.decode(codec.encode(message))
    return [number for number, value in message.elements.items() if read.elements[number] != value]


class _Way(NamedTuple):
    """From which dialect to which."""

    source: Dialect
    target: Dialect
    years: Years


def _numbered(notes: list[Note], rows: dict[str, Element]) -> list[Note]:
    """Give notes the number of their element in the message that was given, in that order."""
    told = [
        note if note.path else note._replace(path=str(rows[note.name].number)) for note in notes if note.name in rows
    ]
    others = [note for note in notes if note.name not in rows]
    return sorted(told, key=lambda note: int(note.path.partition(".")[0])) + others


def _carried(way: _Way, row: Element | None, value: str | bytes, other: Element) -> str | bytes:
    """Give a value as the row of the other dialect holds it; _Unfit where it cannot."""
    axes = axes_of(other, way.target)
    if other.name in AUTHENTICATION:
        raise _Unfit("it authenticates the bytes that it stood in: make it anew")
    if row is not None:
        if (row.kind is Kind.B) is not (other.kind is Kind.B):
            raise _Unfit("it is text on one side and bytes on the other")
        value = _bytes(way, row, value, other) if isinstance(value, bytes) else _text(row, value, other)
        if isinstance(value, str) and other.kind is Kind.Z:
            packed = axes_of(row, way.source).packed
            value = value.replace("=", "D") if axes.packed else value.replace("D", "=") if packed else value
    if isinstance(value, str):
        value = _sized(value, other, way.years)
    try:
        Leaf(str(other.number), other.number, axes).write(value)
    except EncodeError as error:
        raise _Unfit(error.problem) from None
    return value


def _bytes(way: _Way, row: Element, value: bytes, other: Element) -> bytes:
    """Carry bytes where both sides make the same of them; chip data in and out of its dataset."""
    source, target = way.source, way.target
    mine, theirs = row.layout, other.layout
    if isinstance(mine, BerTlv) and _chip(theirs):
        return bytes.fromhex(_CHIP_DATA) + len(value).to_bytes(2, "big") + value
    if _chip(mine) and isinstance(theirs, BerTlv):
        try:
            datasets = list(opened(source, row, value).items())
        except DecodeError:
            datasets = []
        if [item.key for item in datasets] == [_CHIP_DATA] and isinstance(datasets[0].value, bytes):
            return datasets[0].value
        raise _Unfit("it is more than one dataset of chip data")
    alike = source.text == target.text and source.numbers is target.numbers and source.lengths == target.lengths
    if mine == theirs and (alike or mine is None or isinstance(mine, BerTlv | Datasets)):
        return value
    raise _Unfit("it is laid out otherwise")


def _chip(layout: Layout | None) -> bool:
    return isinstance(layout, Datasets) and any(
        each.id == _CHIP_DATA and isinstance(each.body, BerTlv) for each in layout.sets
    )


def _text(row: Element, value: str, other: Element) -> str:
    """Carry text; what is made of parts on both sides, and of others, is put together from the parts of one name."""
    mine, theirs = row.layout, other.layout
    if mine is None or theirs is None or mine == theirs:
        return value
    if not (isinstance(mine, Positional) and isinstance(theirs, Positional)):
        raise _Unfit("it is laid out otherwise")
    if [(part.name, part.length) for part in mine.parts] == [(part.name, part.length) for part in theirs.parts]:
        return value
    if mine.repeats or theirs.repeats:
        raise _Unfit("it is laid out otherwise")
    held = _held(mine, value)
    return "".join(_part(part, held.get(part.name, "")) for part in theirs.parts)


def _held(layout: Positional, value: str) -> dict[str, str]:
    """Give the parts of a value by name; all of them are fixed."""
    held, at = {}, 0
    for part in layout.parts:
        held[part.name] = value[at : at + part.length]
        at += part.length
    return held


def _part(part: Part, value: str) -> str:
    """Fit a part: text is cut and filled by blanks, digits must be as long, and what is not there is filled."""
    fill = "0" if part.kind in _DIGITS else " "
    if part.kind in _DIGITS or part.name.endswith("country"):
        return value if len(value) == part.length else fill * part.length
    return value.rstrip().ljust(part.length)[: part.length]


def _parts_left(row: Element | None, value: str | bytes, other: Element) -> list[Note]:
    """Name the parts that do not come through where the parts differ."""
    if row is None:
        return []
    mine, theirs = row.layout, other.layout
    if not (isinstance(mine, Positional) and isinstance(theirs, Positional)) or not isinstance(value, str):
        return []
    if mine == theirs or mine.repeats:
        return []
    by_name = {part.name: part for part in theirs.parts}
    held = _held(mine, value)
    lost = []
    for part in mine.parts:
        given, there = held[part.name], by_name.get(part.name)
        if part.name.startswith(_FILLS) or not given.strip(" 0"):
            continue
        if there is None or _part(there, given).strip() != given.strip():
            lost.append(Note(f"{row.number}.{part.key}", part.name, "its part there is shorter, or not there"))
    return lost


def _sized(value: str, other: Element, years: Years) -> str:
    """Fit the length of a value to a fixed one: numbers by their zeros, dates by their year, text by its blanks."""
    size = other.length
    if other.length_kind is not FIXED or len(value) == size:
        return value
    if other.name in NUMBERS and value.isdigit():
        fitted = value.lstrip("0").zfill(size)
    elif other.name in DATES and value.isdigit():
        fitted = years.dated(value, size)
    elif other.kind in _DIGITS or other.kind is Kind.Z:
        raise _Unfit("its digits are of another number, and mean something else")
    else:
        fitted = value.rstrip(" ").ljust(size)
    if len(fitted) != size:
        raise _Unfit("it is longer than there is room for")
    return fitted
