"""Straight-line functions for bitmaps that recur, generated from the rows of a dialect.

A generated function either gives what the table-driven codec would give or refuses: by returning None, or with a
KeyError, IndexError, TypeError, ValueError or AttributeError. It words no error of its own. Its source is made of
numbers of the rows and of fixed text only: no name, no value and no byte of a message is ever part of it.

What made it fast, found by profiling the twenty elements of `benchmarks/codec.py` on CPython 3.11:
- One check for many elements. Neighbours of one kind are judged as one run of bytes, their length prefixes included:
  `bytes.isdigit` is exact for ASCII and takes 1 ns a byte, `str.isdigit` takes 4 and accepts superscripts.
- Other kinds are judged by `translate` through a table and then `isdigit`, twice as fast as a regular expression.
- A length prefix is looked up in a table that holds every legal length and nothing else: the lookup is the check for
  digits and for the maximum at once, at a third of the price of `int` with its checks.
- A run of fixed elements is cut by one `itemgetter` of slices, two thirds of the price of as many subscriptions.
- Text is decoded once, as Latin-1, which cannot fail and keeps offsets equal; binary elements are cut from the bytes.
- All lengths add up only if the last offset is the end of the data, so truncation is one comparison.
- On the way out, `str.join` checks the types, and the finished bytes are judged with the same runs as on the way in.
"""

import binascii
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from twinrail.codecs.bitmap import bitmap_of
from twinrail.codecs.repertoire import (
    ALLOWED,
    PACKED_DIGITS,
    alphanumeric_padded,
    ascii_tables,
    letters_padded,
    table_of,
)
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Kind, Length, Numbers

T = TypeVar("T")
_PACKED_KINDS = frozenset({Kind.N, Kind.Z, Kind.XN})
_BLANK_FILLED = frozenset({Kind.A, Kind.AN, Kind.ANS})
_RUN_MIN = 3  # fixed elements from which one itemgetter beats single slices
_CLASS_TABLES = {
    "AS_Z": table_of(ALLOWED[Kind.Z]),
    "AS_ANS": table_of(ALLOWED[Kind.ANS]),
    "AS_PACKED": table_of(PACKED_DIGITS),
}
_FIXED_NAMES: dict[str, object] = {
    **_CLASS_TABLES,
    "PADDED_A": letters_padded,
    "PADDED_AN": alphanumeric_padded,
    "SIGNS": (b"C", b"D"),
    "SIGN_TEXTS": ("C", "D"),
    "UNHEX": binascii.unhexlify,
}


class At(NamedTuple):
    """An offset that is known up to one variable: written "e2+12" or "20"."""

    variable: str
    plus: int

    def __add__(self, count: object) -> "At":
        return At(self.variable, self.plus + count) if isinstance(count, int) else NotImplemented

    def __str__(self) -> str:
        if not self.variable:
            return str(self.plus)
        return f"{self.variable}+{self.plus}" if self.plus else self.variable


class Place(NamedTuple):
    """Where one element stands: `prefix` to `start` is its length prefix, `start` to `end` its value."""

    row: Element
    prefix: At
    start: At
    end: At
    fixed: bool
    packed: bool  # two digits to a byte

    @property
    def odd(self) -> bool:
        """Say whether a fixed element has an odd number of packed digits."""
        count = self.row.length - (self.row.kind is Kind.XN)
        return self.packed and self.fixed and bool(count & 1)


