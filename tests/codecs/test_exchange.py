"""Picking and responding give what decoding and encoding in full give, or leave the work to them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.card import CardRules, Tokens
from twinrail.codecs.iso8583 import COMPILE_AFTER, Message
from twinrail.schemas.iso8583.profiles import CARD_1987, CARD_1987_BCD, LinkProfile
from twinrail.schemas.journal import Answer
from twinrail.schemas.reasons import Reason

TOKENS = Tokens(bytes(32))
PROFILES = (CARD_1987, CARD_1987_BCD)
FULL: dict[int, str | bytes] = {
    2: "4111111111111111",
    3: "000000",
    4: "000000001000",
    7: "1121120000",
    11: "000123",
    12: "120000",
    13: "1121",
    14: "3012",
    18: "5411",
    22: "051",
    25: "00",
    32: "12345",
    35: "4111111111111111D30121010000000000",
    37: "REF123456789",
    41: "TERM0001",
    42: "MERCHANT0000001",
    43: "SHOP                     BERLIN       DE",
    49: "978",
    55: bytes.fromhex("9F02060000000010009F360200349F3704112233440000"),
}
OPTIONAL = sorted(FULL.keys() - {2, 3, 4, 7, 11, 49})


def rules_of(profile: LinkProfile, message: Message) -> tuple[CardRules, bytes]:
    """Give rules whose codec has seen enough of such messages to have compiled them."""
    rules = CardRules(profile, TOKENS)
    payload = rules.codec.encode(message)
    for _ in range(COMPILE_AFTER):
        rules.codec.decode(payload)
    return rules, payload


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@given(
    absent=st.sets(st.sampled_from(OPTIONAL)),
    mti=st.sampled_from(["0100", "0101", "0200", "0201"]),
    rrn=st.text(alphabet="ABC0123456789", min_size=12, max_size=12),
    acquirer=st.text(alphabet="0123456789", min_size=1, max_size=11),
    pan=st.text(alphabet="0123456789", min_size=12, max_size=19),
    reason=st.sampled_from([Reason.APPROVED, Reason.INSUFFICIENT_FUNDS, Reason.LATE]),
)
def test_the_quick_way_and_the_full_way_agree(  # noqa: PLR0917 - pytest and hypothesis pass them by name
    profile: LinkProfile, absent: set[int], mti: str, rrn: str, acquirer: str, pan: str, reason: Reason
) -> None:
    elements = {number: value for number, value in FULL.items() if number not in absent}
    elements |= {2: pan} | ({37: rrn} if 37 in elements else {}) | ({32: acquirer} if 32 in elements else {})
    rules, payload = rules_of(profile, Message(mti, elements))
    decoded = rules.codec.decode(payload)
    assert rules.read(payload) == rules.to_instruction(decoded)
    answer = Answer(reason=reason, approval_code="004711" if reason is Reason.APPROVED else "")
    assert rules.answer(payload, answer) == rules.codec.encode(rules.to_response(decoded, answer))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_quick_way_is_taken_once_a_bitmap_recurs(profile: LinkProfile) -> None:
    rules, payload = rules_of(profile, Message("0100", dict(FULL)))
    assert rules.read(payload) is not None


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_what_decoding_refuses_is_never_read_the_quick_way(profile: LinkProfile) -> None:
    rules, payload = rules_of(profile, Message("0100", dict(FULL)))
    drawn = random.Random(8583)
    for _ in range(3000):
        mutant = bytearray(payload)
        for _ in range(drawn.randint(1, 3)):
            mutant[drawn.randrange(len(mutant))] = drawn.randrange(256)
        try:
            expected = rules.to_instruction(rules.codec.decode(bytes(mutant)))
        except Exception:  # noqa: BLE001 - which one is the codec's own test
            expected = None
        quick = rules.read(bytes(mutant))
        assert quick is None or quick == expected


def test_advices_and_messages_without_a_card_go_the_full_way() -> None:
    for mti, gone in (("0120", 0), ("0100", 2), ("0100", 49)):
        elements = {number: value for number, value in FULL.items() if number != gone} | {39: "00"}
        rules, payload = rules_of(CARD_1987, Message(mti, elements))
        assert rules.read(payload) is None
