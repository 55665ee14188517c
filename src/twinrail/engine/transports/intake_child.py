"""The throw-away process that reads one untrusted payment file: limits first, then bytes to staged rows.

Started as `python -m twinrail.engine.transports.intake_child IN OUT` with two inherited descriptors: the file and the
spool. The job (with the token key) comes by standard input, the summary goes to standard output; there is nothing
secret in arguments or environment, no database credential and, where the kernel allows it, no network. Whatever goes
wrong here concerns this one file.
"""

import contextlib
import ctypes
import hashlib
import io
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

import msgspec

from twinrail.codecs.card import Tokens
from twinrail.codecs.explain import BYTES_MAX, explain
from twinrail.codecs.iso20022 import FINDINGS
from twinrail.codecs.pain import CreditFileReader
from twinrail.engine.transports import spool
from twinrail.errors import SchemaError
from twinrail.schemas.iso20022.messages import PAIN_001
from twinrail.schemas.iso20022.staged import NOT_ISOLATED, Job, Summary

JOB_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 64 * 1024
CPU_S, CPU_S_PER_100_MB = 60, 60
NICE = 5  # cards come first where processors are short; on an idle machine it changes nothing
EXPLAIN_S = 6.0  # what the explanation of a refused file may take on top
SPOOL_EXTRA_BYTES = 16 << 20
_OPEN_FILES_MAX = 16
# prctl(2) and unshare(2) on Linux.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def cpu_seconds(file_size: int) -> int:
    """Give the processor time a file of this many bytes may cost."""
    return CPU_S + CPU_S_PER_100_MB * (file_size // 100_000_000)


def limit(job: Job) -> None:
    """Bound this process: memory, processor time, spool size, open files, no children, no core; others go first."""
    os.nice(NICE)
    seconds = cpu_seconds(job.file_size)
    for what, most in (
        (resource.RLIMIT_AS, job.address_space_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 2 * job.file_size + SPOOL_EXTRA_BYTES),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_MAX),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, value))


def isolate() -> str:
    """Cut this process off from the network and from its parent's fate; say which means the kernel allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "prctl") or not hasattr(libc, "unshare"):
        return NOT_ISOLATED  # no Linux: the process still holds no credential and opens no socket
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.unshare(_CLONE_NEWNET) == 0:
        return "network namespace"
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        return "user and network namespace"
    return NOT_ISOLATED


def peak_kib() -> int:
    """Give the largest resident set of this process so far; 0 where the kernel does not say.

    getrusage will not do: across exec it keeps the peak of the process that started us.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def read_file(job: Job, source: io.FileIO, sink: BinaryIO) -> Summary:
    """Read the file to its end, stage its transactions, and say what was found."""
    reader = CreditFileReader(Tokens(job.key).iban, job.profile, date.fromisoformat(job.today), job.limits)
    digest = hashlib.sha256()
    try:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            spool.write(sink, reader.feed(chunk))
        rows, summary = reader.finish()
        spool.write(sink, rows)
        sink.flush()
    except SchemaError as error:
        summary = reader.failed(error)
        if job.file_size <= job.limits.bytes_max:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
            if error.problem in FINDINGS.values() and job.file_size <= BYTES_MAX:
                summary = msgspec.structs.replace(summary, explanation=tuple(explained(source)))
    return msgspec.structs.replace(summary, sha256=digest.hexdigest())


class _TimeIsUp(BaseException):
    """The explanation has taken long enough: an alarm, which no `except Exception` of a library stops."""


def explained(source: io.FileIO, seconds: float = EXPLAIN_S) -> list[str]:
    """Explain what the schema refused, as far as that goes within `seconds`: the finding itself stands anyway."""

    def ring(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _TimeIsUp

    lines: list[str] = []
    source.seek(0)
    signal.signal(signal.SIGALRM, ring)
    with contextlib.suppress(_TimeIsUp, Exception), _alarm(seconds):
        lines.extend(explain(source.read(BYTES_MAX + 1), PAIN_001))  # what came before an error stays
    return lines


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(arguments: list[str]) -> int:
    """Do the job: a summary on standard output and exit 0, or the name of the error on standard error and exit 1."""
    job = msgspec.json.decode(sys.stdin.buffer.read(JOB_BYTES_MAX), type=Job)
    incoming, outgoing = map(int, arguments)
    try:
        isolation = isolate()
        limit(job)
        with io.FileIO(incoming, "rb") as source, io.FileIO(outgoing, "wb") as raw, io.BufferedWriter(raw) as sink:
            summary = read_file(job, source, sink)
            sink.flush()
            os.fsync(outgoing)
        summary = msgspec.structs.replace(summary, isolation=isolation, peak_kib=peak_kib())
        sys.stdout.buffer.write(msgspec.json.encode(summary))
        sys.stdout.buffer.flush()
    except Exception as error:  # noqa: BLE001 - the name alone leaves this process: a text could quote the file
        sys.stderr.write(type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
