"""Every fuzz target runs: on its seeds and on some mutants of them. Atheris is not needed for that."""

import importlib
import pathlib
import random

import pytest
from tests.fuzz.target import Target

from twinrail.codecs.iso8583 import DIALECTS

FOLDER = pathlib.Path(__file__).resolve().parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in {"run", "target", "test_targets"})
TARGETS: dict[str, Target] = {
    f"{module}:{name}": target
    for module in MODULES
    for name, target in importlib.import_module(f"tests.fuzz.{module}").TARGETS.items()
}
MUTANTS = 100


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_what_becomes_of_them(name: str) -> None:
    target, chance = TARGETS[name], random.Random(name)
    seeds = target.seeds()
    assert seeds == target.seeds()
    assert all(seeds)
    for data in (*seeds, b"", b"\0"):
        target.check(data)
    for _ in range(MUTANTS):
        once = target.mutate(chance.choice(seeds), chance)
        target.check(once)
        target.check(target.mutate(once, chance))


def test_the_targets_are_those_that_are_promised() -> None:
    promised = {"framer:framer", "headers:headers", "composites:tlv", "composites:parts", "mac:mac"}
    promised |= {"dialect_files:toml", "recordings:reader", *(f"dialects:{name}" for name in DIALECTS)}
    assert set(TARGETS) == promised
