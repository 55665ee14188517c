"""Transactions: what a network writes is what every profile demands, and answers are read by the profile's codes."""

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.profiles import (
    CARD_1987,
    CARD_1993,
    CARD_2003,
    POS_TPDU,
    PROFILES,
    LinkProfile,
    NetworkFunction,
    Rail,
)
from twinrail.schemas.reasons import Reason
from twinrail.simulators.transactions import (
    Purchase,
    acceptance,
    accepts,
    advice,
    answer,
    approves,
    function_of,
    minor_units,
    network_message,
    repeat_of,
    request,
    reversal,
)

LINKS = [profile for profile in PROFILES.values() if profile.rail is Rail.CARD]
AT = datetime(2026, 1, 5, 9, 8, 7, tzinfo=UTC)
BOUGHT = Purchase(pan="4111111111111111", amount=10_00, stan=42, at=AT, expiry="4912", rrn="000000000042")
every_link = pytest.mark.parametrize("profile", LINKS, ids=lambda profile: profile.name)


def written(profile: LinkProfile) -> list[Message]:
    bought = request(profile, "100", BOUGHT)
    return [
        *(network_message(profile, code, stan=1, at=AT) for code in profile.functions),
        *(request(profile, kind, BOUGHT) for kind in ("100", "101", "200", "201")),
        *(reversal(profile, bought, stan=43, at=AT, kind=kind) for kind in ("400", "420")),
        advice(profile, bought, acceptance(profile, "1"), "A12345"),
    ]


@every_link
def test_every_message_holds_what_its_profile_demands_and_survives_the_wire(profile: LinkProfile) -> None:
    codec = codec_for(profile.dialect)
    for message in [each for one in written(profile) for each in (one, repeat_of(one))]:
        mti = message.mti[:3] + {"1": "0", "5": "4"}.get(message.mti[3], message.mti[3])
        assert set(profile.mandatory.get(mti, ())) <= message.elements.keys(), mti
        missing = [number for number, when in profile.conditions.get(mti, ()) if when.holds(message.elements)]
        assert set(missing) <= message.elements.keys()
        again = codec.decode(codec.encode(message))
        assert again.mti == message.mti
        assert minor_units(profile, again) == (10_00 if profile.places.amount in message.elements else 0)


@every_link
def test_answers_accept_by_the_codes_of_the_profile(profile: LinkProfile) -> None:
    for message in written(profile):
        given = answer(profile, message)
        assert given is not None
        assert accepts(profile, given)
        assert answer(profile, given) is None
        assert not accepts(profile, answer(profile, message, "9" * len(acceptance(profile, "1"))))
    assert approves(profile, answer(profile, request(profile, "100", BOUGHT)))
    assert not approves(profile, None)
    for function in NetworkFunction:
        code = profile.code_of(function)
        if code:
            assert function_of(profile, network_message(profile, code, stan=1, at=AT)) is function


def test_codes_of_an_own_agreement_count() -> None:
    own = replace(CARD_1987, codes=MappingProxyType({Reason.APPROVED: "99", Reason.ACCEPTED: "98"}))
    assert approves(own, Message("0110", {39: "99"}))
    assert not approves(CARD_1987, Message("0110", {39: "99"}))
    assert acceptance(own, "8") == "98"
    assert accepts(own, Message("0810", {39: "98"}))


def test_a_reversal_names_its_original_as_the_version_does() -> None:
    def named(profile: LinkProfile) -> object:
        bought = request(profile, "100", BOUGHT)
        return reversal(profile, bought, stan=43, at=AT).elements.get(profile.places.original_data)

    assert named(CARD_1987) == "0100" + "000042" + "0105090807" + "00000400001" + "0" * 11
    assert named(CARD_1993) == "1100" + "000042" + "260105090807" + "06400001"
    assert named(CARD_2003) == "2100" + "000000000042" + "20260105090807" + "00000400001"
    assert named(POS_TPDU) is None


def test_a_reversal_in_part_says_the_new_amount_where_the_version_has_it() -> None:
    def part(profile: LinkProfile) -> Message:
        return reversal(profile, request(profile, "100", BOUGHT), stan=43, at=AT, keep=4_00)

    assert part(CARD_1987).elements[95] == "000000000400" + "0" * 30
    assert (part(CARD_1993).elements[4], part(CARD_1993).elements[24]) == ("000000000400", "401")
    assert part(CARD_1993).elements[30] == "000000001000" * 2
    assert part(CARD_2003).elements[30] == "9782000000001000" * 2
    with pytest.raises(EncodeError):
        part(POS_TPDU)
