from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.money import AMOUNT_MAX, CURRENCIES, alphabetic, exponent, numeric, show, to_decimal, to_minor

currencies = st.sampled_from(sorted(CURRENCIES))
amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)


@given(amounts, currencies)
def test_an_amount_survives_its_text(amount: int, currency: str) -> None:
    text = f"{to_decimal(amount, currency):f}"
    assert to_minor(text, currency) == amount
    assert show(amount, currency) == f"{text} {alphabetic(currency)}"


@given(currencies)
def test_a_currency_has_one_code_of_each_kind(currency: str) -> None:
    assert numeric(alphabetic(currency)) == currency
    assert exponent(currency) in {0, 2, 3}
    assert to_decimal(1, currency) == Decimal(1).scaleb(-exponent(currency))


@given(st.text(max_size=12))
def test_what_is_read_is_what_decimal_says_or_nothing(text: str) -> None:
    try:
        amount = to_minor(text, "978")
    except ValueError:
        return
    assert Decimal(text) * 100 == amount


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("12.30", "978", 1230),
        ("12.3", "978", 1230),
        ("12", "978", 1200),
        ("12.300", "978", 1230),
        ("-0.01", "978", -1),
        ("7", "392", 7),
        ("7.0", "392", 7),
        ("1.234", "414", 1234),
        ("9999999999999.99", "978", AMOUNT_MAX),
    ],
)
def test_amounts_of_all_exponents(text: str, currency: str, amount: int) -> None:
    assert to_minor(text, currency) == amount


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", "1.", ".5", "1.234", "1,00", "1e3", " 1", "1 ", "+1", "--1", "\u0661", "1_0", "0x1", "NaN"),
        *("9" * 19, "10000000000000.00"),
    ],
)
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|decimals"):
        to_minor(text, "978")


def test_a_currency_that_is_not_known_is_never_guessed() -> None:
    for call in (exponent, alphabetic):
        with pytest.raises(KeyError):
            call("999")
    with pytest.raises(KeyError):
        numeric("EURO")
