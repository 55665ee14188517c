"""The same bytes beside pyiso8583: whatever we accept it reads alike, and what we write it writes alike.

Stated differences: pyiso8583 takes any characters and any MTI, takes any fill of an odd number of digits, and cannot
say x+n in packed digits, lengths that include themselves, or packed digits whose bytes are counted. So it may accept
what we refuse, never the other way round.
"""

import importlib.util
import pathlib
import random
import sys
from types import ModuleType

import iso8583
import pytest

from twinrail.codecs.iso8583 import DIALECTS, Codec, Message
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.axes import Kind, Length
from twinrail.schemas.iso8583.elements import BitmapForm, Bitmaps, Dialect
from twinrail.schemas.iso8583.places import VERSION_DIGITS
from twinrail.simulators.mutator import Mutator

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Two bitmaps without bit 1 and cp1047 are beyond pyiso8583; of the others every element that it can say is compared.
BY_BIT_1 = [
    dialect for dialect in DIALECTS.values() if dialect.bitmaps is Bitmaps.BY_BIT_1 and dialect.text != "cp1047"
] + [DIALECTS["base1"].but("base1-cp037", text="cp037"), DIALECTS["iso1987-ebcdic-hex"].but("hex-cp500", text="cp500")]
by_dialect = pytest.mark.parametrize("dialect", BY_BIT_1, ids=lambda dialect: dialect.name)
CHARACTERS = {
    Kind.N: "0123456789",
    Kind.A: "ABCxyz",
    Kind.AN: "0123456789ABCxyz",
    Kind.ANS: "0123456789ABC xyz-/.",
    Kind.Z: "0123456789D",
}


def load_benchmark() -> ModuleType:
    """Load benchmarks/codec.py, which holds the rows of a dialect in the words of pyiso8583."""
    spec = importlib.util.spec_from_file_location("twinrail_benchmark_codec", ROOT / "benchmarks" / "codec.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BENCHMARK = load_benchmark()


def draw_message(chance: random.Random, dialect: Dialect) -> Message:
    """Draw a message that both sides can carry."""
    sayable = BENCHMARK.peer_spec(dialect)
    rows = [row for row in dialect.elements if str(row.number) in sayable]
    elements: dict[int, str | bytes] = {}
    for row in chance.sample(rows, chance.randint(0, 24)):
        length = row.length if row.length_kind is Length.FIXED else chance.randint(0, min(row.length, 60))
        if row.kind is Kind.B:
            elements[row.number] = chance.randbytes(length)
        elif row.kind is Kind.XN:
            elements[row.number] = chance.choice("CD") + "".join(chance.choices("0123456789", k=length - 1))
        else:
            elements[row.number] = "".join(chance.choices(CHARACTERS[row.kind], k=length))
    return Message(f"{VERSION_DIGITS[dialect.version]}{chance.randint(100, 899)}", elements)


@by_dialect
def test_both_write_the_same_bytes_and_read_them_alike(dialect: Dialect) -> None:
    codec, spec, chance = Codec(dialect), BENCHMARK.peer_spec(dialect), random.Random(83)
    for _ in range(300):
        message = draw_message(chance, dialect)
        wire = codec.encode(message)
        document = BENCHMARK.peer_document(message)
        theirs, _ = iso8583.encode(dict(document), spec)
        assert bytes(theirs) == wire
        decoded, _ = iso8583.decode(wire, spec)
        assert {key: value for key, value in decoded.items() if key not in {"p", "1"}} == document


@by_dialect
def test_what_we_accept_of_damaged_bytes_it_reads_alike(dialect: Dialect) -> None:
    codec, spec, chance = Codec(dialect), BENCHMARK.peer_spec(dialect), random.Random(84)
    mutator = Mutator(dialect, chance)
    goods = [mutator.specimen(codec.encode(draw_message(chance, dialect))) for _ in range(60)]
    accepted = refused = 0
    for attempt in range(3000):
        if attempt >= 1500 and accepted > 50:
            break
        data = mutator.mutate(chance.choice(goods), chance.choice(goods))
        try:
            message = codec.decode(data)
        except DecodeError:
            refused += 1
            continue
        # Hex digits in lower case are text to it, where a dialect carries bytes in hex.
        if not message.canonical or any(str(number) not in spec for number in message.elements):
            continue
        accepted += 1
        decoded, _ = iso8583.decode(data, spec)
        ours = BENCHMARK.peer_document(message)
        assert {key: value for key, value in decoded.items() if key not in {"p", "1"}} == ours
    assert accepted > 50
    assert refused > 50


def test_the_benchmark_measures_both_sides_of_the_same_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BENCHMARK, "CALLS", 3)
    monkeypatch.setattr(BENCHMARK, "ROUNDS", 3)
    names = [f"codec.{action}.{label}" for label in ("ascii", "bcd", "ebcdic") for action in ("decode", "encode")]
    rows = list(BENCHMARK.run(names))
    assert [row["name"] for row in rows] == names
    assert [row["name"] for row in BENCHMARK.run(names[1:2])] == names[1:2]
    for row in rows:
        assert row["value"] > 0
        assert row["peer_value"] > 0
        assert row["better"] == "lower"


def test_the_dialects_compared_are_those_with_each_form_of_bitmap() -> None:
    assert {dialect.bitmap for dialect in BY_BIT_1} == set(BitmapForm)
