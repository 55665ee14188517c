"""What a message says by the places of its version: amounts, cards in tracks, original data."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.codecs.transactions import PAN, transaction

from twinrail.codecs.card import CardRules, Tokens
from twinrail.codecs.card_places import KEY_MASK, amount_of, pan_of_track
from twinrail.codecs.iso8583 import Message
from twinrail.errors import DecodeError
from twinrail.money import CURRENCIES
from twinrail.schemas.instructions import Reversal
from twinrail.schemas.iso8583.places import PLACES_1987, PLACES_1993, PLACES_2003
from twinrail.schemas.iso8583.profiles import CARD_1987, CARD_1993, CARD_2003, POS_TPDU, LinkProfile

TOKENS = Tokens(bytes(32))
profiles = st.sampled_from([CARD_1987, CARD_1993, CARD_2003])


@given(st.integers(0, 10**12 - 1), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_is_the_same_in_every_version(amount: int, currency: str) -> None:
    digits = f"{amount:012d}"
    alpha, exponent = CURRENCIES[currency]
    for elements, places in (
        ({4: digits, 49: currency}, PLACES_1987),
        ({4: digits, 49: alpha}, PLACES_1993),
        ({4: f"{currency}{exponent}{digits}"}, PLACES_2003),
    ):
        assert amount_of(Message("x", dict(elements)), places) == (amount, currency)


@given(st.text("0123456789", min_size=13, max_size=19), st.sampled_from("=D"))
def test_the_card_number_stands_before_the_separator(pan: str, separator: str) -> None:
    assert pan_of_track(Message("0100", {35: f"{pan}{separator}3012"}), PLACES_1987) == pan
    with pytest.raises(DecodeError) as caught:
        pan_of_track(Message("0100", {35: pan}), PLACES_1987)
    assert pan not in str(caught.value)


@given(profiles, st.integers(1, 999_999), st.integers(0, 999_999))
def test_original_data_name_their_message_and_no_other(profile: LinkProfile, stan: int, other: int) -> None:
    rules, at = CardRules(profile, TOKENS), profile.places
    original = transaction(profile, "100")
    original.elements[at.stan] = f"{stan:0{at.stan_length}d}"
    asked = rules.to_instruction(original)
    assert asked is not None
    reversal = transaction(profile, "420")
    del reversal.elements[at.rrn]
    named = f"{other:0{at.stan_length}d}" + str(original.elements[at.sent_at])
    reversal.elements[at.original_data] = f"{original.mti}{named}" + "0" * 22
    taken_back = rules.to_instruction(reversal)
    assert isinstance(taken_back, Reversal)
    assert (taken_back.life_keys == (asked.life_keys[1],)) == (stan == other)
    assert all(0 < key <= KEY_MASK for key in taken_back.life_keys)


@given(profiles, st.text(max_size=45))
def test_original_data_that_name_nothing_lead_nowhere(profile: LinkProfile, data: str) -> None:
    reversal = transaction(profile, "420")
    del reversal.elements[profile.places.rrn]
    reversal.elements[profile.places.original_data] = data
    asked = CardRules(profile, TOKENS).to_instruction(reversal)
    assert asked is not None
    assert len(asked.life_keys) <= 1
    assert asked.card == TOKENS.pan(PAN)


@given(
    st.sampled_from([(CARD_1987, 4), (CARD_1987, 7), (CARD_1993, 11), (CARD_1993, 12), (CARD_2003, 4)]),
    st.text(max_size=16) | st.just(b"0000000000100"),
)
@example((CARD_1987, 4), "-00000000100")
@example((CARD_1987, 4), "       1_000")
@example((CARD_2003, 4), "978")
@example((CARD_2003, 4), "9782")
def test_what_is_no_number_is_a_format_error_though_a_dialect_lets_it_pass(
    place: tuple[LinkProfile, int], value: str | bytes
) -> None:
    profile, number = place
    message = transaction(profile, "100")
    message.elements[number] = value
    rules = CardRules(profile, TOKENS)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) > 4:
        return
    if isinstance(value, str) and value.isascii() and value.isdigit() and profile is not CARD_2003:
        asked = rules.to_instruction(message)
        assert asked is not None
        assert asked.amount >= 0
        return
    with pytest.raises(DecodeError) as caught:
        rules.to_instruction(message)
    assert caught.value.element == number


def test_a_terminal_takes_a_message_back_under_its_time_and_number() -> None:
    rules = CardRules(POS_TPDU, TOKENS)
    asked = rules.to_instruction(transaction(POS_TPDU, "200"))
    assert asked is not None
    reversal = transaction(POS_TPDU, "400")
    del reversal.elements[37]
    taken_back = rules.to_instruction(reversal)
    assert taken_back is not None
    assert taken_back.life_keys == (asked.life_keys[1],)
