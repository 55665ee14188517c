"""Paths: reading, changing and walking what is in a message, composites opened on the way.

A path is the number of an element and the keys of parts: "4", "55.9F02", "48.category", "54.1.4", "127.25.3"; the
second part of a key is "55.9F02[2]". Private data subelements run over several elements and are read as one text, under
whichever of these elements a path begins with.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from twinrail.codecs.composites import DEPTH_MAX, Opener, Parts, PathError, Place, opener_of, step_of
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.table import Message
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import Part, Pds

_NUMBER = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_STEP = re.compile(r"([0-9A-Za-z_]{1,32})(?:\[([1-9][0-9]{0,3})\])?", re.ASCII)

Step = tuple[str, int]  # key of a part, and how many of the same key come before it


class Entry(NamedTuple):
    """One element or part; `row` is None for one that nobody declares: nothing of it may be shown.

    `opened` says that its parts follow. `fault` says why it could not be opened or read: nothing of it may be shown.
    """

    path: str
    row: Element | Part | None
    value: str | bytes
    opened: bool = False
    fault: DecodeError | None = None

    def __repr__(self) -> str:
        # A path may hold tags that are bytes of the message.
        return f"Entry({self.path.partition('.')[0]} {self.row.name if self.row else 'unknown'}:{len(self.value)})"

    @property
    def mask(self) -> Mask | None:
        """Give what may be shown of the value; None for nothing."""
        return None if self.row is None or self.fault is not None else self.row.mask


@lru_cache(1024)
def steps_of(path: str) -> tuple[int, tuple[Step, ...]]:
    """Take a path apart: the number of the element, and the parts; PathError where it is none.

    >>> steps_of("55.72.9F18[2]")
    (55, (('72', 0), ('9F18', 1)))
    """
    head, *rest = path.split(".")
    found = [_STEP.fullmatch(step) for step in rest]
    if not _NUMBER.fullmatch(head) or len(rest) > DEPTH_MAX or None in found:
        raise PathError("not a path: it is written as 4, 55.9F02 or 55.9F02[2]")
    return int(head), tuple((step[1], int(step[2] or 1) - 1) for step in found if step is not None)


def get(dialect: Codec | Dialect, message: Message, path: str) -> str | bytes | None:
    """Give the value at a path, or None where there is none.

    DecodeError where a composite on the way does not parse; PathError where the path is none, or something on the way
    is not made of parts.
    """
    number, steps = steps_of(path)
    if not steps:
        return message.elements.get(number)
    level = opened_in(dialect, message, number)
    for key, occurrence in steps[:-1]:
        if level is None or (piece := level.find(key, occurrence)) is None:
            return None
        level = level.inside(piece, occurrence)
    return None if level is None else level.get(*steps[-1])


def put(dialect: Codec | Dialect, message: Message, path: str, value: str | bytes) -> Message:
    """Give a message with another value at a path, the element and the parts on the way added where they are missing.

    Every other part stays byte for byte. EncodeError where the part cannot hold the value, else as `get`.
    """
    return _changed(dialect, message, path, value, lambda level, key, occurrence: level.put(key, value, occurrence))


def remove(dialect: Codec | Dialect, message: Message, path: str) -> Message:
    """Give a message without the element or part at a path; KeyError where there is none."""
    return _changed(dialect, message, path, None, lambda level, key, occurrence: level.remove(key, occurrence))


def walk(dialect: Codec | Dialect, message: Message) -> Iterator[Entry]:
    """Give every element and part in order, an element or part before the parts that it is made of.

    Whatever does not parse is one entry with its fault. What only looks as if it held objects (a BER-TLV tag that
    nobody declares) and does not is an entry as any other.
    """
    opener = opener_of(dialect)
    spilled: dict[tuple[int, ...], DecodeError | None] = {}  # elements read as one, once the first has been given
    for number in sorted(message.elements):
        value, row = message.elements[number], opener.rows.get(number)
        if row is None or row.layout is None:
            yield Entry(str(number), row, value)
            continue
        over = read_as_one(row)
        if over in spilled:
            fault = spilled[over]
            yield Entry(str(number), row, value, opened=fault is None, fault=fault)
            continue
        fault = parts = None
        try:
            parts = opened_in(dialect, message, number)
        except DecodeError as error:
            fault = error
        if len(over) > 1:
            spilled[over] = fault
        yield Entry(str(number), row, value, opened=fault is None, fault=fault)
        if parts is not None:
            yield from entries(parts)


def entries(parts: Parts) -> Iterator[Entry]:
    """Give every part of a level and of those within it; see `walk`."""
    levels = [_of_level(parts)]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
            continue
        entry, inner = found
        yield entry
        if inner is not None:
            levels.append(_of_level(inner))


def _of_level(parts: Parts) -> Iterator[tuple[Entry, Parts | None]]:
    """Give the parts of one level, each with the level inside it."""
    for piece, occurrence in parts.counted():
        path = f"{parts.place.path}.{step_of(piece.key, occurrence)}"
        inner, fault, value = None, None, parts.wire_of(piece)
        try:
            value = parts.value_of(piece)
            if piece.layout is not None:
                inner = parts.inside(piece, occurrence)
        except DecodeError as error:
            stated = piece.layout is None or (piece.part is not None and piece.part.layout is not None)
            fault = error if stated else None
        yield Entry(path, piece.part, value, opened=inner is not None, fault=fault), inner


def opened_in(dialect: Codec | Dialect, message: Message, number: int) -> Parts | None:
    """Open an element of a message, together with those that its parts run over; None where none of them is there.

    Errors as `get`.
    """
    opener = opener_of(dialect)
    row = opener.rows.get(number)
    if row is None or row.layout is None:
        raise PathError(f"{number} is not made of parts")
    values = [message.elements[other] for other in read_as_one(row) if other in message.elements]
    if not values:
        return None
    return opener.opened(row.layout, _joined(values), Place(str(number), number))


def read_as_one(row: Element) -> tuple[int, ...]:
    """Give the elements that the parts of an element run over: itself, but for private data subelements."""
    over = row.layout.over if isinstance(row.layout, Pds) else ()
    return over or (row.number,)


def _joined(values: list[str | bytes]) -> str | bytes:
    """Join the values of elements that are read as one; text where all of them are."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values):
        return "".join(texts)
    return b"".join(value.encode("ascii", "replace") if isinstance(value, str) else value for value in values)


