"""Between versions every code, time and amount goes where the other version says it, and comes back."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.convert_versions import Names, Years, moved
from twinrail.money import CURRENCIES
from twinrail.schemas.iso8583.conversions import NETWORK_FUNCTION, RESPONSE_ACTION

YEARS = Years(date(2026, 11, 21))


def to(mti: str, names: Names, version: str, target: str) -> tuple[str, Names, list[str]]:
    """Give type, values and the names of what was left."""
    moved_mti, found, left, _ = moved(mti, names, version, target, YEARS)
    return moved_mti, found, [note.name for note in left]


@given(st.dates(date(1990, 1, 1), date(2089, 12, 31)), st.dates(date(2000, 1, 1), date(2030, 12, 31)))
def test_a_date_gets_the_year_that_brings_it_nearest(today: date, day: date) -> None:
    year = int(Years(today).of(f"{day:%m%d}"))
    if (day.month, day.day) != (2, 29):
        nearest = min(abs((day.replace(year=one) - today).days) for one in range(today.year - 1, today.year + 2))
        assert abs((day.replace(year=year) - today).days) == nearest
    assert Years(today).dated(f"{day:%m%d}", 4) == f"{day:%m%d}"


def test_what_is_no_date_keeps_the_year_of_today() -> None:
    assert YEARS.of("9999") == "2026"
    assert YEARS.of("0229") in {"2026", "2024", "2028"}
    assert YEARS.dated("12345", 6) == "12345"


@pytest.mark.parametrize(("code", "action"), RESPONSE_ACTION)
def test_codes_go_to_their_first_counterpart(code: str, action: str) -> None:
    down = to("1110", {"action_code": action}, "1993", "1987")
    assert down[1] == {"response_code": next(old for old, new in RESPONSE_ACTION if new == action)}
    up = to("0110", {"response_code": code}, "1987", "1993")
    assert up[1] == {"action_code": next(new for old, new in RESPONSE_ACTION if old == code)}


@pytest.mark.parametrize(("mti", "action"), [("0110", "000"), ("0430", "400"), ("0810", "800")])
def test_what_accepts_says_so_by_its_class(mti: str, action: str) -> None:
    there = to(mti, {"response_code": "00"}, "1987", "1993")
    assert there[1] == {"action_code": action}
    assert to(there[0], there[1], "1993", "1987")[1] == {"response_code": "00"}
    wide = to(mti, {"response_code": "00"}, "1987", "2003")
    assert wide[1] == {"action_code": action[0] + "0" + action[1:]}
    assert to(wide[0], wide[1], "2003", "1987")[1] == {"response_code": "00"}


@pytest.mark.parametrize("code", ["99", "ZZ"])
def test_codes_without_a_counterpart_are_named(code: str) -> None:
    assert to("0110", {"response_code": code}, "1987", "1993")[1:] == ({}, ["response_code"])
    assert to("2110", {"action_code": "1816"}, "2003", "1993")[1:] == ({}, ["action_code"])


@pytest.mark.parametrize(("network", "function"), NETWORK_FUNCTION)
def test_network_functions(network: str, function: str) -> None:
    assert to("0800", {"network_management_code": network}, "1987", "1993")[:2] == ("1804", {"function_code": function})
    back = next(old for old, new in NETWORK_FUNCTION if new == function)
    assert to("1804", {"function_code": function}, "1993", "1987")[:2] == ("0800", {"network_management_code": back})


@given(st.sampled_from("1248"), st.sampled_from("01234"), st.sampled_from("01"))
def test_message_types_come_back(kind: str, function: str, origin: str) -> None:
    mti = f"0{kind}{function}{origin}"
    for version in ("1993", "2003"):
        there = to(mti, {}, "1987", version)[0]
        assert there[0] == {"1993": "1", "2003": "2"}[version]
        assert to(there, {}, version, "1987")[0] == mti


def test_local_times() -> None:
    names: Names = {"local_time": "143005", "local_date": "1121"}
    assert to("0110", names, "1987", "1993")[1] == {"local_date_time": "261121143005"}
    assert to("0110", names, "1987", "2003")[1] == {"local_date_time": "20261121143005"}
    assert to("2110", {"local_date_time": "20261121143005"}, "2003", "1987")[1] == names
    assert to("0110", {"local_time": "143005"}, "1987", "1993")[1] == {"local_time": "143005"}, "half of it is none"


def test_original_data_keeps_type_number_and_acquirer_and_says_that_its_time_is_wanted() -> None:
    original = "0100" + "000007" + "1121143005" + "00000123456" + "0" * 11
    mti, names, left = to("0420", {"original_data": original, "function_code": "400"}, "1987", "1993")
    assert (mti, names["original_data"]) == ("1420", "1100" + "000007" + "0" * 12 + "06123456")
    assert left == ["original_data"]
    wide = to("1420", {"original_data": "1100000007261121143005" + "06123456"}, "1993", "2003")[1]["original_data"]
    assert wide == "2100" + "000000000007" + "20261121143005" + "00000123456"
    assert to("2420", {"original_data": wide}, "2003", "1993")[1]["original_data"] == "110000000726112114300506123456"
    down, _ = to("1420", {"original_data": "110000000726112114300506123456"}, "1993", "1987")[1:]
    assert down["original_data"] == "0100" + "000007" + "0" * 10 + "00000123456" + "0" * 11


def test_a_partial_reversal_turns_its_amounts_round() -> None:
    names: Names = {"amount": "000000001000", "replacement_amounts": "000000000400" + "0" * 12 + "C00000000" * 2}
    _, there, left = to("0420", names, "1987", "1993")
    assert there == {"amount": "000000000400", "original_amounts": "000000001000" + "0" * 12, "function_code": "401"}
    assert not left
    assert to("1420", there, "1993", "1987")[1] == names
    fees = names | {"replacement_amounts": "000000000400" + "0" * 12 + "D00000100C00000000"}
    assert to("0420", fees, "1987", "1993")[2] == ["replacement_amounts"], "fees have no place"


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 10**12 - 1))
def test_amounts_take_their_currency_along(currency: str, amount: int) -> None:
    names: Names = {"amount": f"{amount:012d}", "currency": currency, "function_code": "100"}
    _, there, left = to("1100", names, "1993", "2003")
    assert there == {
        "amount_with_currency": f"{currency}{CURRENCIES[currency][1]}{amount:012d}",
        "function_code": "100",
    }
    assert not left
    assert to("2100", there, "2003", "1993")[1] == names
    letters = names | {"currency": CURRENCIES[currency][0]}
    assert to("1100", letters, "1993", "1987")[1]["currency"] == currency


def test_an_amount_without_a_known_currency_stays_what_it_is() -> None:
    names: Names = {"amount": "000000001000", "currency": "999", "function_code": "100"}
    assert to("1100", names, "1993", "2003")[1] == names


def test_balances_get_their_exponent() -> None:
    names: Names = {"additional_amounts": "0002978C0000000010000001392D000000000005"}
    there = to("1110", names, "1993", "2003")[1]
    assert there == {"additional_amounts": "00029782C00000000100000013920D000000000005"}
    assert to("2110", there, "2003", "1993")[1] == names
    assert to("1110", {"additional_amounts": "short"}, "1993", "2003")[1:] == ({}, ["additional_amounts"])


def test_a_function_that_1987_says_by_the_type_is_assumed_and_taken_away_again() -> None:
    mti, names, _, adapted = moved("0200", {}, "1987", "1993", YEARS)
    assert (names, [note.name for note in adapted]) == ({"function_code": "200"}, ["function_code"])
    assert to(mti, names, "1993", "1987")[1:] == ({}, [])
    assert to("1100", {"function_code": "181"}, "1993", "1987")[1] == {"function_code": "181"}, "it has no place there"
