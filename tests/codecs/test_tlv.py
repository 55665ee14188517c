"""BER-TLV: byte for byte, whatever was odd about it, and never more than a DecodeError."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.tlv import Node, build, constructed, header, objects
from twinrail.errors import DecodeError, EncodeError

TAGS = st.sampled_from(["82", "9F02", "5A", "DF8129", "9F8101", "70", "BF0C"])
LENGTH_FORMS = st.sampled_from([0, 1, 2, 3, 4])


@st.composite
def encoded(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Objects with filler between them and lengths of any form, and what they hold."""
    raw, items = b"", []
    for _ in range(draw(st.integers(0, 6))):
        raw += bytes(draw(st.integers(0, 2)))
        tag, value, form = draw(TAGS), draw(st.binary(max_size=20)), draw(LENGTH_FORMS)
        length = bytes([0x80 | form]) + len(value).to_bytes(form, "big") if form else bytes([len(value)])
        raw += bytes.fromhex(tag) + length + value
        items.append((tag, value))
    return raw + bytes(draw(st.integers(0, 2))), items


@given(encoded())
def test_every_object_is_found_where_it_stands(case: tuple[bytes, list[tuple[str, bytes]]]) -> None:
    raw, items = case
    found = list(objects(raw))
    assert [(node.tag, raw[node.value_at : node.end]) for node in found] == items
    at = 0
    for node in found:
        assert not any(raw[at : node.start])
        assert raw[node.start :].startswith(bytes.fromhex(node.tag))
        at = node.end
    assert not any(raw[at:])


@given(st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=4))
def test_building_is_finding_backwards(items: list[tuple[str, bytes]]) -> None:
    raw = build(items)
    assert [(node.tag, raw[node.value_at : node.end]) for node in objects(raw)] == items


def verdict(data: bytes) -> list[Node] | DecodeError:
    try:
        return list(objects(data))
    except DecodeError as error:
        return error


@given(st.binary(max_size=64))
def test_any_bytes_are_objects_or_are_refused_with_a_place(data: bytes) -> None:
    result = verdict(data)
    if isinstance(result, DecodeError):
        assert 0 <= result.offset <= len(data)
    else:
        assert all(first.end <= second.start for first, second in pairwise(result))


@pytest.mark.parametrize(
    ("data", "path", "offset"),
    [
        ("9F", "", 0),
        ("DF818181", "", 0),
        ("DF8181818101", "", 0),
        ("9F02", "9F02", 2),
        ("9F0206000000", "9F02", 2),
        ("8200" + "9F0280", "9F02", 4),
        ("9F0285", "9F02", 2),
        ("9F028200", "9F02", 2),
    ],
)
def test_what_is_wrong_is_named_by_tag_and_byte(data: str, path: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        list(objects(bytes.fromhex(data)))
    assert (caught.value.path, caught.value.offset) == (path, offset)


def test_the_form_of_a_tag_says_whether_objects_are_inside() -> None:
    assert [tag for tag in ("70", "9F02", "BF0C", "82", "E1", "5A") if constructed(tag)] == ["70", "BF0C", "E1"]


@pytest.mark.parametrize(("length", "wire"), [(0, "00"), (127, "7f"), (128, "8180"), (65_536, "83010000")])
def test_a_length_takes_its_shortest_form(length: int, wire: str) -> None:
    assert header("82", length).hex() == "82" + wire


@pytest.mark.parametrize("tag", ["", "9F", "9", "8281", "00", "zz", "9F818181", "9F 02", "4111111111111111"])
def test_what_is_no_tag_is_not_built(tag: str) -> None:
    with pytest.raises(EncodeError) as caught:
        build([(tag, b"")])
    assert "4111" not in str(caught.value)
