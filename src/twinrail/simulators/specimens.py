"""Synthetic messages of any dialect: every value is drawn, and recognised wherever it should not be.

Letters come from QXZJ, bytes from CA FE BA BE, and digits are random: no word of ours is made of them, so that one
regular expression finds any value that got into a text (`leaks`). Composites are built part by part, and hold tags that
nobody declares. Nothing here comes from a real message: what is found with it may be kept in a repository.
"""

import random
import re
from collections.abc import Iterator

from twinrail.codecs.composites import Parts, opened
from twinrail.codecs.iso8583 import Codec
from twinrail.codecs.leaf import Axes, Leaf, axes_of
from twinrail.codecs.table import Message
from twinrail.codecs.tagged import CATEGORY, EMV_PARTS
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import Counts, Kind
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Datasets, Layout, Part, Pds, Positional, Tagged
from twinrail.schemas.iso8583.places import VERSION_DIGITS

LENGTH_MAX = 40  # of a drawn value that is not fixed
_ELEMENTS_MAX = 24  # of an ordinary message
_PARTS_MAX = 8  # of one level that need not be full
_DEPTH_MAX = 4
_TRIES = 8  # at a composite that fits: an odd number of digits may not, where only bytes are counted
_LETTERS, _DIGITS, _MARKS = "QXZJ", "0123456789", "!#%&"
_BYTES = b"\xca\xfe\xba\xbe"
_CHARACTERS = {
    Kind.N: _DIGITS,
    Kind.A: _LETTERS,
    Kind.S: _MARKS,
    Kind.AN: _LETTERS + _DIGITS,
    Kind.AS: _LETTERS + _MARKS,
    Kind.NS: _DIGITS + _MARKS,
    Kind.ANP: 2 * (_LETTERS + _DIGITS) + " ",
    Kind.ANS: 2 * (_LETTERS + _DIGITS + _MARKS) + " ",
    Kind.Z: _DIGITS,
}
_LEAK = re.compile(r"[QXZJ0-9!#%&]{5}|[QXZJ]{2}|[!#%&]{2}|(?:ca|fe|ba|be){3}|\\x[0-9a-f]{2}", re.IGNORECASE)
# Where an error stands and how long an element is, which may have five digits too.
_PLACES = re.compile(r"\bat byte \d+|\b\d{1,3}:\d+\b")
Drawn = tuple[str, Part | None, Layout | None]  # key of a part, the part where one is declared, what it is made of
_MTIS = ("100", "110", "120", "200", "210", "220", "400", "420", "430", "421", "800", "810")


def leaks(text: str) -> bool:
    """Say whether a text holds a value of a specimen, or a piece of one: five characters, two letters or three bytes.

    >>> leaks("35: length above the maximum at byte 1042"), leaks("2: not digits: '41111'")
    (False, True)
    >>> leaks("89: length is not digits at byte 10352 Message(2100 88:99999)")
    False
    """
    return _LEAK.search(_PLACES.sub("", text)) is not None


