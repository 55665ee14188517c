"""Messages on file: our own vectors, and the public samples where their folder is present."""

import json
import pathlib
from typing import Any

import pytest

from twinrail.codecs.iso8583 import COMPILE_AFTER, Codec, Message, codec_for
from twinrail.codecs.tlv import parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS: list[dict[str, Any]] = json.loads((ROOT / "tests" / "vectors" / "iso8583" / "iso1987.json").read_text())
SAMPLES = sorted((ROOT.parent / "shared" / "samples" / "iso8583").glob("*/*.hex"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['dialect']}: {vector['what']}")
def test_a_vector_is_read_and_written_cold_and_warm(vector: dict[str, Any]) -> None:
    codec = Codec(codec_for(vector["dialect"]).dialect)
    wire = bytes.fromhex(vector["wire"])
    elements: dict[int, str | bytes] = {int(number): value for number, value in vector["text"].items()}
    elements |= {int(number): bytes.fromhex(value) for number, value in vector["binary"].items()}
    message = Message(vector["mti"], elements)
    for _ in range(COMPILE_AFTER + 2):
        assert codec.decode(wire) == message
        assert codec.encode(message) == wire


@pytest.mark.skipif(not SAMPLES, reason="the folder of public samples is not beside this checkout")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_public_sample_is_read_as_its_publisher_reads_it(path: pathlib.Path) -> None:
    codec = codec_for("iso1987-ascii-two")  # all of them send two bitmaps and leave bit 1 clear
    wire = bytes.fromhex(path.read_text().strip())
    expected = json.loads(path.with_suffix(".json").read_text())
    message = codec.decode(wire)
    assert message.mti == expected["mti"]
    assert {str(number) for number in message.elements} == {
        *expected["fields"],
        *(key.partition(".")[0] for key in expected.get("binary_fields", {})),
    }
    for number, value in expected["fields"].items():
        assert message.elements[int(number)] == value
    icc = message.elements.get(55)
    if isinstance(icc, bytes):
        tlv = parse(icc)
        assert bytes(tlv) == icc
        read = {f"55.{tag}": value.hex().upper() for tag, value in tlv.items()}
        assert read == expected["binary_fields"]
    assert codec.encode(message) == wire