class Source:
    """The lines of one function and the names that they use."""

    def __init__(self, dialect: Dialect, numbers: Iterable[int], offset: int, signature: str) -> None:
        self.packed = dialect.numbers is Numbers.BCD
        self.page = ascii_tables(dialect.text)
        self.names: dict[str, object] = dict(_FIXED_NAMES)
        self.lines = [f"def function({signature}):"]
        self.rows = [row for row in dialect.elements if row.number in set(numbers)]
        self.plain = "data" if self.page is None else "plain"
        self.offset = offset

    def add(self, line: str) -> None:
        """Add a line to the function's body."""
        self.lines.append("    " + line)

    def places(self) -> list[Place]:
        """Lay the elements out, one behind the other; the end of a variable one is the variable e and its number."""
        at, places = At("", self.offset), []
        for row in self.rows:
            fixed = row.length_kind is Length.FIXED
            packed = self.packed and row.kind in _PACKED_KINDS
            start = at if fixed else at + self.prefix_bytes(row)
            end = start + self.wire_bytes(row, packed=packed) if fixed else At(f"e{row.number}", 0)
            places.append(Place(row, at, start, end, fixed, packed))
            at = end
        return places

    def prefix_bytes(self, row: Element) -> int:
        """Give how many bytes an element's length prefix takes."""
        digits = row.length_kind.value
        return (digits + 1) // 2 if self.packed else digits

    @staticmethod
    def wire_bytes(row: Element, *, packed: bool) -> int:
        """Give how many bytes the value of a fixed element takes."""
        if not packed:
            return row.length
        return 1 + row.length // 2 if row.kind is Kind.XN else (row.length + 1) // 2

    def end_line(self, place: Place, length: str) -> str:
        """Give the statement that finds where a variable element ends, from its length as the wire counts it."""
        if not place.packed:
            return f"e{place.row.number} = {place.start} + {length}"
        more = 2 if place.row.kind is Kind.XN else 1
        formula = f"({length} + {more} >> 1)"
        if place.row.kind is Kind.XN:
            formula = f"({formula} if {length} else 0)"
        return f"e{place.row.number} = {place.start} + {formula}"

    def make(self) -> Any:
        """Compile the lines; the source holds numbers and fixed words only, so there is nothing to inject."""
        exec("\n".join(self.lines), self.names)  # noqa: S102 - the source is made here, from rows alone
        return self.names["function"]


def decoder(
    dialect: Dialect, numbers: tuple[int, ...], offset: int, message: Callable[[str, dict[int, str | bytes]], T]
) -> Callable[[bytes], T | None]:
    """Generate the decoder of all messages whose bitmap sets these bits; elements begin at `offset` bytes.

    Every number must be an element of the dialect. `message` makes the result from MTI and elements.
    """
    source = Source(dialect, numbers, offset, "data")
    places = source.places()
    source.names.update(MESSAGE=message, MTIS=mti_table(dialect))
    if source.page is not None:
        source.names["TO_ASCII"] = source.page[0]
        source.add("plain = data.translate(TO_ASCII)")
    source.add(f'text = {source.plain}.decode("latin-1")')
    for place in places:
        if not place.fixed:
            read_length(source, place)
    end = places[-1].end if places else At("", offset)
    source.add(f"if {' or '.join([f'{end} != len(data)', *checks_of(source, places, filled=True)])}:")
    source.add("    return None")
    values = values_of(source, places)
    pairs = ", ".join(f"{place.row.number}: {values[place.row.number]}" for place in places)
    source.add(f"return MESSAGE(MTIS[data[:{2 if source.packed else 4}]], {{{pairs}}})")
    made: Callable[[bytes], T | None] = source.make()
    return made


def read_length(source: Source, place: Place) -> None:
    """Look the length up; what is no legal length raises KeyError or IndexError."""
    row = place.row
    digits, width = row.length_kind.value, source.prefix_bytes(row)
    table = f"L{digits}_{row.length}"
    source.names[table] = _lengths_read(digits, row.length, packed=source.packed)
    if source.packed:
        wire = f"data[{place.prefix}]" if width == 1 else f"data[{place.prefix}:{place.start}]"
    else:
        wire = f"text[{place.prefix}:{place.start}]"
    length = f"{table}[{wire}]"
    if place.packed:
        source.add(f"n{row.number} = {length}")
        length = f"n{row.number}"
    source.add(source.end_line(place, length))


@cache
def _lengths_read(digits: int, maximum: int, *, packed: bool) -> dict[Any, int]:
    """Give every legal length prefix with its length: text, the one byte as a number, or bytes."""
    if not packed:
        return {f"{length:0{digits}d}": length for length in range(maximum + 1)}
    width = (digits + 1) // 2
    wires = (bytes.fromhex(f"{length:0{2 * width}d}") for length in range(maximum + 1))
    return {wire[0] if width == 1 else wire: length for length, wire in enumerate(wires)}


@cache
def _lengths_written(digits: int, maximum: int, *, packed: bool) -> tuple[str, ...]:
    """Give the length prefix of every legal length, as text or as an even number of hex digits."""
    width = digits + digits % 2 if packed else digits
    return tuple(f"{length:0{width}d}" for length in range(maximum + 1))


@cache
def _mti_texts(version: str) -> tuple[str, ...]:
    first = {"1987": "0", "1993": "1", "2003": "2"}[version]
    return tuple(f"{first}{rest:03d}" for rest in range(1000))


