"""Sanitising: nothing of a card gets through, in any form, and what is left still replays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import iban
from twinrail.codecs.iso8583 import Codec, Message, codec_for
from twinrail.codecs.sanitise import RESERVED_PREFIX, TEST_BINS, SanitiseError, Sanitiser, luhn_digit, luhn_valid

KEY = b"a key of the operator's own"
ASCII, BCD = codec_for("iso1987-ascii"), codec_for("iso1987-bcd")
bodies = st.integers(11, 18).flatmap(
    lambda length: st.tuples(st.sampled_from("3456"), st.text("0123456789", min_size=length - 1, max_size=length - 1))
)
pans = bodies.map("".join).map(lambda body: body + luhn_digit(body))
long_pans = pans.filter(lambda pan: len(pan) >= 15)


def whole(pan: str) -> Message:
    """A message that names its card in every place where a card may be named."""
    odd = pan + "F" * (len(pan) % 2)
    track = f"{pan}D29122011234567890"
    track += "F" * (len(track) % 2)
    return Message(
        "0200",
        {
            2: pan,
            3: "000000",
            4: "000000005000",
            11: "123456",
            34: pan,
            35: f"{pan}=29122011234567890"[:37],
            37: "REF123456789",
            45: f"B{pan}^ROE/JANE^2912201123456789",
            48: f"LOYALTY=OFF|CARD={pan}|TIP=000000000500",
            49: "978",
            52: b"PINBLOCK",
            55: bytes.fromhex(
                f"5A{len(odd) // 2:02X}{odd}57{len(track) // 2:02X}{track}9F2608AABBCCDDEEFF00115F2004524F452F"
            ),
            62: f"{pan[:4]} {pan[4:8]} {pan[8:]}",
            102: pan,
            103: "DE89370400440532013000",
            125: f"%B{pan}^ROE/JANE^29122010000 and {pan}=2912201999",
            128: b"MACMACMA",
        },
    )


def forms(pan: str) -> list[bytes]:
    """The ways in which a card number may hide in bytes."""
    odd = pan + "0" * (len(pan) % 2)
    shifted = "0" + pan + "0" * ((len(pan) + 1) % 2)
    packed = [bytes.fromhex(odd), bytes.fromhex(shifted)]
    plain = [pan.encode(), pan.encode("cp500"), f"{pan[:4]} {pan[4:8]}-{pan[8:]}".encode()]
    return [*packed, *plain, pan.encode().hex().encode(), pan.encode("cp500").hex().upper().encode()]


@given(pans)
def test_a_synthetic_number_is_valid_keyed_and_of_the_same_length(pan: str) -> None:
    synthetic = Sanitiser(KEY).pan(pan)
    assert len(synthetic) == len(pan)
    assert luhn_valid(synthetic)
    assert synthetic == Sanitiser(KEY).pan(pan)
    assert synthetic.startswith(pan[:6] if pan[:6] in TEST_BINS else RESERVED_PREFIX)


@given(st.sets(long_pans, min_size=2, max_size=20))
def test_different_cards_stay_different_and_keys_give_different_numbers(numbers: set[str]) -> None:
    sanitiser, other = Sanitiser(KEY), Sanitiser(b"another key of 16+")
    assert len({sanitiser.pan(number) for number in numbers}) == len(numbers)
    assert {sanitiser.pan(number) for number in numbers} != {other.pan(number) for number in numbers}


@given(pans, st.sampled_from([ASCII, BCD]))
def test_no_form_of_the_card_survives_in_a_frame(pan: str, codec: Codec) -> None:
    sanitiser = Sanitiser(KEY)
    message = whole(pan)
    kept = sanitiser.frame(codec, codec.encode(message))
    assert kept.message is not None, kept.why
    assert kept.payload is not None
    assert kept.wiped == ()
    synthetic = sanitiser.pan(pan)
    clean = kept.message.elements
    if synthetic != pan:
        assert not any(form in kept.payload for form in forms(pan))
    assert codec.decode(kept.payload) == kept.message
    assert {number: len(value) for number, value in clean.items()} == {
        number: len(value) for number, value in message.elements.items()
    }
    assert clean[2] == clean[34] == clean[102] == synthetic
    separator = "D" if codec is BCD else "="
    track = f"{synthetic}{separator}2912201"
    assert clean[35] == track + "0" * (min(37, len(pan) + 18) - len(track))
    assert clean[45] == f"B{synthetic}^XXXXXXXX^2912201{'0' * 9}"
    assert clean[48] == f"LOYALTY=OFF|CARD={synthetic}|TIP=000000000500"
    assert clean[62] == f"{synthetic[:4]} {synthetic[4:8]} {synthetic[8:]}"
    assert clean[125] == f"%B{synthetic}^XXXXXXXX^29122010000 and {synthetic}=2912201000"
    assert iban.valid(str(clean[103]))
    assert clean[103] != "DE89370400440532013000"
    icc = clean[55]
    assert isinstance(icc, bytes)
    assert clean[52] == bytes(8)
    assert clean[128] == bytes(8)
    assert bytes.fromhex("AABBCCDDEEFF0011") not in icc
    assert b"ROE/" not in icc
    assert clean[4] == "000000005000"
    assert clean[37] == "REF123456789"


@given(long_pans, st.binary(max_size=20), st.binary(max_size=20))
def test_the_second_pass_finds_a_seen_number_in_every_form(pan: str, before: bytes, after: bytes) -> None:
    sanitiser = Sanitiser(KEY)
    assert not sanitiser.leaks(pan.encode())
    if sanitiser.pan(pan) == pan:
        return
    for form in forms(pan):
        # a printable edge, so that no chance digit joins the run it stands in
        assert sanitiser.leaks(before + b"|" + form + b"|" + after)


@given(st.binary(max_size=300), st.integers(0, 6))
def test_any_icc_data_ends_clean_or_wiped(noise: bytes, cut: int) -> None:
    pan = "4999990000000014"
    data = (bytes.fromhex("5A08" + pan) + noise)[: 255 - cut]
    sanitiser = Sanitiser(KEY)
    sanitiser.pan(pan)
    message, wiped = sanitiser.message(Message("0100", {2: pan, 55: data}))
    clean = message.elements[55]
    assert isinstance(clean, bytes)
    assert len(clean) == len(data)
    assert bytes.fromhex(pan) not in clean[:10]
    assert wiped in {(), ("55",)}
    if wiped:
        assert clean == bytes(len(data))


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (2, "12345"),
        (35, "4111111111111111"),
        (35, "no track at all"),
        (36, "014111111111111111=97801"),
        (45, "B4111111111111111 ROE"),
        (34, "ABCDEF"),
    ],
)
def test_what_cannot_be_read_is_wiped_whole(number: int, value: str) -> None:
    message, wiped = Sanitiser(KEY).message(Message("0100", {number: value}))
    assert message.elements[number] == "0" * len(value)
    assert wiped == (() if number == 36 else (str(number),))


def test_bytes_that_do_not_decode_leave_only_their_length() -> None:
    kept = Sanitiser(KEY).frame(ASCII, b"0100 4111111111111111")
    assert (kept.payload, kept.length, kept.why) == (None, 21, "undecodable")


def test_a_number_seen_before_in_a_place_nobody_looks_keeps_only_the_length() -> None:
    sanitiser = Sanitiser(KEY)
    sanitiser.pan("499999000000")  # a number of twelve digits
    message = Message("0100", {3: "000000", 4: "000000001000", 11: "000001", 37: "499999000000"})
    kept = sanitiser.frame(ASCII, ASCII.encode(message))
    assert kept.payload is None
    assert kept.why == "a number seen before"


def test_amounts_references_and_short_numbers_stay() -> None:
    text = "AMT=000000005000|ORDER=12345678901|REF 4111111111111112"
    assert Sanitiser(KEY).text(text) == text


def test_digits_too_long_to_tell_are_zeroed() -> None:
    assert Sanitiser(KEY).text("x41111111111111114111x") == "x" + "0" * 20 + "x"


@given(st.sampled_from(["DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606"]))
def test_an_iban_keeps_country_shape_and_validity(number: str) -> None:
    synthetic = Sanitiser(KEY).iban(number)
    assert synthetic != number
    assert iban.valid(synthetic)
    assert [character.isdigit() for character in synthetic] == [character.isdigit() for character in number]


def test_keys_and_numbers_that_are_none_are_refused_without_being_shown() -> None:
    with pytest.raises(SanitiseError, match="16 bytes"):
        Sanitiser(b"short")
    with pytest.raises(SanitiseError) as refused:
        Sanitiser(KEY).pan("\uff14" + "\uff11" * 15)
    assert "1" not in str(refused.value)
    sanitiser = Sanitiser(KEY)
    sanitiser.pan("4111111111111111")
    assert repr(sanitiser) == "Sanitiser(cards=1, ibans=0)"
