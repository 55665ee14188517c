"""Positional parts, groups and parts with a bitmap: vectors by hand, in text and in bytes, and what spoils them."""

import pytest

from twinrail.codecs.composites import Parts, opened
from twinrail.codecs.forms import wholly_open
from twinrail.codecs.iso8583 import codec_for
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583 import iso1987
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Coding, Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import BitmapParts, Layout, Part, Positional

ASCII = codec_for("iso1987-ascii").dialect
EBCDIC_BCD = codec_for("iso1987-bcd").dialect.but("ebcdic-bcd", text="cp500")
THREE = (
    Part("1", "name", Kind.ANS, FIXED, 4, Mask.PERSONAL),
    Part("2", "fee", Kind.XN, FIXED, 4, Mask.PUBLIC),
    Part("3", "count", Kind.N, LLVAR, 5, Mask.PUBLIC),
)


def open_(layout: Layout, value: str | bytes, dialect: Dialect = ASCII) -> Parts:
    kind = Kind.B if isinstance(value, bytes) else Kind.ANS
    return opened(dialect, Element(60, "private", kind, LLLVAR, 999, Mask.SENSITIVE, layout), value)


def keyed(parts: Parts) -> dict[str, str | bytes]:
    return {item.key: item.value for item in parts.items()}


def test_positional_text() -> None:
    parts = open_(Positional(THREE), "AB  " + "D123" + "0242")
    assert keyed(parts) == {"1": "AB  ", "2": "D123", "3": "42"}
    assert parts.replace("3", "12345").value() == "AB  D1230512345"
    assert open_(Positional(THREE), "").insert("1", "A").insert("2", "C001").value() == "A   C001"


def test_positional_bytes_are_carried_as_the_dialect_says() -> None:
    wire = "AB~ ".encode("cp500") + b"\xc4\x01\x23" + b"\x03\x01\x23"
    parts = open_(Positional(THREE), wire, EBCDIC_BCD)
    assert keyed(parts) == {"1": "AB~ ", "2": "D123", "3": "123"}
    built = open_(Positional(THREE), b"", EBCDIC_BCD).insert("1", "AB~").insert("2", "D123").insert("3", "123")
    assert bytes(built) == wire


@pytest.mark.parametrize(
    ("value", "keys"),
    [("", ""), ("AB", "1"), ("AB  ", "1"), ("AB  D", "12"), ("AB  D123", "12"), ("AB  D12300", "123")],
)
def test_a_positional_value_may_end_early(value: str, keys: str) -> None:
    parts = open_(Positional(THREE), value)
    assert "".join(piece.key for piece in parts.pieces) == keys
    assert parts.value() == value


def test_a_short_packed_part_has_whole_bytes_and_a_short_hex_part_whole_digits() -> None:
    packed = Positional((Part("1", "digits", Kind.N, FIXED, 5, Mask.PUBLIC),))
    assert keyed(open_(packed, b"\x12\x34", EBCDIC_BCD)) == {"1": "1234"}
    assert keyed(open_(packed, b"\x01\x23\x45", EBCDIC_BCD)) == {"1": "12345"}
    in_hex = Positional((Part("1", "bytes", Kind.B, FIXED, 3, Mask.PUBLIC),))
    assert keyed(open_(in_hex, "ABCD")) == {"1": b"\xab\xcd"}
    with pytest.raises(DecodeError, match="ends within a byte") as refused:
        open_(in_hex, "ABC")
    assert refused.value.path == "60.1"


def test_a_bad_part_spoils_itself_only() -> None:
    parts = open_(Positional(THREE), "ABCD" + "X123" + "0242")
    assert (parts.get("1"), parts.get("3")) == ("ABCD", "42")
    with pytest.raises(DecodeError) as refused:
        parts.get("2")
    assert (refused.value.path, refused.value.offset) == ("60.2", 4)
    with pytest.raises(DecodeError, match="more bytes than the parts have") as refused:
        open_(Positional(THREE), "ABCDD123" + "0242" + "9")
    assert (refused.value.path, refused.value.offset) == ("60", 12)


def test_groups_stand_as_often_as_they_fit() -> None:
    layout = Positional(THREE[:2], repeats=True)
    parts = open_(layout, "AAAAC001" + "BBBBD002" + "CC")
    assert [item.key for item in parts.items()] == ["1", "2", "3"]
    assert parts.get("2") == "BBBBD002"
    assert keyed(parts.inside(parts.pieces[1])) == {"1": "BBBB", "2": "D002"}
    assert keyed(parts.inside(parts.pieces[2])) == {"1": "CC"}
    assert parts.replace("3", "CCCCC003").insert("4", "DD").value() == "AAAAC001BBBBD002CCCCC003DD"
    packed = open_(Positional(THREE[1:2], repeats=True), b"\xc4\x01\x23\xc3\x09\x99", EBCDIC_BCD)
    assert [keyed(packed.inside(piece)) for piece in packed.pieces] == [{"2": "D123"}, {"2": "C999"}]
    variable = open_(Positional(THREE[2:], repeats=True), "00" + "011" + "0212")
    assert [keyed(variable.inside(piece)) for piece in variable.pieces] == [{"3": ""}, {"3": "1"}, {"3": "12"}]


