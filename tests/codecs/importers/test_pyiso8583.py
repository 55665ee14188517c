"""pyiso8583 specifications as dialects: what the peer writes is read, and what is written the peer reads."""

import contextlib
import copy
import json
from typing import Any

import iso8583
import iso8583.specs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.dialect_check import DialectError, problems
from twinrail.codecs.dialect_file import load
from twinrail.codecs.dialect_text import write
from twinrail.codecs.importers.foreign import Imported
from twinrail.codecs.importers.pyiso8583 import from_dict, read
from twinrail.codecs.iso8583 import Codec, Message
from twinrail.schemas.iso8583.axes import LLLVAR, LLVAR, Coding, Counts, Kind, Length, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import BitmapForm, Dialect, Element, Third
from twinrail.schemas.iso8583.layouts import BerTlv

Spec = dict[str, dict[str, Any]]
STOCK: dict[str, Spec] = {"default": iso8583.specs.default, "default_ascii": iso8583.specs.default_ascii}
PACKED: Spec = {
    "h": {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 0, "desc": ""},
    "t": {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 2, "desc": "MTI"},
    "p": {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 8, "desc": ""},
    "1": {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 8, "desc": ""},
    "2": {
        "data_enc": "b",
        "len_enc": "bcd",
        "len_type": 1,
        "max_len": 19,
        "desc": "Card number",
        "len_count": "nibbles",
        "left_pad": "0",
    },
    "3": {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 3, "desc": "Processing code"},
    "11": {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 3, "desc": "STAN"},
    "35": {
        "data_enc": "b",
        "len_enc": "b",
        "len_type": 1,
        "max_len": 37,
        "desc": "Track 2",
        "len_count": "nibbles",
        "right_pad": "F",
    },
    "37": {"data_enc": "cp500", "len_enc": "ascii", "len_type": 0, "max_len": 12, "desc": "RRN"},
    "43": {"data_enc": "cp500", "len_enc": "ascii", "len_type": 0, "max_len": 40, "desc": "Name"},
    "48": {"data_enc": "cp500", "len_enc": "b", "len_type": 2, "max_len": 999, "desc": "Private"},
    "55": {"data_enc": "b", "len_enc": "bcd", "len_type": 2, "max_len": 255, "desc": "ICC"},
    "60": {"data_enc": "b", "len_enc": "cp500", "len_type": 3, "max_len": 500, "desc": "Own data"},
}
ALPHABETS = {
    Kind.N: "0123456789",
    Kind.A: "abcXYZ",
    Kind.AN: "0aZ",
    Kind.ANS: " -0aZ'.",
    Kind.ANP: " 0a",
    Kind.Z: "0123456789",
    Kind.XN: "0123456789",
}


def rows(dialect: Dialect) -> dict[int, Element]:
    return {row.number: row for row in dialect.elements}


def imported(spec: Spec) -> Imported:
    made = read(json.dumps(spec), "bank")
    assert not problems(made.dialect), problems(made.dialect)
    return made


IMPORTED = {name: imported(spec) for name, spec in (STOCK | {"packed": PACKED}).items()}


def values(row: Element) -> st.SearchStrategy[str | bytes]:
    """Draw what an element may hold, of a length that both sides say in the same words."""
    fixed = row.length_kind is Length.FIXED
    most = min(row.length, 60)
    if row.kind is Kind.B:
        return st.binary(min_size=row.length if fixed else 1, max_size=row.length if fixed else most)
    size = row.length if fixed else most
    digits = st.text(ALPHABETS[row.kind], min_size=size if fixed else 1, max_size=size)
    if row.kind is Kind.XN:
        return digits.map(lambda text: "C" + text[1:])
    return digits


@st.composite
def messages(draw: st.DrawFn, dialect: Dialect) -> Message:
    chosen = draw(st.lists(st.sampled_from(dialect.elements), max_size=8, unique_by=lambda row: row.number))
    ordered = sorted(chosen, key=lambda row: row.number)
    return Message("0100", {row.number: draw(values(row)) for row in ordered})


@pytest.mark.parametrize("name", IMPORTED)
@given(data=st.data())
def test_both_sides_write_and_read_the_same(name: str, data: st.DataObject) -> None:
    dialect = IMPORTED[name].dialect
    spec = (STOCK | {"packed": PACKED})[name]
    message = data.draw(messages(dialect))
    theirs = {"t": message.mti} | {
        str(number): value.hex().upper() if isinstance(value, bytes) else value
        for number, value in message.elements.items()
    }
    wire = bytes(iso8583.encode(copy.deepcopy(theirs), spec)[0])
    codec = Codec(dialect)
    assert codec.decode(wire) == message
    assert codec.encode(message) == wire
    read_back, _ = iso8583.decode(wire, spec)
    assert {key: value for key, value in read_back.items() if key not in {"p", "1", "h"}} == theirs


