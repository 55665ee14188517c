"""Composites: what an element is made of, opened when somebody reads a part of it, and written again byte for byte.

`Parts` is one level of a value: the bytes as they stood, and where each part stands in them. Reading gives slices;
a change replaces the bytes of what it names and leaves all others, then everything is split again and has to come out
as meant. So unknown tags, repeated ones, their order, filler and lengths that could be shorter survive.
Nothing here is called by `decode`: a composite that nobody reads costs nothing.
A tag that nobody declares is bytes of the message: out of step it may be digits of a card number. So errors and
representations name it by its position ("48.#3", the third part); only paths that somebody asks for spell it.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple, Self

from twinrail.codecs.forms import Form, Piece
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.tagged import form_of
from twinrail.errors import DecodeError, EncodeError, TwinrailError
from twinrail.schemas.iso8583.axes import Kind
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import Layout

DEPTH_MAX = 8  # levels within each other, the element's own the first
PARTS_MAX = 2_000  # of one level
_OPENERS_MAX = 256  # dialects whose forms are remembered; at this the memory starts again


class PathError(TwinrailError):
    """A path that is none, or leads into something that is not made of parts."""


class Place(NamedTuple):
    """Where a level stands: its path, the element to report, and its first byte in the element's value.

    `exact` is False where the bytes of the level are not those of the element (it had been packed or in hex): errors
    then point at its beginning. `told` is the path in errors, "" where it is the same.
    """

    path: str
    element: int
    offset: int = 0
    exact: bool = True
    depth: int = 1
    told: str = ""


class Item(NamedTuple):
    """One part with its bytes, tag and length included, and its value; `occurrence` counts parts of one key from 0."""

    key: str
    occurrence: int
    raw: bytes
    value: str | bytes

    def __repr__(self) -> str:
        return f"Item({len(self.raw)} bytes)"


class Opener:
    """The composites of one dialect; its forms are made when first needed and kept."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.rows = {row.number: row for row in dialect.elements}
        # By identity: to hash a layout is to hash all its parts. The layout is kept so that it stays the one.
        self._forms: dict[tuple[int, bool], tuple[Layout, Form]] = {}

    def opened(self, layout: Layout, value: str | bytes, place: Place) -> Parts:
        """Split a value into its parts; DecodeError names the path and the byte."""
        text = isinstance(value, str)
        try:
            form = self._form(layout, text=text)
        except DecodeError as error:
            raise _placed(error, place) from None
        if isinstance(value, bytes):
            return Parts(self, layout, form, value, place)
        if not value.isascii():
            raise _placed(DecodeError("not ASCII", path="", offset=0), place)
        return Parts(self, layout, form, value.encode("ascii"), place)

    def _form(self, layout: Layout, *, text: bool) -> Form:
        known = self._forms.get((id(layout), text))
        if known is None:
            known = self._forms[id(layout), text] = (layout, form_of(layout, self.dialect, text=text))
        return known[1]


_OPENERS: dict[int, Opener] = {}


def opener_of(dialect: Codec | Dialect) -> Opener:
    """Give the one opener of a dialect; also by identity, and for the same reason.

    An opener keeps its dialect, so that no other can come to have its identity.
    """
    rows = dialect.dialect if isinstance(dialect, Codec) else dialect
    opener = _OPENERS.get(id(rows))
    if opener is None:
        if len(_OPENERS) >= _OPENERS_MAX:
            _OPENERS.clear()
        opener = _OPENERS[id(rows)] = Opener(rows)
    return opener


def opened(dialect: Codec | Dialect, row: Element, value: str | bytes, offset: int = 0) -> Parts:
    """Split the value of an element into its parts.

    `offset` is where the value begins in the message. DecodeError names the path and the byte; PathError where the
    element is not made of parts. Of private data subelements only those of this one element: see `paths`.
    """
    if row.layout is None:
        raise PathError(f"{row.number} is not made of parts")
    return opener_of(dialect).opened(row.layout, value, Place(str(row.number), row.number, offset))