def _changed(
    dialect: Codec | Dialect,
    message: Message,
    path: str,
    value: str | bytes | None,
    change: Callable[[Parts, str, int], Parts],
) -> Message:
    """Change the last level of a path and write every level above it again; `value` None adds nothing on the way."""
    opener = opener_of(dialect)
    number, steps = steps_of(path)
    if not steps:
        if value is None and number not in message.elements:
            raise KeyError(path)
        return _with(message, {number: value})
    level = opened_in(dialect, message, number)
    if level is None and value is None:
        raise KeyError(path)
    levels = [_empty(opener, number) if level is None else level]
    for key, occurrence in steps[:-1]:
        piece = levels[-1].find(key, occurrence)
        if piece is None and value is None:
            raise KeyError(path)
        levels.append(levels[-1].inside_new(key) if piece is None else levels[-1].inside(piece, occurrence))
    last = change(levels.pop(), *steps[-1])
    for (key, occurrence), above in zip(reversed(steps[:-1]), reversed(levels), strict=True):
        last = above.put(key, last.value(), occurrence)
    return _with(message, spread(dialect, message, number, last))


def _empty(opener: Opener, number: int) -> Parts:
    """Open an element that is not there yet, as if it were and held nothing."""
    row = opener.rows[number]
    if row.layout is None:
        raise PathError(f"{number} is not made of parts")
    return opener.opened(row.layout, b"" if row.kind is Kind.B else "", Place(str(number), number))


def spread(dialect: Codec | Dialect, message: Message, number: int, parts: Parts) -> dict[int, str | bytes | None]:
    """Give the values of the elements that parts run over, None for one that is no longer needed.

    Where the whole is as long as before it is cut as before. Else each element takes as many whole parts as it has
    room for before the next begins; EncodeError where the elements have no room for all.
    """
    rows, elements = opener_of(dialect).rows, message.elements
    over = [other for other in read_as_one(rows[number]) if other in rows]
    if len(over) == 1:
        return {number: parts.value()}
    whole = parts.value()
    present = [other for other in over if other in elements]
    if len(whole) == sum(len(elements[other]) for other in present):
        cut: dict[int, str | bytes | None] = {}
        for other in present:
            cut[other], whole = whole[: len(elements[other])], whole[len(elements[other]) :]
        return cut
    filled: dict[int, str | bytes | None] = dict.fromkeys(over)
    start, placed, pieces = 0, 0, parts.pieces
    for other in over:
        end = start
        while placed < len(pieces) and pieces[placed].end - start <= rows[other].length:
            end, placed = pieces[placed].end, placed + 1
        if end > start:
            filled[other], start = whole[start:end], end
    if placed < len(pieces):
        raise EncodeError("no room for all parts", path=f"{parts.place.path}.{pieces[placed].key}")
    return filled


def _with(message: Message, changes: dict[int, str | bytes | None]) -> Message:
    elements = dict(message.elements)
    for number, value in changes.items():
        if value is None:
            elements.pop(number, None)
        else:
            elements[number] = value
    return Message(message.mti, {number: elements[number] for number in sorted(elements)})
