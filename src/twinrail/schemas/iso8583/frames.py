"""Frames and headers: what stands around a message on the wire, as data.

A frame says where a message ends: by a length in front of it, or by delimiters. A header stands between the length and
the message type; which of its fields an answer copies, swaps or computes is a column of its table. Rows are drawn from
open channel and header classes and public threads; `X-like` names no network's own document. `codecs.framing` and
`codecs.headers` read these tables.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType

PAYLOAD_BYTES_MAX = 1 << 20  # no frame holds more, whatever its length could say
FRESH = "fresh"  # an answer's field holds what a message of our own holds


@unique
class Number(StrEnum):
    """How the number of a length is written."""

    BIG = "big"  # binary, most significant byte first
    LITTLE = "little"  # binary, least significant byte first
    ASCII = "ascii"  # decimal digits
    EBCDIC = "ebcdic"  # decimal digits, F0 to F9 in every code page
    BCD = "bcd"  # two decimal digits to a byte
    HEX = "hex"  # ASCII hex digits, written in capitals, read in either case


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How a frame tells where its payload ends; every switch is independent of the others.

    On the wire: `before`, the length (`size` bytes in the form `number`), `after`, the payload, `trailer`. The length
    counts the payload, and itself where `inclusive`, and the trailer where `counts_trailer`; it leaves out the first
    `header_uncounted` bytes of the payload. `before` and `after` are constant, but `after_varies` says that `after` is
    only what is written: what is read there (a link state) is kept and not judged, and no trailer is ever judged. An
    empty frame ends with `after`: it has no trailer.

    A frame with `end` has no length: its payload stands between `begin` and `end` and cannot hold `end`. `keepalive`
    says that an empty frame is a keep-alive and no error. ValueError for a frame that contradicts itself.
    """

    name: str
    number: Number = Number.BIG
    size: int = 2
    inclusive: bool = False
    before: bytes = b""
    after: bytes = b""
    after_varies: bool = False
    trailer: bytes = b""
    counts_trailer: bool = True
    header_uncounted: int = 0
    begin: bytes = b""
    end: bytes = b""
    keepalive: bool = True
    payload_bytes_max: int = PAYLOAD_BYTES_MAX

    def __post_init__(self) -> None:
        counted = bool(self.before or self.after or self.trailer or self.inclusive or self.header_uncounted)
        if self.end and (self.size or counted):
            raise ValueError(f"frame {self.name}: delimiters and a length")
        if not self.end and (self.begin or not 1 <= self.size <= 8):
            raise ValueError(f"frame {self.name}: a length of 1 to 8 bytes, or an end, is needed")
        if self.after_varies and not self.after:
            raise ValueError(f"frame {self.name}: nothing that could vary")
        if not 1 <= self.payload_bytes_max <= PAYLOAD_BYTES_MAX or self.header_uncounted < 0:
            raise ValueError(f"frame {self.name}: a size out of bounds")

    def __hash__(self) -> int:
        """Hash the name alone: frames are looked up for every message that is written."""
        return hash(self.name)


BINARY2 = Frame(name="binary2")
BINARY4 = Frame(name="binary4", size=4)  # instant payments
ASCII4 = Frame(name="ascii4", number=Number.ASCII, size=4)
# The commoner ones first: guesses are offered in this order.
FRAMES: Mapping[str, Frame] = MappingProxyType(
    {
        row.name: row
        for row in (
            BINARY2,
            ASCII4,
            BINARY4,
            Frame(name="bcd2", number=Number.BCD),
            Frame(name="hex4", number=Number.HEX, size=4),
            Frame(name="binary2-inclusive", inclusive=True),  # Amex-like
            Frame(name="ascii4-inclusive", number=Number.ASCII, size=4, inclusive=True),
            Frame(name="binary2-little", number=Number.LITTLE),
            Frame(name="binary2-zero2", after=b"\0\0"),  # BASE I-like
            Frame(name="zero2-binary2", before=b"\0\0"),
            # Reserved byte and link-state indicator behind the length (VML-like).
            Frame(name="vml", after=b"\0\0", after_varies=True, payload_bytes_max=2048),
            Frame(name="base24", trailer=b"\x03"),  # BASE24-like: the length counts an ETX behind the message
            Frame(name="ascii2", number=Number.ASCII, size=2),
            Frame(name="ascii3", number=Number.ASCII, size=3),
            Frame(name="ascii6", number=Number.ASCII, size=6),
            Frame(name="ebcdic4", number=Number.EBCDIC, size=4),
            Frame(name="binary3", size=3),
            Frame(name="binary4-little", number=Number.LITTLE, size=4),
            Frame(name="binary6", size=6),
            Frame(name="stx-etx", size=0, begin=b"\x02", end=b"\x03", payload_bytes_max=8192),
            Frame(name="crlf", size=0, end=b"\r\n", payload_bytes_max=8192),
        )
    }
)


