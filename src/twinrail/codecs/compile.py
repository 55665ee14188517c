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

from twinrail.codecs.leaf import PACKED, Axes, Leaf, axes_of
from twinrail.codecs.repertoire import (
    ALLOWED,
    DIGITS,
    PACKED_DIGITS,
    alphanumeric_padded,
    ascii_tables,
    letters_padded,
    table_of,
)
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, PrefixForm
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.places import VERSION_DIGITS

T = TypeVar("T")
_BLANK_FILLED = frozenset({Kind.A, Kind.S, Kind.AN, Kind.AS, Kind.NS, Kind.ANP, Kind.ANS})
_RUN_MIN = 3  # fixed elements from which one itemgetter beats single slices
_TABLED_MAX = 9999  # longest variable element whose lengths are looked up; longer ones are read by their leaf
_TABLED_KINDS = frozenset({Kind.Z, Kind.S, Kind.AS, Kind.NS, Kind.ANP, Kind.ANS})
# Kinds that hold digits: the text prefixes between neighbours of such a kind may be judged with them.
_WITH_DIGITS = frozenset(kind for kind, allowed in ALLOWED.items() if allowed >= DIGITS)
_FIXED_NAMES: dict[str, object] = {
    **{f"AS_{kind.name}": table_of(ALLOWED[kind]) for kind in _TABLED_KINDS},
    "AS_PACKED": table_of(PACKED_DIGITS),
    "PADDED_A": letters_padded,
    "PADDED_AN": alphanumeric_padded,
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

    number: int
    axes: Axes
    prefix: At
    start: At
    end: At
    form: str  # "text", "digits" (packed n), "track" (packed), "bytes", or "leaf" for what its leaf has to read

    @property
    def fixed(self) -> bool:
        """Say whether the element has no length prefix."""
        return self.axes.fixed

    @property
    def odd(self) -> bool:
        """Say whether a fixed element has an odd number of packed digits."""
        return self.form == "digits" and self.fixed and bool(self.axes.length & 1)

    @property
    def text_prefix(self) -> bool:
        """Say whether the length in front is digits of the dialect's text."""
        return not self.fixed and self.axes.form is PrefixForm.CHARACTERS


class Source:
    """The lines of one function and the names that they use."""

    def __init__(self, dialect: Dialect, numbers: Iterable[int], offset: int, signature: str) -> None:
        self.page = ascii_tables(dialect.text)
        self.names: dict[str, object] = dict(_FIXED_NAMES)
        self.lines = [f"def function({signature}):"]
        self.plain = "data" if self.page is None else "plain"
        self.mti_bytes = 2 if (dialect.mti or dialect.numbers) in PACKED else 4
        self._dialect = dialect
        self._rows = [row for row in dialect.elements if row.number in set(numbers)]
        self._offset = offset

    def add(self, line: str) -> None:
        """Add a line to the function's body."""
        self.lines.append("    " + line)

    def places(self) -> list[Place]:
        """Lay the elements out, one behind the other; the end of a variable one is the variable e and its number."""
        at, places = At("", self._offset), []
        for row in self._rows:
            axes = axes_of(row, self._dialect)
            start = at if axes.fixed else at + axes.prefix
            end = start + axes.wire_bytes(axes.length) if axes.fixed else At(f"e{row.number}", 0)
            form = _form_of(axes, self._dialect.text)
            if form == "leaf":
                leaf = Leaf(str(row.number), row.number, axes)
                self.names[f"READ{row.number}"] = leaf.read_written
                self.names[f"WRITE{row.number}"] = leaf.write
            places.append(Place(row.number, axes, at, start, end, form))
            at = end
        return places

    @staticmethod
    def end_line(place: Place, length: str) -> str:
        """Give the statement that finds where a variable element ends, from its length."""
        packed = place.axes.packed
        return f"e{place.number} = {place.start} + " + (f"({length} + 1 >> 1)" if packed else length)

    def make(self) -> Any:
        """Compile the lines; the source holds numbers and fixed words only, so there is nothing to inject."""
        exec("\n".join(self.lines), self.names)  # noqa: S102 - the source is made here, from rows alone
        return self.names["function"]


def _form_of(axes: Axes, page: str) -> str:
    """Say which code an element gets; what is rare is read and written by its leaf."""
    if not axes.fixed:
        other_page = axes.form is PrefixForm.CHARACTERS and axes.prefix_page != page
        digits_unknown = axes.packed and axes.counts is Counts.BYTES
        if other_page or digits_unknown or axes.length > _TABLED_MAX:
            return "leaf"
    if axes.kind is Kind.B:
        return "bytes" if axes.coding is Coding.BINARY else "leaf"
    if axes.coding is Coding.CHARACTERS:
        return "text" if axes.page == page else "leaf"
    if axes.kind is Kind.N and axes.coding is Coding.BCD and axes.nibble == "0":
        return "digits"
    if axes.kind is Kind.Z and axes.coding is Coding.BCD_RIGHT and axes.nibble == "F":
        return "track"
    return "leaf"


def decoder(
    dialect: Dialect, numbers: tuple[int, ...], offset: int, message: Callable[[str, dict[int, str | bytes]], T]
) -> Callable[[bytes], T | None]:
    """Generate the decoder of all messages whose bitmap sets these bits; elements begin at `offset` bytes.

    Every number must be an element of the dialect. `message` makes the result from MTI and elements.
    """
    source = Source(dialect, numbers, offset, "data")
    places = source.places()
    source.names.update(MESSAGE=message, MTIS=mti_table(dialect))
    read_all(source, places)
    check_all(source, places, offset)
    values = values_of(source, places)
    pairs = ", ".join(f"{place.number}: {values[place.number]}" for place in places)
    source.add(f"return MESSAGE(MTIS[data[:{source.mti_bytes}]], {{{pairs}}})")
    made: Callable[[bytes], T | None] = source.make()
    return made


def read_all(source: Source, places: list[Place]) -> None:
    """Add the statements that make text of the data and find where every element of `places` ends."""
    if source.page is not None:
        source.names["TO_ASCII"] = source.page[0]
        source.add("plain = data.translate(TO_ASCII)")
    source.add(f'text = {source.plain}.decode("latin-1")')
    for place in places:
        if place.form == "leaf":
            source.add(f"v{place.number}, e{place.number} = READ{place.number}(data, {place.prefix})")
        elif not place.fixed:
            _read_length(source, place)


def check_all(source: Source, places: list[Place], offset: int) -> None:
    """Add the statement that refuses a message with a value that cannot be, or of another length."""
    end = places[-1].end if places else At("", offset)
    source.add(f"if {' or '.join([f'{end} != len(data)', *checks_of(source, places, filled=True)])}:")
    source.add("    return None")


def _read_length(source: Source, place: Place) -> None:
    """Look the length up; what is no legal length raises KeyError or IndexError."""
    axes = place.axes
    table = f"L{place.number}"
    source.names[table] = _lengths_read(axes)
    if axes.form is PrefixForm.CHARACTERS:
        wire = f"text[{place.prefix}:{place.start}]"
    else:
        wire = f"data[{place.prefix}]" if axes.prefix == 1 else f"data[{place.prefix}:{place.start}]"
    length = f"{table}[{wire}]"
    if axes.packed:
        source.add(f"n{place.number} = {length}")
        length = f"n{place.number}"
    source.add(source.end_line(place, length))


def _lengths_read(axes: Axes) -> dict[Any, int]:
    """Give every legal length prefix with its length: text, the one byte as a number, or bytes."""
    return _lengths_of(axes._replace(page="", nibble="", pad=_NOTHING, prefix_page="ascii"))


_NOTHING: Any = None  # stands for what a length does not depend on, so that elements alike share one table


@cache
def _lengths_of(axes: Axes) -> dict[Any, int]:
    wires = ((axes.prefix_wire(length), length) for length in range(axes.least, axes.length + 1))
    if axes.form is PrefixForm.CHARACTERS:
        return {wire.decode("ascii"): length for wire, length in wires}
    return {wire[0] if axes.prefix == 1 else wire: length for wire, length in wires}


@cache
def _lengths_written(axes: Axes) -> tuple[str, ...]:
    """Give the length prefix of every length up to the maximum, as text or as hex digits; none below the least."""
    wires = (axes.prefix_wire(length) for length in range(axes.length + 1))
    return tuple(wire.decode("ascii") if axes.form is PrefixForm.CHARACTERS else wire.hex() for wire in wires)


@cache
def _mti_texts(version: str) -> tuple[str, ...]:
    return tuple(f"{VERSION_DIGITS[version]}{rest:03d}" for rest in range(1000))


def mti_table(dialect: Dialect) -> dict[bytes, str]:
    """Give every message type of the dialect's version by its bytes on the wire."""
    return _mti_table(dialect.version, dialect.text, packed=(dialect.mti or dialect.numbers) in PACKED)


def mti_written(dialect: Dialect) -> dict[str, bytes]:
    """Give the bytes on the wire of every message type of the dialect's version."""
    return _mti_written(dialect.version, dialect.text, packed=(dialect.mti or dialect.numbers) in PACKED)


@cache
def _mti_table(version: str, text: str, *, packed: bool) -> dict[bytes, str]:
    page = ascii_tables(text)
    table = {}
    for mti in _mti_texts(version):
        wire = bytes.fromhex(mti) if packed else mti.encode("ascii")
        table[wire if packed or page is None else wire.translate(page[1])] = mti
    return table


@cache
def _mti_written(version: str, text: str, *, packed: bool) -> dict[str, bytes]:
    return {mti: wire for wire, mti in _mti_table(version, text, packed=packed).items()}


# Checks: neighbours of one class are one run. Each expression is true where something is wrong.


def _class_of(place: Place) -> tuple[str, bool]:
    """Say with whom an element may share a run: its class, and whether prefixes are part of the run.

    The empty class is for those that are checked by themselves. Prefixes are part of a run where they are of its kind,
    so packed ones with packed numbers and text ones with text that may hold digits; elsewhere only neighbours of fixed
    length are one run.
    """
    kind = place.axes.kind
    if place.form == "digits":
        joined = place.fixed or place.axes.form is PrefixForm.BCD
        return ("packed", joined) if joined else ("", False)
    if place.form != "text" or kind in {Kind.XN, Kind.A}:
        return "", False
    if place.fixed:
        return kind.name, True
    return (kind.name, True) if place.text_prefix and kind in _WITH_DIGITS else ("", False)


def checks_of(source: Source, places: list[Place], *, filled: bool) -> list[str]:
    """Give the checks of all elements; `filled` adds those of the fill before an odd number of packed digits."""
    checks: list[str] = []
    for (name, _), run in groupby(places, _class_of):
        members = list(run)
        if name == "packed":
            checks.append(f"not data[{members[0].prefix}:{members[-1].end}].translate(AS_PACKED).isdigit()")
        elif name:
            checks.append(_text_check(source, members))
        else:
            checks += [check for place in members for check in _lone_check(source, place)]
        if filled:
            checks += [
                _fill_check(place) for place in members if place.odd or (place.form == "digits" and not place.fixed)
            ]
    return checks


def _fill_check(place: Place) -> str:
    if place.fixed:
        return f"data[{place.start}] > 9"
    return f"n{place.number} & 1 and data[{place.start}] > 9"


def _text_check(source: Source, members: list[Place]) -> str:
    """Judge a run of text; its length prefixes are part of it, being digits, so that it is never empty."""
    kind = members[0].axes.kind
    run = f"{source.plain}[{members[0].prefix}:{members[-1].end}]"
    if kind is Kind.N:
        return f"not {run}.isdigit()"
    if kind is not Kind.AN:
        return f"not {run}.translate(AS_{kind.name}).isdigit()"
    each = " and ".join(
        f"PADDED_AN({source.plain}[{place.start}:{place.end}])"
        if place.fixed
        else f"({place.start} == {place.end} or {source.plain}[{place.start}:{place.end}].isalnum())"
        for place in members
    )
    return f"not {run}.isalnum() and not ({each})"


def _lone_check(source: Source, place: Place) -> list[str]:
    """Judge one element by itself; bytes may be anything, tracks are judged where they are read, leaves judge alone."""
    kind = place.axes.kind
    value = f"{source.plain}[{place.start}:{place.end}]"
    empty = "" if place.fixed else f"{place.start} != {place.end} and "
    if place.form == "digits":
        return [f"{empty}not data[{place.start}:{place.end}].translate(AS_PACKED).isdigit()"]
    if place.form != "text":
        return []
    if kind is Kind.XN:
        sign = f"{source.plain}[{place.start}:{place.start + 1}]"
        digits = f"{source.plain}[{place.start + 1}:{place.end}]"
        return [f"{empty}({sign} not in (b'C', b'D') or not {digits}.isdigit())"]
    if kind is Kind.A:
        return [f"not PADDED_A({value})"] if place.fixed else [f"{empty}not {value}.isalpha()"]
    if kind in {Kind.N, Kind.AN}:
        return [f"{empty}not {value}.{'isdigit' if kind is Kind.N else 'isalnum'}()"]
    return [f"{empty}not {value}.translate(AS_{kind.name}).isdigit()"]


# Reading values.


def values_of(source: Source, places: list[Place], wanted: frozenset[int] | None = None) -> dict[int, str]:
    """Give the expression of each wanted value (None for all), after adding the statements that it needs.

    Packed tracks are judged where they are read, so they are read whether wanted or not.
    """
    values: dict[int, str] = {}
    for form, run in groupby(places, _cut_form):
        members = list(run)
        asked = [place for place in members if wanted is None or place.number in wanted]
        if form == "text" and len(asked) >= _RUN_MIN:
            values.update(_cut(source, members, asked, "text[{}:{}]", 1))
        elif form == "digits" and len(asked) > 1:
            values.update(_cut(source, members, asked, "data[{}:{}].hex()", 2))
        else:
            read = [place for place in members if place in asked or place.form == "track"]
            values.update((place.number, _lone_value(source, place)) for place in read)
    return values


def _cut_form(place: Place) -> str:
    """Say which fixed elements can be cut together; the empty text is for those that are read by themselves."""
    return place.form if place.fixed and place.form in {"text", "digits"} else ""


def _cut(source: Source, members: list[Place], asked: list[Place], whole: str, characters: int) -> dict[int, str]:
    """Cut those asked for out of a run of fixed elements at once; `characters` is how many of them a byte becomes."""
    at, slices = 0, []
    for place in members:
        width = place.axes.wire_bytes(place.axes.length) * characters
        if place in asked:
            slices.append(slice(at + place.odd, at + width))
        at += width
    name = f"CUT{members[0].number}"
    source.names[name] = itemgetter(*slices)
    targets = [f"v{place.number}" for place in asked]
    source.add(f"{', '.join(targets)} = {name}({whole.format(members[0].start, members[-1].end)})")
    return {place.number: target for place, target in zip(asked, targets, strict=True)}


def _lone_value(source: Source, place: Place) -> str:
    number = place.number
    span = f"{place.start}:{place.end}"
    if place.form == "text":
        return f"text[{span}]"
    if place.form == "bytes":
        return f"data[{span}]"
    if place.form == "digits" and place.fixed:
        return f"data[{span}].hex()" + ("[1:]" if place.odd else "")
    if place.form == "digits":
        source.add(f"v{number} = data[{span}].hex()")
        source.add(f"if n{number} & 1:")
        source.add(f"    v{number} = v{number}[1:]")
    elif place.form == "track":
        _read_packed_track(source, place)
    return f"v{number}"  # a leaf has read its value already


def _read_packed_track(source: Source, place: Place) -> None:
    value, length = f"v{place.number}", _length_of(place)
    source.add(f"{value} = data[{place.start}:{place.end}].hex().upper()")
    source.add(f"if {length} & 1:")
    source.add(f'    if {value}[-1] != "F":')
    source.add("        return None")
    source.add(f"    {value} = {value}[:-1]")
    source.add(f'if {value} and not {value}.replace("D", "0").isdigit():')
    source.add("    return None")


def _length_of(place: Place) -> str:
    return str(place.axes.length) if place.fixed else f"n{place.number}"


# Writing.


def encoder(
    dialect: Dialect, numbers: tuple[int, ...], bitmap: bytes
) -> Callable[[str, dict[int, str | bytes]], bytes | None]:
    """Generate the encoder of all messages that hold exactly these elements, whatever order they are in.

    `bitmap` is what stands between the message type and the first element.
    """
    source = Source(dialect, numbers, 0, "mti, elements")
    source = Source(dialect, numbers, source.mti_bytes + len(bitmap), "mti, elements")
    places = source.places()
    source.names.update(BITMAP=bitmap, MTIS=mti_written(dialect))
    if len(places) == 1:
        source.add(f"v{places[0].number} = elements[{places[0].number}]")
    elif places:
        source.names["VALUES"] = itemgetter(*(place.number for place in places))
        source.add(f"{', '.join(f'v{place.number}' for place in places)} = VALUES(elements)")
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
    """Fill short text with blanks, check lengths and types of bytes, find where variable elements end.

    Whatever else has to be filled is left to the table.
    """
    wrong: list[str] = []
    for place in places:
        number, axes = place.number, place.axes
        if place.form == "leaf":
            source.add(f"v{number} = WRITE{number}(v{number})")
            if not place.fixed:
                source.add(f"e{number} = {place.prefix} + len(v{number})")
            continue
        if place.form == "bytes":
            wrong.append(f"not isinstance(v{number}, bytes)")
        if not place.fixed:
            source.add(f"n{number} = len(v{number})")
            source.add(source.end_line(place, f"n{number}"))
            if axes.least:
                wrong.append(f"n{number} < {axes.least}")
        elif axes.kind in _BLANK_FILLED and axes.pad.character == " " and not axes.pad.left:
            source.add(f"if len(v{number}) != {axes.length}:")
            source.add(f"    v{number} = v{number}.ljust({axes.length})")
            source.add(f"    if len(v{number}) != {axes.length}:")
            source.add("        return None")
        else:
            wrong.append(f"len(v{number}) != {axes.length}")
    if wrong:
        source.add(f"if {' or '.join(wrong)}:")
        source.add("    return None")


def _chunks(source: Source, places: list[Place]) -> list[str]:
    """Give the expressions whose bytes make the elements: text, hex digits and bytes, neighbours joined first."""
    pieces: list[tuple[str, str]] = []
    for place in places:
        number = place.number
        if place.form == "leaf":
            pieces.append(("bytes", f"v{number}"))
            continue
        if not place.fixed:
            source.names[f"P{number}"] = _lengths_written(
                place.axes._replace(page="", nibble="", pad=_NOTHING, prefix_page="ascii")
            )
            pieces.append(("text" if place.text_prefix else "hex", f"P{number}[n{number}]"))
        if place.form in {"digits", "track"}:
            pieces += _packed_pieces(source, place)
        else:
            pieces.append((place.form, f"v{number}"))
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
    number = place.number
    value = f"v{number}"
    if place.form == "digits":
        if place.fixed:
            return [("hex", "'0'"), ("hex", value)] if place.odd else [("hex", value)]
        source.add(f"if n{number} & 1:")
        source.add(f"    {value} = '0' + {value}")
        return [("hex", value)]
    source.add(f"{value} = {value}.replace('=', 'D')")
    source.add(f"if {value} and not {value}.replace('D', '0').isdigit():")
    source.add("    return None")
    source.add(f"if {_length_of(place)} & 1:")
    source.add(f"    {value} += 'F'")
    return [("hex", value)]
