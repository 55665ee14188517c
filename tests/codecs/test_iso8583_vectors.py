"""Messages on file: our own vectors, and the public samples where their folder is present."""

import json
import pathlib
from datetime import date
from typing import Any

import pytest

from twinrail.codecs import paths
from twinrail.codecs.compare import compare
from twinrail.codecs.convert import convert
from twinrail.codecs.iso8583 import COMPILE_AFTER, DIALECTS, Codec, Message, codec_for
from twinrail.codecs.recognise import recognise
from twinrail.codecs.redact import redact
from twinrail.codecs.sanitise import Sanitiser

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests" / "vectors" / "iso8583").glob("*.json"))
VECTORS: list[dict[str, Any]] = [vector for path in FILES for vector in json.loads(path.read_text())]
SAMPLES = sorted((ROOT.parent / "shared" / "samples" / "iso8583").glob("*/*.hex"))


def message_of(vector: dict[str, Any]) -> Message:
    elements: dict[int, str | bytes] = {int(number): value for number, value in vector["text"].items()}
    elements |= {int(number): bytes.fromhex(value) for number, value in vector["binary"].items()}
    return Message(vector["mti"], elements)


def named(vector: dict[str, Any]) -> str:
    return f"{vector['dialect']}: {vector['what']}"


def test_every_dialect_has_vectors() -> None:
    assert {vector["dialect"] for vector in VECTORS} == set(DIALECTS)


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_vector_is_read_and_written_cold_and_warm(vector: dict[str, Any]) -> None:
    codec = Codec(codec_for(vector["dialect"]).dialect)
    wire, message = bytes.fromhex(vector["wire"]), message_of(vector)
    for _ in range(COMPILE_AFTER + 2):
        assert codec.decode(wire) == message
        assert codec.encode(message) == wire


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_vector_goes_through_the_tools(vector: dict[str, Any]) -> None:
    name, message = vector["dialect"], message_of(vector)
    best = recognise(vector["wire"].encode())[0]
    assert best.message == message
    assert name in {best.dialect.name, *best.also}
    assert compare(DIALECTS[name], message, best.dialect, message).equal
    redacted = redact(best, Sanitiser(bytes(16)))
    assert codec_for(name).decode(redacted.data) == redacted.message
    kept = {number for number, value in redacted.message.elements.items() if value == message.elements[number]}
    # Nothing of a number, a track or a PIN block stays; an empty one has nothing.
    assert not any(message.elements[number] for number in kept & {2, 35, 52})
    for target in DIALECTS:
        found = convert(DIALECTS[name], message, DIALECTS[target], date(2026, 6, 4))
        assert codec_for(target).decode(codec_for(target).encode(found.message)) == found.message


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
    tags = {entry.path: entry.value for entry in paths.walk(codec, message) if entry.path.startswith("55.")}
    assert {path: bytes(value).hex().upper() for path, value in tags.items() if isinstance(value, bytes)} == (
        expected.get("binary_fields", {})
    )
    assert codec.encode(message) == wire
