"""Card numbers: found wherever they begin in a run of digits, and never taken for something else by a leading zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.card_numbers import (
    PAN_MAX,
    PAN_MIN,
    holds_card_number,
    is_card_number,
    luhn_digit,
    luhn_valid,
    number_inside,
)

PAN = "4111111111111111"


def slowly(digits: str) -> bool:
    """Each stretch by itself."""
    return any(
        digits[at] != "0" and luhn_valid(digits[at : at + size])
        for size in range(PAN_MIN, PAN_MAX + 1)
        for at in range(len(digits) - size + 1)
    )


@given(st.text("0123456789", min_size=12, max_size=40))
def test_a_run_of_digits_holds_one_where_one_of_its_stretches_is_one(digits: str) -> None:
    assert holds_card_number(digits) == slowly(digits)


@given(st.text("0123456789 -", max_size=40), st.integers(PAN_MIN, PAN_MAX), st.integers(10**18, 10**19 - 1))
def test_one_is_found_wherever_it_begins(before: str, size: int, number: int) -> None:
    body = str(number)[: size - 1]
    assert holds_card_number(f"{before}{body}{luhn_digit(body)} and more")


def test_a_long_run_without_one_takes_linear_time() -> None:
    # No stretch of 13 to 19 ones passes, so each has to be looked at: one by one they took most of a minute.
    assert not holds_card_number("1" * 1_000_000)


@pytest.mark.parametrize("value", [PAN, PAN.encode(), PAN.encode("cp500"), bytes.fromhex(PAN), b"x" + PAN.encode()])
def test_one_is_found_in_every_writing(value: str | bytes) -> None:
    assert number_inside(value)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [(PAN, True), (f"{PAN}  ", True), (PAN[:-1] + "2", False), (PAN.encode(), False), (PAN + "0" * 4, False)],
)
def test_a_value_is_one_only_by_itself(value: str | bytes, is_one: bool) -> None:  # noqa: FBT001 - a case of the table
    assert is_card_number(value) is is_one