def mti_table(dialect: Dialect) -> dict[bytes, str]:
    """Give every message type of the dialect's version by its bytes on the wire."""
    return _mti_table(dialect.version, dialect.text, packed=dialect.numbers is Numbers.BCD)


@cache
def _mti_table(version: str, text: str, *, packed: bool) -> dict[bytes, str]:
    page = ascii_tables(text)
    table = {}
    for mti in _mti_texts(version):
        wire = bytes.fromhex(mti) if packed else mti.encode("ascii")
        table[wire if packed or page is None else wire.translate(page[1])] = mti
    return table


@cache
def mti_written(version: str, text: str, *, packed: bool) -> dict[str, bytes]:
    """Give the bytes on the wire of every message type of a version."""
    return {mti: wire for wire, mti in _mti_table(version, text, packed=packed).items()}


# Checks: neighbours of one class are one run. Each expression is true where something is wrong.


def _class_of(place: Place) -> str:
    """Say with whom an element may share a run; the empty text is for those that are checked by themselves."""
    kind = place.row.kind
    if place.packed:
        return "packed" if kind is Kind.N else ""
    if kind in {Kind.N, Kind.Z, Kind.AN, Kind.ANS}:
        # Packed length prefixes are no text: there a variable element stands alone.
        return kind.value
    return ""


def checks_of(source: Source, places: list[Place], *, filled: bool) -> list[str]:
    """Give the checks of all elements; `filled` adds those of the fill before an odd number of packed digits."""
    checks: list[str] = []
    for name, run in groupby(places, _class_of):
        members = list(run)
        if name == "packed":
            checks.append(f"not data[{members[0].prefix}:{members[-1].end}].translate(AS_PACKED).isdigit()")
            if filled:
                checks += [_fill_check(place) for place in members if place.odd or not place.fixed]
        elif name and source.packed:
            # The prefixes between variable text are not text: only neighbours of fixed length share a run.
            for fixed, part in groupby(members, lambda place: place.fixed):
                elements = list(part)
                if fixed:
                    checks.append(_text_check(source, name, elements))
                else:
                    checks += [f"{p.start} != {p.end} and {_text_check(source, name, [p])}" for p in elements]
        elif name:
            checks.append(_text_check(source, name, members))
        else:
            checks += [check for place in members for check in _lone_check(source, place)]
    return checks


def _fill_check(place: Place) -> str:
    if place.fixed:
        return f"data[{place.start}] > 9"
    return f"n{place.row.number} & 1 and data[{place.start}] > 9"


def _text_check(source: Source, name: str, members: list[Place]) -> str:
    """Judge a run of text; in ASCII its length prefixes are part of it, being digits, so that it is never empty."""
    first = members[0].start if source.packed else members[0].prefix
    run = f"{source.plain}[{first}:{members[-1].end}]"
    if name == Kind.N.value:
        return f"not {run}.isdigit()"
    if name == Kind.Z.value:
        return f"not {run}.translate(AS_Z).isdigit()"
    if name == Kind.ANS.value:
        return f"not {run}.translate(AS_ANS).isdigit()"
    each = " and ".join(
        f"PADDED_AN({source.plain}[{place.start}:{place.end}])"
        if place.fixed
        else f"({place.start} == {place.end} or {source.plain}[{place.start}:{place.end}].isalnum())"
        for place in members
    )
    return f"not {run}.isalnum() and not ({each})"


def _lone_check(source: Source, place: Place) -> list[str]:
    value = f"{source.plain}[{place.start}:{place.end}]"
    empty = "" if place.fixed else f"{place.start} != {place.end} and "
    if place.row.kind is Kind.A:
        return [f"not PADDED_A({value})"] if place.fixed else [f"{empty}not {value}.isalpha()"]
    if place.row.kind is Kind.XN and not place.packed:
        sign = f"{source.plain}[{place.start}:{place.start + 1}]"
        digits = f"{source.plain}[{place.start + 1}:{place.end}]"
        return [f"{empty}({sign} not in SIGNS or not {digits}.isdigit())"]
    return []  # bytes may be anything; packed tracks and signed numbers are judged where they are read


# Reading values.


