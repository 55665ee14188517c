"""What a dialect is refused and doubted for, and that what passes can carry what it declares."""

import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twinrail.codecs.dialect_check import DialectError, Severity, problems, verify
from twinrail.codecs.dialect_check_layout import DEPTH_MAX, is_ber_tag
from twinrail.codecs.dialect_check_rows import capacity
from twinrail.codecs.leaf import Leaf, axes_of
from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import (
    FIXED,
    LLLVAR,
    LLVAR,
    LVAR,
    Coding,
    Counts,
    Kind,
    Length,
    Mask,
    Pad,
    Prefix,
    PrefixForm,
)
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect, Element, Third
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

GOOD = iso1987.DIALECT
ONE = {Kind.XN: "C", Kind.A: "A", Kind.S: "-", Kind.AS: "A"}
codings, lengths = st.sampled_from([None, *Coding]), st.sampled_from(Length)
prefixes = st.builds(
    Prefix,
    form=st.sampled_from([None, *PrefixForm]),
    counts=st.sampled_from([None, *Counts]),
    inclusive=st.sampled_from([None, True, False]),
    page=st.sampled_from([None, "cp500", "cp1047"]),
    size=st.integers(0, 6),
)
rows = st.builds(
    Element,
    number=st.just(60),
    name=st.just("private"),
    kind=st.sampled_from(Kind),
    length_kind=lengths,
    length=st.integers(1, 300),
    mask=st.just(Mask.SENSITIVE),
    coding=codings,
    page=st.sampled_from([None, "cp037", "ascii"]),
    nibble=st.sampled_from(["", "0", "F"]),
    prefix=st.none() | prefixes,
    pad=st.none() | st.builds(Pad, st.sampled_from(["", "0", " ", "F"]), left=st.booleans()),
    least=st.integers(0, 5),
)


def errors(dialect: Dialect) -> list[str]:
    return [str(one) for one in problems(dialect) if one.severity is Severity.ERROR]


def largest(row: Element) -> str | bytes:
    if row.kind is Kind.B:
        return b"\x5a" * row.length
    return ONE.get(row.kind, "1") + (ONE.get(row.kind, "1") if row.kind is not Kind.XN else "1") * (row.length - 1)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_every_dialect_that_is_built_in_is_without_a_problem(dialect: Dialect) -> None:
    assert problems(dialect) == []


@given(row=rows, base=st.sampled_from([GOOD, DIALECTS["iso1987-bcd"], DIALECTS["iso1987-ebcdic"]]), lengths=prefixes)
def test_a_row_that_passes_carries_its_largest_value(row: Element, base: Dialect, lengths: Prefix) -> None:
    dialect = base.but("other", elements=(row,), lengths=lengths)
    assume(not [one for one in problems(dialect) if "60" in one.path and one.severity is Severity.ERROR])
    leaf = Leaf("60", 60, axes_of(row, dialect))
    wire = leaf.write(largest(row))
    # Whether the last digit is fill shows in no count of bytes; everything else comes back as it was.
    if leaf.axes.packed and leaf.axes.counts is Counts.BYTES and leaf.axes.nibble == "0":
        assert leaf.read(wire, 0)[1] == len(wire)
    else:
        assert leaf.read(wire, 0) == (largest(row), len(wire))


def element(**changes: object) -> Element:
    row = Element(60, "private_60", Kind.ANS, LLLVAR, 999, Mask.PERSONAL)
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]  # keywords of a row


def part(key: str, **changes: object) -> Part:
    row = Part(key, f"part_{key.lower()}", Kind.ANS, LLVAR, 10, Mask.SENSITIVE)
    return dataclasses.replace(row, **changes)  # type: ignore[arg-type]  # likewise


