"""The bytes where reading ended, or one change to the dialect, say why; never by a value."""

import dataclasses
from datetime import UTC, datetime

import pytest

from twinrail.codecs.iso8583 import DIALECTS, Codec, Message, codec_for
from twinrail.codecs.likely_cause import kind_of, likely_causes
from twinrail.codecs.sample import PAN, sample
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.axes import FIXED, LLVAR, Coding, Counts, Kind, Mask, Prefix, PrefixForm
from twinrail.schemas.iso8583.elements import Dialect, Element

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
ASCII, BCD = DIALECTS["iso1987-ascii"], DIALECTS["iso1987-bcd"]
MESSAGE = sample(
    codec_for("iso1987-ascii"),
    "0100",
    NOW,
    {"35": PAN + "=2912101", "52": "0123456789abcdef", "55": "9f0206000000001000"},
)


def causes(dialect: Dialect, data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        Codec(dialect).decode(data)
    found = likely_causes(dialect, data, caught.value)
    assert PAN[:8] not in "".join(found)
    return "\n".join(found)


def row(dialect: Dialect, number: int) -> Element:
    return next(one for one in dialect.elements if one.number == number)


def test_a_message_that_ends_in_its_bitmap_is_cut_short_and_no_more() -> None:
    for data in (b"\x08\x00", b"\x08\x000123456"):
        assert causes(BCD, data) == "the message is cut short, or a length before this place is wrong"


# What a peer may do otherwise, and what is said of it.
PEERS: list[tuple[Dialect, Dialect, str]] = [
    (ASCII, ASCII.but("p", lengths=Prefix(form=PrefixForm.BCD)), "all lengths were packed digits"),
    (ASCII, ASCII.but("p", lengths=Prefix(form=PrefixForm.BINARY)), "all lengths were binary"),
    (BCD, BCD.but("p", lengths=Prefix(form=PrefixForm.CHARACTERS)), "all lengths were digits as characters"),
    (BCD, BCD.but("p", lengths=Prefix(counts=Counts.BYTES)), "all lengths counted bytes"),
    (ASCII, ASCII.but("p", binary=Coding.HEX), "bytes were hex digits"),
    (ASCII, ASCII.but("p", elements=(dataclasses.replace(row(ASCII, 52), coding=Coding.HEX),)), "DE52 were hex digits"),
    (ASCII, ASCII.but("p", elements=(Element(41, "t", Kind.ANS, FIXED, 15, Mask.PUBLIC),)), "7 bytes longer than"),
    (ASCII, ASCII.but("p", elements=(Element(42, "m", Kind.ANS, FIXED, 12, Mask.PUBLIC),)), "3 bytes shorter than"),
    (
        ASCII,
        ASCII.but("p", elements=(Element(42, "m", Kind.ANS, LLVAR, 20, Mask.PUBLIC),)),
        "DE42 had 2 digits of length",
    ),
]


@pytest.mark.parametrize(("dialect", "peer", "words"), PEERS)
def test_one_change_that_reads_it_all_names_the_cause(dialect: Dialect, peer: Dialect, words: str) -> None:
    held = dict(MESSAGE.elements)
    if row(peer, 42).length < 15:
        held[42] = "MERCHANT0001"
    assert words in causes(dialect, Codec(peer).encode(Message("0100", held)))


def test_text_of_another_kind() -> None:
    peer = ASCII.but("p", elements=(Element(37, "rrn", Kind.ANS, FIXED, 12, Mask.PUBLIC),))
    data = Codec(peer).encode(Message("0100", MESSAGE.elements | {37: "REF/1234567!"}))
    assert "DE37 could hold any text" in causes(ASCII, data)


ECHO = Message("0800", {7: "1121143005", 11: "000001", 70: "301"})
WIRE = codec_for("iso1987-ascii").encode(ECHO)


@pytest.mark.parametrize(
    ("dialect", "data", "words"),
    [
        ("iso1987-ascii", WIRE + b"\x03", "1 byte left over: the trailer of a frame"),
        ("iso1987-ascii", WIRE + b"12345678", "8 bytes left over: a MAC whose bit is not set"),
        ("iso1987-ascii", WIRE + b"0800", "4 bytes left over: another message behind it"),
        ("iso1987-ascii", WIRE[:-1], "the message is cut short"),
        ("iso1987-ascii", b"0800" + b"2220000008800000"[:10], "the message is cut short"),
        ("iso1987-ascii", b"ISO" + bytes(3) + WIRE, "what looks like a message type stands at byte 6"),
        ("iso1987-ascii", WIRE[:20] + bytes(16) + WIRE[36:], "no hex digits follow as second bitmap"),
        ("pos", codec_for("iso1987-bcd").encode(ECHO), "iso1987-ascii, iso1987-ascii-binary"),
        ("iso1987-ascii", WIRE.replace(b"8220", b"A220", 1), "ends within"),
    ],
)
def test_the_bytes_where_reading_ended_say_why(dialect: str, data: bytes, words: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec_for(dialect).decode(data)
    found = "\n".join(likely_causes(DIALECTS[dialect], data, caught.value)) or caught.value.problem
    assert words in found or (words == "ends within" and "ends within" in str(caught.value))


def test_ebcdic_digits_where_ascii_was_expected() -> None:
    at = WIRE.index(b"1121143005")
    mixed = WIRE[:at] + "1121143005".encode("cp500") + WIRE[at + 10 :]
    assert "EBCDIC digits stand where transmitted_at should be ASCII digits" in causes(ASCII, mixed)


def test_kinds_of_bytes() -> None:
    found = [
        kind_of(bytes.fromhex(text)) for text in ("3136", "f1f6", "0000", "2020", "4040", "1999", "4a", "ff00", "")
    ]
    expected = ["ASCII digits", "EBCDIC digits", "zero bytes", "blanks", "EBCDIC blanks", "packed digits", "ASCII text"]
    assert found == [*expected, "", ""]