@pytest.mark.parametrize("spec", [*STOCK.values(), PACKED])
def test_what_is_imported_can_be_written_and_read(spec: Spec) -> None:
    dialect = from_dict(spec, "bank").dialect
    assert load(write(dialect), "bank.toml", lambda word: word) == dialect


def test_the_stock_specification_becomes_our_1987() -> None:
    dialect, notes = IMPORTED["default"]
    found = rows(dialect)
    assert (dialect.version, dialect.third, dialect.bitmap) == ("1987", Third.NONE, BitmapForm.BINARY)
    assert (found[2].kind, found[2].mask) == (Kind.N, Mask.PAN)
    assert found[28].kind is Kind.XN
    assert (found[55].kind, found[55].layout) == (Kind.B, BerTlv())
    assert {number: found[number].mask for number in (35, 52, 64, 43)} == {
        35: Mask.SENSITIVE,
        52: Mask.SENSITIVE,
        64: Mask.SECRET,
        43: Mask.PERSONAL,
    }
    assert 65 not in found
    said = {(note.path, note.text) for note in notes}
    assert ("elements.65", "left out: pyiso8583 reads a third bitmap where bit 65 is set, never field 65") in said
    assert {path for path, text in said if text.startswith("data class ")} == {f"elements.{number}" for number in found}


def test_every_axis_of_a_packed_specification() -> None:
    dialect, notes = IMPORTED["packed"]
    found = rows(dialect)
    assert (dialect.numbers, dialect.text, dialect.mti) == (Coding.BCD, "cp500", None)
    assert (found[2].kind, found[2].length, found[2].length_kind, found[2].prefix) == (Kind.N, 19, LLVAR, None)
    assert (found[35].kind, found[35].coding, found[35].nibble) == (Kind.Z, None, "")  # as packed dialects have tracks
    assert found[35].prefix == Prefix(PrefixForm.BINARY)
    assert found[48].prefix == Prefix(PrefixForm.BINARY)
    assert (found[60].kind, found[60].mask) == (Kind.B, Mask.PERSONAL)
    assert found[60].prefix == Prefix(PrefixForm.CHARACTERS)
    assert (found[55].length_kind, found[55].layout) == (LLLVAR, BerTlv())
    assert ("elements.60", "bytes, which may hold packed digits as well") in notes


def test_fields_beyond_128_need_the_third_bitmap_that_the_peer_reads() -> None:
    spec = copy.deepcopy(STOCK["default"])
    spec["130"] = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 2, "max_len": 9, "desc": "Own"}
    dialect = from_dict(spec, "bank").dialect
    assert dialect.third is Third.CONTIGUOUS
    assert rows(dialect)[130].mask is Mask.SENSITIVE
    wire = bytes(iso8583.encode({"t": "0100", "3": "000000", "130": "abc"}, spec)[0])
    assert Codec(dialect).decode(wire).elements == {3: "000000", 130: "abc"}


def test_what_is_unknown_is_closed() -> None:
    spec = copy.deepcopy(PACKED)
    spec["4"] = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 13, "desc": "Amount"}
    spec["44"] = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 2, "max_len": 99, "desc": "Response"}
    spec["41"] = {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 8, "desc": "CVV2 of the card"}
    dialect, notes = from_dict(spec, "bank")
    found = rows(dialect)
    assert (found[4].kind, found[4].mask) == (Kind.ANS, Mask.SENSITIVE)
    assert found[44].mask is Mask.PERSONAL
    assert found[41].mask is Mask.SENSITIVE
    assert ("elements.41", "data class sensitive, by its name") in notes
    assert ("elements.4", "data class sensitive, the length differs from that of 1987") in notes


def test_bytes_of_numbers_count_bytes() -> None:
    spec = copy.deepcopy(PACKED)
    spec["32"] = {"data_enc": "b", "len_enc": "bcd", "len_type": 1, "max_len": 6, "desc": "Acquirer"}
    row = rows(from_dict(spec, "bank").dialect)[32]
    assert (row.kind, row.length, row.prefix) == (Kind.N, 11, Prefix(counts=Counts.BYTES))


def test_a_specification_may_be_json_a_literal_or_a_file_that_assigns_one() -> None:
    spec = STOCK["default"]
    texts = [json.dumps(spec), repr(spec), f'"""Ours."""\nimport os\n\nspec: dict = {spec!r}\n']
    dialects = [read(text, "bank").dialect for text in texts]
    assert dialects[0] == dialects[1] == dialects[2]


