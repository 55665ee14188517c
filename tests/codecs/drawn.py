"""Layouts of every kind, nested in each other, and what may stand in them, drawn by Hypothesis."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from twinrail.codecs.composites import Parts, opened
from twinrail.codecs.iso8583 import codec_for
from twinrail.schemas.iso8583.axes import FIXED, LLLLVAR, LLLVAR, LLVAR, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import (
    BerTlv,
    BitmapParts,
    Dataset,
    Datasets,
    Layout,
    Part,
    Pds,
    Positional,
    Tagged,
)

ASCII = codec_for("iso1987-ascii").dialect
BCD = codec_for("iso1987-bcd").dialect
DIALECTS = (ASCII, BCD, ASCII.but("ebcdic", text="cp500"), BCD.but("ebcdic-bcd", text="cp1047"))
NUMBER = 48
_ALPHABETS = {
    Kind.N: "0123456789",
    Kind.AN: "01ABYZabyz",
    Kind.ANS: " 0Az~.[]=",
    Kind.XN: "0123456789",
    Kind.Z: "0123456789",
}


class Case(NamedTuple):
    """A layout with a value for it: `items` are keys with a leaf value, or with the items of what is inside."""

    dialect: Dialect
    row: Element
    items: list[tuple[str, Any]]

    @property
    def empty(self) -> Parts:
        return opened(self.dialect, self.row, b"" if self.row.kind is Kind.B else "")

    def built(self) -> Parts:
        """The value, put together part by part."""
        return filled(self.empty, self.items)


def filled(parts: Parts, items: list[tuple[str, Any]]) -> Parts:
    for key, value in items:
        inner = filled(parts.inside_new(key), value).value() if isinstance(value, list) else value
        parts = parts.insert(key, inner)
    return parts


def read(parts: Parts) -> list[tuple[str, Any]]:
    """What `filled` was given, read back."""
    return [
        (piece.key, parts.value_of(piece) if piece.layout is None else read(parts.inside(piece)))
        for piece in parts.pieces
    ]


@st.composite
def leaves(draw: st.DrawFn, key: str) -> Part:
    kind = draw(st.sampled_from([Kind.N, Kind.AN, Kind.ANS, Kind.B, Kind.XN]))
    length_kind = draw(st.sampled_from([FIXED, LLVAR]))
    # F fills an odd number of digits, since a 0 cannot be told from a digit where only bytes are counted.
    return Part(key, f"part_{key}", kind, length_kind, draw(st.integers(2, 9)), Mask.PUBLIC, nibble="F")


def values(part: Part) -> st.SearchStrategy[str | bytes]:
    least = part.length if part.length_kind is FIXED else 0
    if part.kind is Kind.B:
        return st.binary(min_size=least, max_size=part.length)
    text = st.text(_ALPHABETS[part.kind], min_size=max(least, 2), max_size=part.length)
    return text.map(lambda digits: "D" + digits[1:]) if part.kind is Kind.XN else text


@st.composite
def parts_of(draw: st.DrawFn, key: str, depth: int, *, text: bool) -> Part:
    """A leaf, or a part that is made of parts in turn."""
    if depth == 0 or draw(st.integers(0, 3)):
        return draw(leaves(key))
    as_text = text or draw(st.booleans())
    kind = Kind.ANS if as_text else Kind.B
    layout = draw(layouts(depth - 1, text=as_text))
    return Part(key, f"part_{key}", kind, LLLVAR, 999, Mask.SENSITIVE, layout)


@st.composite
def layouts(draw: st.DrawFn, depth: int, *, text: bool) -> Layout:
    kinds = ["positional", "groups", "tagged", "pds", "bitmap", *([] if text else ["ber", "datasets"])]
    kind = draw(st.sampled_from(kinds))
    if kind == "groups":
        return Positional(
            tuple(draw(leaves(str(number))) for number in range(1, draw(st.integers(2, 4)))), repeats=True
        )
    if kind == "datasets":
        ids = draw(st.sets(st.sampled_from(["01", "68", "FE"]), max_size=2))
        bodies = [draw(layouts(max(depth - 1, 0), text=False)) for _ in ids]
        return Datasets(tuple(Dataset(key, "set", body) for key, body in zip(sorted(ids), bodies, strict=True)))
    count = draw(st.integers(1, 4))
    if kind in {"positional", "bitmap"}:
        keys = [str(number) for number in range(1, count + 1)]
    elif kind == "pds":
        keys = [f"{number:04d}" for number in range(count)]
    else:
        keys = (["DF01", "9F02", "C1", "DF8129"] if kind == "ber" else ["01", "23", "46", "99"])[:count]
    parts = tuple(draw(parts_of(key, depth, text=text)) for key in keys)
    if kind == "positional":
        return Positional(parts)
    if kind == "pds":
        return Pds(parts, over=())
    if kind == "ber":
        return BerTlv(parts)
    if kind == "bitmap":
        return BitmapParts(parts, octets=draw(st.integers(1, 3)), binary=not text and draw(st.booleans()))
    tag = Coding.CHARACTERS if text else draw(st.sampled_from([Coding.CHARACTERS, Coding.BCD, Coding.BINARY]))
    category = tag is Coding.CHARACTERS and draw(st.booleans())
    return Tagged(parts, length_kind=draw(st.sampled_from([LLLVAR, LLLLVAR])), tag=tag, category=category)


@st.composite
def contents(draw: st.DrawFn, layout: Layout, *, text: bool) -> list[tuple[str, Any]]:
    """Parts in an order that the layout allows, with repeated and unknown tags where it does."""
    if isinstance(layout, Positional) and layout.repeats:
        group = Positional(layout.parts)
        whole = [(part.key, draw(values(part))) for part in layout.parts]
        count = draw(st.integers(0, 2))
        last = draw(contents(group, text=text))
        groups = [*(whole for _ in range(count)), *([last] if last else [])]
        return [(str(number), each) for number, each in enumerate(groups, start=1)]
    if isinstance(layout, Datasets):
        known = {each.id: each.body for each in layout.sets}
        chosen = draw(st.lists(st.sampled_from([*known, "77"]), max_size=3))
        return [
            (key, draw(contents(known[key], text=False)) if key in known else draw(st.binary(max_size=5)))
            for key in chosen
        ]
    rows = {part.key: part for part in layout.parts}
    if isinstance(layout, Positional):
        chosen = list(rows)[: draw(st.integers(0, len(rows)))]
    elif isinstance(layout, BitmapParts):
        chosen = sorted(draw(st.sets(st.sampled_from(list(rows)))), key=int)
    else:
        strange = {"ber": "DF7F", "pds": "7777", "tagged": "77"}[type(layout).__name__.removesuffix("Tlv").lower()]
        chosen = draw(st.lists(st.sampled_from([*rows, strange]), max_size=4))
    lead: list[tuple[str, Any]] = []
    if isinstance(layout, Tagged) and layout.category and chosen:
        lead = [("category", draw(st.sampled_from("RTZ")))]
    return lead + [(key, draw(_content(rows.get(key), text=text))) for key in chosen]


def _content(part: Part | None, *, text: bool) -> st.SearchStrategy[Any]:
    if part is None:
        return st.text("09Az =", max_size=9) if text else st.binary(max_size=9)
    if part.layout is not None:
        return contents(part.layout, text=part.kind is not Kind.B)
    return values(part)


@st.composite
def cases(draw: st.DrawFn, depth: int = 2) -> Case:
    text = draw(st.booleans())
    layout = draw(layouts(depth, text=text))
    kind = Kind.ANS if text else Kind.B
    row = Element(NUMBER, "composite", kind, LLLVAR, 999, Mask.SENSITIVE, layout)
    return Case(draw(st.sampled_from(DIALECTS)), row, draw(contents(layout, text=text)))
