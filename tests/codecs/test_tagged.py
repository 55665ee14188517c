"""Composites with tags: vectors by hand of every way to write tag and length, and what spoils them."""

import pytest

from twinrail.codecs.composites import Parts, opened
from twinrail.codecs.iso8583 import codec_for
from twinrail.codecs.tagged import CATEGORY, EMV_PARTS
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import (
    FIXED,
    LLLVAR,
    LLVAR,
    LVAR,
    Coding,
    Counts,
    Kind,
    Mask,
    Prefix,
    PrefixForm,
)
from twinrail.schemas.iso8583.codes import TAGS
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import BerTlv, Dataset, Datasets, Layout, Part, Pds, Tagged

ASCII = codec_for("iso1987-ascii").dialect
BCD = codec_for("iso1987-bcd").dialect
EBCDIC = ASCII.but("ebcdic", text="cp500")


def open_(layout: Layout, value: str | bytes, dialect: Dialect = ASCII, *, offset: int = 0) -> Parts:
    kind = Kind.B if isinstance(value, bytes) else Kind.ANS
    return opened(dialect, Element(48, "private", kind, LLLVAR, 999, Mask.SENSITIVE, layout), value, offset)


def keyed(parts: Parts) -> list[tuple[str, str | bytes]]:
    return [(item.key, item.value) for item in parts.items()]


NUMBER = Part("42", "number", Kind.N, LLVAR, 5, Mask.PUBLIC)
CODE = Part("43", "code", Kind.AN, FIXED, 3, Mask.PUBLIC)
BYTES = Part("44", "bytes", Kind.B, LLVAR, 9, Mask.SENSITIVE)


EBCDIC_PARTS = [("42", "12"), ("44", b"\xfe\xff")]


@pytest.mark.parametrize(
    ("layout", "dialect", "wire", "found"),
    [
        (Tagged((NUMBER, CODE)), ASCII, "4203123" + "4303abc" + "9901?", [("42", "123"), ("43", "abc"), ("99", "?")]),
        (Tagged((BYTES,)), ASCII, "4404FEFF", [("44", b"\xfe\xff")]),  # in text a length counts characters
        (
            Tagged((NUMBER,), length=Prefix(counts=Counts.VALUE, inclusive=True)),
            ASCII,
            "4205123",
            [("42", "123")],
        ),
        (Tagged((), tag_digits=3, length_kind=LVAR), ASCII, "ABC2xy" + "12x0", [("ABC", "xy"), ("12x", "")]),
        (Tagged((NUMBER,), category=True), ASCII, "R42011", [(CATEGORY, "R"), ("42", "1")]),
        (Tagged((NUMBER,), category=True), ASCII, "", []),
        (
            Tagged((NUMBER, BYTES)),
            EBCDIC,
            "420212".encode("cp500") + "4402".encode("cp500") + b"\xfe\xff",
            EBCDIC_PARTS,
        ),
        (
            Tagged((NUMBER, CODE), tag_digits=4, tag=Coding.BCD, length=Prefix(form=PrefixForm.BCD, size=1)),
            BCD,
            bytes.fromhex("0042" + "02" + "1234") + bytes.fromhex("0043" + "03") + b"abc",
            [("0042", b"\x12\x34"), ("0043", b"abc")],
        ),
        (
            Tagged((NUMBER,), tag=Coding.BINARY, length=Prefix(form=PrefixForm.BINARY, size=1)),
            BCD,
            bytes.fromhex("42" + "02" + "1234" + "DF" + "01" + "00"),
            [("42", "1234"), ("DF", b"\x00")],
        ),
        (
            Tagged((), tag_digits=3, tag=Coding.BCD_RIGHT, length=Prefix(form=PrefixForm.BINARY)),
            BCD,
            bytes.fromhex("1230" + "01" + "FF"),
            [("123", b"\xff")],
        ),
        (Pds((), over=()), ASCII, "0023003ABC" + "0148000", [("0023", "ABC"), ("0148", "")]),
        (Pds((), over=()), EBCDIC, "0023003ABC".encode("cp500"), [("0023", "ABC".encode("cp500"))]),
        (
            Datasets((Dataset("01", "chip", BerTlv()),)),
            ASCII,
            bytes.fromhex("010003820101" + "680001FF" + "010000"),
            [("01", b"\x82\x01\x01"), ("68", b"\xff"), ("01", b"")],
        ),
        (
            BerTlv((Part("9F02", "amount", Kind.N, FIXED, 12, Mask.PUBLIC, coding=Coding.BCD),)),
            ASCII,
            bytes.fromhex("00" + "9F028106000000005000" + "8A023030" + "00" + "8A820000"),
            [("9F02", "000000005000"), ("8A", b"00"), ("8A", b"")],
        ),
    ],
)
def test_vectors(layout: Layout, dialect: Dialect, wire: str | bytes, found: list[tuple[str, str | bytes]]) -> None:
    parts = open_(layout, wire, dialect)
    assert parts.value() == wire
    assert keyed(parts) == found
    if isinstance(layout, BerTlv):
        return  # with lengths in odd forms: those that are written are the shortest
    again = open_(layout, wire[:0], dialect)
    for key, value in keyed(parts):
        again = again.insert(key, value)
    assert again.value() == wire


