"""A wrong belief is told in plain words, what reads the message is named, and no value is ever said."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinrail.codecs.diagnose import Diagnosis, diagnose
from twinrail.codecs.framing import frame
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import DIALECTS, codec_for
from twinrail.codecs.sample import PAN, sample
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
MTIS = {"1987": "0100", "1993": "1100", "2003": "2100"}


def message_of(name: str) -> bytes:
    codec = codec_for(name)
    return codec.encode(sample(codec, MTIS[codec.dialect.version], NOW, {"35": f"{PAN}=2912101"}))


def said(found: Diagnosis) -> str:
    return "\n".join(found.findings)


@settings(max_examples=50)  # each tries everything that is known, some of it several times
@given(st.sampled_from(sorted(DIALECTS)), st.sampled_from(sorted(DIALECTS)))
def test_a_message_reads_as_its_dialect_or_the_right_one_is_named(name: str, believed: str) -> None:
    found = diagnose(message_of(name).hex().encode(), codec_for(believed))
    if found.reads:
        assert found.reading is not None
        assert found.reading.message == codec_for(name).decode(message_of(name))
        return
    assert name in {other for one in found.instead for other in (one.dialect.name, *one.also)}
    assert found.findings
    assert PAN not in said(found)


@pytest.mark.parametrize(
    ("name", "believed", "words"),
    [
        ("iso1987-ascii", "iso1987-bcd", "the message type is 4 ASCII digits; iso1987-bcd expects packed digits"),
        ("iso1987-ebcdic", "iso1987-ascii", "the message type is 4 EBCDIC digits"),
        ("iso1987-bcd", "iso1987-ascii", "the message type is 2 bytes of packed digits"),
        ("iso1993-ascii", "iso1987-ascii", "the message type is of version 1993; iso1987-ascii is of 1987"),
        ("iso1987-ascii", "iso1987-ascii-binary", "if the bitmap were hex digits in ASCII"),
        ("iso1987-ascii-binary", "iso1987-ascii", "if the bitmap were bytes"),
        ("iso1987-ascii-two", "iso1987-ascii", "if there were bitmaps: two always"),
        ("iso1987-ascii", "iso1987-ascii-two", "if there were bitmaps: two where bit 1 says so"),
        ("iso1993-bcd", "elavon", "lengths are packed digits, not packed digits of 2 bytes counting bytes"),
    ],
)
def test_a_wrong_dialect_is_told_by_its_axis(name: str, believed: str, words: str) -> None:
    found = diagnose(message_of(name).hex().encode(), codec_for(believed))
    assert not found.reads
    assert words in said(found)


@pytest.mark.parametrize(
    ("around", "believed", "words"),
    [
        ("ascii4", "binary2", "is the ASCII text 01 read as binary"),
        ("ascii4", "binary2", "what reads it has a frame ascii4, not binary2"),
        ("binary2", "ascii4", "not in a frame ascii4: length is not digits"),
        ("none", "binary2", "what reads it has no frame, not binary2"),
        ("binary2", "none", "what reads it has a frame binary2, not none"),
    ],
)
def test_a_wrong_frame_is_told(around: str, believed: str, words: str) -> None:
    data = message_of("iso1987-ascii")
    content = data if around == "none" else frame(FRAMES[around], data)
    found = diagnose(content.hex().encode(), codec_for("iso1987-ascii"), frame=believed)
    assert not found.reads
    assert words in said(found)


def test_a_wrong_header_is_told() -> None:
    data = message_of("iso1987-bcd")
    tpdu = header_codec(HEADERS["tpdu"]).fresh(len(data)) + data
    found = diagnose(tpdu.hex().encode(), codec_for("iso1987-bcd"), header="base1")
    assert "not a header base1: " in said(found)
    assert "what reads it has a header tpdu, not base1" in said(found)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the input is empty"),
        (b"30313030 7", "an odd number of digits"),
        (b'<?xml version="1.0"?><Document/>', "it begins as XML does"),
        (b"160301020001000101", "it begins as a TLS handshake does"),
    ],
)
def test_what_is_no_message_at_all(content: bytes, words: str) -> None:
    found = diagnose(content)
    assert not found.reads
    assert words in said(found)
    assert not found.instead


@pytest.mark.parametrize("trailer", [b"", b"\x03"])
def test_a_message_behind_bytes_that_nothing_explains(trailer: bytes) -> None:
    found = diagnose((bytes(range(1, 8)) + message_of("iso1987-ascii") + trailer).hex().encode())
    assert "behind 7 bytes it reads as iso1987-ascii" in said(found)


def test_part_of_a_frame_and_several_frames() -> None:
    framed = frame(FRAMES["binary2"], message_of("iso1987-ascii"))
    cut = diagnose(framed[:-3].hex().encode(), codec_for("iso1987-ascii"), frame="binary2")
    assert "its length is more than there is" in said(cut)
    assert "the length says more bytes than there are" in said(diagnose(b"00", frame="binary2"))
    broken = framed[:40] + b"\xff" + framed[41:]
    several = diagnose((broken + framed).hex().encode(), codec_for("iso1987-ascii"), frame="binary2")
    assert "it is 2 messages in frames binary2" in said(several)
    empty = diagnose(b"0000", frame="binary2")
    assert "a keep-alive and no message" in said(empty)


@settings(max_examples=50)
@given(st.sampled_from(sorted(DIALECTS)), st.integers(0, 250), st.integers(0, 255), st.sampled_from(sorted(DIALECTS)))
def test_no_damage_makes_a_diagnosis_say_a_value(name: str, where: int, byte: int, believed: str) -> None:
    data = bytearray(message_of(name))
    data[where % len(data)] = byte
    found = diagnose(bytes(data), codec_for(believed))
    text = said(found) + " ".join(one.why for one in found.instead)
    assert PAN[:8] not in text
    assert PAN[4:] not in text


@given(st.binary(max_size=200))
def test_whatever_comes_is_diagnosed(content: bytes) -> None:
    found = diagnose(content, codec_for("base1"), frame="binary2", header="base1")
    assert found.reads or found.findings
