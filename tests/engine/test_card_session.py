"""A card link alone: requests, bad messages, headers, MACs and answers to requests of our own, without a switch."""

from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codecs.transactions import transaction
from tests.engine.outside import LINK, PAN, Peer, peer, request

from twinrail.codecs.authentication import Authenticator, MacKey, MacKeys
from twinrail.codecs.framing import frame
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.card_session import FORWARD
from twinrail.engine.session import BAD_FRAMES_MAX, NS
from twinrail.schemas.instructions import Authorization
from twinrail.schemas.iso8583.authentication import Covered, MacAlgorithm, MacRule
from twinrail.schemas.iso8583.frames import HEADERS, Frame
from twinrail.schemas.iso8583.profiles import (
    CARD_1987,
    CARD_1987_BCD,
    PROFILES,
    LinkProfile,
    NetworkFunction,
    Rail,
    SignOn,
    UnknownBits,
)
from twinrail.schemas.journal import Answer
from twinrail.schemas.reasons import Reason

CODEC = codec_for("iso1987-ascii")
RULE = MacRule(algorithm=MacAlgorithm.AES_CMAC, exempt=frozenset({"0800", "0810"}))
SECURED = replace(CARD_1987, name="secured", mac=RULE)
TPDU = replace(CARD_1987, name="tpdu", header=HEADERS["tpdu"])
BASE1 = replace(CARD_1987, name="base1", header=HEADERS["base1"])
APPROVED = Answer(reason=Reason.APPROVED, approval_code="000009")


def _wire(mti: str, elements: dict[int, str | bytes]) -> bytes:
    return CODEC.encode(Message(mti, dict(sorted(({7: "0101000000", 11: "000001"} | elements).items()))))


def _answers(link: Peer) -> list[tuple[str, str]]:
    return [(message.mti, str(message.elements.get(39))) for message in link.heard()]


# Requests


@given(st.lists(st.integers(1, 300), max_size=8))
def test_a_request_is_handed_on_once_however_it_is_cut(cuts: list[int]) -> None:
    link = peer()
    one = frame(CARD_1987.frame, _wire("0100", request()))
    stream = one + frame(CARD_1987.frame, _wire("0800", {70: "301"})) + one
    for start, end in pairwise([0, *sorted(cuts), len(stream)]):
        link.session.receive(stream[start:end], NS)
    assert [type(taken.instruction) for taken in link.outside.accepted] == [Authorization, Authorization]
    assert link.outside.accepted[0].deadline == NS + 1_500_000_000
    assert link.counted == {"echo": 1}
    assert link.session.partial_since == 0


def test_an_answer_echoes_its_request_and_a_closed_link_gets_none() -> None:
    link = peer()
    link.say("0100", request())
    (taken,) = link.outside.accepted
    link.session.answer(taken, APPROVED, NS)
    (answer,) = link.heard()
    assert (answer.mti, answer.elements[2], answer.elements[38], answer.elements[39]) == ("0110", PAN, "000009", "00")
    assert link.outside.first == []
    link.session.closed(NS)
    link.session.answer(taken, APPROVED, NS)
    assert link.outside.sent == []


# Bad messages


@pytest.mark.parametrize(
    ("mti", "elements", "code", "where"),
    [
        ("0100", request(de49=""), "30", "049"),
        ("0100", request(de2=""), "30", "002"),
        ("0100", request(de49="999"), "30", "049"),
        ("0800", {}, "30", "070"),
        ("0300", {}, "12", None),
        ("0800", {70: "555"}, "12", None),
    ],
    ids=["no currency", "no card", "unknown currency", "no function", "not served", "unknown function"],
)
def test_what_can_be_answered_is_answered_with_a_code(
    mti: str, elements: dict[int, str | bytes], code: str, where: str | None
) -> None:
    link = peer()
    link.say(mti, elements)
    (answer,) = link.heard()
    assert (answer.elements[11], answer.elements[39], answer.elements.get(44)) == ("000001", code, where)
    assert not link.outside.accepted


def test_a_format_error_gives_back_all_that_could_be_read() -> None:
    link = peer()
    whole = _wire("0100", request(de37="REF000000001", de41="TERM0001"))
    link.say_bytes(whole.replace(b"000000000100", b"00000000010X"))
    (answer,) = link.heard()
    kept = {2: PAN, 3: "000000", 7: "0101000000", 11: "000001", 37: "REF000000001", 41: "TERM0001", 49: "978"}
    assert answer.elements == kept | {39: "30", 44: "004"}


