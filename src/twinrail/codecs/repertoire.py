"""Which characters each kind of element may hold, as tables that C code walks (ISO 8583-1:1987 clause 4.1).

Everything here is about ASCII bytes: text of another code page is translated to ASCII before it is judged.
`str.isdigit` accepts superscripts and `int` accepts blanks, signs and underscores; bytes and tables do not.
"""

from collections.abc import Callable
from functools import cache

from twinrail.schemas.iso8583.axes import Kind

DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

_PRINTABLE = frozenset(range(0x20, 0x7F))
ALLOWED: dict[Kind, frozenset[int]] = {
    Kind.N: DIGITS,
    Kind.A: _LETTERS,
    Kind.S: _PRINTABLE - DIGITS - _LETTERS,
    Kind.AN: DIGITS | _LETTERS,
    Kind.AS: _PRINTABLE - DIGITS,
    Kind.NS: _PRINTABLE - _LETTERS,
    Kind.ANP: DIGITS | _LETTERS | frozenset(b" "),
    Kind.ANS: _PRINTABLE,
    Kind.Z: DIGITS | frozenset(b"=D:;<>?"),
}
_BLANK = b" "
_SIGNS = b"CD"


def table_of(allowed: frozenset[int]) -> bytes:
    """Give a table for `bytes.translate` after which `isdigit` says whether all bytes were allowed.

    Walking a table takes about 1 ns a byte, where a compiled regular expression takes 3 and `str.isprintable` 4.

    >>> b"AB".translate(table_of(frozenset(b"ABC"))).isdigit()
    True
    """
    return bytes(0x30 if byte in allowed else 0x78 for byte in range(256))


PACKED_DIGITS = frozenset(high << 4 | low for high in range(10) for low in range(10))


Judge = Callable[[bytes], int]


def judge_of(kind: Kind, *, fixed: bool) -> Judge:
    """Give the function that finds the index of the first byte that the kind does not allow, or -1 for none.

    An empty value has no fault. Fixed a and an values may end in blanks, the padding of short ones. An x+n value
    without a digit has its fault where the digit is missing.

    >>> judge_of(Kind.N, fixed=True)(b"12a4")
    2
    """
    if kind is Kind.B:
        return _anything
    if kind is Kind.XN:
        return _signed_fault
    allowed = ALLOWED[kind]
    table = table_of(allowed)
    blank_filled = fixed and kind in {Kind.A, Kind.AN}

    def judge(value: bytes) -> int:
        judged = value.rstrip(_BLANK) if blank_filled else value
        if not judged or judged.translate(table).isdigit():
            return -1
        return next(index for index, byte in enumerate(judged) if byte not in allowed)

    return judge


def _anything(_value: bytes) -> int:
    return -1


def _signed_fault(value: bytes) -> int:
    if not value:
        return -1
    if value[0] not in _SIGNS:
        return 0
    if len(value) == 1:
        return 1
    return next((index for index, byte in enumerate(value) if index and byte not in DIGITS), -1)


_LETTERS_PADDED = judge_of(Kind.A, fixed=True)
_ALPHANUMERIC_PADDED = judge_of(Kind.AN, fixed=True)


def letters_padded(value: bytes) -> bool:
    """Say whether a fixed value is letters and then blanks."""
    return _LETTERS_PADDED(value) < 0


def alphanumeric_padded(value: bytes) -> bool:
    """Say whether a fixed value is letters or digits and then blanks."""
    return _ALPHANUMERIC_PADDED(value) < 0


@cache
def ascii_tables(page: str) -> tuple[bytes, bytes] | None:
    """Give the tables that turn a single-byte code page into ASCII and back; None where it is ASCII already.

    What has no counterpart among the printable ASCII characters becomes 0xFF on the way in and a byte that would come
    back as 0xFF on the way out, so that every check refuses it. ValueError unless the code page is known and holds
    each printable ASCII character in one byte of its own.
    """
    printable = bytes(range(0x20, 0x7F))
    swapped = _CP1047 if page == "cp1047" else {}
    try:
        carried = printable.decode("ascii").encode("cp037" if swapped else page)
    except (LookupError, UnicodeError) as error:
        raise ValueError("the code page is not known or does not hold ASCII") from error
    carried = bytes(swapped.get(byte, byte) for byte in carried)
    if len(carried) != len(printable) or len(set(carried)) != len(printable):
        raise ValueError("the code page is not one byte a character")
    if carried == printable:
        return None
    unused = next(byte for byte in range(256) if byte not in carried)
    to_ascii, from_ascii = bytearray(b"\xff" * 256), bytearray([unused]) * 256
    for plain, byte in zip(printable, carried, strict=True):
        to_ascii[byte] = plain
        from_ascii[plain] = byte
    return bytes(to_ascii), bytes(from_ascii)


# IBM code page 1047 (Latin-1 open systems), which Python does not ship: cp037 with three pairs of bytes exchanged.
_CP1047_PAIRS = ((0xBA, 0xAD), (0xBB, 0xBD), (0xB0, 0x5F))  # left and right bracket; caret and not sign
_CP1047 = dict(_CP1047_PAIRS) | {right: left for left, right in _CP1047_PAIRS}
