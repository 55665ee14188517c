"""jPOS GenericPackager files as dialects: classes by name, composites, and XML that reaches for nothing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import paths
from twinrail.codecs.dialect_check import DialectError, problems
from twinrail.codecs.dialect_file import load
from twinrail.codecs.dialect_text import write
from twinrail.codecs.importers.jpos import read
from twinrail.codecs.importers.jpos_classes import BITMAPS, CLASSES
from twinrail.codecs.iso8583 import Codec, Message
from twinrail.codecs.leaf import axes_of
from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Length, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Positional, Tagged

DOCTYPE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE isopackager PUBLIC "-//jPOS/jPOS Generic Packager DTD 1.0//EN"
  "http://jpos.org/dtd/generic-packager-1.0.dtd">
"""
SUB = "org.jpos.iso.packager.GenericSubFieldPackager"


def field(number: int, name: str, length: int = 4, **more: str) -> str:
    stated = {"id": str(number), "length": str(length), "name": f"Field {number}", "class": f"org.jpos.iso.{name}"}
    return "<isofield " + " ".join(f'{key}="{value}"' for key, value in (stated | more).items()) + "/>"


def packager(number: int, name: str, length: int, *inner: str, **more: str) -> str:
    opened = field(number, name, length, **({"packager": SUB} | more)).replace("<isofield ", "<isofieldpackager ")
    return opened.replace("/>", ">") + "".join(inner) + "</isofieldpackager>"


def spec(*fields: str, mti: str = "IFA_NUMERIC", bits: str = "IFB_BITMAP", bytes_of_bits: int = 16, **more: str) -> str:
    attributes = "".join(f' {key}="{value}"' for key, value in more.items())
    head = field(0, mti, 4) + field(1, bits, bytes_of_bits)
    return f"{DOCTYPE}<isopackager{attributes}>{head}{''.join(fields)}</isopackager>"


def imported(text: str) -> Dialect:
    dialect = read(text, "bank").dialect
    assert not problems(dialect), [str(one) for one in problems(dialect)]
    assert load(write(dialect), "bank.toml", lambda word: word) == dialect
    return dialect


def row(dialect: Dialect, number: int) -> Element:
    return next(each for each in dialect.elements if each.number == number)


PACKED = spec(
    field(2, "IFB_LLHNUM", 19, pad="true"),
    field(3, "IFB_NUMERIC", 6, pad="true"),
    field(22, "IFB_NUMERIC", 3, pad="true"),
    field(28, "IFB_AMOUNT", 9),
    field(35, "IFB_LLHNUM", 37),
    field(41, "IFE_CHAR", 8),
    field(44, "IFB_LLHECHAR", 25),
    field(52, "IFB_BINARY", 8),
    field(54, "IF_NOP", 8),
    packager(
        48,
        "IFA_LLLCHAR",
        999,
        field(1, "IFA_TTLLCHAR", 20),
        field(42, "IFA_TTLLCHAR", 7),
        packager=SUB.replace("GenericSub", "GenericTagged").replace("FieldP", "FieldsP"),
        tagMapper="org.jpos.iso.packager.TTDecimalTagMapper",
    ),
    packager(55, "IFB_LLLBINARY", 255, packager="org.jpos.tlv.packager.bertlv.BERTLVBinaryPackager"),
    packager(
        62,
        "IFB_LLHBINARY",
        255,
        field(0, "IFB_BITMAP", 8),
        field(1, "IFE_CHAR", 1),
        field(2, "IFB_NUMERIC", 15, pad="true"),
        bitmapField="0",
    ),
    mti="IFB_NUMERIC",
)


def test_a_message_of_an_imported_packager_stands_as_its_classes_say() -> None:
    dialect = imported(PACKED)
    message = Message(
        "0100",
        {2: "41111111111111111", 3: "000000", 22: "051", 28: "C00000100", 35: "41111D2", 41: "TERM0001", 44: "OK"},
    )
    wire = bytes.fromhex(
        "0100 6000041020900000"
        "11 041111111111111111"  # 17 digits, as a binary number, filled on the left
        "000000 0051"
        "4300000100"
        "07 41111D20"  # filled on the right
        "E3C5D9D4F0F0F0F1"
        "02 D6D2"
    )
    assert Codec(dialect).encode(message) == wire
    assert Codec(dialect).decode(wire) == message


