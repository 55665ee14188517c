"""The acquirer's link: matching of answers, and everything that is no match."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from twinrail.codecs.framing import Framer
from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.profiles import BASE1_LIKE, CARD_1987, CARD_2003, SignOn
from twinrail.simulators import transactions
from twinrail.simulators.acquirer import AcquirerLink, LinkError, exchange
from twinrail.simulators.channel import Channel
from twinrail.simulators.responder import approve, responding
from twinrail.simulators.transactions import Purchase

CARD = "4111111111111111"


def request(stan: str, *, mti: str = "0100", terminal: str = "TERM0001") -> Message:
    return Message(
        mti,
        {
            2: CARD,
            3: "000000",
            4: "000000001000",
            7: "0102030405",
            11: stan,
            32: "400001",
            37: f"000000{stan}",
            41: terminal,
            49: "978",
        },
    )


async def test_exchange_signs_on_first_and_gives_the_answer() -> None:
    async with responding() as issuer:
        done = await exchange("127.0.0.1", issuer.port, CARD_1987, request("000001"), timeout_s=5)
    assert done.reply is not None
    assert (done.reply.mti, done.reply.elements[39], done.reply.elements[11]) == ("0110", "00", "000001")
    assert done.latency_s > 0
    assert [heard.mti for heard in issuer.heard] == ["0800", "0100"]


async def test_answers_in_any_order_find_their_requests() -> None:
    held: list[Message | bytes] = []

    def decide(message: Message) -> list[Message | bytes]:
        held.extend(approve(message))
        return list(reversed(held)) if len(held) == 3 else []

    async with responding(decide) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        asked = [link.send(request(f"00000{number}"), timeout_s=5) for number in range(3)]
        replies = [await pending.answer for pending in asked]
        await link.close()
    assert [reply.message.elements[11] for reply in replies if reply] == ["000000", "000001", "000002"]


async def test_the_same_key_is_refused_while_it_waits_and_a_repeat_is_not() -> None:
    async with responding(
        lambda message: () if message.mti == "0100" else [*approve(message), *approve(message)]
    ) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        first = link.send(request("000001"), timeout_s=5)
        with pytest.raises(LinkError, match="same key"):
            link.send(request("000001"), timeout_s=5)
        other = link.send(request("000001", terminal="TERM0002"), timeout_s=0.001)
        repeat = link.send(request("000001", mti="0101"), timeout_s=5)
        assert await first.answer is not None
        assert await repeat.answer is not None
        assert await other.answer is None
        await link.close()


async def test_late_second_and_unmatched_answers_are_told_apart() -> None:
    def decide(message: Message) -> list[Message | bytes]:
        if message.elements[11] == "000001":
            return []  # answered late, by the next request
        (answer,) = approve(message)
        assert isinstance(answer, Message)
        late = Message("0110", {**answer.elements, 11: "000001", 37: "000000000001"})
        stray = Message("0110", {**answer.elements, 41: "ELSEWHER"})
        return [late, late, stray, answer]

    async with responding(decide) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        slow = link.send(request("000001"), timeout_s=0.001)
        assert await slow.answer is None
        assert (await link.exchange(request("000002"), timeout_s=5)).reply is not None
        late = await slow.late
        assert late.message.elements[11] == "000001"
        assert (link.late_count, link.second_count, link.unmatched_count) == (1, 1, 1)
        assert link.unmatched[0].differs == (41,)
        await link.close()


async def test_a_format_error_that_echoes_little_still_matches() -> None:
    async with responding(lambda message: [Message("0110", {11: message.elements[11], 39: "30"})]) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        done = await link.exchange(request("000007"), timeout_s=5)
        await link.close()
    assert done.reply is not None
    assert done.reply.elements[39] == "30"


async def test_a_lost_link_ends_every_wait() -> None:
    async with responding(lambda _message: ()) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        pending = link.send(request("000001"), timeout_s=60)
        await issuer.until_heard(1)
        issuer.cut()
        assert await pending.answer is None
        assert link.is_closed
        with pytest.raises(LinkError, match="closed"):
            link.send(request("000002"), timeout_s=1)


async def test_bytes_that_are_no_message_are_counted_and_the_link_goes_on() -> None:
    async with responding(lambda message: [b"", b"garbage", *approve(message)]) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        assert await link.sign_on()
        assert await link.echo()
        assert await link.sign_off()
        assert not link.signed_on
        assert link.unparsed_count == 3
        await link.close()


async def test_the_issuers_own_echo_is_answered() -> None:
    ask = Message("0800", {7: "0102030405", 11: "000009", 70: "301"})
    async with responding(lambda message: [ask, *approve(message)] if message.mti == "0800" else ()) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, CARD_1987)
        assert await link.sign_on()
        await issuer.until_heard(2)
        await link.close()
    assert (issuer.heard[1].mti, issuer.heard[1].elements[39]) == ("0810", "00")


async def test_a_sign_on_that_is_the_issuers_is_waited_for() -> None:
    async with responding(profile=BASE1_LIKE) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, BASE1_LIKE)
        assert await link.sign_on()
        assert link.signed_on
        assert [asked.what for asked in link.asked] == ["sign_on"]
        await link.close()
    never = replace(BASE1_LIKE, sign_on=SignOn.PEER)  # an issuer that waits itself
    async with responding(profile=never) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, BASE1_LIKE)
        assert not await link.sign_on(timeout_s=0.01)
        await link.close()


async def test_a_request_that_a_header_refuses_is_over_at_once() -> None:
    channel = Channel(BASE1_LIKE)

    def refuse(message: Message) -> list[Message | bytes]:
        if message.mti != "0100":
            return []
        (heard,) = Channel(BASE1_LIKE).receive(channel.write(message))
        (payload,) = Framer(BASE1_LIKE.frame, 4096).receive(channel.refuse(heard, "42"))
        return [payload]

    async with responding(refuse, BASE1_LIKE) as issuer:
        link = await AcquirerLink.connect("127.0.0.1", issuer.port, BASE1_LIKE)
        done = await link.exchange(request("000001"), timeout_s=60)
        assert (done.reply, int(done.rejected), link.rejected_count, link.in_flight) == (None, 42, 1, 0)
        await link.close()


async def test_what_fills_an_element_up_is_no_difference() -> None:
    purchase = Purchase(pan=CARD, amount=1, stan=7, at=datetime(2026, 1, 5, tzinfo=UTC), terminal="T1")
    asked = transactions.request(CARD_2003, "100", purchase)
    async with responding(profile=CARD_2003) as issuer:
        done = await exchange("127.0.0.1", issuer.port, CARD_2003, asked, timeout_s=5)
    assert done.reply is not None
    assert done.reply.elements[41] == "T1".ljust(16)


async def test_exchange_says_when_the_sign_on_is_refused() -> None:
    async with responding(lambda message: [Message("0810", {11: message.elements[11], 39: "91"})]) as issuer:
        with pytest.raises(LinkError, match="sign-on"):
            await exchange("127.0.0.1", issuer.port, CARD_1987, request("000001"), timeout_s=5)
