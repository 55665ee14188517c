"""Headers: what is taken off comes back answered, and a refused message is never taken for a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinrail.codecs.headers import HeaderCodec, Reject, Split, header_codec
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.frames import HEADERS, NO_HEADER, Header, Holds, opaque, tpdu

KNOWN = st.sampled_from(list(HEADERS.values()))
BODIES = st.binary(min_size=1, max_size=200)
BASE1 = HEADERS["base1"].but(destination=b"\x11\x22\x33", source=b"\x44\x55\x66", user=b"\x99")
UNIONPAY = HEADERS["unionpay"].but(version=b"\x82", destination=b"00010000   ", source=b"03050000   ")


def split_or_error(header: Header, payload: bytes) -> Split | DecodeError:
    try:
        return header_codec(header).split(payload)
    except DecodeError as error:
        return error


@st.composite
def requests(draw: st.DrawFn, header: Header) -> bytes:
    """Draw a request with any bytes in those fields that the header does not depend on."""
    free = {
        field.name: draw(st.binary(min_size=field.size, max_size=field.size))
        for field in header.fields
        if field.holds is Holds.BYTES
    }
    body = draw(BODIES)
    return HeaderCodec(header.but(**free)).fresh(len(body)) + body


@given(KNOWN, st.data())
def test_header_and_body_are_the_payload(header: Header, data: st.DataObject) -> None:
    payload = data.draw(requests(header))
    split = header_codec(header).split(payload)
    assert split.header + split.body == payload
    assert len(split.header) == header.size
    assert split.reject is None


@given(KNOWN, BODIES, st.data())
def test_an_answer_has_a_header_that_can_be_answered(header: Header, body: bytes, data: st.DataObject) -> None:
    codec = header_codec(header)
    asked = codec.split(data.draw(requests(header)))
    answer = codec.reply(asked.header, len(body)) + body
    back = codec.split(answer)
    assert back.body == body
    assert back.reject is None
    if header != opaque(12, copied=False):
        # Addresses swapped twice are as they were; the total length is that of the message.
        assert codec.reply(back.header, len(asked.body)) == asked.header


@given(KNOWN, st.binary(max_size=120))
def test_any_bytes_are_split_or_refused_with_their_place(header: Header, payload: bytes) -> None:
    split = split_or_error(header, payload)
    if isinstance(split, DecodeError):
        assert split.path.startswith("header")
        assert 0 <= split.offset <= len(payload)
    else:
        ours = split.reject.header if split.reject and split.reject.header != split.header else b""
        assert split.header + ours + split.body == payload


@given(KNOWN.filter(lambda header: header.size > 0), st.data())
def test_a_truncated_header_is_refused(header: Header, data: st.DataObject) -> None:
    payload = data.draw(requests(header))
    with pytest.raises(DecodeError):
        header_codec(header).split(payload[: data.draw(st.integers(0, header.size))])


def test_no_header_is_nothing() -> None:
    codec = HeaderCodec(NO_HEADER)
    assert codec.split(b"0800") == (b"", b"0800", None)
    assert codec.reply(b"", 4) == codec.fresh(4) == b""


def test_a_tpdu_is_swapped() -> None:
    codec = HeaderCodec(tpdu())
    split = codec.split(bytes.fromhex("60 0003 1234") + b"0800")
    assert split.body == b"0800"
    assert codec.reply(split.header, 4).hex() == "6012340003"
    more = HeaderCodec(tpdu(6))
    split = more.split(bytes.fromhex("60 0003 1234 602200000000") + b"0800")
    assert more.reply(split.header, 4).hex() == "6012340003602200000000"


def test_a_message_of_our_own_holds_what_was_agreed() -> None:
    assert HeaderCodec(tpdu().but(destination=b"\x00\x03", source=b"\x12\x34")).fresh(4).hex() == "6000031234"
    assert HeaderCodec(HEADERS["iso-text"].but(digits=b"026000010")).fresh(4) == b"ISO026000010"
    assert HeaderCodec(UNIONPAY).fresh(100) == (
        b"\x2e\x820146" + b"00010000   " + b"03050000   " + bytes(3 + 1 + 8 + 1) + b"00000"
    )


def test_a_base1_answer_swaps_addresses_and_counts_its_own_length() -> None:
    codec = HeaderCodec(BASE1)
    request = codec.fresh(10) + bytes(10)
    assert request[:22].hex() == "16010200201122334455660000000000000000000099"
    assert codec.reply(codec.split(request).header, 20).hex() == "160102002a4455661122330000000000000000000099"


def test_opaque_bytes_are_copied_or_zeroed() -> None:
    for header, expected in ((opaque(4), b"abcd"), (opaque(4, copied=False), bytes(4))):
        codec = HeaderCodec(header)
        assert codec.reply(codec.split(b"abcd0800").header, 4) == expected


def refusal(size: int = 26, bitmap: str = "8000", code: str = "0514") -> bytes:
    """Give a header of so many bytes that refuses a message, without that message."""
    fields = bytes.fromhex(bitmap + code) + bytes(size - 26)
    total = size + 22 + 10
    return bytes([size, 1, 2]) + total.to_bytes(2, "big") + HeaderCodec(BASE1).fresh(0)[5:] + fields


@pytest.mark.parametrize("size", [26, 27, 40])
def test_a_base1_reject_is_our_message_come_back(size: int) -> None:
    codec = HeaderCodec(BASE1)
    ours, body = codec.fresh(10), b"0110567890"
    split = codec.split(refusal(size) + ours + body)
    assert split == (refusal(size), body, Reject("0514", ours))


def test_a_base1_reject_without_a_code_is_still_no_request() -> None:
    codec = HeaderCodec(BASE1)
    split = codec.split(refusal(bitmap="0000", code="0000") + codec.fresh(10) + b"0110567890")
    assert split.reject == Reject("", codec.fresh(10))


def test_no_answer_is_made_to_a_reject() -> None:
    codec = HeaderCodec(BASE1)
    split = codec.split(refusal() + codec.fresh(10) + b"0110567890")
    with pytest.raises(EncodeError):
        codec.reply(split.header, 10)


def test_a_unionpay_reject_code_refuses() -> None:
    codec = HeaderCodec(UNIONPAY)
    header = codec.fresh(4)[:-5] + b"00103"
    split = codec.split(header + b"0110")
    assert split == (header, b"0110", Reject("00103", header))
    assert codec.split(codec.fresh(4)[:-5] + b"\0\0\0\0\1" + b"0110").reject == Reject(
        "0000000001", header[:-5] + b"\0\0\0\0\1"
    )


@pytest.mark.parametrize(
    ("header", "payload", "path", "offset"),
    [
        (tpdu(), b"\x61\0\0\0\0" + b"0800", "header.id", 0),
        (tpdu(), b"\x60\0\0\0\0", "header", 5),
        (HEADERS["iso-text"], b"iso026000010" + b"0800", "header.iso", 0),
        (HEADERS["iso-text"], b"ISO02600 010" + b"0800", "header.digits", 3),
        (BASE1, b"\x16\x01\x02\x00\x1b" + bytes(17) + b"0800", "header.total_length", 3),
        (BASE1, b"\x17\x01\x02\x00\x1a" + bytes(17) + b"0800", "header.header_length", 0),
        (BASE1, b"\x19\x01\x02\x00\x1a" + bytes(17) + b"0800", "header.header_length", 0),
        (BASE1, refusal()[:3] + b"\x00\x30" + refusal()[5:] + bytes(22), "header", 48),
        (UNIONPAY, b"\x2e\x8200+0" + bytes(40) + b"0800", "header.total_length", 2),
        (UNIONPAY, b"\x2d\x820050" + bytes(40) + b"0800", "header.header_length", 0),
    ],
)
def test_what_is_no_such_header_is_refused_at_its_place(header: Header, payload: bytes, path: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        HeaderCodec(header).split(payload)
    assert (caught.value.path, caught.value.offset) == (path, offset)


def test_a_total_length_that_does_not_fit_is_refused() -> None:
    assert HeaderCodec(UNIONPAY).fresh(9953)[2:6] == b"9999"
    for codec, body_bytes in ((HeaderCodec(UNIONPAY), 9954), (HeaderCodec(BASE1), 65_514)):
        with pytest.raises(EncodeError) as caught:
            codec.fresh(body_bytes)
        assert caught.value.path == "header.total_length"
        with pytest.raises(EncodeError):
            codec.reply(codec.fresh(1), body_bytes)


def test_no_error_tells_what_stood_there() -> None:
    payload = b"4111111111111111" * 4
    errors = [split_or_error(header, payload) for header in HEADERS.values()]
    texts = [str(error) for error in errors if isinstance(error, DecodeError)]
    assert texts
    assert not [text for text in texts if "4111" in text or "34313131" in text]
