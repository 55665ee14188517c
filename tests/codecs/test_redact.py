"""What is redacted decodes as before and holds nothing of a card, a person or a key, in whatever coding."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.card_numbers import luhn_valid
from twinrail.codecs.evidence import PRESENCE
from twinrail.codecs.framing import frame
from twinrail.codecs.iso8583 import DIALECTS, Codec, Message, codec_for
from twinrail.codecs.recognise import Reading, recognise
from twinrail.codecs.redact import redact
from twinrail.codecs.sample import sample
from twinrail.codecs.sanitise import SanitiseError, Sanitiser
from twinrail.schemas.iso8583.axes import LLLLVAR, LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Element
from twinrail.schemas.iso8583.frames import FRAMES
from twinrail.schemas.iso8583.layouts import Part, Tagged

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
PAN = "4929000000003336"  # Luhn valid, its first six digits are no test range
PIN_BLOCK = "A1B2C3D4E5F60718"
CRYPTOGRAM = "1A2B3C4D5E6F7081"
NAME = "CANARY HOLDER"
ADDRESS = "CANARY STREET 7"
MAC = "DEADBEEFCAFEF00D"
CANARIES = (PAN, NAME, ADDRESS)
SECRETS = (PIN_BLOCK, CRYPTOGRAM, MAC)
CHIP = (
    f"5A08{PAN}5711{PAN}D2912101000000000F9F2608{CRYPTOGRAM}9F02060000000010005F200D{NAME.encode().hex()}DF0104CAFEBABE"
)
VERSIONS = {"1987": "0100", "1993": "1100", "2003": "2100"}


def reading_of(name: str, framing: str = "binary2") -> Reading:
    """Give a message full of canaries, wherever the dialect has a place for them."""
    codec = codec_for(name)
    rows = {row.name: row for row in codec.dialect.elements}
    given_values = {"2": PAN, "35": f"{PAN}=29121010000000000"}
    for element, value in (
        ("pin_block", PIN_BLOCK),
        ("mac", MAC[: 2 * rows["mac"].length] if "mac" in rows else MAC),
        ("track1", f"B{PAN}^{NAME}^2912101000"),
        ("private_61", f"{NAME} {PAN}"),
        ("reserved_57", ADDRESS),
    ):
        row = rows.get(element)
        if row is not None:
            as_hex = row.kind is Kind.B and element not in {"pin_block", "mac"}
            given_values[str(row.number)] = value.encode().hex() if as_hex else value
    given_values["55.01" if name == "base1" else "55"] = CHIP
    message = sample(codec, VERSIONS[codec.dialect.version], NOW, given_values)
    content = frame(FRAMES[framing], codec.encode(message))
    return recognise(content.hex().encode(), [codec], frame=framing, header="none")[0]


def codings(text: str) -> list[bytes]:
    """Give a canary as ASCII, EBCDIC, packed digits and hex text, in halves of bytes too."""
    found = [text.encode(), text.encode("cp500"), text.encode().hex().encode(), text.encode("cp500").hex().encode()]
    if text.isdigit():
        found += [bytes.fromhex(text), bytes.fromhex(f"0{text}0"), text.encode()]
    return found


@pytest.mark.parametrize("name", DIALECTS)
def test_no_canary_survives_in_any_dialect(name: str) -> None:
    reading = reading_of(name)
    redacted = redact(reading, Sanitiser(bytes(range(32))))
    data = redacted.data
    assert data != frame(FRAMES["binary2"], reading.body)
    wires = (data, data.hex().encode(), data.hex().upper().encode())
    for canary in CANARIES:
        assert not any(coded in wire for coded in codings(canary) for wire in wires), canary
    for secret in SECRETS:
        assert bytes.fromhex(secret) not in data
        assert secret.encode() not in data
        assert secret.encode("cp500") not in data
    assert "2" in {one.path for one in redacted.replaced}


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_left_decodes_in_the_same_dialect_and_frame(name: str) -> None:
    reading = reading_of(name)
    redacted = redact(reading, Sanitiser(bytes(range(32))))
    again = recognise(redacted.data, [reading.codec], frame="binary2", header="none")[0]
    assert again.message == redacted.message
    assert len(again.body) == len(reading.body)
    pan = redacted.message.elements[2]
    assert isinstance(pan, str)
    assert len(pan) == len(PAN)
    assert luhn_valid(pan)
    track = redacted.message.elements[35]
    assert isinstance(track, str)
    assert track.startswith(pan)


@given(st.sampled_from([(name, mti) for name, row in DIALECTS.items() for mti in PRESENCE[row.version]]))
def test_every_sample_can_be_redacted(of: tuple[str, str]) -> None:
    name, mti = of
    codec = codec_for(name)
    reading = recognise(codec.encode(sample(codec, mti, NOW)).hex().encode(), [codec], frame="none", header="none")[0]
    redacted = redact(reading, Sanitiser(bytes(32)))
    assert codec.decode(redacted.data) == redacted.message
    assert redacted.message.elements.keys() == (reading.message.elements.keys() if reading.message else set())


def test_an_element_of_thousands_of_parts_is_blanked_level_by_level() -> None:
    # Part by part, each with everything split again, this took half a minute.
    name = Part("01", "holder_name", Kind.ANS, LLVAR, 99, Mask.PERSONAL)
    number = Part("02", "reference", Kind.AN, LLVAR, 99, Mask.PUBLIC)
    row = Element(120, "private", Kind.ANS, LLLLVAR, 9999, Mask.SENSITIVE, Tagged((name, number)))
    codec = Codec(DIALECTS["iso1987-ascii"].but("private", elements=(row,)))
    body = codec.encode(Message("0100", {11: "000001", 120: "0101a" * 1900 + "0216" + PAN + "0203abc"}))
    reading = recognise(body, [codec], frame="none", header="none")[0]
    redacted = redact(reading, Sanitiser(bytes(16)))
    assert redacted.message.elements[120] == "0101 " * 1900 + "0216" + "X" * 16 + "0203abc"


def test_two_calls_with_two_keys_cannot_be_joined_by_card() -> None:
    reading = reading_of("iso1987-ascii")
    one, other = (redact(reading, Sanitiser(key)).message.elements[2] for key in (bytes(16), bytes([1]) * 16))
    assert one != other


def test_what_does_not_decode_is_refused() -> None:
    codec = codec_for("iso1987-ascii")
    broken = recognise(reading_of("iso1987-ascii").body[:-1], [codec], frame="none", header="none")[0]
    with pytest.raises(SanitiseError, match="does not decode"):
        redact(broken, Sanitiser(bytes(16)))


def test_several_messages_are_refused_for_only_one_would_be_looked_at() -> None:
    codec = codec_for("iso1987-ascii")
    one = frame(FRAMES["binary2"], reading_of("iso1987-ascii").body)
    found = recognise((one + one).hex().encode(), [codec], frame="binary2", header="none")[0]
    with pytest.raises(SanitiseError, match="more than one message"):
        redact(found, Sanitiser(bytes(16)))


def test_a_card_number_in_the_header_is_refused() -> None:
    codec = codec_for("iso1987-ascii")
    message = sample(codec, "0100", NOW, {"2": PAN})
    content = bytes(2) + bytes.fromhex(PAN) + bytes(2) + codec.encode(message)
    found = recognise(content, [codec], frame="none", header="opaque-12-copied")[0]
    assert found.message == message
    with pytest.raises(SanitiseError, match="where it does not belong"):
        redact(found, Sanitiser(bytes(16)))
