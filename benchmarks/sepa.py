"""The SEPA rail: reading a payment file in the child process, and one instant payment through the codec.

The whole path (file to durable postings and report, pacs.008 to pacs.002 over TCP) needs an engine: `book_file`
measures the first for whoever has one.
"""

import asyncio
import resource
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rows import Row, row

from twinrail.codecs import sepa
from twinrail.codecs.card import Tokens
from twinrail.engine.transports.file_drop import DropSettings, FileDrop, Submitter
from twinrail.engine.transports.reports import Payments
from twinrail.engine.transports.staging import Claim, Intake, stage
from twinrail.schemas.reasons import Reason
from twinrail.simulators import clearing_house

NAMES = ("sepa.intake.throughput", "sepa.intake.rss", "instant.codec")
TRANSACTIONS = 100_000
RUNS = 3
CALLS = 2000
KEY = b"benchmark token key, 32 bytes or more"
DEBTOR = clearing_house.account(1)


def run(names: Sequence[str]) -> Iterable[Row]:
    """Measure the rows asked for."""
    if "instant.codec" in names:
        yield row(
            "instant.codec",
            [_instant() for _ in range(RUNS)],
            unit="us",
            better="lower",
            conditions="one pacs.008 parsed, validated and read, one pacs.002 written; one thread",
        )
    if "sepa.intake.throughput" in names or "sepa.intake.rss" in names:
        measured = [asyncio.run(_intake(TRANSACTIONS)) for _ in range(RUNS)]
        said = (
            f"pain.001.001.09 with {TRANSACTIONS:,} transactions, schema and usage rules, start of the child included"
        )
        if "sepa.intake.throughput" in names:
            rates = [TRANSACTIONS / seconds for seconds, _ in measured]
            yield row("sepa.intake.throughput", rates, unit="transactions/s", better="higher", conditions=said)
        if "sepa.intake.rss" in names:
            sizes = [size for _, size in measured]
            yield row("sepa.intake.rss", sizes, unit="MB", better="lower", conditions=f"{said}; peak of the child")


def _instant() -> float:
    """Give microseconds for one payment in and its answer out."""
    tokens = Tokens(KEY).iban
    data = clearing_house.pacs008(creditor=DEBTOR, debtor=clearing_house.account(2))
    at = time.time_ns()
    begin = time.perf_counter()
    for _ in range(CALLS):
        _, context = sepa.to_credit_transfer(data, tokens)
        sepa.to_status(context, Reason.ACCEPTED, at)
    return (time.perf_counter() - begin) / CALLS * 1e6


async def _intake(transactions: int) -> tuple[float, float]:
    """Give seconds and the peak size (MB) of the child for one file."""
    today = datetime.now(UTC).date()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0.orders.xml"
        await asyncio.to_thread(_write, path, transactions, today.isoformat())
        begin = time.perf_counter()
        summary = await stage(Claim(path), Intake(key=KEY), today)
        seconds = time.perf_counter() - begin
    if summary.problem or summary.refused or summary.transactions != transactions:
        raise RuntimeError("the file of the benchmark was not read as it should be")
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _write(path: Path, transactions: int, day: str) -> None:
    with path.open("wb") as stream:
        clearing_house.write_pain001(
            stream, debtor=DEBTOR, transactions=transactions, execution_date=day, message_id=f"BENCH{time.time_ns()}"
        )


async def book_file(
    folder: Path, submitter: Submitter, payments: Payments, *, key: bytes, transactions: int = TRANSACTIONS
) -> tuple[float, float]:
    """Send one file through a running engine; give seconds from drop to report, and the peak size (MB) of the child.

    The account of DEBTOR must be open under its token by `key`, with funds for 25.005 EUR a transaction.
    """
    today = datetime.now(UTC).date()
    drop = FileDrop(
        DropSettings.under(folder),
        Intake(key=key),
        submitter,
        payments,
        clock=time.time_ns,
        today=lambda: datetime.now(UTC).date(),
    )
    await asyncio.to_thread(_write, folder / "orders.xml", transactions, today.isoformat())
    (folder / "orders.xml").rename(folder / "inbox" / "orders.xml")
    begin = time.perf_counter()
    while not drop.counters.booked:
        await drop.sweep()
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - begin
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
