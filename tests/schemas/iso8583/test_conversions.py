"""The tables between versions name elements and codes that there are."""

from twinrail.schemas.iso8583 import conversions
from twinrail.schemas.iso8583.codes import NETWORK_CODES, RESPONSE_CODES
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.profiles import FUNCTIONS_1987, FUNCTIONS_1993
from twinrail.schemas.reasons import CODES

NAMES = {
    version: {row.name for dialect in DIALECTS.values() if dialect.version == version for row in dialect.elements}
    for version in ("1987", "1993", "2003")
}


def test_codes_are_codes() -> None:
    assert {old for old, _ in conversions.RESPONSE_ACTION} <= RESPONSE_CODES.keys()
    assert all(len(new) == 3 and new.isdigit() for _, new in conversions.RESPONSE_ACTION)
    assert {old for old, _ in conversions.NETWORK_FUNCTION} <= NETWORK_CODES.keys()


def test_what_the_engine_answers_is_among_them() -> None:
    pairs = set(conversions.RESPONSE_ACTION)
    actions = {new for _, new in pairs}
    assert {codes.action for codes in CODES.values()} <= actions
    assert {codes.de39 for codes in CODES.values()} - {old for old, _ in pairs} == {"21"}, "no action taken: no action"


def test_network_functions_mean_the_same_on_both_sides() -> None:
    for old, new in conversions.NETWORK_FUNCTION:
        assert FUNCTIONS_1987[old] is FUNCTIONS_1993[new]


def test_names_are_names_of_elements() -> None:
    for whole, amount, currency in conversions.AMOUNTS:
        assert whole in NAMES["2003"]
        assert amount in NAMES["1987"]
        assert amount in NAMES["1993"]
        assert currency in NAMES["1993"]
    assert NAMES["1987"] >= conversions.NUMBERS
    assert NAMES["2003"] >= conversions.DATES
    assert NAMES["1993"] >= conversions.AUTHENTICATION