def test_groups_of_nothing_end() -> None:
    with pytest.raises(DecodeError, match="a group without parts"):
        open_(Positional((), repeats=True), "x")


BITS = BitmapParts(
    (
        Part("1", "one", Kind.AN, FIXED, 2, Mask.PUBLIC),
        Part("3", "three", Kind.N, LLVAR, 6, Mask.PUBLIC),
        Part("16", "last", Kind.B, FIXED, 2, Mask.SENSITIVE),
    ),
    octets=2,
)
HEX_BITS = BitmapParts(BITS.parts, octets=2, binary=False)


def test_a_bitmap_says_which_parts_there_are() -> None:
    wire = b"\xa0\x01" + "Z9".encode("cp500") + b"\x03\x01\x23" + b"\xfe\xff"
    parts = open_(BITS, wire, EBCDIC_BCD)
    assert keyed(parts) == {"1": "Z9", "3": "123", "16": b"\xfe\xff"}
    empty = open_(BITS, b"", EBCDIC_BCD)
    assert bytes(empty.insert("16", b"\xfe\xff").insert("1", "Z9").insert("3", "123")) == wire
    assert bytes(parts.remove("3").remove("16").remove("1")) == b"\x00\x00"
    assert keyed(open_(BITS, b"\x00\x00", EBCDIC_BCD).insert("3", "4")) == {"3": "4"}


def test_a_bitmap_in_hex_stands_in_the_code_page_of_the_composite() -> None:
    text = "a001" + "Z9" + "03123" + "FEFF"
    parts = open_(HEX_BITS, text)
    assert keyed(parts) == {"1": "Z9", "3": "123", "16": b"\xfe\xff"}
    assert parts.replace("1", "A1").value() == "a001" + "A1" + "03123" + "FEFF"
    assert parts.remove("1").value() == "2001" + "03123" + "FEFF"
    wire = "A000".encode("cp500") + "Z9".encode("cp500") + b"\x00"
    assert keyed(open_(HEX_BITS, wire, EBCDIC_BCD)) == {"1": "Z9", "3": ""}


def test_a_bit_that_nobody_declares_is_an_error_unless_it_is_the_last() -> None:
    with pytest.raises(DecodeError, match="bit set for a part") as refused:
        open_(HEX_BITS, "4100" + "xyz" + "FEFF")
    assert (refused.value.path, refused.value.offset) == ("60.2", 4)
    parts = open_(HEX_BITS, "8002" + "Z9" + "whatever")
    assert keyed(parts) == {"1": "Z9", "15": "whatever"}
    assert parts.replace("15", "else").insert("3", "7").value() == "A002" + "Z9" + "017" + "else"
    with pytest.raises(EncodeError):
        parts.insert("16", b"12")


@pytest.mark.parametrize(
    ("value", "path", "offset"),
    [("800", "60", 0), ("80g0Z9", "60", 2), ("8000Z", "60.1", 4), ("8000Z9x", "60", 6), ("2000x7", "60.3", 4)],
)
def test_what_is_wrong_with_a_bitmap_composite_is_named(value: str, path: str, offset: int) -> None:
    with pytest.raises(DecodeError) as refused:
        open_(HEX_BITS, value)
    assert (refused.value.path, refused.value.offset) == (path, offset)


def test_bytes_within_bytes_are_in_hex_only_where_the_part_says_so() -> None:
    dialect = ASCII.but("all-hex", binary=Coding.HEX)
    plain = Positional((Part("1", "bytes", Kind.B, FIXED, 2, Mask.PUBLIC),))
    assert keyed(open_(plain, b"\x01\x02", dialect)) == {"1": b"\x01\x02"}
    said = Positional((Part("1", "bytes", Kind.B, FIXED, 2, Mask.PUBLIC, coding=Coding.HEX),))
    assert keyed(open_(said, b"0102", dialect)) == {"1": b"\x01\x02"}


def test_what_may_be_shown_as_one_value() -> None:
    assert wholly_open(iso1987.ORIGINAL_DATA)
    assert wholly_open(iso1987.NAME_LOCATION)
    assert not wholly_open(Positional((*THREE, Part("4", "code", Kind.N, FIXED, 3, Mask.SENSITIVE))))
    assert not wholly_open(Positional((Part("1", "in", Kind.ANS, FIXED, 9, Mask.PUBLIC, HEX_BITS),)))
    assert not wholly_open(BITS)
    assert not wholly_open(None)
