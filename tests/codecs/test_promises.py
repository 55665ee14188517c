"""The decoder's promises for any bytes, over every dialect, frame and header (D1, D4 to D9; see docs/how-to/fuzz.md).

200,000 mutants are judged: the same ones in every run, in pieces that workers can share. Time and memory, D2 and D3,
are measured by hand with `twinrail fuzz frames`, since a test must not be judged by the clock.
"""

import json
import pathlib
import random
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import pytest

from twinrail.codecs import paths
from twinrail.codecs.composites import DEPTH_MAX
from twinrail.codecs.framing import Framer, frame
from twinrail.codecs.headers import HeaderCodec
from twinrail.codecs.iso8583 import COMPILE_AFTER, DIALECTS, Codec, Message, codec_for
from twinrail.codecs.tlv import build
from twinrail.errors import DecodeError, EncodeError
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.schemas.iso8583.frames import FRAMES, HEADERS, Frame, Header
from twinrail.schemas.iso8583.layouts import BerTlv
from twinrail.simulators.mutator import OPERATIONS, Mutator, Specimen
from twinrail.simulators.promises import Judge, Outcome
from twinrail.simulators.specimens import Specimens, leaks

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "iso8583" / "iso1987.json").read_text())
SAMPLES = sorted((ROOT.parent / "shared" / "samples" / "iso8583").glob("*/*.hex"))
CORPUS = sorted((ROOT / "tests" / "vectors" / "fuzz").glob("*.json"))
MUTANTS = 200_000
PIECES = 2  # of a dialect
GOOD = 14  # messages that the mutants of one piece are made of
EVERY = 8  # refused frames of which one is looked at in full
by_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
by_frame = pytest.mark.parametrize("kind", FRAMES.values(), ids=lambda kind: kind.name)
by_header = pytest.mark.parametrize("header", HEADERS.values(), ids=lambda header: header.name)


class Rig(NamedTuple):
    """A dialect with good messages, what damages them and what judges the damage."""

    codec: Codec
    wires: list[bytes]
    mutator: Mutator
    specimens: list[Specimen]
    judge: Judge


def rig(dialect: Dialect, chance: random.Random, *, every: int = 1) -> Rig:
    codec, mutator = Codec(dialect), Mutator(dialect, chance)
    wires = [codec.encode(message) for message in Specimens(dialect, chance).corpus(GOOD)]
    judge = Judge(codec, wires[-1], every=every)
    for wire in wires:
        judge.warm(wire)
    return Rig(codec, wires, mutator, [mutator.specimen(wire) for wire in wires], judge)


