"""What every importer shares: what a foreign specification leaves open, and how its rows become a tidy dialect.

A foreign specification says how bytes stand on the wire. It does not say what may be shown of them, and often not
which characters they hold. Both are filled in from our tables of the same version by element number, and closed where
those do not agree: a length that differs, a number without a row or a part without a table is sensitive. Each guess is
a note.
An importer states every axis of every row; `settle` then finds the axes that most rows share, makes them the dialect's,
and takes them out of the rows.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from twinrail.codecs.dialect_check import DialectError, Problem
from twinrail.codecs.leaf import PACKED, Axes, axes_of
from twinrail.schemas.iso8583 import iso1987, iso1993, iso2003
from twinrail.schemas.iso8583.axes import AS_ABOVE, Coding, Counts, Kind, Length, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.codes import TAGS
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Dataset, Datasets, Layout, Part, Positional, Tagged

TEXT_CHARACTERS_MAX = 1 << 20  # of a foreign specification
DEPTH_MAX = 32  # of tables within each other in one; dialects have their own, smaller bound
_NUMBER = re.compile(r"0|[1-9][0-9]{0,3}")

REFERENCES: Mapping[str, Mapping[int, Element]] = {
    dialect.version: {row.number: row for row in dialect.elements}
    for dialect in (iso1987.DIALECT, iso1993.DIALECT, iso2003.DIALECT)
}
# Elements whose length tells the versions apart.
_TELLING = (11, 12, 13, 15, 22, 24, 25, 26, 28, 30, 31, 39, 43, 53, 56, 64, 70, 71, 90, 93, 94, 95, 96)
_PUBLIC_WORDS = re.compile(
    r"(?:^|_)(?:amount|currency|country|stan|trace|mcc|processing|response_code|network_management)"
)
_CLOSED_WORDS: tuple[tuple[re.Pattern[str], Mask], ...] = tuple(
    (re.compile(rf"(?:^|_)(?:{words})(?:_|$)"), mask)
    for words, mask in (
        ("mac|message_authentication|key|keys|security|key_management", Mask.SECRET),
        ("pin|track|track_?[123]|cvv2?|cvc2?|csc|cavv|ucaf|aav|cryptogram|icc|emv|chip", Mask.SENSITIVE),
        ("account|iban|verification|pan|primary|certificate|token|password|card_?number", Mask.SENSITIVE),
        ("name|names|address|phone|email|e_mail|postal|birth|payee|cardholder|customer|url", Mask.PERSONAL),
    )
)
_ORDER = (Mask.PUBLIC, Mask.PAN, Mask.PERSONAL, Mask.SENSITIVE, Mask.SECRET)


class Note(NamedTuple):
    """Something that an importer guessed, or that the other format says and a dialect cannot."""

    path: str
    text: str


class Imported(NamedTuple):
    """A dialect made of a foreign specification, and everything that was not read off it."""

    dialect: Dialect
    notes: tuple[Note, ...]


class Heading(NamedTuple):
    """What a foreign specification says of messages as a whole; `page` is that of the message type, "" for bytes."""

    mti: Coding
    page: str
    bitmap: BitmapForm
    bitmaps: Bitmaps = Bitmaps.BY_BIT_1
    third: Third = Third.NONE


class Draft:
    """Notes and errors of one import, by their paths; errors end it, all at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Note] = []
        self.errors: list[Problem] = []
        self.version = "1987"  # whose table fills in what is left open
        # Composites of bytes with tags or bitmaps in characters: their code page can only be the dialect's.
        self.pages: dict[str, str] = {}
        self._names: Counter[str] = Counter()

    def note(self, path: str, text: str) -> None:
        """Say what was guessed or left out."""
        self.notes.append(Note(path, text))

    def wrong(self, path: str, problem: str) -> None:
        """Say what cannot be imported."""
        self.errors.append(Problem(path, problem))

    def stop_if_wrong(self) -> None:
        """Raise DialectError where something could not be imported."""
        if self.errors:
            raise DialectError(self.name, tuple(self.errors))

    def name_of(self, described: object, otherwise: str) -> str:
        """Make a name of the words that a foreign specification has for an element, another for each element.

        >>> Draft("x").name_of("Amount, transaction (n12)", "element_4")
        'amount_transaction_n12'
        """
        words = words_of(described, otherwise)
        self._names[words] += 1
        return words if self._names[words] == 1 else f"{words}_{self._names[words]}"


def is_number(key: str) -> bool:
    """Say whether a key is the number of an element in its one writing, of four digits at most.

    >>> is_number("55"), is_number("055"), is_number("9" * 5000)
    (True, False, False)
    """
    return _NUMBER.fullmatch(key) is not None


