"""Specimens: good messages of any dialect, the same from the same seed, that no text of ours could hold by chance."""

import random

import pytest

from twinrail.codecs import paths
from twinrail.codecs.iso8583 import DIALECTS, Codec
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.simulators.specimens import Specimens, leaks

by_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)


@by_dialect
def test_what_is_drawn_is_a_message_and_its_composites_parse(dialect: Dialect) -> None:
    codec, parts = Codec(dialect), 0
    for message in Specimens(dialect, random.Random(dialect.name)).corpus(12):
        assert codec.decode(codec.encode(message)) == message
        entries = list(paths.walk(codec, message))
        faults = [entry.path for entry in entries if entry.fault is not None]
        assert not faults
        parts += len(entries) - len(message.elements)
    assert parts > 50


@by_dialect
def test_the_same_seed_draws_the_same_and_another_draws_others(dialect: Dialect) -> None:
    first, same, other = (list(Specimens(dialect, random.Random(seed)).corpus(4)) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_a_rich_message_has_every_element_also_when_it_is_shared_out() -> None:
    for dialect in DIALECTS.values():
        specimens, numbers = Specimens(dialect, random.Random(1)), {row.number for row in dialect.elements}
        assert set(specimens.rich().elements) == numbers
        shared = [set(specimens.rich(part, 3).elements) for part in range(3)]
        assert set.union(*shared) == numbers
        assert sum(map(len, shared)) == len(numbers)


def test_tags_that_nobody_declares_are_among_the_parts() -> None:
    message = Specimens(DIALECTS["mds"], random.Random(1)).composed()
    assert any(entry.row is None for entry in paths.walk(DIALECTS["mds"], message))


@by_dialect
def test_a_value_that_gets_into_a_text_is_found(dialect: Dialect) -> None:
    message = Specimens(dialect, random.Random(5)).rich()
    long = [
        value for value in message.elements.values() if len(value.strip() if isinstance(value, str) else value) > 15
    ]
    assert len(long) > 10
    for value in long:
        assert leaks(f"element holds {value!r} at byte 12")
        if isinstance(value, bytes):
            assert leaks(f"element holds {value.hex()} at byte 12")


def test_what_errors_and_representations_say_is_no_leak() -> None:
    codec = Codec(DIALECTS["base1"])
    wire = codec.encode(Specimens(codec.dialect, random.Random(5)).rich())
    texts = [repr(codec.decode(wire))]
    for end in range(0, len(wire), 7):
        with pytest.raises(DecodeError) as caught:
            codec.decode(wire[:end])
        texts.append(f"{caught.value} {caught.value!r} {caught.value.partial!r}")
    assert not [text for text in texts if leaks(text)]
