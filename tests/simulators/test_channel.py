"""Channels: what one end writes the other reads, headers swapped or refusing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.headers import header_codec
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS
from twinrail.schemas.iso8583.profiles import CARD_1987, PROFILES, LinkProfile, NetworkFunction, Rail
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel

LINKS = [profile for profile in PROFILES.values() if profile.rail is Rail.CARD]
LINKS += [LinkProfile(name=f"behind-{name}", header=header) for name, header in HEADERS.items()]
LINKS += [LinkProfile(name=f"in-{name}", frame=frame) for name, frame in FRAMES.items()]
AT = datetime(2026, 1, 5, tzinfo=UTC)


@given(st.sampled_from(LINKS), st.data())
def test_a_request_and_its_answer_get_through_however_they_are_cut(profile: LinkProfile, data: st.DataObject) -> None:
    near, far = Channel(profile), Channel(profile)
    asked = transactions.network_message(profile, profile.code_of(NetworkFunction.ECHO), stan=7, at=AT)
    written = near.write(asked)
    cut = data.draw(st.integers(0, len(written)))
    (heard,) = far.receive(written[:cut]) + far.receive(written[cut:])
    assert heard.message == asked
    answer = transactions.answer(profile, asked)
    assert answer is not None
    (back,) = near.receive(far.write(answer, heard))
    assert back.message == answer
    assert back.header == header_codec(profile.header).reply(heard.header, len(back.body))


@pytest.mark.parametrize("name", ["base1", "unionpay"])
def test_a_message_can_be_refused_by_its_header(name: str) -> None:
    profile = LinkProfile(name="refusing", header=HEADERS[name])
    near, far = Channel(profile), Channel(profile)
    asked = transactions.network_message(profile, "301", stan=7, at=AT)
    (heard,) = far.receive(near.write(asked))
    (back,) = near.receive(far.refuse(heard, "42"))
    assert back.message == asked
    assert back.reject is not None
    assert int(back.reject.code) == 42


def test_what_cannot_refuse_does_not() -> None:
    near, far = Channel(CARD_1987), Channel(CARD_1987)
    (heard,) = far.receive(near.write(transactions.network_message(CARD_1987, "301", stan=7, at=AT)))
    with pytest.raises(EncodeError):
        far.refuse(heard, "42")


def test_rubbish_is_heard_as_no_message_and_lost_framing_is_said() -> None:
    channel = Channel(PROFILES["base1-like"])
    (heard,) = channel.receive(channel.frame(b"rubbish"))
    assert heard.message is None
    assert not channel.is_lost
    channel.receive(b"\xff" * 8)
    assert channel.is_lost