def values_of(source: Source, places: list[Place], wanted: frozenset[int] | None = None) -> dict[int, str]:
    """Give the expression of each wanted value (None for all), after adding the statements that it needs.

    Packed tracks and signed numbers are judged where they are read, so they are read whether wanted or not.
    """
    values: dict[int, str] = {}
    for form, run in groupby(places, _form_of):
        members = list(run)
        asked = [place for place in members if wanted is None or place.row.number in wanted]
        if form == "text" and len(asked) >= _RUN_MIN:
            values.update(_cut(source, members, asked, "text[{}:{}]", 1))
        elif form == "digits" and len(asked) > 1:
            values.update(_cut(source, members, asked, "data[{}:{}].hex()", 2))
        else:
            judged = [place for place in members if place.packed and place.row.kind is not Kind.N]
            read = [place for place in members if place in asked or place in judged]
            values.update((place.row.number, _lone_value(source, place)) for place in read)
    return values


def _form_of(place: Place) -> str:
    """Say which fixed elements can be cut together; the empty text is for those that are read by themselves."""
    if not place.fixed or place.row.kind is Kind.B:
        return ""
    if place.packed:
        return "digits" if place.row.kind is Kind.N else ""
    return "text"


def _cut(source: Source, members: list[Place], asked: list[Place], whole: str, characters: int) -> dict[int, str]:
    """Cut those asked for out of a run of fixed elements at once; `characters` is how many of them a byte becomes."""
    at, slices = 0, []
    for place in members:
        width = source.wire_bytes(place.row, packed=place.packed) * characters
        if place in asked:
            slices.append(slice(at + place.odd, at + width))
        at += width
    name = f"CUT{members[0].row.number}"
    source.names[name] = itemgetter(*slices)
    targets = [f"v{place.row.number}" for place in asked]
    source.add(f"{', '.join(targets)} = {name}({whole.format(members[0].start, members[-1].end)})")
    return {place.row.number: target for place, target in zip(asked, targets, strict=True)}


def _lone_value(source: Source, place: Place) -> str:
    number = place.row.number
    span = f"{place.start}:{place.end}"
    if place.row.kind is Kind.B:
        return f"data[{span}]"
    if not place.packed:
        return f"text[{span}]"
    if place.row.kind is Kind.N and place.fixed:
        return f"data[{span}].hex()" + ("[1:]" if place.odd else "")
    if place.row.kind is Kind.N:
        source.add(f"v{number} = data[{span}].hex()")
        source.add(f"if n{number} & 1:")
        source.add(f"    v{number} = v{number}[1:]")
    elif place.row.kind is Kind.Z:
        _read_packed_track(source, place)
    else:
        _read_packed_signed(source, place)
    return f"v{number}"


def _read_packed_track(source: Source, place: Place) -> None:
    value, length = f"v{place.row.number}", _length_of(place)
    source.add(f"{value} = data[{place.start}:{place.end}].hex().upper()")
    source.add(f"if {length} & 1:")
    source.add(f'    if {value}[-1] != "F":')
    source.add("        return None")
    source.add(f"    {value} = {value}[:-1]")
    source.add(f'if {value} and not {value}.replace("D", "0").isdigit():')
    source.add("    return None")


def _read_packed_signed(source: Source, place: Place) -> None:
    value, length = f"v{place.row.number}", _length_of(place)
    source.add(f"{value} = data[{place.start + 1}:{place.end}].hex() if {length} else ''")
    source.add(f"if {length}:")
    source.add(f"    if {source.plain}[{place.start}:{place.start + 1}] not in SIGNS or not {value}.isdigit():")
    source.add("        return None")
    source.add(f"    if not {length} & 1:")
    source.add(f'        if {value}[0] != "0":')
    source.add("            return None")
    source.add(f"        {value} = {value}[1:]")
    source.add(f"    {value} = text[{place.start}] + {value}")


def _length_of(place: Place) -> str:
    return str(place.row.length) if place.fixed else f"n{place.row.number}"


# Writing.


