"""Frames: the same payloads for every way of cutting the stream, and a clear end when framing is lost."""

from itertools import pairwise
from typing import Self

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twinrail.codecs.framing import (
    Framer,
    fits,
    frame,
    framed,
    largest_number,
    largest_payload,
    read_number,
    write_number,
)
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.frames import ASCII4, BINARY2, BINARY4, FRAMES, Frame, Number

MAXIMUM = 64
KNOWN = st.sampled_from(list(FRAMES.values()))


@st.composite
def kinds(draw: st.DrawFn) -> Frame:
    """Draw any frame that can be: each switch is drawn on its own."""
    if draw(st.integers(0, 3)) == 0:
        begin, end = draw(st.binary(max_size=2)), draw(st.binary(min_size=1, max_size=3))
        return Frame(name="drawn", size=0, begin=begin, end=end, keepalive=draw(st.booleans()))
    after = draw(st.binary(max_size=2))
    return Frame(
        name="drawn",
        number=draw(st.sampled_from(Number)),
        size=draw(st.integers(2, 6)),
        inclusive=draw(st.booleans()),
        before=draw(st.binary(max_size=2)),
        after=after,
        after_varies=bool(after) and draw(st.booleans()),
        trailer=draw(st.binary(max_size=2)),
        counts_trailer=draw(st.booleans()),
        header_uncounted=draw(st.integers(0, 3)),
        keepalive=draw(st.booleans()),
    )


ANY = st.one_of(KNOWN, kinds())
PAYLOADS = st.binary(max_size=MAXIMUM)
STREAMS = st.one_of(
    st.binary(max_size=200),
    st.text("0123456789aAfF", max_size=60).map(str.encode),
    st.text("\x00\x01\x02\x03\r\n0", max_size=60).map(str.encode),
)


def outcome(framer: Framer, payloads: list[bytes]) -> tuple[object, ...]:
    return payloads, str(framer.error), framer.keepalives, framer.partial, framer.link_state


@st.composite
def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    places = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in pairwise([0, *places, len(stream)])]


def write_all(kind: Frame, payloads: list[bytes]) -> tuple[list[bytes], bytes]:
    """Give those payloads that the frame can carry, and their stream."""
    written, stream = [], b""
    for payload in payloads:
        try:
            stream += frame(kind, payload)
        except EncodeError:
            continue
        written.append(payload)
    return written, stream


@given(ANY, st.lists(PAYLOADS, max_size=6), st.data())
def test_payloads_come_out_as_they_went_in_for_every_cutting(
    kind: Frame, payloads: list[bytes], data: st.DataObject
) -> None:
    written, stream = write_all(kind, payloads)
    framer = Framer(kind, MAXIMUM)
    received = [payload for chunk in data.draw(cut(stream)) for payload in framer.receive(chunk)]
    assert received == [payload for payload in written if payload]
    assert framer.keepalives == written.count(b"")
    assert framer.error is None
    assert not framer.partial


@given(ANY, STREAMS, st.lists(PAYLOADS, max_size=2), st.data())
def test_any_stream_ends_the_same_for_every_cutting(
    kind: Frame, noise: bytes, payloads: list[bytes], data: st.DataObject
) -> None:
    stream = write_all(kind, payloads)[1] + noise
    whole = Framer(kind, MAXIMUM)
    expected = outcome(whole, whole.receive(stream))
    framer = Framer(kind, MAXIMUM)
    received = [payload for chunk in data.draw(cut(stream)) for payload in framer.receive(chunk)]
    assert outcome(framer, received) == expected
    bytewise = Framer(kind, MAXIMUM)
    received = [payload for byte in stream for payload in bytewise.receive(bytes([byte]))]
    assert outcome(bytewise, received) == expected


@given(ANY, STREAMS)
def test_what_is_held_is_bounded_and_a_lost_stream_holds_nothing(kind: Frame, stream: bytes) -> None:
    framer = Framer(kind, MAXIMUM)
    around = len(kind.before + kind.after + kind.trailer + kind.begin + kind.end) + kind.size
    for byte in stream:
        framer.receive(bytes([byte]))
        assert len(framer._held) <= MAXIMUM + around
    if framer.error is not None:
        assert not framer._held
        assert framer.receive(stream) == []


