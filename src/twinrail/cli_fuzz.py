"""`twinrail fuzz`: millions of damaged messages, every promise of the decoder judged on each, time and memory measured.

The frames of a seed are the same however many processes share the work, and whatever else the machine does: only the
measured times differ. What breaks a promise is written to a file that goes into the corpus of the tests.
"""

import contextlib
import hashlib
import json
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import typer

from twinrail.codecs.iso8583 import Codec
from twinrail.dialects import find_dialect
from twinrail.errors import SettingsError
from twinrail.schemas.iso8583.dialects import DIALECTS
from twinrail.schemas.iso8583.elements import Dialect
from twinrail.simulators.mutator import Mutator, Specimen
from twinrail.simulators.promises import Judge, Outcome, PromiseError
from twinrail.simulators.specimens import Specimens

CHUNK = 10_000  # frames that one corpus is damaged for
CORPUS = 24  # good messages of a chunk
MEASURED_EVERY = 256  # frames between two whose memory is measured
_TRIES = 5  # the least of so many measurements is ours; what is above it is the machine's
TIME_FIXED_NS, TIME_BYTE_NS, TIME_MAX_NS = 50_000, 2_000, 10_000_000  # D2
MEMORY_FIXED, MEMORY_BYTE = 8 * 1024, 16  # D3, bytes


class Chunk(NamedTuple):
    """A piece of the work: `word` names a dialect or its file, `part` makes the randomness of the piece its own."""

    word: str
    seed: int
    part: int
    frames: int


class Peak(NamedTuple):
    """The dearest frame so far: what it took, in nanoseconds or bytes, and how much of what it may take that is."""

    share: float
    taken: int
    frame_bytes: int
    dialect: str


class Failure(NamedTuple):
    """A frame that breaks a promise."""

    dialect: str
    promise: str
    how: str
    wire: bytes


class Figures(NamedTuple):
    """What came of a chunk."""

    outcomes: Counter[str]
    slowest: Peak
    largest: Peak
    failure: Failure | None


NOTHING = Peak(0.0, 0, 0, "")


def frames(*, dialect: str | None, count: int, seed: int, jobs: int, corpus: Path, as_json: bool) -> int:
    """Judge so many frames, shared out evenly among the dialects; 1 where one of them breaks a promise."""
    words = [dialect] if dialect is not None else list(DIALECTS)
    for word in words:
        Codec(find_dialect(word))  # what is wrong with it is said before the work begins
    if not corpus.is_dir():
        raise typer.BadParameter(f"{corpus} is no folder", param_hint="--corpus")
    pieces = chunks(words, count, seed)
    dialects = len({piece.word for piece in pieces})
    started, counts, slowest, largest, failure = time.monotonic(), Counter[str](), NOTHING, NOTHING, None
    for figures in _worked(pieces, jobs):
        counts += figures.outcomes
        slowest, largest = max(slowest, figures.slowest), max(largest, figures.largest)
        failure = figures.failure
        _show_progress(counts.total(), count, time.monotonic() - started)
        if failure is not None:
            break
    rate = round(counts.total() / (time.monotonic() - started))
    written = None if failure is None else keep(failure, seed, corpus)
    if as_json:
        told: dict[str, object] = {"frames": counts.total(), "seed": seed, "dialects": dialects, "rate_per_s": rate}
        told |= {str(outcome): counts[outcome] for outcome in Outcome}
        told |= {"slowest": slowest._asdict(), "largest": largest._asdict()}
        broken = None if failure is None else {"promise": failure.promise, "how": failure.how, "file": str(written)}
        print(json.dumps(told | {"broken": broken}))
        return 0 if failure is None else 1
    print(f"{counts.total():,} frames of {dialects} dialects, seed {seed}, {rate:,} a second")
    for outcome in Outcome:
        print(f"  {outcome:<14} {counts[outcome]:>12,}")
    print(f"  slowest        {_peak(slowest, 'ns')}")
    print(f"  most memory    {_peak(largest, 'bytes')}")
    if failure is not None:
        print(f"broken: {failure.dialect}: {failure.how}\n  {written}")
    return 0 if failure is None else 1


def _peak(peak: Peak, unit: str) -> str:
    if not peak.dialect:
        return "not measured"
    return f"{peak.taken:,} {unit} for {peak.frame_bytes:,} bytes of {peak.dialect}: {peak.share:.0%} of what it may"


