"""How far the other figures can be believed: what this machine's processors are worth when all of them are busy.

Two processors of a rented machine may be two threads of one core, or share it with a neighbour. Then the engine slows
down when the load generator and PostgreSQL work beside it, and a figure says as much about the machine as about us.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.rows import Row, row

RUNS = 5
SECONDS = 0.5
BUSY = "while True: pass"


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure the rows of these names."""
    if "machine.contention" in names:
        processors = os.cpu_count() or 1
        factors = []
        for _ in range(RUNS):
            alone = _turns()
            others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processors - 1)]
            try:
                factors.append(alone / _turns())
            finally:
                for other in others:
                    other.kill()
                    other.wait()
        yield row(
            "machine.contention", factors, unit="times slower", better="lower",
            conditions=f"the same work while all {processors} processors are busy, against alone; 1 is best",
        )  # fmt: skip


def _turns() -> float:
    """Count how often a piece of work fits into a second: tables, tuples and texts, as in the engine."""
    table: dict[int, tuple[int, str]] = {}
    done, ends = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        for number in range(1000):
            table[number] = (done, str(number))
        done += 1
    return done / SECONDS