class Specimens:
    """Draws messages of one dialect; the same ones from the same randomness."""

    def __init__(self, dialect: Dialect, chance: random.Random) -> None:
        self.dialect = dialect
        self._chance = chance
        self._codec = Codec(dialect)
        self._version = VERSION_DIGITS[dialect.version]

    def message(self) -> Message:
        """Draw an ordinary message: a few elements of the dialect."""
        count = self._chance.randint(1, min(_ELEMENTS_MAX, len(self.dialect.elements)))
        return self._of(self._chance.sample(self.dialect.elements, count))

    def rich(self, part: int = 0, parts: int = 1) -> Message:
        """Draw a message with every element that the dialect has, or with one part of them: each so many-th."""
        return self._of(self.dialect.elements[part::parts])

    def composed(self) -> Message:
        """Draw a message with the composites of the dialect; an ordinary one where it has none."""
        rows = [row for row in self.dialect.elements if row.layout is not None]
        return self._of(rows) if rows else self.message()

    def corpus(self, count: int) -> Iterator[Message]:
        """Draw so many messages: a rich one, some that are composed, and ordinary ones."""
        for index in range(count):
            yield self.rich() if not index else self.composed() if index % 4 == 1 else self.message()

    def _of(self, rows: tuple[Element, ...] | list[Element]) -> Message:
        elements = {row.number: self._element(row) for row in sorted(rows, key=lambda row: row.number)}
        return Message(self._version + self._chance.choice(_MTIS), elements)

    def _element(self, row: Element) -> str | bytes:
        axes = axes_of(row, self.dialect)
        for _ in range(_TRIES if row.layout is not None else 0):
            built = self._built(row)
            if built is not None and _fits(row, axes, built):
                return built
        return self._value(row, axes)

    def _built(self, row: Element) -> str | bytes | None:
        """Build a composite of what its layout declares and some tags more; None where that does not come out."""
        try:
            level = opened(self.dialect, row, b"" if row.kind is Kind.B else "")
            return self._filled(level, row.length, 1).value()
        except (DecodeError, EncodeError):
            return None

    def _filled(self, level: Parts, length_max: int, depth: int) -> Parts:
        """Add parts to a level that holds none, as many as there is room for."""
        for key, part, layout in self._drawn_parts(level.layout):
            try:
                if layout is not None and depth < _DEPTH_MAX:
                    room = length_max - len(level.raw)
                    value = self._filled(level.inside_new(key), min(room, 2 * LENGTH_MAX), depth + 1).value()
                elif part is not None:
                    value = self._value(part, axes_of(part, self.dialect, text=isinstance(level.value(), str)))
                else:
                    value = self._plain(text=isinstance(level.value(), str))
                longer = level.insert(key, value)
            except (DecodeError, EncodeError):
                continue
            if len(longer.value()) <= length_max:
                level = longer
        return level

    def _drawn_parts(self, layout: Layout) -> list[Drawn]:
        """Draw what stands on a level."""
        if isinstance(layout, Positional) and layout.repeats:
            group = Positional(layout.parts)
            return [(str(number), None, group) for number in range(1, self._chance.randint(2, 4))]
        if isinstance(layout, Datasets):
            return [(each.id, None, each.body) for each in layout.sets] + [("EE", None, None)]
        declared: list[Drawn] = [(part.key, part, part.layout) for part in layout.parts]
        if isinstance(layout, Positional):
            return declared
        drawn = self._chance.sample(declared, min(len(declared), _PARTS_MAX))
        if isinstance(layout, Tagged | Pds):
            digits = layout.tag_digits if isinstance(layout, Tagged) else 4
            drawn.append(("9" * digits, None, None))
            drawn.sort(key=lambda one: one[0] != CATEGORY)
        if isinstance(layout, BerTlv):
            tags = self._chance.sample(sorted(EMV_PARTS), 4)
            drawn += [(tag, None, None) for tag in ("DF01", "DF8101", *tags, tags[0])]
        return drawn

    def _plain(self, *, text: bool) -> str | bytes:
        length = self._chance.randint(0, 12)
        return self._text(Kind.ANS, length) if text else self._bytes(length)

    def _value(self, row: Element | Part, axes: Axes) -> str | bytes:
        """Draw a value in the form in which decoding gives it."""
        chance = self._chance
        length = (
            axes.length if axes.fixed else chance.randint(axes.least, min(axes.length, max(LENGTH_MAX, axes.least)))
        )
        if axes.packed and not axes.fixed and axes.counts is Counts.BYTES and axes.nibble == "0":
            # Whether a digit is fill would not show.
            length += length < axes.length and (length & 1) != (row.kind is Kind.XN)
        if row.kind is Kind.B:
            return self._bytes(length)
        if row.kind is Kind.XN:
            length = max(length, 2) if length or axes.least else 0
            return chance.choice("CD") + self._text(Kind.N, length - 1) if length else ""
        text = self._text(row.kind, length)
        if row.kind is Kind.Z and length > 12:
            text = f"{text[:10]}D{text[11:]}"
        if axes.fixed and row.kind in {Kind.A, Kind.AN} and chance.random() < 0.2:
            text = text[: length // 2].ljust(length)
        return text

    def _text(self, kind: Kind, length: int) -> str:
        return "".join(self._chance.choices(_CHARACTERS[kind], k=length))

    def _bytes(self, length: int) -> bytes:
        return bytes(self._chance.choices(_BYTES, k=length))


def _fits(row: Element, axes: Axes, value: str | bytes) -> bool:
    """Say whether an element can hold what was built for it, and gives it back as it was."""
    leaf = Leaf(str(row.number), row.number, axes)
    try:
        return leaf.read(leaf.write(value), 0)[0] == value
    except (DecodeError, EncodeError):
        return False