def test_a_fixed_part_is_as_long_as_it_says_and_keeps_its_fill() -> None:
    packed = Part("42", "digits", Kind.N, FIXED, 3, Mask.PUBLIC)
    layout = Tagged((packed, CODE), tag=Coding.BINARY, length=Prefix(form=PrefixForm.BINARY, size=1))
    parts = open_(layout, bytes.fromhex("42020123"), BCD)
    assert parts.get("42") == "123"
    assert bytes(parts.replace("42", "9")) == bytes.fromhex("42020009")
    assert bytes(parts.insert("43", "a")) == bytes.fromhex("42020123" + "4303") + b"a  "
    for wrong in ("420101", "4203000123"):
        with pytest.raises(DecodeError, match="length") as refused:
            open_(layout, bytes.fromhex(wrong), BCD)
        assert refused.value.path == "48.42"


def test_a_part_may_have_a_length_of_its_own() -> None:
    wide = Part("18", "wide", Kind.N, LLLVAR, 300, Mask.PUBLIC, prefix=Prefix(size=2))
    layout = Tagged((wide,), tag=Coding.BCD, length=Prefix(form=PrefixForm.BCD, size=1))
    parts = open_(layout, bytes.fromhex("18" + "0002" + "1234" + "19" + "01" + "FF"), BCD)
    assert keyed(parts) == [("18", "1234"), ("19", b"\xff")]
    assert bytes(parts.replace("18", "12" * 120)).startswith(bytes.fromhex("180120"))


def test_lengths_that_could_be_shorter_stay_as_long_as_the_length_does() -> None:
    parts = open_(BerTlv(), bytes.fromhex("00" + "9F1E8200023132" + "00" + "82023900"))
    assert bytes(parts.replace("9F1E", b"34")) == bytes.fromhex("00" + "9F1E8200023334" + "00" + "82023900")
    assert bytes(parts.replace("9F1E", b"3")) == bytes.fromhex("00" + "9F1E0133" + "00" + "82023900")
    assert bytes(parts.mapped(lambda _: b"zz")) == bytes.fromhex("00" + "9F1E8200027A7A" + "00" + "82027A7A")
    assert bytes(parts.remove("9F1E").insert("8A", b"00")) == bytes.fromhex("0000" + "82023900" + "8A023030")


def test_a_bad_value_of_a_tag_spoils_itself_only() -> None:
    layout = BerTlv((Part("9F02", "amount", Kind.N, FIXED, 12, Mask.PUBLIC, coding=Coding.BCD),))
    parts = open_(layout, bytes.fromhex("9F0201FF" + "82023900"), offset=10)
    assert parts.get("82") == b"\x39\x00"
    with pytest.raises(DecodeError, match="length that the part does not allow") as refused:
        parts.get("9F02")
    assert (refused.value.path, refused.value.offset) == ("48.9F02", 10)


