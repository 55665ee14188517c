"""Paths: read, change, take away and walk what is in a message, of every dialect there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import paths
from twinrail.codecs.composites import PathError
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.codecs.tlv import build
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.axes import LLLVAR, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element
from twinrail.schemas.iso8583.layouts import Part, Pds

ASCII = codec_for("iso1987-ascii")
MDS, CLEARING, POSTILION, BASE1 = (codec_for(name) for name in ("mds", "mds-clearing", "postilion-hex", "base1"))
PAN = "4111111111111111"
ICC = bytes.fromhex("9F0206000000005000" + "00" + "72" + "0A" + "9F180212349F18025678" + "9F02810100" + "DF812901AA")
MESSAGE = Message(
    "0200", {3: "012000", 4: "000000005000", 43: "A SHOP", 54: "0002978C000000012345" * 2 + "00019", 55: ICC}
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("4", "000000005000"),
        ("11", None),
        ("3.1", "01"),
        ("3.4", None),
        ("43.1", "A SHOP"),
        ("43.2", None),
        ("54.2", "0002978C000000012345"),
        ("54.1.4", "C"),
        ("54.3.2", "01"),
        ("54.3.4", None),
        ("54.4.1", None),
        ("55.9F02", bytes.fromhex("000000005000")),
        ("55.9F02[2]", b"\x00"),
        ("55.9F02[3]", None),
        ("55.72.9F18[2]", b"\x56\x78"),
        ("55.71.9F18", None),
        ("55.DF8129", b"\xaa"),
    ],
)
def test_a_path_leads_to_a_value_or_to_none(path: str, value: str | bytes | None) -> None:
    assert paths.get(ASCII, MESSAGE, path) == value
    assert paths.get(ASCII.dialect, MESSAGE, path) == value


@pytest.mark.parametrize(
    "path", ["", ".", "4.", "x", "04", "4111", "55.9F02[0]", "55.9F02[", "55 .82", "²", "55.8\u0662", "55" + ".70" * 9]
)
def test_what_is_no_path_is_refused_without_being_said(path: str) -> None:
    with pytest.raises(PathError) as refused:
        paths.get(ASCII, MESSAGE, path)
    assert str(refused.value) == "not a path: it is written as 4, 55.9F02 or 55.9F02[2]"


@pytest.mark.parametrize("path", ["4.1", "65.1", "48.1", "3.1.1", "55.9F02.1"])
def test_a_path_into_what_has_no_parts_is_refused(path: str) -> None:
    with pytest.raises(PathError, match="is not made of parts"):
        paths.get(ASCII, MESSAGE, path)
    with pytest.raises(PathError, match="is not made of parts"):
        paths.put(ASCII, MESSAGE, path, "1")


def test_a_change_makes_a_new_message_and_leaves_the_rest_as_it_was() -> None:
    before = dict(MESSAGE.elements)
    changed = paths.put(ASCII, MESSAGE, "55.72.9F18[2]", b"\x00\x00\x00")
    assert before == MESSAGE.elements
    assert changed.elements[55] == ICC.replace(
        bytes.fromhex("0A9F180212349F18025678"), bytes.fromhex("0B9F180212349F1803000000")
    )
    assert {**changed.elements, 55: ICC} == before
    assert paths.put(ASCII, MESSAGE, "4", "000000000001").elements[4] == "000000000001"
    assert paths.put(ASCII, MESSAGE, "54.3", "0001978D000000000100").elements[54] == (
        "0002978C000000012345" * 2 + "0001978D000000000100"
    )
    assert paths.put(ASCII, MESSAGE, "55.9F02[2]", b"\x07").elements[55] == ICC.replace(
        b"\x81\x01\x00", b"\x81\x01\x07"
    )


def test_what_is_missing_on_the_way_is_added() -> None:
    message = paths.put(POSTILION, Message("0200", {11: "000001"}), "127.25.3", "000000000000")
    message = paths.put(POSTILION, message, "127.25.2", "000000005000")
    message = paths.put(POSTILION, message, "127.29", bytes(40))
    assert list(message.elements) == [11, 127]
    chip = "6000000000000000" + "000000005000" + "000000000000"
    assert message.elements[127] == b"0000008800000000" + f"{len(chip):04d}{chip}".encode() + bytes(40)
    assert POSTILION.decode(POSTILION.encode(message)) == message
    message = paths.put(MDS, Message("0100", {}), "48.category", "R")
    message = paths.put(MDS, message, "48.42.01", "212")
    message = paths.put(MDS, message, "48.66", b"\x00")
    message = paths.put(MDS, message, "48.66[2]", b"\x01")
    assert message.elements[48] == "R42070103212".encode("cp500") + b"\xf6\xf6\xf0\xf1\x00\xf6\xf6\xf0\xf1\x01"
    assert paths.get(MDS, message, "48.42.01") == "212"
    message = paths.put(BASE1, Message("0100", {}), "55.01.9F02", bytes(6))
    assert message.elements[55] == bytes.fromhex("0100099F0206") + bytes(6)
    message = paths.put(BASE1, message, "62.2", "123456789012345")
    message = paths.put(BASE1, message, "62.1", "E")
    assert message.elements[62] == bytes.fromhex("C000000000000000" + "C5" + "0123456789012345")
    with pytest.raises(EncodeError) as refused:
        paths.put(BASE1, message, "62.2", PAN)
    assert str(refused.value) == "62.2: not of the fixed length"


def test_parts_and_elements_are_taken_away() -> None:
    assert paths.remove(ASCII, MESSAGE, "55.72.9F18").elements[55] == ICC.replace(
        bytes.fromhex("0A9F18021234"), bytes.fromhex("05")
    )
    assert paths.remove(ASCII, MESSAGE, "4").elements == {k: v for k, v in MESSAGE.elements.items() if k != 4}
    for path in ("2", "55.82", "55.71.82", "55.9F02[3]", "54.4.1"):
        with pytest.raises(KeyError):
            paths.remove(ASCII, MESSAGE, path)
    with pytest.raises(KeyError):
        paths.remove(MDS, Message("0100", {}), "48.42")


def test_a_composite_that_does_not_parse_says_where() -> None:
    broken = Message("0100", {48: "R42".encode("cp500")})
    for act in (
        lambda: paths.get(MDS, broken, "48.42"),
        lambda: paths.put(MDS, broken, "48.42", "x"),
        lambda: paths.remove(MDS, broken, "48.42"),
    ):
        with pytest.raises(DecodeError) as refused:
            act()
        assert (refused.value.path, refused.value.offset, refused.value.element) == ("48.42", 3, 48)


# Private data subelements over several elements.

SPILL = Pds((Part("0002", "number", Kind.N, LLLVAR, 9, Mask.PUBLIC),), over=(48, 62, 123))
SPILLED = ASCII.dialect.but(
    "spilled",
    elements=tuple(
        Element(number, f"pds_{number}", Kind.ANS, LLVAR, 30, Mask.PERSONAL, SPILL) for number in SPILL.over
    ),
)
WHOLE = "0001005abcde" + "0002003123" + "9999004wxyz" + "0001000"  # 12, 10, 11 and 7


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)))
def test_subelements_are_read_across_elements_wherever_they_are_cut(first: int, second: int) -> None:
    first, second = sorted((first, second))
    values = {48: WHOLE[:first], 62: WHOLE[first:second], 123: WHOLE[second:]}
    message = Message("1240", dict(values))
    for number in SPILL.over:
        assert paths.get(SPILLED, message, f"{number}.0002") == "123"
        assert paths.get(SPILLED, message, f"{number}.0001[2]") == ""
    same = paths.put(SPILLED, message, "48.9999", "WXYZ")
    assert {number: len(value) for number, value in same.elements.items()} == {
        number: len(value) for number, value in values.items()
    }
    assert "".join(str(same.elements[number]) for number in SPILL.over) == WHOLE.replace("wxyz", "WXYZ")
    assert [entry.path for entry in paths.walk(SPILLED, message)] == [
        *("48", "48.0001", "48.0002", "48.9999", "48.0001[2]"),
        *("62", "123"),
    ]


def test_whole_subelements_fill_the_elements_again_when_the_length_changes() -> None:
    message = Message("1240", {48: WHOLE[:5], 123: WHOLE[5:], 4: "000000000000"})
    changed = paths.put(SPILLED, message, "62.0002", "12345")
    assert changed.elements == {
        4: "000000000000",
        48: "0001005abcde" + "000200512345",
        62: "9999004wxyz" + "0001000",
    }
    assert paths.remove(SPILLED, changed, "48.9999").elements[62] == "0001000"
    assert paths.remove(SPILLED, Message("1240", {123: "0001000"}), "123.0001").elements == {}
    longer = paths.put(SPILLED, paths.put(SPILLED, changed, "48.0007", "x" * 16), "48.0008", "")
    assert [longer.elements[number] for number in (62, 123)] == [
        "9999004wxyz" + "0001000",
        "0007016" + "x" * 16 + "0008000",
    ]
    with pytest.raises(EncodeError) as refused:
        paths.put(SPILLED, longer, "48.0009", "")
    assert str(refused.value) == "48.0009: no room for all parts"


def test_a_spill_that_does_not_parse_is_a_fault_of_every_element_of_it() -> None:
    message = Message("1240", {48: WHOLE, 62: "000"})
    assert [(entry.path, entry.opened, entry.mask) for entry in paths.walk(SPILLED, message)] == [
        ("48", False, None),
        ("62", False, None),
    ]


# Walking.


def test_a_walk_gives_every_element_and_part_with_its_mask() -> None:
    walked = {entry.path: entry for entry in paths.walk(ASCII, Message("0100", {**MESSAGE.elements, 2: PAN, 65: PAN}))}
    assert [path for path in walked if path.startswith("55")] == [
        "55",
        "55.9F02",
        "55.72",
        "55.72.9F18",
        "55.72.9F18[2]",
        "55.9F02[2]",
        "55.DF8129",
    ]
    assert walked["2"].mask is Mask.PAN
    assert walked["55"].opened
    assert walked["55.9F02"].mask is Mask.PUBLIC
    assert walked["55.72"].mask is Mask.SECRET
    assert walked["55.72.9F18"].mask is None
    assert walked["65"].mask is None
    assert walked["54.3.2"].value == "01"
    assert walked["54.1"].mask is Mask.SENSITIVE


def test_what_does_not_parse_is_one_entry_that_shows_nothing() -> None:
    icc = build([("9F02", bytes(6)), ("E1", b"\x01\x02\x03"), ("72", b"\x01")]) + b"\x82"
    walked = list(paths.walk(ASCII, Message("0100", {3: "0123456", 55: icc})))
    assert [(entry.path, entry.opened, entry.mask) for entry in walked] == [
        ("3", False, None),
        ("55", False, None),
    ]
    assert all(entry.fault is not None for entry in walked)
    walked = list(paths.walk(ASCII, Message("0100", {55: icc[:-1]})))
    # What only looks as if it held objects is no fault; what a layout states is one.
    assert [(entry.path, entry.opened, entry.fault) for entry in walked[1:]] == [
        ("55.9F02", False, None),
        ("55.E1", False, None),
        ("55.72", False, None),
    ]
    bad = Message("0200", {127: b"0000008000000000" + b"0004" + b"8000"})
    found = {entry.path: entry for entry in paths.walk(POSTILION, bad)}
    assert found["127"].opened
    assert found["127.25"].fault is not None
    assert found["127.25"].fault.path == "127.25"


def composites(dialect: Dialect) -> list[Element]:
    return [row for row in dialect.elements if row.layout is not None]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@given(data=st.data())
def test_any_value_is_walked_in_any_dialect(dialect: Dialect, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(composites(dialect)))
    text = st.text("0123456789 ARZ~", max_size=80)
    octets = st.binary(max_size=80) | text.map(str.encode)
    value: str | bytes = data.draw(octets) if row.kind is Kind.B else data.draw(text)
    message = Message("0100", {row.number: value})
    for entry in paths.walk(dialect, message):
        if entry.fault is None:
            assert paths.get(dialect, message, entry.path) == entry.value
            assert paths.put(dialect, message, entry.path, entry.value) == message
        else:
            assert entry.mask is None
            # Tags that nobody declares are spelled in the path and not in the error.
            assert entry.fault.path.split(".")[0] == entry.path.split(".")[0]
            assert 0 <= entry.fault.offset <= len(value)
