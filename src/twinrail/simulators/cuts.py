"""Cuts: where frames end and numbers stand in bytes that nobody decodes, and numbers ready to be put there."""

import functools
from collections.abc import Callable
from typing import NamedTuple

from twinrail.codecs.framing import read_number
from twinrail.errors import TwinrailError
from twinrail.schemas.iso8583.frames import BINARY2, Frame

LOW = 10_000  # a number of six digits is put together from its first two and its last four
_TO_EBCDIC = bytes(byte + 0xC0 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_ZEROS = {b"0" * 6: "ascii", b"\xf0" * 6: "ebcdic", b"\0" * 3: "packed"}
EndOf = Callable[[bytes, int], int]  # where the next frame begins, by where this one does; 0 where this is not whole


class LoadError(TwinrailError):
    """A load that cannot be applied; the text says why."""


class Digits(NamedTuple):
    """The numbers of two digits and those of four, as bytes: side by side they are one of six."""

    high: list[bytes]
    low: list[bytes]


def digits_of(zeros: bytes) -> Digits:
    """Give the digits of which six zeros are written so; LoadError where they are no digits that we know."""
    if zeros not in _ZEROS:
        raise LoadError("no load for numbers that are written so")
    return _digits(_ZEROS[zeros])


@functools.cache
def _digits(form: str) -> Digits:
    high, low = [b"%02d" % number for number in range(LOW // 100)], [b"%04d" % number for number in range(LOW)]
    if form == "ebcdic":
        high, low = ([digits.translate(_TO_EBCDIC) for digits in each] for each in (high, low))
    elif form == "packed":
        high, low = ([bytes.fromhex(digits.decode()) for digits in each] for each in (high, low))
    return Digits(high, low)


def numbers(digits: Digits, high: int, low: int, count: int) -> list[bytes]:
    """Give so many numbers one after the other; the first is `high` and `low` side by side.

    >>> numbers(digits_of(b"000000"), 12, 3456, 2)
    [b'123456', b'123457']
    """
    start = digits.high[high]
    return [start + four for four in digits.low[low : low + count]]


def where(left: bytes, right: bytes) -> slice:
    """Give the stretch in which two messages of the same length differ; LoadError where they do not."""
    places = [index for index, (one, other) in enumerate(zip(left, right, strict=True)) if one != other]
    if not places:
        raise LoadError("such messages lack an element that a load needs")
    return slice(places[0], places[-1] + 1)


def head_bytes(kind: Frame) -> int:
    """Give the bytes of a frame in front of its payload."""
    return len(kind.begin) if kind.end else len(kind.before) + kind.size + len(kind.after)


def tail_bytes(kind: Frame) -> int:
    """Give the bytes of a frame behind its payload."""
    return len(kind.end or kind.trailer)


def end_of(kind: Frame) -> EndOf:
    """Give what finds the end of a frame; it takes our own engine at its word, and LoadError where it cannot."""
    if kind == BINARY2:
        return _end_of_binary2
    head, start = head_bytes(kind), len(kind.before)
    if kind.end:

        def end(data: bytes, at: int) -> int:
            found = data.find(kind.end, at + head)
            return 0 if found < 0 else found + len(kind.end)

        return end
    more = kind.header_uncounted - (kind.size if kind.inclusive else 0)
    more += 0 if kind.counts_trailer else len(kind.trailer)

    def counted(data: bytes, at: int) -> int:
        if at + head > len(data):
            return 0
        number = read_number(kind.number, data[at + start : at + start + kind.size])
        if number + more < 0:
            raise LoadError("the engine sends something else than frames")
        after = at + head + number + more
        return after if after <= len(data) else 0

    return counted


def _end_of_binary2(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        return 0
    after = at + 2 + (data[at] << 8 | data[at + 1])
    return after if after <= len(data) else 0