def test_constructed_objects_are_opened_when_asked_and_not_before() -> None:
    parts = open_(BerTlv(), bytes.fromhex("7106112233445566" + "7205" + "9F18021234" + "E1021122"), offset=50)
    assert parts.get("71") == bytes.fromhex("112233445566")
    with pytest.raises(DecodeError) as refused:
        parts.inside(parts.pieces[0])
    assert (refused.value.path, refused.value.offset, refused.value.element) == ("48.71.#1", 50 + 3, 48)
    assert parts.inside(parts.pieces[1]).get("9F18") == bytes.fromhex("1234")
    assert parts.pieces[2].part is None
    assert parts.pieces[2].layout is not None


def test_tags_of_emv_have_the_masks_of_their_table_unless_the_layout_says_otherwise() -> None:
    assert {tag: part.mask for tag, part in EMV_PARTS.items()} == {tag: row.mask for tag, row in TAGS.items()}
    layout = BerTlv(
        (Part("9F37", "own", Kind.B, LLVAR, 4, Mask.SECRET), Part("DF01", "mine", Kind.B, LLVAR, 4, Mask.PUBLIC))
    )
    parts = open_(layout, bytes.fromhex("9F370400000000" + "DF0100" + "8200" + "DF0200"))
    assert [piece.part.mask if piece.part else None for piece in parts.pieces] == [
        Mask.SECRET,
        Mask.PUBLIC,
        Mask.PUBLIC,
        None,
    ]


@pytest.mark.parametrize(
    ("layout", "wire", "path", "offset"),
    [
        (Tagged((NUMBER,)), "4", "48", 0),
        (Tagged((NUMBER,)), "42", "48.42", 2),
        (Tagged((NUMBER,)), "420", "48.42", 2),
        (Tagged((NUMBER,)), "42x1", "48.42", 2),
        (Tagged((NUMBER,)), "42031", "48.42", 2),
        (Tagged((NUMBER,)), "4206123456", "48.42", 2),
        (Tagged((NUMBER,)), "4200" + ". 00", "48", 4),
        (Tagged((NUMBER,)), "9999", "48.#1", 2),
        (Tagged((), category=True), "R9", "48", 1),
        (Pds((), over=()), "00a3000", "48", 0),
        (Pds((), over=()), "0023004abc", "48.#1", 4),
        (Tagged((), tag=Coding.BCD), b"\x4a" + b"00", "48", 0),
        (Tagged((), tag_digits=3, tag=Coding.BCD), b"\x14\x11" + b"00", "48", 0),
        (Datasets(()), b"\x01\x00", "48.#1", 0),
        (Datasets(()), b"\x01\x00\x02\x00", "48.#1", 1),
        (BerTlv(), b"\x9f\x02\x06\x00", "48.9F02", 2),
        (BerTlv(), b"\x82\x00\x9f", "48", 2),
    ],
)
def test_what_is_wrong_is_named_by_path_and_byte(layout: Layout, wire: str | bytes, path: str, offset: int) -> None:
    with pytest.raises(DecodeError) as refused:
        open_(layout, wire, offset=7)
    assert (refused.value.path, refused.value.offset, refused.value.element) == (path, offset + 7, 48)


@pytest.mark.parametrize("key", ["", "1", "0G", "zz", "4111111111111111"])
def test_what_is_no_identifier_of_a_dataset_is_not_written(key: str) -> None:
    with pytest.raises(EncodeError) as refused:
        open_(Datasets(()), b"").insert(key, b"")
    assert str(refused.value) == "48.tag: not an identifier of a dataset"
    with pytest.raises(EncodeError, match="does not fit"):
        open_(Datasets(()), b"").insert("01", bytes(65_536))