class Parts:
    """One level of a composite, as it stood in the bytes; never changed, whatever edits it gives a new one.

    DecodeError where the bytes are not laid out so. Its representation shows keys and lengths, never a value.
    """

    __slots__ = ("_form", "_opener", "layout", "pieces", "place", "raw")

    def __init__(self, opener: Opener, layout: Layout, form: Form, raw: bytes, place: Place) -> None:
        self.layout = layout
        self.place = place
        self.raw = raw
        self._form = form
        self._opener = opener
        if place.depth > DEPTH_MAX:
            raise _placed(DecodeError("composites nested too deep", path="", offset=0), place)
        try:
            self.pieces = tuple(islice(form.split(raw), PARTS_MAX + 1))
        except DecodeError as error:
            raise _placed(_unspelled(error, form, raw), place) from None
        if len(self.pieces) > PARTS_MAX:
            raise _placed(DecodeError(f"more than {PARTS_MAX} parts", path="", offset=self.pieces[-1].start), place)

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        told = (f"{self._told(piece)}:{piece.length}" for piece in self.pieces)
        return f"Parts({self.place.told or self.place.path}: {' '.join(told)})"

    def __contains__(self, key: object) -> bool:
        return any(piece.key == key for piece in self.pieces)

    def value(self) -> str | bytes:
        """Give all of the level as the part or element that holds it: text or bytes."""
        return self._form.plain(self.raw)

    def find(self, key: str, occurrence: int = 0) -> Piece | None:
        """Give where the part of a key stands, or None."""
        index = self._index(key, occurrence)
        return None if index < 0 else self.pieces[index]

    def get(self, key: str, occurrence: int = 0) -> str | bytes | None:
        """Give the value of a part, or None where there is none; DecodeError where it is none of its kind."""
        piece = self.find(key, occurrence)
        return None if piece is None else self.value_of(piece)

    def all(self, key: str) -> list[str | bytes]:
        """Give the values of every part of a key, in order."""
        return [self.value_of(piece) for piece in self.pieces if piece.key == key]

    def items(self) -> Iterator[Item]:
        """Give all parts in order; DecodeError at one whose value is none of its kind."""
        for piece, occurrence in self.counted():
            yield Item(piece.key, occurrence, self.raw[piece.start : piece.end], self.value_of(piece))

    def counted(self) -> Iterator[tuple[Piece, int]]:
        """Give all pieces in order, each with how many of its key came before it."""
        seen: dict[str, int] = {}
        for piece in self.pieces:
            occurrence = seen.get(piece.key, 0)
            seen[piece.key] = occurrence + 1
            yield piece, occurrence

    def value_of(self, piece: Piece) -> str | bytes:
        """Read the value of a piece of this level; DecodeError where it is none of its kind."""
        try:
            return self._form.value(self.raw, piece)
        except DecodeError as error:
            raise _placed(error, self.place) from None

    def wire_of(self, piece: Piece) -> str | bytes:
        """Give the value of a piece as it stands, whatever it should have been."""
        return self._form.plain(self.raw[piece.at : piece.end])

    def inside(self, piece: Piece, occurrence: int = 0) -> Parts:
        """Open what a piece of this level is made of; PathError where nothing says what, DecodeError where it is not.

        `occurrence` goes into paths.
        """
        if piece.layout is None:
            raise PathError(f"{self.place.told or self.place.path}.{self._told(piece)} is not made of parts")
        value, key = self.value_of(piece), step_of(piece.key, occurrence)
        told = key if piece.part is not None else self._told(piece)
        return self._inner((key, told), piece.layout, value, piece.at, exact=len(value) == piece.end - piece.at)

    def inside_new(self, key: str) -> Parts:
        """Open a part that is not there yet, as if it were and held nothing; PathError where nothing says of what."""
        part, layout = self._form.declared(key)
        if layout is None:
            raise PathError(f"{self.place.path}.{key} is not made of parts")
        text = self._form.text if part is None else part.kind is not Kind.B
        return self._inner((key, key), layout, "" if text else b"", 0, exact=False)

    def _inner(self, keys: tuple[str, str], layout: Layout, value: str | bytes, at: int, *, exact: bool) -> Parts:
        """Open a level below this one; `keys` are the step of the path to it, and the one in errors."""
        path, element, offset, outer_exact, depth, told = self.place
        key, told_key = keys
        told = f"{told or path}.{told_key}" if told or told_key != key else ""
        offset += at if outer_exact else 0
        place = Place(f"{path}.{key}", element, offset, exact and outer_exact, depth + 1, told)
        return self._opener.opened(layout, value, place)

    def _told(self, piece: Piece) -> str:
        """Name a piece in an error: by its key where the layout declares it, else by its position from 1."""
        if piece.part is not None or not self._form.keys_are_read:
            return piece.key
        return _position(bisect_left(self.pieces, piece.start, key=lambda each: each.start))

    def put(self, key: str, value: str | bytes, occurrence: int = 0) -> Self:
        """Replace the part, or add it where it is the next of its key; EncodeError where it cannot be."""
        if self._index(key, occurrence) >= 0:
            return self.replace(key, value, occurrence)
        if occurrence and self._index(key, occurrence - 1) < 0:
            raise EncodeError("the parts of this key before it are missing", path=f"{self.place.path}.{key}")
        return self.insert(key, value)

    def replace(self, key: str, value: str | bytes, occurrence: int = 0) -> Self:
        """Give the same parts with one of them holding another value; KeyError where there is none.

        Every other byte stays. Tag and length stay as they stood where the length is the same. EncodeError where the
        part cannot hold the value.
        """
        index = self._index(key, occurrence)
        if index < 0:
            raise KeyError(key)
        with _within(self.place):
            return self._spliced(index, index + 1, [self._written(self.pieces[index], value)])

    def insert(self, key: str, value: str | bytes, at: int | None = None) -> Self:
        """Give the same parts and one more, where it belongs: tagged ones last, or before the part number `at`.

        EncodeError where the part has no place or cannot hold the value.
        """
        with _within(self.place):
            index = self._form.index_for([piece.key for piece in self.pieces], key)
            if at is not None:
                if self._form.ordered or not 0 <= at <= len(self.pieces):
                    raise EncodeError("cannot stand in this place", path=key)
                index = at
            carried = self._form.carry(key, value)
            return self._spliced(index, index, [(key, self._form.header(key, carried) + carried.wire)])

    def remove(self, key: str, occurrence: int = 0) -> Self:
        """Give the parts without one of them; KeyError where there is none, EncodeError where others depend on it."""
        index = self._index(key, occurrence)
        if index < 0:
            raise KeyError(key)
        with _within(self.place):
            return self._spliced(index, index + 1, [])

    def mapped(self, change: Callable[[Piece], str | bytes]) -> Self:
        """Give the same parts, each with the value that the function gives for it; EncodeError where one cannot be."""
        with _within(self.place):
            return self._spliced(0, len(self.pieces), [self._written(piece, change(piece)) for piece in self.pieces])

    def _written(self, piece: Piece, value: str | bytes) -> tuple[str, bytes]:
        """Give key and bytes of a part with a value; those that are there where it is the value that it has."""
        raw, key = self.raw, piece.key
        try:
            same = self._form.value(raw, piece) == value
        except DecodeError:
            same = False
        if same:
            return key, raw[piece.start : piece.end]
        try:
            carried = self._form.carry(key, value)
            alike = carried.length == piece.length and len(carried.wire) == piece.end - piece.at
            head = raw[piece.start : piece.at] if alike else self._form.header(key, carried)
        except EncodeError as error:
            raise EncodeError(error.problem, path=self._told(piece)) from None
        return key, head + carried.wire

    def _spliced(self, start: int, stop: int, written: list[tuple[str, bytes]]) -> Self:
        """Put parts in the place of some pieces; what stands between pieces stays where it is."""
        pieces, raw = self.pieces, self.raw
        old = [(piece.key, raw[piece.start : piece.end]) for piece in pieces]
        expected = old[:start] + written + old[stop:]
        first = pieces[start].start if start < len(pieces) else len(raw)
        edited = [raw[:first]]
        if len(written) == stop - start:
            ends = [piece.end for piece in pieces[start:stop]]
            starts = [piece.start for piece in pieces[start + 1 : stop]]
            gaps = [raw[end:begin] for end, begin in zip(ends, starts, strict=False)]
            for (_, wire), gap in zip(written, [*gaps, b""], strict=False):
                edited += [wire, gap]
        else:
            edited += [wire for _, wire in written]
        edited.append(raw[pieces[stop - 1].end if stop > start else first :])
        led = self._form.led(raw, b"".join(edited), [key for key, _ in expected])
        return self._again(led, expected)

    def _again(self, raw: bytes, expected: list[tuple[str, bytes]]) -> Self:
        """Split what was edited: it has to come out as it was meant."""
        try:
            parts = type(self)(self._opener, self.layout, self._form, raw, self.place)
        except DecodeError as error:
            raise EncodeError(f"cannot be read again: {error.problem}", path="") from None
        if [(piece.key, raw[piece.start : piece.end]) for piece in parts.pieces] != expected:
            raise EncodeError("would be read as other parts", path="")
        return parts

    def _index(self, key: str, occurrence: int) -> int:
        for index, piece in enumerate(self.pieces):
            if piece.key == key:
                if not occurrence:
                    return index
                occurrence -= 1
        return -1


