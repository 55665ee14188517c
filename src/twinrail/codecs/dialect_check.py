"""What is wrong with a dialect, and where: every contradiction that a message would find out, and every danger.

An error is a dialect that cannot carry what it declares, or that would show what must never be shown; it does not load.
A warning is legal and probably a mistake. Paths are those of a dialect's file: "elements.48.layout.parts.42".
Rows by themselves are in `dialect_check_rows`, composites in `dialect_check_layout`; here is what lies around them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from twinrail.codecs.dialect_check_layout import layout_problems
from twinrail.codecs.dialect_check_rows import (
    CODINGS,
    NAME_CHARACTERS_MAX,
    Problem,
    Severity,
    page_problem,
    prefix_problems,
    row_problems,
    telling_name,
    warning,
)
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.axes import Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect, Element, Third

__all__ = ["DialectError", "Problem", "Severity", "problems", "verify"]

VERSIONS = ("1987", "1993", "2003")
ELEMENT_MAX = 192
SAID_MAX = 3  # problems that the text of an exception holds

_DIALECT_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_HIDDEN = frozenset({Mask.SENSITIVE, Mask.SECRET})
# What an element is in every version that gives it a meaning: PAN, extended PAN, tracks, PIN block, security control
# (keys in 1993), chip data, MAC, message security or key data (PCI DSS 3.3, 3.4).
_NEVER_SHOWN = frozenset({34, 35, 36, 45, 52, 55, 64, 128})
_SELDOM_SHOWN = {53: "security data", 96: "key data", 102: "an account", 103: "an account"}
_FREE_TEXT = frozenset({43, 46, 47, 48, *range(56, 64), *range(104, 128)})


class DialectError(SettingsError):
    """A dialect that does not load; `problems` has everything that is wrong with it, warnings included."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        errors = [str(problem) for problem in problems if problem.severity is Severity.ERROR]
        more = f"; and {len(errors) - SAID_MAX} more" if len(errors) > SAID_MAX else ""
        super().__init__(f"dialect {name}: " + "; ".join(errors[:SAID_MAX]) + more)
        self.name = name
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by what it was made of."""
        return (DialectError, (self.name, self.problems))


def verify(dialect: Dialect) -> None:
    """Raise DialectError unless the dialect is without errors; warnings pass."""
    found = tuple(problems(dialect))
    if any(problem.severity is Severity.ERROR for problem in found):
        raise DialectError(dialect.name, found)


def problems(dialect: Dialect) -> list[Problem]:
    """Give everything that is wrong with a dialect, in the order of its file; nothing for a good one."""
    return [*_heading(dialect), *_pages(dialect), *_bits(dialect), *_rows(dialect)]


def _heading(dialect: Dialect) -> Iterator[Problem]:
    if not _DIALECT_NAME.fullmatch(dialect.name) or len(dialect.name) > NAME_CHARACTERS_MAX:
        yield Problem("name", f"must be lower-case letters, digits, - and ., {NAME_CHARACTERS_MAX} at most")
    if dialect.version not in VERSIONS:
        yield Problem("version", "must be " + " or ".join(VERSIONS))
    for axis, coding, allowed in (
        ("numbers", dialect.numbers, CODINGS[Kind.N]),
        ("tracks", dialect.tracks, {None, *CODINGS[Kind.Z]}),
        ("binary", dialect.binary, CODINGS[Kind.B]),
        ("mti", dialect.mti, {None, Coding.CHARACTERS, Coding.BCD}),
    ):
        if coding not in allowed:
            yield Problem(axis, f"cannot be {coding}; can be " + ", ".join(sorted(one for one in allowed if one)))
    yield from prefix_problems("lengths", dialect.lengths)


def _pages(dialect: Dialect) -> Iterator[Problem]:
    yield from page_problem("text", dialect.text)
    is_ascii = dialect.text == "ascii"
    if dialect.bitmap is (BitmapForm.HEX_EBCDIC if is_ascii else BitmapForm.HEX_ASCII):
        yield warning("bitmap", f"{dialect.bitmap} beside text in {dialect.text}")


def _bits(dialect: Dialect) -> Iterator[Problem]:
    """Look at which elements a bitmap can announce."""
    counts = Counter(row.number for row in dialect.elements)
    for number, count in sorted(counts.items()):
        path = f"elements.{number}"
        if not 2 <= number <= ELEMENT_MAX:
            yield Problem(path, f"elements are numbered from 2 to {ELEMENT_MAX}")
        if count > 1:
            yield Problem(path, "stated twice")
    has_65 = 65 in counts
    if has_65 and dialect.third is not Third.DATA:
        yield Problem("elements.65", 'element 65 is data only where the dialect says third = "data"')
    if not has_65 and dialect.third is Third.DATA:
        yield Problem("third", 'third = "data" needs a row for element 65')
    beyond = sorted(number for number in counts if number > 128)
    announced = dialect.third in {Third.CONTIGUOUS, Third.IN_ELEMENT}
    if beyond and not announced:
        yield Problem(f"elements.{beyond[0]}", 'beyond 128 needs third = "contiguous" or "in_element"')
    if announced and not beyond:
        yield warning("third", f"{dialect.third}, and no element beyond 128 has a row")
    if not counts:
        yield Problem("elements", "a dialect has at least one element")


def _rows(dialect: Dialect) -> Iterator[Problem]:
    names = Counter(row.name for row in dialect.elements)
    for row in dialect.elements:
        path = f"elements.{row.number}"
        yield from row_problems(path, row, dialect)
        if names[row.name] > 1:
            yield warning(f"{path}.name", f"{names[row.name]} elements are called {row.name}")
        yield from _data_class(path, row)
        yield from layout_problems(path, row, dialect)


def _data_class(path: str, row: Element) -> Iterator[Problem]:
    """Refuse what would show cardholder data, and doubt what probably would."""
    where = f"{path}.mask"
    if row.number in _NEVER_SHOWN and row.mask not in _HIDDEN:
        yield Problem(where, f"element {row.number} holds card, PIN or key data: must be sensitive or secret")
        return
    if row.number == 2 and row.mask is Mask.PUBLIC:
        yield Problem(where, "element 2 is the card number: must be pan or sensitive")
        return
    if row.mask is Mask.PUBLIC:
        if row.number in _SELDOM_SHOWN:
            yield warning(where, f"public, and networks carry {_SELDOM_SHOWN[row.number]} here")
        elif row.number in _FREE_TEXT and row.layout is None and row.length > 20:
            yield warning(where, "public, and networks carry free text or private data here")
        else:
            yield from telling_name(path, row)
