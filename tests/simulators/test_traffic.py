"""Traffic: templates give what the codec would, and answers are read where they stand."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.iso8583 import Message, codec_for
from twinrail.schemas.iso8583.profiles import CARD_1987, CARD_1987_ASCII4, CARD_1987_BCD, INSTANT, Framing, LinkProfile
from twinrail.simulators.clearing_house import account, pacs008
from twinrail.simulators.responder import approve
from twinrail.simulators.traffic import NUMBERS, Card, CardTraffic, InstantTraffic, LoadError, instant_time

CARDS = (Card("4111111111111111", "4912"), Card("378282246310005", "4911"), Card("6304900000000000000", "4910"))
PROFILES = (CARD_1987, CARD_1987_ASCII4, CARD_1987_BCD)


def decoded(profile: LinkProfile, data: bytes) -> list[Message]:
    codec = codec_for(profile.dialect)
    return [codec.decode(payload) for payload in Framer(profile.framing, profile.frame_bytes_max).receive(data)]


@given(st.sampled_from(PROFILES), st.integers(0, 3 * NUMBERS), st.integers(1, 20))
def test_built_frames_decode_to_numbered_requests(profile: LinkProfile, first: int, count: int) -> None:
    traffic = CardTraffic(profile, CARDS, mti="0200", amount=250, terminal="TERM0001")
    messages = decoded(profile, traffic.build(first, count).data)
    assert [message.elements[11] for message in messages] == [
        f"{number % NUMBERS:06d}" for number in range(first, first + count)
    ]
    for number, message in enumerate(messages, start=first):
        card = CARDS[number % NUMBERS % len(CARDS)]
        assert (message.mti, message.elements[2], message.elements[14]) == ("0200", card.pan, card.expiry)
        assert message.elements[4] == "000000000250"
        assert str(message.elements[37])[6:] == message.elements[11]


@given(st.integers(0, 2 * NUMBERS), st.integers(2, 50))
def test_no_two_requests_share_a_retrieval_reference(first: int, count: int) -> None:
    traffic = CardTraffic(CARD_1987, CARDS[:1], terminal="TERM0001")
    around = traffic.build(first, count).data + traffic.build(first + NUMBERS, count).data
    references = [message.elements[37] for message in decoded(CARD_1987, around)]
    assert len(set(references)) == 2 * count


@given(st.sampled_from(PROFILES), st.lists(st.sampled_from(["00", "51"]), min_size=1, max_size=12), st.data())
def test_answers_are_read_for_any_cut_and_any_layout(
    profile: LinkProfile, codes: list[str], data: st.DataObject
) -> None:
    traffic = CardTraffic(profile, CARDS, terminal="TERM0001")
    codec = codec_for(profile.dialect)
    stream = b""
    for code, request in zip(codes, decoded(profile, traffic.build(7, len(codes)).data), strict=True):
        reply = approve(request)[0]
        assert isinstance(reply, Message)
        own = {39: code} | ({38: "A12345"} if code == "00" else {})
        stream += frame(profile.framing, codec.encode(Message(reply.mti, {**reply.elements, **own})))
    cut = data.draw(st.integers(0, len(stream)))
    used, keys, found = traffic.take(stream[:cut])
    rest, more_keys, more_found = traffic.take(stream[used:])
    assert used + rest == len(stream)
    assert [*keys, *more_keys] == traffic.build(7, len(codes)).keys
    assert [*found, *more_found] == [code.encode() for code in codes]
    again = traffic.take(stream)  # now that the layouts are known
    assert (again.used, [*again.keys], [*again.codes]) == (used + rest, [*keys, *more_keys], [*found, *more_found])


def test_an_answer_without_its_numbers_is_refused() -> None:
    traffic = CardTraffic(CARD_1987, CARDS, terminal="TERM0001")
    odd = frame(CARD_1987.framing, codec_for(CARD_1987.dialect).encode(Message("0110", {39: "00"})))
    with pytest.raises(LoadError):
        traffic.take(odd)


def test_no_cards_and_other_framings_are_refused() -> None:
    with pytest.raises(LoadError, match="no cards"):
        CardTraffic(CARD_1987, (), terminal="TERM0001")
    with pytest.raises(LoadError, match="framing"):
        CardTraffic(INSTANT, CARDS, terminal="TERM0001")


def make(reference: str) -> bytes:
    return pacs008(
        creditor=account(1), debtor=account(2), message_id=reference, transaction_id=reference, end_to_end_id=reference
    )


@given(st.integers(0, NUMBERS - 30), st.integers(1, 20))
def test_instant_payments_carry_their_number_and_answers_give_it_back(first: int, count: int) -> None:
    traffic = InstantTraffic(make, prefix="L12345678")
    documents = Framer(Framing.BINARY4, 65536).receive(traffic.build(first, count).data)
    assert len(documents) == count
    assert documents[0] == make(f"L12345678000{first:06d}")
    replies = b"".join(
        frame(Framing.BINARY4, b"<a><OrgnlTxId>L12345678000%06d</OrgnlTxId><TxSts>ACCP</TxSts></a>" % number)
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