def words_of(described: object, otherwise: str) -> str:
    """Make a name of a description: its words in lower case, at most 40 characters."""
    words = re.sub(r"[^a-z0-9]+", "_", str(described or "").lower()).strip("_")[:40].strip("_")
    return words if words[:1].isalpha() else otherwise.lower()


def find_version(draft: Draft, lengths: Mapping[int, Iterable[int]]) -> None:
    """Take the version whose table the lengths agree with most; `lengths` are those that each element can mean."""
    agreeing = {
        version: sum(
            1 for number in _TELLING if number in lengths and number in rows and rows[number].length in lengths[number]
        )
        for version, rows in REFERENCES.items()
    }
    best = max(agreeing, key=lambda version: agreeing[version])
    asked = sum(1 for number in _TELLING if number in lengths)
    draft.note("version", f"{best} assumed: {agreeing[best]} of {asked} telling elements have its lengths")
    draft.version = best


def reference(draft: Draft, number: int, length: int) -> Element | None:
    """Give our row of an element where it has this length."""
    row = REFERENCES[draft.version].get(number)
    return row if row is not None and row.length == length else None


def data_class(draft: Draft, number: int, name: str, length: int) -> Mask:
    """Guess what may be shown of an element, and note it."""
    version = draft.version
    path, known = f"elements.{number}", REFERENCES[version].get(number)
    if known is None:
        mask, why = Mask.SENSITIVE, f"{version} has no such element"
    elif known.mask is Mask.PUBLIC and known.length != length:
        mask, why = Mask.SENSITIVE, f"the length differs from that of {version}"
    else:
        mask, why = known.mask, f"as in {version}"
    by_name = next((each for words, each in _CLOSED_WORDS if words.search(name)), Mask.PUBLIC)
    if number != 2 and mask is Mask.PUBLIC and by_name is not Mask.PUBLIC and not _PUBLIC_WORDS.search(name):
        mask, why = (mask, why) if known is not None and _alike(known.name, name) else (by_name, "by its name")
    draft.note(path, f"data class {mask}, {why}")
    return mask


def _alike(ours: str, theirs: str) -> bool:
    """Say whether two names of an element have a word in common that is long enough to mean something."""
    return bool({word for word in ours.split("_") if len(word) > 3} & set(theirs.split("_")))


def part_class(draft: Draft, path: str, key: str, name: str, *, ber: bool) -> Mask:
    """Guess what may be shown of a part: what EMV says of its tag, else nothing; and note it."""
    known = TAGS.get(key) if ber else None
    mask = Mask.SENSITIVE if known is None else known.mask
    by_name = next((each for words, each in _CLOSED_WORDS if words.search(name)), Mask.PUBLIC)
    mask = max(mask, by_name, key=_ORDER.index)
    draft.note(path, f"data class {mask}, " + ("nothing known of this part" if known is None else "as EMV has its tag"))
    return mask


def layout_of(draft: Draft, number: int, kind: Kind) -> Layout | None:
    """Give the layout that an element has by agreement of all networks: DE55 is BER-TLV."""
    if number != 55 or kind is not Kind.B:
        return None
    draft.note("elements.55.layout", "BER-TLV, as every network has it")
    return BerTlv()


def length_kind_of(length: int, digits: int) -> Length:
    """Give the length kind with at least so many digits that can say a length."""
    return next(kind for kind in Length if kind.value >= max(digits, len(str(length)), 1) or kind.value == 6)


# Tidying up.


def settle(draft: Draft, heading: Heading, rows: list[Element]) -> Imported:
    """Make a dialect of rows that state every axis; DialectError with everything that could not be imported."""
    draft.stop_if_wrong()
    rows = sorted(rows, key=lambda row: row.number)
    in_page = (row.page for row in rows if row.page and row.coding in {Coding.CHARACTERS, Coding.HEX})
    text = heading.page or _most(in_page, "ascii")
    for path, page in draft.pages.items():
        if page != text:
            draft.wrong(path, f"is in {page} and the message in {text}: within bytes that cannot be expressed")
    draft.stop_if_wrong()
    numbers = _most((row.coding for row in rows if row.kind in {Kind.N, Kind.XN} and row.coding), Coding.CHARACTERS)
    tracks = _most((row.coding for row in rows if row.kind is Kind.Z and row.coding), None)
    by_default = Coding.BCD_RIGHT if numbers in PACKED else Coding.CHARACTERS
    mti_by_default = Coding.BCD if numbers in PACKED else Coding.CHARACTERS
    form = _most((row.prefix.form for row in rows if row.prefix and row.prefix.form), None)
    form_by_default = PrefixForm.BCD if numbers in PACKED else PrefixForm.CHARACTERS
    dialect = Dialect(
        name=draft.name,
        version=draft.version,
        text=text,
        numbers=numbers,
        bitmap=heading.bitmap,
        bitmaps=heading.bitmaps,
        elements=(),
        lengths=Prefix(form=None if form is form_by_default else form),
        tracks=None if tracks is by_default else tracks,
        binary=_most((row.coding for row in rows if row.kind is Kind.B and row.coding), Coding.BINARY),
        mti=None if heading.mti is mti_by_default else heading.mti,
        third=heading.third,
    )
    tidy = tuple(_tidied_element(row, dialect) for row in rows)
    return Imported(dataclasses.replace(dialect, elements=tidy), tuple(draft.notes))


