"""Traffic: templates give what the codec would, and answers are read where they stand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.schemas.iso8583.frames import BINARY4, FRAMES
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.schemas.iso8583.profiles import (
    BASE1_LIKE,
    CARD_1987,
    CARD_1993,
    INSTANT,
    PROFILES,
    LinkProfile,
    Rail,
)
from twinrail.simulators import transactions
from twinrail.simulators.channel import Channel, Heard
from twinrail.simulators.clearing_house import account, pacs008
from twinrail.simulators.cuts import LoadError
from twinrail.simulators.traffic import NUMBERS, Card, CardTraffic, InstantTraffic, instant_time
from twinrail.simulators.transactions import minor_units

CARDS = (Card("4111111111111111", "4912"), Card("378282246310005", "4911"), Card("6304900000000000000", "4910"))
# Elavon-like lengths count bytes: a card number of odd length does not come back as it was.
LINKS = [profile for profile in PROFILES.values() if profile.rail is Rail.CARD and profile.name != "elavon-like"]
LINKS += [
    replace(CARD_1987, name=f"over-{name}", frame=FRAMES[name]) for name in ("stx-etx", "bcd2", "hex4", "ebcdic4")
]


def heard(profile: LinkProfile, data: bytes) -> list[Heard]:
    return Channel(profile).receive(data)


def decoded(profile: LinkProfile, data: bytes) -> list[Message]:
    return [one.message for one in heard(profile, data) if one.message is not None]


@given(st.sampled_from(LINKS), st.integers(0, 3 * NUMBERS), st.integers(1, 20))
def test_built_frames_decode_to_numbered_requests(profile: LinkProfile, first: int, count: int) -> None:
    traffic = CardTraffic(profile, CARDS, mti="0200", amount=250, terminal="TERM0001")
    messages = decoded(profile, traffic.build(first, count).data)
    at, digit = profile.places, VERSION_DIGITS[profile.places.version]
    assert [message.elements[at.stan] for message in messages] == [
        f"{number % NUMBERS:0{at.stan_length}d}" for number in range(first, first + count)
    ]
    for number, message in enumerate(messages, start=first):
        card = CARDS[number % NUMBERS % len(CARDS)]
        assert (message.mti, message.elements[2], message.elements[14]) == (f"{digit}200", card.pan, card.expiry)
        assert minor_units(profile, message) == 250
        assert str(message.elements[37])[6:] == str(message.elements[at.stan])[-6:]
        assert all(number in message.elements for number in profile.mandatory[f"{digit}200"])


@given(st.integers(0, 2 * NUMBERS), st.integers(2, 50))
def test_no_two_requests_share_a_retrieval_reference(first: int, count: int) -> None:
    traffic = CardTraffic(CARD_1987, CARDS[:1], terminal="TERM0001")
    around = traffic.build(first, count).data + traffic.build(first + NUMBERS, count).data
    references = [message.elements[37] for message in decoded(CARD_1987, around)]
    assert len(set(references)) == 2 * count


@given(st.sampled_from(LINKS), st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_answers_are_read_for_any_cut_and_any_layout(
    profile: LinkProfile, granted: list[bool], data: st.DataObject
) -> None:
    traffic = CardTraffic(profile, CARDS, terminal="TERM0001")
    channel, at = Channel(profile), profile.places
    refusal = {"1987": "51", "1993": "116", "2003": "1016"}[at.version]
    codes = [min(profile.granted) if each else refusal for each in granted]
    stream = b""
    for code, request in zip(codes, heard(profile, traffic.build(7, len(codes)).data), strict=True):
        assert request.message is not None
        reply = transactions.answer(profile, request.message, code)
        assert reply is not None
        if code != refusal:
            reply.elements[at.approval_code] = "A12345"
        stream += channel.write(reply, request)
    cut = data.draw(st.integers(0, len(stream)))
    used, keys, found = traffic.take(stream[:cut])
    rest, more_keys, more_found = traffic.take(stream[used:])
    assert used + rest == len(stream)
    assert [*keys, *more_keys] == traffic.build(7, len(codes)).keys
    assert [traffic.name_of(code).decode() for code in (*found, *more_found)] == codes
    assert [traffic.name_of(code) in traffic.approved for code in (*found, *more_found)] == granted
    again = traffic.take(stream)  # now that the layouts are known
    assert (again.used, [*again.keys], [*again.codes]) == (used + rest, [*keys, *more_keys], [*found, *more_found])


def test_what_the_engine_asks_in_between_is_passed_over() -> None:
    traffic = CardTraffic(CARD_1993, CARDS, terminal="TERM0001")
    (request,) = heard(CARD_1993, traffic.build(1, 1).data)
    assert request.message is not None
    answer = transactions.answer(CARD_1993, request.message)
    assert answer is not None
    echo = transactions.network_message(CARD_1993, "831", stan=9, at=datetime.now(UTC))
    written = [Channel(CARD_1993).write(message) for message in (echo, answer, echo)]
    used, keys, codes = traffic.take(b"".join(written))
    assert (used, len(keys), codes) == (sum(map(len, written)), 1, [b"000"])


def test_a_message_that_comes_back_refused_ends_the_load() -> None:
    traffic = CardTraffic(BASE1_LIKE, CARDS, terminal="TERM0001")
    (request,) = heard(BASE1_LIKE, traffic.build(1, 1).data)
    with pytest.raises(LoadError, match="refuses"):
        traffic.take(Channel(BASE1_LIKE).refuse(request, "42"))


def test_an_answer_without_its_numbers_is_refused() -> None:
    traffic = CardTraffic(CARD_1987, CARDS, terminal="TERM0001")
    odd = frame(CARD_1987.frame, codec_for(CARD_1987.dialect).encode(Message("0110", {39: "00"})))
    with pytest.raises(LoadError):
        traffic.take(odd)


def test_no_cards_and_other_links_are_refused() -> None:
    with pytest.raises(LoadError, match="no cards"):
        CardTraffic(CARD_1987, (), terminal="TERM0001")
    with pytest.raises(LoadError, match="no card link"):
        CardTraffic(INSTANT, CARDS, terminal="TERM0001")


def make(reference: str) -> bytes:
    return pacs008(
        creditor=account(1), debtor=account(2), message_id=reference, transaction_id=reference, end_to_end_id=reference
    )


@given(st.integers(0, NUMBERS - 30), st.integers(1, 20))
def test_instant_payments_carry_their_number_and_answers_give_it_back(first: int, count: int) -> None:
    traffic = InstantTraffic(make, prefix="L12345678")
    documents = Framer(BINARY4, 65536).receive(traffic.build(first, count).data)
    assert len(documents) == count
    assert documents[0] == make(f"L12345678000{first:06d}")
    replies = b"".join(
        frame(BINARY4, b"<a><OrgnlTxId>L12345678000%06d</OrgnlTxId><TxSts>ACCP</TxSts></a>" % number)
        for number in range(first, first + count)
    )
    used, keys, codes = traffic.take(replies + b"\x00\x00")
    assert used == len(replies)
    assert keys == traffic.build(first, count).keys
    assert codes == [b"ACCP"] * count


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 - the zone is put on below
def test_instant_times_have_no_trailing_zero(moment: datetime) -> None:
    text = instant_time(moment.replace(tzinfo=UTC))
    fraction = text.removesuffix("Z").partition(".")[2]
    assert not fraction.endswith("0")
    assert datetime.fromisoformat(text).replace(microsecond=0) == moment.replace(tzinfo=UTC, microsecond=0)
