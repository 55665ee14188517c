"""Status reports on disk: built from the rows of the store, kept under the file's hash, published to the outbox.

A report is written once and kept; the same bytes handed in again get the same report again. Every file appears whole
or not at all: temporary name, fsync, rename.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Protocol

from twinrail.codecs.status_report import Line, Original, ReportWriter, Tallies
from twinrail.engine.store.contract import PaymentRow
from twinrail.engine.transports.staging import private, sync_folder
from twinrail.schemas.iso20022.profiles import SchemeProfile

PAGE = 1000  # rows asked for at a time
_LINE = itemgetter(*(PaymentRow._fields.index(name) for name in Line._fields))  # by place: a third of the cost by name


class Payments(Protocol):
    """What the store answers about the transactions of a file."""

    async def payments_of_file(
        self, sha256: str, *, after_position: int = 0, limit: int = 1000
    ) -> Sequence[PaymentRow]:
        """List the decided payments of a file in the order of their positions, from the first after the one given."""


async def lines_of(payments: Payments, sha256: str, after: int) -> list[Line]:
    """Give the next page of decided transactions."""
    rows = await payments.payments_of_file(sha256, after_position=after, limit=PAGE)
    return list(map(Line._make, map(_LINE, rows)))


async def booked(payments: Payments, sha256: str, transactions: int) -> int:
    """Give the last booked position of a file, by halving: positions have no gaps."""
    low, high = 0, transactions
    while low < high:
        middle = (low + high) // 2
        if await payments.payments_of_file(sha256, after_position=middle, limit=1):
            low = middle + 1
        else:
            high = middle
    return low


async def build(
    path: Path,
    payments: Payments,
    sha256: str,
    *,
    original: Original,
    profile: SchemeProfile,
    at: int,
    totals: Mapping[str, str],
) -> None:
    """Write the report on a booked file from the store's rows, page by page, in two passes.

    `totals` says of each PmtInf with a wrong count or sum what was declared and what was found.
    """
    tallies = Tallies()
    async for lines in _pages(payments, sha256):
        tallies.add(lines)
    writer = ReportWriter(original, tallies, profile, at, totals)
    temporary = path.with_name(f".{path.name}.tmp")
    with private(temporary) as stream:
        stream.write(writer.opening().encode())
        async for lines in _pages(payments, sha256):
            await asyncio.to_thread(stream.write, writer.lines(lines).encode())
        stream.write(writer.closing().encode())
        await asyncio.to_thread(_settle, stream)
    await asyncio.to_thread(_appear, temporary, path)


async def _pages(payments: Payments, sha256: str) -> AsyncIterator[list[Line]]:
    after = 0
    while lines := await lines_of(payments, sha256, after):
        yield lines
        after = lines[-1].position


async def publish(stored: Path, target: Path) -> str:
    """Copy a kept report into the outbox; give its sha256."""
    return await asyncio.to_thread(_publish, stored, target)


def _publish(stored: Path, target: Path) -> str:
    temporary = target.with_name(f".{target.name}.tmp")
    with stored.open("rb") as source, temporary.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
        _settle(sink)
    with temporary.open("rb") as copied:
        digest = hashlib.file_digest(copied, "sha256").hexdigest()
    _appear(temporary, target)
    return digest


def _settle(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _appear(temporary: Path, path: Path) -> None:
    temporary.replace(path)
    sync_folder(path.parent)
