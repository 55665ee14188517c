"""Composites: of every kind, nested in any way, written and read byte for byte, and bounded."""

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.codecs.drawn import ASCII, NUMBER, Case, cases, contents, read

from twinrail.codecs.composites import DEPTH_MAX, PARTS_MAX, Parts, PathError, opened
from twinrail.codecs.paths import Entry, entries
from twinrail.codecs.tlv import build
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.layouts import BerTlv, BitmapParts, Layout, Part, Pds, Positional, Tagged

PAN = "4111111111111111"


def row_of(layout: Layout, kind: Kind = Kind.ANS) -> Element:
    return Element(NUMBER, "composite", kind, LLLVAR, 999, Mask.SENSITIVE, layout)


def text_of(layout: Layout, value: str) -> Parts:
    return opened(ASCII, row_of(layout), value)


def bytes_of(layout: Layout, value: bytes) -> Parts:
    return opened(ASCII, row_of(layout, Kind.B), value)


TLV = Tagged((Part("42", "two", Kind.N, LLVAR, 5, Mask.PUBLIC), Part("43", "three", Kind.ANS, FIXED, 3, Mask.PUBLIC)))


@given(cases())
def test_what_is_put_together_is_read_again_to_the_last_byte(case: Case) -> None:
    parts = case.built()
    again = opened(case.dialect, case.row, parts.value())
    assert bytes(again) == bytes(parts)
    assert again.value() == parts.value()
    assert read(again) == read(parts) == case.items
    assert [item.raw for item in again.items()] == [item.raw for item in parts.items()]


def verdict(case: Case, value: str | bytes) -> list[Entry] | DecodeError:
    """Open everything there is; what comes out must hold exactly what went in."""
    try:
        parts = opened(case.dialect, case.row, value, offset=100)
    except DecodeError as error:
        return error
    assert parts.value() == value
    return list(entries(parts))


def judge(case: Case, value: str | bytes) -> None:
    result = verdict(case, value)
    errors = [result] if isinstance(result, DecodeError) else [entry.fault for entry in result if entry.fault]
    for error in errors:
        assert error.path.split(".")[0] == "48"
        assert error.element == NUMBER
        assert 100 <= error.offset <= 100 + len(value)


@given(cases())
def test_cut_anywhere_a_value_is_whole_or_refused_with_a_place(case: Case) -> None:
    value = case.built().value()
    for end in range(len(value)):
        judge(case, value[:end])


@given(cases(), st.data())
def test_whatever_is_changed_a_value_is_kept_or_refused_with_a_place(case: Case, data: st.DataObject) -> None:
    value: Any = case.built().value()
    at = data.draw(st.integers(0, len(value)))
    noise: Any = data.draw(st.text(" 0129AFz~", max_size=9) if isinstance(value, str) else st.binary(max_size=9))
    judge(case, value[:at] + noise + value[at:])
    judge(case, value[:at] + noise + value[at + len(noise) :])
    judge(case, noise)


@given(cases(), st.text(max_size=6))
def test_an_error_holds_no_value(case: Case, around: str) -> None:
    plain = around.encode("ascii", "replace").decode()
    value = plain + PAN + plain
    result = verdict(case, value.encode() if case.row.kind is Kind.B else value)
    faults = [result] if isinstance(result, DecodeError) else [entry.fault for entry in result]
    assert "11111" not in "".join(f"{fault}{fault!r}" for fault in faults)


@given(cases(), st.data())
def test_a_part_is_replaced_and_nothing_else(case: Case, data: st.DataObject) -> None:
    parts = case.built()
    flat = [index for index, piece in enumerate(parts.pieces) if piece.layout is None]
    if not flat:
        return
    index = data.draw(st.sampled_from(flat))
    piece, occurrence = list(parts.counted())[index]
    other = next((value for key, value in data.draw(cases_like(case)) if key == piece.key), None)
    if other is None:
        return
    before = [item.raw for item in parts.items()]
    after = parts.replace(piece.key, other, occurrence)
    assert after.get(piece.key, occurrence) == other
    assert [item.raw for item in after.items() if (item.key, item.occurrence) != (piece.key, occurrence)] == [
        raw for number, raw in enumerate(before) if number != index
    ]
    assert bytes(after.replace(piece.key, case.items[index][1], occurrence)) == bytes(parts)


def cases_like(case: Case) -> st.SearchStrategy[list[tuple[str, Any]]]:
    assert case.row.layout is not None
    return contents(case.row.layout, text=case.row.kind is not Kind.B)


