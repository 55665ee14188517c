"""The same seed gives the same world: in one process, in another, and with another hash seed."""

import os
import subprocess
import sys
from pathlib import Path

from twinrail.assembly import flows
from twinrail.simulators.world import run

SEEDS = range(40, 46)
SOURCE = Path(__file__).resolve().parents[2] / "src"
PROGRAM = """
import sys
from twinrail.assembly import flows
from twinrail.simulators.world import run
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    print(run(seed, flows=flows()).trace)
"""


def traces_elsewhere(hash_seed: str) -> list[str]:
    done = subprocess.run(
        (sys.executable, "-c", PROGRAM, str(SEEDS.start), str(SEEDS.stop)),
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(SOURCE)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


def test_the_same_seed_is_the_same_world_in_another_process() -> None:
    here = [run(seed, flows=flows()).trace for seed in SEEDS]
    assert traces_elsewhere("1") == here
    assert traces_elsewhere("4711") == here


def test_another_seed_is_another_world() -> None:
    assert len({run(seed, flows=flows()).trace for seed in SEEDS}) == len(SEEDS)
