"""Sanitising: nothing of a card gets through, in any form, and what is left still replays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import iban, paths
from twinrail.codecs.card_numbers import luhn_digit, luhn_valid
from twinrail.codecs.iso8583 import Codec, Message, codec_for
from twinrail.codecs.sanitise import RESERVED_PREFIX, TEST_BINS, SanitiseError, Sanitiser
from twinrail.schemas.iso8583.axes import LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Element

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
    message, wiped = sanitiser.message(ASCII.dialect, Message("0100", {2: pan, 55: data}))
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
    message, wiped = Sanitiser(KEY).message(ASCII.dialect, Message("0100", {number: value}))
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


# Composites.

MDS, CLEARING, BASE1 = codec_for("mds"), codec_for("mds-clearing"), codec_for("base1")


def built(codec: Codec, values: list[tuple[str, str | bytes]]) -> Message:
    message = Message("0100", {2: "4999990000000014", 3: "000000", 4: "000000005000", 11: "000001"})
    for path, value in values:
        message = paths.put(codec, message, path, value)
    return message


def test_parts_are_treated_by_their_class_and_nothing_moves() -> None:
    pan = "4999990000000014"
    message = built(
        MDS,
        [
            ("48.category", "R"),
            ("48.92", "123"),
            ("48.33.02", pan),
            ("48.33.03", "2912"),
            ("48.33.04", "ABC"),
            ("48.13", f"call {pan} now"),
            ("48.77", "C07"),
            ("48.31", pan.encode("cp500")),
            ("48.43", b"\x01\x02\x03"),
        ],
    )
    sanitiser = Sanitiser(KEY)
    kept = sanitiser.frame(MDS, MDS.encode(message))
    assert (kept.wiped, kept.why) == ((), "")
    assert kept.message is not None
    clean = {entry.path: entry.value for entry in paths.walk(MDS, kept.message) if not entry.opened}
    synthetic = sanitiser.pan(pan)
    assert {path: value for path, value in clean.items() if path.startswith("48")} == {
        "48.category": "R",
        "48.92": "000",
        "48.33.02": synthetic,
        "48.33.03": "0000",
        "48.33.04": "ABC",
        "48.13": f"call {synthetic} now",
        "48.77": "C07",
        "48.31": bytes(16),
        "48.43": bytes(3),
    }
    assert len(kept.message.elements[48]) == len(message.elements[48])


@given(st.integers(0, 60), pans)
def test_a_card_number_is_found_in_subelements_wherever_they_are_cut(cut: int, pan: str) -> None:
    whole = "0158012loyalty card" + f"9999{len(pan):03d}{pan}"
    message = Message("1240", {11: "000001", 48: whole[:cut], 62: whole[cut:]})
    clean, wiped = Sanitiser(KEY).message(CLEARING.dialect, message)
    assert wiped == ()
    assert {number: len(value) for number, value in clean.elements.items()} == {
        number: len(value) for number, value in message.elements.items()
    }
    assert "".join(str(clean.elements[number]) for number in (48, 62)) == whole[: -len(pan)] + "0" * len(pan)


def test_a_composite_that_cannot_be_read_is_wiped_whole() -> None:
    pan = "4999990000000014"
    message = built(MDS, [("48.category", "R"), ("48.33.02", pan)])
    value = message.elements[48]
    assert isinstance(value, bytes)
    clean, wiped = Sanitiser(KEY).message(MDS.dialect, Message("0100", {48: value[:-1]}))
    assert (clean.elements, wiped) == ({48: bytes(len(value) - 1)}, ("48",))
    spilled = Message("1240", {48: f"9999016{pan}", 62: "00"})
    clean, wiped = Sanitiser(KEY).message(CLEARING.dialect, spilled)
    assert (clean.elements, wiped) == ({48: "0" * 23, 62: "00"}, ("48", "62"))
    # A nested one is wiped by itself.
    bad = paths.put(MDS, built(MDS, [("48.category", "R")]), "48.33", f"0299{pan}")
    clean, wiped = Sanitiser(KEY).message(MDS.dialect, bad)
    assert (paths.get(MDS, clean, "48.33"), wiped) == ("0" * 20, ())


def test_tags_within_datasets_are_treated_as_tags() -> None:
    pan = "4999990000000014"
    message = built(
        BASE1,
        [
            ("55.01.5A", bytes.fromhex(pan)),
            ("55.01.9F02", bytes.fromhex("000000005000")),
            ("55.01.9F26", b"\x01" * 8),
            ("62.2", "123456789012345"),
            ("126.10", "11 123"),
        ],
    )
    sanitiser = Sanitiser(KEY)
    kept = sanitiser.frame(BASE1, BASE1.encode(message))
    assert kept.message is not None, kept.why
    assert paths.get(BASE1, kept.message, "55.01.5A") == bytes.fromhex(sanitiser.pan(pan))
    assert paths.get(BASE1, kept.message, "55.01.9F02") == bytes.fromhex("000000005000")
    assert paths.get(BASE1, kept.message, "55.01.9F26") == bytes(8)
    assert paths.get(BASE1, kept.message, "62.2") == "123456789012345"
    assert paths.get(BASE1, kept.message, "126.10") == "000000"


def test_a_public_number_that_passes_as_a_card_number_is_taken_for_one() -> None:
    sanitiser = Sanitiser(KEY)
    clean, _ = sanitiser.message(BASE1.dialect, built(BASE1, [("62.2", "371449635398431")]))
    assert paths.get(BASE1, clean, "62.2") == sanitiser.pan("371449635398431") != "371449635398431"


@given(st.data(), pans)
def test_no_composite_lets_a_card_number_through(data: st.DataObject, pan: str) -> None:
    codec = data.draw(
        st.sampled_from([ASCII, BCD, MDS, CLEARING, BASE1, codec_for("postilion-hex"), codec_for("ifsf")])
    )
    row = data.draw(st.sampled_from([row for row in codec.dialect.elements if row.layout is not None]))
    around = st.text("0123456789 RT", max_size=12)
    text = data.draw(around) + pan + data.draw(around)
    value: str | bytes = text
    if row.kind is Kind.B:
        value = data.draw(
            st.sampled_from([text.encode(), text.encode("cp500"), bytes.fromhex(pan + "0" * (len(pan) % 2))])
        )
    sanitiser = Sanitiser(KEY)
    message = Message("0100", {2: pan, row.number: value})
    clean, _ = sanitiser.message(codec.dialect, message)
    kept = clean.elements[row.number]
    assert len(kept) == len(value)
    left = kept if isinstance(kept, bytes) else kept.encode()
    if sanitiser.pan(pan) != pan and pan.encode() in left:
        assert sanitiser.leaks(left)  # so that nothing of the frame is kept


@pytest.mark.parametrize("around", ["", "0000", "7777777777", "001610000000000"])
def test_a_card_number_in_an_element_of_digits_is_no_reference_number(around: str) -> None:
    pan = "5274813690274455"
    pan = pan[:-1] + luhn_digit(pan[:-1])
    row = Element(120, "reference", Kind.N, LLVAR, 60, Mask.PUBLIC)
    sanitiser = Sanitiser(KEY)
    clean = sanitiser.message(ASCII.dialect.but("own", elements=(row,)), Message("0100", {120: around + pan}))[0]
    value = clean.elements[120]
    assert isinstance(value, str)
    assert len(value) == len(around + pan)
    assert pan not in value
    base1 = codec_for("base1").dialect
    parts: dict[int, str | bytes] = {61: "000000001000" * 3}
    assert sanitiser.message(base1, Message("0100", parts))[0].elements == parts
    assert pan not in str(sanitiser.message(base1, Message("0100", {61: "00161" + pan}))[0].elements[61])
