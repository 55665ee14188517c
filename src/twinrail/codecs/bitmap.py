"""Bitmaps: which elements are present, bit 1 first (ISO 8583-1:1987 clause 4.3).

A bitmap is 8 bytes, or 16 with the second one. Bit 1 announces the second bitmap and never stands for an element.
"""

from collections.abc import Iterable

FIRST_BYTES = 8
BOTH_BYTES = 16


def numbers_of(bitmap: bytes) -> tuple[int, ...]:
    """Give the numbers of the elements whose bits are set, in ascending order, without bit 1.

    >>> numbers_of(bytes.fromhex("8220000000000000" "0400000000000000"))
    (7, 11, 70)
    """
    width = len(bitmap) * 8
    bits = int.from_bytes(bitmap, "big")
    return tuple(number for number in range(2, width + 1) if bits >> (width - number) & 1)


def bitmap_of(numbers: Iterable[int], *, two: bool, announce: bool) -> bytes:
    """Give the bitmap of some elements: 16 bytes where `two`, else 8; `announce` sets bit 1.

    Numbers must lie between 2 and the width in bits.

    >>> bitmap_of((7, 11, 70), two=True, announce=True).hex()
    '82200000000000000400000000000000'
    """
    size = BOTH_BYTES if two else FIRST_BYTES
    bits = 1 << (size * 8 - 1) if announce else 0
    for number in numbers:
        bits |= 1 << (size * 8 - number)
    return bits.to_bytes(size, "big")


def announces_second(first: bytes) -> bool:
    """Say whether bit 1 is set."""
    return bool(first[0] & 0x80)
