"""IBANs: the table and the check digits, beside python-stdnum as an independent judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban as oracle

from twinrail.codecs import iban

_ALPHABETS = {"n": "0123456789", "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "c": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(iban.STRUCTURES)))
    parts = iban.parts(iban.STRUCTURES[country])
    bban = "".join(draw(st.text(_ALPHABETS[kind], min_size=size, max_size=size)) for kind, size in parts)
    return iban.of(country, bban)


@given(ibans())
def test_what_is_composed_is_valid_here_and_for_the_oracle(number: str) -> None:
    assert iban.valid(number)
    assert oracle.is_valid(number, check_country=False)


@given(ibans(), st.data())
def test_one_changed_digit_is_found(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, len(number) - 1))
    other = data.draw(st.sampled_from("0123456789"))
    changed = number[:at] + other + number[at + 1 :]
    if changed != number and number[at].isdigit():
        assert not iban.valid(changed)
        assert not oracle.is_valid(changed, check_country=False)


@given(st.text(max_size=40))
def test_any_other_text_is_judged_as_the_oracle_does(text: str) -> None:
    if iban.valid(text):
        assert oracle.is_valid(text, check_country=False)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "DE",
        "DE8937040044053201300",
        "de89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "US12345678901234567",
        "DE8937040044053201300\u0660",
        "DE89370400440532013000\n",
        "BR1800360305000010009795493C1",
        "DE99500105170000000043",
    ],
)
def test_what_is_no_iban_of_this_rail(number: str) -> None:
    assert not iban.valid(number)


@given(ibans())
def test_masked_shows_country_and_last_four(number: str) -> None:
    shown = iban.masked(number)
    assert len(shown) == len(number)
    assert shown.replace("*", "") == number[:2] + number[-4:]


def test_short_texts_are_masked_whole() -> None:
    assert iban.masked("DE891234") == "********"
