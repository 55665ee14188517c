"""The sessions of a switch: what goes out first, which link is taken, and what is kept for somebody to look at."""

from dataclasses import replace

import pytest
from tests.scenarios.rig import NS, TOKENS, Mode, Rig

from twinrail.codecs.card import CardRules
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine import sessions
from twinrail.engine.card_session import CardSession
from twinrail.engine.sessions import NOTICES_A_TICK, NOTICES_MAX, Notice, Outside
from twinrail.schemas.instructions import OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.authentication import MacAlgorithm, MacRule
from twinrail.schemas.iso8583.frames import HEADERS
from twinrail.schemas.iso8583.profiles import CARD_1987, INSTANT, LinkProfile, SignOn

CODEC = codec_for("iso1987-ascii")
PAN = "4111111111111111"
OPEN = replace(CARD_1987, name="open", sign_on_required=False)


def _say(rig: Rig, link: int, mti: str, **named: str) -> None:
    elements: dict[int, str | bytes] = {7: "0101000000", 11: "000001"}
    elements |= {int(name[2:]): value for name, value in named.items()}
    rig.switch.receive(link, frame(OPEN.frame, CODEC.encode(Message(mti, dict(sorted(elements.items()))))), rig.now)


def _heard(rig: Rig, link: int) -> list[tuple[str, str]]:
    data, rig.inbox[link] = rig.inbox[link], b""
    messages = [CODEC.decode(payload) for payload in Framer(OPEN.frame, 4096).receive(data)]
    return [(message.mti, str(message.elements[11])) for message in messages]


def test_an_echo_is_answered_before_all_that_waits_to_be_sent() -> None:
    rig = Rig()
    rig.submit(OpenAccount(command="1", account="A", currency="978"))
    rig.submit(Transfer(command="2", debit="suspense-EUR", credit="A", amount=100_00, currency="978"))
    rig.submit(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="3012", last4=PAN[-4:]))
    link = rig.open(OPEN)
    rig.settle(Mode.HELD)
    for stan in ("000002", "000003"):
        _say(rig, link, "0100", de2=PAN, de3="000000", de4="000000000100", de11=stan, de37=f"R{stan:>011}", de49="978")
    rig.run()
    batch, rig._batch = rig._batch, None
    assert batch is not None
    rig.mode = Mode.FINE
    rig.switch.settled(batch, rig.rows.commit(batch), rig.now)
    rig.switch.release(rig.now)  # the answers are written and wait for the shell
    _say(rig, link, "0800", de11="000009", de70="301")
    _say(rig, link, "0800", de11="000010", de70="301")
    rig.run()
    assert [stan for _, stan in _heard(rig, link)] == ["000009", "000010", "000002", "000003"]


def test_messages_go_out_on_the_link_with_the_least_to_do() -> None:
    rig = Rig()
    links = [rig.open(OPEN), rig.open(OPEN), rig.open(replace(OPEN, name="other"))]
    every = rig.switch.links
    for session, in_flight in zip(every.by_link.values(), (3, 1, 0), strict=True):
        session.in_flight = in_flight
    best = every.reachable("open")
    assert best is not None
    assert best.link == links[1]
    rig.hang_up(links[1])
    assert (every.reachable("open") or best).link == links[0]
    rig.hang_up(links[0])
    assert every.reachable("open") is None
    rig.open(INSTANT)
    assert every.reachable("sct-inst") is None


def test_what_we_asked_on_a_link_that_is_gone_is_given_up_and_counted() -> None:
    rig = Rig()
    profile = replace(CARD_1987, name="ours", sign_on=SignOn.OURS)
    link = rig.open(profile)
    rig.run()
    assert [mti for mti, _ in _heard(rig, link)] == ["0800"]
    rig.hang_up(link)
    assert rig.switch.counters == {"lost_sign_on": 1}
    assert len(rig.switch.links.network(profile).pending) == 0


def test_notices_wait_in_a_bounded_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NOTICES_MAX > 2
    monkeypatch.setattr(sessions, "NOTICES_MAX", 2)
    rig = Rig()
    link = rig.open(OPEN)
    assert rig.switch.notices() == ()
    for _ in range(3):
        _say(rig, link, "0800", de70="161")
    assert rig.switch.notices() == [Notice(link, "key_change_refused", "")] * 2
    assert rig.switch.counters["notices_dropped"] == 1
    assert rig.switch.notices() == ()


