"""BER-TLV: byte for byte, whatever was odd about it, and never more than a DecodeError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.tlv import DEPTH_MAX, Tlv, build, parse
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
def test_what_was_parsed_is_kept_byte_for_byte(case: tuple[bytes, list[tuple[str, bytes]]]) -> None:
    raw, items = case
    tlv = parse(raw)
    assert bytes(tlv) == raw
    assert tlv.items() == items
    for tag, value in items:
        assert value in tlv.all(tag)
        assert tlv.get(tag) == tlv.all(tag)[0]
        assert tag in tlv


@given(encoded(), st.binary(max_size=200))
def test_replacing_one_value_leaves_every_other_byte(case: tuple[bytes, list[tuple[str, bytes]]], value: bytes) -> None:
    raw, items = case
    tlv = parse(raw)
    if not items:
        with pytest.raises(KeyError):
            tlv.replace("9F02", value)
        return
    tag = items[-1][0]
    changed = tlv.replace(tag, value)
    index = next(i for i, item in enumerate(items) if item[0] == tag)
    assert changed.items() == [*items[:index], (tag, value), *items[index + 1 :]]
    assert changed.replace(tag, items[index][1]).items() == items
    assert bytes(tlv) == raw
    node = tlv.nodes[index]
    assert bytes(changed).startswith(raw[: node.length_at])
    assert bytes(changed).endswith(raw[node.end :])


@given(st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=4))
def test_building_is_parsing_backwards(items: list[tuple[str, bytes]]) -> None:
    assert parse(bytes(build(items))).items() == items


def verdict(data: bytes) -> Tlv | DecodeError:
    try:
        return parse(data, offset=100)
    except DecodeError as error:
        return error


@given(st.binary(max_size=64))
def test_any_bytes_parse_without_loss_or_are_refused_with_a_place(data: bytes) -> None:
    result = verdict(data)
    if isinstance(result, Tlv):
        assert bytes(result) == data
    else:
        assert result.element == 55
        assert result.path.startswith("55")
        assert 100 <= result.offset <= 100 + len(data)


@pytest.mark.parametrize(
    ("data", "path", "offset"),
    [
        ("9F", "55", 0),
        ("DF818181", "55", 0),
        ("DF8181818101", "55", 0),
        ("9F02", "55.9F02", 2),
        ("9F0206000000", "55.9F02", 2),
        ("8200" + "9F0280", "55.9F02", 4),
        ("9F0285", "55.9F02", 2),
        ("9F028200", "55.9F02", 2),
    ],
)
def test_what_is_wrong_is_named_by_tag_and_byte(data: str, path: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(bytes.fromhex(data))
    assert (caught.value.path, caught.value.offset, caught.value.element) == (path, offset, 55)


def test_constructed_objects_are_opened_when_asked_and_not_before() -> None:
    tlv = parse(bytes.fromhex("7106112233445566" + "7205" + "9F18021234"), offset=50)
    no_tlv, script = tlv.nodes
    assert no_tlv.constructed
    assert tlv.get("71") == bytes.fromhex("112233445566")
    with pytest.raises(DecodeError) as caught:
        tlv.inside(no_tlv)
    assert (caught.value.path, caught.value.offset) == ("55.71.11", 50 + 3)
    assert tlv.inside(script).get("9F18") == bytes.fromhex("1234")


def test_nesting_is_bounded_and_nothing_recurses() -> None:
    data = b""
    for _ in range(20):
        data = bytes.fromhex("70") + bytes([len(data)]) + data
    level: Tlv = parse(data)
    for _ in range(DEPTH_MAX - 1):
        level = level.inside(level.nodes[0])
    with pytest.raises(DecodeError, match="nested too deep"):
        level.inside(level.nodes[0])


@pytest.mark.parametrize("tag", ["", "9F", "9", "8281", "00", "zz", "9F818181", "9F 02", "4111111111111111"])
def test_what_is_no_tag_is_not_built(tag: str) -> None:
    with pytest.raises(EncodeError) as caught:
        build([(tag, b"")])
    assert "4111" not in str(caught.value)


def test_the_representation_holds_no_value() -> None:
    assert repr(build([("5A", bytes.fromhex("4111111111111111"))])) == "Tlv(5A:8)"
