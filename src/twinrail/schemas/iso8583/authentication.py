"""Message authentication of a link as data: which MAC, in which element, over which bytes, on which message types.

The MAC is always the last element of its message, so that it covers everything before its own value: 64 in a message
with one bitmap, 128 in a message with two (ISO 8583, all editions).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique


@unique
class MacAlgorithm(StrEnum):
    """How a MAC is computed."""

    RETAIL = "iso9797-1-alg3"  # ISO/IEC 9797-1 algorithm 3 with DES, once ANSI X9.19: two keys of 8 bytes
    AES_CMAC = "aes-cmac"  # NIST SP 800-38B, RFC 4493: one key of 16, 24 or 32 bytes


@unique
class Padding(IntEnum):
    """How the retail MAC fills its last block (ISO/IEC 9797-1, padding methods); AES-CMAC has a filling of its own."""

    ZEROS = 1  # method 1: zero bytes where the block is not full
    BIT = 2  # method 2: 80 always, then zero bytes


@unique
class Covered(StrEnum):
    """Which bytes a MAC is computed over, as they stand on the wire; its own value never belongs to them."""

    BODY = "body"  # from the message type to the byte before the MAC
    HEADER_AND_BODY = "header_and_body"  # likewise, the header of the frame before it


@dataclass(frozen=True, slots=True, kw_only=True)
class MacRule:
    """How the messages of a link are authenticated.

    `elements` may hold the MAC: the first that no other element of the message stands behind is taken. `length` is 4 or
    8 bytes, the leftmost of what the algorithm gives; an element that has room for more ends in zero bytes. How it is
    carried, as bytes or as hex digits, is the dialect's row. `exempt` are the message types, with the repeat bit
    cleared, that may come and go without a MAC: every other must carry one, and one that is there is always verified.
    """

    algorithm: MacAlgorithm
    padding: Padding = Padding.ZEROS
    elements: tuple[int, ...] = (64, 128)
    length: int = 8
    covered: Covered = Covered.BODY
    exempt: frozenset[str] = frozenset()