@unique
class Holds(StrEnum):
    """What a header's field is for."""

    BYTES = "bytes"  # nothing that the header itself depends on
    CONSTANT = "constant"  # always its fresh bytes: anything else is another header
    DIGITS = "digits"  # ASCII digits
    HEADER_LENGTH = "header_length"  # bytes of the header, as a number
    TOTAL_LENGTH = "total_length"  # bytes of header and message, as a number
    REJECT = "reject"  # a code: anything but its fresh bytes refuses an earlier message of ours


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field of a header: `size` bytes.

    `fresh` is what a message of our own holds (zero bytes where not given). `answer` names the field of the request
    that the answer takes it from: the same field where empty, none where it is FRESH. `number` is the form of a length
    or a code. ValueError where `fresh` has another size.
    """

    name: str
    size: int
    fresh: bytes = b""
    answer: str = ""
    holds: Holds = Holds.BYTES
    number: Number = Number.BIG

    def __post_init__(self) -> None:
        if self.size < 1 or (self.fresh and len(self.fresh) != self.size):
            raise ValueError(f"header field {self.name}: {len(self.fresh)} bytes for a size of {self.size}")


@dataclass(frozen=True, slots=True)
class Header:
    """The fields between the length of a frame and the message type, in their order.

    `reject_fields` stand behind them in a header that refuses an earlier message of ours, which then follows with its
    own header; only a header that says its own length can have them. ValueError for a header that contradicts itself.
    """

    name: str
    fields: tuple[HeaderField, ...] = ()
    reject_fields: tuple[HeaderField, ...] = ()

    def __post_init__(self) -> None:
        sizes = {field.name: field.size for field in (*self.fields, *self.reject_fields)}
        if len(sizes) != len(self.fields) + len(self.reject_fields):
            raise ValueError(f"header {self.name}: two fields of one name")
        for field in self.fields:
            if field.answer not in {"", FRESH} and sizes.get(field.answer) != field.size:
                raise ValueError(f"header {self.name}: {field.name} cannot be answered from {field.answer}")
        if self.reject_fields and Holds.HEADER_LENGTH not in {field.holds for field in self.fields}:
            raise ValueError(f"header {self.name}: a header that refuses is told by its length")

    @property
    def size(self) -> int:
        """Give the bytes of the header of a message that refuses nothing."""
        return sum(field.size for field in self.fields)

    def but(self, **fresh: bytes) -> "Header":
        """Give the header with what a network agreed on in our own messages: addresses, versions.

        ValueError for a field that the header does not have, or a value of another size.

        >>> HEADERS["tpdu"].but(destination=bytes.fromhex("0003")).fields[1].fresh.hex()
        '0003'
        """
        unknown = fresh.keys() - {field.name for field in self.fields}
        if unknown:
            raise ValueError(f"header {self.name} has no field {min(unknown)}")
        fields = tuple(dataclasses.replace(field, fresh=fresh.get(field.name, field.fresh)) for field in self.fields)
        return dataclasses.replace(self, fields=fields)


def opaque(size: int, *, copied: bool = True) -> Header:
    """Give a header that is so many bytes to us; the answer copies them or holds zero bytes."""
    name = f"opaque-{size}-{'copied' if copied else 'zeroed'}"
    return Header(name, (HeaderField("opaque", size, answer="" if copied else FRESH),))


def tpdu(more: int = 0) -> Header:
    """Give the 5-byte TPDU of POS links, with some bytes more that the answer copies."""
    fields = (
        HeaderField("id", 1, b"\x60", holds=Holds.CONSTANT),
        HeaderField("destination", 2, answer="source"),
        HeaderField("source", 2, answer="destination"),
    )
    return Header(f"tpdu-{more}", (*fields, HeaderField("more", more))) if more else Header("tpdu", fields)


NO_HEADER = Header("none")
_BASE1 = Header(
    "base1",
    (
        HeaderField("header_length", 1, b"\x16", answer=FRESH, holds=Holds.HEADER_LENGTH),
        HeaderField("header_format", 1, b"\x01"),
        HeaderField("text_format", 1, b"\x02"),
        HeaderField("total_length", 2, holds=Holds.TOTAL_LENGTH),
        HeaderField("destination", 3, answer="source"),  # BCD
        HeaderField("source", 3, answer="destination"),  # BCD
        HeaderField("round_trip_control", 1),
        HeaderField("flags", 2),
        HeaderField("status", 3),
        HeaderField("batch", 1),
        HeaderField("reserved", 3),
        HeaderField("user", 1),
    ),
    (HeaderField("reject_bitmap", 2), HeaderField("reject_code", 2, holds=Holds.REJECT, number=Number.BCD)),
)
_UNIONPAY = Header(
    "unionpay",
    (
        HeaderField("header_length", 1, b"\x2e", answer=FRESH, holds=Holds.HEADER_LENGTH),
        HeaderField("version", 1),
        HeaderField("total_length", 4, b"0000", holds=Holds.TOTAL_LENGTH, number=Number.ASCII),
        HeaderField("destination", 11, b" " * 11, answer="source"),
        HeaderField("source", 11, b" " * 11, answer="destination"),
        HeaderField("reserved", 3),
        HeaderField("batch", 1),
        HeaderField("transaction_info", 8),
        HeaderField("user", 1),
        HeaderField("reject_code", 5, b"00000", holds=Holds.REJECT, number=Number.ASCII),
    ),
)
_ISO_TEXT = Header(
    "iso-text",  # BASE24-like
    (HeaderField("iso", 3, b"ISO", holds=Holds.CONSTANT), HeaderField("digits", 9, b"000000000", holds=Holds.DIGITS)),
)
HEADERS: Mapping[str, Header] = MappingProxyType(
    {
        row.name: row
        for row in (NO_HEADER, tpdu(), tpdu(6), _BASE1, _UNIONPAY, _ISO_TEXT, opaque(12), opaque(12, copied=False))
    }
)
