"""Wrappings: the ways in which people write bytes down, and how to come back to the bytes.

Hex in any dress, dumps with offsets (xxd, hexdump, od, tcpdump, Wireshark), base64 and the bytes themselves. One text
may be several of these ("0000 3031 3030" is hex with or without an offset), so every way is given and the message
decides. A dump of a whole packet is given without the headers of its network too.
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator
from typing import NamedTuple

PLAIN = "plain bytes"
_DRESS = re.compile(rb"(?:0[xX]|\\[xX])(?=[0-9a-fA-F]{2})|[\s:,;\"'\-]")
_HEX = re.compile(rb"[0-9a-fA-F]+")
_LINE = re.compile(r"(?:0[xX])?([0-9a-fA-F]{4,16}):?(?:[ \t]+(\S.*))?", re.ASCII)
_GROUP = re.compile(r"(?:[0-9a-fA-F]{2}){1,8}(?![^ \t])", re.ASCII)
_LINE_BYTES_MAX = 64  # of one line of a dump
_LINE_CHARACTERS_MAX = 400
_DUMP_BYTES_MAX = 1 << 20  # with what a line "*" stands for
_ETHERNET, _TCP = 14, 6


class Wrapped(NamedTuple):
    """Bytes, and how they had been written down."""

    wrapping: str
    data: bytes


def unwrapped(content: bytes) -> list[Wrapped]:
    """Give the bytes in every way they may have been written down, the likelier first, none twice; at most seven.

    >>> [wrapped.wrapping for wrapped in unwrapped(b"30 31 30 30")]
    ['hex', 'plain bytes']
    """
    found: dict[bytes, str] = {}
    for wrapping, data in _ways(content):
        if data:
            found.setdefault(data, wrapping)
    return [Wrapped(wrapping, data) for data, wrapping in found.items()]


def odd_hex(content: bytes) -> bool:
    """Say whether the text is hex of which a digit is missing."""
    compact = _DRESS.sub(b"", content)
    return len(compact) % 2 == 1 and _HEX.fullmatch(compact) is not None


def _ways(content: bytes) -> Iterator[Wrapped]:
    for wrapping, data in _dumps(content):
        for inner, payload in _payloads(data):
            yield Wrapped(f"{wrapping}, {inner}", payload)
        yield Wrapped(wrapping, data)
    compact = _DRESS.sub(b"", content)
    if compact and len(compact) % 2 == 0 and _HEX.fullmatch(compact):
        yield Wrapped("hex", bytes.fromhex(compact.decode("ascii")))
    with contextlib.suppress(binascii.Error):
        yield Wrapped("base64", base64.b64decode(b"".join(content.split()), validate=True))
    yield Wrapped(PLAIN, content)
    # A last line end is more often an editor's than the message's.
    yield Wrapped(PLAIN, content.rstrip(b"\r\n"))


class _Row(NamedTuple):
    """One line of a dump: its offset as written, and what follows."""

    offset: str
    rest: str


def _dumps(content: bytes) -> Iterator[Wrapped]:
    """Read a dump with offsets in every way in which its lines follow each other without a gap."""
    rows: list[_Row | None] = []  # None for a line "*", which stands for repetitions of the one before
    for line in content.decode("latin-1").splitlines():
        written = line.strip()
        if not written:
            continue
        found = _LINE.fullmatch(written) if len(written) <= _LINE_CHARACTERS_MAX else None
        if written == "*" and rows:
            rows.append(None)
        elif found is None:
            return
        else:
            rows.append(_Row(found[1], found[2] or ""))
    for radix in (16, 8):
        data = _joined(rows, radix)
        if data:
            yield Wrapped("hex dump", data)
            if all(row is None or _in_words(row.rest) for row in rows):
                # The last byte of an odd number stands in a whole word.
                yield Wrapped("hex dump of little-endian words", _swapped(_joined(rows, radix, word=2))[: len(data)])
            return


def _joined(rows: list[_Row | None], radix: int, word: int = 1) -> bytes:
    """Join the lines of a dump; nothing where their offsets do not follow each other.

    The last line ends with a whole word of so many bytes.
    """
    data = bytearray()
    repeated = False
    try:
        offsets = [None if row is None else int(row.offset, radix) for row in rows]
    except ValueError:
        return b""
    if not offsets or offsets[0] is None:
        return b""
    start, last = offsets[0], b""
    for index, (row, offset) in enumerate(zip(rows, offsets, strict=True)):
        if row is None or offset is None:
            repeated = True
            continue
        missing = offset - start - len(data)
        if repeated and last and 0 <= missing <= _DUMP_BYTES_MAX - len(data):
            data += (last * (missing // len(last) + 1))[:missing]
        repeated = False
        if -((start - offset) // word) * word != len(data):
            return b""
        following = offsets[index + 1] if index + 1 < len(offsets) else None
        count = None if following is None else -((offset - following) // word) * word
        last = _line_bytes(row.rest, count)
        if row.rest and not last:
            return b""
        data += last
    return bytes(data)


def _line_bytes(rest: str, count: int | None) -> bytes:
    """Read the bytes of one line; what is text beside them is told by the next offset, or by the gap before it.

    Three blanks always end the bytes, two do unless they part the line into halves of eight.
    """
    taken = bytearray()
    at = 0
    while at < len(rest) and (count is None or len(taken) < count) and len(taken) < _LINE_BYTES_MAX:
        group = _GROUP.match(rest, at)
        if group is None:
            break
        taken += bytes.fromhex(group[0])
        gap = len(rest[group.end() :]) - len(rest[group.end() :].lstrip(" \t"))
        at = group.end() + gap
        if count is None and (gap > 2 or (gap == 2 and len(taken) != 8)):
            break
    return bytes(taken if count is None else taken[:count])


def _in_words(rest: str) -> bool:
    return all(len(group) == 4 for group in rest.split())


def _swapped(data: bytes) -> bytes:
    pairs = data + bytes(len(data) % 2)
    return b"".join(pairs[at : at + 2][::-1] for at in range(0, len(pairs), 2))


def _payloads(data: bytes) -> Iterator[Wrapped]:
    """Take the headers of Ethernet, IPv4 and TCP off a packet, where it looks like one."""
    for start in (0, _ETHERNET):
        packet = data[start:]
        if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != _TCP or (start and data[12:14] != b"\x08\x00"):
            continue
        total, tcp = int.from_bytes(packet[2:4], "big"), 4 * (packet[0] & 0x0F)
        body = tcp + 4 * (packet[tcp + 12] >> 4) if tcp + 12 < len(packet) else len(packet)
        if body < total <= len(packet):
            yield Wrapped("TCP packet", packet[body:total])
