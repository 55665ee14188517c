"""The mutator: it knows where everything stands, damages that, and does so again from the same seed."""

import random

import pytest

from twinrail.codecs.iso8583 import DIALECTS, Codec, Message
from twinrail.codecs.table import Table
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.axes import LLVAR, Kind, Mask
from twinrail.schemas.iso8583.elements import Dialect, Element, Third
from twinrail.simulators.mutator import GROWTH_MAX, OPERATIONS, Mutator, Specimen, anatomy
from twinrail.simulators.specimens import Specimens

by_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)


def specimens_of(dialect: Dialect, mutator: Mutator, count: int = 8) -> list[Specimen]:
    codec = Codec(dialect)
    drawn = Specimens(dialect, random.Random(dialect.name)).corpus(count)
    return [mutator.specimen(codec.encode(message)) for message in drawn]


@by_dialect
def test_the_pieces_of_a_message_are_all_of_it_and_name_every_element(dialect: Dialect) -> None:
    codec = Codec(dialect)
    for message in Specimens(dialect, random.Random(3)).corpus(6):
        wire = codec.encode(message)
        regions = anatomy(Table(dialect), wire).regions
        assert b"".join(wire[region.start : region.end] for region in regions) == wire
        assert [region.element for region in regions if region.what == "value"] == sorted(message.elements)
        assert {region.what for region in regions[:2]} == {"mti", "bitmap"}
        for region in regions:
            assert (region.axes is None) is (region.element == 0)


def test_what_is_no_message_is_not_taken_apart() -> None:
    table = Table(DIALECTS["iso1987-ascii"])
    for wire in (b"", b"0800", b"0800" + b"8" + b"0" * 15 + b"8" + b"0" * 15, b"0800" + b"0" * 16 + b"x"):
        with pytest.raises(DecodeError):
            anatomy(table, wire)


def test_a_third_bitmap_among_the_elements_is_a_piece_of_its_own() -> None:
    row = Element(130, "third", Kind.N, LLVAR, 20, Mask.PUBLIC)
    dialect = DIALECTS["iso1987-ascii"].but("third", elements=(row,), third=Third.IN_ELEMENT)
    wire = Codec(dialect).encode(Message("0100", {11: "654321", 70: "301", 130: "12"}))
    found = [(region.what, region.element) for region in anatomy(Table(dialect), wire).regions]
    assert found == [
        *(("mti", 0), ("bitmap", 0), ("bitmap", 0), ("value", 11), ("bitmap", 0)),
        *(("value", 70), ("prefix", 130), ("value", 130)),
    ]


@by_dialect
def test_the_same_seed_makes_the_same_mutants(dialect: Dialect) -> None:
    made = []
    for _ in range(2):
        mutator = Mutator(dialect, random.Random(7))
        specimens = specimens_of(dialect, mutator)
        made.append([mutator.mutate(specimens[n % 8], specimens[n * 3 % 8]) for n in range(50)])
    assert made[0] == made[1]
    assert len(set(made[0])) > 30


@by_dialect
def test_every_operation_damages_something_and_stays_within_bounds(dialect: Dialect) -> None:
    mutator = Mutator(dialect, random.Random(7))
    specimens = specimens_of(dialect, mutator)
    for name in OPERATIONS:
        mutants = [mutator.apply(name, specimens[n % 8], specimens[(n + 3) % 8]) for n in range(40)]
        changed = sum(mutant != specimens[n % 8].wire for n, mutant in enumerate(mutants))
        assert changed > 10, name
        assert max(map(len, mutants)) <= 2 * max(len(one.wire) for one in specimens) + GROWTH_MAX


def accepted(name: str, tries: int) -> int:
    codec, mutator = Codec(DIALECTS["iso1987-ascii"]), Mutator(DIALECTS["iso1987-ascii"], random.Random(7))
    specimens = specimens_of(codec.dialect, mutator)
    good = 0
    for n in range(tries):
        try:
            codec.decode(mutator.apply(name, specimens[n % 8], specimens[0]))
        except DecodeError:
            continue
        good += 1
    return good


def test_some_mutants_are_messages_and_some_are_not() -> None:
    assert accepted("resize", 100) == 100
    assert 0 < accepted("odd_byte", 300) < 300
    assert 0 < accepted("flip_bit", 300) < 300
    assert accepted("flip_bitmap", 300) < 30


def test_lengths_lie_in_every_way() -> None:
    codec, mutator = Codec(DIALECTS["iso1987-ascii"]), Mutator(DIALECTS["iso1987-ascii"], random.Random(7))
    good = mutator.specimen(codec.encode(Message("0100", {2: "4" * 16})))
    written = {mutator.apply("lie", good, good)[20:22] for _ in range(500)}
    assert {b"17", b"15", b"00", b"19", b"20", b"\xff\xff"} <= written
    problems = set()
    for _ in range(500):
        try:
            codec.decode(mutator.apply("lie", good, good))
        except DecodeError as error:
            problems.add(error.problem)
    expected = {"length above the maximum", "length is not digits", "message ends within the element"}
    assert expected | {"bytes after the last element"} <= problems


def test_bytes_of_which_nothing_is_known_are_damaged_as_well() -> None:
    mutator = Mutator(DIALECTS["iso1987-ascii"], random.Random(7))
    good = specimens_of(DIALECTS["iso1987-ascii"], mutator)[1]
    assert mutator.blind(b"", good) == good.wire
    made = {mutator.blind(b'{"t": 1}', good) for _ in range(100)}
    assert len(made) > 50