@pytest.mark.parametrize("piece", range(PIECES))
@by_dialect
def test_no_mutant_breaks_a_promise(dialect: Dialect, piece: int) -> None:
    chance = random.Random(f"{dialect.name}/{piece}")
    made = rig(dialect, chance, every=EVERY)
    outcomes = dict.fromkeys(Outcome, 0)
    for _ in range(-(-MUTANTS // (PIECES * len(DIALECTS)))):
        wire = made.mutator.mutate(chance.choice(made.specimens), chance.choice(made.specimens))
        outcomes[made.judge.judge(wire)] += 1
    # Mutants that are all refused would show no more than that, and so would mutants that are all good.
    accepted = outcomes[Outcome.DECODED] + outcomes[Outcome.NON_CANONICAL]
    assert accepted > MUTANTS // (PIECES * len(DIALECTS)) // 25
    assert outcomes[Outcome.REFUSED] > accepted


@by_dialect
def test_each_way_of_damaging_a_message_keeps_the_promises(dialect: Dialect) -> None:
    made = rig(dialect, random.Random(dialect.name))
    for operation in OPERATIONS:
        for good, other in pairwise(made.specimens):
            made.judge.judge(made.mutator.apply(operation, good, other))


@by_dialect
def test_a_message_that_ends_anywhere_is_refused(dialect: Dialect) -> None:
    """Every element of the dialect, shared out among four messages, and each of these at every byte."""
    codec, specimens, seen = Codec(dialect), Specimens(dialect, random.Random(dialect.name)), 0
    for part in range(4):
        message = specimens.rich(part, 4)
        seen += len(message.elements)
        wire = codec.encode(message)
        Judge(codec, wire, every=EVERY).truncations(wire)
    assert seen == len(dialect.elements)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['dialect']}: {vector['what']}")
def test_a_vector_that_ends_anywhere_is_refused(vector: dict[str, str]) -> None:
    truncate_and_damage(codec_for(vector["dialect"]).dialect, bytes.fromhex(vector["wire"]))


@pytest.mark.skipif(not SAMPLES, reason="the folder of public samples is not beside this checkout")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_public_sample_that_ends_anywhere_is_refused(path: pathlib.Path) -> None:
    truncate_and_damage(DIALECTS["iso1987-ascii-two"], bytes.fromhex(path.read_text().strip()))


def truncate_and_damage(dialect: Dialect, wire: bytes) -> None:
    chance = random.Random(8583)
    mutator, judge = Mutator(dialect, chance), Judge(Codec(dialect), wire)
    judge.truncations(wire)
    good = mutator.specimen(wire)
    for _ in range(200):
        judge.judge(mutator.mutate(good, good))


def test_what_once_broke_a_promise_keeps_it_now() -> None:
    assert CORPUS, "frames that `twinrail fuzz` found, and those that were hard to get right"
    for path in CORPUS:
        found = json.loads(path.read_text())
        dialect = DIALECTS[found["dialect"]]
        good = Codec(dialect).encode(Specimens(dialect, random.Random(0)).rich())
        judge = Judge(Codec(dialect), good)
        for _ in range(COMPILE_AFTER + 2):
            judge.judge(bytes.fromhex(found["wire"]))


def test_objects_within_objects_are_opened_to_a_bounded_depth() -> None:
    """D4: bytes that go deeper than anybody needs are an entry with a fault, or simply bytes."""
    codec = codec_for("iso1987-ascii")
    assert any(isinstance(row.layout, BerTlv) for row in codec.dialect.elements)
    value = b""
    while len(value) < 240:
        value = build([("E1", value)])
    walked = list(paths.walk(codec, Message("0100", {55: value})))
    assert 2 <= max(entry.path.count(".") for entry in walked) <= DEPTH_MAX
    deep = b"\xe1\x80" * 500
    assert [entry.opened for entry in paths.walk(codec, Message("0100", {55: deep}))] == [False]


@by_dialect
def test_a_good_message_after_a_bad_one_is_read_on_the_same_link(dialect: Dialect) -> None:
    """D7, with the frame: what is refused has told its end, and the next message is what it was."""
    chance = random.Random(dialect.name)
    made = rig(dialect, chance)
    kind = FRAMES["binary2"]
    framer = Framer(kind, 1 << 15)
    for _ in range(100):
        good = chance.choice(made.specimens)
        bad = made.mutator.mutate(good, chance.choice(made.specimens))[: 1 << 15]
        stream = (frame(kind, bad) if bad else b"") + frame(kind, good.wire)
        assert framer.receive(stream)[-1] == good.wire
        assert framer.error is None


def cuts(chance: random.Random, stream: bytes) -> list[bytes]:
    """Cut a stream anywhere: in single bytes near the beginning, and then in pieces as they come."""
    sizes = [*([1] * 8), *(chance.randint(1, 200) for _ in range(len(stream) // 50))]
    places = [0, *(min(place, len(stream)) for place in accumulate(sizes)), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


def received(kind: Frame, chunks: list[bytes]) -> tuple[list[bytes], str, int, bool, bytes]:
    framer = Framer(kind, 9_000)
    payloads = [payload for chunk in chunks for payload in framer.receive(chunk)]
    return payloads, str(framer.error), framer.keepalives, framer.partial, framer.link_state


@cache
def wires_of_all() -> tuple[bytes, ...]:
    """A few messages of every dialect."""
    drawn = ((Codec(dialect), Specimens(dialect, random.Random(dialect.name))) for dialect in DIALECTS.values())
    return tuple(codec.encode(message) for codec, specimens in drawn for message in specimens.corpus(3))


@by_frame
def test_a_stream_of_messages_gives_the_same_for_every_cutting_also_when_it_is_damaged(kind: Frame) -> None:
    """D6, and D1 and D8 of the framer: nothing is raised, and once frames have been whole no byte is told."""
    chance = random.Random(kind.name)
    payloads = [wire for wire in wires_of_all() if fits(kind, wire)]
    stream = b"".join(frame(kind, wire) for wire in payloads)
    assert received(kind, [stream])[0] == payloads
    assert received(kind, cuts(chance, stream)) == received(kind, [stream])
    whole = lost = 0
    for _ in range(60):
        first = chance.randrange(len(payloads))
        framed = [frame(kind, wire) for wire in payloads[first : first + 8]]
        damaged = bytearray(b"".join(framed))
        heads = [0, *accumulate(map(len, framed[:-1]))]
        for _ in range(chance.randint(1, 2)):
            at = chance.choice(heads) + chance.randrange(8)
            damaged[at] = chance.choice(b"0123456789 \x00\x01\x02\x03\x7f\x99\xff\r\n")
        del damaged[chance.randint(len(damaged) // 2, len(damaged)) :]
        expected = received(kind, [bytes(damaged)])
        assert received(kind, cuts(chance, bytes(damaged))) == expected
        whole += len(expected[0])
        lost += expected[1] != "None"
        assert not expected[0] or not leaks(expected[1])
    assert whole > 20
    assert lost or kind.end


def fits(kind: Frame, wire: bytes) -> bool:
    try:
        return bool(frame(kind, wire))
    except EncodeError:
        return False


@by_header
def test_a_header_is_taken_off_or_refused_wherever_it_ends_and_whatever_is_in_it(header: Header) -> None:
    chance = random.Random(header.name)
    codec = HeaderCodec(header)
    body = b"\xca\xfe" * 40
    payload = codec.fresh(len(body)) + body
    for end in range(len(payload)):
        judge_header(codec, payload[:end])
    taken = 0
    for _ in range(2_000):
        damaged = bytearray(payload)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(codec.size + 4)
            damaged[at] = chance.choice((0, 0x16, 0x1A, 0x30, 0x39, 0x60, 0xFF, chance.randrange(256)))
        del damaged[chance.randint(codec.size, 3 * len(damaged)) :]
        taken += judge_header(codec, bytes(damaged))
    assert taken
    split = codec.split(payload)
    assert (split.body, split.reject) == (body, None)


def judge_header(codec: HeaderCodec, payload: bytes) -> bool:
    try:
        split = codec.split(payload)
    except DecodeError as error:
        refusal = error
    else:
        assert payload.endswith(split.body)
        assert split.reject is not None or len(codec.reply(split.header, len(split.body))) == codec.size
        return True
    assert 0 <= refusal.offset <= len(payload)
    assert refusal.path.startswith("header")
    assert not leaks(str(refusal))
    return False
