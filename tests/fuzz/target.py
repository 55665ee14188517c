"""What a fuzz target is: bytes to begin with, and a check that raises for bytes that break a promise."""

import random
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from twinrail.codecs.iso8583 import DIALECTS, Codec
from twinrail.errors import DecodeError
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.simulators.mutator import Mutator, Specimen
from twinrail.simulators.specimens import Specimens

Mutate = Callable[[bytes, random.Random], bytes]


@cache
def tools(name: str) -> tuple[Mutator, Specimen]:
    """Give what damages messages of a dialect, and one to splice in."""
    mutator = Mutator(DIALECTS[name], random.Random(0))
    return mutator, mutator.specimen(messages(DIALECTS[name])[-1])


def mutant_of(data: bytes, chance: random.Random, name: str = "iso1987-ascii-binary") -> bytes:
    """Damage bytes: as a message where they are one of the dialect, else blindly."""
    mutator, spliced = tools(name)
    mutator.chance = chance
    try:
        return mutator.mutate(mutator.specimen(data), spliced)
    except DecodeError:
        return mutator.blind(data, spliced)


class Target(NamedTuple):
    """One thing that reads bytes from outside."""

    seeds: Callable[[], list[bytes]]
    check: Callable[[bytes], None]
    mutate: Mutate = mutant_of


def messages(dialect: Dialect, count: int = 6) -> list[bytes]:
    """Give some good messages of a dialect, always the same ones."""
    codec = Codec(dialect)
    return [codec.encode(message) for message in Specimens(dialect, random.Random(dialect.name)).corpus(count)]
