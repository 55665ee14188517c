"""Frames: where one message ends and the next begins, for any way the network cuts the stream.

A frame is a length and as many bytes. A length of zero is a keep-alive: it is counted and never answered, since two
sides that both answer it send it back and forth without end. A bad message does not end framing, for the frame has
told its end; only an impossible length does, and then nothing that follows can be trusted.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from twinrail.errors import EncodeError, FrameError
from twinrail.schemas.iso8583.profiles import Framing

_HEADERS_KEPT = 4096  # longer frames have their header written anew
_DIGITS = frozenset(b"0123456789")


class _Header(NamedTuple):
    """How one framing writes a length: `read` gives -1 where the bytes are no length."""

    size: int  # bytes
    largest: int  # the length that still fits
    read: Callable[[bytes], int]
    write: Callable[[int], bytes]


def _read_binary(header: bytes) -> int:
    return int.from_bytes(header, "big")


def _read_digits(header: bytes) -> int:
    # Digits are checked before int sees them: it would take blanks, signs and underscores.
    return int(header) if header.isdigit() else -1


_HEADERS: dict[Framing, _Header] = {
    Framing.BINARY2: _Header(2, 0xFFFF, _read_binary, lambda length: length.to_bytes(2, "big")),
    Framing.BINARY4: _Header(4, 0xFFFF_FFFF, _read_binary, lambda length: length.to_bytes(4, "big")),
    Framing.ASCII4: _Header(4, 9999, _read_digits, lambda length: b"%04d" % length),
}


class Framer:
    """Takes bytes as they come and gives payloads as they are complete; the same for every way of cutting.

    `error` is set once framing is lost: payloads before it have been given, and nothing more is. `keepalives` counts
    frames of length zero. A length is judged before any byte of its body is kept, so that at most a header, a payload
    of `frame_bytes_max` bytes and one chunk are ever held. Each byte is copied a bounded number of times.
    """

    def __init__(self, framing: Framing, frame_bytes_max: int) -> None:
        self.framing = framing
        self.error: FrameError | None = None
        self.keepalives = 0
        self._header = _HEADERS[framing]
        self._frame_bytes_max = min(frame_bytes_max, self._header.largest)
        self._held = bytearray()
        self._wanted = self._header.size  # bytes that must be held before anything can be done

    @property
    def partial(self) -> bool:
        """Say whether a frame has begun and not ended."""
        return bool(self._held) and self.error is None

    def receive(self, data: bytes) -> list[bytes]:
        """Take what was read and give the payloads that it completes, in order."""
        if self.error is not None:
            return []
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
            self._held.clear()
        payloads: list[bytes] = []
        offset, size, read = 0, self._header.size, self._header.read
        while True:
            body = offset + size
            self._wanted = size
            if body > len(data):
                break
            length = read(data[offset:body])
            if not 0 <= length <= self._frame_bytes_max:
                self._lose(data[offset:body], length)
                return payloads
            end = body + length
            if end > len(data):
                self._wanted = size + length
                break
            if length:
                payloads.append(data[body:end])
            else:
                self.keepalives += 1
            offset = end
        if offset < len(data):
            self._held += data[offset:] if offset else data
        return payloads

    def _lose(self, header: bytes, length: int) -> None:
        """Set the error; the hint is drawn from the header alone, so that it is the same for every cutting."""
        if length < 0:
            first_bad = next(index for index, byte in enumerate(header) if byte not in _DIGITS)
            problem, offset = "length is not digits", first_bad
        else:
            problem, offset = f"length {length} above the maximum {self._frame_bytes_max}", 0
        self.error = FrameError(problem, offset=offset, hint=_hint(self.framing, header, self._frame_bytes_max))


@cache
def framed(framing: Framing) -> Callable[[bytes], bytes]:
    """Give `frame` for one framing: for links, whose headers are made once and looked up by length."""
    header = _HEADERS[framing]
    headers = [header.write(length) for length in range(min(_HEADERS_KEPT, header.largest))]

    def put(payload: bytes) -> bytes:
        length = len(payload)
        return headers[length] + payload if length < len(headers) else frame(framing, payload)

    return put


def frame(framing: Framing, payload: bytes) -> bytes:
    """Put the length in front of a payload; EncodeError where it does not fit.

    >>> frame(Framing.ASCII4, b"0800")
    b'00040800'
    """
    header = _HEADERS[framing]
    if len(payload) > header.largest:
        raise EncodeError("payload longer than the length can say", path="frame")
    return header.write(len(payload)) + payload


def _hint(framing: Framing, header: bytes, frame_bytes_max: int) -> str:
    """Say which other framing the first bytes would fit: the wrong guess is the commonest mistake of a new link."""
    if header.isdigit() and framing is not Framing.ASCII4:
        return f"these bytes are digits: {Framing.ASCII4.value} would fit"
    for other in (Framing.BINARY2, Framing.BINARY4):
        shape = _HEADERS[other]
        if other is not framing and shape.size <= len(header):
            length = shape.read(header[: shape.size])
            if 0 < length <= frame_bytes_max:
                return f"{other.value} would fit: length {length}"
    return ""