@given(ANY, PAYLOADS.filter(bool), st.data())
def test_a_truncated_frame_gives_nothing_and_no_error(kind: Frame, payload: bytes, data: st.DataObject) -> None:
    written, stream = write_all(kind, [payload])
    assume(written)
    framer = Framer(kind, MAXIMUM)
    assert framer.receive(stream[: data.draw(st.integers(1, len(stream) - 1))]) == []
    assert framer.error is None
    assert framer.partial


@given(KNOWN, st.integers(4090, 4100))
def test_heads_that_are_kept_and_heads_that_are_not_are_the_same(kind: Frame, size: int) -> None:
    assume(size <= largest_payload(kind))
    stream = framed(kind)(b"p" * size)
    assert Framer(kind, 5000).receive(stream) == [b"p" * size]
    assert stream == frame(kind, b"p" * size)


@given(st.sampled_from(Number), st.integers(1, 6), st.data())
def test_numbers_are_read_as_they_are_written(form: Number, size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, largest_number(form, size)))
    written = write_number(form, number, size)
    assert len(written) == size
    assert read_number(form, written) == number


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("binary2", b"\x00\x040800"),
        ("binary2-little", b"\x04\x000800"),
        ("binary2-inclusive", b"\x00\x060800"),
        ("binary3", b"\x00\x00\x040800"),
        ("binary4", b"\x00\x00\x00\x040800"),
        ("binary4-little", b"\x04\x00\x00\x000800"),
        ("binary6", b"\x00\x00\x00\x00\x00\x040800"),
        ("ascii2", b"040800"),
        ("ascii3", b"0040800"),
        ("ascii4", b"00040800"),
        ("ascii4-inclusive", b"00080800"),
        ("ascii6", b"0000040800"),
        ("ebcdic4", b"\xf0\xf0\xf0\xf40800"),
        ("bcd2", b"\x00\x040800"),
        ("hex4", b"00040800"),
        ("binary2-zero2", b"\x00\x04\x00\x000800"),
        ("zero2-binary2", b"\x00\x00\x00\x040800"),
        ("vml", b"\x00\x04\x00\x000800"),
        ("base24", b"\x00\x050800\x03"),
        ("stx-etx", b"\x020800\x03"),
        ("crlf", b"0800\r\n"),
    ],
)
def test_every_known_frame_as_bytes(name: str, expected: bytes) -> None:
    assert frame(FRAMES[name], b"0800") == expected


def test_every_known_frame_is_shown_above() -> None:
    (mark,) = (mark for mark in test_every_known_frame_as_bytes.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]  # set by pytest
    assert {name for name, _ in mark.args[1]} == FRAMES.keys()


def test_bcd_and_hex_differ_from_binary() -> None:
    payload = b"x" * 26
    assert frame(FRAMES["bcd2"], payload)[:2] == b"\x00\x26"
    assert frame(FRAMES["hex4"], payload)[:4] == b"001A"
    assert Framer(FRAMES["hex4"], MAXIMUM).receive(b"001a" + payload) == [payload]


def test_a_header_that_the_length_leaves_out_is_part_of_the_payload() -> None:
    kind = Frame(name="drawn", header_uncounted=5)
    assert frame(kind, b"TPDU.0800") == b"\x00\x04TPDU.0800"
    assert Framer(kind, MAXIMUM).receive(b"\x00\x04TPDU.0800") == [b"TPDU.0800"]
    with pytest.raises(EncodeError):
        frame(kind, b"TPDU.")  # would be read as a keep-alive


def test_frames_before_the_loss_are_given_and_none_after() -> None:
    framer = Framer(BINARY2, MAXIMUM)
    assert framer.receive(b"\x00\x02ab" + b"\x00\x41" + b"\x00\x02cd") == [b"ab"]
    assert framer.error is not None
    assert framer.receive(b"\x00\x02ef") == []
    assert not framer.partial


def test_after_a_good_frame_no_byte_of_the_stream_is_told() -> None:
    framer = Framer(ASCII4, MAXIMUM)
    framer.receive(b"0002ab" + b"4111111111111111")
    assert framer.error is not None
    assert "length above the maximum 64" in str(framer.error)
    assert "4111" not in str(framer.error)
    assert "bytes were lost" in framer.error.hint


def test_an_oversize_length_is_refused_before_its_body_comes() -> None:
    framer = Framer(BINARY4, MAXIMUM)
    assert framer.receive(b"\x7f\xff\xff\xff") == []
    assert framer.error is not None
    assert "length 2147483647 above the maximum 64" in str(framer.error)


