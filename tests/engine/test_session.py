"""Sessions alone: framing, sign-on, bad messages and time, without a switch."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scenarios.rig import NS, TOKENS

from twinrail.codecs.card import CardRules
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.session import BAD_FRAMES_MAX, NETWORK_FUNCTIONS, CardSession, InstantSession, Request, Session
from twinrail.schemas.instructions import Authorization
from twinrail.schemas.iso8583.profiles import CARD_1987, INSTANT, Framing, LinkProfile
from twinrail.schemas.journal import Answer, Entry
from twinrail.schemas.reasons import Reason

CODEC = codec_for("iso1987-ascii")
PAN = "4111111111111111"


class Outside:
    """What a session may do, written down."""

    def __init__(self) -> None:
        self.draining = False
        self.accepted: list[Request] = []
        self.sent = b""
        self.closed: list[str] = []
        self.counters: dict[str, int] = {}

    def wall(self, now: int) -> int:
        return now

    def accept(self, request: Request) -> None:
        self.accepted.append(request)

    def send(self, link: int, data: bytes) -> None:
        assert link == 7
        self.sent += data

    def close(self, link: int, why: str) -> None:
        assert link == 7
        self.closed.append(why)

    def count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1

    def heard(self) -> Iterator[Message]:
        """Take what was sent."""
        sent, self.sent = self.sent, b""
        return iter([CODEC.decode(payload) for payload in Framer(Framing.BINARY2, 4096).receive(sent)])


class Tap:
    """What a tap hears, written down."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def opened(self, link: int, profile_name: str, t_ns: int) -> None:
        self.heard.append(("opened", f"{link} {profile_name} {t_ns}"))

    def frame(self, link: int, direction: str, payload: bytes, t_ns: int) -> None:
        self.heard.append((direction, f"{link} {payload[:4].decode('ascii')} {t_ns}"))

    def closed(self, link: int, t_ns: int) -> None:
        self.heard.append(("closed", f"{link} {t_ns}"))


def _session(profile: LinkProfile = CARD_1987) -> tuple[CardSession, Outside]:
    outside = Outside()
    return CardSession(7, CardRules(profile, TOKENS), outside, tap=None, now=NS), outside


def _frame(mti: str, **named: str) -> bytes:
    elements: dict[int, str | bytes] = {7: "0101000000", 11: "000001"}
    elements |= {int(name[2:]): value for name, value in named.items()}
    return frame(Framing.BINARY2, CODEC.encode(Message(mti, {n: elements[n] for n in sorted(elements) if elements[n]})))


def _ask() -> bytes:
    return _frame("0100", de2=PAN, de3="000000", de4="000000000100", de49="978")


@pytest.mark.parametrize("code", sorted(NETWORK_FUNCTIONS))
def test_every_network_function_is_answered_with_its_own_elements(code: str) -> None:
    session, outside = _session()
    session.receive(_frame("0800", de70=code), NS)
    (answer,) = outside.heard()
    assert answer == Message("0810", {7: "0101000000", 11: "000001", 39: "00", 70: code})
    assert session.signed_on == (NETWORK_FUNCTIONS[code] == "sign_on")


def test_a_link_that_needs_no_sign_on_cannot_be_signed_off() -> None:
    session, _ = _session(replace(CARD_1987, sign_on_required=False))
    assert session.signed_on
    session.receive(_frame("0800", de70="002"), NS)
    assert session.signed_on


@given(st.lists(st.integers(1, 300), max_size=8))
def test_a_request_is_handed_on_once_however_it_is_cut(cuts: list[int]) -> None:
    session, outside = _session()
    stream = _ask() + _frame("0800", de70="301") + _ask()
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(edges):
        session.receive(stream[start:end], NS)
    assert [type(request.instruction) for request in outside.accepted] == [Authorization, Authorization]
    assert outside.accepted[0].deadline == NS + 1_500_000_000
    assert outside.counters == {"echo": 1}
    assert session.partial_since == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_frame("0100", de2=PAN, de3="000000", de4="000000000100"), "30"),
        (_frame("0800"), "30"),
        (_frame("0300"), "12"),
        (_frame("0800", de70="555"), "12"),
    ],
    ids=["no currency", "no function", "not served", "unknown function"],
)
def test_what_can_be_answered_is_answered_with_a_code(data: bytes, code: str) -> None:
    session, outside = _session()
    session.receive(data, NS)
    (answer,) = outside.heard()
    assert (answer.elements[11], answer.elements[39]) == ("000001", code)
    assert not outside.accepted


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_in_a_frame_leave_the_link_fit_for_the_next_good_one(payload: bytes) -> None:
    session, outside = _session()
    session.receive(frame(Framing.BINARY2, payload), NS)
    outside.sent = b""
    outside.accepted.clear()
    session.receive(_ask(), NS)
    assert len(outside.accepted) == 1
    assert outside.closed == []


