"""Repertoires: exact per byte, and equal by table and by walking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.repertoire import (
    ALLOWED,
    PACKED_DIGITS,
    alphanumeric_padded,
    ascii_tables,
    judge_of,
    letters_padded,
    table_of,
)
from twinrail.schemas.iso8583.axes import Kind


@given(st.sampled_from(sorted(ALLOWED)), st.binary(max_size=12))
def test_judging_a_variable_value_is_looking_at_every_byte(kind: Kind, value: bytes) -> None:
    first = next((index for index, byte in enumerate(value) if byte not in ALLOWED[kind]), -1)
    assert judge_of(kind, fixed=False)(value) == first


@given(st.binary(min_size=1, max_size=12))
def test_a_table_and_isdigit_say_whether_all_are_allowed(value: bytes) -> None:
    assert value.translate(table_of(PACKED_DIGITS)).isdigit() == all(byte in PACKED_DIGITS for byte in value)


@pytest.mark.parametrize(
    ("kind", "fixed", "value", "fault"),
    [
        (Kind.N, True, b"12 4", 2),
        (Kind.N, True, b"+123", 0),
        (Kind.N, True, b"1_0", 1),
        (Kind.N, True, "1²".encode("latin-1"), 1),
        (Kind.AN, True, b"AB1   ", -1),
        (Kind.AN, True, b"      ", -1),
        (Kind.AN, True, b" AB", 0),
        (Kind.AN, False, b"AB ", 2),
        (Kind.A, True, b"AB1", 2),
        (Kind.ANS, True, b"A\x1fB", 1),
        (Kind.ANS, True, b"A\x7fB", 1),
        (Kind.Z, False, b"1234=99D<>;:?", -1),
        (Kind.Z, False, b"1234E", 4),
        (Kind.XN, True, b"C00000012", -1),
        (Kind.XN, True, b"E00000012", 0),
        (Kind.XN, True, b"D0000 012", 5),
        (Kind.XN, False, b"D", 1),
        (Kind.XN, False, b"", -1),
        (Kind.B, True, b"\x00\xff", -1),
    ],
)
def test_faults_are_found_where_they_are(kind: Kind, fixed: bool, value: bytes, fault: int) -> None:  # noqa: FBT001 - a table of cases
    assert judge_of(kind, fixed=fixed)(value) == fault


def test_blanks_pad_on_the_right_only() -> None:
    assert alphanumeric_padded(b"A1  ")
    assert not alphanumeric_padded(b"A 1 ")
    assert letters_padded(b"AB  ")
    assert not letters_padded(b"A1  ")


@pytest.mark.parametrize("codec", ["cp500", "cp037", "cp1140", "cp273"])
def test_a_code_page_goes_to_ascii_and_back(codec: str) -> None:
    tables = ascii_tables(codec)
    assert tables is not None
    to_ascii, from_ascii = tables
    printable = bytes(range(0x20, 0x7F))
    assert printable.decode("ascii").encode(codec).translate(to_ascii) == printable
    assert printable.translate(from_ascii).decode(codec) == printable.decode("ascii")
    unprintable = bytes([*range(0x20), *range(0x7F, 0x100)])
    assert set(unprintable.translate(from_ascii).translate(to_ascii)) == {0xFF}


def test_ascii_needs_no_tables_and_an_unknown_or_wide_code_page_is_refused() -> None:
    assert ascii_tables("ascii") is None
    for codec in ("no-such-code-page", "utf-16-le"):
        with pytest.raises(ValueError, match="code page"):
            ascii_tables(codec)
