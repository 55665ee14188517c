"""Recognition finds wrapping, frame, header and dialect, and the plain dialect where several read a message."""

import base64
import pathlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.evidence import PRESENCE
from twinrail.codecs.framing import frame, largest_payload
from twinrail.codecs.headers import header_codec
from twinrail.codecs.iso8583 import DIALECTS, codec_for
from twinrail.codecs.recognise import BODIES_MAX, NO_FRAME, bodies, losers, recognise, whole
from twinrail.codecs.sample import PAN, sample
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)
TYPES = [(name, mti) for name, dialect in DIALECTS.items() for mti in PRESENCE[dialect.version]]
# Those that every message fits into: not between delimiters, nor behind two digits.
FRAMED = [NO_FRAME, *(name for name, row in FRAMES.items() if not row.end and largest_payload(row) > 500)]
STATED = [name for name in HEADERS if name not in {"opaque-12-copied", "opaque-12-zeroed"}]
WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex(" ").encode(),
    "base64": base64.b64encode,
    "plain bytes": lambda data: data,
}
SAMPLES = sorted((pathlib.Path(__file__).resolve().parents[3] / "shared" / "samples" / "iso8583").glob("*/*.hex"))


def framed(name: str, data: bytes) -> bytes:
    return data if name == NO_FRAME else frame(FRAMES[name], data)


@given(
    st.sampled_from(TYPES),
    st.sampled_from(FRAMED),
    st.sampled_from(STATED),
    st.sampled_from(sorted(WRITTEN)),
)
def test_a_sample_of_every_dialect_is_found(of: tuple[str, str], framing: str, header: str, wrapping: str) -> None:
    name, mti = of
    codec = codec_for(name)
    message = sample(codec, mti, NOW)
    body = codec.encode(message)
    content = WRITTEN[wrapping](framed(framing, header_codec(HEADERS[header]).fresh(len(body)) + body))
    best = recognise(content)[0]
    assert best.message == message
    assert name in {best.dialect.name, *best.also}
    routes = {(route.wrapping, route.frame, route.header) for route in best.routes}
    assert (wrapping, framing, header) in routes


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_like_a_network_does_not_win_over_a_plain_one_by_accident(name: str) -> None:
    codec = codec_for(name)
    mti = {"1987": "0100", "1993": "1100", "2003": "2100"}[codec.dialect.version]
    best = recognise(codec.encode(sample(codec, mti, NOW)).hex().encode())[0]
    plain = [other for other in (best.dialect.name, *best.also) if other.startswith("iso")]
    assert not plain or best.dialect.name in plain
    assert best.dialect.name != "mds-clearing" or name == "mds-clearing" or not best.also


def test_the_order_in_which_dialects_are_tried_does_not_matter() -> None:
    content = codec_for("iso1987-bcd").encode(sample(codec_for("iso1987-bcd"), "0100", NOW)).hex().encode()
    backwards = recognise(content, [codec_for(name) for name in reversed(DIALECTS)])
    assert backwards[0].dialect.name == "iso1987-bcd"
    assert backwards[0].also == ("pos",)


@pytest.mark.parametrize(
    ("name", "mti", "given_values"),
    [
        ("mds", "0100", {"48.category": "R", "48.42": "0103210", "48.63": "000000000000001"}),
        ("base1", "0100", {"62.2": "000000000000001", "63.1": "0002"}),
        ("ifsf", "1100", {"48.4": "0000000001", "48.14": "01"}),
        ("postilion", "0100", {"127.33": "0100"}),
        ("elavon", "1100", {"48.0001": "001"}),
    ],
)
def test_what_only_one_network_writes_names_it(name: str, mti: str, given_values: dict[str, str]) -> None:
    codec = codec_for(name)
    best = recognise(codec.encode(sample(codec, mti, NOW, given_values)).hex().encode())[0]
    assert best.dialect.name == name


def test_a_belief_leaves_nothing_else_to_try() -> None:
    codec = codec_for("iso1987-ascii")
    content = frame(FRAMES["ascii4"], codec.encode(sample(codec, "0100", NOW)))
    found = recognise(content, [codec], frame="ascii4", header="none")
    assert {(one.dialect.name, one.route.frame, one.route.header) for one in found} == {
        ("iso1987-ascii", "ascii4", "none")
    }
    assert recognise(content, [codec], frame="crlf") == []
    assert all(one.message is None for one in recognise(content, [codec], frame=NO_FRAME, header="none"))


def test_several_messages_are_counted_and_the_first_is_read() -> None:
    codec = codec_for("iso1987-bcd")
    one, other = (frame(FRAMES["binary2"], codec.encode(sample(codec, mti, NOW))) for mti in ("0800", "0100"))
    best = recognise((one + other).hex().encode())[0]
    assert best.message is not None
    assert (best.message.mti, best.route.messages) == ("0800", 2)
    assert best.route.before + best.body + best.route.after == one + other


@given(st.binary(max_size=300) | st.text("0123456789abcdef", max_size=300).map(str.encode))
def test_whatever_comes_is_ranked_within_bounds(content: bytes) -> None:
    found = recognise(content)
    assert len(bodies(content)) <= BODIES_MAX
    assert [one.rank for one in found] == sorted((one.rank for one in found), reverse=True)


@given(st.sampled_from(sorted(DIALECTS)), st.integers(0, 200), st.integers(0, 255))
def test_what_is_said_of_any_reading_holds_no_card_number(name: str, where: int, byte: int) -> None:
    codec = codec_for(name)
    mti = {"1987": "0100", "1993": "1100", "2003": "2100"}[codec.dialect.version]
    data = bytearray(codec.encode(sample(codec, mti, NOW, {"35": PAN + "=2912101"})))
    data[where % len(data)] = byte
    found = recognise(bytes(data))
    said = " ".join(one.why for one in found) + repr(losers(found, found[0]))
    assert PAN not in said
    assert PAN[6:12] not in said


def test_every_dialect_that_is_not_the_one_has_a_reason() -> None:
    codec = codec_for("iso1987-bcd")
    found = recognise(codec.encode(sample(codec, "0100", NOW)).hex().encode())
    told = losers(found, found[0])
    named = [name for _, names in told for name in names]
    assert sorted([*named, found[0].dialect.name, *found[0].also]) == sorted(DIALECTS)
    assert all(words for words, _ in told)


@pytest.mark.skipif(not SAMPLES, reason="the folder of public samples is not beside this checkout")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_public_sample_is_recognised(path: pathlib.Path) -> None:
    found = recognise(path.read_bytes())
    assert [one.dialect.name for one in whole(found)] == ["iso1987-ascii-two"]