def test_too_many_unreadable_frames_in_a_row_end_the_link() -> None:
    session, outside = _session()
    junk = frame(Framing.BINARY2, b"X")
    session.receive(junk * (BAD_FRAMES_MAX - 1) + _frame("0800", de70="301") + junk, NS)
    assert outside.closed == []
    session.receive(junk * (BAD_FRAMES_MAX - 1), NS)
    assert outside.closed == ["too many unreadable frames"]
    assert not session.open


def test_a_lost_frame_ends_the_link_and_says_which_framing_would_fit() -> None:
    session, outside = _session()
    session.receive(b"0123", NS)
    assert len(outside.closed) == 1
    assert outside.closed[0].startswith("framing lost: length 12337 above the maximum 4096")
    session.receive(_ask(), NS)
    assert not outside.accepted


def test_silence_ends_a_link_and_so_does_half_a_frame() -> None:
    session, outside = _session()
    session.wake(NS + 130 * NS)
    assert outside.closed == []
    session.wake(NS + 131 * NS)
    assert outside.closed == ["idle too long"]
    session, outside = _session()
    session.receive(_ask()[:9], 2 * NS)
    session.receive(_ask()[9:20], 6 * NS)  # a little at a time buys no time
    session.wake(7 * NS)
    assert outside.closed == []
    session.wake(8 * NS)
    assert outside.closed == ["frame not completed in time"]


def test_a_peer_that_we_do_not_read_is_neither_silent_nor_stalled() -> None:
    session, outside = _session()
    session.receive(_ask()[:9], NS)
    for second in range(2, 200):
        session.wake(second * NS, held=True)
    session.wake(204 * NS)
    assert outside.closed == []
    session.wake(205 * NS)
    assert outside.closed == ["frame not completed in time"]


def test_an_answer_echoes_its_request_and_a_closed_link_gets_none() -> None:
    session, outside = _session()
    session.receive(_ask(), NS)
    (request,) = outside.accepted
    session.answer(request, Answer(reason=Reason.APPROVED, approval_code="000009"), NS)
    (answer,) = outside.heard()
    assert (answer.mti, answer.elements[2], answer.elements[38], answer.elements[39]) == ("0110", PAN, "000009", "00")
    session.closed(NS)
    session.answer(request, Answer(reason=Reason.APPROVED), NS)
    assert outside.sent == b""


def test_a_drained_link_signs_off_once_and_takes_no_sign_on() -> None:
    session, outside = _session()
    session.receive(_frame("0800", de70="001"), NS)
    assert next(outside.heard()).elements[39] == "00"
    outside.draining = True
    session.drain(NS)
    session.drain(NS)
    (sign_off,) = outside.heard()
    assert (sign_off.mti, sign_off.elements[70], sign_off.elements[7]) == ("0800", "002", "0101000001")
    session.receive(_frame("0810", de39="00", de70="002") + _frame("0800", de70="001"), NS)
    (refused,) = outside.heard()
    assert (refused.mti, refused.elements[39], session.signed_on) == ("0810", "91", False)


def test_an_instant_link_answers_what_it_cannot_read_or_counts_it() -> None:
    outside = Outside()
    session = InstantSession(7, INSTANT, outside, token=TOKENS.iban, tap=None, now=NS)
    session.receive(frame(Framing.BINARY4, b"no XML at all"), NS)
    assert (outside.accepted, outside.counters["malformed"]) == ([], 1)
    assert session.signed_on
    session.drain(NS)
    assert session.open


def test_a_tap_hears_every_frame_of_both_directions() -> None:
    tap = Tap()
    session = CardSession(7, CardRules(CARD_1987, TOKENS), Outside(), tap=tap, now=1)
    session.receive(_frame("0800", de70="301") + frame(Framing.BINARY2, b"junk"), 2)
    session.closed(3)
    assert tap.heard == [
        ("opened", "7 card-1987 1"),
        ("in", "7 0800 2"),
        ("out", "7 0810 2"),
        ("in", "7 junk 2"),
        ("closed", "7 3"),
    ]


def test_a_session_as_such_speaks_no_protocol() -> None:
    session = Session(7, CARD_1987, Outside(), tap=None, now=NS)
    with pytest.raises(NotImplementedError):
        session.receive(_ask(), NS)
    request = Request(session, None, _authorization(), NS, entry=Entry(seq=1, at=1, kind="x"))
    with pytest.raises(NotImplementedError):
        session.answer(request, Answer(reason=Reason.APPROVED), NS)


def _authorization() -> Authorization:
    return Authorization(
        mti="0100",
        key="k",
        life_keys=(),
        card="c",
        amount=1,
        currency="978",
        processing_code="000000",
        stan="000001",
    )
