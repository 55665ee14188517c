"""Axes in words: how two dialects differ, and which one change would let a dialect read a message.

A dialect with one axis changed, or one element near the place where reading ended, is tried on the whole message. What
is then read to its end, and looks like a message, names the cause.
"""

import dataclasses
from collections.abc import Callable, Iterator

from twinrail.codecs import bitmap
from twinrail.codecs.evidence import evidence
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.leaf import PACKED, Leaf, Span, axes_of
from twinrail.codecs.table import Message
from twinrail.errors import DecodeError, SettingsError
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Coding, Counts, Kind, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third

_EARLIER = 3  # elements before the one where reading ended that may be the wrong ones
_SHIFT_MAX = 16  # bytes that an element may be longer or shorter
_CHANGES_TOLD = 3
_TOLD_MAX = 8
_CODINGS = {
    Coding.CHARACTERS: "characters",
    Coding.BCD: "packed digits",
    Coding.BCD_RIGHT: "packed digits to the left",
    Coding.BINARY: "bytes as they are",
    Coding.HEX: "hex digits",
}
_BITMAPS = {
    BitmapForm.BINARY: "bytes",
    BitmapForm.HEX_ASCII: "hex digits in ASCII",
    BitmapForm.HEX_EBCDIC: "hex digits in EBCDIC",
}
_TWO = {Bitmaps.BY_BIT_1: "two where bit 1 says so", Bitmaps.ALWAYS_TWO: "two always"}
_PREFIXES = {
    PrefixForm.CHARACTERS: "digits as characters",
    PrefixForm.BCD: "packed digits",
    PrefixForm.BINARY: "binary",
}


def dialect_differences(one: Dialect, other: Dialect, message: Message | None) -> list[str]:
    """Say how another dialect carries things otherwise, of elements only those that a message holds."""
    told = []
    for axis, words in _AXES:
        left, right = words(one), words(other)
        if left != right:
            told.append(f"{axis} {right}, not {left}")
    rows = {row.number: row for row in one.elements}
    for row in other.elements:
        if message is None or row.number not in message.elements:
            continue
        mine = rows.get(row.number)
        left = "not there" if mine is None else _form(mine)
        if left != _form(row):
            told.append(f"DE{row.number} is {_form(row)}, not {left}")
    return told[:_TOLD_MAX]


def _lengths(dialect: Dialect) -> str:
    prefix = dialect.lengths
    packed = dialect.numbers in PACKED
    form = prefix.form or (PrefixForm.BCD if packed else PrefixForm.CHARACTERS)
    words = [_PREFIXES[form]]
    if prefix.size:
        words.append(f"of {prefix.size} bytes")
    if prefix.counts is Counts.BYTES:
        words.append("counting bytes")
    if prefix.inclusive:
        words.append("with themselves")
    return " ".join(words)


def _form(row: Element) -> str:
    size = f"{row.length}" if row.length_kind is FIXED else f"up to {row.length} with {row.length_kind.value} digits"
    return f"{row.kind} {size}"


_AXES: tuple[tuple[str, Callable[[Dialect], str]], ...] = (
    ("version is", lambda dialect: dialect.version),
    ("text is", lambda dialect: dialect.text),
    ("numbers are", lambda dialect: _CODINGS[dialect.numbers]),
    ("message type is", lambda dialect: _CODINGS[dialect.mti or dialect.numbers]),
    ("bitmap is", lambda dialect: _BITMAPS[dialect.bitmap]),
    ("bitmaps are", lambda dialect: _TWO[dialect.bitmaps]),
    ("lengths are", _lengths),
    ("bytes are", lambda dialect: _CODINGS[dialect.binary]),
)


