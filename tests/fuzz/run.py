"""Run one target under atheris: `python -m tests.fuzz.run MODULE:NAME [FOLDER] [-max_total_time=60 ...]`.

Needs `pip install atheris`. What is found stays in the folder; without one it is forgotten. See docs/how-to/fuzz.md.
"""

import importlib
import random
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # not installed by default


def main(argv: list[str]) -> None:
    """Import the target, instrumented, write its seeds beside what was found before, and look for more."""
    module, _, name = argv[1].partition(":")
    with atheris.instrument_imports(include=["twinrail"]):
        target = importlib.import_module(f"tests.fuzz.{module}").TARGETS[name]
    folders = [one for one in argv[2:] if not one.startswith("-")]
    options = [one for one in argv[2:] if one.startswith("-")]
    with tempfile.TemporaryDirectory() as seeds:
        for number, seed in enumerate(target.seeds()):
            (Path(seeds) / str(number)).write_bytes(seed)

        def mutate(data: bytes, bytes_max: int, seed: int) -> bytes:
            chance = random.Random(seed)
            if chance.random() < 0.5:  # the other half is libFuzzer's own
                return bytes(atheris.Mutate(data, bytes_max))
            return bytes(target.mutate(data, chance)[:bytes_max])

        atheris.Setup([argv[0], *options, *folders, seeds], target.check, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
