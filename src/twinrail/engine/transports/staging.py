"""Staging: have a claimed file read by the throw-away child, and keep what it found beside the file.

The spool and the summary lie in the work folder until the file is done. Once the summary is there the file is never
read again, so a restart continues with the same verdicts, whatever day it is by then.
"""

import asyncio
import contextlib
import os
import stat
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO

import msgspec

from twinrail.codecs.iso20022 import FORMAT
from twinrail.engine.transports.intake_child import cpu_seconds
from twinrail.errors import StoreError
from twinrail.schemas.iso20022.profiles import SCT, SchemeProfile
from twinrail.schemas.iso20022.staged import Job, Limits, Summary

CHILD = "twinrail.engine.transports.intake_child"
_ANSWER_BYTES_MAX = 16 << 20
_ATTEMPTS = 3  # a file that changes while it is read is read again this often
_WALL_FACTOR = 4  # wall time the child may take, in units of its processor time: the machine has other work


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How files are read: scheme, limits, and the token key, which reaches the child by its standard input only."""

    key: bytes
    profile: SchemeProfile = SCT
    limits: Limits = field(default_factory=Limits)
    address_space_bytes: int = 512 << 20

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return f"Intake(profile={self.profile.name!r})"


@dataclass(frozen=True, slots=True)
class Claim:
    """One claimed file in the work folder: `<token>.<name>`, with its spool and summary beside it."""

    path: Path

    @property
    def token(self) -> str:
        """Give what makes the claim unique."""
        return self.path.name.partition(".")[0]

    @property
    def name(self) -> str:
        """Give the sanitised name that the file had in the inbox."""
        return self.path.name.partition(".")[2]

    @property
    def spool(self) -> Path:
        """Give the path of the staged rows."""
        return self.path.with_name(f"{self.token}.spool")

    @property
    def summary(self) -> Path:
        """Give the path of the summary."""
        return self.path.with_name(f"{self.token}.summary")


async def stage(claim: Claim, intake: Intake, today: date) -> Summary:
    """Give what intake found in a claimed file, reading it unless that is done already.

    A document that cannot be used is a Summary with a `problem`; a crash or a hit limit of the child is one too.
    """
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode(claim.summary.read_bytes(), type=Summary)
    summary = Summary(problem="file changed while it was read", code=FORMAT)
    for _ in range(_ATTEMPTS):
        try:
            incoming = os.open(claim.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return Summary(problem="not a regular file", code=FORMAT)
        try:
            before = os.fstat(incoming)
            if not stat.S_ISREG(before.st_mode):
                return Summary(problem="not a regular file", code=FORMAT)
            found = await _run(claim, incoming, before.st_size, intake, today)
            after = os.fstat(incoming)
        finally:
            os.close(incoming)
        if _identity(before) == _identity(after):
            summary = found
            break
    await asyncio.to_thread(write_durably, claim.summary, msgspec.json.encode(summary))
    return summary


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


async def _run(claim: Claim, incoming: int, size: int, intake: Intake, today: date) -> Summary:
    """Run the child on an open file; its crash is a finding about the file, not about us."""
    job = Job(
        key=intake.key,
        profile=intake.profile,
        limits=intake.limits,
        today=today.isoformat(),
        file_size=size,
        address_space_bytes=intake.address_space_bytes,
    )
    with private(claim.spool) as spool:
        outgoing = spool.fileno()
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-s", "-m", CHILD, str(incoming), str(outgoing)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(incoming, outgoing),
            env=_environment(),
            cwd="/",
        )
        try:
            async with asyncio.timeout(_WALL_FACTOR * cpu_seconds(size)):
                answer = await _converse(child, msgspec.json.encode(job))
        except TimeoutError:
            answer = b""
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    if child.returncode == 0 and answer:
        try:
            return msgspec.json.decode(answer, type=Summary)
        except msgspec.DecodeError:
            pass
    return Summary(problem="reading stopped by a limit", code=FORMAT)


def _environment() -> dict[str, str]:
    """Give the child's whole environment: where its modules are, and nothing else."""
    return {"PYTHONPATH": os.pathsep.join(str(Path(part).absolute()) for part in sys.path if part)}


async def _converse(child: asyncio.subprocess.Process, job: bytes) -> bytes:
    """Hand over the job, take the answer; empty where the child says more than it may."""
    if child.stdin is None or child.stdout is None:
        raise StoreError("the intake child was started without pipes")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(job)
        await child.stdin.drain()
        child.stdin.close()
    answer = bytearray()
    while piece := await child.stdout.read(64 * 1024):
        answer += piece
        if len(answer) > _ANSWER_BYTES_MAX:
            return b""
    await child.wait()
    return bytes(answer)


def write_durably(path: Path, data: bytes, *, public: bool = False) -> None:
    """Write a small file so that it is either absent or whole, also after a crash: temporary name, fsync, rename.

    Only we may read it, unless it is `public`: then the mask of the process says who.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") if public else private(temporary) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def private(path: Path) -> BinaryIO:
    """Open a new file that only we may read, for writing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def sync_folder(folder: Path) -> None:
    """Make the names of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
