"""One story over every card profile, between a simulated network and a real engine on real sockets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.scenarios.rig import TOKENS
from tests.scenarios.wire import Wire

from twinrail.engine.store.memory import MemoryStore
from twinrail.schemas.instructions import OpenAccount, OpenCard, Transfer
from twinrail.schemas.iso8583.profiles import PROFILES, LinkProfile, Rail, SignOn
from twinrail.simulators import transactions
from twinrail.simulators.acquirer import AcquirerLink
from twinrail.simulators.transactions import Purchase, accepts, approves, code_of

PAN = "4111111111111111"
CARD_PROFILES = [profile for profile in PROFILES.values() if profile.rail is Rail.CARD]
WITHIN_S = 20.0


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """Run an engine with one card and 100.00 behind it."""
    wire = Wire(MemoryStore())
    await wire.start()
    await wire.order(OpenAccount(command="1", account="A", currency="978"))
    await wire.order(Transfer(command="2", debit="suspense-EUR", credit="A", amount=100_00, currency="978"))
    await wire.order(OpenCard(command="3", card=TOKENS.pan(PAN), account="A", expiry="4912", last4=PAN[-4:]))
    try:
        yield wire
    finally:
        await wire.close()


def purchase(number: int, amount: int) -> Purchase:
    return Purchase(pan=PAN, amount=amount, stan=number, at=datetime.now(UTC), expiry="4912", rrn=f"{number:012d}")


async def held(wire: Wire) -> int:
    return (await wire.account("A")).held


@pytest.mark.parametrize("profile", CARD_PROFILES, ids=lambda profile: profile.name)
async def test_a_day_of_a_link(wire: Wire, profile: LinkProfile) -> None:
    profile = replace(profile, deadline_s=60.0)
    listener = await wire.listen(profile.name, profile)
    link = await AcquirerLink.connect("127.0.0.1", listener.port, profile)
    try:
        assert await link.sign_on(timeout_s=WITHIN_S)
        assert [asked.what for asked in link.asked] == (["sign_on"] if profile.sign_on is SignOn.OURS else [])

        bought = transactions.request(profile, "100", purchase(101, 10_00))
        answer = (await link.exchange(bought, timeout_s=WITHIN_S)).reply
        assert approves(profile, answer), code_of(profile, answer)
        assert await held(wire) == 10_00

        dear = transactions.request(profile, "100", purchase(102, 5_000_00))
        refused = (await link.exchange(dear, timeout_s=WITHIN_S)).reply
        assert not approves(profile, refused)
        assert code_of(profile, refused) in {"51", "116", "1016"}
        assert await held(wire) == 10_00

        if profile.places.replacement_amounts or profile.places.partial_reversal:
            part = transactions.reversal(profile, bought, stan=103, at=datetime.now(UTC), keep=4_00)
            assert accepts(profile, (await link.exchange(part, timeout_s=WITHIN_S)).reply)
            assert await held(wire) == 4_00
        taken_back = transactions.reversal(profile, bought, stan=104, at=datetime.now(UTC))
        assert accepts(profile, (await link.exchange(taken_back, timeout_s=WITHIN_S)).reply)
        assert await held(wire) == 0

        debit = transactions.request(profile, "200", purchase(105, 7_00))
        assert approves(profile, (await link.exchange(debit, timeout_s=WITHIN_S)).reply)
        assert (await wire.account("A")).posted == 93_00

        stood_in = transactions.request(profile, "100", purchase(106, 3_00))
        told = transactions.advice(profile, stood_in, min(profile.granted), "A12345")
        assert accepts(profile, (await link.exchange(told, timeout_s=WITHIN_S)).reply)
        assert await held(wire) == 3_00

        assert await link.echo(timeout_s=WITHIN_S)
        assert await link.sign_off(timeout_s=WITHIN_S)
        assert not link.signed_on
        assert (link.unmatched_count, link.unparsed_count, link.rejected_count) == (0, 0, 0)
    finally:
        await link.close()
