"""Frames: the same payloads for every way of cutting the stream, and a clear end when framing is lost."""

from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.framing import Framer, frame
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.profiles import Framing

FRAMINGS = st.sampled_from(list(Framing))
MAXIMUM = 64


def outcome(framer: Framer, payloads: list[bytes]) -> tuple[list[bytes], str, int, bool]:
    return payloads, str(framer.error), framer.keepalives, framer.partial


@st.composite
def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    places = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


@given(FRAMINGS, st.lists(st.binary(max_size=MAXIMUM), max_size=6), st.data())
def test_payloads_come_out_as_they_went_in_for_every_cutting(
    framing: Framing, payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame(framing, payload) for payload in payloads)
    framer = Framer(framing, MAXIMUM)
    received = [payload for chunk in data.draw(cut(stream)) for payload in framer.receive(chunk)]
    assert received == [payload for payload in payloads if payload]
    assert framer.keepalives == payloads.count(b"")
    assert framer.error is None
    assert not framer.partial


@given(FRAMINGS, st.one_of(st.binary(max_size=200), st.text("0123456789", max_size=60).map(str.encode)), st.data())
def test_any_stream_ends_the_same_for_every_cutting(framing: Framing, stream: bytes, data: st.DataObject) -> None:
    whole = Framer(framing, MAXIMUM)
    expected = outcome(whole, whole.receive(stream))
    framer = Framer(framing, MAXIMUM)
    received = [payload for chunk in data.draw(cut(stream)) for payload in framer.receive(chunk)]
    assert outcome(framer, received) == expected
    bytewise = Framer(framing, MAXIMUM)
    received = [payload for byte in stream for payload in bytewise.receive(bytes([byte]))]
    assert outcome(bytewise, received) == expected


@pytest.mark.parametrize(
    ("framing", "header"),
    [(Framing.BINARY2, b"\x00\x04"), (Framing.BINARY4, b"\x00\x00\x00\x04"), (Framing.ASCII4, b"0004")],
)
def test_the_length_is_that_of_what_follows(framing: Framing, header: bytes) -> None:
    assert frame(framing, b"0800") == header + b"0800"


def test_frames_before_the_loss_are_given_and_none_after() -> None:
    framer = Framer(Framing.BINARY2, MAXIMUM)
    assert framer.receive(b"\x00\x02ab" + b"\x00\x41" + b"\x00\x02cd") == [b"ab"]
    assert framer.error is not None
    assert "length 65 above the maximum 64" in str(framer.error)
    assert framer.receive(b"\x00\x02ef") == []
    assert not framer.partial


def test_an_oversize_length_is_refused_before_its_body_comes() -> None:
    framer = Framer(Framing.BINARY4, MAXIMUM)
    assert framer.receive(b"\x7f\xff\xff\xff") == []
    assert framer.error is not None


@pytest.mark.parametrize("header", [b" 012", b"+012", b"1_00", b"00\xb22", b"-001", b"0x10"])
def test_every_digit_of_an_ascii_length_is_a_digit(header: bytes) -> None:
    framer = Framer(Framing.ASCII4, 9999)
    framer.receive(header)
    assert framer.error is not None
    assert framer.error.problem == "length is not digits"
    assert framer.error.offset == next(i for i, byte in enumerate(header) if not bytes([byte]).isdigit())


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        (Framing.ASCII4, Framing.BINARY2),
        (Framing.BINARY2, Framing.ASCII4),
        (Framing.ASCII4, Framing.BINARY4),
        (Framing.BINARY4, Framing.ASCII4),
    ],
)
def test_a_wrong_guess_of_the_framing_is_named(spoken: Framing, expected: Framing) -> None:
    framer = Framer(expected, 4096)
    framer.receive(frame(spoken, b"0800" + b"x" * 300))
    assert framer.error is not None
    assert spoken.value in framer.error.hint


def test_partial_says_that_a_frame_has_begun() -> None:
    framer = Framer(Framing.BINARY2, MAXIMUM)
    assert not framer.partial
    framer.receive(b"\x00")
    assert framer.partial
    framer.receive(b"\x02a")
    assert framer.partial
    assert framer.receive(b"b") == [b"ab"]
    assert not framer.partial


class CountingBytes(bytearray):
    """Counts how many bytes are appended to it: the work that a framer does on what it holds."""

    appended = 0

    def __iadd__(self, other: object) -> Self:
        assert isinstance(other, bytes)
        self.appended += len(other)
        self.extend(other)
        return self


def test_many_small_chunks_and_one_large_burst_are_copied_once() -> None:
    payload = bytes(9000)
    stream = frame(Framing.BINARY2, payload) * 20
    for size in (1, 7, 8191, len(stream)):
        framer = Framer(Framing.BINARY2, 9000)
        framer._held = held = CountingBytes()
        received = [p for at in range(0, len(stream), size) for p in framer.receive(stream[at : at + size])]
        assert received == [payload] * 20
        # A chunk is appended once, and what it leaves behind once more.
        assert held.appended <= 2 * len(stream) + 4 * 20


def test_a_payload_that_its_length_cannot_say_is_refused() -> None:
    with pytest.raises(EncodeError):
        frame(Framing.ASCII4, bytes(10_000))
    with pytest.raises(EncodeError):
        frame(Framing.BINARY2, bytes(65_536))