def encoder(dialect: Dialect, numbers: tuple[int, ...]) -> Callable[[str, dict[int, str | bytes]], bytes | None]:
    """Generate the encoder of all messages that hold exactly these elements, whatever order they are in."""
    packed, two = dialect.numbers is Numbers.BCD, dialect.bitmaps is Bitmaps.ALWAYS_TWO
    both = two or any(number > 64 for number in numbers)
    bits = bitmap_of(numbers, two=both, announce=both and not two)
    bitmap = bits.hex().upper().encode("ascii") if dialect.bitmap is BitmapForm.HEX_ASCII else bits
    source = Source(dialect, numbers, (2 if packed else 4) + len(bitmap), "mti, elements")
    places = source.places()
    source.names.update(BITMAP=bitmap, MTIS=mti_written(dialect.version, dialect.text, packed=packed))
    if len(places) == 1:
        source.add(f"v{places[0].row.number} = elements[{places[0].row.number}]")
    elif places:
        source.names["VALUES"] = itemgetter(*(place.row.number for place in places))
        source.add(f"{', '.join(f'v{place.row.number}' for place in places)} = VALUES(elements)")
    _measure(source, places)
    chunks = _chunks(source, places)
    source.add(f"data = b''.join((MTIS[mti], BITMAP, {' '.join(f'{chunk},' for chunk in chunks)}))")
    if source.page is not None:
        source.names.update(TO_ASCII=source.page[0], FROM_ASCII=source.page[1])
        source.add("plain = data.translate(TO_ASCII)")
    checks = checks_of(source, places, filled=False)
    if checks:
        source.add(f"if {' or '.join(checks)}:")
        source.add("    return None")
    source.add("return data")
    made: Callable[[str, dict[int, str | bytes]], bytes | None] = source.make()
    return made


def _measure(source: Source, places: list[Place]) -> None:
    """Fill short text with blanks, check fixed lengths and types of bytes, find where variable elements end."""
    wrong: list[str] = []
    for place in places:
        number, length, kind = place.row.number, place.row.length, place.row.kind
        if kind is Kind.B:
            wrong.append(f"not isinstance(v{number}, bytes)")
        if not place.fixed:
            source.add(f"n{number} = len(v{number})")
            source.add(source.end_line(place, f"n{number}"))
        elif kind in _BLANK_FILLED:
            source.add(f"if len(v{number}) != {length}:")
            source.add(f"    v{number} = v{number}.ljust({length})")
            source.add(f"    if len(v{number}) != {length}:")
            source.add("        return None")
        else:
            wrong.append(f"len(v{number}) != {length}")
    if wrong:
        source.add(f"if {' or '.join(wrong)}:")
        source.add("    return None")


def _chunks(source: Source, places: list[Place]) -> list[str]:
    """Give the expressions whose bytes make the elements: text, hex digits and bytes, neighbours joined first."""
    pieces: list[tuple[str, str]] = []
    for place in places:
        row = place.row
        if not place.fixed:
            table = f"P{row.length_kind.value}_{row.length}"
            source.names[table] = _lengths_written(row.length_kind.value, row.length, packed=source.packed)
            pieces.append(("hex" if source.packed else "text", f"{table}[n{row.number}]"))
        if place.packed:
            pieces += _packed_pieces(source, place)
        else:
            pieces.append(("bytes" if row.kind is Kind.B else "text", f"v{row.number}"))
    chunks: list[str] = []
    for form, run in groupby(pieces, itemgetter(0)):
        parts = [piece for _, piece in run]
        if form == "bytes":
            chunks += parts
            continue
        joined = f"''.join(({' '.join(f'{part},' for part in parts)}))"
        if form == "hex":
            chunks.append(f"UNHEX({joined})")
        else:
            chunks.append(f"{joined}.encode('latin-1')" + (".translate(FROM_ASCII)" if source.page else ""))
    return chunks


def _packed_pieces(source: Source, place: Place) -> list[tuple[str, str]]:
    """Give the hex digits of packed numbers and tracks, after the statements that fill and judge them."""
    number, kind = place.row.number, place.row.kind
    value = f"v{number}"
    if kind is Kind.N:
        if place.fixed:
            return [("hex", "'0'"), ("hex", value)] if place.odd else [("hex", value)]
        source.add(f"if n{number} & 1:")
        source.add(f"    {value} = '0' + {value}")
        return [("hex", value)]
    if kind is Kind.Z:
        source.add(f"{value} = {value}.replace('=', 'D')")
        source.add(f"if {value} and not {value}.replace('D', '0').isdigit():")
        source.add("    return None")
        source.add(f"if {_length_of(place)} & 1:")
        source.add(f"    {value} += 'F'")
        return [("hex", value)]
    source.add(f"d{number} = {value}[1:]")
    source.add(f"if {_length_of(place)} and ({value}[:1] not in SIGN_TEXTS or not d{number}.isdigit()):")
    source.add("    return None")
    source.add(f"if {_length_of(place)} and not {_length_of(place)} & 1:")
    source.add(f"    d{number} = '0' + d{number}")
    return [("text", f"{value}[:1]"), ("hex", f"d{number}")]
