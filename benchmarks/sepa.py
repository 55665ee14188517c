"""The SEPA rail without an engine: a payment file read in the child process, one instant payment through the codec.

The whole paths are rows of `server`.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.rows import Row, row

from twinrail.codecs import sepa
from twinrail.codecs.card import Tokens
from twinrail.engine.transports.staging import Claim, Intake, stage
from twinrail.schemas.reasons import Reason
from twinrail.simulators import clearing_house

NAMES = ("sepa.intake.throughput", "sepa.intake.rss", "instant.codec")
TRANSACTIONS = 100_000
RUNS = 3
CALLS = 2000
KEY = bytes(range(32))
DEBTOR = clearing_house.account(1)


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure the rows of these names."""
    if "sepa.intake.throughput" in names or "sepa.intake.rss" in names:
        measured = [asyncio.run(_intake(TRANSACTIONS)) for _ in range(RUNS)]
        said = f"pain.001 of {TRANSACTIONS:,} transactions, schema and usage rules, start of the child included"
        if "sepa.intake.throughput" in names:
            rates = [TRANSACTIONS / seconds for seconds, _ in measured]
            yield row("sepa.intake.throughput", rates, unit="transactions/s", better="higher", conditions=said)
        if "sepa.intake.rss" in names:
            sizes = [size for _, size in measured]
            yield row("sepa.intake.rss", sizes, unit="MiB", better="lower", conditions=f"peak of the child; {said}")
    if "instant.codec" in names:
        yield row(
            "instant.codec",
            [_instant() for _ in range(RUNS)],
            unit="us",
            better="lower",
            conditions="one pacs.008 parsed, validated and read, one pacs.002 written; one thread",
        )


async def _intake(transactions: int) -> tuple[float, float]:
    """Give seconds and the peak size (MiB) of the child for one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0.orders.xml"
        await asyncio.to_thread(_write, path, transactions)
        begin = time.perf_counter()
        today = datetime.now(clearing_house.BANKING_ZONE).date()
        summary = await stage(Claim(path), Intake(key=KEY), today)
        seconds = time.perf_counter() - begin
    if summary.problem or summary.refused or summary.refused_batches or summary.transactions != transactions:
        raise RuntimeError("the file of the benchmark was not read as it should be")
    return seconds, summary.peak_kib / 1024


def _write(path: Path, transactions: int) -> None:
    with path.open("wb") as stream:
        clearing_house.write_pain001(stream, debtor=DEBTOR, transactions=transactions, message_id="BENCH")


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
