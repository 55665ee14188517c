"""Samples are messages of their dialect, hold what their type must, and are what was asked for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs import paths
from twinrail.codecs.evidence import PRESENCE, evidence
from twinrail.codecs.iso8583 import DIALECTS, codec_for
from twinrail.codecs.sample import PAN, SampleError, sample
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.presence import mandatory_of

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
TYPES = [(name, mti) for name, dialect in DIALECTS.items() for mti in PRESENCE[dialect.version]]


@given(st.sampled_from(TYPES), st.datetimes(datetime(1990, 1, 1), datetime(2089, 12, 31)))  # noqa: DTZ001 - local time
def test_a_sample_is_a_plausible_message_of_every_type(of: tuple[str, str], moment: datetime) -> None:
    name, mti = of
    codec = codec_for(name)
    message = sample(codec, mti, moment)
    decoded = codec.decode(codec.encode(message))
    assert decoded.mti == mti
    numbers = {row.number for row in codec.dialect.elements}
    mandatory = numbers.intersection(mandatory_of(PRESENCE[codec.dialect.version])[mti])
    assert mandatory <= decoded.elements.keys()
    weighed = evidence(codec.dialect, decoded)
    assert weighed.score > 0
    assert not weighed.bad


def test_given_values_take_the_place_of_made_up_ones_and_stand_beside_them() -> None:
    codec = codec_for("mds")
    given_values = {"4": "000000000001", "48.category": "R", "48.42": "0103210", "52": "0123456789abcdef"}
    message = sample(codec, "0100", NOW, given_values)
    assert message.elements[4] == "000000000001"
    assert message.elements[2] == PAN
    assert message.elements[52] == bytes.fromhex("0123456789abcdef")
    assert paths.get(codec, message, "48.42.01") == "210"
    assert list(message.elements) == sorted(message.elements)
    assert codec.decode(codec.encode(message)) == message


def test_the_moment_is_the_callers() -> None:
    elements = sample(codec_for("iso1987-ascii"), "0100", NOW).elements
    assert (elements[7], elements[12], elements[13], elements[14]) == ("1121143005", "143005", "1121", "2912")
    assert sample(codec_for("iso2003-ascii"), "2100", NOW).elements[12] == "20261121143005"


def test_an_answer_and_a_repeat() -> None:
    assert sample(codec_for("iso1987-ascii"), "0110", NOW).elements[39] == "00"
    assert sample(codec_for("iso1993-ascii"), "1430", NOW).elements[39] == "400"
    assert sample(codec_for("iso2003-ascii"), "2814", NOW).elements[39] == "8000"
    assert sample(codec_for("iso1987-ascii"), "0421", NOW).mti == "0421"


@pytest.mark.parametrize(
    ("mti", "given_values", "said"),
    [
        ("1100", {}, "first digit 0"),
        ("01", {}, "not a type"),
        ("0²00", {}, "not a type"),
        ("0100", {"65": "x"}, "65: not an element"),
        ("0100", {"52": "xyz"}, "52: bytes are given as hex"),
        ("0100", {"4": "12x4512345123"}, "4: "),
        ("0100", {"55.9F02": "zz"}, "55.9F02: "),
    ],
)
def test_what_cannot_be_made_up_is_refused_without_its_value(mti: str, given_values: dict[str, str], said: str) -> None:
    with pytest.raises(EncodeError) as caught:
        sample(codec_for("iso1987-ascii"), mti, NOW, given_values)
    assert said in str(caught.value)
    assert not any(value in str(caught.value) for value in given_values.values() if len(value) > 2)
    assert isinstance(caught.value, SampleError) or caught.value.path