def _most(values: Iterable[Any], otherwise: Any) -> Any:
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else otherwise


def _tidied_element(row: Element, dialect: Dialect) -> Element:
    tidy: Element = _stripped(row, dialect, text=False)
    if row.layout is None:
        return tidy
    return dataclasses.replace(tidy, layout=_tidied_layout(row.layout, dialect, text=row.kind is not Kind.B))


def _tidied_layout(layout: Layout, dialect: Dialect, *, text: bool) -> Layout:
    if isinstance(layout, Datasets):
        sets = (Dataset(one.id, one.name, _tidied_layout(one.body, dialect, text=text)) for one in layout.sets)
        return dataclasses.replace(layout, sets=tuple(sets))
    parts = []
    for part in layout.parts:
        inner = part.layout and _tidied_layout(part.layout, dialect, text=part.kind is not Kind.B)
        has_own_length = isinstance(layout, Positional | BitmapParts)
        bare = _stripped(part if has_own_length else dataclasses.replace(part, prefix=None), dialect, text=text)
        # Bytes within bytes are as they are unless the part says so: what it says of them stays.
        coding = part.coding if part.kind is Kind.B and part.coding is Coding.HEX and not text else bare.coding
        prefix = bare.prefix if has_own_length else part.prefix
        parts.append(dataclasses.replace(bare, layout=inner, coding=coding, prefix=prefix))
    if isinstance(layout, Tagged):
        # A length behind a tag is settled as that of a part is, but counts bytes unless it says otherwise.
        like = Part("", "length", Kind.ANS, layout.length_kind, 9, Mask.PUBLIC, prefix=layout.length)
        length = _stripped(like, dialect, text=text).prefix or AS_ABOVE
        one_byte_each = {part.coding for part in layout.parts} <= {Coding.CHARACTERS, Coding.BINARY}
        counts = None if one_byte_each else layout.length.counts
        layout = dataclasses.replace(layout, length=dataclasses.replace(length, counts=counts))
    return dataclasses.replace(layout, parts=tuple(parts))


def _stripped(row: Any, dialect: Dialect, *, text: bool) -> Any:
    """Take out of a row what the dialect says anyway: whatever can go without another meaning on the wire."""
    wanted = _meaning(axes_of(row, dialect, text=text))
    candidates: list[dict[str, object]] = [{"coding": None}, {"page": None}, {"nibble": ""}, {"pad": None}]
    candidates.append({"prefix": None})
    for candidate in candidates:
        lighter = dataclasses.replace(row, **candidate)
        if _meaning(axes_of(lighter, dialect, text=text)) == wanted:
            row = lighter
    if row.prefix is None:
        return row
    for axis, nothing in (("form", None), ("counts", None), ("inclusive", None), ("page", None), ("size", 0)):
        lighter = dataclasses.replace(row, prefix=dataclasses.replace(row.prefix, **{axis: nothing}))
        if _meaning(axes_of(lighter, dialect, text=text)) == wanted:
            row = lighter
    return row


def _meaning(axes: Axes) -> Axes:
    """Give axes with everything levelled that makes no difference on the wire."""
    one_byte_each = axes.coding in {Coding.CHARACTERS, Coding.BINARY}
    if axes.coding is Coding.BINARY or (axes.packed and axes.kind is not Kind.XN):
        axes = axes._replace(page="")
    digits = axes.length - (axes.kind is Kind.XN)
    if not axes.packed or (axes.fixed and not digits & 1):
        axes = axes._replace(nibble="", coding=Coding.BCD if axes.packed else axes.coding)
    if axes.fixed:
        axes = axes._replace(form=PrefixForm.CHARACTERS, prefix_page="", counts=Counts.VALUE, inclusive=False)
    if axes.form is not PrefixForm.CHARACTERS:
        axes = axes._replace(prefix_page="")
    return axes._replace(counts=Counts.VALUE) if one_byte_each else axes