def test_a_link_that_is_always_wrong_is_noted_so_many_times_a_second_and_hides_no_other() -> None:
    rig = Rig()
    one, two = rig.open(OPEN), rig.open(OPEN)
    for _ in range(2 * NOTICES_A_TICK):
        _say(rig, one, "0800", de70="161")
    _say(rig, two, "0800", de70="161")
    assert [notice.link for notice in rig.switch.notices()] == [one] * NOTICES_A_TICK + [two]
    assert rig.switch.counters["notices_dropped"] == NOTICES_A_TICK
    rig.advance(NS)
    _say(rig, one, "0800", de70="161")
    assert [notice.link for notice in rig.switch.notices()] == [one]


def test_answers_that_nobody_waits_for_are_shown_by_network_with_their_time() -> None:
    rig = Rig()
    link = rig.open(OPEN)
    _say(rig, link, "0630", de39="00")
    (row,) = rig.switch.unmatched()["open"]
    assert (row.link, row.mti, row.at) == (link, "0630", rig.now + rig.switch.links.offset)


def test_a_link_without_its_mac_key_is_closed() -> None:
    secured = replace(OPEN, name="secured", mac=MacRule(algorithm=MacAlgorithm.AES_CMAC))
    asked: list[LinkProfile] = []

    def authenticate(profile: LinkProfile) -> None:
        asked.append(profile)

    rig = Rig(outside=Outside(authenticate=authenticate))
    link = rig.open(secured)
    rig.run()
    assert rig.closed == {link: "no MAC key for this link"}
    assert asked == [secured]


def test_links_of_one_profile_share_its_rules_and_another_of_its_name_has_its_own() -> None:
    rig = Rig()
    for profile in (OPEN, OPEN, replace(OPEN, deadline_s=1.0)):
        rig.open(profile)
    rules = [session._rules for session in rig.switch.sessions.values() if isinstance(session, CardSession)]
    assert rules[0] is rules[1]
    assert rules[2] is not rules[0]
    assert all(isinstance(one, CardRules) for one in rules)
    rig.advance(NS)
    assert not rig.closed


def test_two_links_that_share_the_name_of_a_profile_keep_their_rules_however_they_come_and_go() -> None:
    rig = Rig()
    other = replace(OPEN, deadline_s=1.0)
    for profile in (OPEN, other, OPEN, other):
        rig.open(profile)
    rules = [session._rules for session in rig.switch.sessions.values() if isinstance(session, CardSession)]
    assert (rules[0] is rules[2], rules[1] is rules[3]) == (True, True)


def test_an_answer_on_one_link_signs_no_other_on() -> None:
    ours = replace(CARD_1987, name="ours", sign_on=SignOn.OURS)
    rig = Rig()
    one, two = rig.open(ours), rig.open(ours)
    rig.run()
    (asked,), (asked_on_two,) = _heard(rig, one), _heard(rig, two)
    assert asked != asked_on_two
    _say(rig, two, "0810", de11=asked[1], de39="00", de70="001")
    rig.run()
    assert [session.signed_on for session in rig.switch.sessions.values()] == [False, False]
    _say(rig, one, "0810", de11=asked_on_two[1], de39="00", de70="001")
    rig.run()
    assert [session.signed_on for session in rig.switch.sessions.values()] == [False, False]
    assert rig.switch.counters["answer_matched"] == 2


def test_a_reject_on_one_link_is_no_answer_to_another() -> None:
    ours = replace(CARD_1987, name="ours", sign_on=SignOn.OURS, header=HEADERS["base1"])
    rig = Rig()
    one, two = rig.open(ours), rig.open(ours)
    rig.run()
    (sign_on,) = Framer(ours.frame, 4096).receive(rig.inbox[one])
    refusal = b"\x1a\x01\x02" + (len(sign_on) + 26).to_bytes(2, "big") + bytes(17) + b"\x80\0\x00\x42" + sign_on
    rig.switch.receive(two, frame(ours.frame, refusal), rig.now)
    assert "sign_on_refused" not in rig.switch.counters
    assert rig.switch.counters["header_rejects"] == 1