def step_of(key: str, occurrence: int) -> str:
    """Write one step of a path: the second part of a key is "9F02[2]"."""
    return f"{key}[{occurrence + 1}]" if occurrence else key


def _position(index: int) -> str:
    """Write the step of a path to a part that nobody declares: "#3" is the third."""
    return f"#{index + 1}"


def _unspelled(error: DecodeError, form: Form, raw: bytes) -> DecodeError:
    """Give an error of splitting without a tag that nobody declares."""
    if not error.path or not form.keys_are_read or form.declared(error.path)[0] is not None:
        return error
    before = 0
    with contextlib.suppress(DecodeError):
        for _ in form.split(raw):
            before += 1
    return DecodeError(error.problem, path=_position(before), offset=error.offset)


def _placed(error: DecodeError, place: Place) -> DecodeError:
    """Give an error of one level as an error of the element."""
    path = f"{place.told or place.path}.{error.path}" if error.path else place.told or place.path
    offset = place.offset + (error.offset if place.exact else 0)
    return DecodeError(error.problem, path=path, offset=offset, element=place.element)


@contextlib.contextmanager
def _within(place: Place) -> Iterator[None]:
    """Give an EncodeError of one level as an error of the element."""
    try:
        yield
    except EncodeError as error:
        path = f"{place.told or place.path}.{error.path}" if error.path else place.told or place.path
        raise EncodeError(error.problem, path=path) from None