def test_axes_that_most_rows_share_are_the_dialects() -> None:
    dialect = imported(PACKED)
    assert (dialect.numbers, dialect.text, dialect.mti) == (Coding.BCD, "cp1047", None)
    assert dialect.lengths == Prefix(PrefixForm.BINARY)
    assert row(dialect, 2) == Element(2, "field_2", Kind.N, Length.LLVAR, 19, Mask.PAN)
    assert (row(dialect, 35).kind, row(dialect, 35).nibble) == (Kind.Z, "0")
    assert {54, 65} & {each.number for each in dialect.elements} == set()


def test_composites() -> None:
    dialect = imported(PACKED)
    private, icc, custom = (row(dialect, number).layout for number in (48, 55, 62))
    assert isinstance(private, Tagged)
    assert (private.tag_digits, private.length_kind) == (2, Length.LLVAR)
    assert [part.key for part in private.parts] == ["01", "42"]
    assert row(dialect, 48).kind is Kind.ANS
    assert icc == BerTlv()
    assert isinstance(custom, BitmapParts)
    assert [(part.key, part.kind, part.mask) for part in custom.parts] == [
        ("1", Kind.ANS, Mask.SENSITIVE),
        ("2", Kind.N, Mask.SENSITIVE),
    ]


def test_parts_of_an_imported_packager_are_read_by_their_paths() -> None:
    dialect = imported(PACKED)
    value = bytes.fromhex("C000000000000000 C1 0123456789012345")
    message = Message("0100", {48: "0105HELLO4203212", 62: value})
    assert [paths.get(dialect, message, path) for path in ("48.01", "48.42")] == ["HELLO", "212"]
    assert [paths.get(dialect, message, path) for path in ("62.1", "62.2")] == ["A", "123456789012345"]


def test_tags_in_ascii_within_bytes() -> None:
    tagged = {"packager": "x.GenericTaggedFieldsPackager", "tagMapper": "x.TTTDecimalTagMapper"}
    parts = (field(7, "IFA_TTTLLBINARY", 9), field(12, "IFA_TTTLLCHAR", 9))
    dialect = imported(spec(packager(60, "IFB_LLLBINARY", 99, *parts, **tagged), mti="IFB_NUMERIC"))
    message = Message("0100", {60: b"00702" + b"\x00\xff" + b"01203ABC"})
    assert [paths.get(dialect, message, path) for path in ("60.007", "60.012")] == [b"\x00\xff", "ABC"]


def test_positional_parts_begin_where_the_packager_says() -> None:
    parts = (field(0, "IF_CHAR", 1), field(1, "IFA_NUMERIC", 3), field(2, "IF_CHAR", 6))
    for first, keys in (("0", ["0", "1", "2"]), ("", ["1", "2"])):
        more = {"firstField": first} if first else {}
        dialect = imported(spec(packager(60, "IFA_LLLCHAR", 10, *parts, emitBitmap="false", **more)))
        layout = row(dialect, 60).layout
        assert isinstance(layout, Positional)
        assert [part.key for part in layout.parts] == keys
        assert row(dialect, 60).kind is Kind.ANS


def test_composites_lie_within_each_other() -> None:
    inner = packager(25, "IFA_LLLLBINARY", 999, field(0, "IFB_BITMAP", 8), field(2, "IFA_LLCHAR", 9), bitmapField="0")
    dialect = imported(spec(packager(127, "IFA_LLLLLLBINARY", 9999, field(0, "IFB_BITMAP", 8), inner, bitmapField="0")))
    layout = row(dialect, 127).layout
    assert isinstance(layout, BitmapParts)
    assert isinstance(layout.parts[0].layout, BitmapParts)
    assert row(dialect, 127).length_kind is Length.LLLLLLVAR


