"""moov JSON specifications as dialects: every word of its builder, composites, and what cannot be expressed."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import paths
from twinrail.codecs.dialect_check import DialectError, problems
from twinrail.codecs.dialect_file import load
from twinrail.codecs.dialect_text import write
from twinrail.codecs.importers.moov import ENCODINGS, read
from twinrail.codecs.iso8583 import Codec, Message
from twinrail.codecs.leaf import axes_of
from twinrail.schemas.iso8583.axes import Coding, Kind, Length, Mask, Pad, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Positional, Tagged

Field = dict[str, Any]


def field(enc: str = "ASCII", prefix: str = "ASCII.Fixed", length: int = 4, **more: object) -> Field:
    return {"type": "String", "length": length, "enc": enc, "prefix": prefix} | more


def bitmap(enc: str = "Binary", length: int = 8, **more: object) -> Field:
    return {"type": "Bitmap", "length": length, "enc": enc, "prefix": "Binary.Fixed"} | more


def spec(mti: Field | None = None, bits: Field | None = None, **fields: Field) -> str:
    numbered = {key.removeprefix("f"): value for key, value in fields.items()}
    return json.dumps({"name": "Bank", "fields": {"0": mti or field(), "1": bits or bitmap()} | numbered})


def imported(text: str) -> Dialect:
    dialect = read(text, "bank").dialect
    assert not problems(dialect), problems(dialect)
    assert load(write(dialect), "bank.toml", lambda word: word) == dialect
    return dialect


def row(dialect: Dialect, number: int) -> Element:
    return next(each for each in dialect.elements if each.number == number)


COMPOSITES = {
    "f43": {
        "type": "Composite",
        "length": 40,
        "description": "Name and place",
        "prefix": "ASCII.Fixed",
        "tag": {"sort": "StringsByInt"},
        "subfields": {
            "10": field("EBCDIC1047", "EBCDIC1047.Fixed", 15, description="Place"),
            "2": field("EBCDIC1047", "EBCDIC1047.Fixed", 25, description="Name"),
        },
    },
    "f48": {
        "type": "Composite",
        "length": 999,
        "description": "Private",
        "prefix": "ASCII.LLL",
        "tag": {"length": 2, "enc": "ASCII", "padding": {"type": "Left", "pad": "0"}, "sort": "StringsByInt"},
        "subfields": {
            "1": field("ASCII", "ASCII.LL", 20, description="One"),
            "42": field("ASCII", "ASCII.LL", 7, description="Level"),
        },
    },
    "f55": {
        "type": "Composite",
        "length": 255,
        "description": "ICC",
        "prefix": "BCD.LLL",
        "tag": {"enc": "BerTLVTag", "sort": "StringsByHex"},
        "subfields": {
            "9F02": {"type": "Binary", "length": 6, "enc": "Binary", "prefix": "BerTLV", "description": "Amount"},
            "5A": {"type": "Binary", "length": 10, "enc": "Binary", "prefix": "BerTLV", "description": "Card"},
        },
    },
    "f62": {
        "type": "Composite",
        "length": 255,
        "description": "Custom payment",
        "prefix": "Binary.L",
        "bitmap": bitmap(disableautoexpand=True),
        "subfields": {
            "1": field("EBCDIC", "EBCDIC.Fixed", 1, description="Indicator"),
            "2": field("BCD", "BCD.Fixed", 15, description="Identifier"),
        },
    },
}
PACKED = spec(
    field("BCD", "BCD.Fixed"),
    f2=field("BCD", "BCD.LL", 19, description="Card number"),
    f3=field("BCD", "BCD.Fixed", 6, type="Numeric", padding={"type": "Left", "pad": "0"}),
    f35=field("LBCD", "Binary.L", 37, type="Track2"),
    f41=field("EBCDIC1047", "EBCDIC1047.Fixed", 8),
    f52=field("HexToASCII", "Hex.Fixed", 8, type="Binary", description="PIN data"),
    f64=field("Binary", "Binary.Fixed", 8, type="Binary"),
    **COMPOSITES,
)


def test_a_message_of_an_imported_specification_stands_as_the_words_say() -> None:
    dialect = imported(PACKED)
    message = Message("0100", {2: "4111111111111111", 3: "000000", 35: "41111=2", 41: "TERM0001", 52: bytes(range(8))})
    wire = (
        bytes.fromhex("0100 6000000020801000")
        + bytes.fromhex("16 4111111111111111 000000 07 41111D20")
        + bytes.fromhex("E3C5D9D4F0F0F0F1")
        + b"0001020304050607"
    )
    assert Codec(dialect).encode(message) == wire
    assert Codec(dialect).decode(wire).elements[2] == "4111111111111111"


def test_axes_that_most_rows_share_are_the_dialects() -> None:
    dialect = imported(PACKED)
    assert (dialect.numbers, dialect.text, dialect.mti, dialect.bitmap) == (
        Coding.BCD,
        "cp1047",
        None,
        BitmapForm.BINARY,
    )
    assert (row(dialect, 2).coding, row(dialect, 2).prefix) == (None, None)
    assert (row(dialect, 2).kind, row(dialect, 2).mask) == (Kind.N, Mask.PAN)
    assert row(dialect, 35).prefix == Prefix(PrefixForm.BINARY)
    assert row(dialect, 52).coding is Coding.HEX
    assert row(dialect, 64).mask is Mask.SECRET


def test_composites() -> None:
    dialect = imported(PACKED)
    name, private, icc, custom = (row(dialect, number) for number in (43, 48, 55, 62))
    assert isinstance(name.layout, Positional)
    assert name.kind is Kind.ANS
    assert [part.key for part in name.layout.parts] == ["2", "10"]  # by number, as the tag sorts them
    assert isinstance(private.layout, Tagged)
    assert (private.kind, private.layout.tag_digits, private.layout.length_kind) == (Kind.ANS, 2, Length.LLVAR)
    assert [part.key for part in private.layout.parts] == ["01", "42"]
    assert isinstance(icc.layout, BerTlv)
    assert {part.key: part.mask for part in icc.layout.parts} == {"5A": Mask.SENSITIVE, "9F02": Mask.PUBLIC}
    assert isinstance(custom.layout, BitmapParts)
    assert (custom.kind, custom.layout.octets, custom.layout.binary) == (Kind.B, 8, True)
    assert {part.mask for part in (*name.layout.parts, *private.layout.parts)} == {Mask.SENSITIVE}


def test_parts_of_an_imported_specification_are_read_by_their_paths() -> None:
    dialect = imported(PACKED)
    elements: dict[int, str | bytes] = {
        43: "N" * 25 + "P" * 15,
        48: "0105HELLO4203212",
        55: bytes.fromhex("9F0206000000001000"),
        62: bytes.fromhex("C000000000000000 C1 0123456789012345"),
    }
    codec = Codec(dialect)
    message = codec.decode(codec.encode(Message("0100", elements)))
    read_parts = {path: paths.get(dialect, message, path) for path in ("43.10", "48.42", "55.9F02", "62.1", "62.2")}
    assert read_parts == {
        "43.10": "P" * 15,
        "48.42": "212",
        "55.9F02": bytes.fromhex("000000001000"),
        "62.1": "A",
        "62.2": "123456789012345",
    }


def test_a_tag_may_have_another_length_than_most() -> None:
    parts = {"s01": field(prefix="ASCII.LL"), "s02": field(prefix="ASCII.LLL"), "s03": field(prefix="ASCII.LL")}
    dialect = imported(spec(f60=composite(TAG, **parts)))
    layout = row(dialect, 60).layout
    assert isinstance(layout, Tagged)
    assert layout.length_kind is Length.LLVAR
    assert [part.prefix is None for part in layout.parts] == [True, False, True]
    message = Message("0100", {60: "0102AB02003CDE0301F"})
    assert [paths.get(dialect, message, f"60.0{key}") for key in (1, 2, 3)] == ["AB", "CDE", "F"]


def test_packed_parts_behind_a_tag_count_their_digits() -> None:
    parts = {"s01": field("BCD", "BCD.LL", 15), "s02": field("ASCII", "BCD.LL", 9)}
    dialect = imported(spec(f60=composite({"length": 2, "enc": "BCD"}, **parts)))
    message = Message("0100", {60: bytes.fromhex("01 05 012345 02 02 4142")})
    assert [paths.get(dialect, message, f"60.0{key}") for key in (1, 2)] == ["12345", "AB"]


@pytest.mark.parametrize("word", ENCODINGS)
def test_every_encoding(word: str) -> None:
    dialect = imported(spec(f60=field(word, "ASCII.LLL", 20)))
    axes = axes_of(row(dialect, 60), dialect)
    assert axes.coding is ENCODINGS[word].coding
    assert axes.packed or axes.coding is not Coding.CHARACTERS or axes.page == ENCODINGS[word].page


@pytest.mark.parametrize(
    ("word", "form", "size", "page"),
    [
        ("ASCII.L", PrefixForm.CHARACTERS, 1, "ascii"),
        ("ASCII.LLLLLL", PrefixForm.CHARACTERS, 6, "ascii"),
        ("EBCDIC.LL", PrefixForm.CHARACTERS, 2, "cp500"),
        ("EBCDIC1047.LLL", PrefixForm.CHARACTERS, 3, "cp1047"),
        ("BCD.L", PrefixForm.BCD, 1, None),
        ("BCD.LLL", PrefixForm.BCD, 2, None),
        ("Binary.L", PrefixForm.BINARY, 1, None),
        ("Binary.LL", PrefixForm.BINARY, 2, None),
        ("Binary.LLL", PrefixForm.BINARY, 3, None),
    ],
)
def test_every_prefix(word: str, form: PrefixForm, size: int, page: str | None) -> None:
    dialect = imported(spec(f60=field("ASCII", word, 9)))
    axes = axes_of(row(dialect, 60), dialect)
    assert (axes.form, axes.prefix) == (form, size)
    assert page in {None, axes.prefix_page}


def test_the_bitmap_says_how_many_there_are() -> None:
    assert imported(spec(f60=field())).bitmaps is Bitmaps.BY_BIT_1
    assert imported(spec(bits=bitmap("HexToASCII"), f60=field())).bitmap is BitmapForm.HEX_ASCII
    assert imported(spec(bits=bitmap(length=16, disableautoexpand=True), f60=field())).bitmaps is Bitmaps.ALWAYS_TWO
    third = read(spec(f65=field(), f130=field()), "bank")
    assert third.dialect.third is Third.CONTIGUOUS
    assert [each.number for each in third.dialect.elements] == [130]
    assert ("elements.65", "left out: moov reads a third bitmap where bit 65 is set") in third.notes


def test_padding_is_kept_where_it_is_not_the_dialects() -> None:
    dialect = imported(
        spec(
            f3=field(length=6, type="Numeric", padding={"type": "Left", "pad": "0"}),
            f41=field(length=8, padding={"type": "Left", "pad": " "}),
            f42=field(length=15, padding={"type": "None"}),
        )
    )
    assert [row(dialect, number).pad for number in (3, 41, 42)] == [None, Pad(" ", left=True), None]


def test_a_table_in_text_may_lie_in_a_table_in_text() -> None:
    inner = {
        "type": "Composite",
        "length": 7,
        "prefix": "EBCDIC.Fixed",
        "description": "Inner",
        "tag": {"sort": "StringsByInt"},
        "subfields": {"1": field("EBCDIC", "EBCDIC.Fixed", 4), "2": field("EBCDIC", "EBCDIC.Fixed", 3)},
    }
    outer = {
        "type": "Composite",
        "length": 99,
        "prefix": "EBCDIC.LL",
        "description": "Outer",
        "tag": {"sort": "StringsByInt"},
        "subfields": {"1": inner, "2": field("EBCDIC", "EBCDIC.Fixed", 5)},
    }
    dialect = imported(spec(field("EBCDIC", "EBCDIC.Fixed"), f60=outer))
    layout = row(dialect, 60).layout
    assert isinstance(layout, Positional)
    assert (row(dialect, 60).kind, layout.parts[0].kind) == (Kind.ANS, Kind.ANS)
    assert isinstance(layout.parts[0].layout, Positional)


TAG = {"length": 2, "enc": "ASCII", "sort": "StringsByInt"}


def composite(tag: object, **subfields: Field) -> Field:
    named = {key.removeprefix("s"): value for key, value in subfields.items()}
    return {"type": "Composite", "length": 99, "prefix": "ASCII.LL", "tag": tag, "subfields": named}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "fields: missing, or no table of fields"),
        ('{"fields": {}}', "fields: missing, or no table of fields"),
        ('{"fields": ' + '{"a":' * 50_000, "nested too deep"),
        ('{"fields": {"2": {}, "2": {}}}', "stands twice in one table"),
        ('{"fields": {"x": {}}}', "fields.x: the key of a field is its number"),
        ('{"fields": {"2": 7}}', "fields.2: must be a table"),
        ('{"fields": {"2": {"length": "7"}}}', "fields.2.length: must be a whole number"),
        (" " * ((1 << 20) + 1), "characters at most"),
        (spec().replace('"0": ', '"10": '), "fields.0: missing"),
        (spec(field("Binary")), "fields.0.enc: must be ASCII"),
        (spec(bits=bitmap("ASCII")), "fields.1.enc: must be Binary or HexToASCII"),
        (spec(bits=bitmap(length=24, disableautoexpand=True)), "fields.1.length: must be 8 or 16"),
        (spec(f60=field(type="Money")), "elements.60.type: must be Binary or Composite or Hex"),
        (spec(f60=field(length=0)), "elements.60.length: must be a whole number from 1 on"),
        (spec(f60=field("UTF16")), "elements.60.enc: must be ASCII or EBCDIC"),
        (spec(f60=field(prefix="Hex.LL")), "elements.60.prefix: a length in hex digits cannot be expressed"),
        (spec(f60=field(prefix="ASCII.LLLLLLL")), "elements.60.prefix: is no prefix"),
        (spec(f60=field(prefix="ASCII")), "elements.60.prefix: is no prefix"),
        (spec(f60=field(type="Binary")), "elements.60.enc: Binary cannot be carried as characters"),
        (spec(f60=field(padding={"type": "Middle", "pad": "0"})), "elements.60.padding: must have a type"),
        (spec(f60=composite(TAG)), "elements.60.subfields: must be a table of subfields"),
        (spec(f60=composite(TAG, s1=field())), "elements.60.layout.parts.1.prefix: a tag without a length"),
        (
            spec(field("EBCDIC1047", "EBCDIC1047.Fixed"), f60=composite(TAG, s01=field("Binary", "ASCII.LL"))),
            "elements.60.tag: is in ascii and the message in cp1047",
        ),
        (spec(f60=composite({"enc": "ASCII"}, s1=field(prefix="ASCII.LL"))), "elements.60.tag: must have a length"),
        (
            spec(f60=composite({"length": 1, "enc": "Binary"}, s1=field(prefix="ASCII.LL"))),
            "elements.60.tag: must have",
        ),
        (
            spec(f60=composite(None, s1=field()) | {"bitmap": bitmap("ASCII")}),
            "elements.60.bitmap: must have a length in bytes",
        ),
    ],
    ids=lambda each: each[-40:],
)
def test_what_cannot_be_imported(text: str, said: str) -> None:
    with pytest.raises(DialectError, match="dialect bank") as caught:
        read(text, "bank")
    assert any(said in str(one) for one in caught.value.problems), [str(one) for one in caught.value.problems]


def test_what_is_left_out_is_noted() -> None:
    notes = dict(
        read(
            spec(
                f60=field(colour="red"),
                f61=composite(TAG | {"skipUnknownTLVTags": True}, s01=field(prefix="ASCII.LL")),
                f62=composite(None, s1=field()) | {"bitmap": bitmap()},
                f63=field("EBCDIC"),
            ),
            "bank",
        ).notes
    )
    assert notes["elements.60.colour"] == "not known here; left out"
    assert notes["elements.61.tag.skipUnknownTLVTags"] == "not known here; left out"
    assert notes["elements.62.bitmap"].startswith("read as 8 bytes")
    assert "cp500" in json.dumps(notes) or "elements.63" in notes


@given(
    st.sampled_from(["0", "1", "2", "35", "43", "48", "55", "62"]),
    st.sampled_from(["type", "length", "enc", "prefix", "padding", "tag", "bitmap", "subfields"]),
    st.recursive(
        st.none() | st.booleans() | st.integers(-2, 10**7) | st.sampled_from(["BCD", "ASCII.LL", "Left"]),
        lambda inner: st.dictionaries(st.sampled_from(["1", "9F02", "enc", "length", "type"]), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_a_changed_specification_is_imported_or_refused_in_words(number: str, key: str, value: object) -> None:
    changed = copy.deepcopy(json.loads(PACKED))
    changed["fields"][number][key] = value
    with contextlib.suppress(DialectError):
        dialect = read(json.dumps(changed), "bank").dialect
        assert write(dialect)
        assert isinstance(problems(dialect), list)


@pytest.mark.parametrize("key", ["9" * 5_000, "02", ""])
def test_a_number_has_one_writing(key: str) -> None:
    changed = json.loads(PACKED)
    changed["fields"][key] = field()
    with pytest.raises(DialectError, match="the key of a field is its number") as caught:
        read(json.dumps(changed), "bank")
    assert max(len(one.path) for one in caught.value.problems) < 50


def test_a_subfield_whose_key_is_beyond_all_numbers_is_refused_in_words() -> None:
    text = spec(f61=composite(None, **{"s" + "9" * 5_000: field()}))
    dialect = read(text, "bank").dialect
    assert any("no path can name this key" in str(one) for one in problems(dialect))