def test_a_message_without_a_number_is_counted_and_not_answered() -> None:
    link = peer()
    for bad in (_wire("0100", request()).replace(b"000001", b"00000X"), b"0100", b"ABCD", b"\0"):
        link.say_bytes(bad)
    assert link.payloads() == []
    assert link.counted == {"malformed": 4, "unreadable": 4}


def _with_unknown_bit() -> bytes:
    """Give an 0100 with bit 65 set, for which the dialect has no row."""
    data = _wire("0100", request() | {66: "1"})
    bits = bytearray.fromhex(data[4:36].decode())
    assert bits[8] == 0x40
    bits[8] = 0xC0
    return data[:4] + bits.hex().upper().encode() + data[36:]


@pytest.mark.parametrize(
    ("policy", "answers", "closed"),
    [
        (UnknownBits.FORMAT_ERROR, [("0110", "30")], []),
        (UnknownBits.DECLINE, [("0110", "12")], []),
        (UnknownBits.CLOSE, [], ["bit set for an element that the dialect does not have"]),
    ],
)
def test_an_unknown_bit_is_dealt_with_as_the_profile_says(
    policy: UnknownBits, answers: list[tuple[str, str]], closed: list[str]
) -> None:
    link = peer(replace(CARD_1987, unknown_bits=policy))
    link.say_bytes(_with_unknown_bit())
    messages = list(link.heard())
    assert [(message.mti, message.elements[39]) for message in messages] == answers
    assert link.outside.closed == closed
    assert link.counted["unknown_bits"] == 1
    assert not link.outside.accepted
    if policy is UnknownBits.FORMAT_ERROR:
        assert messages[0].elements[44] == "065"


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_in_a_frame_leave_the_link_fit_for_the_next_good_one(payload: bytes) -> None:
    link = peer()
    link.say_bytes(payload)
    link.outside.accepted.clear()
    link.say("0100", request())
    assert len(link.outside.accepted) == 1
    assert link.outside.closed == []


def test_too_many_unreadable_frames_in_a_row_end_the_link() -> None:
    link = peer()
    for _ in range(BAD_FRAMES_MAX - 1):
        link.say_bytes(b"X")
    link.say("0800", {70: "301"})
    for _ in range(BAD_FRAMES_MAX - 1):
        link.say_bytes(b"X")
    assert link.outside.closed == []
    link.say_bytes(b"X")
    assert link.outside.closed == ["too many unreadable frames"]


# Headers


def test_the_answer_to_a_tpdu_goes_back_to_where_it_came_from() -> None:
    link = peer(TPDU)
    header = bytes.fromhex("6000110022")
    link.say("0100", request(), header=header)
    link.say("0800", {70: "301"}, header=header)
    link.say("0100", request(de49=""), header=header)
    (taken,) = link.outside.accepted
    link.session.answer(taken, APPROVED, NS)
    payloads = link.payloads()
    assert [payload[:5].hex() for payload in payloads] == ["6000220011"] * 3
    assert [payload[5:9] for payload in payloads] == [b"0810", b"0110", b"0110"]


def test_a_bad_header_is_counted_and_the_link_goes_on() -> None:
    link = peer(TPDU)
    link.say("0100", request(), header=b"\x61\0\1\0\2")
    link.say_bytes(b"\x60")
    assert (link.counted, link.payloads(), link.outside.accepted) == ({"bad_header": 2, "unreadable": 2}, [], [])


def _refusal(ours: bytes) -> bytes:
    """Give back a message of ours under a header that refuses it, with code 0042."""
    size = len(ours) + 26
    return b"\x1a\x01\x02" + size.to_bytes(2, "big") + bytes(17) + b"\x80\0\x00\x42" + ours


def test_a_reject_header_is_about_a_message_of_ours_and_never_a_request() -> None:
    link = peer(BASE1)
    body = _wire("0110", {39: "00"})
    link.say_bytes(_refusal(header_codec(HEADERS["base1"]).fresh(len(body)) + body))
    request_of_somebody = _wire("0100", request())
    link.say_bytes(_refusal(header_codec(HEADERS["base1"]).fresh(len(request_of_somebody)) + request_of_somebody))
    assert link.outside.accepted == []
    assert link.payloads() == []
    assert link.counted == {"header_rejects": 2}
    assert link.outside.notes == [("header_reject", "0110 0042"), ("header_reject", "0100 0042")]


