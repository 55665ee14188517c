"""The card network: its link comes back, and what it may have let happen is taken back."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from twinrail.codecs.iso8583 import Message
from twinrail.schemas.iso8583.profiles import BASE1_LIKE, CARD_1987, CARD_2003, LinkProfile
from twinrail.simulators import transactions
from twinrail.simulators.acquirer import LinkError
from twinrail.simulators.network import CardNetwork, Habits
from twinrail.simulators.plan import named_by
from twinrail.simulators.responder import approve, approving, responding
from twinrail.simulators.transactions import Purchase

QUICK = Habits(answer_within_s=0.2, connect_again_s=0.01, repeat_every_s=0.05, repeats_max=20)


def request(stan: str) -> Message:
    return Message(
        "0100",
        {2: "4111111111111111", 3: "000000", 4: "000000001000", 7: "0102030405", 11: stan, 32: "400001", 49: "978"},
    )


async def test_a_request_without_an_answer_is_reversed_until_the_reversal_is_answered() -> None:
    refused = iter((True, True, False))

    def decide(message: Message) -> Sequence[Message | bytes]:
        if message.mti == "0100" or (message.mti[:2] == "04" and next(refused)):
            return ()
        return approve(message)

    async with responding(decide) as issuer, CardNetwork("127.0.0.1", issuer.port, CARD_1987, QUICK) as network:
        await network.ready(timeout_s=5)
        exchange = await network.ask(request("000001"))
        await issuer.until_heard(5)
    assert exchange.reply is None
    assert [message.mti for message in issuer.heard] == ["0800", "0100", "0420", "0421", "0421"]
    assert {str(message.elements[90])[:20] for message in issuer.heard[2:]} == {"01000000010102030405"}


async def test_a_lost_link_is_made_again_and_owed_reversals_go_over_it() -> None:
    def cut_once(message: Message) -> Sequence[Message | bytes]:
        if message.mti == "0100":
            issuer.cut()
            return ()
        return approve(message)

    async with (
        responding(cut_once) as issuer,
        CardNetwork("127.0.0.1", issuer.port, CARD_1987, QUICK) as network,
    ):
        await network.ready(timeout_s=5)
        exchange = await network.ask(request("000001"))
        await issuer.until_heard(4)
        assert exchange.reply is None
        assert network.connections == 2
    assert [message.mti for message in issuer.heard][:2] == ["0800", "0100"]
    assert issuer.heard[-1].mti in {"0420", "0421"}


async def test_nothing_is_sent_over_a_link_that_is_not_signed_on() -> None:
    async with (
        responding(lambda _message: ()) as issuer,
        CardNetwork("127.0.0.1", issuer.port, CARD_1987, QUICK) as network,
    ):
        await issuer.until_heard(1)
        with pytest.raises(LinkError):
            await network.ask(request("000001"))
        with pytest.raises(TimeoutError):
            await network.ready(timeout_s=0.05)
    assert {message.mti for message in issuer.heard} == {"0800"}


@pytest.mark.parametrize("profile", [BASE1_LIKE, CARD_2003], ids=lambda profile: profile.name)
async def test_other_versions_and_sign_ons_of_the_issuer_are_kept_alike(profile: LinkProfile) -> None:
    approve_all = approving(profile)
    purchase = Purchase(pan="4111111111111111", amount=1, stan=1, at=datetime(2026, 1, 5, tzinfo=UTC))
    asked = transactions.request(profile, "100", purchase)
    async with (
        responding(lambda message: () if message.mti[1] == "1" else approve_all(message), profile) as issuer,
        CardNetwork("127.0.0.1", issuer.port, profile, QUICK) as network,
    ):
        await network.ready(timeout_s=5)
        assert (await network.ask(asked)).reply is None
        await issuer.until_heard(3)
    taken_back = issuer.heard[-1]
    assert taken_back.mti[1:] in {"420", "421"}
    named = named_by(taken_back, profile.places)
    assert named is not None
    assert (named.mti, named.stan) == (asked.mti, asked.elements[profile.places.stan])
