"""BER-TLV without loss (ISO/IEC 8825-1, EMV book 3 annex B): what was parsed can be written again byte for byte.

Order, duplicate tags, 00 filler between objects and lengths that could be shorter are all kept. Objects inside a
constructed object are parsed when they are asked for, never before: networks put bytes that are no TLV into tags
whose form says constructed. Indefinite lengths are refused; nesting is bounded, and nothing recurses on input.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

from twinrail.errors import DecodeError, EncodeError

DEPTH_MAX = 8  # objects within objects
_TAG_BYTES_MAX = 4
_LENGTH_BYTES_MAX = 4  # after the first byte, which says how many follow
_FILLER = 0x00


class Node(NamedTuple):
    """One object: its tag in upper-case hex, its value, and where tag, length and value stand in the raw bytes."""

    tag: str
    value: bytes
    start: int
    length_at: int
    value_at: int
    end: int

    @property
    def constructed(self) -> bool:
        """Say whether the tag's form promises objects inside (bit 6 of its first byte)."""
        return bool(int(self.tag[:2], 16) & 0x20)


class Tlv:
    """Objects of one level, as they stood in the bytes; never changed, `replace` gives a new one."""

    __slots__ = ("_depth", "_offset", "_path", "nodes", "raw")

    def __init__(self, raw: bytes, nodes: tuple[Node, ...], *, path: str, offset: int, depth: int) -> None:
        self.raw = raw
        self.nodes = nodes
        self._path = path
        self._offset = offset
        self._depth = depth

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        return f"Tlv({' '.join(f'{node.tag}:{len(node.value)}' for node in self.nodes)})"

    def __contains__(self, tag: object) -> bool:
        return any(node.tag == tag for node in self.nodes)

    def get(self, tag: str) -> bytes | None:
        """Give the value of the first object with this tag (upper-case hex), or None."""
        return next((node.value for node in self.nodes if node.tag == tag), None)

    def all(self, tag: str) -> list[bytes]:
        """Give the values of every object with this tag, in order."""
        return [node.value for node in self.nodes if node.tag == tag]

    def items(self) -> list[tuple[str, bytes]]:
        """Give tags and values of this level in order, duplicates included."""
        return [(node.tag, node.value) for node in self.nodes]

    def inside(self, node: Node) -> Self:
        """Parse what is inside a constructed object of this level.

        DecodeError where it is no TLV or lies deeper than 8.
        """
        return type(self)._parsed(  # noqa: SLF001 - the class's own constructor
            node.value,
            path=f"{self._path}.{node.tag}",
            offset=self._offset + node.value_at,
            depth=self._depth + 1,
        )

    def replace(self, tag: str, value: bytes) -> Self:
        """Give the same objects with the first of this tag holding another value; KeyError where there is none.

        Every other byte stays. The length keeps its form where it stays equal, else it takes the shortest.
        """
        node = next((node for node in self.nodes if node.tag == tag), None)
        if node is None:
            raise KeyError(tag)
        length = self.raw[node.length_at : node.value_at] if len(value) == len(node.value) else _length(len(value))
        raw = self.raw[: node.length_at] + length + value + self.raw[node.end :]
        return type(self)._parsed(raw, path=self._path, offset=self._offset, depth=self._depth)  # noqa: SLF001 - as above

    @classmethod
    def _parsed(cls, raw: bytes, *, path: str, offset: int, depth: int) -> Self:
        if depth > DEPTH_MAX:
            raise DecodeError("objects nested too deep", path=path, offset=offset, element=_element(path))
        nodes: list[Node] = []
        at = 0
        while at < len(raw):
            if raw[at] == _FILLER:
                at += 1
                continue
            node = _node(raw, at, path, offset)
            nodes.append(node)
            at = node.end
        return cls(raw, tuple(nodes), path=path, offset=offset, depth=depth)


def parse(data: bytes, *, path: str = "55", offset: int = 0) -> Tlv:
    """Parse the objects of one level.

    `path` names the element and `offset` is where `data` begins in the message; both go into errors. DecodeError
    names the tag ("55.9F02") where one was read.

    >>> parse(bytes.fromhex("9F0206000000005000")).get("9F02").hex()
    '000000005000'
    """
    return Tlv._parsed(data, path=path, offset=offset, depth=1)  # noqa: SLF001 - this is the public way to it


def build(items: Iterable[tuple[str, bytes]]) -> Tlv:
    """Make objects from tags in hex and values, with the shortest lengths; EncodeError where a tag is none.

    >>> bytes(build([("8A", b"00")])).hex()
    '8a023030'
    """
    parts: list[bytes] = []
    for tag, value in items:
        parts += [_tag_bytes(tag), _length(len(value)), value]
    return parse(b"".join(parts))


def _node(raw: bytes, start: int, path: str, offset: int) -> Node:
    at = start + 1
    if raw[start] & 0x1F == 0x1F:  # the tag goes on while bit 8 is set
        while at < len(raw) and raw[at] & 0x80:
            at += 1
        at += 1
    if at > len(raw):
        raise _error("data ends within a tag", path, offset + start)
    if at - start > _TAG_BYTES_MAX:
        raise _error("tag longer than four bytes", path, offset + start)
    tag = raw[start:at].hex().upper()
    where = f"{path}.{tag}"
    if at == len(raw):
        raise _error("data ends before the length", where, offset + at)
    value_at, length = at + 1, raw[at]
    if length & 0x80:
        count = length & 0x7F
        if not count:
            raise _error("indefinite length", where, offset + at)
        if count > _LENGTH_BYTES_MAX:
            raise _error("length of more than four bytes", where, offset + at)
        value_at = at + 1 + count
        if value_at > len(raw):
            raise _error("data ends within the length", where, offset + at)
        length = int.from_bytes(raw[at + 1 : value_at], "big")
    end = value_at + length
    if end > len(raw):
        raise _error("data ends within the value", where, offset + at)
    return Node(tag, raw[value_at:end], start, at, value_at, end)


def _error(problem: str, path: str, offset: int) -> DecodeError:
    return DecodeError(problem, path=path, offset=offset, element=_element(path))


def _element(path: str) -> int:
    head = path.partition(".")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


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


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((0x80 | size,)) + length.to_bytes(size, "big")
