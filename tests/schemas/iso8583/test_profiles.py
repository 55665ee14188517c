"""Link profiles: what they state fits together, within one profile and with its version of the standard."""

from dataclasses import replace

import pytest

from twinrail.schemas.iso8583 import profiles
from twinrail.schemas.iso8583.axes import Mask
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.schemas.iso8583.profiles import CARD_1987, CARD_1993, PROFILES, LinkProfile, NetworkFunction, Rail, wide
from twinrail.schemas.reasons import CODES

# The places that hold an element number.
PLACES = (
    *("pan", "processing_code", "amount", "transmitted_at", "stan", "sent_at", "local_time", "expiry", "mcc"),
    *("function", "acquirer", "track2", "rrn", "approval_code", "response_code", "terminal", "merchant", "currency"),
    *("original_amounts", "original_data", "network_function", "replacement_amounts"),
)
STATED = [value for value in vars(profiles).values() if isinstance(value, LinkProfile)]
CARDS = [profile for profile in STATED if profile.rail is Rail.CARD]
card_profiles = pytest.mark.parametrize("profile", CARDS, ids=lambda profile: profile.name)


def test_every_profile_has_a_name_of_its_own() -> None:
    assert len({profile.name for profile in STATED}) == len(STATED)
    assert {name: profile.name for name, profile in PROFILES.items()} == {name: name for name in PROFILES}


@card_profiles
def test_tables_are_of_the_version_of_the_profile(profile: LinkProfile) -> None:
    digit = VERSION_DIGITS[profile.places.version]
    for table in (profile.presence, profile.mandatory, profile.echo, profile.conditions):
        assert {mti[0] for mti in table} == {digit}
    width = {"0": 2, "1": 3, "2": 4}[digit]
    codes = {*profile.granted, *profile.taken, *profile.accepted.values(), *profile.repeats.again}
    assert {len(code) for code in codes | {profile.mac_failure_code}} <= {width, 0}
    assert not profile.granted & profile.repeats.again


@card_profiles
def test_every_function_that_we_ask_for_has_a_code(profile: LinkProfile) -> None:
    for function in (NetworkFunction.SIGN_ON, NetworkFunction.SIGN_OFF, NetworkFunction.ECHO):
        assert profile.functions[profile.code_of(function)] is function
    assert replace(profile, functions={}).code_of(NetworkFunction.ECHO) == ""


@card_profiles
def test_what_keys_are_made_of_comes_back_in_answers(profile: LinkProfile) -> None:
    digit = VERSION_DIGITS[profile.places.version]
    for mti, answer in (("100", "110"), ("420", "430"), ("200", "210")):
        kept = set(profile.echo[digit + answer])
        named = {row.element for row in profile.presence[digit + mti]}
        assert set(profile.key_elements) & named <= kept | {profile.places.local_time, 13}
    for by_class, elements in profile.match.items():
        assert 11 in elements, by_class


@card_profiles
def test_an_idle_echo_comes_before_the_end_of_an_idle_link(profile: LinkProfile) -> None:
    assert 0 <= profile.echo_idle_s < profile.idle_timeout_s
    assert profile.answer_within_s < profile.idle_timeout_s


def test_links_of_one_network_share_its_name() -> None:
    assert CARD_1987.counterpart == "card-1987"
    assert replace(CARD_1987, name="a").counterpart == "a"
    assert replace(CARD_1987, name="a", network="n").counterpart == "n"


def test_a_changed_profile_derives_its_tables_anew() -> None:
    changed = replace(CARD_1987, presence=CARD_1993.presence)
    assert changed.echo == CARD_1993.echo
    assert changed.mandatory["1100"] == CARD_1993.mandatory["1100"]


def test_action_codes_of_2003_have_four_digits() -> None:
    assert {len(wide(codes.action)) for codes in CODES.values()} == {4}
    assert (wide("000"), wide("116"), wide("911")) == ("0000", "1016", "9011")


@card_profiles
def test_a_profile_names_what_its_dialect_has(profile: LinkProfile) -> None:
    dialect = DIALECTS[profile.dialect_name]
    rows = {row.number: row for row in dialect.elements}
    assert dialect.version == profile.places.version
    named = {row.element for of in profile.presence.values() for row in of}
    places = {getattr(profile.places, name) for name in PLACES} - {0}
    matched = {number for elements in profile.match.values() for number in elements}
    assert named | places | matched | set(profile.key_elements) | {profile.failing_element_in} - {0} <= rows.keys() | {
        0
    }
    assert rows[profile.places.stan].length == profile.places.stan_length
    assert rows[profile.places.sent_at].length == profile.places.sent_at_length
    # Keys are kept in memory and shown as numbers of elements: nothing of the cardholder may be in them.
    assert {rows[number].mask for number in matched | set(profile.key_elements)} == {Mask.PUBLIC}


@card_profiles
def test_no_answer_gives_back_what_must_stay_hidden(profile: LinkProfile) -> None:
    rows = {row.number: row for row in DIALECTS[profile.dialect_name].elements}
    allowed = {62, 63, 102, 103}  # the network's own references; accounts that a customer named
    for mti, elements in profile.echo.items():
        for number in set(elements) - allowed:
            assert rows[number].mask in {Mask.PUBLIC, Mask.PAN}, (mti, number)
        assert all(rows[number].mask is not Mask.SECRET for number in elements), mti
