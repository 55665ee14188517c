"""Showing messages: codes in words, and nothing of a card beyond what the standard of the card industry allows."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twinrail.codecs.describe import Line, describe, masked, summary, to_dict, window
from twinrail.codecs.iso8583 import DIALECTS, Message, codec_for
from twinrail.codecs.paths import put
from twinrail.codecs.tlv import build
from twinrail.schemas.iso8583.axes import FIXED, LLLVAR, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.iso1987 import DIALECT, ELEMENTS
from twinrail.schemas.iso8583.layouts import Part, Positional

ROWS = {row.number: row for row in ELEMENTS}
PAN = "4111111111111111"
TRACK = "4111111111111111D29122011234567890"


def words_of(message: Message) -> dict[str, Line]:
    return {line.path: line for line in describe(DIALECT, message)}


def everything_shown(message: Message) -> str:
    shown = [json.dumps(to_dict(DIALECT, message)), summary(DIALECT, message), repr(describe(DIALECT, message))]
    shown += [masked(ROWS[number], value) for number, value in message.elements.items() if number in ROWS]
    return "\n".join(shown)


def test_codes_are_said_in_words() -> None:
    lines = words_of(
        Message(
            "0421",
            {
                2: PAN,
                3: "012000",
                4: "000000012345",
                7: "0604151515",
                12: "151515",
                22: "071",
                25: "08",
                39: "51",
                41: "TERMID01",
                43: "A SHOP IN TOWN           SOMEWHERE    DE",
                49: "392",
                54: "0002978C000000012345" + "0001978D000000000100",
                90: "0100223344060413010500000123456" + "0" * 11,
                95: "000000000045000000000000C00000000D00000000",
            },
        )
    )
    assert lines["mti"].words == "reversal advice, repeat"
    assert (lines["2"].name, lines["2"].value) == ("pan", "411111******1111")
    assert lines["3"].words == "cash withdrawal, from cheque account to default account"
    assert lines["4"] == Line("4", "amount", "000000012345", "12345 JPY")
    assert lines["7"].words == "06-04 15:15:15 UTC"
    assert lines["12"].words == "15:15:15"
    assert lines["22"].words == "contactless chip, PIN can be entered"
    assert lines["25"].words == "mail or telephone order"
    assert lines["39"].words == "insufficient funds"
    assert lines["41"].value == "TERMID01"
    assert lines["43"].value.startswith("A SHOP IN TOWN")
    assert lines["49"].words == "JPY"
    assert lines["54"].words == "available balance 123.45 EUR, ledger balance -1.00 EUR"
    assert lines["90"].words == "0100 with stan 223344"
    assert lines["95"].words == "45 JPY"
    assert words_of(Message("0800", {70: "301"}))["70"].words == "echo test"


def test_tags_of_de55_are_named_and_the_sensitive_ones_hidden() -> None:
    icc = build(
        [
            ("9F02", bytes.fromhex("000000005000")),
            ("5F2A", bytes.fromhex("0978")),
            ("9C", b"\x00"),
            ("8A", b"51"),
            ("57", bytes.fromhex("4111111111111111D2912201123456789F")),
            ("5A", bytes.fromhex(PAN)),
            ("9F26", bytes.fromhex("1122334455667788")),
            ("DF8129", bytes.fromhex(PAN)),
            ("9F1E", bytes.fromhex(PAN)),
            ("71", bytes.fromhex("112233445566")),
            ("72", build([("9F18", b"\x12\x34"), ("86", b"\x84\x24")])),
        ]
    )
    lines = words_of(Message("0100", {49: "840", 55: icc}))
    assert lines["55"].value == f"[{len(icc)} bytes]"
    assert lines["55.9F02"] == Line("55.9F02", "amount authorized", "000000005000", "50.00 EUR")
    assert lines["55.5F2A"].words == "EUR"
    assert lines["55.9C"].words == "purchase"
    assert lines["55.8A"].words == "insufficient funds"
    assert lines["55.57"].value == "[17 bytes]"
    assert lines["55.5A"].value == "[8 bytes]"
    assert lines["55.9F26"].value == "[8 bytes]"
    assert lines["55.DF8129"] == Line("55.DF8129", "unknown tag", "[8 bytes]", "")
    assert lines["55.9F1E"].value == "[8 bytes]"
    assert lines["55.71"].value == "[6 bytes]"
    assert {"55.72", "55.72.9F18", "55.72.86"} <= set(lines)
    broken = words_of(Message("0100", {55: bytes.fromhex("9F0206000000")}))
    assert broken["55"].words == "cannot be read at 55.9F02: data ends within the value"


@given(
    st.dictionaries(
        st.sampled_from(sorted(ROWS)),
        st.sampled_from(
            [PAN, TRACK, "%B" + PAN + "^A/B^2912", "pay " + PAN + " now", "4111 1111 1111 1111", "9" + PAN]
        ),
        max_size=12,
    ),
    st.sampled_from(["", " ", "x", "0", "\n"]),
)
@example({97: PAN}, "")  # a signed amount without its sign
def test_a_card_number_is_never_shown_in_whatever_element_it_stands(elements: dict[int, str], around: str) -> None:
    message = Message("0100", {number: around + value + around for number, value in elements.items()})
    shown = everything_shown(message).replace(" ", "").replace("-", "")
    assert "11111111" not in shown
    assert "2912" not in shown


def test_a_long_number_is_searched_unless_it_fills_its_parts() -> None:
    in_parts = next(row for row in DIALECTS["base1"].elements if row.number == 61)
    bare = Element(61, "other_amounts", Kind.N, LLVAR, 36, Mask.PUBLIC)
    assert masked(in_parts, "000000001000" * 2) == "000000001000" * 2
    assert masked(in_parts, "00161" + PAN) == "[21 characters]"
    assert masked(bare, "00161" + PAN + "000") == "[24 characters]"
    assert masked(bare, "3" * 36) == "3" * 36


@given(st.sampled_from(ELEMENTS), st.one_of(st.text(max_size=40), st.binary(max_size=40), st.text("0123456789=D^% ")))
def test_what_is_secret_shows_its_length_and_nothing_else(row: Element, value: str | bytes) -> None:
    shown = masked(row, value)
    length = f"[{len(value)} {'bytes' if isinstance(value, bytes) else 'characters'}]"
    if row.mask in {Mask.SENSITIVE, Mask.SECRET} or isinstance(value, bytes):
        assert shown == length
    elif row.mask is Mask.PAN:
        assert shown == length or (len(shown) == len(value) and shown.count("*") >= 4)
    else:
        assert shown in {value, length}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (PAN, "411111******1111"),
        ("371449635398431", "371449*****8431"),
        ("4000000000000000006", "400000*********0006"),
        ("30569309025904", "305693****5904"),
        ("501234567890", "********7890"),
        ("41111111111", "[11 characters]"),
        ("4111x11111111111", "[16 characters]"),
        ("", "[0 characters]"),
        ("٤" * 16, "[16 characters]"),
    ],
)
def test_a_card_number_keeps_six_and_four(value: str, shown: str) -> None:
    assert masked(ROWS[2], value) == shown


@pytest.mark.parametrize(
    "text",
    [
        "ORDERID=000123|CHANNEL=ECOM",
        "LOYALTY=OFF|INSTALLMENT=00",
        "TIP=00000500",
    ],
)
def test_harmless_free_text_is_shown(text: str) -> None:
    assert masked(ROWS[48], text) == text


@pytest.mark.parametrize(
    "text",
    [
        "PAN=4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "411111111111",
        "NL91ABNA0417164300",
        "NL91 ABNA 0417 1643 00",
        "TIP=000000000500",
        "tab\tbed",
        "ümlaut",
    ],
)
def test_free_text_that_could_hold_a_number_is_hidden_whole(text: str) -> None:
    assert masked(ROWS[62], text) == f"[{len(text)} characters]"


def test_public_text_that_passes_as_a_card_number_is_hidden() -> None:
    assert masked(ROWS[42], "MERCHANT0000001") == "MERCHANT0000001"
    assert masked(ROWS[42], "371449635398431") == "[15 characters]"
    assert masked(ROWS[86], PAN) == "[16 characters]"
    assert masked(ROWS[90], "0100223344060413010500000123456" + "0" * 11).startswith("0100")
    wide = Element(120, "wide", Kind.AN, LLLVAR, 40, Mask.PUBLIC)
    assert masked(wide, "AB" + PAN + "CD") == "[20 characters]"
    assert masked(Element(39, "code", Kind.AN, FIXED, 2, Mask.PUBLIC), "000") == "[3 characters]"


def test_what_the_dialect_does_not_have_shows_its_length() -> None:
    lines = words_of(Message("0100", {65: PAN, 200: b"abc"}))
    assert lines["65"].value == "[16 characters]"
    assert lines["200"].value == "[3 bytes]"
    assert describe(DIALECT, Message(PAN, {}))[0].value == "[hidden]"


def test_one_line_for_a_message() -> None:
    message = Message("0110", {2: PAN, 4: "000000005000", 11: "123456", 37: "REF123456789", 39: "00", 49: "978"})
    assert summary(codec_for("iso1987-ascii"), message) == (
        "0110 authorization response | stan 123456 | pan 411111******1111 | 50.00 EUR | rrn REF123456789"
        " | response_code 00 approved"
    )


def test_json_says_the_same_as_the_lines() -> None:
    message = Message("0800", {11: "123456", 70: "001"})
    assert to_dict(codec_for("iso1987-bcd"), message) == {
        "dialect": "iso1987-bcd",
        "mti": "0800",
        "words": "network management request",
        "elements": [
            {"path": "11", "name": "stan", "value": "123456", "words": ""},
            {"path": "70", "name": "network_management_code", "value": "001", "words": "sign-on"},
        ],
    }


def test_a_window_points_at_the_byte_and_hides_all_but_type_and_bitmap() -> None:
    wire = codec_for("iso1987-ascii").encode(Message("0100", {2: PAN, 3: "000000"}))
    assert window(wire, 10) == (
        "     2  30 30 36 30 30 30 30 30 30 30 30 30 30 30 30 30\n" + " " * (8 + 3 * 8) + "^^ byte 10 of 44"
    )
    top, caret = window(wire, 21).split("\n")
    assert top.split()[0] == "13"
    assert top.split()[1:] == ["30"] * 7 + ["··"] * 9
    assert caret.index("^^") == top.index("··") + 3
    assert "byte 44 of 44" in window(wire, 9999)
    assert "··" in window(b"\xff" * 20, 0)
    assert window(b"", 0).endswith("byte 0 of 0")


@given(st.binary(max_size=60), st.integers(-5, 80))
def test_a_window_of_anything_is_drawn(data: bytes, offset: int) -> None:
    top, caret = window(data, offset).split("\n")
    assert len(top.split()) <= 17
    assert "^^" in caret


def test_a_window_never_takes_a_card_number_for_a_bitmap() -> None:
    for data in (b"2221000000000009" * 3, b"0100" + PAN.encode() * 2, bytes.fromhex("0100" + PAN), PAN.encode() * 3):
        assert window(data, 4).split("\n")[0].split()[1:] == ["··"] * min(len(data), 16)


# Composites.


def lines_of(dialect: str, elements: dict[int, str | bytes]) -> dict[str, Line]:
    return {line.path: line for line in describe(codec_for(dialect), Message("0100", elements))}


def test_parts_are_shown_each_by_its_own_mask() -> None:
    message = Message("0100", {})
    for path, value in (
        ("48.category", "R"),
        ("48.42.01", "212"),
        ("48.92", "123"),
        ("48.33.02", PAN),
        ("48.33.04", "ABC"),
        ("48.13", "call 4111 1111 1111 1111"),
        ("48.75", "low"),
        ("48.31", b"\xf1"),
    ):
        message = put(codec_for("mds"), message, path, value)
    lines = lines_of("mds", message.elements)
    assert lines["48"].value.endswith(" bytes]")
    assert lines["48.category"].value == "R"
    assert lines["48.42"].value == "[7 characters]"
    assert lines["48.42.01"] == Line("48.42.01", "security_level", "212", "")
    assert lines["48.92"].value == "[3 characters]"
    assert lines["48.33.02"].value == "411111******1111"
    assert lines["48.33.04"].value == "ABC"
    assert lines["48.13"].value == "[24 characters]"
    assert lines["48.75"].value == "low"
    assert lines["48.31"] == Line("48.31", "unknown tag", "[1 bytes]", "")


def test_parts_one_behind_the_other_that_may_be_shown_whole_have_one_line() -> None:
    whole: dict[int, str | bytes] = {
        3: "012000",
        22: "051",
        43: "A SHOP",
        54: "0002978C000000012345",
        90: "0100" + "1" * 38,
    }
    lines = lines_of("iso1987-ascii", whole)
    assert set(lines) == {"mti", *map(str, whole)}
    assert lines["54"] == Line("54", "additional_amounts", "[20 characters]", "available balance 123.45 EUR")
    hidden = lines_of("iso1987-ascii", {43: "4111111111111111" + " " * 24})
    assert set(hidden) == {"mti", "43"}
    assert hidden["43"].value == "[40 characters]"


def test_a_composite_with_a_secret_part_is_never_shown_whole() -> None:
    layout = Positional(
        (Part("1", "word", Kind.AN, FIXED, 4, Mask.PUBLIC), Part("2", "code", Kind.N, FIXED, 3, Mask.SENSITIVE))
    )
    row = Element(60, "private", Kind.ANS, LLLVAR, 99, Mask.PERSONAL, layout)
    dialect = DIALECT.but("with-code", elements=(row,))
    assert masked(row, "WORD123") == "[7 characters]"
    assert describe(dialect, Message("0100", {60: "WORD123"}))[1:] == [
        Line("60", "private", "[7 characters]", ""),
        Line("60.1", "word", "WORD", ""),
        Line("60.2", "code", "[3 characters]", ""),
    ]
    # A number that runs over several parts is shown in none of them, nor is what does not parse.
    parted = Positional(
        tuple(
            Part(str(key), "four", Kind.N, FIXED, 4, mask)
            for key, mask in enumerate((*[Mask.PUBLIC] * 4, Mask.SECRET), 1)
        )
    )
    dialect = DIALECT.but("parted", elements=(Element(60, "private", Kind.ANS, LLLVAR, 99, Mask.PERSONAL, parted),))
    assert {line.value for line in describe(dialect, Message("0100", {60: PAN + "9999"}))[1:]} == {
        "[20 characters]",
        "[4 characters]",
    }
    assert describe(dialect, Message("0100", {60: PAN}))[1:] == [Line("60", "private", "[16 characters]", "")]
    assert describe(dialect, Message("0100", {60: "1234" * 5 + "7"}))[1:] == [
        Line("60", "private", "[21 characters]", "cannot be read: more bytes than the parts have")
    ]


def test_public_bytes_are_shown_in_hex_if_they_are_few_and_no_card_number() -> None:
    row = Element(130, "capabilities", Kind.B, LLLVAR, 99, Mask.PUBLIC)
    assert masked(row, b"\x60\xd0\xc8") == "60D0C8"
    assert masked(row, bytes.fromhex(PAN)) == "[8 bytes]"
    assert masked(row, PAN.encode()) == "[16 bytes]"
    assert masked(row, bytes(17)) == "[17 bytes]"


def test_amounts_in_tags_are_in_the_currency_beside_them() -> None:
    chip = build([("9F02", bytes.fromhex("000000005000")), ("5F2A", b"\x09\x78")])
    lines = lines_of("base1", {55: b"\x01\x00" + bytes([len(chip)]) + chip})
    assert lines["55.01"] == Line("55.01", "chip_data", f"[{len(chip)} bytes]", "")
    assert lines["55.01.9F02"].words == "50.00 EUR"


def test_words_go_by_the_name_of_an_element() -> None:
    lines = lines_of("iso1993-ascii", {12: "260101121314", 49: "978"})
    assert (lines["12"].words, lines["49"].words) == ("", "EUR")


def test_lines_are_bounded() -> None:
    lines = describe(DIALECT, Message("0100", {55: b"\x82\x00" * 600}))
    assert len(lines) == 513
    assert lines[-1].words == "the rest is left out"


@given(
    st.sampled_from(sorted(DIALECTS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from([row for row in DIALECTS[name].elements if row.layout]))
    ),
    st.text("0123456789 C", max_size=20),
    st.text("0123456789 C", max_size=20),
)
def test_a_card_number_in_a_composite_is_never_shown(place: tuple[str, Element], before: str, after: str) -> None:
    name, row = place
    # Public numbers of twenty digits and more are not searched: they are amounts and references one behind the other.
    text = PAN if row.mask is Mask.PUBLIC and row.kind in {Kind.N, Kind.XN} else before + PAN + after
    for value in (text.encode(), text.encode("cp500"), bytes.fromhex(PAN)) if row.kind is Kind.B else (text,):
        shown = json.dumps([line._asdict() for line in describe(DIALECTS[name], Message("0100", {row.number: value}))])
        assert PAN not in shown
        assert "111111111111" not in shown.replace(" ", "")


def test_a_window_shows_what_the_dialect_says_is_type_and_bitmap_unless_it_could_be_a_number() -> None:
    ebcdic = codec_for("iso1987-ebcdic")
    data = ebcdic.encode(Message("0100", {2: "4111111111111111", 3: "000000"}))
    shown = window(data, 2, head_bytes=ebcdic.head_bytes(data), what="2 pan")
    assert "f0 f1 f0 f0 60 00 00 00 00 00 00 00 ·· ··" in shown
    assert shown.endswith(f"byte 2 of {len(data)}: 2 pan")
    assert "f4 f1 f1" not in shown
    for number in (b"4111111111111111", "4111111111111111".encode("cp500"), bytes.fromhex("4111111111111111")):
        assert not any(f"{byte:02x}" in window(number, 2, head_bytes=20).split("\n")[0][8:] for byte in number)
