"""Target: frames. The first byte draws the kind of frame, the second how the stream is cut."""

import random

from tests.fuzz.target import Target, messages

from twinrail.codecs.framing import Framer, fits, frame
from twinrail.codecs.iso8583 import DIALECTS
from twinrail.errors import EncodeError
from twinrail.schemas.iso8583.frames import FRAMES

KINDS = tuple(FRAMES.values())
MAXIMUM = 4096


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    kind, chance, stream = KINDS[data[0] % len(KINDS)], random.Random(data[1]), bytes(data[2:])
    whole, cut = Framer(kind, MAXIMUM), Framer(kind, MAXIMUM)
    expected = whole.receive(stream)
    received, at = [], 0
    while at < len(stream):
        size = chance.choice((1, 2, 3, 50, 500))
        received += cut.receive(stream[at : at + size])
        at += size
    assert received == expected
    assert (str(cut.error), cut.keepalives, cut.partial) == (str(whole.error), whole.keepalives, whole.partial)
    assert all(0 < len(payload) <= MAXIMUM for payload in received)
    assert sum(map(len, received)) <= len(stream)
    again = Framer(kind, MAXIMUM)
    assert again.receive(b"".join(frame(kind, payload) for payload in received)) == received
    if len(stream) < 200:
        for name, payloads in fits(stream, MAXIMUM):
            assert payloads, name


def seeds() -> list[bytes]:
    made = []
    for number, kind in enumerate(KINDS):
        stream = b""
        for payload in messages(DIALECTS["iso1987-ascii"], 4):
            try:
                stream += frame(kind, payload[:90])
            except EncodeError:
                continue
        made.append(bytes((number, number)) + stream)
    return made


TARGETS = {"framer": Target(seeds, check)}