def test_a_rejected_request_of_ours_waits_no_more_and_settles_nothing() -> None:
    link = peer(replace(BASE1, sign_on=SignOn.OURS))
    (sign_on,) = link.payloads()
    link.session.ask("0620", {7: "0101000000", 11: "000042"}, purpose=FORWARD, subject="f", now=link.now)
    (forward,) = link.payloads()
    assert len(link.network.pending) == 2
    link.say_bytes(_refusal(sign_on))
    link.say_bytes(_refusal(forward))
    assert len(link.network.pending) == 0
    assert link.outside.settled == []
    assert not link.session.signed_on
    link.wait(30)
    assert [payload[22:26] for payload in link.payloads()] == [b"0800"]


# MACs


def _seal(key: bytes = b"K" * 16) -> Authenticator:
    return Authenticator(RULE, MacKeys(MacKey(MacAlgorithm.AES_CMAC, key)), CODEC)


def _sealed(mti: str, elements: dict[int, str | bytes], seal: Authenticator) -> bytes:
    named = dict(sorted(({7: "0101000000", 11: "000001"} | elements).items()))
    return seal.sign(CODEC.encode(seal.with_room(Message(mti, named))))


def test_a_message_with_its_mac_is_served_and_its_answer_has_one() -> None:
    link = peer(SECURED, authenticator=_seal())
    for _ in range(20):  # also the quick way, once the shape recurs
        link.say_bytes(_sealed("0100", request(), _seal()))
    assert len(link.outside.accepted) == 20
    for taken in link.outside.accepted:
        link.session.answer(taken, APPROVED, NS)
    payloads = link.payloads()
    assert len(payloads) == 20
    for payload in payloads:
        assert _seal().verify(payload).accepted
        assert not _seal(b"L" * 16).verify(payload).accepted
        assert CODEC.decode(payload).elements[39] == "00"


def test_a_mac_over_the_header_is_over_the_header_that_came_and_over_ours() -> None:
    rule = MacRule(algorithm=MacAlgorithm.AES_CMAC, covered=Covered.HEADER_AND_BODY)
    profile = replace(BASE1, name="covered", mac=rule)
    seal = Authenticator(rule, MacKeys(MacKey(MacAlgorithm.AES_CMAC, b"K" * 16)), CODEC)
    link = peer(profile, authenticator=seal)
    room = CODEC.encode(seal.with_room(Message("0800", {7: "0101000000", 11: "000001", 70: "301"})))
    header = header_codec(HEADERS["base1"].but(source=b"\1\2\3")).fresh(len(room))
    signed = header + seal.sign(room, header=header)
    changed = bytearray(signed)
    changed[8] ^= 1  # of the source
    link.say_bytes(bytes(changed))
    assert link.counted == {"mac_wrong": 1}
    (refused,) = link.payloads()
    link.say_bytes(signed)
    (answer,) = link.payloads()
    assert link.counted == {"mac_wrong": 1, "echo": 1}
    assert answer[5:8] == b"\1\2\3"
    for payload in (refused, answer):
        assert seal.verify(payload[22:], header=payload[:22]).accepted
        assert not seal.verify(payload[22:], header=header).accepted


@pytest.mark.parametrize("bad", ["wrong", "missing"])
def test_a_message_without_a_valid_mac_has_no_effect_and_is_told_so(bad: str) -> None:
    link = peer(SECURED, authenticator=_seal())
    link.say_bytes(_sealed("0100", request(), _seal(b"L" * 16)) if bad == "wrong" else _wire("0100", request()))
    assert link.outside.accepted == []
    assert link.counted == {f"mac_{bad}": 1}
    assert link.outside.notes == [(f"mac_{bad}", "0100")]
    (payload,) = link.payloads()
    answer = CODEC.decode(payload)
    assert (answer.mti, answer.elements[39], answer.elements[11]) == ("0110", "63", "000001")
    assert _seal().verify(payload).accepted


def test_no_answer_goes_to_a_wrong_mac_where_the_profile_says_so() -> None:
    link = peer(replace(SECURED, mac_failure_code=""), authenticator=_seal())
    link.say_bytes(_wire("0100", request()))
    assert (link.payloads(), link.counted) == ([], {"mac_missing": 1})


def test_an_unsigned_answer_settles_nothing() -> None:
    link = peer(SECURED, authenticator=_seal())
    link.session.ask("0620", {7: "0101000000", 11: "000042"}, purpose=FORWARD, subject="f", now=link.now)
    (asked,) = link.payloads()
    assert _seal().verify(asked).accepted
    link.say("0630", {11: "000042", 39: "00"})
    assert link.outside.settled == []
    link.say_bytes(_sealed("0630", {11: "000042", 39: "00"}, _seal()))
    assert link.outside.settled == [("f", "00", True)]