def chunks(words: list[str], count: int, seed: int) -> list[Chunk]:
    """Share the work out: to every dialect alike, in pieces that take turns."""
    shares = [(word, count // len(words) + (place < count % len(words))) for place, word in enumerate(words)]
    pieces = [
        Chunk(word, seed, index, min(CHUNK, share - index * CHUNK))
        for word, share in shares
        for index in range(-(-share // CHUNK))
    ]
    return sorted(pieces, key=lambda piece: piece.part)


def _worked(pieces: list[Chunk], jobs: int) -> Iterator[Figures]:
    if jobs == 1:
        yield from map(work, pieces)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(work, pieces)
        finally:
            pool.shutdown(cancel_futures=True)


def work(piece: Chunk, make: Callable[[Dialect], Codec] = Codec) -> Figures:
    """Judge the frames of one piece, up to the first that breaks a promise."""
    dialect = find_dialect(piece.word)
    chance = random.Random(f"{piece.seed}/{dialect.name}/{piece.part}")  # noqa: S311 - seeded on purpose
    codec, mutator = make(dialect), Mutator(dialect, chance)
    wires = [Codec(dialect).encode(message) for message in Specimens(dialect, chance).corpus(CORPUS)]
    specimens = [mutator.specimen(wire) for wire in wires]
    counts, slowest, largest = Counter[str](), NOTHING, NOTHING
    wire = wires[-1]
    try:
        judge = Judge(codec, wire)
        for good in wires:
            judge.warm(good)
        for number in range(piece.frames):
            wire = _mutant(mutator, specimens, chance)
            counts[judge.judge(wire)] += 1
            slowest = _timed(codec, wire, slowest)
            if number % MEASURED_EVERY == 0:
                largest = _measured(codec, wire, largest)
    except PromiseError as broken:
        return Figures(counts, slowest, largest, Failure(dialect.name, broken.promise, str(broken), wire))
    return Figures(counts, slowest, largest, None)


def _mutant(mutator: Mutator, specimens: list[Specimen], chance: random.Random) -> bytes:
    return mutator.mutate(chance.choice(specimens), chance.choice(specimens))


def _timed(codec: Codec, wire: bytes, slowest: Peak) -> Peak:
    """Measure one decode; PromiseError where it takes longer than D2 allows, each time that it is tried."""
    allowed = min(TIME_FIXED_NS + TIME_BYTE_NS * len(wire), TIME_MAX_NS)
    taken = _time_of(codec, wire)
    if taken / allowed <= slowest.share:
        return slowest
    taken = min(taken, *(_time_of(codec, wire) for _ in range(_TRIES)))
    if taken > allowed:
        raise PromiseError("D2", f"decoding takes {taken:,} ns where {allowed:,} are allowed")
    return max(slowest, Peak(taken / allowed, taken, len(wire), codec.dialect.name))


def _time_of(codec: Codec, wire: bytes) -> int:
    """Give the processor's time, in nanoseconds: what else the machine does must not count."""
    start = time.thread_time_ns()
    with contextlib.suppress(Exception):  # the judge has said what comes of it
        codec.decode(wire)
    return time.thread_time_ns() - start


def _measured(codec: Codec, wire: bytes, largest: Peak) -> Peak:
    """Measure the memory that one decode takes at its peak; PromiseError where that is more than D3 allows."""
    allowed = MEMORY_FIXED + MEMORY_BYTE * len(wire)
    taken = min(_memory_of(codec, wire) for _ in range(2))  # the first may make a function that stays
    if taken > allowed:
        raise PromiseError("D3", f"decoding takes {taken:,} bytes where {allowed:,} are allowed")
    return max(largest, Peak(taken / allowed, taken, len(wire), codec.dialect.name))


def _memory_of(codec: Codec, wire: bytes) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with contextlib.suppress(Exception):  # likewise
            codec.decode(wire)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def keep(failure: Failure, seed: int, folder: Path) -> Path:
    """Write a frame that breaks a promise to a file of the corpus; it is synthetic, and may be kept anywhere."""
    digest = hashlib.sha256(failure.wire).hexdigest()[:8]
    path = folder / f"{failure.dialect}-{failure.promise}-{digest}.json"
    kept = {"dialect": failure.dialect, "what": failure.how, "seed": seed, "wire": failure.wire.hex()}
    try:
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def _show_progress(done: int, count: int, taken_s: float) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= count else ""
        print(f"\r{done:,} of {count:,} frames, {done / taken_s:,.0f} a second", end=end, file=sys.stderr, flush=True)