def one_change(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[str]:
    """Change one thing about the dialect after the other; what lets all of it be read names the cause, at most three.

    Of several only those are given that make the message look most like one.
    """
    found = [*_by_axis(dialect, body, error), *_by_length(dialect, body, error)]
    best = max((score for score, _ in found), default=0)
    read = evidence(dialect, error.partial).score if isinstance(error.partial, Message) else 0
    # A message that is cut or followed by something can be made to fit in many ways: then it must look better too.
    loose = error.path == "end" or "ends within" in error.problem
    if best > 0 and (best > read or not loose):
        yield from [words for score, words in found if score == best][:_CHANGES_TOLD]


def _by_axis(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[tuple[int, str]]:
    """Try the dialect with one axis or one element changed."""
    for words, changed in _changed(dialect, body, error):
        try:
            message = Codec(changed).decode(body)
        except (DecodeError, SettingsError):
            continue
        yield evidence(changed, message).score, f"it would be read to its end if {words}"


def _by_length(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[tuple[int, str]]:
    """Try the message with some bytes more or less in one fixed element: then it is the dialect that has too few."""
    codec = Codec(dialect)
    for row, span in _places(codec, body, error):
        leaf = Leaf(str(row.number), row.number, axes_of(row, dialect))
        fill = leaf.write(bytes(row.length) if row.kind is Kind.B else "0" * row.length) if _can_be_zero(row) else b""
        for difference in sorted(range(-_SHIFT_MAX, _SHIFT_MAX + 1), key=abs):
            cut = span.end + min(difference, 0)
            if not difference or cut < span.start or (difference < 0 and not fill):
                continue
            # A longer element loses what is too much of it, a shorter one is filled up.
            more_or_less = fill[difference:] + body[cut:] if difference < 0 else body[cut + difference :]
            shifted = body[:cut] + more_or_less
            try:
                message = codec.decode(shifted)
            except DecodeError:
                continue
            more = "longer" if difference > 0 else "shorter"
            words = f"DE{row.number} {row.name} were {abs(difference)} bytes {more} than the dialect says"
            yield evidence(dialect, message).score, f"it would be read to its end if {words}"
            break


def _can_be_zero(row: Element) -> bool:
    return row.kind in {Kind.N, Kind.AN, Kind.ANS, Kind.ANP, Kind.B}


def _places(codec: Codec, body: bytes, error: DecodeError) -> Iterator[tuple[Element, Span]]:
    """Find the fixed elements that were read before the error, the nearest to it first."""
    found: list[tuple[Element, Span]] = []
    rows = {row.number: row for row in codec.dialect.elements}
    if isinstance(error.partial, Message) and codec.dialect.third is not Third.IN_ELEMENT:
        offset = codec.head_bytes(body)
        for number in sorted(error.partial.elements):
            if offset >= error.offset:
                break
            leaf = Leaf(str(number), number, axes_of(rows[number], codec.dialect))
            try:
                span = leaf.span(body, offset)
            except DecodeError:
                break
            offset = span.end
            if leaf.axes.fixed:
                found.append((rows[number], span))
    return reversed(found if error.path != "end" else found[:-1])  # the last of all can take whatever is left over


def _changed(dialect: Dialect, body: bytes, error: DecodeError) -> Iterator[tuple[str, Dialect]]:
    """Give the dialect with one axis changed, and with one element changed near the error."""
    for form in BitmapForm:
        if form is not dialect.bitmap:
            yield f"the bitmap were {_BITMAPS[form]}", dialect.but(dialect.name, bitmap=form)
    for bitmaps in Bitmaps:
        if bitmaps is not dialect.bitmaps:
            yield f"there were bitmaps: {_TWO[bitmaps]}", dialect.but(dialect.name, bitmaps=bitmaps)
    dialect = _of_present(dialect, body)
    for numbers in (Coding.CHARACTERS, Coding.BCD, Coding.BCD_RIGHT):
        if numbers is not dialect.numbers:
            changed = dialect.but(dialect.name, numbers=numbers, mti=dialect.mti or dialect.numbers)
            yield f"numbers were {_CODINGS[numbers]}", changed
    for binary in (Coding.BINARY, Coding.HEX):
        if binary is not dialect.binary:
            yield f"bytes were {_CODINGS[binary]}", dialect.but(dialect.name, binary=binary)
    for words, prefix in _prefixes(dialect.lengths):
        yield f"all lengths {words}", dialect.but(dialect.name, lengths=prefix, elements=_with_room(dialect, prefix))
    rows = [row for row in dialect.elements if _near(row, error)]
    for row in rows:
        for words, changed_row in _rows(row):
            yield f"DE{row.number} {words}", dialect.but(dialect.name, elements=(changed_row,))


def _of_present(dialect: Dialect, body: bytes) -> Dialect:
    """Leave out the elements whose bits are not set: a tenth of the rows is made ready in a tenth of the time."""
    wire = Codec(dialect).bits_of(body)
    cut = not wire or len(wire) % bitmap.width_of(dialect.bitmap)
    if cut or bitmap.first_fault(wire, dialect.bitmap) >= 0 or dialect.third is not Third.NONE:
        return dialect
    present = frozenset(bitmap.numbers_of(bitmap.from_wire(wire, dialect.bitmap)))
    return dataclasses.replace(dialect, elements=tuple(row for row in dialect.elements if row.number in present))


def _prefixes(prefix: Prefix) -> Iterator[tuple[str, Prefix]]:
    for form in PrefixForm:
        if form is not prefix.form:
            yield f"were {_PREFIXES[form]}", dataclasses.replace(prefix, form=form, size=0)
    other = Counts.VALUE if prefix.counts is Counts.BYTES else Counts.BYTES
    yield f"counted {'bytes' if other is Counts.BYTES else 'digits'}", dataclasses.replace(prefix, counts=other)
    inclusive = not prefix.inclusive
    yield f"{'counted' if inclusive else 'did not count'} themselves", dataclasses.replace(prefix, inclusive=inclusive)


def _with_room(dialect: Dialect, prefix: Prefix) -> tuple[Element, ...]:
    """Give elements that are shorter where a length that counts itself leaves less for them."""
    if not prefix.inclusive:
        return ()
    rooms = ((row, 10**row.length_kind.value - 1 - row.length_kind.value) for row in dialect.elements)
    return tuple(dataclasses.replace(row, length=min(row.length, room)) for row, room in rooms if room > 0)


def _near(row: Element, error: DecodeError) -> bool:
    """Say whether an element is where reading ended, or one of the last that were read before."""
    if not isinstance(error.partial, Message):
        return False
    before = [number for number in sorted(error.partial.elements) if not error.element or number < error.element]
    return row.number in {error.element, *before[-_EARLIER:]}


def _rows(row: Element) -> Iterator[tuple[str, Element]]:
    for length_kind in (FIXED, LLVAR, LLLVAR):
        if length_kind is not row.length_kind:
            words = "had no length in front" if length_kind is FIXED else f"had {length_kind.value} digits of length"
            yield words, dataclasses.replace(row, length_kind=length_kind)
    for coding in (Coding.CHARACTERS, Coding.BCD, Coding.BCD_RIGHT):
        if row.kind in {Kind.N, Kind.XN, Kind.Z} and coding is not row.coding:
            yield f"were {_CODINGS[coding]}", dataclasses.replace(row, coding=coding)
    if row.kind is Kind.B:
        yield "were hex digits, two to a byte", dataclasses.replace(row, coding=Coding.HEX)
        yield "were bytes as they are", dataclasses.replace(row, coding=Coding.BINARY)
    elif row.kind is not Kind.ANS:
        yield "could hold any text", dataclasses.replace(row, kind=Kind.ANS)
    for words, prefix in _prefixes(row.prefix or Prefix()) if row.length_kind is not FIXED else ():
        yield f"had a length that {words}", dataclasses.replace(row, prefix=prefix)