BYTES = {"kind": Kind.B, "mask": Mask.SENSITIVE}
REFUSED_ROWS: list[tuple[Element, str]] = [
    (element(number=1), "elements.1: elements are numbered from 2"),
    (element(number=193), "elements.193: elements are numbered from 2"),
    (element(number=130), "elements.130: beyond 128 needs third"),
    (element(number=65), "elements.65: element 65 is data only where"),
    (element(name="Private"), "elements.60.name: must be lower-case"),
    (element(length=0), "elements.60.length: must be at least 1"),
    (element(kind=Kind.XN, length=1), "elements.60.length: must be at least 2"),
    (element(length=1_000_000), "elements.60.length: must be at most 999999"),
    (element(length_kind=LLVAR, length=100), "elements.60.length: does not fit into its prefix: 2 characters"),
    (element(prefix=Prefix(form=PrefixForm.BINARY, size=1), length=256), "elements.60.length: does not fit"),
    (element(prefix=Prefix(inclusive=True), length=997), "elements.60.length: does not fit"),
    (element(least=1000), "elements.60.least: must lie between"),
    (element(length_kind=FIXED, least=1), "elements.60.least: a fixed length has no least"),
    (element(kind=Kind.AN, coding=Coding.BCD), "elements.60.coding: an cannot be bcd; can be characters"),
    (element(coding=Coding.HEX), "elements.60.coding: ans cannot be hex"),
    (element(kind=Kind.B, coding=Coding.BCD), "elements.60.coding: b cannot be bcd"),
    (element(page="cp9999"), "elements.60.page: the code page is not known"),
    (element(prefix=Prefix(page="utf-16")), "elements.60.prefix.page: the code page is not one byte"),
    (element(prefix=Prefix(size=7)), "elements.60.prefix.size: must lie between"),
    (element(kind=Kind.N, coding=Coding.BCD, nibble="7"), 'elements.60.nibble: must be "0" or "F"'),
    (element(pad=Pad("ab")), "elements.60.pad.character: must be one character"),
    (element(kind=Kind.N, pad=Pad(" ")), "elements.60.pad.character: n does not allow it"),
    (element(kind=Kind.XN, pad=Pad("0", left=True)), "elements.60.pad.left: would stand before the sign"),
    (element(number=2, mask=Mask.PUBLIC), "elements.2.mask: element 2 is the card number"),
    (element(number=35, mask=Mask.PAN), "elements.35.mask: element 35 holds card, PIN or key data"),
    *((element(number=number, mask=Mask.PUBLIC), f"elements.{number}.mask: ") for number in (36, 45, 52, 55, 64, 128)),
]
NESTED: Layout = Positional((part("1", length_kind=FIXED, length=1),))
for _ in range(DEPTH_MAX):
    NESTED = Positional((part("1", length_kind=FIXED, length=1, layout=NESTED),))
