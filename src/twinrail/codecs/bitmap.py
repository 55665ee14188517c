"""Bitmaps: which elements are present, bit 1 first (ISO 8583-1:1987 clause 4.3).

A bitmap is 8 bytes, 16 with the second one, 24 with a contiguous third. Bit 1 announces the second bitmap and never
stands for an element; what bit 65 means is the dialect's (`elements.Third`).
"""

from collections.abc import Iterable

from twinrail.schemas.iso8583.elements import BitmapForm

_BITS = tuple(tuple(bit for bit in range(1, 9) if byte >> (8 - bit) & 1) for byte in range(256))  # set in each byte
OCTETS = 8
ELEMENTS = 64  # of one bitmap
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_EBCDIC_HEX = "0123456789ABCDEF".encode("cp037")
_TO_ASCII = bytes.maketrans(_EBCDIC_HEX + "abcdef".encode("cp037"), b"0123456789ABCDEFabcdef")
_TO_EBCDIC = bytes.maketrans(b"0123456789ABCDEF", _EBCDIC_HEX)


def numbers_of(bitmap: bytes) -> tuple[int, ...]:
    """Give the numbers of the bits that are set, in ascending order, without bit 1.

    >>> numbers_of(bytes.fromhex("8220000000000000" "0400000000000000"))
    (7, 11, 70)
    """
    found = [8 * at + bit for at, byte in enumerate(bitmap) if byte for bit in _BITS[byte]]
    return tuple(found[1:] if found and found[0] == 1 else found)


def bitmap_of(numbers: Iterable[int], octets: int) -> bytes:
    """Give a bitmap of so many bytes with these bits set; numbers lie between 1 and eight times as many.

    >>> bitmap_of((1, 7, 11, 70), 16).hex()
    '82200000000000000400000000000000'
    """
    bits = 0
    for number in numbers:
        bits |= 1 << (octets * 8 - number)
    return bits.to_bytes(octets, "big")


def announces_next(bitmap: bytes) -> bool:
    """Say whether the first bit is set."""
    return bool(bitmap[0] & 0x80)


def announcing(form: BitmapForm) -> bytes:
    """Give the first bytes on the wire, one behind the other, with which a bitmap announces the next."""
    if form is BitmapForm.BINARY:
        return bytes(range(0x80, 0x100))
    return b"89ABCDEFabcdef" if form is BitmapForm.HEX_ASCII else "89ABCDEFabcdef".encode("cp037")


def width_of(form: BitmapForm) -> int:
    """Give how many bytes on the wire one bitmap takes."""
    return OCTETS if form is BitmapForm.BINARY else 2 * OCTETS


def to_wire(bitmap: bytes, form: BitmapForm) -> bytes:
    """Write a bitmap in its form, hex digits in capitals."""
    if form is BitmapForm.BINARY:
        return bitmap
    digits = bitmap.hex().upper().encode("ascii")
    return digits if form is BitmapForm.HEX_ASCII else digits.translate(_TO_EBCDIC)


def first_fault(wire: bytes, form: BitmapForm) -> int:
    """Give the index of the first byte that is no part of a bitmap in this form, -1 for none."""
    if form is BitmapForm.BINARY:
        return -1
    plain = wire if form is BitmapForm.HEX_ASCII else wire.translate(_EBCDIC_ONLY)
    return next((index for index, byte in enumerate(plain) if byte not in _HEX), -1)


def from_wire(wire: bytes, form: BitmapForm) -> bytes:
    """Read a bitmap that has no fault."""
    if form is BitmapForm.BINARY:
        return wire
    plain = wire if form is BitmapForm.HEX_ASCII else wire.translate(_TO_ASCII)
    return bytes.fromhex(plain.decode("ascii"))


# Bytes that are no EBCDIC hex digits must not pass for ASCII ones.
_EBCDIC_ONLY = bytes(
    plain if byte in _EBCDIC_HEX + "abcdef".encode("cp037") else 0xFF for byte, plain in enumerate(_TO_ASCII)
)