@pytest.mark.parametrize("name", CLASSES)
def test_every_class(name: str) -> None:
    found = CLASSES[name]
    if found.tag_digits:
        return
    length = 9 if found.length_kind in {Length.LVAR, Length.FIXED} else 20
    dialect = imported(spec(field(60, name, length, pad="true")))
    axes = axes_of(row(dialect, 60), dialect)
    assert (axes.coding, axes.counts, axes.fixed) == (found.coding, found.counts, found.length_kind is Length.FIXED)
    assert axes.fixed or axes.form is found.form
    assert axes.coding in {Coding.BINARY, Coding.BCD, Coding.BCD_RIGHT} or axes.page == found.page


@pytest.mark.parametrize("name", BITMAPS)
def test_every_bitmap(name: str) -> None:
    forms = {"A": BitmapForm.HEX_ASCII, "B": BitmapForm.BINARY, "E": BitmapForm.HEX_EBCDIC}
    mti = "IFE_NUMERIC" if name == "IFE_BITMAP" else "IFA_NUMERIC"
    assert imported(spec(field(60, "IFB_BINARY"), mti=mti, bits=name)).bitmap is forms[name[2]]


@pytest.mark.parametrize(
    ("row_65", "size", "third"),
    [
        ("", 16, Third.NONE),
        (field(65, "IFA_BINARY", 8), 16, Third.DATA),
        (field(65, "IF_NOP", 8), 16, Third.NONE),
        (field(65, "IFB_BITMAP", 8) + field(130, "IF_CHAR"), 16, Third.IN_ELEMENT),
        (field(130, "IF_CHAR"), 24, Third.CONTIGUOUS),
    ],
)
def test_bit_65(row_65: str, size: int, third: Third) -> None:
    dialect = imported(spec(field(60, "IF_CHAR"), row_65, bytes_of_bits=size))
    assert dialect.third is third
    assert (65 in {each.number for each in dialect.elements}) is (third is Third.DATA)


def test_track_2_of_bytes_counts_bytes() -> None:
    dialect = imported(spec(field(35, "IFEB_LLNUM", 37)))
    axes = axes_of(row(dialect, 35), dialect)
    assert (axes.kind, axes.coding, axes.nibble, axes.counts) == (Kind.Z, Coding.BCD_RIGHT, "F", Counts.BYTES)
    assert axes.prefix_page == "cp1047"


# What reaches beyond the file, and what is no packager.