def test_exempt_messages_come_and_go_without_a_mac() -> None:
    link = peer(SECURED, authenticator=_seal())
    link.say("0800", {70: "301"})
    (payload,) = link.payloads()
    assert CODEC.decode(payload).elements[39] == "00"
    assert 64 not in CODEC.decode(payload).elements


def test_while_the_key_is_away_nothing_is_believed_and_nothing_leaves_unsigned() -> None:
    link = peer(SECURED, authenticator=Authenticator(RULE, None, CODEC))
    link.say_bytes(_sealed("0100", request(), _seal()))
    assert (link.outside.accepted, link.payloads()) == ([], [])
    assert link.counted == {"mac_key_away": 1, "not_written": 1}


def test_a_link_that_needs_macs_and_has_no_keys_is_closed_at_once() -> None:
    link = peer(SECURED)
    assert link.outside.closed == ["no MAC key for this link"]


def test_too_many_wrong_macs_end_the_link() -> None:
    link = peer(SECURED, authenticator=_seal())
    for _ in range(BAD_FRAMES_MAX):
        link.say_bytes(_wire("0100", request()))
    assert link.outside.closed == ["too many messages without a valid MAC"]
    assert link.outside.accepted == []


# Requests of our own


def test_an_answer_settles_its_request_once() -> None:
    link = peer()
    elements: dict[int, str | bytes] = {7: "0101000000", 11: "000042", 37: "REF000000001"}
    assert link.session.ask("0620", elements, purpose=FORWARD, subject="f", now=link.now)
    assert not link.session.ask("0621", elements, purpose=FORWARD, subject="f", now=link.now)  # its key waits
    assert link.counted == {"own_refused": 1}
    (asked,) = link.heard()
    assert asked == Message("0620", elements)
    for code in ("91", "00"):
        link.say("0630", {**elements, 39: code})
    assert link.outside.settled == [("f", "91", False)]
    assert (link.counted["answer_matched"], link.counted["answer_second"]) == (1, 1)


def test_a_late_answer_settles_its_request_all_the_same() -> None:
    link = peer()
    link.session.ask("0620", {7: "0101000000", 11: "000042"}, purpose=FORWARD, subject="f", now=link.now)
    link.wait(11)
    assert link.counted == {"unanswered_forward": 1}
    link.say("0630", {11: "000042", 39: "00"})
    assert link.outside.settled == [("f", "00", True)]
    assert link.counted["answer_late"] == 1


def test_an_answer_that_nobody_waits_for_is_kept_and_not_answered() -> None:
    link = peer()
    link.say("0110", request() | {39: "00"})
    assert (link.payloads(), link.outside.accepted) == ([], [])
    assert link.counted == {"answer_unsolicited": 1}
    (row,) = link.network.pending.unmatched
    assert (row.link, row.mti, row.nearest) == (LINK, "0110", "")
    assert PAN not in repr(row)


def test_what_is_unknown_in_an_answer_to_us_is_ignored() -> None:
    link = peer()
    link.session.ask("0620", {7: "0101000000", 11: "000042"}, purpose=FORWARD, subject="f", now=link.now)
    answer = _wire("0630", {11: "000042", 39: "00", 66: "1"})
    bits = bytearray.fromhex(answer[4:36].decode())
    bits[8] |= 0x80
    link.say_bytes(answer[:4] + bits.hex().upper().encode() + answer[36:])
    assert link.outside.settled == [("f", "00", True)]


@pytest.mark.parametrize(
    "answer",
    [
        _wire("0630", {11: "000042", 32: "12345", 39: "00"}).replace(b"0512345", b"XX12345"),
        _wire("0630", {11: "000042"}),
    ],
    ids=["unreadable before its code", "no code"],
)
def test_an_answer_without_a_code_settles_nothing(answer: bytes) -> None:
    link = peer()
    link.session.ask("0620", {7: "0101000000", 11: "000042"}, purpose=FORWARD, subject="f", now=link.now)
    link.say_bytes(answer)
    assert link.outside.settled == []
    assert (link.counted["answer_matched"], link.counted["answer_without_code"]) == (1, 1)


# What cannot be written


@pytest.mark.parametrize("header", ["none", "tpdu"])
def test_a_code_that_the_dialect_cannot_write_ends_neither_link_nor_engine(header: str) -> None:
    profile = replace(CARD_1987, codes=MappingProxyType({Reason.APPROVED: "000"}), header=HEADERS[header])
    link = peer(profile)
    link.say("0100", request(), header=header_codec(profile.header).fresh(0))
    (taken,) = link.outside.accepted
    link.session.answer(taken, APPROVED, NS)
    assert (link.payloads(), link.outside.closed) == ([], [])
    assert link.counted == {"not_written": 1}
    assert [what for what, _ in link.outside.notes] == ["not_written"]


