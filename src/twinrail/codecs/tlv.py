"""BER-TLV without loss (ISO/IEC 8825-1, EMV book 3 annex B): where objects stand, and how one is written.

Order, duplicate tags, 00 filler between objects and lengths that could be shorter all stay, since only places are given
and the bytes are left alone. Objects inside a constructed object are found when they are asked for, never before:
networks put bytes that are no TLV into tags whose form says constructed. Indefinite lengths are refused.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from twinrail.errors import DecodeError, EncodeError

_TAG_BYTES_MAX = 4
_LENGTH_BYTES_MAX = 4  # after the first byte, which says how many follow
_FILLER = 0x00


class Node(NamedTuple):
    """One object: its tag in upper-case hex, and where it begins, where its value begins, and where it ends."""

    tag: str
    start: int
    value_at: int
    end: int


def objects(raw: bytes) -> Iterator[Node]:
    """Find the objects of one level.

    DecodeError names the tag where one was read ("9F02", else ""), and the byte from the beginning of `raw`.

    >>> [node.tag for node in objects(bytes.fromhex("9F0201000000820100"))]
    ['9F02', '82']
    """
    at = 0
    while at < len(raw):
        if raw[at] == _FILLER:
            at += 1
            continue
        node = _node(raw, at)
        yield node
        at = node.end


def constructed(tag: str) -> bool:
    """Say whether the form of a tag promises objects inside (bit 6 of its first byte)."""
    return bool(int(tag[:2], 16) & 0x20)


def header(tag: str, length: int) -> bytes:
    """Give tag and length as they stand before a value, in the shortest form; EncodeError where the tag is none.

    >>> header("9F02", 200).hex()
    '9f0281c8'
    """
    return _tag_bytes(tag) + _length_bytes(length)


def build(items: Iterable[tuple[str, bytes]]) -> bytes:
    """Write objects one behind the other, from tags in hex and values; EncodeError where a tag is none.

    >>> build([("8A", b"00")]).hex()
    '8a023030'
    """
    return b"".join(header(tag, len(value)) + value for tag, value in items)


def _node(raw: bytes, start: int) -> Node:
    at = start + 1
    if raw[start] & 0x1F == 0x1F:  # the tag goes on while bit 8 is set
        while at < len(raw) and raw[at] & 0x80:
            at += 1
            if at - start >= _TAG_BYTES_MAX:
                raise DecodeError("tag longer than four bytes", path="", offset=start)
        at += 1
    if at > len(raw):
        raise DecodeError("data ends within a tag", path="", offset=start)
    tag = raw[start:at].hex().upper()
    if at == len(raw):
        raise DecodeError("data ends before the length", path=tag, offset=at)
    value_at, length = at + 1, raw[at]
    if length & 0x80:
        count = length & 0x7F
        if not count:
            raise DecodeError("indefinite length", path=tag, offset=at)
        if count > _LENGTH_BYTES_MAX:
            raise DecodeError("length of more than four bytes", path=tag, offset=at)
        value_at = at + 1 + count
        if value_at > len(raw):
            raise DecodeError("data ends within the length", path=tag, offset=at)
        length = int.from_bytes(raw[at + 1 : value_at], "big")
    end = value_at + length
    if end > len(raw):
        raise DecodeError("data ends within the value", path=tag, offset=at)
    return Node(tag, start, value_at, end)


def _tag_bytes(tag: str) -> bytes:
    try:
        raw = bytes.fromhex(tag)
    except ValueError:
        raw = b""
    long = bool(raw) and raw[0] & 0x1F == 0x1F
    ends = len(raw) == 1 if not long else len(raw) > 1 and not raw[-1] & 0x80 and all(b & 0x80 for b in raw[1:-1])
    if not ends or raw[0] == _FILLER or len(raw) > _TAG_BYTES_MAX or raw.hex() != tag.lower():
        raise EncodeError("not a tag", path=_path_of(tag))
    return raw


def _path_of(tag: str) -> str:
    """Name a tag only where it is short hex: anything else might be a value in the wrong place."""
    return tag if len(tag) <= 2 * _TAG_BYTES_MAX and tag.isalnum() and tag.isascii() else "tag"


def _length_bytes(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    if size > _LENGTH_BYTES_MAX:
        raise EncodeError("length of more than four bytes", path="")
    return bytes((0x80 | size,)) + length.to_bytes(size, "big")
