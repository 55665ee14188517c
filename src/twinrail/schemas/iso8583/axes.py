"""The four axes of a value: what it holds, how that is carried, how its length is, and what fills it up.

An element or a part of one is a point on axes that do not depend on each other: how its characters are carried
(`Coding` and a code page), how its length is (`Length` and `Prefix`), what that length counts (`Counts`), and what
fills a value that is short (`Pad`). ISO 8583-1:1987 clause 4, 1993 and 2003 likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, unique


@unique
class Kind(StrEnum):
    """What characters an element may hold (ISO 8583-1 clause 4.1)."""

    N = "n"  # digits
    A = "a"  # letters
    S = "s"  # printable characters that are neither letters nor digits
    AN = "an"  # letters and digits
    AS = "as"  # letters and special characters
    NS = "ns"  # digits and special characters
    ANP = "anp"  # letters, digits and blanks
    ANS = "ans"  # printable characters
    B = "b"  # bytes
    Z = "z"  # track data: digits and = D : ; < > ? separators
    XN = "x+n"  # C or D, then digits; the length counts the sign


@unique
class Length(Enum):
    """How the length of an element is carried: the value is the number of prefix digits."""

    FIXED = 0
    LVAR = 1
    LLVAR = 2
    LLLVAR = 3
    LLLLVAR = 4
    LLLLLVAR = 5
    LLLLLLVAR = 6


# The words that rows are written in.
FIXED, LVAR, LLVAR, LLLVAR = Length.FIXED, Length.LVAR, Length.LLVAR, Length.LLLVAR
LLLLVAR, LLLLLVAR, LLLLLLVAR = Length.LLLLVAR, Length.LLLLLVAR, Length.LLLLLLVAR


@unique
class Mask(StrEnum):
    """The data class of an element: what may be shown of it (PCI DSS 3.3, 3.4)."""

    PUBLIC = "public"
    PAN = "pan"  # first six (eight by BIN) and last four
    SENSITIVE = "sensitive"  # tracks, PIN blocks, card codes, cryptograms: nothing but kind and length
    PERSONAL = "personal"  # names, addresses, free text: nothing but kind and length
    SECRET = "secret"  # noqa: S105 - a data class, not a password; keys and MACs: nothing but kind and length


@unique
class Coding(StrEnum):
    """How characters, digits or bytes are carried."""

    CHARACTERS = "characters"  # one byte each, in a code page
    BCD = "bcd"  # two digits to a byte; an odd count has its pad nibble in front
    BCD_RIGHT = "bcd_right"  # two digits to a byte; an odd count has its pad nibble at the end
    BINARY = "binary"  # bytes as they are
    HEX = "hex"  # bytes as two hex digits each, the digits in a code page


@unique
class PrefixForm(StrEnum):
    """How the digits of a length are carried."""

    CHARACTERS = "characters"  # one byte a digit, in a code page
    BCD = "bcd"  # two digits to a byte, zero in front of an odd count
    BINARY = "binary"  # a big-endian number


@unique
class Counts(StrEnum):
    """What a length counts."""

    VALUE = "value"  # characters of text, digits of numbers and tracks (with the sign of x+n), bytes of binary
    BYTES = "bytes"  # bytes on the wire


@dataclass(frozen=True, slots=True)
class Prefix:
    """How lengths are carried; None takes over what stands one level up.

    `form` follows the dialect's numbers where nobody states it. `size` is the bytes that a prefix takes, 0 for what the
    digits need: one byte a digit as characters, one for two digits in BCD; in binary 1 byte up to LL, 2 up to LLLL, 3
    beyond. `inclusive` lengths count the prefix itself, by its bytes.
    """

    form: PrefixForm | None = None
    counts: Counts | None = None
    inclusive: bool | None = None
    page: str | None = None
    size: int = 0


AS_ABOVE = Prefix()  # everything as one level up says


@dataclass(frozen=True, slots=True)
class Pad:
    """What fills a short value when it is written: a character (a byte for Kind.B) on one side; "" fills nothing.

    Nothing is taken away when a value is read: what stood on the wire is what a message holds.
    """

    character: str
    left: bool = False


NO_PAD = Pad("")