def test_an_answer_that_its_frame_cannot_hold_ends_neither_link_nor_engine() -> None:
    delimited = Frame(name="own", size=0, end=b"\x08\x10")  # how an 0810 begins
    short = Frame(name="short", payload_bytes_max=len(_wire("0800", {70: "301"})))
    for profile in (replace(CARD_1987_BCD, frame=delimited), replace(CARD_1987, frame=short)):
        link = peer(profile)
        link.say("0800", {70: "301"})
        assert (link.payloads(), link.outside.closed) == ([], [])
        assert link.counted == {"echo": 1, "not_written": 1}


# Every profile that comes with Twinrail


every_profile = pytest.mark.parametrize(
    "profile", [profile for profile in PROFILES.values() if profile.rail is Rail.CARD], ids=lambda profile: profile.name
)


def _wrapped(profile: LinkProfile, message: Message) -> bytes:
    body = codec_for(profile.dialect).encode(message)
    return header_codec(profile.header).fresh(len(body)) + body


@every_profile
def test_every_profile_serves_requests_and_says_what_is_wrong_with_bad_ones(profile: LinkProfile) -> None:
    link = peer(profile)
    link.payloads()  # our sign-on, where that is ours to do
    at = profile.places
    good = transaction(profile, "100")
    for _ in range(20):  # also the quick way
        link.say_bytes(_wrapped(profile, good))
    assert [type(taken.instruction) for taken in link.outside.accepted] == [Authorization] * 20
    for taken in link.outside.accepted:
        link.session.answer(taken, APPROVED, NS)
    answers = list(link.heard())
    assert len(answers) == 20
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].elements[at.response_code] in profile.granted
    bad = transaction(profile, "100")
    del bad.elements[at.processing_code]
    link.say_bytes(_wrapped(profile, bad))
    (refused,) = link.heard()
    assert (refused.elements[at.stan], link.counted["malformed"]) == (good.elements[at.stan], 1)
    assert refused.elements[at.response_code] in {"30", "904", "9004"}
    where = profile.failing_element_in
    assert where == 0 or str(refused.elements[where]).strip() == f"{at.processing_code:03d}"


@every_profile
def test_every_profile_answers_what_it_calls_an_echo_and_asks_in_words_that_it_knows(profile: LinkProfile) -> None:
    link = peer(replace(profile, sign_on_required=True, sign_on=SignOn.OURS))
    (asked,) = link.heard()
    assert profile.functions[str(asked.elements[profile.places.network_function])] is NetworkFunction.SIGN_ON
    answer = codec_for(profile.dialect).decode
    link.say_bytes(_wrapped(profile, asked))  # the very words: they are good in both directions
    echo = asked.elements | {profile.places.network_function: profile.code_of(NetworkFunction.ECHO)}
    link.say_bytes(_wrapped(profile, Message(asked.mti, echo)))
    size = profile.header.size
    replies = [answer(payload[size:]) for payload in link.payloads()]
    accepted = profile.accepted.get("8", "00")
    assert [reply.elements[profile.places.response_code] for reply in replies] == [accepted] * 2
    assert all(reply.elements[profile.places.stan] == asked.elements[profile.places.stan] for reply in replies)
    link.say_bytes(_wrapped(profile, replies[0]))  # taken for the answer to our own sign-on
    assert link.counted["sign_on_accepted"] == link.counted["echo"] == 1


@every_profile
@settings(max_examples=25, deadline=None)
@given(payload=st.binary(min_size=1, max_size=80), cut=st.integers(0, 60))
def test_any_bytes_leave_every_link_fit_for_the_next_good_message(
    profile: LinkProfile, payload: bytes, cut: int
) -> None:
    link = peer(profile)
    good = _wrapped(profile, transaction(profile, "100"))
    link.say_bytes(good[:cut] + payload)  # often behind a good header
    link.outside.accepted.clear()
    if not link.outside.closed:
        link.say_bytes(good)
        assert len(link.outside.accepted) == 1


@given(st.data())
def test_no_byte_of_an_authentic_message_can_be_changed(data: st.DataObject) -> None:
    link = peer(SECURED, authenticator=_seal())
    sealed = bytearray(_sealed("0100", request(), _seal()))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    link.say_bytes(bytes(sealed))
    assert link.outside.accepted == []
    assert link.outside.settled == []