OVER_62 = Pds((part("0023"),), (60, 62))
REFUSED_LAYOUTS: list[tuple[Element, str]] = [
    (element(layout=Positional(())), "layout.parts: a positional composite has at least one part"),
    (element(layout=Positional((part("1"), part("1")))), "layout.parts.1: stated twice"),
    (element(length=5, layout=Positional((part("1", length_kind=FIXED, length=6),))), "layout.parts.1: ends at 6"),
    (element(layout=Positional((part("1"),), repeats=True)), "layout.parts.1.length_kind: must be fixed"),
    (
        element(layout=Positional((part("1", kind=Kind.N, coding=Coding.BCD),))),
        "coding: n cannot be bcd in a composite",
    ),
    (element(layout=Positional((part("1", kind=Kind.B, coding=Coding.BINARY),))), "b cannot be binary in a composite"),
    (element(layout=Positional((part("1", prefix=Prefix(PrefixForm.BCD)),))), "prefix.form: must be characters"),
    (element(length=10, layout=NESTED), "layouts lie within each other 8 deep"),
    (element(layout=Tagged((part("1"),))), "layout.parts.1: the key has 1 characters, a tag 2"),
    (element(layout=Tagged((part("12", length=100),))), "layout.parts.12.length: 100 does not fit"),
    (element(layout=Tagged((), length_kind=FIXED)), "layout.length_kind: a tag is followed by a length"),
    (element(layout=Tagged((), tag_digits=0)), "layout.tag_digits: must lie between"),
    (element(layout=Tagged((), tag=Coding.BCD)), "layout.tag: must be characters"),
    (
        element(**BYTES, layout=Tagged((part("AB"),), tag=Coding.BCD)),
        "layout.parts.AB: the key holds what a tag in bcd",
    ),
    (element(**BYTES, layout=Tagged((part("G1"),), tag=Coding.BINARY)), "parts.G1: the key holds what a tag in binary"),
    (element(layout=Positional((part("a.b"),))), "layout.parts.a.b: no path can name this key"),
    (element(layout=Tagged((part("+1"),))), "layout.parts.+1: the key holds what a tag in characters cannot"),
    (element(**BYTES, layout=Tagged((), tag=Coding.HEX)), "layout.tag: can be characters, bcd, bcd_right or binary"),
    (
        element(layout=Tagged((part("12", length=100, prefix=Prefix(counts=Counts.BYTES)),))),
        "layout.parts.12.length: does not fit into its prefix",
    ),
    (element(layout=Tagged((part("category"),))), "layout.parts.category: category is the key of"),
    (element(layout=BerTlv()), "layout: BER-TLV is bytes"),
    (element(**BYTES, layout=BerTlv((part("9F"),))), "layout.parts.9F: is not a BER-TLV tag"),
    (element(**BYTES, layout=BerTlv((part("5A", mask=Mask.PUBLIC),))), "parts.5A.mask: tag 5A is the card number"),
    (element(layout=Pds((part("23"),), (60,))), "layout.parts.23: the key of a private data subelement is four"),
    (element(layout=Pds((), (61,))), "layout.over: must name element 60 itself"),
    (element(layout=Pds((), (60, 191))), "layout.over: element 191 has no row"),
    (element(layout=OVER_62), "layout.over: element 62 must have the same layout"),
    (element(layout=Positional((part("1", layout=Pds((), (60,))),))), "private data subelements lie in elements"),
    (element(layout=BitmapParts(())), "layout.binary: a bitmap of bytes needs an element of kind b"),
    (element(**BYTES, layout=BitmapParts((part("65"),))), "layout.parts.65: the key is the number of a bit, 1 to 64"),
    (element(**BYTES, length=7, layout=BitmapParts(())), "layout.octets: the bitmap alone is longer"),
    (element(layout=Datasets(())), "layout: datasets are bytes"),
    (element(**BYTES, layout=Datasets((Dataset("1", "one", BerTlv()),))), "layout.sets.1: the key of a dataset"),
    (element(**BYTES, layout=Datasets((Dataset("01", "one", Datasets(())),))), "sets.01.body: a dataset holds no"),
    (
        element(**BYTES, layout=Datasets((Dataset("01", "one", BerTlv((part("9F"),))),))),
        "layout.sets.01.body.parts.9F: is not a BER-TLV tag",
    ),
]


@pytest.mark.parametrize(("row", "problem"), REFUSED_ROWS + REFUSED_LAYOUTS, ids=lambda each: str(each)[:60])
def test_what_is_refused(row: Element, problem: str) -> None:
    found = errors(GOOD.but("other", elements=(row,)))
    assert any(problem in one for one in found), found
    with pytest.raises(DialectError, match="dialect other"):
        verify(GOOD.but("other", elements=(row,)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": "1999"}, "version: must be 1987 or 1993 or 2003"),
        ({"text": "utf-16"}, "text: the code page is not one byte"),
        ({"numbers": Coding.HEX}, "numbers: cannot be hex"),
        ({"tracks": Coding.BINARY}, "tracks: cannot be binary"),
        ({"binary": Coding.BCD}, "binary: cannot be bcd"),
        ({"mti": Coding.BINARY}, "mti: cannot be binary; can be bcd, characters"),
        ({"third": Third.DATA}, 'third: third = "data" needs a row for element 65'),
        ({"lengths": Prefix(size=9)}, "lengths.size: must lie between 0 and 6"),
    ],
)
def test_axes_that_are_refused(changes: dict[str, Any], problem: str) -> None:
    assert any(one.startswith(problem) for one in errors(GOOD.but("other", **changes)))


