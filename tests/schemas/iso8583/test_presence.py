"""Presence tables: marks derive what is demanded and what comes back, and no table asks for what must not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.schemas.iso8583.mti import response_to
from twinrail.schemas.iso8583.presence import (
    PRESENCE_1987,
    PRESENCE_1993,
    PRESENCE_2003,
    Mark,
    Presence,
    Row,
    When,
    but,
    conditions_of,
    echo_of,
    mandatory_of,
    renumbered,
    rows,
)

TABLES = {"0": PRESENCE_1987, "1": PRESENCE_1993, "2": PRESENCE_2003}
NEVER_ECHOED = {14, 35, 36, 45, 52, 53}  # PCI DSS 3.3.1 and the networks' own tables


@given(
    st.dictionaries(st.integers(2, 5), st.sampled_from(["1", "2"])),
    st.integers(2, 5),
    st.sampled_from([(), ("1",), ("1", "2")]),
)
def test_a_condition_and_its_contrary_never_agree(
    elements: dict[int, str | bytes], element: int, values: tuple[str, ...]
) -> None:
    when = When(element, values)
    assert when.holds(elements) is not when._replace(unless=True).holds(elements)
    assert when.holds(elements) is (element in elements and (not values or elements[element] in values))


@pytest.mark.parametrize("digit", TABLES)
def test_a_message_type_has_one_row_an_element_and_its_answer_is_there(digit: str) -> None:
    table = TABLES[digit]
    for mti, of in table.items():
        assert mti[0] == digit
        assert len({row.element for row in of}) == len(of)
        assert response_to(mti) in {*table, None}
        assert all((row.when is not None) == (row.mark is Mark.CONDITIONAL) for row in of)


@pytest.mark.parametrize("digit", TABLES)
def test_what_an_answer_must_give_back_its_request_must_hold(digit: str) -> None:
    table = TABLES[digit]
    mandatory, echo = mandatory_of(table), echo_of(table)
    for mti in table:
        answer = response_to(mti)
        if answer is None:
            assert not NEVER_ECHOED & set(echo[mti])
            continue
        assert mti not in echo
        back = {row.element for row in table[answer] if row.mark is Mark.MANDATORY_ECHO}
        assert back <= set(mandatory[mti])
        assert 11 in back


def test_the_marks_say_what_is_derived() -> None:
    table = {
        "0110": rows(m=(39,), c={38: When(39, ("00",))}, o=(54,), me=(11,), ce=(41,)),
        "0100": rows(m=(3,), c={2: When(35, unless=True)}, o=(41,)),
    }
    assert mandatory_of(table) == {"0110": (11, 39), "0100": (3,)}
    assert echo_of(table) == {"0110": (11, 41)}
    assert conditions_of(table) == {"0110": ((38, When(39, ("00",))),), "0100": ((2, When(35, unless=True)),)}


def test_but_changes_rows_of_one_message_type_alone() -> None:
    changed = but(PRESENCE_1987, mti_0110=rows(ce=(63,), o=(37,)))
    assert set(echo_of(changed)["0110"]) == set(echo_of(PRESENCE_1987)["0110"]) - {37} | {63}
    assert {mti for mti in changed if changed[mti] != PRESENCE_1987[mti]} == {"0110"}


def test_renumbering_moves_the_version_and_the_codes_of_conditions() -> None:
    table: Presence = {"1110": rows(c={38: When(39, ("000",)), 30: When(24, ("401",))}, m=(49,))}
    assert renumbered(table, "2", codes={"000": "0000"}, without=frozenset({49})) == {
        "2110": (
            Row(30, Mark.CONDITIONAL, When(24, ("401",))),
            Row(38, Mark.CONDITIONAL, When(39, ("0000",))),
        )
    }
