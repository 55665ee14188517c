"""The numbers of our own requests: unique, in range, and not used again by the next process of the day."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.engine.network import STAN_MAX, Network
from twinrail.engine.session import NS
from twinrail.schemas.iso8583.profiles import CARD_1987, CARD_1993, CARD_2003, LinkProfile, NetworkFunction

DAY = 86_400
AT = 1_798_761_600 * NS  # 2027-01-01T00:00:00Z


@given(st.integers(0, DAY - 1), st.integers(1, 300))
def test_numbers_are_in_range_and_do_not_come_twice(second: int, count: int) -> None:
    network = Network(CARD_1987)
    numbers = [network.stan(AT + second * NS) for _ in range(count)]
    assert len(set(numbers)) == count
    assert all(len(number) == 6 and 1 <= int(number) <= STAN_MAX for number in numbers)


@given(st.integers(0, DAY - 2), st.integers(1, 3600), st.integers(1, 10))
def test_the_next_process_of_the_day_begins_above(second: int, later: int, a_second: int) -> None:
    later = min(later, DAY - 1 - second)
    before = Network(CARD_1987)
    used = {before.stan(AT + (second + passed) * NS) for passed in range(later) for _ in range(a_second)}
    assert Network(CARD_1987).stan(AT + (second + later) * NS) not in used


def test_numbers_wrap_without_a_zero() -> None:
    network = Network(CARD_1987)
    network._stan = STAN_MAX - 1
    assert [network.stan(AT) for _ in range(3)] == ["999999", "000001", "000002"]


@pytest.mark.parametrize(
    ("profile", "mti", "elements"),
    [
        (CARD_1987, "0800", {7: "0101000000", 11: "000001", 70: "301"}),
        (CARD_1993, "1804", {7: "0101000000", 11: "000001", 12: "270101000000", 24: "831"}),
        (CARD_2003, "2804", {7: "0101000000", 11: "000000000001", 12: "20270101000000", 24: "831"}),
    ],
    ids=["1987", "1993", "2003"],
)
def test_an_echo_is_written_in_the_words_of_its_version(
    profile: LinkProfile, mti: str, elements: dict[int, str]
) -> None:
    assert Network(profile).management(NetworkFunction.ECHO, AT) == (mti, elements)


def test_a_function_without_a_code_cannot_be_asked_for() -> None:
    assert Network(replace(CARD_1987, functions={})).management(NetworkFunction.ECHO, AT) is None
