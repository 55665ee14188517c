"""One value on the wire: every axis by an example of its own, then all of them drawn at random."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.iso8583 import codec_for
from twinrail.codecs.leaf import Leaf, axes_of
from twinrail.codecs.repertoire import ALLOWED, ascii_tables
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import (
    FIXED,
    LLLLLLVAR,
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
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.layouts import Part

ASCII = codec_for("iso1987-ascii").dialect
BCD = codec_for("iso1987-bcd").dialect
EBCDIC = ASCII.but("ebcdic", text="cp1047")
BINARY_LENGTHS = BCD.but("binary-lengths", text="cp037", lengths=Prefix(form=PrefixForm.BINARY))


def part(kind: Kind, length_kind: Length, length: int, **axes: object) -> Part:
    return Part("1", "value", kind, length_kind, length, Mask.PUBLIC, **axes)  # type: ignore[arg-type]  # keywords pass through


def leaf(row: Part, dialect: Dialect, *, text: bool = False) -> Leaf:
    return Leaf("1", 1, axes_of(row, dialect, text=text))


VECTORS: list[tuple[str, Part, Dialect, str | bytes, str]] = [
    ("text", part(Kind.ANS, FIXED, 4), ASCII, "AB 1", "41422031"),
    ("text in EBCDIC", part(Kind.ANS, FIXED, 4), EBCDIC, "[1]^", "adf1bd5f"),
    ("text of another page", part(Kind.ANS, LLVAR, 9, page="cp037"), ASCII, "[1]", "3033baf1bb"),
    ("prefix of another page", part(Kind.AN, LLVAR, 9, prefix=Prefix(page="cp500")), ASCII, "AB", "f0f24142"),
    ("packed, even", part(Kind.N, FIXED, 4), BCD, "1234", "1234"),
    ("packed, odd, fill in front", part(Kind.N, FIXED, 3), BCD, "978", "0978"),
    ("packed, odd, fill behind", part(Kind.N, FIXED, 3, coding=Coding.BCD_RIGHT), BCD, "978", "9780"),
    (
        "packed, odd, F behind",
        part(Kind.N, LLVAR, 19, coding=Coding.BCD_RIGHT, nibble="F"),
        BCD,
        "411111111111111",
        "15411111111111111f",
    ),
    ("packed, odd, F in front", part(Kind.N, FIXED, 3, nibble="F"), BCD, "978", "f978"),
    ("packed track", part(Kind.Z, LLVAR, 37), BCD, "4111D29", "074111d29f"),
    ("signed amount", part(Kind.XN, FIXED, 9), ASCII, "D00000050", "443030303030303530"),
    ("signed amount, packed", part(Kind.XN, FIXED, 9), BCD, "D00000050", "4400000050"),
    ("signed amount, packed, EBCDIC", part(Kind.XN, FIXED, 9), BCD.but("e", text="cp037"), "C00000050", "c300000050"),
    ("bytes", part(Kind.B, FIXED, 3), ASCII, b"\x01\xff\x00", "01ff00"),
    ("bytes as hex", part(Kind.B, FIXED, 2, coding=Coding.HEX), ASCII, b"\x0a\xf0", "30414630"),
    ("bytes as hex in EBCDIC", part(Kind.B, FIXED, 2, coding=Coding.HEX), EBCDIC, b"\x0a\xf0", "f0c1c6f0"),
    ("one digit of length", part(Kind.AN, LVAR, 9), ASCII, "AB", "324142"),
    ("six digits of length", part(Kind.AN, LLLLLLVAR, 999_999), ASCII, "AB", "3030303030324142"),
    ("length in BCD", part(Kind.AN, LLLVAR, 255), BCD, "AB", "00024142"),
    ("length in binary, digits", part(Kind.N, LLVAR, 11), BINARY_LENGTHS, "123", "030123"),
    ("length in binary, two bytes", part(Kind.B, LLLVAR, 999), BINARY_LENGTHS, b"\x01\x02", "00020102"),
    (
        "bytes are counted",
        part(Kind.N, LLVAR, 11, prefix=Prefix(size=2, counts=Counts.BYTES)),
        BCD,
        "123456",
        "0003123456",
    ),
    (
        "bytes of hex digits are counted",
        part(Kind.B, LLVAR, 20, coding=Coding.HEX, prefix=Prefix(counts=Counts.BYTES)),
        ASCII,
        b"\x9f\x02",
        "303439463032",
    ),
    ("the length counts itself", part(Kind.AN, LLVAR, 9, prefix=Prefix(inclusive=True)), ASCII, "AB", "30344142"),
    ("nothing, with its length", part(Kind.ANS, LLVAR, 9), ASCII, "", "3030"),
    ("nothing, counting itself", part(Kind.N, LLVAR, 9, prefix=Prefix(inclusive=True)), BCD, "", "01"),
]


@pytest.mark.parametrize(
    ("row", "dialect", "value", "wire"), [v[1:] for v in VECTORS], ids=[v[0].replace(" ", "-") for v in VECTORS]
)
def test_every_axis_by_an_example(row: Part, dialect: Dialect, value: str | bytes, wire: str) -> None:
    data = bytes.fromhex(wire)
    one = leaf(row, dialect)
    assert one.write(value).hex() == wire
    assert one.read(data, 0) == (value, len(data))
    assert one.read(b"\x99" + data + b"\x99", 1) == (value, len(data) + 1)
    for end in range(len(data)):
        with pytest.raises(DecodeError) as caught:
            one.read(data[:end], 0)
        assert (caught.value.path, caught.value.element, caught.value.offset) == ("1", 1, 0)


@pytest.mark.parametrize(
    ("row", "dialect", "value", "wire"),
    [
        (part(Kind.N, FIXED, 6), ASCII, "42", b"000042"),
        (part(Kind.N, FIXED, 6), BCD, "42", b"\x00\x00\x42"),
        (part(Kind.ANS, FIXED, 4), ASCII, "A", b"A   "),
        (part(Kind.ANS, FIXED, 4), EBCDIC, "A", b"\xc1\x40\x40\x40"),
        (part(Kind.AN, FIXED, 4, pad=Pad("0", left=True)), ASCII, "A", b"000A"),
        (part(Kind.AN, LLVAR, 9, pad=Pad("0"), least=4), ASCII, "A", b"04A000"),
        (part(Kind.B, FIXED, 3, pad=Pad("\0")), ASCII, b"\x07", b"\x07\0\0"),
    ],
)
def test_what_is_short_is_filled_when_it_is_written_and_kept_when_it_is_read(
    row: Part, dialect: Dialect, value: str | bytes, wire: bytes
) -> None:
    one = leaf(row, dialect)
    assert one.write(value) == wire
    filled, _ = one.read(wire, 0)
    assert one.write(filled) == wire
    assert len(filled) == max(row.least, row.length if row.length_kind is FIXED else 0)


@pytest.mark.parametrize(
    ("row", "dialect", "value"),
    [
        (part(Kind.B, FIXED, 3), ASCII, b"\x07"),  # a short PIN block is no PIN block
        (part(Kind.XN, FIXED, 9), ASCII, "C1"),
        (part(Kind.N, LLVAR, 9, least=4), ASCII, "123"),
        (part(Kind.N, FIXED, 3), ASCII, "1234"),
        (part(Kind.N, LLVAR, 3), ASCII, "1234"),
        (part(Kind.N, FIXED, 3), ASCII, "1 4"),
        (part(Kind.N, FIXED, 1), ASCII, "²"),
        (part(Kind.N, FIXED, 1), ASCII, 1),
        (part(Kind.B, FIXED, 1), ASCII, "1"),
        (part(Kind.Z, LLVAR, 9), BCD, "41;11"),
        (part(Kind.S, LLVAR, 9), ASCII, "A"),
        (part(Kind.AS, LLVAR, 9), ASCII, "1"),
        (part(Kind.NS, LLVAR, 9), ASCII, "A"),
        (part(Kind.ANP, LLVAR, 9), ASCII, "A-1"),
    ],
)
def test_what_an_axis_cannot_carry_is_refused(row: Part, dialect: Dialect, value: object) -> None:
    with pytest.raises(EncodeError) as caught:
        leaf(row, dialect).write(value)
    assert caught.value.path == "1"
    assert str(value) not in str(caught.value).replace("1:", "")


@pytest.mark.parametrize(
    ("row", "dialect", "wire", "problem", "offset"),
    [
        (part(Kind.N, LLVAR, 9), ASCII, b" 2" + b"12", "length is not digits", 0),
        (part(Kind.N, LLVAR, 9), ASCII, b"\xf0\xf2" + b"12", "length is not digits", 0),
        (part(Kind.N, LLVAR, 9), BCD, b"\x0f" + b"\x12" * 8, "length is not digits", 0),
        (part(Kind.N, LLVAR, 9), ASCII, b"10" + b"1" * 10, "length above the maximum", 0),
        (part(Kind.N, LLVAR, 9, least=3), ASCII, b"02" + b"11", "length below the minimum", 0),
        (part(Kind.AN, LLVAR, 9, prefix=Prefix(inclusive=True)), ASCII, b"01A", "length that cannot be", 0),
        (
            part(Kind.B, LLVAR, 9, coding=Coding.HEX, prefix=Prefix(counts=Counts.BYTES)),
            ASCII,
            b"03ABC",
            "length that cannot be",
            0,
        ),
        (part(Kind.N, FIXED, 3), BCD, b"\x19\x78", "wrong fill of an odd number of digits", 0),
        (part(Kind.Z, LLVAR, 9), BCD, b"\x03\x41\x10", "wrong fill of an odd number of digits", 2),
        (part(Kind.N, FIXED, 4), BCD, b"\x12\x3a", "holds a character that the kind does not allow", 1),
        (part(Kind.XN, FIXED, 3), BCD, b"E\x12", "holds a character that the kind does not allow", 0),
        (part(Kind.B, FIXED, 2, coding=Coding.HEX), ASCII, b"12G4", "not a hex digit", 2),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(
    row: Part, dialect: Dialect, wire: bytes, problem: str, offset: int
) -> None:
    with pytest.raises(DecodeError) as caught:
        leaf(row, dialect).read(wire, 0)
    assert (caught.value.problem, caught.value.offset) == (problem, offset)


def test_hex_digits_in_lower_case_are_read_and_said_not_to_be_as_written() -> None:
    one = leaf(part(Kind.B, FIXED, 2, coding=Coding.HEX), ASCII)
    span = one.span(b"0aF0", 0)
    assert one.value(b"0aF0", span) == b"\x0a\xf0"
    assert not one.canonical(b"0aF0", span)
    assert one.canonical(b"0AF0", span)
    with pytest.raises(DecodeError):
        one.read_written(b"0aF0", 0)


def test_digits_that_fill_their_bytes_lose_no_zero_where_only_bytes_are_counted() -> None:
    """Fill of 0 and a first digit of 0 look alike: what stood there is kept, unless there is a digit too many."""
    one = leaf(part(Kind.N, LLVAR, 5, prefix=Prefix(counts=Counts.BYTES)), BCD)
    assert one.read(b"\x02\x01\x23", 0) == ("0123", 3)
    assert one.read(b"\x03\x01\x23\x45", 0) == ("12345", 4)
    assert one.write("12345") == b"\x03\x01\x23\x45"
    with pytest.raises(DecodeError):
        one.read(b"\x03\x11\x23\x45", 0)


def test_fill_does_not_make_a_value_long_enough() -> None:
    row = part(Kind.N, LLVAR, 11, nibble="F", least=2, prefix=Prefix(counts=Counts.BYTES))
    assert leaf(row, BCD).read(b"\x02\xf5\x12", 0) == ("512", 3)
    with pytest.raises(DecodeError) as caught:
        leaf(row, BCD).read(b"\x01\xf5", 0)
    assert (caught.value.problem, caught.value.offset) == ("length below the minimum", 0)


def test_parts_of_text_are_characters_whatever_the_dialect_packs() -> None:
    assert leaf(part(Kind.N, LLVAR, 9), BINARY_LENGTHS, text=True).write("12") == b"0212"
    assert leaf(part(Kind.B, FIXED, 2), BINARY_LENGTHS, text=True).write(b"\x01\xff") == b"01FF"


@given(st.sampled_from(["cp037", "cp500", "cp1047", "cp1140"]), st.text("".join(map(chr, sorted(ALLOWED[Kind.ANS])))))
def test_a_code_page_carries_all_printable_characters_and_brings_them_back(page: str, text: str) -> None:
    tables = ascii_tables(page)
    assert tables is not None
    wire = text.encode().translate(tables[1])
    assert wire.translate(tables[0]).decode() == text
    if page != "cp1047":
        assert wire == text.encode(page)
