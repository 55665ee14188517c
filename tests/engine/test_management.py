"""Network management: what the peer may ask of a link, and what we ask of it."""

from dataclasses import replace

import pytest
from tests.engine.outside import LINK, Peer, peer, request

from twinrail.codecs.iso8583 import Message
from twinrail.engine.session import NS
from twinrail.schemas.iso8583.presence import but, rows
from twinrail.schemas.iso8583.profiles import (
    CARD_1987,
    CARD_1993,
    FUNCTIONS_1987,
    FUNCTIONS_MDS,
    LinkProfile,
    NetworkFunction,
    SignOn,
)

OURS = replace(CARD_1987, name="ours", sign_on=SignOn.OURS)
ECHOING = replace(CARD_1987, name="echoing", sign_on_required=False, echo_idle_s=20.0, idle_timeout_s=1000.0)


class Keys:
    """A place for keys that takes them, or does not."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes
        self.offered: list[object] = []

    def change(self, link: int, profile: LinkProfile, message: Message) -> bool:
        assert (link, profile) == (LINK, CARD_1987)
        self.offered.append(message.elements[48])
        return self.takes


# What the peer asks


@pytest.mark.parametrize("code", sorted(set(FUNCTIONS_1987) - {"161"}))
def test_every_network_function_is_answered_with_its_own_elements_and_first(code: str) -> None:
    link = peer()
    link.say("0800", {70: code})
    assert link.outside.first == link.outside.sent
    (answer,) = link.heard()
    assert answer == Message("0810", {7: "0101000000", 11: "000001", 39: "00", 70: code})
    assert link.session.signed_on == (FUNCTIONS_1987[code] is NetworkFunction.SIGN_ON)
    assert link.outside.signed == [LINK] * link.session.signed_on
    assert link.counted == {FUNCTIONS_1987[code].value: 1}


def test_codes_mean_what_the_profile_says() -> None:
    profile = replace(CARD_1987, functions=FUNCTIONS_MDS)
    for code, answered in (("061", "00"), ("270", "00"), ("060", "00"), ("301", "12"), ("001", "12")):
        link = peer(profile)
        link.say("0800", {70: code})
        assert next(link.heard()).elements[39] == answered, code


def test_a_request_is_answered_behind_an_echo_that_came_after_it() -> None:
    link = peer()
    link.say("0800", {70: "001"})
    link.say("0300", {})
    link.say("0800", {70: "301"})
    assert [message.mti for message in link.heard()] == [
        "0810",
        "0310",
        "0810",
    ]  # the order of the queue is the switch's
    assert len(link.outside.first) == 2


def test_a_link_that_needs_no_sign_on_cannot_be_signed_off() -> None:
    link = peer(replace(CARD_1987, sign_on_required=False))
    assert link.session.signed_on
    link.say("0800", {70: "002"})
    assert link.session.signed_on


def test_a_key_change_is_refused_and_noted_without_a_place_for_keys() -> None:
    link = peer()
    link.say("0800", {48: "KEY", 70: "161"})
    (answer,) = link.heard()
    assert (answer.elements[39], 48 in answer.elements) == ("57", False)
    assert link.outside.notes == [("key_change_refused", "")]
    assert link.counted == {"key_change_refused": 1}


@pytest.mark.parametrize(("takes", "code", "back"), [(True, "00", "KEY"), (False, "57", None)])
def test_a_key_change_is_answered_by_what_became_of_the_key(*, takes: bool, code: str, back: str | None) -> None:
    keys = Keys(takes=takes)
    link = peer(keys=keys)
    link.say("0800", {48: "KEY", 53: "1" * 16, 70: "161"})
    (answer,) = link.heard()
    assert (answer.elements[39], answer.elements.get(48)) == (code, back)
    assert 53 not in answer.elements
    assert keys.offered == ["KEY"]
    assert link.outside.notes == [("key_change" if takes else "key_change_refused", "")]


def test_a_draining_engine_takes_no_sign_on() -> None:
    link = peer()
    link.outside.draining = True
    link.say("0800", {70: "001"})
    assert (next(link.heard()).elements[39], link.session.signed_on) == ("91", False)


# What we ask


def test_a_sign_on_that_is_accepted_while_we_drain_signs_nobody_on() -> None:
    link = peer(OURS)
    (asked,) = link.heard()
    link.outside.draining = True
    link.say("0810", {**asked.elements, 39: "00"})
    assert (link.session.signed_on, link.outside.signed) == (False, [])


def test_a_sign_on_is_repeated_until_it_is_accepted() -> None:
    link = peer(OURS)
    (first,) = link.heard()
    assert (first.mti, first.elements[70]) == ("0800", "001")
    link.wait(29)
    assert list(link.heard()) == []
    link.wait(1)
    (second,) = link.heard()
    assert second.elements[11] != first.elements[11]
    link.say("0810", {**second.elements, 39: "91"})
    assert not link.session.signed_on
    link.wait(30)
    (third,) = link.heard()
    link.say("0810", {**third.elements, 39: "00"})
    assert link.session.signed_on
    assert link.outside.signed == [LINK]
    link.wait(90)
    assert list(link.heard()) == []
    assert link.counted["sign_on_refused"] == link.counted["sign_on_accepted"] == 1
    assert link.counted["unanswered_sign_on"] == 1


def test_a_peer_that_signs_us_off_is_signed_on_to_again() -> None:
    link = peer(OURS)
    link.say("0810", {**next(link.heard()).elements, 39: "00"})
    link.say("0800", {70: "002"})
    assert next(link.heard()).elements[39] == "00"
    assert not link.session.signed_on
    link.wait(30)
    assert [message.elements[70] for message in link.heard()] == ["001"]


def test_requests_before_our_sign_on_is_accepted_are_not_served() -> None:
    link = peer(OURS)
    link.say("0100", request())
    assert len(link.outside.accepted) == 1
    assert not link.session.signed_on  # what the switch refuses with 91


def test_own_elements_of_the_profile_are_in_what_we_say() -> None:
    link = peer(replace(OURS, own_elements=((33, "987654"),)))
    assert next(link.heard()).elements[33] == "987654"


def test_1993_signs_on_with_1804_and_its_function_code() -> None:
    link = peer(replace(CARD_1993, sign_on=SignOn.OURS))
    (asked,) = link.heard()
    assert (asked.mti, asked.elements[24], len(str(asked.elements[12]))) == ("1804", "801", 12)
    link.say("1814", {**asked.elements, 39: "800"})
    assert link.session.signed_on


def _echoes(link: Peer) -> list[Message]:
    return [message for message in link.heard() if message.elements[70] == "301"]


def test_silence_is_answered_by_an_echo_and_two_misses_end_the_link() -> None:
    link = peer(ECHOING)
    link.wait(19)
    assert _echoes(link) == []
    link.wait(1)
    (first,) = _echoes(link)
    link.wait(5)
    assert _echoes(link) == []
    link.wait(5)
    (second,) = _echoes(link)
    assert first.elements[11] != second.elements[11]
    link.wait(10)
    assert link.outside.closed == ["echoes not answered"]
    assert link.counted["echo_missed"] == 2


def test_an_answered_echo_starts_the_silence_anew() -> None:
    link = peer(ECHOING)
    for _ in range(5):
        link.wait(20)
        (echo,) = _echoes(link)
        link.say("0810", {**echo.elements, 39: "00"})
    assert link.outside.closed == []
    assert "echo_missed" not in link.counted


def test_anything_heard_is_as_good_as_an_answer_to_an_echo() -> None:
    link = peer(ECHOING)
    for _ in range(4):
        link.wait(20)
        assert len(_echoes(link)) == 1
        link.wait(1)
        link.session.receive(b"\0\0", link.now)  # a keep-alive of length zero
        link.wait(9)
        assert _echoes(link) == []
        link.session.receive(b"\0\0", link.now)
    assert link.outside.closed == []


def test_an_echo_that_could_not_be_read_because_we_stopped_reading_is_no_miss() -> None:
    link = peer(ECHOING)
    link.wait(20)
    for _ in range(3):
        (own,) = link.network.pending.take_expired(link.now + 10 * NS)
        link.session.unanswered(own, link.now, held=True)
        link.session.wake(link.now, held=True)
        assert link.outside.closed == []
        link.wait(20)


def test_an_echo_that_is_answered_on_another_link_is_answered() -> None:
    link = peer(ECHOING)
    link.wait(20)
    (echo,) = _echoes(link)
    link.network.pending.answered("0810", echo.elements, link=LINK + 1, now=link.now)
    link.wait(1)
    (again,) = _echoes(link)  # this link is still silent
    assert again.elements[11] != echo.elements[11]
    assert link.outside.closed == []


def test_a_network_without_a_code_for_echo_gets_none() -> None:
    codes = {code: means for code, means in FUNCTIONS_1987.items() if means is not NetworkFunction.ECHO}
    link = peer(replace(ECHOING, functions=codes, idle_timeout_s=100.0))
    link.wait(99)
    assert list(link.heard()) == []
    assert link.session.open


def test_a_drained_link_signs_off_once() -> None:
    link = peer()
    link.say("0800", {70: "001"})
    assert next(link.heard()).elements[39] == "00"
    link.outside.draining = True
    link.session.drain(link.now)
    link.session.drain(link.now)
    (sign_off,) = link.heard()
    assert (sign_off.mti, sign_off.elements[70], sign_off.elements[7]) == ("0800", "002", "0101000001")
    link.say("0810", {**sign_off.elements, 39: "00"})
    link.wait(100)
    assert list(link.heard()) == []
    assert link.counted["answer_matched"] == 1


def test_what_we_say_has_room_for_it_in_the_dialect() -> None:
    presence = but(CARD_1987.presence, mti_0810=rows(me=(33,)))
    link = peer(replace(OURS, presence=presence, own_elements=((129, "x"),)))
    assert list(link.heard()) == []
    assert link.outside.notes == [("not_written", "0800")]
    assert len(link.network.pending) == 0
