"""What every link has, without a protocol and without a switch: frames, time and the tap."""

import pytest
from tests.engine.outside import LINK, TOKENS, Outside, peer, request

from twinrail.codecs.card import CardRules
from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.engine.card_session import CardSession
from twinrail.engine.session import NS, Request, Session
from twinrail.schemas.instructions import Authorization
from twinrail.schemas.iso8583.frames import BINARY2
from twinrail.schemas.iso8583.profiles import CARD_1987
from twinrail.schemas.journal import Answer, Entry
from twinrail.schemas.reasons import Reason


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


def _ask() -> bytes:
    elements: dict[int, str | bytes] = dict(sorted((request() | {7: "0101000000", 11: "000001"}).items()))
    return frame(BINARY2, codec_for("iso1987-ascii").encode(Message("0100", elements)))


def test_a_lost_frame_ends_the_link_and_says_which_framing_would_fit() -> None:
    link = peer()
    link.session.receive(b"0123", NS)
    assert len(link.outside.closed) == 1
    assert link.outside.closed[0].startswith("framing lost: length 12337 above the maximum 4096")
    link.session.receive(_ask(), NS)
    assert not link.outside.accepted


def test_a_keep_alive_is_counted_and_never_answered() -> None:
    link = peer()
    link.session.receive(b"\0\0" * 3 + _ask() + b"\0\0", NS)
    assert (link.counted, link.outside.sent) == ({"keepalives": 4}, [])
    assert len(link.outside.accepted) == 1


def test_keep_alives_alone_keep_a_link_open() -> None:
    link = peer()
    for _ in range(5):
        link.wait(100)
        link.session.receive(b"\0\0", link.now)
    assert link.outside.closed == []
    link.wait(131)
    assert link.outside.closed == ["idle too long"]


def test_silence_ends_a_link_and_so_does_half_a_frame() -> None:
    link = peer()
    link.session.wake(NS + 130 * NS)
    assert link.outside.closed == []
    link.session.wake(NS + 131 * NS)
    assert link.outside.closed == ["idle too long"]
    link = peer()
    link.session.receive(_ask()[:9], 2 * NS)
    link.session.receive(_ask()[9:20], 6 * NS)  # a little at a time buys no time
    link.session.wake(7 * NS)
    assert link.outside.closed == []
    link.session.wake(8 * NS)
    assert link.outside.closed == ["frame not completed in time"]


def test_a_peer_that_we_do_not_read_is_neither_silent_nor_stalled() -> None:
    link = peer()
    link.session.receive(_ask()[:9], NS)
    for second in range(2, 200):
        link.session.wake(second * NS, held=True)
    link.session.wake(204 * NS)
    assert link.outside.closed == []
    link.session.wake(205 * NS)
    assert link.outside.closed == ["frame not completed in time"]


def test_a_tap_hears_every_frame_of_both_directions() -> None:
    tap = Tap()
    session = CardSession(LINK, CardRules(CARD_1987, TOKENS), Outside(), tap=tap, now=1)
    echo = codec_for("iso1987-ascii").encode(Message("0800", {7: "0101000000", 11: "000001", 70: "301"}))
    session.receive(frame(BINARY2, echo) + frame(BINARY2, b"junk"), 2)
    session.closed(3)
    assert tap.heard == [
        ("opened", "7 card-1987 1"),
        ("in", "7 0800 2"),
        ("out", "7 0810 2"),
        ("in", "7 junk 2"),
        ("closed", "7 3"),
    ]


def test_a_session_as_such_speaks_no_protocol() -> None:
    session = Session(LINK, CARD_1987, Outside(), tap=None, now=NS)
    session.begin(NS)
    session.drain(NS)
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