@given(cases())
def test_parts_go_away_from_the_last_to_the_first(case: Case) -> None:
    parts = case.built()
    for key, occurrence in [(piece.key, occurrence) for piece, occurrence in parts.counted()][::-1]:
        left = [item.raw for item in parts.items()][:-1]
        parts = parts.remove(key, occurrence)
        assert [item.raw for item in parts.items()] == left


def test_repeated_tags_are_told_apart_and_none_is_lost() -> None:
    parts = text_of(TLV, "4201" + "1" + "7702xx" + "4202" + "22" + "4200")
    assert parts.all("42") == ["1", "22", ""]
    assert [(item.key, item.occurrence) for item in parts.items()] == [("42", 0), ("77", 0), ("42", 1), ("42", 2)]
    assert parts.replace("42", "333", 1).value() == "4201" + "1" + "7702xx" + "4203" + "333" + "4200"
    assert parts.put("42", "9", 3).value() == "4201" + "1" + "7702xx" + "4202" + "22" + "4200" + "4201" + "9"
    assert parts.insert("78", "", at=0).value() == "7800" + parts.raw.decode()
    assert parts.remove("42", 1).value() == "42011" + "7702xx" + "4200"
    assert ("42" in parts, "43" in parts) == (True, False)
    with pytest.raises(EncodeError, match="before it are missing"):
        parts.put("43", "abc", 1)
    with pytest.raises(KeyError):
        parts.replace("43", "abc")
    with pytest.raises(KeyError):
        parts.remove("42", 3)


def test_the_value_that_a_part_has_changes_no_byte() -> None:
    layout = Positional((Part("1", "fixed", Kind.ANS, FIXED, 5, Mask.PUBLIC),))
    short = text_of(layout, "ab")
    assert short.replace("1", "ab") is not short
    assert short.replace("1", "ab").value() == "ab"
    assert short.replace("1", "cd").value() == "cd   "
    as_hex = BitmapParts((Part("1", "one", Kind.B, FIXED, 2, Mask.PUBLIC),), octets=1, binary=False)
    lower = text_of(as_hex, "80abcd")
    assert lower.get("1") == b"\xab\xcd"
    assert lower.replace("1", b"\xab\xcd").value() == "80abcd"
    assert lower.replace("1", b"\xab\xce").value() == "80ABCE"


@pytest.mark.parametrize(
    ("layout", "value", "key", "new", "problem"),
    [
        (TLV, "", "42", "123456", "48.42: length above the maximum"),
        (TLV, "", "42", "12a", "48.42: holds a character that the kind does not allow"),
        (TLV, "", "43", "abcd", "48.43: not of the fixed length"),
        (TLV, "", "7", "", "48.tag: not a tag of the layout"),
        (TLV, "", "77", b"", "48.77: not text"),
        (TLV, "", "77", "x" * 100, "48.77: length does not fit into its prefix"),
        (Pds((), over=()), "", "00a1", "", "48.tag: not a tag of the layout"),
        (Positional(TLV.parts), "", "43", "abc", "48.43: the parts before it are missing, or it is none"),
        (Positional(TLV.parts, repeats=True), "", "2", "abc", "48.2: not the next group"),
        (BitmapParts(TLV.parts, octets=8, binary=False), "", "44", "abc", "48.44: not a part of the layout"),
        (dataclasses.replace(TLV, category=True), "", "42", "1", "48.42: the category before it is missing"),
        (dataclasses.replace(TLV, category=True), "R", "category", "S", ""),
    ],
)
def test_what_a_part_cannot_hold_is_refused_by_path(
    layout: Layout, value: str, key: str, new: str | bytes, problem: str
) -> None:
    parts = text_of(layout, value)
    if not problem:
        assert parts.put(key, new).get(key) == new
        return
    with pytest.raises(EncodeError) as refused:
        parts.put(key, new)
    assert str(refused.value) == problem


def test_a_change_that_would_be_read_otherwise_is_refused() -> None:
    parts = text_of(Positional(TLV.parts), "03123" + "a")
    with pytest.raises(EncodeError, match="read again"):
        parts.remove("42")
    groups = text_of(Positional((Part("1", "one", Kind.N, FIXED, 2, Mask.PUBLIC),), repeats=True), "1122")
    with pytest.raises(EncodeError, match="other parts"):
        groups.remove("1")
    with pytest.raises(EncodeError, match="other parts"):
        groups.replace("1", "333333")
    with pytest.raises(EncodeError, match="cannot stand in this place"):
        groups.insert("3", "44", at=0)


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = build([("70", data)])
    return data