FIELD = '{"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 4}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither JSON nor a Python literal"),
        ("[]", "neither JSON nor a Python literal"),
        ("spec = dict(a=1)", "neither JSON nor a Python literal"),
        ("__import__('os').system('true')", "neither JSON nor a Python literal"),
        ("{" * 50_000, "neither JSON nor a Python literal"),
        ("[" * 50_000, "neither JSON nor a Python literal"),
        ("-" * 50_000 + "1", "neither JSON nor a Python literal"),
        (" " * (1 << 20) + "{}", "characters at most"),
        ("{}", "t: missing"),
        (f'{{"t": {FIELD}, "p": {FIELD}, "x": {FIELD}}}', "x: is no field"),
        (f'{{"t": {FIELD}, "p": {FIELD}, "²": {FIELD}}}', "²: is no field"),
        (f'{{"t": {FIELD}, "p": {FIELD}, "4": 7}}', "elements.4: must be a dictionary"),
        (f'{{"t": {FIELD}, "p": {FIELD}, "4": {{}}}}', "elements.4.data_enc: must be text"),
        (f'{{"t": {FIELD}, "t": {FIELD}}}', "t: stated twice"),
        (f"{{'4': {FIELD}, '4': {FIELD}}}", "elements.4: stated twice"),
        (f'{{"t": {FIELD}, "p": {FIELD.replace("4}", "true}")}}}', "p.max_len: must be a whole number"),
        (f'{{"t": {FIELD.replace("ascii", "utf-16", 1)}, "p": {FIELD}}}', "t.data_enc: is no code page"),
        (f'{{"t": {FIELD.replace("ascii", "nosuch", 1)}, "p": {FIELD}}}', "t.data_enc: is no code page"),
        (f'{{"t": {FIELD.replace("ascii", "bcd", 1)}, "p": {FIELD}}}', "t.data_enc: bcd is an encoding of lengths"),
        (
            f'{{"t": {FIELD}, "p": {FIELD}, "4": {FIELD[:-1]}, "len_count": "nibbles"}}}}',
            "elements.4.len_count: nibbles of text",
        ),
        (
            f'{{"t": {FIELD}, "p": {FIELD}, "1": {FIELD.replace("ascii", "b", 1)}}}',
            "1: the second bitmap must be carried as the first",
        ),
    ],
    ids=lambda each: each[-40:],
)
def test_what_is_no_specification(text: str, said: str) -> None:
    with pytest.raises(DialectError, match="dialect bank") as caught:
        read(text, "bank")
    assert any(str(one).startswith(said) or said in str(one) for one in caught.value.problems), caught.value.problems


def test_what_is_left_out_is_noted() -> None:
    spec = copy.deepcopy(PACKED)
    spec["h"]["max_len"] = 22
    spec["3"]["colour"] = "red"
    spec["37"]["data_enc"] = "latin-1"
    notes = dict(from_dict(spec, "bank").notes)
    assert notes["h"] == "a header of 22 bytes belongs to the link profile, not to the dialect"
    assert notes["elements.3.colour"] == "not a property that pyiso8583 knows; left out"
    assert notes["elements.37.data_enc"] == "latin-1: characters beyond ASCII will be refused"


@given(
    st.sampled_from(sorted(PACKED)),
    st.sampled_from(["data_enc", "len_enc", "len_type", "max_len", "len_count", "left_pad", "right_pad", "desc", "x"]),
    st.none() | st.booleans() | st.integers(-2, 10**9) | st.text(max_size=4) | st.sampled_from(["b", "bcd", "nibbles"]),
)
def test_a_changed_specification_is_imported_or_refused_in_words(field: str, key: str, value: object) -> None:
    spec = copy.deepcopy(PACKED)
    spec[field][key] = value
    with contextlib.suppress(DialectError):
        dialect = read(json.dumps(spec), "bank").dialect
        assert write(dialect)
        assert isinstance(problems(dialect), list)


def test_what_a_specification_could_be_made_of_to_take_for_ever_is_refused_at_once() -> None:
    pairs = "".join(f"'{number}':1," for number in range(90_000))  # a million characters, none of them twice
    with pytest.raises(DialectError, match=r"elements\.0: must be a dictionary"):
        read("{" + pairs + "}", "bank")
    for key in ("9" * 5_000, "02"):
        with pytest.raises(DialectError, match="is no field"):
            from_dict(PACKED | {key: PACKED["3"]}, "bank")