@pytest.mark.parametrize("name", ["", "North Bank", "-x", "x" * 65, "é"])
def test_names_that_are_refused(name: str) -> None:
    assert any(one.startswith("name: ") for one in errors(GOOD.but(name)))


@pytest.mark.parametrize(
    ("row", "doubt"),
    [
        (element(name="stan"), "2 elements are called stan"),
        (element(mask=Mask.PUBLIC), "public, and networks carry free text"),
        (element(number=53, mask=Mask.PUBLIC), "public, and networks carry security data here"),
        (element(number=5, name="track2_data", mask=Mask.PUBLIC), "public, and it is called track2_data"),
        (element(length_kind=FIXED, prefix=Prefix(size=2)), "has no effect: the length is fixed"),
        (element(kind=Kind.B, page="cp500"), "has no effect on binary"),
        (element(nibble="F"), "has no effect on characters"),
        (element(**BYTES, layout=BerTlv((part("DF01", prefix=Prefix(size=2)),))), "the length belongs to the tag"),
        (
            element(length=25, layout=Positional((part("1", length_kind=FIXED, length=10),), repeats=True)),
            "is no multiple of the group of 10",
        ),
    ],
)
def test_what_is_doubted_loads(row: Element, doubt: str) -> None:
    dialect = GOOD.but("other", elements=(row,))
    verify(dialect)
    assert any(doubt in one.problem and one.severity is Severity.WARNING for one in problems(dialect))


def test_axes_that_are_doubted() -> None:
    beyond = GOOD.but("other", third=Third.CONTIGUOUS, bitmap=BitmapForm.HEX_EBCDIC)
    assert [one.path for one in problems(beyond)] == ["bitmap", "third"]
    assert not errors(beyond.but("third", elements=(element(number=130),)))


def test_an_element_stated_twice_is_refused() -> None:
    twice = dataclasses.replace(GOOD, elements=(*GOOD.elements, element()))
    assert "elements.60: stated twice" in errors(twice)
    assert "elements: a dialect has at least one element" in errors(dataclasses.replace(GOOD, elements=()))


def test_private_data_over_elements_that_share_it_is_good() -> None:
    assert not errors(GOOD.but("other", elements=(element(layout=OVER_62), element(number=62, layout=OVER_62))))


def test_the_error_says_three_and_counts_the_rest() -> None:
    bad = GOOD.but("other", elements=tuple(element(number=number, length=0) for number in (3, 4, 5, 6)))
    with pytest.raises(DialectError) as caught:
        verify(bad)
    assert str(caught.value).startswith("dialect other: elements.3.length: ")
    assert str(caught.value).endswith("and 1 more")
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own object
    assert copy.problems == caught.value.problems


@given(st.sampled_from(PrefixForm), st.integers(1, 6), st.integers(1, 6))
def test_a_capacity_is_a_count_that_fits_and_no_more(form: PrefixForm, size: int, digits: int) -> None:
    largest = capacity(form, size, digits)
    if form is PrefixForm.BINARY:
        assert largest.bit_length() == 8 * size
    else:
        assert set(str(largest)) == {"9"}
        assert len(str(largest)) <= (2 * size if form is PrefixForm.BCD else size)


def test_tags() -> None:
    good = {"82", "9F02", "5F2A", "DF8129", "FF01", "BF0C"}
    bad = {"", "9F", "9f02", "00", "FF", "8282", "9F8282", "DF81", "1", "GG", "DF81818101"}
    assert {tag for tag in good | bad if is_ber_tag(tag)} == good


def test_a_length_of_one_digit_holds_nine() -> None:
    assert not errors(GOOD.but("other", elements=(element(length_kind=LVAR, length=9),)))
    assert errors(GOOD.but("other", elements=(element(length_kind=LVAR, length=10),)))