def test_levels_are_bounded_and_nothing_recurses() -> None:
    level = bytes_of(BerTlv(), nested(40))
    for _ in range(DEPTH_MAX - 1):
        level = level.inside(level.pieces[0])
    with pytest.raises(DecodeError, match="nested too deep") as refused:
        level.inside(level.pieces[0])
    assert refused.value.path == "48" + ".#1" * DEPTH_MAX
    assert len(list(entries(bytes_of(BerTlv(), nested(40))))) == DEPTH_MAX


def test_parts_of_a_level_are_bounded() -> None:
    assert len(bytes_of(BerTlv(), b"\x82\x00" * PARTS_MAX).pieces) == PARTS_MAX
    with pytest.raises(DecodeError, match="more than 2000 parts") as refused:
        bytes_of(BerTlv(), b"\x82\x00" * (PARTS_MAX + 1))
    assert refused.value.offset == 2 * PARTS_MAX


def test_what_is_not_made_of_parts_is_said_to_be() -> None:
    with pytest.raises(PathError):
        opened(ASCII, dataclasses.replace(row_of(TLV), layout=None), "")
    parts = text_of(TLV, "42011")
    with pytest.raises(PathError):
        parts.inside(parts.pieces[0])
    with pytest.raises(PathError):
        parts.inside_new("77")
    with pytest.raises(DecodeError, match="only bytes can be"):
        text_of(BerTlv(), "8200")
    with pytest.raises(DecodeError, match="not ASCII"):
        text_of(TLV, "4201\u0661")


@given(
    st.sampled_from([Tagged((), tag_digits=4), Pds((), over=()), Tagged((), tag_digits=8, category=True)]),
    st.sampled_from([PAN, "5274813690274455"]),
    st.text("0123456789", max_size=8),
)
def test_no_tag_that_nobody_declares_is_spelled(layout: Layout, number: str, around: str) -> None:
    value = around + number + around
    try:
        parts = text_of(layout, value)
        said = repr(parts) + repr(list(parts.items())) + repr(list(entries(parts)))
    except DecodeError as error:
        said = f"{error} {error!r}"
    assert not [word for word in re.findall(r"\d{4,}", said) if word in value]


def test_a_tag_that_nobody_declares_is_named_by_its_position() -> None:
    out_of_step = "4101x" + PAN[2:8] + PAN  # 41, 11 with a length of 11, and 11 with more than there is
    with pytest.raises(DecodeError) as refused:
        text_of(TLV, out_of_step)
    assert refused.value.path == "48.#3"


def test_the_levels_inside_a_tag_that_nobody_declares_are_named_alike() -> None:
    parts = bytes_of(BerTlv(), build([("82", b"00"), ("E1", build([("71", b"\x01")]))]))
    inner = parts.inside(parts.pieces[1])
    assert inner.place.path == "48.E1"
    with pytest.raises(DecodeError) as refused:
        inner.inside(inner.pieces[0])
    assert refused.value.path == "48.#2.71.#1"
    with pytest.raises(EncodeError) as unwritten:
        parts.mapped(lambda _: "text")
    assert unwritten.value.path == "48.82"
    with pytest.raises(EncodeError) as unwritten:
        parts.replace("E1", "text")
    assert unwritten.value.path == "48.#2"


def test_a_level_shows_keys_and_lengths() -> None:
    parts = text_of(Tagged((Part("02", "pan", Kind.N, LLVAR, 19, Mask.PAN),)), "0216" + PAN)
    assert repr(parts) == "Parts(48: 02:16)"
    assert "4111" not in repr(list(parts.items())) + repr(list(entries(parts)))


def test_errors_in_what_had_been_packed_point_at_its_beginning() -> None:
    inner = Positional((Part("1", "letters", Kind.A, FIXED, 2, Mask.PUBLIC),) * 1)
    outer = Positional(
        (
            Part("1", "lead", Kind.ANS, FIXED, 3, Mask.PUBLIC),
            Part("2", "plain", Kind.ANS, FIXED, 4, Mask.PUBLIC, inner),
        )
    )
    parts = text_of(outer, "xyzab12")
    with pytest.raises(DecodeError) as refused:
        parts.inside(parts.pieces[1])
    assert (refused.value.path, refused.value.offset) == ("48.2", 3 + 2)
    in_hex = Positional((Part("1", "hex", Kind.B, FIXED, 4, Mask.PUBLIC, inner),))
    packed = text_of(in_hex, "C1C23132")
    with pytest.raises(DecodeError) as refused:
        packed.inside(packed.pieces[0])
    assert (refused.value.path, refused.value.offset) == ("48.1", 0)
