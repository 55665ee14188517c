"""The usage rules, each on both sides of its bound."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from twinrail.codecs.usage import Rules
from twinrail.schemas.iso20022.profiles import SCT
from twinrail.schemas.reasons import Reason

RULES = Rules(SCT)
TODAY = date(2026, 11, 21)


@given(st.integers(1, SCT.amount_max))
def test_an_amount_is_read_exactly(cents: int) -> None:
    text = f"{cents // 100}.{cents % 100:02d}"
    assert RULES.amount(text, "EUR") == (cents, None)
    assert RULES.scaled(text) == cents * 1000


@given(st.decimals(min_value=0, max_value=Decimal("9999999999.99999"), places=5))
def test_any_iso_amount_counts_in_a_control_sum_without_loss(value: Decimal) -> None:
    scaled = RULES.scaled(f"{value:f}")
    assert scaled is not None
    assert Decimal(scaled).scaleb(-5) == value
    minor, refused = RULES.amount(f"{value:f}", "EUR")
    exact = value * 100 == int(value * 100)
    assert (refused is None) == (exact and Decimal("0.01") <= value <= Decimal("999999999.99"))
    if refused is None:
        assert Decimal(minor).scaleb(-2) == value


@pytest.mark.parametrize(
    ("text", "amount", "refused"),
    [
        ("0.01", 1, None),
        ("0.00", 0, Reason.INVALID_AMOUNT),
        ("999999999.99", 99_999_999_999, None),
        ("1000000000.00", 100_000_000_000, Reason.INVALID_AMOUNT),
        ("1.2", 120, None),
        ("7", 700, None),
        ("1.230", 123, None),
        ("1.234", 0, Reason.INVALID_AMOUNT),
        ("-1.00", -100, Reason.INVALID_AMOUNT),
        *((text, 0, Reason.INVALID_AMOUNT) for text in ("", ".", "1e3", "1_0", "\u0661.00", "1,00", "NaN", "1.0.0")),
    ],
)
def test_amounts_at_their_bounds(text: str, amount: int, refused: Reason | None) -> None:
    assert RULES.amount(text, "EUR") == (amount, refused)


@pytest.mark.parametrize("text", ["", "1e5", "1_0", "\u0661", "NaN", "Infinity", "-1", "9" * 25, "1.000001"])
def test_what_is_no_amount_proves_nothing_in_a_control_sum(text: str) -> None:
    assert RULES.scaled(text) is None


def test_another_currency_is_not_served() -> None:
    assert RULES.amount("1.00", "USD") == (0, Reason.CURRENCY_NOT_SERVED)
    assert RULES.amount("1.00", "") == (0, Reason.CURRENCY_NOT_SERVED)


@given(st.text(max_size=40))
def test_references_by_their_definition(text: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
    good = 0 < len(text) <= 35 and set(text) <= allowed and "//" not in text and text.strip("/") == text
    assert (RULES.reference(text) is None) == good


@pytest.mark.parametrize(
    ("text", "good"),
    [("A/B", True), ("/A", False), ("A/", False), ("A//B", False), ("A" * 35, True), ("A" * 36, False), ("A\n", False)],
)
def test_references_at_their_bounds(text: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    assert (RULES.reference(text) is None) == good


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("A" * 70, True),
        ("A" * 71, False),
        ("", False),
        ("  ", False),
        ("Jörg", False),
        ("A\tB", False),
        ("a\u200bb", False),
        ("a\u202eb", False),
        ("é", False),
        ("O'Neill (Ltd.)", True),
    ],
)
def test_names(text: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    assert (RULES.name(text) is None) == good


def test_a_bank_may_allow_more_characters() -> None:
    assert Rules(replace(SCT, characters=SCT.characters + "äöüÄÖÜß")).name("Jörg") is None


def test_characters_of_a_whole_part() -> None:
    assert RULES.texts(etree.fromstring("<a>\n <b>Good text</b>\t</a>")) is None
    assert RULES.texts(etree.fromstring("<a><b>Good</b><c>\u03b1</c></a>")) is Reason.INVALID_CHARACTERS


BEFORE, FROM = date(2026, 11, 14), date(2026, 11, 15)
TOWN = "<TwnNm>Bonn</TwnNm><Ctry>DE</Ctry>"


@pytest.mark.parametrize(
    ("address", "before", "since"),
    [
        ("<AdrLine>Am Markt 1</AdrLine><AdrLine>Bonn</AdrLine>", True, False),
        ("<Ctry>DE</Ctry><AdrLine>Am Markt 1</AdrLine>", True, False),
        (TOWN, True, True),
        ("<StrtNm>Am Markt</StrtNm>" + TOWN, True, True),
        (TOWN + "<AdrLine>Am Markt 1</AdrLine><AdrLine>Hof</AdrLine>", True, True),
        (TOWN + "<AdrLine>a</AdrLine>" * 3, False, False),
        ("<StrtNm>Am Markt</StrtNm><AdrLine>Bonn</AdrLine>", False, False),  # mixed without town and country
        ("<TwnNm>Bonn</TwnNm>", True, False),
    ],
)
def test_addresses_on_both_sides_of_the_date(address: str, before: bool, since: bool) -> None:  # noqa: FBT001 - columns
    part = etree.fromstring(f"<PstlAdr>{address}</PstlAdr>")
    assert (RULES.address(part, "", BEFORE) is None) == before
    assert (RULES.address(part, "", FROM) is None) == since


@given(st.integers(-400, 400))
def test_execution_days(ahead: int) -> None:
    rules = Rules(replace(SCT, days_behind_max=2, days_ahead_max=5))
    day = rules.day((TODAY + timedelta(days=ahead)).isoformat())
    assert (rules.execution_day(day, TODAY) is None) == (-2 <= ahead <= 5)


@pytest.mark.parametrize("text", ["", "2026-02-30", "yesterday", "0000-00-00"])
def test_what_is_no_day(text: str) -> None:
    assert RULES.execution_day(RULES.day(text), TODAY) is Reason.INVALID_DATE


def test_a_date_time_has_a_day() -> None:
    assert RULES.day("2026-11-21T23:59:59+01:00") == TODAY
    assert RULES.day("2026-11-21Z") == TODAY