@pytest.mark.parametrize(
    ("kind", "stream", "problem", "offset"),
    [
        (FRAMES["ascii4-inclusive"], b"0003", "length 3 is less than what it must count", 0),
        (FRAMES["binary2-inclusive"], b"\x00\x01", "length 1 is less than what it must count", 0),
        (FRAMES["binary2-zero2"], b"\x00\x04\x00\x01", "other bytes are expected around the length", 3),
        (FRAMES["zero2-binary2"], b"\x01\x00\x00\x04", "other bytes are expected around the length", 0),
        (FRAMES["vml"], b"\x08\x01\x00\x00", "length 2049 above the maximum 2048", 0),
        (FRAMES["hex4"], b"00G0", "length is not digits", 2),
        (FRAMES["bcd2"], b"\x01\x2a", "length is not digits", 1),
        (FRAMES["ebcdic4"], b"\xf0\xf01\xf0", "length is not digits", 2),
        (FRAMES["stx-etx"], b"0800\x03", "the frame does not begin with its delimiter", 0),
        (FRAMES["crlf"], b"0" * 4099, "no end of the frame within the maximum 4096", 0),
        (Frame(name="drawn", keepalive=False), b"\x00\x00", "empty frame", 0),
        (Frame(name="drawn", size=0, end=b"\n", keepalive=False), b"\n", "empty frame", 0),
    ],
)
def test_an_impossible_length_ends_framing(kind: Frame, stream: bytes, problem: str, offset: int) -> None:
    framer = Framer(kind, 4096)
    assert framer.receive(stream) == []
    assert framer.error is not None
    assert (framer.error.problem, framer.error.offset) == (problem, offset)


@pytest.mark.parametrize("head", [b" 012", b"+012", b"1_00", b"00\xb22", b"-001", b"0x10"])
def test_every_digit_of_an_ascii_length_is_a_digit(head: bytes) -> None:
    framer = Framer(ASCII4, 9999)
    framer.receive(head)
    assert framer.error is not None
    assert framer.error.problem == "length is not digits"
    assert framer.error.offset == next(i for i, byte in enumerate(head) if not bytes([byte]).isdigit())


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("binary2", b"\x00\x00"),
        ("ascii4-inclusive", b"0000"),
        ("ascii4-inclusive", b"0004"),
        ("base24", b"\x00\x00"),
        ("base24", b"\x00\x01\x03"),
        ("binary2-zero2", b"\x00\x00\x00\x00"),
        ("vml", b"\x00\x00\x00\x11"),
        ("stx-etx", b"\x02\x03"),
        ("crlf", b"\r\n"),
    ],
)
def test_an_empty_frame_is_counted_and_gives_nothing_to_answer(name: str, stream: bytes) -> None:
    framer = Framer(FRAMES[name], MAXIMUM)
    assert framer.receive(stream * 3 + frame(FRAMES[name], b"0800")) == [b"0800"]
    assert framer.keepalives == 3
    assert framer.error is None


def test_the_link_state_is_kept_and_not_judged() -> None:
    framer = Framer(FRAMES["vml"], MAXIMUM)
    assert framer.receive(b"\x00\x02\x00\x11ab\x00\x02\x00") == [b"ab"]
    assert framer.link_state == b"\x00\x11"
    framer.receive(b"\x22cd")
    assert framer.link_state == b"\x00\x22"


TEXTS = [
    name for name, row in FRAMES.items() if row.number in {Number.ASCII, Number.EBCDIC, Number.HEX} and row.size > 2
]


@pytest.mark.parametrize("spoken", TEXTS)
@pytest.mark.parametrize("expected", ["binary2", "binary4", "binary2-inclusive", "binary2-zero2"])
def test_a_text_length_read_as_binary_is_named(spoken: str, expected: str) -> None:
    framer = Framer(FRAMES[expected], 4096)
    framer.receive(frame(FRAMES[spoken], b"0800" + b"x" * 300))
    assert framer.error is not None
    assert spoken in framer.error.hint


@pytest.mark.parametrize(
    "spoken", ["binary2", "binary4", "bcd2", "binary2-zero2", "zero2-binary2", "base24", "stx-etx"]
)
def test_a_binary_length_read_as_text_is_named(spoken: str) -> None:
    framer = Framer(ASCII4, 4096)
    framer.receive(frame(FRAMES[spoken], b"0800" + b"x" * 300))
    assert framer.error is not None
    assert spoken in framer.error.hint


