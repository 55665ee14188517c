"""Target: headers before a message. The first byte draws the header."""

from tests.fuzz.target import Target

from twinrail.codecs.headers import HeaderCodec
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.frames import HEADERS

CODECS = tuple(map(HeaderCodec, HEADERS.values()))


def check(data: bytes) -> None:
    if not data:
        return
    codec, payload = CODECS[data[0] % len(CODECS)], bytes(data[1:])
    try:
        split = codec.split(payload)
    except DecodeError as error:
        outside = not (error.path.startswith("header") and 0 <= error.offset <= len(payload))
        if outside:
            raise AssertionError("an error outside its header") from error
        return
    assert payload.endswith(split.body)
    assert payload.startswith(split.header)
    if split.reject is None:
        try:
            answer = codec.reply(split.header, len(split.body))
        except EncodeError:
            return  # longer than its length can say
        assert len(answer) == codec.size
        assert codec.split(answer + bytes(len(split.body))).body == bytes(len(split.body))


def seeds() -> list[bytes]:
    return [bytes((number,)) + codec.fresh(20) + bytes(20) for number, codec in enumerate(CODECS)] + [
        bytes((3,)) + bytes.fromhex("1a01020030") + bytes(17) + bytes.fromhex("80000510") + b"\x16" + bytes(41)
    ]


TARGETS = {"headers": Target(seeds, check)}
