"""What the field packager classes of jPOS stand for: how the value and its length are carried, by class name.

The first letters say how: A for ASCII, E for EBCDIC (code page 1047), B for bytes and packed digits. The letters L are
the digits of the length, H a length that is a binary number. Classes that fill a variable field up, that count in half
bytes or that belong to one network's private format are not here: they cannot be expressed and are said by name.
"""

from __future__ import annotations

from typing import NamedTuple

from twinrail.schemas.iso8583.axes import Coding, Counts, Kind, Length, PrefixForm

_ASCII, _EBCDIC = "ascii", "cp1047"


class FieldClass(NamedTuple):
    """One class: what it holds (`kind` ANS and N are refined by our tables), and how that is carried."""

    kind: Kind
    coding: Coding
    page: str = _ASCII
    length_kind: Length = Length.FIXED
    form: PrefixForm = PrefixForm.CHARACTERS
    prefix_page: str = _ASCII
    size: int = 0
    counts: Counts = Counts.VALUE
    nibble: str = "0"  # of an odd number of packed digits
    tag_digits: int = 0  # a tag of so many characters stands in front


BITMAPS = {"IFA_BITMAP": Coding.HEX, "IFB_BITMAP": Coding.BINARY, "IFE_BITMAP": Coding.HEX}
LEFT_OUT = frozenset({"IF_NOP", "IF_UNUSED"})


def _in_characters(letter: str, page: str) -> dict[str, FieldClass]:
    """Give the classes of one code page, lengths in the same."""
    made = {
        f"IF{letter}_NUMERIC": FieldClass(Kind.N, Coding.CHARACTERS, page),
        f"IF{letter}_AMOUNT2003": FieldClass(Kind.N, Coding.CHARACTERS, page),
        f"IF{letter}_AMOUNT": FieldClass(Kind.XN, Coding.CHARACTERS, page),
        f"IF{letter}_CHAR": FieldClass(Kind.ANS, Coding.CHARACTERS, page),
    }
    for digits in range(1, 7):
        name, length = f"IF{letter}_{'L' * digits}", Length(digits)
        made[f"{name}CHAR"] = FieldClass(Kind.ANS, Coding.CHARACTERS, page, length, prefix_page=page)
        made[f"{name}NUM"] = FieldClass(Kind.N, Coding.CHARACTERS, page, length, prefix_page=page)
        made[f"{name}BINARY"] = FieldClass(Kind.B, Coding.BINARY, page, length, prefix_page=page)
    return made


def _mixed(name: str, page: str, prefix_page: str) -> dict[str, FieldClass]:
    """Give the classes whose text and length have different code pages."""
    return {
        f"{name}_{'L' * digits}CHAR": FieldClass(
            Kind.ANS, Coding.CHARACTERS, page, Length(digits), prefix_page=prefix_page
        )
        for digits in (2, 3)
    }


def _in_bytes() -> dict[str, FieldClass]:
    """Give the classes of packed digits and bytes, lengths packed or binary."""
    made = {
        "IFB_NUMERIC": FieldClass(Kind.N, Coding.BCD),
        "IFB_AMOUNT2003": FieldClass(Kind.N, Coding.BCD),
        "IFB_FNUMERIC": FieldClass(Kind.N, Coding.BCD, nibble="F"),
        "IFB_AMOUNT": FieldClass(Kind.XN, Coding.BCD),
        "IFB_BINARY": FieldClass(Kind.B, Coding.BINARY),
    }
    for digits in range(2, 7):
        name, length = f"IFB_{'L' * digits}", Length(digits)
        made[f"{name}NUM"] = FieldClass(Kind.N, Coding.BCD, _ASCII, length, PrefixForm.BCD)
        made[f"{name}CHAR"] = FieldClass(Kind.ANS, Coding.CHARACTERS, _ASCII, length, PrefixForm.BCD)
        made[f"{name}BINARY"] = FieldClass(Kind.B, Coding.BINARY, _ASCII, length, PrefixForm.BCD)
    for digits, size in ((2, 1), (3, 2)):
        name, length = f"IFB_{'L' * digits}H", Length(digits)
        binary = FieldClass(Kind.N, Coding.BCD, _ASCII, length, PrefixForm.BINARY, size=size)
        made[f"{name}NUM"] = binary
        made[f"{name}CHAR"] = binary._replace(kind=Kind.ANS, coding=Coding.CHARACTERS)
        made[f"{name}ECHAR"] = binary._replace(kind=Kind.ANS, coding=Coding.CHARACTERS, page=_EBCDIC)
        made[f"{name}BINARY"] = binary._replace(kind=Kind.B, coding=Coding.BINARY)
    return made


def _tagged() -> dict[str, FieldClass]:
    """Give the classes that have their tag in front: IFA_TTLLCHAR and the like."""
    return {
        f"IFA_{'T' * tag}{'L' * digits}{word}": FieldClass(
            kind, coding, _ASCII, Length(digits), tag_digits=tag, prefix_page=_ASCII
        )
        for tag in (2, 3)
        for digits in range(1, 5)
        for word, kind, coding in (("CHAR", Kind.ANS, Coding.CHARACTERS), ("BINARY", Kind.B, Coding.BINARY))
    }


CLASSES: dict[str, FieldClass] = {
    **_in_characters("A", _ASCII),
    **_in_characters("E", _EBCDIC),
    **_in_bytes(),
    **_mixed("IFAE", _EBCDIC, _ASCII),
    **_mixed("IFEA", _ASCII, _EBCDIC),
    **_tagged(),
    "IF_CHAR": FieldClass(Kind.ANS, Coding.CHARACTERS),
    "IF_ECHAR": FieldClass(Kind.ANS, Coding.CHARACTERS, _EBCDIC),
    "IFA_BINARY": FieldClass(Kind.B, Coding.HEX),
    "IFA_LLABINARY": FieldClass(Kind.B, Coding.HEX, _ASCII, Length.LLVAR),
    "IFA_LLLABINARY": FieldClass(Kind.B, Coding.HEX, _ASCII, Length.LLLVAR),
    "IFA_LLBNUM": FieldClass(Kind.N, Coding.BCD, _ASCII, Length.LLVAR),
    "IFEB_LLNUM": FieldClass(
        Kind.N, Coding.BCD_RIGHT, _ASCII, Length.LLVAR, prefix_page=_EBCDIC, counts=Counts.BYTES, nibble="F"
    ),
}