def test_the_commonest_failure_is_told_in_words() -> None:
    framer = Framer(BINARY2, 4096)
    framer.receive(b"14")
    assert str(framer.error) == (
        "length 12596 above the maximum 4096 at byte 0 "
        "(12596 is the ASCII text 14 read as binary; ascii4, ascii4-inclusive, ascii2, ascii3 would fit)"
    )


@pytest.mark.parametrize(
    ("stream", "words"), [(b"\x16\x03\x01", "TLS"), (b"GET / HTTP/1.1", "HTTP"), (b"ISO0", "text header")]
)
def test_a_stranger_is_told_by_its_first_bytes(stream: bytes, words: str) -> None:
    framer = Framer(BINARY2, 4096)
    framer.receive(stream)
    assert framer.error is not None
    assert words in framer.error.hint


@given(KNOWN, st.lists(PAYLOADS.filter(bool), min_size=1, max_size=4))
def test_a_capture_fits_the_frame_that_it_was_written_in(kind: Frame, payloads: list[bytes]) -> None:
    written, stream = write_all(kind, payloads)
    assume(written)
    assert (kind.name, written) in fits(stream)


def test_a_capture_that_is_cut_or_empty_fits_nothing() -> None:
    stream = frame(BINARY2, b"0800") * 2
    assert fits(stream) == [("binary2", [b"0800"] * 2), ("bcd2", [b"0800"] * 2), ("base24", [b"080"] * 2)]
    assert fits(stream[:-1]) == []
    assert fits(b"\x00\x00") == []
    assert fits(b"") == []


def test_partial_says_that_a_frame_has_begun() -> None:
    framer = Framer(BINARY2, MAXIMUM)
    assert not framer.partial
    framer.receive(b"\x00")
    assert framer.partial
    framer.receive(b"\x02a")
    assert framer.partial
    assert framer.receive(b"b") == [b"ab"]
    assert not framer.partial


class CountingBytes(bytearray):
    """Counts the bytes that are appended and searched: the work that a framer does on what it holds."""

    appended = 0
    searched = 0

    def __iadd__(self, other: object) -> Self:
        assert isinstance(other, bytes)
        self.appended += len(other)
        self.extend(other)
        return self

    def find(self, sub: object, start: object = 0, end: object = None, /) -> int:
        assert isinstance(sub, bytes)
        assert isinstance(start, int)
        assert isinstance(end, int)
        at = super().find(sub, start, end)
        self.searched += (at if at >= 0 else min(end, len(self))) - start
        return at


@pytest.mark.parametrize("name", ["binary2", "base24", "crlf"])
def test_many_small_chunks_and_one_large_burst_are_copied_once(name: str) -> None:
    payload = bytes(8000)
    stream = frame(FRAMES[name], payload) * 20
    for size in (1, 7, 8191, len(stream)):
        framer = Framer(FRAMES[name], 9000)
        framer._held = held = CountingBytes()
        received = [p for at in range(0, len(stream), size) for p in framer.receive(stream[at : at + size])]
        assert received == [payload] * 20
        # A chunk is appended once, and what it leaves behind once more; an end is looked for once.
        assert held.appended <= 2 * len(stream) + 4 * 20
        assert held.searched <= 3 * len(stream)


def test_what_a_peer_sends_cannot_grow_what_is_kept_of_heads() -> None:
    framer = Framer(FRAMES["vml"], 1)
    for state in range(6000):
        framer.receive(b"\x00\x01" + state.to_bytes(2, "big") + b"x")
    assert framer.error is None
    assert len(framer._known) <= 4096


@pytest.mark.parametrize(("name", "most"), [("ascii4", 9999), ("ascii4-inclusive", 9995), ("binary2", 65_535)])
def test_a_payload_that_its_length_cannot_say_is_refused(name: str, most: int) -> None:
    kind = FRAMES[name]
    assert largest_payload(kind) == most
    assert Framer(kind, 1 << 20).receive(frame(kind, bytes(most))) == [bytes(most)]
    with pytest.raises(EncodeError):
        frame(kind, bytes(most + 1))


def test_a_payload_with_the_end_in_it_is_refused() -> None:
    for payload in (b"a\x03b", b"a\x03"):
        with pytest.raises(EncodeError):
            frame(FRAMES["stx-etx"], payload)
    assert frame(FRAMES["crlf"], b"a\r") == b"a\r\r\n"
