"""What is wrong with one row of a dialect, an element or a part of a composite, looked at by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import NamedTuple

from twinrail.codecs.leaf import PACKED, Axes, axes_of
from twinrail.codecs.repertoire import ALLOWED, DIGITS, ascii_tables
from twinrail.schemas.iso8583.axes import Coding, Kind, Length, Mask, Pad, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import Part

LENGTH_MAX = 999_999  # what six digits of a length can say
NAME_CHARACTERS_MAX = 64
CODINGS = {
    Kind.N: frozenset({Coding.CHARACTERS, *PACKED}),
    Kind.XN: frozenset({Coding.CHARACTERS, *PACKED}),
    Kind.Z: frozenset({Coding.CHARACTERS, *PACKED}),
    Kind.B: frozenset({Coding.BINARY, Coding.HEX}),
}
_TEXT_CODINGS = frozenset({Coding.CHARACTERS})
_HEX_ONLY = frozenset({Coding.HEX})  # bytes among characters
_PREFIX_BYTES_MAX = {PrefixForm.CHARACTERS: 6, PrefixForm.BCD: 3, PrefixForm.BINARY: 4}
_ROW_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TELLING = re.compile(
    r"(?:[a-z0-9_]*_)?(?:pan|track[123]?|pin|pin_block|cvv2?|cvc2?|csc|cavv|ucaf|cryptogram|mac|icc|iban|key)"
    r"(?:_data|_extended)?(?:_[0-9]+)?"
)


@unique
class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"  # does not load
    WARNING = "warning"


class Problem(NamedTuple):
    """What is wrong, and where; `line` counts from 1 in the dialect's file, 0 where there is none."""

    path: str
    problem: str
    severity: Severity = Severity.ERROR
    line: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}, {self.path}" if self.line else self.path
        return f"{where}: {self.problem}" if where else self.problem


def warning(path: str, problem: str) -> Problem:
    """Give a problem that does not keep a dialect from loading."""
    return Problem(path, problem, Severity.WARNING)


def page_problem(path: str, page: str | None) -> Iterator[Problem]:
    """Say whether a code page is none that can be used."""
    if page is None:
        return
    try:
        ascii_tables(page)
    except ValueError as error:
        yield Problem(path, f"{error}; such as ascii, cp037, cp500, cp1047 and cp1140 are")


def row_problems(
    path: str, row: Element | Part, dialect: Dialect, *, text: bool = False, tagged: bool = False
) -> Iterator[Problem]:
    """Look at one element or part by itself.

    `text` for a part of a composite that is text, `tagged` for one whose length belongs to its tag.
    """
    if not _ROW_NAME.fullmatch(row.name) or len(row.name) > NAME_CHARACTERS_MAX:
        yield Problem(f"{path}.name", "must be lower-case letters, digits and _, beginning with a letter")
    axes = axes_of(row, dialect, text=text)
    allowed = CODINGS.get(row.kind, _TEXT_CODINGS)
    if text:
        allowed = _HEX_ONLY if row.kind is Kind.B else _TEXT_CODINGS
    if axes.coding not in allowed:
        where = " in a composite that is text" if text else ""
        yield Problem(
            f"{path}.coding", f"{row.kind} cannot be {axes.coding}{where}; can be " + ", ".join(sorted(allowed))
        )
        return
    yield from page_problem(f"{path}.page", row.page)
    if row.page is not None and axes.coding in {Coding.BINARY, *PACKED} and row.kind is not Kind.XN:
        yield warning(f"{path}.page", f"has no effect on {axes.coding}")
    if row.nibble not in {"", "0", "F"}:
        yield Problem(f"{path}.nibble", 'must be "0" or "F"')
    if row.nibble and not axes.packed:
        yield warning(f"{path}.nibble", f"has no effect on {axes.coding}")
    yield from _length(path, row)
    yield from _pad(f"{path}.pad", row.pad, axes)
    if row.prefix is not None:
        if axes.fixed or tagged:
            why = "the length belongs to the tag" if tagged else "the length is fixed"
            yield warning(f"{path}.prefix", f"has no effect: {why}")
        yield from prefix_problems(f"{path}.prefix", row.prefix)
    if not axes.fixed and not tagged and row.length <= LENGTH_MAX:
        yield from _capacity(path, axes, text=text)


def _length(path: str, row: Element | Part) -> Iterator[Problem]:
    least = 2 if row.kind is Kind.XN else 1
    if row.length < least:
        yield Problem(f"{path}.length", f"must be at least {least}: there is no room for a value")
    if row.length > LENGTH_MAX:
        yield Problem(f"{path}.length", f"must be at most {LENGTH_MAX}")
    if row.least and row.length_kind is Length.FIXED:
        yield Problem(f"{path}.least", "a fixed length has no least")
    elif not 0 <= row.least <= row.length:
        yield Problem(f"{path}.least", "must lie between 0 and the length")


def _capacity(path: str, axes: Axes, *, text: bool) -> Iterator[Problem]:
    """Compare the largest value with what its prefix can say."""
    if text and axes.form is not PrefixForm.CHARACTERS:
        yield Problem(f"{path}.prefix.form", "must be characters in a composite that is text")
        return
    counted = axes.counted(axes.length)
    largest = capacity(axes.form, axes.prefix, axes.digits)
    if counted > largest:
        what = "characters" if axes.form is PrefixForm.CHARACTERS else f"bytes of {axes.form}"
        yield Problem(
            f"{path}.length", f"does not fit into its prefix: {axes.prefix} {what} count to {largest}, not to {counted}"
        )


def capacity(form: PrefixForm, prefix: int, digits: int) -> int:
    """Give the largest count that a prefix of so many bytes can say; `digits` are those of its name.

    >>> capacity(PrefixForm.BCD, 2, 3)
    999
    """
    if form is PrefixForm.BINARY:
        return int(256**prefix) - 1
    room = 2 * prefix if form is PrefixForm.BCD else prefix
    natural = (digits + 1) // 2 * 2 if form is PrefixForm.BCD else digits
    return int(10 ** (digits if room == natural else room)) - 1


def _pad(path: str, pad: Pad | None, axes: Axes) -> Iterator[Problem]:
    if pad is None or not pad.character:
        return
    if len(pad.character) != 1 or ord(pad.character) > 0xFF:
        yield Problem(f"{path}.character", "must be one character")
        return
    if axes.kind is Kind.B:
        return
    allowed = DIGITS if axes.kind is Kind.XN else ALLOWED[axes.kind]
    trailing_blank = pad.character == " " and not pad.left and axes.fixed and axes.kind in {Kind.A, Kind.AN}
    if ord(pad.character) not in allowed and not trailing_blank:
        yield Problem(f"{path}.character", f"{axes.kind} does not allow it: what is written could not be read")
    elif axes.kind is Kind.XN and pad.left:
        yield Problem(f"{path}.left", "would stand before the sign")


def prefix_problems(path: str, prefix: Prefix) -> Iterator[Problem]:
    """Look at a prefix by itself, of a row or of the whole dialect."""
    yield from page_problem(f"{path}.page", prefix.page)
    most = _PREFIX_BYTES_MAX[prefix.form] if prefix.form else max(_PREFIX_BYTES_MAX.values())
    if not 0 <= prefix.size <= most:
        yield Problem(f"{path}.size", f"must lie between 0 and {most} bytes")


def telling_name(path: str, row: Element | Part) -> Iterator[Problem]:
    """Doubt a public element or part whose name says that it should not be."""
    if row.mask is Mask.PUBLIC and _TELLING.fullmatch(row.name):
        yield warning(f"{path}.mask", f"public, and it is called {row.name}")
