"""Frames: where one message ends and the next begins, for any way the network cuts the stream.

A frame is a length and as many bytes, or bytes between delimiters; `schemas.iso8583.frames` says how. An empty frame is
a keep-alive: it is counted and never answered, since two sides that both answer it send it back and forth without end.
A bad message does not end framing, for the frame has told its end; only an impossible length does, and then nothing
that follows can be trusted.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

from twinrail.errors import EncodeError, FrameError
from twinrail.schemas.iso8583.frames import FRAMES, PAYLOAD_BYTES_MAX, Frame, Number

_HEADS_KEPT = 4096  # of one kind; heads of longer frames are written and read anew
_KINDS_KEPT = 64
_LOOKED_AT = 8  # first bytes that a hint is drawn from where there is no length
_HEX = frozenset(b"0123456789abcdefABCDEF")
_FROM_EBCDIC = bytes(byte - 0xC0 if 0xF0 <= byte <= 0xF9 else 0 for byte in range(256))
# What other streams begin with, for those who dial the wrong port.
_STRANGERS = ((b"\x16\x03", "a TLS handshake begins so"), (b"GE", "HTTP begins so"), (b"IS", "a text header begins so"))


def read_number(form: Number, written: bytes) -> int:
    """Read the number of a length; -1 where a byte is no digit of the form.

    Digits are judged byte by byte before `int` sees them: it would take blanks, signs and underscores.

    >>> read_number(Number.BCD, bytes.fromhex("0120")), read_number(Number.BCD, bytes.fromhex("012A"))
    (120, -1)
    """
    match form:
        case Number.BIG:
            return int.from_bytes(written, "big")
        case Number.LITTLE:
            return int.from_bytes(written, "little")
        case Number.HEX:
            return int(written, 16) if _HEX.issuperset(written) else -1
        case Number.BCD:
            digits = written.hex().encode("ascii")
        case Number.EBCDIC:
            digits = written.translate(_FROM_EBCDIC)
        case Number.ASCII:
            digits = written
    return int(digits) if digits.isdigit() else -1


def write_number(form: Number, number: int, size: int) -> bytes:
    """Write a number of at most `largest_number` in so many bytes."""
    match form:
        case Number.BIG:
            return number.to_bytes(size, "big")
        case Number.LITTLE:
            return number.to_bytes(size, "little")
        case Number.HEX:
            return b"%0*X" % (size, number)
        case Number.BCD:
            return bytes.fromhex(f"{number:0{2 * size}d}")
        case Number.EBCDIC:
            return bytes(digit + 0xC0 for digit in b"%0*d" % (size, number))
        case Number.ASCII:
            return b"%0*d" % (size, number)


def largest_number(form: Number, size: int) -> int:
    """Give the largest number that so many bytes can say."""
    if form in {Number.BIG, Number.LITTLE}:
        return int(256**size) - 1
    if form is Number.HEX:
        return int(16**size) - 1
    return int(10 ** (2 * size if form is Number.BCD else size)) - 1


class Framer:
    """Takes bytes as they come and gives payloads as they are complete; the same for every way of cutting.

    `error` is set once framing is lost: payloads before it have been given, and nothing more is. `keepalives` counts
    empty frames. A length is judged before any byte of its body is kept, so that at most a head, a payload of
    `frame_bytes_max` bytes, a trailer and one chunk are ever held. Each byte is copied a bounded number of times.
    """

    def __init__(self, frame: Frame, frame_bytes_max: int) -> None:
        self.frame = frame
        self.error: FrameError | None = None
        self.keepalives = 0
        self._payload_max = min(frame_bytes_max, largest_payload(frame))
        self._size = 0 if frame.end else len(frame.before) + frame.size + len(frame.after)
        self._trailer = len(frame.trailer)
        self._known = _known(frame, self._payload_max)
        self._held = bytearray()
        self._wanted = self._size  # bytes that must be held before anything can be done
        self._searched = 0  # bytes held in which no end begins
        self._first = True  # no frame has been whole yet
        self._head = b""  # of the last whole frame

    @property
    def partial(self) -> bool:
        """Say whether a frame has begun and not ended."""
        return bool(self._held) and self.error is None

    @property
    def link_state(self) -> bytes:
        """Give what stood between length and payload of the last whole frame."""
        return self._head[len(self.frame.before) + self.frame.size :]

    def receive(self, data: bytes) -> list[bytes]:
        """Take what was read and give the payloads that it completes, in order."""
        if self.error is not None:
            return []
        if not self._size:
            return self._receive_delimited(data)
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
            self._held.clear()
        payloads: list[bytes] = []
        offset, size, trailer, known, last = 0, self._size, self._trailer, self._known, b""
        while True:
            body = offset + size
            self._wanted = size
            if body > len(data):
                break
            head = data[offset:body]
            rest = known.get(head)
            if rest is None:
                rest = self._judge(head, first=self._first and not offset)
                if rest < 0:
                    break
            end = body + rest
            if end > len(data):
                self._wanted = size + rest
                break
            if rest > trailer:
                payloads.append(data[body : end - trailer])
            else:
                self.keepalives += 1
            offset, last = end, head
        if offset:
            self._head, self._first = last, False
        if offset < len(data) and self.error is None:
            self._held += data[offset:] if offset else data
        return payloads

    def _receive_delimited(self, data: bytes) -> list[bytes]:
        held, begin, end = self._held, self.frame.begin, self.frame.end
        held += data
        payloads: list[bytes] = []
        offset = 0
        while len(held) >= (body := offset + len(begin)):
            if not held.startswith(begin, offset):
                self._lose("the frame does not begin with its delimiter", 0, bytes(held[offset:body]))
                break
            limit = body + self._payload_max + len(end)
            at = held.find(end, max(body, self._searched), limit)
            if at < 0:
                self._searched = max(body, len(held) - len(end) + 1)
                if len(held) >= limit:
                    problem = f"no end of the frame within the maximum {self._payload_max}"
                    self._lose(problem, 0, bytes(held[offset : min(limit, offset + _LOOKED_AT)]))
                break
            if at > body:
                payloads.append(bytes(held[body:at]))
            elif self.frame.keepalive:
                self.keepalives += 1
            else:
                self._lose("empty frame", 0, bytes(held[offset : at + len(end)]))
                break
            offset = at + len(end)
            self._first = False
        del held[: len(held) if self.error else offset]
        self._searched = max(0, self._searched - offset)
        return payloads

    def _judge(self, head: bytes, *, first: bool) -> int:
        """Give the bytes that follow a head; -1 where framing is lost."""
        reading = _measure(self.frame, head, self._payload_max)
        if reading.problem:
            self._first = first
            self._lose(reading.problem.format(f" {reading.number}" if first else ""), reading.offset, head)
            return -1
        if len(self._known) < _HEADS_KEPT:
            self._known[head] = reading.rest
        return reading.rest

    def _lose(self, problem: str, offset: int, head: bytes) -> None:
        """Set the error; it is drawn from the head alone, so that it is the same for every cutting.

        What stands first in a stream is no card data. Later it may be anything: then no byte of it is told.
        """
        hint = "the frames before it were whole: a length was wrong or bytes were lost"
        if self._first:
            hint = _hint(self.frame, head, self._payload_max)
        self.error = FrameError(problem, offset=offset, hint=hint)


def frame(kind: Frame, payload: bytes) -> bytes:
    r"""Put a frame around a payload; EncodeError where it does not fit. An empty payload makes a keep-alive.

    >>> frame(FRAMES["ascii4"], b"0800"), frame(FRAMES["stx-etx"], b"0800")
    (b'00040800', b'\x020800\x03')
    """
    return framed(kind)(payload)


@lru_cache(maxsize=_KINDS_KEPT)
def framed(kind: Frame) -> Callable[[bytes], bytes]:
    """Give `frame` for one kind: for links, whose heads are made once and looked up by length."""
    if kind.end or kind.trailer or kind.header_uncounted or not kind.keepalive:
        return partial(_framed, kind)
    heads = [_head(kind, length) for length in range(min(_HEADS_KEPT, largest_payload(kind) + 1))]

    def put(payload: bytes) -> bytes:
        length = len(payload)
        return heads[length] + payload if length < len(heads) else _framed(kind, payload)

    return put


def _framed(kind: Frame, payload: bytes) -> bytes:
    length = len(payload)
    if length > largest_payload(kind):
        raise EncodeError("payload longer than the frame can hold", path="frame")
    if not (length or kind.keepalive) or 0 < length <= kind.header_uncounted:
        raise EncodeError("empty frame", path="frame")
    if kind.end:
        if kind.end in payload + kind.end[:-1]:
            raise EncodeError("payload holds the end of the frame", path="frame")
        return kind.begin + payload + kind.end
    return _head(kind, length) + payload + (kind.trailer if length else b"")


@lru_cache(maxsize=_KINDS_KEPT)
def largest_payload(kind: Frame) -> int:
    """Give the most bytes that a frame of the kind holds: by its own maximum and by what its length can say."""
    if kind.end:
        return kind.payload_bytes_max
    counted = largest_number(kind.number, kind.size) - _own(kind) - _counted_trailer(kind)
    return min(kind.payload_bytes_max, counted + kind.header_uncounted)


def fits(data: bytes, frame_bytes_max: int = PAYLOAD_BYTES_MAX) -> list[tuple[str, list[bytes]]]:
    """Give the name of every known frame that a whole capture fits, with the payloads; the commoner frames first.

    A capture fits where it holds at least one payload, and nothing is lost or left over.
    """
    found = []
    for name, kind in FRAMES.items():
        framer = Framer(kind, frame_bytes_max)
        payloads = framer.receive(data)
        if payloads and framer.error is None and not framer.partial:
            found.append((name, payloads))
    return found


class _Reading(NamedTuple):
    """What a head says; `problem` is empty where it is good, and has a place for the number where it is too large."""

    rest: int  # bytes behind the head
    payload: int = 0  # bytes
    number: int = 0  # -1 where the head holds none
    problem: str = ""
    offset: int = 0  # of the first bad byte


@lru_cache(maxsize=_KINDS_KEPT)
def _known(_kind: Frame, _payload_max: int) -> dict[bytes, int]:
    """Give the heads that were read before: links of one kind see the same few, and one lookup is all they cost."""
    return {}


def _measure(kind: Frame, head: bytes, payload_max: int) -> _Reading:
    """Read a whole head and judge it."""
    start, stop = len(kind.before), len(kind.before) + kind.size
    constant = kind.before + head[start:stop] + (head[stop:] if kind.after_varies else kind.after)
    if head != constant:
        offset = next(index for index, byte in enumerate(head) if byte != constant[index])
        return _Reading(-1, number=-1, problem="other bytes are expected around the length", offset=offset)
    number = read_number(kind.number, head[start:stop])
    if number < 0:
        offset = next(at for at in range(start, stop) if read_number(kind.number, head[at : at + 1]) < 0)
        return _Reading(-1, number=-1, problem="length is not digits", offset=offset)
    rest = number - _own(kind) + (0 if kind.counts_trailer else len(kind.trailer)) + kind.header_uncounted
    payload = rest - len(kind.trailer)
    if number in {0, _own(kind)} or payload == kind.header_uncounted:
        behind = 0 if number in {0, _own(kind)} else rest
        return _Reading(behind, number=number, problem="" if kind.keepalive else "empty frame", offset=start)
    if payload < kind.header_uncounted:
        return _Reading(-1, number=number, problem="length{} is less than what it must count", offset=start)
    if payload > payload_max:
        problem = f"length{{}} above the maximum {payload_max}"
        return _Reading(-1, payload, number, problem, start)
    return _Reading(rest, payload, number)


def _head(kind: Frame, length: int) -> bytes:
    counted = length + _counted_trailer(kind) - kind.header_uncounted if length else 0
    return kind.before + write_number(kind.number, counted + _own(kind), kind.size) + kind.after


def _own(kind: Frame) -> int:
    """Give what the length counts of itself."""
    return kind.size if kind.inclusive else 0


def _counted_trailer(kind: Frame) -> int:
    return len(kind.trailer) if kind.counts_trailer else 0


def _hint(kind: Frame, head: bytes, payload_max: int) -> str:
    """Say which other frames the first bytes would fit: the wrong guess is the commonest mistake of a new link."""
    words = [words for start, words in _STRANGERS if head.startswith(start)]
    text = head[len(kind.before) : len(kind.before) + kind.size]
    if kind.number in {Number.BIG, Number.LITTLE} and text.isascii() and text.decode("ascii").isprintable() and text:
        words.append(f"{read_number(kind.number, text)} is the ASCII text {text.decode('ascii')} read as binary")
    others = [other for other in FRAMES.values() if other != kind and _may_begin(other, head, payload_max)]
    # Where all bytes are digits, nobody meant a binary number.
    likely = [other for other in others if other.number in {Number.ASCII, Number.HEX}] if head.isdigit() else others
    names = [other.name for other in likely]
    if names:
        words.append(f"{', '.join(names)} would fit")
    return "; ".join(words)


def _may_begin(kind: Frame, first: bytes, payload_max: int) -> bool:
    """Say whether a stream of this kind can begin so, with a payload of 1 to so many bytes."""
    if kind.end:
        return bool(kind.begin) and first.startswith(kind.begin)
    size = len(kind.before) + kind.size + len(kind.after)
    payload_max = min(payload_max, largest_payload(kind))
    numbers = (0, largest_number(kind.number, kind.size))  # bytes that are not here yet make any number between
    heads = [kind.before + write_number(kind.number, number, kind.size) + kind.after for number in numbers]
    least, most = (_measure(kind, first[:size] + head[len(first) :], payload_max) for head in heads)
    return least.number >= 0 and least.payload <= payload_max and most.payload > 0