ENTITY = '<!DOCTYPE isopackager [<!ENTITY x "y">]><isopackager/>'
OUTSIDE = '<!DOCTYPE isopackager SYSTEM "file:///etc/hostname" [ %x; ]><isopackager/>'
LAUGHS = "<!DOCTYPE l [" + '<!ENTITY a "' + "ha" * 50 + '">' + "]><isopackager>&a;</isopackager>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not XML"),
        ("<isopackager>", "not XML, line 1"),
        ("<other/>", "is no isopackager"),
        (ENTITY, "declarations of its own in a DOCTYPE are refused"),
        (OUTSIDE, "declarations of its own in a DOCTYPE are refused"),
        (LAUGHS, "declarations of its own in a DOCTYPE are refused"),
        ("<isopackager>&nosuch;</isopackager>", "not XML"),
        ("<a>" * 100_000, "not XML"),
        ("\ud800", "not XML"),
        (" " * ((1 << 20) + 1), "characters at most"),
        ("<isopackager/>", "elements.0: must be there"),
        (spec(bits="IFB_BINARY"), "elements.1: must be there, of the class"),
        (spec(mti="IFB_BINARY"), "elements.0: must be there, of a class"),
        (spec(emitBitmap="false"), "isopackager.emitBitmap: messages without a bitmap"),
        (spec(field(60, "IFA_FLLCHAR")), "elements.60.class: IFA_FLLCHAR cannot be expressed"),
        (spec(field(60, "IFA_TTLLCHAR")), "elements.60.class: IFA_TTLLCHAR cannot be expressed"),
        (spec(field(60, "")), "elements.60.class: none cannot be expressed"),
        (spec(field(60, "IF_CHAR", 0)), "elements.60.length: must be a whole number"),
        (spec(field(60, "IF_CHAR"), field(60, "IF_CHAR")), "elements.60: stated twice"),
        (spec(field(60, "IF_CHAR", id="²")), "the id of a field is its number"),
        (spec(packager(60, "IFA_LLCHAR", 9, field(1, "IFX"))), "elements.60.layout.parts.1.class: IFX cannot be"),
        (spec(packager(60, "IFE_LLCHAR", 9, field(1, "IFE_CHAR"))), "elements.60: parts that are not ASCII within"),
        (spec(packager(60, "IFB_LLNUM", 9, field(1, "IFB_BINARY"))), "elements.60: parts within packed digits"),
        (
            spec(packager(60, "IFA_LLLBINARY", 99, field(0, "IFE_BITMAP", 8), field(1, "IF_CHAR"), bitmapField="0")),
            "elements.60.layout: is in cp1047 and the message in ascii",
        ),
        (
            spec(packager(60, "IFA_LLCHAR", 9, field(0, "IFB_BITMAP"), firstField="0", emitBitmap="false")),
            "elements.60.layout: a bitmap that is not emitted",
        ),
        (
            spec(packager(60, "IFA_LLCHAR", 9, field(1, "IF_CHAR"), packager="x.GenericTaggedFieldsPackager")),
            "elements.60.layout.parts.1.class: IF_CHAR has no tag in front",
        ),
        (
            spec(packager(60, "IFA_LLCHAR", 9, field(1, "IFA_TTLCHAR"), packager="x.GenericTaggedFieldsPackager")),
            "elements.60.tagMapper: none cannot be expressed",
        ),
    ],
    ids=lambda each: each[-40:].encode("ascii", "replace").decode(),
)
def test_what_cannot_be_imported(text: str, said: str) -> None:
    with pytest.raises(DialectError, match="dialect bank") as caught:
        read(text, "bank")
    assert any(said in str(one) for one in caught.value.problems), [str(one) for one in caught.value.problems]


def test_what_is_left_out_is_noted() -> None:
    notes = dict(
        read(
            spec(
                "<isofieldvalidator/>",
                field(59, "IF_NOP"),
                field(60, "IF_CHAR", trim="true"),
                packager(61, "IFA_LLLCHAR", 99, field(1, "IF_CHAR"), packager="com.bank.OwnPackager"),
                packager(62, "IFB_LLHBINARY", 99, field(0, "IFB_BITMAP", 16), field(3, "IF_CHAR"), bitmapField="0"),
                headerLength="5",
            ),
            "bank",
        ).notes
    )
    assert notes["line 4"] == "isofieldvalidator is not known here; left out"
    assert notes["elements.59"] == "left out: IF_NOP is no field"
    assert notes["elements.60.trim"] == "not known here; left out"
    assert notes["elements.61.layout"] == "what OwnPackager makes of it cannot be expressed; left whole"
    assert notes["elements.62.layout.octets"].startswith("8, since no part has a higher number")
    assert notes["isopackager.headerLength"] == "a header belongs to the link profile, not to the dialect"


@given(st.integers(0, len(PACKED)), st.integers(0, 60), st.text(max_size=12))
def test_a_changed_packager_is_imported_or_refused_in_words(at: int, cut: int, scrap: str) -> None:
    with contextlib.suppress(DialectError):
        dialect = read(PACKED[:at] + scrap + PACKED[at + cut :], "bank").dialect
        assert write(dialect)
        assert isinstance(problems(dialect), list)


def test_what_begins_a_declaration_again_and_again_is_refused_at_once() -> None:
    with pytest.raises(DialectError, match="not XML"):
        read("<!DOCTYPE" * 100_000, "bank")  # looked at from each beginning to the end it took half a minute
