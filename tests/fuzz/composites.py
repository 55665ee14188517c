"""Targets: BER-TLV by itself, and every composite of every dialect; the first two bytes draw the element."""

import random

from tests.fuzz.target import Target

from twinrail.codecs import paths, tlv
from twinrail.codecs.composites import DEPTH_MAX
from twinrail.codecs.iso8583 import DIALECTS, Message
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.axes import Kind
from twinrail.simulators.specimens import Specimens

PLACES = [(dialect, row) for dialect in DIALECTS.values() for row in dialect.elements if row.layout is not None]
CHANGED_MAX = 20  # parts of one value that are written again


def check_tlv(data: bytes) -> None:
    raw, at = bytes(data), 0
    try:
        for node in tlv.objects(raw):
            assert at <= node.start < node.value_at <= node.end <= len(raw)
            assert raw[node.start :].hex().upper().startswith(node.tag)
            assert not raw[at : node.start].strip(b"\0")
            at = node.end
            tlv.header(node.tag, node.end - node.value_at)
    except DecodeError as error:
        outside = not 0 <= error.offset <= len(raw)
        if outside:
            raise AssertionError("an error outside the data") from error


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    dialect, row = PLACES[int.from_bytes(data[:2], "big") % len(PLACES)]
    value = bytes(data[2:]) if row.kind is Kind.B else data[2:].decode("latin-1")
    message = Message("0100", {row.number: value})
    entries = list(paths.walk(dialect, message))
    assert entries[0].value == value
    assert all(entry.path.count(".") <= DEPTH_MAX for entry in entries)
    for entry in entries:
        if entry.fault is not None:
            assert entry.fault.element == row.number
            assert 0 <= entry.fault.offset <= len(value)
            assert entry.mask is None
    for entry in entries[1 : CHANGED_MAX + 1]:
        if entry.fault is None:
            assert paths.get(dialect, message, entry.path) == entry.value
            assert paths.put(dialect, message, entry.path, entry.value) == message


def seeds() -> list[bytes]:
    made = []
    for number, (dialect, row) in enumerate(PLACES):
        value = Specimens(dialect, random.Random(number)).composed().elements[row.number]
        made.append(number.to_bytes(2, "big") + (value if isinstance(value, bytes) else value.encode("ascii")))
    return made


def seeds_tlv() -> list[bytes]:
    emv = "5F2A02097882023900950580000080009A032606049C01009F02060000000050009F36020034"
    return [bytes.fromhex(emv), bytes.fromhex("0000E10A8181018A9F1804010203040000"), bytes.fromhex("9F8F8F0100")]


TARGETS = {"tlv": Target(seeds_tlv, check_tlv), "parts": Target(seeds, check)}
